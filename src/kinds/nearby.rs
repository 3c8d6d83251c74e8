//! Which connections must be known before a new one gets a secret: it may be another one, renamed.
//!
//! Pure. A connection carries no mark and is never deleted, so an old one still exists after a spec drops it, its list or its project.
//! Queried only if a connection with a secret is new.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::connection::{FOUNDRY, HUB};
use super::{Kind, account, children, named_secrets, placed, project};
use crate::document::{Plan, StepAction};
use crate::id::ResourceId;
use crate::kinds::desired::Desired;
use crate::snapshot::{Query, Snapshot};
use crate::spec::{self, Loaded};

/// Accounts for which a list of connections, in the account or in a project, was queried but could not be read; with the reason.
pub(crate) fn unlisted_connections(snapshot: &Snapshot) -> BTreeMap<ResourceId, String> {
    children::unlisted(&FOUNDRY, snapshot)
}

/// The queries for specs that declare a new connection with a secret.
pub(super) fn follow_ups(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Query> {
    let new = new_ones(stacks, snapshot);
    if new.is_empty() {
        return Vec::new();
    }
    let mut accounts: BTreeSet<ResourceId> =
        new.iter().filter_map(|each| each.id.up_to("accounts")).collect();
    // The account or project may have been renamed or moved: a deleted one takes the secret along.
    accounts.extend(project::abandoned(stacks, snapshot).into_iter().map(|live| live.id));
    accounts.extend(project::undeclared(stacks, snapshot).iter().filter_map(|id| id.up_to("accounts")));
    let mut queries = connections_in(&accounts, snapshot);
    queries.extend(beside(stacks, &new));
    queries
}

/// The queries for connections of stacks that are loaded but not selected, as far as they are declared with a secret of a new one: the
/// secret may only go where it goes already.
fn beside(stacks: &[Loaded], new: &[Desired]) -> Vec<Query> {
    let named: BTreeSet<&str> = new.iter().flat_map(secrets_of).collect();
    let of_kind = |kind: &'static dyn Kind| {
        let declared = spec::unselected(stacks).iter().flat_map(|loaded| children::desired(kind, loaded));
        let same = declared.filter(|each| secrets_of(each).any(|name| named.contains(name)));
        let ids: Vec<ResourceId> = same.map(|each| each.id).collect();
        kind.around(&ids)
    };
    [of_kind(&FOUNDRY), of_kind(&HUB)].concat()
}

fn secrets_of(each: &Desired) -> impl Iterator<Item = &str> {
    each.declared.values().flat_map(named_secrets::names_in)
}

/// The connections that specs declare with a secret and that do not exist yet, in accounts and workspaces.
fn new_ones(stacks: &[Loaded], snapshot: &Snapshot) -> Vec<Desired> {
    let of_kind = |kind: &'static dyn Kind| {
        let declared = stacks.iter().flat_map(|loaded| children::desired(kind, loaded));
        let sending: Vec<_> = declared.filter(|each| sends_secret(&each.declared)).collect();
        if sending.is_empty() {
            return Vec::new();
        }
        let live = kind.inventory(stacks, snapshot);
        let is_new = |each: &Desired| !live.items.contains_key(&each.key) && live.gap(&each.scope).is_none();
        sending.into_iter().filter(is_new).collect()
    };
    [of_kind(&FOUNDRY), of_kind(&HUB)].concat()
}

/// The queries for a saved plan: the same, and the connections for which its specs named the same secrets.
pub(super) fn around(plan: &Plan, snapshot: &Snapshot) -> Vec<Query> {
    let steps = plan.steps.iter().filter_map(|step| Some((step, ResourceId::parse(&step.target).ok()?)));
    let (mut accounts, mut gone, mut named) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut is_new = false;
    for (step, id) in steps {
        match step.action {
            StepAction::Create if is_connection(&step.kind) && sends_secret(&step.patch) => {
                is_new = true;
                accounts.extend(id.up_to("accounts"));
                named.extend(step.patch.values().flat_map(named_secrets::names_in));
            }
            StepAction::Delete => gone.extend(id.up_to("accounts")),
            _ => {}
        }
    }
    if !is_new {
        return Vec::new();
    }
    accounts.extend(gone);
    let mut queries = connections_in(&accounts, snapshot);
    for each in plan.secrets.iter().filter(|each| each.names.iter().any(|name| named.contains(name.as_str())))
    {
        let Ok(id) = ResourceId::parse(&each.resource) else { continue };
        let kind = super::by_id(&id).filter(|kind| is_connection(kind.name()));
        queries.extend(kind.into_iter().flat_map(|kind| kind.around(std::slice::from_ref(&id))));
    }
    queries
}

fn is_connection(kind: &str) -> bool {
    ["connections", "workspaceConnections"].contains(&kind)
}

/// Whether a declared connection uses a secret to sign in.
fn sends_secret(declared: &Map<String, Value>) -> bool {
    !matches!(
        declared.get("authType").and_then(Value::as_str),
        Some("AAD" | "None" | "ManagedIdentity") | None
    )
}

/// The queries for connections of live accounts, and of all their projects once those are known.
pub(crate) fn connections_in(accounts: &BTreeSet<ResourceId>, snapshot: &Snapshot) -> Vec<Query> {
    let mut queries = Vec::new();
    if accounts.is_empty() {
        return queries;
    }
    for body in snapshot.bodies() {
        let Some(id) = placed(body).filter(|id| accounts.contains(id)) else { continue };
        if account::holds_connections(body) {
            queries.push(children::list(&FOUNDRY, &id));
        }
        if account::holds_projects(body) {
            let projects = project::list(&id);
            let in_them = snapshot.items(&projects).filter_map(|body| placed(body));
            queries.extend(in_them.map(|project| children::list(&FOUNDRY, &project)));
            queries.push(projects);
        }
    }
    queries
}
