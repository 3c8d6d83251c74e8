//! Projects and connections: made in one go, switched to Entra ID, secrets sent and never shown.

use serde_json::{Value, json};

use crate::common::{Azure, Fault, Folder, SUB, account, head, one_account};

const SECRET: &str = "s3cr3t+/key=Ω value";
const PROJECT: &str = "projects:
  - name: team
    displayName: Team
";
const BY_KEY: &str = "    connections:
      - name: search
        category: CognitiveSearch
        target: https://s.search.windows.net/
        authType: ApiKey
        credentials: {key: \"${secret.SEARCH}\"}
        metadata: {ApiType: Azure}
";
const BY_TOKEN: &str = "    connections:
      - name: search
        category: CognitiveSearch
        target: https://s.search.windows.net/
        authType: AAD
        metadata: {ApiType: Azure}
";
const ADDRESS: &str = "accounts/chat/projects/team/connections/search";

fn child(path: &str) -> String {
    format!("{}/{path}", account("chat"))
}

fn search() -> String {
    child("projects/team/connections/search")
}

fn write(folder: &Folder, lines: &str) {
    folder.write("a.yaml", one_account("team-a", "chat", lines));
}

/// Runs with the secret in the environment.
fn run(folder: &Folder, arguments: &str) -> crate::common::Run {
    folder.with_env(arguments, &[("KEYLESS_SECRET_SEARCH", SECRET)])
}

/// An account with these lines, applied.
fn applied(lines: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, lines);
    run(&folder, "apply a.yaml --yes").exits(0);
    azure.take_seen();
    (azure, folder)
}

#[test]
fn a_name_of_data_that_ends_like_a_secret_can_be_declared() {
    let metadata = |entry: &str| {
        format!(
            "connections:\n  - name: cosmos\n    category: CosmosDB\n    target: https://c.documents.azure.com/\n    authType: AAD\n    metadata: {{{entry}}}\n"
        )
    };
    let (_azure, folder) = applied(&metadata("PartitionKey: /tenantId, row_key: id"));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    write(&folder, &metadata("PartitionKey: /userId, row_key: id"));
    folder.keyless("plan a.yaml").exits(0).says(&["/tenantId", "/userId"]);
    for entry in
        ["PrimaryKey: Wq7LxT93pd", "key: Wq7LxT93pd", "PartitionKeySecret: Wq7LxT93pd", "apiKey: Wq7LxT93pd"]
    {
        write(&folder, &metadata(entry));
        let run = folder.keyless("validate a.yaml").exits(1);
        let run = run.complains(&[
            "plain-secret",
            "if it is not a secret, choose an entry name that does not end like one",
        ]);
        assert!(!run.stderr.contains("Wq7LxT93pd"), "{run}");
    }
}

/// Method, last part of the path and `credentials` of each write.
fn writes(azure: &Azure) -> Vec<Value> {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let tell = |seen: &crate::common::azure::Seen| {
        json!([seen.method, last(seen.path()), seen.body["properties"]["credentials"]])
    };
    azure.take_writes().iter().map(tell).collect()
}

