//! A finding as documents hold it: with its place spelled out.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Code, Finding, Severity};
use crate::source::{Position, Sources};

/// A finding, as people and programs read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingEntry {
    /// Where in the spec.
    pub source: Option<Position>,
    /// How much it matters.
    pub severity: Severity,
    /// What sort of thing it is; stable between versions.
    // Text in the schema: other versions have other codes.
    #[schemars(with = "String")]
    pub code: Code,
    /// What there is to say.
    pub message: String,
    /// What Azure answered, or another cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Ord for FindingEntry {
    /// Documents are in this order: codes go by their text, wherever they stand in the table of codes.
    fn cmp(&self, other: &Self) -> Ordering {
        let Self { source, severity, code, message, cause, hint } = self;
        let other =
            (&other.source, other.severity, other.code.as_str(), &other.message, &other.cause, &other.hint);
        (source, *severity, code.as_str(), message, cause, hint).cmp(&other)
    }
}

impl PartialOrd for FindingEntry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FindingEntry {
    /// A finding of this version, without a place, a cause or a hint so far.
    #[must_use]
    pub fn of(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self { source: None, severity, code, message: message.into(), cause: None, hint: None }
    }

    /// A finding with its place spelled out.
    #[must_use]
    pub fn new(finding: &Finding, sources: &Sources) -> Self {
        Self {
            source: finding.span.map(|span| sources.position(span)),
            cause: finding.cause.clone(),
            hint: finding.hint.clone(),
            ..Self::of(finding.severity, finding.code, finding.message.as_str())
        }
    }

    /// Whether people may be spared it: a note, unless it tells of what would make `apply` fail, or of what `drift` could not find out.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let loud = [Code::MissingPermission, Code::PolicyRefusal, Code::CauseUnread];
        self.severity == Severity::Note && !loud.contains(&self.code)
    }

    /// Whether a guard says it, about the plan as it is: refusals, what was lifted, and what was lifted for nothing.
    #[must_use]
    pub fn is_judgement(&self) -> bool {
        self.code.is_guard()
    }

    /// Whether a guard refuses the plan.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.severity == Severity::Error && self.is_judgement()
    }
}
