//! What happens to a request on its way, for progress lines and `-v`.
//!
//! Events carry no token and no signed query; they are told in order per request, from any task.

use std::fmt;
use std::time::Duration;

use super::exchange::Method;

/// Something that happened to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Method of the call that it belongs to (not of the poll).
    pub method: Method,
    /// Path of the call, redacted.
    pub path: String,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing is sent for that long, and why.
    Waiting {
        /// How long.
        wait: Duration,
        /// Why.
        why: Why,
    },
    /// The request is sent again.
    Retrying {
        /// Which attempt comes, from 2.
        attempt: u32,
    },
    /// Azure told the state of a long-running operation.
    State {
        /// As Azure spells it: `Creating`.
        state: String,
        /// When it is asked again.
        next_poll: Duration,
    },
}

/// Why nothing is sent for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Azure said 429, or 503 with a time.
    Throttled {
        /// Whether the time is Azure's own.
        told: bool,
    },
    /// A fault that may pass: a status, or a broken connection.
    Fault {
        /// In a few words.
        what: String,
    },
    /// Another operation holds the parent resource.
    Conflict,
    /// A new principal is not known everywhere yet.
    PrincipalNotReplicated,
    /// A resource or operation that was just made cannot be seen yet.
    NotVisibleYet,
    /// A long-running operation goes on.
    Operation {
        /// Its last state.
        state: String,
    },
    /// Our own rate limit, which stays below Azure's.
    Pacing,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Throttled { told: true } => f.write_str("Azure asked to wait (throttled)"),
            Why::Throttled { told: false } => f.write_str("Azure is throttling"),
            Why::Fault { what } => f.write_str(what),
            Why::Conflict => f.write_str("another operation is under way on the parent resource"),
            Why::PrincipalNotReplicated => {
                f.write_str("the principal is not known to Azure yet (a new one takes up to two minutes)")
            }
            Why::NotVisibleYet => f.write_str("Azure does not show it yet"),
            Why::Operation { state } => write!(f, "the operation is `{state}`"),
            Why::Pacing => f.write_str("staying below Azure's request limits"),
        }
    }
}

/// Who is told.
pub trait Observer: Send + Sync {
    /// Takes one event; must not block.
    fn event(&self, event: &Event);
}
