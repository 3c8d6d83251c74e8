//! Connections of accounts, of their projects, and of hub workspaces: where other resources are, and how to sign in there.
//!
//! A PUT answers 200, also when it creates (recorded in 2025). Credentials are looked at and forgotten: no answer
//! ever holds them, and neither does the state.

use serde_json::{Map, Value, json};

use super::account_body::system_data;
use super::account_write::{one_of, wrong_type};
use super::children;
use super::children::{Place, WORKSPACES};
use crate::sandbox::http::{ObjectText, Reply, Request, errors};
use crate::sandbox::state::{Child, World};

/// Authentication types and the credentials that each needs.
const AUTH: &[(&str, &[&str])] = &[
    ("AAD", &[]),
    ("None", &[]),
    ("ManagedIdentity", &[]),
    ("AccountManagedIdentity", &[]),
    ("ProjectManagedIdentity", &[]),
    ("ApiKey", &["key"]),
    ("AccountKey", &["key"]),
    ("PAT", &["pat"]),
    ("SAS", &["sas"]),
    ("CustomKeys", &["keys"]),
    ("AccessKey", &["accessKeyId", "secretAccessKey"]),
    ("UsernamePassword", &["username", "password"]),
    ("ServicePrincipal", &["clientId", "clientSecret", "tenantId"]),
    ("OAuth2", &["clientId"]),
];
/// Categories that belong to a group other than `ServicesAndApps`; the first is recorded, the others are ours.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "Azure",
        &[
            "ContainerRegistry",
            "AzureBlob",
            "AzureOneLake",
            "ADLSGen2",
            "AzureSqlDb",
            "AzureMySqlDb",
            "AzurePostgresDb",
            "AzureTableStorage",
            "CosmosDb",
        ],
    ),
    ("AzureAI", &["AzureOpenAI", "AIServices", "CognitiveSearch", "CognitiveService"]),
];

/// `GET connection`.
pub(crate) fn get(world: &World, place: Place) -> Result<Reply, Reply> {
    parent(world, place)?;
    Ok(Reply::text(200, shown(place, existing(world, place)?)))
}

/// `GET connections`, perhaps of one category or target.
pub(crate) fn list(world: &World, request: &Request, place: Place) -> Result<Reply, Reply> {
    parent(world, place)?;
    let asked = |name: &str, child: &Child| {
        let value = child.properties.get(name).and_then(Value::as_str).unwrap_or_default();
        request.query(name).is_none_or(|asked| asked.eq_ignore_ascii_case(value))
    };
    let found = children::direct(world, place)
        .filter(|(_, child)| asked("category", child) && asked("target", child));
    Ok(children::page_of(request, place, found, shown))
}

/// The API description requires at least three characters, but recorded clients use a name with two.
const NAMES: children::Names = children::Names { kind: "connections", length: 2..=33, marks: b"_-" };

/// `PUT connection`: 200 always.
pub(crate) fn put(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let sent = children::read(request)?;
    parent(world, place)?;
    children::check_name(place, &NAMES)?;
    refuse_taken(world, place)?;
    let properties = read(sent.properties, Map::new())?;
    Ok(stored(world, request, place, properties))
}

/// `PATCH connection`: omitted properties keep their value.
pub(crate) fn patch(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let sent = children::read(request)?;
    parent(world, place)?;
    let properties = read(sent.properties, existing(world, place)?.properties.clone())?;
    Ok(stored(world, request, place, properties))
}

/// `DELETE connection`: 200 without content; 204 without a connection.
pub(crate) fn delete(world: &mut World, place: Place) -> Result<Reply, Reply> {
    parent(world, place)?;
    Ok(Reply::empty(if world.remove_child(&place.key()) { 200 } else { 204 }))
}

/// Refuses a name that another connection of the account or of its projects has.
fn refuse_taken(world: &World, place: Place) -> Result<(), Reply> {
    if place.root == WORKSPACES {
        return Ok(());
    }
    let (own, end) = (place.key(), format!("/connections/{}", place.name()).to_lowercase());
    let mut others = world.state.children_below(&format!("{}/", place.root_key()));
    match others.find(|(key, _)| *key != own && key.ends_with(&end)) {
        Some((other, _)) => Err(errors::connection_exists(place.name(), other)),
        None => Ok(()),
    }
}

/// The account, project or workspace must be there.
fn parent(world: &World, place: Place) -> Result<(), Reply> {
    if place.root == WORKSPACES {
        // Hubs exist on first use, because the sandbox cannot create one.
        return if world.strict { Err(errors::parent_not_found(place.account.name)) } else { Ok(()) };
    }
    children::parent(world, place)?;
    match place.rest {
        [kind, project, ..] if kind.eq_ignore_ascii_case("projects") => {
            let key = Place { rest: &place.rest[..2], ..place }.key();
            if world.state.children.contains_key(&key) {
                Ok(())
            } else {
                Err(errors::parent_not_found(project))
            }
        }
        _ => Ok(()),
    }
}

fn existing<'w>(world: &'w World, place: Place) -> Result<&'w Child, Reply> {
    world.state.children.get(&place.key()).ok_or_else(|| {
        let name = format!("{}/{}", place.account.name, place.rest.join("/"));
        errors::resource_not_found(place.root, &name, place.account.group)
    })
}

