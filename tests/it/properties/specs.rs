//! Specs at random: one to three stacks that are valid together.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::rng::Rng;

pub(super) const SUBSCRIPTIONS: [&str; 2] =
    ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
/// Stands above the first subscription and not above the second.
pub(super) const MANAGEMENT_GROUP: &str = "/providers/Microsoft.Management/managementGroups/mg-1";
pub(super) const GROUPS: [&str; 3] = ["rg-a", "rg-ab", "Rg-C"];
pub(super) const STACKS: [&str; 3] = ["alpha", "beta", "gamma"];
pub(super) const FOREIGN: &str = "other-team";
pub(super) const CUSTOM_ROLE: &str = "c0ffee00-0000-4000-8000-000000000001";

/// Roles as a spec may write them, with their GUIDs (ARM.md, the table of built-in roles).
pub(super) const ROLES: &[(&str, &str)] = &[
    ("Cognitive Services User", "a97b65f3-24c7-4388-baec-2e87135dc908"),
    ("cognitive services user", "a97b65f3-24c7-4388-baec-2e87135dc908"),
    ("5e0bd9bd-7b93-4f28-af87-19fc36ad61bd", "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd"),
    ("Azure AI Developer", "64702f94-c441-49e6-a78b-ef80e0188fee"),
    ("53CA6127-DB72-4B80-B1B0-D745D6D5456D", "53ca6127-db72-4b80-b1b0-d745d6d5456d"),
    ("Cognitive Services Data Reader", "b59867f0-fa02-499b-be73-45a86b5b3e1c"),
    ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
    ("Cognitive Services Contributor", "25fbc0a9-bd7c-42a3-aa1a-3b75d497ee68"),
    ("Contributor", "b24988ac-6180-42a0-ab88-20f7382dd24c"),
    ("Owner", "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
    ("Azure AI Account Owner", "e47c6f54-e4a2-4754-9501-8e0985b135e1"),
    (CUSTOM_ROLE, CUSTOM_ROLE),
];

const PRINCIPALS: &[(&str, &str)] = &[
    ("aaaaaaaa-0000-4000-8000-00000000000a", "User"),
    ("bbbbbbbb-0000-4000-8000-00000000000b", "Group"),
    ("cccccccc-0000-4000-8000-00000000000c", "ServicePrincipal"),
    ("DDDDDDDD-0000-4000-8000-00000000000D", "Group"),
    ("eeeeeeee-0000-4000-8000-00000000000e", "ServicePrincipal"),
];

/// Who has roles that no spec declares, in some cases; the directory does not know the last one.
pub(super) const STRANGERS: [&str; 3] = [
    "0a0a0a0a-0000-4000-8000-00000000000a",
    "0b0b0b0b-0000-4000-8000-00000000000b",
    "f0f0f0f0-0000-4000-8000-00000000000f",
];
/// Who makes things for another team.
pub(super) const TEAM: [&str; 2] =
    ["1c1c1c1c-0000-4000-8000-00000000000c", "1d1d1d1d-0000-4000-8000-00000000000d"];

/// Who runs the plan, in some cases.
pub(super) const CALLER: &str = PRINCIPALS[2].0;

const DESCRIPTIONS: &[&str] =
    &["developers call the models", "x", "", "ends with a space ", "a\nblock\n", " led by one"];
const CONDITIONS: &[&str] = &[
    "@Resource[Microsoft.X/y:name] StringEquals 'a b'",
    "((!(ActionMatches{'Microsoft.X/y/read'}))  OR\n (@Environment[isPrivateLink] BoolEquals true))",
];

/// A declared assignment, as the generator means it.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub(super) stack: usize,
    pub(super) scope: String,
    pub(super) principal: String,
    pub(super) principal_type: String,
    pub(super) role: String,
    pub(super) entry: Value,
}

/// A declared account, as the generator means it.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) stack: usize,
    pub(super) id: String,
    pub(super) location: String,
    pub(super) fields: Map<String, Value>,
}

/// What some specs declare.
#[derive(Debug, Clone, Default)]
pub(super) struct Specs {
    pub(super) trees: Vec<Value>,
    pub(super) accounts: Vec<Account>,
    pub(super) grants: Vec<Grant>,
}

pub(super) fn group_id(subscription: &str, group: &str) -> String {
    format!("/subscriptions/{subscription}/resourceGroups/{group}")
}

pub(super) fn grant_key(scope: &str, principal: &str, role: &str) -> String {
    format!("{}|{}|{}", scope.trim_end_matches('/'), principal, role).to_lowercase()
}

