//! API keys: which accounts accept them, and the result of revoking them. Contains no keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::source::Position;

/// Which accounts accept API keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Status")]
pub struct KeysStatement {
    /// The number of accounts by state.
    pub summary: Counts,
    /// One entry per account, in the order of the specs.
    pub accounts: Vec<AccountKeys>,
}

/// The number of accounts by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Accounts with keys enabled.
    pub enabled: usize,
    /// Accounts with keys disabled.
    pub disabled: usize,
}

impl Counts {
    /// Counts these.
    #[must_use]
    pub fn of(accounts: &[AccountKeys]) -> Self {
        let enabled = accounts.iter().filter(|account| account.keys == Keys::Enabled).count();
        Self { enabled, disabled: accounts.len() - enabled }
    }
}

/// Whether one account accepts keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountKeys {
    /// Its address in the spec, or its id if there is no spec.
    pub address: String,
    /// Name of the resource.
    pub name: String,
    /// Its resource id.
    pub id: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// Whether keys are enabled.
    pub keys: Keys,
}

/// Whether keys are enabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keys {
    /// Anyone with a key can call.
    Enabled,
    /// Keys are refused.
    Disabled,
}

/// The result of revoking keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revocation {
    /// The number of keys by result.
    pub summary: KeyCounts,
    /// One entry per account, in the order of the specs.
    pub accounts: Vec<AccountRevocation>,
}

/// The number of keys by result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Tally")]
pub struct KeyCounts {
    /// The old key no longer works.
    pub regenerated: usize,
    /// The old key is unchanged.
    pub failed: usize,
    /// The result is unknown.
    pub unknown: usize,
}

/// The result for one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountRevocation {
    /// Its address in the spec.
    pub address: String,
    /// Name of the resource.
    pub name: String,
    /// Its resource id.
    pub id: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// Both keys.
    pub keys: Vec<KeyOutcome>,
}

/// The result for one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyOutcome {
    /// `Key1` or `Key2`.
    pub name: String,
    /// The result.
    pub status: KeyStatus,
    /// Azure's answer, unless it was a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The result of regenerating a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// The old key was replaced.
    Regenerated,
    /// The old key is unchanged.
    Failed,
    /// The answer was lost.
    Unknown,
}

impl Revocation {
    /// Combines the accounts.
    #[must_use]
    pub fn new(accounts: Vec<AccountRevocation>) -> Self {
        let mut summary = KeyCounts::default();
        for key in accounts.iter().flat_map(|account| &account.keys) {
            match key.status {
                KeyStatus::Regenerated => summary.regenerated += 1,
                KeyStatus::Failed => summary.failed += 1,
                KeyStatus::Unknown => summary.unknown += 1,
            }
        }
        Self { summary, accounts }
    }
}
