//! Worlds: what an account's settings, traffic, logs, metrics and the caller's rights are, and the one right verdict of each.
//!
//! A world says what really happened. Azure's answers are derived from that, as far as the world lets them through, and are read and judged
//! like real ones. So besides the verdict, two laws are checked in every world, and in thousands of random ones: keys that were used on a
//! covered day are never passed, and without them nothing is called use of keys.

use serde_json::{Value, json};

mod asking;
mod laws;
mod table;

use super::*;
use crate::document::usage::{AccountUsage, KeyVerdict};
use crate::id::ResourceId;
use crate::snapshot::{Answer, Query, Shape, Snapshot};
use crate::text::source::Sources;

const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";
const ALICE: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const BOB: &str = "bbbbbbbb-0000-4000-8000-000000000002";
const CHAT: &str = "ChatCompletions_Create";
const SPEECH: &str = "Speech_Synthesize";
const LIST: &str = "Models_List";

fn workspace(name: &str) -> String {
    format!("{GROUP}/providers/Microsoft.OperationalInsights/workspaces/{name}")
}

/// Who called.
#[derive(Debug, Clone, Copy, PartialEq)]
enum TrafficCaller {
    /// With a key, and the service logs callers.
    Key,
    /// With a key, to a service that logs none.
    KeySilent,
    /// With a key; throttled or wrong in itself, so it did not succeed.
    KeyUnclear,
    /// With a token.
    Token(&'static str),
    /// With a token, to a service that logs no caller.
    TokenSilent,
    /// With nothing valid.
    Refused,
}

impl TrafficCaller {
    fn is_key(self) -> bool {
        matches!(self, TrafficCaller::Key | TrafficCaller::KeySilent | TrafficCaller::KeyUnclear)
    }
}

/// Calls on a day, which is so many days ago.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    ago: i64,
    who: TrafficCaller,
    operation: &'static str,
    calls: u64,
    at_midnight: u64,
}

fn on(ago: i64, who: TrafficCaller, calls: u64) -> Traffic {
    Traffic { ago, who, operation: CHAT, calls, at_midnight: 0 }
}

fn of(operation: &'static str, traffic: Traffic) -> Traffic {
    Traffic { operation, ..traffic }
}

/// So many calls on every day, today too.
fn daily(who: TrafficCaller, calls: u64) -> Vec<Traffic> {
    (0..=30).map(|ago| on(ago, who, calls)).collect()
}

/// The answer to the question where the log goes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Setting {
    Workspace,
    Group,
    AuditGroup,
    AuditCategory,
    Disabled,
    Storage,
    None,
    Denied,
}

/// The answer to the query of the log.
#[derive(Debug, Clone, Copy, PartialEq)]
enum QueryAnswer {
    Whole,
    NoTable,
    Denied,
    Private,
    Partial,
    Hidden,
    DeniedTable,
    DeniedHere,
    Unsaid,
    OfAnother,
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum MetricAnswer {
    All,
    Denied,
    OneMissing,
    Failed,
}

#[derive(Debug, Clone)]
struct UsageWorld {
    traffic: Vec<Traffic>,
    takes_keys: bool,
    has_subdomain: bool,
    setting: Setting,
    log: QueryAnswer,
    /// The log has nothing older than this many days.
    since: i64,
    /// On this day the log stopped at this many calls.
    cap: Option<(i64, u64)>,
    metrics: MetricAnswer,
    /// Calls that the metrics count one day later than the log.
    late: Option<(i64, u64)>,
    quiet_days: u32,
    retention: Option<u32>,
}

impl UsageWorld {
    fn of(traffic: Vec<Traffic>) -> Self {
        Self {
            traffic,
            takes_keys: true,
            has_subdomain: true,
            setting: Setting::Workspace,
            log: QueryAnswer::Whole,
            since: 1000,
            cap: None,
            metrics: MetricAnswer::All,
            late: None,
            quiet_days: 30,
            retention: None,
        }
    }

    fn with_log(self, log: QueryAnswer) -> Self {
        Self { log, ..self }
    }

    fn window() -> Window {
        Window { days: 30, now: "2026-11-26T13:00:00Z".parse().unwrap() }
    }

    fn subject(&self, name: &str) -> AskedAccount {
        let id = ResourceId::parse(&format!("{GROUP}/providers/Microsoft.CognitiveServices/accounts/{name}"));
        AskedAccount {
            address: name.to_owned(),
            id: id.unwrap(),
            span: None,
            has_subdomain: self.has_subdomain,
            takes_keys: self.takes_keys,
            quiet_days: self.quiet_days,
        }
    }

