//! Management locks, and what they stop.

use serde_json::{Value, json};

use super::client::{API, Client, RBAC, SUB, account, body};

const LOCKS: &str = "api-version=2020-05-01";

fn lock(scope: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/locks/keep?{LOCKS}")
}

fn group() -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg")
}

fn level(level: &str) -> Value {
    json!({"properties": {"level": level, "notes": "why"}})
}

async fn client() -> (Client, String) {
    let client = Client::new().await;
    client.put(&format!("{}?{API}", account("chat")), body("AIServices", json!({}))).await;
    let assignment = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-000000000001?{RBAC}",
        account("chat")
    );
    let grant = json!({"properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": "55555555-5555-5555-5555-555555555555",
    }});
    assert_eq!(client.put(&assignment, grant).await.status, 201);
    (client, assignment)
}

#[tokio::test]
async fn a_lock_above_stops_deleting_until_it_is_gone() {
    let (client, assignment) = client().await;
    let made = client.put(&lock(&group()), level("CanNotDelete")).await;
    assert_eq!(
        (made.status, &made.body["properties"]),
        (201, &json!({"level": "CanNotDelete", "notes": "why"}))
    );
    assert_eq!(client.put(&lock(&group()), level("CanNotDelete")).await.status, 200);
    let account = format!("{}?{API}", account("chat"));
    for path in [&assignment, &account, &format!("{}?api-version=2021-04-01", group())] {
        let stopped = client.delete(path).await;
        assert_eq!(stopped.code(), (409, "ScopeLocked"), "{path}");
    }
    let stopped = client.delete(&assignment).await;
    let id = assignment.split('?').next().unwrap_or_default();
    assert_eq!(
        stopped.message(),
        format!(
            "The scope '{id}' cannot perform delete operation because following scope(s) are locked: '{}'. Please remove \
             the lock and try again.",
            group()
        )
    );
    assert_eq!(client.get(&assignment).await.status, 200, "nothing happened");
    assert_eq!(client.patch(&account, json!({"tags": {"a": "b"}})).await.status, 200, "changing is allowed");
    assert_eq!(client.delete(&lock(&group())).await.status, 200);
    assert_eq!(client.delete(&lock(&group())).await.status, 204);
    assert_eq!(client.delete(&assignment).await.status, 200);
}

#[tokio::test]
async fn a_lock_below_stops_deleting_what_is_above() {
    let (client, assignment) = client().await;
    client.put(&lock(&account("chat")), level("CanNotDelete")).await;
    let group = format!("{}?api-version=2021-04-01", group());
    assert_eq!(client.delete(&group).await.code(), (409, "ScopeLocked"));
    assert_eq!(client.delete(&assignment).await.code(), (409, "ScopeLocked"));
    let other = format!("/subscriptions/{SUB}/resourceGroups/rg2?api-version=2021-04-01");
    client.put(&other, json!({"location": "x"})).await;
    assert_eq!(client.delete(&other).await.status, 202, "another group is not locked");
}

#[tokio::test]
async fn a_read_only_lock_stops_writing_and_actions() {
    let (client, assignment) = client().await;
    client.put(&lock(&group()), level("readonly")).await;
    let account_path = format!("{}?{API}", account("chat"));
    for stopped in [
        client.patch(&account_path, json!({"tags": {}})).await,
        client.post(&format!("{}/listKeys?{API}", account("chat")), None).await,
        client.delete(&assignment).await,
    ] {
        assert_eq!(stopped.code(), (409, "ScopeLocked"));
    }
    assert_eq!(client.get(&account_path).await.status, 200);
}

#[tokio::test]
async fn locks_are_listed_above_at_and_below() {
    let (client, _) = client().await;
    let sub = format!("/subscriptions/{SUB}");
    for scope in [&sub, &group(), &account("chat")] {
        client.put(&lock(scope), level("CanNotDelete")).await;
    }
    let list = |scope: &str, filter: &str| {
        format!("{scope}/providers/Microsoft.Authorization/locks?{LOCKS}{filter}")
    };
    assert_eq!(client.get(&list(&sub, "")).await.len(), 3);
    assert_eq!(client.get(&list(&group(), "")).await.len(), 3);
    assert_eq!(client.get(&list(&group(), "&$filter=atScope()")).await.len(), 2);
    assert_eq!(client.get(&lock(&sub)).await.body["name"], "keep");
    assert_eq!(client.put(&lock(&sub), level("Sometimes")).await.status, 400);
    assert_eq!(client.get(&lock(&format!("{sub}/resourceGroups/other"))).await.status, 404);
}
