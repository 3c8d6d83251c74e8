//! Paths of fields as text: names separated by dots; a name with special characters is in brackets, as a JSON string.
//!
//! Pure. Every written path is parsed back unchanged, and nothing else is accepted.

use std::fmt::Write as _;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use serde_json::Value;

/// A path with dots: `networkAcls.ipRules`, `tags["a.b"]`.
#[must_use]
pub fn dotted_path(path: &[String]) -> String {
    let mut text = String::new();
    for name in path {
        if name.contains(['.', '[', ']', '"']) || name.is_empty() {
            let _ = write!(text, "[{}]", Value::from(name.as_str()));
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(name);
        }
    }
    text
}

pub(super) fn serialize<S: Serializer>(path: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&dotted_path(path))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_path(&text).ok_or_else(|| D::Error::custom(format_args!("`{text}` is not the path of a field")))
}

/// Reads a path as [`dotted_path`] writes it.
#[must_use]
pub fn parse_path(text: &str) -> Option<Vec<String>> {
    let mut path = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, tail) = match rest.strip_prefix('[') {
            Some(inner) => {
                let mut names = serde_json::Deserializer::from_str(inner).into_iter::<String>();
                let name = names.next()?.ok()?;
                (name, inner[names.byte_offset()..].strip_prefix(']')?)
            }
            None => {
                let (name, tail) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
                // Otherwise parsing might not terminate.
                if name.is_empty() {
                    return None;
                }
                (name.to_owned(), tail)
            }
        };
        path.push(name);
        rest = tail.strip_prefix('.').unwrap_or(tail);
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_read_as_it_was_written_and_others_are_refused() {
        for names in [
            vec!["networkAcls", "ipRules"],
            vec!["tags", "a.b", "c"],
            vec!["tags", "x\"]y"],
            vec!["tags", "\\", "[", ""],
            vec!["", "a"],
        ] {
            let path: Vec<String> = names.into_iter().map(str::to_owned).collect();
            assert_eq!(parse_path(&dotted_path(&path)), Some(path));
        }
        for text in ["[", "a[b]", "a[\"b\"", "..", ".a", "a [keyless:alpha]", "[1]"] {
            assert_eq!(parse_path(text), None, "{text}");
        }
    }
}
