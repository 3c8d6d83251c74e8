//! Replays recorded traffic of Azure CLI against the sandbox and compares the answers.
//!
//! What is compared: status, which polling headers come, and bodies without ids, dates, etags
//! and the read-only maps of a kind. The recordings are the judge, never this file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::client::Client;

const CASSETTES: &[&str] = &[
    "cognitiveservices/2022-06/test_cognitiveservices_crud.yaml",
    "cognitiveservices/2022-06/test_cognitiveservices_custom_domain.yaml",
    "cognitiveservices/2022-06/test_cognitiveservices_encryption.yaml",
    "cognitiveservices/2022-06/test_cognitiveservices_identity.yaml",
    "cognitiveservices/2022-06/test_cognitiveservices_identity_assign_when_create.yaml",
    "cognitiveservices/2022-06/test_cognitiveservices_network_rules.yaml",
    "cognitiveservices/2022-06/test_cognitiveservices_softdelete.yaml",
    "cognitiveservices/2022-06/test_cognitiveservices_user_owned_storage.yaml",
    "cognitiveservices/2022-06/test_cognitiveservices_create_api_properties.yaml",
    "cognitiveservices/2022-06/test_cognitiveservices_account_public_network_access.yaml",
    "cognitiveservices/2023-12/test_cognitiveservices_crud.yaml",
    "cognitiveservices/2023-12/test_cognitiveservices_custom_domain.yaml",
    "cognitiveservices/2023-12/test_cognitiveservices_encryption.yaml",
    "cognitiveservices/2023-12/test_cognitiveservices_identity.yaml",
    "cognitiveservices/2023-12/test_cognitiveservices_identity_assign_when_create.yaml",
    "cognitiveservices/2023-12/test_cognitiveservices_network_rules.yaml",
    "cognitiveservices/2023-12/test_cognitiveservices_softdelete.yaml",
    "cognitiveservices/2023-12/test_cognitiveservices_user_owned_storage.yaml",
    "cognitiveservices/2023-12/test_cognitiveservices_create_api_properties.yaml",
    "cognitiveservices/2023-12/test_cognitiveservices_account_public_network_access.yaml",
    "role/2022-06/test_role_assignment_create_update.yaml",
    "role/2023-12/test_role_assignment_create_update.yaml",
    "role/2023-12/test_role_assignment_handle_conflicted_assignments.yaml",
    "role/2023-12/test_role_definition_scenario.yaml",
];

/// Fields whose values belong to the recorded world, or to a kind's read-only facts.
const VOLATILE: &[&str] = &[
    "callRateLimit",
    "capabilities",
    "createdAt",
    "createdBy",
    "createdByType",
    "createdOn",
    "dateCreated",
    "deletionDate",
    "description",
    "endTime",
    "endpoints",
    "etag",
    "internalId",
    "key1",
    "key2",
    "lastModifiedAt",
    "lastModifiedBy",
    "principalId",
    "scheduledPurgeDate",
    "startTime",
    "tenantId",
    "updatedBy",
    "updatedOn",
];
/// Facts that only some of the recorded regions showed.
const REGIONAL: &[&str] = &["backupUpperLimit", "quotaLimit"];

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings/azure-cli");
    if folder.is_dir() {
        return Some(folder);
    }
    crate::common::skipped("recordings: ../shared is not here");
    None
}

#[tokio::test]
#[ignore = "slow: tests/slow.sh"]
async fn recorded_calls_are_answered_as_azure_answered_them() {
    let Some(folder) = folder() else { return };
    let (mut compared, mut differences) = (0, Vec::new());
    for name in CASSETTES {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        let cassette: Value = serde_saphyr::from_str(&text).unwrap();
        let client = Client::new().await;
        let mut operations = BTreeMap::new();
        for (index, call) in cassette["interactions"].as_array().unwrap().iter().enumerate() {
            if let Some(found) = replay(&client, call, &mut operations).await {
                compared += 1;
                differences.extend(found.into_iter().map(|line| format!("{name} [{index}] {line}")));
            }
        }
        client.stop().await;
    }
    assert!(compared > 250, "only {compared} calls were compared");
    assert!(differences.is_empty(), "{compared} compared\n{}", differences.join("\n"));
}

