//! Subscriptions and resource groups.
//!
//! Unless strict, both exist on first use: reading a group that was never created shows an empty
//! one. A group that was deleted is gone until it is created again.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::cognitive::account_write::read_tags;
use super::cognitive::accounts;
use super::rbac::access;
use crate::sandbox::http::{Reply, Request, errors, page, to_json, written};
use crate::sandbox::state::{Group, SUBSCRIPTION, Subscription, World, derived_id, group_key};

/// Groups and subscriptions on one page.
const PAGE: usize = 500;

#[derive(Serialize)]
struct ShownGroup<'a> {
    id: String,
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    location: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a Map<String, Value>>,
    properties: GroupProperties,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupProperties {
    provisioning_state: &'static str,
}

fn shown(group: &Group) -> String {
    to_json(&ShownGroup {
        id: format!("/subscriptions/{}/resourceGroups/{}", group.subscription, group.name),
        name: &group.name,
        kind: "Microsoft.Resources/resourceGroups",
        location: &group.location,
        tags: group.tags.as_ref(),
        properties: GroupProperties { provisioning_state: "Succeeded" },
    })
}

/// `GET` or `HEAD` of a group.
pub(crate) fn get(world: &World, subscription: &str, name: &str) -> Reply {
    match world.group(subscription, name) {
        Some(group) => Reply::text(200, shown(&group)),
        None => errors::group_not_found(name),
    }
}

/// `HEAD` of a group: 204 or 404, without content.
pub(crate) fn head(world: &World, subscription: &str, name: &str) -> Reply {
    Reply::empty(if world.group(subscription, name).is_some() { 204 } else { 404 })
}

/// `PUT` of a group: new 201, existing 200.
pub(crate) fn put(
    world: &mut World,
    request: &Request,
    subscription: &str,
    name: &str,
) -> Result<Reply, Reply> {
    let body = request.json_object()?;
    let Some(location) = body.get("location").and_then(Value::as_str).filter(|location| !location.is_empty())
    else {
        return Err(errors::location_required());
    };
    let tags = tags(&body)?;
    let key = group_key(subscription, name);
    let existing = world.state.groups.get(&key);
    if let Some(existing) = existing
        && !accounts::same_place(&existing.location, location)
    {
        return Err(errors::group_elsewhere(location, &existing.location));
    }
    let status = if existing.is_some() { 200 } else { 201 };
    let group = Group {
        subscription: subscription.to_owned(),
        name: existing.map_or(name, |existing| &existing.name).to_owned(),
        location: location.to_owned(),
        tags,
    };
    let text = shown(&group);
    world.remember_subscription(subscription);
    world.state.deleted_groups.remove(&key);
    world.state.groups.insert(key, group);
    Ok(Reply::text(status, text))
}

/// `PATCH` of a group: tags.
pub(super) fn patch(
    world: &mut World,
    request: &Request,
    subscription: &str,
    name: &str,
) -> Result<Reply, Reply> {
    let tags = tags(&request.json_object()?)?;
    let Some(mut group) = world.group(subscription, name) else {
        return Err(errors::group_not_found(name));
    };
    if tags.is_some() {
        group.tags = tags;
    }
    let text = shown(&group);
    world.remember_group(subscription, name);
    world.state.groups.insert(group_key(subscription, name), group);
    Ok(Reply::text(200, text))
}

fn tags(body: &Map<String, Value>) -> Result<Option<Map<String, Value>>, Reply> {
    match body.get("tags") {
        Some(Value::Object(tags)) => read_tags(tags.clone()).map(Some),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(errors::invalid_content("Error converting value of property tags")),
    }
}

/// `DELETE` of a group: its accounts are soft-deleted, its role assignments go.
pub(crate) fn delete(world: &mut World, request: &Request, subscription: &str, name: &str) -> Reply {
    if world.group(subscription, name).is_none() {
        return errors::group_not_found(name);
    }
    let key = group_key(subscription, name);
    let below = format!("{key}/");
    let accounts: Vec<String> = world
        .state
        .accounts
        .range(below.clone()..)
        .map(|(key, _)| key.clone())
        .take_while(|key| key.starts_with(&below))
        .collect();
    for account in accounts {
        accounts::soft_delete(world, &account);
    }
    world.forget_scope(&key);
    world.state.groups.remove(&key);
    world.state.deleted_groups.insert(key.clone(), true);
    let id = derived_id(&format!("{key}:{}", world.now.as_millisecond())).simple();
    let url = format!(
        "{}/subscriptions/{subscription}/operationresults/{id}?api-version=2021-04-01",
        request.origin
    );
    Reply::empty(202).with("location", url)
}

/// `GET /subscriptions/{s}/resourceGroups`: those that were created or written to.
pub(crate) fn list(world: &World, request: &Request, subscription: &str) -> Reply {
    let prefix = format!("/subscriptions/{subscription}/").to_lowercase();
    let groups = world.state.groups.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    let items = groups.map(|(key, group)| (key.as_str(), move || written(shown(group))));
    page(request, PAGE, items)
}

fn shown_subscription(world: &World, subscription: &Subscription) -> String {
    let tenant = &world.state.tenant;
    to_json(&json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.id,
        "tenantId": tenant,
        "displayName": subscription.name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    }))
}

fn first_use(id: &str) -> Subscription {
    Subscription { id: id.to_owned(), name: String::from("sandbox") }
}

/// `GET /subscriptions/{s}`.
pub(crate) fn subscription(world: &World, id: &str) -> Reply {
    match world.state.subscriptions.get(&id.to_lowercase()) {
        Some(known) => Reply::text(200, shown_subscription(world, known)),
        None if world.strict => errors::subscription_not_found(id),
        None => Reply::text(200, shown_subscription(world, &first_use(id))),
    }
}

/// `GET /subscriptions`: those that were used, or the default one if there is none.
pub(crate) fn subscriptions(world: &World, request: &Request) -> Reply {
    let waiting = [(SUBSCRIPTION.to_owned(), first_use(SUBSCRIPTION))];
    let known = world.state.subscriptions.iter().map(|(key, known)| (key.as_str(), known));
    let waiting = waiting.iter().filter(|_| world.state.subscriptions.is_empty() && !world.strict);
    let all = known.chain(waiting.map(|(key, known)| (key.as_str(), known)));
    let all = all.filter(|(key, _)| access::sees(world, &request.caller, &format!("/subscriptions/{key}")));
    let items = all.map(|(key, known)| (key, move || written(shown_subscription(world, known))));
    page(request, PAGE, items)
}

/// `GET /tenants`.
pub(super) fn tenants(world: &World) -> Reply {
    let tenant = &world.state.tenant;
    Reply::json(
        200,
        &json!({"value": [{
            "id": format!("/tenants/{tenant}"),
            "tenantId": tenant,
            "tenantCategory": "Home",
            "displayName": "sandbox",
            "defaultDomain": "sandbox.invalid",
            "domains": ["sandbox.invalid"],
        }]}),
    )
}
