//! Builds a [`YamlDocument`] from YAML events: the implementation of `tree::parse`.
//!
//! Input: a file's text. Output: tree, positions, findings. Uses its own stack instead of recursion, and limits what it builds: depth,
//! number of values, and growth by aliases. Continues after every problem that leaves the rest readable. Pure.

mod entries;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span as YamlSpan, Tag};
use serde_json::Value;

use entries::{Entries, EntryKey, merge};

use super::scalar::{self, Scalar};
use super::tree::{Children, MAX_DEPTH, Node, Place, YamlDocument};
use crate::finding::{Code, Finding};
use crate::text::json::escape;
use crate::text::names::short;
use crate::text::source::FileId;

/// The maximum number of values in a file, with aliases expanded; a spec of 5 MB has about half a million.
const MAX_VALUES: usize = 2_000_000;
/// The maximum growth of a document through aliases.
const MAX_GROWTH: usize = 10;
/// Growth up to this weight is allowed whatever the ratio: twenty accounts may share one list of addresses.
const FREE_WEIGHT: usize = 8 << 20;
/// The weight of a value in addition to its text.
const VALUE_WEIGHT: usize = 32;

/// The number of problems after which the rest of a file is not read.
const MAX_FINDINGS: usize = 1000;

type Fits = fn(&Value) -> bool;

/// The tags of YAML's core schema for scalars other than text, and which values they fit.
const SCALAR_TAGS: &[(&str, Fits)] = &[
    ("null", Value::is_null),
    ("bool", Value::is_boolean),
    ("int", |value| value.is_i64() || value.is_u64()),
    ("float", Value::is_number),
];

/// A finished value that is about to be added to its parent.
#[derive(Clone)]
struct Built {
    value: Value,
    node: Node,
    role: KeyRole,
    /// The nesting depth of its lists and mappings.
    depth: usize,
    values: usize,
    weight: usize,
    /// Pointers, relative to this value, to values with findings.
    reported: Vec<String>,
}

/// What a value can be in the position of a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyRole {
    /// A scalar: a key if it is text.
    Scalar,
    /// `<<` without quotes.
    Merge,
    /// A list or mapping, which cannot be a key.
    Collection,
    /// A value that already has a finding.
    Unreadable,
}

enum Frame {
    List { start: usize, anchor: usize, items: Vec<Value>, nodes: Vec<Node>, size: Size },
    Map { start: usize, anchor: usize, entries: Entries, size: Size },
}

/// The size of a list or mapping so far.
#[derive(Default)]
struct Size {
    depth: usize,
    values: usize,
    weight: usize,
    end: usize,
    reported: Vec<String>,
}

pub(super) struct Builder<'t> {
    file: FileId,
    text: &'t str,
    findings: Vec<Finding>,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Built>,
    root: Option<Built>,
    documents: usize,
    /// The number of values, with aliases expanded.
    values: usize,
    /// The weight as written, and with aliases expanded.
    written: usize,
    expanded: usize,
}

/// The rest of the file cannot be read; a finding says why.
struct StopReading;

impl<'t> Builder<'t> {
    pub(super) fn new(file: FileId, text: &'t str) -> Self {
        Self {
            file,
            text,
            findings: Vec::new(),
            stack: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            documents: 0,
            values: 0,
            written: 0,
            expanded: 0,
        }
    }

