//! The HTTP transport of Azure's credentials.
//!
//! All requests of `azure_identity` credentials go through [`Wire`], which never follows redirects, keeps the metadata service off proxies,
//! and can be pointed at a test server on this machine.

use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::CloudConfiguration;
use azure_core::error::{Error as AzureError, ErrorKind};
use azure_core::http::{
    AsyncRawResponse, Body, ClientOptions, ExponentialRetryOptions, HttpClient, Request, RetryOptions,
    Transport,
};
use futures_util::{Stream, StreamExt as _};
use url::Url;

use super::{AuthError, Settings, explain};
use crate::arm::auth::cloud::Cloud;
use crate::arm::http;
use crate::text::excerpt::first_words;
use crate::text::loopback::is_loopback;
use crate::text::redact::is_secret_parameter;
use crate::text::scrub;

/// The metadata service of Azure machines, at the same link-local address on each.
const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// Largest answer or token file in bytes; a token has some thousand.
pub(super) const LARGEST: u64 = 1 << 20;

/// The HTTP clients for signing in.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    proxied: reqwest::Client,
    direct: reqwest::Client,
    loopback: Option<Url>,
}

impl Wire {
    pub(super) fn new(settings: &Settings) -> Result<Self, AuthError> {
        let builder = || http::builder(Duration::from_secs(4), Duration::from_secs(7));
        let build =
            |builder: reqwest::ClientBuilder| builder.build().map_err(|error| explain::no_client(&error));
        Ok(Self {
            proxied: build(builder())?,
            direct: build(builder().no_proxy())?,
            loopback: settings.loopback.clone().filter(is_loopback),
        })
    }

    /// The actual URL of a request, and its client.
    pub(super) fn route(&self, url: &Url) -> (reqwest::Client, Url) {
        let (way, url) = way(url, self.loopback.as_ref());
        let client = match way {
            Way::Direct => &self.direct,
            Way::Proxied => &self.proxied,
        };
        (client.clone(), url)
    }

    /// Whether this machine has a managed identity, according to its metadata service.
    pub(super) async fn machine(&self, settings: &Settings) -> Machine {
        let Ok(url) = Url::parse(METADATA) else { return Machine::Silent };
        let (client, mut url) = self.route(&url);
        // The service immediately refuses requests without its header. Anything else is a different server.
        let probe = client.get(url.clone()).timeout(settings.probe).send().await;
        if !probe.is_ok_and(|answer| answer.status().as_u16() == 400) {
            return Machine::Silent;
        }
        let resource = settings.cloud.addresses().arm_scope.trim_end_matches("/.default");
        url.query_pairs_mut().extend_pairs([("api-version", "2019-08-01"), ("resource", resource)]);
        if let Some(id) = settings.environment.get("AZURE_CLIENT_ID") {
            url.query_pairs_mut().append_pair("client_id", id);
        }
        let answer = client.get(url).header("metadata", "true").timeout(settings.timeout).send().await;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Machine::Busy(error.without_url().to_string()),
        };
        let status = answer.status().as_u16();
        match answer.bytes().await {
            Ok(body) => Machine::of(status, &body),
            Err(error) => Machine::Busy(error.without_url().to_string()),
        }
    }
}

/// Whether a machine has a managed identity, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Machine {
    /// There is no metadata service.
    Silent,
    /// It has one.
    Identity,
    /// The metadata service says that there is none, or none that may be used.
    Refuses(String),
    /// The metadata service is temporarily unavailable.
    Busy(String),
}

impl Machine {
    /// Interprets the answer to a token request.
    /// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling>
    fn of(status: u16, body: &[u8]) -> Self {
        let read = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
        if status == 200 {
            return match read["access_token"].as_str() {
                Some(_) => Machine::Identity,
                // The answer is not quoted: it could be a token for something else.
                None => Machine::Refuses("200, without a token".to_owned()),
            };
        }
        let said = read["error_description"].as_str().or_else(|| read["error"].as_str());
        let said = said.map(str::to_owned).or_else(|| first_words(body)).unwrap_or_default();
        let words = format!("{status} {said}").trim_end_matches([' ', '.']).to_owned();
        // Statuses that should be retried according to the documentation; in pods a 404 comes from a replacement of the service.
        let passing = matches!(status, 404 | 408 | 410 | 429 | 500..=599);
        if passing && !said.to_ascii_lowercase().contains("no azure identity found") {
            Machine::Busy(words)
        } else {
            Machine::Refuses(words)
        }
    }
}

/// How a request leaves this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    Proxied,
}

/// How a request is sent, and where: no proxy may see requests to the metadata service, whose answers contain tokens, or to this machine.
fn way(url: &Url, loopback: Option<&Url>) -> (Way, Url) {
    if let Some(server) = loopback.filter(|_| !is_loopback(url)) {
        let mut moved = server.clone();
        moved.set_path(url.path());
        moved.set_query(url.query());
        return (Way::Direct, moved);
    }
    let link_local = url.host_str() == Some("169.254.169.254");
    (if link_local || is_loopback(url) { Way::Direct } else { Way::Proxied }, url.clone())
}

