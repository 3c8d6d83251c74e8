//! What conditions keep away, what the caller writes with, and keys of one's own: nobody is shut out without a word.

use std::fmt::Write as _;

use serde_json::json;

use crate::common::{
    ALICE, Azure, BOB, Folder, Run, SUB, account, few, grants, head, listed, one_account, role,
};

const ROLE: &str = "c0570000-0000-4000-8000-000000000009";
const MODEL: &str = "deployments:\n  - name: gpt\n    model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}\n    sku: {name: GlobalStandard, capacity: 1}\n";

fn define(azure: &Azure, permission: &serde_json::Value) {
    let properties = json!({
        "roleName": "Made by hand", "type": "CustomRole", "permissions": [permission],
        "assignableScopes": [format!("/subscriptions/{SUB}")],
    });
    azure.put(&role(ROLE), json!({ "properties": properties }));
}

/// Lines that give principals a role under a condition, or without.
fn gives(role: &str, condition: &str, principals: &[&str]) -> String {
    let condition =
        if condition.is_empty() { String::new() } else { format!("    condition: \"{condition}\"\n") };
    format!("roleAssignments:\n  - role: {role}\n{condition}    principals:\n{}", listed(principals, "User"))
}

/// Asserts that a plan is refused, fresh and saved, that nothing is written, and that the flag lets it pass.
#[track_caller]
fn refused(azure: &Azure, folder: &Folder, flag: &str, words: &[&str]) {
    azure.take_seen();
    let rule = flag.split(':').next().unwrap();
    let code = format!("error[guard-{rule}]");
    folder.keyless("plan a.yaml").exits(3).says(&[&[code.as_str()], words].concat());
    folder.keyless("apply a.yaml --yes").exits(3).complains(&["nothing was written"]);
    folder.args(["plan", "a.yaml", "--out", "saved.json", "--allow", flag]).exits(0);
    folder.keyless("apply saved.json --yes").exits(3).complains(&["nothing was written"]);
    assert!(azure.take_writes().is_empty(), "{rule}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_condition_on_all_that_the_role_gives_is_a_lock_out() {
    let azure = Azure::start();
    let chat = "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action";
    define(&azure, &json!({"dataActions": [chat]}));
    let folder = azure.folder();
    let embeddings = chat.replace("chat/completions", "embeddings");
    let spec = |role: &str, condition: &str| {
        one_account("team-a", "chat", &format!("{MODEL}{}", gives(role, condition, &[ALICE])))
    };
    for (role, condition) in few(
        2,
        [
            ("Made by hand", format!("(!(ActionMatches{{'{chat}'}}))")),
            ("Made by hand", format!("(ActionMatches{{'{embeddings}'}})")),
            (
                "Cognitive Services User",
                "(!(ActionMatches{'Microsoft.CognitiveServices/accounts/OpenAI/*'}))".to_owned(),
            ),
        ],
    ) {
        folder.write("a.yaml", spec(role, ""));
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.write("a.yaml", spec(role, &condition));
        refused(&azure, &folder, "lock-out:accounts/chat", &["apply only under a condition"]);
        folder.write("a.yaml", spec(role, &format!("(!(ActionMatches{{'{embeddings}'}}))")));
        folder.keyless("plan a.yaml").exits(0);
    }
}

#[test]
fn a_new_condition_shows_as_lost_access() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |condition: &str| {
        let other = format!(
            "  - role: Cognitive Services OpenAI User\n{condition}    principals:\n{}",
            listed([BOB], "User")
        );
        one_account("team-a", "chat", &format!("{}{other}", grants(&[ALICE])))
    };
    let (never, perhaps) = (
        "    condition: \"(!(ActionMatches{'*'}))\"\n",
        "    condition: \"@Environment[isPrivateLink] BoolEquals true\"\n",
    );
    folder.write("a.yaml", spec(""));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec(never));
    let lost = "Cognitive Services OpenAI User on the account";
    let told = |run: &Run, sign: &str| {
        let mut lines = run.stdout.lines();
        assert!(
            lines
                .any(|line| line.trim().starts_with(sign) && line.contains(lost) && line.contains(&BOB[..8])),
            "{run}"
        );
    };
    for command in ["plan a.yaml", "plan a.yaml --format json"] {
        let run = folder.keyless(command).exits(0);
        if command.ends_with("json") {
            let access = &run.json()["access"][0];
            assert_eq!(
                (&access["loses"][0]["id"], access["gains"].as_array().unwrap().len()),
                (&json!(BOB), 0)
            );
            run.fits("plan");
        } else {
            told(&run, "- Cognitive");
        }
    }
    folder.write("a.yaml", spec(perhaps));
    let kept = "Cognitive Services OpenAI User on the account, under a condition, from now on only as far as a condition lets: User";
    folder.keyless("plan a.yaml").exits(0).says(&[kept]);
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    run.fits("plan");
    let access = &run.json()["access"][0];
    assert_eq!((&access["restricted"][0]["id"], access["loses"].as_array().unwrap().len()), (&json!(BOB), 0));
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    folder.keyless("apply plan.json --yes").exits(0).says(&["from now on only as far as"]);
    // And back.
    folder.write("a.yaml", spec("    condition: null\n"));
    told(&folder.keyless("plan a.yaml --allow condition").exits(0), "+ Cognitive");
}

