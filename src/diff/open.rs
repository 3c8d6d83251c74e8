//! Declared things of which it is not known what they are, or that turned out to be the same: never written, never "no changes".
//!
//! Pure.

use super::Change;
use crate::desired::{Desired, Open};
use crate::finding::{Code, Finding};
use crate::snapshot::Refusal;
use crate::source::Span;

/// A declared resource that names something which could not be made out.
pub(super) fn unresolved(desired: Desired, open: Open, findings: &mut Vec<Finding>) -> Change {
    match open {
        Open::Unknown(finding) => {
            let refusal = Refusal { message: finding.message.clone(), hint: finding.hint.clone() };
            findings.push(*finding);
            Change::Unknown { desired, refusal }
        }
        Open::Refused(finding) => {
            let why = finding.message.clone();
            findings.push(*finding);
            Change::Refused { desired, fields: Vec::new(), why }
        }
    }
}

/// Two names that turned out to mean the same.
pub(super) fn double(desired: Desired, first: Span, findings: &mut Vec<Finding>) -> Change {
    let why = format!("{} is declared twice, under two names", desired.title);
    findings.push(
        Finding::error(Code::Duplicate, why.clone())
            .at(desired.span)
            .related(first, "first declared here")
            .hint("remove one of the two"),
    );
    Change::Refused { desired, fields: Vec::new(), why }
}
