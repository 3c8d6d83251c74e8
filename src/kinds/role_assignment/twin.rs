//! The same assignment under another name: Azure refuses a second one of the same scope, principal and role.
//!
//! Pure.

use serde_json::{Map, Value};

use super::{identity, key, list};
use crate::id::{ResourceId, trailing_guid};
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
