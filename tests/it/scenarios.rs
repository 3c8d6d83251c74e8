//! Scenarios: a folder each, with specs, live state and the runs; what must hold is written by hand, what is shown is a snapshot.
//!
//! `tests/scenarios/NAME/scenario.json` holds
//! - `live`: what is there before, as `{path, body}` to PUT; `{sub}`, `{rg}` and `{chat}` stand for the usual ids;
//! - `runs`: `{args, exit, reads, writes}` in order, with `sed` (`[from, to]`, once in `spec.yaml`) before a run where the spec changes;
//! - `finally`: `{path, at, is}`, a JSON pointer into what is live at the end; `is: null` means that there is nothing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::common::{ALICE, Azure, BOB, CAROL, CS_USER, READER, SUB, account};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    /// What the snapshot shows, for readers of the file.
    about: String,
    #[serde(default)]
    live: Vec<Live>,
    runs: Vec<Step>,
    #[serde(default)]
    finally: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Live {
    path: String,
    body: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    sed: Option<(String, String)>,
    args: String,
    exit: i32,
    reads: u64,
    writes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    path: String,
    at: String,
    is: Value,
}

fn filled(text: &str) -> String {
    let words = [
        ("{chat}", account("chat")),
        ("{rg}", format!("/subscriptions/{SUB}/resourceGroups/rg")),
        ("{sub}", format!("/subscriptions/{SUB}")),
        ("{subscription}", SUB.to_owned()),
        ("{alice}", ALICE.to_owned()),
        ("{bob}", BOB.to_owned()),
        ("{carol}", CAROL.to_owned()),
        ("{cs-user}", CS_USER.to_owned()),
        ("{reader}", READER.to_owned()),
    ];
    words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(word, value))
}

fn play(folder: &Path) {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let read = |file: &str| filled(&std::fs::read_to_string(folder.join(file)).unwrap());
    let scenario: Scenario =
        serde_json::from_str(&read("scenario.json")).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(!scenario.about.is_empty() && !scenario.runs.is_empty(), "{name}");
    let azure = Azure::start();
    let place = azure.folder();
    let mut spec = read("spec.yaml");
    place.write("spec.yaml", &spec);
    for live in &scenario.live {
        azure.put(&live.path, live.body.clone());
    }
    let mut shown = String::new();
    for step in &scenario.runs {
        if let Some((from, to)) = &step.sed {
            assert_eq!(spec.matches(from.as_str()).count(), 1, "{name}: `{from}` stands once in the spec");
            spec = spec.replacen(from.as_str(), to, 1);
            place.write("spec.yaml", &spec);
            shown += &["# with `", from.trim(), "` -> `", to.trim(), "`\n"].concat();
        }
        let before = azure.counts();
        let run = place.keyless(&step.args);
        let after = azure.counts();
        let counted = (run.code, after.0 - before.0, after.1 - before.1);
        assert_eq!(
            counted,
            (step.exit, step.reads, step.writes),
            "{name}: {} (exit, reads, writes)\n{run}",
            step.args
        );
        let mut progress: Vec<&str> = run.stderr.lines().collect();
        // Steps run side by side: the order in which they end says nothing.
        let steps = progress
            .iter()
            .filter(|line| line.starts_with("  created") || line.starts_with("  updated"))
            .count();
        progress[..steps].sort_unstable();
        shown += &[
            "$ keyless ",
            &step.args,
            "\n",
            &run.stdout,
            "--- stderr\n",
            &progress.join("\n"),
            "\n--- exit ",
            &run.code.to_string(),
            "\n\n",
        ]
        .concat();
    }
    for expected in &scenario.finally {
        let live = azure.send("GET", &expected.path, None).body;
        let found = live.pointer(&expected.at).unwrap_or(&Value::Null);
        assert_eq!(*found, expected.is, "{name}: {} {}", expected.path, expected.at);
    }
    let shown = without_times(&without_hashes(&shown.replace(azure.url(), "http://ENDPOINT")));
    insta::with_settings!({
        snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true, description => &scenario.about,
    }, {
        insta::assert_snapshot!("output", shown);
    });
}

/// When something was done is another time in each run.
pub(crate) fn without_times(text: &str) -> String {
    const FORM: &str = "0000-00-00T00:00:00";
    let is_time = |text: &str| {
        text.len() >= FORM.len()
            && text.bytes().zip(FORM.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte == form,
            })
    };
    let (mut shown, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        if is_time(rest) {
            shown += "TIME";
            rest = rest[FORM.len()..].trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        } else {
            shown.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    shown
}

/// A plan's fingerprint holds its endpoint, whose port is another each time; and each request has an id of its own.
fn without_hashes(text: &str) -> String {
    let hidden = [("\"sha256:", "HASH", 64), ("\"correlationId\": \"", "ID", 36)];
    hidden.into_iter().fold(text.to_owned(), |text, (before, word, length)| {
        let mut parts = text.split(before);
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |text, part| text + before + word + &part[length..])
    })
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

#[test]
fn every_scenario_goes_as_it_is_written() {
    let all = folders();
    assert!(all.len() >= 7, "{all:?}");
    for folder in &all {
        play(folder);
    }
}

#[test]
fn a_scenario_can_fail() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("spec.yaml"), crate::common::head("team-a")).unwrap();
    let scenario =
        r#"{"about": "x", "runs": [{"args": "validate spec.yaml", "exit": 1, "reads": 0, "writes": 0}]}"#;
    std::fs::write(folder.path().join("scenario.json"), scenario).unwrap();
    let path = folder.path().to_owned();
    assert!(std::panic::catch_unwind(move || play(&path)).is_err());
}
