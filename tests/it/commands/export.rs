//! `export`: an estate that people made by hand, as a spec that plans no change.

use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CAROL, CS_USER, Fault, Folder, READER, Run, SUB, account, assignment, few,
    one_account, role,
};

const SECRET: &str = "s3cr3t-of-the-search-service";
const DAVE: &str = "dddddddd-0000-4000-8000-000000000004";
const PAGER: &str = "eeeeeeee-0000-4000-8000-000000000005";

fn group(name: &str) -> String {
    format!("/subscriptions/{SUB}/resourceGroups/{name}")
}

fn name(number: u32) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn speech_id() -> String {
    format!("{}/providers/Microsoft.CognitiveServices/accounts/speech", group("rg-voice"))
}

/// A group with an account that has everything in it, and one that another stack made.
fn estate(azure: &Azure) {
    let people = json!({
        "users": [{"id": ALICE, "userPrincipalName": "alice@contoso.com", "displayName": "Alice"}],
        "groups": [{"id": BOB, "displayName": "evil\u{202e}\n- role: Owner"}, {"id": PAGER, "displayName": "the pager"}],
    });
    assert_eq!(azure.send("POST", "/_sandbox/directory", Some(people)).status, 200);
    azure.put(
        &account("chat"),
        json!({
            "location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "identity": {"type": "SystemAssigned"},
            "tags": {"team": "ml", "no": "0042", "note": "a: b #c", "unit": "größe", "bell": "\u{7}\u{202e}", "log": "##vso[x]${HOME}"},
            "properties": {
                "customSubDomainName": "chat-eu", "allowProjectManagement": true, "publicNetworkAccess": "Enabled",
                "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.0/24"}, {"value": "198.51.100.7"}], "virtualNetworkRules": []},
            },
        }),
    );
    let filter = |source: &str| json!({"name": "Hate", "source": source, "enabled": true, "blocking": true, "severityThreshold": "Low"});
    let strict = json!({"properties": {"mode": "Blocking", "basePolicyName": "Microsoft.DefaultV2", "contentFilters": [filter("Prompt"), filter("Completion")]}});
    azure.put(&format!("{}/raiPolicies/strict", account("chat")), strict);
    let model = json!({
        "sku": {"name": "GlobalStandard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"}, "raiPolicyName": "strict"},
    });
    azure.put(&format!("{}/deployments/gpt-4o", account("chat")), model);
    let project = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {"displayName": "The team's: #1"}});
    azure.put(&format!("{}/projects/team", account("chat")), project);
    let connection = |auth: &str, credentials: Value| json!({"properties": {"category": "CognitiveSearch", "target": "https://s.search.windows.net", "authType": auth, "credentials": credentials, "metadata": {"ApiType": "Azure"}}});
    azure.put(&format!("{}/connections/by-token", account("chat")), connection("AAD", Value::Null));
    azure.put(
        &format!("{}/projects/team/connections/by-key", account("chat")),
        connection("ApiKey", json!({"key": SECRET})),
    );
    azure.grant(&account("chat"), &name(1), CS_USER, ALICE, Some("costs ${x} a day"));
    azure.grant(&account("chat"), &name(3), CS_USER, CAROL, None);
    azure.grant(&account("chat"), &name(4), READER, CAROL, Some("theirs [keyless:other]"));
    azure.grant(&format!("{}/projects/team", account("chat")), &name(5), READER, ALICE, None);
    azure.grant(&group("rg"), &name(6), READER, ALICE, None);
    let grant = |id: &str, kind: &str, guid: &str| json!({"properties": {"roleDefinitionId": role(guid), "principalId": id, "principalType": kind}});
    let mut on_condition = grant(BOB, "Group", CS_USER);
    on_condition["properties"]["description"] = json!("costs ${x} a day");
    azure.put(&assignment(&account("chat"), &name(2)), on_condition.clone());
    on_condition["properties"]["principalId"] = json!(PAGER);
    on_condition["properties"]["condition"] = json!("(\r\n  (!(ActionMatches{'a/b'})) \r\n)\r\n");
    on_condition["properties"]["conditionVersion"] = json!("2.0");
    azure.put(&assignment(&account("chat"), &name(7)), on_condition);
    let own = azure.get(&account("chat"))["identity"]["principalId"].as_str().unwrap().to_owned();
    azure.put(&assignment(&group("rg"), &name(8)), grant(&own, "ServicePrincipal", READER));
    let activated = json!({
        "scope": account("chat"), "role": "Cognitive Services User", "principalId": DAVE, "principalType": "User",
        "seconds": 3600, "assignmentType": "Activated",
    });
    let activated = json!({"scheduleInstances": [activated]});
    assert_eq!(azure.send("POST", "/_sandbox/access", Some(activated)).status, 200);
    azure.put(&account("theirs"), json!({"location": "eastus2", "kind": "OpenAI", "sku": {"name": "S0"}, "tags": {"keyless-stack": "other"}, "properties": {}}));
}

