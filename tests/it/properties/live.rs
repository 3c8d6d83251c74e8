//! Live states at random: what specs declare, altered in every way that Azure and people alter it, and things that nobody declared.
//!
//! Each thing carries a label that says whose it is. Tests judge by the labels, never by what the code under test thinks.

use serde_json::{Map, Value, json};

use super::arm::key_of_assignment;
use super::rng::Rng;
use super::specs::{
    Account, CALLER, FOREIGN, GROUPS, Grant, MANAGEMENT_GROUP, ROLES, STACKS, STRANGERS, SUBSCRIPTIONS,
    Specs, TEAM, grant_key, group_id, identity_id,
};
use super::values::{identity, other, place, same, units};

/// Whose a live thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// A spec of the run declares it.
    Declared,
    /// The stack made it and no longer declares it; it stands inside of what the stack speaks for, or not.
    Leftover { stack: usize, inside: bool },
    /// A stack made it that is not in the run.
    Foreign,
    /// Nobody's.
    Stranger,
}

#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) body: Value,
    pub(super) label: Label,
}

/// All of Azure that a case has.
#[derive(Debug, Clone, Default)]
pub(super) struct Azure {
    pub(super) accounts: Vec<Item>,
    pub(super) assignments: Vec<Item>,
    /// Soft-deleted accounts.
    pub(super) deleted: Vec<Value>,
    /// Ids of resource groups that are not there.
    pub(super) missing_groups: Vec<String>,
}

/// What the service fills in by itself, and settings that no spec declares.
fn filled(id: &str, rng: &mut Rng) -> Value {
    let name = id.rsplit('/').next().unwrap_or_default();
    let mut body = json!({
        "id": id, "name": name, "type": "Microsoft.CognitiveServices/accounts", "kind": "AIServices", "sku": {"name": "S0"},
        "location": "eastus2", "etag": format!("\"{}\"", rng.guid()), "systemData": {"createdAt": "2025-01-01T00:00:00.0000000Z"},
        "properties": {
            "endpoint": format!("https://{name}.cognitiveservices.azure.com/"), "internalId": rng.guid(), "dateCreated": "2025-01-01T00:00:00Z",
            "isMigrated": false, "privateEndpointConnections": [], "provisioningState": "Succeeded", "publicNetworkAccess": "Enabled",
            "capabilities": [{"name": "VirtualNetworks"}], "callRateLimit": {"rules": []}, "endpoints": {"X": "https://x/"}
        }
    });
    let extras = [
        ("disableLocalAuth", json!(rng.chance(50))),
        ("apiProperties", json!({"qnaAzureSearchEndpointKey": null, "x": rng.below(3)})),
        ("dynamicThrottlingEnabled", json!(true)),
        ("customSubDomainName", json!(name.to_lowercase())),
        ("allowProjectManagement", json!(true)),
        ("publicNetworkAccess", json!("Disabled")),
        (
            "encryption",
            json!({"keySource": "Microsoft.KeyVault", "keyVaultProperties": {"keyName": "x", "identityClientId": "y"}}),
        ),
        (
            "networkAcls",
            json!({"defaultAction": rng.pick(&["Allow", "Deny"]), "bypass": "AzureServices", "ipRules": [{"value": "192.0.2.99"}], "virtualNetworkRules": []}),
        ),
        ("migrationToken", Value::Null),
    ];
    for (name, value) in extras {
        if rng.chance(30) {
            body["properties"][name] = value;
        }
    }
    if rng.chance(40) {
        body["tags"] = json!({"created-by": "portal", "Env": "prod"});
    }
    if rng.chance(30) {
        body["identity"] = identity(true, &[identity_id(4)], rng);
    }
    body
}

/// A live account as declared, but for the units that `differs` names.
pub(super) fn account_body(account: &Account, differs: impl Fn(&mut Rng) -> bool, rng: &mut Rng) -> Value {
    let id = rng.recase(&account.id);
    let mut body = filled(&id, rng);
    for unit in units(account) {
        // Undeclared members would make an empty declared map differ.
        if matches!(unit.name().as_str(), "tags" | "encryption") {
            place(&mut body, &unit.path, Value::Null);
        }
        let value = if differs(rng) { other(&unit, rng) } else { same(&unit, rng) };
        place(&mut body, &unit.path, value);
    }
    body
}

