//! The writes of a plan and what each of them waits for.
//!
//! Accounts first, then what stands on them; keys go off once every grant of the plan stands, so that nobody is left without
//! a way in; deletes come last, children before what they stand on, and not at all if a grant that replaces them failed. What
//! needs a role of the resource's own identity (a key of one's own in a vault) is a write of its own after that role, and nothing
//! waits for it: if Azure refuses it, the rest goes on.

#[cfg(test)]
mod tests;

use crate::desired::Desired;
use crate::diff::{Change, FieldChange, patch};
use crate::id::{Key, ResourceId};
use crate::kinds::{KINDS, Kind, Live, Mutability, Trust};
use crate::plan::document::{Reference, Step, StepAction};
use crate::plan::fingerprint;
use crate::source::Sources;

/// A step with what deciding its order needs.
struct Draft {
    step: Step,
    scope: ResourceId,
    grant: bool,
    /// Where its kind stands among the kinds: what stands on others comes later.
    rank: usize,
    /// What it needs an identity's role for, where it is a write of its own for that.
    trust: Option<Trust>,
}

pub(super) fn steps(changes: &[Change], sources: Option<&Sources>) -> Vec<Step> {
    let mut drafts: Vec<Draft> = Vec::new();
    // What waits for grants.
    let mut late: Vec<Draft> = Vec::new();
    let mut deletes: Vec<Draft> = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        match change {
            Change::Create { desired, purge, .. } => {
                if let Some(deleted) = purge {
                    let mut draft = written(index, desired, None, sources);
                    deleted.as_str().clone_into(&mut draft.step.target);
                    draft.step.action = StepAction::Purge;
                    drafts.push(draft);
                }
                let purged = purge.as_ref().map(|_| drafts.len() - 1);
                let mut whole = desired.defaults.clone();
                whole.extend(desired.declared.clone());
                late.extend(entrusted(index, desired, None, &mut whole, changes, sources));
                let mut draft = written(index, desired, None, sources);
                draft.step.patch = whole;
                draft.step.mark = Some(desired.stack.clone());
                let holder = desired.hole.iter().filter_map(|hole| identified(&drafts, &hole.holder));
                let mut needs = created(changes, &drafts, desired);
                needs.extend(purged.into_iter().chain(holder));
                needs.sort_unstable();
                needs.dedup();
                draft.step.needs = needs;
                draft.step.reference = desired.hole.as_ref().map(|hole| Reference {
                    field: hole.field.to_owned(),
                    identity_of: hole.holder.to_string(),
                    kind: hole.kind.to_owned(),
                });
                drafts.push(draft);
            }
            Change::Restore { desired, mark, .. } => {
                let mut whole = desired.declared.clone();
                late.extend(entrusted(index, desired, None, &mut whole, changes, sources));
                let mut draft = written(index, desired, None, sources);
                draft.step.action = StepAction::Restore;
                draft.step.patch = whole;
                draft.step.mark = mark.then(|| desired.stack.clone());
                drafts.push(draft);
            }
            Change::Adopt { desired, live } => {
                let mut draft = written(index, desired, Some(live), sources);
                draft.step.mark = Some(desired.stack.clone());
                drafts.push(draft);
            }
            Change::Update { desired, live, fields, adopt } => {
                let is_late =
                    |field: &&FieldChange| field.change == Mutability::AfterGrants && field.after == true;
                let (after, now): (Vec<&FieldChange>, Vec<&FieldChange>) = fields.iter().partition(is_late);
                let (apart, rest): (Vec<&FieldChange>, Vec<&FieldChange>) =
                    now.into_iter().partition(|field| field.change == Mutability::Apart);
                let ours = desired.kind.mark(&live.body).is_some();
                let mark = (*adopt || ours).then(|| desired.stack.clone());
                let marked_alone = *adopt && apart.is_empty();
                let mut rest = patch(rest);
                if let Some(mut draft) = entrusted(index, desired, Some(live), &mut rest, changes, sources) {
                    draft.step.mark.clone_from(&mark);
                    late.push(draft);
                }
                let groups = [
                    (!apart.is_empty(), patch(apart), false),
                    (!rest.is_empty() || marked_alone, rest, false),
                    (!after.is_empty(), patch(after), true),
                ];
                for (_, patch, after_grants) in groups.into_iter().filter(|(wanted, ..)| *wanted) {
                    let mut draft = written(index, desired, Some(live), sources);
                    draft.step.patch = patch;
                    draft.step.mark.clone_from(&mark);
                    draft.step.needs = created(changes, &drafts, desired);
                    if after_grants { late.push(draft) } else { drafts.push(draft) }
                }
            }
            Change::Delete { live, span, .. } => {
                let mut draft = draft(index, StepAction::Delete, live.kind, &live.id, &live.scope);
                draft.step.base = Some(fingerprint(live));
                draft.step.last = true;
                draft.step.source = sources.map(|sources| sources.position(*span));
                deletes.push(draft);
            }
            Change::Refused { .. }
            | Change::NoOp { .. }
            | Change::Unmanaged { .. }
            | Change::Unknown { .. } => {}
        }
    }
    ordered(drafts, late, deletes)
}

