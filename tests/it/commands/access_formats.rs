//! Who can call the models of which publisher, and the services that are no models: `access` against an evaluator that tries every call.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accounts;
use crate::common::{ALICE, Azure, BOB, CAROL, SUB, account, grants, one_account};

const PROVIDER: &str = "Microsoft.CognitiveServices/accounts/";

/// Something that models do.
struct Task {
    /// The data actions of which all are certainly enough.
    all: &'static [&'static str],
    /// Others of which one perhaps is.
    one: &'static [&'static str],
}

const fn task(all: &'static [&'static str]) -> Task {
    Task { all, one: &[] }
}

/// What the models of each format do.
const TASKS: [(&str, &[Task]); 3] = [
    (
        "OpenAI",
        &[
            task(&["OpenAI/deployments/chat/completions/action"]),
            task(&["OpenAI/deployments/embeddings/action"]),
            task(&["OpenAI/responses/write"]),
            task(&["OpenAI/deployments/completions/action"]),
            task(&["OpenAI/images/generations/action"]),
            task(&["OpenAI/deployments/audio/action"]),
            task(&["OpenAI/deployments/realtime/action"]),
            task(&["OpenAI/video/generations/*/action"]),
        ],
    ),
    ("Anthropic", &[task(&["MaaS/*", "AIServices/providers/action"])]),
    (
        "others",
        &[
            Task {
                all: &["MaaS/chat/completions/action"],
                one: &["OpenAI/deployments/chat/completions/action"],
            },
            Task { all: &["MaaS/embeddings/action"], one: &["OpenAI/deployments/embeddings/action"] },
            task(&["OpenAI/images/generations/action", "MaaS/images/generations/action"]),
        ],
    ),
];

/// Whether a pattern covers an action, letter by letter.
fn covers(pattern: &[u8], action: &[u8]) -> bool {
    match (pattern.first(), action.first()) {
        (None, None) => true,
        (Some(b'*'), None) => covers(&pattern[1..], action),
        (Some(b'*'), Some(_)) => covers(&pattern[1..], action) || covers(pattern, &action[1..]),
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other) && covers(&pattern[1..], &action[1..]),
        _ => false,
    }
}

fn permits(role: &Value, action: &str) -> bool {
    let action = format!("{PROVIDER}{action}");
    role["properties"]["permissions"].as_array().unwrap().iter().any(|permission| {
        let any = |list: &str| {
            let patterns = permission[list].as_array().into_iter().flatten();
            patterns.filter_map(Value::as_str).any(|each| covers(each.as_bytes(), action.as_bytes()))
        };
        any("dataActions") && !any("notDataActions")
    })
}

/// What a role opens of a format's models.
fn evaluated(role: &Value, tasks: &[Task]) -> &'static str {
    let surely = |task: &&Task| task.all.iter().all(|action| permits(role, action));
    let perhaps = |task: &Task| task.all.iter().chain(task.one).any(|action| permits(role, action));
    match tasks.iter().filter(surely).count() {
        0 if tasks.iter().any(perhaps) => "perhaps",
        0 => "none",
        count if count == tasks.len() => "all",
        _ => "some",
    }
}

#[test]
fn every_role_opens_the_models_of_each_format_that_an_evaluator_of_all_calls_finds() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    let all = format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleDefinitions");
    // Beside Azure's own roles those that open one thing only.
    let single = TASKS.iter().flat_map(|(_, tasks)| tasks.iter()).flat_map(|task| task.all);
    for (index, action) in single.enumerate() {
        let id = format!("c0570000-0000-4000-8000-0000000000{index:02}");
        let permission = json!({"actions": [], "dataActions": [format!("{PROVIDER}{action}")]});
        let properties = json!({
            "roleName": format!("Only {index}"), "type": "CustomRole", "permissions": [permission],
            "assignableScopes": [format!("/subscriptions/{SUB}")],
        });
        azure.put(&format!("{all}/{id}"), json!({ "properties": properties }));
    }
    let roles = azure.get(&all)["value"].as_array().unwrap().clone();
    let speaks = |role: &&Value| {
        let text = role["properties"]["permissions"].to_string();
        text.contains("CognitiveServices") || text.contains("\"*\"")
    };
    let roles: Vec<&Value> = roles.iter().filter(speaks).collect();
    assert!(roles.len() > 40, "{}", roles.len());
    let mut expected: BTreeMap<String, BTreeMap<&str, &str>> = BTreeMap::new();
    for (index, role) in roles.iter().enumerate() {
        let who = format!("aaaaaaaa-0000-4000-8000-{index:012}");
        let name = format!("a5510000-0000-4000-8000-{index:012}");
        azure.grant(&account("chat"), &name, role["name"].as_str().unwrap(), &who, None);
        let by_format: BTreeMap<&str, &str> =
            TASKS.iter().map(|(format, tasks)| (*format, evaluated(role, tasks))).collect();
        if by_format.values().any(|opens| *opens != "none") {
            expected.insert(who, by_format);
        }
    }
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    let run = folder.keyless("access --format json").exits(0);
    run.fits("access");
    let document = run.json();
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for holder in document["accounts"][0]["principals"].as_array().unwrap() {
        let id = holder["id"].as_str().unwrap().to_owned();
        found.insert(id, holder["through"][0]["models"].clone());
    }
    let named = |who: &str| {
        let index: usize = who[24..].parse().unwrap();
        roles[index]["properties"]["roleName"].as_str().unwrap().to_owned()
    };
    for (who, opens) in &found {
        // What calls a model in another way, such as an agent, opens none of these.
        let expected = expected.get(who).map_or_else(
            || json!({"OpenAI": "none", "Anthropic": "none", "others": "none"}),
            |opens| json!(opens),
        );
        assert_eq!(*opens, expected, "{}", named(who));
    }
    for who in expected.keys() {
        assert!(found.contains_key(who), "{} is missing", named(who));
    }
    assert!(found.len() > 20, "{}", found.len());
}

