//! What is available: models and SKUs of a region and of an account, and the quota of a region and its use.
//!
//! Lists are as Azure writes them; what is in them is a selection, see `catalog` and docs/sandbox.md.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::accounts::same_place;
use super::catalog::Model;
use super::children::Place;
use super::{account_facts, catalog, children, deployments};
use crate::sandbox::http::{Item, Reply, Request, errors, page, to_json, written};
use crate::sandbox::state::{Child, World};

/// Page size; large enough for one region with all kinds and SKUs, as was recorded.
const PAGE: usize = 2000;
/// Azure's limit of accounts of a kind in a region.
const ACCOUNTS: usize = 200;
/// Regions with this service: those recorded in 2023 and newer ones.
const LOCATIONS: &[&str] = &[
    "australiaeast",
    "brazilsouth",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "eastasia",
    "eastus",
    "eastus2",
    "francecentral",
    "germanywestcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "koreacentral",
    "northcentralus",
    "northeurope",
    "norwayeast",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southcentralus",
    "southeastasia",
    "southindia",
    "spaincentral",
    "swedencentral",
    "switzerlandnorth",
    "switzerlandwest",
    "uaenorth",
    "uksouth",
    "westcentralus",
    "westeurope",
    "westus",
    "westus2",
    "westus3",
];
/// Quota of a subscription for a model under a SKU in a region; that of `Standard` was recorded.
const LIMITS: &[(&str, u64)] = &[
    ("Standard", 240),
    ("GlobalStandard", 1000),
    ("DataZoneStandard", 500),
    ("GlobalBatch", 1000),
    ("ProvisionedManaged", 100),
    ("GlobalProvisionedManaged", 100),
    ("DataZoneProvisionedManaged", 100),
];
/// Date that the service shows for its catalogue.
const WRITTEN: &str = "2025-01-01T00:00:00Z";

/// Quota of a SKU.
fn limit(sku: &str) -> u64 {
    LIMITS.iter().find(|(name, _)| *name == sku).map_or(0, |(_, limit)| *limit)
}

/// Name of the quota that a deployment uses.
fn usage_name(model: &Model, sku: &str) -> String {
    let family = if model.format == "OpenAI" { "OpenAI" } else { "AIServices" };
    format!("{family}.{sku}.{}", model.name)
}

/// Display name of the quota.
fn usage_title(model: &Model, sku: &str) -> String {
    let unit = if sku.contains("Provisioned") {
        "Provisioned Throughput Unit"
    } else {
        "Tokens Per Minute (thousands)"
    };
    if sku == "Standard" {
        format!("{unit} - {}", model.name)
    } else {
        format!("{unit} - {} - {sku}", model.name)
    }
}

/// Quota that a subscription uses of a model and SKU in a region; soft-deleted accounts count.
fn used(world: &World, subscription: &str, location: &str, model: &Model, sku: &str, except: &str) -> u64 {
    let prefix = format!("/subscriptions/{subscription}/").to_lowercase();
    let here = |account: &str| {
        let live = world.state.accounts.get(account).map(|account| &account.location);
        let deleted = world.state.deleted_accounts.get(account).map(|deleted| &deleted.account.location);
        live.or(deleted).is_some_and(|own| same_place(own, location))
    };
    let takes = |key: &str, child: &Child| {
        let (account, rest) = key.split_once("/deployments/")?;
        let named = |name: &str| child.properties.get("model")?.get(name)?.as_str();
        let own = child.sku.as_ref()?;
        let same = named("format") == Some(model.format)
            && named("name") == Some(model.name)
            && own.get("name").and_then(Value::as_str) == Some(sku);
        let counts = key != except && !rest.contains('/') && same && here(account);
        counts.then(|| own.get("capacity").and_then(Value::as_u64)).flatten()
    };
    world.state.children_below(&prefix).filter_map(|(key, child)| takes(key, child)).sum()
}

