//! Reads the body of a PUT or PATCH of an account, and merges it into the existing one.
//!
//! Refuses what Azure refuses: wrong types, network rules dropped or without a subdomain, a
//! subdomain that changes. Does not look at other accounts and changes nothing but its arguments.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::sandbox::http::{Reply, errors};
use crate::sandbox::state::{Account, Identity, user_assigned};

/// What a property must be.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Text,
    Flag,
    List,
    Object,
    OneOf(&'static [&'static str]),
}

/// Writable properties of an account; all others are ignored as read-only, as Azure does.
const PROPERTIES: &[(&str, Shape)] = &[
    ("allowProjectManagement", Shape::Flag),
    ("allowedFqdnList", Shape::List),
    ("amlWorkspace", Shape::Object),
    ("apiProperties", Shape::Object),
    ("associatedProjects", Shape::List),
    ("customSubDomainName", Shape::Text),
    ("defaultProject", Shape::Text),
    ("disableLocalAuth", Shape::Flag),
    ("dynamicThrottlingEnabled", Shape::Flag),
    ("encryption", Shape::Object),
    ("locations", Shape::Object),
    ("migrationToken", Shape::Text),
    ("networkAcls", Shape::Object),
    ("networkInjections", Shape::List),
    ("publicNetworkAccess", Shape::OneOf(&["Enabled", "Disabled"])),
    ("raiMonitorConfig", Shape::Object),
    ("restore", Shape::Flag),
    ("restrictOutboundNetworkAccess", Shape::Flag),
    ("storedCompletionsDisabled", Shape::Flag),
    ("userOwnedStorage", Shape::List),
];

/// Kinds that have `networkAcls.bypass`.
const TRUSTED_SERVICES: &[&str] = &["AIServices", "OpenAI", "TextAnalytics"];

/// The body of a write whose form was checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Write {
    pub(crate) location: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) sku: Option<Value>,
    pub(crate) tags: Option<Map<String, Value>>,
    identity: Option<Map<String, Value>>,
    pub(crate) properties: Map<String, Value>,
    /// Whether a soft-deleted account is to be restored.
    pub(crate) restore: bool,
}

/// Properties that only the versions of 2026 take.
const LATE: &[&str] = &["storedCompletionsDisabled"];

/// Checks the form of a body. `null` means the same as absent.
pub(crate) fn read(body: Map<String, Value>, late: bool) -> Result<Write, Reply> {
    let mut write = Write::default();
    for (name, value) in body {
        match (name.to_lowercase().as_str(), value) {
            (_, Value::Null) => {}
            ("location", Value::String(location)) => write.location = Some(location),
            ("kind", Value::String(kind)) => write.kind = Some(kind),
            ("sku", Value::Object(sku)) => write.sku = Some(read_sku(&sku)?),
            ("tags", Value::Object(tags)) => write.tags = Some(read_tags(tags)?),
            ("identity", Value::Object(identity)) => write.identity = Some(identity),
            ("properties", Value::Object(properties)) => write.properties = read_properties(properties)?,
            ("location" | "kind" | "sku" | "tags" | "identity" | "properties", value) => {
                return Err(wrong_type(&name, &value));
            }
            _ => {}
        }
    }
    write.properties.retain(|name, _| late || !LATE.contains(&name.as_str()));
    write.restore = write.properties.remove("restore") == Some(Value::Bool(true));
    Ok(write)
}

pub(super) fn wrong_type(name: &str, value: &Value) -> Reply {
    errors::invalid_content(&format!("Error converting value {value} of property {name}"))
}

fn read_sku(sku: &Map<String, Value>) -> Result<Value, Reply> {
    let Some(name) = sku.get("name").and_then(Value::as_str) else {
        return Err(errors::invalid_content("Required property 'name' not found in property sku"));
    };
    let mut kept = json!({"name": name});
    // Azure neither fills in nor shows `tier`, but it shows a capacity.
    if let Some(capacity) = sku.get("capacity").filter(|capacity| capacity.is_number()) {
        kept["capacity"] = capacity.clone();
    }
    Ok(kept)
}

