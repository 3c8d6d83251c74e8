//! Leaves out of a text what fewer people may see than read it: addresses, sign-in names, targets, and all but the first digits of ids.
//!
//! A text is looked through as people read it, whatever was escaped in it, so that nothing depends on where a name stands.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use url::Url;

/// What stands in the place of an address, and so on.
pub(in crate::render) const ADDRESS: &str = "(address withheld)";
pub(in crate::render) const USER: &str = "(name withheld)";
pub(in crate::render) const TARGET: &str = "(target withheld)";
/// Hosts that are no target: pages which messages name.
const PAGES: [&str; 3] = ["learn.microsoft.com", "aka.ms", "azure.microsoft.com"];

/// So many digits of an id stay.
const DIGITS: usize = 8;
/// No address is longer.
const MOST_OF_ADDRESS: usize = 45;

/// What is left out of a text.
#[derive(Default)]
pub(in crate::render) struct Withheld {
    /// Texts in lower case that are left out wherever they stand, the longest first, and what stands there instead.
    known: Vec<(Vec<char>, String)>,
    /// Ids that begin like another one, in lower case, and how many digits tell them apart.
    alike: BTreeMap<String, usize>,
}

impl Withheld {
    /// Leaves out these texts too: each with what stands there instead.
    pub(in crate::render) fn new(mut known: Vec<(String, String)>) -> Self {
        // Shorter ones would leave holes in ordinary words.
        known.retain(|(text, _)| text.chars().count() > 3);
        known.sort_by(|(one, _), (two, _)| two.len().cmp(&one.len()).then(one.cmp(two)));
        known.dedup();
        let lower =
            |(text, word): (String, String)| (text.chars().flat_map(char::to_lowercase).collect(), word);
        Self { known: known.into_iter().map(lower).collect(), alike: BTreeMap::new() }
    }

    /// Keeps these ids apart: of those that begin alike more digits stay.
    pub(in crate::render) fn apart(mut self, ids: &BTreeSet<String>) -> Self {
        let same = |one: &str, two: &str| one.chars().zip(two.chars()).take_while(|(a, b)| a == b).count();
        for (one, two) in ids.iter().zip(ids.iter().skip(1)) {
            let digits = same(one, two) + 1;
            if digits > DIGITS {
                for id in [one, two] {
                    let known = self.alike.entry(id.clone()).or_default();
                    *known = digits.max(*known);
                }
            }
        }
        self
    }

