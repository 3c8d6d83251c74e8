//! What is not compared by value: times, ids that the server makes up, and the service's own tables.
//!
//! Tables such as rate limits belong to a kind of account and to the year of the recording, not to the call. They are
//! held against all recordings together: the sandbox's must have only types that were recorded, and everything that
//! was always recorded. Whether such a table is there at all may vary only if recordings vary in it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::contract::exceptions::same;
use super::contract::value::json_kind;

/// How much of a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    /// The JSON type only: null or not matters, the text does not.
    Type,
    /// The types below, held against all recordings.
    Shape,
    /// A map whose keys are data: the types of its values.
    Map,
}

const MASKS: [(&str, Mask); 22] = [
    ("/etag", Mask::Type),
    ("/systemData", Mask::Shape),
    ("/properties/internalId", Mask::Type),
    ("/properties/dateCreated", Mask::Type),
    ("/properties/callRateLimit", Mask::Shape),
    ("/properties/capabilities", Mask::Shape),
    ("/properties/endpoints", Mask::Map),
    ("/properties/quotaLimit", Mask::Shape),
    ("/properties/backupUpperLimit", Mask::Shape),
    ("/properties/deletionDate", Mask::Type),
    ("/properties/scheduledPurgeDate", Mask::Type),
    ("/identity/principalId", Mask::Type),
    ("/identity/tenantId", Mask::Type),
    ("/key1", Mask::Type),
    ("/key2", Mask::Type),
    ("/startTime", Mask::Type),
    ("/endTime", Mask::Type),
    ("/properties/createdOn", Mask::Type),
    ("/properties/updatedOn", Mask::Type),
    ("/properties/createdBy", Mask::Type),
    ("/properties/updatedBy", Mask::Type),
    ("/nextLink", Mask::Type),
];

/// What is masked beside that for one subject.
const MORE: [(&str, &str, Mask); 9] = [
    // The operation is the sandbox's own.
    ("polling", "/id", Mask::Type),
    ("polling", "/name", Mask::Type),
    // What a region offers and what was used of it.
    ("microsoft.cognitiveservices/skus", "/value", Mask::Shape),
    ("microsoft.cognitiveservices/accounts/skus", "/value", Mask::Shape),
    ("microsoft.cognitiveservices/accounts/usages", "/value", Mask::Shape),
    ("microsoft.cognitiveservices/accounts/models", "/value", Mask::Shape),
    ("microsoft.cognitiveservices/locations/models", "/value", Mask::Shape),
    ("microsoft.cognitiveservices/locations/usages", "/value", Mask::Shape),
    // The log of a subscription that others used too.
    ("microsoft.insights/eventtypes/management/values", "/value", Mask::Shape),
];

/// Built-in roles grow with the years: of these the id and the types are compared. Three of them show who wrote them last.
const BUILT_IN: [(&str, Mask); 5] = [
    ("/properties/updatedBy", Mask::Shape),
    ("/properties/permissions", Mask::Shape),
    ("/properties/description", Mask::Type),
    ("/properties/roleName", Mask::Type),
    ("/properties/assignableScopes", Mask::Shape),
];

/// The mask of a path, if it has one.
pub(crate) fn mask(subject: &str, path: &str, built_in: bool) -> Option<Mask> {
    let path = path.strip_prefix("/value/*").unwrap_or(path);
    let more = MORE.iter().find(|(of, at, _)| *of == subject && *at == path);
    let built_in = BUILT_IN.iter().filter(|_| built_in).find(|(at, _)| *at == path);
    let common = MASKS.iter().find(|(at, _)| *at == path);
    more.map(|(_, _, mask)| *mask).or(built_in.or(common).map(|(_, mask)| *mask))
}

/// Whether an item is a role definition that Azure brings along.
pub(crate) fn is_built_in(item: &Value) -> bool {
    item["properties"]["type"] == "BuiltInRole"
}