pub(crate) fn read_tags(tags: Map<String, Value>) -> Result<Map<String, Value>, Reply> {
    if tags.len() > 50 {
        let message = format!("The number of tags '{}' exceeds the maximum of '50'.", tags.len());
        return Err(errors::bad_request("InvalidTags", &message));
    }
    match tags.iter().find(|(_, value)| !value.is_string()) {
        Some((name, value)) => Err(wrong_type(&format!("tags.{name}"), value)),
        None => Ok(tags),
    }
}

fn read_properties(properties: Map<String, Value>) -> Result<Map<String, Value>, Reply> {
    let mut kept = Map::new();
    for (name, value) in properties {
        let known = PROPERTIES.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name));
        let (Some((known, shape)), false) = (known, value.is_null()) else { continue };
        kept.insert((*known).to_owned(), read_property(known, *shape, value)?);
    }
    Ok(kept)
}

fn read_property(name: &str, shape: Shape, value: Value) -> Result<Value, Reply> {
    match (shape, value) {
        (Shape::Object, Value::Object(acls)) if name == "networkAcls" => read_network(&acls),
        (Shape::Text, value @ Value::String(_))
        | (Shape::Flag, value @ Value::Bool(_))
        | (Shape::List, value @ Value::Array(_))
        | (Shape::Object, value @ Value::Object(_)) => Ok(value),
        (Shape::OneOf(words), Value::String(word)) => one_of(name, words, &word),
        (_, value) => Err(wrong_type(name, &value)),
    }
}

pub(super) fn one_of(name: &str, words: &[&str], word: &str) -> Result<Value, Reply> {
    let found = words.iter().find(|known| known.eq_ignore_ascii_case(word));
    found.map(|word| json!(word)).ok_or_else(|| wrong_type(name, &json!(word)))
}

/// Network rules as the service shows them: both lists always, no `state` of a subnet.
fn read_network(acls: &Map<String, Value>) -> Result<Value, Reply> {
    let text = |name: &str| acls.get(name).and_then(Value::as_str);
    let list = |name: &str| -> Result<&[Value], Reply> {
        match acls.get(name) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(items)) => Ok(items),
            Some(other) => Err(wrong_type(&format!("networkAcls.{name}"), other)),
        }
    };
    let mut kept = json!({
        "defaultAction": one_of("networkAcls.defaultAction", &["Allow", "Deny"], text("defaultAction").unwrap_or("Allow"))?,
    });
    if let Some(bypass) = text("bypass") {
        kept["bypass"] = one_of("networkAcls.bypass", &["AzureServices", "None"], bypass)?;
    }
    let addresses = list("ipRules")?.iter().map(|rule| match rule.get("value").and_then(Value::as_str) {
        Some(value) if is_range(value) => Ok(json!({"value": value})),
        _ => Err(errors::bad_request("BadRequest", &format!("The IP rule {rule} is not valid."))),
    });
    kept["ipRules"] = Value::Array(addresses.collect::<Result<_, _>>()?);
    let subnets =
        list("virtualNetworkRules")?.iter().map(|rule| match rule.get("id").and_then(Value::as_str) {
            Some(id) => {
                let ignore =
                    rule.get("ignoreMissingVnetServiceEndpoint").and_then(Value::as_bool).unwrap_or_default();
                Ok(json!({"id": id, "ignoreMissingVnetServiceEndpoint": ignore}))
            }
            None => Err(wrong_type("networkAcls.virtualNetworkRules", rule)),
        });
    kept["virtualNetworkRules"] = Value::Array(subnets.collect::<Result<_, _>>()?);
    Ok(kept)
}

/// An address, or an address and the length of its prefix.
fn is_range(text: &str) -> bool {
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let widest = match address.parse() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= widest))
}

/// How a write changes properties that it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// PUT: omitted properties return to their default, except those that cannot change.
    Replace,
    /// PATCH: omitted properties keep their value.
    Merge,
}

