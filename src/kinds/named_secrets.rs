//! The secrets that specs name. Azure never shows which secret a live resource uses, so the specs are the only source.
//!
//! Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::NamedSecrets;
use crate::kinds::desired::Desired;
use crate::spec::variables::secret_name;

/// The secrets that each declared resource names, sorted by resource.
pub(crate) fn named_secrets<'a>(desired: impl Iterator<Item = &'a Desired>) -> Vec<NamedSecrets> {
    let of = |each: &Desired| {
        let names: BTreeSet<&str> = each.declared.values().flat_map(names_in).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        (!names.is_empty()).then(|| NamedSecrets { resource: each.id.to_string(), names })
    };
    let mut named: Vec<NamedSecrets> = desired.filter_map(of).collect();
    named.sort_by(|one, other| one.resource.cmp(&other.resource));
    named
}

/// Each `NAME` of the `${secret.NAME}` in a value.
pub(crate) fn names_in(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::String(text) => secret_name(text).into_iter().collect(),
        Value::Array(items) => items.iter().flat_map(names_in).collect(),
        Value::Object(map) => map.values().flat_map(names_in).collect(),
        _ => BTreeSet::new(),
    }
}
