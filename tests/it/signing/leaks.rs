//! No secret in anything that a run writes, in any form, at any verbosity.
//!
//! The sandbox is strict: it gives a token to whoever sent the right secret and to nobody else, so whatever works here was sent.

use serde_json::json;

use super::{APP, federated, folder};
use crate::common::cloud::Cloud;
use crate::common::leaks::{self, SECRET, written};
use crate::common::{ALICE, Folder, Run};

/// Neither the run nor any file of its folder holds a secret, or the beginning of a token: `{"` in base64.
#[track_caller]
fn holds_none(folder: &Folder, run: &Run, secrets: &[&str]) {
    leaks::holds_none(folder, run, secrets);
    for (name, text) in written(folder, run) {
        assert!(!text.contains("eyJ"), "a token is in {name}:\n{text}\n{run}");
    }
}

const RUNS: &[(&str, i32)] = &[
    ("doctor -vvv", 0),
    ("lock -vvv", 0),
    ("plan -vvv --out plan.json --report json=plan-report.json --report sarif=plan.sarif", 0),
    ("show plan.json -vvv", 0),
    ("apply -vvv --yes --report json=report.json --report markdown=report.md", 0),
    ("drift -vvv --format json", 0),
];

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_clients_secret_and_its_tokens_show_nowhere() {
    let cloud = Cloud::start();
    cloud.application("pipeline", APP, json!({"secret": SECRET}), Some("Owner"));
    cloud.know("users", &json!([{"id": ALICE, "userPrincipalName": "alice@contoso.com"}]));
    let good = folder(&cloud, &[("AZURE_CLIENT_SECRET", SECRET)]);
    for (arguments, code) in RUNS {
        let run = good.keyless(arguments).exits(*code);
        holds_none(&good, &run, &[SECRET]);
        if arguments.starts_with("plan") {
            assert!(run.stderr.contains("answered"), "requests are logged at -vvv\n{run}");
        }
    }
    // A secret that is refused is as secret.
    let wrong = folder(&cloud, &[("AZURE_CLIENT_SECRET", "s3cret that+is/wrong")]);
    holds_none(&wrong, &wrong.keyless("plan -vvv").exits(1), &["s3cret that+is/wrong"]);
}

#[test]
fn an_assertion_shows_nowhere() {
    let cloud = Cloud::start();
    let trust = json!([{"issuer": "https://token.test", "subject": "pod"}]);
    cloud.application("pipeline", APP, json!({"federatedCredentials": trust}), Some("Owner"));
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("token");
    for (subject, code) in [("pod", 0), ("another", 1)] {
        let token = federated("https://token.test", subject, 4_000_000_000);
        std::fs::write(&file, &token).unwrap();
        let folder = folder(&cloud, &[("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap())]);
        let run = folder.keyless("doctor -vvv").exits(code);
        holds_none(&folder, &run, &[&token]);
    }
}
