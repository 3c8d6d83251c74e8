//! What plans and drifts count, in one table for every format, and their last lines.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::Style;

use super::text::{BAD, CHANGED, GOOD, QUIET, STRONG, requests};
use crate::document::{Action, Differs, Plan, PlannedChange};

/// The two ways to present the differences between specs and Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What a plan would change.
    Plan,
    /// What is live and not as the specs say.
    Drift,
}

/// What is counted, in the order of the last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counted {
    Create,
    Restore,
    Update,
    Adopt,
    Delete,
    Changed,
    Missing,
    Extra,
    Unknown,
    Refused,
    NotJudged,
    NotRead,
    Along,
    Drifted,
    Unchanged,
    Partly,
    NotOwned,
    Undeclared,
    Ignored,
    CoManaged,
}

const PENDING: [Counted; 5] =
    [Counted::Create, Counted::Restore, Counted::Update, Counted::Adopt, Counted::Delete];
const DIFFERING: [Counted; 3] = [Counted::Changed, Counted::Missing, Counted::Extra];
const BESIDE: [Counted; 12] = [
    Counted::Unknown,
    Counted::Refused,
    Counted::NotJudged,
    Counted::NotRead,
    Counted::Along,
    Counted::Drifted,
    Counted::Unchanged,
    Counted::Partly,
    Counted::NotOwned,
    Counted::Undeclared,
    Counted::Ignored,
    Counted::CoManaged,
];

/// The colour of a sort of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Good,
    Changed,
    Bad,
    Quiet,
}

impl Look {
    /// On a terminal.
    pub(super) fn style(self) -> Style {
        match self {
            Look::Good => GOOD,
            Look::Changed => CHANGED,
            Look::Bad => BAD,
            Look::Quiet => QUIET,
        }
    }

    /// In the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Look::Good => "good",
            Look::Changed => "changed",
            Look::Bad => "bad",
            Look::Quiet => "quiet",
        }
    }
}

impl Counted {
    /// The sort of a change.
    pub(super) fn of(change: &PlannedChange, side: Side) -> Self {
        match (side, change.differs, change.action) {
            (Side::Plan, _, Action::Create) => Counted::Create,
            (Side::Plan, _, Action::Restore) => Counted::Restore,
            (Side::Plan, _, Action::Update) => Counted::Update,
            (Side::Plan, _, Action::Adopt) => Counted::Adopt,
            (Side::Plan, _, Action::Delete) => Counted::Delete,
            (Side::Plan, _, Action::Refused) => Counted::Refused,
            (Side::Plan, _, Action::UnmanagedDrift) => Counted::Undeclared,
            (Side::Plan, _, Action::Noop) if change.is_drifted() => Counted::Drifted,
            (Side::Drift, Some(Differs::Missing), _) => Counted::Missing,
            (Side::Drift, Some(Differs::Changed), _) => Counted::Changed,
            (Side::Drift, Some(Differs::Extra), _) => Counted::Extra,
            (_, _, Action::Noop) if change.is_partly_compared() => Counted::Partly,
            (_, _, Action::Noop) => Counted::Unchanged,
            (_, _, Action::Unmanaged) => Counted::Ignored,
            (_, _, Action::UnmanagedUnknown) => Counted::NotJudged,
            (_, _, Action::CoManaged) => Counted::CoManaged,
            (_, _, Action::Unknown) | (Side::Drift, ..) => Counted::Unknown,
        }
    }

