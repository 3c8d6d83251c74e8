//! The JSON Schema of specs, generated from the types in `model`.
//!
//! Output: one schema for `structure`, which checks parsed specs, and one for editors, which see a spec before variables are substituted.
//! Pure.

use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use super::model::Spec;

/// The schema of a spec with variables substituted (JSON Schema draft 2020-12).
#[must_use]
pub fn schema() -> Value {
    let mut schema = SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<Spec>();
    bound_integers(&mut schema);
    schema.to_value()
}

/// The schema of a spec as it is written, for editors: where true or false, a number, one of several words, a list or a mapping stands,
/// `${name}` may stand too.
#[must_use]
pub fn published_schema() -> Value {
    let mut schema = SchemaGenerator::new(SchemaSettings::draft2020_12()).into_root_schema_for::<Spec>();
    bound_integers(&mut schema);
    // The spec itself is no variable's value, and neither are its variables.
    transform_subschemas(&mut AllowReferences, &mut schema);
    let mut schema = schema.to_value();
    // A name that editors and catalogues of schemas know it by, wherever the file is.
    schema["$id"] = json!("https://www.schemastore.org/keyless-spec.json");
    schema["title"] = json!("keyless spec");
    schema["properties"]["variables"] = variables(&schema);
    schema["$defs"]["Reference"] = json!({
        "description": "The value of a variable.",
        "type": "string",
        "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$",
    });
    schema
}

/// What `variables` takes: whatever a field takes.
fn variables(schema: &Value) -> Value {
    let about = &schema["properties"]["variables"]["description"];
    json!({ "description": about, "type": "object", "additionalProperties": true, "default": {} })
}

/// Writes out the range that a number's format stands for: formats are not checked, and serde would fail without a good message.
fn bound_integers(schema: &mut Schema) {
    const RANGES: &[(&str, i64, u64)] = &[
        ("int32", i32::MIN as i64, i32::MAX as u64),
        ("uint16", 0, u16::MAX as u64),
        ("uint32", 0, u32::MAX as u64),
        ("uint64", 0, u64::MAX),
    ];
    let format = schema.get("format").and_then(Value::as_str);
    if let Some((_, min, max)) = RANGES.iter().find(|(name, ..)| format == Some(name)) {
        for (keyword, limit) in [("minimum", json!(min)), ("maximum", json!(max))] {
            if schema.get(keyword).is_none() {
                schema.insert(keyword.to_owned(), limit);
            }
        }
        schema.remove("format");
    }
    transform_subschemas(&mut bound_integers, schema);
}

struct AllowReferences;

impl Transform for AllowReferences {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        // A mapping with fields of its own keeps them where editors look for them: what refers to it takes a reference.
        let refers = object.contains_key("$ref");
        let has_fields = object.contains_key("properties");
        let typed = match object.get("type") {
            _ if has_fields => false,
            Some(Value::String(name)) => is_typed(name),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).any(is_typed),
            _ => false,
        };
        let words = object.contains_key("enum")
            || object.get("oneOf").and_then(Value::as_array).is_some_and(|cases| {
                cases.iter().all(|case| case.get("const").is_some() || case.get("enum").is_some())
            });
        if !typed && !words && !refers {
            return;
        }
        let mut own = std::mem::take(object);
        // The description that editors show stays on the field.
        for keyword in ["title", "description", "default"] {
            if let Some(value) = own.remove(keyword) {
                object.insert(keyword.to_owned(), value);
            }
        }
        object.insert("anyOf".to_owned(), json!([own, { "$ref": "#/$defs/Reference" }]));
    }
}

