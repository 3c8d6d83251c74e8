//! What is left of changes where there is no room for more: names, by sort and kind, in text and Markdown.
//!
//! Works on entries.

use super::alike::together;
use super::entry::{Entry, Shown, sign_in_name};
use super::page::{self, Line, Page, fold, laid_out, list};
use super::summary::Counted;
use super::tables::size;
use super::text::STRONG;
use super::weight::{Prominence, is_found};
use crate::text::sanitize::{markdown, sanitize};

/// A change by name alone.
pub(super) struct ByName {
    rank: u8,
    sort: Counted,
    sign: &'static str,
    style: anstyle::Style,
    /// What it is, without its name, and the same in the plural.
    pub(super) stem: String,
    pub(super) stems: String,
    /// The name of the account or scope that it is on, if it is not that itself.
    pub(super) on: Option<String>,
    /// Its name, and what must be said with it.
    pub(super) item: String,
}

/// The rank of what a guard judges.
pub(super) const JUDGED: u8 = 3;

/// Whether the changes of an entry are named even where their group is left out; the first are named first.
pub(super) fn rank(entry: &Entry<'_>) -> Option<u8> {
    match (entry.sort, entry.weight) {
        (sort, Prominence::Guarded) if is_found(sort) => Some(0),
        (sort, Prominence::Admits) if is_found(sort) => Some(1),
        (Counted::Delete, _) => Some(2),
        // Its finding may be one of very many.
        (_, Prominence::Guarded) => Some(JUDGED),
        _ => None,
    }
}

impl ByName {
    /// A change of an entry with such a rank.
    pub(super) fn of(
        entry: &Entry<'_>,
        rank: u8,
        [stem, stems, item]: [String; 3],
        on: Option<String>,
    ) -> Self {
        // A list of people needs no ids behind sign-in names.
        let item = sign_in_name(&item).map_or_else(|| item.clone(), str::to_owned);
        let fields = entry.fields.iter().filter(|field| field.decides).map(Shown::inline);
        let more: Vec<String> = entry.besides.iter().cloned().chain(fields).collect();
        let item = if more.is_empty() { item } else { format!("{item} ({})", more.join("; ")) };
        Self { rank, sort: entry.sort, sign: entry.sign, style: entry.style, stem, stems, on, item }
    }

    fn key(&self) -> (u8, &'static str, Counted, String, String) {
        (self.rank, self.sign, self.sort, self.stem.clone(), self.stems.clone())
    }
}

/// By sort and kind, the most important first.
fn sorted(all: &[ByName]) -> Vec<(&ByName, Vec<&ByName>)> {
    let mut kinds = together(all, |named| named.key());
    kinds.sort_by_key(|((rank, ..), _)| *rank);
    kinds.into_iter().filter_map(|(_, these)| Some((*these.first()?, these))).collect()
}

/// As text.
pub(super) fn text(all: &[ByName], page: Page) -> String {
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
            items.push(format!("{now}{}", sanitize(&named.item)));
            on = named.on.as_ref();
        }
        lines.push(Line::of(format!("      {}", list(&items))));
    }
    fold(&laid_out(&lines, page), page)
}

/// As Markdown, as many as fit, and the sorts of the others.
pub(super) fn listed(all: &[ByName], room: usize) -> (String, Vec<Counted>) {
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
            let piece = format!("{before}{}", markdown(&page::unmarked(&named.item)));
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
