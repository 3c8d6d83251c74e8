//! What is left of a document when its structural problems are taken out, so that the rules can be checked in the same run.

use serde_json::{Value, json};

use super::{Kind, problems};
use crate::spec::tree::Document;

/// Rounds of taking out: removing one value can uncover another problem.
const ROUNDS: usize = 3;

/// Something that no rule objects to, in place of a required field that is not there.
fn placeholder(name: &str, pointer: &str) -> Option<Value> {
    Some(match name {
        "version" => json!(1),
        "stack" => json!("unnamed"),
        "subscription" => json!("00000000-0000-0000-0000-000000000000"),
        // Two nameless accounts are not the same account.
        "name" => json!(format!("unnamed{}", pointer.replace('/', "-"))),
        "role" => json!("Cognitive Services User"),
        "principals" => json!([]),
        "scope" => json!("subscription"),
        _ => return None,
    })
}

fn is_scalar(tree: &Value, pointer: &str) -> bool {
    tree.pointer(pointer).is_some_and(|value| value.is_number() || value.is_boolean())
}

/// The tree without what is wrong with it: misspelt fields under their right names, the other wrong values left out.
///
/// Required fields that are not there are made up; `None` where that cannot be done.
pub(in crate::spec) fn salvage(document: &Document) -> Option<Value> {
    let mut tree = document.tree.clone();
    for _ in 0..ROUNDS {
        let (wrong, _) = problems(&tree);
        if wrong.is_empty() {
            return Some(tree);
        }
        for problem in wrong {
            match &problem.kind {
                Kind::Unknown(names) => {
                    let meant = problem.meant(names);
                    let map = tree.pointer_mut(&problem.pointer).and_then(Value::as_object_mut)?;
                    for (name, meant) in names.iter().zip(meant) {
                        let value = map.remove(name);
                        if let (Some(meant), Some(value)) = (meant, value) {
                            map.entry(meant).or_insert(value);
                        }
                    }
                }
                Kind::Missing(name) => {
                    let value = placeholder(name, &problem.pointer)?;
                    let map = tree.pointer_mut(&problem.pointer).and_then(Value::as_object_mut)?;
                    map.entry(name.clone()).or_insert(value);
                }
                Kind::Mismatch if problem.takes_text() && is_scalar(&tree, &problem.pointer) => {
                    let value = tree.pointer_mut(&problem.pointer)?;
                    *value = Value::String(value.to_string());
                }
                _ => {
                    let (parent, name) = problem.pointer.rsplit_once('/')?;
                    let name = crate::text::json::unescape(name);
                    // Taking out an element would move those behind it away from their places.
                    tree.pointer_mut(parent).and_then(Value::as_object_mut)?.remove(&name);
                }
            }
        }
    }
    None
}