/// Lays a write over an account.
pub(super) fn lay_over(account: &mut Account, write: &Write, mode: Mode, tenant: &str) -> Result<(), Reply> {
    let old = std::mem::take(&mut account.properties);
    let mut new = if mode == Mode::Merge { old.clone() } else { Map::new() };
    new.extend(write.properties.clone());
    if old.contains_key("networkAcls") && !new.contains_key("networkAcls") {
        return Err(errors::bad_request("BadRequest", "NetworkAcls is required for this resouce."));
    }
    if let Some(subdomain) = old.get("customSubDomainName") {
        let sent = new.entry("customSubDomainName").or_insert_with(|| subdomain.clone());
        if !same_text(sent, subdomain) {
            let message = "The custom subdomain name cannot be changed after it has been set.";
            return Err(errors::bad_request("BadRequest", message));
        }
    }
    if new.contains_key("networkAcls") && !new.contains_key("customSubDomainName") {
        let message = "Network rules require a custom subdomain name. Set 'customSubDomainName' first.";
        return Err(errors::bad_request("BadRequest", message));
    }
    let trusts = TRUSTED_SERVICES.contains(&account.kind.as_str());
    if !trusts && new.get("networkAcls").is_some_and(|acls| acls.get("bypass").is_some()) {
        return Err(errors::no_trusted_services(&account.kind));
    }
    account.properties = new;
    if let Some(sku) = &write.sku {
        account.sku = sku.clone();
    }
    if write.tags.is_some() || mode == Mode::Replace {
        account.tags.clone_from(&write.tags);
    }
    if let Some(identity) = &write.identity {
        let fresh = || account.derived_id(&format!("principal:{}", account.revision)).to_string();
        account.identity = Some(new_identity(account.identity.as_ref(), fresh, identity, mode, tenant)?);
    }
    Ok(())
}

/// From this version on, storage cannot be added after creation. In 2022 it was recorded to work; there is no later recording.
const STORAGE_FIXED: &str = "2023";

/// Refuses user-owned storage that is added or changed after creation.
pub(super) fn refuse_late_storage(account: &Account, write: &Write, version: &str) -> Result<(), Reply> {
    let name = "userOwnedStorage";
    if version < STORAGE_FIXED {
        return Ok(());
    }
    match (write.properties.get(name), account.properties.get(name)) {
        (Some(Value::Array(sent)), None) if sent.is_empty() => Ok(()),
        (Some(sent), kept) if Some(sent) != kept => Err(errors::storage_attached_late()),
        _ => Ok(()),
    }
}

fn same_text(left: &Value, right: &Value) -> bool {
    match (left.as_str(), right.as_str()) {
        (Some(left), Some(right)) => left.eq_ignore_ascii_case(right),
        _ => false,
    }
}

/// The identity that a write asks for; a system-assigned one keeps its ids, or gets `fresh` ones.
pub(super) fn new_identity(
    old: Option<&Identity>,
    fresh: impl FnOnce() -> String,
    sent: &Map<String, Value>,
    mode: Mode,
    tenant: &str,
) -> Result<Identity, Reply> {
    let kind = sent.get("type").and_then(Value::as_str).unwrap_or("None");
    let kind = match kind.replace(' ', "").to_lowercase().as_str() {
        "none" => "None",
        "systemassigned" => "SystemAssigned",
        "userassigned" => "UserAssigned",
        "systemassigned,userassigned" => "SystemAssigned, UserAssigned",
        _ => return Err(wrong_type("identity.type", &json!(kind))),
    };
    let system = kind
        .starts_with("SystemAssigned")
        .then(|| old.and_then(|old| old.principal_id.clone()).unwrap_or_else(fresh));
    let mut assigned = BTreeMap::new();
    if kind.ends_with("UserAssigned") {
        if let (Mode::Merge, Some(old)) = (mode, old) {
            assigned.clone_from(&old.user_assigned_identities);
        }
        let named =
            sent.get("userAssignedIdentities").and_then(Value::as_object).cloned().unwrap_or_default();
        for (id, value) in named {
            assigned.retain(|known, _| !known.eq_ignore_ascii_case(&id));
            // In a PATCH, null removes an identity.
            if !(value.is_null() && mode == Mode::Merge) {
                assigned.insert(id.clone(), user_assigned(&id));
            }
        }
        if assigned.is_empty() {
            let message = "The identity type 'UserAssigned' requires at least one user assigned identity.";
            return Err(errors::bad_request("InvalidIdentityValues", message));
        }
    }
    Ok(Identity {
        tenant_id: system.is_some().then(|| tenant.to_owned()),
        principal_id: system,
        kind: kind.to_owned(),
        user_assigned_identities: assigned,
    })
}
