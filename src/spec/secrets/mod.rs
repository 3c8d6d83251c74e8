//! Where a spec contains secrets or may contain them, so that no excerpt or message repeats them.
//!
//! Keys belong into `KEYLESS_SECRET_NAME`; if one is in the file anyway, reporting it must not print it. Input: the text, and its tree if
//! there is one. Output: ranges of the text. Files that cannot be parsed, duplicate keys and comments are searched by typical names of
//! secrets; `credentials` are always masked. Pure.

mod extent;
mod revealing;

use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::Value;
use url::Url;

use extent::{SEARCHES, extent, masked};
use revealing::secrets_in;
pub(crate) use revealing::{reveals_secret, without_secrets};

use super::tree::{Children, Node, YamlDocument};
use super::variables::{is_reference, secret_name};
use crate::text::json::unescape;
use crate::text::scrub;

/// Words that end the name of a secret, alone or as the last of several: `apiKey`, `SHARED_ACCESS_KEY`.
const WORDS: &[&str] = &[
    "key",
    "secret",
    "password",
    "passwd",
    "pwd",
    "token",
    "sas",
    "credential",
    "credentials",
    "authorization",
    "passphrase",
    "pat",
    "jwt",
];
/// The same for names without visible word boundaries.
const JOINED: &[&str] = &[
    "apikey",
    "accesskey",
    "accountkey",
    "sharedkey",
    "masterkey",
    "primarykey",
    "secondarykey",
    "subscriptionkey",
    "connectionstring",
    "connstr",
    "accesstoken",
    "sastoken",
    "clientsecret",
    "sharedaccesssignature",
];
/// Names that end with `key` but denote a name or a location in data, as in databases and search indexes.
const OF_DATA: &[&str] =
    &["partitionkey", "rowkey", "sortkey", "hashkey", "rangekey", "shardkey", "documentkey", "foreignkey"];
/// Members of `credentials` that are not secret.
const OPEN: &[&str] = &["clientId", "resourceId", "tenantId", "authUrl", "username"];

/// Whether the value at a pointer is a secret.
pub(super) fn is_secret(pointer: &str) -> bool {
    let mut secret = false;
    for token in pointer.split('/').skip(1) {
        secret = holds_secret(&unescape(token), secret);
    }
    secret
}

/// Whether a pointer is inside `credentials`, where even a name may be a misplaced key.
pub(super) fn is_credential(pointer: &str) -> bool {
    pointer.split('/').skip(1).any(|token| is_credentials(&unescape(token)))
}

/// Fields of an account whose secret members only accept references, besides `credentials`.
const OF_ACCOUNTS: &[&str] = &["apiProperties", "migrationToken"];

/// Whether a resource's field only accepts a reference to a secret at a pointer in spec shape.
pub(crate) fn takes_reference_only(pointer: &str) -> bool {
    let first = pointer.split('/').nth(1).unwrap_or_default();
    (is_credential(pointer) || OF_ACCOUNTS.contains(&first)) && is_secret(pointer)
}

fn is_credentials(name: &str) -> bool {
    name.to_ascii_lowercase().trim_end_matches('s').ends_with("credential")
}

/// Whether a message may repeat a name at a pointer.
pub(super) fn may_be_named(pointer: &str, name: &str) -> bool {
    !is_credential(pointer) || extent::is_name(name)
}

/// Whether the value under a name is a secret, depending on whether its parent is one.
fn holds_secret(name: &str, within: bool) -> bool {
    if within { !OPEN.contains(&name) } else { names_secret(name) }
}

/// Whether a name denotes a secret: `apiKey`, and also `key1`.
fn names_secret(name: &str) -> bool {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let name = if bare.len() < name.len() { bare.trim_end_matches(['_', '-', ' ']) } else { name };
    let lower = name.to_ascii_lowercase();
    let plain = lower.replace(['_', '-', ' '], "");
    if OF_DATA.iter().any(|of_data| plain.ends_with(of_data)) {
        return false;
    }
    JOINED.iter().any(|joined| plain.ends_with(joined))
        || WORDS.iter().any(|word| {
            lower.strip_suffix(word).is_some_and(|before| {
                let start = name.as_bytes().get(before.len()).copied().unwrap_or_default();
                before.is_empty()
                    || !before.ends_with(|c: char| c.is_ascii_alphanumeric())
                    || (start.is_ascii_uppercase() && before.len() == name.len() - word.len())
            })
        })
}

/// Whether a scalar, as written, reveals nothing.
fn is_harmless(written: &str) -> bool {
    is_nothing(written) || is_reference(written)
}

fn is_nothing(written: &str) -> bool {
    matches!(written, "" | "true" | "false" | "null" | "~")
}