/// The types at each path of a value, list items counted together.
#[derive(Default)]
pub(crate) struct Outline {
    kinds: BTreeMap<String, BTreeSet<&'static str>>,
    counts: BTreeMap<String, usize>,
}

impl Outline {
    /// Take a value in.
    pub(crate) fn add(&mut self, value: &Value) {
        self.walk(value, String::new());
    }

    fn walk(&mut self, value: &Value, at: String) {
        match value {
            Value::Object(map) => {
                for (name, value) in map {
                    self.walk(value, format!("{at}/{name}"));
                }
            }
            Value::Array(items) => {
                for value in items {
                    self.walk(value, format!("{at}/*"));
                }
            }
            _ => {}
        }
        self.kinds.entry(at.clone()).or_default().insert(json_kind(value));
        *self.counts.entry(at).or_default() += 1;
    }

    /// In what a value differs from this outline.
    pub(crate) fn differences(&self, value: &Value, path: &str) -> Vec<String> {
        let mut mine = Self::default();
        mine.add(value);
        let mut found = Vec::new();
        for (at, kinds) in &mine.kinds {
            match self.kinds.get(at) {
                None => found.push(format!("has `{path}{at}`, never recorded")),
                Some(known) => {
                    let new = kinds.difference(known);
                    found.extend(new.map(|kind| format!("`{path}{at}` is {kind}, never recorded")));
                }
            }
        }
        for at in self.kinds.keys().filter(|at| self.always(at)) {
            if mine.parents(at) > 0 && !mine.always(at) {
                found.push(format!("lacks `{path}{at}`"));
            }
        }
        found
    }

    /// How often the parent of this path occurs.
    fn parents(&self, at: &str) -> usize {
        let parent = at.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.counts.get(parent).copied().unwrap_or(0)
    }

    /// Whether the property is present wherever it could be; lists may be empty.
    fn always(&self, at: &str) -> bool {
        !at.is_empty() && !at.ends_with("/*") && self.counts.get(at).copied().unwrap_or(0) >= self.parents(at)
    }
}

/// The outlines of everything that is masked by shape, from all recordings.
#[derive(Default)]
pub(crate) struct Outlines {
    /// By subject and path: the outline, how many bodies had the property, and how many there were.
    known: BTreeMap<(String, String), (Outline, usize, usize)>,
}

impl Outlines {
    /// Take a recorded body in: its items, or itself.
    pub(crate) fn add(&mut self, subject: &str, body: &Value) {
        let subject = same(subject);
        if mask(subject, "/value", false) == Some(Mask::Shape) {
            self.take(subject, "/value", body);
        }
        let alone = std::slice::from_ref(body);
        for item in body["value"].as_array().map_or(alone, Vec::as_slice) {
            let built_in = is_built_in(item);
            let paths = MASKS.iter().chain(BUILT_IN.iter().filter(|_| built_in));
            for (path, _) in paths.filter(|(_, mask)| *mask == Mask::Shape) {
                self.take(subject, path, item);
            }
        }
    }

    fn take(&mut self, subject: &str, path: &str, body: &Value) {
        let key = (subject.to_owned(), path.to_owned());
        let (outline, with, all) = self.known.entry(key).or_default();
        *all += 1;
        if let Some(value) = body.pointer(path) {
            outline.add(value);
            *with += 1;
        }
    }

    /// The outline of a masked path.
    pub(crate) fn of(&self, subject: &str, path: &str) -> Option<&Outline> {
        self.entry(subject, path).filter(|(_, with, _)| *with > 0).map(|(outline, _, _)| outline)
    }

    /// Whether recordings have the property and lack it.
    pub(crate) fn varies(&self, subject: &str, path: &str) -> bool {
        self.entry(subject, path).is_some_and(|(_, with, all)| *with > 0 && with < all)
    }

    fn entry(&self, subject: &str, path: &str) -> Option<&(Outline, usize, usize)> {
        let path = path.strip_prefix("/value/*").unwrap_or(path);
        self.known.get(&(same(subject).to_owned(), path.to_owned()))
    }
}
