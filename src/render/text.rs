//! Plans and reports as text: aligned, coloured on a terminal, and clear without colour.
//!
//! Works on the documents alone, so a saved plan looks as it did when it was made. Everything from Azure or a spec passes through
//! `sanitize`. Styles are ANSI sequences that the output stream strips where they do not belong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::access::changes;
use super::cause;
use super::entry::{DEFAULT, Entry, Shown};
use super::groups;
use super::page::{self, Line, Page, fold, laid_out};
use super::people;
use super::remarks::{self, NAMED, OF_FINDINGS};
use super::summary::{Counted, Side, listed, summary};
use super::weight::{Prominence, decides, opens_new, weight};
use super::words;
use crate::diff::field;
use crate::document::report::{Report, Tally};
use crate::document::{Action, FieldEntry, FindingEntry, Plan, PlannedChange, Requests, Target, dotted_path};
use crate::id::ResourceId;
use crate::kinds::{self, Compare, Kind};
use crate::plan::apart::stands_on;
use crate::plan::saved::Hearsay;
use crate::text::sanitize::sanitize;
use crate::text::source::Position;

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const CHANGED: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const QUIET: Style = Style::new().dimmed();
pub(super) const STRONG: Style = Style::new().bold();

/// The sign and style of an action.
fn look(action: Action) -> (&'static str, Style) {
    match action {
        Action::Create | Action::Restore => ("+", GOOD),
        Action::Update => ("~", CHANGED),
        Action::Adopt => ("@", CHANGED),
        Action::Delete => ("-", BAD),
        Action::Refused | Action::Unknown => ("!", BAD),
        Action::Unmanaged => ("?", QUIET),
        Action::UnmanagedDrift | Action::UnmanagedUnknown => ("?", CHANGED),
        Action::Noop | Action::CoManaged => ("=", QUIET),
    }
}

/// What `plan` prints.
#[must_use]
pub fn plan(plan: &Plan, page: Page) -> String {
    let mut text = plan_to_apply(plan, page);
    target(&mut text, &plan.target);
    fold(&text, page)
}

/// A plan that is applied next: the question and the report name the target.
#[must_use]
pub fn plan_to_apply(plan: &Plan, page: Page) -> String {
    let plan = &*people::plan(plan, page.verbose);
    let entries = entries(plan, page.verbose, true);
    let mut text = body(plan, groups::text(entries, page), page, Side::Plan);
    summary(&mut text, plan);
    fold(&text, page)
}

/// The changes as entries; `address` as for `cause::line`. What a guard judged is most important.
pub(super) fn entries(plan: &Plan, verbose: bool, address: bool) -> Vec<Entry<'_>> {
    let judged = plan.findings.iter().filter(|finding| finding.is_judgement());
    let judged: BTreeSet<&str> = judged.filter_map(|finding| finding.resource.as_deref()).collect();
    let weighed = |change| {
        let entry = entry(change, verbose, address);
        let weight = if judged.contains(change.id.as_str()) { Prominence::Guarded } else { entry.weight };
        Entry { weight, ..entry }
    };
    shown_changes(plan, verbose).into_iter().map(weighed).collect()
}

/// The changes that are shown; unchanged and co-managed resources only if `verbose`.
pub(super) fn shown_changes(plan: &Plan, verbose: bool) -> Vec<&PlannedChange> {
    let quiet = |action| matches!(action, Action::Noop | Action::CoManaged);
    let mut shown: Vec<&PlannedChange> = plan
        .changes
        .iter()
        .filter(|change| verbose || !quiet(change.action) || change.is_drifted())
        .collect();
    // In the order of the spec, where children follow their account, whichever file declares them. Undeclared resources come last.
    let accounts: BTreeMap<ResourceId, &Position> = plan
        .changes
        .iter()
        .filter_map(|change| Some((ResourceId::parse(&change.id).ok()?, change.source.as_ref()?)))
        .collect();
    shown.sort_by_cached_key(|change| {
        let account = stands_on(change).and_then(|on| accounts.get(&on).copied());
        let is_other = account != change.source.as_ref();
        (
            change.source.is_none(),
            account.or(change.source.as_ref()).cloned(),
            is_other,
            change.source.clone(),
        )
    });
    shown
}