/// The same in another group and region, of a kind that holds no models.
fn voice(azure: &Azure) {
    let speech = json!({"location": "westeurope", "kind": "SpeechServices", "sku": {"name": "S0"}, "properties": {"disableLocalAuth": true, "customSubDomainName": "speech"}});
    azure.put(&speech_id(), speech);
    azure.grant(&group("rg-voice"), &name(20), READER, BOB, None);
}

fn export(folder: &Folder, arguments: &str) -> Run {
    folder.keyless(&format!("export --subscription {SUB} {arguments}"))
}

/// What was exported plans no change, and has no error.
#[track_caller]
fn plans_clean(folder: &Folder, spec: &str) {
    folder.write("specs/exported.yaml", spec);
    let plan = folder.keyless("plan specs/exported.yaml --detailed-exitcode --format json").exits(0);
    let findings = plan.json()["findings"].clone();
    let errors = findings.as_array().unwrap().iter().filter(|finding| finding["severity"] == "error");
    assert_eq!(errors.count(), 0, "{plan}");
}

/// The titles of what `drift` finds beside the lists of the exported spec.
fn drifts(folder: &Folder) -> Vec<String> {
    let drift = folder.keyless("drift specs/exported.yaml --format json").exits(2).json();
    let findings = drift["findings"].as_array().unwrap();
    let beside = findings.iter().filter(|finding| finding["code"] == "unmanaged");
    let titles = beside.map(|finding| {
        let message = finding["message"].as_str().unwrap();
        let named = message.strip_prefix("no spec declares ").or(message.split(" is undeclared").next());
        named.unwrap()
    });
    let titles: Vec<String> = titles.map(str::to_owned).collect();
    assert!(titles.len() > 2, "{drift}");
    titles
}

const SPEC: &str = r##"version: 1
stack: rg
subscription: 7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11
resourceGroup: rg
location: eastus2

