//! The data plane over HTTP: who may call a model, who may not, and why.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::client::{API, Answer, Client, RBAC, account, answer, body};

const ALICE: &str = "5d5c3a51-3ed5-4bb7-8bb5-3a87c1f0a001";
const USER: &str = "a97b65f3-24c7-4388-baec-2e87135dc908";
const OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
const READER: &str = "b59867f0-fa02-499b-be73-45a86b5b3e1c";
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

const MODELS: &str = "/_data/chat/models/chat/completions?api-version=2024-05-01-preview";
const OPENAI: &str = "/_data/chat/openai/deployments/gpt/chat/completions?api-version=2024-10-21";
const EMBED: &str = "/_data/chat/openai/deployments/embed/embeddings?api-version=2024-10-21";

/// An unsigned token with an owner and an audience.
fn token(principal: &str, audience: &str) -> String {
    let claims = json!({"oid": principal, "upn": "alice@contoso.com", "aud": audience});
    format!("e30.{}.", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn alice() -> String {
    token(ALICE, "https://cognitiveservices.azure.com")
}

fn question() -> Value {
    json!({"model": "gpt", "messages": [{"role": "user", "content": "What is 1 + 1?"}]})
}

/// An account with two deployments, and these properties beside its subdomain.
async fn with(options: Options, mut properties: Value) -> Client {
    let client = Client::start(options).await;
    properties["customSubDomainName"] = json!("chat");
    properties["allowProjectManagement"] = json!(true);
    let whole = format!("{}?{API}", account("chat"));
    assert_eq!(client.put(&whole, body("AIServices", properties)).await.status, 201);
    for (name, model, version) in [("gpt", "gpt-4o", "2024-08-06"), ("embed", "text-embedding-3-small", "1")]
    {
        let body = json!({
            "sku": {"name": "GlobalStandard", "capacity": 1},
            "properties": {"model": {"format": "OpenAI", "name": model, "version": version}},
        });
        let made = client.put(&format!("{}/deployments/{name}?{API}", account("chat")), body).await;
        assert_eq!(made.status, 201, "{}", made.body);
    }
    client
}

async fn fresh() -> Client {
    with(Options::default(), json!({})).await
}

async fn assign(client: &Client, scope: &str, role: &str, principal: &str) -> String {
    let name = uuid::Uuid::new_v4();
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}?{RBAC}");
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{role}");
    let made =
        client.put(&path, json!({"properties": {"roleDefinitionId": role, "principalId": principal}})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    path
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str, part: &str) {
    assert_eq!(answer.code(), (status, code), "{}", answer.body);
    assert!(answer.message().contains(part), "{}", answer.message());
}

#[tokio::test]
async fn a_token_is_refused_without_a_role_and_answered_with_one() {
    let client = fresh().await;
    let before = client.post_as(&alice(), OPENAI, &question()).await;
    let text = format!(
        "The principal `{ALICE}` lacks the required data action \
         `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action` to perform \
         `POST /openai/deployments/{{deployment-id}}/chat/completions` operation."
    );
    assert_eq!((before.code(), before.message()), ((401, "PermissionDenied"), text.as_str()));
    refused(
        &client.post_as(&alice(), MODELS, &question()).await,
        401,
        "PermissionDenied",
        "MaaS/chat/completions/action",
    );

    let role = assign(&client, &account("chat"), USER, ALICE).await;
    for path in [OPENAI, MODELS] {
        let after = client.post_as(&alice(), path, &question()).await;
        assert_eq!(after.status, 200, "{}", after.body);
        assert_eq!(
            (&after.body["object"], &after.body["model"]),
            (&json!("chat.completion"), &json!("gpt-4o-2024-08-06"))
        );
        let choice = &after.body["choices"][0];
        assert_eq!(
            (&choice["message"]["role"], &choice["finish_reason"]),
            (&json!("assistant"), &json!("stop"))
        );
        assert!(choice["message"]["content"].as_str().is_some_and(|text| !text.is_empty()));
        let usage = &after.body["usage"];
        let count = |name: &str| usage[name].as_u64().unwrap();
        assert!(count("prompt_tokens") > 0 && count("completion_tokens") > 0);
        assert_eq!(count("total_tokens"), count("prompt_tokens") + count("completion_tokens"));
    }
    client.delete(&role).await;
    refused(&client.post_as(&alice(), OPENAI, &question()).await, 401, "PermissionDenied", ALICE);
}

#[tokio::test]
async fn roles_count_at_the_account_and_above_directly_and_through_groups() {
    let group = format!("/subscriptions/{}/resourceGroups/rg", super::client::SUB);
    let subscription = format!("/subscriptions/{}", super::client::SUB);
    for scope in [account("chat"), group, subscription, String::new()] {
        let client = fresh().await;
        assign(&client, &scope, USER, ALICE).await;
        assert_eq!(client.post_as(&alice(), OPENAI, &question()).await.status, 200, "at {scope}");
    }
    let client = fresh().await;
    let other = format!("{}?{API}", account("other"));
    client.put(&other, body("AIServices", json!({}))).await;
    assign(&client, &account("other"), USER, ALICE).await;
    refused(&client.post_as(&alice(), OPENAI, &question()).await, 401, "PermissionDenied", "");
    let team = "5d5c3a51-3ed5-4bb7-8bb5-3a87c1f0a0ff";
    let known = json!({
        "users": [{"id": ALICE, "userPrincipalName": "alice@contoso.com", "displayName": "Alice"}],
        "groups": [{"id": team, "displayName": "team", "members": [ALICE]}],
    });
    assert_eq!(client.post("/_sandbox/directory", Some(known)).await.status, 200);
    assign(&client, &account("chat"), USER, team).await;
    assert_eq!(client.post_as(&alice(), OPENAI, &question()).await.status, 200);
}

#[tokio::test]
async fn only_roles_with_the_data_action_count() {
    for (role, openai, models) in
        [(USER, 200, 200), (OPENAI_USER, 200, 401), (READER, 401, 401), (OWNER, 401, 401)]
    {
        let client = fresh().await;
        assign(&client, &account("chat"), role, ALICE).await;
        assert_eq!(client.post_as(&alice(), OPENAI, &question()).await.status, openai, "{role}");
        assert_eq!(client.post_as(&alice(), MODELS, &question()).await.status, models, "{role}");
    }
    let client = fresh().await;
    let owner = client.post_as("any", OPENAI, &question()).await;
    refused(&owner, 401, "PermissionDenied", "66666666-7777-4888-8999-000000000000");
}

#[tokio::test]
async fn a_role_takes_its_time_to_reach_the_data_plane() {
    let client =
        with(Options { role_propagation: Duration::from_mins(2), ..Options::default() }, json!({})).await;
    assign(&client, &account("chat"), USER, ALICE).await;
    refused(&client.post_as(&alice(), OPENAI, &question()).await, 401, "PermissionDenied", "");
    client.post("/_sandbox/clock", Some(json!({"advanceSeconds": 121}))).await;
    assert_eq!(client.post_as(&alice(), OPENAI, &question()).await.status, 200);
}

#[tokio::test]
async fn keys_work_while_they_are_on_and_tell_nothing_when_off() {
    let client = fresh().await;
    let keys = client.post(&format!("{}/listKeys?{API}", account("chat")), None).await;
    let key = keys.body["key2"].as_str().unwrap().to_owned();
    let ask = async |header: &str, value: &str| {
        answer(client.raw("POST", OPENAI).header(header, value).json(&question())).await
    };
    for (header, value) in [
        ("api-key", key.clone()),
        ("Ocp-Apim-Subscription-Key", key.clone()),
        ("Authorization", format!("Bearer {key}")),
    ] {
        assert_eq!(ask(header, &value).await.status, 200, "{header}");
    }
    let wrong = "0".repeat(32);
    refused(&ask("api-key", &wrong).await, 401, "401", "invalid subscription key");
    refused(&ask("accept", "*/*").await, 401, "401", "missing subscription key");
    let off = json!({"properties": {"disableLocalAuth": true}});
    client.patch(&format!("{}?{API}", account("chat")), off).await;
    for key in [key, wrong] {
        let text = "Key based authentication is disabled for this resource.";
        refused(&ask("api-key", &key).await, 403, "AuthenticationTypeDisabled", text);
    }
}

#[tokio::test]
async fn networks_subdomains_and_audiences_refuse_in_azures_words() {
    let denied = json!({"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}]}});
    let client = with(Options::default(), denied).await;
    assign(&client, &account("chat"), USER, ALICE).await;
    refused(
        &client.post_as(&alice(), OPENAI, &question()).await,
        403,
        "403",
        "Access denied due to Virtual Network/Firewall rules.",
    );
    let whole = format!("{}?{API}", account("chat"));
    let here = json!({"properties": {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.1"}]}}});
    client.patch(&whole, here).await;
    assert_eq!(client.post_as(&alice(), OPENAI, &question()).await.status, 200);

    for audience in ["https://ai.azure.com", "https://management.azure.com"] {
        let other = client.post_as(&token(ALICE, audience), OPENAI, &question()).await;
        refused(&other, 401, "", "audience is incorrect (https://cognitiveservices.azure.com)");
    }
    client.patch(&whole, json!({"properties": {"publicNetworkAccess": "Disabled"}})).await;
    refused(
        &client.post_as(&alice(), OPENAI, &question()).await,
        403,
        "403",
        "Public access is disabled. Please configure private endpoint.",
    );

    client.put(&format!("{}?{API}", account("plain")), body("AIServices", json!({}))).await;
    assign(&client, &account("plain"), USER, ALICE).await;
    let plain = OPENAI.replace("/chat/openai", "/plain/openai");
    refused(
        &client.post_as(&alice(), &plain, &question()).await,
        400,
        "BadRequest",
        "Please provide a custom subdomain for token authentication",
    );
    let nobody = OPENAI.replace("/chat/openai", "/nobody/openai");
    refused(&client.post_as(&alice(), &nobody, &question()).await, 404, "SandboxUnknownHost", "'nobody'");
}

#[tokio::test]
async fn a_project_wants_a_token_of_its_own_audience() {
    let client = fresh().await;
    let project = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}});
    client.put(&format!("{}/projects/one?{API}", account("chat")), project).await;
    assign(&client, &format!("{}/projects/one", account("chat")), USER, ALICE).await;
    let path = "/_data/chat/api/projects/one/openai/v1/chat/completions";
    refused(
        &client.post_as(&alice(), path, &question()).await,
        401,
        "",
        "audience is incorrect (https://ai.azure.com)",
    );
    let foundry = token(ALICE, "https://ai.azure.com/");
    assert_eq!(client.post_as(&foundry, path, &question()).await.status, 200);
    refused(&client.post_as(&alice(), OPENAI, &question()).await, 401, "PermissionDenied", "");
    let none = client.post_as(&foundry, &path.replace("/one/", "/none/"), &question()).await;
    refused(&none, 404, "ResourceNotFound", "The project does not exist.");
}

#[tokio::test]
async fn a_project_lists_the_deployments_of_its_account_to_whoever_has_the_data_action() {
    let client = fresh().await;
    let project = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}});
    client.put(&format!("{}/projects/one?{API}", account("chat")), project).await;
    let foundry = token(ALICE, "https://ai.azure.com");
    let path = "/_data/chat/api/projects/one/deployments?api-version=v1";
    // Roles for the models of Azure OpenAI alone hold nothing of Foundry.
    assign(&client, &account("chat"), OPENAI_USER, ALICE).await;
    refused(
        &client.get_as(&foundry, path).await,
        401,
        "PermissionDenied",
        "`Microsoft.CognitiveServices/accounts/AIServices/deployments/read` to perform `GET /api/projects/{projectName}/deployments` operation. For instructions",
    );
    assign(&client, &format!("{}/projects/one", account("chat")), USER, ALICE).await;
    let listed = client.get_as(&foundry, path).await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    let expected = json!({
        "name": "embed", "type": "ModelDeployment", "modelName": "text-embedding-3-small", "modelVersion": "1",
        "modelPublisher": "OpenAI", "sku": {"name": "GlobalStandard", "capacity": 1},
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&listed.body["value"][0][field], value, "{field}");
    }
    assert_eq!(listed.len(), 2);
    // No account has this path, and without a version nobody answers.
    let alone = path.replace("/api/projects/one", "");
    refused(&client.get_as(&alice(), &alone).await, 404, "404", "Resource not found");
    refused(&client.get_as(&foundry, path.split('?').next().unwrap()).await, 404, "404", "");
}

#[tokio::test]
async fn what_is_not_there_and_what_makes_no_sense_is_said() {
    let client = fresh().await;
    assign(&client, &account("chat"), USER, ALICE).await;
    let ask = async |path: &str, body: Value| client.post_as(&alice(), path, &body).await;
    let gone = OPENAI.replace("/gpt/", "/none/");
    refused(
        &ask(&gone, question()).await,
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist.",
    );
    let mut named = question();
    named["model"] = json!("none");
    refused(&ask(MODELS, named).await, 404, "DeploymentNotFound", "");
    let mut unnamed = question();
    unnamed.as_object_mut().unwrap().remove("model");
    refused(&ask(MODELS, unnamed.clone()).await, 400, "no_model_name", "");
    assert_eq!(ask(OPENAI, unnamed).await.status, 200, "the path names it");
    refused(
        &ask(&EMBED.replace("/embed/", "/gpt/"), json!({"input": "a"})).await,
        400,
        "OperationNotSupported",
        "gpt-4o",
    );
    refused(&ask(OPENAI.split('?').next().unwrap(), question()).await, 404, "404", "Resource not found");
    refused(
        &ask("/_data/chat/openai/nothing?api-version=1", question()).await,
        404,
        "404",
        "Resource not found",
    );
    for (field, value, part) in [
        ("stream", json!(true), "does not stream"),
        ("messages", json!([]), "at least one message"),
        ("messages", json!([{"content": "x"}]), "'role'"),
        ("max_tokens", json!(0), "at least 1"),
    ] {
        let mut body = question();
        body[field] = value;
        let answer = ask(OPENAI, body).await;
        assert_eq!((answer.status, &answer.body["error"]["type"]), (400, &json!("invalid_request_error")));
        assert!(answer.message().contains(part), "{}", answer.message());
    }
    let mut short = question();
    short["max_tokens"] = json!(1);
    let short = ask(OPENAI, short).await;
    assert_eq!(
        (&short.body["choices"][0]["finish_reason"], &short.body["usage"]["completion_tokens"]),
        (&json!("length"), &json!(1))
    );
    let response = "/_data/chat/openai/v1/responses";
    let asked = |limit: u64| json!({"model": "gpt", "input": "hi", "max_output_tokens": limit});
    let said = ask(response, asked(200)).await;
    assert_eq!(
        (&said.body["object"], &said.body["status"], &said.body["output"][0]["content"][0]["type"]),
        (&json!("response"), &json!("completed"), &json!("output_text"))
    );
    let few = ask(response, asked(15)).await;
    assert!(few.status == 400 && few.message().contains("max_output_tokens"), "{}", few.body);
    let embedded = ask(response, json!({"model": "embed", "input": "hi"})).await;
    assert_eq!(embedded.code(), (400, "OperationNotSupported"));
    let info = answer(
        client
            .raw("GET", "/_data/chat/models/info?api-version=2024-05-01-preview&model=gpt")
            .bearer_auth(alice()),
    )
    .await;
    assert_eq!(
        (info.status, &info.body),
        (
            200,
            &json!({"model_name": "gpt-4o", "model_type": "chat-completion", "model_provider_name": "OpenAI"})
        )
    );
}

#[tokio::test]
async fn embeddings_are_numbers_or_base64_and_equal_for_equal_texts() {
    let client = fresh().await;
    assign(&client, &account("chat"), USER, ALICE).await;
    let ask = async |body: Value| client.post_as(&alice(), EMBED, &body).await;
    let plain = ask(json!({"input": ["one", "two", "one"], "dimensions": 8})).await;
    assert_eq!(
        (plain.status, &plain.body["object"], plain.body["data"].as_array().unwrap().len()),
        (200, &json!("list"), 3)
    );
    let vector = |index: usize| &plain.body["data"][index]["embedding"];
    assert_eq!((vector(0).as_array().unwrap().len(), vector(0)), (8, vector(2)));
    assert_ne!(vector(0), vector(1));
    assert!(plain.body["usage"]["prompt_tokens"].as_u64().unwrap() >= 3);
    let packed = ask(json!({"input": "one", "encoding_format": "base64"})).await;
    let text = packed.body["data"][0]["embedding"].as_str().unwrap().to_owned();
    assert_eq!(base64::engine::general_purpose::STANDARD.decode(text).unwrap().len(), 1536 * 4);
    for bad in
        [json!({}), json!({"input": []}), json!({"input": ""}), json!({"input": "a", "dimensions": 9999})]
    {
        assert_eq!(ask(bad).await.status, 400);
    }
}

#[tokio::test]
async fn accounts_answer_at_their_own_hosts_too() {
    let client = fresh().await;
    assign(&client, &account("chat"), USER, ALICE).await;
    let path = OPENAI.strip_prefix("/_data/chat").unwrap();
    let ask = async |host: &str| {
        answer(client.raw("POST", path).header("host", host).bearer_auth(alice()).json(&question())).await
    };
    assert_eq!(ask("chat.localhost:8080").await.status, 200);
    refused(&ask("nobody.localhost").await, 404, "SandboxUnknownHost", "'nobody'");
    refused(&ask("chat.openai.azure.com").await, 403, "SandboxRefused", "Host");
    let stats = client.get("/_sandbox/stats").await;
    assert_eq!(stats.body["dataPlane"], 2);
}

#[tokio::test]
async fn a_strict_sandbox_takes_its_own_tokens_only() {
    let client = Client::strict(Options::default()).await;
    let subscription = json!({"subscriptions": [{"id": super::client::SUB, "name": "team"}]});
    client.post("/_sandbox/directory", Some(subscription)).await;
    let group = format!("/subscriptions/{}/resourceGroups/rg?api-version=2021-04-01", super::client::SUB);
    client.put(&group, json!({"location": "eastus2"})).await;
    client
        .put(
            &format!("{}?{API}", account("chat")),
            body("AIServices", json!({"customSubDomainName": "chat"})),
        )
        .await;
    refused(
        &client.post_as(&alice(), OPENAI, &question()).await,
        401,
        "",
        "Access token is missing, invalid",
    );
    let own = client.post(OPENAI, Some(question())).await;
    refused(&own, 401, "", "audience is incorrect");
    let (app, id) = ("44444444-4444-4444-4444-44444444aaaa", "5d5c3a51-3ed5-4bb7-8bb5-3a87c1f0abcd");
    let known =
        json!({"servicePrincipals": [{"displayName": "caller", "id": id, "appId": app, "secret": "t"}]});
    client.post("/_sandbox/directory", Some(known)).await;
    let token = client.token_for(app, "t", "https://cognitiveservices.azure.com").await;
    refused(&client.post_as(&token, OPENAI, &question()).await, 401, "PermissionDenied", id);
    assign(&client, &account("chat"), USER, id).await;
    let ready = client.post_as(&token, OPENAI, &question()).await;
    refused(&ready, 404, "DeploymentNotFound", "");
    client.post("/_sandbox/clock", Some(json!({"advanceSeconds": 86_400}))).await;
    refused(&client.post_as(&token, OPENAI, &question()).await, 401, "", "or have expired");
}
