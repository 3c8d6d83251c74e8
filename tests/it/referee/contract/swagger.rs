//! Swagger 2.0, as Azure writes it: operations and shapes of one api-version.
//!
//! Input are files of `openapi/specification`; references lead to other files, the common types too. Output are
//! operations and entries in the book. What swagger has and these files do not use is not read.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::operation::{Operation, Template};
use super::shape::{Access, Book, Field, Format, Object, Shape, ShapeId, Text};

/// A reader with the files it has met.
pub(crate) struct Reader<'a> {
    book: &'a mut Book,
    files: HashMap<PathBuf, Value>,
    known: HashMap<(PathBuf, String), ShapeId>,
}

/// An operation with the example files that its description names.
pub(crate) struct Described {
    pub(crate) operation: Operation,
    pub(crate) examples: Vec<PathBuf>,
    /// The name of the body among the parameters, as examples use it.
    pub(crate) body_name: Option<String>,
}

/// A value inside a file.
#[derive(Clone)]
struct Place {
    file: PathBuf,
    pointer: String,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(book: &'a mut Book) -> Self {
        Self { book, files: HashMap::new(), known: HashMap::new() }
    }

    /// Every operation of a file.
    pub(crate) fn operations(&mut self, file: &Path) -> Vec<Described> {
        let place = Place { file: file.to_owned(), pointer: String::new() };
        let root = self.value(&place).clone();
        let mut found = Vec::new();
        for section in ["paths", "x-ms-paths"] {
            for (path, methods) in root[section].as_object().into_iter().flatten() {
                for (method, description) in methods.as_object().into_iter().flatten() {
                    if description["responses"].is_object() {
                        let common = &methods["parameters"];
                        found.push(self.operation(&place, path, method, description, common));
                    }
                }
            }
        }
        found
    }

    fn operation(&mut self, at: &Place, path: &str, method: &str, said: &Value, common: &Value) -> Described {
        let mut query = BTreeMap::new();
        let mut path_rules = BTreeMap::new();
        let mut request = None;
        let mut body_name = None;
        let listed = [common, &said["parameters"]];
        for parameter in listed.into_iter().filter_map(Value::as_array).flatten() {
            let (place, parameter) = self.follow(at, parameter);
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            match parameter["in"].as_str() {
                Some("query") => {
                    query.insert(name, parameter["required"].as_bool().unwrap_or(false));
                }
                Some("path") => {
                    path_rules.insert(name, text_rules(&parameter));
                }
                Some("body") => {
                    request = Some(self.inline(&place, &parameter["schema"]));
                    body_name = Some(name);
                }
                _ => {}
            }
        }
        let mut statuses = BTreeMap::new();
        let mut error = None;
        for (status, response) in said["responses"].as_object().into_iter().flatten() {
            let (place, response) = self.follow(at, response);
            let schema = response.get("schema").map(|schema| self.inline(&place, schema));
            match status.parse::<u16>() {
                Ok(code) => drop(statuses.insert(code, schema)),
                Err(_) => error = schema,
            }
        }
        let template = Template::parse(path.split('?').next().unwrap_or_default());
        let operation = Operation {
            name: said["operationId"].as_str().unwrap_or_default().to_owned(),
            method: method.to_uppercase(),
            template,
            statuses,
            error,
            request,
            long_running: said["x-ms-long-running-operation"].as_bool().unwrap_or(false),
            query,
            path_rules,
        };
        let folder = at.file.parent().map(Path::to_owned).unwrap_or_default();
        let examples = said["x-ms-examples"].as_object().into_iter().flatten();
        let examples = examples.filter_map(|(_, link)| Some(folder.join(link["$ref"].as_str()?))).collect();
        Described { operation, examples, body_name }
    }

    /// The shape of an inline schema.
    fn inline(&mut self, at: &Place, schema: &Value) -> ShapeId {
        if let Some(link) = schema["$ref"].as_str() {
            return self.named(&target(at, link));
        }
        let shape = self.shape(at, schema);
        self.book.add(shape)
    }

    /// The shape of a definition, entered once.
    fn named(&mut self, place: &Place) -> ShapeId {
        let key = (place.file.clone(), place.pointer.clone());
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let id = self.book.reserve();
        self.known.insert(key, id);
        let schema = self.value(place).clone();
        let shape = match schema["$ref"].as_str() {
            Some(link) => {
                let id = self.named(&target(place, link));
                self.book.get(id).clone()
            }
            None => self.shape(place, &schema),
        };
        self.book.set(id, shape);
        id
    }

