//! Findings as text and Markdown within a limit: each code is shown once before any is shown twice.
//!
//! Works on the documents alone. All text from outside passes through `sanitize` or is escaped.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::alike::Alike;
use super::page::{self, Page, fold};
use super::text::{BAD, CHANGED, QUIET, STRONG, plural};
use crate::document::FindingEntry;
use crate::finding::{Code, Severity};
use crate::text::sanitize::{markdown, markdown_code, sanitize};
use crate::text::source::Position;

/// The most lines about findings without `-v`.
pub(super) const OF_FINDINGS: usize = 100;
/// The most findings with one cause, or errors of one code, that are shown without `-v`.
pub(super) const NAMED: usize = 20;
/// The most warnings or notes of one code that are shown without `-v`, if they have no cause.
const OF_A_SORT: usize = 3;

/// Findings as text, in about `most` lines, but each code at least once. Without `-v`, quiet ones are only counted.
pub(super) fn text(text: &mut String, findings: &[FindingEntry], page: Page, most: usize) {
    let shown = findings.iter().filter(|finding| !page.quiet || finding.severity == Severity::Error);
    let (quiet, loud): (Vec<_>, Vec<_>) = shown.partition(|finding| !page.verbose && finding.is_quiet());
    let is_alone = loud.is_empty();
    let mut groups = Alike::of(loud);
    // Errors come last, next to the result.
    groups.sort_by_key(|alike| std::cmp::Reverse(alike.findings[0].severity));
    let most = if page.verbose { usize::MAX } else { most };
    let lines = |text: &String| text.lines().count();
    let mut each = NAMED;
    let mut shown: Vec<String> = groups.iter().map(|alike| told(alike, page, each)).collect();
    while each > 1 && shown.iter().map(lines).sum::<usize>() > most {
        each /= 2;
        shown = groups.iter().map(|alike| told(alike, page, each)).collect();
    }
    let mut seen = BTreeSet::new();
    // What came first is the cause of much that follows.
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|index| groups[*index].findings[0].severity);
    let (new, others): (Vec<usize>, Vec<usize>) =
        order.into_iter().partition(|index| seen.insert(groups[*index].findings[0].code));
    let mut used = 0;
    let mut kept = BTreeSet::new();
    let firsts = new.len();
    for (order, index) in new.into_iter().chain(others).enumerate() {
        used += lines(&shown[index]);
        if order < firsts || used <= most {
            kept.insert(index);
        }
    }
    text.extend(kept.iter().map(|index| shown[*index].as_str()));
    let left = groups.iter().enumerate().filter(|(index, _)| !kept.contains(index));
    let left: usize = left.map(|(_, alike)| alike.findings.len()).sum();
    if left > 0 {
        let (what, them) = (plural(left, "finding", "findings"), plural(left, "it", "them"));
        let _ = writeln!(text, "… and {left} more {what}; -v lists {them}\n");
    }
    let notes = quiet.len();
    if notes > 0 {
        let more = if is_alone { "" } else { "more " };
        let (what, them) = (plural(notes, "note", "notes"), plural(notes, "it", "them"));
        let _ = writeln!(text, "{notes} {more}{what}; -v shows {them}\n");
    }
}

/// Findings that are alike, and how many of them are named without `-v`.
fn told(alike: &Alike<'_>, page: Page, each: usize) -> String {
    let mut text = String::new();
    let messages = alike.messages();
    let is_error = alike.findings[0].severity == Severity::Error;
    let shown = match (page.verbose, alike.is_one_cause() || is_error) {
        (true, _) => messages.len(),
        (false, true) => each,
        (false, false) => OF_A_SORT.min(each),
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
        let same = if alike.is_one_cause() { "with the same cause" } else { "like these" };
        let _ = writeln!(text, "… and {more} more {same}; -v lists {}", plural(more, "it", "them"));
    }
    for (label, said) in alike.more() {
        let _ = writeln!(text, "{label}: {}", sanitize(said));
    }
    text.push('\n');
    fold(&text, page)
}

/// Findings of one cause or code, each with the number of its places.
struct Remarks {
    code: Code,
    messages: Vec<(String, usize)>,
    /// Cause and hint.
    more: String,
}

/// The findings that fit, and the number of the others.
pub(super) fn fitted(findings: Vec<&FindingEntry>, room: usize) -> (String, usize) {
    let all = remarks(findings);
    let size = |text: &str| text.chars().count();
    let mut shown = vec![0; all.len()];
    // Reserves a blank line before them.
    let mut used = 1;
    let mut show = |index: usize, remarks: &Remarks| {
        let first = if shown[index] == 0 { size(&remarks.more) } else { 0 };
        let Some((message, _)) = remarks.messages.get(shown[index]) else { return false };
        let fits = used + first + size(message) <= room;
        if fits {
            used += first + size(message);
            shown[index] += 1;
        }
        fits
    };
    let mut seen = BTreeSet::new();
    let (new, others): (Vec<_>, Vec<_>) =
        all.iter().enumerate().partition(|(_, remarks)| seen.insert(remarks.code));
    for (index, remarks) in new.into_iter().chain(others) {
        show(index, remarks);
    }
    for (index, remarks) in all.iter().enumerate() {
        while show(index, remarks) {}
    }
    let (mut text, mut left) = (String::new(), 0);
    for (remarks, shown) in all.iter().zip(shown) {
        let (these, those) = remarks.messages.split_at(shown);
        text.extend(these.iter().map(|(message, _)| message.as_str()));
        if shown > 0 {
            text.push_str(&remarks.more);
        }
        left += those.iter().map(|(_, count)| count).sum::<usize>();
    }
    (if text.is_empty() { text } else { format!("\n{text}") }, left)
}

/// Quiet findings, folded away.
pub(super) fn folded(notes: Vec<&FindingEntry>) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let count = notes.len();
    let (said, _) = fitted(notes, usize::MAX);
    format!("\n<details><summary>notes: {count}</summary>\n{said}\n</details>\n")
}

/// A message that leaves room for others.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 2_000;
    match message.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}… (shortened)", &message[..at]),
        None => message.to_owned(),
    }
}

fn remarks(findings: Vec<&FindingEntry>) -> Vec<Remarks> {
    let message = |finding: &FindingEntry, places: &[&Position]| {
        let at = page::places(places).map(|at| markdown_code(&page::unmarked(&at)));
        format!(
            "- **{}** {} {} {}\n",
            finding.severity,
            markdown_code(finding.code.as_str()),
            markdown(&shortened(&finding.message)),
            at.unwrap_or_default()
        )
    };
    let each = |alike: &Alike<'_>| Remarks {
        code: alike.findings[0].code,
        messages: alike
            .messages()
            .into_iter()
            .map(|(finding, places)| (message(finding, &places), places.len().max(1)))
            .collect(),
        more: alike.more().fold(String::new(), |mut text, (label, said)| {
            let _ = writeln!(text, "  <br>{label}: {}", markdown(said));
            text
        }),
    };
    Alike::of(findings).iter().map(each).collect()
}