/// What to hide of a file; secrets in the tree are also registered, so that no message shows them.
pub(super) fn hidden(document: Option<&YamlDocument>, text: &str) -> Vec<Range<usize>> {
    let mut ranges = by_name(text);
    for range in secrets_in(text) {
        scrub::learn(&text[range.clone()]);
        ranges.push(range);
    }
    if let Some(document) = document {
        walk(&document.places, &document.tree, Enclosing::Open, text, &mut ranges);
    }
    apart(ranges)
}

/// Sorts ranges and merges overlapping ones.
fn apart(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// Registers names, ids and hosts of a document, which appear in most messages and are not parts of a secret.
pub(super) fn learn_names(document: &YamlDocument) {
    const NAMES: &[&str] =
        &["subscription", "resourceGroup", "name", "customSubDomainName", "location", "stack", "id"];
    // Once each: a principal or a group may occur in thousands of entries.
    fn find<'v>(value: &'v Value, names: &mut BTreeSet<&'v str>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| find(item, names)),
            Value::Object(map) => {
                for (name, value) in map.iter().filter(|(name, _)| !names_secret(name)) {
                    match value {
                        Value::String(text) if NAMES.contains(&name.as_str()) => _ = names.insert(text),
                        // Of an address only the host: the rest may be a secret.
                        Value::String(text) if name == "target" => {
                            if let Some(host) = Url::parse(text).ok().as_ref().and_then(Url::host_str) {
                                scrub::learn_open(host);
                            }
                        }
                        Value::String(_) => {}
                        other => find(other, names),
                    }
                }
            }
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    find(&document.tree, &mut names);
    names.into_iter().for_each(scrub::learn_open);
}

/// What contains a value.
#[derive(Clone, Copy, PartialEq)]
enum Enclosing {
    Open,
    /// Something with the name of a secret.
    Secret,
    /// `credentials`, where a variable's name may be a misplaced key.
    Credentials,
}

impl Enclosing {
    fn below(self, name: &str) -> Self {
        match self {
            Self::Credentials if holds_secret(name, true) => self,
            _ if is_credentials(name) => Self::Credentials,
            _ if holds_secret(name, self != Self::Open) => Self::Secret,
            _ => Self::Open,
        }
    }

    fn is_harmless(self, written: &str) -> bool {
        match self {
            Self::Credentials => is_nothing(written) || secret_name(written).is_some(),
            _ => is_harmless(written),
        }
    }
}

/// Recursive: a document is at most 64 levels deep.
fn walk(node: &Node, value: &Value, within: Enclosing, text: &str, ranges: &mut Vec<Range<usize>>) {
    match (&node.children, value) {
        (Children::Map(children), Value::Object(map)) => {
            for (name, child) in children {
                let value = map.get(&**name).unwrap_or(&Value::Null);
                walk(child, value, within.below(name), text, ranges);
            }
        }
        (Children::List(children), Value::Array(items)) => {
            for (child, item) in children.iter().zip(items) {
                walk(child, item, within, text, ranges);
            }
        }
        (_, Value::String(_) | Value::Number(_)) if within != Enclosing::Open => {
            let plain = match value {
                Value::String(text) => text.clone(),
                other => node.raw.as_deref().map_or_else(|| other.to_string(), str::to_owned),
            };
            let range = node.value.start()..node.value.end();
            if !within.is_harmless(&plain) && text.get(range.clone()).is_some() {
                scrub::learn(&plain);
                ranges.push(range);
            }
        }
        (_, Value::String(plain)) => {
            let found = secrets_in(plain);
            for range in &found {
                scrub::learn(&plain[range.clone()]);
            }
            let range = node.value.start()..node.value.end();
            // In escaped or multi-line form it may hide their positions.
            let as_it_is = |written: &str| written.contains(plain.as_str());
            if !found.is_empty() && text.get(range.clone()).is_some_and(|written| !as_it_is(written)) {
                ranges.push(range);
            }
        }
        _ => {}
    }
}

/// Values after the names of secrets, as far as lines show. Each byte is examined a bounded number of times.
fn by_name(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let (mut line, mut done, mut searches) = (0, 0, SEARCHES);
    for (at, mark) in text.match_indices([':', '\n']) {
        if mark == "\n" {
            line = at + 1;
            continue;
        }
        let before = text[line..at].trim_end_matches([' ', '"', '\'']);
        let name = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).next();
        let Some(name) = name.filter(|name| names_secret(name) && at >= done) else { continue };
        let indent = text[line..].len() - text[line..].trim_start_matches([' ', '-']).len();
        match value_after(text, at + 1, indent) {
            After::Nothing => {}
            After::Scalar(range) => {
                done = range.end;
                let written = &text[range.clone()];
                let comment = text[line..].trim_start().starts_with('#');
                // A message may repeat a name or a word of what could not be parsed. Words after a colon in a comment are not a secret.
                let words = written.contains('\n') || (comment && written.contains(' '));
                if !words {
                    scrub::learn(written.trim_matches(is_frame));
                }
                ranges.push(range);
            }
            After::Collection => {
                let found = extent(text, at + 1, line, &mut searches);
                done = found.range.end;
                let hidden = masked(text, found.range, !is_credentials(name));
                let end_of_line = text[at..].find('\n').map_or(text.len(), |length| at + length);
                let sure = hidden.iter().filter(|range| found.closed || range.end <= end_of_line);
                sure.for_each(|range| learn_parts(&text[range.clone()]));
                ranges.extend(hidden);
            }
        }
    }
    ranges
}

