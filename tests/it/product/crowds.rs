//! However much there is to show: what lets somebody in is named, principals stay apart, and nobody who writes a spec blanks a comment.

use std::fmt::Write as _;

use serde_json::json;

use crate::common::{Azure, CS_USER, Fault, Folder, account, assignment, head, one_account, role};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

fn grant(azure: &Azure, name: &str, number: usize, given: &str, who: &str) {
    let id = assignment(&account(name), &format!("cccccccc-0000-4000-8000-{number:012}"));
    azure.put(
        &id,
        json!({"properties": {"roleDefinitionId": role(given), "principalId": who, "principalType": "User"}}),
    );
}

fn file(folder: &Folder, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap()
}

/// Very many accounts whose tags differ; of three the network is opened or somebody has become their owner, and one has another filter.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_lets_somebody_in_is_named_in_any_crowd() {
    const ACCOUNTS: usize = 150;
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = head("crowd") + "accounts:\n";
    for index in 0..ACCOUNTS {
        let name = format!("chat-{index:03}");
        let long = "y".repeat(60);
        let tags = json!({"a": format!("old{index}{long}"), "b": format!("old{index}{long}"), "keyless-stack": "crowd"});
        let network = if index == 148 { "Enabled" } else { "Disabled" };
        azure.put(&account(&name), json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "tags": tags,
            "properties": {"customSubDomainName": name, "disableLocalAuth": true, "publicNetworkAccess": network}}));
        let _ = write!(
            spec,
            "  - name: {name}\n    disableLocalAuth: true\n    publicNetworkAccess: Disabled\n    tags: {{a: new{index}{long}, b: new{index}{long}}}\n    roleAssignments: []\n"
        );
    }
    folder.write("a.yaml", spec);
    grant(&azure, "chat-070", 1, OWNER, "abcdef12-0000-4000-8000-000000000001");
    grant(&azure, "chat-071", 2, CS_USER, "abcdef13-0000-4000-8000-000000000001");
    let drift = folder.keyless("drift a.yaml --report comment=c.md --report markdown=m.md").exits(2);
    assert!(drift.stdout.contains("Shortened: ") && drift.stdout.lines().count() <= 500, "{drift}");
    let opened = ["publicNetworkAccess", "Enabled"];
    for shown in [drift.stdout.clone(), file(&folder, "m.md"), file(&folder, "c.md")] {
        for words in [&["Owner", "abcdef12"], &["Cognitive Services User", "abcdef13"], &opened] {
            assert!(
                shown.lines().any(|line| words.iter().all(|word| line.contains(word))),
                "{words:?}: {shown}"
            );
        }
    }
    let plan = folder.keyless("plan a.yaml --report comment=c.md").exits(0);
    for shown in [plan.stdout.clone(), file(&folder, "c.md")] {
        assert!(shown.contains("abcdef12") && shown.contains("abcdef13"), "{shown}");
    }
}

/// More owners than there are lines.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_of_very_many_owners_is_named() {
    const ACCOUNTS: usize = 160;
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = head("crowd") + "accounts:\n";
    for index in 0..ACCOUNTS {
        let name = format!("chat-{index:03}");
        azure.put(&account(&name), json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
            "tags": {"keyless-stack": "crowd"}, "properties": {"customSubDomainName": name, "disableLocalAuth": index % 2 == 0}}));
        grant(
            &azure,
            &name,
            index,
            OWNER,
            &format!("{:08x}-0000-4000-8000-000000000001", 0xa000_0000_usize + index),
        );
        let _ = write!(
            spec,
            "  - name: {name}\n    disableLocalAuth: true\n    tags: {{a: new{index}}}\n    roleAssignments: []\n"
        );
    }
    folder.write("a.yaml", spec);
    let drift = folder.keyless("drift a.yaml --report comment=c.md").exits(2);
    assert!(drift.stdout.contains("changes by name only ("), "{drift}");
    // Keys go off, and nobody else can call.
    let plan = folder.keyless("plan a.yaml").exits(3);
    for shown in [drift.stdout.clone(), file(&folder, "c.md"), plan.stdout.clone()] {
        for index in 0..ACCOUNTS {
            assert!(shown.contains(&format!("{:08x}", 0xa000_0000_usize + index)), "{index}: {shown}");
        }
    }
    let keys = drift.stdout.matches("live: enabled, spec: disabled").count();
    assert_eq!(keys, ACCOUNTS / 2, "{drift}");
}

