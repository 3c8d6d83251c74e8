//! Role assignments and definitions over HTTP.

use serde_json::{Value, json};

use super::client::{API, Client, RBAC, SUB, account, body};

const USER: &str = "a97b65f3-24c7-4388-baec-2e87135dc908";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const ALICE: &str = "55555555-5555-5555-5555-555555555555";
const BOB: &str = "66666666-6666-6666-6666-666666666666";

fn path(scope: &str, number: u32) -> String {
    format!(
        "{scope}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-0000-0000-{number:012}?{RBAC}"
    )
}

fn list(scope: &str, filter: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/roleAssignments?{RBAC}{filter}")
}

fn grant(role: &str, principal: &str) -> Value {
    let role = format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleDefinitions/{role}");
    json!({"properties": {"roleDefinitionId": role, "principalId": principal, "principalType": "ServicePrincipal"}})
}

fn sub() -> String {
    format!("/subscriptions/{SUB}")
}

#[tokio::test]
async fn put_is_201_each_time_and_hides_the_author_whom_get_shows() {
    let client = Client::new().await;
    let first = client.put(&path(&sub(), 1), grant(USER, ALICE)).await;
    assert_eq!(first.status, 201);
    let properties = &first.body["properties"];
    assert_eq!((&properties["createdBy"], &properties["scope"]), (&Value::Null, &json!(sub())));
    for null in ["condition", "conditionVersion", "description", "delegatedManagedIdentityResourceId"] {
        assert_eq!(properties.get(null), Some(&Value::Null), "{null} is written as null");
    }
    let mut changed = grant(USER, ALICE);
    changed["properties"]["description"] = json!("why");
    let second = client.put(&path(&sub(), 1), changed).await;
    assert_eq!((second.status, &second.body["properties"]["description"]), (201, &json!("why")));
    let got = client.get(&path(&sub(), 1)).await;
    assert_eq!(got.body["properties"]["createdOn"], properties["createdOn"], "the true creation");
    assert_eq!(got.body["properties"]["updatedOn"], second.body["properties"]["updatedOn"]);
    assert!(got.body["properties"]["createdBy"].is_string());
    assert_eq!(
        got.body["properties"]["createdOn"].as_str().unwrap().len(),
        "2023-08-23T13:05:38.8480660Z".len()
    );
}

#[tokio::test]
async fn twins_strangers_and_renamed_ones_are_refused_as_azure_does() {
    let client = Client::new().await;
    client.put(&path(&sub(), 1), grant(USER, ALICE)).await;
    let twin = client.put(&path(&sub(), 2), grant(&USER.to_uppercase(), ALICE)).await;
    assert_eq!(
        (twin.code(), twin.message()),
        ((409, "RoleAssignmentExists"), "The role assignment already exists.")
    );
    for (scope, body) in [
        (sub(), grant(USER, BOB)),
        (sub(), grant(READER, ALICE)),
        (format!("{}/resourceGroups/rg", sub()), grant(USER, ALICE)),
    ] {
        assert_eq!(
            client.put(&path(&scope, 1), body).await.code(),
            (400, "RoleAssignmentUpdateNotPermitted")
        );
    }
    let stranger = grant("00000000-aaaa-bbbb-cccc-000000000000", ALICE);
    assert_eq!(client.put(&path(&sub(), 3), stranger).await.code(), (400, "RoleDefinitionDoesNotExist"));
    let mut user = grant(READER, ALICE);
    user["properties"]["principalType"] = json!("User");
    let user = client.put(&path(&sub(), 4), user).await;
    assert_eq!(user.code(), (400, "UnmatchedPrincipalType"));
    assert!(
        user.message().contains("'55555555555555555555555555555555' has type 'ServicePrincipal' , which")
    );
    assert_eq!(
        client.put(&path(&sub(), 5).replace("00000000-0000", "name-0000"), grant(READER, ALICE)).await.status,
        400
    );
    assert_eq!(client.get(&path(&sub(), 9)).await.code(), (404, "RoleAssignmentNotFound"));
}

#[tokio::test]
async fn delete_gives_back_what_was_there_and_nothing_the_second_time() {
    let client = Client::new().await;
    client.put(&path(&sub(), 1), grant(USER, ALICE)).await;
    let gone = client.delete(&path(&sub(), 1)).await;
    assert_eq!((gone.status, &gone.body["properties"]["principalId"]), (200, &json!(ALICE)));
    let again = client.delete(&path(&sub(), 1)).await;
    assert_eq!((again.status, &again.body), (204, &Value::Null));
}

