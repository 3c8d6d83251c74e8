//! The writes of a plan: they follow from its changes and are never saved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::plan::HoleEntry;
use crate::text::source::Position;

/// Whose right to write a change takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TakenRight {
    /// That of a group, which the caller may be a member of.
    OfGroup,
    /// The caller's own.
    OfCaller,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StepAction {
    /// Creates a resource.
    Create,
    /// Restores a soft-deleted resource, then changes it to what is declared.
    Restore,
    /// Permanently purges a soft-deleted resource.
    Purge,
    /// Updates a resource.
    Update,
    /// Deletes a resource.
    Delete,
}

/// One write, which follows from a change.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(test, derive(Deserialize), serde(rename_all = "camelCase"))]
pub struct Step {
    /// The index of its change.
    pub change: usize,
    /// The kind of write.
    pub action: StepAction,
    /// The kind of its resource.
    pub kind: String,
    /// The resource to write. With holes, its last segment stands in for a name that is not known yet.
    pub target: String,
    /// The declared change, in spec shape.
    pub patch: Map<String, Value>,
    /// Fields of the patch that are only known once other steps have run.
    #[cfg_attr(test, serde(default))]
    pub holes: Vec<HoleEntry>,
    /// The stack whose mark it writes.
    pub mark: Option<String>,
    /// The stack that it belongs to: marks of other stacks are never overwritten.
    #[cfg_attr(test, serde(default))]
    pub owner: Option<String>,
    /// Whether the resource had the stack's mark when the plan was made, and must still have it.
    #[cfg_attr(test, serde(default))]
    pub marked: bool,
    /// Fingerprint of the live resource that it starts from.
    pub base: Option<String>,
    /// Steps in the same lane never run concurrently.
    pub lane: String,
    /// The indexes of steps that must succeed first.
    pub needs: Vec<usize>,
    /// Whether it waits until all steps that are not last have ended.
    pub last: bool,
    /// Whether it waits until all steps that do not yield have ended, since it may take the right to do them.
    #[cfg_attr(test, serde(default))]
    pub yields: bool,
    /// Where it is declared.
    pub source: Option<Position>,
}
