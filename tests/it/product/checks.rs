//! What a plan asks Azure before it promises anything: which list it goes by, what of an answer counts, and what no answer means.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, CS_USER, Fault, Folder, Run, SUB, account, few, grants, head, one_account,
};

const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";

/// A live account with one deployment of 600, of a quota of 1000.
fn deployed() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(600, "GlobalStandard", ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    (azure, folder)
}

/// A spec of one deployment, and lines that follow it.
fn spec(capacity: u32, sku: &str, more: &str) -> String {
    one_account(
        "team-a",
        "chat",
        &format!(
            "disableLocalAuth: true\ndeployments:\n  - name: big\n    model: {{format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}}\n    sku: {{name: {sku}, capacity: {capacity}}}\n{more}"
        ),
    )
}

#[track_caller]
fn plan(folder: &Folder, spec: &str) -> Run {
    folder.write("a.yaml", spec);
    folder.keyless("plan a.yaml --format json")
}

/// The codes of a plan's findings, without their lines.
fn codes(run: &Run) -> Vec<String> {
    run.findings().into_iter().map(|finding| finding.split('@').next().unwrap().to_owned()).collect()
}

#[test]
fn what_a_deployment_draws_already_is_not_counted_twice() {
    let (_azure, folder) = deployed();
    for (capacity, exceeded) in [(900, false), (1000, false), (1001, true), (100, false)] {
        let run = plan(&folder, &spec(capacity, "GlobalStandard", ""));
        assert_eq!(codes(&run).contains(&"quota-exceeded".to_owned()), exceeded, "{capacity}: {run}");
        assert_eq!(run.code, i32::from(exceeded), "{run}");
    }
    // What it draws on one quota frees nothing of another, and goes with the deployment.
    let run = plan(&folder, &spec(501, "DataZoneStandard", ""));
    assert_eq!(codes(&run), ["quota-exceeded"], "{run}");
    let message = run.json()["findings"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("0 of 500 in use, and the plan adds 501"), "{message}");
    assert_eq!(codes(&plan(&folder, &spec(500, "DataZoneStandard", ""))), [""; 0]);
}

/// Azure no longer offers the model that is deployed.
fn withdraw(azure: &Azure) {
    azure.spoil(
        "GET",
        "/models?",
        Fault::Edit(|list| {
            list["value"].as_array_mut().unwrap().retain(|item| {
                let model = if item["model"].is_object() { &item["model"] } else { item };
                model["name"] != "gpt-4o"
            });
        }),
    );
}

#[test]
fn a_deployment_of_a_model_that_is_no_longer_offered_can_still_be_changed() {
    let (azure, folder) = deployed();
    withdraw(&azure);
    for changed in [
        spec(900, "GlobalStandard", ""),
        spec(600, "GlobalStandard", "    versionUpgradeOption: NoAutoUpgrade\n"),
    ] {
        let run = plan(&folder, &changed).exits(0);
        assert_eq!((codes(&run), run.changes("update").len()), (vec![], 1), "{run}");
    }
    // A new one is another matter.
    let second = "  - name: second\n    model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}\n    sku: {name: GlobalStandard, capacity: 1}\n";
    let run = plan(&folder, &spec(600, "GlobalStandard", second)).exits(1);
    assert_eq!(codes(&run), ["unknown-model"], "{run}");
}

#[test]
fn nothing_about_models_is_asked_where_no_model_is_written() {
    let (azure, folder) = deployed();
    plan(&folder, &spec(600, "GlobalStandard", "    versionUpgradeOption: NoAutoUpgrade\n")).exits(0);
    let asked = |part: &str| azure.take_seen().iter().filter(|seen| seen.path().ends_with(part)).count();
    assert_eq!(asked("/models"), 0);
    plan(&folder, &spec(700, "GlobalStandard", "")).exits(0);
    assert_eq!(asked("/accounts/chat/models"), 1, "the control");
}

