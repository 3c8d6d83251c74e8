//! What pipelines show at a line of a spec: commands on stderr for GitHub Actions and Azure Pipelines, a report for GitLab.

use serde_json::Value;

use crate::common::{ALICE, Azure, BOB, CS_USER, Folder, account, grants, one_account};

const GITHUB: (&str, &str) = ("GITHUB_ACTIONS", "true");
const PIPELINES: (&str, &str) = ("TF_BUILD", "True");

/// The lines of a text that GitHub Actions or Azure Pipelines would obey, as they look for them.
fn obeyed(text: &str) -> Vec<&str> {
    let is_command = |line: &&str| {
        line.trim_start().starts_with("::") || line.contains("##[") || line.to_lowercase().contains("##vso[")
    };
    text.lines().filter(is_command).collect()
}

fn wrong() -> Folder {
    let folder = Folder::new();
    folder.write("a.yaml", one_account("team-a", "chat", "locaton: eastus\ntags: 7\n"));
    folder
}

#[test]
fn errors_of_a_spec_are_commands_at_their_lines_where_the_host_is_known() {
    let folder = wrong();
    let run = |options: &str, environment: &[(&str, &str)]| {
        let run = folder.with_env(&format!("validate a.yaml {options}"), environment).exits(1);
        assert!(obeyed(&run.stdout).is_empty(), "{run}");
        run
    };
    let github = run("", &[GITHUB]);
    let lines = obeyed(&github.stderr);
    assert_eq!(lines.len(), 2, "{github}");
    assert!(
        lines[0].starts_with("::error file=a.yaml,line=8,col=5,title=keyless unknown-field::"),
        "{github}"
    );
    assert!(lines[0].contains("%0Ahelp: did you mean `location`?"), "{github}");
    let azure = run("", &[PIPELINES]);
    let start =
        "##vso[task.logissue type=error;sourcepath=a.yaml;linenumber=8;columnnumber=5;code=unknown-field;]";
    assert!(obeyed(&azure.stderr)[0].starts_with(start), "{azure}");
    // Said on the command line or by a variable, and silenced the same way.
    let said = run("--annotations github", &[]);
    assert_eq!(obeyed(&said.stderr), obeyed(&github.stderr));
    for (options, environment) in [
        ("", vec![]),
        ("--annotations off", vec![GITHUB]),
        ("", vec![GITHUB, ("KEYLESS_ANNOTATIONS", "off")]),
        ("", vec![("GITHUB_ACTIONS", "false")]),
    ] {
        assert!(obeyed(&run(options, &environment).stderr).is_empty(), "{options} {environment:?}");
    }
    // A document on stdout stays one.
    let json = run("--format json", &[GITHUB]);
    assert_eq!(json.json()["findings"].as_array().unwrap().len(), 2);
    assert_eq!(obeyed(&json.stderr), obeyed(&github.stderr));
}

#[test]
fn drift_and_failures_are_annotated_and_what_a_plan_will_do_is_not() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder
        .write("a.yaml", one_account("team-a", "chat", &format!("tags: {{team: ml}}\n{}", grants(&[ALICE]))));
    let fresh = folder.with_env("plan a.yaml", &[GITHUB]).exits(0);
    assert!(obeyed(&fresh.stderr).is_empty(), "{fresh}");
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.patch(&account("chat"), serde_json::json!({"tags": {"team": "ops"}}));
    azure.grant(&account("chat"), "12345678-aaaa-4bbb-8ccc-0123456789ab", CS_USER, BOB, None);
    let drift = folder.with_env("drift a.yaml", &[GITHUB]).exits(2);
    let lines = obeyed(&drift.stderr);
    let changed =
        lines.iter().find(|line| line.contains("differs-changed")).unwrap_or_else(|| panic!("{drift}"));
    assert!(changed.starts_with("::warning file=a.yaml,line=8,"), "{drift}");
    assert!(changed.contains("tags.team ops, but ml in the spec"), "{drift}");
    let failed = folder.with_env("apply a.yaml", &[GITHUB]).exits(1);
    assert!(obeyed(&failed.stderr)[0].starts_with("::error title=keyless run-failed::"), "{failed}");
}

#[test]
fn a_hostile_name_begins_no_command_of_its_own() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {team: ml}\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let evil = "x\n::set-output name=a::b\r\n##vso[task.setvariable variable=A]b ##[error]c ::stop-commands::d %0A::error::e";
    azure.patch(&account("chat"), serde_json::json!({"tags": {"team": evil}}));
    for (environment, own) in [
        (GITHUB, "::warning file=a.yaml,line=8"),
        (PIPELINES, "##vso[task.logissue type=warning;sourcepath=a.yaml;"),
    ] {
        let run = folder.with_env("drift a.yaml --report codequality=q.json", &[environment]).exits(2);
        assert!(obeyed(&run.stdout).is_empty(), "{run}");
        let lines = obeyed(&run.stderr);
        assert!(lines.len() == 1 && lines[0].starts_with(own), "{run}");
        let rest = lines[0].to_lowercase().replacen("##vso[", "", 1);
        assert!(!rest.contains("##[") && !rest.contains("##vso["), "{run}");
        let text = std::fs::read_to_string(folder.path().join("q.json")).unwrap();
        assert!(obeyed(&text).is_empty(), "{text}");
    }
}

#[test]
fn gitlab_gets_a_report_of_what_it_knows() {
    let folder = wrong();
    folder.keyless("validate ./a.yaml --report codequality=q.json").exits(1);
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("q.json")).unwrap()).unwrap();
    let entries = report.as_array().unwrap();
    assert_eq!(entries.len(), 2, "{report:#}");
    assert_eq!(entries[0]["check_name"], "unknown-field");
    assert_eq!(entries[0]["severity"], "major");
    assert_eq!(entries[0]["location"], serde_json::json!({"path": "a.yaml", "lines": {"begin": 8}}));
    assert!(entries[0]["description"].as_str().unwrap().contains("locaton"), "{report:#}");
    assert_ne!(entries[0]["fingerprint"], entries[1]["fingerprint"]);
}
