//! Proof by calling: what is said for what the data plane answers, and keys that go off only when the models were seen to work.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::accounts;
use crate::common::{Azure, BOB, CS_USER, Fault, Run, account, grants, one_account};

const OK: &str = r#"{"choices": [{"message": {"role": "assistant", "content": "Yes"}}]}"#;

/// An account with a chat model.
pub(super) fn live(keys_off: bool) -> Azure {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": keys_off}));
    deploy(&azure, "gpt-4o", "OpenAI", "gpt-4o", "2024-11-20");
    azure
}

pub(super) fn deploy(azure: &Azure, name: &str, format: &str, model: &str, version: &str) {
    let body = json!({
        "sku": {"name": "GlobalStandard", "capacity": 1},
        "properties": {"model": {"format": format, "name": model, "version": version}},
    });
    // The account is at rest only with the request after the one that made it.
    azure.get(&account("chat"));
    azure.put(&format!("{}/deployments/{name}", account("chat")), body);
}

pub(super) fn says(azure: &Azure, method: &'static str, part: &str, status: u16, code: &str, message: &str) {
    azure.spoil(method, &format!("/_data/chat{part}"), Fault::error(status, code, message));
}

pub(super) fn answers(azure: &Azure, part: &str, body: &str) {
    azure.spoil(
        "POST",
        &format!("/_data/chat{part}"),
        Fault::Answer(200, "application/json", body.to_owned()),
    );
}

pub(super) fn keys_are_off(azure: &Azure) {
    let message = "Key based authentication is disabled for this resource.";
    says(azure, "GET", "/openai/models", 403, "AuthenticationTypeDisabled", message);
}

