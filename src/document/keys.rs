//! API keys: which accounts take them, and what became of revoking them. No key stands here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::source::Position;

/// Which accounts take API keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// How many.
    pub summary: Counts,
    /// Each account.
    pub accounts: Vec<AccountKeys>,
}

/// How many accounts take keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Accounts that take keys.
    pub enabled: usize,
    /// Accounts that refuse them.
    pub disabled: usize,
}

/// Whether one account takes keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountKeys {
    /// Its place in the spec, or its id where no spec is asked.
    pub address: String,
    /// Its name.
    pub name: String,
    /// Its resource id.
    pub id: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// Whether it takes keys.
    pub keys: Keys,
}

/// Whether keys are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keys {
    /// Anyone with a key may call.
    Enabled,
    /// Keys are refused.
    Disabled,
}

/// What became of revoking keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revocation {
    /// How many keys ended how.
    pub summary: Tally,
    /// Each account.
    pub accounts: Vec<AccountRevocation>,
}

/// How many keys ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// The old key is worth nothing any more.
    pub regenerated: usize,
    /// The old key is as it was.
    pub failed: usize,
    /// Nobody knows.
    pub unknown: usize,
}

/// What became of one account's keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountRevocation {
    /// Its place in the spec.
    pub address: String,
    /// Its name.
    pub name: String,
    /// Its resource id.
    pub id: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// Both keys.
    pub keys: Vec<KeyOutcome>,
}

/// What became of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyOutcome {
    /// `Key1` or `Key2`.
    pub name: String,
    /// How it ended.
    pub status: KeyStatus,
    /// What Azure answered, where that is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How regenerating a key ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// There is a new one, and the old one is refused.
    Regenerated,
    /// The old one is as it was.
    Failed,
    /// The answer was lost.
    Unknown,
}

impl Revocation {
    /// Puts the accounts together.
    #[must_use]
    pub fn new(accounts: Vec<AccountRevocation>) -> Self {
        let mut summary = Tally::default();
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
