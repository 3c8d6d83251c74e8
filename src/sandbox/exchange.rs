//! One exchange: from an HTTP request to an HTTP answer.
//!
//! The only part of the sandbox that waits. A write is answered after it is on disk, and
//! recorded, if it is, before the client has its answer. Handlers see none of this.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State as Shared};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use uuid::Uuid;

use super::http::{Caller, Reply, Request, segments};
use super::listen::Cut;
use super::record::Exchange;
use super::server::Rim;
use super::stats::is_write;
use super::{errors, gate, services};

/// ARM takes bodies of up to 4 MB.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Answers one request.
pub(super) async fn serve(
    Shared(rim): Shared<Arc<Rim>>,
    ConnectInfo(_cut): ConnectInfo<Cut>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let authority = authority(&parts).unwrap_or_default().to_owned();
    let scheme = if rim.certificate.is_some() { "https" } else { "http" };
    let origin = format!("{scheme}://{authority}");
    let id = Uuid::new_v4().to_string();
    let body = to_bytes(body, BODY_LIMIT).await;
    let reply = match &body {
        Ok(body) => answer(&rim, &parts, &id, &origin, body).await,
        Err(_) => errors::content_too_large(),
    };
    if !rim.latency.is_zero() {
        tokio::time::sleep(rim.latency).await;
    }
    let headers = headers(&parts, &id, &reply);
    if let Some(recorder) = &rim.recorder {
        let recorded = recorder.write(&Exchange {
            method: parts.method.as_str(),
            url: &format!("{origin}{}", parts.uri.path_and_query().map_or("/", |path| path.as_str())),
            request_headers: &parts.headers,
            request_body: body.as_deref().unwrap_or_default(),
            status: reply.status,
            response_headers: &headers,
            response_body: &reply.body,
        });
        if let Err(error) = recorded {
            tracing::error!(%error, "an exchange was not recorded");
        }
    }
    let mut response = Response::new(Body::from(reply.body));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

/// Host and port by which the client calls us.
fn authority(parts: &Parts) -> Option<&str> {
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok());
    parts.uri.authority().map(axum::http::uri::Authority::as_str).or(host)
}

async fn answer(rim: &Rim, parts: &Parts, id: &str, origin: &str, body: &[u8]) -> Reply {
    let named = |host: &str| rim.certificate.as_ref().is_some_and(|certificate| certificate.covers(host));
    if let Some(why) = gate::refusal(&parts.headers, authority(parts), named) {
        rim.world().stats.refuse();
        return errors::error(403, "SandboxRefused", why);
    }
    let request = Request {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        segments: segments(parts.uri.path()),
        query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        headers: parts.headers.clone(),
        body: body.to_vec(),
        id: id.to_owned(),
        origin: origin.to_owned(),
        caller: Caller::nobody(),
    };
    let (reply, change) = in_the_world(rim, request);
    match change {
        Some(change) => match rim.save(change).await {
            Ok(()) => reply,
            Err(why) => errors::not_saved(&why),
        },
        None => reply,
    }
}

/// Lets the world answer, and gives the number of the change if there was one.
fn in_the_world(rim: &Rim, request: Request) -> (Reply, Option<u64>) {
    let mut world = rim.world();
    world.advance_to(Timestamp::now());
    world.changed = false;
    let reply = services::answer(&mut world, request);
    // Counted under the lock, so that a snapshot never holds less than its number says.
    let change = world.changed.then(|| rim.changes.fetch_add(1, Ordering::SeqCst) + 1);
    (reply, change)
}

/// An answer's headers, with those that ARM puts on each.
fn headers(parts: &Parts, id: &str, reply: &Reply) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    };
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    put("cache-control", "no-cache");
    put("pragma", "no-cache");
    put("expires", "-1");
    put("strict-transport-security", "max-age=31536000; includeSubDomains");
    put("x-content-type-options", "nosniff");
    put("x-ms-request-id", id);
    put("x-ms-correlation-request-id", text("x-ms-correlation-request-id").unwrap_or(id));
    put("x-ms-routing-request-id", &format!("SANDBOX:{}:{id}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
    if let Some(id) = text("x-ms-client-request-id") {
        put("x-ms-client-request-id", id);
    }
    let segments = segments(parts.uri.path());
    if reply.status != 401 && reply.status != 403 && segments.first().is_some_and(|first| first != "_sandbox")
    {
        for (name, value) in remaining(&parts.method, &segments) {
            put(name, value);
        }
    }
    for (name, value) in &reply.headers {
        put(name, value);
    }
    if !reply.body.is_empty() {
        put("content-type", "application/json; charset=utf-8");
    }
    headers
}

/// What is left of the caller's quota, as Azure reported it in 2025 to someone who used none.
fn remaining(method: &Method, segments: &[String]) -> [(&'static str, &'static str); 2] {
    match *method {
        Method::DELETE => [
            ("x-ms-ratelimit-remaining-subscription-deletes", "799"),
            ("x-ms-ratelimit-remaining-subscription-global-deletes", "11999"),
        ],
        _ if is_write(method, segments) => [
            ("x-ms-ratelimit-remaining-subscription-writes", "799"),
            ("x-ms-ratelimit-remaining-subscription-global-writes", "11999"),
        ],
        _ => [
            ("x-ms-ratelimit-remaining-subscription-reads", "1099"),
            ("x-ms-ratelimit-remaining-subscription-global-reads", "16499"),
        ],
    }
}
