//! URLs without their secrets, for logs and errors.
//!
//! ARM signs its polling URLs in the query (`t`, `c`, `s`, `h`), Azure Storage in `sig`; anyone who has such a URL can use it.

/// Query parameters whose values are redacted.
const SECRET_PARAMETERS: &[&str] = &[
    "t",
    "c",
    "s",
    "h",
    "sig",
    "signature",
    "code",
    "token",
    "access_token",
    "client_secret",
    "client_assertion",
    "key",
    "assertion",
    "refresh_token",
    "password",
    "secret",
    "api-key",
    "api_key",
    "apikey",
    "subscription-key",
    "subscription_key",
    "ocp-apim-subscription-key",
    "accountkey",
    "sharedaccesskey",
    "id_token",
];

/// Whether the value of a query or form parameter is redacted.
pub(crate) fn is_secret_parameter(name: &str) -> bool {
    SECRET_PARAMETERS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// The values in a URL's query that are redacted, as written.
pub(crate) fn secret_values(url: &str) -> impl Iterator<Item = &str> {
    let query = url.split('#').next().and_then(|url| url.split_once('?')).map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|parameter| parameter.split_once('='));
    pairs.filter(|(name, _)| is_secret_parameter(name)).map(|(_, value)| value)
}

/// The path (or URL) with the values of secret query parameters replaced by `REDACTED`, and without userinfo.
#[must_use]
pub fn redact(url: &str) -> String {
    let (url, fragment) = url.split_once('#').map_or((url, ""), |(url, _)| (url, "#REDACTED"));
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let mut text = without_userinfo(path);
    if let Some(query) = query {
        let parts: Vec<String> = query.split('&').map(redact_parameter).collect();
        text.push('?');
        text.push_str(&parts.join("&"));
    }
    text.push_str(fragment);
    text
}

fn redact_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if is_secret_parameter(name) => format!("{name}=REDACTED"),
        _ => parameter.to_owned(),
    }
}

fn without_userinfo(path: &str) -> String {
    let Some(start) = path.find("//").map(|at| at + 2) else { return path.to_owned() };
    let end = path[start..].find('/').map_or(path.len(), |at| start + at);
    match path[start..end].rfind('@') {
        Some(at) => format!("{}{}", &path[..start], &path[start + at + 1..]),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_that_are_not_shown_are_named_to_whoever_looks_for_them() {
        let url = "https://host/a?api-version=1&t=12&C=MII%3D&x=y&h=z#s=1";
        assert_eq!(secret_values(url).collect::<Vec<_>>(), ["12", "MII%3D", "z"]);
        assert_eq!(secret_values("/a?b").count(), 0);
    }

    #[test]
    fn signed_queries_and_userinfo_disappear_and_the_rest_stays() {
        for (url, shown) in [
            (
                "/a?api-version=1&t=12&c=MII&s=x&h=y",
                "/a?api-version=1&t=REDACTED&c=REDACTED&s=REDACTED&h=REDACTED",
            ),
            ("https://u:p@host/a?SIG=1&$filter=atScope()", "https://host/a?SIG=REDACTED&$filter=atScope()"),
            ("/a?t", "/a?t"),
            (
                "/a?Api-Key=1&subscription-key=2&apiKey=3",
                "/a?Api-Key=REDACTED&subscription-key=REDACTED&apiKey=REDACTED",
            ),
            ("/a@b", "/a@b"),
            ("https://u:p@host", "https://host"),
            ("/a?x=1#t=2", "/a?x=1#REDACTED"),
        ] {
            assert_eq!(redact(url), shown);
        }
    }
}