#[async_trait::async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        learn_form(request);
        let (client, url) = self.route(request.url());
        let mut request = request.clone();
        *request.url_mut() = url;
        let answer = client.execute_request(&request).await?;
        let status = u16::from(answer.status());
        if (300..400).contains(&status) {
            // The redirect's target would get what was sent here.
            let what = format!("the sign-in endpoint answered {status}, a redirect, which is never followed");
            return Err(AzureError::with_message(ErrorKind::Credential, what));
        }
        let refused = (400..500).contains(&status) && !matches!(status, 408 | 429);
        let (code, headers, body) = answer.deconstruct();
        let body = whole(body, |what| AzureError::with_message(ErrorKind::Credential, what)).await?;
        if !(refused && request.url().path().ends_with("/oauth2/v2.0/token")) {
            return Ok(AsyncRawResponse::from_bytes(code, headers, body));
        }
        Err(AzureError::with_message(ErrorKind::Credential, refusal(status, &body)))
    }
}

/// A complete body, if it is small enough for a sign-in endpoint.
pub(super) async fn whole<B: AsRef<[u8]>, E>(
    body: impl Stream<Item = Result<B, E>>,
    too_large: impl FnOnce(String) -> E,
) -> Result<Vec<u8>, E> {
    let mut body = std::pin::pin!(body);
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(chunk?.as_ref());
        if bytes.len() as u64 > LARGEST {
            return Err(too_large(format!("the answer is over {} MiB", LARGEST >> 20)));
        }
    }
    Ok(bytes)
}

/// Registers the secrets in a sign-in request, since answers may repeat them.
fn learn_form(request: &Request) {
    let Body::Bytes(form) = request.body() else { return };
    let secrets = url::form_urlencoded::parse(form).filter(|(name, _)| is_secret_parameter(name));
    secrets.for_each(|(_, value)| scrub::learn(&value));
}

/// Entra ID's own message. `azure_identity` 1.0 cannot parse messages with escapes, which they always contain.
fn refusal(status: u16, body: &[u8]) -> String {
    let said = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|body| body["error_description"].as_str().or(body["error"].as_str()).map(str::to_owned));
    said.unwrap_or_else(|| match first_words(body) {
        Some(words) => format!("the sign-in endpoint answered {status}: {words}"),
        None => format!("the sign-in endpoint answered {status}"),
    })
}

/// The options of every credential: the cloud's authority (never one from the environment) and keyless's transport.
pub(super) fn client_options(settings: &Settings, wire: &Wire) -> ClientOptions {
    let cloud = match settings.cloud {
        Cloud::Public => CloudConfiguration::AzurePublic,
        Cloud::UsGov => CloudConfiguration::AzureGovernment,
        Cloud::China => CloudConfiguration::AzureChina,
    };
    ClientOptions {
        retry: RetryOptions::exponential(ExponentialRetryOptions { max_retries: 2, ..Default::default() }),
        transport: Some(Transport::new(Arc::new(wire.clone()))),
        cloud: Some(Arc::new(cloud)),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, stream};

    use super::*;

    #[test]
    fn no_proxy_hears_of_the_metadata_service_and_every_other_host_is_asked_through_it() {
        let way = |url: &str| way(&Url::parse(url).expect("a URL"), None).0;
        for direct in
            [METADATA, "http://127.0.0.1:40342/metadata/identity/oauth2/token", "http://localhost:1/"]
        {
            assert_eq!(way(direct), Way::Direct, "{direct}");
        }
        for proxied in [
            "https://login.microsoftonline.com/x",
            "http://169.254.169.253/",
            "http://169.254.169.254.evil.example/",
        ] {
            assert_eq!(way(proxied), Way::Proxied, "{proxied}");
        }
    }

    #[test]
    fn an_answer_that_does_not_end_is_cut_off() {
        let read = |chunks: usize, last: usize| {
            let chunks = std::iter::repeat_n(vec![0; 1 << 16], chunks).chain([vec![0; last]]);
            let body = stream::iter(chunks.map(Ok::<Vec<u8>, String>));
            let whole = whole(body, |what| what).now_or_never().expect("nothing is waited for");
            whole.map(|body| body.len())
        };
        assert_eq!(read(16, 0), Ok(1 << 20));
        for (chunks, last) in [(16, 1), (1_000, 0)] {
            assert_eq!(read(chunks, last), Err("the answer is over 1 MiB".to_owned()));
        }
    }

    #[test]
    fn only_a_clear_no_of_the_metadata_service_counts_as_no_identity() {
        let none = br#"{"error":"invalid_request","error_description":"Identity not found"}"#;
        let refuses = |text: &str| Machine::Refuses(text.to_owned());
        for (status, body, expected) in [
            (200, &br#"{"access_token":"x"}"#[..], Machine::Identity),
            (200, b"<html>welcome</html>", refuses("200, without a token")),
            (400, none, refuses("400 Identity not found")),
            (400, b"", refuses("400")),
            (403, b"no", refuses("403 no")),
            (
                404,
                b"no azure identity found for request clientID",
                refuses("404 no azure identity found for request clientID"),
            ),
        ] {
            assert_eq!(Machine::of(status, body), expected);
        }
        for status in [404, 410, 429, 500, 503] {
            assert!(matches!(Machine::of(status, b"{}"), Machine::Busy(_)), "{status}");
        }
    }
}
