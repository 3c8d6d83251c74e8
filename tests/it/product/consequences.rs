//! What a plan takes from somebody without any guard: it is said at the line, by every way to read the plan.

use serde_json::{Value, json};

use crate::common::{Azure, Fault, Folder, READER, Run, account, assignment, few, one_account, role};

const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";
const APP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app";
/// Storage Blob Data Owner
const BLOBS: &str = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b";

/// The findings of a code, with their lines.
fn warned(run: &Run, code: &str) -> Vec<(String, u64)> {
    let findings = run.json()["findings"].as_array().unwrap().clone();
    let of_that_code = findings.iter().filter(|finding| finding["code"] == code);
    let told = of_that_code.map(|finding| {
        assert_eq!(finding["severity"], "warning");
        (finding["message"].as_str().unwrap().to_owned(), finding["source"]["line"].as_u64().unwrap())
    });
    told.collect()
}

/// A plan, by every way to read it: each says these words.
fn told_everywhere(folder: &Folder, words: &[&str]) {
    folder
        .keyless("plan a.yaml --out plan.json --report markdown=r.md --report sarif=r.sarif")
        .exits(0)
        .says(words);
    folder.keyless("show plan.json").exits(0).says(words);
    let plain = |text: &str| text.replace('\\', "").replace("&#58;", ":");
    let markdown = folder.keyless("show plan.json --format markdown").exits(0).stdout;
    let report = std::fs::read_to_string(folder.path().join("r.md")).unwrap();
    let sarif = std::fs::read_to_string(folder.path().join("r.sarif")).unwrap();
    for text in [plain(&markdown), plain(&report), sarif] {
        for word in words {
            assert!(text.contains(word), "{word}:\n{text}");
        }
    }
}

#[test]
fn a_network_that_closes_to_everybody_is_told_at_the_field_that_closes_it() {
    let rule = json!({"defaultAction": "Deny", "ipRules": [{"value": "192.0.2.1"}]});
    let shut = json!({"defaultAction": "Deny"});
    for (live, lines, told) in few(
        3,
        [
            (json!({}), "networkAcls: {defaultAction: Deny}\n", Some(("names no address or subnet", 8))),
            (
                json!({}),
                "tags: {a: b}\npublicNetworkAccess: Disabled\n",
                Some(("`publicNetworkAccess` is Disabled", 9)),
            ),
            (
                json!({"networkAcls": rule}),
                "networkAcls: {ipRules: []}\n",
                Some(("names no address or subnet", 8)),
            ),
            // Somebody is left.
            (json!({}), "networkAcls: {defaultAction: Deny, ipRules: [192.0.2.1]}\n", None),
            // Nobody could before.
            (json!({"networkAcls": shut}), "publicNetworkAccess: Disabled\n", None),
            (json!({"publicNetworkAccess": "Disabled"}), "networkAcls: {defaultAction: Deny}\n", None),
            // It opens.
            (json!({"publicNetworkAccess": "Disabled"}), "tags: {a: b}\n", None),
        ],
    ) {
        let azure = Azure::start();
        let mut properties = json!({"customSubDomainName": "chat", "disableLocalAuth": true});
        properties.as_object_mut().unwrap().extend(live.as_object().unwrap().clone());
        azure.make_account("chat", &properties);
        let folder = azure.folder();
        folder.write("a.yaml", one_account("team-a", "chat", lines));
        let run = folder.keyless("plan a.yaml --format json").exits(0);
        run.fits("plan");
        let warnings = warned(&run, "closed-network");
        let Some((words, line)) = told else {
            assert_eq!(warnings, [], "{lines}");
            continue;
        };
        let [(message, at)] = &warnings[..] else { panic!("{run}") };
        assert!(message.contains(words) && message.ends_with("so nobody can call it"), "{message}");
        assert_eq!(*at, line, "{lines}");
        told_everywhere(
            &folder,
            &["the plan closes account `chat` to every public address", "so nobody can call it"],
        );
        // Texts from the file are derived again.
        let applied = folder.keyless("apply plan.json --yes").exits(0);
        applied.says(&["warning[closed-network]"]);
        let again = folder.keyless("plan a.yaml --format json").exits(0);
        assert_eq!(warned(&again, "closed-network"), [], "what is closed already is no news");
    }
}

/// Shows an account with so many approved private endpoints, beside some that are not.
fn connected(body: &mut Value, count: usize) {
    let state =
        |status: &str| json!({"properties": {"privateLinkServiceConnectionState": {"status": status}}});
    let mut all = vec![state("Pending"), state("Rejected")];
    all.extend((0..count).map(|_| state("Approved")));
    body["value"][0]["properties"]["privateEndpointConnections"] = json!(all);
}

