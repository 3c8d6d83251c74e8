//! Who may do what, worked out by brute force and apart from the code under test: role permissions walked letter by letter.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::arm::{holds_at, is_gone, scope_of};
use super::live::Azure;
use super::specs::{Account, CUSTOM_ROLE, Specs};
use super::values::{Unit, units};

/// Whether a role's pattern covers an action: tries every way to spread the stars.
pub(super) fn covers(pattern: &[u8], action: &[u8]) -> bool {
    match (pattern.split_first(), action.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            covers(rest, action) || action.split_first().is_some_and(|(_, later)| covers(pattern, later))
        }
        (Some((one, rest)), Some((other, later))) => one.eq_ignore_ascii_case(other) && covers(rest, later),
        _ => false,
    }
}

/// Calls of which most models take one.
const CALLS: [&str; 3] = [
    "OpenAI/deployments/chat/completions/action",
    "OpenAI/deployments/embeddings/action",
    "MaaS/chat/completions/action",
];
/// Calls that some model takes beside those.
const OTHER_CALLS: [&str; 9] = [
    "OpenAI/responses/write",
    "OpenAI/deployments/completions/action",
    "OpenAI/images/generations/action",
    "OpenAI/deployments/audio/action",
    "OpenAI/deployments/realtime/action",
    "OpenAI/assistants/threads/runs/write",
    "MaaS/embeddings/action",
    "AIServices/providers/action",
    "AIServices/agents/write",
];
/// Rights with which somebody could get more than was given.
const GROWING: [&str; 12] = [
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.Authorization/roleAssignmentScheduleRequests/write",
    "Microsoft.Authorization/roleEligibilityScheduleRequests/write",
    "Microsoft.Authorization/roleManagementPolicies/write",
    "Microsoft.Authorization/elevateAccess/action",
    "Microsoft.CognitiveServices/accounts/write",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/x/assign/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/write",
    "Microsoft.Resources/deploymentScripts/write",
    "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments/write",
];

/// What a role lets one do, as far as the guards care.
#[derive(Debug, Clone, Copy)]
pub(super) struct Power {
    pub(super) calls: bool,
    /// Whether it calls some model, if not most.
    pub(super) opens: bool,
    /// Whether its holder could get more with it.
    pub(super) grows: bool,
}

/// The roles' permissions as Azure listed them; none where the material is not there.
static POWERS: LazyLock<Option<BTreeMap<String, Power>>> = LazyLock::new(|| {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/roles/builtin-roles.json");
    let text = std::fs::read_to_string(path).ok()?;
    let roles: Vec<Value> = serde_json::from_str(&text).expect("the material is well-formed");
    let mut powers = BTreeMap::new();
    for role in &roles {
        let blocks = role["properties"]["permissions"].as_array().cloned().unwrap_or_default();
        let permits = |yes: &str, no: &str, action: &str| {
            let any = |block: &Value, name: &str| {
                let patterns = block[name].as_array().into_iter().flatten().filter_map(Value::as_str);
                patterns.into_iter().any(|pattern| covers(pattern.as_bytes(), action.as_bytes()))
            };
            blocks.iter().any(|block| any(block, yes) && !any(block, no))
        };
        let calls = |call: &str| {
            permits("dataActions", "notDataActions", &format!("Microsoft.CognitiveServices/accounts/{call}"))
        };
        let power = Power {
            calls: CALLS.iter().any(|call| calls(call)),
            opens: CALLS.iter().chain(&OTHER_CALLS).any(|call| calls(call)),
            grows: GROWING.iter().any(|action| permits("actions", "notActions", action)),
        };
        powers.insert(role["name"].as_str().unwrap_or_default().to_lowercase(), power);
    }
    Some(powers)
});

/// Whether the roles' permissions are at hand.
pub(super) fn has_roles() -> bool {
    POWERS.is_some()
}

pub(super) fn power(role: &str) -> Power {
    // Nobody knows what a custom role gives: no inference to rely on, and perhaps the right to get more.
    let unknown = Power { calls: false, opens: false, grows: role.eq_ignore_ascii_case(CUSTOM_ROLE) };
    POWERS.as_ref().and_then(|powers| powers.get(&role.to_lowercase()).copied()).unwrap_or(unknown)
}

