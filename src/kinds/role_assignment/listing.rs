//! Which lists of role assignments are asked for. Pure.

use std::collections::BTreeSet;

use super::grants::{beside_retired, grants};
use super::{API, TYPE};
use crate::id::ResourceId;
use crate::kinds::account::{groups_of, id_of};
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::Spec;

/// The list of what is at, above and below a scope.
pub(crate) fn list(scope: &ResourceId) -> Query {
    let prefix = scope.as_str().trim_end_matches('/');
    Query {
        path: format!("{prefix}/providers/{TYPE}?api-version={API}"),
        shape: Shape::List,
        scope: scope.clone(),
        project: |body| body,
    }
}

/// At a management group or the root an unfiltered list would return the whole tree below.
pub(super) fn list_at(scope: &ResourceId) -> Query {
    let mut query = list(scope);
    query.path.push_str("&$filter=atScope()");
    query
}

/// The scopes of a stack's assignments, of some more than once.
pub(crate) fn scopes_of(spec: &Spec) -> impl Iterator<Item = ResourceId> {
    grants(spec).map(|grant| grant.scope)
}

/// The scopes of a stack at which undeclared assignments are reported: its groups, its accounts, its declared scopes.
pub(super) fn watched(spec: &Spec) -> impl Iterator<Item = ResourceId> {
    let accounts = spec.accounts.iter().map(|account| id_of(spec, account));
    groups_of(spec).into_iter().chain(accounts).chain(scopes_of(spec))
}

/// One list per subscription, and one per scope outside of subscriptions. If the caller cannot list a subscription, each watched scope is
/// listed by itself.
#[must_use]
pub(crate) fn lists(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let watched = stacks.iter().flat_map(|loaded| watched(&loaded.spec));
    // As they are spelled: queries of two spellings are two.
    let (mut denied, mut readable) = (BTreeSet::new(), BTreeSet::new());
    let (mut scopes, mut queries) = (BTreeSet::new(), Vec::new());
    for scope in watched.chain(beside_retired(stacks)) {
        let Some(id) = scope.subscription_id() else {
            queries.push(list_at(&scope));
            continue;
        };
        if readable.contains(id) {
            continue;
        }
        if !denied.contains(id) {
            let whole = list(&ResourceId::subscription(id));
            if !matches!(snapshot.get(&whole), Some(Answer::Denied(_))) {
                readable.insert(id.to_owned());
                queries.push(whole);
                continue;
            }
            denied.insert(id.to_owned());
        }
        scopes.insert(scope);
    }
    for scope in &scopes {
        let whole = scope.subscription_id().map(ResourceId::subscription);
        // The list of a group includes the accounts in it.
        let is_in =
            |outer: &ResourceId| outer != scope && Some(outer) != whole.as_ref() && outer.contains(scope);
        if Some(scope) == whole.as_ref() || !scopes.iter().any(is_in) {
            queries.push(list(scope));
        }
    }
    queries.sort();
    queries.dedup();
    queries
}
