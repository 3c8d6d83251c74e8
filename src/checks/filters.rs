//! What must be known about content filters before a step: an account's policies, including Azure's own, when a deployment is created or
//! gets another policy, for guards to compare; and the filters a region offers when a policy is written, for the policy's kind to check.

use super::{Case, Verdict, target};
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::kinds;
use crate::plan::predict::World;
use crate::snapshot::{Answer, Query};
use crate::text::names::nearest;

fn is_written(step: &Step) -> bool {
    matches!(step.action, StepAction::Create | StepAction::Update)
}

/// Whether a step depends on what policies block: a deployment by its first or a changed policy, a policy by itself.
fn needs_policies(step: &Step) -> bool {
    is_written(step)
        && match step.kind.as_str() {
            "deployments" => step.action == StepAction::Create || step.patch.contains_key("raiPolicyName"),
            "raiPolicies" => true,
            _ => false,
        }
}

/// The query for an account's policies, which Azure answers if the account exists.
fn policies(step: &Step, world: &World) -> Option<Query> {
    let account = target(step)?.parent()?;
    world.resource(&account)?;
    kinds::by_name("raiPolicies")?.around(&[account.child("raiPolicies", "any")]).pop()
}

fn writes_filters(step: &Step) -> bool {
    is_written(step) && step.kind == "raiPolicies" && step.patch.contains_key("contentFilters")
}

/// What the region of a policy's account offers.
fn offer(step: &Step, steps: &[Step], world: &World) -> Option<Query> {
    let policy = target(step)?;
    let account = policy.parent()?;
    let mut made = steps.iter().filter(|other| target(other).as_ref() == Some(&account));
    let planned = made.find_map(|step| step.patch.get("location")?.as_str());
    let location = planned.or_else(|| world.resource(&account)?["location"].as_str())?;
    kinds::content_filters::query(&policy, location)
}

pub(super) fn queries(steps: &[Step], world: &World) -> Vec<Query> {
    let known = steps.iter().filter(|step| needs_policies(step)).filter_map(|step| policies(step, world));
    let offers = steps.iter().filter(|step| writes_filters(step));
    known.chain(offers.filter_map(|step| offer(step, steps, world))).collect()
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let steps = &case.plan.steps;
    for step in steps.iter().filter(|step| needs_policies(step)) {
        let Some(query) = policies(step, case.world) else { continue };
        let account = target(step).and_then(|id| id.parent()).map(|id| id.name().to_owned());
        let unknown = format!("what the content filters of account `{}` block", account.unwrap_or_default());
        case.items(&query, &unknown, &mut verdicts);
        if matches!(case.snapshot.get(&query), Some(Answer::Found(_))) {
            verdicts.extend(missing(case, step));
        }
    }
    verdicts
}

/// Refuses a deployment whose policy is neither in the account's complete list nor created by a step.
fn missing(case: &Case<'_>, step: &Step) -> Option<Verdict> {
    let policy = step.patch.get("raiPolicyName")?.as_str().filter(|_| step.kind == "deployments")?;
    let account = target(step)?.parent()?;
    let is_there = |id: &ResourceId| case.world.resource(id).is_some();
    let is_made = |id: &ResourceId| case.plan.steps.iter().filter_map(target).any(|made| made == *id);
    let id = account.child("raiPolicies", policy);
    if kinds::is_azures_policy(policy) || is_there(&id) || is_made(&id) {
        return None;
    }
    let message = format!(
        "{}: account `{}` has no content filter `{policy}`, and no spec in this run declares it",
        case.title(step.change),
        account.name()
    );
    let names = case.world.resources.keys().filter(|id| id.parent().as_ref() == Some(&account));
    let names = names.filter(|id| kinds::by_id(id).is_some_and(|kind| kind.name() == "raiPolicies"));
    let hint = match nearest(policy, names.map(ResourceId::name)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "declare it under `raiPolicies`, or name one of Azure's own: `Microsoft.DefaultV2`".to_owned()
        }
    };
    Some(case.refusal(Code::UnknownPolicy, step.change, &["raiPolicyName"], message, hint))
}
