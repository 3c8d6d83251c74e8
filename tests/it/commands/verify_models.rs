//! Each model is called at the API that takes it, and one that nothing harmless can be asked of is neither proven nor disproven.

use serde_json::{Value, json};

use super::accounts;
use super::verify::{answers, checks, deploy, keys_are_off, keys_off_spec, live, says, token_of};
use crate::common::{Azure, BOB, CS_USER, Fault, SUB, account, role};

const GRANT: &str = "11111111-2222-4333-8444-666666666666";
const MESSAGE: &str =
    r#"{"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Yes"}]}"#;

/// Azure shows a model of Anthropic.
fn claude(azure: &Azure) {
    azure.spoil(
        "GET",
        "/deployments?",
        Fault::Edit(|body| {
            let properties = &mut body["value"][0]["properties"];
            properties["model"]["format"] = json!("Anthropic");
            properties["capabilities"] = json!({});
        }),
    );
}

/// Azure shows that the deployment `images` makes images, and does nothing else.
fn images(body: &mut Value) {
    for deployment in body["value"].as_array_mut().unwrap() {
        if deployment["name"].as_str().unwrap().ends_with("images") {
            deployment["properties"]["capabilities"] = json!({"imageGenerations": "true"});
        }
    }
}

/// Azure shows that the deployment `codex` knows responses and no chat completions.
fn codex(body: &mut Value) {
    for deployment in body["value"].as_array_mut().unwrap() {
        if deployment["name"].as_str().unwrap().ends_with("codex") {
            deployment["properties"]["capabilities"] = json!({"responses": "true"});
        }
    }
}

/// The sandbox answers by itself here: who may call, and in which shape.
#[test]
fn chat_responses_and_embeddings_are_asked_below_the_general_route() {
    let azure = live(true);
    deploy(&azure, "codex", "OpenAI", "gpt-4o-mini", "2024-07-18");
    azure.spoil("GET", "/deployments?", Fault::Edit(codex));
    deploy(&azure, "embed", "OpenAI", "text-embedding-3-small", "1");
    deploy(&azure, "large", "Mistral AI", "Mistral-large-2407", "1");
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let verify = || {
        let token = token_of(BOB, "https://cognitiveservices.azure.com");
        folder.with_env("verify --verify-wait 0 --format json", &[("KEYLESS_VERIFY_TOKEN", &token)])
    };
    let models = |verdict: &str| {
        let mut all: Vec<String> = ["codex", "embed", "gpt-4o", "large"]
            .iter()
            .map(|name| format!("modelAnswers {name} {verdict}"))
            .collect();
        all.push("keysRefused - proven -".to_owned());
        all
    };
    assert_eq!(checks(&verify().exits(1)), models("disproven role"));
    azure.grant(&account("chat"), GRANT, CS_USER, BOB, None);
    azure.take_seen();
    assert_eq!(checks(&verify().exits(0)), models("proven -"));
    let mut asked: Vec<String> = azure
        .take_seen()
        .iter()
        .filter(|seen| seen.method == "POST" && seen.path().starts_with("/_data/"))
        .map(|seen| format!("{} {}", seen.path(), seen.body["model"].as_str().unwrap()))
        .collect();
    asked.sort();
    assert_eq!(
        asked,
        [
            "/_data/chat/openai/v1/chat/completions gpt-4o",
            "/_data/chat/openai/v1/chat/completions large",
            "/_data/chat/openai/v1/embeddings embed",
            "/_data/chat/openai/v1/responses codex",
        ]
    );
}

/// What guards count as a way in is what lets a call through.
#[test]
fn a_model_that_knows_responses_alone_takes_the_role_that_permits_them() {
    for (action, verdict) in
        [("responses/*", "proven -"), ("deployments/chat/completions/action", "disproven role")]
    {
        let azure = Azure::start();
        azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
        deploy(&azure, "codex", "OpenAI", "gpt-4o-mini", "2024-07-18");
        azure.spoil("GET", "/deployments?", Fault::Edit(codex));
        let action = format!("Microsoft.CognitiveServices/accounts/OpenAI/{action}");
        let properties = json!({
            "roleName": "Caller", "type": "CustomRole", "assignableScopes": [format!("/subscriptions/{SUB}")],
            "permissions": [{"actions": [], "dataActions": [action]}],
        });
        azure.put(&role(GRANT), json!({ "properties": properties }));
        azure.grant(&account("chat"), GRANT, GRANT, BOB, None);
        let folder = azure.folder();
        folder.write("specs/a.yaml", accounts(&["chat"]));
        let token = token_of(BOB, "https://cognitiveservices.azure.com");
        let run =
            folder.with_env("verify --verify-wait 0 --format json", &[("KEYLESS_VERIFY_TOKEN", &token)]);
        let expected = format!("modelAnswers codex {verdict}");
        assert!(checks(&run).contains(&expected), "{run}");
    }
}