accounts:
  - name: chat
    kind: AIServices
    sku: S0
    identity: SystemAssigned
    customSubDomainName: chat-eu
    disableLocalAuth: false  # API keys are on
    publicNetworkAccess: Enabled
    networkAcls:
      defaultAction: Deny
      ipRules: [203.0.113.0/24, 198.51.100.7]
      virtualNetworkRules: []
    allowProjectManagement: true
    tags: {bell: "\u0007\u202e", log: "#\x23vso[x]$${HOME}", "no": "0042", note: "a: b #c", team: ml, unit: größe}
    raiPolicies:
      - name: strict
        mode: Blocking
        basePolicyName: Microsoft.DefaultV2
        contentFilters:
          - {name: Hate, source: Prompt, enabled: true, blocking: true, severityThreshold: Low}
          - {name: Hate, source: Completion, enabled: true, blocking: true, severityThreshold: Low}
    deployments:
      - name: gpt-4o
        model: {format: OpenAI, name: gpt-4o, version: "2024-08-06"}
        sku: {name: GlobalStandard, capacity: 1}
        raiPolicyName: strict
        versionUpgradeOption: OnceNewDefaultVersionAvailable
    projects:
      - name: team
        displayName: "The team's: #1"
        identity: SystemAssigned
        connections:
          - name: by-key
            category: CognitiveSearch
            target: https://s.search.windows.net
            authType: ApiKey  # the key is not shown: to write this one, add credentials: {key: '${secret.NAME}'}
            metadata: {ApiType: Azure}
    connections:
      - name: by-token
        category: CognitiveSearch
        target: https://s.search.windows.net
        authType: AAD
        metadata: {ApiType: Azure}
    roleAssignments:
      - role: Cognitive Services User
        principals:
          - {id: cccccccc-0000-4000-8000-000000000003, type: User}  # user-cccccccc@sandbox.invalid
      - role: Cognitive Services User
        description: "costs $${x} a day"
        principals:
          - {id: aaaaaaaa-0000-4000-8000-000000000001, type: User}  # alice@contoso.com
          - {id: bbbbbbbb-0000-4000-8000-000000000002, type: Group}  # evil\u{202e}\u{a}- role: Owner
      - role: Cognitive Services User
        description: "costs $${x} a day"
        condition: |-
          (
            (!(ActionMatches{'a/b'}))
          )
        principals:
          - {id: eeeeeeee-0000-4000-8000-000000000005, type: Group}  # the pager

roleAssignments:
  - scope: resourceGroup
    role: Reader
    principals:
      - {accountIdentity: chat}
      - {id: aaaaaaaa-0000-4000-8000-000000000001, type: User}  # alice@contoso.com
  - scope: /subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat/projects/team
    role: Reader
    principals:
      - {id: aaaaaaaa-0000-4000-8000-000000000001, type: User}  # alice@contoso.com
"##;

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_people_made_by_hand_becomes_a_spec_that_plans_no_change_and_can_be_adopted() {
    let azure = Azure::start();
    estate(&azure);
    let folder = azure.folder();
    let run = export(&folder, "--resource-group rg").exits(0).complains(&[
        "account theirs is left out: it carries the mark of stack `other`",
        &format!("role assignment Reader -> User user-cccccccc@sandbox.invalid ({CAROL}) on chat is left out: it carries the mark of stack `other`"),
        &format!("role assignment Cognitive Services User -> User principal-{DAVE}@sandbox.invalid ({DAVE}) on chat is left out: somebody activated it"),
        "Exported: 13 resources, 3 left out; a plan of this spec changes nothing, and drift reports 1 of what is left out. 14 reads, 0 writes.",
    ]);
    assert_eq!(run.stdout, SPEC, "{run}");
    assert!(!run.stderr.contains(SECRET));
    let seen = azure.take_seen();
    assert!(seen.iter().all(|seen| seen.method == "GET" || seen.only_asks()), "{seen:?}");
    plans_clean(&folder, &run.stdout);
    // Nobody has to make a choice between the formats.
    let json = export(&folder, "--resource-group rg --format json").exits(0);
    assert_eq!(json.json()["accounts"][0]["tags"]["log"], "##vso[x]$${HOME}");
    folder
        .with_stdin("plan - --detailed-exitcode", &json.stdout)
        .exits(0)
        .says(&["No changes; 13 unchanged"]);
    // Whoever wants a removed line to revoke adopts.
    folder.write("specs/exported.yaml", run.stdout.replace("location:", "adopt: true\nlocation:"));
    folder.keyless("apply --yes").exits(0).says(&["11 done, 0 failed"]);
    assert_eq!(azure.get(&account("chat"))["tags"]["keyless-stack"], "rg");
    folder.keyless("plan --detailed-exitcode").exits(0).says(&["No changes; 13 unchanged"]);
    let again = export(&folder, "--resource-group rg").exits(0);
    assert_eq!(again.stdout, SPEC, "marks are not written into specs");
}

