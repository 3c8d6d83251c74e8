//! The result of `drift` as text and Markdown: what is live, what is declared, and who changed it; never what `apply` would do.
//!
//! Works on the document alone. All text from outside passes through `sanitize` or is escaped as Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::Style;
use serde_json::Value;

use super::cause;
use super::entry::{Entry, Shown};
use super::groups;
use super::markdown;
use super::markdown::side_by_side;
use super::page::{GLUE, HANG, Page, fold};
use super::people;
use super::summary::{self, Counted, Found, Side, found};
use super::tables::{Rows, SignInNames};
use super::text::{
    BAD, CHANGED, GOOD, STRONG, body, fields, label, not_compared, plain, requests, shown_changes, target,
    worded,
};
use super::weight::{decides, gives_power, weight};
use super::words;
use crate::diff::field as row;
use crate::document::{Action, Differs, FieldEntry, Mark, Plan, PlannedChange};
use crate::kinds;
use crate::text::sanitize::{markdown as escaped, markdown_code, sanitize};

/// Marks elements that only one side has.
const ONLY: [&str; 2] = ["spec only:", "live only:"];
/// Before each side of a value that is too long for one line.
const SIDES: [&str; 2] = ["spec: ", "live: "];
/// The most people that the last line names.
const NAMED: usize = 5;

/// What `drift` found, as text.
#[must_use]
pub fn text(plan: &Plan, page: Page) -> String {
    let plan = &*people::plan(plan, page.verbose);
    let changes = in_order(plan, page.verbose);
    let entries = changes.into_iter().map(|change| entry(change, page.verbose, true)).collect();
    let mut text = body(plan, groups::text(entries, page), page, Side::Drift);
    let none = format!("{}: ", summary::upper(summary::no_drift(plan)));
    let (style, head, rest) = match found(plan) {
        Found::Drift => (STRONG, "Drift: ", differing(plan)),
        Found::Unjudged => (BAD, "Drift: ", "not known".to_owned()),
        Found::Nothing => (GOOD, none.as_str(), as_declared(plan)),
    };
    let rest = with_rest(rest, plan);
    let (head, space) = (head.trim_end(), &head[head.trim_end().len()..]);
    let _ = writeln!(text, "{style}{head}{style:#}{space}{}. {}.", sanitize(&rest), requests(plan.requests));
    target(&mut text, &plan.target);
    fold(&text, page)
}

/// A change in the words of a drift; `address` as for `cause::line`.
fn entry(change: &PlannedChange, verbose: bool, address: bool) -> Entry<'_> {
    let sort = Counted::of(change, Side::Drift);
    let field = |field| Shown {
        label: label(&change.kind, field),
        lines: sides(change, field),
        decides: decides(&change.kind, field),
        opens: false,
        places: field.source.iter().cloned().collect(),
    };
    // The spec has the fields of what is missing.
    let is_told = verbose || change.differs != Some(Differs::Missing);
    let fields = if is_told { compared(change, verbose) } else { Vec::new() };
    Entry {
        changes: vec![change],
        sign: sort.word(),
        style: sort.look().style(),
        sort,
        weight: weight(change, sort),
        is_new: false,
        title: change.title.clone(),
        items: Vec::new(),
        besides: Vec::new(),
        told: told(change).into_iter().chain(not_compared(change)).collect(),
        cause: cause::line(change, address),
        fields: fields.into_iter().map(field).collect(),
        places: change.source.iter().collect(),
    }
}

/// What `drift` found, as Markdown.
#[must_use]
pub fn markdown(plan: &Plan) -> String {
    markdown_within(plan, markdown::LONGEST, SignInNames::Shown)
}

/// The same in so many characters.
pub(super) fn markdown_within(plan: &Plan, most: usize, names: SignInNames) -> String {
    let plan = &*people::plan(plan, false);
    let said = match found(plan) {
        Found::Drift => differing(plan),
        Found::Unjudged => "Not known whether Azure drifted".to_owned(),
        Found::Nothing => format!("{}: {}", summary::upper(summary::no_drift(plan)), as_declared(plan)),
    };
    let said = with_rest(said, plan);
    // Without addresses: more people read a comment on a pull request than need them.
    let entries = in_order(plan, false).into_iter().map(|change| entry(change, false, false)).collect();
    let rows = Rows { side: Side::Drift, names, columns: ["spec", "live"], fields: told_fields, cells };
    markdown::document("drift", plan, &escaped(&said), entries, &rows, most)
}

/// A summary with the rest that is counted.
fn with_rest(said: String, plan: &Plan) -> String {
    let mut rest = summary::beside(plan, Side::Drift);
    // "No drift" says it already.
    rest.retain(|(_, sort)| found(plan) != Found::Nothing || *sort != Counted::Unchanged);
    if rest.is_empty() { said } else { format!("{said}; {}", summary::said(&rest)) }
}

/// The fields in the table of a change.
fn told_fields(change: &PlannedChange) -> Vec<&FieldEntry> {
    if change.differs == Some(Differs::Missing) { Vec::new() } else { compared(change, false) }
}

