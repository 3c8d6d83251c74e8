//! Applies under faults: killed, interrupted, throttled, cut off, in a race; with the real binary over real HTTP.
//!
//! What runs with `cargo test` is a quick choice; `tests/crash_points.sh` and `tests/storm.sh` run the `#[ignore]`d rest and print tables.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]
#![expect(clippy::format_push_string, reason = "specs are put together line by line, and read so")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` at the call is what a reader wants to see")]

mod crash;
mod interrupt;
mod isolation;
mod meanwhile;
mod pace;
mod proxy;
mod race;
mod scenes;
mod storm;
mod throttle;
mod world;

use proxy::{Act, Held, Reply, Seen};
use world::{Going, World};

/// splitmix64, so that a seed says everything about a run.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// A script that does something to the `n`th request (from 0) that fits, and lets the others pass.
fn nth(
    n: usize,
    fits: impl Fn(&Seen) -> bool + Send + Sync + 'static,
    act: Act,
) -> impl Fn(&Seen) -> Act + Send + Sync {
    let count = std::sync::atomic::AtomicUsize::new(0);
    move |seen| {
        let hit = fits(seen) && count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == n;
        if hit { act.clone() } else { Act::Pass }
    }
}

/// A script that does something to every request that fits, and lets the others pass.
fn each(
    fits: impl Fn(&Seen) -> bool + Send + Sync + 'static,
    act: Act,
) -> impl Fn(&Seen) -> Act + Send + Sync {
    move |seen| if fits(seen) { act.clone() } else { Act::Pass }
}
