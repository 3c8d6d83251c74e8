//! What a step finds in its place before it writes: whose it is, whether it is what the plan judged, and whether nothing is left to do (IO).

use serde_json::Value;

use super::settle;
use super::write::{Problem, Written, outputs, unwritten};
use crate::arm::{self, Client};
use crate::document::{Step, StepAction};
use crate::kinds::Kind;

/// Why what stands there is not the stack's any more, or not yet.
pub(super) fn taken_over(kind: &dyn Kind, step: &Step, live: &Value) -> Option<String> {
    if !kind.takes_mark() {
        return None;
    }
    match kind.mark(live) {
        Some(mark) if Some(&mark) != step.owner.as_ref() => {
            Some(format!("it carries the mark of stack `{mark}` by now"))
        }
        None if step.marked => Some(
            "its mark has gone since the plan was made, so that it may be somebody else's by now".to_owned(),
        ),
        _ => None,
    }
}

pub(super) const PLAN_AGAIN: &str = "someone else is at work here: run `plan` again and look";

/// What is there is judged as it is once a plan has read it.
const JUDGED_THEN: &str = "run `plan` again, which reads it as it is";

/// Why what is there by now is not what the plan would write over, and what to do.
pub(super) fn overtaken(
    kind: &dyn Kind,
    step: &Step,
    live: Option<&Value>,
) -> Option<(String, &'static str)> {
    let Some(live) = live else {
        let has_gone = matches!(step.action, StepAction::Update | StepAction::Restore);
        return has_gone.then(|| ("it has gone since the plan was made".to_owned(), PLAN_AGAIN));
    };
    if let Some(cause) = taken_over(kind, step, live) {
        return Some((cause, PLAN_AGAIN));
    }
    if step.action != StepAction::Create {
        return None;
    }
    let other = settle::other(kind, step, live);
    if !other.is_empty() {
        let why = "someone created it, otherwise than declared, since the plan was made";
        return Some((format!("{why}: {}", other.join(", ")), PLAN_AGAIN));
    }
    // It may have come back with a restored account.
    let unjudged = settle::unjudged(kind, &step.patch, live);
    let why = "it is there already, with what the spec does not declare and no guard has judged";
    (!unjudged.is_empty()).then(|| (format!("{why}: {}", unjudged.join(", ")), JUDGED_THEN))
}

/// Whether what stands there could carry a mark and carries none.
pub(super) fn is_unmarked(kind: &dyn Kind, live: &Value) -> bool {
    kind.takes_mark() && kind.mark(live).is_none()
}

/// Why a step has nothing to write.
pub(super) fn needless(
    kind: &dyn Kind,
    step: &Step,
    live: &Value,
    as_declared: bool,
) -> Option<&'static str> {
    // Whoever made it keeps it: only `adopt` marks what a stack did not make.
    if step.action == StepAction::Create && is_unmarked(kind, live) {
        Some("somebody made it meanwhile, as declared: it carries no mark of a stack")
    } else {
        as_declared.then_some("it was as declared by then")
    }
}

/// The end of a step that finds its work done. Nothing that this step has written was answered for it, so that its state is judged as the
/// answer to a write would be: what waits for the step may be a delete.
pub(super) async fn found(
    client: &Client,
    kind: &dyn Kind,
    step: &Step,
    (path, verb): (&str, &str),
    live: &Value,
    note: &str,
) -> Written {
    let live = match client.settled(path, live.clone()).await {
        Ok(live) => live,
        Err(error) if error.kind == arm::Kind::Interrupted => return unwritten(verb, &error),
        Err(error) => {
            let cause = format!("{note}, but {error}");
            let hint = error.hint().unwrap_or_else(|| {
                "`plan` shows how it stands; the portal's activity log says why".to_owned()
            });
            return Problem::failed(verb, cause, Some(hint)).into();
        }
    };
    // It may have waited.
    let other = settle::undone(kind, step, &live);
    let changed = || (format!("someone changed it meanwhile: {}", other.join(", ")), PLAN_AGAIN);
    let overtaken = overtaken(kind, step, Some(&live));
    if let Some((cause, hint)) = overtaken.or_else(|| (!other.is_empty()).then(changed)) {
        return Problem::failed(verb, cause, Some(hint.to_owned())).into();
    }
    Written::Done { note: Some(note.to_owned()), outputs: outputs(kind, &live) }
}
