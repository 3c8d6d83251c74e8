//! The api-version that a run uses: the newest that is described, or an older one where a cloud does not have it yet.

use serde_json::json;

use crate::common::{ALICE, Azure, Fault, Folder, account, grants, one_account};

const GPT: &str = "deployments: [{name: gpt, model: {format: OpenAI, name: gpt-4o, version: '2024-11-20'}, sku: {name: GlobalStandard, capacity: 1}}]\n";

fn write(folder: &Folder, lines: &str) {
    folder.write("a.yaml", one_account("team-a", "chat", &format!("{lines}{}", grants(&[ALICE]))));
}

/// A cloud that has nothing newer than this version.
fn older(newest: &str) -> Azure {
    let azure = Azure::start();
    let answer = azure.send("POST", "/_sandbox/versions", Some(json!({"newest": newest})));
    assert_eq!(answer.status, 200, "{answer:?}");
    azure
}

/// The api-versions with which accounts and their children were asked about.
fn versions(azure: &Azure) -> Vec<String> {
    let seen = azure.take_seen();
    let mut all: Vec<String> = seen
        .iter()
        .filter(|seen| {
            seen.path().contains("Microsoft.CognitiveServices") && !seen.path().contains("Authorization")
        })
        .filter_map(|seen| Some(seen.target.split("api-version=").nth(1)?.split('&').next()?.to_owned()))
        .filter(|version| version != "2017-04-18")
        .collect();
    all.sort();
    all.dedup();
    all
}

#[test]
fn what_the_newest_version_shows_besides_is_no_drift() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, &format!("{GPT}projects: [{{name: team}}]\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(versions(&azure), ["2026-05-01"]);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    folder.keyless("drift a.yaml").exits(0);
    // What nobody set is shown all the same, and goes back in no write that matters.
    write(&folder, &format!("tags: {{a: b}}\n{GPT}projects: [{{name: team, description: ours}}]\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn a_project_that_somebody_makes_does_not_outdate_a_plan_for_the_account() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, "allowProjectManagement: true\n");
    folder.keyless("apply a.yaml --yes").exits(0);
    write(&folder, "allowProjectManagement: true\ntags: {a: b}\n");
    folder.keyless("plan a.yaml --out p.json").exits(0);
    let project = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {}});
    azure.put(&format!("{}/projects/theirs", account("chat")), project);
    folder.keyless("apply p.json --yes").exits(0);
}

#[test]
fn a_deployment_without_a_policy_has_azures_default_and_a_lesser_one_is_a_weakening() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, GPT);
    folder.keyless("apply a.yaml --yes").exits(0);
    let named =
        |policy: &str| GPT.replace("capacity: 1}", &format!("capacity: 1}}, raiPolicyName: {policy}"));
    write(&folder, &named("Microsoft.DefaultV2"));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    write(&folder, &named("Microsoft.Default"));
    folder.keyless("plan a.yaml").exits(3).says(&["from content filter `Microsoft.DefaultV2`"]);
}

#[test]
fn a_cloud_without_the_newest_version_gets_the_newest_that_it_has() {
    for (newest, used) in [("2025-12-01", "2025-06-01"), ("2026-03-01", "2026-03-01")] {
        let azure = older(newest);
        let folder = azure.folder();
        write(&folder, &format!("{GPT}projects: [{{name: team}}]\n"));
        let run = folder.keyless("apply a.yaml --yes -v").exits(0);
        run.says(&["note[older-version]", &format!("{used} is used")]);
        // Once it is known, nothing asks with the newest any more.
        let seen = azure.take_writes();
        assert!(!seen.is_empty() && seen.iter().all(|seen| !seen.target.contains("2026-05-01")), "{seen:?}");
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
        assert_eq!(versions(&azure), [used, "2026-05-01"], "{newest}");
    }
}

