//! Roles that are not built in: by name, by GUID, and what guards make of them.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, Fault, SUB, account, head, listed, one_account, role};

/// GUIDs of custom roles.
const CALLER: &str = "c0570000-0000-4000-8000-000000000001";
const GIVER: &str = "c0570000-0000-4000-8000-000000000002";
const OTHER: &str = "c0570000-0000-4000-8000-000000000003";

fn define(azure: &Azure, guid: &str, name: &str, permission: &Value) {
    let properties = json!({
        "roleName": name,
        "type": "CustomRole",
        "assignableScopes": [format!("/subscriptions/{SUB}")],
        "permissions": [permission],
    });
    azure.put(&role(guid), json!({ "properties": properties }));
}

fn calls() -> Value {
    json!({"actions": [], "dataActions": ["Microsoft.CognitiveServices/accounts/OpenAI/*"]})
}

/// One account with a role for Alice on it.
fn gives(role: &str) -> String {
    let lines = format!("roleAssignments:\n  - role: {role}\n    principals:\n{}", listed([ALICE], "User"));
    one_account("team-a", "chat", &lines)
}

fn is_role_list(target: &str) -> bool {
    target.contains("/roleDefinitions?")
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_custom_role_by_name_is_given_by_its_guid_and_asked_for_once() {
    let azure = Azure::start();
    define(&azure, CALLER, "Chat Callers", &calls());
    let folder = azure.folder();
    folder.write("a.yaml", gives("chat callers"));
    folder.keyless("apply a.yaml --yes").exits(0).says(&["role assignment chat callers -> User", "2 done"]);
    let grants = azure.grants_at(&account("chat"));
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0]["properties"]["roleDefinitionId"], role(CALLER));

    azure.take_seen();
    let again = folder.keyless("plan a.yaml --format json --detailed-exitcode").exits(0);
    assert_eq!(again.findings(), Vec::<String>::new(), "all is known, and nothing is worth a word");
    let seen = azure.take_seen();
    assert_eq!(seen.len(), 3, "accounts, assignments, roles: {seen:?}");

    folder.write("a.yaml", gives(CALLER));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn offline_a_custom_role_is_a_note_and_a_slip_in_a_built_in_name_an_error() {
    let folder = crate::common::Folder::new();
    folder.write("a.yaml", gives("Chat Callers"));
    let valid = folder.keyless("validate a.yaml --format json").exits(0);
    assert_eq!(valid.findings(), ["unknown-role@9"]);
    assert_eq!(valid.json()["findings"][0]["severity"], "note");
    folder.write("a.yaml", gives("Cognitive Services Usr"));
    folder
        .keyless("validate a.yaml")
        .exits(1)
        .complains(&["error[unknown-role]", "did you mean `Cognitive Services User`?"]);
    folder.write("a.yaml", gives("Cognitive Services User (EMEA)"));
    folder.keyless("validate a.yaml").exits(0).complains(&["note[unknown-role]", "did you mean"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_role_that_nobody_has_defined_is_an_error_and_revokes_nothing() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", gives("Cognitive Services User"));
    folder.keyless("apply a.yaml --yes").exits(0);
    define(&azure, CALLER, "Chat Callers", &calls());
    folder.write("a.yaml", gives("Chat Calers"));
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["unknown-role@9"]);
    let finding = &plan.json()["findings"][0];
    assert!(finding["hint"].as_str().unwrap().contains("did you mean `Chat Callers`?"), "{finding}");
    assert_eq!(plan.changes("delete"), Vec::<Value>::new(), "the live one may be what is meant");
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(1);
    assert_eq!(azure.take_writes().len(), 0);
}

#[test]
fn two_roles_of_one_name_are_nobody_and_both_are_named() {
    let azure = Azure::start();
    define(&azure, CALLER, "Callers 1", &calls());
    define(&azure, OTHER, "Callers 2", &calls());
    azure.spoil(
        "GET",
        "/roleDefinitions?",
        Fault::Edit(|list| {
            for body in list["value"].as_array_mut().unwrap() {
                if body["properties"]["type"] == "CustomRole" {
                    body["properties"]["roleName"] = json!("Callers");
                }
            }
        }),
    );
    let folder = azure.folder();
    folder.write("a.yaml", gives("Callers"));
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["unknown-role@9"]);
    let message = plan.json()["findings"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(CALLER) && message.contains(OTHER), "{message}");
}

