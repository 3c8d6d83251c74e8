//! A plan as a page: who gains and loses access first, then the changes of each account, folded if there are many.

use maud::{Markup, html};

use super::T;
use super::changes::{about, resource_group, shortened, side, value};
use super::page::{HtmlPage, counts, filter, place};
use crate::document::access::{AccessChange, Holder};
use crate::document::keys::Keys;
use crate::document::{Action, FieldEntry, Plan, PlannedChange};
use crate::plan::apart::Apart;
use crate::render::access::{how, limit, limits, who};
use crate::render::alike::together;
use crate::render::entry::Entry;
use crate::render::groups::{ChangeGroup, grouped};
use crate::render::people::said_once;
use crate::render::summary::{Side, nothing, upper};
use crate::render::text::{entries, fields, label, plain, plural};
use crate::render::words;

/// Up to this many changes are shown unfolded.
const UNFOLDED: usize = 40;

/// The page of `plan --format html`.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let plan = &said_once(plan);
    let body = html! {
        (counts(plan, Side::Plan))
        (access(plan))
        (changes(plan))
        (incomplete(plan))
    };
    HtmlPage {
        command: "plan",
        about: about(plan),
        said: said(plan),
        target: Some(&plan.target),
        requests: Some(plan.requests),
        findings: &plan.findings,
    }
    .with(&body)
}

fn said(plan: &Plan) -> String {
    let (counts, pending) = (&plan.summary, plan.summary.pending());
    let refused = if plan.is_refused() { "; refused by a guard" } else { "" };
    if let Some(nothing) = nothing(plan) {
        return format!("{}{refused}", upper(nothing));
    }
    let cannot = match counts.unknown + counts.refused {
        0 => String::new(),
        open => format!(", {open} that cannot be made"),
    };
    format!("{pending} {}{cannot}{refused}", plural(pending, "change", "changes"))
}

/// Who gains and who loses.
fn access(plan: &Plan) -> Markup {
    let apart = Apart::in_plan(plan);
    html! {
        @if !plan.access.is_empty() {
            section {
                h2 { "Who gains and who loses access to models" (limits(plan)) }
                div.scroll tabindex="0" role="region" aria-label="Who gains and who loses access to models" {
                    table.plain.access {
                        caption.hidden { "Who gains and who loses, by account" }
                        thead { tr { th scope="col" { "Account" } th scope="col" { "Gains" } th scope="col" { "Loses" } } }
                        tbody { @for change in &plan.access { (account(change, &apart)) } }
                    }
                }
            }
        }
    }
}

fn account(change: &AccessChange, apart: &Apart) -> Markup {
    let (gained, lost) = match change.keys.map(|keys| keys.after) {
        Some(Some(Keys::Enabled)) => (true, false),
        Some(_) => (false, true),
        None => (false, false),
    };
    html! {
        tr {
            th scope="row" { (T(apart.named(&change.account, &change.id))) }
            td { ul.people {
                @if gained { li.gains { b { "+" } " anyone with an API key" } }
                @for (ways, holders) in by_ways(&change.gains) { (people("gains", "+", &ways, &holders)) }
            } }
            td { ul.people {
                @if lost { li.loses { b { "-" } " anyone with an API key" } }
                @for (ways, holders) in by_ways(&change.loses) { (people("loses", "-", &ways, &holders)) }
                @for holder in &change.restricted {
                    li.loses {
                        b { "-" } " " (T(who(holder)))
                        span.more { "can only " (limit(holder)) ", by:" }
                        @for way in &holder.through { span.more { (T(how(way))) } }
                    }
                }
            } }
        }
    }
}

/// Principals with the same roles on the same scopes, together.
fn by_ways(holders: &[Holder]) -> Vec<(Vec<String>, Vec<&Holder>)> {
    together(holders, |holder| holder.through.iter().map(how).collect())
}

fn people(class: &str, sign: &str, ways: &[String], holders: &[&Holder]) -> Markup {
    html! {
        li.(class) {
            @for holder in holders { div { b { (sign) } " " (T(who(holder))) } }
            @for way in ways { span.more { (T(way)) } }
        }
    }
}

