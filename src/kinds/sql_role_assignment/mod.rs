//! Role assignments of Cosmos DB (`Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments`): roles for the data in an account, which Azure's
//! own role assignments do not give.
//!
//! They carry no text, so their name is the mark: it follows from principal, role, scope and stack. Two with the same scope, principal and
//! role are the same, whatever their names.

mod databases;
mod declared;
mod exported;
mod holders;
mod roles;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use uuid::Uuid;

pub(crate) use exported::sql_roles;
pub(super) use holders::doubtful;

use super::role_assignment::Gone;
use super::undeclared::UndeclaredVerdict;
use super::{
    Called, Compare, Comparing, Declaring, Described, Facts, Field, Inventory, Kind, Live, Mutability,
    Reading, Section, Survey, Wording, Writing, children, merge,
};
use crate::body::AssignmentBody;
use crate::document::{Action, PlannedChange};
use crate::finding::{Code, Finding};
use crate::id::{Key, ResourceId, arm_guid, comparable, hyphenated_guid, trailing_guid};
use crate::kinds::desired::Desired;
use crate::principals;
use crate::rbac::Catalogue;
use crate::snapshot::{Answer, Query, Snapshot};
use crate::spec::model::{Principal, Spec, SqlRoleAssignment, Unmanaged};
use crate::spec::structure::Fields;
use crate::spec::{Loaded, beside};
use crate::text::json::member;
use crate::text::source::Span;

/// The kind `sqlRoleAssignments`.
pub(super) struct SqlRoleAssignments;

const LIST: &str = "sqlRoleAssignments";
const DEFINITIONS: &str = "sqlRoleDefinitions";
/// The type of accounts of Cosmos DB.
const DATABASES: &str = "Microsoft.DocumentDB/databaseAccounts";
/// The roles that every account has: <https://learn.microsoft.com/azure/cosmos-db/reference-data-plane-roles>.
const BUILT_IN: &[(&str, Uuid)] = &[
    ("Cosmos DB Built-in Data Reader", Uuid::from_u128(1)),
    ("Cosmos DB Built-in Data Contributor", Uuid::from_u128(2)),
];
/// Where the inventory keeps the stack that a name belongs to; Azure has no such member.
const MARK: &str = "keylessStack";

const NEVER: Mutability = Mutability::Never("it identifies the assignment");
static FACTS: Facts = Facts {
    name: LIST,
    types: &["Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments"],
    noun: "Cosmos DB role assignment",
    api_version: "2025-10-15",
    fields: &[
        Field::new("roleDefinitionId", Compare::Identity).change(NEVER),
        Field::new("principalId", Compare::Identity).change(NEVER),
        Field::new("scope", Compare::Identity).change(NEVER),
    ],
    read_only: &["/id", "/name", "/type", "/systemData", "/properties/provisioningState", "/keylessStack"],
    moving: &[],
    superseded: &[],
    newer: &[],
    takes_mark: true,
    takes_identity: false,
    is_callable: false,
};

impl Described for SqlRoleAssignments {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }
}

impl Kind for SqlRoleAssignments {
    fn is_grant(&self) -> bool {
        true
    }

    fn applies_to(&self, id: &ResourceId) -> ResourceId {
        id.parent().unwrap_or_else(|| id.clone())
    }

    fn named_by(
        &self,
        patch: &Map<String, Value>,
        stand_in: &ResourceId,
        stack: Option<&str>,
    ) -> Option<ResourceId> {
        let text = |name: &str| patch.get(name).and_then(Value::as_str);
        let role = trailing_guid(text("roleDefinitionId")?)?;
        Some(id_of(&stand_in.parent()?, text("principalId")?, role, text("scope")?, stack?))
    }
}

/// A declared assignment with its pointer and the account; those with a wrong id are left to a rule.
fn declared(spec: &Spec) -> impl Iterator<Item = (usize, &SqlRoleAssignment, ResourceId)> {
    let all = spec.sql_role_assignments.iter().enumerate();
    all.filter_map(|(index, each)| Some((index, each, ResourceId::declared(&each.database_account).ok()?)))
}

/// The principals to whom a spec gives roles, by Cosmos DB account.
pub(super) fn given_in(spec: &Spec) -> impl Iterator<Item = (ResourceId, &[Principal])> {
    declared(spec).map(|(_, each, database)| (database, each.principals.as_slice()))
}

