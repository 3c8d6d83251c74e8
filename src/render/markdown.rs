//! Plans, reports and findings as Markdown, for comments on pull requests.
//!
//! Works on the documents alone. All text from outside is escaped: no markup, links, images, mentions or HTML gets through.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::access::{changes_markdown, heading_markdown};
use super::entry::Entry;
use super::people;
use super::remarks::{fitted, folded};
use super::steps::{self, Titles};
use super::summary::{self, Side, listed, refused};
use super::tables::{Rows, SignInNames, changes, of_names};
use super::text::{self, counted as counted_steps, fields, plural, requests, worded};
use super::words;
use crate::document::report::{Outcome, Report, Status};
use crate::document::{Action, FieldEntry, FindingEntry, Plan, PlannedChange, StepAction, Target};
use crate::finding::Severity;
use crate::id::ResourceId;
use crate::text::sanitize::{markdown, markdown_code};
use crate::text::source::Position;

/// The most characters of a comment: GitHub's limit, less what the last sanitising may add.
pub(super) const LONGEST: usize = 65_536 - 1_536;
/// The most characters for errors, for who gains and loses access, and for other findings.
const OF_ERRORS: usize = 24_000;
const OF_ACCESS: usize = 12_000;
const OF_FINDINGS: usize = 8_000;
/// Where there is much to delete, or much lets somebody in, so much is kept for the names of that.
const OF_NAMES: usize = 36_000;
/// Reserved for the last lines.
const OF_THE_END: usize = 1_500;

/// What `plan --format markdown` prints.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    plan_within(plan, LONGEST, SignInNames::Shown)
}

/// A plan in so many characters.
pub(super) fn plan_within(plan: &Plan, most: usize, names: SignInNames) -> String {
    let plan = &*people::plan(plan, false);
    let entries = text::entries(plan, false, false);
    let rows = Rows {
        side: Side::Plan,
        names,
        columns: ["before", "after"],
        fields: |change| fields(change, false),
        cells,
    };
    let counts = summary::said(&summary::all(plan, Side::Plan));
    let said = match (summary::nothing(plan), counts.is_empty()) {
        (None, _) => counts,
        (Some(nothing), true) => summary::upper(nothing),
        (Some(nothing), false) => format!("{}; {counts}", summary::upper(nothing)),
    };
    document("plan", plan, &said, entries, &rows, most)
}

/// A code block with fences that its lines cannot close.
#[must_use]
pub fn code(language: &str, lines: &str) -> String {
    let longest = lines.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{lines}{fence}\n")
}

/// A whole comment in so many characters: errors and who gains or loses access first, then the changes, then notes, and last what was cut.
pub(super) fn document(
    command: &str,
    plan: &Plan,
    said: &str,
    entries: Vec<Entry<'_>>,
    rows: &Rows,
    most: usize,
) -> String {
    let side = rows.side;
    let mut text = format!("## keyless {command}{}\n\n", environment(plan));
    let refused = if side == Side::Plan { refused(plan) } else { String::new() };
    let _ = writeln!(text, "**{refused}{said}.** {}. {}\n", requests(plan.requests), target(&plan.target));
    let mut cut = Vec::new();
    let (quiet, loud): (Vec<&FindingEntry>, Vec<&FindingEntry>) =
        plan.findings.iter().partition(|finding| finding.is_quiet());
    let (errors, rest): (Vec<&FindingEntry>, Vec<&FindingEntry>) =
        loud.into_iter().partition(|finding| finding.severity == Severity::Error);
    let room = |text: &str| most.saturating_sub(text.chars().count() + OF_THE_END);
    // Room for names is kept free first; of the rest, each part takes its share.
    let kept = of_names(&entries).min(OF_NAMES.min(most / 2));
    let spare = room(&text).saturating_sub(kept);
    let remarks = |text: &mut String, findings: Vec<&FindingEntry>, most: usize, what: &str| {
        let (said, left) = fitted(findings, most);
        text.push_str(&said);
        (left > 0).then(|| format!("{left} {what}{}", plural(left, "", "s")))
    };
    cut.extend(remarks(&mut text, errors, OF_ERRORS.min(spare * 11 / 20), "error"));
    let access = changes_markdown(plan, side);
    if !access.is_empty() {
        text.push_str(&heading_markdown(plan, side));
        push(&mut text, access, OF_ACCESS.min(spare * 5 / 20), "accounts of which access changes", &mut cut);
    }
    cut.extend(remarks(&mut text, rest, OF_FINDINGS.min(spare * 3 / 20), "warning"));
    let notes = folded(quiet.clone());
    let (changes, left) = changes(entries, rows, room(&text));
    text.push('\n');
    text.push_str(&changes);
    cut.extend(left);
    if notes.chars().count() <= room(&text) {
        text.push_str(&notes);
    } else {
        cut.push(format!("{} {}", quiet.len(), plural(quiet.len(), "note", "notes")));
    }
    if !cut.is_empty() {
        let _ = writeln!(
            text,
            "\n{CUT} {}. `keyless {command} -v` shows all of it, and so does `--format json`.",
            cut.join("; ")
        );
    }
    // Each part starts with its own blank line.
    within_limit(text.replace("\n\n\n", "\n\n"), LONGEST)
}

