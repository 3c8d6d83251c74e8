//! Roles for the identity of an account that the same plan creates.

use serde_json::{Value, json};

use super::spec;
use crate::common::{Azure, CS_USER, Fault, Folder, account, assignment, head, one_account, role};

const IDENTITY: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app";
const STORAGE: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st1";

/// Two accounts; the first one's identity may call the second's models, and read the group.
fn two(role: &str) -> String {
    let mut text = one_account("team-a", "front", "");
    text.push_str("  - name: chat\n    roleAssignments:\n      - role: Cognitive Services User\n        principals: [{accountIdentity: front}]\n");
    text +=
        "roleAssignments:\n  - scope: resourceGroup\n    principals: [{accountIdentity: front}]\n    role: ";
    text += role;
    text.push('\n');
    text
}

fn identity(azure: &Azure, name: &str) -> String {
    azure.get(&account(name))["identity"]["principalId"].as_str().unwrap().to_owned()
}

#[test]
fn the_identity_of_a_new_account_gets_its_roles_in_the_same_apply() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", two("Reader"));
    let shown = "-> the identity of account `front` (known after it is created) on chat";
    folder.keyless("plan a.yaml").exits(0).says(&["4 to create", shown]);
    let plan = folder.keyless("plan a.yaml --format json").exits(0).json();
    let holed: Vec<_> =
        plan["changes"].as_array().unwrap().iter().filter(|change| change["holes"].is_array()).collect();
    assert_eq!(holed.len(), 2);
    for change in holed {
        assert_eq!(
            change["holes"],
            json!([{"field": "principalId", "resource": account("front"), "property": "principalId"}])
        );
        let fields: Vec<_> =
            change["fields"].as_array().unwrap().iter().map(|field| field["path"].clone()).collect();
        assert!(!fields.contains(&json!("principalId")), "{change}");
    }
    let report = folder.keyless("apply a.yaml --yes --format json").exits(0).json();
    assert_eq!(report["summary"]["done"], 4, "{report}");
    let front = identity(&azure, "front");
    let grants = azure.grants_at(&account("chat"));
    assert_eq!(grants.len(), 1);
    assert_eq!(grants[0]["properties"]["principalId"], front.as_str());
    assert_eq!(grants[0]["properties"]["principalType"], "ServicePrincipal");
    // Named as Bicep names it, and reported under that name.
    let guid =
        folder.args(["guid", &front, "a97b65f3-24c7-4388-baec-2e87135dc908", &account("chat")]).exits(0);
    assert_eq!(grants[0]["name"], guid.stdout.trim());
    let reported = report["steps"].as_array().unwrap().iter().any(|step| step["id"] == grants[0]["id"]);
    assert!(reported, "{report}");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes; 4 unchanged", "2 reads"]);
}

#[test]
fn a_saved_plan_carries_the_hole_and_a_changed_one_is_refused() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", two("Reader"));
    folder.keyless("plan a.yaml --out p.json").exits(0);
    folder.keyless("apply p.json a.yaml --yes").exits(0).says(&["4 done"]);
    folder.keyless("apply p.json --yes").exits(3);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

/// A project that is there, to whose identity, with whose workspace id, a spec gives roles, and an identity of its own.
fn of_a_live_project() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    let project = "    projects: [{name: main}]\n";
    folder.write("a.yaml", one_account("team-a", "chat", project.trim_start()));
    folder.keyless("apply a.yaml --yes").exits(0).says(&["2 done"]);
    azure.put(IDENTITY, json!({"location": "westeurope"}));
    let text = one_account("team-a", "chat", project.trim_start())
        + "    roleAssignments: [{role: Cognitive Services User, principals: [{projectIdentity: chat/main}]}]\n"
        + &format!("roleAssignments:\n  - scope: {STORAGE}\n    role: Storage Blob Data Owner\n")
        + &format!("    principals: [{{managedIdentity: {IDENTITY}}}]\n")
        + "    condition: \"@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringStartsWithIgnoreCase '${project.chat/main.workspaceId}'\"\n";
    folder.write("a.yaml", text);
    folder.keyless("plan a.yaml --out p.json").exits(0).says(&["2 to create"]);
    azure.take_writes();
    (azure, folder)
}