/// In the order of the spec; undeclared resources last, and of these first the roles that can be used to gain more.
fn in_order(plan: &Plan, verbose: bool) -> Vec<&PlannedChange> {
    let mut changes = shown_changes(plan, verbose);
    changes.sort_by_cached_key(|change| {
        let is_extra = change.differs == Some(Differs::Extra);
        (is_extra, is_extra && !gives_power(change))
    });
    changes
}

/// The line below a change, besides its fields.
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
        // A finding says why something could not be read, and what to do.
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

/// The fields of a change that were compared with Azure.
pub(super) fn compared(change: &PlannedChange, verbose: bool) -> Vec<&FieldEntry> {
    let declared = fields(change, verbose).into_iter().filter(|field| is_compared(change, field));
    declared.chain(&change.omitted).collect()
}

/// Whether a field was compared. What Azure never shows is only sent along with another field.
pub(super) fn is_compared(change: &PlannedChange, field: &FieldEntry) -> bool {
    let kind = kinds::by_name(&change.kind);
    kind.and_then(|kind| row(kind, &field.path)).is_none_or(|row| !row.compare.hides(&field.before))
}

/// Whether the spec omits a field of a change, so that its default at creation is expected.
pub(super) fn is_default(change: &PlannedChange, field: &FieldEntry) -> bool {
    change.omitted.iter().any(|omitted| omitted.path == field.path)
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
    if let Some(both) = words::both(&field.after, &field.before) {
        let side = |(label, lines): (&str, Vec<words::SideLine>)| {
            let margin = " ".repeat(label.len());
            let said = move |(index, line): (usize, words::SideLine)| {
                let line = line.styled(STRONG);
                let margin = if index == 0 { label } else { &margin };
                words::StyledText {
                    plain: format!("{margin}{HANG}{}", line.plain),
                    styled: format!("{margin}{HANG}{}", line.styled),
                }
            };
            lines.into_iter().enumerate().map(said).collect::<Vec<_>>()
        };
        return SIDES.into_iter().zip(both).flat_map(side).collect();
    }
    if let (Some(live), Some(spec)) = (field.before.as_array(), field.after.as_array()) {
        let elements = words::Elements::of(spec, live);
        let said = |label: &str, element: &Value, style| line(format!("{label} {}", plain(element)), style);
        let only = |label, these: &[&Value], style| -> Vec<words::StyledText> {
            these.iter().map(|element| said(label, element, style)).collect()
        };
        let mut lines = only(ONLY[0], &elements.gone, BAD);
        lines.extend(only(ONLY[1], &elements.new, GOOD));
        for (spec, live) in elements.changed {
            lines.extend([said("spec:", spec, CHANGED), said("live:", live, CHANGED)]);
        }
        return lines;
    }
    let (live, spec) = (worded(kind, field, &field.before), worded(kind, field, &field.after));
    let spec = if is_default {
        format!("default:{GLUE}{spec}, spec:{GLUE}not{GLUE}set")
    } else {
        format!("spec:{GLUE}{spec}")
    };
    vec![line(format!("live:{GLUE}{live}, {spec}"), CHANGED)]
}

/// The cells for the spec and for the live value.
fn cells(change: &PlannedChange, field: &FieldEntry) -> [String; 2] {
    let (kind, is_default, field) = (&change.kind, is_default(change, field), &shortened(field));
    side_by_side(&field.after, &field.before).unwrap_or_else(|| {
        let [spec, live] =
            [&field.after, &field.before].map(|value| markdown_code(&worded(kind, field, value)));
        [if is_default { format!("{spec} (default)") } else { spec }, live]
    })
}

/// How many resources differ in which way, and who changed them.
pub(super) fn differing(plan: &Plan) -> String {
    let words = |(count, sort): (usize, Counted)| {
        let said = match (sort, count) {
            (Counted::Changed, 1) => "1 differs".to_owned(),
            (Counted::Changed, count) => format!("{count} differ"),
            _ => summary::said(&[(count, sort)]),
        };
        let is_refused = |change: &&PlannedChange| {
            change.action == Action::Refused && Counted::of(change, Side::Drift) == sort
        };
        match plan.changes.iter().filter(is_refused).count() {
            0 => said,
            refused => format!("{said} (apply cannot write {refused} of these)"),
        }
    };
    let mut said = summary::differing(plan).into_iter().map(words).collect::<Vec<_>>().join(", ");
    let differing = plan.changes.iter().filter(|change| change.differs.is_some());
    let mut callers: BTreeMap<String, usize> = BTreeMap::new();
    for cause in differing.filter_map(|change| change.caused_by.as_ref()) {
        *callers.entry(cause::person(cause)).or_default() += 1;
    }
    let mut callers: Vec<(String, usize)> = callers.into_iter().collect();
    callers.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let unknown = plan.changes.iter().filter(|change| change.cause_unknown.is_some()).count();
    let named = |(who, count): &(String, usize)| {
        if callers.len() == 1 || *count == 1 { who.clone() } else { format!("{who} ({count})") }
    };
    let mut who: Vec<String> = callers.iter().take(NAMED).map(named).collect();
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

/// How many resources are as declared.
fn as_declared(plan: &Plan) -> String {
    match plan.unchanged() {
        1 => "1 resource matches the specs".to_owned(),
        count => format!("{count} resources match the specs"),
    }
}