/// Every principal of these assignments, with its pointer.
pub(super) fn principals_of(spec: &Spec) -> impl Iterator<Item = (String, &Principal)> {
    spec.sql_role_assignments.iter().enumerate().flat_map(|(index, each)| {
        let principals = each.principals.iter().enumerate();
        principals.map(move |(at, principal)| (format!("/{LIST}/{index}/principals/{at}"), principal))
    })
}

/// The role that a spec names.
fn role_of(name: &str) -> Option<Uuid> {
    let known = BUILT_IN.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()));
    known.map(|(_, id)| *id).or_else(|| hyphenated_guid(name.trim()))
}

/// A role for messages.
fn role_name(role: Uuid) -> String {
    let known = BUILT_IN.iter().find(|(_, id)| *id == role);
    known.map_or_else(|| role.to_string(), |(name, _)| (*name).to_owned())
}

/// A scope for comparison. Azure may show the account's id in another case; in it, `/dbs/Orders` and `/dbs/orders` are two databases.
fn comparable_scope(database: &ResourceId, scope: &str) -> String {
    let scope = scope.trim_end_matches('/');
    let below = scope.get(database.as_str().len()..).unwrap_or_default();
    format!("{}{below}", database.as_str().to_ascii_lowercase())
}

/// The name that says that a stack made it.
fn id_of(database: &ResourceId, principal: &str, role: Uuid, scope: &str, stack: &str) -> ResourceId {
    let (role, scope) = (role.to_string(), comparable_scope(database, scope));
    let name = arm_guid(&[comparable(principal).as_str(), role.as_str(), scope.as_str(), "keyless", stack]);
    database.child(LIST, &name.to_string())
}

/// Scope, principal and role of a live one.
fn identity(id: &ResourceId, body: &Value) -> Option<(ResourceId, String, String, Uuid)> {
    let text = |name: &str| body["properties"][name].as_str();
    let database = id.parent()?;
    let scope = text("scope")?.trim_end_matches('/').to_owned();
    Some((database, scope, text("principalId")?.to_owned(), trailing_guid(text("roleDefinitionId")?)?))
}

/// Its identity. Keys ignore case, so capital letters below the account are marked.
fn key(database: &ResourceId, scope: &str, principal: &str, role: &str) -> Key {
    let mut exact = String::new();
    for letter in comparable_scope(database, scope).chars() {
        exact.extend(letter.is_ascii_uppercase().then_some('^'));
        exact.push(letter);
    }
    Key::new(LIST, &[exact.as_str(), comparable(principal).as_str(), role])
}

/// The scope below its account: the account's name, and the path in it.
fn place(database: &ResourceId, scope: &str) -> String {
    let below = scope.get(database.as_str().len()..).unwrap_or_default();
    format!("{}{below}", database.name())
}

/// The same for people.
fn place_in_words(database: &ResourceId, scope: &str) -> String {
    match scope.get(database.as_str().len()..).unwrap_or_default().trim_end_matches('/') {
        "" => format!("{} (the whole account)", database.name()),
        _ => place(database, scope),
    }
}

impl Declaring for SqlRoleAssignments {
    /// A plan has ids for role and principal, one assignment for each principal.
    fn declarable(&self) -> Fields {
        let id = json!({"type": "string"});
        let further = [("roleDefinitionId", id.clone()), ("principalId", id)];
        Fields::of("SqlRoleAssignment", &["role", "principals", "databaseAccount"], &further)
    }

    fn sections(&self, spec: &Spec) -> Vec<Section> {
        let accounts: BTreeSet<ResourceId> = declared(spec).map(|(.., database)| database).collect();
        let section = |parent: ResourceId| Section {
            pointer: format!("/{LIST}"),
            place: LIST.to_owned(),
            after: Vec::new(),
            parent,
        };
        accounts.into_iter().map(section).collect()
    }

    /// One list for all accounts: whoever keeps it, if only as `[]`, means what it no longer has.
    fn lists(&self, loaded: &Loaded) -> Vec<Option<ResourceId>> {
        let is_declared = loaded.document.tree.get(LIST).is_some() || loaded.is_retired();
        is_declared.then_some(None).into_iter().collect()
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        rules::check(loaded, findings);
    }

    fn desired(&self, loaded: &Loaded, snapshot: &Snapshot) -> Vec<Desired> {
        declared::desired(loaded, snapshot)
    }

