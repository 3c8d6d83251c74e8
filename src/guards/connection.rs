//! Connections that carry a secret: where it goes, and which one.
//!
//! Azure never shows a secret, nor which one a connection has. So a write that sends one to a live connection may send another than
//! the one it has, and needs a word. Two writes do not: the first one, which makes the connection, and one that sends the secret and
//! changes nothing else, which only `--rotate` asks for. A new name is no way around it: a connection that is made where another one with a
//! secret is not declared any more may be that one, renamed.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::{Origin, Url};

use super::{Objection, Rule};
use crate::document::{Action, Plan};
use crate::id::ResourceId;
use crate::plan::predict::World;
use crate::snapshot::Body;
use crate::spec::secrets::untold;

/// Ways to sign in that need no secret; of any other, Azure's newer ones too, it is not known that it does not.
const WITHOUT: [&str; 3] = ["AAD", "None", "ManagedIdentity"];
/// What has connections.
const TYPES: [&str; 3] = [
    "Microsoft.CognitiveServices/accounts/connections",
    "Microsoft.CognitiveServices/accounts/projects/connections",
    "Microsoft.MachineLearningServices/workspaces/connections",
];

pub(super) fn objections(plan: &Plan, before: &World, after: &World) -> Vec<Objection> {
    let mut objections = renamed(plan, before, after);
    for (id, new) in &after.resources {
        let Some(old) = before.resource(id).filter(|_| is_connection(id)) else { continue };
        if let Some(what) = redirected(&old["properties"], &new["properties"]) {
            let message =
                format!("the plan {what}").replace("{connection}", &format!("connection `{}`", id.name()));
            objections.push(Objection::at(Rule::Connection, id, message));
        }
    }
    objections
}

/// New connections that send a secret to a host that gets none yet from that account or workspace, where one with a secret is left or deleted.
fn renamed(plan: &Plan, before: &World, after: &World) -> Vec<Objection> {
    let is_new = |id: &ResourceId| is_connection(id) && before.resource(id).is_none();
    let made = after.resources.iter().filter(|(id, new)| is_new(id) && carries_secret(&new["properties"]));
    let made: Vec<_> = made.collect();
    if made.is_empty() {
        return Vec::new();
    }
    let live =
        before.resources.iter().filter(|(id, old)| is_connection(id) && carries_secret(&old["properties"]));
    let live: Vec<_> = live.collect();
    let dropped =
        plan.changes.iter().filter(|change| change.action.is_undeclared() || change.action == Action::Delete);
    let dropped: BTreeSet<ResourceId> =
        dropped.filter_map(|change| ResourceId::parse(&change.id).ok()).collect();
    let objection = |(id, new): (&ResourceId, &Body)| {
        let near = || live.iter().filter(|(other, _)| holder(other) == holder(id));
        let to = target(&new["properties"]);
        let goes = |old: &Value| target(&old["properties"]).to_owned();
        if near().any(|(_, old)| same_host(&goes(old), to)) {
            return None;
        }
        let (old, body) = near().find(|(other, _)| dropped.contains(*other))?;
        let secret = secrets(&new["properties"]).unwrap_or_else(|| "a secret".to_owned());
        let message = format!(
            "new connection `{}` sends {secret} to another host than connection `{}`, which the spec does not declare: `{}` -> `{}`",
            id.name(),
            old.name(),
            untold("target", &goes(body)),
            untold("target", to)
        );
        Some(Objection::at(Rule::Connection, id, message))
    };
    made.into_iter().filter_map(objection).collect()
}

/// The account or workspace in which a connection stands, be it in a project there.
fn holder(id: &ResourceId) -> Option<ResourceId> {
    id.up_to("accounts").or_else(|| id.parent())
}

fn is_connection(id: &ResourceId) -> bool {
    let found = id.resource_type();
    found.is_some_and(|found| TYPES.iter().any(|name| name.eq_ignore_ascii_case(&found)))
}

/// What of a live connection's secret changes its way.
fn redirected(old: &Value, new: &Value) -> Option<String> {
    let had = carries_secret(old);
    let sent = secrets(new);
    if !carries_secret(new) || (!had && sent.is_none()) {
        return None;
    }
    let secret = sent.clone().unwrap_or_else(|| "its secret".to_owned());
    let (from, to) = (target(old), target(new));
    if !same_host(from, to) {
        // Azure shows a target to every reader; a signature or password in it is not repeated all the same.
        let (from, to) = (untold("target", from), untold("target", to));
        return Some(format!("sends {secret} of {{connection}} to another host: `{from}` -> `{to}`"));
    }
    sent.as_ref()?;
    if !had {
        let way = |properties: &Value| properties["authType"].as_str().unwrap_or("not set").to_owned();
        return Some(format!(
            "gives {{connection}} {secret} to sign in with at `{to}`: authType {} -> {}",
            way(old),
            way(new)
        ));
    }
    let changed = changed(old, new);
    (!changed.is_empty()).then(|| {
        format!(
            "sends {secret} to {{connection}} with a change of {}, and Azure does not show whether that is the secret it has",
            changed.join(", ")
        )
    })
}

fn carries_secret(properties: &Value) -> bool {
    let way = properties["authType"].as_str().unwrap_or_default();
    !WITHOUT.iter().any(|known| known.eq_ignore_ascii_case(way))
}

/// The secrets that a write sends, in words; none where it sends nothing to sign in with.
fn secrets(properties: &Value) -> Option<String> {
    let credentials = &properties["credentials"];
    if credentials.is_null() {
        return None;
    }
    let mut named = Vec::new();
    references(credentials, &mut named);
    Some(if named.is_empty() { "its credentials".to_owned() } else { named.join(", ") })
}

fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.contains("${secret.") => found.push(format!("`{text}`")),
        Value::Object(map) => map.values().for_each(|each| references(each, found)),
        Value::Array(items) => items.iter().for_each(|each| references(each, found)),
        _ => {}
    }
}

fn target(properties: &Value) -> &str {
    properties["target"].as_str().unwrap_or_default()
}

/// Whether two targets are the same host, by the rules that a client reads a URL with: scheme, host and port count, and neither user
/// names, case, the scheme's own port nor the spelling of an international name does. What is no URL is compared as it is written.
fn same_host(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (origin(one), origin(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.trim().eq_ignore_ascii_case(other.trim()),
        _ => false,
    }
}

/// The origin of a URL; none where clients could read different hosts in it.
fn origin(target: &str) -> Option<Origin> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    let url = Url::parse(target).ok().filter(|_| !target.contains(odd))?;
    let origin = url.origin();
    origin.is_tuple().then_some(origin)
}

/// The members that differ, but for what signs in.
fn changed(old: &Value, new: &Value) -> Vec<String> {
    let empty = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let mut names: Vec<&String> =
        old.keys().chain(new.keys()).filter(|name| *name != "credentials").collect();
    names.sort();
    names.dedup();
    let value = |map: &Map<String, Value>, name: &str| map.get(name).cloned().unwrap_or_default();
    names.retain(|name| value(old, name) != value(new, name));
    names.into_iter().map(|name| format!("`{name}`")).collect()
}
