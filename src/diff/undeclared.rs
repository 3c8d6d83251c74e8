//! What happens to undeclared live resources: the stack's own are deleted, all others are reported and stay.
//!
//! Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::open::Veiled;
use super::strangers::{Unread, kept, stranger};
use super::{Change, Diff, Known, Others, Stays, Veil, passing};
use crate::id::{Key, ResourceId};
use crate::kinds::desired::Desired;
use crate::kinds::{self, Called, Domain, Inventory, Kind, Live, UndeclaredVerdict, Weight};
use crate::principals::{Names, known_names};
use crate::rbac::Catalogue;
use crate::spec::model::{Prune, Unmanaged};
use crate::spec::{Loaded, unselected};

/// Why a resource stays that may be a declared one.
fn unclear(veil: Veil) -> (Stays, String) {
    let why = match veil {
        Veil::Open => "apparently not declared, but a declared principal could not be resolved",
        Veil::Unseen => "possibly declared, for an identity whose object id Azure does not show",
        Veil::Beside => "possibly declared by a stack that is not selected",
    };
    (Stays::Unclear(veil), why.to_owned())
}

/// What decides about undeclared resources.
pub(super) struct Undeclared<'a> {
    stacks: Vec<(&'a Loaded, Domain)>,
    /// The stacks that are loaded but not selected.
    unselected: Vec<(&'a Loaded, Domain)>,
    /// What any loaded stack declares.
    declared: BTreeSet<Key>,
    others: &'a Others,
    pub(super) veiled: Veiled,
    roles: &'a Catalogue,
    names: Names,
    /// The accounts that stacks take as given, each with one of them.
    taken: BTreeMap<ResourceId, &'a str>,
}

impl<'a> Undeclared<'a> {
    /// Covers everything that is declared neither by these stacks nor by others that are loaded.
    pub(super) fn beside(desired: &[Desired], others: &'a Others, known: &Known<'a>) -> Self {
        Self {
            stacks: known.stacks.iter().map(|loaded| (loaded, kinds::domain(&loaded.spec))).collect(),
            unselected: unselected(known.stacks)
                .iter()
                .map(|loaded| (loaded, kinds::domain(&loaded.spec)))
                .collect(),
            declared: desired.iter().map(|each| each.key.clone()).chain(others.keys()).collect(),
            others,
            veiled: Veiled::of(desired, known),
            roles: known.snapshot.roles(),
            names: known_names(known.stacks, known.snapshot),
            taken: kinds::account::existing::takers(known.stacks),
        }
    }

    /// Whether any loaded stack declares what has a key.
    pub(super) fn is_declared(&self, key: &Key) -> bool {
        self.declared.contains(key)
    }

    /// Adds the changes and findings for a kind's live resources.
    pub(super) fn judge(&self, kind: &dyn Kind, inventory: &Inventory, known: &Known<'_>, diff: &mut Diff) {
        let Known { stacks, snapshot, .. } = known;
        let is_declared = |live: &&Live| self.declared.contains(&live.key);
        // For resources that are declared, or would be deleted, it matters how long they last.
        for live in
            inventory.items.values().filter(|live| is_declared(live) || kind.mark(&live.body).is_some())
        {
            let refusal = live.contradiction(snapshot);
            diff.incomplete.extend(refusal.map(|refusal| (live.scope.clone(), refusal)));
        }
        let strangers = inventory.strangers(|key| self.declared.contains(key));
        let verdicts = kind.undeclared(&strangers, stacks, snapshot, self.roles);
        for (live, verdict) in strangers.into_iter().zip(verdicts) {
            let meant = self.declared.get(&live.key).and_then(|key| inventory.items.get(key));
            let spared = passing::spared(live, meant, snapshot);
            let unread = self.unread(live, inventory, known);
            if let Some(change) = self.change(live, verdict, spared, unread.is_some()) {
                let kept = kept(&change, unread.as_ref(), stacks);
                diff.findings.extend(kept.or_else(|| stranger(&change)));
                diff.changes.push(change);
            }
        }
    }

    /// What could not be read and prevents a delete: a list of its own kind, or one that shows whether its undeclared parent is deleted
    /// too. Role assignments are deleted together with their account, never earlier because of a partial list.
    fn unread<'k>(&self, live: &Live, inventory: &'k Inventory, known: &'k Known<'_>) -> Option<Unread<'k>> {
        if let Some(gap) = inventory.gap_near(&live.scope) {
            return Some(Unread { gap, partial: !inventory.partial.is_empty(), house: None });
        }
        if known.inventories.iter().all(|(_, inventory)| inventory.gaps.is_empty()) {
            return None;
        }
        std::iter::successors(live.kind.stands_on(&live.id), ResourceId::parent).find_map(|id| {
            let kind = kinds::by_id(&id)?;
            let (inventory, key) = (known.inventory(kind), Key::new(kind.name(), &[id.as_str()]));
            let gap = match inventory.items.get(&key) {
                _ if self.declared.contains(&key) => None,
                Some(house) => inventory.gap_near(&id).filter(|_| self.would_go(house, &id)),
                None => inventory.gap(&id).filter(|_| self.would_go(live, &id)),
            };
            Some(Unread { gap: gap?, partial: false, house: Some((kind, id)) })
        })
    }

    /// Whether an undeclared resource at a scope would be deleted if it has this one's mark.
    fn would_go(&self, marked: &Live, at: &ResourceId) -> bool {
        let mark = marked.kind.mark(&marked.body);
        self.stacks.iter().any(|(loaded, domain)| {
            // If it is a declared scope, the declarations there keep it.
            let inside = domain.groups.iter().any(|group| group.contains(at));
            inside && mark.as_ref() == Some(&loaded.spec.stack) && loaded.spec.prune == Prune::Owned
        })
    }

    /// Why it is not certain that a resource is undeclared.
    fn veil(&self, live: &Live) -> Option<(Stays, String)> {
        if let Some(veil) = self.veiled.hides(live) {
            return Some(unclear(veil));
        }
        let stack = self.others.may_declare(live)?;
        let (stays, why) = unclear(Veil::Beside);
        Some((stays, format!("{why}: `{stack}`")))
    }

    /// The stack that a resource belongs to, if it is loaded but not selected, and whether the resource is in that stack's domain. Outside
    /// of it no run of that stack might read it.
    fn unselected(&self, mark: &str, live: &Live) -> Option<(&'a Loaded, bool)> {
        let found = self.unselected.iter().find(|(loaded, _)| loaded.spec.stack == mark);
        found.map(|(loaded, domain)| (*loaded, domain.contains(&live.scope)))
    }

    /// A stack that takes an account as given, and is loaded but not selected.
    fn taken_beside(&self, live: &Live) -> Option<&'a str> {
        let stack = *self.taken.get(&live.id)?;
        self.unselected.iter().any(|(loaded, _)| loaded.spec.stack == stack).then_some(stack)
    }

    /// The change for an undeclared live resource: the stack's own are deleted, others reported. Resources that an unresolved declaration
    /// may mean are never deleted.
    pub(super) fn change(
        &self,
        live: &Live,
        verdict: UndeclaredVerdict,
        spared: Option<(Stays, String)>,
        unread: bool,
    ) -> Option<Change> {
        let mark = live.kind.mark(&live.body);
        let owner =
            mark.as_deref().and_then(|mark| self.stacks.iter().find(|(loaded, _)| loaded.spec.stack == mark));
        let beside = match (owner, mark.as_deref()) {
            (None, Some(mark)) => self.unselected(mark, live),
            _ => None,
        };
        let veil = self.veil(live);
        let is_veiled = veil.is_some();
        let fate = match owner {
            Some(owner) => self.of_own(live, owner, veil, spared, unread),
            None => self.of_others(live, mark.as_deref(), beside, veil, spared)?,
        };
        let title = live.kind.title(&live.body, &Called { roles: self.roles, names: &self.names });
        let (stays, why) = match fate {
            UndeclaredFate::Stays(stays, why) => (stays, why),
            UndeclaredFate::Goes(loaded) => {
                return Some(Change::Delete {
                    live: live.clone(),
                    stack: loaded.spec.stack.clone(),
                    span: loaded.document.value_span("/stack"),
                    title,
                });
            }
        };
        let UndeclaredVerdict { weight, note } = verdict;
        let owner = owner.map(|(loaded, _)| *loaded).or(beside.map(|(loaded, _)| loaded));
        let place = owner.filter(|loaded| loaded.spec.unmanaged == Unmanaged::Fail);
        let weight = match (weight, place) {
            // The stack's own run deletes it.
            _ if stays == Stays::Unselected => Weight::Listed,
            // A resource that may be declared is not drift; that it is unresolved is an error of its own.
            _ if is_veiled => Weight::Listed,
            // Removing the line revokes nothing here, and it would never be reported again.
            (Weight::Listed, Some(loaded)) if stays == Stays::Outside && note.is_none() => {
                Weight::Drift(loaded.document.value_span("/stack"))
            }
            (weight, _) => weight,
        };
        let why = note.iter().fold(why, |why, note| format!("{why}; {note}"));
        Some(Change::Unmanaged { live: live.clone(), stays, why, weight, title })
    }

    /// What happens to a resource with the mark of a stack of this run.
    fn of_own(
        &self,
        live: &Live,
        (loaded, domain): &(&'a Loaded, Domain),
        veil: Option<(Stays, String)>,
        spared: Option<(Stays, String)>,
        unread: bool,
    ) -> UndeclaredFate<'a> {
        let stays = |stays, why: &str| UndeclaredFate::Stays(stays, why.to_owned());
        if let Some((reason, why)) = spared {
            return UndeclaredFate::Stays(reason, why);
        }
        if let Some(stack) = self.taken.get(&live.id) {
            let why = format!("stack `{stack}` takes it as given (`existing: true`)");
            return UndeclaredFate::Stays(Stays::Taken, why);
        }
        if loaded.spec.prune == Prune::None {
            return stays(Stays::Unpruned, "no longer declared, and the stack has `prune: none`");
        }
        // However much is read, nothing is deleted there.
        if !domain.contains(&live.scope) && veil.is_none() {
            let why = "it carries the stack's mark but is outside of its groups and scopes";
            return stays(Stays::Outside, why);
        }
        if unread {
            return stays(Stays::Incomplete, "no longer declared, but the list is incomplete");
        }
        match veil {
            Some((reason, why)) => UndeclaredFate::Stays(reason, why),
            None => UndeclaredFate::Goes(loaded),
        }
    }

    /// Why a resource without the mark of a stack of this run stays; `None` if it does not concern the stacks, since a subscription's list
    /// shows such resources too.
    fn of_others(
        &self,
        live: &Live,
        mark: Option<&str>,
        beside: Option<(&Loaded, bool)>,
        veil: Option<(Stays, String)>,
        spared: Option<(Stays, String)>,
    ) -> Option<UndeclaredFate<'a>> {
        if let (Some(mark), Some((_, false))) = (mark, beside) {
            let why =
                format!("it carries the mark of stack `{mark}` but is outside of its groups and scopes");
            return Some(UndeclaredFate::Stays(Stays::Outside, why));
        }
        if !self.stacks.iter().any(|(_, domain)| domain.contains(&live.scope)) {
            return None;
        }
        if let Some((reason, why)) = veil {
            return Some(UndeclaredFate::Stays(reason, why));
        }
        let Some(mark) = mark else {
            if let Some((Stays::Twin, why)) = spared {
                return Some(UndeclaredFate::Stays(Stays::Twin, why));
            }
            let Some(stack) = self.taken_beside(live) else {
                return Some(UndeclaredFate::Stays(Stays::Unmarked, "no spec declares it".to_owned()));
            };
            let why = format!(
                "stack `{stack}`, which is not selected in this run, takes it as given (`existing: true`)"
            );
            return Some(UndeclaredFate::Stays(Stays::Taken, why));
        };
        let why = format!("it carries the mark of stack `{mark}`, which is not");
        let (stays, why) = match beside.map(|(other, _)| other.spec.prune) {
            None => (Stays::Foreign, format!("{why} in this run")),
            Some(Prune::Owned) => (Stays::Unselected, format!("{why} selected in this run")),
            Some(Prune::None) => {
                (Stays::Foreign, format!("{why} selected in this run and which has `prune: none`"))
            }
        };
        Some(UndeclaredFate::Stays(stays, why))
    }
}

/// What happens to an undeclared resource.
enum UndeclaredFate<'a> {
    /// Its stack deletes it.
    Goes(&'a Loaded),
    /// Nothing, and why.
    Stays(Stays, String),
}
