//! Sends one HTTP request: the boundary between `reqwest` and this module's types.
//!
//! Returns a [`Sent`] for everything that can happen, classified by whether the request may have reached Azure.

use std::error::Error as StdError;
use std::time::Instant;

use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::bucket::Direction;
use super::client::ClientSettings;
use super::clock::Moment;
use super::exchange::{Headers, Method, Response, ResponseBody, Sent};
use super::http;
use super::retry::retry_after;
use crate::arm::auth::Secret;
use crate::arm::auth::cloud::Endpoint;
use crate::text;
use crate::text::redact::{redact, secret_values};
use crate::text::scrub;

/// The maximum size of an answer.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;
/// The maximum number of values in an answer: each takes many times its size in memory, and compression makes them cheap to send.
const MOST_VALUES: usize = 2_000_000;

/// The HTTP client for an endpoint.
pub(super) fn build(endpoint: &Endpoint, options: &ClientSettings) -> Result<reqwest::Client, String> {
    http::towards(endpoint.base(), options.connect_timeout, options.timeout)
        .gzip(true)
        .build()
        .map_err(|error| format!("could not set up the HTTP client: {}", chain(&error)))
}

/// Sends one request; also returns the rest of Azure's limits.
pub(super) async fn send(
    http: &reqwest::Client,
    method: Method,
    url: &Url,
    body: Option<&Value>,
    token: &Secret,
    reader: Option<super::client::BodyReader<'_, '_>>,
) -> (Sent, Option<u64>) {
    let id = Uuid::new_v4();
    let Some(authorization) = bearer(token) else {
        let what = "the token contains characters that cannot be sent".to_owned();
        return (Sent::NoToken { what, advice: None }, None);
    };
    let request = request(http, method, url, body)
        .header("authorization", authorization)
        .header("x-ms-client-request-id", id.to_string());
    let shown = redact(&url[url::Position::BeforePath..]);
    let began = Instant::now();
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => {
            let outcome = broken(&error);
            tracing::debug!(%method, path = shown, id = %id, ?outcome, "no answer");
            return (outcome, None);
        }
    };
    let status = response.status().as_u16();
    let headers = own_headers(response.headers());
    // Anyone who has such a URL can use it, and an answer may repeat it.
    let addresses = ["azure-asyncoperation", "location"].iter().filter_map(|name| headers.get(name));
    scrub::learn_address(addresses.flat_map(secret_values));
    tracing::debug!(%method, path = shown, id = %id, status, request = headers.request_id(), elapsed = ?began.elapsed(), "answered");
    let remaining = remaining(method, &headers);
    let done = status == 200 || (method.is_write() && (200..300).contains(&status));
    match body_of(response, status, reader.filter(|_| done)).await {
        Ok(body) => (Sent::Answer(Response { status, headers, body }), remaining),
        Err(outcome) => (outcome, remaining),
    }
}

/// The authorization header for a token; `None` if the token has invalid characters.
fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A request without its token and id.
fn request(
    http: &reqwest::Client,
    method: Method,
    url: &Url,
    body: Option<&Value>,
) -> reqwest::RequestBuilder {
    let verb = match method {
        Method::Get => reqwest::Method::GET,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Ask | Method::Post => reqwest::Method::POST,
        Method::Delete => reqwest::Method::DELETE,
    };
    let request = http.request(verb, url.clone()).header("accept", "application/json");
    // Azure Monitor leaves workspaces out that the caller may not read, and lists them only if asked.
    let logs = url.path().to_ascii_lowercase().ends_with("/providers/microsoft.insights/logs");
    let request = if logs { request.header("prefer", "include-permissions=true, wait=50") } else { request };
    match body {
        Some(body) => request.json(body),
        // Azure's gateway refuses a POST without a length (411).
        None if method == Method::Post => request.header("content-length", "0"),
        None => request,
    }
}

/// The smallest remaining limit that a method counts against.
fn remaining(method: Method, headers: &Headers) -> Option<u64> {
    let left = Direction::from(method).headers().into_iter();
    left.filter_map(|name| headers.get(name)?.trim().parse::<u64>().ok()).min()
}

