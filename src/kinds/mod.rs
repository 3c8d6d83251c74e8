//! Resource kinds: everything specific to one type of resource, one file or folder each.
//!
//! A kind is pure and synchronous. It says what a spec declares, how to find and read it in Azure, how spec and ARM shape translate, and
//! which fields are not compared by equality. Diff, plan, apply and render never name a kind.

pub mod account;
mod capability_host;
mod check;
mod children;
pub(crate) mod cidr;
mod connection;
pub(crate) mod content_filters;
mod declarable;
mod defender;
mod deployment;
pub mod desired;
mod domain;
mod field;
mod kind;
pub(crate) mod late;
mod lists;
mod live;
mod named_secrets;
mod nearby;
mod newer;
pub(crate) mod project;
mod queries;
mod rai_blocklist;
mod rai_policy;
pub mod role_assignment;
mod rules;
mod shape;
mod sql_role_assignment;
mod undeclared;
mod unplaced;

use std::collections::BTreeSet;
use std::fmt;

pub use check::check;
pub use children::Section;
pub(crate) use declarable::{shown, undeclarable};
pub(crate) use deployment::Deployments;
pub use desired::Desired;
pub(crate) use domain::{Domain, domain};
pub use field::{Compare, Field, FieldChange, Mutability};
pub use kind::{
    Comparing, Declaring, Described, Facts, Granting, Kind, Reading, SoftDeleting, Wording, Writing,
};
pub use late::now::outgrown;
pub(crate) use lists::lists;
pub use live::{End, Gap, Inventory, Live, Passing, Trust};
pub(crate) use named_secrets::{named_secrets, names_in};
pub(crate) use nearby::{connections_in, unlisted_connections};
pub(crate) use newer::{lacking, lacking_in, unwritable};
pub(crate) use project::Projects;
pub use queries::{Survey, missing, review, review_secrets, unread};
pub(crate) use rai_policy::is_azures as is_azures_policy;
pub(crate) use role_assignment::scope_name;
pub(crate) use rules::{has_succeeded, unsettled};
pub(crate) use shape::MARK;
pub use shape::{merge, settings, writable};
pub(crate) use sql_role_assignment::sql_roles;
pub use undeclared::{UndeclaredVerdict, Weight};
use unplaced::contradicts;
pub(crate) use unplaced::{perhaps_in, placed, unplaced, unplaced_in};

use crate::finding::Finding;
use crate::id::ResourceId;
use crate::principals::Names;
use crate::rbac::Catalogue;
use crate::spec::Loaded;

/// Every kind, parents before children.
pub static KINDS: &[&dyn Kind] = &[
    &account::Accounts,
    &defender::Defender,
    &rai_blocklist::RaiBlocklists,
    &rai_blocklist::RaiBlocklistItems,
    &rai_policy::RaiPolicies,
    &deployment::Deployments,
    &project::Projects,
    &connection::FOUNDRY,
    &connection::HUB,
    &role_assignment::RoleAssignments,
    &capability_host::CapabilityHosts,
    &sql_role_assignment::SqlRoleAssignments,
];

impl fmt::Debug for dyn Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kind that needs itself as a trait object.
fn registered(name: &str) -> &'static dyn Kind {
    by_name(name).expect("every kind stands in KINDS")
}

/// Finds a kind by its name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name)
}

/// Finds a kind by the ARM type of a resource.
#[must_use]
pub fn by_id(id: &ResourceId) -> Option<&'static dyn Kind> {
    let found = id.resource_type()?;
    KINDS.iter().copied().find(|kind| has_type(*kind, &found))
}

/// Whether an id belongs to a resource of a kind.
#[must_use]
pub fn is_of(kind: &dyn Kind, id: &ResourceId) -> bool {
    id.resource_type().is_some_and(|found| has_type(kind, &found))
}

fn has_type(kind: &dyn Kind, found: &str) -> bool {
    kind.types().iter().any(|name| name.eq_ignore_ascii_case(found))
}

/// Display names of roles and principals.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// By role id.
    pub roles: &'a Catalogue,
    /// By object id.
    pub names: &'a Names,
}

/// The accounts for which a stack declares all role assignments. A retired stack does not: what it does not own there stays.
#[must_use]
pub(crate) fn complete(stacks: &[Loaded]) -> BTreeSet<ResourceId> {
    let lists = |loaded| {
        let given = account::given(loaded);
        role_assignment::complete(loaded).filter(move |id| !given.contains(id))
    };
    stacks.iter().filter(|loaded| !loaded.is_retired()).flat_map(lists).collect()
}

/// Names in a spec that only Azure can verify.
#[must_use]
pub(crate) fn unjudged(stacks: &[Loaded]) -> Vec<Finding> {
    stacks.iter().flat_map(role_assignment::unjudged).collect()
}
