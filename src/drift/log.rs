//! Azure's activity log: its queries, and which event was the last that changed a resource.
//!
//! Pure. The log keeps 90 days and shows an event some minutes after it happened (learn.microsoft.com, "Azure Monitor activity log").
//! Events mostly come newest first, but that is not guaranteed (Azure/azure-powershell#4553), so their times decide.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Sort;
use crate::document::{Cause, Done, Evidence};
use crate::id::{ResourceId, is_request_id, trailing_guid};
use crate::snapshot::Refusal;
use crate::text::query::{encoded, quoted};

/// How far back to look. The log rejects a start more than 90 days ago, and clocks differ.
const DAYS: i64 = 89;
/// The maximum number of log pages to read, of about 100 KB each.
pub const PAGES: usize = 20;
/// How far the end of a write in the log may be from the time on the resource; in the only recording it was four seconds after the start.
const SAME: SignedDuration = SignedDuration::from_secs(60);
/// The claims that identify the caller, most readable first. An event contains all claims of a token; the others are neither read nor kept.
const NAMING: [&str; 3] = [
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn",
    "http://schemas.microsoft.com/identity/claims/objectidentifier",
    "appid",
];
/// The caller of an event that names none; the event still counts.
const NAMELESS: &str = "somebody whom the log does not name";

/// A part of the log that one query covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LogScope {
    /// All that happened in a resource group.
    Group(ResourceId),
    /// A provider's resources in a subscription.
    Provider(ResourceId, String),
}

impl LogScope {
    /// The part that logs operations on a resource. Management groups have their own log, which is not queried.
    pub(super) fn of(id: &ResourceId) -> Option<Self> {
        if let Some(group) = id.group() {
            return Some(Self::Group(group));
        }
        let subscription = ResourceId::subscription(id.subscription_id()?);
        let provider = id.resource_type()?.split('/').next()?.to_owned();
        Some(Self::Provider(subscription, provider))
    }
}

impl fmt::Display for LogScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => write!(f, "`{group}`"),
            Self::Provider(subscription, provider) => write!(f, "`{provider}` in `{subscription}`"),
        }
    }
}

/// A question to the activity log.
#[derive(Debug, Clone)]
pub struct LogQuery {
    /// Path and query string, including api-version.
    pub path: String,
    pub(super) place: LogScope,
    /// The resources that it looks for.
    wanted: Vec<Search>,
}

/// The start of the queried period.
pub(super) fn first(now: Timestamp) -> Timestamp {
    now.saturating_sub(SignedDuration::from_hours(24 * DAYS)).unwrap_or(now)
}

/// What to look for in a log.
#[derive(Debug, Clone)]
pub(super) struct Search {
    pub id: ResourceId,
    pub sort: Sort,
    /// When it happened, if only the caller's name is missing.
    pub at: Option<Timestamp>,
}

impl LogQuery {
    pub(super) fn new(place: LogScope, wanted: Vec<Search>, now: Timestamp) -> Self {
        let (scope, condition) = match &place {
            LogScope::Group(group) => (group, format!("resourceGroupName eq {}", quoted(group.name()))),
            LogScope::Provider(subscription, provider) => {
                (subscription, format!("resourceProvider eq {}", quoted(provider)))
            }
        };
        let subscription = scope.subscription_id().unwrap_or_default();
        // Whole seconds, inclusive.
        let second = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%SZ");
        let from = second(first(now));
        let to = second(now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(now));
        let filter = format!("eventTimestamp ge '{from}' and eventTimestamp le '{to}' and {condition}");
        // No `$select`: its documented values do not include `caller`
        // (<https://learn.microsoft.com/azure/azure-monitor/platform/rest-activity-log>). Unneeded values are dropped on receipt.
        let path = format!(
            "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&$filter={}",
            encoded(&filter)
        );
        Self { path, place, wanted }
    }

    /// Whether these events answer it: everything was found, or would have been by now.
    #[must_use]
    pub fn is_answered(&self, events: &[Option<LogEvent>]) -> bool {
        let log = Log::of(events.iter().flatten());
        let oldest = events.iter().flatten().map(|event| event.at).min();
        let is_past = |at: Timestamp| oldest.is_some_and(|oldest| at.duration_since(oldest) > SAME);
        self.wanted.iter().all(|search| search.at.is_some_and(is_past) || log.find(search).is_some())
    }
}

/// The answer of the activity log.
#[derive(Debug)]
pub enum LogAnswer {
    /// It could be read.
    Read {
        /// Events that ended an operation.
        events: Vec<LogEvent>,
        /// Whether these are all events, or older ones were not read.
        whole: bool,
    },
    /// It could not be read.
    Unread(Refusal),
}

/// The logged end of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    resource: ResourceId,
    operation: String,
    caller: String,
    at: Timestamp,
    outcome: Ended,
    correlation: Option<String>,
    address: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Succeeded,
    /// Accepted, as with a 202; if it fails later, another event says so. No recording has one.
    Accepted,
    Failed,
}

