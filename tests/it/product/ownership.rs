//! What is ours, what is not, and what happens to either.

use serde_json::json;

use crate::common::{
    ALICE, Azure, BOB, CAROL, CS_USER, Fault, Folder, READER, SUB, account, assignment, grants, head, listed,
    one_account,
};

/// The GUID that somebody gave an assignment by hand.
const BY_HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";

/// An account and its grants, applied.
fn applied(principals: &[&str], extra: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(principals, extra));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    (azure, folder)
}

/// `extra` stands among the lines of the head.
fn spec(principals: &[&str], extra: &str) -> String {
    let lines = if principals.is_empty() { String::new() } else { grants(principals) };
    one_account("team-a", "chat", &lines).replacen("accounts:", &format!("{extra}accounts:"), 1)
}

fn principals(azure: &Azure, scope: &str) -> Vec<String> {
    let all = azure.grants_at(scope);
    let mut all: Vec<String> =
        all.iter().map(|body| body["properties"]["principalId"].as_str().unwrap().to_owned()).collect();
    all.sort();
    all
}

#[test]
fn role_assignment_made_by_hand_satisfies_the_spec_without_a_write() {
    let (azure, folder) = applied(&[], "");
    azure.grant(&account("chat"), BY_HAND, CS_USER, ALICE, Some("by hand"));
    folder.write("a.yaml", spec(&[ALICE], ""));
    let run = folder.keyless("apply a.yaml --yes --format json").exits(0);
    assert_eq!(run.changes("noop").len(), 2, "{run}");
    assert_eq!(run.findings(), ["not-ours@11"], "{run}");
    folder
        .keyless("plan a.yaml -v")
        .exits(0)
        .says(&["declared but not owned by the stack: removing the line will not revoke it"]);
    // That there is such a thing is said without -v, on a pull request too.
    for command in ["plan a.yaml", "drift a.yaml", "plan a.yaml --format markdown"] {
        folder.keyless(command).exits(0).says(&["1 declared but not owned"]);
    }
    assert!(azure.take_writes().is_empty());
    // Scope, principal and role in any casing are the same.
    let text = spec(&[&ALICE.to_uppercase()], "").replace("resourceGroup: rg\n", "resourceGroup: RG\n");
    folder.write("a.yaml", text.replace("Cognitive Services User", CS_USER));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn adopting_marks_what_was_made_by_hand_and_nothing_else() {
    let (azure, folder) = applied(&[], "");
    azure.grant(&account("chat"), BY_HAND, CS_USER, ALICE, Some("by hand"));
    folder.write("a.yaml", spec(&[ALICE], "adopt: true\n"));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(2).says(&["1 to adopt"]);
    folder.keyless("apply a.yaml --yes").exits(0);
    let writes = azure.take_writes();
    assert_eq!(writes.len(), 1);
    assert_eq!(writes[0].path(), assignment(&account("chat"), BY_HAND), "under the name it had");
    let live = azure.get(&assignment(&account("chat"), BY_HAND));
    assert_eq!(live["properties"]["description"], "by hand [keyless:team-a]");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    // From now on removing the line revokes.
    folder.write("a.yaml", spec(&[], ""));
    folder.keyless("apply a.yaml --yes --allow lock-out --allow delete-list").exits(0).says(&["1 to delete"]);
    assert!(azure.grants_at(&account("chat")).is_empty());
}

#[test]
fn an_adopted_account_gets_the_mark_and_keeps_its_tags() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.patch(&account("chat"), json!({"tags": {"cost": "7"}}));
    folder.write("a.yaml", spec(&[], "adopt: true\n"));
    folder.keyless("apply a.yaml --yes").exits(0).says(&["1 to adopt"]);
    assert_eq!(azure.get(&account("chat"))["tags"], json!({"cost": "7", "keyless-stack": "team-a"}));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
fn an_account_made_by_hand_is_not_marked_by_an_update() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {team: ml}\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(azure.get(&account("chat"))["tags"], json!({"team": "ml"}));
}

#[test]
fn a_removed_line_revokes_what_keyless_made_and_leaves_what_it_did_not() {
    let (azure, folder) = applied(&[ALICE, BOB], "");
    azure.grant(&account("chat"), BY_HAND, CS_USER, CAROL, Some("by hand"));
    folder.write("a.yaml", spec(&[ALICE], ""));
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    let deleted = run.changes("delete");
    assert_eq!(deleted.len(), 1, "{run}");
    assert!(deleted[0]["title"].as_str().unwrap().contains(BOB), "{run}");
    assert_eq!(run.changes("unmanaged-drift").len(), 1, "{run}");
    folder.keyless("drift a.yaml").exits(2);
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(principals(&azure, &account("chat")), [ALICE, CAROL]);
    let writes = azure.take_writes();
    assert_eq!(writes.iter().map(|seen| seen.method.as_str()).collect::<Vec<_>>(), ["DELETE"]);
}

