//! The objects of the directory in Graph's form, and which of them fit a condition.
//!
//! Unless strict, an object that is asked for by name is added to the directory here.

use serde_json::{Map, Value, json};

use crate::sandbox::entra::directory;
use crate::sandbox::http::Request;
use crate::sandbox::http::filter::Term;
use crate::sandbox::state::{OWNER, OWNER_NAME, Principal, World};

/// A set of objects: its path, its kind in the directory, its type in Graph.
pub(super) struct Set {
    pub(super) path: &'static str,
    pub(super) kind: &'static str,
    pub(super) odata: &'static str,
}

pub(super) const SETS: &[Set] = &[
    Set { path: "users", kind: "User", odata: "user" },
    Set { path: "groups", kind: "Group", odata: "group" },
    Set { path: "servicePrincipals", kind: "ServicePrincipal", odata: "servicePrincipal" },
];

pub(super) fn set_of(kind: &str) -> Option<&'static Set> {
    SETS.iter().find(|set| set.kind == kind)
}

/// Unless strict, users and groups exist when they are asked for by name.
pub(super) fn appear(world: &mut World, field: &str, value: &str, set: &Set) {
    let known = world.state.principals.values().any(|principal| {
        principal.kind == set.kind
            && (principal.name.eq_ignore_ascii_case(value)
                || principal.upn.as_deref().is_some_and(|upn| upn.eq_ignore_ascii_case(value)))
    });
    if world.strict || known || value.is_empty() {
        return;
    }
    let (id, principal) = match (set.kind, field) {
        ("User", "userprincipalname") => {
            let name = value.split('@').next().unwrap_or(value);
            let principal = Principal { upn: Some(value.to_owned()), ..Principal::new("User", name) };
            (directory::user_id(value), principal)
        }
        ("Group", "displayname") => (directory::group_id(value), Principal::new("Group", value)),
        _ => return,
    };
    world.state.principals.insert(id.to_string(), principal);
}

/// Whether an object fits a condition; nothing if Graph would not understand it.
pub(super) fn matches(body: &Map<String, Value>, term: &Term) -> Option<bool> {
    let field =
        |name: &str| body.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let same = |value: &Value, wanted: &str| match value {
        Value::String(text) => text.eq_ignore_ascii_case(wanted),
        Value::Bool(flag) => wanted == if *flag { "true" } else { "false" },
        Value::Null => wanted == "null",
        _ => false,
    };
    match term {
        Term::Compare { name, operator, value } => match (field(name)?, operator.as_str()) {
            (found, "eq") => Some(same(found, value)),
            (found, "ne") => Some(!same(found, value)),
            _ => None,
        },
        Term::In { name, values } => {
            let found = field(name)?;
            Some(values.iter().any(|value| same(found, value)))
        }
        Term::Call { name, arguments } => match (name.as_str(), arguments.as_slice()) {
            ("startswith", [name, start]) => {
                let text = field(name)?.as_str().unwrap_or_default().to_lowercase();
                Some(text.starts_with(&start.to_lowercase()))
            }
            (name, [_, operator, value]) if operator == "eq" => {
                let list = field(name.strip_suffix("/any")?)?.as_array()?;
                Some(list.iter().any(|item| same(item, value)))
            }
            _ => None,
        },
    }
}

/// Unless strict, any id becomes a principal when it is first used; until then its type is unknown. It is returned only if the caller asks
/// for `directoryObject` by name, because other callers expect a specific type.
pub(super) fn stranger(id: &str) -> Map<String, Value> {
    let known = [("@odata.type", json!("#microsoft.graph.directoryObject")), ("id", json!(id))];
    known.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// An object as Graph shows it without `$select`.
pub(super) fn shown(world: &World, id: &str, principal: &Principal, set: &Set) -> Map<String, Value> {
    let name = &principal.name;
    let body = match set.kind {
        "User" => json!({
            "id": id, "businessPhones": [], "displayName": name, "givenName": null, "jobTitle": null, "mail": null,
            "mobilePhone": null, "officeLocation": null, "preferredLanguage": null, "surname": null,
            "userPrincipalName": match &principal.upn {
                Some(upn) => upn.clone(),
                None if id.eq_ignore_ascii_case(OWNER) => OWNER_NAME.to_owned(),
                None => format!("{name}@sandbox.invalid"),
            },
        }),
        "Group" => json!({
            "id": id, "deletedDateTime": null, "classification": null, "description": null, "displayName": name,
            "expirationDateTime": null, "groupTypes": [], "isAssignableToRole": null, "mail": null,
            "mailEnabled": false, "mailNickname": name.replace(' ', ""), "membershipRule": null,
            "onPremisesSyncEnabled": null, "proxyAddresses": [], "renewedDateTime": null,
            "securityEnabled": true, "visibility": null,
        }),
        _ => {
            let app = principal.app_id.as_deref().unwrap_or(id);
            json!({
                "id": id, "deletedDateTime": null, "accountEnabled": true, "alternativeNames": [],
                "appDisplayName": if principal.managed { Value::Null } else { json!(name) },
                "appDescription": null, "appId": app,
                "appOwnerOrganizationId": if principal.managed { Value::Null } else { json!(world.state.tenant) },
                "appRoleAssignmentRequired": false, "description": null, "displayName": name, "homepage": null,
                "replyUrls": [], "servicePrincipalNames": [app],
                "servicePrincipalType": if principal.managed { "ManagedIdentity" } else { "Application" },
                "signInAudience": if principal.managed { Value::Null } else { json!("AzureADMyOrg") },
                "tags": [], "addIns": [], "appRoles": [], "keyCredentials": [], "oauth2PermissionScopes": [],
                "passwordCredentials": [], "applicationTemplateId": null, "disabledByMicrosoftStatus": null,
                "loginUrl": null, "logoutUrl": null, "notes": null, "notificationEmailAddresses": [],
                "preferredSingleSignOnMode": null, "preferredTokenSigningKeyThumbprint": null,
                "tokenEncryptionKeyId": null, "samlSingleSignOnSettings": null,
                "resourceSpecificApplicationPermissions": [],
                "info": {
                    "logoUrl": null, "marketingUrl": null, "privacyStatementUrl": null, "supportUrl": null,
                    "termsOfServiceUrl": null,
                },
                "verifiedPublisher": {"displayName": null, "verifiedPublisherId": null, "addedDateTime": null},
            })
        }
    };
    match body {
        Value::Object(body) => body,
        _ => Map::new(),
    }
}

pub(super) fn selected(request: &Request, body: Map<String, Value>) -> Map<String, Value> {
    let Some(select) = request.query("$select") else { return body };
    let wanted: Vec<&str> = select.split(',').map(str::trim).collect();
    // The type of an object in a list of several types is always there.
    body.into_iter()
        .filter(|(name, _)| {
            name == "@odata.type" || wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
        })
        .collect()
}
