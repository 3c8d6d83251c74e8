//! Where not all role assignments could be read, an identity that a plan deletes may be the last way into an account that the caller does not
//! see: that is refused, and everything that certainly takes no identity is not.

use serde_json::{Value, json};

use super::incomplete::troubles;
use crate::common::{
    ALICE, Azure, CS_USER, Fault, Folder, READER, SUB, account, assignment, few, head, role,
};

const GRANTS: &str = "Authorization/roleAssignments?";
const HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";
const LOCKED: &str = "error[guard-lock-out]";
const LIFTS: &str = "--allow delete-account --allow delete-project";

fn of_subscription() -> String {
    format!("/subscriptions/{SUB}/providers/Microsoft.{GRANTS}")
}

/// A spec of two accounts, of which the second is as given.
fn spec(front: &str) -> String {
    format!("{}accounts:\n  - name: chat\n    disableLocalAuth: true\n{front}", head("team-a"))
}

fn front(identity: &str, projects: &str) -> String {
    format!(
        "  - name: front\n    disableLocalAuth: true\n    identity: {identity}\n    projects: {projects}\n"
    )
}

/// Both accounts, applied; in another group an account of another team into which only the identity of `of` leads.
fn applied(of: &str) -> (Azure, Folder, String) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(&front("SystemAssigned", "[{name: main}]")));
    folder.keyless("apply a.yaml --yes").exits(0);
    let other = account("other").replace("/rg/", "/rg-other/");
    let body = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
        "properties": {"customSubDomainName": "other", "disableLocalAuth": true}});
    azure.put(&other, body);
    let who = azure.get(of)["identity"]["principalId"].as_str().unwrap().to_owned();
    let given = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": who, "principalType": "ServicePrincipal"}});
    azure.put(&assignment(&other, HAND), given);
    azure.take_seen();
    (azure, folder, who)
}

/// What takes an identity: of which resource, what is left of `front`, other lifts, and the address and the words of the refusal.
fn losses() -> Vec<(String, String, &'static str, String, &'static str)> {
    let own = account("front");
    let project = format!("{own}/projects/main");
    let app = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app"
    );
    let attached = format!("{{systemAssigned: false, userAssigned: [{app}]}}");
    let account_goes = "the plan deletes account `front` and with it its system-assigned identity (";
    let account_loses = "the plan removes from account `front` its system-assigned identity (";
    let project_goes = "the plan deletes project `main` and with it its system-assigned identity (";
    let project_loses = "the plan removes from project `main` its system-assigned identity (";
    vec![
        (own.clone(), String::new(), LIFTS, own.clone(), account_goes),
        (project.clone(), String::new(), LIFTS, own.clone(), " and the identity of project `main` ("),
        (own.clone(), front("None", "[{name: main}]"), "", own.clone(), account_loses),
        (
            own.clone(),
            front(&attached, "[{name: main}]"),
            "--allow identity",
            "accounts/front".to_owned(),
            account_loses,
        ),
        (project.clone(), front("SystemAssigned", "[]"), LIFTS, project.clone(), project_goes),
        (
            project.clone(),
            front("SystemAssigned", &format!("[{{name: main, identity: {attached}}}]")),
            "--allow identity",
            project,
            project_loses,
        ),
    ]
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_identity_that_may_be_a_way_in_stays_if_assignments_could_not_be_read() {
    for (of, after, lifts, address, words) in few(2, losses()) {
        let (azure, folder, who) = applied(&of);
        folder.write("a.yaml", spec(&after));
        // Whoever reads all of it knows which account that is.
        folder.keyless(&format!("plan a.yaml {lifts}")).exits(3).says(&["account `other`"]);
        azure.spoil("GET", &of_subscription(), Fault::denied());
        let run = folder.keyless(&format!("plan a.yaml {lifts}")).exits(3);
        let run = run.says(&[
            LOCKED,
            words,
            &format!("({who})"),
            "which may be the last way into an account elsewhere where keys are off",
            &format!("not all role assignments of subscription `{SUB}` could be read"),
            "Azure answered 403 AuthorizationFailed",
            "plan and apply as an identity that can list the role assignments there, for example with the Reader role, or --allow lock-out:",
            "warning[identity-removed]",
            "as far as could be read",
        ]);
        assert_eq!(run.stdout.matches(LOCKED).count(), 1, "one question for all that goes together: {run}");
        folder.keyless(&format!("apply a.yaml --yes {lifts}")).exits(3).complains(&["nothing was written"]);
        // The address says which, and another one nothing.
        folder.keyless(&format!("plan a.yaml {lifts} --allow lock-out:accounts/chat")).exits(3);
        let lifted = format!("{lifts} --allow lock-out:{address}");
        folder.keyless(&format!("plan a.yaml {lifted} --out saved.json")).exits(0);
        // Nor does a plan pass that was made where all could be read, or with a lift that counts for nothing any more.
        let run = folder.keyless(&format!("apply saved.json --yes {lifts}")).exits(3);
        run.says(&[LOCKED, words, "--allow lock-out:"]).complains(&["nothing was written"]);
        assert!(azure.take_writes().is_empty());
        folder.keyless(&format!("apply a.yaml --yes {lifted}")).exits(0);
    }
}