/// Introduces what was cut.
pub(super) const CUT: &str = "**Cut, because a comment takes no more:**";

/// Adds as many parts as there is room for; each comes with the number of things in it.
pub(super) fn push(
    text: &mut String,
    parts: Vec<(String, usize)>,
    room: usize,
    what: &str,
    cut: &mut Vec<String>,
) {
    let (mut used, mut left) = (0, 0);
    for (part, count) in parts {
        let size = part.chars().count();
        if left == 0 && used + size <= room {
            used += size;
            text.push_str(&part);
        } else {
            left += count;
        }
    }
    if left > 0 {
        cut.push(format!("{left} {what}"));
    }
}

/// The stacks, the environment and the subscriptions, for the heading.
fn environment(plan: &Plan) -> String {
    let stacks = plan.changes.iter().filter_map(|change| change.stack.as_deref()).collect();
    let ids = plan.changes.iter().map(|change| change.id.as_str()).collect();
    heading(stacks, plan.environment.as_deref(), ids)
}

/// The same for a report.
fn of_report(report: &Report) -> String {
    let stacks = report.stacks.iter().map(String::as_str).collect();
    let ids = report.steps.iter().map(|step| step.id.as_str()).collect();
    heading(stacks, report.environment.as_deref(), ids)
}

fn heading(stacks: BTreeSet<&str>, environment: Option<&str>, ids: Vec<&str>) -> String {
    const NAMED: usize = 3;
    let named = |all: BTreeSet<&str>, what: &str| {
        let mut named: Vec<String> = all.iter().take(NAMED).map(|name| markdown(name)).collect();
        if let Some(more) = all.len().checked_sub(NAMED).filter(|more| *more > 0) {
            named.push(format!("{more} more"));
        }
        (!named.is_empty()).then(|| format!("{what}{}", named.join(", ")))
    };
    let ids: Vec<ResourceId> = ids.into_iter().filter_map(|id| ResourceId::parse(id).ok()).collect();
    let subscriptions = ids.iter().filter_map(ResourceId::subscription_id).collect();
    let parts = [
        named(stacks, "stack "),
        named(environment.into_iter().collect(), "environment "),
        named(subscriptions, "subscription "),
    ];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if parts.is_empty() { parts } else { format!(": {parts}") }
}

/// The cells for the values before and after.
fn cells(change: &PlannedChange, field: &FieldEntry) -> [String; 2] {
    let (kind, created) = (&change.kind, change.action == Action::Create);
    let is_same = field.before == field.after;
    let (before, after) = words::shortened(&field.before, &field.after);
    let field = &FieldEntry { before, after, ..field.clone() };
    // A value from a file is shown as a whole: what it was before is not verified.
    let whole = created || change.unverified || is_same;
    if whole && let Some(lines) = words::block(&field.after) {
        let lines: Vec<String> = lines.iter().map(|line| markdown_code(&line.plain)).collect();
        return [String::new(), lines.join("<br>")];
    }
    let both = if whole { None } else { side_by_side(&field.before, &field.after) };
    both.unwrap_or_else(|| {
        let absent = created || change.action == Action::Refused && field.before.is_null();
        let before = if absent { String::new() } else { value(kind, field, &field.before) };
        [before, value(kind, field, &field.after)]
    })
}

