//! User-assigned identities: reading their ids.
//!
//! Ids are derived from the resource id, as in the identity of an account. Unless strict, one exists on first use.

use serde_json::json;

use crate::sandbox::http::{Reply, Request, errors, scope};
use crate::sandbox::state::{Principal, World, user_assigned};

/// Answers a GET of `.../resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}`.
pub(crate) fn get(world: &mut World, request: &Request, group: &str, name: &str) -> Reply {
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