/// Sends one recorded request and lists the differences; nothing if it is not for the sandbox.
async fn replay(
    client: &Client,
    call: &Value,
    operations: &mut BTreeMap<String, String>,
) -> Option<Vec<String>> {
    let (request, response) = (&call["request"], &call["response"]);
    let (method, uri) = (request["method"].as_str()?, request["uri"].as_str()?);
    let path = uri.strip_prefix("https://management.azure.com")?;
    if !["/providers/Microsoft.CognitiveServices/", "/providers/Microsoft.Authorization/"]
        .iter()
        .any(|part| path.contains(part))
        || path.contains("/skus")
        || path.contains("/usages")
        || path.contains("/models")
    {
        return None;
    }
    let recorded: Value = response["body"]["string"]
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    // With an operation time of zero the first poll is the last; the ones before it have no twin.
    if recorded["status"].as_str().is_some_and(|status| status != "Succeeded") {
        return None;
    }
    let operation = operation_of(path);
    let path = operation.and_then(|id| operations.get(id)).map_or(path, String::as_str);
    let text = request["body"].as_str().map(|body| body.trim_start_matches("b'").trim_end_matches('\''));
    let body = text.and_then(|text| serde_json::from_str(text).ok());
    let answer = client.send(method, path, body).await;

    let mut found = Vec::new();
    if Some(u64::from(answer.status)) != response["status"]["code"].as_u64() {
        found.push(format!(
            "{method} {path}: status {} is not {}: {}",
            answer.status, response["status"]["code"], answer.body
        ));
    }
    for header in ["azure-asyncoperation", "location", "etag"] {
        if answer.header(header).is_some() != response["headers"].get(header).is_some() {
            found.push(format!("{method} {path}: header {header}: {:?}", answer.header(header)));
        }
    }
    let announced = response["headers"]["azure-asyncoperation"][0].as_str().and_then(operation_of);
    if let (Some(theirs), Some(ours)) = (announced, answer.header("azure-asyncoperation")) {
        operations.insert(theirs.to_owned(), ours.to_owned());
    }
    let list = method == "GET" && recorded.get("value").is_some();
    if operation.is_none() && !list {
        compare("", &recorded, &answer.body, &mut found);
    }
    Some(found)
}

fn operation_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("/operationResults/")?;
    rest.split('?').next()
}

fn compare(at: &str, recorded: &Value, ours: &Value, found: &mut Vec<String>) {
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (name, value) in recorded {
                match ours.get(name) {
                    None if REGIONAL.contains(&name.as_str()) => {}
                    None => found.push(format!("{at}.{name} is missing, recorded as {value}")),
                    // A null says as much as a value: both must have one.
                    Some(ours) if VOLATILE.contains(&name.as_str()) => {
                        if name != "description" && value.is_null() != ours.is_null() {
                            found.push(format!("{at}.{name} is {ours}, recorded as {value}"));
                        }
                    }
                    Some(ours) => compare(&format!("{at}.{name}"), value, ours, found),
                }
            }
            for name in ours.keys().filter(|name| !recorded.contains_key(*name)) {
                found.push(format!("{at}.{name} was not recorded"));
            }
        }
        (Value::Array(recorded), Value::Array(ours)) if recorded.len() == ours.len() => {
            for (index, (recorded, ours)) in recorded.iter().zip(ours).enumerate() {
                compare(&format!("{at}[{index}]"), recorded, ours, found);
            }
        }
        _ if recorded == ours => {}
        _ => found.push(format!("{at} is {ours}, recorded as {recorded}")),
    }
}
