//! What carries another stack's mark than the one that declares it.
//!
//! Pure.

use crate::desired::Desired;
use crate::finding::{Code, Finding};
use crate::kinds::Live;

/// Why a declared resource that is there, or what is left of it, is another stack's, if so.
pub(super) fn foreign(desired: &Desired, live: &Live, findings: &mut Vec<Finding>) -> Option<String> {
    let mark = desired.kind.mark(&live.body);
    let owner = mark.filter(|owner| *owner != desired.stack)?;
    let why = format!("{} carries the mark of stack `{owner}`", desired.title);
    findings.push(Finding::error(Code::ForeignMark, why.clone()).at(desired.span).hint(format!(
        "declare it in one stack only: remove it here, or from `{owner}` and take the mark off"
    )));
    Some(why)
}