/// Deletes a resource and makes one with its name.
fn make_anew(azure: &Azure, id: &str) {
    let mut body = azure.get(id);
    azure.delete(id);
    body["properties"] = json!({});
    azure.put(id, body);
    azure.take_writes();
}

#[test]
fn a_saved_plan_gives_nothing_to_an_identity_that_was_made_anew_since() {
    type Change = fn(&Azure);
    let project = format!("{}/projects/main", account("chat"));
    let changes: [(Change, &[&str]); 3] = [
        (
            |azure| make_anew(azure, &format!("{}/projects/main", account("chat"))),
            &["`principalId` of", "/projects/main` is now", "`workspaceId` of"],
        ),
        (
            |azure| {
                let gone = Fault::error(404, "ResourceNotFound", "It is not found.");
                azure.spoil("GET", "/userAssignedIdentities/app?", gone);
            },
            &["/app`, whose `principalId` it has, does not exist any more"],
        ),
        (
            |azure| azure.spoil("GET", "/userAssignedIdentities/app?", Fault::denied()),
            &["it could not be read whether `principalId` of"],
        ),
    ];
    for (change, words) in changes {
        let (azure, folder) = of_a_live_project();
        change(&azure);
        let run = folder.keyless("apply p.json --yes --format json").exits(3).says(&["guard-stale"]);
        run.says(words);
        assert!(azure.take_writes().is_empty());
        azure.heal();
        // Planned again, it is given to who it is now.
        folder.keyless("plan a.yaml --out p.json").exits(0);
        folder.keyless("apply p.json --yes").exits(0).says(&["2 done"]);
        let main = azure.get(&project);
        let grants = azure.grants_at(&account("chat"));
        assert_eq!(grants[0]["properties"]["principalId"], main["identity"]["principalId"]);
    }
    let (azure, folder) = of_a_live_project();
    let plan = folder.keyless("show p.json --format json").exits(0).json();
    let changes = plan["changes"].as_array().unwrap().iter();
    let mut taken: Vec<(&str, &str)> = changes
        .flat_map(|change| change["taken"].as_array().into_iter().flatten())
        .map(|taken| (taken["resource"].as_str().unwrap(), taken["property"].as_str().unwrap()))
        .collect();
    taken.sort_unstable();
    let mut expected =
        [(project.as_str(), "principalId"), (project.as_str(), "workspaceId"), (IDENTITY, "principalId")];
    expected.sort_unstable();
    assert_eq!(taken, expected, "{plan}");
    folder.keyless("apply p.json --yes").exits(0).says(&["2 done"]);
    assert_eq!(azure.grants_at(STORAGE).len(), 1);
}

#[test]
fn a_guard_judges_the_role_before_the_identity_exists() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", two("Owner"));
    let address = "roleAssignments/Owner/accountIdentity:front";
    folder.keyless("plan a.yaml").exits(3).says(&["the identity of front", "`Owner`", address]);
    folder
        .keyless(&format!("apply a.yaml --yes --allow grant:resourceGroup/{address}"))
        .exits(0)
        .says(&["4 done"]);
}

#[test]
fn an_identity_added_by_an_update_is_waited_for_and_a_missing_one_is_an_error() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    folder.write("a.yaml", spec(&["accountIdentity: chat"]));
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["not-ours@7", "principal-not-found@11"], "{plan}");
    folder.write(
        "a.yaml",
        spec(&["accountIdentity: chat"]).replace("    roleA", "    identity: SystemAssigned\n    roleA"),
    );
    folder.keyless("apply a.yaml --yes").exits(0).says(&["2 done"]);
    assert_eq!(super::granted(&azure), [(identity(&azure, "chat"), "ServicePrincipal".to_owned())]);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
