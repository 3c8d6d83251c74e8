//! What only the file claims in a plan applied without specs: entries that change nothing, and earlier findings.
//!
//! Pure. Anyone who edits the file can write anything there, and it cannot be recomputed: it is counted, not shown.

use crate::document::{Action, FindingEntry, Plan, Summary};
use crate::finding::Severity;
use crate::plan::steps;

/// What is left out of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hearsay {
    /// Entries that change nothing.
    pub entries: usize,
    /// Of those, declared changes that cannot be made.
    pub refused: usize,
    /// Of those, declared resources that could not be read.
    pub unknown: usize,
    /// Findings that are not recomputed, and scopes that could not be read.
    pub findings: usize,
    /// Whether any of it says that part of the specs could not be planned.
    pub errors: bool,
}

impl Hearsay {
    /// Removes earlier findings from a plan. Those that are recomputed are not counted.
    pub fn findings_of(plan: &mut Plan, is_found_anew: impl Fn(&FindingEntry) -> bool) -> Self {
        let count =
            |wanted: fn(Action) -> bool| plan.changes.iter().filter(|change| wanted(change.action)).count();
        let refused = count(|action| action == Action::Refused);
        let unknown = count(|action| action == Action::Unknown);
        let mut hearsay = Self {
            entries: count(|action| !action.writes()),
            refused,
            unknown,
            findings: plan.incomplete.len(),
            errors: refused + unknown > 0,
        };
        plan.incomplete.clear();
        for finding in plan.findings.drain(..).filter(|finding| !is_found_anew(finding)) {
            hearsay.findings += 1;
            hearsay.errors |= finding.severity == Severity::Error;
        }
        hearsay
    }

    /// Whether nothing was left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries + self.findings == 0
    }
}

/// Removes entries that change nothing from a plan.
pub fn leave_out_idle(plan: &mut Plan) {
    plan.changes.retain(|change| change.action.writes());
    plan.steps = steps::steps(&plan.changes);
    plan.summary = Summary::of(&plan.changes);
    plan.fingerprint = plan.digest();
}
