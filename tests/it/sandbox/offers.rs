//! What can be had over HTTP: models, SKUs, usages, and quota that deployments take from.

use serde_json::{Value, json};

use super::client::{API, Client, SUB, account, body};

const USAGES: &str = "/subscriptions/22222222-2222-2222-2222-222222222222/providers/Microsoft.CognitiveServices/locations/eastus2/usages?api-version=2025-06-01";

async fn fresh() -> Client {
    let client = Client::new().await;
    client.put(&format!("{}?{API}", account("chat")), body("AIServices", json!({}))).await;
    client
}

fn gpt(capacity: u32) -> Value {
    json!({
        "sku": {"name": "GlobalStandard", "capacity": capacity},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"}},
    })
}

fn deployment(account_name: &str, name: &str) -> String {
    format!("{}/deployments/{name}?{API}", account(account_name))
}

/// How much of a quota is used, and its limit.
async fn usage(client: &Client) -> (u64, u64) {
    let list = client.get(USAGES).await;
    let items = list.body["value"].as_array().into_iter().flatten();
    let mut found = items.filter(|item| item["name"]["value"] == "OpenAI.GlobalStandard.gpt-4o");
    let item = found.next().cloned().unwrap_or_default();
    let count = |name: &str| item[name].as_u64().unwrap_or(u64::MAX);
    (count("currentValue"), count("limit"))
}

#[tokio::test]
async fn a_deployment_takes_from_the_quota_and_gives_it_back() {
    let client = fresh().await;
    let (before, limit) = usage(&client).await;
    assert_eq!(before, 0);
    let all = u32::try_from(limit).unwrap();
    assert_eq!(client.put(&deployment("chat", "one"), gpt(all - 10)).await.status, 201);
    assert_eq!(usage(&client).await.0, limit - 10);
    client.put(&format!("{}?{API}", account("other")), body("AIServices", json!({}))).await;
    let refused = client.put(&deployment("other", "two"), gpt(11)).await;
    assert_eq!(refused.code(), (400, "InsufficientQuota"));
    let title = "Tokens Per Minute (thousands) - gpt-4o - GlobalStandard";
    assert_eq!(
        refused.message(),
        format!(
            "This operation require 11 new capacity in quota {title}, which is bigger than the current available \
             capacity 10. The current quota usage is {} and the quota limit is {limit} for quota {title}.",
            limit - 10
        )
    );
    assert_eq!(client.put(&deployment("other", "two"), gpt(10)).await.status, 201);
    assert_eq!(
        client
            .patch(&deployment("chat", "one"), json!({"sku": {"name": "GlobalStandard", "capacity": all}}))
            .await
            .status,
        400
    );
    assert_eq!(client.put(&deployment("chat", "one"), gpt(1)).await.status, 200, "less is always possible");
    client.delete(&deployment("other", "two")).await;
    assert_eq!(usage(&client).await.0, 1);

    let mut elsewhere = body("AIServices", json!({}));
    elsewhere["location"] = json!("West Europe");
    client.put(&format!("{}?{API}", account("west")), elsewhere).await;
    assert_eq!(client.put(&deployment("west", "one"), gpt(all)).await.status, 201, "each region has its own");
    assert_eq!(usage(&client).await.0, 1);
    client.delete(&format!("{}?{API}", account("chat"))).await;
    assert_eq!(usage(&client).await.0, 1, "until the purge");
    client.post("/_sandbox/clock", Some(json!({"advanceSeconds": 48 * 3600 + 1}))).await;
    assert_eq!(usage(&client).await.0, 0);
}

#[tokio::test]
async fn models_and_skus_are_listed_by_region_and_account() {
    let client = fresh().await;
    let list =
        |rest: &str| format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/{rest}?{API}");
    let models = client.get(&list("locations/australiaeast/models")).await;
    let found: Vec<&Value> = models.body["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["kind"] == "AIServices" && item["model"]["name"] == "gpt-4.1")
        .collect();
    assert_eq!(found.len(), 1);
    let skus: Vec<&str> = found[0]["model"]["skus"]
        .as_array()
        .unwrap()
        .iter()
        .map(|sku| sku["name"].as_str().unwrap())
        .collect();
    assert!(skus.contains(&"GlobalStandard") && !skus.contains(&"Standard"), "{skus:?}");
    assert_eq!(found[0]["model"]["skus"][0]["usageName"], "OpenAI.GlobalStandard.gpt-4.1");
    let nowhere = client.get(&list("locations/nowhere/models")).await;
    assert_eq!(nowhere.code(), (400, "NoRegisteredProviderFound"));
    assert!(nowhere.message().contains("for location 'nowhere'"));
    assert_eq!(client.get(&list("locations/nowhere/usages")).await.status, 400);

    client.put(&format!("{}?{API}", account("oai")), body("OpenAI", json!({}))).await;
    for (name, partners) in [("chat", true), ("oai", false)] {
        let own = client.get(&format!("{}/models?{API}", account(name))).await;
        let any = own.body["value"].as_array().unwrap().iter().any(|model| model["format"] == "Mistral AI");
        assert_eq!((own.status, any), (200, partners), "{name}");
    }
    let skus = client.get(&list("skus")).await;
    assert!(skus.body["value"].as_array().unwrap().iter().any(|sku| {
        sku["kind"] == "AIServices" && sku["name"] == "S0" && sku["locations"] == json!(["EASTUS2"])
    }));
    let own = client.get(&format!("{}/skus?{API}", account("chat"))).await;
    assert_eq!(own.body["value"][0]["sku"], json!({"name": "S0", "tier": "Standard"}));
    assert_eq!(client.get(&format!("{}/usages?{API}", account("chat"))).await.body, json!({"value": []}));
    client.put(&deployment("chat", "one"), gpt(1)).await;
    let possible = client.get(&format!("{}/deployments/one/skus?{API}", account("chat"))).await;
    assert!(possible.len() > 1);
}
