//! What waits until every declared grant stands, and every declared deployment of its account: keys go off once whoever is to call with
//! a token can.

use super::{Change, Found, field};
use crate::finding::{Code, Finding};
use crate::kinds::desired::Desired;
use crate::kinds::{self, FieldChange, Mutability};

/// Leaves out of updates what waits for a grant which a spec declares and this plan cannot make, or for such a deployment: whoever it is
/// for would be left without a way in. The rest is written, since a grant may need it.
pub(super) fn hold_back(
    changes: &mut [Change],
    stands: impl Fn(&Desired) -> bool,
    findings: &mut Vec<Finding>,
) {
    let grants: Vec<Desired> = missing_grants(changes).into_iter().cloned().collect();
    let absent = missing(changes).filter(|desired| !stands(desired));
    let callable = absent.chain(unfinished(changes)).filter(|desired| desired.kind.is_callable());
    let callable: Vec<Desired> = callable.cloned().collect();
    let unfinished: Vec<Desired> = unfinished(changes).cloned().collect();
    if grants.is_empty() && callable.is_empty() {
        return;
    }
    for change in changes {
        let Change::Update { desired, live, fields, adopt } = change else { continue };
        let Some(late) = fields.iter().find(|changed| waits(desired, changed)) else { continue };
        // A grant on something in the account counts too.
        let grant = grants.iter().find(|grant| grant.scope.may_overlap(&desired.id));
        let model = || callable.iter().find(|model| desired.id.contains(&model.id));
        let (every, waited, not, mend) = match (grant, model()) {
            (Some(grant), _) => ("role assignment", grant, "cannot be resolved or made", "mend"),
            (None, Some(model)) => {
                let unfinished = unfinished.iter().any(|each| each.key == model.key);
                let not = if unfinished { "is not finished" } else { "cannot be read or made" };
                ("deployment of the account", model, not, "make readable or mend")
            }
            (None, None) => continue,
        };
        let field = late.path.join(".");
        let why = format!("`{field}` waits for every declared {every}, and {} {not}", waited.title);
        let noun = waited.kind.noun();
        findings.push(
            Finding::error(Code::Waiting, format!("{}: {why}", desired.title))
                .at(late.span.unwrap_or(desired.span))
                .hint(format!("{mend} the {noun} first; whatever else differs is written all the same")),
        );
        let (desired, all) = (desired.clone(), std::mem::take(fields));
        if all.iter().all(|changed| waits(&desired, changed)) {
            *change = if *adopt {
                Change::Adopt { desired, live: live.clone() }
            } else {
                Change::Refused { desired, found: Found::This(Box::new(live.clone())), fields: all, why }
            };
        } else {
            *fields = all.into_iter().filter(|changed| !waits(&desired, changed)).collect();
        }
    }
}

/// The grants which specs declare and this plan cannot make, in an order that does not follow from that of the specs.
#[must_use]
pub fn missing_grants(changes: &[Change]) -> Vec<&Desired> {
    let mut grants: Vec<&Desired> = missing(changes).filter(|desired| desired.kind.is_grant()).collect();
    grants.sort_by(|one, other| (&one.title, &one.scope).cmp(&(&other.title, &other.scope)));
    grants
}

/// What specs declare and this plan cannot read, make or change.
pub fn missing(changes: &[Change]) -> impl Iterator<Item = &Desired> {
    changes.iter().filter_map(|change| match change {
        Change::Refused { desired, .. } | Change::Unknown { desired, .. } => Some(desired),
        _ => None,
    })
}

/// What specs declare and is there, and Azure has not finished, or not brought to its end.
pub fn unfinished(changes: &[Change]) -> impl Iterator<Item = &Desired> {
    changes.iter().filter_map(|change| match change {
        Change::NoOp { desired, live }
        | Change::Adopt { desired, live }
        | Change::Update { desired, live, .. } => kinds::unsettled(desired, &live.body).map(|_| desired),
        _ => None,
    })
}

fn waits(desired: &Desired, changed: &FieldChange) -> bool {
    field(desired.kind, &changed.path).is_some_and(|field| field.change == Mutability::AfterGrants)
        && changed.after == true
}
