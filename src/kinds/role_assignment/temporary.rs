//! Assignments that Privileged Identity Management made for a while: an activated one looks like any other in the list.
//!
//! Pure. Asked only where an assignment without a mark would satisfy a declaration or be adopted, where one that no spec declares
//! would be drift, and where two are the same. Two filters are documented to
//! show all: `atScope()` what is at a scope or above, `principalId eq` what one principal has anywhere in a subscription
//! (<https://learn.microsoft.com/rest/api/authorization/role-assignment-schedule-instances/list-for-scope>). Many accounts have the
//! same few principals, so in each subscription the filter is used that takes fewer questions. What is declared and may not be asked about
//! counts as it stands, and a note says so; what is not declared is neither drift nor in order then.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::orphans::principal;
use super::{RoleAssignments, declared};
use crate::finding::{Code, Finding};
use crate::id::{Beside, ResourceId};
use crate::kinds::{Inventory, Kind as _, Live, Passing};
use crate::snapshot::{Answer, Body, Query, Refusal, Shape, Snapshot};
use crate::source::Span;
use crate::spec::Loaded;

/// Which assignments at a scope hold for a while only.
pub(crate) fn query(scope: &ResourceId) -> Query {
    filtered(scope, "atScope()")
}

/// The scopes of which that could not be read.
pub(crate) fn unscheduled(snapshot: &Snapshot) -> BTreeSet<ResourceId> {
    let asked = snapshot.answers().filter(|(path, ..)| path.contains("/roleAssignmentScheduleInstances?"));
    let unread = asked.filter(|(path, _, answer)| gap(path, answer, None).is_some());
    unread.map(|(_, scope, _)| scope.clone()).collect()
}

/// Why an answer does not tell which assignments hold for a while only, or whether this one does. What is elsewhere for sure is not it.
fn gap(path: &str, answer: &Answer, assignment: Option<&ResourceId>) -> Option<Refusal> {
    let may_be = |text: &str| assignment.is_none_or(|id| id.beside(text) != Beside::Elsewhere);
    let of_nobody_knows_which = |body: &Body| {
        let properties = &body["properties"];
        let origin = properties["originRoleAssignmentId"].as_str();
        (is_activated(properties) || properties["endDateTime"].is_string())
            && origin.is_none_or(|id| ResourceId::parse(id).is_err() && may_be(id))
    };
    match answer {
        Answer::Found(items) if items.iter().any(of_nobody_knows_which) => {
            let message = format!("GET {path}: an item of the list does not say which assignment ends");
            Some(Refusal { message, hint: None })
        }
        answer => answer.refusal().cloned(),
    }
}

/// Which assignments of a principal in a subscription hold for a while only.
fn of_principal(subscription: &ResourceId, principal: Uuid) -> Query {
    filtered(subscription, &format!("principalId eq '{principal}'"))
}

fn filtered(scope: &ResourceId, filter: &str) -> Query {
    Query {
        path: format!(
            "{}/providers/Microsoft.Authorization/roleAssignmentScheduleInstances?api-version=2020-10-01&$filter={filter}",
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

/// What has to be asked, also about those of which it is doubtful whether they are drift.
pub(super) fn queries(
    stacks: &[Loaded],
    live: &Inventory,
    doubtful: &[&Live],
    snapshot: &Snapshot,
) -> Vec<Query> {
    let mut near: BTreeMap<Option<ResourceId>, Vec<&Live>> = BTreeMap::new();
    let declared = candidates(stacks, live, snapshot).into_iter().map(|(live, _)| live);
    // What was asked one way is not asked the other way once fewer are left.
    let is_open = |live: &&Live| asked(live).iter().all(|query| snapshot.get(query).is_none());
    for live in declared.chain(doubtful.iter().copied()).chain(live.twins.values()).filter(is_open) {
        near.entry(live.scope.subscription_id().map(ResourceId::subscription)).or_default().push(live);
    }
    let mut queries = Vec::new();
    for (subscription, candidates) in near {
        let scopes: BTreeSet<&ResourceId> = candidates.iter().map(|live| &live.scope).collect();
        let principals: BTreeSet<Uuid> = candidates.iter().filter_map(|live| principal(live)).collect();
        match subscription {
            Some(subscription) if principals.len() < scopes.len() => {
                queries.extend(principals.into_iter().map(|id| of_principal(&subscription, id)));
            }
            _ => queries.extend(scopes.into_iter().map(query)),
        }
    }
    queries
}

/// What could have been asked about a live assignment.
fn asked(live: &Live) -> Vec<Query> {
    let mut queries = vec![query(&live.scope)];
    if let (Some(subscription), Some(principal)) = (live.scope.subscription_id(), principal(live)) {
        queries.push(of_principal(&ResourceId::subscription(subscription), principal));
    }
    queries
}

pub(super) fn passing(live: &Live, snapshot: &Snapshot) -> Option<Passing> {
    let properties = asked(live).iter().find_map(|query| instance(query, &live.id, snapshot))?;
    if !is_activated(properties) {
        return None;
    }
    let until = properties["endDateTime"].as_str().unwrap_or("an unknown time").to_owned();
    Some(Passing { until })
}

/// What is known of an assignment that somebody activated for a while; nothing for any other.
pub(crate) fn activated<'a>(
    scope: &ResourceId,
    assignment: &ResourceId,
    snapshot: &'a Snapshot,
) -> Option<&'a Value> {
    instance(&query(scope), assignment, snapshot).filter(|properties| is_activated(properties))
}

/// Why it is not known whether a live assignment is there for a while only.
pub(super) fn unread(live: &Live, snapshot: &Snapshot) -> Option<Refusal> {
    asked(live).iter().find_map(|query| gap(&query.path, snapshot.get(query)?, Some(&live.id)))
}

fn is_activated(properties: &Value) -> bool {
    properties["assignmentType"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("Activated"))
}

/// What is known of when an assignment holds.
fn instance<'a>(query: &Query, assignment: &ResourceId, snapshot: &'a Snapshot) -> Option<&'a Value> {
    snapshot.items(query).map(|item| &item["properties"]).find(|properties| {
        let origin = properties["originRoleAssignmentId"].as_str();
        origin.is_some_and(|id| id.eq_ignore_ascii_case(assignment.as_str()))
    })
}

pub(super) fn remarks(stacks: &[Loaded], live: &Inventory, snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    let roles = snapshot.roles();
    for (live, span) in candidates(stacks, live, snapshot) {
        let title = RoleAssignments.title(&live.body, roles);
        let asked = asked(live);
        if let Some(refusal) = unread(live, snapshot) {
            let message = format!("whether {title} is there for a while only is not known");
            findings.push(Finding::note(Code::NotChecked, message).at(span).cause(&refusal.message));
            continue;
        }
        let end = asked
            .iter()
            .find_map(|query| instance(query, &live.id, snapshot))
            .and_then(|properties| properties["endDateTime"].as_str());
        if let (None, Some(end)) = (passing(live, snapshot), end) {
            let message = format!("{title} ends {end}: somebody made it for a while");
            let hint = "it counts until then; the plan after that makes one that lasts";
            findings.push(Finding::note(Code::TemporaryAssignment, message).at(span).hint(hint));
        }
    }
    findings
}