fn changes(plan: &Plan) -> Markup {
    let entries = entries(plan, false, false);
    let open = entries.len() <= UNFOLDED;
    let groups = grouped(entries);
    html! {
        @if !groups.is_empty() {
            section {
                h2 { "Changes" }
                div.tools.unready {
                    (filter("filter", "Filter changes", "changes"))
                    button type="button" data-fold="open" { "Unfold all" }
                    button type="button" data-fold="close" { "Fold all" }
                    output #shown aria-live="polite" {}
                }
                div #changes { @for group in &groups { (folded(group, open)) } }
            }
        }
    }
}

fn folded(group: &ChangeGroup<'_>, open: bool) -> Markup {
    let title = group.title();
    // Where names are not unique, titles say it.
    let place = resource_group(group.on.as_ref()).filter(|place| !title.contains(&format!(" in {place}")));
    html! {
        details.group open[open] {
            summary {
                h3 { (T(&title)) @if let Some(group) = place { " " span.about { "in " (T(group)) } } }
                " " span.totals {
                    @for (count, sort) in group.totals() { span.badge.(sort.look().class()) { (count) " " (sort.words(count)) } " " }
                }
            }
            ul.changes { @for entry in &group.entries { (item(entry)) } }
        }
    }
}

fn item(entry: &Entry<'_>) -> Markup {
    let Some(change) = entry.changes.first().copied() else { return html! {} };
    let fields = fields(change, false);
    html! {
        li data-item {
            p.head { span.badge.(entry.sort.look().class()) { (entry.sort.word()) } " " b { (T(&change.title)) } " " (place(change.source.as_ref())) }
            @for said in entry.all_told() { p.more { (T(said)) } }
            @if !fields.is_empty() {
                table.fields {
                    caption.hidden { "Fields of " (T(&change.title)) }
                    tbody { @for field in fields { (row(change, field)) } }
                }
            }
        }
    }
}

fn row(change: &PlannedChange, whole: &FieldEntry) -> Markup {
    html! {
        tr {
            th scope="row" { (T(label(&change.kind, whole))) }
            td { (becomes(change, whole)) }
            td { (place(whole.source.as_ref())) }
        }
    }
}

/// The new and the old value of a field.
fn becomes(change: &PlannedChange, whole: &FieldEntry) -> Markup {
    let field = &shortened(whole);
    let kind = change.kind.as_str();
    let absent = change.action == Action::Refused && field.before.is_null();
    if change.action == Action::Create || absent || whole.before == whole.after {
        let is_default = field.source.is_none() && change.action != Action::Update;
        return html! { (value(kind, field, &field.after)) @if is_default { " " span.about { "default" } } };
    }
    // The unchanged part of a long value is left out only if Azure showed it, not if a file claims it.
    if !change.unverified
        && let Some([before, after]) = words::both(&field.before, &field.after)
    {
        return html! {
            div { span.about { "before" } (side(&before, true)) }
            div { span.about { "after" } (side(&after, false)) }
        };
    }
    let (Some(before), Some(after)) = (field.before.as_array(), field.after.as_array()) else {
        return html! { del { (value(kind, field, &field.before)) } " " span.arrow { "->" } " " ins { (value(kind, field, &field.after)) } };
    };
    let gone = before.iter().filter(|element| !after.contains(element));
    let new = after.iter().filter(|element| !before.contains(element));
    let kept = after.iter().filter(|element| change.unverified && before.contains(element));
    html! {
        ul.elements {
            @for element in gone { li { "- " del { code { (T(plain(element))) } } } }
            @for element in new { li { "+ " ins { code { (T(plain(element))) } } } }
            @for element in kept { li { "= " code { (T(plain(element))) } } }
        }
    }
}

/// What could not be read.
pub(super) fn incomplete(plan: &Plan) -> Markup {
    html! {
        @if !plan.incomplete.is_empty() {
            section {
                h2 { "Not read completely" }
                ul { @for gap in &plan.incomplete { li { code { (T(&gap.scope)) } ": " (T(&gap.reason)) } } }
            }
        }
    }
}
