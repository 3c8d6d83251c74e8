//! Role assignments: how many a subscription may hold, and deny assignments, which take away what roles give.

use super::{Case, Verdict, subscriptions, target};
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::kinds::role_assignment::denial::{self, Denial};
use crate::plan::predict::World;
use crate::snapshot::Query;

/// Azure's limit for the assignments in a subscription; those of management groups do not count.
/// <https://learn.microsoft.com/azure/role-based-access-control/troubleshoot-limits>
const LIMIT: usize = 4000;

fn is_new(step: &Step) -> bool {
    step.kind == "roleAssignments" && step.action == StepAction::Create
}

pub(super) fn queries(steps: &[Step], _world: &World) -> Vec<Query> {
    let targets: Vec<ResourceId> = steps.iter().filter(|step| is_new(step)).filter_map(target).collect();
    subscriptions(targets.iter()).iter().map(denial::query).collect()
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let new: Vec<(&Step, ResourceId)> = case
        .plan
        .steps
        .iter()
        .filter(|step| is_new(step))
        .filter_map(|step| Some((step, target(step)?)))
        .collect();
    let mut verdicts = Vec::new();
    for subscription in subscriptions(new.iter().map(|(_, target)| target)) {
        let inside: Vec<&(&Step, ResourceId)> =
            new.iter().filter(|(_, target)| subscription.contains(target)).collect();
        verdicts.extend(too_many(case, &subscription, &inside));
        for body in case.items(
            &denial::query(&subscription),
            "whether a deny assignment stands against a role",
            &mut verdicts,
        ) {
            let Some(Denial { name, scope }) = Denial::of(body) else { continue };
            let Some((step, _)) = inside.iter().find(|(_, target)| scope.contains(&target.scope())) else {
                continue;
            };
            let message = format!(
                "deny assignment `{name}` on `{scope}` is not evaluated: it may take away what {} gives",
                case.title(step.change)
            );
            let hint = "the portal's access control page shows what it denies and to whom".to_owned();
            verdicts.push(case.note(Code::DenyAssignment, step.change, &[], message, Some(hint)));
        }
    }
    verdicts
}

fn too_many(case: &Case<'_>, subscription: &ResourceId, new: &[&(&Step, ResourceId)]) -> Option<Verdict> {
    let is_assignment = |id: &&ResourceId| {
        id.as_str().to_ascii_lowercase().contains("/providers/microsoft.authorization/roleassignments/")
    };
    let live =
        case.world.resources.keys().filter(|id| subscription.contains(id)).filter(is_assignment).count();
    let room = LIMIT.saturating_sub(live);
    let beyond = new.get(room..).filter(|beyond| !beyond.is_empty())?;
    let message = format!(
        "subscription `{}` has {live} role assignments, and Azure takes {LIMIT}: of the {} that the plan adds, {} find no room",
        subscription.name(),
        new.len(),
        beyond.len()
    );
    let hint = "give roles to groups instead of to each of their members, or revoke what nobody needs; deletes of a plan come after its grants";
    let mut verdict = case.refusal(Code::AssignmentLimit, beyond[0].0.change, &[], message, hint.to_owned());
    verdict.refuses = beyond.iter().map(|(step, _)| step.change).collect();
    Some(verdict)
}
