//! Where secrets stand in a spec, or could stand: what no excerpt and no message repeats.
//!
//! A key belongs into `KEYLESS_SECRET_NAME`; where one stands in the file all the same, telling so must not print it. Input: the text, and
//! its tree where there is one. Output: ranges of the text. A file that cannot be parsed, a key that is set twice, and a comment are searched
//! by the names that secrets go by. Pure.

use std::ops::Range;

use serde_json::Value;

use super::tree::{Children, Document, Node, unescape};
use super::variables::is_reference;
use crate::scrub;

/// Words that the name of a secret ends with, alone or as the last of several: `apiKey`, `SHARED_ACCESS_KEY`.
const WORDS: &[&str] =
    &["key", "secret", "password", "passwd", "pwd", "token", "sas", "credential", "credentials"];
/// The same where nothing shows where a word begins.
const JOINED: &[&str] =
    &["apikey", "accesskey", "accountkey", "sharedkey", "masterkey", "primarykey", "connectionstring"];
/// Members of `credentials` that are no secrets.
const OPEN: &[&str] = &["clientId", "resourceId"];

/// Whether the value at a pointer is a secret.
pub(super) fn is_secret(pointer: &str) -> bool {
    let mut secret = false;
    for token in pointer.split('/').skip(1) {
        secret = holds_secret(&unescape(token), secret);
    }
    secret
}

/// Whether what stands under a name is a secret, in something that is one itself or is not.
fn holds_secret(name: &str, within: bool) -> bool {
    if within { !OPEN.contains(&name) } else { names_secret(name) }
}

fn names_secret(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    JOINED.iter().any(|joined| lower.ends_with(joined))
        || WORDS.iter().any(|word| {
            lower.strip_suffix(word).is_some_and(|before| {
                let start = name.as_bytes().get(before.len()).copied().unwrap_or_default();
                before.is_empty()
                    || !before.ends_with(|c: char| c.is_ascii_alphanumeric())
                    || (start.is_ascii_uppercase() && before.len() == name.len() - word.len())
            })
        })
}

/// Whether a scalar, as it is written, gives nothing away.
fn is_harmless(written: &str) -> bool {
    matches!(written, "" | "true" | "false" | "null" | "~") || is_reference(written)
}

/// What of a file is not to be shown; secrets of the tree are made known, so that no message shows one either.
pub(super) fn hidden(document: Option<&Document>, text: &str) -> Vec<Range<usize>> {
    let mut ranges = by_name(text);
    for written in ranges.iter().map(|range| &text[range.clone()]).filter(|written| !written.contains('\n')) {
        // A message may repeat a name or a word of what could not be parsed.
        scrub::learn(written.trim_matches(|c: char| " \"'*&!|>".contains(c)));
    }
    if let Some(document) = document {
        walk(&document.places, &document.tree, false, text, &mut ranges);
    }
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

/// Recursive: a document is at most 64 levels deep.
fn walk(node: &Node, value: &Value, secret: bool, text: &str, ranges: &mut Vec<Range<usize>>) {
    match (&node.children, value) {
        (Children::Map(children), Value::Object(map)) => {
            for (name, child) in children {
                let value = map.get(name).unwrap_or(&Value::Null);
                walk(child, value, holds_secret(name, secret), text, ranges);
            }
        }
        (Children::List(children), Value::Array(items)) => {
            for (child, item) in children.iter().zip(items) {
                walk(child, item, secret, text, ranges);
            }
        }
        (_, Value::String(_) | Value::Number(_)) if secret => {
            let plain = match value {
                Value::String(text) => text.clone(),
                other => node.raw.as_deref().map_or_else(|| other.to_string(), str::to_owned),
            };
            let range = node.value.start..node.value.end;
            if !is_harmless(&plain) && text.get(range.clone()).is_some() {
                scrub::learn(&plain);
                ranges.push(range);
            }
        }
        _ => {}
    }
}

/// Values behind the names of secrets, as far as lines show it. Each byte is looked at a bounded number of times.
fn by_name(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut line = 0;
    for (at, mark) in text.match_indices([':', '\n']) {
        if mark == "\n" {
            line = at + 1;
            continue;
        }
        let before = text[line..at].trim_end_matches([' ', '"', '\'']);
        let name = before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).next();
        if !name.is_some_and(names_secret) || ranges.last().is_some_and(|last| at < last.end) {
            continue;
        }
        let indent = text[line..].len() - text[line..].trim_start_matches([' ', '-']).len();
        ranges.extend(value_after(text, at + 1, indent));
    }
    ranges
}

