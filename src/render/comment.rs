//! Markdown for places that more people read than may see everything: ids are shortened; address ranges, sign-in names and targets are left out.
//!
//! Input: what `markdown` makes of a document. Its text is looked through as people read it, whatever was escaped in it, so that nothing depends
//! on where a name stands: title, finding, hint or path.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::drift;
use super::markdown::{self, LONGEST};
use super::summary::Side;
use crate::document::access::Holder;
use crate::document::report::Report;
use crate::document::{FieldEntry, FindingEntry, Plan, PlannedChange};

/// What stands in the place of an address, and so on.
const ADDRESS: &str = "(address withheld)";
const USER: &str = "(name withheld)";
const TARGET: &str = "(target withheld)";
const ANOTHER: &str = "(another target)";
/// The last line.
const NOTE: &str = "\nIds are shortened; addresses, sign-in names and targets are left out. `--disclose` shows them, and the JSON report has them.\n";
/// What describes a connection: free text, which often says where the target is.
const METADATA: &str = "metadata";
/// Hosts that are no target: pages which messages name.
const PAGES: [&str; 3] = ["learn.microsoft.com", "aka.ms", "azure.microsoft.com"];

/// A plan.
#[must_use]
pub fn plan(plan: &Plan) -> String {
    let counted = counted(plan, Side::Plan);
    fitted(&Withheld::of(plan), |most| markdown::plan_within(&counted, most))
}

/// What `drift` found.
#[must_use]
pub fn drift(plan: &Plan) -> String {
    let counted = counted(plan, Side::Drift);
    fitted(&Withheld::of(plan), |most| drift::markdown_within(&counted, most))
}

/// What an `apply` did, without what its plan withholds.
#[must_use]
pub fn report(report: &Report, plan: &Plan) -> String {
    fitted(&Withheld::of(plan), |most| markdown::report_within(report, most))
}

/// Findings alone: names in them are those of the specs.
#[must_use]
pub fn validation(command: &str, findings: &[FindingEntry]) -> String {
    fitted(&Withheld::default(), |most| markdown::validation_within(command, findings, most))
}

/// A text that is short enough once it says what it withholds: words in the place of short addresses make it longer.
fn fitted(withheld: &Withheld, text: impl Fn(usize) -> String) -> String {
    let limit = LONGEST - NOTE.len();
    let mut most = limit;
    for _ in 0..4 {
        let veiled = withheld.over(&text(most));
        let size = veiled.chars().count();
        if size <= LONGEST {
            return veiled;
        }
        most = most * limit / size * 19 / 20;
    }
    // No word is so many times as long as what it stands for.
    withheld.over(&text(limit / 8))
}

/// The plan with words in the place of values that would be gone: how many ranges there are, and whether a target is another one.
fn counted(plan: &Plan, side: Side) -> Plan {
    let field = |field: &FieldEntry| {
        let (name, FieldEntry { before, after, .. }) = (name_of(field), field);
        let (old, new) = match side {
            Side::Plan => (None, OtherSide { value: before, only: "of them new" }),
            Side::Drift => (
                Some(OtherSide { value: after, only: "only live" }),
                OtherSide { value: before, only: "only in the spec" },
            ),
        };
        let (before, after) = (shown(name, before, old), shown(name, after, Some(new)));
        FieldEntry { before, after, ..field.clone() }
    };
    let change = |change: &PlannedChange| PlannedChange {
        fields: change.fields.iter().map(field).collect(),
        omitted: change.omitted.iter().map(field).collect(),
        ..change.clone()
    };
    Plan { changes: plan.changes.iter().map(change).collect(), ..plan.clone() }
}

/// What decides whether a field is shown: its name, or that it is in what describes a connection.
fn name_of(field: &FieldEntry) -> &str {
    let is_within = field.path.iter().any(|name| name == METADATA);
    if is_within { METADATA } else { field.path.last().map_or("", String::as_str) }
}

