//! What conditions withhold, the caller's own rights to write, and customer-managed keys.

use serde_json::json;

use super::{ALICE, BOB, CHAT, CS_USER, GROUP, OWNER, READER, grant, keys, messages, world};
use crate::guards::*;

const OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
const CUSTOM: &str = "00000000-1111-4222-8333-444444444444";
const OPENAI: &str = "Microsoft.CognitiveServices/accounts/OpenAI";
const VAULT: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv1";

fn under(mut body: Value, condition: &str) -> Value {
    body["properties"]["condition"] = json!(condition);
    body
}

const AI_DEVELOPER: &str = "64702f94-c441-49e6-a78b-ef80e0188fee";

fn custom(permission: &Value) -> Value {
    json!({
        "id": format!("/providers/Microsoft.Authorization/roleDefinitions/{CUSTOM}"),
        "properties": {"roleName": "made by hand", "permissions": [permission]},
    })
}

fn deployment(name: &str, format: &str, model: &str) -> Value {
    json!({"id": format!("{CHAT}/deployments/{name}"), "properties": {"model": {"format": format, "name": model}}})
}

fn found(before: &[Value], after: &[Value], caller: Option<&str>) -> Vec<String> {
    let (before, after) = (world(before.iter().cloned()), world(after.iter().cloned()));
    let caller = caller.map(|id| id.parse().unwrap());
    messages(rights(&before, &after, caller, &Declared::default()).objections)
}

#[test]
fn a_way_in_is_a_call_that_role_and_condition_both_let_through_and_a_deployed_model_takes() {
    let chat_only =
        custom(&json!({"dataActions": [format!("{OPENAI}/deployments/chat/completions/action")]}));
    let only = |pattern: &str| format!("(ActionMatches{{'{pattern}'}})");
    let but = |pattern: &str| format!("(!(ActionMatches{{'{pattern}'}}))");
    let (chat, embeddings) = (
        format!("{OPENAI}/deployments/chat/completions/action"),
        format!("{OPENAI}/deployments/embeddings/action"),
    );
    let gpt = || vec![deployment("gpt", "OpenAI", "gpt-4o")];
    let ada = || vec![deployment("ada", "OpenAI", "text-embedding-3-large")];
    let codex = || vec![deployment("codex", "OpenAI", "gpt-5-codex")];
    let claude = || vec![deployment("claude", "Anthropic", "claude-sonnet-4-5")];
    let mistral = || vec![deployment("m", "Mistral AI", "Mistral-large-2407")];
    for (role, condition, deployed, locked) in [
        (CUSTOM, but(&chat), Vec::new(), true),
        (CUSTOM, only(&embeddings), Vec::new(), true),
        (CUSTOM, but(&embeddings), Vec::new(), false),
        (CUSTOM, but(&embeddings), gpt(), false),
        (CUSTOM, String::new(), Vec::new(), false),
        (CUSTOM, String::new(), gpt(), false),
        // It does not permit calls to the only model.
        (CUSTOM, String::new(), ada(), true),
        (CUSTOM, String::new(), [ada(), gpt()].concat(), false),
        // Which data action `/openai/v1` takes for models of others is not documented.
        (CUSTOM, String::new(), mistral(), true),
        // Some OpenAI models accept only responses, and Anthropic's are not covered by its roles.
        (CUSTOM, String::new(), codex(), true),
        (OPENAI_USER, String::new(), [codex(), claude()].concat(), false),
        (OPENAI_USER, String::new(), claude(), true),
        (AI_DEVELOPER, String::new(), claude(), true),
        (CS_USER, String::new(), claude(), false),
        (CS_USER, but("*/MaaS/*"), claude(), true),
        (CS_USER, but(&format!("{OPENAI}/*")), claude(), false),
        (CS_USER, but(&format!("{OPENAI}/*")), gpt(), true),
        (CS_USER, but(&format!("{OPENAI}/*")), mistral(), false),
        (CS_USER, but(&format!("{OPENAI}/deployments/chat/*")), gpt(), true),
        (CS_USER, but(&format!("{OPENAI}/deployments/chat/*")), ada(), false),
        (CS_USER, but(&format!("{OPENAI}/deployments/chat/*")), Vec::new(), true),
        (CS_USER, but("*"), gpt(), true),
        (CS_USER, only(&format!("{OPENAI}/*")), gpt(), false),
    ] {
        let state = |off: bool| {
            let given = under(grant(1, CHAT, role, ALICE), &condition);
            [vec![keys(off), chat_only.clone(), given], deployed.clone()].concat()
        };
        let said = found(&state(false), &state(true), None);
        assert_eq!(!said.is_empty(), locked, "{role} under `{condition}` with {deployed:?}: {said:?}");
    }
}

