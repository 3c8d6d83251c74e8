//! Role assignments (`Microsoft.Authorization/roleAssignments`), on an account or at another scope.
//!
//! Two assignments with the same scope, principal and role are the same, whatever their GUIDs.

mod accepted;
pub(crate) mod caller;
mod conditions;
mod declared;
pub(crate) mod denial;
mod grants;
mod listing;
mod mark;
mod orphans;
mod placed;
mod planned;
mod roles;
mod rules;
mod schedules;
mod strange;
mod temporary;
#[cfg(test)]
mod tests;
pub(crate) mod twin;
mod undeclared;
mod unread;

pub(crate) use declared::is_named_by_keyless;
pub(super) use declared::{Who, complete, hosts_of, needed_by_project, unproven_id, who};
use grants::{DeclaredGrant, assignments, grants, scope_of};
pub use grants::{GivenBeside, principals_of};
pub(crate) use grants::{declared_roles, holders, principal_queries};
pub(crate) use listing::{list, lists, scopes_of};
use listing::{list_at, watched};
pub(super) use orphans::{Gone, orphaned, principal, strangers};
pub(crate) use placed::{Assignments, Placed};
pub(crate) use planned::scope_name;
pub(crate) use roles::{definitions, spelled, unjudged, unknown_roles};
pub(super) use rules::principal_problem;
pub use schedules::Unscheduled;
pub(crate) use schedules::{Doubt, at as schedule_instances, open as schedules, terms};
pub(crate) use temporary::{going, review};
pub(crate) use unread::{UnreadAssignments, gaps_in, unread};

use mark::{marked, split_mark};

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::account::groups_of;
use super::{
    Called, Compare, Comparing, Declaring, Described, Facts, Field, Gap, Granting, Inventory, Kind, Live,
    Mutability, Passing, Reading, Survey, UndeclaredVerdict, Wording, Writing, merge,
};
use crate::body::AssignmentBody;
use crate::document::PlannedChange;
use crate::finding::Finding;
use crate::id::{Key, ResourceId, comparable, trailing_guid};
use crate::kinds::desired::Desired;
use crate::principals::{self, Names};
use crate::rbac::Catalogue;
use crate::snapshot::{Answer, Query, Refusal, Snapshot};
use crate::spec::Loaded;
use crate::spec::structure::Fields;
use crate::text::json::member;

const TYPE: &str = "Microsoft.Authorization/roleAssignments";
const DEFINITION: &str = "Microsoft.Authorization/roleDefinitions";
const API: &str = "2022-04-01";
/// Azure's limit for a description, including the mark.
const DESCRIPTION_LIMIT: usize = 512;

/// The kind `roleAssignments`.
pub struct RoleAssignments;

fn key(scope: &ResourceId, principal: &str, role: &str) -> Key {
    Key::new("roleAssignments", &[scope.as_str(), principal, role])
}

/// The scope of a live assignment, and its identity independent of its GUID.
fn identity(body: &Value) -> Option<(ResourceId, Key)> {
    let said = AssignmentBody::of(body);
    let scope = ResourceId::parse(said.scope()?).ok()?;
    let key = key(&scope, said.principal_id()?, &said.role()?.to_string());
    Some((scope, key))
}

/// What of the lists of role assignments could not be read.
#[must_use]
pub(crate) fn gaps(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Gap> {
    let Inventory { gaps, partial, .. } = RoleAssignments.inventory(stacks, snapshot);
    gaps.into_iter().chain(partial).collect()
}

/// Why the lists that cover a scope could not be read completely.
pub(crate) fn gaps_near<'g>(gaps: &'g [Gap], scope: &ResourceId) -> impl Iterator<Item = &'g Refusal> {
    let subscription = scope.subscription_id().map(ResourceId::subscription);
    let reaches = move |gap: &&Gap| gap.scope.contains(scope) || Some(&gap.scope) == subscription.as_ref();
    gaps.iter().filter(reaches).map(|gap| &gap.refusal)
}

