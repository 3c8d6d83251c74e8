//! What no spec declares: what `drift` makes of it, and how nobody hides from that.

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CAROL, CS_USER, Fault, Folder, READER, Run, SUB, account, assignment, few, grants,
    head, one_account, role,
};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const CONTRIBUTOR: &str = "25fbc0a9-bd7c-42a3-aa1a-3b75d497ee68";
const PIM: &str = "/roleAssignmentScheduleInstances?";

fn group() -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg")
}

fn name(number: u8) -> String {
    format!("a5510000-0000-4000-8000-0000000000{number:02}")
}

const DEPLOYMENTS: &str = "deployments:\n  - name: gpt\n    model: {format: OpenAI, name: gpt-4o, version: \"2024-11-20\"}\n    sku: {name: GlobalStandard, capacity: 1}\n";

/// An account that declares lists of every kind: line 9 is that of `roleAssignments`.
fn spec(extra: &str) -> String {
    let lines = format!(
        "disableLocalAuth: true\n{}{DEPLOYMENTS}projects: [{{name: team}}]\nraiPolicies: []\nconnections: []\n",
        grants(&[ALICE])
    );
    one_account("team-a", "chat", &lines).replacen("accounts:", &format!("{extra}accounts:"), 1)
}

fn applied(spec: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
    azure.take_seen();
    (azure, folder)
}

/// A role assignment made by hand, with what else its body says.
fn grant(azure: &Azure, scope: &str, guid: &str, principal: &str, more: &Value) {
    let mut properties =
        json!({"roleDefinitionId": role(guid), "principalId": principal, "principalType": "User"});
    for (name, value) in more.as_object().into_iter().flatten() {
        properties[name] = value.clone();
    }
    azure.put(&assignment(scope, &name(1)), json!({ "properties": properties }));
}

fn gpt(tags: &Value) -> Value {
    json!({"sku": {"name": "GlobalStandard", "capacity": 1}, "tags": tags,
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}}})
}

/// The only change with one of the actions of undeclared things: the action, and why.
#[track_caller]
fn only(run: &Run) -> (String, String) {
    run.fits("plan");
    let document = run.json();
    let all = document["changes"].as_array().unwrap();
    let about = |change: &&Value| {
        let action = change["action"].as_str().unwrap();
        action.starts_with("unmanaged") || action == "co-managed"
    };
    let found: Vec<&Value> = all.iter().filter(about).collect();
    let [change] = found.as_slice() else { panic!("one undeclared thing\n{run}") };
    (change["action"].as_str().unwrap().to_owned(), change["reason"].as_str().unwrap_or_default().to_owned())
}

