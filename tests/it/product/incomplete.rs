//! What could not be read is unknown: never a write, never "no changes", never a delete; exit 1. Others go on.

use crate::common::{ALICE, Azure, BOB, Fault, Folder, SUB, account, few, grants, one_account};

const OTHER: &str = "9e0d7a40-3333-4444-8555-666677778888";

/// Answers that are no answer.
pub(super) fn troubles() -> Vec<(&'static str, Fault)> {
    let whole = "{\"value\": [{\"id\": \"/subscriptions/";
    vec![
        ("denied", Fault::denied()),
        ("fault", Fault::error(500, "InternalServerError", "An error has occurred.")),
        ("truncated", Fault::Answer(200, "application/json", whole.to_owned())),
        ("cut off", Fault::CutOff),
        ("a proxy's page", Fault::Answer(200, "text/html", "<html><h1>Sign in</h1></html>".to_owned())),
        ("another document", Fault::Answer(200, "application/json", "[]".to_owned())),
        ("a list that is none", Fault::Answer(200, "application/json", "{\"value\": {}}".to_owned())),
        ("no list at all", Fault::Answer(200, "application/json", "{}".to_owned())),
        ("a proxy's 404", Fault::Answer(404, "text/html", "<html>not found</html>".to_owned())),
        (
            "no such subscription",
            Fault::error(404, "SubscriptionNotFound", "The subscription 's' could not be found."),
        ),
        ("a part", Fault::Answer(206, "application/json", "{\"value\": []}".to_owned())),
        (
            "a list with an error",
            Fault::Answer(
                200,
                "application/json",
                "{\"value\": [], \"error\": {\"code\": \"PartialError\"}}".to_owned(),
            ),
        ),
        ("an empty body", Fault::Answer(200, "application/json", String::new())),
    ]
}