#[test]
fn accounts_of_several_groups_and_regions_say_each_where_they_are() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    voice(&azure);
    let theirs = json!({"location": "westeurope", "kind": "OpenAI", "sku": {"name": "S0"}, "tags": {"keyless-stack": "other"}, "properties": {}});
    azure.put(&speech_id().replace("speech", "theirs"), theirs);
    let folder = azure.folder();
    let run = export(&folder, "--stack everything").exits(0).complains(&["account theirs is left out"]).says(&[
        "stack: everything\nsubscription: 7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11\n\naccounts:\n  - name: chat\n    resourceGroup: rg\n    location: eastus2\n",
        "  - name: speech\n    resourceGroup: rg-voice\n    location: westeurope\n    kind: SpeechServices\n",
        &format!("\nroleAssignments:\n  - scope: {}\n    role: Reader\n", group("rg-voice")),
    ]);
    assert!(!run.stdout.contains("[]"), "{run}");
    plans_clean(&folder, &run.stdout);
    let lists = azure
        .take_seen()
        .into_iter()
        .filter(|seen| seen.path().contains("/speech/") && !seen.path().contains("roleAssignment"));
    assert_eq!(lists.count(), 0, "what cannot hold models or projects is not asked for them");
    let run = export(&folder, "--account SPEECH")
        .exits(0)
        .says(&["stack: speech", "resourceGroup: rg-voice\nlocation: westeurope\n"]);
    assert!(!run.stdout.contains("chat") && !run.stdout.contains("roleAssignments"), "{run}");
    assert!(!run.stderr.contains("theirs"), "nobody asked for it: {run}");
    plans_clean(&folder, &run.stdout);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_cannot_be_read_is_never_silently_absent() {
    let azure = Azure::start();
    estate(&azure);
    let folder = azure.folder();
    for part in few(
        3,
        [
            "/accounts?",
            "/roleAssignments?",
            "/raiPolicies?",
            "/deployments?",
            "/projects?",
            "/team/connections?",
            "/chat/connections?",
        ],
    ) {
        azure.spoil("GET", part, Fault::denied());
        let run = export(&folder, "--resource-group rg").exits(1).complains(&[
            "error: could not read everything to export",
            part,
            "AuthorizationFailed",
        ]);
        assert_eq!(run.stdout, "", "{run}");
        azure.heal();
    }
    // A list of the whole subscription is more than is needed.
    azure.spoil(
        "GET",
        &format!("/subscriptions/{SUB}/providers/Microsoft.Authorization/roleAssignments?"),
        Fault::denied(),
    );
    let run = export(&folder, "--resource-group rg").exits(0).complains(&["warning[incomplete-read]"]);
    assert_eq!(run.stdout, SPEC);
    azure.heal();
    azure.spoil("POST", "$batch", Fault::denied());
    let run = export(&folder, "--resource-group rg").exits(0);
    assert!(run.stdout.contains("type: User}\n") && !run.stdout.contains("alice"), "{run}");
    azure.heal();
    azure.spoil(
        "GET",
        "roleAssignmentScheduleInstances",
        Fault::error(400, "AadPremiumLicenseRequired", "The tenant needs a license."),
    );
    let run = export(&folder, "--resource-group rg").exits(0).says(&[DAVE]);
    assert!(!run.stderr.contains("not-checked"), "without a license nothing is temporary\n{run}");
    azure.spoil("GET", "roleAssignmentScheduleInstances", Fault::denied());
    export(&folder, "--resource-group rg").exits(0).says(&[DAVE]).complains(&[
        "note[not-checked]",
        &format!("could not determine whether role assignment Cognitive Services User -> User principal-{DAVE}@sandbox.invalid ({DAVE}) on chat is temporary"),
    ]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_a_spec_cannot_hold_is_left_out_by_name() {
    let azure = Azure::start();
    estate(&azure);
    let folder = azure.folder();
    azure.spoil(
        "GET",
        "/chat/connections?",
        Fault::Edit(|body| {
            let mut foreign = body["value"][0].clone();
            foreign["properties"]["authType"] = json!("Delegated");
            foreign["id"] = json!(foreign["id"].as_str().unwrap().replace("by-token", "by-delegation"));
            body["value"].as_array_mut().unwrap().push(foreign);
        }),
    );
    azure.spoil("GET", "/accounts?", Fault::Edit(|body| {
        let chat = &mut body["value"].as_array_mut().unwrap()[0]["properties"];
        chat["networkAcls"]["virtualNetworkRules"] = json!([{"id": "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/n/providers/Microsoft.Network/virtualNetworks/v/subnets/s", "state": "Succeeded"}]);
        chat["publicNetworkAccess"] = json!("SecuredByPerimeter");
    }));
    azure.spoil(
        "GET",
        "/providers/Microsoft.Authorization/roleAssignments?",
        Fault::Edit(|body| {
            for assignment in body["value"].as_array_mut().unwrap() {
                let properties = &mut assignment["properties"];
                if properties["principalId"] == PAGER {
                    properties["conditionVersion"] = json!("1.0");
                }
                if properties["principalId"] == CAROL && properties["description"].is_null() {
                    properties["principalType"] = json!("Everyone");
                }
            }
        }),
    );
    let run = export(&folder, "--resource-group rg").exits(0).complains(&[
        "connection `by-delegation` of account `chat` is left out: `authType` must be",
        "`publicNetworkAccess` of account `chat` is left out",
        "`state` of virtual network rule",
        "specs have no such field",
        "its condition is of version `1.0`",
        "specs have no principals of type `Everyone`",
        "8 left out",
    ]);
    for gone in ["custom-keys", "state", "Perimeter", PAGER, CAROL] {
        assert!(!run.stdout.contains(gone), "{gone}: {run}");
    }
    plans_clean(&folder, &run.stdout);
    // A declared list is complete: what is left out of one is drift from the first night on, and the export says so.
    let of_drift = drifts(&folder);
    let of_drift: Vec<&str> = of_drift.iter().map(String::as_str).collect();
    run.complains(&of_drift).complains(&[
        "`keyless drift` will report resources that are left out of this spec's lists:",
        &format!("and drift reports {} of what is left out.", of_drift.len()),
    ]);
    azure.heal();
    // One element that the rules refuse costs its list, and not the account around it.
    azure.spoil(
        "GET",
        "/accounts?",
        Fault::Edit(|body| {
            let chat = &mut body["value"].as_array_mut().unwrap()[0]["properties"];
            let subnet = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/n/providers/Microsoft.Network/virtualNetworks/v/subnets/s";
            chat["userOwnedStorage"] = json!([{ "resourceId": subnet }]);
        }),
    );
    let run = export(&folder, "--resource-group rg").exits(1).complains(&[
        "an element of `userOwnedStorage` of account `chat` is left out",
        "`userOwnedStorage` of account `chat` is left out",
    ]);
    assert!(run.stdout.contains("- name: chat") && !run.stdout.contains("subnets"), "{run}");
    azure.heal();
    // What the rules of specs refuse is an error: somebody has to look at it.
    azure.spoil(
        "GET",
        "/chat/connections?",
        Fault::Edit(|body| {
            let connection = &mut body["value"][0];
            connection["id"] = json!(connection["id"].as_str().unwrap().replace("by-token", "long.name"));
        }),
    );
    azure.spoil(
        "GET",
        "/deployments?",
        Fault::Edit(|body| {
            body["value"][0]["properties"]["provisioningState"] = json!("Failed");
        }),
    );
    let run = export(&folder, "--resource-group rg").exits(1).complains(&[
        "error[left-out]: connection `long.name` of account `chat` is left out",
        "error[left-out]: deployment `gpt-4o` of account `chat` is left out: Azure did not complete the last change",
        "11 resources, 5 left out",
    ]);
    assert!(
        run.stdout.contains("by-key") && !run.stdout.contains("gpt-4o") && !run.stdout.contains("long"),
        "{run}"
    );
    plans_clean(&folder, &run.stdout);
}

#[test]
fn what_a_live_account_lacks_is_told_and_the_rest_of_it_exported() {
    let azure = Azure::start();
    azure.make_account("bare", &json!({"disableLocalAuth": true}));
    let folder = azure.folder();
    let run = export(&folder, "").exits(1).says(&["name: bare"]).complains(&[
        "error[left-out]: `disableLocalAuth` of account `bare` is left out: account bare has no customSubDomainName",
        "add `customSubDomainName: bare`",
    ]);
    assert!(!run.stdout.contains("disableLocalAuth"), "{run}");
    plans_clean(&folder, &run.stdout);
}

#[test]
fn roles_are_exported_by_name_and_deleted_principals_are_marked() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    // The last name would be taken for a slip.
    for (number, role_name) in [(1, "Chat Callers"), (2, "Cognitive Services Users")] {
        let guid = format!("c0570000-0000-4000-8000-{number:012}");
        let properties = json!({
            "roleName": role_name, "type": "CustomRole", "assignableScopes": [format!("/subscriptions/{SUB}")],
            "permissions": [{"actions": [], "dataActions": ["Microsoft.CognitiveServices/accounts/OpenAI/*"]}],
        });
        azure.put(&role(&guid), json!({ "properties": properties }));
        azure.grant(&account("chat"), &name(number), &guid, ALICE, None);
    }
    azure.spoil(
        "POST",
        "$batch",
        Fault::Edit(|body| {
            for response in body["responses"].as_array_mut().unwrap() {
                response["body"]["value"] = json!([]);
            }
        }),
    );
    let folder = azure.folder();
    let run = export(&folder, "").exits(0).says(&[
        "role: Chat Callers\n",
        "role: c0570000-0000-4000-8000-000000000002\n",
        &format!("- {{id: {ALICE}, type: User}}  # not known to the directory\n"),
    ]);
    azure.heal();
    plans_clean(&folder, &run.stdout);
}

#[test]
fn a_part_of_a_stack_is_not_exported_where_its_plan_would_delete_the_rest() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/a.yaml", super::accounts(&["chat", "other"]));
    folder.keyless("apply --yes").exits(0);
    let run = export(&folder, "--stack team-a --quiet").exits(0);
    assert_eq!(run.stderr, "");
    let run = export(&folder, "--account chat --stack team-a").exits(1).complains(&[
        "account other carries the mark of stack `team-a` and would be deleted",
        "help: leave out `--account`, so that the rest of the stack is exported too",
    ]);
    assert_eq!(run.stdout, "");
    export(&folder, "--stack team-a").exits(0).says(&["name: chat", "name: other"]);
    export(&folder, "").exits(1).complains(&[
        "there is no account to export",
        "`--stack team-a`",
        "were left out, for the reasons above",
    ]);
}

