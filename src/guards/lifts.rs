//! Lifts that lifted nothing: a mistyped address must not read like a guard that was passed.
//!
//! Pure. A rule without address is a standing permission, and silent where it is not needed.

use super::{Allow, Refusal};
use crate::document::FindingEntry;
use crate::finding::{Code, Severity};

/// How many flags of other addresses are named.
const SHOWN: usize = 3;

/// What there is to say of each lift with an address that met no refusal.
pub(super) fn idle(allowed: &[Allow], refusals: &[Refusal<'_>]) -> Vec<FindingEntry> {
    let idle = allowed.iter().filter(|allow| {
        allow.address.is_some() && !refusals.iter().any(|refusal| refusal.is_lifted_by(allow))
    });
    let mut findings: Vec<FindingEntry> = idle.map(|allow| finding(allow, refusals)).collect();
    findings.dedup();
    findings
}

fn finding(allow: &Allow, refusals: &[Refusal<'_>]) -> FindingEntry {
    let rule = allow.rule;
    let mut flags: Vec<String> = refusals
        .iter()
        .filter(|refusal| refusal.objection.rule == rule)
        .map(|refusal| format!("`{}`", refusal.flag()))
        .collect();
    flags.sort();
    flags.dedup();
    let (why, hint) = if flags.is_empty() {
        (format!("`{rule}` refuses nothing in this plan"), "leave it out".to_owned())
    } else {
        let more = if flags.len() > SHOWN { ", …" } else { "" };
        let listed = flags.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        (
            format!("`{rule}` refuses nothing at that address"),
            format!("what it refuses is lifted by {listed}{more}"),
        )
    };
    FindingEntry {
        hint: Some(hint),
        ..FindingEntry::of(Severity::Warning, Code::UnusedAllow, format!("`{allow}` lifted nothing: {why}"))
    }
}
