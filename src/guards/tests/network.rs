//! Guards of networks at their limits: who may call an account, and whom it may call.

use std::collections::BTreeMap;

use serde_json::json;

use crate::guards::*;

const SUBSCRIPTION: &str = "7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11";
const CHAT: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat";

fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

fn world(properties: Option<Value>) -> World {
    let bodies =
        properties.map(|properties| (id(CHAT), json!({"id": CHAT, "properties": properties}).into()));
    World { resources: bodies.into_iter().collect(), ..World::default() }
}

/// What the guards of networks say, each with its rule.
fn said(before: Option<Value>, after: Value) -> Vec<String> {
    let (before, after) = (world(before), world(Some(after)));
    let mut objections = network::objections(&before, &after);
    objections.extend(outbound::objections(&before, &after));
    assert!(objections.iter().all(|each| matches!(&each.about, About::Resource(at) if *at == id(CHAT))));
    objections.into_iter().map(|each| format!("{}: {}", each.rule, each.message)).collect()
}

/// The rules that object, each once.
fn rules(before: Option<Value>, after: Value) -> Vec<String> {
    let mut rules: Vec<String> = said(before, after)
        .into_iter()
        .map(|text| text.split(':').next().unwrap_or_default().to_owned())
        .collect();
    rules.dedup();
    rules
}

fn allowing(ranges: &[&str]) -> Value {
    let rules: Vec<Value> = ranges.iter().map(|range| json!({"value": range})).collect();
    json!({"networkAcls": {"defaultAction": "Deny", "ipRules": rules}})
}

fn subnet(subscription: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/app"
    )
}

#[test]
fn opening_to_every_address_is_refused_however_it_is_written() {
    let deny = || json!({"networkAcls": {"defaultAction": "Deny"}});
    let lower = || json!({"networkAcls": {"defaultAction": "deny"}});
    let disabled = || json!({"publicNetworkAccess": "disabled"});
    for (before, after, refused) in [
        (deny(), json!({"networkAcls": {"defaultAction": "Allow"}}), true),
        (deny(), json!({"networkAcls": {}}), true),
        (deny(), json!({"networkAcls": null}), true),
        (deny(), json!({}), true),
        (lower(), json!({}), true),
        (lower(), deny(), false),
        (deny(), lower(), false),
        (json!({}), deny(), false),
        (json!({}), json!({"networkAcls": {"defaultAction": "Allow"}}), false),
        (disabled(), json!({"publicNetworkAccess": "Enabled"}), true),
        (disabled(), json!({}), true),
        (disabled(), json!({"publicNetworkAccess": "SecuredByPerimeter"}), true),
        (disabled(), json!({"publicNetworkAccess": "Disabled"}), false),
        (json!({"publicNetworkAccess": "SecuredByPerimeter"}), json!({}), true),
        (json!({"publicNetworkAccess": "SecuredByPerimeter"}), disabled(), false),
        (json!({}), disabled(), false),
    ] {
        let found = rules(Some(before.clone()), after.clone());
        let expected: &[&str] = if refused { &["public-network"] } else { &[] };
        assert_eq!(found, expected, "{before} -> {after}");
    }
    // A new account opens nothing that was closed before.
    assert!(rules(None, json!({"publicNetworkAccess": "Enabled"})).is_empty());
}

#[test]
fn a_new_range_wider_than_slash_20_is_refused() {
    for (before, after, refused) in [
        (&[][..], &["198.51.0.0/20"][..], false),
        (&[], &["198.51.0.0/19"], true),
        (&[], &["198.51.7.9/19"], true),
        (&["198.0.0.0/16"], &["198.0.0.0/16"], false),
        // Part of what was allowed before, or the same in another notation.
        (&["198.0.0.0/16"], &["198.0.128.0/17"], false),
        (&["198.0.0.0/16"], &["198.0.3.4/16"], false),
        (&["198.0.0.0/17", "198.0.128.0/17"], &["198.0.0.0/16"], false),
        (&["198.0.0.0/17"], &["198.0.0.0/16"], true),
        (&["203.0.113.0/24"], &["203.0.113.0/24", "0.0.0.0/0"], true),
        (&["203.0.113.0/24"], &[], false),
    ] {
        let found = rules(Some(allowing(before)), allowing(after));
        let expected: &[&str] = if refused { &["network-range"] } else { &[] };
        assert_eq!(found, expected, "{before:?} -> {after:?}");
    }
    let found = said(Some(allowing(&[])), allowing(&["10.0.0.0/8"]));
    assert_eq!(
        found,
        [
            "network-range: the plan lets a range wider than /20 reach account `chat`: `10.0.0.0/8` (16,777,216 addresses)",
            "network-range: with the plan 16,777,216 addresses can reach account `chat`, more than 65,536; 16,777,216 of them could not before",
        ]
    );
}