fn is_typed(name: &str) -> bool {
    matches!(name, "boolean" | "integer" | "number" | "array" | "object")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(disable_local_auth: &Value, access: &Value, name: &Value) -> Value {
        json!({ "version": 1, "stack": "s", "subscription": "x", "accounts": [
            { "name": name, "disableLocalAuth": disable_local_auth, "publicNetworkAccess": access, "identity": "None" }
        ]})
    }

    #[test]
    fn editors_take_a_reference_where_a_typed_value_stands_and_the_check_does_not() {
        let published = jsonschema::validator_for(&published_schema()).unwrap();
        let checked = jsonschema::validator_for(&schema()).unwrap();
        let plain = spec(&json!(true), &json!("Enabled"), &json!("a"));
        assert!(published.is_valid(&plain) && checked.is_valid(&plain));
        let cleared = spec(&json!(null), &json!(null), &json!("a"));
        assert!(published.is_valid(&cleared) && checked.is_valid(&cleared));
        let with_references = spec(&json!("${keys_off}"), &json!("${access}"), &json!("a-${env}"));
        assert!(published.is_valid(&with_references) && !checked.is_valid(&with_references));
        for wrong in [json!("yes"), json!("x${a}"), json!("${a}${b}"), json!("${1}"), json!("${}"), json!(1)]
        {
            assert!(!published.is_valid(&spec(&wrong, &json!("Enabled"), &json!("a"))), "{wrong}");
            assert!(!published.is_valid(&spec(&json!(true), &wrong, &json!("a"))), "{wrong}");
        }
    }

    #[test]
    fn editors_take_a_reference_where_a_list_or_a_mapping_stands() {
        let published = jsonschema::validator_for(&published_schema()).unwrap();
        let with = |field: &str, value: &Value| {
            let mut spec = spec(&json!(true), &json!("Enabled"), &json!("a"));
            spec["variables"] = json!({"ranges": ["10.0.0.0/24"], "by": {"team": [1]}, "n": null});
            spec["accounts"][0][field] = value.clone();
            spec
        };
        for (field, value, taken) in [
            ("networkAcls", json!({"ipRules": "${ranges}"}), true),
            ("networkAcls", json!("${acls}"), true),
            ("networkAcls", json!("acls"), false),
            ("networkAcls", json!({"ipRules": "x-${ranges}"}), false),
            ("tags", json!("${tags}"), true),
            ("tags", json!({"team": "${team}"}), true),
            ("deployments", json!("${models}"), true),
            ("deployments", json!(["${model}"]), true),
            ("deployments", json!([{"nam": "a"}]), false),
            ("roleAssignments", json!([{"role": "Reader", "principals": "${callers}"}]), true),
            ("roleAssignments", json!([{"role": "Reader", "principals": ["${caller}"]}]), true),
            ("roleAssignments", json!([{"role": "Reader", "principals": ["caller"]}]), false),
        ] {
            assert_eq!(published.is_valid(&with(field, &value)), taken, "{field}: {value}");
        }
        assert!(!published.is_valid(&json!("${spec}")));
        assert!(published_schema()["properties"]["accounts"]["description"].is_string());
    }

    #[test]
    fn draft_7_reads_the_schema_as_it_is_meant() {
        const SAME: &[&str] = &[
            "$defs",
            "$ref",
            "$schema",
            "additionalProperties",
            "anyOf",
            "const",
            "default",
            "description",
            "enum",
            "format",
            "items",
            "maximum",
            "minItems",
            "minimum",
            "oneOf",
            "pattern",
            "properties",
            "required",
            "title",
            "type",
        ];
        const WORDS: &[&str] = &["$ref", "default", "description", "title"];
        fn check(schema: &Value) {
            let Value::Object(keywords) = schema else { return };
            for (keyword, value) in keywords {
                // Draft 7 ignores what stands beside a reference, knows no `$defs` to check, and takes a list of `items` as a tuple.
                assert!(
                    SAME.contains(&keyword.as_str()) && (keyword != "items" || value.is_object()),
                    "{keyword}"
                );
                assert!(
                    !keywords.contains_key("$ref") || WORDS.contains(&keyword.as_str()),
                    "{keyword} by $ref"
                );
                match (keyword.as_str(), value) {
                    ("properties" | "$defs", Value::Object(named)) => named.values().for_each(check),
                    ("items" | "additionalProperties", inner) => check(inner),
                    ("anyOf" | "oneOf", Value::Array(cases)) => cases.iter().for_each(check),
                    _ => {}
                }
            }
        }
        check(&schema());
    }

    #[test]
    fn both_schemas_are_draft_2020_12_and_keep_the_descriptions() {
        for schema in [schema(), published_schema()] {
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
            let field = &schema["$defs"]["Account"]["properties"]["disableLocalAuth"];
            assert_eq!(field["description"], "Whether API keys are disabled. On creation: true.");
        }
    }
}
