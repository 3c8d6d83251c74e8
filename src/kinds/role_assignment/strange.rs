//! Items in Azure's lists of role assignments that cannot be parsed: an id of an unknown form, or no role.
//!
//! Pure. One such item must neither block a whole subscription nor hide what it may be: its location is judged by the text of its scope and
//! id.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::body::AssignmentBody;
use crate::id::{Beside, ResourceId};
use crate::kinds::{Gap, unplaced};
use crate::snapshot::Query;

/// The watched scopes and groups that an unparsable assignment may concern. Below a scope other than an account or project, only guarded
/// roles matter, as with parsable ones.
pub(super) fn near<'a>(
    body: &Value,
    watched: impl Iterator<Item = &'a ResourceId>,
    groups: &'a BTreeSet<ResourceId>,
    power: impl Fn() -> bool,
) -> Vec<ResourceId> {
    let texts = [AssignmentBody::of(body).scope(), body["id"].as_str().map(at)];
    // Contradictory or missing texts place it nowhere.
    let stands = |scope: &ResourceId| {
        let places = texts.into_iter().flatten().map(|text| scope.beside(text));
        places.max().unwrap_or(Beside::Unclear)
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

/// The gaps that an unparsable assignment leaves. One with the mark of a stack of this run concerns that stack anywhere.
pub(super) fn gaps(body: &Value, near: Vec<ResourceId>, ours: bool, query: &Query) -> Vec<Gap> {
    let scopes = if ours && near.is_empty() { vec![query.scope.clone()] } else { near };
    scopes.into_iter().map(|scope| Gap { scope, refusal: unplaced(query, body) }).collect()
}

/// The scope in the text of an assignment's id.
fn at(id: &str) -> &str {
    const PROVIDER: &str = "/providers/microsoft.authorization/";
    id.to_ascii_lowercase().rfind(PROVIDER).map_or(id, |end| &id[..end])
}
