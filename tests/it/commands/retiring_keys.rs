//! Retiring the keys of an account as docs/keys.md has it: find, move, wait, turn off, verify. Two clients call a model over HTTP.

use serde_json::{Value, json};

use super::verify::token_of;
use crate::common::{Azure, BOB, CAROL, CS_USER, SUB, account, grants, one_account};

const RULE: &str = "error[guard-key-use]";

fn advance(azure: &Azure, days: u32) {
    let body = json!({"advanceSeconds": days * 24 * 3600});
    let answer = azure.send("POST", "/_sandbox/clock", Some(body));
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_are_found_moved_from_turned_off_and_proven_off() {
    let azure = Azure::start();
    azure.leave_midnight();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
    let workspace = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/w"
    );
    let path = format!(
        "{}/providers/Microsoft.Insights/diagnosticSettings/requests?api-version=2021-05-01-preview",
        account("chat")
    );
    let logs = json!([{"category": "RequestResponse", "enabled": true}]);
    azure.put(&path, json!({"properties": {"workspaceId": workspace, "logs": logs}}));
    let body = json!({"account": account("chat"), "logs": {"retentionDays": 90}});
    assert_eq!(azure.send("POST", "/_sandbox/monitor", Some(body)).status, 200);
    let model = json!({"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"});
    let body = json!({"sku": {"name": "GlobalStandard", "capacity": 1}, "properties": {"model": model}});
    azure.put(&format!("{}/deployments/small", account("chat")), body);
    azure.grant(&account("chat"), "aaaaaaaa-0000-4000-8000-00000000000a", CS_USER, CAROL, None);
    azure.grant(&account("chat"), "aaaaaaaa-0000-4000-8000-00000000000b", CS_USER, BOB, None);
    let keys = azure.send("POST", &format!("{}/listKeys", account("chat")), None).body;
    let key = keys["key1"].as_str().unwrap().to_owned();
    let (one, other) = (token_of(CAROL, ""), token_of(BOB, ""));
    let call = |credential: &str, status: u16| {
        let body = json!({"model": "small", "messages": [{"role": "user", "content": "hello"}]});
        let path = "/_data/chat/openai/v1/chat/completions";
        let answer = azure.send_as(credential, "POST", path, Some(body));
        assert_eq!(answer.status, status, "{answer:?}");
    };
    let lines = format!("disableLocalAuth: true\nkeyUsage: {{quietDays: 35}}\n{}", grants(&[CAROL, BOB]));
    folder.write("a.yaml", one_account("team-a", "chat", &lines));

    // Find.
    call(&key, 200);
    call(&one, 200);
    let found = folder.keyless("keys usage a.yaml --format json").exits(2).json();
    let told: Vec<Value> = found["accounts"][0]["calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|calls| json!([calls["how"], calls["calls"], calls["callers"]]))
        .collect();
    assert_eq!(told, [json!(["key", 1, []]), json!(["token", 1, [CAROL]])]);
    assert_eq!(found["accounts"][0]["verdict"], "keysUsed");
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(3).says(&[RULE, "keys are used: 1 call"]);
    assert!(azure.take_writes().is_empty());

    // Move, and wait: both clients call with tokens on every seventh day.
    for week in 0..5 {
        advance(&azure, 7);
        call(&one, 200);
        call(&other, 200);
        let days = (week + 1) * 7;
        folder.keyless("apply a.yaml --yes").exits(3).says(&[RULE, "keys are used: 1 call"]);
        assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], false, "{days}");
    }
    advance(&azure, 1);
    folder.keyless("keys usage a.yaml").exits(0).says(&[
        "account chat  a.yaml:7\n      no key call seen in 35 of 35 days",
        "ChatCompletions_Create: 10 calls",
    ]);

    // Off.
    folder.keyless("apply a.yaml --yes").exits(0).says(&["no key call seen in 35 of 35 days before today"]);
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);

    // Verify: the models take tokens, and the key is of no use.
    let environment = [("KEYLESS_VERIFY_TOKEN", one.as_str())];
    folder
        .with_env("verify a.yaml --verify-wait 0", &environment)
        .exits(0)
        .says(&["keys are refused: AuthenticationTypeDisabled", "2 proven, 0 disproven, 0 inconclusive"]);
    call(&key, 403);
    call(&other, 200);
    azure.take_seen();
    folder.keyless("keys usage a.yaml").exits(0).says(&["account chat", "      keys are off"]);
    folder.keyless("apply a.yaml --yes").exits(0);
    assert!(azure.take_writes().is_empty());
}
