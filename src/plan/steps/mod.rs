//! The writes of a plan and their dependencies.
//!
//! Pure. Everything follows from the changes, independent of their order: an edited file cannot disable keys first. Accounts come first,
//! then what is on them. Keys are disabled once every grant of the plan and every deployment of the account exists, so that nobody loses
//! access or the model that their role lets them call. Deletes come last, children before parents, and not at all if a grant that replaces
//! them failed. Accounts, projects and deployments are deleted once everything that their stack declares exists.
//!
//! What takes the caller's own right to write comes after everything else, and not at all if something failed: the next run needs it.
//!
//! A write that needs a role for the resource's own identity (a customer-managed key in a vault) becomes a separate write after that role.
//! Only those deletes wait for it: if Azure refuses it, the rest continues.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::held::serves;
use crate::diff::field;
use crate::document::{
    Action, FieldEntry, HoleEntry, Mark, PlannedChange, Step, StepAction, TakenRight, dotted_path, patch,
};
use crate::id::ResourceId;
use crate::kinds::{self, KINDS, Kind, Mutability, Trust};

/// A step with what its order depends on.
#[derive(Clone)]
struct DraftStep {
    step: Step,
    target: ResourceId,
    scope: ResourceId,
    grant: bool,
    /// Whether clients call it.
    callable: bool,
    /// The position of its kind in `KINDS`: dependent kinds come later.
    rank: usize,
    /// The role that it needs, if it was split off to wait for one.
    trust: Option<Trust>,
    /// For a revoked assignment, the innermost deleted resource that it is on or in.
    falls_with: Option<ResourceId>,
    /// Whether it deletes a resource in use, or something on or in one.
    serves: bool,
    /// Whose right to write it takes.
    takes_right: Option<TakenRight>,
}

/// The steps of some changes. Changes that write nothing, or only what this version does not know, have none.
pub(super) fn steps(changes: &[PlannedChange]) -> Vec<Step> {
    let mut written: Vec<DraftStep> = changes.iter().enumerate().filter_map(undivided).collect();
    written.sort_by_key(|draft| draft.rank);
    let mut turns = Turns::default();
    for whole in written {
        match changes[whole.step.change].action {
            Action::Delete => turns.deletes.push(whole),
            Action::Update => turns.update(&whole, changes),
            _ => turns.make(whole, changes),
        }
    }
    let Turns { early: mut drafts, late, mut deletes, mut taking } = turns;
    wait_for_what_is_made(changes, &mut drafts);
    go_one_after_another(&mut deletes);
    // One on a resource that is deleted gives no right elsewhere, and goes before that resource.
    taking.extend(deletes.extract_if(.., |draft| draft.takes_right.is_some() && draft.falls_with.is_none()));
    for mut late in late.into_iter().chain(deletes) {
        let needed = drafts.iter().enumerate().filter(|(_, other)| is_before(other, &late));
        let needed: Vec<usize> = needed.map(|(index, _)| index).collect();
        late.step.needs.extend(needed);
        drafts.push(late);
    }
    go_at_the_end(taking, &mut drafts);
    wait_for_what_is_named(changes, &mut drafts);
    for draft in &mut drafts {
        draft.step.needs.sort_unstable();
        draft.step.needs.dedup();
    }
    drafts.into_iter().map(|draft| draft.step).collect()
}

/// The writes of a plan, grouped by order.
#[derive(Default)]
struct Turns {
    early: Vec<DraftStep>,
    /// Writes that wait for grants.
    late: Vec<DraftStep>,
    deletes: Vec<DraftStep>,
    /// Writes that take rights which the run may need.
    taking: Vec<DraftStep>,
}

impl Turns {
    /// Splits an update into up to three writes: immediate fields, fields that wait for grants, and fields that need a role for its
    /// identity.
    fn update(&mut self, whole: &DraftStep, changes: &[PlannedChange]) {
        let index = whole.step.change;
        let change = &changes[index];
        for (fields, after_grants) in groups(change) {
            let mut draft = whole.clone();
            draft.step.holes = holes_in(change, &fields);
            draft.step.patch = patch(fields);
            if draft.takes_right.is_some() {
                draft.step.last = true;
                self.taking.push(draft);
                continue;
            }
            if after_grants {
                self.late.push(draft);
                continue;
            }
            let entrusted = entrusted(&mut draft, changes);
            // If nothing is left, no write is needed here, except for a mark that nothing has written yet.
            let marked = self.early.iter().any(|other| other.step.change == index);
            if !draft.step.patch.is_empty() || (change.mark == Some(Mark::Added) && !marked) {
                self.early.push(draft);
            }
            self.late.extend(entrusted);
        }
    }