/// Fields that the spec omits and that are not as they must be on creation.
pub(super) fn omitted(change: &PlannedChange) -> Vec<String> {
    let said = |field: &FieldEntry| {
        let [live, default] = [&field.before, &field.after].map(|value| worded(&change.kind, field, value));
        let (label, name) = (label(&change.kind, field), dotted_path(&field.path));
        format!("{label} {live} (default at creation: {default}; the spec does not set `{name}`)")
    };
    change.omitted.iter().map(said).collect()
}

/// The declared fields that Azure does not show.
pub(super) fn not_compared(change: &PlannedChange) -> Option<String> {
    let fields = change.not_compared.join("`, `");
    (!fields.is_empty()).then(|| format!("not compared: `{fields}`"))
}

/// What is deleted with a resource.
pub(super) fn along(change: &PlannedChange) -> Option<String> {
    (!change.along.is_empty()).then(|| format!("with it: {}", change.along.join(", ")))
}

/// Everything except the last lines: the changes, who gains and loses access, and findings.
pub(super) fn body(plan: &Plan, mut text: String, page: Page, side: Side) -> String {
    if !text.is_empty() {
        text.push('\n');
    }
    let room = |text: &String| LINES.saturating_sub(text.lines().count());
    let most = room(&text) / 3;
    changes(&mut text, plan, page, side, most);
    let most = room(&text).min(OF_FINDINGS);
    remarks::text(&mut text, &plan.findings, page, most);
    text
}

/// A change in a plan's words; `address` as for `cause::line`.
pub(super) fn entry(change: &PlannedChange, verbose: bool, address: bool) -> Entry<'_> {
    let sort = Counted::of(change, Side::Plan);
    let (sign, style) = look(if sort == Counted::Drifted { Action::UnmanagedDrift } else { change.action });
    // A finding says why something could not be read, and what to do.
    let reason = change.reason.as_ref().filter(|_| change.action != Action::Unknown);
    // The sign is the same for undeclared resources that are not drift.
    let weighed = match change.action {
        Action::UnmanagedDrift => "drift: ",
        Action::UnmanagedUnknown => "not known whether it is drift: ",
        _ => "",
    };
    let reason = reason.map(|reason| format!("{weighed}{reason}"));
    let field = |field| Shown {
        label: label(&change.kind, field),
        lines: shown(change, field),
        decides: decides(&change.kind, field),
        opens: opens_new(&change.kind, field),
        places: field.source.iter().cloned().collect(),
    };
    Entry {
        changes: vec![change],
        sign,
        style,
        sort,
        weight: weight(change, sort),
        is_new: matches!(change.action, Action::Create | Action::Restore),
        title: change.title.clone(),
        items: Vec::new(),
        besides: besides(change),
        told: reason.into_iter().chain(not_compared(change)).chain(hearsay(change)).collect(),
        cause: cause::line(change, address),
        fields: fields(change, verbose).into_iter().map(field).collect(),
        places: change.source.iter().collect(),
    }
}

/// What happens besides the change itself: drift of omitted fields, and what is deleted with it.
fn besides(change: &PlannedChange) -> Vec<String> {
    let drift = omitted(change).into_iter().map(|what| format!("drift: {what}"));
    drift.chain(along(change)).collect()
}

/// The fields that are shown of a change, without those that the title says already.
pub(super) fn fields(change: &PlannedChange, verbose: bool) -> Vec<&FieldEntry> {
    let kind = kinds::by_name(&change.kind);
    let row = |entry: &FieldEntry| kind.and_then(|kind| field(kind, &entry.path));
    let is_told = |entry: &FieldEntry| {
        let said = entry.after.as_str().map(|word| format!(" -> {word} "));
        kind.is_some_and(Kind::is_grant)
            && entry.before.is_null()
            && said.is_some_and(|said| change.title.contains(&said))
    };
    let is_shown = |entry: &&FieldEntry| {
        row(entry).is_none_or(|row| row.compare != Compare::Identity) && (verbose || !is_told(entry))
    };
    change.fields.iter().filter(is_shown).collect()
}

/// What a change waits for, and what a file calls it.
pub(super) fn hearsay(change: &PlannedChange) -> Vec<String> {
    // What a delete waits for is deleted too.
    let after = change.after.iter().filter(|_| change.action != Action::Delete);
    let mut lines: Vec<String> = after.map(|id| format!("waits for `{id}`")).collect();
    let called = change.called.iter();
    lines.extend(called.map(|title| format!("called \"{title}\" in the plan, unverified")));
    // Ids and fields say what is written. For the rest a file has only words.
    if change.unverified && !change.action.writes() {
        lines.push("as the plan says, unverified".to_owned());
    }
    lines
}

