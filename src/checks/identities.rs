//! Identities that a plan removes from live resources or deletes with them: whatever the service reads or writes as such an identity stops
//! working. No guard refuses that, so a warning says it and lists the roles that become useless.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Case, Verdict, target};
use crate::body::{AccountBody, AssignmentBody, user_assigned};
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::{ResourceId, comparable};
use crate::kinds;
use crate::plan::predict::World;
use crate::principals::{has_own_identity, object_id, own_principal};
use crate::rbac::Catalogue;

/// How many roles are named.
const SHOWN: usize = 6;

const UNSHOWN: &str = "Azure does not show its object id, so its roles could not be determined";

pub(super) fn verdicts(case: &Case<'_>, after: &World) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let roles = Catalogue::of(case.world.resources.values());
    for (id, (change, old, new)) in case.rewritten(after) {
        let Some(kind) = kinds::by_id(&id).filter(|kind| kind.takes_identity()) else { continue };
        let title = format!("{} `{}`", kind.noun(), id.name());
        if has_own_identity(old) && !has_own_identity(new) {
            let own = own_principal(old);
            let message = format!(
                "the plan removes the system-assigned identity of {title}{}{}; a new one would have another object id and none of these roles",
                held(case, own, &roles, "with it go"),
                key(old, new, |client| client.is_none()),
            );
            verdicts.push(warning(case, change, &["identity", "systemAssigned"], message));
        }
        let kept = attached(new);
        for (identity, shown) in
            attached(old).into_iter().filter(|(identity, _)| !kept.contains_key(identity))
        {
            let holds = held(case, object_id(shown), &roles, "it can no longer use");
            let message = format!(
                "the plan detaches user-assigned identity `{}` from {title}{holds}{}",
                identity.name(),
                key(old, new, |client| {
                    let own = shown["clientId"].as_str();
                    own.zip(client).is_some_and(|(own, client)| own.eq_ignore_ascii_case(client))
                }),
            );
            verdicts.push(warning(case, change, &["identity", "userAssigned"], message));
        }
    }
    verdicts.extend(deleted(case, after, &roles));
    verdicts
}

/// Identities deleted along with a resource that have roles elsewhere, or may have them if not all could be read.
fn deleted(case: &Case<'_>, after: &World, roles: &Catalogue) -> Vec<Verdict> {
    let deletes = || case.plan.steps.iter().filter(|step| step.action == StepAction::Delete);
    let gone: BTreeSet<ResourceId> = deletes().filter_map(target).collect();
    let stays = |scope: &ResourceId| !gone.iter().any(|gone| gone.contains(scope));
    let verdict = |step: &Step| {
        let id = target(step)?;
        let kind = kinds::by_id(&id).filter(|kind| kind.takes_identity())?;
        let body = case.world.resource(&id)?;
        let title = format!("{} `{}`", kind.noun(), id.name());
        let Some(principal) = own_principal(body) else {
            let message =
                format!("the plan deletes {title} and with it its system-assigned identity: {UNSHOWN}");
            let hint =
                "check its roles in the portal, under Identity; if recreated, it gets another object id";
            let warning =
                || case.warning(Code::IdentityRemoved, step.change, &[], message, Some(hint.to_owned()));
            return has_own_identity(body).then(warning);
        };
        let mut given: Vec<String> = given(after, principal, roles)
            .filter(|(scope, _)| stays(scope))
            .map(|(_, words)| words)
            .collect();
        let limits = limits(case);
        let (given, all) = listed(&mut given);
        if given == 0 && limits.is_empty() {
            return None;
        }
        let message = format!(
            "the plan deletes {title} and with it its system-assigned identity ({principal}): {}{limits}",
            match given {
                0 => "no roles elsewhere were found".to_owned(),
                1 => format!("its role {all} becomes useless"),
                _ => format!("its roles {all} become useless"),
            }
        );
        let hint = if given == 0 {
            "ask someone who can list all role assignments there (Reader is enough) which roles it has; if recreated, it gets another object id"
        } else {
            "delete those role assignments, or assign the roles to its replacement; if recreated, it gets another object id"
        };
        Some(case.warning(Code::IdentityRemoved, step.change, &[], message, Some(hint.to_owned())))
    };
    deletes().filter_map(verdict).collect()
}