#[test]
fn a_role_that_opens_openai_only_says_so() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    let openai_user = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
    azure.grant(&account("chat"), "a5510000-0000-4000-8000-000000000001", openai_user, ALICE, None);
    let folder = azure.folder();
    folder.write("specs/a.yaml", accounts(&["chat"]));
    for format in ["human", "markdown"] {
        folder
            .keyless(&format!("access --format {format}"))
            .exits(0)
            .says(&["OpenAI, not Claude, perhaps other publishers"]);
    }
}

const SPEECH_USER: &str = "f2dc8367-1007-4938-bd23-fe263f013447";
const LANGUAGE_READER: &str = "7628b7b8-a8b2-4cdc-b46f-e9b35248918e";

fn speech(lines: &str) -> String {
    one_account("team-a", "voice", &format!("kind: SpeechServices\n{lines}"))
}

fn role(name: &str, who: &str) -> String {
    format!("roleAssignments: [{{role: {name}, principals: [{{id: {who}, type: User}}]}}]\n")
}

#[test]
fn a_service_that_is_no_model_is_called_with_its_own_data_actions() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/a.yaml", speech(&role("Cognitive Services Speech User", ALICE)));
    // No advice that fits models only.
    let valid = folder.keyless("validate --format json").exits(0);
    assert_eq!(valid.findings(), Vec::<String>::new(), "{valid}");
    folder.keyless("apply --yes").exits(0);
    azure.grant(&account("voice"), "a5510000-0000-4000-8000-000000000002", LANGUAGE_READER, BOB, None);
    let run = folder.keyless("access --format json").exits(0);
    run.fits("access");
    let document = run.json();
    let voice = &document["accounts"][0];
    assert_eq!(voice["kind"], "SpeechServices");
    let holders = voice["principals"].as_array().unwrap();
    assert_eq!((holders.len(), &holders[0]["id"]), (1, &json!(ALICE)), "{voice}");
    assert!(holders[0]["through"][0]["models"].is_null(), "{voice}");
    folder.write("specs/a.yaml", speech(&role("Cognitive Services Language Reader", CAROL)));
    let wrong = folder.keyless("validate").exits(0);
    wrong.complains(&[
        "`Cognitive Services Language Reader` does not let anyone call an account of kind `SpeechServices`",
        "`Cognitive Services User` and `Cognitive Services Speech User` do",
    ]);
}

#[test]
fn some_of_a_services_data_actions_are_not_enough_for_keys_to_go_off() {
    for (kind, name) in [
        ("LUIS", "Cognitive Services LUIS Reader"),
        ("CustomVision.Prediction", "Cognitive Services Custom Vision Reader"),
        ("CognitiveServices", "Cognitive Services Immersive Reader User"),
        ("CognitiveServices", "Cognitive Services OpenAI User"),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        let spec = |off: bool, name: &str| {
            let lines = format!("customSubDomainName: voice\ndisableLocalAuth: {off}\n{}", role(name, ALICE));
            speech(&lines).replace("SpeechServices", kind)
        };
        folder.write("specs/a.yaml", spec(false, name));
        folder.keyless("apply --yes").exits(0);
        folder.write("specs/a.yaml", spec(true, name));
        let plan = folder.keyless("plan").exits(3);
        assert!(plan.stderr.contains("guard-lock-out") || plan.stdout.contains("guard-lock-out"), "{plan}");
        folder.write("specs/a.yaml", spec(true, "Cognitive Services User"));
        folder.keyless("plan").exits(0);
    }
}

#[test]
fn keys_of_a_service_go_off_where_its_own_role_is_left() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |off: bool, name: &str| {
        speech(&format!("customSubDomainName: voice\ndisableLocalAuth: {off}\n{}", role(name, ALICE)))
    };
    folder.write("specs/a.yaml", spec(false, "Cognitive Services Speech User"));
    folder.keyless("apply --yes").exits(0);
    folder.write("specs/a.yaml", spec(true, "Cognitive Services Speech User"));
    folder.keyless("plan").exits(0);
    folder.write("specs/a.yaml", spec(true, "Cognitive Services Language Reader"));
    folder.keyless("plan").exits(3).says(&[
        "after the plan nobody could call account `voice`",
        "no role with data actions of its service is left",
    ]);
    folder.write("specs/a.yaml", speech(&format!("disableLocalAuth: true\n{}", grants(&[ALICE]))));
    folder.keyless("plan").exits(0);
    // An account that serves models and speech takes either.
    folder
        .write("specs/a.yaml", one_account("team-b", "chat", &role("Cognitive Services Speech User", ALICE)));
    let both = folder.keyless("validate --format json").exits(0);
    assert_eq!(both.findings(), Vec::<String>::new(), "{both}");
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    azure.grant(&account("chat"), "a5510000-0000-4000-8000-000000000003", SPEECH_USER, ALICE, None);
    let run = folder.keyless("access --format json").exits(0).json();
    assert_eq!(run["accounts"][0]["principals"], json!([]), "speech opens no model");
}
