//! The running sandbox: sockets, TLS, the transcript, and the way from a request to the wing that answers it.
//!
//! `running` starts and stops the sandbox and `listen` accepts connections. For each request, `exchange` checks the host
//! (`gate`), applies faults, asks the service (`services`), saves the change and records the exchange (`record`).
//! Uses all other wings; none uses it.
//!
//! Unlike Azure, one address serves ARM, Graph, Entra and the data plane, and it must be a loopback address.

mod exchange;
mod gate;
mod listen;
mod record;
mod running;
mod services;

pub use running::Sandbox;