#[test]
fn who_is_left_behind_a_closed_network_is_said() {
    for (connections, lines, words) in [
        (1, "publicNetworkAccess: Disabled\n", "only its private endpoint still reaches it"),
        (2, "publicNetworkAccess: Disabled\n", "only its 2 private endpoints still reach it"),
        (
            0,
            "networkAcls: {defaultAction: Deny, bypass: AzureServices}\n",
            "so only the Azure services that `bypass` trusts can call it",
        ),
        (
            1,
            "networkAcls: {defaultAction: Deny, bypass: AzureServices}\n",
            "only its private endpoint still reaches it, besides the Azure services that `bypass` trusts",
        ),
    ] {
        let azure = Azure::start();
        azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
        let edit: fn(&mut Value) = match connections {
            0 => |body| connected(body, 0),
            1 => |body| connected(body, 1),
            _ => |body| connected(body, 2),
        };
        azure.spoil("GET", "/accounts?", Fault::Edit(edit));
        let folder = azure.folder();
        folder.write("a.yaml", one_account("team-a", "chat", lines));
        folder.keyless("plan a.yaml").exits(0).says(&[words]);
    }
}

/// An account with both kinds of identity, of which the own one holds two roles and the other one.
fn with_identities(azure: &Azure) -> (String, String) {
    azure.make_account(
        "chat",
        &json!({"customSubDomainName": "chat", "disableLocalAuth": true, "allowProjectManagement": true}),
    );
    let both = json!({"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {APP: {}}});
    azure.patch(&account("chat"), json!({"identity": both}));
    let identity = azure.get(&account("chat"))["identity"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let own = text(&identity["principalId"]);
    let (_, app) = identity["userAssignedIdentities"].as_object().unwrap().iter().next().unwrap();
    let app = text(&app["principalId"]);
    let storage = format!("{GROUP}/providers/Microsoft.Storage/storageAccounts/st1");
    for (number, scope, guid, who) in
        [(1, GROUP, READER, &own), (2, storage.as_str(), BLOBS, &own), (3, storage.as_str(), BLOBS, &app)]
    {
        let name = format!("00000000-0000-4000-8000-00000000000{number}");
        let properties =
            json!({"roleDefinitionId": role(guid), "principalId": who, "principalType": "ServicePrincipal"});
        azure.put(&assignment(scope, &name), json!({"properties": properties}));
    }
    (own, app)
}

#[test]
fn an_identity_that_goes_is_told_with_the_roles_that_are_of_no_use_then() {
    let azure = Azure::start();
    let (own, app) = with_identities(&azure);
    let folder = azure.folder();
    let both = [
        format!(
            "the plan removes the system-assigned identity of account `chat` ({own}): with it go `Reader` on resource group `rg`, `Storage Blob Data Owner` on storageAccounts `st1`"
        ),
        format!(
            "the plan detaches user-assigned identity `app` from account `chat` ({app}): it can no longer use `Storage Blob Data Owner` on storageAccounts `st1`"
        ),
    ];
    for (lines, told, lines_told) in few(
        2,
        [
            ("identity: {systemAssigned: false}\n", &both[..1], vec![8]),
            ("identity: {userAssigned: []}\n", &both[1..], vec![8]),
            ("tags: {a: b}\nidentity: None\n", &both[..], vec![9, 9]),
            ("identity: SystemAssigned\ntags: {a: b}\n", &[][..], vec![]),
        ],
    ) {
        folder.write("a.yaml", one_account("team-a", "chat", lines));
        let run = folder.keyless("plan a.yaml --format json").exits(0);
        let warnings = warned(&run, "identity-removed");
        assert_eq!(warnings.iter().map(|(_, line)| *line).collect::<Vec<_>>(), lines_told, "{run}");
        for words in told {
            assert!(warnings.iter().any(|(message, _)| message.starts_with(words)), "{words}\n{run}");
        }
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        told_everywhere(&folder, &told);
    }
    folder.write("a.yaml", one_account("team-a", "chat", "identity: None\n"));
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    folder.keyless("apply plan.json --yes").exits(0).says(&[&both[0], &both[1]]);
    assert_eq!(azure.get(&account("chat"))["identity"]["type"], "None");
    let again = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(warned(&again, "identity-removed"), []);
}

#[test]
fn an_identity_of_a_project_and_one_without_roles_are_told_too() {
    let azure = Azure::start();
    azure.make_account(
        "chat",
        &json!({"customSubDomainName": "chat", "disableLocalAuth": true, "allowProjectManagement": true}),
    );
    azure.patch(&account("chat"), json!({"identity": {"type": "SystemAssigned"}}));
    azure.get(&account("chat"));
    let project = format!("{}/projects/main", account("chat"));
    azure.put(&project, json!({"location": "eastus2", "identity": {"type": "SystemAssigned, UserAssigned", "userAssignedIdentities": {APP: {}}}, "properties": {}}));
    let folder = azure.folder();
    folder.write(
        "a.yaml",
        one_account(
            "team-a",
            "chat",
            "projects: [{name: main, identity: {systemAssigned: true, userAssigned: []}}]\n",
        ),
    );
    folder.keyless("plan a.yaml").exits(0).says(&[
        "the plan detaches user-assigned identity `app` from project `main` (",
        "no roles were found in the subscriptions that were read",
    ]);
}

#[test]
fn what_is_refused_has_no_consequences() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    let lock = format!("{}/providers/Microsoft.Authorization/locks/l", account("chat"));
    azure.put(&lock, json!({"properties": {"level": "ReadOnly"}}));
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "publicNetworkAccess: Disabled\n"));
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(run.json()["summary"]["refused"], 1, "{run}");
    assert_eq!(warned(&run, "closed-network"), []);
}