    /// Adds a creation or restore: after the purge of what holds its name, and before the part that needs a role for its identity.
    fn make(&mut self, whole: DraftStep, changes: &[PlannedChange]) {
        let change = &changes[whole.step.change];
        if let Some(deleted) = change.purge.as_deref().and_then(|id| ResourceId::parse(id).ok()) {
            let mut purge = whole.clone();
            purge.step.action = StepAction::Purge;
            purge.step.mark = None;
            deleted.as_str().clone_into(&mut purge.step.target);
            purge.target = deleted;
            self.early.push(purge);
        }
        let mut draft = whole;
        draft.step.patch = change.patch();
        if let Some(mut entrusted) = entrusted(&mut draft, changes) {
            entrusted.step.action = StepAction::Update;
            entrusted.step.mark = None;
            self.late.push(entrusted);
        }
        draft.step.holes.clone_from(&change.holes);
        self.early.push(draft);
    }
}

/// Orders deletes: children before their parent, and the assignments on a resource right before it.
fn go_one_after_another(deletes: &mut [DraftStep]) {
    let serving: Vec<ResourceId> = deletes
        .iter()
        .filter(|draft| kinds::by_name(&draft.step.kind).is_some_and(serves))
        .map(|draft| draft.target.clone())
        .collect();
    for draft in deletes.iter_mut() {
        draft.serves = serving.iter().any(|target| target.contains(&draft.scope));
    }
    let resources: Vec<(ResourceId, usize)> =
        deletes.iter().filter(|draft| !draft.grant).map(|draft| (draft.target.clone(), draft.rank)).collect();
    for draft in deletes.iter_mut().filter(|draft| draft.grant) {
        let around = resources.iter().filter(|(target, _)| target.contains(&draft.scope));
        if let Some((target, rank)) = around.max_by_key(|(_, rank)| *rank) {
            draft.falls_with = Some(target.clone());
            draft.rank = *rank;
        }
    }
    deletes.sort_by_key(|draft| (std::cmp::Reverse(draft.rank), !draft.grant));
}

/// Adds the writes that take rights. One of a group waits for all others to end; the caller's own for all others to succeed, and that on
/// the widest scope is the last.
fn go_at_the_end(mut taking: Vec<DraftStep>, drafts: &mut Vec<DraftStep>) {
    let width = |draft: &DraftStep| std::cmp::Reverse(draft.scope.as_str().len());
    taking.sort_by_key(|draft| (draft.takes_right, width(draft)));
    for mut draft in taking {
        let is_callers = draft.takes_right == Some(TakenRight::OfCaller);
        let needed = drafts.iter().enumerate().filter(|(_, other)| is_callers || is_before(other, &draft));
        let needed: Vec<usize> = needed.map(|(index, _)| index).collect();
        draft.step.needs.extend(needed);
        draft.step.yields = true;
        drafts.push(draft);
    }
}

/// Whether a step comes before one that waits for grants, or before a delete.
///
/// Assignments on a deleted resource are deleted before it, and after everything in it: if Azure refuses one of those deletes, the resource
/// keeps its users. If Azure then refuses the resource's own delete, users have already lost access; but it is not known whether Azure
/// accepts deleting an assignment whose scope no longer exists, and one report has a permanent 403 "or the scope is invalid"
/// (<https://github.com/Azure/azure-service-operator/issues/5009>). Such a leftover would give access to a restored account.
fn is_before(other: &DraftStep, late: &DraftStep) -> bool {
    // Any of it may replace what is deleted.
    if late.serves && !other.step.last && other.step.owner == late.step.owner {
        return true;
    }
    if other.trust.is_some() {
        return false;
    }
    if let Some(trust) = &late.trust {
        return gives(other, late, trust);
    }
    // Only callers of what exists by then have access.
    if other.callable && !other.step.last && !late.step.last && late.target.contains(&other.target) {
        return true;
    }
    if let Some(whole) = &late.falls_with
        && (other.step.last && !other.grant && whole.contains(&other.target))
    {
        return true;
    }
    let overlapping = other.scope.may_overlap(&late.scope);
    // Among revoked assignments, only those on or in the deleted resource are deleted before it.
    let before =
        if other.step.last { other.grant && !late.grant && late.target.contains(&other.scope) } else { true };
    // A role of Cosmos DB replaces no role of Azure, and the other way round.
    let gives = other.grant && (!late.grant || other.step.kind == late.step.kind);
    let stands_on_it = late.step.last && other.rank > late.rank && other.step.lane == late.step.lane;
    stands_on_it || (before && overlapping && (gives || other.target == late.target))
}

