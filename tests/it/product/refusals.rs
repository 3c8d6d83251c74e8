//! What Azure refuses or silently resets, as public reports tell it: found in the plan, or borne by the apply.

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, Fault, Folder, account, assignment, few, grants, head, one_account, shared,
};

const BY_HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";
const LIFTS: &str = "--yes --allow delete-account --allow delete-project";

/// The subscription of the cases.
const CASES: &str = "11111111-2222-4333-8444-555555555555";

/// A path in the group of the cases.
fn case_id(below: &str) -> String {
    format!("/subscriptions/{CASES}/resourceGroups/rg/providers/{below}")
}

fn case_account(name: &str) -> String {
    case_id(&format!("Microsoft.CognitiveServices/accounts/{name}"))
}

/// A shared case as a file of the folder, if the shared folder is there.
fn case(folder: &Folder, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(shared(&format!("cases/azure/{name}"))?).unwrap();
    folder.write(name, &text);
    Some(text)
}

/// `METHOD last/segments` of each write.
fn writes(azure: &Azure) -> Vec<String> {
    let name = |path: &str| {
        let parts: Vec<&str> = path.split('/').collect();
        let end = parts[parts.len().saturating_sub(2)..].join("/");
        if end.starts_with("roleAssignments/") { "roleAssignments".to_owned() } else { end }
    };
    azure.take_writes().iter().map(|seen| format!("{} {}", seen.method, name(seen.path()))).collect()
}

fn faults(azure: &Azure, faults: Value) {
    assert_eq!(azure.send("POST", "/_sandbox/faults", Some(faults)).status, 200);
}

/// An account with a project, as the stack made them; what is left of the spec is another account.
fn to_be_deleted(azure: &Azure) -> Option<Folder> {
    let folder = azure.folder();
    case(&folder, "delete-account-with-projects-1.yaml")?;
    case(&folder, "delete-account-with-projects-2.yaml")?;
    folder.keyless("apply delete-account-with-projects-1.yaml --yes").exits(0);
    azure.take_seen();
    Some(folder)
}

#[test]
fn an_account_goes_after_its_own_projects() {
    let azure = Azure::start();
    let Some(folder) = to_be_deleted(&azure) else { return };
    let spec = "delete-account-with-projects-2.yaml";
    let run = folder.keyless(&format!("plan {spec} --format json")).exits(3);
    let deletes: Vec<String> =
        run.changes("delete").iter().map(|change| change["title"].as_str().unwrap().to_owned()).collect();
    assert_eq!(deletes.len(), 3, "account, project, assignment: {deletes:?}");
    for code in ["guard-delete-account", "guard-delete-project"] {
        assert!(run.stdout.contains(code), "{run}");
    }
    // One guard lifted is not the other.
    folder
        .keyless(&format!("apply {spec} --yes --allow delete-account"))
        .exits(3)
        .says(&["--allow delete-project:accounts/fd14/projects/p1"]);
    assert_eq!(writes(&azure), [] as [&str; 0]);
    folder.keyless(&format!("apply {spec} {LIFTS}")).exits(0);
    assert_eq!(writes(&azure), ["DELETE projects/p1", "DELETE roleAssignments", "DELETE accounts/fd14"]);
    // Projects that nobody declares are read for that only.
    azure.take_seen();
    folder.keyless(&format!("plan {spec} --detailed-exitcode")).exits(0);
    assert!(!azure.take_seen().iter().any(|seen| seen.path().ends_with("/projects")));
}

#[test]
fn users_keep_an_account_that_stays_because_its_project_could_not_be_deleted() {
    let azure = Azure::start();
    let Some(folder) = to_be_deleted(&azure) else { return };
    let spec = "delete-account-with-projects-2.yaml";
    azure.spoil("DELETE", "/projects/p1?", Fault::error(409, "Conflict", "agents are still running"));
    let run = folder.keyless(&format!("apply {spec} {LIFTS}")).exits(1);
    let run = run.says(&["agents are still running", "0 done, 1 failed, 2 skipped"]);
    assert_eq!(azure.grants_at(&case_account("fd14")).len(), 1, "{run}");
    azure.heal();
    folder.keyless(&format!("apply {spec} {LIFTS}")).exits(0).says(&["3 done"]);
}

/// What stands in the way of the delete, what a run says of it, and what it is called.
type Obstacle = (&'static str, fn(&Azure), &'static str);

