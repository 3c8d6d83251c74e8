//! Accounts that a spec takes as given (`existing: true`): the line speaks for its own stack alone. It hides nothing that another stack or
//! a guard watches, in whatever order files are loaded.

use serde_json::json;

use crate::common::{ALICE, Azure, BOB, CS_USER, Folder, account, head};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const BY_HAND: &str = "a5510000-0000-4000-8000-000000000001";

fn owns(lines: &str) -> String {
    format!("{}accounts:\n  - name: chat\n    disableLocalAuth: true\n{lines}", head("team-a"))
}

fn takes(lines: &str) -> String {
    format!("{}accounts:\n  - name: chat\n    existing: true\n{lines}", head("team-b"))
}

fn to(who: &str) -> String {
    format!(
        "    roleAssignments: [{{role: Cognitive Services User, principals: [{{id: {who}, type: User}}]}}]\n"
    )
}

fn owned(lines: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("own.yaml", owns(lines));
    folder.keyless("apply own.yaml --yes").exits(0);
    (azure, folder)
}

#[test]
fn the_lists_of_the_owner_are_complete_whoever_else_takes_the_account_as_given() {
    let (azure, folder) = owned(&format!("{}    deployments: []\n    connections: []\n", to(ALICE)));
    azure.grant(&account("chat"), BY_HAND, CS_USER, BOB, None);
    let connection = json!({"properties": {"category": "GenericRest", "target": "https://else.example", "authType": "AAD"}});
    azure.put(&format!("{}/connections/else", account("chat")), connection);
    for other in ["a.yaml", "z.yaml"] {
        folder.write(other, takes(""));
        let run = folder.keyless(&format!("drift own.yaml {other} --format json")).exits(2);
        assert_eq!(run.changes("unmanaged-drift").len(), 2, "{other}\n{run}");
        // Nor does anyone keep access through what was given by hand.
        folder.write("less.yaml", owns("    roleAssignments: []\n"));
        folder.keyless(&format!("plan less.yaml {other}")).exits(3).says(&["lock-out"]);
        // For the stack that takes it as given, nothing of it is drift.
        folder.keyless(&format!("drift {other}")).exits(0);
    }
}

#[test]
fn one_account_twice_in_a_file_is_a_mistake() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", owns("  - name: Chat\n    existing: true\n"));
    folder
        .keyless("validate a.yaml")
        .exits(1)
        .complains(&["error[duplicate]", "account Chat is declared twice"]);
    folder.write("a.yaml", takes("  - name: chat\n    existing: true\n    projects: [{name: main}]\n"));
    folder.keyless("validate a.yaml").exits(1).complains(&["error[duplicate]"]);
    folder.write("a.yaml", takes("  - name: chat\n    resourceGroup: rg-other\n    existing: true\n"));
    folder.keyless("validate a.yaml").exits(0);
}

#[test]
fn a_guarded_role_given_by_hand_is_drift_beside_an_account_taken_as_given() {
    let (azure, folder) = owned("");
    azure.grant(&account("chat"), BY_HAND, OWNER, BOB, None);
    folder.write("b.yaml", format!("{}accounts: []\n", head("team-b")));
    folder.keyless("drift b.yaml").exits(2);
    folder.write("b.yaml", takes(""));
    folder.keyless("drift b.yaml").exits(2).says(&["Owner"]);
    folder.write("b.yaml", takes("    roleAssignments: []\n"));
    folder.keyless("drift b.yaml").exits(2).says(&["Owner"]);
    // A group that only its line names is its owner's.
    let elsewhere = head("team-b").replace("resourceGroup: rg\n", "resourceGroup: rg-b\n")
        + "accounts:\n  - name: chat\n    resourceGroup: rg\n    existing: true\n";
    folder.write("b.yaml", elsewhere);
    folder.keyless("drift b.yaml").exits(0);
}

#[test]
fn what_the_owner_declares_about_keys_counts_in_whatever_order_files_are_loaded() {
    let (_azure, folder) = owned("");
    let off = owns("").replace("disableLocalAuth: true", "disableLocalAuth: false");
    folder.write("own.yaml", &off);
    folder.write("b.yaml", takes(""));
    folder.keyless("apply own.yaml --yes --allow keys-on").exits(0);
    for files in ["own.yaml b.yaml", "b.yaml own.yaml"] {
        let verify = format!("verify {files} --verify-wait 0 --format json");
        folder.write("own.yaml", &off);
        let run = folder.keyless(&verify);
        assert!(
            !run.stdout.contains("keysRefused"),
            "{files}: the owner keeps keys, nothing to prove\n{run}"
        );
        folder.write("own.yaml", owns(""));
        let run = folder.keyless(&verify).exits(1);
        let said = "the spec sets `disableLocalAuth: true`, but keys are enabled in Azure";
        assert!(run.stdout.contains(said), "{files}\n{run}");
    }
}

