//! How far the value of a secret extends if it is a collection, and what of it may be shown.
//!
//! Input: the text of a file, parsed or not, and where the value starts. Output: ranges. `credentials` are masked as a whole, because a
//! file with a mistake may confuse names with keys; structure, known names and references to secrets stay visible. Pure.

use std::ops::Range;

use super::closing;
use crate::spec::variables::secret_name;
use crate::text::names::nearest;

/// Names in `credentials`, in specs or in Azure.
const NAMES: &[&str] = &[
    "key",
    "keys",
    "accessKeyId",
    "secretAccessKey",
    "pat",
    "sas",
    "username",
    "password",
    "securityToken",
    "clientId",
    "resourceId",
    "clientSecret",
    "tenantId",
    "authUrl",
    "developerToken",
    "refreshToken",
];
/// The longest name compared with them.
const LONGEST_NAME: usize = 20;

/// Where the value of a key ends, and whether that is certain.
pub(super) struct Extent {
    pub(super) range: Range<usize>,
    pub(super) closed: bool,
}

/// Searching for a missing bracket scans the rest of the file; after this many searches only lines are examined.
pub(super) const SEARCHES: usize = 50;

/// The extent of a collection after a colon: a flow collection ends at its bracket, anything else covers all deeper lines.
pub(super) fn extent(text: &str, from: usize, line: usize, searches: &mut usize) -> Extent {
    let rest = &text[from..];
    let start = from + rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let lines = || start..start + deeper(&text[start..], &text[line..from]);
    if !text[start..].starts_with(['{', '[']) {
        return Extent { range: lines(), closed: true };
    }
    if is_comment(&text[line..]) {
        return Extent { range: lines(), closed: false };
    }
    let found = (*searches > 0).then(|| bracket(&text[start..])).flatten();
    let Some(length) = found else {
        *searches = searches.saturating_sub(1);
        return Extent { range: lines(), closed: false };
    };
    let end = start + length;
    // If other text follows a bracket directly, the bracket was part of a value.
    let follows = text[end..].chars().next();
    let more = follows.is_some_and(|c| !matches!(c, ',' | '}' | ']' | ' ' | '\t' | '\r' | '\n' | '#'));
    let end = if more { text[end..].find('\n').map_or(text.len(), |at| end + at) } else { end };
    Extent { range: start..end, closed: true }
}

/// The position of the bracket that closes the first one in a text.
fn bracket(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    let mut before = ' ';
    while let Some(character) = text[at..].chars().next() {
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' if depth == 1 => return Some(at + 1),
            '}' | ']' => depth -= 1,
            '"' | '\'' if matches!(before, '{' | '[' | ',' | ':' | ' ' | '\n' | '\t') => {
                at += closing(&text[at + 1..], character)? + 1;
            }
            _ => {}
        }
        before = character;
        at += character.len_utf8();
    }
    None
}

fn is_comment(line: &str) -> bool {
    line.trim_start_matches([' ', '\t', '-']).starts_with('#')
}

/// How far a text extends over its own line and all lines indented deeper than its key; a tab counts as deeper than anything.
fn deeper(text: &str, key: &str) -> usize {
    let comment = is_comment(key);
    let depth = |line: &str| {
        let bare = if comment { line.trim_start_matches([' ', '\t']).trim_start_matches('#') } else { line };
        let blanks = &bare[..bare.len() - bare.trim_start_matches([' ', '\t']).len()];
        if blanks.contains('\t') { usize::MAX } else { blanks.len() }
    };
    let own = {
        let bare = if comment { key.trim_start_matches([' ', '\t']).trim_start_matches('#') } else { key };
        bare.len() - bare.trim_start_matches([' ', '-']).len()
    };
    let mut lines = text.split_inclusive('\n');
    let mut length = lines.next().map_or(0, str::len);
    for line in lines {
        let inside = if comment && !is_comment(line) {
            false
        } else {
            // List elements may have the same indentation as the key.
            line.trim().is_empty()
                || depth(line) > own
                || (depth(line) == own && line.trim_start().starts_with("- "))
        };
        if !inside {
            break;
        }
        length += line.len();
    }
    text[..length].trim_end().len()
}

