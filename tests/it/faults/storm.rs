//! Three answers in ten replaced: an apply converges all the same, in at most two runs and without many more requests.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Act, Going, Reply, Seen, World, random};
use crate::common::{Folder, account, few, head, seeds, setting, side_by_side};

/// Of a thousand answers, so many are replaced.
const REPLACED: u64 = 300;

/// How large a storm's world is. Every second account is in use, with its keys on.
#[derive(Debug, Clone, Copy)]
struct Size {
    accounts: usize,
    principals: usize,
}

struct Outcome {
    applies: usize,
    replaced: usize,
    requests: usize,
    took: Duration,
}

fn name(index: usize) -> String {
    format!("models-{index:02}")
}

fn spec(size: Size) -> String {
    let mut spec = head("team-a") + "accounts:\n";
    for index in 0..size.accounts {
        spec += &format!("  - name: {}\n    disableLocalAuth: true\n    tags: {{team: ml}}\n", name(index));
        spec += "    roleAssignments:\n      - role: Cognitive Services User\n        description: calls the models\n        principals:\n";
        for principal in 0..size.principals {
            spec += &format!("          - {{id: aaaaaaaa-0000-4000-8000-{principal:012}, type: User}}\n");
        }
    }
    spec
}

fn prepare(world: &World, size: Size) {
    for index in (0..size.accounts).step_by(2) {
        world.account(&name(index), json!({"cost": "7"}), json!({"customSubDomainName": name(index)}));
    }
}

