//! Damaged input for every parser: no panic, and an end in bounded time. What is damaged comes from generated specs and plans and
//! from recorded answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use keyless::arm::clock::Moment;
use keyless::arm::exchange::{Exchange, Headers, Limits, Next, Request, Response, ResponseBody, Sent};
use keyless::arm::{Method, retry};
use keyless::kinds::role_assignment::principals_of;
use keyless::kinds::{Called, KINDS, review, writable};
use keyless::plan::predict::World;
use keyless::plan::saved;
use keyless::spec::lock::Lock;
use keyless::{guards, rbac, render};

use super::live::{Item, Label};
use super::*;

/// No input may take longer, on a machine that does other things too.
const LONGEST: Duration = Duration::from_secs(5);

/// How many inputs to try: `KEYLESS_FUZZ`, or few enough for every run of the tests.
fn runs() -> u64 {
    setting("KEYLESS_FUZZ").unwrap_or(40)
}

/// Feeds inputs of many seeds; a panic or a long time names the seed.
fn feed(what: &str, mut eat: impl FnMut(&mut Rng) -> bool) {
    let began = Instant::now();
    let (mut good, mut longest) = (0, Duration::ZERO);
    for seed in seeds(runs()) {
        let start = Instant::now();
        let run = std::panic::AssertUnwindSafe(|| eat(&mut Rng::new(seed)));
        let taken = std::panic::catch_unwind(run);
        assert!(taken.is_ok(), "{what}: a panic at seed {seed}");
        good += u64::from(taken.is_ok_and(|taken| taken));
        longest = longest.max(start.elapsed());
        assert!(longest < LONGEST, "{what}: seed {seed} takes {longest:?}");
    }
    println!(
        "{what}: {} inputs, {good} of them taken, {:.1?}, longest {longest:.1?}",
        runs(),
        began.elapsed()
    );
    // Both sides of the door must have been tried.
    assert!(good > 0 && good < runs(), "{what}: {good} of {} inputs were taken", runs());
}

