//! On how many days the log has every call that the metrics count. Pure.
//!
//! The log is always short of something: a setting is young, a cap drops calls, a workspace is hidden. The metrics show it, if nothing else
//! in the log stands for the calls that are missing. So what the metrics may not count is left out: reads of catalogues always, and refused
//! calls and operations that are not known to be counted unless another day shows that they are. Refused calls never stand for calls that
//! succeeded. A day with more calls than the metrics count proves nothing, and a call of one day stands for one of another only close to
//! midnight and only once. Nothing of today stands for yesterday: the metrics of today are late, so they would always seem to miss a call.

use std::collections::{BTreeMap, BTreeSet};

use super::log::{LoggedCalls, is_model_call};
use super::{Day, Metrics, Window};
use crate::document::usage::CallKind;

/// The end of operations that read catalogues, in lower case: the metrics are not known to count them.
const CATALOGUE: &str = "_list";

/// A day on which the log and the metrics differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShortDay {
    pub(super) day: Day,
    pub(super) counted: u64,
    /// How many of them the log has.
    pub(super) logged: u64,
    /// What else the log has of the day, which the metrics may not count.
    pub(super) unsure: u64,
    /// Calls of the next day, still today, that the metrics may have counted on this one.
    pub(super) after: u64,
}

/// Calls of a day in the log that were let in, or failed otherwise.
#[derive(Debug, Clone, Copy, Default)]
struct DayCalls {
    calls: u64,
    /// How many of them were made within a minute of midnight, so that the metrics may count them on the day before or after.
    at_midnight: u64,
}

/// The calls of a day in the log, without reads of catalogues.
#[derive(Debug, Clone, Default)]
struct LoggedDay {
    /// Those that were let in, or failed otherwise, by operation in lower case.
    operations: BTreeMap<String, DayCalls>,
    /// Those that were refused.
    refused: u64,
}

/// The log by day, beside the metrics.
struct Compared<'a> {
    metrics: &'a Metrics,
    window: Window,
    days: BTreeMap<Day, LoggedDay>,
}

impl<'a> Compared<'a> {
    fn new(metrics: &'a Metrics, rows: &[LoggedCalls], window: Window) -> Self {
        let mut days: BTreeMap<Day, LoggedDay> = BTreeMap::new();
        for row in rows {
            let operation = row.operation.to_lowercase();
            if operation.ends_with(CATALOGUE) {
                continue;
            }
            let day = days.entry(row.day).or_default();
            if row.how == CallKind::Refused {
                day.refused += row.calls;
            } else {
                let part = day.operations.entry(operation).or_default();
                part.calls += row.calls;
                part.at_midnight += row.at_midnight;
            }
        }
        Self { metrics, window, days }
    }

    fn counted(&self, day: Day) -> u64 {
        self.metrics.calls.get(&day).copied().unwrap_or_default()
    }

    fn refused(&self, day: Day) -> u64 {
        self.days.get(&day).map_or(0, |day| day.refused)
    }

    /// The calls of some operations.
    fn part(&self, day: Day, fits: impl Fn(&str) -> bool) -> DayCalls {
        let mut sum = DayCalls::default();
        for (operation, part) in self.days.get(&day).into_iter().flat_map(|day| &day.operations) {
            if fits(operation) {
                sum.calls += part.calls;
                sum.at_midnight += part.at_midnight;
            }
        }
        sum
    }

    fn all(&self, day: Day) -> DayCalls {
        self.part(day, |_| true)
    }

    /// Calls at midnight that may be on the other side of it in the metrics, which then count fewer on their own day. Those of today are
    /// late: they never show that.
    fn lendable(&self, day: Day, calls: DayCalls) -> u64 {
        if day < self.window.today() {
            calls.at_midnight.min(calls.calls.saturating_sub(self.counted(day)))
        } else {
            0
        }
    }

    /// Calls of the next day, still today, that the metrics may have counted on this one.
    fn after(&self, day: Day) -> u64 {
        if day + 1 == self.window.today() { self.all(day + 1).at_midnight } else { 0 }
    }