    pub(super) fn build(mut self) -> (Option<YamlDocument>, Vec<Finding>) {
        let mut options = Options::default();
        options.emit_comments = false;
        options.emit_unresolved_aliases = true;
        // The parser reads ahead and counts flow and block nesting separately; `open` counts them together.
        options.flow_nesting_limit = MAX_DEPTH;
        options.block_nesting_limit = MAX_DEPTH;
        for next in Parser::new_from_str_with_options(self.text, options) {
            let step = match next {
                Ok((event, span)) => self.event(event, &span),
                Err(error) => Err(self.scan_error(&error)),
            };
            if step.is_err() {
                return (None, self.findings);
            }
            if self.findings.len() >= MAX_FINDINGS {
                let note = format!("after {MAX_FINDINGS} problems the rest of the file is not read");
                let last = self.findings.last().and_then(|finding| finding.span);
                let note = Finding::note(Code::YamlSyntax, note);
                self.findings.push(Finding { span: last, ..note });
                return (None, self.findings);
            }
        }
        match self.root.take() {
            Some(root) if !root.value.is_null() => {
                let document = YamlDocument {
                    file: self.file,
                    tree: root.value,
                    places: root.node,
                    reported: root.reported.into_iter().collect::<BTreeSet<_>>(),
                    substituted: BTreeMap::new(),
                    late: BTreeMap::new(),
                    used: BTreeSet::new(),
                };
                (Some(document), self.findings)
            }
            _ => {
                if self.findings.is_empty() {
                    let finding = Finding::error(Code::YamlSyntax, "the file is empty")
                        .hint("a spec starts with `version: 1`, `stack:` and `subscription:`");
                    self.report(finding, Place::default());
                }
                (None, self.findings)
            }
        }
    }

    fn event(&mut self, event: Event<'_>, span: &YamlSpan) -> Result<(), StopReading> {
        let place = span.byte_range().map_or(Place::default(), |range| Place::new(range.start, range.end));
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let finding = Finding::error(
                        Code::YamlSyntax,
                        "a second document starts here, but a file contains one spec",
                    )
                    .hint("put each spec into its own file");
                    self.report(finding, place);
                    return Err(StopReading);
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.count(VALUE_WEIGHT + text.len());
                let built = self.scalar(&text, style, tag.as_deref(), place);
                self.deliver(built, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "seq", place);
                let size = Size { end: place.end(), ..Size::default() };
                let frame =
                    Frame::List { start: place.start(), anchor, items: Vec::new(), nodes: Vec::new(), size };
                self.open(frame, place)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "map", place);
                let size = Size { end: place.end(), ..Size::default() };
                self.open(
                    Frame::Map { start: place.start(), anchor, entries: Entries::default(), size },
                    place,
                )
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(place),
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::UnresolvedAlias(name) => {
                let message = format!("this alias has no anchor `&{}` before it", short(&name));
                let finding = Finding::error(Code::YamlSyntax, message)
                    .hint("define the anchor before it, or quote the value if the `*` is meant literally");
                self.report(finding, place);
                self.deliver(unreadable(place), 0)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, frame: Frame, place: Place) -> Result<(), StopReading> {
        self.count(VALUE_WEIGHT);
        if self.stack.len() >= MAX_DEPTH {
            return Err(self.too_deep(place));
        }
        self.stack.push(frame);
        Ok(())
    }