/// Changes a few bytes: flips, inserts, removes, repeats.
fn damage(text: &str, words: &[&str], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..rng.between(1, 4) {
        let at = rng.below(bytes.len());
        match rng.below(6) {
            0 => bytes[at] = u8::try_from(rng.below(256)).unwrap_or(0),
            1 => bytes.insert(at, *rng.pick(b"\n: -'\"{}[]&*!|>%@`#?,$\\0\t/")),
            2 => drop(bytes.remove(at)),
            3 => {
                let end = (at + rng.below(40)).min(bytes.len());
                let piece: Vec<u8> = bytes[at..end].to_vec();
                let to = rng.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            4 => {
                let end = (at + rng.below(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                bytes.splice(at..at, rng.pick(words).bytes());
            }
        }
        if bytes.is_empty() {
            bytes.push(b' ');
        }
    }
    bytes
}

/// Unexpected values.
fn odd(rng: &mut Rng) -> Value {
    let long = "x".repeat(1 + rng.below(2000));
    let odd = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e300),
        json!(18_446_744_073_709_551_615_u64),
        json!(""),
        json!("/"),
        json!("\u{0}\u{202e}[keyless:"),
        json!("a [keyless:alpha]"),
        json!("//x/../%2f"),
        json!([]),
        json!({}),
        json!([[], [null]]),
        json!({"": {"": ""}}),
        json!("0.0.0.0/0"),
        json!("SystemAssigned,,UserAssigned"),
        json!("/subscriptions/11111111-1111-4111-8111-111111111111"),
        json!(long),
    ];
    rng.pick(&odd).clone()
}

/// Changes a few values anywhere in a tree.
pub(super) fn mutate(value: &mut Value, rng: &mut Rng) {
    for _ in 0..rng.between(1, 4) {
        let mut at = &mut *value;
        loop {
            let deeper = match at {
                Value::Object(map) => !map.is_empty() && !rng.chance(15),
                Value::Array(items) => !items.is_empty() && !rng.chance(15),
                _ => false,
            };
            if !deeper {
                break;
            }
            at = match at {
                Value::Object(map) => {
                    let name = map.keys().nth(rng.below(map.len())).cloned().unwrap_or_default();
                    map.entry(name).or_insert(Value::Null)
                }
                Value::Array(items) => {
                    let index = rng.below(items.len());
                    &mut items[index]
                }
                _ => break,
            };
        }
        match at {
            Value::Array(items) if rng.chance(40) => items.push(odd(rng)),
            Value::Object(map) if rng.chance(40) => {
                map.insert("unheard of".to_owned(), odd(rng));
            }
            other => *other = odd(rng),
        }
    }
}

/// Cases of few things: what is damaged in them counts, not their size.
fn some_cases() -> Vec<Case> {
    let small = |case: &Case| (3..=6).contains(&case.planned.plan.changes.len());
    (0..80).map(Case::new).filter(small).take(16).collect()
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn damaged_specs_end_in_findings() {
    let texts: Vec<String> = some_cases()
        .iter()
        .flat_map(|case| case.specs.trees.iter().map(specs::yaml).collect::<Vec<_>>())
        .collect();
    let words = [
        "&a ",
        "*a",
        "<<: ",
        "null",
        "${x}",
        "${secret.A}",
        "!!str ",
        "1e999",
        "---\n",
        "\u{85}",
        "- ",
        "? ",
        "|\n",
    ];
    feed("spec", |rng| {
        let text = rng.pick(&texts).clone();
        let bytes = damage(&text, &words, rng);
        let mut sources = keyless::text::source::Sources::default();
        let inputs = keyless::spec::variables::VariableInputs::default();
        let (loaded, findings) = keyless::spec::read(
            &["-".into()],
            &inputs,
            &mut sources,
            bytes.as_slice(),
            keyless::kinds::check,
        );
        if rng.chance(10) {
            let _ = render::diagnostic::render(&findings, &sources, true, render::page::Page::default());
        }
        for finding in &findings {
            let span = finding.span.filter(|span| !sources.file(span.file).text.is_char_boundary(span.start));
            assert!(span.is_none(), "a place inside of a character");
        }
        !loaded.is_empty()
    });
}

/// Bodies of accounts and assignments as Azure answered them.
fn recorded() -> Vec<Value> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/recordings/azure-cli/cognitiveservices");
    let mut files: Vec<_> = walk(&folder);
    files.retain(|file| file.metadata().is_ok_and(|about| about.len() < 400_000));
    let mut bodies = Vec::new();
    for file in files.iter().take(6) {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let options = serde_saphyr::options! { budget: None };
        let Ok(cassette) = serde_saphyr::from_str_with_options::<Value>(&text, options) else { continue };
        for interaction in cassette["interactions"].as_array().into_iter().flatten() {
            let text = interaction["response"]["body"]["string"].as_str().unwrap_or_default();
            let body: Value = serde_json::from_str(text).unwrap_or_default();
            bodies.extend(Some(body).filter(|body| body["id"].is_string() && body["properties"].is_object()));
        }
    }
    if bodies.is_empty() {
        skipped("recorded bodies: ../shared/recordings is not there");
    }
    bodies
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn damaged_bodies_of_azure_end_in_a_plan() {
    let cases = some_cases();
    let recorded = recorded();
    feed("ARM body", |rng| {
        let case = rng.pick(&cases);
        let mut azure = case.azure.clone();
        let mut changed = json!(null);
        for _ in 0..rng.between(1, 2) {
            let list = if rng.chance(50) { &mut azure.accounts } else { &mut azure.assignments };
            if rng.chance(15) && !recorded.is_empty() {
                let id = list.first().map(|item| item.body["id"].clone());
                let mut body = rng.pick(&recorded).clone();
                body["id"] = id.unwrap_or_default();
                list.push(Item { body, label: Label::Stranger });
            }
            let count = list.len();
            if let Some(item) = list.get_mut(rng.below(count)) {
                let id = item.body["id"].clone();
                mutate(&mut item.body, rng);
                // Without its id nothing would look at the rest.
                if item.body.is_object() && rng.chance(90) {
                    item.body["id"] = id;
                }
                changed = item.body.clone();
            }
        }
        for kind in KINDS {
            let spec = kind.to_spec(&changed);
            let _ = writable(*kind, &changed);
            let _ = kind.mark(&changed);
            let _ = (kind.comment(&Value::Object(kind.written(&changed))), kind.may_stand_in(&changed));
            let _ = kind.title(
                &changed,
                &Called { roles: &rbac::Catalogue::default(), names: &std::collections::BTreeMap::new() },
            );
            let _ = kind.outputs(&changed);
            let _ = kind.changes_by_patch(&changed);
            let mut body = changed.clone();
            if let Some(patch) = spec.as_object().filter(|_| body.is_object()) {
                kind.overlay(&mut body, patch);
                kind.set_mark(&mut body, "alpha");
            }
        }
        let seen = arm::read(&case.read.stacks, &azure, &case.blindness);
        let planned = arm::plan(&case.read, &seen.snapshot, case.caller);
        let world = World::of(&seen.snapshot);
        let _ = saved::stale(&planned.plan, &world.after(&planned.plan));
        if rng.chance(5) {
            let _ = render::text::plan(&planned.plan, render::page::Page::endless(true));
        }
        planned.plan.steps == case.planned.plan.steps
    });
}

/// What headers of an answer may say, however wrong.
const HEADER_VALUES: [&str; 19] = [
    "0",
    "1",
    "-1",
    "6",
    "1e9",
    "18446744073709551616",
    "",
    " 7 ",
    "6.5",
    "Wed, 21 Oct 2015 07:28:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "\u{202e}",
    "https://management.azure.com/op/1?t=T&s=S",
    "https://evil.example/",
    "//x/",
    "/relative?x",
    "not a url",
    "http://[::1",
    "00:00:05",
];
const HEADER_NAMES: [&str; 11] = [
    "Retry-After",
    "retry-after-ms",
    "x-ms-retry-after-ms",
    "Date",
    "Azure-AsyncOperation",
    "Location",
    "x-ms-request-id",
    "Content-Type",
    "x-ms-user-quota-resets-after",
    "x-ms-ratelimit-remaining-subscription-reads",
    "x-ms-failure-cause",
];
const STATES: [&str; 8] =
    ["Succeeded", "Failed", "Canceled", "Creating", "Accepted", "", "succeeded", "Moving"];
const CODES: [&str; 7] = [
    "PrincipalNotFound",
    "RequestConflict",
    "TooManyRequests",
    "ResourceNotFound",
    "RoleAssignmentExists",
    "429",
    "X",
];
const STATUSES: [u16; 18] =
    [200, 200, 201, 202, 204, 301, 400, 401, 403, 404, 408, 409, 412, 429, 500, 503, 0, 999];

/// What may come of sending a request.
fn outcome(now: Moment, rng: &mut Rng) -> Sent {
    if rng.chance(5) {
        return Sent::Broken { sent: rng.chance(50), lasting: rng.chance(10), what: String::from("broken") };
    }
    let headers: Headers =
        (0..rng.below(5)).map(|_| (*rng.pick(&HEADER_NAMES), *rng.pick(&HEADER_VALUES))).collect();
    let _ = retry::retry_after(&headers, now);
    let mut body = json!({
        "error": {"code": rng.pick(&CODES), "message": "Please try again after '6' seconds.", "details": [{"code": "x"}]},
        "status": rng.pick(&STATES), "properties": {"provisioningState": rng.pick(&STATES)},
    });
    if rng.chance(40) {
        mutate(&mut body, rng);
    }
    let text = body.to_string();
    let bytes = if rng.chance(20) { damage(&text, &["\u{0}"], rng) } else { text.into_bytes() };
    let body = if rng.chance(10) { ResponseBody::Empty } else { ResponseBody::read(&bytes) };
    Sent::Answer(Response { status: *rng.pick(&STATUSES), headers, body })
}

#[test]
fn damaged_answers_end_the_exchange() {
    const METHODS: [Method; 5] = [Method::Get, Method::Put, Method::Patch, Method::Post, Method::Delete];
    let assignment = "/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/n?api-version=1";
    feed("answer", |rng| {
        let (method, path) = (*rng.pick(&METHODS), *rng.pick(&[assignment, "/x", ""]));
        let mut now = Moment(rng.next() % 4_000_000_000_000);
        let mut next = Exchange::start(method, path, Limits::default(), rng.next(), now);
        for _ in 0..400 {
            next = match next {
                Next::Done(_) => return true,
                Next::GiveUp(error) => {
                    let _ = format!("{error} {error:?} {:?}", error.hint());
                    return false;
                }
                Next::Wait { exchange, until, .. } => {
                    assert!(until >= now, "a wait that ends in the past");
                    now = until;
                    exchange.step(if rng.chance(2) { Sent::Interrupted } else { Sent::Waited }, now)
                }
                Next::Send(exchange, request) => {
                    if let Request::Operation(url) = &request {
                        assert!(!format!("{url:?}").contains("t=T"), "a signature is shown");
                    }
                    exchange.step(outcome(now, rng), now)
                }
            };
        }
        panic!("an exchange without end");
    });
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn damaged_plans_are_refused_or_judged() {
    let cases = some_cases();
    let plans: Vec<Value> = cases.iter().map(|case| json!(case.planned.plan)).collect();
    feed("saved plan", |rng| {
        let mut plan = rng.pick(&plans).clone();
        let text = if rng.chance(40) {
            String::from_utf8_lossy(&damage(&plan.to_string(), &["\"after\"", "null", "1e9"], rng))
                .into_owned()
        } else {
            if rng.chance(90) {
                mutate(&mut plan, rng);
            }
            // Whoever edits a plan can also recompute its fingerprint.
            if let Ok(mut whole) = serde_json::from_value::<keyless::document::Plan>(plan.clone()) {
                whole.fingerprint = whole.digest();
                plan = json!(whole);
            }
            plan.to_string()
        };
        let Ok(mut plan) = saved::parse(&text) else { return false };
        let case = rng.pick(&cases);
        let world = World::of(&case.seen.snapshot);
        let _ = world.after(&plan);
        let _ = saved::stale(&plan, &world);
        let _ = saved::differing(&plan, &case.planned.plan);
        let _ = guards::judge(&plan, &world, None, &[]);
        let _ = review(&plan);
        let _ = saved::confront(&mut plan, &world);
        let _ = (
            render::text::plan(&plan, render::page::Page::endless(true)),
            render::text::writes(&plan),
            render::markdown::plan(&plan),
        );
        true
    });
}

#[test]
fn role_wildcards_match_as_a_naive_matcher_does() {
    let letters = ["*", "*", "a", "b", "/", "A", "ab", "read", "/*/", "ä", "İ"];
    feed("role wildcard", |rng| {
        let text = |rng: &mut Rng, stars: bool, most: usize| {
            let from = if stars { &letters[..] } else { &letters[2..8] };
            (0..rng.below(most)).map(|_| *rng.pick(from)).collect::<String>()
        };
        let (pattern, action) = (text(rng, true, 7), text(rng, false, 12));
        let ours = rbac::matches(&pattern, &action);
        assert_eq!(ours, judge::covers(pattern.as_bytes(), action.as_bytes()), "{pattern} on {action}");
        ours
    });
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn damaged_lock_files_are_refused_or_compared() {
    let cases = some_cases();
    let entry = |number: u64| {
        let id = Rng::new(number).guid();
        json!({"type": "Group", "name": format!("group {number}"), "id": id, "tenant": id})
    };
    let lock = json!({"formatVersion": "1.0", "principals": (0..4).map(entry).collect::<Vec<_>>()});
    let whole = Lock::parse(&lock.to_string()).expect("an undamaged lock file is taken");
    feed("lock file", |rng| {
        let mut lock = lock.clone();
        if rng.chance(50) {
            mutate(&mut lock, rng);
        }
        let text = lock.to_string();
        let bytes =
            if rng.chance(60) { damage(&text, &["null", "\"type\""], rng) } else { text.into_bytes() };
        let Ok(lock) = Lock::parse(&String::from_utf8_lossy(&bytes)) else { return false };
        let loaded = &rng.pick(&cases).read.stacks[0];
        let named = principals_of(&loaded.spec);
        let _ = lock.differences(&whole, loaded, &named, None);
        let _ = lock.problems(loaded, &named, None);
        true
    });
}