    fn answer(&self, query: &Query) -> Answer {
        let refusal = Refusal { message: "Azure answered 403 AuthorizationFailed".to_owned(), hint: None };
        match query.path.split('?').next().and_then(|path| path.rsplit('/').next()).unwrap_or_default() {
            "diagnosticSettings" if self.setting == Setting::Denied => Answer::Denied(refusal),
            "diagnosticSettings" => Answer::found(self.settings()),
            "diagnosticSettingsCategories" => Answer::found([
                json!({"name": "Audit", "properties": {"categoryGroups": ["allLogs", "audit"]}}),
                json!({"name": "RequestResponse", "properties": {"categoryGroups": ["allLogs"]}}),
            ]),
            "AzureDiagnostics" => match self.retention {
                Some(days) => Answer::found([json!({"properties": {"retentionInDays": days}})]),
                None => Answer::Denied(refusal),
            },
            "metrics" if self.metrics == MetricAnswer::Denied => Answer::Denied(refusal),
            "metrics" => Answer::found([self.counts()]),
            "values" => Answer::found([]),
            "logs" => self.logged(),
            other => panic!("no such question: {other}"),
        }
    }

    fn settings(&self) -> Option<Value> {
        let (logs, to) = match self.setting {
            Setting::Workspace | Setting::Denied => {
                (json!({"category": "RequestResponse", "enabled": true}), "workspaceId")
            }
            Setting::Group => (json!({"categoryGroup": "allLogs", "enabled": true}), "workspaceId"),
            Setting::AuditGroup => (json!({"categoryGroup": "audit", "enabled": true}), "workspaceId"),
            Setting::AuditCategory => (json!({"category": "Audit", "enabled": true}), "workspaceId"),
            Setting::Disabled => (json!({"category": "RequestResponse", "enabled": false}), "workspaceId"),
            Setting::Storage => (json!({"category": "RequestResponse", "enabled": true}), "storageAccountId"),
            Setting::None => return None,
        };
        Some(json!({"name": "s", "properties": {to: workspace("w"), "logs": [logs]}}))
    }

    fn counts(&self) -> Value {
        let today = Self::window().today();
        let metric = |name: &str, fits: &dyn Fn(&Traffic) -> bool| {
            let mut data: Vec<Value> = self
                .traffic
                .iter()
                .filter(|each| !each.operation.ends_with("_List") && fits(each))
                .map(|each| json!({"timeStamp": begin(today - each.ago).to_string(), "total": each.calls}))
                .collect();
            if let Some((ago, calls)) = self.late {
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let calls = calls as f64;
                data.push(json!({"timeStamp": begin(today - ago + 1).to_string(), "total": calls}));
            }
            json!({"name": {"value": name}, "timeseries": [{"data": data}]})
        };
        let late = self.late;
        // What is late was counted on its own day above.
        let models = |each: &Traffic| each.operation != SPEECH;
        let ok = |each: &Traffic| !matches!(each.who, TrafficCaller::Refused | TrafficCaller::KeyUnclear);
        let mut value = vec![
            metric("AzureOpenAIRequests", &models),
            metric("TotalCalls", &|_| true),
            metric("SuccessfulCalls", &ok),
        ];
        if self.metrics != MetricAnswer::OneMissing {
            value.push(metric("ModelRequests", &models));
        }
        if self.metrics == MetricAnswer::Failed {
            value[0]["errorCode"] = json!("Throttled");
        }
        if let Some((ago, calls)) = late {
            for metric in &mut value {
                for point in metric["timeseries"][0]["data"].as_array_mut().unwrap() {
                    if point["timeStamp"] == begin(today - ago).to_string() {
                        let total = point["total"].as_u64().unwrap();
                        point["total"] = json!(total.saturating_sub(calls));
                        break;
                    }
                }
            }
        }
        json!({"value": value})
    }

    /// Whether the log has the traffic of a day, as far as there is no cap.
    fn arrives(&self, ago: i64) -> bool {
        ago <= self.since && matches!(self.setting, Setting::Workspace | Setting::Group | Setting::Denied)
    }

