//! Agents of Foundry projects: capability hosts, roles of the project's identity, values that are known only later, Cosmos DB's own roles,
//! and accounts that another stack owns.

use std::time::Duration;

use keyless::sandbox::Options;
use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, READER, SUB, account, head};

const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg-chat";

fn provider(kind: &str, name: &str) -> String {
    format!("{GROUP}/providers/{kind}/{name}")
}

fn cosmos() -> String {
    provider("Microsoft.DocumentDB/databaseAccounts", "c1")
}

fn sql_roles(azure: &Azure) -> Vec<Value> {
    azure.get(&format!("{}/sqlRoleAssignments", cosmos()))["value"].as_array().unwrap().clone()
}

/// A project whose agents keep everything in services of one's own.
fn agents(more: &str) -> String {
    let connection = |name: &str, category: &str, id: &str| {
        format!(
            "          - {{name: {name}, category: {category}, target: 'https://{name}.example/', authType: AAD, metadata: {{ResourceId: {id}}}}}\n"
        )
    };
    let storage = provider("Microsoft.Storage/storageAccounts", "st1");
    let search = provider("Microsoft.Search/searchServices", "se1");
    let mut text = head("team-a");
    text += "accounts:\n  - name: chat\n    capabilityHosts: [{name: of-account, capabilityHostKind: Agents}]\n    projects:\n      - name: main\n        connections:\n";
    text += &connection("cosmos", "CosmosDB", &cosmos());
    text += &connection("storage", "AzureStorageAccount", &storage);
    text += &connection("search", "CognitiveSearch", &search);
    text += "        capabilityHosts:\n          - {name: of-project, capabilityHostKind: Agents, threadStorageConnections: [cosmos], storageConnections: [storage], vectorStoreConnections: [search]}\n";
    text += "roleAssignments:\n";
    for (scope, role) in [
        (&storage, "Storage Blob Data Contributor"),
        (&cosmos(), "Cosmos DB Operator"),
        (&search, "Search Service Contributor"),
    ] {
        let grant =
            format!("  - {{scope: {scope}, role: {role}, principals: [{{projectIdentity: chat/main}}]}}\n");
        text += &grant;
    }
    let conditioned = format!(
        "  - scope: {storage}\n    role: Storage Blob Data Owner\n    principals: [{{projectIdentity: chat/main}}]\n    condition: \"@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringStartsWithIgnoreCase '${{principal.workspaceId}}'\"\n"
    );
    let sql = format!(
        "sqlRoleAssignments:\n  - databaseAccount: {}\n    role: Cosmos DB Built-in Data Contributor\n    scope: /dbs/enterprise_memory\n    principals: [{{projectIdentity: chat/main}}]\n",
        cosmos()
    );
    text + &conditioned + &sql + more
}

