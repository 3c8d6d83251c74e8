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
    let run = folder.with_env("outputs --dotenv", &[("KEYLESS_FORMAT", "json")]).exits(0);
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
fn an_absent_account_is_an_error_and_no_variables_are_printed() {
    let azure = live(&["chat"]);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat", "gone"]));
    let run = folder.keyless("outputs --format json").exits(1);
    assert_eq!(run.findings(), ["account-absent@9"]);
    assert_eq!(run.json()["accounts"].as_array().unwrap().len(), 1);
    let run = folder.keyless("outputs --dotenv").exits(1).complains(&["account gone does not exist"]);
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
    let run = folder.keyless("outputs --dotenv").exits(1).complains(&["unsafe-output"]);
    assert_eq!(run.stdout, "");
    let run = folder.keyless("outputs --format json").exits(1);
    assert!(!run.stdout.contains("LD_PRELOAD"), "{run}");
}

/// An account with the live projects among those declared, `team` and `lab`.
fn with_projects(live: &[&str]) -> (Azure, crate::common::Folder) {
    let azure = Azure::start();
    azure.make_account("chat-eu", &json!({"customSubDomainName": "chat-eu", "allowProjectManagement": true}));
    for name in live {
        azure.get(&account("chat-eu"));
        let body = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}});
        azure.put(&format!("{}/projects/{name}", account("chat-eu")), body);
    }
    let folder = azure.folder();
    let spec = accounts(&["chat-eu"]);
    folder.write("specs/a.yaml", format!("{spec}    projects:\n      - name: team\n      - name: lab\n"));
    azure.take_seen();
    (azure, folder)
}

#[test]
fn declared_projects_have_their_own_id_endpoint_and_identity() {
    let (azure, folder) = with_projects(&["team", "lab", "undeclared"]);
    let run = folder.keyless("outputs --format json").exits(0);
    run.fits("outputs");
    assert_eq!(azure.take_seen().len(), 2, "a list of accounts and a list of projects");
    let projects = run.json()["accounts"][0]["projects"].clone();
    let names: Vec<&str> =
        projects.as_array().unwrap().iter().map(|each| each["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["team", "lab"], "those of the spec in its order");
    let live = azure.get(&format!("{}/projects/team", account("chat-eu")));
    assert_eq!(projects[0]["id"], live["id"]);
    assert_eq!(projects[0]["endpoint"], "https://chat-eu.services.ai.azure.com/api/projects/team");
    assert_eq!(projects[0]["principalId"], live["identity"]["principalId"]);
    assert_eq!(projects[0]["source"]["line"], 10);
    folder.keyless("outputs").exits(0).says(&[
        "project team of chat-eu  specs/a.yaml:10",
        "https://chat-eu.services.ai.azure.com/api/projects/team",
        "1 account, 2 projects. 2 reads, 0 writes.",
    ]);
    folder
        .keyless("outputs --format markdown")
        .exits(0)
        .says(&["| **team** of chat-eu |", "api/projects/lab`"]);
    let run = folder.keyless("outputs --dotenv").exits(0);
    let keys: Vec<&str> = run.stdout.lines().map(|line| line.split_once('=').unwrap().0).collect();
    for end in ["ENDPOINT", "PRINCIPAL_ID", "RESOURCE_ID"] {
        for project in ["TEAM", "LAB"] {
            assert!(keys.contains(&format!("PROJECT_CHAT_EU_{project}_{end}").as_str()), "{run}");
        }
    }
    assert!(!run.stdout.contains("UNDECLARED"), "{run}");
}

#[test]
fn a_project_for_which_azure_shows_no_endpoint_has_none() {
    let (azure, folder) = with_projects(&["team", "lab"]);
    azure.spoil(
        "GET",
        "/accounts/chat-eu/projects",
        Fault::Edit(|body| {
            for project in body["value"].as_array_mut().unwrap() {
                project["properties"].as_object_mut().unwrap().remove("endpoints");
            }
        }),
    );
    let run = folder.keyless("outputs --format json").exits(0);
    run.fits("outputs");
    assert_eq!(run.json()["accounts"][0]["projects"][0]["endpoint"], serde_json::Value::Null);
    let run = folder.keyless("outputs --dotenv").exits(0);
    assert!(!run.stdout.contains("TEAM_ENDPOINT") && run.stdout.contains("TEAM_RESOURCE_ID"), "{run}");
}

#[test]
fn an_absent_or_unread_project_is_an_error_and_no_variables_are_printed() {
    let (azure, folder) = with_projects(&["team"]);
    let run = folder.keyless("outputs --format json").exits(1);
    assert_eq!(run.findings(), ["project-absent@11"]);
    let run =
        folder.keyless("outputs --dotenv").exits(1).complains(&["project lab of chat-eu does not exist"]);
    assert_eq!(run.stdout, "");
    azure.spoil("GET", "/accounts/chat-eu/projects", Fault::denied());
    let run = folder.keyless("outputs --format json").exits(1);
    assert_eq!(run.findings(), ["unknown-state@10", "unknown-state@11"]);
}

#[test]
fn an_empty_list_of_projects_asks_for_none() {
    let azure = live(&["chat-eu"]);
    let folder = azure.folder();
    folder.write("specs/a.yaml", format!("{}    projects: []\n", accounts(&["chat-eu"])));
    azure.take_seen();
    folder.keyless("outputs").exits(0).says(&["1 account. 1 read, 0 writes."]);
    assert_eq!(azure.take_seen().len(), 1);
}
