//! Retiring a stack: its spec then declares nothing and only names the places where the stack may own something, so that what it created
//! there is deleted as if its lines had been removed, with the same guards.
//!
//! Pure.

use std::sync::Arc;

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use super::{Loaded, model, sections};

/// The fields of an account that say where it is.
const PLACE: &[&str] = &["name", "resourceGroup", "location"];

impl Loaded {
    /// Empties every list of the spec but keeps the places that it names: the resource groups, the accounts, and the scopes of role
    /// assignments. A list that was left out is empty too: its elements are read, and what the stack created there is deleted.
    ///
    /// # Panics
    ///
    /// If the result is not a valid spec: that is a bug.
    pub fn retire(&mut self) {
        if self.is_retired() {
            return;
        }
        let former = self.clone();
        if let Some(spec) = self.document.tree.as_object_mut() {
            for account in elements(spec, "accounts") {
                let given = account.get("existing") == Some(&json!(true));
                account.retain(|name, _| PLACE.contains(&name.as_str()));
                if given {
                    account.insert("existing".to_owned(), json!(true));
                }
                for name in sections::within("accounts") {
                    account.insert(name.to_owned(), json!([]));
                }
            }
            for assignment in elements(spec, "roleAssignments") {
                assignment.retain(|name, _| name == "scope");
                // Nobody gets it. A role that no longer exists must not be looked up.
                assignment.insert("role".to_owned(), json!("Reader"));
                assignment.insert("principals".to_owned(), json!([]));
            }
            for assignment in elements(spec, "sqlRoleAssignments") {
                // What a project's workspace id names is gone with the declaration of the project.
                let is_kept = |scope: &Value| scope.as_str().is_some_and(|scope| !scope.contains("${"));
                assignment
                    .retain(|name, value| name == "databaseAccount" || (name == "scope" && is_kept(value)));
                assignment.insert("role".to_owned(), json!("Cosmos DB Built-in Data Reader"));
                assignment.insert("principals".to_owned(), json!([]));
            }
            spec.entry("roleAssignments").or_insert_with(|| json!([]));
            // Nothing in a workspace carries a mark, and without declarations nothing undeclared is drift.
            spec.remove("workspaces");
            spec.remove("expected");
            spec.insert("unmanaged".to_owned(), json!("list"));
        }
        self.spec = model::Spec::deserialize(&self.document.tree)
            .expect("a spec stays valid when its lists are emptied and optional fields removed");
        self.lock = None;
        self.retired = Some(Arc::new(former));
    }
}

/// The mappings in a top-level list.
fn elements<'a>(
    spec: &'a mut Map<String, Value>,
    list: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    let list = spec.get_mut(list).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_object_mut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_top_level_list_is_emptied() {
        let lists: Vec<&str> = sections::within("").collect();
        let known = ["accounts", "workspaces", "roleAssignments", "sqlRoleAssignments"];
        assert_eq!(lists, known, "`retire` empties each of them");
    }
}
