//! The sandbox's clock: operations, expiry, tokens and request limits go by it.

use std::time::{Duration, Instant};

use keyless::sandbox::{Options, Throttle};
use serde_json::json;

use super::client::{API, Client, SUB, account, body};

fn path(name: &str) -> String {
    format!("{}?{API}", account(name))
}

async fn advance(client: &Client, seconds: u64) {
    let moved = client.post("/_sandbox/clock", Some(json!({"advanceSeconds": seconds}))).await;
    assert_eq!(moved.status, 200, "{}", moved.body);
}

#[tokio::test]
async fn the_clock_is_shown_and_only_goes_forward() {
    let client = Client::new().await;
    let before = client.get("/_sandbox/clock").await.body;
    assert_eq!(before["aheadSeconds"], 0);
    advance(&client, 3600).await;
    advance(&client, 60).await;
    let after = client.get("/_sandbox/clock").await.body;
    assert_eq!(after["aheadSeconds"], 3660);
    let time = |value: &serde_json::Value| value["now"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let passed = time(&after).duration_since(time(&before)).as_secs();
    assert!((3660..3700).contains(&passed), "{passed}");
    for bad in [json!({"advanceSeconds": -1}), json!({}), json!({"advanceSeconds": 1, "x": 1})] {
        assert_eq!(client.post("/_sandbox/clock", Some(bad)).await.code(), (400, "SandboxInvalid"));
    }
}

#[tokio::test]
async fn an_operation_ends_when_its_time_is_over() {
    let client =
        Client::start(Options { operation_time: Duration::from_hours(1), ..Options::default() }).await;
    let made = client.put(&path("chat"), body("AIServices", json!({}))).await;
    let poll = made.header("azure-asyncoperation").unwrap();
    advance(&client, 3000).await;
    assert_eq!(client.get(poll).await.body["status"], "Creating");
    advance(&client, 601).await;
    assert_eq!(client.get(poll).await.body["status"], "Succeeded");
    assert_eq!(client.get(&path("chat")).await.body["properties"]["provisioningState"], "Succeeded");
}

#[tokio::test]
async fn a_deleted_account_is_gone_after_48_hours() {
    let client = Client::new().await;
    client.put(&path("chat"), body("Face", json!({}))).await;
    client.delete(&path("chat")).await;
    let deleted = format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/deletedAccounts?{API}");
    advance(&client, 48 * 3600 - 100).await;
    assert_eq!(client.get(&deleted).await.len(), 1);
    advance(&client, 200).await;
    assert_eq!(client.get(&deleted).await.len(), 0);
    assert_eq!(client.put(&path("chat"), body("Face", json!({}))).await.status, 201);
}

#[tokio::test]
async fn a_token_expires_when_strict() {
    let client = Client::strict(Options::default()).await;
    let list = "/subscriptions?api-version=2022-12-01";
    advance(&client, 3500).await;
    assert_eq!(client.get(list).await.status, 200);
    advance(&client, 200).await;
    assert_eq!(client.get(list).await.code(), (401, "ExpiredAuthenticationToken"));
}

#[tokio::test]
async fn the_clock_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { state: Some(folder.path().join("state.json")), ..Options::default() };
    let client = Client::start(options.clone()).await;
    advance(&client, 86_400).await;
    client.stop().await;
    assert_eq!(Client::start(options).await.get("/_sandbox/clock").await.body["aheadSeconds"], 86_400);
}

#[tokio::test]
async fn requests_are_limited_per_caller_and_the_limit_recovers_with_the_clock() {
    let client = Client::start(Options { throttle: Throttle::Documented, ..Options::default() }).await;
    let mut left = 200;
    let refused = loop {
        let answer = client.delete(&path("none")).await;
        if answer.status == 429 {
            break answer;
        }
        let shown: i64 =
            answer.header("x-ms-ratelimit-remaining-subscription-deletes").unwrap().parse().unwrap();
        assert!(shown < 200 && shown >= left - 1, "{shown} after {left}");
        left = shown;
    };
    assert!(left < 20, "{left}");
    assert_eq!(refused.code(), (429, "SubscriptionRequestsThrottled"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(
        refused.message(),
        format!(
            "Number of requests for subscription '{SUB}' and operation \
             'DELETE/SUBSCRIPTIONS/RESOURCEGROUPS/PROVIDERS/MICROSOFT.COGNITIVESERVICES/ACCOUNTS/' exceeded the backend \
             storage limit. Please try again after '1' seconds."
        )
    );
    assert_eq!(client.get(&path("none")).await.status, 404, "reads have their own");
    let other = format!("/subscriptions/{}/resourceGroups/rg?api-version=2021-04-01", SUB.replace('2', "3"));
    assert_eq!(client.delete(&other).await.status, 202, "another subscription too");
    advance(&client, 60).await;
    assert_eq!(client.delete(&path("none")).await.status, 204);
}

#[tokio::test]
async fn each_answer_is_late_by_the_latency() {
    let latency = Duration::from_millis(60);
    let client = Client::start(Options { latency, ..Options::default() }).await;
    let start = Instant::now();
    client.get("/subscriptions?api-version=2022-12-01").await;
    assert!(start.elapsed() >= latency);
}
