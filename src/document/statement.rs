//! The document of a command other than `plan` and `apply`: its own part and what every document contains. Pure data; `render` shows it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{FORMAT_VERSION, FindingEntry, Requests, Target};
use crate::finding::Severity;

/// A document.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Statement<T> {
    /// Version of this format: `1.0`.
    pub format_version: String,
    /// Where it applies.
    pub target: Target,
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
        Self { format_version: FORMAT_VERSION.to_owned(), target, about, findings, requests }
    }

    /// Whether there are errors.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}
