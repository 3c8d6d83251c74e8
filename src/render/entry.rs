//! One change of a plan or drift, as text.
//!
//! Works on the documents alone. An entry can stand for several changes that differ in one word only: role assignments of one role on one
//! scope, or deployments of one account.

use anstyle::Style;
use uuid::Uuid;

use super::cause;
use super::page::{self, GLUE, HANG, Line, list};
use super::summary::Counted;
use super::text::STRONG;
use super::weight::Prominence;
use super::words;
use crate::document::PlannedChange;
use crate::id::ResourceId;
use crate::kinds;
use crate::plan::apart::stands_on;
use crate::text::sanitize::sanitize;
use crate::text::source::Position;

/// Marks a value that no spec sets.
pub(super) const DEFAULT: &str = "  (default)";

/// A change, or several that are alike.
#[derive(Clone)]
pub(super) struct Entry<'a> {
    pub(super) changes: Vec<&'a PlannedChange>,
    /// The sign or word in front of it.
    pub(super) sign: &'static str,
    pub(super) style: Style,
    pub(super) sort: Counted,
    pub(super) weight: Prominence,
    /// Whether it is created: its fields then repeat the spec.
    pub(super) is_new: bool,
    /// Not sanitised yet.
    pub(super) title: String,
    /// The word in which changes that are alike differ: names of deployments, principals.
    pub(super) items: Vec<String>,
    /// Consequences that are never left out: what is deleted with it, which default no longer applies.
    pub(super) besides: Vec<String>,
    /// Reasons, and what it waits for.
    pub(super) told: Vec<String>,
    /// Who caused it.
    pub(super) cause: Option<cause::CauseLine>,
    pub(super) fields: Vec<Shown>,
    pub(super) places: Vec<&'a Position>,
}

/// A field of an entry.
#[derive(Clone)]
pub(super) struct Shown {
    pub(super) label: String,
    pub(super) lines: Vec<words::StyledText>,
    /// Whether it decides who gets in.
    pub(super) decides: bool,
    /// Whether it lets more in, if it is new, than it has to.
    pub(super) opens: bool,
    pub(super) places: Vec<Position>,
}

impl Shown {
    fn is_short(&self) -> bool {
        self.lines.len() == 1
    }

    /// The field on one line.
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

/// How much is shown of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Each field on its own line.
    Whole,
    /// The fields of a new resource in one list.
    Short,
    /// New resources without their fields, except those that open something.
    Names,
}

impl Entry<'_> {
    /// The lines of an entry; `room` is the width of the longest sign.
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
            Detail::Names | Detail::Short if self.is_new => {
                let said: Vec<String> = match detail {
                    Detail::Names => self.kept().collect(),
                    _ => self.fields.iter().map(Shown::inline).collect(),
                };
                if !said.is_empty() {
                    lines.push(Line::of(format!("      {}", list(&said))));
                }
            }
            _ => self.of_fields(&mut lines),
        }
        lines
    }

    /// The changed fields, if they fit behind the title.
    fn said_at_once(&self) -> Option<String> {
        const MOST: usize = 2;
        let is_short = !self.is_new
            && self.besides.is_empty()
            && self.told.is_empty()
            && self.cause.is_none()
            && (1..=MOST).contains(&self.fields.len())
            && self.fields.iter().all(Shown::is_short);
        let glued = |field: &Shown| field.inline().replace(' ', &GLUE.to_string());
        is_short.then(|| self.fields.iter().map(glued).collect::<Vec<_>>().join(", "))
    }

    /// The entry without reasons and cause, for shortened groups.
    pub(super) fn brief(&self, room: usize) -> Vec<Line> {
        let fields: Vec<String> = self.kept().collect();
        let named = Self { told: Vec::new(), cause: None, fields: Vec::new(), ..self.clone() };
        let mut lines = named.lines(Detail::Names, room);
        if !fields.is_empty() {
            lines.push(Line::of(format!("      {}", list(&fields))));
        }
        lines
    }

    /// The fields that stay where there is no room for all: of something new, those that open something.
    pub(super) fn kept(&self) -> impl Iterator<Item = String> {
        self.fields.iter().filter(|field| !self.is_new || field.opens).map(Shown::inline)
    }

    /// Whether `brief` leaves something out.
    pub(super) fn loses_details(&self) -> bool {
        !self.told.is_empty() || self.cause.is_some()
    }

    /// Everything that is said below the title.
    pub(super) fn all_told(&self) -> Vec<String> {
        let said = self.told.iter().chain(&self.besides).cloned();
        said.chain(self.cause.iter().map(ToString::to_string)).collect()
    }

    fn of_fields(&self, lines: &mut Vec<Line>) {
        let wide = self.fields.iter().map(|field| page::width(&field.label)).max().unwrap_or(0);
        // Of several changes, the title says the lines already.
        let lines_of = |places: &[&Position]| -> Vec<(String, usize)> {
            places.iter().map(|place| (place.file.clone(), place.line)).collect()
        };
        for field in &self.fields {
            let mut places: Vec<&Position> = field.places.iter().collect();
            if places.len() > 1 && lines_of(&places) == lines_of(&self.places) {
                places.clear();
            }
            for (index, shown) in field.lines.iter().enumerate() {
                let label = if index == 0 { field.label.as_str() } else { "" };
                let left = format!("      {label:wide$}  {HANG}");
                lines.push(Line {
                    plain: format!("{left}{}", shown.plain),
                    styled: format!("{left}{}", shown.styled),
                    place: page::places(if index == 0 { &places } else { &[] }),
                    aligned: true,
                });
            }
        }
    }

    /// Removes the subdomain if it only repeats a name.
    pub(super) fn forget(&mut self, name: &str) {
        let repeats =
            |line: &words::StyledText| line.plain.strip_suffix(DEFAULT).unwrap_or(&line.plain) == name;
        self.fields.retain(|field| {
            !(field.label == "customSubDomainName" && field.is_short() && field.lines.iter().all(repeats))
        });
    }

    /// Everything shown except places and times: entries of accounts with equal signatures are shown once.
    pub(super) fn signature(&self) -> String {
        let fields = self.fields.iter().map(Shown::inline);
        let all: Vec<String> = [self.sign.to_owned(), format!("{:?}", self.weight), self.title.clone()]
            .into_iter()
            .chain(self.items.iter().cloned())
            .chain(self.told.iter().chain(&self.besides).cloned())
            .chain(self.cause.iter().flat_map(|cause| [cause.who.clone(), cause.how.clone()]))
            .chain(fields)
            .collect();
        all.join("\n")
    }

    /// The signature without the word in which changes that are alike differ.
    pub(super) fn likeness(&self, stem: &str) -> String {
        let told = Self { title: stem.to_owned(), items: Vec::new(), ..self.clone() };
        told.signature()
    }

    /// Adds the changes of an entry that is alike.
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

