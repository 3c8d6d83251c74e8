//! Starting, stopping, saving, counting, and who is let in.

use std::path::Path;

use keyless::sandbox::{Error, Options, Sandbox, reset};
use serde_json::json;

use super::client::{API, Client, RBAC, SUB, account, answer, body};

const GROUPS: &str = "api-version=2021-04-01";

fn path(name: &str) -> String {
    format!("{}?{API}", account(name))
}

fn kept(state: &Path) -> Options {
    Options { state: Some(state.to_owned()), ..Options::default() }
}

/// What a kill leaves is what was answered: both files are read without stopping the sandbox.
#[expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]
fn copy_as_a_kill_leaves_it(state: &Path, copy: &Path) {
    let journal = |path: &Path| path.with_extension("json.journal");
    std::fs::copy(state, copy).unwrap();
    std::fs::copy(journal(state), journal(copy)).unwrap();
}

#[tokio::test]
async fn state_survives_a_restart_and_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let client = Client::start(kept(&state)).await;
    client.put(&path("chat"), body("AIServices", json!({}))).await;
    let grant = json!({"properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": "55555555-5555-5555-5555-555555555555",
    }});
    let assignment = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-000000000001?{RBAC}",
        account("chat")
    );
    client.put(&assignment, grant).await;
    let before = client.get(&path("chat")).await.body;
    let copy = folder.path().join("copy.json");
    copy_as_a_kill_leaves_it(&state, &copy);
    client.stop().await;
    for file in [&state, &copy] {
        let client = Client::start(kept(file)).await;
        assert_eq!(client.get(&path("chat")).await.body, before);
        assert_eq!(client.get(&assignment).await.status, 200);
        client.stop().await;
    }
}

#[tokio::test]
async fn one_state_file_has_one_sandbox_and_reset_waits_for_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let client = Client::start(kept(&state)).await;
    client.put(&path("chat"), body("AIServices", json!({}))).await;
    let second = Sandbox::start(kept(&state)).await.unwrap_err();
    assert!(matches!(second, Error::InUse { .. }));
    assert_eq!(second.to_string(), format!("state file `{}` is in use by another sandbox", state.display()));
    assert!(matches!(reset(&state), Err(Error::InUse { .. })));
    client.stop().await;
    assert!(state.exists());
    reset(&state).unwrap();
    assert!(!state.exists());
}

#[tokio::test]
async fn only_loopback_is_listened_on() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let refused = Sandbox::start(Options { listen: listen.parse().unwrap(), ..Options::default() }).await;
        assert!(matches!(refused, Err(Error::NotLoopback { .. })), "{listen}");
    }
}

#[tokio::test]
async fn web_pages_foreign_hosts_and_callers_without_a_token_are_refused() {
    let client = Client::new().await;
    let list = format!("/subscriptions?{GROUPS}");
    for (name, value) in
        [("host", "evil.example"), ("origin", "http://localhost"), ("sec-fetch-site", "cross-site")]
    {
        for path in [&list, "/_sandbox/stats"] {
            let request = client.raw("GET", path).bearer_auth("any").header(name, value);
            assert_eq!(answer(request).await.code(), (403, "SandboxRefused"), "{name} {path}");
        }
    }
    let anonymous = answer(client.raw("GET", &list)).await;
    assert_eq!(anonymous.code(), (401, "AuthenticationFailed"));
    assert!(anonymous.header("www-authenticate").unwrap().starts_with("Bearer authorization_uri="));
    assert_eq!(answer(client.raw("GET", "/_sandbox/reset")).await.status, 405, "changes are POST");
    let stats = answer(client.raw("GET", "/_sandbox/stats")).await.body;
    assert_eq!((&stats["refused"], &stats["reads"]), (&json!(7), &json!(0)));
}

