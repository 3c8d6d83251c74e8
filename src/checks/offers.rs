//! Whether a new account's kind is offered in its region, with its SKU, to this subscription.

use serde_json::Value;

use super::{Case, Verdict, list, same_region, some, subscriptions, target};
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::plan::predict::World;
use crate::snapshot::Query;

fn query(subscription: &ResourceId) -> Query {
    list(subscription, "Microsoft.CognitiveServices/skus?api-version=2025-06-01", |body| body)
}

fn is_new_account(step: &Step) -> bool {
    step.kind == "accounts" && step.action == StepAction::Create
}

pub(super) fn queries(steps: &[Step], _world: &World) -> Vec<Query> {
    let targets: Vec<ResourceId> =
        steps.iter().filter(|step| is_new_account(step)).filter_map(target).collect();
    subscriptions(targets.iter()).iter().map(query).collect()
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut told = Vec::new();
    for step in case.plan.steps.iter().filter(|step| is_new_account(step)) {
        let Some(target) = target(step) else { continue };
        for subscription in subscriptions([target].iter()) {
            let query = query(&subscription);
            let unknown = "whether the region offers the kind and the SKU";
            let mut notes = Vec::new();
            let offers = case.items(&query, unknown, &mut notes);
            if !told.contains(&subscription) {
                verdicts.append(&mut notes);
                told.push(subscription);
            }
            verdicts.extend(not_offered(case, step, &offers));
        }
    }
    verdicts
}

/// What a list of offers has against a new account. A list that shows nothing says nothing.
fn not_offered(case: &Case<'_>, step: &Step, offers: &[&Value]) -> Option<Verdict> {
    let text = |name: &str| step.patch.get(name).and_then(Value::as_str);
    let (kind, sku, location) = (text("kind")?, text("sku")?, text("location")?);
    let is = |offer: &Value, name: &str, value: &str| {
        offer[name].as_str().is_some_and(|text| text.eq_ignore_ascii_case(value))
    };
    let accounts: Vec<&&Value> =
        offers.iter().filter(|offer| is(offer, "resourceType", "accounts")).collect();
    if accounts.is_empty() {
        return None;
    }
    let refusal = |field: &str, message: String, hint: String| {
        Some(case.refusal(Code::NotOffered, step.change, &[field], message, hint))
    };
    let of_kind: Vec<&&&Value> = accounts.iter().filter(|offer| is(offer, "kind", kind)).collect();
    if of_kind.is_empty() {
        let kinds = some(accounts.iter().filter_map(|offer| offer["kind"].as_str()));
        return refusal(
            "kind",
            format!("Azure offers this subscription no account of kind `{kind}`"),
            format!("there are {kinds}"),
        );
    }
    let places = |offer: &Value| -> Vec<String> {
        let list = offer["locations"].as_array().into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_ascii_lowercase).collect()
    };
    let here = |offer: &Value| places(offer).iter().any(|place| same_region(place, location));
    let in_region: Vec<&&&&Value> = of_kind.iter().filter(|offer| here(offer)).collect();
    if in_region.is_empty() {
        let regions: Vec<String> = of_kind.iter().flat_map(|offer| places(offer)).collect();
        return refusal(
            "location",
            format!("kind `{kind}` is not offered in region `{location}`"),
            format!("it is in {}", some(regions.iter().map(String::as_str))),
        );
    }
    let Some(offer) = in_region.iter().find(|offer| is(offer, "name", sku)) else {
        let skus = some(in_region.iter().filter_map(|offer| offer["name"].as_str()));
        return refusal(
            "sku",
            format!("SKU `{sku}` is not offered for kind `{kind}` in region `{location}`"),
            format!("there are {skus}"),
        );
    };
    let restricted = offer["restrictions"].as_array().into_iter().flatten().find(|restriction| {
        let values = restriction["values"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut values = values.chain(
            restriction["restrictionInfo"]["locations"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str),
        );
        values.any(|value| same_region(value, location))
    })?;
    let reason = restricted["reasonCode"].as_str().unwrap_or("without a reason");
    refusal(
        "sku",
        format!(
            "SKU `{sku}` of kind `{kind}` is closed to this subscription in region `{location}`: {reason}"
        ),
        "choose another region, or ask Azure support to open it".to_owned(),
    )
}
