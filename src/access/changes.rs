//! Who gains and who loses access to models if a plan is applied.
//!
//! Compares the state before with the predicted state after, not the plan's changes: a principal with two roles loses nothing with one of
//! them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::holders::holders;
use crate::body::AccountBody;
use crate::document::access::{AccessChange, Holder, KeysChange, Through};
use crate::document::keys::Keys;
use crate::document::{Plan, PlannedChange};
use crate::id::{ResourceId, comparable};
use crate::kinds::role_assignment::{Assignments, Placed};
use crate::plan::predict::World;
use crate::rbac::{CALLS, Catalogue, Condition, USUAL};
use crate::snapshot::Body;

/// The changes by account, without accounts that do not change.
#[must_use]
pub(crate) fn changes(before: &World, after: &World, names: &BTreeMap<String, String>) -> Vec<AccessChange> {
    let lost = before.identities_lost(after);
    let accounts = touched(before, after, &lost);
    if accounts.is_empty() {
        return Vec::new();
    }
    let comparison = Comparison {
        before,
        after,
        // A plan changes no role definitions.
        roles: Catalogue::of(before.resources.values()),
        old: assignments(before).collect(),
        new: assignments(after).collect(),
        lost,
        names,
    };
    accounts.into_iter().filter_map(|id| comparison.of_account(id)).collect()
}

/// What the live state differs in from what a drift's specs ask for, by account. Those lack access to whom the specs give it: somebody who
/// cannot call a missing account by an undeclared assignment lacks nothing.
#[must_use]
pub(crate) fn drifted(before: &World, plan: &Plan, names: &BTreeMap<String, String>) -> Vec<AccessChange> {
    let is_declared = |change: &&PlannedChange| !change.action.is_undeclared();
    let ids = plan.changes.iter().filter(is_declared).map(|change| comparable(&change.id));
    let declared: BTreeSet<String> = ids.collect();
    let mut changes = changes(before, &before.as_declared(plan), names);
    for holder in changes.iter_mut().flat_map(|change| &mut change.gains) {
        holder.through.retain(|through| declared.contains(&comparable(&through.assignment)));
    }
    for change in &mut changes {
        change.gains.retain(|holder| !holder.through.is_empty());
    }
    changes.retain(|change| {
        let is_same = change.gains.is_empty() && change.loses.is_empty() && change.restricted.is_empty();
        !is_same || change.keys.is_some()
    });
    changes
}

/// The accounts for which anything may change: by themselves, by an assignment near them, or by the end of an identity that has one.
fn touched<'w>(before: &'w World, after: &'w World, lost: &BTreeSet<String>) -> BTreeSet<&'w ResourceId> {
    let differing: BTreeMap<&ResourceId, &Body> =
        before.differing(after).chain(after.differing(before)).collect();
    if differing.is_empty() {
        return BTreeSet::new();
    }
    let changed = differing.iter().filter_map(|(id, body)| Placed::of(id, body));
    let is_lost =
        |each: &Placed<'_>| each.said.principal_id().is_some_and(|id| lost.contains(&comparable(id)));
    let held = [before, after].into_iter().filter(|_| !lost.is_empty()).flat_map(assignments);
    let moved: Assignments<'_> = changed.chain(held.filter(is_lost)).collect();
    let ids = before.resources.keys().chain(after.resources.keys()).filter(|id| is_account(id));
    ids.filter(|id| differing.contains_key(id) || moved.near(id).next().is_some()).collect()
}

fn is_account(id: &ResourceId) -> bool {
    let mut end = id.as_str().rsplit('/').skip(1);
    ["accounts", "Microsoft.CognitiveServices", "providers"]
        .into_iter()
        .all(|name| end.next().is_some_and(|segment| segment.eq_ignore_ascii_case(name)))
}

/// The two states, with what is needed to compare them.
struct Comparison<'a> {
    before: &'a World,
    after: &'a World,
    roles: Catalogue,
    old: Assignments<'a>,
    new: Assignments<'a>,
    /// Identities that the plan deletes: their roles become useless.
    lost: BTreeSet<String>,
    names: &'a BTreeMap<String, String>,
}

