//! The request log of accounts in Azure Monitor: the query, and what its answer says.
//!
//! The log has no field for how a call was authenticated. It names the caller of a call with a token (`objectId`, and `callerObjectId` in
//! newer records), and none for a call with a key. Newer calls have two records with the same correlation id, one of them nearly empty,
//! so records are put together to calls first. Fields are looked for in the text of a record: Azure has moved them before.
//!
//! The query goes to the account or its resource group through Azure Resource Manager, which looks in every workspace that has logs of it.
//! Workspaces that the caller may not read are left out without an error, so the answer is asked to list them
//! (<https://learn.microsoft.com/azure/azure-monitor/logs/api/azure-resource-queries>).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{DAY, Day, second};
use crate::document::usage::CallKind;
use crate::id::ResourceId;
use crate::snapshot::{Answer, Query, Refusal, Shape};

/// The query. `{since}` and `{until}` are times; records of a call on their border are found on both sides, and the call counts once.
const QUERY: &str = r#"let since = datetime({since});
let until = datetime({until});
let guid = @'(?i)"(?:caller_?)?object_?id(?:_[gs])?\\*"\s*:\s*\\*"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})';
AzureDiagnostics
| where TimeGenerated >= since - 5m and TimeGenerated < until + 5m
| where ResourceProvider =~ "MICROSOFT.COGNITIVESERVICES" and Category =~ "RequestResponse"
| project
    Time = TimeGenerated,
    Account = tolower(tostring(column_ifexists("_ResourceId", ""))),
    Operation = tostring(column_ifexists("OperationName", "")),
    Status = toint(column_ifexists("ResultSignature", "")),
    Address = tostring(column_ifexists("CallerIPAddress", "")),
    Correlation = tolower(tostring(column_ifexists("CorrelationId", ""))),
    Bag = replace_string(
        strcat(tostring(column_ifexists("properties_s", "")), " ", tostring(column_ifexists("AdditionalFields", dynamic(null)))),
        "00000000-0000-0000-0000-000000000000", ""),
    Column = coalesce(tostring(column_ifexists("callerObjectId_g", guid(null))), tostring(column_ifexists("objectId_g", guid(null))))
| extend
    Caller = tolower(coalesce(extract(guid, 1, Bag), Column)),
    HasField = isnotempty(Column) or Bag matches regex @'(?i)"(?:caller_?)?object_?id(?:_[gs])?\\*"\s*:',
    Deployment = extract(@'(?i)modelDeploymentName\\*"\s*:\s*\\*"([^"\\]+)', 1, Bag),
    Call = iff(isempty(Correlation), strcat(tostring(Time), " ", Operation, " ", Address), Correlation)
| extend Caller = iff(Caller == "00000000-0000-0000-0000-000000000000", "", Caller)
| summarize
    Time = min(Time), Operation = max(Operation), Status = max(Status), Address = max(Address),
    Caller = max(Caller), HasField = max(toint(HasField)), Deployment = max(Deployment)
    by Account, Call
| where Time >= since and Time < until
| extend Day = startofday(Time)
| extend
    AtBegin = Time - Day < 1m,
    AtEnd = Day + 1d - Time <= 1m,
    How = case(
        isnotempty(Caller), "token",
        isnull(Status), "unclear",
        Status == 401, "refused",
        Status between (200 .. 299), "key",
        "unclear"),
    Refused = case(isnull(Status), 0, Status == 401 or Status == 403, 1, 0)
| summarize
    Calls = count(), WithoutField = countif(HasField == 0), AtBegin = countif(AtBegin), AtEnd = countif(AtEnd),
    First = min(Time), Last = max(Time),
    Deployments = make_set_if(Deployment, isnotempty(Deployment), 64),
    Addresses = make_set_if(Address, isnotempty(Address), 64),
    Callers = make_set_if(Caller, isnotempty(Caller), 64)
    by Account, Day, Operation, How, Refused
| order by Account asc, Day asc, Operation asc, How asc, Refused asc"#;

