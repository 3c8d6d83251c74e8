//! Items of lists of which it is not known what they are.

use serde_json::Value;

use crate::id::{Beside, ResourceId};
use crate::snapshot::{Query, Refusal, Snapshot};

/// Why a list says nothing about what is absent, if one of its items cannot be placed.
pub(crate) fn unplaced_in(query: &Query, snapshot: &Snapshot) -> Option<Refusal> {
    snapshot.items(query).find(|body| placed(body).is_none()).map(|body| unplaced(query, body))
}

/// The id of what a body shows.
pub(crate) fn placed(body: &Value) -> Option<ResourceId> {
    ResourceId::parse(body["id"].as_str()?).ok()
}

/// Where an item of a list may be that cannot be placed: by the text of its id, in which of these.
pub(crate) fn perhaps_in<'a>(
    body: &'a Value,
    scopes: impl IntoIterator<Item = &'a ResourceId>,
) -> impl Iterator<Item = &'a ResourceId> {
    let text = body["id"].as_str().unwrap_or_default();
    scopes.into_iter().filter(move |scope| scope.beside(text) != Beside::Elsewhere)
}

/// Why an answer with an item that cannot be placed says nothing about what that may be.
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
                    format!("{id} in the list cannot be placed: its scope is another than that of its id")
                }
                Ok(_) => format!("{id} in the list shows no scope, principal and role that can be read"),
            }
        }
    };
    let hint = "nothing that this item may be is changed; if Azure really has it under that id, report that as a bug of keyless";
    Refusal { message: format!("GET {}: {what}", query.path), hint: Some(hint.to_owned()) }
}

/// Whether an assignment is said to stand at another scope than that of its id: then nobody knows where it is.
pub(super) fn contradicts(id: &ResourceId, body: &Value) -> bool {
    let scope = body["properties"]["scope"].as_str().and_then(|scope| ResourceId::parse(scope).ok());
    scope.is_some_and(|scope| scope != id.scope())
}
