//! Which accounts take keys, and making the old ones worthless without seeing a new one.

use base64::Engine as _;
use serde_json::{Value, json};

use super::accounts;
use crate::common::{Azure, Fault, Run, SUB, account};

fn live() -> Azure {
    let azure = Azure::start();
    azure.make_account("on", &json!({"customSubDomainName": "on"}));
    azure.make_account("off", &json!({"customSubDomainName": "off", "disableLocalAuth": true}));
    azure
}

fn keys(azure: &Azure, name: &str) -> Value {
    azure.send("POST", &format!("{}/listKeys", account(name)), None).body
}

fn statuses(run: &Run) -> Vec<String> {
    let document = run.json();
    let accounts = document["accounts"].as_array().unwrap().clone();
    let of = |account: &Value| -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let keys = account["keys"].as_array().unwrap().clone();
        keys.iter()
            .map(|key| format!("{}/{} {}", text(&account["name"]), text(&key["name"]), text(&key["status"])))
            .collect()
    };
    accounts.iter().flat_map(of).collect()
}

#[test]
fn status_says_which_accounts_take_keys_and_reads_none() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["on", "off"]));
    let run = folder.keyless("keys status --format json").exits(2);
    run.fits("keys-status");
    assert_eq!(
        run.json()["accounts"][0]["keys"],
        "enabled",
        "a field that is not there means that keys are on"
    );
    assert_eq!(run.json()["accounts"][1]["keys"], "disabled");
    folder.keyless("keys status").exits(2).says(&[
        "API keys on:  account on  specs/a.yaml:7",
        "API keys off: account off  specs/a.yaml:9",
        "1 of 2 accounts accepts API keys. 1 read, 0 writes.",
    ]);
    folder.keyless("keys status --format markdown").exits(2).says(&["| **enabled** | on |"]);
    folder.write("off.yaml", accounts(&["off"]));
    folder.keyless("keys status off.yaml").exits(0).says(&["the account does not accept API keys. 1 read"]);
    assert_eq!(azure.take_writes().len(), 0);
}

#[test]
fn status_of_a_subscription_needs_no_specs() {
    let azure = live();
    let folder = azure.folder();
    let run = folder.keyless(&format!("keys status --subscription {SUB} --format json")).exits(2);
    run.fits("keys-status");
    assert_eq!(run.json()["summary"], json!({"enabled": 1, "disabled": 1}));
    folder.keyless("keys status --subscription prod").exits(1).complains(&["GUID"]);
    azure.spoil("GET", "Microsoft.CognitiveServices/accounts", Fault::denied());
    let run = folder.keyless(&format!("keys status --subscription {SUB} --format json")).exits(1);
    assert_eq!(run.findings(), ["unknown-state@0"]);
}

#[test]
fn what_cannot_be_read_is_not_said_to_refuse_keys() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["off", "gone"]));
    let run = folder.keyless("keys status --format json").exits(1);
    assert_eq!(run.findings(), ["account-absent@9"]);
    azure.spoil("GET", "Microsoft.CognitiveServices/accounts", Fault::CutOff);
    let run = folder.keyless("keys status --format json").exits(1);
    assert_eq!(run.json()["accounts"], json!([]));
}

#[test]
fn revoking_changes_both_keys_and_no_output_holds_a_new_one() {
    let azure = live();
    let old = keys(&azure, "on");
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["on"]));
    azure.take_seen();
    let run = folder
        .keyless("keys revoke --yes -vvv --format json --report human=r.txt --report markdown=r.md --report sarif=r.sarif")
        .exits(0);
    run.fits("keys-revoke");
    assert_eq!(statuses(&run), ["on/Key1 regenerated", "on/Key2 regenerated"]);
    let writes = azure.take_writes();
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert!(writes.iter().all(|seen| seen.path().ends_with("/regenerateKey")), "{writes:?}");
    let new = keys(&azure, "on");
    let mut shown = format!("{}{}", run.stdout, run.stderr);
    for file in ["r.txt", "r.md", "r.sarif"] {
        shown += &std::fs::read_to_string(folder.path().join(file)).unwrap();
    }
    for name in ["key1", "key2"] {
        let (old, new) = (old[name].as_str().unwrap(), new[name].as_str().unwrap());
        assert_ne!(old, new, "the sandbox must have sent another {name}");
        for secret in [old, new] {
            let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret);
            assert!(!shown.contains(secret) && !shown.contains(&encoded), "{name} leaks:\n{shown}");
        }
    }
    assert!(
        shown.contains("regenerateKey"),
        "-vvv shows the requests, so that a key could have leaked:\n{shown}"
    );
}

