//! The members of groups that can call models, which `access --members` lists.

use serde_json::{Value, json};

use super::accounts;
use crate::common::{ALICE, Azure, BOB, CAROL, CS_USER, Fault, Folder, account, assignment, role};

const GROUP: &str = "dddddddd-0000-4000-8000-000000000004";
const NESTED: &str = "dddddddd-0000-4000-8000-000000000005";
const APP: &str = "eeeeeeee-0000-4000-8000-000000000001";
const LISTED: &str = "/transitiveMembers";

fn name(number: u8) -> String {
    format!("a5510000-0000-4000-8000-0000000000{number:02}")
}

fn allow(azure: &Azure, account_name: &str, number: u8, kind: &str, who: &str) {
    let properties = json!({"roleDefinitionId": role(CS_USER), "principalId": who, "principalType": kind});
    azure.put(&assignment(&account(account_name), &name(number)), json!({ "properties": properties }));
}

fn directory(azure: &Azure, content: Value) {
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(content)).status, 200);
}

/// Two accounts, on both of which one group has a role.
fn live() -> (Azure, Folder) {
    let azure = Azure::start();
    for (number, name) in [(1, "chat"), (2, "talk")] {
        azure.make_account(name, &json!({"customSubDomainName": name, "disableLocalAuth": true}));
        allow(&azure, name, number, "Group", GROUP);
    }
    directory(
        &azure,
        json!({
            "users": [
                {"id": ALICE, "userPrincipalName": "alice@contoso.com", "displayName": "Alice"},
                {"id": BOB, "userPrincipalName": "bob@contoso.com", "displayName": "Bob"},
            ],
            "groups": [
                {"id": GROUP, "displayName": "ml developers", "members": [ALICE, NESTED, APP]},
                {"id": NESTED, "displayName": "interns", "members": [BOB, ALICE]},
            ],
            "servicePrincipals": [{"id": APP, "displayName": "pipeline", "appId": "44444444-4444-4444-8444-444444444444"}],
        }),
    );
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat", "talk"]));
    azure.take_seen();
    (azure, folder)
}

/// The requests for members since the last time.
fn asked(azure: &Azure) -> Vec<String> {
    let seen = azure.take_seen();
    seen.iter().filter(|seen| seen.path().ends_with(LISTED)).map(|seen| seen.target.clone()).collect()
}

#[test]
fn members_are_listed_once_for_each_group_and_only_if_asked_for() {
    let (azure, folder) = live();
    let run = folder.keyless("access --format json").exits(0);
    assert_eq!(run.json()["groups"], Value::Null);
    let without = azure.take_seen().len();
    let run = folder.keyless("access --members --format json").exits(0);
    run.fits("access");
    let seen = azure.take_seen();
    let listed: Vec<&str> =
        seen.iter().filter(|seen| seen.path().ends_with(LISTED)).map(|seen| seen.target.as_str()).collect();
    assert_eq!(
        listed,
        [format!(
            "/v1.0/groups/{GROUP}/transitiveMembers?$select=id,displayName,userPrincipalName,appId,servicePrincipalType&$top=999"
        )]
    );
    assert_eq!(seen.len(), without + 1);
    let expected = json!([{"id": GROUP, "type": "Group", "name": "ml developers", "members": [
        {"id": NESTED, "type": "Group", "name": "interns"},
        {"id": APP, "type": "ServicePrincipal", "name": "pipeline",
         "appId": "44444444-4444-4444-8444-444444444444", "servicePrincipalType": "Application"},
        {"id": ALICE, "type": "User", "name": "alice@contoso.com"},
        {"id": BOB, "type": "User", "name": "bob@contoso.com"},
    ]}]);
    assert_eq!(run.json()["groups"], expected);

    folder
        .keyless("access")
        .exits(0)
        .says(&["Not evaluated: conditions, deny assignments, membership of groups."]);
    // The ids of the two groups begin alike, so they are not cut.
    folder.keyless("access --members").exits(0).says(&[
        "Members of groups:\n",
        &format!("  Group ml developers ({GROUP}): 3 members, 1 nested group included\n"),
        &format!("    Group interns ({NESTED}), ServicePrincipal pipeline (eeeeeeee…),\n    User alice@contoso.com (aaaaaaaa…), User bob@contoso.com (bbbbbbbb…)\n"),
        "service principals that Microsoft Graph may leave out of a group's members.",
    ]);
    folder.keyless("access --members -v").exits(0).says(&[&format!("    User bob@contoso.com ({BOB})\n")]);
    let run = folder.keyless("access --members --format markdown").exits(0);
    assert!(
        run.stdout.contains("3 members, 1 nested group included") && !run.stdout.contains("alice"),
        "{run}"
    );
    let page = folder.keyless("access --members --format html").exits(0).stdout;
    let inside =
        page.split("<details class=\"members\">").nth(1).unwrap().split("</details>").next().unwrap();
    assert!(inside.starts_with("<summary>3 members, 1 nested group included</summary>"), "{inside}");
    assert!(inside.contains(&format!("<li>User <b>bob@contoso.com</b> <code>{BOB}</code></li>")), "{inside}");
}