#[test]
fn an_export_is_of_something_under_a_name_that_can_be_one() {
    let azure = Azure::start();
    let folder = azure.folder();
    export(&folder, "--resource-group empty")
        .exits(1)
        .complains(&["there is no account to export in `/subscriptions/", "/resourceGroups/empty`"]);
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    export(&folder, "--account chut").exits(1).complains(&["called `chut`"]);
    for (arguments, said) in [
        ("--stack Team", "`Team` cannot name a stack"),
        ("--stack a --stack b", "several were given"),
        ("--resource-group a/b", "not a valid name of a resource group"),
    ] {
        let run = export(&folder, arguments).exits(1).complains(&[said]);
        assert_eq!(run.stdout, "", "{arguments}");
    }
    azure.take_seen();
    folder
        .keyless("export --subscription not-a-guid")
        .exits(1)
        .complains(&["expected the GUID of a subscription"]);
    assert!(azure.take_seen().is_empty());
    export(&folder, "--format markdown --report human=spec.yaml")
        .exits(0)
        .says(&["```yaml\nversion: 1\nstack: exported\n"]);
    let spec = std::fs::read_to_string(folder.path().join("spec.yaml")).unwrap();
    plans_clean(&folder, &spec);
}

/// keyless makes connections in accounts without projects, and finds them again; its own mark is nothing that is left out.
#[test]
fn a_connection_of_an_account_without_projects_is_exported() {
    let azure = Azure::start();
    let folder = azure.folder();
    let connection = "connections: [{name: search, category: CognitiveSearch, target: \"https://s.search.windows.net\", authType: AAD}]\n";
    folder.write("a.yaml", one_account("team-a", "chat", connection));
    folder.keyless("apply a.yaml --yes").exits(0);
    let run =
        folder.keyless(&format!("export --subscription {SUB} --resource-group rg --stack team-a")).exits(0);
    assert!(run.stdout.contains("- name: search"), "{run}");
    assert!(!run.stderr.contains("`tags`"), "{run}");
    run.complains(&["2 resources"]);
}

