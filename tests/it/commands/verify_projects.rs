//! Proof of project endpoints: each situation with its verdict and reason, and keys that stay on while something declared is missing.

use serde_json::{Value, json};

use super::verify::{answers, checks, deploy, keys_are_off, says, token_of};
use crate::common::{Azure, BOB, CS_USER, Fault, account, few, one_account};

const OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
const GRANT: &str = "a5510000-0000-4000-8000-000000000001";
const AT: &str = "/api/projects/team/deployments";

/// An account with a chat model and a project.
fn live() -> Azure {
    let azure = Azure::start();
    azure.make_account(
        "chat",
        &json!({"customSubDomainName": "chat", "disableLocalAuth": true, "allowProjectManagement": true}),
    );
    deploy(&azure, "gpt-4o", "OpenAI", "gpt-4o", "2024-11-20");
    make_project(&azure, "team");
    azure
}

fn make_project(azure: &Azure, name: &str) {
    let body = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}});
    azure.put(&format!("{}/projects/{name}", account("chat")), body);
}

fn spec(lines: &str) -> String {
    one_account("team-a", "chat", &format!("disableLocalAuth: true\n{lines}"))
}

/// What becomes of the project of an account after something was done to it.
struct Situation {
    name: &'static str,
    does: fn(&Azure),
    tokens: &'static [(&'static str, &'static str)],
    project: &'static str,
}

fn granted(azure: &Azure) {
    azure.grant(&account("chat"), GRANT, CS_USER, BOB, None);
}

fn spoilt(azure: &Azure, status: u16, kind: &'static str, body: &str) {
    granted(azure);
    azure.spoil("GET", &format!("/_data/chat{AT}"), Fault::Answer(status, kind, body.to_owned()));
}

fn told(azure: &Azure, status: u16, code: &str, message: &str) {
    granted(azure);
    says(azure, "GET", AT, status, code, message);
}

const ANY: &[(&str, &str)] = &[("KEYLESS_VERIFY_TOKEN", "")];
const FOR_MODELS: &[(&str, &str)] = &[("KEYLESS_VERIFY_TOKEN", "https://cognitiveservices.azure.com")];
const FOR_BOTH: &[(&str, &str)] = &[
    ("KEYLESS_VERIFY_TOKEN", "https://cognitiveservices.azure.com"),
    ("KEYLESS_VERIFY_PROJECT_TOKEN", "https://ai.azure.com"),
];

