//! docs/openings.md holds every field that could open something, and what it calls guarded is refused by the real binary.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use keyless::guards::Allow;
use keyless::spec::structure;
use serde_json::Value;

/// Each field of the table, with its guard or none.
fn table() -> BTreeMap<String, Option<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openings.md");
    let page = std::fs::read_to_string(path).expect("docs/openings.md is there");
    let mut table = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [field, guard, why] = cells.as_slice() else { panic!("three cells: {line}") };
        assert!(!why.is_empty(), "no reason: {line}");
        let guard = guard.strip_prefix('`').and_then(|guard| guard.strip_suffix('`')).map(str::to_owned);
        assert!(guard.is_some() || line.contains("| none |"), "a guard or `none`: {line}");
        let field = field.trim_matches('`').to_owned();
        assert!(table.insert(field, guard).is_none(), "twice: {line}");
    }
    table
}

/// The definitions that a value refers to, itself among them.
fn meant<'a>(schema: &'a Value, value: &'a Value) -> Vec<&'a Value> {
    let mut found = vec![value];
    let alternatives = value["anyOf"].as_array().into_iter().flatten();
    found.extend(alternatives.flat_map(|each| meant(schema, each)));
    if let Some(name) = value["$ref"].as_str().and_then(|text| text.strip_prefix("#/$defs/")) {
        found.extend(meant(schema, &schema["$defs"][name]));
    }
    found
}

/// Every field below a value that holds no others.
fn leaves(schema: &Value, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let mut plain = true;
    let mut words = false;
    for each in meant(schema, value) {
        if let Some(properties) = each["properties"].as_object() {
            plain = false;
            for (name, below) in properties {
                leaves(schema, below, &format!("{path}.{name}"), found);
            }
        } else if each["items"].is_object() {
            plain = false;
            leaves(schema, &each["items"], &format!("{path}[]"), found);
        }
        words |= each["enum"].is_array() || each["oneOf"].is_array();
    }
    // A field that takes words as well as an object is a field by itself.
    if plain || words {
        found.insert(path.to_owned());
    }
}

#[test]
fn every_field_that_could_open_something_stands_in_the_table_of_openings() {
    let schema = structure::schema();
    let mut found = BTreeSet::new();
    for list in ["accounts", "workspaces"] {
        leaves(&schema, &schema["properties"][list], list, &mut found);
    }
    // Role assignments, and what `drift` excuses, are about who; connections are one type wherever they stand.
    let apart = |field: &String| {
        [".roleAssignments[]", ".expected[]", ".coManagedBy[]"]
            .iter()
            .any(|about_who| field.contains(about_who))
            || field.starts_with("accounts[].projects[].connections[]")
            || field.starts_with("workspaces[].connections[]")
    };
    found.retain(|field| !apart(field));
    assert!(found.len() > 50, "{found:?}");
    let table = table();
    let known: BTreeSet<String> = table.keys().cloned().collect();
    let missing: Vec<&String> = found.difference(&known).collect();
    assert!(missing.is_empty(), "docs/openings.md does not say what these fields could open: {missing:?}");
    let gone: Vec<&String> = known.difference(&found).collect();
    assert!(gone.is_empty(), "no such fields: {gone:?}");
    for rule in table.values().flatten() {
        assert!(rule.parse::<Allow>().is_ok(), "no guard is called `{rule}`");
    }
}

/// Keys and identities have their rows beside the other guards of access.
#[cfg(feature = "sandbox")]
#[test]
fn what_the_table_of_openings_calls_guarded_is_refused_by_the_binary() {
    let elsewhere = ["keys-on", "identity"];
    let guarded: BTreeSet<String> = table()
        .into_iter()
        .filter(|(_, guard)| guard.as_ref().is_some_and(|guard| !elsewhere.contains(&guard.as_str())))
        .map(|(field, _)| field)
        .collect();
    let tried: BTreeSet<String> =
        crate::product::openings::openings().iter().map(|opening| opening.field.to_owned()).collect();
    assert_eq!(tried, guarded);
}