#[test]
fn an_account_a_project_and_its_connections_are_made_in_one_go() {
    let azure = Azure::start();
    let folder = azure.folder();
    let own =
        "connections:\n  - {name: own, category: AIServices, target: https://x.example.com, authType: AAD}\n";
    write(&folder, &format!("{PROJECT}{BY_KEY}{own}"));
    run(&folder, "apply a.yaml --yes").exits(0);
    let sent = azure.take_writes();
    assert_eq!(sent.len(), 4, "{sent:?}");
    assert_eq!(azure.get(&account("chat"))["properties"]["allowProjectManagement"], true);
    let project = azure.get(&child("projects/team"));
    assert_eq!(project["tags"]["keyless-stack"], "team-a");
    assert_eq!(
        (&project["identity"]["type"], &project["location"]),
        (&json!("SystemAssigned"), &json!("eastus2"))
    );
    // The server has the secret, and shows it to nobody.
    let key = sent.iter().find(|seen| seen.path() == search()).unwrap();
    assert_eq!(key.body["properties"]["credentials"], json!({"key": SECRET}));
    assert_eq!(azure.get(&search())["properties"]["credentials"], Value::Null);
    run(&folder, "plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    // Not even the secret is needed for that.
    folder.keyless("apply a.yaml --yes").exits(0);
    assert!(writes(&azure).is_empty());
}

#[test]
fn a_connection_that_becomes_keyless_drops_its_key() {
    let (azure, folder) = applied(&format!("{PROJECT}{BY_KEY}"));
    write(&folder, &format!("{PROJECT}{BY_TOKEN}"));
    folder.keyless("plan a.yaml").exits(0).says(&["authType", "ApiKey -> AAD", "1 to update"]);
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(writes(&azure), [json!(["PUT", "search", null])]);
    let live = azure.get(&search());
    assert_eq!(live["properties"]["authType"], "AAD");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    // Back again takes the key, and a word: nothing says that the key is meant for what the connection reaches now.
    write(&folder, &format!("{PROJECT}{BY_KEY}"));
    run(&folder, "apply a.yaml --yes").exits(3);
    run(&folder, &format!("apply a.yaml --yes --allow connection:{ADDRESS}")).exits(0);
    assert_eq!(writes(&azure), [json!(["PUT", "search", {"key": SECRET}])]);
}

#[test]
fn a_secret_goes_along_with_another_field_and_by_itself_on_demand() {
    let (azure, folder) = applied(&format!("{PROJECT}{BY_KEY}"));
    write(&folder, &format!("{PROJECT}{}", BY_KEY.replace("s.search", "t.search")));
    run(&folder, "apply a.yaml --yes").exits(3);
    run(&folder, &format!("apply a.yaml --yes --allow connection:{ADDRESS}")).exits(0);
    assert_eq!(writes(&azure), [json!(["PUT", "search", {"key": SECRET}])]);
    run(&folder, "apply a.yaml --yes").exits(0).says(&["No changes"]);
    assert!(writes(&azure).is_empty());
    run(&folder, &format!("plan a.yaml --rotate {ADDRESS}"))
        .exits(0)
        .says(&["not shown -> ${secret.SEARCH}"]);
    run(&folder, &format!("apply a.yaml --yes --rotate {ADDRESS}")).exits(0);
    assert_eq!(writes(&azure), [json!(["PUT", "search", {"key": SECRET}])]);
    let wrong = run(&folder, "plan a.yaml --rotate accounts/chat").exits(1);
    wrong.complains(&["does not name a resource with a secret", ADDRESS]);
    // A plan made for it carries it, without the secret in it.
    run(&folder, &format!("plan a.yaml --out p.json --rotate {ADDRESS}")).exits(0);
    assert!(!std::fs::read_to_string(folder.path().join("p.json")).unwrap().contains(SECRET));
    run(&folder, "apply p.json a.yaml --yes").exits(3).says(&["pass the same `--rotate` here"]);
    run(&folder, "apply p.json --yes").exits(0);
    assert_eq!(writes(&azure), [json!(["PUT", "search", {"key": SECRET}])]);
    run(&folder, &format!("apply p.json a.yaml --yes --rotate {ADDRESS}")).exits(0);
    assert_eq!(writes(&azure), [json!(["PUT", "search", {"key": SECRET}])]);
}

#[test]
fn a_missing_secret_is_said_before_the_first_write() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, &format!("{PROJECT}{BY_KEY}"));
    folder.keyless("plan a.yaml").exits(0).says(&["${secret.SEARCH}"]);
    let refused = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert_eq!(refused.findings(), ["missing-secret@16"], "{refused}");
    folder.with_env("apply a.yaml --yes", &[("KEYLESS_SECRET_SEARCH", "")]).exits(1);
    assert!(writes(&azure).is_empty());
}

#[test]
fn what_signs_in_is_not_lost_by_a_write_that_does_not_have_it() {
    let (azure, folder) = applied(&format!("{PROJECT}{BY_KEY}"));
    let bare = BY_KEY.replace("        credentials: {key: \"${secret.SEARCH}\"}\n", "");
    write(&folder, &format!("{PROJECT}{bare}"));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    write(&folder, &format!("{PROJECT}{}", bare.replace("s.search", "t.search")));
    let refused = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert_eq!(refused.findings(), ["credentials-unknown@14"], "{refused}");
    assert!(writes(&azure).is_empty());
    // Nor is one made without its key.
    write(&folder, &format!("{PROJECT}{}", bare.replace("name: search", "name: other")));
    folder.keyless("plan a.yaml").exits(1).says(&["cannot be created without its API key"]);
}

