//! Model deployments (`Microsoft.CognitiveServices/accounts/deployments`).

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::account::{self, id_of};
use super::{
    Compare, Comparing, Declaring, Described, Facts, Field, Kind, Mutability, Reading, Section, Wording,
    Writing, children, merge, rai_policy, rules, shape,
};
use crate::finding::{Code, Finding};
use crate::id::ResourceId;
use crate::kinds::FieldChange;
use crate::kinds::desired::Desired;
use crate::snapshot::{Query, Snapshot};
use crate::spec::Loaded;
use crate::spec::model::{Account, Deployment, Spec};
use crate::spec::structure::Fields;
use crate::text::json::member;

pub(crate) struct Deployments;

impl Deployments {
    /// The query for an account's deployments.
    pub(crate) fn list(account: &ResourceId) -> Query {
        children::list(&Deployments, account)
    }

    /// The accounts whose deployments could not be read, with the reason.
    pub(crate) fn unlisted(snapshot: &Snapshot) -> BTreeMap<ResourceId, String> {
        children::unlisted(&Deployments, snapshot)
    }
}

/// Members of `properties` that have the same name and shape in a spec.
const SAME: &[&str] = &[
    "capacitySettings",
    "deploymentState",
    "dynamicThrottlingEnabled",
    "modelProviderData",
    "parentDeploymentName",
    "raiPolicyName",
    "routing",
    "serviceTier",
    "spilloverDeploymentName",
    "versionUpgradeOption",
];
/// Members of `properties.model` that have the same name and shape in a spec.
const MODEL: &[&str] = &["format", "name", "version", "publisher", "source", "sourceAccount"];

/// `CannotChangeDeploymentModel`: <https://github.com/Azure-Samples/azure-search-openai-demo/issues/1429>.
const SAME_MODEL: Mutability = Mutability::Never("Azure does not change the model of a deployment");
const FIELDS: &[Field] = &[
    Field::new("model/format", Compare::Equal).change(SAME_MODEL),
    Field::new("model/name", Compare::Equal).change(SAME_MODEL),
    // Not together with the capacity: <https://github.com/Azure-Samples/azure-search-openai-demo/issues/1154>.
    Field::new("model/version", Compare::Equal).change(Mutability::Apart),
    Field::new("sku/name", Compare::IgnoreCase),
    // Not shown if none was chosen: Azure then uses this one.
    Field::new("raiPolicyName", Compare::IgnoreCase).absent("\"Microsoft.DefaultV2\"").guarded(&[]),
    Field::new("model/publisher", Compare::IgnoreCase).change(SAME_MODEL),
    Field::new("model/source", Compare::IgnoreCase).change(SAME_MODEL),
    Field::new("model/sourceAccount", Compare::IgnoreCase).change(SAME_MODEL),
    Field::new("dynamicThrottlingEnabled", Compare::Equal).absent("false"),
    Field::new("serviceTier", Compare::IgnoreCase).absent("\"Default\""),
    Field::new("deploymentState", Compare::IgnoreCase).absent("\"Running\""),
    Field::new("routing/mode", Compare::IgnoreCase),
    Field::new("routing/models", Compare::By(&["format", "name", "version"])),
    Field::new("spilloverDeploymentName", Compare::IgnoreCase),
    Field::new("parentDeploymentName", Compare::IgnoreCase),
    // In no description, and required for Anthropic: <https://github.com/Azure/azure-rest-api-specs/issues/43610>.
    Field::new("modelProviderData/organizationName", Compare::IfShown),
    Field::new("modelProviderData/countryCode", Compare::IfShown),
    Field::new("modelProviderData/industry", Compare::IfShown),
    // A missing value means the same: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/working-with-models>.
    Field::new("versionUpgradeOption", Compare::IgnoreCase).absent("\"OnceCurrentVersionExpired\""),
];

