//! Changes that wait until every declared grant, and every declared deployment of the account, exists: keys are disabled only once clients
//! can use tokens.

use super::{Change, LiveMatch, field};
use crate::finding::{Code, Finding};
use crate::kinds::desired::Desired;
use crate::kinds::{self, FieldChange, Mutability};

/// Removes from updates what waits for a declared grant or deployment that this plan cannot create: otherwise its users would lose access.
/// The rest is written, since a grant may need it.
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
            (Some(grant), _) => ("role assignment", grant, "cannot be resolved or created", "fix"),
            (None, Some(model)) => {
                let unfinished = unfinished.iter().any(|each| each.key == model.key);
                let not = if unfinished { "is not finished" } else { "cannot be read or created" };
                ("deployment of the account", model, not, "fix access to or repair")
            }
            (None, None) => continue,
        };
        let field = late.path.join(".");
        let why = format!("`{field}` waits for every declared {every}, and {} {not}", waited.title);
        let noun = waited.kind.noun();
        findings.push(
            Finding::error(Code::Waiting, format!("{}: {why}", desired.title))
                .at(late.span.unwrap_or(desired.span))
                .hint(format!("{mend} the {noun} first; other differences are written now")),
        );
        let (desired, all) = (desired.clone(), std::mem::take(fields));
        if all.iter().all(|changed| waits(&desired, changed)) {
            *change = if *adopt {
                Change::Adopt { desired, live: live.clone() }
            } else {
                Change::Refused { desired, found: LiveMatch::This(Box::new(live.clone())), fields: all, why }
            };
        } else {
            *fields = all.into_iter().filter(|changed| !waits(&desired, changed)).collect();
        }
    }
}

/// The declared grants that this plan cannot create, in an order independent of the specs.
#[must_use]
pub fn missing_grants(changes: &[Change]) -> Vec<&Desired> {
    let mut grants: Vec<&Desired> = missing(changes).filter(|desired| desired.kind.is_grant()).collect();
    grants.sort_by(|one, other| (&one.title, &one.scope).cmp(&(&other.title, &other.scope)));
    grants
}

/// The declared resources that this plan cannot read, create or change.
pub fn missing(changes: &[Change]) -> impl Iterator<Item = &Desired> {
    changes.iter().filter_map(|change| match change {
        Change::Refused { desired, .. } | Change::Unknown { desired, .. } => Some(desired),
        _ => None,
    })
}

/// The declared resources that exist but that Azure has not finished or failed to complete.
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
