//! Cosmos DB's own roles are grants like Azure's: what replaces another comes first, nobody is revoked for what could not be given, and an
//! identity that goes takes them with it.

use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, CAROL, Fault, Folder, SUB, account, head};

const CONTRIBUTOR: &str = "Cosmos DB Built-in Data Contributor";
const READER: &str = "Cosmos DB Built-in Data Reader";

fn database() -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.DocumentDB/databaseAccounts/c1")
}

fn entry(role: &str, principals: &[&str]) -> String {
    let principals: Vec<String> = principals.iter().map(|id| format!("{{id: {id}, type: User}}")).collect();
    format!(
        "  - {{databaseAccount: {}, role: {role}, principals: [{}]}}\n",
        database(),
        principals.join(", ")
    )
}

fn spec(entries: &str) -> String {
    format!("{}sqlRoleAssignments:\n{entries}", head("team-a"))
}

fn live(azure: &Azure) -> Vec<Value> {
    azure.get(&format!("{}/sqlRoleAssignments", database()))["value"].as_array().unwrap().clone()
}

fn applied(entries: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(entries));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    (azure, folder)
}

/// One that somebody else made for the whole account.
fn by_hand(azure: &Azure, who: &str) {
    by_hand_as(azure, who, "0002");
}

fn by_hand_as(azure: &Azure, who: &str, role: &str) {
    let body = json!({"properties": {
        "roleDefinitionId": format!("{}/sqlRoleDefinitions/00000000-0000-0000-0000-00000000{role}", database()),
        "principalId": who,
        "scope": database(),
    }});
    azure.put(&format!("{}/sqlRoleAssignments/00000000-0000-4000-8000-000000000001", database()), body);
}

#[test]
fn a_role_is_revoked_only_after_the_one_that_replaces_it() {
    let (azure, folder) = applied(&entry(READER, &[ALICE]));
    folder.write("a.yaml", spec(&entry(CONTRIBUTOR, &[ALICE])));
    // If Azure refuses the new one, the old one stays.
    azure.spoil("PUT", "/sqlRoleAssignments/", Fault::error(400, "BadRequest", "no"));
    folder.keyless("apply a.yaml --yes").exits(1).says(&["1 failed", "1 skipped"]);
    assert_eq!(live(&azure).len(), 1);
    azure.heal();
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(0).says(&["2 done"]);
    let methods: Vec<String> = azure.take_writes().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["PUT", "DELETE"]);
    assert!(live(&azure)[0]["properties"]["roleDefinitionId"].as_str().unwrap().ends_with("0002"));
}

#[test]
fn nobody_is_revoked_while_what_may_replace_it_cannot_be_given() {
    let (azure, folder) = applied(&entry(READER, &[ALICE]));
    // The account has no such role.
    let missing = "5bd9cd88-fe45-4216-938b-f97437e15450";
    folder.write("a.yaml", spec(&entry(missing, &[ALICE])));
    let plan = folder.keyless("plan a.yaml --out p.json").exits(1);
    plan.says(&["has no role definition", "stays until Cosmos DB role assignment", "which may replace it"]);
    folder.keyless("apply a.yaml --yes").exits(1);
    assert_eq!((live(&azure).len(), azure.take_writes().len()), (1, 0));
    // A role of Azure replaces none of Cosmos DB, and the other way round.
    let reader = format!(
        "roleAssignments: [{{scope: {}, role: Raeder of all, principals: [{{id: {ALICE}, type: User}}]}}]\n",
        database()
    );
    folder.write("a.yaml", format!("{}sqlRoleAssignments: []\n{reader}", head("team-a")));
    folder.keyless("apply a.yaml --yes").exits(1).says(&["1 done"]);
    assert_eq!(live(&azure).len(), 0);
}

#[test]
fn what_a_stack_that_is_not_selected_may_declare_for_somebody_unknown_stays() {
    let (azure, folder) = applied(&entry(READER, &[ALICE]));
    folder.write("a.yaml", format!("{}sqlRoleAssignments: []\n", head("team-a")));
    let other = spec(&entry(READER, &[])).replace("team-a", "team-b");
    folder.write("b.yaml", other.replace("principals: []", "principals: [{user: alice@contoso.com}]"));
    azure.spoil(
        "POST",
        "$batch",
        Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges."),
    );
    folder
        .keyless("apply a.yaml b.yaml --select team-a --yes")
        .exits(1)
        .says(&["possibly declared by a stack that is not selected"]);
    assert_eq!(live(&azure).len(), 1);
}