/// Two stacks in two subscriptions, both applied; of the first a line is gone, of the second one is new.
fn world() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    let other = |principals| one_account("team-b", "other", &grants(principals)).replace(SUB, OTHER);
    folder.write("specs/a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB])));
    folder.write("specs/b.yaml", other(&[ALICE]));
    folder.keyless("apply --yes").exits(0);
    folder.write("specs/a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.write("specs/b.yaml", other(&[ALICE, BOB]));
    azure.take_seen();
    (azure, folder)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_account_list_that_cannot_be_read_makes_the_account_unknown() {
    for (what, fault) in few(2, troubles()) {
        let (azure, folder) = world();
        // Of the subscription, and of the group, which is asked where the subscription may not be listed.
        for scope in ["", "/resourceGroups/rg"] {
            let path = format!("/subscriptions/{SUB}{scope}/providers/Microsoft.CognitiveServices/accounts?");
            azure.spoil("GET", &path, fault.clone());
        }
        let run = folder.keyless("plan --format json").exits(1);
        let unknown = run.changes("unknown");
        assert_eq!(unknown.len(), 1, "{what}: {run}");
        assert_eq!(unknown[0]["kind"], "accounts");
        assert!(run.findings().contains(&"unknown-state@7".to_owned()), "{what}: {run}");
        assert_eq!(run.json()["incomplete"].as_array().unwrap().len(), 1, "{what}: {run}");
        let human = folder.keyless("plan").exits(1);
        assert!(
            !human.stdout.contains("No changes") && human.stdout.contains("1 unknown"),
            "{what}: {human}"
        );
        folder.keyless("drift").exits(1);
        assert!(azure.take_writes().is_empty(), "{what}");

        folder.keyless("apply --yes").exits(1);
        let writes = azure.take_writes();
        assert!(!writes.iter().any(|seen| seen.path() == account("chat")), "{what}: {writes:?}");
        assert!(
            writes.iter().any(|seen| seen.method == "PUT" && seen.target.contains(OTHER)),
            "{what}: the other goes on"
        );
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_assignment_list_that_cannot_be_read_permits_neither_grant_nor_revocation() {
    for (what, fault) in few(2, troubles()) {
        let (azure, folder) = world();
        // At any scope.
        azure.spoil(
            "GET",
            &format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments"),
            fault.clone(),
        );
        azure.spoil(
            "GET",
            &format!(
                "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments?"
            ),
            fault.clone(),
        );
        azure.spoil("GET", "/accounts/chat/providers/Microsoft.Authorization/roleAssignments?", fault);
        let run = folder.keyless("plan --format json").exits(1);
        assert_eq!(run.changes("unknown").len(), 1, "{what}: {run}");
        assert!(run.changes("delete").is_empty(), "{what}: {run}");
        assert_eq!(run.changes("create").len(), 1, "{what}: the other stack's: {run}");
        folder.keyless("apply --yes").exits(1).says(&["1 done"]);
        let writes = azure.take_writes();
        assert_eq!(writes.len(), 1, "{what}: {writes:?}");
        assert!(writes[0].target.contains(OTHER), "{what}: {writes:?}");
        assert_eq!(azure.grants_at(&account("chat")).len(), 2, "{what}: nothing was revoked");
    }
}

#[test]
fn an_assignment_list_denied_for_the_subscription_is_asked_for_the_group() {
    let (azure, folder) = world();
    azure.spoil(
        "GET",
        &format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments"),
        Fault::denied(),
    );
    let run = folder.keyless("plan --format json").exits(1);
    assert_eq!(run.changes("unknown").len(), 0, "{run}");
    // The list may be incomplete, so nothing is deleted because of it. That a removed line revokes nothing is an error.
    assert_eq!(run.changes("delete").len(), 0, "{run}");
    assert!(run.findings().iter().any(|finding| finding.starts_with("incomplete-read")), "{run}");
    let run = folder.keyless("apply --yes").exits(1);
    run.says(&[
        "error[incomplete-read]",
        "is no longer declared and is not deleted",
        "the Reader role on the subscription",
    ]);
}

/// A list at the root shows only what is given there: the lists of groups are asked beside it.
#[test]
fn a_declared_root_scope_does_not_stand_for_the_groups_of_a_denied_subscription() {
    let azure = Azure::start();
    let folder = azure.folder();
    let own = one_account("team-a", "chat", &grants(&[ALICE]));
    folder.write("a.yaml", &own);
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.spoil(
        "GET",
        &format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments"),
        Fault::denied(),
    );
    folder.write(
        "a.yaml",
        format!("{own}roleAssignments:\n  - scope: /\n    role: Reader\n    principals: []\n"),
    );
    azure.take_seen();
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    let (new, unread) = (run.changes("create").len(), run.changes("unknown").len());
    assert_eq!((new, unread), (0, 0), "Alice has the role: {run}");
    let seen = azure.take_seen();
    let asked = |part: &str| seen.iter().any(|seen| seen.target.contains(part));
    let list = "/providers/Microsoft.Authorization/roleAssignments?";
    assert!(asked(&format!("/resourceGroups/rg{list}")) && asked("&$filter=atScope()"), "{seen:?}");
}

#[test]
fn nothing_is_created_where_nothing_could_be_read() {
    for (what, fault) in few(2, troubles()) {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
        azure.spoil("GET", "/providers/", fault);
        let run = folder.keyless("plan a.yaml --format json").exits(1);
        assert_eq!(run.changes("unknown").len(), 2, "{what}: {run}");
        folder.keyless("apply a.yaml --yes").exits(1);
        assert!(azure.take_writes().is_empty(), "{what}");
    }
}

#[test]
fn an_assignment_of_an_account_that_could_not_be_read_is_not_created() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    azure.spoil("GET", "CognitiveServices/accounts?", Fault::denied());
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert_eq!(run.changes("unknown").len(), 2, "{run}");
    assert!(azure.take_writes().is_empty());
}

#[test]
fn a_missing_resource_group_is_a_finding_and_not_a_write() {
    let azure = Azure::start();
    let folder = azure.folder();
    let group = format!("/subscriptions/{SUB}/resourceGroups/rg");
    azure.put(&group, serde_json::json!({"location": "eastus2"}));
    azure.delete(&group);
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert!(run.findings().contains(&"resource-group-missing@7".to_owned()), "{run}");
    assert_eq!(run.changes("create").len(), 0, "{run}");
    assert!(azure.take_writes().is_empty());
}

#[test]
fn a_note_says_if_soft_deleted_accounts_may_not_be_listed() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    azure.spoil("GET", "/deletedAccounts", Fault::denied());
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(run.findings(), ["soft-deleted@7"], "{run}");
    assert_eq!(run.json()["findings"][0]["severity"], "note");
    assert_eq!(run.changes("create").len(), 1);
}

#[test]
fn a_soft_deleted_account_of_that_name_is_found_while_planning() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &serde_json::json!({}));
    azure.delete(&account("chat"));
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert_eq!(run.changes("refused").len(), 2, "the account, and the assignment that stands on it: {run}");
    assert!(azure.take_writes().is_empty());
}