#[test]
fn a_removed_line_of_what_has_lost_its_mark_says_that_it_revoked_nothing() {
    let (azure, folder) = applied(&[ALICE, BOB], "");
    let made = azure.grants_at(&account("chat"));
    let bobs = made.iter().find(|body| body["properties"]["principalId"] == BOB).unwrap();
    // Somebody writes another description, and the mark goes with the old one.
    let mut body = json!({"properties": bobs["properties"]});
    body["properties"]["description"] = json!("for the demo");
    azure.put(bobs["id"].as_str().unwrap(), body);
    folder.keyless("plan a.yaml").exits(0).says(&["1 declared but not owned"]);
    folder.write("a.yaml", spec(&[ALICE], ""));
    let words = "it has the name that keyless assigns: if a stack created it, its mark was removed, and removing its line did not revoke it";
    folder.keyless("apply a.yaml --yes").exits(0).says(&[words]);
    folder.keyless("drift a.yaml").exits(2).says(&[words]);
    // Of what somebody made under another name nothing of that is said.
    azure.grant(&account("chat"), BY_HAND, READER, CAROL, None);
    folder.write("a.yaml", spec(&[ALICE, BOB], ""));
    let run = folder.keyless("drift a.yaml").exits(2);
    assert!(!run.stdout.contains("took its mark off"), "{run}");
}

#[test]
fn the_last_line_of_an_account_revokes_too() {
    let (azure, folder) = applied(&[ALICE], "");
    folder.write("a.yaml", spec(&[], ""));
    // With keys off nobody is left then: that takes a word.
    folder.keyless("apply a.yaml --yes").exits(3);
    assert!(azure.take_writes().is_empty());
    folder.keyless("plan a.yaml --allow lock-out").exits(3).says(&["error[guard-delete-list]"]);
    folder
        .keyless("apply a.yaml --yes --allow lock-out --allow delete-list")
        .exits(0)
        .says(&["1 to delete", "1 done"]);
    assert!(azure.grants_at(&account("chat")).is_empty());
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

/// A spec with grants at the group and nothing else.
fn at_group(principals: &[&str]) -> String {
    let mut text = head("team-a");
    if !principals.is_empty() {
        text.push_str("roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n    principals:\n");
        text.push_str(&listed(principals, "Group"));
    }
    text
}

#[test]
fn the_last_line_of_a_group_revokes_too_and_so_does_an_emptied_stack() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", at_group(&[ALICE]));
    folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
    let group = format!("/subscriptions/{SUB}/resourceGroups/rg");
    assert_eq!(principals(&azure, &group), [ALICE]);
    folder.write("a.yaml", at_group(&[]));
    folder.keyless("plan a.yaml").exits(3).says(&["error[guard-delete-list]"]);
    folder.keyless("apply a.yaml --yes --allow delete-list").exits(0).says(&["1 to delete", "1 done"]);
    assert!(azure.grants_at(&group).is_empty());
}

#[test]
fn with_prune_none_a_removed_line_is_listed_and_revokes_nothing() {
    let (azure, folder) = applied(&[ALICE, BOB], "");
    folder.write("a.yaml", spec(&[ALICE], "prune: none\n"));
    let run = folder.keyless("apply a.yaml --yes --format json").exits(0);
    assert_eq!(run.changes("unmanaged-drift").len(), 1, "{run}");
    assert!(run.changes("delete").is_empty());
    assert!(azure.take_writes().is_empty());
    assert_eq!(principals(&azure, &account("chat")), [ALICE, BOB]);
}

#[test]
fn a_thing_that_carries_another_stacks_mark_is_refused() {
    let (azure, folder) = applied(&[ALICE], "");
    folder.write("b.yaml", spec(&[ALICE], "").replace("stack: team-a", "stack: team-b"));
    let run = folder.keyless("apply b.yaml --yes --format json").exits(1);
    assert_eq!(run.changes("refused").len(), 2, "{run}");
    assert_eq!(
        run.findings().iter().filter(|finding| finding.starts_with("foreign-mark@")).count(),
        2,
        "{run}"
    );
    assert!(azure.take_writes().is_empty());
    // Adopting takes nothing over either.
    folder.write("b.yaml", spec(&[ALICE], "adopt: true\n").replace("stack: team-a", "stack: team-b"));
    folder.keyless("apply b.yaml --yes").exits(1);
    assert!(azure.take_writes().is_empty());
}

