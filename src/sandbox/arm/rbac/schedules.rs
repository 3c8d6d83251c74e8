//! Microsoft.Authorization/roleAssignmentScheduleInstances: which assignments hold for a while only.
//!
//! Every role assignment is such an instance; those of Privileged Identity Management have
//! an end, and activated ones say so. They are made through `/_sandbox/access`, because in
//! Azure people activate them. Read-only.

use serde_json::{Value, json};

use super::role_assignments::PAGE;
use super::{role_assignments, role_definitions};
use crate::sandbox::http::{Reply, Request, errors, page, to_json, written};
use crate::sandbox::state::world::millis;
use crate::sandbox::state::{RoleAssignment, World, derived_id};

/// `GET {scope}/.../roleAssignmentScheduleInstances`, with the filters of role assignments.
pub(crate) fn list(world: &World, request: &Request, scope: &str) -> Result<Reply, Reply> {
    let found = role_assignments::listed(world, request, scope)?;
    Ok(page(
        request,
        PAGE,
        found.map(|(place, assignment)| (place, move || written(to_json(&shown(world, assignment, scope))))),
    ))
}

/// `GET {scope}/.../roleAssignmentScheduleInstances/{name}`: named as the assignment is.
pub(crate) fn get(world: &World, scope: &str, name: &str) -> Reply {
    match role_assignments::at_scope(world, scope, name) {
        Some(assignment) => Reply::json(200, &shown(world, assignment, scope)),
        None => errors::role_assignment_not_found(name),
    }
}

fn shown(world: &World, assignment: &RoleAssignment, seen_from: &str) -> Value {
    let scope = &assignment.scope;
    let provider = format!("{}/providers/Microsoft.Authorization", scope.trim_end_matches('/'));
    let name = &assignment.name;
    let schedule = world.state.schedules.get(name);
    let linked = |what: &str| derived_id(&format!("{what}:{name}")).to_string();
    let role_id = role_definitions::id_at(seen_from, &assignment.role);
    let role = role_definitions::find(world, &assignment.role);
    let principal = world.state.principals.get(&assignment.principal_id);
    let mut properties = json!({
        "scope": scope,
        "roleDefinitionId": role_id,
        "principalId": assignment.principal_id,
        "principalType": assignment.principal_type,
        "roleAssignmentScheduleId": format!("{provider}/RoleAssignmentSchedules/{}", linked("schedule")),
        "originRoleAssignmentId": format!("{provider}/roleAssignments/{name}"),
        "status": "Provisioned",
        "startDateTime": schedule.map_or_else(|| assignment.created_on.clone(), |known| millis(known.starts_at)),
        "endDateTime": schedule.map(|known| millis(known.ends_at)),
        "assignmentType": schedule.map_or("Assigned", |known| &known.assignment_type),
        "memberType": "Direct",
        "createdOn": assignment.created_on,
        "condition": assignment.condition,
        "conditionVersion": assignment.condition_version,
        "expandedProperties": {
            "scope": {"id": scope},
            "roleDefinition": {"id": role_id, "displayName": role.map(|role| &role.name)},
            "principal": {
                "id": assignment.principal_id,
                "displayName": principal.map(|known| &known.name),
                "type": assignment.principal_type,
            },
        },
    });
    if schedule.is_some_and(|known| known.assignment_type == "Activated") {
        properties["linkedRoleEligibilityScheduleId"] = json!(linked("eligibility"));
        properties["linkedRoleEligibilityScheduleInstanceId"] = json!(linked("eligibility-instance"));
    }
    json!({
        "properties": properties,
        "name": name,
        "id": format!("{provider}/RoleAssignmentScheduleInstances/{name}"),
        "type": "Microsoft.Authorization/RoleAssignmentScheduleInstances",
    })
}
