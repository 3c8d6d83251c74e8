//! Deployments and content filters over HTTP: what the service fills in, what it refuses, one write at a time.

use std::time::Duration;

use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::client::{API, Answer, Client, account, body};

async fn with_account(options: Options) -> Client {
    let client = Client::start(options).await;
    let made = client.put(&format!("{}?{API}", account("chat")), body("AIServices", json!({}))).await;
    assert_eq!(made.status, 201);
    client
}

async fn fresh() -> Client {
    with_account(Options::default()).await
}

fn path(rest: &str) -> String {
    format!("{}/{rest}?{API}", account("chat"))
}

fn model(format: &str, name: &str, version: &str) -> Value {
    json!({"properties": {"model": {"format": format, "name": name, "version": version}}})
}

fn gpt(capacity: u32) -> Value {
    let mut body = model("OpenAI", "gpt-4o", "2024-08-06");
    body["sku"] = json!({"name": "GlobalStandard", "capacity": capacity});
    body
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, part: &str) {
    assert_eq!(answer.code(), (status, code), "{}", answer.body);
    assert!(answer.message().contains(part), "{}", answer.message());
}

#[tokio::test]
async fn a_deployment_is_created_with_what_the_service_fills_in() {
    let client = fresh().await;
    let made = client.put(&path("deployments/Chat"), gpt(3)).await;
    assert_eq!(made.status, 201);
    assert!(made.header("azure-asyncoperation").is_none() && made.header("location").is_none());
    assert_eq!(made.header("etag"), made.body["etag"].as_str());
    assert_eq!(made.body["sku"], json!({"name": "GlobalStandard", "capacity": 3}));
    assert_eq!(
        made.body["properties"],
        json!({
            "model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06", "publisher": "OpenAI"},
            "versionUpgradeOption": "OnceNewDefaultVersionAvailable",
            "raiPolicyName": "Microsoft.DefaultV2",
            "currentCapacity": 3,
            "capabilities": {"chatCompletion": "true"},
            "rateLimits": [
                {"key": "request", "renewalPeriod": 60, "count": 3},
                {"key": "token", "renewalPeriod": 60, "count": 3000},
            ],
            "provisioningState": "Succeeded",
        })
    );
    let got = client.get(&path("deployments/CHAT")).await;
    assert_eq!((got.status, &got.body), (200, &made.body), "names compare without case and keep theirs");
    let list = client.get(&path("deployments")).await;
    assert_eq!(list.body["value"], json!([made.body]));

    let mut changed = gpt(5);
    changed["tags"] = json!({"a": "b"});
    changed["properties"]["versionUpgradeOption"] = json!("noautoupgrade");
    let changed = client.put(&path("deployments/chat"), changed).await;
    assert_eq!((changed.status, &changed.body["name"]), (200, &json!("Chat")));
    assert_eq!(changed.body["properties"]["versionUpgradeOption"], "NoAutoUpgrade");
    assert_eq!(
        (&changed.body["properties"]["currentCapacity"], &changed.body["tags"]["a"]),
        (&json!(5), &json!("b"))
    );
    assert_ne!(changed.body["etag"], made.body["etag"]);
    assert_eq!(changed.body["systemData"]["createdAt"], made.body["systemData"]["createdAt"]);
    let again = client.put(&path("deployments/chat"), gpt(5)).await;
    assert_eq!(
        again.body["properties"]["versionUpgradeOption"], "OnceNewDefaultVersionAvailable",
        "PUT replaces"
    );
    assert!(again.body.get("tags").is_none());

    let mut text = gpt(5);
    text["sku"]["capacity"] = json!("5");
    let text = client.put(&path("deployments/chat"), text).await;
    assert_eq!((text.status, &text.body["sku"]["capacity"]), (200, &json!(5)), "Azure CLI sends text");
    let patched =
        client.patch(&path("deployments/chat"), json!({"sku": {"name": "Standard", "capacity": 7}})).await;
    assert_eq!((patched.status, &patched.body["sku"]), (200, &json!({"name": "Standard", "capacity": 7})));
}