#[test]
fn another_stacks_things_are_named_with_their_stack_and_stay() {
    let (azure, folder) = applied(&[ALICE], "");
    folder.write("b.yaml", at_group(&[BOB]).replace("stack: team-a", "stack: team-b"));
    let run = folder.keyless("apply b.yaml --yes").exits(0);
    run.says(&["account chat", "it carries the mark of stack `team-a`, which is not in this run"]);
    assert_eq!(principals(&azure, &account("chat")), [ALICE]);
    // An account that no spec declares is named only, and what is on it is none of the stack's business.
    let run = folder.keyless("drift b.yaml").exits(0);
    assert!(!run.stdout.contains(ALICE), "{run}");
}

#[test]
fn a_mark_outside_of_the_stacks_domain_permits_no_delete() {
    let (azure, folder) = applied(&[ALICE], "");
    // Someone plants the stack's mark on an assignment of another group.
    let elsewhere = format!("/subscriptions/{SUB}/resourceGroups/other");
    azure.grant(&elsewhere, BY_HAND, READER, BOB, Some("bait [keyless:team-a]"));
    let subscription = format!("/subscriptions/{SUB}");
    azure.grant(
        &subscription,
        "12345678-aaaa-4bbb-8ccc-0123456789ac",
        READER,
        CAROL,
        Some("[keyless:team-a]"),
    );
    let run = folder.keyless("apply a.yaml --yes --format json").exits(0);
    assert!(run.changes("delete").is_empty(), "{run}");
    assert!(azure.take_writes().is_empty());
    assert_eq!(principals(&azure, &elsewhere), [BOB]);
}

#[test]
fn a_mark_alone_authorises_nothing_even_if_a_declared_scope_or_stack_shows_it() {
    let (azure, folder) = applied(&[ALICE], "");
    let elsewhere = format!("/subscriptions/{SUB}/resourceGroups/other");
    azure.grant(&elsewhere, BY_HAND, READER, BOB, Some("bait [keyless:team-a]"));
    // A declared scope counts by itself, not with all below it.
    let at_subscription = "roleAssignments: [{scope: subscription, role: Reader, principals: [{id: cccccccc-0000-4000-8000-000000000003, type: User}]}]\n";
    folder.write("a.yaml", spec(&[ALICE], at_subscription));
    let run = folder.keyless("plan a.yaml --allow grant --format json").exits(0);
    assert!(run.changes("delete").is_empty(), "{run}");
    let unmanaged = run.changes("unmanaged-drift");
    assert_eq!(unmanaged.len(), 1, "{run}");
    assert!(unmanaged[0]["reason"].as_str().unwrap().contains("outside"), "{run}");
    // Nor does the domain of a stack that happens to be in the same run.
    folder.write("a.yaml", spec(&[ALICE], ""));
    folder.write(
        "b.yaml",
        at_group(&[CAROL]).replace("team-a", "team-b").replace("resourceGroup: rg", "resourceGroup: other"),
    );
    let run = folder.keyless("apply a.yaml b.yaml --yes").exits(0);
    assert!(!run.stdout.contains("to delete"), "{run}");
    assert_eq!(principals(&azure, &elsewhere), [BOB, CAROL]);
}

#[test]
fn a_mark_typed_into_a_spec_is_an_error() {
    let folder = Folder::new();
    let lines = "tags: {keyless-stack: team-b}\nroleAssignments:\n  - role: Reader\n    principals: [{id: aaaaaaaa-0000-4000-8000-000000000001, type: User}]\n    description: \"x [Keyless:team-b]\"\n";
    folder.write("a.yaml", one_account("team-a", "chat", lines));
    let run = folder.keyless("validate a.yaml --format json").exits(1);
    let found = run.findings();
    assert!(
        found.contains(&"typed-mark@8".to_owned()) && found.contains(&"typed-mark@12".to_owned()),
        "{run}"
    );
}

#[test]
fn two_files_of_one_stack_are_an_error() {
    let folder = Folder::new();
    folder.write("specs/a.yaml", at_group(&[ALICE]));
    folder.write("specs/b.yaml", at_group(&[BOB]));
    folder.keyless("validate").exits(1).complains(&["two files declare stack `team-a`"]);
}

