//! Groups changes by account or scope, and shortens plans that are too long.
//!
//! Works on entries. A few changes are listed one by one. Of many, accounts with the same changes are shown once. If that is still too long,
//! groups are reduced to their totals, least important first, and the text says what was left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::entry::{Detail, Entry, TitleParts, named, place_in_title};
use super::page::{GLUE, Line, Page, fold, laid_out, list};
use super::summary::{self, Counted};
use super::text::{QUIET, STRONG, plural};
use super::weight::Prominence;
use crate::document::PlannedChange;
use crate::id::ResourceId;
use crate::kinds;
use crate::plan::apart::stands_on;
use crate::text::sanitize::sanitize;

pub(super) mod by_name;

use by_name::ByName;

/// Up to this many changes are listed one by one.
pub(super) const FEW: usize = 6;
/// The number of lines from which new resources are shown without their values.
const PLEASANT: usize = 100;
/// The number of lines of changes from which groups are shortened.
const MOST: usize = 300;
/// This many groups with the same changes are shown once.
const SAME: usize = 3;

/// The changes of one account or scope, or of several that change in the same way.
pub(super) struct ChangeGroup<'a> {
    /// The account or scope; of several, the first. `None` if it is not known.
    pub(super) on: Option<ResourceId>,
    /// All of them, in the order of their names.
    all: Vec<ResourceId>,
    /// The names of the accounts or scopes; not sanitised yet.
    pub(super) names: Vec<String>,
    pub(super) noun: String,
    /// The changes of one of them.
    pub(super) entries: Vec<Entry<'a>>,
}

