//! What Azure lists under an id that keyless cannot read: it spoils nothing that it is not, and hides nothing that it may be.

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, Folder, READER, Run, SUB, account, assignment, few, grants,
    one_account, role,
};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const GRANTS: &str = "Authorization/roleAssignments?";
const ACCOUNTS: &str = "CognitiveServices/accounts?";

/// Adds an item to a list: a role assignment at a scope below the subscription.
fn given(list: &mut Value, below: &str, role_id: &str, description: &str) {
    let scope = format!("/subscriptions/{SUB}{below}");
    let item = json!({
        "id": assignment(&scope, "5a5a5a5a-0000-4000-8000-000000000001"),
        "name": "5a5a5a5a-0000-4000-8000-000000000001",
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "scope": scope, "roleDefinitionId": role(role_id), "principalId": BOB, "principalType": "User",
            "description": description,
        },
    });
    list["value"].as_array_mut().unwrap().push(item);
}

macro_rules! at {
    ($below:expr, $role:expr, $description:expr) => {
        Fault::Edit(|list| given(list, $below, $role, $description))
    };
}

fn applied() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    (azure, folder)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_assignment_on_something_else_spoils_nothing_whatever_its_id_looks_like() {
    const DNS: &str = "/resourceGroups/net/providers/Microsoft.Network/dnsZones/x.com/A";
    let rows = [
        (
            "a wildcard record",
            at!("/resourceGroups/net/providers/Microsoft.Network/dnsZones/x.com/A/*", OWNER, ""),
        ),
        (
            "an unknown form",
            at!("/resourceGroups/net/providers/Microsoft.Network/dnsZones/x.com/A/a|b", OWNER, ""),
        ),
        (
            "another account",
            at!("/resourceGroups/net/providers/Microsoft.CognitiveServices/accounts/chat/a|b", OWNER, ""),
        ),
        (
            "a neighbour",
            at!("/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat2/a|b", READER, ""),
        ),
        (
            "in the group, of no power",
            at!("/resourceGroups/rg/providers/Microsoft.Network/dnsZones/x/A/a%b", READER, ""),
        ),
        (
            DNS,
            at!(
                "/resourceGroups/net/providers/Microsoft.Network/dnsZones/x.com/A/a:b",
                CS_USER,
                "[keyless:zz]"
            ),
        ),
    ];
    for (what, fault) in few(2, rows) {
        let (azure, folder) = applied();
        azure.spoil("GET", GRANTS, fault);
        for command in ["plan a.yaml", "apply a.yaml --yes", "drift a.yaml"] {
            let run = folder.keyless(command).exits(0);
            assert!(!run.stdout.contains("could not"), "{what}: {run}");
        }
        assert!(azure.take_writes().is_empty(), "{what}");
        // What goes is still known to go, and what is new still made.
        folder.write("a.yaml", one_account("team-a", "chat", &grants(&[BOB])));
        folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["1 to create", "1 to delete"]);
        folder.keyless("apply plan.json --yes --allow lock-out").exits(0).says(&["2 done"]);
    }
}

#[test]
fn an_unreadable_item_that_may_be_a_declared_assignment_is_named_and_blocks_changes() {
    const HINT: &str = "keyless changes nothing that this item may be";
    let rows = [
        (
            "below the account",
            at!(
                "/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat/projects/a|b",
                CS_USER,
                ""
            ),
            "accounts/chat/projects/a|b",
            "segment `a|b` is not valid in a resource id",
        ),
        (
            "perhaps the account",
            at!("/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/ch%61t", CS_USER, ""),
            "accounts/ch%61t",
            "segment `ch%61t` is not valid",
        ),
        (
            "perhaps the group",
            at!("/resourceGroups/r%67", CS_USER, ""),
            "resourceGroups/r%67",
            "segment `r%67` is not valid",
        ),
        (
            "a step up",
            at!("/resourceGroups/net/../rg", CS_USER, ""),
            "net/../rg",
            "segment `..` is not valid",
        ),
        (
            "great power in the group",
            at!("/resourceGroups/rg/providers/Microsoft.Network/dnsZones/x/A/a|b", OWNER, ""),
            "dnsZones/x/A/a|b",
            "segment `a|b` is not valid",
        ),
        (
            "by its mark the stack's",
            at!(
                "/resourceGroups/net/providers/Microsoft.Network/dnsZones/x/A/a|b",
                READER,
                "[keyless:team-a]"
            ),
            "dnsZones/x/A/a|b",
            "segment `a|b` is not valid",
        ),
        (
            "an id and a scope that contradict each other",
            Fault::Edit(|list| {
                given(list, "/resourceGroups/net", READER, "");
                let here = format!(
                    "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat"
                );
                list["value"].as_array_mut().unwrap().last_mut().unwrap()["properties"]["scope"] =
                    here.into();
            }),
            "resourceGroups/net",
            "its scope is not that of its id",
        ),
    ];
    for (what, fault, item, why) in few(2, rows) {
        let (azure, folder) = applied();
        azure.spoil("GET", GRANTS, fault);
        folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
        for command in ["plan a.yaml", "apply a.yaml --yes --allow lock-out", "drift a.yaml"] {
            let run = folder.keyless(command).exits(1).says(&[item, why, HINT]);
            assert!(!run.stdout.contains("Reader role on the subscription"), "{what}: {run}");
            assert!(!run.stdout.contains("No changes;"), "{what}: {run}");
        }
        assert!(azure.take_writes().is_empty(), "{what}");
        assert_eq!(azure.grants_at(&account("chat")).len(), 1, "{what}");
    }
}

