//! What creation sets and a spec does not say: somebody who changes it by hand is seen.

use serde_json::json;

use crate::common::{ALICE, Azure, BOB, CS_USER, account, grants, one_account};

fn keys_on(azure: &Azure) {
    azure.patch(&account("chat"), json!({"properties": {"disableLocalAuth": false}}));
}

#[test]
fn keys_turned_on_by_hand_are_drift_where_the_spec_is_silent() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("drift a.yaml").exits(0).says(&["No drift: 2 resources match the specs"]);
    keys_on(&azure);
    azure.take_seen();
    let run = folder.keyless("drift a.yaml").exits(2).says(&[
        "  changed  account chat",
        "API keys  live: enabled, default: disabled, spec: not set",
        "last changed by owner@sandbox.invalid",
        "(+ not in the specs, - missing):",
        "+ anyone with an API key",
        "Drift: 1 differs; who: owner@sandbox.invalid; 1 unchanged",
    ]);
    assert!(!run.stdout.contains("No changes"), "{run}");
    // A plan says so and keeps its exit code, as of everything that no spec declares; apply leaves it.
    let run = folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&[
        "  ? account chat",
        "drift: API keys enabled (default at creation: disabled; the spec does not set `disableLocalAuth`)",
        "Nothing to apply; 1 drifted, 1 unchanged",
    ]);
    assert!(!run.stdout.contains("No changes"), "{run}");
    assert!(azure.take_writes().is_empty());
    for format in ["sarif", "codequality"] {
        folder.keyless(&format!("drift a.yaml --report {format}=r.json")).exits(2);
        let report = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
        assert!(report.contains("keys-enabled") && report.contains("last changed by"), "{report}");
    }
    // A line of the spec settles it, either way; and so does listing only.
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &format!("disableLocalAuth: false\n{}", grants(&[ALICE]))),
    );
    folder.keyless("drift a.yaml").exits(0);
    let silent = one_account("team-a", "chat", &grants(&[ALICE]));
    folder.write("a.yaml", silent.replace("location: eastus2", "location: eastus2\nunmanaged: list"));
    folder.keyless("drift a.yaml").exits(0).says(&["warning[keys-enabled]"]);
}

#[test]
fn an_account_that_keyless_did_not_make_may_have_its_keys() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {}\n"));
    folder.keyless("drift a.yaml").exits(0).says(&["warning[keys-enabled]", "1 declared but not owned"]);
}

#[test]
fn nobody_lacks_what_no_spec_gives() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = one_account("team-a", "chat", &grants(&[ALICE]));
    folder.write("a.yaml", spec.replace("location: eastus2", "location: eastus2\nonSoftDeleted: restore"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let group = account("chat").split("/providers").next().unwrap().to_owned();
    azure.grant(&group, "0b000000-0000-4000-8000-00000000000b", CS_USER, BOB, None);
    azure.delete(&account("chat"));
    let run = folder.keyless("drift a.yaml --format json").exits(2);
    let access = run.json()["access"].to_string();
    assert!(access.contains(ALICE) && !access.contains(BOB), "{run}");
}

#[test]
fn keys_that_are_on_are_in_reports_of_keys_status_and_access() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: false\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    for (command, exit, level) in [("keys status", 2, "error"), ("access", 0, "warning")] {
        folder.keyless(&format!("{command} a.yaml --report sarif=r.json")).exits(exit);
        let report: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder.path().join("r.json")).unwrap()).unwrap();
        let results = report["runs"][0]["results"].as_array().unwrap();
        let keys: Vec<_> = results.iter().filter(|result| result["ruleId"] == "keys-enabled").collect();
        assert!(keys.iter().any(|result| result["level"] == level), "{command}: {report}");
        let place = &keys[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(place, "a.yaml");
    }
}

#[test]
fn what_goes_with_a_deleted_account_is_listed_and_counted() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = "deployments:\n  - name: keep\n    model: {format: OpenAI, name: gpt-4o, version: \"2024-11-20\"}\n    sku: {name: GlobalStandard, capacity: 1}\n";
    let old = one_account("team-a", "old", lines);
    let head = one_account("team-a", "chat", "");
    let both = format!("{head}{}", &old[old.find("  - name: old").unwrap()..]);
    folder.write("a.yaml", &both);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", &head);
    for format in ["human", "markdown", "html"] {
        folder
            .keyless(&format!("plan a.yaml --allow delete-account --allow deletes --format {format}"))
            .exits(0)
            .says(&["with it", "deployment keep"]);
    }
    folder
        .keyless("plan a.yaml --allow delete-account --allow deletes")
        .says(&["1 deleted along with their parent"]);
}

#[test]
fn a_plan_and_its_result_count_the_same_things() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &format!("disableLocalAuth: false\n{}", grants(&[ALICE]))),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write(
        "a.yaml",
        one_account(
            "team-a",
            "chat",
            &format!("disableLocalAuth: true\ntags: {{a: b}}\n{}", grants(&[ALICE])),
        ),
    );
    folder
        .keyless("apply a.yaml --yes --report json=r.json")
        .exits(0)
        .says(&["Plan: 1 to update", "Applied: 1 done, 0 failed, 0 skipped"]);
    let report = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["summary"]["done"], 1, "resources, as in the text: {report:#}");
    assert_eq!(report["steps"].as_array().unwrap().len(), 2, "{report:#}");
}

#[test]
fn issues_are_the_same_however_a_path_is_typed() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/s.yaml", one_account("team-a", "chat", "disableLocalAuth: false\n"));
    let told = |path: &str| {
        folder.keyless(&format!("plan {path} --report sarif=r.json")).exits(0);
        let report: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder.path().join("r.json")).unwrap()).unwrap();
        report["runs"][0]["results"].clone()
    };
    let plain = told("specs");
    assert_eq!(plain, told("specs/../specs/s.yaml"));
    assert_eq!(plain[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "specs/s.yaml");
}

#[test]
fn a_role_is_called_as_the_spec_calls_it() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = one_account("team-a", "chat", &grants(&[ALICE]));
    folder.write("a.yaml", spec.replace("Cognitive Services User", "Foundry User"));
    folder.keyless("plan a.yaml").exits(0).says(&["+ role assignment Foundry User -> User"]);
}