#[test]
fn principals_whose_ids_begin_alike_stay_apart_in_lists() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let who = |number: usize| format!("abcdef12-0000-4000-8000-{number:012}");
    for number in 0..8 {
        grant(&azure, "chat", number, CS_USER, &who(number));
    }
    for command in ["plan a.yaml", "drift a.yaml", "access a.yaml"] {
        let run = folder.keyless(command);
        for number in 0..8 {
            assert!(run.stdout.contains(&who(number)), "{command}: {number}: {run}");
        }
    }
}

#[test]
fn a_spec_or_a_tag_cannot_blank_words_of_a_comment() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: true\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    let connection = "disableLocalAuth: false
tags: {url: error}
connections:
  - name: models
    category: CustomKeys
    target: https://x.example
    authType: AAD
    metadata: {host1: Owner, host2: API keys, host3: enabled, host4: a.yaml, host5: guard-keys-on, host6: tags.url, host7: the plan enables, host8: db.corp.internal}
";
    folder.write("a.yaml", one_account("team-a", "chat", connection));
    folder.keyless("plan a.yaml --report comment=c.md --report codequality=q.json").exits(3);
    let (comment, quality) = (file(&folder, "c.md"), file(&folder, "q.json"));
    for word in
        ["**error** `guard-keys-on`", "API keys", "`a.yaml:", "tags.url", "the plan enables", "enabled"]
    {
        assert!(comment.contains(word), "{word}: {comment}");
    }
    assert!(quality.contains("the plan enables the API keys"), "{quality}");
    for hidden in ["x.example", "db.corp", "Owner"] {
        assert!(!comment.contains(hidden) && !quality.contains(hidden), "{hidden}: {comment}\n{quality}");
    }
}

