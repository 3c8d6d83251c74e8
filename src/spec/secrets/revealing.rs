//! Secrets inside a text: a signed URL, a connection string, a URL with a password, a header. Pure.

use std::ops::Range;

use super::names_secret;
use crate::text::scrub::REDACTED;

/// Parameters of URLs and connection strings that are secrets although their names do not say so.
const PARAMETERS: &[&str] = &["sig", "signature", "sharedaccesssignature", "code"];
/// The same, if only the value shows whether it is a secret or the name of a sign-in method.
const WAYS: &[&str] = &["auth"];
/// The shortest token after `Bearer` without a digit.
const TOKEN: usize = 20;
/// The shortest token in the user part of a URL: many user names have a digit.
const USER: usize = 16;
/// How many levels of percent-encoding are decoded.
const ENCODED: usize = 3;

/// The positions of secrets in a text, sorted and not overlapping.
#[must_use]
pub(crate) fn secrets_in(text: &str) -> Vec<Range<usize>> {
    let mut ranges = written_in(text);
    let mut view = Decoded { text: text.to_owned(), at: (0..=text.len()).collect() };
    for _ in 0..ENCODED {
        let Some(deeper) = view.decoded() else { break };
        view = deeper;
        ranges
            .extend(written_in(&view.text).into_iter().map(|range| view.at[range.start]..view.at[range.end]));
    }
    super::apart(ranges)
}

/// A decoded text, with the original position of each byte.
struct Decoded {
    text: String,
    at: Vec<usize>,
}

impl Decoded {
    /// Decodes one more level; `None` if there is none.
    fn decoded(&self) -> Option<Self> {
        let mut decoded = Self { text: String::new(), at: Vec::new() };
        let mut rest = self.text.as_str();
        while let Some(first) = rest.chars().next() {
            let at = self.text.len() - rest.len();
            let escape = rest.strip_prefix('%').and_then(|rest| rest.get(..2));
            let byte = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok());
            let (shown, length) = match byte {
                Some(byte @ b' '..=b'~') => (char::from(byte), 3),
                _ => (first, first.len_utf8()),
            };
            decoded.text.push(shown);
            decoded.at.extend((0..shown.len_utf8()).map(|within| self.at[at + within]));
            rest = &rest[length..];
        }
        decoded.at.push(*self.at.last()?);
        (decoded.text.len() < self.text.len()).then_some(decoded)
    }
}

/// The positions of secrets in a text as written.
fn written_in(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (at, mark) in text.match_indices(['=', '@', ' ', ':']) {
        if ranges.last().is_some_and(|last| at < last.end) {
            continue;
        }
        ranges.extend(match mark {
            "=" => parameter(text, at),
            "@" => password(text, at),
            ":" => entry(text, at),
            _ => token(text, at),
        });
    }
    ranges
}

fn goes_on(c: char) -> bool {
    !(c.is_whitespace() || matches!(c, '&' | ';' | '#' | '"' | '\'' | '`' | ',' | '}' | ']' | '<' | '>'))
}

fn in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// The value after a name and `=`, with or without blanks.
fn parameter(text: &str, at: usize) -> Option<Range<usize>> {
    let before = text[..at].trim_end_matches([' ', '\t']);
    let name = &before[before.trim_end_matches(in_name).len()..];
    // A folder `key=1` is part of a path, and encoded text is examined after decoding.
    let begins = !before[..before.len() - name.len()]
        .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '/' | '%'));
    let is = |names: &[&str]| names.iter().any(|each| name.eq_ignore_ascii_case(each));
    let rest = text[at + 1..].trim_start_matches([' ', '\t']);
    let start = text.len() - rest.len();
    let value = match quoted(rest) {
        Some(inner) if ends(&rest[inner.end..]) => start + inner.start..start + inner.end,
        _ => start..start + rest.find(|c| !goes_on(c)).unwrap_or(rest.len()),
    };
    let secret = names_secret(name) || is(PARAMETERS) || (is(WAYS) && is_token(&text[value.clone()]));
    (begins && secret && !value.is_empty() && !text[value.clone()].starts_with("${")).then_some(value)
}

/// Whether the quote at the start of a text closes a value.
fn ends(text: &str) -> bool {
    let after = text.trim_start_matches('\\');
    after.get(1..).is_none_or(|after| after.is_empty() || after.starts_with([';', ',', '&', '"', '\'', '}']))
}