/// An assignment reduced to what rights follow from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    pub(super) scope: String,
    pub(super) role: String,
    pub(super) principal: String,
    pub(super) condition: String,
    /// Whether the principal no longer exists, so that its role gives nobody access.
    pub(super) gone: bool,
}

pub(super) fn held(body: &Value) -> Held {
    let text = |name: &str| body["properties"][name].as_str().unwrap_or_default().to_lowercase();
    Held {
        scope: scope_of(body).to_lowercase(),
        role: text("roleDefinitionId").rsplit('/').next().unwrap_or_default().to_owned(),
        principal: text("principalId"),
        condition: text("condition"),
        gone: is_gone(&text("principalId")) && text("principalType") != "foreigngroup",
    }
}

/// Whether somebody can certainly call the models of an account; its own identity does not count.
pub(super) fn somebody_calls(account: &str, own: &str, assignments: &[Held]) -> bool {
    lets_in(account, own, assignments, |power| power.calls)
}

/// Whether somebody could call one of its models.
pub(super) fn somebody_could_call(account: &str, own: &str, assignments: &[Held]) -> bool {
    lets_in(account, own, assignments, |power| power.opens)
}

fn lets_in(account: &str, own: &str, assignments: &[Held], counts: fn(Power) -> bool) -> bool {
    let calls = |held: &&Held| {
        holds_at(account, &held.scope)
            && counts(power(&held.role))
            && !held.gone
            && !held.principal.eq_ignore_ascii_case(own)
    };
    assignments.iter().filter(calls).any(|held| lets_calls(&held.condition))
}

/// Whether a condition certainly lets calls through: there is none, or it begins by letting all but an action of something else through.
fn lets_calls(condition: &str) -> bool {
    condition.is_empty() || condition.starts_with("((!(actionmatches{'microsoft.x/")
}

/// How open an account is.
#[expect(clippy::struct_excessive_bools, reason = "answers to as many questions")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Openness {
    pub(super) keys_off: bool,
    private: bool,
    denies: bool,
    /// Whether trusted services pass; the default is unknown.
    trusted: Option<bool>,
    ranges: Vec<String>,
    subnets: Vec<String>,
    limited: bool,
    hosts: Vec<String>,
    own_key: bool,
}

fn texts(list: &Value, member: Option<&str>) -> Vec<String> {
    let text = |item: &Value| {
        member.map_or(item, |member| &item[member]).as_str().unwrap_or_default().to_lowercase()
    };
    list.as_array().into_iter().flatten().map(text).collect()
}

pub(super) fn openness(body: &Value) -> Openness {
    let properties = &body["properties"];
    let acls = &properties["networkAcls"];
    let mut subnets = texts(&acls["virtualNetworkRules"], Some("id"));
    subnets.extend(texts(&properties["networkInjections"], Some("subnetArmId")));
    Openness {
        keys_off: properties["disableLocalAuth"] == true,
        private: properties["publicNetworkAccess"] == "Disabled",
        denies: acls["defaultAction"] == "Deny",
        trusted: acls["bypass"].as_str().map(|word| word == "AzureServices"),
        ranges: texts(&acls["ipRules"], Some("value")),
        subnets,
        limited: properties["restrictOutboundNetworkAccess"] == true,
        hosts: texts(&properties["allowedFqdnList"], None),
        own_key: properties["encryption"]["keySource"] == "Microsoft.KeyVault",
    }
}

