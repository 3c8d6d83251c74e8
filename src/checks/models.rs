//! Model deployments: whether the region offers the model with its version and SKU, and whether the quota is enough for all that
//! the plan adds.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Case, Verdict, list, some, target};
use crate::finding::Code;
use crate::id::ResourceId;
use crate::plan::document::{Step, StepAction};
use crate::plan::predict::World;
use crate::snapshot::{Answer, Query};
use crate::spec::wording::nearest;

/// The model or its capacity is new or another one.
fn is_deployment(step: &Step) -> bool {
    let written = matches!(step.action, StepAction::Create | StepAction::Update);
    step.kind == "deployments"
        && written
        && ["model", "sku"].iter().any(|name| step.patch.contains_key(*name))
}

/// The account that holds a deployment: what is known of it after the plan.
struct Home {
    subscription: ResourceId,
    location: String,
    kind: Option<String>,
}

fn home(step: &Step, steps: &[Step], world: &World) -> Option<Home> {
    let target = target(step)?;
    let (account, _) = target.as_str().rsplit_once("/deployments/")?;
    let account = ResourceId::parse(account).ok()?;
    let made = steps.iter().find(|other| {
        other.kind == "accounts"
            && other.patch.contains_key("location")
            && self::target(other).as_ref() == Some(&account)
    });
    let live = world.resource(&account);
    let text = |name: &str| {
        let planned = made.and_then(|step| step.patch.get(name)).and_then(Value::as_str);
        planned.or_else(|| live?[name].as_str()).map(str::to_owned)
    };
    Some(Home {
        subscription: ResourceId::subscription(account.subscription_id()?),
        location: text("location")?.replace(' ', "").to_ascii_lowercase(),
        kind: text("kind"),
    })
}

impl Home {
    fn models(&self) -> Query {
        self.list("models")
    }

    fn usages(&self) -> Query {
        self.list("usages")
    }

    fn list(&self, what: &str) -> Query {
        let path =
            format!("Microsoft.CognitiveServices/locations/{}/{what}?api-version=2025-06-01", self.location);
        list(&self.subscription, &path, |body| body)
    }
}

pub(super) fn queries(steps: &[Step], world: &World) -> Vec<Query> {
    let homes = steps.iter().filter(|step| is_deployment(step)).filter_map(|step| home(step, steps, world));
    homes.flat_map(|home| [home.models(), home.usages()]).collect()
}

pub(super) fn verdicts(case: &Case<'_>) -> Vec<Verdict> {
    let steps = &case.plan.steps;
    let mut verdicts = Vec::new();
    let mut wanted: BTreeMap<(String, String), Vec<(&Step, i64)>> = BTreeMap::new();
    let mut usages: BTreeMap<String, Query> = BTreeMap::new();
    for step in steps.iter().filter(|step| is_deployment(step)) {
        let Some(home) = home(step, steps, case.world) else { continue };
        let models = case.items(&home.models(), "whether the region offers the model", &mut verdicts);
        let Some(Answer::Found(_)) = case.snapshot.get(&home.models()) else { continue };
        match offered(case, step, &home, &models) {
            Err(verdict) => verdicts.push(*verdict),
            Ok(Some(usage)) => {
                usages.insert(home.location.clone(), home.usages());
                wanted.entry((home.location.clone(), usage)).or_default().push((step, added(case, step)));
            }
            Ok(None) => {}
        }
    }
    for ((location, usage), steps) in wanted {
        let Some(query) = usages.get(&location) else { continue };
        let items = case.items(query, "whether the quota is enough", &mut verdicts);
        let Some(item) = items.iter().find(|item| {
            item["name"]["value"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&usage))
        }) else {
            continue;
        };
        verdicts.extend(exceeded(case, &location, &usage, item, &steps));
    }
    verdicts
}

/// What a deployment declares, taking what the plan does not change from what is live.
fn declared<'a>(case: &'a Case<'_>, step: &'a Step, pointer: &str) -> Option<&'a str> {
    let (head, name) = pointer.split_once('/')?;
    let planned = step.patch.get(head).and_then(|part| part.get(name)).and_then(Value::as_str);
    planned.or_else(|| {
        let live = case.world.resource(&target(step)?)?;
        let part = if head == "model" { &live["properties"]["model"] } else { &live[head] };
        part[name].as_str()
    })
}

