//! Who changed a resource.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who changed a resource, how, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// What was done.
    pub done: Done,
    /// Who did it, according to Azure: a user principal name, or the id of an application or a principal.
    pub caller: String,
    /// The caller's name, if Azure only shows an id and the run knows its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_name: Option<String>,
    /// The caller's type, if the resource shows it: `User`, `Application`, `ManagedIdentity`, `Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller_type: Option<String>,
    /// When it happened, in UTC.
    pub when: String,
    /// Azure's name of the operation, from the activity log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The client's IP address, from the activity log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip_address: Option<String>,
    /// The correlation id of the event in the activity log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The deleted resource, if it was a parent of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Where this comes from.
    pub evidence: Evidence,
}

/// What was done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Done {
    /// It was written: the last write, whichever fields it changed.
    Changed,
    /// It was created.
    Created,
    /// It was deleted.
    Deleted,
}

/// The source of a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Evidence {
    /// The resource itself.
    Resource,
    /// Azure's activity log.
    ActivityLog,
}

impl Cause {
    /// Whether the caller is an object id: role assignments show no more, while the log has names.
    pub(crate) fn is_nameless(&self) -> bool {
        self.evidence == Evidence::Resource
            && self.caller_type.is_none()
            && self.caller_name.is_none()
            && Uuid::try_parse(&self.caller).is_ok()
    }
}