#[test]
fn a_field_that_the_older_version_lacks_is_an_error_at_its_line_and_nothing_of_it_is_written() {
    let azure = older("2025-06-01");
    let folder = azure.folder();
    let newer = GPT.replace("capacity: 1}", "capacity: 1}, serviceTier: Priority");
    write(&folder, &format!("storedCompletionsDisabled: true\n{newer}"));
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    let document = run.json();
    let errors = document["findings"].as_array().unwrap().iter();
    let errors = errors.filter(|each| each["code"] == "older-version" && each["severity"] == "error");
    let lines: Vec<u64> = errors.map(|each| each["source"]["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [8, 9], "{run}");
    run.says(&["lacks `storedCompletionsDisabled`", "lacks `serviceTier`"]);
    folder.keyless("apply a.yaml --yes").exits(1);
    assert!(azure.take_writes().is_empty());
    // A plan that was made where the version exists is refused here as well.
    let elsewhere = Azure::start();
    let there = elsewhere.folder();
    write(&there, &format!("storedCompletionsDisabled: true\n{newer}"));
    there.keyless("apply a.yaml --yes").exits(0);
    there.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

/// One region may be behind. What is written was planned for the newest version: with an older one, fields of it would be lost.
#[test]
fn a_write_that_is_refused_for_its_version_fails_and_others_keep_theirs() {
    let azure = Azure::start();
    let folder = azure.folder();
    let refusal = Fault::error(
        400,
        "NoRegisteredProviderFound",
        "No registered resource provider found for location 'eastus2' and API version '2026-05-01' for type 'accounts/deployments'. The supported api-versions are '2025-06-01'.",
    );
    azure.spoil("PUT", "/deployments/gpt", refusal);
    let newer = GPT.replace("capacity: 1}", "capacity: 1}, serviceTier: Priority");
    write(&folder, &newer);
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    run.says(&["1 failed"]);
    let seen = azure.take_seen();
    assert!(
        seen.iter()
            .all(|seen| !seen.target.contains("CognitiveServices") || !seen.target.contains("2025-06-01")),
        "{seen:?}"
    );
    azure.heal();
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn a_cloud_with_nothing_that_keyless_knows_is_told() {
    let azure = older("2023-05-01");
    let folder = azure.folder();
    write(&folder, GPT);
    let run = folder.keyless("plan a.yaml").exits(1);
    run.says(&["NoRegisteredProviderFound", "keyless needs api-version 2025-06-01"]);
    assert!(azure.take_writes().is_empty());
}

/// A region that does not have the newest version for its lists says nothing about the rest of the cloud.
#[test]
fn a_region_that_is_behind_lowers_the_version_of_its_own_lists_only() {
    let azure = Azure::start();
    let folder = azure.folder();
    let newer = GPT.replace("capacity: 1}", "capacity: 1}, serviceTier: Priority");
    write(&folder, &newer);
    let refusal = Fault::error(
        400,
        "NoRegisteredProviderFound",
        "No registered resource provider found for location 'eastus2' and API version '2026-05-01' for type 'locations/models'. The supported api-versions are '2025-06-01'.",
    );
    azure.spoil("GET", "/locations/eastus2/models?api-version=2026-05-01", refusal);
    let run = folder.keyless("apply a.yaml --yes -v").exits(0);
    run.says(&["region `eastus2` does not have api-version 2026-05-01", "2025-06-01 is used for these"]);
    let written = azure.take_writes();
    assert!(written.iter().all(|seen| !seen.target.contains("2025-06-01")), "{written:?}");
    let tiers: Vec<_> = written.iter().map(|seen| &seen.body["properties"]["serviceTier"]).collect();
    assert!(tiers.contains(&&json!("Priority")), "{written:?}");
}

/// Agents' texts are filtered by the versions of 2026 only.
#[test]
fn a_value_that_the_older_version_lacks_is_an_error_at_its_line_too() {
    let azure = older("2025-06-01");
    let folder = azure.folder();
    let filter = |source: &str| {
        format!(
            "raiPolicies: [{{name: strict, mode: Blocking, contentFilters: [{{name: Hate, source: {source}, enabled: true, blocking: true, severityThreshold: Low}}]}}]\n"
        )
    };
    write(&folder, &filter("PreToolCall"));
    folder.keyless("plan a.yaml").exits(1).says(&["error[older-version]", "lacks `contentFilters.0.source`"]);
    write(&folder, &filter("Prompt"));
    folder.keyless("plan a.yaml").exits(0);
}