impl LogEvent {
    /// Parses an event, if it ends an operation and has a resource and a time.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "what a page is projected by takes its items")]
    pub fn read(body: Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let named = |value: &Value, name: &str| {
            value["value"].as_str().is_some_and(|value| value.eq_ignore_ascii_case(name))
        };
        let outcome = match &body["status"] {
            status if named(status, "Succeeded") => Ended::Succeeded,
            status if named(status, "Accepted") => Ended::Accepted,
            status if named(status, "Failed") => Ended::Failed,
            _ => return None,
        };
        if named(&body["eventName"], "BeginRequest") {
            return None;
        }
        Some(Self {
            resource: plain(body["resourceId"].as_str()?)?,
            operation: text(&body["operationName"]["value"])?,
            caller: text(&body["caller"])
                .or_else(|| NAMING.iter().find_map(|claim| text(&body["claims"][*claim])))
                .unwrap_or_else(|| NAMELESS.to_owned()),
            at: body["eventTimestamp"].as_str()?.parse().ok()?,
            outcome,
            correlation: text(&body["correlationId"]),
            address: text(&body["httpRequest"]["clientIpAddress"]),
        })
    }

    fn does(&self, verb: &str) -> bool {
        let at = self.operation.len().checked_sub(verb.len());
        at.and_then(|at| self.operation.get(at..)).is_some_and(|end| end.eq_ignore_ascii_case(verb))
    }

    /// What it says about a resource.
    pub(super) fn cause(&self, id: &ResourceId) -> Cause {
        Cause {
            done: if self.does("/delete") { Done::Deleted } else { Done::Changed },
            caller: self.caller.clone(),
            caller_name: None,
            caller_type: None,
            when: self.at.to_string(),
            operation: Some(self.operation.clone()),
            client_ip_address: self.address.clone(),
            correlation_id: self.correlation.clone().filter(|id| is_request_id(id)),
            resource: (self.resource != *id).then(|| self.resource.to_string()),
            evidence: Evidence::ActivityLog,
        }
    }
}

/// An id in keyless's form: the log omits the dashes of some GUIDs at the end.
fn plain(id: &str) -> Option<ResourceId> {
    let name = id.rsplit('/').next().unwrap_or_default();
    let dashless = name.len() == 32;
    match trailing_guid(id).filter(|_| dashless) {
        Some(guid) => ResourceId::parse(&format!("{}{guid}", &id[..id.len() - name.len()])).ok(),
        None => ResourceId::parse(id).ok(),
    }
}

/// The scopes that contain an id, innermost first.
pub(super) fn around(id: &ResourceId) -> impl Iterator<Item = ResourceId> {
    let text = id.as_str();
    text.rmatch_indices('/').filter_map(|(at, _)| ResourceId::parse(text.get(..at)?).ok())
}

/// The events that changed something, by resource.
#[derive(Debug)]
pub(super) struct Log<'a> {
    writes: BTreeMap<&'a ResourceId, Vec<&'a LogEvent>>,
    deletes: BTreeMap<&'a ResourceId, Vec<&'a LogEvent>>,
}

impl<'a> Log<'a> {
    pub(super) fn of(events: impl IntoIterator<Item = &'a LogEvent> + Clone) -> Self {
        let failed: BTreeSet<&str> = events
            .clone()
            .into_iter()
            .filter(|event| event.outcome == Ended::Failed)
            .filter_map(|event| event.correlation.as_deref())
            .collect();
        let mut log = Self { writes: BTreeMap::new(), deletes: BTreeMap::new() };
        for event in events {
            let took_place = match event.outcome {
                Ended::Succeeded => true,
                Ended::Accepted => event.correlation.as_deref().is_none_or(|id| !failed.contains(id)),
                Ended::Failed => false,
            };
            let done = [("/write", &mut log.writes), ("/delete", &mut log.deletes)];
            for (_, events) in done.into_iter().filter(|(verb, _)| took_place && event.does(verb)) {
                events.entry(&event.resource).or_default().push(event);
            }
        }
        log
    }

    /// The last event that explains a resource's state. A deleted resource may have been deleted with its parent.
    pub(super) fn find(&self, search: &Search) -> Option<&'a LogEvent> {
        let written = || self.writes.get(&search.id).into_iter().flatten().copied();
        match (search.sort, search.at) {
            (Sort::Gone, _) => {
                let gone = around(&search.id);
                let gone = std::iter::once(search.id.clone()).chain(gone);
                gone.filter_map(|id| self.deletes.get(&id)).flatten().copied().max_by_key(|event| event.at)
            }
            (_, None) => written().max_by_key(|event| event.at),
            (_, Some(at)) => {
                let apart = |event: &LogEvent| event.at.duration_since(at).abs();
                written().filter(|event| apart(event) <= SAME).min_by_key(|event| apart(event))
            }
        }
    }
}

/// Why it is not known who did something.
pub(super) fn unknown(sort: Sort, answer: Option<&LogAnswer>) -> String {
    let (who, what) = match sort {
        Sort::Changed => ("could not determine who changed it", "write to it"),
        Sort::Appeared => ("could not determine who created it", "write to it"),
        Sort::Gone => ("could not determine whether somebody deleted it", "delete of it"),
    };
    if let (Sort::Gone, Some(LogAnswer::Read { whole: true, .. })) = (sort, answer) {
        return format!(
            "not created yet, or deleted in the last few minutes (the activity log shows no {what} in the last {DAYS} days)"
        );
    }
    let why = match answer {
        None => "it is not in a subscription, so there is no activity log to query".to_owned(),
        Some(LogAnswer::Unread(_)) => "the activity log could not be read".to_owned(),
        Some(LogAnswer::Read { whole: false, .. }) => {
            format!(
                "the newest {PAGES} pages of the activity log show no {what}, and older ones were not read"
            )
        }
        Some(LogAnswer::Read { whole: true, .. }) => {
            format!(
                "the activity log shows no {what} in the last {DAYS} days; events of the last minutes may be missing"
            )
        }
    };
    format!("{who}: {why}")
}
