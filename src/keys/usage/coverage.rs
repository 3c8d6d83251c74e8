//! On how many days the log has every call that the metrics count. Pure.
//!
//! The log is always short of something: a setting is young, a cap drops calls, a workspace is hidden. The metrics show it, if nothing else
//! in the log stands for the calls that are missing. So what the metrics may not count (reads of catalogues, calls that were refused) is
//! left out, a day with more calls than they count proves nothing, and a call of one day stands for one of another only close to midnight
//! and only once. Nothing of today stands for yesterday: the metrics of today are late, so they would always seem to miss a call.

use std::collections::BTreeMap;

use super::log::LoggedCalls;
use super::{Day, Metrics, Window};
use crate::document::usage::CallKind;

/// The end of operations that read catalogues, in lower case: the metrics are not known to count them.
const CATALOGUE: &str = "_list";

/// A day on which the log and the metrics differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShortDay {
    pub(super) day: Day,
    pub(super) counted: u64,
    pub(super) logged: u64,
    /// Calls of the next day, still today, that the metrics may have counted on this one.
    pub(super) after: u64,
}

/// The calls of a day in the log that the metrics should count.
#[derive(Debug, Clone, Copy, Default)]
struct LoggedDay {
    /// Those that were let in, or failed otherwise.
    calls: u64,
    /// How many of them were made within a minute of midnight, so that the metrics may count them on the next day.
    at_midnight: u64,
    /// Those that were refused, which the metrics may not count.
    refused: u64,
}

/// The calls of each day in the log.
fn by_day(rows: &[LoggedCalls]) -> BTreeMap<Day, LoggedDay> {
    let is_catalogue =
        |name: &str| name.len() >= CATALOGUE.len() && name.to_ascii_lowercase().ends_with(CATALOGUE);
    let mut days: BTreeMap<Day, LoggedDay> = BTreeMap::new();
    for row in rows.iter().filter(|row| !is_catalogue(&row.operation)) {
        let day = days.entry(row.day).or_default();
        if row.how == CallKind::Refused {
            day.refused += row.calls;
        } else {
            day.calls += row.calls;
            day.at_midnight += row.at_midnight;
        }
    }
    days
}

/// For how many days up to today the log has every call that the metrics count, and the day before those.
pub(super) fn coverage(metrics: &Metrics, rows: &[LoggedCalls], window: Window) -> (u32, Option<ShortDay>) {
    let days = by_day(rows);
    let counted = |day: Day| metrics.calls.get(&day).copied().unwrap_or_default();
    let logged = |day: Day| days.get(&day).copied().unwrap_or_default();
    // If the log has more than the metrics count, they do not count calls that were refused.
    let skip_refused = window.full_days().any(|day| {
        let LoggedDay { calls, at_midnight, refused } = logged(day);
        calls + refused > counted(day) + at_midnight
    });
    let standing = |day: Day| logged(day).calls + if skip_refused { 0 } else { logged(day).refused };
    // A call at midnight may be on the other side of it in the metrics, which then count fewer on its own day. Those of today are late: they
    // never show that.
    let lendable = |day: Day| match logged(day) {
        LoggedDay { calls, at_midnight, .. } if day < window.today() => {
            at_midnight.min(calls.saturating_sub(counted(day)))
        }
        _ => 0,
    };
    let mut lent: BTreeMap<Day, u64> = BTreeMap::new();
    let mut covered = 0;
    for day in window.full_days() {
        let (counted, logged_calls) = (counted(day), standing(day));
        let after = if day + 1 == window.today() { logged(day + 1).at_midnight } else { 0 };
        let hole = Some(ShortDay { day, counted, logged: logged_calls, after });
        if logged_calls > counted + logged(day).at_midnight {
            return (covered, hole);
        }
        let mut missing = counted.saturating_sub(logged_calls);
        // The later day first: the earlier one can still lend to the day before it.
        for neighbour in [day + 1, day - 1] {
            let gone = lent.entry(neighbour).or_default();
            let part = missing.min(lendable(neighbour).saturating_sub(*gone));
            *gone += part;
            missing -= part;
        }
        if missing > 0 {
            return (covered, hole);
        }
        covered += 1;
    }
    (covered, None)
}

/// How many calls since the last full day the metrics count and the log does not have yet.
pub(super) fn not_yet(metrics: &Metrics, rows: &[LoggedCalls], window: Window) -> u64 {
    let counted: u64 = metrics.calls.range(window.today()..).map(|(_, count)| count).sum();
    let days = by_day(rows);
    let logged: u64 = days.range(window.today()..).map(|(_, day)| day.calls + day.refused).sum();
    counted.saturating_sub(logged)
}