pub(super) fn assignment_body(
    grant: &Grant,
    description: Option<&str>,
    condition: Option<&str>,
    rng: &mut Rng,
) -> Value {
    let name = rng.guid();
    let scope = rng.recase(&grant.scope);
    let prefix = match rng.below(3) {
        0 => String::new(),
        1 => format!("/subscriptions/{}", SUBSCRIPTIONS[0]),
        _ => format!("/subscriptions/{}", SUBSCRIPTIONS[1].to_uppercase()),
    };
    json!({
        "id": format!("{}/providers/Microsoft.Authorization/roleAssignments/{name}", scope.trim_end_matches('/')),
        "name": name, "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": format!("{prefix}/providers/Microsoft.Authorization/roleDefinitions/{}", grant.role),
            "principalId": rng.recase(&grant.principal), "principalType": grant.principal_type, "scope": scope,
            "description": description, "conditionVersion": condition.map(|_| "2.0"), "condition": condition,
            "createdOn": "2025-01-01T00:00:00.0000000Z", "updatedOn": "2025-01-01T00:00:00.0000000Z", "createdBy": null,
            "updatedBy": "", "delegatedManagedIdentityResourceId": null
        }
    })
}

pub(super) fn marked(text: &str, stack: &str) -> String {
    if text.is_empty() { format!("[keyless:{stack}]") } else { format!("{text} [keyless:{stack}]") }
}

/// Whose mark a declared thing carries.
fn mark(own: usize, stacks: usize, rng: &mut Rng) -> Option<&'static str> {
    match rng.below(100) {
        0..=55 => Some(STACKS[own]),
        56..=91 => None,
        92..=96 => Some(FOREIGN),
        _ => Some(STACKS[rng.below(stacks)]),
    }
}

pub(super) fn generate(specs: &Specs, rng: &mut Rng) -> Azure {
    let mut azure = Azure::default();
    let stacks = specs.trees.len();
    // A group that is not there, where nothing but accounts and what is on them stands in it.
    if rng.chance(8)
        && let Some(account) = specs.accounts.first()
    {
        let group = account.id.split("/providers/").next().unwrap_or_default().to_lowercase();
        let on_account = |grant: &&Grant| grant.scope.contains("CognitiveServices");
        if !specs
            .grants
            .iter()
            .filter(|grant| !on_account(grant))
            .any(|grant| grant.scope.to_lowercase().starts_with(&group))
        {
            azure.missing_groups.push(group);
        }
    }
    let gone = |scope: &str, azure: &Azure| {
        azure
            .missing_groups
            .iter()
            .any(|group| format!("{}/", scope.to_lowercase()).starts_with(&format!("{group}/")))
    };
    // Whether this Azure is mostly as declared: plans with few changes must occur too.
    let calm = rng.chance(40);
    let mut absent = Vec::new();
    for account in &specs.accounts {
        let there = !gone(&account.id, &azure) && !rng.chance(if calm { 4 } else { 25 });
        let odds = if calm { 0 } else { *rng.pick(&[0, 0, 8, 30]) };
        let body = account_body(account, |rng| rng.chance(odds), rng);
        let stack = mark(account.stack, stacks, rng);
        let mut body = body;
        if let Some(stack) = stack {
            place(&mut body, &["tags".to_owned(), "keyless-stack".to_owned()], json!(stack));
        }
        if there {
            azure.accounts.push(Item { body, label: Label::Declared });
            continue;
        }
        absent.push(account.id.to_lowercase());
        if !gone(&account.id, &azure) && rng.chance(20) {
            azure.deleted.push(soft_deleted(&account.id, body));
        }
    }
    for grant in &specs.grants {
        if gone(&grant.scope, &azure)
            || absent.contains(&grant.scope.to_lowercase())
            || rng.chance(if calm { 4 } else { 20 })
        {
            continue;
        }
        let differs = !calm && rng.chance(25);
        let body = grant_body(grant, mark(grant.stack, stacks, rng), differs, rng);
        azure.assignments.push(Item { body, label: Label::Declared });
    }
    undeclared(specs, &mut azure, rng, gone);
    if azure.missing_groups.is_empty() {
        contrived(specs, &mut azure, rng);
    }
    rng.shuffle(&mut azure.accounts);
    rng.shuffle(&mut azure.assignments);
    azure
}

