//! A platform as teams have it: applied once, in sync afterwards, and nothing lost that was set by hand outside of it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::common::{Azure, CS_USER, account, head, one_account};

const ROLES: [&str; 3] =
    ["Cognitive Services User", "Cognitive Services OpenAI User", "Cognitive Services Data Reader"];

/// 5 accounts, 20 deployments, 60 role assignments, 4 projects, 6 connections, 3 content filters.
fn platform() -> String {
    let mut spec = format!("{}accounts:\n", head("platform"));
    for number in 0..5 {
        let _ = writeln!(spec, "  - name: ai-{number}\n    tags: {{team: t{number}}}\n    roleAssignments:");
        for (role, name) in ROLES.iter().enumerate() {
            let _ = writeln!(spec, "      - role: {name}\n        principals:");
            for principal in 0..4 {
                let id = format!("aaaaaaaa-{number:04}-4000-8{role:03}-{principal:012}");
                let _ = writeln!(spec, "          - {{id: {id}, type: Group}}");
            }
        }
        if number < 3 {
            spec.push_str(
                "    raiPolicies:\n      - name: strict\n        mode: Blocking\n        contentFilters:\n",
            );
            for source in ["Prompt", "Completion"] {
                let _ = writeln!(
                    spec,
                    "          - {{name: Hate, source: {source}, enabled: true, blocking: true, severityThreshold: Low}}"
                );
            }
        }
        spec.push_str("    deployments:\n");
        for deployment in 0..4 {
            let _ = writeln!(
                spec,
                "      - name: chat-{deployment}\n        model: {{format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}}\n        sku: {{name: GlobalStandard, capacity: {}}}",
                deployment + 1
            );
            if number < 3 {
                spec.push_str("        raiPolicyName: strict\n");
            }
        }
        if number < 4 {
            let _ = writeln!(
                spec,
                "    projects:\n      - name: team-{number}\n        displayName: Team {number}\n        connections:"
            );
            let target = format!("https://ai-{number}.cognitiveservices.azure.com/");
            let _ = writeln!(
                spec,
                "          - {{name: models, category: AIServices, target: '{target}', authType: AAD}}"
            );
        }
        if number < 2 {
            spec.push_str("    connections:\n      - name: search\n        category: CognitiveSearch\n        target: https://s.search.windows.net/\n        authType: ApiKey\n        credentials: {key: '${secret.SEARCH}'}\n");
        }
    }
    spec
}

#[test]
fn a_platform_applies_plans_clean_and_loses_nothing_set_by_hand() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", platform());
    let secret = [("KEYLESS_SECRET_SEARCH", "the-key-of-search")];
    let run = folder.with_env("apply a.yaml --yes --allow delete-list --format json", &secret).exits(0);
    let created = run.json()["summary"]["done"].as_u64();
    assert_eq!(created, Some(5 + 20 + 60 + 4 + 6 + 3), "{run}");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);

    // By hand, outside of what the spec says.
    azure.patch(&account("ai-0"), json!({"tags": {"keyless-stack": "platform", "team": "t0", "cost": "7"}}));
    azure.grant(
        &account("ai-1"),
        "12345678-aaaa-4bbb-8ccc-0123456789ab",
        CS_USER,
        "bbbbbbbb-0000-4000-8000-000000000009",
        None,
    );
    let model = json!({"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"});
    let by_hand = [
        (
            "ai-2/deployments/by-hand",
            json!({"sku": {"name": "GlobalStandard", "capacity": 2}, "properties": {"model": model}}),
        ),
        (
            "ai-3/connections/by-hand",
            json!({"properties": {"category": "ApiKey", "target": "https://h.example.com", "authType": "ApiKey", "credentials": {"key": "k"}}}),
        ),
    ];
    for (path, body) in &by_hand {
        azure.put(&account(path), body.clone());
    }
    let mut project = azure.get(&account("ai-0/projects/team-0"));
    project["properties"] = json!({"displayName": "Team 0", "description": "by hand"});
    let body = json!({"location": project["location"], "identity": {"type": "SystemAssigned"}, "tags": project["tags"], "properties": project["properties"]});
    azure.put(&account("ai-0/projects/team-0"), body);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);

    // A change to each of what was touched: only that is written.
    let changed = platform()
        .replacen("tags: {team: t0}", "tags: {team: t9}", 1)
        .replacen("displayName: Team 0", "displayName: Team 9", 1)
        .replacen("capacity: 4", "capacity: 9", 1);
    folder.write("a.yaml", changed);
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(azure.take_writes().len(), 3);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    assert_eq!(azure.get(&account("ai-0"))["tags"]["cost"], "7");
    assert_eq!(azure.get(&account("ai-0/projects/team-0"))["properties"]["description"], "by hand");
    assert_eq!(azure.get(&account("ai-2/deployments/by-hand"))["sku"]["capacity"], 2);
    assert_eq!(azure.get(&account("ai-3/connections/by-hand"))["properties"]["authType"], "ApiKey");
    let kept: Vec<Value> = azure.grants_at(&account("ai-1"));
    assert_eq!(kept.len(), 13);
}

/// Azure takes the names of tags in any case: the spec's name means the live one, and the write of one is no change of another.
#[test]
fn a_tag_is_the_same_in_whatever_case_it_is_live() {
    for (declared, live) in [("dev", json!({"ENV": "dev"})), ("null", json!({}))] {
        let azure = Azure::start();
        let folder = azure.folder();
        azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
        azure.patch(&account("chat"), json!({"tags": {"ENV": "prod"}}));
        folder.write("a.yaml", one_account("team-a", "chat", &format!("tags: {{Env: {declared}}}\n")));
        folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done, 0 failed"]);
        assert_eq!(azure.get(&account("chat"))["tags"], live);
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    }
}
