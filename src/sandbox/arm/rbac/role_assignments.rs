//! Microsoft.Authorization/roleAssignments at any scope.
//!
//! PUT always answers 201 and hides the author, whom GET shows. Lists without a filter have assignments
//! at, above and below a scope, `atScope()` only those at or above.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::role_definitions;
use crate::sandbox::entra::directory;
use crate::sandbox::http;
use crate::sandbox::http::filter::{Term, parse};
use crate::sandbox::http::{Reply, Request, errors, page, scope, to_json, written};
use crate::sandbox::state::world::seven_digits;
use crate::sandbox::state::{Principal, RoleAssignment, World};

/// Assignments on one page. Azure was seen to give 297 in one.
pub(crate) const PAGE: usize = 1000;
/// Azure's limit in one subscription, which the sandbox keeps when strict.
const LIMIT: usize = 4000;
const MANAGEMENT_GROUPS: &str = "/providers/microsoft.management/managementgroups";

#[derive(Serialize)]
struct ShownAssignment<'a> {
    properties: AssignmentProperties<'a>,
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssignmentProperties<'a> {
    role_definition_id: String,
    principal_id: &'a str,
    principal_type: &'a str,
    scope: &'a str,
    condition: Option<&'a str>,
    condition_version: Option<&'a str>,
    created_on: &'a str,
    updated_on: &'a str,
    created_by: Option<&'a str>,
    updated_by: Option<&'a str>,
    delegated_managed_identity_resource_id: Option<&'a str>,
    description: Option<&'a str>,
}

/// Text of an assignment, as shown at a scope.
fn shown(assignment: &RoleAssignment, seen_from: &str) -> String {
    to_json(&as_shown(assignment, seen_from))
}

fn as_shown<'a>(assignment: &'a RoleAssignment, seen_from: &str) -> ShownAssignment<'a> {
    ShownAssignment {
        properties: AssignmentProperties {
            role_definition_id: role_definitions::id_at(seen_from, &assignment.role),
            principal_id: &assignment.principal_id,
            principal_type: &assignment.principal_type,
            scope: &assignment.scope,
            condition: assignment.condition.as_deref(),
            condition_version: assignment.condition_version.as_deref(),
            created_on: &assignment.created_on,
            updated_on: &assignment.updated_on,
            created_by: Some(&assignment.created_by),
            updated_by: Some(&assignment.updated_by),
            delegated_managed_identity_resource_id: assignment
                .delegated_managed_identity_resource_id
                .as_deref(),
            description: assignment.description.as_deref(),
        },
        id: format!(
            "{}/providers/Microsoft.Authorization/roleAssignments/{}",
            assignment.scope.trim_end_matches('/'),
            assignment.name
        ),
        kind: "Microsoft.Authorization/roleAssignments",
        name: &assignment.name,
    }
}

/// The assignment of this name, if it is at this scope.
pub(super) fn at_scope<'w>(world: &'w World, scope: &str, name: &str) -> Option<&'w RoleAssignment> {
    world.state.role_assignments.get(name).filter(|found| found.scope.eq_ignore_ascii_case(scope))
}

/// `GET {scope}/.../roleAssignments/{name}`.
pub(crate) fn get(world: &World, scope: &str, name: &str) -> Reply {
    match at_scope(world, scope, name) {
        Some(assignment) => Reply::text(200, shown(assignment, scope)),
        None => errors::role_assignment_not_found(name),
    }
}