#[tokio::test]
async fn requests_are_counted_by_kind_and_path() {
    let client = Client::new().await;
    client.put(&path("chat"), body("AIServices", json!({}))).await;
    client.get(&path("chat")).await;
    client.post(&format!("{}/listKeys?{API}", account("chat")), None).await;
    let stats = client.get("/_sandbox/stats").await.body;
    assert_eq!((&stats["reads"], &stats["writes"], &stats["requests"]), (&json!(1), &json!(2), &json!(3)));
    let pattern = "PUT /subscriptions/{}/resourceGroups/{}/providers/Microsoft.CognitiveServices/accounts/{}";
    assert_eq!((&stats["byPath"][pattern], &stats["byMethod"]["PUT"]), (&json!(1), &json!(1)));
    assert_eq!(client.post("/_sandbox/reset", None).await.status, 200);
    assert_eq!(client.get("/_sandbox/stats").await.body["requests"], 0);
    assert_eq!(client.get(&path("chat")).await.status, 404);
}

#[tokio::test]
async fn groups_exist_on_first_use_until_they_are_deleted() {
    let client = Client::new().await;
    let group = |name: &str| format!("/subscriptions/{SUB}/resourceGroups/{name}?{GROUPS}");
    let unseen = client.get(&group("unseen")).await;
    assert_eq!(
        (unseen.status, &unseen.body["properties"]),
        (200, &json!({"provisioningState": "Succeeded"}))
    );
    assert_eq!(client.send("HEAD", &group("unseen"), None).await.status, 204);
    assert_eq!(client.put(&group("made"), json!({"location": "westus"})).await.status, 201);
    assert_eq!(
        client.put(&group("made"), json!({"location": "westus", "tags": {"a": "b"}})).await.status,
        200
    );
    assert_eq!(
        client.put(&group("made"), json!({"location": "eastus"})).await.code(),
        (409, "InvalidResourceGroupLocation")
    );
    client.put(&path("chat"), body("AIServices", json!({}))).await;
    let listed = client.get(&format!("/subscriptions/{SUB}/resourceGroups?{GROUPS}")).await;
    assert_eq!(listed.len(), 2, "made, and rg by use");
    let gone = client.delete(&group("rg")).await;
    assert_eq!(gone.status, 202);
    assert_eq!(client.get(gone.header("location").unwrap()).await.status, 200);
    for answer in [
        client.get(&group("rg")).await,
        client.get(&path("chat")).await,
        client.put(&path("chat"), body("AIServices", json!({}))).await,
    ] {
        assert_eq!(
            (answer.code(), answer.message()),
            ((404, "ResourceGroupNotFound"), "Resource group 'rg' could not be found.")
        );
    }
    assert_eq!(client.send("HEAD", &group("rg"), None).await.status, 404);
}

#[tokio::test]
async fn when_strict_nothing_exists_before_it_is_made() {
    let client = Client::strict(Options::default()).await;
    assert_eq!(
        client.get(&format!("/subscriptions/{SUB}/resourceGroups/rg?{GROUPS}")).await.code(),
        (404, "SubscriptionNotFound")
    );
    assert_eq!(client.get(&format!("/subscriptions?{GROUPS}")).await.len(), 0);
    let made = client.post("/_sandbox/directory", Some(json!({"subscriptions": [{"id": SUB}]}))).await;
    assert_eq!(made.status, 200);
    let group = format!("/subscriptions/{SUB}/resourceGroups/rg?{GROUPS}");
    assert_eq!(client.get(&group).await.code(), (404, "ResourceGroupNotFound"));
    assert_eq!(client.put(&group, json!({"location": "eastus2"})).await.status, 201);
    assert_eq!(client.put(&path("chat"), body("AIServices", json!({}))).await.status, 201);
    let stranger = json!({"properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": "55555555-5555-5555-5555-555555555555",
        "principalType": "User",
    }});
    let assignment = format!(
        "{}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-000000000001?{RBAC}",
        account("chat")
    );
    assert_eq!(client.put(&assignment, stranger).await.code(), (400, "PrincipalNotFound"));
}

