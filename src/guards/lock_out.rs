//! Plans that leave nobody able to call an account's models, or take the caller's own rights to write.

use std::collections::BTreeSet;

use super::assignments::{Grant, Grants, Presence};
use super::keys::keys_off;
use super::{Objection, Rule, accounts, child_of, is_account, owner};
use crate::document::{Action, Plan};
use crate::id::{ResourceId, comparable};
use crate::kinds::KINDS;
use crate::kinds::role_assignment::GivenBeside;
use crate::plan::predict::World;
use crate::principals::own_principal;
use crate::rbac::{self, CallActions, Role};
use crate::snapshot::Body;

/// What specs declare about role assignments, as plain data of the plan.
///
/// An assignment made by hand on an account whose list a spec declares is drift, and will be removed in a cleanup: it cannot be relied on.
/// The plan's changes list every undeclared assignment on a declared account; this uses that data and none of the planner's judgement. A
/// plan file is not trusted for this: there, an assignment on an account counts only if it carries the mark of a stack that the plan writes
/// for.
#[derive(Default)]
pub(super) struct Declared {
    undeclared: BTreeSet<ResourceId>,
    complete: BTreeSet<ResourceId>,
    /// The assignments with such a mark, if the plan was read from a file without specs.
    marked: Option<BTreeSet<ResourceId>>,
}

impl Declared {
    /// For a plan read from a file, with the state after it.
    pub(super) fn of_file(plan: &Plan, after: &World) -> Self {
        let written = plan.changes.iter().filter(|change| change.action.writes());
        let stacks: BTreeSet<&str> = written.filter_map(|change| change.stack.as_deref()).collect();
        let ours =
            after.resources.iter().filter(|(_, body)| owner(body).is_some_and(|of| stacks.contains(of)));
        Self { marked: Some(ours.map(|(id, _)| id.clone()).collect()), ..Self::default() }
    }

    /// For a plan made from specs.
    pub(super) fn of(plan: &Plan) -> Self {
        // What `coManagedBy` says another team created is not cleaned up.
        let strange = |action: Action| action.is_undeclared() && action != Action::CoManaged;
        let listed = plan.changes.iter().filter(|change| strange(change.action));
        Self {
            undeclared: listed.filter_map(|change| ResourceId::parse(&change.id).ok()).collect(),
            complete: plan.declares_assignments.iter().filter_map(|id| ResourceId::parse(id).ok()).collect(),
            marked: None,
        }
    }

    /// For tests: undeclared assignments and accounts that declare their lists.
    #[cfg(test)]
    pub(super) fn sample(undeclared: &[&str], complete: &[&str]) -> Self {
        let ids = |texts: &[&str]| texts.iter().filter_map(|text| ResourceId::parse(text).ok()).collect();
        Self { undeclared: ids(undeclared), complete: ids(complete), marked: None }
    }

    /// Whether an assignment can be relied on for an account.
    fn counts(&self, grant: &Grant<'_>, account: &ResourceId) -> bool {
        // Inherited assignments are declared elsewhere.
        grant.scope != *account
            || match &self.marked {
                Some(marked) => marked.contains(grant.id),
                None => !self.complete.contains(account) || !self.undeclared.contains(grant.id),
            }
    }

    /// Why assignments on an account cannot be relied on, in words.
    fn uncounted(&self, account: &str) -> String {
        match self.marked {
            Some(_) => format!(
                "given on `{account}` without the mark of the plan's stack, and a plan that is applied without its specs does not prove that one declares them"
            ),
            None => {
                format!("given by hand on `{account}`, whose role assignments a spec declares without them")
            }
        }
    }
}

/// Identities that go while a stack that is not selected gives them roles on what this run has not read: whether anybody else could still
/// do their work there is not known.
pub(super) fn needed_beside(before: &World, after: &World) -> Vec<Objection> {
    let is_unread = |scope: &ResourceId| {
        scope.up_to("accounts").is_none_or(|account| before.resource(&account).is_none())
    };
    let objection = |(id, principal): (&ResourceId, Option<String>)| {
        let mut given = before.beside.iter().filter(|given| is_unread(&given.scope));
        let certain = given.clone().find(|given| given.principal.is_some() && given.principal == principal);
        let GivenBeside { scope, stack, .. } = match certain {
            Some(certain) => certain,
            None => given.find(|given| given.principal.is_none())?,
        };
        let (identity, scope) = (id.name(), scope.name());
        let message = if certain.is_some() {
            format!(
                "the plan takes away the identity of `{identity}`, to which stack `{stack}`, which is not selected in this run, gives a role on `{scope}`"
            )
        } else {
            format!(
                "the plan takes away the identity of `{identity}`, and stack `{stack}`, which is not selected in this run, gives a role on `{scope}` to a principal that could not be looked up and may be this identity"
            )
        };
        Some(Objection::at(Rule::LockOut, id, message))
    };
    before.losers_of_identities(after).filter_map(objection).collect()
}