/// `claim name outcome reason` of each check.
pub(super) fn checks(run: &Run) -> Vec<String> {
    let document = run.json();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let of = |check: &Value| {
        let name = if check["project"].is_string() { "project" } else { "deployment" };
        ["claim", name, "outcome", "reason"].map(|name| text(&check[name])).join(" ")
    };
    document["checks"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn models_that_answer_a_token_and_keys_that_are_refused_are_proven() {
    let azure = live(true);
    deploy(&azure, "embed", "OpenAI", "text-embedding-3-small", "1");
    deploy(&azure, "large", "Mistral AI", "Mistral-large-2407", "1");
    answers(&azure, "/openai/v1/chat/completions", OK);
    answers(&azure, "/openai/v1/embeddings", r#"{"data": [{"embedding": [0.5]}]}"#);
    keys_are_off(&azure);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    azure.take_seen();
    let run = folder.keyless("verify --format json").exits(0);
    run.fits("verify");
    assert_eq!(
        checks(&run),
        [
            "modelAnswers embed proven -",
            "modelAnswers gpt-4o proven -",
            "modelAnswers large proven -",
            "keysRefused - proven -",
        ]
    );
    let seen = azure.take_seen();
    assert!(!seen.iter().any(|seen| seen.path().to_lowercase().contains("key")), "no key is read: {seen:?}");
    let calls: Vec<_> = seen.iter().filter(|seen| seen.path().starts_with("/_data/")).collect();
    assert_eq!(calls.len(), 4);
    for call in calls {
        let (token, key) = (call.headers.get("authorization"), call.headers.get("api-key"));
        assert_ne!(token.is_some(), key.is_some(), "a token or a key, never both: {call:?}");
        if call.path().ends_with("chat/completions") {
            assert_eq!(call.body["max_tokens"], 1, "the smallest answer there is");
        }
    }
    folder.keyless("verify").exits(0).says(&[
        "proven       deployment gpt-4o of account chat  specs/a.yaml:7",
        "the model accepted the token",
        "keys are refused: AuthenticationTypeDisabled",
        "4 proven, 0 disproven, 0 inconclusive",
    ]);
    folder
        .keyless("verify --format markdown")
        .exits(0)
        .says(&["## keyless verify", "| proven | deployment embed"]);
}

#[test]
fn what_is_not_proven_is_told_with_its_reason_and_what_to_do() {
    let lacks = "The principal `x` lacks the required data action `y` to perform `POST z` operation.";
    let wrong_key = "Access denied due to invalid subscription key or wrong API endpoint.";
    let firewall = "Access denied due to Virtual Network/Firewall rules.";
    for (status, code, message, expected, hint) in [
        (401, "PermissionDenied", lacks, "disproven role", "Cognitive Services User"),
        (403, "PermissionDenied", lacks, "disproven role", "set `KEYLESS_VERIFY_TOKEN`"),
        (403, "403", firewall, "inconclusive network", "--allow-inconclusive"),
        (401, "401", wrong_key, "inconclusive service", "--allow-inconclusive"),
        (
            404,
            "DeploymentNotFound",
            "The API deployment for this resource does not exist.",
            "disproven model",
            "deployment",
        ),
    ] {
        let azure = live(true);
        says(&azure, "POST", "/openai/v1", status, code, message);
        says(&azure, "GET", "/openai/models", 401, "401", wrong_key);
        let folder = azure.folder();
        folder.write("specs/a.yaml", accounts(&["chat"]));
        let run = folder.keyless("verify --verify-wait 0 --format json").exits(1);
        assert_eq!(
            checks(&run),
            [format!("modelAnswers gpt-4o {expected}"), "keysRefused - inconclusive key".to_owned()],
            "{status} {code}"
        );
        folder.keyless("verify --verify-wait 0").exits(1).says(&[hint, message.trim_end_matches('.')]);
    }
}

#[test]
fn inconclusive_passes_only_if_it_is_allowed_and_disproven_never_does() {
    let azure = live(true);
    says(
        &azure,
        "POST",
        "/openai/v1",
        403,
        "403",
        "Public access is disabled. Please configure private endpoint.",
    );
    keys_are_off(&azure);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    folder
        .keyless("verify")
        .exits(1)
        .says(&["inconclusive deployment gpt-4o", "network: 403: Public access"]);
    folder.keyless("verify --allow-inconclusive").exits(0).says(&["1 proven, 0 disproven, 1 inconclusive"]);
    says(&azure, "GET", "/openai/models", 401, "401", "Access denied due to invalid subscription key");
    folder
        .keyless("verify --allow-inconclusive --verify-wait 0")
        .exits(0)
        .says(&["inconclusive keys of account chat", "keys are disabled in Azure"]);
    azure.patch(&account("chat"), json!({"properties": {"disableLocalAuth": false}}));
    folder
        .keyless("verify --allow-inconclusive --verify-wait 0")
        .exits(1)
        .says(&["disproven    keys of account chat"]);
}

#[test]
fn a_redirect_or_a_page_proves_nothing_and_is_not_followed() {
    let azure = live(true);
    azure.spoil("POST", "/_data/chat", Fault::Answer(200, "text/html", "<html>sign in</html>".to_owned()));
    azure.spoil("GET", "/_data/chat", Fault::Answer(302, "application/json", OK.to_owned()));
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let run = folder.keyless("verify --format json").exits(1);
    assert_eq!(
        checks(&run),
        ["modelAnswers gpt-4o inconclusive network", "keysRefused - inconclusive network"]
    );
}

#[test]
fn without_a_subdomain_no_token_is_sent_and_without_a_deployment_nothing_is_proven() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({}));
    deploy(&azure, "gpt-4o", "OpenAI", "gpt-4o", "2024-11-20");
    azure.make_account("empty", &json!({"customSubDomainName": "empty", "disableLocalAuth": true}));
    let folder = azure.folder();
    let spec = accounts(&["chat", "empty"]).replace("true", "false");
    folder.write("specs/a.yaml", spec);
    let run = folder.keyless("verify --format json").exits(1);
    assert_eq!(
        checks(&run),
        ["modelAnswers gpt-4o disproven subdomain", "modelAnswers - inconclusive model"],
        "where the spec keeps keys on, there is nothing to prove about them"
    );
    assert!(!azure.take_seen().iter().any(|seen| seen.path().starts_with("/_data/")));
}

#[test]
fn what_cannot_be_read_is_an_error_and_no_proof() {
    let azure = live(true);
    keys_are_off(&azure);
    azure.spoil("GET", "/deployments?", Fault::denied());
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let run = folder.keyless("verify --format json").exits(1);
    assert_eq!(checks(&run), ["keysRefused - proven -"]);
    assert_eq!(run.findings(), ["unknown-state@7"]);
}

#[test]
fn a_second_token_calls_the_models_and_a_credential_is_for_azure() {
    let azure = live(true);
    answers(&azure, "/openai/v1", OK);
    keys_are_off(&azure);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    azure.take_seen();
    let run = folder.with_env("verify -vvv", &[("KEYLESS_VERIFY_TOKEN", "s3cond-t0ken")]).exits(0);
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("s3cond-t0ken"), "{run}");
    let sent = |seen: &crate::common::azure::Seen| {
        seen.headers.get("authorization").is_some_and(|value| value == "Bearer s3cond-t0ken")
    };
    for seen in azure.take_seen() {
        let calls = seen.path().starts_with("/_data/") && seen.method == "POST";
        assert_eq!(sent(&seen), calls, "the second token goes to models and nowhere else: {seen:?}");
    }
    folder.keyless("verify --verify-credential azure-cli").exits(1).complains(&["KEYLESS_VERIFY_TOKEN"]);
}

