//! Who has roles of Cosmos DB, as far as the directory knows them: declared object ids that would get their first role, and principals that
//! are gone. Asked and judged as for role assignments of Azure. Pure.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{SqlPlace, SqlRoleAssignments, comparable_scope, identity, lists};
use crate::finding::Finding;
use crate::kinds::desired::Desired;
use crate::kinds::role_assignment::{self, Gone, principal};
use crate::kinds::undeclared::{UndeclaredVerdict, Weight};
use crate::kinds::{Live, Survey};
use crate::snapshot::{Query, Refusal};
use crate::text::source::Span;

/// Undeclared ones beside a declared list, which would be drift.
fn strange<'v>(survey: &'v Survey<'_>) -> Vec<&'v Live> {
    let Survey { stacks, snapshot, .. } = *survey;
    let mut strangers = survey.inventory(&SqlRoleAssignments).strangers(|key| survey.declares(key));
    if strangers.is_empty() {
        return strangers;
    }
    let lists = lists(stacks, snapshot);
    // The stack's own that its `prune: none` keeps are among them: they are drift too.
    strangers.retain(|live| place(live).is_some_and(|at| lists.contains_key(&at)));
    strangers
}

fn place(live: &Live) -> Option<SqlPlace> {
    let (database, scope, ..) = identity(&live.id, &live.body)?;
    let scope = comparable_scope(&database, &scope);
    Some((database, scope))
}

/// The object ids to look up in the directory, in one batch with those of Azure's role assignments.
pub(in crate::kinds) fn doubtful(survey: &Survey<'_>) -> BTreeSet<Uuid> {
    let live = survey.inventory(&SqlRoleAssignments);
    let is_new = |each: &Desired| !live.items.contains_key(&each.key) && live.gap(&each.scope).is_none();
    let declared = survey.desired_of(&SqlRoleAssignments);
    let new = declared.filter_map(|each| Some(each.unproven.filter(|_| is_new(each))?.0));
    let mut ids: BTreeSet<Uuid> = new.collect();
    if survey.stacks.iter().any(|loaded| loaded.lock.is_some()) {
        return ids;
    }
    if !ids.is_empty() || !strange(survey).is_empty() {
        ids.extend(live.all().filter_map(principal));
    }
    ids
}

/// With a lock file, those that would be drift are asked about one by one.
pub(super) fn queries(survey: &Survey<'_>) -> Vec<Query> {
    role_assignment::strangers(survey.stacks, &strange(survey)).collect()
}

pub(super) fn remarks(survey: &Survey<'_>) -> Vec<Finding> {
    let live = survey.inventory(&SqlRoleAssignments);
    role_assignment::orphaned(
        survey,
        live,
        || doubtful(survey),
        |live| {
            let database = live.kind.applies_to(&live.id);
            format!(
                "az cosmosdb sql role assignment delete --account-name {} --resource-group {} --role-assignment-id {}",
                database.name(),
                database.segment_after("resourceGroups").unwrap_or_default(),
                live.id.name()
            )
        },
    )
}

/// At exactly a declared scope the list is complete; elsewhere in the account others may give what they want. One whose principal is gone
/// gives nothing.
pub(super) fn verdict(live: &Live, lists: &BTreeMap<SqlPlace, Span>, gone: &Gone<'_>) -> UndeclaredVerdict {
    let Some(span) = place(live).and_then(|at| lists.get(&at)) else {
        return UndeclaredVerdict::listed(None);
    };
    if gone.has(live) {
        return UndeclaredVerdict::listed(Some("its principal no longer exists".to_owned()));
    }
    let weight = match gone.unread(live) {
        Some(refusal) => {
            let hint = "if its principal no longer exists, delete it; otherwise it is drift: declare it or delete it. With the Directory Readers role keyless checks this itself";
            Weight::Unknown(*span, Refusal { message: refusal.message.clone(), hint: Some(hint.to_owned()) })
        }
        None => Weight::Drift(*span),
    };
    UndeclaredVerdict { weight, note: None }
}
