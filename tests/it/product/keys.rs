//! When API keys go off: after everybody who needs one has another way in.

use serde_json::json;

use crate::common::{ALICE, Azure, BOB, CAROL, Fault, account, grants, listed, one_account};

fn live() -> Azure {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
    azure
}

/// Two groups called `ml`, so that the name does not tell which is meant.
fn two_groups_of_one_name(azure: &Azure) {
    let group =
        |last: u32| json!({"id": format!("cccccccc-0000-4000-8000-00000000000{last}"), "displayName": "ml"});
    let groups = [7, 8].map(group);
    let answer = azure.send("POST", "/_sandbox/directory", Some(json!({ "groups": groups })));
    assert_eq!(answer.status, 200);
}

fn spec() -> String {
    one_account(
        "team-a",
        "chat",
        &format!("disableLocalAuth: true\ntags: {{team: ml}}\n{}", grants(&[ALICE, BOB])),
    )
}

#[test]
fn keys_of_a_live_account_go_off_in_a_write_of_their_own_after_the_assignments() {
    let azure = live();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    folder.keyless("plan a.yaml").exits(0).says(&["API keys", "enabled -> disabled"]);
    folder.keyless("apply a.yaml --yes").exits(0);
    let writes = azure.take_writes();
    assert_eq!(writes.len(), 4, "{writes:?}");
    let last = writes.last().unwrap();
    assert_eq!(last.path(), account("chat"));
    assert_eq!(last.body["properties"]["disableLocalAuth"], true);
    let (grants, others): (Vec<_>, Vec<_>) =
        writes[..3].iter().partition(|seen| seen.path().contains("roleAssignments"));
    assert_eq!(grants.len(), 2);
    assert_eq!(others[0].body["tags"], json!({"team": "ml"}));
    assert_eq!(others[0].body.pointer("/properties/disableLocalAuth"), None, "not yet");
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
fn keys_stay_on_when_an_assignment_fails() {
    let azure = live();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    azure.spoil("PUT", "roleAssignments/", Fault::denied());
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    assert!(run.stdout.contains("0 done, 2 failed, 1 skipped"), "{run}");
    assert!(run.stdout.contains("AuthorizationFailed"), "{run}");
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], false);
    let sent = azure.take_writes();
    assert!(!sent.iter().any(|seen| seen.body["properties"]["disableLocalAuth"] == true), "{sent:?}");
    // Once the obstacle has gone, the next apply does the rest.
    azure.heal();
    folder.keyless("apply a.yaml --yes").exits(0).says(&["3 done"]);
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

/// A role may let its holder call that one model only.
#[test]
fn keys_stay_on_when_a_model_cannot_be_deployed() {
    let azure = live();
    let folder = azure.folder();
    let models = "deployments:\n  - name: gpt\n    model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}\n    sku: {name: Standard, capacity: 1}\n";
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}{models}", grants(&[ALICE]))),
    );
    azure.spoil(
        "PUT",
        "deployments/",
        Fault::error(400, "InsufficientQuota", "This operation require 1 new capacity in quota."),
    );
    let run = folder
        .keyless("apply a.yaml --yes")
        .exits(1)
        .says(&["1 done, 1 failed, 1 skipped", "InsufficientQuota"]);
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], false, "{run}");
    azure.heal();
    folder.keyless("apply a.yaml --yes").exits(0).says(&["2 done"]);
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);
}

#[test]
fn a_new_account_is_born_without_keys() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("plan a.yaml").exits(0).says(&["API keys", "disabled  (default)"]);
    folder.keyless("apply a.yaml --yes").exits(0);
    let writes = azure.take_writes();
    assert_eq!(writes[0].body["properties"]["disableLocalAuth"], true);
    assert!(writes[1].path().contains("roleAssignments"), "the assignment waits for its account");
}

#[test]
fn a_replaced_grant_is_revoked_last_and_not_at_all_if_its_successor_failed() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[BOB])));
    azure.spoil("PUT", "roleAssignments/", Fault::denied());
    folder.keyless("apply a.yaml --yes").exits(1).says(&["0 done, 1 failed, 1 skipped"]);
    assert!(azure.take_writes().iter().all(|seen| seen.method == "PUT"));
    assert_eq!(azure.grants_at(&account("chat")).len(), 1, "Alice keeps hers");
    azure.heal();
    folder.keyless("apply a.yaml --yes").exits(0);
    let methods: Vec<String> = azure.take_writes().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["PUT", "DELETE"]);
}

