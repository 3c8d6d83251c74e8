//! Bicep types: the bodies of whole resources.
//!
//! Input is a `types.json`, an array in which `{"$ref":"#/N"}` means element N; output are shapes by resource type.
//! Bicep says nothing of methods and statuses: those come from `pandora` and `swagger`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;

use super::shape::{Access, Book, Field, Object, Shape, ShapeId, Text};

/// Bits of a property's `flags`.
const REQUIRED: u64 = 1;
const READ_ONLY: u64 = 2;
const WRITE_ONLY: u64 = 4;

/// Properties of every resource that stand in the URL or are the server's, not the client's.
const IDENTITY: [&str; 3] = ["id", "name", "type"];

/// The resource types of one file, by lower-case type name.
pub(crate) fn resources(book: &mut Book, file: &Path) -> BTreeMap<String, ShapeId> {
    let elements = super::read_json(file);
    let mut reader = Reader { book, elements: &elements, known: HashMap::new() };
    let mut found = BTreeMap::new();
    for element in elements.as_array().into_iter().flatten() {
        let kind = (element["$type"].as_str(), element["name"].as_str());
        if let (Some("ResourceType"), Some(name)) = kind {
            let body = reader.link(&element["body"]);
            let name = name.split('@').next().unwrap_or_default().to_lowercase();
            found.insert(name, reader.as_body(body));
        }
    }
    found
}

struct Reader<'a> {
    book: &'a mut Book,
    elements: &'a Value,
    known: HashMap<usize, ShapeId>,
}

impl Reader<'_> {
    fn link(&mut self, link: &Value) -> ShapeId {
        let number = link["$ref"].as_str().and_then(|text| text.strip_prefix("#/")?.parse().ok());
        let number: usize = number.unwrap_or_else(|| panic!("`{link}` is no reference"));
        if let Some(&id) = self.known.get(&number) {
            return id;
        }
        let id = self.book.reserve();
        self.known.insert(number, id);
        let elements = self.elements;
        let shape = self.shape(&elements[number]);
        self.book.set(id, shape);
        id
    }

    fn shape(&mut self, element: &Value) -> Shape {
        let size = |name: &str| element[name].as_u64().and_then(|size| usize::try_from(size).ok());
        match element["$type"].as_str() {
            Some("StringType") => Shape::Text(Text {
                min: size("minLength"),
                max: size("maxLength"),
                pattern: element["pattern"].as_str().map(str::to_owned),
                ..Text::default()
            }),
            Some("StringLiteralType") => Shape::Text(Text { values: literal(element), ..Text::default() }),
            Some("IntegerType") => {
                Shape::Integer { min: element["minValue"].as_i64(), max: element["maxValue"].as_i64() }
            }
            Some("BooleanType") => Shape::Boolean,
            Some("ArrayType") => Shape::List(self.link(&element["itemType"])),
            Some("UnionType") => self.union(element),
            Some("ObjectType") => Shape::Object(self.object(&element["properties"], element)),
            Some("DiscriminatedObjectType") => Shape::Object(self.discriminated(element)),
            _ => Shape::Any,
        }
    }

    /// A union of literals is an enum, and open if it holds `string` itself.
    fn union(&mut self, element: &Value) -> Shape {
        let mut text = Text::default();
        for link in element["elements"].as_array().into_iter().flatten() {
            let id = self.link(link);
            match self.book.get(id) {
                Shape::Text(part) if part.values.is_empty() => text.open = true,
                Shape::Text(part) => text.values.extend(part.values.iter().cloned()),
                _ => return Shape::Any,
            }
        }
        Shape::Text(text)
    }

    fn object(&mut self, properties: &Value, element: &Value) -> Object {
        let mut object = Object::default();
        for (name, property) in properties.as_object().into_iter().flatten() {
            let flags = property["flags"].as_u64().unwrap_or(0);
            let mut field = Field::of(self.link(&property["type"]));
            field.required = flags & REQUIRED != 0;
            field.access = match flags {
                flags if flags & READ_ONLY != 0 => Access::ReadOnly,
                flags if flags & WRITE_ONLY != 0 => Access::WriteOnly,
                _ => Access::Free,
            };
            object.fields.insert(name.clone(), field);
        }
        if element["additionalProperties"].is_object() {
            object.rest = Some(self.link(&element["additionalProperties"]));
        }
        object
    }

    fn discriminated(&mut self, element: &Value) -> Object {
        let mut object = self.object(&element["baseProperties"], element);
        let mut variants = BTreeMap::new();
        for (value, link) in element["elements"].as_object().into_iter().flatten() {
            let id = self.link(link);
            variants.insert(value.clone(), id);
        }
        let field = element["discriminator"].as_str().unwrap_or_default().to_owned();
        let values = variants.keys().cloned().collect();
        let id = self.book.add(Shape::Text(Text { values, ..Text::default() }));
        object.fields.insert(field.clone(), Field { required: true, ..Field::of(id) });
        object.variants = Some((field, variants));
        object
    }

    /// The body as HTTP carries it: no `apiVersion`, and a name that no client sends.
    fn as_body(&mut self, id: ShapeId) -> ShapeId {
        let mut shape = self.book.get(id).clone();
        if let Shape::Object(object) = &mut shape {
            object.fields.remove("apiVersion");
            for name in IDENTITY {
                if let Some(field) = object.fields.get_mut(name) {
                    let text = self.book.add(Shape::Text(Text::default()));
                    *field = Field { access: Access::ReadOnly, ..Field::of(text) };
                }
            }
        }
        self.book.add(shape)
    }
}

fn literal(element: &Value) -> Vec<String> {
    element["value"].as_str().map(str::to_owned).into_iter().collect()
}
