//! `--within` and `--stack`: what a pinned run must not change, for new and saved plans. `--select`: which of the loaded specs a run is about.
//!
//! Pure.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::Halt;
use crate::document::{FindingEntry, Plan, PlannedChange};
use crate::finding::{Code, Finding, Severity};
use crate::id::ResourceId;
use crate::spec::Loaded;
use crate::text::names::{nearest, short};

/// The scopes of `--within`, as given and as ids. If there are none, nothing is excluded.
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

/// Findings for writes outside of every scope that the run is pinned to, including deletes and unmarked resources.
pub(super) fn outside(within: &Within, plan: &Plan) -> Vec<FindingEntry> {
    if within.0.is_empty() {
        return Vec::new();
    }
    let is_inside = |change: &&PlannedChange| ResourceId::parse(&change.id).is_ok_and(|id| within.holds(&id));
    let written = plan.changes.iter().filter(|change| change.action.writes());
    let findings = written.filter(|change| !is_inside(change)).map(|change| FindingEntry {
        source: change.source.clone(),
        hint: Some("remove it from the spec, or widen `--within`".to_owned()),
        ..FindingEntry::of(
            Severity::Error,
            Code::OutsideWithin,
            format!("this run is pinned to {within}, and {} is outside: `{}`", change.title, change.id),
        )
    });
    findings.collect()
}

/// Whether a finding reports a write outside of the pinned scopes.
pub(super) fn is_outside(finding: &FindingEntry) -> bool {
    finding.code == Code::OutsideWithin
}

/// The selected specs, each with a reference to the others. Without `--select`, all of them.
pub(crate) fn select(chosen: &[String], stacks: Vec<Loaded>, findings: &mut Vec<Finding>) -> Vec<Loaded> {
    if chosen.is_empty() {
        return stacks;
    }
    // The missing spec may be one that could not be read, which is reported already.
    let broken = findings.iter().any(|finding| finding.severity == Severity::Error);
    for name in
        chosen.iter().filter(|name| !broken && !stacks.iter().any(|loaded| loaded.spec.stack == **name))
    {
        let message = format!("`--select {}`: no loaded spec has that stack", short(name));
        let finding = Finding::error(Code::StackMismatch, message);
        let hint = if name.contains(',') {
            Some("repeat `--select` for each stack".to_owned())
        } else {
            meant(name, &stacks)
        }
        .unwrap_or_else(|| "pass its spec too, or correct the name".to_owned());
        findings.push(finding.hint(hint));
    }
    let (mut selected, others): (Vec<Loaded>, Vec<Loaded>) =
        stacks.into_iter().partition(|loaded| chosen.contains(&loaded.spec.stack));
    let others = Arc::new(others);
    for loaded in &mut selected {
        loaded.unselected = Arc::clone(&others);
    }
    selected
}

/// The stack that was probably meant.
pub(super) fn meant<'l>(name: &str, stacks: impl IntoIterator<Item = &'l Loaded>) -> Option<String> {
    // Whatever the order of the stacks, of several the same one was meant.
    let names: BTreeSet<&str> = stacks.into_iter().map(|loaded| loaded.spec.stack.as_str()).collect();
    let near = nearest(name, names)?;
    Some(format!("did you mean `{near}`?"))
}

/// Findings for specs of stacks that the run is not pinned to.
pub(crate) fn other_stacks(pinned: &[String], stacks: &[Loaded]) -> Vec<Finding> {
    let others = stacks.iter().filter(|loaded| !pinned.is_empty() && !pinned.contains(&loaded.spec.stack));
    let findings = others.map(|loaded| {
        let (to, stack) = (pinned.join("`, `"), &loaded.spec.stack);
        let message = format!("this run is pinned to stack `{to}`, not `{stack}`");
        Finding::error(Code::StackMismatch, message)
            .at(loaded.document.value_span("/stack"))
            .hint("pass only the spec of the pinned stack, or add `--stack` for this one")
    });
    findings.collect()
}

/// Why a saved plan does not belong to the stacks that the run is pinned to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Foreign {
    #[error("the plan writes {title} for stack `{stack}`, and this run is pinned to stack `{pinned}`")]
    Writes { title: String, stack: String, pinned: String },
    #[error(
        "the plan writes {title} for stack `{stack}`, which is not selected, and a saved plan is applied whole or not at all"
    )]
    Unselected { title: String, stack: String },
    #[error("the plan is for stack `{stacks}`, and this run is pinned to stack `{pinned}`")]
    Whole { stacks: String, pinned: String },
}

impl Foreign {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Writes { stack, .. } => format!("if this is intended, add `--stack {stack}`"),
            Self::Unselected { stack, .. } => {
                format!("add `--select {stack}`, or make a plan for the selected stacks only")
            }
            Self::Whole { .. } => "pass the plan that was made for the pinned stack".to_owned(),
        }
    }
}

/// Fails if a saved plan writes for a stack that is not selected.
pub(crate) fn unselected(chosen: &[String], plan: &Plan) -> Result<(), Halt> {
    let is_chosen =
        |change: &&PlannedChange| change.stack.as_ref().is_some_and(|stack| chosen.contains(stack));
    let mut written = plan.changes.iter().filter(|change| change.action.writes() && !chosen.is_empty());
    match written.find(|change| !is_chosen(change)) {
        None => Ok(()),
        Some(change) => {
            let (title, stack) =
                (change.title.clone(), change.stack.clone().unwrap_or_else(|| "?".to_owned()));
            Err(Halt::OtherStack(Foreign::Unselected { title, stack }))
        }
    }
}

/// Fails if a saved plan writes for a stack that the run is not pinned to, or concerns only other stacks.
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