/// A declared assignment as live, by whomever made.
pub(super) fn grant_body(grant: &Grant, mark: Option<&str>, differs: bool, rng: &mut Rng) -> Value {
    let text = |name: &str| grant.entry[name].as_str().map(str::to_owned);
    let declared = |name: &str| grant.entry.get(name).is_some();
    let mut description = if declared("description") {
        text("description")
    } else {
        rng.chance(30).then(|| "by hand".to_owned())
    };
    let mut condition = if declared("condition") {
        text("condition")
    } else {
        rng.chance(10).then(|| "(@Resource[hand] StringEquals 'made')".to_owned())
    };
    if let Some(condition) = &mut condition
        && rng.chance(40)
    {
        *condition = condition.replace(") ", ")\n   ").replace(" StringEquals", "   StringEquals");
    }
    let mut retyped = grant.clone();
    if differs {
        match rng.below(4) {
            0 => description = Some("old words".to_owned()),
            1 => condition = Some("(@Resource[old] StringEquals 'x')".to_owned()),
            2 => condition = None,
            _ => {
                let other = if grant.principal_type == "User" { "Group" } else { "User" };
                retyped.principal_type = String::from(other);
            }
        }
    }
    if let Some(stack) = mark {
        description = Some(marked(description.as_deref().unwrap_or_default(), stack));
    }
    assignment_body(&retyped, description.as_deref(), condition.as_deref(), rng)
}

/// An account's body as the list of soft-deleted accounts shows it.
fn soft_deleted(id: &str, mut body: Value) -> Value {
    let parts: Vec<&str> = id.split('/').collect();
    body["id"] = json!(format!(
        "/subscriptions/{}/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/{}/deletedAccounts/{}",
        parts[2], parts[4], parts[8]
    ));
    body["type"] = json!("Microsoft.CognitiveServices/deletedAccounts");
    body["properties"]["deletionDate"] = json!("2025-01-01T00:00:00Z");
    body["properties"]["scheduledPurgeDate"] = json!("2025-01-03T00:00:00Z");
    body
}

/// Whether a stack speaks for a scope: it names the resource group, or declares exactly the scope.
fn speaks_for(specs: &Specs, stack: usize, scope: &str) -> bool {
    let scope = scope.to_lowercase();
    let tree = &specs.trees[stack];
    let subscription = tree["subscription"].as_str().unwrap_or_default();
    let mut groups: Vec<String> = tree["resourceGroup"]
        .as_str()
        .map(|group| group_id(subscription, group).to_lowercase())
        .into_iter()
        .collect();
    let accounts = specs.accounts.iter().filter(|account| account.stack == stack);
    groups.extend(
        accounts
            .filter_map(|account| account.id.to_lowercase().split("/providers/").next().map(str::to_owned)),
    );
    groups.iter().any(|group| scope == *group || scope.starts_with(&format!("{group}/")))
        || specs.grants.iter().any(|grant| grant.stack == stack && grant.scope.to_lowercase() == scope)
}

/// Cases that chance would hardly make: deletes spread over stacks, planted marks, a caller that keeps one right and loses another.
fn contrived(specs: &Specs, azure: &mut Azure, rng: &mut Rng) {
    let mut add =
        |stack: usize, group: &str, principal: String, role: &str, mark: Option<&str>, rng: &mut Rng| {
            let subscription = specs.trees[stack]["subscription"].as_str().unwrap_or_default();
            let scope = group_id(subscription, group);
            let inside = speaks_for(specs, stack, &scope);
            let grant = Grant {
                stack,
                scope,
                principal,
                principal_type: "ServicePrincipal".to_owned(),
                role: role.to_owned(),
                entry: Value::Object(Map::new()),
            };
            let description = mark.map(|mark| marked("contrived", mark));
            let key = grant_key(&grant.scope, &grant.principal, &grant.role);
            let taken =
                specs.grants.iter().map(|other| grant_key(&other.scope, &other.principal, &other.role));
            let live = azure.assignments.iter().map(|item| key_of_assignment(&item.body));
            if taken.chain(live).any(|other| other == key) {
                return;
            }
            let label = if mark.is_some() { Label::Leftover { stack, inside } } else { Label::Stranger };
            let body = assignment_body(&grant, description.as_deref(), None, rng);
            azure.assignments.push(Item { body, label });
        };
    let groups: Vec<Option<String>> =
        specs.trees.iter().map(|tree| tree["resourceGroup"].as_str().map(str::to_owned)).collect();
    let reader = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
    match rng.below(30) {
        0 | 1 if specs.trees.len() == 3 => {
            for (stack, group) in groups.iter().enumerate() {
                for _ in 0..4 {
                    add(
                        stack,
                        group.as_deref().unwrap_or("rg-a"),
                        rng.guid(),
                        reader,
                        Some(STACKS[stack]),
                        rng,
                    );
                }
            }
        }
        2 => {
            for number in 0..21 {
                let group = if number < 5 { groups[0].as_deref().unwrap_or("rg-a") } else { "rg-elsewhere" };
                add(0, group, rng.guid(), reader, Some(STACKS[0]), rng);
            }
        }
        3 | 4 => {
            let group = groups[0].as_deref().unwrap_or("rg-a");
            let principal = CALLER.to_owned();
            add(0, group, principal.clone(), "f58310d9-a9f6-439a-9e8d-f62e7b41a168", Some(STACKS[0]), rng);
            add(0, group, principal, "25fbc0a9-bd7c-42a3-aa1a-3b75d497ee68", None, rng);
        }
        _ => {}
    }
}

