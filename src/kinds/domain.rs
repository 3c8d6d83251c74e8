//! Where a stack may own something: nothing outside is ever deleted. Pure.

use std::collections::BTreeSet;

use super::{KINDS, account, role_assignment};
use crate::id::ResourceId;
use crate::spec::model::Spec;

/// What a stack manages.
#[derive(Debug)]
pub(crate) struct Domain {
    /// The resource groups that it names and the parents of its lists, with everything in them.
    pub(crate) groups: BTreeSet<ResourceId>,
    /// The scopes that it declares, without what is below.
    scopes: BTreeSet<ResourceId>,
}

impl Domain {
    /// Whether what is granted at a scope applies somewhere in it.
    pub(crate) fn may_overlap(&self, scope: &ResourceId) -> bool {
        self.groups.iter().chain(&self.scopes).any(|own| own.may_overlap(scope))
    }

    pub(crate) fn contains(&self, scope: &ResourceId) -> bool {
        self.groups.iter().any(|group| group.contains(scope)) || self.scopes.contains(scope)
    }
}

/// What a stack manages.
#[must_use]
pub(crate) fn domain(spec: &Spec) -> Domain {
    let parents = KINDS.iter().flat_map(|kind| kind.sections(spec)).map(|section| section.parent);
    let groups = account::groups_of(spec).into_iter().chain(parents).collect();
    Domain { groups, scopes: role_assignment::scopes_of(spec).collect() }
}