/// What a plan from a file writes, by id, since its names and titles are not verified.
#[must_use]
pub fn writes(plan: &Plan) -> String {
    let written: Vec<&PlannedChange> = plan.changes.iter().filter(|change| change.action.writes()).collect();
    if written.is_empty() {
        return String::new();
    }
    let mut text = String::from("what the plan writes, by id:\n");
    for change in written {
        let verb = match change.action {
            Action::Create => "create",
            Action::Restore => "restore",
            Action::Delete => "delete",
            Action::Adopt => "adopt",
            _ => "update",
        };
        let stack = change.stack.as_deref().unwrap_or("?");
        if let Some(purged) = &change.purge {
            let _ = writeln!(text, "  purge    {} (stack {})", sanitize(purged), sanitize(stack));
        }
        let _ = writeln!(text, "  {verb:8} {} (stack {})", sanitize(&change.id), sanitize(stack));
    }
    text
}

/// How much of a plan from a file is not shown, because it cannot be verified.
#[must_use]
pub fn left_out(hearsay: &Hearsay) -> String {
    if hearsay.is_empty() {
        return String::new();
    }
    let (entries, findings) = (hearsay.entries, hearsay.findings);
    let what = listed(&[
        (entries, plural(entries, "entry that changes nothing", "entries that change nothing")),
        (findings, plural(findings, "finding", "findings")),
    ]);
    let errors =
        if hearsay.errors { "; according to it, part of the specs could not be planned" } else { "" };
    format!(
        "not shown, because only the file says so: {what}{errors} (`keyless show` shows it; to check it, pass the specs too)\n"
    )
}

fn wording(kind: &str, field: &FieldEntry, value: &Value) -> Option<(&'static str, &'static str)> {
    kinds::by_name(kind)?.wording(&field.path, value)
}

pub(super) fn label(kind: &str, field: &FieldEntry) -> String {
    match wording(kind, field, &field.after) {
        Some((label, _)) => label.to_owned(),
        None => sanitize(&dotted_path(&field.path)).into_owned(),
    }
}

pub(super) fn worded(kind: &str, field: &FieldEntry, value: &Value) -> String {
    match wording(kind, field, value) {
        Some((_, word)) => word.to_owned(),
        None => plain(value),
    }
}

/// The lines that show one field: long values word by word where they change.
fn shown(change: &PlannedChange, field: &FieldEntry) -> Vec<words::StyledText> {
    let (before, after) = words::shortened(&field.before, &field.after);
    // Compared before shortening.
    let is_same = field.before == field.after;
    let field = &FieldEntry { before, after, ..field.clone() };
    // The unchanged part of a long value is left out only if Azure showed it, not if a file claims it.
    let whole = change.action == Action::Create || change.unverified || is_same;
    let long = if whole || field.before.is_null() {
        words::block(&field.after)
    } else {
        words::changed(&field.before, &field.after)
    };
    let short = || {
        let line = |(plain, style): (String, Style)| words::StyledText {
            styled: format!("{style}{plain}{style:#}"),
            plain,
        };
        values(change, field).into_iter().map(line).collect()
    };
    long.unwrap_or_else(short)
}

/// The lines that show one field: its new and old value, or the elements added and removed.
fn values(change: &PlannedChange, field: &FieldEntry) -> Vec<(String, Style)> {
    let (kind, action) = (change.kind.as_str(), change.action);
    let absent = action == Action::Refused && field.before.is_null();
    // A value that is written is shown even if a file claims that it is live already.
    if action == Action::Create || absent || field.before == field.after {
        let default = if field.source.is_none() && action != Action::Update { DEFAULT } else { "" };
        // One line for each element that is an object.
        let objects = field.after.as_array().filter(|items| items.iter().any(Value::is_object));
        if let Some(items) = objects {
            return items.iter().map(|element| (plain(element), Style::new())).collect();
        }
        return vec![(format!("{}{default}", worded(kind, field, &field.after)), Style::new())];
    }
    let (Some(before), Some(after)) = (field.before.as_array(), field.after.as_array()) else {
        let (before, after) = (worded(kind, field, &field.before), worded(kind, field, &field.after));
        return vec![(format!("{before} -> {after}"), CHANGED)];
    };
    let gone = before.iter().filter(|element| !after.contains(element));
    let new = after.iter().filter(|element| !before.contains(element));
    // An element that is unchanged only according to a file is shown too.
    let kept = after.iter().filter(|element| change.unverified && before.contains(element));
    gone.map(|element| (format!("- {}", plain(element)), BAD))
        .chain(new.map(|element| (format!("+ {}", plain(element)), GOOD)))
        .chain(kept.map(|element| (format!("= {}", plain(element)), QUIET)))
        .collect()
}