    /// The word for one change.
    pub(super) fn word(self) -> &'static str {
        match self {
            Counted::Create => "create",
            Counted::Restore => "restore",
            Counted::Update => "update",
            Counted::Adopt => "adopt",
            Counted::Delete => "delete",
            Counted::Undeclared | Counted::Ignored => "undeclared",
            Counted::NotJudged => "not judged",
            Counted::CoManaged => "co-managed",
            _ => self.words(1),
        }
    }

    /// The words after a number of them.
    pub(super) fn words(self, number: usize) -> &'static str {
        match self {
            Counted::Create => "to create",
            Counted::Restore => "to restore",
            Counted::Update => "to update",
            Counted::Adopt => "to adopt",
            Counted::Delete => "to delete",
            Counted::Changed => "changed",
            Counted::Missing => "missing",
            Counted::Extra => "extra",
            Counted::Unknown => "unknown",
            Counted::Refused => "refused",
            Counted::NotJudged => "undeclared and not judged",
            Counted::NotRead if number == 1 => "list not read completely",
            Counted::NotRead => "lists not read completely",
            Counted::Along => "deleted along with their parent",
            Counted::Drifted => "drifted",
            Counted::Undeclared => "undeclared",
            Counted::Unchanged => "unchanged",
            Counted::Partly => "not fully compared",
            // Removing its line deletes nothing.
            Counted::NotOwned => "declared but not owned",
            Counted::Ignored => "undeclared but not drift",
            Counted::CoManaged => "of other teams",
        }
    }

    pub(super) fn look(self) -> Look {
        match self {
            Counted::Create | Counted::Restore => Look::Good,
            Counted::Delete
            | Counted::Along
            | Counted::Missing
            | Counted::Unknown
            | Counted::Refused
            | Counted::NotRead => Look::Bad,
            Counted::Update
            | Counted::Adopt
            | Counted::Changed
            | Counted::Extra
            | Counted::NotJudged
            | Counted::Drifted
            | Counted::Undeclared => Look::Changed,
            Counted::Unchanged
            | Counted::Partly
            | Counted::NotOwned
            | Counted::Ignored
            | Counted::CoManaged => Look::Quiet,
        }
    }

    /// Whether nothing comes of it, and nothing has to.
    pub(super) fn is_idle(self) -> bool {
        matches!(self, Counted::Unchanged | Counted::Partly | Counted::Ignored | Counted::CoManaged)
    }

    fn number(self, plan: &Plan, side: Side) -> usize {
        let counts = &plan.summary;
        match (side, self) {
            (Side::Plan, Counted::Create) => counts.create,
            (Side::Plan, Counted::Restore) => counts.restore,
            (Side::Plan, Counted::Update) => counts.update,
            (Side::Plan, Counted::Adopt) => counts.adopt,
            (Side::Plan, Counted::Delete) => counts.delete,
            (Side::Plan, Counted::Unknown) => counts.unknown,
            (Side::Plan, Counted::Refused) => counts.refused,
            (Side::Plan, Counted::Along) => plan.along(),
            (Side::Plan, Counted::Drifted) => plan.drifted(),
            (Side::Plan, Counted::Undeclared) => counts.unmanaged_drift,
            (Side::Drift, Counted::Changed | Counted::Missing | Counted::Extra | Counted::Unknown) => {
                plan.changes.iter().filter(|change| Counted::of(change, side) == self).count()
            }
            (_, Counted::NotJudged) => counts.unmanaged_unknown,
            (_, Counted::NotRead) => plan.incomplete.len(),
            (_, Counted::Unchanged) => plan.unchanged(),
            (_, Counted::Partly) => plan.partly_compared(),
            (_, Counted::NotOwned) => plan.not_ours(),
            (_, Counted::Ignored) => {
                counts.unmanaged.saturating_sub(counts.unmanaged_drift + counts.unmanaged_unknown)
            }
            (_, Counted::CoManaged) => counts.co_managed,
            _ => 0,
        }
    }
}

/// The numbers above zero.
fn counts(plan: &Plan, side: Side, sorts: &[Counted]) -> Vec<(usize, Counted)> {
    let counts = sorts.iter().map(|sort| (sort.number(plan, side), *sort));
    counts.filter(|(number, _)| *number > 0).collect()
}

/// The writes that `apply` would make.
fn pending(plan: &Plan) -> Vec<(usize, Counted)> {
    counts(plan, Side::Plan, &PENDING)
}

/// What differs from the specs.
pub(super) fn differing(plan: &Plan) -> Vec<(usize, Counted)> {
    counts(plan, Side::Drift, &DIFFERING)
}

