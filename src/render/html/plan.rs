//! A plan as a page: who gains and who loses on top, then the changes of each account, folded where there are many.

use maud::{Markup, html};

use super::T;
use super::changes::{ChangePlace, block, by_place, shortened, stacks, value};
use super::page::{HtmlPage, filter, place, tiles};
use crate::document::access::{AccessChange, Holder};
use crate::document::keys::Keys;
use crate::document::{Action, FieldEntry, Plan, PlannedChange};
use crate::render::access::{how, limit, limits, who};
use crate::render::cause;
use crate::render::summary::{NOT_OWNED, not_read};
use crate::render::text::{along, fields, hearsay, label, omitted, plain, plural, shown_changes};
use crate::render::words;

/// So many changes are shown unfolded.
const UNFOLDED: usize = 40;

/// A plan.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let body = html! {
        (counts(plan))
        (access(plan))
        (changes(plan))
        (incomplete(plan))
    };
    HtmlPage {
        command: "plan",
        about: stacks(&plan.changes),
        said: said(plan),
        target: Some(&plan.target),
        requests: Some(plan.requests),
        findings: &plan.findings,
    }
    .with(&body)
}

fn said(plan: &Plan) -> String {
    let counts = &plan.summary;
    let pending = counts.pending();
    let refused = if plan.is_refused() { "; a guard refuses it" } else { "" };
    match (pending, counts.unknown + counts.refused) {
        (0, 0) if !plan.incomplete.is_empty() => format!("No changes in what could be read{refused}"),
        (0, 0) => format!("No changes{refused}"),
        (0, _) => format!("Nothing can be written{refused}"),
        (_, 0) => format!("{pending} {} to make{refused}", plural(pending, "change", "changes")),
        (_, open) => {
            format!(
                "{pending} {} to make, {open} that cannot be made{refused}",
                plural(pending, "change", "changes")
            )
        }
    }
}

