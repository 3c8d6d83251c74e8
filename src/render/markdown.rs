//! Plans, reports and findings as Markdown, for comments on pull requests.
//!
//! Works on the documents alone. All text from outside is escaped: no markup, links, images, mentions or HTML gets through.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use super::access::{changes_markdown, heading_markdown};
use super::alike::Alike;
use super::entry::{Entry, Prominence, Shown};
use super::groups::{ChangeGroup, FEW, Fitted, Room, alike, fitted};
use super::page;
use super::summary::{self, Counted, Side, listed, refused};
use super::text::{self, counted as counted_steps, fields, label, plural, requests, worded};
use super::words;
use crate::document::report::{Report, Status};
use crate::document::{Action, FieldEntry, FindingEntry, Plan, PlannedChange, Target};
use crate::finding::Severity;
use crate::id::ResourceId;
use crate::text::sanitize::{markdown, markdown_code, sanitize};
use crate::text::source::Position;

/// The most characters of a comment: GitHub's limit, less what the last sanitising may add.
const LONGEST: usize = 65_536 - 1_536;
/// The most characters for errors, for who gains and loses access, and for other findings.
const OF_ERRORS: usize = 24_000;
const OF_ACCESS: usize = 12_000;
const OF_FINDINGS: usize = 8_000;
/// Reserved for the last lines.
const OF_THE_END: usize = 1_000;

/// A plan.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let entries = text::entries(plan, false, false);
    let rows = Rows {
        side: Side::Plan,
        columns: ["before", "after"],
        fields: |change| fields(change, false),
        cells,
    };
    let said = match summary::said(&summary::all(plan, Side::Plan)) {
        none if none.is_empty() => "nothing declared".to_owned(),
        said => said,
    };
    document("plan", plan, &said, entries, &rows)
}

/// A code block with fences that its lines cannot close.
#[must_use]
pub fn code(language: &str, lines: &str) -> String {
    let longest = lines.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{lines}{fence}\n")
}

/// How a document shows changes in a table.
pub(super) struct Rows {
    pub(super) side: Side,
    /// The headings of the two values of a field.
    pub(super) columns: [&'static str; 2],
    pub(super) fields: for<'a> fn(&'a PlannedChange) -> Vec<&'a FieldEntry>,
    /// The two values of a field.
    pub(super) cells: fn(&PlannedChange, &FieldEntry) -> [String; 2],
}

impl Rows {
    fn word(&self, change: &PlannedChange) -> &'static str {
        Counted::of(change, self.side).word()
    }
}

/// A whole comment: errors and who gains or loses access first, then the changes, then notes, and last what was cut.
pub(super) fn document(
    command: &str,
    plan: &Plan,
    said: &str,
    entries: Vec<Entry<'_>>,
    rows: &Rows,
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
    push(&mut text, listed_findings(errors), OF_ERRORS, "errors", &mut cut);
    let access = changes_markdown(plan, side);
    if !access.is_empty() {
        text.push_str(&heading_markdown(plan, side));
        push(&mut text, access, OF_ACCESS, "accounts of which access changes", &mut cut);
    }
    push(&mut text, listed_findings(rest), OF_FINDINGS, "warnings", &mut cut);
    let room = LONGEST.saturating_sub(text.chars().count() + OF_THE_END);
    let notes = folded_notes(&quiet);
    let (changes, left) = changes(entries, rows, room);
    text.push('\n');
    text.push_str(&changes);
    cut.extend(left);
    let room = room.saturating_sub(changes.chars().count());
    if notes.chars().count() <= room {
        text.push_str(&notes);
    } else {
        cut.push(format!("{} notes", quiet.len()));
    }
    if !cut.is_empty() {
        let _ = writeln!(
            text,
            "\n{CUT} {}. `keyless {command} -v` shows all of it, and so does `--format json`.",
            cut.join("; ")
        );
    }
    // Each part starts with its own blank line.
    within_limit(text.replace("\n\n\n", "\n\n"))
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

/// The stacks and subscriptions, for the heading.
fn environment(plan: &Plan) -> String {
    const NAMED: usize = 3;
    let named = |all: BTreeSet<&str>, what: &str| {
        let mut named: Vec<String> = all.iter().take(NAMED).map(|name| markdown(name)).collect();
        if let Some(more) = all.len().checked_sub(NAMED).filter(|more| *more > 0) {
            named.push(format!("{more} more"));
        }
        (!named.is_empty()).then(|| format!("{what}{}", named.join(", ")))
    };
    let stacks = plan.changes.iter().filter_map(|change| change.stack.as_deref()).collect();
    let ids: Vec<ResourceId> =
        plan.changes.iter().filter_map(|change| ResourceId::parse(&change.id).ok()).collect();
    let subscriptions = ids.iter().filter_map(ResourceId::subscription_id).collect();
    let parts = [named(stacks, "stack "), named(subscriptions, "subscription ")];
    let parts = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    if parts.is_empty() { parts } else { format!(": {parts}") }
}

/// The changes in one table, or, if there are many, in a folded one for each account or scope; and what was cut.
fn changes(entries: Vec<Entry<'_>>, rows: &Rows, room: usize) -> (String, Option<String>) {
    if entries.is_empty() {
        return (String::new(), None);
    }
    let flat = table(&entries, rows, true);
    if entries.len() <= FEW && flat.chars().count() <= room {
        return (flat, None);
    }
    let (groups, idle) = alike(entries);
    let size = |text: &str| text.chars().count();
    let idle = if idle > 0 {
        format!("\n{idle} undeclared {} not drift.\n", plural(idle, "resource is", "resources are"))
    } else {
        String::new()
    };
    let room = room.saturating_sub(size(&idle));
    let told = |is_whole| -> Vec<String> {
        let each = |group: &ChangeGroup<'_>| {
            let names = if group.names.len() > 1 {
                let names: Vec<String> = group.names.iter().map(|name| markdown(name)).collect();
                format!("{}\n\n", names.join(", "))
            } else {
                String::new()
            };
            format!(
                "<details><summary>{}</summary>\n\n{names}{}\n</details>\n",
                heading(group),
                table(&group.entries, rows, is_whole)
            )
        };
        groups.iter().map(each).collect()
    };
    let whole = told(true);
    let is_whole = whole.iter().map(|text| size(text)).sum::<usize>() <= room;
    let texts = if is_whole { whole } else { told(false) };
    let shorter: Vec<String> = groups.iter().map(|group| brief(group, rows)).collect();
    // The limit is a hard one: only what a guard judges is named in any case.
    let room = Room { most: room, size: |text| text.chars().count(), droppable: Prominence::Deleted };
    let Fitted { texts, left } = fitted(&groups, texts, &shorter, &room);
    // Markdown requires a blank line between a list and a folded part.
    let mut text = String::new();
    for part in texts.iter().filter(|part| !part.is_empty()) {
        if part.starts_with('<') && text.lines().last().is_some_and(|last| last.starts_with('-'))
            || part.starts_with('-') && text.ends_with("</details>\n")
        {
            text.push('\n');
        }
        text.push_str(part);
    }
    let fields = (!is_whole).then(|| "the fields of new resources".to_owned());
    let left = [fields, left].into_iter().flatten().collect::<Vec<_>>();
    (text + &idle, (!left.is_empty()).then(|| left.join("; ")))
}

