//! Accounts that a spec takes as given (`existing: true`): another stack or nobody owns them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Accounts, id_of, key, shape};
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::kinds::Reading as _;
use crate::snapshot::Snapshot;
use crate::spec::Loaded;
use crate::text::json::escape;

/// The accounts that a spec takes as given.
pub(crate) fn given(loaded: &Loaded) -> BTreeSet<ResourceId> {
    let existing = loaded.spec.accounts.iter().filter(|account| account.existing);
    existing.map(|account| id_of(&loaded.spec, account)).collect()
}

/// The accounts that no stack of a run declares itself, and some take as given: nothing is decided about them.
pub(super) fn taken_as_given(stacks: &[Loaded]) -> BTreeSet<ResourceId> {
    let mut all: BTreeSet<ResourceId> = stacks.iter().flat_map(given).collect();
    if all.is_empty() {
        return all;
    }
    for loaded in stacks.iter().filter(|loaded| !loaded.is_retired()) {
        for account in loaded.spec.accounts.iter().filter(|account| !account.existing) {
            all.remove(&id_of(&loaded.spec, account));
        }
    }
    all
}

/// Those that do not exist, by key, with the reason why nothing can be made in them; and findings.
pub(crate) fn missing(stacks: &[Loaded], snapshot: &Snapshot) -> (BTreeMap<Key, String>, Vec<Finding>) {
    let (mut gone, mut findings) = (BTreeMap::new(), Vec::new());
    if stacks.iter().all(|loaded| given(loaded).is_empty()) {
        return (gone, findings);
    }
    let declared = |id: &ResourceId| {
        let of = |loaded: &Loaded| {
            let own = loaded.spec.accounts.iter().filter(|account| !account.existing);
            own.map(|account| id_of(&loaded.spec, account)).any(|own| own == *id)
        };
        stacks.iter().any(of)
    };
    let known = Accounts.inventory(stacks, snapshot);
    for loaded in stacks.iter().filter(|loaded| !loaded.is_retired()) {
        for (index, account) in loaded.spec.accounts.iter().enumerate().filter(|(_, each)| each.existing) {
            let id = id_of(&loaded.spec, account);
            if snapshot.resource(&id).is_some() || known.gap(&id).is_some() || declared(&id) {
                continue;
            }
            let message = format!("account {} does not exist", account.name);
            let span = loaded.document.value_span(&format!("/accounts/{index}/name"));
            let finding = Finding::error(Code::AccountMissing, message.clone()).at(span);
            let hint = "`existing: true` takes it as given: correct its name or resource group, or remove that line to create it";
            findings.push(finding.hint(hint));
            gone.insert(key(&id), message);
        }
    }
    (gone, findings)
}

/// Reports fields of an account that another stack owns.
pub(super) fn check(loaded: &Loaded, findings: &mut Vec<Finding>) {
    let not_fields = shape::not_fields();
    for (index, account) in loaded.spec.accounts.iter().enumerate().filter(|(_, each)| each.existing) {
        let pointer = format!("/accounts/{index}");
        let written = loaded.document.tree.pointer(&pointer).and_then(Value::as_object).into_iter().flatten();
        let own = |name: &str| {
            !not_fields.contains(&name)
                || ["defenderForAISettings", "keyUsage", "coManagedBy"].contains(&name)
        };
        for (name, _) in written.filter(|(name, _)| own(name)) {
            let message =
                format!("account `{}` is taken as given, and `{name}` belongs to its owner", account.name);
            let span = loaded.document.key_span(&format!("{pointer}/{}", escape(name)));
            let hint = "remove this line, or `existing: true`";
            findings.push(Finding::error(Code::InvalidValue, message).at(span).hint(hint));
        }
    }
}
