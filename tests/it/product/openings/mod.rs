//! What opens a network, weakens a filter or redirects a secret: refused with the flag that lifts exactly that.

mod filters;
mod rows;

use std::collections::BTreeSet;

use serde_json::json;

use rows::Opening;
pub(crate) use rows::openings;
use rows::{HOST, KEY, OTHER_KEY, SECRETS, deployment};

use crate::common::{ALICE, Azure, Fault, Folder, Run, account, few, grants, head, one_account, shared};

/// The guards of openings, by what `--allow` calls them.
const RULES: &[&str] = &[
    "public-network",
    "network-range",
    "network-subnet",
    "network-bypass",
    "outbound",
    "connection",
    "weakening",
    "keys-on",
    "grant",
];

/// The flags that a run names, without their quotes.
fn flags(run: &Run) -> BTreeSet<String> {
    let document = run.json();
    let hints =
        document["findings"].as_array().unwrap().iter().filter_map(|finding| finding["hint"].as_str());
    let flags = hints.filter_map(|hint| Some(hint.split_once("--allow ")?.1.trim_matches('\'').to_owned()));
    flags.collect()
}

fn run(folder: &Folder, arguments: &str) -> Run {
    folder.with_env(arguments, SECRETS)
}

/// The account as it is before, applied: what is closed from the start opens nothing.
fn live(opening: &Opening) -> (Azure, Folder) {
    let azure = Azure::start();
    let folder = azure.folder();
    if let Some(lines) = &opening.before {
        let lines = format!("{lines}{}", grants(&[ALICE]));
        folder.write("a.yaml", one_account("team-a", "chat", &lines));
        run(&folder, "apply a.yaml --yes -q").exits(0);
    }
    azure.take_seen();
    (azure, folder)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_guarded_field_is_refused_and_its_flag_lifts_only_that_guard() {
    for opening in few(2, openings()) {
        let (azure, folder) = live(&opening);
        let lines = format!("{}{}", opening.after, grants(&[ALICE]));
        folder.write("a.yaml", one_account("team-a", "chat", &lines));
        let what = format!("{} {:?}\n{}", opening.field, opening.before, opening.after);
        let planned = run(&folder, "plan a.yaml --format json");
        assert_eq!(planned.code, 3, "{what}\n{planned}");
        let flag = format!("{}:{}", opening.rule, opening.address);
        assert_eq!(flags(&planned), BTreeSet::from([flag.clone()]), "{what}\n{planned}");
        run(&folder, "apply a.yaml --yes").exits(3).complains(&["nothing was written"]);
        // Every other rule at this address, and this one at another.
        let others = RULES.iter().filter(|rule| **rule != opening.rule);
        let mut flags: Vec<String> =
            others.map(|rule| format!("--allow {rule}:{}", opening.address)).collect();
        flags.push(format!("--allow {}:accounts/another", opening.rule));
        assert_eq!(run(&folder, &format!("plan a.yaml {}", flags.join(" "))).code, 3, "{what}");
        assert!(azure.take_writes().is_empty(), "{what}");
        // Azure itself refuses a policy that does not exist.
        if opening.after.contains("Microsoft.Nil") {
            run(&folder, &format!("plan a.yaml --allow {flag}")).exits(0);
            continue;
        }
        let lifted = run(&folder, &format!("apply a.yaml --yes --allow {flag}"));
        assert_eq!(lifted.code, 0, "{what}\n{lifted}");
        assert!(!azure.take_writes().is_empty(), "{what}");
        // Once it exists, it is not new.
        let again = run(&folder, "plan a.yaml --detailed-exitcode");
        assert_eq!(again.code, 0, "{what}\n{again}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn the_shared_cases_of_openings_are_refused_with_their_flags() {
    let Some(cases) = shared("cases/guards") else { return };
    let lifts: &[(&str, &[&str])] = &[
        ("network-almost-everyone", &["network-range:accounts/chat-a"]),
        ("filter-from-azures-own-to-lax", &["weakening:accounts/chat-a/deployments/gpt"]),
        ("filter-made-up", &["weakening:accounts/chat-a/deployments/gpt"]),
        ("outbound-opened", &["network-bypass:accounts/chat-a", "outbound:accounts/chat-a"]),
    ];
    for (name, expected) in few(2, lifts) {
        let azure = Azure::start();
        let folder = azure.folder();
        let read = |name: &str| std::fs::read_to_string(cases.join(format!("{name}.yaml"))).unwrap();
        folder.write("a.yaml", read("base"));
        folder.keyless("apply a.yaml --yes -q").exits(0);
        folder.write("a.yaml", read(name));
        let planned = folder.keyless("plan a.yaml --format json").exits(3);
        let expected: BTreeSet<String> = expected.iter().map(|flag| (*flag).to_owned()).collect();
        assert_eq!(flags(&planned), expected, "{name}\n{planned}");
        // Each is needed, and together they suffice.
        let all: Vec<String> = expected.iter().map(|flag| format!("--allow {flag}")).collect();
        folder.keyless(&format!("plan a.yaml {}", all.join(" "))).exits(0);
        for left_out in &all {
            let rest: Vec<&str> = all.iter().filter(|flag| *flag != left_out).map(String::as_str).collect();
            folder.keyless(&format!("plan a.yaml {}", rest.join(" "))).exits(3);
        }
    }
}

#[test]
fn connections_of_projects_and_hubs_are_guarded_too_and_a_rotation_passes() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |target: &str, key: &str| {
        let connection =
            format!("connections: [{{name: search, category: CognitiveSearch, target: '{target}', {key}}}]");
        let account = one_account(
            "team-a",
            "chat",
            &format!("projects: [{{name: team, {connection}}}]\n{}", grants(&[ALICE])),
        );
        format!("{account}workspaces: [{{name: hub, {connection}}}]\n")
    };
    folder.write("a.yaml", spec(HOST, KEY));
    run(&folder, "apply a.yaml --yes -q").exits(0);
    folder.write("a.yaml", spec("https://evil.example/", OTHER_KEY));
    let planned = run(&folder, "plan a.yaml --format json").exits(3);
    let (project, hub) = (
        "connection:accounts/chat/projects/team/connections/search",
        "connection:workspaces/hub/connections/search",
    );
    assert_eq!(flags(&planned), BTreeSet::from([project.to_owned(), hub.to_owned()]), "{planned}");
    run(&folder, &format!("plan a.yaml --allow {project}")).exits(3);
    run(&folder, &format!("plan a.yaml --allow {project} --allow {hub}")).exits(0);
    azure.take_writes();
    // The same secret again, to the same host.
    folder.write("a.yaml", spec(HOST, KEY));
    run(&folder, "apply a.yaml --yes --rotate accounts/chat/projects/team/connections/search").exits(0);
    assert_eq!(azure.take_writes().len(), 1);
    // Without a key, another host gets no secret.
    folder.write("a.yaml", spec("https://evil.example/", "authType: AAD"));
    run(&folder, "plan a.yaml").exits(0);
}

#[test]
fn a_restore_that_opens_what_was_closed_is_refused() {
    let azure = Azure::start();
    let folder = azure.folder();
    let spec = |lines: &str| {
        let text = one_account("team-a", "chat", &format!("{lines}{}", grants(&[ALICE])));
        text.replacen("stack: team-a\n", "stack: team-a\nonSoftDeleted: restore\n", 1)
    };
    let closed = "publicNetworkAccess: Disabled\nnetworkAcls: {defaultAction: Deny, ipRules: []}\n";
    folder.write("a.yaml", spec(closed));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    azure.delete(&account("chat"));
    folder.keyless("plan a.yaml").exits(0);
    folder.write(
        "a.yaml",
        spec("publicNetworkAccess: Enabled\nnetworkAcls: {defaultAction: Deny, ipRules: [20.0.0.0/8]}\n"),
    );
    let planned = folder.keyless("plan a.yaml --format json").exits(3);
    let expected = ["network-range:accounts/chat", "public-network:accounts/chat"].map(str::to_owned);
    assert_eq!(flags(&planned), BTreeSet::from(expected), "{planned}");
}

#[test]
fn closing_needs_no_word() {
    let azure = Azure::start();
    let folder = azure.folder();
    azure.make_account("chat", &json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    let closing = "publicNetworkAccess: Enabled\nrestrictOutboundNetworkAccess: true\nallowedFqdnList: [good.example]\n";
    let lines = format!(
        "{closing}networkAcls: {{defaultAction: Deny, bypass: AzureServices, ipRules: [10.0.0.0/8]}}\n"
    );
    folder.write("a.yaml", one_account("team-a", "chat", &format!("{lines}{}", grants(&[ALICE]))));
    folder.keyless("apply a.yaml --yes").exits(0);
}

/// The reads of a plan whose path has this.
fn reads(azure: &Azure, part: &str) -> usize {
    azure.take_seen().iter().filter(|seen| seen.target.contains(part)).count()
}

#[test]
fn the_policies_of_an_account_are_read_where_a_deployment_gets_another_and_not_in_sync() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = |policy: &str, capacity: u32| {
        deployment(policy).replace("capacity: 1", &format!("capacity: {capacity}")) + &grants(&[ALICE])
    };
    folder.write("a.yaml", one_account("team-a", "chat", &lines("Microsoft.DefaultV2", 1)));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    azure.take_seen();
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    assert_eq!(reads(&azure, "raiPolicies"), 0, "in sync");
    folder.write("a.yaml", one_account("team-a", "chat", &lines("Microsoft.DefaultV2", 2)));
    folder.keyless("plan a.yaml").exits(0);
    assert_eq!(reads(&azure, "raiPolicies"), 0, "another capacity");
    folder.write("a.yaml", one_account("team-a", "chat", &lines("Microsoft.Default", 1)));
    folder.keyless("plan a.yaml").exits(3);
    assert_eq!(reads(&azure, "raiPolicies"), 1, "another policy");
    // What cannot be read counts as stricter when it is left, and a plan says that it was not read.
    folder.write(
        "a.yaml",
        one_account(
            "team-a",
            "chat",
            &format!("{}{}", deployment("Microsoft.DefaultV2").replace("gpt,", "new,"), grants(&[ALICE])),
        ),
    );
    azure.spoil("GET", "/raiPolicies?", Fault::denied());
    let planned = folder.keyless("plan a.yaml --allow delete-deployment --format json").exits(0);
    assert!(planned.findings().iter().any(|finding| finding.starts_with("not-checked")), "{planned}");
    folder.write("a.yaml", one_account("team-a", "chat", &lines("Microsoft.Default", 1)));
    let planned = folder.keyless("plan a.yaml").exits(3);
    planned.says(&["which may block less: Azure does not show what `Microsoft.DefaultV2` blocks"]);
}

/// A saved plan is judged again by what Azure shows then.
#[test]
fn a_saved_plan_is_refused_without_its_flags() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = |policy: &str| format!("{}{}", deployment(policy), grants(&[ALICE]));
    folder.write("a.yaml", one_account("team-a", "chat", &lines("Microsoft.DefaultV2")));
    folder.keyless("apply a.yaml --yes -q").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", &lines("Microsoft.Default")));
    let flag = "--allow weakening:accounts/chat/deployments/gpt";
    folder.keyless(&format!("plan a.yaml --out p.json {flag}")).exits(0);
    azure.take_seen();
    folder.keyless("apply p.json --yes").exits(3).complains(&["nothing was written"]);
    // What the file calls it lifts nothing: the address of a saved plan is the resource's id.
    folder.keyless(&format!("apply p.json --yes {flag}")).exits(3);
    let flag = format!("--allow weakening:{}/deployments/gpt", account("chat"));
    folder.keyless(&format!("apply p.json --yes {flag}")).exits(0);
}

#[test]
fn content_filters_are_checked_against_what_the_region_has() {
    let azure = Azure::start();
    let folder = azure.folder();
    let with = |filters: &str| {
        one_account(
            "team-a",
            "chat",
            &format!("raiPolicies:\n  - name: own\n    contentFilters:\n{filters}{}", grants(&[ALICE])),
        )
    };
    let good = "      - {name: hate, source: Prompt, enabled: true, blocking: true, severityThreshold: Low}\n      - {name: Protected Material Text, source: Completion, enabled: true, blocking: true}\n      - {name: Indirect Attack, source: Prompt, enabled: true, blocking: true}\n      - {name: Profanity, source: Completion, enabled: true, blocking: true}\n      - {name: Sexual, source: Prompt, enabled: false, blocking: false}\n";
    folder.write("a.yaml", with(good));
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(0);
    assert!(reads(&azure, "/locations/eastus2/raiContentFilters") > 0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    assert_eq!(reads(&azure, "raiContentFilters"), 0, "in sync");
    let wrong = "      - {name: Jailbreak, source: Completion, enabled: true, blocking: true, severityThreshold: High}\n      - {name: Hate, source: Prompt, enabled: true, blocking: true}\n      - {name: Nonsense, source: Prompt, enabled: true, blocking: true}\n      - {name: Violense, source: Prompt, enabled: true, blocking: true, severityThreshold: Low}\n";
    folder.write("a.yaml", with(wrong));
    let planned = folder.keyless("plan a.yaml --format json").exits(1);
    let first = head("team-a").lines().count() + 6;
    let at = |line: usize, code: &str| format!("{code}@{}", first + line);
    for expected in
        [at(0, "invalid-filter"), at(1, "invalid-filter"), at(2, "unknown-filter"), at(3, "unknown-filter")]
    {
        assert!(planned.findings().contains(&expected), "{expected}\n{planned}");
    }
    planned.says(&[
        "content filter `Jailbreak` does not apply to `Completion`",
        "content filter `Jailbreak` has no severity levels",
        "content filter `Hate` needs a `severityThreshold`",
        "region `eastus2` has no content filter `Nonsense`",
        "did you mean `Violence`?",
    ]);
    folder.keyless("apply a.yaml --yes").exits(1);
    // A check that may not be made is a note.
    folder.write("a.yaml", with(good).replace("severityThreshold: Low", "severityThreshold: Medium"));
    azure.spoil("GET", "/raiContentFilters", Fault::denied());
    let planned = folder.keyless("plan a.yaml --format json --allow weakening").exits(0);
    assert!(planned.findings().iter().any(|finding| finding.starts_with("not-checked")), "{planned}");
}

#[test]
fn the_shared_case_of_content_filters_is_found_while_planning() {
    let Some(case) = shared("cases/azure/invalid-content-filter.yaml") else { return };
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", std::fs::read_to_string(case).unwrap());
    let planned = folder.keyless("plan a.yaml --format json").exits(1);
    let codes: Vec<String> =
        planned.findings().into_iter().filter(|finding| finding.contains("-filter@")).collect();
    assert_eq!(
        codes,
        ["invalid-filter@12", "invalid-filter@12", "invalid-filter@13", "unknown-filter@14"],
        "{planned}"
    );
    assert!(azure.take_writes().is_empty());
}
