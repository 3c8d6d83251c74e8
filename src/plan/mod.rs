//! Turns changes into a plan: one document of plain data that leaves nothing for execution to decide.
//!
//! Pure. `document` defines what a plan contains; `steps` derives the writes and their order from the changes; `words` makes titles and
//! reasons; `saved` reads plans back.

pub mod apart;
mod doomed;
mod held;
pub mod predict;
mod refuse;
mod rights;
#[cfg(test)]
pub(crate) mod samples;
pub mod saved;
mod steps;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::diff::{Change, Diff, LiveMatch, values};
use crate::document::{
    Action, Differs, FieldEntry, FindingEntry, HoleEntry, Incomplete, Judged, Mark, PLAN_VERSION, Plan,
    PlannedChange, Requests, Step, Summary, TakenEntry, Target, dotted_path, hash,
};
use crate::finding::Finding;
use crate::id::{Key, ResourceId};
use crate::kinds::desired::Desired;
use crate::kinds::{self, FieldChange, Live, Weight, settings};
use crate::text::json::contains;
use crate::text::source::{Sources, Span};
use predict::World;

/// Makes a plan from a diff.
#[must_use]
pub fn plan(diff: Diff, findings: &[Finding], sources: &Sources, target: Target, requests: Requests) -> Plan {
    let Diff { changes, findings: from_diff, incomplete, complete, lists, secrets, omitted, hidden, beside } =
        diff;
    let mut planned = planned(&changes, Some(sources));
    for (change, planned) in changes.iter().zip(&mut planned) {
        let Some(desired) = change.desired() else { continue };
        planned.not_compared =
            hidden.get(&desired.key).into_iter().flatten().map(|path| dotted_path(path)).collect();
        let Some(fields) = omitted.get(&desired.key) else { continue };
        planned.omitted = entries(fields, Some(sources));
        planned.differs.get_or_insert(Differs::Changed);
    }
    apart::distinguish(&mut planned);
    let (held, waiting) = held::deletes(&changes);
    let (doomed, undone) = doomed::deletes(&changes, &beside);
    let summary = Summary::of(&planned);
    let mut findings: Vec<FindingEntry> = findings
        .iter()
        .chain(&from_diff)
        .chain(&waiting)
        .chain(&undone)
        .map(|finding| FindingEntry::new(finding, sources))
        .collect();
    findings.sort();
    findings.dedup();
    let mut incomplete: Vec<Incomplete> = incomplete
        .into_iter()
        .map(|(scope, refusal)| Incomplete { scope: scope.to_string(), reason: refusal.message })
        .collect();
    incomplete.sort();
    incomplete.dedup();
    let steps = steps::steps(&planned);
    let mut plan = Plan {
        format_version: PLAN_VERSION.to_owned(),
        target,
        environment: None,
        known: Judged::default(),
        shard: None,
        summary,
        changes: planned,
        declares_assignments: complete.iter().map(ToString::to_string).collect(),
        secrets,
        key_usage: Vec::new(),
        lists,
        keys: BTreeMap::new(),
        access: Vec::new(),
        findings,
        incomplete,
        requests,
        steps,
        fingerprint: String::new(),
    };
    plan.refuse_all(held.into_iter().chain(doomed).collect());
    plan.fingerprint = plan.digest();
    plan
}

/// Says of each deleted account and project what goes with it, as far as it was read and is not deleted by itself.
pub fn add_along(plan: &mut Plan, before: &World) {
    let ids: BTreeSet<ResourceId> =
        plan.changes.iter().filter_map(|change| ResourceId::parse(&change.id).ok()).collect();
    for change in plan.changes.iter_mut().filter(|change| change.action == Action::Delete) {
        let Ok(id) = ResourceId::parse(&change.id) else { continue };
        let inside = before.inside(&id).filter(|(child, _)| **child != id && !ids.contains(child));
        let titles = inside.filter_map(|(child, body)| {
            let kind = kinds::by_id(child).filter(|kind| !kind.is_grant() && !kind.is_built_in(body))?;
            Some(format!("{} {}", kind.noun(), child.name()))
        });
        change.along = titles.collect();
    }
}

/// Says of what is deleted because its stack is retired that this is why.
pub fn note_retired(plan: &mut Plan, retired: &[&str]) {
    for change in plan.changes.iter_mut().filter(|change| change.action == Action::Delete) {
        if let Some(stack) = change.stack.as_deref().filter(|stack| retired.contains(stack)) {
            change.reason = Some(format!("stack `{stack}` is being retired"));
        }
    }
}

