//! `keyless doctor`: what it says when all is well, and when one thing is not.

use serde_json::{Value, json};

use super::{APP, folder};
use crate::common::cloud::{ARM, Cloud, ENTRA, GRAPH, Line, TENANT};
use crate::common::{Azure, Folder, Run, SUB};

const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "s3cret-of-the-test");

fn cloud(role: Option<&str>) -> Cloud {
    let cloud = Cloud::start();
    cloud.application("pipeline", APP, json!({"secret": SECRET.1}), role);
    cloud
}

fn doctor(folder: &Folder, more: &str) -> Run {
    let run = folder.keyless(&format!("doctor {more}"));
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains(SECRET.1) && !text.contains("eyJ"), "{run}");
    }
    run
}

#[test]
fn all_that_is_well_is_a_table_to_paste() {
    let cloud = cloud(Some("Owner"));
    let folder = folder(&cloud, &[SECRET]);
    let run = doctor(&folder, "").exits(0).says(&[
        "ok      cloud        public: https://management.azure.com/",
        &format!("ok      network      {ENTRA}: answers ("),
        &format!("ok      network      {ARM}: answers ("),
        &format!("ok      network      {GRAPH}: answers ("),
        "ok      clock        within 5 minutes of",
        "ok      credential   client-secret: `AZURE_CLIENT_SECRET` is set",
        "ok      token        for https://management.azure.com/.default",
        &format!("ok      tenant       {TENANT}"),
        "ok      identity     application `pipeline`, object id ",
        &format!("ok      subscription {SUB}: `team`, Enabled"),
        "ok      group        rg: exists, in ",
        &format!("ok      rights       /subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat: all 5 actions that the specs need (asked at"),
        "no problems found.",
        "Target: Azure (public)",
    ]);
    assert!(!run.stdout.contains("hint"), "{run}");
    let json = doctor(&folder, "--format json").exits(0);
    json.fits("doctor");
    let document = json.json();
    let states: Vec<&Value> =
        document["checks"].as_array().unwrap().iter().map(|check| &check["state"]).collect();
    assert!(states.len() >= 10 && states.iter().all(|state| *state == "ok"), "{document}");

    std::fs::remove_dir_all(folder.path().join("specs")).unwrap();
    let without = doctor(&folder, "").exits(0).says(&["identity", "tenant"]);
    assert!(!without.stdout.contains("rights") && !without.stdout.contains("subscription "), "{without}");
}

#[test]
fn a_resource_group_that_is_not_there_stands_in_the_way_of_plans_too() {
    let cloud = cloud(Some("Owner"));
    let folder = folder(&cloud, &[SECRET]);
    let spec = std::fs::read_to_string(folder.path().join("specs/one.yaml")).unwrap();
    folder.write("specs/one.yaml", spec.replace("resourceGroup: rg", "resourceGroup: missing"));
    for purpose in ["", "--for plan"] {
        let run = doctor(&folder, purpose).exits(1).says(&[
            "BROKEN  group        missing: does not exist, and keyless does not create resource groups",
            "az group create --name missing",
            "not checked: its resource group does not exist",
            "1 problem found.",
        ]);
        assert!(
            !run.stdout.lines().any(|line| line.contains("ok      rights") && line.contains("missing")),
            "{run}"
        );
        assert!(!run.stdout.contains("rg:"), "{run}");
    }
    // Where the subscription itself is not seen, nobody knows.
    folder.write("specs/one.yaml", spec.replace(SUB, "00000000-1111-4222-8333-444444444444"));
    let run =
        doctor(&folder, "--for plan").exits(1).says(&["BROKEN  subscription", "unknown group        rg:"]);
    assert!(!run.stdout.contains("az group create"), "{run}");
}

#[test]
fn a_right_that_is_missing_is_named_with_its_scope() {
    let cloud = cloud(Some("Reader"));
    let folder = folder(&cloud, &[SECRET]);
    let run = doctor(&folder, "").exits(1).says(&[
        "BROKEN  rights",
        "lacks `Microsoft.Authorization/roleAssignments/delete`, `Microsoft.Authorization/roleAssignments/write`, \
         `Microsoft.CognitiveServices/accounts/write` (asked at",
        "help: assign the caller a role with these actions there",
        "1 problem found.",
    ]);
    assert_eq!(run.stdout.matches("BROKEN").count(), 1, "{run}");
    doctor(&folder, "--for plan").exits(0).says(&["all 2 actions that the specs need"]);
    let elsewhere = self::cloud(None);
    let folder = super::folder(&elsewhere, &[SECRET]);
    // Who asks for a planner is not told to ask for one.
    let planner = doctor(&folder, "--for plan").exits(1).says(&["assign the caller the Reader role there"]);
    assert!(!planner.stdout.contains("--for plan"), "{planner}");
    doctor(&folder, "").exits(1).says(&[
        "BROKEN  subscription",
        "BROKEN  rights",
        "lacks `Microsoft.Authorization/roleAssignments/delete`",
    ]);
}