/// Refuses a deployment that exceeds the quota; lowering the capacity is always possible.
pub(super) fn check_quota(
    world: &World,
    place: Place,
    location: &str,
    model: &Model,
    sku: &str,
    capacity: u64,
) -> Result<(), Reply> {
    let key = place.key();
    let subscription = place.account.subscription;
    let others = used(world, subscription, location, model, sku, &key);
    let usage = used(world, subscription, location, model, sku, "");
    let (own, limit) = (usage.saturating_sub(others), limit(sku));
    if capacity <= own || others.saturating_add(capacity) <= limit {
        return Ok(());
    }
    Err(errors::insufficient_quota(capacity - own, usage, limit, &usage_title(model, sku)))
}

/// A region with this service, as Azure writes it.
pub(crate) fn location(request: &Request, name: &str, kind: &str) -> Result<&'static str, Reply> {
    let found = LOCATIONS.iter().find(|known| same_place(known, name)).copied();
    found.ok_or_else(|| {
        let version = request.query("api-version").unwrap_or_default();
        errors::no_such_location(name, kind, version, &LOCATIONS.join(","))
    })
}

/// `GET locations/{location}/models`: for each kind of account.
pub(crate) fn models(request: &Request, name: &str) -> Result<Reply, Reply> {
    let location = location(request, name, "locations/models")?;
    let all = ["AIServices", "OpenAI"].into_iter().flat_map(|kind| {
        described(request, kind, location)
            .map(move |model| json!({"kind": kind, "skuName": "S0", "model": model}))
    });
    Ok(listed(request, all))
}

/// `GET account/models`.
pub(crate) fn account_models(world: &World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let account = children::parent(world, place)?;
    Ok(listed(request, described(request, &account.kind, &account.location)))
}

/// Each version of each model that a kind of account can have in a region.
fn described<'a>(
    request: &Request,
    kind: &'a str,
    location: &'a str,
) -> impl Iterator<Item = Value> + use<'a> {
    let full = deployments::is_full(request);
    catalog::of_kind(kind).flat_map(move |model| {
        model.versions.iter().map(move |version| describe(model, version, location, full))
    })
}

fn describe(model: &Model, version: &str, location: &str, full: bool) -> Value {
    let skus = model.skus.iter().filter(|sku| model.is_in(sku, location)).map(|sku| {
        let mut described = json!({
            "name": sku,
            "usageName": usage_name(model, sku),
            "capacity": {"maximum": 10_000, "default": 10},
            "deprecationDate": model.ends(version, Some(sku)),
        });
        let limits = deployments::rate_limits(full, 1);
        // The recording has no capital letter here.
        described["ratelimits"] = limits;
        described
    });
    let mut capabilities = json!({"scaleType": "Standard"});
    for (name, value) in model.capabilities() {
        capabilities[*name] = json!(value);
    }
    let mut described = json!({
        "format": model.format,
        "name": model.name,
        "version": version,
        "isDefaultVersion": version == model.default_version(),
        "skus": skus.collect::<Vec<_>>(),
        "maxCapacity": 3,
        "capabilities": capabilities,
        "deprecation": {"inference": model.ends(version, None)},
        "lifecycleStatus": if full { "GenerallyAvailable" } else { "Preview" },
        "systemData": {
            "createdBy": "Microsoft",
            "createdByType": "Application",
            "createdAt": WRITTEN,
            "lastModifiedBy": "Microsoft",
            "lastModifiedByType": "Application",
            "lastModifiedAt": WRITTEN,
        },
    });
    if full {
        described["publisher"] = json!(model.format);
    }
    described
}

