//! Deletes of what declared things stand on: one line of a run says that an account or a project goes, another that something is in it.
//!
//! Azure deletes what is in them with them, role assignments too, so that such a line would count as done and be missing directly after.

use std::collections::BTreeMap;

use crate::diff::Change;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::desired::Desired;

/// The deletes that take with them what some stack of the run declares, by index, each with why; and what to tell at those declarations.
pub(super) fn deletes(changes: &[Change]) -> (BTreeMap<usize, String>, Vec<Finding>) {
    let mut gone: BTreeMap<&ResourceId, (usize, &String, &String)> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        if let Change::Delete { live, stack, title, .. } = change
            && !live.kind.is_grant()
        {
            gone.insert(&live.id, (index, stack, title));
        }
    }
    let (mut kept, mut findings) = (BTreeMap::new(), Vec::new());
    if gone.is_empty() {
        return (kept, findings);
    }
    for desired in changes.iter().filter_map(Change::desired) {
        // The outermost one: keeping only what stands in it would not keep it.
        let Some((id, (index, stack, title))) =
            around(desired).filter_map(|id| gone.get_key_value(&id).map(|(id, of)| (*id, *of))).last()
        else {
            continue;
        };
        let place = if desired.scope == *id { "on" } else { "in" };
        let message = format!(
            "{} is declared {place} {title}, which this plan deletes: stack `{stack}` no longer declares it",
            desired.title
        );
        let hint = format!("drop this line, or keep {title} in the spec of stack `{stack}`");
        findings.push(Finding::error(Code::StillDeclared, message).at(desired.span).hint(hint));
        kept.entry(index).or_insert_with(|| format!("stays while {} is declared {place} it", desired.title));
    }
    (kept, findings)
}

/// What a declared thing stands on or in, from the inside out.
fn around(desired: &Desired) -> impl Iterator<Item = ResourceId> {
    let nearest = if desired.kind.is_grant() { Some(desired.scope.clone()) } else { desired.scope.parent() };
    std::iter::successors(nearest, ResourceId::parent)
}
