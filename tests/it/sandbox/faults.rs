//! Faults: answers, delays and broken connections on demand.

use serde_json::{Value, json};

use super::client::{API, Client, account, answer, body};

fn path(name: &str) -> String {
    format!("{}?{API}", account(name))
}

async fn faulty(faults: Value) -> Client {
    let client = Client::new().await;
    let set = client.post("/_sandbox/faults", Some(faults)).await;
    assert_eq!(set.status, 200, "{}", set.body);
    client
}

#[tokio::test]
async fn an_answer_is_given_instead_of_the_effect_for_the_nth_call() {
    let client = faulty(json!([{
        "method": "PUT", "path": "*/accounts/chat", "nth": 1, "times": 2,
        "status": 429, "code": "TooManyRequests", "message": "Later.", "retryAfter": 7,
    }]))
    .await;
    assert_eq!(client.put(&path("other"), body("Face", json!({}))).await.status, 201);
    for _ in 0..2 {
        let refused = client.put(&path("chat"), body("Face", json!({}))).await;
        assert_eq!((refused.code(), refused.message()), ((429, "TooManyRequests"), "Later."));
        assert_eq!(refused.header("retry-after"), Some("7"));
        assert_eq!(client.get(&path("chat")).await.status, 404, "there was no effect");
    }
    assert_eq!(client.put(&path("chat"), body("Face", json!({}))).await.status, 201);
    let listed = client.get("/_sandbox/faults").await.body;
    assert_eq!(
        (&listed[0]["matched"], &listed[0]["hit"], &listed[0]["status"]),
        (&json!(3), &json!(2), &json!(429))
    );
    assert_eq!(client.get("/_sandbox/stats").await.body["byMethod"]["PUT"], 4, "what fails counts too");
    assert_eq!(client.post("/_sandbox/faults", Some(json!([]))).await.body, json!([]));
}

#[tokio::test]
async fn an_answer_can_lie_about_the_effect() {
    let client = faulty(json!([{"method": "PUT", "status": 503, "effect": true, "nth": 1}])).await;
    let refused = client.put(&path("chat"), body("Face", json!({}))).await;
    assert_eq!((refused.status, &refused.body), (503, &Value::Null));
    assert_eq!(client.get(&path("chat")).await.status, 200);
}

#[tokio::test]
async fn a_connection_breaks_before_or_after_the_effect() {
    for (when, exists) in [("before", 404), ("after", 200)] {
        let client = faulty(json!([{"method": "PUT", "drop": when, "nth": 1}])).await;
        let put = || client.raw("PUT", &path("chat")).bearer_auth("any").json(&body("Face", json!({})));
        let error = put().send().await.unwrap_err();
        assert!(error.is_request(), "no answer at all: {error:?}");
        assert_eq!(client.get(&path("chat")).await.status, exists, "{when}");
        assert!(put().send().await.unwrap().status().is_success());
    }
}

#[tokio::test]
async fn a_body_ends_too_early() {
    let client = faulty(json!([{"method": "GET", "truncate": 100, "nth": 1}])).await;
    client.put(&path("chat"), body("AIServices", json!({}))).await;
    let mut response = client.raw("GET", &path("chat")).bearer_auth("any").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.content_length().unwrap() > 10_000, "more was promised");
    assert_eq!(response.chunk().await.unwrap().unwrap().len(), 100);
    assert!(response.chunk().await.is_err());
    assert_eq!(client.get(&path("chat")).await.status, 200);
}

#[tokio::test]
async fn a_delay_comes_before_the_effect() {
    let client = faulty(json!([{"method": "PUT", "delay": 600_000, "nth": 1}])).await;
    let put = client.raw("PUT", &path("chat")).bearer_auth("any").json(&body("Face", json!({})));
    let waiting = tokio::spawn(put.send());
    while client.get("/_sandbox/faults").await.body[0]["hit"] == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.get(&path("chat")).await.status, 404);
    assert!(!waiting.is_finished());
    waiting.abort();
}

#[tokio::test]
async fn headers_are_added_to_a_true_answer_and_signing_in_can_fail_too() {
    let client = faulty(json!([
        {"method": "GET", "path": "/subscriptions", "headers": {"X-Odd": "1"}},
        {"path": "*/oauth2/v2.0/token", "status": 400, "body": {"error": "temporarily_unavailable"}},
    ]))
    .await;
    let list = client.get("/subscriptions?api-version=2022-12-01").await;
    assert_eq!((list.status, list.header("x-odd")), (200, Some("1")));
    let token = answer(client.raw("POST", "/t/oauth2/v2.0/token")).await;
    assert_eq!((token.status, token.body), (400, json!({"error": "temporarily_unavailable"})));
}

#[tokio::test]
async fn faults_that_make_no_sense_are_refused_and_change_nothing() {
    let client = faulty(json!([{"path": "/x", "status": 500}])).await;
    for bad in [
        json!({}),
        json!([{}]),
        json!([{"path": "/x"}]),
        json!([{"status": 99}]),
        json!([{"code": "X"}]),
        json!([{"status": 500, "nth": 0}]),
        json!([{"drop": "sometimes"}]),
        json!([{"delay": 600_001}]),
        json!([{"status": 500, "surprise": 1}]),
        json!([{"headers": {"a b": "c"}}]),
    ] {
        let refused = client.post("/_sandbox/faults", Some(bad.clone())).await;
        assert_eq!(refused.code(), (400, "SandboxInvalid"), "{bad}");
    }
    assert_eq!(client.get("/_sandbox/faults").await.body.as_array().map(Vec::len), Some(1));
}
