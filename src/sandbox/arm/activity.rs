//! The activity log: which write was made, when, by whom, with what result.
//!
//! Every write to ARM is logged as it is answered and listed at once; Azure's log lags by
//! minutes. One logged write is listed as two events, its begin and its end, newest first.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::action;
use crate::sandbox::http::filter::{Term, parse};
use crate::sandbox::http::stats::is_write;
use crate::sandbox::http::{Reply, Request, errors, page, to_json, written};
use crate::sandbox::state::world::{seconds, seven_digits};
use crate::sandbox::state::{Event, World, derived_id};

/// Events on one page: about 100 KB, as in Azure.
const PAGE: usize = 50;
/// Bytes of a body that are logged at most.
const BODY: usize = 4096;
/// How many writes are remembered.
const MEMORY: usize = 20_000;

/// Display names of some operations; the others are shown by their id.
const TITLES: &[(&str, &str)] = &[
    ("Microsoft.Authorization/roleAssignments/write", "Create role assignment"),
    ("Microsoft.Authorization/roleAssignments/delete", "Delete role assignment"),
    ("Microsoft.Authorization/roleDefinitions/write", "Create or update custom role definition"),
    ("Microsoft.Authorization/roleDefinitions/delete", "Delete custom role definition"),
    ("Microsoft.Authorization/locks/write", "Add management locks"),
    ("Microsoft.Authorization/locks/delete", "Delete management locks"),
    ("Microsoft.CognitiveServices/accounts/write", "Writes API Accounts."),
    ("Microsoft.CognitiveServices/accounts/delete", "Deletes API accounts"),
    ("Microsoft.CognitiveServices/accounts/listKeys/action", "List keys"),
    ("Microsoft.CognitiveServices/accounts/regenerateKey/action", "Regenerate key"),
    ("Microsoft.Resources/subscriptions/resourceGroups/write", "Update resource group"),
    ("Microsoft.Resources/subscriptions/resourceGroups/delete", "Delete resource group"),
];

/// Logs a write that was answered.
pub(crate) fn log(world: &mut World, request: &Request, reply: &Reply) {
    if !is_write(&request.method, &request.segments) {
        return;
    }
    let [first, subscription, ..] = &request.segments[..] else { return };
    let Some(done) = action::of(request).filter(|_| first.eq_ignore_ascii_case("subscriptions")) else {
        return;
    };
    let at = world.now.as_microsecond();
    let event = Event {
        at,
        resource: done.scope,
        method: request.method.to_string(),
        uri: request.url(),
        status: reply.status,
        caller: request.caller.name.clone(),
        object_id: request.caller.object_id.clone(),
        kind: request.caller.kind.to_owned(),
        correlation_id: request.header("x-ms-correlation-request-id").unwrap_or(&request.id).to_owned(),
        body: sent(&done.name, request),
        client_request_id: request.header("x-ms-client-request-id").map(str::to_owned),
        action: done.name,
    };
    // The newest sorts first.
    let instant = format!("{}/{:019}/", subscription.to_lowercase(), i64::MAX - at);
    let same = world.state.events.range(instant.clone()..).take_while(|(key, _)| key.starts_with(&instant));
    let key = format!("{instant}{:06}", 999_999_usize.saturating_sub(same.count()));
    world.state.events.insert(key, event);
    while world.state.events.len() > MEMORY {
        let oldest = world.state.events.last_key_value().map(|(key, _)| key.clone());
        world.state.events.remove(&oldest.unwrap_or_default());
    }
}

/// Whether a body is logged: those of role assignments are, so that clients can see who was granted what.
fn sent(action: &str, request: &Request) -> Option<String> {
    let kept = action.to_lowercase().starts_with("microsoft.authorization/roleassignments/");
    (kept && (1..=BODY).contains(&request.body.len()))
        .then(|| String::from_utf8(request.body.clone()).ok())?
}

/// What a filter asks for.
struct EventFilter {
    from: Timestamp,
    to: Option<Timestamp>,
    conditions: Vec<(String, String)>,
}

