//! Saved plans whose fields somebody edited: names in another case, fields that no kind has, values of another type, paths without end.

use keyless::id::arm_guid;
use serde_json::{Value, json};

use super::forged::{OWNER, change, forge, planned, refused};
use crate::common::{ALICE, Azure, BOB, CAROL, Folder, SUB, account, assignment, one_account};

fn field(path: &str, after: impl Into<Value>) -> Value {
    json!({"path": path, "before": null, "after": after.into(), "source": null})
}

fn push(change: &mut Value, path: &str, after: impl Into<Value>) {
    change["fields"].as_array_mut().unwrap().push(field(path, after));
}

/// Carol's new role becomes Owner for somebody, under the name that such an assignment has.
fn owner(plan: &mut Value, first: &Value) {
    let grant = change(plan, "create", CAROL);
    let role = format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleDefinitions/{OWNER}");
    let name = arm_guid(&[BOB, OWNER, &account("chat")]).to_string();
    grant["id"] = json!(assignment(&account("chat"), &name));
    grant["title"] = json!("role assignment");
    grant["fields"] = json!([
        first,
        field("roleDefinitionId", role),
        field("principalId", BOB),
        field("principalType", "User"),
    ]);
}

/// How a plan is edited, what is in the id of the change, and with which words it is refused.
type Forgery = (fn(&mut Value), &'static str, &'static str);

/// Each edit is refused by `show` and `apply` with these words, and with the id of the change.
fn all_refused(azure: &Azure, folder: &Folder, edits: &[Forgery]) {
    let whole = std::fs::read(folder.path().join("plan.json")).unwrap();
    for (edit, id, words) in edits {
        folder.write("plan.json", &whole);
        forge(folder, edit);
        for command in ["show plan.json", "apply plan.json --yes", "apply plan.json a.yaml --yes"] {
            let told = [*words, *id, "it was edited, or made by another version of keyless"];
            refused(azure, folder.keyless(command), 1, &told);
        }
    }
}

