//! Plans that were saved: read back, checked for damage, and held against fresh live state.
//!
//! Pure. A saved plan is trusted like code, so its fingerprint shows damage and not authorship; what may have changed is Azure.

use std::collections::BTreeMap;

use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::kinds::{self, writable};
use crate::plan::document::{FORMAT_VERSION, FindingEntry, Plan, Step, StepAction, Summary};
use crate::plan::predict::World;

/// Why a file cannot be carried out as a plan.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It is not JSON, or not all of it.
    #[error("it is not a whole JSON document: {0}")]
    Json(serde_json::Error),
    /// It is JSON, and not a plan.
    #[error("it is not a plan: {0}")]
    Shape(serde_json::Error),
    /// It is of another format.
    #[error("it has format version `{0}`, and this keyless reads `{FORMAT_VERSION}`")]
    Version(String),
    /// It was changed, or damaged, after it was made.
    #[error("its contents do not match its fingerprint: it was edited or damaged")]
    Fingerprint,
    /// Its steps do not fit together.
    #[error("step {0} refers to what is not there")]
    Reference(usize),
}

/// Reads a saved plan.
pub fn parse(text: &str) -> Result<Plan, SavedError> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(SavedError::Json)?;
    // The version decides how the rest is to be read.
    if let Some(version) = value.get("formatVersion").and_then(|version| version.as_str())
        && version != FORMAT_VERSION
    {
        return Err(SavedError::Version(version.to_owned()));
    }
    let plan: Plan = serde_json::from_value(value).map_err(SavedError::Shape)?;
    // The counts are what people look at first.
    let mut counted = Summary::default();
    for change in &plan.changes {
        counted.count(change.action);
    }
    if plan.fingerprint != plan.digest() || plan.summary != counted {
        return Err(SavedError::Fingerprint);
    }
    for (index, step) in plan.steps.iter().enumerate() {
        let known = |need: &usize| *need < plan.steps.len() && *need != index;
        let target = ResourceId::parse(&step.target).is_ok() && kinds::by_name(&step.kind).is_some();
        let referred = step.reference.as_ref().is_none_or(|reference| {
            ResourceId::parse(&reference.identity_of).is_ok() && kinds::by_name(&reference.kind).is_some()
        });
        if !referred || !target || step.change >= plan.changes.len() || !step.needs.iter().all(known) {
            return Err(SavedError::Reference(index));
        }
    }
    Ok(plan)
}

/// What changed in Azure since the plan was made, step by step.
#[must_use]
pub fn stale(plan: &Plan, now: &World) -> Vec<FindingEntry> {
    let mut findings = BTreeMap::new();
    for step in &plan.steps {
        let (Ok(id), Some(kind)) = (ResourceId::parse(&step.target), kinds::by_name(&step.kind)) else {
            continue;
        };
        if step.action == StepAction::Purge {
            continue;
        }
        let live = now.resource(&id).map(|body| super::hash(&writable(kind, body)));
        let what = match (&step.base, live) {
            (base, live) if *base == live => continue,
            (None, Some(_)) => "somebody created it",
            (Some(_), None) => "it has gone",
            _ => "its settings were changed",
        };
        findings.insert(id, finding(plan, step, what));
    }
    findings.into_values().collect()
}

/// Steps of a saved plan that a fresh plan does not hold.
#[must_use]
pub fn differing(saved: &Plan, fresh: &Plan) -> Vec<FindingEntry> {
    let same = |a: &Step, b: &Step| {
        a.action == b.action
            && a.target.eq_ignore_ascii_case(&b.target)
            && a.patch == b.patch
            && a.reference == b.reference
            && a.mark == b.mark
            && a.base == b.base
    };
    saved
        .steps
        .iter()
        .filter(|step| !fresh.steps.iter().any(|other| same(step, other)))
        .map(|step| finding(saved, step, "the specs and Azure do not ask for this step now"))
        .collect()
}

fn finding(plan: &Plan, step: &Step, what: &str) -> FindingEntry {
    let title = plan.changes.get(step.change).map_or(step.target.as_str(), |change| change.title.as_str());
    let verb = match step.action {
        StepAction::Create => "create",
        StepAction::Restore => "restore",
        StepAction::Purge => "purge",
        StepAction::Update => "update",
        StepAction::Delete => "delete",
    };
    FindingEntry {
        source: step.source.clone(),
        severity: Severity::Error,
        code: Code::GuardStale.as_str().to_owned(),
        message: format!("the plan would {verb} {title}, and since it was made {what}"),
        cause: None,
        hint: Some("make a new plan, look at it, and apply that".to_owned()),
    }
}
