//! The caller's permissions at the scope of each step, or at the nearest existing scope above it.
//!
//! The action that writes a resource is named after its type: `Microsoft.CognitiveServices/accounts/write`.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Verdict, target};
use crate::document::{FindingEntry, Step, StepAction};
use crate::finding::{Code, Severity};
use crate::id::ResourceId;
use crate::kinds::account::READ;
use crate::kinds::role_assignment::caller::{permissions, permits};
use crate::plan::predict::World;
use crate::snapshot::Query;

pub(super) fn queries(steps: &[Step], _world: &World) -> Vec<Query> {
    let new = new_accounts(steps);
    let scopes: BTreeSet<ResourceId> = steps.iter().filter_map(|step| place(step, &new)).collect();
    scopes.iter().map(permissions).collect()
}

/// The accounts that do not exist before the plan.
fn new_accounts(steps: &[Step]) -> BTreeSet<ResourceId> {
    let makes = |step: &&Step| {
        step.kind == "accounts" && matches!(step.action, StepAction::Create | StepAction::Restore)
    };
    steps.iter().filter(makes).filter_map(target).collect()
}

/// The scope at which the caller's permissions count for a step: its target, or the nearest existing parent.
fn place(step: &Step, new: &BTreeSet<ResourceId>) -> Option<ResourceId> {
    let target = target(step)?;
    if step.action == StepAction::Purge {
        return target.subscription_id().map(ResourceId::subscription);
    }
    let at = if step.kind == "roleAssignments" { target.scope() } else { target.tracked() };
    // Azure documents this query only for scopes in a subscription.
    at.subscription_id()?;
    if new.contains(&at.tracked()) { at.group() } else { Some(at) }
}

/// The action that a step needs.
fn action(step: &Step, target: &ResourceId) -> String {
    let verb = match step.action {
        StepAction::Delete | StepAction::Purge => "delete",
        StepAction::Create | StepAction::Update | StepAction::Restore => "write",
    };
    format!("{}/{verb}", target.resource_type().unwrap_or_default())
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let steps = &case.plan.steps;
    let new = new_accounts(steps);
    let mut needed: BTreeMap<(ResourceId, String), Vec<&Step>> = BTreeMap::new();
    for step in steps {
        if let (Some(at), Some(target)) = (place(step, &new), target(step)) {
            needed.entry((at, action(step, &target))).or_default().push(step);
        }
    }
    let mut verdicts = Vec::new();
    let mut seen = BTreeSet::new();
    for ((at, action), steps) in needed {
        if seen.insert(at.clone()) {
            case.items(
                &permissions(&at),
                &format!("whether the caller has permission at `{at}`"),
                &mut verdicts,
            );
        }
        let may = |action: &str| permits(case.snapshot, &at, action).unwrap_or(true);
        let makes =
            |step: &&&Step| step.kind == "accounts" && target(step).is_some_and(|id| new.contains(&id));
        if !may(READ) {
            verdicts.extend(steps.iter().filter(makes).map(|step| unseen(case, &at, step)));
        }
        if may(&action) {
            continue;
        }
        let first = steps[0];
        let more = match steps.iter().map(|step| step.change).collect::<BTreeSet<_>>().len() {
            1 => String::new(),
            changes => format!(" and {} more", changes - 1),
        };
        let message =
            format!("the caller lacks `{action}` at `{at}`, for {}{more}", case.title(first.change));
        let hint = match case.unpermitted {
            Severity::Error => {
                "apply as an identity that has it; a new role assignment takes a few minutes to take effect"
            }
            _ => "only the identity that applies needs it, not the one that plans",
        };
        let finding = FindingEntry {
            source: first.source.clone(),
            hint: Some(hint.to_owned()),
            ..FindingEntry::of(case.unpermitted, Code::MissingPermission, message)
        };
        verdicts.push(Verdict { finding, refuses: Vec::new() });
    }
    verdicts
}

/// An error for an account that is not in the list of a caller who may not see it there: Azure may leave out what exists.
fn unseen(case: &Case<'_>, at: &ResourceId, step: &Step) -> Verdict {
    let message =
        format!("{} may exist already: the caller lacks `{READ}` at `{at}`", case.title(step.change));
    let finding = FindingEntry {
        source: step.source.clone(),
        hint: Some("give the caller Reader there: Azure may list only what a caller may read".to_owned()),
        ..FindingEntry::of(Severity::Error, Code::UnknownState, message)
    };
    Verdict { finding, refuses: vec![step.change] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";

    fn step(kind: &str, action: StepAction, below: &str) -> Step {
        Step {
            change: 0,
            action,
            kind: kind.to_owned(),
            target: format!("{GROUP}{below}"),
            patch: Map::from_iter([("location".to_owned(), json!("eastus2"))]),
            holes: Vec::new(),
            mark: None,
            owner: None,
            marked: false,
            base: None,
            lane: String::new(),
            needs: Vec::new(),
            last: false,
            yields: false,
            source: None,
        }
    }

    #[test]
    fn a_step_needs_the_right_that_azure_names_after_its_type() {
        let chat = "/providers/Microsoft.CognitiveServices/accounts/chat";
        let grant = format!("{chat}/providers/Microsoft.Authorization/roleAssignments/x");
        let deployment = format!("{chat}/deployments/gpt");
        for (kind, action, below, right, at) in [
            ("accounts", StepAction::Update, chat, "Microsoft.CognitiveServices/accounts/write", chat),
            ("accounts", StepAction::Delete, chat, "Microsoft.CognitiveServices/accounts/delete", chat),
            (
                "deployments",
                StepAction::Create,
                &deployment,
                "Microsoft.CognitiveServices/accounts/deployments/write",
                chat,
            ),
            (
                "roleAssignments",
                StepAction::Create,
                &grant,
                "Microsoft.Authorization/roleAssignments/write",
                chat,
            ),
            (
                "roleAssignments",
                StepAction::Delete,
                "/providers/Microsoft.Authorization/roleAssignments/x",
                "Microsoft.Authorization/roleAssignments/delete",
                "",
            ),
        ] {
            let step = step(kind, action, below);
            assert_eq!(self::action(&step, &target(&step).unwrap()), right);
            let scope = place(&step, &new_accounts(std::slice::from_ref(&step))).unwrap();
            assert_eq!(scope, ResourceId::parse(&format!("{GROUP}{at}")).unwrap(), "{below}");
        }
    }

    #[test]
    fn of_what_is_not_there_yet_the_group_is_asked_and_purging_is_a_matter_of_the_subscription() {
        let chat = "/providers/Microsoft.CognitiveServices/accounts/chat";
        let new = step("accounts", StepAction::Create, chat);
        let grant = step(
            "roleAssignments",
            StepAction::Create,
            &format!("{chat}/providers/Microsoft.Authorization/roleAssignments/x"),
        );
        let steps = [new, grant];
        let scopes = queries(&steps, &World::default());
        assert_eq!(scopes.len(), 1);
        assert_eq!(scopes[0].scope, ResourceId::parse(GROUP).unwrap());
        let mut purge = step("accounts", StepAction::Purge, "");
        purge.target = "/subscriptions/00000000-0000-0000-0000-000000000000/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/rg/deletedAccounts/chat".to_owned();
        assert_eq!(
            action(&purge, &target(&purge).unwrap()),
            "Microsoft.CognitiveServices/locations/resourceGroups/deletedAccounts/delete"
        );
        let scope = place(&purge, &new_accounts(std::slice::from_ref(&purge))).unwrap();
        assert_eq!(scope.as_str(), "/subscriptions/00000000-0000-0000-0000-000000000000");
    }
}
