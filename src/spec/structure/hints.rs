//! What to write instead of a value of another type than its field takes. Pure.

use serde_json::Value;

use super::{Problem, Takes, is_required, is_secret};
use crate::spec::sections;
use crate::spec::tree::Document;
use crate::text::names::short;

pub(super) fn hint_for_type(document: &Document, problem: &Problem, value: &Value) -> Option<String> {
    let takes = |name| problem.takes.contains(&Takes::Type(name));
    let variable = document.substituted.get(&problem.pointer).map(|substituted| short(&substituted.name));
    match value {
        Value::Null if takes("array") => Some(empty_list(&problem.pointer).to_owned()),
        Value::Null if is_required(&problem.pointer) => Some("give it a value".to_owned()),
        Value::Null => Some("give it a value, or leave the line out".to_owned()),
        Value::String(text) if takes("boolean") => match text.to_ascii_lowercase().as_str() {
            "yes" | "y" | "on" | "true" | "1" => Some("write `true`, without quotes".to_owned()),
            "no" | "n" | "off" | "false" | "0" => Some("write `false`, without quotes".to_owned()),
            _ => None,
        },
        Value::String(text) if takes("integer") || takes("number") => {
            text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(|_| match variable {
                Some(name) => format!("write the value of `{name}` without quotes, where it is set"),
                None => format!("write `{}`, without quotes", short(text.trim())),
            })
        }
        Value::String(text) if takes("object") && spaceless(problem, text).is_some() => {
            spaceless(problem, text).map(|name| format!("put a space after `:`, as in `{name}: ...`"))
        }
        Value::Bool(_) | Value::Number(_) if takes("string") => Some(if let Some(name) = variable {
            format!("put the value of `{name}` in quotes, where it is set")
        } else {
            if is_secret(&problem.pointer) {
                return Some("put it in quotes".to_owned());
            }
            let raw = document.raw(&problem.pointer).map_or_else(|| value.to_string(), str::to_owned);
            format!("put it in quotes: `\"{}\"`", short(&raw))
        }),
        Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) if takes("array") => {
            Some("begin each element with `- ` on a line of its own, or write `[a, b]`".to_owned())
        }
        _ => None,
    }
}

/// What to write where a list has no value.
fn empty_list(pointer: &str) -> &'static str {
    let of_resources = pointer.rsplit('/').next().and_then(sections::section).is_some();
    if of_resources { EMPTY_SECTION } else { "write `[]` if there are to be none" }
}

/// What to write where a list of resources has no value.
pub(crate) const EMPTY_SECTION: &str = "write `[]` to remove all, or leave the line out";

/// The field of a mapping that was written without a space after its colon, which makes text of it.
fn spaceless(problem: &Problem, text: &str) -> Option<&'static str> {
    let (name, _) = text.split_once(':')?;
    problem.known().find(|known| *known == name)
}
