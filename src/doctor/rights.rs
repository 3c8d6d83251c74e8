//! The permissions that the caller needs for these specs, and which are missing.
//!
//! Pure. The action to read or write a resource is named after its type: `Microsoft.CognitiveServices/accounts/write`.

use std::collections::BTreeMap;

use super::Prerequisite;
use crate::id::ResourceId;
use crate::kinds::desired::desired;
use crate::rbac::{Permission, allowed};
use crate::spec::Loaded;

/// What the caller needs permissions for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Purpose {
    /// Reading
    Plan,
    /// Reading and writing
    Apply,
}

/// The actions that specs need, by the scope at which they must be permitted.
#[must_use]
pub(crate) fn needed(stacks: &[Loaded], purpose: Purpose) -> BTreeMap<ResourceId, Vec<String>> {
    let mut needed: BTreeMap<ResourceId, Vec<String>> = BTreeMap::new();
    for desired in desired(stacks) {
        let Some(kind) = desired.id.resource_type() else { continue };
        let verbs: &[&str] = match purpose {
            Purpose::Plan => &["read"],
            // Applying includes revoking what is no longer declared.
            Purpose::Apply if desired.kind.is_grant() => &["read", "write", "delete"],
            Purpose::Apply => &["read", "write"],
        };
        let actions = needed.entry(desired.scope.tracked()).or_default();
        actions.extend(verbs.iter().map(|verb| format!("{kind}/{verb}")));
        // Only the subscription's list is known to be complete, and keyless revokes nothing based on a partial list.
        if let Some(subscription) =
            desired.scope.subscription_id().filter(|_| desired.kind.granting().is_some())
        {
            needed.entry(ResourceId::subscription(subscription)).or_default().push(format!("{kind}/read"));
        }
    }
    for actions in needed.values_mut() {
        actions.sort();
        actions.dedup();
    }
    needed
}

/// The scopes at which to query permissions: the scope itself, or if it does not exist, those above.
#[must_use]
pub(crate) fn places(scope: &ResourceId) -> Vec<ResourceId> {
    let mut places = vec![scope.clone()];
    places.extend(scope.group());
    places.extend(scope.subscription_id().map(ResourceId::subscription));
    places.dedup();
    places
}

/// What is missing at a scope, if Azure was queried at `asked`.
#[must_use]
pub(crate) fn judged(
    scope: &ResourceId,
    asked: &ResourceId,
    actions: &[String],
    permissions: &[Permission],
    purpose: Purpose,
) -> Prerequisite {
    let missing: Vec<String> = actions
        .iter()
        .filter(|action| !allowed(permissions, action))
        .map(|action| format!("`{action}`"))
        .collect();
    let place = if scope == asked {
        String::new()
    } else {
        format!(" (asked at `{asked}`, since it does not exist yet)")
    };
    let check = if missing.is_empty() {
        let all = match actions.len() {
            1 => "the 1 action".to_owned(),
            count => format!("all {count} actions"),
        };
        Prerequisite::ok("rights", format!("{all} that the specs need{place}"))
    } else {
        let reader = match purpose {
            Purpose::Plan => {
                "assign the caller the Reader role there; a new role assignment takes a few minutes to take effect"
            }
            Purpose::Apply => {
                "assign the caller a role with these actions there; a new role assignment takes a few minutes to take effect. For an identity that only plans, use `--for plan`"
            }
        };
        Prerequisite::broken("rights", format!("lacks {}{place}", missing.join(", ")), reader)
    };
    check.of(scope.as_str())
}