fn without_its_account_an_identity_gets_nothing_and_loses_nothing() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", two("Reader"));
    azure.spoil("PUT", "accounts/front", Fault::error(400, "BadRequest", "No."));
    folder.keyless("apply a.yaml --yes").exits(1).complains(&["it depends on account front"]);
    azure.heal();
    folder.keyless("apply a.yaml --yes").exits(0);
    // Who may not list accounts does not know whose identity it is.
    azure.spoil("GET", "CognitiveServices/accounts?", Fault::denied());
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!((plan.changes("delete").len(), plan.changes("create").len()), (0, 0), "{plan}");
    assert_eq!(plan.changes("unknown").len(), 4, "{plan}");
    azure.heal();
    folder.write("a.yaml", head("team-a") + "roleAssignments: []\n");
    folder.keyless("plan a.yaml --format json --allow delete-account").exits(0);
}

/// Shows system-assigned identities as Azure does while it makes them.
fn being_made(body: &mut Value) {
    if let Some(items) = body["value"].as_array_mut() {
        items.iter_mut().for_each(being_made);
    } else if body["identity"]["principalId"].is_string() {
        body["identity"]["principalId"] = json!("00000000-0000-0000-0000-000000000000");
    }
}

#[test]
fn an_object_id_of_zeros_is_none() {
    const UNSHOWN: &str = "Azure does not show the object id of the identity of account `front` yet";
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "front", ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", two("Reader"));
    azure.spoil("GET", "/accounts", Fault::Edit(being_made));
    // The account has an identity: nobody needs to add one.
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["principal-unread@11", "principal-unread@14"], "{plan}");
    assert_eq!(plan.changes("unknown").len(), 2, "{plan}");
    let plan = folder.keyless("plan a.yaml").exits(1).says(&[UNSHOWN, "retry once Azure shows it"]);
    assert!(!plan.stdout.contains("add `identity"), "{plan}");
    let outputs = folder.keyless("outputs a.yaml --format json");
    assert_eq!(outputs.json()["accounts"][0]["principalId"], Value::Null, "{outputs}");
    // An identity that the same spec gives is waited for, and an apply does not take the zeros for it either.
    folder.write("a.yaml", two("Reader").replace("name: front", "name: front\n    identity: SystemAssigned"));
    folder.keyless("plan a.yaml").exits(0).says(&["identity of account `front` (known after it is created)"]);
    folder
        .keyless("apply a.yaml --yes")
        .exits(1)
        .says(&["Azure does not show the object id of the identity of"]);
    assert!(azure.grants_at(&account("chat")).is_empty());
    azure.heal();
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(
        azure.grants_at(&account("chat"))[0]["properties"]["principalId"],
        identity(&azure, "front").as_str()
    );
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn only_a_restore_brings_back_an_identity_that_had_a_role() {
    const OLD: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";
    for (mode, code, gone, why) in [
        ("restore", 1, 0, "unknown-state@2"),
        ("purge", 0, 1, ""),
        // Nothing takes its place there, which is an error by itself.
        ("fail", 1, 0, "waits-for-grants@2"),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", two("Reader"));
        folder.keyless("apply a.yaml --yes").exits(0);
        azure.delete(&account("front"));
        let spec = two("Reader").replace("stack: team-a", &format!("stack: team-a\nonSoftDeleted: {mode}"));
        folder.write("a.yaml", spec);
        for grant in azure.grants_at(&account("chat")) {
            azure.delete(grant["id"].as_str().unwrap());
        }
        let body = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": OLD,
            "principalType": "ServicePrincipal", "description": "[keyless:team-a]"}});
        azure.put(&assignment(&account("chat"), OLD), body);
        let plan = folder.keyless("plan a.yaml --allow purge --format json");
        let is_old = |change: &&Value| change["id"].as_str().unwrap().ends_with(OLD);
        assert_eq!(plan.code, code, "{mode}: {plan}");
        assert_eq!(plan.changes("delete").iter().filter(is_old).count(), gone, "{mode}: {plan}");
        let findings = plan.findings();
        for held in ["unknown-state@2", "waits-for-grants@2"] {
            assert_eq!(findings.iter().any(|finding| finding == held), held == why, "{mode}: {plan}");
        }
    }
}
