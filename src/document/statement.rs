//! The document of a command other than `plan` and `apply`: its own part and what every document contains. Pure data; `render` shows it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{FORMAT_VERSION, FindingEntry, Requests, Shard, Target};
use crate::finding::Severity;

/// A document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statement<T> {
    /// Version of this format: `1.0`.
    pub format_version: String,
    /// Where it applies.
    pub target: Target,
    /// Of which part of a fleet it is (`--shard`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Box<Shard>>,
    /// The command's own part.
    #[serde(flatten)]
    pub about: T,
    /// Findings, in the order of the spec's lines.
    pub findings: Vec<FindingEntry>,
    /// The requests made.
    pub requests: Requests,
}

impl<T> Statement<T> {
    /// Combines the parts of a document.
    #[must_use]
    pub fn new(about: T, mut findings: Vec<FindingEntry>, target: Target, requests: Requests) -> Self {
        findings.sort();
        findings.dedup();
        Self { format_version: FORMAT_VERSION.to_owned(), target, shard: None, about, findings, requests }
    }

    /// Whether there are errors.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}