/// The outcome of a request depends on the seed, the request and how often it came, not on the order of others.
fn weather(seed: u64) -> impl Fn(&Seen) -> Act + Send + Sync {
    let times: Mutex<HashMap<String, u64>> = Mutex::default();
    move |seen| {
        let key = format!("{} {}", seen.method, seen.path().to_lowercase());
        let time = {
            let mut times = times.lock().unwrap();
            let time = times.entry(key.clone()).or_default();
            *time += 1;
            *time
        };
        let mut state = key.bytes().fold(seed ^ time.rotate_left(32), |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        if random(&mut state) % 1000 >= REPLACED {
            return Act::Pass;
        }
        fault(seen, random(&mut state))
    }
}

fn fault(seen: &Seen, dice: u64) -> Act {
    let internal = || Reply::error(500, "InternalServerError", "Something went wrong.");
    let conflict = || {
        let message = "Another operation is being performed on the parent resource. Please try again later.";
        Reply::error(409, "RequestConflict", message)
    };
    let principal = || {
        let message = "Principal 00000000000000000000000000000000 does not exist in the directory x.";
        Reply::error(400, "PrincipalNotFound", message)
    };
    match dice % 9 {
        0 => Act::Answer(Reply::error(429, "SubscriptionRequestsThrottled", "Please try again.")),
        1 => Act::Answer(internal()),
        2 => Act::AnswerAfter(internal()),
        3 => Act::Answer(Reply::error(503, "ServiceUnavailable", "Please try again.")),
        4 if seen.is_write() => Act::Answer(conflict()),
        4 => Act::Truncate,
        5 if seen.method == "PUT" && seen.holds("/roleAssignments/") => Act::Answer(principal()),
        5 | 6 => Act::DropAfter,
        7 => Act::DropBefore,
        // Once in a while Azure says nothing of when, or a second.
        _ if dice.is_multiple_of(10) => Act::Answer(internal().without("retry-after")),
        // Now and then the whole subscription has to wait for it.
        _ if dice.is_multiple_of(5) => {
            Act::Answer(Reply::error(429, "SubscriptionRequestsThrottled", "Wait.").with("retry-after", "1"))
        }
        _ => Act::Answer(Reply::error(429, "ResourceRequestsThrottled", "Wait.").with("retry-after", "1")),
    }
}

/// Of an account in use, keys may go off only after each of its grants stood.
fn keys_went_off_last(log: &[Seen], size: Size) {
    for index in (0..size.accounts).step_by(2) {
        let account = account(&name(index)).to_lowercase();
        let stood = |seen: &&Seen| seen.is_write() && (200..300).contains(&seen.effect);
        let off = log.iter().filter(stood).find(|seen| {
            seen.path().to_lowercase() == account && seen.body["properties"]["disableLocalAuth"] == true
        });
        let Some(off) = off else { continue };
        let before = log[..off.index].iter().filter(stood).filter(|seen| {
            seen.path()
                .to_lowercase()
                .starts_with(&format!("{account}/providers/microsoft.authorization/roleassignments/"))
        });
        let grants: std::collections::BTreeSet<&str> = before.map(Seen::path).collect();
        assert_eq!(grants.len(), size.principals, "keys of {account} went off before its grants stood");
    }
}

struct Calm {
    state: Value,
    requests: usize,
}

fn calm(world: &World, folder: &Folder, size: Size) -> Calm {
    world.reset();
    prepare(world, size);
    folder.keyless("apply a.yaml --yes").exits(0);
    let log = world.proxy.take_log();
    keys_went_off_last(&log, size);
    let requests = log.len();
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    Calm { state: world.state(), requests }
}

fn storm(world: &World, folder: &Folder, size: Size, seed: u64, calm: &Calm) -> Outcome {
    world.reset();
    prepare(world, size);
    world.proxy.script(weather(seed));
    let start = Instant::now();
    let mut applies = 0;
    loop {
        applies += 1;
        let run = Going::start(folder, "apply a.yaml --yes").end();
        if run.code == 0 {
            break;
        }
        assert!(applies < 2, "seed {seed}: two applies did not converge\n{run}");
    }
    let took = start.elapsed();
    world.settle();
    let log = world.proxy.take_log();
    keys_went_off_last(&log, size);
    let replaced = log.iter().filter(|seen| seen.status != seen.effect || seen.status == 0).count();
    world.proxy.script(|_| Act::Pass);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    assert_eq!(world.state(), calm.state, "seed {seed}: it ended elsewhere");
    let most = calm.requests * 5 / 2;
    assert!(log.len() <= most, "seed {seed}: {} requests, at most {most} are due", log.len());
    assert!(replaced * 7 > log.len(), "seed {seed}: only {replaced} of {} answers were replaced", log.len());
    Outcome { applies, replaced, requests: log.len(), took }
}

fn set(size: Size) -> (World, Folder, Calm) {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", spec(size));
    let calm = calm(&world, &folder, size);
    (world, folder, calm)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_apply_in_a_storm_converges() {
    let size = Size { accounts: 4, principals: 5 };
    let (world, folder, calm) = set(size);
    for seed in few(1, [1, 2]) {
        storm(&world, &folder, size, seed, &calm);
    }
}

/// 20 accounts, 200 assignments, 20 seeds; prints a table.
#[test]
#[ignore = "minutes; tests/storm.sh runs it"]
#[expect(clippy::print_stdout, reason = "a table for people")]
fn many_storms() {
    let size = Size { accounts: 20, principals: 10 };
    let all: Vec<u64> = seeds(setting("KEYLESS_STORMS").unwrap_or(20)).collect();
    // A world for each of the four that go on side by side.
    let parts: Vec<&[u64]> = all.chunks(all.len().div_ceil(4)).collect();
    let outcomes = side_by_side(&parts, |part| {
        let (world, folder, calm) = set(size);
        part.iter()
            .map(|seed| (calm.requests, storm(&world, &folder, size, *seed, &calm)))
            .collect::<Vec<_>>()
    });
    println!(
        "{:>4} {:>6} {:>8} {:>9} {:>9} {:>6} {:>7}",
        "seed", "quiet", "applies", "requests", "replaced", "ratio", "seconds"
    );
    for (seed, (quiet, outcome)) in all.iter().zip(outcomes.into_iter().flatten()) {
        let Outcome { applies, replaced, requests, took } = outcome;
        let hundredths = requests * 100 / quiet;
        println!(
            "{seed:>4} {quiet:>6} {applies:>8} {requests:>9} {:>8}% {:>3}.{:02} {:>7}",
            replaced * 100 / requests,
            hundredths / 100,
            hundredths % 100,
            took.as_secs()
        );
    }
    println!("{} storms, all converged", all.len());
}
