//! Accounts that a spec takes as given (`existing: true`): another stack owns them, or none does. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Accounts, id_of, key, shape};
use crate::body::AccountBody;
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId};
use crate::kinds::Reading as _;
use crate::snapshot::{Body, Snapshot};
use crate::spec::model::{Account, Spec};
use crate::spec::{Loaded, Neighbours, OwnedAccount, unselected};
use crate::text::json::escape;
use crate::text::source::Span;

/// An account in a spec, with its index there.
type DeclaredAccount<'s> = (usize, ResourceId, &'s Account);

fn entries(loaded: &Loaded, are: impl Fn(&Account) -> bool) -> impl Iterator<Item = DeclaredAccount<'_>> {
    let accounts = loaded.spec.accounts.iter().enumerate().filter(move |(_, account)| are(account));
    accounts.map(|(index, account)| (index, id_of(&loaded.spec, account), account))
}

/// The accounts that a stack declares itself.
pub(crate) fn own(loaded: &Loaded) -> impl Iterator<Item = DeclaredAccount<'_>> {
    entries(loaded, |account| !account.existing && !loaded.is_retired())
}

/// The accounts that a stack takes as given, unless it is retired.
fn taken(loaded: &Loaded) -> impl Iterator<Item = DeclaredAccount<'_>> {
    entries(loaded, |account| account.existing && !loaded.is_retired())
}

/// Stacks and what they say of accounts of their own.
pub(crate) type Owners<'s> = BTreeMap<ResourceId, (&'s Loaded, &'s Account)>;

/// The stacks that declare accounts themselves, and what they say there: that counts, whoever else takes the account as given.
pub(crate) fn owners(stacks: &[Loaded]) -> Owners<'_> {
    let of = |loaded| own(loaded).map(move |(_, id, account)| (id, (loaded, account)));
    stacks.iter().flat_map(of).collect()
}

/// The accounts that a spec takes as given, also that of a retired stack.
pub(crate) fn given(loaded: &Loaded) -> BTreeSet<ResourceId> {
    entries(loaded, |account| account.existing).map(|(_, id, _)| id).collect()
}

/// The groups of a stack but for those that it names only to find accounts that it takes as given.
pub(crate) fn own_groups(spec: &Spec) -> BTreeSet<ResourceId> {
    let own = spec.accounts.iter().filter(|account| !account.existing);
    let groups = spec.resource_group.iter().chain(own.filter_map(|account| account.resource_group.as_ref()));
    groups.map(|group| ResourceId::resource_group(&spec.subscription, group)).collect()
}

/// Tells each stack what others say about accounts that one makes and another takes as given.
pub(crate) fn introduce(stacks: &mut [Loaded]) {
    let neighbours = Arc::new(neighbours(stacks));
    for loaded in stacks {
        loaded.neighbours = Arc::clone(&neighbours);
    }
}

fn neighbours(stacks: &[Loaded]) -> Neighbours {
    let mut neighbours = Neighbours::default();
    let mut wanted = BTreeSet::new();
    // Projects of stacks that are not selected come with their own run, and an account is made only once.
    for (_, id, account) in stacks.iter().chain(unselected(stacks)).flat_map(taken) {
        if account.projects.as_ref().is_some_and(|projects| !projects.is_empty()) {
            neighbours.projects_in.insert(id.clone());
        }
        wanted.insert(id);
    }
    if wanted.is_empty() {
        return neighbours;
    }
    // This run does nothing for a stack that is not selected: of its accounts only what is live counts.
    for (_, id, account) in stacks.iter().flat_map(own).filter(|(_, id, _)| wanted.contains(id)) {
        let found = OwnedAccount {
            kind: account.kind.clone(),
            identity: account.identity.clone(),
            allows_projects: account.allow_project_management,
        };
        neighbours.owned.insert(id, found);
    }
    neighbours
}

/// By account that no stack of a run, selected or not, declares itself: a stack that takes it as given.
pub(crate) fn takers(stacks: &[Loaded]) -> BTreeMap<ResourceId, &str> {
    let all = || stacks.iter().chain(unselected(stacks));
    let mut takers: BTreeMap<ResourceId, &str> = BTreeMap::new();
    for loaded in all() {
        takers.extend(taken(loaded).map(|(_, id, _)| (id, loaded.spec.stack.as_str())));
    }
    if !takers.is_empty() {
        for (_, id, _) in all().flat_map(own) {
            takers.remove(&id);
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
    for loaded in stacks {
        for (index, id, account) in taken(loaded) {
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
    for (index, id, account) in entries(loaded, |_| true) {
        let span = loaded.document.value_span(&format!("/accounts/{index}/name"));
        let Some((first, given)) = seen.insert(id, (span, account.existing)) else {
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
    for (_, id, _) in stacks.iter().flat_map(own) {
        all.remove(&id);
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
    for loaded in stacks {
        for (index, id, account) in taken(loaded) {
            if snapshot.resource(&id).is_some() || known.gap(&id).is_some() || !open.contains(&id) {
                continue;
            }
            let message = format!("account {} does not exist", account.name);
            let span = loaded.document.value_span(&format!("/accounts/{index}/name"));
            let finding = Finding::error(Code::AccountMissing, message.clone()).at(span);
            let hint = match owners(unselected(stacks)).get(&id) {
                Some((Loaded { spec, .. }, _)) => {
                    let stack = &spec.stack;
                    format!("stack `{stack}` declares it and is not selected: apply that stack first, or add `--select {stack}`")
                }
                None => "`existing: true` takes it as given: correct its name or resource group, or let its owner create it first; only if it is to belong to this stack, remove that line".to_owned(),
            };
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
    for (index, _, account) in entries(loaded, |account| account.existing) {
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
