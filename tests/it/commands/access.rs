//! Who can call the models, and who gains or loses that by a plan.

use keyless::id::arm_guid;
use serde_json::{Value, json};

use super::accounts;
use crate::common::{
    ALICE, Azure, BOB, CAROL, CS_USER, Fault, READER, Run, SUB, account, assignment, grants, one_account,
    role,
};

const GROUP: &str = "dddddddd-0000-4000-8000-000000000004";
/// Cognitive Services OpenAI User.
const OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
const CALLER: &str = "c0570000-0000-4000-8000-000000000001";
const HOLLOW: &str = "c0570000-0000-4000-8000-000000000002";

fn group() -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg")
}

fn name(number: u8) -> String {
    format!("a5510000-0000-4000-8000-0000000000{number:02}")
}

fn live() -> Azure {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure
}

/// `kind id: reach role, …` of everyone who can call the first account.
fn holders(run: &Run) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let document = run.json();
    let of = |holder: &Value| {
        let through = holder["through"].as_array().unwrap();
        let through: Vec<String> =
            through.iter().map(|each| format!("{} {}", text(&each["reach"]), text(&each["role"]))).collect();
        format!("{} {}: {}", text(&holder["type"]), &text(&holder["id"])[..4], through.join(", "))
    };
    document["accounts"][0]["principals"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn direct_and_inherited_roles_count_if_they_have_inference_data_actions() {
    let azure = live();
    azure.make_account("other", &json!({"customSubDomainName": "other"}));
    azure.make_account("chatter", &json!({"customSubDomainName": "chatter"}));
    azure.patch(&account("chat"), json!({"properties": {"allowProjectManagement": true}}));
    azure.get(&account("chat"));
    let project = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}});
    azure.put(&format!("{}/projects/team", account("chat")), project);
    let grant = |scope: &str, number, role, who| azure.grant(scope, &name(number), role, who, None);
    grant(&account("chat"), 1, CS_USER, ALICE);
    grant(&group(), 2, OPENAI_USER, BOB);
    grant(&format!("/subscriptions/{SUB}"), 3, CS_USER, BOB);
    grant(&format!("{}/projects/team", account("chat")), 4, CS_USER, CAROL);
    // Neither a role without data actions nor a role elsewhere lets anyone in.
    grant(&account("chat"), 5, READER, CAROL);
    grant(&account("other"), 6, CS_USER, CAROL);
    grant(&account("chatter"), 7, CS_USER, CAROL);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let run = folder.keyless("access --format json").exits(0);
    run.fits("access");
    assert_eq!(
        holders(&run),
        [
            "User aaaa: direct Cognitive Services User",
            "User bbbb: resourceGroup Cognitive Services OpenAI User, subscription Cognitive Services User",
            "User cccc: below Cognitive Services User",
        ]
    );
    assert_eq!(run.json()["accounts"][0]["complete"], true);
    folder.keyless("access").exits(0).says(&[
        "account chat  specs/a.yaml:7",
        "API keys are off",
        "Cognitive Services OpenAI User on resource group rg",
        "Not evaluated: conditions, deny assignments, membership of groups.",
    ]);
    folder.keyless("access --format markdown").exits(0).says(&["## keyless access", "on the account"]);
    assert_eq!(azure.take_writes().len(), 0);
}

