//! Whether a new account's kind and SKU are available in its region to this subscription.

use serde_json::Value;

use super::{Case, Verdict, list, same_region, some, subscriptions, target};
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::kinds::account;
use crate::plan::predict::World;
use crate::snapshot::Query;

fn query(subscription: &ResourceId) -> Query {
    list(subscription, &format!("Microsoft.CognitiveServices/skus?api-version={}", account::API), |body| body)
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
    let mut seen = Vec::new();
    for step in case.plan.steps.iter().filter(|step| is_new_account(step)) {
        let Some(target) = target(step) else { continue };
        for subscription in subscriptions([target].iter()) {
            let query = query(&subscription);
            let unknown = "whether the region offers the kind and the SKU";
            let mut notes = Vec::new();
            let offers = case.items(&query, unknown, &mut notes);
            if !seen.contains(&subscription) {
                verdicts.append(&mut notes);
                seen.push(subscription);
            }
            verdicts.extend(not_offered(case, step, &offers));
        }
    }
    verdicts
}

/// Why a list of offers rules out a new account. An empty list rules out nothing.
fn not_offered(case: &Case<'_>, step: &Step, offers: &[&Value]) -> Option<Verdict> {
    let text = |name: &str| step.patch.get(name).and_then(Value::as_str);
    let wanted = WantedAccount { kind: text("kind")?, sku: text("sku")?, location: text("location")? };
    let of_accounts = |offer: &&Value| says(offer, "resourceType", "accounts");
    let offers: Vec<&Value> = offers.iter().copied().filter(of_accounts).collect();
    if offers.is_empty() {
        return None;
    }
    let OfferObjection { field, message, hint } = match wanted.find(&offers) {
        Ok(offer) => wanted.closed(offer)?,
        Err(objection) => objection,
    };
    Some(case.refusal(Code::NotOffered, step.change, &[field], message, hint))
}

/// What a new account requests.
struct WantedAccount<'a> {
    kind: &'a str,
    sku: &'a str,
    location: &'a str,
}

/// Why Azure would refuse it: the field that cannot be satisfied.
struct OfferObjection {
    field: &'static str,
    message: String,
    hint: String,
}

impl WantedAccount<'_> {
    /// The matching offer, or the first of kind, region and SKU that no offer matches.
    fn find<'a>(&self, offers: &[&'a Value]) -> Result<&'a Value, OfferObjection> {
        let Self { kind, sku, location } = self;
        let those = |offers: &[&'a Value], fit: &dyn Fn(&Value) -> bool| -> Vec<&'a Value> {
            offers.iter().copied().filter(|offer| fit(offer)).collect()
        };
        let of_kind = those(offers, &|offer| says(offer, "kind", kind));
        if of_kind.is_empty() {
            let kinds = some(offers.iter().filter_map(|offer| offer["kind"].as_str()));
            let message = format!("Azure offers this subscription no account of kind `{kind}`");
            return Err(OfferObjection { field: "kind", message, hint: format!("available: {kinds}") });
        }
        let here = |offer: &Value| regions(offer).iter().any(|region| same_region(region, location));
        let in_region = those(&of_kind, &here);
        if in_region.is_empty() {
            let regions: Vec<String> = of_kind.iter().flat_map(|offer| regions(offer)).collect();
            let message = format!("kind `{kind}` is not offered in region `{location}`");
            let hint = format!("available in {}", some(regions.iter().map(String::as_str)));
            return Err(OfferObjection { field: "location", message, hint });
        }
        in_region.iter().copied().find(|offer| says(offer, "name", sku)).ok_or_else(|| {
            let skus = some(in_region.iter().filter_map(|offer| offer["name"].as_str()));
            let message = format!("SKU `{sku}` is not offered for kind `{kind}` in region `{location}`");
            OfferObjection { field: "sku", message, hint: format!("available: {skus}") }
        })
    }

    /// Whether the offer is restricted for this subscription in the region.
    fn closed(&self, offer: &Value) -> Option<OfferObjection> {
        let Self { kind, sku, location } = self;
        let names_region = |restriction: &&Value| {
            let mut regions =
                texts(&restriction["values"]).chain(texts(&restriction["restrictionInfo"]["locations"]));
            regions.any(|region| same_region(region, location))
        };
        let restricted = offer["restrictions"].as_array()?.iter().find(names_region)?;
        let reason = restricted["reasonCode"].as_str().unwrap_or("no reason given");
        let message = format!(
            "SKU `{sku}` of kind `{kind}` is not available to this subscription in region `{location}`: {reason}"
        );
        let hint = "choose another region, or ask Azure support for access".to_owned();
        Some(OfferObjection { field: "sku", message, hint })
    }
}

fn says(offer: &Value, name: &str, value: &str) -> bool {
    offer[name].as_str().is_some_and(|text| text.eq_ignore_ascii_case(value))
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn regions(offer: &Value) -> Vec<String> {
    texts(&offer["locations"]).map(str::to_ascii_lowercase).collect()
}
