//! Plans after which nobody could call the models of an account, or the caller could not write any more.

use std::collections::BTreeSet;

use serde_json::Value;

use super::assignments::Grant;
use super::keys::keys_off;
use super::{Objection, Rule, accounts};
use crate::id::ResourceId;
use crate::plan::document::{Action, Plan};
use crate::plan::predict::World;
use crate::rbac::Role;

/// What specs say of role assignments, as plain data of the plan.
///
/// An assignment that somebody made by hand on an account whose assignments a spec declares is drift, and goes as soon as somebody cleans
/// up: it is no way in to rely on. The plan tells which those are by its changes, which list each undeclared assignment on a declared
/// account; that is data of the plan document, and nothing of how the planner judged it. What a stranger's file leaves out of it can only
/// make an assignment count that should not.
#[derive(Default)]
pub(super) struct Declared {
    undeclared: BTreeSet<ResourceId>,
    complete: BTreeSet<ResourceId>,
}

impl Declared {
    pub(super) fn of(plan: &Plan) -> Self {
        // What another team made, as `coManagedBy` says, is nothing that somebody cleans up.
        let strange = |action: Action| action.is_undeclared() && action != Action::CoManaged;
        let listed = plan.changes.iter().filter(|change| strange(change.action));
        Self {
            undeclared: listed.filter_map(|change| ResourceId::parse(&change.id).ok()).collect(),
            complete: plan.declares_assignments.iter().filter_map(|id| ResourceId::parse(id).ok()).collect(),
        }
    }

    /// For tests: undeclared assignments and accounts that declare their lists.
    #[cfg(test)]
    pub(super) fn sample(undeclared: &[&str], complete: &[&str]) -> Self {
        let ids = |texts: &[&str]| texts.iter().filter_map(|text| ResourceId::parse(text).ok()).collect();
        Self { undeclared: ids(undeclared), complete: ids(complete) }
    }

    /// Whether an assignment is one to rely on for an account.
    fn counts(&self, grant: &Grant<'_>, account: &ResourceId) -> bool {
        // What is inherited is others' to declare.
        grant.scope != *account || !self.complete.contains(account) || !self.undeclared.contains(grant.id)
    }
}

/// Accounts whose models nobody could call any more.
pub(super) fn nobody_left(
    before: &World,
    after: &World,
    old: &[Grant<'_>],
    new: &[Grant<'_>],
    declared: &Declared,
) -> Vec<Objection> {
    let mut objections = Vec::new();
    let temporary = temporary(after);
    for (id, body) in accounts(after).filter(|(_, body)| keys_off(body)) {
        // On a new account nobody loses anything.
        let Some(was) = before.resource(id) else { continue };
        if keys_off(was) && !old.iter().any(|grant| lets_in(before, grant, id) && !is_kept(grant, new)) {
            continue;
        }
        let left: Vec<&Grant<'_>> = new
            .iter()
            .filter(|grant| grant.role.is_some_and(Role::gives_inference) && grant.reaches(after, id))
            // What ends by itself is no way in to rely on, and an account that may call itself lets nobody in.
            .filter(|grant| !temporary.contains(grant.id) && !is_own(body, grant))
            .collect();
        let certain = |grant: &&&Grant<'_>| grant.certainly_gives_inference();
        if left.iter().filter(certain).any(|grant| declared.counts(grant, id)) {
            continue;
        }
        let name = id.name();
        let by_hand =
            format!("given by hand on `{name}`, whose role assignments a spec declares without them");
        let (counted, strange): (Vec<&Grant<'_>>, Vec<&Grant<'_>>) =
            left.into_iter().partition(|grant| declared.counts(grant, id));
        let (who, why) = match (counted.is_empty(), strange.is_empty()) {
            (true, true) => ("nobody", "no role with inference data actions is left".to_owned()),
            (false, true) => (
                "perhaps nobody",
                "each role with inference data actions that is left holds only under a condition".to_owned(),
            ),
            (true, false) => {
                ("soon nobody", format!("the roles with inference data actions that are left were {by_hand}"))
            }
            (false, false) => (
                "perhaps nobody",
                format!(
                    "the roles with inference data actions that are left hold only under a condition, or were {by_hand}"
                ),
            ),
        };
        let message = format!(
            "after the plan {who} could call the models of account `{name}`: keys are off, and {why}"
        );
        objections.push(Objection { rule: Rule::LockOut, id: Some(id.clone()), message });
    }
    objections
}

/// The assignments that end by themselves, as far as schedules were asked about (Privileged Identity Management).
fn temporary(world: &World) -> BTreeSet<ResourceId> {
    let origin = |body: &Value| {
        let properties = &body["properties"];
        let ends = properties["endDateTime"].is_string()
            || properties["assignmentType"]
                .as_str()
                .is_some_and(|kind| kind.eq_ignore_ascii_case("Activated"));
        let origin = properties["originRoleAssignmentId"].as_str().filter(|_| ends)?;
        ResourceId::parse(origin).ok()
    };
    world.resources.values().filter_map(|body| origin(body)).collect()
}

/// Whether a grant lets somebody call an account's models. What stands above subscriptions may, even where no list that shows so could be
/// read.
fn lets_in(before: &World, grant: &Grant<'_>, account: &ResourceId) -> bool {
    grant.role.is_some_and(Role::gives_inference)
        && (grant.scope.subscription_id().is_none() || grant.reaches(before, account))
}

/// Whether a grant is for the account's own identity.
fn is_own(account: &Value, grant: &Grant<'_>) -> bool {
    account["identity"]["principalId"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(grant.principal))
}

/// Whether it stands after the plan as it did, or with less of a condition.
fn is_kept(grant: &Grant<'_>, new: &[Grant<'_>]) -> bool {
    new.iter().any(|now| now.is(grant) && grant.is_kept_by(now))
}

/// The caller's own rights to write: accounts and assignments, each by itself. What it holds through groups is not known here.
pub(super) fn caller_out(
    caller: &str,
    after: &World,
    old: &[Grant<'_>],
    new: &[Grant<'_>],
) -> Vec<Objection> {
    let rights: [fn(&Role) -> bool; 2] = [Role::can_grant, Role::can_write];
    let is_callers = |grant: &&Grant<'_>| grant.principal.eq_ignore_ascii_case(caller);
    let mut objections = Vec::new();
    for lost in old.iter().filter(is_callers).filter(|grant| !is_kept(grant, new)) {
        // A role of which nothing is known might have given the right, and is none to rely on.
        let taken = rights.iter().any(|right| {
            lost.role.is_none_or(right)
                && !new.iter().filter(is_callers).any(|grant| {
                    grant.role.is_some_and(right)
                        && grant.reaches(after, &lost.scope)
                        && (lost.is_kept_by(grant)
                            || old.iter().any(|was| was.is(grant) && was.is_kept_by(grant)))
                })
        });
        if taken {
            let (role, scope) = (lost.role_name(), &lost.scope);
            let changed = new.iter().any(|now| now.is(lost));
            let message = if changed {
                format!(
                    "the plan puts `{role}` on `{scope}` of the identity that carries it out under a condition"
                )
            } else {
                format!("the plan takes `{role}` on `{scope}` from the identity that carries it out")
            };
            objections.push(Objection { rule: Rule::LockOut, id: Some(lost.id.clone()), message });
        }
    }
    objections
}
