//! What `apply` is asked to carry out, and whether it may.
//!
//! Pure.

use super::Checked;
use crate::apply::Secrets;
use crate::checks;
use crate::document::{FindingEntry, Plan};
use crate::finding::{Code, Severity};
use crate::plan::saved::{Hearsay, differing};

/// What is to be carried out.
#[derive(Clone)]
pub(crate) enum Asked {
    /// What specs declare.
    Specs(Checked),
    /// What a file says was approved.
    Saved(Plan),
    /// What specs declare, provided that it is what a file says was approved.
    Both(Plan, Checked),
}

/// What is about to be carried out.
pub(crate) struct Decision {
    pub plan: Plan,
    /// What is left out of a plan from a file.
    pub hearsay: Hearsay,
    /// Whether somebody approved all of it together: part of it is nobody's intention then.
    pub whole: bool,
}

impl Decision {
    /// Adds which secrets the plan would send and this run does not have.
    pub(crate) fn look_for(&mut self, secrets: &Secrets) {
        let missing = secrets.missing(&self.plan);
        self.plan.findings.extend(missing);
        self.plan.findings.sort();
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.plan.has_errors() || self.hearsay.errors
    }

    /// Whether nothing of it may be written.
    pub(crate) fn is_refused(&self) -> bool {
        self.plan.is_refused() || self.plan.findings.iter().any(|finding| self.is_hopeless(finding))
    }

    /// Whether a finding says that the run must not write at all, or that part of what is carried out whole or not at all cannot succeed.
    fn is_hopeless(&self, finding: &FindingEntry) -> bool {
        const ALWAYS: [Code; 4] =
            [Code::OutsideWithin, Code::TenantMismatch, Code::MissingPermission, Code::MissingSecret];
        finding.severity == Severity::Error
            && (ALWAYS.contains(&finding.code)
                || (self.whole && (finding.code == Code::ForeignMark || checks::is_verdict(finding))))
    }
}

/// In what a plan differs by now from the one that was shown and approved.
pub(super) fn overtaken(shown: &Plan, now: &Plan) -> Vec<FindingEntry> {
    let hint = "run `keyless apply` again: it shows the plan as it is now";
    let told = differing(shown, now).into_iter();
    told.map(|finding| FindingEntry { hint: Some(hint.to_owned()), ..finding }).collect()
}
