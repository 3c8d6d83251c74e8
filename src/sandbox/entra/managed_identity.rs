//! Managed identities: the endpoints of App Service and of a virtual machine.
//!
//! `/msi/token` with `X-IDENTITY-HEADER` (or `secret`), `/metadata/identity/oauth2/token` with
//! `Metadata: true`. Without a name it is the sandbox's own identity; a user-assigned one is
//! named by client id, object id or resource id. The header's value is not checked.

use axum::http::Method;
use serde_json::json;

use super::token::Claims;
use super::{authority, directory, token};
use crate::sandbox::http::{Reply, Request};
use crate::sandbox::state::{Principal, World, derived_id, user_assigned};

/// Lifetime of a managed identity's token, in seconds.
const LIFETIME: i64 = 86_400;
/// Resource id of the machine that the sandbox pretends to run on.
const MACHINE: &str = "/subscriptions/22222222-2222-2222-2222-222222222222/resourcegroups/sandbox/providers/Microsoft.Compute/virtualMachines/sandbox";

/// Answers a request for a token of a managed identity; nothing if it is for another service.
pub(crate) fn answer(world: &mut World, request: &Request) -> Option<Reply> {
    let names: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let (machine, allowed) = match names.as_slice() {
        ["msi", "token"] => {
            let sent = request.header("x-identity-header").or_else(|| request.header("secret"));
            (false, sent.is_some_and(|value| !value.is_empty()))
        }
        ["metadata", "identity", "oauth2", "token"] => {
            (true, request.header("metadata").is_some_and(|value| value.eq_ignore_ascii_case("true")))
        }
        _ => return None,
    };
    if request.method != Method::GET {
        return Some(refusal(405, "invalid_request", "Only GET is supported."));
    }
    if !allowed {
        let text =
            if machine { "Required metadata header not specified" } else { "Missing X-IDENTITY-HEADER" };
        return Some(refusal(if machine { 400 } else { 401 }, "invalid_request", text));
    }
    let Some(resource) = request.query("resource").filter(|resource| !resource.is_empty()) else {
        return Some(refusal(400, "invalid_request", "Required query variable 'resource' is missing"));
    };
    let Some(identity) = identity(world, request) else {
        return Some(refusal(400, "invalid_request", "Identity not found"));
    };
    Some(issue(world, resource, &identity, machine))
}

fn refusal(status: u16, error: &str, text: &str) -> Reply {
    Reply::json(status, &json!({"error": error, "error_description": text}))
}

/// Who a token is for.
struct TokenIdentity {
    object_id: String,
    client_id: String,
    resource: Option<String>,
}

fn identity(world: &mut World, request: &Request) -> Option<TokenIdentity> {
    let query =
        |names: &[&str]| names.iter().find_map(|name| request.query(name)).filter(|value| !value.is_empty());
    if let Some(resource) = query(&["mi_res_id", "msi_res_id"]) {
        let ids = user_assigned(resource);
        let name = resource.rsplit('/').next().unwrap_or_default().to_owned();
        return known(world, ids.principal_id, ids.client_id, &name, Some(resource.to_owned()));
    }
    if let Some(client) = query(&["client_id", "clientid"]) {
        let client = client.to_lowercase();
        let found = directory::by_app_id(world, &client).map(|(id, _)| id.to_owned());
        let id = found.unwrap_or_else(|| derived_id(&format!("application:{client}")).to_string());
        return known(world, id, client, "identity", None);
    }
    if let Some(object) = query(&["object_id", "principal_id"]) {
        let id = object.to_lowercase();
        let client = derived_id(&format!("client:{id}")).to_string();
        return known(world, id, client, "identity", None);
    }
    let id = derived_id("machine").to_string();
    let client = derived_id("client:machine").to_string();
    Some(own(world, id, client))
}

/// The sandbox's own identity, which exists even when strict.
fn own(world: &mut World, object_id: String, client_id: String) -> TokenIdentity {
    remember(world, &object_id, &client_id, "sandbox");
    TokenIdentity { object_id, client_id, resource: Some(MACHINE.to_owned()) }
}

fn known(
    world: &mut World,
    object_id: String,
    client_id: String,
    name: &str,
    resource: Option<String>,
) -> Option<TokenIdentity> {
    let found = world.state.principals.get(&object_id);
    let client_id = match found {
        Some(found) => found.app_id.clone().unwrap_or(client_id),
        None if world.strict => return None,
        None => client_id,
    };
    remember(world, &object_id, &client_id, name);
    Some(TokenIdentity { object_id, client_id, resource })
}

fn remember(world: &mut World, object_id: &str, client_id: &str, name: &str) {
    if !world.state.principals.contains_key(object_id) {
        let principal = Principal {
            app_id: Some(client_id.to_owned()),
            managed: true,
            ..Principal::new("ServicePrincipal", name)
        };
        world.state.principals.insert(object_id.to_owned(), principal);
    }
}

fn issue(world: &World, resource: &str, identity: &TokenIdentity, machine: bool) -> Reply {
    let claims = Claims {
        appid: Some(identity.client_id.clone()),
        idtyp: Some(String::from("app")),
        xms_mirid: identity.resource.clone(),
        ..authority::claims(world, &identity.object_id, resource, LIFETIME)
    };
    let mut body = json!({
        "access_token": token::sign(&world.state.secret, &claims),
        "client_id": identity.client_id,
        "expires_on": claims.exp.to_string(),
        "resource": resource,
        "token_type": "Bearer",
    });
    if machine {
        body["expires_in"] = json!((LIFETIME - 1).to_string());
        body["ext_expires_in"] = json!((LIFETIME - 1).to_string());
        body["not_before"] = json!(claims.nbf.to_string());
    }
    Reply::json(200, &body)
}