/// Accounts whose models nobody could call after the plan, and unread accounts that lose a grant which may allow calls.
pub(super) fn nobody_left(
    before: &World,
    after: &World,
    old: &Grants<'_>,
    new: &Grants<'_>,
    declared: &Declared,
) -> Vec<Objection> {
    // What the plan creates is permanent.
    let may_end = old.iter().filter(|grant| !grant.lasts).map(|grant| grant.id).collect();
    let ways = Ways { before, after, new, declared, own: identities(before, after), may_end };
    let mut objections = Vec::new();
    for (id, _) in accounts(after).filter(|(_, body)| keys_off(body)) {
        // On a new account nobody loses access.
        let Some(was) = before.resource(id) else { continue };
        let let_in = |grant: &&Grant<'_>| {
            lets_in(before, grant, id) && grant.presence != Presence::Gone && !is_own(&ways.own, id, grant)
        };
        if keys_off(was) && !old.near(id).filter(let_in).any(|grant| !grant.is_kept(before, id, new)) {
            continue;
        }
        if let Some(flaws) = ways.flaws(id, before.unlisted.contains_key(id)) {
            let cause = ways.causes(id, &flaws).join("; ");
            let cause = Some(cause).filter(|cause| !cause.is_empty());
            let message = message(id.name(), rbac::service(kind(after, id)).is_some(), &flaws, declared);
            objections.push(Objection { cause, ..Objection::at(Rule::LockOut, id, message) });
        }
    }
    let mut seen = BTreeSet::new();
    let lost = |grant: &&Grant<'_>| {
        may_let_in(grant) && grant.presence != Presence::Gone && !grant.is_kept(before, &grant.scope, new)
    };
    for grant in old.iter().filter(lost) {
        let place = &grant.scope;
        let Some(why) = before.unread_accounts(place).filter(|_| seen.insert(place)) else { continue };
        if let Some(flaws) = ways.flaws(place, true) {
            let at = if is_account(place) { place } else { grant.id };
            let message = unread(place, &flaws, declared);
            let causes = [vec![why], ways.causes(place, &flaws)].concat();
            objections.push(Objection::at(Rule::LockOut, at, message).because(&causes.join("; ")));
        }
    }
    objections
}

/// What shows who can still call models after a plan.
struct Ways<'a> {
    before: &'a World,
    after: &'a World,
    new: &'a Grants<'a>,
    declared: &'a Declared,
    own: BTreeSet<(ResourceId, String)>,
    may_end: BTreeSet<&'a ResourceId>,
}

impl Ways<'_> {
    /// Why each remaining grant for an account, or for a whole scope, cannot be relied on; `None` if one can, which is enough.
    fn flaws(&self, at: &ResourceId, identities_unread: bool) -> Option<BTreeSet<Flaw>> {
        let kind = kind(self.after, at);
        let lets_in = |grant: &&Grant<'_>| {
            grant.role.is_some_and(|role| role.serves(kind)) && grant.reaches(self.after, at)
        };
        let calls = calls(self.before, self.after, at);
        let flaw = |grant| self.flaw(grant, at, identities_unread, calls.as_ref());
        self.new.near(at).filter(lets_in).map(flaw).collect()
    }

    /// Azure's errors for whatever could not be read and led to these flaws.
    fn causes(&self, at: &ResourceId, flaws: &BTreeSet<Flaw>) -> Vec<&str> {
        let why = |flaw: &Flaw| match flaw {
            Flaw::MayEnd => self.before.unscheduled.why(at),
            Flaw::MayBeOwn => self.before.unlisted.get(at).map(String::as_str),
            Flaw::MayBeOtherCalls => self.before.unlisted_deployments.get(at).map(String::as_str),
            _ => None,
        };
        flaws.iter().filter_map(why).collect()
    }

    fn flaw(
        &self,
        grant: &Grant<'_>,
        at: &ResourceId,
        identities_unread: bool,
        calls: Option<&BTreeSet<CallActions>>,
    ) -> Option<Flaw> {
        let service = rbac::service(kind(self.after, at));
        let can = |role: &Role| match calls {
            _ if let Some(service) = service => service.is_covered_by(role),
            Some(calls) => calls.iter().any(|call| role.can_call(call)),
            // Unlisted deployments may be models of any kind.
            None if self.before.unlisted_deployments.contains_key(at) => role.gives_all_usual_inference(),
            None => role.gives_usual_inference(),
        };
        let may = |role: &Role| calls.is_none_or(|calls| calls.iter().any(|call| role.may_call(call)));
        if grant.presence == Presence::Gone {
            Some(Flaw::Gone)
        } else if grant.presence == Presence::Deleted {
            Some(Flaw::Deleted)
        } else if is_own(&self.own, at, grant) {
            // An account's own identity gives nobody else access.
            Some(Flaw::Own)
        } else if grant.ends {
            Some(Flaw::Ends)
        } else if self.may_end.contains(grant.id) && self.before.unscheduled.why(at).is_some() {
            Some(Flaw::MayEnd)
        } else if identities_unread && grant.holder.is_none() && grant.is_for_a_service() {
            Some(Flaw::MayBeOwn)
        } else if !grant.role.is_some_and(may) {
            Some(Flaw::OtherCalls)
        } else if !grant.role.is_some_and(can) {
            Some(match (service, calls) {
                (Some(_), _) => Flaw::PartOfService,
                (None, Some(_)) => Flaw::UncertainCalls,
                (None, None) => Flaw::MayBeOtherCalls,
            })
        } else if if service.is_some() { grant.is_conditional() } else { !grant.certainly_lets(calls) } {
            Some(Flaw::Conditional)
        } else {
            (!self.declared.counts(grant, at)).then_some(Flaw::ByHand)
        }
    }
}

