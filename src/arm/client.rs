//! The client: sends what the exchange machine requests, within Azure's limits, only to ARM's origin.
//!
//! Input: method, path with query, body. Output: the final value, or an [`Error`]. Never follows a redirect, never sends a token outside of
//! its endpoint, never logs a token or a signed query.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;
use uuid::Uuid;

use super::bucket::{Buckets, Direction, Permit, subscription_of};
use super::clock::{Clock, Moment};
use super::counts::Counters;
pub use super::counts::RequestCounts;
use super::error::{Error, ErrorKind};
use super::error_body::carries_error;
use super::exchange::{Completed, Exchange, Method, Next, Request, Sent};
use super::observer::{Observer, RequestEvent, What, Why};
use super::origin::{OriginError, Origins};
use super::page::{self, MOST_ITEMS};
pub use super::settings::ClientSettings;
use super::target::CallTarget;
use super::versions::Versions;
use super::wire;
pub use super::written::Written;
use crate::arm::auth::Credential;
use crate::arm::auth::cloud::Endpoint;
use crate::text::loopback::is_loopback;
use crate::text::redact::redact;

/// A client of ARM, or of Graph; cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: reqwest::Client,
    endpoint: Endpoint,
    origins: Origins,
    credential: Credential,
    options: ClientSettings,
    observer: Arc<dyn Observer>,
    slots: Arc<Semaphore>,
    buckets: Mutex<Buckets>,
    clock: Clock,
    counters: Arc<Counters>,
    versions: Versions,
}

