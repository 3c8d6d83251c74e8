//! Declared resources that carry another stack's mark.
//!
//! Pure.

use crate::finding::{Code, Finding};
use crate::kinds::Live;
use crate::kinds::desired::Desired;

/// Why a declared resource that exists, live or soft-deleted, belongs to another stack, if so.
pub(super) fn foreign(desired: &Desired, live: &Live, findings: &mut Vec<Finding>) -> Option<String> {
    let mark = desired.kind.mark(&live.body);
    let owner = mark.filter(|owner| *owner != desired.stack)?;
    let why = format!("{} carries the mark of stack `{owner}`", desired.title);
    let hint = if live.id != desired.id && !desired.kind.is_grant() {
        format!(
            "it belonged to stack `{owner}` until it was deleted: restore it with that stack, or purge it by hand"
        )
    } else if let Some(mark) = desired.kind.mark_place(&owner) {
        format!(
            "declare it in one stack only. To move it here: remove {mark} by hand, move the lines here, and apply this stack with \
             `adopt: true`. The mark goes first: while it stands, `{owner}` deletes what its spec no longer declares"
        )
    } else {
        format!(
            "its name says that stack `{owner}` made it. To move it here: apply the spec of `{owner}` alone, without it, which revokes it, and then this stack"
        )
    };
    findings.push(Finding::error(Code::ForeignMark, why.clone()).at(desired.span).hint(hint));
    Some(why)
}
