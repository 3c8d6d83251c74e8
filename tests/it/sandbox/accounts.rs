//! Accounts over HTTP: what every client relies on, and what Azure refuses.

use std::time::Duration;

use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::client::{API, Client, SUB, account, body};

fn path(name: &str) -> String {
    format!("{}?{API}", account(name))
}

fn subdomain(name: &str) -> Value {
    json!({"customSubDomainName": name})
}

#[tokio::test]
async fn a_new_account_is_created_by_an_operation_and_then_succeeds() {
    let client = Client::new().await;
    let made = client.put(&path("chat"), body("AIServices", subdomain("chat"))).await;
    assert_eq!((made.status, &made.body["properties"]["provisioningState"]), (201, &json!("Creating")));
    assert!(made.header("location").is_none() && made.header("retry-after").is_none());
    let poll = made.header("azure-asyncoperation").unwrap().to_owned();
    assert!(poll.starts_with(client.sandbox.url()) && poll.contains("?api-version=2017-04-18&t="), "{poll}");
    assert!(poll.contains("/locations/eastus2/operationResults/"));

    let done = client.get(&poll).await;
    assert_eq!((done.status, &done.body["status"]), (200, &json!("Succeeded")));
    assert!(done.body["endTime"].is_string());
    let got = client.get(&path("chat")).await;
    assert_eq!(got.body["properties"]["provisioningState"], "Succeeded");
    assert_ne!(got.body["etag"], made.body["etag"], "each step has its etag");
    assert_eq!(got.header("etag"), got.body["etag"].as_str());
    assert_eq!(got.body["properties"]["endpoint"], "https://chat.cognitiveservices.azure.com/");
    assert_eq!(got.body["sku"], json!({"name": "S0"}), "no tier is filled in");
    for absent in ["tags", "identity"] {
        assert!(got.body.get(absent).is_none(), "{absent} was never set");
    }
    for absent in ["networkAcls", "disableLocalAuth", "encryption"] {
        assert!(got.body["properties"].get(absent).is_none(), "{absent} was never set");
    }
    let size = got.body.to_string().len();
    assert!((34_000..46_000).contains(&size), "{size}");
}

#[tokio::test]
async fn an_operation_lasts_as_long_as_it_is_told_and_blocks_the_account() {
    let client =
        Client::start(Options { operation_time: Duration::from_hours(1), ..Options::default() }).await;
    let made = client.put(&path("chat"), body("AIServices", json!({}))).await;
    let poll = client.get(made.header("azure-asyncoperation").unwrap()).await;
    assert_eq!((poll.status, &poll.body["status"]), (200, &json!("Creating")));
    assert!(poll.body.get("endTime").is_none());
    let wait: u64 = poll.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");
    assert_eq!(client.get(&path("chat")).await.body["properties"]["provisioningState"], "Creating");
    let again = client.put(&path("chat"), body("AIServices", json!({}))).await;
    assert_eq!(again.code(), (409, "AccountProvisioningStateInvalid"));
    assert_eq!(client.delete(&path("chat")).await.status, 409);
}

#[tokio::test]
async fn a_second_put_is_an_operation_for_ai_services_only() {
    let client = Client::new().await;
    for (name, kind) in [("ai", "AIServices"), ("form", "FormRecognizer")] {
        client.put(&path(name), body(kind, json!({}))).await;
    }
    let ai = client.put(&path("ai"), body("AIServices", json!({}))).await;
    assert_eq!((ai.status, &ai.body["properties"]["provisioningState"]), (200, &json!("Accepted")));
    assert!(ai.header("azure-asyncoperation").is_some());
    let form = client.put(&path("form"), body("FormRecognizer", json!({}))).await;
    assert_eq!((form.status, &form.body["properties"]["provisioningState"]), (200, &json!("Succeeded")));
    assert!(form.header("azure-asyncoperation").is_none());
}

