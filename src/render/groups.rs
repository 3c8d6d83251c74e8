//! Many changes, by what they stand on: an account, a resource group; with totals, and each thing said once.
//!
//! Works on entries. A few changes are shown one by one; accounts that get the same are shown together; what is too much for a text is told by
//! its totals, what is all new first, and that is said.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::entry::{Counted, Detail, Entry, Prominence, named};
use super::page::{GLUE, Line, Page, fold, laid_out, list};
use super::summary::listed;
use super::text::{QUIET, STRONG, plural};
use crate::document::PlannedChange;
use crate::id::ResourceId;
use crate::kinds;
use crate::text::sanitize::sanitize;

/// So many changes are shown one by one.
pub(super) const FEW: usize = 6;
/// So many lines of changes are pleasant to read.
const PLEASANT: usize = 100;
/// There are no more lines of changes than that.
const MOST: usize = 300;
/// How a group is told of where there is no room for more.
const TOTALS: &str = "by their totals only";
/// From so many on, groups that get the same are shown together.
const SAME: usize = 3;

/// Changes that stand on one thing, or on several things and are the same on each.
pub(super) struct ChangeGroup<'a> {
    /// What they stand on, by name; not sanitised yet. Empty where that is not known.
    pub(super) names: Vec<String>,
    pub(super) noun: String,
    /// Of one of them.
    pub(super) entries: Vec<Entry<'a>>,
}

impl ChangeGroup<'_> {
    /// How much of what is on each, in words.
    pub(super) fn totals(&self) -> String {
        let mut counts: BTreeMap<Counted, usize> = BTreeMap::new();
        for entry in &self.entries {
            *counts.entry(entry.counted).or_default() += entry.changes.len() / self.names.len().max(1);
        }
        let counted: Vec<(usize, &str)> = counts.iter().map(|((_, what), count)| (*count, *what)).collect();
        listed(&counted)
    }

    fn weight(&self) -> Prominence {
        self.entries.iter().map(|entry| entry.weight).max().unwrap_or(Prominence::New)
    }

    /// What is named even where the rest is told by its totals.
    pub(super) fn weighty(&self) -> impl Iterator<Item = &Entry<'_>> {
        self.entries.iter().filter(|entry| entry.weight >= Prominence::Gone)
    }

    /// What it is called, without the names of several.
    pub(super) fn title(&self) -> String {
        match self.names.as_slice() {
            [] => "elsewhere".to_owned(),
            [name] => format!("{}{name}", self.noun),
            names => format!("{} {}s, each", names.len(), self.noun.trim_end()),
        }
    }

    fn heading(&self, end: &str) -> Vec<Line> {
        let mut lines =
            vec![Line::of(format!("{STRONG}{}:{STRONG:#} {}{end}", sanitize(&self.title()), self.totals()))];
        if self.names.len() > 1 {
            let names: Vec<String> = self.names.iter().map(|name| sanitize(name).into_owned()).collect();
            lines.push(Line::of(format!("    {}", list(&names))));
        }
        lines
    }

    /// A single change needs no heading where blank lines are between groups.
    fn text(&self, detail: Detail, headed: bool, room: usize, page: Page) -> String {
        let is_alone = !headed && self.entries.len() == 1 && self.names.len() < 2;
        let mut lines = if is_alone { Vec::new() } else { self.heading("") };
        for entry in &self.entries {
            let mut entry = entry.clone();
            if is_alone && let [change] = entry.changes.as_slice() {
                entry.title.clone_from(&change.title);
            }
            lines.extend(entry.lines(detail, room));
        }
        fold(&laid_out(&lines, page), page)
    }

    fn short(&self, room: usize, page: Page) -> String {
        let mut lines = self.heading("");
        lines.extend(self.weighty().flat_map(|entry| entry.brief(room)));
        fold(&laid_out(&lines, page), page)
    }

    fn signature(&self) -> String {
        let entries: Vec<String> = self.entries.iter().map(Entry::signature).collect();
        format!("{}\n{}", self.noun, entries.join("\n\n"))
    }
}

