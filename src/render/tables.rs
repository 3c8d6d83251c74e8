//! Changes as Markdown tables: a few in one, many in a folded one for each account or scope, and shortened until they fit into a comment.
//!
//! Works on entries. All text from outside is escaped.

use std::fmt::Write as _;

use super::entry::{Entry, Shown};
use super::groups::by_name::{self, ByName};
use super::groups::{ChangeGroup, FEW, Fitted, Room, alike, fitted, shorter};
use super::markdown::place;
use super::page;
use super::summary::{self, Counted, Side};
use super::text::{label, plural};
use super::weight::Prominence;
use crate::document::{FieldEntry, PlannedChange};
use crate::text::sanitize::{markdown, markdown_code, sanitize};

/// How a document shows changes in a table.
pub(super) struct Rows {
    pub(super) side: Side,
    pub(super) names: SignInNames,
    /// The headings of the two values of a field.
    pub(super) columns: [&'static str; 2],
    pub(super) fields: for<'a> fn(&'a PlannedChange) -> Vec<&'a FieldEntry>,
    /// The two values of a field.
    pub(super) cells: fn(&PlannedChange, &FieldEntry) -> [String; 2],
}

/// Whether a document names people, or its reader sees only ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignInNames {
    Shown,
    Withheld,
}

impl Rows {
    fn word(&self, change: &PlannedChange) -> &'static str {
        Counted::of(change, self.side).word()
    }
}

/// The size of a text with a blank line before it.
pub(super) fn size(text: &str) -> usize {
    text.chars().count() + 1
}

