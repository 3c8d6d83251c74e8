//! What a spec stops to speak of: a list that is left out revokes nothing unasked, and a scope that nobody names any more is not forgotten.

use serde_json::json;

use crate::common::{
    ALICE, Azure, BOB, CAROL, CS_USER, Fault, Folder, READER, SUB, account, few, grants, head, listed,
    one_account,
};

const HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";

fn at(group: &str) -> String {
    format!("/subscriptions/{SUB}/resourceGroups/{group}")
}

/// An account whose users a stack gave access to, and somebody else who got it by hand.
fn shared() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB])));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    azure.grant(&at("rg"), HAND, CS_USER, CAROL, None);
    azure.take_seen();
    (azure, folder)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_list_that_a_merge_lost_revokes_nobody_and_an_empty_one_does() {
    let (azure, folder) = shared();
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {team: ml}\n"));
    let words = "`roleAssignments` of account `chat` is no longer in the spec: 2 role assignments of stack `team-a` would be deleted";
    let hint = "if this is intended: write `roleAssignments: []`, or --allow delete-list:accounts/chat/roleAssignments";
    folder.keyless("plan a.yaml --out saved.json").exits(3).says(&["error[guard-delete-list]", words, hint]);
    folder.keyless("apply a.yaml --yes").exits(3).complains(&["nothing was written"]);
    let lists = ["accounts/chat/roleAssignments".to_owned(), format!("{}/roleAssignments", account("chat"))];
    for list in lists {
        folder.keyless(&format!("plan a.yaml --allow delete-list:{list}")).exits(0).says(&["2 to delete"]);
    }
    // Another list, what holds it, and the word that many deletes are meant lift nothing.
    for lift in few(
        3,
        [
            "delete-list:accounts/another/roleAssignments",
            "delete-list:accounts/chat",
            "delete-list:accounts/chat/projects",
            "delete-list:team-a/roleAssignments",
            "deletes:accounts/chat",
            "deletes:team-a",
            "deletes",
        ],
    ) {
        folder.keyless(&format!("plan a.yaml --allow {lift}")).exits(3).says(&["error[guard-delete-list]"]);
    }
    // Without its specs, a saved plan does not prove that they declare an empty list.
    let words = "2 role assignments of stack `team-a` on `chat` go and none stays there";
    folder.keyless("apply saved.json --yes").exits(3).says(&[words, "name its specs behind the plan"]);
    assert!(azure.take_writes().is_empty());
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    folder.keyless("plan a.yaml --out saved.json").exits(0).says(&["2 to delete"]);
    folder.keyless("apply saved.json --yes").exits(3).says(&[words]);
    assert!(azure.take_writes().is_empty());
    folder.keyless("apply saved.json a.yaml --yes").exits(0).says(&["2 done"]);
}

/// An entry for the scope of an account says nothing of the list that the account lost.
#[test]
fn a_line_elsewhere_for_the_same_scope_does_not_stand_for_the_list() {
    let (_azure, folder) = shared();
    let lost = one_account("team-a", "chat", "tags: {team: ml}\n");
    let entry = |principals: &str| {
        format!(
            "roleAssignments:\n  - {{scope: \"{}\", role: Reader, principals: {principals}}}\n",
            account("chat")
        )
    };
    let somebody = entry(&format!("[{{id: {CAROL}, type: User}}]"));
    folder.write("a.yaml", format!("{lost}{somebody}"));
    folder.keyless("plan a.yaml").exits(3).says(&["error[guard-delete-list]"]);
    folder.write("a.yaml", format!("{lost}{}", entry("[]")));
    folder.keyless("plan a.yaml").exits(0).says(&["2 to delete"]);
}

/// That many deletes are meant says nothing of a key that a merge lost, and the other way round.
#[test]
fn many_deletes_and_a_list_that_is_left_out_are_two_questions() {
    let azure = Azure::start();
    let folder = azure.folder();
    let users: Vec<String> = (1..7).map(|n| format!("aaaaaaaa-0000-4000-8000-00000000000{n}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&users)));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    azure.grant(&at("rg"), HAND, CS_USER, CAROL, None);
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {team: ml}\n"));
    let (many, list) = ("deletes:team-a", "delete-list:accounts/chat/roleAssignments");
    let run = folder.keyless("plan a.yaml").exits(3);
    run.says(&["error[guard-deletes]", "error[guard-delete-list]", &format!("--allow {many}"), list]);
    folder.keyless(&format!("plan a.yaml --allow {many}")).exits(3).says(&["error[guard-delete-list]"]);
    folder.keyless(&format!("plan a.yaml --allow {list}")).exits(3).says(&["error[guard-deletes]"]);
    folder.keyless(&format!("plan a.yaml --allow {many} --allow {list}")).exits(0).says(&["6 to delete"]);
    // An empty list asks for the count alone.
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    folder.keyless(&format!("plan a.yaml --allow {many}")).exits(0);
}

#[test]
fn a_saved_plan_that_leaves_something_in_the_list_is_applied_as_before() {
    let (_azure, folder) = shared();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[BOB])));
    folder.keyless("plan a.yaml --out saved.json").exits(0);
    folder.keyless("apply saved.json --yes").exits(0).says(&["1 done"]);
}

