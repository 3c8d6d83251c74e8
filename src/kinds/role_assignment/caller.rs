//! What the caller may do at a scope, as Azure says itself. Pure.

use serde::Deserialize as _;

use crate::id::ResourceId;
use crate::rbac::{self, Permission};
use crate::snapshot::{Answer, Query, Shape, Snapshot};

/// The query for the caller's permissions at a scope.
pub(crate) fn permissions(scope: &ResourceId) -> Query {
    Query {
        path: format!("{scope}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"),
        shape: Shape::List,
        scope: scope.clone(),
        project: |body| body,
    }
}

/// Whether the caller may do something there; `None` if Azure did not say.
pub(crate) fn permits(snapshot: &Snapshot, scope: &ResourceId, action: &str) -> Option<bool> {
    let Some(Answer::Found(items)) = snapshot.get(&permissions(scope)) else { return None };
    let permissions: Vec<Permission> =
        items.iter().filter_map(|item| Permission::deserialize(&**item).ok()).collect();
    Some(rbac::allowed(&permissions, action))
}