/// The name of the quota that a deployment draws on, or why it cannot be made.
fn offered(
    case: &Case<'_>,
    step: &Step,
    home: &Home,
    models: &[&Value],
) -> Result<Option<String>, Box<Verdict>> {
    let say = |path: &[&str], code, message: String, hint: String| {
        Err(Box::new(case.refusal(code, step.change, path, message, hint)))
    };
    let is = |value: &Value, text: &str| value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(text));
    let for_account = |item: &&&Value| match (&home.kind, item["kind"].as_str()) {
        (Some(kind), Some(offered)) => kind.eq_ignore_ascii_case(offered),
        _ => true,
    };
    let models: Vec<&&Value> = models.iter().filter(for_account).collect();
    let (Some(name), location) = (declared(case, step, "model/name"), &home.location) else {
        return Ok(None);
    };
    if models.is_empty() {
        return Ok(None);
    }
    let format = declared(case, step, "model/format");
    let named: Vec<&&&Value> = models
        .iter()
        .filter(|item| {
            is(&item["model"]["name"], name)
                && format.is_none_or(|format| is(&item["model"]["format"], format))
        })
        .collect();
    if named.is_empty() {
        let known = models.iter().filter_map(|item| item["model"]["name"].as_str());
        let same = models.iter().find(|item| is(&item["model"]["name"], name));
        let hint = match (same.and_then(|item| item["model"]["format"].as_str()), nearest(name, known)) {
            (Some(format), _) => format!("there is one of format `{format}`"),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!("az cognitiveservices model list --location {location} lists them"),
        };
        let format = format.map(|format| format!(" of format `{format}`")).unwrap_or_default();
        return say(
            &["model", "name"],
            Code::UnknownModel,
            format!("region `{location}` offers no model `{name}`{format}"),
            hint,
        );
    }
    let version = declared(case, step, "model/version");
    let versioned: Vec<&&&&Value> = named
        .iter()
        .filter(|item| version.is_none_or(|version| is(&item["model"]["version"], version)))
        .collect();
    if versioned.is_empty() {
        let there = some(named.iter().filter_map(|item| item["model"]["version"].as_str()));
        let message = format!(
            "model `{name}` is not offered in region `{location}` in version `{}`",
            version.unwrap_or_default()
        );
        return say(&["model", "version"], Code::NotOffered, message, format!("there are {there}"));
    }
    let Some(sku) = declared(case, step, "sku/name") else { return Ok(None) };
    let skus: Vec<&Value> =
        versioned.iter().flat_map(|item| item["model"]["skus"].as_array().into_iter().flatten()).collect();
    match skus.iter().find(|offer| is(&offer["name"], sku)) {
        Some(offer) => Ok(offer["usageName"].as_str().map(str::to_owned)),
        None if skus.is_empty() => Ok(None),
        None => say(
            &["sku", "name"],
            Code::NotOffered,
            format!("model `{name}` is not offered in region `{location}` with SKU `{sku}`"),
            format!("there are {}", some(skus.iter().filter_map(|offer| offer["name"].as_str()))),
        ),
    }
}

/// The capacity that a step adds to what is in use.
fn added(case: &Case<'_>, step: &Step) -> i64 {
    let after = step.patch.get("sku").and_then(|sku| sku["capacity"].as_i64());
    let live = target(step).and_then(|id| case.world.resource(&id)).map(|body| &body["sku"]["capacity"]);
    let before = live.and_then(Value::as_i64).unwrap_or(0);
    after.map_or(0, |after| after - before)
}