#[test]
fn custom_roles_count_by_what_they_permit_less_what_they_exclude() {
    let azure = live();
    let define = |guid: &str, name: &str, permission: Value| {
        let properties = json!({
            "roleName": name, "type": "CustomRole", "permissions": [permission],
            "assignableScopes": [format!("/subscriptions/{SUB}")],
        });
        azure.put(&role(guid), json!({ "properties": properties }));
    };
    define(
        CALLER,
        "Chat Callers",
        json!({"actions": [], "dataActions": ["Microsoft.CognitiveServices/*/action"]}),
    );
    let excluded = json!(["Microsoft.CognitiveServices/accounts/OpenAI/*", "*/MaaS/*", "*/AIServices/*"]);
    define(
        HOLLOW,
        "Hollow",
        json!({"actions": [], "dataActions": ["Microsoft.CognitiveServices/*"], "notDataActions": excluded}),
    );
    azure.grant(&account("chat"), &name(1), CALLER, ALICE, None);
    azure.grant(&account("chat"), &name(2), HOLLOW, BOB, None);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    assert_eq!(holders(&folder.keyless("access --format json").exits(0)), ["User aaaa: direct Chat Callers"]);
    // Roles that may not be read are no reason to say that nobody has them.
    azure.spoil("GET", "/roleDefinitions", Fault::denied());
    let run = folder.keyless("access --format json").exits(1);
    assert_eq!(run.findings(), ["role-unread@7", "role-unread@7"]);
    assert_eq!(run.json()["accounts"][0]["complete"], false);
    folder.keyless("access").exits(1).says(&["could not determine who can call with a token", CALLER]);
}

#[test]
fn an_unreadable_list_is_not_nobody() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    folder.keyless("access").exits(0).says(&["nobody can call its models with a token"]);
    azure.spoil("GET", "roleAssignments", Fault::denied());
    let run = folder.keyless("access --format json").exits(1);
    assert_eq!(run.json()["accounts"][0]["complete"], false);
    assert!(run.findings().contains(&"incomplete-read@7".to_owned()), "{run}");
    let run = folder.keyless("access").exits(1);
    assert!(!run.stdout.contains("nobody can call"), "{run}");
}

#[test]
fn a_list_of_the_subscription_that_is_denied_leaves_the_picture_incomplete() {
    let azure = live();
    azure.grant(&account("chat"), &name(1), CS_USER, ALICE, None);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let whole = format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments");
    azure.spoil("GET", &whole, Fault::denied());
    let run = folder.keyless("access --format json").exits(1);
    assert_eq!(holders(&run), ["User aaaa: direct Cognitive Services User"]);
    assert_eq!(run.findings(), ["incomplete-read@7"]);
}

#[test]
fn conditions_are_named_groups_stand_for_their_members_and_orphans_are_shown() {
    let azure = live();
    let properties = json!({
        "roleDefinitionId": role(CS_USER), "principalId": GROUP, "principalType": "Group",
        "condition": "@Resource[x] StringEquals 'y'", "conditionVersion": "2.0",
    });
    azure.put(&assignment(&account("chat"), &name(1)), json!({ "properties": properties }));
    azure.grant(&account("chat"), &name(2), CS_USER, ALICE, None);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    azure.spoil("POST", "$batch", Fault::Edit(|body| {
        let known = json!([{"@odata.type": "#microsoft.graph.group", "id": GROUP, "displayName": "ml developers"}]);
        body["responses"][0]["body"]["value"] = known;
    }));
    folder.keyless("access").exits(0).says(&[
        &format!("Group ml developers ({}…) and its members", &GROUP[..8]),
        "on the account, under a condition",
        &format!("User {ALICE}, orphaned: the directory does not know it"),
    ]);
    let seen = azure.take_seen();
    assert_eq!(
        seen.iter().filter(|seen| seen.path() == "/v1.0/$batch").count(),
        1,
        "one batch for all names"
    );
    azure.spoil("POST", "$batch", Fault::denied());
    let run = folder.keyless("access").exits(0).says(&[&format!("User {ALICE}\n"), "1 note"]);
    assert!(!run.stdout.contains("orphaned"), "who could not be looked up is not said to be gone: {run}");
}

#[test]
fn a_group_of_another_tenant_is_no_orphan() {
    let azure = live();
    for (number, kind, who) in [(1, "ForeignGroup", GROUP), (2, "Group", BOB)] {
        let properties =
            json!({"roleDefinitionId": role(CS_USER), "principalId": who, "principalType": kind});
        azure.put(&assignment(&account("chat"), &name(number)), json!({ "properties": properties }));
    }
    azure.spoil("POST", "$batch", Fault::Edit(|body| body["responses"][0]["body"]["value"] = json!([])));
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let run = folder.keyless("access --format json").exits(0);
    let orphaned = |who: &str| {
        let document = run.json();
        let principals = document["accounts"][0]["principals"].as_array().unwrap().clone();
        let holder = principals.into_iter().find(|holder| holder["id"] == who);
        holder.unwrap()["orphaned"] == true
    };
    assert_eq!((orphaned(GROUP), orphaned(BOB)), (false, true), "{run}");
}

