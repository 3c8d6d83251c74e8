//! Refuses web pages and foreign hosts: the sandbox is for programs on this machine.
//!
//! A browser can be made to send requests to loopback, by a page or by DNS that points a foreign
//! name there. Such requests carry an `Origin`, a `Sec-Fetch-Site`, or a foreign `Host`. Pure.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, HeaderValue};

/// Why a request is refused, or `None`. `named` says whether the certificate covers a host.
pub(crate) fn refusal(
    headers: &HeaderMap,
    authority: Option<&str>,
    named: impl Fn(&str) -> bool,
) -> Option<&'static str> {
    if headers.contains_key("origin") {
        return Some("requests from web pages (`Origin`) are refused");
    }
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site.is_some_and(|site| site != b"none" && site != b"same-origin") {
        return Some("requests from other sites (`Sec-Fetch-Site`) are refused");
    }
    let host = authority.and_then(host_of);
    if host.is_some_and(|host| is_loopback(host) || named(host)) {
        return None;
    }
    Some("the `Host` is neither loopback nor named by the certificate")
}

/// The host of an authority, without port and brackets.
fn host_of(authority: &str) -> Option<&str> {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split_once(']').map(|(host, _)| host);
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => Some(host),
        _ => Some(authority),
    }
}

fn is_loopback(host: &str) -> bool {
    // Names below `localhost` are loopback as well (RFC 6761), and each account may have one.
    let host = host.to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| match address {
            IpAddr::V4(address) => address.is_loopback(),
            IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn loopback_hosts_and_the_certificates_are_let_in() {
        for host in [
            "localhost",
            "LOCALHOST:8443",
            "chat.localhost:1",
            "127.0.0.1:1",
            "127.8.9.1",
            "[::1]:80",
            "arm.test:443",
        ] {
            assert_eq!(refusal(&HeaderMap::new(), Some(host), |name| name == "arm.test"), None, "{host}");
        }
    }

    #[test]
    fn web_pages_and_foreign_hosts_are_kept_out() {
        for host in [
            None,
            Some(""),
            Some("evil.example"),
            Some("localhost.evil.example:80"),
            Some("evillocalhost"),
            Some("10.0.0.1"),
            Some("[::2]"),
            Some("127.0.0.1.nip.io"),
        ] {
            assert!(refusal(&HeaderMap::new(), host, |_| false).is_some(), "{host:?}");
        }
        for pair in [
            ("origin", "http://localhost"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(refusal(&headers(&[pair]), Some("localhost"), |_| false).is_some(), "{pair:?}");
        }
        assert_eq!(refusal(&headers(&[("sec-fetch-site", "none")]), Some("localhost"), |_| false), None);
    }
}
