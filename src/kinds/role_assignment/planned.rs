//! Assignments in a plan: their titles, and consistency checks for plans read from a file.
//!
//! Pure. Uses only ids and fields, never text written for people.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{DEFINITION, RoleAssignments};
use crate::document::{Action, PlannedChange};
use crate::id::{ResourceId, trailing_guid};
use crate::kinds::{Granting as _, by_id};
use crate::rbac::Catalogue;
use crate::rbac::condition::Condition;

/// The role, principal and scope of a planned assignment; for an existing one only its name and scope.
pub(super) fn title(id: &ResourceId, change: &PlannedChange, roles: &Catalogue) -> String {
    let patch = change.patch();
    let scope = scope_name(&id.scope());
    let Some(definition) = patch.get("roleDefinitionId").and_then(Value::as_str) else {
        return format!("role assignment {} on {scope}", id.name());
    };
    let role = trailing_guid(definition).map_or_else(|| definition.to_owned(), |id| roles.display_name(id));
    let text = |name: &str| patch.get(name).and_then(Value::as_str).unwrap_or("?");
    let holder = change.holes.iter().find(|hole| hole.field == "principalId");
    let who = match holder.and_then(|hole| ResourceId::parse(&hole.resource).ok()) {
        Some(holder) => {
            let noun = by_id(&holder).map_or("resource", |kind| kind.noun());
            format!("the identity of {noun} `{}` (known after it is created)", holder.name())
        }
        None => format!("{} {}", text("principalType"), text("principalId")),
    };
    format!("role assignment {role} -> {who} on {scope}")
}

/// A new assignment's name must follow from what it grants, and its texts must be ones that a spec can contain.
pub(super) fn misfit(id: &ResourceId, change: &PlannedChange) -> Option<String> {
    let patch = change.patch();
    if let Some(flaw) = unsayable(&patch) {
        return Some(flaw);
    }
    if change.action != Action::Create {
        return None;
    }
    let text = |name: &str| patch.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_role = |role: &ResourceId| {
        role.resource_type().is_some_and(|found| found.eq_ignore_ascii_case(DEFINITION))
            && trailing_guid(role.as_str()).is_some_and(|guid| is_written(guid, role.name()))
    };
    if !ResourceId::parse(text("roleDefinitionId")).is_ok_and(|role| is_role(&role)) {
        return Some("it has no role".to_owned());
    }
    if change.holes.iter().any(|hole| hole.reference.is_none()) {
        return None;
    }
    // Azure accepts other forms of a GUID, which must not pass for a different principal when compared with live state.
    let principal = text("principalId");
    if !Uuid::try_parse(principal).is_ok_and(|guid| is_written(guid, principal)) {
        return Some(format!("`{principal}` is not an object id in the form that plans use"));
    }
    (RoleAssignments.named_by(&patch, id) != *id)
        .then(|| "its name does not match its role, principal and scope".to_owned())
}

/// An invalid condition, or a mark in a description: a spec with one would be refused.
fn unsayable(patch: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| patch.get(name).and_then(Value::as_str);
    if text("description").is_some_and(|text| text.to_ascii_lowercase().contains("[keyless:")) {
        return Some("its description contains a mark, which no spec can".to_owned());
    }
    if let Some(mistake) = text("condition").and_then(|text| Condition::parse(text).err()) {
        return Some(format!("could not parse its condition: {}", mistake.message));
    }
    let version = text("conditionVersion").filter(|version| *version != "2.0");
    version.map(|_| "its condition is not of version 2.0".to_owned())
}

/// Whether a text is a GUID in the form that plans use.
fn is_written(guid: Uuid, text: &str) -> bool {
    guid.to_string() == text
}

/// A scope for messages: its name, with its type if that is not obvious.
pub(crate) fn scope_name(scope: &ResourceId) -> String {
    let text = scope.as_str();
    match text.split('/').skip(1).collect::<Vec<_>>().as_slice() {
        [""] => "the tenant root".to_owned(),
        [_, id] => format!("subscription {id}"),
        ["providers", _, _, group] => format!("management group {group}"),
        [_, _, _, group] => format!("resource group {group}"),
        [.., name] => (*name).to_owned(),
        [] => text.to_owned(),
    }
}