#[test]
fn a_wrong_secret_is_the_one_thing_that_is_broken() {
    let cloud = cloud(Some("Owner"));
    let folder = folder(&cloud, &[("AZURE_CLIENT_SECRET", "wrong-secret")]);
    let run = doctor(&folder, "").exits(1).says(&[
        "ok      credential   client-secret: `AZURE_CLIENT_SECRET` is set",
        "BROKEN  token        `client-secret` returned no token: AADSTS7000215",
        "help: the client secret is wrong: use its value, not its id",
    ]);
    assert_eq!(run.stdout.matches("BROKEN").count(), 1, "{run}");
    let nothing = cloud.folder(&[("PATH", "/nonexistent")]);
    doctor(&nothing, "--credential client-secret")
        .exits(1)
        .says(&["BROKEN  credential   `client-secret` needs `AZURE_TENANT_ID`"]);
}

#[test]
fn a_clock_that_is_off_and_a_host_that_does_not_answer_are_said_to_be_so() {
    let cloud = cloud(Some("Owner"));
    let folder = folder(&cloud, &[SECRET]);
    cloud.must("/_sandbox/clock", json!({"advanceSeconds": 7300}));
    doctor(&folder, "").exits(1).says(&[
        "BROKEN  clock        2 hours behind login.microsoftonline.com",
        "help: set this machine's clock",
    ]);
    cloud.line(ARM, Line::Silent);
    cloud.line(GRAPH, Line::Refused);
    doctor(&folder, "").exits(1).says(&[
        &format!("BROKEN  network      {ARM}: no answer within 5 s"),
        &format!("BROKEN  network      {GRAPH}: proxy: it rejects the connection"),
        "help: check HTTPS_PROXY and NO_PROXY",
        "unknown rights       not checked: Azure Resource Manager cannot be reached",
    ]);
}

#[test]
fn a_sandbox_and_an_endpoint_are_looked_at_too() {
    let azure = Azure::start();
    let folder = azure.folder();
    super::write_spec(&folder);
    doctor(&folder, "").exits(0).says(&[
        "custom endpoint: http://127.0.0.1",
        "credential   token: from KEYLESS_TOKEN",
        "rights",
    ]);
    let own = Folder::new();
    super::write_spec(&own);
    doctor(&own, "--sandbox").exits(0).says(&["the sandbox: nothing in Azure changes", "Target: SANDBOX"]);
    own.write("specs/one.yaml", "version: 2\n");
    doctor(&own, "--sandbox").exits(1).says(&["BROKEN  specs", "help: run `keyless validate`"]);
}

/// Gives the caller a role on the group, under a condition if there is one.
fn on_group(cloud: &Cloud, principal: &str, role: &str, condition: Option<&str>) {
    let mut properties = json!({
        "roleDefinitionId": crate::common::role(role), "principalId": principal, "principalType": "ServicePrincipal",
    });
    if let Some(condition) = condition {
        properties["condition"] = json!(condition);
        properties["conditionVersion"] = json!("2.0");
    }
    let name = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, role.as_bytes());
    let path = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Authorization/roleAssignments/{name}?api-version=2022-04-01"
    );
    let _ = cloud.send("DELETE", &path, None);
    let sent = cloud.send("PUT", &path, Some(json!({ "properties": properties })));
    assert!(sent.status < 300, "{sent:?}");
}

const CONTRIBUTOR: &str = "25fbc0a9-bd7c-42a3-aa1a-3b75d497ee68";
const ADMINISTRATOR: &str = "f58310d9-a9f6-439a-9e8d-f62e7b41a168";

/// The condition of docs/bootstrap.md, for these roles.
fn only(roles: &str) -> String {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bootstrap.md")).unwrap();
    let part = |name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name}=\""))).unwrap();
        line.trim_end_matches('"').replace("$ROLES", roles).replace("\"'!'\"", "!")
    };
    format!("{} AND {}", part("GIVES"), part("TAKES"))
}

