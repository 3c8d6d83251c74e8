//! Deletes beside creations: what goes, goes only once what may take its place stands.
//!
//! Pure. An account that moves to another group, or a deployment under a new name, is to Azure a delete and a creation. Which creation
//! takes the place of which delete nobody can tell from ids: every one of the same stack and kind in the same place may.

use std::collections::{BTreeMap, BTreeSet};

use crate::diff::Change;
use crate::id::{Key, ResourceId};
use crate::kinds::desired::Desired;

/// Where things of one kind stand in for each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    kind: String,
    stack: String,
    /// What they stand in. An account stands in a group, and may take the place of one in another.
    parent: Option<ResourceId>,
}

impl Place {
    /// The place of a resource of a stack that is no role assignment.
    pub(super) fn of(kind: &str, stack: &str, id: &ResourceId) -> Self {
        let parent = if id.tracked() == *id { None } else { id.parent() };
        Self { kind: kind.to_owned(), stack: stack.to_owned(), parent }
    }
}

/// A resource and everything around it, from the inside out.
pub(super) fn outwards(id: &ResourceId) -> impl Iterator<Item = ResourceId> {
    std::iter::successors(Some(id.clone()), ResourceId::parent)
}

/// The deletes beside creations that are refused or not known, and all deletes on or in what stays for that, by index, each with why.
///
/// `absent` are the declared things that do not stand, or of which that is not known.
pub(super) fn deletes(changes: &[Change], absent: &BTreeSet<Key>) -> BTreeMap<usize, String> {
    let is_absent = |desired: &&Desired| absent.contains(&desired.key);
    let missing = || changes.iter().filter_map(unmade).filter(is_absent);
    if missing().next().is_none() {
        return BTreeMap::new();
    }
    let new = changes.iter().filter_map(|change| match change {
        Change::Create { desired, .. } | Change::Restore { desired, .. } => Some(desired),
        change => unmade(change).filter(is_absent),
    });
    let new: BTreeMap<&ResourceId, &Desired> =
        new.filter(|desired| !desired.kind.is_grant()).map(|desired| (&desired.id, desired)).collect();
    // A place may be empty for what is missing there itself, and for what is missing in what is made there.
    let mut empty: BTreeMap<Place, String> = BTreeMap::new();
    for inner in [false, true] {
        for desired in missing() {
            let stands = if desired.kind.is_grant() { &desired.scope } else { &desired.id };
            for heir in outwards(stands).filter_map(|id| new.get(&id)) {
                let why = match (heir.id == desired.id, inner) {
                    (true, false) => {
                        format!("stays while {}, which may take its place, cannot be created", heir.title)
                    }
                    (false, true) => format!(
                        "stays while {} cannot be created: it belongs to {}, which may take its place",
                        desired.title, heir.title
                    ),
                    _ => continue,
                };
                empty.entry(Place::of(heir.kind.name(), &heir.stack, &heir.id)).or_insert(why);
            }
        }
    }
    let deletes = || {
        changes.iter().enumerate().filter_map(|(index, change)| match change {
            Change::Delete { live, stack, .. } => Some((index, live, stack)),
            _ => None,
        })
    };
    let kept = deletes().filter(|(_, live, _)| !live.kind.is_grant()).filter_map(|(_, live, stack)| {
        Some((&live.id, empty.get(&Place::of(live.kind.name(), stack, &live.id))?))
    });
    let kept: BTreeMap<&ResourceId, &String> = kept.collect();
    // Half of a delete would take the users' access and leave the account.
    let near = deletes().filter_map(|(index, live, _)| {
        let why = outwards(&live.scope).filter_map(|id| kept.get(&id)).last()?;
        Some((index, (*why).clone()))
    });
    near.collect()
}

/// What a spec declares and the plan does not make.
fn unmade(change: &Change) -> Option<&Desired> {
    match change {
        Change::Refused { desired, .. } | Change::Unknown { desired, .. } => Some(desired),
        _ => None,
    }
}
