//! What specs want to know about the use of keys (`keyUsage`).

use super::id_of;
use crate::document::usage::KeyUsageTerms;
use crate::id::ResourceId;
use crate::spec::Loaded;
use crate::spec::model::KeyUsage;

/// What specs want to know before keys go off.
pub(crate) fn key_usage(stacks: &[Loaded]) -> Vec<KeyUsageTerms> {
    let accounts = stacks.iter().flat_map(|loaded| {
        loaded.spec.accounts.iter().map(|account| (id_of(&loaded.spec, account), account.key_usage.as_ref()))
    });
    let terms = |(id, usage): (ResourceId, Option<&KeyUsage>)| {
        let usage = usage?;
        Some(KeyUsageTerms {
            account: id.to_string(),
            quiet_days: usage.quiet_days,
            allow_unknown_until: usage.allow_unknown_until.clone(),
            found: None,
        })
    };
    accounts.filter_map(terms).collect()
}