    /// What is left out even where a letter stands directly before it.
    fn within_word(&self, text: &[Letter<'_>], before: char) -> Option<(usize, String)> {
        let address = || if before.is_ascii_digit() { None } else { address_of_numbers(text) };
        self.guid(text).or_else(address)
    }

    /// A GUID, whatever it is glued to: its first eight digits stay.
    fn guid(&self, text: &[Letter<'_>]) -> Option<(usize, String)> {
        if text.get(8).is_none_or(|letter| letter.read != '-') {
            return None;
        }
        let whole = read(text.get(..36)?);
        uuid::Uuid::try_parse(&whole).is_ok().then(|| (36, self.short(&whole)))
    }

    /// An id without most of its digits.
    fn short(&self, id: &str) -> String {
        let digits = self.alike.get(&id.to_lowercase()).copied().unwrap_or(DIGITS);
        if digits >= id.len() {
            id.to_owned()
        } else {
            format!("{}…", id.chars().take(digits).collect::<String>())
        }
    }

    /// A GUID, or another long number in hexadecimal digits: its first eight stay.
    fn id(&self, text: &[Letter<'_>]) -> Option<(usize, String)> {
        let digits = |text: &[Letter<'_>]| {
            let length = run(text, |c| c.is_ascii_hexdigit());
            let end = text.get(length).is_none_or(|next| !next.read.is_alphanumeric());
            (length >= 32 && end).then(|| (length, self.short(&read(&text[..length]))))
        };
        self.guid(text).or_else(|| digits(text))
    }

    /// Markdown without what is left out.
    pub(in crate::render) fn markdown(&self, text: &str) -> String {
        self.over(&letters(text))
    }

    /// The same for a text that is no Markdown.
    pub(in crate::render) fn plain(&self, text: &str) -> String {
        let letter = |(at, read): (usize, char)| Letter { read, written: &text[at..at + read.len_utf8()] };
        self.over(&text.char_indices().map(letter).collect::<Vec<_>>())
    }

    fn over(&self, letters: &[Letter<'_>]) -> String {
        let mut veiled = String::with_capacity(letters.len());
        let mut at = 0;
        while let Some(letter) = letters.get(at) {
            let is_start = at == 0 || !letters[at - 1].read.is_alphanumeric() || is_encoded(&letters[..at]);
            let found = if is_start {
                self.hidden(&letters[at..])
            } else {
                self.within_word(&letters[at..], letters[at - 1].read)
            };
            match found {
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
        veiled
    }

    /// How many letters from here on are left out, and what stands there instead.
    fn hidden(&self, text: &[Letter<'_>]) -> Option<(usize, String)> {
        url(text)
            .or_else(|| self.known(text))
            .or_else(|| sign_in_name(text))
            .or_else(|| down_level_name(text))
            .or_else(|| self.id(text))
            .or_else(|| address(text))
    }

    fn known(&self, text: &[Letter<'_>]) -> Option<(usize, String)> {
        let is_here = |known: &[char]| {
            text.len() >= known.len()
                && (known.last().is_some_and(|last| !last.is_alphanumeric())
                    || text.get(known.len()).is_none_or(|next| !next.read.is_alphanumeric()))
                && known.iter().zip(text).all(|(known, letter)| letter.read.to_lowercase().eq([*known]))
        };
        let (known, word) = self.known.iter().find(|(known, _)| is_here(known))?;
        // A sign at the end only says where it stands, and stays as it is written.
        let sign = known.last().filter(|last| !last.is_alphanumeric());
        match sign.and_then(|sign| word.strip_suffix(*sign)) {
            Some(word) => Some((known.len() - 1, word.to_owned())),
            None => Some((known.len(), word.clone())),
        }
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
    // The host is what a browser takes for it: `https://learn.microsoft.com:x@db.corp/` leads elsewhere.
    let is_page = Url::parse(&whole).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        PAGES.contains(&host) && url.username().is_empty() && url.password().is_none() && url.port().is_none()
    });
    let word = if is_page {
        text[..length].iter().map(|letter| letter.written).collect()
    } else {
        TARGET.to_owned()
    };
    Some((length, word))
}

/// A name of a Windows domain: `CORP\alice`.
fn down_level_name(text: &[Letter<'_>]) -> Option<(usize, String)> {
    let domain = run(text, |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-');
    let name =
        text.get(domain..).filter(|rest| domain > 1 && rest.first().is_some_and(|next| next.read == '\\'))?;
    let length = run(&name[1..], |c| c.is_alphanumeric() || "._$-".contains(c));
    (length > 0).then(|| (domain + 1 + length, USER.to_owned()))
}

/// A name with which somebody signs in: `alice@contoso.com`.
fn sign_in_name(text: &[Letter<'_>]) -> Option<(usize, String)> {
    let name = run(text, |c| c.is_alphanumeric() || "._%+'#$&!~^-".contains(c));
    // As URLs encode it, the sign in the middle reads like a part of the name.
    let encoded = (1..name).find(|at| read(&text[*at..text.len().min(at + 3)]) == "%40");
    let is_at = text.get(name).is_some_and(|next| name > 0 && next.read == '@');
    let (name, sign) = if is_at { (name, 1) } else { (encoded?, 3) };
    let rest = &text[name + sign..];
    let domain = read(&rest[..run(rest, |c| c.is_alphanumeric() || ".-".contains(c))]);
    let bare = domain.trim_end_matches(['.', '-']);
    let is_name = bare.contains('.') || bare.len() > 1 && bare.starts_with(char::is_alphabetic);
    is_name.then(|| (name + sign + bare.chars().count(), USER.to_owned()))
}

/// Whether what stands before is the end of a letter as URLs encode it: `%2F`.
fn is_encoded(before: &[Letter<'_>]) -> bool {
    let [.., percent, one, two] = before else { return false };
    percent.read == '%' && one.read.is_ascii_hexdigit() && two.read.is_ascii_hexdigit()
}

/// An address or a range of them.
fn address(letters: &[Letter<'_>]) -> Option<(usize, String)> {
    let most = run(letters, |c| c.is_ascii_hexdigit() || ".:".contains(c)).min(MOST_OF_ADDRESS);
    let ends = |length: &usize| letters.get(*length).is_none_or(|next| !next.read.is_alphanumeric());
    let is_address = |length: &usize| {
        let text = read(&letters[..*length]);
        // A colon may stand behind one that is followed by a port or by words.
        let is_any = text == "::" && letters.get(2).is_none_or(|next| next.read != '/');
        !is_any && text.parse::<IpAddr>().is_ok()
    };
    let whole = (2..=most).rev().filter(ends).find(is_address);
    let length = whole.or_else(|| dotted(letters))?;
    Some(with_bits(letters, length))
}

fn address_of_numbers(letters: &[Letter<'_>]) -> Option<(usize, String)> {
    Some(with_bits(letters, dotted(letters)?))
}

/// An address of this length, with the number of its bits, if it is a range.
fn with_bits(letters: &[Letter<'_>], mut length: usize) -> (usize, String) {
    if letters.get(length).is_some_and(|next| next.read == '/') {
        let bits = run(&letters[length + 1..], |c| c.is_ascii_digit());
        length += if bits > 0 { 1 + bits } else { 0 };
    }
    (length, ADDRESS.to_owned())
}

/// What is meant for an address of four numbers, and is none: `203.0.113.999`, `203.0.113.*`, `203.0.113/24`.
fn dotted(letters: &[Letter<'_>]) -> Option<usize> {
    let (mut length, mut numbers) = (0, 0);
    loop {
        let rest = &letters[length..];
        let digits = run(rest, |c| c.is_ascii_digit());
        if !(1..=3).contains(&digits) {
            break;
        }
        (length, numbers) = (length + digits, numbers + 1);
        let is_next = |letter: &Letter<'_>| letter.read.is_ascii_digit() || "*xX".contains(letter.read);
        let goes_on = rest[digits..].first().is_some_and(|next| next.read == '.')
            && rest.get(digits + 1).is_some_and(is_next);
        if numbers == 4 || !goes_on {
            break;
        }
        length += 1;
    }
    let ends = |at: usize| letters.get(at).is_none_or(|next| !next.read.is_alphanumeric());
    let open = length > 0 && letters[length - 1].read == '.';
    let stars = if open { run(&letters[length..], |c| ".*xX".contains(c)) } else { 0 };
    let has_bits = letters.get(length).is_some_and(|next| next.read == '/')
        && letters.get(length + 1).is_some_and(|next| next.read.is_ascii_digit());
    match numbers {
        4 => ends(length).then_some(length),
        3 if has_bits => Some(length),
        2 | 3 if stars > 0 => ends(length + stars).then_some(length + stars),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn veiled(text: &str) -> String {
        Withheld::default().markdown(text)
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
            ("https://aka.ms. https://AKA.ms/x", "https://aka.ms. https://AKA.ms/x"),
            ("https://learn.microsoft.com:x@db.corp/a b", "(target withheld) b"),
            ("https://aka.ms:8443/a https://aka.ms@db.corp", "(target withheld) (target withheld)"),
            (&format!("/subscriptions/{guid}/x"), "/subscriptions/0a1b2c3d…/x"),
            (&guid.replace('-', ""), "0a1b2c3d…"),
            ("at 2026-11-25T22:10:04Z", "at 2026-11-25T22:10:04Z"),
            ("10.1.2.3..10.1.2.9", "(address withheld)..(address withheld)"),
            (
                "203.0.113.* and 203.0.*.*, 203.0.113.x",
                "(address withheld) and (address withheld), (address withheld)",
            ),
            (
                "203.0.113.999, 203.000.113.007; 203.0.113/24",
                "(address withheld), (address withheld); (address withheld)",
            ),
            ("1.2.3 of 1.5. 2.0.x86, 1.2.3/x and 4.*", "1.2.3 of 1.5. 2.0.x86, 1.2.3/x and 4.*"),
            (&format!("x{guid}, subscriptions%2F{guid}y"), "x0a1b2c3d…, subscriptions%2F0a1b2c3d…y"),
            ("v203.0.113.10 203.0.113.11_a", "v(address withheld) (address withheld)_a"),
            ("owner%3Dalice@contoso.com", "(name withheld)"),
            ("u=alice%40contoso.com, 100%40", "u=(name withheld), 100%40"),
            ("by CORP\\\\alice.o, C:\\\\x", "by (name withheld), C:\\\\x"),
            ("gpt-4o 2024-08-06, 1.5 @team #7 a: :b", "gpt-4o 2024-08-06, 1.5 @team #7 a: :b"),
            ("`specs/a.yaml:7` & \\[x\\] ä", "`specs/a.yaml:7` & \\[x\\] ä"),
        ] {
            assert_eq!(veiled(text), shown);
        }
    }
}
