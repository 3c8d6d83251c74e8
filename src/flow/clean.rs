//! Removes a run's secrets from its plan.
//!
//! Pure, apart from the secrets that `scrub` holds for the run.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::document::Plan;
use crate::text::scrub::scrub;

/// Removes this run's secrets from everything in a plan that only people read, and recomputes its fingerprint.
///
/// What is executed, compared or read back stays unchanged: ids, addresses, declared values.
pub(super) fn clean(plan: &mut Plan) {
    for change in &mut plan.changes {
        text(&mut change.title);
        change
            .reason
            .as_mut()
            .into_iter()
            .chain(&mut change.cause_unknown)
            .chain(&mut change.called)
            .chain(&mut change.along)
            .for_each(text);
        all(&mut change.caused_by);
        for field in change.fields.iter_mut().chain(&mut change.omitted) {
            values(&mut field.before);
        }
    }
    all(&mut plan.access);
    for finding in &mut plan.findings {
        text(&mut finding.message);
        finding.cause.as_mut().into_iter().chain(&mut finding.hint).for_each(text);
    }
    for gap in &mut plan.incomplete {
        text(&mut gap.reason);
    }
    plan.fingerprint = plan.digest();
}

fn text(text: &mut String) {
    *text = scrub(text).into_owned();
}

/// Cleans each text in a value that contains only texts for people.
fn all<T: Serialize + DeserializeOwned>(part: &mut T) {
    let Ok(mut tree) = serde_json::to_value(&*part) else { return };
    values(&mut tree);
    // Values other than text, such as enum names, are not secrets.
    if let Ok(clean) = serde_json::from_value(tree) {
        *part = clean;
    }
}

fn values(value: &mut Value) {
    match value {
        Value::String(string) => text(string),
        Value::Array(items) => items.iter_mut().for_each(values),
        Value::Object(map) => map.values_mut().for_each(values),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
