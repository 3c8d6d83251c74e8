//! Values of an account's fields as Azure shows them: those that mean what a spec declares, and those that do not.

use serde_json::{Value, json};

use super::rng::Rng;
use super::specs::{Account, identity_id, subnet_id};

/// A declared value that compares by itself: its path in a spec.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) path: Vec<String>,
    pub(super) value: Value,
}

impl Unit {
    pub(super) fn name(&self) -> String {
        self.path.join("/")
    }
}

/// Every declared value of an account by itself.
pub(super) fn units(account: &Account) -> Vec<Unit> {
    let mut units = vec![Unit { path: vec!["location".to_owned()], value: json!(account.location) }];
    for (name, value) in &account.fields {
        if !matches!(name.as_str(), "name" | "resourceGroup" | "location") {
            flatten(vec![name.clone()], value, &mut units);
        }
    }
    units
}

fn flatten(path: Vec<String>, value: &Value, units: &mut Vec<Unit>) {
    let map = matches!(
        path.last().map(String::as_str),
        Some("networkAcls" | "encryption" | "keyVaultProperties" | "tags")
    );
    match value {
        Value::Object(members) if map => {
            for (name, value) in members {
                let mut path = path.clone();
                path.push(name.clone());
                flatten(path, value, units);
            }
        }
        _ => units.push(Unit { path, value: value.clone() }),
    }
}

/// Puts a value where ARM has it; `null` takes it away.
pub(super) fn place(body: &mut Value, path: &[String], value: Value) {
    let mut at: Vec<&str> = match path[0].as_str() {
        "location" | "kind" | "identity" | "tags" => Vec::new(),
        "sku" => vec!["sku", "name"],
        _ => vec!["properties"],
    };
    if path[0] != "sku" {
        at.extend(path.iter().map(String::as_str));
    }
    let (last, parents) = at.split_last().expect("a path has a name");
    let mut target = body;
    for name in parents {
        if !target[*name].is_object() {
            if value.is_null() {
                return;
            }
            target[*name] = json!({});
        }
        target = &mut target[*name];
    }
    let map = target.as_object_mut().expect("made an object above");
    if value.is_null() {
        map.remove(*last)
    } else {
        map.insert((*last).to_owned(), value)
    };
}

pub(super) fn identity(system: bool, users: &[String], rng: &mut Rng) -> Value {
    let types = match (system, users.is_empty()) {
        (true, true) => "SystemAssigned",
        (true, false) => *rng.pick(&["SystemAssigned, UserAssigned", "SystemAssigned,UserAssigned"]),
        (false, false) => "UserAssigned",
        (false, true) => return if rng.chance(50) { Value::Null } else { json!({"type": "None"}) },
    };
    let mut identity = json!({ "type": types });
    if system {
        identity["principalId"] = json!(rng.guid());
        identity["tenantId"] = json!("00000000-0000-0000-0000-00000000000f");
    }
    for user in users {
        let id = rng.recase(user);
        identity["userAssignedIdentities"][id] = json!({"principalId": rng.guid(), "clientId": rng.guid()});
    }
    identity
}

