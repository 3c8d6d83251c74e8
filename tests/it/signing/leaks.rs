//! No secret in anything that a run writes, in any form, at any verbosity.
//!
//! The sandbox is strict: it gives a token to whoever sent the right secret and to nobody else, so whatever works here was sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{APP, federated, folder};
use crate::common::cloud::Cloud;
use crate::common::{ALICE, Folder, Run};

/// Looks different in JSON, in a URL and in base64.
const SECRET: &str = "s3cret/of+the \"test\"&more=1";

/// The forms in which a secret could stand somewhere.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        json!(secret).to_string().trim_matches('"').to_owned(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        secret.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", "),
    ];
    // Wherever in a longer text it stands, one of three base64 texts holds its inner part.
    for before in 0..3 {
        let text = STANDARD.encode(format!("{}{secret}", "x".repeat(before)));
        let inner = text.trim_end_matches('=');
        let inner = &inner[4..inner.len() - 2];
        forms.extend([inner.to_owned(), inner.replace('+', "-").replace('/', "_")]);
    }
    forms.extend(["s3cret".to_owned()]);
    forms
}

/// Neither the run nor any file of its folder holds a secret or a token.
#[track_caller]
fn holds_none(folder: &Folder, run: &Run, secrets: &[&str]) {
    let mut texts = vec![run.stdout.clone(), run.stderr.clone()];
    let mut folders = vec![folder.path().to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                texts.push(String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
            }
        }
    }
    for form in secrets.iter().flat_map(|secret| forms(secret)).chain(["eyJ".to_owned()]) {
        assert!(texts.iter().all(|text| !text.contains(&form)), "`{form}` shows\n{run}");
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
        let payload = token.split('.').nth(1).unwrap();
        holds_none(&folder, &run, &[]);
        assert!(!run.stdout.contains(payload) && !run.stderr.contains(payload), "{run}");
    }
}
