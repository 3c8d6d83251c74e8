//! Accounts that a spec takes as given (`existing: true`): another stack or nobody owns them. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Accounts, id_of, key, shape};
use crate::body::AccountBody;
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::kinds::Reading as _;
use crate::snapshot::{Body, Snapshot};
use crate::spec::model::Spec;
use crate::spec::{Loaded, Neighbours, OwnedAccount, unselected};
use crate::text::json::escape;
use crate::text::source::Span;

/// The accounts that a spec takes as given.
pub(crate) fn given(loaded: &Loaded) -> BTreeSet<ResourceId> {
    let existing = loaded.spec.accounts.iter().filter(|account| account.existing);
    existing.map(|account| id_of(&loaded.spec, account)).collect()
}

/// The groups of a stack but for those that it names only to find accounts that it takes as given.
pub(crate) fn own_groups(spec: &Spec) -> BTreeSet<ResourceId> {
    let own = spec.accounts.iter().filter(|account| !account.existing);
    let groups = spec.resource_group.iter().chain(own.filter_map(|account| account.resource_group.as_ref()));
    groups.map(|group| ResourceId::resource_group(&spec.subscription, group)).collect()
}

/// Tells each stack what others of the run say about accounts that one makes and another takes as given.
pub(crate) fn introduce(stacks: &mut [Loaded]) {
    let (mut wanted, mut projects_in) = (BTreeSet::new(), BTreeSet::new());
    for loaded in stacks.iter_mut() {
        loaded.neighbours = Arc::default();
        if loaded.is_retired() {
            continue;
        }
        for account in loaded.spec.accounts.iter().filter(|account| account.existing) {
            let id = id_of(&loaded.spec, account);
            if account.projects.as_ref().is_some_and(|projects| !projects.is_empty()) {
                projects_in.insert(id.clone());
            }
            wanted.insert(id);
        }
    }
    if wanted.is_empty() {
        return;
    }
    let mut owned = BTreeMap::new();
    for loaded in stacks.iter().filter(|loaded| !loaded.is_retired()) {
        for account in loaded.spec.accounts.iter().filter(|account| !account.existing) {
            let id = id_of(&loaded.spec, account);
            if wanted.contains(&id) {
                let (identity, allows_projects) =
                    (account.identity.clone(), account.allow_project_management);
                owned.insert(id, OwnedAccount { identity, allows_projects });
            }
        }
    }
    let neighbours = Arc::new(Neighbours { owned, projects_in });
    for loaded in stacks {
        loaded.neighbours = Arc::clone(&neighbours);
    }
}

/// By account that no stack of a run, selected or not, declares itself: a stack that takes it as given.
pub(crate) fn takers(stacks: &[Loaded]) -> BTreeMap<ResourceId, &str> {
    let all = || stacks.iter().chain(unselected(stacks)).filter(|loaded| !loaded.is_retired());
    let mut takers: BTreeMap<ResourceId, &str> = BTreeMap::new();
    for loaded in all() {
        takers.extend(given(loaded).into_iter().map(|id| (id, loaded.spec.stack.as_str())));
    }
    if !takers.is_empty() {
        for loaded in all() {
            for account in loaded.spec.accounts.iter().filter(|account| !account.existing) {
                takers.remove(&id_of(&loaded.spec, account));
            }
        }
    }
    takers
}

/// A live account that a spec takes as given.
pub(crate) struct GivenAccount {
    pub address: String,
    pub id: ResourceId,
    /// Where a spec names it first.
    pub span: Span,
    pub body: Body,
}

/// The live accounts that no stack of a run declares itself, and some take as given; and findings about those that are not known to be live.
pub(crate) fn live_given(stacks: &[Loaded], snapshot: &Snapshot) -> (Vec<GivenAccount>, Vec<Finding>) {
    let (mut live, mut findings) = (Vec::new(), missing(stacks, snapshot).1);
    let mut open = taken_as_given(stacks);
    if open.is_empty() {
        return (live, findings);
    }
    let known = Accounts.inventory(stacks, snapshot);
    for loaded in stacks.iter().filter(|loaded| !loaded.is_retired()) {
        for (index, account) in loaded.spec.accounts.iter().enumerate().filter(|(_, each)| each.existing) {
            let id = id_of(&loaded.spec, account);
            if !open.remove(&id) {
                continue;
            }
            let span = loaded.document.value_span(&format!("/accounts/{index}/name"));
            match (snapshot.resource(&id), known.gap(&id)) {
                (Some(body), _) => {
                    let address = super::address_of(account);
                    live.push(GivenAccount { address, id, span, body: body.clone() });
                }
                (None, Some(gap)) => {
                    let message = format!("could not read account {}", account.name);
                    let finding = Finding::error(Code::UnknownState, message).at(span);
                    findings.push(Finding {
                        hint: gap.refusal.hint.clone(),
                        ..finding.cause(&gap.refusal.message)
                    });
                }
                (None, None) => {}
            }
        }
    }
    (live, findings)
}

/// Notes about API keys that are on in accounts that stacks take as given.
pub(super) fn keys_on(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Finding> {
    let (live, _) = live_given(stacks, snapshot);
    let open = live.into_iter().filter(|given| !AccountBody::of(&given.body).keys_off());
    open.map(|GivenAccount { id, span, .. }| {
        let message = format!("account {} accepts API keys", id.name());
        let hint =
            "only the account's owner can set `disableLocalAuth`: this spec takes the account as given";
        Finding::note(Code::KeysEnabled, message).at(span).hint(hint).about(&id)
    })
    .collect()
}

/// Reports accounts that a file names twice, of which it takes one as given: such a line would speak for the other.
fn twice(loaded: &Loaded, findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<ResourceId, (Span, bool)> = BTreeMap::new();
    for (index, account) in loaded.spec.accounts.iter().enumerate() {
        let span = loaded.document.value_span(&format!("/accounts/{index}/name"));
        let Some((first, given)) = seen.insert(id_of(&loaded.spec, account), (span, account.existing)) else {
            continue;
        };
        // Two of its own are found with those of other files.
        if given || account.existing {
            let message = format!("account {} is declared twice", account.name);
            let finding = Finding::error(Code::Duplicate, message).at(span);
            let hint = "write one entry: with `existing: true` for an account of another stack, without it for one of this stack";
            findings.push(finding.related(first, "first declared here").hint(hint));
        }
    }
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
    let open = taken_as_given(stacks);
    if open.is_empty() {
        return (gone, findings);
    }
    let known = Accounts.inventory(stacks, snapshot);
    for loaded in stacks.iter().filter(|loaded| !loaded.is_retired()) {
        for (index, account) in loaded.spec.accounts.iter().enumerate().filter(|(_, each)| each.existing) {
            let id = id_of(&loaded.spec, account);
            if snapshot.resource(&id).is_some() || known.gap(&id).is_some() || !open.contains(&id) {
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
    if given(loaded).is_empty() {
        return;
    }
    twice(loaded, findings);
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
