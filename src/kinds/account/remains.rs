//! What a soft-deleted account leaves behind: where it is listed, whose it is, and what there is to say where it holds a name.
//!
//! Pure.

use serde_json::Value;

use super::{API, shape};
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::desired::Desired;
use crate::snapshot::{Query, Shape};

/// The ARM type of what is left.
const TYPE: &str = "Microsoft.CognitiveServices/locations/resourceGroups/deletedAccounts";

/// The list of everything that is left in a subscription.
pub(super) fn query(subscription: &ResourceId) -> Query {
    Query {
        path: format!(
            "{subscription}/providers/Microsoft.CognitiveServices/deletedAccounts?api-version={API}"
        ),
        shape: Shape::List,
        scope: subscription.clone(),
        project: shape::project,
    }
}

/// Asks for what is left in the subscription of an account.
pub(crate) fn around(id: &str) -> Option<Query> {
    let id = ResourceId::parse(id).ok()?;
    Some(query(&ResourceId::subscription(id.subscription_id()?)))
}

/// Whether a soft-deleted account is what is left of one.
pub(super) fn is_of(id: &ResourceId, remains: &ResourceId) -> bool {
    remains.name().eq_ignore_ascii_case(id.name()) && remains.group() == id.group()
}

/// Whether an id is that of what is left of an account.
pub(super) fn leaves_behind(id: &ResourceId, remains: &ResourceId) -> bool {
    remains.resource_type().is_some_and(|found| found.eq_ignore_ascii_case(TYPE)) && is_of(id, remains)
}

/// Whether a body is that of a soft-deleted account.
pub(super) fn is_deleted(body: &Value) -> bool {
    !body["properties"]["deletionDate"].is_null()
}

/// That a declared account cannot be made while what is left of an earlier one holds its name.
pub(super) fn holds_name(desired: &Desired, deleted: &Value) -> Finding {
    let properties = &deleted["properties"];
    let day = |name: &str| properties[name].as_str().unwrap_or("an unknown time").to_owned();
    let message = format!(
        "a soft-deleted account holds the name `{}`: deleted {}, to be purged by Azure {}",
        desired.id.name(),
        day("deletionDate"),
        day("scheduledPurgeDate")
    );
    let hint =
        "`onSoftDeleted: restore` in the spec brings it back, `onSoftDeleted: purge` gives it up for good";
    Finding::error(Code::SoftDeleted, message).at(desired.span).hint(hint)
}
