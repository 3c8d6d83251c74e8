//! Declared resources that are unresolved, or that turned out to be duplicates: never written, never "no changes".
//!
//! Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Change, Known, LiveMatch};
use crate::finding::{Code, Finding, Open};
use crate::id::ResourceId;
use crate::kinds::Live;
use crate::kinds::desired::{Desired, Hole};
use crate::principals::has_own_identity;
use crate::snapshot::Refusal;
use crate::spec::Loaded;
use crate::spec::model::OnSoftDeleted;
use crate::text::source::Span;

/// Where an unresolved declaration could mean one of the live resources, which are then not deleted.
#[derive(Debug, Default)]
pub(super) struct Veiled {
    /// Kinds for which nothing is known to be undeclared.
    kinds: BTreeSet<&'static str>,
    /// Resources declared for identities that exist but that Azure does not show.
    unseen: Vec<(&'static str, ResourceId, Map<String, Value>)>,
}

/// Why a live resource is not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Veil {
    /// A declared principal could not be resolved, which is an error of its own.
    Open,
    /// It may belong to a declared identity that Azure does not show.
    Unseen,
    /// A stack that is not selected may declare it, for a principal that could not be resolved.
    Beside,
}

impl Veiled {
    pub(super) fn of(desired: &[Desired], known: &Known<'_>) -> Self {
        let mut veiled = Self::default();
        let inventories = &known.inventories;
        for each in desired {
            let unread = |kind: &str, at: &ResourceId| {
                inventories.iter().any(|(each, known)| each.name() == kind && known.gap(at).is_some())
            };
            match each.principal_hole() {
                _ if each.open.is_some() => _ = veiled.kinds.insert(each.kind.name()),
                Some(hole) if unread(hole.kind, &hole.holder) => _ = veiled.kinds.insert(each.kind.name()),
                Some(hole) if is_there(hole, desired, known) => {
                    veiled.unseen.push((each.kind.name(), each.scope.clone(), each.declared.clone()));
                }
                // Nothing live can belong to an identity that Azure has yet to create.
                Some(_) | None => {}
            }
        }
        veiled
    }

    pub(super) fn hides(&self, live: &Live) -> Option<Veil> {
        let kind = live.kind.name();
        if self.kinds.contains(kind) {
            return Some(Veil::Open);
        }
        let may_be = |(name, scope, declared): &&(&str, ResourceId, Map<String, Value>)| {
            *name == kind
                && *scope == live.scope
                && live.kind.granting().is_none_or(|grant| grant.may_be(declared, &live.body))
        };
        self.unseen.iter().find(may_be).map(|_| Veil::Unseen)
    }
}

/// Whether the identity for a hole may already exist: its resource shows that it has one, or is restored with its old one.
fn is_there(hole: &Hole, desired: &[Desired], known: &Known<'_>) -> bool {
    let holders = known.inventories.iter().find(|(kind, _)| kind.name() == hole.kind);
    let is_restored = |each: &Desired| {
        let restores = |loaded: &Loaded| {
            loaded.spec.stack == each.stack && loaded.spec.on_soft_deleted == OnSoftDeleted::Restore
        };
        known.stacks.iter().any(restores) && each.remains(known.snapshot).is_some()
    };
    match holders.and_then(|(_, holders)| holders.items.get(&hole.key)) {
        Some(holder) => has_own_identity(&holder.body),
        None => desired.iter().any(|each| each.id.contains(&hole.holder) && is_restored(each)),
    }
}

/// A declared resource with an unresolved name.
pub(super) fn unresolved(desired: Desired, open: Open, findings: &mut Vec<Finding>) -> Change {
    match open {
        Open::Unknown(finding) => {
            let refusal = Refusal { message: finding.message.clone(), hint: finding.hint.clone() };
            findings.push(*finding);
            Change::Unknown { desired, refusal }
        }
        Open::Refused(finding) => {
            let why = finding.message.clone();
            findings.push(*finding);
            Change::Refused { desired, found: LiveMatch::Unclear, fields: Vec::new(), why }
        }
    }
}

