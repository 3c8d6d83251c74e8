//! Right exchanges, written by hand, for `contract_wrong` to spoil.
//!
//! Output are small exchanges that keep the contract; a test says so, or a spoiled one would prove nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::Url;

use super::exchange::{Exchange, Payload};

const GROUP: &str = "/subscriptions/7f3b0000-0000-4000-8000-000000000001/resourceGroups/rg-ai";
const ASSIGNMENTS: &str = "providers/Microsoft.Authorization/roleAssignments";
const READER: &str = "/subscriptions/7f3b0000-0000-4000-8000-000000000001/providers/Microsoft.Authorization/\
                      roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7";
const POLL: &str = "https://management.azure.com/subscriptions/7f3b0000-0000-4000-8000-000000000001/providers/\
                    Microsoft.CognitiveServices/locations/eastus2/operationResults/1?api-version=2017-04-18";

fn exchange(method: &str, path: &str, version: &str, request: Value, status: u16, answer: Value) -> Exchange {
    let joint = if path.contains('?') { '&' } else { '?' };
    let url = format!("https://management.azure.com{path}{joint}api-version={version}");
    let payload = |value: Value| if value.is_null() { Payload::Empty } else { Payload::Json(value) };
    Exchange {
        method: method.to_owned(),
        url: Url::parse(&url).expect("a right URL"),
        request_headers: BTreeMap::new(),
        request: payload(request),
        status,
        response_headers: [].into(),
        response: payload(answer),
    }
}

fn account_path() -> String {
    format!("{GROUP}/providers/Microsoft.CognitiveServices/accounts/chat-eu")
}

fn account(state: &str) -> Value {
    json!({
        "id": account_path(), "name": "chat-eu", "type": "Microsoft.CognitiveServices/accounts",
        "etag": "\"1\"", "location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
        "identity": {"type": "SystemAssigned", "principalId": "p", "tenantId": "t"},
        "tags": {"team": "ml"},
        "properties": {
            "endpoint": "https://chat-eu.cognitiveservices.azure.com/",
            "provisioningState": state,
            "publicNetworkAccess": "Enabled",
            "disableLocalAuth": true,
            "customSubDomainName": "chat-eu",
            "networkAcls": {
                "defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}], "virtualNetworkRules": [],
            },
        },
    })
}

pub(super) fn account_put() -> Exchange {
    let body = json!({
        "location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
        "identity": {"type": "SystemAssigned"}, "tags": {"team": "ml"},
        "properties": {
            "customSubDomainName": "chat-eu", "disableLocalAuth": true, "publicNetworkAccess": "Enabled",
            "networkAcls": {
                "defaultAction": "Deny",
                "ipRules": [{"value": "203.0.113.0/24"}],
                "virtualNetworkRules": [{"id": "/subscriptions/s/subnets/app"}],
            },
        },
    });
    let mut made = exchange("PUT", &account_path(), "2025-06-01", body, 201, account("Creating"));
    made.response_headers.insert("azure-asyncoperation".to_owned(), POLL.to_owned());
    made
}

/// The same in the version that swagger describes.
pub(super) fn account_put_swagger() -> Exchange {
    let mut made = account_put();
    let url = made.url.as_str().replace("2025-06-01", "2023-05-01");
    made.url = Url::parse(&url).expect("a right URL");
    made
}

pub(super) fn account_patch() -> Exchange {
    let body = json!({"properties": {"disableLocalAuth": true}});
    let mut made = exchange("PATCH", &account_path(), "2023-05-01", body, 202, account("Accepted"));
    made.response_headers.insert("location".to_owned(), POLL.to_owned());
    made
}

pub(super) fn account_get() -> Exchange {
    exchange("GET", &account_path(), "2025-06-01", Value::Null, 200, account("Succeeded"))
}

pub(super) fn account_missing() -> Exchange {
    let error = json!({"error": {"code": "ResourceNotFound", "message": "The Resource was not found."}});
    exchange("GET", &account_path(), "2025-06-01", Value::Null, 404, error)
}

pub(super) fn account_list() -> Exchange {
    let path = format!("{GROUP}/providers/Microsoft.CognitiveServices/accounts");
    exchange("GET", &path, "2025-06-01", Value::Null, 200, json!({"value": [account("Succeeded")]}))
}

pub(super) fn account_delete() -> Exchange {
    exchange("DELETE", &account_path(), "2025-06-01", Value::Null, 200, Value::Null)
}

pub(super) fn keys_regenerate() -> Exchange {
    let path = format!("{}/regenerateKey", account_path());
    let keys = json!({"key1": "a", "key2": "b"});
    exchange("POST", &path, "2024-06-01-preview", json!({"keyName": "Key1"}), 200, keys)
}

pub(super) fn deployment_put() -> Exchange {
    let path = format!("{}/deployments/small", account_path());
    let properties = json!({"model": {"format": "OpenAI", "name": "m", "version": "1"}});
    let body = json!({"sku": {"name": "Standard", "capacity": 1}, "properties": properties});
    exchange("PUT", &path, "2025-06-01", body.clone(), 201, body)
}

pub(super) fn connection_put() -> Exchange {
    let path = format!("{}/connections/search", account_path());
    let body =
        json!({"properties": {"authType": "AAD", "category": "CognitiveSearch", "target": "https://s"}});
    exchange("PUT", &path, "2025-06-01", body.clone(), 200, body)
}

pub(super) fn assignment_put() -> Exchange {
    let path = format!("{}/{ASSIGNMENTS}/11111111-1111-4111-8111-111111111111", account_path());
    let body = json!({"properties": {
        "principalId": "22222222-2222-4222-8222-222222222222", "principalType": "Group", "roleDefinitionId": READER,
    }});
    let mut answer = body.clone();
    answer["id"] = path.clone().into();
    answer["properties"]["scope"] = account_path().into();
    answer["properties"]["createdOn"] = "2025-01-02T03:04:05.1234567Z".into();
    answer["properties"]["createdBy"] = Value::Null;
    exchange("PUT", &path, "2022-04-01", body, 201, answer)
}

pub(super) fn assignment_list() -> Exchange {
    let path = format!("{GROUP}/{ASSIGNMENTS}?$filter=atScope()");
    let answer = assignment_put().response.json().cloned();
    exchange("GET", &path, "2022-04-01", Value::Null, 200, json!({"value": [answer]}))
}

pub(super) fn activity_list() -> Exchange {
    let path = "/subscriptions/7f3b0000-0000-4000-8000-000000000001/providers/Microsoft.Insights/eventtypes/\
                management/values?$filter=eventTimestamp ge '2025-01-01T00:00:00Z'";
    exchange("GET", path, "2015-04-01", Value::Null, 200, json!({"value": []}))
}