/// Fields that name something else of the same account, with the list that it is in.
const NAMED: &[(&str, &str)] = &[
    ("raiPolicyName", "raiPolicies"),
    ("spilloverDeploymentName", "deployments"),
    ("parentDeploymentName", "deployments"),
];

fn is_declared(account: &Account, list: &str, name: &str) -> bool {
    let is = |each: &str| each.eq_ignore_ascii_case(name);
    match list {
        "deployments" => account.deployments.iter().flatten().any(|each| is(&each.name)),
        _ => account.rai_policies.iter().flatten().any(|each| is(&each.name)),
    }
}

/// Reports deployments that wait for each other: Azure wants the one that is named to be there first.
fn check_circles(loaded: &Loaded, index: usize, deployments: &[Deployment], findings: &mut Vec<Finding>) {
    let named = |each: &Deployment| {
        let names = [&each.spillover_deployment_name, &each.parent_deployment_name];
        names.into_iter().flatten().map(|name| name.to_lowercase()).collect::<Vec<_>>()
    };
    let all: Vec<BTreeSet<String>> = deployments
        .iter()
        .map(|first| {
            let mut reached = BTreeSet::new();
            let mut open = named(first);
            while let Some(name) = open.pop() {
                let next = deployments.iter().find(|each| each.name.eq_ignore_ascii_case(&name));
                if reached.insert(name) {
                    open.extend(next.map(named).into_iter().flatten());
                }
            }
            reached
        })
        .collect();
    for (nested, (first, reached)) in deployments.iter().zip(&all).enumerate() {
        let name = first.name.to_lowercase();
        // A circle is one mistake, said at its first deployment.
        let is_said = |(each, reaches): (&Deployment, &BTreeSet<String>)| {
            reached.contains(&each.name.to_lowercase()) && reaches.contains(&name)
        };
        if reached.contains(&name) && !deployments.iter().zip(&all).take(nested).any(is_said) {
            let message = format!(
                "deployment `{}` cannot depend on itself through `spilloverDeploymentName` or `parentDeploymentName`",
                first.name
            );
            let span = loaded.document.value_span(&format!("/accounts/{index}/deployments/{nested}/name"));
            let hint = "name a deployment that does not name this one";
            findings.push(Finding::error(Code::InvalidValue, message).at(span).hint(hint));
        }
    }
}

static FACTS: Facts = Facts {
    name: "deployments",
    types: &["Microsoft.CognitiveServices/accounts/deployments"],
    noun: "deployment",
    api_version: account::API,
    fields: FIELDS,
    // Excludes `dynamicThrottlingEnabled`, which the API description calls read-only: the service accepts it, and a PUT without it
    // disables dynamic quota (<https://github.com/Azure/bicep-types-az/issues/2121>).
    read_only: &[
        "/id",
        "/name",
        "/type",
        "/etag",
        "/systemData",
        "/properties/callRateLimit",
        "/properties/capabilities",
        "/properties/currentCapacity",
        "/properties/model/callRateLimit",
        "/properties/provisioningState",
        "/properties/rateLimits",
        "/properties/ratelimits",
        // Refused since 2023-05-01 in favour of `sku`: <https://github.com/hashicorp/terraform-provider-azurerm/issues/22377>.
        "/properties/scaleSettings",
    ],
    moving: &[],
    superseded: &[("/properties/scaleSettings", "Azure no longer accepts it; use `sku`")],
    newer: &["serviceTier", "deploymentState", "routing"],
    takes_mark: true,
    takes_identity: false,
    is_callable: true,
};

impl Described for Deployments {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }
}

impl Kind for Deployments {}

impl Declaring for Deployments {
    fn declarable(&self) -> Fields {
        Fields::of("Deployment", &["name"], &[])
    }

    fn sections(&self, spec: &Spec) -> Vec<Section> {
        account::sections(spec, "deployments", |account| account.deployments.is_some())
    }

