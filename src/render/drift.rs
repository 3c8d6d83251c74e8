//! What `drift` found, for people: what is live beside what is declared, who did that, and never what `apply` would do.
//!
//! Works on the document alone. All text from outside passes through `sanitize` or is escaped as Markdown.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anstyle::Style;
use serde_json::Value;

use super::access::Side;
use super::cause;
use super::entry::{Counted, Entry, Prominence, Shown};
use super::groups;
use super::markdown::{self, Rows};
use super::page::{Page, fold};
use super::summary::{Found, NOT_OWNED, found, listed, not_read};
use super::text::{
    BAD, CHANGED, GOOD, QUIET, STRONG, body, fields, label, plain, requests, shown_changes, target, worded,
};
use super::words;
use crate::diff::field as row;
use crate::document::{Action, Differs, FieldEntry, Mark, Plan, PlannedChange};
use crate::kinds::{self, Compare};
use crate::text::sanitize::{markdown as escaped, markdown_code, sanitize};

/// What stands before what only one side has.
const ONLY: words::Signs = ["spec only:", "live only:"];
/// What the marks around words of a long text mean.
const LEGEND: &str = "[-in the spec only-]{+live only+}:";
/// So many people are named in the last line.
const NAMED: usize = 5;

/// What `drift` found, as text.
#[must_use]
pub fn text(plan: &Plan, page: Page) -> String {
    let changes = in_order(plan, page.verbose);
    let entries = changes.into_iter().map(|change| entry(change, page.verbose, true)).collect();
    let mut text = body(plan, groups::text(entries, page), page, Side::Drift);
    let (style, head, rest) = match found(plan) {
        Found::Drift => (STRONG, "Drift: ", differing(plan)),
        Found::Unjudged => (BAD, "Drift: ", "not known".to_owned()),
        Found::Nothing => (GOOD, "No drift: ", as_declared(plan)),
    };
    let rest = [rest].into_iter().chain(beside(plan)).collect::<Vec<_>>().join("; ");
    let (head, space) = (head.trim_end(), &head[head.trim_end().len()..]);
    let _ = writeln!(text, "{style}{head}{style:#}{space}{}. {}.", sanitize(&rest), requests(plan.requests));
    target(&mut text, &plan.target);
    fold(&text, page)
}

/// A change in the words of a drift; `address` as for `cause::line`.
fn entry(change: &PlannedChange, verbose: bool, address: bool) -> Entry<'_> {
    let (sign, style, counted) = look(change);
    let field = |field| Shown {
        label: label(&change.kind, field),
        lines: sides(change, field),
        places: field.source.iter().cloned().collect(),
    };
    // Of what is missing, its line of the spec says all.
    let is_told = verbose || change.differs != Some(Differs::Missing);
    let fields = if is_told { compared(change, verbose) } else { Vec::new() };
    Entry {
        changes: vec![change],
        sign,
        style,
        counted,
        weight: if change.differs == Some(Differs::Changed) { Prominence::Changed } else { Prominence::Gone },
        is_new: false,
        is_idle: change.differs.is_none()
            && matches!(change.action, Action::Noop | Action::CoManaged | Action::Unmanaged),
        title: change.title.clone(),
        items: Vec::new(),
        told: told(change).into_iter().collect(),
        cause: cause::line(change, address),
        fields: fields.into_iter().map(field).collect(),
        places: change.source.iter().collect(),
    }
}

/// What `drift` found, as Markdown.
#[must_use]
pub fn markdown(plan: &Plan) -> String {
    let said = match found(plan) {
        Found::Drift => differing(plan),
        Found::Unjudged => "not known whether Azure drifted".to_owned(),
        Found::Nothing => format!("no drift: {}", as_declared(plan)),
    };
    let said = [said].into_iter().chain(beside(plan)).collect::<Vec<_>>().join("; ");
    // A comment on a pull request is read by more people than need to know where a request came from.
    let entries = in_order(plan, false).into_iter().map(|change| entry(change, false, false)).collect();
    let rows = Rows { word: |change| look(change).0, sides: ["spec", "live"], fields: told_fields, cells };
    markdown::document("drift", plan, &escaped(&said), entries, &rows, Side::Drift)
}

