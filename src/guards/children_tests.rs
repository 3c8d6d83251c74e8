//! Guards of what stands in an account: projects that go, content filters that stop less.

use serde_json::json;

use super::*;

const CHAT: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat";

fn id(below: &str) -> ResourceId {
    ResourceId::parse(&format!("{CHAT}/{below}")).unwrap()
}

fn world(bodies: &[(&str, Value)]) -> World {
    let body = |(below, properties): &(&str, Value)| {
        let id = id(below);
        (id.clone(), json!({"id": id, "properties": properties}).into())
    };
    World { resources: bodies.iter().map(body).collect(), ..World::default() }
}

/// Messages of the guard on filters.
fn said(before: &[(&str, Value)], after: &[(&str, Value)]) -> Vec<String> {
    let objections = weakening::objections(&world(before), &world(after));
    assert!(objections.iter().all(|each| each.rule == Rule::Weakening && each.id.is_some()));
    objections.into_iter().map(|each| each.message).collect()
}

/// A policy with one filter.
fn policy(enabled: bool, blocking: bool, threshold: &str) -> Value {
    json!({"mode": "Blocking", "contentFilters": [
        {"name": "Hate", "source": "Prompt", "enabled": enabled, "blocking": blocking, "severityThreshold": threshold},
    ]})
}

fn deployment(policy: Option<&str>) -> Value {
    json!({ "raiPolicyName": policy })
}

const STRICT: &str = "raiPolicies/strict";

#[test]
fn a_project_goes_only_past_its_guard_and_what_stands_in_it_is_none() {
    for (below, expected) in [
        (
            "projects/team",
            Some("the plan deletes project `team` of `chat`: the agents, threads and files in it are lost"),
        ),
        ("projects/team/connections/search", None),
        ("connections/search", None),
        ("raiPolicies/strict", None),
    ] {
        let target = id(below);
        let plan: Plan = serde_json::from_value(json!({
            "formatVersion": "1.0", "target": {"kind": "sandbox"}, "findings": [], "incomplete": [], "fingerprint": "",
            "summary": serde_json::to_value(crate::plan::document::Summary::default()).unwrap(),
            "requests": {"reads": 0, "writes": 0},
            "changes": [{"action": "delete", "kind": "x", "id": target, "address": "an-address", "title": "a title",
                "source": null, "fields": []}],
            "steps": [{"change": 0, "action": "delete", "kind": "x", "target": target, "patch": {}, "lane": "",
                "needs": [], "last": true, "source": null}],
        }))
        .unwrap();
        let before = world(&[(below, json!({}))]);
        let judged = |allowed: &[&str]| {
            let allowed: Vec<Allow> = allowed.iter().map(|text| text.parse().unwrap()).collect();
            judge(&plan, &before, None, &allowed)
        };
        let found = judged(&["delete-deployment", "delete-account", "delete-project:another"]);
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(messages, expected.into_iter().collect::<Vec<_>>(), "{below}");
        if let Some(finding) = found.first() {
            assert!(is_refusal(finding) && finding.code == "guard-delete-project");
            assert_eq!(finding.hint.as_deref(), Some("if it is meant: --allow delete-project:an-address"));
            assert!(!is_refusal(&judged(&["delete-project:an-address"])[0]));
        }
    }
}

#[test]
fn a_filter_that_stops_less_is_refused_and_one_that_stops_as_much_or_more_is_not() {
    let levels = ["Low", "Medium", "High"];
    for (from, old) in levels.iter().enumerate() {
        for (to, new) in levels.iter().enumerate() {
            let found = said(&[(STRICT, policy(true, true, old))], &[(STRICT, policy(true, true, new))]);
            assert_eq!(found.len(), usize::from(to > from), "{old} -> {new}: {found:?}");
        }
    }
    let states = [(true, true), (true, false), (false, true), (false, false)];
    for old in states {
        for new in states {
            // A higher threshold is no loss where nothing was stopped.
            let (before, after) = (policy(old.0, old.1, "Low"), policy(new.0, new.1, "Low"));
            let found = said(&[(STRICT, before)], &[(STRICT, after)]);
            let weaker = old == (true, true) && new != (true, true);
            assert_eq!(found.len(), usize::from(weaker), "{old:?} -> {new:?}: {found:?}");
            let found =
                said(&[(STRICT, policy(old.0, old.1, "Low"))], &[(STRICT, policy(new.0, new.1, "High"))]);
            assert_eq!(found.len(), usize::from(old == (true, true)), "{old:?} -> {new:?} High");
        }
    }
    let prefix = "the plan weakens content filter `strict` of `chat`: `Hate` of `Prompt`";
    for (after, words) in [
        (policy(false, true, "Medium"), "is disabled"),
        (policy(true, false, "Medium"), "no longer blocks"),
        (policy(true, true, "High"), "stops from High on, and did from Medium"),
        (json!({"mode": "Blocking", "contentFilters": []}), "is gone"),
        (json!({"mode": "Blocking"}), "is gone"),
    ] {
        let found = said(&[(STRICT, policy(true, true, "Medium"))], &[(STRICT, after)]);
        assert_eq!(found, [format!("{prefix} {words}")]);
    }
}

