//! Temporary resources, or ones that should have ended: findings about declared ones, and why undeclared ones are left alone.
//!
//! Pure.

use super::strangers::Stays;
use crate::document::Plan;
use crate::finding::{Code, Finding};
use crate::kinds::desired::Desired;
use crate::kinds::{End, Live, Passing, role_assignment};
use crate::snapshot::Snapshot;

/// A finding about a declared resource that is only temporary or should have ended.
pub(super) fn finding(wanted: &Desired, live: &Live, passing: &Passing) -> Finding {
    if passing.has_ended() {
        let message = format!(
            "{} ended {} in Privileged Identity Management, but Azure still lists it ({}): it may or may not exist",
            wanted.title, passing.until, live.id
        );
        let hint = format!(
            "keyless creates the declared one; if Azure refuses because this one still exists, wait a few minutes, or delete it: az role assignment delete --ids {}",
            live.id
        );
        return Finding::warning(Code::TemporaryAssignment, message).at(wanted.span).hint(hint);
    }
    let message = format!(
        "{} is temporary, until {}: somebody activated it through Privileged Identity Management",
        wanted.title, passing.until
    );
    Finding::note(Code::TemporaryAssignment, message).at(wanted.span).hint(
        "keyless creates the declared one next to it; if Azure refuses that, apply again once it has ended",
    )
}

/// Why a resource that is or may be temporary is not deleted.
fn for_a_while(live: &Live, snapshot: &Snapshot) -> Option<String> {
    let runs = |passing: Passing| passing.is_activated && passing.end != End::LongPast;
    if live.passing(snapshot).is_some_and(runs) {
        return Some("it is temporary".to_owned());
    }
    let may = live.contradiction(snapshot).is_some();
    may.then(|| "it may be temporary: Azure contradicts itself".to_owned())
}

/// Deletes of a saved plan that a new plan would not make, with the reason.
pub(crate) fn spared_by_now(plan: &Plan, snapshot: &Snapshot) -> Vec<(usize, String)> {
    let going = role_assignment::going(plan, snapshot).into_iter();
    going.filter_map(|(change, live)| Some((change, for_a_while(&live, snapshot)?))).collect()
}

/// Why an undeclared resource is not deleted, whatever its mark: `meant` is the live resource that the declaration refers to.
pub(super) fn spared(live: &Live, meant: Option<&Live>, snapshot: &Snapshot) -> Option<(Stays, String)> {
    if let Some(why) = for_a_while(live, snapshot) {
        return Some((Stays::Passing, why));
    }
    let why = |meant: &Live| format!("the declared one is `{}`, and this one duplicates it", meant.id);
    meant.map(|meant| (Stays::Twin, why(meant)))
}