/// Two long values, in a cell each: whole texts, or the elements that differ.
pub(super) fn side_by_side(before: &Value, after: &Value) -> Option<[String; 2]> {
    let cell =
        |lines: Vec<String>| lines.iter().map(|line| markdown_code(line)).collect::<Vec<_>>().join("<br>");
    if let Some(both) = words::both(before, after) {
        return Some(both.map(|lines| cell(lines.iter().map(words::SideLine::plain).collect())));
    }
    let (before, after) = (before.as_array()?, after.as_array()?);
    let elements = words::Elements::of(before, after);
    if elements.changed.is_empty() {
        return None;
    }
    Some(elements.columns().map(|column| cell(column.into_iter().map(text::plain).collect())))
}

fn value(kind: &str, field: &FieldEntry, value: &Value) -> String {
    markdown_code(&worded(kind, field, value))
}

pub(super) fn place(source: Option<&Position>) -> String {
    source.map(|source| markdown_code(&format!("{}:{}", source.file, source.line))).unwrap_or_default()
}

pub(super) fn target(target: &Target) -> String {
    format!("Target: {}.", markdown(&target.to_string()))
}

/// Findings after something else, of which the text keeps what there is room for; so much of it as fits stands before them.
pub(super) fn with_findings(text: String, findings: &[FindingEntry], most: usize) -> String {
    let (notes, loud): (Vec<&FindingEntry>, Vec<&FindingEntry>) =
        findings.iter().partition(|finding| finding.is_quiet());
    let (said, left) = fitted(loud, most / 2);
    let mut cut = Vec::new();
    if left > 0 {
        cut.push(format!("{left} {}", plural(left, "finding", "findings")));
    }
    let count = notes.len();
    let notes = folded(notes);
    let notes = if notes.chars().count() <= most / 10 {
        notes
    } else {
        cut.push(format!("{count} {}", plural(count, "note", "notes")));
        String::new()
    };
    let cut = if cut.is_empty() {
        String::new()
    } else {
        format!("\n{CUT} {}. `--format json` has all.\n", cut.join("; "))
    };
    let behind = said + &notes + &cut;
    within_limit(text, most.saturating_sub(behind.chars().count())) + &behind
}

/// Cuts a document to a length, and says how many lines were cut.
pub(super) fn within_limit(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    // Stops at the first line that does not fit: rows after it could be read as belonging to an earlier one.
    let mut used = 0;
    let fits = |line: &&str| {
        used += line.chars().count();
        used + OF_THE_END <= most
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut kept: String = lines.iter().copied().take_while(fits).collect();
    let left = lines.len() - kept.lines().count();
    let is_open = kept.matches("<details>").count() > kept.matches("</details>").count();
    if is_open {
        kept.push_str("\n</details>\n");
    }
    let _ = writeln!(kept, "\n{CUT} {left} lines. `--format json` has all.");
    kept
}

/// What `apply` did.
#[must_use]
pub fn report(report: &Report, plan: Option<&Plan>) -> String {
    report_within(report, plan, LONGEST)
}

/// What `apply` did, in so many characters: first what its plan and its steps found, then its steps, of which those that did not succeed
/// and deletions come first and stay the longest.
pub(super) fn report_within(report: &Report, plan: Option<&Plan>, most: usize) -> String {
    let mut text = format!(
        "## keyless apply{}\n\n**{}.** {}. {}\n\n",
        of_report(report),
        counted_steps(&report.summary),
        requests(report.requests),
        target(&report.target)
    );
    let planned = plan.map(people::said_once).map(|plan| plan.findings).unwrap_or_default();
    let mut all = report.findings.clone();
    let is_new = |finding: &FindingEntry| {
        !finding.is_quiet() && !finding.is_lifted() && !report.findings.contains(finding)
    };
    all.extend(planned.into_iter().filter(is_new));
    all.sort_by_key(|finding| finding.severity);
    let findings = people::findings(&all, false);
    let said = with_findings(String::new(), &findings, most);
    text.push_str(said.trim_start_matches('\n'));
    if report.steps.is_empty() {
        return within_limit(text, most);
    }
    if !said.is_empty() {
        text.push('\n');
    }
    text.push_str("| | resource | | declared |\n| --- | --- | --- | --- |\n");
    let mut room = most.saturating_sub(text.chars().count() + OF_THE_END);
    let mut order: Vec<(u8, usize)> =
        report.steps.iter().enumerate().map(|(index, step)| (rank(step), index)).collect();
    order.sort_unstable();
    let titles = Titles::of(report.steps.iter().map(|step| step.title.as_str()));
    let mut cut: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, index) in order {
        let step = &report.steps[index];
        let row = row(step, &titles);
        let size = row.chars().count();
        if size <= room {
            room -= size;
            text.push_str(&row);
        } else {
            *cut.entry(steps::ended(step)).or_default() += 1;
        }
    }
    if !cut.is_empty() {
        let cut: Vec<(usize, &str)> = cut.into_iter().map(|(word, count)| (count, word)).collect();
        let _ = writeln!(text, "\n{CUT} steps: {}. `--format json` has all.", listed(&cut));
    }
    within_limit(text, LONGEST)
}