/// Reads the body of a success while it is received.
pub(super) type BodyReader<'r, 'f> = &'r mut (dyn FnMut(&[u8]) -> Result<(), String> + Send + 'f);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("endpoint", &self.0.endpoint).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for an endpoint.
    pub fn new(
        endpoint: Endpoint,
        credential: Credential,
        options: ClientSettings,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Error> {
        let slots = Arc::new(Semaphore::new(options.parallelism.max(1)));
        Self::build(endpoint, credential, options, observer, slots, Arc::default())
    }

    /// A client for another service in the same run: shares the credential, the requests in flight and the counts.
    pub fn beside(&self, endpoint: Endpoint) -> Result<Self, Error> {
        let Inner { credential, options, observer, slots, counters, .. } = &*self.0;
        Self::build(
            endpoint,
            credential.clone(),
            options.clone(),
            observer.clone(),
            slots.clone(),
            counters.clone(),
        )
    }

    fn build(
        endpoint: Endpoint,
        credential: Credential,
        options: ClientSettings,
        observer: Arc<dyn Observer>,
        slots: Arc<Semaphore>,
        counters: Arc<Counters>,
    ) -> Result<Self, Error> {
        let http = wire::build(&endpoint, &options)
            .map_err(|what| Error::new(ErrorKind::Network, Method::Get, endpoint.to_string(), what))?;
        Ok(Self(Arc::new(Inner {
            http,
            origins: Origins::new(endpoint.base(), endpoint.hosts()),
            endpoint,
            credential,
            slots,
            options,
            observer,
            buckets: Mutex::default(),
            clock: Clock::start(),
            counters,
            versions: Versions::default(),
        })))
    }

    /// Where it sends to.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// Requests sent so far.
    #[must_use]
    pub fn requests(&self) -> RequestCounts {
        self.0.counters.counts()
    }

    /// The api-version of Microsoft.CognitiveServices that this run uses, if the cloud does not have the newest.
    #[must_use]
    pub fn older_version(&self) -> Option<&'static str> {
        self.0.versions.older()
    }

    /// The regions whose own lists it asks for with an older one.
    #[must_use]
    pub fn older_regions(&self) -> Vec<(String, &'static str)> {
        self.0.versions.older_regions()
    }

    /// The time by Azure's clock, as its last answer showed it; before that, this machine's.
    #[must_use]
    pub fn azure_time(&self) -> jiff::Timestamp {
        self.0.counters.azure_time()
    }

    /// Reads one resource; `path` includes the query with the api-version.
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.run(Method::Get, &CallTarget::Own(path), None, None).await.map(|done| done.body)
    }

    /// Reads a list with all its pages; items are projected while they are received.
    pub async fn list<T: Send>(
        &self,
        path: &str,
        project: impl Fn(Value) -> T + Send + Sync,
    ) -> Result<Vec<T>, Error> {
        let pages = self.0.options.pages;
        match self.list_until(path, project, pages, |_| false).await? {
            (items, true) => Ok(items),
            (_, false) => {
                let what = format!("the list has more than {pages} pages");
                Err(Error::new(ErrorKind::Unreadable, Method::Get, redact(path), what))
            }
        }
    }

    /// Reads a list page by page until there is enough or the page limit is reached; returns whether the list is complete.
    pub async fn list_until<T: Send>(
        &self,
        path: &str,
        project: impl Fn(Value) -> T + Send + Sync,
        pages: usize,
        is_enough: impl Fn(&[T]) -> bool + Send,
    ) -> Result<(Vec<T>, bool), Error> {
        let mut items = Vec::new();
        let mut seen = HashSet::new();
        let mut link: Option<String> = None;
        loop {
            let mut next = None;
            let mut read = |bytes: &[u8]| {
                let page = page::read(bytes, &project)?;
                if items.len() + page.items.len() > MOST_ITEMS {
                    return Err(format!("the list has more than {MOST_ITEMS} items"));
                }
                items.extend(page.items);
                next = page.next;
                Ok(())
            };
            let target = link.as_deref().map_or(CallTarget::Own(path), CallTarget::Link);
            let answer = self.run(Method::Get, &target, None, Some(&mut read)).await;
            answer.map_err(|error| if link.is_some() { error.on_a_further_page() } else { error })?;
            let Some(next) = next else { return Ok((items, true)) };
            if seen.len() + 1 >= pages || is_enough(&items) {
                return Ok((items, false));
            }
            if !seen.insert(next.clone()) {
                let what = "the pages of the list lead in a circle";
                return Err(Error::new(ErrorKind::Unreadable, Method::Get, redact(path), what));
            }
            link = Some(next);
        }
    }

    /// Creates or replaces, and waits for the end of the operation.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Written, Error> {
        self.run(Method::Put, &CallTarget::Own(path), Some(body), None).await.map(Written::from)
    }

    /// Like [`Client::put`], for a body that must not be sent again if it may have taken effect. The result is then
    /// [`Effect::Unknown`](super::Effect::Unknown).
    pub async fn put_once(&self, path: &str, body: &Value) -> Result<Written, Error> {
        self.run(Method::Put, &CallTarget::Once(path), Some(body), None).await.map(Written::from)
    }

    /// Judges a resource that was read by its state, like the answer to a write, and waits while Azure is changing it. Returns the resource
    /// at the end.
    pub async fn settled(&self, path: &str, body: Value) -> Result<Value, Error> {
        let target = CallTarget::Own(path);
        let (limits, seed) = (self.0.options.limits.clone(), seed());
        let start = Exchange::follow_read(path, body, limits, seed, self.0.clock.now());
        self.drive(Method::Get, &target, None, None, start).await.map(|done| done.body)
    }

    /// Changes parts, and waits for the end of the operation.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Written, Error> {
        self.run(Method::Patch, &CallTarget::Own(path), Some(body), None).await.map(Written::from)
    }

    /// Deletes, and waits for the end of the operation. A missing resource is [`ErrorKind::NotFound`].
    pub async fn delete(&self, path: &str) -> Result<Written, Error> {
        self.run(Method::Delete, &CallTarget::Own(path), None, None).await.map(Written::from)
    }

    /// Runs an action, and waits for the end of the operation; counts as a write. The answer may contain a secret: it is only checked for
    /// an error, and nothing in it is kept, shown or logged except the status and code of a refusal.
    pub async fn post_blindly(&self, path: &str, body: &Value) -> Result<Written, Error> {
        let mut glance = |bytes: &[u8]| {
            wire::learn_texts(bytes);
            let failed = serde_json::from_slice(bytes).is_ok_and(|body| carries_error(&body));
            if failed { Err("it contains an error".to_owned()) } else { Ok(()) }
        };
        let target = CallTarget::Blind(path);
        self.run(Method::Post, &target, Some(body), Some(&mut glance)).await.map(Written::from)
    }

    /// Sends a query by POST, which changes nothing and may be repeated; counts as a read.
    pub async fn ask(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.run(Method::Ask, &CallTarget::Own(path), Some(body), None).await.map(|done| done.body)
    }

    /// Waits; false if Ctrl-C ended the wait.
    pub async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.0.options.interrupt.triggered() => false,
            () = tokio::time::sleep(time) => true,
        }
    }

    /// Starts an exchange and runs it; again with an older api-version if the cloud does not have the newest.
    pub(super) async fn run(
        &self,
        method: Method,
        target: &CallTarget<'_>,
        body: Option<&Value>,
        mut reader: Option<BodyReader<'_, '_>>,
    ) -> Result<Completed, Error> {
        let start =
            if matches!(target, CallTarget::Once(_)) { Exchange::start_once } else { Exchange::start };
        loop {
            let version = self.0.versions.at(target.text());
            let path = self.0.versions.rewritten(target.text());
            self.0.versions.note(method);
            let (limits, seed) = (self.0.options.limits.clone(), seed());
            let next = start(method, &path, limits, seed, self.0.clock.now());
            let reader: Option<BodyReader<'_, '_>> = match &mut reader {
                Some(read) => Some(&mut **read),
                None => None,
            };
            match self.drive(method, target, body, reader, next).await {
                Err(error)
                    if self.0.versions.may_learn(method)
                        && self.0.versions.learn(target.text(), version, &error) => {}
                Err(error) => {
                    return Err(match Versions::advice(target.text(), &error) {
                        Some(advice) => error.advise(advice),
                        None => error,
                    });
                }
                done => return done,
            }
        }
    }

    /// Runs one exchange.
    async fn drive(
        &self,
        method: Method,
        target: &CallTarget<'_>,
        body: Option<&Value>,
        mut reader: Option<BodyReader<'_, '_>>,
        mut next: Next,
    ) -> Result<Completed, Error> {
        let inner = &*self.0;
        let path = inner.versions.rewritten(target.text());
        let shown = redact(&path);
        let invalid = |_| Error::new(ErrorKind::Invalid, method, &shown, "the path is not valid in a URL");
        let own = match target {
            CallTarget::Own(_) | CallTarget::Once(_) | CallTarget::Blind(_) => {
                Ok(inner.origins.join(&path).map_err(invalid)?)
            }
            CallTarget::Link(link) => inner.origins.check(link),
        };
        let notify = |what| inner.observer.event(&RequestEvent { method, path: shown.clone(), what });
        loop {
            next = match next {
                Next::Send(exchange, request) => {
                    let (method, url, body) = match &request {
                        Request::Call => (method, own.clone(), body),
                        Request::Resource => (Method::Get, own.clone(), None),
                        Request::Operation(address) => {
                            (Method::Get, inner.origins.check(address.expose()), None)
                        }
                    };
                    let reader: Option<BodyReader<'_, '_>> = match &mut reader {
                        Some(read) if request == Request::Call => Some(&mut **read),
                        _ => None,
                    };
                    let may_finish = exchange.is_under_way();
                    let outcome = inner.send(method, url, body, reader, may_finish, &notify).await;
                    exchange.step(outcome, inner.clock.now())
                }
                Next::Wait { exchange, until, why } => {
                    let wait = until.since(inner.clock.now());
                    tracing::debug!(%method, path = shown, ?wait, %why, "waiting");
                    match why {
                        Why::Operation { state } => notify(What::State { state, next_poll: wait }),
                        why => notify(What::Waiting { wait, why }),
                    }
                    let outcome = inner.wait(until, exchange.is_under_way()).await;
                    exchange.step(outcome, inner.clock.now())
                }
                Next::Done(done) => return Ok(done),
                Next::GiveUp(error) => {
                    let error = if matches!(target, CallTarget::Blind(_)) { error.wordless() } else { error };
                    let error = self.0.here(error);
                    tracing::debug!(%method, path = shown, %error, "given up");
                    return Err(error);
                }
            }
        }
    }
}