/// Entries as text.
pub(super) fn text(entries: Vec<Entry<'_>>, page: Page) -> String {
    let room = entries.iter().map(|entry| entry.sign.chars().count()).max().unwrap_or(1);
    if entries.len() <= FEW {
        let lines: Vec<Line> = entries.iter().flat_map(|entry| entry.lines(Detail::Whole, room)).collect();
        return fold(&laid_out(&lines, page), page);
    }
    if page.verbose {
        let groups = grouped(entries);
        let texts: Vec<String> =
            groups.iter().map(|group| group.text(Detail::Whole, true, room, page)).collect();
        return texts.join("\n");
    }
    let (groups, idle) = alike(entries);
    let told = |detail| -> Vec<String> {
        let headed = detail == Detail::Names;
        groups.iter().map(|group| group.text(detail, headed, room, page)).collect()
    };
    let count = |texts: &[String]| texts.iter().map(|text| text.lines().count()).sum::<usize>();
    let short = told(Detail::Short);
    let is_short = count(&short) <= PLEASANT;
    let (texts, between) = if is_short { (short, "\n") } else { (told(Detail::Names), "") };
    let shorter: Vec<String> = groups.iter().map(|group| group.short(room, page)).collect();
    let Fitted { texts, left } = fitted(&groups, texts, &shorter, |text| text.lines().count(), MOST);
    let mut text = texts.join(between);
    if let Some(left) = left {
        let _ = writeln!(text, "{STRONG}Too much to list: {left}. -v lists all.{STRONG:#}");
    }
    let has_values = |entry: &Entry<'_>| entry.is_new && !entry.fields.is_empty();
    if !is_short && groups.iter().flat_map(|group| &group.entries).any(has_values) {
        let _ = writeln!(text, "{QUIET}The values of new resources are not shown; -v shows them.{QUIET:#}");
    }
    if idle > 0 {
        let (what, them) = (plural(idle, "resource is", "resources are"), plural(idle, "it", "them"));
        let _ = writeln!(text, "{QUIET}{idle} undeclared {what} not drift; -v lists {them}.{QUIET:#}");
    }
    text
}

/// What is left of the texts of groups where there is room for so much only.
pub(super) struct Fitted {
    /// One for each group, in order; empty for those that are left out.
    pub(super) texts: Vec<String>,
    /// What of it is told by totals, or not at all; nothing where all is there.
    pub(super) left: Option<String>,
}

/// Makes room: what weighs least is told by its totals first, from the end on; then it is left out, unless a guard judges something of it.
pub(super) fn fitted(
    groups: &[ChangeGroup<'_>],
    mut texts: Vec<String>,
    shorter: &[String],
    size: impl Fn(&str) -> usize,
    most: usize,
) -> Fitted {
    let mut used: usize = texts.iter().map(|text| size(text)).sum();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|index| (groups[*index].weight(), std::cmp::Reverse(*index)));
    let (mut totals, mut cut) = (Vec::new(), Vec::new());
    for index in &order {
        let (was, is) = (size(&texts[*index]), size(&shorter[*index]));
        if used > most && is < was {
            used -= was - is;
            totals.push(*index);
            texts[*index].clone_from(&shorter[*index]);
        }
    }
    let is_seen = |index: &&usize| groups[**index].weight() < Prominence::Guarded;
    for index in order.iter().filter(is_seen) {
        if used > most {
            used -= size(&texts[*index]);
            texts[*index].clear();
            totals.retain(|other| other != index);
            cut.push(*index);
        }
    }
    let told: Vec<String> = [(TOTALS, totals), ("not at all", cut)]
        .into_iter()
        .filter(|(_, which)| !which.is_empty())
        .filter_map(|(how, which)| {
            let entries = which.into_iter().flat_map(|index| &groups[index].entries);
            // What weighs more is named.
            let entries: Vec<&Entry<'_>> =
                entries.filter(|entry| entry.weight < Prominence::Gone || how != TOTALS).collect();
            let count: usize = entries.iter().map(|entry| entry.changes.len()).sum();
            (count > 0)
                .then(|| format!("{count} {} {how} ({})", plural(count, "change", "changes"), sum(&entries)))
        })
        .collect();
    Fitted { texts, left: (!told.is_empty()).then(|| told.join("; ")) }
}

/// How much entries hold, in words.
fn sum(entries: &[&Entry<'_>]) -> String {
    let mut counts: BTreeMap<Counted, usize> = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.counted).or_default() += entry.changes.len();
    }
    let counted: Vec<(usize, &str)> = counts.iter().map(|((_, what), count)| (*count, *what)).collect();
    listed(&counted)
}