/// What is assigned on a management group holds for accounts below it, though no id says which those are.
#[test]
fn keys_and_grants_wait_for_those_above_subscriptions_and_the_other_way_round() {
    const ABOVE: &str = "/providers/Microsoft.Management/managementGroups/mg1";
    let at_group = |principals: &[&str]| {
        let lines = listed(principals, "User");
        format!(
            "roleAssignments:\n  - scope: {ABOVE}\n    role: Cognitive Services User\n    principals:\n{lines}"
        )
    };
    let here = |keys_off: bool, principals: &[&str]| {
        one_account("team-a", "chat", &format!("disableLocalAuth: {keys_off}\n{}", grants(principals)))
    };
    for (before, after, keys_off) in [
        (here(false, &[ALICE, BOB]), here(true, &[BOB]) + &at_group(&[ALICE]), false),
        (
            here(true, &[ALICE]) + &at_group(&[BOB, CAROL]),
            here(true, &[ALICE, BOB]) + &at_group(&[CAROL]),
            true,
        ),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", before);
        folder.keyless("apply a.yaml --yes --allow grant").exits(0);
        let granted = azure.grants_at(&account("chat")).len();
        azure.take_seen();
        folder.write("a.yaml", after);
        azure.spoil("PUT", "roleAssignments/", Fault::denied());
        folder.keyless("apply a.yaml --yes --allow grant").exits(1).says(&["0 done, 1 failed", "skipped"]);
        assert!(azure.take_writes().iter().all(|seen| seen.path().contains("roleAssignments")));
        assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], keys_off);
        assert_eq!(azure.grants_at(&account("chat")).len(), granted);
    }
}

/// A line with a mistake in it may be the new name of the old one: its user keeps the role until the line can be carried out.
#[test]
fn no_role_goes_while_a_declared_one_near_it_cannot_be_made() {
    let with = |last: &str| {
        one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}{last}", grants(&[ALICE])))
    };
    for saved in [false, true] {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", with(&listed([BOB], "User")));
        folder.keyless("apply a.yaml --yes").exits(0);
        let (object, client) =
            ("cafe0000-0000-4000-8000-000000000003", "cafe0000-0000-4000-8000-000000000004");
        let app = json!({"id": object, "appId": client, "displayName": "p"});
        azure.send("POST", "/_sandbox/directory", Some(json!({"servicePrincipals": [app]})));
        azure.take_seen();
        folder.write("a.yaml", with(&listed([client], "ServicePrincipal")));
        let run = folder.keyless("plan a.yaml --out plan.json").exits(1);
        run.says(&[
            "stays until role assignment",
            "can be created, which may replace it",
            "error[waits-for-grants]",
        ]);
        let apply = if saved { "apply plan.json --yes" } else { "apply a.yaml --yes" };
        folder.keyless(apply).exits(1);
        assert_eq!(azure.take_writes().len(), 0);
        assert_eq!(azure.grants_at(&account("chat")).len(), 2, "Bob keeps his");
        // Nothing holds back once the line is mended.
        folder.write("a.yaml", with(""));
        folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
        assert_eq!(azure.grants_at(&account("chat")).len(), 1);
    }
}

#[test]
fn keys_are_never_asked_for() {
    let azure = live();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    for command in ["plan a.yaml", "apply a.yaml --yes", "drift a.yaml"] {
        folder.keyless(command);
    }
    let seen = azure.take_seen();
    assert!(seen.len() > 8);
    let acts = |seen: &crate::common::azure::Seen| seen.method == "POST" && !seen.only_asks();
    assert!(!seen.iter().any(|seen| seen.target.to_lowercase().contains("key") || acts(seen)), "{seen:?}");
}

/// Whoever was to get a role may call with a key until they have it, whatever is wrong with their line.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_stay_on_while_a_declared_assignment_cannot_be_made() {
    let nobody = "  - role: Cognitive Services User\n    principals: [{group: ml}]\n";
    let on_the_account =
        one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}{nobody}", grants(&[ALICE, BOB])));
    let above = nobody.replace("principals", "scope: resourceGroup\n    principals");
    let above = format!("{}roleAssignments:\n{above}", spec());
    for (spec, unread) in [(&on_the_account, false), (&on_the_account, true), (&above, false)] {
        let azure = live();
        let folder = azure.folder();
        folder.write("a.yaml", spec);
        if unread {
            azure.spoil("POST", "/$batch", Fault::denied());
        } else {
            two_groups_of_one_name(&azure);
        }
        let plan = folder.keyless("plan a.yaml").exits(1);
        plan.says(&["account chat", "`disableLocalAuth` waits for every declared role assignment"]);
        let run = folder.keyless("apply a.yaml --yes").exits(1);
        assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], false, "{run}");
        // With the line right, keys go off.
        azure.heal();
        folder.write("a.yaml", spec.replace("group: ml", "user: carol@contoso.com"));
        folder.keyless("apply a.yaml --yes").exits(0);
        assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);
    }
}

