//! A run's options for the flow, besides its specs or plan.

use super::pins::Within;
use crate::finding::Severity;
use crate::guards::Allow;

/// A run's options.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub purpose: PlanPurpose,
    /// Where the run may write.
    pub within: Within,
    /// The guards that are lifted.
    pub allowed: &'a [Allow],
    /// The addresses whose secrets are sent again.
    pub rotate: &'a [String],
}

/// The purpose of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlanPurpose {
    /// To show it.
    Plan,
    /// To apply it at once.
    Apply,
    /// To show what differs.
    Drift,
}

impl PlanPurpose {
    /// The severity of missing permissions; `None` if nothing will be applied, so that steps need no queries.
    pub(super) fn unpermitted(self) -> Option<Severity> {
        match self {
            // The identity that plans in a pull request need not be the one that applies.
            Self::Plan => Some(Severity::Note),
            Self::Apply => Some(Severity::Error),
            Self::Drift => None,
        }
    }

    /// Whether to find out who caused the differences.
    pub(super) fn explains(self) -> bool {
        self == Self::Drift
    }
}