#[test]
fn the_host_of_an_unchanged_connection_is_left_out_of_what_a_guard_says() {
    let azure = Azure::start();
    let folder = azure.folder();
    let secret = [("KEYLESS_SECRET_S", "a-long-secret-1234")];
    let first = "connections:
  - {name: first, category: ApiKey, target: s.corp.internal, authType: ApiKey, credentials: {key: \"${secret.S}\"}}
";
    folder.write("a.yaml", one_account("team-a", "chat", first));
    folder.with_env("apply a.yaml --yes", &secret).exits(0);
    let second = format!(
        "{first}  - {{name: second, category: CustomKeys, target: t.corp.internal, authType: CustomKeys, credentials: {{keys: {{a: \"${{secret.S}}\"}}}}}}\n"
    );
    folder.write("a.yaml", one_account("team-a", "chat", &second));
    let reports = "plan a.yaml --report comment=c.md --report codequality=q.json";
    let plan = folder.with_env(reports, &secret).exits(3);
    assert!(plan.stdout.contains("s.corp.internal"), "{plan}");
    for name in ["c.md", "q.json"] {
        let shown = file(&folder, name);
        assert!(shown.contains("guard-connection") && !shown.contains("corp.internal"), "{name}: {shown}");
    }
}

/// More capacity than there is, asked for by very many deployments.
#[test]
fn an_error_about_very_many_deployments_is_short() {
    let azure = Azure::start();
    let folder = azure.folder();
    let mut deployments = String::from("deployments:\n");
    for index in 0..60 {
        let _ = writeln!(
            deployments,
            "  - {{name: deployment-{index}, model: {{format: OpenAI, name: gpt-4o, version: \"2024-11-20\"}}, sku: {{name: GlobalStandard, capacity: 400}}}}"
        );
    }
    folder.write("a.yaml", one_account("team-a", "chat", &deployments));
    let run = folder.keyless("plan a.yaml --format markdown");
    let error = run.stdout.lines().find(|line| line.contains("`quota-exceeded`"));
    assert!(error.is_some_and(|line| line.contains("and 50 more") && line.len() < 2_000), "{run}");
}

/// The steps of very many accounts: what was done by account, and whatever was not by name.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn very_many_steps_are_told_by_account() {
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = head("crowd") + "accounts:\n";
    for index in 0..100 {
        let _ = write!(
            spec,
            "  - name: chat-{index:03}\n    roleAssignments:\n      - role: Cognitive Services User\n        principals:\n"
        );
        for number in 0..5 {
            let _ = writeln!(spec, "          - {{id: {number:08x}-0000-4000-8000-{index:012}, type: User}}");
        }
    }
    folder.write("a.yaml", spec);
    let fault = || Fault::error(400, "BadRequest", "no");
    azure.spoil("PUT", "/accounts/chat-042?", fault());
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    let lines = run.stdout.lines().count() + run.stderr.lines().count();
    assert!(lines <= 500, "{lines}: {run}");
    run.complains(&[
        "failed   account chat-042",
        "skipped  role assignment",
        "99 accounts, each: 6 created",
        "300 of 600 steps",
    ]);
    azure.heal();
    let run = folder.keyless("apply a.yaml --yes").exits(0);
    run.complains(&["created  account chat-042"]);
}

#[test]
fn steps_and_reports_keep_ids_that_begin_alike() {
    let azure = Azure::start();
    let folder = azure.folder();
    let who = |number: usize| format!("abcdef12-0000-4000-8000-{number:012}");
    let principals = (0..3).map(|number| format!("{{id: {}, type: User}}", who(number)));
    let principals = principals.collect::<Vec<_>>().join(", ");
    let roles = format!("roleAssignments: [{{role: Cognitive Services User, principals: [{principals}]}}]\n");
    folder.write("a.yaml", one_account("team-a", "chat", &roles));
    let run = folder.keyless("apply a.yaml --yes --report markdown=m.md").exits(0);
    for number in 0..3 {
        assert!(run.stderr.contains(&who(number)) && file(&folder, "m.md").contains(&who(number)), "{run}");
    }
}

/// Very many new accounts, each different; one has an open network, a foreign connection and a filter that stops nothing.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_something_new_opens_is_shown_in_any_crowd() {
    let azure = Azure::start();
    for accounts in [60, 200] {
        let folder = azure.folder();
        let mut spec = head("crowd") + "accounts:\n";
        for index in 0..accounts {
            let _ = writeln!(spec, "  - name: chat-{index:03}\n    tags: {{n: '{index}'}}");
            if index == 33 {
                spec += "    publicNetworkAccess: Enabled
    networkAcls: {defaultAction: Allow}
    connections: [{name: leak, category: CustomKeys, target: 'https://evil.example/', authType: AAD}]
    raiPolicies: [{name: none, basePolicyName: Microsoft.DefaultV2, mode: Default, contentFilters: [{name: Hate, source: Prompt, blocking: false, enabled: false, severityThreshold: High}]}]
";
            }
            let _ = writeln!(
                spec,
                "    roleAssignments: [{{role: Cognitive Services User, principals: [{{id: {index:08x}-0000-4000-8000-000000000001, type: User}}]}}]"
            );
        }
        folder.write("a.yaml", spec);
        let plan = folder.keyless("plan a.yaml --report comment=c.md --report markdown=m.md");
        let comment = file(&folder, "c.md");
        for shown in [&plan.stdout, &file(&folder, "m.md"), &comment] {
            let is_comment = shown == &comment;
            for word in ["publicNetworkAccess", "defaultAction", "Allow", "leak", "Hate", "blocking"] {
                assert!(shown.contains(word), "{accounts}: {word}: {shown}");
            }
            assert!(is_comment || shown.contains("evil.example"), "{accounts}: {shown}");
        }
        assert!(plan.stdout.lines().count() <= 500, "{plan}");
    }
}