#[test]
fn no_output_holds_a_secret_whatever_happens() {
    let forms = [
        SECRET.to_owned(),
        json!(SECRET).to_string().trim_matches('"').to_owned(),
        "s3cr3t%2B%2Fkey%3D".to_owned(),
        "czNjcjN0Ky9rZXk9".to_owned(),
    ];
    let (azure, folder) = applied(&format!("{PROJECT}{BY_KEY}"));
    azure.take_seen();
    let clean = |run: &crate::common::Run| {
        for form in &forms {
            assert!(!run.stdout.contains(form) && !run.stderr.contains(form), "{form}\n{run}");
        }
    };
    let rotate = format!("--rotate {ADDRESS}");
    for arguments in [
        format!("plan a.yaml -vvv {rotate}"),
        format!("plan a.yaml --format json {rotate}"),
        format!("plan a.yaml --format markdown --report sarif=r.sarif {rotate}"),
        format!("apply a.yaml --yes -vvv {rotate}"),
        format!("apply a.yaml --yes --format json --report json=r.json {rotate}"),
    ] {
        clean(&run(&folder, &arguments).exits(0));
    }
    // It was sent, and an answer that repeats it is not passed on.
    let sent = azure.take_writes();
    assert!(sent.iter().any(|seen| seen.body["properties"]["credentials"]["key"] == SECRET), "{sent:?}");
    let told = format!("the key '{SECRET}' is not one");
    azure.spoil("PUT", "/connections/search", Fault::error(400, "ValidationError", &told));
    let failed = run(&folder, &format!("apply a.yaml --yes -vvv {rotate}")).exits(1);
    failed.says(&["ValidationError"]);
    let failed = run(&folder, &format!("apply a.yaml --yes --format json {rotate}")).exits(1);
    clean(&failed);
    for file in ["r.sarif", "r.json"] {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(forms.iter().all(|form| !text.contains(form)), "{file}");
    }
}

#[test]
fn a_project_removed_from_the_spec_goes_and_a_connection_is_only_named() {
    let (azure, folder) = applied(&format!("{PROJECT}{BY_TOKEN}"));
    write(&folder, &format!("{PROJECT}    connections: []\n"));
    let named = folder.keyless("plan a.yaml --detailed-exitcode --format json").exits(0);
    assert_eq!(named.changes("unmanaged-drift").len(), 1, "{named}");
    assert_eq!(azure.get(&search())["name"], "search");
    write(&folder, "projects: []\n");
    folder.keyless("apply a.yaml --yes --allow delete-project").exits(0);
    assert_eq!(writes(&azure), [json!(["DELETE", "team", null])]);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
fn each_field_of_a_project_changes_in_place_and_alone() {
    let (azure, folder) = applied(PROJECT);
    let mut lines = PROJECT.to_owned();
    for (old, new, field) in [
        ("displayName: Team", "displayName: Other", "displayName"),
        ("    displayName", "    description: ours\n    displayName", "description"),
        ("    displayName", "    tags: {team: ml}\n    displayName", "tags.team"),
    ] {
        lines = lines.replacen(old, new, 1);
        write(&folder, &lines);
        let run = folder.keyless("plan a.yaml --format json").exits(0);
        let changes = run.changes("update");
        assert_eq!(changes.len(), 1, "{run}");
        assert_eq!(changes[0]["fields"].as_array().unwrap().len(), 1, "{run}");
        assert_eq!(changes[0]["fields"][0]["path"], field, "{run}");
        folder.keyless("apply a.yaml --yes").exits(0);
        assert_eq!(writes(&azure), [json!(["PUT", "team", null])], "{field}");
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    }
}

#[test]
fn a_project_in_an_account_that_allows_none_is_said_while_planning() {
    let (azure, folder) = applied("");
    write(&folder, PROJECT);
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(run.findings(), ["projects-not-allowed@9"], "{run}");
    write(&folder, &format!("allowProjectManagement: true\n{PROJECT}"));
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(azure.get(&child("projects/team"))["properties"]["displayName"], "Team");
}

#[test]
fn mistakes_in_credentials_are_found_offline() {
    let folder = Folder::new();
    let lines = "connections:
  - {name: a, category: ApiKey, authType: AAD}
  - {name: plain, category: ApiKey, authType: ApiKey, credentials: {key: abc}}
  - {name: none, category: ApiKey, authType: ApiKey, credentials: {}}
  - {name: token, category: ApiKey, authType: AAD, credentials: {key: '${secret.A}'}}
  - {name: part, category: ApiKey, authType: ApiKey, credentials: {key: 'x${secret.A}'}}
  - {name: where, category: ApiKey, target: '${secret.A}', authType: None}
";
    folder.write("a.yaml", one_account("team-a", "chat", lines));
    let run = folder.keyless("validate a.yaml --format json").exits(1);
    assert_eq!(
        run.findings(),
        [
            "invalid-name@9",
            "plain-secret@10",
            "missing-field@11",
            "invalid-value@12",
            "plain-secret@13",
            "secret-outside-secret-field@14",
        ],
        "{run}"
    );
}

#[test]
fn a_hub_workspace_that_is_not_there_is_said_at_its_connection() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = format!(
        "{}workspaces:\n  - name: hub\n    connections:\n      - {{name: models, category: AIServices, target: https://x.example.com, authType: AAD}}\n",
        head("team-a")
    );
    folder.write("a.yaml", spec);
    let gone = Fault::error(404, "ParentResourceNotFound", "no such workspace");
    azure.spoil("GET", "/workspaces/hub/connections", gone);
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert_eq!(run.findings(), ["workspace-missing@9"], "{run}");
    assert!(azure.take_writes().is_empty());
    // One that is there gets its connection under the provider's own api-version.
    let list = json!({"value": [{
        "id": format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/hub/connections/models"),
        "name": "models", "type": "Microsoft.MachineLearningServices/workspaces/connections",
        "properties": {"authType": "ApiKey", "category": "AIServices", "target": "https://x.example.com", "credentials": null}
    }]});
    azure.heal();
    azure.spoil(
        "GET",
        "/workspaces/hub/connections",
        Fault::Answer(200, "application/json", list.to_string()),
    );
    azure.take_seen();
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    let changes = run.changes("update");
    assert_eq!((changes.len(), &changes[0]["kind"]), (1, &json!("workspaceConnections")), "{run}");
    assert_eq!(changes[0]["fields"][0]["before"], "ApiKey", "{run}");
    let asked = azure.take_seen();
    let list = asked.iter().find(|seen| seen.path().ends_with("/hub/connections")).unwrap();
    assert!(list.target.contains("api-version=2024-10-01"), "{}", list.target);
}

