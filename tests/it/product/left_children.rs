//! What a stack made in an account that is not its own, once its spec no longer names the account.

use serde_json::json;

use crate::common::{ALICE, Azure, Fault, Folder, account, grants, head, one_account};

const CHILDREN: &str = "deployments:
  - {name: gpt, model: {format: OpenAI, name: gpt-4o, version: \"2024-11-20\"}, sku: {name: GlobalStandard, capacity: 1}}
raiBlocklists: [{name: names}]
projects: [{name: team}]
";
const LIFTS: &str = "--allow delete-list --allow delete-deployment --allow delete-project --allow lock-out --allow deletes --allow weakening";

/// Somebody else's account, with what the stack made in it, and without its line.
fn left(lines: &str) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("theirs", &json!({"allowProjectManagement": true}));
    folder.write("a.yaml", one_account("team-a", "theirs", lines));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", head("team-a"));
    azure.take_seen();
    (azure, folder)
}

#[test]
fn what_a_stack_made_in_an_account_of_others_goes_with_the_accounts_line() {
    let (azure, folder) = left(&format!("{CHILDREN}{}", grants(&[ALICE])));
    let all = ["deployment gpt of theirs", "blocklist names of theirs", "project team of theirs"];
    folder.keyless("drift a.yaml").exits(2).says(&all).says(&["4 extra"]);
    let plan = folder.keyless("plan a.yaml").exits(3);
    plan.says(&all).says(&[
        "guard-delete-deployment",
        "guard-delete-project",
        "its 1 blocklist there would be deleted",
        "keep the account with `raiBlocklists: []`",
        "keep a role assignment with that scope and `principals: []`",
    ]);
    folder.keyless(&format!("apply a.yaml --yes {LIFTS}")).exits(0).says(&["4 done"]);
    let gone = azure.take_writes();
    assert!(gone.iter().all(|seen| seen.method == "DELETE" && seen.path() != account("theirs")), "{gone:?}");
    assert_eq!(gone.len(), 4);
}

/// To look into every account around would cost several requests for each.
#[test]
fn without_a_role_of_the_stack_there_it_is_said_that_nobody_looked() {
    let (azure, folder) = left(CHILDREN);
    let words = "no spec declares it; what is in it was not read";
    folder.keyless("drift a.yaml").exits(0).says(&[words]);
    folder.keyless("plan a.yaml").exits(0).says(&[words]);
    assert!(azure.take_seen().iter().all(|seen| !seen.path().contains("/accounts/theirs")));
    folder.keyless("plan a.yaml --retire team-a").exits(3).says(&["deployment gpt of theirs", "3 to delete"]);
}

/// What Azure keeps there keeps nobody's access.
#[test]
fn a_role_is_revoked_although_something_else_there_cannot_be_deleted() {
    let (azure, folder) = left(&format!("{CHILDREN}{}", grants(&[ALICE])));
    azure.spoil("DELETE", "/deployments/gpt", Fault::error(409, "Conflict", "the deployment is busy"));
    let run = folder.keyless(&format!("apply a.yaml --yes {LIFTS}")).exits(1);
    run.says(&["deployment gpt of theirs", "2 done, 1 failed, 1 skipped"]);
    assert!(azure.grants_at(&crate::common::account("theirs")).is_empty());
}

/// An account that two stacks take as given, and that one of them no longer names.
#[test]
fn an_account_that_a_stack_left_out_takes_as_given_is_no_stranger() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("theirs", &json!({"allowProjectManagement": true}));
    let takes = |stack: &str, model: &str| {
        let deployments = format!(
            "    deployments: [{{name: {model}, model: {{format: OpenAI, name: gpt-4o, version: \"2024-11-20\"}}, sku: {{name: GlobalStandard, capacity: 1}}}}]\n"
        );
        let roles = "    roleAssignments: [{role: Cognitive Services User, principals: [{user: NAME@contoso.com}]}]\n";
        format!(
            "{}accounts:\n  - name: theirs\n    existing: true\n{deployments}{}",
            head(stack),
            roles.replace("NAME", stack)
        )
    };
    folder.write("specs/a.yaml", takes("team-a", "one"));
    folder.write("specs/b.yaml", takes("team-b", "two"));
    folder.keyless("apply --yes").exits(0);
    folder.write("specs/a.yaml", head("team-a"));
    for command in ["plan --select team-a", "drift --select team-a"] {
        let run = folder.keyless(command).says(&[
            "deployment one of theirs",
            "`team-b`, which is not selected in this run, takes it as given",
        ]);
        assert!(!run.stdout.contains("no spec declares it") && !run.stdout.contains("not-ours"), "{run}");
    }
    folder.keyless(&format!("apply --select team-a --yes {LIFTS}")).exits(0).says(&["2 done"]);
    let left = folder.keyless("plan --select team-a").exits(0);
    assert!(!left.stdout.contains("no spec declares it"), "{left}");
    folder.keyless("plan").exits(0).says(&["No changes"]);
}