/// Things that no spec declares.
fn undeclared(specs: &Specs, azure: &mut Azure, rng: &mut Rng, gone: impl Fn(&str, &Azure) -> bool) {
    let stacks = specs.trees.len();
    let mut taken: Vec<String> =
        specs.grants.iter().map(|grant| grant_key(&grant.scope, &grant.principal, &grant.role)).collect();
    let count = if rng.chance(12) { rng.between(6, 16 + 8 * (stacks - 1)) } else { rng.below(4) };
    let hoard = (count < 16 && rng.chance(50)).then(|| rng.below(stacks));
    for number in 0..count {
        let stack = hoard.unwrap_or_else(|| rng.below(stacks));
        let subscription = specs.trees[stack]["subscription"].as_str().unwrap_or_default();
        let group = group_id(subscription, rng.pick::<&str>(&GROUPS));
        let owner = match rng.below(10) {
            0..=3 => Some(STACKS[stack]),
            4..=6 => None,
            _ => Some(FOREIGN),
        };
        let label = |scope: &str| match owner {
            None => Label::Stranger,
            Some(FOREIGN) => Label::Foreign,
            Some(_) => Label::Leftover { stack, inside: speaks_for(specs, stack, scope) },
        };
        if rng.chance(18) {
            let id = format!("{group}/providers/Microsoft.CognitiveServices/accounts/extra-{number}");
            if gone(&id, azure) {
                continue;
            }
            let mut body = filled(&rng.recase(&id), rng);
            if let Some(owner) = owner {
                place(&mut body, &["tags".to_owned(), "keyless-stack".to_owned()], json!(owner));
            }
            azure.accounts.push(Item { body, label: label(&id) });
            continue;
        }
        let scope = match rng.below(12) {
            0..=8 if owner == Some(FOREIGN) && !specs.accounts.is_empty() => {
                rng.pick(&specs.accounts).id.clone()
            }
            0..=4 => specs
                .accounts
                .get(rng.below(specs.accounts.len()))
                .map_or_else(|| group.clone(), |account| account.id.clone()),
            5..=7 => group.clone(),
            8 => format!("{group}/providers/Microsoft.Storage/storageAccounts/store1"),
            9 => format!("/subscriptions/{subscription}"),
            10 => (*rng.pick(&["/", MANAGEMENT_GROUP])).to_owned(),
            _ => specs
                .grants
                .get(rng.below(specs.grants.len()))
                .map_or_else(|| group.clone(), |grant| grant.scope.clone()),
        };
        let own = azure.accounts.iter().map(|item| &item.body);
        let own = own.filter(|body| body["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(&scope)));
        let mut own = own.filter_map(|body| body["identity"]["principalId"].as_str());
        let own = own.next().map(str::to_owned);
        let principal = match rng.below(10) {
            0 | 1 => CALLER.to_owned(),
            2..=5 => (*rng.pick(&STRANGERS)).to_owned(),
            6 | 7 if own.is_some() => own.unwrap_or_default(),
            _ => rng.guid(),
        };
        let mut role = rng.pick(ROLES).1.to_owned();
        let mut makers = [TEAM[0], TEAM[0], TEAM[1], STRANGERS[0]].to_vec();
        // Mostly as the other team may: what is accepted has to occur too.
        if owner == Some(FOREIGN) && rng.chance(70) {
            ROLES[0].1.clone_into(&mut role);
            makers.pop();
        }
        let key = grant_key(&scope, &principal, &role);
        if gone(&scope, azure) || taken.contains(&key) {
            continue;
        }
        taken.push(key);
        let grant = Grant {
            stack,
            scope: scope.clone(),
            principal,
            principal_type: (*rng.pick(&["ServicePrincipal", "ServicePrincipal", "ForeignGroup"])).to_owned(),
            role,
            entry: Value::Object(Map::new()),
        };
        let text = *rng.pick(&["", "left over", "see [keyless:docs] for more"]);
        let description = owner
            .map_or_else(|| (!text.is_empty()).then(|| text.to_owned()), |owner| Some(marked(text, owner)));
        let mut body = assignment_body(&grant, description.as_deref(), None, rng);
        for name in ["createdBy", "updatedBy"] {
            if rng.chance(90) {
                body["properties"][name] = json!(rng.pick(&makers));
            }
        }
        azure.assignments.push(Item { body, label: label(&scope) });
    }
}
