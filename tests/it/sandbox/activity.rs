//! The activity log, and what else is asked about a subscription.

use serde_json::{Value, json};

use super::client::{API, Client, SUB, account, answer, body};

fn log(filter: &str) -> String {
    format!(
        "/subscriptions/{SUB}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter={filter}"
    )
}

/// Action, event and status of each entry.
fn entries(body: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = body["value"].as_array().into_iter().flatten();
    items
        .map(|item| {
            (
                text(&item["operationName"]["value"]),
                text(&item["eventName"]["value"]),
                text(&item["status"]["value"]),
            )
        })
        .collect()
}

#[tokio::test]
async fn writes_are_logged_with_their_author_and_result_newest_first() {
    let client = Client::new().await;
    let path = format!("{}?{API}", account("chat"));
    // {"oid":"o-1","upn":"alice@contoso.com"}
    let token = "e30.eyJvaWQiOiJvLTEiLCJ1cG4iOiJhbGljZUBjb250b3NvLmNvbSJ9.x";
    let put = client.raw("PUT", &path).bearer_auth(token).json(&body("AIServices", json!({})));
    assert_eq!(answer(put.header("x-ms-correlation-request-id", "corr-1")).await.status, 201);
    client.get(&path).await;
    client.patch(&path, json!({"tags": 1})).await;
    let all = client.get(&log("eventTimestamp ge 2020-01-01T00:00:00Z")).await;
    let write = "Microsoft.CognitiveServices/accounts/write";
    let entry = |event: &str, status: &str| (write.to_owned(), event.to_owned(), status.to_owned());
    assert_eq!(
        entries(&all.body),
        [
            entry("EndRequest", "Failed"),
            entry("BeginRequest", "Started"),
            entry("EndRequest", "Succeeded"),
            entry("BeginRequest", "Started"),
        ]
    );
    let made = &all.body["value"][2];
    assert_eq!((&made["caller"], &made["correlationId"]), (&json!("alice@contoso.com"), &json!("corr-1")));
    assert_eq!(made["claims"]["http://schemas.microsoft.com/identity/claims/objectidentifier"], json!("o-1"));
    assert_eq!(
        (&made["resourceId"], &made["subStatus"]["value"]),
        (&json!(account("chat")), &json!("Created"))
    );
    assert_eq!(made["resourceType"]["value"], "Microsoft.CognitiveServices/accounts");
    assert_eq!(made["authorization"], json!({"action": write, "scope": account("chat")}));
}

#[tokio::test]
async fn the_log_is_filtered_and_needs_a_start() {
    let client = Client::new().await;
    client.put(&format!("{}?{API}", account("one")), body("Face", json!({}))).await;
    client.put(&format!("{}?{API}", account("two")), body("Face", json!({}))).await;
    client.delete(&format!("{}?{API}", account("two"))).await;
    let since = "eventTimestamp ge 2020-01-01T00:00:00Z";
    for (condition, count) in [
        (String::new(), 6),
        (format!(" and resourceUri eq '{}'", account("two")), 4),
        (String::from(" and resourceProvider eq Microsoft.CognitiveServices"), 6),
        (String::from(" and resourceProvider eq Microsoft.Authorization"), 0),
        (String::from(" and resourceGroupName eq 'RG'"), 6),
        (String::from(" and eventTimestamp le 2020-01-02T00:00:00Z"), 0),
    ] {
        let found = client.get(&log(&format!("{since}{condition}"))).await;
        assert_eq!((found.status, found.len()), (200, count), "{condition}");
    }
    assert_eq!(client.get(&log("resourceProvider eq X")).await.status, 400);
    let selected = client.get(&format!("{}&$select=caller,status", log(since))).await;
    assert_eq!(selected.body["value"][0].as_object().map(serde_json::Map::len), Some(2));
}

#[tokio::test]
async fn a_long_log_comes_in_pages() {
    let client = Client::new().await;
    for number in 0..30 {
        client.patch(&format!("{}?{API}", account("none")), json!({"tags": {"n": number.to_string()}})).await;
    }
    let first = client.get(&log("eventTimestamp ge 2020-01-01T00:00:00Z")).await;
    let next = client.get(first.body["nextLink"].as_str().unwrap_or_default()).await;
    assert_eq!((first.len(), next.len(), next.body.get("nextLink")), (50, 10, None));
}

#[tokio::test]
async fn whether_a_subdomain_is_free_can_be_asked() {
    let client = Client::new().await;
    client
        .put(
            &format!("{}?{API}", account("chat")),
            body("AIServices", json!({"customSubDomainName": "chat"})),
        )
        .await;
    let path =
        format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/checkDomainAvailability?{API}");
    for (name, free) in [("CHAT", false), ("other", true)] {
        let asked = json!({"subdomainName": name, "type": "Microsoft.CognitiveServices/accounts"});
        let answer = client.post(&path, Some(asked)).await;
        assert_eq!((answer.status, &answer.body["isSubdomainAvailable"]), (200, &json!(free)), "{name}");
        assert_eq!(answer.body["reason"].is_null(), free);
    }
    let stats = client.get("/_sandbox/stats").await.body;
    assert_eq!(stats["writes"], 1, "a question is no write");
}
