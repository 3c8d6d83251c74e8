//! Azure Monitor, as far as it says who calls an account: diagnostic settings, metrics, and the request log.
//!
//! The log has what the data plane took while a diagnostic setting sent it to a workspace. There is no Kusto here: only the query of
//! `keyless keys usage` is answered, which is recognised by its hash, and every other one is refused as Azure refuses one that it cannot
//! parse. `/_sandbox/monitor` makes the logs mislead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::{DiagnosticSetting, ModelCall, Monitoring, World};

/// SHA-256 of the one query that is answered, without its times. Whoever changes the query has to change what `logs` makes of the calls,
/// and then this.
const QUERY: &str = "4b3ba84cab5fd0e3d13f4ac1d0041c0a42e2dad9482d26ba21ef2e34255b1962";
/// Microseconds in a day, and in a minute.
const DAY: i64 = 24 * 3600 * 1_000_000;
const MINUTE: i64 = 60 * 1_000_000;
/// For how many days a workspace keeps logs.
const RETENTION: u32 = 30;
/// How many calls are remembered.
const MEMORY: usize = 20_000;
const COLUMNS: [(&str, &str); 14] = [
    ("Account", "string"),
    ("Day", "datetime"),
    ("Operation", "string"),
    ("How", "string"),
    ("Refused", "long"),
    ("Calls", "long"),
    ("WithoutField", "long"),
    ("AtBegin", "long"),
    ("AtEnd", "long"),
    ("First", "datetime"),
    ("Last", "datetime"),
    ("Deployments", "dynamic"),
    ("Addresses", "dynamic"),
    ("Callers", "dynamic"),
];

/// Remembers a call of an account. Its record goes where the diagnostic settings send it now.
pub(crate) fn note(world: &mut World, account: &str, call: ModelCall) {
    let account = account.to_lowercase();
    let silent = world.state.monitoring.get(&account).is_some_and(|how| how.silent.contains(&call.operation));
    let sinks = sinks(world, &account);
    let call = ModelCall { silent: call.silent || silent, sinks, ..call };
    remember(world, &account, call);
}

/// Remembers a call as it is.
pub(crate) fn remember(world: &mut World, account: &str, call: ModelCall) {
    let instant = format!("{account}/{:019}/", call.at);
    let same =
        world.state.model_calls.range(instant.clone()..).take_while(|(key, _)| key.starts_with(&instant));
    let key = format!("{instant}{:06}", same.count());
    world.state.model_calls.insert(key, call);
    while world.state.model_calls.len() > MEMORY {
        let first = world.state.model_calls.first_key_value().map(|(key, _)| key.clone());
        world.state.model_calls.remove(&first.unwrap_or_default());
    }
}

/// The workspaces to which an account's request log goes.
pub(crate) fn sinks(world: &World, account: &str) -> Vec<String> {
    let sends = |entry: &Value| {
        entry["enabled"] == true
            && (entry["category"] == "RequestResponse" || entry["categoryGroup"] == "allLogs")
    };
    let logs = |setting: &DiagnosticSetting| {
        setting.properties["logs"].as_array().is_some_and(|all| all.iter().any(sends))
    };
    below(world, account)
        .filter(|setting| logs(setting))
        .filter_map(|setting| setting.properties["workspaceId"].as_str())
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect()
}

fn below<'w>(world: &'w World, account: &str) -> impl Iterator<Item = &'w DiagnosticSetting> + use<'w> {
    let prefix = format!("{}/", account.to_lowercase());
    let all = world.state.diagnostic_settings.range(prefix.clone()..);
    all.take_while(move |(key, _)| key.starts_with(&prefix)).map(|(_, setting)| setting)
}

fn shown(account: &str, setting: &DiagnosticSetting) -> Value {
    json!({
        "id": format!("{account}/providers/microsoft.insights/diagnosticSettings/{}", setting.name).to_lowercase(),
        "type": "Microsoft.Insights/diagnosticSettings",
        "name": setting.name,
        "location": null,
        "kind": null,
        "tags": null,
        "properties": setting.properties,
        "identity": null,
    })
}