/// Operations of models of Azure OpenAI, in lower case: their records name who called, and the metrics count them. From samples and public
/// queries; the list is not complete.
const MODELS: [&str; 4] =
    ["chatcompletions_create", "completions_create", "embeddings_create", "imagegenerations_create"];
/// More calls than this are no count: sums of all days have to fit too.
const MOST_CALLS: u64 = 1_000_000_000_000_000;
/// The code for a table or column that does not exist, or that the caller may not see.
const NO_TABLE: &str = "SEM0100";
/// The code for a workspace that refuses queries from public networks.
const NO_PUBLIC_QUERIES: &str = "NspValidationFailedError";

/// What the request log has of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestLog {
    /// It was not asked for, because it is sent nowhere or cannot change the verdict.
    NotAsked,
    /// It could be read.
    Read {
        rows: Vec<LoggedCalls>,
        /// Why there may be more.
        flaws: Vec<LogGap>,
    },
    /// No log of this kind has arrived, or the caller may not see it.
    Absent,
    /// It could not be read.
    Unread(Refusal),
}

/// Why the log may have more than the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogGap {
    /// A workspace has logs of the account that the caller may not read.
    Hidden(String),
    /// Azure says that the answer is not complete.
    Partial(String),
    /// Azure did not say which workspaces it left out.
    Unsaid,
}

/// Calls of one operation on one day that were authenticated in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedCalls {
    pub day: Day,
    /// The operation, as the log names it.
    pub operation: String,
    /// How they were authenticated.
    pub how: CallKind,
    /// Whether they were refused (401, 403), which those of a caller with a name may be too.
    pub is_refused: bool,
    /// How many.
    pub calls: u64,
    /// How many of them have a record without a field for the caller.
    pub without_field: u64,
    /// How many of them were made in the first minute of the day, so that a metric may count them on the day before.
    pub at_begin: u64,
    /// How many of them were made in the last minute of the day, so that a metric may count them on the day after.
    pub at_end: u64,
    /// The first one.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
    /// The deployments that were called.
    pub deployments: Vec<String>,
    /// From where, as Azure masks it.
    pub addresses: Vec<String>,
    /// Object ids.
    pub callers: Vec<String>,
}

/// The query over an account or a resource group.
pub(super) fn query(scope: &ResourceId, since: Timestamp, until: Timestamp) -> Query {
    let (since, until) = (second(since), second(until));
    let text = QUERY.replace("{since}", &since).replace("{until}", &until);
    // Azure reads no further than this, so it contains the records on both sides of the border.
    let around = |time: &str, minutes: i64| {
        let time: Timestamp = time.parse().unwrap_or_default();
        second(time.saturating_add(jiff::SignedDuration::from_mins(minutes)).unwrap_or(time))
    };
    let timespan = format!("{}/{}", around(&since, -5), around(&until, 5));
    Query {
        path: format!("{scope}/providers/Microsoft.Insights/logs?api-version=2018-03-01-preview"),
        shape: Shape::Logs(json!({"query": text, "timespan": timespan})),
        scope: scope.clone(),
        project: |body| body,
    }
}

/// Whether an operation is one of a model.
pub(super) fn is_model_call(operation: &str) -> bool {
    MODELS.iter().any(|name| name.eq_ignore_ascii_case(operation))
}

/// What an answer says about one account. An answer about a group has the rows of others too.
pub(super) fn read(answer: &Answer, account: &ResourceId) -> RequestLog {
    let body = match answer {
        Answer::Found(bodies) => match bodies.as_slice() {
            [body] => body,
            _ => return RequestLog::Unread(unreadable("it is not one table")),
        },
        Answer::Absent { .. } => return RequestLog::Absent,
        Answer::Denied(refusal) | Answer::Failed(refusal) => return RequestLog::Unread(refusal.clone()),
    };
    match rows(body, account) {
        Some(rows) => RequestLog::Read { rows, flaws: flaws(body, account) },
        None => RequestLog::Unread(unreadable("its table is not the one that was asked for")),
    }
}

