//! What is left of changes where there is no room for more: names, by sort and kind, in text and Markdown.
//!
//! Works on entries.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::render::alike::together;
use crate::render::entry::{Entry, Shown, sign_in_name};
use crate::render::page::{self, Line, Page, fold, laid_out, list};
use crate::render::summary::Counted;
use crate::render::tables::{SignInNames, size};
use crate::render::text::STRONG;
use crate::render::weight::{Prominence, is_found};
use crate::text::sanitize::{markdown, sanitize};

/// A change by name alone.
pub(in crate::render) struct ByName {
    rank: Rank,
    sort: Counted,
    sign: &'static str,
    style: anstyle::Style,
    /// What it is, without its name, and the same in the plural.
    stem: String,
    stems: String,
    /// The name of the account or scope that it is on, if it is not that itself.
    on: Option<String>,
    /// Its name.
    item: String,
    /// What must be said with it; sanitised.
    more: String,
}

/// Why a change is named even where its group is left out. The first are named first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::render) enum Rank {
    /// It is live, and lets somebody do more.
    Gives,
    /// It is deleted.
    Deleted,
    /// It is live, and lets somebody in.
    Admits,
    /// It is new, and lets more in than it has to: no finding says so.
    Opens,
    /// A guard judges it: its finding may be one of very many.
    Judged,
}

impl Rank {
    /// Whether it is named however many there are. Markdown has a limit for these too.
    fn is_always_named(self) -> bool {
        matches!(self, Self::Gives | Self::Deleted)
    }

    /// Whether Markdown keeps room for the name.
    pub(in crate::render) fn has_room(self) -> bool {
        self != Self::Judged
    }
}

/// Whether the changes of an entry are named even where their group is left out.
pub(in crate::render) fn rank(entry: &Entry<'_>) -> Option<Rank> {
    match (entry.sort, entry.weight) {
        (sort, Prominence::Guarded) if is_found(sort) => Some(Rank::Gives),
        (sort, Prominence::Admits) if is_found(sort) => Some(Rank::Admits),
        (Counted::Delete, _) => Some(Rank::Deleted),
        (_, Prominence::Admits) => Some(Rank::Opens),
        (_, Prominence::Guarded) => Some(Rank::Judged),
        _ => None,
    }
}

impl ByName {
    /// A change of an entry with such a rank.
    pub(super) fn of(
        entry: &Entry<'_>,
        rank: Rank,
        [stem, stems, item]: [String; 3],
        on: Option<String>,
    ) -> Self {
        let is_kept = |field: &&Shown| if entry.is_new { field.opens } else { field.decides };
        let fields = entry.fields.iter().filter(is_kept).map(Shown::inline);
        let besides = entry.besides.iter().map(|said| sanitize(said).into_owned());
        let more: Vec<String> = besides.chain(fields).collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
        Self { rank, sort: entry.sort, sign: entry.sign, style: entry.style, stem, stems, on, item, more }
    }

    fn key(&self) -> (Rank, &'static str, Counted, &str, &str) {
        (self.rank, self.sign, self.sort, &self.stem, &self.stems)
    }
}

/// By sort and kind, the most important first.
fn sorted<'a>(all: impl IntoIterator<Item = &'a ByName>) -> Vec<(&'a ByName, Vec<&'a ByName>)> {
    let mut kinds = together(all, |named: &&'a ByName| named.key());
    kinds.sort_by_key(|((rank, ..), _)| *rank);
    kinds.into_iter().filter_map(|(_, all)| Some((*all.first()?, all))).collect()
}

/// The sign-in names that stand for several users here.
fn ambiguous<'a>(all: impl IntoIterator<Item = &'a ByName>) -> BTreeSet<&'a str> {
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for ByName { item, .. } in all {
        known.entry(sign_in_name(item).unwrap_or(item)).or_default().insert(item);
    }
    known.into_iter().filter(|(_, items)| items.len() > 1).map(|(name, _)| name).collect()
}

