//! What stands in an account that would be deleted. Its deployments are deleted with it, which `guards` reports. If it has a project, Azure
//! answers 409 `CannotDeleteResource` (<https://github.com/Azure/terraform-provider-azapi/issues/894>).
//!
//! The stack's own projects are deleted by the plan, before the account; any other project blocks the delete.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Case, Verdict, some, target};
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::kinds::account::{holds_projects, serves_models};
use crate::kinds::{Deployments, project, unplaced_in};
use crate::plan::predict::World;
use crate::snapshot::{Answer, Query};

/// The accounts that steps delete and that can have children of a kind, with their steps.
fn deleted<'a>(steps: &'a [Step], world: &World, holds: fn(&Value) -> bool) -> Vec<(ResourceId, &'a Step)> {
    let deletes = steps.iter().filter(|step| step.action == StepAction::Delete && step.kind == "accounts");
    let accounts = deletes.filter_map(|step| Some((target(step)?, step)));
    // It is not known what the list returns for an account that cannot have any.
    accounts.filter(|(id, _)| world.resource(id).is_none_or(holds)).collect()
}

pub(super) fn queries(steps: &[Step], world: &World) -> Vec<Query> {
    let lists = |holds, list: fn(&ResourceId) -> Query| {
        deleted(steps, world, holds).into_iter().map(move |(account, _)| list(&account))
    };
    lists(holds_projects, project::list).chain(lists(serves_models, Deployments::list)).collect()
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let steps = &case.plan.steps;
    let goes: BTreeSet<ResourceId> =
        steps.iter().filter(|step| step.action == StepAction::Delete).filter_map(target).collect();
    let mut verdicts = Vec::new();
    for (account, _) in deleted(steps, case.world, serves_models) {
        let unknown = format!("which deployments are deleted with account `{}`", account.name());
        case.items(&Deployments::list(&account), &unknown, &mut verdicts);
    }
    for (account, step) in deleted(steps, case.world, holds_projects) {
        let title = case.title(step.change);
        let query = project::list(&account);
        let unread = case.snapshot.get(&query).and_then(Answer::refusal).cloned();
        // An item that cannot be placed may be a project that stays.
        let unread = unread.or_else(|| unplaced_in(&query, case.snapshot));
        let (message, cause, hint) = match unread {
            Some(refusal) => (
                format!(
                    "cannot delete {title}: its projects could not be read, and Azure deletes no account that has one"
                ),
                Some(refusal.message),
                refusal.hint,
            ),
            None => {
                let found = case
                    .snapshot
                    .items(&query)
                    .filter_map(|body| ResourceId::parse(body["id"].as_str()?).ok());
                let left: Vec<ResourceId> = found.filter(|id| !goes.contains(id)).collect();
                if left.is_empty() {
                    continue;
                }
                let names = some(left.iter().map(ResourceId::name));
                let message = format!(
                    "cannot delete {title}: this plan does not delete its project {names}, and Azure deletes no account that has one"
                );
                let hint = "keep the account in its spec, or have the owner of the project delete it first";
                (message, None, Some(hint.to_owned()))
            }
        };
        let mut verdict = case.refusal(Code::NestedResources, step.change, &[], message, String::new());
        verdict.finding.source.clone_from(&step.source);
        verdict.finding.cause = cause;
        verdict.finding.hint = hint;
        verdicts.push(verdict);
    }
    verdicts
}