fn unreadable(why: &str) -> Refusal {
    Refusal { message: format!("the answer of the request log cannot be used: {why}"), hint: None }
}

/// A field whose name may be written in another way: some versions of the API answer in `PascalCase`.
fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    let found = value.as_object().and_then(|map| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
    found.map_or(&Value::Null, |(_, value)| value)
}

fn rows(body: &Value, account: &ResourceId) -> Option<Vec<LoggedCalls>> {
    let table = field(body, "tables").as_array()?.first()?;
    let mut columns = BTreeMap::new();
    for (at, column) in field(table, "columns").as_array()?.iter().enumerate() {
        let name =
            [field(column, "name"), field(column, "columnName")].iter().find_map(|name| name.as_str())?;
        columns.insert(name.to_ascii_lowercase(), at);
    }
    let mut found = Vec::new();
    for cells in field(table, "rows").as_array()? {
        let cell = |name: &str| cells.get(*columns.get(name)?);
        let text = |name: &str| cell(name)?.as_str().map(str::to_owned);
        let time = |name: &str| text(name)?.parse::<Timestamp>().ok();
        let number = |name: &str| cell(name)?.as_u64().filter(|count| *count < MOST_CALLS);
        if !text("account")?.eq_ignore_ascii_case(account.as_str()) {
            continue;
        }
        let calls = number("calls")?;
        let part = |name: &str| number(name).filter(|part| *part <= calls);
        found.push(LoggedCalls {
            day: time("day")?.as_second().div_euclid(DAY),
            operation: text("operation")?,
            how: match text("how")?.as_str() {
                "key" => CallKind::Key,
                "token" => CallKind::Token,
                "refused" => CallKind::Refused,
                _ => CallKind::Unclear,
            },
            is_refused: number("refused")? > 0,
            calls,
            without_field: part("withoutfield")?,
            at_begin: part("atbegin")?,
            at_end: part("atend")?,
            first: time("first")?,
            last: time("last")?,
            deployments: set(cell("deployments")?)?,
            addresses: set(cell("addresses")?)?,
            callers: set(cell("callers")?)?,
        });
    }
    Some(found)
}

/// A set, which is a JSON text in a cell.
fn set(cell: &Value) -> Option<Vec<String>> {
    let parsed;
    let items = match cell {
        Value::String(text) => {
            parsed = serde_json::from_str::<Value>(text).ok()?;
            parsed.as_array()?
        }
        Value::Null => return Some(Vec::new()),
        cell => cell.as_array()?,
    };
    let mut set: Vec<String> = items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
    set.sort();
    Some(set)
}

/// Why there may be more than the answer has.
fn flaws(body: &Value, account: &ResourceId) -> Vec<LogGap> {
    let mut flaws = Vec::new();
    let error = field(body, "error");
    if !error.is_null() {
        let words =
            [field(error, "code"), field(error, "message")].map(|text| text.as_str().unwrap_or_default());
        flaws.push(LogGap::Partial(words.join(": ").trim_matches([':', ' ', '.']).to_owned()));
    }
    let permissions = field(body, "permissions");
    let readable = field(permissions, "dataSources").as_array();
    let resources = field(permissions, "resources").as_array();
    let (Some(readable), Some(resources)) = (readable, resources) else {
        flaws.push(LogGap::Unsaid);
        return flaws;
    };
    let denies = |source: &Value| {
        let tables = field(source, "denyTables").as_array();
        tables
            .into_iter()
            .flatten()
            .any(|table| table.as_str().is_some_and(|name| name.eq_ignore_ascii_case("AzureDiagnostics")))
    };
    let is = |source: &Value, id: &str| {
        field(source, "resourceId").as_str().is_some_and(|found| found.eq_ignore_ascii_case(id))
    };
    // What is listed twice is readable if both say so.
    let can_read = |id: &str| {
        let mut listed = readable.iter().filter(|source| is(source, id)).peekable();
        listed.peek().is_some() && listed.all(|source| !denies(source))
    };
    let own: Vec<&Value> = resources.iter().filter(|resource| is(resource, account.as_str())).collect();
    let mut sources = BTreeSet::new();
    for resource in &own {
        let Some(listed) = field(resource, "dataSources").as_array() else { continue };
        for source in listed {
            match source.as_str() {
                Some(id) => _ = sources.insert((id, denies(resource))),
                None => flaws.push(LogGap::Unsaid),
            }
        }
    }
    if sources.is_empty() {
        flaws.push(LogGap::Unsaid);
    }
    flaws.dedup();
    let hidden = sources.into_iter().filter(|(id, denied)| *denied || !can_read(id));
    flaws.extend(hidden.map(|(id, _)| LogGap::Hidden(id.to_owned())));
    flaws
}

