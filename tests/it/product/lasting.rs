//! What lasts: no mark makes an assignment last that ends by itself, and what should have ended and did not is no passing thing.

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, Folder, READER, SUB, account, assignment, few, grants, head, listed,
    one_account,
};

const PIM: &str = "/roleAssignmentScheduleInstances?";
const USER: &str = "Cognitive Services User";
/// Of a stack that nobody knows, of none, and of the stack itself.
const MARKS: [&str; 3] = ["[keyless:nobody-knows]", "[keyless:]", "[keyless:team-a]"];
/// As Azure writes it, and as it might.
const KINDS: [&str; 3] = ["Activated", "Assigned", "activated"];

fn group() -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg")
}

/// Gives a role until two hours from now, and returns the assignment's id.
fn for_a_while(azure: &Azure, kind: &str, scope: &str, role: &str, who: &str) -> String {
    let instance = json!({"scope": scope, "role": role, "principalId": who, "principalType": "User",
        "seconds": 7200, "assignmentType": kind});
    let answer = azure.send("POST", "/_sandbox/access", Some(json!({ "scheduleInstances": [instance] })));
    assert_eq!(answer.status, 200, "{answer:?}");
    assignment(scope, answer.body["scheduleInstances"][0].as_str().unwrap())
}

/// Types a mark onto an assignment.
fn type_mark(azure: &Azure, id: &str, mark: &str) {
    let mut body = azure.get(id);
    body["properties"]["description"] = json!(format!("on call {mark}"));
    azure.put(id, json!({ "properties": body["properties"] }));
}

fn open() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
    (azure, folder)
}

fn closing(lines: &str) -> String {
    one_account("team-a", "chat", &format!("disableLocalAuth: true\n{lines}"))
}

fn adopting(spec: &str) -> String {
    spec.replacen("accounts:", "adopt: true\naccounts:", 1)
}

