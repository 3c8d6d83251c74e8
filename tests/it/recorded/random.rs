//! Bodies that no service would send: nothing panics, and nothing raw is shown.

use keyless::diff::{Change, diff};
use keyless::kinds::{Called, KINDS, writable};
use keyless::plan::predict::World;
use keyless::rbac::Catalogue;
use keyless::render::page::Page;
use keyless::render::text;
use keyless::snapshot::{Answer, Refusal};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::cassettes::bodies;
use super::{Read, plan, read, snapshot};
use crate::common::every_row;
use keyless::kinds::desired::desired;

const SUB: &str = "7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11";

/// Names that ARM uses, and made-up ones.
fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "id",
        "name",
        "type",
        "location",
        "kind",
        "sku",
        "tags",
        "keyless-stack",
        "identity",
        "userAssignedIdentities",
        "properties",
        "networkAcls",
        "ipRules",
        "virtualNetworkRules",
        "value",
        "defaultAction",
        "bypass",
        "disableLocalAuth",
        "customSubDomainName",
        "publicNetworkAccess",
        "encryption",
        "userOwnedStorage",
        "networkInjections",
        "scope",
        "roleDefinitionId",
        "principalId",
        "principalType",
        "description",
        "condition",
        "conditionVersion",
        "endpoint",
        "resourceId",
    ]);
    prop_oneof![9 => known.prop_map(str::to_owned), 1 => ".{0,8}"]
}