/// A shortened group: its totals, and its most important changes by name.
fn brief(group: &ChangeGroup<'_>, rows: &Rows) -> String {
    let mut text = format!("- {}\n", heading(group));
    for entry in group.weighty() {
        let Some(change) = entry.changes.first() else { continue };
        let fields: Vec<String> = entry.fields.iter().map(Shown::inline).collect();
        let said = entry.items.iter().chain(if entry.is_new { &[] } else { fields.as_slice() });
        let said = said.chain(&entry.besides);
        let said: Vec<String> = said.map(|said| markdown(&page::unmarked(said))).collect();
        let said = if said.is_empty() { String::new() } else { format!(": {}", said.join(", ")) };
        let _ = writeln!(text, "  - **{}** {}{said}", rows.word(change), markdown(&entry.title));
    }
    text
}

/// The title and totals of a group, escaped for both HTML and Markdown.
fn heading(group: &ChangeGroup<'_>) -> String {
    let mut safe = String::new();
    for character in sanitize(&format!("{}: {}", group.title(), summary::said(&group.totals()))).chars() {
        if character.is_alphanumeric() || matches!(character, ' ' | ',' | '-') {
            safe.push(character);
        } else {
            let _ = write!(safe, "&#{};", u32::from(character));
        }
    }
    safe
}