/// Whether a step comes before one that needs a role for an identity: other writes of the same resource, and a role assignment that may be
/// the required one.
fn gives(other: &DraftStep, late: &DraftStep, trust: &Trust) -> bool {
    // There are many roles around the vault; only one for an identity can be the required one.
    let identity = !other.step.holes.is_empty()
        || other.step.patch.get("principalType").is_some_and(|kind| kind == "ServicePrincipal");
    let given = other.grant && identity && trust.is_given_at(&other.scope);
    !other.step.last && (other.target == late.target || given)
}

/// Splits off what needs a role for an identity first. For the resource's own identity, the role cannot exist before the resource; for
/// another identity, only a role in this plan is waited for.
fn entrusted(draft: &mut DraftStep, changes: &[PlannedChange]) -> Option<DraftStep> {
    let trust = kinds::by_name(&draft.step.kind)?.trust(&draft.step.patch)?;
    let given = |change: &PlannedChange| {
        change.action == Action::Create
            && kinds::by_name(&change.kind).is_some_and(|kind| kind.granting().is_some())
            && ResourceId::parse(&change.id).is_ok_and(|id| trust.is_given_at(&id.scope()))
    };
    if !trust.own && !changes.iter().any(given) {
        return None;
    }
    let value = draft.step.patch.remove(trust.field)?;
    let mut entrusted = draft.clone();
    entrusted.step.patch = serde_json::Map::from_iter([(trust.field.to_owned(), value)]);
    entrusted.trust = Some(trust);
    Some(entrusted)
}

/// Whether steps depend on each other in a circle, so that some could never start. Last steps wait for all others.
pub(super) fn are_circular(steps: &[Step]) -> bool {
    let upside_down = |step: &Step| {
        !step.last && step.needs.iter().any(|need| steps.get(*need).is_some_and(|need| need.last))
    };
    if steps.iter().any(upside_down) {
        return true;
    }
    let mut done = vec![false; steps.len()];
    loop {
        let ready = |index: &usize| !done[*index] && steps[*index].needs.iter().all(|need| done[*need]);
        let next: Vec<usize> = (0..steps.len()).filter(ready).collect();
        if next.is_empty() {
            return done.contains(&false);
        }
        for index in next {
            done[index] = true;
        }
    }
}

/// The ids that a change waits for if this plan creates them: its parent or scope, and what its fields refer to.
pub(super) fn stands_on(kind: &dyn Kind, id: &ResourceId, change: &PlannedChange) -> Vec<ResourceId> {
    let mut ids = kind.names(id, &change.patch());
    let mut above = kind.stands_on(id);
    while let Some(id) = above {
        above = id.parent();
        ids.push(id);
    }
    ids
}

/// An update's fields grouped by write: separate ones, the rest, and those that wait for every grant.
fn groups(change: &PlannedChange) -> Vec<(Vec<&FieldEntry>, bool)> {
    let Some(kind) = kinds::by_name(&change.kind) else { return Vec::new() };
    let mutability =
        |entry: &FieldEntry| field(kind, &entry.path).map_or(Mutability::InPlace, |field| field.change);
    let is_late = |entry: &&FieldEntry| mutability(entry) == Mutability::AfterGrants && entry.after == true;
    // An immutable field is in an update only if its kind allows that change, in a separate write.
    let is_apart =
        |entry: &&FieldEntry| matches!(mutability(entry), Mutability::Apart | Mutability::Never(_));
    let (late, now): (Vec<&FieldEntry>, Vec<&FieldEntry>) = change.fields.iter().partition(is_late);
    let (apart, rest): (Vec<&FieldEntry>, Vec<&FieldEntry>) = now.into_iter().partition(is_apart);
    let marked_alone = change.mark == Some(Mark::Added) && apart.is_empty();
    let groups = [
        (!apart.is_empty(), apart, false),
        (!rest.is_empty() || marked_alone, rest, false),
        (!late.is_empty(), late, true),
    ];
    groups.into_iter().filter(|(wanted, ..)| *wanted).map(|(_, fields, late)| (fields, late)).collect()
}