/// A field of the API.
const DELEGATED: &str = "delegatedManagedIdentityResourceId";
const FIELDS: &[Field] = &[
    Field::new("roleDefinitionId", Compare::Identity),
    Field::new("principalId", Compare::Identity),
    Field::new("principalType", Compare::IgnoreCase)
        .change(Mutability::Never("the principal itself determines it: correct `type` in the spec")),
    Field::new("description", Compare::TextToItsEnd).absent("\"\""),
    Field::new("condition", Compare::Condition),
    Field::new("conditionVersion", Compare::Equal),
    Field::new(DELEGATED, Compare::IgnoreCase)
        .change(Mutability::Never("Azure fixes it when the assignment is created")),
];

static FACTS: Facts = Facts {
    name: "roleAssignments",
    types: &[TYPE],
    noun: "role assignment",
    api_version: API,
    fields: FIELDS,
    read_only: &[
        "/id",
        "/name",
        "/type",
        "/properties/scope",
        "/properties/createdOn",
        "/properties/createdBy",
        "/properties/updatedOn",
        "/properties/updatedBy",
    ],
    moving: &[],
    superseded: &[],
    newer: &[],
    takes_mark: true,
    takes_identity: false,
    is_callable: false,
};

impl Described for RoleAssignments {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }
}

impl Kind for RoleAssignments {
    fn granting(&self) -> Option<&dyn Granting> {
        Some(self)
    }
}

impl Declaring for RoleAssignments {
    /// A plan has ids for role and principal, one assignment for each principal.
    fn declarable(&self) -> Fields {
        let id = json!({"type": "string"});
        let further = [
            ("roleDefinitionId", id.clone()),
            ("principalId", id),
            ("principalType", json!({"$ref": "#/$defs/PrincipalType"})),
        ];
        Fields::of("RoleAssignment", &["role", "principals"], &further)
    }

    fn clears(&self, _path: &[String]) -> bool {
        true
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        rules::check(loaded, findings);
    }

    fn lists(&self, loaded: &Loaded) -> Vec<Option<ResourceId>> {
        declared::lists(loaded)
    }

    fn desired(&self, loaded: &Loaded, snapshot: &Snapshot) -> Vec<Desired> {
        declared::desired(loaded, snapshot)
    }

    fn obstacles(&self, desired: &Desired, _loaded: &Loaded, snapshot: &Snapshot) -> Vec<Finding> {
        desired.disproof(snapshot).into_iter().collect()
    }
}

impl Reading for RoleAssignments {
    fn queries(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
        let mut queries = lists(stacks, snapshot);
        queries.extend(roles::declared(stacks));
        queries.extend(principal_queries(stacks));
        queries.extend(grants::queries_beside(stacks, snapshot));
        queries
    }

    fn follow_ups(&self, survey: &Survey<'_>) -> Vec<Query> {
        let mut queries = roles::live(survey.inventory(self));
        let strange = undeclared::doubtful(survey);
        let doubtful: Vec<&Live> = strange.iter().copied().chain(undeclared::leaving(survey)).collect();
        queries.extend(temporary::queries(survey, &doubtful));
        queries.extend(undeclared::projects(&strange, survey.snapshot));
        queries.extend(orphans::strangers(survey.stacks, &strange));
        queries.extend(orphans::query(survey));
        queries
    }

    fn remarks(&self, survey: &Survey<'_>) -> Vec<Finding> {
        let mut findings = roles::remarks(survey.stacks, survey.snapshot);
        findings.extend(temporary::remarks(survey));
        findings.extend(orphans::remarks(survey));
        findings.extend(accepted::expectations(survey.stacks, survey.snapshot).1);
        findings
    }

    fn declares_list_in(&self, scope: &ResourceId, stacks: &[Loaded]) -> bool {
        let lists = |loaded| undeclared::lists(loaded).chain(undeclared::of_projects(loaded));
        stacks.iter().flat_map(lists).any(|(holder, _)| scope.contains(&holder))
    }