impl Comparison<'_> {
    fn of_account(&self, id: &ResourceId) -> Option<AccessChange> {
        let (was, is) = (self.before.resource(id), self.after.resource(id));
        // Nobody can call what does not exist, before or after.
        let could = was.map(|was| self.callers(&self.old, id, was)).unwrap_or_default();
        let mut can = is.map(|is| self.callers(&self.new, id, is)).unwrap_or_default();
        can.retain(|holder| !self.lost.contains(&comparable(&holder.id)));
        let gains = beyond(&can, &could, &self.roles);
        let left: BTreeMap<String, &Holder> =
            can.iter().map(|holder| (comparable(&holder.id), holder)).collect();
        let (mut restricted, mut loses) = (Vec::new(), Vec::new());
        for holder in beyond(&could, &can, &self.roles) {
            match left.get(&comparable(&holder.id)) {
                // What they could call before is no news; what remains is.
                Some(left) => restricted.push((*left).clone()),
                None => loses.push(holder),
            }
        }
        let keys = keys_change(was, is);
        let is_news = !(gains.is_empty() && loses.is_empty() && restricted.is_empty() && keys.is_none());
        is_news.then(|| AccessChange {
            account: id.name().to_owned(),
            id: id.to_string(),
            gains,
            loses,
            restricted,
            keys,
        })
    }

    /// Who may call an account's models through some of the assignments, and for how long.
    fn callers(&self, assignments: &Assignments<'_>, id: &ResourceId, body: &Value) -> Vec<Holder> {
        let holding = assignments.near(id).filter(|each| self.holds(each, id));
        let account = (id, body["kind"].as_str());
        let mut found = holders(account, holding, &self.roles, self.names, &BTreeMap::new()).holders;
        // A principal that the directory does not know could not call before either.
        let is_gone =
            |holder: &Holder| Uuid::try_parse(&holder.id).is_ok_and(|id| self.before.gone.contains(&id));
        found.retain(|holder| !is_gone(holder) && ability(holder, &self.roles) > Ability::None);
        for through in found.iter_mut().flat_map(|holder| &mut holder.through) {
            let of = ResourceId::parse(&through.assignment).ok();
            if let Some(term) = of.and_then(|id| self.before.terms.ending(&id)) {
                through.temporary = true;
                through.until = term.until().map(str::to_owned);
            }
        }
        found
    }

    /// Whether an assignment applies to an account as far as lists show. For one above subscriptions only the subscription's list shows
    /// that; for a new one no list does yet.
    fn holds(&self, each: &Placed<'_>, at: &ResourceId) -> bool {
        let (id, scope) = (&each.id, &each.scope);
        scope.subscription_id().is_some()
            || self.before.reaches(id, scope, at)
            || self.before.resource(id).is_none()
    }
}

/// An account created or restored with keys on counts as if its keys were enabled.
fn keys_change(was: Option<&Value>, is: Option<&Value>) -> Option<KeysChange> {
    let change = KeysChange { before: was.map(keys), after: is.map(keys) };
    let lets_in = |keys: Option<Keys>| keys == Some(Keys::Enabled);
    (lets_in(change.before) != lets_in(change.after)).then_some(change)
}

fn assignments(world: &World) -> impl Iterator<Item = Placed<'_>> {
    world.resources.iter().filter_map(|(id, body)| Placed::of(id, body))
}

/// Whether a principal can call models through its roles and conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ability {
    /// Conditions deny every call.
    None,
    /// Whether conditions allow calls cannot be determined here.
    Perhaps,
    /// At least one call is allowed in all circumstances.
    Certain,
}

fn ability(holder: &Holder, roles: &Catalogue) -> Ability {
    best(holder.through.iter(), roles)
}

/// The same, counting only permanent assignments.
fn lasting(holder: &Holder, roles: &Catalogue) -> Ability {
    best(holder.through.iter().filter(|through| !through.temporary), roles)
}

fn best<'a>(ways: impl Iterator<Item = &'a Through>, roles: &Catalogue) -> Ability {
    ways.map(|through| lets(through, roles)).max().unwrap_or(Ability::None)
}

fn lets(through: &Through, roles: &Catalogue) -> Ability {
    let Some(text) = &through.condition else { return Ability::Certain };
    let Ok(condition) = Condition::parse(text) else { return Ability::Perhaps };
    let role = through.role_id.parse().ok().and_then(|id| roles.by_id(id));
    let ability = |action: &&str| match (condition.always_lets(action), condition.never_lets(action)) {
        (true, _) => Ability::Certain,
        (_, true) => Ability::None,
        _ => Ability::Perhaps,
    };
    let best = |calls: &[&str]| {
        let permitted = |action: &&&str| role.is_some_and(|role| role.can_on_data(action));
        calls.iter().filter(permitted).map(ability).max()
    };
    // Conditions name the usual calls: another call that passes them is at most perhaps enough.
    match best(&USUAL) {
        Some(Ability::None) => best(&CALLS).unwrap_or(Ability::None).min(Ability::Perhaps),
        Some(known) => known,
        None => best(&CALLS).unwrap_or(Ability::Perhaps),
    }
}

/// The holders in `first` that are not in `second`, or can do more there or for longer.
fn beyond(first: &[Holder], second: &[Holder], roles: &Catalogue) -> Vec<Holder> {
    let both = |holder: &Holder| (ability(holder, roles), lasting(holder, roles));
    let known: BTreeMap<String, (Ability, Ability)> =
        second.iter().map(|holder| (comparable(&holder.id), both(holder))).collect();
    let can_more = |holder: &&Holder| {
        let ((now, for_good), other) = (both(holder), known.get(&comparable(&holder.id)));
        other.is_none_or(|(other, lasting)| now > *other || for_good > *lasting)
    };
    first.iter().filter(can_more).cloned().collect()
}

fn keys(account: &Value) -> Keys {
    if AccountBody::of(account).keys_off() { Keys::Disabled } else { Keys::Enabled }
}