/// What a thing that nobody declares is to `drift`, and how `drift` ends. What it prints last agrees with that.
#[track_caller]
fn judged(folder: &Folder, exit: i32) -> (String, String) {
    let human = folder.keyless("drift a.yaml").exits(exit);
    let last = human.stdout.lines().rev().nth(1).unwrap();
    let word =
        ["No drift", "Drift: not known", "Drift: "][[0, 1, 2].iter().position(|code| *code == exit).unwrap()];
    assert!(last.starts_with(word), "`{last}` with exit code {exit}\n{human}");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    only(&folder.keyless("drift a.yaml --format json").exits(exit))
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_mark_hides_nothing() {
    let (azure, folder) = applied(&spec(""));
    let says = "it carries the mark of stack `zz`, which is not in this run";
    let tags = json!({"Keyless-Stack": "zz"});
    let marked = json!({"description": "break glass [keyless:zz]"});
    let child = |path: &str| format!("{}/{path}", account("chat"));
    let filter =
        json!({"properties": {"basePolicyName": "Microsoft.DefaultV2", "mode": "Default"}, "tags": tags});
    let project = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}, "tags": tags});
    let other = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "properties": {"customSubDomainName": "rogue"}, "tags": tags});
    let owner = json!({"properties": {"roleDefinitionId": role(OWNER), "principalId": BOB, "principalType": "User", "description": marked["description"]}});
    let reader = json!({"properties": {"roleDefinitionId": role(READER), "principalId": BOB, "principalType": "User", "description": marked["description"]}});
    let storage = format!("{}/providers/Microsoft.Storage/storageAccounts/st", group());
    for (path, body, action, exit) in few(
        3,
        [
            (assignment(&account("chat"), &name(1)), &owner, "unmanaged-drift", 2),
            (assignment(&account("chat"), &name(1)), &reader, "unmanaged-drift", 2),
            (assignment(&child("projects/team"), &name(1)), &reader, "unmanaged-drift", 2),
            (assignment(&group(), &name(1)), &owner, "unmanaged-drift", 2),
            (assignment(&group(), &name(1)), &reader, "unmanaged", 0),
            (assignment(&storage, &name(1)), &owner, "unmanaged-drift", 2),
            (child("deployments/rogue"), &gpt(&tags), "unmanaged-drift", 2),
            (child("projects/rogue"), &project, "unmanaged-drift", 2),
            (child("raiPolicies/rogue"), &filter, "unmanaged-drift", 2),
            (account("rogue"), &other, "unmanaged", 0),
        ],
    ) {
        azure.put(&path, body.clone());
        assert_eq!(judged(&folder, exit), (action.to_owned(), says.to_owned()), "{path}");
        folder.keyless("plan a.yaml -v").exits(0).says(&[says]);
        azure.take_seen();
        folder.keyless("apply a.yaml --yes").exits(0);
        assert!(azure.take_writes().is_empty(), "nobody's things are deleted: {path}");
        azure.delete(&path);
        if path == child("deployments/rogue") {
            folder.keyless("drift a.yaml").exits(0);
        }
    }
}

#[test]
fn drift_says_who_made_it_and_when_and_which_list_it_stands_beside() {
    let (azure, folder) = applied(&spec(""));
    azure.put(&format!("{}/deployments/rogue", account("chat")), gpt(&json!({"keyless-stack": "zz"})));
    grant(&azure, &account("chat"), OWNER, BOB, &json!({"description": "[keyless:zz]"}));
    let run = folder.keyless("drift a.yaml --format json").exits(2);
    assert_eq!(run.findings(), ["unmanaged@9", "unmanaged@13"], "{run}");
    for change in run.changes("unmanaged-drift") {
        assert_eq!(change["causedBy"]["done"], "created", "{run}");
        assert!(change["causedBy"]["when"].is_string(), "{run}");
    }
    let text = folder.keyless("drift a.yaml").exits(2);
    assert_eq!(text.stdout.matches("created by ").count(), 2, "{text}");
    text.says(&[
        "Drift: 2 extra; who: owner@sandbox.invalid",
        "at a.yaml:9",
        "help: ask that stack's team",
        "      it carries the mark",
    ]);
    folder
        .keyless("drift a.yaml --format markdown")
        .exits(2)
        .says(&["**2 extra; who&#58; owner", "| **extra** |"]);
    folder.keyless("plan a.yaml").exits(0).says(&["2 undeclared. ", "warning[unmanaged]"]);
}

