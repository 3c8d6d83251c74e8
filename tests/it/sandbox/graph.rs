//! Graph: who someone is, by id, by name, in batches.

use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::client::{Client, RBAC, SUB, answer};

const ALICE: &str = "55555555-5555-5555-5555-555555555555";
const TEAM: &str = "66666666-6666-6666-6666-666666666666";
const APP: &str = "77777777-7777-7777-7777-777777777777";

async fn client() -> Client {
    let client = Client::new().await;
    let directory = json!({
        "users": [{"id": ALICE, "userPrincipalName": "alice@contoso.com", "displayName": "Alice"}],
        "groups": [{"id": TEAM, "displayName": "ml-developers", "members": [ALICE]}, {"displayName": "ml-developers-eu"}],
        "servicePrincipals": [{"appId": APP, "displayName": "pipeline"}],
    });
    let made = client.post("/_sandbox/directory", Some(directory)).await;
    assert_eq!((made.status, made.body["principals"].as_array().map(Vec::len)), (200, Some(4)));
    client
}

#[tokio::test]
async fn principals_are_found_by_the_filters_that_clients_send() {
    let client = client().await;
    for (path, count) in [
        ("users?$filter=userPrincipalName eq 'ALICE@contoso.com'", 1),
        ("groups?$filter=displayName eq 'ml-developers'", 1),
        ("groups?$filter=startswith(displayName,'ml-')", 2),
        ("groups?$filter=displayName eq 'ml-developers' or displayName eq 'ml-developers-eu'", 2),
        ("groups?$filter=displayName in ('ml-developers', 'x')", 1),
        ("groups?$filter=displayName eq 'ml-developers' and securityEnabled eq true", 1),
        ("groups", 2),
        ("groups?$top=1", 1),
    ] {
        let found = client.get(&format!("/v1.0/{path}")).await;
        assert_eq!((found.status, found.len()), (200, count), "{path}");
    }
    let by_name = format!("/v1.0/servicePrincipals?$filter=servicePrincipalNames/any(c:c%20eq%20'{APP}')");
    let found = client.get(&by_name).await;
    assert_eq!((found.len(), &found.body["value"][0]["appId"]), (1, &json!(APP)));
    let selected = client.get("/v1.0/users?$filter=displayName eq 'Alice'&$select=id,displayName").await;
    assert_eq!(selected.body["value"], json!([{"id": ALICE, "displayName": "Alice"}]));
    let bad = client.get("/v1.0/users?$filter=shoeSize eq 40").await;
    assert_eq!(bad.code(), (400, "BadRequest"));
    let page = client.get("/v1.0/groups?$top=1&$count=true").await;
    assert_eq!(page.body["@odata.count"], 2);
    let next = client.get(page.body["@odata.nextLink"].as_str().unwrap_or_default()).await;
    assert_eq!((next.len(), next.body.get("@odata.nextLink")), (1, None));
    assert_ne!(next.body["value"], page.body["value"]);
}

#[tokio::test]
async fn ids_give_typed_objects_and_strangers_are_left_out() {
    let client = client().await;
    let ids = json!({"ids": [ALICE, TEAM.to_uppercase(), "00000000-0000-0000-0000-000000000000"]});
    let found = client.post("/v1.0/directoryObjects/getByIds", Some(ids.clone())).await;
    let kinds: Vec<&Value> =
        found.body["value"].as_array().into_iter().flatten().map(|item| &item["@odata.type"]).collect();
    assert_eq!(kinds, ["#microsoft.graph.user", "#microsoft.graph.group"]);
    let mut only = ids;
    only["types"] = json!(["group"]);
    assert_eq!(client.post("/v1.0/directoryObjects/getByIds", Some(only)).await.len(), 1);
    assert_eq!(client.get("/v1.0/users/alice@contoso.com").await.body["id"], json!(ALICE));
    assert_eq!(
        client.get(&format!("/v1.0/servicePrincipals(appId='{APP}')")).await.body["appId"],
        json!(APP)
    );
    assert_eq!(client.get(&format!("/v1.0/groups/{ALICE}")).await.code(), (404, "Request_ResourceNotFound"));
    let member = client.get(&format!("/v1.0/users/{ALICE}/transitiveMemberOf")).await;
    assert_eq!(member.body["value"][0]["id"], json!(TEAM));
}