#[tokio::test]
async fn a_version_that_is_left_out_is_the_default_one() {
    let client = fresh().await;
    let mut body = gpt(1);
    body["properties"]["model"].as_object_mut().unwrap().remove("version");
    let made = client.put(&path("deployments/chat"), body).await;
    assert_eq!(made.body["properties"]["model"]["version"], "2024-11-20");
    let bare = client.put(&path("deployments/bare"), model("OpenAI", "gpt-4o", "2024-08-06")).await;
    assert_eq!(bare.body["sku"], json!({"name": "Standard", "capacity": 1}));
}

#[tokio::test]
async fn a_deployment_that_is_gone_is_not_found() {
    let client = fresh().await;
    client.put(&path("deployments/chat"), gpt(1)).await;
    let deleted = client.delete(&path("deployments/chat")).await;
    assert_eq!((deleted.status, &deleted.body), (200, &Value::Null));
    let got = client.get(&path("deployments/chat")).await;
    refused(
        &got,
        404,
        "NotFound",
        &format!("Specified resource '{}/deployments/chat' cannot be found.", account("chat")),
    );
    assert_eq!(client.delete(&path("deployments/chat")).await.status, 204);
    let orphan = client.get(&format!("{}/deployments?{API}", account("nobody"))).await;
    refused(&orphan, 404, "ParentResourceNotFound", "Parent resource 'nobody' not found");
}

#[tokio::test]
async fn unknown_models_skus_and_filters_are_refused() {
    let client = fresh().await;
    let put = async |body: Value| client.put(&path("deployments/chat"), body).await;
    let unknown = put(model("OpenAI", "gpt-9", "1")).await;
    let text = "The model 'Format:OpenAI,Name:gpt-9,Version:1' of account deployment is not supported.";
    refused(&unknown, 400, "DeploymentModelNotSupported", text);
    refused(
        &put(model("OpenAI", "gpt-4o", "1999")).await,
        400,
        "DeploymentModelNotSupported",
        "Version:1999",
    );
    refused(&put(json!({"properties": {}})).await, 400, "DeploymentModelNotSupported", "");
    let mut sku = gpt(1);
    sku["sku"]["name"] = json!("Gold");
    refused(
        &put(sku).await,
        400,
        "InvalidResourceProperties",
        "'Gold' of account deployment is not supported by the model",
    );
    let mut filter = gpt(1);
    filter["properties"]["raiPolicyName"] = json!("strict");
    refused(&put(filter).await, 400, "InvalidResourceProperties", "'strict'");
    refused(&put(gpt(0)).await, 400, "InvalidRequestContent", "sku.capacity");
    assert_eq!(client.get(&path("deployments")).await.len(), 0, "nothing came of it");

    let elsewhere = format!("{}?{API}", account("sydney"));
    let mut sydney = body("AIServices", json!({}));
    sydney["location"] = json!("Australia East");
    client.put(&elsewhere, sydney).await;
    let mut regional = model("OpenAI", "gpt-4.1", "2025-04-14");
    regional["sku"] = json!({"name": "Standard", "capacity": 1});
    let regional = client.put(&format!("{}/deployments/chat?{API}", account("sydney")), regional).await;
    refused(&regional, 400, "InvalidResourceProperties", "is not supported in this region 'Australia East'");
}

#[tokio::test]
async fn one_write_at_a_time_below_an_account() {
    let client =
        with_account(Options { operation_time: Duration::from_hours(1), ..Options::default() }).await;
    let early = client.put(&path("deployments/chat"), gpt(1)).await;
    let text = format!("Another operation is being performed on the parent resource '{}'.", account("chat"));
    refused(&early, 409, "RequestConflict", &text);
    let later = json!({"advanceSeconds": 3600});
    client.post("/_sandbox/clock", Some(later.clone())).await;

    let made = client.put(&path("deployments/chat"), gpt(1)).await;
    assert_eq!((made.status, &made.body["properties"]["provisioningState"]), (201, &json!("Creating")));
    assert!(made.header("azure-asyncoperation").is_none());
    refused(&client.put(&path("deployments/other"), gpt(1)).await, 409, "RequestConflict", "");
    refused(&client.put(&path("raiPolicies/strict"), json!({})).await, 409, "RequestConflict", "");
    refused(&client.delete(&path("deployments/other")).await, 409, "RequestConflict", "");
    let whole = format!("{}?{API}", account("chat"));
    refused(&client.patch(&whole, json!({"tags": {"a": "b"}})).await, 409, "RequestConflict", "");
    refused(&client.delete(&whole).await, 409, "RequestConflict", "");
    client.post("/_sandbox/clock", Some(later)).await;
    assert_eq!(
        client.get(&path("deployments/chat")).await.body["properties"]["provisioningState"],
        "Succeeded"
    );
    let updated = client.put(&path("deployments/chat"), gpt(2)).await;
    assert_eq!((updated.status, &updated.body["properties"]["provisioningState"]), (200, &json!("Accepted")));
}

