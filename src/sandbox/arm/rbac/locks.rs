//! Microsoft.Authorization/locks: protect resources from being deleted or changed.
//!
//! A lock covers its scope and everything below. A delete is refused if there is a lock above, at or
//! below the resource; a write if there is a read-only lock above or at it. Locks themselves can always be changed.

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sandbox::http::filter::{Term, parse};
use crate::sandbox::http::stats::is_write;
use crate::sandbox::http::{Reply, Request, errors, page, scope, to_json, written};
use crate::sandbox::state::{Lock, World};

const PAGE: usize = 500;

fn shown(lock: &Lock) -> String {
    let mut properties = json!({"level": lock.level});
    if let Some(notes) = &lock.notes {
        properties["notes"] = json!(notes);
    }
    if let Some(owners) = &lock.owners {
        properties["owners"] = owners.clone();
    }
    to_json(&json!({
        "properties": properties,
        "id": format!("{}/providers/Microsoft.Authorization/locks/{}", lock.scope.trim_end_matches('/'), lock.name),
        "type": "Microsoft.Authorization/locks",
        "name": lock.name,
    }))
}

/// Locks sort by scope, then by name.
fn key(scope: &str, name: &str) -> String {
    format!("{scope} {name}").to_lowercase()
}

/// `GET {scope}/.../locks/{name}`.
pub(crate) fn get(world: &World, scope: &str, name: &str) -> Reply {
    match world.state.locks.get(&key(scope, name)) {
        Some(lock) => Reply::text(200, shown(lock)),
        None => not_found(name),
    }
}

fn not_found(name: &str) -> Reply {
    errors::error(404, "LockNotFound", &format!("The lock '{name}' could not be found."))
}

#[derive(Deserialize)]
struct SentLock {
    properties: SentLockProperties,
}

#[derive(Deserialize)]
struct SentLockProperties {
    level: String,
    notes: Option<String>,
    owners: Option<Value>,
}

/// `PUT {scope}/.../locks/{name}`: new 201, existing 200.
pub(crate) fn put(world: &mut World, request: &Request, scope: &str, name: &str) -> Result<Reply, Reply> {
    let sent: SentLock = serde_json::from_value(Value::Object(request.json_object()?))
        .map_err(|error| errors::invalid_content(&error.to_string()))?;
    let sent = sent.properties;
    let level = ["CanNotDelete", "ReadOnly", "NotSpecified"];
    let Some(level) = level.into_iter().find(|level| level.eq_ignore_ascii_case(&sent.level)) else {
        let why = format!("Error converting value \"{}\" of property level", sent.level);
        return Err(errors::invalid_content(&why));
    };
    let lock = Lock {
        scope: scope.to_owned(),
        name: name.to_owned(),
        level: level.to_owned(),
        notes: sent.notes,
        owners: sent.owners,
    };
    let text = shown(&lock);
    if let Some(subscription) = scope::subscription(scope) {
        world.remember_subscription(subscription);
    }
    let new = world.state.locks.insert(key(scope, name), lock).is_none();
    Ok(Reply::text(if new { 201 } else { 200 }, text))
}

/// `DELETE {scope}/.../locks/{name}`: 200, or 204 if there was none.
pub(crate) fn delete(world: &mut World, scope: &str, name: &str) -> Reply {
    let gone = world.state.locks.remove(&key(scope, name)).is_some();
    Reply::empty(if gone { 200 } else { 204 })
}

/// `GET {scope}/.../locks`: above, at and below, or with `atScope()` above and at.
pub(crate) fn list(world: &World, request: &Request, scope: &str) -> Result<Reply, Reply> {
    let filter = request.query("$filter").unwrap_or_default().trim();
    let terms = if filter.is_empty() { Vec::new() } else { parse(filter).ok_or_else(errors::bad_filter)? };
    let mut below = true;
    for term in &terms {
        match term {
            Term::Call { name, .. } if name == "atscope" => below = false,
            _ => return Err(errors::bad_filter()),
        }
    }
    let found = world.state.locks.iter().filter(|(_, lock)| {
        scope::covers(&lock.scope, scope) || (below && scope::covers(scope, &lock.scope))
    });
    let items = found.map(|(key, lock)| (key.as_str(), move || written(shown(lock))));
    Ok(page(request, PAGE, items))
}

/// The 409 for a request that a lock forbids.
pub(crate) fn refusal(world: &World, request: &Request) -> Option<Reply> {
    if world.state.locks.is_empty() || !is_write(&request.method, &request.segments) {
        return None;
    }
    let is_lock = request.segments.iter().rev().take(2).any(|segment| segment.eq_ignore_ascii_case("locks"));
    if is_lock {
        return None;
    }
    let delete = request.method == Method::DELETE;
    // An action such as `listKeys` concerns the resource that it is called on.
    let segments = match request.method {
        Method::POST => request.segments.split_last().map_or(&[][..], |(_, above)| above),
        _ => &request.segments[..],
    };
    let id = scope::join(segments);
    let stops = |lock: &&Lock| match lock.level.as_str() {
        "CanNotDelete" => delete && (scope::covers(&lock.scope, &id) || scope::covers(&id, &lock.scope)),
        "ReadOnly" => scope::covers(&lock.scope, &id) || (delete && scope::covers(&id, &lock.scope)),
        _ => false,
    };
    let mut scopes: Vec<&str> =
        world.state.locks.values().filter(stops).map(|lock| lock.scope.as_str()).collect();
    scopes.dedup();
    (!scopes.is_empty())
        .then(|| errors::scope_locked(&id, if delete { "delete" } else { "write" }, &scopes.join(",")))
}