/// The fields of which a table tells.
fn told_fields(change: &PlannedChange) -> Vec<&FieldEntry> {
    if change.differs == Some(Differs::Missing) { Vec::new() } else { compared(change, false) }
}

/// As in the spec, and behind it what is not declared, whoever made it.
fn in_order(plan: &Plan, verbose: bool) -> Vec<&PlannedChange> {
    let mut changes = shown_changes(plan, verbose);
    changes.sort_by_key(|change| change.differs == Some(Differs::Extra));
    changes
}

/// How a change shows: a word, its style, and how it is counted.
pub(super) fn look(change: &PlannedChange) -> (&'static str, Style, Counted) {
    match (change.differs, change.action) {
        (Some(Differs::Missing), _) => ("missing", BAD, (1, "missing")),
        (Some(Differs::Changed), _) => ("changed", CHANGED, (0, "changed")),
        (Some(Differs::Extra), _) => ("extra", CHANGED, (2, "extra")),
        (None, Action::Noop) => ("unchanged", QUIET, (4, "unchanged")),
        (None, Action::CoManaged) => ("shared", QUIET, (6, "of other teams")),
        (None, Action::Unmanaged) => ("unmanaged", QUIET, (5, "unmanaged")),
        (None, _) => ("unknown", BAD, (3, "unknown")),
    }
}

/// What there is to say of a change besides its fields.
pub(super) fn told(change: &PlannedChange) -> Option<String> {
    let stack = change.stack.as_deref().unwrap_or("?");
    let given = change.reason.clone();
    match (change.action, change.differs) {
        (Action::Refused, Some(differs)) => {
            let verb = match differs {
                Differs::Missing => "make",
                Differs::Changed => "change",
                Differs::Extra => "delete",
            };
            let why = given.map_or_else(String::new, |why| format!(": {why}"));
            Some(format!("apply cannot {verb} it{why}"))
        }
        // Why something could not be read stands among the findings, with what to do. Of what is not there, there is no more to say.
        (Action::Create, _) if change.purge.is_some() => Some("a soft-deleted one has its name".to_owned()),
        (Action::Create | Action::Unknown, _) => None,
        (Action::Restore, _) => Some("it is soft-deleted".to_owned()),
        (Action::Adopt | Action::Update, _) if change.mark == Some(Mark::Added) => {
            Some(format!("it does not carry the mark of stack `{stack}`"))
        }
        (Action::UnmanagedUnknown, _) => given.map(|why| format!("not known whether it is drift: {why}")),
        _ => given,
    }
}

/// The fields that were compared. What Azure never shows is only sent along with a write.
pub(super) fn compared(change: &PlannedChange, verbose: bool) -> Vec<&FieldEntry> {
    let kind = kinds::by_name(&change.kind);
    let is_unshown = |field: &FieldEntry| {
        kind.and_then(|kind| row(kind, &field.path)).is_some_and(|row| row.compare == Compare::Unshown)
    };
    let declared = fields(change, verbose).into_iter().filter(|field| !is_unshown(field));
    declared.chain(&change.omitted).collect()
}

/// Whether the spec omits a field of a change: keyless set it on creation.
pub(super) fn is_default(change: &PlannedChange, field: &FieldEntry) -> bool {
    change.omitted.iter().any(|omitted| omitted.path == field.path)
}

/// A long value of a field, word by word or element by element: what only the spec has, and what is only live.
pub(super) fn long(field: &FieldEntry) -> Option<Vec<words::StyledText>> {
    let mut lines = words::changed(&field.after, &field.before, ONLY)?;
    if lines.iter().any(|line| line.plain.contains("[-") || line.plain.contains("{+")) {
        lines.insert(
            0,
            words::StyledText { plain: LEGEND.to_owned(), styled: format!("{QUIET}{LEGEND}{QUIET:#}") },
        );
    }
    Some(lines)
}

fn shortened(field: &FieldEntry) -> FieldEntry {
    let (before, after) = words::shortened(&field.before, &field.after);
    FieldEntry { before, after, ..field.clone() }
}

