//! On how many days the log has every call that the metrics count. Pure.
//!
//! The log is always short of something: a setting is young, a cap drops calls, a workspace is hidden. The metrics show it, if nothing else
//! in the log stands for the calls that are missing. So what the metrics may not count is left out: reads of catalogues always, and refused
//! calls and operations that are not known to be counted unless another day with another number of them shows that they are (jobs of the night
//! that call equally often would show it too). Of refused calls the metrics tell more surely, by their status. Refused calls never stand for
//! calls that succeeded. A day with more calls than the metrics count proves nothing.
//!
//! A call close to midnight may be on the other side of it in the metrics. So a call of one day stands for one of another only there, once, and
//! if its own day has one too few. Nothing of today stands for yesterday: the metrics of today are late, so they would always seem to miss a
//! call. At both ends of the period nothing shows on which side a call was counted, so it stands for none, unless the account is so
//! busy that it is called around midnight on most days, and a hundred times as often: then it could never be told.

use std::collections::{BTreeMap, BTreeSet};

use super::log::{LoggedCalls, is_model_call};
use super::{Day, Metrics, Window};

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
    /// Whether calls of this day itself may have been counted outside of the period.
    pub(super) at_border: bool,
}

/// Calls of a day in the log that were let in, or failed otherwise.
#[derive(Debug, Clone, Copy, Default)]
struct DayCalls {
    calls: u64,
    /// How many of them were made in the first minute of the day, so that the metrics may count them on the day before.
    at_begin: u64,
    /// How many of them were made in the last minute of the day, so that the metrics may count them on the day after.
    at_end: u64,
}

impl DayCalls {
    fn at_midnight(self) -> u64 {
        self.at_begin + self.at_end
    }
}

/// The calls of a day in the log, without reads of catalogues.
#[derive(Debug, Clone, Default)]
struct LoggedDay {
    /// Those that were let in, or failed otherwise, by operation in lower case.
    operations: BTreeMap<String, DayCalls>,
    /// Those that were refused, whether they name a caller or not.
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
            if row.is_refused {
                day.refused += row.calls;
            } else {
                let part = day.operations.entry(operation).or_default();
                part.calls += row.calls;
                part.at_begin += row.at_begin;
                part.at_end += row.at_end;
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
    fn part(&self, day: Day, fits: impl Fn(&str, u64) -> bool) -> DayCalls {
        let mut sum = DayCalls::default();
        for (operation, part) in self.days.get(&day).into_iter().flat_map(|day| &day.operations) {
            if fits(operation, part.calls) {
                sum.calls += part.calls;
                sum.at_begin += part.at_begin;
                sum.at_end += part.at_end;
            }
        }
        sum
    }

    fn all(&self, day: Day) -> DayCalls {
        self.part(day, |_, _| true)
    }

    /// Calls that may be on another day in the metrics, which then count fewer on their own day. Those of today are late: they never show
    /// that.
    fn lendable(&self, day: Day, calls: DayCalls) -> u64 {
        if day < self.window.today() { calls.calls.saturating_sub(self.counted(day)) } else { 0 }
    }

    /// Calls of the next day, still today, that the metrics may have counted on this one.
    fn after(&self, day: Day) -> u64 {
        if day + 1 == self.window.today() { self.all(day + 1).at_begin } else { 0 }
    }

    /// Whether the metrics count all that the log has of a day and nothing else, none of it from a day beside it.
    fn is_exact(&self, day: Day) -> bool {
        let lends = |day: Day| {
            let all = self.all(day);
            all.at_midnight() > 0 && self.lendable(day, all) > 0
        };
        self.counted(day) == self.all(day).calls + self.refused(day)
            && self.after(day) == 0
            && !lends(day - 1)
            && !lends(day + 1)
    }

    /// Whether the log has more than the metrics count, which then do not count refused calls.
    fn skips_refused(&self) -> bool {
        self.window.full_days().any(|day| {
            let all = self.all(day);
            all.calls + self.refused(day) > self.counted(day) + all.at_midnight()
        })
    }
}

/// The numbers of calls on days that show that the metrics count them.
struct InMetrics<'a> {
    operations: BTreeMap<&'a str, BTreeSet<u64>>,
    refused: BTreeSet<u64>,
}