/// What to hide of a value: everything except structure, known names and references to secrets.
pub(super) fn masked(text: &str, extent: Range<usize>, references: bool) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut run: Option<Range<usize>> = None;
    let mut at = extent.start;
    let mut open_name = false;
    while let Some(character) = text[at..extent.end].chars().next() {
        let rest = &text[at..extent.end];
        let next = at + character.len_utf8();
        if matches!(character, '\n' | '\r' | '{' | '}' | '[' | ']' | ',') {
            ranges.extend(run.take());
            open_name &= !matches!(character, '\n' | ',');
            at = next;
        } else if matches!(character, ' ' | '\t') || (rest.starts_with("- ") && run.is_none()) {
            at = next;
        } else if let Some(length) = run.is_none().then(|| name(rest)).flatten() {
            open_name = super::OPEN.iter().any(|open| rest[..length].contains(open));
            at += length;
        } else if let Some(length) = run.is_none().then(|| harmless(rest, references, open_name)).flatten() {
            at += length;
        } else {
            let end = match character {
                quote @ ('"' | '\'') if run.is_none() => {
                    closing(&rest[1..], quote).map_or(extent.end, |length| at + length + 2)
                }
                '#' => at + rest.find('\n').unwrap_or(rest.len()),
                _ => next,
            };
            run = Some(run.map_or(at, |run| run.start)..end);
            at = end;
        }
    }
    ranges.extend(run);
    ranges
}

/// The length of the known name at the start of a text, including its colon.
fn name(text: &str) -> Option<usize> {
    let bare = text.trim_start_matches(['"', '\'']);
    let quotes = text.len() - bare.len();
    let length = bare.bytes().take_while(u8::is_ascii_alphanumeric).take(LONGEST_NAME + 1).count();
    let after = bare[length..].trim_start_matches(['"', '\'']).trim_start_matches(' ');
    let colon = text.len() - after.len();
    let is_key = after.starts_with(':')
        && after[1..].chars().next().is_none_or(|c| c.is_whitespace() || c == '"' || quotes > 0);
    let known = quotes < 2 && length <= LONGEST_NAME && is_key;
    (known && is_name(&bare[..length])).then_some(colon + 1)
}

/// Whether a name in `credentials` is a known one or a misspelling of it, not a key in the wrong place.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME && nearest(name, NAMES.iter().copied()).is_some()
}

/// The length of the scalar at the start of a text, if it reveals nothing.
fn harmless(text: &str, references: bool, open_name: bool) -> Option<usize> {
    let ends = |rest: &str| {
        let rest = rest.trim_start_matches([' ', '\t']);
        rest.is_empty() || rest.starts_with([',', '}', ']', '\n', '\r', '#'])
    };
    let (inner, length) = match text.chars().next()? {
        quote @ ('"' | '\'') => {
            let end = closing(&text[1..], quote)?;
            (&text[1..=end], end + 2)
        }
        _ => {
            let from = if text.starts_with("${") { text.find('}')? } else { 0 };
            let end = text[from..].find(['\n', ',', ']', '#', ' ']).map_or(text.len(), |at| from + at);
            let end = if from > 0 { from + 1 } else { text[..end].find('}').unwrap_or(end) };
            (&text[..end], end)
        }
    };
    let open = open_name && is_id(inner);
    let reference = secret_name(inner).is_some() || (references && super::is_reference(inner));
    let nothing = matches!(inner, "" | "true" | "false" | "null" | "~");
    ((open || reference || nothing) && length > 0 && ends(&text[length..])).then_some(length)
}

/// Whether a text is the id of an identity or a resource.
fn is_id(text: &str) -> bool {
    let guid = text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    guid || text.starts_with("/subscriptions/")
}
