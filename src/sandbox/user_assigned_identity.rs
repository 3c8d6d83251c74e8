//! User-assigned identities, as far as one asks for their ids.
//!
//! Their ids follow from their names, as where an account is given one. Unless strict, one exists from when it is asked for.

use serde_json::json;

use super::account_write::user_assigned;
use super::errors;
use super::http::{Reply, Request};
use super::scope;
use super::state::Principal;
use super::world::World;

/// Answers a GET of `.../resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}`.
pub(super) fn get(world: &mut World, request: &Request, group: &str, name: &str) -> Reply {
    let id = scope::join(&request.segments);
    let ids = user_assigned(&id);
    if !world.state.principals.contains_key(&ids.principal_id) {
        if world.strict {
            let kind = "Microsoft.ManagedIdentity/userAssignedIdentities";
            return errors::resource_not_found(kind, name, group);
        }
        let principal = Principal {
            app_id: Some(ids.client_id.clone()),
            managed: true,
            ..Principal::new("ServicePrincipal", name)
        };
        world.state.principals.insert(ids.principal_id.clone(), principal);
    }
    Reply::json(
        200,
        &json!({
            "id": id,
            "name": name,
            "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
            "location": "eastus2",
            "tags": {},
            "properties": {
                "tenantId": world.state.tenant,
                "principalId": ids.principal_id,
                "clientId": ids.client_id,
            },
        }),
    )
}
