//! Deployments and connections as recorded, content filters and projects as the API's examples show them.

use std::collections::BTreeMap;

use keyless::diff::Change;
use keyless::finding::Code;
use keyless::id::ResourceId;
use keyless::kinds::desired::desired;
use keyless::kinds::{self, Compare, Kind, writable};
use keyless::plan::predict::World;
use keyless::snapshot::{Answer, Snapshot};
use serde_json::{Map, Value, json};

use super::accounts::strip;
use super::alter::{Altered, each_field};
use super::cassettes::{Body, bodies};
use super::{Read, compare, compare_as, facts, paths, plan, read, snapshot};
use crate::common::shared;

const ACCOUNT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat";

/// The response body of one of the API description's examples, under an id of this page's account.
fn example(file: &str, child: &str, arm_type: &str) -> Option<Body> {
    let path = shared(&format!(
        "openapi/specification/cognitiveservices/resource-manager/Microsoft.CognitiveServices/{file}"
    ))?;
    let example: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut value = example["responses"]["200"]["body"].clone();
    value["id"] = json!(format!("{ACCOUNT}/{child}"));
    value["type"] = json!(arm_type);
    Some(Body { place: file.to_owned(), value })
}

/// Bodies of every kind of child, with the name of the kind.
fn children() -> Option<Vec<(&'static str, Body)>> {
    let mut all = Vec::new();
    for (kind, arm_type) in [
        ("deployments", "Microsoft.CognitiveServices/accounts/deployments"),
        ("connections", "Microsoft.CognitiveServices/accounts/projects/connections"),
    ] {
        all.extend(bodies(arm_type)?.into_iter().map(|body| (kind, body)));
    }
    all.push((
        "raiPolicies",
        example(
            "preview/2024-06-01-preview/examples/PutRaiPolicy.json",
            "raiPolicies/strict",
            "Microsoft.CognitiveServices/accounts/raiPolicies",
        )?,
    ));
    all.push((
        "projects",
        example(
            "stable/2025-06-01/examples/GetProject.json",
            "projects/team",
            "Microsoft.CognitiveServices/accounts/projects",
        )?,
    ));
    Some(all)
}

/// The child's own settings in a spec of nothing else.
fn as_spec(kind: &dyn Kind, body: &Value) -> String {
    let id = ResourceId::parse(body["id"].as_str().unwrap()).unwrap();
    let mut element = kind.to_spec(body);
    element["name"] = json!(id.name());
    let parent = id.parent().unwrap();
    let account = if kind.name() == "connections" { parent.parent().unwrap() } else { parent.clone() };
    let mut holder = json!({"name": account.name(), "location": "eastus"});
    if kind.name() == "connections" {
        holder["projects"] = json!([{"name": parent.name(), "connections": [element]}]);
    } else {
        holder[kind.name()] = json!([element]);
    }
    json!({
        "version": 1, "stack": "recorded", "subscription": id.subscription_id(), "resourceGroup": id.group().unwrap().name(),
        "accounts": [holder],
    })
    .to_string()
}

/// The state in which the child's own list shows it, and every other list is empty.
fn showing(read: &Read, kind: &str, body: &Value) -> Snapshot {
    let id = ResourceId::parse(body["id"].as_str().unwrap()).unwrap();
    let list = format!("{}/{kind}?", id.parent().unwrap());
    snapshot(&read.stacks, |query| {
        let listed = query.path.starts_with(&list);
        Answer::found(if listed { vec![(query.project)(body.clone())] } else { Vec::new() })
    })
}

fn of<'a>(changes: &'a [Change], kind: &str, place: &str) -> &'a Change {
    let ours = |change: &&Change| match change {
        Change::NoOp { desired, .. }
        | Change::Update { desired, .. }
        | Change::Create { desired, .. }
        | Change::Refused { desired, .. } => desired.kind.name() == kind,
        _ => false,
    };
    changes.iter().find(ours).unwrap_or_else(|| panic!("{place}: no change of {kind}"))
}

