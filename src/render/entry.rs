//! What is shown of a change, in the words of whoever shows it: a plan, or a drift.
//!
//! Works on the documents alone. An entry may stand for several changes that are the same but for one word: role assignments of one role on
//! one scope, deployments of one account.

use anstyle::Style;

use super::cause;
use super::page::{self, GLUE, HANG, Line, list};
use super::text::STRONG;
use super::words;
use crate::document::PlannedChange;
use crate::id::ResourceId;
use crate::kinds;
use crate::source::Position;
use crate::text::sanitize::sanitize;

/// How an entry is counted: its place among the counts, and the words.
pub(super) type Counted = (usize, &'static str);

/// What stands behind a value that no spec says.
pub(super) const DEFAULT: &str = "  (default)";

/// A change as it shows, or several that are alike.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    pub(super) changes: Vec<&'a PlannedChange>,
    /// What stands before it: a sign, or a word.
    pub(super) sign: &'static str,
    pub(super) style: Style,
    pub(super) counted: Counted,
    /// How little of it may go unseen.
    pub(super) weight: Prominence,
    /// Whether it is all new: its fields say what the spec says.
    pub(super) is_new: bool,
    /// Whether nothing comes of it, and nothing has to.
    pub(super) is_idle: bool,
    /// How it is called; not sanitised yet.
    pub(super) title: String,
    /// What makes the difference between changes that are alike.
    pub(super) items: Vec<String>,
    /// What there is to say of it.
    pub(super) told: Vec<String>,
    /// Who did that.
    pub(super) cause: Option<cause::CauseLine>,
    pub(super) fields: Vec<Shown>,
    pub(super) places: Vec<&'a Position>,
}

/// A field as it shows.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) label: String,
    pub(super) lines: Vec<words::StyledText>,
    pub(super) places: Vec<Position>,
}

impl Shown {
    fn is_short(&self) -> bool {
        self.lines.len() == 1
    }

    /// It in a few words.
    pub(super) fn inline(&self) -> String {
        let said: Vec<&str> = self.lines.iter().map(|line| line.plain.as_str()).collect();
        let said = said.join("; ").replace(DEFAULT, " (default)");
        // Among other fields, a list must show where it ends.
        if said.contains([',', ';']) {
            format!("{} [{said}]", self.label)
        } else {
            format!("{} {said}", self.label)
        }
    }
}

/// How little of a change may go unseen where there is no room for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Prominence {
    /// Something new, or nothing at all.
    New,
    /// Something live changes.
    Changed,
    /// Something goes, or cannot be judged.
    Gone,
    /// A guard judges it, whether `--allow` lifts that or not.
    Guarded,
}

/// How much is shown of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Each field on lines of its own.
    Whole,
    /// What is new in a few lines.
    Short,
    /// Of what is new its name only.
    Names,
}

