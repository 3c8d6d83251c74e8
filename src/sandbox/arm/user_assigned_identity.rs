//! User-assigned identities, the federated credentials by which a pipeline signs in as one, and the system-assigned identity of any
//! resource.
//!
//! Ids are derived from the resource id, as in the identity of an account. Unless strict, one exists on first use.

use serde_json::{Value, json};

use crate::sandbox::http::{Reply, Request, errors, scope};
use crate::sandbox::state::{Federated, Principal, World, user_assigned};

const KIND: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
const CREDENTIALS: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials";

/// Answers a GET of `.../resourceGroups/{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}`.
pub(crate) fn get(world: &mut World, request: &Request, group: &str, name: &str) -> Reply {
    let id = scope::join(&request.segments);
    if !world.state.principals.contains_key(&user_assigned(&id).principal_id) {
        if world.strict {
            return errors::resource_not_found(KIND, name, group);
        }
        make(world, &id, name);
    }
    Reply::json(200, &shown(world, &id, name))
}

/// Answers a GET of `{resource}/providers/Microsoft.ManagedIdentity/identities/default`. Of resources that the sandbox does not have, it
/// exists on first use, unless strict.
pub(crate) fn of_resource(world: &mut World, resource: &[String]) -> Reply {
    let id = scope::join(resource);
    let name = resource.last().map_or("", String::as_str);
    let key = id.to_lowercase();
    let known = key.contains("/providers/microsoft.cognitiveservices/accounts/");
    let account = world.state.accounts.get(&key).map(|account| account.identity.clone());
    let child = world.state.children.get(&key).map(|child| child.identity.clone());
    let principal = match account.or(child) {
        Some(identity) => identity.and_then(|identity| identity.principal_id),
        None if known || world.strict => None,
        None => {
            if !world.state.principals.contains_key(&user_assigned(&id).principal_id) {
                make(world, &id, name);
            }
            Some(user_assigned(&id).principal_id)
        }
    };
    let Some(principal) = principal else {
        return errors::error(
            404,
            "NotFound",
            &format!("The resource '{id}' has no system-assigned identity."),
        );
    };
    let found = json!({
        "id": format!("{id}/providers/Microsoft.ManagedIdentity/identities/default"),
        "name": "default",
        "type": "Microsoft.ManagedIdentity/identities",
        "location": "eastus2",
        "properties": {"tenantId": world.state.tenant, "principalId": principal, "clientId": user_assigned(&id).client_id},
    });
    Reply::json(200, &found)
}

/// Answers a PUT: the identity exists afterwards. Its location and tags are not kept.
pub(crate) fn put(world: &mut World, request: &Request, name: &str) -> Result<Reply, Reply> {
    request.json_object()?;
    let id = scope::join(&request.segments);
    let existed = world.state.principals.contains_key(&user_assigned(&id).principal_id);
    if !existed {
        make(world, &id, name);
    }
    Ok(Reply::json(if existed { 200 } else { 201 }, &shown(world, &id, name)))
}

/// Answers a PUT of `{identity}/federatedIdentityCredentials/{name}`.
pub(crate) fn put_credential(
    world: &mut World,
    request: &Request,
    group: &str,
    name: &str,
) -> Result<Reply, Reply> {
    let sent = request.json_object()?;
    let text = |field: &str| sent.get("properties").and_then(|all| all[field].as_str()).unwrap_or_default();
    let new = Federated {
        name: name.to_owned(),
        issuer: text("issuer").to_owned(),
        subject: text("subject").to_owned(),
    };
    let owner = owner(world, request, group)?;
    let existed = owner.federated.iter().any(|known| known.name == name);
    owner.federated.retain(|known| known.name != name);
    owner.federated.push(new.clone());
    let id = scope::join(&request.segments);
    Ok(Reply::json(if existed { 200 } else { 201 }, &shown_credential(&id, &new)))
}

/// Answers a GET of one federated credential, or of all.
pub(crate) fn credentials(
    world: &mut World,
    request: &Request,
    group: &str,
    name: Option<&str>,
) -> Result<Reply, Reply> {
    let id = scope::join(&request.segments);
    let known = &owner(world, request, group)?.federated;
    let Some(name) = name else {
        let all: Vec<Value> =
            known.iter().map(|each| shown_credential(&format!("{id}/{}", each.name), each)).collect();
        return Ok(Reply::json(200, &json!({ "value": all })));
    };
    let found = known.iter().find(|each| each.name == name);
    let found = found.ok_or_else(|| errors::resource_not_found(CREDENTIALS, name, group))?;
    Ok(Reply::json(200, &shown_credential(&id, found)))
}

/// The principal of the identity whose credentials a path names.
fn owner<'a>(world: &'a mut World, request: &Request, group: &str) -> Result<&'a mut Principal, Reply> {
    let identity = &request.segments[..8];
    let principal = user_assigned(&scope::join(identity)).principal_id;
    let found = world.state.principals.get_mut(&principal);
    found.ok_or_else(|| errors::resource_not_found(KIND, &identity[7], group))
}

fn make(world: &mut World, id: &str, name: &str) {
    let ids = user_assigned(id);
    let principal =
        Principal { app_id: Some(ids.client_id), managed: true, ..Principal::new("ServicePrincipal", name) };
    world.state.principals.insert(ids.principal_id, principal);
}

fn shown(world: &World, id: &str, name: &str) -> Value {
    let ids = user_assigned(id);
    json!({
        "id": id,
        "name": name,
        "type": KIND,
        "location": "eastus2",
        "tags": {},
        "properties": {
            "tenantId": world.state.tenant,
            "principalId": ids.principal_id,
            "clientId": ids.client_id,
        },
    })
}

fn shown_credential(id: &str, one: &Federated) -> Value {
    json!({
        "id": id,
        "name": one.name,
        "type": CREDENTIALS,
        "properties": {
            "issuer": one.issuer, "subject": one.subject, "audiences": ["api://AzureADTokenExchange"],
        },
    })
}
