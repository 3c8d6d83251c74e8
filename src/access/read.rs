//! What `access` asks Azure, and where to find the answers.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::holders::kind_of;
use super::members;
use crate::accounts::{self, Standing};
use crate::id::ResourceId;
use crate::kinds::Reading as _;
use crate::kinds::account;
use crate::kinds::role_assignment::{self, Assignments, Doubt, Placed, denial};
use crate::principals;
use crate::rbac::Catalogue;
use crate::snapshot::{Answer, Query, Refusal, Snapshot};
use crate::spec::Loaded;

/// Which accounts are asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AskedAccounts<'a> {
    /// Those that specs declare.
    Of(&'a [Loaded]),
    /// All of a subscription.
    In(&'a ResourceId),
}

impl<'a> AskedAccounts<'a> {
    /// The specs; none where a subscription is asked about.
    pub(super) fn stacks(self) -> &'a [Loaded] {
        match self {
            AskedAccounts::Of(stacks) => stacks,
            AskedAccounts::In(_) => &[],
        }
    }

    /// What shows the accounts.
    fn queries(self, snapshot: &Snapshot) -> Vec<Query> {
        match self {
            AskedAccounts::Of(stacks) => account::Accounts.queries(stacks, snapshot),
            AskedAccounts::In(subscription) => vec![accounts::list(subscription)],
        }
    }

    /// What shows the role assignments around them.
    fn lists(self, snapshot: &Snapshot) -> Vec<Query> {
        match self {
            AskedAccounts::Of(stacks) => role_assignment::lists(stacks, snapshot),
            AskedAccounts::In(subscription) => vec![role_assignment::list(subscription)],
        }
    }

    fn standing(self, snapshot: &Snapshot) -> Vec<Standing> {
        match self {
            AskedAccounts::Of(stacks) => {
                let own = accounts::declared(stacks, snapshot).0;
                own.into_iter().chain(accounts::given(stacks, snapshot).0).collect()
            }
            AskedAccounts::In(subscription) => accounts::listed(subscription, snapshot).0,
        }
    }

    /// Why the role assignments around accounts could not all be read, for each of them.
    pub(super) fn unread(self, standing: &[Standing], snapshot: &Snapshot) -> Vec<Vec<Refusal>> {
        let accounts = standing.iter().map(|account| &account.id);
        match self {
            AskedAccounts::Of(stacks) => {
                let gaps = role_assignment::gaps(stacks, snapshot);
                accounts
                    .map(|account| role_assignment::gaps_near(&gaps, account).cloned().collect())
                    .collect()
            }
            AskedAccounts::In(subscription) => role_assignment::gaps_in(subscription, accounts, snapshot),
        }
    }
}

/// Whether the members of groups are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Groups {
    /// They are not.
    Closed,
    /// Each group is read once.
    Opened,
}

/// What must be read: accounts and assignments, then roles that only Azure knows, then the names of those who can call and the members of
/// groups.
#[must_use]
pub(crate) fn queries(wanted: AskedAccounts<'_>, groups: Groups, snapshot: &Snapshot) -> Vec<Query> {
    let answered = |queries: &[Query]| queries.iter().all(|query| snapshot.get(query).is_some());
    let mut queries = wanted.queries(snapshot);
    queries.extend(wanted.lists(snapshot));
    if !answered(&queries) {
        return queries;
    }
    let standing = wanted.standing(snapshot);
    let around = Around::of(wanted, snapshot);
    for account in &standing {
        let unknown = around.near(&account.id).any(|each| each.role(around.roles).is_none());
        if let Some(subscription) = account.id.subscription_id().filter(|_| unknown) {
            queries.push(role_assignment::definitions(&ResourceId::subscription(subscription)));
        }
    }
    if !answered(&queries) {
        return queries;
    }
    let asked = names(&around, &standing);
    let types = principals::types(asked.as_ref().and_then(|query| snapshot.get(query)));
    queries.extend(asked);
    if groups == Groups::Opened {
        queries.extend(holding_groups(&around, &standing, &types).into_iter().map(principals::members));
    }
    queries.extend(role_assignment::schedules(doubtful(&around, &standing), snapshot));
    let held = standing.iter().filter(|account| around.counted(account).next().is_some());
    queries.extend(held.filter_map(denials));
    queries
}

