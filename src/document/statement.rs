//! What a command has to say that only looks, or does something else than carry out a plan: its own part beside what every
//! document holds. Pure data; `render` shows it.

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
    /// Where it holds.
    pub target: Target,
    /// What the command is about.
    #[serde(flatten)]
    pub about: T,
    /// What there is to say, in the order of the spec's lines.
    pub findings: Vec<FindingEntry>,
    /// The requests made.
    pub requests: Requests,
}

impl<T> Statement<T> {
    /// Puts a document together.
    #[must_use]
    pub fn new(about: T, mut findings: Vec<FindingEntry>, target: Target, requests: Requests) -> Self {
        findings.sort();
        findings.dedup();
        Self { format_version: FORMAT_VERSION.to_owned(), target, about, findings, requests }
    }

    /// Whether something is wrong.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}