#[test]
fn filters_are_the_same_by_name_and_source_without_case_and_in_any_order() {
    let filter = |name: &str, source: &str, blocking: bool| json!({"name": name, "source": source, "blocking": blocking});
    let of = |filters: &[Value]| json!({ "contentFilters": filters });
    let both = of(&[filter("Hate", "Prompt", true), filter("Hate", "Completion", true)]);
    let turned = of(&[filter("hate", "completion", true), filter("HATE", "prompt", true)]);
    assert!(said(&[(STRICT, both.clone())], &[(STRICT, turned)]).is_empty());
    let half = of(&[filter("Hate", "Prompt", true), filter("Hate", "Completion", false)]);
    let found = said(&[(STRICT, both.clone())], &[(STRICT, half)]);
    assert_eq!(
        found,
        ["the plan weakens content filter `strict` of `chat`: `Hate` of `Completion` no longer blocks"]
    );
    // One that says no threshold stops all that it finds.
    let high = json!({"contentFilters": [
        {"name": "Hate", "source": "Prompt", "blocking": true, "severityThreshold": "High"},
        filter("Hate", "Completion", true),
    ]});
    assert_eq!(said(&[(STRICT, both.clone())], &[(STRICT, high)]).len(), 1);
    // A new policy takes nothing away, and neither does one that goes: Azure keeps what a deployment names.
    assert!(said(&[], &[(STRICT, both.clone())]).is_empty());
    assert!(said(&[(STRICT, both)], &[]).is_empty());
}

#[test]
fn answers_that_no_longer_wait_for_the_filter_are_a_weakening() {
    for (old, new, refused) in [
        ("Blocking", "Asynchronous_filter", true),
        ("Default", "deferred", true),
        ("Asynchronous_filter", "Deferred", false),
        ("Deferred", "Blocking", false),
        ("Blocking", "Default", false),
    ] {
        let found = said(&[(STRICT, json!({"mode": old}))], &[(STRICT, json!({"mode": new}))]);
        assert_eq!(!found.is_empty(), refused, "{old} -> {new}: {found:?}");
    }
}

#[test]
fn a_deployment_keeps_its_filter_or_gets_one_that_stops_as_much() {
    let (at, other) = ("deployments/gpt", "raiPolicies/other");
    let strict = || (STRICT, policy(true, true, "Medium"));
    for (from, to, replacement, refused) in [
        (Some("strict"), Some("STRICT"), None, false),
        (Some("strict"), None, None, true),
        (Some("strict"), Some("Microsoft.DefaultV2"), None, true),
        (Some("strict"), Some("other"), None, true),
        (Some("strict"), Some("other"), Some(policy(true, true, "Low")), false),
        (Some("strict"), Some("other"), Some(policy(true, true, "Medium")), false),
        (Some("strict"), Some("other"), Some(policy(true, true, "High")), true),
        (Some("strict"), Some("other"), Some(policy(false, true, "Low")), true),
        (Some("Microsoft.DefaultV2"), Some("strict"), None, false),
        (None, Some("strict"), None, false),
    ] {
        let before = [strict(), (at, deployment(from))];
        let mut after = vec![strict(), (at, deployment(to))];
        after.extend(replacement.map(|policy| (other, policy)));
        let found = said(&before, &after);
        assert_eq!(!found.is_empty(), refused, "{from:?} -> {to:?}: {found:?}");
    }
    // A policy that nobody has read is not known to be replaced.
    let found = said(
        &[(at, deployment(Some("strict")))],
        &[(at, deployment(Some("other"))), (other, policy(true, true, "Low"))],
    );
    assert_eq!(
        found,
        [
            "the plan takes content filter `strict` from deployment `gpt` of `chat`, and what replaces it is not known to stop as much"
        ]
    );
    // One that keeps its policy keeps what it had, whether or not anybody has read that.
    assert!(said(&[(at, deployment(Some("strict")))], &[(at, deployment(Some("Strict")))]).is_empty());
    // What goes with its deployment is the other guard's.
    assert!(said(&[strict(), (at, deployment(Some("strict")))], &[strict()]).is_empty());
}
