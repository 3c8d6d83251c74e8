//! One field altered, the others left: a table by type of field, written from what ARM documents and not from the differ.

use keyless::kinds::desired::Desired;
use serde_json::{Map, Value, json};

/// A declaration in which one field was altered.
pub(super) struct Altered {
    /// The field, with `/` between names.
    pub(super) path: String,
    /// The whole declaration.
    pub(super) declared: Map<String, Value>,
}

/// Every declared field, altered alone, in each way that its type allows.
pub(super) fn each_field(desired: &Desired) -> Vec<Altered> {
    let mut leaves = Vec::new();
    for (name, value) in &desired.declared {
        collect(vec![name.clone()], value, &mut leaves);
    }
    let mut all = Vec::new();
    for (path, value) in leaves {
        for other in others(&path, &value) {
            all.push(Altered { path: path.join("/"), declared: replaced(&desired.declared, &path, other) });
        }
    }
    all
}

/// Every declared field in another spelling of the same.
pub(super) fn each_respelt(desired: &Desired) -> Vec<Altered> {
    let mut leaves = Vec::new();
    for (name, value) in &desired.declared {
        collect(vec![name.clone()], value, &mut leaves);
    }
    let mut all = Vec::new();
    for (path, value) in leaves {
        for same in spellings(&path, &value) {
            all.push(Altered { path: path.join("/"), declared: replaced(&desired.declared, &path, same) });
        }
    }
    all
}

fn collect(path: Vec<String>, value: &Value, leaves: &mut Vec<(Vec<String>, Value)>) {
    match value {
        Value::Object(map) => {
            for (name, child) in map {
                let mut path = path.clone();
                path.push(name.clone());
                collect(path, child, leaves);
            }
        }
        _ => leaves.push((path, value.clone())),
    }
}

fn replaced(declared: &Map<String, Value>, path: &[String], value: Value) -> Map<String, Value> {
    let mut whole = Value::Object(declared.clone());
    let mut at = &mut whole;
    for name in path {
        at = &mut at[name.as_str()];
    }
    *at = value;
    match whole {
        Value::Object(map) => map,
        _ => unreachable!("a declaration is a mapping"),
    }
}

/// Other values of the same type.
fn others(path: &[String], value: &Value) -> Vec<Value> {
    let last = path.last().unwrap().as_str();
    match value {
        Value::Bool(flag) => vec![json!(!flag)],
        Value::Number(number) => vec![json!(number.as_i64().unwrap_or_default() + 1)],
        Value::String(text) => {
            let mut others = vec![json!(format!("{text}x")), json!(format!("x{text}"))];
            if text.len() > 1 {
                let mut shorter = text.clone();
                shorter.pop();
                others.push(json!(shorter));
            }
            others
        }
        Value::Array(items) => {
            let new = match last {
                "ipRules" => json!("192.0.2.77"),
                "virtualNetworkRules" => json!({"id": subnet("new")}),
                "userOwnedStorage" => json!({"resourceId": "/subscriptions/x/storageAccounts/new"}),
                "networkInjections" => json!({"scenario": "none"}),
                "contentFilters" => json!({"name": "New", "source": "Prompt"}),
                _ => json!("/new"),
            };
            let mut others = vec![Value::Array(items.iter().cloned().chain([new.clone()]).collect())];
            if !items.is_empty() {
                others.push(json!([]));
                others.push(Value::Array(items[1..].to_vec()));
                others.push(Value::Array(std::iter::once(new).chain(items[1..].iter().cloned()).collect()));
            }
            // A member of an element.
            for (index, item) in items.iter().enumerate() {
                for (name, member) in item.as_object().into_iter().flatten() {
                    let changed = match member {
                        Value::Bool(flag) => json!(!flag),
                        Value::String(text) => json!(format!("{text}x")),
                        _ => continue,
                    };
                    let mut items = items.clone();
                    items[index][name] = changed;
                    others.push(Value::Array(items));
                }
            }
            others.dedup();
            others
        }
        Value::Null | Value::Object(_) => Vec::new(),
    }
}

/// Other spellings of the same value.
fn spellings(path: &[String], value: &Value) -> Vec<Value> {
    let last = path.last().unwrap().as_str();
    match value {
        Value::String(text) if last == "location" => vec![json!(text.to_uppercase()), json!(spaced(text))],
        Value::String(text) if last == "condition" => vec![json!(format!("  {text}\n"))],
        Value::String(text)
            if [
                "kind",
                "customSubDomainName",
                "publicNetworkAccess",
                "defaultAction",
                "bypass",
                "keySource",
            ]
            .contains(&last) =>
        {
            vec![json!(text.to_uppercase())]
        }
        Value::Array(items) if !items.is_empty() => {
            let mut same = vec![Value::Array(items.iter().rev().cloned().collect())];
            if last == "ipRules" {
                let masked = |item: &Value| {
                    let text = item.as_str().unwrap();
                    json!(if text.contains('/') { text.to_owned() } else { format!("{text}/32") })
                };
                same.push(items.iter().map(masked).collect());
            } else if last == "virtualNetworkRules" {
                let cased = |item: &Value| {
                    let mut item = item.clone();
                    item["id"] = json!(item["id"].as_str().unwrap().to_lowercase());
                    item
                };
                same.push(items.iter().map(cased).collect());
            } else if last == "userAssigned" {
                same.push(items.iter().map(|item| json!(item.as_str().unwrap().to_lowercase())).collect());
            }
            same
        }
        _ => Vec::new(),
    }
}

fn spaced(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    format!("{} {rest}", first.to_uppercase())
}

pub(super) fn subnet(name: &str) -> String {
    format!(
        "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/{name}"
    )
}
