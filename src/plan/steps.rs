//! The writes of a plan and what each of them waits for.
//!
//! Accounts first, then what stands on them; keys go off once every grant of the plan stands, so that nobody is left without
//! a way in; deletes come last, and not at all if a grant that replaces them failed.

use crate::desired::Desired;
use crate::diff::{Change, FieldChange, patch};
use crate::id::ResourceId;
use crate::kinds::{Kind, Live, Mutability};
use crate::plan::document::{Reference, Step, StepAction};
use crate::plan::fingerprint;
use crate::source::Sources;

/// A step with what deciding its order needs.
struct Draft {
    step: Step,
    scope: ResourceId,
    grant: bool,
}

pub(super) fn steps(changes: &[Change], sources: Option<&Sources>) -> Vec<Step> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut after_grants: Vec<Draft> = Vec::new();
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
                let mut draft = written(index, desired, None, sources);
                draft.step.patch = whole;
                draft.step.mark = Some(desired.stack.clone());
                let parent = desired.parent.iter().filter_map(|parent| created(changes, &drafts, parent));
                let holder = desired.hole.iter().filter_map(|hole| identified(&drafts, &hole.holder));
                let mut needs: Vec<usize> = parent.chain(purged).chain(holder).collect();
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
                let mut draft = written(index, desired, None, sources);
                draft.step.action = StepAction::Restore;
                draft.step.patch.clone_from(&desired.declared);
                draft.step.mark = mark.then(|| desired.stack.clone());
                drafts.push(draft);
            }
            Change::Adopt { desired, live } => {
                let mut draft = written(index, desired, Some(live), sources);
                draft.step.mark = Some(desired.stack.clone());
                drafts.push(draft);
            }
            Change::Update { desired, live, fields, adopt } => {
                let (late, now): (Vec<&FieldChange>, Vec<&FieldChange>) = fields
                    .iter()
                    .partition(|field| field.change == Mutability::AfterGrants && field.after == true);
                let ours = desired.kind.mark(&live.body).is_some();
                let mark = (*adopt || ours).then(|| desired.stack.clone());
                for (fields, late) in [(now, false), (late, true)] {
                    if fields.is_empty() && (late || !adopt) {
                        continue;
                    }
                    let mut draft = written(index, desired, Some(live), sources);
                    draft.step.patch = patch(fields);
                    draft.step.mark.clone_from(&mark);
                    if late { after_grants.push(draft) } else { drafts.push(draft) }
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
    // What stands on an account goes before the account.
    deletes.sort_by_key(|draft| !draft.grant);
    for mut late in after_grants.into_iter().chain(deletes) {
        let needed = drafts.iter().enumerate().filter(|(_, other)| {
            let overlapping = other.scope.contains(&late.scope) || late.scope.contains(&other.scope);
            let before = if other.step.last { other.grant && !late.grant } else { true };
            before && overlapping && (other.grant || other.step.target == late.step.target)
        });
        late.step.needs = needed.map(|(index, _)| index).collect();
        drafts.push(late);
    }
    drafts.into_iter().map(|draft| draft.step).collect()
}

/// The step that creates what has this key, if one does.
fn created(changes: &[Change], drafts: &[Draft], parent: &crate::id::Key) -> Option<usize> {
    drafts.iter().position(|draft| match &changes[draft.step.change] {
        Change::Create { desired, .. } | Change::Restore { desired, .. } => {
            desired.key == *parent && draft.step.action != StepAction::Purge
        }
        _ => false,
    })
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
    Draft { step, scope: scope.clone(), grant: kind.is_grant() }
}

/// The provider allows one write at a time on an account and all below it; role assignments are another provider's.
fn lane(kind: &dyn Kind, target: &ResourceId) -> String {
    const ACCOUNT_SEGMENTS: usize = 9;
    let text = target.as_str().to_ascii_lowercase();
    if kind.is_grant() { text } else { text.split('/').take(ACCOUNT_SEGMENTS).collect::<Vec<_>>().join("/") }
}