#[test]
fn with_keys_on_anyone_with_a_key_can_call() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    folder
        .keyless("access")
        .exits(0)
        .says(&["API keys are on: anyone with a key can call", "1 account accepts API keys"]);
}

/// `+kind id` and `-kind id` of the plan's accounts.
fn changes(run: &Run) -> Vec<String> {
    let mut lines = Vec::new();
    for change in run.json()["access"].as_array().into_iter().flatten() {
        let account = change["account"].as_str().unwrap().to_owned();
        for (sign, side) in [("+", "gains"), ("-", "loses")] {
            for holder in change[side].as_array().unwrap() {
                lines.push(format!("{account} {sign}{}", &holder["id"].as_str().unwrap()[..4]));
            }
        }
        if change["keys"] != Value::Null {
            lines.push(format!("{account} keys {}", change["keys"]["after"].as_str().unwrap()));
        }
    }
    lines
}

#[test]
fn a_plan_says_who_gains_and_who_loses_and_nothing_when_nobody_does() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    let owned = Some("x [keyless:team-a]");
    azure.grant(&account("chat"), &name(1), CS_USER, ALICE, owned);
    azure.grant(&account("chat"), &name(2), CS_USER, CAROL, owned);
    // Carol keeps a way in through her group's role on the whole group, so that she loses nothing.
    azure.grant(&group(), &name(3), OPENAI_USER, CAROL, None);
    let folder = azure.folder();
    let spec = one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}", grants(&[BOB])));
    folder.write("a.yaml", spec);
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    run.fits("plan");
    assert_eq!(changes(&run), ["chat +bbbb", "chat -aaaa", "chat keys disabled"]);
    folder.keyless("plan a.yaml").exits(0).says(&[
        "If applied, who gains (+) and who loses (-) access to models",
        &format!("+ Cognitive Services User on the account: User {BOB}"),
        "- Cognitive Services User on the account: User user-aaaaaaaa@sandbox.invalid (aaaaaaaa…)",
        "- anyone with an API key",
    ]);
    folder.keyless("plan a.yaml --format markdown").exits(0).says(&[
        "**If applied, who gains and who loses access to models, group membership not counted**",
        "**loses** anyone",
    ]);
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    folder
        .keyless("show plan.json")
        .exits(0)
        .says(&["If applied, who gains (+) and who loses (-) access to models"]);
    folder.keyless("apply plan.json --yes").exits(0);
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(run.json()["access"], Value::Null);
    let run = folder.keyless("plan a.yaml").exits(0);
    assert!(!run.stdout.contains("Who can call"), "{run}");
}

#[test]
fn a_plan_says_who_loses_an_account_that_it_deletes() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |name: &str| one_account("team-a", name, &grants(&[ALICE]));
    folder.write("a.yaml", spec("chat"));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec("talk"));
    let run = folder.keyless("plan a.yaml --allow delete-account --format json").exits(0);
    assert_eq!(changes(&run), ["chat -aaaa", "talk +aaaa"]);
}

