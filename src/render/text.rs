//! Plans and reports as text for people: aligned, coloured on a terminal, clear without colour.
//!
//! Works on the documents alone, so that a saved plan looks as it did when it was made. Everything that came from Azure or a
//! spec passes through `sanitize`; styles are ANSI sequences that the output stream strips where they do not belong.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use super::access::changes;
use super::alike::Alike;
use super::cause;
use super::summary::{listed, summary};
use super::words;
use crate::diff::field;
use crate::document::report::{Outcome, Report, Status, Tally};
use crate::document::{
    Action, FieldEntry, FindingEntry, Plan, PlannedChange, Requests, StepAction, Target, dotted_path,
};
use crate::finding::Severity;
use crate::kinds::{self, Compare};
use crate::plan::saved::Hearsay;
use crate::source::Position;
use crate::text::sanitize::sanitize;

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const CHANGED: Style = AnsiColor::Yellow.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const QUIET: Style = Style::new().dimmed();
pub(super) const STRONG: Style = Style::new().bold();
/// The column of places stands no further right; behind a longer line its place follows after two spaces.
const WIDEST: usize = 100;

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

/// A line of a plan: what it says, plain for measuring and styled for showing, and where that is declared.
pub(super) struct Line {
    pub(super) plain: String,
    pub(super) styled: String,
    pub(super) place: Option<Position>,
    /// Whether the place stands in the column of places; behind a title it follows at once.
    pub(super) aligned: bool,
}

impl Line {
    /// What is said of the line above it.
    pub(super) fn quiet(said: &str) -> Self {
        let styled = format!("      {QUIET}{}{QUIET:#}", sanitize(said));
        Self { plain: String::new(), styled, place: None, aligned: false }
    }
}

/// A plan.
#[must_use]
pub fn plan(plan: &Plan, verbose: bool) -> String {
    let mut lines = Vec::new();
    for change in shown_changes(plan, verbose) {
        planned(&mut lines, change);
    }
    let mut text = body(plan, &lines, verbose);
    summary(&mut text, plan);
    text
}

/// The changes that people read of, quiet ones only where asked for.
pub(super) fn shown_changes(plan: &Plan, verbose: bool) -> Vec<&PlannedChange> {
    let quiet = |action| matches!(action, Action::Noop | Action::CoManaged);
    let mut shown: Vec<&PlannedChange> =
        plan.changes.iter().filter(|change| verbose || !quiet(change.action)).collect();
    // As in the spec: what stands on an account follows it. What no spec declares comes last.
    shown.sort_by_key(|change| (change.source.is_none(), change.source.as_ref()));
    shown
}

/// All but the last lines: the changes, who gains and loses, and findings.
pub(super) fn body(plan: &Plan, lines: &[Line], verbose: bool) -> String {
    let mut text = laid_out(lines);
    if !text.is_empty() {
        text.push('\n');
    }
    changes(&mut text, plan);
    findings(&mut text, &plan.findings, verbose);
    text
}

fn planned(lines: &mut Vec<Line>, change: &PlannedChange) {
    let (sign, style) = look(change.action);
    let title = sanitize(&change.title);
    lines.push(Line {
        plain: format!("  {sign} {title}"),
        styled: format!("  {style}{sign}{style:#} {STRONG}{title}{STRONG:#}"),
        place: change.source.clone(),
        aligned: false,
    });
    // Why something could not be read stands among the findings, with what to do.
    let reason = change.reason.as_ref().filter(|_| change.action != Action::Unknown);
    // Neither sign nor colour tells what is only listed from what counts.
    let weighed = match change.action {
        Action::UnmanagedDrift => "drift: ",
        Action::UnmanagedUnknown => "not known whether it is drift: ",
        _ => "",
    };
    let reason = reason.map(|reason| format!("{weighed}{reason}"));
    let more: Vec<String> = cause::line(change, true).into_iter().chain(hearsay(change)).collect();
    lines.extend(reason.iter().chain(&more).map(|said| Line::quiet(said)));
    of_fields(lines, change, fields(change), |field| shown(change, field));
}

/// Adds the lines of fields: their labels, what is shown of each, and where it is declared.
pub(super) fn of_fields(
    lines: &mut Vec<Line>,
    change: &PlannedChange,
    fields: Vec<&FieldEntry>,
    shown: impl Fn(&FieldEntry) -> Vec<words::Line>,
) {
    let labels: Vec<String> = fields.iter().map(|field| label(&change.kind, field)).collect();
    let width = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
    for (field, label) in fields.into_iter().zip(&labels) {
        for (index, shown) in shown(field).iter().enumerate() {
            let label = if index == 0 { label.as_str() } else { "" };
            let left = format!("      {label:width$}  ");
            lines.push(Line {
                plain: format!("{left}{}", shown.plain),
                styled: format!("{left}{}", shown.styled),
                place: field.source.clone(),
                aligned: true,
            });
        }
    }
}

