//! The transcript: what is in it, and what must not be.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use keyless::sandbox::{Error, Options};
use serde_json::{Value, json};

use super::client::{API, Client, account, answer, body};

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_exchange_is_a_line_before_its_answer_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/exchanges.jsonl");
    let client = Client::start(Options { record: Some(path.clone()), ..Options::default() }).await;
    let url = format!("{}?{API}", account("chat"));
    let made = client.put(&url, body("AIServices", json!({}))).await;
    let recorded = lines(&path);
    assert_eq!(recorded.len(), 1);
    let line = &recorded[0];
    assert_eq!((&line["method"], &line["status"]), (&json!("PUT"), &json!(201)));
    assert_eq!(line["url"], json!(format!("{}{url}", client.sandbox.url())));
    assert_eq!(line["request_body"], body("AIServices", json!({})));
    assert_eq!(line["response_body"], made.body);
    assert_eq!(line["request_headers"]["content-type"], "application/json");
    assert_eq!(line["response_headers"]["x-ms-request-id"].as_str(), made.header("x-ms-request-id"));
    answer(client.raw("GET", "/subscriptions?api-version=2022-12-01")).await;
    client.get("/nowhere").await;
    let statuses: Vec<Value> = lines(&path).iter().map(|line| line["status"].clone()).collect();
    assert_eq!(statuses, [201, 401, 404], "what is refused is recorded too");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn keys_tokens_and_signed_urls_reach_the_client_but_not_the_transcript() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exchanges.jsonl");
    let client = Client::start(Options { record: Some(path.clone()), ..Options::default() }).await;
    let token = "a-token-that-nobody-may-see";
    let put = client.raw("PUT", &format!("{}?{API}", account("chat"))).bearer_auth(token).json(&body(
        "AIServices",
        json!({"apiProperties": {"qnaAzureSearchEndpointKey": "search-key-in-clear"}}),
    ));
    let made = answer(put).await;
    assert_eq!(made.status, 201, "the token was taken");
    let poll = made.header("azure-asyncoperation").unwrap().to_owned();
    client.get(&poll).await;
    let keys = client.post(&format!("{}/listKeys?{API}", account("chat")), None).await.body;
    let signature = poll.split("&c=").nth(1).unwrap().split('&').next().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for secret in [
        token,
        "search-key-in-clear",
        keys["key1"].as_str().unwrap(),
        keys["key2"].as_str().unwrap(),
        signature,
    ] {
        assert!(secret.len() > 8);
        assert!(!text.contains(secret), "{secret} is in the transcript");
    }
    assert_eq!(lines(&path)[2]["response_body"], json!({"key1": "REDACTED", "key2": "REDACTED"}));
}

#[tokio::test]
async fn a_transcript_that_cannot_be_written_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let refused = keyless::sandbox::Sandbox::start(Options {
        record: Some(folder.path().to_owned()),
        ..Options::default()
    })
    .await;
    assert!(matches!(refused, Err(Error::Record { .. })));
}