/// The seed for jitter in an exchange's waits.
fn seed() -> u64 {
    Uuid::new_v4().as_u64_pair().0
}

impl Inner {
    /// Replaces the hint about the network to Azure if the endpoint is on this machine.
    fn here(&self, error: Error) -> Error {
        let endpoint = self.endpoint.base();
        if error.kind != ErrorKind::Network || !is_loopback(endpoint) {
            return error;
        }
        error.advise(format!(
            "no answer from `{endpoint}` on this machine: check that it is running, or correct `--arm-endpoint`"
        ))
    }

    /// Sends one request when it is allowed. A read is dropped at Ctrl-C; a write, and polls for one (`may_finish`), get the time reserved
    /// for writes.
    async fn send(
        &self,
        method: Method,
        url: Result<Url, OriginError>,
        body: Option<&Value>,
        reader: Option<BodyReader<'_, '_>>,
        may_finish: bool,
        notify: &(impl Fn(What) + Sync),
    ) -> Sent {
        let url = match url {
            Ok(url) => url,
            Err(refused) => return Sent::Refused(refused),
        };
        // From here until sending, Ctrl-C means that nothing is sent.
        let interrupted = self.stopped(may_finish);
        let ready = async {
            let (flight, slot) = self.pace(method, url.path(), notify).await;
            let token = self.credential.token(self.endpoint.scope()).await;
            (flight, slot, token)
        };
        let (mut flight, _slot, token) = tokio::select! {
            biased;
            () = interrupted => return Sent::Interrupted,
            ready = ready => ready,
        };
        let token = match token {
            Ok(token) => token,
            Err(error) => {
                let advice = error.hint().map(str::to_owned);
                return Sent::NoToken { what: error.to_string(), advice };
            }
        };
        self.counters.count(method);
        let (outcome, remaining) = tokio::select! {
            biased;
            () = self.stopped(may_finish || method.is_write()) => {
                return if method.is_write() { Sent::Abandoned } else { Sent::Interrupted };
            }
            answered = wire::send(&self.http, method, &url, body, &token, reader) => answered,
        };
        flight.remaining = remaining;
        if let Sent::Answer(answer) = &outcome {
            self.counters.note_time(&answer.headers);
            flight.close_until = answer.throttles_subscription(self.clock.now());
        }
        outcome
    }

