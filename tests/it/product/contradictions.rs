//! Azure's answers that contradict themselves or each other: a 404 to a DELETE of what exists, an error with a status of success, half a list.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, Fault, Folder, account, few, grants, head, one_account};

/// What a 404 may say of a resource that exists.
const CODES: [&str; 5] = [
    "InvalidResourceType",
    "NotFound",
    "ResourceNotFound",
    "ResourceGroupNotFound",
    "RoleAssignmentNotFound",
];

const GPT: &str = "deployments: [{name: gpt, model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}, sku: {name: Standard, capacity: 1}}]\n";

fn error_with(status: u16) -> Fault {
    Fault::error(status, "PartialError", "Some of it failed.")
}

/// Two principals on an account, of whom one is to go.
fn one_too_many() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB])));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    azure.take_seen();
    (azure, folder)
}

#[test]
fn a_revocation_answered_with_404_has_failed_if_the_role_still_exists() {
    for code in few(2, CODES) {
        let (azure, folder) = one_too_many();
        azure.spoil("DELETE", "/roleAssignments/", Fault::error(404, code, "It was not found."));
        let run = folder.keyless("apply a.yaml --yes").exits(1).says(&[
            "failed to delete",
            &format!("Azure answered 404 {code}: It was not found"),
            "1 failed",
        ]);
        assert!(!run.stderr.contains("gone"), "{code}: {run}");
        assert_eq!(run.stdout.contains("still exists"), code != "InvalidResourceType", "{code}: {run}");
        assert_eq!(azure.grants_at(&account("chat")).len(), 2, "{code}");
        azure.heal();
        folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
        assert_eq!(azure.grants_at(&account("chat")).len(), 1, "{code}");
    }
}

