//! What Privileged Identity Management says of how long assignments hold: said twice, past its end, and how often it is asked.

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, Folder, SUB, account, assignment, grants, head, listed, one_account,
};

const PIM: &str = "/roleAssignmentScheduleInstances?";
const HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";

/// The list of the whole subscription.
fn whole() -> String {
    format!("/subscriptions/{SUB}/providers/Microsoft.Authorization{PIM}api-version=2020-10-01")
}

fn group() -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg")
}

fn open() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
    (azure, folder)
}

fn with_keys(keys: bool, lines: &str) -> String {
    one_account("team-a", "chat", &format!("disableLocalAuth: {}\n{lines}", !keys))
}

/// Gives a role for two hours, and returns the assignment's id.
fn for_a_while(azure: &Azure, kind: &str, scope: &str, who: &str) -> String {
    let instance = json!({"scope": scope, "role": "Cognitive Services User", "principalId": who,
        "principalType": "User", "seconds": 7200, "assignmentType": kind});
    let answer = azure.send("POST", "/_sandbox/access", Some(json!({ "scheduleInstances": [instance] })));
    assert_eq!(answer.status, 200, "{answer:?}");
    assignment(scope, answer.body["scheduleInstances"][0].as_str().unwrap())
}

fn items(list: &mut Value) -> &mut Vec<Value> {
    list["value"].as_array_mut().unwrap()
}

/// Each item once more, as an activation that ends.
fn activations(list: &mut Value) -> Vec<Value> {
    let mut again = items(list).clone();
    for each in &mut again {
        each["properties"]["assignmentType"] = json!("Activated");
        each["properties"]["endDateTime"] = json!("2999-12-31T00:00:00Z");
    }
    again
}

fn before(list: &mut Value) {
    let again = activations(list);
    items(list).splice(0..0, again);
}

fn behind(list: &mut Value) {
    let again = activations(list);
    items(list).extend(again);
}

/// The guard goes by the one that ends, plan and drift say that nobody knows; no order of the list decides.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn of_two_words_on_one_assignment_nobody_believes_the_comfortable_one() {
    for twice in [before, behind] {
        let (azure, folder) = open();
        azure.spoil("GET", PIM, Fault::Edit(twice));
        azure.grant(&group(), HAND, CS_USER, ALICE, None);
        folder.write("a.yaml", with_keys(false, ""));
        folder.keyless("plan a.yaml").exits(3).says(&["error[guard-lock-out]", "are temporary"]);
        azure.delete(&assignment(&group(), HAND));

        azure.grant(&account("chat"), HAND, CS_USER, BOB, None);
        folder.write("a.yaml", with_keys(true, "roleAssignments: []\n"));
        let words = "as one that is permanent and as one that somebody activated";
        folder.keyless("drift a.yaml").exits(1).says(&[words]);

        folder.write("a.yaml", with_keys(true, &grants(&[BOB])));
        let said = ["warning[not-checked]", words, "No changes in what could be read"];
        folder.keyless("plan a.yaml").exits(0).says(&said);
        folder.keyless("drift a.yaml").exits(1).says(&[words]);
        folder.keyless("access a.yaml").exits(0).says(&["temporary, until 2999"]);
        folder.write("a.yaml", with_keys(false, &grants(&[BOB])));
        folder.keyless("plan a.yaml").exits(3).says(&["error[guard-lock-out]", "are temporary"]);
    }
}

/// What a stack marked under a name that people gave it: it goes when it is no longer declared, unless it ends by itself.
#[test]
fn what_is_no_longer_declared_and_may_end_by_itself_is_not_deleted() {
    let (azure, folder) = open();
    azure.grant(&account("chat"), HAND, CS_USER, BOB, Some("x [keyless:team-a]"));
    folder.write("a.yaml", with_keys(true, "roleAssignments: []\n"));
    // Who may not ask is told so, and the plan deletes it.
    azure.spoil("GET", PIM, Fault::denied());
    let unknown = ["note[not-checked]", "which is no longer declared, is temporary"];
    let lift = "--allow delete-list";
    folder
        .keyless(&format!("plan a.yaml -v {lift} --out saved.json"))
        .exits(0)
        .says(&["1 to delete"])
        .says(&unknown);
    azure.heal();
    // Who may, and sees an end, deletes nothing, by whichever plan.
    for (ends, words) in [
        (running as fn(&mut Value), "it is temporary"),
        (behind, "it may be temporary: Azure contradicts itself"),
    ] {
        azure.spoil("GET", PIM, Fault::Edit(ends));
        let run = folder.keyless("plan a.yaml -v").exits(0).says(&[words]);
        assert!(!run.stdout.contains("to delete"), "{run}");
        let run = folder.keyless(&format!("apply saved.json --yes {lift}")).exits(3);
        run.says(&["error[guard-stale]", words]).complains(&["nothing was written"]);
        azure.heal();
    }
    azure.spoil("GET", PIM, Fault::Edit(behind));
    folder
        .keyless("drift a.yaml")
        .exits(1)
        .says(&["as one that is permanent and as one that somebody activated"]);
    azure.heal();
    folder.keyless(&format!("apply saved.json --yes {lift}")).exits(0);
}

