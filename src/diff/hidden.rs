//! Declared fields that Azure does not show of a resource that stays as it is: whether they are as declared is not known.
//!
//! Pure. Secrets, which Azure never shows, are not among them: specs say that they are never compared.

use std::collections::{BTreeMap, BTreeSet};

use super::Change;
use super::compare::{field, values};
use crate::document::dotted_path;
use crate::finding::{Code, Finding};
use crate::id::Key;
use crate::kinds::Compare;
use crate::kinds::desired::Desired;

/// The fields of a resource that could not be compared, if nothing else of it is written, which would send them too.
pub(super) fn hidden(change: &Change) -> Option<(Key, Vec<Vec<String>>)> {
    let (Change::NoOp { desired, live } | Change::Adopt { desired, live }) = change else { return None };
    if desired.kind.never_changes() {
        return None;
    }
    let shown = desired.kind.to_spec(&live.body);
    let mut fields = Vec::new();
    values(desired.kind, &desired.declared, &mut |path, _| {
        let live = path.iter().fold(&shown, |value, name| &value[name.as_str()]);
        let row = field(desired.kind, path);
        if live.is_null() && row.is_some_and(|row| row.compare == Compare::IfShown) {
            fields.push(path.to_vec());
        }
    });
    (!fields.is_empty()).then(|| (desired.key.clone(), fields))
}

/// A field of a kind that is not compared, or several below it, at its first place.
struct NotCompared<'a> {
    first: &'a Desired,
    path: &'a [String],
    names: BTreeSet<String>,
    resources: BTreeSet<&'a Key>,
}

/// One note for each field of a kind.
pub(super) fn notes(changes: &[Change], hidden: &BTreeMap<Key, Vec<Vec<String>>>) -> Vec<Finding> {
    let mut by_field: BTreeMap<(&str, &str), NotCompared<'_>> = BTreeMap::new();
    for first in changes.iter().filter_map(Change::desired) {
        for path in hidden.get(&first.key).into_iter().flatten() {
            // A path has at least the name of its field.
            let field = by_field.entry((first.kind.noun(), &path[0]));
            let new = NotCompared { first, path, names: BTreeSet::new(), resources: BTreeSet::new() };
            let field = field.or_insert(new);
            field.names.insert(format!("`{}`", dotted_path(path)));
            field.resources.insert(&first.key);
        }
    }
    by_field.values().map(note).collect()
}

fn note(field: &NotCompared<'_>) -> Finding {
    let NotCompared { first, path, names, resources } = field;
    let of = match resources.len() {
        1 => first.title.clone(),
        count => format!("{count} {}s", first.kind.noun()),
    };
    let (names, it) = (
        names.iter().cloned().collect::<Vec<_>>().join(", "),
        if names.len() == 1 { "it was" } else { "they were" },
    );
    let message = format!("Azure does not show {names} of {of}, so {it} not compared");
    let hint = format!(
        "if you changed it, send it with `--rotate {}`; any other change of that resource sends it too",
        first.address
    );
    Finding::note(Code::NotCompared, message).at(first.span_of(path).unwrap_or(first.span)).hint(hint)
}
