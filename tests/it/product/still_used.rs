//! Deletes of what is still used: an account or a project in which a spec of the run declares something, a content filter that a
//! deployment has.

use crate::common::{ALICE, Azure, BOB, Fault, Folder, Run, account, grants, head, one_account};

const GPT: &str = "deployments: [{name: gpt, model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}, sku: {name: GlobalStandard, capacity: 1}POLICY}]\n";
const ON: &str = "disableLocalAuth: true\nallowProjectManagement: true\n";
const STRICT: &str = "raiPolicies:
  - name: strict
    basePolicyName: Microsoft.DefaultV2
    contentFilters:
      - {name: Hate, source: Prompt, enabled: true, blocking: true, severityThreshold: Low}
";

/// The file's own role assignment at a scope.
fn granted(scope: &str) -> String {
    format!(
        "roleAssignments: [{{scope: {scope}, role: Cognitive Services User, principals: [{{id: {BOB}, type: User}}]}}]\n"
    )
}

fn deployment(policy: &str) -> String {
    let policy = if policy.is_empty() { String::new() } else { format!(", raiPolicyName: {policy}") };
    GPT.replace("POLICY", &policy)
}

/// The messages of findings with a code, each with its file and line.
pub(super) fn told(run: &Run, code: &str) -> Vec<String> {
    let findings = run.json()["findings"].as_array().unwrap().clone();
    let found = findings.iter().filter(|finding| finding["code"] == code);
    let told = found.map(|found| {
        let (source, message) = (&found["source"], found["message"].as_str().unwrap());
        let hint = found["hint"].as_str().unwrap();
        format!("{}:{} {message}; {hint}", source["file"].as_str().unwrap(), source["line"])
    });
    told.collect()
}

/// That a plan with every rule lifted refuses to delete, writes nothing, and says `words` once for each place.
#[track_caller]
fn refused(azure: &Azure, folder: &Folder, specs: &str, words: &[&[&str]]) {
    let lifted = "--allow deletes --allow delete-account --allow delete-project --allow lock-out --allow delete-deployment --allow delete-list";
    let run = folder.keyless(&format!("plan {specs} {lifted} --format json")).exits(1);
    let told = told(&run, "still-declared");
    assert_eq!(told.len(), words.len(), "{run}");
    for (told, words) in told.iter().zip(words) {
        assert!(words.iter().all(|word| told.contains(word)), "{told}\n{words:?}");
    }
    assert!(run.changes("delete").is_empty(), "{run}");
    azure.take_writes();
    folder.keyless(&format!("apply {specs} {lifted} --yes")).exits(1).says(&["still-declared"]);
    assert_eq!(azure.take_writes().len(), 0, "{run}");
}

#[test]
fn a_project_stays_while_a_role_is_declared_on_it() {
    let azure = Azure::start();
    let folder = azure.folder();
    let on_project = granted(&format!("{}/projects/p1", account("chat")));
    let spec = |projects: &str, more: &str| {
        one_account("team-a", "chat", &format!("{ON}{}{projects}", grants(&[ALICE]))) + more
    };
    folder.write("a.yaml", spec("projects: [{name: p1}]\n", &on_project));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec("projects: []\n", &on_project));
    let words: &[&str] = &[
        "a.yaml:15 role assignment Cognitive Services User -> ",
        "is declared on project p1 of chat, which this plan deletes: stack `team-a` no longer declares it",
        "remove this line, or keep project p1 of chat in the spec of stack `team-a`",
    ];
    refused(&azure, &folder, "a.yaml", &[words]);
    // Either way out of it is one.
    folder.write("a.yaml", spec("projects: [{name: p1}]\n", &on_project));
    folder.keyless("plan a.yaml").exits(0).says(&["No changes"]);
    folder.write("a.yaml", spec("projects: []\n", "roleAssignments: []\n"));
    folder.keyless("apply a.yaml --yes --allow delete-project --allow deletes").exits(0);
    folder.keyless("drift a.yaml").exits(0);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_account_stays_while_another_stack_declares_a_role_on_or_in_it() {
    let on_project = granted(&format!("{}/projects/p1", account("chat")));
    for (other, titles) in [
        (format!("{}{}", head("team-b"), granted(&account("chat"))), ["is declared on account chat"]),
        (format!("{}{on_project}", head("team-b")), ["is declared in account chat"]),
    ] {
        let azure = Azure::start();
        let folder = azure.folder();
        let lines = format!("{ON}{}projects: [{{name: p1}}]\n", grants(&[ALICE]));
        folder.write("a.yaml", one_account("team-a", "chat", &lines));
        folder.write("b.yaml", &other);
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.keyless("apply a.yaml b.yaml --yes").exits(0);
        folder.write("a.yaml", format!("{}accounts: []\n", head("team-a")));
        let words: Vec<&str> = titles.into_iter().chain(["b.yaml:", "stack `team-a` no longer"]).collect();
        refused(&azure, &folder, "a.yaml b.yaml", &[&words]);
        assert_eq!(
            azure.grants_at(&account("chat")).len(),
            1 + usize::from(titles[0].contains("declared on"))
        );
    }
}

/// An account with a content filter and a deployment that has it.
fn filtered() -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, &format!("{STRICT}{}", deployment("strict")));
    folder.keyless("apply a.yaml --yes").exits(0);
    (azure, folder)
}

fn write(folder: &Folder, lines: &str) {
    let lines = format!("disableLocalAuth: true\n{}{lines}", grants(&[ALICE]));
    folder.write("a.yaml", one_account("team-a", "chat", &lines));
}

const LIFTED: &str = "--allow deletes --allow delete-deployment --allow weakening";

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_content_filter_stays_while_a_deployment_that_nobody_declares_uses_it() {
    let (azure, folder) = filtered();
    write(&folder, "raiPolicies: []\n");
    azure.take_writes();
    let run = folder.keyless(&format!("plan a.yaml {LIFTED} --format json")).exits(1);
    let told = told(&run, "policy-in-use");
    assert_eq!(told.len(), 1, "{run}");
    assert!(told[0].contains("strict of chat: deployment `gpt` uses it and stays"), "{}", told[0]);
    assert!(run.changes("delete").is_empty(), "{run}");
    folder.keyless(&format!("apply a.yaml {LIFTED} --yes")).exits(1).says(&["policy-in-use"]);
    assert_eq!(azure.take_writes().len(), 0);
    // Who may not list deployments hears that it is not known.
    azure.spoil("GET", "/deployments?", Fault::denied());
    let run = folder.keyless(&format!("plan a.yaml {LIFTED} --format json")).exits(0);
    assert!(run.findings().iter().any(|finding| finding.starts_with("not-checked")), "{run}");
    azure.heal();
    // It goes once the deployment has another one, or goes too.
    write(&folder, &format!("raiPolicies: []\n{}", deployment("Microsoft.DefaultV2")));
    folder.keyless(&format!("apply a.yaml {LIFTED} --yes")).exits(0);
    folder.keyless("drift a.yaml").exits(0);
    let (_azure, folder) = filtered();
    write(&folder, "raiPolicies: []\ndeployments: []\n");
    folder.keyless(&format!("apply a.yaml {LIFTED} --yes")).exits(0);
}