#[test]
fn roles_that_may_not_be_read_are_unknown_and_never_a_write() {
    let azure = Azure::start();
    azure.spoil("GET", "/roleDefinitions?", Fault::denied());
    let folder = azure.folder();
    folder.write("a.yaml", gives("Chat Callers"));
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["role-unread@9"]);
    assert_eq!(plan.json()["summary"]["unknown"], 1);
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(1);
    let paths: Vec<String> = azure.take_writes().iter().map(|seen| seen.path().to_owned()).collect();
    assert_eq!(paths, [account("chat")], "the account is known, and the assignment is not");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_custom_role_is_judged_by_what_it_permits() {
    let azure = Azure::start();
    define(&azure, CALLER, "Chat Callers", &calls());
    define(&azure, GIVER, "Chat Givers", &json!({"actions": ["Microsoft.Authorization/roleAssignments/*"]}));
    let folder = azure.folder();
    for (role, code, findings) in [
        (CALLER, 0, &[][..]),
        ("Chat Callers", 0, &[]),
        (GIVER, 3, &["role-without-inference@9", "guard-grant@11"]),
        ("Chat Givers", 3, &["role-without-inference@9", "guard-grant@11"]),
        // Of a GUID that nobody knows the worst is thought.
        ("c0570000-0000-4000-8000-0000000000ff", 3, &["guard-grant@11"]),
    ] {
        folder.write("a.yaml", gives(role));
        let plan = folder.keyless("plan a.yaml --format json").exits(code);
        assert_eq!(plan.findings(), findings, "{role}\n{plan}");
    }
}

#[test]
fn whoever_calls_the_models_through_a_custom_role_is_not_locked_out() {
    let azure = Azure::start();
    define(&azure, CALLER, "Chat Callers", &calls());
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    azure.grant(&account("chat"), "d0000000-0000-4000-8000-000000000001", CALLER, BOB, None);
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: true"));
    folder.keyless("plan a.yaml").exits(0).says(&["role assignment Chat Callers -> User"]);
    azure.spoil("GET", "/roleDefinitions?", Fault::denied());
    let plan = folder.keyless("plan a.yaml --format json").exits(3);
    assert_eq!(plan.findings(), ["unknown-state@4", "guard-lock-out@7", "not-ours@7"]);
}

#[test]
fn built_in_roles_cost_no_list_of_roles() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write(
        "a.yaml",
        head("team-a")
            + "roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n    principals:\n"
            + &listed([ALICE], "User"),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    assert!(azure.take_seen().iter().all(|seen| !is_role_list(&seen.target)));
}

#[test]
fn whoever_inherits_a_role_from_a_management_group_is_not_locked_out() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: true"));
    let alone = folder.keyless("plan a.yaml --format json").exits(3);
    assert_eq!(alone.findings(), ["guard-lock-out@7", "not-ours@7"]);
    // A subscription's list shows what stands above it too.
    let inherited = |list: &mut Value| {
        let above = "/providers/Microsoft.Management/managementGroups/mg";
        let name = "e0000000-0000-4000-8000-000000000001";
        list["value"].as_array_mut().unwrap().push(json!({
            "id": crate::common::assignment(above, name), "name": name,
            "properties": {
                "scope": above, "principalId": BOB, "principalType": "User",
                "roleDefinitionId": role(crate::common::CS_USER),
            },
        }));
    };
    azure.spoil("GET", "/roleAssignments?", Fault::Edit(inherited));
    let plan = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(plan.findings(), ["not-ours@7"], "{plan}");
}
