//! Connections that carry a secret: where the secret is sent, and which secret.
//!
//! Azure never shows a secret, nor which one a connection uses. A write that sends a secret to a live connection may therefore replace it
//! with another, and must be allowed. Two writes need no permission: creating the connection, and sending only the secret, which happens
//! only with `--rotate`. Renaming a connection does not get around this: `new_connection` covers new names.

use serde_json::{Map, Value};
use url::{Origin, Url};

use super::{Objection, Origin as Whose, Rule, accounts, new_connection, was};
use crate::body::AccountBody;
use crate::document::Plan;
use crate::id::ResourceId;
use crate::plan::predict::World;
use crate::spec::secrets::without_secrets;

/// Ways to sign in that need no secret. Any other, including ones Azure adds later, may need one.
const WITHOUT: [&str; 5] =
    ["AAD", "None", "ManagedIdentity", "AccountManagedIdentity", "ProjectManagedIdentity"];
/// Members of an account's `apiProperties` that say where its keys are sent.
const ADDRESSES: [&str; 2] = ["qnaAzureSearchEndpointId", "qnaRuntimeEndpoint"];
/// Resource types of connections.
const TYPES: [&str; 3] = [
    "Microsoft.CognitiveServices/accounts/connections",
    "Microsoft.CognitiveServices/accounts/projects/connections",
    "Microsoft.MachineLearningServices/workspaces/connections",
];

pub(super) fn objections(plan: &Plan, before: &World, after: &World, origin: Whose) -> Vec<Objection> {
    let mut objections = new_connection::objections(plan, before, after, origin);
    for (id, new) in accounts(after) {
        let Some(old) = was(before, after, id) else { continue };
        for name in ADDRESSES {
            let at = |body| AccountBody::of(body).api_property(name).map(str::to_lowercase);
            if let (old, Some(new)) = (at(old), at(new))
                && old.as_ref() != Some(&new)
            {
                let old = old.unwrap_or_else(|| "not set".to_owned());
                let message = format!(
                    "the plan lets account `{}` send its key to another service: apiProperties.{name} `{old}` -> `{new}`",
                    id.name()
                );
                objections.push(Objection::at(Rule::Connection, id, message));
            }
        }
    }
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

pub(super) fn is_connection(id: &ResourceId) -> bool {
    let found = id.resource_type();
    found.is_some_and(|found| TYPES.iter().any(|name| name.eq_ignore_ascii_case(&found)))
}

/// How a plan changes the use of a live connection's secret.
fn redirected(old: &Value, new: &Value) -> Option<String> {
    if let Some(what) = tokens(old, new) {
        return Some(what);
    }
    let had = carries_secret(old);
    let sent = secrets(new);
    if !carries_secret(new) || (!had && sent.is_none()) {
        return None;
    }
    let secret = sent.clone().unwrap_or_else(|| "its secret".to_owned());
    let (from, to) = (target(old), target(new));
    if !same_host(from, to) {
        // Azure shows targets to every reader, but a signature or password in one is still not repeated.
        let (from, to) = (without_secrets("target", from), without_secrets("target", to));
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

/// How a plan changes where the tokens of an identity are sent, or for whom they are: a service could use them elsewhere.
fn tokens(old: &Value, new: &Value) -> Option<String> {
    let audience = |properties: &Value| properties["audience"].as_str().map(str::to_lowercase);
    let now = audience(new)?;
    let (from, to) = (target(old), target(new));
    if !same_host(from, to) {
        let (from, to) = (without_secrets("target", from), without_secrets("target", to));
        return Some(format!(
            "sends tokens for `{now}` of {{connection}} to another host: `{from}` -> `{to}`"
        ));
    }
    let before = audience(old);
    (before.as_ref() != Some(&now)).then(|| {
        let before = before.unwrap_or_else(|| "not set".to_owned());
        format!("lets {{connection}} send tokens for another audience: `{before}` -> `{now}`")
    })
}

/// Whether it has or gets a secret, regardless of its `authType`.
pub(super) fn carries_secret(properties: &Value) -> bool {
    let way = properties["authType"].as_str().unwrap_or_default();
    let mut named = Vec::new();
    references(&properties["credentials"], &mut named);
    !named.is_empty() || !WITHOUT.iter().any(|known| known.eq_ignore_ascii_case(way))
}

/// The secrets that a write sends, in words; `None` if it sends no credentials.
pub(super) fn secrets(properties: &Value) -> Option<String> {
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

/// Whether one connection sends its secret where another does: the target, and the addresses at which tokens are got with the secret.
/// Azure does not show all of those.
pub(super) fn same_places(known: &Value, new: &Value) -> bool {
    let token_url = |properties: &Value| properties["tokenUrl"].as_str().map(str::to_owned);
    let is_known = |address: &str| {
        same_host(address, target(known)) || token_url(known).is_some_and(|url| same_host(&url, address))
    };
    let further = [token_url(new), new["credentials"]["authUrl"].as_str().map(str::to_owned)];
    same_host(target(known), target(new)) && further.iter().flatten().all(|address| is_known(address))
}

pub(super) fn target(properties: &Value) -> &str {
    properties["target"].as_str().unwrap_or_default()
}

/// Whether two targets are the same host as a client parses the URL: scheme, host and port count; user names, case, the scheme's default
/// port and the spelling of an international name do not. A target that is not a URL is compared as text.
pub(super) fn same_host(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (origin(one), origin(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one.trim().eq_ignore_ascii_case(other.trim()),
        _ => false,
    }
}

/// The origin of a URL; `None` if clients could disagree about the host.
fn origin(target: &str) -> Option<Origin> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    let url = Url::parse(target).ok().filter(|_| !target.contains(odd))?;
    let origin = url.origin();
    origin.is_tuple().then_some(origin)
}

/// The members that differ, apart from the credentials.
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
