//! What lets models say more than before: content filters that stop less, and deployments that lose theirs.
//!
//! A filter stops what is at its threshold or worse, so `Low` stops most and `High` least:
//! <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter-severity-levels>.

use serde_json::Value;

use super::{Objection, Rule, child_of};
use crate::id::ResourceId;
use crate::plan::predict::World;

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    let mut objections = Vec::new();
    let mut object = |id: &ResourceId, message: String| {
        objections.push(Objection { rule: Rule::Weakening, id: Some(id.clone()), message });
    };
    for (id, new) in &after.resources {
        let Some(old) = before.resource(id) else { continue };
        if let Some(account) = child_of(id, "raiPolicies") {
            for what in lost(old, new) {
                object(id, format!("the plan weakens content filter `{}` of `{account}`: {what}", id.name()));
            }
        } else if let Some(account) = child_of(id, "deployments")
            && let Some(policy) = own_policy(old)
            && !names(new, policy)
            && !replaced(before, after, id, policy, new)
        {
            let deployment = id.name();
            object(
                id,
                format!(
                    "the plan takes content filter `{policy}` from deployment `{deployment}` of `{account}`, and what replaces it is not known to stop as much"
                ),
            );
        }
    }
    objections
}

/// The policy that a deployment names, unless it is one of Azure's.
fn own_policy(deployment: &Value) -> Option<&str> {
    let name = deployment["properties"]["raiPolicyName"].as_str()?;
    (!name.to_ascii_lowercase().starts_with("microsoft.")).then_some(name)
}

fn names(deployment: &Value, policy: &str) -> bool {
    deployment["properties"]["raiPolicyName"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(policy))
}

/// Whether the policy that a deployment gets instead is known, and stops all that the former one did.
fn replaced(before: &World, after: &World, id: &ResourceId, old: &str, new: &Value) -> bool {
    let policy = |world: &World, name: &str| {
        let id = id.parent()?.child("raiPolicies", name);
        world.resource(&id).cloned()
    };
    let new = own_policy(new).and_then(|name| policy(after, name));
    match (policy(before, old), new) {
        (Some(old), Some(new)) => lost(&old, &new).is_empty(),
        _ => false,
    }
}

/// What a policy stops no longer, in words.
fn lost(old: &Value, new: &Value) -> Vec<String> {
    let mut lost = Vec::new();
    if !is_late(old) && is_late(new) {
        lost.push("answers no longer wait for the filter (mode)".to_owned());
    }
    for before in filters(old).filter(|filter| stops(filter)) {
        let title = title(before);
        let Some(after) = filters(new).find(|filter| identity(filter) == identity(before)) else {
            lost.push(format!("{title} is gone"));
            continue;
        };
        if after["enabled"] == false {
            lost.push(format!("{title} is disabled"));
        } else if after["blocking"] != true {
            lost.push(format!("{title} no longer blocks"));
        } else if threshold(after) > threshold(before) {
            let shown = |filter: &Value| filter["severityThreshold"].as_str().unwrap_or("Low").to_owned();
            lost.push(format!("{title} stops from {} on, and did from {}", shown(after), shown(before)));
        }
    }
    lost
}

/// Whether a policy lets answers out before it has looked: `Deferred`, of late called `Asynchronous_filter`.
fn is_late(policy: &Value) -> bool {
    let mode = policy["properties"]["mode"].as_str().unwrap_or_default();
    ["Deferred", "Asynchronous_filter"].iter().any(|late| mode.eq_ignore_ascii_case(late))
}

fn filters(policy: &Value) -> impl Iterator<Item = &Value> {
    policy["properties"]["contentFilters"].as_array().into_iter().flatten()
}

/// Whether a filter stops anything at all.
fn stops(filter: &Value) -> bool {
    filter["enabled"] != false && filter["blocking"] == true
}

fn identity(filter: &Value) -> [String; 2] {
    ["name", "source"].map(|name| filter[name].as_str().unwrap_or_default().to_ascii_lowercase())
}

fn title(filter: &Value) -> String {
    let text = |name: &str| filter[name].as_str().unwrap_or("?").to_owned();
    format!("`{}` of `{}`", text("name"), text("source"))
}

/// From which severity on a filter stops; one that does not say stops everything that it finds.
fn threshold(filter: &Value) -> usize {
    let named = filter["severityThreshold"].as_str().unwrap_or_default();
    ["Low", "Medium", "High"].iter().position(|level| level.eq_ignore_ascii_case(named)).unwrap_or_default()
}
