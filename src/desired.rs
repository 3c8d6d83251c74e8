//! What the specs want to be there: the declared fields of each resource, where each stands, and what it is.
//!
//! Made from typed specs by the kinds; pure data from here on.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::finding::Finding;
use crate::id::{Key, ResourceId};
use crate::kinds::{Compare, KINDS, Kind};
use crate::snapshot::Snapshot;
use crate::source::Span;
use crate::spec::Loaded;
use crate::spec::tree::Document;

/// A declared resource.
#[derive(Debug, Clone)]
pub struct Desired {
    /// Its kind.
    pub kind: &'static dyn Kind,
    /// The stack that declares it.
    pub stack: String,
    /// Its place in the spec, stable between runs: `accounts/chat-eu`.
    pub address: String,
    /// How people name it.
    pub title: String,
    /// Its id, should it be created.
    pub id: ResourceId,
    /// What it is, whatever it is called.
    pub key: Key,
    /// The scope at which it stands: its own id, or what a role assignment is on.
    pub scope: ResourceId,
    /// The declared resources that must stand before it.
    pub after: Vec<Key>,
    /// What the spec says of it, in spec shape.
    pub declared: Map<String, Value>,
    /// Safe values for what the spec leaves out, on creation only.
    pub defaults: Map<String, Value>,
    /// Where it is declared.
    pub span: Span,
    /// Where its fields are declared, by path with `/` between names.
    pub spans: BTreeMap<String, Span>,
    /// Whether to mark it as the stack's if it exists unmarked.
    pub adopt: bool,
    /// Why it is not known what exactly is declared: it is neither compared nor written then.
    pub open: Option<Open>,
    /// What is not known before another resource stands: it is created in full then.
    pub hole: Option<Hole>,
    /// An object id of the directory for which only the spec vouches.
    pub unproven: Option<Uuid>,
    /// Whether what Azure never shows of it is sent again although nothing differs.
    pub resend: bool,
}

/// A field that holds the object id of an identity which does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The field.
    pub field: &'static str,
    /// The resource whose own identity it is.
    pub holder: ResourceId,
    /// The kind of that resource.
    pub kind: &'static str,
    /// What that resource is.
    pub key: Key,
}

/// Why something that a spec names could not be made out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Open {
    /// What it means was asked, and nobody answered.
    Unknown(Box<Finding>),
    /// It means nothing, or more than one thing.
    Refused(Box<Finding>),
}

impl Open {
    /// Nobody answered.
    #[must_use]
    pub fn unknown(finding: Finding) -> Self {
        Self::Unknown(Box::new(finding))
    }

    /// It means nothing, or more than one thing.
    #[must_use]
    pub fn refused(finding: Finding) -> Self {
        Self::Refused(Box::new(finding))
    }
}

impl Desired {
    /// Whether it declares something that Azure takes and never shows.
    #[must_use]
    pub fn holds_unshown(&self) -> bool {
        self.kind.fields().iter().filter(|field| field.compare == Compare::Unshown).any(|field| {
            let mut segments = field.path.split('/');
            let first = segments.next().and_then(|name| self.declared.get(name));
            first.and_then(|first| segments.try_fold(first, |value, name| value.get(name))).is_some()
        })
    }

    /// Where a field is declared: at the field, or the nearest thing around it; `None` for a default.
    #[must_use]
    pub fn span_of(&self, path: &[String]) -> Option<Span> {
        (1..=path.len()).rev().find_map(|length| self.spans.get(&path[..length].join("/")).copied())
    }
}

/// Everything that the stacks declare, in the order of the kinds and then of the specs, as far as the specs alone say what it is.
#[must_use]
pub fn desired(stacks: &[Loaded]) -> Vec<Desired> {
    resolved(stacks, &Snapshot::default())
}

/// Everything that the stacks declare, its names resolved by what a snapshot says.
#[must_use]
pub fn resolved(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Desired> {
    KINDS.iter().flat_map(|kind| stacks.iter().flat_map(|loaded| kind.desired(loaded, snapshot))).collect()
}

/// Notes the place of every value below a pointer, by path relative to it.
pub(crate) fn collect_spans(
    document: &Document,
    pointer: &str,
    path: &str,
    value: &Value,
    spans: &mut BTreeMap<String, Span>,
) {
    spans.insert(path.to_owned(), document.value_span(pointer));
    if let Value::Object(map) = value {
        for (name, child) in map {
            let escaped = name.replace('~', "~0").replace('/', "~1");
            collect_spans(document, &format!("{pointer}/{escaped}"), &format!("{path}/{name}"), child, spans);
        }
    }
}