#[track_caller]
fn locked(azure: &Azure, folder: &Folder, words: &str) {
    azure.take_seen();
    folder.keyless("plan a.yaml").exits(3).says(&["error[guard-lock-out]", words]);
    folder.keyless("apply a.yaml --yes").exits(3).complains(&["nothing was written"]);
    assert!(azure.take_writes().is_empty());
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn no_mark_makes_a_way_in_last_that_ends_by_itself() {
    for (kind, scope) in few(2, KINDS.iter().flat_map(|kind| [(kind, group()), (kind, account("chat"))])) {
        let (azure, folder) = open();
        let id = for_a_while(&azure, kind, &scope, USER, ALICE);
        folder.write("a.yaml", closing(""));
        for mark in &MARKS[..2] {
            type_mark(&azure, &id, mark);
            azure.heal();
            locked(&azure, &folder, "are temporary");
            azure.spoil("GET", PIM, Fault::denied());
            locked(&azure, &folder, "may be temporary");
        }
    }
}

/// Between adoption and the day on which keys go off nothing is checked: the mark is keyless's own, and the role still ends.
#[test]
fn what_a_stack_adopted_ends_all_the_same() {
    let declared = one_account("team-a", "chat", &format!("disableLocalAuth: false\n{}", grants(&[ALICE])));
    let (azure, folder) = open();
    for_a_while(&azure, "Assigned", &account("chat"), USER, ALICE);
    folder.write("a.yaml", adopting(&declared));
    folder.keyless("apply a.yaml --yes").exits(0);
    let marked = azure.grants_at(&account("chat"));
    assert!(
        marked[0]["properties"]["description"].as_str().unwrap().ends_with("[keyless:team-a]"),
        "{marked:?}"
    );
    folder
        .keyless("plan a.yaml -v")
        .exits(0)
        .says(&["note[temporary-assignment]", "somebody assigned it through Privileged Identity Management"]);
    folder.keyless("access a.yaml").exits(0).says(&["temporary, until 20"]);
    folder.write("a.yaml", adopting(&closing(&grants(&[ALICE]))));
    locked(&azure, &folder, "soon nobody could call the models");
    // What keyless makes beside it is enough.
    folder.write("a.yaml", adopting(&closing(&grants(&[ALICE, BOB]))));
    folder.keyless("apply a.yaml --yes").exits(0);
}

#[test]
fn an_activated_role_never_satisfies_a_declaration_whatever_its_mark() {
    let (azure, folder) = open();
    let id = for_a_while(&azure, "Activated", &account("chat"), USER, ALICE);
    type_mark(&azure, &id, "[keyless:team-a]");
    folder.write("a.yaml", closing(&grants(&[ALICE])));
    folder.keyless("plan a.yaml -v").exits(0).says(&["1 to create", "somebody activated it"]);
    folder.keyless("drift a.yaml").exits(2);
    // Nor is it deleted for its mark.
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: false\nroleAssignments: []\n"));
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!((run.changes("delete").len(), run.changes("unmanaged").len()), (0, 1), "{run}");
    // A lasting assignment that a stack adopted is revoked with its line.
    let (azure, folder) = open();
    azure.grant(
        &account("chat"),
        "12345678-aaaa-4bbb-8ccc-0123456789ab",
        CS_USER,
        ALICE,
        Some("[keyless:team-a]"),
    );
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: false\nroleAssignments: []\n"));
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(run.changes("delete").len(), 1, "{run}");
}

#[test]
fn a_marked_role_for_a_while_silences_no_guard() {
    let at_group = |name: &str, more: &str| {
        format!(
            "{}roleAssignments:\n  - role: {name}\n    scope: resourceGroup\n{more}    principals:\n{}",
            head("team-a"),
            listed([BOB], "User")
        )
    };
    let condition = "    condition: \"@Resource[Microsoft.Storage/storageAccounts:name] StringEquals 'a'\"\n";
    let above = format!("/subscriptions/{SUB}");
    for (kind, mark) in few(3, KINDS.iter().flat_map(|kind| MARKS.map(|mark| (kind, mark)))) {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", at_group("Reader", condition));
        folder.keyless("apply a.yaml --yes").exits(0);
        let id = for_a_while(&azure, kind, &above, "Reader", BOB);
        type_mark(&azure, &id, mark);
        folder.write("a.yaml", at_group("Reader", "    condition: null\n"));
        folder.keyless("plan a.yaml").exits(3).says(&["error[guard-condition]", "drops the condition"]);
        azure.spoil("GET", PIM, Fault::denied());
        folder.keyless("plan a.yaml").exits(3).says(&["error[guard-condition]"]);
    }
    // One that lasts is had already, whoever marked it.
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", at_group("Reader", condition));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.grant(&above, "12345678-aaaa-4bbb-8ccc-0123456789ab", READER, BOB, Some(MARKS[0]));
    folder.write("a.yaml", at_group("Reader", "    condition: null\n"));
    folder.keyless("plan a.yaml").exits(0);
}

/// An end may be given to what keyless made (`AdminUpdate`): where keys go off it is asked about too, and where it cannot be, it lasts.
#[test]
fn what_keyless_made_lasts_unless_azure_says_otherwise() {
    fn end(list: &mut Value) {
        for instance in list["value"].as_array_mut().into_iter().flatten() {
            instance["properties"]["endDateTime"] = json!("2999-12-31T00:00:00Z");
        }
    }
    let (azure, folder) = open();
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &format!("disableLocalAuth: false\n{}", grants(&[ALICE]))),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    folder.keyless("access a.yaml").exits(0);
    assert!(!azure.take_seen().iter().any(|seen| seen.target.contains(PIM)), "its name tells");
    folder.write("a.yaml", closing(&grants(&[ALICE])));
    azure.spoil("GET", PIM, Fault::Edit(end));
    locked(&azure, &folder, "are temporary");
    azure.spoil("GET", PIM, Fault::denied());
    folder.keyless("apply a.yaml --yes").exits(0);
}

