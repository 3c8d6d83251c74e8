//! The first five minutes: the quickstart spec, in the sandbox inside keyless and over HTTP.

use crate::common::{Azure, Folder};

const QUICKSTART: &str = include_str!("../../../specs/quickstart.yaml");
const ACCOUNT: &str = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-ai-quickstart/providers/Microsoft.CognitiveServices/accounts/keyless-quickstart";

#[test]
fn the_quickstart_is_created_once_and_then_there_is_nothing_to_do() {
    let folder = Folder::new();
    folder.write("quickstart.yaml", QUICKSTART);
    let sandbox = "--sandbox=state.json";
    folder
        .keyless(&format!("plan quickstart.yaml --detailed-exitcode {sandbox}"))
        .exits(2)
        .says(&["3 to create"]);
    folder.keyless(&format!("plan quickstart.yaml {sandbox}")).exits(0).says(&["3 to create"]);
    folder.keyless(&format!("apply quickstart.yaml --yes {sandbox}")).exits(0).says(&[
        "3 to create",
        "endpoint of account keyless-quickstart: https://keyless-quickstart.cognitiveservices.azure.com/",
        "3 done, 0 failed, 0 skipped",
        "SANDBOX: nothing in Azure changed",
    ]);
    let again = folder.keyless(&format!("apply quickstart.yaml --yes {sandbox}")).exits(0);
    again.says(&["No changes", "3 reads, 0 writes", "SANDBOX: nothing in Azure changed"]);
    folder
        .keyless(&format!("plan quickstart.yaml --detailed-exitcode {sandbox}"))
        .exits(0)
        .says(&["No changes"]);
    folder.keyless(&format!("drift quickstart.yaml {sandbox}")).exits(0).says(&["No drift"]);
}

#[test]
fn what_apply_leaves_behind_is_what_the_spec_says() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("quickstart.yaml", QUICKSTART);
    folder.keyless("apply quickstart.yaml --yes").exits(0);
    assert_eq!(azure.counts().1, 3, "one PUT for each resource");

    let account = azure.get(ACCOUNT);
    assert_eq!(account["kind"], "AIServices");
    assert_eq!(account["sku"]["name"], "S0");
    assert_eq!(account["location"], "eastus2");
    assert_eq!(account["tags"]["keyless-stack"], "quickstart");
    assert_eq!(account["identity"]["type"], "SystemAssigned");
    assert_eq!(account["properties"]["disableLocalAuth"], true);
    assert_eq!(account["properties"]["customSubDomainName"], "keyless-quickstart");

    let grants = azure.grants_at(ACCOUNT);
    let [grant] = grants.as_slice() else { panic!("one assignment on the account itself: {grants:?}") };
    let properties = &grant["properties"];
    assert_eq!(properties["principalId"], "66666666-7777-4888-8999-000000000000");
    assert_eq!(properties["principalType"], "User");
    assert_eq!(properties["description"], "calls the models [keyless:quickstart]");
    assert!(
        properties["roleDefinitionId"].as_str().unwrap().ends_with("/a97b65f3-24c7-4388-baec-2e87135dc908")
    );
    // The name that Bicep's guid(principalId, roleDefinitionGuid, scope) gives.
    let parts =
        ["guid", "66666666-7777-4888-8999-000000000000", "a97b65f3-24c7-4388-baec-2e87135dc908", ACCOUNT];
    assert_eq!(Folder::new().args(parts).exits(0).stdout.trim(), grant["name"].as_str().unwrap());

    let (_, writes) = azure.counts();
    folder.keyless("apply quickstart.yaml --yes").exits(0).says(&["No changes", "0 writes"]);
    folder.keyless("plan quickstart.yaml --detailed-exitcode").exits(0);
    folder.keyless("drift quickstart.yaml").exits(0);
    assert_eq!(azure.counts().1, writes, "nothing was written again");
}

#[test]
fn every_output_names_its_target() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("q.yaml", QUICKSTART);
    let target = format!("Target: {}/ (custom endpoint, not Azure)", azure.url());
    for command in ["plan q.yaml", "drift q.yaml", "apply q.yaml --yes", "apply q.yaml --yes"] {
        let run = folder.keyless(command);
        assert!(run.stdout.contains(&target), "{run}");
    }
    let plan = folder.keyless("plan q.yaml --format json").exits(0).json();
    assert_eq!(plan["target"]["kind"], "custom");
}

#[test]
fn whoever_uses_the_sandbox_is_the_person_in_the_quickstart() {
    let folder = Folder::new();
    folder.write("quickstart.yaml", QUICKSTART);
    folder.keyless("apply quickstart.yaml --yes --sandbox").exits(0);
    folder
        .keyless("verify quickstart.yaml --sandbox")
        .exits(0)
        .says(&["2 proven, 0 disproven, 0 inconclusive"]);
}
