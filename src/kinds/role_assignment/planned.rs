//! Assignments that a plan writes, by the plan alone: what they are called, and what does not fit together in a file.
//!
//! Pure. Nothing is taken from a text that somebody could have written for people.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{DEFINITION, RoleAssignments, scope_name};
use crate::document::{Action, PlannedChange};
use crate::id::{ResourceId, trailing_guid};
use crate::kinds::{Kind as _, by_id};
use crate::rbac::Catalogue;
use crate::rbac::condition::Condition;

/// Who gets which role where; of one that is there already, its name says nothing of that.
pub(super) fn told(id: &ResourceId, change: &PlannedChange, roles: &Catalogue) -> String {
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

/// A new one is named by what it gives, so that the name and the rest cannot say two things; and no text is one that a spec could not hold.
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
        return Some("it does not say which role it gives".to_owned());
    }
    if !change.holes.is_empty() {
        return None;
    }
    // Azure takes other forms of a GUID for the same one, and what is compared with live state must not pass for another.
    let principal = text("principalId");
    if !Uuid::try_parse(principal).is_ok_and(|guid| is_written(guid, principal)) {
        return Some(format!("`{principal}` is not an object id as a plan writes it"));
    }
    (RoleAssignments.named_by(&patch, id) != *id)
        .then(|| "its name is not that of the assignment it describes".to_owned())
}

/// A condition that Azure could not read, or a mark in a description: a spec with one would have been refused.
fn unsayable(patch: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| patch.get(name).and_then(Value::as_str);
    if text("description").is_some_and(|text| text.to_ascii_lowercase().contains("[keyless:")) {
        return Some("a mark stands in its description, and no spec says it".to_owned());
    }
    if let Some(mistake) = text("condition").and_then(|text| Condition::parse(text).err()) {
        return Some(format!("its condition cannot be read: {}", mistake.message));
    }
    let version = text("conditionVersion").filter(|version| *version != "2.0");
    version.map(|_| "its condition is not of version 2.0".to_owned())
}

/// Whether a text is how a plan writes a GUID.
fn is_written(guid: Uuid, text: &str) -> bool {
    guid.to_string() == text
}
