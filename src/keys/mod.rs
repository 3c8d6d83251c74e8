//! API keys: which accounts take them, and what became of revoking them.
//!
//! Pure; `revoke` does the IO. No key is ever read: whether an account takes keys stands in its body, and what regenerating
//! answers is thrown away unread.

pub mod revoke;

use crate::accounts::Standing;
use crate::document::keys::{AccountKeys, Counts, Keys, Status};
use crate::source::Sources;

/// Which of these accounts take keys.
#[must_use]
pub fn status(standing: &[Standing], sources: &Sources) -> Status {
    let accounts: Vec<AccountKeys> = standing
        .iter()
        .map(|account| AccountKeys {
            address: account.address.clone(),
            name: account.name().to_owned(),
            id: account.id.to_string(),
            source: account.span.map(|span| sources.position(span)),
            keys: if account.takes_keys() { Keys::Enabled } else { Keys::Disabled },
        })
        .collect();
    let enabled = accounts.iter().filter(|account| account.keys == Keys::Enabled).count();
    Status { summary: Counts { enabled, disabled: accounts.len() - enabled }, accounts }
}