#[tokio::test]
async fn paths_and_versions_that_azure_does_not_know_are_refused_in_its_words() {
    let client = Client::new().await;
    let base = format!("/subscriptions/{SUB}/resourceGroups/rg/providers");
    let cases = [
        (format!("{base}/Microsoft.CognitiveServices/accounts"), 400, "MissingApiVersionParameter"),
        (
            format!("{base}/Microsoft.CognitiveServices/accounts?api-version=2025-06-02"),
            400,
            "NoRegisteredProviderFound",
        ),
        (
            format!("{base}/Microsoft.CognitiveServices/accounts?api-version=newest"),
            400,
            "InvalidApiVersionParameter",
        ),
        (format!("{base}/Microsoft.CognitiveServices/accounts/a/nothing?{API}"), 404, "InvalidResourceType"),
        (format!("{base}/Nobody.Here/things?{API}"), 404, "InvalidResourceNamespace"),
        (
            format!("{base}/Microsoft.Authorization/roleAssignments?api-version=2022-04-02"),
            400,
            "NoRegisteredProviderFound",
        ),
        (
            String::from("/subscriptions/x/resourceGroups?api-version=2021-04-01"),
            400,
            "InvalidSubscriptionId",
        ),
        (String::from("/subscriptions?api-version=2021-04-02"), 400, "InvalidApiVersionParameter"),
        (String::from("/nowhere"), 404, "NotFound"),
    ];
    for (path, status, code) in cases {
        assert_eq!(client.get(&path).await.code(), (status, code), "{path}");
    }
    assert_eq!(client.post(&path("chat"), None).await.status, 405);
}

#[tokio::test]
async fn every_answer_carries_arms_headers() {
    let client = Client::new().await;
    let request =
        client.raw("GET", &path("none")).bearer_auth("any").header("x-ms-client-request-id", "mine");
    let got = answer(request).await;
    assert_eq!(got.header("x-ms-client-request-id"), Some("mine"));
    assert_eq!(got.header("content-type"), Some("application/json; charset=utf-8"));
    for name in [
        "x-ms-request-id",
        "x-ms-correlation-request-id",
        "date",
        "x-ms-ratelimit-remaining-subscription-reads",
    ] {
        assert!(got.header(name).is_some(), "{name}");
    }
    assert!(
        client.delete(&path("none")).await.header("x-ms-ratelimit-remaining-subscription-deletes").is_some()
    );
}

#[tokio::test]
async fn writes_that_arrive_together_are_all_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let client = Client::start(kept(&state)).await;
    let writes = (0..40).map(|index| {
        let client = &client;
        async move { client.put(&path(&format!("a{index}")), body("Face", json!({}))).await.status }
    });
    assert!(futures_util::future::join_all(writes).await.iter().all(|status| *status == 201));
    let copy = folder.path().join("copy.json");
    copy_as_a_kill_leaves_it(&state, &copy);
    let copied = Client::start(kept(&copy)).await;
    let list = format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/accounts?{API}");
    assert_eq!(copied.get(&list).await.len(), 40);
    // A start folds what a kill left, and a stop what was written since: one file holds everything.
    client.stop().await;
    for file in [&state, &copy] {
        let saved: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(saved["accounts"].as_object().unwrap().len(), 40);
    }
}

#[tokio::test]
async fn what_was_deleted_reset_or_due_stays_so_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let hour = std::time::Duration::from_hours(1);
    let client = Client::start(Options { operation_time: hour, ..kept(&state) }).await;
    client.put(&path("gone"), body("Face", json!({}))).await;
    client.put(&path("busy"), body("AIServices", json!({}))).await;
    client.post("/_sandbox/clock", Some(json!({"advanceSeconds": 3601}))).await;
    assert_eq!(client.get(&path("busy")).await.body["properties"]["provisioningState"], "Succeeded");
    client.delete(&path("gone")).await;
    let busy = client.get(&path("busy")).await.body;
    let copy = folder.path().join("copy.json");
    copy_as_a_kill_leaves_it(&state, &copy);
    let restarted = Client::start(kept(&copy)).await;
    assert_eq!(restarted.get(&path("gone")).await.status, 404);
    assert_eq!(restarted.get(&path("busy")).await.body, busy);
    client.post("/_sandbox/reset", None).await;
    let copy = folder.path().join("empty.json");
    copy_as_a_kill_leaves_it(&state, &copy);
    assert_eq!(Client::start(kept(&copy)).await.get(&path("busy")).await.status, 404);
}
