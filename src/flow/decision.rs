//! What `apply` should run, and whether it may.
//!
//! Pure.

use super::Checked;
use crate::apply::Secrets;
use crate::checks;
use crate::document::report::Tally;
use crate::document::{FindingEntry, Plan};
use crate::finding::{Code, Severity};
use crate::plan::saved::{Hearsay, differing};

/// What `apply` was asked to run.
#[derive(Clone)]
pub(crate) enum Asked {
    /// What specs declare.
    Specs(Checked),
    /// A saved plan that was approved.
    Saved(Plan),
    /// What specs declare, if it equals a saved plan that was approved.
    Both(Plan, Checked),
}

/// What is about to run.
pub(crate) struct Decision {
    pub plan: Plan,
    /// What is left out of a saved plan.
    pub hearsay: Hearsay,
    /// Whether it was approved as a whole, so that running only a part is not intended.
    pub whole: bool,
}

impl Decision {
    /// Adds findings for secrets that the plan would send and this run does not have.
    pub(crate) fn look_for(&mut self, secrets: &Secrets) {
        let missing = secrets.missing(&self.plan);
        self.plan.findings.extend(missing);
        self.plan.findings.sort();
    }

    /// The changes that have no step. A plan from a file was stripped of what it does not write; what the file could not plan was not done
    /// either.
    pub(super) fn without_step(&self) -> Tally {
        let (plan, file) = (&self.plan.summary, &self.hearsay);
        Tally {
            refused: plan.refused + file.refused,
            unknown: plan.unknown + file.unknown,
            ..Tally::default()
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.plan.has_errors() || self.hearsay.errors
    }

    /// Whether nothing may be written.
    pub(crate) fn is_refused(&self) -> bool {
        self.plan.is_refused() || self.plan.findings.iter().any(|finding| self.is_hopeless(finding))
    }

    /// Whether a finding forbids all writes, or means that part of an all-or-nothing plan cannot succeed.
    fn is_hopeless(&self, finding: &FindingEntry) -> bool {
        const ALWAYS: [Code; 4] =
            [Code::OutsideWithin, Code::TenantMismatch, Code::MissingPermission, Code::MissingSecret];
        finding.severity == Severity::Error
            && (ALWAYS.contains(&finding.code)
                || (self.whole && (finding.code == Code::ForeignMark || checks::is_verdict(finding))))
    }
}

/// The differences between the plan that was shown and approved and the current one.
pub(super) fn overtaken(shown: &Plan, now: &Plan) -> Vec<FindingEntry> {
    let hint = "run `keyless apply` again: it shows the plan as it is now";
    let findings = differing(shown, now).into_iter();
    findings.map(|finding| FindingEntry { hint: Some(hint.to_owned()), ..finding }).collect()
}
