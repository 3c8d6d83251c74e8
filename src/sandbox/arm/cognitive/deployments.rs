//! Microsoft.CognitiveServices/accounts/deployments: deployed models, with the defaults that the service fills in.
//!
//! An account takes one write of a deployment at a time. There is no polling URL: clients poll the deployment itself.

use serde_json::{Map, Value, json};

use super::account_write::{one_of, wrong_type};
use super::catalog::Model;
use super::children::{Place, Sent};
use super::{accounts, catalog, children, offers, rai_policies};
use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::{Account, Child, World};

const KIND: &str = "deployments";
const NAMES: children::Names = children::Names { kind: KIND, length: 1..=64, marks: b"_.-" };
const TIERS: &[&str] = &["Default", "Priority"];
const STATES: &[&str] = &["Running", "Paused"];
/// Properties that only the versions of 2026 have.
const LATE: &[&str] = &["serviceTier", "deploymentState", "routing"];
const UPGRADES: &[&str] = &["OnceNewDefaultVersionAvailable", "OnceCurrentVersionExpired", "NoAutoUpgrade"];
/// Content filter of a deployment that names none.
const POLICY: &str = "Microsoft.DefaultV2";
/// Default capacity of a deployment, in thousands of tokens a minute.
const CAPACITY: u64 = 1;
/// From this version on, answers follow the recordings of 2026; earlier ones follow those of 2023.
const FULL: &str = "2023-10-01-preview";
/// From this version on, a deployment has a SKU; earlier it has `scaleSettings`.
const WITH_SKU: &str = "2022-10-01";

/// `GET deployment`.
pub(crate) fn get(world: &World, request: &Request, place: Place) -> Result<Reply, Reply> {
    children::parent(world, place)?;
    let found = world.state.children.get(&place.key());
    let child = found.ok_or_else(|| errors::specified_not_found(&place.id()))?;
    Ok(children::answer(200, shown(world, request, place, child), place, child))
}

/// `GET deployments`.
pub(crate) fn list(world: &World, request: &Request, place: Place) -> Result<Reply, Reply> {
    children::parent(world, place)?;
    Ok(children::list(world, request, place, |place, child| shown(world, request, place, child)))
}

/// `PUT deployment`: 201 if it is new, else 200; done unless operations take time.
pub(crate) fn put(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let sent = children::read(request)?;
    let account = children::idle(world, place)?;
    children::check_name(place, &NAMES)?;
    let child = written(world, account, place, sent)?;
    let lasts = if world.state.children.contains_key(&place.key()) { "Accepted" } else { "Creating" };
    let existed = children::store(world, request, place, child, Some(lasts));
    Ok(kept(world, request, place, if existed { 200 } else { 201 }))
}

/// `PATCH deployment`: tags and SKU.
pub(crate) fn patch(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let sent = children::read(request)?;
    let account = children::idle(world, place)?;
    let found = world.state.children.get(&place.key());
    let mut child = found.cloned().ok_or_else(|| errors::specified_not_found(&place.id()))?;
    if sent.tags.is_some() {
        child.tags = sent.tags;
    }
    if let Some(sku) = &sent.sku {
        let (model, version) = model_of(account, &child.properties)?;
        child.sku = Some(read_sku(world, account, place, model, &version, Some(sku))?);
    }
    children::store(world, request, place, child, Some("Accepted"));
    Ok(kept(world, request, place, 200))
}

/// `DELETE deployment`: at once, also while it is being made; 204 without a deployment.
pub(crate) fn delete(world: &mut World, place: Place) -> Result<Reply, Reply> {
    children::idle_beside(world, place)?;
    Ok(Reply::empty(if world.remove_child(&place.key()) { 200 } else { 204 }))
}

fn kept(world: &World, request: &Request, place: Place, status: u16) -> Reply {
    match world.state.children.get(&place.key()) {
        Some(child) => children::answer(status, shown(world, request, place, child), place, child),
        None => errors::specified_not_found(&place.id()),
    }
}