#[test]
#[ignore = "slow: tests/slow.sh"]
fn deleting_an_account_with_a_foreign_project_is_refused_and_nothing_is_deleted() {
    let obstacles: [Obstacle; 5] = [
        (
            "made by hand",
            |azure| {
                let body =
                    json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}});
                azure.put(&format!("{}/projects/p2", case_account("fd14")), body);
            },
            "its project `p2`",
        ),
        (
            "of another stack",
            |azure| {
                let body = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "tags": {"keyless-stack": "b"}, "properties": {}});
                azure.put(&format!("{}/projects/p3", case_account("fd14")), body);
            },
            "its project `p3`",
        ),
        ("unreadable", |azure| azure.spoil("GET", "/fd14/projects?", Fault::denied()), "could not be read"),
        (
            "said to be absent",
            |azure| {
                azure.spoil(
                    "GET",
                    "/fd14/projects?",
                    Fault::error(404, "ResourceNotFound", "The Resource 'fd14' was not found."),
                );
            },
            "could not be read",
        ),
        (
            "without an id",
            |azure| {
                let list = json!({"value": [{"name": "fd14/p1"}]}).to_string();
                azure.spoil("GET", "/fd14/projects?", Fault::Answer(200, "application/json", list));
            },
            "could not be read",
        ),
    ];
    for (name, stand_in_the_way, words) in few(2, obstacles) {
        let azure = Azure::start();
        let Some(folder) = to_be_deleted(&azure) else { return };
        let spec = "delete-account-with-projects-2.yaml";
        folder
            .keyless(&format!("plan {spec} --out plan.json --allow delete-account --allow delete-project"))
            .exits(0);
        stand_in_the_way(&azure);
        // Nobody is to be locked out but by the delete itself, so that guard is no help.
        let run = folder.keyless(&format!("apply {spec} {LIFTS} --allow lock-out")).exits(1);
        assert!(
            run.stdout.contains("cannot delete account fd14") && run.stdout.contains(words),
            "{name}: {run}"
        );
        assert_eq!(writes(&azure), [] as [&str; 0], "{name}");
        // A plan that was made before it came does no harm either.
        let run = folder.keyless(&format!("apply plan.json {LIFTS} --allow lock-out"));
        assert!(run.code == 1 && format!("{}{}", run.stdout, run.stderr).contains("fd14"), "{name}: {run}");
        assert_eq!(writes(&azure), [] as [&str; 0], "{name}");
    }
}

#[test]
fn a_write_that_meets_another_version_reads_again_and_tries_again() {
    let azure = Azure::start();
    let folder = azure.folder();
    let (Some(_), Some(_)) =
        (case(&folder, "412-project-delete-1.yaml"), case(&folder, "412-project-delete-2.yaml"))
    else {
        return;
    };
    folder.keyless("apply 412-project-delete-1.yaml --yes").exits(0);
    let failed = |method: &str, path: &str, status: u16, code: &str| json!([{"method": method, "path": path, "times": 1, "status": status, "code": code, "message": "If-Match"}]);
    faults(&azure, failed("DELETE", "*/projects/p1", 412, "IfMatchPreconditionFailed"));
    azure.take_seen();
    folder.keyless("apply 412-project-delete-2.yaml --yes --allow delete-project").exits(0);
    let project: Vec<String> = azure
        .take_seen()
        .iter()
        .filter(|seen| seen.path().ends_with("/projects/p1"))
        .map(|seen| format!("{} {}", seen.method, seen.status))
        .collect();
    assert_eq!(project, ["GET 200", "DELETE 412", "GET 200", "DELETE 200", "GET 404"]);

    // The same of a PUT, of a PATCH, and of the other words that the service has for it.
    let lines = "tags: {team: one}\nprojects: [{name: main}]\nconnections: [{name: web, category: CustomKeys, target: 'https://a', authType: None}]\n";
    folder.write("a.yaml", one_account("team-a", "chat", lines));
    folder.keyless("apply a.yaml --yes").exits(0);
    for (method, path, status, code, old, new) in few(
        2,
        [
            ("PATCH", "*/accounts/chat", 412, "IfMatchPreconditionFailed", "team: one", "team: two"),
            (
                "PUT",
                "*/projects/main",
                412,
                "PreconditionFailed",
                "name: main",
                "name: main, displayName: Main",
            ),
            ("PUT", "*/connections/web", 409, "TransientError", "https://a", "https://b"),
        ],
    ) {
        folder.write("a.yaml", one_account("team-a", "chat", &lines.replace(old, new)));
        faults(&azure, failed(method, path, status, code));
        azure.take_seen();
        let run = folder.keyless("apply a.yaml --yes").exits(0);
        let sent: Vec<u16> =
            azure.take_writes().iter().filter(|seen| seen.method == method).map(|seen| seen.status).collect();
        assert!(sent.len() >= 2 && sent[0] == status && sent[1] < 300, "{method} {path}: {sent:?} {run}");
    }
}

