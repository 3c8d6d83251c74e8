//! Secrets in `target` and `metadata` of connections, which Azure shows to every reader: how they are written, and what only looks like one.

use serde_json::{Value, json};

use crate::common::{Azure, Folder, Run, SUB, account, few, one_account};

const KEY: &str = "Qz7wR3tY9uI2oP5aS8dF";
/// What of it may stand nowhere.
const PIECE: &str = "Qz7wR3tY";

/// A field (`target`, or the name of an entry of `metadata`) and a value with a secret in it.
fn telling() -> Vec<(&'static str, String)> {
    let mut all: Vec<(&str, String)> = [
        "h.redis.cache.windows.net:6380,password=KEY=,ssl=True,abortConnect=False",
        "DefaultEndpointsProtocol=https; AccountName=a; AccountKey = KEY==; EndpointSuffix=core.windows.net",
        "Server=h;Password=\"KEY;KEY\";Encrypt=True",
        "spring.datasource.password=KEY",
        r#"{"api-key":"KEY"}"#,
        r#"{"a": {"password" : "KEY\"KEY"}, "b": 1}"#,
        r#"{"headers": "{\"Authorization\": \"KEY\"}"}"#,
        "{'x-functions-key': 'KEY'}",
    ]
    .map(|text| ("conn", text.replace("KEY", KEY)))
    .to_vec();
    let targets = [
        "https://u%3AKEY@h.example.com/",
        "https://KEY@h.example.com/",
        "https://h.example.com/?pat=KEY",
        "https://h.example.com/?jwt=KEY",
        "https://h.example.com/?auth=KEY",
        "https://h.example.com/#sig=KEY",
        "https://h.example.com/?%73ig=KEY",
        "https://h.example.com/?sv=1%26sig%3DKEY",
        "https://h.example.com/?to=https%253A%252F%252Fx%253Fapi-key%253DKEY",
        "https://h.example.com/?authorization=Basic%20KEY",
    ];
    all.extend(targets.map(|text| ("target", text.replace("KEY", KEY))));
    let names = [
        "key1",
        "key2",
        "pat",
        "GITHUB_PAT",
        "passphrase",
        "connStr",
        "conn_str",
        "connectionString",
        "connection-string",
        "accesstoken",
        "clientsecret",
        "jwt",
        "password_1",
    ];
    all.extend(names.map(|name| (name, KEY.to_owned())));
    all
}

/// Values that have something in common with the above.
const HARMLESS: &[(&str, &str)] = &[
    ("ApiType", "Azure"),
    ("ApiVersion", "2024-02-01"),
    ("DeploymentApiVersion", "2023-10-01-preview"),
    (
        "ResourceId",
        "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.Search/searchServices/s1",
    ),
    ("Location", "eastus2"),
    ("key_vault_name", "vault-of-team-1234"),
    ("KeyVaultUri", "https://v.vault.azure.net/keys/name-of-a-key-2024/0123456789abcdef"),
    ("path", "/keys/key=5/part"),
    ("monkey", "chimp123456"),
    ("author", "author=jane1234567"),
    (
        "authority",
        "https://login.microsoftonline.com/common/oauth2/v2.0/authorize?authority=https%3A%2F%2Flogin.microsoftonline.com%2Fx1234567",
    ),
    (
        "query",
        "https://h.example.com/?path=/a1234567&auth=basic&author=me1234567&monkey=1234567&patch=12345678",
    ),
    ("repository", "https://contoso@dev.azure.com/contoso/_git/x"),
    ("mail", "jane.doe1234567890@example.com"),
    ("port", "https://h.example.com:443/a@b"),
    (
        "json",
        r#"{"api-version": "2024-02-01", "keyName": "name-of-1234", "monkey": "chimp123456", "token": null}"#,
    ),
    ("percent", "50% off, 100%25 ä%zz"),
    ("AuthenticationType", "Authentication=ActiveDirectoryManagedIdentity1"),
];

fn connection(field: &str, value: &Value) -> String {
    let (target, metadata) = match field {
        "target" => (value.clone(), json!({})),
        name => (json!("https://h.example.com/"), json!({ name: value })),
    };
    format!(
        "connections:\n  - name: search\n    category: ApiKey\n    authType: None\n    target: {target}\n    metadata: {metadata}\n"
    )
}

#[track_caller]
fn hides(what: &str, run: &Run) {
    assert!(!run.stdout.contains(PIECE) && !run.stderr.contains(PIECE), "{what}\n{run}");
}

#[test]
fn a_secret_that_stands_in_a_text_or_goes_by_a_name_is_an_error_and_is_not_shown() {
    let folder = Folder::new();
    for (field, value) in few(4, telling()) {
        // As JSON writes it, and in quotes that escape nothing.
        let double = connection(field, &json!(value));
        let single = double.replace(&json!(value).to_string(), &format!("'{}'", value.replace('\'', "''")));
        for lines in [double, single] {
            folder.write("a.yaml", one_account("team-a", "chat", &lines));
            for format in ["human", "json"] {
                let run = folder.keyless(&format!("validate a.yaml --format {format}"));
                let what = format!("{field}: {value}");
                assert_eq!(run.code, 1, "{what}\n{run}");
                assert!(format!("{}{}", run.stdout, run.stderr).contains("plain-secret"), "{what}\n{run}");
                hides(&what, &run);
            }
        }
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_live_one_is_shown_nowhere_and_left_out_of_an_export() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    let id = format!("{}/connections/search", account("chat"));
    for (field, value) in few(3, telling()) {
        let what = format!("{field}: {value}");
        let is_target = field == "target";
        let target = if is_target { value.as_str() } else { "https://h.example.com/" };
        let metadata = if is_target { json!({"other": "x"}) } else { json!({"other": "x", field: value}) };
        azure.delete(&id);
        azure.put(&id, json!({"properties": {"category": "ApiKey", "authType": "None", "target": target, "metadata": metadata}}));
        let cleared = if is_target {
            connection("target", &json!("https://other.example.com/"))
        } else {
            connection(field, &Value::Null)
        };
        folder.write("a.yaml", one_account("team-a", "chat", &cleared));
        for command in
            ["plan a.yaml --out p.json", "plan a.yaml --format json", "drift a.yaml", "show p.json"]
        {
            let run = folder.keyless(command);
            hides(&what, &run);
            assert!(run.stdout.contains("REDACTED"), "{what}\n{run}");
        }
        let saved = std::fs::read_to_string(folder.path().join("p.json")).unwrap();
        assert!(!saved.contains(PIECE), "{what}");
        let exported = folder.keyless(&format!("export --subscription {SUB} --stack x"));
        hides(&what, &exported);
        assert!(exported.stdout.contains("search") && exported.stderr.contains(field), "{what}\n{exported}");
    }
}

#[test]
fn what_only_looks_like_a_secret_can_be_declared_and_is_shown() {
    let azure = Azure::start();
    let folder = azure.folder();
    let metadata: Value = HARMLESS.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let lines = connection(
        "target",
        &json!("https://h.example.com/keys/?path=/a&authority=https://login.microsoftonline.com/x12345678"),
    )
    .replace("metadata: {}", &format!("metadata: {metadata}"));
    folder.write("a.yaml", one_account("team-a", "chat", &lines));
    folder.keyless("apply a.yaml --yes --allow lock-out").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    let exported = folder.keyless(&format!("export --subscription {SUB} --stack team-a")).exits(0);
    for (name, _) in HARMLESS {
        assert!(exported.stdout.contains(&format!("{name}:")), "{name}\n{exported}");
    }
}
