//! What is asked about accounts, cheapest first: settings and metrics of each account, then the log where it goes to a workspace, with one
//! query for all accounts of a resource group. An account that the answer about its group does not settle is asked about alone, and a busy
//! one day by day if Azure cannot answer at once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::log::{self, LogGap, RequestLog};
use super::metrics::MetricCounts;
use super::settings::{self, Sinks};
use super::{AskedAccount, Day, KeyEvidence, Metrics, Window, begin, fetched, metrics};
use crate::id::ResourceId;
use crate::snapshot::{Answer, Query, Refusal, Snapshot};

/// The fewest calls of an account that is asked about day by day, if Azure does not return the whole period at once.
const BUSY: u64 = 50_000;

/// The queries that are open. Accounts that do not accept keys are not asked about.
#[must_use]
pub(crate) fn queries(subjects: &[AskedAccount], window: Window, snapshot: &Snapshot) -> Vec<Query> {
    let asked: Vec<&AskedAccount> = subjects.iter().filter(|subject| subject.takes_keys).collect();
    let mut queries = Vec::new();
    for subject in &asked {
        queries.push(settings::settings(&subject.id));
        queries.extend(metrics::queries(&subject.id, window));
    }
    if queries.iter().any(|query| snapshot.get(query).is_none()) {
        return queries;
    }
    for subject in &asked {
        if let Ok(sinks) = sinks(&subject.id, snapshot) {
            if !sinks.open_groups.is_empty() {
                queries.push(settings::categories(&subject.id));
            }
            queries.extend(sinks.workspaces.iter().map(settings::table));
        }
        if counts(&subject.id, window, snapshot).is_ok_and(|counts| counts.overlap()) {
            queries.extend(metrics::queries_by_api(&subject.id, window));
        }
    }
    if queries.iter().any(|query| snapshot.get(query).is_none()) {
        return queries;
    }
    let wanting: Vec<&AskedAccount> =
        asked.iter().copied().filter(|subject| may_have_log(subject, snapshot)).collect();
    for (group, mut subjects) in by_group(&wanting) {
        if subjects.len() > 1 {
            let together = whole(&group, window);
            let answer = snapshot.get(&together);
            queries.push(together);
            // Those that this does not settle are asked about alone, in the next round. Metrics that count no call settle nothing: they do
            // not count reads of catalogues.
            let Some(answer) = answer else { continue };
            subjects.retain(|subject| !log::settles(&log::read(answer, &subject.id)));
        }
        for subject in subjects {
            queries.extend(alone(subject, window, snapshot));
        }
    }
    for subject in asked.into_iter().filter(|subject| has_refused(subject, window, snapshot)) {
        queries.extend(metrics::queries_by_status(&subject.id, window));
    }
    queries
}

/// Whether the log has refused calls on full days, which stand for calls only if the metrics count them.
fn has_refused(subject: &AskedAccount, window: Window, snapshot: &Snapshot) -> bool {
    match logged(subject, window, snapshot) {
        RequestLog::Read { rows, .. } => rows.iter().any(|row| row.is_refused && row.day < window.today()),
        RequestLog::NotAsked | RequestLog::Absent | RequestLog::Unread(_) => false,
    }
}

/// The queries about who fetched keys, which is shown beside a verdict and has no part in it.
#[must_use]
pub(crate) fn fetches(subjects: &[AskedAccount], window: Window) -> Vec<Query> {
    let asked = subjects.iter().filter(|subject| subject.takes_keys);
    asked.map(|subject| fetched::query(&subject.id, window)).collect()
}

/// The query for the whole period.
fn whole(scope: &ResourceId, window: Window) -> Query {
    log::query(scope, begin(window.first()), window.end())
}

/// The accounts by resource group.
fn by_group<'a>(subjects: &[&'a AskedAccount]) -> BTreeMap<ResourceId, Vec<&'a AskedAccount>> {
    let mut groups: BTreeMap<ResourceId, Vec<&AskedAccount>> = BTreeMap::new();
    for subject in subjects {
        if let Some(group) = subject.id.group() {
            groups.entry(group).or_default().push(subject);
        }
    }
    groups
}

/// Whether the log may be there. An account without calls in its metrics may have been asked for what they do not count.
fn may_have_log(subject: &AskedAccount, snapshot: &Snapshot) -> bool {
    sinks(&subject.id, snapshot).map_or(true, |sinks| !sinks.workspaces.is_empty())
}

/// The queries about one account.
fn alone(subject: &AskedAccount, window: Window, snapshot: &Snapshot) -> Vec<Query> {
    let whole = whole(&subject.id, window);
    let split = snapshot.get(&whole).is_some_and(|answer| is_too_much(answer, subject, window, snapshot));
    let mut queries = vec![whole];
    if split {
        // The other days are of no use either if one is not whole.
        let days = daily(&subject.id, window);
        let is_whole = |query: &Query| {
            snapshot.get(query).is_some_and(|answer| log::settles(&log::read(answer, &subject.id)))
        };
        let count = if days.iter().take(1).all(is_whole) { days.len() } else { 1 };
        queries.extend(days.into_iter().take(count));
    }
    queries
}

/// One query for each day, and one for today.
fn daily(account: &ResourceId, window: Window) -> Vec<Query> {
    let days: Vec<Day> = (window.first()..=window.today()).collect();
    let end = |day: Day| if day == window.today() { window.end() } else { begin(day + 1) };
    days.into_iter().map(|day| log::query(account, begin(day), end(day))).collect()
}