pub(super) fn generate(rng: &mut Rng) -> Specs {
    let mut specs = Specs::default();
    let mut used = BTreeSet::new();
    let mut number = 0;
    let stacks = *rng.pick(&[1, 1, 2, 3]);
    for (stack, name) in STACKS.into_iter().enumerate().take(stacks) {
        let subscription = SUBSCRIPTIONS[usize::from(rng.chance(25))];
        let group = *rng.pick(&GROUPS);
        let location = *rng.pick(&["eastus2", "East US 2", "swedencentral"]);
        let mut tree = json!({"version": 1, "stack": name, "subscription": subscription});
        let with_group = rng.chance(90);
        if with_group {
            tree["resourceGroup"] = json!(group);
        }
        if rng.chance(70) {
            tree["location"] = json!(location);
        }
        for (name, percent, value) in [
            ("adopt", 35, json!(true)),
            ("prune", 20, json!("none")),
            ("prune", 10, json!("owned")),
            ("unmanaged", 20, json!("list")),
            ("unmanaged", 10, json!("fail")),
            ("onSoftDeleted", 20, json!("restore")),
            ("onSoftDeleted", 15, json!("purge")),
            ("expected", 25, json!(expected(rng))),
        ] {
            if rng.chance(percent) {
                tree[name] = value;
            }
        }
        let mut accounts = Vec::new();
        for _ in 0..*rng.pick(&[0, 1, 1, 2, 3]) {
            number += 1;
            let mut account = fields(rng, number);
            account.insert("name".to_owned(), json!(format!("acct-{number}")));
            let mut home = group;
            if !with_group || rng.chance(25) {
                home = *rng.pick(&GROUPS);
                account.insert("resourceGroup".to_owned(), json!(home));
            }
            let mut place = location.to_owned();
            if tree.get("location").is_none() || rng.chance(20) {
                place = String::from(*rng.pick(&["westus3", "East US 2"]));
                account.insert("location".to_owned(), json!(place));
            }
            let id = format!(
                "{}/providers/Microsoft.CognitiveServices/accounts/acct-{number}",
                group_id(subscription, home)
            );
            let mut nested = Vec::new();
            for _ in 0..*rng.pick(&[0, 1, 1, 2]) {
                if let Some(entry) = entry(rng, stack, &id, &mut used, &mut specs.grants) {
                    nested.push(entry);
                }
            }
            specs.accounts.push(Account { stack, id, location: place, fields: account.clone() });
            strangers(&mut account, rng);
            if !nested.is_empty() || rng.chance(30) {
                account.insert("roleAssignments".to_owned(), json!(nested));
            }
            accounts.push(Value::Object(account));
        }
        if !accounts.is_empty() {
            tree["accounts"] = json!(accounts);
        }
        let mut scoped = Vec::new();
        for _ in 0..*rng.pick(&[0, 0, 1, 2]) {
            let (word, scope) = match rng.below(10) {
                0..=4 if with_group => ("resourceGroup".to_owned(), group_id(subscription, group)),
                5 => ("subscription".to_owned(), format!("/subscriptions/{subscription}")),
                6 => {
                    let id = MANAGEMENT_GROUP.to_owned();
                    (id.clone(), id)
                }
                7 => {
                    let id = group_id(subscription, "rg-else");
                    (id.clone(), id)
                }
                _ => {
                    let id = format!(
                        "{}/providers/Microsoft.Storage/storageAccounts/store1",
                        group_id(subscription, rng.pick::<&str>(&GROUPS))
                    );
                    (id.clone(), id)
                }
            };
            if let Some(mut entry) = entry(rng, stack, &scope, &mut used, &mut specs.grants) {
                entry["scope"] = json!(word);
                scoped.push(entry);
            }
        }
        // A list that is left out and an empty one are not the same.
        if !scoped.is_empty() || number % 2 == 1 {
            tree["roleAssignments"] = json!(scoped);
        }
        specs.trees.push(tree);
    }
    specs
}

/// Whom some specs expect to have a role: before, on and after the day of the run.
fn expected(rng: &mut Rng) -> Vec<Value> {
    let mut entries = Vec::new();
    for _ in 0..rng.between(1, 3) {
        let id = *rng.pick(&STRANGERS);
        let principal = if rng.chance(50) { json!(id.to_uppercase()) } else { json!({ "id": id }) };
        let until = rng.pick(&["2026-11-25", "2026-11-26", "2027-01-31"]);
        let (role, _) = rng.pick(ROLES);
        entries.push(json!({"role": role, "principal": principal, "reason": "an incident", "until": until}));
    }
    entries
}