/// The result of a PUT: what was sent, checked, with the defaults of the service.
fn written(world: &World, account: &Account, place: Place, sent: Sent) -> Result<Child, Reply> {
    let mut properties = taken(world, place, sent.properties)?;
    let (model, version) = model_of(account, &properties)?;
    // https://github.com/Azure/azure-rest-api-specs/issues/43610
    let provider_data = properties.get("modelProviderData").and_then(Value::as_object);
    let given = |name: &&str| provider_data.is_some_and(|data| data.get(*name).is_some_and(Value::is_string));
    if model.format == catalog::ANTHROPIC
        && !["organizationName", "countryCode", "industry"].iter().all(given)
    {
        let message =
            "The modelProviderData of an Anthropic model needs organizationName, countryCode and industry.";
        return Err(errors::bad_request("InvalidModelProviderData", message));
    }
    let mut shown = json!({"format": model.format, "name": model.name, "version": version});
    for name in ["source", "sourceAccount"] {
        if let Some(text) =
            properties.get("model").and_then(|model| model.get(name)).filter(|text| text.is_string())
        {
            shown[name] = text.clone();
        }
    }
    properties.insert(String::from("model"), shown);
    // A deployment of 2022 has scale settings and no SKU; one with neither counts as `Standard`:
    // https://github.com/Azure/bicep/issues/16642
    let sku = match (sent.sku.as_ref(), properties.contains_key("scaleSettings")) {
        (None, true) => None,
        (sku, _) => Some(read_sku(world, account, place, model, &version, sku)?),
    };
    let name =
        |sku: Option<&Value>| sku.and_then(|sku| sku.get("name")).and_then(Value::as_str).map(str::to_owned);
    let under = name(sku.as_ref());
    let ends = model.ends(&version, under.as_deref());
    let old = world.state.children.get(&place.key());
    let same = old.is_some_and(|old| {
        old.properties.get("model") == properties.get("model") && name(old.sku.as_ref()) == under
    });
    // Judged by the sandbox's clock. Other changes to an existing deployment stay possible.
    if !same && ends.parse::<jiff::Timestamp>().is_ok_and(|ends| ends <= world.now) {
        return Err(errors::model_deprecated(model.format, model.name, &version, ends));
    }
    Ok(Child { name: place.name().to_owned(), sku, tags: sent.tags, properties, ..Child::default() })
}

/// The properties that the service takes, each of the right type; it drops those that it does not know.
fn taken(world: &World, place: Place, sent: Map<String, Value>) -> Result<Map<String, Value>, Reply> {
    let mut properties = Map::new();
    for (name, value) in sent {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            (name, _) if LATE.contains(&name) && !place.account.late => {}
            // The API description calls the first read-only and lacks the second, but the service accepts both:
            // https://github.com/Azure/bicep-types-az/issues/2121, https://github.com/Azure/azure-rest-api-specs/issues/43610
            ("dynamicThrottlingEnabled", value @ Value::Bool(_))
            | (
                "modelProviderData" | "model" | "scaleSettings" | "capacitySettings" | "routing",
                value @ Value::Object(_),
            )
            | ("parentDeploymentName" | "spilloverDeploymentName", value @ Value::String(_)) => {
                properties.insert(name, value);
            }
            ("versionUpgradeOption", Value::String(word)) => {
                let word = one_of(&name, UPGRADES, &word)?;
                properties.insert(name, word);
            }
            ("serviceTier", Value::String(word)) => {
                let word = one_of(&name, TIERS, &word)?;
                properties.insert(name, word);
            }
            ("deploymentState", Value::String(word)) => {
                let word = one_of(&name, STATES, &word)?;
                properties.insert(name, word);
            }
            ("raiPolicyName", Value::String(policy)) => {
                let policy = rai_policies::find(world, place.account, &policy)?;
                properties.insert(name, json!(policy));
            }
            (
                "dynamicThrottlingEnabled"
                | "modelProviderData"
                | "model"
                | "scaleSettings"
                | "capacitySettings"
                | "routing"
                | "serviceTier"
                | "deploymentState"
                | "versionUpgradeOption"
                | "raiPolicyName"
                | "parentDeploymentName"
                | "spilloverDeploymentName",
                value,
            ) => return Err(wrong_type(&format!("properties.{name}"), &value)),
            _ => {}
        }
    }
    Ok(properties)
}

/// The model that properties name, and its version.
pub(super) fn model_of(
    account: &Account,
    properties: &Map<String, Value>,
) -> Result<(&'static Model, String), Reply> {
    let named = properties.get("model");
    let text =
        |name: &str| named.and_then(|model| model.get(name)).and_then(Value::as_str).unwrap_or_default();
    let (format, name, version) = (text("format"), text("name"), text("version"));
    let unknown = || errors::model_not_supported(format, name, version);
    let model = catalog::find(&account.kind, format, name).ok_or_else(unknown)?;
    let publisher = text("publisher");
    if !(publisher.is_empty() || publisher.eq_ignore_ascii_case(model.format)) {
        return Err(unknown());
    }
    let version = match version {
        "" => model.default_version(),
        version => model
            .versions
            .iter()
            .find(|known| known.eq_ignore_ascii_case(version))
            .copied()
            .ok_or_else(unknown)?,
    };
    Ok((model, version.to_owned()))
}

