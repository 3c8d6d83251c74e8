//! Live role assignments by where they stand, read once for all that ask about one place after the other. Pure.

use serde_json::Value;

use super::RoleAssignments;
use crate::body::AssignmentBody;
use crate::id::{ByScope, ResourceId};
use crate::kinds::{is_of, placed};
use crate::rbac::{Catalogue, Role};

/// A role assignment where it stands.
pub(crate) struct Placed<'a> {
    pub(crate) id: ResourceId,
    /// The scope that its id names.
    pub(crate) scope: ResourceId,
    pub(crate) said: AssignmentBody<'a>,
}

impl<'a> Placed<'a> {
    /// Reads what stands under an id; anything that is no role assignment gives nothing.
    pub(crate) fn of(id: &ResourceId, body: &'a Value) -> Option<Self> {
        is_of(&RoleAssignments, id).then(|| Self {
            id: id.clone(),
            scope: id.scope(),
            said: AssignmentBody::of(body),
        })
    }

    /// The same by the id that a body shows.
    pub(crate) fn shown(body: &'a Value) -> Option<Self> {
        Self::of(&placed(body)?, body)
    }

    /// Its role, where it is known.
    pub(crate) fn role<'r>(&self, roles: &'r Catalogue) -> Option<&'r Role> {
        self.said.role().and_then(|id| roles.by_id(id))
    }

    /// Whether its name tells that it lasts.
    pub(crate) fn is_named_by_keyless(&self) -> bool {
        super::is_named_by_keyless(&self.id, self.said)
    }
}

/// Role assignments, found by the place around which they are.
#[derive(Default)]
pub(crate) struct Assignments<'a> {
    all: Vec<Placed<'a>>,
    by_scope: ByScope,
}

impl<'a> FromIterator<Placed<'a>> for Assignments<'a> {
    fn from_iter<I: IntoIterator<Item = Placed<'a>>>(assignments: I) -> Self {
        let all: Vec<Placed<'a>> = assignments.into_iter().collect();
        Self { by_scope: ByScope::of(all.iter().map(|each| &each.scope)), all }
    }
}

impl<'a> Assignments<'a> {
    /// Those at a scope, at one that holds it, in it, or above subscriptions, in the order in which they came.
    pub(crate) fn near(&self, at: &ResourceId) -> impl Iterator<Item = &Placed<'a>> {
        self.by_scope.near(at).into_iter().map(|position| &self.all[position])
    }
}