    fn close(&mut self, end: Place) -> Result<(), StopReading> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let (built, anchor) = match frame {
            Frame::List { start, anchor, mut items, nodes, size } => {
                // Most lists are short, and there are many.
                items.shrink_to_fit();
                (collection(Value::Array(items), Children::List(nodes.into()), start, end, size), anchor)
            }
            Frame::Map { start, anchor, entries, size } => {
                let Entries { map, nodes, merged, has_collection_key, .. } = entries;
                let is_lost = has_collection_key && map.is_empty();
                let mut built = collection(
                    Value::Object(map),
                    Children::Map(nodes.into_iter().map(|(name, node)| (name.into(), node)).collect()),
                    start,
                    end,
                    size,
                );
                for merged in merged {
                    merge(&mut built, merged);
                }
                // One mistake is one finding: the value was not meant as a mapping.
                (if is_lost { unreadable(built.node.value) } else { built }, anchor)
            }
        };
        self.deliver(built, anchor)
    }

    /// Adds a finished value to its place: as root, element, key or value.
    fn deliver(&mut self, built: Built, anchor: usize) -> Result<(), StopReading> {
        if anchor != 0 {
            // The copy kept for aliases counts too: nested anchors multiply.
            self.grow(&built);
            self.anchors.insert(anchor, built.clone());
        }
        self.check_size(built.node.value)?;
        let problem = match self.stack.last_mut() {
            None => {
                self.root = Some(built);
                None
            }
            Some(Frame::List { items, nodes, size, .. }) => {
                size.add(&built, &items.len().to_string());
                items.push(built.value);
                nodes.push(built.node);
                None
            }
            Some(Frame::Map { entries, size, .. }) => {
                size.end = size.end.max(built.node.value.end());
                match std::mem::take(&mut entries.key) {
                    EntryKey::Awaited => entries.take_key(&built, self.file),
                    EntryKey::Text(key, place) => {
                        size.add(&built, &escape(&key));
                        entries.map.insert(key.clone(), built.value);
                        entries.nodes.insert(key, Node { key: Some(place), ..built.node });
                        None
                    }
                    EntryKey::Merge(place) => entries.take_merged(built, place),
                    EntryKey::Refused => None,
                }
            }
        };
        if let Some((finding, place)) = problem {
            self.report(finding, place);
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), StopReading> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            self.report(
                Finding::error(Code::YamlSyntax, "this alias is inside the value that it refers to"),
                place,
            );
            return self.deliver(unreadable(place), 0);
        };
        // Checked before copying.
        let (values, weight, depth) = (anchored.values, anchored.weight, anchored.depth);
        self.values += values;
        self.expanded += weight;
        self.check_size(place)?;
        if self.stack.len() + depth > MAX_DEPTH {
            return Err(self.too_deep(place));
        }
        let Some(mut built) = self.anchors.get(&anchor).cloned() else { return Ok(()) };
        built.node.value = place;
        self.deliver(built, 0)
    }

    /// Counts a value as written.
    fn count(&mut self, weight: usize) {
        self.values += 1;
        self.written += weight;
        self.expanded += weight;
    }

    fn grow(&mut self, by: &Built) {
        self.values += by.values;
        self.expanded += by.weight;
    }

    fn check_size(&mut self, place: Place) -> Result<(), StopReading> {
        let (message, hint) = if self.expanded > FREE_WEIGHT && self.expanded / MAX_GROWTH > self.written {
            let message =
                format!("aliases make the document more than {MAX_GROWTH} times as large as the file");
            (message, "write the values out, or share fewer of them")
        } else if self.values > MAX_VALUES {
            (format!("the file contains more than {MAX_VALUES} values"), "split it into several specs")
        } else {
            return Ok(());
        };
        self.report(Finding::error(Code::TooLarge, message).hint(hint), place);
        Err(StopReading)
    }

    fn too_deep(&mut self, place: Place) -> StopReading {
        let message = format!("lists and mappings are nested deeper than {MAX_DEPTH} levels");
        self.report(Finding::error(Code::TooLarge, message).hint("a spec needs about eight"), place);
        StopReading
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Built {
        let plain = style == ScalarStyle::Plain;
        let mut built = Built {
            value: Value::String(text.to_owned()),
            node: Node { value: place, ..Node::default() },
            role: if plain && tag.is_none() && text == "<<" { KeyRole::Merge } else { KeyRole::Scalar },
            depth: 0,
            values: 1,
            weight: VALUE_WEIGHT + text.len(),
            reported: Vec::new(),
        };
        let is_text = tag.map_or(!plain, |tag| tag.is_yaml_core_schema_tag("str"));
        if is_text {
            return built;
        }
        let problem = match (scalar::read(text), tag) {
            (_, Some(tag)) if !SCALAR_TAGS.iter().any(|(name, _)| tag.is_yaml_core_schema_tag(name)) => {
                Some(foreign_tag(tag))
            }
            (Scalar::Value(value), Some(tag))
                if !SCALAR_TAGS
                    .iter()
                    .any(|(name, fits)| tag.is_yaml_core_schema_tag(name) && fits(&value)) =>
            {
                let message = format!("`{}` does not match its tag", short(text));
                Some(Finding::error(Code::YamlSyntax, message).hint("remove the tag"))
            }
            (Scalar::Value(value), _) => {
                if !value.is_string() {
                    // The parser gives `~` where nothing is written.
                    let written = if place.end() > place.start() { text } else { "" };
                    built.node.raw = Some(written.into());
                }
                built.value = value;
                None
            }
            (Scalar::TooBig, _) => {
                let message = format!("`{}` is a number beyond 64 bits", short(text));
                Some(Finding::error(Code::InvalidValue, message).hint("quote it if it is meant as text"))
            }
            (Scalar::NotFinite, _) => {
                let message = format!("`{}` is not a finite number", short(text));
                Some(Finding::error(Code::InvalidValue, message).hint("quote it if it is meant as text"))
            }
        };
        if let Some(finding) = problem {
            self.report(finding, place);
            return unreadable(place);
        }
        built
    }

    fn check_collection_tag(&mut self, tag: Option<&Tag>, own: &str, place: Place) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema_tag(own)) {
            self.report(foreign_tag(tag), place);
        }
    }

    fn scan_error(&mut self, error: &ScanError) -> StopReading {
        let start = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
        let place = Place::new(start, start);
        if *error.kind() == ErrorKind::RecursionLimitExceeded {
            return self.too_deep(place);
        }
        if let Some(place) = self.tab_after(start) {
            let finding = Finding::error(Code::YamlSyntax, "not well-formed YAML: a tab indents this line");
            self.report(finding.hint("indent with spaces"), place);
            return StopReading;
        }
        let finding = Finding::error(Code::YamlSyntax, format!("not well-formed YAML: {}", error.kind()));
        let hint = match error.kind() {
            ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation | ErrorKind::TabNotAllowed => {
                "indent with spaces"
            }
            ErrorKind::UndeclaredTagHandle => "quote a value that starts with `!`",
            ErrorKind::UnexpectedCharacter { .. } => "quote a value that starts with this character",
            ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
                "quote a value that contains `: `, and check the indentation"
            }
            _ => "check the indentation, and that all quotes and brackets before this are closed",
        };
        self.report(finding.hint(hint), place);
        StopReading
    }

    /// The tab in the indentation of a scan error's line or the next one: some errors are reported where the previous value ends.
    fn tab_after(&self, error: usize) -> Option<Place> {
        let line = self.text.get(..error)?.rfind('\n').map_or(0, |end| end + 1);
        let mut start = line;
        for text in self.text.get(line..)?.split_inclusive('\n').take(2) {
            let indent = text.len() - text.trim_start_matches([' ', '\t']).len();
            if let Some(tab) = text[..indent].find('\t') {
                return Some(Place::new(start + tab, start + tab + 1));
            }
            start += text.len();
        }
        None
    }

    fn report(&mut self, finding: Finding, place: Place) {
        self.findings.push(finding.at(place.of(self.file)));
    }
}