/// The value after a quoted name and a colon, as in JSON.
fn entry(text: &str, at: usize) -> Option<Range<usize>> {
    let before = text[..at].trim_end_matches(' ');
    let quote = before.chars().next_back().filter(|c| matches!(c, '"' | '\''))?;
    let before = before[..before.len() - 1].trim_end_matches('\\');
    let name = &before[before.trim_end_matches(|c| in_name(c) || c == ' ' || c == '.').len()..];
    if !before[..before.len() - name.len()].ends_with(quote) || !names_secret(name) {
        return None;
    }
    let rest = text[at + 1..].trim_start();
    let start = text.len() - rest.len();
    let value = match quoted(rest) {
        Some(inner) => start + inner.start..start + inner.end,
        None if rest.starts_with(['{', '[']) => return None,
        None => start..start + rest.find(|c| !goes_on(c)).unwrap_or(rest.len()),
    };
    let written = text[value.clone()].trim();
    (!super::is_harmless(written) && !written.starts_with("${")).then_some(value)
}

/// The quoted text at the start of a text; the quotes may be escaped.
fn quoted(text: &str) -> Option<Range<usize>> {
    let escapes = text.len() - text.trim_start_matches('\\').len();
    let quote = text[escapes..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let start = escapes + 1;
    let closed = text[start..].match_indices(quote).find_map(|(at, _)| {
        let inner = &text[start..start + at];
        let before = inner.len() - inner.trim_end_matches('\\').len();
        let closes = if escapes == 0 { before.is_multiple_of(2) } else { before == escapes };
        closes.then_some(start + at - escapes.min(before))
    });
    let inner = start..closed?;
    (!text[inner.clone()].contains('\n')).then_some(inner)
}

/// The password before `@` in a URL, or a token in the user part.
fn password(text: &str, at: usize) -> Option<Range<usize>> {
    let before = &text[..at];
    let start = before.rfind("://")? + 3;
    let user = &before[start..];
    if !user.chars().all(|c| goes_on(c) && !matches!(c, '/' | '?')) {
        return None;
    }
    match user.find(':') {
        Some(colon) => (colon + 1 < user.len()).then_some(start + colon + 1..at),
        None => {
            let digit = user.bytes().any(|byte| byte.is_ascii_digit());
            let name = user.contains('.') && !user.starts_with("eyJ");
            let token = user.len() >= USER && digit && !name && !user.starts_with("${");
            (token || user == REDACTED).then_some(start..at)
        }
    }
}

/// The token after `Bearer` or `Basic`.
fn token(text: &str, at: usize) -> Option<Range<usize>> {
    let scheme = ["bearer", "basic"].into_iter().find(|scheme| {
        let start = at.checked_sub(scheme.len());
        start.and_then(|start| text.get(start..at)).is_some_and(|word| word.eq_ignore_ascii_case(scheme))
    })?;
    let begins = !text[..at - scheme.len()].ends_with(|c: char| c.is_alphanumeric());
    let rest = &text[at + 1..];
    let length = rest.find(|c| !goes_on(c)).unwrap_or(rest.len());
    (begins && is_token(&rest[..length])).then_some(at + 1..at + 1 + length)
}

/// Whether a word is long enough for a token, or shorter with a digit; or is a redaction placeholder.
fn is_token(word: &str) -> bool {
    let digits = word.bytes().any(|byte| byte.is_ascii_digit());
    word == REDACTED || word.len() >= TOKEN || (word.len() >= crate::text::scrub::SHORTEST && digits)
}

/// Whether a value reveals a secret, by its name or its content.
#[must_use]
pub(crate) fn reveals_secret(name: &str, value: &str) -> bool {
    let by_name = names_secret(name) && !super::is_harmless(value.trim());
    by_name || !secrets_in(value).is_empty()
}

/// A value with secrets removed.
#[must_use]
pub(crate) fn without_secrets(name: &str, value: &str) -> String {
    if names_secret(name) && !super::is_harmless(value.trim()) {
        return REDACTED.to_owned();
    }
    let mut shown = value.to_owned();
    for range in secrets_in(value).into_iter().rev() {
        shown.replace_range(range, REDACTED);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_within_a_text_are_found_and_the_rest_is_shown() {
        for (text, shown) in [
            ("https://x/y?sv=2020&sig=aB%3D&se=1", "https://x/y?sv=2020&sig=@&se=1"),
            ("https://x/api?code=abc", "https://x/api?code=@"),
            (
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=q==;EndpointSuffix=core.windows.net",
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=@;EndpointSuffix=core.windows.net",
            ),
            (
                "Endpoint=sb://n/;SharedAccessKeyName=Root;SharedAccessKey=q=",
                "Endpoint=sb://n/;SharedAccessKeyName=Root;SharedAccessKey=@",
            ),
            ("Server=s;User Id=u;Password=p w;Pwd=x", "Server=s;User Id=u;Password=@ w;Pwd=@"),
            ("https://user:pass@host/a", "https://user:@@host/a"),
            ("https://user@host/a", "https://user@host/a"),
            ("https://host:443/a@b", "https://host:443/a@b"),
            ("Authorization: Bearer aB3dE5fG7", "Authorization: Bearer @"),
            ("a bearer of bad news, basic knowledge", "a bearer of bad news, basic knowledge"),
            ("https://x?key=${secret.NAME}&api-version=1", "https://x?key=${secret.NAME}&api-version=1"),
            ("/subscriptions/x/resourceGroups/y", "/subscriptions/x/resourceGroups/y"),
            ("zipcode=1", "zipcode=1"),
            ("h:6380,password=q=,ssl=True", "h:6380,password=@,ssl=True"),
            ("AccountName=a; AccountKey = q==;b=c", "AccountName=a; AccountKey = @;b=c"),
            ("Password=\"p;w\";x=y", "Password=\"@\";x=y"),
            (r#"{"api-key": "k\"1", "a": {"password":"p"}}"#, r#"{"api-key": "@", "a": {"password":"@"}}"#),
            (r#""{\"api-key\":\"k1\",\"b\":1}""#, r#""{\"api-key\":\"@\",\"b\":1}""#),
            (
                r#"{"key": "${secret.A}", "token": null, "x": "y"}"#,
                r#"{"key": "${secret.A}", "token": null, "x": "y"}"#,
            ),
            ("https://u%3Ap1@host/", "https://u%3A@@host/"),
            ("https://host/?%73ig=q%2B1&a=b", "https://host/?%73ig=@&a=b"),
            (
                "https://h/?to=https%253A%252F%252Fx%252F%253Fsig%253Dq1%2526a",
                "https://h/?to=https%253A%252F%252Fx%252F%253Fsig%253D@%2526a",
            ),
            ("https://0123456789abcdefgh@host/", "https://@@host/"),
            ("https://first.lastname-2026@host/", "https://first.lastname-2026@host/"),
            ("https://x/#sig=q", "https://x/#sig=@"),
            ("https://x/?auth=0123456789&pat=q&jwt=r", "https://x/?auth=@&pat=@&jwt=@"),
            (
                "https://x/?auth=basic&author=me1234567&path=/a&monkey=1",
                "https://x/?auth=basic&author=me1234567&path=/a&monkey=1",
            ),
            ("https://x/keys/key=1/?ä%zz=1", "https://x/keys/key=1/?ä%zz=1"),
        ] {
            let mut left = text.to_owned();
            for range in secrets_in(text).into_iter().rev() {
                left.replace_range(range, "@");
            }
            assert_eq!(left, shown);
        }
    }

    #[test]
    fn names_tell_too() {
        for (name, value, telling) in [
            ("apiKey", "x", true),
            ("AccountKey", "x", true),
            ("token", "x", true),
            ("apiKey", "", false),
            ("ApiType", "Azure", false),
            ("PartitionKey", "/tenantId", false),
            ("cosmos_partition_key", "/tenantId", false),
            ("row-key", "id", false),
            ("apiKeyHeaderName", "api-key", false),
            ("PrimaryKey", "x", true),
            ("PartitionKeySecret", "x", true),
            ("key1", "x", true),
            ("api_key_2", "x", true),
            ("PAT", "x", true),
            ("github_pat", "x", true),
            ("passphrase", "x", true),
            ("connStr", "x", true),
            ("connection-string", "x", true),
            ("accesstoken", "x", true),
            ("path", "x", false),
            ("monkey", "x", false),
            ("key_vault_name", "x", false),
            ("author", "x", false),
            ("note", "see https://x?sig=1", true),
            ("ResourceId", "/subscriptions/x", false),
        ] {
            assert_eq!(reveals_secret(name, value), telling, "{name}");
            assert_eq!(without_secrets(name, value) != value, telling, "{name}");
        }
    }
}
