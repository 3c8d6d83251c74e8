//! What a client notes of its exchanges: how many there were, and how far Azure's clock is ahead of this machine's.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use super::exchange::{Headers, Method};

/// Requests sent so far, including retries and polls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// GET, including polls, and POST that only queries.
    pub reads: u64,
    /// PUT, PATCH, POST, DELETE.
    pub writes: u64,
}

#[derive(Default)]
pub(super) struct Counters {
    reads: AtomicU64,
    writes: AtomicU64,
    /// In seconds.
    ahead: AtomicI64,
}

impl Counters {
    pub(super) fn count(&self, method: Method) {
        let counter = if method.is_write() { &self.writes } else { &self.reads };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> RequestCounts {
        RequestCounts {
            reads: self.reads.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
        }
    }

    /// Notes the time at which Azure answered.
    pub(super) fn note_time(&self, headers: &Headers) {
        let date = headers.get("date").and_then(|date| rfc2822::parse(date).ok());
        if let Some(date) = date {
            let ahead = date.timestamp().duration_since(Timestamp::now()).as_secs();
            self.ahead.store(ahead, Ordering::Relaxed);
        }
    }

    /// The time by Azure's clock.
    pub(super) fn azure_time(&self) -> Timestamp {
        let now = Timestamp::now();
        let ahead = SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed));
        now.saturating_add(ahead).unwrap_or(now)
    }
}
