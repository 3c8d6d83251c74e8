//! Whether the caller may assign exactly the roles that specs give: `doctor --for apply`.
//!
//! Pure. Whoever may assign any role can make itself Owner, so a pipeline's right to assign roles needs a condition that lists them.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::Prerequisite;
use crate::body::AssignmentBody;
use crate::id::ResourceId;
use crate::kinds::role_assignment::declared_roles;
use crate::rbac::condition::Givable;
use crate::rbac::{Catalogue, Condition, Named, Role, givable};
use crate::spec::Loaded;
use crate::text::names::listed;

const NAME: &str = "delegation";
/// The role that has this right and no other.
const ADMINISTRATOR: &str = "Role Based Access Control Administrator";
const DELETE: &str = "Microsoft.Authorization/roleAssignments/delete";

/// A role that specs give, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GivenRole {
    scope: ResourceId,
    role: Uuid,
}

/// The roles that specs give. Names that are not known stay out, and are reported by `validate` and `plan`.
#[must_use]
pub(crate) fn given(stacks: &[Loaded], roles: &Catalogue) -> BTreeSet<GivenRole> {
    let all = stacks.iter().flat_map(|loaded| declared_roles(&loaded.spec));
    let known = |name: &str| match (Uuid::try_parse(name), roles.by_name(name)) {
        (Ok(id), _) | (Err(_), Named::One(id)) => Some(id),
        (Err(_), Named::Unknown | Named::Several(_)) => None,
    };
    all.filter_map(|(scope, role)| Some(GivenRole { scope, role: known(role)? })).collect()
}

/// A role assignment by which the caller may assign roles.
struct Right<'a> {
    id: &'a str,
    scope: ResourceId,
    role: &'a Role,
    body: AssignmentBody<'a>,
    gives: Givable,
}

/// An assignment, if it lets its holder assign roles.
fn right<'a>(body: &'a Value, roles: &'a Catalogue) -> Option<Right<'a>> {
    let id = body["id"].as_str()?;
    let body = AssignmentBody::of(body);
    let role = roles.by_id(body.role()?).filter(|role| role.can_grant())?;
    let scope = ResourceId::parse(id).ok()?.scope();
    let gives = role.givable().and(givable(body.condition(), body.condition_version()));
    Some(Right { id, scope, role, body, gives })
}

/// What there is to say of the caller's assignments; nothing where none lets it assign roles, which the check of rights tells.
#[must_use]
pub(crate) fn judged(
    caller: Uuid,
    assignments: &[Value],
    roles: &Catalogue,
    given: &BTreeSet<GivenRole>,
) -> Vec<Prerequisite> {
    let rights: Vec<Right<'_>> = assignments.iter().filter_map(|body| right(body, roles)).collect();
    let mut checks: Vec<Prerequisite> =
        rights.iter().map(|right| width(caller, right, roles, given)).collect();
    let covers = |right: &&Right<'_>, one: &GivenRole| right.scope.contains(&one.scope);
    let gives = |right: &Right<'_>, role: Uuid| match &right.gives {
        Givable::Any => true,
        Givable::Only(roles) => roles.contains(&role),
    };
    for one in given {
        let mut here = rights.iter().filter(|right| covers(right, one)).peekable();
        let Some(first) = here.peek().map(|right| mend(caller, right, given)) else { continue };
        if !here.any(|right| gives(right, one.role)) {
            let role = roles.display_name(one.role);
            let lacks = format!("a spec gives `{role}`, and the conditions do not let the caller assign it");
            checks.push(Prerequisite::broken(NAME, lacks, first).of(one.scope.as_str()));
        }
    }
    checks
}

/// Whether one of them allows more than specs need.
fn width(caller: Uuid, right: &Right<'_>, roles: &Catalogue, given: &BTreeSet<GivenRole>) -> Prerequisite {
    let name = &right.role.name;
    let condition = right.body.condition();
    let others: Vec<&str> = right
        .role
        .powers()
        .filter(|power| power.actions.iter().all(|action| action.starts_with("Microsoft.Authorization/")))
        .map(|power| power.words)
        .filter(|words| *words != "assign roles to others")
        .collect();
    let check = match &right.gives {
        Givable::Any => {
            let why = match condition {
                None => "it has no condition",
                Some(_) => "its condition does not limit which roles",
            };
            let what =
                format!("too wide: `{name}` lets the caller assign any role, also Owner to itself: {why}");
            Prerequisite::broken(NAME, what, mend(caller, right, given))
        }
        Givable::Only(_) if !others.is_empty() => {
            let what = format!("too wide: `{name}` also lets the caller {}", listed(others.iter().copied()));
            Prerequisite::broken(NAME, what, mend(caller, right, given))
        }
        Givable::Only(only) => {
            let needed: BTreeSet<Uuid> = given.iter().map(|one| one.role).collect();
            let named = |ids: Vec<&Uuid>| {
                let names: Vec<String> =
                    ids.iter().map(|id| format!("`{}`", roles.display_name(**id))).collect();
                names.join(", ")
            };
            let more: Vec<&Uuid> = only.difference(&needed).collect();
            let guarded: Vec<&Uuid> =
                more.iter().copied().filter(|id| roles.by_id(**id).is_none_or(Role::is_guarded)).collect();
            if guarded.is_empty() {
                let and =
                    if more.is_empty() { String::new() } else { format!("; no spec gives {}", named(more)) };
                let takes = if takes_any(condition) { "; it may remove any role" } else { "" };
                Prerequisite::ok(
                    NAME,
                    format!(
                        "`{name}` lets the caller assign {} only{and}{takes}",
                        named(only.iter().collect())
                    ),
                )
            } else {
                let what = format!(
                    "too wide: `{name}` lets the caller assign {}, which no spec gives",
                    named(guarded)
                );
                Prerequisite::broken(NAME, what, mend(caller, right, given))
            }
        }
    };
    check.of(right.scope.as_str())
}

/// Whether a condition leaves open which assignments may be deleted.
fn takes_any(condition: Option<&str>) -> bool {
    condition
        .and_then(|text| Condition::parse(text).ok())
        .is_some_and(|condition| condition.always_lets(DELETE))
}

/// What puts an assignment with a condition in the place of one. Azure keeps one assignment for a role, a principal and a scope, so the old
/// one goes first; run by its holder, that would be its last command.
fn mend(caller: Uuid, right: &Right<'_>, given: &BTreeSet<GivenRole>) -> String {
    let needed: BTreeSet<String> = given.iter().map(|one| one.role.to_string()).collect();
    let ids: Vec<String> = needed.into_iter().collect();
    let part = |verb: &str, source: &str| {
        format!(
            // Where somebody types, shells replace a `!` between double quotes.
            "((\"'!'\"(ActionMatches{{'Microsoft.Authorization/roleAssignments/{verb}'}})) OR (@{source}[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{}}}))",
            ids.join(", ")
        )
    };
    let kind = right.body.principal_type().unwrap_or("ServicePrincipal");
    let holder = right.body.principal().unwrap_or(caller);
    format!(
        "let an Owner of {} run this, not the caller, who would lose its right with the first command: az role assignment delete --ids {} && az role assignment create --role \"{ADMINISTRATOR}\" --scope {} --assignee-object-id {holder} --assignee-principal-type {kind} --condition \"{} AND {}\" --condition-version 2.0",
        right.scope,
        right.id,
        right.scope,
        part("write", "Request"),
        part("delete", "Resource"),
    )
}
