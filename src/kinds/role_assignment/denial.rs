//! Deny assignments, which override roles: reported, never evaluated. Pure.

use serde_json::Value;

use crate::id::ResourceId;
use crate::snapshot::{Query, Shape};

/// A deny assignment, with what is reported about it.
pub(crate) struct Denial<'a> {
    pub(crate) name: &'a str,
    pub(crate) scope: ResourceId,
}

/// The query for the deny assignments of a subscription.
pub(crate) fn query(subscription: &ResourceId) -> Query {
    Query {
        path: format!(
            "{subscription}/providers/Microsoft.Authorization/denyAssignments?api-version=2022-04-01"
        ),
        shape: Shape::List,
        scope: subscription.clone(),
        project: |body| body,
    }
}

impl<'a> Denial<'a> {
    pub(crate) fn of(body: &'a Value) -> Option<Self> {
        let properties = &body["properties"];
        let scope = ResourceId::parse(properties["scope"].as_str()?).ok()?;
        Some(Self { name: properties["denyAssignmentName"].as_str().unwrap_or("without a name"), scope })
    }
}
