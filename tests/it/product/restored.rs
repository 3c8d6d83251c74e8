//! Soft-deleted accounts that come back: what comes back open is as visible as what is made open.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, Folder, Run, account, grants, one_account};

const APP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app";
const UNKNOWN: &str =
    "until it is restored, Azure does not show which deployments, projects and connections come back with it";

fn deleted(azure: &Azure, properties: &Value) -> Folder {
    let mut all = json!({"customSubDomainName": "chat"});
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    azure.make_account("chat", &all);
    azure.delete(&account("chat"));
    azure.folder()
}

fn spec(lines: &str) -> String {
    one_account("team-a", "chat", lines).replace("stack: team-a", "stack: team-a\nonSoftDeleted: restore")
}

fn told(run: &Run) -> String {
    let findings = run.json()["findings"].as_array().unwrap().clone();
    let found: Vec<&Value> =
        findings.iter().filter(|finding| finding["code"] == "restored-as-it-was").collect();
    assert_eq!(found.len(), 1, "{run}");
    assert_eq!((&found[0]["severity"], &found[0]["source"]["line"]), (&json!("warning"), &json!(8)));
    found[0]["message"].as_str().unwrap().to_owned()
}

#[test]
fn what_comes_back_and_is_not_declared_is_told() {
    let rules = json!({"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "192.0.2.0/24"}]}});
    for (live, lines, words) in [
        (
            json!({}),
            "tags: {a: b}\n",
            "declares: API keys on, its network open to every address; until it is restored, Azure",
        ),
        (
            json!({"disableLocalAuth": true}),
            "tags: {a: b}\n",
            "declares: API keys off, its network open to every address; until it is restored, Azure",
        ),
        (
            rules.clone(),
            "disableLocalAuth: true\n",
            "declares: its network open to `192.0.2.0/24`; until it is restored, Azure",
        ),
        (
            json!({"publicNetworkAccess": "Disabled"}),
            "disableLocalAuth: true\n",
            "declares: its network closed to every public address; until it is restored, Azure",
        ),
        (
            rules,
            "disableLocalAuth: true\npublicNetworkAccess: Enabled\nnetworkAcls: {defaultAction: Deny}\n",
            "the spec declares; until it is restored, Azure",
        ),
    ] {
        let azure = Azure::start();
        let folder = deleted(&azure, &live);
        folder.write("a.yaml", spec(lines));
        let message = told(&folder.keyless("plan a.yaml --allow lock-out --format json").exits(0));
        assert!(message.contains(words) && message.contains(UNKNOWN), "{lines}\n{message}");
    }
}

#[test]
fn attached_identities_come_back_too() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.patch(
        &account("chat"),
        json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {APP: {}}}}),
    );
    azure.get(&account("chat"));
    azure.delete(&account("chat"));
    let folder = azure.folder();
    folder.write("a.yaml", spec("disableLocalAuth: true\n"));
    let message = told(&folder.keyless("plan a.yaml --allow lock-out --format json").exits(0));
    assert!(message.contains("user-assigned identities `app`"), "{message}");
}

#[test]
fn keys_turned_on_by_a_restore_show_as_access_for_anyone_in_every_format() {
    let azure = Azure::start();
    let folder = deleted(&azure, &json!({}));
    folder.write("a.yaml", spec(&format!("tags: {{a: b}}\n{}", grants(&[ALICE]))));
    let words = [
        "Azure restores it with its old settings, then keyless writes what is declared",
        "+ anyone with an API key",
        "warning[restored-as-it-was]",
        UNKNOWN,
    ];
    let run = folder.keyless("plan a.yaml --out plan.json --report markdown=r.md").exits(0).says(&words);
    assert!(!run.stdout.contains("keys-enabled"), "it is said once: {run}");
    folder.keyless("show plan.json").exits(0).says(&words);
    folder
        .keyless("show plan.json --format markdown")
        .exits(0)
        .says(&["gains anyone with an API key", UNKNOWN]);
    let report = std::fs::read_to_string(folder.path().join("r.md")).unwrap();
    assert!(report.contains("gains anyone with an API key") && report.contains(UNKNOWN), "{report}");
    let json = folder.keyless("plan a.yaml --format json").exits(0);
    json.fits("plan");
    assert_eq!(json.json()["access"][0]["keys"], json!({"before": null, "after": "enabled"}));
    folder.keyless("apply plan.json --yes").exits(0).says(&words);
    let again = folder.keyless("plan a.yaml").exits(0);
    assert!(!again.stdout.contains("restored-as-it-was") && !again.stdout.contains("anyone with"), "{again}");
    again.says(&["account chat accepts API keys, and the spec does not set `disableLocalAuth`"]);
}

#[test]
fn keys_turned_off_and_deleted_accounts_show_as_lost_access() {
    let azure = Azure::start();
    let folder = deleted(&azure, &json!({}));
    folder.write("a.yaml", spec(&format!("disableLocalAuth: true\n{}", grants(&[ALICE]))));
    let run = folder.keyless("plan a.yaml").exits(0);
    assert!(!run.stdout.contains("anyone with an API key"), "{run}");
    let other = Azure::start();
    other.make_account("chat", &json!({"customSubDomainName": "chat"}));
    other.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-a"}}));
    let folder = other.folder();
    folder.write("a.yaml", one_account("team-a", "new", "tags: {a: b}\n"));
    let run = folder.keyless("plan a.yaml --allow delete-account --format json").exits(0);
    assert_eq!(run.json()["access"][0]["keys"], json!({"before": "enabled", "after": null}));
}
