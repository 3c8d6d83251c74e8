//! What keyless asks Azure: the queries of all kinds, until none is left.

mod survey;

pub use survey::Survey;

use super::account::{self, Accounts};
use super::{KINDS, Kind, Reading as _, by_name, late, nearby, perhaps_in, placed, unplaced};
use crate::document::{Plan, Step, StepAction};
use crate::id::ResourceId;
use crate::snapshot::{Answer, Query, Refusal, Snapshot};

/// The open queries: first those that show the state, then those that follow from it.
#[must_use]
pub fn missing(survey: &Survey<'_>) -> Vec<Query> {
    if survey.is_settled() {
        open(survey.snapshot, |kind| kind.follow_ups(survey))
    } else {
        survey.open().to_vec()
    }
}

/// What kinds ask and a snapshot does not answer.
fn open(snapshot: &Snapshot, ask: impl Fn(&'static dyn Kind) -> Vec<Query>) -> Vec<Query> {
    let asked = KINDS.iter().flat_map(|kind| ask(*kind));
    let mut open: Vec<Query> = asked.filter(|query| snapshot.get(query).is_none()).collect();
    open.sort();
    open.dedup();
    open
}

/// The queries for the state around a plan's steps and for what its deletes rely on, to judge the plan again later.
#[must_use]
pub fn review(plan: &Plan) -> Vec<Query> {
    let targets = plan.steps.iter().map(|step| &step.target);
    let relied_on = plan.relied_on().map(|change| &change.id);
    let targets: Vec<ResourceId> =
        targets.chain(relied_on).filter_map(|id| ResourceId::parse(id).ok()).collect();
    let mut queries: Vec<Query> = KINDS.iter().flat_map(|kind| kind.around(&targets)).collect();
    // A soft-deleted account still shows who owned it and what it allowed.
    let deleted = |step: &&Step| matches!(step.action, StepAction::Restore | StepAction::Purge);
    queries.extend(late::now::queries(plan));
    queries
        .extend(plan.steps.iter().filter(deleted).filter_map(|step| account::remains::around(&step.target)));
    queries.sort();
    queries.dedup();
    queries
}

/// The queries that follow from [`review`]: where the secrets of new connections may be sent today.
#[must_use]
pub fn review_secrets(plan: &Plan, snapshot: &Snapshot) -> Vec<Query> {
    let mut queries = nearby::around(plan, snapshot);
    queries.sort();
    queries.dedup();
    queries
}

/// Why the state that a step starts from is not known, if so, according to [`review`]. Guards know about other unread lists.
#[must_use]
pub fn unread(step: &Step, snapshot: &Snapshot) -> Option<Refusal> {
    let target = ResourceId::parse(&step.target).ok()?;
    let kind = by_name(&step.kind)?;
    let mut queries = kind.around(std::slice::from_ref(&target));
    // A revoked assignment is gone whatever its scope was; anything else is written to something that must exist.
    if !(kind.is_grant() && step.action == StepAction::Delete)
        && let Some(account) = target.up_to("accounts")
    {
        queries.extend(Accounts.around(&[account]));
    }
    if matches!(step.action, StepAction::Restore | StepAction::Purge) {
        queries.extend(account::remains::around(&step.target));
    }
    queries.iter().find_map(|query| {
        let unplaced = || {
            let mut items = snapshot.items(query).filter(|body| placed(body).is_none());
            let meant = items.find(|body| perhaps_in(body, [&target]).next().is_some());
            meant.map(|body| unplaced(query, body))
        };
        snapshot.get(query).and_then(Answer::refusal).cloned().or_else(unplaced)
    })
}
