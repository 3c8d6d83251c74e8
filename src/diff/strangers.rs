//! Findings about undeclared resources.

use std::collections::BTreeSet;

use super::Change;
use super::Veil;
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::kinds::{Gap, Kind, Live, Weight};
use crate::spec::Loaded;

/// Why an undeclared resource is not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stays {
    /// No stack created it.
    Unmarked,
    /// It carries the mark of a stack that is not in the run.
    Foreign,
    /// It carries the mark of a stack whose spec is loaded but not selected, in that stack's domain.
    Unselected,
    /// Its stack does not prune.
    Unpruned,
    /// Not all resources of its kind could be read.
    Incomplete,
    /// Its stack's spec does not cover its scope.
    Outside,
    /// Another stack takes it as given.
    Taken,
    /// It is temporary.
    Passing,
    /// It duplicates the one that the declaration refers to.
    Twin,
    /// It may be a declared resource whose principal is not resolved.
    Unclear(Veil),
}

/// Reports a list that could not be read but that no declared resource needs: it may contain drift, or resources that a stack created and
/// no longer declares.
pub(super) fn unread(kind: &dyn Kind, gap: &Gap, stacks: &[Loaded]) -> Finding {
    let what = if kind.declares_list_in(&gap.scope, stacks) {
        "what exists besides the declared ones"
    } else {
        "what a stack created there and no longer declares"
    };
    let message = format!("the {}s at `{}` could not be read: {what} is not known", kind.noun(), gap.scope);
    let finding = Finding::error(Code::IncompleteRead, message).cause(&gap.refusal.message);
    Finding { hint: gap.refusal.hint.clone(), ..finding }
}

/// A finding about an undeclared resource, at the list that should contain it.
pub(super) fn stranger(change: &Change) -> Option<Finding> {
    let Change::Unmanaged { live, stays, why, weight, title } = change else { return None };
    match weight {
        Weight::Drift(place) => {
            let hint = match (stays, live.kind.granting().is_some()) {
                (Stays::Outside, true) => {
                    "if the stack created it, declare a role at its scope with `principals: []` until it is deleted, or delete it by hand: anyone can type a mark, so keyless deletes nothing outside of what the spec covers"
                }
                (Stays::Outside, false) => {
                    "anyone can type a mark, so keyless deletes nothing outside of what the spec covers: if the stack created it, add its scope to the spec again, or delete it by hand"
                }
                (Stays::Twin, _) => "it stays even if the line is removed: delete it by hand",
                // A mark suggests that somebody has reasons; people must find out whether it is genuine.
                (Stays::Foreign, true) => {
                    "ask that stack's team: if it shares the account, `coManagedBy` accepts its resources; otherwise delete it"
                }
                (Stays::Foreign, false) => {
                    "ask that stack's team before you delete it; with `unmanaged: list` nothing undeclared is drift"
                }
                (_, true) => {
                    "keyless deletes only what it created: delete it by hand, or declare it; `expected` accepts it until a date"
                }
                (_, false) if !live.kind.takes_mark() => {
                    "keyless never deletes it, and any secret in it still works: delete it by hand, or declare it; with `unmanaged: list` nothing undeclared is drift"
                }
                (_, false) => "keyless deletes only what it created: delete it by hand, or declare it",
            };
            let message = match why.strip_prefix("no spec declares it") {
                Some(rest) => format!("no spec declares {title}{rest}"),
                None => format!("{title} is undeclared: {why}"),
            };
            Some(Finding::warning(Code::Unmanaged, message).at(*place).hint(hint).about(&live.id))
        }
        Weight::Unknown(place, refusal) => {
            let message = format!("could not determine whether {title} is drift: {why}");
            let finding = Finding::warning(Code::UnknownState, message).at(*place).cause(&refusal.message);
            Some(Finding { hint: refusal.hint.clone(), ..finding })
        }
        Weight::Listed | Weight::CoManaged => None,
    }
}

/// What could not be read and prevents an undeclared resource from being deleted.
pub(super) struct Unread<'a> {
    pub gap: &'a Gap,
    /// Whether other lists partly replaced it.
    pub partial: bool,
    /// The kind and id of what it would list, if it is about a resource that the undeclared one is on or in; otherwise it lists the
    /// resource's own kind.
    pub house: Option<(&'static dyn Kind, ResourceId)>,
}

