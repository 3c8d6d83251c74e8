//! Children of accounts with few rules: blocklists, their items, and the settings of Defender for AI.
//!
//! There are no recordings of these: the shapes come from the API description.

use serde_json::{Map, Value, json};

use super::account_write::{one_of, wrong_type};
use super::children;
use super::children::{ACCOUNTS, Place};
use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::{Child, World};

/// The only setting of Defender for AI.
const DEFENDER: &str = "Default";

/// A type of child.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Plain {
    Blocklist,
    Item,
    Defender,
}

impl Plain {
    fn kind(self) -> &'static str {
        match self {
            Self::Blocklist => "raiBlocklists",
            Self::Item => "raiBlocklists/raiBlocklistItems",
            Self::Defender => "defenderForAISettings",
        }
    }

    /// The properties that the service takes; it drops others.
    fn properties(self, sent: Map<String, Value>) -> Result<Map<String, Value>, Reply> {
        let mut kept = Map::new();
        for (name, value) in sent {
            let value = match (self, name.as_str(), value) {
                (_, _, Value::Null) => continue,
                (Self::Blocklist, "description", value @ Value::String(_))
                | (Self::Item, "pattern", value @ Value::String(_))
                | (Self::Item, "isRegex", value @ Value::Bool(_)) => value,
                (Self::Defender, "state", Value::String(word)) => {
                    one_of("properties.state", &["Disabled", "Enabled"], &word)?
                }
                (Self::Blocklist, "description", value)
                | (Self::Item, "pattern" | "isRegex", value)
                | (Self::Defender, "state", value) => {
                    return Err(wrong_type(&format!("properties.{name}"), &value));
                }
                _ => continue,
            };
            kept.insert(name, value);
        }
        Ok(kept)
    }
}

/// The account, and the blocklist of an item.
fn parent(world: &World, place: Place) -> Result<(), Reply> {
    let account = children::parent(world, place)?;
    if let [kind, name, _, ..] = place.rest {
        let list = Place { rest: &place.rest[..2], ..place };
        if !world.state.children.contains_key(&list.key()) {
            let group = place.account.group;
            return Err(errors::resource_not_found(
                ACCOUNTS,
                &format!("{}/{kind}/{name}", account.name),
                group,
            ));
        }
    }
    Ok(())
}

/// `GET` of one.
pub(crate) fn get(world: &World, place: Place, plain: Plain) -> Result<Reply, Reply> {
    parent(world, place)?;
    let found = world.state.children.get(&place.key());
    let child = found.ok_or_else(|| errors::specified_not_found(&place.id()))?;
    Ok(children::answer(200, shown(place, child, plain), place, child))
}

/// `GET` of all.
pub(crate) fn list(world: &World, request: &Request, place: Place, plain: Plain) -> Result<Reply, Reply> {
    parent(world, place)?;
    Ok(children::list(world, request, place, |place, child| shown(place, child, plain)))
}

/// `PUT`: 201 if it is new, else 200.
pub(crate) fn put(world: &mut World, request: &Request, place: Place, plain: Plain) -> Result<Reply, Reply> {
    let sent = children::read(request)?;
    parent(world, place)?;
    children::idle(world, place)?;
    children::check_name(place, &children::Names { kind: plain.kind(), length: 1..=64, marks: b"_.-" })?;
    if matches!(plain, Plain::Defender) && !place.name().eq_ignore_ascii_case(DEFENDER) {
        return Err(errors::bad_request("BadRequest", "The only Defender for AI setting is 'Default'."));
    }
    let properties = plain.properties(sent.properties)?;
    if matches!(plain, Plain::Item) && properties.get("pattern").is_none_or(|text| text == &json!("")) {
        return Err(errors::bad_request("BadRequest", "A blocklist item requires a pattern."));
    }
    let child = Child { name: place.name().to_owned(), tags: sent.tags, properties, ..Child::default() };
    let existed = children::store(world, request, place, child, None);
    let found = world.state.children.get(&place.key());
    let child = found.ok_or_else(|| errors::specified_not_found(&place.id()))?;
    Ok(children::answer(if existed { 200 } else { 201 }, shown(place, child, plain), place, child))
}

/// `DELETE`: an operation; 204 if there is none. A blocklist takes its items along.
pub(crate) fn delete(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let location = children::idle(world, place)?.location.clone();
    if uses(world, place) {
        let message = format!("The blocklist '{}' is used by a RAI policy of the account.", place.name());
        return Err(errors::bad_request("BadRequest", &message));
    }
    Ok(children::delete_by_operation(world, request, place, location))
}

/// Whether a policy of the account uses a blocklist.
fn uses(world: &World, place: Place) -> bool {
    let [_, name] = place.rest else { return false };
    let policies = [String::from("raiPolicies")];
    let policies = Place { rest: &policies, ..place };
    children::direct(world, policies).any(|(_, policy)| {
        let lists = policy.properties.get("customBlocklists").and_then(Value::as_array);
        let named = lists.into_iter().flatten().filter_map(|list| list.get("blocklistName")?.as_str());
        named.into_iter().any(|named| named.eq_ignore_ascii_case(name))
    })
}

fn shown(place: Place, child: &Child, plain: Plain) -> String {
    let mut text = children::head(place, child, plain.kind());
    text.field("properties", &child.properties);
    children::tail(text, place, child)
}
