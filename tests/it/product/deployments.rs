//! Model deployments and content filters: made, changed in place, kept, adopted, removed past a guard.

use std::time::Duration;

use keyless::sandbox::Options;
use serde_json::{Value, json};

use crate::common::{Azure, Fault, Folder, Run, account, one_account};

const GPT: &str = "deployments:
  - name: chat
    model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}
    sku: {name: GlobalStandard, capacity: 3}
";
const STRICT: &str = "raiPolicies:
  - name: strict
    mode: Blocking
    contentFilters:
      - {name: Hate, source: Prompt, enabled: true, blocking: true, severityThreshold: Low}
      - {name: Hate, source: Completion, enabled: true, blocking: true, severityThreshold: Medium}
";

fn child(path: &str) -> String {
    format!("{}/{path}", account("chat"))
}

fn write(folder: &Folder, lines: &str) {
    folder.write("a.yaml", one_account("team-a", "chat", lines));
}

/// An account with these lines, applied.
fn applied(lines: &str) -> (Azure, Folder) {
    applied_to(Azure::start(), lines)
}

fn applied_to(azure: Azure, lines: &str) -> (Azure, Folder) {
    let folder = azure.folder();
    write(&folder, lines);
    folder.keyless("apply a.yaml --yes").exits(0);
    in_sync(&folder);
    azure.take_seen();
    (azure, folder)
}

/// The API description names no shortest name of a deployment or a content filter, and one of a project.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn names_that_validate_takes_are_made_and_others_are_told_offline() {
    let long = "d".repeat(64);
    for name in ["d", "0", "gpt-4.1", long.as_str()] {
        let lines = [
            GPT.replace("name: chat", &format!("name: {name:?}")),
            STRICT.replace("name: strict", &format!("name: {name:?}")),
        ];
        applied(&lines.concat());
    }
    let folder = Folder::new();
    for name in ["", "-d", "d/e", "d e", &"d".repeat(65)] {
        write(&folder, &GPT.replace("name: chat", &format!("name: {name:?}")));
        folder.keyless("validate a.yaml").exits(1).complains(&["invalid-name", "cannot name a deployment"]);
    }
}