/// The same for a member of a value.
fn member_of<'n>(name: &'n str, member: &'n str) -> &'n str {
    if name == METADATA { METADATA } else { member }
}

/// Whether a text in what describes a connection may name a host or a resource, in whatever way: plain words do not.
fn may_lead_somewhere(text: &str) -> bool {
    text.contains(|c: char| !c.is_alphanumeric() && !" -_".contains(c))
}

/// The other value of a field, and what the ranges are that it does not have.
#[derive(Clone, Copy)]
struct OtherSide<'a> {
    value: &'a Value,
    only: &'static str,
}

/// A value of a field with this name, beside the other one.
fn shown(name: &str, value: &Value, beside: Option<OtherSide<'_>>) -> Value {
    let of = |member: &str| {
        beside.and_then(|beside| Some(OtherSide { value: beside.value.get(member)?, only: beside.only }))
    };
    match (name, value) {
        ("ipRules", Value::Array(ranges)) => {
            let only = beside.map_or("", |beside| beside.only);
            let other = beside.and_then(|beside| beside.value.as_array());
            let new = other.map(|other| ranges.iter().filter(|range| !other.contains(range)).count());
            let count = ranges.len();
            let noun = if count == 1 { "address range" } else { "address ranges" };
            Value::String(match new {
                Some(new) if new > 0 => format!("{count} {noun}, {new} {only}"),
                _ => format!("{count} {noun}"),
            })
        }
        (name, Value::String(target)) if is_target(name, target) => {
            let is_other =
                beside.and_then(|beside| beside.value.as_str()).is_some_and(|other| other != target);
            Value::String(if is_other { ANOTHER } else { TARGET }.to_owned())
        }
        (name, Value::Object(members)) => {
            let shown = |(member, value): (&String, &Value)| {
                (member.clone(), shown(member_of(name, member), value, of(member)))
            };
            Value::Object(members.iter().map(shown).collect::<Map<_, _>>())
        }
        (name, Value::Array(items)) => items.iter().map(|item| shown(name, item, None)).collect(),
        _ => value.clone(),
    }
}

/// What is left out of a text.
#[derive(Default)]
struct Withheld {
    /// Texts in lower case that are left out wherever they stand, the longest first, and what stands there instead.
    known: Vec<(Vec<char>, String)>,
}

impl Withheld {
    /// Names of people and targets of connections in a plan.
    fn of(plan: &Plan) -> Self {
        let mut known = Vec::new();
        let changed = plan.access.iter();
        let holders =
            changed.flat_map(|change| change.gains.iter().chain(&change.loses).chain(&change.restricted));
        for holder in holders.filter(|holder| is_person(holder)) {
            if let Some(name) = &holder.name {
                known.push((name.clone(), USER.to_owned()));
            }
        }
        for field in plan.changes.iter().flat_map(|change| &change.fields) {
            for value in [&field.before, &field.after] {
                targets(name_of(field), value, &mut known);
            }
        }
        // Shorter ones would leave holes in ordinary words.
        known.retain(|(text, _)| text.chars().count() > 3);
        known.sort_by(|(one, _), (two, _)| two.len().cmp(&one.len()).then(one.cmp(two)));
        known.dedup();
        let lower =
            |(text, word): (String, String)| (text.chars().flat_map(char::to_lowercase).collect(), word);
        Self { known: known.into_iter().map(lower).collect() }
    }

    /// The text without what is left out, and a line that says so.
    fn over(&self, text: &str) -> String {
        let letters = letters(text);
        let mut veiled = String::with_capacity(text.len() + NOTE.len());
        let mut at = 0;
        while let Some(letter) = letters.get(at) {
            let is_start = at == 0 || !letters[at - 1].read.is_alphanumeric();
            match if is_start { self.hidden(&letters[at..]) } else { None } {
                Some((length, word)) => {
                    veiled.push_str(&word);
                    at += length;
                }
                None => {
                    veiled.push_str(letter.written);
                    at += 1;
                }
            }
        }
        veiled + NOTE
    }

