//! The same assignment under another name: Azure refuses a second one of the same scope, principal and role.
//!
//! Pure.

use serde_json::{Map, Value};

use super::{identity, key, list};
use crate::id::{Key, ResourceId, trailing_guid};
use crate::kinds::{Inventory, Live};
use crate::snapshot::Query;

fn text<'a>(patch: &'a Map<String, Value>, name: &str) -> &'a str {
    patch.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// All assignments of a patch's principal at a scope, above and below it.
pub(crate) fn query(scope: &ResourceId, patch: &Map<String, Value>) -> Query {
    let whole = list(scope);
    let path = format!("{}&$filter=principalId eq '{}'", whole.path, text(patch, "principalId"));
    Query { path, ..whole }
}

/// Whether one of them gives at the scope what the patch would.
pub(crate) fn is_same(scope: &ResourceId, patch: &Map<String, Value>, body: &Value) -> bool {
    trailing_guid(text(patch, "roleDefinitionId")).is_some_and(|role| {
        let wanted = key(scope, text(patch, "principalId"), &role.to_string());
        identity(body).is_some_and(|(_, found)| found == wanted)
    })
}

/// Adds a live assignment. Azure refuses a second one of the same scope, principal and role; should it show two all the same, one is
/// the declared one, a marked one first, and the other stands beside it under a key of its own: it does not hide.
pub(super) fn add(inventory: &mut Inventory, mut live: Live, is_ours: impl Fn(&Live) -> bool) {
    let order = |live: &Live| (!is_ours(live), live.id.clone());
    if let Some(other) = inventory.items.get_mut(&live.key).filter(|other| other.id != live.id) {
        if order(&live) < order(other) {
            std::mem::swap(other, &mut live);
        }
        live.key = Key::new("roleAssignments", &[live.id.as_str()]);
    }
    inventory.items.insert(live.key.clone(), live);
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
}