#[test]
fn delete_list_covers_the_files_own_list_and_accounts_that_stay() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
    let entry = format!(
        "roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n    principals:\n{}",
        listed([ALICE], "User")
    );
    let spec = one_account("team-a", "chat", &grants(&[BOB]));
    folder.write("a.yaml", format!("{spec}{entry}"));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    folder.write("a.yaml", &spec);
    let own =
        "`roleAssignments` of stack `team-a` is no longer in the spec: 1 role assignment would be deleted";
    folder.keyless("plan a.yaml").exits(3).says(&[own, "or --allow delete-list:team-a/roleAssignments"]);
    folder.keyless("plan a.yaml --allow delete-list:team-a/roleAssignments").exits(0);
    folder.write("a.yaml", format!("{spec}roleAssignments: []\n"));
    folder.keyless("plan a.yaml").exits(0).says(&["1 to delete"]);
    // Nobody deletes an account that the stack did not make; its users would go all the same.
    folder.write("a.yaml", format!("{}{entry}", head("team-a")));
    let forgotten =
        "stack `team-a` no longer declares account `chat`: its 1 role assignment there would be deleted";
    folder
        .keyless("plan a.yaml")
        .exits(3)
        .says(&[forgotten, "with that scope and `principals: []`, or --allow"]);
    let nobody = format!("  - {{scope: {}, role: Reader, principals: []}}\n", account("chat"));
    folder.write("a.yaml", format!("{}{entry}{nobody}", head("team-a")));
    folder.keyless("plan a.yaml").exits(0).says(&["1 to delete"]);
    // Deleting an account deletes the roles on it, and has its own guard.
    let (_azure, folder) = shared();
    folder.write("a.yaml", head("team-a"));
    let run = folder.keyless("plan a.yaml").exits(3).says(&["guard-delete-account"]);
    assert!(!run.stdout.contains("guard-delete-list"), "{run}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_two_stacks_leave_out_on_one_account_is_two_questions() {
    let azure = Azure::start();
    let folder = azure.folder();
    let given = format!(
        "roleAssignments:\n  - scope: {}\n    role: Reader\n    principals:\n{}",
        account("chat"),
        listed([BOB], "User")
    );
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.write("b.yaml", format!("{}{given}", head("team-b")));
    folder.keyless("apply a.yaml b.yaml --yes -q").exits(0);
    azure.grant(&at("rg"), HAND, CS_USER, CAROL, None);
    // The list of the account is the other stack's.
    folder.write("b.yaml", head("team-b"));
    let theirs =
        "stack `team-b` no longer declares account `chat`: its 1 role assignment there would be deleted";
    let flag = "--allow delete-list:team-b/accounts/chat/roleAssignments";
    let hint = format!("keep a role assignment with that scope and `principals: []`, or {flag}");
    let run = folder.keyless("plan a.yaml b.yaml").exits(3).says(&[theirs, &hint]);
    assert!(!run.stdout.contains("is no longer in the spec"), "{run}");
    let nobody = given.split("    principals").next().unwrap();
    folder.write("b.yaml", format!("{}{nobody}    principals: []\n", head("team-b")));
    folder.keyless("plan a.yaml b.yaml").exits(0).says(&["1 to delete"]);
    // Both leave the list out: each needs its own flag.
    folder.write("b.yaml", head("team-b"));
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    let own = "--allow delete-list:accounts/chat/roleAssignments";
    folder.keyless("plan a.yaml b.yaml").exits(3).says(&[theirs, flag, own]);
    folder.keyless(&format!("plan a.yaml b.yaml {own}")).exits(3).says(&[theirs]);
    folder
        .keyless(&format!("plan a.yaml b.yaml {flag}"))
        .exits(3)
        .says(&["`roleAssignments` of account `chat`"]);
    folder.keyless(&format!("plan a.yaml b.yaml {flag} {own}")).exits(0).says(&["2 to delete"]);
    let by_id = format!("--allow delete-list:team-b{}/roleAssignments", account("chat"));
    folder.keyless(&format!("plan a.yaml b.yaml {by_id} {own}")).exits(0);
}