#[test]
fn every_recorded_child_equals_its_own_spec() {
    let Some(all) = children() else { return };
    for (name, Body { place, value }) in &all {
        let kind = kinds::by_name(name).unwrap();
        let read = read(&as_spec(kind, value));
        let diff = compare(&read, &showing(&read, name, value));
        let change = of(&diff.changes, name, place);
        assert!(matches!(change, Change::NoOp { .. }), "{place}: {:?}", paths(change));
    }
    eprintln!("{} recorded children equal their own specs", all.len());
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_field_of_a_recorded_child_altered_alone_is_exactly_that_change() {
    let Some(all) = children() else { return };
    let mut seen = BTreeMap::<String, usize>::new();
    for (name, Body { place, value }) in &all {
        let kind = kinds::by_name(name).unwrap();
        let read = read(&as_spec(kind, value));
        let snapshot = showing(&read, name, value);
        let wanted = desired(&read.stacks);
        let at = wanted.iter().position(|each| each.kind.name() == *name).unwrap();
        for Altered { path, declared } in each_field(&wanted[at]) {
            let case = || {
                let mut wanted = desired(&read.stacks);
                wanted[at].declared.clone_from(&declared);
                // A version that nobody lets Azure move.
                if path == "model/version" {
                    wanted[at].declared.remove("versionUpgradeOption");
                }
                // What signs in is not shown: with it, the connection can be written.
                if *name == "connections" {
                    wanted[at].declared.insert("credentials".to_owned(), json!({}));
                }
                wanted
            };
            let diff = compare_as(&read, case(), &snapshot);
            let change = of(&diff.changes, name, place);
            *seen.entry(format!("{name}/{path}")).or_default() += 1;
            let fixed = facts::fixed(name, &path);
            assert_eq!(paths(change), [path.as_str()], "{place}: {declared:?}");
            assert_eq!(matches!(change, Change::Refused { .. }), fixed, "{place}: {path}");
            if fixed {
                continue;
            }
            // The plan closes exactly this.
            let plan = plan(diff, &read);
            let steps: Vec<_> = plan.steps.iter().filter(|step| step.kind == *name).collect();
            assert_eq!(steps.len(), 1, "{place}: {path}");
            let after = World::of(&snapshot).after(&plan);
            let id = ResourceId::parse(value["id"].as_str().unwrap()).unwrap();
            let next = showing(&read, name, &after.resources[&id]);
            let again = compare_as(&read, case(), &next);
            let change = of(&again.changes, name, place);
            assert!(matches!(change, Change::NoOp { .. }), "{place}: {path} stays: {:?}", paths(change));
            let back = compare(&read, &next);
            let change = of(&back.changes, name, place);
            if path == "model/version" && value["properties"]["versionUpgradeOption"].is_string() {
                assert!(back.findings.iter().any(|finding| finding.code == Code::VersionMoved), "{place}");
                assert_eq!(paths(change), [""; 0], "{place}: a version that moved is no change");
            } else {
                assert_eq!(paths(change), [path.as_str()], "{place}: something else moved");
            }
        }
    }
    eprintln!("alterations: {seen:?}");
    for path in [
        "deployments/model/format",
        "deployments/model/name",
        "deployments/model/version",
        "deployments/sku/name",
        "deployments/sku/capacity",
        "deployments/versionUpgradeOption",
        "raiPolicies/mode",
        "raiPolicies/basePolicyName",
        "raiPolicies/contentFilters",
        "projects/location",
        "connections/category",
        "connections/target",
        "connections/authType",
        "connections/isSharedToAll",
    ] {
        assert!(seen.contains_key(path), "nothing has {path}");
    }
}

#[test]
fn a_write_carries_everything_writable_of_a_recorded_child_and_nothing_else() {
    let Some(all) = children() else { return };
    for (name, Body { place, value }) in &all {
        let kind = kinds::by_name(name).unwrap();
        let mut live = value.clone();
        live["properties"]["invented"] = json!([1, {"b": "c"}]);
        let before = writable(kind, &live);
        assert!(!before.to_string().contains("null"), "{place}: a null would be sent");
        let mut expected = live.clone();
        strip(name, &mut expected);
        assert_eq!(before, expected, "{place}");
        let mut same = before.clone();
        kind.overlay(&mut same, &Map::new());
        assert_eq!(same, before, "{place}: an empty patch changes it");
        kind.overlay(&mut same, kind.to_spec(&live).as_object().unwrap());
        assert_eq!(same, before, "{place}: its own settings change it");
    }
}

#[test]
fn what_azure_never_shows_is_never_a_difference_and_is_sent_with_one() {
    let Some(all) = bodies("Microsoft.CognitiveServices/accounts/projects/connections") else { return };
    let kind = kinds::by_name("connections").unwrap();
    let unshown = kind.fields().iter().filter(|field| field.compare == Compare::Unshown).count();
    assert!(unshown > 0);
    for Body { place, value } in &all {
        let read = read(&as_spec(kind, value));
        let snapshot = showing(&read, "connections", value);
        let with = |target: Option<&str>, credentials: Option<Value>| {
            let mut wanted = desired(&read.stacks);
            let ours = wanted.iter_mut().find(|each| each.kind.name() == "connections").unwrap();
            ours.declared.extend(credentials.map(|value| ("credentials".to_owned(), value)));
            ours.declared.extend(target.map(|target| ("target".to_owned(), json!(target))));
            compare_as(&read, wanted, &snapshot)
        };
        let identity = json!({"clientId": "other", "resourceId": "another"});
        let quiet = with(None, Some(identity.clone()));
        assert!(matches!(of(&quiet.changes, "connections", place), Change::NoOp { .. }), "{place}");
        let loud = with(Some("https://elsewhere.example.com"), Some(identity));
        let change = of(&loud.changes, "connections", place);
        assert_eq!(paths(change), ["target", "credentials/clientId", "credentials/resourceId"], "{place}");
        // Without them, a write could lose existing values.
        let blind = with(Some("https://elsewhere.example.com"), None);
        assert!(matches!(of(&blind.changes, "connections", place), Change::Refused { .. }), "{place}");
        assert!(blind.findings.iter().any(|finding| finding.code == Code::CredentialsUnknown), "{place}");
    }
}
