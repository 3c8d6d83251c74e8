//! Changes that take rights to write which the run itself may need: they go last.
//!
//! Pure. The guard `lock-out` refuses them unless they are allowed; this is about their order only.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::predict::World;
use super::steps::steps;
use crate::body::AssignmentBody;
use crate::document::{Action, Plan, PlannedChange, TakenRight};
use crate::id::{ResourceId, comparable};
use crate::kinds::{self, KINDS};
use crate::rbac::Catalogue;

impl Plan {
    /// Finds the changes that take a right of the caller, or of a group that the caller may be a member of, and puts their steps last.
    pub fn find_taken_rights(&mut self, before: &World, caller: Option<Uuid>) {
        let takes = |change: &PlannedChange| {
            matches!(change.action, Action::Delete | Action::Update)
                && kinds::by_name(&change.kind).is_some_and(|kind| kind.granting().is_some())
        };
        if !self.changes.iter().any(takes) {
            return;
        }
        let caller = caller.map(|id| comparable(&id.to_string()));
        let roles = Catalogue::of(before.resources.values());
        let rights = rights();
        let taken = |change: &PlannedChange| {
            let said = AssignmentBody::of(before.resource(&ResourceId::parse(&change.id).ok()?)?);
            let role = said.role().and_then(|id| roles.by_id(id));
            // A role with unknown permissions may give the right.
            let gives = role.is_none_or(|role| rights.iter().any(|right| role.can(right)));
            let is_callers = said.principal_id().map(comparable).is_some_and(|id| Some(id) == caller);
            match said.principal_type() {
                _ if !gives => None,
                _ if is_callers => Some(TakenRight::OfCaller),
                Some("Group") => Some(TakenRight::OfGroup),
                _ => None,
            }
        };
        for change in &mut self.changes {
            change.takes_right = if takes(change) { taken(change) } else { None };
        }
        if self.changes.iter().any(|change| change.takes_right.is_some()) {
            self.steps = steps(&self.changes);
        }
    }

    /// Refuses the changes that take the caller's own right while others cannot be made: the next run will need it.
    pub fn keep_needed_rights(&mut self) {
        let open = |change: &&PlannedChange| matches!(change.action, Action::Refused | Action::Unknown);
        let Some(open) = self.changes.iter().find(open) else { return };
        let why = format!("stays while {} is not as declared: the next run needs this right", open.title);
        let own = |(_, change): &(usize, &PlannedChange)| change.takes_right == Some(TakenRight::OfCaller);
        let own: BTreeMap<usize, String> =
            self.changes.iter().enumerate().filter(own).map(|(index, _)| (index, why.clone())).collect();
        self.refuse_all(own);
    }
}

/// The actions that keyless itself needs: writing each kind, and deleting role assignments.
fn rights() -> Vec<String> {
    let deleted = KINDS.iter().filter(|kind| kind.is_grant()).flat_map(|kind| kind.types());
    let written = KINDS.iter().flat_map(|kind| kind.types());
    let deleted = deleted.map(|name| format!("{name}/delete"));
    written.map(|name| format!("{name}/write")).chain(deleted).collect()
}