#[test]
fn a_management_group_lets_in_only_where_a_list_of_the_subscription_shows_it() {
    let above = "/providers/Microsoft.Management/managementGroups/mg";
    let azure = live();
    azure.grant(above, &name(1), CS_USER, ALICE, None);
    azure.grant(&account("chat"), &name(2), CS_USER, ALICE, Some("[keyless:team-a]"));
    azure.grant(&account("chat"), &name(3), CS_USER, BOB, Some("[keyless:team-a]"));
    let folder = azure.folder();
    // That the stack declares the assignment lets the management group be listed too.
    let declared = format!(
        "roleAssignments:\n  - {{scope: {above}, role: Cognitive Services User, principals: [{{id: {ALICE}, type: User}}]}}\n"
    );
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[BOB])) + &declared);
    let run = folder.keyless("access a.yaml --format json").exits(0);
    let alice = "User aaaa: direct Cognitive Services User";
    let bob = "User bbbb: direct Cognitive Services User";
    assert_eq!(holders(&run), [&format!("{alice}, above Cognitive Services User"), bob]);
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(run.changes("delete").len(), 1, "{run}");
    assert_eq!(changes(&run), Vec::<String>::new());

    // A subscription elsewhere in the tree.
    let elsewhere = |list: &mut Value| {
        let here = |item: &Value| item["id"].as_str().is_some_and(|id| id.starts_with("/subscriptions/"));
        list["value"].as_array_mut().unwrap().retain(here);
    };
    let of_subscription = format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments?");
    azure.spoil("GET", &of_subscription, Fault::Edit(elsewhere));
    let run = folder.keyless("access a.yaml --format json").exits(0);
    assert_eq!(holders(&run), [alice, bob]);
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(changes(&run), ["chat -aaaa"]);
}

#[test]
fn a_plan_on_lists_with_gaps_says_that_it_knows_only_a_part() {
    let azure = live();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[BOB])));
    let whole = format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments");
    azure.spoil("GET", &whole, Fault::denied());
    let run = folder.keyless("plan a.yaml");
    run.says(&["access to models, as far as could be read:", &format!("User {BOB}")]);
}

#[test]
fn a_new_account_is_a_gain_and_a_role_without_inference_is_none() {
    let azure = Azure::start();
    let folder = azure.folder();
    let reader = format!("  - role: Reader\n    principals: [{{id: {CAROL}, type: User}}]\n");
    folder.write("a.yaml", one_account("team-a", "chat", &format!("{}{reader}", grants(&[ALICE]))));
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(changes(&run), ["chat +aaaa"]);
}

#[test]
fn an_activated_role_is_temporary_and_deny_assignments_are_named() {
    let azure = live();
    azure.grant(&account("chat"), &name(1), CS_USER, BOB, None);
    let activated = json!({"scope": account("chat"), "role": CS_USER, "principalId": ALICE, "seconds": 3600, "assignmentType": "Activated"});
    let denial = |scope: &str, name: &str| {
        let permissions = json!([{"actions": ["Microsoft.CognitiveServices/*"]}]);
        json!({"scope": scope, "name": name, "permissions": permissions})
    };
    let denials = [denial(&group(), "stack protection"), denial(&account("other"), "elsewhere")];
    let body = json!({"scheduleInstances": [activated], "denyAssignments": denials});
    assert_eq!(azure.send("POST", "/_sandbox/access", Some(body)).status, 200);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let run = folder.keyless("access --format json").exits(0);
    run.fits("access");
    let account = &run.json()["accounts"][0];
    let through = |index: usize| account["principals"][index]["through"][0].clone();
    assert_eq!((&account["principals"][0]["id"], &through(0)["temporary"]), (&json!(ALICE), &json!(true)));
    let end = through(0)["until"].as_str().unwrap().to_owned();
    assert_eq!((&through(1)["temporary"], &through(1)["until"]), (&Value::Null, &Value::Null));
    assert_eq!(account["denyAssignments"], json!([{"name": "stack protection", "scope": group()}]));
    folder.keyless("access").exits(0).says(&[
        &format!("Cognitive Services User on the account, temporary, until {end}"),
        &format!("deny assignment stack protection on {}: not evaluated", group()),
    ]);
    folder.keyless("access --format markdown").exits(0).says(&["temporary, until", "deny assignment stack"]);
    for part in ["roleAssignmentScheduleInstances", "denyAssignments"] {
        azure.spoil("GET", part, Fault::denied());
        let run = folder.keyless("access --format json").exits(0);
        assert!(run.findings().iter().any(|finding| finding.starts_with("not-checked")), "{part}: {run}");
        assert_eq!(run.json()["accounts"][0]["complete"], true);
        azure.heal();
    }
    let unlicensed = Fault::error(400, "AadPremiumLicenseRequired", "The tenant needs a license.");
    azure.spoil("GET", "roleAssignmentScheduleInstances", unlicensed);
    let run = folder.keyless("access -v").exits(0);
    assert!(!run.stdout.contains("are temporary"), "without a license nothing is temporary\n{run}");
}

