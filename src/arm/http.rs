//! HTTP clients: no redirects, time limits, one user agent. `towards` also handles this machine and plain HTTP; sign-in and `verify` choose
//! their proxy themselves.

use std::time::Duration;

use reqwest::{Client, ClientBuilder};
use url::Url;

use crate::text::loopback::is_loopback;

/// A client that follows no redirect: the token would go along. `timeout` limits the whole request.
pub(crate) fn builder(connect_timeout: Duration, timeout: Duration) -> ClientBuilder {
    // Fails if a provider is already installed, which is fine.
    _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect_timeout)
        .timeout(timeout)
        .user_agent(concat!("keyless/", env!("CARGO_PKG_VERSION")))
}

/// A client for one server.
pub(crate) fn towards(base: &Url, connect_timeout: Duration, timeout: Duration) -> ClientBuilder {
    let mut builder = builder(connect_timeout, timeout);
    if is_loopback(base) {
        // HTTP_PROXY would otherwise be used for 127.0.0.1.
        builder = builder.no_proxy();
    }
    if base.scheme() == "http" {
        // No certificate will be checked, so the sandbox works on a machine without any.
        builder = builder.tls_certs_only([]);
    }
    builder
}