/// Shows the system-assigned identities of `front` and of what stands in it as an answer without their object ids would.
fn without_object_ids(body: &mut Value) {
    if let Some(items) = body["value"].as_array_mut() {
        items.iter_mut().for_each(without_object_ids);
    } else if body["id"].as_str().is_some_and(|id| id.contains("/accounts/front"))
        && let Some(identity) = body["identity"].as_object_mut()
    {
        identity.remove("principalId");
    }
}

/// The same, as an answer shows them while they are being made.
fn with_zeros(body: &mut Value) {
    if let Some(items) = body["value"].as_array_mut() {
        items.iter_mut().for_each(with_zeros);
    } else if body["id"].as_str().is_some_and(|id| id.contains("/accounts/front"))
        && body["identity"]["principalId"].is_string()
    {
        body["identity"]["principalId"] = json!("00000000-0000-0000-0000-000000000000");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_identity_whose_object_id_azure_does_not_show_may_be_a_way_in_too() {
    const UNSHOWN: &str = "Azure does not show its object id, so its roles are not known";
    for (of, after, lifts, address, words) in few(2, losses()) {
        let (azure, folder, _) = applied(&of);
        folder.write("a.yaml", spec(&after));
        // Whether or not the role assignments can be read.
        for (denied, edit) in few(1, [(false, without_object_ids as fn(&mut Value)), (true, with_zeros)]) {
            azure.spoil("GET", "/providers/Microsoft.CognitiveServices/accounts", Fault::Edit(edit));
            if denied {
                azure.spoil("GET", &of_subscription(), Fault::denied());
            }
            let run = folder.keyless(&format!("plan a.yaml {lifts}")).exits(3);
            let run = run.says(&[
                LOCKED,
                words.trim_end_matches(" ("),
                "which may be the last way into an account elsewhere where keys are off",
                UNSHOWN,
                "has no `principalId`",
                "or --allow lock-out:",
                "warning[identity-removed]",
                "so its roles could not be determined",
            ]);
            assert_eq!(
                run.stdout.matches(LOCKED).count(),
                1,
                "one question for all that goes together: {run}"
            );
            folder
                .keyless(&format!("apply a.yaml --yes {lifts}"))
                .exits(3)
                .complains(&["nothing was written"]);
            folder.keyless(&format!("plan a.yaml {lifts} --allow lock-out:accounts/chat")).exits(3);
            let lifted = format!("{lifts} --allow lock-out:{address}");
            folder.keyless(&format!("plan a.yaml {lifted} --out saved.json")).exits(0);
            let run = folder.keyless(&format!("apply saved.json --yes {lifts}")).exits(3);
            run.says(&[LOCKED, UNSHOWN]).complains(&["nothing was written"]);
            assert!(azure.take_writes().is_empty());
            azure.heal();
        }
        // What keeps its identity, or never had one of its own, is not asked about.
        azure.spoil(
            "GET",
            "/providers/Microsoft.CognitiveServices/accounts",
            Fault::Edit(without_object_ids),
        );
        for kept in [
            front("SystemAssigned", "[{name: main}]"),
            front("SystemAssigned", "[{name: main}]").replace("    identity: SystemAssigned\n", ""),
        ] {
            folder.write("a.yaml", spec(&(kept + "    tags: {team: ml}\n")));
            let run = folder.keyless("plan a.yaml").exits(0);
            assert!(
                !run.stdout.contains("guard-lock-out") && !run.stdout.contains("identity-removed"),
                "{run}"
            );
        }
    }
}

/// The projects of an account have identities too, and go nowhere while one is there: a saved plan judges by what it cannot see of them.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn identities_of_projects_that_could_not_be_listed_may_be_ways_in_too() {
    for (identity, words) in [
        (
            "SystemAssigned",
            "and the identities of its projects, which may be the last way into an account elsewhere",
        ),
        ("None", "the plan deletes account `front` and with it the identities of its projects, which may be"),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", spec(&(front(identity, "[]") + "    allowProjectManagement: true\n")));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", spec(""));
        folder.keyless(&format!("plan a.yaml {LIFTS} --out saved.json")).exits(0);
        azure.take_seen();
        for fault in [Fault::denied(), Fault::Edit(|list| list["value"] = json!([{"name": "front/main"}]))] {
            azure.spoil("GET", "/accounts/front/projects?", fault);
            // Planned anew, the account stays.
            let run =
                folder.keyless(&format!("plan a.yaml {LIFTS}")).exits(1).says(&["error[nested-resources]"]);
            assert!(!run.stdout.contains(LOCKED), "{run}");
            let run = folder.keyless(&format!("apply saved.json --yes {LIFTS}")).exits(1);
            let run = run.complains(&["nothing was written"]).says(&[
                "error[nested-resources]",
                LOCKED,
                words,
                "its projects could not be listed, so the roles of their identities are not known",
                &format!("cause: GET {}/projects?", account("front")),
                "retry once its projects can be listed, or --allow lock-out:",
            ]);
            assert_eq!(run.stdout.matches(LOCKED).count(), 1, "{run}");
            azure.heal();
        }
        assert!(azure.take_writes().is_empty());
        folder.keyless(&format!("apply saved.json --yes {LIFTS}")).exits(0);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn however_a_list_of_role_assignments_failed_nobody_knows_who_is_in_it() {
    let (own, gone) = (account("front"), spec(""));
    for (what, fault) in few(2, troubles()) {
        let (azure, folder, _) = applied(&own);
        folder.write("a.yaml", &gone);
        folder.keyless(&format!("plan a.yaml {LIFTS} --allow lock-out --out saved.json")).exits(0);
        azure.spoil("GET", &of_subscription(), fault.clone());
        // Other faults than a refusal are errors of the plan too; the rest of it would be carried out all the same.
        for command in few(2, ["plan a.yaml", "apply a.yaml --yes", "apply saved.json --yes"]) {
            let run = folder.keyless(&format!("{command} {LIFTS}"));
            assert!(run.code == 3 || run.code == 1, "{what}: {run}");
            run.says(&[LOCKED, "could be read", "--allow lock-out:"]);
        }
        assert!(azure.take_writes().is_empty(), "{what}");
    }
    // A second page that does not come is a list that was not read whole.
    let (azure, folder, _) = applied(&own);
    folder.write("a.yaml", &gone);
    let path = format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments");
    let mut first = azure.get(&path);
    first["value"]
        .as_array_mut()
        .unwrap()
        .retain(|item| !item["id"].as_str().unwrap().contains("/rg-other/"));
    first["nextLink"] = json!(format!("{}{path}?api-version=2022-04-01&$skiptoken=2", azure.url()));
    azure.spoil("GET", &format!("{path}?"), Fault::Answer(200, "application/json", first.to_string()));
    azure.spoil("GET", "skiptoken=2", Fault::error(500, "InternalServerError", "An error has occurred."));
    folder.keyless(&format!("plan a.yaml {LIFTS}")).exits(1).says(&[LOCKED, "retry once"]);
}

#[test]
fn an_assignment_that_cannot_be_read_is_perhaps_that_of_the_identity() {
    fn elsewhere(list: &mut Value, edit: impl Fn(&mut Value)) {
        let items = list["value"].as_array_mut().unwrap().iter_mut();
        items.filter(|item| item["id"].as_str().unwrap().contains("/rg-other/")).for_each(edit);
    }
    fn nameless(list: &mut Value) {
        elsewhere(list, |item| item["id"] = json!("other"));
    }
    fn of_nobody(list: &mut Value) {
        elsewhere(list, |item| _ = item["properties"].as_object_mut().unwrap().remove("principalId"));
    }
    fn of_somebody_else(list: &mut Value) {
        nameless(list);
        for item in list["value"].as_array_mut().unwrap().iter_mut().filter(|item| item["id"] == "other") {
            item["properties"]["principalId"] = json!(ALICE);
        }
    }
    for (edit, refused) in [(nameless as fn(&mut Value), true), (of_nobody, true), (of_somebody_else, false)]
    {
        let (azure, folder, _) = applied(&account("front"));
        folder.write("a.yaml", spec(""));
        azure.spoil("GET", &of_subscription(), Fault::Edit(edit));
        let run = folder.keyless(&format!("plan a.yaml {LIFTS}"));
        assert_eq!(run.stdout.contains(LOCKED), refused, "{run}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_plan_that_certainly_takes_no_identity_away_is_not_asked_about() {
    let (azure, folder, _) = applied(&account("front"));
    azure.spoil("GET", &of_subscription(), Fault::denied());
    let projects = "[{name: main}]";
    let app = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app"
    );
    for (after, lifts) in few(
        2,
        [
            // In sync, a change beside it, one identity more, the line left out, another account made.
            (front("SystemAssigned", projects), ""),
            (front("SystemAssigned", projects) + "    tags: {team: ml}\n", ""),
            (
                front(&format!("{{systemAssigned: true, userAssigned: [{app}]}}"), projects),
                "--allow identity",
            ),
            (front("SystemAssigned", projects).replace("    identity: SystemAssigned\n", ""), ""),
            (front("SystemAssigned", projects) + "  - name: third\n    disableLocalAuth: true\n", ""),
        ],
    ) {
        folder.write("a.yaml", spec(&after));
        let run = folder.keyless(&format!("plan a.yaml {lifts}")).exits(0);
        assert!(!run.stdout.contains("guard-lock-out"), "{run}");
    }
    // An account without an identity of its own has none to lose, and a user-assigned one stays when it is detached.
    for identity in ["None".to_owned(), format!("{{systemAssigned: false, userAssigned: [{app}]}}")] {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", spec(&front(&identity, "[]")));
        folder.keyless("apply a.yaml --yes").exits(0);
        azure.spoil("GET", &of_subscription(), Fault::denied());
        for (after, lifts) in [(front("None", "[]"), ""), (String::new(), LIFTS)] {
            folder.write("a.yaml", spec(&after));
            let run = folder.keyless(&format!("plan a.yaml {lifts}")).exits(0);
            assert!(!run.stdout.contains("guard-lock-out"), "{run}");
        }
    }
    // Where all can be read and the identity has a role that lets nobody in, nothing is asked.
    let (azure, folder, who) = applied(&account("front"));
    let other = account("other").replace("/rg/", "/rg-other/");
    let body = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": ALICE, "principalType": "User"}});
    azure.put(&assignment(&other, "22345678-aaaa-4bbb-8ccc-0123456789ab"), body);
    let body = json!({"properties": {"roleDefinitionId": role(READER), "principalId": who, "principalType": "ServicePrincipal"}});
    azure.put(&assignment(&account("chat"), "32345678-aaaa-4bbb-8ccc-0123456789ab"), body);
    folder.write("a.yaml", spec(""));
    folder.keyless(&format!("plan a.yaml {LIFTS}")).exits(0).says(&["warning[identity-removed]"]);
}

/// What a list of a group shows is all that holds there: a guard that looks above and below is not blind for a subscription that may not be listed.
#[test]
fn a_condition_above_is_seen_in_the_list_of_a_group() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(""));
    folder.keyless("apply a.yaml --yes").exits(0);
    let condition = "(!(ActionMatches{'Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action'}))";
    let given = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": ALICE, "principalType": "User", "condition": condition, "conditionVersion": "2.0"}});
    azure.put(&assignment(&format!("/subscriptions/{SUB}"), HAND), given);
    let grant = format!(
        "    roleAssignments: [{{role: Cognitive Services User, principals: [{{id: {ALICE}, type: User}}]}}]\n"
    );
    folder.write("a.yaml", spec("") + &grant);
    folder.keyless("plan a.yaml").exits(3).says(&["error[guard-condition]"]);
    azure.spoil("GET", &of_subscription(), Fault::denied());
    folder.keyless("plan a.yaml").exits(3).says(&["error[guard-condition]"]);
}

#[test]
fn deployments_that_could_not_be_listed_go_with_their_account_too() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(&front("None", "[]")));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec(""));
    let words = "and its deployments, which could not be listed";
    let run = folder.keyless("plan a.yaml").exits(3).says(&["error[guard-delete-account]"]);
    assert!(!run.stdout.contains(words), "{run}");
    azure.spoil("GET", "/accounts/front/deployments?", Fault::denied());
    folder.keyless("plan a.yaml").exits(3).says(&["error[guard-delete-account]", words]);
}
