//! What to write instead of a value of the wrong type. Pure.

use serde_json::Value;

use super::{Problem, Takes, is_element_of, is_required, is_secret};
use crate::spec::sections;
use crate::spec::tree::YamlDocument;
use crate::text::names::short;

pub(super) fn hint_for_type(document: &YamlDocument, problem: &Problem, value: &Value) -> Option<String> {
    let takes = |name| problem.takes.contains(&Takes::Type(name));
    let substituted = document.substituted.get(&problem.pointer);
    let variable = substituted.map(|substituted| short(&substituted.name));
    let is_argument = substituted.is_some_and(|substituted| substituted.argument);
    match value {
        _ if is_argument && (takes("array") || takes("object")) => Some(
            "lists and mappings come from `variables:`, `--var-file` or `--env`: `--var` and KEYLESS_VAR_NAME hold text"
                .to_owned(),
        ),
        Value::Null if let Some(example) = example(&problem.pointer) => Some(example.to_owned()),
        Value::Null if takes("array") => Some(empty_list(&problem.pointer).to_owned()),
        Value::Null if is_required(&problem.pointer) => Some("set a value".to_owned()),
        Value::Null => Some("set a value, or remove the line".to_owned()),
        Value::String(text) if takes("boolean") => match text.to_ascii_lowercase().as_str() {
            "true" => Some("write `true`, without quotes".to_owned()),
            "false" => Some("write `false`, without quotes".to_owned()),
            "yes" | "y" | "on" | "1" => Some("write `true`".to_owned()),
            "no" | "n" | "off" | "0" => Some("write `false`".to_owned()),
            _ => None,
        },
        Value::String(text) if takes("integer") || takes("number") => {
            text.trim().parse::<f64>().ok().filter(|number| number.is_finite()).map(|_| match variable {
                Some(name) => format!("write the value of `{name}` without quotes, where it is set"),
                // Without leading zeros: with them it is text even without quotes.
                None => match text.trim().trim_start_matches('0') {
                    bare if bare.starts_with(|c: char| c.is_ascii_digit()) => {
                        format!("write `{}`, without quotes", short(bare))
                    }
                    _ => format!("write `{}`, without quotes", short(text.trim())),
                },
            })
        }
        Value::String(text) if takes("object") && spaceless(problem, text).is_some() => {
            spaceless(problem, text).map(|name| format!("add a space after `:`, as in `{name}: ...`"))
        }
        Value::String(text) if takes("object") && problem.pointer.ends_with("/model") && is_plain(text) => {
            Some(format!("write `model: {{format: OpenAI, name: {text}}}`"))
        }
        // The form of Azure's API.
        Value::Object(range) if takes("string") && is_element_of(&problem.pointer, &["ipRules"]) => {
            let range = range.get("value").and_then(Value::as_str).filter(|range| is_plain(range));
            Some(format!("write the range alone: `{}`", range.unwrap_or("203.0.113.0/24")))
        }
        Value::String(_) if takes("object") && is_element_of(&problem.pointer, &["principals"]) => example("/principals").map(str::to_owned),
        Value::Bool(_) | Value::Number(_) if takes("string") => Some(if let Some(name) = variable {
            format!("quote the value of `{name}` where it is set")
        } else {
            if is_secret(&problem.pointer) {
                return Some("quote it".to_owned());
            }
            let raw = document.raw(&problem.pointer).map_or_else(|| value.to_string(), str::to_owned);
            format!("quote it: `\"{}\"`", short(&raw))
        }),
        Value::String(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) if takes("array") => {
            Some("start each element with `- ` on its own line, or write `[a, b]`".to_owned())
        }
        _ => None,
    }
}

/// Whether a text can stand in an example without quotes.
fn is_plain(text: &str) -> bool {
    let is_short = (1..=64).contains(&text.len());
    is_short && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c))
}

/// What to write behind the bare key of a principal.
pub(super) fn name_of_principal(pointer: &str) -> Option<&'static str> {
    let (principal, field) = pointer.rsplit_once('/')?;
    is_element_of(principal, &["principals"]).then_some(())?;
    match field {
        "group" => Some("write the group's name"),
        "user" => Some("write the user's sign-in name"),
        "servicePrincipal" => Some("write the application's name or client id"),
        "managedIdentity" => Some("write the identity's resource id"),
        "accountIdentity" => Some("write the account's name"),
        "projectIdentity" => Some("write ACCOUNT/PROJECT"),
        "resourceIdentity" => Some("write the resource's id"),
        "id" => Some("write the object id"),
        _ => None,
    }
}

/// What to write behind a bare key that people leave open because they do not know it.
pub(super) fn example(pointer: &str) -> Option<&'static str> {
    match pointer.rsplit('/').next()? {
        "principals" => Some(
            "write who gets the role, such as `- group: NAME`, `- user: NAME` or `- {id: GUID, type: ServicePrincipal}`; `[]` means none",
        ),
        "role" => Some(
            "write a role's name or GUID, such as `Cognitive Services User`, which lets its holder call models",
        ),
        _ => None,
    }
}

/// What to write where a list has no value.
pub(super) fn empty_list(pointer: &str) -> &'static str {
    let of_resources = pointer.rsplit('/').next().and_then(sections::section).is_some();
    if of_resources { EMPTY_SECTION } else { "write `[]` for an empty list, or remove the line" }
}

/// The hint for a list of resources without a value.
pub(crate) const EMPTY_SECTION: &str = "write `[]` to remove all, or remove the line";

/// The field of a mapping written without a space after its colon, which makes it text.
fn spaceless(problem: &Problem, text: &str) -> Option<&'static str> {
    let (name, _) = text.split_once(':')?;
    problem.known().find(|known| *known == name)
}
