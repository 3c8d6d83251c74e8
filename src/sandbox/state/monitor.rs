//! What Azure Monitor knows of accounts: where their logs go, and which calls their data plane took. Plain data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A diagnostic setting of an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiagnosticSetting {
    /// As the creating URL had it.
    pub(crate) name: String,
    pub(crate) properties: Value,
}

/// A call that the data plane of an account took. The time is microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ModelCall {
    pub(crate) at: i64,
    pub(crate) operation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deployment: Option<String>,
    pub(crate) status: u16,
    /// Object id of the caller; none for a key, and for a call without a valid token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) caller: Option<String>,
    /// Whether its record has no field for the caller.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) silent: bool,
    /// Whether no metric counts it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) uncounted: bool,
    /// Workspaces to which its record went.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) sinks: Vec<String>,
}

/// How the logs of an account mislead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each misleads by itself")]
pub(crate) struct Monitoring {
    /// Workspaces that callers may not read.
    #[serde(default)]
    pub(crate) hidden: Vec<String>,
    /// Whether the table is denied in every workspace.
    #[serde(default)]
    pub(crate) denied_table: bool,
    /// Whether answers say that they are partial.
    #[serde(default)]
    pub(crate) partial: bool,
    /// Whether answers do not say which workspaces they left out.
    #[serde(default)]
    pub(crate) unsaid: bool,
    /// How many records of a day are kept.
    #[serde(default)]
    pub(crate) cap_per_day: Option<usize>,
    /// Operations whose records have no field for the caller.
    #[serde(default)]
    pub(crate) silent: Vec<String>,
    /// Whether each call has a second record, which is nearly empty.
    #[serde(default)]
    pub(crate) twins: bool,
    /// Whether `TotalCalls` does not count calls of models.
    #[serde(default)]
    pub(crate) total_without_models: bool,
    /// Whether metrics name no API.
    #[serde(default)]
    pub(crate) nameless_metrics: bool,
    /// For how many days records are kept; 30 if nothing is said, as in Azure.
    #[serde(default)]
    pub(crate) retention_days: Option<u32>,
}
