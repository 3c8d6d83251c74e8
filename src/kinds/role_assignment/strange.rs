//! Role assignments in a list from Azure that cannot be read: at an id of a form that keyless does not know, or without a role.
//!
//! Pure. One such item must not keep a whole subscription from being read, and must not hide what it may be: where it stands is judged by
//! the text of its scope and of its id, as far as that goes.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::id::{Beside, ResourceId};
use crate::kinds::{Gap, unplaced};
use crate::snapshot::Query;

/// Of the watched scopes and the stacks' groups those that an unreadable assignment may be about. Below a scope that is no account and no
/// project only great power is of interest, as of one that can be read.
pub(super) fn near<'a>(
    body: &Value,
    watched: impl Iterator<Item = &'a ResourceId>,
    groups: &'a BTreeSet<ResourceId>,
    power: impl Fn() -> bool,
) -> Vec<ResourceId> {
    let texts = [body["properties"]["scope"].as_str(), body["id"].as_str().map(at)];
    // Texts that contradict each other, or say nothing, place it nowhere.
    let stands = |scope: &ResourceId| {
        let told = texts.into_iter().flatten().map(|text| scope.beside(text));
        told.max().unwrap_or(Beside::Unclear)
    };
    let holds = |scope: &ResourceId| scope.up_to("accounts").is_some() || (groups.contains(scope) && power());
    let scopes: BTreeSet<&ResourceId> = watched.chain(groups).collect();
    let meant = scopes.into_iter().filter(|scope| match stands(scope) {
        Beside::Elsewhere => false,
        Beside::Within => holds(scope),
        Beside::Unclear => true,
    });
    meant.cloned().collect()
}

/// What an unreadable assignment leaves unknown. What carries the mark of a stack of this run is its business wherever it stands.
pub(super) fn gaps(body: &Value, near: Vec<ResourceId>, ours: bool, query: &Query) -> Vec<Gap> {
    let scopes = if ours && near.is_empty() { vec![query.scope.clone()] } else { near };
    scopes.into_iter().map(|scope| Gap { scope, refusal: unplaced(query, body) }).collect()
}

/// The scope in the text of an assignment's id.
fn at(id: &str) -> &str {
    const PROVIDER: &str = "/providers/microsoft.authorization/";
    id.to_ascii_lowercase().rfind(PROVIDER).map_or(id, |end| &id[..end])
}
