//! ARM on loopback: the part of Azure that keyless and its neighbours talk to, for tests,
//! pipelines and newcomers without a subscription.
//!
//! It is separate from the flow and imports nothing from the rest of the crate, so that it does not share the mistakes of the code
//! that it tests. docs/sandbox.md says where it differs from Azure, and what is unknown.
//!
//! It has wings, and a wing imports only those that stand above it in this list (`tests/it/sandbox/wings.rs` checks it):
//!
//! | wing | what it answers |
//! | --- | --- |
//! | `http` | no requests; it has requests, replies, errors, paths, filters, limits and faults |
//! | `state` | no requests; it has the state, the clock, the state file and its journal |
//! | `entra` | sign-in, tokens, managed identities |
//! | `graph` | Microsoft Graph |
//! | `arm` | Azure Resource Manager; `cognitive` (accounts and their children) and `rbac` (who may do what) are folders of it |
//! | `data_plane` | calls of the models of an account |
//! | `admin` | `/_sandbox/`, with which tests control the sandbox |
//! | `server` | sockets, TLS, the transcript; hands each request to its wing |
//!
//! `graph` and `arm` do not import each other, and neither do `data_plane` and `admin`. A handler is a function of the
//! `World` and the request.

mod admin;
mod arm;
mod data_plane;
mod entra;
mod graph;
mod http;
mod server;
mod state;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use server::Sandbox;

/// How a sandbox runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address to listen on; it must be loopback. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// File that keeps the state; without one, the state is lost at the end.
    pub state: Option<PathBuf>,
    /// Delay of each answer.
    pub latency: Duration,
    /// Whether requests are limited, as documented for Azure.
    pub throttle: Throttle,
    /// Whether things must exist before they are used, and tokens must be the sandbox's own.
    pub strict: bool,
    /// Serve HTTPS with this certificate.
    pub tls: Option<Tls>,
    /// File to which every exchange is appended, one JSON line each, without secrets.
    pub record: Option<PathBuf>,
    /// How long an operation takes on the sandbox's clock.
    pub operation_time: Duration,
    /// How long a new role assignment takes to count on the data plane, on the sandbox's clock.
    pub role_propagation: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            state: None,
            latency: Duration::ZERO,
            throttle: Throttle::Off,
            strict: false,
            tls: None,
            record: None,
            operation_time: Duration::ZERO,
            role_propagation: Duration::ZERO,
        }
    }
}

/// Whether requests are limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Throttle {
    /// Never.
    #[default]
    Off,
    /// Token buckets as documented: reads 250 + 25/s, writes and deletes 200 + 10/s each.
    Documented,
}

/// Certificate chain and private key, both PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Certificate chain.
    pub cert: PathBuf,
    /// Private key.
    pub key: PathBuf,
}

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can be reached from elsewhere.
    #[error(
        "`{address}` is not a loopback address: the sandbox accepts any token, so it listens on this machine only"
    )]
    NotLoopback {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address is taken or not ours.
    #[error("failed to listen on `{address}`")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A certificate or its key cannot be read.
    #[error("failed to read `{}`", path.display())]
    Pem {
        /// The PEM file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate cannot be used.
    #[error("failed to use certificate `{}`", path.display())]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// The transcript cannot be written.
    #[error("failed to use transcript `{}`", path.display())]
    Record {
        /// The transcript.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another sandbox uses the state file.
    #[error("state file `{}` is in use by another sandbox", path.display())]
    InUse {
        /// The state file.
        path: PathBuf,
    },
    /// The state file cannot be read or written.
    #[error("failed to use state file `{}`", path.display())]
    State {
        /// The state file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The state file is not a sandbox's.
    #[error("`{}` is not a sandbox's state file", path.display())]
    NotState {
        /// The state file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The state file is of another version.
    #[error("state file `{}` has version {found}, this sandbox needs {}; `sandbox reset` empties it", path.display(), state::VERSION)]
    Version {
        /// The state file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

/// Deletes the state in a file. Refused while a sandbox uses it.
pub fn reset(state: &Path) -> Result<(), Error> {
    state::store::Store::open(state)?.remove()
}
