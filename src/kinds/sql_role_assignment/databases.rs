//! The accounts of Cosmos DB in which a stack may have made role assignments that its spec no longer names. Pure.
//!
//! A line that was removed says nothing more of its account. What remains is the stack's own name on the assignment, so the accounts in the
//! stack's resource groups are listed, but only for stacks whose specs have to do with Cosmos DB.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{DATABASES, FACTS, LIST};
use crate::id::ResourceId;
use crate::kinds::{Gap, account, connection, placed, role_assignment};
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::Spec;

/// The account of Cosmos DB that an id is or is in.
pub(super) fn database_of(id: &ResourceId) -> Option<ResourceId> {
    let database = id.up_to("databaseAccounts")?;
    database.resource_type().is_some_and(|found| found.eq_ignore_ascii_case(DATABASES)).then_some(database)
}

/// The accounts to which connections and role assignments of a spec point.
pub(super) fn pointed_to(spec: &Spec) -> BTreeSet<ResourceId> {
    let connections = connections(spec).filter_map(connection::resource);
    connections.chain(role_assignment::scopes_of(spec)).filter_map(|id| database_of(&id)).collect()
}

fn connections(spec: &Spec) -> impl Iterator<Item = &crate::spec::model::Connection> {
    spec.accounts.iter().flat_map(|account| {
        let of_projects = account.projects.iter().flatten().filter_map(|each| each.connections.as_ref());
        account.connections.iter().chain(of_projects).flatten()
    })
}

/// Whether a stack may have made role assignments of Cosmos DB: its spec has the list, or points to such an account.
fn has_to_do_with(loaded: &Loaded) -> bool {
    let loaded = loaded.retired.as_deref().unwrap_or(loaded);
    let spec = &loaded.spec;
    let hosts = || {
        let projects = spec.accounts.iter().flat_map(|account| account.projects.iter().flatten());
        projects.flat_map(|project| project.capability_hosts.iter().flatten())
    };
    loaded.document.tree.get(LIST).is_some()
        || connections(spec).any(|each| each.category.eq_ignore_ascii_case("CosmosDB"))
        || hosts().any(|host| host.thread_storage_connections.iter().flatten().next().is_some())
        || !pointed_to(spec).is_empty()
}

fn list(scope: &ResourceId) -> Query {
    Query {
        path: format!("{scope}/providers/{DATABASES}?api-version={}", FACTS.api_version),
        shape: Shape::List,
        scope: scope.list(&format!("providers/{DATABASES}")),
        project: |body: Value| json!({"id": body["id"], "type": body["type"]}),
    }
}

/// The resource groups in which such stacks may own something, by subscription.
fn groups(stacks: &[Loaded]) -> BTreeMap<ResourceId, BTreeSet<ResourceId>> {
    let mut groups: BTreeMap<ResourceId, BTreeSet<ResourceId>> = BTreeMap::new();
    for loaded in stacks.iter().filter(|loaded| has_to_do_with(loaded)) {
        let subscription = ResourceId::subscription(&loaded.spec.subscription);
        groups.entry(subscription).or_default().extend(account::groups_of(&loaded.spec));
    }
    groups
}

/// The lists of accounts: that of a single group, or that of the subscription, or of each group if the caller cannot list the subscription.
pub(super) fn lists(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let of_one = |(subscription, groups): (ResourceId, BTreeSet<ResourceId>)| {
        let whole = list(&subscription);
        let is_denied = matches!(snapshot.get(&whole), Some(Answer::Denied(_)));
        if groups.len() > 1 && !is_denied { vec![whole] } else { groups.iter().map(list).collect() }
    };
    groups(stacks).into_iter().flat_map(of_one).collect()
}

/// The accounts in the resource groups of such stacks.
pub(super) fn found(stacks: &[Loaded], snapshot: &Snapshot) -> BTreeSet<ResourceId> {
    let groups: BTreeSet<ResourceId> = groups(stacks).into_values().flatten().collect();
    let lists = lists(stacks, snapshot);
    let all = lists.iter().flat_map(|query| snapshot.items(query)).filter_map(|body| placed(body));
    all.filter(|id| id.group().is_some_and(|group| groups.contains(&group)))
        .filter_map(|id| database_of(&id))
        .collect()
}

/// The lists of accounts that could not be read. In a subscription that has no Cosmos DB there is nothing to read.
pub(super) fn gaps(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Gap> {
    let unread = |query: Query| {
        let refusal = snapshot.get(&query).and_then(Answer::refusal)?.clone();
        let is_none = refusal.message.contains("MissingSubscriptionRegistration");
        (!is_none).then_some(Gap { scope: query.scope, refusal })
    };
    lists(stacks, snapshot).into_iter().filter_map(unread).collect()
}