/// Which steps come first, and stay the longest where there is no room for all.
fn rank(step: &Outcome) -> u8 {
    match (step.status, step.action) {
        (Status::Failed, _) => 0,
        (Status::Skipped, _) => 1,
        (Status::Done, StepAction::Delete | StepAction::Purge) => 2,
        (Status::Done, _) => 3,
    }
}

fn row(step: &Outcome, titles: &Titles) -> String {
    let ended = steps::ended(step);
    let ended = if step.status == Status::Failed { format!("**{ended}**") } else { ended.to_owned() };
    let reason = step.reason.as_deref().map(markdown).unwrap_or_default();
    format!(
        "| {ended} | {} | {reason} | {} |\n",
        markdown(&titles.cut(&step.title)),
        place(step.source.as_ref())
    )
}

/// The findings of a command that has nothing else to show.
#[must_use]
pub fn validation(command: &str, entries: &[FindingEntry]) -> String {
    validation_within(command, entries, LONGEST)
}

/// The same in so many characters.
pub(super) fn validation_within(command: &str, entries: &[FindingEntry], most: usize) -> String {
    let mut text = format!("## keyless {command}\n");
    if entries.is_empty() {
        text.push_str("\nNo findings.\n");
        return text;
    }
    let (errors, rest): (Vec<&FindingEntry>, Vec<&FindingEntry>) =
        entries.iter().partition(|finding| finding.severity == Severity::Error);
    let (notes, warnings): (Vec<_>, Vec<_>) = rest.into_iter().partition(|finding| finding.is_quiet());
    let counts = [
        (errors.len(), plural(errors.len(), "error", "errors")),
        (warnings.len(), plural(warnings.len(), "warning", "warnings")),
        (notes.len(), plural(notes.len(), "note", "notes")),
    ];
    let _ = writeln!(text, "\n**{}.**", listed(&counts));
    let mut cut = Vec::new();
    let room = most.saturating_sub(text.chars().count() + OF_THE_END);
    for (findings, most, what) in [
        (errors, room * 8 / 10, ["error", "errors"]),
        (warnings, OF_FINDINGS.min(room) / 2, ["warning", "warnings"]),
    ] {
        let (said, left) = fitted(findings, most);
        text.push_str(&said);
        if left > 0 {
            cut.push(format!("{left} {}", plural(left, what[0], what[1])));
        }
    }
    let count = notes.len();
    let notes = folded(notes);
    if notes.chars().count() <= OF_FINDINGS.min(room) / 2 {
        text.push_str(&notes);
    } else {
        cut.push(format!("{count} {}", plural(count, "note", "notes")));
    }
    if !cut.is_empty() {
        let _ = writeln!(text, "\n{CUT} {}. `--format json` has all.", cut.join("; "));
    }
    text
}