#[test]
fn a_connection_of_an_existing_hub_is_switched_from_a_key_to_entra_id() {
    let azure = Azure::start();
    let folder = azure.folder();
    let at = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/hub/connections"
    );
    let live = |auth: &str, credentials: Value| {
        json!({"properties": {
            "category": "AIServices", "target": "https://x.example.com/", "authType": auth, "credentials": credentials,
            "metadata": {"ApiType": "Azure", "ResourceId": "/by/hand"},
        }})
    };
    azure.put(&format!("{at}/models"), live("ApiKey", json!({"key": SECRET})));
    azure.put(&format!("{at}/other"), live("ApiKey", json!({"key": SECRET})));
    let spec = format!(
        "{}workspaces:\n  - name: hub\n    connections:\n      - {{name: models, category: AIServices, target: \"https://x.example.com/\", authType: AAD}}\n",
        head("team-a")
    );
    folder.write("a.yaml", spec);
    let plan = folder.keyless("plan a.yaml --detailed-exitcode").exits(2);
    plan.says(&["authType", "ApiKey -> AAD"]);
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(writes(&azure), [json!(["PUT", "models", null])], "no key is sent along");
    let switched = &azure.get(&format!("{at}/models"))["properties"];
    assert_eq!(switched["authType"], "AAD");
    assert_eq!(switched["metadata"]["ResourceId"], "/by/hand", "what the spec leaves out is left alone");
    assert_eq!(azure.get(&format!("{at}/other"))["properties"]["authType"], "ApiKey", "nobody declared it");
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(0);
    assert!(azure.take_writes().is_empty(), "a second apply writes nothing");
}

/// `$${` is the text `${`, and a variable's value refers to nothing: neither is a reference to a secret.
#[test]
fn the_text_of_a_reference_to_a_secret_is_none() {
    let azure = Azure::start();
    let folder = azure.folder();
    let with = |key: &str| format!("{PROJECT}{}", BY_KEY.replace("${secret.SEARCH}", key));
    write(&folder, &with("$${secret.SEARCH}"));
    run(&folder, "plan a.yaml").exits(1).complains(&["error[plain-secret]", "with one `$`", "1 error"]);
    write(&folder, &with("${key}"));
    run(&folder, "plan a.yaml --var key=${secret.SEARCH}")
        .exits(1)
        .complains(&["error[plain-secret]", "1 error"]);
    let lines = BY_KEY.trim_start().trim_start_matches("connections:").replace("${", "$${");
    folder.write("vars.yaml", format!("connections:{lines}"));
    write(&folder, &format!("{PROJECT}    connections: ${{connections}}\n"));
    run(&folder, "plan a.yaml --var-file vars.yaml").exits(1).complains(&["error[plain-secret]", "1 error"]);
    assert!(azure.take_writes().is_empty());
}

#[test]
fn a_plan_names_the_secrets_that_apply_will_need() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, &format!("{PROJECT}{BY_KEY}"));
    folder.keyless("plan a.yaml").exits(0).complains(&["`apply` needs KEYLESS_SECRET_SEARCH"]);
    let set = run(&folder, "plan a.yaml").exits(0);
    assert!(!set.stderr.contains("needs"), "{set}");
}
