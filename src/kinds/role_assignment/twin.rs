//! The same assignment under another name: Azure refuses a second one of the same scope, principal and role.
//!
//! Pure.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::list;
use crate::id::{ResourceId, trailing_guid};
use crate::snapshot::Query;

/// All assignments of a patch's principal at a scope, above and below it.
pub(crate) fn query(scope: &ResourceId, patch: &Map<String, Value>) -> Query {
    let whole = list(scope);
    let principal = patch.get("principalId").and_then(Value::as_str).unwrap_or_default();
    Query { path: format!("{}&$filter=principalId eq '{principal}'", whole.path), ..whole }
}

/// Whether one of them gives at the scope what the patch would.
pub(crate) fn is_same(scope: &ResourceId, patch: &Map<String, Value>, body: &Value) -> bool {
    let properties = &body["properties"];
    let role = |id: Option<&Value>| id.and_then(Value::as_str).and_then(trailing_guid);
    let principal = |id: Option<&Value>| id.and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok());
    properties["scope"].as_str().and_then(|at| ResourceId::parse(at).ok()).as_ref() == Some(scope)
        && role(properties.get("roleDefinitionId")) == role(patch.get("roleDefinitionId"))
        && principal(properties.get("principalId")) == principal(patch.get("principalId"))
}