    /// Waits for a free slot for which the token bucket grants a request.
    ///
    /// The slot comes first: a permit that waits for a slot would be valid even if Azure has since reported a lower limit. The slot is
    /// released during a wait, so that other directions and subscriptions continue.
    async fn pace<'a>(
        &'a self,
        method: Method,
        path: &str,
        notify: &(impl Fn(What) + Sync),
    ) -> (Flight<'a>, SemaphorePermit<'a>) {
        let direction = Direction::from(method);
        let subscription = subscription_of(path).to_owned();
        loop {
            // Invariant: the semaphore is never closed.
            let slot = self.slots.acquire().await.expect("the semaphore is never closed");
            let now = self.clock.now();
            let permit = self.buckets().of(&subscription, direction, now).take(now);
            match permit {
                Permit::Granted => {
                    let flight =
                        Flight { inner: self, subscription, direction, remaining: None, close_until: None };
                    return (flight, slot);
                }
                Permit::WaitUntil(until) => {
                    drop(slot);
                    let wait = until.since(now);
                    // Waits below a second are normal in a long run and not reported.
                    if wait >= Duration::from_secs(1) {
                        notify(What::Waiting { wait, why: Why::Pacing });
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Returns at Ctrl-C, or at the end of the time reserved for writes.
    async fn stopped(&self, may_finish: bool) {
        let interrupt = &self.options.interrupt;
        if may_finish { interrupt.expired().await } else { interrupt.triggered().await }
    }

    async fn wait(&self, until: Moment, may_finish: bool) -> Sent {
        tokio::select! {
            biased;
            () = self.stopped(may_finish) => Sent::Interrupted,
            () = tokio::time::sleep(until.since(self.clock.now())) => Sent::Waited,
        }
    }

    fn buckets(&self) -> std::sync::MutexGuard<'_, Buckets> {
        // Buckets are plain numbers: a panic elsewhere cannot leave them inconsistent.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A granted request; releases its slot however it ends, including when its future is dropped.
struct Flight<'a> {
    inner: &'a Inner,
    subscription: String,
    direction: Direction,
    remaining: Option<u64>,
    close_until: Option<Moment>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let now = self.inner.clock.now();
        let mut buckets = self.inner.buckets();
        let bucket = buckets.of(&self.subscription, self.direction, now);
        bucket.ended(self.remaining, now);
        if let Some(until) = self.close_until {
            bucket.close(until);
        }
    }
}
