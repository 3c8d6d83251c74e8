//! A finding in documents, with its position spelled out.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Code, Finding, Severity};
use crate::text::source::{Position, Sources};

/// A finding in a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindingEntry {
    /// Its position in a spec.
    pub source: Option<Position>,
    /// Whether it stops a run.
    pub severity: Severity,
    /// What sort of thing it is; stable between versions.
    // Text in the schema, since other versions have other codes.
    #[schemars(with = "String")]
    pub code: Code,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Azure's answer, or another cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The id of the resource that a guard judged, or that is undeclared or drifted in a field that its spec omits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
}

impl Ord for FindingEntry {
    /// Documents are in this order: codes go by their text, wherever they stand in the table of codes.
    fn cmp(&self, other: &Self) -> Ordering {
        fn key(of: &FindingEntry) -> impl Ord {
            let FindingEntry { source, severity, code, message, cause, hint, resource } = of;
            (source, *severity, code.as_str(), message, cause, hint, resource)
        }
        key(self).cmp(&key(other))
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
        Self {
            source: None,
            severity,
            code,
            message: message.into(),
            cause: None,
            hint: None,
            resource: None,
        }
    }

    /// A finding with its position spelled out.
    #[must_use]
    pub fn new(finding: &Finding, sources: &Sources) -> Self {
        Self {
            source: finding.span.map(|span| sources.position(span)),
            cause: finding.cause.clone(),
            hint: finding.hint.clone(),
            resource: finding.resource.clone(),
            ..Self::of(finding.severity, finding.code, finding.message.as_str())
        }
    }

    /// Whether it can be omitted: a note, unless it predicts a failure of `apply`, reports what could not be determined or compared, says on
    /// what evidence keys go off, or what an `--allow` lets happen.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let loud = [
            Code::MissingPermission,
            Code::PolicyRefusal,
            Code::CauseUnread,
            Code::GuardKeyUse,
            Code::NotCompared,
        ];
        self.severity == Severity::Note && !loud.contains(&self.code) && !self.is_lifted()
    }

    /// Whether it is a guard's judgement of the current plan: a refusal, or the effect of an `--allow`.
    #[must_use]
    pub fn is_judgement(&self) -> bool {
        self.code.is_guard()
    }

    /// Whether a guard says it, and `--allow` lifted it: other notes of guards ask for nothing.
    #[must_use]
    pub fn is_lifted(&self) -> bool {
        self.severity == Severity::Note && self.is_judgement() && self.hint.is_some()
    }

    /// Whether a guard refuses the plan.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        self.severity == Severity::Error && self.is_judgement()
    }
}
