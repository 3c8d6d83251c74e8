//! What could not be read is never "nothing there": who an account keeps out, which accounts a role reaches, what a list would have shown.

use serde_json::{Value, json};

use super::incomplete::troubles;
use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, Folder, READER, SUB, account, assignment, few, grants, head, listed,
    one_account, role,
};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";
const ABOVE: &str = "/providers/Microsoft.Management/managementGroups/mg";
const ACCOUNTS: &str = "CognitiveServices/accounts?";
const GRANTS: &str = "Authorization/roleAssignments?";

fn subscription() -> String {
    format!("/subscriptions/{SUB}")
}

fn group(name: &str) -> String {
    format!("/subscriptions/{SUB}/resourceGroups/{name}")
}

fn no_group() -> Fault {
    Fault::error(404, "ResourceGroupNotFound", "Resource group 'rg' could not be found.")
}

/// Of an account without settings nobody knows whether its keys are off.
fn empty(list: &mut Value) {
    list["value"].as_array_mut().unwrap().iter_mut().for_each(|item| item["properties"] = Value::Null);
}

/// An item of which nobody knows what it is.
fn nameless(list: &mut Value) {
    list["value"].as_array_mut().unwrap().iter_mut().for_each(|item| item["id"] = json!("chat"));
}

fn closed(lines: &str) -> String {
    one_account("team-a", "chat", &format!("disableLocalAuth: true\n{lines}"))
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn the_last_way_into_an_account_that_could_not_be_read_stays() {
    let mut faults = troubles();
    faults.extend([("no group", no_group()), ("nameless", Fault::Edit(nameless))]);
    for (what, fault) in few(2, faults) {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", closed(&grants(&[ALICE])));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", closed("roleAssignments: []\n"));
        folder.keyless("plan a.yaml --out saved.json --allow lock-out").exits(0);
        azure.spoil("GET", ACCOUNTS, fault);
        azure.take_seen();
        let words = [
            "error[guard-lock-out]",
            "perhaps nobody could call the models of account `chat`: whether keys are off there could not be read",
            "no role with inference data actions is left",
            "--allow lock-out:",
        ];
        for command in ["plan a.yaml", "apply a.yaml --yes"] {
            let run = folder.keyless(command).exits(1);
            for word in words {
                assert!(run.stdout.contains(word), "{what}: {word}: {run}");
            }
        }
        folder.keyless("apply saved.json --yes");
        assert!(azure.take_writes().is_empty(), "{what}");
        assert_eq!(azure.grants_at(&account("chat")).len(), 1, "{what}");
    }
}

