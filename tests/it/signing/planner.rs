//! The identity of pull requests: what *Reader* may not ask is a note, and the custom role of docs/bootstrap.md holds exactly the
//! actions that `plan` and `drift` use.

use std::collections::BTreeSet;

use keyless::kinds::KINDS;
use serde_json::{Value, json};

use super::APP;
use crate::common::cloud::{Cloud, TENANT};
use crate::common::{ALICE, BOB, Folder, SUB, assignment, few, head, role};

const OWNER: &str = "0000aaaa-0000-4000-8000-000000000009";
const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";
const IDENTITY: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app";
const BY_HAND: &str = "d0000000-0000-4000-8000-000000000001";
const CUSTOM: &str = "c0570000-0000-4000-8000-000000000001";
const PLANNER: &str = "c0570000-0000-4000-8000-000000000002";

/// Actions that no request can be refused for in the sandbox: Azure tells everybody what they may do, as far as public reports go, and a
/// role should not depend on that. Definitions of roles of Cosmos DB are read only for a role that a spec names by GUID; one that may not be
/// read is not judged.
const NOT_SEEN: [&str; 2] = [
    "Microsoft.Authorization/permissions/read",
    "Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions/read",
];

/// Everything that a spec can contain.
fn before() -> String {
    format!(
        "{}unmanaged: fail
accounts:
  - name: chat
    disableLocalAuth: true
    defenderForAISettings: {{state: Enabled}}
    raiBlocklists: [{{name: words, items: [{{name: one, pattern: secret}}]}}]
    raiPolicies: [{{name: strict, basePolicyName: Microsoft.DefaultV2}}]
    deployments:
      - name: gpt
        model: {{format: OpenAI, name: gpt-4o, version: \"2024-11-20\"}}
        sku: {{name: GlobalStandard, capacity: 1}}
    connections: [{{name: search, category: CognitiveSearch, target: \"https://s.search.windows.net\", authType: AAD}}]
    capabilityHosts: [{{name: agents}}]
    projects:
      - name: team
        connections: [{{name: store, category: CognitiveSearch, target: \"https://t.search.windows.net\", authType: AAD}}]
        capabilityHosts: [{{name: agents, vectorStoreConnections: [store]}}]
    roleAssignments:
      - role: Cognitive Services User
        principals: [{{id: {ALICE}, type: User}}]
sqlRoleAssignments:
  - databaseAccount: {GROUP}/providers/Microsoft.DocumentDB/databaseAccounts/memory
    role: Cosmos DB Built-in Data Reader
    principals: [{{id: {ALICE}, type: User}}]
",
        head("team")
    )
}

/// A spec of a hub workspace, which the sandbox does not have; whether it may be looked at is seen all the same.
fn hub() -> String {
    let connection = "{name: models, category: AIServices, target: \"https://x.example.com\", authType: AAD}";
    format!("{}workspaces: [{{name: hub, connections: [{connection}]}}]\n", head("hub"))
}

/// The first with a change that raises every question there is.
fn after() -> String {
    let filter = "contentFilters: [{name: Hate, source: Prompt, enabled: true, blocking: true, severityThreshold: Low}]";
    let strict = "basePolicyName: Microsoft.DefaultV2";
    let spec = before().replace("capacity: 1", "capacity: 2").replace(strict, &format!("{strict}, {filter}"));
    let more = format!(
        "        principals: [{{id: {ALICE}, type: User}}, {{id: {BOB}, type: User}}, {{managedIdentity: {IDENTITY}}}]
      - role: Model Callers
        principals: [{{id: {ALICE}, type: User}}]
  - name: fresh
    resourceGroup: rg2
    disableLocalAuth: true
    deployments:
      - name: gpt
        model: {{format: OpenAI, name: gpt-4o, version: \"2024-11-20\"}}
        sku: {{name: GlobalStandard, capacity: 1}}
"
    );
    spec.replace(&format!("        principals: [{{id: {ALICE}, type: User}}]\n"), &more)
}

/// What the role of the documentation permits.
fn documented() -> Vec<String> {
    let page = include_str!("../../../docs/bootstrap.md");
    let role = page.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let role: Value = serde_json::from_str(role).unwrap();
    assert_eq!(role["Name"], "keyless planner");
    role["Actions"].as_array().unwrap().iter().map(|action| action.as_str().unwrap().to_owned()).collect()
}

/// Kinds that were added later than the role.
#[test]
fn the_documented_planner_role_reads_every_kind() {
    let actions = documented();
    for name in KINDS.iter().flat_map(|kind| kind.types()) {
        assert!(actions.contains(&format!("{name}/read")), "{name}");
    }
}

fn sign_in(cloud: &Cloud, app: &str) -> Folder {
    cloud.folder(&[
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", app),
        ("AZURE_CLIENT_SECRET", "s3cret-of-the-test"),
    ])
}

#[track_caller]
fn put(cloud: &Cloud, path: &str, body: Value) {
    let answer = cloud.send("PUT", &format!("{path}?api-version=2022-04-01"), Some(body));
    assert!(answer.status < 300, "{path}: {answer:?}");
}

/// An applied estate in which somebody gave a role by hand and revoked another one, as a planner finds it.
fn estate() -> Cloud {
    let cloud = Cloud::start();
    cloud.know("users", &json!([
        {"id": ALICE, "userPrincipalName": "alice@contoso.com"}, {"id": BOB, "userPrincipalName": "bob@contoso.com"},
    ]));
    cloud.know("servicePrincipals", &json!([{"displayName": "app", "managedIdentity": IDENTITY}]));
    cloud.application("applier", OWNER, json!({"secret": "s3cret-of-the-test"}), Some("Owner"));
    let group = format!("/subscriptions/{SUB}/resourceGroups/rg2?api-version=2021-04-01");
    assert_eq!(cloud.send("PUT", &group, Some(json!({"location": "eastus2"}))).status, 201);
    let folder = sign_in(&cloud, OWNER);
    folder.write("specs/a.yaml", before());
    folder.keyless("apply --yes").exits(0);
    put(
        &cloud,
        &role(CUSTOM),
        json!({"properties": {
            "roleName": "Model Callers", "type": "CustomRole", "assignableScopes": [format!("/subscriptions/{SUB}")],
            "permissions": [{"actions": [], "dataActions": ["Microsoft.CognitiveServices/accounts/OpenAI/*"]}],
        }}),
    );
    let chat = format!("{GROUP}/providers/Microsoft.CognitiveServices/accounts/chat");
    let by_hand = json!({"properties": {
        "roleDefinitionId": role(crate::common::CS_USER), "principalId": BOB, "principalType": "User",
    }});
    put(&cloud, &assignment(&chat, BY_HAND), by_hand);
    let list = format!("{chat}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01");
    let grants = cloud.send("GET", &list, None).body;
    let is_alices = |body: &&Value| body["properties"]["principalId"] == ALICE;
    let gone = grants["value"].as_array().unwrap().iter().find(is_alices).unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(cloud.send("DELETE", &format!("{gone}?api-version=2022-04-01"), None).status < 300);
    cloud
}

/// Gives the planner's role these actions.
fn define(cloud: &Cloud, actions: &[String]) {
    put(
        cloud,
        &role(PLANNER),
        json!({"properties": {
            "roleName": "keyless planner", "type": "CustomRole", "assignableScopes": [format!("/subscriptions/{SUB}")],
            "permissions": [{"actions": actions}],
        }}),
    );
}

/// What a planner hears of what it may not do: refused requests, codes of findings that say so, and how the runs end. One refusal is
/// enough, if that is checked.
fn hears(
    cloud: &Cloud,
    folder: &Folder,
    until_refused: bool,
) -> (BTreeSet<String>, BTreeSet<String>, Vec<i32>) {
    let (mut refused, mut codes, mut exits) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let runs = [
        (after(), "plan --format json"),
        (self::before(), "drift --format json"),
        (hub(), "plan --format json"),
    ];
    for (spec, command) in runs {
        let before = cloud.exchanges().len();
        folder.write("specs/a.yaml", spec);
        let run = folder.keyless(command);
        exits.push(run.code);
        let document = run.json();
        codes.extend(document["findings"].as_array().unwrap().iter().filter_map(|finding| {
            let code = finding["code"].as_str()?.to_owned();
            let blind =
                ["not-checked", "unread", "incomplete", "unknown-state", "unknown-role", "soft-deleted"];
            blind.iter().any(|part| code.contains(part)).then_some(code)
        }));
        let new = cloud.exchanges().split_off(before);
        assert!(!new.is_empty(), "Azure was asked");
        let said_no = |exchange: &String| exchange.starts_with("403 ") || exchange.starts_with("401 ");
        refused.extend(new.into_iter().filter(said_no));
        if until_refused && !refused.is_empty() {
            break;
        }
    }
    (refused, codes, exits)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn the_documented_planner_role_has_exactly_the_actions_that_are_needed() {
    let cloud = estate();
    let actions = documented();
    let sorted: BTreeSet<&String> = actions.iter().collect();
    assert_eq!(sorted.into_iter().cloned().collect::<Vec<_>>(), actions, "sorted, without doubles");
    define(&cloud, &actions);
    cloud.application("planner", APP, json!({"secret": "s3cret-of-the-test"}), Some("keyless planner"));
    let folder = sign_in(&cloud, APP);
    let (refused, codes, exits) = hears(&cloud, &folder, false);
    assert_eq!((refused, codes), (BTreeSet::new(), BTreeSet::new()), "with all of it nothing is hidden");
    assert_eq!(exits, [0, 2, 1], "the plan is whole, drift says what was revoked, and there is no hub");
    for left_out in few(2, &actions) {
        let rest: Vec<String> = actions.iter().filter(|action| *action != left_out).cloned().collect();
        define(&cloud, &rest);
        let (refused, codes, _) = hears(&cloud, &folder, true);
        let needed = !refused.is_empty() && !codes.is_empty();
        assert_eq!(needed, !NOT_SEEN.contains(&left_out.as_str()), "{left_out}: {refused:?} {codes:?}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_a_reader_may_not_ask_is_a_note_of_its_plan() {
    let cloud = estate();
    cloud.application("planner", APP, json!({"secret": "s3cret-of-the-test"}), Some("Reader"));
    let folder = sign_in(&cloud, APP);
    folder.write("specs/a.yaml", after());
    let before = cloud.exchanges().len();
    let run = folder.keyless("plan -v").exits(0).says(&[
        "note[not-checked]: could not determine whether the subdomain `fresh` is free",
        "Microsoft.CognitiveServices/checkDomainAvailability/action",
    ]);
    assert_eq!(run.stdout.matches("not-checked").count(), 1, "{run}");
    let new = cloud.exchanges().split_off(before);
    let refused: Vec<&String> = new.iter().filter(|exchange| exchange.starts_with("403 ")).collect();
    let [only] = refused[..] else { panic!("{refused:?}") };
    assert!(only.starts_with("403 POST ") && only.contains("/checkDomainAvailability?"), "{only}");
}
