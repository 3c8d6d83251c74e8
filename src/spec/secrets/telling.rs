//! Secrets within a text that is none as a whole: a signed URL, a connection string, a URL with a password, a header. Pure.

use std::ops::Range;

use super::names_secret;
use crate::text::scrub::REDACTED;

/// Parameters of URLs and connection strings that hold secrets and whose names do not say so.
const PARAMETERS: &[&str] = &["sig", "signature", "sharedaccesssignature", "code"];
/// Shortest token behind `Bearer`, unless a digit shows that it is one.
const TOKEN: usize = 20;

/// Where secrets stand in a text: in order, apart from each other.
#[must_use]
pub(crate) fn secrets_in(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (at, mark) in text.match_indices(['=', '@', ' ']) {
        if ranges.last().is_some_and(|last| at < last.end) {
            continue;
        }
        ranges.extend(match mark {
            "=" => parameter(text, at),
            "@" => password(text, at),
            _ => token(text, at),
        });
    }
    ranges
}

fn goes_on(c: char) -> bool {
    !(c.is_whitespace() || matches!(c, '&' | ';' | '#' | '"' | '\'' | '`' | ',' | '}' | ']' | '<' | '>'))
}

/// The value behind a name and `=`.
fn parameter(text: &str, at: usize) -> Option<Range<usize>> {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let before = &text[..at];
    let name = &before[before.trim_end_matches(part).len()..];
    let begins = matches!(
        before[..before.len() - name.len()].chars().next_back(),
        None | Some('?' | '&' | ';' | '"' | '\'' | ' ')
    );
    let secret =
        names_secret(name) || PARAMETERS.iter().any(|parameter| name.eq_ignore_ascii_case(parameter));
    let rest = &text[at + 1..];
    let length = rest.find(|c| !goes_on(c)).unwrap_or(rest.len());
    (begins && secret && length > 0 && !rest.starts_with("${")).then_some(at + 1..at + 1 + length)
}

/// The password before `@` in a URL.
fn password(text: &str, at: usize) -> Option<Range<usize>> {
    let before = &text[..at];
    let start = before.rfind("://")? + 3;
    let user = &before[start..];
    let colon = user.find(':')?;
    let inside = user.chars().all(|c| goes_on(c) && !matches!(c, '/' | '?'));
    (inside && colon + 1 < user.len()).then_some(start + colon + 1..at)
}

/// The token behind `Bearer` or `Basic`.
fn token(text: &str, at: usize) -> Option<Range<usize>> {
    let scheme = ["bearer", "basic"].into_iter().find(|scheme| {
        let start = at.checked_sub(scheme.len());
        start.and_then(|start| text.get(start..at)).is_some_and(|word| word.eq_ignore_ascii_case(scheme))
    })?;
    let begins = !text[..at - scheme.len()].ends_with(|c: char| c.is_alphanumeric());
    let rest = &text[at + 1..];
    let length = rest.find(|c| !goes_on(c)).unwrap_or(rest.len());
    let digits = rest[..length].bytes().any(|byte| byte.is_ascii_digit());
    let long = length >= TOKEN || (length >= crate::text::scrub::SHORTEST && digits);
    (begins && long).then_some(at + 1..at + 1 + length)
}

/// Whether a value gives a secret away: by the name that it goes by, or by what stands in it.
#[must_use]
pub(crate) fn is_telling(name: &str, value: &str) -> bool {
    let by_name = names_secret(name) && !super::is_harmless(value.trim());
    by_name || !secrets_in(value).is_empty()
}

/// A value without what gives a secret away.
#[must_use]
pub(crate) fn untold(name: &str, value: &str) -> String {
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
            ("note", "see https://x?sig=1", true),
            ("ResourceId", "/subscriptions/x", false),
        ] {
            assert_eq!(is_telling(name, value), telling, "{name}");
            assert_eq!(untold(name, value) != value, telling, "{name}");
        }
    }
}