#[test]
fn a_principal_is_the_same_in_whatever_form_its_guid_is_written() {
    let condition = "@Environment[isPrivateLink] BoolEquals true";
    let bare = ALICE.replace('-', "");
    for form in [ALICE.to_uppercase(), bare.clone(), format!("{{{ALICE}}}"), format!("urn:uuid:{ALICE}")] {
        let before = [under(grant(1, CHAT, CS_USER, ALICE), condition)];
        let said = found(&before, &[before[0].clone(), grant(2, GROUP, CS_USER, &form)], None);
        assert!(said.len() == 1 && said[0].starts_with("condition: "), "{form}: {said:?}");
        // Nor does another spelling hide an own identity or the caller.
        let own = |off: bool| {
            let mut body = keys(off);
            body["identity"] = json!({"principalId": ALICE});
            body
        };
        let given = grant(1, CHAT, CS_USER, &form);
        assert_eq!(found(&[own(false), given.clone()], &[own(true), given], None).len(), 1, "{form}");
        assert_eq!(found(&[grant(1, GROUP, OWNER, &form)], &[], Some(ALICE)).len(), 1, "{form}");
    }
}

#[test]
fn a_condition_is_not_got_around_by_another_role_that_gives_some_of_the_same() {
    let only = "@Environment[isPrivateLink] BoolEquals true";
    let chat = format!("(!(ActionMatches{{'{OPENAI}/deployments/chat/*'}}))");
    let search_reader = "1407120a-92aa-4202-b7e9-c0e197c71c8f";
    let (was, now) = (grant(1, CHAT, CS_USER, ALICE), grant(2, CHAT, OPENAI_USER, ALICE));
    for (what, before, after, objected) in [
        ("swapped", vec![under(was.clone(), only)], now.clone(), true),
        ("above", vec![under(was.clone(), only)], grant(2, GROUP, OPENAI_USER, ALICE), true),
        ("under another", vec![under(was.clone(), only)], under(now.clone(), &chat), true),
        ("under the same", vec![under(was.clone(), only)], under(now.clone(), only), false),
        ("to another", vec![under(was.clone(), only)], grant(2, CHAT, OPENAI_USER, BOB), false),
        (
            "elsewhere",
            vec![under(was.clone(), only)],
            grant(2, &format!("{CHAT}2"), OPENAI_USER, ALICE),
            false,
        ),
        ("nothing of the same", vec![under(was.clone(), only)], grant(2, CHAT, search_reader, ALICE), false),
        ("reading only", vec![under(grant(1, CHAT, READER, ALICE), only)], now.clone(), false),
        ("had it already", vec![under(was.clone(), only), now.clone()], now.clone(), false),
        (
            "had it above",
            vec![under(was.clone(), only), grant(3, GROUP, "a001fd3d-188f-4b5d-821b-7da978bf7442", ALICE)],
            now.clone(),
            false,
        ),
        (
            "what the condition does not keep away",
            vec![under(was, "(!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'}))")],
            now,
            false,
        ),
    ] {
        let said = found(&before, &[before[0].clone(), after], None);
        assert_eq!(!said.is_empty(), objected, "{what}: {said:?}");
        assert!(said.iter().all(|text| text.starts_with("condition: ")), "{what}: {said:?}");
    }
}

#[test]
fn every_right_with_which_keyless_writes_is_the_callers_to_keep() {
    for right in [
        "Microsoft.CognitiveServices/accounts/deployments/*",
        "Microsoft.CognitiveServices/accounts/raiPolicies/write",
        "Microsoft.CognitiveServices/accounts/projects/write",
        "Microsoft.CognitiveServices/accounts/connections/*",
        "Microsoft.CognitiveServices/accounts/write",
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleAssignments/delete",
    ] {
        let role = custom(&json!({"actions": [right]}));
        let held = [role.clone(), grant(1, GROUP, CUSTOM, ALICE)];
        let said = found(&held, std::slice::from_ref(&role), Some(ALICE));
        assert!(said.len() == 1 && said[0].contains("takes `made by hand`"), "{right}: {said:?}");
        assert!(found(&held, std::slice::from_ref(&role), Some(BOB)).is_empty(), "{right}");
        // Owner allows it too.
        let owner = grant(2, GROUP, OWNER, ALICE);
        assert!(
            found(&[held.to_vec(), vec![owner.clone()]].concat(), &[role, owner], Some(ALICE)).is_empty()
        );
    }
    let role = custom(&json!({"actions": ["Microsoft.CognitiveServices/*/read"]}));
    assert!(found(&[role.clone(), grant(1, GROUP, CUSTOM, ALICE)], &[role], Some(ALICE)).is_empty());
}

/// An account encrypted with a customer-managed key, read by an attached identity or by its own.
fn encrypted(identity: &Value, client: Option<&str>) -> Value {
    let mut body = keys(true);
    body["identity"] = identity.clone();
    body["properties"]["encryption"] = json!({
        "keySource": "Microsoft.KeyVault",
        "keyVaultProperties": {"keyVaultUri": "https://KV1.vault.azure.net/", "keyName": "k1", "identityClientId": client},
    });
    body
}

