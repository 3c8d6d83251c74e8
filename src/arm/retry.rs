//! How long to wait before a retry, and how often to retry.
//!
//! A table of limits for each kind of failure, Azure's `Retry-After` in all its forms, and backoff with jitter. Pure: the moment and the
//! seed are parameters.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

use super::clock::Moment;
use super::exchange::Headers;

/// Kinds of temporary failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// 408, 5xx, a broken connection, an unreadable answer.
    Fault,
    /// 429, or 503 with a time.
    Throttled,
    /// 409 `RequestConflict`, or `AccountProvisioningStateInvalid`.
    Conflict,
    /// 400 `PrincipalNotFound`.
    Principal,
    /// 404 for something just accepted.
    NotVisible,
}

/// The limits for one kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often the request is sent at most.
    pub attempts: u32,
    /// The last retry starts no later than this after the first failure.
    pub within: Duration,
    /// The approximate first wait.
    pub first: Duration,
    /// The longest wait, unless Azure sets one.
    pub longest: Duration,
}

impl Patience {
    const fn new(attempts: u32, within_s: u64, first_ms: u64, longest_s: u64) -> Self {
        Self {
            attempts,
            within: Duration::from_secs(within_s),
            first: Duration::from_millis(first_ms),
            longest: Duration::from_secs(longest_s),
        }
    }
}

/// The limits of an exchange; the default is for production, tests use smaller ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long a long-running operation may take.
    pub operation: Duration,
    /// A longer `Retry-After` ends the exchange at once, because a pipeline would time out first.
    pub longest_retry_after: Duration,
    /// The time before the second poll (the first is immediate); then it doubles.
    pub poll_first: Duration,
    /// The longest wait between polls.
    pub poll_longest: Duration,
    /// For [`Trouble::Fault`].
    pub fault: Patience,
    /// For [`Trouble::Throttled`]; limited by attempts, since Azure's waits are respected.
    pub throttled: Patience,
    /// For [`Trouble::Conflict`]: creating a deployment holds its account for minutes.
    pub conflict: Patience,
    /// For [`Trouble::Principal`]: replication in Entra ID takes up to about two minutes.
    pub principal: Patience,
    /// For [`Trouble::NotVisible`].
    pub not_visible: Patience,
}

impl Default for Limits {
    fn default() -> Self {
        const EVER: u64 = 365 * 24 * 3600;
        Self {
            operation: Duration::from_mins(30),
            longest_retry_after: Duration::from_hours(2),
            poll_first: Duration::from_millis(200),
            poll_longest: Duration::from_secs(10),
            fault: Patience::new(6, EVER, 500, 30),
            throttled: Patience::new(20, EVER, 1_000, 60),
            conflict: Patience::new(60, 10 * 60, 1_000, 15),
            principal: Patience::new(30, 120, 2_000, 15),
            not_visible: Patience::new(8, EVER, 500, 10),
        }
    }
}

impl Limits {
    /// The limits for a kind of failure.
    #[must_use]
    pub fn patience(&self, trouble: Trouble) -> Patience {
        match trouble {
            Trouble::Fault => self.fault,
            Trouble::Throttled => self.throttled,
            Trouble::Conflict => self.conflict,
            Trouble::Principal => self.principal,
            Trouble::NotVisible => self.not_visible,
        }
    }
}

/// The wait that Azure requests, in any of its forms; the longest if there are several.
///
/// An HTTP date is relative to the answer's own `Date`, so that a wrong local clock has no effect.
#[must_use]
pub fn retry_after(headers: &Headers, now: Moment) -> Option<Duration> {
    let millis = ["retry-after-ms", "x-ms-retry-after-ms"]
        .into_iter()
        .filter_map(|name| headers.get(name)?.trim().parse().ok().map(Duration::from_millis));
    let seconds = headers.get("retry-after").and_then(|text| {
        let text = text.trim();
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = http_date(text)?;
        let from = headers.get("date").and_then(http_date).unwrap_or(now);
        Some(until.since(from))
    });
    millis.chain(seconds).max()
}

fn http_date(text: &str) -> Option<Moment> {
    let timestamp = DateTimeParser::new().parse_timestamp(text).ok()?;
    u64::try_from(timestamp.as_millisecond()).ok().map(Moment)
}

/// The wait before attempt `attempt + 1`: doubling, capped, with a random second half.
#[must_use]
pub fn backoff(patience: Patience, attempt: u32, seed: &mut u64) -> Duration {
    let factor = 1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = patience.first.saturating_mul(factor).min(patience.longest);
    let half = u64::try_from(whole.as_millis() / 2).unwrap_or(u64::MAX);
    Duration::from_millis(half + next_random(seed) % (half + 1))
}

/// splitmix64: small, good enough to spread clients, and deterministic.
fn next_random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_form_of_retry_after_is_read_and_the_longest_wins() {
        // 1994-11-06T08:49:37Z
        let now = Moment(784_111_777_000);
        for (headers, millis) in [
            (vec![("Retry-After", "307")], Some(307_000)),
            (vec![("retry-after", " 0 ")], Some(0)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")], Some(10_000)),
            (vec![("retry-after", "Sun, 06 Nov 1994 08:49:27 GMT")], Some(0)),
            (
                vec![
                    ("retry-after", "Sun, 06 Nov 2095 08:49:47 GMT"),
                    ("date", "Sun, 06 Nov 2095 08:49:07 GMT"),
                ],
                Some(40_000),
            ),
            (vec![("x-ms-retry-after-ms", "1500")], Some(1_500)),
            (vec![("retry-after-ms", "20"), ("retry-after", "1")], Some(1_000)),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "-5")], None),
            (vec![("retry-after", "")], None),
            (vec![], None),
        ] {
            let found = retry_after(&headers.iter().copied().collect(), now);
            assert_eq!(found, millis.map(Duration::from_millis), "{headers:?}");
        }
        let huge: Headers = [("retry-after", "18446744073709551615")].into_iter().collect();
        assert!(now.after(retry_after(&huge, now).unwrap()) > now);
    }

    #[test]
    fn backoff_doubles_up_to_its_cap_and_jitters_in_its_upper_half() {
        let patience = Limits::default().fault;
        let mut seed = 7;
        for (attempt, whole) in [(1, 500), (2, 1_000), (3, 2_000), (7, 30_000), (40, 30_000), (0, 500)] {
            for _ in 0..100 {
                let wait = backoff(patience, attempt, &mut seed).as_millis();
                assert!(wait >= whole / 2 && wait <= whole, "attempt {attempt}: {wait}");
            }
        }
        let draw = |mut seed| (0..20).map(|_| backoff(patience, 5, &mut seed)).collect::<Vec<_>>();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
    #[test]
    fn the_longest_and_the_shortest_wait_of_the_upper_half_both_occur() {
        let patience = Patience::new(6, 60, 2, 30);
        let mut seed = 7;
        let waits: BTreeSet<u128> = (0..100).map(|_| backoff(patience, 1, &mut seed).as_millis()).collect();
        assert_eq!(waits, BTreeSet::from([1, 2]));
    }

    /// The first outputs of the published generator for seed 0: <https://prng.di.unimi.it/splitmix64.c>.
    #[test]
    fn jitter_is_splitmix64() {
        let mut seed = 0;
        let drawn: Vec<u64> = (0..3).map(|_| next_random(&mut seed)).collect();
        assert_eq!(drawn, [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
    }
}