#[tokio::test]
async fn patch_of_tags_is_immediate_and_of_network_rules_an_operation() {
    let client = Client::new().await;
    client.put(&path("chat"), body("AIServices", subdomain("chat"))).await;
    let tags = client.patch(&path("chat"), json!({"tags": {"a": "b"}})).await;
    assert_eq!((tags.status, &tags.body["tags"]), (200, &json!({"a": "b"})));
    assert!(tags.header("azure-asyncoperation").is_none());
    let rules = json!({"properties": {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "200.0.0.1"}]}}});
    let rules = client.patch(&path("chat"), rules).await;
    assert_eq!(rules.status, 202);
    let poll = rules.header("azure-asyncoperation").unwrap();
    assert_eq!(rules.header("location").unwrap(), format!("{poll}&operationResultResponseType=Location"));
    let expected =
        json!({"defaultAction": "Deny", "ipRules": [{"value": "200.0.0.1"}], "virtualNetworkRules": []});
    assert_eq!(rules.body["properties"]["networkAcls"], expected);
    assert_eq!(rules.body["tags"], json!({"a": "b"}), "the rest stays");
}

#[tokio::test]
async fn fields_left_out_of_a_put_return_to_defaults_but_network_rules_must_be_repeated() {
    let client = Client::new().await;
    let full = json!({
        "customSubDomainName": "chat", "publicNetworkAccess": "Disabled", "disableLocalAuth": true,
        "networkAcls": {"defaultAction": "Deny"},
    });
    client.put(&path("chat"), body("AIServices", full)).await;
    let dropped = client.put(&path("chat"), body("AIServices", subdomain("chat"))).await;
    assert_eq!(
        (dropped.code(), dropped.message()),
        ((400, "BadRequest"), "NetworkAcls is required for this resouce.")
    );
    let kept = client
        .put(&path("chat"), body("AIServices", json!({"networkAcls": {"defaultAction": "Allow"}})))
        .await;
    assert_eq!(kept.status, 200);
    let properties = &kept.body["properties"];
    assert_eq!(
        (&properties["publicNetworkAccess"], &properties["customSubDomainName"]),
        (&json!("Enabled"), &json!("chat"))
    );
    assert!(properties.get("disableLocalAuth").is_none());
}

#[tokio::test]
async fn a_principal_id_survives_later_puts_and_a_user_assigned_one_is_the_same_everywhere() {
    let client = Client::new().await;
    let mut sent = body("AIServices", json!({}));
    sent["identity"] = json!({"type": "SystemAssigned"});
    let first = client.put(&path("chat"), sent.clone()).await.body["identity"].clone();
    assert!(first["principalId"].is_string() && first["tenantId"].is_string());
    assert_eq!(client.put(&path("chat"), sent.clone()).await.body["identity"], first);
    assert_eq!(
        client.put(&path("chat"), body("AIServices", json!({}))).await.body["identity"],
        first,
        "left out"
    );
    let id = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u"
    );
    let both = json!({"identity": {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {id.clone(): {}}}});
    let both = client.patch(&path("chat"), both).await.body["identity"].clone();
    assert_eq!(
        (&both["type"], &both["principalId"]),
        (&json!("SystemAssigned, UserAssigned"), &first["principalId"])
    );
    sent["identity"] = json!({"type": "UserAssigned", "userAssignedIdentities": {id.clone(): {}}});
    let other = client.put(&path("other"), sent).await.body["identity"].clone();
    assert_eq!(other["userAssignedIdentities"][&id], both["userAssignedIdentities"][&id]);
    assert!(other["userAssignedIdentities"][&id]["clientId"].is_string());
    let none = client.patch(&path("chat"), json!({"identity": {"type": "None"}})).await;
    assert_eq!(none.body["identity"], json!({"type": "None"}));
}

#[tokio::test]
async fn subdomains_are_unique_and_final() {
    let client = Client::new().await;
    client.put(&path("one"), body("AIServices", subdomain("taken"))).await;
    let other = client.put(&path("two"), body("AIServices", subdomain("TAKEN"))).await;
    assert_eq!(other.code(), (409, "CustomDomainInUse"));
    assert!(
        other
            .message()
            .starts_with("Please pick a different name. The subdomain name 'TAKEN' is not available")
    );
    client.delete(&path("one")).await;
    let still = client.put(&path("two"), body("AIServices", subdomain("taken"))).await;
    assert_eq!(still.code(), (409, "CustomDomainInUse"), "a soft-deleted account keeps its subdomain");
    client.put(&path("two"), body("AIServices", json!({}))).await;
    let later = client.patch(&path("two"), json!({"properties": {"customSubDomainName": "late"}})).await;
    assert_eq!(
        (later.status, &later.body["properties"]["endpoint"]),
        (202, &json!("https://late.cognitiveservices.azure.com/"))
    );
    let changed = client.patch(&path("two"), json!({"properties": {"customSubDomainName": "other"}})).await;
    assert_eq!(changed.status, 400);
}