#[test]
fn the_last_line_of_apply_counts_what_was_refused_and_what_could_not_be_read() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.make_account("other", &json!({"customSubDomainName": "other", "disableLocalAuth": true}));
    let lock = format!("{}/providers/Microsoft.Authorization/locks/l", account("chat"));
    azure.put(&lock, json!({"properties": {"level": "ReadOnly"}}));
    let folder = azure.folder();
    let second = "  - name: other\n    tags: {a: b}\n";
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {a: b}\n") + second);
    folder
        .keyless("apply a.yaml --yes --report markdown=r.md --report json=r.json")
        .exits(1)
        .says(&["Applied: 1 done, 0 failed, 0 skipped, 1 refused. "]);
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("r.md").contains("**1 done, 0 failed, 0 skipped, 1 refused.**"), "{}", read("r.md"));
    let summary = serde_json::from_str::<Value>(&read("r.json")).unwrap()["summary"].clone();
    assert_eq!(summary, json!({"done": 1, "failed": 0, "skipped": 0, "refused": 1, "unknown": 0}));
}

#[test]
fn the_last_line_of_apply_counts_what_a_saved_plan_could_not_plan() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    azure.make_account("other", &json!({"customSubDomainName": "other", "disableLocalAuth": true}));
    let lock = format!("{}/providers/Microsoft.Authorization/locks/l", account("chat"));
    azure.put(&lock, json!({"properties": {"level": "ReadOnly"}}));
    let folder = azure.folder();
    let second = "  - name: other\n    tags: {a: b}\n";
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {a: b}\n") + second);
    folder.keyless("plan a.yaml --out p.json").exits(1);
    folder
        .keyless("apply p.json --yes --report json=r.json")
        .exits(1)
        .says(&["Applied: 1 done, 0 failed, 0 skipped, 1 refused. "]);
    let report = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&report).unwrap()["summary"]["refused"], 1, "{report}");
}

#[test]
fn what_was_adopted_is_not_said_to_have_been_created() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    let name = "00000000-0000-4000-8000-000000000001";
    azure.grant(&account("chat"), name, READER, crate::common::ALICE, None);
    let folder = azure.folder();
    let adopting = |lines: &str| {
        one_account("team-a", "chat", lines).replace("stack: team-a", "stack: team-a\nadopt: true")
    };
    let grant = format!(
        "roleAssignments:\n  - role: Reader\n    principals: [{{id: {}, type: User}}]\n",
        crate::common::ALICE
    );
    folder.write("a.yaml", adopting(&grant));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", adopting("roleAssignments: []\n"));
    let run = folder.keyless("plan a.yaml").exits(0);
    assert!(!run.stdout.contains("created"), "{run}");
    run.says(&["owned by stack `team-a`, which no longer declares it", "1 to delete"]);
}

#[test]
fn whether_keys_are_on_is_said_in_the_words_of_what_is_there() {
    let azure = Azure::start();
    let folder = azure.folder();
    let declared = "account `chat` is declared with API keys on";
    let hint = "without the line they are disabled on a new account and unchanged on a live one";
    let on = one_account("team-a", "chat", "disableLocalAuth: false\n");
    folder.write("a.yaml", &on);
    // Nothing exists yet, or it was not read.
    for command in ["validate a.yaml --format json", "plan a.yaml --format json"] {
        let run = folder.keyless(command).exits(0);
        let told = run.json()["findings"].as_array().unwrap().clone();
        let told: Vec<&Value> = told.iter().filter(|finding| finding["code"] == "keys-enabled").collect();
        assert_eq!(told.len(), 1, "{run}");
        assert_eq!(told[0]["message"], declared);
        assert!(told[0]["hint"].as_str().unwrap().ends_with(hint), "{run}");
    }
    folder.keyless("plan a.yaml").exits(0).says(&["  + anyone with an API key"]);
    folder.keyless("apply a.yaml --yes").exits(0);
    // Declared and live: no gain, and the same warning once.
    let run = folder.keyless("plan a.yaml").exits(0);
    assert!(!run.stdout.contains("anyone with"), "{run}");
    assert_eq!(run.stdout.matches("warning[keys-enabled]").count(), 1, "{run}");
    // Live, and the spec does not say.
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {a: b}\n"));
    folder.keyless("plan a.yaml").exits(0).says(&[
        "account chat accepts API keys, and the spec does not set `disableLocalAuth`",
        "help: add `disableLocalAuth: true` to the spec to disable them",
    ]);
    // That line alone would be refused.
    azure.make_account("bare", &json!({}));
    folder.write("a.yaml", one_account("team-b", "bare", "tags: {a: b}\n"));
    folder.keyless("plan a.yaml").exits(0).says(&[
        "account bare accepts API keys, and the spec does not set `disableLocalAuth`",
        "help: add `customSubDomainName`, which token authentication requires, and `disableLocalAuth: true`",
    ]);
}
