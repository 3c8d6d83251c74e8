//! `/_sandbox/access`: grants roles without a permission check, and makes what ARM has no API for.
//!
//! Activations of Privileged Identity Management, deny assignments and deny policies come from
//! people and services that the sandbox does not have; a test makes them here. Changes the state directly.

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::sandbox::arm::rbac::role_definitions;
use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::world::seven_digits;
use crate::sandbox::state::{
    DenyAssignment, EVERYONE, OWNER, Operator, Permission, Policy, Principal, RoleAssignment, Schedule,
    World, derived_id,
};

/// Default duration of an activated role, in seconds.
const ACTIVATION: u32 = 8 * 3600;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[derive(Default)]
struct SentGrants {
    role_assignments: Vec<SentGrant>,
    schedule_instances: Vec<SentGrant>,
    deny_assignments: Vec<SentDenial>,
    policies: Vec<SentPolicy>,
    /// Names or ids of any of them.
    remove: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentGrant {
    scope: String,
    /// A name or a GUID.
    role: String,
    principal_id: Uuid,
    principal_type: Option<String>,
    /// Of a schedule instance: `Activated`, or `Assigned`.
    assignment_type: Option<String>,
    /// Of a schedule instance.
    seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentDenial {
    scope: String,
    name: String,
    description: Option<String>,
    permissions: Vec<Permission>,
    /// All principals if omitted.
    principals: Option<Vec<Uuid>>,
    #[serde(default)]
    exclude_principals: Vec<Uuid>,
    #[serde(default)]
    do_not_apply_to_child_scopes: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentPolicy {
    scope: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    field: String,
    #[serde(default)]
    operator: Operator,
    value: Value,
}

/// `GET` and `POST /_sandbox/access`.
pub(crate) fn answer(world: &mut World, request: &Request) -> Reply {
    match request.method {
        Method::GET => Reply::json(200, &all(world)),
        Method::POST => {
            let taken = request.sandbox_json().and_then(|sent| take(world, sent));
            taken.unwrap_or_else(|refusal| refusal)
        }
        _ => errors::method_not_allowed(request.method.as_str()),
    }
}

fn all(world: &World) -> Value {
    json!({
        "roleAssignments": world.state.role_assignments,
        "scheduleInstances": *world.state.schedules,
        "denyAssignments": world.state.deny_assignments.values().collect::<Vec<_>>(),
        "policies": world.state.policies.values().collect::<Vec<_>>(),
    })
}

/// Adds what was sent, and answers with the ids.
fn take(world: &mut World, sent: SentGrants) -> Result<Reply, Reply> {
    let (mut assignments, mut instances, mut denials, mut policies) = (vec![], vec![], vec![], vec![]);
    for assignment in sent.role_assignments {
        assignments.push(assign(world, &assignment)?);
    }
    for assignment in sent.schedule_instances {
        let name = assign(world, &assignment)?;
        let kind = assignment.assignment_type.unwrap_or_else(|| String::from("Activated"));
        let starts_at = world.now.as_millisecond();
        let ends_at = starts_at + i64::from(assignment.seconds.unwrap_or(ACTIVATION)) * 1000;
        world.state.schedules.insert(name.clone(), Schedule { assignment_type: kind, starts_at, ends_at });
        instances.push(name);
    }
    for denial in sent.deny_assignments {
        let id = derived_id(&format!("deny:{}:{}", denial.scope, denial.name)).to_string();
        let texts = |ids: Vec<Uuid>| ids.iter().map(Uuid::to_string).collect::<Vec<_>>();
        let made = DenyAssignment {
            id: id.clone(),
            scope: denial.scope,
            name: denial.name,
            description: denial.description,
            permissions: denial.permissions,
            principals: denial.principals.map_or_else(|| vec![EVERYONE.to_owned()], texts),
            exclude_principals: texts(denial.exclude_principals),
            do_not_apply_to_child_scopes: denial.do_not_apply_to_child_scopes,
            created_on: seven_digits(world.now),
        };
        world.state.deny_assignments.insert(id.clone(), made);
        denials.push(id);
    }
    for policy in sent.policies {
        let id = derived_id(&format!("policy:{}:{}", policy.scope, policy.name)).to_string();
        let SentPolicy { scope, name, kind, field, operator, value } = policy;
        let made = Policy { id: id.clone(), scope, name, kind, field, operator, value };
        world.state.policies.insert(id.clone(), made);
        policies.push(id);
    }
    for id in sent.remove {
        let state = &mut world.state;
        state.role_assignments.remove(&id);
        state.schedules.remove(&id.to_lowercase());
        state.deny_assignments.retain(|known| known.id != id && known.name != id);
        state.policies.retain(|known| known.id != id && known.name != id);
    }
    Ok(Reply::json(
        200,
        &json!({
            "roleAssignments": assignments, "scheduleInstances": instances,
            "denyAssignments": denials, "policies": policies,
        }),
    ))
}

/// Assigns a role to a principal, who is added to the directory, and returns the assignment's name.
fn assign(world: &mut World, sent: &SentGrant) -> Result<String, Reply> {
    let Some(role) = role_definitions::named(world, &sent.role).map(|role| role.guid.clone()) else {
        return Err(errors::sandbox_invalid(&format!("there is no role `{}`", sent.role)));
    };
    let principal_id = sent.principal_id.to_string();
    let kind = sent.principal_type.as_deref().unwrap_or("ServicePrincipal");
    world.state.principals.insert_if_absent(principal_id.clone(), || {
        Principal::new(kind, &format!("principal-{principal_id}"))
    });
    let principal_type =
        world.state.principals.get(&principal_id).map_or(kind, |known| &known.kind).to_owned();
    let label = format!("grant:{}:{role}:{principal_id}", sent.scope.to_lowercase());
    let name = derived_id(&label).to_string();
    let now = seven_digits(world.now);
    world.state.role_assignments.insert(RoleAssignment {
        name: name.clone(),
        scope: sent.scope.clone(),
        role,
        principal_id,
        principal_type,
        condition: None,
        condition_version: None,
        description: None,
        delegated_managed_identity_resource_id: None,
        created_on: now.clone(),
        updated_on: now,
        created_by: OWNER.to_owned(),
        updated_by: OWNER.to_owned(),
    });
    Ok(name)
}