impl Size {
    fn add(&mut self, child: &Built, token: &str) {
        self.depth = self.depth.max(child.depth);
        self.values += child.values;
        self.weight += child.weight + token.len();
        self.end = self.end.max(child.node.value.end());
        self.reported.extend(child.reported.iter().map(|below| format!("/{token}{below}")));
    }
}

fn collection(value: Value, children: Children, start: usize, end: Place, size: Size) -> Built {
    // A block ends where its last value does; a flow collection ends at its bracket.
    let end = if end.end() > end.start() { end.end() } else { size.end };
    Built {
        value,
        node: Node { key: None, value: Place::new(start, end.max(start)), raw: None, children },
        role: KeyRole::Collection,
        depth: size.depth + 1,
        values: size.values + 1,
        weight: size.weight + VALUE_WEIGHT,
        reported: size.reported,
    }
}

/// A stand-in for a value that cannot be read, which no rule judges.
fn unreadable(place: Place) -> Built {
    Built {
        value: Value::Null,
        node: Node { value: place, ..Node::default() },
        role: KeyRole::Unreadable,
        depth: 0,
        values: 1,
        weight: VALUE_WEIGHT,
        reported: vec![String::new()],
    }
}

fn foreign_tag(tag: &Tag) -> Finding {
    let (handle, suffix) = tag.original_parts();
    let message = format!("specs do not support tags such as `{}`", short(&format!("{handle}{suffix}")));
    Finding::error(Code::YamlSyntax, message)
        .hint("remove the tag, or quote the value if the `!` is meant literally")
}
