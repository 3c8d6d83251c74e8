//! The comparison of answers itself: what it does not see, the replay cannot find.
//!
//! Input are recorded answers; each is compared with itself, and with copies in which one thing is changed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::exchange::{Exchange, Payload};
use super::recordings::{Recordings, recordings};
use super::recordings_compare::Comparison;
use super::recordings_masks::{Mask, mask};
use super::recordings_replay::subject;
use super::{contract, show, skipped};
use crate::common::{every_row, few};

/// The calls whose answers are altered.
const SUBJECTS: [&str; 5] = [
    "microsoft.cognitiveservices/accounts",
    "microsoft.cognitiveservices/accounts/deployments",
    "microsoft.cognitiveservices/accounts/projects/connections",
    "microsoft.authorization/roleassignments",
    "microsoft.cognitiveservices/locations/resourcegroups/deletedaccounts",
];

fn differences(recordings: &Recordings, about: &str, recorded: &Exchange, ours: &Exchange) -> Vec<String> {
    Comparison::new(about, &BTreeSet::new(), &recordings.outlines).differences(recorded, ours)
}

/// In all recordings; `cargo test` alone takes twelve of them, from the first to the last.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn comparison_sees_every_altered_property() {
    let (Some(recordings), Some(checker)) = (recordings(), contract::checker()) else {
        return skipped("the comparison's own test");
    };
    let calls = few(12, &recordings.cassettes).into_iter().flat_map(|(name, calls)| {
        calls.iter().enumerate().map(move |(at, call)| (format!("{name}[{at}]"), call))
    });
    let (mut same, mut altered, mut tolerated) = (0, 0, 0);
    let mut missed = Vec::new();
    let mut kinds = BTreeSet::new();
    for (origin, call) in calls {
        let about = subject(checker, call);
        let found = differences(recordings, &about, call, call);
        assert!(found.is_empty(), "{origin} differs from itself: {found:?}");
        same += 1;
        let Some(body) = call.response.json().filter(|_| SUBJECTS.contains(&about.as_str())) else {
            continue;
        };
        // One call of each kind is enough of a cassette.
        if !kinds.insert((origin.split('[').next().map(str::to_owned), about.clone(), call.method.clone())) {
            continue;
        }
        for (path, change) in changes(body) {
            let scalar = body.pointer(&path).is_some_and(|value| !value.is_object() && !value.is_array());
            let mut other = call.clone();
            let mut body = body.clone();
            change.apply(&mut body, &path);
            other.response = Payload::Json(body);
            altered += 1;
            if differences(recordings, &about, call, &other).is_empty() {
                if may_be(recordings, &about, &path, &change, scalar) {
                    tolerated += 1;
                } else {
                    missed.push(format!("{origin}: {path}: {change:?}"));
                }
            }
        }
    }
    show(&format!("{same} answers equal themselves; {altered} alterations, {tolerated} of them tolerated"));
    assert!(altered > if every_row() { 5000 } else { 500 }, "only {altered} alterations were made");
    assert!(missed.is_empty(), "{} not seen:\n{}", missed.len(), missed.join("\n"));
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn comparison_sees_another_status_header_and_error() {
    let (Some(recordings), Some(checker)) = (recordings(), contract::checker()) else {
        return skipped("the comparison's own test");
    };
    let calls = recordings.cassettes.iter().flat_map(|(_, calls)| calls);
    let mut seen = 0;
    for call in calls.filter(|call| call.url.path().contains("/roleAssignments/") && call.status >= 400) {
        let about = subject(checker, call);
        let alter = |change: &dyn Fn(&mut Exchange)| {
            let mut other = call.clone();
            change(&mut other);
            differences(recordings, &about, call, &other)
        };
        let error = |name: &str| {
            let mut body = call.response.json().cloned().unwrap_or_default();
            body["error"][name] = "Another".into();
            Payload::Json(body)
        };
        assert!(!alter(&|other| other.status = 403).is_empty());
        assert!(!alter(&|other| other.response = error("code")).is_empty());
        assert!(!alter(&|other| other.response = error("message")).is_empty());
        assert!(!alter(&|other| other.response = Payload::Empty).is_empty());
        let location =
            |other: &mut Exchange| drop(other.response_headers.insert("location".into(), "x".into()));
        assert!(!alter(&location).is_empty());
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} errors were recorded");
}

/// One thing done to a property.
#[derive(Clone, Debug)]
enum Change {
    Removed,
    Nulled,
    Renamed,
    /// Another value of the same type.
    Other,
}

impl Change {
    fn apply(&self, body: &mut Value, path: &str) {
        let (parent, name) = path.rsplit_once('/').expect("a path below the root");
        let Some(Value::Object(map)) = body.pointer_mut(parent) else { panic!("{path} is in no object") };
        let value = map.remove(name).expect("the property that was listed");
        match self {
            Self::Removed => {}
            Self::Nulled => drop(map.insert(name.to_owned(), Value::Null)),
            Self::Renamed => drop(map.insert(format!("{name}X"), value)),
            Self::Other => drop(map.insert(name.to_owned(), other(&value))),
        }
    }
}

fn other(value: &Value) -> Value {
    match value {
        Value::Null => json!("something"),
        Value::Bool(value) => json!(!value),
        Value::Number(_) => json!(-1),
        Value::String(text) => json!(format!("{text}x")),
        Value::Array(_) => json!([{"another": 1}]),
        Value::Object(_) => json!({"another": 1}),
    }
}

/// Every property of an answer down to the third level, altered in each way.
fn changes(body: &Value) -> Vec<(String, Change)> {
    if body["value"].is_array() {
        // Of a page only what the cassette made is compared, and here it has made nothing.
        return Vec::new();
    }
    let mut open = vec![(String::new(), body, 0)];
    let mut found = Vec::new();
    while let Some((path, value, depth)) = open.pop() {
        for (name, value) in value.as_object().into_iter().flatten() {
            let path = format!("{path}/{name}");
            for change in [Change::Removed, Change::Nulled, Change::Renamed, Change::Other] {
                let nothing = matches!((&change, value), (Change::Nulled, Value::Null));
                if !nothing {
                    found.push((path.clone(), change));
                }
            }
            if depth < 2 && !name.contains('/') {
                open.push((path, value, depth + 1));
            }
        }
    }
    found
}

/// Whether an alteration is one that the masks are there to tolerate.
fn may_be(recordings: &Recordings, about: &str, path: &str, change: &Change, scalar: bool) -> bool {
    let masked = ancestors(path).find_map(|at| Some((at, mask(about, at, false)?)));
    let Some((at, masked)) = masked else { return false };
    let itself = at == path;
    match (change, masked) {
        // Another time or another id.
        (Change::Other, Mask::Type | Mask::Map) => true,
        (Change::Other, Mask::Shape) => !itself || scalar,
        // A table that some recordings have and others lack.
        (Change::Removed, Mask::Shape) => recordings.outlines.varies(about, at),
        // The keys of a map are data.
        (Change::Removed | Change::Renamed, Mask::Map) => !itself,
        _ => false,
    }
}

/// A path and everything above it.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |at| {
        at.rsplit_once('/').map(|(above, _)| above).filter(|at| !at.is_empty())
    })
}