#[test]
fn the_greatest_role_comes_first_among_errors() {
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = head("crowd") + "accounts:\n";
    for index in 0..40 {
        let _ = writeln!(spec, "  - name: chat-{index:03}\n    roleAssignments:");
        if index == 25 {
            spec += "      - {role: Owner, principals: [{id: abcdef12-0000-4000-8000-000000000001, type: User}]}\n";
        }
        let _ = writeln!(
            spec,
            "      - {{role: Cognitive Services Contributor, principals: [{{id: {index:08x}-0000-4000-8000-000000000001, type: User}}]}}"
        );
    }
    folder.write("a.yaml", spec);
    let plan = folder.keyless("plan a.yaml --report comment=c.md --annotations github").exits(3);
    let said = |line: &str| line.contains("guard-grant") && line.contains("Owner");
    let annotation = plan.stdout.lines().chain(plan.stderr.lines()).find(|line| line.starts_with("::error"));
    assert!(annotation.is_some_and(said), "{plan}");
    for shown in [plan.stdout.clone(), file(&folder, "c.md")] {
        let error = shown.lines().find(|line| line.contains("guard-grant") && !line.starts_with("::"));
        assert!(error.is_some_and(said), "{shown}");
    }
}

#[test]
fn principals_whose_ids_begin_alike_stay_apart_in_a_comment() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "roleAssignments: []\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    for number in 1..4 {
        grant(&azure, "chat", number, OWNER, &format!("abcdef12-000{number}-4000-8000-000000000001"));
    }
    folder.keyless("drift a.yaml --report comment=c.md").exits(2);
    let comment = file(&folder, "c.md");
    for number in 1..4 {
        assert!(comment.contains(&format!("abcdef12-000{number}…")), "{comment}");
    }
}

/// One account cannot be made, and very many deployments of others are refused, each with a hint of its own.
#[test]
fn the_first_cause_is_not_lost_behind_many_failures() {
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = head("crowd") + "accounts:\n";
    for index in 0..30 {
        let _ = writeln!(
            spec,
            "  - name: chat-{index:03}\n    deployments: [{{name: gpt, model: {{format: OpenAI, name: gpt-4o, version: \"2024-11-20\"}}, sku: {{name: GlobalStandard, capacity: 1}}}}]"
        );
    }
    folder.write("a.yaml", spec);
    let denied = || Fault::error(403, "AuthorizationFailed", "Nope for this client.");
    for index in (0..30).filter(|index| *index != 11) {
        azure.spoil("PUT", &format!("/accounts/chat-{index:03}/deployments/"), denied());
    }
    azure.spoil(
        "PUT",
        "/accounts/chat-011?",
        Fault::error(409, "CustomDomainInUse", "Subdomain name is in use."),
    );
    let run = folder.keyless("apply a.yaml --yes --report markdown=m.md").exits(1);
    let shown = file(&folder, "m.md");
    for shown in [&run.stdout, &shown] {
        assert!(shown.contains("CustomDomainInUse") && shown.contains("customSubDomainName"), "{shown}");
        assert!(shown.contains("cause of these 29"), "{shown}");
    }
    let row = |word: &str| shown.lines().position(|line| line.contains(word));
    assert!(row("**error**") < row("**failed**") && row("**failed**") < row("| created"), "{shown}");
}

#[test]
fn what_does_not_exist_has_no_value_before() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: true\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.delete(&account("chat"));
    folder.keyless("plan a.yaml --report markdown=m.md").exits(1);
    let shown = file(&folder, "m.md");
    assert!(shown.contains("| API keys |  | `disabled` |"), "{shown}");
}
