//! What the values that a saved plan took from other resources are now.
//!
//! Pure. A value that differs, or that could not be read, keeps its changes from being made: a resource that was made anew has another
//! identity, and the old one may belong to nobody.

use std::collections::BTreeMap;

use super::value_in;
use crate::document::{Plan, Property, TakenEntry};
use crate::id::ResourceId;
use crate::kinds::{Kind, by_id};
use crate::principals::{Form, IDENTITY_TYPE, object_id};
use crate::snapshot::{Answer, Query, Snapshot};

/// The queries for them.
pub(in crate::kinds) fn queries(plan: &Plan) -> Vec<Query> {
    let taken = plan.changes.iter().filter(|change| change.action.writes()).flat_map(|change| &change.taken);
    let mut holders: Vec<ResourceId> =
        taken.filter_map(|taken| ResourceId::parse(&taken.resource).ok()).collect();
    holders.sort();
    holders.dedup();
    holders.iter().flat_map(queries_of).collect()
}

fn queries_of(holder: &ResourceId) -> Vec<Query> {
    match of_kind(holder) {
        Some(kind) => kind.around(std::slice::from_ref(holder)),
        None => identity(holder).query().into_iter().collect(),
    }
}

/// The kind of a resource, if it has such values.
fn of_kind(holder: &ResourceId) -> Option<&'static dyn Kind> {
    by_id(holder).filter(|kind| kind.takes_identity())
}

/// The identity of any other resource.
fn identity(holder: &ResourceId) -> Form<'static> {
    let is_one = holder.resource_type().is_some_and(|found| found.eq_ignore_ascii_case(IDENTITY_TYPE));
    if is_one {
        Form::ManagedIdentity(holder.clone())
    } else {
        Form::ResourceIdentity("resourceIdentity", holder.clone())
    }
}

/// The changes with a value that is no longer so, each with the reason.
#[must_use]
pub fn outgrown(plan: &Plan, snapshot: &Snapshot) -> Vec<(usize, String)> {
    let mut known: BTreeMap<&TakenEntry, Option<String>> = BTreeMap::new();
    let mut found = Vec::new();
    for (index, change) in plan.changes.iter().enumerate().filter(|(_, change)| change.action.writes()) {
        let why = change
            .taken
            .iter()
            .find_map(|taken| known.entry(taken).or_insert_with(|| unlike(taken, snapshot)).clone());
        found.extend(why.map(|why| (index, why)));
    }
    found
}

/// Why a value is not known to be the same as it was.
fn unlike(taken: &TakenEntry, snapshot: &Snapshot) -> Option<String> {
    let TakenEntry { resource, property, value } = taken;
    let property_name = property.as_str();
    let Ok(holder) = ResourceId::parse(resource) else { return Some(format!("`{resource}` is not an id")) };
    let answers: Vec<Option<&Answer>> = queries_of(&holder).iter().map(|query| snapshot.get(query)).collect();
    if let Some(refusal) = answers.iter().flatten().find_map(|answer| answer.refusal()) {
        return Some(format!(
            "it could not be read whether `{property_name}` of `{resource}` is still `{value}`: {}",
            refusal.message
        ));
    }
    let now = match (of_kind(&holder), answers.first()) {
        (Some(_), _) => snapshot.resource(&holder).map(|body| value_in(body, *property)),
        (None, Some(Some(Answer::Found(bodies)))) if *property == Property::PrincipalId => {
            bodies.first().map(|body| object_id(&body["properties"]).map(str::to_owned))
        }
        (None, _) => None,
    };
    match now {
        Some(Some(now)) if now.eq_ignore_ascii_case(value) => None,
        Some(Some(now)) => Some(format!(
            "`{property_name}` of `{resource}` is now `{now}`, and was `{value}` when the plan was made"
        )),
        Some(None) => Some(format!("`{resource}` does not show `{property_name}` any more")),
        None => Some(format!("`{resource}`, whose `{property_name}` it has, does not exist any more")),
    }
}