    fn authors<'a>(&self, body: &'a Value) -> Option<(&'a str, &'a str)> {
        let said = AssignmentBody::of(body);
        super::undeclared::authors(said.created().0, said.updated().0)
    }

    fn around(&self, targets: &[ResourceId]) -> Vec<Query> {
        let at = |target: &ResourceId| match target.subscription_id() {
            Some(subscription) => list(&ResourceId::subscription(subscription)),
            None => list_at(&target.scope()),
        };
        targets.iter().map(at).collect()
    }

    fn inventory(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Inventory {
        let mut inventory = Inventory::default();
        let watched: BTreeSet<ResourceId> = stacks.iter().flat_map(|loaded| watched(&loaded.spec)).collect();
        let groups: BTreeSet<ResourceId> = stacks.iter().flat_map(|loaded| groups_of(&loaded.spec)).collect();
        let names: BTreeSet<&str> = stacks.iter().map(|loaded| loaded.spec.stack.as_str()).collect();
        let scopes = watched.iter().filter_map(ResourceId::subscription_id);
        let subscriptions: BTreeSet<ResourceId> = stacks
            .iter()
            .map(|loaded| loaded.spec.subscription.as_str())
            .chain(scopes)
            .map(ResourceId::subscription)
            .collect();
        for subscription in subscriptions {
            if let Some(Answer::Denied(refusal)) = snapshot.get(&list(&subscription)) {
                inventory.partial.push(Gap { scope: subscription, refusal: refusal.clone() });
            }
        }
        for query in lists(stacks, snapshot) {
            if let Some(refusal) = snapshot.get(&query).and_then(Answer::refusal) {
                inventory.gaps.push(Gap { scope: query.scope.clone(), refusal: refusal.clone() });
            }
            for body in snapshot.items(&query) {
                let ours = self.mark(body).is_some_and(|mark| names.contains(mark.as_str()));
                let placed = super::placed(body).filter(|id| !super::contradicts(id, body));
                let (Some(id), Some((scope, key))) = (placed, identity(body)) else {
                    let power = || undeclared::is_guarded(body, snapshot.roles());
                    let near = strange::near(body, watched.iter(), &groups, power);
                    inventory.gaps.extend(strange::gaps(body, near, ours, &query));
                    continue;
                };
                let near = || {
                    watched.contains(&scope)
                        || ["accounts", "projects"]
                            .iter()
                            .any(|within| scope.up_to(within).is_some_and(|outer| watched.contains(&outer)))
                };
                // On other resources in the groups, only guarded roles are reported.
                let power = || {
                    scope.group().is_some_and(|group| groups.contains(&group))
                        && undeclared::is_guarded(body, snapshot.roles())
                };
                // Assignments that a stack created are its business anywhere: the last line that named a scope may have been removed.
                if !ours && !near() && !power() {
                    continue;
                }
                let live = Live { kind: &RoleAssignments, key, scope, id, body: body.clone() };
                twin::insert(&mut inventory, live, &names, snapshot);
            }
        }
        inventory
    }
}

impl Comparing for RoleAssignments {
    fn undeclared(
        &self,
        live: &[&Live],
        stacks: &[Loaded],
        snapshot: &Snapshot,
        roles: &Catalogue,
    ) -> Vec<UndeclaredVerdict> {
        undeclared::verdicts(live, stacks, snapshot, roles)
    }

    fn notices(&self, desired: &Desired, body: &Value) -> Vec<Finding> {
        conditions::undeclared(desired, body).into_iter().collect()
    }

    fn to_spec(&self, body: &Value) -> Value {
        let properties = &body["properties"];
        let mut spec = Map::new();
        for name in [
            "roleDefinitionId",
            "principalId",
            "principalType",
            "description",
            "condition",
            "conditionVersion",
            DELEGATED,
        ] {
            if !properties[name].is_null() {
                spec.insert(name.to_owned(), properties[name].clone());
            }
        }
        if let Some(Value::String(description)) = spec.get_mut("description") {
            *description = split_mark(description).0.to_owned();
        }
        Value::Object(spec)
    }

    fn mark(&self, body: &Value) -> Option<String> {
        split_mark(AssignmentBody::of(body).description()?).1.map(str::to_owned)
    }
}

