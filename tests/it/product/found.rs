//! What a step finds there, made or brought back by something else than its own write: it counts as done once Azure has completed it, and as
//! made where it is nothing else than what the plan would have made.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, Fault, Folder, account, few, grants, one_account};

const LIFTS: &str = "--yes --allow delete-account --allow delete-deployment --allow lock-out";
const GPT: &str = "deployments: [{name: gpt, model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}, sku: {name: GlobalStandard, capacity: 1}}]\n";

type Edit = fn(&mut Value);

/// Ends that are not well, each with what makes an answer show it.
const STATES: [(&str, Edit); 4] = [
    ("Failed", |body| set(body, "Failed")),
    ("Canceled", |body| set(body, "Canceled")),
    ("Deleting", |body| set(body, "Deleting")),
    ("Disabled", |body| set(body, "Disabled")),
];

fn set(body: &mut Value, state: &str) {
    // Not in an error.
    if body["properties"].is_object() {
        body["properties"]["provisioningState"] = json!(state);
    }
}

fn deletes(azure: &Azure) -> Vec<String> {
    let writes = azure.take_writes().into_iter().filter(|seen| seen.method == "DELETE");
    writes.map(|seen| seen.path().to_owned()).collect()
}

fn spec(name: &str, lines: &str) -> String {
    one_account("team-a", name, lines).replace("stack: team-a", "stack: team-a\nonSoftDeleted: restore")
}

/// A stack whose account is deleted, and another that was deleted by hand and is recreated in its place.
fn moving(lines: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    let both = spec("old", lines) + spec("new", lines).split("accounts:\n").nth(1).unwrap();
    folder.write("a.yaml", both);
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.delete(&account("new"));
    azure.take_seen();
    folder.write("a.yaml", spec("new", lines));
    (azure, folder)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_restored_deployment_replaces_nothing_until_azure_has_completed_it() {
    for (state, edit) in few(2, STATES) {
        let (azure, folder) = moving(&format!("{}{GPT}", grants(&[ALICE])));
        azure.spoil("GET", "/accounts/new/deployments/gpt?", Fault::Edit(edit));
        let run = folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(1);
        let run = run.says(&[
            "failed to create deployment gpt of new",
            &format!("it was already as declared, but the operation failed: Azure reports `{state}`"),
        ]);
        assert!(deletes(&azure).is_empty(), "{run}");
        azure.heal();
        folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(0);
        assert_eq!(deletes(&azure).len(), 2, "{state}: the old account's user, then the account");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_restore_whose_answer_is_lost_is_done_once_azure_has_completed_it() {
    for (state, edit) in few(2, STATES) {
        let (azure, folder) = moving(&grants(&[ALICE]));
        let lost = json!([{"method": "PUT", "path": "*/accounts/new", "drop": "after", "nth": 1}]);
        assert!(azure.send("POST", "/_sandbox/faults", Some(lost)).status < 300);
        azure.spoil("GET", "/accounts/new?", Fault::Edit(edit));
        let run = folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(1);
        let run = run.says(&[&format!("Azure reports `{state}`"), "0 done, 1 failed"]);
        assert!(deletes(&azure).is_empty(), "{run}");
        azure.heal();
        folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(0);
        assert_eq!(deletes(&azure).len(), 2, "{state}");
    }
}

/// A mark, an update and a creation that find their work done: each is judged.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_resource_created_by_somebody_else_is_done_once_azure_has_completed_it() {
    let lines = |lines: &str| one_account("team-a", "chat", &format!("disableLocalAuth: false\n{lines}"));
    for (state, edit) in few(2, STATES) {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", lines(GPT));
        folder.keyless("apply a.yaml --yes").exits(0);
        // Made by a run at the same time, which the list does not show yet.
        let mut other = azure.get(&format!("{}/deployments/gpt", account("chat")));
        for (place, to) in [("id", "new"), ("name", "new")] {
            other[place] = json!(other[place].as_str().unwrap().replace("gpt", to));
        }
        edit(&mut other);
        folder.write("a.yaml", lines(&GPT.replace("name: gpt,", "name: new,")));
        azure.spoil("GET", "/deployments/new?", Fault::Answer(200, "application/json", other.to_string()));
        azure.take_seen();
        let run = folder.keyless(&format!("apply a.yaml {LIFTS}")).exits(1);
        let run = run.says(&["failed to create deployment new of chat", &format!("Azure reports `{state}`")]);
        assert!(azure.take_writes().is_empty(), "{run}");
        azure.heal();
        // An update of what has failed is written all the same, and one that finds its work done is judged.
        folder.write("a.yaml", lines(&format!("tags: {{a: b}}\n{GPT}")));
        let mut live = azure.get(&account("chat"));
        live["tags"]["a"] = json!("b");
        edit(&mut live);
        azure.spoil("GET", "/accounts/chat?", Fault::Answer(200, "application/json", live.to_string()));
        let run = folder.keyless("apply a.yaml --yes").exits(1);
        let run = run.says(&["failed to update account chat", &format!("Azure reports `{state}`")]);
        assert!(azure.take_writes().is_empty(), "{run}");
    }
}

#[test]
fn an_update_of_what_has_failed_is_written() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", GPT));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", &GPT.replace("capacity: 1", "capacity: 2")));
    azure.spoil(
        "GET",
        "/deployments",
        Fault::Edit(|body| {
            for item in body["value"].as_array_mut().into_iter().flatten() {
                set(item, "Failed");
            }
        }),
    );
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    run.complains(&["updated  deployment gpt of chat"]);
}

