//! What `drift` found, as a page: who did what, and when, the latest first.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use maud::{Markup, html};

use super::T;
use super::changes::{ChangePlace, block, shortened, stacks, value};
use super::page::{HtmlPage, filter, place, tiles};
use super::plan::incomplete;
use crate::document::{Cause, Differs, Done, Plan, PlannedChange};
use crate::render::cause;
use crate::render::drift::{compared, differing, is_default, long, look, told};
use crate::render::summary::{Found, NOT_OWNED, found, not_read};
use crate::render::text::{label, shown_changes};

/// What `drift` found.
#[must_use]
pub fn drift(plan: &Plan) -> String {
    let said = match found(plan) {
        Found::Drift => differing(plan),
        Found::Unjudged => "Not known whether Azure drifted".to_owned(),
        Found::Nothing => "No drift".to_owned(),
    };
    // What changes nothing and is no drift is counted, not shown.
    let shown: Vec<&PlannedChange> = shown_changes(plan, false);
    let (dated, undated): (Vec<_>, Vec<_>) = shown.into_iter().partition(|change| when(change).is_some());
    let body = html! {
        (counts(plan))
        (people(&dated))
        (timeline(&dated))
        @if !undated.is_empty() {
            section {
                h2 { @if dated.is_empty() { "What differs" } @else { "At a time that is not known" } }
                @if dated.is_empty() { div.tools.unready { (filter("filter", "Filter", "changes")) output #shown aria-live="polite" {} } }
                ul.changes id=[dated.is_empty().then_some("changes")] { @for change in undated { (item(change)) } }
            }
        }
        (incomplete(plan))
    };
    HtmlPage {
        command: "drift",
        about: stacks(&plan.changes),
        said,
        target: Some(&plan.target),
        requests: Some(plan.requests),
        findings: &plan.findings,
    }
    .with(&body)
}

fn counts(plan: &Plan) -> Markup {
    let differ =
        |wanted: Differs| plan.changes.iter().filter(|change| change.differs == Some(wanted)).count();
    let counts = &plan.summary;
    tiles(&[
        (differ(Differs::Changed), "changed", "changed"),
        (differ(Differs::Missing), "missing", "bad"),
        (differ(Differs::Extra), "extra", "changed"),
        (counts.unknown, "unknown", "bad"),
        (plan.incomplete.len(), not_read(plan), "bad"),
        (counts.unmanaged_unknown, "undeclared and not judged", "changed"),
        (plan.unchanged(), "unchanged", "quiet"),
        (plan.not_ours(), NOT_OWNED, "quiet"),
        (
            counts.unmanaged.saturating_sub(counts.unmanaged_drift + counts.unmanaged_unknown),
            "unmanaged",
            "quiet",
        ),
        (counts.co_managed, "of other teams", "quiet"),
    ])
}

/// When somebody did that.
fn when(change: &PlannedChange) -> Option<Timestamp> {
    change.caused_by.as_ref()?.when.parse().ok()
}

/// Who did how much of it.
fn people(dated: &[&PlannedChange]) -> Markup {
    let mut people: BTreeMap<String, usize> = BTreeMap::new();
    for cause in dated.iter().filter_map(|change| change.caused_by.as_ref()) {
        *people.entry(cause::who(cause)).or_default() += 1;
    }
    let mut people: Vec<(String, usize)> = people.into_iter().collect();
    people.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    html! {
        @if !people.is_empty() {
            section {
                h2 { "Who" }
                ul.tiles { @for (who, count) in people { li.quiet { b { (count) } " " span { (T(who)) } } } }
            }
        }
    }
}

/// What one caller did in one second.
struct Burst<'a> {
    when: Timestamp,
    who: String,
    done: Done,
    changes: Vec<&'a PlannedChange>,
}

fn events<'a>(dated: &[&'a PlannedChange]) -> Vec<Burst<'a>> {
    let mut events: Vec<Burst<'a>> = Vec::new();
    for change in dated {
        let (Some(when), Some(cause)) = (when(change), &change.caused_by) else { continue };
        let who = cause::who(cause);
        match events.iter_mut().find(|each| {
            each.when.as_second() == when.as_second() && each.who == who && each.done == cause.done
        }) {
            Some(event) => event.changes.push(change),
            None => events.push(Burst { when, who, done: cause.done, changes: vec![change] }),
        }
    }
    events.sort_by_key(|event| std::cmp::Reverse(event.when));
    events
}