/// The diagnostic settings of an account.
pub(crate) fn settings(world: &World, account: &str) -> Reply {
    let all: Vec<Value> = below(world, account).map(|setting| shown(account, setting)).collect();
    Reply::json(200, &json!({"value": all}))
}

/// One of them.
pub(crate) fn setting(world: &World, account: &str, name: &str) -> Result<Reply, Reply> {
    let found = below(world, account).find(|setting| setting.name.eq_ignore_ascii_case(name));
    found.map(|setting| Reply::json(200, &shown(account, setting))).ok_or_else(|| {
        errors::error(404, "ResourceNotFound", &format!("The diagnostic setting '{name}' doesn't exist."))
    })
}

/// Makes or replaces one.
pub(crate) fn set(world: &mut World, request: &Request, account: &str, name: &str) -> Result<Reply, Reply> {
    let mut sent: Map<String, Value> = request.json_object()?;
    let mut properties = sent.remove("properties").unwrap_or_default();
    let kinds = ["workspaceId", "storageAccountId", "eventHubAuthorizationRuleId", "marketplacePartnerId"];
    if !kinds.iter().any(|kind| properties[*kind].as_str().is_some_and(|id| !id.is_empty())) {
        return Err(errors::bad_request("BadRequest", "At least one data sink needs to be specified."));
    }
    for entry in properties["logs"].as_array_mut().into_iter().flatten() {
        for name in ["category", "categoryGroup"] {
            if entry[name].is_null() {
                entry[name] = Value::Null;
            }
        }
    }
    let setting = DiagnosticSetting { name: name.to_owned(), properties };
    let reply = Reply::json(200, &shown(account, &setting));
    world.state.diagnostic_settings.insert(format!("{account}/{name}").to_lowercase(), setting);
    Ok(reply)
}

/// Removes one.
pub(crate) fn unset(world: &mut World, account: &str, name: &str) -> Reply {
    let removed = world.state.diagnostic_settings.remove(&format!("{account}/{name}").to_lowercase());
    Reply::empty(if removed.is_some() { 200 } else { 204 })
}

/// The categories of logs that an account has.
pub(crate) fn categories(account: &str) -> Reply {
    let category = |(name, groups): (&str, &[&str])| {
        json!({
            "id": format!("{account}/providers/microsoft.insights/diagnosticSettingsCategories/{name}").to_lowercase(),
            "type": "Microsoft.Insights/diagnosticSettingsCategories",
            "name": name,
            "properties": {"categoryType": "Logs", "categoryGroups": groups},
        })
    };
    let all: [(&str, &[&str]); 4] = [
        ("Audit", &["audit", "allLogs"]),
        ("RequestResponse", &["allLogs"]),
        ("AzureOpenAIRequestUsage", &["allLogs"]),
        ("Trace", &["allLogs"]),
    ];
    Reply::json(200, &json!({"value": all.map(category)}))
}

/// For how long a workspace keeps the table: the shortest time that was set for an account that logs there.
pub(crate) fn table(world: &World, workspace: &str, table: &str) -> Reply {
    let logs_there =
        |account: &str| sinks(world, account).iter().any(|id| id.eq_ignore_ascii_case(workspace));
    let kept = world.state.monitoring.iter().filter(|(account, _)| logs_there(account));
    let days = kept.filter_map(|(_, how)| how.retention_days).min().unwrap_or(RETENTION);
    Reply::json(
        200,
        &json!({
            "id": format!("{workspace}/tables/{table}"),
            "name": table,
            "properties": {"retentionInDays": days, "totalRetentionInDays": days, "plan": "Analytics"},
        }),
    )
}

/// The calls of an account, with their times.
fn calls<'w>(world: &'w World, account: &str) -> impl Iterator<Item = &'w ModelCall> + use<'w> {
    let prefix = format!("{}/", account.to_lowercase());
    let all = world.state.model_calls.range(prefix.clone()..);
    all.take_while(move |(key, _)| key.starts_with(&prefix)).map(|(_, call)| call)
}

fn microsecond(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
}

/// Begin and end in a text such as `2026-11-01T00:00:00Z/2026-11-02T00:00:00Z`.
fn span(text: &str) -> Option<(i64, i64)> {
    let (from, to) = text.split_once('/')?;
    Some((microsecond(from)?, microsecond(to)?))
}

