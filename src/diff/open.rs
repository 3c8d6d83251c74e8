//! Declared things of which it is not known what they are, or that turned out to be the same: never written, never "no changes".
//!
//! Pure.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Change;
use crate::finding::{Code, Finding, Open};
use crate::id::ResourceId;
use crate::kinds::desired::{Desired, Hole};
use crate::kinds::{Inventory, Kind, Live};
use crate::snapshot::{Refusal, Snapshot};
use crate::source::Span;

/// Where something is declared that could be one of the live ones: what it may be is not deleted.
#[derive(Debug, Default)]
pub(super) struct Veiled {
    /// Kinds of which nothing is known to be undeclared.
    kinds: BTreeSet<&'static str>,
    /// What is declared for identities that Azure has and does not show.
    unseen: Vec<(&'static str, ResourceId, Map<String, Value>)>,
}

/// Why something live is not deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Veil {
    /// Somebody is declared whom nobody could make out, which is an error by itself.
    Open,
    /// It may be for an identity that is declared and not shown.
    Unseen,
}

impl Veiled {
    pub(super) fn of(
        desired: &[Desired],
        inventories: &[(&'static dyn Kind, Inventory)],
        snapshot: &Snapshot,
    ) -> Self {
        let mut veiled = Self::default();
        for each in desired {
            let unread = |kind: &str, at: &ResourceId| {
                inventories.iter().any(|(each, known)| each.name() == kind && known.gap(at).is_some())
            };
            match &each.hole {
                _ if each.open.is_some() => _ = veiled.kinds.insert(each.kind.name()),
                Some(hole) if unread(hole.kind, &hole.holder) => _ = veiled.kinds.insert(each.kind.name()),
                Some(hole) if is_there(hole, desired, inventories, snapshot) => {
                    veiled.unseen.push((each.kind.name(), each.scope.clone(), each.declared.clone()));
                }
                // Nothing live can be for an identity that Azure has yet to make.
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
            *name == kind && *scope == live.scope && live.kind.may_be(declared, &live.body)
        };
        self.unseen.iter().find(may_be).map(|_| Veil::Unseen)
    }
}

/// Whether Azure may have the identity already that a hole stands for: what holds it shows that it has one, or is restored and gets back
/// the one that it had.
fn is_there(
    hole: &Hole,
    desired: &[Desired],
    inventories: &[(&'static dyn Kind, Inventory)],
    snapshot: &Snapshot,
) -> bool {
    let known = inventories.iter().find(|(kind, _)| kind.name() == hole.kind);
    match known.and_then(|(_, known)| known.items.get(&hole.key)) {
        Some(holder) => {
            let identity = holder.body["identity"]["type"].as_str().unwrap_or_default();
            identity.to_ascii_lowercase().contains("systemassigned")
        }
        None => desired
            .iter()
            .any(|each| each.id.contains(&hole.holder) && each.kind.remains(each, snapshot).is_some()),
    }
}

/// A declared resource that names something which could not be made out.
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
            Change::Refused { desired, fields: Vec::new(), why }
        }
    }
}

/// Two names that turned out to mean the same.
pub(super) fn double(desired: Desired, first: Span, findings: &mut Vec<Finding>) -> Change {
    let why = format!("{} is declared twice, under two names", desired.title);
    findings.push(
        Finding::error(Code::Duplicate, why.clone())
            .at(desired.span)
            .related(first, "first declared here")
            .hint("remove one of the two"),
    );
    Change::Refused { desired, fields: Vec::new(), why }
}