/// Two assignments of one scope, principal and role are two things: the one that lasts does last.
#[test]
fn an_activation_beside_what_lasts_takes_nothing_from_it() {
    let (azure, folder) = open();
    azure.grant(&account("chat"), HAND, CS_USER, ALICE, None);
    for_a_while(&azure, "Activated", &account("chat"), ALICE);
    folder.write("a.yaml", with_keys(false, ""));
    folder.keyless("plan a.yaml").exits(0);
    folder.write("a.yaml", with_keys(true, &grants(&[ALICE])));
    folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
}

fn running(list: &mut Value) {
    *items(list) = activations(list);
}

fn activated(list: &mut Value) {
    for each in items(list) {
        each["properties"]["assignmentType"] = json!("Activated");
        each["properties"]["endDateTime"] = json!("2026-01-20T06:00:00Z");
    }
}

fn assigned(list: &mut Value) {
    activated(list);
    for each in items(list) {
        each["properties"]["assignmentType"] = json!("Assigned");
    }
}

/// Plan and drift say what they see, apply tries, and where Azure refuses it says what is in the way and what to do.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_should_have_ended_and_is_declared_is_named_with_its_remedy() {
    for past in [activated, assigned] {
        let (azure, folder) = open();
        let id = for_a_while(&azure, "Activated", &account("chat"), ALICE);
        azure.spoil("GET", PIM, Fault::Edit(past));
        folder.write("a.yaml", with_keys(true, &grants(&[ALICE])));
        let remedy = format!("az role assignment delete --ids {id}");
        let words = ["ended 2026-01-20T06:00:00Z", "but Azure still lists it", remedy.as_str()];
        let run = folder.keyless("plan a.yaml").exits(0).says(&["1 to create"]).says(&words);
        assert!(!run.stdout.contains("counts until"), "{run}");
        folder.keyless("drift a.yaml").exits(2).says(&words);
        // Azure has it still.
        let exists = Fault::error(409, "RoleAssignmentExists", "The role assignment already exists.");
        azure.spoil("PUT", "/roleAssignments/", exists);
        for _ in 0..2 {
            let run = folder.keyless("apply a.yaml --yes").exits(1);
            let said =
                ["RoleAssignmentExists", "until 2026-01-20T06:00:00Z, and it still exists", remedy.as_str()];
            let run = run.says(&said);
            assert!(run.stdout.contains("created by") && !run.stdout.contains("once it has ended"), "{run}");
        }
        azure.delete(&id);
        azure.heal();
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
    }
}

/// Beside it nothing can be made: it has the name that the declared one would get.
#[test]
fn an_overdue_assignment_with_keyless_own_name_is_reported_and_not_recreated() {
    for past in [activated, assigned] {
        let (azure, folder) = open();
        folder.write("a.yaml", with_keys(true, &grants(&[ALICE])));
        folder.keyless("apply a.yaml --yes").exits(0);
        azure.spoil("GET", PIM, Fault::Edit(past));
        folder.write("a.yaml", with_keys(false, &grants(&[ALICE])));
        let run = folder.keyless("plan a.yaml").exits(3);
        let run = run.says(&["error[guard-lock-out]", "are temporary", "but Azure still lists it"]);
        assert!(!run.stdout.contains("to create"), "{run}");
    }
}

/// A stack that adopted what people made by hand: each account has a principal of its own.
fn adopted(count: usize) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = String::new();
    for index in 0..count {
        let name = format!("chat{index}");
        azure.make_account(&name, &json!({"customSubDomainName": name, "disableLocalAuth": true}));
        let hand = format!("12345678-aaaa-4bbb-8ccc-0123456789a{index}");
        azure.grant(&account(&name), &hand, CS_USER, &principal(index), None);
        let one = one_account("team-a", &name, &grants(&[&principal(index)]));
        spec.push_str(if index == 0 { &one } else { one.split_once("accounts:\n").unwrap().1 });
    }
    folder.write("a.yaml", spec.replacen("accounts:", "adopt: true\naccounts:", 1));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    (azure, folder)
}

