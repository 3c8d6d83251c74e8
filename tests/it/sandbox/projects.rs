//! Projects and connections over HTTP, those of hub workspaces too.

use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::client::{API, Client, SUB, account, body};

async fn with_account(options: Options) -> Client {
    let client = Client::start(options).await;
    let properties = json!({"customSubDomainName": "Foundry", "allowProjectManagement": true});
    client.put(&format!("{}?{API}", account("chat")), body("AIServices", properties)).await;
    client
}

fn path(rest: &str) -> String {
    format!("{}/{rest}?{API}", account("chat"))
}

fn project() -> Value {
    json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {"displayName": "One"}})
}

#[tokio::test]
async fn a_project_is_named_after_its_account_and_has_an_identity() {
    let client = with_account(Options::default()).await;
    let made = client.put(&path("projects/one"), project()).await;
    assert_eq!((made.status, &made.body["name"]), (201, &json!("chat/one")), "{}", made.body);
    assert!(made.header("azure-asyncoperation").is_none());
    assert_eq!(made.body["id"], format!("{}/projects/one", account("chat")));
    assert_eq!(made.body["location"], "eastus2");
    let properties = &made.body["properties"];
    assert_eq!(
        properties["endpoints"],
        json!({"AI Foundry API": "https://foundry.services.ai.azure.com/api/projects/one"})
    );
    assert_eq!(
        (&properties["isDefault"], &properties["provisioningState"]),
        (&json!(true), &json!("Succeeded"))
    );
    let second = client.put(&path("projects/two"), project()).await;
    assert_eq!(second.body["properties"]["isDefault"], false);
    let principal = &made.body["identity"]["principalId"];
    assert_ne!(principal, &second.body["identity"]["principalId"]);

    let again = client.put(&path("projects/One"), project()).await;
    assert_eq!(
        (again.status, &again.body["identity"]["principalId"]),
        (200, principal),
        "the identity stays"
    );
    assert_eq!(again.body["properties"]["isDefault"], true);
    let patched = client
        .patch(&path("projects/one"), json!({"tags": {"a": "b"}, "properties": {"description": "d"}}))
        .await;
    assert_eq!((patched.status, &patched.body["tags"]["a"]), (200, &json!("b")));
    assert_eq!(patched.body["properties"]["displayName"], "One", "the rest stays");
    assert_eq!(client.get(&path("projects")).await.len(), 2);
    let known = client.get(&format!("/v1.0/servicePrincipals/{}", principal.as_str().unwrap())).await;
    assert_eq!(known.body["displayName"], "chat/projects/one");
}

#[tokio::test]
async fn projects_hold_their_account_and_take_their_connections_along() {
    let client = with_account(Options::default()).await;
    client.put(&path("projects/one"), project()).await;
    let connection =
        json!({"properties": {"authType": "AAD", "category": "AIServices", "target": "https://x.test/"}});
    client.put(&path("projects/one/connections/ai"), connection).await;
    let whole = format!("{}?{API}", account("chat"));
    let refused = client.delete(&whole).await;
    assert_eq!(refused.code(), (409, "CannotDeleteResource"));
    assert!(refused.message().contains("'Microsoft.CognitiveServices/accounts/chat/projects/one'"));
    assert_eq!(client.delete(&path("projects/one")).await.status, 200);
    let gone = client.get(&path("projects/one")).await;
    assert_eq!(gone.code(), (404, "ResourceNotFound"));
    assert_eq!(
        client.get(&path("projects/one/connections/ai")).await.code(),
        (404, "ParentResourceNotFound")
    );
    client.put(&path("projects/one"), project()).await;
    assert_eq!(client.get(&path("projects/one/connections")).await.len(), 0);
    client.delete(&path("projects/one")).await;
    assert_eq!(client.delete(&whole).await.status, 200);
}

#[tokio::test]
async fn a_project_needs_a_willing_account_a_location_and_an_identity() {
    let client = with_account(Options::default()).await;
    client.put(&format!("{}?{API}", account("old")), body("AIServices", json!({}))).await;
    let unwilling = client.put(&format!("{}/projects/one?{API}", account("old")), project()).await;
    assert_eq!(unwilling.code(), (400, "BadRequest"));
    assert!(unwilling.message().contains("allowProjectManagement"));
    for (missing, code) in [("location", "LocationRequired"), ("identity", "BadRequest")] {
        let mut body = project();
        body.as_object_mut().unwrap().remove(missing);
        assert_eq!(client.put(&path("projects/one"), body).await.code(), (400, code), "{missing}");
    }
    let role = json!({"properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": "5d5c3a51-3ed5-4bb7-8bb5-3a87c1f0a001"}});
    let at = |project: &str| {
        format!(
            "{}/projects/{project}/providers/Microsoft.Authorization/roleAssignments/0b5a3d2e-6d0c-4a53-9c0e-6f0a5d3f1c09?api-version=2022-04-01",
            account("chat")
        )
    };
    assert_eq!(client.put(&at("none"), role.clone()).await.status, 404);
    client.put(&path("projects/one"), project()).await;
    assert_eq!(client.put(&at("one"), role).await.status, 201);
}

