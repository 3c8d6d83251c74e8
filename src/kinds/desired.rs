//! What the specs declare: the fields of each resource with their positions, and its identity.
//!
//! Made from typed specs by the kinds; pure data from here on.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::document::{Property, TakenEntry};
use crate::finding::{Code, Finding, Open};
use crate::id::{Key, ResourceId};
use crate::kinds::{Compare, KINDS, Kind, Live, late};
use crate::principals::{self, known_names};
use crate::snapshot::{Refusal, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::PrincipalType;
use crate::spec::tree::YamlDocument;
use crate::text::json::escape;
use crate::text::source::Span;

/// A declared resource.
#[derive(Debug, Clone)]
pub struct Desired {
    /// What it is, and how it is read and compared.
    pub kind: &'static dyn Kind,
    /// The stack that declares it.
    pub stack: String,
    /// Its address in the spec, stable between runs: `accounts/chat-eu`.
    pub address: String,
    /// Its name in messages.
    pub title: String,
    /// Its id if it is created.
    pub id: ResourceId,
    /// Its identity, independent of its id.
    pub key: Key,
    /// Its own id, or the scope of a role assignment.
    pub scope: ResourceId,
    /// The declared resources that must be created before it.
    pub after: Vec<Key>,
    /// Its declared fields, in spec shape.
    pub declared: Map<String, Value>,
    /// Safe defaults for undeclared fields, used only on creation.
    pub defaults: Map<String, Value>,
    /// Where it is declared.
    pub span: Span,
    /// Where its fields are declared, by path with `/` between names.
    pub spans: BTreeMap<String, Span>,
    /// Whether to mark it as the stack's if it exists without a mark.
    pub adopt: bool,
    /// Why the declaration could not be resolved; it is then neither compared nor written.
    pub open: Option<Open>,
    /// Values that are only known once other resources exist.
    pub holes: Vec<Hole>,
    /// Values of other resources that are in its fields.
    pub taken: Vec<TakenEntry>,
    /// An object id and its type that the spec names but that have not been verified in the directory.
    pub unproven: Option<(Uuid, PrincipalType)>,
    /// Whether to send what Azure never shows even if nothing differs.
    pub resend: bool,
}

/// A field with a value of a resource that does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The path of the field that it fills.
    pub field: String,
    /// The resource that has the value.
    pub holder: ResourceId,
    /// That resource's kind.
    pub kind: &'static str,
    /// The identity of that resource.
    pub key: Key,
    /// The property that has the value.
    pub property: Property,
    /// The reference in the field's text that it replaces; `None` if it is the whole field.
    pub reference: Option<String>,
}

impl Hole {
    /// The object id of an identity, as the principal of a role.
    #[must_use]
    pub fn of_principal(holder: ResourceId, kind: &'static str, key: Key) -> Self {
        let field = "principalId".to_owned();
        Self { field, holder, kind, key, property: Property::PrincipalId, reference: None }
    }
}

impl Desired {
    /// Reports that it could not be read: never a write, never "no changes".
    #[must_use]
    pub fn unread(&self, refusal: &Refusal) -> Finding {
        let message = format!("{} could not be read", self.title);
        let finding = Finding::error(Code::UnknownState, message).at(self.span);
        Finding { hint: refusal.hint.clone(), ..finding.cause(&refusal.message) }
    }

    /// The directory's objection to the object id that it names.
    #[must_use]
    pub fn disproof(&self, snapshot: &Snapshot) -> Option<Finding> {
        let (id, declared) = self.unproven?;
        principals::prove(id, declared.as_str(), snapshot, self.span)
    }

    /// The identity that gets a role and does not exist yet.
    #[must_use]
    pub fn principal_hole(&self) -> Option<&Hole> {
        self.holes.iter().find(|hole| hole.reference.is_none())
    }

    /// Its soft-deleted remains.
    #[must_use]
    pub fn remains(&self, snapshot: &Snapshot) -> Option<Live> {
        self.kind.soft_deleting()?.remains(self, snapshot)
    }

    /// Whether it declares something that Azure does not show, or not always, and that can be sent again.
    #[must_use]
    pub fn holds_unshown(&self) -> bool {
        if self.kind.never_changes() {
            return false;
        }
        let is_unshown = |compare| matches!(compare, Compare::Unshown | Compare::IfShown);
        self.kind.fields().iter().filter(|field| is_unshown(field.compare)).any(|field| {
            let mut segments = field.path.split('/');
            let first = segments.next().and_then(|name| self.declared.get(name));
            first.and_then(|first| segments.try_fold(first, |value, name| value.get(name))).is_some()
        })
    }

    /// The position of a field, or of the nearest enclosing value; `None` for a default.
    #[must_use]
    pub fn span_of(&self, path: &[String]) -> Option<Span> {
        (1..=path.len()).rev().find_map(|length| self.spans.get(&path[..length].join("/")).copied())
    }
}

/// Everything that the stacks declare, by kind and then in the order of the specs, as far as it can be resolved without Azure.
#[must_use]
pub fn desired(stacks: &[Loaded]) -> Vec<Desired> {
    resolved(stacks, &Snapshot::default())
}

