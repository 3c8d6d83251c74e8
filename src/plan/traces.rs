//! Role assignments that show where a stack may have left something.
//!
//! What is in accounts that no spec declares is read only where the stack has a role assignment (`kinds/account/near.rs`).

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Action, PlannedChange};
use crate::id::ResourceId;
use crate::kinds::{self, Kind};

/// Lets deletes of such role assignments wait for the deletes in the account: if Azure refuses one of these, the next run finds it again.
pub(super) fn keep(changes: &mut [PlannedChange]) {
    let left: BTreeSet<ResourceId> = changes
        .iter()
        .filter(|change| change.kind == "accounts" && change.action.is_undeclared())
        .filter_map(|change| ResourceId::parse(&change.id).ok())
        .collect();
    if left.is_empty() {
        return;
    }
    let is_grant = |change: &PlannedChange| kinds::by_name(&change.kind).is_some_and(Kind::is_grant);
    let mut inside: BTreeMap<(ResourceId, Option<String>), Vec<String>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.action == Action::Delete && !is_grant(change)) {
        let account = ResourceId::parse(&change.id).ok().and_then(|id| id.up_to("accounts"));
        if let Some(account) = account.filter(|account| left.contains(account)) {
            inside.entry((account, change.stack.clone())).or_default().push(change.id.clone());
        }
    }
    for change in changes.iter_mut().filter(|change| change.action == Action::Delete && is_grant(change)) {
        let Ok(id) = ResourceId::parse(&change.id) else { continue };
        let waits_for = inside.get(&(id.scope(), change.stack.clone()));
        change.after.extend(waits_for.into_iter().flatten().cloned());
    }
}
