//! What a run asks of the flow beyond its specs or its plan.

use super::pins::Within;
use crate::finding::Severity;
use crate::guards::Allow;

/// What is wished.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub purpose: Purpose,
    /// Where something may be written.
    pub within: Within,
    /// Which guards are lifted.
    pub allowed: &'a [Allow],
    /// The addresses whose secrets are sent again.
    pub rotate: &'a [String],
}

/// What a plan is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be looked at.
    Plan,
    /// To be carried out at once.
    Apply,
    /// To show what differs.
    Drift,
}

impl Purpose {
    /// How much it matters that the caller may not do what the plan would; `None` where nobody is going to, and nothing is asked about steps.
    pub(super) fn unpermitted(self) -> Option<Severity> {
        match self {
            // Whoever plans in a pull request need not be the one who applies.
            Self::Plan => Some(Severity::Note),
            Self::Apply => Some(Severity::Error),
            Self::Drift => None,
        }
    }

    /// Whether it is asked who caused what differs.
    pub(super) fn explains(self) -> bool {
        self == Self::Drift
    }
}
