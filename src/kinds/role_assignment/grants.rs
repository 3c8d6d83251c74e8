//! The assignments that a spec declares, before names are looked up and principals expanded.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{accepted, watched};
use crate::finding::Open;
use crate::id::{Key, ResourceId, comparable};
use crate::kinds::account::{self, address_of, id_of};
use crate::kinds::desired::Desired;
use crate::kinds::{self, project, sql_role_assignment};
use crate::principals;
use crate::snapshot::{Query, Snapshot};
use crate::spec::model::{Account, Principal, RoleAssignment, ScopedRoleAssignment, Spec};
use crate::spec::{self, Loaded};

/// A declared assignment before its principals are expanded, from anywhere in the spec.
pub(super) struct DeclaredGrant<'a> {
    pub(super) pointer: String,
    pub(super) scope: ResourceId,
    pub(super) after: Vec<Key>,
    pub(super) place: String,
    pub(super) role: &'a str,
    pub(super) principals: &'a [Principal],
    pub(super) conditional: bool,
    pub(super) explicit_version: bool,
}

impl<'a> DeclaredGrant<'a> {
    fn new(
        pointer: String,
        scope: ResourceId,
        after: Vec<Key>,
        place: String,
        assignment: &'a RoleAssignment,
    ) -> Self {
        Self {
            pointer,
            scope,
            after,
            place,
            role: &assignment.role,
            principals: &assignment.principals,
            conditional: assignment.condition.is_some(),
            explicit_version: assignment.condition_version.is_some(),
        }
    }
}

/// The roles that a spec gives, as it names them, and the scopes.
#[must_use]
pub(crate) fn declared_roles(spec: &Spec) -> Vec<(ResourceId, &str)> {
    grants(spec).into_iter().map(|grant| (grant.scope, grant.role)).collect()
}

/// The scope that a word or id in a spec means.
pub(super) fn scope_of(spec: &Spec, scope: &str) -> Option<ResourceId> {
    match scope {
        "subscription" => Some(ResourceId::subscription(&spec.subscription)),
        "resourceGroup" => {
            spec.resource_group.as_ref().map(|group| ResourceId::resource_group(&spec.subscription, group))
        }
        id => ResourceId::declared(id).ok(),
    }
}

/// Every declared assignment of a spec, except those whose scope is invalid (a rule reports them).
pub(super) fn grants(spec: &Spec) -> Vec<DeclaredGrant<'_>> {
    let mut grants = Vec::new();
    let accounts: Vec<ResourceId> = spec.accounts.iter().map(|account| id_of(spec, account)).collect();
    for ((index, account), scope) in spec.accounts.iter().enumerate().zip(&accounts) {
        for (nested, assignment) in account.role_assignments.iter().enumerate() {
            let pointer = format!("/accounts/{index}/roleAssignments/{nested}");
            let after = vec![account::key(scope)];
            grants.push(DeclaredGrant::new(pointer, scope.clone(), after, address_of(account), assignment));
        }
        for (at, project) in account.projects.iter().flatten().enumerate() {
            let id = scope.child("projects", &project.name);
            for (nested, assignment) in project.role_assignments.iter().enumerate() {
                let pointer = format!("/accounts/{index}/projects/{at}/roleAssignments/{nested}");
                let after = vec![account::key(scope), project::key(&id)];
                let place = format!("{}/projects/{}", address_of(account), project.name);
                grants.push(DeclaredGrant::new(pointer, id.clone(), after, place, assignment));
            }
        }
    }
    let accounts: BTreeSet<ResourceId> = accounts.into_iter().collect();
    let projects = project::ids(spec);
    let declared = |scope: &ResourceId, collection, ids: &BTreeSet<ResourceId>| {
        scope.up_to(collection).filter(|id| ids.contains(id))
    };
    for (index, ScopedRoleAssignment { scope: place, assignment }) in spec.role_assignments.iter().enumerate()
    {
        let Some(scope) = scope_of(spec, place) else { continue };
        // An assignment on an account of this file, or on its children, waits for the account, wherever it is declared.
        let account = declared(&scope, "accounts", &accounts);
        let project = declared(&scope, "projects", &projects);
        let after = account.iter().map(account::key).chain(project.iter().map(project::key)).collect();
        let pointer = format!("/roleAssignments/{index}");
        grants.push(DeclaredGrant::new(pointer, scope, after, place.clone(), assignment));
    }
    grants
}