#[test]
fn a_role_in_another_spelling_makes_nobody_an_owner() {
    let (azure, folder) = planned();
    all_refused(
        &azure,
        &folder,
        &[
            (
                |plan| owner(plan, &field("RoleDefinitionId", "x")),
                "roleAssignments/",
                "field `roleDefinitionId` is set twice",
            ),
            (
                |plan| owner(plan, &field("PrincipalId", "x")),
                "roleAssignments/",
                "field `principalId` is set twice",
            ),
            (
                |plan| owner(plan, &field("properties", json!({"principalId": ALICE}))),
                "roleAssignments/",
                "`properties` is not a field of kind `roleAssignments`",
            ),
        ],
    );
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_field_that_no_spec_can_say_is_not_written() {
    let (azure, folder) = planned();
    all_refused(
        &azure,
        &folder,
        &[
            (
                |plan| {
                    let wide = json!({"defaultAction": "Deny", "ipRules": [{"value": "0.0.0.0/1"}]});
                    push(change(plan, "create", "front"), "NetworkAcls", wide);
                },
                "accounts/front",
                "`NetworkAcls` is not a field of kind `accounts`",
            ),
            (
                |plan| push(change(plan, "create", "front"), "properties", json!({"restore": true})),
                "accounts/front",
                "`properties` is not a field of kind `accounts`",
            ),
            (
                |plan| {
                    push(change(plan, "update", "chat"), "apiProperties", json!({"notInSpecs": "x"}));
                },
                "accounts/chat",
                "`apiProperties.notInSpecs` is not a field of kind `accounts`",
            ),
            (
                |plan| {
                    push(
                        change(plan, "create", "front"),
                        "networkAcls",
                        json!({"ipRules": [{"value": "x"}]}),
                    );
                },
                "accounts/front",
                "`networkAcls.ipRules.0` must be text",
            ),
            (
                |plan| change(plan, "update", "chat")["id"] = json!(account("chat") + "/"),
                "accounts/chat/",
                "this is not the id of a resource as a plan writes it",
            ),
        ],
    );
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_deployment_gets_no_value_of_another_type_and_no_filter_under_another_name() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = |capacity: u32| {
        format!(
            "deployments:\n  - name: gpt\n    model: {{format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}}\n    sku: {{name: GlobalStandard, capacity: {capacity}}}\n"
        )
    };
    folder.write("a.yaml", one_account("team-a", "chat", &lines(3)));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", &lines(5)));
    folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["1 to update"]);
    azure.take_seen();
    let number = "`sku.capacity` must be a whole number";
    all_refused(
        &azure,
        &folder,
        &[
            (
                |plan| change(plan, "update", "gpt")["fields"][0]["after"] = Value::Null,
                "deployments/gpt",
                "`sku.capacity` cannot be cleared",
            ),
            (
                |plan| change(plan, "update", "gpt")["fields"][0]["after"] = json!("2"),
                "deployments/gpt",
                number,
            ),
            (
                |plan| change(plan, "update", "gpt")["fields"][0]["after"] = json!({"a": {"b": null}}),
                "deployments/gpt",
                number,
            ),
            (
                |plan| change(plan, "update", "gpt")["fields"][0]["after"] = json!(-1),
                "deployments/gpt",
                "`sku.capacity` must be another value",
            ),
            (
                |plan| push(change(plan, "update", "gpt"), "RaiPolicyName", "lax"),
                "deployments/gpt",
                "`RaiPolicyName` is not a field of kind `deployments`",
            ),
        ],
    );
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_path_without_end_is_refused_and_ends_no_process() {
    let (azure, folder) = planned();
    let whole = std::fs::read(folder.path().join("plan.json")).unwrap();
    for names in [13, 20_000, 200_000] {
        folder.write("plan.json", &whole);
        forge(&folder, |plan| {
            let path = format!("tags.{}", vec!["a"; names - 1].join("."));
            change(plan, "update", "chat")["fields"] = json!([field(&path, 2)]);
        });
        let words = format!("lies {names} names deep");
        for command in ["show plan.json", "apply plan.json --yes"] {
            let run = refused(&azure, folder.keyless(command), 1, &[&words, &account("chat")]);
            assert!(run.stderr.len() < 2000, "{}", run.stderr.len());
        }
    }
}

/// The change that writes the connection.
fn connection(plan: &mut Value) -> &mut Value {
    let is_it = |change: &&mut Value| change["id"].as_str().unwrap().ends_with("/connections/search");
    plan["changes"].as_array_mut().unwrap().iter_mut().find(is_it).unwrap()
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_secret_stands_in_no_plan_itself() {
    const KEY: &str = "kQ7-literal-key-of-somebody";
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = |target: &str| {
        format!(
            "connections:\n  - name: search\n    category: CognitiveSearch\n    target: {target}\n    authType: ApiKey\n    credentials: {{key: \"${{secret.SEARCH}}\"}}\n    metadata: {{ApiType: Azure}}\n"
        )
    };
    let edits: [Forgery; 3] = [
        (
            |plan| {
                for entry in connection(plan)["fields"].as_array_mut().unwrap() {
                    if entry["path"] == "credentials.key" {
                        entry["after"] = json!(KEY);
                    }
                }
            },
            "connections/search",
            "`credentials.key` contains a secret as plain text; only `${secret.NAME}` is allowed",
        ),
        (
            |plan| push(connection(plan), "metadata.apiKey", KEY),
            "connections/search",
            "a secret stands in `target` or `metadata` as plain text",
        ),
        (
            |plan| {
                let fields = connection(plan)["fields"].as_array_mut().unwrap();
                fields.retain(|entry| entry["path"] != "target");
                let target = format!("https://s.search.windows.net/?sig={KEY}");
                push(connection(plan), "target", target);
            },
            "connections/search",
            "a secret stands in `target` or `metadata` as plain text",
        ),
    ];
    let secret = [("KEYLESS_SECRET_SEARCH", "kQ7-the-right-one")];
    folder.write("a.yaml", one_account("team-a", "chat", "connections: []\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    // Of a connection that the plan makes, and of one that it changes.
    for target in ["https://s.search.windows.net/", "https://t.search.windows.net/"] {
        folder.write("a.yaml", one_account("team-a", "chat", &lines(target)));
        folder.args(["plan", "a.yaml", "--out", "plan.json", "--allow", "connection"]).exits(0);
        azure.take_seen();
        all_refused(&azure, &folder, &edits);
        for command in ["show plan.json", "apply plan.json --yes"] {
            let run = folder.keyless(command).exits(1);
            assert!(!run.stderr.contains(KEY) && !run.stdout.contains(KEY), "{run}");
        }
        folder.with_env("apply a.yaml --yes --allow connection", &secret).exits(0);
    }
}

fn set(plan: &mut Value, path: &str, edit: impl Fn(&mut Value)) {
    let fields = change(plan, "create", "leak")["fields"].as_array_mut().unwrap();
    edit(fields.iter_mut().find(|field| field["path"] == path).unwrap());
}

fn sign_in_with(plan: &mut Value, way: &str) {
    set(plan, "authType", |field| field["after"] = json!(way));
}

type Edit = fn(&mut Value);

#[test]
fn a_connection_sends_its_secret_in_no_other_way_and_under_no_other_guard() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = |more: &str| {
        let first = "connections:\n  - {name: openai, category: AzureOpenAI, target: 'https://good.openai.azure.com/', authType: ApiKey, credentials: {key: '${secret.OPENAI}'}}\n";
        one_account("team-a", "chat", &format!("disableLocalAuth: false\n{first}{more}"))
    };
    let leak = "  - {name: leak, category: AzureOpenAI, target: 'https://evil.example.com/', authType: ApiKey, credentials: {key: '${secret.OPENAI}'}}\n";
    let secret = [("KEYLESS_SECRET_OPENAI", "sk-zq81-very-secret-key-7731")];
    folder.write("a.yaml", lines(""));
    folder.with_env("apply a.yaml --yes", &secret).exits(0);
    folder.write("a.yaml", lines(leak));
    folder.with_env("plan a.yaml --out plan.json", &secret).exits(3).says(&["error[guard-connection]"]);
    azure.take_seen();
    let whole = std::fs::read(folder.path().join("plan.json")).unwrap();
    let edits: [(Edit, &str); 4] = [
        (|plan| sign_in_with(plan, "None"), "`credentials.key` requires `authType: ApiKey`"),
        (|plan| sign_in_with(plan, "AAD"), "`credentials.key` requires `authType: ApiKey`"),
        (
            |plan| {
                sign_in_with(plan, "ManagedIdentity");
                set(plan, "credentials.key", |field| field["path"] = json!("credentials.clientId"));
            },
            "`credentials.clientId` cannot contain a secret",
        ),
        (
            |plan| set(plan, "credentials.key", |field| field["path"] = json!("credentials.resourceId")),
            "`credentials.resourceId` cannot contain a secret",
        ),
    ];
    for (edit, words) in edits {
        folder.write("plan.json", &whole);
        forge(&folder, edit);
        let run = folder.with_env("apply plan.json --yes", &secret);
        refused(&azure, run, 1, &[words]);
    }
    // A name that only the file gives the live one says nothing.
    folder.write("plan.json", &whole);
    forge(&folder, |plan| plan["secrets"][0]["names"] = json!(["DUMMY"]));
    let run = folder.with_env("apply plan.json --yes", &secret);
    refused(&azure, run, 3, &["error[guard-connection]"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn no_mark_and_no_condition_that_a_spec_could_not_hold_is_written() {
    let (azure, folder) = planned();
    all_refused(
        &azure,
        &folder,
        &[
            (
                |plan| push(change(plan, "update", "chat"), "tags.Keyless-Stack", "team-b"),
                "accounts/chat",
                "tag `keyless-stack` is keyless's own mark",
            ),
            (
                |plan| push(change(plan, "create", "front"), "tags.keyless-stack", Value::Null),
                "accounts/front",
                "tag `keyless-stack` is keyless's own mark",
            ),
            (
                |plan| push(change(plan, "create", CAROL), "description", "for all [keyless:team-b]"),
                "roleAssignments/",
                "its description contains a mark",
            ),
            (
                |plan| push(change(plan, "create", CAROL), "condition", "((!(ActionMatches{'x'})"),
                "roleAssignments/",
                "could not parse its condition",
            ),
            (
                |plan| push(change(plan, "create", CAROL), "conditionVersion", "1.0"),
                "roleAssignments/",
                "its condition is not of version 2.0",
            ),
        ],
    );
}
