//! The rim: sockets, HTTP, time, saving. Hands requests to the router and answers back.
//!
//! The only part of the sandbox that waits. A write is answered after it is on disk; writes
//! that arrive together are saved together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use axum::serve::ListenerExt;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::http::{Caller, Reply, Request};
use super::state::State;
use super::stats::is_write;
use super::store::Store;
use super::world::World;
use super::{Error, Options, admin, caller, errors, gate, router};

/// ARM takes bodies of up to 4 MB.
const BODY_LIMIT: usize = 4 * 1024 * 1024;
/// How long `stop` waits for answers in flight.
const DRAIN: Duration = Duration::from_secs(5);

/// A running sandbox.
#[derive(Debug)]
pub struct Sandbox {
    url: String,
    rim: Arc<Rim>,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

/// What all connections share.
#[derive(Debug)]
struct Rim {
    world: Mutex<World>,
    store: Option<Arc<Store>>,
    /// Which change is on disk.
    saved: AsyncMutex<u64>,
    /// Which change was made last.
    changes: std::sync::atomic::AtomicU64,
    latency: Duration,
    scheme: &'static str,
    /// Names of the certificate.
    names: Vec<String>,
}

impl Sandbox {
    /// Starts a sandbox; when this returns it accepts connections.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let address = options.listen;
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback { address });
        }
        let store = options.state.as_deref().map(Store::open).transpose()?;
        let loaded = store.as_ref().map(Store::load).transpose()?.flatten();
        let state = loaded.unwrap_or_else(|| State::new(fresh_secret()));
        let operation_time = SignedDuration::try_from(options.operation_time).unwrap_or(SignedDuration::MAX);

        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let rim = Arc::new(Rim {
            world: Mutex::new(World::new(state, options.strict, operation_time)),
            store: store.map(Arc::new),
            saved: AsyncMutex::new(0),
            changes: std::sync::atomic::AtomicU64::new(0),
            latency: options.latency,
            scheme: "http",
            names: Vec::new(),
        });
        let service = axum::Router::new().fallback(serve).with_state(Arc::clone(&rim));
        // Without this, each small answer waits for the acknowledgement of the last.
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "failed to set `TCP_NODELAY`");
            }
        });
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let drained = async move {
                // An error means that the sandbox was dropped: stop as well.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(drained).await {
                tracing::error!(%error, "the sandbox stopped serving");
            }
        });
        Ok(Self { url: format!("http://{bound}"), rim, stop, task: Some(task) })
    }

    /// Where clients reach it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets answers in flight finish, saves and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(DRAIN, &mut task).await.is_err()
        {
            task.abort();
        }
        if let Err(why) = self.rim.save(u64::MAX).await {
            tracing::error!(%why, "the sandbox's state was not saved");
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// 256 bits from the system's generator.
fn fresh_secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

impl Rim {
    /// The world. A handler that panicked is a bug; the others go on.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a change is on disk.
    async fn save(&self, change: u64) -> Result<(), String> {
        use std::sync::atomic::Ordering;
        let Some(store) = self.store.clone() else { return Ok(()) };
        let mut saved = self.saved.lock().await;
        if *saved >= change || (change == u64::MAX && *saved == self.changes.load(Ordering::SeqCst)) {
            return Ok(());
        }
        let (text, reached) = {
            let world = self.world();
            let text = serde_json::to_vec(&world.state).map_err(|error| error.to_string())?;
            (text, self.changes.load(Ordering::SeqCst))
        };
        let written = tokio::task::spawn_blocking(move || store.save(&text)).await;
        written.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        *saved = reached;
        Ok(())
    }

    /// Lets the world answer, and gives the number of the change if there was one.
    fn answer(&self, request: &Request) -> (Reply, Option<u64>) {
        let mut world = self.world();
        world.advance_to(Timestamp::now());
        world.changed = false;
        let reply = if admin::is_ours(&request.segments) {
            admin::answer(&mut world, request)
        } else {
            world.stats.count(&request.method, &request.segments);
            router::answer(&mut world, request)
        };
        // Counted under the lock, so that a snapshot never holds less than its number says.
        let change =
            world.changed.then(|| self.changes.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1);
        (reply, change)
    }
}

async fn serve(Shared(rim): Shared<Arc<Rim>>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok());
    let authority = parts.uri.authority().map(axum::http::uri::Authority::as_str).or(host);
    if let Some(why) = gate::refusal(&parts.headers, authority, &rim.names) {
        rim.world().stats.refuse();
        return respond(&parts.headers, None, errors::error(403, "SandboxRefused", why));
    }
    let segments = segments(&parts.uri);
    let caller = match caller::of(parts.headers.get("authorization").and_then(|value| value.to_str().ok())) {
        Some(caller) => caller,
        None if admin::is_ours(&segments) => nobody(),
        None => {
            let tenant = {
                let mut world = rim.world();
                world.stats.refuse();
                world.state.tenant.clone()
            };
            let authority = format!("https://login.microsoftonline.com/{tenant}");
            return respond(&parts.headers, None, errors::authentication_missing(&authority));
        }
    };
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return respond(&parts.headers, None, errors::content_too_large());
    };
    let request = Request {
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        origin: format!("{}://{}", rim.scheme, authority.unwrap_or_default()),
        method: parts.method,
        segments,
        body: body.into(),
        caller,
    };
    let (mut reply, change) = rim.answer(&request);
    if let Some(change) = change
        && let Err(why) = rim.save(change).await
    {
        reply = errors::not_saved(&why);
    }
    if !rim.latency.is_zero() {
        tokio::time::sleep(rim.latency).await;
    }
    respond(&parts.headers, Some((&request.method, &request.segments)), reply)
}

/// Who asks the sandbox itself something.
fn nobody() -> Caller {
    Caller { object_id: String::new(), name: String::new(), kind: "User" }
}

/// Path segments, decoded; bytes that are no text stay readable.
fn segments(uri: &Uri) -> Vec<String> {
    uri.path().split('/').filter(|segment| !segment.is_empty()).map(decoded).collect()
}

fn decoded(segment: &str) -> String {
    // `+` means itself in a path; everything else is as in a form.
    let escaped = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map_or_else(|| segment.to_owned(), |(name, _)| name.into_owned())
}

/// Makes an HTTP answer, with the headers that ARM puts on each.
fn respond(sent: &HeaderMap, counted: Option<(&Method, &[String])>, reply: Reply) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(HeaderName::from_static(name), value);
        }
    };
    let id = Uuid::new_v4().to_string();
    let text = |name: &str| sent.get(name).and_then(|value| value.to_str().ok());
    put("cache-control", "no-cache");
    put("pragma", "no-cache");
    put("expires", "-1");
    put("strict-transport-security", "max-age=31536000; includeSubDomains");
    put("x-content-type-options", "nosniff");
    put("x-ms-request-id", &id);
    put("x-ms-correlation-request-id", text("x-ms-correlation-request-id").unwrap_or(&id));
    put("x-ms-routing-request-id", &format!("SANDBOX:{}:{id}", Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
    if let Some(id) = text("x-ms-client-request-id") {
        put("x-ms-client-request-id", id);
    }
    if let Some((method, segments)) =
        counted.filter(|(_, segments)| segments.first().is_some_and(|first| first != "_sandbox"))
    {
        for (name, value) in remaining(method, segments) {
            put(name, value);
        }
    }
    for (name, value) in &reply.headers {
        put(name, value);
    }
    if !reply.body.is_empty() {
        put("content-type", "application/json; charset=utf-8");
        *response.body_mut() = Body::from(reply.body);
    }
    response
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