#[test]
fn schedules_are_asked_only_where_somebody_holds_a_role_that_keyless_did_not_give() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let asked = |part: &str| {
        azure.take_seen();
        folder.keyless("access").exits(0);
        azure.take_seen().iter().filter(|seen| seen.path().ends_with(part)).count()
    };
    assert_eq!(asked("/denyAssignments"), 0, "nobody has what could be denied");
    let own = arm_guid(&[ALICE, CS_USER, &account("chat")]).to_string();
    azure.grant(&account("chat"), &own, CS_USER, ALICE, None);
    assert_eq!(asked("/roleAssignmentScheduleInstances"), 0, "its name tells");
    for description in [None, Some("x [keyless:team-a]")] {
        azure.grant(&account("chat"), &name(2), CS_USER, BOB, description);
        assert_eq!(asked("/roleAssignmentScheduleInstances"), 1, "a mark tells nothing");
    }
}

#[test]
fn access_of_a_subscription_needs_no_specs() {
    let azure = live();
    azure.make_account("open", &json!({"customSubDomainName": "open"}));
    azure.grant(&account("chat"), &name(1), CS_USER, ALICE, None);
    azure.grant(&group(), &name(2), OPENAI_USER, BOB, None);
    let folder = azure.folder();
    let ask = format!("access --subscription {}", SUB.to_uppercase());
    let run = folder.keyless(&format!("{ask} --format json")).exits(0);
    run.fits("access");
    let accounts = run.json()["accounts"].clone();
    let told = |at: usize| ["name", "address", "keys", "complete"].map(|field| accounts[at][field].clone());
    assert_eq!(told(0), [json!("chat"), json!(account("chat")), json!("disabled"), json!(true)]);
    assert_eq!(told(1), [json!("open"), json!(account("open")), json!("enabled"), json!(true)]);
    assert_eq!(
        holders(&run),
        [
            "User aaaa: direct Cognitive Services User",
            "User bbbb: resourceGroup Cognitive Services OpenAI User"
        ]
    );
    folder.keyless(&ask).exits(0).says(&["account open", "API keys are on", "2 accounts: "]);
    folder.keyless(&format!("access specs --subscription {SUB}")).exits(1).complains(&["--subscription"]);
    folder.keyless("access --subscription prod").exits(1).complains(&["GUID"]);
    assert_eq!(azure.take_writes().len(), 0);
}

#[test]
fn lists_of_a_subscription_that_cannot_be_read_are_said() {
    let azure = live();
    azure.grant(&account("chat"), &name(1), CS_USER, ALICE, None);
    let folder = azure.folder();
    let ask = format!("access --subscription {SUB} --format json");
    azure.spoil("GET", "/roleAssignments?", Fault::denied());
    let run = folder.keyless(&ask).exits(1);
    assert_eq!(run.findings(), ["incomplete-read@0"]);
    assert_eq!(run.json()["accounts"][0]["complete"], false);
    azure.heal();
    azure.spoil("GET", "Microsoft.CognitiveServices/accounts?", Fault::denied());
    let run = folder.keyless(&ask).exits(1);
    assert_eq!(run.findings(), ["unknown-state@0"]);
    assert_eq!(run.json()["accounts"], json!([]));
}

#[test]
fn an_assignment_of_a_subscription_that_cannot_be_placed_is_no_absence() {
    let azure = live();
    let folder = azure.folder();
    let strange = json!({"value": [{"properties": {"principalId": ALICE}}]}).to_string();
    azure.spoil("GET", "/roleAssignments?", Fault::Answer(200, "application/json", strange));
    let run = folder.keyless(&format!("access --subscription {SUB} --format json")).exits(1);
    assert_eq!(run.json()["accounts"][0]["complete"], false);
    assert_eq!(run.findings(), ["incomplete-read@0"]);
}
