//! Plans and reports as text for people: aligned, coloured on a terminal, clear without colour.
//!
//! Works on the documents alone, so that a saved plan looks as it did when it was made. Everything that came from Azure or a
//! spec passes through `sanitize`; styles are ANSI sequences that the output stream strips where they do not belong.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::access::{Side, changes};
use super::alike::Alike;
use super::cause;
use super::entry::{Counted, DEFAULT, Entry, Prominence, Shown};
use super::groups;
use super::page::{self, Line, Page, fold, laid_out};
use super::summary::{listed, summary};
use super::words;
use crate::diff::field;
use crate::document::report::{Outcome, Report, Status, Tally};
use crate::document::{
    Action, FieldEntry, FindingEntry, Plan, PlannedChange, Requests, StepAction, Target, dotted_path,
};
use crate::finding::Severity;
use crate::kinds::{self, Compare, Kind};
use crate::plan::saved::Hearsay;
use crate::source::Position;
use crate::text::sanitize::sanitize;

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const CHANGED: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const QUIET: Style = Style::new().dimmed();
pub(super) const STRONG: Style = Style::new().bold();
/// How an action shows: its sign and style.
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

/// A plan.
#[must_use]
pub fn plan(plan: &Plan, page: Page) -> String {
    let entries = entries(plan, page.verbose, true);
    let mut text = body(plan, groups::text(entries, page), page, Side::Plan);
    summary(&mut text, plan);
    fold(&text, page)
}

/// What people read of the changes; `address` as for `cause::line`. What a guard judged weighs most.
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

/// The changes that people read of, quiet ones only where asked for.
pub(super) fn shown_changes(plan: &Plan, verbose: bool) -> Vec<&PlannedChange> {
    let quiet = |action| matches!(action, Action::Noop | Action::CoManaged);
    let mut shown: Vec<&PlannedChange> =
        plan.changes.iter().filter(|change| verbose || !quiet(change.action) || is_drifted(change)).collect();
    // As in the spec: what stands on an account follows it. What no spec declares comes last.
    shown.sort_by_key(|change| (change.source.is_none(), change.source.as_ref()));
    shown
}

/// Whether nothing is written, although what the spec omits is no longer as it was created.
fn is_drifted(change: &PlannedChange) -> bool {
    change.action == Action::Noop && !change.omitted.is_empty()
}

/// What is drift of a resource although its spec says nothing of it.
pub(super) fn omitted(change: &PlannedChange) -> Vec<String> {
    let said = |field: &FieldEntry| {
        let [live, default] = [&field.before, &field.after].map(|value| worded(&change.kind, field, value));
        let (label, name) = (label(&change.kind, field), dotted_path(&field.path));
        format!("{label} {live} (keyless created it with: {default}; the spec does not set `{name}`)")
    };
    change.omitted.iter().map(said).collect()
}

/// What goes with a deleted resource.
pub(super) fn along(change: &PlannedChange) -> Option<String> {
    (!change.along.is_empty()).then(|| format!("with it: {}", change.along.join(", ")))
}

/// All but the last lines: the changes, who gains and loses, and findings.
pub(super) fn body(plan: &Plan, mut text: String, page: Page, side: Side) -> String {
    if !text.is_empty() {
        text.push('\n');
    }
    changes(&mut text, plan, page, side);
    findings(&mut text, &plan.findings, page.verbose);
    text
}

/// How what drifted in nothing declared is counted.
const DRIFTED: Counted = (7, "drifted");

/// How a change of a plan is counted.
fn counted_as(action: Action) -> Counted {
    match action {
        Action::Create => (0, "to create"),
        Action::Restore => (1, "to restore"),
        Action::Update => (2, "to update"),
        Action::Adopt => (3, "to adopt"),
        Action::Delete => (4, "to delete"),
        Action::Unknown => (5, "unknown"),
        Action::Refused => (6, "refused"),
        Action::UnmanagedDrift => (7, "undeclared"),
        Action::UnmanagedUnknown => (8, "undeclared and not judged"),
        Action::Noop => (9, "unchanged"),
        Action::Unmanaged => (10, "unmanaged"),
        Action::CoManaged => (11, "of other teams"),
    }
}

