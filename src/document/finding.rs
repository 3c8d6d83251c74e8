//! A finding as documents hold it: with its place spelled out.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Code, Finding, Severity};
use crate::source::{Position, Sources};

/// A finding, as people and programs read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingEntry {
    /// Where in the spec.
    pub source: Option<Position>,
    /// How much it matters.
    pub severity: Severity,
    /// What sort of thing it is; stable between versions.
    // Text, since a file may be from a version that has other codes: to compare, there is `is`.
    pub code: String,
    /// What there is to say.
    pub message: String,
    /// What Azure answered, or another cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl FindingEntry {
    /// A finding of this version, without a place, a cause or a hint so far.
    #[must_use]
    pub fn of(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        let (code, message) = (code.as_str().to_owned(), message.into());
        Self { source: None, severity, code, message, cause: None, hint: None }
    }

    /// Whether it is of a sort.
    #[must_use]
    pub fn is(&self, code: Code) -> bool {
        self.code == code.as_str()
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
        self.severity == Severity::Note && !loud.into_iter().any(|code| self.is(code))
    }

    /// Whether a guard says it, about the plan as it is: refusals, what was lifted, and what was lifted for nothing.
    #[must_use]
    pub fn is_judgement(&self) -> bool {
        Code::ALL.iter().any(|code| code.is_guard() && self.is(*code))
    }

    /// Whether a guard refuses the plan.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.severity == Severity::Error && self.is_judgement()
    }
}
