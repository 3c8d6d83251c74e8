//! What the caller must be allowed to do for these specs, and what of it is missing.
//!
//! Pure. Azure names the right to read or write a resource after its type: `Microsoft.CognitiveServices/accounts/write`.

use std::collections::BTreeMap;

use super::Check;
use crate::id::ResourceId;
use crate::kinds::desired::desired;
use crate::rbac::{Permission, allowed};
use crate::spec::Loaded;

/// For what the caller needs rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Purpose {
    /// Reading
    Plan,
    /// Reading and writing
    Apply,
}

/// The actions that specs need, by the scope where rights to them count.
#[must_use]
pub fn needed(stacks: &[Loaded], purpose: Purpose) -> BTreeMap<ResourceId, Vec<String>> {
    let mut needed: BTreeMap<ResourceId, Vec<String>> = BTreeMap::new();
    for desired in desired(stacks) {
        let Some(kind) = desired.id.resource_type() else { continue };
        let verbs: &[&str] = match purpose {
            Purpose::Plan => &["read"],
            // Revoking what is no longer declared is part of applying.
            Purpose::Apply if desired.kind.is_grant() => &["read", "write", "delete"],
            Purpose::Apply => &["read", "write"],
        };
        let actions = needed.entry(desired.scope.tracked()).or_default();
        actions.extend(verbs.iter().map(|verb| format!("{kind}/{verb}")));
        // Only the subscription's list is known to be whole, and nothing is revoked on the word of a part.
        if let Some(subscription) = desired.scope.subscription_id().filter(|_| desired.kind.is_grant()) {
            needed.entry(ResourceId::subscription(subscription)).or_default().push(format!("{kind}/read"));
        }
    }
    for actions in needed.values_mut() {
        actions.sort();
        actions.dedup();
    }
    needed
}

/// Where to ask what the caller may do at a scope: there, and while that does not exist, above.
#[must_use]
pub fn places(scope: &ResourceId) -> Vec<ResourceId> {
    let mut places = vec![scope.clone()];
    places.extend(scope.group());
    places.extend(scope.subscription_id().map(ResourceId::subscription));
    places.dedup();
    places
}

/// What is missing at a scope, where Azure was asked at `asked`.
#[must_use]
pub fn judged(
    scope: &ResourceId,
    asked: &ResourceId,
    actions: &[String],
    permissions: &[Permission],
    purpose: Purpose,
) -> Check {
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
        Check::ok("rights", format!("all {} actions that the specs need{place}", actions.len()))
    } else {
        let reader = match purpose {
            Purpose::Plan => {
                "give the caller Reader there; a role given a moment ago takes some minutes to work"
            }
            Purpose::Apply => {
                "give the caller a role with these actions there; one given a moment ago takes some minutes to work. An identity that only plans: `--for plan`"
            }
        };
        Check::broken("rights", format!("lacks {}{place}", missing.join(", ")), reader)
    };
    check.of(scope.as_str())
}
