//! Recorded role assignments.

use std::collections::{BTreeMap, BTreeSet};

use keyless::diff::Change;
use keyless::id::{ResourceId, trailing_guid};
use keyless::kinds::desired::desired;
use keyless::kinds::{self, Kind, writable};
use keyless::snapshot::Answer;
use serde_json::{Map, Value, json};

use super::cassettes::{Body, bodies};
use super::{compare, compare_as, paths, plan, read, snapshot};
use crate::common::few;

const TYPE: &str = "Microsoft.Authorization/roleAssignments";

fn kind() -> &'static dyn Kind {
    kinds::by_name("roleAssignments").unwrap()
}

/// Recorded assignments, each scope, principal and role once. `cargo test` alone takes all that have a condition, and 200 of the others.
fn assignments() -> Option<(usize, Vec<Value>)> {
    let all = bodies(TYPE)?;
    let count = all.len();
    assert!(count > 3_000, "{count} role assignments");
    let mut distinct: BTreeMap<(String, String, String), Value> = BTreeMap::new();
    for Body { place, value } in all {
        let text = |name: &str| {
            value["properties"][name].as_str().unwrap_or_else(|| panic!("{place}: {value}")).to_lowercase()
        };
        let role = trailing_guid(&text("roleDefinitionId")).unwrap_or_else(|| panic!("{place}: {value}"));
        // Later ones replace earlier ones, as in life.
        distinct.insert((text("scope"), text("principalId"), role.to_string()), value);
    }
    // Recordings of several years come together here; one list of Azure shows an id once.
    let by_id: BTreeMap<String, Value> = distinct
        .into_values()
        .map(|value| (value["id"].as_str().unwrap_or_default().to_ascii_lowercase(), value))
        .collect();
    let is_conditioned = |value: &Value| value["properties"]["condition"].is_string();
    let (conditioned, others): (Vec<_>, Vec<_>) = by_id.into_values().partition(is_conditioned);
    Some((count, [conditioned, few(200, others)].concat()))
}

/// One spec that declares them all, each at its scope.
fn as_spec(all: &[Value]) -> String {
    let declared: Vec<Value> = all
        .iter()
        .map(|body| {
            let own = kind().to_spec(body);
            let mut assignment = json!({
                "scope": body["properties"]["scope"],
                "role": trailing_guid(own["roleDefinitionId"].as_str().unwrap()).unwrap().to_string(),
                "principals": [{"id": own["principalId"], "type": own["principalType"]}],
            });
            for name in ["description", "condition", "conditionVersion"] {
                if let Some(value) = own.get(name) {
                    assignment[name] = value.clone();
                }
            }
            assignment
        })
        .collect();
    json!({"version": 1, "stack": "recorded", "subscription": "00000000-0000-0000-0000-000000000000", "roleAssignments": declared})
        .to_string()
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn every_recorded_role_assignment_equals_its_own_spec_and_each_field_altered_is_that_change() {
    let Some((count, all)) = assignments() else { return };
    let read = read(&as_spec(&all));
    let snapshot = snapshot(&read.stacks, |_| Answer::found(all.clone()));
    let diff = compare(&read, &snapshot);
    assert_eq!(diff.changes.len(), all.len());
    for change in &diff.changes {
        assert!(matches!(change, Change::NoOp { .. }), "{change:#?}");
    }
    assert!(plan(diff, &read).steps.is_empty());

    let (mut altered, mut seen) = (0, BTreeSet::new());
    for (name, value, refused) in [
        ("description", json!("something else"), false),
        ("condition", json!("@Resource[x] StringEquals 'y'"), false),
        ("conditionVersion", json!("1.0"), false),
        ("principalType", json!("Device"), true),
    ] {
        let mut wanted = desired(&read.stacks);
        for each in &mut wanted {
            each.declared.insert(name.to_owned(), value.clone());
        }
        for change in &compare_as(&read, wanted, &snapshot).changes {
            assert_eq!(paths(change), [name], "{change:#?}");
            assert_eq!(matches!(change, Change::Refused { .. }), refused);
            seen.insert(name);
            altered += 1;
        }
    }
    assert_eq!((seen.len(), altered), (4, 4 * all.len()));
    // White space in a condition says nothing.
    let mut wanted = desired(&read.stacks);
    let mut conditions = 0;
    for each in &mut wanted {
        if let Some(Value::String(text)) = each.declared.get_mut("condition") {
            *text = format!("\n {} ", text.replace(") ", ")\n"));
            conditions += 1;
        }
    }
    assert!(conditions > 0, "no recorded condition");
    assert!(
        compare_as(&read, wanted, &snapshot)
            .changes
            .iter()
            .all(|change| matches!(change, Change::NoOp { .. }))
    );
    eprintln!("{count} recorded role assignments, {} of them different, {altered} alterations", all.len());
}

#[test]
fn a_write_carries_everything_writable_of_a_recorded_role_assignment() {
    let Some((_, all)) = assignments() else { return };
    for body in &all {
        let mut live = body.clone();
        live["properties"]["invented"] = json!({"a": "b"});
        let before = writable(kind(), &live);
        let names: BTreeSet<&str> =
            before["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let expected: BTreeSet<&str> = [
            "condition",
            "conditionVersion",
            "delegatedManagedIdentityResourceId",
            "description",
            "invented",
            "principalId",
            "principalType",
            "roleDefinitionId",
        ]
        .into_iter()
        .filter(|name| !live["properties"][*name].is_null())
        .collect();
        assert_eq!(names, expected, "{body}");
        assert_eq!(before.as_object().unwrap().len(), 1, "only properties: {before}");
        let mut same = before.clone();
        kind().overlay(&mut same, &Map::new());
        assert_eq!(same, before);
        kind().overlay(&mut same, kind().to_spec(&live).as_object().unwrap());
        assert_eq!(same, before, "its own settings change it");
        // The mark comes and goes without a trace on what is declared.
        kind().set_mark(&mut same, "team-a");
        assert_eq!(kind().mark(&same).as_deref(), Some("team-a"));
        let (marked, own) = (kind().to_spec(&same), kind().to_spec(&before));
        let text = |spec: &Value| spec["description"].as_str().unwrap_or_default().to_owned();
        assert_eq!(text(&marked), text(&own));
    }
}

#[test]
fn recorded_scopes_and_roles_are_the_same_in_any_spelling() {
    let Some((_, all)) = assignments() else { return };
    let mut spellings = BTreeSet::new();
    for body in &all {
        let scope = body["properties"]["scope"].as_str().unwrap();
        let id = ResourceId::parse(scope).unwrap_or_else(|error| panic!("{scope}: {error}"));
        assert_eq!(id, ResourceId::parse(&scope.to_uppercase()).unwrap());
        spellings.insert(scope.split('/').nth(3).unwrap_or_default().to_owned());
    }
    assert!(spellings.len() > 1, "{spellings:?}");
}
