//! The fields of a kind that are not compared by equality or cannot change, as a table.
//!
//! Pure data. Kinds define the table; `diff` reads it.

use serde_json::Value;

use crate::text::source::Span;

/// How a field compares, what its absence means, and whether it can change.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Path in spec shape, with `/` between names.
    pub path: &'static str,
    /// How its values compare.
    pub compare: Compare,
    /// What a missing live value means, as JSON.
    pub absent: Option<&'static str>,
    /// Whether and when it can change.
    pub change: Mutability,
    /// What guards assume for a new resource that does not declare it; `None` if no guard judges it.
    pub guarded: Option<Guarded>,
    /// Whether a default that creation sets must last on what carries the stack's mark: another live value is drift, although nothing
    /// declares the field and `apply` leaves it.
    pub lasting: bool,
}

/// Live values of an undeclared field that guards accept on a new resource, besides a missing value and its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guarded {
    /// As JSON.
    pub shown: &'static [&'static str],
    /// Whether undeclared members of declared elements are judged too, one by one.
    pub whole: bool,
}

/// How two values of a field compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// As JSON values.
    Equal,
    /// As text, ignoring case.
    IgnoreCase,
    /// As regions, ignoring case and spaces.
    Location,
    /// As conditions of role assignments, ignoring white space between words.
    Condition,
    /// As text, ignoring trailing white space, which a mark would replace.
    TextToItsEnd,
    /// As a set of IPv4 addresses and ranges.
    Cidrs,
    /// As a set of texts, ignoring case.
    Names,
    /// As a set of objects identified by the named members.
    By(&'static [&'static str]),
    /// Part of the resource's identity: always equal, never shown as a change.
    Identity,
    /// Not at all: Azure never shows it. It is sent whenever something else is written.
    Unshown,
    /// As text, ignoring case, if Azure shows it. Otherwise like [`Unshown`](Self::Unshown).
    IfShown,
}

impl Compare {
    /// Whether this live value says nothing about what Azure holds.
    pub(crate) fn hides(self, live: &Value) -> bool {
        match self {
            Self::Unshown => true,
            Self::IfShown => live.is_null(),
            _ => false,
        }
    }
}

/// Whether a field of a live resource can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// A PUT changes it.
    InPlace,
    /// In place, by a separate write before the others.
    Apart,
    /// In place, by a separate write after all grants of the plan, if it becomes true.
    AfterGrants,
    /// Never; the text is the reason.
    Never(&'static str),
    /// Not once it has a value; the text is the reason.
    OnceSet(&'static str),
}

impl Field {
    /// A field with its own comparison that changes in place.
    pub(super) const fn new(path: &'static str, compare: Compare) -> Self {
        Self { path, compare, absent: None, change: Mutability::InPlace, guarded: None, lasting: false }
    }

    /// Sets what a missing live value means.
    pub(super) const fn absent(mut self, json: &'static str) -> Self {
        self.absent = Some(json);
        self
    }

    /// Marks it as judged by guards, with the values they accept if it is not declared.
    pub(super) const fn guarded(mut self, shown: &'static [&'static str]) -> Self {
        self.guarded = Some(Guarded { shown, whole: false });
        self
    }

    /// The same for a list whose elements' undeclared members are judged too.
    pub(super) const fn guarded_whole(mut self) -> Self {
        self.guarded = Some(Guarded { shown: &[], whole: true });
        self
    }

    /// Makes another value than the default of creation drift.
    pub(super) const fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }

    /// Sets whether it can change.
    pub(super) const fn change(mut self, change: Mutability) -> Self {
        self.change = change;
        self
    }
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldChange {
    /// Its path in spec shape.
    pub path: Vec<String>,
    /// The live value; `null` if missing.
    pub before: Value,
    /// The declared value, or the default on creation; `null` to remove it.
    pub after: Value,
    /// Where it is declared; `None` for a default.
    pub span: Option<Span>,
    /// Whether and when it can change.
    pub change: Mutability,
}
