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

pub(super) fn principal(live: &Live) -> Option<Uuid> {
    Uuid::try_parse(live.body["properties"]["principalId"].as_str()?).ok()
}

fn declarations(stacks: &[Loaded], snapshot: &Snapshot) -> BTreeMap<Key, Span> {
    let declared = stacks.iter().flat_map(|loaded| declared::desired(loaded, snapshot));
    declared.map(|desired| (desired.key, desired.span)).collect()
}

pub(super) fn remarks(stacks: &[Loaded], live: &Inventory, snapshot: &Snapshot) -> Vec<Finding> {
    let asked = doubtful(stacks, live, snapshot);
    let Some(Answer::Found(known)) = snapshot.get(&principals::objects(&BTreeSet::new())) else {
        return Vec::new();
    };
    let known: BTreeSet<Uuid> =
        known.iter().filter_map(|item| Uuid::try_parse(item["id"].as_str()?).ok()).collect();
    let roles = Catalogue::of(snapshot.bodies());
    let declared = declarations(stacks, snapshot);
    let mut findings = Vec::new();
    for live in live.items.values() {
        if principal(live).is_none_or(|id| !asked.contains(&id) || known.contains(&id)) {
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
