//! Compares the result of a write: whether the declared fields were written, and whether anything else changed.
//!
//! Pure. Returns texts for people; `write` adds what they are about.

use serde_json::{Map, Value};

use crate::body::is_resource;
use crate::diff::field_changes;
use crate::document::{Step, dotted_path};
use crate::kinds::{Compare, FieldChange, Kind, writable};
use crate::text::json::{member, spelled};

/// Declared fields of the step that have another value by now.
pub(super) fn undone(kind: &dyn Kind, step: &Step, body: &Value) -> Vec<String> {
    differences(&field_changes(kind, &step.patch, body))
}

/// Fields in which somebody else's resource differs from the one that the step would create.
pub(super) fn other(kind: &dyn Kind, step: &Step, body: &Value) -> Vec<String> {
    let patch = kind.granting().map(|kind| kind.whole(&step.patch));
    differences(&field_changes(kind, patch.as_ref().unwrap_or(&step.patch), body))
}

/// Undeclared values of somebody else's resource that guards judge, where they assumed another value for the creation.
pub(super) fn unjudged(kind: &dyn Kind, patch: &Map<String, Value>, body: &Value) -> Vec<String> {
    let patch = Value::Object(patch.clone());
    let live = kind.to_spec(body);
    let mut differences = Vec::new();
    for field in kind.fields() {
        let Some(guarded) = field.guarded else { continue };
        let pointer = format!("/{}", field.path);
        let Some(shown) = live.pointer(&pointer).filter(|shown| !shown.is_null()) else { continue };
        let unjudged = match patch.pointer(&pointer) {
            Some(declared) => guarded.whole.then(|| unjudged_members(field.compare, declared, shown)),
            None => {
                let is = |json: &&str| equals(kind, field.path, json, body);
                let expected = field.absent.iter().chain(guarded.shown).any(is);
                (!expected).then(|| vec![format!("`{}` is `{shown}`", field.path.replace('/', "."))])
            }
        };
        differences.extend(unjudged.into_iter().flatten());
    }
    differences
}

/// Whether a field equals this JSON.
fn equals(kind: &dyn Kind, path: &str, json: &str, body: &Value) -> bool {
    let value = serde_json::from_str(json).expect("a value in a field table is JSON");
    let nest = |value: Value, name: &str| Value::Object(Map::from_iter([(name.to_owned(), value)]));
    match path.rsplit('/').fold(value, nest) {
        Value::Object(declared) => field_changes(kind, &declared, body).is_empty(),
        _ => false,
    }
}

/// Undeclared members of a list's declared elements.
fn unjudged_members(compare: Compare, declared: &Value, live: &Value) -> Vec<String> {
    let Compare::By(identity) = compare else { return Vec::new() };
    let text = |element: &Value, member: &str| element[member].as_str().unwrap_or_default().to_lowercase();
    let elements = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut differences = Vec::new();
    for shown in elements(live) {
        let is = |wanted: &&Value| identity.iter().all(|member| text(wanted, member) == text(&shown, member));
        let wanted = elements(declared);
        let Some(wanted) = wanted.iter().find(is) else { continue };
        for (name, value) in shown.as_object().into_iter().flatten() {
            if wanted[name.as_str()].is_null() && !value.is_null() {
                let named: Vec<&str> = identity.iter().filter_map(|member| shown[*member].as_str()).collect();
                differences.push(format!("`{name}` of `{}` is `{value}`", named.join(" ")));
            }
        }
    }
    differences
}

fn differences(changes: &[FieldChange]) -> Vec<String> {
    let difference = |change: &FieldChange| {
        format!("`{}` is `{}`, not `{}`", dotted_path(&change.path), change.before, change.after)
    };
    changes.iter().map(difference).collect()
}