/// A value in a few words.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => sanitize(text).into_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(map) if map.is_empty() => "none".to_owned(),
        Value::Object(map) => {
            let members = map.iter().map(|(name, value)| format!("{}: {}", sanitize(name), plain(value)));
            members.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// So many lines a text has at most without `-v`, apart from its last ones.
const LINES: usize = 490;
pub(super) fn plural<'a>(count: usize, one: &'a str, many: &'a str) -> &'a str {
    if count == 1 { one } else { many }
}

pub(super) fn requests(requests: Requests) -> String {
    let Requests { reads, writes } = requests;
    let count =
        |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    format!("{}, {}", count(reads, "read", "reads"), count(writes, "write", "writes"))
}

pub(super) fn target(text: &mut String, target: &Target) {
    let _ = writeln!(text, "{STRONG}Target:{STRONG:#} {}", sanitize(&target.to_string()));
}

/// Findings alone, for a file; a terminal shows them as a compiler does.
#[must_use]
pub fn validation(entries: &[FindingEntry]) -> String {
    let mut text = String::new();
    remarks::text(&mut text, entries, Page::endless(true), OF_FINDINGS);
    text
}

/// A line with a word, a title, and where it is declared.
pub(super) fn headed(word: &str, style: Style, title: &str, place: Option<&Position>) -> String {
    let title = sanitize(title);
    let line = Line {
        plain: format!("  {word} {title}"),
        styled: format!("  {style}{word}{style:#} {title}"),
        place: place.map(page::place),
        aligned: false,
    };
    laid_out(&[line], Page::default())
}

/// The number of resources by result.
pub(super) fn counted(tally: &Tally) -> String {
    let counted = tally.counted().into_iter().map(|(count, what)| format!("{count} {what}"));
    counted.collect::<Vec<_>>().join(", ")
}

/// The most endpoints that are shown without `-v`.
const OUTPUTS: usize = 20;

/// The last lines of `apply`, after its steps.
#[must_use]
pub fn report(report: &Report, page: Page) -> String {
    let mut text = String::from("\n");
    let verbose = page.verbose || report.findings.len() <= NAMED;
    let findings = people::findings(&report.findings, page.verbose);
    remarks::text(&mut text, &findings, Page { verbose, ..page }, OF_FINDINGS);
    let outputs =
        report.steps.iter().flat_map(|step| step.outputs.iter().map(|output| (&step.title, output)));
    // A resource with two steps has the same outputs twice.
    let mut told = Vec::new();
    for (title, output) in outputs {
        if !told.contains(&(title, output)) {
            told.push((title, output));
        }
    }
    let named = if page.verbose { told.len() } else { OUTPUTS };
    for (title, output) in told.iter().take(named) {
        let value = sanitize(&output.value);
        let _ = match output.name.as_str() {
            // It says itself of what.
            name @ ("verified" | "not verified") => writeln!(text, "{name}: {value}"),
            name => writeln!(text, "{name} of {}: {value}", sanitize(title)),
        };
    }
    if let Some(more) = told.len().checked_sub(named).filter(|more| *more > 0) {
        let _ = writeln!(text, "… and {more} more; `keyless outputs` lists them");
    }
    let tally = &report.summary;
    let is_whole = tally.failed + tally.skipped + tally.refused + tally.unknown == 0;
    let style = if is_whole { GOOD } else { BAD };
    let (counted, requests) = (counted(tally), requests(report.requests));
    let _ = writeln!(text, "{style}Applied:{style:#} {counted}. {requests}.");
    target(&mut text, &report.target);
    fold(&text, page)
}