#[test]
fn what_does_not_wait_for_a_grant_is_written_while_keys_stay_on() {
    let azure = live();
    let folder = azure.folder();
    two_groups_of_one_name(&azure);
    let broken = "  - role: Cognitive Services User\n    principals: [{group: ml}]\n";
    folder.write("a.yaml", spec() + "    " + &broken.replace('\n', "\n    "));
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    assert!(run.findings().contains(&"waits-for-grants@8".to_owned()), "{run}");
    folder.keyless("plan a.yaml").exits(1).says(&[
        "1 to update",
        "1 refused",
        "other differences are written now",
    ]);
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    let live = azure.get(&account("chat"));
    assert_eq!(live["tags"]["team"], "ml", "{run}");
    assert_eq!(live["properties"]["disableLocalAuth"], false, "{run}");
    assert_eq!(azure.grants_at(&account("chat")).len(), 2, "{run}");
    // Nothing is left to write, and that is not "no changes".
    let run = folder.keyless("plan a.yaml").exits(1);
    run.says(&["nothing can be written", "error[waits-for-grants]"]);
}

/// A role may let its holder call that one model only, and whether it is there nobody knows, or it cannot be.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_stay_on_while_a_declared_deployment_cannot_be_read_or_made() {
    let gpt = "  - name: gpt\n    model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}\n    sku: {name: Standard, capacity: 1}\n";
    let with = |models: &str| {
        let lines = format!("disableLocalAuth: true\ntags: {{team: ml}}\n{}{models}", grants(&[ALICE]));
        one_account("team-a", "chat", &lines)
    };
    let declared = format!("deployments:\n{gpt}");
    let filter = "raiPolicies: [{name: own, mode: Blocking, contentFilters: [{name: Nonsense, source: Prompt, blocking: true, enabled: true}]}]\n";
    let refused =
        format!("{filter}{}", declared.replace("capacity: 1}\n", "capacity: 1}\n    raiPolicyName: own\n"));
    for (models, unread) in [(&declared, true), (&refused, false)] {
        let azure = live();
        let folder = azure.folder();
        folder.write("a.yaml", with("").replace("disableLocalAuth: true", "disableLocalAuth: false"));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", with(models).replace("team: ml", "team: ai"));
        if unread {
            azure.spoil("GET", "/deployments?", Fault::denied());
        }
        let plan = folder.keyless("plan a.yaml").exits(1);
        assert!(!plan.stdout.contains("guard"), "{plan}");
        let why = "`disableLocalAuth` waits for every declared deployment of the account";
        assert_eq!(plan.stdout.matches(why).count(), 1, "{plan}");
        folder.keyless("apply a.yaml --yes").exits(1);
        let live = azure.get(&account("chat"));
        assert_eq!(live["properties"]["disableLocalAuth"], false);
        assert_eq!(live["tags"]["team"], "ai", "the rest is written");
        azure.heal();
        folder.write("a.yaml", with(&declared));
        folder.keyless("apply a.yaml --yes").exits(0);
        assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);
    }
}

/// What exists can be called, whatever of it cannot change.
#[test]
fn keys_do_not_wait_for_a_deployment_that_exists() {
    let azure = live();
    let folder = azure.folder();
    let with = |keys: &str, format: &str| {
        let models = format!(
            "deployments:\n  - name: gpt\n    model: {{format: {format}, name: gpt-4o, version: \"2024-08-06\"}}\n    sku: {{name: Standard, capacity: 1}}\n"
        );
        one_account("team-a", "chat", &format!("disableLocalAuth: {keys}\n{}{models}", grants(&[ALICE])))
    };
    folder.write("a.yaml", with("false", "OpenAI"));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", with("true", "Meta"));
    let run = folder.keyless("apply a.yaml --yes").exits(1).says(&["immutable-field"]);
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true, "{run}");
}