#[test]
fn claude_is_sent_a_message_with_a_token_for_foundry() {
    let azure = live(true);
    keys_are_off(&azure);
    claude(&azure);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let tokens = [("KEYLESS_VERIFY_TOKEN", "for-models"), ("KEYLESS_VERIFY_PROJECT_TOKEN", "for-foundry")];
    answers(&azure, "/anthropic/v1/messages", MESSAGE);
    azure.take_seen();
    let run = folder.with_env("verify --format json", &tokens).exits(0);
    assert_eq!(checks(&run), ["modelAnswers gpt-4o proven -", "keysRefused - proven -"]);
    let seen = azure.take_seen();
    let [call] = &seen.iter().filter(|seen| seen.method == "POST").collect::<Vec<_>>()[..] else {
        panic!("{seen:?}")
    };
    let header = |name: &str| call.headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(call.path(), "/_data/chat/anthropic/v1/messages");
    assert_eq!((header("authorization"), header("anthropic-version")), ("Bearer for-foundry", "2023-06-01"));
    assert_eq!((&call.body["model"], &call.body["max_tokens"]), (&json!("gpt-4o"), &json!(1)));
    // Roles for Azure OpenAI alone do not suffice for it.
    let lacks = "The principal `x` lacks the required data action `Microsoft.CognitiveServices/accounts/MaaS/y` to perform `POST z` operation.";
    azure.heal();
    keys_are_off(&azure);
    claude(&azure);
    says(&azure, "POST", "/anthropic/v1/messages", 401, "PermissionDenied", lacks);
    let run = folder.with_env("verify --verify-wait 0 --format json", &tokens).exits(1);
    assert_eq!(checks(&run), ["modelAnswers gpt-4o disproven role", "keysRefused - proven -"]);
}

