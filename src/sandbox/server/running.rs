//! Starting and stopping: the socket, the files, and what all connections share.
//!
//! Input are the options; output is a running sandbox. What happens to a request is `exchange`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::exchange;
use super::listen::{Certificate, Connections, Cut, ServerIdentity};
use super::record::Recorder;
use crate::sandbox::http::throttle::Buckets;
use crate::sandbox::state::store::Store;
use crate::sandbox::state::{State, World};
use crate::sandbox::{Error, Options, Throttle};

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
pub(super) struct Rim {
    world: Mutex<World>,
    store: Option<Arc<Store>>,
    /// Which change is on disk.
    saved: AsyncMutex<u64>,
    /// Which change was made last.
    changes: AtomicU64,
    pub(crate) latency: Duration,
    pub(crate) recorder: Option<Recorder>,
    /// Set if HTTPS is served.
    pub(crate) certificate: Option<Certificate>,
}

impl Sandbox {
    /// Starts a sandbox; when this returns it accepts connections.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let address = options.listen;
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback { address });
        }
        let identity = options.tls.as_ref().map(ServerIdentity::load).transpose()?;
        let recorder = options.record.as_deref().map(Recorder::open).transpose()?;
        let store = options.state.as_deref().map(Store::open).transpose()?;
        let loaded = store.as_ref().map(Store::load).transpose()?.flatten();
        let state = loaded.unwrap_or_else(|| State::new(fresh_secret()));
        let operation_time = SignedDuration::try_from(options.operation_time).unwrap_or(SignedDuration::MAX);

        let mut world = World::new(state, options.strict, operation_time);
        world.role_propagation =
            SignedDuration::try_from(options.role_propagation).unwrap_or(SignedDuration::MAX);
        world.throttle = (options.throttle == Throttle::Documented).then(Buckets::default);

        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let certificate = identity.as_ref().map(|identity| identity.certificate().clone());
        let url = url_of(bound, certificate.as_ref());
        let connections = Connections::take(listener, identity).map_err(failed)?;
        let rim = Arc::new(Rim {
            world: Mutex::new(world),
            store: store.map(Arc::new),
            saved: AsyncMutex::new(0),
            changes: AtomicU64::new(0),
            latency: options.latency,
            recorder,
            certificate,
        });
        let service = axum::Router::new()
            .fallback(exchange::serve)
            .with_state(Arc::clone(&rim))
            .into_make_service_with_connect_info::<Cut>();
        let (stop, mut stopped) = watch::channel(false);
        // Folds the journal of a killed sandbox.
        if let Err(why) = rim.fold().await {
            let path = options.state.clone().unwrap_or_default();
            return Err(Error::State { path, source: std::io::Error::other(why) });
        }
        let task = tokio::spawn(async move {
            let drained = async move {
                // An error means that the sandbox was dropped: stop as well.
                let _ = stopped.wait_for(|stop| *stop).await;
            };
            if let Err(error) = axum::serve(connections, service).with_graceful_shutdown(drained).await {
                tracing::error!(%error, "the sandbox stopped serving");
            }
        });
        Ok(Self { url, rim, stop, task: Some(task) })
    }

    /// Where clients reach it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Finishes answers in flight, saves and stops.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if let Some(mut task) = self.task.take()
            && tokio::time::timeout(DRAIN, &mut task).await.is_err()
        {
            task.abort();
        }
        if let Err(why) = self.rim.fold().await {
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

/// A URL that the certificate covers: the address, unless only `localhost` is named.
fn url_of(bound: std::net::SocketAddr, certificate: Option<&Certificate>) -> String {
    match certificate {
        None => format!("http://{bound}"),
        Some(certificate)
            if !certificate.covers(&bound.ip().to_string()) && certificate.covers("localhost") =>
        {
            format!("https://localhost:{}", bound.port())
        }
        Some(_) => format!("https://{bound}"),
    }
}

/// 256 bits from the system's generator.
fn fresh_secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

impl Rim {
    /// The world. A panic in a handler is a bug; other requests go on.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a request changed; returns the number of the change if there was one.
    pub(super) fn take_down(&self, world: &mut World) -> Option<u64> {
        if !world.state.is_changed() {
            return None;
        }
        if self.store.is_none() {
            world.state.forget_changes();
            return None;
        }
        let line = world.state.drain();
        world.unsaved.extend(line.into_bytes());
        // Counted under the lock, so that nothing is written that its number does not cover.
        Some(self.changes.fetch_add(1, Ordering::SeqCst) + 1)
    }

    /// Waits until a change is on disk. Changes that come together are written together.
    pub(crate) async fn save(&self, change: u64) -> Result<(), String> {
        let Some(store) = self.store.clone() else { return Ok(()) };
        let mut saved = self.saved.lock().await;
        if *saved >= change {
            return Ok(());
        }
        let snapshot = store.wants_snapshot();
        let (unsaved, reached) = {
            let mut world = self.world();
            let unsaved = if snapshot || world.state.whole {
                Unsaved::snapshot(&mut world)?
            } else {
                Unsaved::Lines(std::mem::take(&mut world.unsaved))
            };
            (unsaved, self.changes.load(Ordering::SeqCst))
        };
        let written = tokio::task::spawn_blocking(move || unsaved.write(&store)).await;
        let written = written
            .map_err(|error| error.to_string())
            .and_then(|done| done.map_err(|error| error.to_string()));
        if let Err(why) = written {
            // The lines taken out are lost, so the whole state has to be written.
            self.world().state.whole = true;
            return Err(why);
        }
        *saved = reached;
        Ok(())
    }

    /// Folds the journal into the snapshot.
    async fn fold(&self) -> Result<(), String> {
        let Some(store) = self.store.clone() else { return Ok(()) };
        let mut saved = self.saved.lock().await;
        if !store.has_lines() && *saved == self.changes.load(Ordering::SeqCst) {
            return Ok(());
        }
        let (unsaved, reached) = {
            let mut world = self.world();
            (Unsaved::snapshot(&mut world)?, self.changes.load(Ordering::SeqCst))
        };
        unsaved.write(&store).map_err(|error| error.to_string())?;
        *saved = reached;
        Ok(())
    }
}

/// The next write to disk.
enum Unsaved {
    Snapshot { name: String, text: Vec<u8> },
    Lines(Vec<u8>),
}

impl Unsaved {
    /// The whole state, under a name that no journal has yet.
    fn snapshot(world: &mut World) -> Result<Self, String> {
        world.state.snapshot = Uuid::new_v4().to_string();
        let text = serde_json::to_vec(&world.state).map_err(|error| error.to_string())?;
        world.state.forget_changes();
        world.unsaved = Vec::new();
        Ok(Self::Snapshot { name: world.state.snapshot.clone(), text })
    }

    fn write(self, store: &Store) -> std::io::Result<()> {
        match self {
            Self::Snapshot { name, text } => store.save(&name, &text),
            Self::Lines(lines) => store.append(&lines),
        }
    }
}
