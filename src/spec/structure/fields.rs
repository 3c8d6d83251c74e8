//! The fields of a spec type, any of which may be omitted: what a change in a saved plan may write.
//!
//! Input: the name of a type in `model`, and a patch in spec shape. Output: the first field that the type does not have or whose value it
//! does not accept. Pure. The rules are the spec's own, except that no field is required.

use serde_json::{Map, Value, json};

use super::rules::{RULES, Rules};
use super::{Problem, ProblemKind, resolve};
use crate::text::json::unescape;

/// The fields of a type and their rules.
pub struct Fields(Rules);

/// A field that does not match the spec's type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Its path, name by name.
    pub(crate) path: Vec<String>,
    /// What it accepts, in words; `None` if there is no such field.
    pub(crate) takes: Option<String>,
}

impl Fields {
    /// The fields of a type, without those that a kind treats differently, and with those that it adds.
    pub(crate) fn of(definition: &str, left_out: &[&str], further: &[(&str, Value)]) -> Self {
        let mut schema = optional(&json!({"$ref": format!("#/$defs/{definition}")}));
        let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
        let fields = fields.expect("a kind names a type of the spec that has fields");
        fields.retain(|name, _| !left_out.contains(&name.as_str()));
        fields.extend(further.iter().map(|(name, schema)| ((*name).to_owned(), optional(schema))));
        schema["$defs"] = RULES.schema["$defs"].clone();
        Self(Rules::of(schema))
    }

    /// The first field of a patch that the type does not have or accept.
    pub(crate) fn misfit(&'static self, patch: &Map<String, Value>) -> Option<Misfit> {
        let patch = Value::Object(patch.clone());
        if self.0.fits(&patch) {
            return None;
        }
        let error = self.0.validator().iter_errors(&patch).next()?;
        let mut problems = Vec::new();
        resolve(&self.0.schema, &error, &mut problems);
        let Problem { pointer, kind, .. } = problems.first()?;
        let mut path: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
        let takes = match kind {
            ProblemKind::Unknown(names) => {
                path.extend(names.first().cloned());
                None
            }
            ProblemKind::Mismatch => problems.first().map(Problem::takes_words),
            _ => Some("another value".to_owned()),
        };
        Some(Misfit { path, takes })
    }
}

/// A schema in which nothing is required, except in list elements, which are written whole.
fn optional(schema: &Value) -> Value {
    let Value::Object(map) = schema else { return schema.clone() };
    let mut result = Map::new();
    for (keyword, value) in map {
        match (keyword.as_str(), value) {
            ("required", _) => {}
            ("$ref", Value::String(name)) => {
                let meant = RULES.schema.pointer(name.trim_start_matches('#'));
                let meant = optional(meant.expect("a reference of our own schema leads somewhere"));
                result.extend(meant.as_object().cloned().unwrap_or_default());
            }
            ("properties", Value::Object(fields)) => {
                let fields = fields.iter().map(|(name, field)| (name.clone(), optional(field)));
                result.insert(keyword.clone(), Value::Object(fields.collect()));
            }
            ("anyOf" | "oneOf", Value::Array(cases)) => {
                result.insert(keyword.clone(), cases.iter().map(optional).collect());
            }
            _ => drop(result.insert(keyword.clone(), value.clone())),
        }
    }
    Value::Object(result)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    #[test]
    fn fields_are_known_by_their_exact_names_and_types_wherever_they_stand_and_none_is_needed() {
        static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
            let further = [
                ("more", json!({"$ref": "#/$defs/PrincipalType"})),
                ("sku", json!({"type": ["string", "null"]})),
            ];
            Fields::of("Account", &["name"], &further)
        });
        let misfit = |patch: Value| {
            let misfit = FIELDS.misfit(patch.as_object().unwrap())?;
            Some((misfit.path.join("."), misfit.takes))
        };
        for fits in [
            json!({}),
            json!({"disableLocalAuth": true, "more": "Group", "tags": {"a": null, "b": "x"}}),
            json!({"networkAcls": {"ipRules": ["192.0.2.1"], "virtualNetworkRules": [{"id": "/x"}]}}),
            json!({"encryption": {"keyVaultProperties": {"keyName": "k"}}, "identity": {"systemAssigned": true}}),
        ] {
            assert_eq!(misfit(fits.clone()), None, "{fits}");
        }
        let takes = |words: &str| Some(words.to_owned());
        for (patch, path, words) in [
            (json!({"name": "x"}), "name", None),
            (json!({"NetworkAcls": {}}), "NetworkAcls", None),
            (json!({"properties": {}}), "properties", None),
            (json!({"networkAcls": {"Bypass": "None"}}), "networkAcls.Bypass", None),
            (json!({"disableLocalAuth": "true"}), "disableLocalAuth", takes("true or false")),
            (
                json!({"publicNetworkAccess": "enabled"}),
                "publicNetworkAccess",
                takes("`Enabled` or `Disabled`"),
            ),
            (json!({"networkAcls": {"ipRules": [{"value": "x"}]}}), "networkAcls.ipRules.0", takes("text")),
            (json!({"userOwnedStorage": [{}]}), "userOwnedStorage.0", takes("another value")),
            (json!({"tags": {"a/b": {"c": 1}}}), "tags.a/b", takes("text")),
            (json!({"sku": {"name": "S0"}}), "sku", takes("text")),
        ] {
            assert_eq!(misfit(patch.clone()), Some((path.to_owned(), words)), "{patch}");
        }
    }
}
