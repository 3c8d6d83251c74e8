//! Conditions of role assignments that a plan drops, changes or works around.
//!
//! A condition is not evaluated here: whether the new one allows more is for a person to decide. Another role that grants some of what the
//! condition withholds counts as a way around it too.

use super::assignments::{Grant, Grants};
use super::{Objection, Rule};
use crate::plan::predict::World;

pub(super) fn objections(before: &World, old: &Grants<'_>, new: &Grants<'_>) -> Vec<Objection> {
    let message = |grant| Some((grant, weakened(before, old, grant)?));
    let object = |(grant, message): (&Grant<'_>, String)| Objection::at(Rule::Condition, grant.id, message);
    new.iter().filter_map(message).map(object).collect()
}

/// How a grant allows its principal what a condition withheld, if it does.
fn weakened(before: &World, old: &Grants<'_>, grant: &Grant<'_>) -> Option<String> {
    let (role, principal, scope) = (grant.role_name(), grant.who(), &grant.scope);
    let like_it = || old.alike(grant);
    let had = |was: &Grant<'_>| {
        was.reaches(before, scope)
            && (!was.is_conditional() || was.has_condition_of(grant))
            // A temporary grant gives nothing permanent.
            && (was.id == grant.id || was.was_lasting(before, scope))
    };
    if like_it().any(had) {
        return None;
    }
    // Nor does it withhold anything.
    let counts = |was: &Grant<'_>| was.is_conditional() || was.was_lasting(before, scope);
    if like_it().any(|was| was.is(grant) && counts(was)) {
        let verb = if grant.is_conditional() { "changes" } else { "drops" };
        return Some(format!(
            "the plan {verb} the condition under which {principal} has `{role}` on `{scope}`"
        ));
    }
    // The same role above, below or at this scope without the condition would defeat it.
    let meets = |was: &Grant<'_>| was.reaches(before, scope) || scope.contains(&was.scope);
    let around = like_it().find(|was| meets(was) && counts(was) && !was.has_condition_of(grant));
    let Some(around) = around else { return swapped(before, old, grant) };
    let how = if grant.is_conditional() {
        "under another condition than"
    } else {
        "without the condition under which"
    };
    Some(format!("the plan gives {principal} `{role}` on `{scope}` {how} it has it on `{}`", around.scope))
}

/// How a grant gives its principal part of what a condition on another role withholds, if it does.
fn swapped(before: &World, old: &Grants<'_>, grant: &Grant<'_>) -> Option<String> {
    let theirs = || old.of_holder(&grant.holder_id);
    let (role, scope) = (grant.role?, &grant.scope);
    let meets = |was: &Grant<'_>| was.reaches(before, scope) || scope.contains(&was.scope);
    let had = |action: &str| {
        theirs().any(|was| {
            was.role.is_some_and(|role| role.can(action) || role.can_on_data(action))
                && was.reaches(before, scope)
                && (was.has_condition_of(grant) || was.never_withholds(action))
                && (was.id == grant.id || was.was_lasting(before, scope))
        })
    };
    let kept_away = |was: &&Grant<'_>| {
        let gives =
            |action: &str| !was.never_withholds(action) && !grant.always_withholds(action) && !had(action);
        was.is_conditional()
            && was.role_id != grant.role_id
            && meets(was)
            && !was.has_condition_of(grant)
            && was.role.is_some_and(|other| role.shared_with(other).any(gives))
    };
    let was = theirs().find(kept_away)?;
    let how = if grant.is_conditional() {
        "under another condition than"
    } else {
        "without the condition under which"
    };
    Some(format!(
        "the plan gives {} `{}` on `{scope}` {how} it has `{}` on `{}`, and both give some of the same",
        grant.who(),
        grant.role_name(),
        was.role_name(),
        was.scope
    ))
}
