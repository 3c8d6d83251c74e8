//! Pandora: one small JSON file for each operation, model and enum.
//!
//! Input is a folder of one api-version; output are operations with the shapes of their models. Lists are models of
//! their items here, so the page around them is added.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::operation::{Operation, Template};
use super::shape::{Access, Book, Field, Format, Object, Shape, ShapeId, Text};

/// Every operation below a folder of one api-version.
pub(crate) fn operations(book: &mut Book, folder: &Path) -> Vec<Operation> {
    let mut found = Vec::new();
    for group in super::files(folder).into_iter().filter(|path| path.is_dir()) {
        let mut reader = Reader { book, folder: group.clone(), known: HashMap::new() };
        for file in super::files(&group) {
            if file_name(&file).starts_with("Operation-") {
                found.push(reader.operation(&super::read_json(&file), &file_name(&group)));
            }
        }
    }
    found
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

struct Reader<'a> {
    book: &'a mut Book,
    folder: PathBuf,
    known: HashMap<String, ShapeId>,
}

impl Reader<'_> {
    fn operation(&mut self, said: &Value, group: &str) -> Operation {
        let id = said["resourceIdName"].as_str().map(|name| {
            let file = self.folder.join(format!("ResourceId-{name}.json"));
            super::read_json(&file)["id"].as_str().unwrap_or_default().to_owned()
        });
        let suffix = said["uriSuffix"].as_str().unwrap_or_default();
        let paged = said["fieldContainingPaginationDetails"].is_string();
        let response = said.get("responseObject").map(|object| {
            let id = self.definition(object);
            if paged { self.book.page_of(id) } else { id }
        });
        let options = said["options"].as_array().into_iter().flatten();
        let codes = said["expectedStatusCodes"].as_array().into_iter().flatten().filter_map(Value::as_u64);
        let codes = codes.filter_map(|code| u16::try_from(code).ok());
        Operation {
            name: format!("{group}.{}", said["name"].as_str().unwrap_or_default()),
            method: said["httpMethod"].as_str().unwrap_or_default().to_uppercase(),
            template: Template::parse(&format!("{}{suffix}", id.unwrap_or_default())),
            statuses: codes.map(|code| (code, response.filter(|_| code != 204))).collect(),
            error: None,
            request: said.get("requestObject").map(|object| self.definition(object)),
            long_running: said["longRunning"].as_bool().unwrap_or(false),
            query: options
                .filter_map(|option| {
                    let required = option["required"].as_bool().unwrap_or(false);
                    Some((option["queryString"].as_str()?.to_owned(), required))
                })
                .collect(),
            path_rules: BTreeMap::new(),
        }
    }

    fn definition(&mut self, said: &Value) -> ShapeId {
        let text = |format| Shape::Text(Text { format, ..Text::default() });
        let shape = match said["type"].as_str() {
            Some("Reference") => return self.named(said["referenceName"].as_str().unwrap_or_default()),
            Some("List") => Shape::List(self.definition(&said["nestedItem"])),
            Some("Zones") => Shape::List(self.book.add(text(None))),
            Some("Dictionary") => {
                let rest = Some(self.definition(&said["nestedItem"]));
                Shape::Object(Object { rest, ..Object::default() })
            }
            Some("Tags") => {
                let rest = Some(self.book.add(text(None)));
                Shape::Object(Object { rest, ..Object::default() })
            }
            Some("String" | "Location") => text(None),
            Some("DateTime") => text(Some(Format::DateTime)),
            Some("Integer") => Shape::Integer { min: None, max: None },
            Some("Float") => Shape::Number,
            Some("Boolean") => Shape::Boolean,
            // Identity and system data: Bicep says what they hold.
            _ => Shape::Any,
        };
        self.book.add(shape)
    }

    fn named(&mut self, name: &str) -> ShapeId {
        if let Some(&id) = self.known.get(name) {
            return id;
        }
        let id = self.book.reserve();
        self.known.insert(name.to_owned(), id);
        let model = self.folder.join(format!("Model-{name}.json"));
        let shape = if model.is_file() {
            Shape::Object(self.model(&super::read_json(&model)))
        } else {
            let constant = super::read_json(&self.folder.join(format!("Constant-{name}.json")));
            let values = constant["values"].as_array().into_iter().flatten();
            let values = values.filter_map(|value| value["value"].as_str()).map(str::to_owned).collect();
            // Pandora does not keep `modelAsString`; in these descriptions it is always true.
            Shape::Text(Text { values, open: true, ..Text::default() })
        };
        self.book.set(id, shape);
        id
    }

    fn model(&mut self, said: &Value) -> Object {
        let mut object = Object::default();
        for field in said["fields"].as_array().into_iter().flatten() {
            let id = self.definition(&field["objectDefinition"]);
            let flag = |name: &str| field[name].as_bool().unwrap_or(false);
            let name = field["jsonName"].as_str().unwrap_or_default().to_owned();
            let access = if flag("readOnly") { Access::ReadOnly } else { Access::Free };
            let entry = Field { shape: id, required: flag("required"), access };
            if flag("containsDiscriminatedTypeValue") {
                object.variants = Some((name.clone(), BTreeMap::new()));
            }
            object.fields.insert(name, entry);
        }
        let own = said["name"].as_str().unwrap_or_default();
        if let Some((field, _)) = object.variants.take() {
            let variants = self.children(own);
            object.variants = Some((field, variants));
        }
        object
    }

    /// The models that name this one as their parent, by the value that selects them.
    fn children(&mut self, parent: &str) -> BTreeMap<String, ShapeId> {
        let mut found = BTreeMap::new();
        for file in super::files(&self.folder) {
            if !file_name(&file).starts_with("Model-") {
                continue;
            }
            let said = super::read_json(&file);
            let value = said["discriminatedTypeValue"].as_str();
            if let (Some(value), true) = (value, said["discriminatedParentModelName"] == parent) {
                let child = Shape::Object(self.model(&said));
                let id = self.book.add(child);
                found.insert(value.to_owned(), id);
            }
        }
        found
    }
}
