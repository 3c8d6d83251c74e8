//! Somebody takes a thing over, or makes it otherwise, between the plan and the write.

use serde_json::{Value, json};

use super::{Act, Going, Reply, Seen, World, nth};
use crate::common::{ALICE, BOB, CS_USER, Run, SUB, account, assignment, few, grants, one_account, role};

/// The GUID that somebody gave an assignment by hand.
const BY_HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";
/// A day that never comes.
const NEVER: &str = "@Environment[UtcNow] DateTimeLessThan '2020-01-01T00:00:00Z'";

fn grant_body(more: &Value) -> Value {
    let mut properties =
        json!({"roleDefinitionId": role(CS_USER), "principalId": ALICE, "principalType": "User"});
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "properties": properties })
}

fn said(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

/// Assignments created while the declared one is being written, under the same or another name, and what the step says.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_assignment_created_meanwhile_that_differs_from_the_declared_one_is_a_failure() {
    let under =
        |lines: &str| grants(&[ALICE]).replace("    principals:", &format!("    {lines}\n    principals:"));
    let private = "condition: \"@Environment[isPrivateLink] BoolEquals true\"";
    let never = json!({"condition": NEVER, "conditionVersion": "2.0"});
    let rows: [(String, Value, &[&str]); 5] = [
        (grants(&[ALICE]), never.clone(), &["`condition` is", "2020-01-01", "not `null`"]),
        (under(private), json!({}), &["`condition` is `null`, not", "isPrivateLink"]),
        (under(private), never, &["`condition` is", "2020-01-01", "isPrivateLink"]),
        (under("description: models"), json!({"description": "else"}), &["`description` is `\"else\"`"]),
        (
            grants(&[ALICE]),
            json!({"description": "x [keyless:team-b]"}),
            &["now carries the mark of stack `team-b`"],
        ),
    ];
    for (lines, made, words) in few(2, &rows) {
        for same_name in [false, true] {
            let world = World::start();
            let folder = world.folder();
            world.account(
                "chat",
                json!({}),
                json!({"customSubDomainName": "chat", "disableLocalAuth": false}),
            );
            folder
                .write("a.yaml", one_account("team-a", "chat", &format!("disableLocalAuth: true\n{lines}")));
            // The name is free when it is looked at, or taken.
            let method = if same_name { "GET" } else { "PUT" };
            let fits = move |seen: &Seen| seen.method == method && seen.holds("/roleAssignments/");
            world.proxy.script(nth(0, fits, Act::HoldBefore));
            let going = Going::start(&folder, "apply a.yaml --yes --allow lock-out");
            let held = world.held();
            let path =
                if same_name { held.seen.path().to_owned() } else { assignment(&account("chat"), BY_HAND) };
            assert!(world.send("PUT", &path, Some(grant_body(made))).0 < 300);
            let there = world.get(&path);
            held.release();
            let run = going.end().exits(1);
            assert!(words.iter().all(|word| said(&run).contains(word)), "{words:?}: {run}");
            assert!(said(&run).contains("which did not succeed"), "keys stay on: {run}");
            assert_eq!(world.get(&account("chat"))["properties"]["disableLocalAuth"], false);
            assert_eq!(world.get(&path), there, "it is left as it was: {run}");
            // Where the spec says nothing about a condition, the next plan names it.
            if made["condition"].is_string() && !lines.contains("condition") {
                let spec =
                    |lines: &str| one_account("team-a", "chat", &format!("disableLocalAuth: false\n{lines}"));
                folder.write("a.yaml", spec(lines));
                let plan = folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
                let plan = plan.says(&["warning[undeclared-condition]", "2020-01-01", "condition: null"]);
                assert!(plan.stdout.contains("No changes"), "{plan}");
                let none = lines.replace("    principals:", "    condition: null\n    principals:");
                folder.write("a.yaml", spec(&none));
                folder.keyless("plan a.yaml").exits(3).says(&["guard-condition"]);
                folder.keyless("apply a.yaml --yes --allow condition").exits(0);
                assert!(world.get(&path)["properties"]["condition"].is_null());
                let plan = folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
                assert!(!plan.stdout.contains("undeclared-condition"), "{plan}");
            }
        }
    }
}