/// 204 is documented as "does not exist" of role assignments, and 203 and 206 as nothing.
#[test]
fn a_revocation_answered_with_204_has_failed_if_the_role_still_exists() {
    for (status, body) in few(2, [(204, ""), (203, "{}"), (206, r#"{"value": []}"#)]) {
        let (azure, folder) = one_too_many();
        azure.spoil(
            "DELETE",
            "/roleAssignments/",
            Fault::Answer(status, "application/json", body.to_owned()),
        );
        let said = format!("Azure answered {status}; but a read shows that it still exists");
        folder.keyless("apply a.yaml --yes").exits(1).says(&["failed to delete", &said, "1 failed"]);
        azure.heal();
        folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_revocation_that_azure_calls_done_has_failed_while_the_role_is_there() {
    let (azure, folder) = one_too_many();
    azure.spoil("DELETE", "/roleAssignments/", Fault::Answer(200, "application/json", String::new()));
    let said = "Azure reported it as deleted, but it still exists";
    folder.keyless("apply a.yaml --yes").exits(1).says(&["failed to delete", said, "1 failed"]);
    assert_eq!(azure.grants_at(&account("chat")).len(), 2);
    azure.heal();
    folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
}

/// Puts faults into the sandbox.
fn fault(azure: &Azure, faults: Value) {
    assert_eq!(azure.send("POST", "/_sandbox/faults", Some(faults)).status, 200);
}

#[test]
fn an_undocumented_success_status_is_checked_by_a_read() {
    let (azure, folder) = one_too_many();
    let absent = json!([{"method": "GET", "path": "*/roleAssignments/*", "nth": 1, "status": 404,
        "code": "RoleAssignmentNotFound", "message": "The role assignment is not found."}]);
    fault(&azure, absent);
    azure.spoil("DELETE", "/roleAssignments/", Fault::Answer(206, "application/json", "{}".to_owned()));
    let said = "Azure answered 206; but a read shows that it still exists";
    folder.keyless("apply a.yaml --yes").exits(1).says(&["failed to delete", said, "1 failed"]);
    assert_eq!(azure.grants_at(&account("chat")).len(), 2);
}

#[test]
fn a_revocation_answered_with_an_error_is_done_if_the_role_is_gone() {
    // Whether it goes away with the fault, and whether the fault passes.
    for (effect, nth) in few(1, [(true, json!(1)), (true, Value::Null), (false, Value::Null)]) {
        let (azure, folder) = one_too_many();
        let mut broken =
            json!({"method": "DELETE", "path": "*/roleAssignments/*", "status": 500, "effect": effect});
        if !nth.is_null() {
            broken["nth"] = nth;
        }
        fault(&azure, json!([broken]));
        let run = folder.keyless("apply a.yaml --yes");
        let left = azure.grants_at(&account("chat")).len();
        if effect {
            assert_eq!(left, 1);
            run.exits(0).says(&["1 done"]);
        } else {
            assert_eq!(left, 2);
            run.exits(1).says(&["failed to delete", "Azure answered 500", "1 failed"]);
        }
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_account_that_still_exists_after_its_deletion_ended_was_not_deleted() {
    let azure = Azure::start();
    let folder = azure.folder();
    let two = "accounts:\n  - {name: chat, disableLocalAuth: true}\n";
    folder.write("a.yaml", format!("{}{two}  - {{name: mail, disableLocalAuth: true}}\n", head("team-a")));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", format!("{}{two}", head("team-a")));
    // The operation ends well, and nothing has come of it.
    let ends = format!("{}/operationResults/1?api-version=2026-05-01", azure.url());
    let accepted = json!([{"method": "DELETE", "path": "*/accounts/mail", "status": 202, "headers": {"location": ends}}]);
    fault(&azure, accepted);
    azure.spoil("GET", "/operationResults/1", Fault::Answer(204, "application/json", String::new()));
    azure.take_seen();
    let run = folder.keyless("apply a.yaml --yes --allow delete-account").exits(1);
    run.says(&["failed to delete", "Azure reported it as deleted, but it still exists", "1 failed"]);
    let seen = azure.take_seen();
    assert_eq!(seen.iter().filter(|seen| seen.path() == "/operationResults/1").count(), 1);
    azure.get(&account("mail"));
}

#[test]
fn a_grant_that_azure_answers_with_another_one_has_failed() {
    type Edit = fn(&mut Value);
    let edits: [(&str, Edit); 3] = [
        ("principalId", |body| body["properties"]["principalId"] = json!(BOB)),
        ("roleDefinitionId", |body| {
            body["properties"]["roleDefinitionId"] = json!(
                "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
            );
        }),
        ("scope", |body| {
            body["properties"]["scope"] = json!("/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11");
        }),
    ];
    for (name, edit) in edits {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
        azure.spoil("PUT", "/roleAssignments/", Fault::Edit(edit));
        let run = folder.keyless("apply a.yaml --yes").exits(1);
        run.says(&[
            "Azure accepted the write but returned a different value",
            &format!("`{name}` is `"),
            "1 failed",
        ]);
    }
}

/// A delete takes a read before it and one after it.
#[test]
fn what_has_gone_meanwhile_is_looked_for_once_and_no_failure() {
    let (azure, folder) = one_too_many();
    folder.keyless("apply a.yaml --yes").exits(0);
    let about = |azure: &Azure| {
        let seen = azure.take_seen();
        let own = seen.into_iter().filter(|seen| seen.path().contains("/roleAssignments/"));
        own.map(|seen| seen.method).collect::<Vec<_>>()
    };
    assert_eq!(about(&azure), ["GET", "DELETE", "GET"]);

    // It goes before the DELETE arrives, and after the read before it.
    let (azure, folder) = one_too_many();
    let gone = json!([{"method": "DELETE", "path": "*/roleAssignments/*", "status": 404, "effect": true,
        "code": "RoleAssignmentNotFound", "message": "The role assignment is not found."}]);
    fault(&azure, gone);
    folder.keyless("apply a.yaml --yes").exits(0).complains(&["it was already deleted"]);
    assert_eq!(about(&azure), ["GET", "DELETE", "GET"]);
    assert_eq!(azure.grants_at(&account("chat")).len(), 1);

    // Two answers that agree are enough.
    let (azure, folder) = one_too_many();
    let absent = || Fault::error(404, "RoleAssignmentNotFound", "The role assignment is not found.");
    azure.spoil("GET", "/roleAssignments/", absent());
    azure.spoil("DELETE", "/roleAssignments/", absent());
    folder.keyless("apply a.yaml --yes").exits(0).complains(&["it was already deleted"]);
    assert_eq!(about(&azure), ["GET", "DELETE"]);
}

#[test]
fn an_account_that_azure_does_not_find_to_delete_has_not_been_deleted() {
    for code in few(2, CODES) {
        let azure = Azure::start();
        let folder = azure.folder();
        let two = "accounts:\n  - {name: chat, disableLocalAuth: true}\n";
        folder
            .write("a.yaml", format!("{}{two}  - {{name: mail, disableLocalAuth: true}}\n", head("team-a")));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", format!("{}{two}", head("team-a")));
        azure.spoil("DELETE", "/accounts/mail", Fault::error(404, code, "It was not found."));
        let run = folder.keyless("apply a.yaml --yes --allow delete-account").exits(1);
        run.says(&["failed to delete", code]);
        azure.get(&account("mail"));
    }
}

#[test]
fn what_is_to_be_purged_and_not_found_has_not_been_purged() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: true\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.delete(&account("chat"));
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", "disableLocalAuth: true\n")
            .replace("accounts:", "onSoftDeleted: purge\naccounts:"),
    );
    let not_found = |code| (code, Fault::error(404, code, "It was not found."));
    let odd = ("Azure answered 203", Fault::Answer(203, "application/json", "{}".to_owned()));
    for (said, fault) in few(2, [not_found("InvalidResourceType"), not_found("ResourceNotFound"), odd]) {
        azure.heal();
        azure.spoil("DELETE", "/deletedAccounts/", fault);
        let run = folder.keyless("apply a.yaml --yes --allow purge").exits(1);
        run.says(&["failed to purge", said]);
    }
    azure.heal();
    folder.keyless("apply a.yaml --yes --allow purge").exits(0);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_write_that_is_answered_with_a_success_and_an_error_has_failed() {
    for status in few(1, [200, 201, 202]) {
        let (azure, folder) = one_too_many();
        azure.spoil("DELETE", "/roleAssignments/", error_with(status));
        folder.keyless("apply a.yaml --yes").exits(1).says(&[
            "failed to delete",
            "PartialError: Some of it failed",
            "it is unknown whether it took effect",
        ]);
        assert_eq!(azure.grants_at(&account("chat")).len(), 2, "{status}");

        for part in few(2, ["/roleAssignments/", "/deployments/", "/accounts/chat?"]) {
            let azure = Azure::start();
            let folder = azure.folder();
            folder.write("a.yaml", one_account("team-a", "chat", &format!("{GPT}{}", grants(&[ALICE]))));
            azure.spoil("PUT", part, error_with(status));
            folder.keyless("apply a.yaml --yes").exits(1).says(&["failed to create", "PartialError"]);
            azure.heal();
            folder.keyless("apply a.yaml --yes").exits(0);
        }
    }
}

#[test]
fn keys_are_not_said_to_be_revoked_where_the_answer_is_an_error() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: false\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.spoil("POST", "regenerateKey", error_with(200));
    let run = folder.keyless("keys revoke a.yaml --yes").exits(1);
    run.says(&["could not determine whether Key1", "Key2"]);
}

/// A read that is no whole answer, of anything.
fn halves() -> Vec<(String, Fault)> {
    let json = |status: u16, body: &Value| Fault::Answer(status, "application/json", body.to_string());
    let empty = json!({"value": []});
    let error = json!({"code": "PartialError", "message": "Some of it failed."});
    let mut halves: Vec<(String, Fault)> =
        [201, 202, 203, 206, 299].map(|status| (status.to_string(), json(status, &empty))).into();
    for body in [
        json!({"value": [], "error": error}),
        json!({"Error": error, "value": []}),
        json!({"value": [], "nextLink": null, "@odata.nextLink": "https://management.azure.com/x"}),
        json!({"value": [], "@odata.nextLink": "", "NextLink": "https://management.azure.com/x"}),
    ] {
        halves.push((body.to_string(), json(200, &body)));
    }
    let twice = r#"{"value": [], "nextLink": "https://management.azure.com/x", "nextLink": null}"#;
    halves.push((twice.to_owned(), Fault::Answer(200, "application/json", twice.to_owned())));
    halves
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn half_a_list_is_not_believed() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &format!("deployments: []\nprojects: []\n{}", grants(&[ALICE]))),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    let rogue = json!({"sku": {"name": "Standard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"}}});
    azure.put(&format!("{}/deployments/rogue", account("chat")), rogue);
    folder.keyless("drift a.yaml").exits(2);
    for (what, fault) in few(2, halves()) {
        for list in few(2, ["/deployments?", "/projects?", "/roleAssignments?", "/accounts?"]) {
            azure.heal();
            azure.spoil("GET", list, fault.clone());
            for command in ["plan a.yaml", "drift a.yaml"] {
                let run = folder.keyless(command).exits(1);
                let said = run.stdout.replace("No changes in what could be read", "");
                assert!(!said.contains("No changes"), "{what}, {list}: {run}");
            }
        }
    }
}

/// The link leads out of Azure, so that nothing is found behind it: to follow it is to see that.
#[test]
fn a_link_to_the_next_page_is_one_in_whatever_letters() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &format!("deployments: []\n{}", grants(&[ALICE]))));
    folder.keyless("apply a.yaml --yes").exits(0);
    for name in ["nextLink", "nextlink", "NextLink", "@odata.nextlink", "@nextLink"] {
        azure.heal();
        let body = json!({"value": [], name: "https://elsewhere.example/x"});
        azure.spoil("GET", "/deployments?", Fault::Answer(200, "application/json", body.to_string()));
        let run = folder.keyless("drift a.yaml").exits(1).says(&["outside of Azure Resource Manager"]);
        assert!(!run.stdout.contains("No changes"), "{name}: {run}");
    }
}

#[test]
fn what_a_list_shows_twice_each_time_otherwise_is_not_known() {
    fn keys_on(list: &mut Value) {
        let mut first = list["value"][0].clone();
        first["properties"]["disableLocalAuth"] = json!(false);
        list["value"].as_array_mut().unwrap().insert(0, first);
    }
    fn the_same(list: &mut Value) {
        let first = list["value"][0].clone();
        list["value"].as_array_mut().unwrap().insert(0, first);
    }
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.spoil("GET", "/accounts?", Fault::Edit(keys_on));
    for command in ["plan a.yaml", "drift a.yaml", "keys status a.yaml"] {
        folder.keyless(command).exits(1).says(&["twice with different content"]);
    }
    // Pages may move while they are read.
    azure.heal();
    azure.spoil("GET", "/accounts?", Fault::Edit(the_same));
    folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
}