#[test]
fn storage_of_ones_own_is_attached_at_creation_only() {
    let azure = Azure::start();
    let folder = azure.folder();
    let storage = |name: &str| {
        format!(
            "userOwnedStorage: [{{resourceId: {}}}]\n",
            case_id(&format!("Microsoft.Storage/storageAccounts/{name}"))
        )
    };
    folder.write("a.yaml", one_account("team-a", "chat", &storage("st1")));
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(azure.get(&account("chat"))["properties"]["userOwnedStorage"].as_array().unwrap().len(), 1);
    azure.make_account("late", &json!({"customSubDomainName": "late", "disableLocalAuth": true}));
    azure.take_seen();
    for (name, lines) in
        [("chat", storage("st2")), ("late", storage("st1")), ("chat", "userOwnedStorage: []".to_owned())]
    {
        folder.write("a.yaml", one_account("team-a", name, &lines));
        folder
            .keyless("apply a.yaml --yes")
            .exits(1)
            .says(&["immutable-field", "only while it creates the account"]);
        assert_eq!(writes(&azure), [] as [&str; 0], "{lines}");
    }
    // The sandbox would have refused it.
    let body = json!({"properties": {"userOwnedStorage": [{"resourceId": "/x"}]}});
    let answer = azure.send("PATCH", &account("late"), Some(body));
    assert_eq!(answer.body["error"]["code"], "UserOwnedStorageCanOnlyBeAttachedWhileCreation", "{answer:?}");
}

#[test]
fn a_connections_name_stands_for_one_in_an_account_and_all_its_projects() {
    let folder = Folder::new();
    let Some(text) = case(&folder, "connection-name-collision.yaml") else { return };
    let line = |nth: usize| {
        let found = text.lines().enumerate().filter(|(_, line)| line.contains("name: search"));
        found.map(|(index, _)| index + 1).nth(nth).unwrap()
    };
    let run = folder.keyless("validate connection-name-collision.yaml --format json").exits(1);
    assert_eq!(run.findings(), [format!("duplicate@{}", line(1)), format!("duplicate@{}", line(2))], "{run}");
    folder.keyless("validate connection-name-collision.yaml").exits(1).complains(&[
        "account `fd13` has another connection `search`",
        "first declared here",
        &format!("{} |", line(0)),
    ]);
    // Another account has names of its own, and in one list it is the same thing twice, told once.
    let connection = "{name: search, category: CognitiveSearch, target: 'https://s', authType: AAD}";
    let spec = one_account(
        "team-a",
        "chat",
        &format!("connections: [{connection}]\nprojects: [{{name: p1, connections: []}}]"),
    );
    let other = format!("  - {{name: other, connections: [{connection}, {connection}]}}\n");
    folder.write("a.yaml", spec + &other);
    assert_eq!(folder.keyless("validate a.yaml --format json").exits(1).findings(), ["duplicate@10"]);
    // Azure refuses it in whatever order they come.
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "allowProjectManagement": true}));
    azure.put(
        &format!("{}/projects/p1", account("chat")),
        json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}}),
    );
    let body =
        json!({"properties": {"category": "CognitiveSearch", "target": "https://s", "authType": "AAD"}});
    azure.put(&format!("{}/projects/p1/connections/search", account("chat")), body.clone());
    let answer = azure.send("PUT", &format!("{}/connections/Search", account("chat")), Some(body.clone()));
    assert_eq!(answer.status, 409, "{answer:?}");
    azure.put(&format!("{}/projects/p1/connections/search", account("chat")), body);
}

#[test]
fn one_subdomain_is_one_accounts() {
    let folder = Folder::new();
    let two = |first: &str, second: &str| {
        format!("{}accounts:\n  - {{name: one, {first}}}\n  - {{name: two, {second}}}\n", head("team-a"))
    };
    folder.write("a.yaml", two("customSubDomainName: chat", "customSubDomainName: CHAT"));
    assert_eq!(folder.keyless("validate a.yaml --format json").exits(1).findings(), ["duplicate@8"]);
    let run = folder.keyless("validate a.yaml").exits(1);
    run.complains(&["accounts `one` and `two` cannot both have the subdomain `CHAT`", "first declared here"]);
    // What a new account gets by itself is known while planning, and a live one may have any.
    let azure = Azure::start();
    let folder = azure.folder();
    for (first, second, line) in [
        ("tags: {}", "customSubDomainName: one", 8),
        ("customSubDomainName: two", "tags: {}", 8),
        ("resourceGroup: rg-other", "name: one", 8),
    ] {
        folder.write("a.yaml", two(first, second).replace("name: two, name: one", "name: one"));
        let run = folder.keyless("plan a.yaml --format json").exits(1);
        assert_eq!(run.findings(), [format!("subdomain-taken@{line}")], "{run}");
        assert_eq!(run.changes("create").len(), 1, "{run}");
    }
    azure.make_account("one", &json!({"customSubDomainName": "other", "disableLocalAuth": true}));
    folder.write("a.yaml", two("tags: {}", "customSubDomainName: one"));
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(run.changes("create").len(), 1, "{run}");
}