impl ChangeGroup<'_> {
    /// How many changes there are on each, by sort.
    pub(super) fn totals(&self) -> Vec<(usize, Counted)> {
        let names = self.names.len().max(1);
        totals(&self.entries).into_iter().map(|(count, sort)| (count / names, sort)).collect()
    }

    fn weight(&self) -> Prominence {
        self.entries.iter().map(|entry| entry.weight).max().unwrap_or(Prominence::New)
    }

    /// The entries that are named in a shortened group.
    pub(super) fn weighty(&self, least: Prominence) -> impl Iterator<Item = &Entry<'_>> {
        self.entries.iter().filter(move |entry| entry.weight >= least)
    }

    /// The heading, without the names of several.
    pub(super) fn title(&self) -> String {
        match self.names.as_slice() {
            // Without an id, only the title says where.
            [] if self
                .entries
                .iter()
                .all(|entry| entry.changes.iter().all(|change| change.id.is_empty())) =>
            {
                "not resolved".to_owned()
            }
            [] => "elsewhere".to_owned(),
            [name] => format!("{}{name}", self.noun),
            names => format!("{} {}s, each", names.len(), self.noun.trim_end()),
        }
    }

    fn heading(&self) -> Vec<Line> {
        let (title, totals) = (self.title(), summary::said(&self.totals()));
        let mut lines = vec![Line::of(format!("{STRONG}{}:{STRONG:#} {totals}", sanitize(&title)))];
        if self.names.len() > 1 {
            let names: Vec<String> = self.names.iter().map(|name| sanitize(name).into_owned()).collect();
            lines.push(Line::of(format!("    {}", list(&names))));
        }
        lines
    }

    /// A group of one change needs no heading if blank lines separate groups.
    fn text(&self, detail: Detail, headed: bool, room: usize, page: Page) -> String {
        let is_alone = !headed && self.entries.len() == 1 && self.names.len() < 2;
        let mut lines = if is_alone { Vec::new() } else { self.heading() };
        for entry in &self.entries {
            let mut entry = entry.clone();
            if is_alone && let [change] = entry.changes.as_slice() {
                entry.title.clone_from(&change.title);
            }
            lines.extend(entry.lines(detail, room));
        }
        fold(&laid_out(&lines, page), page)
    }

    fn short(&self, least: Prominence, room: usize, page: Page) -> String {
        let mut lines = self.heading();
        lines.extend(self.weighty(least).flat_map(|entry| entry.brief(room)));
        fold(&laid_out(&lines, page), page)
    }

    /// What is named of it even where it is left out.
    pub(super) fn by_name(&self) -> Vec<ByName> {
        let kept = self.entries.iter().filter_map(|entry| Some((entry, by_name::rank(entry)?)));
        let each =
            kept.flat_map(|(entry, rank)| entry.changes.iter().map(move |change| (entry, rank, *change)));
        each.map(|(entry, rank, change)| self.named(entry, rank, change)).collect()
    }

    fn named(&self, entry: &Entry<'_>, rank: by_name::Rank, change: &PlannedChange) -> ByName {
        let on = stands_on(change);
        let name = on.as_ref().and_then(|on| self.all.iter().position(|id| id == on));
        let name = name.and_then(|index| self.names.get(index)).cloned();
        let (title, parts) = named(change, on.as_ref());
        let (words, on) = match (parts, name) {
            (Some(TitleParts { stem, stems, item }), on) => ([stem, stems, item], on),
            (None, Some(name)) if stands_alone(change) => ([title.clone(), format!("{title}s"), name], None),
            (None, on) => ([String::new(), String::new(), title], on),
        };
        ByName::of(entry, rank, words, on)
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
    let shown = |detail| -> Vec<String> {
        let headed = detail == Detail::Names;
        groups.iter().map(|group| group.text(detail, headed, room, page)).collect()
    };
    let count = |texts: &[String]| texts.iter().map(|text| text.lines().count()).sum::<usize>();
    let short = shown(Detail::Short);
    let is_short = count(&short) <= PLEASANT;
    let (texts, between) = if is_short { (short, "\n") } else { (shown(Detail::Names), "") };
    let shorter = shorter(&groups, |group, least| group.short(least, room, page));
    let lines = |text: &str| text.lines().count();
    let barest = |all: &[ByName]| lines(&by_name::text(all, page));
    let Fitted { texts, named, mut left } =
        fitted(&groups, texts, &shorter, &Room { most: MOST, size: &lines, barest: &barest });
    let mut text = texts.join(between);
    let (names, unnamed) = by_name::within(named, page, MOST.saturating_sub(lines(&text)));
    left.unnamed(unnamed);
    text.push_str(&names);
    if let Some(left) = left.words() {
        let _ = writeln!(text, "{STRONG}Shortened: {left}. -v lists all.{STRONG:#}");
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

/// The room for the changes of a format.
pub(super) struct Room<'a> {
    pub(super) most: usize,
    /// Measures a text.
    pub(super) size: &'a dyn Fn(&str) -> usize,
    /// What changes take by name alone.
    pub(super) barest: &'a dyn Fn(&[ByName]) -> usize,
}

/// Groups that fit into the room.
pub(super) struct Fitted {
    /// One text for each group, in order; empty for a group that is left out.
    pub(super) texts: Vec<String>,
    /// The changes that are named of groups of which nothing else is left.
    pub(super) named: Vec<ByName>,
    pub(super) left: Left,
}

/// Changes that were shortened or left out, by sort.
#[derive(Default)]
pub(super) struct Left {
    as_totals: BTreeMap<Counted, usize>,
    bare: BTreeMap<Counted, usize>,
    by_name: BTreeMap<Counted, usize>,
    not_shown: BTreeMap<Counted, usize>,
}

impl Left {
    /// There was no room for the names of these.
    pub(super) fn unnamed(&mut self, sorts: Vec<Counted>) {
        for sort in sorts {
            let named = self.by_name.entry(sort).or_default();
            *named = named.saturating_sub(1);
            *self.not_shown.entry(sort).or_default() += 1;
        }
    }

    /// In words, if there are any.
    pub(super) fn words(self) -> Option<String> {
        let parts = [
            ("as totals only", self.as_totals),
            (without(&self.bare), self.bare),
            ("by name only", self.by_name),
            ("not shown", self.not_shown),
        ];
        let said = |(how, counts): (&str, BTreeMap<Counted, usize>)| {
            let counts: Vec<(usize, Counted)> =
                counts.into_iter().map(|(sort, count)| (count, sort)).collect();
            let count: usize = counts.iter().map(|(count, _)| count).sum();
            let totals = summary::said(&counts);
            (count > 0).then(|| format!("{count} {} {how} ({totals})", plural(count, "change", "changes")))
        };
        let said: Vec<String> = parts.into_iter().filter_map(said).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// What changes lack of which only name and fields are left.
fn without(changes: &BTreeMap<Counted, usize>) -> &'static str {
    let is_drift = |sort: &Counted| matches!(sort, Counted::Changed | Counted::Missing | Counted::Extra);
    if changes.keys().all(is_drift) { "without who made them, and when" } else { "without reasons" }
}

/// The texts of all groups with only such changes as weigh so much.
pub(super) struct Shorter {
    least: Prominence,
    texts: Vec<String>,
}

/// Shorter texts of groups, which are used in this order.
pub(super) fn shorter(
    groups: &[ChangeGroup<'_>],
    text: impl Fn(&ChangeGroup<'_>, Prominence) -> String,
) -> [Shorter; 3] {
    [Prominence::Named, Prominence::Differs, Prominence::Admits]
        .map(|least| Shorter { least, texts: groups.iter().map(|group| text(group, least)).collect() })
}

fn count<'a, 'b: 'a>(
    counts: &mut BTreeMap<Counted, usize>,
    entries: impl IntoIterator<Item = &'a Entry<'b>>,
) {
    for entry in entries {
        *counts.entry(entry.sort).or_default() += entry.changes.len();
    }
}

/// Shortens groups until all fit, the least important first, from the end. If that is not enough, leaves out groups, of which only
/// the names remain of what is deleted, of what a guard judges, and of what is live and lets somebody in.
pub(super) fn fitted(
    groups: &[ChangeGroup<'_>],
    mut texts: Vec<String>,
    shorter: &[Shorter],
    room: &Room<'_>,
) -> Fitted {
    let size = room.size;
    let mut used: usize = texts.iter().map(|text| size(text)).sum();
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|index| (groups[*index].weight(), std::cmp::Reverse(*index)));
    let (mut shortened, mut dropped) = (BTreeMap::new(), BTreeSet::new());
    for Shorter { least, texts: shorter } in shorter {
        for index in &order {
            let (was, is) = (size(&texts[*index]), size(&shorter[*index]));
            if used > room.most && is < was {
                used -= was - is;
                shortened.insert(*index, *least);
                texts[*index].clone_from(&shorter[*index]);
            }
        }
    }
    let mut named = BTreeMap::new();
    for index in order {
        if used > room.most {
            let by_name = groups[index].by_name();
            used = (used - size(&texts[index])).saturating_add((room.barest)(&by_name));
            texts[index].clear();
            shortened.remove(&index);
            dropped.insert(index);
            named.insert(index, by_name);
        }
    }
    let mut left = Left::default();
    for (index, least) in shortened {
        let (kept, counted): (Vec<&Entry<'_>>, Vec<&Entry<'_>>) =
            groups[index].entries.iter().partition(|entry| entry.weight >= least);
        count(&mut left.as_totals, counted);
        count(&mut left.bare, kept.into_iter().filter(|entry| entry.loses_details()));
    }
    let dropped = dropped.into_iter().flat_map(|index: usize| &groups[index].entries);
    let (by_name, rest): (Vec<&Entry<'_>>, Vec<&Entry<'_>>) =
        dropped.partition(|entry| by_name::rank(entry).is_some());
    count(&mut left.by_name, by_name);
    count(&mut left.not_shown, rest);
    Fitted { texts, named: named.into_values().flatten().collect(), left }
}

/// The number of changes by sort.
fn totals<'a, 'b: 'a>(entries: impl IntoIterator<Item = &'a Entry<'b>>) -> Vec<(usize, Counted)> {
    let mut counts: BTreeMap<Counted, usize> = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.sort).or_default() += entry.changes.len();
    }
    counts.into_iter().map(|(sort, count)| (count, sort)).collect()
}

