//! The contract against the sandbox in every version of the API, walk by walk.
//!
//! Recordings are years old: what the sandbox answers to today's clients is held against today's descriptions here.
//! Input are the walks below, output a report; a call that fails is a failure too, or it would check nothing.

use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::contract::report::Report;
use super::exchange::Payload;
use super::wire::Wire;
use super::{contract, show, skipped};

const SUBSCRIPTION: &str = "/subscriptions/7f3b0000-0000-4000-8000-000000000001";
const ACCOUNT: &str = "/subscriptions/7f3b0000-0000-4000-8000-000000000001/resourceGroups/rg-ai/providers/\
                       Microsoft.CognitiveServices/accounts/chat-eu";

/// Versions that clients of today use: those that are described, and those of az and the Python SDK.
const VERSIONS: [&str; 7] = [
    "2023-05-01",
    "2024-06-01-preview",
    "2025-06-01",
    "2025-09-01",
    "2026-03-01",
    "2026-05-01",
    "2026-05-15-preview",
];

/// A call: method, path below `{account}`, `{subscription}` or `{group}`, body.
type Call = (&'static str, &'static str, Value);

fn accounts() -> Vec<Call> {
    let body = json!({
        "kind": "AIServices", "sku": {"name": "S0"}, "location": "eastus2",
        "identity": {"type": "SystemAssigned"}, "tags": {"team": "ml"},
        "properties": {
            "customSubDomainName": "chat-eu", "disableLocalAuth": true, "publicNetworkAccess": "Enabled",
            "networkAcls": {
                "defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}],
                "virtualNetworkRules": [{"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/\
                    virtualNetworks/v/subnets/app", "ignoreMissingVnetServiceEndpoint": true}],
            },
        },
    });
    let keys_off = json!({"properties": {"disableLocalAuth": true}, "tags": {"team": "ai"}});
    let plain = json!({"kind": "OpenAI", "sku": {"name": "S0"}, "location": "eastus2", "properties": {}});
    vec![
        ("PUT", "{account}", body.clone()),
        ("GET", "{account}", Value::Null),
        ("PUT", "{account}", body),
        ("PATCH", "{account}", keys_off),
        ("PATCH", "{account}", json!({"identity": {"type": "None"}})),
        ("GET", "{account}", Value::Null),
        ("PUT", "{account}-2", plain),
        ("GET", "{account}-2", Value::Null),
        ("POST", "{account}-2/listKeys", Value::Null),
        ("POST", "{account}-2/regenerateKey", json!({"keyName": "Key2"})),
        ("GET", "{group}/providers/Microsoft.CognitiveServices/accounts", Value::Null),
        ("GET", "{subscription}/providers/Microsoft.CognitiveServices/accounts", Value::Null),
        (
            "POST",
            "{subscription}/providers/Microsoft.CognitiveServices/checkDomainAvailability",
            json!({"subdomainName": "chat-us", "type": "Microsoft.CognitiveServices/accounts"}),
        ),
        ("DELETE", "{account}", Value::Null),
        ("GET", "{subscription}/providers/Microsoft.CognitiveServices/deletedAccounts", Value::Null),
        ("GET", "{deleted}", Value::Null),
        ("PUT", "{account}", json!({"location": "eastus2", "properties": {"restore": true}})),
        ("DELETE", "{account}", Value::Null),
        ("DELETE", "{deleted}", Value::Null),
    ]
}

fn roles() -> Vec<Call> {
    const CUSTOM: &str = "{subscription}/providers/Microsoft.Authorization/roleDefinitions/33333333-3333-4333-8333-333333333333";
    const NAME: &str =
        "{account}/providers/Microsoft.Authorization/roleAssignments/11111111-1111-4111-8111-111111111111";
    let role = format!(
        "{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/a97b65f3-24c7-4388-baec-2e87135dc908"
    );
    let body = json!({"properties": {
        "roleDefinitionId": role, "principalId": "22222222-2222-4222-8222-222222222222", "principalType": "Group",
        "description": "developers",
    }});
    let custom = json!({"properties": {
        "roleName": "Chat only", "description": "may chat", "type": "CustomRole",
        "assignableScopes": [SUBSCRIPTION],
        "permissions": [{"actions": [], "notActions": [], "dataActions": ["Microsoft.CognitiveServices/*"],
            "notDataActions": []}],
    }});
    let account =
        json!({"kind": "AIServices", "sku": {"name": "S0"}, "location": "eastus2", "properties": {}});
    vec![
        ("PUT", "{account}?api-version=2025-06-01", account),
        ("PUT", NAME, body.clone()),
        ("PUT", NAME, body),
        ("GET", NAME, Value::Null),
        ("GET", "{subscription}/providers/Microsoft.Authorization/roleAssignments", Value::Null),
        ("GET", "{group}/providers/Microsoft.Authorization/roleAssignments?$filter=atScope()", Value::Null),
        (
            "GET",
            "{account}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId eq \
            '22222222-2222-4222-8222-222222222222'",
            Value::Null,
        ),
        ("DELETE", NAME, Value::Null),
        ("PUT", CUSTOM, custom),
        ("GET", CUSTOM, Value::Null),
        ("GET", "{subscription}/providers/Microsoft.Authorization/roleDefinitions", Value::Null),
        (
            "GET",
            "{account}/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName eq 'Reader'",
            Value::Null,
        ),
        ("DELETE", CUSTOM, Value::Null),
        ("GET", "{group}/providers/Microsoft.Authorization/permissions", Value::Null),
        ("GET", "{account}/providers/Microsoft.Authorization/permissions", Value::Null),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sandbox_keeps_the_contract_in_every_version() {
    let Some(checker) = contract::checker() else { return skipped("the contract of the sandbox") };
    let walks = VERSIONS.map(|version| (version, accounts())).into_iter().chain([("2022-04-01", roles())]);
    let mut report = Report::default();
    let mut failed = Vec::new();
    for (version, calls) in walks {
        let wire = Wire::start(Options::default()).await;
        for (method, path, body) in &calls {
            let path = path
                .replace("{account}", ACCOUNT)
                .replace("{group}", &format!("{SUBSCRIPTION}/resourceGroups/rg-ai"))
                .replace("{deleted}", &format!(
                    "{SUBSCRIPTION}/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/rg-ai/\
                     deletedAccounts/chat-eu"
                ))
                .replace("{subscription}", SUBSCRIPTION);
            let query = match (path.contains("api-version="), path.contains('?')) {
                (true, _) => String::new(),
                (false, true) => format!("&api-version={version}"),
                (false, false) => format!("?api-version={version}"),
            };
            let url = wire.at(&format!("{path}{query}"));
            let body = if body.is_null() { Payload::Empty } else { Payload::Json(body.clone()) };
            let answer = wire.send(method, url, &body).await;
            if answer.status >= 300 {
                failed.push(format!("{version} {method} {path}: {} {:?}", answer.status, answer.response));
            }
        }
        for exchange in wire.stop().await {
            let origin = format!("{version} {} {}", exchange.method, exchange.url.path());
            report.add(checker, &origin, &exchange);
        }
    }
    show(&report.summary());
    assert!(failed.is_empty(), "calls that should succeed:\n{}", failed.join("\n"));
    let violations: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "violations:\n{}", violations.join("\n"));
    assert!(report.bodies > 150, "only {} bodies were checked", report.bodies);
}
