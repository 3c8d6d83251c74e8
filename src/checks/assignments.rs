//! Role assignments: the limit per subscription, and deny assignments, which override what roles grant.

use super::{Case, Verdict, subscriptions, target};
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::kinds::role_assignment::denial::{self, Denial};
use crate::plan::predict::World;
use crate::snapshot::Query;

/// Azure's limit of role assignments in a subscription, not counting those of management groups:
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
            "whether a deny assignment overrides a role",
            &mut verdicts,
        ) {
            let Some(Denial { name, scope }) = Denial::of(body) else { continue };
            let Some((step, _)) = inside.iter().find(|(_, target)| scope.contains(&target.scope())) else {
                continue;
            };
            let message = format!(
                "deny assignment `{name}` on `{scope}` is not evaluated: it may override {}",
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
        "subscription `{}` has {live} role assignments and Azure allows {LIMIT}: of the {} that the plan adds, {} exceed the limit",
        subscription.name(),
        new.len(),
        beyond.len()
    );
    let hint = "assign roles to groups instead of individual members, or delete unused assignments first: a plan deletes only after it creates";
    let mut verdict = case.refusal(Code::AssignmentLimit, beyond[0].0.change, &[], message, hint.to_owned());
    verdict.refuses = beyond.iter().map(|(step, _)| step.change).collect();
    Some(verdict)
}