/// Whether an answer about a group needs no second question about an account: it has the whole log of that account, or all but what a
/// workspace hides, which stays hidden whoever is asked about.
pub(super) fn settles(log: &RequestLog) -> bool {
    let is_final = |flaw: &LogGap| matches!(flaw, LogGap::Hidden(_));
    matches!(log, RequestLog::Read { flaws, .. } if flaws.iter().all(is_final))
}

/// An answer with the calls that another one about the same time shows besides, unless it needs no other. If it could not be read, only
/// calls without a name count from the other: they are use of keys, or may be.
pub(super) fn completed(log: RequestLog, other: RequestLog) -> RequestLog {
    if settles(&log) {
        return log;
    }
    let nameless =
        |rows: &[LoggedCalls]| rows.iter().any(|row| matches!(row.how, CallKind::Key | CallKind::Unclear));
    match (log, other) {
        (RequestLog::Read { mut rows, flaws }, RequestLog::Read { rows: more, .. }) => {
            let of = |row: &LoggedCalls| (row.day, row.operation.clone(), row.how, row.is_refused);
            let known: BTreeSet<(Day, String, CallKind, bool)> = rows.iter().map(of).collect();
            rows.extend(more.into_iter().filter(|row| !known.contains(&of(row))));
            RequestLog::Read { rows, flaws }
        }
        (_, RequestLog::Read { rows, flaws }) if nameless(&rows) => RequestLog::Read { rows, flaws },
        (log, _) => log,
    }
}

/// Puts the answers about parts of the period together. A part that could not be read hides nothing that the others show.
pub(super) fn together(parts: impl IntoIterator<Item = RequestLog>) -> RequestLog {
    let (mut all, mut flawed) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            RequestLog::Read { rows, flaws } => {
                all.extend(rows);
                flawed.extend(flaws);
            }
            RequestLog::Unread(refusal) => flawed.push(LogGap::Partial(refusal.message)),
            RequestLog::Absent | RequestLog::NotAsked => {
                flawed.push(LogGap::Partial("the answer about a day has no table".to_owned()));
            }
        }
    }
    flawed.dedup();
    RequestLog::Read { rows: all, flaws: flawed }
}

/// What Azure's refusal of a query means: the table is not there, or what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// No log of this kind has arrived.
    NoTable,
    /// A right is missing.
    NoRight(&'static str),
    /// Something else.
    Other,
}

/// What a refusal with these codes means.
#[must_use]
pub(crate) fn meaning<'a>(codes: impl IntoIterator<Item = &'a str>) -> Meaning {
    let mut meaning = Meaning::Other;
    for code in codes {
        if code.eq_ignore_ascii_case(NO_TABLE) {
            return Meaning::NoTable;
        }
        if code.eq_ignore_ascii_case(NO_PUBLIC_QUERIES) {
            return Meaning::NoRight(
                "the workspace refuses queries from public networks: run this inside of its private network, or permit public queries in the workspace's network settings",
            );
        }
        if code.eq_ignore_ascii_case("InsufficientAccessError") {
            meaning = Meaning::NoRight("");
        }
    }
    meaning
}
