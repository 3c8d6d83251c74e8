//! Role assignments of Cosmos DB that specs declare: one for each principal of each entry. Pure.

use std::collections::BTreeMap;

use serde_json::{Map, json};

use super::{
    DEFINITIONS, LIST, SqlRoleAssignments, declared, id_of, key, place, place_in_words, role_name, role_of,
};
use crate::id::{Key, ResourceId};
use crate::kinds::desired::Desired;
use crate::kinds::role_assignment::{self, Who};
use crate::kinds::{capability_host, late};
use crate::principals::Form;
use crate::snapshot::Snapshot;
use crate::spec::Loaded;
use crate::spec::late::LateReference;
use crate::spec::model::SqlRoleAssignment;

/// The whole scope of an entry, with the values that are known.
pub(super) fn scope(
    loaded: &Loaded,
    snapshot: &Snapshot,
    index: usize,
    entry: &SqlRoleAssignment,
    database: &ResourceId,
) -> String {
    let span = loaded.document.value_span(&format!("/{LIST}/{index}/scope"));
    let below = late::resolved(entry.scope.as_deref().unwrap_or_default(), loaded, snapshot, span);
    format!("{database}{}", below.trim_end_matches('/'))
}

/// What a stack declares, with names resolved as far as the snapshot allows.
pub(super) fn desired(loaded: &Loaded, snapshot: &Snapshot) -> Vec<Desired> {
    let mut all = Vec::new();
    for (index, entry, database) in declared(&loaded.spec) {
        let Some(role) = role_of(&entry.role) else { continue };
        let scope = scope(loaded, snapshot, index, entry, &database);
        let span = loaded.document.value_span(&format!("/{LIST}/{index}/scope"));
        let values = late::taken(entry.scope.as_deref().unwrap_or_default(), loaded, snapshot, span);
        let after = after(loaded, entry, &database);
        for (at, principal) in entry.principals.iter().enumerate() {
            let Some(form) = Form::of(principal) else { continue };
            let pointer = format!("/{LIST}/{index}/principals/{at}");
            let span = loaded.document.value_span(&format!("{pointer}/{}", form.word()));
            let (mut holder, mut title) = (form.label(), form.shown());
            let mut declared = Map::from_iter([
                ("roleDefinitionId".to_owned(), json!(database.child(DEFINITIONS, &role.to_string()))),
                ("scope".to_owned(), json!(scope)),
            ]);
            let (mut holes, mut open, mut taken) = (Vec::new(), None, values.clone());
            match role_assignment::who(&form, loaded, snapshot, span) {
                Who::Known(known) => {
                    taken.extend(late::taken_principal(&known));
                    holder = known.id.to_string();
                    title = known.title();
                    declared.insert("principalId".to_owned(), json!(known.id));
                }
                Who::Later(hole) => {
                    title = format!("{title} (known after it is created)");
                    holes.push(hole);
                }
                Who::Open(why) => open = Some(why),
            }
            let stack = &loaded.spec.stack;
            let role_text = role.to_string();
            let id = id_of(&database, &holder, role, &scope, stack);
            let on = place(&database, &scope);
            let mut spans = BTreeMap::new();
            let scope_at = format!("/{LIST}/{index}/scope");
            spans.insert("scope".to_owned(), loaded.document.value_span(&scope_at));
            all.push(Desired {
                kind: &SqlRoleAssignments,
                stack: stack.clone(),
                address: format!("{LIST}/{on}/{}/{}", role_name(role), form.label()),
                title: format!(
                    "Cosmos DB role assignment {} -> {title} on {}",
                    role_name(role),
                    place_in_words(&database, &scope)
                ),
                key: key(&database, &scope, &holder, &role_text),
                scope: id.clone(),
                id,
                after: after.clone(),
                declared,
                defaults: Map::new(),
                span: loaded.document.value_span(&pointer),
                spans,
                // The name says whose it is, and a name cannot change.
                adopt: false,
                open,
                holes,
                taken,
                unproven: role_assignment::unproven_id(loaded, &form),
                resend: false,
            });
        }
    }
    all
}

/// The capability hosts that make what the scope names, and those of the projects whose workspace ids are in it.
fn after(loaded: &Loaded, entry: &SqlRoleAssignment, database: &ResourceId) -> Vec<Key> {
    let Some(scope) = entry.scope.as_deref().filter(|scope| !scope.trim_matches('/').is_empty()) else {
        return Vec::new();
    };
    let mut keys = capability_host::that_use(&loaded.spec, database);
    for reference in LateReference::all(scope) {
        keys.extend(role_assignment::hosts_of(&loaded.spec, &reference));
    }
    keys
}
