//! Role assignments as guards see them: who has which role where, under which condition.

use serde_json::Value;

use crate::id::{ResourceId, trailing_guid};
use crate::plan::predict::World;
use crate::rbac::condition::Givable;
use crate::rbac::{self, Catalogue, Condition, Role};

/// A role assignment.
pub(super) struct Grant<'a> {
    pub(super) id: &'a ResourceId,
    /// It stands in the assignment's own id.
    pub(super) scope: ResourceId,
    pub(super) principal: &'a str,
    pub(super) role: Option<&'a Role>,
    pub(super) role_id: String,
    /// Without white space around it; empty where there is none.
    condition: &'a str,
    version: Option<&'a str>,
}

/// All role assignments of a state.
pub(super) fn grants<'a>(world: &'a World, roles: &'a Catalogue) -> Vec<Grant<'a>> {
    world.resources.iter().filter_map(|(id, body)| grant(id, body, roles)).collect()
}

fn grant<'a>(id: &'a ResourceId, body: &'a Value, roles: &'a Catalogue) -> Option<Grant<'a>> {
    let properties = &body["properties"];
    let role_id = properties["roleDefinitionId"].as_str()?;
    let guid = trailing_guid(role_id);
    Some(Grant {
        id,
        scope: scope_of(id)?,
        principal: properties["principalId"].as_str()?,
        role: guid.and_then(|guid| roles.by_id(guid)),
        role_id: guid.map_or_else(|| role_id.to_owned(), |guid| guid.to_string()),
        condition: properties["condition"].as_str().unwrap_or_default().trim(),
        version: properties["conditionVersion"].as_str(),
    })
}

fn scope_of(id: &ResourceId) -> Option<ResourceId> {
    let lower = id.as_str().to_ascii_lowercase();
    let at = lower.rfind("/providers/microsoft.authorization/roleassignments/")?;
    let scope = &id.as_str()[..at];
    Some(if scope.is_empty() { ResourceId::root() } else { ResourceId::parse(scope).ok()? })
}

impl Grant<'_> {
    /// Whether it holds there, inherited from a management group too.
    pub(super) fn reaches(&self, world: &World, at: &ResourceId) -> bool {
        world.reaches(self.id, &self.scope, at)
    }

    /// Whether two grants are the same, whatever their GUIDs.
    pub(super) fn is(&self, other: &Grant<'_>) -> bool {
        self.scope == other.scope && self.gives_the_same(other)
    }

    /// Whether two grants give the same role to the same principal, wherever that is.
    pub(super) fn gives_the_same(&self, other: &Grant<'_>) -> bool {
        self.role_id == other.role_id && self.principal.eq_ignore_ascii_case(other.principal)
    }

    pub(super) fn is_conditional(&self) -> bool {
        !self.condition.is_empty()
    }

    /// Whether the other holds at least whenever this does, as far as their conditions go.
    pub(super) fn is_kept_by(&self, other: &Grant<'_>) -> bool {
        !other.is_conditional() || self.has_condition_of(other)
    }

    /// Whether both have the same condition; white space does not count.
    pub(super) fn has_condition_of(&self, other: &Grant<'_>) -> bool {
        if self.condition == other.condition {
            return true;
        }
        match (Condition::parse(self.condition), Condition::parse(other.condition)) {
            (Ok(one), Ok(two)) => one.tokens() == two.tokens(),
            _ => false,
        }
    }

    /// Whether it certainly lets its holder call models, whatever its condition says of other things.
    pub(super) fn certainly_gives_inference(&self) -> bool {
        let lets = |condition: Condition| rbac::INFERENCE.iter().any(|action| condition.always_lets(action));
        self.role.is_some_and(Role::gives_inference)
            && (!self.is_conditional() || Condition::parse(self.condition).is_ok_and(lets))
    }

    /// The roles that its holder may give, by its own condition and by that of its role.
    pub(super) fn givable(&self, role: &Role) -> Givable {
        let condition = Some(self.condition).filter(|condition| !condition.is_empty());
        role.givable().and(rbac::givable(condition, self.version))
    }

    /// The role's name, or its id where it is not known.
    pub(super) fn role_name(&self) -> &str {
        self.role.map_or(self.role_id.as_str(), |role| role.name.as_str())
    }
}
