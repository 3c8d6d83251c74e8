//! What stands below an account, whatever it is: finding it, one write at a time, lists, deletion.
//!
//! Kinds (`deployments`, `rai_policies`, ...) read what was sent and write what is shown; here is what they share.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::{Map, Value};

use super::account_body::system_data;
use super::account_write::{read_tags, wrong_type};
use super::accounts;
use super::errors;
use super::http::{Item, ObjectText, Reply, Request, page, written};
use super::state::{Account, Child, Transition, account_key, derived_id};
use super::world::World;

const PAGE: usize = 200;

/// Something below an account, as a URL names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) account: accounts::Place<'a>,
    /// Types and names below the account, as sent; a list has a type at its end.
    pub(super) rest: &'a [String],
}

impl Place<'_> {
    /// Lower-case ARM id.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.account_key(), self.rest.join("/").to_lowercase())
    }

    pub(super) fn account_key(&self) -> String {
        account_key(self.account.subscription, self.account.group, self.account.name)
    }

    /// The last name.
    pub(super) fn name(&self) -> &str {
        self.rest.last().map_or("", String::as_str)
    }

    /// ARM id, in the casing of the request.
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.account_id(), self.rest.join("/"))
    }

    pub(super) fn account_id(&self) -> String {
        let accounts::Place { subscription, group, name } = self.account;
        format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts/{name}"
        )
    }
}

/// The account, which must be there.
pub(super) fn parent<'w>(world: &'w World, place: Place) -> Result<&'w Account, Reply> {
    let found = world.state.accounts.get(&place.account_key());
    found.ok_or_else(|| errors::parent_not_found(place.account.name))
}

/// The account, if nothing else is being done to it or below it.
pub(super) fn idle<'w>(world: &'w World, place: Place) -> Result<&'w Account, Reply> {
    let account = parent(world, place)?;
    if account.transition.is_some() || is_busy_below(world, &place.account_key()) {
        return Err(errors::request_conflict(&place.account_id()));
    }
    Ok(account)
}

/// The same for a deletion, which ends what is being done to the child itself (recorded in 2022).
pub(super) fn idle_beside<'w>(world: &'w World, place: Place) -> Result<&'w Account, Reply> {
    let account = parent(world, place)?;
    let (prefix, own) = (format!("{}/", place.account_key()), place.key());
    let beside = below(world, &prefix).any(|(key, child)| key != own && state(world, child).is_some());
    if account.transition.is_some() || beside {
        return Err(errors::request_conflict(&place.account_id()));
    }
    Ok(account)
}

/// Whether something is being done to what stands below an account.
pub(super) fn is_busy_below(world: &World, account: &str) -> bool {
    below(world, &format!("{account}/")).any(|(_, child)| state(world, child).is_some())
}

/// Everything whose key begins so.
pub(super) fn below<'w>(
    world: &'w World,
    prefix: &str,
) -> impl Iterator<Item = (&'w str, &'w Child)> + use<'w> {
    let prefix = prefix.to_owned();
    let from = (Bound::Included(prefix.clone()), Bound::Unbounded);
    let all = world.state.children.range::<String, _>(from);
    all.take_while(move |(key, _)| key.starts_with(&prefix)).map(|(key, child)| (key.as_str(), child))
}

/// What is being done to it now, if anything.
pub(super) fn state<'c>(world: &World, child: &'c Child) -> Option<&'c str> {
    let transition = child.transition.as_ref()?;
    (transition.until > world.now.as_millisecond()).then_some(transition.state.as_str())
}

/// Its `provisioningState`.
pub(super) fn provisioning_state<'c>(world: &World, child: &'c Child) -> &'c str {
    state(world, child).unwrap_or("Succeeded")
}

/// The `etag` of a child: a GUID between quotes.
pub(super) fn etag(key: &str, child: &Child) -> String {
    format!("\"{}\"", derived_id(&format!("etag:{key}:{}:{}", child.created.at, child.revision)))
}

/// Stores what was written, and gives whether it was there before.
///
/// The author and time of the creation stay; `properties` is all that a kind keeps.
pub(super) fn store(
    world: &mut World,
    request: &Request,
    place: Place,
    mut child: Child,
    lasts: Option<&str>,
) -> bool {
    let key = place.key();
    let stamp = world.stamp(&request.caller);
    child.modified = stamp.clone();
    let old = world.state.children.get(&key);
    let existed = old.is_some();
    match old {
        Some(old) => {
            child.name.clone_from(&old.name);
            child.created.clone_from(&old.created);
            child.revision = old.revision + 1;
        }
        None => child.created = stamp,
    }
    child.transition = lasts.map(|state| Transition { state: state.to_owned(), until: world.done_at() });
    world.remember_group(place.account.subscription, place.account.group);
    world.state.children.insert(key, child);
    existed
}