#[test]
fn a_live_accounts_own_model_list_includes_its_fine_tuned_models() {
    let (azure, folder) = deployed();
    azure.spoil(
        "GET",
        "/accounts/chat/models?",
        Fault::Edit(|list| {
            let models = list["value"].as_array_mut().unwrap();
            let mut tuned = models.iter().find(|model| model["name"] == "gpt-4o").unwrap().clone();
            tuned["name"] = json!("gpt-4o-2024-08-06.ft-9a");
            tuned["version"] = json!("2024-08-06");
            models.push(tuned);
        }),
    );
    let tuned = |account: &str, name: &str| {
        let spec = spec(
            600,
            "GlobalStandard",
            &format!(
                "  - name: tuned\n    model: {{format: OpenAI, name: {name}, version: \"2024-08-06\"}}\n    sku: {{name: GlobalStandard, capacity: 1}}\n"
            ),
        );
        spec.replace("- name: chat", &format!("- name: {account}"))
    };
    let run = plan(&folder, &tuned("chat", "gpt-4o-2024-08-06.ft-9a")).exits(0);
    assert_eq!((codes(&run), run.changes("create").len()), (vec![], 1), "{run}");
    let seen = azure.take_seen();
    assert!(!seen.iter().any(|seen| seen.path().ends_with("/locations/eastus2/models")), "{seen:?}");
    let run = plan(&folder, &tuned("chat", "gpt-4o-2024-08-06.ft-7b")).exits(1);
    let finding = run.json()["findings"][0].clone();
    assert!(finding["message"].as_str().unwrap().starts_with("account `chat` offers no model"), "{run}");
    // A new account has no list yet: its region's knows nothing of what others were tuned to.
    let run = plan(&folder, &tuned("new", "gpt-4o-2024-08-06.ft-9a"));
    let of_model: Vec<Value> = run.json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["code"] == "unknown-model")
        .cloned()
        .collect();
    assert!(of_model[0]["message"].as_str().unwrap().starts_with("region `eastus2` offers no"), "{run}");
}

#[test]
fn models_that_may_not_be_read_are_a_note_for_a_live_account_too() {
    let (azure, folder) = deployed();
    for (part, fault) in [
        ("/accounts/chat/models?", Fault::denied()),
        ("/accounts/chat/models?", Fault::error(404, "ResourceNotFound", "no")),
        ("/accounts/chat/models?", Fault::error(429, "TooManyRequests", "slow down")),
        ("/locations/eastus2/usages?", Fault::error(404, "NotFound", "no")),
    ] {
        azure.spoil("GET", part, fault.clone());
        let run = plan(&folder, &spec(700, "GlobalStandard", "")).exits(0);
        assert_eq!(codes(&run), ["not-checked"], "{part} {fault:?}: {run}");
        azure.heal();
    }
}

/// An unmarked assignment that would do for the declared one.
fn with_a_grant_by_hand() -> (Azure, Folder) {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.grant(&account("chat"), "d0000000-0000-4000-8000-000000000001", CS_USER, ALICE, None);
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    (azure, folder)
}

#[test]
fn without_a_license_for_privileged_identity_management_nothing_is_temporary_and_nothing_is_said() {
    let (azure, folder) = with_a_grant_by_hand();
    let part = "/roleAssignmentScheduleInstances?";
    azure.spoil("GET", part, Fault::error(400, "AadPremiumLicenseRequired", "The tenant needs a license."));
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!((codes(&run), run.changes("noop").len()), (vec!["not-ours".to_owned(); 2], 2), "{run}");
    assert!(azure.take_seen().iter().any(|seen| seen.target.contains(part)), "it was asked");
    let access = folder.keyless("access a.yaml --format json").exits(0);
    assert_eq!(access.findings(), [""; 0], "{access}");
    // Any other refusal leaves it open.
    for other in [
        Fault::denied(),
        Fault::error(400, "BadRequest", "no"),
        Fault::error(403, "AadPremiumLicenseRequired", "no"),
        Fault::error(404, "AadPremiumLicenseRequired", "no"),
        Fault::error(404, "NotFound", "no"),
    ] {
        azure.spoil("GET", part, other.clone());
        let run = folder.keyless("plan a.yaml --format json").exits(0);
        assert!(codes(&run).contains(&"not-checked".to_owned()), "{other:?}: {run}");
    }
    // And it means so of that list only.
    azure.heal();
    azure.spoil("GET", "/accounts?", Fault::error(400, "AadPremiumLicenseRequired", "no"));
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(run.changes("unknown").len(), 1, "{run}");
}