#[test]
fn an_account_keeps_the_identity_with_which_it_reads_its_key_and_its_role() {
    let id =
        |name: &str| format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}");
    let client = "dddddddd-0000-4000-8000-000000000004";
    let own = json!({"type": "SystemAssigned", "principalId": ALICE});
    let attached = |names: &[&str]| {
        let each = |name: &&str| {
            (id(name), json!({"clientId": if *name == "a" { client } else { BOB }, "principalId": ALICE}))
        };
        let all: serde_json::Map<String, Value> = names.iter().map(each).collect();
        json!({"type": "SystemAssigned, UserAssigned", "principalId": BOB, "userAssignedIdentities": all})
    };
    let none = json!({"type": "None"});
    let bare = client.replace('-', "");
    for (before, after, client, refused) in [
        (&own, &own, None, false),
        (&own, &none, None, true),
        (&own, &json!({"type": "UserAssigned", "userAssignedIdentities": {id("a"): {}}}), None, true),
        (&attached(&["a", "b"]), &attached(&["A"]), Some(client), false),
        (&attached(&["a", "b"]), &attached(&["b"]), Some(client), true),
        (&attached(&["a", "b"]), &attached(&["b"]), Some(bare.as_str()), true),
        (
            &attached(&["a"]),
            &json!({"type": "UserAssigned", "userAssignedIdentities": {id("a"): {}}}),
            Some(client),
            false,
        ),
        (&attached(&["a"]), &none, Some(client), true),
        (&none, &none, None, false),
    ] {
        let said = found(&[encrypted(before, client)], &[encrypted(after, client)], None);
        assert_eq!(said.len(), usize::from(refused), "{before} -> {after}: {said:?}");
        assert!(said.iter().all(|text| text.contains("reads its encryption key")), "{said:?}");
    }
    assert!(found(&[keys(true)], &[encrypted(&none, None)], None).is_empty(), "it never had one");

    let crypto = custom(&json!({"dataActions": ["Microsoft.KeyVault/vaults/keys/unwrap/action"]}));
    let key = format!("{VAULT}/keys/k1");
    let (other_key, other_vault) = (format!("{VAULT}/keys/k2"), format!("{VAULT}2"));
    let role = |number, scope: &str, role| grant(number, scope, role, ALICE);
    for (what, before, after, refused) in [
        ("taken", vec![role(1, VAULT, CUSTOM)], vec![], true),
        ("taken at the key", vec![role(1, &key, CUSTOM)], vec![], true),
        ("taken above", vec![role(1, GROUP, CUSTOM)], vec![], true),
        ("kept under another name", vec![role(1, VAULT, CUSTOM)], vec![role(2, VAULT, CUSTOM)], false),
        ("kept above", vec![role(1, VAULT, CUSTOM)], vec![role(2, GROUP, CUSTOM)], false),
        ("only reading is left", vec![role(1, VAULT, CUSTOM)], vec![role(2, VAULT, READER)], true),
        (
            "put under a condition",
            vec![role(1, VAULT, CUSTOM)],
            vec![under(role(1, VAULT, CUSTOM), "@Resource[x] StringEquals 'y'")],
            true,
        ),
        ("another vault's", vec![role(1, &other_vault, CUSTOM)], vec![], false),
        ("another key's", vec![role(1, &other_key, CUSTOM)], vec![], false),
        ("an account's", vec![role(1, CHAT, CUSTOM)], vec![], false),
        ("another's", vec![grant(1, VAULT, CUSTOM, BOB)], vec![], false),
        ("of another role", vec![role(1, VAULT, READER)], vec![], false),
        ("unknown", vec![role(1, VAULT, "99999999-1111-4222-8333-444444444444")], vec![], true),
    ] {
        let state = |grants: Vec<Value>| [vec![encrypted(&own, None), crypto.clone()], grants].concat();
        let said = found(&state(before), &state(after), None);
        assert_eq!(said.len(), usize::from(refused), "{what}: {said:?}");
        assert!(said.iter().all(|text| text.starts_with("lock-out: the plan takes")), "{what}: {said:?}");
    }
    let state = |grants: Vec<Value>| [vec![keys(true), crypto.clone()], grants].concat();
    assert!(found(&state(vec![role(1, VAULT, CUSTOM)]), &state(vec![]), None).is_empty(), "Azure's own key");
    // A temporary grant, or one left to a deleted principal, does not keep a vault accessible.
    let ending = json!({
        "id": format!("{GROUP}/providers/Microsoft.Authorization/roleAssignmentScheduleInstances/x"),
        "properties": {"originRoleAssignmentId": role(2, GROUP, CUSTOM)["id"], "endDateTime": "2030-01-01T00:00:00Z"},
    });
    let state =
        |grants: Vec<Value>| [vec![encrypted(&own, None), crypto.clone(), ending.clone()], grants].concat();
    for (left, refused) in [(role(2, GROUP, CUSTOM), true), (role(3, GROUP, CUSTOM), false)] {
        let said = found(&state(vec![role(1, VAULT, CUSTOM), left.clone()]), &state(vec![left]), None);
        assert_eq!(said.len(), usize::from(refused), "{said:?}");
    }
}
