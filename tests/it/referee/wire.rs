//! A sandbox and a client that talks to it over loopback, keeping every exchange.
//!
//! Input are requests; output are answers, and the list of all exchanges for the contract. The sandbox is the only part
//! of the product that is used.

use std::cell::RefCell;
use std::collections::BTreeMap;

use keyless::sandbox::{Options, Sandbox};
use reqwest::{Client, Method};
use url::Url;

use super::exchange::{Exchange, Payload};

/// A fresh sandbox and its client.
pub(crate) struct Wire {
    sandbox: Sandbox,
    client: Client,
    base: Url,
    sent: RefCell<Vec<Exchange>>,
}

impl Wire {
    pub(crate) async fn start(options: Options) -> Self {
        // A second installation is refused, and means what the first one did.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
        let base = Url::parse(sandbox.url()).expect("the sandbox's URL");
        let client = Client::builder().no_proxy().tls_certs_only([]).build().expect("a client without TLS");
        Self { sandbox, client, base, sent: RefCell::default() }
    }

    /// A path with its query, at the sandbox.
    pub(crate) fn at(&self, path: &str) -> Url {
        self.base.join(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) async fn send(&self, method: &str, url: Url, body: &Payload) -> Exchange {
        self.send_with(&BTreeMap::new(), method, url, body).await
    }

    /// Send with headers besides those that every request has.
    pub(crate) async fn send_with(
        &self,
        headers: &BTreeMap<String, String>,
        method: &str,
        url: Url,
        body: &Payload,
    ) -> Exchange {
        let verb = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(verb, url.clone()).bearer_auth("referee");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request = match body {
            Payload::Empty => request,
            Payload::Json(value) => request.json(value),
            Payload::Other(text) => request.body(text.clone()),
        };
        let answer = request.send().await.expect("the sandbox answers");
        let status = answer.status().as_u16();
        let headers = answer.headers().iter();
        let response_headers = headers
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let text = answer.text().await.expect("the sandbox finishes its answer");
        let exchange = Exchange {
            method: method.to_owned(),
            url,
            request_headers: BTreeMap::new(),
            request: body.clone(),
            status,
            response_headers,
            response: Payload::from_text(&text),
        };
        self.sent.borrow_mut().push(exchange.clone());
        exchange
    }

    /// End the sandbox and give every exchange.
    pub(crate) async fn stop(self) -> Vec<Exchange> {
        self.sandbox.stop().await;
        self.sent.into_inner()
    }
}