    fn check(&self, loaded: &Loaded, findings: &mut Vec<Finding>) {
        for (index, account) in loaded.spec.accounts.iter().enumerate() {
            check_circles(loaded, index, account.deployments.as_deref().unwrap_or_default(), findings);
            for (nested, deployment) in account.deployments.iter().flatten().enumerate() {
                let pointer = format!("/accounts/{index}/deployments/{nested}");
                rules::name(loaded, &pointer, &deployment.name, self.noun(), 1..=64, findings);
                rules::nulls(loaded, &pointer, self.noun(), findings);
                rules::tags(loaded, &pointer, deployment.tags.as_ref(), findings);
                // The list of an account that is taken as given holds only what the stack adds.
                let policies = account.rai_policies.as_ref().filter(|_| !account.existing);
                let (Some(policy), Some(policies)) = (&deployment.rai_policy_name, policies) else {
                    continue;
                };
                let declared = || policies.iter().any(|each| each.name.eq_ignore_ascii_case(policy));
                if !rai_policy::is_azures(policy) && !declared() {
                    let message = format!(
                        "account `{}` declares its content filters, and `{policy}` is not among them",
                        account.name
                    );
                    let names = policies.iter().map(|each| each.name.as_str()).chain(["Microsoft.DefaultV2"]);
                    let hint = match crate::text::names::nearest(policy, names) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => "declare it under `raiPolicies`, or name one of Azure's own: `Microsoft.DefaultV2`"
                            .to_owned(),
                    };
                    let span = loaded.document.value_span(&format!("{pointer}/raiPolicyName"));
                    findings.push(Finding::error(Code::UnknownPolicy, message).at(span).hint(hint));
                }
            }
        }
    }

    /// A deployment waits for what it names in the same file.
    fn complete(&self, desired: &mut Desired, loaded: &Loaded) {
        let Some(parent) = desired.id.parent() else { return };
        let account = loaded.spec.accounts.iter().find(|each| id_of(&loaded.spec, each) == parent);
        let Some(account) = account else { return };
        for (field, list) in NAMED {
            let Some(name) = desired.declared.get(*field).and_then(Value::as_str) else { continue };
            let id = parent.child(list, name);
            if is_declared(account, list, name) {
                desired.after.push(match *list {
                    "deployments" => children::key(&Deployments, &id),
                    _ => children::key(&rai_policy::RaiPolicies, &id),
                });
            }
        }
    }
}

impl Reading for Deployments {
    fn may_stand_in(&self, parent: &Value) -> bool {
        account::serves_models(parent)
    }
}

impl Comparing for Deployments {
    fn weigh(&self, desired: &Desired, body: &Value, fields: &mut Vec<FieldChange>) -> Vec<Finding> {
        // A provisioned deployment can move to another model in place:
        // <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/working-with-models>.
        if body["sku"]["name"].as_str().is_some_and(|sku| sku.contains("Provisioned")) {
            for change in fields.iter_mut().filter(|change| change.path == ["model", "name"]) {
                change.change = Mutability::Apart;
            }
        }
        let is_paused =
            |change: &&FieldChange| change.path == ["deploymentState"] && change.after == "Paused";
        let mut notes: Vec<Finding> =
            fields.iter().filter(is_paused).map(|change| paused(desired, change)).collect();
        let upgrades = desired.declared.get("versionUpgradeOption").and_then(Value::as_str);
        let by_itself = upgrades.is_some_and(|option| option != "NoAutoUpgrade");
        let moved = fields.iter().position(|change| {
            change.path == ["model", "version"] && by_itself && !is_older(&change.before, &change.after)
        });
        // A different model has its own versions.
        let Some(at) = moved.filter(|_| fields.iter().all(|change| change.path != ["model", "name"])) else {
            return notes;
        };
        let change = fields.remove(at);
        let text = |value: &Value| value.as_str().unwrap_or("not set").to_owned();
        let message = format!(
            "{} has version `{}`, not `{}`: its declared versionUpgradeOption lets Azure upgrade it",
            desired.title,
            text(&change.before),
            text(&change.after)
        );
        let hint = format!(
            "write `{}`, or pin the version with `versionUpgradeOption: NoAutoUpgrade`",
            text(&change.before)
        );
        notes.push(
            Finding::note(Code::VersionMoved, message).at(change.span.unwrap_or(desired.span)).hint(hint),
        );
        notes
    }

