//! What is left of a document when its structural problems are taken out, so that the rules can be checked in the same run.

use serde_json::Value;

use super::{Kind, problems};
use crate::spec::tree::Document;

/// Rounds of taking out: removing one value can uncover another problem.
const ROUNDS: usize = 3;

/// The tree without what is wrong with it: misspelt fields under their right names, the other wrong values left out.
///
/// `None` where something that is required cannot be made up.
pub(in crate::spec) fn salvage(document: &Document) -> Option<Value> {
    let mut tree = document.tree.clone();
    for _ in 0..ROUNDS {
        let wrong = problems(&tree);
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
                _ => {
                    let (parent, name) = problem.pointer.rsplit_once('/')?;
                    let name = crate::spec::tree::unescape(name);
                    // Taking out an element would move those behind it away from their places.
                    tree.pointer_mut(parent).and_then(Value::as_object_mut)?.remove(&name);
                }
            }
        }
    }
    None
}
