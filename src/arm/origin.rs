//! Where a token may be sent.
//!
//! Input: a URL from an answer (`nextLink`, `Location`, `Azure-AsyncOperation`). Output: the URL if it leads to ARM, otherwise an error
//! with its origin. Pure; every sender checks here first. Redirects are never followed.

use std::fmt;

use url::Url;

use crate::finding::bounded;

/// The origins that may receive ARM's token: one origin, and the other ARM hosts of its cloud.
#[derive(Debug, Clone)]
pub struct Origins {
    home: Url,
    also: &'static [&'static str],
}

/// A URL that must not receive a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it leads to `{leads_to}` ({reason}), but the token is only for `{home}`; nothing was sent there")]
pub struct OriginError {
    /// Its origin, without path, query or userinfo.
    pub leads_to: String,
    /// What is wrong.
    pub reason: UrlFault,
    /// The origin that the token is for.
    pub home: String,
}

/// What is wrong with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlFault {
    /// Not an absolute `https` URL, nor `http` if ARM itself is on loopback.
    NotAbsolute,
    /// A different scheme than ARM's.
    Scheme,
    /// A different host.
    Host,
    /// A different port.
    Port,
    /// It contains a user name or password.
    Userinfo,
    /// Its path contains `..`, a backslash or a control character.
    Path,
}

impl fmt::Display for UrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UrlFault::NotAbsolute => "not an absolute URL",
            UrlFault::Scheme => "a different scheme",
            UrlFault::Host => "a different host",
            UrlFault::Port => "a different port",
            UrlFault::Userinfo => "a user name in the address",
            UrlFault::Path => "a path with `..` or invalid characters",
        })
    }
}

impl Origins {
    /// `home` is ARM's base URL; `also` are other ARM hosts of the same cloud, with https and the default port.
    #[must_use]
    pub fn new(home: &Url, also: &'static [&'static str]) -> Self {
        Self { home: home.clone(), also }
    }

    /// Checks a URL from an answer; its query is returned unchanged.
    pub fn check(&self, address: &str) -> Result<Url, OriginError> {
        let refuse = |reason| self.refuse(address, reason);
        // Parsers normalize URLs: they drop tabs, turn `\` into `/` and resolve `..`. URLs that need this are refused first.
        if address.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(refuse(UrlFault::Path));
        }
        let lower = address.get(..8).map(str::to_ascii_lowercase).unwrap_or_default();
        let Some(rest) = ["https://", "http://"]
            .iter()
            .find_map(|scheme| lower.starts_with(scheme).then(|| &address[scheme.len()..]))
        else {
            return Err(refuse(UrlFault::NotAbsolute));
        };
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(authority_end);
        if authority.contains('@') {
            return Err(refuse(UrlFault::Userinfo));
        }
        if climbs(tail) {
            return Err(refuse(UrlFault::Path));
        }
        let Ok(url) = Url::parse(address) else { return Err(refuse(UrlFault::NotAbsolute)) };
        if url.host() != self.home.host() {
            let known = url.scheme() == "https" && url.port().is_none() && !self.also.is_empty();
            return if known && url.host_str().is_some_and(|host| self.also.contains(&host)) {
                Ok(url)
            } else {
                Err(refuse(UrlFault::Host))
            };
        }
        if url.scheme() != self.home.scheme() {
            return Err(refuse(UrlFault::Scheme));
        }
        if url.port_or_known_default() != self.home.port_or_known_default() {
            return Err(refuse(UrlFault::Port));
        }
        Ok(url)
    }

    /// Appends one of keyless's own paths, with its query, to ARM's base URL.
    pub fn join(&self, path: &str) -> Result<Url, OriginError> {
        let rooted = path.starts_with('/') && !path.starts_with("//");
        if !rooted || climbs(path) || path.chars().any(|c| c.is_control() || c == '\\' || c == '#') {
            return Err(self.refuse("", UrlFault::Path));
        }
        let base = self.home.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}{path}")).map_err(|_| self.refuse("", UrlFault::Path))
    }

    fn refuse(&self, address: &str, reason: UrlFault) -> OriginError {
        OriginError {
            leads_to: bounded(origin_of(address)),
            reason,
            home: self.home.origin().ascii_serialization(),
        }
    }
}

