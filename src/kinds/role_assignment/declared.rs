//! Role assignments that specs declare: one for each principal of each grant.
//!
//! Pure. Unresolved principals are in the list too, as open, so that no declaration is lost.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::grants::Holders;
use super::{DELEGATED, DeclaredGrant, RoleAssignments, TYPE, grants, key, roles, scope_name, scope_of};
use crate::body::AssignmentBody;
use crate::document::{Property, TakenEntry};
use crate::finding::Open;
use crate::id::{Key, ResourceId, arm_guid, comparable, trailing_guid};
use crate::kinds::connection::PointedTo;
use crate::kinds::desired::{Desired, Hole, collect_spans};
use crate::kinds::late::own::{self, OwnResource};
use crate::kinds::{Survey, account, capability_host, project};
use crate::principals::{self, Form, Resolved};
use crate::snapshot::Snapshot;
use crate::spec::model::{Account, Identity, PrincipalType, Project, Spec};
use crate::spec::{Loaded, late};
use crate::text::source::Span;

/// What a stack declares, with names resolved as far as the snapshot allows.
pub(super) fn desired(loaded: &Loaded, snapshot: &Snapshot) -> Vec<Desired> {
    let mut all = Vec::new();
    let holders = Holders::of(&loaded.spec);
    for grant in grants(&loaded.spec) {
        let role = role(loaded, &grant, snapshot);
        let before = holders.before(&grant.scope);
        let own = grant.pointer();
        for (index, principal) in grant.principals.iter().enumerate() {
            let Some(form) = Form::of(principal) else { continue };
            let pointer = format!("{own}/principals/{index}");
            let span = loaded.document.value_span(&format!("{pointer}/{}", form.word()));
            let holder = holder(who(&form, loaded, snapshot, span), &form);
            all.push(assignment(loaded, &grant, &role, &form, holder, &before, &pointer));
        }
    }
    all
}

/// The role of a grant. An unresolved one has its label instead of an id and matches nothing live.
struct AssignmentRole {
    id: Uuid,
    label: String,
    name: String,
    open: Option<Open>,
}

fn role(loaded: &Loaded, grant: &DeclaredGrant<'_>, snapshot: &Snapshot) -> AssignmentRole {
    match roles::resolve(loaded, grant, snapshot) {
        Ok(id) => {
            AssignmentRole { id, label: id.to_string(), name: snapshot.roles().display_name(id), open: None }
        }
        // Its name is only in the title, and its id is never used.
        Err(open) => AssignmentRole {
            id: Uuid::nil(),
            label: roles::label(grant.role),
            name: grant.role.to_owned(),
            open: Some(open),
        },
    }
}

/// The principal of an assignment. An unresolved one has a label instead of an object id and matches nothing live.
struct AssignmentPrincipal {
    id: String,
    title: String,
    /// The declared fields: `principalId`, `principalType`.
    declared: Map<String, Value>,
    open: Option<Open>,
    holes: Vec<Hole>,
    taken: Vec<TakenEntry>,
}

fn holder(who: Who, form: &Form<'_>) -> AssignmentPrincipal {
    let mut holder = AssignmentPrincipal {
        id: form.label(),
        title: form.shown(),
        declared: Map::new(),
        open: None,
        holes: Vec::new(),
        taken: Vec::new(),
    };
    match who {
        Who::Known(known) => {
            holder.taken.extend(crate::kinds::late::taken_principal(&known));
            holder.id = known.id.to_string();
            holder.title = known.title();
            holder.declared.insert("principalId".to_owned(), json!(known.id));
            holder.declared.insert("principalType".to_owned(), json!(known.principal_type.as_str()));
        }
        Who::Later(hole) => {
            holder.title = format!("{} (known after it is created)", holder.title);
            holder.declared.insert("principalType".to_owned(), json!("ServicePrincipal"));
            holder.holes.push(hole);
        }
        Who::Open(open) => {
            if let Form::Named(set, _) = form {
                let kind = set.principal_type().as_str();
                holder.declared.insert("principalType".to_owned(), json!(kind));
            }
            holder.open = Some(open);
        }
    }
    holder
}