/// The holes in some fields of a change.
fn holes_in(change: &PlannedChange, fields: &[&FieldEntry]) -> Vec<HoleEntry> {
    let is_there = |hole: &&HoleEntry| fields.iter().any(|field| dotted_path(&field.path) == hole.field);
    change.holes.iter().filter(is_there).cloned().collect()
}

/// Adds dependencies on resources of this plan that others are on, refer to, or take a value from.
fn wait_for_what_is_made(changes: &[PlannedChange], drafts: &mut [DraftStep]) {
    let mut made: BTreeMap<ResourceId, usize> = BTreeMap::new();
    let mut written: BTreeMap<ResourceId, usize> = BTreeMap::new();
    let mut purges: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        match draft.step.action {
            StepAction::Purge => drop(purges.insert(draft.step.change, index)),
            StepAction::Create | StepAction::Restore => drop(made.insert(draft.target.clone(), index)),
            _ => {}
        }
        if draft.step.action != StepAction::Purge {
            written.insert(draft.target.clone(), index);
        }
    }
    for draft in drafts.iter_mut().filter(|draft| draft.step.action != StepAction::Purge) {
        let change = &changes[draft.step.change];
        let Some(kind) = kinds::by_name(&draft.step.kind) else { continue };
        let stands_on = stands_on(kind, &draft.target, change);
        draft.step.needs.extend(stands_on.iter().filter_map(|id| made.get(id)));
        draft.step.needs.extend(purges.get(&draft.step.change));
        let holders = change.holes.iter().filter_map(|hole| ResourceId::parse(&hole.resource).ok());
        draft.step.needs.extend(holders.filter_map(|holder| written.get(&holder).copied()));
    }
}

/// Adds dependencies named in changes: they can only delay a step.
fn wait_for_what_is_named(changes: &[PlannedChange], drafts: &mut [DraftStep]) {
    if changes.iter().all(|change| change.after.is_empty()) {
        return;
    }
    let ends: BTreeMap<ResourceId, usize> = drafts
        .iter()
        .enumerate()
        .filter(|(_, draft)| draft.step.action != StepAction::Purge && draft.trust.is_none())
        .map(|(index, draft)| (draft.target.clone(), index))
        .collect();
    for draft in drafts {
        let named = changes[draft.step.change].after.iter().filter_map(|id| ResourceId::parse(id).ok());
        draft.step.needs.extend(named.filter_map(|id| ends.get(&id).copied()));
    }
}

/// The single write of a change, before it is split.
fn undivided((index, change): (usize, &PlannedChange)) -> Option<DraftStep> {
    let kind = kinds::by_name(&change.kind).filter(|_| change.action.writes())?;
    let target = ResourceId::parse(&change.id).ok()?;
    let action = match change.action {
        Action::Create => StepAction::Create,
        Action::Restore => StepAction::Restore,
        Action::Delete => StepAction::Delete,
        _ => StepAction::Update,
    };
    let step = Step {
        change: index,
        action,
        kind: change.kind.clone(),
        target: change.id.clone(),
        patch: serde_json::Map::new(),
        holes: Vec::new(),
        mark: change.mark.and(change.stack.clone()),
        owner: change.stack.clone(),
        marked: change.action == Action::Delete || change.mark == Some(Mark::Kept),
        base: change.base.clone(),
        lane: lane(kind, &target),
        needs: Vec::new(),
        last: action == StepAction::Delete,
        yields: false,
        source: change.source.clone(),
    };
    let scope = kind.applies_to(&target);
    let rank = KINDS.iter().position(|each| each.name() == kind.name()).unwrap_or_default();
    let (grant, callable) = (kind.is_grant(), kind.is_callable());
    Some(DraftStep {
        step,
        target,
        scope,
        grant,
        callable,
        rank,
        trust: None,
        falls_with: None,
        serves: false,
        takes_right: change.takes_right,
    })
}

/// The provider allows one write at a time per account and its children; role assignments belong to another provider.
fn lane(kind: &dyn Kind, target: &ResourceId) -> String {
    let whole = if kind.granting().is_some() { target.clone() } else { target.tracked() };
    whole.as_str().to_ascii_lowercase()
}
