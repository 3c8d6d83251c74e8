//! Values against shapes.
//!
//! Input is a JSON value, a shape and the side that sent it; output are findings with the place of each. A finding
//! says which rule is broken; whether that matters is decided by `report`.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::shape::{Access, Book, Field, Format, Object, Shape, ShapeId, Text};

/// Who sent the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Request,
    Answer,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    UnknownOperation,
    ApiVersion,
    PathParameter,
    UnknownParameter,
    MissingParameter,
    Status,
    MissingBody,
    UnexpectedBody,
    NotJson,
    ErrorBody,
    LongRunning,
    Type,
    Null,
    Required,
    UnknownField,
    ReadOnly,
    WriteOnly,
    CreateOnly,
    Enum,
    /// A value that an open enum does not list: no more than a note.
    OpenEnum,
    Length,
    Pattern,
    Range,
    Format,
}

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) rule: Rule,
    pub(crate) side: Side,
    /// Where, exactly.
    pub(crate) at: String,
    /// Where, with `*` for list items and keys of maps.
    pub(crate) path: String,
    pub(crate) detail: String,
}

/// Compiled patterns by their text.
pub(crate) type Patterns = HashMap<String, jsonschema::Validator>;

/// Compile every pattern of a book.
pub(crate) fn compile_patterns(book: &Book) -> Patterns {
    let mut compiled = Patterns::new();
    for pattern in book.patterns() {
        if !compiled.contains_key(pattern) {
            let schema = serde_json::json!({ "pattern": pattern });
            let validator = jsonschema::validator_for(&schema)
                .unwrap_or_else(|error| panic!("the described pattern `{pattern}` cannot be read: {error}"));
            compiled.insert(pattern.to_owned(), validator);
        }
    }
    compiled
}

/// A walk through one body.
pub(crate) struct Walk<'a> {
    pub(crate) book: &'a Book,
    pub(crate) patterns: &'a Patterns,
    pub(crate) side: Side,
    /// The body of a PATCH: what is required when creating may be left out, and some fields may not change.
    pub(crate) patch: bool,
    pub(crate) found: Vec<Finding>,
}

/// Where the walk is.
#[derive(Clone, Default)]
struct Spot {
    at: String,
    path: String,
}

impl Spot {
    fn field(&self, name: &str) -> Self {
        Self { at: format!("{}/{name}", self.at), path: format!("{}/{name}", self.path) }
    }

    fn item(&self, name: &str) -> Self {
        Self { at: format!("{}/{name}", self.at), path: format!("{}/*", self.path) }
    }
}