#[test]
fn an_account_in_a_group_that_a_spec_no_longer_names_is_not_forgotten() {
    let azure = Azure::start();
    let folder = azure.folder();
    let one = one_account("team-a", "chat", "");
    folder.write(
        "a.yaml",
        format!("{one}  - {{name: second, resourceGroup: other, customSubDomainName: second, disableLocalAuth: false}}\n"),
    );
    folder.keyless("apply a.yaml --yes -q").exits(0);
    folder.write("a.yaml", &one);
    let words = ["account second", "it carries the stack's mark but is outside of its groups and scopes"];
    folder.keyless("plan a.yaml").exits(0).says(&words);
    folder.keyless("drift a.yaml").exits(2).says(&words);
    // A caller who may only list the groups gets a warning about what that leaves out.
    let path = format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/accounts?");
    azure.spoil("GET", &path, Fault::error(403, "AuthorizationFailed", "no right to list accounts"));
    let words = "so resources in groups that a spec no longer names are not found";
    folder.keyless("drift a.yaml").exits(0).says(&["warning[incomplete-read]", words, "the caller needs `"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn nobody_at_a_scope_is_something_to_declare() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |principals: &str, more: &str| {
        format!(
            "{}{more}roleAssignments:\n  - scope: {}\n    role: Reader\n    principals: {principals}\n",
            head("team-a"),
            at("other")
        )
    };
    folder.write("a.yaml", spec(&format!("[{{id: {BOB}, type: User}}]"), ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    // The last line about the place is gone, and with it the right to delete there.
    for (more, exit, words) in [
        ("", 2, "it carries the stack's mark but is outside of its groups and scopes"),
        (
            "unmanaged: list\n",
            0,
            "1 resource carries the mark of stack `team-a` outside of what its spec covers, and stays",
        ),
    ] {
        folder.write("a.yaml", format!("{}{more}roleAssignments: []\n", head("team-a")));
        let run = folder.keyless("plan a.yaml").exits(0).says(&[
            "No changes",
            words,
            "with `principals: []` until it is deleted",
        ]);
        assert_eq!(run.stdout.matches("warning[unmanaged]").count(), 1, "{run}");
        folder.keyless("drift a.yaml").exits(exit).says(&[words]);
    }
    folder.write("a.yaml", spec("[]", ""));
    folder.keyless("plan a.yaml").exits(0).says(&["1 to delete"]);
    folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
    assert!(azure.grants_at(&at("other")).is_empty());
    folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
    // What somebody else made there stays, and is nothing of the stack's.
    azure.grant(&at("other"), HAND, READER, BOB, None);
    folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
    // On an account as well.
    let nobody = "roleAssignments: [{role: Cognitive Services User, principals: []}]\n";
    folder.write("b.yaml", one_account("team-b", "chat", nobody));
    folder.keyless("apply b.yaml --yes").exits(0);
    folder.keyless("plan b.yaml --detailed-exitcode").exits(0);
}

#[test]
fn a_removed_line_is_revoked_even_if_a_new_identity_gets_a_role_at_that_scope() {
    let azure = Azure::start();
    let folder = azure.folder();
    let file = |accounts: &str, roles: &str| {
        format!("{}accounts:\n{accounts}roleAssignments:\n{roles}", head("team-a"))
    };
    let chat = "  - {name: chat, identity: None}\n";
    let reader = |who: &str| format!("  - {{scope: resourceGroup, role: Reader, principals: [{who}]}}\n");
    let owners =
        format!("  - {{scope: resourceGroup, role: Owner, principals: [{{id: {ALICE}, type: User}}]}}\n");
    let old = format!("{owners}{}", reader(&format!("{{id: {BOB}, type: ServicePrincipal}}")));
    folder.write("a.yaml", file(chat, &old));
    folder.keyless("apply a.yaml --yes --allow grant").exits(0).says(&["3 done"]);
    // A new account's identity, and one that an account gets which had none.
    let made = format!("{chat}  - {{name: second}}\n");
    let gets = chat.replace("identity: None", "identity: SystemAssigned");
    for (accounts, who) in [(made.as_str(), "{accountIdentity: second}"), (&gets, "{accountIdentity: chat}")]
    {
        folder.write("b.yaml", file(accounts, &reader(who)));
        let run = folder.keyless("plan b.yaml --format json").exits(0);
        assert_eq!(run.changes("delete").len(), 2, "{who}: {run}");
    }
    folder.keyless("apply b.yaml --yes").exits(0).says(&["0 failed, 0 skipped"]);
    let left = azure.grants_at(&at("rg"));
    assert_eq!(left.len(), 1, "{left:?}");
    folder.keyless("drift b.yaml").exits(0).says(&["No drift"]);
}
