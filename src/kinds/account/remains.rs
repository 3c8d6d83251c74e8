//! Soft-deleted accounts: where they are listed, whether they match a declared account, and the finding about a name that one holds.
//!
//! Pure.

use serde_json::Value;

use super::{API, shape};
use crate::body::AccountBody;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::desired::Desired;
use crate::snapshot::{Query, Shape};

/// The ARM type of a soft-deleted account.
const TYPE: &str = "Microsoft.CognitiveServices/locations/resourceGroups/deletedAccounts";

/// The query for all soft-deleted accounts of a subscription.
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

/// The query for soft-deleted accounts in the subscription of an account.
pub(crate) fn around(id: &str) -> Option<Query> {
    let id = ResourceId::parse(id).ok()?;
    Some(query(&ResourceId::subscription(id.subscription_id()?)))
}

/// Whether a soft-deleted account is the former `id`.
pub(super) fn is_of(id: &ResourceId, remains: &ResourceId) -> bool {
    remains.name().eq_ignore_ascii_case(id.name()) && remains.group() == id.group()
}

/// Whether an id is that of the soft-deleted account that `id` would leave.
pub(super) fn leaves_behind(id: &ResourceId, remains: &ResourceId) -> bool {
    remains.resource_type().is_some_and(|found| found.eq_ignore_ascii_case(TYPE)) && is_of(id, remains)
}

/// Whether a body is that of a soft-deleted account.
pub(super) fn is_deleted(body: &Value) -> bool {
    AccountBody::of(body).is_deleted()
}

/// Reports that a declared account cannot be created while a soft-deleted one holds its name.
pub(super) fn holds_name(desired: &Desired, deleted: &Value) -> Finding {
    let deleted = AccountBody::of(deleted);
    let day = |day: Option<&str>| day.unwrap_or("an unknown time").to_owned();
    let message = format!(
        "a soft-deleted account holds the name `{}`: deleted {}, and Azure purges it on {}",
        desired.id.name(),
        day(deleted.deleted()),
        day(deleted.purged())
    );
    let hint = "set `onSoftDeleted: restore` in the spec to restore it, or `onSoftDeleted: purge` to delete it permanently";
    Finding::error(Code::SoftDeleted, message).at(desired.span).hint(hint)
}