/// A change in a plan's words; `address` as for `cause::line`.
pub(super) fn entry(change: &PlannedChange, verbose: bool, address: bool) -> Entry<'_> {
    let (sign, style) = look(if is_drifted(change) { Action::UnmanagedDrift } else { change.action });
    // Why something could not be read stands among the findings, with what to do.
    let reason = change.reason.as_ref().filter(|_| change.action != Action::Unknown);
    // Neither sign nor colour tells what is only listed from what counts.
    let weighed = match change.action {
        Action::UnmanagedDrift => "drift: ",
        Action::UnmanagedUnknown => "not known whether it is drift: ",
        _ => "",
    };
    let reason = reason.map(|reason| format!("{weighed}{reason}"));
    let field = |field| Shown {
        label: label(&change.kind, field),
        lines: shown(change, field),
        places: field.source.iter().cloned().collect(),
    };
    Entry {
        changes: vec![change],
        sign,
        style,
        counted: if is_drifted(change) { DRIFTED } else { counted_as(change.action) },
        weight: match change.action {
            Action::Update | Action::UnmanagedDrift | Action::UnmanagedUnknown => Prominence::Changed,
            Action::Delete | Action::Refused | Action::Unknown => Prominence::Gone,
            _ => Prominence::New,
        },
        is_new: matches!(change.action, Action::Create | Action::Restore),
        is_idle: !is_drifted(change)
            && matches!(change.action, Action::Noop | Action::CoManaged | Action::Unmanaged),
        title: change.title.clone(),
        items: Vec::new(),
        told: reason
            .into_iter()
            .chain(omitted(change).into_iter().map(|what| format!("drift: {what}")))
            .chain(along(change))
            .chain(hearsay(change))
            .collect(),
        cause: cause::line(change, address),
        fields: fields(change, verbose).into_iter().map(field).collect(),
        places: change.source.iter().collect(),
    }
}

/// The fields that are shown of a change: what only identifies the thing stands in its title, and so may what sort of principal it is for.
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

/// What a change says of itself that nothing else shows: what it waits for, and what a file calls it.
pub(super) fn hearsay(change: &PlannedChange) -> Vec<String> {
    let mut lines: Vec<String> = change.after.iter().map(|id| format!("waits for `{id}`")).collect();
    let called = change.called.iter();
    lines.extend(called.map(|title| format!("called \"{title}\" in the plan, unverified")));
    // What is written is said by ids and fields; of the rest a file has nothing but words.
    if change.unverified && !change.action.writes() {
        lines.push("as the plan says, unverified".to_owned());
    }
    lines
}

/// What a plan from a file writes, by id: names and titles are for reading, this is what is touched.
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

