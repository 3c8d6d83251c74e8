//! Model deployments: whether the model is available in its version and SKU, and whether the quota covers everything that the plan adds.
//!
//! An existing account is asked for its own list, which includes its fine-tuned models
//! (<https://learn.microsoft.com/rest/api/aiservices/accountmanagement/accounts/list-models>); a new account has to make do with the list
//! of its region. Only what a step changes is checked: existing deployments keep models that are no longer offered to new ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Case, Verdict, list, some, target};
use crate::body::DeploymentBody;
use crate::document::{Step, StepAction};
use crate::finding::Code;
use crate::id::{ResourceId, region};
use crate::kinds::account::API;
use crate::plan::predict::World;
use crate::snapshot::{Answer, Query, Shape};
use crate::text::names::nearest;

/// Whether a step sets or changes the model, its SKU or its capacity.
fn is_deployment(step: &Step) -> bool {
    let written = matches!(step.action, StepAction::Create | StepAction::Update);
    step.kind == "deployments"
        && written
        && ["model", "sku"].iter().any(|name| step.patch.contains_key(*name))
}

/// The account of a deployment, as known after the plan.
struct Home {
    account: ResourceId,
    subscription: ResourceId,
    location: String,
    kind: Option<String>,
    /// Whether the account exists with the kind that it will have.
    settled: bool,
}

fn home(step: &Step, steps: &[Step], world: &World) -> Option<Home> {
    let target = target(step)?;
    let (account, _) = target.as_str().rsplit_once("/deployments/")?;
    let account = ResourceId::parse(account).ok()?;
    let writes = |name: &str| {
        let made = steps.iter().find(|other| {
            other.kind == "accounts"
                && other.patch.contains_key(name)
                && self::target(other).as_ref() == Some(&account)
        });
        made.and_then(|step| step.patch.get(name)).and_then(Value::as_str)
    };
    let live = world.resource(&account);
    let text = |name: &str| writes(name).or_else(|| live?[name].as_str()).map(str::to_owned);
    Some(Home {
        subscription: ResourceId::subscription(account.subscription_id()?),
        location: region(&text("location")?),
        kind: text("kind"),
        settled: live.is_some() && writes("kind").is_none(),
        account,
    })
}

impl Home {
    /// The query for the models that can be deployed in it.
    fn models(&self) -> Query {
        if !self.settled {
            return self.list("models");
        }
        Query {
            path: format!("{}/models?api-version={API}", self.account),
            shape: Shape::List,
            scope: self.account.clone(),
            // In the format of a region's list.
            project: |body| json!({ "model": body }),
        }
    }

    /// Who offers them, in words.
    fn offerer(&self) -> String {
        if self.settled {
            format!("account `{}`", self.account.name())
        } else {
            format!("region `{}`", self.location)
        }
    }

    /// The command that lists them.
    fn command(&self) -> String {
        match (self.settled, self.account.segment_after("resourceGroups")) {
            (true, Some(group)) => format!(
                "az cognitiveservices account list-models --name {} --resource-group {group}",
                self.account.name()
            ),
            _ => format!("az cognitiveservices model list --location {}", self.location),
        }
    }

    fn usages(&self) -> Query {
        self.list("usages")
    }

    fn list(&self, what: &str) -> Query {
        let path =
            format!("Microsoft.CognitiveServices/locations/{}/{what}?api-version={API}", self.location);
        list(&self.subscription, &path, |body| body)
    }
}