#[tokio::test]
async fn a_repeated_subdomain_beside_network_injections_is_refused() {
    let client = Client::new().await;
    let injected = json!({"customSubDomainName": "chat", "networkInjections": [{"scenario": "agent", "subnetArmId": "/s"}]});
    assert_eq!(client.put(&path("chat"), body("AIServices", injected.clone())).await.status, 201);
    let again = client.put(&path("chat"), body("AIServices", injected)).await;
    assert_eq!(again.code(), (409, "CustomDomainInUse"));
    assert_eq!(
        client.patch(&path("chat"), json!({"properties": {"disableLocalAuth": true}})).await.status,
        202
    );
}

#[tokio::test]
async fn refused_bodies_change_nothing() {
    let client = Client::new().await;
    let refused = [
        (json!({"kind": "AIServices", "sku": {"name": "S0"}}), "LocationRequired"),
        (json!({"location": "x", "kind": "Nope", "sku": {"name": "S0"}}), "InvalidApiSetId"),
        (json!({"location": "x", "kind": "AIServices"}), "InvalidRequestContent"),
        (body("AIServices", json!({"networkAcls": {"defaultAction": "Deny"}})), "BadRequest"),
        (body("AIServices", json!({"disableLocalAuth": "yes"})), "InvalidRequestContent"),
        (body("AIServices", json!({"publicNetworkAccess": "Maybe"})), "InvalidRequestContent"),
        (
            body(
                "AIServices",
                json!({"customSubDomainName": "a", "networkAcls": {"ipRules": [{"value": "1.2.3.4/33"}]}}),
            ),
            "BadRequest",
        ),
        (json!([]), "InvalidRequestContent"),
    ];
    for (sent, code) in refused {
        let answer = client.put(&path("chat"), sent.clone()).await;
        assert_eq!(answer.code(), (400, code), "{sent}");
    }
    let text = client.raw("PUT", &path("chat")).bearer_auth("any").body("{\"location\":");
    assert_eq!(super::client::answer(text).await.code(), (400, "InvalidRequestContent"));
    let missing = client.get(&path("chat")).await;
    assert_eq!(missing.code(), (404, "ResourceNotFound"));
    assert_eq!(
        missing.message(),
        "The Resource 'Microsoft.CognitiveServices/accounts/chat' under resource group 'rg' was not found. For more \
         details please go to https://aka.ms/ARMResourceNotFoundFix"
    );
}

#[tokio::test]
async fn a_deleted_account_blocks_its_name_until_restored_or_purged() {
    let client = Client::new().await;
    let mut sent = body("AIServices", subdomain("chat"));
    sent["tags"] = json!({"a": "b"});
    let first = client.put(&path("chat"), sent.clone()).await;
    let gone = client.delete(&path("chat")).await;
    assert_eq!((gone.status, &gone.body), (200, &Value::Null));
    assert_eq!(client.delete(&path("chat")).await.status, 204);
    let blocked = client.put(&path("chat"), sent.clone()).await;
    assert_eq!(blocked.code(), (409, "FlagMustBeSetForRestore"));
    assert!(blocked.message().contains(&format!("ID '{}' has been soft-deleted", account("chat"))));

    let provider = format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices");
    let listed = client.get(&format!("{provider}/deletedAccounts?{API}")).await;
    let one = &listed.body["value"][0];
    assert_eq!((listed.len(), &one["type"]), (1, &json!("Microsoft.CognitiveServices/deletedAccounts")));
    let (deleted, purge) = (&one["properties"]["deletionDate"], &one["properties"]["scheduledPurgeDate"]);
    let time = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time(purge).duration_since(time(deleted)), jiff::SignedDuration::from_hours(48));

    let back =
        client.put(&path("chat"), json!({"location": "eastus2", "properties": {"restore": true}})).await;
    assert_eq!((back.status, &back.body["properties"]["provisioningState"]), (201, &json!("Succeeded")));
    assert!(back.header("azure-asyncoperation").is_none());
    assert_eq!(
        (&back.body["tags"], &back.body["properties"]["internalId"]),
        (&json!({"a": "b"}), &first.body["properties"]["internalId"])
    );

    client.delete(&path("chat")).await;
    let at = |location: &str| {
        format!("{provider}/locations/{location}/resourceGroups/rg/deletedAccounts/chat?{API}")
    };
    assert_eq!(client.get(&at("East US 2").replace(' ', "%20")).await.status, 200);
    assert_eq!(client.delete(&at("westus")).await.status, 404, "the wrong region finds nothing");
    let purged = client.delete(&at("eastus2")).await;
    assert_eq!((purged.status, &purged.body), (202, &Value::Null));
    assert!(purged.header("location").is_some());
    let poll = client.get(purged.header("azure-asyncoperation").unwrap()).await;
    assert_eq!(poll.body["status"], "Succeeded");
    let fresh = client.put(&path("chat"), sent).await;
    assert_eq!(fresh.status, 201);
    assert_ne!(fresh.body["properties"]["internalId"], first.body["properties"]["internalId"]);
}