fn users_of(value: &Value) -> Vec<String> {
    value["userAssigned"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// A list as ARM may show it: in any order, and not at all where it is empty.
fn shown(mut items: Vec<Value>, rng: &mut Rng) -> Value {
    rng.shuffle(&mut items);
    if items.is_empty() && rng.chance(50) { Value::Null } else { json!(items) }
}

fn elements(value: &Value, identity: &str, rng: &mut Rng) -> Vec<Value> {
    let mut elements = list(value);
    for element in &mut elements {
        element[identity] = json!(rng.recase(element[identity].as_str().unwrap_or_default()));
        let flag =
            if identity == "id" { "ignoreMissingVnetServiceEndpoint" } else { "useMicrosoftManagedNetwork" };
        if element[flag] == false && rng.chance(50) {
            element.as_object_mut().expect("an element is an object").remove(flag);
        } else if element.get(flag).is_none() && identity == "id" && rng.chance(50) {
            element[flag] = json!(true);
        }
        if rng.chance(20) {
            element["state"] = json!("Succeeded");
        }
    }
    elements
}

/// A live value that means what is declared; `null` where its absence does.
pub(super) fn same(unit: &Unit, rng: &mut Rng) -> Value {
    let value = &unit.value;
    let absent_is = |default: Value, rng: &mut Rng| {
        if *value == default && rng.chance(50) { Value::Null } else { value.clone() }
    };
    match unit.name().as_str() {
        "location" => match value.as_str().unwrap_or_default().to_lowercase().replace(' ', "").as_str() {
            "eastus2" => json!(rng.pick(&["eastus2", "East US 2", "EASTUS2"])),
            other => json!(rng.pick(&[other.to_owned(), other.to_uppercase()])),
        },
        "identity" => match value {
            Value::String(word) if word == "None" => identity(false, &[], rng),
            Value::String(_) => {
                let users: Vec<String> = (0..rng.below(2)).map(identity_id).collect();
                identity(true, &users, rng)
            }
            parts => {
                let system = parts["systemAssigned"].as_bool().unwrap_or_else(|| rng.chance(50));
                identity(system, &users_of(parts), rng)
            }
        },
        "customSubDomainName" => json!(rng.recase(value.as_str().unwrap_or_default())),
        "disableLocalAuth" | "allowProjectManagement" | "restrictOutboundNetworkAccess" => {
            absent_is(json!(false), rng)
        }
        "publicNetworkAccess" => absent_is(json!("Enabled"), rng),
        "networkAcls/defaultAction" => absent_is(json!("Allow"), rng),
        "encryption/keySource" => absent_is(json!("Microsoft.CognitiveServices"), rng),
        "networkAcls/ipRules" => {
            let form = |rule: &Value, rng: &mut Rng| {
                let text = rule.as_str().unwrap_or_default();
                let bare = text.strip_suffix("/32").unwrap_or(text);
                let text = if rng.chance(30) && !bare.contains('/') {
                    format!("{bare}/32")
                } else {
                    bare.to_owned()
                };
                json!({ "value": text })
            };
            let rules = list(value).iter().map(|rule| form(rule, rng)).collect();
            shown(rules, rng)
        }
        "networkAcls/virtualNetworkRules" => {
            let rules = elements(value, "id", rng);
            shown(rules, rng)
        }
        "networkInjections" => json!(elements(value, "scenario", rng)),
        "userOwnedStorage" => {
            let all = elements(value, "resourceId", rng);
            shown(all, rng)
        }
        "allowedFqdnList" => {
            let hosts =
                list(value).iter().map(|host| json!(rng.recase(host.as_str().unwrap_or_default()))).collect();
            shown(hosts, rng)
        }
        _ => value.clone(),
    }
}

/// A live value that does not mean what is declared.
pub(super) fn other(unit: &Unit, rng: &mut Rng) -> Value {
    let value = &unit.value;
    let flipped = |value: &Value| json!(!value.as_bool().unwrap_or(false));
    let swap = |one: &str, two: &str| json!(if value == one { two } else { one });
    match unit.name().as_str() {
        "location" => json!("northcentralus"),
        "kind" => swap("AIServices", "OpenAI"),
        "sku" => swap("S0", "S1"),
        "identity" => {
            let (system, mut users) = match value {
                Value::String(word) => (word != "None", Vec::new()),
                parts => (parts["systemAssigned"].as_bool().unwrap_or(false), users_of(parts)),
            };
            if value.is_object() && rng.chance(60) {
                if users.pop().is_none() {
                    users.push(identity_id(5));
                }
                return identity(system, &users, rng);
            }
            if value.is_object() && value.get("systemAssigned").is_none() {
                users.push(identity_id(6));
            }
            identity(!system, &users, rng)
        }
        "customSubDomainName" => {
            if rng.chance(50) {
                json!("another-sub")
            } else {
                Value::Null
            }
        }
        "disableLocalAuth" | "allowProjectManagement" | "restrictOutboundNetworkAccess" => flipped(value),
        "publicNetworkAccess" => swap("Enabled", "Disabled"),
        "networkAcls/defaultAction" => swap("Allow", "Deny"),
        "networkAcls/bypass" => swap("AzureServices", "None"),
        "encryption" => json!({"keySource": "Microsoft.KeyVault", "keyVaultProperties": {"keyName": "old"}}),
        "encryption/keySource" => swap("Microsoft.CognitiveServices", "Microsoft.KeyVault"),
        "networkAcls/ipRules" => {
            let mut rules: Vec<Value> = list(value).iter().map(|rule| json!({ "value": rule })).collect();
            if rules.is_empty() || rng.chance(50) {
                rules.push(json!({"value": "192.0.2.77"}));
            } else {
                rules.pop();
            }
            json!(rules)
        }
        "networkAcls/virtualNetworkRules" => {
            let mut rules = list(value);
            match rules.first_mut().filter(|_| rng.chance(50)) {
                Some(first) if first.get("ignoreMissingVnetServiceEndpoint").is_some() => {
                    first["ignoreMissingVnetServiceEndpoint"] =
                        flipped(&first["ignoreMissingVnetServiceEndpoint"]);
                }
                Some(first) => first["id"] = json!(subnet_id(8)),
                None => rules.push(json!({"id": subnet_id(9)})),
            }
            json!(rules)
        }
        "networkInjections" => {
            let mut all = list(value);
            all[0]["subnetArmId"] = json!(subnet_id(8));
            json!(all)
        }
        "userOwnedStorage" => {
            let mut all = list(value);
            match all.first_mut().filter(|first| first.get("identityClientId").is_some()) {
                Some(first) => first["identityClientId"] = json!("88888888-0000-4000-8000-000000000008"),
                None => all.push(json!({"resourceId": subnet_id(3)})),
            }
            json!(all)
        }
        "allowedFqdnList" => {
            let mut all = list(value);
            if all.pop().is_none() {
                all.push(json!("z.example.com"));
            }
            json!(all)
        }
        "tags" => json!({"old": "1"}),
        _ if value.is_null() => json!("old"),
        _ if rng.chance(30) => Value::Null,
        _ => json!("something else"),
    }
}
