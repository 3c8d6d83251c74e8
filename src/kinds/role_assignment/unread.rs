//! Lists of role assignments that could not be read completely, so that the assignments there are not known.
//!
//! Pure. Every queried list counts, for whatever reason it was queried: a subscription's list that the caller cannot read stays unread even
//! if groups in it were read by themselves.

use serde_json::Value;

use super::{TYPE, identity, list};
use crate::body::AssignmentBody;
use crate::id::{ResourceId, comparable};
use crate::kinds::{placed, unplaced};
use crate::snapshot::{Answer, Snapshot};

/// Role assignments that are not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadAssignments {
    /// What the list covers.
    pub scope: ResourceId,
    /// The principal that the list was filtered by, in comparable form; `None` if it covers all principals.
    pub principal: Option<String>,
    /// Whether access was denied.
    pub denied: bool,
    /// The request and Azure's answer.
    pub why: String,
}

/// All unknown role assignments, by scope.
pub(crate) fn unread(snapshot: &Snapshot) -> Vec<UnreadAssignments> {
    let mut unread = Vec::new();
    let lists = format!("/providers/{TYPE}?");
    for (_, scope, answer) in snapshot.answers().filter(|(path, ..)| path.contains(&lists)) {
        let of = |principal, why: &str| UnreadAssignments {
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
    AssignmentBody::of(body).principal_id().map(comparable)
}