/// Without it, every plan would warn of a condition that is not declared.
#[test]
fn the_page_declares_the_condition_that_it_gives() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/bootstrap.md")).unwrap();
    let block = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let sample: Value = serde_saphyr::from_str(block).unwrap();
    let declared = sample["roleAssignments"][1]["condition"].as_str().unwrap();
    assert_eq!(declared, only(crate::common::CS_USER));
    let folder = crate::common::Folder::new();
    folder.write("a.yaml", crate::common::head("team-a") + block);
    folder.keyless("validate a.yaml").exits(0);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_applier_may_assign_the_roles_of_the_specs_and_no_other() {
    let cloud = cloud(Some("Reader"));
    let folder = folder(&cloud, &[SECRET]);
    let principal = doctor(&folder, "--for plan --format json").json()["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|check| check["detail"].as_str()?.split("object id ").nth(1).map(str::to_owned))
        .unwrap();
    on_group(&cloud, &principal, CONTRIBUTOR, None);
    on_group(&cloud, &principal, ADMINISTRATOR, None);
    // Without `--for`, it is only asked whether applying would work.
    assert!(!doctor(&folder, "").exits(0).stdout.contains("delegation"));
    let wide = doctor(&folder, "--for apply").exits(1).says(&[
        "BROKEN  delegation",
        "too wide: `Role Based Access Control Administrator` lets the caller assign any role, also Owner to itself: it has no condition",
        "help: let an Owner of /subscriptions/",
        "run this, not the caller, who would lose its right with the first command: az role assignment delete --ids /subscriptions/",
        "--role \"Role Based Access Control Administrator\"",
        "1 problem found.",
    ]);
    // What the hint says to do is what the page of the identities says, and it mends.
    let users = crate::common::CS_USER;
    assert!(wide.stdout.replace("\"'!'\"", "!").contains(&only(users)), "{wide}");
    assert!(!wide.stdout.contains("((!("), "where somebody types, a shell would replace it: {wide}");
    on_group(&cloud, &principal, ADMINISTRATOR, Some(&only(users)));
    doctor(&folder, "--for apply").exits(0).says(&[
        "ok      delegation",
        "`Role Based Access Control Administrator` lets the caller assign `Cognitive Services User` only",
    ]);
    doctor(&folder, "--for apply --format json").exits(0).fits("doctor");
    // A condition about something else limits no role.
    let elsewhere =
        "@Request[Microsoft.Authorization/roleAssignments:PrincipalType] StringEqualsIgnoreCase 'User'";
    on_group(&cloud, &principal, ADMINISTRATOR, Some(elsewhere));
    doctor(&folder, "--for apply").exits(1).says(&["its condition does not limit which roles"]);
    // Another role that no spec gives: one for calling models is only told, one with which to gain more is too much.
    let owner = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
    on_group(&cloud, &principal, ADMINISTRATOR, Some(&only(&format!("{users}, {}", crate::common::READER))));
    doctor(&folder, "--for apply").exits(0).says(&["; no spec gives `Reader`"]);
    on_group(&cloud, &principal, ADMINISTRATOR, Some(&only(&format!("{users}, {owner}"))));
    doctor(&folder, "--for apply").exits(1).says(&["too wide", "`Owner`, which no spec gives"]);
    // And a role of the specs that it may not assign.
    on_group(&cloud, &principal, ADMINISTRATOR, Some(&only(crate::common::READER)));
    doctor(&folder, "--for apply").exits(1).says(&[
        "a spec gives `Cognitive Services User`, and the conditions do not let the caller assign it",
    ]);
    // The owner of the group can do what is needed, and much more.
    cloud.grant(&principal, "Owner");
    doctor(&folder, "--for apply").exits(1).says(&["too wide: `Owner` lets the caller assign any role"]);
}

/// A token that names nobody leaves the main question of `--for apply` open, which is said.
#[test]
fn a_check_that_needs_to_know_the_caller_is_not_left_out_without_a_word() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", crate::common::one_account("team-a", "chat", ""));
    let run = doctor(&folder, "a.yaml --for apply");
    let said = "not checked: the token does not say who the caller is";
    assert!(
        run.stdout.lines().any(|line| line.contains("unknown delegation") && line.contains(said)),
        "{run}"
    );
}
