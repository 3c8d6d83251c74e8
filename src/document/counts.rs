//! What can be counted of a plan besides its actions, and how much of what is declared it judges.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::FindingEntry;
use super::plan::{Action, Plan, PlannedChange};
use crate::finding::{Code, Severity};

/// How much of what the specs declare was judged: without changes, only `all` means that there are none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Judged {
    /// Everything that the specs declare was compared.
    All,
    /// What Azure shows: it does not show some declared fields (`notCompared`).
    Shown,
    /// A part of it: something could not be read or resolved, or is in error.
    #[default]
    Part,
}

impl PlannedChange {
    /// Whether nothing is written although a field that the spec omits is no longer as it must be on creation.
    #[must_use]
    pub fn is_drifted(&self) -> bool {
        self.action == Action::Noop && !self.omitted.is_empty()
    }

    /// Whether it is as declared as far as Azure shows it, which is not all of it.
    #[must_use]
    pub fn is_partly_compared(&self) -> bool {
        self.action == Action::Noop && self.omitted.is_empty() && !self.not_compared.is_empty()
    }
}

impl Plan {
    /// The number of declared resources that stay if their line is removed. Each has a note; the count is always reported.
    #[must_use]
    pub fn not_ours(&self) -> usize {
        let counted =
            |finding: &&FindingEntry| finding.code == Code::NotOurs && finding.severity == Severity::Note;
        self.findings.iter().filter(counted).count()
    }

    /// The number of resources that are deleted along with their parent, as far as they were read.
    #[must_use]
    pub fn along(&self) -> usize {
        self.changes.iter().map(|change| change.along.len()).sum()
    }

    /// The number of resources that drifted in nothing but what their spec omits.
    #[must_use]
    pub fn drifted(&self) -> usize {
        self.changes.iter().filter(|change| change.is_drifted()).count()
    }

    /// The number of resources that are as declared as far as Azure shows them, which is not all of it.
    #[must_use]
    pub fn partly_compared(&self) -> usize {
        self.changes.iter().filter(|change| change.is_partly_compared()).count()
    }

    /// The number of declared resources that are as declared, and of which nothing else is drift.
    #[must_use]
    pub fn unchanged(&self) -> usize {
        self.summary.noop.saturating_sub(self.drifted() + self.partly_compared())
    }

    /// How much of what is declared was judged.
    #[must_use]
    pub fn judged(&self) -> Judged {
        let is_partial = |change: &PlannedChange| !change.not_compared.is_empty();
        if self.has_errors() || self.summary.unmanaged_unknown > 0 || !self.incomplete.is_empty() {
            Judged::Part
        } else if self.changes.iter().any(is_partial) {
            Judged::Shown
        } else {
            Judged::All
        }
    }
}
