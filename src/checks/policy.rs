//! Azure Policy: whether a policy assignment would deny what the plan writes. A note, since policies change and exemptions exist; the note
//! is never collapsed, and says that the write will fail.
//!
//! `checkPolicyRestrictions` reports deny effects:
//! <https://learn.microsoft.com/rest/api/policy/policy-restrictions/check-at-resource-group-scope>.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Case, Verdict, question, target};
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::kinds::{self, writable};
use crate::plan::predict::World;
use crate::snapshot::Query;

/// Kinds that policies are commonly written for.
const KINDS: [&str; 2] = ["accounts", "deployments"];

/// The queries, one for each resource as it would be after the plan, with the change.
fn asked(steps: &[Step], world: &World) -> Vec<(usize, Query)> {
    let mut bodies: BTreeMap<ResourceId, (usize, Value)> = BTreeMap::new();
    for step in steps.iter().filter(|step| matches!(step.action, StepAction::Create | StepAction::Update)) {
        let (Some(id), Some(kind)) = (target(step), kinds::by_name(&step.kind)) else { continue };
        if !KINDS.contains(&kind.name()) {
            continue;
        }
        let (_, body) = bodies.entry(id.clone()).or_insert_with(|| {
            (step.change, world.resource(&id).map_or_else(|| json!({}), |live| writable(kind, live)))
        });
        kind.overlay(body, &step.patch);
        if let Some(stack) = &step.mark {
            kind.set_mark(body, stack);
        }
        body["type"] = json!(id.resource_type());
        body["name"] = json!(id.name());
        body["apiVersion"] = json!(kind.api_version());
    }
    bodies.into_iter().filter_map(|(id, (change, body))| Some((change, ask(&id, body)?))).collect()
}

fn ask(id: &ResourceId, mut body: Value) -> Option<Query> {
    let version = body.as_object_mut()?.remove("apiVersion");
    let mut details = json!({"resourceContent": body, "apiVersion": version});
    if id.tracked() != *id {
        details["scope"] = json!(id.parent()?);
    }
    Some(question(
        &id.group()?,
        "Microsoft.PolicyInsights/checkPolicyRestrictions?api-version=2022-03-01",
        json!({ "resourceDetails": details }),
    ))
}

pub(super) fn queries(steps: &[Step], world: &World) -> Vec<Query> {
    asked(steps, world).into_iter().map(|(_, query)| query).collect()
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (change, query) in asked(&case.plan.steps, case.world) {
        for answer in case.items(&query, "whether a policy would deny the plan", &mut verdicts) {
            let evaluations = answer["contentEvaluationResult"]["policyEvaluations"].as_array();
            for evaluation in evaluations.into_iter().flatten() {
                if evaluation["evaluationResult"] == "NonCompliant" {
                    verdicts.push(refused(case, change, evaluation));
                }
            }
        }
    }
    verdicts
}

fn refused(case: &Case<'_>, change: usize, evaluation: &Value) -> Verdict {
    let info = &evaluation["policyInfo"];
    let assignment = info["policyAssignmentId"].as_str().or_else(|| info["policyDefinitionId"].as_str());
    let expressions = evaluation["evaluationDetails"]["evaluatedExpressions"].as_array();
    let fields: Vec<Vec<&str>> = expressions
        .into_iter()
        .flatten()
        .filter_map(|expression| expression["path"].as_str())
        .map(|path| path.strip_prefix("properties.").unwrap_or(path).split('.').collect())
        .collect();
    let planned = &case.plan.changes[change].fields;
    // Azure's `sku.name` is `sku` in the spec.
    let field = fields.iter().find_map(|path| {
        (1..=path.len())
            .rev()
            .map(|length| &path[..length])
            .find(|path| planned.iter().any(|field| field.path == **path))
    });
    let message = format!(
        "policy assignment `{}` would deny {}: `keyless apply` will fail there unless the policy changes",
        assignment.unwrap_or("without an id"),
        case.title(change)
    );
    let hint = match field {
        Some(path) => {
            format!(
                "it denies this value of `{}`; choose one that it permits, or request an exemption for the scope",
                path.join(".")
            )
        }
        None => {
            "see the policy definition for what it permits, or request an exemption from its owner".to_owned()
        }
    };
    case.note(Code::PolicyRefusal, change, field.unwrap_or_default(), message, Some(hint))
}
