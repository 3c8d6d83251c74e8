//! Grants that a merged pull request should not make on its own: roles that allow privilege escalation, and assignments that cover
//! everything below a scope.

use super::assignments::{Grant, Grants};
use super::{Objection, Rule};
use crate::id::ResourceId;
use crate::kinds;
use crate::plan::predict::World;
use crate::rbac::condition::Givable;
use crate::rbac::{Catalogue, POWERS, Role};

/// How many rights a message names.
const NAMED: usize = 3;

/// The results for new grants: objections and notes.
#[derive(Default)]
pub(super) struct GrantFindings {
    pub(super) objections: Vec<Objection>,
    pub(super) notes: Vec<Objection>,
}

pub(super) fn judge(before: &World, old: &Grants<'_>, new: &Grants<'_>, roles: &Catalogue) -> GrantFindings {
    let mut said = GrantFindings::default();
    for grant in new.iter() {
        // The same grant under another GUID gives nothing new, unless the old one expires; changed conditions are another guard's business.
        let had = |was: &Grant<'_>| was.id == grant.id || was.was_lasting(before, &grant.scope);
        if old.alike(grant).any(|was| was.is(grant) && had(was)) {
            continue;
        }
        let objection = |message: String| Objection::at(Rule::Grant, grant.id, message);
        let gives = format!("the plan gives {} `{}`", grant.who(), grant.role_name());
        let scope = &grant.scope;
        // At such a scope every role counts, since it covers everything below.
        let high = scope.group().is_none();
        let place = place(scope);
        let on = if high { format!("on all of {place}") } else { format!("on {place}") };
        let Some(role) = grant.role else {
            said.objections.push(objection(format!(
                "{gives} {on}, a role that this version does not know: it might allow privilege escalation"
            )));
            continue;
        };
        if role.is_guarded() {
            let may = powers(role);
            match only_inference(grant, role, roles) {
                Some(names) if is_below_a_group(scope) => said.notes.push(objection(format!(
                    "{gives} {on}, a role that can {may}: by its condition only {names}"
                ))),
                _ => said.objections.push(objection(format!("{gives} {on}, a role that can {may}"))),
            }
        } else if high {
            said.objections.push(objection(format!("{gives} {on}")));
        } else if role.gives_inference() && scope.group().as_ref() == Some(scope) {
            said.notes.push(objection(format!(
                "{gives} on the whole resource group `{}`: on every account in it, including future ones",
                scope.name()
            )));
        }
    }
    said
}

fn is_below_a_group(scope: &ResourceId) -> bool {
    scope.group().is_some_and(|group| group != *scope)
}

/// A scope in words, as titles name it.
fn place(scope: &ResourceId) -> String {
    let name = kinds::scope_name(scope);
    let noun = kinds::by_id(scope).map(|kind| format!("{} ", kind.noun())).unwrap_or_default();
    match scope.group().filter(|group| group != scope) {
        Some(group) => format!("{noun}{name} in {}", kinds::scope_name(&group)),
        None => name,
    }
}

/// What a guarded role allows, in words.
fn powers(role: &Role) -> String {
    let words: Vec<&str> = role.powers().map(|power| power.words).collect();
    match words.as_slice() {
        [only] => (*only).to_owned(),
        [all @ .., last] if all.len() < NAMED => format!("{} and {last}", all.join(", ")),
        all => format!("{}, and {} more", all[..NAMED].join(", "), all.len() - NAMED),
    }
}

/// The roles that a grant lets its holder assign, if all of those only allow calling models and assigning them is the role's only guarded
/// right.
fn only_inference(grant: &Grant<'_>, role: &Role, roles: &Catalogue) -> Option<String> {
    // The table starts with the right to write assignments, the only one that such a condition limits.
    if !role.powers().eq(POWERS.first()) {
        return None;
    }
    let Givable::Only(givable) = grant.givable(role) else { return None };
    let mut names = Vec::new();
    for id in givable {
        let given = roles.by_id(id).filter(|given| given.is_inference_only())?;
        names.push(format!("`{}`", given.name));
    }
    Some(if names.is_empty() { "none".to_owned() } else { names.join(", ") })
}
