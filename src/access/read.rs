//! What `access` asks Azure, and where to find the answers.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::holders::Assignment;
use crate::accounts::{self, Standing};
use crate::id::ResourceId;
use crate::kinds::Kind as _;
use crate::kinds::account::Accounts;
use crate::kinds::role_assignment::{self, Doubt, denial};
use crate::principals;
use crate::snapshot::{Answer, Query, Snapshot};
use crate::spec::Loaded;

/// What must be read: accounts and assignments, then roles that only Azure knows, then the names of those who can call.
#[must_use]
pub fn queries(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let answered = |queries: &[Query]| queries.iter().all(|query| snapshot.get(query).is_some());
    let mut queries = Accounts.queries(stacks, snapshot);
    queries.extend(role_assignment::lists(stacks, snapshot));
    if !answered(&queries) {
        return queries;
    }
    let (standing, _) = accounts::declared(stacks, snapshot);
    let known = snapshot.roles();
    for account in &standing {
        let unknown = around(stacks, account, snapshot)
            .into_iter()
            .filter_map(Assignment::of)
            .any(|each| each.reach(&account.id).is_some() && each.role(known).0.is_none());
        if let Some(subscription) = account.id.subscription_id().filter(|_| unknown) {
            queries.push(role_assignment::definitions(&ResourceId::subscription(subscription)));
        }
    }
    if !answered(&queries) {
        return queries;
    }
    queries.extend(names(stacks, &standing, snapshot));
    queries.extend(role_assignment::schedules(doubtful(stacks, &standing, snapshot), snapshot));
    let held = standing.iter().filter(|account| !counted(stacks, account, snapshot).is_empty());
    queries.extend(held.filter_map(denials));
    queries
}

/// The role assignments that allow calling an account's models.
fn counted<'a>(stacks: &[Loaded], account: &Standing, snapshot: &'a Snapshot) -> Vec<Assignment<'a>> {
    let roles = snapshot.roles();
    let counts = |each: &Assignment<'_>| {
        each.reach(&account.id).is_some()
            && each.role(roles).0.is_some_and(crate::rbac::Role::gives_inference)
    };
    around(stacks, account, snapshot).into_iter().filter_map(Assignment::of).filter(counts).collect()
}

/// Assignments whose name does not show that they are permanent: they may be temporary.
pub(super) fn doubtful(stacks: &[Loaded], standing: &[Standing], snapshot: &Snapshot) -> BTreeSet<Doubt> {
    let counted = standing.iter().flat_map(|account| counted(stacks, account, snapshot));
    let doubtful = counted.filter(|each| !each.is_named_by_keyless());
    doubtful.map(|each| Doubt { at: each.scope, assignment: each.id }).collect()
}

/// The query for the deny assignments around an account.
pub(super) fn denials(account: &Standing) -> Option<Query> {
    account.id.subscription_id().map(|id| denial::query(&ResourceId::subscription(id)))
}

/// Every role assignment that a list around an account shows.
pub(super) fn around<'a>(stacks: &[Loaded], account: &Standing, snapshot: &'a Snapshot) -> Vec<&'a Value> {
    // A management group's own list does not say which subscriptions it contains; the subscriptions' lists do.
    let same = |scope: &ResourceId| scope.subscription_id() == account.id.subscription_id();
    let lists = role_assignment::lists(stacks, snapshot);
    let near = lists.iter().filter(|query| same(&query.scope));
    near.flat_map(|query| snapshot.items(query)).map(AsRef::as_ref).collect()
}

/// The query for the names of everyone who can call.
fn names(stacks: &[Loaded], standing: &[Standing], snapshot: &Snapshot) -> Option<Query> {
    let counted = standing.iter().flat_map(|account| counted(stacks, account, snapshot));
    let ids: BTreeSet<Uuid> = counted.filter_map(|each| Uuid::try_parse(each.principal()).ok()).collect();
    (!ids.is_empty()).then(|| principals::names(&ids))
}

/// The directory's answer, if it was queried.
pub(super) fn nameless<'a>(
    stacks: &[Loaded],
    standing: &[Standing],
    snapshot: &'a Snapshot,
) -> Option<&'a Answer> {
    snapshot.get(&names(stacks, standing, snapshot)?)
}

/// The object ids that the directory knows, if it answered.
pub(super) fn directory(
    stacks: &[Loaded],
    standing: &[Standing],
    snapshot: &Snapshot,
) -> Option<BTreeSet<String>> {
    match nameless(stacks, standing, snapshot)? {
        Answer::Found(items) => {
            Some(items.iter().filter_map(|item| Some(item["id"].as_str()?.to_ascii_lowercase())).collect())
        }
        _ => None,
    }
}
