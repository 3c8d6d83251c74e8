//! Names of callers, where they are asked for: otherwise only object ids are shown.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::document::usage::AccountUsage;

/// The object ids of everybody who called or fetched keys.
#[must_use]
pub(crate) fn callers(accounts: &[AccountUsage]) -> BTreeSet<Uuid> {
    let callers = accounts.iter().flat_map(|account| account.calls.iter().flat_map(|calls| &calls.callers));
    let fetched = accounts.iter().flat_map(|account| account.keys_fetched.iter().map(|each| &each.caller));
    callers.chain(fetched).filter_map(|id| Uuid::try_parse(id).ok()).collect()
}

/// Adds names to ids.
pub(crate) fn name(accounts: &mut [AccountUsage], names: &BTreeMap<String, String>) {
    let add = |id: &mut String| {
        if let Some(name) = names.get(&id.to_ascii_lowercase()) {
            *id = format!("{name} ({id})");
        }
    };
    for account in accounts {
        account.calls.iter_mut().flat_map(|calls| &mut calls.callers).for_each(add);
        account.keys_fetched.iter_mut().map(|each| &mut each.caller).for_each(add);
    }
}
