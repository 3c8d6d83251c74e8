//! Role assignments as guards see them: who has which role where, under which condition, and for how long.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::body::AssignmentBody;
use crate::id::{ByScope, ResourceId, arm_guid, comparable, trailing_guid};
use crate::plan::predict::World;
use crate::rbac::condition::Givable;
use crate::rbac::{self, CallActions, Catalogue, Condition, Role, USUAL};

/// Whether a principal still exists to use what it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    There,
    /// The directory does not know it.
    Gone,
    /// It is a system-assigned identity that the plan deletes.
    Deleted,
}

/// A role assignment, parsed for guards.
pub(super) struct Grant<'a> {
    pub(super) id: &'a ResourceId,
    /// Taken from the assignment's id.
    pub(super) scope: ResourceId,
    pub(super) principal: &'a str,
    /// The principal in a form that compares equal however the assignment spells the GUID.
    pub(super) holder_id: String,
    pub(super) role: Option<&'a Role>,
    pub(super) role_id: String,
    /// Trimmed; empty if there is none.
    condition: &'a str,
    version: Option<&'a str>,
    /// Whether it expires, as far as its schedules were read.
    pub(super) ends: bool,
    /// Whether it is permanent even if schedules could not be read: keyless creates it, its name shows that keyless created it, or what was
    /// read says so.
    pub(super) lasts: bool,
    pub(super) presence: Presence,
    /// The resource whose identity will be the principal, if the principal is not known yet.
    pub(super) holder: Option<&'a ResourceId>,
    /// The `principalType` of the assignment.
    kind: Option<&'a str>,
}

impl Grant<'_> {
    /// The principal in a message, with its type as far as the assignment says it.
    pub(super) fn who(&self) -> String {
        match self.kind {
            Some(kind) => format!("{kind} {}", self.principal),
            None => self.principal.to_owned(),
        }
    }
}

/// The role assignments of a state, indexed by scope, by holder, and by role and holder: a state may have tens of thousands.
pub(super) struct Grants<'a> {
    all: Vec<Grant<'a>>,
    by_scope: ByScope,
    by_gift: BTreeMap<(String, String), Vec<usize>>,
    by_holder: BTreeMap<String, Vec<usize>>,
}

impl<'a> Grants<'a> {
    /// All of a state.
    pub(super) fn of(world: &'a World, roles: &'a Catalogue) -> Self {
        Self::without(&BTreeSet::new(), world, roles)
    }

    /// All after a plan. Those of identities that the plan deletes remain, but grant nothing.
    pub(super) fn after(before: &World, after: &'a World, roles: &'a Catalogue) -> Self {
        Self::without(&before.identities_lost(after), after, roles)
    }

    fn without(lost: &BTreeSet<String>, world: &'a World, roles: &'a Catalogue) -> Self {
        let grants = world.resources.iter().filter_map(|(id, body)| grant(world, id, body, roles));
        let mut all: Vec<Grant<'a>> = grants.collect();
        for grant in all.iter_mut().filter(|grant| lost.contains(&grant.holder_id)) {
            grant.presence = Presence::Deleted;
        }
        let by_scope = ByScope::of(all.iter().map(|grant| &grant.scope));
        let (mut by_gift, mut by_holder) = (BTreeMap::new(), BTreeMap::new());
        for (position, grant) in all.iter().enumerate() {
            by_gift.entry(grant.gift()).or_insert_with(Vec::new).push(position);
            by_holder.entry(grant.holder_id.clone()).or_insert_with(Vec::new).push(position);
        }
        Self { all, by_scope, by_gift, by_holder }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Grant<'a>> {
        self.all.iter()
    }

    /// All that may reach a scope: those at it, above it and below it.
    pub(super) fn near(&self, at: &ResourceId) -> impl Iterator<Item = &Grant<'a>> {
        self.by_scope.near(at).into_iter().map(|position| &self.all[position])
    }

    /// Grants to a principal: any role, any scope.
    pub(super) fn of_holder(&self, holder_id: &str) -> impl Iterator<Item = &Grant<'a>> {
        self.by_holder.get(holder_id).into_iter().flatten().map(|position| &self.all[*position])
    }

    /// Grants of the same role to the same principal, at any scope.
    pub(super) fn alike(&self, grant: &Grant<'_>) -> impl Iterator<Item = &Grant<'a>> {
        self.by_gift.get(&grant.gift()).into_iter().flatten().map(|position| &self.all[*position])
    }
}

fn grant<'a>(
    world: &'a World,
    id: &'a ResourceId,
    body: &'a Value,
    roles: &'a Catalogue,
) -> Option<Grant<'a>> {
    let said = AssignmentBody::of(body);
    let (role_id, principal) = (said.role_definition_id()?, said.principal_id()?);
    let guid = said.role();
    let gone = said.principal().is_some_and(|id| world.gone.contains(&id));
    let presence = if gone { Presence::Gone } else { Presence::There };
    Some(Grant {
        id,
        scope: scope_of(id)?,
        principal,
        holder_id: comparable(principal),
        role: guid.and_then(|guid| roles.by_id(guid)),
        role_id: guid.map_or_else(|| role_id.to_owned(), |guid| guid.to_string()),
        condition: said.condition().unwrap_or_default().trim(),
        version: said.condition_version(),
        ends: world.terms.ending(id).is_some(),
        lasts: is_named_by_keyless(id, said) || world.holders.contains_key(id) || world.terms.lasts(id),
        presence,
        holder: world.holders.get(id),
        kind: said.principal_type(),
    })
}

