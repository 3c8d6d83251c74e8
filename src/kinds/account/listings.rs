//! Where accounts were listed, and where they are not all known; and how one is asked for by itself.
//!
//! Pure.

use super::{API, list, shape};
use crate::id::ResourceId;
use crate::snapshot::{Answer, Query, Shape, Snapshot};

/// One account.
#[must_use]
pub(crate) fn one(id: &ResourceId) -> Query {
    let path = format!("{id}?api-version={API}");
    Query { path, shape: Shape::One, scope: id.clone(), project: shape::project }
}

/// The scopes whose accounts were asked for, each with why they are not all known, if so.
pub(crate) fn listings(snapshot: &Snapshot) -> impl Iterator<Item = (&ResourceId, Option<String>)> {
    let lists = snapshot.answers().filter(|(path, scope, _)| *path == list(scope).path);
    lists.map(|(_, scope, answer)| {
        let why = match answer {
            Answer::Found(items) => {
                let query = list(scope);
                let empty = items.iter().any(|body| !body["properties"].is_object());
                let empty = || {
                    empty.then(|| format!("GET {}: an account of the list shows no properties", query.path))
                };
                crate::kinds::unplaced_in(&query, snapshot).map(|refusal| refusal.message).or_else(empty)
            }
            // What points into a group that is not there says otherwise.
            Answer::Absent { code } => {
                Some(format!("Azure answered {code}, and shows a role assignment there"))
            }
            Answer::Denied(refusal) | Answer::Failed(refusal) => Some(refusal.message.clone()),
        };
        (scope, why)
    })
}
