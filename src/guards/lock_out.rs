//! Plans after which nobody could call the models of an account, or the caller could not write any more.

use std::collections::BTreeSet;

use super::assignments::{Grant, Presence};
use super::keys::keys_off;
use super::{Objection, Rule, accounts, child_of, is_account, owner};
use crate::document::{Action, Plan};
use crate::id::{ResourceId, comparable};
use crate::kinds::KINDS;
use crate::plan::predict::World;
use crate::principals::own_principal;
use crate::rbac::{self, Call, Role};
use crate::snapshot::Body;

/// What specs say of role assignments, as plain data of the plan.
///
/// An assignment that somebody made by hand on an account whose assignments a spec declares is drift, and goes as soon as somebody cleans
/// up: it is no way in to rely on. The plan tells which those are by its changes, which list each undeclared assignment on a declared
/// account; that is data of the plan document, and nothing of how the planner judged it. Of a file nothing of that is believed: there an
/// assignment on an account is one to rely on if it carries the mark of a stack for which the plan writes.
#[derive(Default)]
pub(super) struct Declared {
    undeclared: BTreeSet<ResourceId>,
    complete: BTreeSet<ResourceId>,
    /// The assignments with such a mark, where the plan was read from a file and no specs say what is declared.
    marked: Option<BTreeSet<ResourceId>>,
}

impl Declared {
    /// What a plan says that was read from a file, with the state after it.
    pub(super) fn of_file(plan: &Plan, after: &World) -> Self {
        let written = plan.changes.iter().filter(|change| change.action.writes());
        let stacks: BTreeSet<&str> = written.filter_map(|change| change.stack.as_deref()).collect();
        let ours =
            after.resources.iter().filter(|(_, body)| owner(body).is_some_and(|of| stacks.contains(of)));
        Self { marked: Some(ours.map(|(id, _)| id.clone()).collect()), ..Self::default() }
    }

    /// What a plan says that was made of specs.
    pub(super) fn of(plan: &Plan) -> Self {
        // What another team made, as `coManagedBy` says, is nothing that somebody cleans up.
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

    /// Whether an assignment is one to rely on for an account.
    fn counts(&self, grant: &Grant<'_>, account: &ResourceId) -> bool {
        // What is inherited is others' to declare.
        grant.scope != *account
            || match &self.marked {
                Some(marked) => marked.contains(grant.id),
                None => !self.complete.contains(account) || !self.undeclared.contains(grant.id),
            }
    }

    /// What those are on an account that are none to rely on.
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

/// Accounts whose models nobody could call any more, and those of which nothing is known but that a way in goes.
pub(super) fn nobody_left(
    before: &World,
    after: &World,
    old: &[Grant<'_>],
    new: &[Grant<'_>],
    declared: &Declared,
) -> Vec<Objection> {
    // What the plan makes lasts.
    let may_end = old.iter().filter(|grant| !grant.lasts).map(|grant| grant.id).collect();
    let ways = Ways { before, after, new, declared, own: identities(before, after), may_end };
    let mut objections = Vec::new();
    for (id, _) in accounts(after).filter(|(_, body)| keys_off(body)) {
        // On a new account nobody loses anything.
        let Some(was) = before.resource(id) else { continue };
        let let_in = |grant: &&Grant<'_>| {
            lets_in(before, grant, id) && grant.presence != Presence::Gone && !is_own(&ways.own, id, grant)
        };
        if keys_off(was) && !old.iter().filter(let_in).any(|grant| !grant.is_kept(before, id, new)) {
            continue;
        }
        if let Some(flaws) = ways.flaws(id, before.unlisted.contains_key(id)) {
            let cause = ways.causes(id, &flaws).join("; ");
            let cause = Some(cause).filter(|cause| !cause.is_empty());
            let message = message(id.name(), &flaws, declared);
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

/// What tells who can still come in after a plan.
struct Ways<'a> {
    before: &'a World,
    after: &'a World,
    new: &'a [Grant<'a>],
    declared: &'a Declared,
    own: BTreeSet<(ResourceId, String)>,
    may_end: BTreeSet<&'a ResourceId>,
}

impl Ways<'_> {
    /// Why each grant that is left for an account, or for all of a scope, is none to rely on; nothing where one is, which is enough.
    fn flaws(&self, at: &ResourceId, identities_unread: bool) -> Option<BTreeSet<Flaw>> {
        let lets_in = |grant: &&Grant<'_>| {
            grant.role.is_some_and(Role::gives_inference) && grant.reaches(self.after, at)
        };
        let calls = calls(self.before, self.after, at);
        let flaw = |grant| self.flaw(grant, at, identities_unread, calls.as_ref());
        self.new.iter().filter(lets_in).map(flaw).collect()
    }

    /// What Azure answered where something could not be read, so that there are these flaws.
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
        calls: Option<&BTreeSet<Call>>,
    ) -> Option<Flaw> {
        let can = |role: &Role| match calls {
            Some(calls) => calls.iter().any(|call| role.can_call(call)),
            // What could not be listed may be a model of any sort.
            None if self.before.unlisted_deployments.contains_key(at) => role.gives_all_usual_inference(),
            None => role.gives_usual_inference(),
        };
        let may = |role: &Role| calls.is_none_or(|calls| calls.iter().any(|call| role.may_call(call)));
        if grant.presence == Presence::Gone {
            Some(Flaw::Gone)
        } else if grant.presence == Presence::Deleted {
            Some(Flaw::Deleted)
        } else if is_own(&self.own, at, grant) {
            // What may call itself lets nobody in.
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
            Some(Flaw::MayBeOtherCalls)
        } else if !grant.certainly_lets(calls) {
            Some(Flaw::Conditional)
        } else {
            (!self.declared.counts(grant, at)).then_some(Flaw::ByHand)
        }
    }
}

/// Why a grant is no way in to rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Flaw {
    /// It holds only under a condition.
    Conditional,
    /// Whether it ends by itself could not be read.
    MayEnd,
    /// Whether it is for the identity of the account or of one of its projects could not be read.
    MayBeOwn,
    /// Whether what its role permits is a call of a model that is deployed there is not known.
    MayBeOtherCalls,
    /// Somebody made it beside a declared list.
    ByHand,
    /// It ends by itself.
    Ends,
    /// It is for the account's own identity, or that of something in it.
    Own,
    /// What its role permits is no call of a model that is deployed there.
    OtherCalls,
    /// Its principal is gone.
    Gone,
    /// Its principal is an identity that the plan deletes.
    Deleted,
}

