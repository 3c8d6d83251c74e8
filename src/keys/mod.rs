//! API keys: which accounts accept them, who still uses them (`usage`), and the result of revoking them.
//!
//! Pure; `revoke` does the IO. Keys are never read: whether an account accepts keys is in its body, and the answer of a regeneration, which
//! contains the new keys, is discarded.

pub(crate) mod revoke;
pub(crate) mod usage;

use crate::accounts::Standing;
use crate::document::keys::{AccountKeys, Counts, Keys, KeysStatement};
use crate::text::source::Sources;

/// Which of these accounts accept keys.
#[must_use]
pub(crate) fn status(standing: &[Standing], sources: &Sources) -> KeysStatement {
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
    KeysStatement { summary: Counts::of(&accounts), accounts }
}
