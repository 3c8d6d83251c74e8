//! `--report openmetrics=FILE`: text that a strict reader of the format takes, with the counts that people alert on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::common::{ALICE, Azure, BOB, CS_USER, Fault, Folder, SUB, account, grants, one_account};

/// Reads the format as its specification has it, gauges only: (name with labels, value).
fn read(text: &str) -> BTreeMap<String, u64> {
    let body = text.strip_suffix("# EOF\n").expect("the last line is # EOF");
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    };
    let (mut samples, mut seen, mut family, mut told) =
        (BTreeMap::new(), BTreeSet::new(), String::new(), Vec::new());
    for line in body.lines() {
        assert!(!line.is_empty() && line.trim() == line, "{line:?}");
        if let Some(about) = line.strip_prefix("# ") {
            let [word, name, rest]: [&str; 3] =
                about.splitn(3, ' ').collect::<Vec<_>>().try_into().expect(line);
            assert!(is_name(name), "{line}");
            if name != family {
                assert!(seen.insert(name.to_owned()), "the lines of {name} stand together");
                (family, told) = (name.to_owned(), Vec::new());
            }
            assert!(!told.contains(&word), "{line}");
            told.push(word);
            match word {
                "TYPE" => assert_eq!(rest, "gauge"),
                "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                "HELP" => assert!(!rest.contains('"'), "{line}"),
                other => panic!("{other}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect(line);
        let name = series.split('{').next().unwrap();
        assert_eq!(name, family, "a sample stands below what is said of it");
        if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            let mut rest = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).expect(line);
            let mut names = BTreeSet::new();
            loop {
                let (label, more) = rest.split_once("=\"").expect(line);
                assert!(is_name(label) && names.insert(label.to_owned()), "{line}");
                let mut letters = more.char_indices();
                let end = loop {
                    match letters.next().expect(line) {
                        (_, '\\') => assert!(matches!(letters.next(), Some((_, '\\' | '"' | 'n'))), "{line}"),
                        (at, '"') => break at,
                        _ => {}
                    }
                };
                rest = &more[end + 1..];
                if rest.is_empty() {
                    break;
                }
                rest = rest.strip_prefix(',').expect(line);
            }
        }
        assert!(
            samples.insert(series.to_owned(), value.parse().expect(line)).is_none(),
            "{line} is there twice"
        );
    }
    samples
}

fn metrics(folder: &Folder, command: &str, code: i32) -> BTreeMap<String, u64> {
    folder.keyless(&format!("{command} --report openmetrics=m.txt")).exits(code);
    read(&std::fs::read_to_string(folder.path().join("m.txt")).unwrap())
}

fn place() -> String {
    format!("subscription=\"{SUB}\",resource_group=\"rg\",account=\"chat\"")
}

#[track_caller]
fn resources(samples: &BTreeMap<String, u64>, state: &str) -> u64 {
    let series = format!("keyless_resources{{stack=\"ml\",{},state=\"{state}\"}}", place());
    *samples.get(&series).unwrap_or_else(|| panic!("{series} is missing: {samples:#?}"))
}

#[test]
fn drift_is_counted_for_each_account_and_goes_back_to_nothing() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write(
        "specs/ml.yaml",
        one_account("ml", "chat", &format!("disableLocalAuth: true\n{}", grants(&[ALICE, BOB]))),
    );
    folder.keyless("apply specs --yes").exits(0);
    let keys = format!("keyless_api_keys_enabled{{{}}}", place());
    let samples = metrics(&folder, "drift specs", 0);
    assert_eq!((resources(&samples, "in_sync"), resources(&samples, "missing")), (3, 0));
    assert_eq!((samples[&keys], samples["keyless_last_run_whole"]), (0, 1));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(samples["keyless_last_run_timestamp_seconds"]) < 120);

    azure.patch(&account("chat"), json!({"properties": {"disableLocalAuth": false}}));
    let all = azure.grants_at(&account("chat"));
    azure.delete(all[0]["id"].as_str().unwrap());
    let by_hand = "d0000000-0000-4000-8000-000000000001";
    azure.grant(&account("chat"), by_hand, CS_USER, "cccccccc-0000-4000-8000-000000000003", None);
    let samples = metrics(&folder, "drift specs", 2);
    for (state, count) in [("differing", 1), ("missing", 1), ("in_sync", 1), ("unknown", 0)] {
        assert_eq!(resources(&samples, state), count, "{state}");
    }
    let extra = format!("keyless_resources{{{},state=\"extra\"}}", place());
    assert_eq!((samples[&extra], samples[&keys]), (1, 1), "{samples:#?}");
    assert_eq!(metrics(&folder, "plan specs", 0)[&keys], 1);

    // What could not be read is neither missing nor in sync.
    azure.spoil("GET", "/roleAssignments?", Fault::denied());
    let samples = metrics(&folder, "drift specs", 1);
    assert!(samples["keyless_last_run_whole"] == 0 && samples["keyless_unread_scopes"] > 0, "{samples:#?}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn access_keys_apply_and_a_run_that_failed_are_counted_too() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write(
        "specs/ml.yaml",
        one_account("ml", "chat", &format!("disableLocalAuth: true\n{}", grants(&[ALICE, BOB]))),
    );
    let samples = metrics(&folder, "apply specs --yes", 0);
    assert_eq!(
        (samples["keyless_steps{result=\"done\"}"], samples["keyless_steps{result=\"failed\"}"]),
        (3, 0)
    );
    let samples = metrics(&folder, "access specs", 0);
    assert!(samples[&format!("keyless_principals{{{}}}", place())] >= 2, "{samples:#?}");
    assert_eq!(
        metrics(&folder, "keys status specs", 0)[&format!("keyless_api_keys_enabled{{{}}}", place())],
        0
    );
    folder.write("specs/ml.yaml", "version: 1\nstack: ml\nsubscriptio: x\n");
    let samples = metrics(&folder, "drift specs", 1);
    assert!(samples["keyless_findings{severity=\"error\"}"] >= 1 && samples["keyless_last_run_whole"] == 0);
    folder.write("specs/ml.yaml", one_account("ml", "chat", ""));
    let nowhere = Folder::at("http://127.0.0.1:1");
    nowhere.write("specs/ml.yaml", one_account("ml", "chat", ""));
    assert_eq!(metrics(&nowhere, "drift specs", 1)["keyless_last_run_whole"], 0);
}
