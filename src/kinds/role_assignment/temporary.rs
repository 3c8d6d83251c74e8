//! Assignments that Privileged Identity Management made for a while: an activated one looks like any other in the list.
//!
//! Pure. Asked only where an assignment without a mark would satisfy a declaration, or would be adopted: at its scope, since
//! only `atScope()` is documented to show all there. What may not be asked counts as it stands, and a note says so.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{RoleAssignments, declared};
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::{Inventory, Kind as _, Live, Passing};
use crate::rbac::Catalogue;
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::source::Span;
use crate::spec::Loaded;

/// Which assignments at a scope hold for a while only.
pub(crate) fn query(scope: &ResourceId) -> Query {
    Query {
        path: format!(
            "{}/providers/Microsoft.Authorization/roleAssignmentScheduleInstances?api-version=2020-10-01&$filter=atScope()",
            scope.as_str().trim_end_matches('/')
        ),
        shape: Shape::List,
        scope: scope.clone(),
        project: |body| body,
    }
}

/// Live assignments that nobody marked and that would do for what is declared, with the places of the declarations.
fn candidates<'a>(stacks: &[Loaded], live: &'a Inventory, snapshot: &Snapshot) -> Vec<(&'a Live, Span)> {
    if live.items.values().all(|live| RoleAssignments.mark(&live.body).is_some()) {
        return Vec::new();
    }
    let declared = stacks.iter().flat_map(|loaded| declared::desired(loaded, snapshot));
    let unmarked = declared.filter(|desired| desired.open.is_none()).filter_map(|desired| {
        let live = live.items.get(&desired.key)?;
        RoleAssignments.mark(&live.body).is_none().then_some((live, desired.span))
    });
    unmarked.collect()
}

pub(super) fn queries(stacks: &[Loaded], live: &Inventory, snapshot: &Snapshot) -> Vec<Query> {
    let scopes: BTreeSet<&ResourceId> =
        candidates(stacks, live, snapshot).into_iter().map(|(live, _)| &live.scope).collect();
    scopes.into_iter().map(query).collect()
}

pub(super) fn passing(live: &Live, snapshot: &Snapshot) -> Option<Passing> {
    let properties = activated(&live.scope, &live.id, snapshot)?;
    let until = properties["endDateTime"].as_str().unwrap_or("an unknown time").to_owned();
    Some(Passing { until })
}

/// What is known of an assignment that somebody activated for a while; nothing for any other.
pub(crate) fn activated<'a>(
    scope: &ResourceId,
    assignment: &ResourceId,
    snapshot: &'a Snapshot,
) -> Option<&'a Value> {
    let properties = instance(scope, assignment, snapshot)?;
    properties["assignmentType"].as_str()?.eq_ignore_ascii_case("Activated").then_some(properties)
}

/// What is known of when an assignment holds.
fn instance<'a>(scope: &ResourceId, assignment: &ResourceId, snapshot: &'a Snapshot) -> Option<&'a Value> {
    snapshot.items(&query(scope)).map(|item| &item["properties"]).find(|properties| {
        let origin = properties["originRoleAssignmentId"].as_str();
        origin.is_some_and(|id| id.eq_ignore_ascii_case(assignment.as_str()))
    })
}

pub(super) fn remarks(stacks: &[Loaded], live: &Inventory, snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    let roles = Catalogue::of(snapshot.bodies());
    for (live, span) in candidates(stacks, live, snapshot) {
        let title = RoleAssignments.title_in(&live.body, &roles);
        if let Some(refusal) = snapshot.get(&query(&live.scope)).and_then(Answer::refusal) {
            let message = format!("whether {title} is there for a while only is not known");
            findings.push(Finding::note(Code::NotChecked, message).at(span).cause(&refusal.message));
            continue;
        }
        let end = instance(&live.scope, &live.id, snapshot)
            .and_then(|properties| properties["endDateTime"].as_str());
        if let (None, Some(end)) = (passing(live, snapshot), end) {
            let message = format!("{title} ends {end}: somebody made it for a while");
            let hint = "it counts until then; the plan after that makes one that lasts";
            findings.push(Finding::note(Code::TemporaryAssignment, message).at(span).hint(hint));
        }
    }
    findings
}