#[test]
fn one_unreadable_item_leaves_the_declared_assignments_of_other_accounts_known() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = one_account("team-a", "chat", &grants(&[ALICE]))
        + one_account("team-a", "other", &grants(&[ALICE])).split_once("accounts:\n").unwrap().1;
    folder.write("a.yaml", &spec);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec.replace(ALICE, BOB));
    azure.spoil(
        "GET",
        GRANTS,
        at!("/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat/a|b", CS_USER, ""),
    );
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(run.changes("unknown").len(), 1, "{run}");
    assert_eq!(run.changes("create").len(), 1, "{run}");
    assert!(run.changes("delete").is_empty(), "{run}");
}

#[test]
fn an_account_under_an_id_that_nobody_can_read_is_unknown_only_where_it_may_be() {
    fn elsewhere(list: &mut Value) {
        let mut item = list["value"][0].clone();
        let id = format!(
            "/subscriptions/{SUB}/resourceGroups/zz/providers/Microsoft.CognitiveServices/accounts/a|b"
        );
        item["id"] = json!(id);
        list["value"].as_array_mut().unwrap().push(item);
    }
    fn here(list: &mut Value) {
        let items = list["value"].as_array_mut().unwrap();
        let chat = items.iter_mut().find(|item| item["name"] == "chat").unwrap();
        chat["id"] = json!(account("ch|at"));
    }
    // Two groups are read by the list of their subscription.
    let world = || {
        let (azure, folder) = applied();
        folder.write(
            "b.yaml",
            one_account("team-b", "other", "").replace("resourceGroup: rg", "resourceGroup: rg-b"),
        );
        folder.keyless("apply a.yaml b.yaml --yes").exits(0);
        (azure, folder)
    };
    let (azure, folder) = world();
    azure.spoil("GET", ACCOUNTS, Fault::Edit(elsewhere));
    folder.keyless("plan a.yaml b.yaml").exits(0).says(&["No changes"]);
    folder.keyless("keys status a.yaml b.yaml").exits(0);
    let (azure, folder) = world();
    azure.spoil("GET", ACCOUNTS, Fault::Edit(here));
    let run: Run = folder.keyless("plan a.yaml b.yaml").exits(1);
    run.says(&["accounts/ch|at", "segment `ch|at` is not valid", "1 unknown"]);
    let every = format!("keys status --subscription {SUB}");
    folder.keyless(&every).exits(1).says(&["accounts/ch|at", "segment `ch|at` is not valid"]);
}

#[test]
fn a_spec_names_one_scope_and_no_pattern() {
    let folder = Folder::new();
    let scope =
        format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Network/dnsZones/x.com/A/*");
    let spec = one_account("team-a", "chat", "").replace(
        "accounts:",
        &format!("roleAssignments:\n  - scope: \"{scope}\"\n    role: Reader\n    principals: [{{id: {ALICE}, type: User}}]\naccounts:"),
    );
    folder.write("a.yaml", &spec);
    folder.keyless("validate a.yaml").exits(1).complains(&["`*` is not a pattern here"]);
    folder.write("a.yaml", spec.replace("/A/*", "/A/@"));
    folder.keyless("validate a.yaml").exits(0);
    folder.keyless("plan a.yaml --sandbox --within /subscriptions/*").exits(1).complains(&["is not a scope"]);
}
