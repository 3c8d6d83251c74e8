//! What waits until every declared grant stands: keys go off once whoever is to call with a token can.

use super::{Change, FieldChange, field};
use crate::desired::Desired;
use crate::finding::{Code, Finding};
use crate::kinds::Mutability;

/// Leaves out of updates what waits for a grant which a spec declares and this plan cannot make: whoever it is for would be left without a
/// way in. The rest is written, since a grant may need it.
pub(super) fn hold_back(changes: &mut [Change], findings: &mut Vec<Finding>) {
    let mut missing: Vec<Desired> = changes.iter().filter_map(missing_grant).cloned().collect();
    // Which one is named must not follow from the order of a spec.
    missing.sort_by(|one, other| (&one.title, &one.scope).cmp(&(&other.title, &other.scope)));
    if missing.is_empty() {
        return;
    }
    for change in changes {
        let Change::Update { desired, live, fields, adopt } = change else { continue };
        let Some(late) = fields.iter().find(|changed| waits(desired, changed)) else { continue };
        // A grant on something in the account counts too, and one on a management group, since it may hold the account.
        let near = |grant: &&Desired| {
            grant.scope.contains(&desired.id)
                || desired.id.contains(&grant.scope)
                || grant.scope.subscription_id().is_none()
        };
        let Some(grant) = missing.iter().find(near) else { continue };
        let why = format!(
            "`{}` waits for every declared role assignment, and {} cannot be made out or made",
            late.path.join("."),
            grant.title
        );
        findings.push(
            Finding::error(Code::Waiting, format!("{}: {why}", desired.title))
                .at(late.span.unwrap_or(desired.span))
                .hint("mend the role assignment first; whatever else differs is written all the same"),
        );
        let (desired, all) = (desired.clone(), std::mem::take(fields));
        if all.iter().all(|changed| waits(&desired, changed)) {
            *change = if *adopt {
                Change::Adopt { desired, live: live.clone() }
            } else {
                Change::Refused { desired, fields: all, why }
            };
        } else {
            *fields = all.into_iter().filter(|changed| !waits(&desired, changed)).collect();
        }
    }
}

/// A grant which a spec declares and this plan cannot make.
#[must_use]
pub fn missing_grant(change: &Change) -> Option<&Desired> {
    match change {
        Change::Refused { desired, .. } | Change::Unknown { desired, .. } if desired.kind.is_grant() => {
            Some(desired)
        }
        _ => None,
    }
}

fn waits(desired: &Desired, changed: &FieldChange) -> bool {
    field(desired.kind, &changed.path).is_some_and(|field| field.change == Mutability::AfterGrants)
        && changed.after == true
}