/// Every declared assignment with its pointer, even if its scope is invalid: those of accounts and projects first, then the file's.
pub(super) fn assignments(spec: &Spec) -> impl Iterator<Item = (String, &RoleAssignment)> {
    fn of(holder: String, list: &[RoleAssignment]) -> impl Iterator<Item = (String, &RoleAssignment)> {
        let pointer = move |index| format!("{holder}/roleAssignments/{index}");
        list.iter().enumerate().map(move |(index, assignment)| (pointer(index), assignment))
    }
    let nested = spec.accounts.iter().enumerate().flat_map(|(at, account)| {
        let projects = account.projects.iter().flatten().enumerate().flat_map(move |(nested, project)| {
            of(format!("/accounts/{at}/projects/{nested}"), &project.role_assignments)
        });
        of(format!("/accounts/{at}"), &account.role_assignments).chain(projects)
    });
    let scoped = spec.role_assignments.iter().enumerate();
    nested.chain(scoped.map(|(index, each)| (format!("/roleAssignments/{index}"), &each.assignment)))
}

/// Every principal of a spec, with its pointer.
#[must_use]
pub fn principals_of(spec: &Spec) -> Vec<(String, &Principal)> {
    let mut all = Vec::new();
    for grant in grants(spec) {
        for (index, principal) in grant.principals.iter().enumerate() {
            all.push((format!("{}/principals/{index}", grant.pointer), principal));
        }
    }
    all.extend(sql_role_assignment::principals_of(spec));
    all.extend(accepted::principals(spec));
    all
}

/// The queries that resolve principals of specs beside the run ([`spec::beside`]), as far as their role assignments apply in its domain:
/// names, and the accounts whose identities they are. If an account goes, they are wherever they apply: each may be its identity.
pub(super) fn queries_beside(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let mut beside = spec::beside(stacks).peekable();
    if beside.peek().is_none() {
        return Vec::new();
    }
    let domains: Vec<_> = stacks.iter().map(|loaded| kinds::domain(&loaded.spec)).collect();
    let goes = !project::abandoned(stacks, snapshot).is_empty();
    let is_near =
        |grant: &DeclaredGrant<'_>| goes || domains.iter().any(|domain| domain.may_overlap(&grant.scope));
    let mut queries = Vec::new();
    for loaded in beside {
        let spec = &loaded.spec;
        let near: Vec<&Principal> =
            grants(spec).into_iter().filter(is_near).flat_map(|grant| grant.principals).collect();
        queries.extend(principals::queries(near.iter().copied()));
        let holders = near.iter().filter_map(|principal| principal.account_identity.as_deref());
        let is_holder =
            |account: &&Account| holders.clone().any(|name| account.name.eq_ignore_ascii_case(name));
        queries
            .extend(spec.accounts.iter().filter(is_holder).map(|holder| account::one(&id_of(spec, holder))));
    }
    queries
}

/// The subscriptions that only specs name which are not selected. A stack that is retired may have left something there, and is never looked
/// for again.
pub(super) fn beside_retired(stacks: &[Loaded]) -> BTreeSet<ResourceId> {
    let others = if stacks.iter().any(Loaded::is_retired) { spec::unselected(stacks) } else { &[] };
    let scopes = others.iter().flat_map(|loaded| {
        let own = ResourceId::subscription(&loaded.spec.subscription);
        watched(&loaded.spec).into_iter().chain([own])
    });
    scopes.filter_map(|scope| scope.subscription_id().map(ResourceId::subscription)).collect()
}

/// The queries that resolve the principals of stacks.
#[must_use]
pub(crate) fn principal_queries(stacks: &[Loaded]) -> Vec<Query> {
    principals::queries(stacks.iter().flat_map(|loaded| principals_of(&loaded.spec)).map(|(_, who)| who))
}

/// Somebody to whom a stack that is loaded but not selected gives a role.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenBeside {
    /// The object id; `None` for a name that could not be looked up and may be that of an identity.
    pub principal: Option<String>,
    /// Where.
    pub scope: ResourceId,
    /// The stack.
    pub stack: String,
}

/// Who may be identities, among those to whom these declarations give roles.
pub(crate) fn holders(beside: &[Desired]) -> Vec<GivenBeside> {
    let holder = |each: &Desired| {
        let text = |name: &str| each.declared.get(name).and_then(Value::as_str);
        let principal = text("principalId").map(comparable);
        // A principal that is not in the directory has no identity; one that could not be looked up may be an identity, unless it is a person or a group.
        let may_be =
            matches!(each.open, Some(Open::Unknown(_))) && text("principalType") == Some("ServicePrincipal");
        let (scope, stack) = (each.kind.applies_to(&each.id), each.stack.clone());
        (principal.is_some() || may_be).then_some(GivenBeside { principal, scope, stack })
    };
    beside.iter().filter(|each| each.kind.is_grant()).filter_map(holder).collect()
}
