//! Identities that a plan deletes and of which it is not known what roles they have: because not all role assignments could be read, or because
//! Azure does not show the identity's object id. Such an identity may be the last way into an account that the caller does not see.
//!
//! An answer about one principal alone would not help: Azure filters a list by principal for whoever may read the whole list, and what stands in
//! a group shows nothing of the groups beside it. So nothing tells an identity that is a way in from one that never had a role.

use std::collections::{BTreeMap, BTreeSet};

use super::{Objection, Rule};
use crate::id::{ResourceId, comparable};
use crate::kinds;
use crate::kinds::role_assignment::Unread;
use crate::plan::predict::World;

/// How many identities or scopes a message names.
const NAMED: usize = 4;

/// An identity that goes: of what, and its principal as far as Azure shows it.
type Lost<'a> = (&'a ResourceId, Option<String>);

pub(super) fn objections(before: &World, after: &World) -> Vec<Objection> {
    // A principal that is not there any more lets nobody in.
    let gone: BTreeSet<String> = before.gone.iter().map(|id| comparable(&id.to_string())).collect();
    let is_there = |(_, principal): &Lost<'_>| principal.as_ref().is_none_or(|id| !gone.contains(id));
    let mut lost: BTreeMap<ResourceId, Vec<Lost<'_>>> = BTreeMap::new();
    for (id, principal) in before.losers_of_identities(after).filter(is_there) {
        // What stands in an account that goes is one question with it.
        let account = id.up_to("accounts").filter(|account| after.resource(account).is_none());
        lost.entry(account.unwrap_or_else(|| id.clone())).or_default().push((id, principal));
    }
    let objection = |(from, identities): (ResourceId, Vec<Lost<'_>>)| {
        let of_unknown: Vec<&ResourceId> =
            identities.iter().filter(|(_, principal)| principal.is_none()).map(|(id, _)| *id).collect();
        let may_be_theirs = |unread: &&Unread| {
            let whose = unread.principal.as_ref();
            whose.is_none_or(|whose| identities.iter().any(|(_, id)| id.as_ref() == Some(whose)))
        };
        let unread: Vec<&Unread> = before.unread_assignments.iter().filter(may_be_theirs).collect();
        let (message, why, instead) = match (of_unknown.as_slice(), unread.first()) {
            ([], None) => return None,
            ([], Some(first)) => {
                let scopes: BTreeSet<&ResourceId> = unread.iter().map(|unread| &unread.scope).collect();
                let places = some(scopes.into_iter().map(place));
                let instead = if unread.iter().any(|unread| unread.denied) {
                    "have it planned and applied by somebody who may list the role assignments there (Reader may)"
                } else {
                    "run it again once those role assignments can be read"
                };
                (format!("not all role assignments of {places} could be read"), first.why.clone(), instead)
            }
            (unknown, _) => {
                let ids = some(unknown.iter().map(ToString::to_string));
                let why = format!("`identity` of {ids} says SystemAssigned and has no `principalId`");
                let message = "Azure does not show its object id, so its roles are not known".to_owned();
                (message, why, "run it again once Azure shows the object id")
            }
        };
        let message = format!(
            "{}, which may be the last way into an account elsewhere where keys are off: {message}",
            taken(after, &from, &identities)
        );
        Some(Objection::at(Rule::LockOut, &from, message).because(&why).unless(instead))
    };
    lost.into_iter().filter_map(objection).collect()
}

/// What the plan does to the identities.
fn taken(after: &World, from: &ResourceId, identities: &[Lost<'_>]) -> String {
    let title = title(from);
    let behind = |principal: &Option<String>| match principal {
        Some(principal) => format!(" ({principal})"),
        None => String::new(),
    };
    if after.resource(from).is_some() {
        let ids = some(identities.iter().filter_map(|(_, principal)| principal.clone()));
        let ids = behind(&Some(ids).filter(|ids| !ids.is_empty()));
        return format!("the plan takes from {title} its system-assigned identity{ids}");
    }
    let identity = |(id, principal): &Lost<'_>| {
        let principal = behind(principal);
        if *id == from {
            format!("its system-assigned identity{principal}")
        } else {
            format!("that of {}{principal}", self::title(id))
        }
    };
    let (verb, of_own) = ("the plan deletes", identities.iter().any(|(id, _)| *id == from));
    let what = if of_own { "" } else { "a system-assigned identity, " };
    format!("{verb} {title} and with it {what}{}", some(identities.iter().map(identity)))
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