/// How much of a plan from a file is not shown, because nothing but the file says it.
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
    let errors = if hearsay.errors { "; by its word part of the specs could not be planned" } else { "" };
    format!(
        "not shown, because only the file says so: {what}{errors} (`keyless show` shows it; specs beside the plan check it)\n"
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
    // Whether it changes at all is asked of the whole.
    let is_same = field.before == field.after;
    let field = &FieldEntry { before, after, ..field.clone() };
    // What stays is left out of a long value only where Azure says that it was there, not where a file does.
    let whole = change.action == Action::Create || change.unverified || is_same;
    let long = if whole || field.before.is_null() {
        words::block(&field.after)
    } else {
        words::changed(&field.before, &field.after, words::GOES_AND_COMES)
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

/// The lines that show one field: what it becomes, what it was, or which elements come and go.
fn values(change: &PlannedChange, field: &FieldEntry) -> Vec<(String, Style)> {
    let (kind, action) = (change.kind.as_str(), change.action);
    let absent = action == Action::Refused && field.before.is_null();
    // Whatever is written is shown, also where a file says that it is there already.
    if action == Action::Create || absent || field.before == field.after {
        let default = if field.source.is_none() && action != Action::Update { DEFAULT } else { "" };
        // Elements with members of their own take a line each.
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
    // What was there before is hearsay in a file: an element that stays by its word alone is shown too.
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

/// So many findings of one cause are named without `-v`.
const NAMED: usize = 20;
/// So many of one sort without a cause are, unless they are errors.
const OF_A_SORT: usize = 3;

/// Findings, quiet ones only where asked for: their number is said.
pub fn findings(text: &mut String, findings: &[FindingEntry], verbose: bool) {
    let (quiet, loud): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| !verbose && finding.is_quiet());
    for alike in Alike::of(loud) {
        let messages = alike.messages();
        let is_error = alike.findings[0].severity == Severity::Error;
        let shown = match (verbose, alike.is_one_cause() || is_error) {
            (true, _) => messages.len(),
            (false, true) => NAMED,
            (false, false) => OF_A_SORT,
        };
        for (finding, places) in messages.iter().take(shown) {
            let style = match finding.severity {
                Severity::Error => BAD,
                Severity::Warning => CHANGED,
                Severity::Note => STRONG,
            };
            let (severity, code) = (finding.severity, finding.code);
            let _ = writeln!(text, "{style}{severity}[{code}]{style:#}: {}", sanitize(&finding.message));
            let at = match places.as_slice() {
                [] => None,
                [place] => Some(sanitize(&place.to_string()).into_owned()),
                all => page::places(all),
            };
            if let Some(at) = at {
                let _ = writeln!(text, "  {QUIET}at {at}{QUIET:#}");
            }
        }
        let more = messages.len().saturating_sub(shown);
        if more > 0 {
            let same = if alike.is_one_cause() { "of the same cause" } else { "of this sort" };
            let _ = writeln!(text, "… and {more} more {same}; -v names them");
        }
        for (label, said) in alike.more() {
            let _ = writeln!(text, "{label}: {}", sanitize(said));
        }
        text.push('\n');
    }
    let notes = quiet.len();
    if notes > 0 {
        let _ = writeln!(text, "{notes} {}\n", plural(notes, "note; -v shows it", "notes; -v shows them"));
    }
}

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

/// What `validate` found, for a file: on a terminal, people see it as a compiler shows it.
#[must_use]
pub fn validation(entries: &[FindingEntry]) -> String {
    let mut text = String::new();
    findings(&mut text, entries, true);
    text
}

/// A line of a word, a title, and where that is declared.
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

/// One step, as it ends.
#[must_use]
pub fn outcome(outcome: &Outcome, page: Page) -> String {
    let done = match outcome.action {
        StepAction::Create => "created",
        StepAction::Restore => "restored",
        StepAction::Purge => "purged",
        StepAction::Update => "updated",
        StepAction::Delete => "deleted",
    };
    let (word, style) = match outcome.status {
        Status::Done => (done, GOOD),
        Status::Failed => ("failed", BAD),
        Status::Skipped => ("skipped", CHANGED),
    };
    let part = outcome.part.iter().map(|part| format!(": {part}"));
    let title = part.fold(outcome.title.clone(), |title, part| title + &part);
    let mut text = headed(&format!("{word:8}"), style, &title, outcome.source.as_ref());
    // Why a step failed stands among the findings, with what to do.
    if let Some(reason) = outcome.reason.as_ref().filter(|_| outcome.status != Status::Failed) {
        let _ = writeln!(text, "           {QUIET}{}{QUIET:#}", sanitize(reason));
    }
    fold(&text, page)
}

/// How many resources ended how, and what had none.
pub(super) fn counted(tally: &Tally) -> String {
    let counted = tally.counted().into_iter().map(|(count, what)| format!("{count} {what}"));
    counted.collect::<Vec<_>>().join(", ")
}

/// So many endpoints are named without `-v`.
const OUTPUTS: usize = 20;

/// What is left to say when all steps have ended.
#[must_use]
pub fn report(report: &Report, page: Page) -> String {
    let mut text = String::from("\n");
    findings(&mut text, &report.findings, page.verbose || report.findings.len() <= NAMED);
    let outputs =
        report.steps.iter().flat_map(|step| step.outputs.iter().map(|output| (&step.title, output)));
    // A resource that was written twice shows the same twice.
    let mut told = Vec::new();
    for (title, output) in outputs {
        if !told.contains(&(title, output)) {
            told.push((title, output));
        }
    }
    let named = if page.verbose { told.len() } else { OUTPUTS };
    for (title, output) in told.iter().take(named) {
        let _ = writeln!(text, "{} of {}: {}", output.name, sanitize(title), sanitize(&output.value));
    }
    if let Some(more) = told.len().checked_sub(named).filter(|more| *more > 0) {
        let _ = writeln!(text, "… and {more} more; `keyless outputs` lists them");
    }
    let tally = &report.resources();
    let is_whole = tally.failed + tally.skipped + tally.refused + tally.unknown == 0;
    let style = if is_whole { GOOD } else { BAD };
    let (counted, requests) = (counted(tally), requests(report.requests));
    let _ = writeln!(text, "{style}Applied:{style:#} {counted}. {requests}.");
    target(&mut text, &report.target);
    fold(&text, page)
}
