//! Worlds and specs in which an apply is killed: each has something to lose.

use serde_json::{Value, json};

use super::World;
use crate::common::{ALICE, BOB, CAROL, CS_USER, READER, SUB, account, head};

/// A role assignment made before keyless came.
const FIRST: &str = "11111111-0000-4000-8000-000000000001";
const SECOND: &str = "11111111-0000-4000-8000-000000000002";
const THIRD: &str = "11111111-0000-4000-8000-000000000003";

/// An apply with something before it.
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) prepare: fn(&World),
    pub(super) spec: fn() -> String,
    /// After `apply` and `plan`.
    pub(super) flags: &'static str,
    /// Accounts that are in use when the apply begins: their keys may not go off before somebody has a role.
    pub(super) in_use: &'static [&'static str],
}

pub(super) const SCENES: &[Scene] = &[
    Scene { name: "create", prepare: |_| {}, spec: create, flags: "", in_use: &[] },
    Scene { name: "update", prepare: keys_on, spec: update, flags: "", in_use: &["chat", "search"] },
    Scene { name: "adopt", prepare: by_hand, spec: adopt, flags: "", in_use: &["chat"] },
    Scene { name: "revoke", prepare: ours, spec: revoke, flags: "", in_use: &["chat"] },
    Scene { name: "restore", prepare: soft_deleted, spec: restore, flags: "", in_use: &[] },
    Scene { name: "purge", prepare: soft_deleted, spec: purge, flags: "--allow purge", in_use: &[] },
    Scene { name: "all at once", prepare: mixture, spec: all, flags: "", in_use: &["chat", "search"] },
];

/// A watch for `World::proxy`: keys of an account in use are off only if somebody may call its models.
pub(super) fn nobody_locked_out(
    in_use: &'static [&'static str],
) -> impl Fn(&[Value], &[Value]) -> Option<String> {
    move |accounts, grants| {
        accounts.iter().find_map(|body| {
            let name = body["name"].as_str()?;
            if !in_use.contains(&name) || body["properties"]["disableLocalAuth"] != true {
                return None;
            }
            let has_role = grants.iter().any(|grant| {
                let properties = &grant["properties"];
                let scope = properties["scope"].as_str().unwrap_or_default();
                let role = properties["roleDefinitionId"].as_str().unwrap_or_default();
                role.ends_with(CS_USER)
                    && format!("{}/", account(name).to_lowercase())
                        .starts_with(&format!("{}/", scope.to_lowercase()))
            });
            (!has_role).then(|| format!("keys of `{name}` are off and nobody has a role"))
        })
    }
}

/// Lines of a role assignment.
fn lines(role: &str, principals: &[&str], description: &str) -> String {
    let ids: Vec<String> = principals.iter().map(|id| format!("{{id: {id}, type: User}}")).collect();
    format!("      - {{role: {role}, principals: [{}], description: {description}}}\n", ids.join(", "))
}

fn create() -> String {
    let mut spec = head("team-a") + "accounts:\n";
    for (name, tags) in [("chat", "{team: ml}"), ("search", "{team: web}")] {
        spec += &format!("  - name: {name}\n    tags: {tags}\n    roleAssignments:\n");
        spec += &lines("Cognitive Services User", &[ALICE, BOB], "calls the models");
    }
    spec + &format!(
        "roleAssignments:\n  - {{scope: resourceGroup, role: Reader, principals: [{{id: {CAROL}, type: User}}]}}\n"
    )
}

/// Two accounts that are called with keys.
fn keys_on(world: &World) {
    for name in ["chat", "search"] {
        world.account(name, json!({"cost": "7"}), json!({"customSubDomainName": name}));
    }
    world.grant(&account("search"), FIRST, READER, CAROL, "looks on");
}

