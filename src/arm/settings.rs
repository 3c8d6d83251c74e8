//! The settings of a client. Plain data.

use std::time::Duration;

use super::exchange::Limits;
use super::interrupt::Interrupt;

/// The settings of a client; the default is for production.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The maximum number of requests in flight.
    pub parallelism: usize,
    /// Retries and operations.
    pub limits: Limits,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for a whole answer.
    pub timeout: Duration,
    /// The maximum number of pages of a list.
    pub pages: usize,
    /// Ctrl-C.
    pub interrupt: Interrupt,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            parallelism: 16,
            limits: Limits::default(),
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_mins(1),
            pages: 10_000,
            interrupt: Interrupt::default(),
        }
    }
}
