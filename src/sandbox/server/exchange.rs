//! One exchange: from an HTTP request to an HTTP answer.
//!
//! The only part of the sandbox that waits. A write is answered after it is on disk, and
//! recorded, if it is, before the client has its answer. Handlers see none of this.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State as Shared};
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use uuid::Uuid;

use super::listen::Cut;
use super::record::Exchange;
use super::running::Rim;
use super::{gate, services};
use crate::sandbox::admin;
use crate::sandbox::http::faults::{Break, Hit};
use crate::sandbox::http::{Caller, Content, Reply, Request, errors, faults, segments};

/// ARM takes bodies of up to 4 MB.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// How long the first part of a torn body has to leave.
const FLUSH: Duration = Duration::from_millis(20);

/// How a request ends.
struct Outcome {
    reply: Reply,
    /// Nothing is sent: the connection breaks.
    cut: bool,
    /// How much of the body is sent before the connection breaks.
    truncate: Option<usize>,
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self { reply, cut: false, truncate: None }
    }
}

pub(super) async fn serve(
    Shared(rim): Shared<Arc<Rim>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let authority = authority(&parts).unwrap_or_default().to_owned();
    let scheme = if rim.certificate.is_some() { "https" } else { "http" };
    let origin = format!("{scheme}://{authority}");
    let id = Uuid::new_v4().to_string();
    let body = to_bytes(body, BODY_LIMIT).await;
    let outcome = match &body {
        Ok(body) => answer(&rim, &parts, &id, &origin, body).await,
        Err(_) => errors::content_too_large().into(),
    };
    if !rim.latency.is_zero() {
        tokio::time::sleep(rim.latency).await;
    }
    let Outcome { reply, cut: breaks, truncate } = outcome;
    let headers = headers(&parts, &id, &reply);
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut content = reply.content;
    if let Some(recorder) = &rim.recorder {
        let text = content.text();
        let sent = truncate.map_or(text.len(), |length| length.min(text.len()));
        let empty = HeaderMap::new();
        let recorded = recorder.write(&Exchange {
            method: parts.method.as_str(),
            url: &format!("{origin}{}", parts.uri.path_and_query().map_or("/", |path| path.as_str())),
            request_headers: &parts.headers,
            request_body: body.as_deref().unwrap_or_default(),
            status: if breaks { 0 } else { status.as_u16() },
            response_headers: if breaks { &empty } else { &headers },
            response_body: if breaks { &[] } else { &text[..sent] },
        });
        if let Err(error) = recorded {
            tracing::error!(%error, "an exchange was not recorded");
        }
        content = Content::Whole(text);
    }
    if breaks {
        cut.now();
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    match truncate {
        Some(length) => {
            let text = content.text();
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
            *response.body_mut() = torn(text, length);
        }
        None => *response.body_mut() = streamed(content),
    }
    response
}

/// A body that is written while it is sent, unless it is small.
fn streamed(content: Content) -> Body {
    let mut parts = content.parts().peekable();
    let first = parts.next().unwrap_or_default();
    if parts.peek().is_none() {
        return Body::from(first);
    }
    let parts = std::iter::once(first).chain(parts).map(Ok::<_, std::convert::Infallible>);
    Body::from_stream(stream::iter(parts))
}

/// The first part of a body, after which the connection breaks.
fn torn(mut body: Vec<u8>, sent: usize) -> Body {
    body.truncate(sent);
    let end = async {
        // Lets the bytes leave before the connection breaks.
        tokio::time::sleep(FLUSH).await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    };
    Body::from_stream(stream::once(async { Ok(body) }).chain(stream::once(end)))
}

/// Host and port under which the client calls the sandbox.
fn authority(parts: &Parts) -> Option<&str> {
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok());
    parts.uri.authority().map(axum::http::uri::Authority::as_str).or(host)
}

async fn answer(rim: &Rim, parts: &Parts, id: &str, origin: &str, body: &[u8]) -> Outcome {
    let named = |host: &str| rim.certificate.as_ref().is_some_and(|certificate| certificate.covers(host));
    if let Some(why) = gate::refusal(&parts.headers, authority(parts), named) {
        rim.world().stats.refuse();
        return errors::error(403, "SandboxRefused", why).into();
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
        caller: Caller::without_token(),
    };
    match hit(rim, &request) {
        None => effect(rim, request).await.into(),
        Some(hit) => suffer(rim, request, hit).await,
    }
}

fn hit(rim: &Rim, request: &Request) -> Option<Hit> {
    if admin::is_ours(&request.segments) {
        return None;
    }
    let mut world = rim.world();
    let hit = faults::hit(&mut world.faults, request)?;
    if !hit.effect || hit.breaks == Some(Break::Before) {
        // Requests that take effect are counted there.
        world.stats.count(&request.method, &request.segments);
    }
    Some(hit)
}

/// Answers a request that a fault hits.
async fn suffer(rim: &Rim, request: Request, hit: Hit) -> Outcome {
    tokio::time::sleep(Duration::from_millis(hit.delay)).await;
    if hit.breaks == Some(Break::Before) {
        return Outcome { reply: Reply::empty(503), cut: true, truncate: None };
    }
    let mut reply = if hit.effect { effect(rim, request).await } else { Reply::empty(503) };
    match hit.reply {
        Some(instead) => reply = instead,
        None => reply.headers.extend(hit.headers),
    }
    Outcome { reply, cut: hit.breaks == Some(Break::After), truncate: hit.truncate }
}

/// Carries out a request and waits until its effect is on disk.
async fn effect(rim: &Rim, request: Request) -> Reply {
    let (reply, change) = in_the_world(rim, request);
    match change {
        Some(change) => match rim.save(change).await {
            Ok(()) => reply,
            Err(why) => errors::not_saved(&why),
        },
        None => reply,
    }
}

/// Answers a request under the lock; returns the number of the change if there was one.
fn in_the_world(rim: &Rim, request: Request) -> (Reply, Option<u64>) {
    let mut world = rim.world();
    world.advance_to(Timestamp::now());
    // Clients compare it with their own clock.
    let date = world.now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let reply = services::answer(&mut world, request).with("date", date);
    (reply, rim.take_down(&mut world))
}

/// An answer's headers, with those that ARM puts on each.
fn headers(parts: &Parts, id: &str, reply: &Reply) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            headers.append(name, value);
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
    for (name, value) in &reply.headers {
        put(name, value);
    }
    if !reply.content.is_empty() {
        put("content-type", "application/json; charset=utf-8");
    }
    headers
}