    fn obstacles(&self, desired: &Desired, _loaded: &Loaded, snapshot: &Snapshot) -> Vec<Finding> {
        let Some(database) = desired.id.parent() else { return Vec::new() };
        let Some(Answer::Absent { .. }) = snapshot.get(&children::list(self, &database)) else {
            let role = roles::missing(desired, &database, snapshot);
            return role.into_iter().chain(desired.disproof(snapshot)).collect();
        };
        let message = format!("Cosmos DB account `{}` does not exist", database.name());
        let hint = "correct the id: az cosmosdb list --query [].id; keyless does not create such accounts";
        vec![Finding::error(Code::AccountMissing, message).at(desired.span).hint(hint)]
    }
}

/// A place in an account, for comparison.
type SqlPlace = (ResourceId, String);

/// The places at which a declared list is complete.
fn lists(stacks: &[Loaded], snapshot: &Snapshot) -> BTreeMap<SqlPlace, Span> {
    let mut lists = BTreeMap::new();
    for loaded in stacks.iter().filter(|loaded| loaded.spec.unmanaged == Unmanaged::Fail) {
        let span = loaded.document.key_span(&format!("/{LIST}"));
        for (index, each, database) in declared(&loaded.spec) {
            let scope = declared::scope(loaded, snapshot, index, each, &database);
            let scope = comparable_scope(&database, &scope);
            lists.entry((database, scope)).or_insert(span);
        }
    }
    lists
}

/// The accounts that these specs name.
fn named(stacks: &[Loaded]) -> BTreeSet<ResourceId> {
    stacks.iter().flat_map(|loaded| declared(&loaded.spec)).map(|(.., database)| database).collect()
}

impl Reading for SqlRoleAssignments {
    fn queries(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
        let accounts = named(stacks).into_iter().chain(databases::found(stacks, snapshot));
        let mut queries = databases::lists(stacks, snapshot);
        queries.extend(accounts.map(|database| children::list(self, &database)));
        queries
    }

    fn follow_ups(&self, survey: &Survey<'_>) -> Vec<Query> {
        let mut queries = roles::queries(survey.stacks, survey.inventory(self), survey.snapshot);
        queries.extend(holders::queries(survey));
        queries
    }

    fn remarks(&self, survey: &Survey<'_>) -> Vec<Finding> {
        holders::remarks(survey)
    }

    fn declares_list_in(&self, scope: &ResourceId, stacks: &[Loaded]) -> bool {
        named(stacks).iter().any(|database| database.contains(scope))
    }

    fn inventory(&self, stacks: &[Loaded], snapshot: &Snapshot) -> Inventory {
        let named = named(stacks);
        let accounts = named.iter().cloned().chain(databases::found(stacks, snapshot)).collect();
        let mut found = children::inventory(&SqlRoleAssignments, accounts, snapshot);
        found.gaps.extend(databases::gaps(stacks, snapshot));
        let is_of_run = |owner: &str| stacks.iter().any(|loaded| loaded.spec.stack == owner);
        let names: BTreeSet<&str> =
            stacks.iter().chain(beside(stacks)).map(|loaded| loaded.spec.stack.as_str()).collect();
        let mut items: BTreeMap<Key, Live> = BTreeMap::new();
        for mut live in std::mem::take(&mut found.items).into_values() {
            let Some((database, scope, principal, role)) = identity(&live.id, &live.body) else {
                let query = children::list(self, &live.id.parent().unwrap_or_else(ResourceId::root));
                let refusal = super::unplaced(&query, &live.body);
                found.gaps.push(super::Gap { scope: query.scope, refusal });
                continue;
            };
            let owner = names.iter().find(|stack| self.mark_for(&live.body, Some(stack)).is_some());
            // In an account that no spec names, only what a stack of the run has made concerns it.
            if !named.contains(&database) && !owner.is_some_and(|owner| is_of_run(owner)) {
                continue;
            }
            if let Some(owner) = owner {
                let mut body = (*live.body).clone();
                body[MARK] = json!(owner);
                live.body = body.into();
            }
            live.key = key(&database, &scope, &principal, &role.to_string());
            // Of several equal ones, a stack's own is the one that is declared.
            match items.get_mut(&live.key) {
                None => _ = items.insert(live.key.clone(), live),
                Some(known) => {
                    let rank = |live: &Live| (self.mark(&live.body).is_none(), live.id.clone());
                    let twin = if rank(&live) < rank(known) { std::mem::replace(known, live) } else { live };
                    found.twins.insert((twin.key.clone(), twin.id.clone()), twin);
                }
            }
        }
        found.items = items;
        found
    }
}

