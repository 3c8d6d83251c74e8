//! Who still uses API keys, as far as Azure's settings, metrics and logs show. Contains no keys.

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::day;
use crate::text::source::Position;

/// Who still uses API keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// How many full days were asked about, before today.
    pub days: u32,
    /// The first of these days (UTC).
    pub from: String,
    /// The number of accounts by verdict.
    pub summary: Verdicts,
    /// One entry per account, in the order of the specs.
    pub accounts: Vec<AccountUsage>,
}

/// The number of accounts by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verdicts {
    /// Accounts whose keys are used.
    pub keys_used: usize,
    /// Accounts with calls that may have been made with a key.
    pub calls_without_name: usize,
    /// Accounts with calls, none of them with a key.
    pub no_key_call_seen: usize,
    /// Accounts without any call.
    pub no_call: usize,
    /// Accounts that do not accept keys.
    pub keys_off: usize,
    /// Accounts of which this cannot be told.
    pub cannot_tell: usize,
}

/// What the evidence about an account allows to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum KeyVerdict {
    /// Calls with a key were made.
    KeysUsed,
    /// Calls were made of which the log does not say whether with a key.
    CallsWithoutName,
    /// What is missing may hide calls with a key.
    CannotTell,
    /// Calls were made, and none of them with a key.
    NoKeyCallSeen,
    /// No call was made.
    NoCall,
    /// The account does not accept keys.
    KeysOff,
}

impl KeyVerdict {
    /// Whether keys can be turned off on this evidence.
    #[must_use]
    pub fn passes(self) -> bool {
        matches!(self, Self::NoKeyCallSeen | Self::NoCall | Self::KeysOff)
    }
}

/// The evidence about one account, and what it allows to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountUsage {
    /// Its address in the spec, or its id if there is no spec.
    pub address: String,
    /// Name of the resource.
    pub name: String,
    /// Its resource id.
    pub id: String,
    /// Where it is declared.
    pub source: Option<Position>,
    /// Whether calls with a key were seen.
    pub verdict: KeyVerdict,
    /// The verdict in words.
    pub statement: String,
    /// How many of the days before today the evidence covers without a gap.
    pub covered_days: u32,
    /// How many it has to cover.
    pub quiet_days: u32,
    /// Why the verdict is not stronger.
    pub reasons: Vec<MissingEvidence>,
    /// What the evidence cannot show.
    pub notes: Vec<String>,
    /// The calls that the log has.
    pub calls: Vec<Calls>,
    /// Who fetched or regenerated keys. Says nothing about their use.
    pub keys_fetched: Vec<Fetched>,
}

impl AccountUsage {
    /// How many calls were authenticated in one of these ways.
    #[must_use]
    pub fn count(&self, kinds: &[CallKind]) -> u64 {
        self.of(kinds).map(|calls| calls.calls).sum()
    }

    /// The last of these calls: its day, operation and deployments. Says nothing about who called: plans and reports end up in comments.
    #[must_use]
    pub fn last_call(&self, kinds: &[CallKind]) -> Option<String> {
        let latest = self.of(kinds).max_by_key(|calls| &calls.last)?;
        let of = match latest.deployments.as_slice() {
            [] => String::new(),
            [one] => format!(" of `{one}`"),
            [first, rest @ ..] => format!(" of `{first}` and {} more", rest.len()),
        };
        let day = latest.last.get(..10).unwrap_or(&latest.last);
        Some(format!("the last one on {day}, {}{of}", latest.operation))
    }

    fn of<'u>(&'u self, kinds: &'u [CallKind]) -> impl Iterator<Item = &'u Calls> {
        self.calls.iter().filter(|calls| kinds.contains(&calls.how))
    }
}

/// What is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MissingEvidence {
    /// What is missing.
    pub message: String,
    /// Azure's answer, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do, often a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether it is only a right that is missing, which another identity may have.
    #[serde(skip)]
    pub denied: bool,
}

/// How a call was authenticated, as far as its record shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CallKind {
    /// It succeeded, and its record names no caller.
    Key,
    /// It neither succeeded nor was it refused as unauthorized, and its record names no caller.
    Unclear,
    /// Its record names a caller.
    Token,
    /// It was refused (401 or 403), and its record names no caller.
    Refused,
}

/// The calls of one operation that were authenticated in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Calls {
    /// How they were authenticated.
    pub how: CallKind,
    /// The operation, as the log names it.
    pub operation: String,
    /// How many.
    pub calls: u64,
    /// How many of them have a record without a field for the caller.
    pub without_field: u64,
    /// When the first one was made.
    pub first: String,
    /// When the last one was made.
    pub last: String,
    /// The deployments that were called.
    pub deployments: Vec<String>,
    /// From where, as Azure masks it.
    pub addresses: Vec<String>,
    /// Object ids of the callers, or their names with `--names`.
    pub callers: Vec<String>,
}

/// Who fetched or regenerated keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fetched {
    /// `listKeys` or `regenerateKey`.
    pub operation: String,
    /// The caller, as the activity log names it.
    pub caller: String,
    /// The tool, if the log shows a well-known one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// How often.
    pub times: u64,
    /// When for the last time.
    pub last: String,
}

impl Usage {
    /// Combines the accounts.
    #[must_use]
    pub fn new(days: u32, from: String, accounts: Vec<AccountUsage>) -> Self {
        let mut summary = Verdicts::default();
        for account in &accounts {
            *match account.verdict {
                KeyVerdict::KeysUsed => &mut summary.keys_used,
                KeyVerdict::CallsWithoutName => &mut summary.calls_without_name,
                KeyVerdict::NoKeyCallSeen => &mut summary.no_key_call_seen,
                KeyVerdict::NoCall => &mut summary.no_call,
                KeyVerdict::KeysOff => &mut summary.keys_off,
                KeyVerdict::CannotTell => &mut summary.cannot_tell,
            } += 1;
        }
        Self { days, from, summary, accounts }
    }
}

/// What must be known about the use of an account's keys before a plan turns them off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUsageTerms {
    /// The id of the account.
    pub account: String,
    /// On how many full days before today no call with a key may have been made.
    pub quiet_days: u32,
    /// The last day on which they may be turned off if it cannot be told whether they are used.
    pub allow_unknown_until: Option<String>,
    /// What was found.
    pub found: Option<FoundKeyUse>,
}

/// What a run found about the use of keys that its plan turns off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKeyUse {
    /// The evidence.
    pub usage: AccountUsage,
    /// The day of the run by Azure's clock (UTC).
    pub today: Date,
    /// Before which day the evidence is: today, or yesterday shortly after midnight.
    pub before: Date,
    /// Whether only rights are missing, and another identity will ask again when the plan is applied.
    pub left_to_apply: bool,
}

impl FoundKeyUse {
    /// Before which day the evidence is, in words.
    #[must_use]
    pub fn before(&self) -> String {
        if self.before == self.today { "today".to_owned() } else { self.before.to_string() }
    }

    /// Whether missing evidence is accepted until that day.
    #[must_use]
    pub fn is_accepted(&self, until: &str) -> bool {
        day(until).is_some_and(|until| self.today <= until)
    }
}