fn counts(plan: &Plan) -> Markup {
    let counts = &plan.summary;
    tiles(&[
        (counts.refused, "refused", "bad"),
        (counts.unknown, "unknown", "bad"),
        (plan.incomplete.len(), not_read(plan), "bad"),
        (counts.create, "to create", "good"),
        (counts.restore, "to restore", "good"),
        (counts.update, "to update", "changed"),
        (counts.adopt, "to adopt", "changed"),
        (counts.delete, "to delete", "bad"),
        (counts.unmanaged_drift, "undeclared", "changed"),
        (counts.unmanaged_unknown, "undeclared and not judged", "changed"),
        (plan.drifted(), "drifted", "changed"),
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

/// Who gains and who loses.
fn access(plan: &Plan) -> Markup {
    html! {
        @if !plan.access.is_empty() {
            section {
                h2 { "Who gains and who loses access to models" (limits(plan)) }
                div.scroll tabindex="0" role="region" aria-label="Who gains and who loses access to models" {
                    table.plain.access {
                        caption.hidden { "Who gains and who loses, by account" }
                        thead { tr { th scope="col" { "Account" } th scope="col" { "Gains" } th scope="col" { "Loses" } } }
                        tbody { @for change in &plan.access { (account(change)) } }
                    }
                }
            }
        }
    }
}

fn account(change: &AccessChange) -> Markup {
    let (gained, lost) = match change.keys.map(|keys| keys.after) {
        Some(Some(Keys::Enabled)) => (true, false),
        Some(_) => (false, true),
        None => (false, false),
    };
    html! {
        tr {
            th scope="row" { (T(&change.account)) }
            td { ul.people {
                @if gained { li.gains { b { "+" } " anyone with an API key" } }
                @for (ways, holders) in alike(&change.gains) { (people("gains", "+", &ways, &holders)) }
            } }
            td { ul.people {
                @if lost { li.loses { b { "-" } " anyone with an API key" } }
                @for (ways, holders) in alike(&change.loses) { (people("loses", "-", &ways, &holders)) }
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

/// Those who have the same ways in, together.
fn alike(holders: &[Holder]) -> Vec<(Vec<String>, Vec<&Holder>)> {
    let mut groups: Vec<(Vec<String>, Vec<&Holder>)> = Vec::new();
    for holder in holders {
        let ways: Vec<String> = holder.through.iter().map(how).collect();
        match groups.iter_mut().find(|(known, _)| *known == ways) {
            Some((_, holders)) => holders.push(holder),
            None => groups.push((ways, vec![holder])),
        }
    }
    groups
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
    let shown = shown_changes(plan, false);
    let groups = by_place(shown.iter().copied());
    let open = shown.len() <= UNFOLDED;
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
                div #changes { @for (place, changes) in &groups { (group(place, changes, open)) } }
            }
        }
    }
}

fn group(at: &ChangePlace, changes: &[&PlannedChange], open: bool) -> Markup {
    let (what, name) = at.title();
    html! {
        details.group open[open] {
            summary {
                h3 { span.what { (T(what)) } " " (T(name)) @if let Some(group) = at.group() { " " span.about { "in " (T(group)) } } }
                " " (totals(changes))
            }
            ul.changes { @for change in changes { (item(change)) } }
        }
    }
}

/// How many changes of each sort, in the words of their badges.
fn totals(changes: &[&PlannedChange]) -> Markup {
    let mut counts: Vec<(&'static str, &'static str, usize)> = Vec::new();
    for change in changes {
        let (word, look) = badge(change.action);
        match counts.iter_mut().find(|(known, _, _)| *known == word) {
            Some((_, _, count)) => *count += 1,
            None => counts.push((word, look, 1)),
        }
    }
    html! { span.totals { @for (word, look, count) in counts { span.badge.(look) { (count) " " (word) } " " } } }
}

fn badge(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Create => ("create", "good"),
        Action::Restore => ("restore", "good"),
        Action::Update => ("update", "changed"),
        Action::Adopt => ("adopt", "changed"),
        Action::Delete => ("delete", "bad"),
        Action::Refused => ("refused", "bad"),
        Action::Unknown => ("unknown", "bad"),
        Action::UnmanagedDrift => ("undeclared", "changed"),
        Action::UnmanagedUnknown => ("not judged", "changed"),
        Action::Unmanaged => ("unmanaged", "quiet"),
        Action::CoManaged => ("of another team", "quiet"),
        Action::Noop => ("unchanged", "quiet"),
    }
}

fn item(change: &PlannedChange) -> Markup {
    let (word, look) = badge(change.action);
    // Why something could not be read stands among the findings, with what to do.
    let reason = change.reason.clone().filter(|_| change.action != Action::Unknown);
    let said: Vec<String> = reason
        .into_iter()
        .chain(cause::line(change, false).map(|line| line.to_string()))
        .chain(omitted(change).into_iter().map(|what| format!("drift: {what}")))
        .chain(along(change))
        .chain(hearsay(change))
        .collect();
    let fields = fields(change, true);
    html! {
        li data-item {
            p.head { span.badge.(look) { (word) } " " b { (T(&change.title)) } " " (place(change.source.as_ref())) }
            @for said in &said { p.more { (T(said)) } }
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

/// What a field becomes, and what it was.
fn becomes(change: &PlannedChange, whole: &FieldEntry) -> Markup {
    let field = &shortened(whole);
    let kind = change.kind.as_str();
    let absent = change.action == Action::Refused && field.before.is_null();
    if change.action == Action::Create || absent || whole.before == whole.after {
        let is_default = field.source.is_none() && change.action != Action::Update;
        return html! { (value(kind, field, &field.after)) @if is_default { " " span.about { "default" } } };
    }
    // What stays is left out of a long value only where Azure says that it was there, not where a file does.
    if !change.unverified
        && let Some(lines) = words::changed(&field.before, &field.after, words::GOES_AND_COMES)
    {
        return block(&lines);
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
                h2 { "Not read whole" }
                ul { @for gap in &plan.incomplete { li { code { (T(&gap.scope)) } ": " (T(&gap.reason)) } } }
            }
        }
    }
}