#[tokio::test]
async fn content_filters_are_those_of_the_service_and_ones_own() {
    let client = fresh().await;
    let names = async || -> Vec<String> {
        let list = client.get(&path("raiPolicies")).await;
        list.body["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names().await, ["Microsoft.Default", "Microsoft.DefaultV2"]);
    let own = client.get(&path("raiPolicies/microsoft.defaultv2")).await;
    assert_eq!(
        (&own.body["name"], &own.body["properties"]["type"]),
        (&json!("Microsoft.DefaultV2"), &json!("SystemManaged"))
    );
    let filters = json!([
        {"name": "Hate", "enabled": true, "blocking": true, "severityThreshold": "Low", "source": "Prompt"},
        {"name": "Jailbreak", "enabled": true, "blocking": true, "source": "Prompt"},
    ]);
    let strict = json!({"properties": {"mode": "Blocking", "basePolicyName": "microsoft.default", "contentFilters": filters}});
    let made = client.put(&path("raiPolicies/strict"), strict.clone()).await;
    assert_eq!(made.status, 201);
    assert_eq!(
        made.body["properties"],
        json!({"type": "UserManaged", "mode": "Blocking", "basePolicyName": "Microsoft.Default", "contentFilters": filters})
    );
    assert_eq!(client.put(&path("raiPolicies/strict"), strict).await.status, 200);
    assert_eq!(names().await, ["Microsoft.Default", "Microsoft.DefaultV2", "strict"]);

    let mut used = gpt(1);
    used["properties"]["raiPolicyName"] = json!("Strict");
    let used = client.put(&path("deployments/chat"), used).await;
    assert_eq!((used.status, &used.body["properties"]["raiPolicyName"]), (201, &json!("strict")));
    refused(&client.delete(&path("raiPolicies/strict")).await, 400, "BadRequest", "is used by a deployment");
    client.delete(&path("deployments/chat")).await;
    let deleted = client.delete(&path("raiPolicies/strict")).await;
    assert_eq!((deleted.status, deleted.header("location").is_some()), (202, true));
    let poll = client.get(deleted.header("azure-asyncoperation").unwrap()).await;
    assert_eq!(poll.body["status"], "Succeeded");
    assert_eq!(client.delete(&path("raiPolicies/strict")).await.status, 204);
    refused(&client.get(&path("raiPolicies/strict")).await, 404, "NotFound", "");

    refused(
        &client.delete(&path("raiPolicies/Microsoft.Default")).await,
        400,
        "BadRequest",
        "managed by the system",
    );
    for (bad, code) in [
        (json!({"mode": "Loose"}), "InvalidRequestContent"),
        (json!({"basePolicyName": "nobody"}), "InvalidResourceProperties"),
        (json!({"contentFilters": [{"name": "Hate"}]}), "InvalidRequestContent"),
    ] {
        refused(&client.put(&path("raiPolicies/odd"), json!({"properties": bad})).await, 400, code, "");
    }
}

#[tokio::test]
async fn deployments_sleep_with_a_deleted_account_and_end_with_its_purge() {
    let client = fresh().await;
    let whole = format!("{}?{API}", account("chat"));
    client.put(&path("deployments/chat"), gpt(1)).await;
    assert_eq!(client.delete(&whole).await.status, 200);
    refused(&client.get(&path("deployments/chat")).await, 404, "ParentResourceNotFound", "");
    client.put(&whole, json!({"location": "eastus2", "properties": {"restore": true}})).await;
    assert_eq!(client.get(&path("deployments")).await.len(), 1);
    client.delete(&whole).await;
    client.post("/_sandbox/clock", Some(json!({"advanceSeconds": 48 * 3600 + 1}))).await;
    assert_eq!(client.put(&whole, body("AIServices", json!({}))).await.status, 201);
    assert_eq!(client.get(&path("deployments")).await.len(), 0, "the new account is another one");
}