    /// Whether the metrics count all that the log has of a day and nothing else, none of it from a day beside it.
    fn is_exact(&self, day: Day) -> bool {
        let lends = |day: Day| self.lendable(day, self.all(day)) > 0;
        self.counted(day) == self.all(day).calls + self.refused(day)
            && self.after(day) == 0
            && !lends(day - 1)
            && !lends(day + 1)
    }

    /// Whether the log has more than the metrics count, which then do not count refused calls.
    fn skips_refused(&self) -> bool {
        self.window.full_days().any(|day| {
            let all = self.all(day);
            all.calls + self.refused(day) > self.counted(day) + all.at_midnight
        })
    }
}

/// The days that show what the metrics count.
struct InMetrics<'a> {
    operations: BTreeMap<&'a str, BTreeSet<Day>>,
    refused: BTreeSet<Day>,
}

impl<'a> InMetrics<'a> {
    fn by(compared: &'a Compared<'_>) -> Self {
        let mut shown = Self { operations: BTreeMap::new(), refused: BTreeSet::new() };
        for day in compared.window.full_days().filter(|day| compared.is_exact(*day)) {
            for operation in compared.days.get(&day).into_iter().flat_map(|day| day.operations.keys()) {
                shown.operations.entry(operation).or_default().insert(day);
            }
            if compared.refused(day) > 0 {
                shown.refused.insert(day);
            }
        }
        if compared.skips_refused() {
            shown.refused.clear();
        }
        shown
    }

    /// Whether calls of an operation stand on a day: no day is shown by itself.
    fn stands(&self, operation: &str, day: Day) -> bool {
        is_model_call(operation)
            || self.operations.get(operation).is_some_and(|days| days.iter().any(|each| *each != day))
    }

    fn refused_stand(&self, day: Day) -> bool {
        self.refused.iter().any(|each| *each != day)
    }
}

/// For how many days up to today the log has every call that the metrics count, and the day before those.
pub(super) fn coverage(metrics: &Metrics, rows: &[LoggedCalls], window: Window) -> (u32, Option<ShortDay>) {
    let compared = Compared::new(metrics, rows, window);
    let shown = InMetrics::by(&compared);
    let skips_refused = compared.skips_refused();
    let standing = |day: Day| compared.part(day, |operation| shown.stands(operation, day));
    let mut lent: BTreeMap<Day, u64> = BTreeMap::new();
    let mut covered = 0;
    for day in window.full_days() {
        let (counted, all, calls) = (compared.counted(day), compared.all(day), standing(day).calls);
        let after = compared.after(day);
        let most = all.calls + if skips_refused { 0 } else { compared.refused(day) };
        if most > counted + all.at_midnight {
            return (covered, Some(ShortDay { day, counted, logged: most, unsure: 0, after }));
        }
        let refused = if shown.refused_stand(day) { compared.refused(day) } else { 0 };
        let succeeded = metrics.successful.get(&day).copied().unwrap_or_default();
        let mut missing = counted.saturating_sub(calls + refused).max(succeeded.saturating_sub(calls));
        let logged = counted.saturating_sub(missing);
        let unsure = (all.calls + compared.refused(day)).saturating_sub(logged);
        // The later day first: the earlier one can still lend to the day before it.
        for neighbour in [day + 1, day - 1] {
            let gone = lent.entry(neighbour).or_default();
            let lendable = compared.lendable(neighbour, standing(neighbour));
            let part = missing.min(lendable.saturating_sub(*gone));
            *gone += part;
            missing -= part;
        }
        if missing > 0 {
            return (covered, Some(ShortDay { day, counted, logged, unsure, after }));
        }
        covered += 1;
    }
    (covered, None)
}

/// How many calls since the last full day the metrics count and the log does not have yet.
pub(super) fn not_yet(metrics: &Metrics, rows: &[LoggedCalls], window: Window) -> u64 {
    let counted: u64 = metrics.calls.range(window.today()..).map(|(_, count)| count).sum();
    let compared = Compared::new(metrics, rows, window);
    let days = compared.days.range(window.today()..);
    let logged: u64 = days.map(|(day, _)| compared.all(*day).calls + compared.refused(*day)).sum();
    counted.saturating_sub(logged)
}
