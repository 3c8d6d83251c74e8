//! The published types of the API against the spec: each writable property can be declared, or stands here with the reason why not.

use std::collections::BTreeSet;

use keyless::spec::structure;
use serde_json::Value;

use crate::common::shared;

/// The resource types, with the definition in the schema of specs.
const TYPES: &[(&str, &str)] = &[
    ("accounts", "Account"),
    ("accounts/deployments", "Deployment"),
    ("accounts/raiPolicies", "RaiPolicy"),
    ("accounts/projects", "Project"),
    ("accounts/connections", "Connection"),
    ("accounts/raiBlocklists", "RaiBlocklist"),
    ("accounts/raiBlocklists/raiBlocklistItems", "RaiBlocklistItem"),
    ("accounts/defenderForAISettings", "DefenderForAiSettings"),
    ("accounts/capabilityHosts", "CapabilityHost"),
    ("accounts/projects/capabilityHosts", "CapabilityHost"),
];

/// What specs call otherwise.
const OTHERWISE: &[(&str, &str)] = &[
    ("identity/type", "identity/systemAssigned"),
    ("identity/userAssignedIdentities/*", "identity/userAssigned/[]"),
    ("networkAcls/ipRules/[]/value", "networkAcls/ipRules/[]"),
];

/// What cannot be declared, with the reason.
const EXCLUDED: &[(&str, &str, &str)] = &[
    (
        "accounts",
        "networkAcls/virtualNetworkRules/[]/state",
        "the service says there whether the subnet has its endpoint",
    ),
    ("accounts", "restore", "an operation, which `onSoftDeleted: restore` starts"),
    ("accounts", "apiProperties/*", "properties without a name; those that have one can be declared"),
    ("accounts", "sku/tier", "follows from the name; Azure neither fills it in nor shows it"),
    ("accounts", "sku/size", "no kind has sizes"),
    ("accounts", "sku/family", "no kind has families"),
    ("accounts", "sku/capacity", "no kind has a capacity; those of deployments can be declared"),
    ("accounts/deployments", "scaleSettings/scaleType", "refused since 2023 in favour of `sku`"),
    ("accounts/deployments", "scaleSettings/capacity", "refused since 2023 in favour of `sku`"),
    ("accounts/deployments", "currentCapacity", "the service says there what it gives at the moment"),
    ("accounts/deployments", "sku/tier", "follows from the name"),
    ("accounts/deployments", "sku/size", "no deployment type has sizes"),
    ("accounts/deployments", "sku/family", "no deployment type has families"),
    ("accounts/defenderForAISettings", "name", "each account has one, called `Default`"),
    ("accounts/connections", "error", "the service says there what is wrong"),
];

/// As many properties as may be excluded.
const MOST: usize = 17;

fn reference<'a>(types: &'a Value, link: &Value) -> &'a Value {
    let at = link["$ref"].as_str().and_then(|text| text.trim_start_matches("#/").parse::<usize>().ok());
    &types[at.expect("a reference")]
}

/// The writable properties of a type, as paths without `properties`.
fn leaves(types: &Value, element: &Value, path: &str, found: &mut BTreeSet<String>) {
    let below = |name: &str| {
        if path.is_empty() && name == "properties" {
            String::new()
        } else if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}/{name}")
        }
    };
    let members = |members: &Value, found: &mut BTreeSet<String>| {
        for (name, property) in members.as_object().into_iter().flatten() {
            let read_only = property["flags"].as_u64().unwrap_or_default() & 2 != 0;
            if !read_only {
                leaves(types, reference(types, &property["type"]), &below(name), found);
            }
        }
    };
    match element["$type"].as_str() {
        Some("ObjectType") => {
            members(&element["properties"], found);
            if element["additionalProperties"].is_object() {
                found.insert(below("*"));
            }
        }
        Some("DiscriminatedObjectType") => {
            members(&element["baseProperties"], found);
            for (value, link) in element["elements"].as_object().into_iter().flatten() {
                let mut own = BTreeSet::new();
                leaves(types, reference(types, link), "", &mut own);
                found.extend(own.into_iter().map(|leaf| format!("{}{leaf}", below(&format!("<{value}>/")))));
            }
        }
        Some("ArrayType") => leaves(types, reference(types, &element["itemType"]), &below("[]"), found),
        _ => drop(found.insert(path.to_owned())),
    }
}