/// No other write of the stack's than the one that is judged: the answer of a write that Azure gives up on is an end too.
#[test]
fn a_write_answered_with_deleting_or_disabled_has_failed() {
    for (state, edit) in STATES {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", one_account("team-a", "chat", ""));
        azure.spoil("PUT", "/accounts/chat?", Fault::Edit(edit));
        azure.spoil("GET", "/accounts/chat?", Fault::Edit(edit));
        let run = folder.keyless("apply a.yaml --yes").exits(1);
        run.says(&[&format!("Azure reports `{state}`")]);
    }
}

/// A content filter that stops nothing, made by hand.
fn off() -> Value {
    let filters: Vec<Value> = ["Hate", "Violence", "Sexual", "Selfharm"]
        .into_iter()
        .flat_map(|name| ["Prompt", "Completion"].map(|source| json!({"name": name, "source": source, "enabled": false, "blocking": false, "severityThreshold": "High"})))
        .collect();
    json!({"properties": {"basePolicyName": "Microsoft.DefaultV2", "mode": "Blocking", "contentFilters": filters}})
}

/// A stack's account that was deleted after something in it was changed by hand, and comes back with it.
fn returning(lines: &str, change: impl Fn(&Azure)) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec("chat", lines));
    folder.keyless("apply a.yaml --yes").exits(0);
    change(&azure);
    azure.delete(&account("chat"));
    azure.take_seen();
    (azure, folder)
}

/// A child as it can be written again, with some properties of one's own.
fn rewrite(azure: &Azure, path: &str, properties: &Value) {
    let path = format!("{}/{path}", account("chat"));
    let mut body = azure.get(&path);
    for name in ["provisioningState", "capabilities", "currentCapacity", "rateLimits"] {
        body["properties"].as_object_mut().unwrap().remove(name);
    }
    body["properties"].as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    azure.put(&path, body);
}

const JUDGED: &str =
    "it already exists, with settings that the spec does not declare and no guard has judged: ";