impl Flaw {
    /// Whether it may let somebody in all the same.
    fn is_doubt(self) -> bool {
        matches!(self, Self::Conditional | Self::MayEnd | Self::MayBeOwn | Self::MayBeOtherCalls)
    }

    /// Whether it lets somebody in for now.
    fn is_passing(self) -> bool {
        matches!(self, Self::ByHand | Self::Ends)
    }

    /// What it says of grants to `account`.
    fn words(self, account: &str, declared: &Declared) -> String {
        match self {
            Self::Conditional => "hold only under a condition".to_owned(),
            Self::MayEnd => "may end by themselves: what `roleAssignmentScheduleInstances` says of that could not be read; one that keyless makes lasts".to_owned(),
            Self::MayBeOwn => "may be for identities of the account's projects, which could not be read".to_owned(),
            Self::MayBeOtherCalls => "may permit no call of a model that is deployed there; Azure shows which those are to whoever may read the account's `deployments`".to_owned(),
            Self::ByHand => format!("were {}", declared.uncounted(account)),
            Self::Ends => "end by themselves".to_owned(),
            Self::Own => "are for the account's own identity or that of one of its projects".to_owned(),
            Self::OtherCalls => "permit no call of a model that is deployed there".to_owned(),
            Self::Gone => "are for principals that are gone".to_owned(),
            Self::Deleted => "are for identities that the plan deletes: a system-assigned identity goes with its account or project, or when `identity` takes it away".to_owned(),
        }
    }
}

fn message(account: &str, flaws: &BTreeSet<Flaw>, declared: &Declared) -> String {
    let who = if flaws.iter().any(|flaw| flaw.is_doubt()) {
        "perhaps nobody"
    } else if flaws.iter().any(|flaw| flaw.is_passing()) {
        "soon nobody"
    } else {
        "nobody"
    };
    let left = left(account, flaws, declared);
    format!("after the plan {who} could call the models of account `{account}`: keys are off, and {left}")
}