#[test]
fn the_same_grant_by_two_stacks_is_an_error_at_both_places() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", at_group(&[ALICE]));
    let group = format!("/subscriptions/{SUB}/resourceGroups/RG");
    for (role, scope, who) in [
        ("Reader", "resourceGroup", ALICE.to_owned()),
        (READER, &group, ALICE.to_uppercase()),
        ("reader", &group, ALICE.to_owned()),
    ] {
        let entry = format!(
            "roleAssignments:\n  - scope: {scope}\n    role: {role}\n    principals: [{{id: {who}, type: Group}}]\n"
        );
        folder.write("b.yaml", format!("{}{entry}", head("team-b")));
        let run = folder.keyless("apply a.yaml b.yaml --yes --format json").exits(1);
        assert_eq!(run.findings(), ["duplicate@9"], "each would revoke what the other grants: {run}");
        folder
            .keyless("validate a.yaml b.yaml")
            .exits(1)
            .complains(&["is declared twice", "first declared here"]);
        assert!(azure.take_seen().is_empty(), "nothing was even asked");
        folder.keyless("validate b.yaml").exits(0);
    }
}

#[test]
fn pinned_runs_refuse_other_stacks_and_other_scopes() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(&[ALICE], ""));
    let run = folder.keyless("apply a.yaml --yes --stack team-b").exits(1);
    assert!(run.stderr.contains("stack-mismatch"), "{run}");
    assert!(azure.take_seen().is_empty(), "nothing was even asked");
    folder.keyless("plan a.yaml --stack team-a").exits(0);

    let group = format!("/subscriptions/{SUB}/resourceGroups/other");
    folder.keyless(&format!("plan a.yaml --within {group}")).exits(1).says(&["outside-within"]);
    folder
        .keyless(&format!("apply a.yaml --yes --within {group}"))
        .exits(1)
        .complains(&["nothing was written"]);
    assert!(azure.take_writes().is_empty());
    folder.keyless("plan a.yaml --within nonsense").exits(1).complains(&["is not a scope"]);
    let group = format!("/subscriptions/{SUB}/resourceGroups/RG");
    folder.keyless(&format!("apply a.yaml --yes --within {group}")).exits(0);
    // A saved plan of another stack is the wrong one, though it writes nothing.
    folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["No changes"]);
    folder
        .keyless("apply plan.json --yes --stack team-b")
        .exits(1)
        .complains(&["the plan is for stack `team-a`, and this run is pinned to stack `team-b`"]);
    folder.keyless("apply plan.json --yes --stack team-b --stack team-a").exits(0);
    // The environment pins as well.
    folder
        .with_env("plan a.yaml --detailed-exitcode", &[("KEYLESS_STACK", "team-b")])
        .exits(1)
        .complains(&["stack-mismatch"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_run_that_is_pinned_to_several_scopes_and_stacks_stays_in_them_and_needs_none_twice() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |team: &str| format!("{}    tags: {{team: {team}}}\n  - name: docs\n", spec(&[ALICE], ""));
    let [chat, docs, other] = ["chat", "docs", "other"].map(account);
    let refused = |command: &str| {
        let run = folder.keyless(&format!("{command} --within {chat} --within {other}")).exits(1);
        run.says(&["outside-within", &docs, &format!("`{chat}`, `{other}`")]);
        assert!(azure.take_writes().is_empty());
    };
    folder.write("a.yaml", spec("ml"));
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    refused("apply a.yaml --yes");
    refused("apply plan.json --yes");
    for pins in [
        format!("--within {docs} --within {chat} --stack team-b --stack team-a"),
        format!("--within {other} --within {chat} --within {docs}"),
    ] {
        folder.keyless(&format!("plan a.yaml {pins}")).exits(0);
        folder.keyless(&format!("apply plan.json --yes {pins}")).exits(0);
        folder.write("a.yaml", spec("it"));
        folder.keyless("plan a.yaml --out plan.json").exits(0);
    }
    let revoke = format!("keys revoke a.yaml --yes --within {chat}");
    azure.take_seen();
    folder.keyless(&revoke).exits(1).complains(&["docs is outside of"]);
    assert!(azure.take_writes().is_empty());
    folder.keyless(&format!("{revoke} --within {docs}"));
    assert_eq!(azure.take_writes().len(), 4, "two keys of two accounts");
}

#[test]
fn a_delete_outside_of_the_pinned_scope_is_refused() {
    let (azure, folder) = applied(&[ALICE, BOB], "");
    folder.write("a.yaml", spec(&[ALICE], ""));
    let other = account("other");
    folder.keyless(&format!("apply a.yaml --yes --within {other}")).exits(1);
    assert!(azure.take_writes().is_empty());
}

#[test]
fn a_soft_deleted_account_comes_back_only_where_the_spec_says_so() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(&[ALICE], "onSoftDeleted: restore\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.delete(&account("chat"));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(2);
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(0);
    let writes = azure.take_writes();
    assert_eq!(writes[0].body["properties"]["restore"], true, "{writes:?}");
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);
    assert_eq!(principals(&azure, &account("chat")), [ALICE]);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
fn another_assignment_of_the_principal_is_not_mistaken_for_the_duplicate() {
    let (azure, folder) = applied(&[], "");
    let exists = || Fault::error(409, "RoleAssignmentExists", "The role assignment already exists.");
    folder.write("a.yaml", spec(&[ALICE], ""));
    azure.grant(&account("chat"), BY_HAND, READER, ALICE, None);
    let other = BY_HAND.replace("12345678", "87654321");
    azure.grant(&format!("/subscriptions/{SUB}/resourceGroups/rg"), &other, CS_USER, ALICE, None);
    azure.spoil("PUT", "/roleAssignments/", exists());
    let run = folder.keyless("apply a.yaml --yes").exits(1).complains(&[]);
    let told = format!("{}{}", run.stdout, run.stderr);
    assert!(told.contains("RoleAssignmentExists") && !told.contains("created it meanwhile"), "{run}");
}

#[test]
fn an_unmarked_account_that_stays_without_its_contents_is_reported() {
    let (azure, folder) = applied(&[ALICE], "");
    let mut body = azure.get(&account("chat"));
    body["tags"] = json!({"cost": "7"});
    azure.put(&account("chat"), body);
    let words = "warning[not-ours]: account chat stays while what stack `team-a` created in it is deleted: it does not carry the stack's mark";
    let run = folder.keyless("plan a.yaml").exits(0);
    assert!(!run.stdout.contains("warning"), "{run}");
    folder.write("a.yaml", format!("{}accounts:\n  - name: other\n", head("team-a")));
    for command in ["plan a.yaml", "plan a.yaml --format markdown"] {
        folder.keyless(command).says(&["account chat stays while what stack"]);
    }
    folder.keyless("drift a.yaml").exits(2).says(&[words, "`adopt: true`"]);
    // With the mark it goes itself.
    let mut body = azure.get(&account("chat"));
    body["tags"] = json!({"keyless-stack": "team-a"});
    azure.put(&account("chat"), body);
    let run = folder.keyless("plan a.yaml").exits(3);
    assert!(!run.stdout.contains("not-ours"), "{run}");
}

/// What the hint of `foreign-mark` and docs/pipelines.md say is what helps, and nobody loses access on the way.
#[test]
fn things_pass_to_another_stack_once_their_marks_are_off() {
    let (azure, folder) = applied(&[ALICE], "");
    let renamed = spec(&[ALICE], "adopt: true\n").replace("stack: team-a", "stack: team-b");
    let emptied = spec(&[], "").split_once("accounts:").unwrap().0.to_owned() + "accounts: []\n";
    folder.write("b.yaml", &renamed);
    let run = folder.keyless("plan b.yaml").exits(1).says(&[
        "remove the tag `keyless-stack` by hand",
        "remove `[keyless:team-a]` from the end of its description by hand",
        "The mark goes first: while it stands, `team-a` deletes what its spec no longer declares",
        "`adopt: true`",
    ]);
    assert!(!run.stdout.contains("to create"), "{run}");
    // The control: with the marks on, a removed line is a delete.
    folder.write("a.yaml", &emptied);
    folder.keyless("plan a.yaml").exits(3).says(&["- account chat"]);
    azure.patch(&account("chat"), json!({"tags": {}}));
    let grant = azure.grants_at(&account("chat")).remove(0);
    let mut bare = grant.clone();
    bare["properties"]["description"] = json!("");
    azure.put(grant["id"].as_str().unwrap(), json!({"properties": bare["properties"]}));
    azure.take_seen();
    // Whoever applies first.
    folder.keyless("apply a.yaml --yes").exits(0);
    assert!(azure.take_writes().is_empty());
    folder.keyless("apply b.yaml --yes").exits(0).says(&["2 to adopt", "2 done"]);
    assert!(azure.take_writes().iter().all(|seen| seen.method != "DELETE"));
    assert_eq!(azure.get(&account("chat"))["tags"]["keyless-stack"], "team-b");
    assert_eq!(azure.grants_at(&account("chat"))[0]["id"], grant["id"]);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan b.yaml --detailed-exitcode").exits(0);
    folder.write("b.yaml", spec(&[], "").replace("stack: team-a", "stack: team-b"));
    folder.keyless("plan b.yaml --allow delete-list --allow lock-out").exits(0).says(&["- role assignment"]);
}
