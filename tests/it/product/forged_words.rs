//! Saved plans in which somebody edited what writes nothing: without specs nothing of it is shown or believed.

use serde_json::{Value, json};

use super::forged::{forge, planned, refused};
use crate::common::{
    ALICE, Azure, BOB, CS_USER, Folder, READER, SUB, account, assignment, grants, head, listed, one_account,
};

const BY_HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ac";

/// A stack that takes its account's only declared user away; Bob got the same role by hand.
fn last_user() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.grant(&account("chat"), BY_HAND, CS_USER, BOB, None);
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    folder.keyless("plan a.yaml --out plan.json").exits(3).says(&["error[guard-lock-out]", "1 to delete"]);
    azure.take_seen();
    (azure, folder)
}

/// Everything that says that Bob's assignment is nothing to rely on.
fn whitewash(plan: &mut Value) {
    plan["declaresAssignments"] = json!([]);
    plan["findings"] = json!([]);
    for change in plan["changes"].as_array_mut().unwrap() {
        if change["action"] == "unmanaged-drift" {
            change["action"] = json!("noop");
            change.as_object_mut().unwrap().remove("reason");
        }
    }
}

#[test]
fn a_spec_without_role_assignments_does_not_make_a_hand_made_one_count() {
    let (azure, folder) = last_user();
    let words = ["guard-lock-out", "without the mark of the plan's stack", "--allow lock-out:"];
    refused(&azure, folder.keyless("apply plan.json --yes"), 3, &words);
    forge(&folder, whitewash);
    refused(&azure, folder.keyless("apply plan.json --yes"), 3, &words);
    // With the specs it is what they say.
    let words = ["guard-lock-out", "given by hand on `chat`, whose role assignments a spec declares"];
    refused(&azure, folder.keyless("apply plan.json a.yaml --yes"), 3, &words);
    // Nor does the file prove whether its specs declare an empty list or none.
    let chat = account("chat");
    let words = ["guard-delete-list", "goes and none stays there", "--allow delete-list:"];
    refused(&azure, folder.keyless(&format!("apply plan.json --yes --allow lock-out:{chat}")), 3, &words);
    let lifted =
        format!("apply plan.json --yes --allow lock-out:{chat} --allow delete-list:{chat}/roleAssignments");
    folder.keyless(&lifted).exits(0).says(&["1 done"]);
}

#[test]
fn grants_that_the_plans_stack_made_or_makes_let_its_keys_go_off() {
    // Alice and Carol: marked before, marked by the plan.
    let (_azure, folder) = planned();
    forge(&folder, |plan| plan["declaresAssignments"] = json!([]));
    folder.keyless("apply plan.json --yes").exits(0).says(&["4 done"]);
    // Made by hand and adopted by the plan.
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
    azure.grant(&account("chat"), BY_HAND, CS_USER, ALICE, None);
    let spec = one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}", grants(&[ALICE])));
    folder.write("a.yaml", spec.replacen("accounts:", "adopt: true\naccounts:", 1));
    folder.keyless("plan a.yaml --out plan.json").exits(0).says(&["1 to adopt"]);
    folder.keyless("apply plan.json --yes").exits(0);
    assert_eq!(azure.get(&account("chat"))["properties"]["disableLocalAuth"], true);
}

#[test]
fn unchanged_resources_of_a_plan_file_are_hidden_by_apply_and_unverified_in_show() {
    const LIE: &str = "API keys stay on, nobody loses access";
    let (azure, folder) = planned();
    let owner = assignment(&account("chat"), "12345678-aaaa-4bbb-8ccc-0123456789ab");
    forge(&folder, |plan| {
        for change in plan["changes"].as_array_mut().unwrap() {
            let idle =
                ["noop", "unmanaged-drift", "unmanaged"].iter().any(|action| change["action"] == *action);
            if idle {
                change["title"] = json!(format!("account chat: {LIE}"));
                change["reason"] = json!(LIE);
                change["action"] = json!("unmanaged");
            }
        }
        let note = json!({"source": null, "severity": "warning", "code": "keys-enabled", "message": LIE});
        plan["findings"] = json!([note]);
        plan["incomplete"] = json!([{"scope": "/", "reason": LIE}]);
    });
    let shown = folder.keyless("show plan.json -v").exits(0).says(&[LIE, "as the plan says, unverified"]);
    assert_eq!(
        shown.stdout.matches("as the plan says, unverified").count(),
        shown.stdout.matches("? account").count()
    );
    folder.keyless("show plan.json --format markdown").exits(0).says(&["as the plan says, unverified"]);
    // Refused, so that each format shows the plan.
    azure.patch(&account("chat"), json!({"tags": {"someone": "else"}}));
    azure.take_seen();
    for format in ["", "-v", "--format json", "--format markdown"] {
        let run = folder.keyless(&format!("apply plan.json --yes {format}"));
        let run = refused(
            &azure,
            run,
            3,
            &["not shown, because only the file says so: 2 entries that change nothing, 2 findings"],
        );
        assert!(!run.stdout.contains(LIE) && !run.stderr.contains(LIE), "{run}");
        assert!(!run.stdout.contains(&owner), "{run}");
    }
}

#[test]
fn a_plan_that_was_not_whole_still_ends_with_1() {
    let (_azure, folder) = planned();
    forge(&folder, |plan| {
        let note = json!({"source": null, "severity": "error", "code": "incomplete-read", "message": "m"});
        plan["findings"] = json!([note]);
    });
    let words = ["1 finding; according to it, part of the specs could not be planned"];
    folder.keyless("apply plan.json --yes").exits(1).says(&["4 done"]).complains(&words);
}

#[test]
fn what_a_file_names_elsewhere_does_not_make_its_deletes_a_small_part() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |count: u32| {
        let principals = (0..count).map(|index| format!("dddddddd-0000-4000-8000-{index:012}"));
        let entry = "roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n    principals:\n";
        format!("{}{entry}{}", head("team-a"), listed(principals, "User"))
    };
    folder.write("a.yaml", spec(10));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    folder.write("a.yaml", spec(5));
    folder.keyless("plan a.yaml --out plan.json").exits(3).says(&["deletes 5 of the 10 resources"]);
    // Somebody marks what is elsewhere as the stack's, and says in the file that it is.
    let elsewhere = format!("/subscriptions/{SUB}/resourceGroups/other");
    let planted: Vec<String> = (0..20)
        .map(|index| {
            let name = format!("12345678-aaaa-4bbb-8ccc-{index:012}");
            let principal = format!("eeeeeeee-0000-4000-8000-{index:012}");
            azure.grant(&elsewhere, &name, READER, &principal, Some("[keyless:team-a]"));
            assignment(&elsewhere, &name)
        })
        .collect();
    azure.take_seen();
    forge(&folder, |plan| {
        let changes = plan["changes"].as_array_mut().unwrap();
        let noop = changes.iter().find(|change| change["action"] == "noop").unwrap().clone();
        for id in planted {
            let mut another = noop.clone();
            another["id"] = json!(id);
            changes.push(another);
        }
    });
    refused(&azure, folder.keyless("apply plan.json --yes"), 3, &["guard-deletes", "5 of the 10 resources"]);
    folder.keyless("apply plan.json --yes --allow deletes:team-a").exits(0).says(&["5 done"]);
}
