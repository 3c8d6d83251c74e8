//! Changes that wait until every declared grant, and every declared deployment of the account, exists: keys are disabled only once clients
//! can use tokens.

use super::{Change, LiveMatch, field};
use crate::finding::{Code, Finding};
use crate::kinds::desired::Desired;
use crate::kinds::{self, FieldChange, Live, Mutability};
use crate::snapshot::Snapshot;
use crate::spec::{Loaded, unselected};

/// The grants on what waits for grants that stacks beside the run declare and that do not exist: this run does not create them.
pub(super) fn missing_beside(
    changes: &[Change],
    beside: &[Desired],
    stacks: &[Loaded],
    snapshot: &Snapshot,
) -> Vec<Desired> {
    let waiting: Vec<&Desired> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Update { desired, fields, .. } if fields.iter().any(|field| waits(desired, field)) => {
                Some(desired)
            }
            _ => None,
        })
        .collect();
    let is_near = |grant: &&Desired| waiting.iter().any(|desired| grant.scope.may_overlap(&desired.id));
    let mut missing: Vec<&Desired> =
        beside.iter().filter(|each| each.kind.granting().is_some()).filter(is_near).collect();
    let Some(first) = missing.first() else { return Vec::new() };
    // The scopes that those stacks declare are not all watched for the stacks of the run.
    let all = [stacks, unselected(stacks)].concat();
    let live = first.kind.inventory(&all, snapshot).items;
    let stands = |grant: &Desired| {
        let is_lasting = |live: &Live| live.passing(snapshot).is_none() || live.id == grant.id;
        grant.open.is_none() && live.get(&grant.key).is_some_and(is_lasting)
    };
    missing.retain(|grant| !stands(grant));
    missing.sort_by(|one, other| (&one.title, &one.scope).cmp(&(&other.title, &other.scope)));
    missing.into_iter().cloned().collect()
}

/// Removes from updates what waits for a declared grant or deployment that this plan cannot create: otherwise its users would lose access.
/// The rest is written, since a grant may need it. `beside` are grants of stacks that are not selected in this run.
pub(super) fn hold_back(
    changes: &mut [Change],
    beside: &[Desired],
    stands: impl Fn(&Desired) -> bool,
    findings: &mut Vec<Finding>,
) {
    let grants: Vec<Desired> = missing_grants(changes).into_iter().cloned().collect();
    let absent = missing(changes).filter(|desired| !stands(desired));
    let callable = absent.chain(unfinished(changes)).filter(|desired| desired.kind.is_callable());
    let callable: Vec<Desired> = callable.cloned().collect();
    let unfinished: Vec<Desired> = unfinished(changes).cloned().collect();
    if grants.is_empty() && beside.is_empty() && callable.is_empty() {
        return;
    }
    for change in changes {
        let Change::Update { desired, live, fields, adopt } = change else { continue };
        let Some(late) = fields.iter().find(|changed| waits(desired, changed)) else { continue };
        // A grant on something in the account counts too.
        let grant = grants.iter().find(|grant| grant.scope.may_overlap(&desired.id));
        let elsewhere = || beside.iter().find(|grant| grant.scope.may_overlap(&desired.id));
        let model = || callable.iter().find(|model| desired.id.contains(&model.id));
        let (every, waited, not, mend) = if let Some(grant) = grant {
            (
                "role assignment",
                grant,
                "cannot be resolved or created".to_owned(),
                "fix the role assignment".to_owned(),
            )
        } else if let Some(grant) = elsewhere() {
            let stack = &grant.stack;
            // Not known of an unknown principal.
            let state = if grant.open.is_some() { "cannot be resolved" } else { "does not exist yet" };
            let not = format!("of stack `{stack}`, which is not selected in this run, {state}");
            ("role assignment", grant, not, format!("apply stack `{stack}`, or select it too"))
        } else if let Some(model) = model() {
            let unfinished = unfinished.iter().any(|each| each.key == model.key);
            let not = if unfinished { "is not finished" } else { "cannot be read or created" };
            let mend = format!("fix access to or repair the {}", model.kind.noun());
            ("deployment of the account", model, not.to_owned(), mend)
        } else {
            continue;
        };
        let field = late.path.join(".");
        let why = format!("`{field}` waits for every declared {every}, and {} {not}", waited.title);
        findings.push(
            Finding::error(Code::Waiting, format!("{}: {why}", desired.title))
                .at(late.span.unwrap_or(desired.span))
                .hint(format!("{mend} first; other differences are written now")),
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
