//! Deletes that wait: nobody's role goes while a declared one that may take its place cannot be made.

use std::collections::BTreeMap;

use crate::diff::{Change, missing_grants};
use crate::finding::{Code, Finding};

/// The deletes of grants at, above or below the scope of a declared grant that cannot be resolved or made, each with what to tell of it.
///
/// Which of them the missing one was to replace nobody can tell from ids: a line with a mistake in it may be the new name of the old one.
pub(super) fn deletes(changes: &[Change]) -> BTreeMap<usize, (String, Finding)> {
    let missing = missing_grants(changes);
    let held = changes.iter().enumerate().filter_map(|(index, change)| {
        let Change::Delete { live, span, title, .. } = change else { return None };
        let near = missing.iter().find(|grant| grant.scope.may_overlap(&live.scope));
        let grant = near.filter(|_| live.kind.is_grant())?;
        let why = format!("stays until {} can be made, which may be meant to replace it", grant.title);
        let finding = Finding::error(Code::Waiting, format!("{title} {why}"))
            .at(*span)
            .hint("mend the role assignment that cannot be made; then this one is revoked");
        Some((index, (why, finding)))
    });
    held.collect()
}