fn scalar() -> impl Strategy<Value = Value> {
    let account =
        format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat");
    let known = prop::sample::select(vec![
        json!(account),
        json!(format!(
            "{account}/providers/Microsoft.Authorization/roleAssignments/12345678-aaaa-4bbb-8ccc-0123456789ab"
        )),
        json!(format!(
            "/subscriptions/{SUB}/providers/Microsoft.Authorization/roleDefinitions/a97b65f3-24c7-4388-baec-2e87135dc908"
        )),
        json!("aaaaaaaa-0000-4000-8000-000000000001"),
        json!("SystemAssigned, UserAssigned"),
        json!("x [keyless:team-a]"),
        json!("[keyless:"),
        json!("203.0.113.0/24"),
        json!("\u{1b}[31m\u{202e}##vso[x]"),
        json!("/"),
        json!(""),
    ]);
    prop_oneof![
        4 => known,
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(|flag| json!(flag)),
        1 => any::<i64>().prop_map(|number| json!(number)),
        1 => any::<f64>().prop_map(|number| json!(number)),
        2 => ".{0,12}".prop_map(|text| json!(text)),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            3 => prop::collection::vec((name(), inner), 0..8).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A body that at least has an id in the right place, so that comparing begins.
fn body() -> impl Strategy<Value = Value> {
    (tree(), tree(), any::<bool>()).prop_map(|(whole, properties, account)| {
        let mut body = if whole.is_object() { whole } else { json!({"name": whole}) };
        body["properties"] = properties;
        let chat = format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat");
        if account {
            body["id"] = json!(chat);
        } else {
            body["id"] = json!(format!("{chat}/providers/Microsoft.Authorization/roleAssignments/12345678-aaaa-4bbb-8ccc-0123456789ab"));
            if body["properties"].is_object() {
                body["properties"]["scope"] = json!(chat);
                body["properties"]["principalId"] = json!("aaaaaaaa-0000-4000-8000-000000000001");
                body["properties"]["roleDefinitionId"] = json!("/x/a97b65f3-24c7-4388-baec-2e87135dc908");
            }
        }
        body
    })
}

/// A spec that declares every field there is.
fn declared() -> Read {
    let text = format!(
        "{{version: 1, stack: team-a, subscription: {SUB}, resourceGroup: rg, location: eastus2, adopt: true, accounts: [{{
            name: chat, kind: AIServices, sku: S0, identity: {{systemAssigned: true, userAssigned: []}}, customSubDomainName: chat,
            disableLocalAuth: true, publicNetworkAccess: Disabled, allowProjectManagement: true, restrictOutboundNetworkAccess: true,
            networkAcls: {{defaultAction: Deny, bypass: None, ipRules: [203.0.113.0/24], virtualNetworkRules: []}},
            encryption: {{keySource: Microsoft.CognitiveServices}}, userOwnedStorage: [], allowedFqdnList: [a.example],
            networkInjections: [], tags: {{team: ml, old: null}}, roleAssignments: [{{role: Cognitive Services User,
            principals: [{{id: aaaaaaaa-0000-4000-8000-000000000001, type: User}}], description: d, condition: \"ActionMatches{{'a'}}\"}}]}}]}}"
    );
    read(&text)
}

/// Takes bodies through everything that sees them.
fn take(read: &Read, bodies: &[Value]) {
    for kind in KINDS {
        for body in bodies {
            let spec = kind.to_spec(body);
            assert!(spec.is_object());
            let (_, _, _) = (
                kind.mark(body),
                kind.title(
                    body,
                    &Called { roles: &Catalogue::default(), names: &std::collections::BTreeMap::new() },
                ),
                kind.outputs(body),
            );
            let mut written = writable(*kind, body);
            kind.overlay(&mut written, spec.as_object().unwrap_or(&Map::new()));
            for patch in bodies.iter().filter_map(Value::as_object) {
                kind.overlay(&mut written, patch);
            }
            kind.set_mark(&mut written, "team-a");
        }
    }
    let snapshot = snapshot(&read.stacks, |query| Answer::found(bodies.iter().cloned().map(query.project)));
    let plan = plan(diff(&read.stacks, desired(&read.stacks), &snapshot), read);
    let world = World::of(&snapshot);
    let _ = keyless::guards::judge(&plan, &world, None, &[]);
    let _ = world.after(&plan);
    for verbose in [false, true] {
        let shown = text::plan(&plan, Page::endless(verbose));
        assert!(!shown.contains(['\u{202e}', '\u{7}', '\r']), "{shown:?}");
        assert!(!shown.contains("##vso["), "{shown:?}");
    }
    assert!(serde_json::to_string(&plan).is_ok());
    let text = serde_json::to_string(&plan).unwrap();
    let again = keyless::plan::saved::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(again.fingerprint, plan.fingerprint);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    #[ignore = "slow: tests/slow.sh"]
    fn no_body_makes_reading_comparing_planning_or_showing_panic(bodies in prop::collection::vec(prop_oneof![body(), tree()], 0..4)) {
        take(&declared(), &bodies);
    }

    #[test]
    #[ignore = "slow: tests/slow.sh"]
    fn what_could_not_be_read_is_unknown_whatever_else_was(bodies in prop::collection::vec(body(), 0..4), denied in any::<bool>()) {
        let read = declared();
        let refusal = Refusal { message: "no".to_owned(), hint: None };
        let snapshot = snapshot(&read.stacks, |query| match (query.path.contains("roleAssignments"), denied) {
            (true, _) => Answer::found(bodies.clone()),
            (false, true) => Answer::Denied(refusal.clone()),
            (false, false) => Answer::Failed(refusal.clone()),
        });
        let diff = diff(&read.stacks, desired(&read.stacks), &snapshot);
        for change in &diff.changes {
            let wrong = match change {
                Change::Create { .. } => true,
                Change::Update { desired, .. } | Change::Adopt { desired, .. } | Change::NoOp { desired, .. } => desired.kind.name() == "accounts",
                Change::Delete { live, .. } => live.kind.name() == "accounts",
                _ => false,
            };
            prop_assert!(!wrong, "{change:#?}");
        }
    }
}

/// Replaces the value at the nth place of a tree.
fn mutate(value: &mut Value, countdown: &mut usize, by: &Value) -> bool {
    if *countdown == 0 {
        *value = by.clone();
        return true;
    }
    *countdown -= 1;
    match value {
        Value::Object(map) => map.values_mut().any(|child| mutate(child, countdown, by)),
        Value::Array(items) => items.iter_mut().any(|child| mutate(child, countdown, by)),
        _ => false,
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn recorded_bodies_with_one_value_replaced_make_nothing_panic() {
    let (Some(accounts), Some(assignments)) =
        (bodies("Microsoft.CognitiveServices/accounts"), bodies("Microsoft.Authorization/roleAssignments"))
    else {
        return;
    };
    let read = declared();
    let strange = [
        json!(null),
        json!([]),
        json!({}),
        json!(-1),
        json!("\u{202e}##vso[x]"),
        json!([[{"value": {}}]]),
        json!({"type": []}),
    ];
    let mut taken = 0;
    let every = |all: Vec<super::cassettes::Body>, step: usize| {
        all.into_iter().step_by(step).map(|body| body.value).collect::<Vec<_>>()
    };
    for (bodies, id) in [
        (
            every(accounts, if every_row() { 53 } else { 530 }),
            format!(
                "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat"
            ),
        ),
        (every(assignments, if every_row() { 701 } else { 2103 }), String::new()),
    ] {
        for mut body in bodies {
            if !id.is_empty() {
                body["id"] = json!(id);
                // Nine tenths of a body are read-only maps of no interest here.
                for name in ["callRateLimit", "capabilities", "endpoints"] {
                    body["properties"].as_object_mut().unwrap().remove(name);
                }
            }
            // Every other one for each place, so that each meets very different places.
            'places: for place in 1.. {
                for by in strange.iter().skip(place % 2).step_by(2) {
                    let mut mutated = body.clone();
                    if !mutate(&mut mutated, &mut { place }, by) {
                        break 'places;
                    }
                    take(&read, &[mutated]);
                    taken += 1;
                }
            }
        }
    }
    assert!(taken > if every_row() { 600 } else { 60 }, "only {taken}");
    eprintln!("{taken} mutated bodies");
}
