//! Assignments that Privileged Identity Management created temporarily: an activated one looks like any other in the list.
//!
//! Pure. Schedules are queried only if an assignment would satisfy a declaration, be adopted, be drift or be deleted, or if two are the
//! same; not if its name shows that it is permanent ([`is_named_by_keyless`]). Marks do not count. A declared assignment whose schedule
//! cannot be read counts as permanent, with a note; an undeclared one is then neither drift nor in order. One that is listed after its end
//! cannot be relied on: if declared, it counts as absent, and Azure's answer to the PUT decides.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::schedules::{self, Doubt};
use super::{RoleAssignments, is_named_by_keyless};
use crate::body::AssignmentBody;
use crate::document::{Plan, StepAction};
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::desired::Desired;
use crate::kinds::{Called, Comparing as _, End, Live, Passing, Survey, Wording as _};
use crate::principals;
use crate::rbac::Term;
use crate::snapshot::{Query, Refusal, Snapshot};

/// Azure may list an assignment for a while after its end.
const LAG: SignedDuration = SignedDuration::from_hours(24);

/// Live assignments that are declared, with their declarations.
fn meant<'v>(survey: &'v Survey<'_>, counts: impl Fn(&Live) -> bool) -> Vec<(&'v Live, &'v Desired)> {
    let live = survey.inventory(&RoleAssignments);
    if !live.items.values().any(&counts) {
        return Vec::new();
    }
    let declared = survey.desired().iter().filter(|desired| desired.open.is_none());
    declared
        .filter_map(|desired| Some((live.items.get(&desired.key).filter(|live| counts(live))?, desired)))
        .collect()
}

/// Whether a live assignment may be temporary, judged by its name. The name depends on how the scope is spelled, which may differ between
/// the spec and Azure.
fn is_doubtful(live: &Live, desired: &Desired) -> bool {
    !lasts(live) && live.id != desired.id
}

/// Whether a live assignment's name shows that it is permanent.
pub(super) fn lasts(live: &Live) -> bool {
    is_named_by_keyless(&live.id, AssignmentBody::of(&live.body))
}

/// The queries, including those for assignments that may be drift.
pub(super) fn queries(survey: &Survey<'_>, doubtful: &[&Live]) -> Vec<Query> {
    let declared = meant(survey, |live| !lasts(live)).into_iter();
    let declared = declared.filter(|(live, desired)| live.id != desired.id).map(|(live, _)| live);
    let twins = survey.inventory(&RoleAssignments).twins.values();
    let asked = declared.chain(doubtful.iter().copied()).chain(twins);
    schedules::open(asked.map(doubt), survey.snapshot)
}

fn doubt(live: &Live) -> Doubt {
    Doubt { at: live.scope.clone(), assignment: live.id.clone() }
}

fn end(term: &Term, now: Option<Timestamp>) -> End {
    match (term.end(), now) {
        (None, _) => End::Unknown,
        (Some(end), Some(now)) if end <= now => {
            let is_long_past = now.checked_sub(LAG).is_ok_and(|then| end < then);
            if is_long_past { End::LongPast } else { End::Past }
        }
        (Some(_), _) => End::Ahead,
    }
}

pub(super) fn passing(live: &Live, snapshot: &Snapshot) -> Option<Passing> {
    let term = snapshot.terms().ending(&live.id).filter(|term| !term.is_contradicted())?;
    let passing = Passing {
        until: term.until().unwrap_or("an unknown time").to_owned(),
        is_activated: term.is_activated(),
        end: end(term, snapshot.now),
    };
    // An assignment with an end counts until then.
    (passing.is_activated || passing.has_ended()).then_some(passing)
}

/// Why the end of an activated assignment is not known.
pub(super) fn endless(live: &Live, snapshot: &Snapshot) -> Option<Refusal> {
    passing(live, snapshot).filter(|passing| passing.is_activated && passing.end == End::Unknown)?;
    let message =
        format!("`roleAssignmentScheduleInstances` shows {} as activated but without an end time", live.id);
    let hint = "check in the portal, under Privileged Identity Management, whether it ends; if not, declare it, delete it, or list it under `expected`";
    Some(Refusal { message, hint: Some(hint.to_owned()) })
}

/// Why it is not known whether a live assignment is temporary.
pub(super) fn unread(live: &Live, snapshot: &Snapshot) -> Option<Refusal> {
    doubt(live).unread(snapshot)
}

/// The same if Azure contradicts itself.
pub(super) fn contradiction(live: &Live, snapshot: &Snapshot) -> Option<Refusal> {
    snapshot.terms().get(&live.id).filter(|term| term.is_contradicted()).and_then(|_| unread(live, snapshot))
}