#[test]
fn a_condition_is_not_got_around_by_a_swap_of_roles() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |role: &str, condition: &str| one_account("team-a", "chat", &gives(role, condition, &[BOB]));
    folder.write("a.yaml", spec("Cognitive Services User", "@Environment[isPrivateLink] BoolEquals true"));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec("Cognitive Services OpenAI User", ""));
    let flag = format!("condition:accounts/chat/roleAssignments/Cognitive Services OpenAI User/{BOB}");
    let words = "without the condition under which it has `Cognitive Services User`";
    refused(&azure, &folder, &flag, &[words, "both give some of the same"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn the_caller_keeps_every_right_with_which_keyless_writes() {
    let azure = Azure::start();
    define(
        &azure,
        &json!({"actions": ["Microsoft.CognitiveServices/accounts/deployments/*", "Microsoft.CognitiveServices/accounts/raiPolicies/*"]}),
    );
    let folder = azure.folder();
    let claims = json!({ "oid": BOB }).to_string();
    let encode = |text: &str| base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, text);
    let token = format!("{}.{}.x", encode("{\"alg\":\"none\"}"), encode(&claims));
    let mut spec = head("team-a");
    _ = write!(
        spec,
        "roleAssignments:\n  - role: Made by hand\n    scope: resourceGroup\n    principals:\n{}",
        listed([BOB], "User")
    );
    folder.write("a.yaml", spec);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", head("team-a") + "roleAssignments: []\n");
    let words = "takes `Made by hand` on";
    folder
        .with_env("plan a.yaml", &[("KEYLESS_TOKEN", token.as_str())])
        .exits(3)
        .says(&["error[guard-lock-out]", words]);
    folder.keyless("plan a.yaml").exits(0);
}

#[test]
fn an_account_keeps_what_reads_its_encryption_key() {
    let azure = Azure::start();
    let folder = azure.folder();
    let vault = format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv1");
    let spec = |identity: &str, more: &str| {
        let lines = format!(
            "identity: {identity}\nencryption:\n  keySource: Microsoft.KeyVault\n  keyVaultProperties: {{keyVaultUri: \"https://kv1.vault.azure.net/\", keyName: k1, keyVersion: \"0123456789abcdef0123456789abcdef\"}}\n{}",
            grants(&[ALICE])
        );
        format!("{}{more}", one_account("team-a", "chat", &lines))
    };
    let reads = format!(
        "roleAssignments:\n  - scope: {vault}\n    role: Key Vault Crypto Service Encryption User\n    principals: [{{accountIdentity: chat}}]\n"
    );
    folder.write("a.yaml", spec("SystemAssigned", &reads));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    folder.write(
        "a.yaml",
        spec("None", &reads.replace("accountIdentity: chat", &format!("id: {BOB}, type: User"))),
    );
    folder.keyless("plan a.yaml").exits(3).says(&[
        "error[guard-lock-out]",
        "takes the system-assigned identity from account `chat`, which reads its encryption key with it",
        "--allow lock-out:accounts/chat",
    ]);
    let other = reads
        .replace("Key Vault Crypto Service Encryption User", "Reader")
        .replace("accountIdentity: chat", &format!("id: {BOB}, type: User"));
    folder.write("a.yaml", spec("SystemAssigned", &other));
    refused(
        &azure,
        &folder,
        "lock-out",
        &[
            "takes `Key Vault Crypto Service Encryption User` on `kv1`",
            "unless an access policy of the vault allows it",
        ],
    );
    assert!(azure.get(&account("chat"))["identity"]["principalId"].is_string());
}
