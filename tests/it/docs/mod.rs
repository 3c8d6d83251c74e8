//! Pages of docs/ that are made from the code, and a check that they are current.
//!
//! `KEYLESS_BLESS=1 cargo test --test it docs` writes them anew.

mod openings;

use std::fmt::Write as _;
use std::path::Path;

use keyless::finding::Code;
use keyless::spec::structure;
use serde_json::Value;

fn is_current(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("KEYLESS_BLESS").is_some() {
        std::fs::write(&path, text).expect("docs/ can be written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == text, "{name} is not what the code says: KEYLESS_BLESS=1 cargo test --test it docs");
}

#[test]
fn the_page_of_findings_is_current() {
    let mut page = String::from(
        "# Findings\n\nEvery message of keyless has a code that stays the same between versions. This page is made from the code.\n\n| code | meaning |\n| --- | --- |\n",
    );
    for code in Code::ALL {
        let _ = writeln!(page, "| `{code}` | {} |", code.about());
    }
    is_current("docs/findings.md", &page);
}

#[test]
fn the_page_of_fields_is_current() {
    let schema = structure::schema();
    let mut page = String::from(
        "# Fields of a spec\n\nThis page is made from the code; [schema/spec.schema.json](../schema/spec.schema.json) says the same to editors. Names are Azure\nResource Manager's. A field left out is unmanaged: never compared, never reset. A declared list is complete, and its order does not count;\nmaps such as `tags` merge key by key, and `null` removes a key.\n\nLists below an account, a project or a workspace (`deployments`, `raiPolicies`, `projects`, `connections`) are read if and only if they\nstand in the spec. So a line removed from such a list removes what keyless made; to remove the last one, leave `[]`: without the key the\nlist is nobody's, and what is in it stays. Connections are never removed, since Azure has no place for a mark on them.\n\nWhat stands beside a declared list is drift: `drift` exits with 2 and says who made it and when; `plan` shows it, keeps its exit code,\nand `apply` never deletes what keyless did not make. That holds for `roleAssignments` of an account (what is assigned on something in the\naccount counts too) and for the lists above. Accounts that no spec declares, and role assignments on resource groups, above them and on\nother resources, are named only, but for roles that the `grant` guard guards: given in a group of the stack, they are drift. An account\nthat declares no `roleAssignments` leaves those on it alone, such roles excepted. `unmanaged: list` names all of this and fails nothing.\n\nNever drift, and said so: what is inherited · an inference role that the account's or a project's own identity has there (services add\nthose) · assignments whose principal is gone · those that somebody activated through Privileged Identity Management, with their end (a\ntenant without its license has none; where it cannot be read, `drift` exits with 1) · Azure's own content filters · what `expected` names.\n\nA mark of a stack (tag `keyless-stack`, or `[keyless:STACK]` at the end of a description) that is not in the run excuses nothing, since\nanybody can type one. Teams that share an account name each other under `coManagedBy`: what carries the other team's mark is accepted there\nif Azure says that both its maker and its last writer are among `by`, and, of a role assignment, the role is among `roles` and not a guarded\none. `-v` lists what is accepted. Connections have no place for a mark, so they cannot be shared: one team declares them all.\n",
    );
    section(&mut page, "The file", &schema);
    let definitions = schema["$defs"].as_object().unwrap();
    for name in ORDER {
        section(&mut page, &title(name), &definitions[*name]);
    }
    let listed: Vec<&String> =
        definitions.iter().filter(|(_, each)| each["properties"].is_object()).map(|(name, _)| name).collect();
    for name in listed {
        assert!(ORDER.contains(&name.as_str()), "{name} is missing from ORDER");
    }
    is_current("docs/spec.md", &page);
}

/// The objects of a spec, in reading order.
const ORDER: &[&str] = &[
    "Account",
    "IdentityParts",
    "NetworkAcls",
    "VirtualNetworkRule",
    "Encryption",
    "KeyVaultProperties",
    "UserOwnedStorage",
    "NetworkInjection",
    "RoleAssignment",
    "Expected",
    "CoManager",
    "Deployment",
    "DeploymentModel",
    "DeploymentSku",
    "RaiPolicy",
    "ContentFilter",
    "Project",
    "Connection",
    "ConnectionCredentials",
    "Workspace",
    "ScopedRoleAssignment",
    "Principal",
];

fn title(name: &str) -> String {
    match name {
        "Account" => "An account (`accounts`)",
        "IdentityParts" => "The long form of `identity`",
        "NetworkAcls" => "`networkAcls`",
        "VirtualNetworkRule" => "An element of `virtualNetworkRules`",
        "Encryption" => "`encryption`",
        "KeyVaultProperties" => "`keyVaultProperties`",
        "UserOwnedStorage" => "An element of `userOwnedStorage`",
        "NetworkInjection" => "An element of `networkInjections`",
        "RoleAssignment" => "A role assignment on an account",
        "Expected" => "A role assignment that is expected (`expected` of the file or of an account)",
        "CoManager" => "Another team on an account (`coManagedBy`)",
        "ScopedRoleAssignment" => "A role assignment at another scope (`roleAssignments` of the file)",
        "Deployment" => "A model deployment (`deployments` of an account)",
        "DeploymentModel" => "`model`",
        "DeploymentSku" => "`sku` of a deployment",
        "RaiPolicy" => "A content filter (`raiPolicies` of an account)",
        "ContentFilter" => "An element of `contentFilters`",
        "Project" => "A Foundry project (`projects` of an account)",
        "Connection" => "A connection (`connections` of an account, a project or a workspace)",
        "ConnectionCredentials" => "`credentials`",
        "Workspace" => "A hub workspace (`workspaces`)",
        "Principal" => "A principal",
        other => other,
    }
    .to_owned()
}

fn section(page: &mut String, title: &str, object: &Value) {
    let about = object["description"].as_str().unwrap_or_default().replace('\n', " ");
    let _ = write!(page, "\n## {title}\n\n{about}\n\n| field | takes | |\n| --- | --- | --- |\n");
    let required: Vec<&str> =
        object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, field) in object["properties"].as_object().expect("an object of the schema has properties") {
        let about = field["description"].as_str().unwrap_or_default().replace('\n', " ");
        let needed = if required.contains(&name.as_str()) { " **required**" } else { "" };
        let _ = writeln!(page, "| `{name}`{needed} | {} | {about} |", takes(field));
    }
}

/// What a field takes, in a few words.
fn takes(field: &Value) -> String {
    if let Some(name) = field["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return words(name);
    }
    if let Some(list) = field["anyOf"].as_array().or_else(|| field["oneOf"].as_array()) {
        let some = list.iter().filter(|each| each["type"] != "null").map(takes);
        return some.collect::<Vec<_>>().join(" or ");
    }
    let types = match &field["type"] {
        Value::Array(types) => {
            types.iter().filter_map(Value::as_str).filter(|each| *each != "null").collect()
        }
        Value::String(one) => vec![one.as_str()],
        _ => vec![],
    };
    match types.first() {
        Some(&"array") => format!("list of {}", takes(&field["items"])),
        Some(&"object") => "map".to_owned(),
        Some(&"boolean") => "true, false".to_owned(),
        Some(&"string") => "text".to_owned(),
        Some(&"integer") => "number".to_owned(),
        _ => "any scalar".to_owned(),
    }
}

/// An enumeration by its words, an object by its name.
fn words(name: &str) -> String {
    let schema = structure::schema();
    let definition = &schema["$defs"][name];
    let mut words: Vec<String> = Vec::new();
    collect(definition, &mut words);
    if words.is_empty() || definition["properties"].is_object() {
        noun(name).to_owned()
    } else {
        words.join(", ")
    }
}

/// What an object is called where it is an element or a value.
fn noun(name: &str) -> &str {
    match name {
        "Account" => "accounts, see below",
        "RoleAssignment" | "ScopedRoleAssignment" => "role assignments, see below",
        "Principal" => "principals, see below",
        "Expected" => "expected role assignments, see below",
        "CoManager" => "teams, see below",
        "Deployment" => "deployments, see below",
        "RaiPolicy" => "content filters, see below",
        "Project" => "projects, see below",
        "Connection" => "connections, see below",
        "Workspace" => "workspaces, see below",
        "VirtualNetworkRule" | "UserOwnedStorage" | "NetworkInjection" | "ContentFilter" => {
            "objects, see below"
        }
        "IdentityParts" => "an object, see below",
        _ => "object, see below",
    }
}

fn collect(definition: &Value, words: &mut Vec<String>) {
    let texts = definition["enum"].as_array().into_iter().flatten().chain(definition.get("const"));
    words.extend(texts.filter_map(Value::as_str).map(|word| format!("`{word}`")));
    for inner in ["oneOf", "anyOf"].iter().filter_map(|key| definition[*key].as_array()).flatten() {
        match inner["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            Some(name) => words.push(self::words(name)),
            None => collect(inner, words),
        }
    }
}
