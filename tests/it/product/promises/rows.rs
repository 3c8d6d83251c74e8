//! What breaks a plan of accounts and assignments, each thing in a row of its own.

use serde_json::{Value, json};

use super::{GROUP, Row, access, answers, for_an_hour, heal, lock, nothing, unlock, with_a_revocation};
use crate::common::{Azure, BOB, Fault, READER, SUB, account, role};

fn directory(azure: &Azure, content: Value) {
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(content)).status, 200);
}

fn skus(azure: &Azure, kind: &str, name: &str, location: &str, restrictions: &Value) {
    let offer = json!({
        "resourceType": "accounts", "kind": kind, "name": name, "tier": "Standard",
        "locations": [location], "restrictions": restrictions,
    });
    answers(azure, "/Microsoft.CognitiveServices/skus?", &json!({"value": [offer]}));
}

fn define(azure: &Azure, guid: &str, name: &str) {
    azure.put(
        &role(guid),
        json!({"properties": {
            "roleName": name, "type": "CustomRole", "assignableScopes": [format!("/subscriptions/{SUB}")],
            "permissions": [{"actions": [], "dataActions": ["Microsoft.CognitiveServices/accounts/OpenAI/*"]}],
        }}),
    );
}

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "another account has the subdomain",
        spec: &[],
        breaks: |azure| {
            let path = account("other").replace("/rg/", "/elsewhere/");
            azure.put(&path, json!({"location": "westus", "kind": "AIServices", "sku": {"name": "S0"}, "properties": {"customSubDomainName": "chat-eu"}}));
        },
        finds: ("subdomain-taken", "error", Some("customSubDomainName: chat-eu")),
        exit: 1,
        mends: |azure| {
            azure.delete(&account("other").replace("/rg/", "/elsewhere/"));
            azure.send("DELETE", &format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/locations/westus/resourceGroups/elsewhere/deletedAccounts/other"), None);
        },
    },
    Row {
        name: "a soft-deleted account has the name",
        spec: &[],
        breaks: |azure| {
            azure.make_account("chat", &json!({}));
            azure.delete(&account("chat"));
        },
        finds: ("soft-deleted", "error", Some("- name: chat")),
        exit: 1,
        mends: |azure| {
            azure.send("DELETE", &format!("/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/rg/deletedAccounts/chat"), None);
        },
    },
    Row {
        name: "a lock on the account keeps a role from being revoked",
        spec: &[],
        breaks: |azure| {
            with_a_revocation(azure);
            lock(azure, &account("chat"), "CanNotDelete");
        },
        finds: ("locked", "error", Some("stack: team-a")),
        exit: 1,
        mends: |azure| unlock(azure, &account("chat")),
    },
    Row {
        name: "a lock on the group keeps a role from being revoked",
        spec: &[],
        breaks: |azure| {
            with_a_revocation(azure);
            lock(azure, GROUP, "CanNotDelete");
        },
        finds: ("locked", "error", Some("stack: team-a")),
        exit: 1,
        mends: |azure| unlock(azure, GROUP),
    },
    Row {
        name: "a read-only lock on the subscription keeps the account from being made",
        spec: &[],
        breaks: |azure| lock(azure, &format!("/subscriptions/{SUB}"), "ReadOnly"),
        finds: ("locked", "error", Some("- name: chat")),
        exit: 1,
        mends: |azure| unlock(azure, &format!("/subscriptions/{SUB}")),
    },
    Row {
        name: "a read-only lock on the account keeps a role from being given",
        spec: &[],
        breaks: |azure| {
            azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
            lock(azure, &account("chat"), "ReadOnly");
        },
        finds: ("locked", "error", Some("- {id: aaaaaaaa")),
        exit: 1,
        mends: |azure| unlock(azure, &account("chat")),
    },
    Row {
        name: "locks may not be read",
        spec: &[],
        breaks: |azure| azure.spoil("GET", "/locks?", Fault::denied()),
        finds: ("not-checked", "note", None),
        exit: 0,
        mends: heal,
    },
    Row {
        name: "nobody has defined the role",
        spec: &[("Cognitive Services User", "Model Callers")],
        breaks: nothing,
        finds: ("unknown-role", "error", Some("- role: Model Callers")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "roles may not be read",
        spec: &[("Cognitive Services User", "Model Callers")],
        breaks: |azure| azure.spoil("GET", "/roleDefinitions?", Fault::denied()),
        finds: ("role-unread", "error", Some("- role: Model Callers")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "two custom roles have the name",
        spec: &[("Cognitive Services User", "Model Callers")],
        breaks: |azure| {
            define(azure, "c0570000-0000-4000-8000-000000000001", "One");
            define(azure, "c0570000-0000-4000-8000-000000000002", "Two");
            let rename = |list: &mut Value| {
                for body in list["value"].as_array_mut().unwrap() {
                    if body["properties"]["type"] == "CustomRole" {
                        body["properties"]["roleName"] = json!("Model Callers");
                    }
                }
            };
            azure.spoil("GET", "/roleDefinitions?", Fault::Edit(rename));
        },
        finds: ("unknown-role", "error", Some("- role: Model Callers")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the role lets nobody call models",
        spec: &[("Cognitive Services User", "Reader")],
        breaks: nothing,
        finds: ("role-without-inference", "note", Some("- role: Reader")),
        exit: 0,
        mends: nothing,
    },
    Row {
        name: "the directory has no such group",
        spec: &[("{id: aaaaaaaa-0000-4000-8000-000000000001, type: User}", "{group: nobody}")],
        breaks: |azure| {
            let batch = Fault::Edit(|answer| answer["responses"][0]["body"]["value"] = json!([]));
            azure.spoil("POST", "/v1.0/$batch", batch);
        },
        finds: ("principal-not-found", "error", Some("- {group: nobody}")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "two groups have the name",
        spec: &[("{id: aaaaaaaa-0000-4000-8000-000000000001, type: User}", "{group: ml}")],
        breaks: |azure| {
            directory(
                azure,
                json!({"groups": [
                    {"id": "cafe0000-0000-4000-8000-000000000001", "displayName": "ml"},
                    {"id": "cafe0000-0000-4000-8000-000000000002", "displayName": "ml"},
                ]}),
            );
        },
        finds: ("principal-ambiguous", "error", Some("- {group: ml}")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "a client id stands for an object id",
        spec: &[(
            "aaaaaaaa-0000-4000-8000-000000000001, type: User",
            "cafe0000-0000-4000-8000-000000000004, type: ServicePrincipal",
        )],
        breaks: |azure| {
            let app = json!({"id": "cafe0000-0000-4000-8000-000000000003", "appId": "cafe0000-0000-4000-8000-000000000004", "displayName": "p"});
            directory(azure, json!({"servicePrincipals": [app]}));
        },
        finds: ("client-id", "error", Some("- {id: cafe0000")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "the principal is of another type",
        spec: &[(
            "aaaaaaaa-0000-4000-8000-000000000001, type: User",
            "cafe0000-0000-4000-8000-000000000001, type: User",
        )],
        breaks: |azure| {
            directory(
                azure,
                json!({"groups": [{"id": "cafe0000-0000-4000-8000-000000000001", "displayName": "ml"}]}),
            );
        },
        finds: ("principal-type", "error", Some("- {id: cafe0000")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "the principal of a live assignment is gone",
        spec: &[],
        breaks: |azure| {
            azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
            azure.grant(&account("chat"), "d0000000-0000-4000-8000-000000000001", READER, BOB, None);
            azure.spoil(
                "POST",
                "/v1.0/$batch",
                Fault::Edit(|answer| {
                    for response in answer["responses"].as_array_mut().unwrap() {
                        response["body"]["value"].as_array_mut().unwrap().retain(|item| item["id"] != BOB);
                    }
                }),
            );
        },
        finds: ("orphaned-assignment", "note", None),
        exit: 0,
        mends: heal,
    },
    Row {
        name: "Azure knows no such kind",
        spec: &[],
        breaks: |azure| skus(azure, "SpeechServices", "S0", "EASTUS2", &json!([])),
        finds: ("not-offered", "error", Some("kind: AIServices")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the region does not have the kind",
        spec: &[],
        breaks: |azure| skus(azure, "AIServices", "S0", "WESTUS", &json!([])),
        finds: ("not-offered", "error", Some("location: eastus2")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the kind does not come with the SKU",
        spec: &[],
        breaks: |azure| skus(azure, "AIServices", "F0", "EASTUS2", &json!([])),
        finds: ("not-offered", "error", Some("sku: S0")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the SKU is closed to the subscription",
        spec: &[],
        breaks: |azure| {
            let closed = json!([{"type": "Location", "values": ["EASTUS2"], "reasonCode": "NotAvailableForSubscription"}]);
            skus(azure, "AIServices", "S0", "EASTUS2", &closed);
        },
        finds: ("not-offered", "error", Some("sku: S0")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the subscription is full of assignments",
        spec: &[],
        breaks: |azure| {
            let fill = |list: &mut Value| {
                let body = |n: usize| {
                    let name = format!("f0000000-0000-4000-8000-{n:012}");
                    json!({"id": crate::common::assignment(GROUP, &name), "name": name, "properties": {
                        "scope": GROUP, "principalId": BOB, "principalType": "User", "roleDefinitionId": role(READER),
                    }})
                };
                list["value"].as_array_mut().unwrap().extend((0..4000).map(body));
            };
            azure.spoil("GET", "/roleAssignments?", Fault::Edit(fill));
        },
        finds: ("assignment-limit", "error", Some("- {id: aaaaaaaa")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "network rules on an account without a subdomain",
        spec: &[("    customSubDomainName: chat-eu\n", "    networkAcls: {defaultAction: Deny}\n")],
        breaks: |azure| azure.make_account("chat", &json!({"disableLocalAuth": true})),
        finds: ("subdomain-required", "error", Some("networkAcls:")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "keys are on, and the spec does not say",
        spec: &[("    disableLocalAuth: true\n", "")],
        breaks: |azure| azure.make_account("chat", &json!({"customSubDomainName": "chat-eu"})),
        finds: ("keys-enabled", "warning", Some("- name: chat")),
        exit: 0,
        mends: nothing,
    },
    Row {
        name: "a policy would refuse the account",
        spec: &[],
        breaks: |azure| {
            let policy = json!({
                "scope": GROUP, "name": "regions", "type": "Microsoft.CognitiveServices/accounts",
                "field": "location", "operator": "notEquals", "value": "westeurope",
            });
            access(azure, json!({"policies": [policy]}));
        },
        finds: ("policy-refusal", "note", Some("location: eastus2")),
        exit: 0,
        mends: |azure| access(azure, json!({"remove": ["regions"]})),
    },
    Row {
        name: "the caller may not write",
        spec: &[],
        breaks: |azure| {
            answers(
                azure,
                "/Microsoft.Authorization/permissions?",
                &json!({"value": [{"actions": ["*/read"], "notActions": []}]}),
            );
        },
        finds: ("missing-permission", "note", Some("- name: chat")),
        exit: 0,
        mends: heal,
    },
    Row {
        name: "the caller may write accounts and give no roles",
        spec: &[],
        breaks: |azure| {
            let contributor = json!({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]});
            answers(azure, "/Microsoft.Authorization/permissions?", &json!({"value": [contributor]}));
        },
        finds: ("missing-permission", "note", Some("- {id: aaaaaaaa")),
        exit: 0,
        mends: heal,
    },
    Row {
        name: "a deny assignment stands above",
        spec: &[],
        breaks: |azure| {
            let denial =
                json!({"scope": GROUP, "name": "managed app", "permissions": [{"actions": ["*/delete"]}]});
            access(azure, json!({"denyAssignments": [denial]}));
        },
        finds: ("deny-assignment", "note", Some("- {id: aaaaaaaa")),
        exit: 0,
        mends: |azure| access(azure, json!({"remove": ["managed app"]})),
    },
    Row {
        name: "somebody activated the role for a while",
        spec: &[],
        breaks: |azure| for_an_hour(azure, "Activated"),
        finds: ("temporary-assignment", "note", Some("- {id: aaaaaaaa")),
        exit: 0,
        mends: |azure| {
            for body in azure.grants_at(&account("chat")) {
                access(azure, json!({"remove": [body["name"]]}));
            }
        },
    },
    Row {
        name: "the resource group is not there",
        spec: &[],
        breaks: |azure| {
            let gone = Fault::error(404, "ResourceGroupNotFound", "Resource group 'rg' could not be found.");
            azure.spoil("GET", "/resourceGroups/rg", gone);
        },
        finds: ("resource-group-missing", "error", Some("- name: chat")),
        exit: 1,
        mends: heal,
    },
    Row {
        name: "the live account is of another kind",
        spec: &[("kind: AIServices", "kind: OpenAI")],
        breaks: |azure| azure.make_account("chat", &json!({"customSubDomainName": "chat-eu"})),
        finds: ("immutable-field", "error", Some("kind: OpenAI")),
        exit: 1,
        mends: nothing,
    },
    Row {
        name: "another stack has marked the account",
        spec: &[],
        breaks: |azure| {
            azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
            azure.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-b"}}));
        },
        finds: ("foreign-mark", "error", Some("- name: chat")),
        exit: 1,
        mends: |azure| {
            azure.patch(&account("chat"), json!({"tags": {}}));
        },
    },
];