#[tokio::test]
async fn a_batch_answers_each_step() {
    let client = client().await;
    let batch = json!({"requests": [
        {"id": "1", "method": "GET", "url": "/groups?$filter=displayName eq 'ml-developers'&$select=id"},
        {"id": "2", "method": "GET", "url": "/users/nobody"},
        {"id": "3", "method": "POST", "url": "/directoryObjects/getByIds", "body": {"ids": [ALICE]},
         "headers": {"Content-Type": "application/json"}},
    ]});
    let answers = client.post("/v1.0/$batch", Some(batch)).await.body;
    assert_eq!(answers["responses"][0]["body"]["value"], json!([{"id": TEAM}]));
    assert_eq!(
        (&answers["responses"][1]["status"], &answers["responses"][1]["id"]),
        (&json!(404), &json!("2"))
    );
    assert_eq!(answers["responses"][2]["body"]["value"][0]["id"], json!(ALICE));
    let many: Vec<Value> =
        (0..21).map(|id| json!({"id": id.to_string(), "method": "GET", "url": "/me"})).collect();
    assert_eq!(client.post("/v1.0/$batch", Some(json!({"requests": many}))).await.status, 400);
}

#[tokio::test]
async fn users_and_groups_exist_by_name_on_first_use_but_not_when_strict() {
    let client = Client::new().await;
    let by_name = "/v1.0/groups?$filter=displayName%20eq%20'new-team'";
    let first = client.get(by_name).await.body["value"].clone();
    assert_eq!(client.get(by_name).await.body["value"], first);
    let id = first[0]["id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(client.get(&format!("/v1.0/groups/{id}")).await.body["displayName"], "new-team");
    // {"oid":"o-1","upn":"alice@contoso.com"}: a token that another sandbox may have given
    let me = client
        .raw("GET", "/v1.0/me")
        .bearer_auth("e30.eyJvaWQiOiJvLTEiLCJ1cG4iOiJhbGljZUBjb250b3NvLmNvbSJ9.x");
    assert_eq!(answer(me).await.body["userPrincipalName"], "alice@contoso.com");
    for path in [
        "servicePrincipals?$filter=displayName eq 'new-app'".to_owned(),
        format!("servicePrincipals?$filter=appId eq '{APP}'"),
        "groups?$filter=startswith(displayName,'other')".to_owned(),
    ] {
        assert_eq!(client.get(&format!("/v1.0/{path}")).await.len(), 0, "{path}");
    }
    let strict = Client::strict(Options::default()).await;
    assert_eq!((strict.get(by_name).await.status, strict.get(by_name).await.len()), (200, 0));
}

#[tokio::test]
async fn a_new_principal_can_be_unknown_for_a_while() {
    let client = Client::new().await;
    let directory = json!({"servicePrincipals": [{"id": ALICE, "displayName": "new", "unknownForPuts": 2}]});
    client.post("/_sandbox/directory", Some(directory)).await;
    let path =
        format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments/{TEAM}?{RBAC}");
    let grant = json!({"properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": ALICE,
    }});
    for _ in 0..2 {
        let refused = client.put(&path, grant.clone()).await;
        assert_eq!(refused.code(), (400, "PrincipalNotFound"));
        assert!(refused.message().ends_with(" or Group.  See https://aka.ms/docs-principaltype"));
    }
    let made = client.put(&path, grant).await;
    assert_eq!((made.status, &made.body["properties"]["principalType"]), (201, &json!("ServicePrincipal")));
}

#[tokio::test]
async fn assignments_of_a_member_include_those_of_its_groups() {
    let client = client().await;
    let path = format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments");
    let grant = json!({"properties": {
        "roleDefinitionId": "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "principalId": TEAM,
    }});
    assert_eq!(client.put(&format!("{path}/{APP}?{RBAC}"), grant).await.status, 201);
    assert_eq!(client.get(&format!("{path}?{RBAC}&$filter=assignedTo('{ALICE}')")).await.len(), 1);
    assert_eq!(client.get(&format!("{path}?{RBAC}&$filter=principalId eq '{ALICE}'")).await.len(), 0);
}

#[tokio::test]
async fn a_directory_that_makes_no_sense_is_refused() {
    let client = Client::new().await;
    for body in [json!({"user": []}), json!({"users": [{"id": "x", "userPrincipalName": "a"}]}), json!([])] {
        let refused = client.post("/_sandbox/directory", Some(body.clone())).await;
        assert_eq!(refused.code(), (400, "SandboxInvalid"), "{body}");
    }
}

