//! Shared by all children of an account or a workspace: lookup, one write at a time, lists, deletion.
//!
//! Each kind (`deployments`, `rai_policies`, ...) reads its own request bodies and writes its own answers.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::account_body::system_data;
use super::account_write::{read_tags, wrong_type};
use super::accounts;
use crate::sandbox::arm::operations::announce;
use crate::sandbox::http::{Item, ObjectText, Reply, Request, errors, page, written};
use crate::sandbox::state::{Account, Child, Operation, Transition, World, derived_id};

const PAGE: usize = 200;

pub(crate) const ACCOUNTS: &str = "Microsoft.CognitiveServices/accounts";
/// Type of hub workspaces, which have connections too.
pub(crate) const WORKSPACES: &str = "Microsoft.MachineLearningServices/workspaces";

/// A child of an account or a workspace, as named in a URL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Type of the parent: `ACCOUNTS` or `WORKSPACES`.
    pub(crate) root: &'static str,
    pub(crate) account: accounts::AccountPlace<'a>,
    /// Types and names below the account, as sent; a list has a type at its end.
    pub(crate) rest: &'a [String],
}

impl<'a> Place<'a> {
    /// A child of an account.
    pub(crate) fn of_account(account: accounts::AccountPlace<'a>, rest: &'a [String]) -> Self {
        Self { root: ACCOUNTS, account, rest }
    }

    /// Lower-case ARM id.
    pub(crate) fn key(&self) -> String {
        self.id().to_lowercase()
    }

    pub(super) fn root_key(&self) -> String {
        self.root_id().to_lowercase()
    }

    /// The last name.
    pub(crate) fn name(&self) -> &'a str {
        self.rest.last().map_or("", String::as_str)
    }

    /// ARM id, in the casing of the request.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.root_id(), self.rest.join("/"))
    }

    /// ARM id of the account or workspace.
    pub(super) fn root_id(&self) -> String {
        let (root, accounts::AccountPlace { subscription, group, name, .. }) = (self.root, self.account);
        format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{root}/{name}")
    }

    /// The list of a child, or the parent of a list.
    pub(crate) fn above(&self) -> Self {
        Self { rest: &self.rest[..self.rest.len().saturating_sub(1)], ..*self }
    }
}

/// The account, refused if it does not exist.
pub(crate) fn parent<'w>(world: &'w World, place: Place) -> Result<&'w Account, Reply> {
    let found = world.state.accounts.get(&place.root_key());
    found.ok_or_else(|| errors::parent_not_found(place.account.name))
}

/// The account, refused while an operation on it or on a child runs.
pub(super) fn idle<'w>(world: &'w World, place: Place) -> Result<&'w Account, Reply> {
    let account = parent(world, place)?;
    if account.transition.is_some() || is_busy_below(world, &place.root_key()) {
        return Err(errors::request_conflict(&place.root_id()));
    }
    Ok(account)
}

/// The same for a deletion, which may interrupt an operation on the child itself (recorded in 2022).
pub(super) fn idle_beside<'w>(world: &'w World, place: Place) -> Result<&'w Account, Reply> {
    let account = parent(world, place)?;
    let (prefix, own) = (format!("{}/", place.root_key()), place.key());
    let beside =
        world.state.children_below(&prefix).any(|(key, child)| key != own && state(world, child).is_some());
    if account.transition.is_some() || beside {
        return Err(errors::request_conflict(&place.root_id()));
    }
    Ok(account)
}

/// Whether an operation on a child of an account runs.
pub(super) fn is_busy_below(world: &World, account: &str) -> bool {
    world.state.children_below(&format!("{account}/")).any(|(_, child)| state(world, child).is_some())
}

/// The state of the operation on a child that runs now, if any.
pub(crate) fn state<'c>(world: &World, child: &'c Child) -> Option<&'c str> {
    let transition = child.transition.as_ref()?;
    (transition.until > world.now.as_millisecond()).then_some(transition.state.as_str())
}

pub(crate) fn provisioning_state<'c>(world: &World, child: &'c Child) -> &'c str {
    state(world, child).unwrap_or("Succeeded")
}

/// The `etag` of a child: a GUID between quotes.
pub(crate) fn etag(key: &str, child: &Child) -> String {
    format!("\"{}\"", derived_id(&format!("etag:{key}:{}:{}", child.created.at, child.revision)))
}

/// Stores a written child; returns whether it existed before.
///
/// The author and time of the creation stay; `properties` is all that a kind keeps.
pub(crate) fn store(
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

/// Children directly below.
pub(crate) fn direct<'w>(
    world: &'w World,
    list: Place,
) -> impl Iterator<Item = (&'w str, &'w Child)> + use<'w> {
    let prefix = format!("{}/", list.key());
    let from = prefix.len();
    world.state.children_below(&prefix).filter(move |(key, _)| !key[from..].contains('/'))
}

/// A list of the children directly below, each written by its kind.
pub(crate) fn list(
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
pub(crate) fn head(place: Place, child: &Child, kind: &str) -> ObjectText {
    let mut text = ObjectText::new();
    let id = format!("{}/{}", place.above().id(), child.name);
    text.field("id", &id).field("type", &format!("{ACCOUNTS}/{kind}"));
    text.field("name", &child.name);
    text
}

pub(crate) fn tail(mut text: ObjectText, place: Place, child: &Child) -> String {
    text.optional("tags", child.tags.as_ref())
        .field("systemData", &system_data(&child.created, &child.modified))
        .field("etag", &etag(&place.key(), child));
    text.end()
}

/// An answer with a body and its `etag`.
pub(crate) fn answer(status: u16, text: String, place: Place, child: &Child) -> Reply {
    Reply::text(status, text).with("etag", etag(&place.key(), child))
}

/// The parts of a request body that all kinds share.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) properties: Map<String, Value>,
    pub(crate) tags: Option<Map<String, Value>>,
    pub(crate) sku: Option<Map<String, Value>>,
    pub(crate) location: Option<String>,
    pub(crate) identity: Option<Map<String, Value>>,
}

/// Reads a body; `null` means the same as absent.
pub(crate) fn read(request: &Request) -> Result<Sent, Reply> {
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

/// Which names the children of a kind may have.
pub(super) struct Names {
    /// Its name in paths.
    pub(crate) kind: &'static str,
    pub(crate) length: RangeInclusive<usize>,
    /// Characters allowed besides letters and digits, but not first.
    pub(crate) marks: &'static [u8],
}

/// Refuses a name that the API description does not allow. Where it has no length, the general limit of names applies.
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

/// Deletes a child by an operation: 202, or 204 if there is none.
pub(super) fn delete_by_operation(
    world: &mut World,
    request: &Request,
    place: Place,
    location: String,
) -> Reply {
    let key = place.key();
    if !world.remove_child(&key) {
        return Reply::empty(204);
    }
    let operation = Operation {
        subscription: place.account.subscription.to_owned(),
        location,
        status: String::from("Deleting"),
        account: None,
        started_at: world.now.as_millisecond(),
        done_at: world.done_at(),
        over: false,
    };
    let id = derived_id(&format!("delete:{key}:{}", operation.started_at)).to_string();
    let reply = announce(Reply::empty(202), request, &operation, &id, true);
    world.start_operation(id, operation);
    reply
}
