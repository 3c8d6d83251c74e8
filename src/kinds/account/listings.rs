//! Where accounts were listed and where the lists have gaps; and the query for a single account.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{API, Accounts, list, shape};
use crate::body::is_resource;
use crate::finding::Finding;
use crate::id::ResourceId;
use crate::kinds::Gap;
use crate::snapshot::{Answer, Query, Shape, Snapshot};

/// The query for one account.
#[must_use]
pub(crate) fn one(id: &ResourceId) -> Query {
    let path = format!("{id}?api-version={API}");
    Query { path, shape: Shape::One, scope: id.clone(), project: shape::project }
}

/// The lists of accounts in these groups: that of their subscription, which also shows what a stack created in groups that its spec no
/// longer names; or each group's own if the caller cannot list the subscription.
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

/// A note about what the groups' own lists do not show.
pub(super) fn unlisted(
    groups: &BTreeMap<ResourceId, BTreeSet<ResourceId>>,
    snapshot: &Snapshot,
) -> Vec<Finding> {
    let which = "were read, so resources in groups that a spec no longer names are not found";
    let denied = groups.keys().filter_map(|subscription| match snapshot.get(&list(subscription)) {
        Some(Answer::Denied(refusal)) => Some(Gap { scope: subscription.clone(), refusal: refusal.clone() }),
        _ => None,
    });
    denied.map(|gap| gap.in_part(&Accounts, which)).collect()
}

/// The scopes whose accounts were queried, each with the reason if they are not all known.
pub(crate) fn listings(snapshot: &Snapshot) -> impl Iterator<Item = (&ResourceId, Option<String>)> {
    let lists = snapshot.answers().filter(|(path, scope, _)| *path == list(scope).path);
    lists.map(|(_, scope, answer)| {
        let why = match answer {
            Answer::Found(items) => {
                let query = list(scope);
                let empty = items.iter().any(|body| !is_resource(body));
                let empty = || {
                    empty.then(|| format!("GET {}: an account of the list shows no properties", query.path))
                };
                crate::kinds::unplaced_in(&query, snapshot).map(|refusal| refusal.message).or_else(empty)
            }
            // Something that points into an absent group contradicts its absence.
            Answer::Absent { code } => {
                Some(format!("Azure answered {code}, and shows a role assignment there"))
            }
            Answer::Denied(refusal) | Answer::Failed(refusal) => Some(refusal.message.clone()),
        };
        (scope, why)
    })
}