/// The fields that all assignments of a grant share: description and condition, with their positions.
fn terms(loaded: &Loaded, grant: &DeclaredGrant<'_>) -> (Map<String, Value>, BTreeMap<String, Span>) {
    let document = &loaded.document;
    let (mut declared, mut spans) = (Map::new(), BTreeMap::new());
    let own = grant.pointer();
    let written = document.tree.pointer(&own).and_then(Value::as_object);
    for name in ["description", "condition", "conditionVersion", DELEGATED] {
        if let Some(value) = written.and_then(|written| written.get(name)) {
            collect_spans(document, &format!("{own}/{name}"), name, value, &mut spans);
            declared.insert(name.to_owned(), value.clone());
        }
    }
    if grant.conditional && !grant.explicit_version {
        let span = document.value_span(&format!("{own}/condition"));
        declared.insert("conditionVersion".to_owned(), json!("2.0"));
        spans.insert("conditionVersion".to_owned(), span);
    }
    (declared, spans)
}

/// The assignment of a grant's role to one of its principals, at a pointer.
fn assignment(
    loaded: &Loaded,
    grant: &DeclaredGrant<'_>,
    role: &AssignmentRole,
    form: &Form<'_>,
    holder: AssignmentPrincipal,
    before: &[Key],
    pointer: &str,
) -> Desired {
    let (spec, document) = (&loaded.spec, &loaded.document);
    let (mut declared, mut spans) = terms(loaded, grant);
    declared.extend(holder.declared);
    if let (Form::ProjectIdentity(path), Some(Value::String(text))) = (form, declared.get_mut("condition"))
        && let Some((account, project)) = path.split_once('/')
    {
        *text = text.replace(late::OF_PRINCIPAL, &late::workspace_id(account, project));
    }
    if declared.contains_key("principalId") {
        spans.insert("principalType".to_owned(), document.value_span(&format!("{pointer}/type")));
    }
    if role.open.is_none() {
        declared.insert("roleDefinitionId".to_owned(), json!(definition_id(&grant.scope, role.id)));
    }
    // By the name in the spec, which may be a former or a later one than Azure's.
    let called = if Uuid::try_parse(grant.role).is_ok() { role.name.as_str() } else { grant.role };
    Desired {
        kind: &RoleAssignments,
        stack: spec.stack.clone(),
        address: format!("{}/roleAssignments/{}/{}", grant.place(), role.name, form.label()),
        title: format!("role assignment {called} -> {} on {}", holder.title, scope_name(&grant.scope)),
        id: id_of(&grant.scope, &holder.id, role.id),
        key: key(&grant.scope, &holder.id, &role.label),
        scope: grant.scope.clone(),
        after: before.iter().cloned().chain(hosts(spec, &declared)).collect(),
        declared,
        defaults: Map::new(),
        span: document.value_span(pointer),
        spans,
        adopt: spec.adopt,
        // An unresolved role comes first.
        open: role.open.clone().or(holder.open),
        holes: holder.holes,
        taken: holder.taken,
        unproven: unproven_id(loaded, form),
        resend: false,
    }
}

/// An object id that nothing has verified: with a lock file it needs no query.
pub(in crate::kinds) fn unproven_id(loaded: &Loaded, form: &Form<'_>) -> Option<(Uuid, PrincipalType)> {
    match form {
        Form::Id(id, kind) if loaded.lock.is_none() => Some((*id, *kind)),
        _ => None,
    }
}

/// The capability hosts of the projects whose workspace ids a text names: what uses the id comes after them.
fn hosts(spec: &Spec, declared: &Map<String, Value>) -> Vec<Key> {
    let condition = declared.get("condition").and_then(Value::as_str).unwrap_or_default();
    late::LateReference::all(condition).iter().flat_map(|each| hosts_of(spec, each)).collect()
}