    /// How many letters from here on are left out, and what stands there instead.
    fn hidden(&self, text: &[Letter<'_>]) -> Option<(usize, String)> {
        url(text)
            .or_else(|| self.known(text))
            .or_else(|| sign_in_name(text))
            .or_else(|| id(text))
            .or_else(|| address(text))
    }

    fn known(&self, text: &[Letter<'_>]) -> Option<(usize, String)> {
        let is_here = |known: &[char]| {
            text.len() >= known.len()
                && text.get(known.len()).is_none_or(|next| !next.read.is_alphanumeric())
                && known.iter().zip(text).all(|(known, letter)| letter.read.to_lowercase().eq([*known]))
        };
        let (known, word) = self.known.iter().find(|(known, _)| is_here(known))?;
        Some((known.len(), word.clone()))
    }
}

fn is_person(holder: &Holder) -> bool {
    holder.kind == "User"
}

fn is_target(name: &str, text: &str) -> bool {
    name == "target" || name == METADATA && may_lead_somewhere(text)
}

/// The targets in a value: whole, and their hosts.
fn targets(name: &str, value: &Value, known: &mut Vec<(String, String)>) {
    match (name, value) {
        (name, Value::String(target)) if is_target(name, target) => {
            let (_, rest) = target.split_once("://").unwrap_or(("", target));
            let host = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
            known.extend([target.as_str(), host].map(|text| (text.to_owned(), TARGET.to_owned())));
        }
        (name, Value::Object(members)) => {
            members.iter().for_each(|(member, value)| targets(member_of(name, member), value, known));
        }
        (_, Value::Array(items)) => items.iter().for_each(|item| targets(name, item, known)),
        _ => {}
    }
}

/// A letter as people read it, and as it is written in Markdown.
struct Letter<'t> {
    read: char,
    written: &'t str,
}

/// The letters of a Markdown text: entities and escapes count as what they stand for.
fn letters(text: &str) -> Vec<Letter<'_>> {
    let mut letters = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut letter = (first, first.len_utf8());
        if first == '&'
            && let Some(end) = rest.find(';').filter(|end| *end < 10)
        {
            let name = &rest[1..end];
            let number =
                name.strip_prefix('#').and_then(|digits| digits.parse().ok()).and_then(char::from_u32);
            let read = match name {
                "lt" => Some('<'),
                "gt" => Some('>'),
                "amp" => Some('&'),
                _ => number,
            };
            letter = read.map_or(letter, |read| (read, end + 1));
        } else if first == '\\'
            && let Some(next) = rest[1..].chars().next().filter(char::is_ascii_punctuation)
        {
            letter = (next, 2);
        }
        let (written, more) = rest.split_at(letter.1);
        letters.push(Letter { read: letter.0, written });
        rest = more;
    }
    letters
}

