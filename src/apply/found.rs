//! What a step finds before it writes: who owns it, whether it is what the plan judged, and whether anything is left to do (IO).

use serde_json::Value;

use super::settle;
use super::write::{StepProblem, WriteEnd, outputs, unwritten};
use crate::arm::{self, Client};
use crate::document::{Step, StepAction};
use crate::kinds::Kind;

/// Why an existing resource no longer belongs to the stack, or does not yet.
pub(super) fn taken_over(kind: &dyn Kind, step: &Step, live: &Value) -> Option<String> {
    if !kind.takes_mark() {
        return None;
    }
    match kind.mark_for(live, step.owner.as_deref()) {
        Some(mark) if Some(&mark) != step.owner.as_ref() => {
            Some(format!("it now carries the mark of stack `{mark}`"))
        }
        None if step.marked => {
            Some("its mark was removed since the plan was made, so it may belong to somebody else".to_owned())
        }
        _ => None,
    }
}

pub(super) const PLAN_AGAIN: &str = "somebody else is making changes: run `plan` again and review it";

/// The remedy for an unjudged resource: a new plan reads and judges it.
const JUDGED_THEN: &str = "run `plan` again, which reads its current state";

/// Why an existing resource is not what the plan would overwrite, and what to do.
pub(super) fn overtaken(
    kind: &dyn Kind,
    step: &Step,
    live: Option<&Value>,
) -> Option<(String, &'static str)> {
    let Some(live) = live else {
        let has_gone = matches!(step.action, StepAction::Update | StepAction::Restore);
        return has_gone.then(|| ("it was deleted since the plan was made".to_owned(), PLAN_AGAIN));
    };
    if let Some(cause) = taken_over(kind, step, live) {
        return Some((cause, PLAN_AGAIN));
    }
    if step.action != StepAction::Create {
        return None;
    }
    let other = settle::other(kind, step, live);
    if !other.is_empty() {
        let why = "somebody created it since the plan was made, with differences from the declaration";
        return Some((format!("{why}: {}", other.join(", ")), PLAN_AGAIN));
    }
    // A restored account may have brought it back.
    let unjudged = settle::unjudged(kind, &step.patch, live);
    let why = "it already exists, with settings that the spec does not declare and no guard has judged";
    (!unjudged.is_empty()).then(|| (format!("{why}: {}", unjudged.join(", ")), JUDGED_THEN))
}

/// Whether an existing resource could carry a mark but has none.
pub(super) fn is_unmarked(kind: &dyn Kind, step: &Step, live: &Value) -> bool {
    kind.takes_mark() && kind.mark_for(live, step.owner.as_deref()).is_none()
}

/// Why a step has nothing to write.
pub(super) fn needless(
    kind: &dyn Kind,
    step: &Step,
    live: &Value,
    as_declared: bool,
) -> Option<&'static str> {
    // Its creator keeps it: only `adopt` marks what a stack did not create.
    if step.action == StepAction::Create && is_unmarked(kind, step, live) {
        Some("somebody created it meanwhile as declared: it carries no mark of a stack")
    } else {
        as_declared.then_some("it was already as declared")
    }
}

/// Ends a step that finds its work done. It wrote nothing that Azure answered, so the resource's state is judged like the answer to a
/// write: a delete may depend on this step.
pub(super) async fn found(
    client: &Client,
    kind: &dyn Kind,
    step: &Step,
    (path, verb): (&str, &str),
    live: &Value,
    note: &str,
) -> WriteEnd {
    let live = match client.settled(path, live.clone()).await {
        Ok(live) => live,
        Err(error) if error.kind == arm::ErrorKind::Interrupted => return unwritten(verb, &error),
        Err(error) => {
            let cause = format!("{note}, but {error}");
            let hint = error
                .hint()
                .unwrap_or_else(|| "`plan` shows its state; the portal's activity log shows why".to_owned());
            return StepProblem::failed(verb, cause, Some(hint)).into();
        }
    };
    // Time may have passed.
    let other = settle::undone(kind, step, &live);
    let changed = || (format!("somebody changed it meanwhile: {}", other.join(", ")), PLAN_AGAIN);
    let overtaken = overtaken(kind, step, Some(&live));
    if let Some((cause, hint)) = overtaken.or_else(|| (!other.is_empty()).then(changed)) {
        return StepProblem::failed(verb, cause, Some(hint.to_owned())).into();
    }
    WriteEnd::Done { note: Some(note.to_owned()), outputs: outputs(kind, &live) }
}
