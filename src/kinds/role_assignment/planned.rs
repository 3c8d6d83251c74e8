//! Assignments that a plan writes, by the plan alone: what they are called, and what does not fit together in a file.
//!
//! Pure. Nothing is taken from a text that somebody could have written for people.

use serde_json::Value;
use uuid::Uuid;

use super::{DEFINITION, RoleAssignments, scope_name};
use crate::document::{Action, PlannedChange};
use crate::id::{ResourceId, trailing_guid};
use crate::kinds::{Kind as _, by_id};
use crate::rbac::Catalogue;

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

/// A new one is named by what it gives, so that the name and the rest cannot say two things.
pub(super) fn misfit(id: &ResourceId, change: &PlannedChange) -> Option<String> {
    if change.action != Action::Create {
        return None;
    }
    let patch = change.patch();
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

/// Whether a text is how a plan writes a GUID.
fn is_written(guid: Uuid, text: &str) -> bool {
    guid.to_string() == text
}
