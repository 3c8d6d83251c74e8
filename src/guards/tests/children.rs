//! Guards for what stands in an account: projects that are deleted, content filters that are weakened.

use std::collections::BTreeMap;

use serde_json::json;

use crate::guards::*;

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
    assert!(
        objections
            .iter()
            .all(|each| each.rule == Rule::Weakening && matches!(each.about, About::Resource(_)))
    );
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
        let plan = crate::plan::samples::plan(
            json!([{"action": "delete", "kind": "x", "id": target, "address": "an-address", "title": "a title",
                "source": null, "fields": []}]),
            json!([{"change": 0, "action": "delete", "kind": "x", "target": target, "patch": {}, "lane": "",
                "needs": [], "last": true, "source": null}]),
        );
        let before = world(&[(below, json!({}))]);
        let judged = |allowed: &[&str]| {
            let allowed: Vec<Allow> = allowed.iter().map(|text| text.parse().unwrap()).collect();
            judge(&plan, &before, None, &allowed)
        };
        let found = judged(&["delete-deployment", "delete-account", "delete-project:another"]);
        let mut refusals = found.iter().filter(|finding| finding.code != Code::UnusedAllow);
        let messages: Vec<&str> = refusals.clone().map(|finding| finding.message.as_str()).collect();
        assert_eq!(messages, expected.into_iter().collect::<Vec<_>>(), "{below}");
        if let Some(finding) = refusals.next() {
            assert!(finding.is_refusal() && finding.code == Code::GuardDeleteProject);
            assert_eq!(
                finding.hint.as_deref(),
                Some("if this is intended: --allow delete-project:accounts/chat/projects/team")
            );
            assert!(!judged(&["delete-project:an-address"])[0].is_refusal());
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
            // A higher threshold is no loss if the filter blocked nothing.
            let (before, after) = (policy(old.0, old.1, "Low"), policy(new.0, new.1, "Low"));
            let found = said(&[(STRICT, before)], &[(STRICT, after)]);
            let weaker = old == (true, true) && new != (true, true);
            assert_eq!(found.len(), usize::from(weaker), "{old:?} -> {new:?}: {found:?}");
            let found =
                said(&[(STRICT, policy(old.0, old.1, "Low"))], &[(STRICT, policy(new.0, new.1, "High"))]);
            assert_eq!(found.len(), usize::from(old == (true, true)), "{old:?} -> {new:?} High");
        }
    }
    let prefix = "the plan weakens content filter `strict` of `chat`: `Hate` in prompts";
    for (after, words) in [
        (policy(false, true, "Medium"), "is disabled"),
        (policy(true, false, "Medium"), "is no longer blocked"),
        (policy(true, true, "High"), "is blocked from High; before, from Medium"),
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
        ["the plan weakens content filter `strict` of `chat`: `Hate` in completions is no longer blocked"]
    );
    // A filter without a threshold blocks everything it detects.
    let high = json!({"contentFilters": [
        {"name": "Hate", "source": "Prompt", "blocking": true, "severityThreshold": "High"},
        filter("Hate", "Completion", true),
    ]});
    assert_eq!(said(&[(STRICT, both.clone())], &[(STRICT, high)]).len(), 1);
    // A new policy removes nothing, nor does a deleted one: Azure keeps a policy that a deployment names.
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
        // What Azure does not show counts as stricter before the plan; a deployment that names no policy has the default.
        (Some("Microsoft.DefaultV2"), Some("strict"), None, true),
        (None, Some("strict"), None, true),
        (None, None, None, false),
        (None, Some("microsoft.defaultv2"), None, false),
    ] {
        let before = [strict(), (at, deployment(from))];
        let mut after = vec![strict(), (at, deployment(to))];
        after.extend(replacement.map(|policy| (other, policy)));
        let found = said(&before, &after);
        assert_eq!(!found.is_empty(), refused, "{from:?} -> {to:?}: {found:?}");
    }
    // Whether a policy that was not read is being replaced is unknown.
    let found = said(
        &[(at, deployment(Some("strict")))],
        &[(at, deployment(Some("other"))), (other, policy(true, true, "Low"))],
    );
    assert_eq!(
        found,
        [
            "the plan moves deployment `gpt` of `chat` from content filter `strict` to `other`, which may block less: Azure does not show what `strict` blocks"
        ]
    );
    // A deployment that keeps its policy loses nothing, read or not, unless the plan creates the policy it names.
    let kept = || (at, deployment(Some("strict")));
    assert!(said(&[kept()], &[(at, deployment(Some("Strict")))]).is_empty());
    assert_eq!(said(&[kept()], &[kept(), (STRICT, policy(true, true, "Low"))]).len(), 1);
    // Policies deleted along with their deployment are the other guard's business.
    assert!(said(&[strict(), kept()], &[strict()]).is_empty());
}