impl Entry<'_> {
    /// The lines of an entry; its sign takes so much room.
    pub(super) fn lines(&self, detail: Detail, room: usize) -> Vec<Line> {
        let (sign, style, title) = (self.sign, self.style, sanitize(&self.title));
        let blanks = if room > 1 { room + 1 - page::width(sign) } else { 0 } + 1;
        let changed = match detail {
            Detail::Names => self.said_at_once().map_or_else(String::new, |said| format!(": {said}")),
            _ => String::new(),
        };
        let mut lines = vec![Line {
            plain: format!("  {sign}{:blanks$}{title}{changed}", ""),
            styled: format!("  {style}{sign}{style:#}{:blanks$}{STRONG}{title}{STRONG:#}{changed}", ""),
            place: page::places(&self.places),
            aligned: false,
        }];
        if !self.items.is_empty() {
            let items: Vec<String> = self.items.iter().map(|item| sanitize(item).into_owned()).collect();
            lines.push(Line::of(format!("      {}", list(&items))));
        }
        lines.extend(self.all_told().iter().map(|said| Line::quiet(said)));
        match detail {
            _ if !changed.is_empty() => {}
            Detail::Names if self.is_new => {}
            Detail::Short if self.is_new => {
                let said: Vec<String> = self.fields.iter().map(Shown::inline).collect();
                if !said.is_empty() {
                    lines.push(Line::of(format!("      {}", list(&said))));
                }
            }
            _ => self.of_fields(&mut lines),
        }
        lines
    }

    /// What changes, where it can be said behind the title.
    fn said_at_once(&self) -> Option<String> {
        const MOST: usize = 2;
        let is_short = !self.is_new
            && self.told.is_empty()
            && self.cause.is_none()
            && (1..=MOST).contains(&self.fields.len())
            && self.fields.iter().all(Shown::is_short);
        let glued = |field: &Shown| field.inline().replace(' ', &GLUE.to_string());
        is_short.then(|| self.fields.iter().map(glued).collect::<Vec<_>>().join(", "))
    }

    /// It in one line, and its items: what is left of it where there is no room. What it says of itself is left out.
    pub(super) fn brief(&self, room: usize) -> Vec<Line> {
        let fields: Vec<String> = self.fields.iter().map(Shown::inline).collect();
        let named = Self { told: Vec::new(), cause: None, fields: Vec::new(), ..self.clone() };
        let mut lines = named.lines(Detail::Names, room);
        if !self.is_new && !fields.is_empty() {
            lines.push(Line::of(format!("      {}", list(&fields))));
        }
        lines
    }

    /// All there is to say of it, and who did that.
    pub(super) fn all_told(&self) -> Vec<String> {
        self.told.iter().cloned().chain(self.cause.iter().map(ToString::to_string)).collect()
    }

    fn of_fields(&self, lines: &mut Vec<Line>) {
        let wide = self.fields.iter().map(|field| page::width(&field.label)).max().unwrap_or(0);
        for field in &self.fields {
            let places: Vec<&Position> = field.places.iter().collect();
            for (index, shown) in field.lines.iter().enumerate() {
                let label = if index == 0 { field.label.as_str() } else { "" };
                let left = format!("      {label:wide$}  {HANG}");
                lines.push(Line {
                    plain: format!("{left}{}", shown.plain),
                    styled: format!("{left}{}", shown.styled),
                    place: page::places(&places),
                    aligned: true,
                });
            }
        }
    }

    /// Leaves out the fields that only repeat a name.
    pub(super) fn forget(&mut self, name: &str) {
        let repeats =
            |line: &words::StyledText| line.plain.strip_suffix(DEFAULT).unwrap_or(&line.plain) == name;
        self.fields.retain(|field| !(field.is_short() && field.lines.iter().all(repeats)));
    }

    /// All that is shown of it but where it is declared and when somebody did that: what is equal in this is one entry for several.
    pub(super) fn signature(&self) -> String {
        let fields = self.fields.iter().map(Shown::inline);
        let all: Vec<String> = [self.sign.to_owned(), format!("{:?}", self.weight), self.title.clone()]
            .into_iter()
            .chain(self.items.iter().cloned())
            .chain(self.told.iter().cloned())
            .chain(self.cause.iter().flat_map(|cause| [cause.who.clone(), cause.how.clone()]))
            .chain(fields)
            .collect();
        all.join("\n")
    }

    /// The same without what differs between changes that are alike.
    pub(super) fn likeness(&self, stem: &str) -> String {
        let told = Self { title: stem.to_owned(), items: Vec::new(), ..self.clone() };
        told.signature()
    }

    /// Takes in another one that is like it.
    pub(super) fn take(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.items.extend(other.items);
        self.places.extend(other.places);
        if let (Some(cause), Some(more)) = (&mut self.cause, &other.cause) {
            cause.take(more);
        }
        for (field, more) in self.fields.iter_mut().zip(other.fields) {
            field.places.extend(more.places);
        }
    }
}

/// What a title is made of.
pub(super) struct TitleParts {
    /// What it has in common with those that are alike: the role and the scope, or the kind.
    pub(super) stem: String,
    /// The same for several of them.
    pub(super) stems: String,
    /// What is its own.
    pub(super) item: String,
}

/// What the title of a change says within a group, and of what it is made, where others can be like it.
pub(super) fn named(change: &PlannedChange, group: Option<&ResourceId>) -> (String, Option<TitleParts>) {
    let whole = || (change.title.clone(), None);
    let (Some(kind), Ok(id)) = (kinds::by_name(&change.kind), ResourceId::parse(&change.id)) else {
        return whole();
    };
    let noun = kind.noun();
    let Some(rest) = change.title.strip_prefix(noun).and_then(|rest| rest.strip_prefix(' ')) else {
        return whole();
    };
    if group == Some(&id) && rest == id.name() {
        return (noun.to_owned(), None);
    }
    let parts = if kind.is_grant() {
        let scope = id.scope();
        let on = format!(" on {}", kinds::scope_name(&scope));
        let Some((role, who)) = rest.strip_suffix(&on).and_then(|rest| rest.split_once(" -> ")) else {
            return whole();
        };
        let on = if group == Some(&scope) { String::new() } else { on };
        let stem = format!("{noun} {role}{on}");
        (format!("{noun} {role} -> {who}{on}"), stem, format!("{noun}s {role}{on}"), short(who))
    } else {
        let parent = id.parent();
        let of = parent.as_ref().map_or_else(String::new, |parent| format!(" of {}", parent.name()));
        let Some(name) = rest.strip_suffix(&of).filter(|_| !of.is_empty()) else { return whole() };
        let of = if group.is_some() && group == parent.as_ref() { String::new() } else { of };
        (format!("{noun} {name}{of}"), format!("{noun}{of}"), format!("{noun}s{of}"), name.to_owned())
    };
    let (title, stem, stems, item) = parts;
    (title, Some(TitleParts { stem, stems, item }))
}

/// A principal in a list: whoever has a name is known by it, and by the first digits of the id.
pub(super) fn short(who: &str) -> String {
    let id = who.strip_suffix(')').and_then(|who| who.rsplit_once('('));
    match id {
        Some((name, id)) if uuid::Uuid::try_parse(id).is_ok() => {
            format!("{name}({}…)", id.chars().take(8).collect::<String>())
        }
        _ => who.to_owned(),
    }
}
