//! Who gains and who loses the way to call models if a plan is carried out.
//!
//! Judged on the state before and the predicted state after, not on the plan's changes: somebody who has two roles loses nothing
//! with one of them.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Holder;
use super::holders::{Assignment, holders};
use crate::id::ResourceId;
use crate::keys::Keys;
use crate::plan::predict::World;
use crate::rbac::Catalogue;

/// What changes for one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessChange {
    /// The account's name.
    pub account: String,
    /// Its resource id.
    pub id: String,
    /// Who can call its models afterwards and could not before.
    pub gains: Vec<Holder>,
    /// Who could and cannot any more.
    pub loses: Vec<Holder>,
    /// Whether keys are taken before and after, where that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysChange>,
}

/// Whether keys are taken before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeysChange {
    /// Before.
    pub before: Keys,
    /// After.
    pub after: Keys,
}

/// What changes, by account; accounts for which nothing does are left out.
#[must_use]
pub fn changes(before: &World, after: &World, names: &BTreeMap<String, String>) -> Vec<AccessChange> {
    // A plan changes no role.
    let roles = Catalogue::of(before.resources.values());
    let (old, new) = (assignments(before), assignments(after));
    // Of what stands above subscriptions only a list of the subscription tells where it holds; of what is made there, none yet.
    let holds = |each: &Assignment<'_>, at: &ResourceId| {
        let (id, scope) = (&each.id, &each.scope);
        scope.subscription_id().is_some() || before.reaches(id, scope, at) || before.resource(id).is_none()
    };
    let is_account = |id: &&ResourceId| {
        let scope = id.as_str().to_ascii_lowercase();
        let parent = scope.rsplit_once('/').map(|(parent, _)| parent.to_owned());
        parent.is_some_and(|parent| parent.ends_with("/providers/microsoft.cognitiveservices/accounts"))
    };
    let mut changes = Vec::new();
    let ids: BTreeSet<&ResourceId> =
        before.resources.keys().chain(after.resources.keys()).filter(is_account).collect();
    for id in ids {
        let (was, is) = (before.resource(id), after.resource(id));
        // Nobody can call what is not there, before or after.
        let who = |of: &[Assignment<'_>]| {
            holders(id, of.iter().filter(|each| holds(each, id)), &roles, names).holders
        };
        let could = was.map(|_| who(&old)).unwrap_or_default();
        let can = is.map(|_| who(&new)).unwrap_or_default();
        let (gains, loses) = (beyond(&can, &could), beyond(&could, &can));
        let keys = was.zip(is).and_then(|(was, is)| {
            let (before, after) = (keys(was), keys(is));
            (before != after).then_some(KeysChange { before, after })
        });
        if !gains.is_empty() || !loses.is_empty() || keys.is_some() {
            changes.push(AccessChange {
                account: id.name().to_owned(),
                id: id.to_string(),
                gains,
                loses,
                keys,
            });
        }
    }
    changes
}

/// The names that changes give to principals, by object id in lower case.
#[must_use]
pub fn names(changes: &[AccessChange]) -> BTreeMap<String, String> {
    let holders = changes.iter().flat_map(|change| change.gains.iter().chain(&change.loses));
    holders.filter_map(|holder| Some((holder.id.to_ascii_lowercase(), holder.name.clone()?))).collect()
}

fn assignments(world: &World) -> Vec<Assignment<'_>> {
    world.resources.values().filter_map(|body| Assignment::of(body)).collect()
}

/// Those of the first that are not among the second.
fn beyond(first: &[Holder], second: &[Holder]) -> Vec<Holder> {
    let known: BTreeSet<String> = second.iter().map(|holder| holder.id.to_ascii_lowercase()).collect();
    first.iter().filter(|holder| !known.contains(&holder.id.to_ascii_lowercase())).cloned().collect()
}

fn keys(account: &Value) -> Keys {
    if account["properties"]["disableLocalAuth"] == true { Keys::Disabled } else { Keys::Enabled }
}