fn exceeded(
    case: &Case<'_>,
    location: &str,
    usage: &str,
    item: &Value,
    steps: &[(&Step, i64)],
) -> Option<Verdict> {
    // Azure writes these as floating-point numbers.
    let number = |name: &str| item[name].as_f64();
    let (used, limit) = (number("currentValue")?, number("limit")?);
    let added: i64 = steps.iter().map(|(_, added)| added).sum();
    #[expect(clippy::cast_precision_loss, reason = "capacities are small")]
    let sum = used + added as f64;
    if added <= 0 || sum <= limit {
        return None;
    }
    let titles = steps.iter().map(|(step, _)| case.title(step.change)).collect::<Vec<_>>().join(", ");
    let message = format!(
        "the quota `{usage}` in region `{location}` is exceeded: {used} of {limit} are in use, and the plan adds {added} ({titles})"
    );
    let hint = "lower `sku.capacity`, free some elsewhere in the subscription, or ask Azure for more quota";
    let (first, _) = steps.first()?;
    let mut verdict =
        case.refusal(Code::QuotaExceeded, first.change, &["sku", "capacity"], message, hint.to_owned());
    verdict.refuses = steps.iter().filter(|(_, added)| *added > 0).map(|(step, _)| step.change).collect();
    Some(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::Diff;
    use crate::finding::Severity;
    use crate::plan::document::{Action, Plan, PlannedChange, Requests, Target, TargetKind};
    use crate::snapshot::Snapshot;
    use crate::source::Sources;
    use serde_json::json;

    const ACCOUNT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat";

    /// A plan that makes these deployments, each given by its patch.
    fn plan(patches: &[Value]) -> Plan {
        let target = Target { kind: TargetKind::Sandbox, cloud: None, endpoint: None };
        let mut plan =
            crate::plan::plan(Diff::default(), &[], &Sources::default(), target, Requests::default());
        for (change, patch) in patches.iter().enumerate() {
            let id = format!("{ACCOUNT}/deployments/d{change}");
            plan.changes.push(PlannedChange {
                action: Action::Create,
                kind: "deployments".to_owned(),
                id: id.clone(),
                address: id.clone(),
                title: format!("deployment d{change}"),
                source: None,
                fields: Vec::new(),
                reason: None,
                caused_by: None,
                cause_unknown: None,
            });
            plan.steps.push(Step {
                change,
                action: StepAction::Create,
                kind: "deployments".to_owned(),
                target: id,
                patch: patch.as_object().cloned().unwrap_or_default(),
                reference: None,
                mark: None,
                base: None,
                lane: String::new(),
                needs: Vec::new(),
                last: false,
                source: None,
            });
        }
        plan
    }

    fn codes(patches: &[Value]) -> Vec<(String, Vec<usize>)> {
        let plan = plan(patches);
        let account = Query { path: "account".to_owned(), ..list(&ResourceId::root(), "x", |body| body) };
        let mut snapshot = Snapshot::default();
        let live = json!({"id": ACCOUNT, "location": "East US 2", "kind": "AIServices"});
        snapshot.insert(&account, Answer::found(vec![live]));
        let world = World::of(&snapshot);
        let home = home(&plan.steps[0], &plan.steps, &world).unwrap();
        assert_eq!(queries(&plan.steps, &world).len(), 2 * plan.steps.len());
        let offer = |kind: &str, name: &str, version: &str| {
            json!({"kind": kind, "model": {"format": "OpenAI", "name": name, "version": version, "skus": [
                {"name": "GlobalStandard", "usageName": format!("OpenAI.GlobalStandard.{name}")},
            ]}})
        };
        let models = vec![
            offer("AIServices", "gpt-4o", "2024-08-06"),
            offer("AIServices", "gpt-4o", "2024-11-20"),
            offer("OpenAI", "elsewhere", "1"),
        ];
        snapshot.insert(&home.models(), Answer::found(models));
        let usage =
            json!({"name": {"value": "OpenAI.GlobalStandard.gpt-4o"}, "currentValue": 30.0, "limit": 100.0});
        snapshot.insert(&home.usages(), Answer::found(vec![usage]));
        let case = Case { plan: &plan, snapshot: &snapshot, world: &world, unpermitted: Severity::Note };
        verdicts(&case).into_iter().map(|verdict| (verdict.finding.code, verdict.refuses)).collect()
    }

    fn deployment(name: &str, version: &str, sku: &str, capacity: i64) -> Value {
        json!({"model": {"format": "OpenAI", "name": name, "version": version}, "sku": {"name": sku, "capacity": capacity}})
    }

    #[test]
    fn a_model_has_to_be_offered_with_its_version_and_sku_for_this_kind_of_account() {
        let refused = |code: &str| vec![(code.to_owned(), vec![0])];
        assert_eq!(codes(&[deployment("GPT-4o", "2024-11-20", "globalstandard", 70)]), []);
        assert_eq!(codes(&[deployment("gpt-5o", "1", "GlobalStandard", 1)]), refused("unknown-model"));
        assert_eq!(codes(&[deployment("elsewhere", "1", "GlobalStandard", 1)]), refused("unknown-model"));
        assert_eq!(codes(&[deployment("gpt-4o", "2023-01-01", "GlobalStandard", 1)]), refused("not-offered"));
        assert_eq!(codes(&[deployment("gpt-4o", "2024-11-20", "Standard", 1)]), refused("not-offered"));
        let mut other = deployment("gpt-4o", "2024-11-20", "GlobalStandard", 1);
        other["model"]["format"] = json!("Mistral AI");
        assert_eq!(codes(&[other]), refused("unknown-model"));
    }

    #[test]
    fn quota_is_what_all_that_the_plan_adds_needs_together() {
        let each = |capacity| deployment("gpt-4o", "2024-11-20", "GlobalStandard", capacity);
        assert_eq!(codes(&[each(35), each(35)]), []);
        assert_eq!(codes(&[each(35), each(36)]), [("quota-exceeded".to_owned(), vec![0, 1])]);
    }
}
