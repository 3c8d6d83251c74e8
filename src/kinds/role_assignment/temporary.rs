//! Assignments that Privileged Identity Management made for a while: an activated one looks like any other in the list.
//!
//! Pure. Asked only where an assignment would satisfy a declaration or be adopted, would be drift or would go, and where two are the same;
//! not about those of which the name tells that they last ([`is_named_by_keyless`]). What a mark says does not count. What is declared and
//! may not be asked about counts as it stands, and a note says so; what is not declared is neither drift nor in order then. What has ended by
//! its own time and is listed all the same is nothing to go by: where it is declared it counts as not there, and Azure's answer to the PUT
//! tells.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::schedules::{self, Doubt};
use super::{RoleAssignments, declared, is_named_by_keyless};
use crate::document::{Plan, StepAction};
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::desired::Desired;
use crate::kinds::{Called, End, Inventory, Kind as _, Live, Passing};
use crate::principals;
use crate::rbac::Term;
use crate::snapshot::{Query, Refusal, Snapshot};
use crate::spec::Loaded;

/// What Azure takes away at its end may be in its lists for a while yet.
const LAG: SignedDuration = SignedDuration::from_hours(24);

/// Live assignments that are declared, with their declarations.
fn meant<'a>(
    stacks: &[Loaded],
    live: &'a Inventory,
    snapshot: &Snapshot,
    counts: impl Fn(&Live) -> bool,
) -> Vec<(&'a Live, Desired)> {
    if !live.items.values().any(&counts) {
        return Vec::new();
    }
    let declared = stacks.iter().flat_map(|loaded| declared::desired(loaded, snapshot));
    let declared = declared.filter(|desired| desired.open.is_none());
    declared
        .filter_map(|desired| Some((live.items.get(&desired.key).filter(|live| counts(live))?, desired)))
        .collect()
}

/// Whether a live assignment may end by itself for all that its name tells. The spec may spell its scope otherwise than Azure shows it, and
/// the name is made of it.
fn is_doubtful(live: &Live, desired: &Desired) -> bool {
    !lasts(live) && live.id != desired.id
}

/// Whether a live assignment lasts as far as its name tells.
pub(super) fn lasts(live: &Live) -> bool {
    is_named_by_keyless(&live.id, &live.body)
}

/// What has to be asked, also about those of which it is doubtful whether they are drift.
pub(super) fn queries(
    stacks: &[Loaded],
    live: &Inventory,
    doubtful: &[&Live],
    snapshot: &Snapshot,
) -> Vec<Query> {
    let declared = meant(stacks, live, snapshot, |live| !lasts(live)).into_iter();
    let declared = declared.filter(|(live, desired)| is_doubtful(live, desired)).map(|(live, _)| live);
    let asked = declared.chain(doubtful.iter().copied()).chain(live.twins.values());
    schedules::open(asked.map(doubt), snapshot)
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
    // What somebody gave until some day counts until then.
    (passing.is_activated || passing.has_ended()).then_some(passing)
}

/// Why it is not known when an activated assignment ends, though it says that it does.
pub(super) fn endless(live: &Live, snapshot: &Snapshot) -> Option<Refusal> {
    passing(live, snapshot).filter(|passing| passing.is_activated && passing.end == End::Unknown)?;
    let message = format!(
        "`roleAssignmentScheduleInstances` shows {} as activated for a while, and no time at which it ends",
        live.id
    );
    let hint = "look in the portal, under Privileged Identity Management, whether it ends; if not, declare it, delete it, or name it under `expected` for a while";
    Some(Refusal { message, hint: Some(hint.to_owned()) })
}

/// Why it is not known whether a live assignment is there for a while only.
pub(super) fn unread(live: &Live, snapshot: &Snapshot) -> Option<Refusal> {
    doubt(live).unread(snapshot)
}

/// The same where Azure says two things of it.
pub(super) fn contradiction(live: &Live, snapshot: &Snapshot) -> Option<Refusal> {
    snapshot.terms().get(&live.id).filter(|term| term.is_contradicted()).and_then(|_| unread(live, snapshot))
}

/// Live assignments that a plan deletes, each with its change, as far as their names do not tell that they last.
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

/// What has to be asked about what a saved plan deletes.
pub(crate) fn review(plan: &Plan, snapshot: &Snapshot) -> Vec<Query> {
    let going = going(plan, snapshot);
    schedules::open(going.iter().map(|(_, live)| doubt(live)), snapshot)
}

/// What is no longer declared and would go, though it is not known whether it is there for a while only.
fn unasked(stacks: &[Loaded], live: &Inventory, snapshot: &Snapshot) -> Vec<Finding> {
    let names = principals::known_names(stacks, snapshot);
    let called = Called { roles: snapshot.roles(), names: &names };
    let mut findings = Vec::new();
    for each in super::undeclared::leaving(stacks, live, snapshot) {
        let Some(refusal) = unread(each, snapshot) else { continue };
        let mark = RoleAssignments.mark(&each.body);
        let owner = stacks.iter().find(|loaded| mark.as_ref() == Some(&loaded.spec.stack));
        let Some(owner) = owner else { continue };
        let message = format!(
            "whether {}, which is no longer declared, is there for a while only is not known",
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

pub(super) fn remarks(stacks: &[Loaded], live: &Inventory, snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = unasked(stacks, live, snapshot);
    let names = principals::known_names(stacks, snapshot);
    let called = Called { roles: snapshot.roles(), names: &names };
    let terms = snapshot.terms();
    let counts = |live: &Live| !lasts(live) || terms.ending(&live.id).is_some();
    let mut told: BTreeSet<&ResourceId> = BTreeSet::new();
    for (live, desired) in meant(stacks, live, snapshot, counts) {
        let title = || RoleAssignments.title(&live.body, &called);
        let ending = terms.ending(&live.id);
        if let Some(refusal) =
            unread(live, snapshot).filter(|_| is_doubtful(live, &desired) || ending.is_some())
        {
            let message = format!("whether {} is there for a while only is not known", title());
            // Of what Azure says two things nobody must read "no changes" and nothing else.
            let finding = if contradiction(live, snapshot).is_some() {
                Finding::warning(Code::NotChecked, message)
            } else {
                Finding::note(Code::NotChecked, message)
            };
            findings.push(finding.at(desired.span).cause(&refusal.message));
            continue;
        }
        let stands_in = passing(live, snapshot).is_none() || live.id == desired.id;
        if let Some(term) = ending.filter(|_| stands_in && told.insert(&live.id)) {
            findings.push(until(term, &title(), live, snapshot).at(desired.span));
        }
    }
    findings
}

/// What to know of a declared one that counts and ends by itself.
fn until(term: &Term, title: &str, live: &Live, snapshot: &Snapshot) -> Finding {
    let end = term.until().unwrap_or("at an unknown time");
    if matches!(self::end(term, snapshot.now), End::Past | End::LongPast) {
        let message = format!(
            "{title} ended {end} by Privileged Identity Management, and Azure lists it all the same ({})",
            live.id
        );
        let hint = "run it again: once Azure has taken it away, the plan makes one that lasts";
        return Finding::warning(Code::TemporaryAssignment, message).hint(hint);
    }
    let how = if term.is_activated() { "activated it" } else { "made it" };
    let message = format!("{title} ends {end}: somebody {how} for a while");
    let hint = "it counts until then; the plan after that makes one that lasts";
    Finding::note(Code::TemporaryAssignment, message).hint(hint)
}
