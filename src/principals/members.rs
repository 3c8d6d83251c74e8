//! The members of a group: the query, and what its answer says of each.
//!
//! Pure. Microsoft Graph lists the members of nested groups too. It may leave out service principals
//! (<https://learn.microsoft.com/graph/api/group-list-members>, known issue), and shows no name to a caller who may not read objects of that
//! type.

use serde_json::Value;
use uuid::Uuid;

use super::object;
use super::proof::type_of;
use crate::document::access::Member;
use crate::id::ResourceId;
use crate::snapshot::{Query, Shape};

/// Graph's largest page.
const PAGE: usize = 999;
/// Larger groups are not listed.
const PAGES: usize = 5;

/// Queries the members of a group.
#[must_use]
pub fn members(group: Uuid) -> Query {
    let select = "id,displayName,userPrincipalName,appId,servicePrincipalType";
    Query {
        path: format!("/v1.0/groups/{group}/transitiveMembers?$select={select}&$top={PAGE}"),
        shape: Shape::DirectoryPages(PAGES),
        scope: ResourceId::root(),
        project: object,
    }
}

/// A member by Graph's answer; `None` without a valid object id.
#[must_use]
pub fn member(body: &Value) -> Option<Member> {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let id = text("id").filter(|id| Uuid::try_parse(id).is_ok())?;
    Some(Member {
        id,
        kind: type_of(body).unwrap_or_default().to_owned(),
        name: text("userPrincipalName").or_else(|| text("displayName")),
        app_id: text("appId"),
        service_principal_type: text("servicePrincipalType"),
    })
}