#[test]
fn what_nothing_harmless_can_be_asked_of_is_not_provable_and_never_called() {
    let azure = live(true);
    deploy(&azure, "images", "OpenAI", "gpt-4o-mini", "2024-07-18");
    keys_are_off(&azure);
    answers(&azure, "/openai/v1/chat/completions", r#"{"choices": [{}]}"#);
    azure.spoil("GET", "/deployments?", Fault::Edit(images));
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    azure.take_seen();
    let run = folder.keyless("verify --format json").exits(0);
    run.fits("verify");
    assert_eq!(
        checks(&run),
        ["modelAnswers gpt-4o proven -", "modelAnswers images unprovable model", "keysRefused - proven -"]
    );
    assert_eq!(azure.take_seen().iter().filter(|seen| seen.method == "POST").count(), 1);
    folder.keyless("verify").exits(0).says(&[
        "not provable deployment images of account chat",
        "2 proven, 0 disproven, 0 inconclusive, 1 not provable",
    ]);
    folder.keyless("verify --format markdown").exits(0).says(&["| not provable | deployment images"]);
    // Where nothing else is deployed, nothing shows that a token works.
    azure.delete(&format!("{}/deployments/gpt-4o", account("chat")));
    let run = folder.keyless("verify --format json").exits(1);
    assert_eq!(
        checks(&run),
        [
            "modelAnswers - inconclusive model",
            "modelAnswers images unprovable model",
            "keysRefused - proven -",
        ]
    );
}

/// A deployment of the table: its name, format, model and version, and what Azure shows that it can do, if not what the sandbox shows.
type Cell = (&'static str, &'static str, &'static str, &'static str, Option<&'static str>);

/// One model for each way to call models, and for each that there is none for.
const CELLS: [Cell; 9] = [
    ("chat", "OpenAI", "gpt-4o", "2024-11-20", None),
    ("claude", "Anthropic", "claude-sonnet-4-6", "1", None),
    ("codex", "OpenAI", "gpt-4o-mini", "2024-07-18", Some("responses")),
    ("embed", "OpenAI", "text-embedding-3-small", "1", None),
    ("embed-other", "Cohere", "Cohere-embed-v3-english", "1", None),
    ("images", "OpenAI", "gpt-4o-mini", "2024-07-18", Some("imageGenerations")),
    ("large", "Mistral AI", "Mistral-large-2407", "1", None),
    ("realtime", "OpenAI", "gpt-4o-mini", "2024-07-18", Some("realtime")),
    ("transcripts", "OpenAI", "gpt-4o-mini", "2024-07-18", Some("audio")),
];

/// Each deployment shows what it can do in the table.
fn capabilities(body: &mut Value) {
    for deployment in body["value"].as_array_mut().unwrap() {
        let name = deployment["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let cell = CELLS.iter().find(|(cell, ..)| name == *cell || name == format!("{cell}-paused"));
        if let Some((.., Some(can))) = cell {
            deployment["properties"]["capabilities"] = json!({*can: "true"});
        }
    }
}

/// Deploys each model of the table, running and paused.
fn deploy_all(azure: &Azure) {
    for (name, format, model, version, _) in CELLS {
        for state in ["Running", "Paused"] {
            let mut properties = json!({
                "model": {"format": format, "name": model, "version": version},
                "deploymentState": state,
            });
            if format == "Anthropic" {
                properties["modelProviderData"] =
                    json!({"organizationName": "Contoso", "countryCode": "DE", "industry": "technology"});
            }
            let name = if state == "Paused" { format!("{name}-paused") } else { name.to_owned() };
            let path = format!("{}/deployments/{name}?api-version=2026-05-01", account("chat"));
            azure.get(&account("chat"));
            azure.put(
                &path,
                json!({"sku": {"name": "GlobalStandard", "capacity": 1}, "properties": properties}),
            );
        }
    }
    azure.spoil("GET", "/deployments?", Fault::Edit(capabilities));
}

/// Formats, capabilities, states and roles, with the one right verdict of each.
#[test]
fn each_format_capability_and_state_has_its_verdict_for_each_role() {
    const OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
    for granted in [None, Some(CS_USER), Some(OPENAI_USER)] {
        let azure = Azure::start();
        azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
        deploy_all(&azure);
        if let Some(role) = granted {
            azure.grant(&account("chat"), GRANT, role, BOB, None);
        }
        let folder = azure.folder();
        folder.write("specs/a.yaml", accounts(&["chat"]));
        let tokens = ["https://cognitiveservices.azure.com", "https://ai.azure.com"]
            .map(|audience| token_of(BOB, audience));
        let env = [("KEYLESS_VERIFY_TOKEN", &*tokens[0]), ("KEYLESS_VERIFY_PROJECT_TOKEN", &*tokens[1])];
        let found = checks(&folder.with_env("verify --verify-wait 0 --format json", &env).exits(1));
        let mut expected = Vec::new();
        for (name, format, _, _, can) in CELLS {
            for state in ["", "-paused"] {
                let may = match granted {
                    None => false,
                    Some(OPENAI_USER) => format != "Anthropic",
                    Some(_) => true,
                };
                let verdict = match can {
                    Some("imageGenerations" | "realtime" | "audio") => "unprovable model",
                    _ if !may => "disproven role",
                    _ if state == "-paused" => "inconclusive model",
                    _ => "proven -",
                };
                expected.push(format!("modelAnswers {name}{state} {verdict}"));
            }
        }
        expected.push("keysRefused - proven -".to_owned());
        expected.sort();
        let mut found = found;
        found.sort();
        assert_eq!(found, expected, "{granted:?}");
        let lenient = folder.with_env("verify --verify-wait 0 --allow-inconclusive", &env);
        assert_eq!(lenient.code, i32::from(granted != Some(CS_USER)), "what is disproven fails: {lenient}");
    }
}

/// Keys would stay on for ever otherwise: nothing proves a model that is paused.
#[test]
fn a_paused_model_lets_keys_go_off_if_that_is_allowed() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
    let properties = json!({
        "model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"},
        "deploymentState": "Paused",
    });
    azure.get(&account("chat"));
    azure.put(
        &format!("{}/deployments/small?api-version=2026-05-01", account("chat")),
        json!({"sku": {"name": "GlobalStandard", "capacity": 1}, "properties": properties}),
    );
    azure.grant(&account("chat"), GRANT, CS_USER, BOB, None);
    let folder = azure.folder();
    folder.write("a.yaml", keys_off_spec());
    let token = token_of(BOB, "https://cognitiveservices.azure.com");
    let env = [("KEYLESS_VERIFY_TOKEN", &*token)];
    let off = || azure.get(&account("chat"))["properties"]["disableLocalAuth"].clone();
    folder.with_env("apply a.yaml --yes --verify --verify-wait 0", &env).exits(1).says(&[
        "keys stay enabled: deployment small of account chat",
        "423",
        "`--allow-inconclusive`",
    ]);
    assert_eq!(off(), false);
    let applied = folder.with_env("apply a.yaml --yes --verify --verify-wait 0 --allow-inconclusive", &env);
    applied
        .exits(0)
        .says(&["not verified: deployment small of account chat", "\nverified: keys of account chat"]);
    assert_eq!(off(), true);
}
