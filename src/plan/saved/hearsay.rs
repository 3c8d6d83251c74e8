//! What only the file says of a plan that is carried out without specs: what changes nothing, and what was found when it was made.
//!
//! Pure. Whoever edits the file can write anything there, and nothing of it can be made anew: it is counted, and not shown.

use crate::document::{Action, FindingEntry, Plan, Summary};
use crate::finding::Severity;
use crate::plan::steps;

/// What is left out of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hearsay {
    /// Entries that change nothing.
    pub entries: usize,
    /// Findings that nothing makes anew, and scopes that could not be read.
    pub findings: usize,
    /// Whether something of that says that part of what the specs asked for could not be planned.
    pub errors: bool,
}

impl Hearsay {
    /// Takes out of a plan what was found when it was made. What is found anew is not counted.
    pub fn findings_of(plan: &mut Plan, is_found_anew: impl Fn(&FindingEntry) -> bool) -> Self {
        let broken = |action: Action| matches!(action, Action::Refused | Action::Unknown);
        let mut hearsay = Self {
            entries: plan.changes.iter().filter(|change| !change.action.writes()).count(),
            findings: plan.incomplete.len(),
            errors: plan.changes.iter().any(|change| broken(change.action)),
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

/// Takes the entries that change nothing out of a plan.
pub fn leave_out_idle(plan: &mut Plan) {
    plan.changes.retain(|change| change.action.writes());
    plan.steps = steps::steps(&plan.changes);
    plan.summary = Summary::of(&plan.changes);
    plan.fingerprint = plan.digest();
}
