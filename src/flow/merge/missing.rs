//! What is not known because a shard has no result, and reports that are of another run.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::ShardReport;
use crate::document::{FindingEntry, Incomplete};
use crate::finding::{Code, Severity};

/// A report that is not of this run, with the reason.
pub(super) struct Leftover {
    pub(super) report: ShardReport,
    why: String,
}

/// Takes out the reports that did not begin within so many hours of now, or do not say when.
pub(super) fn leftovers(reports: &mut Vec<ShardReport>, now: Timestamp, hours: u16) -> Vec<Leftover> {
    let age = SignedDuration::from_hours(hours.into());
    let why = |report: &ShardReport| {
        let (file, began) = (&report.file, &report.shard.began);
        match began.parse::<Timestamp>() {
            Err(_) => Some(format!("`{file}` does not say when it began")),
            Ok(time) if now.duration_since(time) > age => {
                Some(format!("`{file}` began at {began}, more than {hours} hours ago"))
            }
            Ok(time) if time.duration_since(now) > age => {
                Some(format!("`{file}` began at {began}, which is in the future"))
            }
            Ok(_) => None,
        }
    };
    let (mut kept, mut left) = (Vec::new(), Vec::new());
    for report in reports.drain(..) {
        match why(&report) {
            None => kept.push(report),
            Some(why) => left.push(Leftover { report, why }),
        }
    }
    *reports = kept;
    left
}

/// What is not known because a shard has no result.
pub(super) struct Missing {
    of: u32,
    named: BTreeSet<u32>,
    pub(super) findings: Vec<FindingEntry>,
    pub(super) scopes: Vec<Incomplete>,
}

impl Missing {
    pub(super) fn of(of: u32) -> Self {
        Self { of, named: BTreeSet::new(), findings: Vec::new(), scopes: Vec::new() }
    }

    fn note(&mut self, scope: String, why: String) {
        let hint = "run that shard again, and merge all reports";
        self.findings.push(FindingEntry {
            hint: Some(hint.to_owned()),
            ..FindingEntry::of(
                Severity::Error,
                Code::ShardMissing,
                format!("nothing is known of {scope}: {why}"),
            )
        });
        self.scopes.push(Incomplete { scope, reason: why });
    }

    fn note_shard(&mut self, index: u32, why: String) {
        self.named.insert(index);
        self.note(format!("shard {index} of {}", self.of), why);
    }

    /// Of a shard that has another report, or of a run with another number of shards, a leftover is only left out.
    pub(super) fn left(&mut self, left: Vec<Leftover>, reports: &[ShardReport]) {
        let there: BTreeSet<u32> = reports.iter().map(|report| report.shard.index).collect();
        for Leftover { report, why } in left {
            if report.shard.of == self.of && !there.contains(&report.shard.index) {
                self.note_shard(report.shard.index, why);
                continue;
            }
            self.findings.push(FindingEntry {
                hint: Some("delete it, or give `--max-age HOURS`".to_owned()),
                ..FindingEntry::of(Severity::Warning, Code::OldReport, format!("left out: {why}"))
            });
        }
    }

    pub(super) fn unread(&mut self, unread: &[(String, String)]) {
        for (file, why) in unread {
            self.note("a shard".to_owned(), format!("`{file}` cannot be read: {why}"));
        }
    }

    pub(super) fn absent(&mut self, reports: &[ShardReport]) {
        let mut there: BTreeSet<u32> = reports.iter().map(|report| report.shard.index).collect();
        there.extend(&self.named);
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for index in (0..self.of).filter(|index| !there.contains(index)) {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == index => *last = index,
                _ => runs.push((index, index)),
            }
        }
        for (first, last) in runs {
            if first == last {
                self.note_shard(first, "there is no report of it".to_owned());
            } else {
                let scope = format!("shards {first} to {last} of {}", self.of);
                self.note(scope, "there are no reports of them".to_owned());
            }
        }
    }

    pub(super) fn ended<'r>(&mut self, reports: impl Iterator<Item = &'r ShardReport>) {
        for report in reports {
            let why = format!("it ended without a result (`{}`)", report.file);
            self.note_shard(report.shard.index, why);
        }
    }
}
