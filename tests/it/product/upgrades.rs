//! An account of kind OpenAI becomes one of kind AIServices in place; and a deployment that is paused.

use serde_json::json;

use super::forged::{change, forge, planned, refused};
use crate::common::{ALICE, Azure, Folder, account, grants, one_account};

fn spec(kind: &str, more: &str) -> String {
    one_account(
        "team-a",
        "chat",
        &format!(
            "kind: {kind}\n{more}customSubDomainName: chat\nnetworkAcls: {{defaultAction: Deny, ipRules: [203.0.113.7]}}\n{}",
            grants(&[ALICE])
        ),
    )
}

fn applied(more: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec("OpenAI", more));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_writes();
    (azure, folder)
}

#[test]
fn an_openai_account_becomes_one_of_kind_aiservices_behind_its_flag() {
    let (azure, folder) = applied("");
    folder.write("a.yaml", spec("AIServices", ""));
    folder.keyless("plan a.yaml").exits(3).says(&[
        "error[guard-upgrade]",
        "Callers keep its URLs, keys and roles",
        "--allow upgrade:accounts/chat",
    ]);
    folder.keyless("apply a.yaml --yes").exits(3);
    assert_eq!(azure.take_writes().len(), 0);
    let plan = folder.keyless("plan a.yaml --allow upgrade -v --out p.json").exits(0);
    plan.says(&["kind", "OpenAI -> AIServices", "Callers keep its URLs, keys and roles"]);
    let before = azure.get(&account("chat"));
    folder.keyless("apply p.json --yes --allow upgrade").exits(0);
    let after = azure.get(&account("chat"));
    assert_eq!(after["kind"], "AIServices");
    for kept in ["/properties/customSubDomainName", "/properties/networkAcls", "/identity/principalId"] {
        assert_eq!(after.pointer(kept), before.pointer(kept), "{kept}");
    }
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    // There is no way back.
    folder.write("a.yaml", spec("OpenAI", ""));
    folder
        .keyless("plan a.yaml --allow upgrade")
        .exits(1)
        .says(&["`kind` of account chat cannot change from `AIServices` to `OpenAI`"]);
}

#[test]
fn what_azure_requires_for_an_upgrade_is_asked_for_in_the_plan() {
    let (azure, folder) = applied("identity: None\n");
    folder.write("a.yaml", spec("AIServices", "identity: SystemAssigned\n"));
    folder.keyless("plan a.yaml --allow upgrade").exits(1).says(&[
        "account chat cannot become one of kind `AIServices` yet: it has no system-assigned identity",
        "apply with the old kind first",
    ]);
    let body = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "properties": {"networkAcls": {"defaultAction": "Deny"}}});
    assert_eq!(azure.send("PUT", &account("chat"), Some(body)).status, 400);
    folder.write("a.yaml", spec("OpenAI", "identity: SystemAssigned\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec("AIServices", "identity: SystemAssigned\n"));
    folder.keyless("apply a.yaml --yes --allow upgrade").exits(0);
    assert_eq!(azure.get(&account("chat"))["kind"], "AIServices");
}

#[test]
fn a_deployment_that_is_paused_answers_no_calls() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |state: &str| {
        one_account(
            "team-a",
            "chat",
            &format!(
                "deployments: [{{name: d1, model: {{format: OpenAI, name: gpt-4o, version: '2024-11-20'}}, sku: {{name: GlobalStandard, capacity: 1}}, deploymentState: {state}}}]"
            ),
        )
    };
    folder.write("a.yaml", spec("Running"));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec("Paused"));
    let plan = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(
        plan.findings().iter().filter(|each| each.starts_with("deployment-paused")).count(),
        1,
        "{plan}"
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    let plan = folder.keyless("plan a.yaml --format json").exits(0);
    assert!(plan.findings().iter().all(|each| !each.starts_with("deployment-paused")), "{plan}");
}

#[test]
fn a_plan_file_changes_no_other_kind() {
    let (azure, folder) = planned();
    forge(&folder, |plan| {
        let fields = &mut change(plan, "update", "chat")["fields"];
        fields
            .as_array_mut()
            .unwrap()
            .push(json!({"path": "kind", "before": "AIServices", "after": "OpenAI"}));
    });
    let run = folder.keyless("apply plan.json --yes --allow upgrade");
    refused(&azure, run, 1, &["no account changes its `kind`"]);
}