    fn shape(&mut self, at: &Place, schema: &Value) -> Shape {
        let object =
            ["properties", "additionalProperties", "allOf"].iter().any(|key| schema.get(key).is_some());
        match schema["type"].as_str() {
            Some("string") => Shape::Text(text_rules(schema)),
            Some("integer") => {
                Shape::Integer { min: schema["minimum"].as_i64(), max: schema["maximum"].as_i64() }
            }
            Some("number") => Shape::Number,
            Some("boolean") => Shape::Boolean,
            Some("array") => Shape::List(self.inline(at, &schema["items"])),
            _ if object => self.object(at, schema),
            Some("object") => {
                let rest = Some(self.book.add(Shape::Any));
                Shape::Object(Object { rest, ..Object::default() })
            }
            _ => Shape::Any,
        }
    }

    fn object(&mut self, at: &Place, schema: &Value) -> Shape {
        let mut object = Object::default();
        for parent in schema["allOf"].as_array().into_iter().flatten() {
            let id = self.inline(at, parent);
            match self.book.get(id).clone() {
                Shape::Object(parent) => {
                    object.fields.extend(parent.fields);
                    object.rest = object.rest.or(parent.rest);
                }
                // A single parent that is no object is the whole shape.
                other => return other,
            }
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let field = self.field(at, property);
            object.fields.insert(name.clone(), field);
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if let Some(field) = object.fields.get_mut(name) {
                field.required = true;
            }
        }
        match &schema["additionalProperties"] {
            Value::Object(rest) if rest.is_empty() => object.rest = Some(self.book.add(Shape::Any)),
            rest @ Value::Object(_) => object.rest = Some(self.inline(at, rest)),
            Value::Bool(true) => object.rest = Some(self.book.add(Shape::Any)),
            _ => {}
        }
        Shape::Object(object)
    }

    /// A property; ARM writes `readOnly` beside a reference too.
    fn field(&mut self, at: &Place, property: &Value) -> Field {
        let mut field = Field::of(self.inline(at, property));
        let (_, resolved) = self.follow(at, property);
        for said in [property, &resolved] {
            if said["readOnly"].as_bool().unwrap_or(false) {
                field.access = Access::ReadOnly;
            } else if let Some(list) = said["x-ms-mutability"].as_array() {
                let may = |verb: &str| list.iter().any(|item| item == verb);
                field.access = match (may("read"), may("create"), may("update")) {
                    (true, false, false) => Access::ReadOnly,
                    (false, _, _) => Access::WriteOnly,
                    (true, true, false) => Access::CreateOnly,
                    (true, _, true) => field.access,
                };
            }
        }
        field
    }

    /// The thing itself, or what its reference leads to.
    fn follow(&mut self, at: &Place, value: &Value) -> (Place, Value) {
        let Some(link) = value["$ref"].as_str() else { return (at.clone(), value.clone()) };
        let place = target(at, link);
        let value = self.value(&place).clone();
        (place, value)
    }

    fn value(&mut self, place: &Place) -> &Value {
        let file = self.files.entry(place.file.clone()).or_insert_with(|| super::read_json(&place.file));
        file.pointer(&place.pointer)
            .unwrap_or_else(|| panic!("{}#{} does not exist", place.file.display(), place.pointer))
    }
}

/// Where a reference points; paths are relative to the containing file.
fn target(at: &Place, link: &str) -> Place {
    let (file, pointer) = link.split_once('#').unwrap_or((link, ""));
    if file.is_empty() {
        return Place { file: at.file.clone(), pointer: pointer.to_owned() };
    }
    let mut path = at.file.parent().map(Path::to_owned).unwrap_or_default();
    for part in file.split('/') {
        match part {
            "." => {}
            ".." => drop(path.pop()),
            name => path.push(name),
        }
    }
    Place { file: path, pointer: pointer.to_owned() }
}

fn text_rules(schema: &Value) -> Text {
    let size = |name: &str| schema[name].as_u64().and_then(|size| usize::try_from(size).ok());
    let values = schema["enum"].as_array().into_iter().flatten();
    Text {
        values: values.filter_map(Value::as_str).map(str::to_owned).collect(),
        open: schema["x-ms-enum"]["modelAsString"].as_bool().unwrap_or(false),
        min: size("minLength"),
        max: size("maxLength"),
        pattern: schema["pattern"].as_str().map(str::to_owned),
        format: match schema["format"].as_str() {
            Some("date-time") => Some(Format::DateTime),
            Some("arm-id") => Some(Format::ArmId),
            _ => None,
        },
    }
}