/// Whether an assignment has the name that keyless derives from role, principal and scope. A mark does not prove that an assignment is
/// permanent: `adopt` writes one onto any assignment, and anyone can type one. As far as is known, Privileged Identity Management names its
/// temporary assignments differently. Duplicated from the planner on purpose.
fn is_named_by_keyless(id: &ResourceId, said: AssignmentBody<'_>) -> bool {
    let (Some(role), Some(scope)) = (said.role(), scope_of(id)) else { return false };
    let (role, principal) = (role.to_string(), comparable(said.principal_id().unwrap_or_default()));
    let spelled = said.scope().filter(|text| text.eq_ignore_ascii_case(scope.as_str()));
    let mut names = [Some(scope.as_str()), spelled].into_iter().flatten();
    names.any(|scope| trailing_guid(id.as_str()) == Some(arm_guid(&[principal.as_str(), &role, scope])))
}

fn scope_of(id: &ResourceId) -> Option<ResourceId> {
    let lower = id.as_str().to_ascii_lowercase();
    let at = lower.rfind("/providers/microsoft.authorization/roleassignments/")?;
    let scope = &id.as_str()[..at];
    Some(if scope.is_empty() { ResourceId::root() } else { ResourceId::parse(scope).ok()? })
}

impl Grant<'_> {
    /// Whether it applies there, including by inheritance from a management group.
    pub(super) fn reaches(&self, world: &World, at: &ResourceId) -> bool {
        world.reaches(self.id, &self.scope, at)
    }

    /// Whether two grants have the same role, principal and scope, whatever their ids.
    pub(super) fn is(&self, other: &Grant<'_>) -> bool {
        self.scope == other.scope && self.role_id == other.role_id && self.holder_id == other.holder_id
    }

    /// The role and its holder, as a key.
    fn gift(&self) -> (String, String) {
        (self.role_id.clone(), self.holder_id.clone())
    }

    /// Whether it existed before as a permanent grant: not one that expires, nor one that may expire because schedules could not be read.
    pub(super) fn was_lasting(&self, before: &World, at: &ResourceId) -> bool {
        !self.ends && (self.lasts || before.unscheduled.why(at).is_none())
    }

    /// Whether its principal may be the identity of an application or of something in an account.
    pub(super) fn is_for_a_service(&self) -> bool {
        self.kind.is_none_or(|kind| kind.eq_ignore_ascii_case("ServicePrincipal"))
    }

    pub(super) fn is_conditional(&self) -> bool {
        !self.condition.is_empty()
    }

    /// Whether the other grant allows at least as much, as far as their conditions tell.
    pub(super) fn is_kept_by(&self, other: &Grant<'_>) -> bool {
        !other.is_conditional() || self.has_condition_of(other)
    }

    /// Whether what this grants at a scope is still granted after a plan: by itself, or by another permanent grant of the same role whose
    /// condition is no stricter than before. A grant that expires or whose principal is gone replaces no other, and an identity that the
    /// plan deletes keeps nothing.
    pub(super) fn is_kept(&self, before: &World, at: &ResourceId, new: &Grants<'_>) -> bool {
        let stays = |now: &Grant<'_>| now.id == self.id || now.is_lasting(before, at);
        new.alike(self).any(|now| {
            now.presence != Presence::Deleted && now.is(self) && self.is_kept_by(now) && stays(now)
        })
    }

    /// Whether it can be relied on at a scope: its principal exists and, as far as is known, it does not expire.
    pub(super) fn is_lasting(&self, before: &World, at: &ResourceId) -> bool {
        self.presence == Presence::There && self.was_lasting(before, at)
    }

    /// Whether both have the same condition, ignoring white space.
    pub(super) fn has_condition_of(&self, other: &Grant<'_>) -> bool {
        if self.condition == other.condition {
            return true;
        }
        match (Condition::parse(self.condition), Condition::parse(other.condition)) {
            (Ok(one), Ok(two)) => one.tokens() == two.tokens(),
            _ => false,
        }
    }

    /// Whether its role permits one of the calls that the account's models need and its condition certainly allows that call. If the
    /// deployed models are unknown, the condition must allow every usual call that the role permits.
    pub(super) fn certainly_lets(&self, needed: Option<&BTreeSet<CallActions>>) -> bool {
        let Some(role) = self.role else { return false };
        let lets = |action: &&str| self.never_withholds(action);
        match needed {
            Some(calls) => calls.iter().any(|call| role.can_call(call) && call.iter().all(lets)),
            None => {
                role.gives_usual_inference()
                    && USUAL.iter().filter(|action| role.can_on_data(action)).all(lets)
            }
        }
    }

    /// Whether its condition always allows an action, or it has none.
    pub(super) fn never_withholds(&self, action: &str) -> bool {
        let lets = |condition: Condition| condition.always_lets(action);
        !self.is_conditional() || Condition::parse(self.condition).is_ok_and(lets)
    }

    /// Whether its condition never allows an action.
    pub(super) fn always_withholds(&self, action: &str) -> bool {
        let withholds = |condition: Condition| condition.never_lets(action);
        self.is_conditional() && Condition::parse(self.condition).is_ok_and(withholds)
    }

    /// The roles that its holder can assign, limited by its own condition and the role's.
    pub(super) fn givable(&self, role: &Role) -> Givable {
        let condition = Some(self.condition).filter(|condition| !condition.is_empty());
        role.givable().and(rbac::givable(condition, self.version))
    }

    /// The role's name, or its id if unknown.
    pub(super) fn role_name(&self) -> &str {
        self.role.map_or(self.role_id.as_str(), |role| role.name.as_str())
    }
}
