//! List items that cannot be identified.

use serde_json::Value;

use crate::body::AssignmentBody;
use crate::id::{Beside, ResourceId};
use crate::snapshot::{Query, Refusal, Snapshot};

/// Why a list does not prove absence, if one of its items cannot be identified.
pub(crate) fn unplaced_in(query: &Query, snapshot: &Snapshot) -> Option<Refusal> {
    snapshot.items(query).find(|body| placed(body).is_none()).map(|body| unplaced(query, body))
}

/// The id in a body.
pub(crate) fn placed(body: &Value) -> Option<ResourceId> {
    ResourceId::parse(body["id"].as_str()?).ok()
}

/// Which of these scopes may contain an unidentified item, by the text of its id.
pub(crate) fn perhaps_in<'a>(
    body: &'a Value,
    scopes: impl IntoIterator<Item = &'a ResourceId>,
) -> impl Iterator<Item = &'a ResourceId> {
    let text = body["id"].as_str().unwrap_or_default();
    scopes.into_iter().filter(move |scope| scope.beside(text) != Beside::Elsewhere)
}

/// Why an answer with an unidentified item does not prove absence of what it may be.
pub(crate) fn unplaced(query: &Query, body: &Value) -> Refusal {
    const LONGEST: usize = 300;
    let what = match body["id"].as_str() {
        None => "an item of the list shows no id".to_owned(),
        Some(text) => {
            let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(at, _)| at);
            let cut = if end < text.len() { "…" } else { "" };
            let id = format!("`{}{cut}`", &text[..end]);
            match ResourceId::parse(text) {
                Err(error) => format!("could not read the id {id} in the list: {error}"),
                Ok(at) if contradicts(&at, body) => {
                    format!("{id} in the list is inconsistent: its scope is not that of its id")
                }
                Ok(_) => format!("{id} in the list has no readable scope, principal and role"),
            }
        }
    };
    let hint = "keyless changes nothing that this item may be; if the id is valid in Azure, report this as a bug in keyless";
    Refusal { message: format!("GET {}: {what}", query.path), hint: Some(hint.to_owned()) }
}

/// Whether an assignment claims another scope than that of its id, so that its scope is not known.
pub(super) fn contradicts(id: &ResourceId, body: &Value) -> bool {
    let scope = AssignmentBody::of(body).scope().and_then(|scope| ResourceId::parse(scope).ok());
    scope.is_some_and(|scope| scope != id.scope())
}
