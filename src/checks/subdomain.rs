//! Whether an account's subdomain is available: it is unique in all of Azure, and soft-deleted accounts keep theirs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Case, Verdict, question, target};
use crate::body::AccountBody;
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::kinds::account;
use crate::plan::predict::World;
use crate::snapshot::{Query, Snapshot};

/// The query for the subdomain that a step would claim.
fn claimed(step: &Step, steps: &[Step]) -> Option<Query> {
    // Purging frees it, and a restored account already has it.
    let frees = |other: &Step| other.action == StepAction::Purge && other.change == step.change;
    let claims = matches!(step.action, StepAction::Create | StepAction::Update) && !steps.iter().any(frees);
    let name = step.patch.get("customSubDomainName").and_then(Value::as_str)?;
    let subscription = ResourceId::subscription(target(step)?.subscription_id()?);
    (claims && step.kind == "accounts").then(|| {
        question(
            &subscription,
            &format!("Microsoft.CognitiveServices/checkDomainAvailability?api-version={}", account::API),
            json!({"subdomainName": name, "type": "Microsoft.CognitiveServices/accounts"}),
        )
    })
}

pub(super) fn queries(steps: &[Step], _world: &World) -> Vec<Query> {
    steps.iter().filter_map(|step| claimed(step, steps)).collect()
}

/// Queries for the accounts whose subdomains are taken: another run may have created them since their list was read.
pub(super) fn holders(steps: &[Step], snapshot: &Snapshot) -> Vec<Query> {
    let taken = steps.iter().filter(|step| {
        claimed(step, steps)
            .is_some_and(|query| snapshot.items(&query).any(|answer| answer["isSubdomainAvailable"] == false))
    });
    taken.filter_map(holder).collect()
}

/// The live account that has a subdomain, among those read.
fn holder_of(world: &World, subdomain: &str) -> Option<ResourceId> {
    let has = |(id, body): &(&ResourceId, &Value)| {
        let own = AccountBody::of(body).subdomain();
        let is_account = id
            .resource_type()
            .is_some_and(|own| own.eq_ignore_ascii_case("Microsoft.CognitiveServices/accounts"));
        is_account && own.is_some_and(|own| own.eq_ignore_ascii_case(subdomain))
    };
    let mut resources = world.resources.iter().map(|(id, body)| (id, &**body));
    resources.find(has).map(|(id, _)| id.clone())
}

/// The query for the account that a step would create.
fn holder(step: &Step) -> Option<Query> {
    let id = target(step).filter(|_| step.action == StepAction::Create)?;
    Some(account::one(&id))
}

/// Refuses a subdomain that another step of the plan also claims: Azure reports both as available.
fn twice(case: &Case<'_>) -> Vec<Verdict> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut verdicts = Vec::new();
    for step in case.plan.steps.iter().filter(|step| step.kind == "accounts") {
        let Some(name) = step.patch.get("customSubDomainName").and_then(Value::as_str) else { continue };
        let first = *seen.entry(name.to_ascii_lowercase()).or_insert(step.change);
        if first != step.change {
            let (title, other) = (case.title(step.change), case.title(first));
            let message =
                format!("the subdomain `{name}` of {title} is also that of {other} in the same plan");
            let hint = "choose another `customSubDomainName`: it is unique in all of Azure".to_owned();
            verdicts.push(case.refusal(
                Code::SubdomainTaken,
                step.change,
                &["customSubDomainName"],
                message,
                hint,
            ));
        }
    }
    verdicts
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let mut verdicts = twice(case);
    for step in &case.plan.steps {
        let Some(query) = claimed(step, &case.plan.steps) else { continue };
        let name = step.patch["customSubDomainName"].as_str().unwrap_or_default();
        let unknown = format!("whether the subdomain `{name}` is free");
        for answer in case.items(&query, &unknown, &mut verdicts) {
            if answer["isSubdomainAvailable"] != false {
                continue;
            }
            let is_ours = holder(step).is_some_and(|query| case.snapshot.items(&query).next().is_some());
            let title = case.title(step.change);
            let message = if is_ours {
                format!(
                    "{title} already exists with the subdomain `{name}`: it was created while this run was reading"
                )
            } else {
                format!("the subdomain `{name}` of {title} is not available")
            };
            let hint = "choose another `customSubDomainName`: it is unique in all of Azure, and a deleted account keeps its own until it is purged";
            let again = "run the command again to plan with the account as it is now";
            let known = holder_of(case.world, name).filter(|_| !is_ours);
            let message = match &known {
                Some(id) => format!(
                    "the subdomain `{name}` of {title} is that of account {} in resource group `{}`",
                    id.name(),
                    id.group().as_ref().map_or("", ResourceId::name),
                ),
                None => message,
            };
            let moving = "moving an account to another resource group means deleting and recreating it; or is `resourceGroup` mistyped?";
            let hint = match (is_ours, &known) {
                (true, _) => again,
                (false, Some(id))
                    if target(step).is_some_and(|own| own.name().eq_ignore_ascii_case(id.name())) =>
                {
                    moving
                }
                (false, _) => hint,
            };
            let mut verdict = case.refusal(
                Code::SubdomainTaken,
                step.change,
                &["customSubDomainName"],
                message,
                hint.to_owned(),
            );
            verdict.finding.cause =
                answer["reason"].as_str().map(|reason| format!("Azure answered: {reason}"));
            verdicts.push(verdict);
        }
    }
    verdicts
}
