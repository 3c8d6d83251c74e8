//! `--select`: all specs are loaded, their marks and rules count, and only the chosen stacks are read and written.

use serde_json::json;

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Fault, SUB, account, assignment, grants, head, one_account, role,
};

const OTHER: &str = "9e0d7a40-3333-4444-8555-666677778888";
const OPENAI_USER: &str = "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd";
const GRANT: &str = "a5510000-0000-4000-8000-000000000001";

#[test]
fn only_the_chosen_stacks_are_read_and_written() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.write("specs/b.yaml", one_account("team-b", "other", &grants(&[BOB])).replace(SUB, OTHER));
    let run = folder.keyless("plan --select team-a").exits(0).says(&["account chat", "2 to create"]);
    assert!(!run.stdout.contains("account other"), "{run}");
    assert!(azure.take_seen().iter().all(|seen| !seen.path().contains(OTHER)));
    folder
        .with_env("apply --yes", &[("KEYLESS_SELECT", "team-b")])
        .exits(0)
        .says(&["account other", "2 done"]);
    folder.keyless("plan --select team-a --select team-b").exits(0).says(&["2 to create"]);
    folder
        .keyless("plan --select team-c")
        .exits(1)
        .complains(&["`--select team-c`: no loaded spec has that stack", "did you mean `team-"]);
    // What is wrong with a spec is wrong whoever is chosen, and rules between files hold.
    folder.write("specs/c.yaml", one_account("team-a", "chat", ""));
    folder.keyless("plan --select team-b").exits(1);
    std::fs::remove_file(folder.path().join("specs/c.yaml")).unwrap();
    // A pin is about what is chosen.
    folder.keyless("plan --select team-a --stack team-a").exits(0);
    folder.keyless("plan --stack team-a").exits(1).complains(&["pinned to stack `team-a`, not `team-b`"]);
    folder.keyless("plan --select team-b --stack team-a").exits(1).complains(&["pinned to stack `team-a`"]);
    // A saved plan is whole.
    folder.keyless("plan --select team-a --out p.json").exits(0);
    folder
        .keyless("apply p.json --yes --select team-b")
        .exits(1)
        .complains(&["which is not selected", "`--select team-a`"]);
    folder.keyless("apply p.json specs --yes --select team-a").exits(0).says(&["2 done"]);
    folder.keyless("drift").exits(0);
}

#[test]
fn the_mark_of_a_stack_that_was_left_out_counts_where_that_stack_speaks_and_nowhere_else() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    let marked = json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": BOB, "principalType": "User", "description": "[keyless:team-b]"}});
    azure.put(&assignment(&account("chat"), GRANT), marked);
    // Not loaded: it hides nothing.
    folder.keyless("drift a.yaml").exits(2).says(&["team-b"]);
    // Loaded and speaking for the group, or not.
    folder.write("b.yaml", one_account("team-b", "other", ""));
    folder.keyless("drift a.yaml b.yaml --select team-a").exits(0);
    folder.keyless("plan a.yaml b.yaml --select team-a -v").exits(0).says(&["which this run leaves out"]);
    folder.write(
        "b.yaml",
        one_account("team-b", "other", "").replace("resourceGroup: rg", "resourceGroup: rg-b"),
    );
    folder.keyless("drift a.yaml b.yaml --select team-a").exits(2).says(&["team-b"]);
}

#[test]
fn what_stacks_of_no_spec_left_elsewhere_is_one_note_with_a_count() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for (stack, group) in [("team-b", "rg-b"), ("team-c", "rg-c")] {
        let spec = one_account(stack, stack, &grants(&[BOB]))
            .replace("resourceGroup: rg", &format!("resourceGroup: {group}"));
        folder.write("other.yaml", spec);
        folder.keyless("apply other.yaml --yes").exits(0);
    }
    folder.keyless("apply a.yaml --yes").exits(0);
    let words = "4 resources outside of what the specs cover carry marks of stacks that are not in this run: `team-b` 2, `team-c` 2";
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    let findings = run.json()["findings"].clone();
    let told: Vec<_> = findings.as_array().unwrap().iter().filter(|each| each["message"] == words).collect();
    assert_eq!(told.len(), 1, "{run}");
    assert_eq!(told[0]["severity"], "note");
    folder.keyless("drift a.yaml").exits(0);
    // The last one was loaded.
    let run = folder.keyless("plan a.yaml other.yaml --select team-a --format json").exits(0);
    assert!(
        run.stdout.contains("2 resources outside of what the specs cover carry marks")
            && !run.stdout.contains("`team-c`"),
        "{run}"
    );
}

/// What another loaded spec declares is declared: neither deleted, nor drift, under whatever name its principal goes.
#[test]
fn what_a_stack_that_was_left_out_declares_is_kept() {
    let azure = Azure::start();
    let folder = azure.folder();
    // Team a had it; now the line is in the spec of team b.
    let grants = "roleAssignments:\n  - {role: Cognitive Services User, principals: [{group: ml-team}]}\n";
    folder.write("a.yaml", one_account("team-a", "chat", grants));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    folder.keyless("plan a.yaml --allow lock-out").exits(0).says(&["1 to delete"]);
    folder.write(
        "b.yaml",
        format!(
            "{}roleAssignments:\n  - {{scope: {}, role: Cognitive Services User, principals: [{{group: ml-team}}]}}\n",
            head("team-b"),
            account("chat")
        ),
    );
    azure.take_seen();
    for command in ["plan", "apply --yes"] {
        folder.keyless(&format!("{command} a.yaml b.yaml --select team-a")).exits(0).says(&["No changes"]);
    }
    folder.keyless("drift a.yaml b.yaml --select team-a").exits(0);
    // Retired too: the other spec still wants it, and says so with both.
    folder.write("a.yaml", head("team-a"));
    folder.keyless("plan a.yaml b.yaml --select team-a --retire team-a --allow delete-account").exits(1);
    // Who the group is cannot be asked: it stays, and that is an error.
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    azure.spoil("POST", "$batch", Fault::denied());
    let run = folder.keyless("apply a.yaml b.yaml --select team-a --yes --allow lock-out").exits(1);
    run.says(&["possibly declared by a stack that is not selected: `team-b`", "select that stack too"]);
    // Another role is not meant by it.
    azure.grant(&account("chat"), GRANT, OPENAI_USER, BOB, Some("[keyless:team-a]"));
    let run = folder.keyless("plan a.yaml b.yaml --select team-a --allow lock-out").exits(1);
    run.says(&["1 to delete"]);
    assert!(azure.take_writes().iter().all(|seen| seen.method != "DELETE"));
    // A lock file says it without asking.
    azure.heal();
    folder.keyless("lock b.yaml").exits(0);
    azure.spoil("POST", "$batch", Fault::denied());
    let run = folder.keyless("plan a.yaml b.yaml --select team-a --allow lock-out").exits(0);
    run.says(&["1 to delete"]);
}

#[test]
fn an_account_that_moved_to_a_stack_that_was_left_out_is_not_deleted() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", head("team-a"));
    folder.write("b.yaml", one_account("team-b", "chat", &grants(&[ALICE])));
    folder.keyless("plan a.yaml --allow delete-account --allow lock-out").exits(0).says(&["2 to delete"]);
    for retire in ["", "--retire team-a"] {
        let run = folder.keyless(&format!("apply a.yaml b.yaml --select team-a {retire} --yes")).exits(0);
        run.says(&["No changes"]);
    }
}
