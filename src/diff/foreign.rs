//! What carries another stack's mark than the one that declares it.
//!
//! Pure.

use crate::finding::{Code, Finding};
use crate::kinds::desired::Desired;
use crate::kinds::{Live, MARK};

/// Why a declared resource that is there, or what is left of it, is another stack's, if so.
pub(super) fn foreign(desired: &Desired, live: &Live, findings: &mut Vec<Finding>) -> Option<String> {
    let mark = desired.kind.mark(&live.body);
    let owner = mark.filter(|owner| *owner != desired.stack)?;
    let why = format!("{} carries the mark of stack `{owner}`", desired.title);
    let hint = if live.id != desired.id && !desired.kind.is_grant() {
        format!(
            "stack `{owner}` had it until it was deleted: have that stack bring it back, or purge it by hand"
        )
    } else {
        let mark = if desired.kind.is_grant() {
            format!("`[keyless:{owner}]` off the end of its description")
        } else {
            format!("the tag `{MARK}` off")
        };
        format!(
            "declare it in one stack only. To move it here: take {mark} by hand, move the lines here, and apply this stack with \
             `adopt: true`. The mark goes first: while it stands, `{owner}` deletes what its spec no longer declares"
        )
    };
    findings.push(Finding::error(Code::ForeignMark, why.clone()).at(desired.span).hint(hint));
    Some(why)
}
