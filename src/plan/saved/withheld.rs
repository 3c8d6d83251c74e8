//! Deletes that no plan of this version makes, by what else the file says: a fresh one holds them back (`plan::held`, `plan::doomed`).
//!
//! Pure. Plans of earlier versions deleted more. Whoever edits a file can leave out of it what this goes by: guards and checks judge what is
//! left.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Action, PlannedChange};
use crate::id::ResourceId;
use crate::kinds::{self, Kind};
use crate::plan::held::serves;

/// What a spec declares, as far as the file shows it.
struct Declared<'a> {
    change: &'a PlannedChange,
    grant: bool,
    /// What it stands on or in; of an assignment of somebody or of a role that is not known, the file does not say that.
    on: Option<ResourceId>,
}

/// The first such delete, and why it stays.
pub(super) fn find(changes: &[PlannedChange]) -> Option<(usize, String)> {
    let deletes: Vec<(usize, &PlannedChange, &dyn Kind, ResourceId)> = changes
        .iter()
        .enumerate()
        .filter(|(_, change)| change.action == Action::Delete)
        .filter_map(|(index, change)| {
            Some((index, change, kinds::by_name(&change.kind)?, ResourceId::parse(&change.id).ok()?))
        })
        .collect();
    if deletes.is_empty() {
        return None;
    }
    let all = declared(changes);
    let missing: Vec<&Declared<'_>> =
        all.iter().filter(|each| matches!(each.change.action, Action::Refused | Action::Unknown)).collect();
    let grants: Vec<&Declared<'_>> = missing.iter().filter(|each| each.grant).copied().collect();
    let holders: BTreeSet<&ResourceId> =
        deletes.iter().filter(|(_, _, kind, _)| !kind.is_grant()).map(|(.., id)| id).collect();
    let mut users: BTreeMap<&ResourceId, &PlannedChange> = BTreeMap::new();
    for each in all.iter().filter(|_| !holders.is_empty()) {
        let around = std::iter::successors(each.on.clone(), ResourceId::parent);
        users.extend(around.filter_map(|id| Some((*holders.get(&id)?, each.change))));
    }
    deletes.iter().find_map(|(index, change, kind, id)| {
        let near = |each: &&&Declared<'_>| each.on.as_ref().is_none_or(|on| on.may_overlap(&id.scope()));
        let grant = grants.iter().find(near).filter(|_| kind.is_grant());
        let other =
            || missing.iter().find(|each| each.change.stack == change.stack).filter(|_| serves(*kind));
        let user = users.get(id);
        let flaw = match (grant, user) {
            (Some(grant), _) => format!(
                "it goes although `{}`, which may be meant to replace it, cannot be made",
                grant.change.address
            ),
            (None, Some(user)) => format!("it goes although `{}` is declared on or in it", user.address),
            (None, None) => format!("it goes although `{}` is not as declared", other()?.change.address),
        };
        Some((*index, flaw))
    })
}

/// What specs declare: of anything else the id is its address.
fn declared(changes: &[PlannedChange]) -> Vec<Declared<'_>> {
    let is_declared = |change: &&PlannedChange| {
        change.stack.is_some() && change.action != Action::Delete && change.address != change.id
    };
    let declared = changes.iter().filter(is_declared).filter_map(|change| {
        let grant = kinds::by_name(&change.kind)?.is_grant();
        let id = ResourceId::parse(&change.id).ok();
        let on = id.and_then(|id| if grant { Some(id.scope()) } else { id.parent() });
        Some(Declared { change, grant, on })
    });
    declared.collect()
}