/// The writes that these changes would take, without positions in files, for planning further queries.
#[must_use]
pub fn draft(changes: &[Change]) -> Vec<Step> {
    steps::steps(&planned(changes, None))
}

/// A hash of everything that a PUT could overwrite: unmanaged fields too, but neither etag nor systemData.
#[must_use]
pub fn fingerprint(live: &Live) -> String {
    hash(&settings(live.kind, &live.body))
}

/// Changes as plain data; without sources only what steps are derived from.
fn planned(changes: &[Change], sources: Option<&Sources>) -> Vec<PlannedChange> {
    let mut planned: Vec<PlannedChange> = changes
        .iter()
        .map(|change| match change {
            // There can be thousands of these.
            Change::NoOp { .. } | Change::Unmanaged { .. } if sources.is_none() => PlannedChange::default(),
            change => describe(change, sources),
        })
        .collect();
    let made: BTreeMap<&Key, &ResourceId> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Create { desired, .. } | Change::Restore { desired, .. } => {
                Some((&desired.key, &desired.id))
            }
            _ => None,
        })
        .collect();
    for (change, planned) in changes.iter().zip(&mut planned) {
        let (Change::Create { desired, .. }
        | Change::Restore { desired, .. }
        | Change::Update { desired, .. }) = change
        else {
            continue;
        };
        let wanted: Vec<&ResourceId> =
            desired.after.iter().filter_map(|key| made.get(key).copied()).collect();
        if !wanted.is_empty() {
            // Dependencies that follow from the rest are not repeated.
            let known = steps::stands_on(desired.kind, &desired.id, planned);
            planned.after = wanted.iter().filter(|id| !known.contains(id)).map(ToString::to_string).collect();
        }
    }
    planned
}

/// One change as plain data.
fn describe(change: &Change, sources: Option<&Sources>) -> PlannedChange {
    let declared = |action, desired| declared(action, desired, sources);
    let standing =
        |action, desired, live: &Live| PlannedChange { id: live.id.to_string(), ..declared(action, desired) };
    let entries = |fields: &[FieldChange]| entries(fields, sources);
    let mut planned = match change {
        Change::Create { desired, purge, .. } => PlannedChange {
            mark: Some(Mark::Added),
            purge: purge.as_ref().map(ToString::to_string),
            holes: holes(desired),
            taken: desired.taken.clone(),
            fields: created(desired, sources),
            ..declared(Action::Create, desired)
        },
        Change::Restore { desired, fields, mark } => PlannedChange {
            mark: mark.then_some(Mark::Added),
            taken: desired.taken.clone(),
            fields: restored(desired, fields, sources),
            ..declared(Action::Restore, desired)
        },
        Change::Adopt { desired, live } => PlannedChange {
            mark: Some(Mark::Added),
            base: Some(fingerprint(live)),
            ..standing(Action::Adopt, desired, live)
        },
        Change::Update { desired, live, fields, adopt } => PlannedChange {
            mark: match desired.kind.mark(&live.body) {
                Some(_) => Some(Mark::Kept),
                None => adopt.then_some(Mark::Added),
            },
            base: Some(fingerprint(live)),
            holes: holes_in(desired, fields),
            taken: taken_in(desired, fields),
            fields: entries(fields),
            ..standing(Action::Update, desired, live)
        },
        Change::Refused { desired, fields, why, .. } => PlannedChange {
            fields: entries(fields),
            reason: Some(why.clone()),
            ..declared(Action::Refused, desired)
        },
        Change::NoOp { desired, live } => standing(Action::Noop, desired, live),
        Change::Unknown { desired, refusal } => {
            PlannedChange { reason: Some(refusal.message.clone()), ..declared(Action::Unknown, desired) }
        }
        Change::Delete { live, stack, span, title } => PlannedChange {
            stack: Some(stack.clone()),
            base: Some(fingerprint(live)),
            source: sources.map(|sources| sources.position(*span)),
            ..undeclared(Action::Delete, live, title)
        },
        Change::Unmanaged { live, why, weight, title, .. } => {
            PlannedChange { reason: Some(why.clone()), ..undeclared(left_alone(weight), live, title) }
        }
    };
    planned.differs = differs(change);
    if planned.action.writes() {
        planned.reason = words::reason(&planned);
    }
    planned
}

fn entries(fields: &[FieldChange], sources: Option<&Sources>) -> Vec<FieldEntry> {
    let entry = |field: &FieldChange| written(&field.path, &field.before, &field.after, field.span, sources);
    fields.iter().map(entry).collect()
}

