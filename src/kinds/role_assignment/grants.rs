//! The assignments that a spec declares, before names are looked up and principals expanded.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{accepted, watched};
use crate::finding::Open;
use crate::id::{Key, ResourceId, comparable};
use crate::kinds::account::{self, address_of, id_of};
use crate::kinds::desired::Desired;
use crate::kinds::late::own;
use crate::kinds::{self, project, sql_role_assignment};
use crate::principals::{self, Form};
use crate::snapshot::{Query, Snapshot};
use crate::spec::model::{
    Account, DeclaredScope, Principal, Project, RoleAssignment, ScopedRoleAssignment, Spec,
};
use crate::spec::{self, Loaded};

/// A declared assignment before its principals are expanded, from anywhere in the spec.
pub(super) struct DeclaredGrant<'a> {
    /// The account that has it in its list, with its position in the spec.
    account: Option<(usize, &'a Account)>,
    /// The project that has it in its list, with its position in the account.
    project: Option<(usize, &'a Project)>,
    /// Its position in its list.
    index: usize,
    /// The scope as written, in the list of the file.
    written: &'a str,
    pub(super) scope: ResourceId,
    pub(super) role: &'a str,
    pub(super) principals: &'a [Principal],
    pub(super) conditional: bool,
    pub(super) explicit_version: bool,
}

impl<'a> DeclaredGrant<'a> {
    /// The one at a position in a list: that of an account, of a project in it, or the file's own.
    fn new(
        scope: ResourceId,
        account: Option<(usize, &'a Account)>,
        project: Option<(usize, &'a Project)>,
        index: usize,
        assignment: &'a RoleAssignment,
    ) -> Self {
        Self {
            account,
            project,
            index,
            written: "",
            scope,
            role: &assignment.role,
            principals: &assignment.principals,
            conditional: assignment.condition.is_some(),
            explicit_version: assignment.condition_version.is_some(),
        }
    }

    /// The account that has it in its list, or has the project that does.
    pub(super) fn account(&self) -> Option<&'a Account> {
        self.account.map(|(_, account)| account)
    }

    /// Its JSON pointer.
    pub(super) fn pointer(&self) -> String {
        let index = self.index;
        match (self.account, self.project) {
            (Some((account, _)), Some((project, _))) => {
                format!("/accounts/{account}/projects/{project}/roleAssignments/{index}")
            }
            (Some((account, _)), None) => format!("/accounts/{account}/roleAssignments/{index}"),
            (None, _) => format!("/roleAssignments/{index}"),
        }
    }

    /// The address of its list.
    pub(super) fn place(&self) -> String {
        match (self.account, self.project) {
            (Some((_, account)), Some((_, project))) => {
                format!("{}/projects/{}", address_of(account), project.name)
            }
            (Some((_, account)), None) => address_of(account),
            (None, _) => self.written.to_owned(),
        }
    }
}

/// The accounts and projects of a spec: what is assigned on them, or on their children, waits for them, wherever it is declared.
pub(super) struct Holders {
    accounts: BTreeSet<ResourceId>,
    projects: BTreeSet<ResourceId>,
}

impl Holders {
    pub(super) fn of(spec: &Spec) -> Self {
        let accounts = spec.accounts.iter().map(|account| id_of(spec, account)).collect();
        Self { accounts, projects: project::ids(spec) }
    }

    /// The declared resources that must be created before an assignment at a scope.
    pub(super) fn before(&self, scope: &ResourceId) -> Vec<Key> {
        let declared = |collection, ids: &BTreeSet<ResourceId>| {
            let ids = Some(ids).filter(|ids| !ids.is_empty())?;
            scope.up_to(collection).filter(|id| ids.contains(id))
        };
        let account = declared("accounts", &self.accounts).map(|id| account::key(&id));
        let project = declared("projects", &self.projects).map(|id| project::key(&id));
        account.into_iter().chain(project).collect()
    }
}

/// The roles that a spec gives, as it names them, and the scopes.
#[must_use]
pub(crate) fn declared_roles(spec: &Spec) -> Vec<(ResourceId, &str)> {
    grants(spec).map(|grant| (grant.scope, grant.role)).collect()
}

/// The scope that a word or id in a spec means.
pub(super) fn scope_of(spec: &Spec, scope: &DeclaredScope) -> Option<ResourceId> {
    match scope {
        DeclaredScope::Id(id) => Some(id.clone()),
        DeclaredScope::Text(text) => match text.as_str() {
            "subscription" => Some(ResourceId::subscription(&spec.subscription)),
            "resourceGroup" => spec
                .resource_group
                .as_ref()
                .map(|group| ResourceId::resource_group(&spec.subscription, group)),
            id => ResourceId::declared(id).ok(),
        },
    }
}

/// Every declared assignment of a spec, except those whose scope is invalid (a rule reports them).
pub(super) fn grants(spec: &Spec) -> impl Iterator<Item = DeclaredGrant<'_>> {
    let nested = spec.accounts.iter().enumerate().flat_map(move |(at, account)| {
        let holder = Some((at, account));
        let own = (!account.role_assignments.is_empty()).then(|| id_of(spec, account));
        let own = own.into_iter().flat_map(move |scope| {
            let each = account.role_assignments.iter().enumerate();
            each.map(move |(index, said)| DeclaredGrant::new(scope.clone(), holder, None, index, said))
        });
        let projects = account.projects.iter().flatten().enumerate().flat_map(move |(at, project)| {
            let scope = id_of(spec, account).child("projects", &project.name);
            let each = project.role_assignments.iter().enumerate();
            each.map(move |(index, said)| {
                DeclaredGrant::new(scope.clone(), holder, Some((at, project)), index, said)
            })
        });
        own.chain(projects)
    });
    let scoped = spec.role_assignments.iter().enumerate().filter_map(move |(index, entry)| {
        let ScopedRoleAssignment { scope: written, assignment } = entry;
        let grant = DeclaredGrant::new(scope_of(spec, written)?, None, None, index, assignment);
        Some(DeclaredGrant { written: written.as_str(), ..grant })
    });
    nested.chain(scoped)
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
        let pointer = grant.pointer();
        for (index, principal) in grant.principals.iter().enumerate() {
            all.push((format!("{pointer}/principals/{index}"), principal));
        }
    }
    all.extend(sql_role_assignment::principals_of(spec));
    all.extend(accepted::principals(spec));
    all
}