/// Why a grant cannot be relied on for access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Flaw {
    /// It has a condition.
    Conditional,
    /// Its schedules could not be read, so it may expire.
    MayEnd,
    /// The projects could not be read, so its principal may be one of their identities.
    MayBeOwn,
    /// It is not known whether its role permits a call that the deployed models need.
    MayBeOtherCalls,
    /// Azure does not document whether the calls that the deployed models need take what its role permits.
    UncertainCalls,
    /// Its role permits some data actions of the account's service.
    PartOfService,
    /// Made by hand next to a declared list.
    ByHand,
    /// It expires.
    Ends,
    /// Its principal is the account's own identity, or that of something in the account.
    Own,
    /// Its role permits no call that the deployed models need.
    OtherCalls,
    /// Its principal is gone.
    Gone,
    /// Its principal is an identity that the plan deletes.
    Deleted,
}

impl Flaw {
    /// Whether it may allow calls all the same.
    fn is_doubt(self) -> bool {
        matches!(
            self,
            Self::Conditional
                | Self::MayEnd
                | Self::MayBeOwn
                | Self::MayBeOtherCalls
                | Self::UncertainCalls
                | Self::PartOfService
        )
    }

    /// Whether it allows calls for now.
    fn is_passing(self) -> bool {
        matches!(self, Self::ByHand | Self::Ends)
    }

    /// The reason in words, for grants on `account`.
    fn words(self, account: &str, declared: &Declared) -> String {
        match self {
            Self::Conditional => "apply only under a condition".to_owned(),
            Self::MayEnd => "may be temporary: `roleAssignmentScheduleInstances` could not be read; assignments that keyless creates are permanent".to_owned(),
            Self::MayBeOwn => "may be for identities of the account's projects, which could not be read".to_owned(),
            Self::MayBeOtherCalls => "may not permit calls to the deployed models, which could not be read: the caller needs to read the account's `deployments`".to_owned(),
            Self::UncertainCalls => "may not permit calls to the deployed models: which data actions they take is not documented".to_owned(),
            Self::PartOfService => "permit only some of them, perhaps not those that its clients need".to_owned(),
            Self::ByHand => format!("were {}", declared.uncounted(account)),
            Self::Ends => "are temporary".to_owned(),
            Self::Own => "are for the account's own identity or that of one of its projects".to_owned(),
            Self::OtherCalls => "do not permit calls to the deployed models".to_owned(),
            Self::Gone => "are for principals that are gone".to_owned(),
            Self::Deleted => "are for identities that the plan deletes: a system-assigned identity is deleted with its account or project, or when `identity` no longer has it".to_owned(),
        }
    }
}

fn message(account: &str, is_service: bool, flaws: &BTreeSet<Flaw>, declared: &Declared) -> String {
    let who = if flaws.iter().any(|flaw| flaw.is_doubt()) {
        "perhaps nobody"
    } else if flaws.iter().any(|flaw| flaw.is_passing()) {
        "soon nobody"
    } else {
        "nobody"
    };
    let roles = if is_service { "data actions of its service" } else { "inference data actions" };
    let left = left(account, roles, flaws, declared);
    let what = if is_service { "account" } else { "the models of account" };
    format!("after the plan {who} could call {what} `{account}`: keys are off, and {left}")
}

/// The same for accounts that could not be read.
fn unread(place: &ResourceId, flaws: &BTreeSet<Flaw>, declared: &Declared) -> String {
    let (name, of) = match (place.subscription_id(), place.group()) {
        (None, _) => (place.as_str(), "of the accounts below"),
        (Some(_), None) => (place.name(), "of the accounts in subscription"),
        (Some(_), Some(group)) if group == *place => (place.name(), "of the accounts in resource group"),
        (Some(_), Some(_)) => (place.name(), "of account"),
    };
    let left = left(name, "inference data actions", flaws, declared);
    format!(
        "after the plan perhaps nobody could call the models {of} `{name}`: whether keys are off there could not be read, and {left}"
    )
}

