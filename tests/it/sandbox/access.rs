//! What callers may do when strict, and what else decides over a write: deny assignments, activations, policies.

use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::client::{API, Answer, Client, RBAC, SUB, account, body};

const APP: &str = "44444444-4444-4444-4444-444444444444";
const TEAM: &str = "99999999-4444-4444-4444-444444444444";
const ALICE: &str = "55555555-5555-5555-5555-555555555555";
const GROUPS: &str = "api-version=2021-04-01";

/// A strict sandbox with one subscription and one group, made by an owner.
async fn world() -> (Client, Client) {
    let owner = Client::strict(Options::default()).await;
    let people = json!({
        "subscriptions": [{"id": SUB, "name": "team"}],
        "servicePrincipals": [{"displayName": "reader", "id": APP, "appId": APP.replace('4', "6"), "secret": "s"}],
        "groups": [{"displayName": "team", "id": TEAM, "members": [APP]}],
        "users": [{"id": ALICE, "userPrincipalName": "alice@contoso.com"}],
    });
    assert_eq!(owner.post("/_sandbox/directory", Some(people)).await.status, 200);
    assert_eq!(owner.put(&group(), json!({"location": "eastus2"})).await.status, 201);
    let caller = owner.signed_in_as(&APP.replace('4', "6"), "s").await;
    (owner, caller)
}

fn sub() -> String {
    format!("/subscriptions/{SUB}")
}

fn group() -> String {
    format!("{}/resourceGroups/rg?{GROUPS}", sub())
}

fn at(scope: &str, rest: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/{rest}")
}

async fn access(client: &Client, what: Value) -> Answer {
    let made = client.post("/_sandbox/access", Some(what)).await;
    assert_eq!(made.status, 200, "{:?}", made.body);
    made
}

async fn grant(client: &Client, scope: &str, role: &str, principal: &str) {
    let role = json!({"scope": scope, "role": role, "principalId": principal});
    access(client, json!({"roleAssignments": [role]})).await;
}

#[tokio::test]
async fn what_a_caller_was_not_granted_is_refused_in_the_recorded_words() {
    let (owner, caller) = world().await;
    let chat = format!("{}?{API}", account("chat"));
    let refused = caller.get(&chat).await;
    assert_eq!(
        refused.message(),
        format!(
            "The client '{}' with object id '{APP}' does not have authorization to perform action \
             'Microsoft.CognitiveServices/accounts/read' over scope '{}' or the scope is invalid. If access was \
             recently granted, please refresh your credentials.",
            APP.replace('4', "6"),
            account("chat")
        )
    );
    assert_eq!(refused.code(), (403, "AuthorizationFailed"));
    assert_eq!(caller.get(&format!("{}?{GROUPS}", sub())).await.status, 403);
    assert_eq!(caller.get(&format!("/subscriptions?{GROUPS}")).await.len(), 0);

    grant(&owner, &format!("{}/resourceGroups/rg", sub()), "Reader", APP).await;
    assert_eq!(caller.get(&chat).await.code(), (404, "ResourceNotFound"));
    assert_eq!(caller.get(&format!("/subscriptions?{GROUPS}")).await.len(), 1);
    assert_eq!(caller.get(&format!("{}?{GROUPS}", sub())).await.status, 200, "who has a role below sees it");
    let accounts = "providers/Microsoft.CognitiveServices/accounts";
    let in_group = caller.get(&format!("{}/resourceGroups/rg/{accounts}?{API}", sub())).await;
    let in_all = caller.get(&format!("{}/{accounts}?{API}", sub())).await;
    assert_eq!((in_group.status, in_all.code()), (200, (403, "AuthorizationFailed")));
    assert!(in_all.message().contains(&format!("scope '{}/providers/Microsoft.CognitiveServices'", sub())));

    for (method, path, action) in [
        ("PUT", chat.clone(), "Microsoft.CognitiveServices/accounts/write"),
        ("DELETE", chat.clone(), "Microsoft.CognitiveServices/accounts/delete"),
        (
            "POST",
            format!("{}/listKeys?{API}", account("chat")),
            "Microsoft.CognitiveServices/accounts/listKeys/action",
        ),
        (
            "PUT",
            at(&account("chat"), &format!("roleAssignments/{ALICE}?{RBAC}")),
            "Microsoft.Authorization/roleAssignments/write",
        ),
    ] {
        let refused = caller.send(method, &path, Some(body("AIServices", json!({})))).await;
        assert_eq!(refused.code(), (403, "AuthorizationFailed"), "{method} {path}");
        assert!(refused.message().contains(&format!("'{action}'")), "{}", refused.message());
    }
}