#[derive(Deserialize)]
struct SentAssignment {
    properties: SentAssignmentProperties,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SentAssignmentProperties {
    role_definition_id: Option<String>,
    principal_id: Option<String>,
    #[serde(default)]
    principal_type: Option<String>,
    #[serde(default)]
    condition: Option<String>,
    #[serde(default)]
    condition_version: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    delegated_managed_identity_resource_id: Option<String>,
}

/// `PUT {scope}/.../roleAssignments/{name}`.
pub(crate) fn put(world: &mut World, request: &Request, scope: &str, name: &str) -> Result<Reply, Reply> {
    let body = Value::Object(request.json_object()?);
    let sent: SentAssignment =
        serde_json::from_value(body).map_err(|error| errors::invalid_content(&error.to_string()))?;
    let sent = sent.properties;
    let name = Uuid::parse_str(name).map_err(|_| errors::role_assignment_id(name))?.to_string();
    let role = role_of(world, sent.role_definition_id.as_deref())?;
    let principal =
        sent.principal_id.as_deref().and_then(|id| Uuid::parse_str(id).ok()).ok_or_else(|| {
            errors::bad_request(
                "InvalidPrincipalId",
                "A valid principal ID must be provided for role assignment.",
            )
        })?;
    let principal = principal.to_string();
    let kind = principal_type(world, &principal, sent.principal_type.as_deref())?;

    let existing = world.state.role_assignments.get(&name);
    if let Some(existing) = existing {
        let same = existing.scope.eq_ignore_ascii_case(scope)
            && existing.role.eq_ignore_ascii_case(&role)
            && existing.principal_id == principal;
        if !same {
            return Err(errors::role_assignment_update());
        }
    } else {
        refuse_new(world, scope, &role, &principal)?;
    }
    let now = seven_digits(world.now);
    let caller = &request.caller.object_id;
    let mut assignment = RoleAssignment {
        name,
        scope: scope.to_owned(),
        role,
        principal_id: principal,
        principal_type: kind,
        condition: sent.condition,
        condition_version: sent.condition_version,
        description: sent.description,
        delegated_managed_identity_resource_id: sent.delegated_managed_identity_resource_id,
        created_on: now.clone(),
        updated_on: now,
        created_by: caller.clone(),
        updated_by: caller.clone(),
    };
    // The answer to a PUT says `createdBy: null` and `createdOn: now`, also for an update.
    let mut answer = as_shown(&assignment, scope);
    answer.properties.created_by = None;
    let reply = Reply::json(201, &answer);
    if let Some(existing) = existing {
        assignment.created_on.clone_from(&existing.created_on);
        assignment.created_by.clone_from(&existing.created_by);
        assignment.scope.clone_from(&existing.scope);
    }
    if let Some(subscription) = scope::subscription(scope) {
        world.remember_subscription(subscription);
    }
    world.state.role_assignments.insert(assignment);
    Ok(reply)
}

/// GUID of the role that an id names.
fn role_of(world: &World, id: Option<&str>) -> Result<String, Reply> {
    let id = id.unwrap_or_default();
    let (above, guid) = id.rsplit_once('/').unwrap_or_default();
    if !above.to_lowercase().ends_with("/roledefinitions") || Uuid::parse_str(guid).is_err() {
        let message = format!("The role definition ID '{id}' is not valid.");
        return Err(errors::bad_request("InvalidRoleDefinitionId", &message));
    }
    match role_definitions::find(world, guid) {
        Some(role) => Ok(role.guid.clone()),
        None => Err(errors::role_definition_missing(400, guid)),
    }
}

/// The principal's type: as in the directory, else as sent.
fn principal_type(world: &mut World, id: &str, sent: Option<&str>) -> Result<String, Reply> {
    let sent = sent.map(|sent| {
        let known = ["User", "Group", "ServicePrincipal", "ForeignGroup", "Device"];
        known.into_iter().find(|kind| kind.eq_ignore_ascii_case(sent)).ok_or_else(|| {
            errors::invalid_content(&format!("Error converting value \"{sent}\" of property principalType"))
        })
    });
    let sent = sent.transpose()?;
    if let Some(known) = world.state.principals.get_mut(id).filter(|known| known.unknown_for_puts > 0) {
        known.unknown_for_puts -= 1;
        return Err(errors::principal_not_found(id, &world.state.tenant));
    }
    match (world.state.principals.get(id), sent) {
        (Some(known), Some(sent)) if known.kind != sent => Err(errors::principal_type(id, &known.kind, sent)),
        (Some(known), _) => Ok(known.kind.clone()),
        (None, _) if world.strict || world.state.deleted_principals.contains_key(id) => {
            Err(errors::principal_not_found(id, &world.state.tenant))
        }
        // A principal that is not in the directory gets the type that was sent.
        (None, Some(sent)) => {
            let principal = Principal::new(sent, &format!("{}-{}", sent.to_lowercase(), &id[..8]));
            world.state.principals.insert(id.to_owned(), principal);
            Ok(sent.to_owned())
        }
        (None, None) => Ok(String::from("User")),
    }
}

fn refuse_new(world: &World, scope: &str, role: &str, principal: &str) -> Result<(), Reply> {
    let twin = world.state.role_assignments.at(scope, None).any(|(_, other)| {
        other.role.eq_ignore_ascii_case(role) && other.principal_id.eq_ignore_ascii_case(principal)
    });
    if twin {
        return Err(errors::role_assignment_exists());
    }
    if let (true, Some(subscription)) = (world.strict, scope::subscription(scope)) {
        let subscription = format!("/subscriptions/{subscription}");
        let all = &world.state.role_assignments;
        if all.at(&subscription, None).chain(all.below(&subscription, None)).take(LIMIT).count() == LIMIT {
            return Err(errors::bad_request(
                "RoleAssignmentLimitExceeded",
                "No more role assignments can be created.",
            ));
        }
    }
    Ok(())
}

/// `DELETE {scope}/.../roleAssignments/{name}`: 200 with what was deleted, 204 if there was nothing.
pub(crate) fn delete(world: &mut World, scope: &str, name: &str) -> Reply {
    if at_scope(world, scope, name).is_none() {
        return Reply::empty(204);
    }
    match world.state.role_assignments.remove(name) {
        Some(assignment) => Reply::text(200, shown(&assignment, scope)),
        None => Reply::empty(204),
    }
}

/// What a filter asks for.
#[derive(Debug, Default)]
struct AssignmentFilter {
    /// Only at or above the scope.
    at_or_above: bool,
    /// Only assignments of these principals.
    principals: Option<Vec<String>>,
}

fn wanted(world: &World, request: &Request) -> Result<AssignmentFilter, Reply> {
    let mut wanted = AssignmentFilter::default();
    let filter = request.query("$filter").unwrap_or_default().trim();
    if filter.is_empty() {
        return Ok(wanted);
    }
    for term in parse(filter).ok_or_else(errors::bad_filter)? {
        match term {
            Term::Call { name, .. } if name == "atscope" => wanted.at_or_above = true,
            Term::Call { name, arguments } if name == "assignedto" && arguments.len() == 1 => {
                let mut principals = arguments;
                principals.extend(directory::groups_of(world, &principals[0]));
                wanted.principals = Some(principals);
            }
            Term::Compare { name, operator, value } if name == "principalid" && operator == "eq" => {
                wanted.principals = Some(vec![value]);
            }
            _ => return Err(errors::bad_filter()),
        }
    }
    Ok(wanted)
}

/// Assignments at a scope or above.
pub(super) fn at_or_above<'w>(
    world: &'w World,
    scope: &str,
) -> impl Iterator<Item = &'w RoleAssignment> + use<'w> {
    let all = &world.state.role_assignments;
    let here: Vec<_> = above(world, scope, None).chain(all.at(scope, None)).collect();
    here.into_iter().map(|(_, assignment)| assignment)
}