impl Comparing for SqlRoleAssignments {
    /// At exactly a declared scope the list is complete; elsewhere in the account others may give what they want.
    fn undeclared(
        &self,
        live: &[&Live],
        stacks: &[Loaded],
        snapshot: &Snapshot,
        _roles: &Catalogue,
    ) -> Vec<UndeclaredVerdict> {
        let lists = lists(stacks, snapshot);
        let gone = Gone::of(stacks, snapshot);
        live.iter().map(|live| holders::verdict(live, &lists, &gone)).collect()
    }

    fn to_spec(&self, body: &Value) -> Value {
        let members = ["roleDefinitionId", "principalId", "scope"];
        Value::Object(super::shape::members(&body["properties"], &members))
    }

    fn mark(&self, body: &Value) -> Option<String> {
        body[MARK].as_str().map(str::to_owned)
    }

    fn mark_for(&self, body: &Value, stack: Option<&str>) -> Option<String> {
        let id = ResourceId::parse(body["id"].as_str()?).ok()?;
        let (database, scope, principal, role) = identity(&id, body)?;
        let stack = stack?;
        (id_of(&database, &principal, role, &scope, stack) == id).then(|| stack.to_owned())
    }
}

impl Writing for SqlRoleAssignments {
    fn set_mark(&self, _body: &mut Value, _stack: &str) {}

    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        for (name, value) in patch {
            merge(member(body, "properties"), &json!({ name: value }));
        }
    }

    fn misfit(&self, id: &ResourceId, change: &PlannedChange) -> Option<String> {
        if change.action == Action::Delete {
            return None;
        }
        if change.action != Action::Create {
            return Some("such an assignment cannot change".to_owned());
        }
        let patch = change.patch();
        let text = |name: &str| patch.get(name).and_then(Value::as_str).unwrap_or_default();
        let database = id.parent()?;
        let role = ResourceId::parse(text("roleDefinitionId")).ok();
        let is_role = role.is_some_and(|role| {
            hyphenated_guid(role.name()).is_some() && role == database.child(DEFINITIONS, role.name())
        });
        if !is_role {
            return Some("it has no role of its account".to_owned());
        }
        let below = text("scope").strip_prefix(database.as_str());
        if !below.is_some_and(|below| below.is_empty() || rules::is_below(below)) {
            return Some("its scope is not in its account".to_owned());
        }
        if !change.holes.is_empty() {
            return None;
        }
        let principal = text("principalId");
        if !Uuid::try_parse(principal).is_ok_and(|guid| guid.to_string() == principal) {
            return Some(format!("`{principal}` is not an object id in the form that plans use"));
        }
        (self.named_by(&patch, id, change.stack.as_deref()).as_ref() != Some(id))
            .then(|| "its name does not match its role, principal, scope and stack".to_owned())
    }
}

impl Wording for SqlRoleAssignments {
    fn mark_place(&self, _stack: &str) -> Option<String> {
        None
    }

    fn role(&self, body: &Value, _roles: &Catalogue) -> Option<String> {
        AssignmentBody::of(body).role().map(role_name)
    }

    fn title(&self, body: &Value, called: &Called<'_>) -> String {
        let id = body["id"].as_str().and_then(|id| ResourceId::parse(id).ok());
        let Some((database, scope, principal, role)) = id.as_ref().and_then(|id| identity(id, body)) else {
            return format!("{} {}", self.noun(), id.as_ref().map_or("?", ResourceId::name));
        };
        let name = called.names.get(&comparable(&principal)).map(String::as_str);
        let who = principals::called("", &principal, name);
        let on = place_in_words(&database, &scope);
        format!("{} {} -> {who} on {on}", self.noun(), role_name(role))
    }

    fn planned_title(&self, id: &ResourceId, change: &PlannedChange, _roles: &Catalogue) -> String {
        let patch = change.patch();
        let text = |name: &str| patch.get(name).and_then(Value::as_str);
        let database = id.parent().unwrap_or_else(ResourceId::root);
        let Some(role) = text("roleDefinitionId").and_then(trailing_guid) else {
            return format!("{} {} on {}", self.noun(), id.name(), database.name());
        };
        let holder = change.holes.iter().find(|hole| hole.reference.is_none());
        let who = match holder.and_then(|hole| ResourceId::parse(&hole.resource).ok()) {
            Some(holder) => format!("the identity of `{}` (known after it is created)", holder.name()),
            None => principals::called("", text("principalId").unwrap_or("?"), None),
        };
        let at = text("scope")
            .map_or_else(|| database.name().to_owned(), |scope| place_in_words(&database, scope));
        format!("{} {} -> {who} on {at}", self.noun(), role_name(role))
    }
}
