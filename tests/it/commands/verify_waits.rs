//! When `verify` waits: only where something could still arrive that would change the verdict. Each row is given a wait of two seconds, so that one
//! attempt means that nothing was waited for.

use serde_json::{Value, json};

use super::accounts;
use super::verify::{answers, checks, keys_are_off, keys_off_spec, live, says, token_of};
use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, READER, Run, account, assignment, grants, one_account, role,
};

const GRANT: &str = "a5510000-0000-4000-8000-000000000001";
const OLD: &str = "2020-01-01T00:00:00Z";

/// How often the first check was asked, and how it ended.
fn first(run: &Run) -> (u64, String) {
    let check = &run.json()["checks"][0];
    (
        check["attempts"].as_u64().unwrap(),
        format!("{} {}", check["outcome"], check["reason"]).replace('"', ""),
    )
}

fn verify(azure: &Azure) -> Run {
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let token = token_of(BOB, "");
    folder.with_env("verify --verify-wait 2 --format json", &[("KEYLESS_VERIFY_TOKEN", &token)]).exits(1)
}

fn lacks_the_role(azure: &Azure) {
    says(
        azure,
        "POST",
        "/openai/v1",
        401,
        "PermissionDenied",
        "The principal `x` lacks the required data action `y`.",
    );
    keys_are_off(azure);
}

fn give(azure: &Azure, scope: &str, guid: &str, principal: &str, kind: &str) {
    let properties = json!({"roleDefinitionId": role(guid), "principalId": principal, "principalType": kind});
    azure.put(&assignment(scope, GRANT), json!({ "properties": properties }));
}

