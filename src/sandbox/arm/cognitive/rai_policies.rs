//! Microsoft.CognitiveServices/accounts/raiPolicies: content filters, those of the service among them.
//!
//! There are no recordings of these: the shapes come from the API description, and docs/sandbox.md says what is ours.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::account_write::{one_of, wrong_type};
use super::children::Place;
use super::{accounts, children, deployments, offers};
use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::{Child, Stamp, World};

const KIND: &str = "raiPolicies";
const NAMES: children::Names = children::Names { kind: KIND, length: 1..=64, marks: b"_.-" };
const MODES: &[&str] = &["Default", "Deferred", "Blocking", "Asynchronous_filter"];
const LEVELS: &[&str] = &["Low", "Medium", "High"];
const SOURCES: &[&str] = &["Prompt", "Completion"];
/// The texts of agents, which only the versions of 2026 filter.
const LATE_SOURCES: &[&str] = &["Prompt", "Completion", "PreToolCall", "PostToolCall", "PreRun", "PostRun"];
/// A filter without severity levels: name, source, whether it blocks.
type Further = (&'static str, &'static str, bool);
/// The service's own policies, and their filters besides the four harms. Which filters `Microsoft.DefaultV2`
/// has is documented (learn.microsoft.com, concepts/default-safety-policies); that it tells of protected code and lets it pass is what
/// templates say that were made from the portal's copy of it, and what `Microsoft.Default` has is a guess.
const SYSTEM: &[(&str, &[Further])] = &[
    ("Microsoft.Default", &[]),
    (
        "Microsoft.DefaultV2",
        &[
            ("Jailbreak", "Prompt", true),
            ("Protected Material Text", "Completion", true),
            ("Protected Material Code", "Completion", false),
        ],
    ),
];
const HARMS: &[&str] = &["Hate", "Sexual", "Violence", "Selfharm"];
/// The filters that there are, with their names in URLs, the text they look at if it is only one, as the API description's example
/// lists them; the harms alone have degrees.
const FILTERS: &[(&str, &str, Option<&str>)] = &[
    ("Hate", "Hate", None),
    ("Sexual", "Sexual", None),
    ("Violence", "Violence", None),
    ("Selfharm", "Selfharm", None),
    ("Jailbreak", "Jailbreak", Some("Prompt")),
    ("ProtectedMaterialText", "Protected Material Text", Some("Completion")),
    ("ProtectedMaterialCode", "Protected Material Code", Some("Completion")),
    ("Profanity", "Profanity", None),
    ("IndirectAttack", "Indirect Attack", Some("Prompt")),
];

/// `GET locations/{location}/raiContentFilters`, and one of them.
pub(crate) fn filters(
    request: &Request,
    subscription: &str,
    location: &str,
    one: Option<&str>,
) -> Result<Reply, Reply> {
    let location = offers::location(request, location, "locations/raiContentFilters")?;
    let place =
        format!("/subscriptions/{subscription}/providers/Microsoft.CognitiveServices/locations/{location}");
    let described = |(key, name, source): &(&str, &str, Option<&str>)| {
        let mut properties = json!({"name": name, "isMultiLevelFilter": HARMS.contains(name)});
        if let Some(source) = source {
            properties["source"] = json!(source);
        }
        json!({
            "id": format!("{place}/raiContentFilters/{key}"),
            "type": "Microsoft.CognitiveServices/locations/raiContentFilters",
            "name": key,
            "properties": properties,
        })
    };
    match one {
        None => Ok(offers::listed(request, FILTERS.iter().map(described))),
        Some(name) => {
            let found = FILTERS.iter().find(|(key, ..)| key.eq_ignore_ascii_case(name));
            let missing = || errors::specified_not_found(&format!("{place}/raiContentFilters/{name}"));
            found.map(|filter| Reply::text(200, described(filter).to_string())).ok_or_else(missing)
        }
    }
}

/// One of the service's own policies.
fn system(name: &str) -> Option<(&'static str, Child)> {
    let (name, more) = SYSTEM.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let mut filters: Vec<Value> = Vec::new();
    for harm in HARMS {
        for source in SOURCES {
            filters.push(
                json!({"name": harm, "enabled": true, "severityThreshold": "Medium", "blocking": true, "source": source}),
            );
        }
    }
    filters.extend(more.iter().map(
        |(name, source, blocks)| json!({"name": name, "enabled": true, "blocking": blocks, "source": source}),
    ));
    let properties = [
        (String::from("type"), json!("SystemManaged")),
        (String::from("mode"), json!("Blocking")),
        (String::from("contentFilters"), Value::Array(filters)),
    ];
    let stamp = Stamp {
        by: String::from("Microsoft"),
        kind: String::from("Application"),
        at: String::from("2023-04-03T00:00:00Z"),
    };
    let child = Child {
        name: (*name).to_owned(),
        properties: Map::from_iter(properties),
        created: stamp.clone(),
        modified: stamp,
        ..Child::default()
    };
    Some((name, child))
}

/// The policy of this name, in its own casing; refused if the account has none.
pub(crate) fn find(world: &World, account: accounts::AccountPlace, name: &str) -> Result<String, Reply> {
    if let Some((name, _)) = system(name) {
        return Ok(name.to_owned());
    }
    let rest = [KIND.to_owned(), name.to_owned()];
    match world.state.children.get(&Place::of_account(account, &rest).key()) {
        Some(child) => Ok(child.name.clone()),
        None => {
            let message = format!("The specified RAI policy '{name}' does not exist.");
            Err(errors::bad_request("InvalidResourceProperties", &message))
        }
    }
}