/// Assignments above a scope in the order of their places: from the tenant down.
fn above<'w>(
    world: &'w World,
    scope: &str,
    after: Option<&str>,
) -> impl Iterator<Item = (&'w str, &'w RoleAssignment)> + use<'w> {
    let all = &world.state.role_assignments;
    let mut found = Vec::new();
    for ancestor in scope::ancestors(scope) {
        found.extend(all.at(&ancestor, after));
        if ancestor == "/" && scope::subscription(scope).is_some() {
            found.extend(all.below(MANAGEMENT_GROUPS, after));
        }
    }
    found.into_iter()
}

/// `GET {scope}/.../roleAssignments`.
pub(crate) fn list(world: &World, request: &Request, scope: &str) -> Result<Reply, Reply> {
    let found = listed(world, request, scope)?;
    Ok(page(
        request,
        PAGE,
        found.map(|(place, assignment)| (place, move || written(shown(assignment, scope)))),
    ))
}

/// Items of a list after its page token, with their places.
pub(crate) fn listed<'w>(
    world: &'w World,
    request: &Request,
    scope: &str,
) -> Result<impl Iterator<Item = (&'w str, &'w RoleAssignment)> + use<'w>, Reply> {
    let wanted = wanted(world, request)?;
    let after = http::after(request)?;
    let after = after.as_deref();
    let all = &world.state.role_assignments;
    let below = (!wanted.at_or_above).then(|| all.below(scope, after));
    let found = above(world, scope, after).chain(all.at(scope, after)).chain(below.into_iter().flatten());
    Ok(found.filter(move |(_, assignment)| {
        wanted.principals.as_ref().is_none_or(|principals| {
            principals.iter().any(|principal| assignment.principal_id.eq_ignore_ascii_case(principal))
        })
    }))
}
