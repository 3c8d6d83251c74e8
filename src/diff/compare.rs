//! Compares two values of a field, and all declared fields of a resource with a live body.
//!
//! Pure. Each kind's field table lists what is not compared by equality.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::kinds::{Compare, Field, FieldChange, Kind, Mutability, cidr};
use crate::rbac::Condition;
use crate::text::json::spelled;

/// Calls back for each value that is shown on a line of its own.
pub(super) fn leaves(
    kind: &dyn Kind,
    path: &[String],
    value: &Value,
    found: &mut impl FnMut(&[String], &Value, Mutability),
) {
    let field = field(kind, path);
    match (value, field.map(|field| field.compare)) {
        (_, Some(Compare::Identity)) | (Value::Null, _) => {}
        (Value::Object(map), None) => {
            for (name, child) in map {
                leaves(kind, &[path, std::slice::from_ref(name)].concat(), child, found);
            }
        }
        _ => found(path, value, field.map_or(Mutability::InPlace, |field| field.change)),
    }
}

/// Calls back for every value that a write would contain, including identifying fields, empty maps and `null`s.
pub fn values(kind: &dyn Kind, declared: &Map<String, Value>, found: &mut impl FnMut(&[String], &Value)) {
    fn walk(kind: &dyn Kind, path: &[String], value: &Value, found: &mut impl FnMut(&[String], &Value)) {
        match (value, field(kind, path)) {
            (Value::Object(map), None) if !map.is_empty() => {
                for (name, child) in map {
                    walk(kind, &[path, std::slice::from_ref(name)].concat(), child, found);
                }
            }
            _ => found(path, value),
        }
    }
    for (name, value) in declared {
        walk(kind, std::slice::from_ref(name), value, found);
    }
}

/// Each declared field that differs from a live body.
#[must_use]
pub fn field_changes(kind: &dyn Kind, declared: &Map<String, Value>, body: &Value) -> Vec<FieldChange> {
    let live = kind.to_spec(body);
    let mut changes = Vec::new();
    for (name, value) in declared {
        walk(kind, std::slice::from_ref(name), value, live.get(name).unwrap_or(&Value::Null), &mut changes);
    }
    changes
}

/// The declared fields that Azure does not show, as changes: they are sent whenever something else is written.
pub(super) fn unshown(kind: &dyn Kind, declared: &Map<String, Value>, body: &Value) -> Vec<FieldChange> {
    let live = kind.to_spec(body);
    let shown = |path: &[String]| path.iter().fold(&live, |value, name| &value[name.as_str()]);
    let mut changes = Vec::new();
    for (name, value) in declared {
        leaves(kind, std::slice::from_ref(name), value, &mut |path, value, change| {
            if field(kind, path).is_some_and(|field| field.compare.hides(shown(path))) {
                let (path, after) = (path.to_vec(), value.clone());
                changes.push(FieldChange { path, before: Value::Null, after, span: None, change });
            }
        });
    }
    changes
}

/// A field's row in a kind's table.
#[must_use]
pub fn field(kind: &dyn Kind, path: &[String]) -> Option<&'static Field> {
    kind.fields().iter().find(|field| field.path.split('/').eq(path.iter().map(String::as_str)))
}

fn walk(kind: &dyn Kind, path: &[String], declared: &Value, live: &Value, changes: &mut Vec<FieldChange>) {
    let field = field(kind, path);
    if let (Value::Object(map), None) = (declared, field) {
        for (name, value) in map {
            let path = [path, std::slice::from_ref(name)].concat();
            let found = live.as_object().and_then(|live| live.get(spelled(live, name)));
            walk(kind, &path, value, found.unwrap_or(&Value::Null), changes);
        }
        return;
    }
    let compare = field.map_or(Compare::Equal, |field| field.compare);
    let meant: Value = field.and_then(|field| field.absent).map_or(Value::Null, |json| {
        serde_json::from_str(json).expect("an `absent` in a field table is JSON")
    });
    let effective = |value: &Value| if value.is_null() { meant.clone() } else { value.clone() };
    if equal(compare, &effective(declared), &effective(live)) {
        return;
    }
    changes.push(FieldChange {
        path: path.to_vec(),
        before: effective(live),
        after: declared.clone(),
        span: None,
        change: field.map_or(Mutability::InPlace, |field| field.change),
    });
}

/// Whether two values mean the same.
#[must_use]
pub(super) fn equal(compare: Compare, declared: &Value, live: &Value) -> bool {
    let folded = |value: &Value, fold: fn(&str) -> String| value.as_str().map(fold);
    let texts = |fold: fn(&str) -> String| match (folded(declared, fold), folded(live, fold)) {
        (Some(declared), Some(live)) => declared == live,
        _ => declared == live,
    };
    let sets = |fold: fn(&str) -> String| {
        let set = |value: &Value| -> Option<BTreeSet<String>> {
            value.as_array()?.iter().map(|each| each.as_str().map(fold)).collect()
        };
        match (set(declared), set(live)) {
            (Some(declared), Some(live)) => declared == live,
            _ => declared == live,
        }
    };
    match compare {
        Compare::Identity | Compare::Unshown => true,
        Compare::IfShown => live.is_null() || texts(str::to_lowercase),
        Compare::Equal => declared == live,
        Compare::IgnoreCase => texts(str::to_lowercase),
        Compare::Location => texts(|text| text.to_lowercase().replace(' ', "")),
        Compare::Condition => match (declared.as_str(), live.as_str()) {
            (Some(declared), Some(live)) => same_condition(declared, live),
            _ => declared == live,
        },
        Compare::TextToItsEnd => texts(|text| text.trim_end().to_owned()),
        Compare::Cidrs => sets(cidr::canonical),
        Compare::Names => sets(str::to_lowercase),
        Compare::By(identity) => same_elements(identity, declared, live),
    }
}

/// Whether two conditions are the same apart from white space between words. What cannot be parsed is compared as text.
fn same_condition(one: &str, two: &str) -> bool {
    match (Condition::parse(one), Condition::parse(two)) {
        (Ok(one), Ok(two)) => one.tokens() == two.tokens(),
        _ => one.trim() == two.trim(),
    }
}

/// Whether two lists have the same elements by identity, each with its declared members.
fn same_elements(identity: &[&str], declared: &Value, live: &Value) -> bool {
    let (Some(declared), Some(live)) = (declared.as_array(), live.as_array()) else {
        return declared == live;
    };
    let name = |element: &Value| -> Vec<Option<String>> {
        identity.iter().map(|member| element[member].as_str().map(str::to_lowercase)).collect()
    };
    declared.len() == live.len()
        && declared.iter().all(|wanted| {
            let found = live.iter().find(|found| name(found) == name(wanted));
            found.is_some_and(|found| covers(identity, wanted, found))
        })
}

/// Whether a live element has every declared member; an absent boolean is false.
fn covers(identity: &[&str], declared: &Value, live: &Value) -> bool {
    declared.as_object().into_iter().flatten().all(|(name, wanted)| {
        let found = &live[name.as_str()];
        if identity.contains(&name.as_str()) {
            return true;
        }
        match (wanted, found) {
            (Value::Null | Value::Bool(false), Value::Null | Value::Bool(false)) => true,
            (Value::String(wanted), Value::String(found)) => wanted.eq_ignore_ascii_case(found),
            _ => wanted == found,
        }
    })
}
