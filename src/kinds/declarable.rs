//! Which fields a kind's resources have and which values they accept: what a change read from a file may write.
//!
//! Pure. Derived from the spec's own types.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::{KINDS, Kind};
use crate::document::dotted_path;
use crate::spec::secrets::takes_reference_only;
use crate::spec::structure::Fields;
use crate::spec::variables::secret_name;
use crate::text::json::escape;

static FIELDS: LazyLock<Vec<(&'static str, Fields)>> =
    LazyLock::new(|| KINDS.iter().map(|kind| (kind.name(), kind.declarable())).collect());

/// Why a patch in spec shape could not come from a spec, if so: an unknown or misspelled field, or a value that the field does not accept.
#[must_use]
pub(crate) fn undeclarable(kind: &dyn Kind, patch: &Map<String, Value>) -> Option<String> {
    let (_, fields) = FIELDS.iter().find(|(name, _)| *name == kind.name())?;
    if let Some(misfit) = fields.misfit(patch) {
        let path = shown(&misfit.path);
        return Some(match misfit.takes {
            Some(takes) => format!("`{path}` must be {takes}"),
            None => format!("`{path}` is not a field of kind `{}`", kind.name()),
        });
    }
    members(patch, &mut Vec::new(), &|path, map| {
        let mut seen = BTreeSet::new();
        let twice = map.keys().find(|name| !seen.insert(name.to_lowercase()));
        if let Some(name) = twice {
            return Some(format!("`{}` is set twice", shown(&below(path, name))));
        }
        let plain = map.iter().find(|(name, value)| is_plain_secret(&below(path, name), value));
        if let Some((name, _)) = plain {
            let path = shown(&below(path, name));
            return Some(format!(
                "`{path}` contains a secret as plain text; only `${{secret.NAME}}` is allowed"
            ));
        }
        let nulls = map.iter().filter(|(_, value)| value.is_null()).map(|(name, _)| below(path, name));
        let kept = nulls.into_iter().find(|path| !kind.clears(path));
        kept.map(|path| format!("`{}` cannot be cleared", shown(&path)))
    })
}

/// Whether it contains a secret where a spec may only name one.
fn is_plain_secret(path: &[String], value: &Value) -> bool {
    let pointer = || path.iter().fold(String::new(), |pointer, name| format!("{pointer}/{}", escape(name)));
    let text = value.as_str().filter(|text| secret_name(text).is_none());
    text.is_some() && takes_reference_only(&pointer())
}

/// A check of a mapping at a path.
type MappingCheck<'a> = dyn Fn(&[String], &Map<String, Value>) -> Option<String> + 'a;

/// Checks each mapping, including nested ones.
fn members(map: &Map<String, Value>, path: &mut Vec<String>, problem: &MappingCheck<'_>) -> Option<String> {
    problem(path, map).or_else(|| {
        map.iter().find_map(|(name, value)| {
            path.push(name.clone());
            let found = value.as_object().and_then(|map| members(map, path, problem));
            path.pop();
            found
        })
    })
}

fn below(path: &[String], name: &str) -> Vec<String> {
    [path, &[name.to_owned()]].concat()
}

/// A path for messages, shortened: names come from a file and can have any length.
#[must_use]
pub(crate) fn shown(path: &[String]) -> String {
    const LONGEST: usize = 80;
    let text = dotted_path(&path[..path.len().min(LONGEST)]);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
