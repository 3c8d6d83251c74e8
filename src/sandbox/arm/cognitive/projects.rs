//! Microsoft.CognitiveServices/accounts/projects: Foundry projects with an identity of their own.
//!
//! As in Azure, `name` is `account/project`, and a project is ready as soon as the PUT is answered.

use serde_json::{Map, Value, json};

use super::account_body::system_data;
use super::account_write::{Mode, new_identity, wrong_type};
use super::children::{ACCOUNTS, Place, Sent};
use super::{accounts, children};
use crate::sandbox::http::{ObjectText, Reply, Request, errors};
use crate::sandbox::state::{Account, Child, World, derived_id};

const KIND: &str = "projects";
const NAMES: children::Names = children::Names { kind: KIND, length: 2..=64, marks: b"_.-" };
const TEXTS: &[&str] = &["displayName", "description"];

/// `GET project`.
pub(crate) fn get(world: &World, place: Place) -> Result<Reply, Reply> {
    let account = children::parent(world, place)?;
    let child = existing(world, place)?;
    Ok(children::answer(200, shown(world, account, place, child), place, child))
}

/// `GET projects`.
pub(crate) fn list(world: &World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let account = children::parent(world, place)?;
    Ok(children::list(world, request, place, |place, child| shown(world, account, place, child)))
}

/// `PUT project`: 201 if it is new, else 200.
pub(crate) fn put(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let sent = children::read(request)?;
    let account = children::idle(world, place)?;
    children::check_name(place, &NAMES)?;
    let manages = account.properties.get("allowProjectManagement") == Some(&Value::Bool(true));
    if !(manages && account.kind == "AIServices") {
        let message = "Projects can only be created in accounts of kind AIServices with allowProjectManagement set to true.";
        return Err(errors::bad_request("BadRequest", message));
    }
    if sent.location.as_deref().is_none_or(|location| location.trim().is_empty()) {
        return Err(errors::location_required());
    }
    let Some(identity) = &sent.identity else {
        return Err(errors::bad_request("BadRequest", "A project requires an identity."));
    };
    let old = world.state.children.get(&place.key());
    let mut properties = texts(sent.properties.clone())?;
    let first = children::direct(world, place.above()).next().is_none();
    let default = old.map_or(Some(json!(first)), |old| old.properties.get("isDefault").cloned());
    properties.insert(String::from("isDefault"), default.unwrap_or(json!(false)));
    let before = old.and_then(|old| old.identity.as_ref());
    let identity =
        new_identity(before, || principal(world, place), identity, Mode::Replace, &world.state.tenant)?;
    let child = Child {
        name: place.name().to_owned(),
        location: old.and_then(|old| old.location.clone()).or(sent.location),
        identity: Some(identity),
        tags: sent.tags,
        properties,
        ..Child::default()
    };
    Ok(stored(world, request, place, child))
}

/// `PATCH project`: omitted properties keep their value.
pub(crate) fn patch(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let Sent { properties, tags, identity, .. } = children::read(request)?;
    children::idle(world, place)?;
    let mut child = existing(world, place)?.clone();
    child.properties.extend(texts(properties)?);
    child.tags = tags.or(child.tags);
    if let Some(identity) = identity {
        let (before, tenant) = (child.identity.as_ref(), &world.state.tenant);
        child.identity =
            Some(new_identity(before, || principal(world, place), &identity, Mode::Merge, tenant)?);
    }
    Ok(stored(world, request, place, child))
}

/// `DELETE project`: at once, with its connections and role assignments; 204 without a project.
pub(crate) fn delete(world: &mut World, place: Place) -> Result<Reply, Reply> {
    children::idle(world, place)?;
    Ok(Reply::empty(if world.remove_child(&place.key()) { 200 } else { 204 }))
}

/// Object id of a new identity.
fn principal(world: &World, place: Place) -> String {
    derived_id(&format!("principal:{}:{}", place.key(), world.now.as_millisecond())).to_string()
}

fn existing<'w>(world: &'w World, place: Place) -> Result<&'w Child, Reply> {
    world.state.children.get(&place.key()).ok_or_else(|| not_found(place))
}

fn not_found(place: Place) -> Reply {
    let accounts::AccountPlace { group, name, .. } = place.account;
    errors::resource_not_found(ACCOUNTS, &format!("{name}/{KIND}/{}", place.name()), group)
}

fn stored(world: &mut World, request: &Request, place: Place, child: Child) -> Reply {
    let old = world.state.children.get(&place.key()).and_then(|old| old.identity.clone());
    world.forget_identity(old.as_ref(), child.identity.as_ref());
    if let Some(identity) = &child.identity {
        accounts::know(world, identity, &format!("{}/{KIND}/{}", place.account.name, child.name));
    }
    let existed = children::store(world, request, place, child, None);
    let found = children::parent(world, place)
        .and_then(|account| existing(world, place).map(|child| (shown(world, account, place, child), child)));
    match found {
        Ok((text, child)) => children::answer(if existed { 200 } else { 201 }, text, place, child),
        Err(refusal) => refusal,
    }
}

fn texts(sent: Map<String, Value>) -> Result<Map<String, Value>, Reply> {
    let mut kept = Map::new();
    for (name, value) in sent {
        match (TEXTS.contains(&name.as_str()), value) {
            (_, Value::Null) | (false, _) => {}
            (true, value @ Value::String(_)) => {
                kept.insert(name, value);
            }
            (true, value) => return Err(wrong_type(&format!("properties.{name}"), &value)),
        }
    }
    Ok(kept)
}

fn shown(world: &World, account: &Account, place: Place, child: &Child) -> String {
    let host = account.subdomain().unwrap_or(&account.name).to_lowercase();
    let mut properties = child.properties.clone();
    properties.insert(
        String::from("endpoints"),
        json!({"AI Foundry API": format!("https://{host}.services.ai.azure.com/api/projects/{}", child.name)}),
    );
    properties.insert(String::from("provisioningState"), json!(children::provisioning_state(world, child)));
    let more = place.account.shows_more;
    if more {
        // In no description: https://github.com/hashicorp/terraform-provider-azurerm/issues/31543
        let internal = derived_id(&format!("internal:{}:{}", place.key(), child.created.at));
        properties.insert(String::from("internalId"), json!(internal.simple().to_string()));
    }
    let mut text = ObjectText::new();
    text.field("id", &format!("{}/{KIND}/{}", place.root_id(), child.name))
        .field("name", &format!("{}/{}", account.name, child.name))
        .field("type", &format!("{ACCOUNTS}/{KIND}"))
        .optional("kind", more.then_some(&"AIServices"))
        .field("etag", &children::etag(&place.key(), child))
        .field("location", &child.location)
        .optional("identity", child.identity.as_ref())
        .optional("tags", child.tags.as_ref())
        .field("properties", &properties)
        .field("systemData", &system_data(&child.created, &child.modified));
    text.end()
}

/// Projects of an account, as an error lists them.
pub(crate) fn names(world: &World, account: accounts::AccountPlace) -> Vec<String> {
    let rest = [KIND.to_owned()];
    let place = Place::of_account(account, &rest);
    children::direct(world, place)
        .map(|(_, child)| format!("{ACCOUNTS}/{}/{KIND}/{}", account.name, child.name))
        .collect()
}
