//! The rules of specs: the JSON Schema of `model`, and the validator that finds what breaks it.
//!
//! Compiling the schema for the validator takes longer than anything else before a plan, and only its errors are needed. So [`Rules::fits`]
//! says first, without compiling, whether a value certainly breaks no rule. Pure.

use std::sync::{LazyLock, OnceLock};

use jsonschema::{Draft, Validator};
use serde_json::Value;

use crate::spec::schema::schema;

/// A schema of ours, which is compiled when a validator is asked for.
pub(super) struct Rules {
    pub(super) schema: Value,
    validator: OnceLock<Validator>,
}

pub(super) static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::of(schema()));

impl Rules {
    pub(super) fn of(schema: Value) -> Self {
        Self { schema, validator: OnceLock::new() }
    }

    /// Whether a value certainly breaks no rule. `false` says nothing: the validator may find no error.
    pub(super) fn fits(&self, value: &Value) -> bool {
        fits(&self.schema, &self.schema, value)
    }

    /// Finds the errors. A schema of ours says the same in draft 7 (a test checks that it uses nothing newer). The meta-schema of the draft
    /// is compiled with it, and that of 2020-12 takes much longer.
    pub(super) fn validator(&self) -> &Validator {
        self.validator.get_or_init(|| {
            jsonschema::options()
                .with_draft(Draft::Draft7)
                .build(&self.schema)
                .expect("the schema is made from our own types, and a test compiles it: it is valid")
        })
    }
}

/// Whether a value fits a schema, whose references lead into `root`. A keyword that is unknown here fits nothing.
fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    let keywords = match schema {
        Value::Object(keywords) => keywords,
        other => return *other == Value::Bool(true),
    };
    let inner = |schema: &Value, value: &Value| fits(root, schema, value);
    let count = |cases: &Value| {
        cases.as_array().map_or(0, |cases| cases.iter().filter(|case| inner(case, value)).count())
    };
    let fields = || value.as_object().into_iter().flatten();
    keywords.iter().all(|(keyword, rule)| match keyword.as_str() {
        "$defs" | "$schema" | "default" | "description" | "title" => true,
        "$ref" => {
            let meant = rule.as_str().and_then(|name| root.pointer(name.strip_prefix('#')?));
            meant.is_some_and(|meant| inner(meant, value))
        }
        "type" => match rule {
            Value::Array(names) => names.iter().any(|name| is(name, value)),
            name => is(name, value),
        },
        "const" => rule == value,
        "enum" => rule.as_array().is_some_and(|words| words.contains(value)),
        "anyOf" => count(rule) > 0,
        // A number may fit a case in a way that is not known here; two cases that fit are an error.
        "oneOf" => !value.is_number() && count(rule) == 1,
        "required" => {
            let has = |name: &Value| name.as_str().is_some_and(|name| value.get(name).is_some());
            !value.is_object() || rule.as_array().is_some_and(|names| names.iter().all(has))
        }
        "properties" => fields().all(|(name, value)| rule.get(name).is_none_or(|rule| inner(rule, value))),
        "additionalProperties" => {
            let known = keywords.get("properties");
            let further = |name: &String| known.is_none_or(|known| known.get(name).is_none());
            fields().all(|(name, value)| !further(name) || inner(rule, value))
        }
        "items" => value.as_array().into_iter().flatten().all(|value| inner(rule, value)),
        "minItems" => value
            .as_array()
            .is_none_or(|items| rule.as_u64().is_some_and(|least| items.len() as u64 >= least)),
        "minimum" => {
            !value.is_number()
                || matches!((whole(rule), whole(value)), (Some(least), Some(number)) if number >= least)
        }
        "maximum" => {
            !value.is_number()
                || matches!((whole(rule), whole(value)), (Some(most), Some(number)) if number <= most)
        }
        _ => false,
    })
}

/// Whether a value has a type. A whole number with a decimal point is left to the validator.
fn is(name: &Value, value: &Value) -> bool {
    match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => whole(value).is_some(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}

fn whole(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULES;

    #[test]
    fn what_fits_is_valid_and_a_usual_spec_fits() {
        let spec = json!({"version": 1, "stack": "s", "subscription": "x", "accounts": [{
            "name": "a", "disableLocalAuth": true, "publicNetworkAccess": "Enabled", "sku": null, "tags": {"a": "b"},
            "identity": {"systemAssigned": true},
            "deployments": [{"name": "d", "model": {"name": "m", "format": "f", "version": "1"}, "sku": {"name": "S", "capacity": 3}}],
            "roleAssignments": [{"role": "Reader", "principals": [{"id": "x", "type": "Group"}, {"group": "g"}]}],
        }]});
        assert!(RULES.fits(&spec) && RULES.validator().is_valid(&spec));
        let values = [
            json!(null),
            json!(true),
            json!(0),
            json!(1.0),
            json!(-1),
            json!("x"),
            json!(["x"]),
            json!({"x": 1}),
            json!([]),
            json!({}),
        ];
        let mut fitting = 0;
        // Each place of the spec with another value, without it, and with a field more.
        for pointer in places(&spec, "") {
            let mut others: Vec<_> = values
                .iter()
                .map(|value| {
                    let mut other = spec.clone();
                    *other.pointer_mut(&pointer).unwrap() = value.clone();
                    other
                })
                .collect();
            let mut more = spec.clone();
            if let Some(fields) = more.pointer_mut(&pointer).unwrap().as_object_mut() {
                for name in fields.keys().cloned().collect::<Vec<_>>() {
                    let mut less = spec.clone();
                    less.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().remove(&name);
                    others.push(less);
                }
                fields.insert("x".to_owned(), json!("y"));
                others.push(more);
            }
            for other in others {
                let fits = RULES.fits(&other);
                fitting += usize::from(fits);
                assert!(!fits || RULES.validator().is_valid(&other), "{other}");
            }
        }
        assert!(fitting > 50, "{fitting}");
    }

    fn places(value: &serde_json::Value, at: &str) -> Vec<String> {
        let inside: Vec<_> = match value {
            serde_json::Value::Object(fields) => {
                fields.iter().flat_map(|(name, value)| places(value, &format!("{at}/{name}"))).collect()
            }
            serde_json::Value::Array(items) => items
                .iter()
                .enumerate()
                .flat_map(|(index, value)| places(value, &format!("{at}/{index}")))
                .collect(),
            _ => Vec::new(),
        };
        [vec![at.to_owned()], inside].concat()
    }
}
