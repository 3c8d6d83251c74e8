//! Capability hosts never change, and Azure has one for each account and project.

use serde_json::json;

use crate::common::{Azure, Fault, Folder, SUB, head};

fn spec(name: &str, more: &str) -> String {
    format!(
        "{}accounts:\n  - name: chat\n    capabilityHosts: [{{name: of-account, capabilityHostKind: Agents}}]\n    projects:\n      - name: main\n        capabilityHosts: [{{name: {name}, capabilityHostKind: Agents}}]\n{more}",
        head("team-a")
    )
}

fn applied() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec("agents", ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_writes();
    (azure, folder)
}

#[test]
fn a_host_under_another_name_is_refused_before_anything_is_written() {
    let (azure, folder) = applied();
    folder.write("a.yaml", spec("renamed", ""));
    folder.keyless("plan a.yaml").exits(1).says(&[
        "project `main` has capability host `agents`, and Azure permits one for each project",
        "write its name; or delete it, which loses the state of its agents",
    ]);
    folder.keyless("apply a.yaml --yes").exits(1);
    assert_eq!(azure.take_writes().len(), 0);
}

#[test]
fn the_host_that_azure_made_itself_is_named_too() {
    let azure = Azure::start();
    let folder = azure.folder();
    let subnet = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/agents"
    );
    let injected =
        format!("    networkInjections: [{{scenario: agent, subnetArmId: {subnet}}}]\n    projects:\n");
    let own = "    capabilityHosts: [{name: of-account, capabilityHostKind: Agents}]\n";
    folder.write("a.yaml", spec("agents", "").replace(own, "").replace("    projects:\n", &injected));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_writes();
    // The spec says nothing of the subnet.
    folder.write("a.yaml", spec("agents", ""));
    folder.keyless("plan a.yaml").exits(1).says(&[
        "account `chat` has capability host `chat@aml_aiagentservice`",
        "remove `capabilityHosts` of the account",
    ]);
    assert_eq!(azure.take_writes().len(), 0);
}

#[test]
fn what_never_changes_is_not_sent_again() {
    let (azure, folder) = applied();
    // Azure may not show what templates send for the host of a project.
    azure.spoil(
        "GET",
        "/projects/main/capabilityHosts",
        Fault::Edit(|body| {
            for host in body["value"].as_array_mut().into_iter().flatten() {
                host["properties"].as_object_mut().unwrap().remove("capabilityHostKind");
            }
        }),
    );
    let plan = folder.keyless("plan a.yaml -v --detailed-exitcode").exits(0).says(&["No changes"]);
    assert!(!plan.stdout.contains("not-compared") && !plan.stdout.contains("--rotate"), "{plan}");
    let rotate = "--rotate accounts/chat/projects/main/capabilityHosts/agents";
    folder.keyless(&format!("apply a.yaml --yes {rotate}")).exits(1);
    assert_eq!(azure.take_writes().len(), 0);
}

#[test]
fn a_host_whose_answer_was_lost_is_found_as_it_was_sent() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec("agents", ""));
    let lost = json!([{"method": "PUT", "path": "*/projects/main/capabilityHosts/agents", "drop": "after", "nth": 1}]);
    assert!(azure.send("POST", "/_sandbox/faults", Some(lost)).status < 300);
    folder.keyless("apply a.yaml --yes").exits(0);
    let sent =
        azure.take_writes().into_iter().filter(|seen| seen.path().ends_with("/capabilityHosts/agents"));
    assert_eq!(sent.count(), 2, "the second was refused, because the first had made it");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}