#[test]
fn rights_are_asked_at_the_scope_of_each_step_be_it_the_subscription() {
    let storage = format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/st1");
    for (scope, at) in [
        ("subscription", format!("/subscriptions/{SUB}")),
        ("resourceGroup", GROUP.to_owned()),
        (storage.as_str(), storage.clone()),
    ] {
        let azure = Azure::start();
        azure.put(GROUP, json!({"location": "eastus2"}));
        let reader = json!({"value": [{"actions": ["*/read"], "notActions": []}]});
        let path = format!("{at}/providers/Microsoft.Authorization/permissions?");
        let answer = Fault::Answer(200, "application/json", reader.to_string());
        let folder = azure.folder();
        let grant = format!(
            "roleAssignments: [{{scope: {scope}, role: Reader, principals: [{{id: {ALICE}, type: User}}]}}]\n"
        );
        folder.write("a.yaml", format!("{}accounts: []\n{grant}", head("team-a")));
        let run = folder.keyless("plan a.yaml --format json --allow grant").exits(0);
        assert!(!codes(&run).contains(&"missing-permission".to_owned()), "the control: {run}");
        azure.spoil("GET", &path, answer);
        let run = folder.keyless("plan a.yaml --format json --allow grant").exits(0);
        let finding = run.json()["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|finding| finding["code"] == "missing-permission")
            .cloned();
        let message = finding.unwrap_or_default()["message"].as_str().unwrap_or_default().to_owned();
        let expected = format!("the caller lacks `Microsoft.Authorization/roleAssignments/write` at `{at}`");
        assert!(message.starts_with(&expected), "{scope}: {run}");
        azure.take_seen();
        folder.keyless("apply a.yaml --yes --allow grant").exits(1).says(&["error[missing-permission]"]);
        assert!(azure.take_writes().is_empty());
    }
}

#[test]
fn a_policy_is_asked_about_what_would_be_sent_the_tag_too() {
    let azure = Azure::start();
    let folder = azure.folder();
    let kinds = ["Microsoft.CognitiveServices/accounts", "Microsoft.CognitiveServices/accounts/deployments"];
    for kind in kinds {
        for (operator, value, refuses) in [
            ("exists", json!(false), false),
            ("notEquals", json!("team-a"), false),
            ("equals", json!("team-a"), true),
        ] {
            let policy = json!({
                "scope": GROUP, "name": "owner", "type": kind, "field": "tags.keyless-stack",
                "operator": operator, "value": value,
            });
            let made = azure.send("POST", "/_sandbox/access", Some(json!({"policies": [policy]})));
            assert_eq!(made.status, 200, "{made:?}");
            let run = plan(&folder, &spec(1, "GlobalStandard", "")).exits(0);
            assert_eq!(
                codes(&run).contains(&"policy-refusal".to_owned()),
                refuses,
                "{kind} {operator}: {run}"
            );
            azure.send("POST", "/_sandbox/access", Some(json!({"remove": ["owner"]})));
        }
    }
}

#[test]
fn a_policy_is_asked_about_all_that_an_update_would_send() {
    let (azure, folder) = deployed();
    let asked = |spec: &str| {
        azure.take_seen();
        plan(&folder, spec).exits(0);
        let mut asked = azure.take_seen();
        asked.retain(|seen| seen.path().ends_with("/checkPolicyRestrictions"));
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0).body["resourceDetails"].clone()
    };
    // What changes, and what stays beside it.
    let details = asked(&spec(700, "GlobalStandard", ""));
    let content = &details["resourceContent"];
    assert_eq!(content["type"], "Microsoft.CognitiveServices/accounts/deployments");
    assert_eq!(content["sku"], json!({"name": "GlobalStandard", "capacity": 700}));
    assert_eq!(content["properties"]["model"]["name"], "gpt-4o");
    assert_eq!(details["scope"], account("chat"));
    let details = asked(&spec(600, "GlobalStandard", "tags: {team: ml}\n"));
    let content = &details["resourceContent"];
    assert_eq!(content["type"], "Microsoft.CognitiveServices/accounts");
    assert_eq!(content["tags"], json!({"keyless-stack": "team-a", "team": "ml"}));
    assert_eq!((&content["kind"], &content["location"]), (&json!("AIServices"), &json!("eastus2")));
    assert_eq!(content["properties"]["disableLocalAuth"], true);
    assert_eq!(details["scope"], Value::Null, "the group in the address says it");
}

#[test]
fn a_deny_assignment_is_named_where_it_stands_at_or_above_a_new_role() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for (scope, named) in [
        (account("chat"), true),
        (GROUP.to_owned(), true),
        (format!("/subscriptions/{SUB}"), true),
        (account("chat2"), false),
        (format!("{GROUP}2"), false),
        (format!("{}/projects/main", account("chat")), false),
    ] {
        let denial = json!({"scope": scope, "name": "stack", "permissions": [{"actions": ["*"]}]});
        let made = azure.send("POST", "/_sandbox/access", Some(json!({"denyAssignments": [denial]})));
        assert_eq!(made.status, 200, "{made:?}");
        let run = folder.keyless("plan a.yaml --format json").exits(0);
        assert_eq!(codes(&run).contains(&"deny-assignment".to_owned()), named, "{scope}: {run}");
        azure.send("POST", "/_sandbox/access", Some(json!({"remove": ["stack"]})));
    }
}

#[test]
fn what_held_when_a_plan_was_saved_is_judged_anew_when_it_is_applied() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    azure.spoil("GET", "/locks?", Fault::denied());
    azure.spoil("GET", "/skus?", Fault::denied());
    let run = folder.keyless("plan a.yaml --out plan.json --format json").exits(0);
    assert_eq!(codes(&run), ["not-checked", "not-checked"], "{run}");
    azure.heal();
    let run = folder.keyless("apply plan.json --yes --format json").exits(0);
    assert_eq!(run.findings(), [""; 0], "{run}");
}

