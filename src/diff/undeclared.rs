//! What becomes of what is live and not declared: ours is deleted, all else is named and stays.
//!
//! Pure.

use std::collections::BTreeSet;

use super::open::Veiled;
use super::strangers::{Unread, kept, stranger};
use super::{Change, Diff, Known, Stays, Veil, passing};
use crate::id::{Key, ResourceId};
use crate::kinds::desired::Desired;
use crate::kinds::{self, Called, Inventory, Kind, Live, Verdict, Weight};
use crate::principals::{Names, known_names};
use crate::rbac::Catalogue;
use crate::spec::Loaded;
use crate::spec::model::{Prune, Unmanaged};

/// Why something stays that may be what is declared.
fn unclear(veil: Veil) -> (Stays, String) {
    let why = match veil {
        Veil::Open => "not declared as far as is known, but a principal is not known",
        Veil::Unseen => "perhaps what is declared, for an identity whose object id Azure does not show",
    };
    (Stays::Unclear(veil), why.to_owned())
}

/// What a stack speaks for: the resource groups it names, and its declared scopes.
type Domain = (BTreeSet<ResourceId>, BTreeSet<ResourceId>);

fn in_domain((groups, scopes): &Domain, live: &Live) -> bool {
    groups.iter().any(|group| group.contains(&live.scope)) || scopes.contains(&live.scope)
}

/// By what it is judged.
pub(super) struct Undeclared<'a> {
    stacks: Vec<(&'a Loaded, Domain)>,
    declared: BTreeSet<Key>,
    pub(super) veiled: Veiled,
    roles: &'a Catalogue,
    names: Names,
}

impl<'a> Undeclared<'a> {
    /// All that is not one of these.
    pub(super) fn beside(desired: &[Desired], known: &Known<'a>) -> Self {
        Self {
            stacks: known.stacks.iter().map(|loaded| (loaded, kinds::domain(&loaded.spec))).collect(),
            declared: desired.iter().map(|each| each.key.clone()).collect(),
            veiled: Veiled::of(desired, known),
            roles: known.snapshot.roles(),
            names: known_names(known.stacks, known.snapshot),
        }
    }

    /// Adds what becomes of what is live of a kind, and what there is to say about that.
    pub(super) fn judge(&self, kind: &dyn Kind, inventory: &Inventory, known: &Known<'_>, diff: &mut Diff) {
        let Known { stacks, snapshot, .. } = known;
        let is_declared = |live: &&Live| self.declared.contains(&live.key);
        // Of what is declared, or was and would go, it matters how long it holds.
        for live in
            inventory.items.values().filter(|live| is_declared(live) || kind.mark(&live.body).is_some())
        {
            let refusal = kind.contradiction(live, snapshot);
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

    /// What could not be read and keeps something from being deleted: a list of its own kind, or what would tell whether an undeclared
    /// thing that it stands on or in goes too. Users go with their account, never before it on the word of a part.
    fn unread<'k>(&self, live: &Live, inventory: &'k Inventory, known: &'k Known<'_>) -> Option<Unread<'k>> {
        if let Some(gap) = inventory.gap_near(&live.scope) {
            return Some(Unread { gap, partial: !inventory.partial.is_empty(), house: None });
        }
        if known.inventories.iter().all(|(_, inventory)| inventory.gaps.is_empty()) {
            return None;
        }
        let nearest = if live.kind.is_grant() { Some(live.scope.clone()) } else { live.scope.parent() };
        std::iter::successors(nearest, ResourceId::parent).find_map(|id| {
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

    /// Whether something undeclared at a place goes, if it carries the mark that this one does.
    fn would_go(&self, marked: &Live, at: &ResourceId) -> bool {
        let mark = marked.kind.mark(&marked.body);
        self.stacks.iter().any(|(loaded, domain)| {
            // Where it is a declared scope, what is declared there keeps it.
            let inside = domain.0.iter().any(|group| group.contains(at));
            inside && mark.as_ref() == Some(&loaded.spec.stack) && loaded.spec.prune == Prune::Owned
        })
    }

    /// What becomes of something live that no spec declares: ours is deleted, all else is named. None of those goes that may be what is
    /// declared and could not be made out.
    pub(super) fn change(
        &self,
        live: &Live,
        verdict: Verdict,
        spared: Option<(Stays, String)>,
        unread: bool,
    ) -> Option<Change> {
        let Self { stacks, veiled, roles, names, .. } = self;
        let mark = live.kind.mark(&live.body);
        let owner =
            mark.as_deref().and_then(|mark| stacks.iter().find(|(loaded, _)| loaded.spec.stack == mark));
        let inside = |(_, domain): &&(&Loaded, Domain)| in_domain(domain, live);
        let title = live.kind.title(&live.body, &Called { roles, names });
        let (stays, why) = match (owner, mark) {
            // A list of a whole subscription shows what is none of the stacks' business.
            (None, _) if !stacks.iter().any(|stack| inside(&stack)) => return None,
            (None, _) if let Some(veil) = veiled.hides(live) => unclear(veil),
            (None, None) => match spared {
                Some((Stays::Twin, why)) => (Stays::Twin, why),
                Some(_) | None => (Stays::Unmarked, "no spec declares it".to_owned()),
            },
            (None, Some(mark)) => {
                (Stays::Foreign, format!("it carries the mark of stack `{mark}`, which is not in this run"))
            }
            (Some(_), _) if let Some(spared) = spared => spared,
            (Some((loaded, _)), _) if loaded.spec.prune == Prune::None => {
                (Stays::Unpruned, "no longer declared, and the stack says `prune: none`".to_owned())
            }
            // However much is read, nothing goes there.
            (Some(owner), _) if !inside(&owner) && veiled.hides(live).is_none() => {
                (Stays::Outside, "it carries the stack's mark outside of its groups and scopes".to_owned())
            }
            (Some(_), _) if unread => {
                (Stays::Incomplete, "no longer declared, but the list is incomplete".to_owned())
            }
            (Some(_), _) if let Some(veil) = veiled.hides(live) => unclear(veil),
            (Some((loaded, _)), _) => {
                return Some(Change::Delete {
                    live: live.clone(),
                    stack: loaded.spec.stack.clone(),
                    span: loaded.document.value_span("/stack"),
                    title,
                });
            }
        };
        let Verdict { weight, note } = verdict;
        let place = owner.filter(|(loaded, _)| loaded.spec.unmanaged == Unmanaged::Fail);
        let weight = match (weight, place) {
            // What may be what is declared is no drift; that it is not known is an error by itself.
            _ if veiled.hides(live).is_some() => Weight::Listed,
            // A removed line revokes nothing here, and nobody would hear of it again.
            (Weight::Listed, Some((loaded, _))) if stays == Stays::Outside && note.is_none() => {
                Weight::Drift(loaded.document.value_span("/stack"))
            }
            (weight, _) => weight,
        };
        let why = note.iter().fold(why, |why, note| format!("{why}; {note}"));
        Some(Change::Unmanaged { live: live.clone(), stays, why, weight, title })
    }
}