/// The role assignments that lists of subscriptions show.
pub(super) struct Around<'a> {
    /// By the subscription whose lists show them.
    by_subscription: BTreeMap<ResourceId, Assignments<'a>>,
    pub(super) roles: &'a Catalogue,
}

impl<'a> Around<'a> {
    pub(super) fn of(wanted: AskedAccounts<'_>, snapshot: &'a Snapshot) -> Self {
        let mut shown: BTreeMap<ResourceId, Vec<Placed<'a>>> = BTreeMap::new();
        for query in wanted.lists(snapshot) {
            // A management group's own list does not say which subscriptions it contains; the subscriptions' lists do.
            let Some(subscription) = subscription(&query.scope) else { continue };
            let placed = snapshot.items(&query).filter_map(|body| Placed::shown(body));
            shown.entry(subscription).or_default().extend(placed);
        }
        let by_subscription = shown.into_iter().map(|(id, placed)| (id, placed.into_iter().collect()));
        Self { by_subscription: by_subscription.collect(), roles: snapshot.roles() }
    }

    /// Those that apply to an account, or to something in it.
    pub(super) fn near(&self, account: &ResourceId) -> impl Iterator<Item = &Placed<'a>> {
        let there = subscription(account).and_then(|id| self.by_subscription.get(&id));
        there.into_iter().flat_map(|there| there.near(account))
    }

    /// Those that allow calling an account's models, or the service of its kind.
    fn counted(&self, account: &Standing) -> impl Iterator<Item = &Placed<'a>> {
        let kind = account.kind();
        self.near(&account.id).filter(move |each| each.role(self.roles).is_some_and(|role| role.serves(kind)))
    }
}

fn subscription(id: &ResourceId) -> Option<ResourceId> {
    id.subscription_id().map(ResourceId::subscription)
}

/// Assignments whose name does not show that they are permanent: they may be temporary.
pub(super) fn doubtful(around: &Around<'_>, standing: &[Standing]) -> BTreeSet<Doubt> {
    let counted = standing.iter().flat_map(|account| around.counted(account));
    let doubtful = counted.filter(|each| !each.is_named_by_keyless());
    doubtful.map(|each| Doubt { at: each.scope.clone(), assignment: each.id.clone() }).collect()
}

/// The query for the deny assignments around an account.
pub(super) fn denials(account: &Standing) -> Option<Query> {
    account.id.subscription_id().map(|id| denial::query(&ResourceId::subscription(id)))
}

/// The query for the names of everyone who can call.
fn names(around: &Around<'_>, standing: &[Standing]) -> Option<Query> {
    let counted = standing.iter().flat_map(|account| around.counted(account));
    let ids: BTreeSet<Uuid> = counted.filter_map(|each| each.said.principal()).collect();
    (!ids.is_empty()).then(|| principals::names(&ids))
}

/// The groups that can call. What the assignment calls by no known type may be a group by the directory's answer.
fn holding_groups(
    around: &Around<'_>,
    standing: &[Standing],
    types: &BTreeMap<String, &'static str>,
) -> BTreeSet<Uuid> {
    let counted = standing.iter().flat_map(|account| around.counted(account));
    let groups = counted.filter(|each| kind_of(each.said, types) == members::GROUP);
    groups.filter_map(|each| each.said.principal()).collect()
}

/// The directory's answer, if it was queried.
pub(super) fn directory<'a>(
    around: &Around<'_>,
    standing: &[Standing],
    snapshot: &'a Snapshot,
) -> Option<&'a Answer> {
    snapshot.get(&names(around, standing)?)
}
