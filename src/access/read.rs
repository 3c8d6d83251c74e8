//! What `access` asks Azure, and where to find the answers.

use std::collections::BTreeSet;

use serde_json::Value;
use uuid::Uuid;

use super::holders::Assignment;
use crate::accounts::{self, Standing};
use crate::id::ResourceId;
use crate::kinds::Kind as _;
use crate::kinds::account;
use crate::kinds::role_assignment::{self, Doubt, denial};
use crate::principals;
use crate::snapshot::{Answer, Query, Refusal, Snapshot};
use crate::spec::Loaded;

/// Which accounts are asked about.
#[derive(Debug, Clone, Copy)]
pub enum Accounts<'a> {
    /// Those that specs declare.
    Of(&'a [Loaded]),
    /// All of a subscription.
    In(&'a ResourceId),
}

impl<'a> Accounts<'a> {
    /// The specs; none where a subscription is asked about.
    pub(super) fn stacks(self) -> &'a [Loaded] {
        match self {
            Accounts::Of(stacks) => stacks,
            Accounts::In(_) => &[],
        }
    }

    /// What shows the accounts.
    fn queries(self, snapshot: &Snapshot) -> Vec<Query> {
        match self {
            Accounts::Of(stacks) => account::Accounts.queries(stacks, snapshot),
            Accounts::In(subscription) => vec![accounts::list(subscription)],
        }
    }

    /// What shows the role assignments around them.
    fn lists(self, snapshot: &Snapshot) -> Vec<Query> {
        match self {
            Accounts::Of(stacks) => role_assignment::lists(stacks, snapshot),
            Accounts::In(subscription) => vec![role_assignment::list(subscription)],
        }
    }

    fn standing(self, snapshot: &Snapshot) -> Vec<Standing> {
        match self {
            Accounts::Of(stacks) => accounts::declared(stacks, snapshot).0,
            Accounts::In(subscription) => accounts::listed(subscription, snapshot).0,
        }
    }

    /// Why the role assignments around an account could not be read whole.
    pub(super) fn gaps(self, account: &ResourceId, snapshot: &Snapshot) -> Vec<Refusal> {
        match self {
            Accounts::Of(stacks) => role_assignment::gaps_near(stacks, account, snapshot),
            Accounts::In(subscription) => role_assignment::gaps_in(subscription, account, snapshot),
        }
    }
}

/// What must be read: accounts and assignments, then roles that only Azure knows, then the names of those who can call.
#[must_use]
pub fn queries(wanted: Accounts<'_>, snapshot: &Snapshot) -> Vec<Query> {
    let answered = |queries: &[Query]| queries.iter().all(|query| snapshot.get(query).is_some());
    let mut queries = wanted.queries(snapshot);
    queries.extend(wanted.lists(snapshot));
    if !answered(&queries) {
        return queries;
    }
    let standing = wanted.standing(snapshot);
    let known = snapshot.roles();
    for account in &standing {
        let unknown = around(wanted, account, snapshot)
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
    queries.extend(names(wanted, &standing, snapshot));
    queries.extend(role_assignment::schedules(doubtful(wanted, &standing, snapshot), snapshot));
    let held = standing.iter().filter(|account| !counted(wanted, account, snapshot).is_empty());
    queries.extend(held.filter_map(denials));
    queries
}

/// The role assignments that allow calling an account's models.
fn counted<'a>(wanted: Accounts<'_>, account: &Standing, snapshot: &'a Snapshot) -> Vec<Assignment<'a>> {
    let roles = snapshot.roles();
    let counts = |each: &Assignment<'_>| {
        each.reach(&account.id).is_some()
            && each.role(roles).0.is_some_and(crate::rbac::Role::gives_inference)
    };
    around(wanted, account, snapshot).into_iter().filter_map(Assignment::of).filter(counts).collect()
}

/// Assignments whose name does not show that they are permanent: they may be temporary.
pub(super) fn doubtful(wanted: Accounts<'_>, standing: &[Standing], snapshot: &Snapshot) -> BTreeSet<Doubt> {
    let counted = standing.iter().flat_map(|account| counted(wanted, account, snapshot));
    let doubtful = counted.filter(|each| !each.is_named_by_keyless());
    doubtful.map(|each| Doubt { at: each.scope, assignment: each.id }).collect()
}

/// The query for the deny assignments around an account.
pub(super) fn denials(account: &Standing) -> Option<Query> {
    account.id.subscription_id().map(|id| denial::query(&ResourceId::subscription(id)))
}

/// Every role assignment that a list around an account shows.
pub(super) fn around<'a>(wanted: Accounts<'_>, account: &Standing, snapshot: &'a Snapshot) -> Vec<&'a Value> {
    // A management group's own list does not say which subscriptions it contains; the subscriptions' lists do.
    let subscription = |id: &ResourceId| id.subscription_id().map(ResourceId::subscription);
    let same = |scope: &ResourceId| subscription(scope) == subscription(&account.id);
    let lists = wanted.lists(snapshot);
    let near = lists.iter().filter(|query| same(&query.scope));
    near.flat_map(|query| snapshot.items(query)).map(AsRef::as_ref).collect()
}

/// The query for the names of everyone who can call.
fn names(wanted: Accounts<'_>, standing: &[Standing], snapshot: &Snapshot) -> Option<Query> {
    let counted = standing.iter().flat_map(|account| counted(wanted, account, snapshot));
    let ids: BTreeSet<Uuid> = counted.filter_map(|each| Uuid::try_parse(each.principal()).ok()).collect();
    (!ids.is_empty()).then(|| principals::names(&ids))
}

/// The directory's answer, if it was queried.
pub(super) fn nameless<'a>(
    wanted: Accounts<'_>,
    standing: &[Standing],
    snapshot: &'a Snapshot,
) -> Option<&'a Answer> {
    snapshot.get(&names(wanted, standing, snapshot)?)
}

/// The object ids that the directory knows, if it answered.
pub(super) fn directory(
    wanted: Accounts<'_>,
    standing: &[Standing],
    snapshot: &Snapshot,
) -> Option<BTreeSet<String>> {
    match nameless(wanted, standing, snapshot)? {
        Answer::Found(items) => {
            Some(items.iter().filter_map(|item| Some(item["id"].as_str()?.to_ascii_lowercase())).collect())
        }
        _ => None,
    }
}
