//! Who could do what before and after: grants of great power, and lock-outs.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::keys::keys_off;
use super::{Objection, Rule, accounts};
use crate::id::{ResourceId, trailing_guid};
use crate::plan::predict::World;
use crate::rbac::{Catalogue, Role};

/// A role assignment as a guard sees it.
struct Grant<'a> {
    id: &'a ResourceId,
    scope: ResourceId,
    principal: &'a str,
    role: Option<&'a Role>,
    role_id: String,
    condition: &'a str,
}

fn grants<'a>(world: &'a World, roles: &'a Catalogue) -> Vec<Grant<'a>> {
    world
        .resources
        .iter()
        .filter_map(|(id, body)| {
            let properties = &body["properties"];
            let role_id = properties["roleDefinitionId"].as_str()?;
            let guid = trailing_guid(role_id);
            Some(Grant {
                id,
                scope: scope_of(id)?,
                principal: properties["principalId"].as_str()?,
                role: guid.and_then(|guid| roles.by_id(guid)),
                role_id: guid.map_or_else(|| role_id.to_owned(), |guid| guid.to_string()),
                condition: properties["condition"].as_str().unwrap_or_default(),
            })
        })
        .collect()
}

/// The scope stands in an assignment's own id.
fn scope_of(id: &ResourceId) -> Option<ResourceId> {
    let lower = id.as_str().to_ascii_lowercase();
    let at = lower.rfind("/providers/microsoft.authorization/roleassignments/")?;
    let scope = &id.as_str()[..at];
    Some(if scope.is_empty() { ResourceId::root() } else { ResourceId::parse(scope).ok()? })
}

impl Grant<'_> {
    /// Whether it holds there, inherited from a management group too.
    fn reaches(&self, world: &World, at: &ResourceId) -> bool {
        world.reaches(self.id, &self.scope, at)
    }

    /// What makes two grants the same, whatever their GUIDs.
    fn key(&self) -> (&ResourceId, String, &str) {
        (&self.scope, self.principal.to_ascii_lowercase(), &self.role_id)
    }
}

pub(super) fn objections(before: &World, after: &World, caller: Option<Uuid>) -> Vec<Objection> {
    // A plan changes no role: what was read of them before holds after.
    let roles = Catalogue::of(before.resources.values());
    let (old, new) = (grants(before, &roles), grants(after, &roles));
    let mut objections = powerful(&old, &new);
    objections.extend(nobody_left(before, after, &old, &new));
    if let Some(caller) = caller {
        objections.extend(caller_out(&caller.to_string(), after, &old, &new));
    }
    objections
}

/// Grants that a merged line should not make by itself.
fn powerful(old: &[Grant<'_>], new: &[Grant<'_>]) -> Vec<Objection> {
    let mut objections = Vec::new();
    let known: BTreeMap<_, &Grant<'_>> = old.iter().map(|grant| (grant.key(), grant)).collect();
    for grant in new {
        let mut object_to = |rule: Rule, message: String| {
            objections.push(Objection { rule, id: Some(grant.id.clone()), message });
        };
        let (role, principal) =
            (grant.role.map_or(grant.role_id.as_str(), |role| role.name.as_str()), grant.principal);
        if let Some(was) = known.get(&grant.key()) {
            if !was.condition.is_empty() && grant.condition.is_empty() {
                object_to(
                    Rule::Condition,
                    format!("the plan drops the condition under which {principal} has `{role}`"),
                );
            }
            continue;
        }
        let mut object = |message| object_to(Rule::Grant, message);
        match grant.role {
            Some(known) if known.can_grant() => {
                object(format!("the plan gives {principal} `{role}`, a role that can give roles to others"));
            }
            None => object(format!(
                "the plan gives {principal} role {role}, which this version does not know: it might give roles to others"
            )),
            Some(_) => {}
        }
        if grant.scope.group().is_none() {
            object(format!("the plan gives {principal} `{role}` on all of `{}`", grant.scope));
        }
    }
    objections
}

/// Accounts whose models nobody could call any more.
fn nobody_left(before: &World, after: &World, old: &[Grant<'_>], new: &[Grant<'_>]) -> Vec<Objection> {
    let inference = |grant: &&Grant<'_>| grant.role.is_some_and(Role::gives_inference);
    let kept: BTreeSet<_> = new.iter().filter(inference).map(Grant::key).collect();
    let gone: Vec<&Grant<'_>> =
        old.iter().filter(inference).filter(|grant| !kept.contains(&grant.key())).collect();
    let mut objections = Vec::new();
    for (id, _) in accounts(after).filter(|(_, body)| keys_off(body)) {
        // On a new account nobody loses anything.
        let Some(was) = before.resource(id) else { continue };
        // What stood above subscriptions may have reached it, even where no list that shows so could be read.
        let reached =
            |grant: &&Grant<'_>| grant.scope.subscription_id().is_none() || grant.reaches(before, id);
        let lost = !keys_off(was) || gone.iter().any(reached);
        if lost && !new.iter().filter(inference).any(|grant| grant.reaches(after, id)) {
            let message = format!(
                "after the plan nobody could call the models of account `{}`: keys are off, and no role with inference data actions is left",
                id.name()
            );
            objections.push(Objection { rule: Rule::LockOut, id: Some(id.clone()), message });
        }
    }
    objections
}

/// The caller's own rights to write: accounts and assignments, each by itself. What it holds through groups is not known here.
fn caller_out(caller: &str, after: &World, old: &[Grant<'_>], new: &[Grant<'_>]) -> Vec<Objection> {
    let rights: [fn(&Role) -> bool; 2] = [Role::can_grant, Role::can_write];
    let mut objections = Vec::new();
    for lost in old {
        let taken = rights.iter().any(|right| {
            let holds = |grant: &&Grant<'_>| {
                grant.principal.eq_ignore_ascii_case(caller) && grant.role.is_none_or(right)
            };
            holds(&lost) && !new.iter().filter(holds).any(|grant| grant.reaches(after, &lost.scope))
        });
        if taken {
            let role = lost.role.map_or(lost.role_id.as_str(), |role| role.name.as_str());
            let message =
                format!("the plan takes `{role}` on `{}` from the identity that carries it out", lost.scope);
            objections.push(Objection { rule: Rule::LockOut, id: Some(lost.id.clone()), message });
        }
    }
    objections
}