/// Azure spells what it was sent in other letters, and may not say what somebody is.
#[test]
fn a_group_is_one_however_its_assignment_spells_that() {
    let (azure, folder) = live();
    for (written, read) in
        [("group", true), ("GROUP", true), ("Unknown", true), ("foreigngroup", false), ("User", false)]
    {
        azure.spoil(
            "GET",
            "/roleAssignments?",
            Fault::Edit(match written {
                "group" => |answer: &mut Value| spell(answer, "group"),
                "GROUP" => |answer: &mut Value| spell(answer, "GROUP"),
                "Unknown" => |answer: &mut Value| spell(answer, "Unknown"),
                "foreigngroup" => |answer: &mut Value| spell(answer, "foreigngroup"),
                _ => |answer: &mut Value| spell(answer, "User"),
            }),
        );
        let run = folder.keyless("access --members --format json").exits(0);
        assert_eq!(!asked(&azure).is_empty(), read, "{written}");
        let group = &run.json()["groups"][0];
        assert_eq!(group["members"].is_array(), read, "{written}: {run}");
        let is_foreign = group["unread"] == "the group belongs to another tenant";
        assert_eq!(is_foreign, written == "foreigngroup", "{written}: {run}");
        azure.heal();
    }
}

fn spell(answer: &mut Value, kind: &str) {
    for each in answer["value"].as_array_mut().into_iter().flatten() {
        each["properties"]["principalType"] = json!(kind);
    }
}

