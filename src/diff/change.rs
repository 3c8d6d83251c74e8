//! What would have to happen to one resource, as a value.

use super::Stays;
use crate::id::ResourceId;
use crate::kinds::desired::Desired;
use crate::kinds::{FieldChange, Live, Weight};
use crate::snapshot::Refusal;
use crate::text::source::Span;

/// What would have to happen to one resource.
#[derive(Debug, Clone)]
pub enum Change {
    /// It is declared and does not exist.
    Create {
        /// What is declared.
        desired: Desired,
        /// A soft-deleted resource to purge permanently first.
        purge: Option<ResourceId>,
    },
    /// It is soft-deleted: it is restored, then changed to what is declared.
    Restore {
        /// What is declared.
        desired: Desired,
        /// The fields that differ from its old settings.
        fields: Vec<FieldChange>,
        /// Whether it has the stack's mark afterwards.
        mark: bool,
    },
    /// It is as declared but unmarked, and the stack adopts it.
    Adopt {
        /// What is declared.
        desired: Desired,
        /// The live resource.
        live: Live,
    },
    /// It exists and differs.
    Update {
        /// What is declared.
        desired: Desired,
        /// The live resource.
        live: Live,
        /// The fields that differ.
        fields: Vec<FieldChange>,
        /// Whether it also gets the stack's mark.
        adopt: bool,
    },
    /// Its differences cannot be resolved; findings say why.
    Refused {
        /// What is declared.
        desired: Desired,
        /// The live resource, if any.
        found: LiveMatch,
        /// The fields that differ.
        fields: Vec<FieldChange>,
        /// Why, in one line.
        why: String,
    },
    /// It carries the stack's mark and is no longer declared.
    Delete {
        /// The live resource.
        live: Live,
        /// The stack that owns it.
        stack: String,
        /// Where that stack is declared.
        span: Span,
        /// What people call it.
        title: String,
    },
    /// It is as declared.
    NoOp {
        /// What is declared.
        desired: Desired,
        /// The live resource.
        live: Live,
    },
    /// It is live, near declared resources, and stays as it is.
    Unmanaged {
        /// The live resource.
        live: Live,
        /// Why it stays.
        stays: Stays,
        /// The reason in words, with anything else worth saying.
        why: String,
        /// How serious it is.
        weight: Weight,
        /// What people call it.
        title: String,
    },
    /// It could not be read.
    Unknown {
        /// What is declared.
        desired: Desired,
        /// Why it could not be read.
        refusal: Refusal,
    },
}

/// What is live for a declared resource.
#[derive(Debug, Clone)]
pub enum LiveMatch {
    /// No live resource was found.
    Nothing,
    /// This resource.
    This(Box<Live>),
    /// It is not clear which resource is meant.
    Unclear,
}

impl Change {
    /// Its live resource, if any.
    #[must_use]
    pub fn live(&self) -> Option<&Live> {
        match self {
            Self::Adopt { live, .. }
            | Self::Update { live, .. }
            | Self::Delete { live, .. }
            | Self::NoOp { live, .. }
            | Self::Unmanaged { live, .. } => Some(live),
            Self::Refused { found: LiveMatch::This(live), .. } => Some(live),
            Self::Create { .. } | Self::Restore { .. } | Self::Refused { .. } | Self::Unknown { .. } => None,
        }
    }

    /// Its declared resource, if any.
    #[must_use]
    pub fn desired(&self) -> Option<&Desired> {
        match self {
            Self::Create { desired, .. }
            | Self::Restore { desired, .. }
            | Self::Adopt { desired, .. }
            | Self::Update { desired, .. }
            | Self::Refused { desired, .. }
            | Self::NoOp { desired, .. }
            | Self::Unknown { desired, .. } => Some(desired),
            Self::Delete { .. } | Self::Unmanaged { .. } => None,
        }
    }
}