fn principal(index: usize) -> String {
    format!("aaaaaaaa-0000-4000-8000-00000000001{index}")
}

/// The questions about schedules since the last time: those to the subscription, and all others.
fn asked(azure: &Azure) -> [usize; 2] {
    let seen = azure.take_seen();
    let of = |wanted: bool| {
        let pim = seen.iter().filter(|seen| seen.target.contains(PIM));
        pim.filter(|seen| (seen.target == whole()) == wanted).count()
    };
    [of(true), of(false)]
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn schedules_are_read_once_per_subscription_and_by_scope_if_that_is_not_enough() {
    fn first_only(list: &mut Value) {
        items(list).truncate(1);
    }
    fn activated(list: &mut Value) {
        for each in items(list) {
            if each["properties"]["principalId"] == principal(3) {
                each["properties"]["assignmentType"] = json!("Activated");
                each["properties"]["endDateTime"] = json!("2999-12-31T00:00:00Z");
            }
        }
    }
    let (azure, folder) = adopted(4);
    let no_changes = || folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    no_changes();
    assert_eq!(asked(&azure), [1, 0]);
    // Whoever may not read the subscription's asks at each account; the answer is the same.
    azure.spoil("GET", &whole(), Fault::denied());
    no_changes();
    assert_eq!(asked(&azure), [1, 4]);
    azure.heal();
    // That an assignment lasts is not concluded from a list that does not name it.
    azure.spoil("GET", &whole(), Fault::Edit(first_only));
    no_changes();
    assert_eq!(asked(&azure), [1, 3]);
    azure.heal();
    // An end is seen whichever way it is asked.
    azure.spoil("GET", PIM, Fault::Edit(activated));
    folder.keyless("plan a.yaml").exits(0).says(&["1 to create"]);
    assert_eq!(asked(&azure), [1, 0]);
    for less in [Fault::denied(), Fault::Edit(|list| items(list).clear())] {
        // Of the subscription's list alone; those of the accounts still show the end.
        azure.spoil("GET", &whole(), less);
        folder.keyless("plan a.yaml").exits(0).says(&["1 to create"]);
        assert_eq!(asked(&azure), [1, 4]);
    }
    azure.heal();
    // Where neither may be read, or the list fails otherwise, a note says so of each.
    for (refused, by_scope) in [(Fault::denied(), 4), (Fault::error(400, "BadRequest", "no"), 0)] {
        azure.spoil("GET", PIM, refused);
        let run = folder.keyless("plan a.yaml -v").exits(0);
        assert_eq!(run.stdout.matches("could not determine whether").count(), 4, "{run}");
        assert_eq!(asked(&azure), [1, by_scope]);
        azure.heal();
    }
}

/// One of two at the group goes: of each account below it matters who is left.
#[test]
fn removing_a_role_on_many_accounts_takes_one_query_for_schedules() {
    let azure = Azure::start();
    let folder = azure.folder();
    let mut accounts = String::new();
    for index in 0..4 {
        let one = one_account("team-a", &format!("chat{index}"), "disableLocalAuth: true\n");
        accounts.push_str(one.split_once("accounts:\n").unwrap().1);
    }
    let spec = |who: &[&str]| {
        let at = "roleAssignments:\n  - role: Cognitive Services User\n    scope: resourceGroup\n    principals:\n";
        format!("{}accounts:\n{accounts}{at}{}", head("team-a"), listed(who.iter().copied(), "User"))
    };
    folder.write("a.yaml", spec(&[ALICE, BOB]));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    assert_eq!(asked(&azure), [0, 0], "their names tell");
    folder.write("a.yaml", spec(&[ALICE]));
    folder.keyless("plan a.yaml").exits(0).says(&["1 to delete"]);
    assert_eq!(asked(&azure), [1, 0]);
    azure.spoil("GET", &whole(), Fault::denied());
    folder.keyless("plan a.yaml").exits(0).says(&["1 to delete"]);
    assert_eq!(asked(&azure), [1, 4]);
    // What is left ends: nobody could come in.
    for refused in [false, true] {
        azure.heal();
        azure.spoil("GET", PIM, Fault::Edit(activated));
        if refused {
            azure.spoil("GET", &whole(), Fault::denied());
        }
        folder.keyless("plan a.yaml").exits(3).says(&["error[guard-lock-out]", "are temporary"]);
    }
    // A list that fails tells nothing of any account; what keyless made lasts by its name.
    azure.heal();
    azure.spoil("GET", PIM, Fault::error(400, "BadRequest", "no"));
    folder.keyless("plan a.yaml").exits(0);
}