/// How the live state differs from the declaration, as far as known.
fn differs(change: &Change) -> Option<Differs> {
    match change {
        Change::Create { .. }
        | Change::Restore { .. }
        | Change::Refused { found: LiveMatch::Nothing, .. } => Some(Differs::Missing),
        Change::Adopt { .. } | Change::Update { .. } | Change::Refused { found: LiveMatch::This(_), .. } => {
            Some(Differs::Changed)
        }
        Change::Delete { .. } | Change::Unmanaged { weight: Weight::Drift(_), .. } => Some(Differs::Extra),
        Change::Refused { found: LiveMatch::Unclear, .. }
        | Change::NoOp { .. }
        | Change::Unknown { .. }
        | Change::Unmanaged { .. } => None,
    }
}

/// The planned change of a declared resource, independent of its live state.
fn declared(action: Action, desired: &Desired, sources: Option<&Sources>) -> PlannedChange {
    PlannedChange {
        action,
        kind: desired.kind.name().to_owned(),
        id: if desired.open.is_none() { desired.id.to_string() } else { String::new() },
        address: desired.address.clone(),
        title: desired.title.clone(),
        stack: Some(desired.stack.clone()),
        source: sources.map(|sources| sources.position(desired.span)),
        ..PlannedChange::default()
    }
}

/// The planned change of an undeclared resource: its id is its address.
fn undeclared(action: Action, live: &Live, title: &str) -> PlannedChange {
    PlannedChange {
        action,
        kind: live.kind.name().to_owned(),
        id: live.id.to_string(),
        address: live.id.to_string(),
        title: title.to_owned(),
        ..PlannedChange::default()
    }
}

fn left_alone(weight: &Weight) -> Action {
    match weight {
        Weight::Listed => Action::Unmanaged,
        Weight::Drift(_) => Action::UnmanagedDrift,
        Weight::Unknown(..) => Action::UnmanagedUnknown,
        Weight::CoManaged => Action::CoManaged,
    }
}

/// Values that are only known once another resource exists.
fn holes(desired: &Desired) -> Vec<HoleEntry> {
    let hole = desired.holes.iter().map(|hole| HoleEntry {
        field: hole.field.clone(),
        resource: hole.holder.to_string(),
        property: hole.property,
        reference: hole.reference.clone(),
    });
    hole.collect()
}

/// Those in fields that are written.
fn holes_in(desired: &Desired, fields: &[FieldChange]) -> Vec<HoleEntry> {
    let mut holes = holes(desired);
    let is_written = |hole: &HoleEntry| fields.iter().any(|field| dotted_path(&field.path) == hole.field);
    holes.retain(is_written);
    holes
}

/// The values of other resources in fields that are written.
fn taken_in(desired: &Desired, fields: &[FieldChange]) -> Vec<TakenEntry> {
    let mut taken = desired.taken.clone();
    taken.retain(|taken| fields.iter().any(|field| contains(&field.after, &taken.value)));
    taken
}

impl Action {
    /// Whether it concerns an undeclared resource that stays as it is.
    #[must_use]
    pub fn is_undeclared(self) -> bool {
        matches!(self, Self::Unmanaged | Self::UnmanagedDrift | Self::UnmanagedUnknown | Self::CoManaged)
    }
}

/// All values that a creation writes: declared ones, then defaults.
fn created(desired: &Desired, sources: Option<&Sources>) -> Vec<FieldEntry> {
    let mut fields = Vec::new();
    for (given, declared) in [(true, &desired.declared), (false, &desired.defaults)] {
        // There is nothing to clear yet.
        values(desired.kind, declared, &mut |path, after| {
            if !after.is_null() {
                let span = given.then(|| desired.span_of(path)).flatten();
                fields.push(written(path, &Value::Null, after, span, sources));
            }
        });
    }
    fields
}

/// All values that a restore writes: everything declared. The soft-deleted resource's values are shown as the state before.
fn restored(desired: &Desired, differing: &[FieldChange], sources: Option<&Sources>) -> Vec<FieldEntry> {
    let mut fields = Vec::new();
    values(desired.kind, &desired.declared, &mut |path, after| {
        let known = differing.iter().find(|field| field.path == path);
        let before = known.map_or(after, |field| &field.before);
        fields.push(written(path, before, after, desired.span_of(path), sources));
    });
    fields
}

fn written(
    path: &[String],
    before: &Value,
    after: &Value,
    span: Option<Span>,
    sources: Option<&Sources>,
) -> FieldEntry {
    FieldEntry {
        path: path.to_vec(),
        before: before.clone(),
        after: after.clone(),
        source: span.and_then(|span| sources.map(|sources| sources.position(span))),
    }
}
