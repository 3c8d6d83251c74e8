//! Content filters that a region offers: their names, which text each one checks, and which have severity levels.
//!
//! Queried only if a policy would be written: <https://learn.microsoft.com/rest/api/aiservices/accountmanagement/rai-content-filters/list>.
//! Jailbreak and others have no levels; the four harm categories require one:
//! <https://github.com/hashicorp/terraform-provider-azurerm/issues/30865>.

use std::collections::BTreeSet;

use serde_json::Value;

use super::account;
use crate::finding::{Code, Finding};
use crate::id::{ResourceId, region};
use crate::kinds::desired::Desired;
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::text::names::nearest;

/// The query for what a policy's region offers.
pub(crate) fn query(policy: &ResourceId, location: &str) -> Option<Query> {
    let subscription = ResourceId::subscription(policy.subscription_id()?);
    let location = region(location);
    let path = format!(
        "{subscription}/providers/Microsoft.CognitiveServices/locations/{location}/raiContentFilters?api-version={}",
        account::API
    );
    Some(Query { path, shape: Shape::List, scope: subscription, project: |body| body })
}

/// What is wrong with the filters of a declared policy, as far as the region has answered.
pub(super) fn problems(desired: &Desired, location: &str, snapshot: &Snapshot) -> Vec<Finding> {
    let Some(query) = query(&desired.id, location) else { return Vec::new() };
    let offered: Vec<&Value> = snapshot.items(&query).map(AsRef::as_ref).collect();
    match snapshot.get(&query) {
        Some(Answer::Denied(refusal) | Answer::Failed(refusal)) => {
            let message =
                format!("could not check the content filters of {} against its region", desired.title);
            return vec![Finding::note(Code::NotChecked, message).at(desired.span).cause(&refusal.message)];
        }
        // An empty list proves nothing.
        Some(Answer::Found(_)) if !offered.is_empty() => {}
        _ => return Vec::new(),
    }
    let filters = desired.declared.get("contentFilters").and_then(Value::as_array).into_iter().flatten();
    let judged = filters.enumerate().flat_map(|(at, filter)| {
        let found = judge(filter, location, &offered);
        found.into_iter().map(move |problem| (at, problem))
    });
    let finding = |(at, problem): (usize, FilterProblem)| {
        let place = ["contentFilters", &at.to_string(), problem.member].map(str::to_owned);
        let span = desired.span_of(&place).unwrap_or(desired.span);
        let message = format!("{} ({})", problem.message, desired.title);
        Finding::error(problem.code, message).at(span).hint(problem.hint)
    };
    judged.map(finding).collect()
}

/// What Azure would refuse about a filter.
struct FilterProblem {
    member: &'static str,
    code: Code,
    message: String,
    hint: String,
}

/// A filter's name for comparison: Azure writes `Protected Material Text`, `ProtectedMaterialText` and `protected_material_text`.
fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn name_of(offer: &Value) -> &str {
    let last = || offer["name"].as_str().map(|name| name.rsplit('/').next().unwrap_or(name));
    offer["properties"]["name"].as_str().or_else(last).unwrap_or_default()
}

fn judge(filter: &Value, location: &str, offered: &[&Value]) -> Vec<FilterProblem> {
    let text = |member: &str| filter[member].as_str();
    let name = text("name").unwrap_or_default();
    let named: Vec<&Value> =
        offered.iter().copied().filter(|offer| fold(name_of(offer)) == fold(name)).collect();
    if named.is_empty() {
        let known: BTreeSet<&str> = offered.iter().map(|offer| name_of(offer)).collect();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("available: {}", listed(known.iter().copied())),
        };
        let message = format!("region `{location}` has no content filter `{name}`");
        return vec![FilterProblem { member: "name", code: Code::UnknownFilter, message, hint }];
    }
    let mut problems = Vec::new();
    let mut report = |member, message: String, hint: String| {
        problems.push(FilterProblem { member, code: Code::InvalidFilter, message, hint });
    };
    let sources: Vec<Option<&str>> =
        named.iter().map(|offer| offer["properties"]["source"].as_str()).collect();
    let source = text("source").unwrap_or_default();
    // An entry without a source applies to all text.
    if !sources.iter().any(|each| each.is_none_or(|each| each.eq_ignore_ascii_case(source))) {
        let looks_at = listed(sources.iter().filter_map(|source| *source));
        report(
            "source",
            format!("content filter `{name}` does not apply to `{source}`"),
            format!("write `source: {}`", looks_at.replace('`', "")),
        );
    }
    let says = |wanted: bool| named.iter().any(|offer| offer["properties"]["isMultiLevelFilter"] == wanted);
    match text("severityThreshold") {
        Some(_) if says(false) && !says(true) => report(
            "severityThreshold",
            format!("content filter `{name}` has no severity levels"),
            "remove `severityThreshold`".to_owned(),
        ),
        // A disabled filter needs no level.
        None if says(true) && !says(false) && filter["enabled"] != false => report(
            "name",
            format!("content filter `{name}` needs a `severityThreshold`"),
            "add `severityThreshold: Low`, `Medium` or `High`: it acts from that severity on".to_owned(),
        ),
        _ => {}
    }
    problems
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn offers() -> Vec<Value> {
        let offer = |name: &str, degrees: Value, source: Value| json!({"name": name, "properties": {"name": name, "isMultiLevelFilter": degrees, "source": source}});
        vec![
            offer("Hate", json!(true), Value::Null),
            offer("Jailbreak", json!(false), json!("Prompt")),
            // One entry for each source, as Azure may list filters of agents, and one without information about levels.
            offer("DefenderForAI", json!(false), json!("Prompt")),
            offer("DefenderForAI", json!(false), json!("Completion")),
            offer("Novel", Value::Null, Value::Null),
            json!({"name": "ProtectedMaterialText", "properties": {"isMultiLevelFilter": false, "source": "Completion"}}),
        ]
    }

    #[test]
    fn a_filter_is_one_that_the_region_has_for_a_text_that_it_looks_at_with_a_degree_if_it_has_any() {
        let offers = offers();
        let offers: Vec<&Value> = offers.iter().collect();
        let members = |filter: Value| -> Vec<&'static str> {
            judge(&filter, "eastus2", &offers).iter().map(|problem| problem.member).collect()
        };
        for (filter, expected) in [
            (json!({"name": "hate", "source": "Prompt", "severityThreshold": "Low"}), &[][..]),
            (json!({"name": "Hate", "source": "Completion", "severityThreshold": "Low"}), &[]),
            (json!({"name": "Hate", "source": "Prompt"}), &["name"]),
            (json!({"name": "Hate", "source": "Prompt", "enabled": false}), &[]),
            (json!({"name": "Jailbreak", "source": "Prompt"}), &[]),
            (
                json!({"name": "Jailbreak", "source": "Prompt", "severityThreshold": "Low"}),
                &["severityThreshold"],
            ),
            (
                json!({"name": "Jailbreak", "source": "Completion", "severityThreshold": "Low"}),
                &["source", "severityThreshold"],
            ),
            (json!({"name": "DefenderForAI", "source": "Completion"}), &[]),
            (json!({"name": "protected_material_text", "source": "Completion"}), &[]),
            (json!({"name": "Novel", "source": "Prompt"}), &[]),
            (json!({"name": "Novel", "source": "Prompt", "severityThreshold": "Low"}), &[]),
            (json!({"name": "Nonsense", "source": "Prompt"}), &["name"]),
        ] {
            assert_eq!(members(filter.clone()), expected, "{filter}");
        }
    }
}