fn update() -> String {
    let mut spec = head("team-a") + "accounts:\n";
    for name in ["chat", "search"] {
        spec += &format!("  - name: {name}\n    disableLocalAuth: true\n    tags: {{team: ml}}\n");
        spec += "    networkAcls: {defaultAction: Deny, ipRules: [203.0.113.0/24]}\n    roleAssignments:\n";
        spec += &lines("Cognitive Services User", &[ALICE, BOB], "calls the models");
    }
    spec
}

/// An account and its assignments that somebody made by hand.
fn by_hand(world: &World) {
    world.account("chat", json!({"cost": "7"}), json!({"customSubDomainName": "chat"}));
    world.grant(&account("chat"), FIRST, CS_USER, ALICE, "by hand");
    world.grant(&account("chat"), SECOND, CS_USER, BOB, "calls the models");
}

fn adopt() -> String {
    let spec = head("team-a")
        + "adopt: true\naccounts:\n  - name: chat\n    disableLocalAuth: true\n    roleAssignments:\n";
    spec + &lines("Cognitive Services User", &[ALICE, BOB, CAROL], "calls the models")
}

/// What an earlier run of the same stack made.
fn ours(world: &World) {
    let properties = json!({"customSubDomainName": "chat", "disableLocalAuth": true});
    world.account("chat", json!({"keyless-stack": "team-a"}), properties);
    for (name, principal) in [(FIRST, ALICE), (SECOND, BOB)] {
        world.grant(&account("chat"), name, CS_USER, principal, "calls the models [keyless:team-a]");
    }
    world.grant(&account("chat"), THIRD, READER, CAROL, "looks on [keyless:team-a]");
}

fn revoke() -> String {
    let spec = head("team-a") + "accounts:\n  - name: chat\n    tags: {team: ml}\n    roleAssignments:\n";
    spec + &lines("Cognitive Services User", &[CAROL], "calls the models")
}

/// An account of ours that was deleted, with settings that the spec does not name. Without network rules: of an account that has
/// some, Azure itself refuses the PUT that would reset the rest.
fn soft_deleted(world: &World) {
    let properties = json!({"customSubDomainName": "chat", "publicNetworkAccess": "Disabled",
        "restrictOutboundNetworkAccess": true, "allowedFqdnList": ["a.example"]});
    world.account("chat", json!({"keyless-stack": "team-a", "cost": "7"}), properties);
    world.delete(&account("chat"));
}

fn restore() -> String {
    let spec = head("team-a")
        + "onSoftDeleted: restore\naccounts:\n  - name: chat\n    tags: {team: ml}\n    disableLocalAuth: true\n    roleAssignments:\n";
    spec + &lines("Cognitive Services User", &[ALICE, BOB], "calls the models")
}

fn purge() -> String {
    restore().replace("onSoftDeleted: restore", "onSoftDeleted: purge")
}

/// Something of everything.
fn mixture(world: &World) {
    ours(world);
    world.account("search", json!({}), json!({"customSubDomainName": "search"}));
    world.account(
        "speech",
        json!({"keyless-stack": "team-a", "cost": "7"}),
        json!({"customSubDomainName": "speech"}),
    );
    world.delete(&account("speech"));
    let group = format!("/subscriptions/{SUB}/resourceGroups/rg");
    world.grant(&group, "11111111-0000-4000-8000-000000000004", READER, ALICE, "by hand");
}

fn all() -> String {
    let mut spec = head("team-a") + "onSoftDeleted: restore\nadopt: true\naccounts:\n";
    for name in ["chat", "search", "speech", "vision"] {
        spec += &format!(
            "  - name: {name}\n    disableLocalAuth: true\n    tags: {{team: ml}}\n    roleAssignments:\n"
        );
        spec += &lines("Cognitive Services User", &[BOB, CAROL], "calls the models");
    }
    spec + &format!(
        "roleAssignments:\n  - {{scope: resourceGroup, role: Reader, principals: [{{id: {ALICE}, type: User}}]}}\n"
    )
}
