//! What applications are told of the accounts.

use serde_json::json;

use super::accounts;
use crate::common::{Azure, Fault, account};

fn live(names: &[&str]) -> Azure {
    let azure = Azure::start();
    for name in names {
        azure.put(
            &account(name),
            json!({
                "location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
                "identity": {"type": "SystemAssigned"},
                "properties": {"customSubDomainName": name, "disableLocalAuth": true},
            }),
        );
    }
    azure
}

#[test]
fn endpoints_ids_and_identities_are_those_that_azure_shows() {
    let azure = live(&["chat-eu"]);
    let body = azure.get(&account("chat-eu"));
    let principal = body["identity"]["principalId"].as_str().unwrap();
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat-eu"]));
    let run = folder.keyless("outputs --format json").exits(0);
    run.fits("outputs");
    let account = &run.json()["accounts"][0];
    assert_eq!(account["id"], body["id"]);
    assert_eq!(account["endpoint"], "https://chat-eu.cognitiveservices.azure.com/");
    assert_eq!(account["inferenceEndpoint"], "https://chat-eu.services.ai.azure.com/models");
    assert_eq!(account["openAIEndpoint"], "https://chat-eu.openai.azure.com/");
    assert_eq!(account["foundryEndpoint"], "https://chat-eu.services.ai.azure.com/");
    assert_eq!(account["principalId"], principal);
    folder.keyless("outputs").exits(0).says(&[
        "chat-eu  specs/a.yaml:7",
        "https://chat-eu.services.ai.azure.com/models",
        principal,
        "1 account. 1 read, 0 writes.",
        "Target: ",
    ]);
    folder.keyless("outputs --format markdown").exits(0).says(&["## keyless outputs", "`https://chat-eu."]);
    assert_eq!(azure.take_writes().len(), 0);
}

#[test]
fn lines_for_a_pipeline_hold_nothing_else() {
    let azure = live(&["chat-eu"]);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat-eu"]));
    let run = folder.with_env("outputs --env", &[("KEYLESS_FORMAT", "json")]).exits(0);
    let keys: Vec<&str> = run.stdout.lines().map(|line| line.split_once('=').unwrap().0).collect();
    assert_eq!(
        keys,
        [
            "ACCOUNT_CHAT_EU_ENDPOINT",
            "ACCOUNT_CHAT_EU_FOUNDRY_ENDPOINT",
            "ACCOUNT_CHAT_EU_INFERENCE_ENDPOINT",
            "ACCOUNT_CHAT_EU_OPENAI_ENDPOINT",
            "ACCOUNT_CHAT_EU_PRINCIPAL_ID",
            "ACCOUNT_CHAT_EU_RESOURCE_ID",
        ]
    );
    run.complains(&["Target: "]);
}

#[test]
fn an_account_that_is_absent_is_an_error_and_no_half_set_of_variables_goes_out() {
    let azure = live(&["chat"]);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat", "gone"]));
    let run = folder.keyless("outputs --format json").exits(1);
    assert_eq!(run.findings(), ["account-absent@9"]);
    assert_eq!(run.json()["accounts"].as_array().unwrap().len(), 1);
    let run = folder.keyless("outputs --env").exits(1).complains(&["account gone does not exist"]);
    assert_eq!(run.stdout, "");
}

#[test]
fn an_account_that_cannot_be_read_is_not_called_absent() {
    let azure = live(&["chat"]);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    azure.spoil("GET", "Microsoft.CognitiveServices/accounts", Fault::denied());
    let run = folder.keyless("outputs --format json").exits(1);
    assert_eq!(run.findings(), ["unknown-state@7"]);
    folder.keyless("outputs").exits(1).says(&["could not be read", "403 AuthorizationFailed"]);
}

#[test]
fn an_endpoint_with_a_line_break_sets_no_variable() {
    let azure = live(&["chat"]);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    azure.spoil(
        "GET",
        "Microsoft.CognitiveServices/accounts",
        Fault::Edit(|body| {
            for account in body["value"].as_array_mut().unwrap() {
                account["properties"]["endpoint"] = json!("https://x/\nLD_PRELOAD=/tmp/x");
            }
        }),
    );
    let run = folder.keyless("outputs --env").exits(1).complains(&["unsafe-output"]);
    assert_eq!(run.stdout, "");
    let run = folder.keyless("outputs --format json").exits(1);
    assert!(!run.stdout.contains("LD_PRELOAD"), "{run}");
}