#[test]
fn more_than_65536_addresses_in_all_are_refused_where_some_are_new() {
    let many = |count: u32| -> Vec<String> {
        // Each range twice, in two notations: a union counts an address once.
        (0..count)
            .flat_map(|at| {
                [
                    format!("100.{}.{}.0/20", at / 16, at % 16 * 16),
                    format!("100.{}.{}.0/21", at / 16, at % 16 * 16),
                ]
            })
            .collect()
    };
    for (before, after, refused) in
        [(0, 16, false), (0, 17, true), (16, 17, true), (17, 17, false), (17, 16, false), (40, 17, false)]
    {
        let (before, after) = (many(before), many(after));
        let of = |ranges: &[String]| allowing(&ranges.iter().map(String::as_str).collect::<Vec<_>>());
        let found = rules(Some(of(&before)), of(&after));
        let expected: &[&str] = if refused { &["network-range"] } else { &[] };
        assert_eq!(found, expected, "{} -> {}", before.len(), after.len());
    }
    let everybody = ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3"];
    let found = said(Some(allowing(&["203.0.113.0/24"])), allowing(&everybody));
    let total = "network-range: with the plan 3,758,096,384 addresses can reach account `chat`, more than 65,536; 3,758,096,128 of them could not before";
    assert_eq!(found.last().map(String::as_str), Some(total));
    // One more beside many.
    let found = said(Some(allowing(&["198.0.0.0/15"])), allowing(&["198.0.0.0/15", "203.0.113.7"]));
    let one = "network-range: with the plan 131,073 addresses can reach account `chat`, more than 65,536; 1 of them could not before";
    assert_eq!(found, [one]);
}

#[test]
fn ranges_of_a_new_account_count_and_what_cannot_be_read_may_be_anybody() {
    assert_eq!(rules(None, allowing(&["20.0.0.0/16", "20.1.0.0/16"])), ["network-range"]);
    assert!(rules(None, allowing(&["203.0.113.0/24"])).is_empty());
    for odd in [
        "2001:db8::/32",
        "10.0.0.0/255.0.0.0",
        "010.0.0.0/8",
        "10.0.0.0/33",
        "10.0.0.0-10.9.9.9",
        "10.0.0.0/+8",
        "Internet",
    ] {
        let found = said(Some(allowing(&[])), allowing(&[odd]));
        assert_eq!(found.len(), 1, "{odd}: {found:?}");
        assert!(found[0].contains("may admit anyone"), "{found:?}");
        assert!(rules(Some(allowing(&[odd])), allowing(&[&odd.to_uppercase()])).is_empty(), "{odd}");
    }
    // If everybody could call before, a rule admits nobody new: this closes the network.
    assert!(rules(Some(json!({})), allowing(&["10.0.0.0/8"])).is_empty());
    // With public access disabled nobody could call.
    let mut private = allowing(&["10.0.0.0/8"]);
    private["publicNetworkAccess"] = json!("Disabled");
    assert_eq!(rules(Some(json!({"publicNetworkAccess": "Disabled"})), private), ["network-range"]);
}

#[test]
fn a_subnet_of_a_subscription_that_is_new_to_the_account_is_refused() {
    const OTHER: &str = "11111111-0000-4000-8000-000000000001";
    let with = |subnets: &[&str]| {
        let rules: Vec<Value> = subnets.iter().map(|id| json!({ "id": id })).collect();
        json!({"networkAcls": {"defaultAction": "Deny", "virtualNetworkRules": rules}})
    };
    let (own, other) = (subnet(SUBSCRIPTION), subnet(OTHER));
    let (second, upper) = (other.replace("/app", "/second"), other.to_uppercase());
    for (before, after, refused) in [
        (Some(with(&[])), with(&[&own]), false),
        (Some(with(&[])), with(&[&own.to_uppercase()]), false),
        (Some(with(&[])), with(&[&other]), true),
        (Some(with(&[&own])), with(&[&own, &other]), true),
        (Some(with(&[&other])), with(&[&second]), false),
        (Some(with(&[&other])), with(&[&upper]), false),
        (None, with(&[&other]), true),
        (None, with(&[&own]), false),
        (Some(with(&[])), with(&["not an id"]), true),
        (Some(json!({})), with(&[&other]), false),
    ] {
        let expected: &[&str] = if refused { &["network-subnet"] } else { &[] };
        assert_eq!(rules(before.clone(), after.clone()), expected, "{before:?} -> {after}");
    }
    let agents = |id: &str| json!({"networkInjections": [{"scenario": "agent", "subnetArmId": id}]});
    assert_eq!(rules(Some(agents(&own)), agents(&other)), ["network-subnet"]);
    assert!(rules(Some(agents(&own)), agents(&own.replace("/app", "/second"))).is_empty());
}