fn table(entries: &[Entry<'_>], rows: &Rows, is_whole: bool) -> String {
    let [left, right] = rows.columns;
    let mut text =
        format!("| | resource or field | {left} | {right} | declared |\n| --- | --- | --- | --- | --- |\n");
    for entry in entries {
        let Some(change) = entry.changes.first() else { continue };
        let (word, title) = (rows.word(change), markdown(&entry.title));
        let items = (!entry.items.is_empty()).then(|| entry.items.join(", "));
        let all = entry.all_told();
        let told = items
            .iter()
            .chain(&all)
            .fold(String::new(), |text, said| text + &format!("<br>{}", markdown(said)));
        let at = page::places(&entry.places).map(|at| markdown_code(&page::unmarked(&at)));
        let _ = writeln!(text, "| **{word}** | **{title}**{told} | | | {} |", at.unwrap_or_default());
        if entry.is_new && !is_whole {
            continue;
        }
        // An entry for several changes has only the fields that they share.
        let is_common = |field: &&FieldEntry| {
            let label = label(&change.kind, field);
            entry.fields.iter().any(|common| common.label == label)
        };
        for field in (rows.fields)(change).into_iter().filter(is_common) {
            let [before, after] = (rows.cells)(change, field);
            let name = markdown(&label(&change.kind, field));
            let at = field.source.as_ref().map_or_else(|| "default".to_owned(), |source| place(Some(source)));
            let at = if entry.changes.len() > 1 { String::new() } else { at };
            let _ = writeln!(text, "| | {name} | {before} | {after} | {at} |");
        }
    }
    text
}

/// The cells for the values before and after. The change of a long value is in the second one, word by word.
fn cells(change: &PlannedChange, field: &FieldEntry) -> [String; 2] {
    let (kind, created) = (&change.kind, change.action == Action::Create);
    let is_same = field.before == field.after;
    let (before, after) = words::shortened(&field.before, &field.after);
    let field = &FieldEntry { before, after, ..field.clone() };
    // A value from a file is shown as a whole: what it was before is not verified.
    let whole = created || change.unverified || is_same;
    let long = if whole || field.before.is_null() {
        words::block(&field.after)
    } else {
        words::changed(&field.before, &field.after, words::GOES_AND_COMES)
    };
    match long {
        Some(lines) => {
            let lines: Vec<String> = lines.iter().map(|line| markdown_code(&line.plain)).collect();
            [String::new(), lines.join("<br>")]
        }
        None => {
            let before = if created { String::new() } else { value(kind, field, &field.before) };
            [before, value(kind, field, &field.after)]
        }
    }
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

/// Findings as a list; quiet ones folded away.
pub(super) fn findings(text: &mut String, findings: &[FindingEntry]) {
    let (notes, loud): (Vec<&FindingEntry>, Vec<&FindingEntry>) =
        findings.iter().partition(|finding| finding.is_quiet());
    text.extend(listed_findings(loud).into_iter().map(|(said, _)| said));
    text.push_str(&folded_notes(&notes));
}

fn folded_notes(notes: &[&FindingEntry]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let said: String = listed_findings(notes.to_vec()).into_iter().map(|(said, _)| said).collect();
    format!("\n<details><summary>notes: {}</summary>\n{said}\n</details>\n", notes.len())
}

/// Findings as parts of a list, each with the number of findings in it.
fn listed_findings(findings: Vec<&FindingEntry>) -> Vec<(String, usize)> {
    let mut parts = Vec::new();
    for alike in Alike::of(findings) {
        let messages = alike.messages();
        let last = messages.len() - 1;
        for (index, (finding, places)) in messages.into_iter().enumerate() {
            let at = page::places(&places).map(|at| markdown_code(&page::unmarked(&at)));
            let mut said = if parts.is_empty() { String::from("\n") } else { String::new() };
            let _ = writeln!(
                said,
                "- **{}** {} {} {}",
                finding.severity,
                markdown_code(finding.code.as_str()),
                markdown(&finding.message),
                at.unwrap_or_default()
            );
            if index == last {
                for (label, more) in alike.more() {
                    let _ = writeln!(said, "  <br>{label}: {}", markdown(more));
                }
            }
            parts.push((said, places.len().max(1)));
        }
    }
    parts
}

/// Cuts a document to the length of a comment, and says how many lines were cut.
pub(super) fn within_limit(text: String) -> String {
    if text.chars().count() <= LONGEST {
        return text;
    }
    // Stops at the first line that does not fit: rows after it could be read as belonging to an earlier one.
    let mut used = 0;
    let fits = |line: &&str| {
        used += line.chars().count();
        used <= LONGEST - OF_THE_END
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
pub fn report(report: &Report) -> String {
    let mut text = format!(
        "## keyless apply\n\n**{}.** {}. {}\n\n",
        counted_steps(&report.summary),
        requests(report.requests),
        target(&report.target)
    );
    if !report.steps.is_empty() {
        text.push_str("| | resource | | declared |\n| --- | --- | --- | --- |\n");
    }
    for step in &report.steps {
        let status = match step.status {
            Status::Done => "done",
            Status::Failed => "**failed**",
            Status::Skipped => "skipped",
        };
        let reason = step.reason.as_deref().map(markdown).unwrap_or_default();
        let _ = writeln!(
            text,
            "| {status} | {} | {reason} | {} |",
            markdown(&step.title),
            place(step.source.as_ref())
        );
    }
    findings(&mut text, &report.findings);
    within_limit(text)
}

/// The findings of a command that has nothing else to show.
#[must_use]
pub fn validation(command: &str, entries: &[FindingEntry]) -> String {
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
    push(&mut text, listed_findings(errors), LONGEST - OF_FINDINGS - OF_THE_END, "errors", &mut cut);
    push(&mut text, listed_findings(warnings), OF_FINDINGS / 2, "warnings", &mut cut);
    let folded = folded_notes(&notes);
    if folded.chars().count() <= OF_FINDINGS / 2 {
        text.push_str(&folded);
    } else {
        cut.push(format!("{} notes", notes.len()));
    }
    if !cut.is_empty() {
        let _ = writeln!(text, "\n{CUT} {}. `--format json` has all.", cut.join("; "));
    }
    text
}
