//! Management locks: a `CanNotDelete` lock blocks deletes at and below its scope, including those of role assignments; `ReadOnly` blocks
//! writes as well.
//!
//! Azure answers 409 `ScopeLocked`: <https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources>.

use super::{Case, Verdict, list, subscriptions, target};
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::plan::predict::World;
use crate::snapshot::Query;

fn query(subscription: &ResourceId) -> Query {
    list(subscription, "Microsoft.Authorization/locks?api-version=2020-05-01", |body| body)
}

pub(super) fn queries(steps: &[Step], _world: &World) -> Vec<Query> {
    let targets: Vec<ResourceId> = steps.iter().filter_map(target).collect();
    subscriptions(targets.iter()).iter().map(query).collect()
}

struct ResourceLock {
    scope: ResourceId,
    name: String,
    read_only: bool,
}

impl ResourceLock {
    fn stops(&self, action: StepAction, target: &ResourceId) -> bool {
        match action {
            // Whatever contains a locked resource cannot be deleted either.
            StepAction::Delete => self.scope.contains(target) || target.contains(&self.scope),
            StepAction::Create | StepAction::Update | StepAction::Restore => {
                self.read_only && self.scope.contains(target)
            }
            StepAction::Purge => false,
        }
    }
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut locks = Vec::new();
    for query in queries(&case.plan.steps, case.world) {
        for body in case.items(&query, "whether a lock blocks the plan", &mut verdicts) {
            let level = body["properties"]["level"].as_str().unwrap_or_default();
            let read_only = level.eq_ignore_ascii_case("ReadOnly");
            let id = body["id"].as_str().and_then(|id| ResourceId::parse(id).ok());
            if let Some(id) = id.filter(|_| read_only || level.eq_ignore_ascii_case("CanNotDelete")) {
                locks.push(ResourceLock { scope: id.scope(), name: id.name().to_owned(), read_only });
            }
        }
    }
    for step in &case.plan.steps {
        let Some(target) = target(step) else { continue };
        let Some(lock) = locks.iter().find(|lock| lock.stops(step.action, &target)) else { continue };
        let verb = match (step.action, step.kind.as_str()) {
            (StepAction::Delete, "roleAssignments") => "revoke",
            (StepAction::Delete, _) => "delete",
            _ => "write",
        };
        let level = if lock.read_only { "ReadOnly" } else { "CanNotDelete" };
        let message = format!(
            "cannot {verb} {} while the {level} lock `{}` on `{}` exists",
            case.title(step.change),
            lock.name,
            lock.scope
        );
        let hint = format!(
            "someone with the right to do so can remove it: az lock delete --ids {}/providers/Microsoft.Authorization/locks/{}",
            lock.scope, lock.name
        );
        let mut verdict = case.refusal(Code::Locked, step.change, &[], message, hint);
        verdict.finding.source.clone_from(&step.source);
        verdicts.push(verdict);
    }
    verdicts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_stops_what_is_at_and_below_its_scope_and_the_delete_of_what_it_is_in() {
        const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg";
        let id = |below: &str| ResourceId::parse(&format!("{GROUP}{below}")).unwrap();
        let chat = "/providers/Microsoft.CognitiveServices/accounts/chat";
        let role = "/providers/Microsoft.Authorization/roleAssignments/x";
        let lock =
            |below: &str, read_only| ResourceLock { scope: id(below), name: "L".to_owned(), read_only };
        let (at, child) = (chat.to_owned(), format!("{chat}/projects/main"));
        for (scope, target, delete, write) in [
            (&at, at.clone(), true, true),
            (&at, child.clone(), true, true),
            (&at, format!("{chat}{role}"), true, true),
            // Whatever contains a locked resource cannot be deleted either, but can be written.
            (&child, at.clone(), true, false),
            (&child, child.clone(), true, true),
            (&child, format!("{chat}/projects/main2"), false, false),
            (&child, format!("{chat}{role}"), false, false),
            (&at, format!("{chat}2"), false, false),
            (&at, String::new(), true, false),
        ] {
            let target = id(&target);
            for read_only in [false, true] {
                let lock = lock(scope, read_only);
                let what = format!("{read_only} {scope} {target}");
                assert_eq!(lock.stops(StepAction::Delete, &target), delete, "{what}");
                for action in [StepAction::Create, StepAction::Update, StepAction::Restore] {
                    assert_eq!(lock.stops(action, &target), write && read_only, "{what}");
                }
                assert!(!lock.stops(StepAction::Purge, &target), "{what}");
            }
        }
    }
}
