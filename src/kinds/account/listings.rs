//! Where accounts were listed, and where they are not all known.
//!
//! Pure.

use super::list;
use crate::id::ResourceId;
use crate::snapshot::{Answer, Snapshot};

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
