//! `--allow` flags that matched nothing: a mistyped address must not look like a guard that passed.
//!
//! Pure. A rule without an address is a standing permission and gets no warning when unused.

use super::{Allow, Refusal};
use crate::document::FindingEntry;
use crate::finding::{Code, Severity};

/// How many flags for other addresses are listed.
const SHOWN: usize = 3;

/// A warning for each addressed flag that matched no refusal.
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
        (format!("guard `{rule}` refuses nothing in this plan"), "remove the flag".to_owned())
    } else {
        let more = if flags.len() > SHOWN { ", …" } else { "" };
        let listed = flags.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        (
            format!("guard `{rule}` refuses nothing at that address"),
            format!("to allow what it does refuse: {listed}{more}"),
        )
    };
    FindingEntry {
        hint: Some(hint),
        ..FindingEntry::of(Severity::Warning, Code::UnusedAllow, format!("`{allow}` has no effect: {why}"))
    }
}