#[track_caller]
fn in_sync(folder: &Folder) {
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

/// Method and last part of the path of each write.
fn writes(azure: &Azure) -> Vec<String> {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    azure.take_writes().iter().map(|seen| format!("{} {}", seen.method, last(seen.path()))).collect()
}

/// The fields of the one change to a kind.
#[track_caller]
fn fields(run: &Run, action: &str, kind: &str) -> Vec<String> {
    let changes = run.changes(action);
    let ours: Vec<&Value> = changes.iter().filter(|change| change["kind"] == kind).collect();
    assert_eq!(ours.len(), 1, "{run}");
    let paths = ours[0]["fields"].as_array().unwrap().iter();
    paths.map(|field| field["path"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_account_with_a_filter_and_a_deployment_that_names_it_is_made_in_one_go() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, &format!("{STRICT}{}", GPT.replace("    sku", "    raiPolicyName: strict\n    sku")));
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(writes(&azure), ["PUT chat", "PUT strict", "PUT chat"]);
    let made = azure.get(&child("deployments/chat"));
    assert_eq!(made["properties"]["raiPolicyName"], "strict");
    assert_eq!(made["sku"], json!({"name": "GlobalStandard", "capacity": 3}));
    assert_eq!(made["tags"]["keyless-stack"], "team-a");
    assert_eq!(azure.get(&child("raiPolicies/strict"))["tags"]["keyless-stack"], "team-a");
    in_sync(&folder);
    assert!(writes(&azure).is_empty());
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_field_of_a_deployment_changes_in_place_and_alone() {
    let (azure, folder) = applied(&format!("{STRICT}{GPT}"));
    let mut lines = format!("{STRICT}{GPT}");
    for (old, new, field) in [
        ("capacity: 3", "capacity: 5", "sku.capacity"),
        ("2024-08-06", "2024-11-20", "model.version"),
        ("    sku", "    raiPolicyName: strict\n    sku", "raiPolicyName"),
        ("    sku", "    versionUpgradeOption: NoAutoUpgrade\n    sku", "versionUpgradeOption"),
        ("    sku", "    tags: {team: ml}\n    sku", "tags.team"),
    ] {
        lines = lines.replacen(old, new, 1);
        write(&folder, &lines);
        let run = folder.keyless("plan a.yaml --format json").exits(0);
        assert_eq!(fields(&run, "update", "deployments"), [field], "{run}");
        folder.keyless("apply a.yaml --yes").exits(0);
        assert_eq!(writes(&azure), ["PUT chat"], "{field}");
        in_sync(&folder);
    }
    let live = azure.get(&child("deployments/chat"));
    assert_eq!(live["properties"]["model"]["version"], "2024-11-20");
    assert_eq!(live["tags"], json!({"keyless-stack": "team-a", "team": "ml"}));
}

#[test]
fn a_version_and_a_capacity_are_two_writes() {
    let (azure, folder) = applied(GPT);
    write(&folder, &GPT.replace("2024-08-06", "2024-11-20").replace("capacity: 3", "capacity: 4"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let sent = azure.take_writes();
    let told: Vec<Value> = sent
        .iter()
        .map(|seen| json!([seen.body["properties"]["model"]["version"], seen.body["sku"]["capacity"]]))
        .collect();
    assert_eq!(told, [json!(["2024-11-20", 3]), json!(["2024-11-20", 4])]);
    in_sync(&folder);
}

#[test]
fn the_model_of_a_deployment_cannot_change() {
    let (azure, folder) = applied(GPT);
    write(&folder, &GPT.replace("gpt-4o", "gpt-4o-mini").replace("2024-08-06", "2024-07-18"));
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    run.says(&["`model.name` of deployment chat of chat cannot change from `gpt-4o` to `gpt-4o-mini`"]);
    assert!(writes(&azure).is_empty());
}

#[test]
fn what_others_set_on_a_deployment_survives_a_write() {
    let (azure, folder) = applied(GPT);
    let mut body = azure.get(&child("deployments/chat"));
    body["tags"]["owner"] = json!("someone");
    body["properties"]["versionUpgradeOption"] = json!("NoAutoUpgrade");
    let body = json!({"sku": body["sku"], "tags": body["tags"], "properties": {
        "model": body["properties"]["model"], "versionUpgradeOption": "NoAutoUpgrade"}});
    azure.put(&child("deployments/chat"), body);
    write(&folder, &GPT.replace("capacity: 3", "capacity: 7"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let live = azure.get(&child("deployments/chat"));
    assert_eq!(live["properties"]["versionUpgradeOption"], "NoAutoUpgrade");
    assert_eq!(live["tags"]["owner"], "someone");
    assert_eq!(live["sku"]["capacity"], 7);
}

#[test]
fn a_version_that_azure_moved_by_leave_of_the_spec_is_a_note() {
    let lines = GPT.replace("    sku", "    versionUpgradeOption: OnceNewDefaultVersionAvailable\n    sku");
    let (azure, folder) = applied(&lines);
    let moved = json!({"sku": {"name": "GlobalStandard", "capacity": 3}, "tags": {"keyless-stack": "team-a"},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-11-20"}}});
    azure.put(&child("deployments/chat"), moved);
    let run = folder.keyless("plan a.yaml --detailed-exitcode --format json").exits(0);
    assert!(run.findings().iter().any(|finding| finding.starts_with("version-moved@")), "{run}");
    // Without leave it is a difference, and a newer version in the spec is one in any case.
    write(&folder, GPT);
    folder.keyless("drift a.yaml").exits(2);
    azure.put(
        &child("deployments/chat"),
        json!({"sku": {"name": "GlobalStandard", "capacity": 3},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"}}}),
    );
    write(&folder, &lines.replace("2024-08-06", "2024-11-20"));
    folder.keyless("drift a.yaml").exits(2);
}

#[test]
fn what_is_made_by_hand_is_adopted_on_demand_and_what_is_not_declared_is_named() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, "");
    folder.keyless("apply a.yaml --yes").exits(0);
    for name in ["chat", "other"] {
        azure.put(
            &child(&format!("deployments/{name}")),
            json!({"sku": {"name": "GlobalStandard", "capacity": 3},
                "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"}}}),
        );
    }
    // Nothing is asked of what the spec does not speak of.
    azure.take_seen();
    in_sync(&folder);
    assert!(!azure.take_seen().iter().any(|seen| seen.path().contains("deployments")));
    write(&folder, GPT);
    let run = folder.keyless("plan a.yaml --detailed-exitcode --format json").exits(0);
    assert_eq!(run.changes("unmanaged-drift").len(), 1, "{run}");
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", GPT).replacen("accounts:", "adopt: true\naccounts:", 1),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(azure.get(&child("deployments/chat"))["tags"], json!({"keyless-stack": "team-a"}));
    assert_eq!(azure.get(&child("deployments/other"))["tags"], Value::Null);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_removed_line_deletes_a_deployment_past_its_guard_and_the_filter_after_it() {
    let with = format!("{STRICT}{}", GPT.replace("    sku", "    raiPolicyName: strict\n    sku"));
    let (azure, folder) = applied(&with);
    write(&folder, "raiPolicies: []\ndeployments: []\n");
    let run = folder.keyless("apply a.yaml --yes --format json").exits(3);
    assert!(run.findings().iter().any(|finding| finding.starts_with("guard-delete-deployment@")), "{run}");
    assert!(writes(&azure).is_empty());
    folder.keyless("apply a.yaml --yes --allow delete-deployment").exits(0);
    assert_eq!(writes(&azure), ["DELETE chat", "DELETE strict"]);
    in_sync(&folder);
    // Without the key nothing is asked, and nothing goes.
    let (azure, folder) = applied(&with);
    write(&folder, "");
    in_sync(&folder);
    assert_eq!(azure.get(&child("deployments/chat"))["name"], "chat");
}

#[test]
fn a_filter_stays_where_the_deployment_that_uses_it_could_not_be_deleted() {
    let with = format!("{STRICT}{}", GPT.replace("    sku", "    raiPolicyName: strict\n    sku"));
    let (azure, folder) = applied(&with);
    write(&folder, "raiPolicies: []\ndeployments: []\n");
    azure.spoil("DELETE", "/deployments/chat", Fault::denied());
    let run = folder.keyless("apply a.yaml --yes --allow delete-deployment").exits(1);
    run.complains(&["it depends on deployment chat of chat, which did not succeed"]);
    assert_eq!(writes(&azure), ["DELETE chat"]);
}

#[test]
fn the_delete_of_an_account_names_the_deployments_that_go_with_it() {
    let (azure, folder) = applied(GPT);
    let other = "accounts:\n  - name: other\n";
    folder.write("a.yaml", format!("{}{other}", crate::common::head("team-a")));
    let words = "the plan deletes account `chat` and its deployment `chat`: calls to it will fail";
    folder.keyless("plan a.yaml --out plan.json").exits(3).says(&[words]);
    folder.keyless("apply plan.json --yes").exits(3).says(&[words]);
    assert!(writes(&azure).is_empty());
    // Where that cannot be found out, it is said.
    azure.spoil("GET", "/accounts/chat/deployments?", Fault::denied());
    let run = folder.keyless("plan a.yaml -v").exits(3);
    run.says(&[
        "could not determine which deployments are deleted with account `chat`",
        "and its deployments, which could not be listed",
    ]);
}

#[test]
fn a_foreign_mark_is_respected() {
    let (azure, folder) = applied(GPT);
    folder.write("b.yaml", one_account("team-b", "chat", &GPT.replace("capacity: 3", "capacity: 9")));
    let run = folder.keyless("apply b.yaml --yes --format json").exits(1);
    assert!(
        run.findings().iter().filter(|finding| finding.starts_with("foreign-mark@")).count() >= 1,
        "{run}"
    );
    assert!(writes(&azure).is_empty());
}

#[test]
fn a_list_that_cannot_be_read_makes_its_deployments_unknown_and_deletes_nothing() {
    let (azure, folder) = applied(&format!("{STRICT}{GPT}"));
    azure.spoil("GET", "/deployments?", Fault::denied());
    write(&folder, &format!("raiPolicies: []\n{GPT}"));
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(run.changes("unknown").len(), 1, "{run}");
    assert!(run.changes("create").is_empty(), "{run}");
    assert_eq!(run.changes("delete").len(), 1, "the list of filters was read: {run}");
    // Azure shows the account and denies it at once: nobody knows what is in it.
    azure.heal();
    let missing = "The Resource 'Microsoft.CognitiveServices/accounts/chat' was not found.";
    azure.spoil("GET", "/deployments?", Fault::error(404, "ParentResourceNotFound", missing));
    let run = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(run.changes("unknown").len(), 1, "{run}");
    assert!(run.changes("create").is_empty(), "{run}");
}

#[test]
fn one_write_at_a_time_goes_to_an_account() {
    // Long enough that a second one would meet the first.
    let slow = Options { operation_time: Duration::from_millis(200), ..Options::default() };
    let (azure, folder) = applied_to(Azure::with(slow), "");
    let by_hand = |name: &str| {
        let body = json!({"sku": {"name": "Standard", "capacity": 1}, "properties": {"model": {"format": "OpenAI", "name": "gpt-4o"}}});
        azure.send("PUT", &format!("{}/deployments/{name}", account("chat")), Some(body))
    };
    // The control: while one is under way, another is refused.
    assert_eq!((by_hand("one").status, by_hand("two").status), (201, 409));
    let one = format!("{}/deployments/one", account("chat"));
    while azure.get(&one)["properties"]["provisioningState"] != "Succeeded" {
        std::thread::sleep(Duration::from_millis(10));
    }
    azure.delete(&one);
    azure.take_seen();
    let mut lines = String::from("deployments:\n");
    for number in 0..6 {
        lines.push_str(
            &GPT.replace("deployments:\n", "").replace("name: chat", &format!("name: chat-{number}")),
        );
    }
    write(&folder, &lines);
    folder.keyless("apply a.yaml --yes").exits(0);
    let seen = azure.take_seen();
    let of = |method: &str| -> Vec<u16> {
        let these =
            seen.iter().filter(|seen| seen.method == method && seen.path().contains("/deployments/chat-"));
        these.map(|seen| seen.status).collect()
    };
    assert_eq!(of("PUT"), [201; 6]);
    // Each is read before it is written, and asked about until it is ready: each was under way for a while.
    assert!(of("GET").len() >= 6 * 3, "{seen:?}");
}

#[test]
fn mistakes_are_found_offline_each_at_its_line() {
    let folder = Folder::new();
    let lines = "raiPolicies:
  - name: Microsoft.Mine
  - name: strict
    contentFilters:
      - {name: Hate, source: Prompt}
      - {name: hate, source: Prompt}
deployments:
  - name: -chat
    model: {format: OpenAI, name: gpt-4o}
    raiPolicyName: strct
  - name: chat
    model: {format: OpenAI, name: gpt-4o, version: null}
    tags: {keyless-stack: x}
  - name: CHAT
    model: {format: OpenAI, name: gpt-4o}
    raiPolicyName: Microsoft.Default
projects:
  - {name: p, description: \"\"}
";
    folder.write("a.yaml", one_account("team-a", "chat", lines));
    let run = folder.keyless("validate a.yaml --format json").exits(1);
    assert_eq!(
        run.findings(),
        [
            "invalid-name@9",
            "duplicate@13",
            "invalid-name@15",
            "unknown-policy@17",
            "invalid-value@19",
            "typed-mark@20",
            "duplicate@21",
            "invalid-name@25",
            "invalid-value@25",
        ],
        "{run}"
    );
    folder.keyless("validate a.yaml").exits(1).complains(&["did you mean `strict`?"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_content_filter_that_neither_a_spec_nor_the_account_has_is_told_while_planning() {
    let (azure, folder) = applied(STRICT);
    // Another stack's spec says nothing of the account's filters: they are as they are.
    let named = |policy: &str| GPT.replace("    sku", &format!("    raiPolicyName: {policy}\n    sku"));
    for (policy, near) in [("strct", "did you mean `strict`?"), ("lenient", "declare it under `raiPolicies`")]
    {
        write(&folder, &named(policy));
        let run = folder.keyless("plan a.yaml --allow weakening").exits(1);
        run.says(&[
            "error[unknown-policy]",
            &format!("account `chat` has no content filter `{policy}`"),
            near,
            "a.yaml:10",
        ]);
        folder.keyless("apply a.yaml --yes --allow weakening").exits(1);
        assert!(azure.take_writes().is_empty());
    }
    // What cannot be listed is not said to be missing.
    azure.spoil("GET", "/raiPolicies?", Fault::denied());
    let run = folder.keyless("plan a.yaml --allow weakening");
    assert!(!run.stdout.contains("unknown-policy"), "{run}");
    azure.heal();
    write(&folder, &named("STRICT"));
    folder.keyless("apply a.yaml --yes --allow weakening").exits(0);
    // One that the same plan makes is there in time.
    let other = STRICT.replace("name: strict", "name: other");
    write(&folder, &(named("other") + &other));
    folder.keyless("apply a.yaml --yes --allow weakening").exits(0);
}

const SPILLING: &str = "deployments:
  - name: ptu
    model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}
    sku: {name: GlobalStandard, capacity: 1}
    spilloverDeploymentName: overflow
  - name: overflow
    model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}
    sku: {name: GlobalStandard, capacity: 1}
    dynamicThrottlingEnabled: true
";

#[test]
fn a_deployment_is_made_after_the_one_that_it_spills_over_to() {
    let azure = Azure::start();
    let folder = azure.folder();
    write(&folder, SPILLING);
    folder.keyless("apply a.yaml --yes").exits(0);
    let made = writes(&azure);
    let at = |name: &str| made.iter().position(|each| each == &format!("PUT {name}")).unwrap();
    assert!(at("overflow") < at("ptu"), "{made:?}");
    in_sync(&folder);
    let live = |name: &str| azure.get(&child(&format!("deployments/{name}")))["properties"].clone();
    assert_eq!(live("ptu")["spilloverDeploymentName"], "overflow");
    assert_eq!(live("overflow")["dynamicThrottlingEnabled"], true);
    // Each alone is a change of its own, and `null` takes the reference away.
    write(&folder, &SPILLING.replace("Enabled: true", "Enabled: false"));
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(writes(&azure), ["PUT overflow"]);
    write(
        &folder,
        &SPILLING.replace("Name: overflow", "Name: null").replace("Enabled: true", "Enabled: false"),
    );
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(writes(&azure), ["PUT ptu"]);
    assert_eq!(live("ptu")["spilloverDeploymentName"], Value::Null);
    in_sync(&folder);
}

#[test]
fn deployments_that_wait_for_each_other_are_an_error() {
    let folder = Folder::new();
    for name in ["ptu", "PTU"] {
        write(
            &folder,
            &SPILLING.replace(
                "    dynamicThrottlingEnabled: true",
                &format!("    spilloverDeploymentName: {name}"),
            ),
        );
        let run = folder.keyless("validate a.yaml").exits(1);
        // One circle is one mistake.
        let run = run.complains(&["deployment `ptu` cannot depend on itself"]);
        assert_eq!(run.stderr.matches("depend on itself").count(), 1, "{run}");
    }
}

/// The publisher of Claude wants to know who uses it. Whether Azure shows that is not known: it is compared only if shown.
#[test]
fn what_a_publisher_wants_to_know_is_sent_and_compared_if_it_is_shown() {
    let claude = "deployments:
  - name: claude
    model: {format: Anthropic, name: claude-sonnet-4-5, version: \"20250929\"}
    sku: {name: GlobalStandard, capacity: 1}
    modelProviderData: {organizationName: Contoso, countryCode: DE, industry: technology}
";
    let (azure, folder) = applied(claude);
    let live = azure.get(&child("deployments/claude"));
    assert_eq!(live["properties"]["modelProviderData"]["organizationName"], "Contoso");
    write(&folder, &claude.replace("Contoso", "Fabrikam"));
    folder.keyless("plan a.yaml").exits(0).says(&[
        "modelProviderData.organizationName",
        "Contoso",
        "Fabrikam",
    ]);
    write(&folder, &claude.replace("DE", "Germany"));
    folder.keyless("validate a.yaml").exits(1).complains(&["countryCode"]);
}
