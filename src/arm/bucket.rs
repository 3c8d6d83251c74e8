//! Token buckets that stay below Azure's request limits.
//!
//! One bucket per subscription and direction, shared by all requests of a run, since Azure counts per subscription and principal. Starts
//! from the documented sizes, but Azure's headers take precedence. Pure: `now` is a parameter.
//! <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>

use std::collections::BTreeMap;

use super::clock::Moment;
use super::exchange::Method;

/// The counter of Azure that a request counts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// GET.
    Reads,
    /// PUT, PATCH, POST.
    Writes,
    /// DELETE requests, which have a limit of their own.
    Deletes,
}

impl From<Method> for Direction {
    fn from(method: Method) -> Self {
        match method {
            Method::Get | Method::Ask => Direction::Reads,
            Method::Put | Method::Patch | Method::Post => Direction::Writes,
            Method::Delete => Direction::Deletes,
        }
    }
}

impl Direction {
    /// Headers with the number of remaining requests.
    #[must_use]
    pub fn headers(self) -> [&'static str; 2] {
        match self {
            Direction::Reads => [
                "x-ms-ratelimit-remaining-subscription-reads",
                "x-ms-ratelimit-remaining-subscription-global-reads",
            ],
            Direction::Writes => [
                "x-ms-ratelimit-remaining-subscription-writes",
                "x-ms-ratelimit-remaining-subscription-global-writes",
            ],
            Direction::Deletes => [
                "x-ms-ratelimit-remaining-subscription-deletes",
                "x-ms-ratelimit-remaining-subscription-global-deletes",
            ],
        }
    }

    /// The usable part of the documented 250 + 25/s and 200 + 10/s: the size minus [`SPARE`], and the whole rate.
    fn documented(self) -> (u64, u64) {
        match self {
            Direction::Reads => (250 - SPARE, 25),
            Direction::Writes | Direction::Deletes => (200 - SPARE, 10),
        }
    }
}

/// Whether a request may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Send it; it is counted.
    Granted,
    /// Ask again at that time; it is not counted.
    WaitUntil(Moment),
}

/// Azure starts to refill when the first request arrives, and requests sent apart may arrive together: the difference is rate × latency,
/// which this covers up to 0.4 s for reads and 1 s for writes.
const SPARE: u64 = 10;
/// Thousandths of a request, so that refilling needs no fractions.
const ONE: u64 = 1000;

/// An estimate of one of Azure's counters.
#[derive(Debug, Clone)]
pub struct Bucket {
    capacity: u64,
    per_second: u64,
    level: u64,
    filled_at: Moment,
    in_flight: u64,
    /// The highest number of requests in flight so far.
    most: u64,
    closed_until: Moment,
}

impl Bucket {
    /// A full bucket of the documented size.
    #[must_use]
    pub fn new(direction: Direction, now: Moment) -> Self {
        let (capacity, per_second) = direction.documented();
        Self {
            capacity: capacity * ONE,
            per_second,
            level: capacity * ONE,
            filled_at: now,
            in_flight: 0,
            most: 0,
            closed_until: Moment(0),
        }
    }

    fn refill(&mut self, now: Moment) {
        let passed = now.0.saturating_sub(self.filled_at.0);
        // One request is a thousand parts and one second a thousand milliseconds: parts = milliseconds × per second.
        self.level = self.level.saturating_add(passed.saturating_mul(self.per_second)).min(self.capacity);
        self.filled_at = self.filled_at.max(now);
    }

    /// Takes one request from the bucket.
    pub fn take(&mut self, now: Moment) -> Permit {
        self.refill(now);
        if now < self.closed_until {
            return Permit::WaitUntil(self.closed_until);
        }
        if self.level >= ONE {
            self.level -= ONE;
            self.in_flight += 1;
            self.most = self.most.max(self.in_flight);
            return Permit::Granted;
        }
        let missing = ONE - self.level;
        Permit::WaitUntil(Moment(now.0.saturating_add(missing.div_ceil(self.per_second))))
    }

    /// Records the end of a granted request; `remaining` is the smallest count in Azure's headers.
    pub fn ended(&mut self, remaining: Option<u64>, now: Moment) {
        self.refill(now);
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(remaining) = remaining {
            // Azure may not have counted requests still in flight.
            let left = remaining.saturating_sub(self.in_flight);
            // Answers may overtake each other: this one may be older than the last, by as many as are in flight.
            let surely = left.saturating_sub(self.most).saturating_mul(ONE);
            self.level = self.level.min(left.saturating_mul(ONE)).max(surely);
            self.capacity = self.capacity.max(self.level);
        }
    }