/// Which access remains.
fn left(account: &str, roles: &str, flaws: &BTreeSet<Flaw>, declared: &Declared) -> String {
    let words: Vec<String> = flaws.iter().map(|flaw| flaw.words(account, declared)).collect();
    if words.is_empty() {
        format!("no role with {roles} is left")
    } else {
        format!("the roles with {roles} that are left {}", words.join(", or "))
    }
}

/// The principals of the identities of accounts and of what stands in them, with their account.
fn identities(before: &World, after: &World) -> BTreeSet<(ResourceId, String)> {
    let own = |(id, body): (&ResourceId, &Body)| {
        let principal = own_principal(body)?;
        Some((id.up_to("accounts")?, comparable(principal)))
    };
    before.resources.iter().chain(&after.resources).filter_map(own).collect()
}

/// The kind of an account.
fn kind<'w>(world: &'w World, account: &ResourceId) -> Option<&'w str> {
    world.resource(account)?["kind"].as_str()
}

/// Whether a grant may allow calling models; a role with unknown permissions may.
fn may_let_in(grant: &Grant<'_>) -> bool {
    grant.role.is_none_or(Role::gives_inference)
}

/// Whether a grant may allow somebody to call an account's models, or its service. One above subscriptions may, even if no list could be read that shows
/// it.
fn lets_in(before: &World, grant: &Grant<'_>, account: &ResourceId) -> bool {
    grant.role.is_none_or(|role| role.serves(kind(before, account)))
        && (grant.scope.subscription_id().is_none() || grant.reaches(before, account))
}

/// Whether a grant is for the identity of the account or of something in it, including one that the plan creates.
fn is_own(own: &BTreeSet<(ResourceId, String)>, account: &ResourceId, grant: &Grant<'_>) -> bool {
    grant.holder.is_some_and(|holder| account.contains(holder))
        || own.contains(&(account.clone(), grant.holder_id.clone()))
}

/// The calls, of which an account's models need at least one; `None` if no deployed model is known.
fn calls(before: &World, after: &World, account: &ResourceId) -> Option<BTreeSet<CallActions>> {
    let is_in_it =
        |id: &ResourceId| child_of(id, "deployments").is_some() && id.parent().as_ref() == Some(account);
    let deployed = after.inside(account).filter(|(id, _)| is_in_it(id));
    let calls = deployed.flat_map(|(id, body)| rbac::calls_of(body, before.resource(id)));
    let calls: BTreeSet<CallActions> = calls.collect();
    (!calls.is_empty()).then_some(calls)
}

/// The actions that keyless itself needs: writing each kind, and deleting role assignments.
fn rights() -> Vec<String> {
    let types = KINDS.iter().flat_map(|kind| kind.types());
    let mut rights: Vec<String> = types.map(|name| format!("{name}/write")).collect();
    let grants = KINDS.iter().filter(|kind| kind.is_grant()).flat_map(|kind| kind.types());
    rights.extend(grants.map(|name| format!("{name}/delete")));
    rights
}

/// The caller's own rights to write, each checked separately. Rights through groups are not known here.
pub(super) fn caller_out(
    caller: &str,
    before: &World,
    after: &World,
    old: &Grants<'_>,
    new: &Grants<'_>,
) -> Vec<Objection> {
    let rights = rights();
    // A temporary right cannot be kept.
    let is_callers = |grant: &&Grant<'_>| !grant.ends && grant.presence != Presence::Deleted;
    let left = || new.of_holder(caller).filter(is_callers);
    let mut objections = Vec::new();
    for lost in
        old.of_holder(caller).filter(is_callers).filter(|grant| !grant.is_kept(before, &grant.scope, new))
    {
        // A role with unknown permissions may have given the right, but cannot be relied on.
        let taken = rights.iter().any(|right| {
            let gives = |role: &Role| role.can(right);
            lost.role.is_none_or(gives)
                && !left().any(|grant| {
                    grant.role.is_some_and(gives)
                        && grant.reaches(after, &lost.scope)
                        && (lost.is_kept_by(grant)
                            || old.alike(grant).any(|was| was.is(grant) && was.is_kept_by(grant)))
                })
        });
        if taken {
            let (role, scope) = (lost.role_name(), &lost.scope);
            let changed = left().any(|now| now.is(lost));
            let message = if changed {
                format!(
                    "the plan puts `{role}` on `{scope}` of the identity that carries it out under a condition"
                )
            } else {
                format!("the plan takes `{role}` on `{scope}` from the identity that carries it out")
            };
            objections.push(Objection::at(Rule::LockOut, lost.id, message));
        }
    }
    objections
}
