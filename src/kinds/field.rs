//! The fields of a kind that compare otherwise than by equality, or may not change: rows of a table, and their words.
//!
//! Pure data. `diff` reads the table; a kind writes it down.

use serde_json::Value;

use crate::source::Span;

/// How a field compares, what its absence means, and whether it may change.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Path in spec shape, with `/` between names.
    pub path: &'static str,
    /// How it compares.
    pub compare: Compare,
    /// What a live value that is not there means, as JSON.
    pub absent: Option<&'static str>,
    /// Whether it may change.
    pub change: Mutability,
    /// What guards take a creation that does not declare it to have; `None` where no guard judges it.
    pub guarded: Option<Guarded>,
}

/// What a new resource may show of a field that guards judge and its spec does not declare, beside nothing and what an absent value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarded {
    /// As JSON.
    pub shown: &'static [&'static str],
    /// Whether members of elements that are declared are judged too, each by itself.
    pub whole: bool,
}

/// How two values of a field compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// As JSON values.
    Equal,
    /// As text without regard to case.
    IgnoreCase,
    /// As regions: without regard to case and spaces.
    Location,
    /// As conditions of role assignments: white space between their words does not count.
    Condition,
    /// As text without regard to white space at its end, which does not survive in front of a mark.
    TextToItsEnd,
    /// As a set of IPv4 addresses and ranges.
    Cidrs,
    /// As a set of texts without regard to case.
    Names,
    /// As a set of objects, each identified by the named members.
    By(&'static [&'static str]),
    /// Part of what identifies the thing: always the same, never shown as a change.
    Identity,
    /// Not at all: Azure takes it and never shows it. It is sent along whenever something else is written.
    Unshown,
}

/// Whether a field may change on a live resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// In place.
    InPlace,
    /// In place, by a write of its own in front of the others.
    Apart,
    /// In place, by a write of its own once every grant of the plan stands, when it becomes true.
    AfterGrants,
    /// Never; the reason follows "because".
    Never(&'static str),
    /// Not once it has a value; the reason follows "because".
    OnceSet(&'static str),
}

impl Field {
    /// A field that compares in its own way and changes in place.
    pub(super) const fn new(path: &'static str, compare: Compare) -> Self {
        Self { path, compare, absent: None, change: Mutability::InPlace, guarded: None }
    }

    /// Says what an absent live value means.
    pub(super) const fn absent(mut self, json: &'static str) -> Self {
        self.absent = Some(json);
        self
    }

    /// Says that guards judge it, and what they take one to have that does not declare it.
    pub(super) const fn guarded(mut self, shown: &'static [&'static str]) -> Self {
        self.guarded = Some(Guarded { shown, whole: false });
        self
    }

    /// The same, for a list of whose elements guards judge what is not declared too.
    pub(super) const fn guarded_whole(mut self) -> Self {
        self.guarded = Some(Guarded { shown: &[], whole: true });
        self
    }

    /// Says whether it may change.
    pub(super) const fn change(mut self, change: Mutability) -> Self {
        self.change = change;
        self
    }
}

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Its path in spec shape.
    pub path: Vec<String>,
    /// The live value; `null` where there is none.
    pub before: Value,
    /// The declared value, or the default of a creation; `null` where it is to go.
    pub after: Value,
    /// Where it is declared; `None` for a default.
    pub span: Option<Span>,
    /// Whether it may change, and when.
    pub change: Mutability,
}
