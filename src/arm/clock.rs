//! Moments: time as the pure machines see it, a number passed to them.
//!
//! A [`Clock`] (the only IO here) returns moments that never go back within a run: it reads the wall clock once and then counts. So one
//! number serves for waiting and for comparing with HTTP dates.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment after a duration.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(millis(wait)))
    }

    /// The duration since `earlier`; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The source of moments.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
    origin: Moment,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), origin: Moment(millis(wall)) }
    }

    /// The current moment.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.origin.after(self.began.elapsed())
    }
}
