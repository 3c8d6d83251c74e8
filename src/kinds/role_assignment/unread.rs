//! Lists of role assignments that could not be read, or not whole: who has what there is not known.
//!
//! Pure. Every list counts that was asked, for whatever reason: a list of a subscription that the caller may not read stays one, however many
//! groups of it were read by themselves.

use serde_json::Value;

use super::{TYPE, identity, list};
use crate::id::{ResourceId, comparable};
use crate::kinds::{placed, unplaced};
use crate::snapshot::{Answer, Snapshot};

/// Role assignments that are not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// What the list speaks about.
    pub scope: ResourceId,
    /// Of whom the list says that much, to compare by; of all others it may be too where this is nothing.
    pub principal: Option<String>,
    /// Whether the caller may not read them.
    pub denied: bool,
    /// What was tried and what Azure answered.
    pub why: String,
}

/// All that is not known of role assignments, by scope.
pub(crate) fn unread(snapshot: &Snapshot) -> Vec<Unread> {
    let mut unread = Vec::new();
    let lists = format!("/providers/{TYPE}?");
    for (_, scope, answer) in snapshot.answers().filter(|(path, ..)| path.contains(&lists)) {
        let of = |principal, why: &str| Unread {
            scope: scope.clone(),
            principal,
            denied: matches!(answer, Answer::Denied(_)),
            why: why.to_owned(),
        };
        match answer {
            Answer::Denied(refusal) | Answer::Failed(refusal) => unread.push(of(None, &refusal.message)),
            Answer::Found(items) => {
                let strange = items.iter().filter(|body| placed(body).is_none() || identity(body).is_none());
                unread.extend(strange.map(|body| of(principal(body), &unplaced(&list(scope), body).message)));
            }
            Answer::Absent { .. } => {}
        }
    }
    unread.sort_by(|one, other| (&one.scope, &one.why).cmp(&(&other.scope, &other.why)));
    unread
}

fn principal(body: &Value) -> Option<String> {
    body["properties"]["principalId"].as_str().map(comparable)
}