#[tokio::test]
async fn a_connection_never_shows_its_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state.json");
    let client = with_account(Options { state: Some(state.clone()), ..Options::default() }).await;
    let hush = "hush-4711";
    let keyed = json!({"properties": {
        "authType": "ApiKey", "category": "AzureOpenAI", "target": "https://x.openai.azure.com/",
        "credentials": {"key": hush}, "metadata": {"ApiType": "azure"}}});
    let made = client.put(&path("connections/oai"), keyed.clone()).await;
    assert_eq!(
        (made.status, &made.body["type"]),
        (200, &json!("Microsoft.CognitiveServices/accounts/connections"))
    );
    let properties = &made.body["properties"];
    assert_eq!((&properties["credentials"], &properties["group"]), (&Value::Null, &json!("AzureAI")));
    assert_eq!(
        (&properties["metadata"]["ApiType"], &properties["isDefault"]),
        (&json!("azure"), &json!(true))
    );
    assert_eq!(client.put(&path("connections/oai"), keyed.clone()).await.status, 200, "the same again");
    for answer in [client.get(&path("connections/oai")).await, client.get(&path("connections")).await] {
        assert!(!answer.body.to_string().contains(hush));
    }
    for name in ["state.json", "state.json.journal"] {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        assert!(!text.contains(hush), "{name}");
    }
    let mut bare = keyed;
    bare["properties"].as_object_mut().unwrap().remove("credentials");
    let bare = client.put(&path("connections/other"), bare).await;
    assert_eq!(bare.code(), (400, "BadRequest"));
    assert!(bare.message().contains("'key'"));

    let aad = json!({"properties": {"authType": "AAD", "category": "AzureOpenAI", "target": "https://x.openai.azure.com/"}});
    let switched = client.put(&path("connections/oai"), aad).await;
    assert_eq!((switched.status, &switched.body["properties"]["authType"]), (200, &json!("AAD")));
    let patched =
        client.patch(&path("connections/oai"), json!({"properties": {"isSharedToAll": true}})).await;
    assert_eq!((patched.status, &patched.body["properties"]["isSharedToAll"]), (200, &json!(true)));
    let list = |query: &str| format!("{}&{query}", path("connections"));
    assert_eq!(client.get(&list("category=azureopenai")).await.len(), 1);
    assert_eq!(client.get(&list("category=AIServices")).await.len(), 0);
    assert_eq!(client.delete(&path("connections/oai")).await.status, 200);
    assert_eq!(client.delete(&path("connections/oai")).await.status, 204);
    assert_eq!(client.get(&path("connections/oai")).await.code(), (404, "ResourceNotFound"));
}

#[tokio::test]
async fn hubs_have_connections_on_first_use() {
    let hub = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/hub/connections"
    );
    let client = Client::new().await;
    let one = format!("{hub}/ai?api-version=2024-10-01");
    let body =
        json!({"properties": {"authType": "AAD", "category": "AIServices", "target": "https://x.test/"}});
    let made = client.put(&one, body.clone()).await;
    assert_eq!(
        (made.status, &made.body["type"], &made.body["id"]),
        (
            200,
            &json!("Microsoft.MachineLearningServices/workspaces/connections"),
            &json!(format!("{hub}/ai"))
        )
    );
    assert_eq!(client.get(&format!("{hub}?api-version=2024-10-01")).await.len(), 1);
    assert_eq!(client.delete(&one).await.status, 200);
    let strict = Client::strict(Options::default()).await;
    let subscription = json!({"subscriptions": [{"id": SUB, "name": "team"}]});
    strict.post("/_sandbox/directory", Some(subscription)).await;
    strict
        .put(
            &format!("/subscriptions/{SUB}/resourceGroups/rg?api-version=2021-04-01"),
            json!({"location": "eastus2"}),
        )
        .await;
    assert_eq!(strict.put(&one, body).await.code(), (404, "ParentResourceNotFound"));
}