/// The same principals on several accounts, by assignments that a stack adopted: one question more, however many they are.
#[test]
fn what_is_adopted_takes_one_question_more_than_what_keyless_made() {
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = String::new();
    for (index, name) in ["chat0", "chat1", "chat2"].iter().enumerate() {
        azure.make_account(name, &json!({"customSubDomainName": name, "disableLocalAuth": true}));
        azure.grant(
            &account(name),
            &format!("12345678-aaaa-4bbb-8ccc-0123456789a{index}"),
            CS_USER,
            ALICE,
            None,
        );
        let one = one_account("team-a", name, &grants(&[ALICE]));
        spec.push_str(if index == 0 { &one } else { one.split_once("accounts:\n").unwrap().1 });
    }
    folder.write("a.yaml", adopting(&spec));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    let seen = azure.take_seen();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert_eq!(seen.iter().filter(|seen| seen.target.contains(PIM)).count(), 1, "{seen:?}");
}

#[test]
fn a_temporary_assignment_created_meanwhile_is_a_failure_and_keys_stay_on() {
    let exists = || Fault::error(409, "RoleAssignmentExists", "The role assignment already exists.");
    let hide = |list: &mut Value| list["value"] = json!([]);
    for (kind, mark) in few(2, KINDS.iter().flat_map(|kind| [(kind, None), (kind, Some("[keyless:team-a]"))]))
    {
        for readable in [true, false] {
            let (azure, folder) = open();
            let id = for_a_while(&azure, kind, &account("chat"), USER, ALICE);
            if let Some(mark) = mark {
                type_mark(&azure, &id, mark);
            }
            folder.write("a.yaml", closing(&grants(&[ALICE])));
            // The plan does not see it, and what looks for the one that exists does.
            azure.spoil("GET", "/roleAssignments?", Fault::Edit(hide));
            azure.spoil(
                "GET",
                "/roleAssignments?api-version=2022-04-01&$filter=principalId",
                Fault::Edit(|_| {}),
            );
            azure.spoil("PUT", "/roleAssignments/", exists());
            if !readable {
                azure.spoil("GET", PIM, Fault::denied());
            }
            let run = folder.keyless("apply a.yaml --yes").exits(1);
            let words = if readable {
                "it is temporary, until 20"
            } else {
                "could not determine whether it is temporary"
            };
            let run = run.says(&["RoleAssignmentExists", words]);
            assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], false, "{run}");
        }
    }
}

fn edit(list: &mut Value, end: &Value) {
    for instance in list["value"].as_array_mut().into_iter().flatten() {
        instance["properties"]["assignmentType"] = json!("Activated");
        instance["properties"]["endDateTime"] = end.clone();
    }
}

/// What to make of each instance's end.
type End = fn(&mut Value);

/// What Azure still lists long after its end has not ended by itself; of what has no end nobody knows whether it will.
#[test]
fn what_did_not_end_when_it_should_have_is_drift() {
    let (azure, folder) = open();
    folder.write("a.yaml", closing("roleAssignments: []\n"));
    folder.keyless("apply a.yaml --yes --allow lock-out").exits(0);
    azure.grant(
        &account("chat"),
        "12345678-aaaa-4bbb-8ccc-0123456789ab",
        "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
        BOB,
        None,
    );
    let ends: [(End, i32, &str); 5] = [
        (|list| edit(list, &json!("2020-01-01T00:00:00Z")), 2, "until 2020-01-01T00:00:00Z, but still live"),
        (|list| edit(list, &json!("2020-01-01T00:00:00.0000000+01:00")), 2, "but still live"),
        (|list| edit(list, &Value::Null), 1, "without an end time"),
        (|list| edit(list, &json!("soon")), 1, "without an end time"),
        (|list| edit(list, &json!("2999-12-31T00:00:00Z")), 0, "No drift"),
    ];
    for (end, exit, words) in ends {
        azure.heal();
        azure.spoil("GET", PIM, Fault::Edit(end));
        folder.keyless("drift a.yaml").exits(exit).says(&[words]);
    }
}
