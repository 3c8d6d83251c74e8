//! Deletes that wait for what is declared: nobody's role goes while a declared one that may take its place cannot be made, and nothing that
//! people or programs work with goes while anything that its stack declares is missing.

use std::collections::BTreeMap;

use crate::diff::{Change, missing, missing_grants, unfinished};
use crate::finding::{Code, Finding};
use crate::kinds::Kind;
use crate::kinds::desired::Desired;

/// Whether it would be missed at once: clients call it, or it works in its own name.
pub(super) fn serves(kind: &dyn Kind) -> bool {
    kind.is_callable() || kind.takes_identity()
}

/// The deletes that wait, by index, each with why; and what there is to tell of them.
///
/// Which of them the missing one was to replace nobody can tell from ids: a line with a mistake in it may be the new name of the old one.
pub(super) fn deletes(changes: &[Change]) -> (BTreeMap<usize, String>, Vec<Finding>) {
    let (mut held, mut findings) = (BTreeMap::new(), Vec::new());
    let grants = missing_grants(changes);
    for (index, change) in changes.iter().enumerate() {
        let Change::Delete { live, stack, span, title } = change else { continue };
        let finding = |why: &str| Finding::error(Code::Waiting, format!("{title} {why}")).at(*span);
        if live.kind.is_grant()
            && let Some(grant) = grants.iter().find(|grant| grant.scope.may_overlap(&live.scope))
        {
            let why = format!("stays until {} can be made, which may be meant to replace it", grant.title);
            let hint = "mend the role assignment that cannot be made; then this one is revoked";
            findings.push(finding(&why).hint(hint));
            held.insert(index, why);
        }
        if serves(live.kind)
            && let Some(wanted) = first_missing(changes, stack)
        {
            let why =
                format!("stays until {} is as declared, which may be meant to take its place", wanted.title);
            let hint =
                "mend that first; if this has to make room for it, take it out of the spec for one `apply`";
            findings.push(finding(&why).hint(hint));
            held.insert(index, why);
        }
    }
    (held, findings)
}

/// What a stack declares and the plan cannot bring about, or Azure has not finished, always the same one of several.
fn first_missing<'a>(changes: &'a [Change], stack: &str) -> Option<&'a Desired> {
    let missing = missing(changes).chain(unfinished(changes)).filter(|desired| desired.stack == stack);
    missing.min_by(|one, other| (&one.title, &one.scope).cmp(&(&other.title, &other.scope)))
}