/// The approximate size of the names of all deletions, and of all that is live and lets somebody in.
pub(super) fn of_names(entries: &[Entry<'_>]) -> usize {
    let named = entries.iter().filter(|entry| by_name::rank(entry).is_some_and(by_name::Rank::has_room));
    named.flat_map(|entry| &entry.changes).map(|change| size(&markdown(&change.title)) + 1).sum()
}

/// The changes in one table, or, if there are many, in a folded one for each account or scope; and what was cut. Never takes more than the
/// room.
pub(super) fn changes(entries: Vec<Entry<'_>>, rows: &Rows, room: usize) -> (String, Option<String>) {
    if entries.is_empty() {
        return (String::new(), None);
    }
    let flat = table(&entries, rows, true);
    if entries.len() <= FEW && size(&flat) <= room {
        return (flat, None);
    }
    let (groups, idle) = alike(entries);
    let idle = if idle > 0 {
        format!("\n{idle} undeclared {} not drift.\n", plural(idle, "resource is", "resources are"))
    } else {
        String::new()
    };
    let idle = if size(&idle) <= room { idle } else { String::new() };
    let room = room.saturating_sub(size(&idle));
    let told = |is_whole| -> Vec<String> {
        let each = |group: &ChangeGroup<'_>| {
            let names = if group.names.len() > 1 { format!("{}\n\n", names(group)) } else { String::new() };
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
    let shorter = shorter(&groups, |group, least| brief(group, least, rows));
    let barest = |all: &[ByName]| size(&by_name::listed(all, usize::MAX, rows.names).0);
    let Fitted { texts, named, mut left } =
        fitted(&groups, texts, &shorter, &Room { most: room, size: &size, barest: &barest });
    // Markdown requires a blank line between a list and a folded part.
    let mut text = String::new();
    for part in texts.iter().filter(|part| !part.is_empty()) {
        if part.starts_with('<') && text.lines().last().is_some_and(|last| last.trim_start().starts_with('-'))
            || part.starts_with('-') && text.ends_with("</details>\n")
        {
            text.push('\n');
        }
        text.push_str(part);
    }
    let (names, unnamed) = by_name::listed(&named, room.saturating_sub(size(&text)), rows.names);
    left.unnamed(unnamed);
    if !names.is_empty() && text.ends_with("</details>\n") {
        text.push('\n');
    }
    text.push_str(&names);
    let has_values = |entry: &Entry<'_>| entry.is_new && !entry.fields.is_empty();
    let cut = !is_whole && groups.iter().flat_map(|group| &group.entries).any(has_values);
    let fields = cut.then(|| "the fields of new resources".to_owned());
    let left = [fields, left.words()].into_iter().flatten().collect::<Vec<_>>();
    (text + &idle, (!left.is_empty()).then(|| left.join("; ")))
}

fn names(group: &ChangeGroup<'_>) -> String {
    group.names.iter().map(|name| markdown(name)).collect::<Vec<_>>().join(", ")
}

/// A shortened group: its totals, and its most important changes by name.
fn brief(group: &ChangeGroup<'_>, least: Prominence, rows: &Rows) -> String {
    let mut text = format!("- {}\n", heading(group));
    if group.names.len() > 1 && group.weighty(least).next().is_some() {
        let _ = writeln!(text, "  <br>{}", names(group));
    }
    for entry in group.weighty(least) {
        let Some(change) = entry.changes.first() else { continue };
        let said = entry.items.iter().cloned().chain(entry.kept()).chain(entry.besides.iter().cloned());
        let said: Vec<String> = said.map(|said| markdown(&page::unmarked(&said))).collect();
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
        // An entry for several changes has only the fields that they share.
        let is_common = |field: &&FieldEntry| {
            let label = label(&change.kind, field);
            let is_kept = |common: &Shown| is_whole || !entry.is_new || common.opens;
            entry.fields.iter().any(|common| common.label == label && is_kept(common))
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::document::access::{AccessChange, Holder, Reach, Through};
    use crate::document::{FindingEntry, Plan, Summary};
    use crate::finding::{Code, Severity};
    use crate::plan::samples;
    use crate::render::page::Page;
    use crate::render::{comment, markdown, text};

    const SUB: &str = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups";

    /// A plan of this many accounts with names of this length: each gains a grant, loses one, and has errors.
    fn plan(accounts: usize, long: usize, groups: usize) -> Plan {
        let name = |index: usize| format!("acct-{index:03}-{}", "x".repeat(long));
        let id = |index: usize| {
            format!(
                "{SUB}/rg-{}/providers/Microsoft.CognitiveServices/accounts/{}",
                index % groups,
                name(index)
            )
        };
        let grant = |index: usize, action: &str, who: &str, number: usize| {
            let assignment = format!("{number:08}-0000-4000-8000-{index:012}");
            json!({
                "action": action, "kind": "roleAssignments", "address": "", "source": null, "fields": [],
                "id": format!("{}/providers/Microsoft.Authorization/roleAssignments/{assignment}", id(index)),
                "title": format!(
                    "role assignment Cognitive Services User -> User {who}{index:03}-{}@contoso.com ({assignment}) on {}",
                    "z".repeat(long), name(index)
                ),
                "reason": format!("because of {}", "words ".repeat(long)),
            })
        };
        let changes: Vec<Value> = (0..accounts)
            .flat_map(|index| [grant(index, "delete", "leaver", 1), grant(index, "create", "owner", 2)])
            .collect();
        let mut plan = samples::plan(Value::Array(changes), json!([]));
        plan.summary = Summary::of(&plan.changes);
        for index in 0..accounts {
            let sorts = [
                (Severity::Error, Code::GuardGrant),
                (Severity::Error, Code::GuardLockOut),
                (Severity::Warning, Code::KeysEnabled),
                (Severity::Note, Code::RoleWithoutInference),
            ];
            for (severity, code) in sorts {
                let message = format!("something is wrong with `{}`", name(index));
                plan.findings.push(FindingEntry {
                    hint: Some(format!("if this is intended: --allow x:{}", name(index))),
                    resource: Some(plan.changes[2 * index + 1].id.clone()),
                    ..FindingEntry::of(severity, code, message)
                });
            }
            let holder = |who: &str| Holder {
                id: format!("{index:08}-0000-4000-8000-000000000000"),
                kind: "User".to_owned(),
                name: Some(format!("{who}{index}-{}@contoso.com", "z".repeat(long))),
                orphaned: false,
                through: vec![Through {
                    role: "Cognitive Services User".to_owned(),
                    role_id: String::new(),
                    models: None,
                    assignment: String::new(),
                    scope: id(index),
                    reach: Reach::Direct,
                    condition: None,
                    temporary: false,
                    until: None,
                }],
            };
            plan.access.push(AccessChange {
                account: name(index),
                id: id(index),
                gains: vec![holder("comer")],
                loses: vec![holder("goer")],
                restricted: Vec::new(),
                keys: None,
            });
        }
        plan
    }

    /// How many deletions a comment names, and how many it says it does not show.
    fn told(shown: &str) -> (usize, usize) {
        let (changes, cut) = shown.split_once("**Cut,").unwrap_or((shown, ""));
        let changes: Vec<&str> = changes.lines().filter(|line| line.contains("**delete**")).collect();
        let named = changes.iter().map(|line| line.matches("leaver").count()).sum();
        let part = cut.split(';').find(|part| part.contains("changes not shown"));
        let count = part
            .and_then(|part| part.split(['(', ',']).find_map(|said| said.trim().strip_suffix(" to delete)")));
        let count =
            count.or_else(|| part?.split(['(', ',']).find_map(|said| said.trim().strip_suffix(" to delete")));
        (named, count.and_then(|count| count.trim().parse().ok()).unwrap_or(0))
    }

    #[test]
    fn no_part_of_a_comment_takes_the_room_of_another_and_deletions_are_named_or_counted() {
        for (accounts, long, groups) in
            [(3, 20, 1), (40, 3, 1), (40, 200, 7), (150, 20, 1), (150, 90, 3), (300, 60, 1), (700, 120, 2)]
        {
            let plan = plan(accounts, long, groups);
            let markdown = markdown::plan(&plan);
            let comment = comment::plan(&plan);
            for shown in [&markdown, &comment] {
                let case = format!("{accounts} accounts, {long} characters");
                assert!(shown.chars().count() <= 65_536, "{case}: {}", shown.chars().count());
                assert!(!shown.contains(" lines. `--format json` has all"), "{case}: {shown}");
                assert!(
                    shown.contains("`guard-grant`") && shown.contains("`guard-lock-out`"),
                    "{case}: {shown}"
                );
                assert!(shown.contains("who gains and who loses"), "{case}: {shown}");
            }
            let (named, unnamed) = told(&markdown);
            assert_eq!(named + unnamed, accounts, "{accounts} of {long}: {markdown}");
            assert!(accounts > 150 || named == accounts, "{accounts} of {long}: {named} are named");
        }
    }

    #[test]
    fn text_keeps_to_its_lines_and_names_each_deletion() {
        for width in [60, 100, 200] {
            let page = Page { verbose: false, quiet: false, width: Some(width) };
            let shown = text::plan(&plan(160, 4, 1), page);
            assert!(shown.lines().count() <= 500, "{} lines at {width}", shown.lines().count());
            assert_eq!(shown.split("If applied").next().unwrap().matches("leaver").count(), 160, "{shown}");
            for code in ["guard-grant", "guard-lock-out", "keys-enabled"] {
                assert!(shown.contains(code), "{code}: {shown}");
            }
        }
    }
}
