//! `--within` and `--stack`: what a run that is pinned must not change, whether its plan is fresh or comes from a file.

use super::output::Failure;
use crate::document::{FindingEntry, Plan, PlannedChange};
use crate::finding::{Code, Severity};
use crate::id::ResourceId;

/// The scopes of `--within`.
pub(super) fn scopes(within: &[String]) -> Result<Vec<ResourceId>, Failure> {
    let scope = |within: &String| {
        ResourceId::declared(within)
            .map_err(|error| Failure::new(format!("`--within {within}` is not a scope")).cause(error))
    };
    within.iter().map(scope).collect()
}

/// Writes of a plan that are in none of the scopes to which the run is pinned: deletes and what carries no mark too.
pub(super) fn outside(within: &[String], plan: &Plan) -> Result<Vec<FindingEntry>, Failure> {
    let scopes = scopes(within)?;
    if scopes.is_empty() {
        return Ok(Vec::new());
    }
    let is_inside = |change: &&PlannedChange| {
        ResourceId::parse(&change.id).is_ok_and(|id| scopes.iter().any(|scope| scope.contains(&id)))
    };
    let written = plan.changes.iter().filter(|change| change.action.writes());
    let findings = written.filter(|change| !is_inside(change)).map(|change| FindingEntry {
        source: change.source.clone(),
        severity: Severity::Error,
        code: Code::OutsideWithin.as_str().to_owned(),
        message: format!(
            "{} is outside of `{}`, to which this run is pinned: `{}`",
            change.title,
            within.join("`, `"),
            change.id
        ),
        cause: None,
        hint: Some("take it out of the spec, or widen `--within`".to_owned()),
    });
    Ok(findings.collect())
}

/// Whether a finding tells of a write that is pinned elsewhere.
pub(super) fn is_outside(finding: &FindingEntry) -> bool {
    finding.code == Code::OutsideWithin.as_str()
}

/// Fails where a plan from a file writes for a stack to which the run is not pinned, or is about other stacks altogether.
pub(super) fn stacks(pinned: &[String], plan: &Plan) -> Result<(), Failure> {
    if pinned.is_empty() {
        return Ok(());
    }
    let to = pinned.join("`, `");
    let is_pinned =
        |change: &PlannedChange| change.stack.as_ref().is_some_and(|stack| pinned.contains(stack));
    let mut written = plan.changes.iter().filter(|change| change.action.writes());
    if let Some(change) = written.find(|change| !is_pinned(change)) {
        let stack = change.stack.as_deref().unwrap_or("?");
        let message = format!(
            "the plan writes {} for stack `{stack}`, and this run is pinned to stack `{to}`",
            change.title
        );
        return Err(Failure::new(message).hint(format!("add `--stack {stack}` if it is meant")));
    }
    let mut stacks: Vec<&str> = plan.changes.iter().filter_map(|change| change.stack.as_deref()).collect();
    stacks.sort_unstable();
    stacks.dedup();
    if stacks.is_empty() || plan.changes.iter().any(is_pinned) {
        return Ok(());
    }
    let message =
        format!("the plan is of stack `{}`, and this run is pinned to stack `{to}`", stacks.join("`, `"));
    Err(Failure::new(message).hint("give the plan that was made for the pinned stack"))
}
