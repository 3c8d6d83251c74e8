//! What would have to happen to one resource, as a value.

use super::Stays;
use crate::id::ResourceId;
use crate::kinds::desired::Desired;
use crate::kinds::{FieldChange, Live, Weight};
use crate::snapshot::Refusal;
use crate::source::Span;

/// What would have to happen to one resource.
#[derive(Debug, Clone)]
pub enum Change {
    /// It is declared and not there.
    Create {
        /// What is declared.
        desired: Desired,
        /// A soft-deleted resource that is purged first, for good.
        purge: Option<ResourceId>,
    },
    /// It is soft-deleted: it is brought back, then to what is declared.
    Restore {
        /// What is declared.
        desired: Desired,
        /// The fields that differ from what it was.
        fields: Vec<FieldChange>,
        /// Whether it carries the stack's mark afterwards.
        mark: bool,
    },
    /// It is as declared, unmarked, and the stack adopts.
    Adopt {
        /// What is declared.
        desired: Desired,
        /// What is there.
        live: Live,
    },
    /// It is there and differs.
    Update {
        /// What is declared.
        desired: Desired,
        /// What is there.
        live: Live,
        /// The fields that differ.
        fields: Vec<FieldChange>,
        /// Whether it also gets the stack's mark for the first time.
        adopt: bool,
    },
    /// It differs in a way that cannot be closed; the findings say more.
    Refused {
        /// What is declared.
        desired: Desired,
        /// What is there.
        found: Found,
        /// The fields that differ.
        fields: Vec<FieldChange>,
        /// Why, in a line.
        why: String,
    },
    /// It carries the stack's mark and is no longer declared.
    Delete {
        /// What is there.
        live: Live,
        /// Whose it is.
        stack: String,
        /// Where that stack is declared.
        span: Span,
        /// How people name it.
        title: String,
    },
    /// It is as declared.
    NoOp {
        /// What is declared.
        desired: Desired,
        /// What is there.
        live: Live,
    },
    /// It is live, near what is declared, and stays as it is.
    Unmanaged {
        /// What is there.
        live: Live,
        /// Why it stays.
        stays: Stays,
        /// The same in words, and what else there is to say.
        why: String,
        /// How much that matters.
        weight: Weight,
        /// How people name it.
        title: String,
    },
    /// It could not be read.
    Unknown {
        /// What is declared.
        desired: Desired,
        /// What stood in the way.
        refusal: Refusal,
    },
}

/// What is live of something declared.
#[derive(Debug, Clone)]
pub enum Found {
    /// It is not there.
    Nothing,
    /// It is there.
    This(Box<Live>),
    /// Which one is meant is not clear.
    Unclear,
}

impl Change {
    /// What it says is declared.
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