#[test]
fn the_standard_setup_of_agents_is_made_in_one_apply_in_the_order_that_it_needs() {
    let azure = Azure::with(Options { operation_time: Duration::from_millis(300), ..Options::default() });
    let folder = azure.folder();
    folder.write("a.yaml", agents(""));
    let plan = folder.keyless("plan a.yaml").exits(0);
    plan.says(&["capability host of-project of main", "Cosmos DB role assignment"]);
    folder.keyless("apply a.yaml --yes").exits(0);
    let made = azure.take_writes();
    let at = |part: &str| {
        let found = made.iter().rposition(|seen| seen.path().contains(part));
        found.unwrap_or_else(|| panic!("{part} was not written"))
    };
    let host = at("/projects/main/capabilityHosts/of-project");
    for before in [
        "/accounts/chat/capabilityHosts/of-account",
        "/connections/search",
        "/databaseAccounts/c1/providers/Microsoft.Authorization",
        "/searchServices/se1/providers/Microsoft.Authorization",
    ] {
        assert!(at(before) < host, "{before}: {made:?}");
    }
    assert!(at("/sqlRoleAssignments/") > host, "{made:?}");
    // Of the two on the storage account the one with the workspace id comes later, and has it.
    let texts: Vec<String> = made.iter().map(|seen| seen.body.to_string()).collect();
    let conditioned = texts.iter().rposition(|text| text.contains("StringStartsWithIgnoreCase")).unwrap();
    assert!(conditioned > host, "{made:?}");
    let id =
        texts[conditioned].split("StringStartsWithIgnoreCase '").nth(1).unwrap().split('\'').next().unwrap();
    assert!(uuid::Uuid::parse_str(id).is_ok() && id.len() == 36, "{id}");
    folder.keyless("apply a.yaml --yes").exits(0).says(&["No changes"]);
    assert_eq!(azure.take_writes().len(), 0);
    folder.keyless("drift a.yaml").exits(0);
    let sql = sql_roles(&azure);
    assert_eq!(sql[0]["properties"]["scope"], format!("{}/dbs/enterprise_memory", cosmos()));
    let exported = folder.keyless(&format!("export --subscription {SUB} --stack team-a")).exits(0);
    folder.write("b.yaml", &exported.stdout);
    folder.keyless("plan b.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn a_saved_plan_carries_what_is_known_later_and_an_edited_one_is_refused() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", agents(""));
    folder.keyless("plan a.yaml --out p.json").exits(0);
    let plan = std::fs::read_to_string(folder.path().join("p.json")).unwrap();
    let mut edited: Value = serde_json::from_str(&plan).unwrap();
    for change in edited["changes"].as_array_mut().unwrap() {
        if let Some(holes) = change["holes"].as_array_mut() {
            holes.retain(|hole| hole["reference"].is_null());
        }
    }
    folder.write("e.json", edited.to_string());
    folder.keyless("apply e.json --yes").exits(1);
    assert_eq!(azure.take_writes().len(), 0);
    folder.keyless("apply p.json a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn a_capability_host_never_changes_and_another_one_is_drift() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", agents(""));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_writes();
    folder.write(
        "a.yaml",
        agents("").replace("vectorStoreConnections: [search]", "vectorStoreConnections: []"),
    );
    folder.keyless("apply a.yaml --yes").exits(1).says(&["Azure never changes a capability host"]);
    assert_eq!(azure.take_writes().len(), 0);
    // One more than declared stays, and is drift.
    let declared = agents("");
    let line = declared.lines().find(|line| line.contains("of-project")).unwrap().to_owned();
    let without =
        declared.replace(&format!("        capabilityHosts:\n{line}\n"), "        capabilityHosts: []\n");
    folder.write("a.yaml", without.replace("    scope: /dbs/enterprise_memory\n", ""));
    folder.keyless("drift a.yaml").exits(2).says(&["capability host of-project of main"]);
    folder.write(
        "a.yaml",
        agents("").replace("storageConnections: [storage]", "storageConnections: [stroage]"),
    );
    folder.keyless("validate a.yaml").exits(0);
}