/// The capability hosts of the project whose workspace id a reference means.
pub(in crate::kinds) fn hosts_of(spec: &Spec, reference: &late::LateReference<'_>) -> Vec<Key> {
    let late::LateSubject::Project { account, project } = reference.subject else { return Vec::new() };
    if reference.property != Property::WorkspaceId {
        return Vec::new();
    }
    let found = own::project_named(spec, account, project).ok();
    let hosts = |own: OwnResource<'_>| Some(capability_host::of_project(&own.id, own.project?).collect());
    found.and_then(hosts).unwrap_or_default()
}

/// The assignments of the identities of a project that apply to one of these targets: what needs the targets comes after them. Those that
/// use the project's workspace id come later.
pub(in crate::kinds) fn needed_by_project(
    loaded: &Loaded,
    snapshot: &Snapshot,
    (account, project): (&Account, &Project),
    targets: &[PointedTo],
) -> Vec<Key> {
    let assigned: Vec<ResourceId> = match &project.identity {
        Some(Identity::Each(parts)) => {
            let ids = parts.user_assigned.iter().flatten();
            ids.filter_map(|id| ResourceId::declared(id).ok()).collect()
        }
        _ => Vec::new(),
    };
    let own = format!("{}/{}", account.name, project.name);
    let is_holder = |form: &Form<'_>| match form {
        Form::ProjectIdentity(path) => path.eq_ignore_ascii_case(&own),
        Form::ManagedIdentity(id) => assigned.contains(id),
        _ => false,
    };
    let mut keys = Vec::new();
    for grant in grants(&loaded.spec) {
        let is_early = || !terms(loaded, &grant).0.values().filter_map(Value::as_str).any(uses_workspace_id);
        if !targets.iter().any(|target| target.is_reached_from(&grant.scope)) || !is_early() {
            continue;
        }
        let role = role(loaded, &grant, snapshot);
        for form in grant.principals.iter().filter_map(Form::of).filter(|form| is_holder(form)) {
            let span = loaded.document.value_span(&grant.pointer());
            let holder = holder(who(&form, loaded, snapshot, span), &form);
            keys.push(key(&grant.scope, &holder.id, &role.label));
        }
    }
    keys
}

fn uses_workspace_id(text: &str) -> bool {
    late::LateReference::all(text).iter().any(|each| each.property == Property::WorkspaceId)
}

/// The accounts of a stack that declare a list of assignments, even an empty one.
pub(in crate::kinds) fn complete(loaded: &Loaded) -> impl Iterator<Item = ResourceId> {
    let lists = |index| loaded.document.tree.pointer(&format!("/accounts/{index}/roleAssignments"));
    let accounts = loaded.spec.accounts.iter().enumerate();
    let declaring = accounts.filter(move |(index, _)| lists(*index).is_some_and(serde_json::Value::is_array));
    declaring.map(|(_, each)| account::id_of(&loaded.spec, each))
}

/// The lists that a stack declares: those of accounts, the file's own, and each scope in it. For an account or project in the spec its own list
/// counts: a top-level entry for its scope does not claim to list everything there, unless it has no principals.
pub(super) fn lists(loaded: &Loaded) -> Vec<Option<ResourceId>> {
    let own = loaded.document.tree.pointer("/roleAssignments").filter(|list| list.is_array());
    let accounts = loaded.spec.accounts.iter().map(|each| account::id_of(&loaded.spec, each));
    let held: BTreeSet<ResourceId> = accounts.chain(project::ids(&loaded.spec)).collect();
    let projects = super::undeclared::of_projects(loaded).map(|(id, _)| id);
    let scopes = loaded.spec.role_assignments.iter().filter_map(|each| {
        let scope = scope_of(&loaded.spec, &each.scope)?;
        (each.assignment.principals.is_empty() || !held.contains(&scope)).then_some(scope)
    });
    complete(loaded).chain(projects).chain(scopes).map(Some).chain(own.map(|_| None)).collect()
}

