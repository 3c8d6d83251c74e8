//! JSON: tokens of pointers (RFC 6901), and members whose case Azure ignores.

use serde_json::{Map, Value};

/// One token of a JSON pointer, escaped.
#[must_use]
pub fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

/// One token of a JSON pointer, as it was before [`escape`].
#[must_use]
pub fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// A member of an object, in whatever case its name is written there, made if it is not there. What is no object becomes one: not everything that answers is Azure.
pub(crate) fn member<'a>(value: &'a mut Value, name: &str) -> &'a mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let map = value.as_object_mut().expect("it was made an object a line before");
    let name = spelled(map, name).to_owned();
    map.entry(name).or_insert(Value::Null)
}

/// The name under which a map holds a member: as written, or otherwise in another case. ARM's names, tags too, ignore it.
#[must_use]
pub(crate) fn spelled<'a>(map: &'a Map<String, Value>, name: &'a str) -> &'a str {
    if map.contains_key(name) {
        return name;
    }
    map.keys().find(|key| key.eq_ignore_ascii_case(name)).map_or(name, String::as_str)
}
