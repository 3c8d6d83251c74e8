//! Whether the subdomain that an account would get is free: it is unique in all of Azure, and soft-deleted accounts keep theirs.

use serde_json::{Value, json};

use super::{Case, Verdict, question, target};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::plan::document::{Step, StepAction};
use crate::plan::predict::World;
use crate::snapshot::Query;

/// The subdomain that a step would claim.
fn claimed(step: &Step, steps: &[Step]) -> Option<Query> {
    // Purging frees it, and a restored account has it already.
    let frees = |other: &Step| other.action == StepAction::Purge && other.change == step.change;
    let claims = matches!(step.action, StepAction::Create | StepAction::Update) && !steps.iter().any(frees);
    let name = step.patch.get("customSubDomainName").and_then(Value::as_str)?;
    let subscription = ResourceId::subscription(target(step)?.subscription_id()?);
    (claims && step.kind == "accounts").then(|| {
        question(
            &subscription,
            "Microsoft.CognitiveServices/checkDomainAvailability?api-version=2025-06-01",
            json!({"subdomainName": name, "type": "Microsoft.CognitiveServices/accounts"}),
        )
    })
}

pub(super) fn queries(steps: &[Step], _world: &World) -> Vec<Query> {
    steps.iter().filter_map(|step| claimed(step, steps)).collect()
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for step in &case.plan.steps {
        let Some(query) = claimed(step, &case.plan.steps) else { continue };
        let name = step.patch["customSubDomainName"].as_str().unwrap_or_default();
        let unknown = format!("whether the subdomain `{name}` is free");
        for answer in case.items(&query, &unknown, &mut verdicts) {
            if answer["isSubdomainAvailable"] != false {
                continue;
            }
            let message = format!("the subdomain `{name}` of {} is not available", case.title(step.change));
            let hint = "choose another `customSubDomainName`: it is unique in all of Azure, and a deleted account keeps its own until it is purged";
            let mut verdict = case.refusal(
                Code::SubdomainTaken,
                step.change,
                &["customSubDomainName"],
                message,
                hint.to_owned(),
            );
            verdict.finding.cause = answer["reason"].as_str().map(|reason| format!("Azure says: {reason}"));
            verdicts.push(verdict);
        }
    }
    verdicts
}