impl Writing for RoleAssignments {
    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        for (name, value) in patch {
            match name.as_str() {
                "description" => {
                    let stack = self.mark(body);
                    let text = value.as_str().unwrap_or_default();
                    let text = stack.map_or_else(|| text.to_owned(), |stack| marked(text, &stack));
                    merge(member(body, "properties"), &json!({ "description": text }));
                }
                _ => merge(member(body, "properties"), &json!({ name: value })),
            }
        }
    }

    fn set_mark(&self, body: &mut Value, stack: &str) {
        let text = split_mark(AssignmentBody::of(body).description().unwrap_or_default()).0;
        *member(member(body, "properties"), "description") = json!(marked(text, stack));
    }

    fn misfit(&self, id: &ResourceId, change: &PlannedChange) -> Option<String> {
        planned::misfit(id, change)
    }
}

impl Wording for RoleAssignments {
    /// White space in a condition does not matter, so it is split into readable lines.
    fn written(&self, body: &Value) -> Map<String, Value> {
        let mut spec = super::shape::written(self, body);
        if let Some(Value::String(condition)) = spec.get_mut("condition") {
            let lines: Vec<&str> = condition.trim().lines().map(str::trim_end).collect();
            *condition = lines.join("\n");
        }
        spec
    }

    fn title(&self, body: &Value, called: &Called<'_>) -> String {
        let said = AssignmentBody::of(body);
        let role = said.role().map_or_else(|| "?".to_owned(), |role| called.roles.display_name(role));
        let scope = said.scope().unwrap_or("?");
        let scope = ResourceId::parse(scope).map_or_else(|_| scope.to_owned(), |id| scope_name(&id));
        let principal = said.principal_id().unwrap_or("?");
        let name = called.names.get(&comparable(principal)).map(String::as_str);
        let who = principals::called(said.principal_type().unwrap_or("?"), principal, name);
        format!("role assignment {role} -> {who} on {scope}")
    }

    fn mark_place(&self, stack: &str) -> Option<String> {
        Some(format!("`[keyless:{stack}]` from the end of its description"))
    }

    fn role(&self, body: &Value, roles: &Catalogue) -> Option<String> {
        let said = AssignmentBody::of(body);
        let written = said.role_definition_id()?;
        Some(said.role().map_or_else(|| written.to_owned(), |role| roles.display_name(role)))
    }

    fn planned_title(&self, id: &ResourceId, change: &PlannedChange, roles: &Catalogue) -> String {
        planned::title(id, change, roles)
    }
}

impl Granting for RoleAssignments {
    fn may_be(&self, declared: &Map<String, Value>, body: &Value) -> bool {
        twin::may_be(declared, body)
    }

    fn passing(&self, live: &Live, snapshot: &Snapshot) -> Option<Passing> {
        temporary::passing(live, snapshot)
    }

    fn contradiction(&self, live: &Live, snapshot: &Snapshot) -> Option<Refusal> {
        temporary::contradiction(live, snapshot)
    }

    fn whole(&self, patch: &Map<String, Value>) -> Map<String, Value> {
        twin::whole(patch)
    }

    fn otherwise(&self, target: &str, sent: &Value, answer: &Value) -> Vec<String> {
        twin::otherwise(target, sent, answer)
    }

    fn named_by(&self, patch: &Map<String, Value>, stand_in: &ResourceId) -> ResourceId {
        let text = |name: &str| patch.get(name).and_then(Value::as_str).unwrap_or_default();
        match trailing_guid(text("roleDefinitionId")) {
            Some(role) => declared::id_of(&stand_in.scope(), text("principalId"), role),
            None => stand_in.clone(),
        }
    }

    fn name_principal(&self, desired: &mut Desired, names: &Names) {
        let text = |name: &str| desired.declared.get(name).and_then(Value::as_str);
        let (Some(kind), Some(id)) = (text("principalType"), text("principalId")) else { return };
        let Some(name) = names.get(&comparable(id)) else { return };
        let (bare, named) = (principals::called(kind, id, None), principals::called(kind, id, Some(name)));
        desired.title = desired.title.replace(&format!(" -> {bare} on "), &format!(" -> {named} on "));
    }
}