#[test]
fn a_deployment_restored_with_another_filter_than_the_default_is_not_done() {
    let lines = format!("{}{GPT}", grants(&[ALICE]));
    let (_azure, folder) = returning(&lines, |azure| {
        azure.put(&format!("{}/raiPolicies/off", account("chat")), off());
        rewrite(azure, "deployments/gpt", &json!({"raiPolicyName": "off"}));
    });
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    run.says(&[JUDGED, "`raiPolicyName` is `\"off\"`", "run `plan` again"]);
    // It is live now, and a plan reads it as it is.
    folder.keyless("plan a.yaml").exits(0).says(&["No changes"]);
    folder.write(
        "a.yaml",
        spec("chat", &lines.replace("{name: gpt,", "{name: gpt, raiPolicyName: Microsoft.DefaultV2,")),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
}

#[test]
fn what_comes_back_as_a_new_one_would_be_is_as_good_as_made() {
    let lines = format!(
        "raiPolicies: [{{name: mine, mode: Blocking, contentFilters: [{{name: Hate, source: Prompt, enabled: true, blocking: true, severityThreshold: Medium}}]}}]\n{GPT}"
    );
    let (azure, folder) = returning(&lines, |_| ());
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(azure.take_writes().len(), 1, "the restore");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_content_filter_that_comes_back_with_what_nobody_declares_is_not_made() {
    let some = |filters: &str| format!("raiPolicies: [{{name: mine{filters}}}]\n");
    let hate = ", contentFilters: [{name: Hate, source: Prompt, blocking: true, severityThreshold: Medium}]";
    let blind = json!([{"name": "Hate", "source": "Prompt", "enabled": false, "blocking": true, "severityThreshold": "Medium"}]);
    for (lines, properties, words) in [
        (some(""), json!({"mode": "Asynchronous_filter"}), "`mode` is `\"Asynchronous_filter\"`"),
        (some(""), off()["properties"].clone(), "`contentFilters` is `["),
        (
            some(hate),
            json!({"mode": "Blocking", "contentFilters": blind}),
            "`enabled` of `Hate Prompt` is `false`",
        ),
    ] {
        let (_azure, folder) = returning(&lines, |azure| rewrite(azure, "raiPolicies/mine", &properties));
        folder.keyless("apply a.yaml --yes").exits(1).says(&[JUDGED, words]);
    }
}

#[test]
fn a_project_that_is_there_with_an_identity_of_others_is_not_made() {
    const APP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app";
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = |name: &str| one_account("team-a", "chat", &format!("projects: [{{name: {name}}}]\n"));
    folder.write("a.yaml", lines("first"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let mut other = azure.get(&format!("{}/projects/first", account("chat")));
    other["identity"]["type"] = json!("SystemAssigned, UserAssigned");
    other["identity"]["userAssignedIdentities"] = json!({ APP: {} });
    folder.write("a.yaml", lines("main"));
    azure.spoil("GET", "/projects/main?", Fault::Answer(200, "application/json", other.to_string()));
    azure.take_seen();
    let run = folder.keyless("apply a.yaml --yes --allow delete-project").exits(1);
    let run = run.says(&[JUDGED, "`identity.userAssigned` is `["]);
    assert!(azure.take_writes().is_empty(), "{run}");
}

/// The secret would go to where somebody else has said.
#[test]
fn a_connection_restored_with_an_undeclared_host_is_sent_no_secret() {
    let lines = "connections: [{name: search, category: ApiKey, authType: ApiKey, credentials: {key: '${secret.SEARCH}'}}]\n";
    let azure = Azure::start();
    let folder = azure.folder();
    let apply = || folder.with_env("apply a.yaml --yes", &[("KEYLESS_SECRET_SEARCH", "a-key-of-search")]);
    folder.write("a.yaml", spec("chat", lines));
    apply().exits(0);
    let path = format!("{}/connections/search", account("chat"));
    let properties = json!({"category": "ApiKey", "authType": "ApiKey", "target": "https://elsewhere.example", "credentials": {"key": "another-key"}});
    azure.put(&path, json!({ "properties": properties }));
    azure.delete(&account("chat"));
    azure.take_seen();
    let run = apply().exits(1);
    run.says(&[JUDGED, "`target` is `\"https://elsewhere.example\"`"]);
    assert_eq!(azure.take_writes().len(), 1, "the restore");
}