/// The body of an answer, which the reader takes if there is one; or why the answer is useless.
async fn body_of(
    response: reqwest::Response,
    status: u16,
    reader: Option<super::client::BodyReader<'_, '_>>,
) -> Result<ResponseBody, Sent> {
    let unreadable = |reason| ResponseBody::Unreadable { reason, start: None, lasting: true };
    Ok(match collect(response).await {
        // A short text has no need to be counted.
        Ok(bytes) if bytes.len() > MOST_VALUES && values(&bytes) > MOST_VALUES => {
            unreadable(format!("the body contains over {MOST_VALUES} values"))
        }
        Ok(bytes) => match reader.map(|read| read(&bytes)) {
            None => ResponseBody::read(&bytes),
            Some(Ok(())) => ResponseBody::Taken,
            Some(Err(reason)) => ResponseBody::unreadable(reason, &bytes),
        },
        Err(CollectError::TooLarge) => unreadable(format!("the body is over {} MiB", LARGEST_ANSWER >> 20)),
        // A refusal without its code cannot be trusted: a 404 may concern the resource or its parent.
        Err(CollectError::Broken(error)) if error.is_timeout() || is_refusal(status) => {
            return Err(broken(&error));
        }
        Err(CollectError::Broken(error)) => {
            ResponseBody::unreadable(format!("the body is cut off ({})", chain(&error)), b"")
        }
    })
}

/// Whether a status ends a call, with the reason in its body.
fn is_refusal(status: u16) -> bool {
    (400..500).contains(&status) && !matches!(status, 408 | 429)
}

enum CollectError {
    TooLarge,
    Broken(reqwest::Error),
}

/// The complete body, with its size limited after decompression.
async fn collect(mut response: reqwest::Response) -> Result<Vec<u8>, CollectError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(CollectError::Broken)? {
        if bytes.len() + chunk.len() > LARGEST_ANSWER {
            return Err(CollectError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The number of values in a JSON text, plus at most the number of its brackets: each value follows a comma or an opening bracket.
fn values(bytes: &[u8]) -> usize {
    let (mut count, mut quoted, mut escaped) = (0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b'[' | b'{' if !quoted => count += 1,
            _ => {}
        }
    }
    count
}

/// Registers the texts of an answer that contains secrets, in case anything repeats them later.
pub(super) fn learn_texts(bytes: &[u8]) {
    if let Ok(Value::Object(answer)) = serde_json::from_slice(bytes) {
        answer.values().filter_map(Value::as_str).for_each(scrub::learn);
    }
}

fn own_headers(map: &HeaderMap) -> Headers {
    map.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}

/// Classifies a failure by whether the request may have reached Azure, and whether retrying can help.
fn broken(error: &reqwest::Error) -> Sent {
    let certificate = is_certificate_error(error);
    let what = if error.is_timeout() {
        let connecting = error.is_connect();
        (if connecting { "no connection in time" } else { "no answer in time" }).to_owned()
    } else {
        chain(error)
    };
    Sent::Broken { sent: !error.is_connect(), lasting: certificate || error.is_builder(), what }
}

/// An invalid certificate stays invalid.
fn is_certificate_error(error: &(dyn StdError + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    // An `io::Error` hides the error it wraps from `source`, and they can be nested.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|wrapped| is_certificate_error(wrapped))
        || error.source().is_some_and(is_certificate_error)
}

/// The innermost causes in words, without the URL, whose query may be a signature.
fn chain(error: &reqwest::Error) -> String {
    let mut causes: Vec<String> =
        text::causes(error).map(ToString::to_string).filter(|cause| !cause.is_empty()).collect();
    causes.dedup();
    // Outer texts are "client error (Connect)" and the like.
    let keep = causes.len().saturating_sub(2);
    match causes.get(keep..) {
        Some([]) | None => "the request failed".to_owned(),
        Some(last) => last.join(": "),
    }
}

impl Response {
    /// Until when no request to this subscription is useful; the limit of a single resource does not count.
    #[must_use]
    pub fn throttles_subscription(&self, now: Moment) -> Option<Moment> {
        let ResponseBody::Json(body) = &self.body else { return None };
        let code = body.pointer("/error/code")?.as_str()?;
        let whole = ["SubscriptionRequestsThrottled", "TenantRequestsThrottled"].contains(&code);
        let wait = retry_after(&self.headers, now)?;
        (self.status == 429 && whole).then(|| now.after(wait))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_are_counted_by_what_stands_before_them() {
        for (text, count) in [
            ("", 0),
            ("1", 0),
            ("[1,2,3]", 3),
            (r#"{"a":{"b":[{},{}]}}"#, 6),
            (r#"{"a,b[{":"\\","c":"\"],[{"}"#, 2),
        ] {
            assert_eq!(super::values(text.as_bytes()), count, "{text}");
        }
    }

    use std::io;

    use super::*;

    #[test]
    fn a_wrong_certificate_is_found_however_deep_it_is_wrapped() {
        let wrong = || rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let twice = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, wrong()));
        assert!(is_certificate_error(&wrong()));
        assert!(is_certificate_error(&twice));
        assert!(!is_certificate_error(&io::Error::other(io::Error::from(io::ErrorKind::ConnectionReset))));
        assert!(!is_certificate_error(&io::Error::other(rustls::Error::HandshakeNotComplete)));
    }
}