/// Azure's default policy, as its list shows it.
fn shown_default() -> (&'static str, Value) {
    let mut filters = vec![
        json!({"name": "Jailbreak", "source": "Prompt", "enabled": true, "blocking": true}),
        json!({"name": "Protected Material Code", "source": "Completion", "enabled": true, "blocking": false}),
    ];
    for name in ["Hate", "Violence"] {
        filters.push(json!({"name": name, "source": "Prompt", "enabled": true, "blocking": true, "severityThreshold": "Medium"}));
    }
    (
        "raiPolicies/Microsoft.DefaultV2",
        json!({"type": "SystemManaged", "mode": "Blocking", "contentFilters": filters}),
    )
}

/// A custom policy with a base and the filters given.
fn based(base: &str, filters: &[(&str, bool, &str)]) -> Value {
    let filter = |(name, on, level): &(&str, bool, &str)| json!({"name": name, "source": "Prompt", "enabled": on, "blocking": on, "severityThreshold": level});
    json!({"mode": "Blocking", "basePolicyName": base, "contentFilters": filters.iter().map(filter).collect::<Vec<_>>()})
}

#[test]
fn a_new_deployment_is_measured_against_azures_default() {
    let (at, own, default) = ("deployments/gpt", "raiPolicies/own", "Microsoft.DefaultV2");
    let account = ("deployments/another", json!({}));
    for (names, own_policy, refused) in [
        (None, None, false),
        (Some(default), None, false),
        (Some("Microsoft.Nil"), None, true),
        (Some("Microsoft.Default"), None, true),
        (Some("own"), None, true),
        // A policy inherits from its base what it does not list.
        (Some("own"), Some(based(default, &[])), false),
        (Some("own"), Some(based("MICROSOFT.DEFAULTV2", &[("Hate", true, "Low")])), false),
        (Some("own"), Some(based(default, &[("Hate", true, "High")])), true),
        (Some("own"), Some(based(default, &[("jail_break", false, "")])), true),
        (Some("own"), Some(based("Microsoft.Default", &[])), true),
        (Some("own"), Some(based("own", &[])), true),
        (Some("own"), Some(policy(false, false, "Low")), true),
    ] {
        let before = [account.clone(), shown_default()];
        let mut after = vec![account.clone(), shown_default(), (at, deployment(names))];
        after.extend(own_policy.clone().map(|policy| (own, policy)));
        let found = said(&before, &after);
        assert_eq!(!found.is_empty(), refused, "{names:?} {own_policy:?}: {found:?}");
    }
    let after = [shown_default(), (at, deployment(Some("own"))), (own, policy(false, false, "Low"))];
    assert_eq!(
        said(&[shown_default(), (own, policy(false, false, "Low"))], &after),
        [
            "the plan creates deployment `gpt` of `chat` with content filter `own`, which, measured against `Microsoft.DefaultV2`, blocks less: `Jailbreak` in prompts is gone; `Hate` in prompts is disabled; `Violence` in prompts is gone"
        ]
    );
}