/// Lists of a plan, and the parts of their addresses.
const LISTS: [&str; 4] = [
    "/providers/Microsoft.CognitiveServices/accounts?",
    "/providers/Microsoft.Authorization/roleAssignments?",
    "/accounts/chat/deployments?",
    "/accounts/chat/raiPolicies?",
];

#[test]
fn a_list_that_is_not_found_does_not_say_that_nothing_is_in_it() {
    let codes = [
        "NotFound",
        "InvalidResourceNamespace",
        "InvalidResourceType",
        "NoRegisteredProviderFound",
        "SubscriptionNotFound",
        "ProviderNotFound",
        "PathNotFound",
        "AuthorizationFailed",
    ];
    for list in few(2, LISTS) {
        let (azure, folder) = deployed();
        // The second line is new, so that a list mistaken for empty would show as a create.
        let more = format!(
            "  - name: two\n    model: {{format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}}\n    sku: {{name: GlobalStandard, capacity: 1}}\nraiPolicies: [{{name: strict, basePolicyName: Microsoft.DefaultV2}}]\n{}",
            grants(&[ALICE])
        );
        folder.write("a.yaml", spec(600, "GlobalStandard", &more));
        for code in few(2, codes) {
            azure.spoil("GET", list, Fault::error(404, code, "It is not found."));
            let run = folder.keyless("plan a.yaml --format json").exits(1);
            assert!(!run.changes("unknown").is_empty(), "{list} {code}: {run}");
            let made = |run: &Run| {
                run.changes("create").iter().map(|change| change["kind"].to_string()).collect::<Vec<_>>()
            };
            let kind = match list {
                list if list.contains("roleAssignments") => "roleAssignments",
                list if list.contains("deployments") => "deployments",
                list if list.contains("raiPolicies") => "raiPolicies",
                _ => "accounts",
            };
            assert!(!made(&run).contains(&format!("\"{kind}\"")), "{list} {code}: {run}");
            azure.heal();
        }
    }
}

#[test]
fn a_throttled_part_of_a_batch_is_retried_and_finally_given_up() {
    static LEFT: AtomicUsize = AtomicUsize::new(0);
    /// Throttles every part as often as is left.
    fn throttle(answer: &mut Value) {
        if LEFT.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            return;
        }
        for response in answer["responses"].as_array_mut().unwrap() {
            *response = json!({
                "id": response["id"], "status": 429, "headers": {"Retry-After": "0"},
                "body": {"error": {"code": "TooManyRequests", "message": "Too many requests."}},
            });
        }
    }
    let azure = Azure::start();
    let directory = json!({"groups": [{"id": "cafe0000-0000-4000-8000-000000000001", "displayName": "ml"}]});
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(directory)).status, 200);
    let folder = azure.folder();
    let by_name = grants(&[ALICE]).replace(&format!("{{id: {ALICE}, type: User}}"), "{group: ml}");
    assert!(by_name.contains("group: ml"), "{by_name}");
    folder.write("a.yaml", one_account("team-a", "chat", &by_name));
    azure.spoil("POST", "/v1.0/$batch", Fault::Edit(throttle));
    let batches =
        |azure: &Azure| azure.take_seen().iter().filter(|seen| seen.path() == "/v1.0/$batch").count();
    for (times, code, asked) in [(1, 0, 2), (3, 0, 4), (usize::MAX, 1, 6)] {
        LEFT.store(times, Ordering::SeqCst);
        azure.take_seen();
        let run = folder.keyless("plan a.yaml --format json").exits(code);
        assert_eq!(batches(&azure), asked, "throttled {times} times: {run}");
        assert_eq!(codes(&run).contains(&"principal-unread".to_owned()), code == 1, "{run}");
        assert!(!run.changes("create").is_empty(), "{run}");
    }
}

#[test]
fn an_account_created_by_a_concurrent_run_is_not_reported_as_foreign() {
    fn not_yet(list: &mut serde_json::Value) {
        list["value"] = json!([]);
    }
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    // Its list was read before the other run had made it.
    azure.spoil("GET", "CognitiveServices/accounts?", Fault::Edit(not_yet));
    for command in ["plan a.yaml", "apply a.yaml --yes"] {
        let run = folder.keyless(command).exits(1).says(&[
            "account chat already exists with the subdomain `chat`",
            "run the command again to plan with the account as it is now",
        ]);
        assert!(!run.stdout.contains("choose another"), "{run}");
        assert!(azure.take_writes().is_empty(), "{run}");
    }
    // Somebody else's is.
    folder.write("a.yaml", one_account("team-a", "other", "customSubDomainName: chat\n"));
    let run = folder.keyless("plan a.yaml").exits(1).says(&["is not available", "choose another"]);
    assert!(!run.stdout.contains("already exists with"), "{run}");
}
