//! What is there for a while only, or should have ended: what to say of it where it is declared, and why it is left alone where it is not.
//!
//! Pure.

use super::strangers::Stays;
use crate::document::Plan;
use crate::finding::{Code, Finding};
use crate::kinds::desired::Desired;
use crate::kinds::{End, Live, Passing, role_assignment};
use crate::snapshot::Snapshot;

/// What is declared to last and is there for a while only, or should have ended.
pub(super) fn told(wanted: &Desired, live: &Live, passing: &Passing) -> Finding {
    if passing.has_ended() {
        let message = format!(
            "{} ended {} by Privileged Identity Management, and Azure lists it all the same ({}): whether it is there is not known",
            wanted.title, passing.until, live.id
        );
        let hint = format!(
            "the declared one is made; should Azure refuse that because this one still stands, wait some minutes, or delete it: az role assignment delete --ids {}",
            live.id
        );
        return Finding::warning(Code::TemporaryAssignment, message).at(wanted.span).hint(hint);
    }
    let message = format!(
        "{} is there until {} only: somebody activated it through Privileged Identity Management",
        wanted.title, passing.until
    );
    Finding::note(Code::TemporaryAssignment, message)
        .at(wanted.span)
        .hint("the declared one is made beside it; should Azure refuse that, apply again once it has ended")
}

/// Why something is not deleted that ends by itself, or may.
fn for_a_while(live: &Live, snapshot: &Snapshot) -> Option<String> {
    let runs = |passing: Passing| passing.is_activated && passing.end != End::LongPast;
    if live.kind.passing(live, snapshot).is_some_and(runs) {
        return Some("it is there for a while only".to_owned());
    }
    let may = live.kind.contradiction(live, snapshot).is_some();
    may.then(|| "it may be there for a while only: Azure says two things of it".to_owned())
}

/// What a saved plan deletes and a fresh one would leave alone, each change with why.
pub(crate) fn spared_by_now(plan: &Plan, snapshot: &Snapshot) -> Vec<(usize, String)> {
    let going = role_assignment::going(plan, snapshot).into_iter();
    going.filter_map(|(change, live)| Some((change, for_a_while(&live, snapshot)?))).collect()
}

/// Why something that no spec means is not deleted, whoever marked it: `meant` is what the declaration of the same means.
pub(super) fn spared(live: &Live, meant: Option<&Live>, snapshot: &Snapshot) -> Option<(Stays, String)> {
    if let Some(why) = for_a_while(live, snapshot) {
        return Some((Stays::Passing, why));
    }
    let why = |meant: &Live| format!("what is declared is `{}`, and this gives the same beside it", meant.id);
    meant.map(|meant| (Stays::Twin, why(meant)))
}
