//! What came of a write: whether the declared fields stand, and whether anything else changed with them.
//!
//! Pure. Texts for people; `write` says what they are about.

use serde_json::{Map, Value};

use crate::diff::field_changes;
use crate::document::{Step, dotted_path};
use crate::kinds::role_assignment::twin;
use crate::kinds::{FieldChange, Kind, writable};
use crate::text::json::spelled;

/// Fields that the step declares and that are something else by now.
pub(super) fn undone(kind: &dyn Kind, step: &Step, body: &Value) -> Vec<String> {
    told(&field_changes(kind, &step.patch, body))
}

/// Fields in which what somebody made is another thing than the one that the step would make.
pub(super) fn other(kind: &dyn Kind, step: &Step, body: &Value) -> Vec<String> {
    let patch = if kind.is_grant() { twin::whole(&step.patch) } else { step.patch.clone() };
    told(&field_changes(kind, &patch, body))
}

fn told(changes: &[FieldChange]) -> Vec<String> {
    let told = |change: &FieldChange| {
        format!("`{}` is `{}`, not `{}`", dotted_path(&change.path), change.before, change.after)
    };
    changes.iter().map(told).collect()
}

/// Fields in spec shape that the step did not declare and that differ now from what they were. New ones are the service's defaults.
pub(super) fn undeclared(kind: &dyn Kind, step: &Step, before: &Value, after: &Value) -> Vec<String> {
    let Value::Object(mut undeclared) = kind.to_spec(before) else { return Vec::new() };
    forget(&mut undeclared, &step.patch);
    field_changes(kind, &undeclared, after)
        .into_iter()
        .map(|change| {
            format!("`{}` was `{}` and is `{}`", dotted_path(&change.path), change.after, change.before)
        })
        .collect()
}

/// Takes out of `fields` what the patch names.
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

/// What a spec has no word for and was sent back as it was, and that has gone or been switched since. Other values may move by
/// themselves, and prove nothing.
pub(super) fn lost(kind: &dyn Kind, before: &Value, sent: &Value, after: &Value) -> Vec<String> {
    fn walk(path: &mut Vec<String>, sent: &Value, before: &Value, after: &Value, told: &mut Vec<String>) {
        for (name, value) in before.as_object().into_iter().flatten() {
            if sent[name.as_str()].is_null() {
                continue;
            }
            path.push(name.clone());
            let found = after.as_object().and_then(|map| map.get(spelled(map, name)));
            match (value, found) {
                (Value::Object(_), Some(found)) => walk(path, &sent[name.as_str()], value, found, told),
                (_, None) => told.push(format!("`{}` was `{value}` and has gone", dotted_path(path))),
                (Value::Bool(_), Some(found)) if sent[name.as_str()] == *value && found != value => {
                    told.push(format!("`{}` was `{value}` and is `{found}`", dotted_path(path)));
                }
                _ => {}
            }
            path.pop();
        }
    }
    let mut told = Vec::new();
    walk(&mut Vec::new(), sent, before, &writable(kind, after), &mut told);
    told
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
        let told = |properties: Value| {
            let after = json!({"sku": {"name": "Standard"}, "properties": properties});
            lost(deployments, &before, &sent, &after)
        };
        let whole = json!({"dynamicThrottlingEnabled": true, "modelProviderData": {"Industry": "other"}, "note": "2", "old": false});
        assert_eq!(told(whole), [] as [&str; 0]);
        assert_eq!(
            told(json!({"dynamicThrottlingEnabled": false, "modelProviderData": {}, "old": false})),
            [
                "`properties.dynamicThrottlingEnabled` was `true` and is `false`",
                "`properties.modelProviderData.industry` was `\"technology\"` and has gone",
                "`properties.note` was `\"1\"` and has gone",
            ]
        );
    }
}