impl<'a> InMetrics<'a> {
    fn by(compared: &'a Compared<'_>) -> Self {
        let mut shown = Self { operations: BTreeMap::new(), refused: BTreeSet::new() };
        for day in compared.window.full_days().filter(|day| compared.is_exact(*day)) {
            for (operation, part) in compared.days.get(&day).into_iter().flat_map(|day| &day.operations) {
                shown.operations.entry(operation).or_default().insert(part.calls);
            }
            if compared.refused(day) > 0 {
                shown.refused.insert(compared.refused(day));
            }
        }
        if compared.skips_refused() {
            shown.refused.clear();
        }
        shown
    }

    /// Whether so many calls of an operation on a day stand for calls: no day is shown by itself, nor by others that are like it.
    fn stands(&self, operation: &str, calls: u64) -> bool {
        is_model_call(operation)
            || self.operations.get(operation).is_some_and(|shown| shown.iter().any(|each| *each != calls))
    }

    fn refused_stand(&self, calls: u64) -> bool {
        self.refused.iter().any(|each| *each != calls)
    }
}

/// For how many days up to today the log has every call that the metrics count, and the day before those.
pub(super) fn coverage(metrics: &Metrics, rows: &[LoggedCalls], window: Window) -> (u32, Option<ShortDay>) {
    let compared = Compared::new(metrics, rows, window);
    let shown = InMetrics::by(&compared);
    let skips_refused = compared.skips_refused();
    let standing = |day: Day| compared.part(day, |operation, calls| shown.stands(operation, calls));
    let at_midnight = window.full_days().filter(|day| standing(*day).at_midnight() > 0).count();
    let is_usual = at_midnight * 2 > usize::try_from(window.days).unwrap_or_default();
    let mut lent: BTreeMap<Day, u64> = BTreeMap::new();
    let mut covered = 0;
    for day in window.full_days() {
        let (counted, all, calls) = (compared.counted(day), compared.all(day), standing(day));
        let after = compared.after(day);
        let short = ShortDay { day, counted, logged: 0, unsure: 0, after, at_border: false };
        let most = all.calls + if skips_refused { 0 } else { compared.refused(day) };
        if most > counted + all.at_midnight() {
            return (covered, Some(ShortDay { logged: most, ..short }));
        }
        let refused = compared.refused(day);
        let refused = match metrics.refused.get(&day) {
            Some(told) => refused.min(*told),
            None if shown.refused_stand(refused) => refused,
            None => 0,
        };
        let succeeded = metrics.successful.get(&day).copied().unwrap_or_default();
        let missing_of =
            |calls: u64| counted.saturating_sub(calls + refused).max(succeeded.saturating_sub(calls));
        let mut missing = missing_of(calls.calls);
        let logged = counted.saturating_sub(missing);
        let unsure = (all.calls + compared.refused(day)).saturating_sub(logged);
        let short = ShortDay { logged, unsure, ..short };
        // The later day first: the earlier one can still lend to the day before it.
        for neighbour in [day + 1, day - 1] {
            let part = standing(neighbour);
            let near = if neighbour > day { part.at_begin } else { part.at_end };
            let gone = lent.entry(neighbour).or_default();
            let part = missing.min(near).min(compared.lendable(neighbour, part).saturating_sub(*gone));
            *gone += part;
            missing -= part;
        }
        if missing > 0 {
            return (covered, Some(short));
        }
        let outside = if day + 1 == window.today() { calls.at_end } else { 0 }
            + if day == window.first() { calls.at_begin } else { 0 };
        // A busy account is called around midnight too.
        let is_busy = is_usual && outside * 100 <= calls.calls;
        if !is_busy && outside > 0 && missing_of(calls.calls.saturating_sub(outside)) > 0 {
            return (covered, Some(ShortDay { at_border: true, ..short }));
        }
        covered += 1;
    }
    (covered, None)
}

/// How many calls since the last full day (today, and yesterday shortly after midnight) the metrics count and the log does not have yet.
pub(super) fn not_yet(metrics: &Metrics, rows: &[LoggedCalls], window: Window) -> u64 {
    let counted: u64 = metrics.calls.range(window.today()..).map(|(_, count)| count).sum();
    let compared = Compared::new(metrics, rows, window);
    let days = compared.days.range(window.today()..);
    let logged: u64 = days.map(|(day, _)| compared.all(*day).calls + compared.refused(*day)).sum();
    counted.saturating_sub(logged)
}