#[test]
fn azure_makes_the_host_of_an_account_whose_agents_run_in_a_subnet() {
    let azure = Azure::with(Options { operation_time: Duration::from_millis(300), ..Options::default() });
    let folder = azure.folder();
    let subnet = provider("Microsoft.Network/virtualNetworks", "v") + "/subnets/agents";
    let injections =
        format!("    networkInjections: [{{scenario: agent, subnetArmId: {subnet}}}]\n    projects:\n");
    let own = "    capabilityHosts: [{name: of-account, capabilityHostKind: Agents}]\n";
    folder.write("a.yaml", agents("").replace("    projects:\n", &injections));
    folder.keyless("validate a.yaml").exits(1).complains(&["itself, because of its `networkInjections`"]);
    folder.write("a.yaml", agents("").replace("    projects:\n", &injections).replace(own, ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    // It is neither drift nor exported.
    folder.write(
        "a.yaml",
        agents("").replace("    projects:\n", &injections).replace(own, "    capabilityHosts: []\n"),
    );
    folder.keyless("drift a.yaml").exits(0);
    let exported = folder.keyless(&format!("export --subscription {SUB} --stack team-a")).exits(0);
    assert!(!exported.stdout.contains("aml_aiagentservice"), "{exported}");
}

fn sql(lines: &str) -> String {
    format!(
        "{}sqlRoleAssignments:\n  - databaseAccount: {}\n    role: Cosmos DB Built-in Data Reader\n{lines}",
        head("team-a"),
        cosmos()
    )
}

#[test]
fn roles_of_cosmos_db_are_owned_by_their_name() {
    let azure = Azure::start();
    let folder = azure.folder();
    let two = format!("    principals: [{{id: {ALICE}, type: User}}, {{id: {BOB}, type: User}}]\n");
    let one = format!("    principals: [{{id: {ALICE}, type: User}}]\n");
    folder.write("a.yaml", sql(&two));
    folder.keyless("apply a.yaml --yes").exits(0).says(&["2 done"]);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    // What others made at another scope is theirs; at a declared scope it is drift. Both stay.
    let theirs = |name: &str, scope: &str| {
        let id = format!("{}/sqlRoleAssignments/00000000-0000-4000-8000-00000000000{name}", cosmos());
        let role = format!("{}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002", cosmos());
        let scope = format!("{}{scope}", cosmos());
        azure.put(&id, json!({"properties": {"roleDefinitionId": role, "principalId": BOB, "scope": scope}}));
        id
    };
    theirs("1", "/dbs/other");
    folder.keyless("drift a.yaml").exits(0);
    let beside = theirs("2", "");
    folder.keyless("drift a.yaml").exits(2).says(&["Cosmos DB Built-in Data Contributor"]);
    azure.delete(&beside);
    // A removed line is revoked, and only the stack's own.
    folder.write("a.yaml", sql(&one));
    folder.keyless("plan a.yaml").exits(0).says(&["1 to delete", "Cosmos DB Built-in Data Reader"]);
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(sql_roles(&azure).len(), 2);
    folder.write("a.yaml", sql("    principals: []\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(sql_roles(&azure).len(), 1);
    // Another stack's own is not touched, and an equal one that nobody owns satisfies the spec.
    folder.write("b.yaml", sql(&two).replace("team-a", "team-b"));
    folder.keyless("apply b.yaml --yes").exits(0);
    azure.take_writes();
    folder.write("a.yaml", sql(&one));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    folder.keyless("plan a.yaml b.yaml").exits(1).complains(&["is declared twice"]);
    // Retiring a stack revokes what it owns.
    folder.keyless("apply b.yaml --retire team-b --yes --allow deletes").exits(0);
    assert_eq!(sql_roles(&azure).len(), 1);
    for (wrong, said) in [
        (sql(&one).replace("Built-in Data Reader", "Built-in Data Raeder"), "did you mean"),
        (sql(&format!("    scope: memory\n{one}")), "is not a scope in a Cosmos DB account"),
        (sql(&one).replace("databaseAccounts/c1", "other/c1"), "is not the id of a Cosmos DB account"),
    ] {
        folder.write("a.yaml", wrong);
        folder.keyless("validate a.yaml").exits(1).complains(&[said]);
    }
}

#[test]
fn an_account_that_is_taken_as_given_gets_only_what_the_stack_adds() {
    let azure = Azure::start();
    let folder = azure.folder();
    let given =
        |lines: &str| format!("{}accounts:\n  - name: chat\n    existing: true\n{lines}", head("team-b"));
    let grant = |who: &str| {
        format!(
            "    roleAssignments: [{{role: Cognitive Services User, principals: [{{id: {who}, type: User}}]}}]\n"
        )
    };
    folder.write("b.yaml", given(&grant(BOB)));
    folder.keyless("plan b.yaml").exits(1).says(&["account chat does not exist"]);
    folder.keyless("apply b.yaml --yes").exits(1);
    folder.write(
        "a.yaml",
        format!(
            "{}accounts:\n  - name: chat\n    projects: [{{name: main}}]\n{}",
            head("team-a"),
            grant(ALICE)
        ),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_writes();
    // What the owner has beside the lists is no drift, and is never deleted.
    folder.write("b.yaml", given(&format!("{}    projects: [{{name: other}}]\n", grant(BOB))));
    folder.keyless("apply b.yaml --yes").exits(0);
    let made = azure.take_writes();
    assert!(made.iter().all(|seen| seen.path() != account("chat")), "{made:?}");
    folder.keyless("plan b.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    folder.keyless("drift b.yaml").exits(0);
    folder.write("b.yaml", given("    roleAssignments: []\n    projects: []\n"));
    folder.keyless("apply b.yaml --yes --allow delete-project").exits(0);
    assert_eq!(azure.grants_at(&account("chat")).len(), 1);
    assert_eq!(azure.get(&format!("{}/projects", account("chat")))["value"].as_array().unwrap().len(), 1);
    folder.write("b.yaml", given("    disableLocalAuth: false\n"));
    folder.keyless("validate b.yaml").exits(1).complains(&["belongs to its owner"]);
}

#[test]
fn a_project_has_a_list_of_roles_of_its_own_and_its_identity_stands_in_connections() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |connection: &str| {
        format!(
            "{}accounts:\n  - name: chat\n    connections: [{{name: registry, category: ContainerRegistry, target: r.azurecr.io, authType: AAD, metadata: {{owner: '{connection}'}}}}]\n    projects:\n      - name: main\n        roleAssignments: [{{role: Reader, principals: [{{id: {ALICE}, type: User}}]}}]\n",
            head("team-a")
        )
    };
    folder.write("a.yaml", spec("x ${project.chat/main.principalId} ${account.chat.endpoint}"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let project = format!("{}/projects/main", account("chat"));
    let identity = azure.get(&project)["identity"]["principalId"].as_str().unwrap().to_owned();
    let sent = azure.get(&format!("{}/connections/registry", account("chat")));
    let owner = sent["properties"]["metadata"]["owner"].as_str().unwrap();
    assert_eq!(owner, format!("x {identity} https://chat.cognitiveservices.azure.com/"));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    // Beside the list of the project it is drift, also where the account declares none.
    azure.grant(&project, "00000000-0000-4000-8000-000000000009", READER, BOB, None);
    folder.keyless("drift a.yaml").exits(2).says(&["User user-bbbbbbbb@sandbox.invalid (bbbbbbbb…) on main"]);
    for (wrong, said) in [
        ("${project.chat/mian.principalId}", "did you mean `main`"),
        ("${account.chta.endpoint}", "did you mean `chat`"),
        ("$${project.chat/main.principalId}", "looks like a reference"),
    ] {
        folder.write("a.yaml", spec(wrong));
        folder.keyless("validate a.yaml").exits(1).complains(&[said]);
    }
    for (identity, said) in [
        ("identity: None", "project `main` is declared without an identity of its own"),
        ("identity: {systemAssigned: false}", "declare `identity: SystemAssigned` for it"),
    ] {
        let none = spec("${project.chat/main.principalId}")
            .replace("- name: main\n", &format!("- name: main\n        {identity}\n"));
        folder.write("a.yaml", none);
        folder.keyless("validate a.yaml").exits(1).complains(&[said]);
    }
    // A new resource gets only the identities that its spec lists.
    let user = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app";
    let listed = spec("x")
        .replace("- name: main\n", &format!("- name: other\n        identity: {{userAssigned: [{user}]}}\n"))
        + "roleAssignments: [{scope: resourceGroup, role: Reader, principals: [{projectIdentity: chat/other}]}]\n";
    folder.write("a.yaml", listed);
    let said = "project `other` is declared without an identity of its own";
    folder.keyless("plan a.yaml").exits(1).says(&[said]);
    folder.write(
        "a.yaml",
        spec("x")
            .replace("- name: main", "- name: main\n        description: '${project.chat/main.principalId}'"),
    );
    folder.keyless("validate a.yaml").exits(1).complains(&["cannot stand here"]);
}

#[test]
fn a_value_that_azure_does_not_show_is_unknown_and_never_written() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", agents(""));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_writes();
    // An older version shows no workspace id.
    azure.send("POST", "/_sandbox/versions", Some(json!({"newest": "2025-06-01"})));
    folder.keyless("plan a.yaml").exits(1).says(&["does not show `workspaceId`"]);
    folder.keyless("apply a.yaml --yes").exits(1);
    assert_eq!(azure.take_writes().len(), 0);
}

#[test]
fn the_identity_of_any_resource_is_found_by_its_id() {
    let azure = Azure::start();
    let folder = azure.folder();
    let search = provider("Microsoft.Search/searchServices", "se1");
    let spec = format!(
        "{}accounts:\n  - name: chat\n    roleAssignments: [{{role: Cognitive Services OpenAI User, principals: [{{resourceIdentity: {search}}}]}}]\n",
        head("team-a")
    );
    folder.write("a.yaml", &spec);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    assert_eq!(azure.grants_at(&account("chat")).len(), 1);
    folder.write("a.yaml", spec.replace("resourceIdentity", "projectIdentity"));
    folder.keyless("validate a.yaml").exits(1).complains(&["Microsoft.CognitiveServices/accounts/projects"]);
}

#[test]
fn what_a_stack_gave_in_cosmos_db_is_revoked_when_its_last_line_goes() {
    let azure = Azure::start();
    let folder = azure.folder();
    let head = |stack: &str| head(stack).replace("resourceGroup: rg\n", "resourceGroup: rg-chat\n");
    let sql = |lines: &str| sql(lines).replace("resourceGroup: rg\n", "resourceGroup: rg-chat\n");
    let two = format!("    principals: [{{id: {ALICE}, type: User}}, {{id: {BOB}, type: User}}]\n");
    folder.write("a.yaml", sql(&two));
    folder.keyless("apply a.yaml --yes").exits(0).says(&["2 done"]);
    // Of others in the same group nothing is told.
    let other = provider("Microsoft.DocumentDB/databaseAccounts", "c2");
    let role = format!("{other}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002");
    let theirs = format!("{other}/sqlRoleAssignments/00000000-0000-4000-8000-000000000001");
    azure.put(&theirs, json!({"properties": {"roleDefinitionId": role, "principalId": BOB, "scope": other}}));
    folder.write("a.yaml", format!("{}sqlRoleAssignments: []\n", head("team-a")));
    let plan = folder.keyless("plan a.yaml").exits(0);
    let plan = plan.says(&["2 to delete", "on c1 (the whole account)"]);
    assert!(!plan.stdout.contains("undeclared"), "{plan}");
    folder.keyless("drift a.yaml").exits(2);
    // Without the list, but with a connection to such an account, somebody may have dropped it by mistake.
    let connected = format!(
        "{}accounts:\n  - name: chat\n    connections: [{{name: memory, category: CosmosDB, target: 'https://c1.documents.azure.com', authType: AAD}}]\n",
        head("team-a")
    );
    folder.write("a.yaml", &connected);
    folder.keyless("plan a.yaml").exits(3).says(&[
        "`sqlRoleAssignments` of stack `team-a` is no longer in the spec",
        "2 Cosmos DB role assignments",
    ]);
    // What is not in the run is not known to be one's own.
    folder.write("b.yaml", format!("{}sqlRoleAssignments: []\n", head("team-b")));
    folder.keyless("plan b.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    folder.write("a.yaml", format!("{}sqlRoleAssignments: []\n", head("team-a")));
    folder.keyless("apply a.yaml --yes").exits(0).says(&["2 done"]);
    assert_eq!(sql_roles(&azure).len(), 0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    // A spec that has nothing to do with Cosmos DB asks nothing of it.
    folder.write("a.yaml", format!("{}accounts: [{{name: chat}}]\n", head("team-a")));
    azure.take_seen();
    folder.keyless("plan a.yaml").exits(0);
    let asked = azure.take_seen();
    assert!(asked.iter().all(|seen| !seen.path().contains("DocumentDB")), "{asked:?}");
}

#[test]
fn the_scope_in_cosmos_db_is_said_and_has_a_case() {
    let azure = Azure::start();
    let folder = azure.folder();
    let one = format!("    principals: [{{id: {ALICE}, type: User}}]\n");
    for wrong in [
        sql(&format!("    scope: null\n{one}")),
        sql(&format!("    scope: '${{at}}'\n{one}variables: {{at: null}}\n")),
    ] {
        folder.write("a.yaml", wrong);
        folder.keyless("validate a.yaml").exits(1).complains(&["`scope` is null", "remove `scope`"]);
    }
    let at = |scope: &str| {
        format!(
            "  - databaseAccount: {}\n    role: Cosmos DB Built-in Data Reader\n    scope: {scope}\n{one}",
            cosmos()
        )
    };
    let both = format!("{}sqlRoleAssignments:\n{}{}", head("team-a"), at("/dbs/Orders"), at("/dbs/orders"));
    folder.write("a.yaml", both);
    folder.keyless("apply a.yaml --yes").exits(0).says(&["2 done", "on c1/dbs/Orders"]);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    folder.write("a.yaml", format!("{}sqlRoleAssignments:\n{}", head("team-a"), at("/dbs/orders")));
    folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
    assert_eq!(sql_roles(&azure)[0]["properties"]["scope"], format!("{}/dbs/orders", cosmos()));
}

#[test]
fn a_role_of_cosmos_db_must_exist_in_its_account() {
    let azure = Azure::start();
    let folder = azure.folder();
    let own = "5bd9cd88-fe45-4216-938b-f97437e15450";
    let spec = sql(&format!("    principals: [{{id: {ALICE}, type: User}}]\n"))
        .replace("Cosmos DB Built-in Data Reader", own);
    folder.write("a.yaml", spec);
    folder.keyless("plan a.yaml").exits(1).says(&["has no role definition `5bd9cd88"]);
    azure.put(
        &format!("{}/sqlRoleDefinitions/{own}", cosmos()),
        json!({"properties": {"roleName": "own", "type": "CustomRole"}}),
    );
    folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn an_export_has_the_roles_of_the_cosmos_db_accounts_that_it_names() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", agents(""));
    folder.keyless("apply a.yaml --yes").exits(0);
    let role = format!("{}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000001", cosmos());
    azure.put(
        &format!("{}/sqlRoleAssignments/00000000-0000-4000-8000-000000000001", cosmos()),
        json!({"properties": {"roleDefinitionId": role, "principalId": BOB, "scope": cosmos()}}),
    );
    let exported = folder.keyless(&format!("export --subscription {SUB} --stack team-a")).exits(0);
    let exported = exported.says(&[
        "sqlRoleAssignments:",
        "role: Cosmos DB Built-in Data Contributor",
        "scope: /dbs/enterprise_memory",
        "role: Cosmos DB Built-in Data Reader",
    ]);
    assert!(exported.stderr.contains("does not say what kind of principal"), "{exported}");
    folder.write("b.yaml", &exported.stdout);
    folder.keyless("plan b.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn a_value_that_the_same_plan_changes_is_read_once_it_is_changed() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.put(
        &account("chat"),
        json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "properties": {}}),
    );
    folder.write(
        "a.yaml",
        format!(
            "{}accounts:\n  - name: chat\n    customSubDomainName: chat\n    identity: SystemAssigned\n    connections: [{{name: registry, category: ContainerRegistry, target: '${{account.chat.endpoint}}', authType: AAD, metadata: {{owner: '${{account.chat.principalId}}'}}}}]\n",
            head("team-a")
        ),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    let sent = azure.get(&format!("{}/connections/registry", account("chat")));
    assert_eq!(sent["properties"]["target"], "https://chat.cognitiveservices.azure.com/");
    let identity = azure.get(&account("chat"))["identity"]["principalId"].clone();
    assert_eq!(sent["properties"]["metadata"]["owner"], identity);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn an_account_s_host_names_connections_of_the_account_once() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |names: &str| {
        format!(
            "{}accounts:\n  - name: chat\n    connections: [{{name: store, category: AzureBlob, target: 'https://s.example', authType: AAD}}]\n    capabilityHosts: [{{name: of-account, capabilityHostKind: Agents, storageConnections: [{names}]}}]\n",
            head("team-a")
        )
    };
    for (names, said) in [
        ("stroe", "account `chat` declares no connection `stroe`"),
        ("store, Store", "names connection `Store` twice"),
    ] {
        folder.write("a.yaml", spec(names));
        folder.keyless("validate a.yaml").exits(1).complains(&[said]);
    }
    folder.write("a.yaml", spec("store"));
    folder.keyless("validate a.yaml").exits(0);
}