#[tokio::test]
async fn keys_are_listed_regenerated_and_refused_when_they_are_off() {
    let client = Client::new().await;
    client.put(&path("chat"), body("AIServices", json!({}))).await;
    let keys = |verb: &str| format!("{}/{verb}?{API}", account("chat"));
    let first = client.post(&keys("listKeys"), None).await.body;
    assert_eq!(client.post(&keys("listKeys"), None).await.body, first);
    let second = client.post(&keys("regenerateKey"), Some(json!({"keyName": "Key1"}))).await.body;
    assert_ne!(first["key1"], second["key1"]);
    assert_eq!(first["key2"], second["key2"]);
    assert_eq!(client.post(&keys("regenerateKey"), Some(json!({"keyName": "Key3"}))).await.status, 400);
    client.patch(&path("chat"), json!({"properties": {"disableLocalAuth": true}})).await;
    let off = client.post(&keys("listKeys"), None).await;
    assert_eq!(
        (off.code(), off.message()),
        ((400, "BadRequest"), "Failed to list key. disableLocalAuth is set to be true")
    );
}

#[tokio::test]
async fn ids_echo_the_casing_of_the_url_and_compare_without_it() {
    let client = Client::new().await;
    client.put(&path("Chat"), body("AIServices", json!({}))).await;
    let other = format!(
        "/subscriptions/{SUB}/resourcegroups/RG/providers/microsoft.cognitiveservices/accounts/chat?{API}"
    );
    let got = client.get(&other).await;
    assert_eq!(got.status, 200);
    assert_eq!(
        got.body["id"],
        format!("/subscriptions/{SUB}/resourceGroups/RG/providers/Microsoft.CognitiveServices/accounts/Chat")
    );
    assert_eq!(got.body["name"], "Chat");
}

#[tokio::test]
async fn lists_come_in_pages_by_group_and_by_subscription() {
    let client = Client::new().await;
    for index in 0..203 {
        let group = if index % 2 == 0 { "rg" } else { "rg2" };
        let name = format!(
            "/subscriptions/{SUB}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts/a{index:03}?{API}"
        );
        client.put(&name, body("Face", json!({}))).await;
    }
    let first = client
        .get(&format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/accounts?{API}"))
        .await;
    let next = first.body["nextLink"].as_str().unwrap();
    assert!(
        next.starts_with(client.sandbox.url()) && next.contains("skipToken=") && next.contains(API),
        "{next}"
    );
    let second = client.get(next).await;
    assert_eq!((first.len(), second.len()), (200, 3));
    assert!(second.body.get("nextLink").is_none());
    let group = |name: &str| {
        format!(
            "/subscriptions/{SUB}/resourceGroups/{name}/providers/Microsoft.CognitiveServices/accounts?{API}"
        )
    };
    assert_eq!(client.get(&group("RG2")).await.len(), 101);
    let unseen = client.get(&group("never-seen")).await;
    assert_eq!((unseen.status, &unseen.body), (200, &json!({"value": []})));
}
