//! Shapes: what a JSON value may look like, whichever description said so.
//!
//! Input are the readers of swagger, pandora and Bicep, which fill a book of shapes; output is the book that
//! `value` walks. Shapes name each other by number, because descriptions are recursive.

use std::collections::BTreeMap;

/// A shape's number in its book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ShapeId(usize);

/// What a value may be.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Any,
    Text(Text),
    Integer { min: Option<i64>, max: Option<i64> },
    Number,
    Boolean,
    List(ShapeId),
    Object(Object),
}

/// Rules for a string.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    /// The listed values; none means any.
    pub(crate) values: Vec<String>,
    /// Other values than the listed ones may come (`modelAsString`).
    pub(crate) open: bool,
    pub(crate) min: Option<usize>,
    pub(crate) max: Option<usize>,
    pub(crate) pattern: Option<String>,
    pub(crate) format: Option<Format>,
}

/// Formats that are checked; the others say nothing that could be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    DateTime,
    ArmId,
}

/// Rules for an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    pub(crate) fields: BTreeMap<String, Field>,
    /// The shape of properties without a name of their own; none means there are no others.
    pub(crate) rest: Option<ShapeId>,
    /// The discriminator property, and the shapes by its value.
    pub(crate) variants: Option<(String, BTreeMap<String, ShapeId>)>,
}

/// One named property.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) shape: ShapeId,
    pub(crate) required: bool,
    pub(crate) access: Access,
}

/// Who may say a property, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Free,
    /// The server fills it; a client that sends it is wrong.
    ReadOnly,
    /// It must not appear in an answer.
    WriteOnly,
    /// It may be said when creating, not by PATCH.
    CreateOnly,
}

impl Field {
    /// A property of that shape without further rules.
    pub(crate) fn of(shape: ShapeId) -> Self {
        Self { shape, required: false, access: Access::Free }
    }
}

/// All shapes of all descriptions.
#[derive(Debug, Default)]
pub(crate) struct Book {
    shapes: Vec<Shape>,
}

impl Book {
    /// Take a number now for a shape that is set later.
    pub(crate) fn reserve(&mut self) -> ShapeId {
        self.add(Shape::Any)
    }

    /// Set what a reserved number stands for.
    pub(crate) fn set(&mut self, id: ShapeId, shape: Shape) {
        self.shapes[id.0] = shape;
    }

    /// Enter a shape.
    pub(crate) fn add(&mut self, shape: Shape) -> ShapeId {
        self.shapes.push(shape);
        ShapeId(self.shapes.len() - 1)
    }

    /// The shape of that number.
    pub(crate) fn get(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0]
    }

    /// Every pattern that some string must match.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &str> {
        self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text(text) => text.pattern.as_deref(),
            _ => None,
        })
    }

    /// The answer to a list: `value` and `nextLink`.
    pub(crate) fn page_of(&mut self, item: ShapeId) -> ShapeId {
        let list = self.add(Shape::List(item));
        let link = self.add(Shape::Text(Text::default()));
        let fields = [("value", Field::of(list)), ("nextLink", Field::of(link))];
        let fields = fields.into_iter().map(|(name, field)| (name.to_owned(), field)).collect();
        self.add(Shape::Object(Object { fields, ..Object::default() }))
    }
}