#[test]
fn the_last_way_into_an_account_that_shows_no_settings_stays() {
    let azure = Azure::start();
    shut(&azure);
    let folder = given_at(&azure, &subscription());
    azure.spoil("GET", ACCOUNTS, Fault::Edit(empty));
    let words =
        ["whether keys are off there could not be read", "an account of the list shows no properties"];
    folder.keyless("plan a.yaml").exits(3).says(&words);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn for_an_unread_account_only_a_lasting_role_prevents_a_lock_out() {
    let world = |left: &str| {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", closed(&format!("{}{left}", grants(&[ALICE]))));
        folder.keyless("apply a.yaml --yes --allow condition").exits(0);
        let none = if left.is_empty() { "roleAssignments: []\n" } else { "roleAssignments:\n" };
        folder.write("a.yaml", closed(&format!("{none}{left}")));
        (azure, folder)
    };
    let another = |kind: &str, more: &str| {
        format!("  - role: Cognitive Services User\n{more}    principals:\n{}", listed([BOB], kind))
    };
    let condition =
        "    condition: \"@Resource[Microsoft.CognitiveServices/accounts:name] StringEquals 'a'\"\n";
    for (left, refused) in few(
        3,
        [
            (String::new(), Some("no role with inference data actions is left")),
            (another("User", ""), None),
            (another("Group", ""), None),
            (another("User", condition), Some("apply only under a condition")),
            // Who the account itself is, is not known either.
            (another("ServicePrincipal", ""), Some("could not be read")),
        ],
    ) {
        let (azure, folder) = world(&left);
        azure.spoil("GET", ACCOUNTS, Fault::denied());
        let run = folder.keyless("plan a.yaml --format json").exits(1);
        assert_eq!(run.changes("delete").len(), 1, "{run}");
        let guard = run.findings().iter().any(|finding| finding.starts_with("guard-lock-out"));
        assert_eq!(guard, refused.is_some(), "{left}: {run}");
        let run = folder.keyless("apply a.yaml --yes").exits(1);
        if let Some(words) = refused {
            assert!(run.stdout.contains(words) && run.stderr.contains("nothing was written"), "{run}");
            folder.keyless("apply a.yaml --yes --allow lock-out:accounts/chat").exits(1);
        }
        assert_eq!(azure.grants_at(&account("chat")).len(), usize::from(!left.is_empty()), "{left}");
    }
    // What somebody made by hand may end by itself.
    let (azure, folder) = world("");
    azure.grant(&group("rg"), HAND, CS_USER, BOB, None);
    azure.spoil("GET", ACCOUNTS, Fault::denied());
    let run = folder.keyless("plan a.yaml").exits(1);
    assert!(!run.stdout.contains("guard-lock-out"), "{run}");
    azure.spoil("GET", "/roleAssignmentScheduleInstances?", Fault::denied());
    // Why neither the accounts nor the schedules are known.
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    let found: Value = run.json()["findings"].clone();
    let guard = found.as_array().unwrap().iter().find(|finding| finding["code"] == "guard-lock-out").unwrap();
    assert!(guard["message"].as_str().unwrap().contains("may be temporary"), "{guard}");
    let cause = guard["cause"].as_str().unwrap();
    let (accounts, schedules) = cause.split_once("; ").unwrap();
    assert!(
        accounts.contains(ACCOUNTS) && schedules.contains("/roleAssignmentScheduleInstances?"),
        "{cause}"
    );
}

#[test]
fn putting_a_role_under_a_condition_on_an_unread_account_is_refused() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", closed(&grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    let group_wide = |more: &str| {
        format!(
            "{}roleAssignments:\n  - role: Cognitive Services User\n    scope: resourceGroup\n{more}    principals:\n{}",
            closed("roleAssignments: []\n"),
            listed([BOB], "User")
        )
    };
    folder.write("a.yaml", group_wide(""));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write(
        "a.yaml",
        group_wide(
            "    condition: \"@Resource[Microsoft.CognitiveServices/accounts:name] StringEquals 'a'\"\n",
        ),
    );
    azure.spoil("GET", ACCOUNTS, Fault::denied());
    let run = folder.keyless("plan a.yaml --allow condition").exits(1);
    run.says(&["of the accounts in resource group `rg`", "apply only under a condition"]);
    // Another description takes nothing.
    folder.write("a.yaml", group_wide("    description: for all\n"));
    let run = folder.keyless("plan a.yaml").exits(1);
    assert!(!run.stdout.contains("guard-lock-out"), "{run}");
}

/// A stack that gives roles at a scope and owns no account there, applied; then one of the two roles is no longer declared.
fn given_at(azure: &Azure, scope: &str) -> Folder {
    let folder = azure.folder();
    let line = |role: &str| {
        format!("  - {{scope: {scope}, role: {role}, principals: [{{id: {ALICE}, type: User}}]}}\n")
    };
    let head = head("team-b").replace("resourceGroup: rg\n", "resourceGroup: rg-other\n");
    folder.write(
        "a.yaml",
        format!("{head}roleAssignments:\n{}{}", line("Cognitive Services User"), line("Reader")),
    );
    folder.keyless("apply a.yaml --yes --allow grant").exits(0);
    folder.write("a.yaml", format!("{head}roleAssignments:\n{}", line("Reader")));
    azure.take_seen();
    folder
}

