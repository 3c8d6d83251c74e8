//! Assignments that Privileged Identity Management made for a while: an activated one looks like any other in the list.
//!
//! Pure. Asked only where an assignment would satisfy a declaration or be adopted, would be drift or would go, and where two are the same;
//! not about those of which the name tells that they last ([`is_named_by_keyless`]). What a mark says does not count. Two filters are documented to
//! show all: `atScope()` what is at a scope or above, `principalId eq` what one principal has anywhere in a subscription
//! (<https://learn.microsoft.com/rest/api/authorization/role-assignment-schedule-instances/list-for-scope>). Many accounts have the
//! same few principals, so in each subscription the filter is used that takes fewer questions. What is declared and may not be asked about
//! counts as it stands, and a note says so; what is not declared is neither drift nor in order then.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde_json::Value;
use uuid::Uuid;

use super::orphans::principal;
use super::{RoleAssignments, declared, is_named_by_keyless};
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
    let is_unclear = |body: &Body| is_of_nobody_knows_which(body, may_be);
    match answer {
        Answer::Found(items) if items.iter().any(is_unclear) => {
            let message = format!("GET {path}: {UNCLEAR}");
            Some(Refusal { message, hint: None })
        }
        answer => answer.refusal().cloned(),
    }
}

const UNCLEAR: &str = "an item of the list does not say which assignment ends";

fn is_of_nobody_knows_which(instance: &Value, may_be: impl Fn(&str) -> bool) -> bool {
    let properties = &instance["properties"];
    let origin = properties["originRoleAssignmentId"].as_str();
    ends(properties) && origin.is_none_or(|id| ResourceId::parse(id).is_err() && may_be(id))
}

/// Whether what an instance tells of ends by itself: somebody activated it, or gave it until some day.
fn ends(properties: &Value) -> bool {
    is_activated(properties) || properties["endDateTime"].is_string()
}

/// The assignment that ends by itself, as an instance says, with when; nothing of one that lasts. Guards read this a second time.
pub(crate) fn ending(instance: &Value) -> Option<(ResourceId, Option<&str>)> {
    let properties = Some(&instance["properties"]).filter(|properties| ends(properties))?;
    let origin = ResourceId::parse(properties["originRoleAssignmentId"].as_str()?).ok()?;
    Some((origin, properties["endDateTime"].as_str()))
}

/// The assignments of a list that end by themselves, each with when; or why that is not known.
pub(crate) fn endings(instances: &[Value]) -> Result<BTreeMap<ResourceId, Option<String>>, &'static str> {
    if instances.iter().any(|instance| is_of_nobody_knows_which(instance, |_| true)) {
        return Err(UNCLEAR);
    }
    let known = instances.iter().filter_map(ending);
    Ok(known.map(|(id, until)| (id, until.map(str::to_owned))).collect())
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

/// Live assignments that would do for what is declared and may end by themselves, with the places of the declarations.
fn candidates<'a>(stacks: &[Loaded], live: &'a Inventory, snapshot: &Snapshot) -> Vec<(&'a Live, Span)> {
    if live.items.values().all(lasts) {
        return Vec::new();
    }
    let declared = stacks.iter().flat_map(|loaded| declared::desired(loaded, snapshot));
    let doubtful = declared.filter(|desired| desired.open.is_none()).filter_map(|desired| {
        let live = live.items.get(&desired.key)?;
        // The spec may spell its scope otherwise than Azure shows it, and the name is made of it.
        (!lasts(live) && live.id != desired.id).then_some((live, desired.span))
    });
    doubtful.collect()
}

/// Whether a live assignment lasts as far as its name tells.
pub(super) fn lasts(live: &Live) -> bool {
    is_named_by_keyless(&live.id, &live.body)
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
    let end = properties["endDateTime"].as_str();
    let day = end.and_then(day);
    Some(Passing {
        until: end.unwrap_or("an unknown time").to_owned(),
        // What Azure takes away at its end may be in its lists for a while yet: a day is left for that.
        is_over: day
            .zip(snapshot.today)
            .is_some_and(|(day, today)| day.tomorrow().is_ok_and(|end| end < today)),
        is_known: day.is_some(),
    })
}

/// The day of a time, in UTC.
fn day(time: &str) -> Option<Date> {
    let instant = time.parse::<Timestamp>().ok()?;
    Some(Offset::UTC.to_datetime(instant).date())
}

/// What is known of an assignment that ends by itself, as far as it was asked at a scope; nothing of any other.
pub(crate) fn scheduled<'a>(
    scope: &ResourceId,
    assignment: &ResourceId,
    snapshot: &'a Snapshot,
) -> Option<&'a Value> {
    instance(&query(scope), assignment, snapshot).filter(|properties| ends(properties))
}

/// Why it is not known when an activated assignment ends, though it says that it does.
pub(super) fn endless(live: &Live, snapshot: &Snapshot) -> Option<Refusal> {
    passing(live, snapshot).filter(|passing| !passing.is_known)?;
    let query = asked(live).into_iter().find(|query| instance(query, &live.id, snapshot).is_some())?;
    let message = format!(
        "GET {}: it shows the assignment as activated for a while, and no time at which it ends",
        query.path
    );
    let hint = "look in the portal, under Privileged Identity Management, whether it ends; if not, declare it, delete it, or name it under `expected` for a while";
    Some(Refusal { message, hint: Some(hint.to_owned()) })
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
