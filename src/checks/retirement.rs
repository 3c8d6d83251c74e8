//! Retired models: Azure refuses new deployments of them with `ServiceModelDeprecated`.
//!
//! The lists of models give the date for each SKU and for the model as a whole. The SKU's date wins if there is one: standard deployments
//! of a model can end half a year before global ones (<https://github.com/Azure/azure-dev/issues/7534>). Only what a step newly chooses is
//! checked: existing deployments can be scaled and tagged until their last day.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde_json::Value;

use super::{Case, Verdict, models, some, target};
use crate::body::DeploymentBody;
use crate::document::{Step, StepAction};
use crate::finding::Code;

/// When a model retires under a SKU.
enum Retirement {
    /// Not at all, or not yet.
    Later,
    /// Retired, since this day.
    Past(Date),
    /// Retired as a whole, though not under this SKU.
    Doubtful(Date),
}

impl Retirement {
    fn of(model: &Value, sku: Option<&str>, now: Date) -> Self {
        let date = |value: &Value| {
            let moment = value.as_str()?.parse::<Timestamp>().ok()?;
            Some(Offset::UTC.to_datetime(moment).date())
        };
        let same = |offer: &&Value| {
            sku.is_some_and(|sku| offer["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(sku)))
        };
        let offer = model["skus"].as_array().into_iter().flatten().find(same);
        let own = offer.and_then(|offer| date(&offer["deprecationDate"]));
        let whole = date(&model["deprecation"]["inference"]).filter(|end| *end <= now);
        match (own, whole) {
            (Some(end), _) if end <= now => Retirement::Past(end),
            (None, Some(end)) => Retirement::Past(end),
            (Some(_), Some(end)) => Retirement::Doubtful(end),
            (_, None) => Retirement::Later,
        }
    }
}

/// A deployment after the plan: from the step, or live if the step leaves a field alone.
struct Choice<'a> {
    step: &'a Step,
    live: Option<&'a Value>,
}

impl<'a> Choice<'a> {
    fn text(&self, head: &str, name: &str) -> Option<&'a str> {
        let planned = self.step.patch.get(head).and_then(|part| part.get(name));
        let live = || DeploymentBody::of(self.live?).part(head, name);
        planned.or_else(live).and_then(Value::as_str)
    }

    /// Whether the step chooses the model, its version or its SKU.
    fn is_new(&self) -> bool {
        let chosen =
            |head: &str, name: &str| self.step.patch.get(head).is_some_and(|part| part.get(name).is_some());
        self.live.is_none()
            || ["name", "version", "format"].iter().any(|name| chosen("model", name))
            || chosen("sku", "name")
    }
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let Some(now) = case.snapshot.today else { return Vec::new() };
    let steps = &case.plan.steps;
    let written = |step: &&Step| {
        step.kind == "deployments" && matches!(step.action, StepAction::Create | StepAction::Update)
    };
    steps.iter().filter(written).filter_map(|step| verdict(case, step, now)).collect()
}

fn verdict(case: &Case<'_>, step: &Step, now: Date) -> Option<Verdict> {
    let live = target(step).and_then(|target| case.world.resource(&target));
    let choice = Choice { step, live };
    if !choice.is_new() {
        return None;
    }
    let query = models::list_of(step, &case.plan.steps, case.world)?;
    let (name, format, version) =
        (choice.text("model", "name")?, choice.text("model", "format"), choice.text("model", "version"));
    let sku = choice.text("sku", "name");
    let is = |value: &Value, text: &str| value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(text));
    let named =
        case.snapshot.items(&query).map(|item| &item["model"]).filter(|model| {
            is(&model["name"], name) && format.is_none_or(|format| is(&model["format"], format))
        });
    let named: Vec<&Value> = named.collect();
    let meant = |model: &&&Value| match version {
        Some(version) => is(&model["version"], version),
        None => model["isDefaultVersion"] == true,
    };
    // A list can contain a model once for each kind of account.
    let mut worst = None;
    for model in named.iter().filter(meant) {
        match Retirement::of(model, sku, now) {
            Retirement::Later => return None,
            end => worst = Some((model["version"].as_str().unwrap_or_default(), end)),
        }
    }
    let (version, end) = worst?;
    let path: &[&str] = if choice.step.patch.get("model").is_some_and(|model| model["version"].is_string()) {
        &["model", "version"]
    } else {
        &["model", "name"]
    };
    let what = sku.map_or_else(String::new, |sku| format!(" with SKU `{sku}`"));
    match end {
        Retirement::Past(end) => {
            let message = format!(
                "model `{name}` version `{version}` cannot be deployed{what}: Azure retired it on {end}"
            );
            let left =
                named.iter().filter(|model| matches!(Retirement::of(model, sku, now), Retirement::Later));
            let left = some(left.filter_map(|model| model["version"].as_str()));
            let hint = if left.is_empty() {
                "choose another model: `az cognitiveservices model list` shows when each one retires"
                    .to_owned()
            } else {
                format!("available: {left}")
            };
            Some(case.refusal(Code::ModelRetired, step.change, path, message, hint))
        }
        Retirement::Doubtful(end) => {
            let message = format!(
                "Azure may refuse to deploy model `{name}` version `{version}`: it was retired on {end}, though not{what}"
            );
            Some(case.note(Code::ModelRetired, step.change, path, message, None))
        }
        Retirement::Later => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_model_has_ended_from_its_day_on_and_the_date_of_its_sku_decides() {
        let now: Date = "2026-11-26".parse().unwrap();
        let (before, today, after) = ("2026-11-25T00:00:00Z", "2026-11-26T00:00:00Z", "2026-11-27T00:00:00Z");
        for (own, whole, expected) in [
            (None, None, "later"),
            (Some(before), None, "past 2026-11-25"),
            (Some(today), None, "past 2026-11-26"),
            (Some(after), None, "later"),
            (None, Some(before), "past 2026-11-25"),
            (None, Some(today), "past 2026-11-26"),
            (None, Some(after), "later"),
            (Some(after), Some(before), "doubtful 2026-11-25"),
            (Some(after), Some(today), "doubtful 2026-11-26"),
            (Some(before), Some(after), "past 2026-11-25"),
            (Some(after), Some(after), "later"),
            (Some("soon"), None, "later"),
        ] {
            // Other SKUs do not matter here.
            let model = json!({
                "skus": [
                    {"name": "Standard", "deprecationDate": before},
                    {"name": "GlobalStandard", "deprecationDate": own},
                ],
                "deprecation": {"inference": whole},
            });
            let end = match Retirement::of(&model, Some("globalstandard"), now) {
                Retirement::Later => "later".to_owned(),
                Retirement::Past(end) => format!("past {end}"),
                Retirement::Doubtful(end) => format!("doubtful {end}"),
            };
            assert_eq!(end, expected, "{own:?} {whole:?}");
        }
    }
}
