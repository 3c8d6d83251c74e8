//! Two assignments of one scope, principal and role: what lasts is never hidden by what somebody activated for a while.

use serde_json::{Value, json};

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, Folder, Run, SUB, account, assignment, few, grants, one_account,
};

/// The first and the last of all names: no order of a list decides.
const NAMES: [&str; 2] = ["00000000-4e8d-4bbb-8ccc-0123456789ab", "ffffffff-4e8d-4bbb-8ccc-0123456789ab"];
const PIM: &str = "roleAssignmentScheduleInstances";

fn given(azure: &Azure, how: &str, principal: &str) -> String {
    let one = json!({"scope": account("chat"), "role": "Cognitive Services User", "principalId": principal, "principalType": "User"});
    let answer = azure.send("POST", "/_sandbox/access", Some(json!({ how: [one] })));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body[how][0].as_str().unwrap().to_owned()
}

/// An account where Alice is declared, and Alice's marked assignment under a name.
fn declared(name: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    folder.keyless("apply a.yaml --yes --allow lock-out").exits(0);
    azure.grant(&account("chat"), name, CS_USER, ALICE, Some("[keyless:team-a]"));
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("drift a.yaml").exits(0);
    azure.take_seen();
    (azure, folder)
}

/// The actions about role assignments, each with the assignment's name, sorted.
fn actions(run: &Run) -> Vec<(String, String)> {
    let document = run.json();
    let of_grants = |change: &&Value| change["kind"] == "roleAssignments";
    let short = |change: &Value| {
        let text = |name: &str| change[name].as_str().unwrap().to_owned();
        (text("action"), text("id").rsplit('/').next().unwrap().to_owned())
    };
    let mut all: Vec<_> =
        document["changes"].as_array().unwrap().iter().filter(of_grants).map(short).collect();
    all.sort();
    all
}

fn are(run: &Run, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    assert_eq!(actions(run), expected, "{run}");
}

#[test]
fn a_lasting_grant_beside_an_activated_one_is_drift_all_the_same() {
    for name in few(1, NAMES) {
        let (azure, folder) = declared("12345678-aaaa-4bbb-8ccc-0123456789ab");
        azure.grant(&account("chat"), name, CS_USER, BOB, None);
        let activated = given(&azure, "scheduleInstances", BOB);
        let run = folder.keyless("drift a.yaml --format json").exits(2);
        are(
            &run,
            &[
                ("noop", "12345678-aaaa-4bbb-8ccc-0123456789ab"),
                ("unmanaged", activated.as_str()),
                ("unmanaged-drift", name),
            ],
        );
        folder.keyless("drift a.yaml").exits(2).says(&["no spec declares it", "it ends 20"]);
        // Schedules may not be read: neither is in sync.
        azure.spoil("GET", PIM, Fault::denied());
        folder.keyless("drift a.yaml").exits(1);
    }
}

#[test]
fn an_activated_twin_of_a_declared_grant_changes_nothing() {
    for name in few(1, NAMES) {
        let (azure, folder) = declared(name);
        let activated = given(&azure, "scheduleInstances", ALICE);
        let run = folder.keyless("plan a.yaml --detailed-exitcode --format json").exits(0);
        are(&run, &[("noop", name), ("unmanaged", &activated)]);
        folder.keyless("drift a.yaml").exits(0).says(&["No drift"]);
        azure.take_seen();
        folder.keyless("apply a.yaml --yes").exits(0);
        assert!(azure.take_writes().is_empty());
        // Without the line, the lasting one is revoked, and the temporary one is left to end.
        folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
        let run = folder.keyless("plan a.yaml --format json --allow lock-out").exits(0);
        are(&run, &[("delete", name), ("unmanaged", &activated)]);
        folder.keyless("apply a.yaml --yes --allow lock-out").exits(0).says(&["1 to delete"]);
        let deleted: Vec<String> = azure.take_writes().iter().map(|seen| seen.path().to_owned()).collect();
        assert_eq!(deleted, [assignment(&account("chat"), name)]);
        folder.keyless("drift a.yaml").exits(0);
    }
}