/// How many letters from here on are of a sort.
fn run(text: &[Letter<'_>], is: impl Fn(char) -> bool) -> usize {
    text.iter().take_while(|letter| is(letter.read)).count()
}

fn read(text: &[Letter<'_>]) -> String {
    text.iter().map(|letter| letter.read).collect()
}

/// An URL, unless it leads to a page that explains something.
fn url(text: &[Letter<'_>]) -> Option<(usize, String)> {
    let scheme = run(text, |c| c.is_ascii_alphanumeric() || "+.-".contains(c));
    let behind = text.get(scheme..)?;
    if scheme == 0 || behind.len() < 3 || read(&behind[..3]) != "://" {
        return None;
    }
    let length = scheme + run(behind, |c| !c.is_whitespace() && !"\"'<>|`,)]}".contains(c));
    let whole = read(&text[..length]);
    let host =
        whole.split("://").nth(1)?.split(['/', ':', '?', '#']).next()?.trim_end_matches('.').to_owned();
    let word = if PAGES.contains(&host.as_str()) {
        text[..length].iter().map(|letter| letter.written).collect()
    } else {
        TARGET.to_owned()
    };
    Some((length, word))
}

/// A name with which somebody signs in: `alice@contoso.com`.
fn sign_in_name(text: &[Letter<'_>]) -> Option<(usize, String)> {
    let name = run(text, |c| c.is_alphanumeric() || "._%+'#$&!~^-".contains(c));
    let domain =
        text.get(name..).filter(|rest| name > 0 && rest.first().is_some_and(|next| next.read == '@'))?;
    let length = run(&domain[1..], |c| c.is_alphanumeric() || ".-".contains(c));
    let domain = read(&domain[1..=length]);
    let bare = domain.trim_end_matches(['.', '-']);
    let is_name = bare.contains('.') || bare.len() > 1 && bare.starts_with(char::is_alphabetic);
    is_name.then(|| (name + 1 + bare.chars().count(), USER.to_owned()))
}

/// A GUID, or another long number in hexadecimal digits: its first eight stay.
fn id(text: &[Letter<'_>]) -> Option<(usize, String)> {
    let length = run(text, |c| c.is_ascii_hexdigit() || c == '-');
    let whole = read(&text[..length]);
    let is_guid = |text: &str| uuid::Uuid::try_parse(text).is_ok() && text.len() == 36;
    let end = text.get(length).is_none_or(|next| !next.read.is_alphanumeric());
    if whole.get(..36).is_some_and(is_guid) {
        return Some((36, short(&whole)));
    }
    (length >= 32 && end && !whole.contains('-')).then(|| (length, short(&whole)))
}

fn short(id: &str) -> String {
    let digits: String = id.chars().take(8).collect();
    format!("{digits}…")
}

/// An address or a range of them.
fn address(letters: &[Letter<'_>]) -> Option<(usize, String)> {
    let length = run(letters, |c| c.is_ascii_hexdigit() || ".:".contains(c));
    let whole = read(&letters[..length]);
    let bare = whole.trim_end_matches(['.', ':']);
    // A colon may stand behind one that is followed by a port or by words.
    let found = [whole.as_str(), bare, bare.split(':').next().unwrap_or_default()];
    let is_whole = |text: &&str| {
        let next = letters.get(text.len()).map(|letter| letter.read);
        next.is_none_or(|next| !next.is_alphanumeric()) && (*text != "::" || next == Some('/'))
    };
    let found = found.into_iter().filter(is_whole).find(|text| text.parse::<IpAddr>().is_ok())?;
    let mut length = found.len();
    if letters.get(length).is_some_and(|next| next.read == '/') {
        let bits = run(&letters[length + 1..], |c| c.is_ascii_digit());
        length += if bits > 0 { 1 + bits } else { 0 };
    }
    Some((length, ADDRESS.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(value: &Value) -> OtherSide<'_> {
        OtherSide { value, only: "of them new" }
    }

    fn veiled(text: &str) -> String {
        let over = Withheld::default().over(text);
        over.strip_suffix(NOTE).unwrap().to_owned()
    }

    #[test]
    fn what_is_left_out_is_found_wherever_it_stands_and_however_it_is_escaped() {
        let guid = "0a1b2c3d-1111-4222-8333-444455556666";
        for (text, shown) in [
            ("to alice@contoso.com, on", "to (name withheld), on"),
            ("o^neil@contoso.com", "(name withheld)"),
            ("o\\^neil&#64;contoso.com", "(name withheld)"),
            ("plainname@corp:", "(name withheld):"),
            ("::error:: and a :: b", "::error:: and a :: b"),
            ("::1, ::/0", "(address withheld), (address withheld)"),
            ("2001:db8::/32 and ::.", "(address withheld) and ::."),
            ("al\\_ice&#64;contoso.com.", "(name withheld)."),
            ("a&#35;EXT&#35;&#64;x.onmicrosoft.com", "(name withheld)"),
            ("`203.0.113.0/24`", "`(address withheld)`"),
            ("203&#46;0.113.7: x", "(address withheld): x"),
            ("from 2001:db8::1/48.", "from (address withheld)."),
            ("10.0.0.1-10.0.0.9", "(address withheld)-(address withheld)"),
            ("https&#58;//a.search.windows.net/x?y=1 z", "(target withheld) z"),
            ("https://learn.microsoft.com/azure (a page)", "https://learn.microsoft.com/azure (a page)"),
            (&format!("/subscriptions/{guid}/x"), "/subscriptions/0a1b2c3d…/x"),
            (&guid.replace('-', ""), "0a1b2c3d…"),
            ("at 2026-11-25T22:10:04Z", "at 2026-11-25T22:10:04Z"),
            ("gpt-4o 2024-08-06, 1.5 @team #7 a: :b", "gpt-4o 2024-08-06, 1.5 @team #7 a: :b"),
            ("`specs/a.yaml:7` & \\[x\\] ä", "`specs/a.yaml:7` & \\[x\\] ä"),
        ] {
            assert_eq!(veiled(text), shown);
        }
    }

    #[test]
    fn where_a_connection_leads_is_left_out_of_what_describes_it() {
        let id = "/subscriptions/a/resourceGroups/rg-hidden/providers/Microsoft.Search/searchServices/first";
        for text in [id, "first.internal.example.net", "https://first", "first.example.net:443/x"] {
            let before = serde_json::json!({"metadata": {"ResourceId": text, "ApiType": "Azure"}});
            let after =
                serde_json::json!({"metadata": {"ResourceId": "other.example.net", "ApiType": "Azure"}});
            assert_eq!(shown("", &before, None)["metadata"]["ResourceId"], TARGET);
            assert_eq!(shown("", &after, Some(beside(&before)))["metadata"]["ResourceId"], ANOTHER);
            assert_eq!(shown("", &before, None)["metadata"]["ApiType"], "Azure");
            let mut known = Vec::new();
            targets("", &before, &mut known);
            assert!(known.iter().any(|(known, _)| known == text), "{known:?}");
        }
        for text in ["Azure", "2024-05-01", "my search_1"] {
            assert!(!may_lead_somewhere(text), "{text}");
        }
        for text in [
            "Host=db.corp.example;Port=1",
            "db.corp,1433",
            "tcp:db",
            "db.corp.",
            "*.db.corp",
            "host\\inst",
            "host?x",
            "(host)",
            "[\"db\"]",
        ] {
            assert!(may_lead_somewhere(text), "{text}");
        }
    }

    #[test]
    fn words_in_the_place_of_short_addresses_do_not_make_a_comment_too_long() {
        let line = format!("- {}\n", "::1 ".repeat(100));
        let text = |most: usize| line.repeat(most / line.len());
        let comment = fitted(&Withheld::default(), text);
        assert!((30_000..=LONGEST).contains(&comment.chars().count()), "{}", comment.chars().count());
        assert!(comment.ends_with(NOTE));
    }

    #[test]
    fn ranges_are_counted_and_another_target_is_told_from_the_same() {
        let ranges = |texts: &[&str]| serde_json::json!(texts);
        let before = ranges(&["203.0.113.0/24"]);
        assert_eq!(shown("ipRules", &before, None), "1 address range");
        let after = ranges(&["203.0.113.0/24", "198.51.100.7"]);
        assert_eq!(shown("ipRules", &after, Some(beside(&before))), "2 address ranges, 1 of them new");
        let targets = ["https://a", "https://b"].map(Value::from);
        assert_eq!(shown("target", &targets[1], Some(beside(&targets[0]))), ANOTHER);
        assert_eq!(shown("target", &targets[1], Some(beside(&targets[1]))), TARGET);
        let whole = serde_json::json!({"networkAcls": {"ipRules": ["203.0.113.0/24"]}});
        assert_eq!(shown("", &whole, None)["networkAcls"]["ipRules"], "1 address range");
    }
}