#[tokio::test]
async fn lists_show_at_above_and_below_unless_asked_for_at_or_above() {
    let client = Client::new().await;
    client.put(&format!("{}?{API}", account("chat")), body("AIServices", json!({}))).await;
    let group = format!("{}/resourceGroups/rg", sub());
    let scopes = [
        String::new(),
        String::from("/providers/Microsoft.Management/managementGroups/top"),
        sub(),
        group.clone(),
        account("chat"),
    ];
    for (number, scope) in (1..).zip(&scopes) {
        assert_eq!(client.put(&path(scope, number), grant(USER, ALICE)).await.status, 201, "{scope}");
    }
    client.put(&path(&format!("{}/resourceGroups/rg2", sub()), 8), grant(USER, BOB)).await;
    assert_eq!(client.get(&list(&sub(), "")).await.len(), 6, "at, above and below");
    for filter in ["&$filter=atScope()", "&$filter=atScope%28%29", "&%24filter=atScope()"] {
        assert_eq!(client.get(&list(&group, filter)).await.len(), 4, "{filter}");
    }
    assert_eq!(client.get(&list(&account("chat"), "&$filter=atScope()")).await.len(), 5);
    assert_eq!(client.get(&list(&sub(), &format!("&$filter=principalId%20eq%20'{BOB}'"))).await.len(), 1);
    assert_eq!(client.get(&list(&sub(), &format!("&$filter=principalId eq {{{BOB}}}"))).await.status, 200);
    assert_eq!(client.get(&list(&sub(), "&$filter=nonsense")).await.status, 400);
    assert_eq!(client.get(&list("", "&$filter=atScope()")).await.len(), 1, "the tenant's own");

    let seen = client.get(&list(&sub(), "")).await;
    for assignment in seen.body["value"].as_array().unwrap() {
        let role = &assignment["properties"]["roleDefinitionId"];
        assert_eq!(
            role,
            &json!(format!("{}/providers/Microsoft.Authorization/roleDefinitions/{USER}", sub()))
        );
    }
    client.delete(&format!("{}?{API}", account("chat"))).await;
    assert_eq!(client.get(&list(&sub(), "")).await.len(), 5, "assignments go with their resource");
}

#[tokio::test]
async fn an_assignment_needs_an_account_that_exists() {
    let client = Client::new().await;
    assert_eq!(
        client.put(&path(&account("none"), 1), grant(USER, ALICE)).await.code(),
        (404, "ResourceNotFound")
    );
    assert_eq!(client.delete(&path(&account("none"), 1)).await.status, 204);
}

#[tokio::test]
async fn many_assignments_come_in_pages_without_gaps() {
    let client = Client::new().await;
    for number in 0..1005 {
        let group = format!("{}/resourceGroups/g{number}", sub());
        client.put(&path(&group, number), grant(USER, ALICE)).await;
    }
    let first = client.get(&list(&sub(), "")).await;
    let second = client.get(first.body["nextLink"].as_str().unwrap()).await;
    assert_eq!((first.len(), second.len()), (1000, 5));
}

#[tokio::test]
async fn roles_are_found_by_name_without_case_and_ids_match_assignments() {
    let client = Client::new().await;
    let roles = |scope: &str, filter: &str| {
        format!("{scope}/providers/Microsoft.Authorization/roleDefinitions?{RBAC}{filter}")
    };
    assert_eq!(client.get(&roles(&sub(), "")).await.len(), 873);
    let found =
        client.get(&roles(&account("any"), "&$filter=roleName%20eq%20'cognitive services user'")).await;
    assert_eq!(found.status, 404, "a scope must exist");
    let group = format!("{}/resourceGroups/rg", sub());
    let found = client.get(&roles(&group, "&$filter=roleName%20eq%20'cognitive services user'")).await;
    assert_eq!(
        (found.len(), &found.body["value"][0]["id"]),
        (1, &json!(format!("{}/providers/Microsoft.Authorization/roleDefinitions/{USER}", sub())))
    );
    assert_eq!(client.get(&roles("", "&$filter=type eq 'CustomRole'")).await.len(), 0);
    let one =
        client.get(&format!("/providers/Microsoft.Authorization/roleDefinitions/{READER}?{RBAC}")).await;
    assert_eq!(
        (&one.body["properties"]["roleName"], &one.body["id"]),
        (&json!("Reader"), &json!(format!("/providers/Microsoft.Authorization/roleDefinitions/{READER}")))
    );
}

#[tokio::test]
async fn custom_roles_are_made_assigned_and_kept_while_in_use() {
    let client = Client::new().await;
    let id = "77777777-7777-7777-7777-777777777777";
    let path_of_role = format!("{}/providers/Microsoft.Authorization/roleDefinitions/{id}?{RBAC}", sub());
    let role = json!({"properties": {"roleName": "Mine", "assignableScopes": [sub()], "permissions": [{"actions": ["*/read"]}]}});
    assert_eq!(client.put(&path_of_role, role.clone()).await.status, 201);
    let update = client.put(&path_of_role, role).await;
    assert_eq!((update.status, &update.body["properties"]["type"]), (201, &json!("CustomRole")));
    assert_eq!(client.put(&path(&sub(), 1), grant(id, ALICE)).await.status, 201);
    assert_eq!(client.delete(&path_of_role).await.code(), (400, "RoleDefinitionHasAssignments"));
    client.delete(&path(&sub(), 1)).await;
    assert_eq!(client.delete(&path_of_role).await.status, 200);
    assert_eq!(client.delete(&path_of_role).await.status, 204);
}

#[tokio::test]
async fn the_owner_may_do_everything() {
    let client = Client::new().await;
    let answer = client.get(&format!("{}/providers/Microsoft.Authorization/permissions?{RBAC}", sub())).await;
    assert_eq!(
        answer.body,
        json!({"value": [{"actions": ["*"], "notActions": [], "dataActions": [], "notDataActions": []}]})
    );
}