/// The same condition, otherwise set, is what is declared, where it can be read whether it lasts.
#[test]
fn an_assignment_created_meanwhile_with_the_declared_condition_counts_as_done() {
    for readable in [true, false] {
        let world = World::start();
        let folder = world.folder();
        world.account("chat", json!({}), json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
        let lines = format!("    condition: \"{NEVER}\"\n    principals:");
        let lines = grants(&[ALICE]).replace("    principals:", &lines);
        folder.write("a.yaml", one_account("team-a", "chat", &lines));
        let is_grant = |seen: &Seen| seen.method == "PUT" && seen.holds("/roleAssignments/");
        let hold = nth(0, is_grant, Act::HoldBefore);
        world.proxy.script(move |seen| match hold(seen) {
            Act::Pass if !readable && seen.holds("roleAssignmentScheduleInstances") => {
                Act::Answer(Reply::error(403, "AuthorizationFailed", "no"))
            }
            act => act,
        });
        let going = Going::start(&folder, "apply a.yaml --yes");
        let held = world.held();
        let made = grant_body(&json!({"condition": NEVER.replace(' ', "\r\n  "), "conditionVersion": "2.0"}));
        assert!(world.send("PUT", &assignment(&account("chat"), BY_HAND), Some(made)).0 < 300);
        held.release();
        // What may end by itself is nothing that keys could wait for.
        let run = going.end().exits(i32::from(!readable));
        assert_eq!(said(&run).contains("somebody created it meanwhile"), readable, "{run}");
        assert_eq!(said(&run).contains("could not determine whether it is temporary"), !readable, "{run}");
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    }
}

/// An overdue assignment disappears while the declared one is being written: the write is retried once, not forever.
#[test]
fn an_assignment_that_ended_and_has_gone_by_then_is_not_in_the_way() {
    for refusals in [1, 2] {
        let world = World::start();
        let folder = world.folder();
        world.account("chat", json!({}), json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
        folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
        let id = assignment(&account("chat"), BY_HAND);
        let mut listed = grant_body(&json!({"scope": account("chat")}));
        listed["id"] = json!(id);
        let ended = json!({"properties": {"originRoleAssignmentId": id, "assignmentType": "Activated",
            "endDateTime": "2026-01-20T06:00:00Z"}});
        let put = move |seen: &Seen| seen.method == "PUT" && seen.holds("/roleAssignments/");
        let exists =
            || Act::Answer(Reply::error(409, "RoleAssignmentExists", "The role assignment already exists."));
        let (first, second) = (nth(0, put, exists()), nth(1, put, exists()));
        world.proxy.script(move |seen| {
            let list = |item: &Value| Act::Answer(Reply::json(200, &json!({"value": [item]})));
            if seen.method == "GET" && seen.holds("/roleAssignmentScheduleInstances?") {
                return list(&ended);
            }
            // It is in the lists only.
            if seen.method == "GET" && seen.holds("/roleAssignments?") {
                return list(&listed);
            }
            match (first(seen), second(seen)) {
                (Act::Pass, other) if refusals == 2 => other,
                (act, _) => act,
            }
        });
        let run = folder.keyless("apply a.yaml --yes --allow lock-out").exits(i32::from(refusals == 2));
        assert_eq!(said(&run).contains("RoleAssignmentExists"), refusals == 2, "{run}");
    }
}

/// Whose a thing is shows in the read directly before the write, and nothing of another's is deleted or marked.
#[test]
fn what_another_stack_took_over_meanwhile_is_neither_deleted_nor_written() {
    let live = "tags: {a: b}\nprojects: [{name: main}]\n";
    let whole = format!("{live}{}", grants(&[ALICE, BOB]));
    let none = String::from("NONE");
    let tag = |stack: &str| json!({"tags": {"keyless-stack": stack}});
    let unmarked = json!({"tags": {"by": "hand"}});
    let project = "/projects/main";
    let rows: [(&str, String, &str, Option<Value>, &str); 7] = [
        (
            "delete an account",
            none.clone(),
            "",
            Some(tag("team-b")),
            "now carries the mark of stack `team-b`",
        ),
        (
            "delete a project",
            whole.replace("[{name: main}]", "[]"),
            project,
            Some(tag("team-b")),
            "stack `team-b`",
        ),
        (
            "delete a grant",
            format!("{live}{}", grants(&[ALICE])),
            "/roleAssignments/",
            None,
            "now carries the mark of stack `team-b`",
        ),
        (
            "update an account",
            whole.replace("a: b", "a: c"),
            "",
            Some(tag("team-b")),
            "now carries the mark of stack `team-b`",
        ),
        ("update an unmarked one", whole.replace("a: b", "a: c"), "", Some(unmarked), "its mark was removed"),
        (
            "update a project",
            whole.replace("name: main", "name: main, displayName: x"),
            project,
            Some(tag("team-b")),
            "now carries the mark of stack `team-b`",
        ),
        (
            "update a grant",
            whole.replace("    principals:", "    description: x\n    principals:"),
            "/roleAssignments/",
            None,
            "now carries the mark of stack `team-b`",
        ),
    ];
    for (name, lines, below, patch, words) in few(2, rows) {
        let world = World::start();
        let folder = world.folder();
        folder.write("a.yaml", one_account("team-a", "chat", &whole));
        folder.keyless("apply a.yaml --yes").exits(0);
        let spec = one_account("team-a", "chat", &lines);
        let gone = spec.split_once("accounts:").unwrap().0.to_owned() + "accounts: []\n";
        folder.write("a.yaml", if lines == "NONE" { gone } else { spec });
        let end = format!("/accounts/chat{below}");
        let is_grant = below == "/roleAssignments/";
        let fits = move |seen: &Seen| {
            seen.method == "GET" && if is_grant { seen.holds("/roleAssignments/") } else { seen.ends(&end) }
        };
        world.proxy.script(nth(0, fits, Act::HoldBefore));
        let lifts = "--allow delete-account --allow delete-project --allow lock-out";
        let going = Going::start(&folder, &format!("apply a.yaml --yes {lifts}"));
        let held = world.held();
        let path = held.seen.path().to_owned();
        if let Some(patch) = patch {
            world.patch(&path, patch);
        } else {
            let mut properties = world.get(&path)["properties"].clone();
            properties["description"] = json!("theirs [keyless:team-b]");
            assert!(world.send("PUT", &path, Some(json!({ "properties": properties }))).0 < 300, "{name}");
        }
        let there = world.get(&path);
        world.proxy.take_log();
        held.release();
        let run = going.end().exits(1);
        assert!(said(&run).contains(words), "{name}: {run}");
        let same = |body: &Value| json!([body["id"], body["tags"], body["properties"]["description"]]);
        assert_eq!(same(&world.get(&path)), same(&there), "{name}: {run}");
        let log = world.proxy.take_log();
        assert!(!log.iter().any(|seen| seen.is_write() && seen.path() == path), "{name}: {run}");
    }
}

/// What was soft-deleted is gone, and a new account of that name is somebody's.
#[test]
fn an_account_recreated_instead_of_restored_is_left_to_its_creator() {
    let world = World::start();
    let folder = world.folder();
    let spec = one_account("team-a", "chat", "tags: {a: b}\n");
    folder.write("a.yaml", &spec);
    folder.keyless("apply a.yaml --yes").exits(0);
    world.delete(&account("chat"));
    folder.write("a.yaml", spec.replacen("accounts:", "onSoftDeleted: restore\naccounts:", 1));
    world.proxy.script(nth(0, |seen| seen.method == "GET" && seen.ends("/accounts/chat"), Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes");
    let held = world.held();
    world.delete(&format!(
        "/subscriptions/{SUB}/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/rg/deletedAccounts/chat"
    ));
    world.account(
        "chat",
        json!({"by": "hand"}),
        json!({"customSubDomainName": "chat", "disableLocalAuth": true}),
    );
    world.proxy.take_log();
    held.release();
    let run = going.end().exits(1);
    assert!(said(&run).contains("restored or recreated it since the plan was made"), "{run}");
    assert!(!world.proxy.take_log().iter().any(Seen::is_write), "{run}");
    assert_eq!(world.get(&account("chat"))["tags"], json!({"by": "hand"}));
}

/// What somebody makes as it is declared stays theirs: a mark would let a removed line delete it.
#[test]
fn what_somebody_made_meanwhile_as_declared_is_not_marked() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    world.proxy.script(nth(0, |seen| seen.method == "GET" && seen.ends("/accounts/chat"), Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes");
    let held = world.held();
    world.account("chat", json!({}), json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    world.proxy.take_log();
    held.release();
    let run = going.end().exits(0);
    assert!(said(&run).contains("carries no mark of a stack"), "{run}");
    assert!(!world.proxy.take_log().iter().any(Seen::is_write), "{run}");
    folder.keyless("plan a.yaml -v").exits(0).says(&["declared but not owned by the stack"]);
}