impl Walk<'_> {
    /// Check a whole body.
    pub(crate) fn body(&mut self, shape: ShapeId, value: &Value) {
        self.value(shape, value, &Spot::default());
    }

    /// Check one string that is not in a body, such as a part of the path.
    pub(crate) fn parameter(&mut self, name: &str, text: &Text, value: &str) {
        let before = self.found.len();
        self.text(text, value, &Spot { at: name.to_owned(), path: name.to_owned() });
        for finding in &mut self.found[before..] {
            finding.detail = format!("{:?}: {}", finding.rule, finding.detail);
            finding.rule = Rule::PathParameter;
        }
    }

    fn report(&mut self, rule: Rule, spot: &Spot, detail: String) {
        let (at, path) = (spot.at.clone(), spot.path.clone());
        self.found.push(Finding { rule, side: self.side, at, path, detail });
    }

    fn value(&mut self, shape: ShapeId, value: &Value, spot: &Spot) {
        let book = self.book;
        match (book.get(shape), value) {
            (Shape::Any, _) | (Shape::Boolean, Value::Bool(_)) | (Shape::Number, Value::Number(_)) => {}
            (Shape::Text(text), Value::String(said)) => self.text(text, said, spot),
            (Shape::Integer { min, max }, Value::Number(number)) => match number.as_i64() {
                Some(number)
                    if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) =>
                {
                    self.report(Rule::Range, spot, format!("{number} is outside {min:?}..{max:?}"));
                }
                Some(_) => {}
                None => self.report(Rule::Type, spot, format!("expected an integer, found {number}")),
            },
            (Shape::List(item), Value::Array(values)) => {
                for (at, value) in values.iter().enumerate() {
                    self.value(*item, value, &spot.item(&at.to_string()));
                }
            }
            (Shape::Object(object), Value::Object(map)) => self.object(object, map, spot),
            (shape, Value::Null) => {
                self.report(Rule::Null, spot, format!("null in place of {}", kind(shape)));
            }
            (shape, value) => {
                let (want, have) = (kind(shape), json_kind(value));
                self.report(Rule::Type, spot, format!("expected {want}, found {have}"));
            }
        }
    }

    fn object(&mut self, object: &Object, map: &serde_json::Map<String, Value>, spot: &Spot) {
        let fields = self.with_variant(object, map);
        for (name, field) in &fields {
            let optional = self.side == Side::Request && (self.patch || field.access == Access::ReadOnly);
            if field.required && !optional && !map.contains_key(name) {
                self.report(Rule::Required, &spot.field(name), "is required".to_owned());
            }
        }
        for (name, value) in map {
            let here = spot.field(name);
            match (fields.get(name), object.rest) {
                (Some(field), _) => self.field(*field, value, &here),
                (None, Some(rest)) => self.value(rest, value, &spot.item(name)),
                (None, None) => {
                    self.report(
                        Rule::UnknownField,
                        &here,
                        format!("is not described ({})", json_kind(value)),
                    );
                }
            }
        }
    }

    /// The object's own fields and those of the variant that the value selects.
    fn with_variant(&self, object: &Object, map: &serde_json::Map<String, Value>) -> BTreeMap<String, Field> {
        let mut fields = object.fields.clone();
        if let Some((selector, variants)) = &object.variants {
            let chosen = map.get(selector).and_then(Value::as_str).and_then(|value| variants.get(value));
            if let Some(Shape::Object(variant)) = chosen.map(|id| self.book.get(*id)) {
                for (name, field) in &variant.fields {
                    fields.entry(name.clone()).or_insert(*field);
                }
            }
        }
        fields
    }

    fn field(&mut self, field: Field, value: &Value, spot: &Spot) {
        match (self.side, field.access) {
            (Side::Request, Access::ReadOnly) => {
                self.report(Rule::ReadOnly, spot, "is the server's to fill".to_owned());
            }
            (Side::Request, Access::CreateOnly) if self.patch => {
                self.report(Rule::CreateOnly, spot, "may be said only when creating".to_owned());
            }
            (Side::Answer, Access::WriteOnly) if !value.is_null() => {
                self.report(Rule::WriteOnly, spot, "may not stand in an answer".to_owned());
            }
            _ => {}
        }
        self.value(field.shape, value, spot);
    }

    fn text(&mut self, text: &Text, said: &str, spot: &Spot) {
        if !text.values.is_empty() && !text.values.iter().any(|value| value == said) {
            let rule = if text.open { Rule::OpenEnum } else { Rule::Enum };
            self.report(rule, spot, format!("`{said}` is none of {}", text.values.join(", ")));
        }
        let length = said.chars().count();
        if text.min.is_some_and(|min| length < min) || text.max.is_some_and(|max| length > max) {
            let bounds = (text.min.unwrap_or(0), text.max);
            self.report(Rule::Length, spot, format!("{length} characters are outside {bounds:?}"));
        }
        if let Some(pattern) = &text.pattern {
            let fits = self.patterns.get(pattern).is_none_or(|compiled| compiled.is_valid(&said.into()));
            if !fits {
                self.report(Rule::Pattern, spot, format!("`{said}` does not match `{pattern}`"));
            }
        }
        let fits = match text.format {
            Some(Format::DateTime) => said.parse::<jiff::Timestamp>().is_ok(),
            Some(Format::ArmId) => said.starts_with('/'),
            None => true,
        };
        if !fits {
            self.report(Rule::Format, spot, format!("`{said}` is no {:?}", text.format));
        }
    }
}

fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Any => "anything",
        Shape::Text(_) => "a string",
        Shape::Integer { .. } => "an integer",
        Shape::Number => "a number",
        Shape::Boolean => "a boolean",
        Shape::List(_) => "a list",
        Shape::Object(_) => "an object",
    }
}

/// The name of a JSON value's type.
pub(crate) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