/// `GET .../metrics`: calls by day.
pub(crate) fn metrics(world: &World, request: &Request, account: &str) -> Result<Reply, Reply> {
    let wrong = |what: &str| errors::bad_request("BadRequest", what);
    let (from, to) = request.query("timespan").and_then(span).ok_or_else(|| wrong("Invalid time span."))?;
    if request.query("interval") != Some("P1D") || request.query("aggregation") != Some("Total") {
        return Err(wrong("The sandbox has totals by day (interval=P1D, aggregation=Total)."));
    }
    let split = match request.query("$filter") {
        None => None,
        Some("ApiName eq '*'") => Some("apiname"),
        Some("StatusCode eq '*'") => Some("statuscode"),
        Some(_) => {
            return Err(wrong(
                "The sandbox tells metrics apart by API or by status only (ApiName eq '*', StatusCode eq '*').",
            ));
        }
    };
    let how = world.state.monitoring.get(&account.to_lowercase()).cloned().unwrap_or_default();
    let is_model = |call: &ModelCall| call.operation.ends_with("_Create");
    let mut value = Vec::new();
    for name in request.query("metricnames").unwrap_or_default().split(',') {
        let counts = |call: &ModelCall| match name {
            "AzureOpenAIRequests" | "ModelRequests" => is_model(call),
            "TotalCalls" => !(how.total_without_models && is_model(call)),
            _ => (200..300).contains(&call.status),
        };
        if !["AzureOpenAIRequests", "ModelRequests", "TotalCalls", "SuccessfulCalls"].contains(&name) {
            let what = format!(
                "Failed to find metric configuration for provider: Microsoft.CognitiveServices, resource Type: accounts, metric: {name}."
            );
            return Err(wrong(&what));
        }
        if split == Some("statuscode") && !["AzureOpenAIRequests", "ModelRequests"].contains(&name) {
            let what = format!(
                "Metric: {name} does not support requested dimension combination: statuscode, supported ones are: ApiName,OperationName,Region,RatelimitKey."
            );
            return Err(wrong(&what));
        }
        let mut series: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
        for call in calls(world, account).filter(|call| (from..to).contains(&call.at) && !call.uncounted) {
            // Metrics do not count what reads a catalogue.
            if counts(call) && !call.operation.ends_with("_List") {
                let part = match split {
                    Some("apiname") if !how.nameless_metrics => api_of(call),
                    Some("statuscode") if !how.nameless_metrics => call.status.to_string(),
                    _ => String::new(),
                };
                *series.entry(part).or_default().entry(call.at.div_euclid(DAY)).or_default() += 1;
            }
        }
        let series: Vec<Value> = series
            .iter()
            .map(|(part, days)| {
                let point = |day: i64| json!({"timeStamp": time(day * DAY), "total": days.get(&day).copied().unwrap_or_default()});
                let data: Vec<Value> = (from.div_euclid(DAY)..(to + DAY - 1).div_euclid(DAY)).map(point).collect();
                let named = json!({"name": {"value": split, "localizedValue": split}, "value": part});
                let of = if part.is_empty() { json!([]) } else { json!([named]) };
                json!({"metadatavalues": of, "data": data})
            })
            .collect();
        value.push(json!({
            "id": format!("{account}/providers/Microsoft.Insights/metrics/{name}"),
            "type": "Microsoft.Insights/metrics",
            "name": {"value": name, "localizedValue": name},
            "unit": "Count",
            "timeseries": series,
            "errorCode": "Success",
        }));
    }
    let body = json!({
        "cost": 0,
        "timespan": request.query("timespan"),
        "interval": "P1D",
        "namespace": "Microsoft.CognitiveServices/accounts",
        "value": value,
    });
    Ok(Reply::json(200, &body))
}

/// The API of a call, as the metrics name it.
fn api_of(call: &ModelCall) -> String {
    match call.operation.split_once('_') {
        Some((_, "Create")) => "Azure OpenAI API version 2024-10-21".to_owned(),
        Some((service, _)) => format!("{service} API"),
        None => format!("{} API", call.operation),
    }
}