/// Reports a resource that a stack created and that should be deleted but stays. Removing a line means revoking access, so "no changes"
/// would mislead.
pub(super) fn kept(change: &Change, unread: Option<&Unread<'_>>, stacks: &[Loaded]) -> Option<Finding> {
    let Change::Unmanaged { live, stays, why, title, .. } = change else { return None };
    let mark = live.kind.mark(&live.body)?;
    let owner = stacks.iter().find(|loaded| loaded.spec.stack == mark)?;
    if let Stays::Unclear(veil @ (Veil::Unseen | Veil::Beside)) = stays {
        let message = format!("{title} is no longer declared and is not deleted: it is {why}");
        let hint = if *veil == Veil::Unseen {
            "retry once the identity exists"
        } else {
            "one of its principals could not be resolved: select that stack too, or run `keyless lock` for its spec"
        };
        let span = owner.document.value_span("/stack");
        return Some(Finding::error(Code::UnknownState, message).at(span).hint(hint));
    }
    if *stays == Stays::Taken {
        let message = format!("{title} is no longer declared and stays: {why}");
        let hint = "to delete it, remove it from that stack too; if another stack owns it now, put that stack's mark on it";
        let span = owner.document.value_span("/stack");
        return Some(Finding::warning(Code::Unmanaged, message).at(span).hint(hint).about(&live.id));
    }
    let Unread { gap, partial, house } = unread.filter(|_| *stays == Stays::Incomplete)?;
    let why = match house {
        Some((kind, id)) => format!(
            "not every {noun} could be read, and {noun} {} may be deleted with everything on it and in it",
            id.name(),
            noun = kind.noun(),
        ),
        None => format!(
            "not every {} could be read, and keyless deletes nothing based on a partial list",
            live.kind.noun()
        ),
    };
    let message = format!("{title} is no longer declared and is not deleted: {why}");
    // A right on the subscription completes its list; other refusals have their own hint.
    let hint = match gap.refusal.hint.as_deref().filter(|_| !partial) {
        Some(hint) => format!("{hint}; or delete it by hand"),
        None if live.kind.granting().is_some() && house.is_none() => {
            "assign the caller the Reader role on the subscription, or delete it by hand".to_owned()
        }
        None => "assign the caller the Reader role where it could not read, or delete it by hand".to_owned(),
    };
    let span = owner.document.value_span("/stack");
    Some(Finding::error(Code::IncompleteRead, message).at(span).hint(hint).cause(&gap.refusal.message))
}

/// Reports resources that a stack created outside of what its spec still covers. After removing the last line for a scope, "no changes"
/// alone would mislead. Drift is reported separately.
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
            1 => ("1 resource".to_owned(), "carries", "stays"),
            count => (format!("{count} resources"), "carry", "stay"),
        };
        let message = format!(
            "{things} {carry} the mark of stack `{stack}` outside of what its spec covers, and {stay}"
        );
        let hint = "`-v` lists them; to revoke a role assignment, declare a role at its scope with `principals: []` until it is deleted, or delete it by hand";
        let span = loaded.document.value_span("/stack");
        findings.push(Finding::warning(Code::Unmanaged, message).at(span).hint(hint));
    }
    findings
}

/// Unmarked parents that stay while the stack's resources in them are deleted: they may have lost their mark, so removing their line
/// deletes nothing.
pub(super) fn left_behind(changes: &[Change], told: &BTreeSet<Key>) -> Vec<Finding> {
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
        if live.kind.is_grant() || !live.kind.takes_mark() || told.contains(&live.key) {
            continue;
        }
        let goes = deletes.iter().find(|(gone, _)| live.id.contains(&gone.scope));
        if let Some((_, Change::Delete { stack, span, .. })) = goes {
            let message = format!(
                "{title} stays while what stack `{stack}` created in it is deleted: it does not carry the stack's mark"
            );
            let hint = "if the stack created it, someone removed its mark: to delete it, declare it with `adopt: true`, apply, and remove \
                        the line again; otherwise ignore this";
            findings.push(Finding::warning(Code::NotOurs, message).at(*span).hint(hint));
        }
    }
    findings
}