#[test]
fn a_list_of_an_account_taken_as_given_is_not_complete_for_what_names_its_elements() {
    let owner = "    connections: [{name: registry, category: ContainerRegistry, target: r.azurecr.io, authType: AAD}]\n    raiPolicies: [{name: strict}]\n";
    let (_azure, folder) = owned(owner);
    let deployment = "    deployments: [{name: gpt, raiPolicyName: strict, model: {format: OpenAI, name: gpt-4o, version: '2024-11-20'}, sku: {name: GlobalStandard, capacity: 1}}]\n    raiPolicies: []\n";
    let host = "    capabilityHosts: [{name: agents, capabilityHostKind: Agents, aiServicesConnections: [registry]}]\n    connections: []\n";
    folder.write("b.yaml", takes(&format!("{deployment}{host}")));
    folder.keyless("validate own.yaml b.yaml").exits(0);
    folder.keyless("apply own.yaml b.yaml --yes").exits(0);
    // Of its own list the owner knows all.
    folder.write("own.yaml", owns(&format!("{deployment}{host}")));
    folder.keyless("validate own.yaml").exits(1).complains(&[
        "account `chat` declares no connection `registry`",
        "account `chat` declares its content filters, and `strict` is not among them",
    ]);
}

#[test]
fn an_owner_that_is_not_selected_is_named_and_its_account_not_offered() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("own.yaml", owns(""));
    folder.write("b.yaml", takes("    projects: [{name: main}]\n"));
    let hint =
        "stack `team-a` declares it and is not selected: apply that stack first, or add `--select team-a`";
    folder.keyless("plan own.yaml b.yaml --select team-b").exits(1).says(&[hint]);
    folder.keyless("plan b.yaml").exits(1).says(&["or let its owner create it first"]);
    // The account is made so that the other stack's run can make its project.
    folder.keyless("apply own.yaml b.yaml --select team-a --yes").exits(0);
    folder.keyless("apply own.yaml b.yaml --select team-b --yes").exits(0).says(&["project main"]);
    folder.keyless("plan own.yaml b.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn a_retired_owner_is_told_who_still_takes_its_account_as_given() {
    let (azure, folder) = owned("");
    folder.write("b.yaml", takes(""));
    azure.take_writes();
    let said = ["account chat is no longer declared and stays: stack `team-b` takes it as given"];
    folder.keyless("apply own.yaml b.yaml --retire team-a --yes --allow delete-account").exits(0).says(&said);
    folder.write("own.yaml", format!("{}accounts: []\n", head("team-a")));
    folder.keyless("plan own.yaml b.yaml").exits(0).says(&said);
    folder.keyless("plan own.yaml b.yaml --select team-a").exits(0).says(&said);
    assert!(azure.take_writes().is_empty());
    // Nobody takes it as given any more.
    folder.keyless("plan own.yaml").exits(3).says(&["delete-account"]);
}

#[test]
fn an_account_that_another_stack_of_the_run_makes_counts_as_made() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("own.yaml", owns(&to(ALICE)));
    let projects = "    projects:\n      - name: main\n        roleAssignments: [{role: Foundry User, principals: [{accountIdentity: chat}, {projectIdentity: chat/main}]}]\n";
    folder.write("b.yaml", takes(projects));
    folder.keyless("plan b.yaml").exits(1).says(&["account chat does not exist"]);
    folder.keyless("plan own.yaml b.yaml --select team-b").exits(1);
    folder.keyless("plan own.yaml b.yaml").exits(0);
    folder.keyless("apply own.yaml b.yaml --yes").exits(0);
    assert_eq!(azure.get(&account("chat"))["properties"]["allowProjectManagement"], true);
    folder.keyless("plan own.yaml b.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    folder.keyless("drift own.yaml").exits(0);
    // What its owner does not allow cannot be made.
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("own.yaml", owns("    allowProjectManagement: false\n    identity: None\n"));
    folder.write("b.yaml", takes(projects));
    folder.keyless("plan own.yaml b.yaml").exits(1).says(&[
        "its owner must set `allowProjectManagement: true`",
        "account `chat` is declared without an identity of its own",
    ]);
}

#[test]
fn who_can_call_an_account_taken_as_given_is_shown_and_that_its_keys_are_on() {
    let (_azure, folder) = owned("");
    folder.write("own.yaml", owns("").replace("disableLocalAuth: true", "disableLocalAuth: false"));
    folder.keyless("apply own.yaml --yes --allow keys-on").exits(0);
    folder.write("b.yaml", takes(&to(BOB)));
    folder.keyless("apply b.yaml --yes -v").exits(0).says(&["account chat accepts API keys"]);
    folder.keyless("access b.yaml").exits(0).says(&["1 account", "chat", "user-bbbbbbbb"]);
    folder.keyless("access own.yaml b.yaml").exits(0).says(&["1 account"]);
    folder.write("b.yaml", takes("").replace("name: chat", "name: chta"));
    folder.keyless("access b.yaml").exits(1).says(&["account chta does not exist"]);
}
