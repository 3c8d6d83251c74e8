//! API keys that would be enabled again.

use serde_json::Value;

use super::{Objection, Rule, accounts, was};
use crate::body::AccountBody;
use crate::plan::predict::World;

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (id, new) in accounts(after) {
        if was(before, after, id).is_some_and(keys_off) && !keys_off(new) {
            let message = format!("the plan enables the API keys of account `{}`", id.name());
            objections.push(Objection::at(Rule::KeysOn, id, message));
        }
    }
    objections
}

/// Whether keys are disabled; a missing field means that they are enabled.
pub(super) fn keys_off(body: &Value) -> bool {
    AccountBody::of(body).keys_off()
}
