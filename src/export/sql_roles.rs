//! Adds Cosmos DB's own role assignments to a draft. Pure.
//!
//! An account that connections or role assignments of the draft name stands in it with nobody, until its list was read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::draft::Draft;
use super::left_out;
use crate::finding::{Code, Finding};
use crate::id::{ResourceId, comparable};
use crate::kinds::{KINDS, sql_roles};
use crate::principals::own_principal;
use crate::snapshot::Snapshot;
use crate::spec::Loaded;

const LIST: &str = "sqlRoleAssignments";

/// Adds what the previous round shows.
pub(super) fn fill(draft: &mut Draft, before: &Loaded, snapshot: &Snapshot) {
    let roles = sql_roles(before, snapshot);
    for (database, refusal) in &roles.unread {
        let what = format!("what Cosmos DB account `{}` has of its own role assignments", database.name());
        draft.findings.push(left_out(&what, "it could not be read").cause(&refusal.message));
    }
    let types = types(before, snapshot);
    let mut entries: BTreeMap<(ResourceId, String, String), Vec<Value>> = BTreeMap::new();
    for (database, below, role, principal) in roles.all {
        let known = types.get(&comparable(&principal));
        if known.is_none() {
            let message = format!(
                "Azure does not say what kind of principal {principal} is, which has a role of Cosmos DB account `{}`: it is written as `ServicePrincipal`",
                database.name()
            );
            draft.findings.push(
                Finding::note(Code::NotChecked, message).hint("correct `type` if it is a user or a group"),
            );
        }
        let principal = draft.principal(&principal, known.map_or("ServicePrincipal", String::as_str));
        entries.entry((database, below, role)).or_default().push(principal);
    }
    for database in roles.accounts {
        if !entries.keys().any(|(known, ..)| *known == database) {
            let role = "Cosmos DB Built-in Data Reader".to_owned();
            entries.insert((database, String::new(), role), Vec::new());
        }
    }
    let entry = |((database, below, role), principals): ((ResourceId, String, String), Vec<Value>)| {
        let mut entry = json!({"databaseAccount": database.as_str(), "role": role, "principals": principals});
        if !below.is_empty() {
            entry["scope"] = json!(below);
        }
        entry
    };
    let entries: Vec<Value> = entries.into_iter().map(entry).collect();
    if !entries.is_empty() {
        draft.tree[LIST] = json!(entries);
    }
}

/// Takes out the accounts in which nobody has a role.
pub(super) fn without_nobody(tree: &mut Value) {
    if let Some(entries) = tree.get_mut(LIST).and_then(Value::as_array_mut) {
        entries.retain(|entry| entry["principals"].as_array().is_some_and(|all| !all.is_empty()));
    }
}

/// The types of principals by object id, as far as Azure's own role assignments and identities show them.
fn types(before: &Loaded, snapshot: &Snapshot) -> BTreeMap<String, String> {
    let mut types = BTreeMap::new();
    for kind in KINDS.iter().filter(|kind| kind.is_grant() || kind.takes_identity()) {
        for live in kind.inventory(std::slice::from_ref(before), snapshot).items.values() {
            let said = &live.body["properties"];
            if let (Some(id), Some(found)) = (said["principalId"].as_str(), said["principalType"].as_str()) {
                types.insert(comparable(id), found.to_owned());
            }
            if let Some(id) = own_principal(&live.body) {
                types.insert(comparable(id), "ServicePrincipal".to_owned());
            }
        }
    }
    types
}