/// Whether Azure could not return the whole period, and days may be small enough.
fn is_too_much(answer: &Answer, subject: &AskedAccount, window: Window, snapshot: &Snapshot) -> bool {
    let busy = counted(&subject.id, window, snapshot).is_ok_and(|metrics| metrics.total() >= BUSY);
    let cut = match log::read(answer, &subject.id) {
        RequestLog::Read { flaws, .. } => flaws.iter().any(|flaw| matches!(flaw, LogGap::Partial(_))),
        RequestLog::Unread(_) => matches!(answer, Answer::Failed(_)),
        RequestLog::NotAsked | RequestLog::Absent => false,
    };
    busy && cut
}

/// Where the log of an account goes.
fn sinks(account: &ResourceId, snapshot: &Snapshot) -> Result<Sinks, Refusal> {
    let query = settings::settings(account);
    match snapshot.get(&query) {
        Some(Answer::Denied(refusal) | Answer::Failed(refusal)) => return Err(refusal.clone()),
        Some(Answer::Absent { code }) => {
            let message = format!("Azure answered {code} to the question about its diagnostic settings");
            return Err(Refusal { message, hint: None });
        }
        Some(Answer::Found(_)) | None => {}
    }
    let categories = settings::categories(account);
    let groups = match snapshot.get(&categories) {
        Some(Answer::Found(items)) => Some(settings::groups(items.iter().map(AsRef::as_ref))),
        _ => None,
    };
    Ok(settings::read(snapshot.items(&query).map(AsRef::as_ref), groups.as_deref()))
}

/// What each metric of an account counts.
fn counts(account: &ResourceId, window: Window, snapshot: &Snapshot) -> Result<MetricCounts, Refusal> {
    let mut bodies = Vec::new();
    for query in metrics::queries(account, window) {
        match snapshot.get(&query) {
            Some(Answer::Found(found)) => bodies.extend(found.iter().map(AsRef::as_ref)),
            Some(Answer::Denied(refusal) | Answer::Failed(refusal)) => return Err(refusal.clone()),
            Some(Answer::Absent { code }) => {
                let message = format!("Azure answered {code} to the question about its metrics");
                return Err(Refusal { message, hint: None });
            }
            None => return Err(Refusal { message: "the metrics were not read".to_owned(), hint: None }),
        }
    }
    metrics::read(bodies, window).ok_or_else(|| Refusal {
        message: "Azure's answer does not have all metrics that were asked for".to_owned(),
        hint: None,
    })
}

/// The calls of an account.
fn counted(account: &ResourceId, window: Window, snapshot: &Snapshot) -> Result<Metrics, Refusal> {
    let counts = counts(account, window, snapshot)?;
    let body = |query: &Query| match snapshot.get(query) {
        Some(Answer::Found(found)) => found.first().map(AsRef::as_ref),
        _ => None,
    };
    let bodies = |queries: Vec<Query>| queries.iter().map(body).collect::<Option<Vec<&Value>>>();
    let by_api = bodies(metrics::queries_by_api(account, window)).and_then(metrics::read_by_api);
    let by_status = bodies(metrics::queries_by_status(account, window)).and_then(metrics::read_by_status);
    Ok(counts.told_apart(by_api.as_ref(), by_status.as_ref()))
}

/// The log of an account: what was asked by day counts before what was asked about it alone, and that before what was asked about its group.
fn logged(subject: &AskedAccount, window: Window, snapshot: &Snapshot) -> RequestLog {
    let account = &subject.id;
    let read = |query: &Query| snapshot.get(query).map(|answer| log::read(answer, account));
    let days: Option<Vec<RequestLog>> = daily(account, window).iter().map(read).collect();
    let alone = read(&whole(account, window));
    let group = account.group().and_then(|group| read(&whole(&group, window)));
    let answers = [days.map(log::together), alone, group];
    answers.into_iter().flatten().reduce(log::completed).unwrap_or(RequestLog::NotAsked)
}

/// Whether the caller lacks a right for one of these queries.
fn denies(queries: impl IntoIterator<Item = Query>, snapshot: &Snapshot) -> bool {
    queries.into_iter().any(|query| matches!(snapshot.get(&query), Some(Answer::Denied(_))))
}

/// What the answers say about an account.
#[must_use]
pub(crate) fn evidence(subject: &AskedAccount, window: Window, snapshot: &Snapshot) -> KeyEvidence {
    let sinks = sinks(&subject.id, snapshot);
    let workspaces: BTreeSet<&ResourceId> = sinks.iter().flat_map(|sinks| &sinks.workspaces).collect();
    let kept = |workspace: &&ResourceId| {
        let table = settings::table(workspace);
        snapshot.items(&table).find_map(|body| settings::retention(body))
    };
    let retention = workspaces.iter().filter_map(kept).min();
    KeyEvidence {
        metrics: counted(&subject.id, window, snapshot),
        log: logged(subject, window, snapshot),
        retention,
        fetched: fetched::read(snapshot.get(&fetched::query(&subject.id, window)), &subject.id),
        sinks,
        metrics_denied: denies(metrics::queries(&subject.id, window), snapshot),
        log_denied: denies([whole(&subject.id, window)], snapshot)
            || denies(daily(&subject.id, window), snapshot),
    }
}
