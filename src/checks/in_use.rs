//! Content filters that would be deleted while a deployment uses them; Azure answers 400 to that on every run.
//!
//! A spec without `deployments` says nothing about live ones, so the account's list is always read.

use std::collections::BTreeMap;

use super::{Case, Verdict, some, target};
use crate::body::DeploymentBody;
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::kinds::Deployments;
use crate::plan::predict::World;
use crate::snapshot::Query;

/// The content filters that steps delete, by account.
fn deleted(steps: &[Step]) -> BTreeMap<ResourceId, Vec<(ResourceId, &Step)>> {
    let mut deleted: BTreeMap<ResourceId, Vec<_>> = BTreeMap::new();
    let deletes = steps.iter().filter(|step| step.action == StepAction::Delete && step.kind == "raiPolicies");
    for step in deletes {
        if let Some(policy) = target(step)
            && let Some(account) = policy.parent()
        {
            deleted.entry(account).or_default().push((policy, step));
        }
    }
    deleted
}

pub(super) fn queries(steps: &[Step], _: &World) -> Vec<Query> {
    deleted(steps).keys().map(Deployments::list).collect()
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let steps = &case.plan.steps;
    for (account, policies) in deleted(steps) {
        let unknown = format!(
            "whether a deployment of account `{}` uses a content filter that the plan deletes",
            account.name()
        );
        let live = case.items(&Deployments::list(&account), &unknown, &mut verdicts);
        // The policy of each deployment once everything else is done: policies are deleted last.
        let mut used: BTreeMap<ResourceId, &str> = BTreeMap::new();
        for body in live {
            let id = body["id"].as_str().and_then(|id| ResourceId::parse(id).ok());
            if let (Some(id), Some(policy)) = (id, DeploymentBody::of(body).policy()) {
                used.insert(id, policy);
            }
        }
        for step in steps.iter().filter(|step| step.kind == "deployments") {
            let Some(id) = target(step) else { continue };
            match step.patch.get("raiPolicyName") {
                _ if step.action == StepAction::Delete => drop(used.remove(&id)),
                Some(policy) => {
                    used.remove(&id);
                    if let Some(policy) = policy.as_str().filter(|_| id.parent().as_ref() == Some(&account)) {
                        used.insert(id, policy);
                    }
                }
                None => {}
            }
        }
        for (policy, step) in policies {
            let users = used.iter().filter(|(_, name)| name.eq_ignore_ascii_case(policy.name()));
            let users: Vec<&str> = users.map(|(id, _)| id.name()).collect();
            let (noun, use_it, them) = match users.len() {
                0 => continue,
                1 => ("deployment", "uses it and stays", "it"),
                _ => ("deployments", "use it and stay", "them"),
            };
            let message = format!(
                "cannot delete {}: {noun} {} {use_it}, and Azure deletes no content filter that is in use",
                case.title(step.change),
                some(users.iter().copied()),
            );
            let hint = format!(
                "keep the content filter in its spec, or declare {noun} {} with another `raiPolicyName` (or change {them} by hand) first",
                some(users.iter().copied()),
            );
            let mut verdict = case.refusal(Code::PolicyInUse, step.change, &[], message, hint);
            verdict.finding.source.clone_from(&step.source);
            verdicts.push(verdict);
        }
    }
    verdicts
}