fn wanted(request: &Request) -> Result<EventFilter, Reply> {
    let filter = request.query("$filter").unwrap_or_default().trim();
    let missing = || {
        errors::bad_request(
            "BadRequest",
            "The $filter query parameter must have 'eventTimestamp ge' with a start time.",
        )
    };
    let terms = if filter.is_empty() {
        return Err(missing());
    } else {
        parse(filter).ok_or_else(errors::bad_filter)?
    };
    let (mut from, mut to, mut conditions) = (None, None, Vec::new());
    for term in terms {
        let Term::Compare { name, operator, value } = term else { return Err(errors::bad_filter()) };
        match (name.as_str(), operator.as_str()) {
            ("eventtimestamp", "ge") => from = Some(time(&value)?),
            ("eventtimestamp", "le") => to = Some(time(&value)?),
            (
                "resourcegroupname" | "resourceuri" | "resourceid" | "resourceprovider" | "correlationid"
                | "caller" | "status" | "eventchannels" | "levels",
                "eq",
            ) => conditions.push((name, value)),
            _ => return Err(errors::bad_filter()),
        }
    }
    Ok(EventFilter { from: from.ok_or_else(missing)?, to, conditions })
}

fn time(text: &str) -> Result<Timestamp, Reply> {
    text.parse().or_else(|_| format!("{text}Z").parse()).map_err(|_| errors::bad_filter())
}

fn fits(event: &Event, wanted: &EventFilter) -> bool {
    let at = Timestamp::from_microsecond(event.at).unwrap_or_default();
    let in_time = at >= wanted.from && wanted.to.is_none_or(|to| at <= to);
    in_time
        && wanted.conditions.iter().all(|(name, value)| {
            let same = |text: &str| text.eq_ignore_ascii_case(value);
            match name.as_str() {
                "resourcegroupname" => same(group_of(&event.resource)),
                "resourceuri" | "resourceid" => {
                    let (id, value) = (event.resource.to_lowercase(), value.to_lowercase());
                    id.starts_with(value.trim_end_matches('/'))
                }
                "resourceprovider" => same(event.action.split('/').next().unwrap_or_default()),
                "correlationid" => same(&event.correlation_id),
                "caller" => same(&event.caller) || same(&event.object_id),
                "status" => same(status(event)),
                _ => true,
            }
        })
}

fn group_of(id: &str) -> &str {
    let mut segments = id.split('/').skip(3);
    match segments.next() {
        Some(kind) if kind.eq_ignore_ascii_case("resourceGroups") => segments.next().unwrap_or_default(),
        _ => "",
    }
}

fn status(event: &Event) -> &'static str {
    if event.status < 400 { "Succeeded" } else { "Failed" }
}

/// `GET .../eventtypes/management/values`.
pub(crate) fn list(world: &World, request: &Request, subscription: &str) -> Result<Reply, Reply> {
    let wanted = wanted(request)?;
    let prefix = format!("{}/", subscription.to_lowercase());
    let events = world.state.events.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    let mut found: Vec<(String, &Event, bool)> = Vec::new();
    for (key, event) in events.filter(|(_, event)| fits(event, &wanted)) {
        found.push((format!("{key}/0"), event, true));
        found.push((format!("{key}/1"), event, false));
    }
    let select = request.query("$select");
    let items = found.iter().map(|(key, event, end)| {
        let event = move || to_json(&selected(shown(world, subscription, key, event, *end), select));
        (key.as_str(), move || written(event()))
    });
    Ok(page(request, PAGE, items))
}

fn selected(mut event: Value, select: Option<&str>) -> Value {
    if let (Some(select), Some(fields)) = (select, event.as_object_mut()) {
        let wanted: Vec<&str> = select.split(',').map(str::trim).collect();
        fields.retain(|name, _| wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)));
    }
    event
}