#[test]
fn with_unmanaged_list_everything_is_named_and_nothing_fails() {
    let (azure, folder) = applied(&spec("unmanaged: list\n"));
    grant(&azure, &account("chat"), OWNER, BOB, &json!({}));
    assert_eq!(judged(&folder, 0), ("unmanaged".to_owned(), "no spec declares it".to_owned()));
    azure.delete(&assignment(&account("chat"), &name(1)));
    azure.put(&format!("{}/deployments/rogue", account("chat")), gpt(&json!({})));
    assert_eq!(judged(&folder, 0).0, "unmanaged");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn undeclared_lists_are_not_read_and_only_guarded_roles_are_drift() {
    let (azure, folder) = applied(&one_account("team-a", "chat", "disableLocalAuth: true\n"));
    azure.put(&format!("{}/deployments/rogue", account("chat")), gpt(&json!({})));
    let run = folder.keyless("drift a.yaml --format json").exits(0);
    assert!(!run.stdout.contains("rogue"), "{run}");
    assert!(!azure.take_seen().iter().any(|seen| seen.path().contains("/deployments")));
    grant(&azure, &account("chat"), CS_USER, BOB, &json!({}));
    assert_eq!(judged(&folder, 0).0, "unmanaged");
    azure.delete(&assignment(&account("chat"), &name(1)));
    grant(&azure, &account("chat"), OWNER, BOB, &json!({}));
    assert_eq!(judged(&folder, 2).0, "unmanaged-drift");
    // An empty list is a list.
    azure.delete(&assignment(&account("chat"), &name(1)));
    grant(&azure, &account("chat"), READER, BOB, &json!({}));
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: true\nroleAssignments: []\n"));
    assert_eq!(judged(&folder, 2).0, "unmanaged-drift");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn without_a_declared_list_only_guarded_roles_in_the_stacks_groups_are_drift() {
    let text = format!(
        "{}roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n    principals: [{{id: {ALICE}, type: User}}]\n",
        head("team-a")
    );
    let (azure, folder) = applied(&text);
    let subscription = format!("/subscriptions/{SUB}");
    let elsewhere = format!("{subscription}/resourceGroups/other");
    // A role of one's own that can give roles, and one that cannot.
    for (guid, actions) in few(
        2,
        [
            ("c0570000-0000-4000-8000-000000000001", "Microsoft.Authorization/*"),
            ("c0570000-0000-4000-8000-000000000002", "Microsoft.Storage/*/read"),
        ],
    ) {
        let properties = json!({"roleName": guid, "type": "CustomRole", "permissions": [{"actions": [actions]}], "assignableScopes": [subscription]});
        azure.put(&role(guid), json!({ "properties": properties }));
    }
    let vault = format!("{}/providers/Microsoft.KeyVault/vaults/kv", group());
    for (scope, guid, expected) in few(
        4,
        [
            (&group(), READER, Some(("unmanaged", 0))),
            (&group(), CS_USER, Some(("unmanaged", 0))),
            (&group(), OWNER, Some(("unmanaged-drift", 2))),
            (&vault, READER, None),
            (&vault, OWNER, Some(("unmanaged-drift", 2))),
            (&vault, "c0570000-0000-4000-8000-000000000001", Some(("unmanaged-drift", 2))),
            (&vault, "c0570000-0000-4000-8000-000000000002", None),
            (&elsewhere, OWNER, None),
            (&subscription, OWNER, None),
        ],
    ) {
        grant(&azure, scope, guid, BOB, &json!({}));
        match expected {
            Some((action, exit)) => assert_eq!(judged(&folder, exit).0, action, "{guid} on {scope}"),
            None => {
                assert!(!folder.keyless("drift a.yaml").exits(0).stdout.contains(BOB), "{guid} on {scope}");
            }
        }
        azure.delete(&assignment(scope, &name(1)));
    }
    // A role of which Azure shows nothing may be any.
    let nothing = Fault::Edit(|list| list["value"].as_array_mut().unwrap().clear());
    grant(&azure, &group(), "c0570000-0000-4000-8000-000000000002", BOB, &json!({}));
    assert_eq!(judged(&folder, 0).0, "unmanaged");
    azure.spoil("GET", "/roleDefinitions?", nothing);
    assert_eq!(judged(&folder, 2).0, "unmanaged-drift");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_a_service_gives_to_the_accounts_own_identities_is_no_drift() {
    let (azure, folder) = applied(&spec(""));
    let own = |path: &str| azure.get(path)["identity"]["principalId"].as_str().unwrap().to_owned();
    let project = format!("{}/projects/team", account("chat"));
    azure.make_account("other", &json!({"customSubDomainName": "other", "disableLocalAuth": true}));
    azure.patch(
        &account("other"),
        json!({"identity": {"type": "SystemAssigned"}, "tags": {"keyless-stack": "team-b"}}),
    );
    folder.write("a.yaml", spec(""));
    let service = json!({"principalType": "ServicePrincipal"});
    for (scope, guid, who, action) in [
        (account("chat"), CS_USER, own(&account("chat")), "unmanaged"),
        (account("chat"), CS_USER, own(&project), "unmanaged"),
        (project.clone(), CS_USER, own(&project), "unmanaged"),
        (account("chat"), CONTRIBUTOR, own(&account("chat")), "unmanaged-drift"),
        (account("chat"), OWNER, own(&project), "unmanaged-drift"),
        (account("chat"), CS_USER, own(&account("other")), "unmanaged-drift"),
        (account("chat"), CS_USER, BOB.to_owned(), "unmanaged-drift"),
    ] {
        grant(&azure, &scope, guid, &who, &service);
        let run = folder.keyless("drift a.yaml --format json");
        let found = run.json()["changes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|change| change["kind"] == "roleAssignments" && change["action"] != "noop")
            .cloned();
        assert_eq!(found.unwrap()["action"], action, "{guid} for {who} on {scope}\n{run}");
        run.exits(if action == "unmanaged" { 0 } else { 2 });
        azure.delete(&assignment(&scope, &name(1)));
    }
    // Projects that the spec does not declare are looked up for that, and only then.
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}", grants(&[ALICE])))
            .replace("accounts:", "prune: none\naccounts:"),
    );
    azure.take_seen();
    folder.keyless("drift a.yaml").exits(0);
    assert!(!azure.take_seen().iter().any(|seen| seen.path().ends_with("/projects")));
    grant(&azure, &account("chat"), CS_USER, &own(&project), &service);
    folder.keyless("drift a.yaml").exits(0).says(&["which services assign"]);
    azure.spoil("GET", "/projects?", Fault::denied());
    folder.keyless("drift a.yaml").exits(1).says(&["Drift: not known", "not known whether it is drift"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn orphans_are_no_drift_and_whom_no_directory_can_know_is_no_orphan() {
    let (azure, folder) = applied(&spec(""));
    let nobody = r#"{"responses": [{"id": "0", "status": 200, "body": {"value": []}}, {"id": "1", "status": 200, "body": {"value": []}}]}"#;
    azure.spoil("POST", "$batch", Fault::Answer(200, "application/json", nobody.to_owned()));
    let foreign = "dddddddd-0000-4000-8000-000000000004";
    for (kind, who, action, exit) in few(
        3,
        [
            ("User", BOB, "unmanaged", 0),
            ("Group", CAROL, "unmanaged", 0),
            ("ForeignGroup", foreign, "unmanaged-drift", 2),
        ],
    ) {
        grant(&azure, &account("chat"), CS_USER, who, &json!({"principalType": kind}));
        let (found, why) = judged(&folder, exit);
        assert_eq!(
            (found.as_str(), why.contains("its principal no longer exists")),
            (action, exit == 0),
            "{kind}: {why}"
        );
        let about = format!("{who} on chat is orphaned");
        assert_eq!(folder.keyless("drift a.yaml -v").stdout.contains(&about), exit == 0, "{kind}");
        azure.delete(&assignment(&account("chat"), &name(1)));
    }
    // A directory that may not be read says of nobody that he is gone, nor that he is there.
    azure.spoil(
        "POST",
        "$batch",
        Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges."),
    );
    grant(&azure, &account("chat"), CS_USER, BOB, &json!({}));
    assert_eq!(judged(&folder, 1).0, "unmanaged-unknown");
    let text = folder.keyless("drift a.yaml").exits(1);
    text.says(&[
        "could not determine whether role assignment",
        "if its principal no longer exists, delete it",
        "created by ",
    ]);
    // Of another tenant's group it knows nothing, whether it may be read or not.
    azure.delete(&assignment(&account("chat"), &name(1)));
    grant(&azure, &account("chat"), CS_USER, foreign, &json!({"principalType": "ForeignGroup"}));
    assert_eq!(judged(&folder, 2).0, "unmanaged-drift");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn with_a_lock_file_the_directory_is_asked_only_about_undeclared_principals() {
    let (azure, folder) = applied(&spec(""));
    folder.write("a.lock.json", r#"{"formatVersion": "1.0", "principals": []}"#);
    folder.keyless("drift a.yaml").exits(0);
    let graph = |azure: &Azure| {
        azure.take_seen().into_iter().filter(|seen| seen.target.contains("v1.0")).collect::<Vec<_>>()
    };
    assert!(graph(&azure).is_empty(), "in sync nobody is asked");
    // Somebody who is there is drift.
    grant(&azure, &account("chat"), CS_USER, BOB, &json!({}));
    assert_eq!(judged(&folder, 2).0, "unmanaged-drift");
    let asked = graph(&azure);
    assert!(
        !asked.is_empty() && asked.iter().all(|seen| !seen.body.to_string().contains(ALICE)),
        "{asked:?}"
    );
    // Somebody who is gone is not.
    let nobody = r#"{"responses": [{"id": "0", "status": 200, "body": {"value": []}}]}"#;
    azure.spoil("POST", "$batch", Fault::Answer(200, "application/json", nobody.to_owned()));
    let (action, why) = judged(&folder, 0);
    assert!(action == "unmanaged" && why.contains("its principal no longer exists"), "{action}: {why}");
    folder.keyless("drift a.yaml -v").exits(0).says(&["is orphaned"]);
    // Where nobody may ask it is not known, and what to do is said.
    let denied = Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges.");
    azure.spoil("POST", "$batch", denied);
    assert_eq!(judged(&folder, 1).0, "unmanaged-unknown");
    folder
        .keyless("drift a.yaml")
        .exits(1)
        .says(&["if its principal no longer exists, delete it", "created by "]);
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.delete(&assignment(&account("chat"), &name(1)));
    folder.keyless("drift a.yaml").exits(0);
}

/// What the directory says of some is not said of all.
#[test]
fn with_a_lock_file_whoever_was_not_asked_about_is_not_gone() {
    let (azure, folder) = applied(&spec(""));
    folder.write("a.lock.json", r#"{"formatVersion": "1.0", "principals": []}"#);
    // Another stack has none: Carol would get her first role there, so the directory is asked about her. Bob's role is drift.
    folder.write("b.yaml", one_account("team-b", "other", &grants(&[CAROL])));
    grant(&azure, &account("chat"), CS_USER, BOB, &json!({}));
    azure.take_seen();
    let run = folder.keyless("drift a.yaml b.yaml --format json").exits(2);
    assert!(azure.take_seen().iter().any(|seen| seen.body.to_string().contains(CAROL)), "she is asked about");
    assert_eq!(only(&run).0, "unmanaged-drift");
    assert!(!run.stdout.contains("gone") && !run.stdout.contains("orphan"), "{run}");
}

fn for_an_hour(azure: &Azure, kind: &str) {
    let instance = json!({"scope": account("chat"), "role": "Owner", "principalId": BOB, "principalType": "User",
        "seconds": 3600, "assignmentType": kind});
    let answer = azure.send("POST", "/_sandbox/access", Some(json!({ "scheduleInstances": [instance] })));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_activated_role_is_no_drift_and_shown_with_its_end() {
    let (azure, folder) = applied(&spec(""));
    for_an_hour(&azure, "Activated");
    let (action, why) = judged(&folder, 0);
    assert_eq!(action, "unmanaged");
    assert!(why.contains("through Privileged Identity Management: it ends 20"), "{why}");
    // What may not be asked is not known; a tenant without the license has nobody who activates anything.
    azure.spoil("GET", PIM, Fault::denied());
    assert_eq!(judged(&folder, 1).0, "unmanaged-unknown");
    let run = folder.keyless("drift a.yaml --format json").exits(1);
    assert_eq!(run.findings(), ["unknown-state@9"], "{run}");
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.spoil(
        "GET",
        PIM,
        Fault::error(400, "AadPremiumLicenseRequired", "The tenant needs an AAD Premium 2 license."),
    );
    assert_eq!(judged(&folder, 2).0, "unmanaged-drift");
}

#[test]
fn a_role_that_an_admin_gave_until_some_day_is_drift_all_the_same() {
    let (azure, folder) = applied(&spec(""));
    for_an_hour(&azure, "Assigned");
    assert_eq!(judged(&folder, 2).0, "unmanaged-drift");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_is_expected_is_no_drift_until_its_day_is_over() {
    let (azure, folder) = applied(&spec(""));
    grant(&azure, &account("chat"), OWNER, BOB, &json!({}));
    let entry = |role: &str, who: &str, until: &str| {
        format!("expected: [{{role: {role}, principal: {who}, reason: \"incident 7\", until: {until}}}]\n")
    };
    let listed = format!("{{id: {}, type: User}}", BOB.to_uppercase());
    for (extra, exit) in few(
        2,
        [
            (entry("Owner", BOB, "2999-12-31"), 0),
            (entry(OWNER, &listed, "\"2999-12-31\""), 0),
            (entry("Owner", BOB, "2020-01-31"), 2),
            (entry("Reader", BOB, "2999-12-31"), 2),
            (entry("Owner", CAROL, "2999-12-31"), 2),
        ],
    ) {
        folder.write("a.yaml", spec(&extra));
        let (action, why) = judged(&folder, exit);
        assert_eq!(action, if exit == 0 { "unmanaged" } else { "unmanaged-drift" }, "{extra}");
        assert_eq!(
            why.contains("expected until"),
            !extra.contains("Reader") && !extra.contains(CAROL),
            "{why}"
        );
        // The same on the account.
        let nested = extra.trim_end().replace("expected:", "    expected:");
        folder.write("a.yaml", spec("").replace("    deployments:", &format!("{nested}\n    deployments:")));
        assert_eq!(judged(&folder, exit).0, action, "{nested}");
    }
    // What is expected on one account is expected on no other, nor around it.
    let two = |extra: &str| {
        format!("{}  - name: other\n    {}\n    roleAssignments: []\n", spec(""), extra.trim_end())
    };
    folder.write("a.yaml", two(&entry("Owner", BOB, "2999-12-31")));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    assert_eq!(judged(&folder, 2).0, "unmanaged-drift", "on `chat`, and expected on `other`");
    azure.delete(&assignment(&account("chat"), &name(1)));
    grant(&azure, &account("other"), OWNER, BOB, &json!({}));
    assert_eq!(judged(&folder, 0).0, "unmanaged");
    azure.delete(&assignment(&account("other"), &name(1)));
    grant(&azure, &group(), OWNER, BOB, &json!({}));
    assert_eq!(judged(&folder, 2).0, "unmanaged-drift", "at the group");
    azure.delete(&assignment(&group(), &name(1)));
    azure.delete(&account("other"));
    grant(&azure, &account("chat"), OWNER, BOB, &json!({}));
    // Of several the one that holds longest counts, in whatever order and for whatever reason.
    for days in few(1, [["2999-12-31", "2020-01-31"], ["2020-01-31", "2999-12-31"]]) {
        let [first, second] =
            days.map(|day| entry("Owner", BOB, day).replace("expected: [", "").replace("]\n", ""));
        folder.write("a.yaml", spec(&format!("expected: [{first}, {}]\n", second.replace('7', "8"))));
        assert_eq!(judged(&folder, 0).0, "unmanaged", "{days:?}");
    }
    let today = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
    folder.write("a.yaml", spec(&entry("Owner", BOB, &today.to_string())));
    assert_eq!(judged(&folder, 0).0, "unmanaged", "the day itself counts");
}

#[test]
fn an_expectation_without_a_reason_or_a_day_is_an_error_at_its_line() {
    let folder = Folder::new();
    let with = |entry: &str| spec(&format!("expected:\n  - {entry}\n"));
    for (entry, code) in [
        (format!("{{role: Owner, principal: {BOB}, reason: \" \", until: 2999-12-31}}"), "invalid-value@7"),
        (format!("{{role: Owner, principal: {BOB}, reason: x, until: soon}}"), "invalid-value@7"),
        (format!("{{role: Owner, principal: {BOB}, reason: x, until: 2026-02-30}}"), "invalid-value@7"),
        (format!("{{role: Owner, principal: {BOB}, reason: x, until: 2026-12-31T10:00}}"), "invalid-value@7"),
        ("{role: Owner, principal: bob, reason: x, until: 2999-12-31}".to_owned(), "invalid-guid@7"),
        (
            "{role: Owner, principal: 00000000-0000-0000-0000-000000000000, reason: x, until: 2999-12-31}"
                .to_owned(),
            "invalid-guid@7",
        ),
        (
            "{role: Owner, principal: {accountIdentity: chat}, reason: x, until: 2999-12-31}".to_owned(),
            "invalid-value@7",
        ),
        (format!("{{role: Owner, principal: {BOB}, until: 2999-12-31}}"), "missing-field@7"),
        (
            format!("{{role: Cognitive Services Usr, principal: {BOB}, reason: x, until: 2999-12-31}}"),
            "unknown-role@7",
        ),
    ] {
        folder.write("a.yaml", with(&entry));
        let run = folder.keyless("validate a.yaml --format json").exits(1);
        assert!(run.findings().contains(&code.to_owned()), "{entry}\n{run}");
    }
}

/// Adds a content filter that bears a name of Azure's to a list.
fn add(list: &mut Value, kind: &str) {
    if let Some(items) = list["value"].as_array_mut() {
        let id = format!("{}/raiPolicies/Microsoft.Lax", account("chat"));
        items.push(json!({"id": id, "name": "Microsoft.Lax", "properties": {"type": kind, "mode": "Default", "basePolicyName": "Microsoft.Default"}}));
    }
}

#[test]
fn what_azure_makes_itself_is_no_drift_and_its_name_alone_excuses_nothing() {
    let (azure, folder) = applied(&spec(""));
    azure.spoil("GET", "/raiPolicies?", Fault::Edit(|list| add(list, "SystemManaged")));
    folder.keyless("drift a.yaml").exits(0);
    azure.spoil("GET", "/raiPolicies?", Fault::Edit(|list| add(list, "UserManaged")));
    assert_eq!(judged(&folder, 2).0, "unmanaged-drift");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_resource_that_lost_its_mark_is_reported_and_adopt_restores_it() {
    let (azure, folder) = applied(&spec(""));
    let child = |path: &str| format!("{}/{path}", account("chat"));
    for (path, title) in [
        (account("chat"), "account chat"),
        (child("projects/team"), "project team of chat"),
        (child("deployments/gpt"), "deployment gpt of chat"),
    ] {
        let mut body = azure.get(&path);
        body["tags"] = json!({"cost": "7"});
        azure.put(&path, body);
        let said =
            format!("{title} is declared but not owned by the stack: removing the line will not delete it");
        for command in ["plan a.yaml", "drift a.yaml"] {
            folder.keyless(&format!("{command} -v")).exits(0).says(&[&said, "note[not-ours]"]);
            let run = folder.keyless(&format!("{command} --format json")).exits(0);
            let about =
                run.json()["findings"].as_array().unwrap().iter().any(|finding| finding["message"] == *said);
            assert!(about, "{run}");
        }
        folder.write("a.yaml", spec("adopt: true\n"));
        let said = ["Drift: 1 differs", "it does not carry the mark of stack `team-a`"];
        folder.keyless("drift a.yaml").exits(2).says(&said);
        folder.keyless("apply a.yaml --yes").exits(0).says(&["1 to adopt"]);
        assert_eq!(azure.get(&path)["tags"], json!({"cost": "7", "keyless-stack": "team-a"}));
        folder.write("a.yaml", spec(""));
        let run = folder.keyless("plan a.yaml --format json").exits(0);
        assert_eq!(run.findings(), Vec::<String>::new(), "{run}");
    }
}

#[test]
fn an_unreadable_declared_list_is_never_no_changes_even_if_it_is_empty() {
    let lines = "disableLocalAuth: true\nroleAssignments: []\nraiPolicies: []\ndeployments: []\nprojects: []\nconnections: []\n";
    let (azure, folder) = applied(&one_account("team-a", "chat", lines));
    for part in few(2, ["/raiPolicies?", "/deployments?", "/projects?", "/connections?", "/roleAssignments?"])
    {
        for fault in [
            Fault::denied(),
            Fault::error(500, "InternalServerError", "try again"),
            Fault::error(404, "ResourceGroupNotFound", "Resource group 'rg' could not be found."),
        ] {
            azure.spoil("GET", part, fault);
            let run =
                folder.keyless("drift a.yaml").exits(1).says(&["error[incomplete-read]", "Drift: not known"]);
            assert!(!run.stdout.contains("No changes"), "{part}: {run}");
            azure.heal();
        }
    }
    folder.keyless("drift a.yaml").exits(0);
}

/// The last line that named a scope takes the scope out of the spec, and with it the right to delete there.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_a_stack_made_outside_its_spec_is_drift_and_never_no_changes() {
    let azure = Azure::start();
    let folder = azure.folder();
    let elsewhere = format!("/subscriptions/{SUB}/resourceGroups/rg-data");
    let base = one_account("team-a", "chat", &grants(&[ALICE]));
    let scope = |scope: &str| {
        format!(
            "{base}roleAssignments:\n  - {{scope: {scope}, role: Reader, principals: [{{id: {BOB}, type: User}}]}}\n"
        )
    };
    for named in [elsewhere.clone(), format!("{elsewhere}/providers/Microsoft.Storage/storageAccounts/st")] {
        folder.write("a.yaml", scope(&named));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", &base);
        for command in ["plan a.yaml", "apply a.yaml --yes"] {
            folder.keyless(command).exits(0).says(&[
                "is undeclared: it carries the stack's mark but is outside of its groups and scopes",
                "delete it by hand",
                "1 undeclared. ",
            ]);
        }
        let run = folder.keyless("drift a.yaml").exits(2).says(&["Drift: 1 extra"]);
        assert!(!run.stdout.contains("No changes"), "{run}");
        folder.write("a.yaml", base.replace("resourceGroup:", "unmanaged: list\nresourceGroup:"));
        folder.keyless("drift a.yaml").exits(0);
        // Named again without the line, it goes.
        let other = scope(&named).replace("Reader", "Monitoring Reader");
        folder.write("a.yaml", other);
        folder.keyless("apply a.yaml --yes").exits(0).says(&["- role assignment Reader"]);
        folder.write("a.yaml", &base);
        for id in azure.grants_at(&named) {
            azure.delete(id["id"].as_str().unwrap());
        }
    }
}

/// A list is complete by the word of the stack that declares it, whatever else is in the run.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn one_stack_expects_nothing_on_an_account_whose_list_another_declares() {
    let (azure, folder) = applied(&spec(""));
    let expected = format!(
        "expected: [{{role: Owner, principal: {BOB}, reason: \"team-b says so\", until: \"2999-12-31\"}}]\n"
    );
    folder.write("b.yaml", head("team-b") + &expected);
    let project = format!("{}/projects/team", account("chat"));
    for scope in [account("chat"), project] {
        grant(&azure, &scope, OWNER, BOB, &json!({}));
        folder.keyless("drift a.yaml").exits(2);
        let run = folder.keyless("drift a.yaml b.yaml").exits(2);
        run.says(&["stack `team-b` expects it, and stack `team-a` declares the list"]);
        // The stack's own word counts, also of an account that is not the only one.
        folder.write("a.yaml", spec(&expected));
        folder.keyless("drift a.yaml b.yaml").exits(0);
        folder.write("a.yaml", spec(""));
        azure.delete(&assignment(&scope, &name(1)));
    }
    // A list that only names what stands beside it excuses nothing that the other's group makes drift, and is excused by it.
    grant(&azure, &account("chat"), OWNER, BOB, &json!({}));
    folder.write("a.yaml", spec("unmanaged: list\n"));
    folder.keyless("drift a.yaml").exits(0);
    folder.keyless("drift a.yaml b.yaml").exits(0);
    folder.write("b.yaml", head("team-b"));
    folder.keyless("drift a.yaml b.yaml").exits(2);
}