fn stored(world: &mut World, request: &Request, place: Place, mut properties: Map<String, Value>) -> Reply {
    let category = properties.get("category").cloned();
    let key = place.key();
    // The first of a category is its default.
    let first = children::direct(world, place.above())
        .filter(|(other, _)| *other != key)
        .all(|(_, other)| other.properties.get("category") != category.as_ref());
    properties.insert(String::from("isDefault"), json!(first));
    let child = Child { name: place.name().to_owned(), properties, ..Child::default() };
    children::store(world, request, place, child, None);
    match existing(world, place) {
        Ok(child) => Reply::text(200, shown(place, child)),
        Err(refusal) => refusal,
    }
}

/// Merges the request into the existing connection, without credentials.
fn read(mut sent: Map<String, Value>, mut kept: Map<String, Value>) -> Result<Map<String, Value>, Reply> {
    let credentials = sent.remove("credentials").unwrap_or_default();
    let was = kept.get("authType").cloned();
    for (name, value) in sent {
        let value = match (name.as_str(), value) {
            (_, Value::Null) => continue,
            ("authType", Value::String(word)) => {
                let names: Vec<&str> = AUTH.iter().map(|(name, _)| *name).collect();
                one_of("properties.authType", &names, &word)?
            }
            ("category" | "target" | "expiryTime" | "audience" | "tokenUrl", value @ Value::String(_))
            | ("isSharedToAll" | "useWorkspaceManagedIdentity", value @ Value::Bool(_))
            | ("metadata", value @ Value::Object(_))
            | ("sharedUserList" | "scopes", value @ Value::Array(_)) => value,
            ("peStatus", Value::String(word)) => {
                one_of("properties.peStatus", &["Inactive", "Active", "NotApplicable"], &word)?
            }
            ("peRequirement", Value::String(word)) => {
                one_of("properties.peRequirement", &["Required", "NotRequired", "NotApplicable"], &word)?
            }
            (
                "authType"
                | "category"
                | "target"
                | "expiryTime"
                | "isSharedToAll"
                | "useWorkspaceManagedIdentity"
                | "metadata"
                | "sharedUserList"
                | "scopes"
                | "audience"
                | "tokenUrl"
                | "peStatus"
                | "peRequirement",
                value,
            ) => return Err(wrong_type(&format!("properties.{name}"), &value)),
            _ => continue,
        };
        kept.insert(name, value);
    }
    let Some(auth) = kept.get("authType").and_then(Value::as_str) else {
        return Err(errors::invalid_content("Required property 'authType' not found in property properties"));
    };
    let needed = AUTH.iter().find(|(name, _)| *name == auth).map_or(&[][..], |(_, needed)| needed);
    let unchanged = credentials.is_null() && was.is_some_and(|was| was == auth);
    if let Some(missing) =
        needed.iter().find(|name| !unchanged && credentials.get(**name).is_none_or(Value::is_null))
    {
        let message = format!("Credentials of authType '{auth}' require '{missing}'.");
        return Err(errors::bad_request("BadRequest", &message));
    }
    if !credentials.is_null() && !credentials.is_object() {
        // The value is left out because it may be a secret.
        return Err(errors::invalid_content("Error converting value of property properties.credentials"));
    }
    Ok(kept)
}

fn shown(place: Place, child: &Child) -> String {
    let get = |name: &str| child.properties.get(name).cloned();
    let category = get("category").unwrap_or_default();
    let group = GROUPS.iter().find(|(_, of)| of.iter().any(|name| json!(name) == category));
    let mut properties = ObjectText::new();
    properties.field("authType", &get("authType"));
    // No API description has the field for types without credentials.
    let way = get("authType");
    let without = ["AAD", "None", "AccountManagedIdentity", "ProjectManagedIdentity"];
    if !way.as_ref().and_then(Value::as_str).is_some_and(|way| without.contains(&way)) {
        properties.field("credentials", &Value::Null);
    }
    properties
        .field("group", &group.map_or("ServicesAndApps", |(group, _)| group))
        .field("category", &category)
        .field("expiryTime", &get("expiryTime"))
        .field("target", &get("target"))
        .field("useWorkspaceManagedIdentity", &get("useWorkspaceManagedIdentity").unwrap_or(json!(false)))
        .field("isSharedToAll", &get("isSharedToAll").unwrap_or(json!(false)))
        .field("sharedUserList", &get("sharedUserList").unwrap_or(json!([])))
        .field("peRequirement", &get("peRequirement").unwrap_or(json!("NotRequired")))
        .field("peStatus", &get("peStatus").unwrap_or(json!("NotApplicable")))
        .optional("audience", get("audience").as_ref())
        .optional("tokenUrl", get("tokenUrl").as_ref())
        .optional("scopes", get("scopes").as_ref())
        .field("error", &Value::Null)
        .field("isDefault", &get("isDefault"))
        .field("metadata", &get("metadata").unwrap_or(json!({})));
    // Azure's own spelling, whatever the URL had.
    let kind = if place.rest.len() > 2 { "projects/connections" } else { "connections" };
    let mut text = ObjectText::new();
    text.field("tags", &Value::Null)
        .field("location", &Value::Null)
        .field("id", &format!("{}/{}", place.above().id(), child.name))
        .field("name", &child.name)
        .field("type", &format!("{}/{kind}", place.root))
        .raw("properties", &properties.end())
        .field("systemData", &system_data(&child.created, &child.modified));
    text.end()
}
