//! Identities that a plan deletes and whose roles are unknown, because not all role assignments could be read, because Azure does not show
//! the identity's object id, or because the projects that have them could not be listed. Such an identity may be the last access to an
//! account that the caller cannot see.
//!
//! Querying a single principal would not help: Azure filters a list by principal only for callers who may read the whole list, and
//! resources in a group say nothing about other groups. So an identity that provides access cannot be told from one that never had a role.

use std::collections::{BTreeMap, BTreeSet};

use super::{Objection, Rule};
use crate::id::{ResourceId, comparable};
use crate::kinds;
use crate::kinds::role_assignment::UnreadAssignments;
use crate::plan::predict::World;

/// How many identities or scopes a message names.
const NAMED: usize = 4;

/// One or more identities that are lost.
enum Lost<'a> {
    /// The identity of a resource, with its principal.
    Known(&'a ResourceId, String),
    /// The identity of a resource whose principal Azure does not show.
    Unshown(&'a ResourceId),
    /// The identities of an account's projects, which could not be listed; with the reason.
    Unlisted(&'a str),
}

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    let mut lost: BTreeMap<ResourceId, Vec<Lost<'_>>> = BTreeMap::new();
    // A principal that no longer exists provides no access.
    let gone: BTreeSet<String> = before.gone.iter().map(|id| comparable(&id.to_string())).collect();
    for (id, principal) in before.losers_of_identities(after) {
        // What stands in a deleted account is covered together with it.
        let account = id.up_to("accounts").filter(|account| after.resource(account).is_none());
        let identity = match principal {
            Some(principal) if gone.contains(&principal) => continue,
            Some(principal) => Lost::Known(id, principal),
            None => Lost::Unshown(id),
        };
        lost.entry(account.unwrap_or_else(|| id.clone())).or_default().push(identity);
    }
    for (account, why) in &before.unlisted {
        if before.resource(account).is_some() && after.resource(account).is_none() {
            lost.entry(account.clone()).or_default().push(Lost::Unlisted(why));
        }
    }
    let objection = |(from, identities): (ResourceId, Vec<Lost<'_>>)| {
        let (unknown, why, instead) = unknown(before, &identities)?;
        let message = format!(
            "{}, which may be the last way into an account elsewhere where keys are off: {unknown}",
            taken(after, &from, &identities)
        );
        Some(Objection::at(Rule::LockOut, &from, message).because(&why).unless(instead))
    };
    lost.into_iter().filter_map(objection).collect()
}

/// What is unknown about the identities, the cause, and how to find out.
fn unknown(before: &World, identities: &[Lost<'_>]) -> Option<(String, String, &'static str)> {
    let unshown = identities.iter().filter_map(|lost| match lost {
        Lost::Unshown(id) => Some(id.to_string()),
        _ => None,
    });
    let unshown = some(unshown);
    if !unshown.is_empty() {
        let message = "Azure does not show its object id, so its roles are not known".to_owned();
        let why = format!("`identity` of {unshown} is SystemAssigned but has no `principalId`");
        return Some((message, why, "retry once Azure shows the object id"));
    }
    let unlisted = identities.iter().find_map(|lost| match lost {
        Lost::Unlisted(why) => Some((*why).to_owned()),
        _ => None,
    });
    if let Some(why) = unlisted {
        let message = "its projects could not be listed, so the roles of their identities are not known";
        return Some((message.to_owned(), why, "retry once its projects can be listed"));
    }
    let may_be_theirs = |unread: &&UnreadAssignments| {
        let whose = unread.principal.as_ref();
        let is_whose = |lost: &Lost<'_>| matches!(lost, Lost::Known(_, id) if Some(id) == whose);
        whose.is_none() || identities.iter().any(is_whose)
    };
    let unread: Vec<&UnreadAssignments> = before.unread_assignments.iter().filter(may_be_theirs).collect();
    let first = unread.first()?;
    let scopes: BTreeSet<&ResourceId> = unread.iter().map(|unread| &unread.scope).collect();
    let places = some(scopes.into_iter().map(place));
    let instead = if unread.iter().any(|unread| unread.denied) {
        "plan and apply as an identity that can list the role assignments there, for example with the Reader role"
    } else {
        "retry once those role assignments can be read"
    };
    Some((format!("not all role assignments of {places} could be read"), first.why.clone(), instead))
}

/// What the plan does to the identities, in words.
fn taken(after: &World, from: &ResourceId, identities: &[Lost<'_>]) -> String {
    let whose = |id: &ResourceId| {
        if id == from {
            "its system-assigned identity".to_owned()
        } else {
            format!("the identity of {}", title(id))
        }
    };
    let identities = some(identities.iter().map(|lost| match lost {
        Lost::Known(id, principal) => format!("{} ({principal})", whose(id)),
        Lost::Unshown(id) => whose(id),
        Lost::Unlisted(_) => "the identities of its projects".to_owned(),
    }));
    let title = title(from);
    match after.resource(from) {
        Some(_) => format!("the plan removes from {title} {identities}"),
        None => format!("the plan deletes {title} and with it {identities}"),
    }
}

fn title(id: &ResourceId) -> String {
    let noun = kinds::by_id(id).map_or("resource", |kind| kind.noun());
    format!("{noun} `{}`", id.name())
}

/// A few of many.
fn some(all: impl Iterator<Item = String>) -> String {
    let all: Vec<String> = all.collect();
    let more = all.len().saturating_sub(NAMED);
    match (all.as_slice(), more) {
        ([few @ .., last], 0) if !few.is_empty() => format!("{} and {last}", few.join(", ")),
        (all, 0) => all.join(", "),
        (all, _) => format!("{} and {more} more", all[..NAMED].join(", ")),
    }
}

/// A scope in a few words.
fn place(scope: &ResourceId) -> String {
    let is_group = scope.group().as_ref() == Some(scope);
    match scope.resource_type() {
        _ if scope.subscription_id().is_none() => format!("`{scope}`"),
        _ if is_group => format!("resource group `{}`", scope.name()),
        Some(_) => title(scope),
        None => format!("subscription `{}`", scope.name()),
    }
}
