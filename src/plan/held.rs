//! Deletes that wait: a role assignment is not revoked while a declared one that may replace it cannot be created, and nothing in use is
//! deleted while anything that its stack declares is missing.

use std::collections::BTreeMap;

use crate::diff::{Change, missing, missing_grants, unfinished};
use crate::finding::{Code, Finding};
use crate::kinds::Kind;
use crate::kinds::desired::Desired;

/// Whether its absence would be noticed at once: clients call it, or it acts with its own identity.
pub(super) fn serves(kind: &dyn Kind) -> bool {
    kind.is_callable() || kind.takes_identity()
}

/// The deletes that wait, by index, with the reason; and findings about them.
///
/// Ids do not tell which one a missing resource was meant to replace: a line with a mistake in it may be the new name of the old one.
pub(super) fn deletes(changes: &[Change]) -> (BTreeMap<usize, String>, Vec<Finding>) {
    let (mut held, mut findings) = (BTreeMap::new(), Vec::new());
    let grants = missing_grants(changes);
    for (index, change) in changes.iter().enumerate() {
        let Change::Delete { live, stack, span, title } = change else { continue };
        let finding = |why: &str| Finding::error(Code::Waiting, format!("{title} {why}")).at(*span);
        let place = live.kind.applies_to(&live.id);
        let may_replace = |grant: &&&Desired| {
            grant.kind.name() == live.kind.name() && grant.kind.applies_to(&grant.id).may_overlap(&place)
        };
        if let Some(grant) = grants.iter().find(may_replace) {
            let why = format!("stays until {} can be created, which may replace it", grant.title);
            let hint = "fix the role assignment that cannot be created; then this one is revoked";
            findings.push(finding(&why).hint(hint));
            held.insert(index, why);
        }
        if serves(live.kind)
            && let Some(wanted) = first_missing(changes, stack)
        {
            let why = format!("stays until {} is as declared, which may replace it", wanted.title);
            let hint =
                "fix that first; if this must be deleted first, remove that from the spec for one `apply`";
            findings.push(finding(&why).hint(hint));
            held.insert(index, why);
        }
    }
    (held, findings)
}

/// The first declared resource of a stack that the plan cannot create or that Azure has not finished, independent of order.
fn first_missing<'a>(changes: &'a [Change], stack: &str) -> Option<&'a Desired> {
    let missing = missing(changes).chain(unfinished(changes)).filter(|desired| desired.stack == stack);
    missing.min_by(|one, other| (&one.title, &one.scope).cmp(&(&other.title, &other.scope)))
}