#[test]
fn projects_stand_in_accounts_of_one_kind() {
    let folder = Folder::new();
    for (kind, expected) in [
        ("kind: OpenAI\n", &["projects-not-allowed@9"] as &[&str]),
        ("kind: SpeechServices\n", &["projects-not-allowed@9"]),
        ("kind: AIServices\n", &[]),
        ("\n", &[]),
    ] {
        folder.write("a.yaml", one_account("team-a", "chat", &format!("{kind}projects: [{{name: main}}]\n")));
        let run = folder.keyless("validate a.yaml --format json").exits(i32::from(!expected.is_empty()));
        assert_eq!(run.findings(), expected, "{kind}: {run}");
    }
    folder.write("a.yaml", one_account("team-a", "chat", "kind: OpenAI\nprojects: []\n"));
    folder.keyless("validate a.yaml").exits(0);
}

#[test]
fn bypass_is_for_the_kinds_that_have_it() {
    let folder = Folder::new();
    for (kind, code) in
        [("AIServices", 0), ("OpenAI", 0), ("TextAnalytics", 0), ("Face", 1), ("FormRecognizer", 1)]
    {
        let sku = if kind == "TextAnalytics" { "S" } else { "S0" };
        let lines = format!("kind: {kind}\nsku: {sku}\nnetworkAcls: {{defaultAction: Deny, bypass: None}}");
        folder.write("a.yaml", one_account("team-a", "chat", &lines));
        let run = folder.keyless("validate a.yaml --format json").exits(code);
        let expected: &[&str] = if code == 0 { &[] } else { &["invalid-value@10"] };
        assert_eq!(run.findings(), expected, "{kind}: {run}");
    }
    // Where only Azure knows the kind, the plan says so.
    let azure = Azure::start();
    let folder = azure.folder();
    let body = json!({"location": "eastus2", "kind": "Face", "sku": {"name": "S0"}, "properties": {"customSubDomainName": "chat", "disableLocalAuth": true}});
    azure.put(&account("chat"), body);
    azure.take_seen();
    folder.write("a.yaml", one_account("team-a", "chat", "networkAcls: {defaultAction: Deny, bypass: None}"));
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert_eq!(run.findings(), ["invalid-value@8"], "{run}");
    assert_eq!(writes(&azure), [] as [&str; 0]);
    let body = json!({"properties": {"networkAcls": {"defaultAction": "Deny", "bypass": "None"}}});
    let answer = azure.send("PATCH", &account("chat"), Some(body));
    assert_eq!(answer.body["error"]["code"], "NetworkAclsBypassNotSupported", "{answer:?}");
}

/// The writes of an apply: which, and whether each held the encryption.
fn encrypted(azure: &Azure) -> Vec<(String, bool)> {
    let sent = azure.take_writes();
    let short = |path: &str| path.rsplit('/').nth(1).unwrap().to_owned();
    let mut all: Vec<(String, bool)> = sent
        .iter()
        .map(|seen| {
            let scope = if seen.path().contains("/vaults/kv7/") { " on the vault" } else { "" };
            (
                format!("{} {}{scope}", seen.method, short(seen.path())),
                seen.body["properties"]["encryption"].is_object(),
            )
        })
        .collect();
    // Assignments at other scopes may come in between.
    all.retain(|(what, _)| !what.ends_with("roleAssignments"));
    all
}

