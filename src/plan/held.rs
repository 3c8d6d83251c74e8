//! Deletes that wait: nobody's role goes while a declared one that may take its place cannot be made.

use std::collections::BTreeMap;

use crate::desired::Desired;
use crate::diff::{Change, missing_grant};
use crate::id::ResourceId;

/// The deletes of grants at, above or below the scope of a declared grant that cannot be made out or made, each with why.
///
/// Which of them the missing one was to replace nobody can tell from ids: a line with a mistake in it may be the new name of the old one.
pub(super) fn deletes(changes: &[Change]) -> BTreeMap<usize, String> {
    let mut missing: Vec<&Desired> = changes.iter().filter_map(missing_grant).collect();
    // Which one is named must not follow from the order of a spec.
    missing.sort_by(|one, other| (&one.title, &one.scope).cmp(&(&other.title, &other.scope)));
    let held = changes.iter().enumerate().filter_map(|(index, change)| {
        let Change::Delete { live, .. } = change else { return None };
        let grant =
            missing.iter().find(|grant| live.kind.is_grant() && are_near(&grant.scope, &live.scope))?;
        Some((index, format!("it goes once {} can be made", grant.title)))
    });
    held.collect()
}

/// Whether what is assigned at one scope may hold at the other: no id says what a management group holds.
fn are_near(one: &ResourceId, other: &ResourceId) -> bool {
    let above = |scope: &ResourceId| scope.subscription_id().is_none();
    one.contains(other) || other.contains(one) || above(one) || above(other)
}