    /// Blocks all requests until then: Azure throttles the whole subscription.
    pub fn close(&mut self, until: Moment) {
        self.level = 0;
        self.closed_until = self.closed_until.max(until);
    }
}

/// The buckets of a run.
#[derive(Debug, Default)]
pub struct Buckets(BTreeMap<(String, Direction), Bucket>);

impl Buckets {
    /// The bucket for a direction and a subscription (empty for requests outside of one).
    pub fn of(&mut self, subscription: &str, direction: Direction, now: Moment) -> &mut Bucket {
        self.0
            .entry((subscription.to_ascii_lowercase(), direction))
            .or_insert_with(|| Bucket::new(direction, now))
    }
}

/// The subscription that a path counts against.
#[must_use]
pub fn subscription_of(path: &str) -> &str {
    let mut segments = path.split(['/', '?']).skip(1);
    match (segments.next(), segments.next()) {
        (Some(first), Some(id)) if first.eq_ignore_ascii_case("subscriptions") => id,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(bucket: &mut Bucket, now: Moment) -> (u64, Moment) {
        for count in 0.. {
            if let Permit::WaitUntil(until) = bucket.take(now) {
                return (count, until);
            }
        }
        unreachable!("a bucket never grants for ever at one moment")
    }

    #[test]
    fn a_full_bucket_grants_its_documented_size_but_for_the_spare_and_then_its_rate() {
        for (direction, size, gap) in
            [(Direction::Reads, 240, 40), (Direction::Writes, 190, 100), (Direction::Deletes, 190, 100)]
        {
            let mut bucket = Bucket::new(direction, Moment(5_000));
            assert_eq!(drain(&mut bucket, Moment(5_000)), (size, Moment(5_000 + gap)));
            assert_eq!(bucket.take(Moment(5_000 + gap - 1)), Permit::WaitUntil(Moment(5_000 + gap)));
            assert_eq!(bucket.take(Moment(5_000 + gap)), Permit::Granted);
            assert_eq!(drain(&mut bucket, Moment(15_000 + gap)).0, (1000 / gap * 10).min(size));
            assert_eq!(drain(&mut bucket, Moment(10_000_000)).0, size, "it never holds more than its size");
        }
    }

    #[test]
    fn azures_remaining_header_lowers_and_raises_the_level_and_counts_what_is_under_way() {
        let mut bucket = Bucket::new(Direction::Reads, Moment(0));
        for _ in 0..4 {
            assert_eq!(bucket.take(Moment(0)), Permit::Granted);
        }
        bucket.ended(Some(10), Moment(0));
        assert_eq!(drain(&mut bucket, Moment(0)).0, 7, "10 left, 3 still under way");
        bucket.ended(Some(1_099), Moment(0));
        assert_eq!(
            drain(&mut bucket, Moment(0)).0,
            1_099 - 9 - 10,
            "it may be older than what was said before"
        );
        bucket.ended(None, Moment(0));
        assert_eq!(drain(&mut bucket, Moment(0)).0, 0);
    }

    #[test]
    fn a_closed_bucket_opens_when_azure_said() {
        let mut bucket = Bucket::new(Direction::Writes, Moment(0));
        bucket.close(Moment(307_000));
        assert_eq!(bucket.take(Moment(306_999)), Permit::WaitUntil(Moment(307_000)));
        assert_eq!(bucket.take(Moment(307_000)), Permit::Granted);
    }

    #[test]
    fn subscriptions_have_their_own_buckets() {
        assert_eq!(subscription_of("/subscriptions/A?x=1"), "A");
        assert_eq!(subscription_of("/subscriptions/A/resourceGroups/g"), "A");
        assert_eq!(subscription_of("/providers/Microsoft.Management/x"), "");
        let mut buckets = Buckets::default();
        drain(buckets.of("a", Direction::Reads, Moment(0)), Moment(0));
        assert_eq!(buckets.of("b", Direction::Reads, Moment(0)).take(Moment(0)), Permit::Granted);
        assert_ne!(buckets.of("A", Direction::Reads, Moment(0)).take(Moment(0)), Permit::Granted);
        assert_eq!(buckets.of("a", Direction::Writes, Moment(0)).take(Moment(0)), Permit::Granted);
    }
}