/// Whether a definition of the schema has a field, however it is wrapped.
fn has(schema: &Value, value: &Value, path: &[&str]) -> bool {
    let alternatives = value["anyOf"].as_array().into_iter().flatten();
    if alternatives.clone().any(|each| has(schema, each, path)) {
        return true;
    }
    if let Some(name) = value["$ref"].as_str().and_then(|text| text.strip_prefix("#/$defs/")) {
        return has(schema, &schema["$defs"][name], path);
    }
    match path.split_first() {
        None => true,
        Some((&"[]", rest)) => value["items"].is_object() && has(schema, &value["items"], rest),
        Some((&"*", rest)) => {
            let further = &value["additionalProperties"];
            further.is_object() && has(schema, further, rest)
        }
        Some((name, rest)) => value["properties"].get(*name).is_some_and(|field| has(schema, field, rest)),
    }
}

/// Whether a way to sign in is one that connections have.
fn takes_way(schema: &Value, way: &str) -> bool {
    schema["$defs"]["ConnectionAuthType"].to_string().contains(&format!("\"{way}\""))
}

fn is_declarable(schema: &Value, definition: &str, leaf: &str) -> bool {
    // One variant of connections: `<ApiKey>/credentials/key`.
    let (way, leaf) = match leaf.strip_prefix('<').and_then(|rest| rest.split_once(">/")) {
        Some((way, leaf)) => (Some(way), leaf),
        None => (None, leaf),
    };
    let leaf = OTHERWISE.iter().find(|(of_api, _)| *of_api == leaf).map_or(leaf, |(_, ours)| ours);
    let path: Vec<&str> = leaf.split('/').collect();
    way.is_none_or(|way| takes_way(schema, way)) && has(schema, &schema["$defs"][definition], &path)
}

#[test]
fn every_writable_property_of_the_api_can_be_declared_or_is_excluded_with_a_reason() {
    let Some(file) = shared("openapi/bicep-types-az/cognitiveservices/2026-05-01/types.json") else { return };
    let text = std::fs::read_to_string(file).expect("the types can be read");
    let types: Value = serde_json::from_str(&text).expect("the types are JSON");
    let schema = structure::schema();
    let mut reasons: BTreeSet<String> =
        EXCLUDED.iter().map(|(kind, leaf, _)| format!("{kind} {leaf}")).collect();
    let (mut count, mut missing) = (0, Vec::new());
    for (kind, definition) in TYPES {
        let name = format!("Microsoft.CognitiveServices/{kind}@2026-05-01");
        let elements = types.as_array().expect("a list");
        let found = elements.iter().find(|element| element["name"] == name.as_str());
        let body = reference(&types, &found.unwrap_or_else(|| panic!("{name} is described"))["body"]);
        let mut all = BTreeSet::new();
        leaves(&types, body, "", &mut all);
        count += all.len();
        for leaf in all {
            let title = format!("{kind} {leaf}");
            if is_declarable(&schema, definition, &leaf) {
                assert!(!reasons.contains(&title), "{title} is excluded and declarable");
            } else if !reasons.remove(&title) {
                missing.push(title);
            }
        }
    }
    crate::referee::show(&format!("{count} properties, {} excluded", EXCLUDED.len()));
    assert!(missing.is_empty(), "neither declarable nor excluded: {missing:#?}");
    assert!(reasons.is_empty(), "excluded, and not in the description: {reasons:?}");
    assert!(count > 150 && EXCLUDED.len() <= MOST, "{count} properties, {} excluded", EXCLUDED.len());
}