/// A new account shows no policies yet, so Azure's documented defaults stand in for them.
#[test]
fn a_new_account_is_measured_by_what_azure_documents_of_its_own() {
    let (at, own) = ("deployments/gpt", "raiPolicies/own");
    for (names, policy, refused) in [
        (Some("Microsoft.Default"), None, true),
        (Some("own"), Some(based("Microsoft.DefaultV2", &[("Hate", true, "Medium")])), false),
        (Some("own"), Some(based("Microsoft.DefaultV2", &[("Sexual", true, "High")])), true),
        (Some("own"), Some(based("Microsoft.Default", &[])), true),
        (Some("own"), Some(based("Microsoft.Default", &[("Jailbreak", true, "")])), true),
        (Some("own"), Some(based("Microsoft.Unheard", &[])), true),
        (Some("Microsoft.Unheard"), None, true),
    ] {
        let mut after = vec![(at, deployment(names))];
        after.extend(policy.clone().map(|policy| (own, policy)));
        let found = said(&[], &after);
        assert_eq!(!found.is_empty(), refused, "{names:?} {policy:?}: {found:?}");
    }
}

#[test]
fn another_base_policy_or_one_that_is_not_shown_may_stop_less() {
    let unshown = "Microsoft.Unheard";
    for (before, after, refused) in [
        (based("Microsoft.DefaultV2", &[]), based("Microsoft.DefaultV2", &[("Hate", true, "High")]), true),
        (based("Microsoft.DefaultV2", &[("Hate", true, "High")]), based("Microsoft.DefaultV2", &[]), false),
        (based("Microsoft.DefaultV2", &[]), based(unshown, &[]), true),
        (based(unshown, &[]), based("Microsoft.DefaultV2", &[]), true),
        (based(unshown, &[]), based(&unshown.to_lowercase(), &[]), false),
        // If the base is not shown, only the strictest settings certainly lose nothing.
        (based(unshown, &[]), based(unshown, &[("Hate", true, "Low")]), false),
        (based(unshown, &[]), based(unshown, &[("Hate", true, "Medium")]), true),
        (based(unshown, &[("Hate", true, "Low")]), based(unshown, &[]), true),
        (based(unshown, &[("Hate", false, "Low")]), based(unshown, &[]), false),
    ] {
        let found =
            said(&[(STRICT, before.clone()), shown_default()], &[(STRICT, after.clone()), shown_default()]);
        assert_eq!(!found.is_empty(), refused, "{before} -> {after}: {found:?}");
    }
}

#[test]
fn names_that_azure_spells_in_several_ways_are_one_filter_and_unknown_words_are_the_weakest() {
    let with = |filters: Value| json!({"mode": "Blocking", "contentFilters": filters});
    let text =
        |name: &str, blocking: bool| json!({"name": name, "source": "Completion", "blocking": blocking});
    let before = with(json!([text("Protected Material Text", true)]));
    assert!(
        said(&[(STRICT, before.clone())], &[(STRICT, with(json!([text("protected_material_text", true)])))])
            .is_empty()
    );
    // If two filters have the same name, the weaker one counts.
    let twice = with(json!([text("Protected Material Text", true), text("protected_material_text", false)]));
    assert_eq!(said(&[(STRICT, before)], &[(STRICT, twice)]).len(), 1);
    let level = |level: &str| {
        with(json!([{"name": "Hate", "source": "Prompt", "blocking": true, "severityThreshold": level}]))
    };
    assert_eq!(said(&[(STRICT, level("High"))], &[(STRICT, level("Severe"))]).len(), 1);
    assert_eq!(said(&[(STRICT, level("Severe"))], &[(STRICT, level("High"))]).len(), 1);
    // An unchanged filter is no loss, known or not.
    assert!(said(&[(STRICT, level("Severe"))], &[(STRICT, level("severe"))]).is_empty());
    let action = |action: &str| {
        with(json!([{"name": "Hate", "source": "Prompt", "blocking": true, "action": action}]))
    };
    assert_eq!(said(&[(STRICT, action("BLOCKING"))], &[(STRICT, action("ANNOTATING"))]).len(), 1);
    assert!(said(&[(STRICT, action("None"))], &[(STRICT, action("BLOCKING"))]).is_empty());
}