/// Whether a path has a segment `.` or `..`, plain or encoded.
fn climbs(tail: &str) -> bool {
    let path = tail.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let plain = path.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    plain.split('/').any(|segment| segment == "." || segment == "..")
}

/// The origin of a URL as far as it may be shown: scheme, host, port.
#[must_use]
pub fn origin_of(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) if url.has_host() => url.origin().ascii_serialization(),
        _ => {
            let start = address.split(['?', '#', '@']).next().unwrap_or_default();
            let shown: String = start.chars().filter(|c| !c.is_control()).take(60).collect();
            if shown.is_empty() { "nowhere".to_owned() } else { shown }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn azure() -> Origins {
        Origins::new(&Url::parse("https://management.azure.com/").unwrap(), &["eu.management.azure.com"])
    }

    #[test]
    fn arms_own_addresses_pass_with_their_query_as_it_was() {
        for address in [
            "https://management.azure.com/subscriptions/s?api-version=1&t=638%3d&c=MII-_%2B",
            "https://MANAGEMENT.azure.com/a?%24skiptoken=x",
            "https://management.azure.com:443/a",
            "https://eu.management.azure.com/a",
            "https://management.azure.com/a?next=/../b",
        ] {
            let url = azure().check(address).unwrap();
            assert_eq!(url.query(), address.split_once('?').map(|(_, query)| query));
        }
    }

    #[test]
    fn hostile_addresses_are_refused_and_named_without_their_query() {
        for (address, reason, leads_to) in [
            ("https://other.example/?t=secret", UrlFault::Host, "https://other.example"),
            ("http://management.azure.com/a", UrlFault::Scheme, "http://management.azure.com"),
            (
                "https://management.azure.com@other.example/?s=secret",
                UrlFault::Userinfo,
                "https://other.example",
            ),
            ("https://user:secret@management.azure.com/", UrlFault::Userinfo, "https://management.azure.com"),
            (
                "https://management.azure.com.other.example/",
                UrlFault::Host,
                "https://management.azure.com.other.example",
            ),
            ("//other.example/", UrlFault::NotAbsolute, "//other.example/"),
            ("/subscriptions/s", UrlFault::NotAbsolute, "/subscriptions/s"),
            ("https://management.azure.com:8443/a", UrlFault::Port, "https://management.azure.com:8443"),
            ("https://OTHER.EXAMPLE/", UrlFault::Host, "https://other.example"),
            ("https://xn--mnagement-v2a.azure.com/", UrlFault::Host, "https://xn--mnagement-v2a.azure.com"),
            ("https://m\u{e4}nagement.azure.com/", UrlFault::Host, "https://xn--mnagement-v2a.azure.com"),
            ("https://management.azure.com./a", UrlFault::Host, "https://management.azure.com."),
            ("https://management.azure.com/a/../../b", UrlFault::Path, "https://management.azure.com"),
            ("https://management.azure.com/a/%2E%2e/b", UrlFault::Path, "https://management.azure.com"),
            ("https://management.azure.com/a/..%2fb", UrlFault::Path, "https://management.azure.com"),
            ("https://management.azure.com\\@other.example/", UrlFault::Path, "https://management.azure.com"),
            ("https://other\t.example/", UrlFault::Path, "https://other.example"),
            ("http://eu.management.azure.com/a", UrlFault::Host, "http://eu.management.azure.com"),
            (
                "https://eu.management.azure.com:8443/a",
                UrlFault::Host,
                "https://eu.management.azure.com:8443",
            ),
            ("file:///etc/passwd", UrlFault::NotAbsolute, "file:///etc/passwd"),
            ("", UrlFault::NotAbsolute, "nowhere"),
        ] {
            let error = azure().check(address).unwrap_err();
            assert_eq!(error.reason, reason, "{address}");
            assert_eq!(error.leads_to, leads_to, "{address}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn our_own_paths_stay_behind_the_base() {
        let url = azure().join("/subscriptions/s?$filter=roleName eq 'x'").unwrap();
        assert_eq!(url.host_str(), Some("management.azure.com"));
        assert!(url.query().unwrap().starts_with("$filter=roleName%20eq%20"));
        for path in
            ["//other.example/", "subscriptions", "@other.example/", "/a/../b", "/a\\b", "/a#b", "/a\u{0}"]
        {
            assert!(azure().join(path).is_err(), "{path}");
        }
    }
}