fn timeline(dated: &[&PlannedChange]) -> Markup {
    let events = events(dated);
    let days: Vec<String> = events.iter().map(|event| event.when.strftime("%Y-%m-%d").to_string()).collect();
    let distinct: BTreeSet<&String> = days.iter().rev().collect();
    html! {
        @if !events.is_empty() {
            section {
                h2 { "When, who, what" }
                div.tools.unready { (filter("filter", "Filter", "changes")) output #shown aria-live="polite" {} }
                div.timeline #changes {
                    @for day in distinct.iter().rev() {
                        div.day {
                            h3 { time datetime=(day) { (day) } }
                            ol {
                                @for (event, _) in events.iter().zip(&days).filter(|(_, of)| *of == *day) {
                                    li.event {
                                        p.head {
                                            time datetime=(event.when.strftime("%Y-%m-%dT%H:%M:%SZ")) { (event.when.strftime("%H:%M:%S UTC")) }
                                            " " b { (T(&event.who)) } " " (verb(event.done))
                                        }
                                        ul.changes { @for change in &event.changes { (item(change)) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn verb(done: Done) -> &'static str {
    match done {
        Done::Changed => "was the last to change",
        Done::Created => "created",
        Done::Deleted => "deleted",
    }
}

fn item(change: &PlannedChange) -> Markup {
    let (word, class) = match change.differs {
        Some(Differs::Missing) => (look(change).0, "bad"),
        Some(_) => (look(change).0, "changed"),
        None => (look(change).0, "quiet"),
    };
    let at = ChangePlace::of(change);
    let fields = if change.differs == Some(Differs::Missing) { Vec::new() } else { compared(change, true) };
    let said = told(change).into_iter().chain(change.cause_unknown.clone());
    html! {
        li data-item {
            p.head {
                span.badge.(class) { (word) } " " b { (T(&change.title)) } " "
                @if let Some(group) = at.group() { span.about { "in " (T(group)) } " " }
                (place(change.source.as_ref()))
            }
            @for said in said { p.more { (T(said)) } }
            @if let Some(cause) = &change.caused_by { (evidence(cause)) }
            @if !fields.is_empty() {
                table.fields {
                    caption.hidden { "Fields of " (T(&change.title)) }
                    thead { tr { th scope="col" { "Field" } th scope="col" { "Spec" } th scope="col" { "Live" } th scope="col" { "Declared" } } }
                    tbody {
                        @for field in fields {
                            @let short = shortened(field);
                            tr {
                                th scope="row" { (T(label(&change.kind, field))) }
                                @match long(&short) {
                                    Some(lines) => td colspan="2" { (block(&lines)) },
                                    None => {
                                        td { (value(&change.kind, &short, &short.after)) @if is_default(change, field) { " (default)" } }
                                        td { (value(&change.kind, &short, &short.before)) }
                                    }
                                }
                                td { (place(field.source.as_ref())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What the activity log says besides. Where the request came from stays in JSON: a page is shown to more people than need that.
fn evidence(cause: &Cause) -> Markup {
    html! {
        @if let Some(above) = &cause.resource { p.more { "with " code { (T(name(above))) } ", which it was in" } }
        @if let Some(operation) = &cause.operation { p.more { code { (T(operation)) } } }
    }
}

/// The name at the end of an id.
fn name(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