#[test]
fn blocklists_defender_and_ones_own_key_are_not_taken_away() {
    let lists = |lists: Value| json!({"mode": "Blocking", "customBlocklists": lists});
    let one =
        |name: &str, blocking: bool| json!({"blocklistName": name, "source": "Prompt", "blocking": blocking});
    for (before, after, refused) in [
        (lists(json!([one("names", true)])), lists(json!([one("NAMES", true)])), false),
        (lists(json!([one("names", true)])), lists(json!([one("names", false)])), true),
        (lists(json!([one("names", true)])), lists(json!([])), true),
        (lists(json!([one("names", true)])), json!({"mode": "Blocking"}), true),
        (lists(json!([])), lists(json!([one("names", true)])), false),
    ] {
        let found = said(&[(STRICT, before.clone())], &[(STRICT, after.clone())]);
        assert_eq!(!found.is_empty(), refused, "{before} -> {after}: {found:?}");
    }
    let defender = |state: &str| ("defenderForAISettings/Default", json!({ "state": state }));
    assert_eq!(
        said(&[defender("Enabled")], &[defender("Disabled")]),
        ["the plan disables Defender for AI of account `chat`"]
    );
    assert!(said(&[defender("Disabled")], &[defender("Enabled")]).is_empty());
    let account = |properties: Value| {
        let id = ResourceId::parse(CHAT).unwrap();
        World {
            resources: BTreeMap::from([(id.clone(), json!({"id": id, "properties": properties}).into())]),
            ..World::default()
        }
    };
    let own = || account(json!({"encryption": {"keySource": "microsoft.keyvault"}}));
    for (after, refused) in [
        (account(json!({"encryption": {"keySource": "Microsoft.CognitiveServices"}})), true),
        (account(json!({})), true),
        (own(), false),
    ] {
        assert_eq!(weakening::objections(&own(), &after).len(), usize::from(refused));
    }
    assert!(weakening::objections(&account(json!({})), &own()).is_empty());
}

#[test]
fn a_deployment_spills_over_only_to_one_whose_filter_blocks_as_much() {
    let lax = ("raiPolicies/lax", policy(true, false, "Low"));
    let strict = (STRICT, policy(true, true, "Low"));
    let spills = |to: &str| json!({"raiPolicyName": "strict", "spilloverDeploymentName": to});
    let worlds = |own: Value, other: Option<&str>| {
        vec![
            strict.clone(),
            lax.clone(),
            ("deployments/ptu", own),
            ("deployments/overflow", deployment(other)),
        ]
    };
    let alone = deployment(Some("strict"));
    let same = said(&worlds(alone.clone(), Some("strict")), &worlds(spills("overflow"), Some("Strict")));
    assert_eq!(same, Vec::<String>::new());
    let found = said(&worlds(alone.clone(), Some("lax")), &worlds(spills("Overflow"), Some("lax")));
    assert_eq!(
        found,
        [
            "the plan lets deployment `ptu` of `chat` spill over to `Overflow`, whose content filter blocks less: `Hate` in prompts is no longer blocked"
        ]
    );
    // What is not shown may block less; what spilled over before is no change.
    let found = said(&worlds(alone, Some("lax")), &worlds(spills("elsewhere"), Some("lax")));
    assert!(found[0].contains("may block less: Azure does not show what it blocks"), "{found:?}");
    let before = worlds(spills("overflow"), Some("lax"));
    assert_eq!(said(&before, &worlds(spills("OVERFLOW"), Some("lax"))), Vec::<String>::new());
    // One that was deleted by hand and is created with a laxer filter.
    let without: Vec<_> = before.into_iter().filter(|(id, _)| *id != "deployments/overflow").collect();
    let found = said(&without, &worlds(spills("overflow"), Some("lax")));
    assert!(
        found.iter().any(|one| one.contains("spill over to `overflow`, whose content filter blocks less")),
        "{found:?}"
    );
    let alike = said(&without, &worlds(spills("overflow"), Some("strict")));
    assert!(alike.iter().all(|one| !one.contains("spill over")), "{alike:?}");
}