/// Quotes, and what may precede a value.
fn is_frame(c: char) -> bool {
    " \"'*&!|>".contains(c)
}

/// Registers masked text and its parts: a message may repeat a name, an alias or a variable in it.
fn learn_parts(masked: &str) {
    if masked.starts_with('#') {
        return;
    }
    scrub::learn(masked.trim_matches(is_frame));
    let parts = masked.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '{' | '}' | '$'));
    for part in parts.map(|part| part.trim_matches(|c| is_frame(c) || c == ':')) {
        let scheme = ["Bearer", "Basic"].iter().any(|scheme| part.eq_ignore_ascii_case(scheme));
        if !scheme && !names_secret(part) {
            scrub::learn(part);
        }
    }
}

/// What follows a colon.
enum After {
    /// Nothing, or nothing that reveals anything.
    Nothing,
    Scalar(Range<usize>),
    Collection,
}

/// The value after a colon; `indent` is that of its key.
fn value_after(text: &str, from: usize, indent: usize) -> After {
    let start = from + text[from..].len() - text[from..].trim_start_matches([' ', '\t']).len();
    let rest = &text[start..];
    let to_end_of_line = |rest: &str| rest.find('\n').unwrap_or(rest.len());
    let scalar = |range, shown: bool| if shown { After::Scalar(range) } else { After::Nothing };
    match rest.chars().next() {
        None => After::Nothing,
        Some('{' | '[') => After::Collection,
        Some(quote @ ('"' | '\'')) => {
            let end = closing(&rest[1..], quote).map_or(rest.len(), |at| at + 2);
            let inner = rest[1..end].trim_end_matches(quote);
            scalar(start..start + end, !is_harmless(inner))
        }
        Some('\r' | '\n' | '|' | '>' | '&' | '!' | '#') => {
            let line = to_end_of_line(rest);
            if !rest.starts_with(['|', '>']) && is_alone(&rest[..line]) && begins_mapping(&rest[line..]) {
                return After::Collection;
            }
            let end = start + line + block(&rest[line..], indent);
            scalar(start..end, !is_harmless(text[start..end].trim()))
        }
        Some(_) => {
            let reference =
                if rest.starts_with("${") { rest.find(['}', '\n']).unwrap_or_default() } else { 0 };
            let mut ends = rest.char_indices().skip_while(|(at, _)| *at <= reference);
            let end = ends.find(|(at, c)| {
                matches!(c, ',' | '}' | ']' | '\n') || (*c == '#' && rest[..*at].ends_with(' '))
            });
            let end = end.map_or(rest.len(), |(at, _)| at);
            // A plain scalar may continue on deeper lines, and so may one that only looks like it.
            let more = if rest[end..].starts_with('\n') { block(&rest[end..], indent) } else { 0 };
            let plain = rest[..end].trim_end();
            let length = if more > 0 { end + more } else { plain.len() };
            scalar(start..start + length, !is_harmless(plain) || more > 0)
        }
    }
}

/// Whether a key's line has no part of its value: nothing, an anchor, a tag.
fn is_alone(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#') || (line.starts_with(['&', '!']) && !line.contains(' '))
}

/// Whether the next non-empty line is a key of a mapping or an element of a list.
fn begins_mapping(rest: &str) -> bool {
    let Some(line) = rest.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))
    else {
        return false;
    };
    let key = line.split_once(':').filter(|(_, after)| after.is_empty() || after.starts_with(' '));
    let name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-\"'".contains(&byte));
    line.starts_with("- ") || key.is_some_and(|(key, _)| name(key.trim_end()))
}

/// How far the lines extend that are deeper than a key and not keys themselves.
fn block(rest: &str, indent: usize) -> usize {
    let mut length = 0;
    for line in rest.split_inclusive('\n').skip(1) {
        let depth = line.len() - line.trim_start_matches([' ', '\t']).len();
        let blank = line.trim().is_empty();
        if !blank && depth <= indent {
            break;
        }
        length += line.len();
    }
    if length == 0 { 0 } else { (length + 1).min(rest.len()) }
}

/// The position of the closing quote.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' if quote == '"' => _ = characters.next(),
            '\'' if quote == '\'' && characters.peek().is_some_and(|(_, next)| *next == '\'') => {
                _ = characters.next();
            }
            found if found == quote => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