fn time(micros: i64) -> String {
    Timestamp::from_microsecond(micros).unwrap_or_default().to_string()
}

/// A refused query.
fn refused(inner: &Value) -> Reply {
    Reply::json(
        400,
        &json!({"error": {"message": "The request had some invalid properties", "code": "BadArgumentError", "innererror": inner}}),
    )
}

/// `POST .../logs`: the request log of one account, or of all in a scope.
pub(crate) fn logs(world: &World, request: &Request, scope: &str) -> Result<Reply, Reply> {
    let sent = request.json_object()?;
    let query = sent.get("query").and_then(Value::as_str).unwrap_or_default();
    let Some((since, until)) = recognise(query) else {
        return Err(refused(
            &json!({"code": "SyntaxError", "message": "A recognition error occurred in the query."}),
        ));
    };
    let timespan = sent.get("timespan").and_then(Value::as_str).and_then(span);
    let scope = scope.to_lowercase();
    let accounts = world.state.accounts.keys().map(String::as_str);
    let accounts: Vec<&str> =
        accounts.filter(|key| *key == scope || key.starts_with(&format!("{scope}/"))).collect();
    let nothing = Monitoring::default();
    // Workspaces are hidden and deny a table to a caller, whichever account is asked about.
    let lower = |ids: &[String]| -> Vec<String> { ids.iter().map(|id| id.to_lowercase()).collect() };
    let hidden: BTreeSet<String> =
        world.state.monitoring.values().flat_map(|how| lower(&how.hidden)).collect();
    let denying = world.state.monitoring.iter().filter(|(_, how)| how.denied_table);
    let denying: BTreeSet<String> = denying.flat_map(|(account, _)| lower(&sinks(world, account))).collect();
    let can_see = |id: &String| !hidden.contains(&id.to_lowercase());
    let can_read = |id: &String| can_see(id) && !denying.contains(&id.to_lowercase());
    let (mut rows, mut resources, mut visible) = (Vec::new(), Vec::new(), BTreeSet::new());
    let (mut arrived, mut partial, mut unsaid) = (false, false, false);
    for account in accounts {
        let how = world.state.monitoring.get(account).unwrap_or(&nothing);
        let mut sources: BTreeSet<String> = sinks(world, account).into_iter().collect();
        let mut kept: BTreeMap<i64, usize> = BTreeMap::new();
        let oldest = world.now.as_microsecond() - i64::from(how.retention_days.unwrap_or(RETENTION)) * DAY;
        let mut found = Vec::new();
        for call in calls(world, account).filter(|call| !call.sinks.is_empty()) {
            sources.extend(call.sinks.iter().cloned());
            let day = kept.entry(call.at.div_euclid(DAY)).or_default();
            *day += 1;
            if how.cap_per_day.is_some_and(|most| *day > most) || call.at < oldest {
                continue;
            }
            // A workspace that the caller may not read is left out of a normal answer.
            arrived = true;
            let within = timespan.is_none_or(|(from, to)| (from..to).contains(&call.at));
            if within && (since..until).contains(&call.at) {
                let copies = call.sinks.iter().filter(|id| can_read(id)).count();
                records(&mut found, call, copies, how.twins);
            }
        }
        if sources.is_empty() {
            continue;
        }
        rows.extend(summarized(account, &calls_of(&found)));
        visible.extend(sources.iter().filter(|id| can_see(id)).cloned());
        resources.push(json!({"resourceId": account, "dataSources": sources}));
        partial |= how.partial;
        unsaid |= how.unsaid;
    }
    if !arrived {
        return Err(refused(&json!({
            "code": "SemanticError",
            "message": "A semantic error occurred.",
            "innererror": {
                "code": "SEM0100",
                "message": "'where' operator: Failed to resolve table or column expression named 'AzureDiagnostics'",
            },
        })));
    }
    let columns = COLUMNS.map(|(name, kind)| json!({"name": name, "type": kind}));
    let mut body = json!({"tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}]});
    if partial {
        body["error"] =
            json!({"code": "PartialError", "message": "There were some errors when processing your query."});
    }
    let asked = request.header("prefer").is_some_and(|prefer| prefer.contains("include-permissions=true"));
    if asked && !unsaid {
        let tables = |id: &String| if can_read(id) { json!([]) } else { json!(["AzureDiagnostics"]) };
        let sources: Vec<Value> =
            visible.iter().map(|id| json!({"resourceId": id, "denyTables": tables(id)})).collect();
        body["permissions"] = json!({"resources": resources, "dataSources": sources});
    }
    Ok(Reply::json(200, &body))
}

/// The times of the query, if it is the one that is known.
fn recognise(query: &str) -> Option<(i64, i64)> {
    let mut times = Vec::new();
    let mut rest = query;
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("= datetime(") {
        let (inside, after) = after.split_once(')')?;
        times.push(microsecond(inside)?);
        text.push_str(before);
        text.push_str("= datetime()");
        rest = after;
    }
    text.push_str(rest);
    let hash = Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hash, byte| {
        _ = write!(hash, "{byte:02x}");
        hash
    });
    match times.as_slice() {
        [since, until] if hash == QUERY => Some((*since, *until)),
        _ => None,
    }
}

/// A record of a call in a workspace.
struct CallRecord<'w> {
    correlation: usize,
    call: &'w ModelCall,
    /// Newer calls have a second record, which is nearly empty.
    is_empty: bool,
}