/// The value that begins behind a colon; `indent` is that of its key.
fn value_after(text: &str, from: usize, indent: usize) -> Option<Range<usize>> {
    let start = from + text[from..].len() - text[from..].trim_start_matches([' ', '\t']).len();
    let rest = &text[start..];
    let to_end_of_line = |rest: &str| rest.find('\n').unwrap_or(rest.len());
    match rest.chars().next()? {
        // What these hold has names of its own.
        '{' | '[' => None,
        quote @ ('"' | '\'') => {
            let end = closing(&rest[1..], quote).map_or(rest.len(), |at| at + 2);
            let inner = rest[1..end].trim_end_matches(quote);
            (!is_harmless(inner)).then(|| start..start + end)
        }
        '\r' | '\n' | '|' | '>' | '&' | '!' | '#' => {
            let line = to_end_of_line(rest);
            if !rest.starts_with(['|', '>']) && is_alone(&rest[..line]) && begins_mapping(&rest[line..]) {
                return None;
            }
            let end = start + line + block(&rest[line..], indent);
            (!is_harmless(text[start..end].trim())).then_some(start..end)
        }
        _ => {
            let reference =
                if rest.starts_with("${") { rest.find(['}', '\n']).unwrap_or_default() } else { 0 };
            let mut ends = rest.char_indices().skip_while(|(at, _)| *at <= reference);
            let end = ends.find(|(at, c)| {
                matches!(c, ',' | '}' | ']' | '\n') || (*c == '#' && rest[..*at].ends_with(' '))
            });
            let end = end.map_or(rest.len(), |(at, _)| at);
            // A plain scalar may go on in deeper lines; so may one that only looks like it.
            let more = if rest[end..].starts_with('\n') { block(&rest[end..], indent) } else { 0 };
            let plain = rest[..end].trim_end();
            let length = if more > 0 { end + more } else { plain.len() };
            (!is_harmless(plain) || more > 0).then_some(start..start + length)
        }
    }
}

/// Whether nothing of a value stands in the line of its key: nothing at all, an anchor, a tag.
fn is_alone(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#') || (line.starts_with(['&', '!']) && !line.contains(' '))
}

/// Whether the next line with words is a key of a mapping, or an element of a list.
fn begins_mapping(rest: &str) -> bool {
    let Some(line) = rest.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))
    else {
        return false;
    };
    let key = line.split_once(':').filter(|(_, after)| after.is_empty() || after.starts_with(' '));
    let name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-\"'".contains(&byte));
    line.starts_with("- ") || key.is_some_and(|(key, _)| name(key.trim_end()))
}

/// How far the lines reach that stand deeper than a key and are no keys themselves.
fn block(rest: &str, indent: usize) -> usize {
    let mut length = 0;
    for line in rest.split_inclusive('\n').skip(1) {
        let depth = line.len() - line.trim_start_matches(' ').len();
        let blank = line.trim().is_empty();
        if !blank && depth <= indent {
            break;
        }
        length += line.len();
    }
    if length == 0 { 0 } else { (length + 1).min(rest.len()) }
}

/// Where a quote is closed.
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
mod tests {
    use super::*;
    use crate::source::Sources;
    use crate::spec::tree;

    /// The text with what is hidden in it taken out.
    fn shown(text: &str) -> String {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", text);
        let (document, _) = tree::parse(file, &sources);
        let mut shown = text.to_owned();
        for range in hidden(document.as_ref(), text).into_iter().rev() {
            let end = range.end.min(shown.len());
            if range.start < end {
                shown.replace_range(range.start..end, "@");
            }
        }
        shown
    }

    #[test]
    fn names_of_secrets_are_told_from_other_names() {
        for name in [
            "key",
            "Key",
            "apiKey",
            "api_key",
            "API-KEY",
            "clientSecret",
            "sas",
            "pwd",
            "apikey",
            "sharedAccessKey",
        ] {
            assert_eq!(names_secret(name), name != "{name}");
        }
        for name in ["monkey", "keyName", "maxTokens", "tokens", "disableLocalAuth", "atlas", "", "name"] {
            assert!(!names_secret(name), "{name}");
        }
    }