#[test]
fn a_write_that_fails_leaves_the_others_alone_and_says_what_azure_said() {
    let azure = Azure::start();
    let folder = azure.folder();
    let two = one_account("team-a", "chat", &grants(&[ALICE]));
    let second = one_account("team-a", "talk", &grants(&[ALICE]));
    folder.write("a.yaml", format!("{two}{}", second.split_once("accounts:\n").unwrap().1));
    azure.spoil(
        "PUT",
        "/accounts/chat?",
        Fault::error(409, "CustomDomainInUse", "Please pick a different name."),
    );
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1).json();
    assert_eq!(
        run["summary"],
        serde_json::json!({"done": 2, "failed": 1, "skipped": 1, "refused": 0, "unknown": 0})
    );
    let finding = &run["findings"][0];
    assert_eq!(finding["code"], "write-failed");
    assert_eq!(finding["source"]["line"], 7, "Azure's error points to the line");
    assert!(finding["cause"].as_str().unwrap().contains("CustomDomainInUse: Please pick a different name"));
    assert!(finding["hint"].as_str().unwrap().contains("customSubDomainName"));
    azure.heal();
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
fn a_write_begins_from_a_resource_or_not_at_all() {
    for strange in ["[]", "\"text\"", "7", "{}", "{\"properties\": []}", "null"] {
        let azure = Azure::start();
        let folder = azure.folder();
        azure.make_account(
            "chat",
            &serde_json::json!({"customSubDomainName": "chat", "disableLocalAuth": true}),
        );
        folder.write("a.yaml", one_account("team-a", "chat", "tags: {team: ml}\n"));
        azure.spoil("GET", "/accounts/chat?", Fault::Answer(200, "application/json", strange.to_owned()));
        folder.keyless("apply a.yaml --yes").exits(1).says(&["0 done, 1 failed"]);
        assert!(azure.take_writes().is_empty(), "{strange}");
    }
}

#[test]
fn one_list_that_could_not_be_read_permits_no_delete_in_the_others() {
    let azure = Azure::start();
    let folder = azure.folder();
    let elsewhere = format!("/subscriptions/{SUB}/resourceGroups/other");
    let spec = |principals: &[&str]| {
        let scoped = format!(
            "roleAssignments: [{{scope: {elsewhere}, role: Reader, principals: [{{id: {ALICE}, type: User}}]}}]\n"
        );
        format!("{}{scoped}", one_account("team-a", "chat", &grants(principals)))
    };
    folder.write("a.yaml", spec(&[ALICE, BOB]));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec(&[ALICE]));
    azure.spoil(
        "GET",
        &format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments"),
        Fault::denied(),
    );
    let whole = folder.keyless("plan a.yaml --format json").exits(1);
    assert!(whole.changes("delete").is_empty(), "the list of the subscription is the whole one: {whole}");
    assert_eq!(whole.changes("unmanaged-drift").len(), 1, "{whole}");
    azure.spoil(
        "GET",
        &format!("{elsewhere}/providers/Microsoft.Authorization/roleAssignments"),
        Fault::denied(),
    );
    azure.take_seen();
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert!(run.changes("delete").is_empty(), "{run}");
    assert_eq!(run.changes("unmanaged-drift").len(), 1, "{run}");
    assert!(azure.take_writes().is_empty());
}