pub(super) fn keys_off_spec() -> String {
    one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}", grants(&[BOB])))
}

#[test]
fn keys_stay_on_when_models_do_not_answer_a_token() {
    let azure = live(false);
    says(
        &azure,
        "POST",
        "/openai/v1",
        401,
        "PermissionDenied",
        "The principal `x` lacks the required data action",
    );
    let folder = azure.folder();
    folder.write("a.yaml", keys_off_spec());
    let run = folder.keyless("apply a.yaml --yes --verify --verify-wait 0").exits(1);
    run.says(&["1 done, 1 failed", "keys stay enabled: deployment gpt-4o of account chat", "has no role"]);
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], false);
    // Without the flag nobody looks.
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);
}

#[test]
fn all_that_keeps_keys_on_is_told_the_worst_first() {
    let azure = live(false);
    deploy(&azure, "alice", "OpenAI", "text-embedding-3-small", "1");
    says(
        &azure,
        "POST",
        "/openai/v1/embeddings",
        403,
        "403",
        "Access denied due to Virtual Network/Firewall rules.",
    );
    let lacks = "The principal `x` lacks the required data action";
    says(&azure, "POST", "/openai/v1/chat", 401, "PermissionDenied", lacks);
    let folder = azure.folder();
    folder.write("a.yaml", keys_off_spec());
    let run = folder.keyless("apply a.yaml --yes --verify --verify-wait 0").exits(1);
    let run = run.says(&[
        "keys stay enabled: deployment gpt-4o of account chat: ",
        "deployment alice of account chat: ",
        "assign the caller a role",
    ]);
    assert!(!run.stdout.contains("or with `--allow-inconclusive`"), "that would not do\n{run}");
}

#[test]
fn keys_go_off_after_tokens_are_proven_to_work_and_are_proven_to_be_refused() {
    let azure = live(false);
    answers(&azure, "/openai/v1", OK);
    keys_are_off(&azure);
    let folder = azure.folder();
    folder.write("a.yaml", keys_off_spec());
    azure.take_seen();
    let run = folder.keyless("apply a.yaml --yes --verify").exits(0);
    run.says(&["2 done, 0 failed", "verified: ", "keys are refused"]);
    let order: Vec<&str> = azure
        .take_seen()
        .iter()
        .filter_map(|seen| match (seen.method.as_str(), seen.path()) {
            ("PUT", path) if path.contains("roleAssignments") => Some("grant"),
            ("PATCH", _) => Some("keys off"),
            ("POST", path) if path.starts_with("/_data/") => Some("model"),
            ("GET", path) if path.starts_with("/_data/") => Some("key"),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["grant", "model", "keys off", "key"]);
}

#[test]
fn keys_that_are_still_taken_after_the_write_fail_the_step() {
    let azure = live(false);
    answers(&azure, "/openai/v1", OK);
    says(
        &azure,
        "GET",
        "/openai/models",
        401,
        "401",
        "Access denied due to invalid subscription key or wrong API endpoint.",
    );
    let folder = azure.folder();
    folder.write("a.yaml", keys_off_spec());
    let run = folder.keyless("apply a.yaml --yes --verify --verify-wait 0").exits(1);
    run.says(&["keys are disabled, but are not refused yet", "Azure checked the key"]);
}

/// A token that names whose it is, and what for if that is not empty; the sandbox believes it.
pub(super) fn token_of(principal: &str, audience: &str) -> String {
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"oid": principal, "aud": audience});
    format!("{}.{}.x", encode(json!({"alg": "none"})), encode(claims))
}

