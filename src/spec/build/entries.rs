//! The entries of a mapping while it is built: the pending key, the keys seen, and what `<<` merges.
//!
//! Input: finished keys and values in turn. Output: the mapping's entries, or a finding for an invalid key. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::tree::{Children, Node, Place};
use super::{Built, KeyRole};
use crate::finding::{Code, Finding};
use crate::text::names::short;
use crate::text::source::FileId;

/// The entries of a mapping so far.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) map: Map<String, Value>,
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) key: EntryKey,
    /// Where `<<` is, and what it merges.
    pub(super) merge: Option<Place>,
    pub(super) merged: Vec<Built>,
    /// Whether a list or mapping stands where a key should be, as in `{{ name }}`.
    pub(super) has_collection_key: bool,
}

/// The key before the next value.
#[derive(Default)]
pub(super) enum EntryKey {
    #[default]
    Awaited,
    Text(String, Place),
    Merge(Place),
    /// An invalid key; its value is read and dropped.
    Refused,
}

impl Entries {
    /// Takes a value as the next key; returns a finding if it cannot be one.
    pub(super) fn take_key(&mut self, built: &Built, file: FileId) -> Option<(Finding, Place)> {
        let place = built.node.value;
        let twice = |key: &str, first: Place| {
            let first = first.of(file);
            let message = format!("`{}` is set twice", short(key));
            Finding::error(Code::DuplicateKey, message)
                .related(first, "first set here")
                .hint("remove one of the two")
        };
        let (key, finding) = match (&built.value, built.role) {
            (_, KeyRole::Unreadable) => (EntryKey::Refused, None),
            (_, KeyRole::Merge) => {
                if let Some(first) = self.merge {
                    (EntryKey::Refused, Some(twice("<<", first)))
                } else {
                    self.merge = Some(place);
                    (EntryKey::Merge(place), None)
                }
            }
            (Value::String(text), _) => match self.nodes.get(text.as_str()) {
                Some(first) => (EntryKey::Refused, Some(twice(text, first.key.unwrap_or(first.value)))),
                None => (EntryKey::Text(text.clone(), place), None),
            },
            (_, KeyRole::Collection) => {
                self.has_collection_key = true;
                let finding = Finding::error(Code::YamlSyntax, "a list or mapping cannot be a key");
                (EntryKey::Refused, Some(finding.hint("quote a value that starts with `{` or `[`")))
            }
            _ => {
                let raw = built.node.raw.as_deref().unwrap_or_default();
                let message = match built.value {
                    Value::Null => "a key is missing here".to_owned(),
                    _ => format!("the key `{}` is not text", short(raw)),
                };
                (
                    EntryKey::Refused,
                    Some(Finding::error(Code::YamlSyntax, message).hint("put the key in quotes")),
                )
            }
        };
        self.key = key;
        finding.map(|finding| (finding, place))
    }

    /// Takes the value of `<<`: a mapping or a list of mappings.
    pub(super) fn take_merged(&mut self, built: Built, place: Place) -> Option<(Finding, Place)> {
        match (built.value, built.node.children) {
            (Value::Object(map), children @ Children::Map(_)) => {
                let node = Node { children, ..built.node };
                self.merged.push(Built { value: Value::Object(map), node, ..built });
                None
            }
            (Value::Array(items), Children::List(nodes)) if items.iter().all(Value::is_object) => {
                // Each element counts with the depth and size of the whole list, so that nothing is counted too low.
                for (value, node) in items.into_iter().zip(nodes.into_vec()) {
                    let depth = built.depth;
                    self.merged.push(Built {
                        depth,
                        value,
                        node,
                        role: KeyRole::Collection,
                        values: 0,
                        weight: 0,
                        reported: Vec::new(),
                    });
                }
                None
            }
            _ if built.role == KeyRole::Unreadable => None,
            _ => {
                let finding =
                    Finding::error(Code::YamlSyntax, "`<<` takes an alias of a mapping, or a list of them");
                Some((finding.hint("quote the key if it is meant as `<<`"), place))
            }
        }
    }
}

/// Adds the merged entries that the mapping does not have itself; the first of several wins.
pub(super) fn merge(into: &mut Built, merged: Built) {
    let (Value::Object(map), Children::Map(nodes)) = (&mut into.value, &mut into.node.children) else {
        return;
    };
    let (Value::Object(mut values), Children::Map(places)) = (merged.value, merged.node.children) else {
        return;
    };
    let mut all = std::mem::take(nodes).into_vec();
    for (key, place) in places.into_vec() {
        if map.contains_key(&*key) {
            continue;
        }
        if let Some(value) = values.remove(&*key) {
            map.insert(key.to_string(), value);
            all.push((key, place));
        }
    }
    all.sort_by(|(first, _), (second, _)| first.cmp(second));
    *nodes = all.into();
    into.depth = into.depth.max(merged.depth);
    into.values += merged.values;
    into.weight += merged.weight;
    into.reported.extend(merged.reported);
}
