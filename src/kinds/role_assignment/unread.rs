//! Lists of role assignments that could not be read completely, so that the assignments there are not known.
//!
//! Pure. Every queried list counts, for whatever reason it was queried: a subscription's list that the caller cannot read stays unread even
//! if groups in it were read by themselves.

use serde_json::Value;

use super::{TYPE, identity, list};
use crate::body::AssignmentBody;
use crate::id::{ResourceId, comparable};
use crate::kinds::{contradicts, perhaps_in, placed, unplaced};
use crate::snapshot::{Answer, Body, Refusal, Snapshot};

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

/// Why the one list of a subscription shows less of what reaches accounts than there is, for each of them.
#[must_use]
pub(crate) fn gaps_in<'a>(
    subscription: &ResourceId,
    accounts: impl Iterator<Item = &'a ResourceId>,
    snapshot: &Snapshot,
) -> Vec<Vec<Refusal>> {
    let query = list(subscription);
    let refused = snapshot.get(&query).and_then(Answer::refusal);
    let is_read =
        |body: &Value| placed(body).is_some_and(|id| !contradicts(&id, body)) && identity(body).is_some();
    let strange: Vec<&Body> = snapshot.items(&query).filter(|body| !is_read(body)).collect();
    let around = |account: &ResourceId| {
        let near = strange.iter().filter(|body| perhaps_in(body, [account]).next().is_some());
        refused.cloned().into_iter().chain(near.map(|body| unplaced(&query, body))).collect()
    };
    accounts.map(around).collect()
}