#[test]
fn an_answer_with_a_key_that_is_not_json_leaks_nothing_and_counts() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["on"]));
    for kind in ["application/json", "text/html"] {
        azure.heal();
        let text = "{\"key1\": \"f00dfeedf00dfeed\", \"key2\": ".to_owned();
        azure.spoil("POST", "regenerateKey", Fault::Answer(200, kind, text));
        let run = folder.keyless("keys revoke --yes -vvv").exits(0);
        assert!(!format!("{}{}", run.stdout, run.stderr).contains("f00dfeed"), "{run}");
    }
}

#[test]
fn nothing_is_regenerated_without_a_yes() {
    let azure = live();
    let old = keys(&azure, "on");
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["on"]));
    folder.keyless("keys revoke").exits(1).complains(&[
        "cannot ask for confirmation: stdin is not a terminal",
        "check `keyless keys status`, then run this command again with `--yes`",
    ]);
    assert_eq!(keys(&azure, "on"), old);
}

#[test]
fn a_failure_is_told_for_the_key_it_is_of_and_the_rest_goes_on() {
    let azure = live();
    azure.make_account("other", &json!({"customSubDomainName": "other"}));
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["on", "other", "gone"]));
    azure.spoil("POST", "accounts/on/regenerateKey", Fault::denied());
    let run = folder.keyless("keys revoke --yes --format json").exits(1);
    assert_eq!(
        statuses(&run),
        ["on/Key1 failed", "on/Key2 failed", "other/Key1 regenerated", "other/Key2 regenerated"]
    );
    assert_eq!(run.json()["summary"], json!({"regenerated": 2, "failed": 2, "unknown": 0}));
    assert_eq!(run.findings(), ["keys-not-revoked@7", "keys-not-revoked@7", "account-absent@11"]);
    let right = "the caller needs `Microsoft.CognitiveServices/accounts/regenerateKey/action`";
    folder.keyless("keys revoke --yes").exits(1).says(&[right]);
}

#[test]
fn a_lost_answer_is_unknown_and_not_repeated_by_itself() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["on"]));
    azure.spoil("POST", "regenerateKey", Fault::error(500, "InternalServerError", "lost"));
    let run = folder.keyless("keys revoke --yes --format json").exits(1);
    assert_eq!(statuses(&run), ["on/Key1 unknown", "on/Key2 unknown"]);
    assert_eq!(azure.take_writes().len(), 2, "once for each key");
    folder.keyless("keys revoke --yes").exits(1).says(&["regenerating twice does no harm"]);
}

/// What stands where an id should could be a key as well as the words of the answer could.
#[test]
fn what_does_not_look_like_the_id_of_a_request_is_not_shown() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["on"]));
    for (id, is_shown) in [
        ("f00dfeedf00dfeedf00dfeedf00dfeed", false),
        ("f00d feed; key=f00d", false),
        ("7c1e0d52-1a08-4d7b-9f5e-2f6f0c1d9a11", true),
    ] {
        azure.heal();
        azure.spoil("POST", "regenerateKey", Fault::Header("x-ms-request-id", id));
        let run = folder.keyless("keys revoke --yes -vvv").exits(1);
        assert_eq!(format!("{}{}", run.stdout, run.stderr).contains(id), is_shown, "{id}: {run}");
        assert!(run.stdout.contains("Azure answered 403"), "{run}");
    }
}

#[test]
fn an_account_whose_keys_are_off_gets_azures_own_answer() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["off"]));
    let run = folder.keyless("keys revoke --yes").exits(1);
    run.says(&["failed", "Azure answered 400", "its keys are disabled"]);
    // Who lacks the right has to hear of that, and of an account whose keys are on nobody says that they are off.
    for (name, fault, hint) in [
        (
            "off",
            Fault::denied(),
            "the caller needs `Microsoft.CognitiveServices/accounts/regenerateKey/action`",
        ),
        ("on", Fault::error(400, "BadRequest", "no"), "Azure answered 400"),
    ] {
        azure.spoil("POST", "regenerateKey", fault);
        folder.write("specs/a.yaml", accounts(&[name]));
        let run = folder.keyless("keys revoke --yes").exits(1).says(&["failed", hint]);
        assert!(!run.stdout.contains("its keys are disabled"), "{run}");
    }
}

#[test]
fn only_named_accounts_and_none_outside_of_the_pin() {
    let azure = live();
    azure.make_account("other", &json!({"customSubDomainName": "other"}));
    let old = keys(&azure, "other");
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["on", "other", "gone"]));
    let run = folder.keyless("keys revoke --yes --account ON --format json").exits(0);
    assert_eq!(statuses(&run), ["on/Key1 regenerated", "on/Key2 regenerated"]);
    folder
        .keyless("keys revoke --yes --account onn")
        .exits(1)
        .complains(&["no spec declares", "accounts/on"]);
    let pin = format!("--within /subscriptions/{SUB}/resourceGroups/elsewhere");
    folder
        .keyless(&format!("keys revoke --yes --account other {pin}"))
        .exits(1)
        .complains(&["is outside of `--within`"]);
    assert_eq!(keys(&azure, "other"), old);
}