/// The query for the models that a deployment's account has, or will have.
pub(super) fn list_of(step: &Step, steps: &[Step], world: &World) -> Option<Query> {
    home(step, steps, world).map(|home| home.models())
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
        let unknown = format!("whether {} offers the model of {}", home.offerer(), case.title(step.change));
        let models = case.items(&home.models(), &unknown, &mut verdicts);
        let Some(Answer::Found(_)) = case.snapshot.get(&home.models()) else { continue };
        let wants = Wants::of(case, step);
        match offered(case, &wants, &home, &models) {
            Err(verdict) => verdicts.push(*verdict),
            Ok(Some(usage)) => {
                usages.insert(home.location.clone(), home.usages());
                let added = wants.added(&usage, &home, &models);
                wanted.entry((home.location.clone(), usage)).or_default().push((step, added));
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

/// A deployment before and after, and what a step changes.
struct Wants<'a> {
    step: &'a Step,
    live: Option<&'a Value>,
}

impl<'a> Wants<'a> {
    fn of(case: &'a Case<'_>, step: &'a Step) -> Self {
        let live = target(step).and_then(|target| case.world.resource(&target));
        Self { step, live }
    }

    fn planned(&self, head: &str, name: &str) -> Option<&'a Value> {
        self.step.patch.get(head)?.get(name)
    }

    fn before(&self, head: &str, name: &str) -> Option<&'a Value> {
        DeploymentBody::of(self.live?).part(head, name)
    }

    /// A field after the plan: from the step, or live if the step leaves it alone.
    fn text(&self, head: &str, name: &str) -> Option<&'a str> {
        self.planned(head, name).or_else(|| self.before(head, name)).and_then(Value::as_str)
    }

    /// Whether the step changes the live value.
    fn changes(&self, head: &str, name: &str) -> bool {
        let text = |value: Option<&'a Value>| value.and_then(Value::as_str).unwrap_or_default();
        let planned = self.planned(head, name);
        self.live.is_none()
            || planned.is_some_and(|_| !text(planned).eq_ignore_ascii_case(text(self.before(head, name))))
    }

    /// The capacity that the step adds to a quota's usage.
    fn added(&self, usage: &str, home: &Home, models: &[&Value]) -> i64 {
        let capacity = |value: Option<&Value>| value.and_then(Value::as_i64);
        let before = capacity(self.before("sku", "capacity")).unwrap_or(0);
        let after = capacity(self.planned("sku", "capacity")).unwrap_or(before);
        let was = |head, name| self.before(head, name).and_then(Value::as_str);
        // Usage of another quota today does not count here.
        let drawn = match (was("model", "name"), was("sku", "name")) {
            (Some(model), Some(sku)) => {
                let named = of_model(models, home, model, was("model", "format"));
                usage_of(&named, sku).is_some_and(|other| other.eq_ignore_ascii_case(usage))
            }
            _ => false,
        };
        after - if drawn { before } else { 0 }
    }
}

fn is(value: &Value, text: &str) -> bool {
    value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(text))
}

/// The items of a list that apply to accounts of this kind.
fn of_kind<'a>(models: &[&'a Value], home: &Home) -> Vec<&'a Value> {
    let fits = |item: &&&Value| match (&home.kind, item["kind"].as_str()) {
        (Some(kind), Some(offered)) => kind.eq_ignore_ascii_case(offered),
        _ => true,
    };
    models.iter().filter(fits).copied().collect()
}

/// The items that are a certain model.
fn of_model<'a>(models: &[&'a Value], home: &Home, name: &str, format: Option<&str>) -> Vec<&'a Value> {
    let mut named = of_kind(models, home);
    named.retain(|item| {
        is(&item["model"]["name"], name) && format.is_none_or(|format| is(&item["model"]["format"], format))
    });
    named
}

fn skus<'a>(models: &[&'a Value]) -> Vec<&'a Value> {
    models.iter().flat_map(|item| item["model"]["skus"].as_array().into_iter().flatten()).collect()
}

/// The quota that a SKU of these items uses.
fn usage_of<'a>(models: &[&'a Value], sku: &str) -> Option<&'a str> {
    skus(models).into_iter().find(|offer| is(&offer["name"], sku))?["usageName"].as_str()
}

