//! Roles of Cosmos DB that specs name by GUID: whether their account has them. Pure.
//!
//! Azure is asked only about roles of assignments that do not exist yet.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{BUILT_IN, DEFINITIONS, FACTS, declared, identity, role_of};
use crate::finding::{Code, Finding};
use crate::id::{ResourceId, trailing_guid};
use crate::kinds::Inventory;
use crate::kinds::desired::Desired;
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::spec::Loaded;

fn query(database: &ResourceId, role: Uuid) -> Query {
    let scope = database.child(DEFINITIONS, &role.to_string());
    Query {
        path: format!("{scope}?api-version={}", FACTS.api_version),
        shape: Shape::One,
        scope,
        project: |body: Value| json!({"id": body["id"], "name": body["name"]}),
    }
}

fn is_built_in(role: Uuid) -> bool {
    BUILT_IN.iter().any(|(_, id)| *id == role)
}

/// One for each declared role that no live assignment of its account has.
pub(super) fn queries(stacks: &[Loaded], live: &Inventory, snapshot: &Snapshot) -> Vec<Query> {
    let of_live = live.items.values().filter_map(|live| identity(&live.id, &live.body));
    let known: BTreeSet<(ResourceId, Uuid)> = of_live.map(|(database, .., role)| (database, role)).collect();
    let all = stacks.iter().flat_map(|loaded| declared(&loaded.spec));
    let all = all.filter(|(_, entry, _)| !entry.principals.is_empty());
    let all = all.filter_map(|(_, entry, database)| Some((database, role_of(&entry.role)?)));
    all.filter(|(database, role)| !is_built_in(*role) && !known.contains(&(database.clone(), *role)))
        .map(|(database, role)| query(&database, role))
        .filter(|query| snapshot.get(query).is_none())
        .collect()
}

/// Reports that an account does not have the role.
pub(super) fn missing(desired: &Desired, database: &ResourceId, snapshot: &Snapshot) -> Option<Finding> {
    let role = trailing_guid(desired.declared.get("roleDefinitionId")?.as_str()?)?;
    let Some(Answer::Absent { .. }) = snapshot.get(&query(database, role)) else { return None };
    let message = format!("Cosmos DB account `{}` has no role definition `{role}`", database.name());
    let hint = format!(
        "az cosmosdb sql role definition list --account-name {} --resource-group {}; roles of Azure RBAC do not count here",
        database.name(),
        database.segment_after("resourceGroups").unwrap_or_default()
    );
    Some(Finding::error(Code::UnknownRole, message).at(desired.span).hint(hint))
}
