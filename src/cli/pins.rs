//! `--within`: what a run that is pinned to a scope must not change.

use super::output::Failure;
use crate::diff::{Change, Diff};
use crate::finding::{Code, Finding, Severity};
use crate::id::ResourceId;
use crate::plan::document::{FindingEntry, Plan};

/// The scope of `--within`.
pub(super) fn pin(within: &str) -> Result<ResourceId, Failure> {
    ResourceId::parse(within)
        .map_err(|error| Failure::new(format!("`--within {within}` is not a scope")).cause(error))
}

/// Changes that a pinned run must not make.
pub(super) fn changes_outside(within: &str, diff: &Diff) -> Result<Vec<Finding>, Failure> {
    let scope = pin(within)?;
    let refused = |title: &str, span| {
        Finding::error(
            Code::OutsideWithin,
            format!("{title} is outside of `{scope}`, to which this run is pinned"),
        )
        .at(span)
        .hint("take it out of the spec, or widen `--within`")
    };
    let findings = diff.changes.iter().filter_map(|change| match change {
        Change::Create { desired, .. }
        | Change::Restore { desired, .. }
        | Change::Adopt { desired, .. }
        | Change::Update { desired, .. } => {
            (!scope.contains(&desired.scope)).then(|| refused(&desired.title, desired.span))
        }
        Change::Delete { live, span, title, .. } => {
            (!scope.contains(&live.scope)).then(|| refused(title, *span))
        }
        _ => None,
    });
    Ok(findings.collect())
}

/// Steps of a saved plan that a pinned run must not take.
pub(super) fn steps_outside(within: &str, plan: &Plan) -> Result<Vec<FindingEntry>, Failure> {
    let scope = pin(within)?;
    let outside = plan
        .steps
        .iter()
        .filter(|step| ResourceId::parse(&step.target).is_ok_and(|target| !scope.contains(&target)));
    let findings = outside.map(|step| FindingEntry {
        source: step.source.clone(),
        severity: Severity::Error,
        code: Code::OutsideWithin.as_str().to_owned(),
        message: format!("`{}` is outside of `{scope}`, to which this run is pinned", step.target),
        cause: None,
        hint: Some("widen `--within`, or make a plan that stays inside".to_owned()),
    });
    Ok(findings.collect())
}
