//! Assignments whose principal is gone: named, and never deleted unasked.
//!
//! Pure. The directory is asked only where there is a reason to: an id that would get its first role, or an assignment that
//! nobody declares. The others go along then, since a batch holds many. A lock file makes asking needless.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{RoleAssignments, declared};
use crate::finding::{Code, Finding};
use crate::id::Key;
use crate::kinds::{Inventory, Kind as _, Live};
use crate::principals;
use crate::rbac::Catalogue;
use crate::snapshot::{Answer, Snapshot};
use crate::source::Span;
use crate::spec::Loaded;

/// The ids about which the directory is asked.
pub(super) fn doubtful(stacks: &[Loaded], live: &Inventory, snapshot: &Snapshot) -> BTreeSet<Uuid> {
    let mut ids = declared::unproven(stacks, live, snapshot);
    if stacks.iter().any(|loaded| loaded.lock.is_some()) {
        return ids;
    }
    let declared = declarations(stacks, snapshot);
    let strange = live.items.keys().any(|key| !declared.contains_key(key));
    if strange || !ids.is_empty() {
        ids.extend(live.items.values().filter_map(principal));
    }
    ids
}

/// Who the directory does not know, where it was asked about every assignment that no spec declares.
#[derive(Debug)]
pub(super) struct Gone {
    known: Option<BTreeSet<Uuid>>,
}

impl Gone {
    pub(super) fn of(stacks: &[Loaded], snapshot: &Snapshot) -> Self {
        // A lock file makes asking needless; what was asked then was not about these.
        let locked = stacks.iter().any(|loaded| loaded.lock.is_some());
        Self { known: known(snapshot).filter(|_| !locked) }
    }

    /// Whether the principal of an undeclared assignment is gone.
    pub(super) fn has(&self, live: &Live) -> bool {
        let (Some(known), Some(id)) = (&self.known, principal(live)) else { return false };
        !known.contains(&id) && can_be_asked_about(live)
    }
}

/// What the directory knows of whom it was asked about, if it answered.
fn known(snapshot: &Snapshot) -> Option<BTreeSet<Uuid>> {
    match snapshot.get(&principals::objects(&BTreeSet::new()))? {
        Answer::Found(known) => {
            Some(known.iter().filter_map(|item| Uuid::try_parse(item["id"].as_str()?).ok()).collect())
        }
        _ => None,
    }
}

/// A group of another tenant stands in no directory that could be asked: that it is not known there says nothing.
fn can_be_asked_about(live: &Live) -> bool {
    let kind = live.body["properties"]["principalType"].as_str();
    kind.is_none_or(|kind| !kind.eq_ignore_ascii_case("ForeignGroup"))
}

pub(super) fn principal(live: &Live) -> Option<Uuid> {
    Uuid::try_parse(live.body["properties"]["principalId"].as_str()?).ok()
}

fn declarations(stacks: &[Loaded], snapshot: &Snapshot) -> BTreeMap<Key, Span> {
    let declared = stacks.iter().flat_map(|loaded| declared::desired(loaded, snapshot));
    declared.map(|desired| (desired.key, desired.span)).collect()
}

pub(super) fn remarks(stacks: &[Loaded], live: &Inventory, snapshot: &Snapshot) -> Vec<Finding> {
    let asked = doubtful(stacks, live, snapshot);
    let Some(known) = known(snapshot) else { return Vec::new() };
    let roles = Catalogue::of(snapshot.bodies());
    let declared = declarations(stacks, snapshot);
    let mut findings = Vec::new();
    for live in live.items.values() {
        let is_known = principal(live).is_none_or(|id| !asked.contains(&id) || known.contains(&id));
        if is_known || !can_be_asked_about(live) {
            continue;
        }
        let title = RoleAssignments.title(&live.body, &roles);
        let message = format!("{title} is orphaned: its principal is gone");
        let note = Finding::note(Code::OrphanedAssignment, message);
        findings.push(match declared.get(&live.key) {
            Some(span) => note.at(*span).hint("remove the line; an id is never used again"),
            None => {
                note.hint(format!("it gives nothing to anybody: az role assignment delete --ids {}", live.id))
            }
        });
    }
    findings
}