/// Where a file appears while an export reads.
static APPEARS: OnceLock<PathBuf> = OnceLock::new();

#[test]
fn a_file_that_appears_while_azure_is_read_is_not_overwritten() {
    let azure = Azure::start();
    estate(&azure);
    let folder = azure.folder();
    APPEARS.get_or_init(|| folder.path().join("new.yaml"));
    azure.spoil(
        "GET",
        "/chat/connections?",
        Fault::Edit(|_| std::fs::write(APPEARS.get().unwrap(), "precious").unwrap()),
    );
    export(&folder, "--resource-group rg --out new.yaml").exits(1).complains(&[
        "failed to write `new.yaml`",
        "it was created since this run started",
        "name another file, or remove that one and run again",
    ]);
    assert_eq!(std::fs::read_to_string(APPEARS.get().unwrap()).unwrap(), "precious");
}

#[test]
fn no_live_text_ends_the_code_of_a_comment() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    azure.grant(
        &account("chat"),
        &name(1),
        CS_USER,
        ALICE,
        Some("calls\n````\n![](https://evil.invalid)\nit"),
    );
    let run = export(&folder, "--format markdown").exits(0).says(&["\n          ````\n"]);
    assert!(run.stdout.starts_with("`````yaml\n") && run.stdout.ends_with("\n`````\n"), "{run}");
}