/// The same once the spec's fields are written, worked out from the spec and not from the plan.
pub(super) fn opened(before: Openness, account: &Account) -> Openness {
    let mut after = before;
    for Unit { path, value } in units(account) {
        match path.join("/").as_str() {
            "disableLocalAuth" => after.keys_off = value == true,
            "publicNetworkAccess" => after.private = value == "Disabled",
            "networkAcls/defaultAction" => after.denies = value == "Deny",
            "networkAcls/bypass" => after.trusted = value.as_str().map(|word| word == "AzureServices"),
            "networkAcls/ipRules" => after.ranges = texts(&value, None),
            // Both lists together: what of the other one stays was known before.
            "networkAcls/virtualNetworkRules" => after.subnets.extend(texts(&value, Some("id"))),
            "networkInjections" => after.subnets.extend(texts(&value, Some("subnetArmId"))),
            "restrictOutboundNetworkAccess" => after.limited = value == true,
            "allowedFqdnList" => after.hosts = texts(&value, None),
            "encryption/keySource" => after.own_key = value == "Microsoft.KeyVault",
            "encryption" => after.own_key = false,
            _ => {}
        }
    }
    after
}

/// First address and size of a range, read digit by digit.
fn block(range: &str) -> (u64, u64) {
    let (address, prefix) = range.split_once('/').unwrap_or((range, "32"));
    let number = address.split('.').fold(0, |sum, part| sum * 256 + part.parse::<u64>().unwrap_or_default());
    let size = 1 << (32 - prefix.parse::<u32>().unwrap_or(32));
    (number - number % size, size)
}

/// How many addresses of a block some ranges hold: all, none, or as many as its halves.
fn inside(ranges: &[(u64, u64)], from: u64, size: u64) -> u64 {
    if ranges.iter().any(|(first, count)| *first <= from && from + size <= first + count) {
        size
    } else if ranges.iter().all(|(first, count)| from + size <= *first || first + count <= from) {
        0
    } else {
        inside(ranges, from, size / 2) + inside(ranges, from + size / 2, size / 2)
    }
}

/// How an account becomes more open than before, if it does.
pub(super) fn opens(id: &str, before: &Openness, now: &Openness) -> Option<String> {
    let everybody = !before.private && !before.denies;
    let blocks = |ranges: &[String]| ranges.iter().map(|range| block(range)).collect::<Vec<_>>();
    let (old, new) = (blocks(&before.ranges), blocks(&now.ranges));
    let whole = |ranges: &[(u64, u64)]| inside(ranges, 0, 1 << 32);
    let both: Vec<(u64, u64)> = old.iter().chain(&new).copied().collect();
    let wide = new.iter().any(|(first, size)| *size > 4096 && inside(&old, *first, *size) < *size);
    let many = whole(&new) > 65_536 && whole(&both) > whole(&old);
    let subscription = |id: &str| id.split('/').nth(2).unwrap_or_default().to_lowercase();
    let mut known: Vec<String> = before.subnets.iter().map(|id| subscription(id)).collect();
    known.push(subscription(id));
    let answers = [
        ("keys", before.keys_off && !now.keys_off),
        ("public access", before.private && !now.private),
        ("every address", before.denies && !now.denies),
        ("a wide range", !everybody && wide),
        ("many addresses", !everybody && many),
        ("a subnet", !everybody && now.subnets.iter().any(|id| !known.contains(&subscription(id)))),
        ("trusted services", !everybody && before.trusted == Some(false) && now.trusted != Some(false)),
        ("any host", before.limited && !now.limited),
        ("a host", before.limited && now.hosts.iter().any(|host| !before.hosts.contains(host))),
        ("Microsoft's key", before.own_key && !now.own_key),
    ];
    let opened: Vec<&str> = answers.iter().filter(|(_, opens)| *opens).map(|(what, _)| *what).collect();
    (!opened.is_empty()).then(|| opened.join(", "))
}

/// The same of a new account, of which ranges and subnets count.
pub(super) fn opens_anew(id: &str, account: &Account) -> Option<String> {
    let mut before = openness(&Value::Null);
    before.denies = true;
    let mut now = opened(before.clone(), account);
    now.denies = true;
    opens(id, &before, &now)
}

/// The declared account of an id.
pub(super) fn declared<'a>(specs: &'a Specs, id: &str) -> Option<&'a Account> {
    specs.accounts.iter().find(|account| account.id.eq_ignore_ascii_case(id))
}

/// All roles of somebody in a state.
pub(super) fn all_held(azure: &Azure) -> Vec<Held> {
    azure.assignments.iter().map(|item| held(&item.body)).collect()
}
