//! Parts of ARM bodies that several kinds share, and how patches are applied to them.
//!
//! Pure. Parts specific to one kind are in its own file.

use serde_json::{Map, Value, json};

use super::Kind;
use crate::id::region;
use crate::text::json::{member, spelled};

/// The tag that holds a stack's mark.
pub(crate) const MARK: &str = "keyless-stack";

/// A body without what a PUT must not send back: read-only members and the `null`s that GET shows.
#[must_use]
pub fn writable(kind: &dyn Kind, body: &Value) -> Value {
    let mut body = body.clone();
    for pointer in kind.read_only() {
        let segments: Vec<&str> = pointer.split('/').skip(1).collect();
        remove(&mut body, &segments);
    }
    drop_nulls(&mut body);
    body
}

/// What identifies the state of a resource: everything that a PUT could overwrite, but for what the service moves itself.
#[must_use]
pub fn settings(kind: &dyn Kind, body: &Value) -> Value {
    let mut body = writable(kind, body);
    for pointer in kind.moving() {
        let segments: Vec<&str> = pointer.split('/').skip(1).collect();
        remove(&mut body, &segments);
    }
    body
}

fn remove(value: &mut Value, segments: &[&str]) {
    let (Some(map), [first, rest @ ..]) = (value.as_object_mut(), segments) else { return };
    if rest.is_empty() {
        map.remove(*first);
    } else if *first == "*" {
        map.values_mut().for_each(|child| remove(child, rest));
    } else if let Some(child) = map.get_mut(*first) {
        remove(child, rest);
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, child| !child.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Applies a patch to a value: maps merge by key, `null` removes, everything else replaces.
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    for (key, change) in changes {
        let key = spelled(map, key).to_owned();
        if change.is_null() {
            map.remove(&key);
        } else {
            merge(map.entry(key).or_insert(Value::Null), change);
        }
    }
}

/// The named members that an object has.
pub(crate) fn members(object: &Value, names: &[&str]) -> Map<String, Value> {
    let found = names.iter().filter(|name| !object[**name].is_null());
    found.map(|name| ((*name).to_owned(), object[*name].clone())).collect()
}

/// The stack in the mark of a body's tags.
pub(crate) fn mark(body: &Value) -> Option<String> {
    let tags = body["tags"].as_object()?;
    tags.get(spelled(tags, MARK))?.as_str().map(str::to_owned)
}

/// Writes a stack's mark into a body's tags.
pub(crate) fn set_mark(body: &mut Value, stack: &str) {
    merge(member(body, "tags"), &json!({ MARK: stack }));
}

/// A body's tags without the mark; `None` if there are no others.
pub(crate) fn tags(body: &Value) -> Option<Value> {
    let tags: Map<String, Value> = body["tags"]
        .as_object()?
        .iter()
        .filter(|(name, _)| !name.eq_ignore_ascii_case(MARK))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    // If there is only the mark there are no tags to clear.
    (!tags.is_empty()).then_some(Value::Object(tags))
}

/// A body's identity in spec shape.
pub(crate) fn identity(body: &Value) -> Option<Value> {
    body["identity"].as_object()?;
    let (system, users) = identities(&body["identity"]);
    let users: Vec<&String> = users.keys().collect();
    Some(json!({"systemAssigned": system, "userAssigned": users}))
}

/// Whether there is a system-assigned identity, and the user-assigned ones in ARM shape.
fn identities(identity: &Value) -> (bool, Map<String, Value>) {
    let types = identity["type"].as_str().unwrap_or_default();
    let has = |wanted: &str| types.split(',').any(|each| each.trim().eq_ignore_ascii_case(wanted));
    let users = identity["userAssignedIdentities"].as_object().cloned().unwrap_or_default();
    (has("SystemAssigned"), if has("UserAssigned") { users } else { Map::new() })
}

/// Spec shape as an export writes it: without `null`s, with the short forms of `identity` and the names of regions.
pub(super) fn written(kind: &dyn Kind, body: &Value) -> Map<String, Value> {
    let mut spec = kind.to_spec(&writable(kind, body));
    if spec["identity"].is_object() {
        short_identity(&mut spec["identity"]);
    }
    if let Some(Value::String(location)) = spec.get_mut("location") {
        *location = region(location);
    }
    match spec {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Replaces the long form of `identity` with an equivalent short one, if any.
fn short_identity(identity: &mut Value) {
    let users = identity["userAssigned"].as_array().is_some_and(|users| !users.is_empty());
    match (identity["systemAssigned"].as_bool(), users) {
        (Some(true), false) => *identity = json!("SystemAssigned"),
        (Some(false), false) => *identity = json!("None"),
        _ => {}
    }
}

/// Replaces the short forms of `identity` with the long one.
pub(crate) fn long_identity(identity: &mut Value) {
    match identity.as_str() {
        Some("SystemAssigned") => *identity = json!({"systemAssigned": true}),
        Some("None") => *identity = json!({"systemAssigned": false, "userAssigned": []}),
        _ => {}
    }
}

pub(crate) fn overlay_identity(identity: &mut Value, patch: &Value) {
    let (mut system, mut users) = identities(identity);
    if let Some(wanted) = patch["systemAssigned"].as_bool() {
        system = wanted;
    }
    if let Some(wanted) = patch["userAssigned"].as_array() {
        users = wanted.iter().filter_map(Value::as_str).map(|id| (id.to_owned(), json!({}))).collect();
    }
    let types = match (system, users.is_empty()) {
        (true, true) => "SystemAssigned",
        (true, false) => "SystemAssigned, UserAssigned",
        (false, false) => "UserAssigned",
        (false, true) => "None",
    };
    *identity = json!({ "type": types });
    if !users.is_empty() {
        identity["userAssignedIdentities"] = Value::Object(users);
    }
}

/// Replaces the live elements with the declared ones, keeping members that the spec does not name of elements that stay.
pub(crate) fn overlay_elements(live: &mut Value, declared: &Value, identity: &[&str]) {
    let Value::Array(declared) = declared else {
        *live = declared.clone();
        return;
    };
    let same = |left: &Value, right: &Value| {
        identity.iter().all(|member| match (left[member].as_str(), right[member].as_str()) {
            (Some(left), Some(right)) => left.eq_ignore_ascii_case(right),
            _ => false,
        })
    };
    let elements = declared.iter().map(|element| {
        let mut whole = live.as_array().and_then(|live| live.iter().find(|old| same(old, element))).cloned();
        merge(whole.get_or_insert(Value::Null), element);
        whole.unwrap_or_default()
    });
    *live = Value::Array(elements.collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_keeps_what_is_not_named_and_null_removes() {
        let mut target = json!({"a": 1, "b": {"c": [1, 2], "d": 2}, "e": 3});
        merge(&mut target, &json!({"b": {"c": [9], "x": {"y": null, "z": 1}}, "e": null}));
        assert_eq!(target, json!({"a": 1, "b": {"c": [9], "d": 2, "x": {"z": 1}}}));
    }
}