fn read_sku(
    world: &World,
    account: &Account,
    place: Place,
    model: &Model,
    version: &str,
    sent: Option<&Map<String, Value>>,
) -> Result<Value, Reply> {
    let field = |name: &str| sent.and_then(|sku| sku.get(name)).filter(|value| !value.is_null());
    let name = match field("name") {
        None if sent.is_some() => {
            return Err(errors::invalid_content("Required property 'name' not found in property sku"));
        }
        None => "Standard",
        Some(Value::String(name)) => name,
        Some(other) => return Err(wrong_type("sku.name", other)),
    };
    let Some(sku) = model.sku(name) else {
        return Err(errors::sku_not_supported(name, model.name, version, None));
    };
    if !model.is_in(sku, &account.location) {
        return Err(errors::sku_not_supported(sku, model.name, version, Some(&account.location)));
    }
    let capacity = match field("capacity") {
        None => CAPACITY,
        // Azure CLI sends it as text.
        Some(value) => value
            .as_u64()
            .or_else(|| value.as_str()?.parse().ok())
            .filter(|capacity| (1..=i32::MAX.unsigned_abs().into()).contains(capacity))
            .ok_or_else(|| wrong_type("sku.capacity", value))?,
    };
    offers::check_quota(world, place, &account.location, model, sku, capacity)?;
    Ok(json!({"name": sku, "capacity": capacity}))
}

/// Whether an answer has the fields that came after 2023.
pub(super) fn is_full(request: &Request) -> bool {
    request.query("api-version").unwrap_or_default() >= FULL
}

/// Rate limits of a capacity: requests, and a thousand tokens for each.
pub(super) fn rate_limits(full: bool, capacity: u64) -> Value {
    json!([
        {"key": "request", "renewalPeriod": if full { 60 } else { 10 }, "count": capacity},
        {"key": "token", "renewalPeriod": 60, "count": capacity.saturating_mul(1000)},
    ])
}

fn shown(world: &World, request: &Request, place: Place, child: &Child) -> String {
    let (full, with_sku) = (is_full(request), request.query("api-version").unwrap_or_default() >= WITH_SKU);
    let mut properties = child.properties.clone();
    let late = place.account.late;
    properties.retain(|name, _| late || !LATE.contains(&name.as_str()));
    let named = |name: &str| {
        child
            .properties
            .get("model")
            .and_then(|model| model.get(name))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let known = catalog::find("AIServices", named("format"), named("name"));
    let capacity = child.sku.as_ref().and_then(|sku| sku.get("capacity")).and_then(Value::as_u64);
    let mut fill = |name: &str, value: Value| {
        properties.entry(name).or_insert(value);
    };
    if with_sku {
        fill("versionUpgradeOption", json!(UPGRADES[0]));
        let capabilities = known.map_or(&[][..], Model::capabilities);
        fill(
            "capabilities",
            capabilities.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect(),
        );
        if let Some(capacity) = capacity {
            // The recording of 2023 has no capital letter here.
            let name = if full { "rateLimits" } else { "ratelimits" };
            let limits = rate_limits(full, capacity);
            fill(name, limits);
        }
    }
    if full {
        // These versions do not show a policy that was not chosen.
        if !place.account.shows_more {
            fill("raiPolicyName", json!(POLICY));
        }
        fill("currentCapacity", json!(capacity.unwrap_or(CAPACITY)));
        if let (Some(model), Some(known)) = (properties.get_mut("model"), known) {
            model["publisher"] = json!(known.format);
        }
    }
    properties.insert(String::from("provisioningState"), json!(children::provisioning_state(world, child)));
    let mut text = children::head(place, child, KIND);
    text.optional("sku", child.sku.as_ref().filter(|_| with_sku)).field("properties", &properties);
    children::tail(text, place, child)
}

/// Whether a deployment of an account uses a content filter.
pub(super) fn uses(world: &World, account: accounts::AccountPlace, policy: &str) -> bool {
    let rest = [KIND.to_owned()];
    children::direct(world, Place::of_account(account, &rest)).any(|(_, child)| {
        let named = child.properties.get("raiPolicyName").and_then(Value::as_str);
        named.is_some_and(|named| named.eq_ignore_ascii_case(policy))
    })
}
