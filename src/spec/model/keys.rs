//! When API keys of an account may be turned off.

use schemars::JsonSchema;
use serde::Deserialize;

/// The most days that can be asked for: Azure keeps its metrics for 93.
pub const MOST_QUIET_DAYS: u32 = 90;

/// What must be known about the use of keys before `apply` turns them off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeyUsage {
    /// On how many full days before today no call with a key may have been made, 1 to 90. Take more than a month, such as 35: some jobs run
    /// at the end of a month.
    #[schemars(range(min = 1, max = 90))]
    pub quiet_days: u32,
    /// The last day (UTC) on which keys may be turned off even if it cannot be told whether they are used: `2026-12-31`.
    pub allow_unknown_until: Option<String>,
}