/// Entries in groups, with those that are alike merged, and equal groups merged. Also returns how many were left out because they change
/// nothing.
pub(super) fn alike(mut entries: Vec<Entry<'_>>) -> (Vec<ChangeGroup<'_>>, usize) {
    let all = entries.len();
    entries.retain(|entry| !entry.sort.is_idle());
    let idle = all - entries.len();
    let mut groups = grouped(entries);
    for group in &mut groups {
        if let [name] = group.names.as_slice() {
            // A new account usually has its name as its subdomain too, which would make each group unique.
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
                first.all.extend(group.all);
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

/// Entries by account or scope, in order of first appearance.
pub(super) fn grouped(entries: Vec<Entry<'_>>) -> Vec<ChangeGroup<'_>> {
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
    // Where names are not unique, titles say where each is.
    let place = |entries: &[Entry<'_>]| {
        let change = entries.first().and_then(|entry| entry.changes.first());
        change.map_or_else(String::new, |change| place_in_title(change).to_owned())
    };
    let name = |(on, entries): &(Option<ResourceId>, Vec<Entry<'_>>)| {
        let (noun, name) = called(on.as_ref()?);
        Some((noun, name + &place(entries)))
    };
    let called: Vec<_> = groups.iter().map(name).collect();
    let groups = groups.into_iter().zip(called);
    groups
        .map(|((on, entries), called)| ChangeGroup {
            all: on.iter().cloned().collect(),
            on,
            names: called.iter().map(|(_, name)| name.clone()).collect(),
            noun: called.map_or_else(String::new, |(noun, _)| noun),
            entries,
        })
        .collect()
}

/// Whether a change is of the account or scope itself.
fn stands_alone(change: &PlannedChange) -> bool {
    let id = ResourceId::parse(&change.id).ok();
    id.is_some() && stands_on(change) == id
}

/// The noun for an account or scope, and its name.
pub(super) fn called(on: &ResourceId) -> (String, String) {
    let noun = match (kinds::by_id(on), on.resource_type()) {
        (Some(kind), _) => kind.noun().to_owned(),
        (None, Some(own)) => own.rsplit('/').next().unwrap_or_default().to_owned(),
        (None, None) => return (String::new(), kinds::scope_name(on)),
    };
    (format!("{noun} "), on.name().to_owned())
}

/// The entries of one group, with those that are alike merged.
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