fn warning(case: &Case<'_>, change: usize, path: &[&str], message: String) -> Verdict {
    let hint = "check what uses it to sign in (connections, storage, search, a key vault) before removing it; remove the line from the spec to keep it";
    case.warning(Code::IdentityRemoved, change, path, message, Some(hint.to_owned()))
}

/// The user-assigned identities of a resource, with what Azure shows about each.
fn attached(body: &Value) -> BTreeMap<ResourceId, &Value> {
    user_assigned(body).filter_map(|(id, shown)| Some((ResourceId::parse(id).ok()?, shown))).collect()
}

/// The roles of an identity, as far as role assignments were read.
fn held(case: &Case<'_>, principal: Option<&str>, roles: &Catalogue, so: &str) -> String {
    let Some(principal) = principal else {
        return format!(": {UNSHOWN}");
    };
    let mut given: Vec<String> = given(case.world, principal, roles).map(|(_, words)| words).collect();
    let limits = limits(case);
    if given.is_empty() {
        return format!(" ({principal}): no roles were found in the subscriptions that were read{limits}");
    }
    let (_, all) = listed(&mut given);
    format!(" ({principal}): {so} {all}{limits}")
}

/// What to add to a statement about roles if not all role assignments could be read.
fn limits(case: &Case<'_>) -> &'static str {
    if case.world.unread_assignments.is_empty() { "" } else { ", as far as could be read" }
}

/// The roles of a principal in a state, each as its scope and in words.
fn given<'w>(
    world: &'w World,
    principal: &'w str,
    roles: &'w Catalogue,
) -> impl Iterator<Item = (ResourceId, String)> + use<'w> {
    let principal = comparable(principal);
    // What stacks that are not selected give may not have been read.
    let is_read = |scope: &ResourceId| match scope.up_to("accounts") {
        Some(account) => world.resource(&account).is_some(),
        None => world
            .inside(scope)
            .any(|(id, _)| kinds::by_id(id).is_some_and(|kind| kind.applies_to(id) == *scope)),
    };
    let beside: Vec<(ResourceId, String)> = world
        .beside
        .iter()
        .filter(|given| given.principal.as_ref() == Some(&principal) && !is_read(&given.scope))
        .map(|given| {
            let words = format!("what stack `{}` gives it on {}", given.stack, place(&given.scope));
            (given.scope.clone(), words)
        })
        .collect();
    let read = world.resources.iter().filter_map(move |(id, body)| {
        let kind = kinds::by_id(id).filter(|kind| kind.is_grant())?;
        let whose = AssignmentBody::of(body).principal_id()?;
        let role = kind.role(body, roles).filter(|_| comparable(whose) == principal)?;
        let scope = kind.applies_to(id);
        let words = format!("`{role}` on {}", place(&scope));
        Some((scope, words))
    });
    read.chain(beside)
}

/// How many different roles there are, and some of them in words.
fn listed(given: &mut Vec<String>) -> (usize, String) {
    given.sort();
    given.dedup();
    let count = given.len();
    let more = if count > SHOWN { format!(" and {} more", count - SHOWN) } else { String::new() };
    given.truncate(SHOWN);
    (count, format!("{}{more}", given.join(", ")))
}

/// A scope in a few words.
fn place(scope: &ResourceId) -> String {
    let name = scope.name();
    match scope.resource_type() {
        Some(kind) => format!("{} `{name}`", kind.rsplit('/').next().unwrap_or_default()),
        None if scope.group().is_some() => format!("resource group `{name}`"),
        None if scope.subscription_id().is_some() => format!("subscription `{name}`"),
        None => format!("`{scope}`"),
    }
}

/// Whether an account that stays encrypted with a vault's key reads it as this identity, by the client id that it names for that.
fn key(old: &Value, new: &Value, is_it: impl Fn(Option<&str>) -> bool) -> &'static str {
    let (was, now) = (AccountBody::of(old).encryption(), AccountBody::of(new).encryption());
    if was.has_own_key() && now.has_own_key() && is_it(was.reader()) {
        "; the account reads its encryption key with it"
    } else {
        ""
    }
}
