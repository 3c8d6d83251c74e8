//! The same assignment under another name: Azure refuses a second one with the same scope, principal and role, except for temporary ones
//! that Privileged Identity Management creates next to a permanent one.
//!
//! Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{RoleAssignments, identity, key, list, temporary};
use crate::body::AssignmentBody;
use crate::id::{ResourceId, trailing_guid};
use crate::kinds::{Comparing as _, Inventory, Live};
use crate::snapshot::{Query, Snapshot};

/// Adds a live assignment. Among duplicates a permanent one is kept as the item, then one marked by a stack of the run, then any marked
/// one; the others are kept as twins.
pub(super) fn insert(inventory: &mut Inventory, live: Live, stacks: &BTreeSet<&str>, snapshot: &Snapshot) {
    let Some(known) = inventory.items.get_mut(&live.key) else {
        inventory.items.insert(live.key.clone(), live);
        return;
    };
    // Several lists may contain the same assignment.
    if known.id == live.id || inventory.twins.contains_key(&(live.key.clone(), live.id.clone())) {
        return;
    }
    let rank = |live: &Live| {
        let mark = RoleAssignments.mark(&live.body);
        let ours = mark.as_deref().is_some_and(|mark| stacks.contains(mark));
        (temporary::passing(live, snapshot).is_some(), !ours, mark.is_none(), live.id.clone())
    };
    let twin = if rank(&live) < rank(known) { std::mem::replace(known, live) } else { live };
    inventory.twins.insert((twin.key.clone(), twin.id.clone()), twin);
}

fn text<'a>(patch: &'a Map<String, Value>, name: &str) -> &'a str {
    patch.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The query for all assignments of a patch's principal at, above and below a scope.
pub(crate) fn query(scope: &ResourceId, patch: &Map<String, Value>) -> Query {
    let whole = list(scope);
    let path = format!("{}&$filter=principalId eq '{}'", whole.path, text(patch, "principalId"));
    Query { path, ..whole }
}

/// All fields that a creation sets: without a condition the grant is meant to apply always.
pub(super) fn whole(patch: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = patch.clone();
    patch.entry("condition").or_insert(Value::Null);
    patch
}

/// Whether an assignment grants at the scope what the patch would.
pub(crate) fn is_same(scope: &ResourceId, patch: &Map<String, Value>, body: &Value) -> bool {
    trailing_guid(text(patch, "roleDefinitionId")).is_some_and(|role| {
        let wanted = key(scope, text(patch, "principalId"), &role.to_string());
        identity(body).is_some_and(|(_, found)| found == wanted)
    })
}

/// Whether a live assignment grants a declared identity's role to neither a user nor a group.
pub(super) fn may_be(declared: &Map<String, Value>, body: &Value) -> bool {
    let said = AssignmentBody::of(body);
    let kind = said.principal_type().unwrap_or_default();
    let is_other = |other: &str| kind.eq_ignore_ascii_case(other);
    said.role().is_none_or(|found| Some(found) == trailing_guid(text(declared, "roleDefinitionId")))
        && !["User", "Group", "ForeignGroup"].into_iter().any(is_other)
}

/// In which of principal, role and scope an answer differs from what was sent. Azure writes a role's id in several forms, so its GUID is
/// compared.
pub(super) fn otherwise(target: &str, sent: &Value, answer: &Value) -> Vec<String> {
    let scope = ResourceId::parse(target).map(|id| id.scope().to_string()).unwrap_or_default();
    let (sent, answer) = (AssignmentBody::of(sent), AssignmentBody::of(answer));
    let form = |text: &str| match trailing_guid(text) {
        Some(guid) => guid.to_string(),
        None => text.trim_end_matches('/').to_ascii_lowercase(),
    };
    let parts = [
        ("principalId", sent.principal_id().unwrap_or_default(), answer.principal_id()),
        ("roleDefinitionId", sent.role_definition_id().unwrap_or_default(), answer.role_definition_id()),
        ("scope", scope.as_str(), answer.scope()),
    ];
    let differing = parts.into_iter().filter_map(|(name, wanted, found)| {
        let found = found?;
        let same = wanted.is_empty() || form(found) == form(wanted);
        (!same).then(|| format!("`{name}` is `{found}`, not `{wanted}`"))
    });
    differing.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_same_role_of_the_same_principal_at_the_same_scope_is_the_same() {
        const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";
        let role = |last: u8| format!("/x/roleDefinitions/00000000-0000-4000-8000-0000000000{last:02}");
        let patch = json!({"roleDefinitionId": role(1), "principalId": "AAAA"});
        let body = |scope: &str, role: String, principal: &str| json!({"properties": {"scope": scope, "roleDefinitionId": role, "principalId": principal}});
        let is = |body: &Value| is_same(&ResourceId::parse(GROUP).unwrap(), patch.as_object().unwrap(), body);
        assert!(is(&body(
            &GROUP.to_uppercase().replace("/SUBSCRIPTIONS", "/subscriptions"),
            role(1),
            "aaaa"
        )));
        for other in [
            body(GROUP, role(2), "AAAA"),
            body(GROUP, role(1), "BBBB"),
            body(&format!("{GROUP}2"), role(1), "AAAA"),
            json!({}),
        ] {
            assert!(!is(&other), "{other}");
        }
    }

    #[test]
    fn an_answer_gives_what_was_sent_in_whatever_form() {
        const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";
        const ROLE: &str =
            "/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-4000-8000-00000000000";
        let target = format!("{GROUP}/providers/Microsoft.Authorization/roleAssignments/x");
        let body = |principal: &str, role: String, scope: &str| json!({"properties": {"principalId": principal, "roleDefinitionId": role, "scope": scope}});
        let sent = body("aaaa", format!("{GROUP}{ROLE}1"), "");
        let other = |answer: Value| otherwise(&target, &sent, &answer).join(", ");
        assert_eq!(other(body("AAAA", format!("{ROLE}1"), &format!("{}/", GROUP.to_uppercase()))), "");
        assert_eq!(other(json!({"properties": {}})), "");
        assert_eq!(other(body("bbbb", format!("{ROLE}1"), GROUP)), "`principalId` is `bbbb`, not `aaaa`");
        let role = other(body("aaaa", format!("{ROLE}2"), GROUP));
        assert!(role.starts_with("`roleDefinitionId` is "), "{role}");
        let scope = other(body("aaaa", format!("{ROLE}1"), &format!("{GROUP}2")));
        assert!(scope.starts_with("`scope` is "), "{scope}");
    }
}
