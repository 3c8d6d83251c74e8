//! `/_sandbox/directory`: puts users, groups, applications and subscriptions into the sandbox.
//!
//! With `--strict` they must be made before they are used. Secrets are kept as hashes and never shown.

use axum::http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::sandbox::entra::certificate;
use crate::sandbox::entra::directory::{group_id, hashed, user_id};
use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::{Federated, Principal, Subscription, World, derived_id, user_assigned};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct SentPrincipals {
    subscriptions: Vec<SentSubscription>,
    users: Vec<SentUser>,
    groups: Vec<SentGroup>,
    service_principals: Vec<SentApplication>,
    remove: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SentSubscription {
    id: Uuid,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentUser {
    id: Option<Uuid>,
    user_principal_name: String,
    display_name: Option<String>,
    #[serde(default)]
    unknown_for_puts: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentGroup {
    id: Option<Uuid>,
    display_name: String,
    /// Object ids.
    #[serde(default)]
    members: Vec<Uuid>,
    #[serde(default)]
    unknown_for_puts: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentApplication {
    id: Option<Uuid>,
    app_id: Option<Uuid>,
    display_name: String,
    secret: Option<String>,
    /// PEM.
    certificate: Option<String>,
    #[serde(default)]
    federated_credentials: Vec<Federated>,
    /// Resource id of a user-assigned identity, from which its other ids are derived.
    managed_identity: Option<String>,
    #[serde(default)]
    unknown_for_puts: u32,
}

/// `GET` and `POST /_sandbox/directory`.
pub(crate) fn answer(world: &mut World, request: &Request) -> Reply {
    match request.method {
        Method::GET => Reply::json(200, &all(world)),
        Method::POST => match request.sandbox_json() {
            Ok(sent) => Reply::json(200, &take(world, sent)),
            Err(refusal) => refusal,
        },
        _ => errors::method_not_allowed(request.method.as_str()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownPrincipal<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_principal_name: Option<&'a str>,
}

fn shown<'a>(id: &'a str, principal: &'a Principal) -> ShownPrincipal<'a> {
    ShownPrincipal {
        id,
        kind: &principal.kind,
        display_name: &principal.name,
        app_id: principal.app_id.as_deref(),
        user_principal_name: principal.upn.as_deref(),
    }
}

fn all(world: &World) -> Value {
    let principals: Vec<ShownPrincipal> =
        world.state.principals.iter().map(|(id, known)| shown(id, known)).collect();
    let subscriptions: Vec<&Subscription> = world.state.subscriptions.values().collect();
    json!({"tenant": world.state.tenant, "subscriptions": subscriptions, "principals": principals})
}

/// Adds what was sent, and answers with the ids.
fn take(world: &mut World, sent: SentPrincipals) -> Value {
    for subscription in sent.subscriptions {
        let id = subscription.id.to_string();
        let name = subscription.name.unwrap_or_else(|| String::from("sandbox"));
        world.state.subscriptions.insert(id.clone(), Subscription { id, name });
    }
    let mut made: Vec<(String, Principal)> = Vec::new();
    for user in sent.users {
        let id = user.id.unwrap_or_else(|| user_id(&user.user_principal_name));
        let name = user.display_name.as_deref().unwrap_or(&user.user_principal_name);
        let principal = Principal {
            upn: Some(user.user_principal_name.clone()),
            unknown_for_puts: user.unknown_for_puts,
            ..Principal::new("User", name)
        };
        made.push((id.to_string(), principal));
    }
    for group in sent.groups {
        let id = group.id.unwrap_or_else(|| group_id(&group.display_name));
        let principal = Principal {
            members: group.members.iter().map(Uuid::to_string).collect(),
            unknown_for_puts: group.unknown_for_puts,
            ..Principal::new("Group", &group.display_name)
        };
        made.push((id.to_string(), principal));
    }
    for app in sent.service_principals {
        made.push(application(app));
    }
    for (id, principal) in &made {
        world.state.principals.insert(id.clone(), principal.clone());
        world.state.deleted_principals.remove(id);
    }
    for id in sent.remove {
        world.state.principals.remove(&id.to_lowercase());
        world.state.subscriptions.remove(&id.to_lowercase());
    }
    let made: Vec<ShownPrincipal> = made.iter().map(|(id, principal)| shown(id, principal)).collect();
    json!({"principals": made})
}

fn application(sent: SentApplication) -> (String, Principal) {
    let assigned = sent.managed_identity.as_deref().map(user_assigned);
    let app_id = sent.app_id.map(|id| id.to_string());
    let app_id = app_id
        .or_else(|| assigned.as_ref().map(|ids| ids.client_id.clone()))
        .unwrap_or_else(|| derived_id(&format!("app:{}", sent.display_name)).to_string());
    let id =
        sent.id.map(|id| id.to_string()).or_else(|| assigned.as_ref().map(|ids| ids.principal_id.clone()));
    // The same id as on first sign-in.
    let id = id.unwrap_or_else(|| derived_id(&format!("application:{app_id}")).to_string());
    let principal = Principal {
        app_id: Some(app_id),
        managed: assigned.is_some(),
        secrets: sent.secret.iter().map(|secret| hashed(secret)).collect(),
        certificates: sent.certificate.as_deref().and_then(certificate::encoded).into_iter().collect(),
        federated: sent.federated_credentials,
        unknown_for_puts: sent.unknown_for_puts,
        ..Principal::new("ServicePrincipal", &sent.display_name)
    };
    (id, principal)
}
