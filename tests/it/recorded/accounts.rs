//! Recorded accounts.

use std::collections::BTreeMap;

use keyless::diff::Change;
use keyless::id::ResourceId;
use keyless::kinds::desired::desired;
use keyless::kinds::{self, Kind, writable};
use keyless::plan::predict::World;
use keyless::snapshot::{Answer, Snapshot};
use serde_json::{Map, Value, json};

use super::alter::{Altered, each_field, each_respelt};
use super::cassettes::{Body, bodies};
use super::{Read, compare, compare_as, facts, paths, plan, read, showing};

const TYPE: &str = "Microsoft.CognitiveServices/accounts";

fn kind() -> &'static dyn Kind {
    kinds::by_name("accounts").unwrap()
}

/// The recorded accounts; those that differ in nothing a spec can hold count once each, but are read all the same.
fn accounts() -> Option<Vec<Body>> {
    let all = bodies(TYPE)?;
    assert!(all.len() > 200, "{} accounts", all.len());
    Some(all)
}

/// The account's own settings as a spec. The recorders' placeholders for names break none of our rules: nothing is adjusted.
fn as_spec(body: &Value) -> String {
    let id = ResourceId::parse(body["id"].as_str().unwrap()).unwrap();
    let mut account = kind().to_spec(body);
    account["name"] = json!(id.name());
    let spec = json!({
        "version": 1, "stack": "recorded", "subscription": id.subscription_id(), "resourceGroup": id.group().unwrap().name(),
        "accounts": [account],
    });
    spec.to_string()
}

/// Different settings, once each, with how many bodies had them.
fn distinct() -> Option<BTreeMap<String, (Value, String, usize)>> {
    let mut all: BTreeMap<String, (Value, String, usize)> = BTreeMap::new();
    for Body { place, value } in accounts()? {
        all.entry(as_spec(&value)).or_insert((value, place, 0)).2 += 1;
    }
    Some(all)
}

fn only<'a>(changes: &'a [Change], place: &str) -> &'a Change {
    let [change] = changes else { panic!("{place}: {} changes", changes.len()) };
    change
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn every_recorded_account_equals_its_own_spec() {
    let Some(all) = accounts() else { return };
    for Body { place, value } in &all {
        let read = read(&as_spec(value));
        let snapshot = showing(&read.stacks, "accounts", std::slice::from_ref(value));
        let diff = compare(&read, &snapshot);
        let change = only(&diff.changes, place);
        assert!(matches!(change, Change::NoOp { .. }), "{place}: {:?}", paths(change));
        let errors =
            diff.findings.iter().filter(|finding| finding.severity == keyless::finding::Severity::Error);
        assert_eq!(errors.count(), 0, "{place}: {:?}", diff.findings);
        assert!(plan(diff, &read).steps.is_empty());
    }
    eprintln!("{} recorded accounts equal their own specs", all.len());
}

