//! Who still uses API keys of accounts: what is asked, and what the answers prove.
//!
//! Pure. No log of Azure says whether a call was made with a key. The request log (`log`) names callers with a token, so a call that
//! succeeded without a name was made with a key. Metrics (`metrics`) count all calls: they prove that there was no call, or that the log is
//! incomplete. Diagnostic settings (`settings`) say where the log goes. `fetched` reads from the activity log who listed keys, which is no
//! use. `queries` says what is still to be asked, `evidence` reads the answers, and `judge` is the only place that draws a conclusion.
//!
//! "Nobody uses keys" is never concluded: only that no call with a key was seen on so many days.

mod ask;
mod coverage;
mod fetched;
mod judge;
mod log;
mod metrics;
mod names;
mod settings;
#[cfg(test)]
mod worlds;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

pub(crate) use ask::{evidence, fetches, queries};
pub(crate) use fetched::Fetches;
pub(crate) use judge::{findings, judge};
pub(crate) use log::{Meaning, RequestLog, meaning};
pub(crate) use metrics::Metrics;
pub(crate) use names::{callers, name};
pub(crate) use settings::Sinks;

use crate::body::AccountBody;
use crate::id::ResourceId;
use crate::snapshot::Refusal;
use crate::spec::model::MOST_QUIET_DAYS;
use crate::text::source::Span;

/// The number of seconds in a day.
const DAY: i64 = 24 * 3600;
/// After how many seconds a call is in the log and the metrics. Azure says minutes.
const LATE: i64 = 3600;
/// Metrics are kept for 93 days (learn.microsoft.com, "Azure Monitor Metrics data platform").
pub(crate) const MOST_DAYS: u32 = MOST_QUIET_DAYS;

/// A day, counted from 1970-01-01 (UTC).
pub(crate) type Day = i64;

/// The account that is asked about.
#[derive(Debug, Clone)]
pub(crate) struct AskedAccount {
    /// Its address in the spec, or its id if there is no spec.
    pub address: String,
    pub id: ResourceId,
    /// Where it is declared.
    pub span: Option<Span>,
    /// Whether it has a custom subdomain, without which tokens are refused.
    pub has_subdomain: bool,
    /// Whether it accepts keys.
    pub takes_keys: bool,
    /// How many days without a call with a key are enough.
    pub quiet_days: u32,
}

impl AskedAccount {
    /// A live account; `quiet_days` are how many days without a call with a key are enough.
    #[must_use]
    pub(crate) fn of(
        address: &str,
        (id, body): (&ResourceId, &Value),
        span: Option<Span>,
        quiet_days: u32,
    ) -> Self {
        let account = AccountBody::of(body);
        Self {
            address: address.to_owned(),
            id: id.clone(),
            span,
            has_subdomain: account.subdomain().is_some_and(|name| !name.is_empty()),
            takes_keys: !account.keys_off(),
            quiet_days,
        }
    }
}

/// The period that is asked about: full days, and today until now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// How many full days before today.
    pub days: u32,
    pub now: Timestamp,
}

impl Window {
    /// Today: the first day that is not judged. Shortly after midnight that is still yesterday, since logs and metrics are late.
    #[must_use]
    pub(crate) fn today(self) -> Day {
        self.now.as_second().saturating_sub(LATE).div_euclid(DAY)
    }

    /// Whether yesterday is not judged yet.
    fn is_early(self) -> bool {
        self.today() < self.last()
    }

    /// The day of the newest calls.
    fn last(self) -> Day {
        self.now.as_second().div_euclid(DAY)
    }

    #[must_use]
    pub(crate) fn first(self) -> Day {
        self.today() - i64::from(self.days)
    }

    /// The end: clocks differ a little, and nothing that was logged by now is to be missed.
    fn end(self) -> Timestamp {
        self.now.saturating_add(SignedDuration::from_mins(1)).unwrap_or(self.now)
    }

    /// The full days, the last one first.
    pub(crate) fn full_days(self) -> impl Iterator<Item = Day> {
        (self.first()..self.today()).rev()
    }
}

/// The begin of a day.
#[must_use]
pub(crate) fn begin(day: Day) -> Timestamp {
    Timestamp::from_second(day.saturating_mul(DAY)).unwrap_or_default()
}

/// A day as people write it.
#[must_use]
pub(crate) fn date(day: Day) -> String {
    begin(day).strftime("%Y-%m-%d").to_string()
}

/// A time in a query or a URL: whole seconds.
fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What is known about an account.
#[derive(Debug, Clone)]
pub(crate) struct KeyEvidence {
    /// Where its request log goes.
    pub sinks: Result<Sinks, Refusal>,
    /// How many calls there were.
    pub metrics: Result<Metrics, Refusal>,
    /// What the request log has.
    pub log: RequestLog,
    /// For how many days the workspace that keeps least keeps the log.
    pub retention: Option<u32>,
    /// Who fetched keys.
    pub fetched: Result<Fetches, Refusal>,
    /// Whether the caller may not read the metrics.
    pub metrics_denied: bool,
    /// Whether the caller may not query the request log.
    pub log_denied: bool,
}
