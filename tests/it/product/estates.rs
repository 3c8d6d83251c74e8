//! What real teams deploy, as specs: made in one go, in sync, exported, with no secret in any output. And the ways to sign in of their
//! connections, the blocklists and the rarer settings of accounts, one by one.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, Folder, account, few, grants, one_account, shared};

/// All of them; those with most that is special first.
const ESTATES: &[&str] = &[
    "foundry-samples-43-standard-agent-custom",
    "azd-ai-starter-basic-hosted-agents",
    "macae-multi-agent",
    "ai-gateway-hosted-agents-and-content-safety",
    "avm-bicep-cognitive-account-tests",
    "foundry-samples-01-connections",
    "terraform-libraries-openai-and-cognitive-account",
];

/// The secrets that a spec names, each with a value of its own.
fn secrets(spec: &str) -> BTreeMap<String, String> {
    let names = spec.split("${secret.").skip(1).filter_map(|rest| rest.split_once('}'));
    names.map(|(name, _)| (format!("KEYLESS_SECRET_{name}"), format!("wq7{}Lx93pd", name.len()))).collect()
}

/// The flags that a plan asks for.
fn lifts(plan: &Value) -> String {
    let hints = plan["findings"].as_array().unwrap().iter().filter_map(|each| each["hint"].as_str());
    let flags = hints.filter_map(|hint| Some(hint.split_once("--allow ")?.1.trim_matches('\'').to_owned()));
    let flags: Vec<String> = flags.flat_map(|flag| ["--allow".to_owned(), flag]).collect();
    flags.join(" ")
}

