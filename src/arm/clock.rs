//! Moments: time as the pure machines see it, a number handed to them.
//!
//! A [`Clock`] (the only IO here) gives moments that never go back within a run, because it reads the wall clock once and
//! then counts; so one number serves both for waiting and for comparing with HTTP dates.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment that much later.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(millis(wait)))
    }

    /// How long from `earlier` to here; nothing if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where moments come from.
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

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.origin.after(self.began.elapsed())
    }
}
