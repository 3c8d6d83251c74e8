//! JSON: pointer tokens (RFC 6901), members whose case Azure ignores, and documents without duplicate names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Parses a document and rejects duplicate names in objects: some tools take the first value and others the last.
pub(crate) fn once(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str::<Once>(text)?;
    serde_json::from_str(text)
}

/// Whether a document, or an object in it if it is a list, has members with all these names, ignoring case; `None` if it is not JSON.
#[must_use]
#[expect(clippy::zero_sized_map_values, reason = "a set would not read over the values")]
pub(crate) fn holds(text: &str, names: &[&str]) -> Option<bool> {
    type Members = BTreeMap<String, IgnoredAny>;
    let one = serde_json::from_str::<Members>(text).map(|one| vec![one]);
    let objects = match one {
        Err(error) if error.is_data() => serde_json::from_str::<Vec<Members>>(text),
        one => one,
    };
    let has = |object: &Members, name: &str| object.keys().any(|own| own.eq_ignore_ascii_case(name));
    match objects {
        Ok(objects) => Some(objects.iter().any(|object| names.iter().all(|name| has(object, name)))),
        Err(error) => error.is_data().then_some(false),
    }
}

/// Whether a text in a value contains another text.
#[must_use]
pub(crate) fn contains(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text.contains(wanted),
        Value::Array(items) => items.iter().any(|item| contains(item, wanted)),
        Value::Object(members) => members.values().any(|member| contains(member, wanted)),
        _ => false,
    }
}

/// Parsed only to detect duplicate names.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if names.contains(&name) {
                return Err(A::Error::custom(format!("`{name}` occurs twice")));
            }
            names.insert(name);
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }
}

/// Escapes a token of a JSON pointer.
#[must_use]
pub fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// Reverses [`escape`].
#[must_use]
pub fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// A member of an object, in whatever case its name is written, created if missing. A value that is not an object becomes one: other
/// servers than Azure may answer.
pub(crate) fn member<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let map = value.as_object_mut().expect("it was made an object a line before");
    let name = spelled(map, name).to_owned();
    map.entry(name).or_insert(Value::Null)
}

/// The name under which a map contains a member: as written, otherwise in another case. ARM ignores the case of names, including tags.
#[must_use]
pub(crate) fn spelled<'a>(map: &'a Map<String, Value>, name: &'a str) -> &'a str {
    if map.contains_key(name) {
        return name;
    }
    map.keys().find(|key| key.eq_ignore_ascii_case(name)).map_or(name, String::as_str)
}