    fn logged(&self) -> Answer {
        let refusal = |hint: &str| Refusal { message: "403".to_owned(), hint: Some(hint.to_owned()) };
        match self.log {
            QueryAnswer::NoTable => return Answer::Absent { code: "SEM0100".to_owned() },
            QueryAnswer::Denied => return Answer::Denied(refusal("")),
            QueryAnswer::Private => {
                return Answer::Denied(refusal("the workspace refuses queries from public networks"));
            }
            QueryAnswer::Broken => {
                return Answer::found([json!({"tables": [{"columns": [], "rows": [[]]}]})]);
            }
            _ => {}
        }
        let account = self.subject("a").id.as_str().to_lowercase();
        let today = Self::window().today();
        let columns = [
            "Account",
            "Day",
            "Operation",
            "How",
            "Calls",
            "WithoutField",
            "AtMidnight",
            "First",
            "Last",
            "Deployments",
            "Addresses",
            "Callers",
        ];
        let mut rows = Vec::new();
        let mut left = self.cap.map_or(0, |(_, calls)| calls);
        for each in self.traffic.iter().filter(|each| self.arrives(each.ago)) {
            let mut calls = each.calls;
            if self.cap.is_some_and(|(ago, _)| ago == each.ago) {
                calls = calls.min(left);
                left -= calls;
            }
            if calls == 0
                || (matches!(self.log, QueryAnswer::Hidden | QueryAnswer::Partial) && each.who.is_key())
            {
                continue;
            }
            let (how, callers, without) = match each.who {
                TrafficCaller::Key => ("key", json!([]), 0),
                TrafficCaller::KeySilent | TrafficCaller::TokenSilent => ("key", json!([]), calls),
                TrafficCaller::KeyUnclear => ("unclear", json!([]), 0),
                TrafficCaller::Token(id) => ("token", json!([id]), 0),
                TrafficCaller::Refused => ("refused", json!([]), 0),
            };
            let at = begin(today - each.ago).to_string();
            rows.push(json!([
                account,
                at,
                each.operation,
                how,
                calls,
                without,
                each.at_midnight,
                at,
                at,
                "[\"gpt\"]",
                "[\"81.2.69.***\"]",
                callers.to_string(),
            ]));
        }
        let columns: Vec<Value> =
            columns.iter().map(|name| json!({"name": name, "type": "string"})).collect();
        let mut body = json!({
            "tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}],
            "permissions": {
                "resources": [{"resourceId": account, "dataSources": [workspace("w"), workspace("other")]}],
                "dataSources": [{"resourceId": workspace("w")}, {"resourceId": workspace("OTHER")}],
            },
        });
        match self.log {
            QueryAnswer::Hidden => {
                body["permissions"]["dataSources"].as_array_mut().unwrap().pop();
            }
            QueryAnswer::DeniedTable => {
                body["permissions"]["dataSources"][0]["denyTables"] = json!(["azurediagnostics"]);
            }
            QueryAnswer::DeniedHere => {
                body["permissions"]["resources"][0]["denyTables"] = json!(["AzureDiagnostics"]);
            }
            QueryAnswer::Unsaid => body["permissions"] = Value::Null,
            QueryAnswer::OfAnother => {
                body["permissions"]["resources"][0]["resourceId"] = json!(format!("{account}-2"));
            }
            QueryAnswer::Partial => {
                body["error"] = json!({"code": "PartialError", "message": "There were some errors."});
            }
            _ => {}
        }
        Answer::found([body])
    }

    /// Asks everything that is open until nothing is, and judges.
    fn judged(&self) -> AccountUsage {
        let subject = self.subject("a");
        let subjects = [subject.clone()];
        let mut snapshot = Snapshot::default();
        for _ in 0..8 {
            let mut open = queries(&subjects, Self::window(), &snapshot);
            open.retain(|query| snapshot.get(query).is_none());
            for query in &open {
                snapshot.insert(query, self.answer(query));
            }
            if open.is_empty() {
                let evidence = evidence(&subject, Self::window(), &snapshot);
                return judge(&subject, &evidence, Self::window(), &Sources::default());
            }
        }
        panic!("the questions do not end");
    }

    /// Whether keys were used on a covered day, or today.
    fn used_keys(&self, covered: u32) -> bool {
        self.traffic.iter().any(|each| each.who.is_key() && each.ago <= i64::from(covered))
    }
}

/// Checks the two laws.
fn is_lawful(world: &UsageWorld, usage: &AccountUsage) {
    let quiet = matches!(usage.verdict, KeyVerdict::NoKeyCallSeen | KeyVerdict::NoCall);
    assert!(!(quiet && world.used_keys(usage.covered_days)), "passes used keys: {world:?}\n{usage:?}");
    let proven = usage.verdict == KeyVerdict::KeysUsed;
    let used = world.traffic.iter().any(|each| each.who.is_key());
    assert!(!proven || used || !world.has_subdomain, "calls it use of keys: {world:?}\n{usage:?}");
}

fn tokens() -> Vec<Traffic> {
    [daily(TrafficCaller::Token(ALICE), 3), daily(TrafficCaller::Token(BOB), 2)].concat()
}

fn and(mut traffic: Vec<Traffic>, more: Traffic) -> Vec<Traffic> {
    traffic.push(more);
    traffic
}

#[test]
fn each_world_has_its_verdict_and_says_why() {
    let table = table::table();
    assert!(table.len() >= 25, "{}", table.len());
    for (name, world, verdict, words) in table {
        let usage = world.judged();
        assert_eq!(usage.verdict, verdict, "{name}: {usage:#?}");
        let said = serde_json::to_string(&(&usage.reasons, &usage.notes, &usage.statement)).unwrap();
        assert!(said.contains(words), "{name}: `{words}` in {said}");
        is_lawful(&world, &usage);
        assert_eq!(
            verdict == KeyVerdict::CannotTell,
            !usage.reasons.is_empty() && verdict == KeyVerdict::CannotTell,
            "{name}"
        );
    }
}