/// The queries that resolve principals of specs beside the run ([`spec::beside`]), as far as their role assignments apply in its domain:
/// names, and the accounts and projects whose identities they are. If an account goes, they are wherever they apply: each may be its identity.
pub(super) fn queries_beside(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let mut beside = spec::beside(stacks).peekable();
    if beside.peek().is_none() {
        return Vec::new();
    }
    let domains: Vec<_> = stacks.iter().map(|loaded| kinds::domain(&loaded.spec)).collect();
    let goes = !project::abandoned(stacks, snapshot).is_empty();
    let is_near =
        |grant: &DeclaredGrant<'_>| goes || domains.iter().any(|domain| domain.may_overlap(&grant.scope));
    // Cosmos DB accounts that this run reads.
    let named: BTreeSet<ResourceId> = stacks
        .iter()
        .flat_map(|loaded| sql_role_assignment::given_in(&loaded.spec).map(|(database, _)| database))
        .collect();
    let mut queries = Vec::new();
    for loaded in beside {
        let spec = &loaded.spec;
        let of_cosmos = sql_role_assignment::given_in(spec).filter(|(database, _)| {
            goes || named.contains(database) || domains.iter().any(|domain| domain.may_overlap(database))
        });
        let near: Vec<&Principal> = grants(spec)
            .filter(is_near)
            .flat_map(|grant| grant.principals)
            .chain(of_cosmos.flat_map(|(_, principals)| principals))
            .collect();
        queries.extend(principals::queries(near.iter().copied()));
        for form in near.into_iter().filter_map(Form::of) {
            match form {
                Form::AccountIdentity(name) => {
                    queries.extend(own::account_named(spec, name).ok().map(|own| account::one(&own.id)));
                }
                Form::ProjectIdentity(path) => {
                    let (account, name) = path.split_once('/').unwrap_or_default();
                    queries.extend(
                        own::project_named(spec, account, name).ok().map(|own| project::one(&own.id)),
                    );
                }
                _ => {}
            }
        }
    }
    queries
}

/// The subscriptions that only specs name which are not selected. A stack that is retired may have left something there, and is never looked
/// for again.
pub(super) fn beside_retired(stacks: &[Loaded]) -> BTreeSet<ResourceId> {
    let others = if stacks.iter().any(Loaded::is_retired) { spec::unselected(stacks) } else { &[] };
    let scopes = others.iter().flat_map(|loaded| {
        let own = ResourceId::subscription(&loaded.spec.subscription);
        watched(&loaded.spec).chain([own])
    });
    scopes.filter_map(|scope| scope.subscription_id().map(ResourceId::subscription)).collect()
}

/// The queries that resolve the principals of stacks.
#[must_use]
pub(crate) fn principal_queries(stacks: &[Loaded]) -> Vec<Query> {
    principals::queries(stacks.iter().flat_map(|loaded| {
        let spec = &loaded.spec;
        let further = sql_role_assignment::principals_of(spec).chain(accepted::principals(spec));
        grants(spec).flat_map(|grant| grant.principals).chain(further.map(|(_, who)| who))
    }))
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
