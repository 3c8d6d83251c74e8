//! Worlds: what an account's settings, traffic, logs, metrics and the caller's rights are, and the one right verdict of each.
//!
//! A world says what really happened. Azure's answers are derived from that, as far as the world lets them through, and are read and judged
//! like real ones. So besides the verdict, two laws are checked in every world, and in thousands of random ones: keys that were used on a
//! covered day are never passed, and without them nothing is called use of keys.

use serde_json::{Value, json};

mod asking;
mod borders;
mod counting;
mod laws;
mod logs;
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
    /// With a key, by a route that is never logged.
    KeyUnlogged,
    /// With a key, so shortly ago that neither the log nor the metrics have it.
    KeyNotYet,
    /// With a token.
    Token(&'static str),
    /// With a token, to a service that logs no caller.
    TokenSilent,
    /// With a token that lacks the role.
    TokenRefused(&'static str),
    /// With nothing valid.
    Refused,
}

impl TrafficCaller {
    fn is_key(self) -> bool {
        matches!(
            self,
            TrafficCaller::Key
                | TrafficCaller::KeySilent
                | TrafficCaller::KeyUnclear
                | TrafficCaller::KeyUnlogged
                | TrafficCaller::KeyNotYet
        )
    }

    fn is_refused(self) -> bool {
        matches!(self, TrafficCaller::TokenRefused(_) | TrafficCaller::Refused)
    }
}

/// Calls on a day, which is so many days ago.
#[derive(Debug, Clone, Copy)]
struct Traffic {
    ago: i64,
    who: TrafficCaller,
    operation: &'static str,
    calls: u64,
    /// How many of them were made in the first minute of the day, and in the last one.
    at_begin: u64,
    at_end: u64,
}

fn on(ago: i64, who: TrafficCaller, calls: u64) -> Traffic {
    Traffic { ago, who, operation: CHAT, calls, at_begin: 0, at_end: 0 }
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
    /// The account is listed twice, the second time with a workspace that may not be read.
    ListedTwice,
    /// A workspace is listed twice, the second time without the table.
    ReadableTwice,
    NoSources,
    OddSources,
    Broken,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum MetricAnswer {
    All,
    Denied,
    OneMissing,
    Failed,
    /// Azure answers for fewer days than were asked about.
    Shorter,
}

/// What is known about the APIs that metrics count.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ApiAnswer {
    Named,
    /// Each metric names them in its own way.
    NamedOtherwise,
    /// One metric counts Azure OpenAI with a version, the other what is logged nowhere, without one.
    Routes,
    /// Azure OpenAI, with a version, which `TotalCalls` leaves out.
    Versions,
    Nameless,
    Denied,
}

/// How metrics tell calls apart by status.
#[derive(Debug, Clone, Copy, PartialEq)]
enum StatusAnswer {
    Codes,
    /// Whether they succeeded, and no more.
    Words,
    Denied,
}

#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a property of a world")]
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
    /// Calls that the metrics count one day earlier than the log.
    early: Option<(i64, u64)>,
    /// Calls that the metrics dropped on a day.
    dropped: Option<(i64, u64)>,
    apis: ApiAnswer,
    statuses: StatusAnswer,
    /// Whether `TotalCalls` counts calls of models too.
    total_has_models: bool,
    /// Whether the metrics count calls that were refused.
    counts_refused: bool,
    /// Operations that no metric counts, besides reads of catalogues.
    uncounted: Option<&'static str>,
    /// Operations that only `TotalCalls` counts.
    only_total: Option<&'static str>,
    now: &'static str,
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
            early: None,
            dropped: None,
            apis: ApiAnswer::Named,
            statuses: StatusAnswer::Codes,
            total_has_models: true,
            counts_refused: true,
            uncounted: None,
            only_total: None,
            now: "2026-11-26T13:00:00Z",
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

    fn period(&self) -> Window {
        Window { now: self.now.parse().unwrap(), ..Self::window() }
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
            "metrics" if query.path.contains("filter=StatusCode") => match self.statuses {
                StatusAnswer::Denied => Answer::Denied(refusal),
                _ => Answer::found([self.by_status(&query.path)]),
            },
            "metrics" if query.path.contains("filter=") => match self.apis {
                ApiAnswer::Denied => Answer::Denied(refusal),
                _ => Answer::found([self.by_api(&query.path)]),
            },
            "metrics" => Answer::found([self.counts(&query.path)]),
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

    /// Whether a metric counts calls.
    fn counted(&self, metric: &str, each: &Traffic) -> bool {
        let is_model = each.operation != SPEECH;
        let is_ok = !(each.who.is_refused() || each.who == TrafficCaller::KeyUnclear);
        let counts = match metric {
            "TotalCalls" => self.total_has_models || !is_model,
            "SuccessfulCalls" => is_ok,
            _ => is_model && self.only_total != Some(each.operation),
        };
        let left_out = each.operation.to_lowercase().ends_with("_list")
            || self.uncounted == Some(each.operation)
            || each.who == TrafficCaller::KeyNotYet
            || each.who.is_refused() && !self.counts_refused;
        counts && !left_out
    }

    fn points(&self, path: &str, metric: &str, fits: &dyn Fn(&Traffic) -> bool) -> Value {
        let last = self.period().last();
        let of = |some: Option<(i64, u64)>, ago: i64| {
            some.filter(|(day, _)| *day == ago).map_or(0, |(_, calls)| calls)
        };
        let moves = |ago: i64| [self.late, self.early, self.dropped].map(|some| of(some, ago));
        let mut left = std::collections::BTreeMap::new();
        let mut data = Vec::new();
        for each in self.traffic.iter().filter(|each| self.counted(metric, each) && fits(each)) {
            let mut stay = each.calls;
            let left = left.entry(each.ago).or_insert_with(|| moves(each.ago));
            let mut moved = [each.at_end, each.at_begin, each.at_end];
            for (moved, left) in moved.iter_mut().zip(left) {
                *moved = stay.min(*left).min(*moved);
                *left -= *moved;
                stay -= *moved;
            }
            for (ago, calls) in [(each.ago, stay), (each.ago - 1, moved[0]), (each.ago + 1, moved[1])] {
                data.push(json!({"timeStamp": begin(last - ago).to_string(), "total": calls}));
            }
        }
        let span = path.split("timespan=").nth(1).unwrap().split('&').next().unwrap();
        let (from, to) = span.split_once('/').unwrap();
        data.retain(|point| (from..to).contains(&point["timeStamp"].as_str().unwrap()));
        json!(data)
    }

    fn counts(&self, path: &str) -> Value {
        let metric = |name: &str| {
            let fits = |each: &Traffic| match (self.apis, name) {
                (ApiAnswer::Routes, "AzureOpenAIRequests") => each.who != TrafficCaller::KeyUnlogged,
                (ApiAnswer::Routes, "ModelRequests") => each.who == TrafficCaller::KeyUnlogged,
                (ApiAnswer::Routes, "SuccessfulCalls") => false,
                _ => true,
            };
            let data = self.points(path, name, &fits);
            json!({"name": {"value": name}, "timeseries": [{"data": data}]})
        };
        let mut value = ["AzureOpenAIRequests", "TotalCalls", "SuccessfulCalls"].map(metric).to_vec();
        if self.metrics != MetricAnswer::OneMissing {
            value.push(metric("ModelRequests"));
        }
        if self.metrics == MetricAnswer::Failed {
            value[0]["errorCode"] = json!("Throttled");
        }
        let first = if self.metrics == MetricAnswer::Shorter { "2026-11-20" } else { "2026-10-01" };
        json!({"timespan": format!("{first}T00:00:00Z/2026-11-27T00:00:00Z"), "value": value})
    }

    fn by_api(&self, path: &str) -> Value {
        let metric = |name: &str| {
            let speech = |each: &Traffic| each.operation == SPEECH;
            let series = |api: &str, data: Value| {
                let api = match self.apis {
                    ApiAnswer::NamedOtherwise => format!("{api} as {name} calls it"),
                    _ => api.to_owned(),
                };
                json!({"metadatavalues": [{"name": {"value": "ApiName"}, "value": api}], "data": data})
            };
            let series = match self.apis {
                ApiAnswer::Nameless => {
                    vec![json!({"metadatavalues": [], "data": self.points(path, name, &|_| true)})]
                }
                ApiAnswer::Routes => {
                    let unlogged = |each: &Traffic| each.who == TrafficCaller::KeyUnlogged;
                    match name {
                        "AzureOpenAIRequests" => vec![series(
                            "Azure OpenAI API version 2024-10-21",
                            self.points(path, name, &|each| !unlogged(each)),
                        )],
                        "ModelRequests" => vec![series("OpenAI", self.points(path, name, &unlogged))],
                        _ => vec![],
                    }
                }
                ApiAnswer::Versions if name == "TotalCalls" => vec![
                    series("Azure OpenAI", self.points(path, name, &|each| !speech(each))),
                    series("Speech", self.points(path, name, &speech)),
                ],
                ApiAnswer::Versions => vec![
                    series(
                        "Azure OpenAI API version 2024-10-21",
                        self.points(path, name, &|each| each.ago % 2 == 0),
                    ),
                    series(
                        "OpenAI API version 2025-06-01",
                        self.points(path, name, &|each| each.ago % 2 == 1),
                    ),
                ],
                _ => vec![
                    series("Models", self.points(path, name, &|each| !speech(each))),
                    series("Speech", self.points(path, name, &speech)),
                ],
            };
            json!({"name": {"value": name}, "timeseries": series})
        };
        let value = ["AzureOpenAIRequests", "ModelRequests", "TotalCalls"].map(metric);
        json!({"value": value})
    }

    fn by_status(&self, path: &str) -> Value {
        let metric = |name: &str| {
            let series = |status: &str, data: Value| json!({"metadatavalues": [{"name": {"value": "statuscode"}, "value": status}], "data": data});
            let refused = if self.statuses == StatusAnswer::Words { "client errors" } else { "403" };
            let series = [
                series("200", self.points(path, name, &|each| !each.who.is_refused())),
                series(refused, self.points(path, name, &|each| each.who.is_refused())),
            ];
            json!({"name": {"value": name}, "timeseries": series})
        };
        let value = ["AzureOpenAIRequests", "ModelRequests"].map(metric);
        json!({"value": value})
    }

    /// Whether the log has the traffic of a day, as far as there is no cap.
    fn arrives(&self, ago: i64) -> bool {
        ago <= self.since && matches!(self.setting, Setting::Workspace | Setting::Group | Setting::Denied)
    }

    /// Asks everything that is open until nothing is, and judges.
    fn judged(&self) -> AccountUsage {
        let subject = self.subject("a");
        let subjects = [subject.clone()];
        let mut snapshot = Snapshot::default();
        for _ in 0..8 {
            let mut open = queries(&subjects, self.period(), &snapshot);
            open.retain(|query| snapshot.get(query).is_none());
            for query in &open {
                snapshot.insert(query, self.answer(query));
            }
            if open.is_empty() {
                let evidence = evidence(&subject, self.period(), &snapshot);
                return judge(&subject, &evidence, self.period(), &Sources::default());
            }
        }
        panic!("the questions do not end");
    }

    /// Whether keys were used on a covered day, or today in a way that the log shows by now.
    fn used_keys(&self, covered: u32) -> bool {
        let window = self.period();
        let used = |each: &Traffic| {
            let day = window.last() - each.ago;
            let is_seen = !matches!(each.who, TrafficCaller::KeyNotYet | TrafficCaller::KeyUnlogged)
                && self.cap.is_none_or(|(ago, _)| ago != each.ago);
            day >= window.today() - i64::from(covered) && (day < window.today() || is_seen)
        };
        self.traffic.iter().any(|each| each.who.is_key() && used(each))
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
    for (name, world, verdict, words) in
        table::table().into_iter().chain(borders::borders()).chain(counting::counting())
    {
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