/// The same of accounts that could not be read.
fn unread(place: &ResourceId, flaws: &BTreeSet<Flaw>, declared: &Declared) -> String {
    let (name, of) = match (place.subscription_id(), place.group()) {
        (None, _) => (place.as_str(), "of the accounts below"),
        (Some(_), None) => (place.name(), "of the accounts in subscription"),
        (Some(_), Some(group)) if group == *place => (place.name(), "of the accounts in resource group"),
        (Some(_), Some(_)) => (place.name(), "of account"),
    };
    let left = left(name, flaws, declared);
    format!(
        "after the plan perhaps nobody could call the models {of} `{name}`: whether keys are off there could not be read, and {left}"
    )
}

/// What is left to come in by.
fn left(account: &str, flaws: &BTreeSet<Flaw>, declared: &Declared) -> String {
    let words: Vec<String> = flaws.iter().map(|flaw| flaw.words(account, declared)).collect();
    if words.is_empty() {
        "no role with inference data actions is left".to_owned()
    } else {
        format!("the roles with inference data actions that are left {}", words.join(", or "))
    }
}

/// The principals of the identities of accounts and of what stands in them, each with the account.
fn identities(before: &World, after: &World) -> BTreeSet<(ResourceId, String)> {
    let own = |(id, body): (&ResourceId, &Body)| {
        let principal = own_principal(body)?;
        Some((id.up_to("accounts")?, comparable(principal)))
    };
    before.resources.iter().chain(&after.resources).filter_map(own).collect()
}

/// Whether a grant may let its holder call models: of a role that nobody knows anything may be true.
fn may_let_in(grant: &Grant<'_>) -> bool {
    grant.role.is_none_or(Role::gives_inference)
}

/// Whether a grant may let somebody call an account's models. What stands above subscriptions may, even where no list that shows so could be
/// read.
fn lets_in(before: &World, grant: &Grant<'_>, account: &ResourceId) -> bool {
    may_let_in(grant) && (grant.scope.subscription_id().is_none() || grant.reaches(before, account))
}

/// Whether a grant is for the account's own identity or that of something in it, be it one that the plan only makes.
fn is_own(own: &BTreeSet<(ResourceId, String)>, account: &ResourceId, grant: &Grant<'_>) -> bool {
    grant.holder.is_some_and(|holder| account.contains(holder))
        || own.contains(&(account.clone(), grant.holder_id.clone()))
}

/// The calls of which the models that stand in an account need one; nothing where none is known to stand there.
fn calls(before: &World, after: &World, account: &ResourceId) -> Option<BTreeSet<Call>> {
    let is_in_it =
        |id: &ResourceId| child_of(id, "deployments").is_some() && id.parent().as_ref() == Some(account);
    let deployed = after.resources.iter().filter(|(id, _)| is_in_it(id));
    let calls = deployed.flat_map(|(id, body)| rbac::calls_of(body, before.resource(id)));
    let calls: BTreeSet<Call> = calls.collect();
    (!calls.is_empty()).then_some(calls)
}

/// The actions with which keyless writes: of each kind, and revoking.
fn rights() -> Vec<String> {
    let types = KINDS.iter().flat_map(|kind| kind.types());
    let mut rights: Vec<String> = types.map(|name| format!("{name}/write")).collect();
    let grants = KINDS.iter().filter(|kind| kind.is_grant()).flat_map(|kind| kind.types());
    rights.extend(grants.map(|name| format!("{name}/delete")));
    rights
}

/// The caller's own rights to write, each by itself. What it holds through groups is not known here.
pub(super) fn caller_out(
    caller: &str,
    before: &World,
    after: &World,
    old: &[Grant<'_>],
    new: &[Grant<'_>],
) -> Vec<Objection> {
    let rights = rights();
    // What it has for a while only is no right that it keeps.
    let is_callers =
        |grant: &&Grant<'_>| grant.holder_id == caller && !grant.ends && grant.presence != Presence::Deleted;
    let mut objections = Vec::new();
    for lost in old.iter().filter(is_callers).filter(|grant| !grant.is_kept(before, &grant.scope, new)) {
        // A role of which nothing is known might have given the right, and is none to rely on.
        let taken = rights.iter().any(|right| {
            let gives = |role: &Role| role.can(right);
            lost.role.is_none_or(gives)
                && !new.iter().filter(is_callers).any(|grant| {
                    grant.role.is_some_and(gives)
                        && grant.reaches(after, &lost.scope)
                        && (lost.is_kept_by(grant)
                            || old.iter().any(|was| was.is(grant) && was.is_kept_by(grant)))
                })
        });
        if taken {
            let (role, scope) = (lost.role_name(), &lost.scope);
            let changed = new.iter().filter(is_callers).any(|now| now.is(lost));
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