/// What a principal in a spec resolves to.
pub(in crate::kinds) enum Who {
    Known(Resolved),
    Later(Hole),
    Open(Open),
}

/// What a principal resolves to: from the file, or from the answers of Azure and the directory.
pub(in crate::kinds) fn who(form: &Form<'_>, loaded: &Loaded, snapshot: &Snapshot, span: Span) -> Who {
    let named = match form {
        Form::AccountIdentity(name) => own::account_named(&loaded.spec, name).ok(),
        Form::ProjectIdentity(path) => path
            .split_once('/')
            .and_then(|(account, project)| own::project_named(&loaded.spec, account, project).ok()),
        _ => None,
    };
    let Some(own) = named else {
        let known = principals::resolve(form, loaded.lock.as_ref(), snapshot, span);
        return known.map_or_else(Who::Open, Who::Known);
    };
    match own.principal(loaded, snapshot, span) {
        Ok(Some(known)) => Who::Known(known),
        Ok(None) => Who::Later(Hole::of_principal(own.id, own.kind, own.key)),
        Err(open) => Who::Open(open),
    }
}

/// The id of an assignment, with the same name that Bicep templates derive.
pub(super) fn id_of(scope: &ResourceId, principal: &str, role: Uuid) -> ResourceId {
    scope.provider(TYPE, &name_of(scope, principal, role).to_string())
}

fn name_of(scope: &ResourceId, principal: &str, role: Uuid) -> Uuid {
    arm_guid(&[principal, role.to_string().as_str(), scope.as_str()])
}

/// Whether a live assignment has the name that keyless derives for it. It was then created by a plain PUT (perhaps by Bicep) and is
/// permanent, whatever its description says. A mark proves nothing: `adopt` writes one onto any assignment, and so can anyone. As far as is
/// known, Privileged Identity Management uses names of its own, so copying keyless's name still creates a permanent assignment. It can set
/// an end on an existing one (`AdminUpdate`), so critical decisions query schedules whatever the name.
pub(crate) fn is_named_by_keyless(id: &ResourceId, said: AssignmentBody<'_>) -> bool {
    let (Some(name), Some(role)) = (trailing_guid(id.as_str()), said.role()) else { return false };
    // The name depends on case, and Azure may show the scope as the PUT spelled it in only one of the two places.
    let own = id.scope();
    let spelled = said.scope().and_then(|scope| ResourceId::parse(scope).ok());
    let principal = comparable(said.principal_id().unwrap_or_default());
    let is_name = |scope: &ResourceId| name_of(scope, &principal, role) == name;
    is_name(&own) || spelled.is_some_and(|scope| scope == own && is_name(&scope))
}

/// The declared object ids of assignments that would be created, except in stacks whose lock file makes the query unnecessary.
pub(super) fn unproven(survey: &Survey<'_>) -> BTreeSet<Uuid> {
    let live = survey.inventory(&RoleAssignments);
    let has_role = |each: &Desired| each.declared.contains_key("roleDefinitionId");
    let is_new = |each: &Desired| !live.items.contains_key(&each.key) && live.gap(&each.scope).is_none();
    let declared = survey.desired_of(&RoleAssignments).filter(|each| has_role(each));
    declared.filter_map(|each| Some(each.unproven.filter(|_| is_new(each))?.0)).collect()
}

/// The id of a role definition as assignments at a scope refer to it.
fn definition_id(scope: &ResourceId, role: Uuid) -> ResourceId {
    let holder = scope.subscription_id().map_or_else(ResourceId::root, ResourceId::subscription);
    holder.provider(super::DEFINITION, &role.to_string())
}
