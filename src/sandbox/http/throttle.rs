//! Request limits as Azure documents them: token buckets per subscription and principal.
//!
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>.
//! Azure was seen to allow more than it says there. Time is the sandbox's clock. Pure.

use std::collections::BTreeMap;

use axum::http::Method;

use super::Request;
use super::stats::is_write;

/// Class of a request, for its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Read,
    Write,
    Delete,
}

impl Class {
    pub(crate) fn of(request: &Request) -> Self {
        match request.method {
            Method::DELETE => Self::Delete,
            _ if is_write(&request.method, &request.segments) => Self::Write,
            _ => Self::Read,
        }
    }

    /// Tokens in a full bucket, and how many come back in a second.
    fn limits(self) -> (i64, i64) {
        match self {
            Self::Read => (250, 25),
            Self::Write | Self::Delete => (200, 10),
        }
    }

    /// The name in error texts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        }
    }

    /// Remaining requests of an unused limit, as seen in 2025: in one subscription, in all of them.
    pub(crate) fn unused(self) -> (i64, i64) {
        match self {
            Self::Read => (1099, 16_499),
            Self::Write | Self::Delete => (799, 11_999),
        }
    }
}

/// Thousandths of a token, and the time of that count in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: i64,
    at: i64,
}

/// All buckets: by subscription (none for the tenant), principal and class.
#[derive(Debug, Default)]
pub(crate) struct Buckets(BTreeMap<(Option<String>, String, Class), Bucket>);

impl Buckets {
    /// Takes a token; returns how many are left, or the seconds until the next one.
    pub(crate) fn take(
        &mut self,
        subscription: Option<&str>,
        principal: &str,
        class: Class,
        now: i64,
    ) -> Result<i64, i64> {
        let (size, refill) = class.limits();
        let full = Bucket { left: size * 1000, at: now };
        let key = (subscription.map(str::to_lowercase), principal.to_lowercase(), class);
        let bucket = self.0.entry(key).or_insert(full);
        // A thousandth of a token for each millisecond and token per second.
        let back = now.saturating_sub(bucket.at).max(0).saturating_mul(refill);
        bucket.left = bucket.left.saturating_add(back).min(full.left);
        bucket.at = now;
        if bucket.left < 1000 {
            let rate = refill * 1000;
            return Err((1000 - bucket.left + rate - 1) / rate);
        }
        bucket.left -= 1000;
        Ok(bucket.left / 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_with_time() {
        let mut buckets = Buckets::default();
        let mut take = |now| buckets.take(Some("S"), "P", Class::Write, now);
        for left in (0..200).rev() {
            assert_eq!(take(0), Ok(left));
        }
        assert_eq!(take(0), Err(1));
        assert_eq!(take(99), Err(1));
        assert_eq!(take(100), Ok(0));
        assert_eq!(take(1100), Ok(9));
        assert_eq!(take(1_000_000), Ok(199), "not more than full");
        assert_eq!(take(0), Ok(198), "a clock that went back gives nothing");
    }

    #[test]
    fn buckets_are_apart_by_subscription_principal_and_class() {
        let mut buckets = Buckets::default();
        for _ in 0..250 {
            assert!(buckets.take(Some("s"), "p", Class::Read, 0).is_ok());
        }
        assert!(buckets.take(Some("S"), "P", Class::Read, 0).is_err(), "case does not count");
        for (subscription, principal, class) in [
            (Some("t"), "p", Class::Read),
            (Some("s"), "q", Class::Read),
            (None, "p", Class::Read),
            (Some("s"), "p", Class::Delete),
        ] {
            assert!(buckets.take(subscription, principal, class, 0).is_ok());
        }
    }
}