#[tokio::test]
async fn roles_count_through_groups_and_inheritance_and_less_what_they_exclude() {
    let (owner, caller) = world().await;
    let permissions = at(&format!("{}/resourceGroups/rg", sub()), &format!("permissions?{RBAC}"));
    assert_eq!(caller.get(&permissions).await.body, json!({"value": []}));
    let management = "/providers/Microsoft.Management/managementGroups/top";
    grant(&owner, management, "Contributor", TEAM).await;
    let told = caller.get(&permissions).await;
    assert_eq!((told.len(), &told.body["value"][0]["actions"]), (1, &json!(["*"])));
    assert!(told.body["value"][0]["notActions"].to_string().contains("Microsoft.Authorization/*/Write"));
    let chat = format!("{}?{API}", account("chat"));
    assert_eq!(caller.put(&chat, body("AIServices", json!({}))).await.status, 201);
    let assignment = at(&account("chat"), &format!("roleAssignments/{ALICE}?{RBAC}"));
    let sent = json!({"properties": {
        "roleDefinitionId": at(&sub(), "roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"),
        "principalId": ALICE, "principalType": "User",
    }});
    assert_eq!(caller.put(&assignment, sent.clone()).await.code(), (403, "AuthorizationFailed"));

    // A custom role adds what the built-in one takes away.
    let role = json!({"properties": {
        "roleName": "Role giver", "assignableScopes": [sub()],
        "permissions": [{"actions": ["Microsoft.Authorization/roleAssignments/*"], "notActions": ["*/delete"]}],
    }});
    let role_path = at(&sub(), &format!("roleDefinitions/{TEAM}?{RBAC}"));
    assert_eq!(owner.put(&role_path, role).await.status, 201);
    grant(&owner, &sub(), "Role giver", TEAM).await;
    assert_eq!(caller.get(&permissions).await.len(), 2);
    assert_eq!(caller.put(&assignment, sent).await.status, 201);
    assert_eq!(caller.delete(&assignment).await.code(), (403, "AuthorizationFailed"));
    let custom = at(&sub(), &format!("roleDefinitions?{RBAC}&$filter=type eq 'CustomRole'"));
    assert_eq!(owner.get(&custom).await.body["value"][0]["properties"]["roleName"], "Role giver");
    let at_tenant =
        |filter: &str| at("", &format!("roleDefinitions?{RBAC}&$filter={filter}type eq 'CustomRole'"));
    assert_eq!(owner.get(&at_tenant("")).await.len(), 0, "assignable further below");
    assert_eq!(owner.get(&at_tenant("atScopeAndBelow() and ")).await.len(), 1);
}