#[test]
fn encryption_with_the_accounts_own_identity_follows_the_role_that_lets_it_read_the_key() {
    let steps = |first: &str| {
        [(first, false), ("PUT roleAssignments on the vault", false), ("PATCH accounts", true)]
            .map(|(what, holds)| (what.to_owned(), holds))
    };
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = "cmk-own-identity-order.yaml";
    if case(&folder, spec).is_none() {
        return;
    }
    folder.keyless(&format!("apply {spec} --yes")).exits(0);
    assert_eq!(encrypted(&azure), steps("PUT accounts"));
    assert_eq!(
        azure.get(&case_account("cmk7"))["properties"]["encryption"]["keySource"],
        "Microsoft.KeyVault"
    );
    folder.keyless(&format!("plan {spec} --detailed-exitcode")).exits(0).says(&["No changes"]);

    // A live account without an identity yet.
    let azure = Azure::start();
    let folder = azure.folder();
    case(&folder, spec);
    let body = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
        "properties": {"customSubDomainName": "cmk7", "disableLocalAuth": true}});
    azure.put(&case_account("cmk7"), body);
    azure.take_seen();
    folder.keyless(&format!("apply {spec} --yes")).exits(0);
    assert_eq!(encrypted(&azure), steps("PATCH accounts"));
    folder.keyless(&format!("plan {spec} --detailed-exitcode")).exits(0).says(&["No changes"]);

    // And one that has its identity, so that the role is known when it is planned.
    let azure = Azure::start();
    let folder = azure.folder();
    case(&folder, spec);
    let body = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "identity": {"type": "SystemAssigned"},
        "properties": {"customSubDomainName": "cmk7", "disableLocalAuth": true}});
    azure.put(&case_account("cmk7"), body);
    azure.take_seen();
    folder.keyless(&format!("apply {spec} --yes")).exits(0);
    assert_eq!(encrypted(&azure), steps("")[1..]);
}

#[test]
fn a_refused_encryption_stops_nothing_else() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = "cmk-own-identity-order.yaml";
    let Some(text) = case(&folder, spec) else { return };
    // Nobody gives the identity the role: Azure refuses the key.
    let (without, _) = text.split_once("\nroleAssignments:").unwrap();
    let more = "    disableLocalAuth: true\n    projects: [{name: main}]\n    deployments: [{name: gpt, model: {format: OpenAI, name: gpt-4o}}]\n";
    folder.write("a.yaml", format!("{without}\n{more}"));
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    let report = run.json();
    let failed: Vec<&Value> =
        report["steps"].as_array().unwrap().iter().filter(|step| step["status"] != "done").collect();
    assert!(
        failed.len() == 1 && failed[0]["title"] == "account cmk7" && failed[0]["status"] == "failed",
        "{run}"
    );
    assert!(run.stdout.contains("takes minutes to reach the vault: apply again"), "{run}");
    let live = azure.get(&case_account("cmk7"));
    assert!(
        live["properties"]["encryption"].is_null() && live["properties"]["disableLocalAuth"] == true,
        "{live}"
    );
    for child in ["projects/main", "deployments/gpt"] {
        azure.get(&format!("{}/{child}", case_account("cmk7")));
    }
    // On a live account keys go off all the same.
    azure.patch(&case_account("cmk7"), json!({"properties": {"disableLocalAuth": false}}));
    folder.keyless("apply a.yaml --yes").exits(1);
    assert_eq!(azure.get(&case_account("cmk7"))["properties"]["disableLocalAuth"], true);
    // Back to Azure's own key it needs nobody's role.
    folder.write("a.yaml", &text);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write(
        "a.yaml",
        format!("{without}\n")
            .replace("Microsoft.KeyVault", "Microsoft.CognitiveServices")
            .replace("keyVaultProperties", "# "),
    );
    folder.keyless("apply a.yaml --yes --allow weakening --allow delete-list").exits(0);
    assert_eq!(
        azure.get(&case_account("cmk7"))["properties"]["encryption"]["keySource"],
        "Microsoft.CognitiveServices"
    );
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
}

