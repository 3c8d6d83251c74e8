//! The traffic of real clients, replayed without them: each request again, to a fresh sandbox.
//!
//! Input is `tests/transcripts`, which `tests/clients.sh --record` writes; the answers must have the recorded status and
//! shape, and the values that clients go by. Long lists were trimmed there, so of lists only the shape is compared.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use keyless::sandbox::Options;
use serde_json::Value;
use url::Url;

use super::contract::value::json_kind;
use super::exchange::{Exchange, Payload, read_transcript};
use super::show;
use super::wire::Wire;

/// A placeholder for the sandbox's address.
const HOST: &str = "https://sandbox";
/// Values that clients branch on, in a body that is no list.
const VALUES: [&str; 8] = [
    "/id",
    "/name",
    "/type",
    "/kind",
    "/status",
    "/error/code",
    "/properties/provisioningState",
    "/properties/scope",
];
/// Headers that make a client wait or look elsewhere.
const HEADERS: [&str; 3] = ["azure-asyncoperation", "location", "retry-after"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "slow: tests/slow.sh"]
async fn clients_of_the_transcripts_would_see_no_difference() {
    for (name, least) in [("az", 150), ("sdk", 60), ("mixed", 115)] {
        let recorded = transcript(&folder().join(format!("{name}.jsonl")));
        assert!(recorded.len() >= least, "{name}: only {} requests are there", recorded.len());
        let differences = replay(&recorded).await;
        show(&format!("{name}: {} requests, {} differences", recorded.len(), differences.len()));
        assert!(differences.is_empty(), "{name}:\n{}", differences.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replay_sees_what_was_altered_in_a_transcript() {
    let recorded = transcript(&folder().join("sdk.jsonl"));
    let put =
        recorded.iter().position(|call| call.method == "PUT" && call.status == 201).expect("a creation");
    let recorded = &recorded[..=put];
    let altered = |change: &dyn Fn(&mut Exchange, &mut Value)| {
        let mut copy = recorded.to_vec();
        let call = &mut copy[put];
        let mut body = call.response.json().cloned().expect("a body");
        change(call, &mut body);
        call.response = Payload::Json(body);
        copy
    };
    let cases: [(&str, Vec<Exchange>); 6] = [
        ("status", altered(&|call, _| call.status = 200)),
        ("header", altered(&|call, _| drop(call.response_headers.remove("azure-asyncoperation")))),
        ("a property more", altered(&|_, body| body["properties"]["another"] = true.into())),
        ("a property less", altered(&|_, body| drop(body.as_object_mut().map(|map| map.remove("sku"))))),
        ("another type", altered(&|_, body| body["properties"]["isMigrated"] = "no".into())),
        ("another name", altered(&|_, body| body["name"] = "another".into())),
    ];
    assert!(replay(recorded).await.is_empty(), "the transcript as it is");
    for (what, copy) in cases {
        assert_eq!(replay(&copy).await.len(), 1, "{what}");
    }
}

#[test]
fn transcripts_hold_no_secret() {
    for entry in std::fs::read_dir(folder()).expect("the transcripts can be listed") {
        let path = entry.expect("the transcripts can be listed").path();
        let text = std::fs::read_to_string(&path).expect("a transcript can be read");
        assert!(
            text.contains("client_secret=REDACTED"),
            "{}: the client's secret was not sent",
            path.display()
        );
        for secret in ["not-a-secret-of-anyone", "eyJ", "Bearer ", "\"authorization\""] {
            assert!(!text.contains(secret), "{} holds `{secret}`", path.display());
        }
    }
}

fn transcript(path: &Path) -> Vec<Exchange> {
    read_transcript(path).unwrap_or_else(|error| panic!("{error}"))
}

/// Send each request to a fresh sandbox, and say in what its answers differ.
async fn replay(recorded: &[Exchange]) -> Vec<String> {
    let wire = Wire::start(Options::default()).await;
    let mut found = Vec::new();
    for (at, call) in recorded.iter().enumerate() {
        let body = localized(&wire, &call.request);
        let ours = wire.send_with(&call.request_headers, &call.method, here(&wire, &call.url), &body).await;
        let differences = differences(call, &ours);
        if !differences.is_empty() {
            found.push(format!("[{at}] {} {}: {}", call.method, call.url.path(), differences.join("; ")));
        }
    }
    wire.stop().await;
    found
}

fn here(wire: &Wire, recorded: &Url) -> Url {
    let mut url = wire.at("/");
    url.set_path(recorded.path());
    url.set_query(recorded.query());
    url
}

/// A body that names the sandbox's address names this one's.
fn localized(wire: &Wire, body: &Payload) -> Payload {
    let base = wire.at("/").to_string();
    let text = match body {
        Payload::Empty => return Payload::Empty,
        Payload::Json(value) => value.to_string(),
        Payload::Other(text) => text.clone(),
    };
    Payload::from_text(&text.replace(HOST, base.trim_end_matches('/')))
}

fn differences(recorded: &Exchange, ours: &Exchange) -> Vec<String> {
    if recorded.status != ours.status {
        return vec![format!("status {} in place of {}: {:?}", ours.status, recorded.status, ours.response)];
    }
    let mut found = Vec::new();
    for header in HEADERS {
        if recorded.header(header).is_some() != ours.header(header).is_some() {
            found.push(format!("header {header}"));
        }
    }
    let (theirs, mine) = (shape(&recorded.response), shape(&ours.response));
    found.extend(theirs.difference(&mine).map(|(at, kind)| format!("lacks `{at}`, {kind}")));
    found.extend(mine.difference(&theirs).map(|(at, kind)| format!("has `{at}`, {kind}")));
    if let (Some(theirs), Some(mine)) = (recorded.response.json(), ours.response.json()) {
        let other = VALUES.iter().filter(|at| theirs.pointer(at) != mine.pointer(at));
        found.extend(other.map(|at| format!("`{at}` is {:?}", mine.pointer(at))));
    }
    found
}

/// Every path of a body with its JSON type; items of a list, and the endpoints of an account, counted together.
fn shape(body: &Payload) -> BTreeSet<(String, &'static str)> {
    let mut found = BTreeSet::new();
    let mut open = match body {
        Payload::Empty => Vec::new(),
        Payload::Other(_) => vec![("text".to_owned(), &Value::Null)],
        Payload::Json(value) => vec![(String::new(), value)],
    };
    while let Some((at, value)) = open.pop() {
        found.insert((at.clone(), json_kind(value)));
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (format!("{at}/*"), item))),
            Value::Object(map) if at.ends_with("/properties/endpoints") => {
                open.extend(map.values().map(|item| (format!("{at}/*"), item)));
            }
            Value::Object(map) => open.extend(map.iter().map(|(name, item)| (format!("{at}/{name}"), item))),
            _ => {}
        }
    }
    found
}
