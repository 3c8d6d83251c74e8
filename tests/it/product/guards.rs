//! Refusals: exit 3, nothing written, lifted by name on the command line and in no other way.

use serde_json::json;

use crate::common::{
    ALICE, Azure, BOB, CAROL, CS_USER, Folder, SUB, account, few, grants, head, listed, one_account,
};

/// A guard's case: what is live, the spec, the rule, and the address that lifts it alone.
struct Case {
    rule: &'static str,
    address: Option<String>,
    live: fn(&Azure, &Folder),
    spec: String,
}

fn at(scope: &str, role: &str) -> String {
    format!(
        "{}roleAssignments: [{{scope: {scope}, role: {role}, principals: [{{id: {BOB}, type: User}}]}}]\n",
        head("team-a")
    )
}

fn principal(index: u32) -> String {
    format!("dddddddd-0000-4000-8000-{index:012}")
}

/// A spec with many grants at the group.
fn many(count: u32) -> String {
    let mut text = format!(
        "{}roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n    principals:\n",
        head("team-a")
    );
    text.push_str(&listed((0..count).map(principal), "User"));
    text
}

fn cases() -> Vec<Case> {
    let locked = |azure: &Azure, _: &Folder| {
        let acls = json!({"defaultAction": "Deny", "ipRules": [{"value": "192.0.2.1"}]});
        azure.make_account(
            "chat",
            &json!({"customSubDomainName": "chat", "disableLocalAuth": true, "publicNetworkAccess": "Disabled", "networkAcls": acls}),
        );
        azure.grant(&account("chat"), "12345678-aaaa-4bbb-8ccc-0123456789ab", CS_USER, ALICE, None);
    };
    let chat = || Some("accounts/chat".to_owned());
    let account = |lines: &str| one_account("team-a", "chat", lines);
    vec![
        Case { rule: "keys-on", address: chat(), live: locked, spec: account("disableLocalAuth: false\n") },
        Case { rule: "key-use", address: chat(), live: unlogged, spec: account(&unused()) },
        Case {
            rule: "public-network",
            address: chat(),
            live: locked,
            spec: account("publicNetworkAccess: Enabled\n"),
        },
        Case {
            rule: "public-network",
            address: chat(),
            live: locked,
            spec: account("networkAcls: {defaultAction: Allow}\n"),
        },
        Case {
            rule: "network-range",
            address: chat(),
            live: locked,
            spec: account("networkAcls: {ipRules: [0.0.0.0/0]}\n"),
        },
        Case { rule: "grant", address: None, live: |_, _| {}, spec: at("resourceGroup", "Owner") },
        Case { rule: "grant", address: None, live: |_, _| {}, spec: at("subscription", "Reader") },
        Case {
            rule: "lock-out",
            address: chat(),
            live: |azure, _| {
                azure
                    .make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
            },
            spec: account("disableLocalAuth: true\n"),
        },
        Case {
            rule: "deletes",
            address: None,
            live: |_, folder| {
                folder.write("old.yaml", many(12));
                folder.keyless("apply old.yaml --yes -q").exits(0);
            },
            spec: many(7),
        },
        Case {
            rule: "delete-account",
            address: None,
            live: |_, folder| {
                folder.write("old.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
                folder.keyless("apply old.yaml --yes -q").exits(0);
            },
            spec: head("team-a"),
        },
        Case {
            rule: "delete-project",
            address: None,
            live: |_, folder| {
                folder.write("old.yaml", one_account("team-a", "chat", "projects: [{name: team}]\n"));
                folder.keyless("apply old.yaml --yes -q").exits(0);
            },
            spec: account("projects: []\n"),
        },
        Case {
            rule: "weakening",
            address: Some("accounts/chat/raiPolicies/strict".to_owned()),
            live: |_, folder| {
                folder.write("old.yaml", one_account("team-a", "chat", &policy("Medium")));
                folder.keyless("apply old.yaml --yes -q").exits(0);
            },
            spec: account(&policy("High")),
        },
        Case {
            rule: "weakening",
            address: Some("accounts/chat/deployments/gpt".to_owned()),
            live: |_, folder| {
                let lines = format!("{}{}", policy("Low"), deployment("strict"));
                folder.write("old.yaml", one_account("team-a", "chat", &lines));
                folder.keyless("apply old.yaml --yes -q").exits(0);
            },
            spec: account(&format!("{}{}", policy("Low"), deployment("Microsoft.DefaultV2"))),
        },
    ]
}

/// An account with keys on, and a call that no log has.
fn unlogged(azure: &Azure, _: &Folder) {
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": false}));
    let body = json!({"account": account("chat"), "calls": [{"daysAgo": 1, "logged": false}]});
    assert_eq!(azure.send("POST", "/_sandbox/monitor", Some(body)).status, 200);
}

/// Lines that turn keys off once they are unused.
fn unused() -> String {
    format!("disableLocalAuth: true\nkeyUsage: {{quietDays: 35}}\n{}", grants(&[ALICE]))
}

/// Lines of a content filter.
fn policy(threshold: &str) -> String {
    let filter = format!("enabled: true, blocking: true, severityThreshold: {threshold}");
    format!(
        "raiPolicies: [{{name: strict, mode: Blocking, contentFilters: [{{name: Hate, source: Prompt, {filter}}}]}}]\n"
    )
}

/// Lines of a deployment with a content filter.
fn deployment(policy: &str) -> String {
    let model = "model: {format: OpenAI, name: gpt-4o, version: '2024-11-20'}";
    format!(
        "deployments: [{{name: gpt, {model}, sku: {{name: GlobalStandard, capacity: 1}}, raiPolicyName: {policy}}}]\n"
    )
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_guarded_plan_is_refused_unless_its_rule_is_named() {
    for case in few(2, cases()) {
        let azure = Azure::start();
        let folder = azure.folder();
        (case.live)(&azure, &folder);
        folder.write("a.yaml", &case.spec);
        azure.take_seen();
        let what = format!("{}\n{}", case.rule, case.spec);
        let rule = case.rule;
        let run = folder.keyless("plan a.yaml --format json").exits(3);
        assert!(
            run.findings().iter().any(|finding| finding.starts_with(&format!("guard-{rule}@"))),
            "{what}\n{run}"
        );
        folder.keyless("plan a.yaml --detailed-exitcode").exits(3);
        folder.keyless("apply a.yaml --yes").exits(3).complains(&["nothing was written"]);
        let other = if rule == "deletes" { "keys-on" } else { "deletes" };
        folder.keyless(&format!("apply a.yaml --yes --allow {other}")).exits(3);
        folder.keyless(&format!("apply a.yaml --yes --allow {rule}:accounts/another")).exits(3);
        folder.with_env("apply a.yaml --yes", &[("KEYLESS_ALLOW", rule)]).exits(3);
        assert!(azure.take_writes().is_empty(), "{what}");
        if let Some(address) = &case.address {
            folder.keyless(&format!("plan a.yaml --allow {rule}:{address}")).exits(0);
        }
        folder.keyless(&format!("apply a.yaml --yes --allow {rule}")).exits(0);
        assert!(!azure.take_writes().is_empty(), "{what}");
    }
}

#[test]
fn what_lies_below_a_guards_limit_passes() {
    let azure = Azure::start();
    let folder = azure.folder();
    let nobody = format!("{}roleAssignments: []\n", head("team-a"));
    // 4 deletes, however large a part; and 5 of 20.
    for (before, after) in [(4, 0), (20, 15)] {
        folder.write("a.yaml", many(before));
        folder.keyless("apply a.yaml --yes -q").exits(0);
        folder.write("a.yaml", if after == 0 { nobody.clone() } else { many(after) });
        folder.keyless("apply a.yaml --yes -q").exits(0);
    }
    // Closing needs no word, and neither does taking over an account whose keys are off.
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    folder.write(
        "b.yaml",
        one_account("team-b", "chat", &format!("publicNetworkAccess: Disabled\n{}", grants(&[CAROL]))),
    );
    folder.keyless("apply b.yaml --yes").exits(0);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn eleven_deletes_are_too_many_whatever_part_they_are() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", many(60));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    folder.write("a.yaml", many(50));
    folder.keyless("plan a.yaml").exits(0);
    folder.write("a.yaml", many(49));
    folder.keyless("plan a.yaml").exits(3).says(&["the plan deletes 11 of stack `team-a`"]);
}

#[test]
fn a_failure_outranks_a_refusal_which_outranks_changes() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/a.yaml", at("subscription", "Reader"));
    folder.keyless("plan --detailed-exitcode").exits(3);
    folder.write("specs/b.yaml", one_account("team-b", "chat", &grants(&[ALICE])));
    azure.spoil("GET", "CognitiveServices/accounts?", crate::common::Fault::denied());
    folder.keyless("plan --detailed-exitcode").exits(1);
}

#[test]
fn a_rule_that_does_not_exist_is_misuse() {
    let run = Folder::new().keyless("plan --allow everything").exits(1);
    assert!(run.stderr.contains("no guard is called `everything`"), "{run}");
}

#[test]
fn dropping_or_changing_a_condition_is_guarded() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |condition: &str| {
        format!(
            "{}roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n{condition}    principals: [{{id: {BOB}, type: User}}]\n",
            head("team-a")
        )
    };
    let condition = "    condition: \"@Resource[x] StringEquals 'a b'\"\n";
    folder.write("a.yaml", spec(condition));
    folder.keyless("apply a.yaml --yes").exits(0);
    let live = &azure.grants_at(&format!("/subscriptions/{SUB}/resourceGroups/rg"))[0]["properties"];
    assert_eq!(
        (live["condition"].as_str(), live["conditionVersion"].as_str()),
        (Some("@Resource[x] StringEquals 'a b'"), Some("2.0"))
    );
    // White space does not count, except in quotes.
    folder.write("a.yaml", spec("    condition: \" @Resource[x]   StringEquals 'a b'\"\n"));
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    for changed in ["\"@Resource[x] StringEquals 'ab'\"", "null"] {
        folder.write("a.yaml", spec(&format!("    condition: {changed}\n")));
        folder.keyless("plan a.yaml").exits(3).says(&["guard-condition"]);
    }
}