/// `GET locations/{location}/usages`: quota, and what is used of it.
pub(crate) fn usages(
    world: &World,
    request: &Request,
    subscription: &str,
    name: &str,
) -> Result<Reply, Reply> {
    let location = location(request, name, "locations/usages")?;
    let counted = |name: &str, title: &str, current: u64, limit: u64| {
        json!({
            "name": {"value": name, "localizedValue": title},
            "currentValue": current,
            "limit": limit,
            "unit": "Count",
        })
    };
    let models = catalog::of_kind("AIServices").flat_map(|model| {
        model.skus.iter().filter(move |sku| model.is_in(sku, location)).map(move |sku| {
            let current = used(world, subscription, location, model, sku, "");
            counted(&usage_name(model, sku), &usage_title(model, sku), current, limit(sku))
        })
    });
    let prefix = format!("/subscriptions/{subscription}/").to_lowercase();
    let accounts =
        world.state.accounts.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    let count = accounts.filter(|(_, account)| same_place(&account.location, location)).count();
    let (count, most) = (count as u64, count.max(ACCOUNTS) as u64);
    let all = models.chain([counted("AccountCount", "Maximum Resources per Region", count, most)]);
    Ok(listed(request, all))
}

/// `GET account/usages`: nothing is metered here.
pub(crate) fn account_usages(world: &World, request: &Request, place: Place) -> Result<Reply, Reply> {
    children::parent(world, place)?;
    Ok(listed(request, std::iter::empty()))
}

/// `GET skus` of the subscription: each kind in each region.
pub(crate) fn skus(request: &Request) -> Reply {
    texts(request, &SKUS)
}

/// All SKUs of all kinds in all regions, written once: every plan asks for them.
static SKUS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let all = account_facts::kinds().flat_map(|kind| {
        skus_of(kind).iter().flat_map(move |(sku, tier)| {
            LOCATIONS.iter().map(move |location| {
                let location = location.to_uppercase();
                // Names are letters, digits and dots, so that no JSON writer is needed for the longest list there is.
                format!(
                    r#"{{"kind":"{kind}","locationInfo":[{{"location":"{location}","zoneDetails":[],"zones":[]}}],"locations":["{location}"],"name":"{sku}","resourceType":"accounts","restrictions":[],"tier":"{tier}"}}"#
                )
            })
        })
    });
    numbered(all)
});

/// `GET account/skus`.
pub(crate) fn account_skus(world: &World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let account = children::parent(world, place)?;
    let all = skus_of(&account.kind)
        .iter()
        .map(|(sku, tier)| json!({"resourceType": children::ACCOUNTS, "sku": {"name": sku, "tier": tier}}));
    Ok(listed(request, all))
}

/// SKUs of a kind: those with models have one.
fn skus_of(kind: &str) -> &'static [(&'static str, &'static str)] {
    match kind {
        "AIServices" | "OpenAI" | "CognitiveServices" => &[("S0", "Standard")],
        "TextAnalytics" => &[("F0", "Free"), ("S", "Standard"), ("S0", "Standard")],
        _ => &[("F0", "Free"), ("S0", "Standard")],
    }
}

/// `GET deployment/skus`.
pub(crate) fn deployment_skus(world: &World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let account = children::parent(world, place)?;
    let above = place.above();
    let child =
        world.state.children.get(&above.key()).ok_or_else(|| errors::specified_not_found(&above.id()))?;
    let (model, _) = deployments::model_of(account, &child.properties)?;
    let all = model.skus.iter().filter(|sku| model.is_in(sku, &account.location)).map(|sku| {
        json!({
            "resourceType": format!("{}/deployments", children::ACCOUNTS),
            "sku": {"name": sku},
            "capacity": {"minimum": 1, "maximum": 10_000, "step": 1, "default": 10},
        })
    });
    Ok(listed(request, all))
}

/// A list in one page.
pub(crate) fn listed(request: &Request, items: impl Iterator<Item = Value>) -> Reply {
    texts(request, &numbered(items.map(|item| to_json(&item))))
}

/// Texts of items, each under the key that orders it.
fn numbered(items: impl Iterator<Item = String>) -> Vec<(String, String)> {
    items.enumerate().map(|(index, item)| (format!("{index:06}"), item)).collect()
}

fn texts(request: &Request, texts: &[(String, String)]) -> Reply {
    let items = texts.iter().map(|(key, text)| (key.as_str(), move || -> Item { written(text.clone()) }));
    page(request, PAGE, items)
}
