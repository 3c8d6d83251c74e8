//! API keys that a plan turns off while a spec wants to know first who still uses them (`keyUsage` of an account).
//!
//! Which accounts that are follows from the states before and after. What is known about the use of their keys comes with the plan.

use super::{Objection, Origin, Rule, accounts, keys::keys_off};
use crate::document::usage::{AccountUsage, CallKind, FoundKeyUse, KeyUsageTerms, KeyVerdict};
use crate::document::{Plan, StepAction};
use crate::id::ResourceId;
use crate::plan::predict::World;

/// The live accounts whose keys a plan turns off. A deleted one that it restores could not be called: see [`restored_without`].
pub(super) fn going_off(before: &World, after: &World) -> Vec<ResourceId> {
    let goes = |(id, body): &(&ResourceId, &serde_json::Value)| {
        keys_off(body) && before.resource(id).is_some_and(|was| !keys_off(was))
    };
    accounts(after).filter(goes).map(|(id, _)| id.clone()).collect()
}

/// The deleted accounts that a plan restores and whose keys it turns off: nothing shows who used them before.
pub(super) fn restored_without(plan: &Plan, before: &World, after: &World) -> Vec<ResourceId> {
    if !plan.steps.iter().any(|step| step.action == StepAction::Restore) {
        return Vec::new();
    }
    let mut ids = going_off(&before.with_restored(plan), after);
    ids.retain(|id| before.resource(id).is_none());
    ids
}

/// Objections, and notes on what passes. What a plan from a file has to know, this run said: never the file.
pub(super) fn objections(
    plan: &Plan,
    before: &World,
    after: &World,
    origin: Origin,
) -> (Vec<Objection>, Vec<Objection>) {
    let (mut objections, mut notes) = (Vec::new(), Vec::new());
    if plan.key_usage.is_empty() {
        return (objections, notes);
    }
    let terms_of = |id: &ResourceId| {
        plan.key_usage.iter().find(|terms| ResourceId::parse(&terms.account).is_ok_and(|of| of == *id))
    };
    for id in restored_without(plan, before, after).into_iter().filter(|id| terms_of(id).is_some()) {
        let message = format!(
            "the plan restores account `{}` with API keys off, and it was not checked who used them before it was deleted",
            id.name()
        );
        notes.push(Objection::at(Rule::KeyUse, &id, message));
    }
    for id in going_off(before, after) {
        let Some(terms) = terms_of(&id) else { continue };
        let off = format!("the plan turns off API keys of account `{}`", id.name());
        let Some(found) = &terms.found else {
            let message = format!("{off}, and it was not checked who still uses them");
            objections.push(Objection::at(Rule::KeyUse, &id, message));
            continue;
        };
        let said = said(terms, found, origin);
        if said.passes {
            notes.push(Objection::at(Rule::KeyUse, &id, format!("{off}: {}", said.message)));
            continue;
        }
        let objection = Objection::at(Rule::KeyUse, &id, format!("{off}, and {}", said.message));
        let objection = if said.causes.is_empty() { objection } else { objection.because(&said.causes) };
        objections.push(if said.first.is_empty() { objection } else { objection.only_after(said.first) });
    }
    (objections, notes)
}

/// What the evidence about an account says.
struct KeyUseRuling {
    passes: bool,
    message: String,
    causes: String,
    first: String,
}

fn said(terms: &KeyUsageTerms, found: &FoundKeyUse, origin: Origin) -> KeyUseRuling {
    let usage = &found.usage;
    let pass =
        |message: String| KeyUseRuling { passes: true, message, causes: String::new(), first: String::new() };
    let days = terms.quiet_days;
    match usage.verdict {
        KeyVerdict::NoCall | KeyVerdict::NoKeyCallSeen | KeyVerdict::KeysOff => {
            let statement = format!("{} before {}", usage.statement, found.before());
            let words: Vec<&str> =
                [statement.as_str()].into_iter().chain(usage.notes.iter().map(String::as_str)).collect();
            return pass(words.join("; "));
        }
        KeyVerdict::CannotTell if found.left_to_apply => {
            return pass(
                "whether they are still used is judged at apply, since this identity may not read what shows it"
                    .to_owned(),
            );
        }
        KeyVerdict::CannotTell if origin == Origin::File => {
            let unknown = format!("it cannot be told whether they are still used: {}", reasons(usage));
            return KeyUseRuling {
                message: format!("{unknown}; without its specs, a saved plan is judged over {days} days"),
                first: "name its specs behind the plan".to_owned(),
                ..unknown_use(usage)
            };
        }
        KeyVerdict::CannotTell => {
            let unknown = format!("it cannot be told whether they are still used: {}", reasons(usage));
            return match &terms.allow_unknown_until {
                Some(until) if found.is_accepted(until) => {
                    pass(format!("{unknown}; `allowUnknownUntil` accepts that until {until}"))
                }
                Some(until) => KeyUseRuling {
                    message: format!("{unknown}; `allowUnknownUntil` ended on {until}"),
                    ..unknown_use(usage)
                },
                None => KeyUseRuling { message: unknown, ..unknown_use(usage) },
            };
        }
        KeyVerdict::KeysUsed | KeyVerdict::CallsWithoutName => {}
    }
    let seen = |kinds: &[CallKind], what: &str| {
        let count = usage.count(kinds);
        let calls = if count == 1 { "call" } else { "calls" };
        let last = usage.last_call(kinds)?;
        Some(format!("{count} {calls} {what} in the last {days} days ({last})"))
    };
    let message = if usage.verdict == KeyVerdict::KeysUsed {
        let seen = seen(&[CallKind::Key], "with a key");
        format!("keys are used: {}", seen.unwrap_or_else(|| reasons(usage)))
    } else {
        let seen = seen(&[CallKind::Key, CallKind::Unclear], "without a caller's name");
        format!("they may still be used: {}", seen.unwrap_or_else(|| reasons(usage)))
    };
    let move_them = "move the applications to tokens first (`keyless keys usage` shows their calls)";
    let first = match origin {
        Origin::Specs => move_them.to_owned(),
        // Its specs may ask for fewer days.
        Origin::File => format!("{move_them}, or name its specs behind the plan"),
    };
    KeyUseRuling { passes: false, message, causes: String::new(), first }
}

/// Why it cannot be told, and what would change that.
fn unknown_use(usage: &AccountUsage) -> KeyUseRuling {
    let causes: Vec<&str> = usage.reasons.iter().filter_map(|reason| reason.cause.as_deref()).collect();
    let mut hints: Vec<&str> = usage.reasons.iter().filter_map(|reason| reason.hint.as_deref()).collect();
    hints.dedup();
    KeyUseRuling { passes: false, message: String::new(), causes: causes.join("; "), first: hints.join("; ") }
}

fn reasons(usage: &AccountUsage) -> String {
    let reasons: Vec<&str> = usage.reasons.iter().map(|reason| reason.message.as_str()).collect();
    reasons.join("; ")
}