#[tokio::test]
async fn a_deny_assignment_outweighs_a_role_for_all_but_the_excluded() {
    let (owner, caller) = world().await;
    grant(&owner, &sub(), "Contributor", APP).await;
    let denial = json!({
        "scope": sub(), "name": "stack protection",
        "permissions": [{"actions": ["Microsoft.CognitiveServices/*/write"]}],
        "excludePrincipals": [ALICE],
    });
    let made = access(&owner, json!({"denyAssignments": [denial]})).await;
    let id = made.body["denyAssignments"][0].as_str().unwrap();
    let listed = owner.get(&at(&account("chat"), "denyAssignments?api-version=2022-04-01")).await;
    assert_eq!(listed.status, 404, "a scope must exist");
    let listed = owner.get(&at(&sub(), "denyAssignments?api-version=2022-04-01")).await;
    let shown = &listed.body["value"][0];
    assert_eq!((listed.len(), &shown["name"]), (1, &json!(id)));
    assert_eq!(shown["properties"]["denyAssignmentName"], "stack protection");
    let everyone = json!([{"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}]);
    assert_eq!(shown["properties"]["principals"], everyone);
    assert_eq!(shown["properties"]["excludePrincipals"], json!([{"id": ALICE, "type": "User"}]));
    assert_eq!(owner.get(shown["id"].as_str().unwrap().to_owned().as_str()).await.status, 400, "no version");

    let chat = format!("{}?{API}", account("chat"));
    let denied = caller.put(&chat, body("AIServices", json!({}))).await;
    assert_eq!(denied.code(), (403, "DenyAssignmentAuthorizationFailed"));
    assert!(
        denied.message().contains(&format!(
            "however, the access is denied because of the deny assignment with name 'stack protection' and Id '{}' at \
             scope '{}'.",
            id.replace('-', ""),
            sub()
        )),
        "{}",
        denied.message()
    );
    assert_eq!(caller.get(&group()).await.status, 200, "reading is not denied");
    access(&owner, json!({"remove": [id]})).await;
    assert_eq!(caller.put(&chat, body("AIServices", json!({}))).await.status, 201);
}

#[tokio::test]
async fn an_activated_role_is_an_assignment_with_an_end_that_comes() {
    let (owner, caller) = world().await;
    let instances = at(&sub(), "roleAssignmentScheduleInstances?api-version=2020-10-01");
    let activated = json!({"scope": sub(), "role": "Reader", "principalId": APP, "seconds": 3600});
    access(&owner, json!({"scheduleInstances": [activated]})).await;
    grant(&owner, &sub(), "Reader", ALICE).await;
    let listed = owner.get(&instances).await;
    let of = |principal: &str| {
        let all = listed.body["value"].as_array().unwrap();
        all.iter().find(|one| one["properties"]["principalId"] == principal).unwrap()["properties"].clone()
    };
    let (temporary, lasting) = (of(APP), of(ALICE));
    assert_eq!(
        (&temporary["assignmentType"], &lasting["assignmentType"]),
        (&json!("Activated"), &json!("Assigned"))
    );
    assert!(temporary["endDateTime"].is_string() && lasting["endDateTime"].is_null());
    assert!(temporary["linkedRoleEligibilityScheduleId"].is_string());
    let origin = temporary["originRoleAssignmentId"].as_str().unwrap();
    assert_eq!(caller.get(&format!("{origin}?{RBAC}")).await.status, 200, "an ordinary assignment too");
    assert_eq!(caller.get(&format!("{instances}&$filter=principalId eq '{APP}'")).await.len(), 1);
    owner.post("/_sandbox/clock", Some(json!({"advanceSeconds": 3500}))).await;
    assert_eq!(owner.get(&format!("{origin}?{RBAC}")).await.status, 200);
    let renewed = owner.signed_in_again().await;
    renewed.post("/_sandbox/clock", Some(json!({"advanceSeconds": 101}))).await;
    assert_eq!(renewed.get(&format!("{origin}?{RBAC}")).await.status, 404);
}

async fn scopes(client: &Client, path: &str) -> Vec<String> {
    let listed = client.get(path).await;
    assert_eq!(listed.status, 200, "{:?}", listed.body);
    let all = listed.body["value"].as_array().into_iter().flatten();
    all.map(|one| one["properties"]["scope"].as_str().unwrap_or_default().to_owned()).collect()
}

/// As the first example of `Get-AzRoleAssignmentScheduleInstance` shows; who may read, as the list's documentation says.
#[tokio::test]
async fn without_a_filter_a_subscriptions_schedule_instances_include_those_below_it() {
    let (owner, caller) = world().await;
    let in_group = format!("{}/resourceGroups/rg", sub());
    grant(&owner, &in_group, "Reader", APP).await;
    grant(&owner, &sub(), "Reader", ALICE).await;
    let chat = format!("{}?{API}", account("chat"));
    assert_eq!(owner.put(&chat, body("AIServices", json!({}))).await.status, 201);
    grant(&owner, &account("chat"), "Reader", TEAM).await;
    let list = |scope: &str, filter: &str| {
        at(scope, &format!("roleAssignmentScheduleInstances?api-version=2020-10-01{filter}"))
    };
    let whole = scopes(&owner, &list(&sub(), "")).await;
    assert!([&sub(), &in_group, &account("chat")].iter().all(|scope| whole.contains(scope)), "{whole:?}");
    let above = scopes(&owner, &list(&in_group, "&$filter=atScope()")).await;
    assert!(above.contains(&sub()) && above.contains(&in_group) && !above.contains(&account("chat")));
    assert_eq!(caller.get(&list(&sub(), "")).await.code(), (403, "AuthorizationFailed"));
    let theirs = scopes(&caller, &list(&account("chat"), "&$filter=atScope()")).await;
    assert!([&sub(), &in_group, &account("chat")].iter().all(|scope| theirs.contains(scope)), "{theirs:?}");
}

#[tokio::test]
async fn a_deny_policy_refuses_what_it_names_and_tells_beforehand() {
    let client = Client::new().await;
    let policy = json!({
        "scope": format!("{}/resourceGroups/rg", sub()), "name": "No public network",
        "type": "Microsoft.CognitiveServices/accounts",
        "field": "Microsoft.CognitiveServices/accounts/publicNetworkAccess", "operator": "notEquals", "value": "Disabled",
    });
    let place = json!({
        "scope": sub(), "name": "Places", "type": "Microsoft.CognitiveServices/accounts",
        "field": "location", "operator": "in", "value": ["westus"],
    });
    access(&client, json!({"policies": [policy, place]})).await;
    let chat = format!("{}?{API}", account("chat"));
    let open = body("AIServices", json!({}));
    let refused = client.put(&chat, open.clone()).await;
    assert_eq!(refused.code(), (403, "RequestDisallowedByPolicy"));
    assert_eq!(refused.body["error"]["target"], "chat");
    assert!(
        refused.message().starts_with(
            "Resource 'chat' was disallowed by policy. Policy identifiers: '[{\"policyAssignment\":{\"id\":\"/subscriptions/"
        ) && refused.message().contains("\"name\":\"No public network\""),
        "{}",
        refused.message()
    );
    let info = &refused.body["error"]["additionalInfo"][0];
    assert_eq!(
        (
            &info["type"],
            &info["info"]["policyAssignmentDisplayName"],
            &info["info"]["policyDefinitionEffect"]
        ),
        (&json!("PolicyViolation"), &json!("No public network"), &json!("deny"))
    );
    let expression = &info["info"]["evaluationDetails"]["evaluatedExpressions"][1];
    assert_eq!(
        (&expression["path"], &expression["targetValue"], &expression["operator"]),
        (&json!("properties.publicNetworkAccess"), &json!("Disabled"), &json!("NotEquals"))
    );
    let closed = body("AIServices", json!({"publicNetworkAccess": "disabled"}));
    assert_eq!(client.put(&chat, closed.clone()).await.status, 201);
    let reopened = client.patch(&chat, json!({"properties": {"publicNetworkAccess": "Enabled"}})).await;
    assert_eq!(reopened.code(), (403, "RequestDisallowedByPolicy"));
    assert_eq!(client.patch(&chat, json!({"tags": {"a": "b"}})).await.status, 200, "the rest is as it was");

    let check =
        format!("{}/resourceGroups/rg/providers/Microsoft.PolicyInsights/checkPolicyRestrictions", sub());
    let check = format!("{check}?api-version=2022-03-01");
    let ask = async |mut resource: Value, pending: Value| {
        resource["type"] = json!("Microsoft.CognitiveServices/accounts");
        let question = json!({"resourceDetails": {"resourceContent": resource}, "pendingFields": pending});
        let told = client.post(&check, Some(question)).await;
        assert_eq!(told.status, 200);
        told.body
    };
    let told = ask(open, json!([])).await;
    let evaluations = told["contentEvaluationResult"]["policyEvaluations"].as_array().unwrap();
    assert_eq!((evaluations.len(), &evaluations[0]["evaluationResult"]), (1, &json!("NonCompliant")));
    assert_eq!(evaluations[0]["policyInfo"]["policyAssignmentId"], info["info"]["policyAssignmentId"]);
    let told = ask(closed.clone(), json!([{"field": "location", "values": ["eastus2", "westus"]}])).await;
    assert_eq!(told["contentEvaluationResult"]["policyEvaluations"], json!([]));
    assert_eq!(
        (&told["fieldRestrictions"][0]["field"], &told["fieldRestrictions"][0]["restrictions"][0]["values"]),
        (&json!("location"), &json!(["westus"]))
    );
    let stats = client.get("/_sandbox/stats").await.body;
    assert_eq!(stats["writes"], 4, "the question is no write");
}