/// A temporary role gives no lasting access: because of it, the lasting one is neither removed nor put under a condition.
#[test]
fn an_activated_twin_does_not_stand_in_for_the_last_way_in() {
    for name in few(1, NAMES) {
        let (azure, folder) = declared(name);
        given(&azure, "scheduleInstances", ALICE);
        let never = "    condition: \"@Environment[UtcNow] DateTimeLessThan '2020-01-01T00:00:00Z'\"\n    principals:";
        let lines = ["roleAssignments: []\n".to_owned(), grants(&[ALICE]).replace("    principals:", never)];
        for readable in [true, false] {
            for lines in &lines {
                folder.write("a.yaml", one_account("team-a", "chat", lines));
                folder.keyless("plan a.yaml --allow condition").exits(3).says(&["guard-lock-out"]);
            }
            if readable {
                azure.spoil("GET", PIM, Fault::denied());
            }
        }
    }
}

/// Nobody marked the declared one; only what Privileged Identity Management says tells which of the two lasts.
#[test]
fn of_two_that_nobody_marked_the_one_that_lasts_satisfies_and_is_adopted() {
    for name in few(1, NAMES) {
        let (azure, folder) = declared(name);
        azure.grant(&account("chat"), name, CS_USER, ALICE, None);
        let activated = given(&azure, "scheduleInstances", ALICE);
        let run = folder.keyless("plan a.yaml --format json").exits(0);
        are(&run, &[("noop", name), ("unmanaged", &activated)]);
        let adopting = one_account("team-a", "chat", &grants(&[ALICE])).replacen(
            "accounts:",
            "adopt: true\naccounts:",
            1,
        );
        folder.write("a.yaml", adopting);
        are(
            &folder.keyless("plan a.yaml --format json").exits(0),
            &[("adopt", name), ("unmanaged", &activated)],
        );
    }
}

/// Azure creates no such pair. If it shows one, both are named, and only people may delete the undeclared one.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_second_lasting_one_stands_beside_what_is_declared() {
    for (name, mark) in
        few(3, NAMES.iter().flat_map(|name| [(name, None), (name, Some("more [keyless:team-a]"))]))
    {
        let (azure, folder) = declared(name);
        let other = given(&azure, "roleAssignments", ALICE);
        if let Some(mark) = mark {
            let mut body = azure.get(&assignment(&account("chat"), &other));
            body["properties"]["description"] = json!(mark);
            azure.put(&assignment(&account("chat"), &other), json!({"properties": body["properties"]}));
        }
        let run = folder.keyless("drift a.yaml --format json").exits(2);
        let both = actions(&run);
        assert_eq!(
            both.iter().map(|(action, _)| action.as_str()).collect::<Vec<_>>(),
            ["noop", "unmanaged-drift"]
        );
        assert!(mark.is_some() || both[0].1 == *name, "{run}");
        let beside = format!("the declared one is `{}`", assignment(&account("chat"), &both[0].1));
        folder.keyless("drift a.yaml").exits(2).says(&[&beside, "delete it by hand"]);
        azure.take_seen();
        folder.keyless("apply a.yaml --yes").exits(0);
        assert!(azure.take_writes().is_empty());
        // Neither is declared any more: the one that the stack marked is revoked.
        folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
        folder.keyless("apply a.yaml --yes --allow lock-out").exits(0);
        assert_eq!(azure.grants_at(&account("chat")).len(), usize::from(mark.is_none()));
    }
}

#[test]
fn an_export_holds_each_grant_once_and_tells_of_the_other() {
    for (how, told) in [
        ("scheduleInstances", "activated it through Privileged Identity Management"),
        ("roleAssignments", "duplicates one with the same scope, principal and role"),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
        azure.grant(&account("chat"), NAMES[0], CS_USER, ALICE, None);
        given(&azure, how, ALICE);
        let run = folder.keyless(&format!("export --subscription {SUB} --resource-group rg")).exits(0);
        assert_eq!(run.stdout.matches(ALICE).count(), 1, "{run}");
        assert!(run.stderr.contains(told), "{run}");
        folder.write("specs/a.yaml", &run.stdout);
        folder.keyless("plan --detailed-exitcode").exits(0);
    }
}
