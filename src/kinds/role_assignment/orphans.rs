//! Assignments whose principal no longer exists: reported, and never deleted automatically.
//!
//! Pure. The directory is queried only for a reason: an object id that would get its first role, or an undeclared assignment. The others
//! are then included, since a batch holds many. A lock file makes that unnecessary except for strangers: those that would be drift are
//! queried one by one. If the directory does not answer, it is not known whether they are drift. Roles of Cosmos DB are asked about in the
//! same way, and in the same batch.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{RoleAssignments, declared};
use crate::body::AssignmentBody;
use crate::finding::{Code, Finding};
use crate::id::Key;
use crate::kinds::sql_role_assignment::{self, SqlRoleAssignments};
use crate::kinds::{Called, Inventory, Live, Survey};
use crate::principals;
use crate::snapshot::{Answer, Query, Refusal, Snapshot};
use crate::spec::Loaded;
use crate::text::source::Span;

/// The object ids to look up in the directory.
pub(super) fn doubtful(survey: &Survey<'_>) -> BTreeSet<Uuid> {
    let mut ids = declared::unproven(survey);
    if is_locked(survey.stacks) {
        return ids;
    }
    let live = survey.inventory(&RoleAssignments);
    let strange = !live.strangers(|key| survey.declares(key)).is_empty();
    if strange || !ids.is_empty() {
        ids.extend(live.all().filter_map(principal));
    }
    ids
}

/// The batch of everybody who is asked about. Whoever is missing from its answer is taken for gone, so without a lock file it has everybody
/// as soon as it is sent at all.
pub(super) fn query(survey: &Survey<'_>) -> Option<Query> {
    let mut ids = doubtful(survey);
    ids.extend(sql_role_assignment::doubtful(survey));
    if ids.is_empty() {
        return None;
    }
    if !is_locked(survey.stacks) {
        let all = [survey.inventory(&RoleAssignments), survey.inventory(&SqlRoleAssignments)];
        ids.extend(all.into_iter().flat_map(Inventory::all).filter_map(principal));
    }
    Some(principals::objects(&ids))
}

/// The queries for undeclared assignments that would be drift, if a lock file makes the others unnecessary.
pub(in crate::kinds) fn strangers<'a>(
    stacks: &[Loaded],
    strange: &'a [&Live],
) -> impl Iterator<Item = Query> + 'a {
    let asked = strange.iter().filter(move |live| can_be_asked_about(live));
    let locked = is_locked(stacks);
    asked.filter(move |_| locked).filter_map(|live| principal(live).map(principals::existence))
}

fn is_locked(stacks: &[Loaded]) -> bool {
    stacks.iter().any(|loaded| loaded.lock.is_some())
}

/// The principals that the directory does not know, as far as it was queried.
#[derive(Debug)]
pub(in crate::kinds) struct Gone<'a> {
    locked: bool,
    known: Option<BTreeSet<Uuid>>,
    absent: BTreeSet<Uuid>,
    snapshot: &'a Snapshot,
}

impl<'a> Gone<'a> {
    pub(in crate::kinds) fn of(stacks: &[Loaded], snapshot: &'a Snapshot) -> Self {
        let locked = is_locked(stacks);
        // With a lock file not all principals were queried.
        let known = known(snapshot).filter(|_| !locked);
        Self { locked, known, absent: principals::gone(snapshot), snapshot }
    }

    /// Whether the principal of an undeclared assignment no longer exists.
    pub(in crate::kinds) fn has(&self, live: &Live) -> bool {
        let unknown = |id: &Uuid| self.known.as_ref().is_some_and(|known| !known.contains(id));
        can_be_asked_about(live)
            && principal(live).is_some_and(|id| self.absent.contains(&id) || unknown(&id))
    }

    /// Why it is not known whether that principal exists.
    pub(in crate::kinds) fn unread(&self, live: &Live) -> Option<&'a Refusal> {
        let id = principal(live).filter(|_| can_be_asked_about(live))?;
        let query =
            if self.locked { principals::existence(id) } else { principals::objects(&BTreeSet::new()) };
        self.snapshot.get(&query)?.refusal()
    }
}

/// The queried principals that the directory knows, if it answered.
fn known(snapshot: &Snapshot) -> Option<BTreeSet<Uuid>> {
    match snapshot.get(&principals::objects(&BTreeSet::new()))? {
        Answer::Found(known) => {
            Some(known.iter().filter_map(|item| Uuid::try_parse(item["id"].as_str()?).ok()).collect())
        }
        _ => None,
    }
}

/// A group from another tenant is in no directory that can be queried, so its absence proves nothing.
fn can_be_asked_about(live: &Live) -> bool {
    let kind = AssignmentBody::of(&live.body).principal_type();
    kind.is_none_or(|kind| !kind.eq_ignore_ascii_case("ForeignGroup"))
}

pub(in crate::kinds) fn principal(live: &Live) -> Option<Uuid> {
    AssignmentBody::of(&live.body).principal()
}

pub(super) fn remarks(survey: &Survey<'_>) -> Vec<Finding> {
    let delete = |live: &Live| format!("az role assignment delete --ids {}", live.id);
    orphaned(survey, survey.inventory(&RoleAssignments), || doubtful(survey), delete)
}

/// The notes about assignments of one kind whose principal is gone: of those that were asked about, as `asked` says.
pub(in crate::kinds) fn orphaned(
    survey: &Survey<'_>,
    live: &Inventory,
    asked: impl FnOnce() -> BTreeSet<Uuid>,
    delete: impl Fn(&Live) -> String,
) -> Vec<Finding> {
    let Survey { stacks, snapshot, .. } = *survey;
    let (known, gone) = (known(snapshot), principals::gone(snapshot));
    // The directory was not asked, or knows all: what is declared is not gone through once more.
    if known.is_none() && gone.is_empty() {
        return Vec::new();
    }
    let asked = asked();
    let names = principals::known_names(stacks, snapshot);
    let called = Called { roles: snapshot.roles(), names: &names };
    let declared: BTreeMap<&Key, Span> =
        survey.desired().iter().map(|desired| (&desired.key, desired.span)).collect();
    let mut findings = Vec::new();
    for live in live.all() {
        let unknown =
            |id: &Uuid| asked.contains(id) && known.as_ref().is_some_and(|known| !known.contains(id));
        let is_gone = principal(live).is_some_and(|id| gone.contains(&id) || unknown(&id));
        if !is_gone || !can_be_asked_about(live) {
            continue;
        }
        let title = live.kind.title(&live.body, &called);
        let message = format!("{title} is orphaned: its principal no longer exists");
        let note = Finding::note(Code::OrphanedAssignment, message);
        findings.push(match declared.get(&live.key) {
            Some(span) => note.at(*span).hint("remove the line; object ids are never reused"),
            None => note.hint(format!("delete it: {}", delete(live))),
        });
    }
    findings
}