/// An account without keys, in a group that no spec names.
fn shut(azure: &Azure) {
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_role_above_or_beside_a_stacks_groups_is_the_way_into_accounts_there() {
    for scope in few(2, [subscription(), group("rg"), account("chat")]) {
        let azure = Azure::start();
        shut(&azure);
        let folder = given_at(&azure, &scope);
        let locked = [
            "error[guard-lock-out]",
            "nobody could call the models of account `chat`: keys are off, and no role",
        ];
        folder.keyless("plan a.yaml").exits(3).says(&locked).says(&["loses"]);
        let lists =
            |azure: &Azure| azure.take_seen().iter().filter(|seen| seen.target.contains(ACCOUNTS)).count();
        assert_eq!(lists(&azure), 1, "{scope}: those of the subscription are all that the role can reach");
        folder.keyless("apply a.yaml --yes").exits(3).complains(&["nothing was written"]);
        folder.keyless("plan a.yaml --out saved.json --allow lock-out").exits(0);
        folder.keyless("apply saved.json --yes").exits(3).says(&locked);
        // Where they cannot be listed, anything may be there.
        for (what, fault) in few(2, troubles()) {
            azure.spoil("GET", &format!("/resourceGroups/rg/providers/Microsoft.{ACCOUNTS}"), fault.clone());
            azure.spoil("GET", &format!("{SUB}/providers/Microsoft.{ACCOUNTS}"), fault);
            for command in few(2, ["plan a.yaml", "apply a.yaml --yes", "apply saved.json --yes"]) {
                let run = folder.keyless(command);
                assert!(matches!(run.code, 1 | 3), "{what}: {run}");
                let told = run.stdout.contains("whether keys are off there could not be read");
                assert!(told || command.contains("saved"), "{what}: {run}");
            }
            azure.heal();
        }
        assert!(azure.take_writes().is_empty(), "{scope}");
        // Somebody else who stays is enough, and so are keys.
        azure.grant(&group("rg"), HAND, CS_USER, BOB, None);
        folder.keyless("plan a.yaml").exits(0);
        folder.keyless("apply saved.json --yes --parallelism 1").exits(0).says(&["1 done"]);
    }
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
    given_at(&azure, &subscription()).keyless("plan a.yaml").exits(0);
}

#[test]
fn accounts_are_looked_for_only_where_a_way_in_goes() {
    let azure = Azure::start();
    shut(&azure);
    let folder = given_at(&azure, &subscription());
    let spec = std::fs::read_to_string(folder.path().join("a.yaml")).unwrap();
    let kept = spec.replace("role: Reader", "role: Cognitive Services User");
    // *Reader*, which goes each time, lets nobody call anything, and another description takes nothing.
    for text in [kept.clone(), kept.replace("principals:", "description: for all, principals:")] {
        folder.write("a.yaml", text);
        folder.keyless("plan a.yaml --detailed-exitcode").exits(2);
        let lists = azure.take_seen().into_iter().filter(|seen| seen.target.contains(ACCOUNTS)).count();
        assert_eq!(lists, 1, "those of the stack's group");
    }
}

#[test]
fn a_way_in_from_a_management_group_goes_only_where_another_stays_there() {
    let azure = Azure::start();
    let folder = given_at(&azure, ABOVE);
    let words = [
        "error[guard-lock-out]",
        "of the accounts below `/providers/Microsoft.Management/managementGroups/mg`",
        "does not know all subscriptions below this scope",
    ];
    folder.keyless("plan a.yaml").exits(3).says(&words);
    azure.put(
        &assignment(ABOVE, HAND),
        json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": BOB, "principalType": "Group"}}),
    );
    folder.keyless("plan a.yaml").exits(0);
}

#[test]
fn drift_is_not_known_while_only_some_scopes_can_be_read() {
    let azure = Azure::start();
    let folder = azure.folder();
    let elsewhere = format!("{}/providers/Microsoft.Storage/storageAccounts/st", group("rg-data"));
    let base = closed(&grants(&[ALICE]));
    folder.write(
        "a.yaml",
        format!("{base}roleAssignments:\n  - {{scope: {elsewhere}, role: Storage Blob Data Owner, principals: [{{id: {BOB}, type: User}}]}}\n"),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", &base);
    folder.keyless("drift a.yaml").exits(2).says(&["Drift: 1 extra"]);
    azure.spoil("GET", &format!("{SUB}/providers/Microsoft.{GRANTS}"), Fault::denied());
    let run = folder.keyless("drift a.yaml").exits(1);
    run.says(&["warning[incomplete-read]", "Drift: not known; 1 list not read completely, 2 unchanged"]);
    let run = folder.keyless("drift a.yaml --format markdown").exits(1);
    run.says(&["Not known whether Azure drifted; 1 list not read completely, 2 unchanged"]);
    // Nothing would be written where it could not be read, so `plan` has no more to say than that.
    for command in ["plan a.yaml --detailed-exitcode", "apply a.yaml --yes"] {
        folder
            .keyless(command)
            .exits(0)
            .says(&["No changes in what could be read; 1 list not read completely, 2 unchanged"]);
    }
    // What differs is told, and that it may not be all.
    folder.write("a.yaml", base.replace("accounts:", "accounts:\n  - name: talk"));
    let run = folder.keyless("drift a.yaml").exits(1);
    run.says(&["Drift: 1 missing; who: unknown; 1 list not read completely, 2 unchanged"]);
}

#[test]
fn nothing_goes_in_another_subscription_whose_list_may_not_be_read() {
    const OTHER: &str = "/subscriptions/9e0d7a40-3333-4444-8555-666677778888";
    let azure = Azure::start();
    let folder = azure.folder();
    let at = format!("{OTHER}/resourceGroups/rg-data");
    let line =
        |role: &str| format!("  - {{scope: {at}, role: {role}, principals: [{{id: {BOB}, type: User}}]}}\n");
    let lines =
        |roles: &[&str]| roles.iter().fold(String::from("roleAssignments:\n"), |all, role| all + &line(role));
    let spec = |roles: &[&str]| format!("{}{}", head("team-a"), lines(roles));
    folder.write("a.yaml", spec(&["Reader", "Monitoring Reader"]));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.spoil("GET", &format!("{OTHER}/providers/Microsoft.{GRANTS}"), Fault::denied());
    folder
        .keyless("drift a.yaml")
        .exits(1)
        .says(&["Drift: not known; 1 list not read completely, 2 unchanged"]);
    folder.write("a.yaml", spec(&["Reader"]));
    azure.take_seen();
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    run.says(&["error[incomplete-read]", "is no longer declared and is not deleted"]);
    assert!(azure.take_writes().is_empty());
    azure.heal();
    folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_list_that_is_said_to_be_absent_in_a_group_that_is_there_was_not_read() {
    for (denied, owner_at) in [(false, account("chat")), (true, account("chat")), (true, group("rg"))] {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", closed("roleAssignments: []\n"));
        folder.keyless("apply a.yaml --yes").exits(0);
        azure.put(
            &assignment(&owner_at, HAND),
            json!({"properties": {"roleDefinitionId": role(OWNER), "principalId": BOB, "principalType": "User"}}),
        );
        azure.spoil("GET", GRANTS, no_group());
        if denied {
            azure.spoil("GET", &format!("{SUB}/providers/Microsoft.{GRANTS}"), Fault::denied());
        }
        for command in ["drift a.yaml", "plan a.yaml", "apply a.yaml --yes"] {
            let run =
                folder.keyless(command).exits(1).says(&["error[incomplete-read]", "ResourceGroupNotFound"]);
            assert!(!run.stdout.contains("No changes;") && !run.stdout.contains("No changes."), "{run}");
        }
        azure.heal();
        folder.keyless("drift a.yaml").exits(2);
    }
}

#[test]
fn a_list_whose_second_page_is_said_to_be_absent_was_not_read() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", format!("{}accounts: []\n", head("team-a")));
    azure.put(
        &assignment(&group("rg"), HAND),
        json!({"properties": {"roleDefinitionId": role(OWNER), "principalId": BOB, "principalType": "User"}}),
    );
    folder.keyless("drift a.yaml").exits(2).says(&["Drift: 1 extra"]);
    let path = format!("{}/providers/Microsoft.Authorization/roleAssignments", group("rg"));
    let mut first = azure.get(&path);
    first["nextLink"] = json!(format!("{}{path}?api-version=2022-04-01&$skiptoken=2", azure.url()));
    azure.spoil("GET", &format!("{SUB}/providers/Microsoft.{GRANTS}"), Fault::denied());
    azure.spoil("GET", &format!("{path}?"), Fault::Answer(200, "application/json", first.to_string()));
    azure.spoil("GET", "skiptoken=2", no_group());
    let run = folder.keyless("drift a.yaml").exits(1);
    run.says(&["error[incomplete-read]", "ResourceGroupNotFound", "Drift: not known"]);
}

#[test]
fn a_list_of_accounts_that_breaks_off_is_not_one_that_nobody_may_read() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", closed(""));
    folder.keyless("apply a.yaml --yes").exits(0);
    let path = format!("{}/providers/Microsoft.CognitiveServices/accounts", subscription());
    let mut first = azure.get(&path);
    first["nextLink"] = json!(format!("{}{path}?api-version=2025-06-01&$skiptoken=2", azure.url()));
    azure.spoil("GET", &format!("{path}?"), Fault::Answer(200, "application/json", first.to_string()));
    azure.spoil("GET", "skiptoken=2", Fault::denied());
    folder.keyless("drift a.yaml").exits(1).says(&["AuthorizationFailed", "Drift: not known"]);
}

#[test]
fn accounts_that_could_not_be_listed_do_not_count_as_gone() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", closed(""));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", format!("{}accounts: []\n", head("team-a")));
    folder.keyless("drift a.yaml").exits(2);
    for (what, fault) in few(2, troubles()) {
        azure.spoil("GET", ACCOUNTS, fault);
        for command in ["drift a.yaml", "plan a.yaml", "apply a.yaml --yes"] {
            let run = folder.keyless(command).exits(1);
            assert!(run.stdout.contains("error[incomplete-read]"), "{what}: {run}");
            assert!(
                !run.stdout.contains("No changes;") && !run.stdout.contains("No changes."),
                "{what}: {run}"
            );
        }
        azure.heal();
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn nobody_is_gone_because_the_directory_says_nothing_of_use() {
    fn nobody(answer: &mut Value) {
        for response in answer["responses"].as_array_mut().unwrap() {
            response["body"]["value"] = json!([{}]);
        }
    }
    fn altered(answer: &mut Value) {
        for response in answer["responses"].as_array_mut().unwrap() {
            for object in response["body"]["value"].as_array_mut().into_iter().flatten() {
                object["id"] = json!(format!("x{}", object["id"].as_str().unwrap()));
            }
        }
    }
    for edit in [nobody as fn(&mut Value), altered] {
        for role_id in [OWNER, READER] {
            let azure = Azure::start();
            let folder = azure.folder();
            folder.write("a.yaml", closed("roleAssignments: []\n"));
            folder.keyless("apply a.yaml --yes").exits(0);
            azure.grant(&account("chat"), HAND, role_id, BOB, None);
            folder.keyless("drift a.yaml").exits(2);
            azure.spoil("POST", "$batch", Fault::Edit(edit));
            let run = folder.keyless("drift a.yaml").exits(1);
            run.says(&["Drift: not known", "has no valid id", "1 undeclared and not judged"]);
        }
    }
}

#[test]
fn one_cause_is_told_once_with_all_that_could_not_be_read_for_it() {
    const SAID: &str = "Azure answered 403 AuthorizationFailed";
    let many: Vec<String> = (0..30).map(|n| format!("aaaaaaaa-0000-4000-8000-0000000001{n:02}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (what, part, principals) in
        [("one list", GRANTS, &[ALICE, BOB][..]), ("everything", "/providers/", &many[..])]
    {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", closed(&grants(principals)));
        azure.spoil("GET", part, Fault::denied());
        let run = folder.keyless("plan a.yaml --report markdown=r.md --report json=r.json").exits(1);
        let errors: Vec<&str> =
            run.stdout.lines().filter(|line| line.starts_with("error[unknown-state]")).collect();
        assert!(errors.len() >= 2, "{what}: {run}");
        // Where nothing can be read, what that leaves out has one cause, and all that is not known another.
        let causes = 1 + usize::from(part == "/providers/");
        assert_eq!(run.stdout.matches("cause of these ").count(), causes, "{what}: {run}");
        let told =
            |text: &str| text.lines().filter(|line| line.contains(SAID) && !line.contains("warning")).count();
        let markdown = std::fs::read_to_string(folder.path().join("r.md")).unwrap();
        assert!(markdown.matches("cause of these ").count() >= 1, "{what}: {markdown}");
        // Each is named: up to twenty, and all with -v.
        let unread = principals.len() + usize::from(part == "/providers/");
        assert_eq!(errors.len(), unread.min(20), "{what}: {run}");
        assert_eq!(
            run.stdout.contains("more with the same cause; -v lists them"),
            unread > 20,
            "{what}: {run}"
        );
        let verbose = folder.keyless("plan a.yaml -v").exits(1);
        assert_eq!(verbose.stdout.matches("error[unknown-state]").count(), unread, "{what}: {verbose}");
        // Programs get each whole.
        let json = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
        let plan: Value = serde_json::from_str(&json).unwrap();
        let causes =
            plan["findings"].as_array().unwrap().iter().filter(|finding| finding["code"] == "unknown-state");
        assert!(causes.clone().all(|finding| finding["cause"].as_str().unwrap().contains(SAID)), "{json}");
        assert_eq!(causes.count(), unread, "{json}");
        assert!(told(&run.stdout) <= 3, "{what}: {run}");
    }
}

/// A list that goes on, and whose next page may not be read.
fn goes_on(list: &mut Value) {
    list["nextLink"] = json!(format!("/subscriptions/{SUB}/providers/Microsoft.{ACCOUNTS}page=2"));
}

/// The first of a list once more, otherwise.
fn contradicts(list: &mut Value) {
    let items = list["value"].as_array_mut().unwrap();
    let mut first = items[0].clone();
    first["properties"]["description"] = json!("another one");
    items.push(first);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn users_of_an_undeclared_account_stay_while_its_delete_is_uncertain() {
    type Spoil = fn(&Azure);
    let obstacles: [(&str, Spoil); 4] = [
        ("denied", |azure| azure.spoil("GET", ACCOUNTS, Fault::denied())),
        ("failed", |azure| azure.spoil("GET", ACCOUNTS, Fault::error(500, "InternalServerError", "no"))),
        ("one id twice", |azure| azure.spoil("GET", ACCOUNTS, Fault::Edit(contradicts))),
        ("page 2 denied", |azure| {
            azure.spoil("GET", ACCOUNTS, Fault::Edit(goes_on));
            azure.spoil("GET", "page=2", Fault::denied());
        }),
    ];
    for (what, spoil) in few(2, obstacles) {
        let azure = Azure::start();
        let folder = azure.folder();
        let other = "  - name: other\n    roleAssignments: []\n";
        let chat = one_account("team-a", "chat", &format!("disableLocalAuth: false\n{}", grants(&[ALICE])));
        folder.write("a.yaml", format!("{chat}{other}"));
        folder.keyless("apply a.yaml --yes --allow lock-out").exits(0);
        folder.write("a.yaml", format!("{}accounts:\n{other}", head("team-a")));
        azure.take_seen();
        spoil(&azure);
        let lifts = "--allow delete-account --allow delete-list --allow lock-out";
        let run = folder.keyless(&format!("plan a.yaml {lifts}")).exits(1);
        run.says(&["not every account could be read, and account chat may be deleted with everything on it"]);
        folder.keyless(&format!("apply a.yaml --yes {lifts}")).exits(1);
        assert!(azure.take_writes().is_empty(), "{what}");
        assert_eq!(azure.grants_at(&account("chat")).len(), 1, "{what}");
        azure.heal();
        folder.keyless(&format!("apply a.yaml --yes {lifts}")).exits(0).says(&["2 done"]);
    }
}

#[test]
fn users_of_an_undeclared_project_stay_while_its_delete_is_uncertain() {
    let projects = |lines: &str| {
        one_account(
            "team-a",
            "chat",
            &format!("roleAssignments: []\nprojects:{lines}\ndisableLocalAuth: false\n"),
        )
    };
    let scope = format!("{}/projects/p1", account("chat"));
    let user = |principals: &str| {
        format!("roleAssignments:\n  - {{scope: {scope}, role: Reader, principals: [{principals}]}}\n")
    };
    let alice = format!("{{id: {ALICE}, type: User}}");
    for page in [false, true] {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", format!("{}{}", projects(" [{name: p1}]"), user(&alice)));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", format!("{}{}", projects(" []"), user("")));
        azure.take_seen();
        if page {
            azure.spoil("GET", "/projects?", Fault::Edit(contradicts));
        } else {
            azure.spoil("GET", "/projects?", Fault::denied());
        }
        let run = folder.keyless("apply a.yaml --yes --allow delete-project").exits(1);
        assert!(azure.take_writes().is_empty(), "{run}");
        let run = run
            .says(&["not every project could be read, and project p1 may be deleted with everything on it"]);
        assert_eq!(azure.grants_at(&scope).len(), 1, "{run}");
        azure.heal();
        folder.keyless("apply a.yaml --yes --allow delete-project").exits(0).says(&["2 done"]);
    }
}

#[test]
fn a_list_says_nothing_of_accounts_that_the_caller_may_not_read() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.make_account("hidden", &json!({"disableLocalAuth": false}));
    let folder = azure.folder();
    // A shorter list in place of a refusal.
    let shorter = |body: &mut Value| {
        body["value"].as_array_mut().unwrap().retain(|each| each["name"] != "hidden");
    };
    let may = |action: &str| {
        let permissions = json!({"value": [{"actions": ["*/write", action], "notActions": []}]});
        azure.heal();
        azure.spoil("GET", ACCOUNTS, Fault::Edit(shorter));
        let answer = Fault::Answer(200, "application/json", permissions.to_string());
        azure.spoil("GET", "Authorization/permissions?", answer);
    };
    folder.write("a.yaml", one_account("team-a", "hidden", "disableLocalAuth: true"));
    let lacks = "`Microsoft.CognitiveServices/accounts/read`";
    may("Microsoft.Resources/*");
    for command in ["keys status", "keys usage", "access"] {
        let run = folder.keyless(&format!("{command} --subscription {SUB}")).exits(1);
        assert!(run.to_string().contains(lacks), "{command}\n{run}");
    }
    folder.keyless("plan a.yaml").exits(1).says(&["account hidden may exist already", lacks]);
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(1);
    assert!(azure.take_writes().is_empty());
    may("*/read");
    folder.keyless(&format!("keys status --subscription {SUB}")).exits(0);
    folder.keyless("plan a.yaml").exits(0);
}