#[test]
fn real_estates_are_made_in_one_go_stay_in_sync_and_come_back_from_an_export() {
    let Some(folder_of_estates) = shared("cases/estates") else { return };
    for name in few(3, ESTATES) {
        let spec = std::fs::read_to_string(folder_of_estates.join(format!("{name}.yaml"))).unwrap();
        let secrets = secrets(&spec);
        let environment: Vec<(&str, &str)> =
            secrets.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", &spec);
        let run = |arguments: &str| {
            let run = folder.with_env(arguments, &environment);
            for secret in secrets.values() {
                assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{name}: {arguments}");
            }
            run
        };
        let plan = run("plan a.yaml --format json");
        assert!([0, 3].contains(&plan.code), "{name}: {plan}");
        run(&format!("apply a.yaml --yes {}", lifts(&plan.json()))).exits(0);
        run("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
        run("drift a.yaml").exits(0);
        azure.take_writes();
        run("apply a.yaml --yes").exits(0).says(&["No changes"]);
        assert_eq!(azure.take_writes().len(), 0, "{name}");
        let word = |key: &str| {
            let line = spec.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")));
            line.unwrap().split_whitespace().next().unwrap().to_owned()
        };
        let exported =
            run(&format!("export --subscription {} --stack {}", word("subscription"), word("stack")))
                .exits(0);
        folder.write("b.yaml", &exported.stdout);
        run("plan b.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    }
}

fn write(folder: &Folder, lines: &str) {
    folder.write("a.yaml", one_account("team-a", "chat", &format!("{lines}{}", grants(&[ALICE]))));
}

const KEYS: &[(&str, &str)] =
    &[("KEYLESS_SECRET_ONE", "first-secret-of-9"), ("KEYLESS_SECRET_TWO", "other-secret-of-9")];

fn run(folder: &Folder, arguments: &str) -> crate::common::Run {
    folder.with_env(arguments, KEYS)
}

fn connection(more: &str) -> String {
    format!("connections: [{{name: one, category: GenericRest, target: 'https://one.example/', {more}}}]\n")
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_way_to_sign_in_sends_its_credentials_once_and_shows_none() {
    let client = "clientId: 0a0b0c0d-0000-4000-8000-000000000001";
    let one = "'${secret.ONE}'";
    for (way, declared, sent) in [
        ("AccountKey", format!("key: {one}"), json!({"key": "first-secret-of-9"})),
        (
            "CustomKeys",
            format!("keys: {{x-api-key: {one}, x-tenant: '${{secret.TWO}}'}}"),
            json!({"keys": {"x-api-key": "first-secret-of-9", "x-tenant": "other-secret-of-9"}}),
        ),
        (
            "AccessKey",
            format!("accessKeyId: {one}, secretAccessKey: '${{secret.TWO}}'"),
            json!({"accessKeyId": "first-secret-of-9", "secretAccessKey": "other-secret-of-9"}),
        ),
        ("PAT", format!("pat: {one}"), json!({"pat": "first-secret-of-9"})),
        ("SAS", format!("sas: {one}"), json!({"sas": "first-secret-of-9"})),
        (
            "UsernamePassword",
            format!("username: reader, password: {one}"),
            json!({"username": "reader", "password": "first-secret-of-9"}),
        ),
        (
            "ServicePrincipal",
            format!("{client}, clientSecret: {one}, tenantId: 0a0b0c0d-0000-4000-8000-000000000002"),
            json!({"clientId": "0a0b0c0d-0000-4000-8000-000000000001", "clientSecret": "first-secret-of-9",
                "tenantId": "0a0b0c0d-0000-4000-8000-000000000002"}),
        ),
        (
            "OAuth2",
            format!("{client}, clientSecret: {one}"),
            json!({"clientId": "0a0b0c0d-0000-4000-8000-000000000001", "clientSecret": "first-secret-of-9"}),
        ),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        write(&folder, &connection(&format!("authType: {way}, credentials: {{{declared}}}")));
        let made = run(&folder, "apply a.yaml --yes").exits(0);
        assert!(
            !made.stdout.contains("secret-of-9") && !made.stderr.contains("secret-of-9"),
            "{way}: {made}"
        );
        let puts = azure.take_writes();
        let put = puts.iter().find(|seen| seen.path().ends_with("/connections/one")).unwrap();
        assert_eq!(put.body["properties"]["credentials"], sent, "{way}");
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
        // Without them it cannot be made, and in plain text they are refused without being repeated.
        write(&folder, &connection(&format!("authType: {way}")).replace("name: one", "name: two"));
        folder.keyless("plan a.yaml").exits(1).says(&["cannot be created without its credentials"]);
        write(
            &folder,
            &connection(&format!("authType: {way}, credentials: {{{declared}}}")).replace(one, "Wq7LxT93pd"),
        );
        let plain = folder.keyless("validate a.yaml").exits(1).complains(&["plain-secret"]);
        assert!(!plain.stderr.contains("Wq7LxT93pd"), "{way}: {plain}");
        // Those of another way do not fit.
        write(&folder, &connection(&format!("authType: AAD, credentials: {{{declared}}}")));
        folder.keyless("validate a.yaml").exits(1).complains(&["requires `authType: "]);
    }
}

#[test]
fn metadata_is_sent_as_json_text_and_compared_as_json() {
    let azure = Azure::start();
    let folder = azure.folder();
    let models = |name: &str| {
        connection(&format!(
            "authType: AAD, metadata: {{ApiType: Azure, models: [{{name: {name}, stream: true}}]}}"
        ))
    };
    write(&folder, &models("gpt"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let path = format!("{}/connections/one", account("chat"));
    assert_eq!(azure.get(&path)["properties"]["metadata"]["models"], "[{\"name\":\"gpt\",\"stream\":true}]");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    // Written in another way it is the same.
    let mut body = azure.get(&path);
    let text = "[ { \"stream\": true, \"name\": \"gpt\" } ]";
    body["properties"]["metadata"]["models"] = json!(text);
    azure.put(&path, body);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    write(&folder, &models("gpt-5"));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(2).says(&["metadata.models"]);
}

#[test]
fn a_secret_of_an_account_is_sent_by_name_and_never_compared() {
    let azure = Azure::start();
    let folder = azure.folder();
    let search = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.Search/searchServices/s";
    let lines = |key: &str, more: &str| {
        format!(
            "kind: TextAnalytics\nsku: S\napiProperties: {{qnaAzureSearchEndpointId: {search}, qnaAzureSearchEndpointKey: '{key}'}}\n{more}"
        )
    };
    write(&folder, &lines("${secret.ONE}", ""));
    run(&folder, "apply a.yaml --yes").exits(0);
    let sent = azure.take_writes();
    let put = sent.iter().find(|seen| seen.path() == account("chat")).unwrap();
    assert_eq!(put.body["properties"]["apiProperties"]["qnaAzureSearchEndpointKey"], "first-secret-of-9");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    write(&folder, &lines("${secret.ONE}", "tags: {a: b}\n"));
    run(&folder, "apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    write(&folder, &lines("Wq7LxT93pd", ""));
    let plain = folder.keyless("validate a.yaml").exits(1).complains(&["plain-secret"]);
    assert!(!plain.stderr.contains("Wq7LxT93pd"), "{plain}");
}

#[test]
fn blocklists_stand_before_the_filters_that_use_them_and_go_after_them() {
    let azure = Azure::start();
    let folder = azure.folder();
    let policy = "raiPolicies: [{name: own, customBlocklists: [{blocklistName: words, source: Prompt, blocking: true}]}]\n";
    let lists = "raiBlocklists: [{name: words, items: [{name: one, pattern: acme}, {name: two, pattern: 'a.c', isRegex: true}]}]\n";
    write(&folder, &format!("{policy}{lists}"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let made = azure.take_writes();
    let at = |end: &str| made.iter().position(|seen| seen.path().ends_with(end)).unwrap();
    assert!(at("/raiBlocklists/words") < at("/raiBlocklistItems/one"), "{made:?}");
    assert!(at("/raiBlocklistItems/two") < at("/raiPolicies/own"), "{made:?}");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    // An item made by hand is drift, and stays.
    let item = format!("{}/raiBlocklists/words/raiBlocklistItems/theirs", account("chat"));
    azure.put(&item, json!({"properties": {"pattern": "x"}}));
    folder.keyless("drift a.yaml").exits(2).says(&["blocklist item theirs of words"]);
    azure.delete(&item);
    write(&folder, "raiPolicies: []\nraiBlocklists: []\n");
    folder.keyless("apply a.yaml --yes").exits(3);
    folder.keyless("apply a.yaml --yes --allow weakening").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

/// Members that say which resource or grant it is: another value is another one, not a change.
const NAMING: &[&str] = &[
    "version",
    "stack",
    "subscription",
    "resourceGroup",
    "name",
    "role",
    "principals",
    "scope",
    "databaseAccount",
    "source",
    "blocklistName",
    "location",
    "conditionVersion",
];

/// Another value of the same type, if one is known that Azure takes too.
fn another(name: &str, value: &Value) -> Option<Value> {
    const WORDS: &[(&str, &str)] = &[
        ("Enabled", "Disabled"),
        ("Allow", "Deny"),
        ("High", "Medium"),
        ("Low", "Medium"),
        ("NoAutoUpgrade", "OnceCurrentVersionExpired"),
        ("NotRequired", "Required"),
    ];
    match value {
        Value::Bool(value) => Some(json!(!value)),
        Value::Number(value) => Some(json!(value.as_u64()? + 1)),
        Value::String(text) => {
            let both = WORDS.iter().flat_map(|(one, other)| [(one, other), (other, one)]);
            let word = both.into_iter().find(|(one, _)| *one == text).map(|(_, other)| json!(other));
            let is_free = ["description", "displayName", "pattern", "target"].contains(&name);
            word.or_else(|| is_free.then(|| json!(format!("{text}x"))))
        }
        _ => None,
    }
}

/// Every value that can be another one, by pointer.
fn alterable(value: &Value, name: &str, pointer: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            // The values of maps of one's own are text.
            let own = ["tags", "metadata"].contains(&name);
            for (key, item) in map.iter().filter(|(key, _)| own || !NAMING.contains(&key.as_str())) {
                let below = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                match item {
                    Value::String(text) if own => found.push((below, json!(format!("{text}x")))),
                    _ => alterable(item, key, &below, found),
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                alterable(item, "", &format!("{pointer}/{at}"), found);
            }
        }
        value => found.extend(another(name, value).map(|value| (pointer.to_owned(), value))),
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_field_of_an_estate_altered_alone_is_exactly_that_change() {
    let Some(folder_of_estates) = shared("cases/estates") else { return };
    let mut changed = 0;
    for name in ESTATES {
        let spec = std::fs::read_to_string(folder_of_estates.join(format!("{name}.yaml"))).unwrap();
        let mut sources = keyless::text::source::Sources::default();
        let (loaded, _) = keyless::spec::read(
            &["-".into()],
            &keyless::spec::variables::VariableInputs::default(),
            &mut sources,
            spec.as_bytes(),
            |_| Vec::new(),
        );
        let mut tree = loaded.into_iter().next().unwrap().document.tree;
        tree.as_object_mut().unwrap().remove("variables");
        let secrets = secrets(&spec);
        let environment: Vec<(&str, &str)> =
            secrets.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", tree.to_string());
        let plan = folder.with_env("plan a.yaml --format json", &environment);
        let apply = format!("apply a.yaml --yes {}", lifts(&plan.json()));
        folder.with_env(&apply, &environment).exits(0);
        let mut all = Vec::new();
        alterable(&tree, "", "", &mut all);
        for (pointer, value) in all {
            let mut altered = tree.clone();
            *altered.pointer_mut(&pointer).unwrap() = value;
            folder.write("a.yaml", altered.to_string());
            let run = folder.with_env("plan a.yaml --format json --detailed-exitcode", &environment);
            // Some are refused: Azure fixes them, or they do not fit what is beside them. None is overlooked.
            assert_ne!(run.code, 0, "{name} {pointer}: {run}");
            if run.code == 1 {
                continue;
            }
            let plan = run.json();
            let written = |change: &&Value| {
                ["create", "update", "delete", "adopt"].iter().any(|action| change["action"] == *action)
            };
            let writes: Vec<&Value> = plan["changes"].as_array().unwrap().iter().filter(written).collect();
            assert_eq!(writes.len(), 1, "{name} {pointer}: {writes:?}");
            let fields: Vec<&str> = writes[0]["fields"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(|field| field["path"].as_str())
                .collect();
            let told = pointer.rsplit('/').find(|token| token.parse::<usize>().is_err()).unwrap();
            let is_it = |path: &&str| {
                path.split(['.', '[']).any(|part| pointer.contains(part.trim_matches(['"', ']'])))
                    || path.contains(told)
            };
            // A write repeats what Azure never shows.
            let is_unshown =
                |path: &&str| path.starts_with("credentials") || path.ends_with("qnaAzureSearchEndpointKey");
            let others = fields.iter().filter(|path| !is_unshown(path) && !is_it(path));
            assert_eq!(others.count(), 0, "{name} {pointer}: {fields:?}");
            assert!(fields.iter().any(is_it), "{name} {pointer}: {fields:?}");
            changed += 1;
        }
    }
    assert!(changed > 60, "only {changed} fields could be altered");
}
