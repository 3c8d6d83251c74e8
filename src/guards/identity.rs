//! User-assigned identities that a live account would newly have.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Objection, Rule};
use crate::id::ResourceId;
use crate::plan::predict::World;

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (id, new) in &after.resources {
        let Some(old) = before.resource(id) else { continue };
        let known = attached(old);
        for identity in attached(new).difference(&known) {
            let message = format!(
                "the plan attaches user-assigned identity `{identity}` to `{}`: the roles of that identity become the account's",
                id.name()
            );
            objections.push(Objection { rule: Rule::Identity, id: Some(id.clone()), message });
        }
    }
    objections
}

/// The user-assigned identities of a resource; whatever its type says, since what a type switches off today another switches on.
fn attached(body: &Value) -> BTreeSet<ResourceId> {
    let identities = body["identity"]["userAssignedIdentities"].as_object();
    let names = identities.into_iter().flatten().filter(|(_, value)| !value.is_null());
    names.filter_map(|(id, _)| ResourceId::parse(id).ok()).collect()
}
