//! Azure's limits through the real binary: told what is left, keyless slows down and is never refused.
//!
//! Nothing here asserts a time: what is counted is refusals.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::json;

use super::{Act, Reply, Seen, World};
use crate::common::{Folder, account, one_account};

/// A counter as Azure keeps one, on the real clock. It refills faster than keyless believes, so that no jitter of this machine makes it refuse.
struct Bucket {
    capacity: f64,
    per_second: f64,
    level: f64,
    at: Instant,
    refused: usize,
}

impl Bucket {
    fn new(capacity: f64, per_second: f64) -> Self {
        Self { capacity, per_second, level: capacity, at: Instant::now(), refused: 0 }
    }

    /// What is left after this request, or nothing if it is refused.
    fn take(&mut self) -> Option<u64> {
        let now = Instant::now();
        self.level =
            (self.level + now.duration_since(self.at).as_secs_f64() * self.per_second).min(self.capacity);
        self.at = now;
        if self.level < 1.0 {
            self.refused += 1;
            return None;
        }
        self.level -= 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the capacity"
        )]
        Some(self.level as u64)
    }
}

/// Grants roles to so many principals where Azure counts writes with this bucket.
fn granted(principals: usize, bucket: Bucket) -> (World, Folder, Arc<Mutex<Bucket>>) {
    let world = World::start();
    let folder = world.folder();
    world.account("chat", json!({}), json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    let mut lines = String::from("roleAssignments:\n  - role: Cognitive Services User\n    principals:\n");
    for principal in 0..principals {
        lines += &format!("      - {{id: aaaaaaaa-0000-4000-8000-{principal:012}, type: User}}\n");
    }
    folder.write("a.yaml", one_account("team-a", "chat", &lines));
    let bucket = Arc::new(Mutex::new(bucket));
    let counter = Arc::clone(&bucket);
    world.proxy.script(move |seen: &Seen| {
        if !seen.is_write() {
            return Act::Pass;
        }
        match counter.lock().unwrap().take() {
            Some(left) => Act::Tell("x-ms-ratelimit-remaining-subscription-writes", left.to_string()),
            None => Act::Answer(
                Reply::error(429, "SubscriptionRequestsThrottled", "Please try again.")
                    .with("retry-after", "1"),
            ),
        }
    });
    folder.keyless("apply a.yaml --yes --parallelism 8").exits(0);
    world.proxy.script(|_| Act::Pass);
    assert_eq!(world.principals(&account("chat")).len(), principals);
    (world, folder, bucket)
}

#[test]
fn told_what_is_left_keyless_slows_down_and_is_not_refused() {
    let (_world, _folder, bucket) = granted(60, Bucket::new(45.0, 20.0));
    assert_eq!(bucket.lock().unwrap().refused, 0);
}

#[test]
#[ignore = "half a minute; tests/storm.sh runs it"]
#[expect(clippy::print_stdout, reason = "a table for people")]
fn four_hundred_grants_within_the_documented_limits() {
    let start = Instant::now();
    // As documented, with a little for what the clocks of two processes differ.
    let (world, _folder, bucket) = granted(400, Bucket::new(200.0, 10.5));
    let refused = bucket.lock().unwrap().refused;
    let writes = world.proxy.log().iter().filter(|seen| seen.is_write()).count();
    println!(
        "400 grants, documented limits: {writes} writes, {refused} refused, {} s (bound: 20 s)",
        start.elapsed().as_secs()
    );
    assert_eq!(refused, 0);
    assert_eq!(writes, 400);
}