/// Removes it and what stands below; gives whether it was there.
pub(super) fn remove(world: &mut World, key: &str) -> bool {
    let there = world.state.children.contains_key(key);
    let below: Vec<String> = below(world, &format!("{key}/")).map(|(key, _)| key.to_owned()).collect();
    for key in below.iter().map(String::as_str).chain([key]) {
        world.state.children.remove(key);
        super::role_assignments::forget_scope(world, key);
        super::locks::forget_scope(world, key);
    }
    there
}

/// A list of what stands directly below, each written by its kind.
pub(super) fn list(
    world: &World,
    request: &Request,
    place: Place,
    shown: impl Fn(Place, &Child) -> String,
) -> Reply {
    list_with(world, request, place, std::iter::empty(), shown)
}

/// The same with what the service has on its own, by key.
pub(super) fn list_with<'w>(
    world: &'w World,
    request: &Request,
    place: Place,
    more: impl Iterator<Item = (&'w str, &'w Child)>,
    shown: impl Fn(Place, &Child) -> String,
) -> Reply {
    let prefix = format!("{}/", place.key());
    let direct = below(world, &prefix).filter(|(key, _)| !key[prefix.len()..].contains('/'));
    let all: BTreeMap<&str, &Child> = direct.chain(more).collect();
    let items = all.into_iter().map(|(key, child)| {
        let mut rest = place.rest.to_vec();
        rest.push(child.name.clone());
        let text = shown(Place { account: place.account, rest: &rest }, child);
        (key, move || -> Item { written(text) })
    });
    page(request, PAGE, items)
}

/// Begins a body as Microsoft.CognitiveServices does for a proxy resource.
pub(super) fn head(place: Place, child: &Child, kind: &str) -> ObjectText {
    let mut text = ObjectText::new();
    let parents = &place.rest[..place.rest.len().saturating_sub(1)];
    let id = format!("{}/{}/{}", place.account_id(), parents.join("/"), child.name);
    text.field("id", &id).field("type", &format!("Microsoft.CognitiveServices/accounts/{kind}"));
    text.field("name", &child.name);
    text
}

/// Ends it.
pub(super) fn tail(mut text: ObjectText, place: Place, child: &Child) -> String {
    text.optional("tags", child.tags.as_ref())
        .field("systemData", &system_data(&child.created, &child.modified))
        .field("etag", &etag(&place.key(), child));
    text.end()
}

/// An answer with a body and its `etag`.
pub(super) fn answer(status: u16, text: String, place: Place, child: &Child) -> Reply {
    Reply::text(status, text).with("etag", etag(&place.key(), child))
}

/// A body that was sent, taken apart as far as all kinds have it in common.
#[derive(Debug, Default)]
pub(super) struct Sent {
    pub(super) properties: Map<String, Value>,
    pub(super) tags: Option<Map<String, Value>>,
    pub(super) sku: Option<Map<String, Value>>,
    pub(super) location: Option<String>,
    pub(super) identity: Option<Map<String, Value>>,
}

/// Reads a body; `null` means the same as leaving out.
pub(super) fn read(request: &Request) -> Result<Sent, Reply> {
    let mut sent = Sent::default();
    for (name, value) in request.json_object()? {
        match (name.to_lowercase().as_str(), value) {
            (_, Value::Null) => {}
            ("properties", Value::Object(map)) => sent.properties = map,
            ("tags", Value::Object(map)) => sent.tags = Some(read_tags(map)?),
            ("sku", Value::Object(map)) => sent.sku = Some(map),
            ("identity", Value::Object(map)) => sent.identity = Some(map),
            ("location", Value::String(text)) => sent.location = Some(text),
            ("properties" | "tags" | "sku" | "identity" | "location", value) => {
                return Err(wrong_type(&name, &value));
            }
            _ => {}
        }
    }
    Ok(sent)
}

/// The name of a child: 2 to 64 letters, digits, `_`, `.`, `-`, the first a letter or digit, as the API description has it.
pub(super) fn check_name(place: Place, kind: &str) -> Result<(), Reply> {
    if accounts::is_name(place.name()) {
        return Ok(());
    }
    let message = format!("The name '{}' of {kind} is invalid.", place.name());
    Err(errors::bad_request("InvalidResourceName", &message))
}
