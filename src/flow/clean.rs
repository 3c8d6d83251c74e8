//! Takes the secrets of a run out of its plan.
//!
//! Pure, but for the secrets that a run knows: `scrub` holds those.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::document::Plan;
use crate::text::scrub::scrub;

/// Takes the secrets of this run out of everything in a plan that only people read, and takes its fingerprint anew.
///
/// What is executed, compared or read back stays as it is: ids, addresses, declared values.
pub(super) fn clean(plan: &mut Plan) {
    for change in &mut plan.changes {
        text(&mut change.title);
        change
            .reason
            .as_mut()
            .into_iter()
            .chain(&mut change.cause_unknown)
            .chain(&mut change.called)
            .for_each(text);
        all(&mut change.caused_by);
        for field in &mut change.fields {
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

/// Each text in something that holds nothing but texts for people.
fn all<T: Serialize + DeserializeOwned>(part: &mut T) {
    let Ok(mut tree) = serde_json::to_value(&*part) else { return };
    values(&mut tree);
    // A word that is no text, such as the name of an alternative, is no secret.
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