/// The lines that show one field.
fn sides(change: &PlannedChange, field: &FieldEntry) -> Vec<words::StyledText> {
    let (kind, is_default) = (&change.kind, is_default(change, field));
    let field = &shortened(field);
    let line =
        |plain: String, style: Style| words::StyledText { styled: format!("{style}{plain}{style:#}"), plain };
    if let Some(lines) = long(field) {
        return lines;
    }
    if let (Some(live), Some(spec)) = (field.before.as_array(), field.after.as_array()) {
        let only = |sign: &str, these: &[Value], those: &[Value], style| -> Vec<words::StyledText> {
            let only = these.iter().filter(|each| !those.contains(each));
            only.map(|each| line(format!("{sign} {}", plain(each)), style)).collect()
        };
        return [only(ONLY[0], spec, live, BAD), only(ONLY[1], live, spec, GOOD)].concat();
    }
    let (live, spec) = (worded(kind, field, &field.before), worded(kind, field, &field.after));
    let spec = if is_default { format!("default: {spec}, spec: not set") } else { format!("spec: {spec}") };
    vec![line(format!("live: {live}, {spec}"), CHANGED)]
}

/// The cells for what the spec says and for what is live. How a long value differs stands in the second one.
fn cells(change: &PlannedChange, field: &FieldEntry) -> [String; 2] {
    let (kind, is_default, field) = (&change.kind, is_default(change, field), &shortened(field));
    match long(field) {
        Some(lines) => {
            let lines: Vec<String> = lines.iter().map(|line| markdown_code(&line.plain)).collect();
            [String::new(), lines.join("<br>")]
        }
        None => {
            let [spec, live] =
                [&field.after, &field.before].map(|value| markdown_code(&worded(kind, field, value)));
            [if is_default { format!("{spec} (default)") } else { spec }, live]
        }
    }
}

/// How much differs in which way, and who did that.
pub(super) fn differing(plan: &Plan) -> String {
    let count = |wanted: Differs| plan.changes.iter().filter(|change| change.differs == Some(wanted)).count();
    let differ = count(Differs::Changed);
    let mut said = listed(&[
        (differ, if differ == 1 { "differs" } else { "differ" }),
        (count(Differs::Missing), "missing"),
        (count(Differs::Extra), "extra"),
    ]);
    let refused =
        plan.changes.iter().filter(|change| change.action == Action::Refused && change.differs.is_some());
    match refused.count() {
        0 => {}
        refused => {
            let _ = write!(said, " (apply cannot write {refused} of these)");
        }
    }
    let callers: BTreeSet<String> =
        plan.changes.iter().filter_map(|change| Some(cause::who(change.caused_by.as_ref()?))).collect();
    let unknown = plan.changes.iter().filter(|change| change.cause_unknown.is_some()).count();
    let mut who: Vec<String> = callers.iter().take(NAMED).cloned().collect();
    if let Some(more) = callers.len().checked_sub(NAMED).filter(|more| *more > 0) {
        who.push(format!("{more} more"));
    }
    match (who.is_empty(), unknown) {
        (true, 0) => {}
        (true, _) => said.push_str("; who: unknown"),
        (false, 0) => {
            let _ = write!(said, "; who: {}", who.join(", "));
        }
        (false, _) => {
            let _ = write!(said, "; who: {}; unknown for {unknown}", who.join(", "));
        }
    }
    said
}

/// How much is as declared.
fn as_declared(plan: &Plan) -> String {
    match plan.unchanged() {
        1 => "1 resource matches the specs".to_owned(),
        count => format!("{count} resources match the specs"),
    }
}

/// What else there is, which is no drift or could not be judged.
fn beside(plan: &Plan) -> Option<String> {
    let counts = &plan.summary;
    let unclear =
        plan.changes.iter().filter(|change| change.action == Action::Refused && change.differs.is_none());
    let rest = listed(&[
        (counts.unknown + unclear.count(), "unknown"),
        (counts.unmanaged_unknown, "undeclared and not judged"),
        (plan.incomplete.len(), not_read(plan)),
        (if found(plan) == Found::Nothing { 0 } else { plan.unchanged() }, "unchanged"),
        (plan.not_ours(), NOT_OWNED),
        (counts.unmanaged.saturating_sub(counts.unmanaged_drift + counts.unmanaged_unknown), "unmanaged"),
        (counts.co_managed, "of other teams"),
    ]);
    (!rest.is_empty()).then_some(rest)
}