/// One of the two records that Azure shows of an event: its beginning or its end.
fn shown(world: &World, subscription: &str, key: &str, event: &Event, end: bool) -> Value {
    let id = derived_id(&format!("event:{key}")).to_string();
    let at = Timestamp::from_microsecond(event.at).unwrap_or_default();
    let title = TITLES.iter().find(|(action, _)| action.eq_ignore_ascii_case(&event.action));
    let provider = event.action.split('/').next().unwrap_or_default();
    let verbs = if event.action.ends_with("/action") { 2 } else { 1 };
    let resource_type = event.action.rsplitn(verbs + 1, '/').nth(verbs).unwrap_or_default();
    let named = |value: &str, shown: &str| json!({"value": value, "localizedValue": shown});
    let localized = |text: &str| named(text, text);
    let (name, state, sub) = if end {
        (named("EndRequest", "End request"), status(event), substatus(event.status))
    } else {
        (named("BeginRequest", "Begin request"), "Started", localized(""))
    };
    json!({
        "authorization": {"action": event.action, "scope": event.resource},
        "caller": if event.kind == "User" { &event.caller } else { &event.object_id },
        "channels": "Operation",
        "claims": claims(&world.state.tenant, event),
        "correlationId": event.correlation_id,
        "description": "",
        "eventDataId": id,
        "eventName": name,
        "category": localized("Administrative"),
        "httpRequest": {
            "clientRequestId": event.client_request_id.as_ref().unwrap_or(&event.correlation_id),
            "clientIpAddress": "127.0.0.1",
            "method": event.method,
            "uri": event.uri,
        },
        "id": format!("{}/events/{id}/ticks/{}", event.resource, ticks(event.at)),
        "level": if event.status < 400 { "Informational" } else { "Error" },
        "resourceGroupName": group_of(&event.resource),
        "resourceProviderName": localized(provider),
        "resourceId": event.resource,
        "resourceType": localized(resource_type),
        "operationId": event.correlation_id,
        "operationName": named(&event.action, title.map_or(event.action.as_str(), |(_, title)| title)),
        "properties": properties(&world.state.tenant, subscription, event, end),
        "status": localized(state),
        "subStatus": sub,
        "eventTimestamp": seven_digits(at),
        "submissionTimestamp": seconds(event.at / 1000),
        "subscriptionId": subscription,
        "tenantId": world.state.tenant,
    })
}

/// What the caller's token said of it.
fn claims(tenant: &str, event: &Event) -> Value {
    let mut claims = json!({
        "aud": "https://management.core.windows.net/",
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "http://schemas.microsoft.com/identity/claims/objectidentifier": event.object_id,
        "http://schemas.microsoft.com/identity/claims/tenantid": tenant,
        "ipaddr": "127.0.0.1",
        "ver": "1.0",
    });
    if event.kind == "User" {
        for claim in ["name", "upn"] {
            claims[format!("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/{claim}")] =
                json!(event.caller);
        }
    } else {
        claims["appid"] = json!(event.caller);
        claims["idtyp"] = json!("app");
    }
    claims
}

/// The beginning shows what was sent, the end what came of it.
fn properties(tenant: &str, subscription: &str, event: &Event, end: bool) -> Value {
    let mut properties = json!({
        "eventCategory": "Administrative",
        "entity": event.resource,
        "message": event.action,
        "hierarchy": format!("{tenant}/{subscription}"),
    });
    if end {
        properties["statusCode"] = json!(code_name(event.status));
        properties["serviceRequestId"] = Value::Null;
    } else if let Some(body) = &event.body {
        properties["requestbody"] = json!(body);
    }
    properties
}

/// 100 ns since the year 1.
fn ticks(micros: i64) -> i64 {
    621_355_968_000_000_000_i64.saturating_add(micros.saturating_mul(10))
}

/// `Created`, `NoContent`: the name of a status code as .NET has it.
fn code_name(status: u16) -> String {
    let reason =
        StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()).unwrap_or_default();
    reason.replace(' ', "")
}

fn substatus(status: u16) -> Value {
    let name = code_name(status);
    let localized = format!("{name} (HTTP Status Code: {status})");
    json!({"value": name, "localizedValue": localized})
}