#[test]
fn with_the_sandboxs_own_data_plane_the_role_decides_and_then_the_network() {
    let azure = live(true);
    deploy(&azure, "embed", "OpenAI", "text-embedding-3-small", "1");
    deploy(&azure, "large", "Mistral AI", "Mistral-large-2407", "1");
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let token = token_of(BOB, "");
    let verify = |code| {
        let environment = [("KEYLESS_VERIFY_TOKEN", token.as_str())];
        checks(&folder.with_env("verify --verify-wait 0 --format json", &environment).exits(code))
    };
    let each = |verdict: &str| -> Vec<String> {
        let models = ["embed", "gpt-4o", "large"].map(|name| format!("modelAnswers {name} {verdict}"));
        models.into_iter().chain(["keysRefused - proven -".to_owned()]).collect()
    };
    assert_eq!(verify(1), each("disproven role"));
    azure.grant(&account("chat"), "a5510000-0000-4000-8000-000000000001", CS_USER, BOB, None);
    assert_eq!(verify(0), each("proven -"));
    azure.patch(&account("chat"), json!({"properties": {"networkAcls": {"defaultAction": "Deny"}}}));
    let mut fenced = each("inconclusive network");
    fenced[3] = "keysRefused - inconclusive network".to_owned();
    assert_eq!(verify(1), fenced);
}

#[test]
fn a_role_that_was_just_given_is_waited_for() {
    let spread = std::time::Duration::from_mins(2);
    let azure = Azure::with(keyless::sandbox::Options { role_propagation: spread, ..Default::default() });
    azure.make_account(
        "chat",
        &json!({"customSubDomainName": "chat", "disableLocalAuth": true, "allowProjectManagement": true}),
    );
    deploy(&azure, "gpt-4o", "OpenAI", "gpt-4o", "2024-11-20");
    let project = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}});
    azure.put(&format!("{}/projects/team", account("chat")), project);
    azure.grant(&account("chat"), "a5510000-0000-4000-8000-000000000001", CS_USER, BOB, None);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let mut command = folder.command(["verify", "--format", "json"]);
    command.env("KEYLESS_VERIFY_TOKEN", token_of(BOB, "")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut open = vec!["deployment gpt-4o of account chat", "project team of account chat"];
    while !open.is_empty() {
        let told = lines.next().unwrap().unwrap();
        assert!(told.contains("waiting for") && told.contains("has no role"), "{told}");
        open.retain(|title| !told.contains(title));
    }
    // Minutes of the sandbox's clock, not of this test's.
    assert_eq!(azure.send("POST", "/_sandbox/clock", Some(json!({"advanceSeconds": 180}))).status, 200);
    let output = child.wait_with_output().unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{document}");
    for check in &document["checks"].as_array().unwrap()[..2] {
        assert_eq!(check["outcome"], "proven", "{check}");
        assert!(check["attempts"].as_u64().unwrap() > 1, "{check}");
    }
}

#[test]
fn a_declared_deployment_that_is_not_live_is_disproven_at_its_line() {
    let azure = live(true);
    answers(&azure, "/openai/v1/chat/completions", OK);
    keys_are_off(&azure);
    let folder = azure.folder();
    let model = "model: {format: OpenAI, name: gpt-4o, version: '2024-11-20'}, sku: {name: GlobalStandard, capacity: 1}";
    let declared = ["GPT-4o", "gone"].map(|name| format!("      - {{name: {name}, {model}}}\n")).concat();
    folder.write("specs/a.yaml", format!("{}    deployments:\n{declared}", accounts(&["chat"])));
    let run = folder.keyless("verify --allow-inconclusive --format json").exits(1);
    run.fits("verify");
    assert_eq!(
        checks(&run),
        ["modelAnswers gone disproven absent", "modelAnswers gpt-4o proven -", "keysRefused - proven -"]
    );
    assert_eq!(run.findings(), ["disproven@11"]);
    assert_eq!(run.json()["checks"][1]["source"]["line"], 10);
    folder.keyless("verify").exits(1).says(&[
        "deployment gone of account chat does not exist",
        "the spec declares it, but it does not exist",
        "`keyless apply` creates what the spec declares",
    ]);
    let called = azure.take_seen().iter().any(|seen| seen.path().contains("/deployments/gone"));
    assert!(!called, "what is not there is not called");
}

#[test]
fn where_nothing_is_live_each_declared_deployment_is_disproven() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    keys_are_off(&azure);
    let folder = azure.folder();
    let model = "model: {format: OpenAI, name: gpt-4o, version: '2024-11-20'}, sku: {name: GlobalStandard, capacity: 1}";
    folder.write(
        "specs/a.yaml",
        format!("{}    deployments:\n      - {{name: gone, {model}}}\n", accounts(&["chat"])),
    );
    let run = folder.keyless("verify --allow-inconclusive --format json").exits(1);
    assert_eq!(checks(&run), ["modelAnswers gone disproven absent", "keysRefused - proven -"]);
}
