//! Where accounts were listed, and where they are not all known; and how one is asked for by itself.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{API, Accounts, list, shape};
use crate::finding::Finding;
use crate::id::ResourceId;
use crate::kinds::Gap;
use crate::snapshot::{Answer, Query, Shape, Snapshot};

/// One account.
#[must_use]
pub(crate) fn one(id: &ResourceId) -> Query {
    let path = format!("{id}?api-version={API}");
    Query { path, shape: Shape::One, scope: id.clone(), project: shape::project }
}

/// The lists that show the accounts of these groups: their subscription's, which also shows what a stack made in a group that its
/// spec names no longer; and each group's own where the caller may not list the subscription.
pub(super) fn lists(
    subscription: &ResourceId,
    groups: &BTreeSet<ResourceId>,
    snapshot: &Snapshot,
) -> Vec<Query> {
    if groups.is_empty() {
        return Vec::new();
    }
    let whole = list(subscription);
    match snapshot.get(&whole) {
        Some(Answer::Denied(_)) => groups.iter().map(list).collect(),
        _ => vec![whole],
    }
}

/// What is not seen where the groups' own lists had to do.
pub(super) fn unlisted(
    groups: &BTreeMap<ResourceId, BTreeSet<ResourceId>>,
    snapshot: &Snapshot,
) -> Vec<Finding> {
    let which = "were read, and what a stack made in a group that its spec names no longer is not seen";
    let denied = groups.keys().filter_map(|subscription| match snapshot.get(&list(subscription)) {
        Some(Answer::Denied(refusal)) => Some(Gap { scope: subscription.clone(), refusal: refusal.clone() }),
        _ => None,
    });
    denied.map(|gap| gap.in_part(&Accounts, which)).collect()
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
