//! The result of `drift` as a page: who changed what, and when, the latest first.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use maud::{Markup, html};

use super::T;
use super::changes::{about, resource_group, shortened, side, value};
use super::page::{HtmlPage, counts, filter, place};
use super::plan::incomplete;
use crate::document::{Cause, Differs, Done, Plan, PlannedChange};
use crate::plan::apart::stands_on;
use crate::render::alike::together;
use crate::render::cause;
use crate::render::drift::{compared, differing, is_default, told};
use crate::render::people::said_once;
use crate::render::summary::{Counted, Found, Side, found, no_drift, upper};
use crate::render::text::{label, shown_changes};
use crate::render::words;

/// What `drift` found.
#[must_use]
pub fn drift(plan: &Plan) -> String {
    let plan = &said_once(plan);
    let said = match found(plan) {
        Found::Drift => differing(plan),
        Found::Unjudged => "Not known whether Azure drifted".to_owned(),
        Found::Nothing => upper(no_drift(plan)),
    };
    // Unchanged resources are only counted.
    let shown: Vec<&PlannedChange> = shown_changes(plan, false);
    let (dated, undated): (Vec<_>, Vec<_>) = shown.into_iter().partition(|change| when(change).is_some());
    let body = html! {
        (counts(plan, Side::Drift))
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
        about: about(plan),
        said,
        target: Some(&plan.target),
        requests: Some(plan.requests),
        findings: &plan.findings,
    }
    .with(&body)
}

/// When somebody caused a change.
fn when(change: &PlannedChange) -> Option<Timestamp> {
    change.caused_by.as_ref()?.when.parse().ok()
}

/// The number of changes by caller.
fn people(dated: &[&PlannedChange]) -> Markup {
    let mut people: BTreeMap<String, usize> = BTreeMap::new();
    for cause in dated.iter().filter_map(|change| change.caused_by.as_ref()) {
        *people.entry(cause::person(cause)).or_default() += 1;
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

/// The changes of one caller in one second.
struct Burst<'a> {
    when: Timestamp,
    who: String,
    done: Done,
    changes: Vec<&'a PlannedChange>,
}

fn events<'a>(dated: &[&'a PlannedChange]) -> Vec<Burst<'a>> {
    let caused = dated.iter().filter_map(|change| Some((when(change)?, change.caused_by.as_ref()?, *change)));
    let bursts = together(caused, |(when, cause, _)| (when.as_second(), cause::person(cause), cause.done));
    let mut events: Vec<Burst<'a>> = bursts
        .into_iter()
        .filter_map(|((_, who, done), all)| {
            let when = all.first()?.0;
            Some(Burst { when, who, done, changes: all.into_iter().map(|(_, _, change)| change).collect() })
        })
        .collect();
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
    let sort = Counted::of(change, Side::Drift);
    let group = resource_group(stands_on(change).as_ref());
    // Where names are not unique, titles say it.
    let group = group.filter(|group| !change.title.contains(&format!(" in {group}")));
    let fields = if change.differs == Some(Differs::Missing) { Vec::new() } else { compared(change, true) };
    let said = told(change).into_iter().chain(change.cause_unknown.clone());
    html! {
        li data-item {
            p.head {
                span.badge.(sort.look().class()) { (sort.word()) } " " b { (T(&change.title)) } " "
                @if let Some(group) = group { span.about { "in " (T(group)) } " " }
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
                                @match words::both(&short.after, &short.before) {
                                    Some([spec, live]) => {
                                        td { (side(&spec, true)) }
                                        td { (side(&live, false)) }
                                    }
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

/// What else the activity log says. The caller's address is in JSON only: more people see a page than need it.
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
