//! Who did what to a resource.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who did what to a resource, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// What was done to it.
    pub done: Done,
    /// Who did it, as Azure says it: a user principal name, or the id of an application or a principal.
    pub caller: String,
    /// The caller's name, where an id is all that Azure says and the run knows a name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_name: Option<String>,
    /// What the caller is, where the resource says so: `User`, `Application`, `ManagedIdentity`, `Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_type: Option<String>,
    /// When.
    pub when: String,
    /// Azure's name of the operation, from the activity log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The address that the request came from, from the activity log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip_address: Option<String>,
    /// What finds the event, and all that belongs to it, in the activity log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// What was deleted, where that is not the resource itself but what it was in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// What says so.
    pub evidence: Evidence,
}

/// What was done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Done {
    /// It was written: the last write, whichever field that changed.
    Changed,
    /// It was made.
    Created,
    /// It was deleted.
    Deleted,
}

/// What says who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// The resource itself.
    Resource,
    /// The activity log.
    ActivityLog,
}

impl Cause {
    /// Whether the caller is the object id of anybody: role assignments say no more, and the log calls people by name.
    pub(crate) fn is_nameless(&self) -> bool {
        self.evidence == Evidence::Resource
            && self.caller_type.is_none()
            && self.caller_name.is_none()
            && Uuid::try_parse(&self.caller).is_ok()
    }
}