/// What waits for others behind them, each with what it waits for.
fn ordered(mut drafts: Vec<Draft>, late: Vec<Draft>, mut deletes: Vec<Draft>) -> Vec<Step> {
    // What stands on a resource goes before it.
    deletes.sort_by_key(|draft| std::cmp::Reverse(draft.rank));
    for mut late in late.into_iter().chain(deletes) {
        let needed = drafts.iter().enumerate().filter(|(_, other)| {
            if other.trust.is_some() {
                return false;
            }
            if let Some(trust) = &late.trust {
                return is_before(other, &late, trust);
            }
            let overlapping = other.scope.contains(&late.scope) || late.scope.contains(&other.scope);
            let before = if other.step.last { other.grant && !late.grant } else { true };
            let stands_on_it = late.step.last && other.rank > late.rank && other.step.lane == late.step.lane;
            stands_on_it || (before && overlapping && (other.grant || other.step.target == late.step.target))
        });
        let needed: Vec<usize> = needed.map(|(index, _)| index).collect();
        late.step.needs.extend(needed);
        late.step.needs.sort_unstable();
        late.step.needs.dedup();
        drafts.push(late);
    }
    drafts.into_iter().map(|draft| draft.step).collect()
}

/// Takes out of a patch what needs a role of an identity first, as a step of its own. Where that is the resource's own identity, the
/// role cannot be there before the resource; where it is another's, only a role that this plan gives is waited for.
fn entrusted(
    index: usize,
    desired: &Desired,
    live: Option<&Live>,
    patch: &mut serde_json::Map<String, serde_json::Value>,
    changes: &[Change],
    sources: Option<&Sources>,
) -> Option<Draft> {
    let trust = desired.kind.trust(patch)?;
    let given = |change: &Change| matches!(change, Change::Create { desired, .. } if desired.kind.is_grant() && trust.is_given_at(&desired.scope));
    if !trust.own && !changes.iter().any(given) {
        return None;
    }
    let value = patch.remove(trust.field)?;
    let mut draft = written(index, desired, live, sources);
    draft.step.action = StepAction::Update;
    draft.step.patch.insert(trust.field.to_owned(), value);
    draft.trust = Some(trust);
    Some(draft)
}

/// Whether a step comes before one that needs a role of an identity: what else is written of the same resource, and a role that can
/// be the one.
fn is_before(other: &Draft, late: &Draft, trust: &Trust) -> bool {
    let same = other.step.target.eq_ignore_ascii_case(&late.step.target);
    // Around the vault there are many roles; only an identity's can be the one.
    let identity = other.step.reference.is_some()
        || other.step.patch.get("principalType").is_some_and(|kind| kind == "ServicePrincipal");
    let given = other.grant && identity && trust.is_given_at(&other.scope);
    !other.step.last && (same || given)
}

/// The steps that create what a declared resource stands on or names.
fn created(changes: &[Change], drafts: &[Draft], desired: &Desired) -> Vec<usize> {
    let makes = |key: &Key, draft: &Draft| match &changes[draft.step.change] {
        Change::Create { desired, .. } | Change::Restore { desired, .. } => {
            desired.key == *key && draft.step.action != StepAction::Purge
        }
        _ => false,
    };
    desired.after.iter().filter_map(|key| drafts.iter().position(|draft| makes(key, draft))).collect()
}

/// The last step that writes a resource, after which it has its identity.
fn identified(drafts: &[Draft], holder: &ResourceId) -> Option<usize> {
    drafts.iter().rposition(|draft| {
        draft.step.action != StepAction::Purge && draft.step.target.eq_ignore_ascii_case(holder.as_str())
    })
}

fn written(change: usize, desired: &Desired, live: Option<&Live>, sources: Option<&Sources>) -> Draft {
    let action = if live.is_some() { StepAction::Update } else { StepAction::Create };
    let target = live.map_or(&desired.id, |live| &live.id);
    let mut draft = draft(change, action, desired.kind, target, &desired.scope);
    draft.step.base = live.map(fingerprint);
    draft.step.source = sources.map(|sources| sources.position(desired.span));
    draft
}

fn draft(
    change: usize,
    action: StepAction,
    kind: &dyn Kind,
    target: &ResourceId,
    scope: &ResourceId,
) -> Draft {
    let step = Step {
        change,
        action,
        kind: kind.name().to_owned(),
        target: target.to_string(),
        patch: serde_json::Map::new(),
        reference: None,
        mark: None,
        base: None,
        lane: lane(kind, target),
        needs: Vec::new(),
        last: false,
        source: None,
    };
    let rank = KINDS.iter().position(|each| each.name() == kind.name()).unwrap_or_default();
    Draft { step, scope: scope.clone(), grant: kind.is_grant(), rank, trust: None }
}

/// The provider allows one write at a time on an account and all below it; role assignments are another provider's.
fn lane(kind: &dyn Kind, target: &ResourceId) -> String {
    let whole = if kind.is_grant() { target.clone() } else { target.tracked() };
    whole.as_str().to_ascii_lowercase()
}