/// By name and by identity: what an unselected stack declares is looked up, so that it hides nothing else.
#[test]
fn a_stack_that_is_not_selected_hides_only_what_it_declares() {
    let azure = Azure::start();
    let folder = azure.folder();
    let of = |stack: &str, principals: &str| {
        format!(
            "{}accounts:\n  - name: acc-{stack}\n    projects: [{{name: proj}}]\nsqlRoleAssignments:\n  - databaseAccount: {}\n    role: {READER}\n    principals: {principals}\n",
            head(stack),
            database()
        )
    };
    folder.write("specs/one.yaml", of("one", "[{user: alice@contoso.com}]"));
    folder.write("specs/two.yaml", of("two", "[{user: bob@contoso.com}, {projectIdentity: acc-two/proj}]"));
    folder.keyless("apply --yes").exits(0);
    folder.keyless("drift --select one").exits(0);
    folder.write("specs/one.yaml", of("one", "[{user: carol@contoso.com}]"));
    folder.keyless("apply --select one --yes").exits(0).says(&["2 done"]);
    assert_eq!(live(&azure).len(), 3, "bob, the project and carol");
    by_hand_as(&azure, CAROL, "0001");
    folder.keyless("drift --select one").exits(2).says(&["1 extra"]);

    // The identity of what does not exist has no role yet.
    folder.write("specs/three.yaml", of("three", "[{projectIdentity: acc-three/proj}]"));
    folder.keyless("drift --select one").exits(2).says(&["1 extra"]);
    folder.write("specs/one.yaml", of("one", "[]"));
    folder.keyless("apply --select one --yes").says(&["1 done"]);
}

/// Whether somebody exists is known only of those who were asked about.
#[test]
fn a_role_that_prune_none_keeps_stays_drift_whoever_else_is_asked_about() {
    let (azure, folder) = applied(&(entry(READER, &[ALICE, BOB]) + "prune: none\n"));
    folder.write("a.yaml", spec(&(entry(READER, &[ALICE]) + "prune: none\n")));
    folder.keyless("drift a.yaml").exits(2).says(&["1 extra"]);
    let group = format!("/subscriptions/{SUB}/resourceGroups/rg");
    let reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
    azure.grant(&group, "a5510000-0000-4000-8000-000000000009", reader, ALICE, None);
    folder.keyless("drift a.yaml").exits(2).says(&["1 extra"]);
}

#[test]
fn an_identity_that_goes_takes_its_roles_in_cosmos_db_with_it() {
    let azure = Azure::start();
    let folder = azure.folder();
    let chat = "accounts:\n  - name: chat\n    roleAssignments: []\n";
    let role = format!(
        "sqlRoleAssignments:\n  - {{databaseAccount: {}, role: {READER}, principals: [{{accountIdentity: chat}}]}}\n",
        database()
    );
    folder.write("a.yaml", format!("{}{chat}{role}", head("team-a")));
    folder.keyless("apply a.yaml --yes").exits(0);
    // Another stack gave it, and is not selected: the accounts of Cosmos DB are not even read.
    folder.write(
        "a.yaml",
        format!(
            "{}{}",
            head("team-a"),
            chat.replace("roleAssignments", "identity: None\n    roleAssignments")
        ),
    );
    let identity = azure.get(&account("chat"))["identity"]["principalId"].as_str().unwrap().to_owned();
    folder.write(
        "b.yaml",
        spec(&entry(READER, &[]))
            .replace("team-a", "team-b")
            .replace("principals: []", &format!("principals: [{{id: {identity}, type: ServicePrincipal}}]")),
    );
    folder.keyless("plan a.yaml b.yaml --select team-a").exits(3).says(&[
        "to which stack `team-b`, which is not selected in this run, gives a role on `c1`",
        "removes the system-assigned identity",
        "what stack `team-b` gives it on databaseAccounts `c1`",
    ]);
    let own = format!(
        "{}{}{role}",
        head("team-a"),
        chat.replace("roleAssignments", "identity: None\n    roleAssignments")
    );
    folder.write(
        "a.yaml",
        own.replace("accountIdentity: chat", &format!("id: {identity}, type: ServicePrincipal")),
    );
    folder.keyless("plan a.yaml").exits(0).says(&[
        "removes the system-assigned identity",
        "with it go `Cosmos DB Built-in Data Reader` on databaseAccounts `c1`",
    ]);
}

