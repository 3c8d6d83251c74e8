//! `/_sandbox/monitor`: calls that an account had in the past, and logs that mislead.
//!
//! Calls of the data plane are logged anyway; this makes weeks of them at once, and what Azure's logs leave out. Changes the state directly.

use axum::http::Method;
use serde::Deserialize;
use serde_json::json;

use crate::sandbox::arm::monitor;
use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::{ModelCall, Monitoring, World};

/// Most calls that one request makes.
const MOST: u32 = 20_000;
/// Microseconds in a second.
const SECOND: i64 = 1_000_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MonitorRequest {
    /// The id of an account.
    account: String,
    #[serde(default)]
    calls: Vec<PastCalls>,
    /// Replaces how the logs mislead.
    #[serde(default)]
    logs: Option<Monitoring>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PastCalls {
    days_ago: u32,
    #[serde(default = "one")]
    count: u32,
    #[serde(default = "chat")]
    operation: String,
    #[serde(default)]
    deployment: Option<String>,
    #[serde(default = "ok")]
    status: u16,
    /// The object id of the caller; none for a key.
    #[serde(default)]
    caller: Option<String>,
    /// Whether the records have no field for the caller.
    #[serde(default)]
    silent: bool,
    /// At which second of the day; otherwise at noon, and just now for today.
    #[serde(default)]
    second: Option<i64>,
    /// Whether metrics count the calls.
    #[serde(default = "yes")]
    counted: bool,
    /// Whether there are records: otherwise only metrics count the calls.
    #[serde(default = "yes")]
    logged: bool,
}

fn one() -> u32 {
    1
}

fn ok() -> u16 {
    200
}

fn yes() -> bool {
    true
}

fn chat() -> String {
    "ChatCompletions_Create".to_owned()
}

/// `POST /_sandbox/monitor`.
pub(crate) fn answer(world: &mut World, request: &Request) -> Reply {
    if request.method != Method::POST {
        return errors::method_not_allowed(request.method.as_str());
    }
    let sent: MonitorRequest = match request.sandbox_json() {
        Ok(sent) => sent,
        Err(refusal) => return refusal,
    };
    let account = sent.account.to_lowercase();
    if !world.state.accounts.contains_key(&account) {
        return errors::sandbox_invalid("there is no account with this id");
    }
    let count = sent.calls.iter().fold(0_u32, |count, calls| count.saturating_add(calls.count));
    if count > MOST {
        return errors::sandbox_invalid(&format!("at most {MOST} calls at once"));
    }
    if let Some(logs) = sent.logs {
        world.state.monitoring.insert(account.clone(), logs);
    }
    let sinks = monitor::sinks(world, &account);
    for calls in sent.calls {
        // At noon of a day in the past, and just now today, so that no call is in the future.
        let now = world.now.as_microsecond();
        let day = 24 * 3600 * SECOND;
        let begin = (now.div_euclid(day) - i64::from(calls.days_ago)) * day;
        let at = match calls.second {
            Some(second) => begin + second * SECOND,
            None if calls.days_ago == 0 => now - SECOND,
            None => begin + day / 2,
        };
        for number in 0..calls.count {
            let call = ModelCall {
                at: at + i64::from(number),
                operation: calls.operation.clone(),
                deployment: calls.deployment.clone(),
                status: calls.status,
                caller: calls.caller.clone(),
                silent: calls.silent,
                uncounted: !calls.counted,
                sinks: if calls.logged { sinks.clone() } else { Vec::new() },
            };
            monitor::remember(world, &account, call);
        }
    }
    Reply::json(200, &json!({"calls": count}))
}