/// Live assignments that a plan deletes, with their changes, unless their names show that they are permanent.
pub(crate) fn going(plan: &Plan, snapshot: &Snapshot) -> Vec<(usize, Live)> {
    let deletes = plan.steps.iter().filter(|step| step.action == StepAction::Delete);
    let named = deletes.filter_map(|step| Some((step.change, ResourceId::parse(&step.target).ok()?)));
    let mut found = Vec::new();
    for (change, id) in named {
        let Some(body) = snapshot.resource(&id) else { continue };
        let Some((scope, key)) = super::identity(body) else { continue };
        let live = Live { kind: &RoleAssignments, key, scope, id, body: body.clone() };
        if !lasts(&live) {
            found.push((change, live));
        }
    }
    found
}

/// The queries about what a saved plan deletes.
pub(crate) fn review(plan: &Plan, snapshot: &Snapshot) -> Vec<Query> {
    let going = going(plan, snapshot);
    schedules::open(going.iter().map(|(_, live)| doubt(live)), snapshot)
}

/// Findings about undeclared assignments that would be deleted but may be temporary.
fn unasked(survey: &Survey<'_>) -> Vec<Finding> {
    let Survey { stacks, snapshot, .. } = *survey;
    let names = principals::known_names(stacks, snapshot);
    let called = Called { roles: snapshot.roles(), names: &names };
    let mut findings = Vec::new();
    for each in super::undeclared::leaving(survey) {
        let Some(refusal) = unread(each, snapshot) else { continue };
        let mark = RoleAssignments.mark(&each.body);
        let owner = stacks.iter().find(|loaded| mark.as_ref() == Some(&loaded.spec.stack));
        let Some(owner) = owner else { continue };
        let message = format!(
            "could not determine whether {}, which is no longer declared, is temporary",
            RoleAssignments.title(&each.body, &called)
        );
        let finding = if contradiction(each, snapshot).is_some() {
            Finding::warning(Code::NotChecked, message)
        } else {
            Finding::note(Code::NotChecked, message)
        };
        findings.push(finding.at(owner.document.value_span("/stack")).cause(&refusal.message));
    }
    findings
}

pub(super) fn remarks(survey: &Survey<'_>) -> Vec<Finding> {
    let Survey { stacks, snapshot, .. } = *survey;
    let mut findings = unasked(survey);
    let names = principals::known_names(stacks, snapshot);
    let called = Called { roles: snapshot.roles(), names: &names };
    let terms = snapshot.terms();
    let counts = |live: &Live| !lasts(live) || terms.ending(&live.id).is_some();
    let mut seen: BTreeSet<&ResourceId> = BTreeSet::new();
    for (live, desired) in meant(survey, counts) {
        let title = || RoleAssignments.title(&live.body, &called);
        let ending = terms.ending(&live.id);
        if let Some(refusal) =
            unread(live, snapshot).filter(|_| is_doubtful(live, desired) || ending.is_some())
        {
            let message = format!("could not determine whether {} is temporary", title());
            // If Azure contradicts itself, "no changes" alone would mislead.
            let finding = if contradiction(live, snapshot).is_some() {
                Finding::warning(Code::NotChecked, message)
            } else {
                Finding::note(Code::NotChecked, message)
            };
            findings.push(finding.at(desired.span).cause(&refusal.message));
            continue;
        }
        let stands_in = passing(live, snapshot).is_none() || live.id == desired.id;
        if let Some(term) = ending.filter(|_| stands_in && seen.insert(&live.id)) {
            findings.push(until(term, &title(), live, snapshot).at(desired.span));
        }
    }
    findings
}

/// The finding about a declared assignment that counts but is temporary.
fn until(term: &Term, title: &str, live: &Live, snapshot: &Snapshot) -> Finding {
    let end = term.until().unwrap_or("at an unknown time");
    if matches!(self::end(term, snapshot.now), End::Past | End::LongPast) {
        let message = format!(
            "{title} ended {end} in Privileged Identity Management, but Azure still lists it ({})",
            live.id
        );
        let hint = "retry once Azure has removed it: the plan then creates a permanent one";
        return Finding::warning(Code::TemporaryAssignment, message).hint(hint);
    }
    let how = if term.is_activated() { "activated it" } else { "assigned it" };
    let message =
        format!("{title} is temporary and ends {end}: somebody {how} through Privileged Identity Management");
    let hint = "it counts until then; a plan after that creates a permanent one";
    Finding::note(Code::TemporaryAssignment, message).hint(hint)
}
