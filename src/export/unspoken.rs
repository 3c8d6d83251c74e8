//! The fields of a live resource that specs cannot express, so that an export reports them. Pure.
//!
//! The spec's fields are applied to an empty body in ARM shape; whatever is live and writable but missing in the result is left out of the
//! export.

use serde_json::{Map, Value};

use super::left_out;
use crate::finding::Finding;
use crate::kinds::{Called, Live, MARK, writable};
use crate::text::json::spelled;

/// Values that Azure shows on every connection by default.
const DEFAULTS: &[(&str, &str)] = &[
    ("peRequirement", "NotRequired"),
    ("peStatus", "NotApplicable"),
    ("useWorkspaceManagedIdentity", "false"),
];

fn is_default(path: &[String], value: &Value) -> bool {
    let [.., holder, name] = path else { return false };
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    // The publisher of a model follows from the model.
    (holder == "model" && name == "publisher")
        || holder == "properties" && DEFAULTS.iter().any(|(known, default)| name == known && text == *default)
}

/// A finding for each field that an export leaves out. Only names: the value may be a secret.
pub(super) fn fields(live: &Live, called: &Called<'_>) -> Vec<Finding> {
    let body = writable(live.kind, &live.body);
    let mut said = Value::Object(Map::new());
    // Both forms: the short one of people, and the long form of what is written short.
    for spec in [Value::Object(live.kind.written(&live.body)), live.kind.to_spec(&body)] {
        let Value::Object(mut patch) = spec else { continue };
        patch.retain(|name, value| name != "identity" || value.is_object());
        live.kind.overlay(&mut said, &patch);
    }
    let mut found = Vec::new();
    walk(&body, &said, &mut Vec::new(), &mut found);
    found.sort();
    found.dedup();
    let title = live.kind.title(&live.body, called);
    let finding = |field: &String| left_out(&format!("`{field}` of {title}"), "specs have no such field");
    let superseded = live.kind.superseded().iter().filter_map(|(pointer, why)| {
        let value = live.body.pointer(pointer).filter(|value| !is_empty(value))?;
        let field = pointer.rsplit('/').next().filter(|_| !value.is_null())?;
        Some(left_out(&format!("`{field}` of {title}"), why))
    });
    found.iter().map(finding).chain(superseded).collect()
}

fn is_mark(name: &str) -> bool {
    name.eq_ignore_ascii_case(MARK)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.iter().all(|(name, value)| is_mark(name) || is_empty(value)),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Walks both together; `properties` is not a level in specs, and the mark is keyless's own.
fn walk(live: &Value, said: &Value, path: &mut Vec<String>, found: &mut Vec<String>) {
    if is_empty(live) || path.last().is_some_and(|name| is_mark(name)) {
        return;
    }
    match (live, said) {
        (Value::Object(map), Value::Object(_) | Value::Null)
            if said.is_object() || path.is_empty() || path.as_slice() == ["properties"] =>
        {
            let none = Map::new();
            let other = said.as_object().unwrap_or(&none);
            for (name, child) in map {
                let same = other.get(spelled(other, name)).unwrap_or(&Value::Null);
                path.push(name.clone());
                walk(child, same, path, found);
                path.pop();
            }
        }
        (Value::Array(items), Value::Array(others)) => {
            // Their order may differ: a member counts as expressed if any element has it.
            let has = |name: &String| others.iter().any(|other| !other[name.as_str()].is_null());
            for item in items.iter().filter_map(Value::as_object) {
                for (name, value) in item {
                    if !is_empty(value) && !has(name) {
                        path.push(name.clone());
                        found.push(spoken(path));
                        path.pop();
                    }
                }
            }
        }
        (_, Value::Null) if !is_default(path, live) => found.push(spoken(path)),
        _ => {}
    }
}

fn spoken(path: &[String]) -> String {
    let path = path.strip_prefix(&["properties".to_owned()]).filter(|rest| !rest.is_empty()).unwrap_or(path);
    path.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(live: &Value, said: &Value) -> Vec<String> {
        let mut found = Vec::new();
        walk(live, said, &mut Vec::new(), &mut found);
        found
    }

    #[test]
    fn each_field_that_is_not_said_is_named_where_it_begins() {
        let live = json!({
            "sku": {"name": "S0", "tier": "Standard"}, "plan": {"name": "p"}, "tags": {"a": "b", "keyless-stack": "x"},
            "properties": {
                "known": 1, "off": false, "deep": {"a": 1, "b": {"c": 2}}, "list": [{"id": 1, "more": 2}], "nothing": {"x": []},
                "gone": {"at": {"all": 1}},
            },
        });
        let said = json!({
            "sku": {"NAME": "S0"}, "tags": {"a": "b"},
            "properties": {"known": 2, "deep": {"a": 1, "b": {}}, "list": [{"id": 9}]},
        });
        assert_eq!(found(&live, &said), ["plan", "deep.b.c", "gone", "list.more", "off", "sku.tier"]);
        assert_eq!(found(&live, &live), [""; 0]);
        // A mark alone does not count as left out.
        assert_eq!(found(&json!({"tags": {"Keyless-Stack": "x"}}), &json!({})), [""; 0]);
        assert_eq!(found(&json!({"properties": {"a": 1}}), &json!({})), ["a"]);
        let default =
            json!({"properties": {"peStatus": "NotApplicable", "useWorkspaceManagedIdentity": false}});
        assert_eq!(found(&default, &json!({})), [""; 0]);
        let other = json!({"properties": {"peStatus": "Active", "useWorkspaceManagedIdentity": true}});
        assert_eq!(found(&other, &json!({})), ["peStatus", "useWorkspaceManagedIdentity"]);
    }
}