/// `GET raiPolicy`.
pub(crate) fn get(world: &World, place: Place) -> Result<Reply, Reply> {
    children::parent(world, place)?;
    let system = system(place.name()).map(|(_, child)| child);
    let found = world.state.children.get(&place.key()).or(system.as_ref());
    let child = found.ok_or_else(|| errors::specified_not_found(&place.id()))?;
    Ok(children::answer(200, shown(place, child), place, child))
}

/// `GET raiPolicies`: those of the service too.
pub(crate) fn list(world: &World, request: &Request, place: Place) -> Result<Reply, Reply> {
    children::parent(world, place)?;
    let system: Vec<(String, Child)> = SYSTEM
        .iter()
        .filter_map(|(name, _)| system(name))
        .map(|(name, child)| (format!("{}/{}", place.key(), name.to_lowercase()), child))
        .collect();
    let system = system.iter().map(|(key, child)| (key.as_str(), child));
    let all: BTreeMap<&str, &Child> = children::direct(world, place).chain(system).collect();
    Ok(children::page_of(request, place, all.into_iter(), shown))
}

/// `PUT raiPolicy`: 201 if it is new, else 200.
pub(crate) fn put(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let sent = children::read(request)?;
    children::idle(world, place)?;
    children::check_name(place, &NAMES)?;
    refuse_system(place)?;
    let mut properties = Map::new();
    properties.insert(String::from("type"), json!("UserManaged"));
    for (name, value) in sent.properties {
        let value = match (name.as_str(), value) {
            (_, Value::Null) => continue,
            ("mode", Value::String(word)) => one_of("properties.mode", MODES, &word)?,
            ("basePolicyName", Value::String(base)) => json!(find(world, place.account, &base)?),
            ("contentFilters", Value::Array(filters)) => read_filters(filters, place.account.late)?,
            ("safetyProviders", _) if !place.account.late => continue,
            ("customBlocklists" | "safetyProviders", value @ Value::Array(_)) => value,
            (
                "mode" | "basePolicyName" | "contentFilters" | "customBlocklists" | "safetyProviders",
                value,
            ) => {
                return Err(wrong_type(&format!("properties.{name}"), &value));
            }
            _ => continue,
        };
        properties.insert(name, value);
    }
    let child = Child { name: place.name().to_owned(), tags: sent.tags, properties, ..Child::default() };
    let existed = children::store(world, request, place, child, None);
    let found = world.state.children.get(&place.key());
    let child = found.ok_or_else(|| errors::specified_not_found(&place.id()))?;
    Ok(children::answer(if existed { 200 } else { 201 }, shown(place, child), place, child))
}

/// `DELETE raiPolicy`: an operation, as the API description has it; 204 without a policy.
pub(crate) fn delete(world: &mut World, request: &Request, place: Place) -> Result<Reply, Reply> {
    let location = children::idle(world, place)?.location.clone();
    refuse_system(place)?;
    if deployments::uses(world, place.account, place.name()) {
        // "You will need to unassign it from any deployment": learn.microsoft.com, how-to/content-filters.
        let message = format!("The RAI policy '{}' is used by a deployment of the account.", place.name());
        return Err(errors::bad_request("BadRequest", &message));
    }
    Ok(children::delete_by_operation(world, request, place, location))
}

fn refuse_system(place: Place) -> Result<(), Reply> {
    match system(place.name()) {
        Some((name, _)) => {
            let message = format!("The RAI policy '{name}' is managed by the system and cannot be changed.");
            Err(errors::bad_request("BadRequest", &message))
        }
        None => Ok(()),
    }
}

/// Each filter needs a name, a source, and whether it blocks: <https://github.com/pulumi/pulumi-azure-native/issues/3022>
fn read_filters(mut filters: Vec<Value>, late: bool) -> Result<Value, Reply> {
    for filter in &mut filters {
        let text = |name: &str| filter.get(name).and_then(Value::as_str);
        let (Some(_), Some(source), Some(_)) =
            (text("name"), text("source"), filter.get("blocking").and_then(Value::as_bool))
        else {
            return Err(wrong_type("properties.contentFilters", filter));
        };
        let source = one_of("source", if late { LATE_SOURCES } else { SOURCES }, source)?;
        let level =
            text("severityThreshold").map(|level| one_of("severityThreshold", LEVELS, level)).transpose()?;
        filter["source"] = source;
        if let (false, Some(map)) = (late, filter.as_object_mut()) {
            map.remove("action");
        }
        if let Some(level) = level {
            filter["severityThreshold"] = level;
        }
    }
    Ok(Value::Array(filters))
}

fn shown(place: Place, child: &Child) -> String {
    let mut text = children::head(place, child, KIND);
    let mut properties = child.properties.clone();
    if !place.account.late {
        properties.remove("safetyProviders");
        let filters = properties.get_mut("contentFilters").and_then(Value::as_array_mut);
        for filter in filters.into_iter().flatten().filter_map(Value::as_object_mut) {
            filter.remove("action");
        }
    }
    text.field("properties", &properties);
    children::tail(text, place, child)
}