/// Everything that the stacks declare, with names resolved from a snapshot.
#[must_use]
pub fn resolved(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Desired> {
    one_by_one(stacks, snapshot).collect()
}

/// The same, for who keeps little of each: there may be a hundred thousand.
pub fn one_by_one(stacks: &[Loaded], snapshot: &Snapshot) -> impl Iterator<Item = Desired> {
    let names = known_names(stacks, snapshot);
    let desired = KINDS.iter().flat_map(move |kind| {
        stacks.iter().flat_map(move |loaded| {
            let declared = kind.desired(loaded, snapshot).into_iter();
            declared.map(move |mut desired| {
                late::settle(&mut desired, loaded, snapshot);
                desired
            })
        })
    });
    desired.map(move |mut desired| {
        if let Some(grant) = desired.kind.granting() {
            grant.name_principal(&mut desired, &names);
        }
        desired
    })
}

/// Records the position of every value below a pointer, by path relative to it.
pub(crate) fn collect_spans(
    document: &YamlDocument,
    pointer: &str,
    path: &str,
    value: &Value,
    spans: &mut BTreeMap<String, Span>,
) {
    spans.insert(path.to_owned(), document.value_span(pointer));
    let mut below = |name: &str, child: &Value| {
        let escaped = escape(name);
        collect_spans(document, &format!("{pointer}/{escaped}"), &format!("{path}/{name}"), child, spans);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, child)| below(name, child)),
        // Elements with members: a kind may report a problem with one of them.
        Value::Array(items) => {
            let objects = items.iter().enumerate().filter(|(_, child)| child.is_object());
            objects.for_each(|(at, child)| below(&at.to_string(), child));
        }
        _ => {}
    }
}

/// Sample declared and live resources for unit tests.
#[cfg(test)]
pub(crate) mod samples {
    use serde_json::Value;

    use super::Desired;
    use crate::id::{Key, ResourceId};
    use crate::kinds::{self, Live};
    use crate::text::source::{Sources, Span};

    pub(crate) const GROUP: &str =
        "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg-chat";

    pub(crate) fn account(name: &str) -> ResourceId {
        ResourceId::parse(GROUP).unwrap().provider("Microsoft.CognitiveServices/accounts", name)
    }

    /// A declared resource of stack `team-a`.
    pub(crate) fn declared(kind: &str, id: &ResourceId, scope: &ResourceId) -> Desired {
        Desired {
            kind: kinds::by_name(kind).unwrap(),
            stack: "team-a".to_owned(),
            address: format!("{kind}/{}", id.name()),
            title: id.name().to_owned(),
            id: id.clone(),
            key: Key::new(kind, &[id.as_str()]),
            scope: scope.clone(),
            after: Vec::new(),
            declared: serde_json::Map::new(),
            defaults: serde_json::Map::new(),
            span: Span { file: Sources::default().add("a.yaml", ""), start: 0, end: 0 },
            spans: std::collections::BTreeMap::new(),
            adopt: false,
            open: None,
            holes: Vec::new(),
            taken: Vec::new(),
            unproven: None,
            resend: false,
        }
    }

    pub(crate) fn live(kind: &str, id: &ResourceId, scope: &ResourceId, body: Value) -> Live {
        let key = Key::new(kind, &[id.as_str()]);
        Live {
            kind: kinds::by_name(kind).unwrap(),
            id: id.clone(),
            key,
            scope: scope.clone(),
            body: body.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::samples::{account, declared};
    use super::*;

    #[test]
    fn a_field_is_where_it_is_declared_or_where_the_nearest_thing_around_it_is() {
        let mut chat = declared("accounts", &account("chat"), &account("chat"));
        let at = |start| Span { start, ..chat.span };
        chat.spans = [("tags", at(1)), ("tags/team", at(2)), ("sku", at(3))]
            .map(|(path, span)| (path.to_owned(), span))
            .into();
        for (path, found) in [
            (vec!["tags", "team"], Some(at(2))),
            (vec!["tags", "cost"], Some(at(1))),
            (vec!["tags"], Some(at(1))),
            (vec!["kind"], None),
        ] {
            let path: Vec<String> = path.into_iter().map(str::to_owned).collect();
            assert_eq!(chat.span_of(&path), found, "{path:?}");
        }
    }

    #[test]
    fn only_what_azure_never_shows_is_held_unshown() {
        let id = account("chat").child("connections", "search");
        let mut search = declared("connections", &id, &account("chat"));
        for (fields, unshown) in [
            (json!({}), false),
            (json!({"category": "CognitiveSearch", "authType": "ApiKey"}), false),
            (json!({"credentials": {"key": {"fromEnv": "KEY"}}}), true),
        ] {
            search.declared = fields.as_object().unwrap().clone();
            assert_eq!(search.holds_unshown(), unshown, "{fields}");
        }
    }

    #[test]
    fn every_value_has_its_place_whatever_its_name() {
        let mut sources = crate::text::source::Sources::default();
        let text = "a:\n  b/c: 1\n  d~e:\n    f: 2\n";
        let file = sources.add("a.yaml", text);
        let document = crate::spec::tree::parse(file, &sources).0.unwrap();
        let mut spans = BTreeMap::new();
        collect_spans(&document, "/a", "a", &document.tree["a"], &mut spans);
        let places: Vec<(&str, &str)> =
            spans.iter().map(|(path, span)| (path.as_str(), &text[span.start..span.end])).collect();
        let place = |path: &str| places.iter().find(|(at, _)| *at == path).unwrap().1;
        assert_eq!((place("a/b/c"), place("a/d~e/f"), places.len()), ("1", "2", 4), "{places:?}");
    }
}
