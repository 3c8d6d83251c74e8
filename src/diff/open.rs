//! Declared things of which it is not known what they are, or that turned out to be the same: never written, never "no changes".
//!
//! Pure.

use std::collections::BTreeSet;

use super::Change;
use crate::finding::{Code, Finding, Open};
use crate::id::ResourceId;
use crate::kinds::desired::Desired;
use crate::kinds::{Inventory, Kind, Live};
use crate::snapshot::Refusal;
use crate::source::Span;

/// Where something is declared that could be any of the live ones: none of them is deleted.
#[derive(Debug, Default)]
pub(super) struct Veiled {
    kinds: BTreeSet<&'static str>,
    scopes: BTreeSet<(&'static str, ResourceId)>,
}

impl Veiled {
    pub(super) fn of(desired: &[Desired], inventories: &[(&'static dyn Kind, Inventory)]) -> Self {
        let mut veiled = Self::default();
        for each in desired {
            let unread = |kind: &str, at: &ResourceId| {
                inventories.iter().any(|(each, known)| each.name() == kind && known.gap(at).is_some())
            };
            match &each.hole {
                _ if each.open.is_some() => _ = veiled.kinds.insert(each.kind.name()),
                Some(hole) if unread(hole.kind, &hole.holder) => _ = veiled.kinds.insert(each.kind.name()),
                // A holder that is restored may get the identity back that it had.
                Some(_) => _ = veiled.scopes.insert((each.kind.name(), each.scope.clone())),
                None => {}
            }
        }
        veiled
    }

    pub(super) fn hides(&self, live: &Live) -> bool {
        let kind = live.kind.name();
        self.kinds.contains(kind) || self.scopes.contains(&(kind, live.scope.clone()))
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
