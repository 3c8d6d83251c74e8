//! Accounts that no spec declares, in the resource groups of stacks: in which of them stacks may own something.
//!
//! Pure. To read what is in every account around would cost several requests for each. So it is read of retired stacks, and where a stack's
//! own role assignment shows that its spec named the account before.

use std::collections::{BTreeMap, BTreeSet};

use super::{Accounts, groups_by_subscription, groups_of, id_of, lists};
use crate::id::ResourceId;
use crate::kinds::role_assignment::RoleAssignments;
use crate::kinds::{Comparing as _, Live, Reading as _, UndeclaredVerdict, placed};
use crate::snapshot::Snapshot;
use crate::spec::Loaded;
use crate::spec::model::Prune;

/// The live accounts in the groups of retired stacks.
pub(in crate::kinds) fn in_retired(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Live> {
    let retired: Vec<Loaded> = stacks.iter().filter(|loaded| loaded.is_retired()).cloned().collect();
    if retired.is_empty() {
        return Vec::new();
    }
    let groups: BTreeSet<ResourceId> = retired.iter().flat_map(|loaded| groups_of(&loaded.spec)).collect();
    let is_there = |live: &Live| groups.iter().any(|group| group.contains(&live.scope));
    Accounts.inventory(&retired, snapshot).items.into_values().filter(is_there).collect()
}

/// The live accounts in the groups of stacks that no spec of the run declares, and on or in which the stack gave roles. Accounts that only
/// stacks which are not selected declare are among them.
pub(in crate::kinds) fn with_own_grants(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Live> {
    let declared: BTreeSet<ResourceId> = stacks
        .iter()
        .flat_map(|loaded| loaded.spec.accounts.iter().map(|account| id_of(&loaded.spec, account)))
        .collect();
    let owners: BTreeMap<&str, BTreeSet<ResourceId>> = stacks
        .iter()
        .filter(|loaded| !loaded.is_retired() && loaded.spec.prune == Prune::Owned)
        .map(|loaded| (loaded.spec.stack.as_str(), groups_of(&loaded.spec)))
        .collect();
    // Bodies are cloned last: there can be thousands, and mostly none is undeclared.
    let mut undeclared = BTreeMap::new();
    for (subscription, groups) in groups_by_subscription(stacks) {
        for query in lists(&subscription, &groups, snapshot) {
            for body in snapshot.items(&query) {
                let Some(id) = placed(body).filter(|id| !declared.contains(id)) else { continue };
                let is_near = owners.values().flatten().any(|group| group.contains(&id));
                // One of their own is deleted as a whole.
                let is_own = || Accounts.mark(body).is_some_and(|mark| owners.contains_key(mark.as_str()));
                if is_near && !is_own() {
                    undeclared.insert(id, body);
                }
            }
        }
    }
    if undeclared.is_empty() {
        return Vec::new();
    }
    let marked = snapshot.bodies().filter_map(|body| {
        let groups = owners.get(RoleAssignments.mark(body)?.as_str())?;
        let account = placed(body)?.up_to("accounts").filter(|account| undeclared.contains_key(account))?;
        groups.iter().any(|group| group.contains(&account)).then_some(account)
    });
    let marked: BTreeSet<ResourceId> = marked.collect();
    marked.iter().filter_map(|id| Some(super::live(id.clone(), undeclared.get(id)?))).collect()
}

/// Verdicts on undeclared accounts: they are listed, with a note if what is in them was not read.
pub(super) fn verdicts(live: &[&Live], stacks: &[Loaded], snapshot: &Snapshot) -> Vec<UndeclaredVerdict> {
    let read = in_retired(stacks, snapshot).into_iter().chain(with_own_grants(stacks, snapshot));
    let read: BTreeSet<ResourceId> = read.map(|live| live.id).collect();
    let verdict = |live: &&Live| {
        let is_unread = Accounts.mark(&live.body).is_none() && !read.contains(&live.id);
        let note = is_unread.then(|| "what is in it was not read".to_owned());
        UndeclaredVerdict::listed(note)
    };
    live.iter().map(verdict).collect()
}
