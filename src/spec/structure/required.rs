//! Required fields of a spec. Pure.

use serde_json::Value;

use super::RULES;
use crate::text::json::unescape;

/// Whether the value at a pointer is required.
#[must_use]
pub fn is_required(pointer: &str) -> bool {
    let mut rule = resolved(&RULES.schema);
    let mut required = false;
    for token in pointer.split('/').skip(1).map(unescape) {
        let in_list = rule["items"].is_object();
        required = !in_list
            && rule["required"].as_array().is_some_and(|names| names.iter().any(|name| *name == *token));
        let inner = if in_list { &rule["items"] } else { &rule["properties"][&token] };
        rule = resolved(inner);
    }
    required
}

/// The rule for the value at a pointer; nothing where none is known.
pub(super) fn rule_of(pointer: &str) -> &'static Value {
    let mut rule = resolved(&RULES.schema);
    for token in pointer.split('/').skip(1).map(unescape) {
        let inner = if rule["items"].is_object() { &rule["items"] } else { &rule["properties"][&token] };
        rule = resolved(inner);
    }
    rule
}

/// A rule with references resolved and `null` removed.
fn resolved(mut rule: &'static Value) -> &'static Value {
    loop {
        let mut alternatives =
            rule["anyOf"].as_array().or_else(|| rule["oneOf"].as_array()).into_iter().flatten();
        let inner = match rule["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
            Some(path) => RULES.schema.pointer(path),
            None => alternatives.find(|each| each["type"] != "null"),
        };
        match inner {
            Some(inner) => rule = inner,
            None => return rule,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_spec_cannot_be_without_is_known_at_every_depth() {
        for (pointer, required) in [
            ("/stack", true),
            ("/accounts", false),
            ("/accounts/3", false),
            ("/accounts/3/name", true),
            ("/accounts/3/networkAcls/virtualNetworkRules/0/id", true),
            ("/accounts/0/networkAcls/virtualNetworkRules/0", false),
            ("/accounts/0/projects/1/connections/0/authType", true),
            ("/accounts/0/projects/1/connections/0/target", false),
            ("/accounts/0/roleAssignments/0/principals", true),
            ("/accounts/0/identity/systemAssigned", false),
            ("/accounts/0/tags/name", false),
            ("/roleAssignments/0/scope", true),
        ] {
            assert_eq!(is_required(pointer), required, "{pointer}");
        }
    }
}
