//! IPv4 ranges of network rules: their canonical form, and what Azure does not accept.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// Why an address range is not allowed in a network rule, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CidrProblem {
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// Parses an address or a range in CIDR notation; host bits may be set.
fn parse(text: &str) -> Option<Ipv4Net> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, prefix),
        None => (text, "32"),
    };
    // `str::parse` of std rejects leading zeros in addresses; ipnet alone would accept 010.0.0.0.
    let address: Ipv4Addr = address.parse().ok()?;
    if prefix.is_empty() || prefix.len() > 2 || (prefix.len() == 2 && prefix.starts_with('0')) {
        return None;
    }
    let prefix: u8 = prefix.bytes().all(|byte| byte.is_ascii_digit()).then(|| prefix.parse().ok())??;
    Ipv4Net::new(address, prefix).ok()
}

/// The form in which ranges compare: a single address without `/32`, host bits cleared.
pub(crate) fn canonical(text: &str) -> String {
    match parse(text) {
        Some(net) if net.prefix_len() == 32 => net.addr().to_string(),
        Some(net) => net.trunc().to_string(),
        None => text.trim().to_ascii_lowercase(),
    }
}

/// What is wrong with a range as a network rule of an Azure AI Services account.
pub(crate) fn problem(text: &str) -> Option<CidrProblem> {
    let fault = |message: String, hint: &str| Some(CidrProblem { message, hint: hint.to_owned() });
    let Some(net) = parse(text) else {
        if text.split('/').next().is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()) {
            return fault(
                format!("`{text}` is IPv6"),
                "network rules of Azure AI Services support IPv4 only",
            );
        }
        return fault(
            format!("`{text}` is not an IPv4 address or range"),
            "write an address like `203.0.113.7` or a range like `203.0.113.0/24`",
        );
    };
    if net.addr() != net.network() {
        return fault(
            format!("`{text}` has host bits set"),
            &format!("for the whole range write `{}`, for the one address `{}`", net.trunc(), net.addr()),
        );
    }
    if net.prefix_len() == 31 {
        return fault(
            format!("`{text}` is a /31 range, which Azure does not accept"),
            &format!("write its two addresses, `{}` and `{}`", net.network(), net.broadcast()),
        );
    }
    None
}

/// Whether a range is private: documented as not allowed in network rules.
pub(crate) fn is_private(text: &str) -> bool {
    parse(text).is_some_and(|net| net.addr().is_private())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_one_form() {
        assert_eq!(canonical("198.51.100.7/32"), "198.51.100.7");
        assert_eq!(canonical("198.51.100.7"), "198.51.100.7");
        assert_eq!(canonical("203.0.113.9/24"), "203.0.113.0/24");
    }

    #[test]
    fn ranges_that_azure_refuses_are_found() {
        for (bad, word) in [
            ("010.0.0.0/8", "not an IPv4"),
            ("10.0.0.0/33", "not an IPv4"),
            ("10.0.0.0/08", "not an IPv4"),
            ("203.0.113.7/24", "host bits set"),
            ("203.0.113.6/31", "/31"),
            ("2001:db8::/32", "IPv6"),
            ("", "not an IPv4"),
            ("1.2.3.4/", "not an IPv4"),
        ] {
            let message = problem(bad).unwrap_or_else(|| panic!("{bad} should be refused")).message;
            assert!(message.contains(word), "{bad}: {message}");
        }
        for good in ["203.0.113.0/24", "203.0.113.7", "203.0.113.7/32", "0.0.0.0/0"] {
            assert_eq!(problem(good), None, "{good}");
        }
    }
}
