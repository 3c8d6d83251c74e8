//! Steps of `apply` as they end: one by one, or, of very many, by account.
//!
//! Works on outcomes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::alike::together;
use super::groups::called;
use super::page::{Line, Page, fold, laid_out, list};
use super::people::Ids;
use super::text::{BAD, CHANGED, GOOD, QUIET, STRONG, headed};
use crate::document::StepAction;
use crate::document::report::{Outcome, Status};
use crate::id::ResourceId;
use crate::kinds::{self, Kind};
use crate::text::sanitize::sanitize;

/// The titles of all steps: ids in them are cut where that is not ambiguous.
#[derive(Default)]
pub struct Titles(Ids);

impl Titles {
    /// Of a run.
    pub fn of<'t>(titles: impl IntoIterator<Item = &'t str>) -> Self {
        Self(Ids::of(titles))
    }

    /// One of them in text and Markdown.
    pub(super) fn cut(&self, title: &str) -> String {
        self.0.cut(title)
    }
}

/// How a step ended, in a word.
pub(super) fn ended(outcome: &Outcome) -> &'static str {
    match (outcome.status, outcome.action) {
        (Status::Failed, _) => "failed",
        (Status::Skipped, _) => "skipped",
        (Status::Done, StepAction::Create) => "created",
        (Status::Done, StepAction::Restore) => "restored",
        (Status::Done, StepAction::Purge) => "purged",
        (Status::Done, StepAction::Update) => "updated",
        (Status::Done, StepAction::Delete) => "deleted",
    }
}

/// The result of a step.
#[must_use]
pub fn outcome(outcome: &Outcome, titles: &Titles, page: Page) -> String {
    let word = ended(outcome);
    let style = match outcome.status {
        Status::Done => GOOD,
        Status::Failed => BAD,
        Status::Skipped => CHANGED,
    };
    let part = outcome.part.iter().map(|part| format!(": {part}"));
    let title = if page.verbose { outcome.title.clone() } else { titles.cut(&outcome.title) };
    let title = part.fold(title, |title, part| title + &part);
    let mut text = headed(&format!("{word:8}"), style, &title, outcome.source.as_ref());
    // A finding says why a step failed, and what to do.
    if let Some(reason) = outcome.reason.as_ref().filter(|_| outcome.status != Status::Failed) {
        let _ = writeln!(text, "           {QUIET}{}{QUIET:#}", sanitize(reason));
    }
    fold(&text, page)
}

/// The results of steps that ended alike in very many places: a line for each account or scope, and one for those with the same counts.
#[must_use]
pub fn by_account(outcomes: &[Outcome], page: Page) -> String {
    let mut places: BTreeMap<Option<ResourceId>, BTreeMap<&str, usize>> = BTreeMap::new();
    for outcome in outcomes {
        *places.entry(place(&outcome.id)).or_default().entry(ended(outcome)).or_default() += 1;
    }
    let mut known: BTreeMap<(String, String), usize> = BTreeMap::new();
    for on in places.keys().flatten() {
        *known.entry(called(on)).or_default() += 1;
    }
    let named = |(on, counts): (&Option<ResourceId>, &BTreeMap<&str, usize>)| {
        let counts = counts.iter().map(|(word, count)| format!("{count} {word}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let Some(on) = on else { return ("elsewhere".to_owned(), String::new(), counts) };
        let (noun, name) = called(on);
        let is_one = known.get(&(noun.clone(), name.clone())) == Some(&1);
        let group = on.group().filter(|_| !is_one).map(|group| format!(" in {}", group.name()));
        (noun, name + &group.unwrap_or_default(), counts)
    };
    let all: Vec<(String, String, String)> = places.iter().map(named).collect();
    let mut lines = Vec::new();
    // Scopes that are no accounts have no common noun.
    let key = |(noun, name, counts): &&(String, String, String)| {
        let own = if noun.is_empty() { name.clone() } else { String::new() };
        (noun.clone(), own, counts.clone())
    };
    for ((noun, _, counts), these) in together(&all, key) {
        let names: Vec<String> = these.iter().map(|(_, name, _)| sanitize(name).into_owned()).collect();
        let head = match names.as_slice() {
            [name] => format!("{noun}{name}"),
            names => format!("{} {}s, each", names.len(), noun.trim_end()),
        };
        lines.push(Line::of(format!("  {STRONG}{head}:{STRONG:#} {counts}")));
        if names.len() > 1 {
            lines.push(Line::of(format!("      {}", list(&names))));
        }
    }
    fold(&laid_out(&lines, page), page)
}

/// The account that a resource is on or in, or its scope.
fn place(id: &str) -> Option<ResourceId> {
    let id = ResourceId::parse(id).ok()?;
    let is_grant = kinds::by_id(&id).is_some_and(Kind::is_grant);
    Some(if is_grant { id.scope().tracked() } else { id.tracked() })
}
