//! `/_sandbox/seed`: a large, plausible subscription from a number.
//!
//! Equal numbers give equal resources; existing resources stay. It writes the state directly,
//! because a hundred thousand requests would take minutes.

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::sandbox::arm::rbac::role_definitions;
use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::world::seven_digits;
use crate::sandbox::state::{
    Account, Group, Identity, OWNER, Principal, RoleAssignment, SUBSCRIPTION, Stamp, World, account_key,
    derived_id, group_key,
};

/// Most resources that one request makes.
const ACCOUNTS: u32 = 100_000;
const ASSIGNMENTS: u32 = 1_000_000;
/// Accounts in one resource group.
const PER_GROUP: u32 = 100;
const LOCATIONS: &[&str] = &["eastus", "eastus2", "westeurope", "swedencentral", "australiaeast"];
const TEAMS: &[&str] = &["ml", "search", "vision", "support", "platform"];
const AUTHOR: &str = "seed@sandbox.invalid";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentSeed {
    #[serde(default)]
    accounts: u32,
    #[serde(default)]
    assignments: u32,
    #[serde(default)]
    seed: u64,
    subscription: Option<Uuid>,
}

/// Numbers that look random (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap_or_default()
    }

    /// True in this percentage of cases.
    fn percent(&mut self, cases: usize) -> bool {
        self.below(100) < cases
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }
}

/// `POST /_sandbox/seed`.
pub(crate) fn answer(world: &mut World, request: &Request) -> Reply {
    if request.method != Method::POST {
        return errors::method_not_allowed(request.method.as_str());
    }
    let sent: SentSeed = match request.sandbox_json() {
        Ok(sent) => sent,
        Err(refusal) => return refusal,
    };
    if sent.accounts > ACCOUNTS || sent.assignments > ASSIGNMENTS {
        return errors::sandbox_invalid(&format!(
            "at most {ACCOUNTS} accounts and {ASSIGNMENTS} assignments at once"
        ));
    }
    let subscription = sent.subscription.map_or_else(|| SUBSCRIPTION.to_owned(), |id| id.to_string());
    world.remember_subscription(&subscription);
    let mut numbers = Numbers(sent.seed);
    let mut scopes = vec![format!("/subscriptions/{subscription}")];
    let accounts = accounts(world, &sent, &subscription, &mut numbers, &mut scopes);
    let assignments = assignments(world, &sent, &mut numbers, &scopes);
    Reply::json(200, &json!({"subscription": subscription, "accounts": accounts, "assignments": assignments}))
}

fn accounts(
    world: &mut World,
    sent: &SentSeed,
    subscription: &str,
    numbers: &mut Numbers,
    scopes: &mut Vec<String>,
) -> usize {
    let mut made = 0;
    let mut group = String::new();
    // Assignments without accounts need a group as their scope.
    for index in 0..sent.accounts.max(u32::from(sent.assignments > 0)) {
        if index.is_multiple_of(PER_GROUP) {
            group = format!("rg-{}-{:04}", sent.seed, index / PER_GROUP);
            let location = numbers.pick(LOCATIONS).copied().unwrap_or_default().to_owned();
            scopes.push(format!("/subscriptions/{subscription}/resourceGroups/{group}"));
            let key = group_key(subscription, &group);
            if !world.state.groups.contains_key(&key) {
                let name = group.clone();
                let group = Group { subscription: subscription.to_owned(), name, location, tags: None };
                world.state.groups.insert(key, group);
            }
        }
        if sent.accounts == 0 {
            break;
        }
        let name = format!("ai-{}-{index:06}", sent.seed);
        let key = account_key(subscription, &group, &name);
        scopes.push(format!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.CognitiveServices/accounts/{name}"
        ));
        let account = account(world, numbers, subscription, &group, &name);
        if world.state.accounts.contains_key(&key) {
            continue;
        }
        if let Some(id) = account.identity.as_ref().and_then(|identity| identity.principal_id.clone()) {
            let app_id = Some(derived_id(&format!("client:{id}")).to_string());
            let principal = Principal { app_id, managed: true, ..Principal::new("ServicePrincipal", &name) };
            world.state.principals.insert(id, principal);
        }
        world.state.incarnations.insert(key.clone(), 1);
        world.state.accounts.insert(key, account);
        made += 1;
    }
    made
}