const SITUATIONS: &[Situation] = &[
    Situation { name: "role missing", does: |_| (), tokens: ANY, project: "disproven role" },
    Situation { name: "role on the account", does: granted, tokens: ANY, project: "proven -" },
    Situation {
        name: "role on the project",
        does: |azure| {
            azure.grant(&format!("{}/projects/team", account("chat")), GRANT, CS_USER, BOB, None);
        },
        tokens: ANY,
        project: "proven -",
    },
    Situation {
        name: "a role for models alone",
        does: |azure| azure.grant(&account("chat"), GRANT, OPENAI_USER, BOB, None),
        tokens: ANY,
        project: "disproven role",
    },
    Situation { name: "wrong audience", does: granted, tokens: FOR_MODELS, project: "disproven token" },
    Situation { name: "each its audience", does: granted, tokens: FOR_BOTH, project: "proven -" },
    Situation {
        name: "firewall",
        does: |azure| {
            granted(azure);
            azure.patch(&account("chat"), json!({"properties": {"networkAcls": {"defaultAction": "Deny"}}}));
        },
        tokens: ANY,
        project: "inconclusive network",
    },
    Situation {
        name: "public access disabled",
        does: |azure| {
            granted(azure);
            azure.patch(&account("chat"), json!({"properties": {"publicNetworkAccess": "Disabled"}}));
        },
        tokens: ANY,
        project: "inconclusive network",
    },
    Situation {
        name: "not known to its endpoint",
        does: |azure| told(azure, 404, "ResourceNotFound", "The project does not exist."),
        tokens: ANY,
        project: "disproven project",
    },
    Situation {
        name: "another 404",
        does: |azure| told(azure, 404, "404", "Resource not found"),
        tokens: ANY,
        project: "inconclusive service",
    },
    Situation {
        name: "throttled",
        does: |azure| told(azure, 429, "429", "Too many requests"),
        tokens: ANY,
        project: "inconclusive throttled",
    },
    Situation {
        name: "fault",
        does: |azure| told(azure, 503, "ServiceUnavailable", "Later."),
        tokens: ANY,
        project: "inconclusive service",
    },
    Situation {
        name: "a page",
        does: |azure| spoilt(azure, 200, "text/html", "<html>sign in</html>"),
        tokens: ANY,
        project: "inconclusive network",
    },
    Situation {
        name: "a redirect",
        does: |azure| spoilt(azure, 302, "application/json", r#"{"value": []}"#),
        tokens: ANY,
        project: "inconclusive network",
    },
    Situation {
        name: "another answer",
        does: |azure| spoilt(azure, 200, "application/json", r#"{"status": "ok"}"#),
        tokens: ANY,
        project: "inconclusive service",
    },
    Situation {
        name: "nothing deployed in it",
        does: |azure| spoilt(azure, 200, "application/json", r#"{"value": []}"#),
        tokens: ANY,
        project: "proven -",
    },
    Situation {
        name: "no endpoint shown",
        does: |azure| {
            granted(azure);
            azure.spoil(
                "GET",
                "/projects?",
                Fault::Edit(|body| body["value"][0]["properties"]["endpoints"] = json!({})),
            );
        },
        tokens: ANY,
        project: "inconclusive network",
    },
];

#[test]
fn each_situation_of_a_project_has_its_verdict_and_its_reason() {
    for Situation { name, does, tokens, project } in few(4, SITUATIONS) {
        let azure = live();
        does(&azure);
        let folder = azure.folder();
        folder.write("specs/a.yaml", spec("projects: [{name: Team}]\n"));
        let tokens: Vec<(&str, String)> =
            tokens.iter().map(|(variable, audience)| (*variable, token_of(BOB, audience))).collect();
        let tokens: Vec<(&str, &str)> = tokens.iter().map(|(name, token)| (*name, token.as_str())).collect();
        let code = i32::from(!checks_pass(project, name));
        let run = folder.with_env("verify --verify-wait 0 --format json", &tokens);
        let found = checks(&run);
        assert_eq!(found[1], format!("projectAnswers team {project}"), "{name}: {run}");
        assert_eq!(run.code, code, "{name}: {run}");
        assert_eq!(run.json()["checks"][1]["source"]["line"], 9, "{name}: where the project is declared");
        run.fits("verify");
    }
}

/// Whether all of a situation's checks pass: the model needs its role too.
fn checks_pass(project: &str, name: &str) -> bool {
    project == "proven -" && name != "role on the project"
}

#[test]
fn a_project_is_told_in_words_with_what_to_do() {
    let azure = live();
    let folder = azure.folder();
    folder.write("specs/a.yaml", spec(""));
    let token = token_of(BOB, "");
    let tokens = [("KEYLESS_VERIFY_TOKEN", token.as_str())];
    folder.with_env("verify --verify-wait 0", &tokens).exits(1).says(&[
        "disproven    project team of account chat",
        "Microsoft.CognitiveServices/accounts/AIServices/deployments/read",
        "the caller may not call project team of account chat",
        "a role such as `Foundry User` (formerly `Azure AI User`) on the project or its account",
    ]);
    granted(&azure);
    folder
        .with_env("verify --format markdown", &tokens)
        .exits(0)
        .says(&["| proven | project team of account chat"]);
    folder.with_env("verify", &tokens).exits(0).says(&["the project accepted the token"]);
}

#[test]
fn a_declared_project_that_is_not_live_is_disproven_at_its_line_and_not_called() {
    let azure = live();
    granted(&azure);
    let folder = azure.folder();
    folder.write("specs/a.yaml", spec("projects:\n  - name: team\n  - name: gone\n"));
    let token = token_of(BOB, "");
    azure.take_seen();
    let run = folder
        .with_env("verify --allow-inconclusive --format json", &[("KEYLESS_VERIFY_TOKEN", token.as_str())])
        .exits(1);
    assert_eq!(
        checks(&run),
        [
            "modelAnswers gpt-4o proven -",
            "projectAnswers gone disproven absent",
            "projectAnswers team proven -",
            "keysRefused - proven -"
        ]
    );
    assert_eq!(run.findings(), ["disproven@11"]);
    assert!(!azure.take_seen().iter().any(|seen| seen.path().contains("/projects/gone")));
}

#[test]
fn projects_are_listed_only_where_an_account_may_have_some_and_a_list_that_cannot_be_read_is_an_error() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    deploy(&azure, "gpt-4o", "OpenAI", "gpt-4o", "2024-11-20");
    granted(&azure);
    let folder = azure.folder();
    folder.write("specs/a.yaml", spec(""));
    let token = token_of(BOB, "");
    let tokens = [("KEYLESS_VERIFY_TOKEN", token.as_str())];
    azure.take_seen();
    folder.with_env("verify", &tokens).exits(0);
    assert!(!azure.take_seen().iter().any(|seen| seen.path().ends_with("/projects")));

    azure.patch(&account("chat"), json!({"properties": {"allowProjectManagement": true}}));
    azure.spoil("GET", "/projects?", Fault::denied());
    let run = folder.with_env("verify --format json", &tokens).exits(1);
    assert_eq!(checks(&run), ["modelAnswers gpt-4o proven -", "keysRefused - proven -"]);
    assert_eq!(run.findings(), ["unknown-state@7"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_stay_on_while_a_declared_deployment_or_project_is_missing_or_does_not_answer() {
    let model = "model: {format: OpenAI, name: gpt-4o, version: '2024-11-20'}, sku: {name: GlobalStandard, capacity: 1}";
    let gone = format!("deployments:\n  - {{name: gone, {model}}}\n");
    for (lines, fault, expected) in few(
        3,
        [
            (
                gone.as_str(),
                Some("/deployments/gone"),
                // What it waits for was not made: nothing has to be called to see that.
                ["1 failed, 1 skipped", "InvalidResourceProperties"].as_slice(),
            ),
            (
                "projects: [{name: gone}]\n",
                Some("/projects/gone"),
                &[
                    "keys stay enabled",
                    "project gone of account chat: the spec declares it, but it does not exist",
                ],
            ),
            (
                "",
                None,
                &[
                    "keys stay enabled",
                    "project team of account chat: Azure accepted the token, but the caller has no role",
                ],
            ),
        ],
    ) {
        let azure = live();
        azure.patch(&account("chat"), json!({"properties": {"disableLocalAuth": false}}));
        answers(&azure, "/openai/v1", r#"{"choices": [{"message": {"content": "Yes"}}]}"#);
        keys_are_off(&azure);
        if let Some(part) = fault {
            // It cannot be made, and what is there answers.
            azure.spoil("PUT", part, Fault::error(400, "InvalidResourceProperties", "no"));
            azure.spoil("GET", AT, Fault::Answer(200, "application/json", r#"{"value": []}"#.to_owned()));
        }
        let folder = azure.folder();
        folder.write("a.yaml", spec(lines));
        let apply = "apply a.yaml --yes --allow lock-out --verify --verify-wait 0";
        folder.keyless(apply).exits(1).says(expected);
        assert_eq!(
            azure.get(&account("chat"))["properties"]["disableLocalAuth"],
            Value::Bool(false),
            "{expected:?}"
        );
        // A saved plan knows as well what it declares.
        folder.keyless("plan a.yaml --allow lock-out --out p.json").exits(0);
        folder
            .keyless("apply p.json --yes --allow lock-out --verify --verify-wait 0")
            .exits(1)
            .says(expected);
        // With what was missing, keys go off.
        azure.heal();
        answers(&azure, "/openai/v1", r#"{"choices": [{"message": {"content": "Yes"}}]}"#);
        azure.spoil(
            "GET",
            "/_data/chat/api/projects",
            Fault::Answer(200, "application/json", r#"{"value": []}"#.to_owned()),
        );
        folder.keyless(apply).exits(0);
        assert_eq!(
            azure.get(&account("chat"))["properties"]["disableLocalAuth"],
            Value::Bool(true),
            "{expected:?}"
        );
    }
}
