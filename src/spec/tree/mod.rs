//! Parses the text of a file into a tree with positions.
//!
//! Input: a loaded file. Output: the JSON value of its YAML, a position for every key and value, and every problem found. Pure; only
//! recursive once the depth is known to be small, so that no input overflows the stack. What the tree should contain is not known here: see
//! `structure`.
//!
//! Uses the events of `granit-parser` directly instead of serde, which would stop at the first problem and lose how a scalar was
//! written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::build::Builder;
use super::conflict;
use crate::finding::Finding;
use crate::text::json::{escape, unescape};
use crate::text::source::{FileId, Sources, Span};

/// The maximum nesting of lists and mappings in a spec.
pub const MAX_DEPTH: usize = 64;

/// A file as a tree with positions.
#[derive(Debug, Clone)]
pub struct YamlDocument {
    /// The file it was read from.
    pub file: FileId,
    /// The document as JSON.
    pub tree: Value,
    /// The positions of `tree`, node by node.
    pub(super) places: Node,
    /// Pointers to values that already have a finding; they are stand-ins that must not be judged again.
    pub(super) reported: BTreeSet<String>,
    /// Pointers to values that were a single reference.
    pub(super) substituted: BTreeMap<String, Substituted>,
    /// How many references to values of resources there are, by the pointer to the text.
    pub(super) late: BTreeMap<String, usize>,
    /// The names of the variables that it refers to.
    pub(super) used: BTreeSet<String>,
}

/// A value that was a single reference.
#[derive(Debug, Clone)]
pub(super) struct Substituted {
    /// The variable's name.
    pub(super) name: String,
    /// Its value as written.
    pub(super) text: String,
    /// Whether it comes from outside of YAML, where everything is text: a field that takes text gets the text instead of a number.
    pub(super) argument: bool,
    /// Where a list or a mapping is written, so that what is wrong inside is reported there.
    pub(super) origin: Option<Arc<ValueSource>>,
}

/// Where a value from elsewhere is written.
#[derive(Debug, Clone)]
pub(super) struct ValueSource {
    pub(super) file: FileId,
    pub(super) node: Node,
}

/// A range of bytes in the document's file. There are several for each value, and no file is larger than 64 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    start: u32,
    end: u32,
}

impl Place {
    pub(super) fn new(start: usize, end: usize) -> Self {
        let offset = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { start: offset(start), end: offset(end) }
    }

    pub(super) fn start(self) -> usize {
        self.start as usize
    }

    pub(super) fn end(self) -> usize {
        self.end as usize
    }

    /// As a span of a file.
    pub(super) fn of(self, file: FileId) -> Span {
        Span { file, start: self.start(), end: self.end() }
    }
}

/// The positions of a value and its children.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) key: Option<Place>,
    pub(super) value: Place,
    /// The characters of an unquoted scalar that is not text: the number no longer shows `1.10`.
    pub(super) raw: Option<Arc<str>>,
    pub(super) children: Children,
}

/// The children of a value.
#[derive(Debug, Clone, Default)]
pub(super) enum Children {
    #[default]
    None,
    /// Sorted by name. A `BTreeMap` would allocate space for eleven entries even for one.
    Map(Box<[(Box<str>, Node)]>),
    List(Box<[Node]>),
}

/// Parses a file: the document, if possible, and every problem found.
///
/// Problems that do not hide the rest (a duplicate key, a number that JSON cannot represent) still return a document, so that all problems
/// of a file are reported at once.
#[must_use]
pub fn parse(file: FileId, sources: &Sources) -> (Option<YamlDocument>, Vec<Finding>) {
    let text = &sources.file(file).text;
    let (document, findings) = Builder::new(file, text).build();
    // What a conflict breaks in the rest of the file needs no separate fix.
    let conflicts = if findings.is_empty() { Vec::new() } else { conflict::findings(file, text) };
    if conflicts.is_empty() { (document, findings) } else { (None, conflicts) }
}

impl YamlDocument {
    /// Whether it refers to variables: what it says may then differ between environments.
    pub(crate) fn refers_to_variables(&self) -> bool {
        !self.used.is_empty()
    }

    /// The position of the value at a JSON pointer, or of its nearest ancestor.
    #[must_use]
    pub fn value_span(&self, pointer: &str) -> Span {
        let (node, _, file) = self.nearest(pointer);
        span(file, node.value)
    }

    /// The position of the key of the value at a JSON pointer; for a list element, the element.
    #[must_use]
    pub fn key_span(&self, pointer: &str) -> Span {
        let (node, _, file) = self.nearest(pointer);
        span(file, node.key.unwrap_or(node.value))
    }

    /// The position for a finding about the value at a JSON pointer: the value, or its key if the value is empty or a block.
    #[must_use]
    pub fn span_of(&self, pointer: &str) -> Span {
        let (node, exact, file) = self.nearest(pointer);
        let inline = node.value.end() > node.value.start() && matches!(node.children, Children::None);
        match node.key {
            Some(key) if !inline || !exact => span(file, key),
            _ => span(file, node.value),
        }
    }

    /// The characters of an unquoted scalar that is not text, as written.
    #[must_use]
    pub fn raw(&self, pointer: &str) -> Option<&str> {
        match self.nearest(pointer) {
            (node, true, _) => node.raw.as_deref(),
            _ => None,
        }
    }

    /// The JSON pointer to the innermost value, or key, at a position.
    #[must_use]
    pub fn pointer_at(&self, span: Span) -> Option<String> {
        fn find(node: &Node, place: Place, pointer: &str) -> Option<String> {
            let at = |token: &str, child: &Node| find(child, place, &format!("{pointer}/{}", escape(token)));
            let inner = match &node.children {
                Children::None => None,
                Children::Map(children) => children.iter().find_map(|(name, child)| at(name, child)),
                Children::List(children) => {
                    children.iter().enumerate().find_map(|(index, child)| at(&index.to_string(), child))
                }
            };
            inner.or_else(|| (node.value == place || node.key == Some(place)).then(|| pointer.to_owned()))
        }
        find(&self.places, Place::new(span.start, span.end), "")
    }

    /// The node at a pointer, true, and its file; or its nearest existing ancestor and false. What is inside of a variable's value is where
    /// the variable is set.
    fn nearest(&self, pointer: &str) -> (&Node, bool, FileId) {
        let mut node = &self.places;
        let mut file = self.file;
        let mut length = 0;
        for token in pointer.split('/').skip(1) {
            let here = self.substituted.get(&pointer[..length]);
            if let Some(origin) = here.and_then(|substituted| substituted.origin.as_ref()) {
                (node, file) = (&origin.node, origin.file);
            }
            length += 1 + token.len();
            let child = match &node.children {
                Children::None => None,
                Children::Map(children) => {
                    let token = unescape(token);
                    let found = children.binary_search_by(|(name, _)| (**name).cmp(&*token));
                    found.ok().map(|index| &children[index].1)
                }
                Children::List(children) => token.parse::<usize>().ok().and_then(|index| children.get(index)),
            };
            match child {
                Some(child) => node = child,
                None => return (node, false, file),
            }
        }
        (node, true, file)
    }

    /// Where the value at a pointer is written.
    pub(super) fn origin(&self, pointer: &str) -> ValueSource {
        let (node, _, file) = self.nearest(pointer);
        ValueSource { file, node: node.clone() }
    }
}

fn span(file: FileId, place: Place) -> Span {
    place.of(file)
}

#[cfg(test)]
mod tests;