#[tokio::test]
async fn unless_strict_any_id_is_a_principal_if_objects_of_any_type_are_requested() {
    let client = client().await;
    let stranger = "00000000-0000-0000-0000-00000000000a";
    let asked = json!({"ids": [ALICE, stranger, APP], "types": ["directoryObject"]});
    let found = client.post("/v1.0/directoryObjects/getByIds", Some(asked.clone())).await;
    let shown: Vec<_> = found.body["value"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            (item["id"].as_str().unwrap_or_default(), item["@odata.type"].as_str().unwrap_or_default())
        })
        .collect();
    let expected = [(ALICE, "#microsoft.graph.user"), (stranger, "#microsoft.graph.directoryObject")];
    assert_eq!(shown, expected, "a client id is nobody's object id");
    let strict = Client::strict(Options::default()).await;
    assert_eq!(strict.post("/v1.0/directoryObjects/getByIds", Some(asked)).await.len(), 0);
}

#[tokio::test]
async fn a_user_assigned_identity_has_the_ids_that_accounts_and_the_directory_show() {
    let client = Client::new().await;
    let id = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app"
    );
    let shown = client.get(&format!("{id}?api-version=2023-01-31")).await;
    assert_eq!((shown.status, &shown.body["name"]), (200, &json!("app")));
    let object = shown.body["properties"]["principalId"].as_str().unwrap_or_default().to_owned();
    let principal = client.get(&format!("/v1.0/servicePrincipals/{object}")).await;
    assert_eq!(principal.body["appId"], shown.body["properties"]["clientId"]);
    assert_eq!(principal.body["servicePrincipalType"], "ManagedIdentity");
    let strict = Client::strict(Options::default()).await;
    let group = format!("/subscriptions/{SUB}/resourceGroups/rg?api-version=2021-04-01");
    strict.put(&group, json!({"location": "eastus2"})).await;
    let absent = strict.get(&format!("{id}?api-version=2023-01-31")).await;
    assert_eq!(absent.status, 404, "{:?}", absent.body);
}

/// As documented: Azure deletes the service principal of a system-assigned identity with its resource, or when that is to have none. What was
/// assigned to it stays.
#[tokio::test]
async fn a_system_assigned_identity_leaves_the_directory_with_its_resource() {
    for strict in [false, true] {
        let client = if strict { Client::strict(Options::default()).await } else { Client::new().await };
        let group = format!("/subscriptions/{SUB}/resourceGroups/rg");
        client.post("/_sandbox/directory", Some(json!({"subscriptions": [{"id": SUB}]}))).await;
        client.put(&format!("{group}?api-version=2021-04-01"), json!({"location": "eastus2"})).await;
        let account = format!("{group}/providers/Microsoft.CognitiveServices/accounts/chat");
        let at = |path: &str| format!("{path}?api-version=2025-06-01");
        let own = json!({"type": "SystemAssigned"});
        let body = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "identity": own,
            "properties": {"customSubDomainName": "chat", "allowProjectManagement": true}});
        let principal = async |path: &str| -> String {
            let shown: Value = client.get(&at(path)).await.body;
            shown["identity"]["principalId"].as_str().unwrap_or_else(|| panic!("{shown}")).to_owned()
        };
        let knows = async |id: &str| {
            let asked = json!({"ids": [id], "types": ["directoryObject"]});
            client.post("/v1.0/directoryObjects/getByIds", Some(asked)).await.len() == 1
        };
        client.put(&at(&account), body).await;
        let first = principal(&account).await;
        let project = format!("{account}/projects/main");
        client.put(&at(&project), json!({"location": "eastus2", "identity": own, "properties": {}})).await;
        let assignment = |number: u8| {
            format!(
                "{group}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-00000000000{number}?{RBAC}"
            )
        };
        let given = |who: &str| {
            let role =
                "/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7";
            json!({"properties": {"roleDefinitionId": role, "principalId": who, "principalType": "ServicePrincipal"}})
        };
        let projects = principal(&project).await;
        client.put(&assignment(1), given(&first)).await;
        assert!(knows(&first).await && knows(&projects).await);
        client.patch(&at(&account), json!({"identity": {"type": "None"}})).await;
        client.get(&at(&account)).await;
        assert!(!knows(&first).await && knows(&projects).await, "switched off");
        client.patch(&at(&account), json!({"identity": own})).await;
        let second = principal(&account).await;
        assert!(second != first && knows(&second).await && !knows(&first).await, "another one");
        client.delete(&at(&project)).await;
        client.delete(&at(&account)).await;
        assert!(!knows(&projects).await && !knows(&second).await, "deleted");
        assert_eq!(client.get(&assignment(1)).await.body["properties"]["principalId"], json!(first));
        assert_eq!(client.put(&assignment(2), given(&first)).await.code(), (400, "PrincipalNotFound"));
    }
}
