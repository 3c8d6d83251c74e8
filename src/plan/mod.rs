//! From changes to a plan: one document of plain data that leaves execution nothing to decide.
//!
//! Pure. `document` says what a plan holds; `steps` orders the writes.

pub mod document;
pub mod predict;
pub mod saved;
mod steps;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::desired::Desired;
use crate::diff::{Change, Diff, FieldChange};
use crate::finding::Finding;
use crate::kinds::{Live, Weight, writable};
use crate::plan::document::{
    Action, FORMAT_VERSION, FieldEntry, FindingEntry, Incomplete, Plan, PlannedChange, Requests, Step,
    Summary, Target,
};
use crate::source::{Sources, Span};

/// Makes the plan.
#[must_use]
pub fn plan(diff: Diff, findings: &[Finding], sources: &Sources, target: Target, requests: Requests) -> Plan {
    let Diff { changes, findings: from_diff, incomplete, complete } = diff;
    let steps = steps::steps(&changes, Some(sources));
    let planned: Vec<PlannedChange> = changes.iter().map(|change| describe(change, sources)).collect();
    let mut summary = Summary::default();
    for change in &planned {
        summary.count(change.action);
    }
    let mut findings: Vec<FindingEntry> =
        findings.iter().chain(&from_diff).map(|finding| FindingEntry::new(finding, sources)).collect();
    findings.sort();
    findings.dedup();
    let incomplete = incomplete
        .into_iter()
        .map(|(scope, refusal)| Incomplete { scope: scope.to_string(), reason: refusal.message })
        .collect();
    let mut plan = Plan {
        format_version: FORMAT_VERSION.to_owned(),
        target,
        summary,
        changes: planned,
        declares_assignments: complete.iter().map(ToString::to_string).collect(),
        access: Vec::new(),
        findings,
        incomplete,
        requests,
        steps,
        fingerprint: String::new(),
    };
    plan.fingerprint = plan.digest();
    plan
}

/// The writes that these changes would take, for whoever asks ahead: without their places in files.
#[must_use]
pub fn draft(changes: &[Change]) -> Vec<Step> {
    steps::steps(changes, None)
}

/// A hash of what a PUT could overwrite: unmanaged fields too, but no etag and no systemData.
#[must_use]
pub fn fingerprint(live: &Live) -> String {
    hash(&writable(live.kind, &live.body))
}

/// SHA-256 of a value's JSON, whose members are sorted.
pub(crate) fn hash(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string());
    digest.iter().fold(String::from("sha256:"), |text, byte| text + &format!("{byte:02x}"))
}

fn describe(change: &Change, sources: &Sources) -> PlannedChange {
    let declared =
        |action, desired: &Desired, fields: &[FieldChange], reason: Option<String>| PlannedChange {
            action,
            kind: desired.kind.name().to_owned(),
            id: if desired.hole.is_none() && desired.open.is_none() {
                desired.id.to_string()
            } else {
                String::new()
            },
            address: desired.address.clone(),
            title: desired.title.clone(),
            source: Some(sources.position(desired.span)),
            fields: fields.iter().map(|field| entry(field, sources)).collect(),
            reason,
            caused_by: None,
            cause_unknown: None,
        };
    let live = |action, live: &Live, title: &str, span: Option<Span>, reason: String| PlannedChange {
        action,
        kind: live.kind.name().to_owned(),
        id: live.id.to_string(),
        address: live.id.to_string(),
        title: title.to_owned(),
        source: span.map(|span| sources.position(span)),
        fields: Vec::new(),
        reason: Some(reason),
        caused_by: None,
        cause_unknown: None,
    };
    match change {
        Change::Create { desired, fields, purge } => {
            let reason = purge
                .is_some()
                .then(|| "a soft-deleted one of this name is purged first, for good".to_owned());
            declared(Action::Create, desired, fields, reason)
        }
        Change::Restore { desired, fields, .. } => declared(
            Action::Restore,
            desired,
            fields,
            Some("it is brought back from soft deletion".to_owned()),
        ),
        Change::Adopt { desired, live } => PlannedChange {
            id: live.id.to_string(),
            ..declared(Action::Adopt, desired, &[], Some("it gets the stack's mark, nothing else".to_owned()))
        },
        Change::Update { desired, live, fields, adopt } => PlannedChange {
            id: live.id.to_string(),
            ..declared(
                Action::Update,
                desired,
                fields,
                adopt.then(|| "it gets the stack's mark too".to_owned()),
            )
        },
        Change::Refused { desired, fields, why } => {
            declared(Action::Refused, desired, fields, Some(why.clone()))
        }
        Change::NoOp { desired, live } => {
            PlannedChange { id: live.id.to_string(), ..declared(Action::Noop, desired, &[], None) }
        }
        Change::Unknown { desired, refusal } => {
            declared(Action::Unknown, desired, &[], Some(refusal.message.clone()))
        }
        Change::Delete { live: gone, stack, span, title } => live(
            Action::Delete,
            gone,
            title,
            Some(*span),
            format!("stack `{stack}` created it and no longer declares it"),
        ),
        Change::Unmanaged { live: other, why, weight, title } => {
            let action = match weight {
                Weight::Listed => Action::Unmanaged,
                Weight::Drift(_) => Action::UnmanagedDrift,
                Weight::Unknown(..) => Action::UnmanagedUnknown,
                Weight::CoManaged => Action::CoManaged,
            };
            live(action, other, title, None, why.clone())
        }
    }
}

impl Action {
    /// Whether it is about something that no spec declares and that stays as it is.
    #[must_use]
    pub fn is_undeclared(self) -> bool {
        matches!(self, Self::Unmanaged | Self::UnmanagedDrift | Self::UnmanagedUnknown | Self::CoManaged)
    }
}

fn entry(field: &FieldChange, sources: &Sources) -> FieldEntry {
    FieldEntry {
        path: field.path.clone(),
        before: field.before.clone(),
        after: field.after.clone(),
        source: field.span.map(|span| sources.position(span)),
    }
}