fn account(world: &World, numbers: &mut Numbers, subscription: &str, group: &str, name: &str) -> Account {
    let stamp = Stamp { by: AUTHOR.to_owned(), kind: String::from("User"), at: world.timestamp() };
    let mut properties = Map::new();
    let mut set = |name: &str, value: Value| properties.insert(name.to_owned(), value);
    set("customSubDomainName", json!(name));
    set("allowProjectManagement", json!(true));
    if numbers.percent(80) {
        set("disableLocalAuth", json!(numbers.percent(90)));
    }
    if numbers.percent(50) {
        let address = |numbers: &mut Numbers| json!({"value": format!("203.0.113.{}", numbers.below(256))});
        let rules: Vec<Value> = (0..numbers.below(4)).map(|_| address(numbers)).collect();
        let action = if numbers.percent(70) { "Deny" } else { "Allow" };
        set("networkAcls", json!({"defaultAction": action, "ipRules": rules, "virtualNetworkRules": []}));
    }
    if numbers.percent(20) {
        set("publicNetworkAccess", json!("Disabled"));
    }
    let tags = numbers.percent(60).then(|| {
        let team = numbers.pick(TEAMS).copied().unwrap_or_default();
        Map::from_iter([(String::from("team"), json!(team))])
    });
    let mut account = Account {
        subscription: subscription.to_owned(),
        group: group.to_owned(),
        name: name.to_owned(),
        location: numbers.pick(LOCATIONS).copied().unwrap_or_default().to_owned(),
        kind: String::from("AIServices"),
        sku: json!({"name": "S0"}),
        tags,
        identity: None,
        properties,
        created: stamp.clone(),
        modified: stamp,
        date_created: world.timestamp(),
        incarnation: 1,
        revision: 1,
        keys: [0, 0],
        transition: None,
    };
    account.identity = numbers.percent(60).then(|| Identity {
        principal_id: Some(account.derived_id("principal:0").to_string()),
        tenant_id: Some(world.state.tenant.clone()),
        kind: String::from("SystemAssigned"),
        user_assigned_identities: std::collections::BTreeMap::new(),
    });
    account
}

fn assignments(world: &mut World, sent: &SentSeed, numbers: &mut Numbers, scopes: &[String]) -> usize {
    let roles: Vec<String> = role_definitions::built_in_guids().map(str::to_owned).collect();
    let wanted = usize::try_from(sent.assignments).unwrap_or_default();
    // Enough principals that combinations of scope, role and principal do not run out.
    let principals: Vec<(String, &str)> = (0..wanted.div_ceil(20).max(20))
        .map(|index| {
            let kind = ["ServicePrincipal", "User", "Group"][index % 3];
            let id = derived_id(&format!("seed:{}:principal:{index}", sent.seed)).to_string();
            (id, kind)
        })
        .collect();
    for (index, (id, kind)) in principals.iter().enumerate().filter(|_| wanted > 0) {
        if !world.state.principals.contains_key(id) {
            let name = format!("{}-{}-{index:05}", kind.to_lowercase(), sent.seed);
            world.state.principals.insert(id.clone(), Principal::new(kind, &name));
        }
    }
    let now = seven_digits(world.now);
    let mut taken = std::collections::HashSet::new();
    let mut made = 0;
    for index in 0..wanted {
        let (mut scope, mut role, mut principal) = (0, 0, 0);
        // Collisions are rare; after some tries the next index is used.
        let free = (0..20).any(|_| {
            scope = numbers.below(scopes.len());
            (role, principal) = (numbers.below(roles.len()), numbers.below(principals.len()));
            taken.insert((scope, role, principal))
        });
        let (true, Some(scope), Some(role), Some((principal, kind))) =
            (free, scopes.get(scope), roles.get(role), principals.get(principal))
        else {
            continue;
        };
        let name = derived_id(&format!("seed:{}:assignment:{scope}:{index}", sent.seed)).to_string();
        if world.state.role_assignments.get(&name).is_some() {
            continue;
        }
        world.state.role_assignments.insert(RoleAssignment {
            name,
            scope: scope.clone(),
            role: role.clone(),
            principal_id: principal.clone(),
            principal_type: (*kind).to_owned(),
            condition: None,
            condition_version: None,
            description: None,
            delegated_managed_identity_resource_id: None,
            created_on: now.clone(),
            updated_on: now.clone(),
            created_by: OWNER.to_owned(),
            updated_by: OWNER.to_owned(),
        });
        made += 1;
    }
    made
}