impl ByName {
    /// What stands for it in a list: a sign-in name needs no id, and an id no name that is withheld.
    fn name(&self, ambiguous: &BTreeSet<&str>, names: SignInNames) -> Cow<'_, str> {
        let item = Cow::from(self.item.as_str());
        match (sign_in_name(&self.item), names) {
            (Some(name), SignInNames::Withheld) => Cow::from(item.replacen(&format!("{name} "), "", 1)),
            (Some(name), SignInNames::Shown) if !ambiguous.contains(name) => Cow::from(name),
            _ => item,
        }
    }
}

/// All of them as text.
pub(super) fn text<'a>(all: impl IntoIterator<Item = &'a ByName> + Clone, page: Page) -> String {
    let ambiguous = ambiguous(all.clone());
    let mut lines = Vec::new();
    for (first, these) in sorted(all) {
        let ByName { sign, style, stem, stems, .. } = first;
        let what = if these.len() == 1 { stem.clone() } else { format!("{} {stems}", these.len()) };
        lines.push(Line::of(format!("  {style}{sign}{style:#} {STRONG}{}{STRONG:#}", sanitize(&what))));
        let mut on = None;
        let mut items = Vec::new();
        for named in these {
            let now = named.on.as_ref().filter(|now| on != Some(*now));
            let now = now.map_or_else(String::new, |now| format!("{}: ", sanitize(now)));
            items.push(format!(
                "{now}{}{}",
                sanitize(&named.name(&ambiguous, SignInNames::Shown)),
                named.more
            ));
            on = named.on.as_ref();
        }
        lines.push(Line::of(format!("      {}", list(&items))));
    }
    fold(&laid_out(&lines, page), page)
}

/// As text in so many lines, and the sorts of those that are not named. What is deleted or gives power is always named; of the rest the
/// first of each kind are.
pub(super) fn within(all: Vec<ByName>, page: Page, room: usize) -> (String, Vec<Counted>) {
    let (always, rest): (Vec<ByName>, Vec<ByName>) =
        all.into_iter().partition(|named| named.rank.is_always_named());
    let kinds = sorted(&rest).into_iter();
    let mut rest: Vec<(Rank, usize, &ByName)> = kinds
        .flat_map(|(_, these)| these.into_iter().enumerate().map(|(at, named)| (named.rank, at, named)))
        .collect();
    rest.sort_by_key(|(rank, at, _)| (*rank, *at));
    let rest: Vec<&ByName> = rest.into_iter().map(|(.., named)| named).collect();
    let shown = |count: usize| text(always.iter().chain(rest[..count].iter().copied()), page);
    let fits = |count: usize| shown(count).lines().count() <= room;
    let count = if fits(rest.len()) {
        rest.len()
    } else {
        let (mut least, mut most) = (0, rest.len());
        while most - least > 1 {
            let middle = usize::midpoint(least, most);
            if fits(middle) { least = middle } else { most = middle }
        }
        least
    };
    (shown(count), rest[count..].iter().map(|named| named.sort).collect())
}

/// As Markdown, as many as fit, and the sorts of the others.
pub(in crate::render) fn listed(all: &[ByName], room: usize, names: SignInNames) -> (String, Vec<Counted>) {
    let ambiguous = ambiguous(all);
    let (mut text, mut used, mut left) = (String::new(), 0, Vec::new());
    for (first, these) in sorted(all) {
        let what = if these.len() == 1 { &first.stem } else { &first.stems };
        let (mut line, mut on) = (format!("- **{}** {}", first.sort.word(), markdown(what)), None);
        for named in these {
            let before = match &named.on {
                Some(now) if on == Some(now) => ", ".to_owned(),
                Some(now) => format!("{} {}: ", if line.is_empty() { ";" } else { ":" }, markdown(now)),
                None => if line.is_empty() { ", " } else { ": " }.to_owned(),
            };
            let more = markdown(&page::unmarked(&named.more));
            let piece = format!("{before}{}{more}", markdown(&named.name(&ambiguous, names)));
            let more = size(&piece) + size(&line);
            if used + more > room {
                left.push(named.sort);
                continue;
            }
            used += more;
            text.push_str(&std::mem::take(&mut line));
            text.push_str(&piece);
            on = named.on.as_ref();
        }
        if line.is_empty() {
            text.push('\n');
        }
    }
    (text, left)
}