#[test]
fn live_fields_that_specs_do_not_have_are_named_without_their_values() {
    let azure = Azure::start();
    estate(&azure);
    let folder = azure.folder();
    azure.spoil(
        "GET",
        "/accounts?",
        Fault::Edit(|list| {
            for body in list["value"].as_array_mut().unwrap() {
                body["properties"]["apiProperties"] =
                    json!({"statisticsEnabled": false, "notInSpecs": "hidden-value"});
                body["zones"] = json!(["1"]);
                body["properties"]["raiMonitorConfig"] = Value::Null;
            }
        }),
    );
    azure.spoil(
        "GET",
        "/deployments?",
        Fault::Edit(|list| {
            for body in list["value"].as_array_mut().unwrap() {
                body["properties"]["scaleSettings"] = json!({"scaleType": "hidden-value"});
            }
        }),
    );
    let run = export(&folder, "--resource-group rg").exits(0).complains(&[
        "note[left-out]: `apiProperties.notInSpecs` of account chat is left out: specs have no such field",
        "note[left-out]: `zones` of account chat is left out: specs have no such field",
        "note[left-out]: `scaleSettings` of deployment gpt-4o of chat is left out: Azure no longer accepts it; use `sku`",
    ]);
    let all = format!("{}{}", run.stdout, run.stderr);
    assert!(!all.contains("hidden-value") && !all.contains("raiMonitorConfig"), "{run}");
}
