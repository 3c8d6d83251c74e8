//! Who may do what, worked out by brute force and apart from the code under test: role permissions walked letter by letter.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use super::arm::{holds_at, scope_of};
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

const CALLS: [&str; 2] = [
    "Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action",
    "Microsoft.CognitiveServices/accounts/MaaS/chat/completions/action",
];
const GRANT: &str = "Microsoft.Authorization/roleAssignments/write";

/// What a role lets one do, as far as the guards care.
#[derive(Debug, Clone, Copy)]
pub(super) struct Power {
    pub(super) calls: bool,
    pub(super) grants: bool,
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
        let power = Power {
            calls: CALLS.iter().any(|action| permits("dataActions", "notDataActions", action)),
            grants: permits("actions", "notActions", GRANT),
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
    // Nobody knows what a custom role gives: no inference to rely on, and perhaps the right to grant.
    let unknown = Power { calls: false, grants: role.eq_ignore_ascii_case(CUSTOM_ROLE) };
    POWERS.as_ref().and_then(|powers| powers.get(&role.to_lowercase()).copied()).unwrap_or(unknown)
}

/// An assignment reduced to what rights follow from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    pub(super) scope: String,
    pub(super) role: String,
    pub(super) principal: String,
    pub(super) condition: String,
}

pub(super) fn held(body: &Value) -> Held {
    let text = |name: &str| body["properties"][name].as_str().unwrap_or_default().to_lowercase();
    Held {
        scope: scope_of(body).to_lowercase(),
        role: text("roleDefinitionId").rsplit('/').next().unwrap_or_default().to_owned(),
        principal: text("principalId"),
        condition: text("condition"),
    }
}

pub(super) fn somebody_calls(account: &str, assignments: &[Held]) -> bool {
    assignments.iter().any(|held| holds_at(account, &held.scope) && power(&held.role).calls)
}

/// How open an account is.
#[expect(clippy::struct_excessive_bools, reason = "four answers to four questions")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Openness {
    pub(super) keys_off: bool,
    pub(super) private: bool,
    pub(super) denies: bool,
    pub(super) everybody: bool,
}

pub(super) fn openness(body: &Value) -> Openness {
    let properties = &body["properties"];
    let acls = &properties["networkAcls"];
    let everything = |rule: &Value| rule["value"].as_str().is_some_and(|range| range.ends_with("/0"));
    Openness {
        keys_off: properties["disableLocalAuth"] == true,
        private: properties["publicNetworkAccess"] == "Disabled",
        denies: acls["defaultAction"] == "Deny",
        everybody: acls["ipRules"].as_array().into_iter().flatten().any(everything),
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
            "networkAcls/ipRules" => {
                let ranges = value.as_array().cloned().unwrap_or_default();
                after.everybody = ranges.iter().any(|range| range == "0.0.0.0/0");
            }
            _ => {}
        }
    }
    after
}

/// The declared account of an id.
pub(super) fn declared<'a>(specs: &'a Specs, id: &str) -> Option<&'a Account> {
    specs.accounts.iter().find(|account| account.id.eq_ignore_ascii_case(id))
}

/// Everything that somebody holds in a state.
pub(super) fn all_held(azure: &Azure) -> Vec<Held> {
    azure.assignments.iter().map(|item| held(&item.body)).collect()
}
