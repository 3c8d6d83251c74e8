//! What stands below an account or a workspace, whatever it is: finding it, one write at a time, lists, deletion.
//!
//! Kinds (`deployments`, `rai_policies`, ...) read what was sent and write what is shown; here is what they share.

use std::ops::Bound;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::account_body::system_data;
use super::account_write::{read_tags, wrong_type};
use super::accounts;
use super::errors;
use super::http::{Item, ObjectText, Reply, Request, page, written};
use super::state::{Account, Child, Transition, derived_id};
use super::world::World;

const PAGE: usize = 200;

/// Type of accounts.
pub(super) const ACCOUNTS: &str = "Microsoft.CognitiveServices/accounts";
/// Type of hub workspaces, which have connections too.
pub(super) const WORKSPACES: &str = "Microsoft.MachineLearningServices/workspaces";

/// Something below an account or a workspace, as a URL names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// Type of what it is below: `ACCOUNTS` or `WORKSPACES`.
    pub(super) root: &'static str,
    pub(super) account: accounts::Place<'a>,
    /// Types and names below the account, as sent; a list has a type at its end.
    pub(super) rest: &'a [String],
}

impl<'a> Place<'a> {
    /// What stands below an account.
    pub(super) fn of_account(account: accounts::Place<'a>, rest: &'a [String]) -> Self {
        Self { root: ACCOUNTS, account, rest }
    }

    /// Lower-case ARM id.
    pub(super) fn key(&self) -> String {
        self.id().to_lowercase()
    }

    pub(super) fn root_key(&self) -> String {
        self.root_id().to_lowercase()
    }

    /// The last name.
    pub(super) fn name(&self) -> &'a str {
        self.rest.last().map_or("", String::as_str)
    }

    /// ARM id, in the casing of the request.
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.root_id(), self.rest.join("/"))
    }

    /// ARM id of the account or workspace.
    pub(super) fn root_id(&self) -> String {
        let (root, accounts::Place { subscription, group, name }) = (self.root, self.account);
        format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{root}/{name}")
    }

    /// The list that it is in, or the thing that a list is below.
    pub(super) fn above(&self) -> Self {
        Self { rest: &self.rest[..self.rest.len().saturating_sub(1)], ..*self }
    }
}

/// The account, which must be there.
pub(super) fn parent<'w>(world: &'w World, place: Place) -> Result<&'w Account, Reply> {
    let found = world.state.accounts.get(&place.root_key());
    found.ok_or_else(|| errors::parent_not_found(place.account.name))
}

/// The account, if nothing else is being done to it or below it.
pub(super) fn idle<'w>(world: &'w World, place: Place) -> Result<&'w Account, Reply> {
    let account = parent(world, place)?;
    if account.transition.is_some() || is_busy_below(world, &place.root_key()) {
        return Err(errors::request_conflict(&place.root_id()));
    }
    Ok(account)
}

/// The same for a deletion, which ends what is being done to the child itself (recorded in 2022).
pub(super) fn idle_beside<'w>(world: &'w World, place: Place) -> Result<&'w Account, Reply> {
    let account = parent(world, place)?;
    let (prefix, own) = (format!("{}/", place.root_key()), place.key());
    let beside = below(world, &prefix).any(|(key, child)| key != own && state(world, child).is_some());
    if account.transition.is_some() || beside {
        return Err(errors::request_conflict(&place.root_id()));
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

/// What stands directly below.
pub(super) fn direct<'w>(
    world: &'w World,
    list: Place,
) -> impl Iterator<Item = (&'w str, &'w Child)> + use<'w> {
    let prefix = format!("{}/", list.key());
    let from = prefix.len();
    below(world, &prefix).filter(move |(key, _)| !key[from..].contains('/'))
}

/// A list of what stands directly below, each written by its kind.
pub(super) fn list(
    world: &World,
    request: &Request,
    place: Place,
    shown: impl Fn(Place, &Child) -> String,
) -> Reply {
    page_of(request, place, direct(world, place), shown)
}

/// The same for some of them, in ascending order of keys.
pub(super) fn page_of<'w>(
    request: &Request,
    place: Place,
    items: impl Iterator<Item = (&'w str, &'w Child)>,
    shown: impl Fn(Place, &Child) -> String,
) -> Reply {
    let items = items.map(|(key, child)| {
        let mut rest = place.rest.to_vec();
        rest.push(child.name.clone());
        let text = shown(Place { rest: &rest, ..place }, child);
        (key, move || -> Item { written(text) })
    });
    page(request, PAGE, items)
}

/// Begins a body as Microsoft.CognitiveServices does for a proxy resource.
pub(super) fn head(place: Place, child: &Child, kind: &str) -> ObjectText {
    let mut text = ObjectText::new();
    let id = format!("{}/{}", place.above().id(), child.name);
    text.field("id", &id).field("type", &format!("{ACCOUNTS}/{kind}"));
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

/// How the children of a kind may be called.
pub(super) struct Names {
    /// As it stands in paths.
    pub(super) kind: &'static str,
    pub(super) length: RangeInclusive<usize>,
    /// What may stand in it beside letters and digits; the first is one of those.
    pub(super) marks: &'static [u8],
}

/// Refuses a name that the API description does not allow. Where that says nothing of a length, what any part of an id may have counts.
pub(super) fn check_name(place: Place, names: &Names) -> Result<(), Reply> {
    let name = place.name();
    let first = name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
    let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || names.marks.contains(&byte));
    if first && rest && names.length.contains(&name.len()) {
        return Ok(());
    }
    let message = format!("The name '{name}' of {} is invalid.", names.kind);
    Err(errors::bad_request("InvalidResourceName", &message))
}
