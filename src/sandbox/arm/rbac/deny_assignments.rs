//! Microsoft.Authorization/denyAssignments: read-only, as in Azure, where managed applications and
//! deployment stacks make them. Here they come through `grants`; what they deny is in `access`.

use serde_json::{Value, json};

use crate::sandbox::http::filter::{Term, parse};
use crate::sandbox::http::{Caller, Reply, Request, errors, page, scope, to_json, written};
use crate::sandbox::state::{DenyAssignment, EVERYONE, OWNER, World};

const PAGE: usize = 500;

fn shown(world: &World, denial: &DenyAssignment) -> Value {
    let principals = |ids: &[String]| -> Vec<Value> {
        let kind = |id: &String| match world.state.principals.get(id) {
            _ if id == EVERYONE => "SystemDefined",
            Some(known) => known.kind.as_str(),
            None => "ServicePrincipal",
        };
        ids.iter().map(|id| json!({"id": id, "type": kind(id)})).collect()
    };
    let mut shown = json!({
        "properties": {
            "denyAssignmentName": denial.name,
            "permissions": denial.permissions,
            "scope": denial.scope,
            "doNotApplyToChildScopes": denial.do_not_apply_to_child_scopes,
            "principals": principals(&denial.principals),
            "excludePrincipals": principals(&denial.exclude_principals),
            "isSystemProtected": true,
            "createdOn": denial.created_on,
            "updatedOn": denial.created_on,
            "createdBy": OWNER,
            "updatedBy": OWNER,
        },
        "id": format!(
            "{}/providers/Microsoft.Authorization/denyAssignments/{}",
            denial.scope.trim_end_matches('/'),
            denial.id
        ),
        "type": "Microsoft.Authorization/denyAssignments",
        "name": denial.id,
    });
    if let Some(description) = &denial.description {
        shown["properties"]["description"] = json!(description);
    }
    shown
}

/// `GET {scope}/.../denyAssignments/{id}`.
pub(crate) fn get(world: &World, scope: &str, id: &str) -> Reply {
    let found = world.state.deny_assignments.get(&id.to_lowercase());
    match found.filter(|denial| denial.scope.eq_ignore_ascii_case(scope)) {
        Some(denial) => Reply::json(200, &shown(world, denial)),
        None => {
            let message = format!("The deny assignment '{id}' is not found.");
            errors::error(404, "DenyAssignmentNotFound", &message)
        }
    }
}

/// `GET {scope}/.../denyAssignments`: above, at and below, or with `atScope()` above and at.
pub(crate) fn list(world: &World, request: &Request, scope: &str) -> Result<Reply, Reply> {
    let filter = request.query("$filter").unwrap_or_default().trim();
    let terms = if filter.is_empty() { Vec::new() } else { parse(filter).ok_or_else(errors::bad_filter)? };
    let mut kept = Vec::new();
    for (key, denial) in world.state.deny_assignments.iter() {
        let above = scope::covers(&denial.scope, scope);
        let mut fits = above || scope::covers(scope, &denial.scope);
        for term in &terms {
            fits &= match term {
                Term::Call { name, .. } if name == "atscope" => above,
                Term::Compare { name, operator, value } if operator == "eq" => match name.as_str() {
                    "denyassignmentname" => denial.name.eq_ignore_ascii_case(value),
                    "principalid" => denial.principals.iter().any(|id| id.eq_ignore_ascii_case(value)),
                    _ => return Err(errors::bad_filter()),
                },
                _ => return Err(errors::bad_filter()),
            };
        }
        if fits {
            kept.push((key.as_str(), denial));
        }
    }
    let items = kept.into_iter().map(|(key, denial)| (key, move || written(to_json(&shown(world, denial)))));
    Ok(page(request, PAGE, items))
}

/// The 403 of a deny assignment.
pub(crate) fn refusal(caller: &Caller, action: &str, scope: &str, denial: &DenyAssignment) -> Reply {
    let message = format!(
        "The client '{}' with object id '{}' has permission to perform action '{action}' on scope '{scope}'; however, \
         the access is denied because of the deny assignment with name '{}' and Id '{}' at scope '{}'.",
        caller.name,
        caller.object_id,
        denial.name,
        denial.id.replace('-', ""),
        denial.scope
    );
    errors::error(403, "DenyAssignmentAuthorizationFailed", &message)
}