#[test]
fn members_that_may_not_be_read_are_unknown_and_never_none() {
    let (azure, folder) = live();
    let denied = Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges.");
    azure.spoil("GET", LISTED, denied);
    let run = folder.keyless("access --members --format json").exits(0);
    run.fits("access");
    let group = &run.json()["groups"][0];
    assert_eq!(group["members"], Value::Null);
    assert!(group["unread"].as_str().unwrap().contains("403 Authorization_RequestDenied"), "{run}");
    assert_eq!(run.findings(), ["principal-unread@0"]);
    folder.keyless("access --members -v").exits(0).says(&[
        &format!("  Group ml developers ({GROUP}): members not known\n"),
        "could not read the members of group `ml developers`",
        "GroupMember.Read.All",
        "membership of groups whose members could not be read",
    ]);
    let markdown = folder.keyless("access --members --format markdown").exits(0).stdout;
    assert!(markdown.contains("members not known"), "{markdown}");
    let page = folder.keyless("access --members --format html").exits(0).stdout;
    assert!(page.contains("<details class=\"members\"><summary>members not known</summary>"), "{page}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_answer_that_is_not_whole_leaves_the_members_unknown() {
    let (azure, folder) = live();
    let unread = || {
        let run = folder.keyless("access --members --format json").exits(0);
        let group = run.json()["groups"][0].clone();
        assert_eq!(group["members"], Value::Null, "{run}");
        group["unread"].as_str().unwrap().to_owned()
    };
    azure.spoil(
        "GET",
        LISTED,
        Fault::Edit(|body| {
            body["@odata.nextLink"] = json!("https://evil.example/v1.0/groups");
        }),
    );
    assert!(unread().contains("it leads to `https://evil.example` (a different host)"), "{}", unread());
    azure.spoil("GET", LISTED, Fault::Edit(|body| body["value"][0]["id"] = json!("x")));
    assert_eq!(unread(), "an object in Microsoft Graph's answer has no valid id");
    azure.spoil("GET", LISTED, Fault::CutOff);
    assert!(!unread().is_empty());
    azure.spoil("GET", LISTED, Fault::Edit(|body| body["value"] = json!(null)));
    assert!(unread().contains("is not a list"), "{}", unread());
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn all_pages_are_read_but_not_those_of_a_group_of_everybody() {
    let (azure, folder) = live();
    let id = |number: usize| format!("bbbbbbbb-0000-4000-8000-{number:012}");
    let people = |count: usize| {
        let users: Vec<Value> = (0..count)
            .map(
                |number| json!({"id": id(number), "userPrincipalName": format!("user-{number}@contoso.com")}),
            )
            .collect();
        let members: Vec<String> = (0..count).map(id).collect();
        directory(
            &azure,
            json!({"users": users, "groups": [{"id": GROUP, "displayName": "all", "members": members}]}),
        );
    };
    people(1500);
    let run = folder.keyless("access --members --format json").exits(0);
    assert_eq!(run.json()["groups"][0]["members"].as_array().unwrap().len(), 1500);
    assert_eq!(asked(&azure).len(), 2);
    let run = folder.keyless("access --members").exits(0).says(&[": 1500 members\n", "and 1490 more"]);
    assert!(run.stdout.lines().count() < 30, "{run}");
    azure.take_seen();
    people(5200);
    let run = folder.keyless("access --members --format json").exits(0);
    let unread = run.json()["groups"][0]["unread"].as_str().unwrap().to_owned();
    assert!(unread.contains("more than 5 pages"), "{unread}");
    assert_eq!(asked(&azure).len(), 5);
}

#[test]
fn who_has_no_name_is_shown_by_id_and_a_group_without_members_is_said_to_have_none_listed() {
    let (azure, folder) = live();
    // Microsoft Graph shows no name of objects that the caller may not read.
    azure.spoil("GET", LISTED, Fault::Edit(|body| {
        body["value"] = json!([
            {"@odata.type": "#microsoft.graph.user", "id": ALICE, "displayName": null, "userPrincipalName": null},
            {"@odata.type": "#microsoft.graph.orgContact", "id": BOB},
        ]);
    }));
    folder
        .keyless("access --members -v")
        .exits(0)
        .says(&["2 members\n", &format!("    principal {BOB}\n    User {ALICE}\n")]);
    azure.heal();
    directory(&azure, json!({"groups": [{"id": GROUP, "displayName": "ml developers"}]}));
    // The ids of the two groups begin alike, so they are not cut.
    folder.keyless("access --members").exits(0).says(&[": Microsoft Graph lists no members\n"]);
    let page = folder.keyless("access --members --format html").exits(0).stdout;
    assert!(page.contains("Microsoft Graph lists no members"), "{page}");
}

#[test]
fn a_group_of_another_tenant_is_not_asked_about() {
    let (azure, folder) = live();
    allow(&azure, "chat", 3, "ForeignGroup", CAROL);
    let run = folder.keyless("access --members --format json").exits(0);
    let groups = run.json()["groups"].as_array().unwrap().clone();
    let foreign = groups.iter().find(|group| group["id"] == CAROL).unwrap();
    assert_eq!(foreign["unread"], "the group belongs to another tenant");
    assert_eq!(asked(&azure).len(), 1);
}
