//! Events of requests, for progress lines and `-v`.
//!
//! Events contain no token and no signed query; they are in order for each request and may come from any task.

use std::fmt;
use std::time::Duration;

use super::exchange::Method;

/// An event of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestEvent {
    /// Method of its call (not of a poll).
    pub method: Method,
    /// Path of the call, redacted.
    pub path: String,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing is sent for a while.
    Waiting {
        /// How long.
        wait: Duration,
        /// What makes it wait.
        why: Why,
    },
    /// Azure reported the state of a long-running operation.
    State {
        /// As Azure spells it: `Creating`.
        state: String,
        /// The time until the next poll.
        next_poll: Duration,
    },
}

/// Why nothing is sent for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Azure answered 429, or 503 with a time.
    Throttled {
        /// Whether Azure set the time.
        by_azure: bool,
    },
    /// A temporary failure: a status, or a broken connection.
    Fault {
        /// In a few words.
        what: String,
    },
    /// Another operation is changing the parent resource.
    Conflict,
    /// A new principal is not replicated yet.
    PrincipalNotReplicated,
    /// A new resource or operation is not visible yet.
    NotVisibleYet,
    /// A long-running operation continues.
    Operation {
        /// Its last state.
        state: String,
    },
    /// keyless's own rate limit, which stays below Azure's.
    Pacing,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Throttled { by_azure: true } => f.write_str("Azure asked to wait (throttled)"),
            Why::Throttled { by_azure: false } => f.write_str("Azure is throttling"),
            Why::Fault { what } => f.write_str(what),
            Why::Conflict => f.write_str("another operation is changing the parent resource"),
            Why::PrincipalNotReplicated => {
                f.write_str("the principal is not known to Azure yet (a new one takes up to two minutes)")
            }
            Why::NotVisibleYet => f.write_str("Azure does not show it yet"),
            Why::Operation { state } => write!(f, "the operation is `{state}`"),
            Why::Pacing => f.write_str("staying below Azure's request limits"),
        }
    }
}

/// Receives events.
pub trait Observer: Send + Sync {
    /// Takes one event; must not block.
    fn event(&self, event: &RequestEvent);
}
