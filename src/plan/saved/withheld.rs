//! Deletes that this version would not plan, according to the rest of the file: a new plan would hold them back (`plan::held`,
//! `plan::doomed`).
//!
//! Pure. Plans of earlier versions deleted more. An edited file can omit what this check uses: guards and checks judge what is left.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::{Action, PlannedChange};
use crate::id::ResourceId;
use crate::kinds::{self, Kind};
use crate::plan::held::serves;

/// What a spec declares, as far as the file shows.
struct DeclaredInFile<'a> {
    change: &'a PlannedChange,
    kind: &'static dyn Kind,
    /// What it is on or in; the file does not say that for an assignment whose principal or role is not resolved.
    on: Option<ResourceId>,
}

/// The first such delete, and why it would be held back.
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
    let missing: Vec<&DeclaredInFile<'_>> =
        all.iter().filter(|each| matches!(each.change.action, Action::Refused | Action::Unknown)).collect();
    let grants: Vec<&DeclaredInFile<'_>> =
        missing.iter().filter(|each| each.kind.is_grant()).copied().collect();
    let holders: BTreeSet<&ResourceId> =
        deletes.iter().filter(|(_, _, kind, _)| !kind.is_grant()).map(|(.., id)| id).collect();
    let mut users: BTreeMap<&ResourceId, &PlannedChange> = BTreeMap::new();
    for each in all.iter().filter(|_| !holders.is_empty()) {
        let around = std::iter::successors(each.on.clone(), ResourceId::parent);
        users.extend(around.filter_map(|id| Some((*holders.get(&id)?, each.change))));
    }
    deletes.iter().find_map(|(index, change, kind, id)| {
        let place = kind.applies_to(id);
        let may_replace = |each: &&&DeclaredInFile<'_>| {
            each.kind.name() == kind.name() && each.on.as_ref().is_none_or(|on| on.may_overlap(&place))
        };
        let grant = grants.iter().find(may_replace);
        let other =
            || missing.iter().find(|each| each.change.stack == change.stack).filter(|_| serves(*kind));
        let user = users.get(id);
        let flaw = match (grant, user) {
            (Some(grant), _) => format!(
                "it is deleted although `{}`, which may replace it, cannot be created",
                grant.change.address
            ),
            (None, Some(user)) => {
                format!("it is deleted although `{}` is declared on or in it", user.address)
            }
            (None, None) => {
                format!("it is deleted although `{}` is not as declared", other()?.change.address)
            }
        };
        Some((*index, flaw))
    })
}

/// What specs declare; an undeclared resource has its id as address.
fn declared(changes: &[PlannedChange]) -> Vec<DeclaredInFile<'_>> {
    let is_declared = |change: &&PlannedChange| {
        change.stack.is_some() && change.action != Action::Delete && change.address != change.id
    };
    let declared = changes.iter().filter(is_declared).filter_map(|change| {
        let kind = kinds::by_name(&change.kind)?;
        let on = ResourceId::parse(&change.id).ok().and_then(|id| kind.stands_on(&id));
        Some(DeclaredInFile { change, kind, on })
    });
    declared.collect()
}