/// The name of the quota that a deployment uses, or why it cannot be made.
fn offered(
    case: &Case<'_>,
    wants: &Wants<'_>,
    home: &Home,
    models: &[&Value],
) -> Result<Option<String>, Box<Verdict>> {
    let say = |path: &[&str], code, message: String, hint: String| {
        Err(Box::new(case.refusal(code, wants.step.change, path, message, hint)))
    };
    let offerer = home.offerer();
    let all = of_kind(models, home);
    let (Some(name), false) = (wants.text("model", "name"), all.is_empty()) else { return Ok(None) };
    let format = wants.text("model", "format");
    let named = of_model(models, home, name, format);
    let another_model = wants.changes("model", "name") || wants.changes("model", "format");
    if named.is_empty() {
        if !another_model {
            return Ok(None);
        }
        let known = all.iter().filter_map(|item| item["model"]["name"].as_str());
        let same = all.iter().find(|item| is(&item["model"]["name"], name));
        let hint = match (same.and_then(|item| item["model"]["format"].as_str()), nearest(name, known)) {
            (Some(format), _) => format!("its format is `{format}`"),
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => format!("list them with `{}`", home.command()),
        };
        let format = format.map(|format| format!(" of format `{format}`")).unwrap_or_default();
        let message = format!("{offerer} offers no model `{name}`{format}");
        return say(&["model", "name"], Code::UnknownModel, message, hint);
    }
    let version = wants.text("model", "version");
    let another_version = another_model || wants.changes("model", "version");
    let mut versioned = named.clone();
    versioned.retain(|item| version.is_none_or(|version| is(&item["model"]["version"], version)));
    if versioned.is_empty() && another_version {
        let there = some(named.iter().filter_map(|item| item["model"]["version"].as_str()));
        let version = version.unwrap_or_default();
        let message = format!("{offerer} does not offer model `{name}` in version `{version}`");
        return say(&["model", "version"], Code::NotOffered, message, format!("available: {there}"));
    }
    if versioned.is_empty() {
        versioned = named;
    }
    let Some(sku) = wants.text("sku", "name") else { return Ok(None) };
    let offers = skus(&versioned);
    let is_there = offers.iter().any(|offer| is(&offer["name"], sku));
    if is_there || offers.is_empty() || !(another_version || wants.changes("sku", "name")) {
        return Ok(usage_of(&versioned, sku).map(str::to_owned));
    }
    say(
        &["sku", "name"],
        Code::NotOffered,
        format!("{offerer} does not offer model `{name}` with SKU `{sku}`"),
        format!("available: {}", some(offers.iter().filter_map(|offer| offer["name"].as_str()))),
    )
}

/// The most deployments that a message names.
const NAMED: usize = 10;

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
    let mut titles: Vec<String> =
        steps.iter().take(NAMED).map(|(step, _)| case.title(step.change).to_owned()).collect();
    titles.extend(
        steps.len().checked_sub(NAMED).filter(|more| *more > 0).map(|more| format!("and {more} more")),
    );
    let titles = titles.join(", ");
    let message = format!(
        "the quota `{usage}` in region `{location}` is exceeded: {used} of {limit} in use, and the plan adds {added} ({titles})"
    );
    let hint =
        "lower `sku.capacity`, free capacity elsewhere in the subscription, or request more quota from Azure";
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
    use crate::document::{Action, Plan, PlannedChange, Requests, Target, TargetKind};
    use crate::finding::Severity;
    use crate::snapshot::Snapshot;
    use crate::text::source::Sources;
    use serde_json::json;

    const ACCOUNT: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat";

    /// A plan that creates these deployments, each given by its patch.
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
                ..PlannedChange::default()
            });
            plan.steps.push(Step {
                change,
                action: StepAction::Create,
                kind: "deployments".to_owned(),
                target: id,
                patch: patch.as_object().cloned().unwrap_or_default(),
                holes: Vec::new(),
                mark: None,
                owner: None,
                marked: false,
                base: None,
                lane: String::new(),
                needs: Vec::new(),
                last: false,
                yields: false,
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
        verdicts(&case)
            .into_iter()
            .map(|verdict| (verdict.finding.code.to_string(), verdict.refuses))
            .collect()
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
