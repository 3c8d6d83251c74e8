//! `--allow` flags that matched nothing: a mistyped address must not look like a guard that passed.
//!
//! Pure. A rule without an address is a standing permission and gets no warning when unused.

use super::{Allow, GuardRefusal};
use crate::document::{Action, FindingEntry, Plan, PlannedChange};
use crate::finding::{Code, Severity};
use crate::id::ResourceId;

/// How many flags for other addresses are listed.
const SHOWN: usize = 3;

/// A warning for each addressed flag that matched no refusal.
pub(super) fn idle(allowed: &[Allow], refusals: &[GuardRefusal<'_>]) -> Vec<FindingEntry> {
    let idle = allowed.iter().filter(|allow| {
        allow.address.is_some() && !refusals.iter().any(|refusal| refusal.is_lifted_by(allow))
    });
    let mut findings: Vec<FindingEntry> = idle.map(|allow| finding(allow, refusals)).collect();
    findings.dedup();
    findings
}

/// The place in a spec that something had which goes, as far as its id says that and no other change of the plan could be meant by it. One
/// that named a group of its own is known by its id alone.
pub(super) fn former_address(plan: &Plan, change: Option<&PlannedChange>) -> Option<String> {
    let change = change.filter(|change| change.action == Action::Delete)?;
    let address = in_account(&change.id)?;
    let means = |other: &&PlannedChange| {
        other.address.eq_ignore_ascii_case(&address)
            || in_account(&other.id).is_some_and(|its| its.eq_ignore_ascii_case(&address))
    };
    let mut others = plan.changes.iter().filter(|other| !other.id.eq_ignore_ascii_case(&change.id));
    others.find(means).is_none().then_some(address)
}

/// `accounts/NAME` and what follows, of an account or of something in it.
fn in_account(id: &str) -> Option<String> {
    const ACCOUNTS: &str = "/providers/microsoft.cognitiveservices/";
    let id = ResourceId::parse(id).ok()?;
    let at = id.as_str().to_ascii_lowercase().rfind(ACCOUNTS)?;
    let address = id.as_str().get(at + ACCOUNTS.len()..)?;
    address.to_ascii_lowercase().starts_with("accounts/").then(|| address.to_owned())
}

fn finding(allow: &Allow, refusals: &[GuardRefusal<'_>]) -> FindingEntry {
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