#[test]
fn dynamic_quota_survives_a_write_of_the_deployment() {
    let azure = Azure::start();
    let folder = azure.folder();
    let Some(text) = case(&folder, "dynamic-quota-dropped.yaml") else { return };
    folder.keyless("apply dynamic-quota-dropped.yaml --yes").exits(0);
    let std = format!("{}/deployments/std", case_account("acc3"));
    let mut body = azure.get(&std);
    body["properties"]["dynamicThrottlingEnabled"] = json!(true);
    body["properties"]["modelProviderData"] = json!({"industry": "technology"});
    azure.put(&std, json!({"sku": body["sku"], "properties": body["properties"], "tags": body["tags"]}));
    azure.take_seen();
    folder.write("a.yaml", text.replace("capacity: 20", "capacity: 30"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let sent = azure.take_writes();
    assert_eq!(sent.last().unwrap().body["properties"]["dynamicThrottlingEnabled"], true, "{sent:?}");
    let live = azure.get(&std);
    assert_eq!(live["properties"]["dynamicThrottlingEnabled"], true, "{live}");
    assert_eq!(live["properties"]["modelProviderData"]["industry"], "technology", "{live}");
    assert_eq!(live["sku"]["capacity"], 30);
}

/// Azure shows something of everything that no description of today has.
fn with_future(body: &mut Value) {
    let one = |body: &mut Value| {
        if body["properties"].is_object() {
            body["properties"]["fromTheFuture"] = json!({"a": 1});
        }
    };
    if body["value"].is_array() {
        body["value"].as_array_mut().unwrap().iter_mut().for_each(one);
    } else {
        one(body);
    }
}

#[test]
fn what_no_description_has_goes_back_in_every_put() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = |turn: u32| {
        format!(
            "kind: AIServices\nraiPolicies: [{{name: strict, tags: {{turn: '{turn}'}}}}]
deployments: [{{name: gpt, model: {{format: OpenAI, name: gpt-4o}}, tags: {{turn: '{turn}'}}}}]
projects: [{{name: main, tags: {{turn: '{turn}'}}}}]
connections: [{{name: web, category: CustomKeys, target: 'https://{turn}', authType: None}}]
"
        )
    };
    folder.write("a.yaml", one_account("team-a", "chat", &lines(1)));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.spoil("GET", "/accounts/chat", Fault::Edit(with_future));
    azure.take_seen();
    folder.write("a.yaml", one_account("team-a", "chat", &lines(2)));
    folder.keyless("apply a.yaml --yes").exits(0);
    let sent = azure.take_writes();
    assert_eq!(sent.len(), 4, "{sent:?}");
    for seen in sent {
        assert_eq!(seen.method, "PUT");
        assert_eq!(seen.body["properties"]["fromTheFuture"], json!({"a": 1}), "{}", seen.target);
    }
}

/// A key that GET shows as null, whether it is set or not, would be lost with a PUT.
#[test]
fn an_account_with_api_properties_changes_by_patch_of_what_changes() {
    let azure = Azure::start();
    let folder = azure.folder();
    let id = |name: &str| case_id(&format!("Microsoft.ManagedIdentity/userAssignedIdentities/{name}"));
    let body = json!({"location": "eastus2", "kind": "TextAnalytics", "sku": {"name": "S"}, "tags": {"cost": "7"},
        "identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {id("a"): {}, id("b"): {}}},
        "properties": {"customSubDomainName": "chat", "disableLocalAuth": true, "publicNetworkAccess": "Disabled",
            "apiProperties": {"qnaAzureSearchEndpointId": "/s", "qnaAzureSearchEndpointKey": "hidden"}}});
    azure.put(&account("chat"), body);
    azure.take_seen();
    let users = |names: &[&str]| names.iter().map(|name| id(name)).collect::<Vec<_>>().join(", ");
    for (lines, sent) in [
        ("tags: {team: ml}".to_owned(), json!({"tags": {"cost": "7", "team": "ml"}})),
        ("tags: {team: null}".to_owned(), json!({"tags": {"cost": "7"}})),
        (
            "restrictOutboundNetworkAccess: true".to_owned(),
            json!({"properties": {"restrictOutboundNetworkAccess": true}}),
        ),
        (
            format!("identity: {{userAssigned: [{}]}}", users(&["b"])),
            json!({"identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {id("a"): null, id("b"): {}}}}),
        ),
        ("identity: {userAssigned: []}".to_owned(), json!({"identity": {"type": "SystemAssigned"}})),
    ] {
        folder.write("a.yaml", one_account("team-a", "chat", &lines));
        folder.keyless("apply a.yaml --yes ").exits(0);
        let writes = azure.take_writes();
        let [write] = writes.as_slice() else { panic!("one write: {writes:?}") };
        assert_eq!((write.method.as_str(), &write.body), ("PATCH", &sent), "{lines}");
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    }
    let live = azure.get(&account("chat"));
    assert_eq!(live["properties"]["apiProperties"]["qnaAzureSearchEndpointId"], "/s");
}

/// Azure takes a repeated subdomain for somebody else's, where agents run in a network.
#[test]
fn an_account_whose_put_azure_refuses_changes_by_patch() {
    let azure = Azure::start();
    let folder = azure.folder();
    let body = json!({"location": "eastus2", "kind": "OpenAI", "sku": {"name": "S0"}, "tags": {},
        "properties": {"customSubDomainName": "chat", "disableLocalAuth": true,
            "networkInjections": [{"scenario": "agent", "subnetArmId": case_id("Microsoft.Network/virtualNetworks/v/subnets/a")}]}});
    azure.put(&account("chat"), body.clone());
    let answer = azure.send("PUT", &account("chat"), Some(body));
    assert_eq!(answer.body["error"]["code"], "CustomDomainInUse", "the sandbox refuses it as Azure does");
    azure.take_seen();
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {team: ml}"));
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(writes(&azure), ["PATCH accounts/chat"]);
    assert_eq!(azure.get(&account("chat"))["tags"]["team"], "ml");
}

/// Only an answer of ARM that names the thing says that it has gone, and only while nothing stands there.
#[test]
fn a_delete_is_done_only_if_azure_says_so() {
    let html = Fault::Answer(404, "text/html", "<html>no such page</html>".to_owned());
    let found = "The role assignment 'x' is not found.";
    for (fault, words) in [
        (html, "404"),
        (
            Fault::error(404, "SubscriptionNotFound", "The subscription could not be found."),
            "SubscriptionNotFound",
        ),
        (Fault::error(404, "RoleAssignmentNotFound", found), "it still exists"),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
        let reader = crate::common::READER;
        azure.grant(&account("chat"), BY_HAND, reader, ALICE, Some("[keyless:team-a]"));
        folder.write("a.yaml", one_account("team-a", "chat", "tags: {}\n"));
        azure.spoil("DELETE", "/roleAssignments/", fault);
        let run = folder.keyless("apply a.yaml --yes --allow delete-list --format json").exits(1);
        assert!(run.stdout.contains(words), "{words}: {run}");
        assert!(!run.stdout.contains("it was already deleted"), "{run}");
        azure.get(&assignment(&account("chat"), BY_HAND));
    }
}

/// A replica of Azure that is behind does not know yet, or not any more, what the list has shown.
#[test]
fn a_delete_is_sent_whatever_the_read_before_it_says() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.grant(&account("chat"), BY_HAND, crate::common::READER, ALICE, Some("[keyless:team-a]"));
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {}\n"));
    let path = assignment(&account("chat"), BY_HAND);
    let absent = Fault::error(404, "RoleAssignmentNotFound", "The role assignment 'x' is not found.");
    azure.spoil("GET", "roleAssignments/", absent);
    let run = folder.keyless("apply a.yaml --yes --allow delete-list").exits(0).says(&["1 done"]);
    assert!(!run.stdout.contains("it was already deleted"), "{run}");
    azure.heal();
    assert_eq!(azure.send("GET", &path, None).status, 404);
}

/// A write may change what nobody declared: a policy, a fault of the service, somebody at the same time.
#[test]
fn an_undeclared_field_that_a_write_changed_is_told() {
    let lower = |body: &mut Value| body["properties"]["raiPolicyName"] = json!("Microsoft.Default");
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = |capacity: u32| {
        format!(
            "deployments: [{{name: gpt, model: {{format: OpenAI, name: gpt-4o}}, sku: {{name: Standard, capacity: {capacity}}}}}]\n{}",
            grants(&[ALICE])
        )
    };
    folder.write("a.yaml", one_account("team-a", "chat", &lines(10)));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.spoil("PUT", "/deployments/gpt", Fault::Edit(lower));
    folder.write("a.yaml", one_account("team-a", "chat", &lines(20)));
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert!(run.findings().iter().any(|finding| finding.starts_with("read-back@")), "{run}");
    for words in ["raiPolicyName", "Microsoft.DefaultV2", "Microsoft.Default"] {
        assert!(run.stdout.contains(words), "{words}: {run}");
    }
}

/// A lock on a project keeps its account, whoever put it there and however it is listed.
#[test]
fn a_lock_on_a_child_keeps_its_parent() {
    let azure = Azure::start();
    let Some(folder) = to_be_deleted(&azure) else { return };
    let lock = |scope: &str| format!("{scope}/providers/Microsoft.Authorization/locks/L");
    let project = format!("{}/projects/p1", case_account("fd14"));
    azure.put(&lock(&project), json!({"properties": {"level": "CanNotDelete"}}));
    let spec = "delete-account-with-projects-2.yaml";
    let run = folder.keyless(&format!("plan {spec} --allow delete-account --allow delete-project")).exits(1);
    for title in ["project p1 of fd14", "account fd14"] {
        let words = format!("cannot delete {title} while the CanNotDelete lock `L`");
        assert!(run.stdout.contains(&words), "{words}: {run}");
    }
    folder.keyless(&format!("apply {spec} {LIFTS}")).exits(1);
    azure.get(&project);
    // The sandbox refuses it as Azure does.
    let answer = azure.send("DELETE", &case_account("fd14"), None);
    assert_eq!(answer.body["error"]["code"], "ScopeLocked", "{answer:?}");
    // One on its neighbour is none of its business.
    azure.delete(&lock(&project));
    azure.put(&lock(&case_account("keep14")), json!({"properties": {"level": "CanNotDelete"}}));
    folder.keyless(&format!("apply {spec} {LIFTS}")).exits(0);
}

#[test]
fn a_model_that_azure_has_ended_is_found_while_planning() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = |name: &str, version: &str, sku: &str, more: &str| {
        format!(
            "deployments:\n  - name: gpt\n    model: {{format: OpenAI, name: {name}, version: \"{version}\"}}\n    sku: {{name: {sku}, capacity: 1}}\n{more}"
        )
    };
    let chat = account("chat");
    // Its standard deployments ended, the global ones go on.
    folder
        .write("a.yaml", one_account("team-a", "chat", &lines("gpt-4o-mini", "2024-07-18", "Standard", "")));
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    assert!(run.findings().contains(&"model-retired@10".to_owned()), "{run}");
    let words = "model `gpt-4o-mini` version `2024-07-18` cannot be deployed with SKU `Standard`: Azure retired it on 2026-03-31";
    folder.keyless("plan a.yaml").exits(1).says(&[words]);
    azure.make_account("control", &json!({"customSubDomainName": "control", "disableLocalAuth": true}));
    let body = json!({"sku": {"name": "Standard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o-mini", "version": "2024-07-18"}}});
    let answer = azure.send("PUT", &format!("{}/deployments/gpt", account("control")), Some(body));
    assert_eq!(answer.body["error"]["code"], "ServiceModelDeprecated", "{answer:?}");
    // Of a version that ended the newer ones are named in its place.
    let old = |list: &mut Value| {
        for item in list["value"].as_array_mut().unwrap() {
            let model = if item["model"].is_object() { &mut item["model"] } else { item };
            if model["name"] == "gpt-35-turbo" && model["version"] == "0613" {
                model["skus"][0]["deprecationDate"] = json!("2025-02-13T00:00:00Z");
            }
        }
    };
    azure.spoil("GET", "/models?", Fault::Edit(old));
    folder.write("a.yaml", one_account("team-a", "chat", &lines("gpt-35-turbo", "0613", "Standard", "")));
    folder
        .keyless("plan a.yaml")
        .exits(1)
        .says(&["Azure retired it on 2025-02-13", "available: `0125`, `1106`"]);
    azure.heal();
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &lines("gpt-4o-mini", "2024-07-18", "GlobalStandard", "")),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    // What is there by then goes on: its end comes, and it is tagged all the same, but nothing else of its sort is made.
    let end = |list: &mut Value| {
        for item in list["value"].as_array_mut().unwrap() {
            let model = if item["model"].is_object() { &mut item["model"] } else { item };
            if model["name"] == "gpt-4o-mini" {
                model["deprecation"]["inference"] = json!("2026-10-01T00:00:00Z");
                for sku in model["skus"].as_array_mut().unwrap() {
                    sku.as_object_mut().unwrap().remove("deprecationDate");
                }
            }
        }
    };
    azure.spoil("GET", "/models?", Fault::Edit(end));
    folder.write(
        "a.yaml",
        one_account(
            "team-a",
            "chat",
            &lines("gpt-4o-mini", "2024-07-18", "GlobalStandard", "    tags: {team: ml}\n"),
        ),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &lines("gpt-4o-mini", "2024-07-18", "DataZoneStandard", "")),
    );
    folder
        .keyless("plan a.yaml")
        .exits(1)
        .says(&["cannot be deployed with SKU `DataZoneStandard`: Azure retired it on 2026-10-01"]);
    azure.get(&format!("{chat}/deployments/gpt"));
}

/// A plan that is carried out later is held against the day on which that is.
#[test]
fn a_model_that_has_ended_since_the_plan_was_saved_is_found() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = "deployments:\n  - name: gpt\n    model: {format: OpenAI, name: gpt-4o-mini, version: \"2024-07-18\"}\n    sku: {name: GlobalStandard, capacity: 1}\n";
    folder.write("a.yaml", one_account("team-a", "chat", lines));
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    let end = |list: &mut Value| {
        for item in list["value"].as_array_mut().unwrap() {
            let model = if item["model"].is_object() { &mut item["model"] } else { item };
            model["deprecation"]["inference"] = json!("2025-10-01T00:00:00Z");
            for sku in model["skus"].as_array_mut().into_iter().flatten() {
                sku.as_object_mut().unwrap().remove("deprecationDate");
            }
        }
    };
    azure.spoil("GET", "/models?", Fault::Edit(end));
    azure.take_seen();
    let run = folder.keyless("apply plan.json --yes").exits(1);
    run.says(&["error[model-retired]", "Azure retired it on 2025-10-01"]);
    assert_eq!(writes(&azure), [] as [&str; 0]);
}
