//! Plans, reports and findings as Markdown, for comments on pull requests.
//!
//! Works on the documents alone. All text from outside is escaped: no markup, links, images, mentions or HTML gets through.

use std::fmt::Write as _;

use serde_json::Value;

use super::access::changes_markdown;
use super::alike::Alike;
use super::cause;
use super::summary::not_read;
use super::text::{counted as counted_steps, fields, hearsay, label, requests, shown_changes, worded};
use super::words;
use crate::document::report::{Report, Status};
use crate::document::{Action, FieldEntry, FindingEntry, Plan, PlannedChange, Target};
use crate::source::Position;
use crate::text::sanitize::{markdown, markdown_code};

/// A plan.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    titled("keyless plan", plan, &counted(plan), &table(plan))
}

/// Lines of code, between fences that nothing in them can end.
#[must_use]
pub fn code(language: &str, lines: &str) -> String {
    let longest = lines.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}{language}\n{lines}{fence}\n")
}

/// How many changes of each sort, in words.
fn counted(plan: &Plan) -> String {
    let counts = &plan.summary;
    let parts = [
        (counts.create, "to create"),
        (counts.restore, "to restore"),
        (counts.update, "to update"),
        (counts.adopt, "to adopt"),
        (counts.delete, "to delete"),
        (counts.unknown, "unknown"),
        (counts.refused, "refused"),
        (counts.noop, "unchanged"),
        (plan.not_ours(), "declared and not ours"),
        (counts.unmanaged_drift, "undeclared"),
        (counts.unmanaged_unknown, "undeclared and not judged"),
        (plan.incomplete.len(), not_read(plan)),
        (counts.unmanaged.saturating_sub(counts.unmanaged_drift + counts.unmanaged_unknown), "unmanaged"),
        (counts.co_managed, "of other teams"),
    ];
    let some: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if some.is_empty() { "nothing declared".to_owned() } else { some.join(", ") }
}

/// A heading, how much of what there is, a table of it, and all else there is to say.
pub(super) fn titled(title: &str, plan: &Plan, said: &str, table: &str) -> String {
    let mut text = format!("## {title}\n\n");
    let _ = writeln!(text, "**{said}.** {}. {}\n", requests(plan.requests), target(&plan.target));
    text.push_str(table);
    changes_markdown(&mut text, plan);
    findings(&mut text, &plan.findings);
    text
}

fn table(plan: &Plan) -> String {
    let mut text = String::new();
    let shown = shown_changes(plan, false);
    if !shown.is_empty() {
        text.push_str(
            "| | resource or field | before | after | declared |\n| --- | --- | --- | --- | --- |\n",
        );
    }
    for change in shown {
        let (word, title) = (word(change.action), markdown(&change.title));
        let cause = cause::line(change, false);
        let more = hearsay(change);
        let reasons = change.reason.iter().chain(&cause).chain(&more);
        let reason = reasons.fold(String::new(), |text, reason| text + &format!("<br>{}", markdown(reason)));
        let _ =
            writeln!(text, "| **{word}** | **{title}**{reason} | | | {} |", place(change.source.as_ref()));
        for field in fields(change) {
            let [before, after] = cells(change, field);
            let _ = writeln!(
                text,
                "| | {} | {} | {} | {} |",
                markdown(&label(&change.kind, field)),
                before,
                after,
                field.source.as_ref().map_or_else(|| "default".to_owned(), |source| place(Some(source)))
            );
        }
    }
    text
}

fn word(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Restore => "restore",
        Action::Update => "update",
        Action::Delete => "delete",
        Action::Adopt => "adopt",
        Action::Noop => "unchanged",
        Action::Refused => "refused",
        Action::Unmanaged => "unmanaged",
        Action::UnmanagedDrift => "undeclared",
        Action::UnmanagedUnknown => "not judged",
        Action::CoManaged => "of another team",
        Action::Unknown => "unknown",
    }
}

/// The cells for what was and what will be. How a long value changes stands in the second one, word by word.
fn cells(change: &PlannedChange, field: &FieldEntry) -> [String; 2] {
    let (kind, created) = (&change.kind, change.action == Action::Create);
    let is_same = field.before == field.after;
    let (before, after) = words::shortened(&field.before, &field.after);
    let field = &FieldEntry { before, after, ..field.clone() };
    // What a file says was there before hides nothing of what is written.
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
    for (group, folded) in [(loud, false), (notes, true)] {
        if group.is_empty() {
            continue;
        }
        text.push('\n');
        if folded {
            let _ = writeln!(text, "<details><summary>notes: {}</summary>\n", group.len());
        }
        for alike in Alike::of(group) {
            for finding in &alike.findings {
                let _ = writeln!(
                    text,
                    "- **{}** {} {} {}",
                    finding.severity,
                    markdown_code(finding.code.as_str()),
                    markdown(&finding.message),
                    place(finding.source.as_ref())
                );
            }
            for (label, more) in alike.more() {
                let _ = writeln!(text, "  <br>{label}: {}", markdown(more));
            }
        }
        if folded {
            text.push_str("\n</details>\n");
        }
    }
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
    text
}

/// What `validate` found.
#[must_use]
pub fn validation(entries: &[FindingEntry]) -> String {
    let mut text = String::from("## keyless validate\n");
    if entries.is_empty() {
        text.push_str("\nNothing to say: the specs are valid.\n");
    }
    findings(&mut text, entries);
    text
}