/// Adds the records of a call: one in each workspace, with its twin.
fn records<'w>(all: &mut Vec<CallRecord<'w>>, call: &'w ModelCall, copies: usize, twins: bool) {
    let correlation = all.last().map_or(0, |last| last.correlation + 1);
    for _ in 0..copies {
        // The empty one comes first: who takes the first record of a call takes every call for one with a key.
        let kinds: &[bool] = if twins { &[true, false] } else { &[false] };
        all.extend(kinds.iter().map(|is_empty| CallRecord { correlation, call, is_empty: *is_empty }));
    }
}

/// What the query makes of records: the calls, each with what any of its records says.
fn calls_of(records: &[CallRecord<'_>]) -> Vec<ModelCall> {
    let mut calls: BTreeMap<usize, ModelCall> = BTreeMap::new();
    for CallRecord { correlation, call, is_empty } in records {
        let empty = ModelCall { caller: None, deployment: None, silent: true, ..(*call).clone() };
        let known = calls.entry(*correlation).or_insert(empty);
        if !is_empty {
            *known = (*call).clone();
        }
    }
    calls.into_values().collect()
}

/// What the query makes of calls: one row for each day, operation and way of signing in.
fn summarized(account: &str, calls: &[ModelCall]) -> Vec<Value> {
    let mut groups: BTreeMap<(i64, &str, &str, bool), Vec<&ModelCall>> = BTreeMap::new();
    for call in calls {
        let how = match (&call.caller, call.status) {
            (Some(_), _) if !call.silent => "token",
            (_, 401) => "refused",
            (_, 200..=299) => "key",
            _ => "unclear",
        };
        let is_refused = matches!(call.status, 401 | 403);
        groups.entry((call.at.div_euclid(DAY), &call.operation, how, is_refused)).or_default().push(call);
    }
    let row = |((day, operation, how, is_refused), calls): (&(i64, &str, &str, bool), &Vec<&ModelCall>)| {
        let set = |items: BTreeSet<&String>| Value::String(json!(items).to_string());
        let at_begin = |call: &&&ModelCall| call.at.rem_euclid(DAY) < MINUTE;
        let at_end = |call: &&&ModelCall| DAY - call.at.rem_euclid(DAY) <= MINUTE;
        let callers = calls.iter().filter(|call| !call.silent).filter_map(|call| call.caller.as_ref());
        json!([
            account,
            time(day * DAY),
            operation,
            how,
            u8::from(*is_refused),
            calls.len(),
            calls.iter().filter(|call| call.silent).count(),
            calls.iter().filter(at_begin).count(),
            calls.iter().filter(at_end).count(),
            calls.iter().map(|call| call.at).min().map(time),
            calls.iter().map(|call| call.at).max().map(time),
            set(calls.iter().filter_map(|call| call.deployment.as_ref()).collect()),
            "[\"127.0.0.***\"]",
            set(callers.collect()),
        ])
    };
    groups.iter().map(row).collect()
}