/// Undeclared fields, in spec shape, that changed. New ones are the service's defaults, but for those that guards judge and whose absence
/// has a meaning.
pub(super) fn undeclared(kind: &dyn Kind, step: &Step, before: &Value, after: &Value) -> Vec<String> {
    let mut shown = kind.to_spec(before);
    if is_resource(before) {
        meant(kind, &mut shown);
    }
    let Value::Object(mut undeclared) = shown else { return Vec::new() };
    forget(&mut undeclared, &step.patch);
    field_changes(kind, &undeclared, after)
        .into_iter()
        .map(|change| {
            format!("`{}` was `{}` and is `{}`", dotted_path(&change.path), change.after, change.before)
        })
        .collect()
}

/// Adds what missing values mean, of fields that guards judge.
fn meant(kind: &dyn Kind, shown: &mut Value) {
    for field in kind.fields().iter().filter(|field| field.guarded.is_some()) {
        // An empty list says what a missing one does.
        let Some(json) = field.absent.filter(|json| *json != "[]") else { continue };
        let value = serde_json::from_str(json).expect("an `absent` in a field table is JSON");
        let mut at = &mut *shown;
        for name in field.path.split('/') {
            at = member(at, name);
        }
        if at.is_null() {
            *at = value;
        }
    }
}

/// Removes what the patch names from `fields`.
fn forget(fields: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        let own = spelled(fields, name).to_owned();
        match (fields.get_mut(&own), value) {
            (Some(Value::Object(inner)), Value::Object(patch)) => forget(inner, patch),
            _ => {
                fields.remove(&own);
            }
        }
    }
}

/// Members unknown to the spec that were sent back unchanged and have been removed or switched since. Other values may change by themselves
/// and prove nothing.
pub(super) fn lost(kind: &dyn Kind, before: &Value, sent: &Value, after: &Value) -> Vec<String> {
    fn walk(
        path: &mut Vec<String>,
        sent: &Value,
        before: &Value,
        after: &Value,
        differences: &mut Vec<String>,
    ) {
        for (name, value) in before.as_object().into_iter().flatten() {
            if sent[name.as_str()].is_null() {
                continue;
            }
            path.push(name.clone());
            let found = after.as_object().and_then(|map| map.get(spelled(map, name)));
            match (value, found) {
                (Value::Object(_), Some(found)) => {
                    walk(path, &sent[name.as_str()], value, found, differences);
                }
                (_, None) => differences.push(format!("`{}` was `{value}` and is gone", dotted_path(path))),
                (Value::Bool(_), Some(found)) if sent[name.as_str()] == *value && found != value => {
                    differences.push(format!("`{}` was `{value}` and is `{found}`", dotted_path(path)));
                }
                _ => {}
            }
            path.pop();
        }
    }
    let mut differences = Vec::new();
    walk(&mut Vec::new(), sent, before, &writable(kind, after), &mut differences);
    differences
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds;

    #[test]
    fn what_was_sent_back_as_it_was_is_missed_and_what_moves_by_itself_is_not() {
        let deployments = kinds::by_name("deployments").unwrap();
        let before = json!({"sku": {"name": "Standard"}, "properties": {"dynamicThrottlingEnabled": true,
            "modelProviderData": {"industry": "technology"}, "note": "1", "old": true, "rateLimits": [1]}});
        let before = writable(deployments, &before);
        let mut sent = before.clone();
        sent["properties"]["old"] = json!(false);
        let differences = |properties: Value| {
            let after = json!({"sku": {"name": "Standard"}, "properties": properties});
            lost(deployments, &before, &sent, &after)
        };
        let whole = json!({"dynamicThrottlingEnabled": true, "modelProviderData": {"Industry": "other"}, "note": "2", "old": false});
        assert_eq!(differences(whole), [] as [&str; 0]);
        assert_eq!(
            differences(json!({"dynamicThrottlingEnabled": false, "modelProviderData": {}, "old": false})),
            [
                "`properties.dynamicThrottlingEnabled` was `true` and is `false`",
                "`properties.modelProviderData.industry` was `\"technology\"` and is gone",
                "`properties.note` was `\"1\"` and is gone",
            ]
        );
    }
}
