//! Removes structural problems from a document, so that the rules can be checked in the same run.
//!
//! Stand-ins are recorded as reported, so that no rule judges them: one mistake gives one finding.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{ProblemKind, problems};
use crate::spec::sections;
use crate::spec::tree::YamlDocument;
use crate::text::json::{escape, unescape};

/// Rounds of removing: each removal can uncover another problem.
const ROUNDS: usize = 3;

/// A value that no rule objects to, for a missing required field.
fn placeholder(name: &str, pointer: &str) -> Option<Value> {
    Some(match name {
        "version" => json!(1),
        "stack" => json!("unnamed"),
        "subscription" => json!("00000000-0000-0000-0000-000000000000"),
        // Nameless accounts must differ, and so must grants without a role or a scope.
        "name" => json!(format!("unnamed{}", pointer.replace('/', "-"))),
        "role" => json!(Uuid::new_v5(&Uuid::NAMESPACE_OID, pointer.as_bytes())),
        "principals" => json!([]),
        "scope" => json!(format!(
            "/subscriptions/{}/resourceGroups/unnamed{}",
            Uuid::nil(),
            pointer.replace('/', "-")
        )),
        _ => return None,
    })
}

/// An element that no rule objects to, for one of the wrong type in a list.
fn element(list: &str, pointer: &str) -> Option<Value> {
    let list = list.rsplit('/').next()?;
    Some(match list {
        "principals" => json!({"id": Uuid::new_v5(&Uuid::NAMESPACE_OID, pointer.as_bytes()), "type": "User"}),
        "roleAssignments" | "sqlRoleAssignments" => {
            json!({"role": placeholder("role", pointer)?, "principals": []})
        }
        _ if sections::section(list).is_some() => json!({"name": placeholder("name", pointer)?}),
        _ => return None,
    })
}

fn is_scalar(tree: &Value, pointer: &str) -> bool {
    tree.pointer(pointer).is_some_and(|value| value.is_number() || value.is_boolean())
}

/// The tree without its problems: misspelled fields renamed, other wrong values removed.
///
/// Missing required fields get stand-ins; `None` if that is not possible. Also returns the pointers of everything removed or replaced.
pub(in crate::spec) fn salvage(document: &YamlDocument) -> Option<(Value, BTreeSet<String>)> {
    let mut tree = document.tree.clone();
    let mut lost = BTreeSet::new();
    for _ in 0..ROUNDS {
        let (wrong, _) = problems(&tree);
        if wrong.is_empty() {
            return Some((tree, lost));
        }
        for problem in wrong {
            match &problem.kind {
                ProblemKind::Unknown(names) => {
                    let meant = problem.meant(names);
                    let map = tree.pointer_mut(&problem.pointer).and_then(Value::as_object_mut)?;
                    for (name, meant) in names.iter().zip(meant) {
                        let value = map.remove(name);
                        match (meant, value) {
                            (Some(meant), Some(value)) => drop(map.entry(meant).or_insert(value)),
                            _ => drop(lost.insert(format!("{}/{}", problem.pointer, escape(name)))),
                        }
                    }
                }
                ProblemKind::Missing(name) => {
                    let value = placeholder(name, &problem.pointer)?;
                    let map = tree.pointer_mut(&problem.pointer).and_then(Value::as_object_mut)?;
                    map.entry(name.clone()).or_insert(value);
                    lost.insert(format!("{}/{}", problem.pointer, escape(name)));
                }
                ProblemKind::Mismatch if problem.takes_text() && is_scalar(&tree, &problem.pointer) => {
                    let value = tree.pointer_mut(&problem.pointer)?;
                    *value = Value::String(value.to_string());
                }
                ProblemKind::Mismatch if problem.takes_text() && problem.words().next().is_none() => {
                    let (parent, name) = problem.pointer.rsplit_once('/')?;
                    let made_up = placeholder(&unescape(name), parent).filter(Value::is_string);
                    let made_up = made_up.or_else(|| placeholder("name", &problem.pointer))?;
                    *tree.pointer_mut(&problem.pointer)? = made_up;
                    lost.insert(problem.pointer.clone());
                    // Rules judge a mapping such as `sku` as a whole, and would repeat the stand-in.
                    if parent.rsplit('/').next().is_some_and(|token| token.parse::<usize>().is_err()) {
                        lost.insert(parent.to_owned());
                    }
                }
                _ => {
                    let (parent, name) = problem.pointer.rsplit_once('/')?;
                    let name = unescape(name);
                    lost.insert(problem.pointer.clone());
                    if tree.pointer(parent).is_some_and(Value::is_array) {
                        // Removing an element would shift those after it.
                        *tree.pointer_mut(&problem.pointer)? = element(parent, &problem.pointer)?;
                        continue;
                    }
                    tree.pointer_mut(parent).and_then(Value::as_object_mut)?.remove(&name);
                }
            }
        }
    }
    None
}