/// Makes what a list shows old.
fn age(list: &mut Value) {
    for body in list["value"].as_array_mut().unwrap() {
        for name in ["createdOn", "updatedOn"] {
            body["properties"][name] = json!(OLD);
        }
        body["systemData"] = json!({"createdAt": OLD, "lastModifiedAt": OLD});
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_missing_role_is_waited_for_only_if_a_new_grant_would_help() {
    let group = account("chat").split("/providers/").next().unwrap().to_owned();
    let one = |scope: &str, guid, principal, kind| {
        let azure = live(true);
        lacks_the_role(&azure);
        give(&azure, scope, guid, principal, kind);
        first(&verify(&azure))
    };
    let chat = account("chat");
    let disproven = |attempts: u64| (attempts, "disproven role".to_owned());
    assert_eq!(one(&chat, CS_USER, BOB, "User"), disproven(2), "granted a moment ago");
    assert_eq!(one(&group, CS_USER, BOB, "User"), disproven(2), "above the account too");
    assert_eq!(
        one(&chat, CS_USER, ALICE, "Group"),
        disproven(2),
        "whether the caller is in a group is not known"
    );
    assert_eq!(one(&chat, CS_USER, ALICE, "User"), disproven(1), "somebody else's");
    assert_eq!(one(&chat, READER, BOB, "User"), disproven(1), "a role that lets nobody call");

    let azure = live(true);
    lacks_the_role(&azure);
    assert_eq!(first(&verify(&azure)), disproven(1), "nothing was granted");
    azure.make_account("other", &json!({"customSubDomainName": "other"}));
    let elsewhere = assignment(&account("other"), "a5510000-0000-4000-8000-000000000002");
    let properties = json!({"roleDefinitionId": role(CS_USER), "principalId": BOB, "principalType": "User"});
    azure.put(&elsewhere, json!({ "properties": properties }));
    assert_eq!(first(&verify(&azure)), disproven(1), "elsewhere");
    give(&azure, &chat, CS_USER, BOB, "User");
    azure.spoil("GET", "/roleAssignments?", Fault::Edit(age));
    assert_eq!(first(&verify(&azure)), disproven(1), "long ago");
    azure.spoil("GET", "/roleAssignments?", Fault::denied());
    assert_eq!(first(&verify(&azure)), disproven(2), "what may not be read may hold it");
}

#[test]
fn an_unknown_deployment_is_waited_for_only_if_it_is_new() {
    let azure = live(true);
    keys_are_off(&azure);
    says(&azure, "POST", "/openai/v1", 404, "DeploymentNotFound", "The API deployment does not exist.");
    assert_eq!(first(&verify(&azure)), (2, "disproven model".to_owned()));
    azure.spoil("GET", "/chat/deployments?", Fault::Edit(age));
    assert_eq!(first(&verify(&azure)), (1, "disproven model".to_owned()));
}

#[test]
fn before_keys_go_off_grants_that_may_not_be_read_may_be_new() {
    let grants = "/accounts/chat/providers/Microsoft.Authorization/roleAssignments?";
    for unread in [false, true] {
        let azure = live(false);
        lacks_the_role(&azure);
        let folder = azure.folder();
        folder.write("a.yaml", keys_off_spec());
        if unread {
            azure.spoil("GET", grants, Fault::denied());
        }
        azure.take_seen();
        let apply = "apply a.yaml --yes --verify --verify-wait 2";
        folder.keyless(apply).exits(1).says(&["keys stay enabled", "has no role"]);
        let seen = azure.take_seen();
        assert!(seen.iter().any(|seen| seen.target.contains(grants)), "the gate asks for them");
        let asked =
            seen.iter().filter(|seen| seen.method == "POST" && seen.path().contains("/_data/chat")).count();
        assert_eq!(asked > 1, unread, "{asked} questions");
    }
}

#[test]
fn what_a_random_key_is_answered_disproves_only_what_azure_shows_as_on() {
    let wrong = |azure: &Azure| {
        says(
            azure,
            "GET",
            "/openai/models",
            401,
            "401",
            "Access denied due to invalid subscription key or wrong API endpoint.",
        );
        answers(azure, "/openai/v1", r#"{"choices": [{}]}"#);
    };
    let keys = |azure: &Azure| {
        let run = verify(azure);
        let check = run.json()["checks"][1].clone();
        (
            checks(&run)[1].clone(),
            check["attempts"].as_u64().unwrap(),
            check["message"].as_str().unwrap().to_owned(),
        )
    };
    let off = live(true);
    wrong(&off);
    let (verdict, attempts, message) = keys(&off);
    assert_eq!((verdict.as_str(), attempts), ("keysRefused - inconclusive key", 2), "written a moment ago");
    assert!(message.starts_with("keys are disabled in Azure, yet Azure checked the key (401"), "{message}");
    // What it would mean otherwise is what the verdict denies.
    assert!(!message.contains("so the account accepts keys"), "{message}");
    off.spoil("GET", "/accounts?", Fault::Edit(age));
    let (verdict, attempts, _) = keys(&off);
    assert_eq!((verdict.as_str(), attempts), ("keysRefused - inconclusive key", 1));
    // The spec says that they are off, and Azure shows that they are on.
    let on = live(false);
    wrong(&on);
    let (verdict, attempts, message) = keys(&on);
    assert_eq!(
        (verdict.as_str(), attempts),
        ("keysRefused - disproven key", 1),
        "written a moment ago, and no write is under way that turns them off"
    );
    assert!(message.starts_with("Azure checked the key"), "{message}");
}

#[test]
fn what_is_throttled_is_asked_three_times_whatever_is_new() {
    let azure = live(true);
    keys_are_off(&azure);
    says(&azure, "POST", "/openai/v1", 429, "429", "slow down");
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let run = folder.keyless("verify --format json").exits(1);
    assert_eq!(first(&run), (3, "inconclusive throttled".to_owned()));
}

#[test]
fn what_was_just_applied_in_the_sandbox_has_its_verdict_at_once() {
    let folder = crate::common::Folder::new();
    let model = "model: {format: OpenAI, name: gpt-4o, version: '2024-11-20'}, sku: {name: GlobalStandard, capacity: 1}";
    let lines =
        format!("disableLocalAuth: true\n{}deployments: [{{name: gpt, {model}}}]\n", grants(&[ALICE]));
    folder.write("specs/a.yaml", one_account("team-a", "chat", &lines));
    folder.keyless("apply --sandbox --yes").exits(0);
    let run = folder.keyless("verify --sandbox --format json").exits(1);
    assert_eq!(checks(&run), ["modelAnswers gpt disproven role", "keysRefused - proven -"]);
    assert_eq!(first(&run).0, 1, "the caller is not the one who got the role\n{run}");
}

#[test]
fn a_deployment_that_the_plan_deletes_need_not_answer_before_keys_go_off() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static LISTED: AtomicUsize = AtomicUsize::new(0);
    let azure = live(false);
    azure.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-a"}}));
    azure.get(&account("chat"));
    let body = json!({
        "sku": {"name": "GlobalStandard", "capacity": 1}, "tags": {"keyless-stack": "team-a"},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}},
    });
    azure.put(&format!("{}/deployments/old", account("chat")), body);
    azure.get(&account("chat"));
    answers(&azure, "/openai/v1", r#"{"choices": [{}]}"#);
    keys_are_off(&azure);
    // Somebody else deletes it between the plan and the look.
    azure.spoil(
        "GET",
        "/chat/deployments?",
        Fault::Edit(|list| {
            if LISTED.fetch_add(1, Ordering::SeqCst) > 0 {
                list["value"].as_array_mut().unwrap().retain(|body| body["name"] != "old");
            }
        }),
    );
    let folder = azure.folder();
    let model = "model: {format: OpenAI, name: gpt-4o, version: '2024-11-20'}, sku: {name: GlobalStandard, capacity: 1}";
    let lines =
        format!("disableLocalAuth: true\n{}deployments: [{{name: gpt-4o, {model}}}]\n", grants(&[BOB]));
    folder.write("a.yaml", one_account("team-a", "chat", &lines));
    let run =
        folder.keyless("apply a.yaml --yes --verify --verify-wait 0 --allow delete-deployment").exits(0);
    run.says(&["0 failed"]);
    assert!(LISTED.load(Ordering::SeqCst) > 1, "the list was read for the look too");
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);
    // The control: what the plan declares has to be there.
    let azure = live(false);
    keys_are_off(&azure);
    azure.spoil(
        "GET",
        "/chat/deployments?",
        Fault::Edit(|list| {
            if LISTED.fetch_add(1, Ordering::SeqCst) > 100 {
                list["value"].as_array_mut().unwrap().clear();
            }
        }),
    );
    LISTED.store(100, Ordering::SeqCst);
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &lines));
    let run = folder.keyless("apply a.yaml --yes --verify --verify-wait 0").exits(1);
    run.says(&["keys stay enabled", "the spec declares it, but it does not exist"]);
}
