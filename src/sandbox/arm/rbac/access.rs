//! Who may do what: role assignments at and above a scope, and deny assignments, against an operation.
//!
//! ARM checks rights only when strict; otherwise every caller may do everything. The data plane always checks. Roles held directly and
//! through groups count alike. Conditions of assignments are not evaluated. Changes nothing.

use jiff::Timestamp;

use super::role_assignments::at_or_above;
use super::{deny_assignments, role_definitions};
use crate::sandbox::arm::action;
use crate::sandbox::arm::action::Action;
use crate::sandbox::entra::directory;
use crate::sandbox::http::{Caller, Reply, Request, errors, scope};
use crate::sandbox::state::{DenyAssignment, EVERYONE, Permission, RoleAssignment, World};

/// Operations that need no role: polling belongs to the write that started it, and every caller may read its own permissions.
const FREE: &[&str] = &["operationresults", "permissions"];

/// The 403 for a caller without the right, if the caller lacks it.
pub(crate) fn refusal(world: &World, request: &Request) -> Option<Reply> {
    if !world.strict {
        return None;
    }
    let action = action::of(request)?;
    let free = request
        .segments
        .iter()
        .rev()
        .take(2)
        .any(|segment| FREE.iter().any(|known| segment.eq_ignore_ascii_case(known)));
    if free {
        return None;
    }
    let caller = &request.caller;
    let sees = action.name == "Microsoft.Resources/subscriptions/read" && sees(world, caller, &action.scope);
    if !sees && !is_granted(world, caller, &action.name, &action.scope) {
        return Some(errors::authorization_failed(caller, &action.name, &action.scope));
    }
    let denial = denial(world, caller, &action)?;
    Some(deny_assignments::refusal(caller, &action.name, &action.scope, denial))
}

/// Permissions that a caller has at a scope, from assignments at or above it.
pub(crate) fn granted<'w>(
    world: &'w World,
    caller: &Caller,
    scope: &str,
) -> impl Iterator<Item = &'w Permission> + use<'w> {
    held(world, caller, scope).flat_map(|assignment| permissions(world, assignment))
}

/// Role assignments of a caller at or above a scope.
fn held<'w>(
    world: &'w World,
    caller: &Caller,
    scope: &str,
) -> impl Iterator<Item = &'w RoleAssignment> + use<'w> {
    let holders = holders(world, caller);
    at_or_above(world, scope).filter(move |assignment| {
        holders.iter().any(|holder| assignment.principal_id.eq_ignore_ascii_case(holder))
    })
}

fn permissions<'w>(world: &'w World, assignment: &RoleAssignment) -> &'w [Permission] {
    role_definitions::find(world, &assignment.role).map_or(&[], |role| &role.permissions)
}

/// Whether a caller may do something on the data plane, where a new assignment counts only after a delay.
pub(crate) fn has_data_action(world: &World, caller: &Caller, action: &str, scope: &str) -> bool {
    let has_spread = |assignment: &&RoleAssignment| {
        let made = assignment.created_on.parse::<Timestamp>();
        made.is_ok_and(|made| world.now.duration_since(made) >= world.role_propagation)
    };
    held(world, caller, scope)
        .filter(has_spread)
        .flat_map(|assignment| permissions(world, assignment))
        .any(|permission| covers(&permission.data_actions, &permission.not_data_actions, action))
}

fn is_granted(world: &World, caller: &Caller, action: &str, scope: &str) -> bool {
    granted(world, caller, scope)
        .any(|permission| covers(&permission.actions, &permission.not_actions, action))
}

/// Whether a caller can see a subscription: any right anywhere in it is enough.
pub(crate) fn sees(world: &World, caller: &Caller, subscription: &str) -> bool {
    if !world.strict {
        return true;
    }
    let holders = holders(world, caller);
    let below = world.state.role_assignments.below(subscription, None).map(|(_, assignment)| assignment);
    at_or_above(world, subscription)
        .chain(below)
        .any(|assignment| holders.iter().any(|holder| assignment.principal_id.eq_ignore_ascii_case(holder)))
}

/// A caller and its groups.
fn holders(world: &World, caller: &Caller) -> Vec<String> {
    let mut holders = directory::groups_of(world, &caller.object_id);
    holders.push(caller.object_id.clone());
    holders
}

fn denial<'w>(world: &'w World, caller: &Caller, action: &Action) -> Option<&'w DenyAssignment> {
    if world.state.deny_assignments.is_empty() {
        return None;
    }
    let holders = holders(world, caller);
    let places = scope::at_and_above(&action.scope);
    let here = action.scope.to_lowercase();
    world.state.deny_assignments.values().find(|denial| {
        let names = |ids: &[String]| {
            ids.iter()
                .any(|id| id == EVERYONE || holders.iter().any(|holder| id.eq_ignore_ascii_case(holder)))
        };
        let scope = denial.scope.to_lowercase();
        let reaches =
            if denial.do_not_apply_to_child_scopes { scope == here } else { places.contains(&scope) };
        reaches
            && names(&denial.principals)
            && !names(&denial.exclude_principals)
            && denial.permissions.iter().any(|one| covers(&one.actions, &one.not_actions, &action.name))
    })
}

/// Whether one list of patterns includes an action and the other does not exclude it.
fn covers(patterns: &[String], except: &[String], action: &str) -> bool {
    let fits = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, action));
    fits(patterns) && !fits(except)
}

/// Whether a pattern stands for an action: `*` is any text, slashes too; case does not count.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_lowercase(), action.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| action.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_what_azure_says_they_do() {
        for (pattern, action, expected) in [
            ("*", "A.B/c/write", true),
            ("*/read", "A.B/c/read", true),
            ("*/read", "A.B/c/read/action", false),
            ("A.B/*", "a.b/C/d/write", true),
            ("A.B/*/read", "A.B/c/d/read", true),
            ("A.B/*/read", "A.B/read", false),
            ("A.B/c/write", "A.B/c/write", true),
            ("A.B/c/write", "A.B/c/write2", false),
            ("A.B/c/*", "A.B/cd/write", false),
            ("A.*/c/*/x", "A.B/c/d/c/x", true),
            ("", "A.B/c/read", false),
        ] {
            assert_eq!(matches(pattern, action), expected, "{pattern} {action}");
        }
        let list = |patterns: &[&str]| patterns.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(!covers(
            &list(&["*"]),
            &list(&["Microsoft.Authorization/*/Write"]),
            "microsoft.authorization/x/write"
        ));
    }
}