    #[test]
    fn a_pointer_says_whether_its_value_is_a_secret() {
        for (pointer, secret) in [
            ("/accounts/0/connections/1/credentials/key", true),
            ("/accounts/0/connections/1/credentials", true),
            ("/accounts/0/connections/1/credentials/other/deep", true),
            ("/accounts/0/connections/1/credentials/clientId", false),
            ("/accounts/0/connections/1/target", false),
            ("/accounts/0/connections/1/apiKey", true),
            ("", false),
        ] {
            assert_eq!(is_secret(pointer), secret, "{pointer}");
        }
    }

    #[test]
    fn secrets_are_hidden_however_they_are_written() {
        for (written, left) in [
            ("credentials:\n  key: plain-s3cret\nnext: 1\n", "credentials:\n  key: @\nnext: 1\n"),
            (
                "credentials: {key: 'single ''quoted'' s3cret', clientId: c}\n",
                "credentials: {key: @, clientId: c}\n",
            ),
            (
                "credentials: {\"key\": \"double \\\"s3cret\\\" \\x41\", clientId: c}\n",
                "credentials: {\"key\": @, clientId: c}\n",
            ),
            ("credentials: {key: plain s3cret}\nnext: 1\n", "credentials: {key: @}\nnext: 1\n"),
            ("apiKey: s3cret # old\nnext: 1\n", "apiKey: @ # old\nnext: 1\n"),
            ("credentials: s3cret-itself\n", "credentials: @\n"),
            ("credentials: {key: 12345678901234}\n", "credentials: {key: @}\n"),
            ("credentials: {kye: s3cret-mistyped}\n", "credentials: {kye: @}\n"),
            ("credentials: {key: [s3cret-one, s3cret-two]}\n", "credentials: {key: [@, @]}\n"),
            (
                "credentials: {key: '${secret.NAME}', other: ${NAME}}\n",
                "credentials: {key: '${secret.NAME}', other: ${NAME}}\n",
            ),
            ("key: ${secret.NAME}\nnext: 1\n", "key: ${secret.NAME}\nnext: 1\n"),
            ("disableKey: true\nkey:\nnext: 1\n", "disableKey: true\nkey:\nnext: 1\n"),
        ] {
            assert_eq!(shown(written), left);
        }
    }

    #[test]
    fn secrets_of_several_lines_are_hidden_in_all_of_them() {
        for written in [
            "credentials:\n  key: |\n    first-s3cret\n    second-s3cret\n  clientId: c\n",
            "credentials:\n  key: >-\n    first-s3cret\n\n    second-s3cret\n  clientId: c\n",
            "credentials:\n  key: \"first-s3cret\n    second-s3cret\"\n  clientId: c\n",
            "credentials:\n  key: 'first-s3cret\n\n    second-s3cret'\n  clientId: c\n",
            "credentials:\n  key: first-s3cret\n    second-s3cret\n  clientId: c\n",
            "credentials:\n  key:\n    first-s3cret\n    second-s3cret\n  clientId: c\n",
            "credentials:\n  key: &k first-s3cret\n    second-s3cret\n  clientId: c\n",
        ] {
            let shown = shown(written);
            assert!(!shown.contains("s3cret") && shown.contains("clientId: c"), "{written}\n{shown}");
        }
    }

    #[test]
    fn secrets_of_a_file_that_cannot_be_read_are_hidden_too() {
        for written in [
            "a: [\nkey: s3cret-value\n",
            "key: \"s3cret-value that is not closed\nnext: s3cret\n",
            "key: 's3cret-value\n",
            "key: a\nkey: s3cret-value\n",
            "\tapiKey: s3cret-value\n",
            "{\"key\":\"s3cret-value\",\n",
            "key: @s3cret-value\n",
            "# key: s3cret-value\na: [\n",
            "key: |\n  s3cret-value\n bad\n",
        ] {
            assert!(!shown(written).contains("s3cret"), "{written}\n{}", shown(written));
        }
    }
}