/// What an account says of assignments that it does not declare, and of its keys. It is no field: it is never compared.
fn strangers(account: &mut Map<String, Value>, rng: &mut Rng) {
    if rng.chance(20) {
        account.insert("keyUsage".to_owned(), json!({"quietDays": 35}));
    }
    if rng.chance(30) {
        account.insert("expected".to_owned(), json!(expected(rng)));
    }
    if rng.chance(40) {
        let by = [TEAM[0], &TEAM[1].to_uppercase()];
        let roles = ["Cognitive Services User", "Reader", "Owner", CUSTOM_ROLE];
        let team = json!({"stack": rng.pick(&[FOREIGN, FOREIGN, "nobody"]), "by": by, "roles": roles});
        account.insert("coManagedBy".to_owned(), json!([team]));
    }
}

/// One role for one or two principals; none where all of them have it at that scope already.
fn entry(
    rng: &mut Rng,
    stack: usize,
    scope: &str,
    used: &mut BTreeSet<String>,
    grants: &mut Vec<Grant>,
) -> Option<Value> {
    // Roles that pass no guard are rare, or no plan would ever pass.
    let (name, role) = if rng.chance(85) { *rng.pick(&ROLES[..7]) } else { *rng.pick(ROLES) };
    let mut entry = json!({"role": name});
    if rng.chance(50) {
        entry["description"] = json!(rng.pick(DESCRIPTIONS));
    } else if rng.chance(10) {
        entry["description"] = Value::Null;
    }
    if rng.chance(25) {
        entry["condition"] = json!(rng.pick(CONDITIONS));
        if rng.chance(30) {
            entry["conditionVersion"] = json!("2.0");
        }
    } else if rng.chance(10) {
        entry["condition"] = Value::Null;
    }
    let mut principals = Vec::new();
    let mut made = Vec::new();
    for _ in 0..rng.between(1, 2) {
        let (id, principal_type) = *rng.pick(PRINCIPALS);
        if used.insert(grant_key(scope, id, role)) {
            principals.push(json!({"id": id, "type": principal_type}));
            made.push((id, principal_type));
        }
    }
    if principals.is_empty() {
        return None;
    }
    entry["principals"] = json!(principals);
    for (principal, principal_type) in made {
        grants.push(Grant {
            stack,
            scope: scope.to_owned(),
            principal: principal.to_owned(),
            principal_type: principal_type.to_owned(),
            role: role.to_owned(),
            entry: entry.clone(),
        });
    }
    Some(entry)
}

pub(super) fn identity_id(number: usize) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/rg-id/providers/Microsoft.ManagedIdentity/userAssignedIdentities/uai-{number}",
        SUBSCRIPTIONS[0]
    )
}

pub(super) fn subnet_id(number: usize) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/rg-net/providers/Microsoft.Network/virtualNetworks/vnet/subnets/s{number}",
        SUBSCRIPTIONS[0]
    )
}

fn storage_id(number: usize) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/rg-st/providers/Microsoft.Storage/storageAccounts/st{number}",
        SUBSCRIPTIONS[0]
    )
}

/// Fields of an account: each of the model's, more or less often.
fn fields(rng: &mut Rng, number: usize) -> Map<String, Value> {
    let mut account = Map::new();
    let mut put = |rng: &mut Rng, percent: usize, name: &str, value: Value| {
        if rng.chance(percent) {
            account.insert(name.to_owned(), value);
        }
    };
    let kind = *rng.pick(&["AIServices", "AIServices", "OpenAI", "TextAnalytics"]);
    let tiered = kind == "TextAnalytics";
    put(rng, if tiered { 100 } else { 40 }, "kind", json!(kind));
    let sku = if tiered { *rng.pick(&["S", "S0", "F0"]) } else { "S0" };
    put(rng, 40, "sku", json!(sku));
    let identity = match rng.below(5) {
        0 | 1 => json!("SystemAssigned"),
        2 => json!("None"),
        3 => json!({"userAssigned": (0..rng.below(3)).map(identity_id).collect::<Vec<_>>()}),
        _ => {
            json!({"systemAssigned": rng.chance(50), "userAssigned": (0..rng.below(3)).map(identity_id).collect::<Vec<_>>()})
        }
    };
    put(rng, 40, "identity", identity);
    put(rng, 60, "customSubDomainName", json!(format!("sub-{number}")));
    let off = rng.chance(80);
    put(rng, 60, "disableLocalAuth", json!(off));
    let access = *rng.pick(&["Enabled", "Disabled"]);
    put(rng, 40, "publicNetworkAccess", json!(access));
    let acls = acls(rng);
    put(rng, 50, "networkAcls", acls);
    for name in ["allowProjectManagement", "restrictOutboundNetworkAccess"] {
        let value = rng.chance(50);
        put(rng, 20, name, json!(value));
    }
    let encryption = match rng.below(4) {
        0 => Value::Null,
        1 => json!({"keySource": "Microsoft.CognitiveServices"}),
        _ => {
            json!({"keySource": "Microsoft.KeyVault", "keyVaultProperties": {"keyName": "k", "keyVersion": rng.pick(&["1", "2"]), "keyVaultUri": "https://v.vault.azure.net"}})
        }
    };
    put(rng, 20, "encryption", encryption);
    let mut storage: Vec<Value> = (0..rng.below(3)).map(|n| json!({"resourceId": storage_id(n)})).collect();
    if let Some(first) = storage.first_mut().filter(|_| rng.chance(50)) {
        first["identityClientId"] = json!("99999999-0000-4000-8000-000000000009");
    }
    put(rng, 15, "userOwnedStorage", json!(storage));
    let mut hosts = vec!["a.example.com", "B.example.com", "c.example.com"];
    hosts.truncate(rng.below(4));
    put(rng, 15, "allowedFqdnList", json!(hosts));
    let injection = json!([{"scenario": "agent", "subnetArmId": subnet_id(7), "useMicrosoftManagedNetwork": rng.chance(30)}]);
    put(rng, 10, "networkInjections", injection);
    let tags = match rng.below(12) {
        0 => Value::Null,
        1 => json!({}),
        _ => {
            let mut tags = Map::new();
            for name in ["team", "cost center", "a.b/c~d", "Env"] {
                if rng.chance(40) {
                    let value =
                        if rng.chance(15) { Value::Null } else { json!(rng.pick(&["ml", "x y", ""])) };
                    tags.insert(name.replace('/', "-"), value);
                }
            }
            Value::Object(tags)
        }
    };
    put(rng, 50, "tags", tags);
    account
}