#[test]
fn a_principal_that_is_gone_makes_an_orphan_and_no_drift() {
    let (azure, folder) = applied(&entry(READER, &[ALICE]));
    by_hand(&azure, BOB);
    folder.keyless("drift a.yaml").exits(2).says(&[CONTRIBUTOR]);
    let known = json!({"responses": [
        {"id": "0", "status": 200, "body": {"value": [{"id": ALICE, "displayName": "Alice", "@odata.type": "#microsoft.graph.user"}]}},
        {"id": "1", "status": 200, "body": {"value": []}},
    ]});
    azure.spoil("POST", "$batch", Fault::Answer(200, "application/json", known.to_string()));
    folder.keyless("drift a.yaml -v").exits(0).says(&[
        "is orphaned: its principal no longer exists",
        "az cosmosdb sql role assignment delete --account-name c1 --resource-group rg --role-assignment-id 00000000-0000-4000-8000-000000000001",
    ]);
    // Whoever may not ask the directory does not know it.
    azure.spoil(
        "POST",
        "$batch",
        Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges."),
    );
    folder.keyless("drift a.yaml").exits(1).says(&["could not determine whether Cosmos DB role assignment"]);
    // With a lock file only those that would be drift are asked about.
    azure.heal();
    folder.write("a.lock.json", r#"{"formatVersion": "1.0", "principals": []}"#);
    azure.take_seen();
    folder.keyless("drift a.yaml").exits(2);
    let asked: Vec<String> = azure.take_seen().iter().map(|seen| seen.body.to_string()).collect();
    assert!(asked.iter().any(|body| body.contains(BOB)), "{asked:?}");
    assert!(asked.iter().all(|body| !body.contains(ALICE)), "{asked:?}");
}

#[test]
fn what_is_said_of_one_that_somebody_else_made_fits_a_role_whose_name_is_its_mark() {
    let azure = Azure::start();
    let folder = azure.folder();
    by_hand(&azure, CAROL);
    folder.write("a.yaml", spec(&entry(CONTRIBUTOR, &[CAROL])));
    let plan = folder.keyless("plan a.yaml -v").exits(0);
    let plan = plan
        .says(&["removing the line will not revoke it", "delete it by hand, and the next `apply` creates"]);
    assert!(!plan.stdout.contains("adopt: true"), "{plan}");
    // The same line twice is told once.
    folder.write("a.yaml", spec(&entry(CONTRIBUTOR, &[CAROL, CAROL])));
    let twice = folder.keyless("validate a.yaml --format json").exits(1);
    assert_eq!(twice.findings().len(), 1, "{twice}");
    // A mark of another stack is its name: nothing can be removed from it.
    folder.write("b.yaml", spec(&entry(READER, &[CAROL])).replace("team-a", "team-b"));
    folder.keyless("apply b.yaml --yes").exits(0);
    folder.write("b.yaml", format!("{}sqlRoleAssignments: []\n", head("team-b")));
    folder.write("a.yaml", spec(&entry(READER, &[CAROL])));
    let plan = folder.keyless("plan a.yaml b.yaml").exits(1);
    let plan = plan.says(&["its name says that stack `team-b` made it"]);
    assert!(!plan.stdout.contains("[keyless:"), "{plan}");
}

#[test]
fn whoever_applies_must_be_allowed_to_revoke() {
    let (azure, folder) = applied(&entry(READER, &[ALICE]));
    let can = json!({"value": [{
        "actions": ["*/read", "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write"],
        "notActions": [], "dataActions": [], "notDataActions": [],
    }]});
    azure.spoil("GET", "/permissions", Fault::Answer(200, "application/json", can.to_string()));
    folder
        .keyless("doctor a.yaml")
        .exits(1)
        .says(&["lacks `Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/delete`"]);
}
