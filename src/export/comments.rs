//! Comments on values of an exported spec: the names of principals, and where keys are enabled. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use crate::kinds::KINDS;
use crate::principals::{self, known_names};
use crate::snapshot::{Answer, Query, Snapshot};
use crate::text::json::escape;

/// The query for the names of principals.
pub(super) fn names(tree: &Value) -> Option<Query> {
    let mut ids = BTreeSet::new();
    walk(tree, "", &mut |pointer, value| {
        ids.extend(principal(pointer, value));
    });
    (!ids.is_empty()).then(|| principals::names(&ids))
}

/// Comments by JSON pointer. If the directory cannot be read there are none about principals.
pub(super) fn comments(tree: &Value, snapshot: &Snapshot) -> BTreeMap<String, String> {
    let known = known_names(&[], snapshot);
    let answered = names(tree).is_some_and(|query| matches!(snapshot.get(&query), Some(Answer::Found(_))));
    let mut comments = BTreeMap::new();
    walk(tree, "", &mut |pointer, value| {
        if let Some(id) = principal(pointer, value) {
            match known.get(&id.to_string()) {
                Some(name) => _ = comments.insert(pointer.to_owned(), name.clone()),
                None if answered => {
                    comments.insert(pointer.to_owned(), "not known to the directory".to_owned());
                }
                None => {}
            }
        }
        let Some((list, _)) = pointer.rsplit_once('/').filter(|_| value["name"].is_string()) else { return };
        let collection = list.rsplit('/').next().unwrap_or_default();
        let mut kinds = KINDS
            .iter()
            .filter(|kind| kind.types().iter().any(|name| name.ends_with(&format!("/{collection}"))));
        if let Some((field, text)) = kinds.find_map(|kind| kind.comment(value)) {
            comments.insert(format!("{pointer}/{field}"), text.to_owned());
        }
    });
    comments
}

/// The object id of a principal.
fn principal(pointer: &str, value: &Value) -> Option<Uuid> {
    let (list, _) = pointer.rsplit_once('/')?;
    let id = value["id"].as_str().filter(|_| list.ends_with("/principals"))?;
    Uuid::try_parse(id).ok()
}

fn walk(value: &Value, pointer: &str, found: &mut impl FnMut(&str, &Value)) {
    found(pointer, value);
    match value {
        Value::Object(map) => {
            for (name, child) in map {
                walk(child, &format!("{pointer}/{}", escape(name)), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{pointer}/{index}"), found);
            }
        }
        _ => {}
    }
}