#[test]
fn trusted_services_pass_no_rules_that_they_did_not() {
    let with = |word: &str| json!({"networkAcls": {"defaultAction": "Deny", "bypass": word}});
    let without = || json!({"networkAcls": {"defaultAction": "Deny"}});
    for (before, after, refused) in [
        (Some(with("None")), with("AzureServices"), true),
        (Some(with("none")), with("azureservices"), true),
        (Some(with("AzureServices")), with("azureServices"), false),
        (Some(with("AzureServices")), with("None"), false),
        (Some(with("AzureServices")), without(), false),
        // What a missing value means is not documented.
        (Some(without()), with("AzureServices"), true),
        (Some(with("None")), without(), true),
        (Some(without()), without(), false),
        (Some(without()), with("None"), false),
        // Everybody could call before, so this closes the network.
        (Some(json!({})), with("AzureServices"), false),
        (None, with("AzureServices"), false),
    ] {
        let expected: &[&str] = if refused { &["network-bypass"] } else { &[] };
        assert_eq!(rules(before.clone(), after.clone()), expected, "{before:?} -> {after}");
    }
}

#[test]
fn an_account_may_call_no_more_than_before() {
    let limited = |hosts: &[&str]| json!({"restrictOutboundNetworkAccess": true, "allowedFqdnList": hosts});
    let free = |hosts: &[&str]| json!({"restrictOutboundNetworkAccess": false, "allowedFqdnList": hosts});
    for (before, after, refused) in [
        (Some(limited(&["a.example"])), limited(&["a.example", "evil.example"]), 1),
        (Some(limited(&["a.example"])), limited(&["A.Example."]), 0),
        (Some(limited(&["a.example", "b.example"])), limited(&["b.example"]), 0),
        (Some(limited(&["a.example"])), free(&["a.example"]), 1),
        (Some(limited(&["a.example"])), json!({}), 1),
        (Some(limited(&["a.example"])), free(&["a.example", "evil.example"]), 2),
        // A list closes what was open before.
        (Some(free(&[])), limited(&["a.example"]), 0),
        (Some(json!({})), limited(&["a.example"]), 0),
        (None, limited(&["a.example"]), 0),
    ] {
        let found = said(before.clone(), after.clone());
        assert_eq!(found.len(), refused, "{before:?} -> {after}: {found:?}");
        assert!(found.iter().all(|text| text.starts_with("outbound: ")), "{found:?}");
    }
    let own = json!({"networkInjections": [{"scenario": "agent", "subnetArmId": subnet(SUBSCRIPTION)}]});
    for after in [
        json!({}),
        json!({"networkInjections": []}),
        json!({"networkInjections": [
        {"scenario": "agent", "subnetArmId": subnet(SUBSCRIPTION), "useMicrosoftManagedNetwork": true}]}),
    ] {
        assert_eq!(rules(Some(own.clone()), after.clone()), ["outbound"], "{after}");
    }
}

/// A soft-deleted account that is restored is compared with what it was.
#[test]
fn a_restore_that_opens_is_refused() {
    let deleted = format!(
        "/subscriptions/{SUBSCRIPTION}/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/RG/deletedAccounts/Chat"
    );
    let remains = json!({"id": deleted, "name": "Chat", "location": "eastus2", "properties": {
        "publicNetworkAccess": "Disabled", "disableLocalAuth": true, "encryption": {"keySource": "Microsoft.KeyVault"},
        "networkAcls": {"defaultAction": "Deny", "bypass": "None", "ipRules": []}, "deletionDate": "2026-11-01"}});
    let before = World { resources: BTreeMap::from([(id(&deleted), remains.into())]), ..World::default() };
    let judged = |patch: Value| -> Vec<Code> {
        let plan = crate::plan::samples::plan(
            json!([{"action": "restore", "kind": "accounts", "id": CHAT, "address": "accounts/chat", "title": "account chat",
                "source": null, "fields": []}]),
            json!([{"change": 0, "action": "restore", "kind": "accounts", "target": CHAT, "patch": patch, "lane": "",
                "needs": [], "last": false, "source": null}]),
        );
        judge(&plan, &before, None, &[]).into_iter().map(|finding| finding.code).collect()
    };
    assert!(judged(json!({})).is_empty());
    assert!(judged(json!({"tags": {"team": "ml"}})).is_empty());
    for (patch, code) in [
        (json!({"publicNetworkAccess": "Enabled"}), Code::GuardPublicNetwork),
        (json!({"networkAcls": {"defaultAction": "Allow"}}), Code::GuardPublicNetwork),
        (json!({"networkAcls": {"ipRules": ["20.0.0.0/8"]}}), Code::GuardNetworkRange),
        (json!({"networkAcls": {"bypass": "AzureServices"}}), Code::GuardNetworkBypass),
        (json!({"disableLocalAuth": false}), Code::GuardKeysOn),
        (json!({"encryption": {"keySource": "Microsoft.CognitiveServices"}}), Code::GuardWeakening),
    ] {
        assert!(judged(patch.clone()).contains(&code), "{patch} {code}: {:?}", judged(patch.clone()));
    }
}