/// Two names that turned out to be the same.
pub(super) fn double(desired: Desired, first: Span, findings: &mut Vec<Finding>) -> Change {
    let why = format!("{} is declared twice, under two names", desired.title);
    findings.push(
        Finding::error(Code::Duplicate, why.clone())
            .at(desired.span)
            .related(first, "first declared here")
            .hint("remove one of the two"),
    );
    Change::Refused { desired, found: LiveMatch::Unclear, fields: Vec::new(), why }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::Key;
    use crate::kinds::desired::samples::{GROUP, account, declared, live};
    use crate::kinds::{self, Gap, Inventory, KINDS, Kind};
    use crate::snapshot::Snapshot;

    fn among<'a>(snapshot: &'a Snapshot, inventories: &'a [(&'static dyn Kind, Inventory)]) -> Known<'a> {
        let inventories = inventories.iter().map(|(kind, inventory)| (*kind, inventory)).collect();
        Known { stacks: &[], snapshot, inventories }
    }

    #[test]
    fn a_grant_to_an_identity_that_is_not_known_hides_those_that_it_could_be() {
        let group = ResourceId::parse(GROUP).unwrap();
        let elsewhere = ResourceId::parse(&format!("{GROUP}-other")).unwrap();
        let front = account("front");
        let mut desired = declared("roleAssignments", &group.provider("x/y", "z"), &group);
        let key = Key::new("accounts", &[front.as_str()]);
        desired.holes = vec![Hole::of_principal(front.clone(), "accounts", key)];
        let role = "/providers/Microsoft.Authorization/roleDefinitions/00000000-0000-4000-8000-000000000001";
        desired.declared.insert("roleDefinitionId".to_owned(), json!(role));
        let refusal = Refusal { message: "no".to_owned(), hint: None };
        let gap = |scope: &ResourceId| Gap { scope: scope.clone(), refusal: refusal.clone() };
        let body = |identity: &str| json!({"id": front.as_str(), "identity": {"type": identity}});
        let holders = |identity: &str| {
            let front = live("accounts", &front, &group, body(identity));
            let items = [(front.key.clone(), front)].into_iter().collect();
            vec![(kinds::by_name("accounts").unwrap(), Inventory { items, ..Inventory::default() })]
        };
        // A new identity has no role yet; an existing one that is not shown may have the declared one.
        let snapshot = Snapshot::default();
        let shown = |holders: Vec<(&'static dyn Kind, Inventory)>, role: &str, kind: &str| {
            let veiled = Veiled::of(std::slice::from_ref(&desired), &among(&snapshot, &holders));
            let body = json!({"properties": {"roleDefinitionId": role, "principalType": kind}});
            veiled.hides(&live("roleAssignments", &group, &group, body))
        };
        let other = role.replace("0001", "0002");
        for (identity, role, kind, hidden) in [
            (Vec::new(), role, "ServicePrincipal", false),
            (holders("None"), role, "ServicePrincipal", false),
            (holders("SystemAssigned, UserAssigned"), role, "ServicePrincipal", true),
            (holders("SystemAssigned"), role, "", true),
            (holders("SystemAssigned"), role, "User", false),
            (holders("SystemAssigned"), role, "group", false),
            (holders("SystemAssigned"), &other, "ServicePrincipal", false),
        ] {
            let words = format!("{identity:?} {role} {kind}");
            assert_eq!(shown(identity, role, kind), hidden.then_some(Veil::Unseen), "{words}");
        }
        // Which list was not read, and where; then what is hidden: at that scope, at another, of another kind.
        for (unread, hidden) in [
            (vec![], [false, false, false]),
            (vec![("accounts", &group)], [true, true, false]),
            (vec![("accounts", &elsewhere)], [false, false, false]),
            (vec![("roleAssignments", &group)], [false, false, false]),
        ] {
            let inventories: Vec<(&'static dyn Kind, Inventory)> = KINDS
                .iter()
                .map(|kind| {
                    let of_it = unread.iter().filter(|(name, _)| *name == kind.name());
                    let gaps = of_it.map(|(_, scope)| gap(scope)).collect();
                    (*kind, Inventory { gaps, ..Inventory::default() })
                })
                .collect();
            let veiled = Veiled::of(std::slice::from_ref(&desired), &among(&snapshot, &inventories));
            let hides =
                |kind, scope: &ResourceId| veiled.hides(&live(kind, scope, scope, Value::Null)).is_some();
            let found = [
                hides("roleAssignments", &group),
                hides("roleAssignments", &elsewhere),
                hides("accounts", &group),
            ];
            assert_eq!(found, hidden, "{unread:?}");
        }
        desired.holes.clear();
        let known = Veiled::of(&[desired], &among(&snapshot, &[]));
        assert_eq!(known.hides(&live("roleAssignments", &group, &group, Value::Null)), None);
    }
}
