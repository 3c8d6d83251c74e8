//! The last lines of a plan and of a drift: how much of what there is.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::text::{BAD, GOOD, STRONG, requests, target};
use crate::document::{Plan, Summary};

/// What `drift` found out, which its exit code says too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Azure is as the specs say.
    Nothing,
    /// It is not.
    Drift,
    /// That could not be judged.
    Unjudged,
}

/// Whether a plan shows drift.
pub(super) fn found(plan: &Plan) -> Found {
    if plan.changes.iter().any(|change| change.differs.is_some()) {
        Found::Drift
    } else if plan.summary.unmanaged_unknown > 0 || plan.has_errors() || !plan.incomplete.is_empty() {
        Found::Unjudged
    } else {
        Found::Nothing
    }
}

/// What is declared and carries no mark, behind its number: removing its line deletes nothing.
pub(super) const NOT_OWNED: &str = "declared but not owned";

pub(super) fn listed(parts: &[(usize, &str)]) -> String {
    let some = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    some.collect::<Vec<_>>().join(", ")
}

/// The writes that `apply` would make.
fn pending(counts: &Summary) -> [(usize, &'static str); 5] {
    [
        (counts.create, "to create"),
        (counts.restore, "to restore"),
        (counts.update, "to update"),
        (counts.adopt, "to adopt"),
        (counts.delete, "to delete"),
    ]
}

/// That guards refuse the plan, before what it would do.
pub(super) fn refused(plan: &Plan) -> String {
    let refusals = plan.findings.iter().filter(|finding| finding.is_refusal());
    match refusals.map(|finding| finding.code.as_str()).collect::<BTreeSet<_>>().len() {
        0 => String::new(),
        1 => "Refused by a guard: ".to_owned(),
        several => format!("Refused by {several} guards: "),
    }
}

/// What lists are that could not be read whole, behind their number.
pub(super) fn not_read(plan: &Plan) -> &'static str {
    if plan.incomplete.len() == 1 { "list not read whole" } else { "lists not read whole" }
}

/// The last lines of `plan`.
pub(super) fn summary(text: &mut String, plan: &Plan) {
    let counts = &plan.summary;
    let pending = listed(&pending(counts));
    let drift = match counts.unmanaged_drift {
        0 => "unmanaged".to_owned(),
        drift => format!("unmanaged ({drift} of them drift)"),
    };
    let rest = listed(&[
        (counts.unknown, "unknown"),
        (counts.refused, "refused"),
        (plan.along(), "deleted with what they are in"),
        (plan.drifted(), "drifted"),
        (plan.unchanged(), "unchanged"),
        (plan.not_ours(), NOT_OWNED),
        (counts.unmanaged, &drift),
    ]);
    let broken = counts.unknown + counts.refused > 0;
    let head = match (pending.is_empty(), broken) {
        (false, _) if !refused(plan).is_empty() => format!("{BAD}{}{BAD:#}{pending}", refused(plan)),
        (false, _) => format!("{STRONG}Plan:{STRONG:#} {pending}"),
        (true, true) => format!("{BAD}Plan:{BAD:#} nothing can be written"),
        (true, false) if !plan.incomplete.is_empty() => {
            format!("{STRONG}No changes in what could be read{STRONG:#}")
        }
        (true, false) if plan.drifted() > 0 => format!("{STRONG}Nothing to apply{STRONG:#}"),
        (true, false) => format!("{GOOD}No changes{GOOD:#}"),
    };
    let rest = if rest.is_empty() { String::new() } else { format!("; {rest}") };
    let _ = writeln!(text, "{head}{rest}. {}.", requests(plan.requests));
    target(text, &plan.target);
}
