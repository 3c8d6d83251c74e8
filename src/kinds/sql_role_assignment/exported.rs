//! What an export writes of Cosmos DB's role assignments: those of the accounts to which its connections and role assignments point, and
//! what its own stack has made. Pure.

use std::collections::BTreeSet;

use super::{SqlRoleAssignments, databases, identity, role_name};
use crate::id::ResourceId;
use crate::kinds::{Comparing as _, Reading as _, children};
use crate::snapshot::{Answer, Refusal, Snapshot};
use crate::spec::Loaded;

/// What is known of an account's role assignments.
#[derive(Debug, Default)]
pub(crate) struct SqlRoles {
    /// Accounts whose role assignments an export has.
    pub(crate) accounts: BTreeSet<ResourceId>,
    /// Accounts that could not be read.
    pub(crate) unread: Vec<(ResourceId, Refusal)>,
    /// The role assignments: account, path in it, role, object id.
    pub(crate) all: Vec<(ResourceId, String, String, String)>,
}

/// The role assignments for an export, as far as they were read.
pub(crate) fn sql_roles(loaded: &Loaded, snapshot: &Snapshot) -> SqlRoles {
    let mut roles = SqlRoles::default();
    for database in databases::pointed_to(&loaded.spec) {
        match snapshot.get(&children::list(&SqlRoleAssignments, &database)) {
            Some(Answer::Denied(refusal) | Answer::Failed(refusal)) => {
                roles.unread.push((database, refusal.clone()));
            }
            Some(Answer::Absent { .. }) => {}
            Some(Answer::Found(_)) | None => _ = roles.accounts.insert(database),
        }
    }
    let inventory = SqlRoleAssignments.inventory(std::slice::from_ref(loaded), snapshot);
    for live in inventory.items.values() {
        let Some((database, scope, principal, role)) = identity(&live.id, &live.body) else { continue };
        let is_own = SqlRoleAssignments.mark(&live.body).as_ref() == Some(&loaded.spec.stack);
        if is_own || roles.accounts.contains(&database) {
            let below = scope.get(database.as_str().len()..).unwrap_or_default().to_owned();
            roles.all.push((database, below, role_name(role), principal));
        }
    }
    roles.all.sort();
    roles
}
