//! Seeded subscriptions: large, equal for equal numbers, listed in pages.

use std::collections::BTreeSet;

use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::client::{API, Client, RBAC, SUB};

async fn seeded(seed: u64, accounts: u32, assignments: u32) -> Client {
    let client = Client::new().await;
    let sent = json!({"accounts": accounts, "assignments": assignments, "seed": seed});
    let made = client.post("/_sandbox/seed", Some(sent)).await;
    assert_eq!(made.body, json!({"subscription": SUB, "accounts": accounts, "assignments": assignments}));
    client
}

/// All items of a list, page by page.
async fn all(client: &Client, path: String) -> (Vec<Value>, usize) {
    let (mut next, mut items, mut pages) = (Some(path), Vec::new(), 0);
    while let Some(path) = next {
        let page = client.get(&path).await;
        assert_eq!(page.status, 200);
        items.extend(page.body["value"].as_array().into_iter().flatten().cloned());
        next = page.body["nextLink"].as_str().map(str::to_owned);
        pages += 1;
    }
    (items, pages)
}

fn accounts() -> String {
    format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/accounts?{API}")
}

fn assignments(filter: &str) -> String {
    format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments?{RBAC}{filter}")
}

fn ids(items: &[Value]) -> BTreeSet<String> {
    items.iter().filter_map(|item| item["id"].as_str()).map(str::to_lowercase).collect()
}

#[tokio::test]
#[ignore = "slow: tests/slow.sh"]
async fn lists_of_many_have_every_item_once() {
    let client = seeded(7, 450, 2500).await;
    let (found, pages) = all(&client, accounts()).await;
    assert_eq!((found.len(), ids(&found).len(), pages), (450, 450, 3));
    assert!(found.iter().all(|account| account.to_string().len() > 30_000));
    let (found, pages) = all(&client, assignments("")).await;
    assert_eq!((found.len(), ids(&found).len(), pages), (2500, 2500, 3));
    let triples: BTreeSet<String> = found
        .iter()
        .map(|item| {
            let part = |name: &str| item["properties"][name].to_string();
            format!("{} {} {}", part("scope"), part("principalId"), part("roleDefinitionId"))
        })
        .collect();
    assert_eq!(triples.len(), 2500, "no twins, as in Azure");
    let levels: BTreeSet<usize> = found
        .iter()
        .filter_map(|item| item["properties"]["scope"].as_str())
        .map(|scope| scope.split('/').count())
        .collect();
    assert_eq!(levels.len(), 3, "at the subscription, at groups, at accounts");
    let kinds: BTreeSet<String> =
        found.iter().map(|item| item["properties"]["principalType"].to_string()).collect();
    assert_eq!(kinds.len(), 3);
}

#[tokio::test]
async fn equal_numbers_give_equal_subscriptions() {
    let mut seen = Vec::new();
    for seed in [1, 1, 2] {
        let client = seeded(seed, 30, 60).await;
        let (accounts, _) = all(&client, accounts()).await;
        let (assignments, _) = all(&client, assignments("")).await;
        seen.push((ids(&accounts), ids(&assignments)));
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test]
async fn seeding_twice_adds_nothing_and_another_seed_adds_to_it() {
    let client = seeded(1, 30, 60).await;
    let again =
        client.post("/_sandbox/seed", Some(json!({"accounts": 30, "assignments": 60, "seed": 1}))).await;
    assert_eq!((&again.body["accounts"], &again.body["assignments"]), (&json!(0), &json!(0)));
    let other = client.post("/_sandbox/seed", Some(json!({"accounts": 5, "seed": 2}))).await;
    assert_eq!(other.body["accounts"], 5);
    assert_eq!(all(&client, accounts()).await.0.len(), 35);
    let much = client.post("/_sandbox/seed", Some(json!({"accounts": 100_001}))).await;
    assert_eq!(much.code(), (400, "SandboxInvalid"));
}

#[tokio::test]
async fn a_list_that_changes_between_pages_neither_repeats_nor_loses() {
    let client = seeded(3, 0, 1500).await;
    let first = client.get(&assignments("")).await;
    let items = first.body["value"].as_array().cloned().unwrap_or_default();
    let last = items.last().and_then(|item| item["id"].as_str()).unwrap_or_default().to_owned();
    assert_eq!(client.delete(&format!("{last}?{RBAC}")).await.status, 200, "the token's own item goes");
    let (rest, _) = all(&client, first.body["nextLink"].as_str().unwrap_or_default().to_owned()).await;
    assert_eq!(rest.len(), 500);
    assert!(ids(&items).is_disjoint(&ids(&rest)));
}

#[tokio::test]
#[ignore = "slow: tests/slow.sh"]
async fn what_was_seeded_is_on_disk_and_writes_after_it_are_too() {
    let folder = tempfile::tempdir().map_err(|error| error.to_string());
    let state = folder.as_ref().map(|folder| folder.path().join("state.json")).ok();
    let options = Options { state, ..Options::default() };
    let client = Client::start(options.clone()).await;
    client.post("/_sandbox/seed", Some(json!({"accounts": 10, "assignments": 6000, "seed": 1}))).await;
    let group = format!("/subscriptions/{SUB}/resourceGroups/later?api-version=2021-04-01");
    assert_eq!(client.put(&group, json!({"location": "x"})).await.status, 201);
    client.stop().await;
    let client = Client::start(options).await;
    assert_eq!(all(&client, assignments("")).await.0.len(), 6000);
    assert_eq!(client.get(&group).await.body["location"], "x");
}
