//! The state of resources: plain data, in the format of the state file.
//!
//! No behaviour; the handlers in `arm` read and write it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::derived_id;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    pub(crate) subscription: String,
    pub(crate) name: String,
    pub(crate) location: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Map<String, Value>>,
}

/// Who did something, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stamp {
    pub(crate) by: String,
    pub(crate) kind: String,
    pub(crate) at: String,
}

/// A Cognitive Services account: what its clients wrote, and the few facts that answers need.
///
/// The read-only 35 KB of a body are written when answering, never kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Account {
    pub(crate) subscription: String,
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) location: String,
    pub(crate) kind: String,
    pub(crate) sku: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Identity>,
    /// Writable properties that were ever set.
    pub(crate) properties: Map<String, Value>,
    pub(crate) created: Stamp,
    pub(crate) modified: Stamp,
    pub(crate) date_created: String,
    /// Counts the accounts of this id: a name can be purged and used again.
    pub(crate) incarnation: u32,
    /// Steps since creation; each gives another etag.
    pub(crate) revision: u32,
    /// How often each key was regenerated.
    pub(crate) keys: [u32; 2],
    /// State of the running operation: `Creating` or `Accepted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) transition: Option<String>,
}

impl Account {
    /// Lower-case ARM id.
    pub(crate) fn key(&self) -> String {
        account_key(&self.subscription, &self.group, &self.name)
    }

    /// Subdomain, if one was chosen.
    pub(crate) fn subdomain(&self) -> Option<&str> {
        self.properties.get("customSubDomainName").and_then(Value::as_str)
    }

    /// An id that stays with this account and no other.
    pub(crate) fn derived_id(&self, label: &str) -> Uuid {
        derived_id(&format!("{label}:{}:{}", self.key(), self.incarnation))
    }
}

/// Lower-case ARM id of an account.
pub(crate) fn account_key(subscription: &str, group: &str, name: &str) -> String {
    format!(
        "/subscriptions/{subscription}/resourcegroups/{group}/providers/microsoft.cognitiveservices/accounts/{name}"
    )
    .to_lowercase()
}

/// Lower-case ARM id of a resource group.
pub(crate) fn group_key(subscription: &str, group: &str) -> String {
    format!("/subscriptions/{subscription}/resourcegroups/{group}").to_lowercase()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Identity {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) principal_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant_id: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) user_assigned_identities: BTreeMap<String, UserAssigned>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserAssigned {
    pub(crate) principal_id: String,
    pub(crate) client_id: String,
}

/// Ids of a user-assigned identity, derived from its resource id.
pub(crate) fn user_assigned(id: &str) -> UserAssigned {
    let id = id.to_lowercase();
    UserAssigned {
        principal_id: derived_id(&format!("principal:{id}")).to_string(),
        client_id: derived_id(&format!("client:{id}")).to_string(),
    }
}

/// An account between its deletion and its purge. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletedAccount {
    pub(crate) account: Account,
    pub(crate) deleted_at: i64,
    pub(crate) purge_at: i64,
}

/// A child of an account: a deployment, a content filter, a project or a connection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Child {
    /// As the creating URL had it.
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sku: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<Identity>,
    /// Properties that were set, and the service's defaults for the others.
    pub(crate) properties: Map<String, Value>,
    pub(crate) created: Stamp,
    pub(crate) modified: Stamp,
    /// Writes since creation; each gives another etag.
    pub(crate) revision: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) transition: Option<Transition>,
}

/// A running operation on a child, and its end in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transition {
    pub(crate) state: String,
    pub(crate) until: i64,
}

/// A long-running operation. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Operation {
    pub(crate) subscription: String,
    pub(crate) location: String,
    /// Status while it runs: `Creating`, `Updating` or `Deleting`.
    pub(crate) status: String,
    /// Key of the account that changes, unless it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    pub(crate) started_at: i64,
    pub(crate) done_at: i64,
    /// Whether its effect at the end was applied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) over: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lock {
    /// As the creating URL had it.
    pub(crate) scope: String,
    pub(crate) name: String,
    /// `CanNotDelete`, `ReadOnly` or `NotSpecified`.
    pub(crate) level: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) notes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owners: Option<Value>,
}

/// A write, as the activity log keeps it. The time is microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) at: i64,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) status: u16,
    pub(crate) caller: String,
    pub(crate) object_id: String,
    /// `User` or `Application`.
    pub(crate) kind: String,
    pub(crate) correlation_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_request_id: Option<String>,
    /// The request body, if it holds no secrets and clients read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
}
