//! What a write carries: everything writable that is live, nothing that is not.

use serde_json::{Value, json};

use crate::common::{Azure, account, one_account};

/// An account of a kind that shows no `apiProperties`: its changes go by PUT.
fn make_openai(azure: &Azure, properties: &Value) {
    let body =
        json!({"location": "eastus2", "kind": "OpenAI", "sku": {"name": "S0"}, "properties": properties});
    azure.put(&account("chat"), body);
}

/// Every `null` in a body, by path.
fn nulls(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Null => found.push(at.to_owned()),
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| nulls(&format!("{at}/{name}"), value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| nulls(&format!("{at}[]"), value, found)),
        _ => {}
    }
}

#[test]
fn an_address_added_by_hand_survives_an_apply_of_another_field() {
    let azure = Azure::start();
    let folder = azure.folder();
    let subnet = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/app";
    make_openai(
        &azure,
        &json!({
            "customSubDomainName": "chat", "disableLocalAuth": true, "publicNetworkAccess": "Enabled",
            "networkAcls": {"defaultAction": "Allow", "bypass": "AzureServices", "ipRules": [{"value": "192.0.2.1"}],
                "virtualNetworkRules": [{"id": subnet, "ignoreMissingVnetServiceEndpoint": true}]},
            "dynamicThrottlingEnabled": true
        }),
    );
    azure.patch(
        &account("chat"),
        json!({"identity": {"type": "SystemAssigned"}, "tags": {"cost": "7", "keyless-stack": "team-a"}}),
    );
    let before = azure.get(&account("chat"));
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", "networkAcls: {defaultAction: Deny}\ntags: {team: ml}\n"),
    );
    folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);

    let writes = azure.take_writes();
    let [write] = writes.as_slice() else { panic!("one write: {writes:?}") };
    assert_eq!(write.method, "PUT");
    let sent = &write.body;
    assert_eq!(sent["properties"]["networkAcls"]["ipRules"], json!([{"value": "192.0.2.1"}]));
    assert_eq!(sent["properties"]["networkAcls"]["bypass"], "AzureServices");
    assert_eq!(sent["properties"]["networkAcls"]["virtualNetworkRules"][0]["id"], subnet);
    assert_eq!(sent["properties"]["networkAcls"]["defaultAction"], "Deny");
    assert_eq!(sent["properties"]["dynamicThrottlingEnabled"], true, "a field that keyless does not know");
    assert_eq!(sent["identity"]["type"], "SystemAssigned");
    let mut found = Vec::new();
    nulls("", sent, &mut found);
    assert!(found.is_empty(), "nulls were sent: {found:?}");
    for read_only in ["id", "name", "type", "etag", "systemData"] {
        assert!(sent.get(read_only).is_none(), "{read_only} was sent");
    }
    for read_only in
        ["endpoint", "endpoints", "provisioningState", "internalId", "dateCreated", "capabilities"]
    {
        assert!(sent["properties"].get(read_only).is_none(), "{read_only} was sent");
    }
    assert!(sent["identity"].get("principalId").is_none());

    let after = azure.get(&account("chat"));
    assert_eq!(after["identity"], before["identity"], "the identity is the same one");
    assert_eq!(after["tags"], json!({"cost": "7", "team": "ml", "keyless-stack": "team-a"}));
    let mut expected = before["properties"].clone();
    expected["networkAcls"]["defaultAction"] = json!("Deny");
    assert_eq!(after["properties"]["networkAcls"], expected["networkAcls"]);
}

#[test]
fn a_field_that_no_version_of_keyless_knows_is_carried() {
    let azure = Azure::start();
    let folder = azure.folder();
    make_openai(&azure, &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    // The sandbox would not show such a field: the wire adds it to what GET shows.
    azure.spoil(
        "GET",
        "/accounts/chat?",
        crate::common::Fault::Edit(|body| {
            body["properties"]["inventedIn2031"] = json!({"deep": [1, {"er": null, "kept": "yes"}]});
            body["plan"] = json!({"name": "p"});
        }),
    );
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {team: ml}\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let writes = azure.take_writes();
    assert_eq!(writes[0].body["properties"]["inventedIn2031"], json!({"deep": [1, {"kept": "yes"}]}));
    assert_eq!(writes[0].body["plan"], json!({"name": "p"}));
}

#[test]
fn a_user_assigned_identity_survives_a_declared_system_assigned_one() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    let id = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u";
    azure.patch(
        &account("chat"),
        json!({"identity": {"type": "UserAssigned", "userAssignedIdentities": {id: {}}}}),
    );
    folder.write("a.yaml", one_account("team-a", "chat", "identity: SystemAssigned\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let identity = &azure.get(&account("chat"))["identity"];
    assert_eq!(identity["type"], "SystemAssigned, UserAssigned");
    assert!(identity["userAssignedIdentities"].get(id).is_some(), "{identity}");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
fn a_declared_empty_list_empties_and_null_clears_a_tag() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account(
        "chat",
        &json!({"customSubDomainName": "chat", "disableLocalAuth": true,
            "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "192.0.2.1"}]}}),
    );
    azure.patch(&account("chat"), json!({"tags": {"old": "1", "kept": "2"}}));
    folder.write("a.yaml", one_account("team-a", "chat", "networkAcls: {ipRules: []}\ntags: {old: null}\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let live = azure.get(&account("chat"));
    assert_eq!(live["properties"]["networkAcls"]["ipRules"], json!([]));
    assert_eq!(live["properties"]["networkAcls"]["defaultAction"], "Deny");
    assert_eq!(live["tags"], json!({"kept": "2"}));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
fn a_change_of_an_immutable_field_is_refused_with_its_reason_and_nothing_is_written() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    for lines in ["location: westus\n", "kind: OpenAI\n", "customSubDomainName: other\n"] {
        folder.write("a.yaml", one_account("team-a", "chat", lines));
        let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
        assert_eq!(run.changes("refused").len(), 1, "{run}");
        assert!(run.findings().iter().any(|finding| finding == "immutable-field@8"), "{run}");
    }
    assert!(azure.take_writes().is_empty());
}