/// The fields that are shown of a change: what only identifies the thing stands in its title.
pub(super) fn fields(change: &PlannedChange) -> Vec<&FieldEntry> {
    let kind = kinds::by_name(&change.kind);
    let row = |entry: &FieldEntry| kind.and_then(|kind| field(kind, &entry.path));
    let is_shown = |entry: &&FieldEntry| row(entry).is_none_or(|row| row.compare != Compare::Identity);
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

/// Lines with their places in one column at the right.
fn laid_out(lines: &[Line]) -> String {
    let width = |line: &Line| line.plain.chars().count();
    let column = lines.iter().filter(|line| line.aligned).map(width).max().unwrap_or(0).min(WIDEST) + 2;
    let mut text = String::new();
    for line in lines {
        let _ = match &line.place {
            Some(place) => {
                let gap = if line.aligned { column.saturating_sub(width(line)).max(2) } else { 2 };
                let (styled, file) = (&line.styled, sanitize(&place.file));
                writeln!(text, "{styled}{:gap$}{QUIET}{file}:{}{QUIET:#}", "", place.line)
            }
            None => writeln!(text, "{}", line.styled),
        };
    }
    text
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
fn shown(change: &PlannedChange, field: &FieldEntry) -> Vec<words::Line> {
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
        let line = |(plain, style): (String, Style)| words::Line {
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
        let default = if field.source.is_none() && action != Action::Update { "  (default)" } else { "" };
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

/// Findings, quiet ones only where asked for: their number is said.
pub fn findings(text: &mut String, findings: &[FindingEntry], verbose: bool) {
    let (quiet, loud): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| !verbose && finding.is_quiet());
    for alike in Alike::of(loud) {
        let shown = if verbose { alike.findings.len() } else { NAMED };
        for finding in alike.findings.iter().take(shown) {
            let style = match finding.severity {
                Severity::Error => BAD,
                Severity::Warning => CHANGED,
                Severity::Note => STRONG,
            };
            let (severity, code) = (finding.severity, finding.code);
            let _ = writeln!(text, "{style}{severity}[{code}]{style:#}: {}", sanitize(&finding.message));
            if let Some(place) = &finding.source {
                let _ = writeln!(text, "  {QUIET}at {}{QUIET:#}", sanitize(&place.to_string()));
            }
        }
        let more = alike.findings.len().saturating_sub(shown);
        if more > 0 {
            let _ = writeln!(text, "… and {more} more of the same cause; -v names them");
        }
        for (label, said) in alike.more() {
            let _ = writeln!(text, "{label}: {}", sanitize(said));
        }
        text.push('\n');
    }
    let notes = quiet.len();
    if notes > 0 {
        let _ = writeln!(text, "{notes} {}; -v shows them\n", plural(notes, "note", "notes"));
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
    laid_out(&[Line {
        plain: format!("  {word} {title}"),
        styled: format!("  {style}{word}{style:#} {title}"),
        place: place.cloned(),
        aligned: false,
    }])
}

/// One step, as it ends.
#[must_use]
pub fn outcome(outcome: &Outcome) -> String {
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
    let mut text = headed(&format!("{word:8}"), style, &outcome.title, outcome.source.as_ref());
    // Why a step failed stands among the findings, with what to do.
    if let Some(reason) = outcome.reason.as_ref().filter(|_| outcome.status != Status::Failed) {
        let _ = writeln!(text, "           {QUIET}{}{QUIET:#}", sanitize(reason));
    }
    text
}

/// How many steps ended how, and what had none.
pub(super) fn counted(tally: &Tally) -> String {
    let counted = tally.counted().into_iter().map(|(count, what)| format!("{count} {what}"));
    counted.collect::<Vec<_>>().join(", ")
}

/// What is left to say when all steps have ended.
#[must_use]
pub fn report(report: &Report) -> String {
    let mut text = String::from("\n");
    findings(&mut text, &report.findings, true);
    let outputs =
        report.steps.iter().flat_map(|step| step.outputs.iter().map(|output| (&step.title, output)));
    // A resource that was written twice shows the same twice.
    let mut told = Vec::new();
    for (title, output) in outputs {
        if !told.contains(&(title, output)) {
            told.push((title, output));
            let _ = writeln!(text, "{} of {}: {}", output.name, sanitize(title), sanitize(&output.value));
        }
    }
    let tally = &report.summary;
    let is_whole = tally.failed + tally.skipped + tally.refused + tally.unknown == 0;
    let style = if is_whole { GOOD } else { BAD };
    let (counted, requests) = (counted(tally), requests(report.requests));
    let _ = writeln!(text, "{style}Applied:{style:#} {counted}. {requests}.");
    target(&mut text, &report.target);
    text
}
