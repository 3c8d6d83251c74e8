//! What there is to say about what no spec declares.

use super::Change;
use super::Veil;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::{Gap, Kind, Live, Weight};
use crate::spec::Loaded;

/// Why something that no spec declares is not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stays {
    /// No stack made it.
    Unmarked,
    /// It carries the mark of a stack that is not in the run.
    Foreign,
    /// Its stack deletes nothing.
    Unpruned,
    /// Not all of its kind could be read.
    Incomplete,
    /// Its stack's spec does not speak for the place.
    Outside,
    /// It ends by itself.
    Passing,
    /// What is declared is another one that gives the same.
    Twin,
    /// It may be what is declared, of somebody who is not known.
    Unclear(Veil),
}

/// A list that could not be read, though nothing that is declared is missing for that: what stands beside it may be drift, and what a stack
/// made and no longer declares would go.
pub(super) fn unread(kind: &dyn Kind, gap: &Gap, stacks: &[Loaded]) -> Finding {
    let what = if kind.declares_list_in(&gap.scope, stacks) {
        "what stands beside those declared"
    } else {
        "what a stack made there and no longer declares"
    };
    let message = format!("the {}s at `{}` could not be read: {what} is not known", kind.noun(), gap.scope);
    let finding = Finding::error(Code::IncompleteRead, message).cause(&gap.refusal.message);
    Finding { hint: gap.refusal.hint.clone(), ..finding }
}

/// What there is to say about something undeclared, at the list that it stands beside.
pub(super) fn stranger(change: &Change) -> Option<Finding> {
    let Change::Unmanaged { live, stays, why, weight, title } = change else { return None };
    match weight {
        Weight::Drift(place) => {
            let hint = match (stays, live.kind.is_grant()) {
                (Stays::Outside, true) => {
                    "if the stack made it, declare a role at its scope with `principals: []` until it is gone, or delete it by hand: anybody can type a mark, so nothing is deleted where the spec does not speak"
                }
                (Stays::Outside, false) => {
                    "anybody can type a mark, so nothing is deleted where the spec does not speak: if the stack made it, name the place again or delete it by hand"
                }
                (Stays::Twin, _) => "it stays when the line is removed: delete it by hand",
                // A mark says that somebody has reasons; whether it is theirs is for people to find out.
                (Stays::Foreign, true) => {
                    "ask that stack's team: if it shares the account, `coManagedBy` accepts what it made; else delete it"
                }
                (Stays::Foreign, false) => {
                    "ask that stack's team before you delete it; with `unmanaged: list` nothing undeclared is drift"
                }
                (_, true) => {
                    "declare it or delete it; `expected` accepts it for a while, and with `unmanaged: list` nothing undeclared is drift"
                }
                (_, false) if !live.kind.takes_mark() => {
                    "keyless never deletes it, and a secret in it, if it has one, still works: delete it by hand, or declare it; with `unmanaged: list` nothing undeclared is drift"
                }
                (_, false) => "declare it or delete it; with `unmanaged: list` nothing undeclared is drift",
            };
            let message = format!("{title} is live beside what is declared: {why}");
            Some(Finding::warning(Code::Unmanaged, message).at(*place).hint(hint))
        }
        Weight::Unknown(place, refusal) => {
            let message = format!("could not find out whether {title} is drift: {why}");
            let finding = Finding::warning(Code::UnknownState, message).at(*place).cause(&refusal.message);
            Some(Finding { hint: refusal.hint.clone(), ..finding })
        }
        Weight::Listed | Weight::CoManaged => None,
    }
}

/// What could not be read and keeps something undeclared from being deleted.
pub(super) struct Unread<'a> {
    /// The list.
    pub gap: &'a Gap,
    /// Whether other lists had to do in its place.
    pub partial: bool,
    /// What it would tell of: something that the undeclared thing stands on or in. Otherwise it is a list of its own kind.
    pub house: Option<(&'static dyn Kind, ResourceId)>,
}