/// Compares an altered declaration with a body.
fn altered(read: &Read, altered: &Altered, snapshot: &Snapshot) -> keyless::diff::Diff {
    let mut wanted = desired(&read.stacks);
    wanted[0].declared.clone_from(&altered.declared);
    compare_as(read, wanted, snapshot)
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_field_of_a_recorded_account_altered_alone_is_exactly_that_change() {
    let Some(all) = distinct() else { return };
    let (mut alterations, mut refused, mut seen) = (0, 0, BTreeMap::<String, usize>::new());
    for (settings, (body, place, _)) in &all {
        let read = read(settings);
        let snapshot = showing(&read.stacks, "accounts", std::slice::from_ref(body));
        let wanted = desired(&read.stacks);
        for case in each_field(&wanted[0]) {
            let diff = altered(&read, &case, &snapshot);
            let change = only(&diff.changes, place);
            assert_eq!(paths(change), [case.path.as_str()], "{place}: {:?}", case.declared);
            *seen.entry(case.path.clone()).or_default() += 1;
            alterations += 1;
            let fixed = facts::fixed("accounts", &case.path);
            assert_eq!(matches!(change, Change::Refused { .. }), fixed, "{place}: {}", case.path);
            if fixed {
                refused += 1;
                continue;
            }
            // The plan closes exactly this: afterwards nothing differs, and nothing else has changed.
            let plan = plan(diff, &read);
            assert_eq!(plan.steps.len(), 1, "{place}: {}", case.path);
            let after = World::of(&snapshot).after(&plan);
            let id = ResourceId::parse(body["id"].as_str().unwrap()).unwrap();
            let next = showing(&read.stacks, "accounts", std::slice::from_ref(&after.resources[&id]));
            let diff = altered(&read, &case, &next);
            let change = only(&diff.changes, place);
            assert!(
                matches!(change, Change::NoOp { .. }),
                "{place}: {} stays: {:?}",
                case.path,
                paths(change)
            );
            let back = compare(&read, &next);
            assert_eq!(
                paths(only(&back.changes, place)),
                [case.path.as_str()],
                "{place}: something else moved"
            );
        }
        for case in each_respelt(&wanted[0]) {
            let diff = altered(&read, &case, &snapshot);
            let change = only(&diff.changes, place);
            assert!(
                matches!(change, Change::NoOp { .. }),
                "{place}: {} respelt: {:?}",
                case.path,
                paths(change)
            );
        }
    }
    eprintln!("{} settings, {alterations} alterations, {refused} refused: {seen:?}", all.len());
    for path in [
        "location",
        "kind",
        "sku",
        "customSubDomainName",
        "publicNetworkAccess",
        "networkAcls/defaultAction",
        "networkAcls/ipRules",
        "networkAcls/virtualNetworkRules",
        "identity/systemAssigned",
        "identity/userAssigned",
        "userOwnedStorage",
        "tags/tagname000003",
    ] {
        assert!(seen.contains_key(path), "no recorded account has {path}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_a_recorded_account_does_not_show_means_its_default() {
    let Some(all) = distinct() else { return };
    let mut checked = 0;
    for (settings, (body, place, _)) in &all {
        let read = read(settings);
        let snapshot = showing(&read.stacks, "accounts", std::slice::from_ref(body));
        let live = kind().to_spec(body);
        for (field, default) in facts::ACCOUNT_DEFAULTS {
            if live.pointer(&format!("/{field}")).is_some() {
                continue;
            }
            let default: Value = serde_json::from_str(default).unwrap();
            let other = match &default {
                Value::Bool(flag) => json!(!flag),
                Value::String(text) => json!(format!("{text}x")),
                Value::Array(_) if field.ends_with("virtualNetworkRules") => {
                    json!([{"id": super::alter::subnet("a")}])
                }
                Value::Array(_) if *field == "userOwnedStorage" => json!([{"resourceId": "/a"}]),
                Value::Array(_) if *field == "networkInjections" => json!([{"scenario": "agent"}]),
                _ => json!(["192.0.2.1"]),
            };
            for (value, expected) in [(default.clone(), None), (other, Some(*field))] {
                let mut declared = desired(&read.stacks).remove(0).declared;
                set(&mut declared, field, value);
                let case = Altered { path: (*field).to_owned(), declared };
                let diff = altered(&read, &case, &snapshot);
                let change = only(&diff.changes, place);
                assert_eq!(paths(change), expected.into_iter().collect::<Vec<_>>(), "{place}: {field}");
                checked += 1;
            }
        }
    }
    assert!(checked > 500, "only {checked}");
}

fn set(map: &mut Map<String, Value>, path: &str, value: Value) {
    let mut whole = Value::Object(std::mem::take(map));
    let mut at = &mut whole;
    for name in path.split('/') {
        at = &mut at[name];
    }
    *at = value;
    if let Value::Object(whole) = whole {
        *map = whole;
    }
}

#[test]
fn a_write_carries_everything_writable_of_a_recorded_account_and_nothing_else() {
    let Some(all) = accounts() else { return };
    for Body { place, value } in &all {
        let mut live = value.clone();
        // Fields of a later API, wherever one could turn up.
        live["invented"] = json!({"a": 1});
        live["properties"]["invented"] = json!([1, {"b": "c"}]);
        if live["properties"]["networkAcls"].is_object() {
            live["properties"]["networkAcls"]["invented"] = json!("x");
            for list in ["ipRules", "virtualNetworkRules"] {
                for rule in live["properties"]["networkAcls"][list].as_array_mut().into_iter().flatten() {
                    rule["invented"] = json!(true);
                }
            }
        }
        let before = writable(kind(), &live);
        for pointer in facts::read_only("accounts") {
            assert!(before.pointer(pointer).is_none(), "{place}: {pointer} would be sent");
        }
        assert!(!before.to_string().contains("null"), "{place}: a null would be sent");
        let mut expected = live.clone();
        strip("accounts", &mut expected);
        assert_eq!(before, expected, "{place}");

        let mut unchanged = before.clone();
        kind().overlay(&mut unchanged, &Map::new());
        assert_eq!(unchanged, before, "{place}: an empty patch changes nothing");
        // Nor do the account's own settings, laid over it.
        let own = kind().to_spec(&live);
        let known = own.as_object().unwrap();
        let mut same = before.clone();
        kind().overlay(&mut same, known);
        assert_eq!(same, before, "{place}: its own settings change it");
    }
    eprintln!("{} recorded accounts are carried whole", all.len());
}

/// The reference for [`writable`]: takes out what is read-only, and the nulls.
pub(super) fn strip(kind: &str, body: &mut Value) {
    for pointer in facts::read_only(kind) {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        if let Some(Value::Object(map)) = body.pointer_mut(parent) {
            map.remove(name);
        }
    }
    let users = body["identity"].get_mut("userAssignedIdentities").and_then(Value::as_object_mut);
    for user in users.into_iter().flat_map(Map::values_mut) {
        *user = json!({});
    }
    if body["identity"].is_null() {
        body.as_object_mut().unwrap().remove("identity");
    }
    nulls(body);
}

fn nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(nulls),
        _ => {}
    }
}

#[test]
fn recorded_soft_deleted_accounts_hold_their_names() {
    let Some(all) = bodies("Microsoft.CognitiveServices/deletedAccounts") else { return };
    for Body { place, value } in &all {
        let id = ResourceId::parse(value["id"].as_str().unwrap()).unwrap();
        let group = id.segment_after("resourceGroups").unwrap_or("rg");
        let spec = json!({
            "version": 1, "stack": "recorded", "subscription": id.subscription_id(), "resourceGroup": group, "location": "eastus",
            "accounts": [{"name": id.name(), "customSubDomainName": "free"}],
        });
        let read = read(&spec.to_string());
        let snapshot = super::snapshot(&read.stacks, |query| {
            let deleted = query.path.contains("deletedAccounts");
            Answer::found(if deleted { vec![(query.project)(value.clone())] } else { Vec::new() })
        });
        let diff = compare(&read, &snapshot);
        assert!(matches!(only(&diff.changes, place), Change::Refused { .. }), "{place}: {}", value["id"]);
        let told =
            diff.findings.iter().find(|finding| finding.code == keyless::finding::Code::SoftDeleted).unwrap();
        assert!(
            told.message.contains(value["properties"]["scheduledPurgeDate"].as_str().unwrap()),
            "{place}: {told:?}"
        );
    }
    eprintln!("{} recorded soft-deleted accounts were found", all.len());
}
