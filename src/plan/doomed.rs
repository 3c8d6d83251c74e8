//! Deletes of resources that declared ones depend on: one spec drops an account or a project while another declares something on or in it.
//!
//! Azure deletes everything in such a resource, including role assignments, so the declared resource would count as done and be missing
//! right afterwards.

use std::collections::BTreeMap;

use crate::diff::Change;
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::desired::Desired;

/// The deletes that would take a declared resource of some stack with them, selected or only loaded, by index, with the reason; and findings
/// at those declarations.
pub(super) fn deletes(changes: &[Change], beside: &[Desired]) -> (BTreeMap<usize, String>, Vec<Finding>) {
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
    for desired in changes.iter().filter_map(Change::desired).chain(beside) {
        // The outermost delete: keeping only a resource inside it would not help.
        let Some((id, (index, stack, title))) =
            around(desired).filter_map(|id| gone.get_key_value(&id).map(|(id, of)| (*id, *of))).last()
        else {
            continue;
        };
        let place = if desired.kind.applies_to(&desired.id) == *id { "on" } else { "in" };
        let message = format!(
            "{} is declared {place} {title}, which this plan deletes: stack `{stack}` no longer declares it",
            desired.title
        );
        let hint = format!("remove this line, or keep {title} in the spec of stack `{stack}`");
        findings.push(Finding::error(Code::StillDeclared, message).at(desired.span).hint(hint));
        kept.entry(index).or_insert_with(|| format!("stays while {} is declared {place} it", desired.title));
    }
    (kept, findings)
}

/// What a declared resource is on or in, from the inside out.
fn around(desired: &Desired) -> impl Iterator<Item = ResourceId> {
    std::iter::successors(desired.kind.stands_on(&desired.id), ResourceId::parent)
}