/// As many addresses as pass together, and 4,096 more, in ranges that pass alone.
const SLICES: [&str; 17] = [
    "40.0.0.0/20",
    "40.0.16.0/20",
    "40.0.32.0/20",
    "40.0.48.0/20",
    "40.0.64.0/20",
    "40.0.80.0/20",
    "40.0.96.0/20",
    "40.0.112.0/20",
    "40.0.128.0/20",
    "40.0.144.0/20",
    "40.0.160.0/20",
    "40.0.176.0/20",
    "40.0.192.0/20",
    "40.0.208.0/20",
    "40.0.224.0/20",
    "40.0.240.0/20",
    "40.1.0.0/20",
];

fn acls(rng: &mut Rng) -> Value {
    let mut acls = Map::new();
    if rng.chance(80) {
        acls.insert("defaultAction".to_owned(), json!(if rng.chance(75) { "Deny" } else { "Allow" }));
    }
    if rng.chance(30) {
        acls.insert(
            "bypass".to_owned(),
            rng.pick(&[json!("AzureServices"), json!("None"), Value::Null]).clone(),
        );
    }
    if rng.chance(70) {
        let mut ranges = vec!["203.0.113.0/24", "198.51.100.7", "198.51.100.8/32", "192.0.2.0/28"];
        rng.shuffle(&mut ranges);
        ranges.truncate(rng.below(4));
        match rng.below(100) {
            0 | 1 => ranges.push("0.0.0.0/0"),
            2 => ranges.push("20.0.0.0/16"),
            3 => ranges.push("20.0.0.0/19"),
            4 => ranges.push("20.0.0.0/20"),
            5 => ranges.extend(SLICES),
            6 => ranges.push("192.0.2.0/23"),
            _ => {}
        }
        let value = if rng.chance(5) { Value::Null } else { json!(ranges) };
        acls.insert("ipRules".to_owned(), value);
    }
    if rng.chance(40) {
        let rules: Vec<Value> = (0..rng.below(3))
            .map(|n| match rng.below(3) {
                0 => json!({"id": subnet_id(n)}),
                1 => json!({"id": subnet_id(n), "ignoreMissingVnetServiceEndpoint": true}),
                _ => json!({"id": subnet_id(n), "ignoreMissingVnetServiceEndpoint": false}),
            })
            .collect();
        acls.insert("virtualNetworkRules".to_owned(), json!(rules));
    }
    Value::Object(acls)
}

/// The tree as YAML in block style; scalars as JSON writes them, which YAML takes too.
pub(super) fn yaml(tree: &Value) -> String {
    let mut text = String::new();
    block(tree, 0, &mut text);
    text
}

fn block(value: &Value, indent: usize, text: &mut String) {
    let pad = "  ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, child) in map {
                _ = write!(text, "{pad}{}:", json!(name));
                below(child, indent, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for child in items {
                _ = write!(text, "{pad}-");
                below(child, indent, text);
            }
        }
        scalar => _ = writeln!(text, "{pad}{scalar}"),
    }
}

fn below(child: &Value, indent: usize, text: &mut String) {
    let nested = match child {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        text.push('\n');
        block(child, indent + 1, text);
    } else {
        _ = writeln!(text, " {child}");
    }
}