/// The parts of a title.
pub(super) struct TitleParts {
    /// The part that others share: the role and the scope, or the kind.
    pub(super) stem: String,
    /// The same in the plural.
    pub(super) stems: String,
    /// The rest: the principal, or the name.
    pub(super) item: String,
}

/// The title of a change within a group, without the group's name; and its parts, if other changes can be alike.
pub(super) fn named(change: &PlannedChange, group: Option<&ResourceId>) -> (String, Option<TitleParts>) {
    let whole = || (change.title.clone(), None);
    let (Some(kind), Ok(id)) = (kinds::by_name(&change.kind), ResourceId::parse(&change.id)) else {
        return whole();
    };
    let noun = kind.noun();
    let Some(rest) = change.title.strip_prefix(noun).and_then(|rest| rest.strip_prefix(' ')) else {
        return whole();
    };
    let rest = without_place(rest, change);
    if group == Some(&id) && rest == id.name() {
        return (noun.to_owned(), None);
    }
    let parts = if kind.granting().is_some() {
        let scope = id.scope();
        let on = format!(" on {}", kinds::scope_name(&scope));
        let Some((role, who)) = rest.strip_suffix(&on).and_then(|rest| rest.rsplit_once(" -> ")) else {
            return whole();
        };
        let on = if group == Some(&scope) { String::new() } else { on };
        let stem = format!("{noun} {role}{on}");
        (format!("{noun} {role} -> {who}{on}"), stem, format!("{noun}s of {role}{on}"), who.to_owned())
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

/// The location of a resource, as its title names it.
pub(super) fn place_in_title(change: &PlannedChange) -> &str {
    change.title.strip_prefix(without_place(&change.title, change)).unwrap_or_default()
}

/// A title without the location that is added to names that are not unique.
fn without_place<'t>(title: &'t str, change: &PlannedChange) -> &'t str {
    let Some(on) = stands_on(change) else { return title };
    let subscription = on.subscription_id().map(|own| format!(" of subscription {own}"));
    let group = on.group().filter(|group| *group != on).map(|group| format!(" in {}", group.name()));
    let title = subscription.and_then(|end| title.strip_suffix(&end)).unwrap_or(title);
    group.and_then(|end| title.strip_suffix(&end)).unwrap_or(title)
}

/// The sign-in name of a user, whose id stands in brackets behind it. Others need their type, and names that are not verified their id.
pub(super) fn sign_in_name(who: &str) -> Option<&str> {
    let (who, id) = who.strip_suffix(')')?.rsplit_once(" (")?;
    let name = who.strip_prefix("User ").filter(|_| id.ends_with('…') || Uuid::try_parse(id).is_ok())?;
    (name.contains('@') && !name.contains(char::is_whitespace)).then_some(name)
}