/// That something which a stack made should go and stays. A removed line is revoked access: whoever removed it must not read "no changes".
pub(super) fn kept(change: &Change, unread: Option<&Unread<'_>>, stacks: &[Loaded]) -> Option<Finding> {
    let Change::Unmanaged { live, stays, why, title, .. } = change else { return None };
    let mark = live.kind.mark(&live.body)?;
    let owner = stacks.iter().find(|loaded| loaded.spec.stack == mark)?;
    if *stays == Stays::Unclear(Veil::Unseen) {
        let message = format!("{title} is no longer declared and is not deleted: it is {why}");
        let hint = "run it again once the identity is there";
        let span = owner.document.value_span("/stack");
        return Some(Finding::error(Code::UnknownState, message).at(span).hint(hint));
    }
    let Unread { gap, partial, house } = unread.filter(|_| *stays == Stays::Incomplete)?;
    let why = match house {
        Some((kind, id)) => format!(
            "not every {noun} could be read, and {noun} {} may go with all that is on it and in it",
            id.name(),
            noun = kind.noun(),
        ),
        None => format!(
            "not every {} could be read, and nothing is deleted on the word of a part",
            live.kind.noun()
        ),
    };
    let message = format!("{title} is no longer declared and is not deleted: {why}");
    // A subscription that may not be listed is made whole by a right; what else was in the way says what to do itself.
    let hint = match gap.refusal.hint.as_deref().filter(|_| !partial) {
        Some(hint) => format!("{hint}; or delete it by hand"),
        None if live.kind.is_grant() && house.is_none() => {
            "give the caller Reader on the subscription, or delete it by hand".to_owned()
        }
        None => "give the caller Reader where it could not read, or delete it by hand".to_owned(),
    };
    let span = owner.document.value_span("/stack");
    Some(Finding::error(Code::IncompleteRead, message).at(span).hint(hint).cause(&gap.refusal.message))
}

/// That things stay which a stack made where its spec no longer speaks. Whoever removed the last line about a place must not read
/// "no changes" and nothing else. What counts as drift is told one by one.
pub(super) fn outside(changes: &[Change], stacks: &[Loaded]) -> Vec<Finding> {
    let is_outside = |change: &&Change, stack: &str| {
        let Change::Unmanaged { live, stays: Stays::Outside, weight: Weight::Listed, .. } = change else {
            return false;
        };
        live.kind.mark(&live.body).is_some_and(|mark| mark == stack)
    };
    let mut findings = Vec::new();
    for loaded in stacks {
        let stack = &loaded.spec.stack;
        let (things, carry, stay) = match changes.iter().filter(|change| is_outside(change, stack)).count() {
            0 => continue,
            1 => ("1 thing".to_owned(), "carries", "stays"),
            count => (format!("{count} things"), "carry", "stay"),
        };
        let message = format!(
            "{things} {carry} the mark of stack `{stack}` outside of what its spec names, and {stay}"
        );
        let hint = "`-v` lists them; to revoke a role assignment, declare a role at its scope with `principals: []` until it is gone, or delete it by hand";
        let span = loaded.document.value_span("/stack");
        findings.push(Finding::warning(Code::Unmanaged, message).at(span).hint(hint));
    }
    findings
}

/// Unmarked things that stay although what a stack made in them goes: they may have lost their mark, and a removed line deletes nothing then.
pub(super) fn left_behind(changes: &[Change]) -> Vec<Finding> {
    let deletes: Vec<(&Live, &Change)> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Delete { live, .. } => Some((live, change)),
            _ => None,
        })
        .collect();
    let mut findings = Vec::new();
    for change in changes {
        let Change::Unmanaged { live, stays: Stays::Unmarked, title, .. } = change else { continue };
        if live.kind.is_grant() || !live.kind.takes_mark() {
            continue;
        }
        let goes = deletes.iter().find(|(gone, _)| live.id.contains(&gone.scope));
        if let Some((_, Change::Delete { stack, span, .. })) = goes {
            let message = format!(
                "{title} stays while what stack `{stack}` made in it is deleted: it does not carry the stack's mark"
            );
            let hint = "if the stack made it, somebody took its mark off: to have it deleted, declare it with `adopt: true`, apply, and \
                        remove the line again; else this is in order";
            findings.push(Finding::warning(Code::NotOurs, message).at(*span).hint(hint));
        }
    }
    findings
}