    fn notices(&self, desired: &Desired, body: &Value) -> Vec<Finding> {
        rules::unsettled(desired, body).into_iter().collect()
    }

    fn to_spec(&self, body: &Value) -> Value {
        let mut spec = Map::new();
        let properties = &body["properties"];
        let model = some(&properties["model"], MODEL);
        let sku = some(&body["sku"], &["name", "capacity"]);
        for (name, value) in [("model", model), ("sku", sku), ("tags", shape::tags(body))] {
            spec.extend(value.map(|value| (name.to_owned(), value)));
        }
        spec.extend(shape::members(properties, SAME));
        Value::Object(spec)
    }
}

impl Writing for Deployments {
    fn names(&self, id: &ResourceId, patch: &Map<String, Value>) -> Vec<ResourceId> {
        let Some(account) = id.parent() else { return Vec::new() };
        let named = |(field, list): &(&str, &str)| Some(account.child(list, patch.get(*field)?.as_str()?));
        NAMED.iter().filter_map(named).collect()
    }

    fn overlay(&self, body: &mut Value, patch: &Map<String, Value>) {
        for (name, value) in patch {
            match name.as_str() {
                "sku" | "tags" => merge(body, &json!({ name: value })),
                _ => merge(member(body, "properties"), &json!({ name: value })),
            }
        }
    }
}

impl Wording for Deployments {
    /// Azure shows the publisher of every model, most often as its format.
    fn written(&self, body: &Value) -> Map<String, Value> {
        let mut spec = shape::written(self, body);
        if let Some(Value::Object(model)) = spec.get_mut("model")
            && model.get("publisher") == model.get("format")
        {
            model.remove("publisher");
        }
        spec
    }
}

/// A note that a running deployment will answer no more calls.
fn paused(desired: &Desired, change: &FieldChange) -> Finding {
    let message = format!(
        "{} is paused by this plan: until it runs again, Azure answers its calls with 423",
        desired.title
    );
    let hint = "`deploymentState: Running` resumes it";
    Finding::note(Code::DeploymentPaused, message).at(change.span.unwrap_or(desired.span)).hint(hint)
}

/// The named members of an object as a new object, if there are any.
fn some(value: &Value, names: &[&str]) -> Option<Value> {
    let members = shape::members(value, names);
    (!members.is_empty()).then_some(Value::Object(members))
}

/// Whether a live version is certainly older than a declared one: only dates and small numbers are ordered.
fn is_older(live: &Value, declared: &Value) -> bool {
    let (Some(live), Some(declared)) = (live.as_str(), declared.as_str()) else { return true };
    let number = |text: &str| if text.len() <= 3 { text.parse::<u32>().ok() } else { None };
    let is_date = |text: &str| {
        text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    match (number(live), number(declared)) {
        (Some(live), Some(declared)) => live < declared,
        _ => is_date(live) && is_date(declared) && live.cmp(declared) == Ordering::Less,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_order_where_they_are_dates_or_small_numbers() {
        for (live, declared, older) in [
            ("2024-05-13", "2024-08-06", true),
            ("2024-08-06", "2024-05-13", false),
            ("1", "2", true),
            ("10", "9", false),
            ("0613", "1106", false),
            ("0125", "0613", false),
            ("turbo-2024-04-09", "2024-08-06", false),
        ] {
            assert_eq!(is_older(&json!(live), &json!(declared)), older, "{live} {declared}");
        }
    }
}