/// What there is besides what a plan writes, or besides what drifted.
pub(super) fn beside(plan: &Plan, side: Side) -> Vec<(usize, Counted)> {
    counts(plan, side, &BESIDE)
}

/// Everything that is counted.
pub(super) fn all(plan: &Plan, side: Side) -> Vec<(usize, Counted)> {
    let first = if side == Side::Plan { pending(plan) } else { differing(plan) };
    first.into_iter().chain(beside(plan, side)).collect()
}

/// Counts in words.
pub(super) fn said(counts: &[(usize, Counted)]) -> String {
    let counts: Vec<(usize, &str)> =
        counts.iter().map(|(number, sort)| (*number, sort.words(*number))).collect();
    listed(&counts)
}

pub(super) fn listed(parts: &[(usize, &str)]) -> String {
    let some = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    some.collect::<Vec<_>>().join(", ")
}

/// What `drift` found; its exit code says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Azure is as the specs say.
    Nothing,
    /// It is not.
    Drift,
    /// That could not be judged.
    Unjudged,
}

/// Whether a plan shows drift.
pub(super) fn found(plan: &Plan) -> Found {
    if plan.changes.iter().any(|change| change.differs.is_some()) {
        Found::Drift
    } else if plan.summary.unmanaged_unknown > 0 || plan.has_errors() || !plan.incomplete.is_empty() {
        Found::Unjudged
    } else {
        Found::Nothing
    }
}

/// That guards refuse the plan; empty if none does.
pub(super) fn refused(plan: &Plan) -> String {
    let refusals = plan.findings.iter().filter(|finding| finding.is_refusal());
    match refusals.map(|finding| finding.code.as_str()).collect::<BTreeSet<_>>().len() {
        0 => String::new(),
        1 => "Refused by a guard: ".to_owned(),
        several => format!("Refused by {several} guards: "),
    }
}

/// Instead of counts, where everything that is to be written cannot be.
const CANNOT: &str = "nothing can be written";
/// Instead of counts, where everything is as declared.
const NONE: &str = "no changes";

/// What a plan says that writes nothing: not more than is known.
pub(super) fn nothing(plan: &Plan) -> Option<&'static str> {
    if plan.summary.pending() > 0 {
        return None;
    }
    Some(if is_broken(plan) {
        CANNOT
    } else if !plan.incomplete.is_empty() {
        "no changes in what could be read"
    } else if plan.has_errors() {
        "no changes in what is known"
    } else if plan.drifted() > 0 {
        "nothing to apply"
    } else if plan.partly_compared() > 0 {
        "no changes in what Azure shows"
    } else {
        NONE
    })
}

fn is_broken(plan: &Plan) -> bool {
    plan.summary.unknown + plan.summary.refused > 0
}

/// What a drift says that found none: not more than was compared.
pub(super) fn no_drift(plan: &Plan) -> &'static str {
    if plan.partly_compared() > 0 { "no drift in what Azure shows" } else { "no drift" }
}

/// The same as the start of a sentence.
pub(super) fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The last lines of a plan.
pub(super) fn summary(text: &mut String, plan: &Plan) {
    let pending = said(&pending(plan));
    let rest = said(&beside(plan, Side::Plan));
    let refused = refused(plan);
    let see = if plan.has_errors() && plan.incomplete.is_empty() { "; see the errors above" } else { "" };
    let head = match nothing(plan) {
        None if !refused.is_empty() => format!("{BAD}{refused}{BAD:#}{pending}"),
        None => format!("{STRONG}Plan:{STRONG:#} {pending}"),
        Some(CANNOT) => format!("{BAD}Plan:{BAD:#} {CANNOT}"),
        Some(NONE) => format!("{GOOD}{}{GOOD:#}", upper(NONE)),
        Some(nothing) => format!("{STRONG}{}{see}{STRONG:#}", upper(nothing)),
    };
    let rest = if rest.is_empty() { String::new() } else { format!("; {rest}") };
    let _ = writeln!(text, "{head}{rest}. {}.", requests(plan.requests));
}
