//! What waits until every declared grant stands: keys go off once whoever is to call with a token can.

use super::{Change, field};
use crate::finding::{Code, Finding};
use crate::kinds::FieldChange;
use crate::kinds::Mutability;
use crate::kinds::desired::Desired;

/// Leaves out of updates what waits for a grant which a spec declares and this plan cannot make: whoever it is for would be left without a
/// way in. The rest is written, since a grant may need it.
pub(super) fn hold_back(changes: &mut [Change], findings: &mut Vec<Finding>) {
    let missing: Vec<Desired> = missing_grants(changes).into_iter().cloned().collect();
    if missing.is_empty() {
        return;
    }
    for change in changes {
        let Change::Update { desired, live, fields, adopt } = change else { continue };
        let Some(late) = fields.iter().find(|changed| waits(desired, changed)) else { continue };
        // A grant on something in the account counts too.
        let Some(grant) = missing.iter().find(|grant| grant.scope.may_overlap(&desired.id)) else { continue };
        let why = format!(
            "`{}` waits for every declared role assignment, and {} cannot be resolved or made",
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

/// The grants which specs declare and this plan cannot make, in an order that does not follow from that of the specs.
#[must_use]
pub fn missing_grants(changes: &[Change]) -> Vec<&Desired> {
    let missing = changes.iter().filter_map(|change| match change {
        Change::Refused { desired, .. } | Change::Unknown { desired, .. } => Some(desired),
        _ => None,
    });
    let mut missing: Vec<&Desired> = missing.filter(|desired| desired.kind.is_grant()).collect();
    missing.sort_by(|one, other| (&one.title, &one.scope).cmp(&(&other.title, &other.scope)));
    missing
}

fn waits(desired: &Desired, changed: &FieldChange) -> bool {
    field(desired.kind, &changed.path).is_some_and(|field| field.change == Mutability::AfterGrants)
        && changed.after == true
}
