//! `--within` and `--stack`: what a run that is pinned must not change, whether its plan is fresh or comes from a file.
//!
//! Pure.

use std::fmt;

use super::Halt;
use crate::document::{FindingEntry, Plan, PlannedChange};
use crate::finding::{Code, Finding, Severity};
use crate::id::ResourceId;
use crate::spec::Loaded;

/// The scopes of `--within`: as they were given, and what they mean. Without any, everything is within.
#[derive(Debug, Default)]
pub(crate) struct Within(Vec<(String, ResourceId)>);

impl Within {
    pub(crate) fn parse(given: &[String]) -> Result<Self, Halt> {
        let scope = |given: &String| match ResourceId::declared(given) {
            Ok(scope) => Ok((given.clone(), scope)),
            Err(source) => Err(Halt::NoScope { given: given.clone(), source }),
        };
        given.iter().map(scope).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn holds(&self, id: &ResourceId) -> bool {
        self.0.is_empty() || self.0.iter().any(|(_, scope)| scope.contains(id))
    }
}

impl fmt::Display for Within {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given: Vec<&str> = self.0.iter().map(|(given, _)| given.as_str()).collect();
        write!(f, "`{}`", given.join("`, `"))
    }
}

/// Writes of a plan that are in none of the scopes to which the run is pinned: deletes and what carries no mark too.
pub(super) fn outside(within: &Within, plan: &Plan) -> Vec<FindingEntry> {
    if within.0.is_empty() {
        return Vec::new();
    }
    let is_inside = |change: &&PlannedChange| ResourceId::parse(&change.id).is_ok_and(|id| within.holds(&id));
    let written = plan.changes.iter().filter(|change| change.action.writes());
    let findings = written.filter(|change| !is_inside(change)).map(|change| FindingEntry {
        source: change.source.clone(),
        hint: Some("take it out of the spec, or widen `--within`".to_owned()),
        ..FindingEntry::of(
            Severity::Error,
            Code::OutsideWithin,
            format!("{} is outside of {within}, to which this run is pinned: `{}`", change.title, change.id),
        )
    });
    findings.collect()
}

/// Whether a finding tells of a write that is pinned elsewhere.
pub(super) fn is_outside(finding: &FindingEntry) -> bool {
    finding.code == Code::OutsideWithin
}

/// The specs of stacks to which the run is not pinned.
pub(crate) fn other_stacks(pinned: &[String], stacks: &[Loaded]) -> Vec<Finding> {
    let others = stacks.iter().filter(|loaded| !pinned.is_empty() && !pinned.contains(&loaded.spec.stack));
    let findings = others.map(|loaded| {
        let (to, stack) = (pinned.join("`, `"), &loaded.spec.stack);
        let message = format!("this run is pinned to stack `{to}`, not `{stack}`");
        Finding::error(Code::StackMismatch, message)
            .at(loaded.document.value_span("/stack"))
            .hint("give the spec of the pinned stack only, or add `--stack` for this one")
    });
    findings.collect()
}

/// How a plan from a file is not of the stacks to which the run is pinned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Foreign {
    #[error("the plan writes {title} for stack `{stack}`, and this run is pinned to stack `{pinned}`")]
    Writes { title: String, stack: String, pinned: String },
    #[error("the plan is of stack `{stacks}`, and this run is pinned to stack `{pinned}`")]
    Whole { stacks: String, pinned: String },
}

impl Foreign {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Writes { stack, .. } => format!("add `--stack {stack}` if it is meant"),
            Self::Whole { .. } => "give the plan that was made for the pinned stack".to_owned(),
        }
    }
}

/// Fails where a plan from a file writes for a stack to which the run is not pinned, or is about other stacks altogether.
pub(crate) fn stacks(pinned: &[String], plan: &Plan) -> Result<(), Halt> {
    if pinned.is_empty() {
        return Ok(());
    }
    let is_pinned =
        |change: &PlannedChange| change.stack.as_ref().is_some_and(|stack| pinned.contains(stack));
    let to = pinned.join("`, `");
    let mut written = plan.changes.iter().filter(|change| change.action.writes());
    if let Some(change) = written.find(|change| !is_pinned(change)) {
        let stack = change.stack.clone().unwrap_or_else(|| "?".to_owned());
        return Err(Halt::OtherStack(Foreign::Writes { title: change.title.clone(), stack, pinned: to }));
    }
    let mut stacks: Vec<&str> = plan.changes.iter().filter_map(|change| change.stack.as_deref()).collect();
    stacks.sort_unstable();
    stacks.dedup();
    if stacks.is_empty() || plan.changes.iter().any(is_pinned) {
        return Ok(());
    }
    Err(Halt::OtherStack(Foreign::Whole { stacks: stacks.join("`, `"), pinned: to }))
}