/// Entries by what they stand on, those that are alike as one, groups that are the same as one; and how many are left out, because nothing
/// comes of them.
pub(super) fn alike(mut entries: Vec<Entry<'_>>) -> (Vec<ChangeGroup<'_>>, usize) {
    let all = entries.len();
    entries.retain(|entry| !entry.is_idle);
    let idle = all - entries.len();
    let mut groups = grouped(entries);
    for group in &mut groups {
        if let [name] = group.names.as_slice() {
            // A new account mostly has its name as subdomain too, which would make each account another.
            let is_itself = |entry: &&mut Entry<'_>| {
                entry.is_new && entry.changes.iter().all(|change| stands_alone(change))
            };
            group.entries.iter_mut().filter(is_itself).for_each(|entry| entry.forget(name));
        }
        group.entries = merged(std::mem::take(&mut group.entries));
    }
    let mut same: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, group) in groups.iter().enumerate().filter(|(_, group)| group.names.len() == 1) {
        same.entry(group.signature()).or_default().push(index);
    }
    let mut into = vec![None; groups.len()];
    for indices in same.into_values().filter(|indices| indices.len() >= SAME) {
        for index in &indices[1..] {
            into[*index] = Some(indices[0]);
        }
    }
    let mut kept: BTreeMap<usize, ChangeGroup<'_>> = BTreeMap::new();
    for (index, group) in groups.into_iter().enumerate() {
        match into[index].and_then(|first| kept.get_mut(&first)) {
            Some(first) => {
                first.names.extend(group.names);
                for (entry, more) in first.entries.iter_mut().zip(group.entries) {
                    let items = std::mem::take(&mut entry.items);
                    entry.take(more);
                    entry.items = items;
                }
            }
            None => {
                kept.insert(index, group);
            }
        }
    }
    (kept.into_values().collect(), idle)
}

/// Entries by what they stand on, in the order in which each is first met.
fn grouped(entries: Vec<Entry<'_>>) -> Vec<ChangeGroup<'_>> {
    let mut groups: Vec<(Option<ResourceId>, Vec<Entry<'_>>)> = Vec::new();
    let mut known: BTreeMap<Option<ResourceId>, usize> = BTreeMap::new();
    for mut entry in entries {
        let on = entry.changes.first().and_then(|change| stands_on(change));
        if let Some(change) = entry.changes.first() {
            entry.title = named(change, on.as_ref()).0;
        }
        let index = *known.entry(on.clone()).or_insert(groups.len());
        match groups.get_mut(index) {
            Some((_, entries)) => entries.push(entry),
            None => groups.push((on, vec![entry])),
        }
    }
    let names: Vec<Option<(String, String)>> = groups.iter().map(|(on, _)| on.as_ref().map(called)).collect();
    let is_twice =
        |name: &(String, String)| names.iter().flatten().filter(|other| *other == name).count() > 1;
    let name = |(on, name): (&Option<ResourceId>, &Option<(String, String)>)| match (on, name) {
        (Some(on), Some(name)) if is_twice(name) => Some((name.0.clone(), on.to_string())),
        (_, name) => name.clone(),
    };
    let called: Vec<_> = groups.iter().map(|(on, _)| on).zip(&names).map(name).collect();
    let groups = groups.into_iter().zip(called);
    groups
        .map(|((_, entries), called)| ChangeGroup {
            names: called.iter().map(|(_, name)| name.clone()).collect(),
            noun: called.map_or_else(String::new, |(noun, _)| noun),
            entries,
        })
        .collect()
}

/// What a change stands on: the account that it is or is in, a resource group, a subscription.
fn stands_on(change: &PlannedChange) -> Option<ResourceId> {
    let id = ResourceId::parse(&change.id).ok()?;
    let is_grant = kinds::by_name(&change.kind).is_some_and(kinds::Kind::is_grant);
    Some(if is_grant { id.scope().tracked() } else { id.tracked() })
}

/// Whether a change is of what other changes stand on.
fn stands_alone(change: &PlannedChange) -> bool {
    let id = ResourceId::parse(&change.id).ok();
    id.is_some() && stands_on(change) == id
}

/// The word for something and its name.
fn called(on: &ResourceId) -> (String, String) {
    let noun = match (kinds::by_id(on), on.resource_type()) {
        (Some(kind), _) => kind.noun().to_owned(),
        (None, Some(own)) => own.rsplit('/').next().unwrap_or_default().to_owned(),
        (None, None) => return (String::new(), kinds::scope_name(on)),
    };
    (format!("{noun} "), on.name().to_owned())
}

/// Entries of one group, those that are alike as one.
fn merged(entries: Vec<Entry<'_>>) -> Vec<Entry<'_>> {
    let mut merged: Vec<Entry<'_>> = Vec::new();
    let mut known: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for mut entry in entries {
        let on = entry.changes.first().and_then(|change| stands_on(change));
        let parts = entry.changes.first().and_then(|change| named(change, on.as_ref()).1);
        let Some(parts) = parts else {
            merged.push(entry);
            continue;
        };
        let likeness = entry.likeness(&parts.stem);
        if let Some((index, first)) = known.get(&likeness) {
            let into = &mut merged[*index];
            if into.items.is_empty() {
                into.items.push(first.clone());
            }
            entry.items = vec![parts.item];
            into.take(entry);
            into.title = format!("{} {}", into.changes.len(), parts.stems).replace(GLUE, " ");
        } else {
            known.insert(likeness, (merged.len(), parts.item));
            merged.push(entry);
        }
    }
    merged
}
