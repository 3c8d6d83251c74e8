//! Reads what is missing from a snapshot, in waves, until nothing is (IO).
//!
//! All queries of a wave go out together, those to Microsoft Graph in batches; another wave is only needed if an answer raises further
//! queries.

mod batch;
mod logs;

use std::time::Duration;

use futures_util::future::{join_all, join3};

use crate::arm::{self, Client};
use crate::drift::{self, LogEvent, LogQuery};
use crate::snapshot::{Answer, Query, Refusal, Shape, Snapshot};

pub(crate) use logs::Pace;

/// More waves than the kinds can need: groups, then follow-ups of absences and refusals.
const MAX_WAVES: usize = 8;

/// Runs the queries that `wanted` returns for the snapshot, until it returns none that was not run; `graph` only serves queries about
/// principals. `pace` is of the whole run, since Azure limits an identity.
pub(crate) async fn ask_until_known(
    wanted: &(dyn Fn(&Snapshot) -> Vec<Query> + Sync),
    client: &Client,
    graph: &Client,
    pace: &Pace,
    snapshot: &mut Snapshot,
) {
    for _ in 0..MAX_WAVES {
        let mut open = wanted(snapshot);
        open.retain(|query| snapshot.get(query).is_none());
        open.sort();
        open.dedup();
        if open.is_empty() {
            return;
        }
        ask_all(&open, client, graph, pace, snapshot).await;
    }
}

/// Runs one wave of queries.
async fn ask_all(queries: &[Query], client: &Client, graph: &Client, pace: &Pace, snapshot: &mut Snapshot) {
    let (directory, resources): (Vec<&Query>, Vec<&Query>) =
        queries.iter().partition(|query| matches!(query.shape, Shape::Directory(_)));
    let (logs, resources): (Vec<&Query>, Vec<&Query>) =
        resources.into_iter().partition(|query| matches!(query.shape, Shape::Logs(_)));
    let serves = |query: &Query| if matches!(query.shape, Shape::DirectoryPages(_)) { graph } else { client };
    let answers = join_all(resources.iter().map(|query| ask(serves(query), query)));
    let (answers, found, logged) =
        join3(answers, batch::ask(graph, &directory), logs::ask(client, &logs, pace)).await;
    let all = resources.into_iter().zip(answers).chain(directory.into_iter().zip(found));
    for (query, answer) in all.chain(logs.into_iter().zip(logged)) {
        snapshot.insert(query, answer);
    }
}

/// Queries the activity log, with as many pages per query as allowed. The differences are known by then, so no log is waited for longer
/// than `patience`.
pub async fn ask_log(
    queries: Vec<LogQuery>,
    client: &Client,
    patience: Duration,
) -> Vec<(LogQuery, drift::LogAnswer)> {
    let answers = join_all(queries.iter().map(|query| async {
        let enough = |events: &[Option<LogEvent>]| query.is_answered(events);
        let read = client.list_until(&query.path, LogEvent::read, drift::PAGES, enough);
        match tokio::time::timeout(patience, read).await {
            Ok(Ok((events, whole))) => {
                drift::LogAnswer::Read { events: events.into_iter().flatten().collect(), whole }
            }
            // The query itself is left out: it contains the time of day.
            Ok(Err(error)) => {
                drift::LogAnswer::Unread(Refusal { message: error.to_string(), hint: error.hint() })
            }
            Err(_) => {
                let message = format!("it could not be read completely within {} s", patience.as_secs());
                drift::LogAnswer::Unread(Refusal { message, hint: None })
            }
        }
    }))
    .await;
    queries.into_iter().zip(answers).collect()
}

async fn ask(client: &Client, query: &Query) -> Answer {
    let answer = match &query.shape {
        Shape::DirectoryPages(pages) => {
            match client.list_until(&query.path, query.project, *pages, |_| false).await {
                Ok((_, false)) => {
                    let message = format!("the list has more than {pages} pages, and keyless reads no more");
                    return Answer::Failed(Refusal { message, hint: None });
                }
                read => read.map(|(items, _)| items),
            }
        }
        Shape::List | Shape::Children | Shape::Schedules => client.list(&query.path, query.project).await,
        Shape::Ask(body) => client.ask(&query.path, body).await.map(|body| vec![(query.project)(body)]),
        Shape::Newest => logs::newest(client, query).await,
        Shape::One | Shape::Directory(_) | Shape::Logs(_) => {
            client.get(&query.path).await.map(|body| vec![(query.project)(body)])
        }
    };
    answer.map_or_else(|error| unanswered(query, &error), Answer::found)
}

/// Azure's answer in a tenant without a license for Privileged Identity Management, where nothing is temporary:
/// <https://learn.microsoft.com/rest/api/authorization/role-assignment-schedule-instances>.
const UNLICENSED: &str = "AadPremiumLicenseRequired";

fn unanswered(query: &Query, error: &arm::Error) -> Answer {
    let absent = || Answer::Absent { code: error.code.clone().unwrap_or_default() };
    match error.kind {
        arm::ErrorKind::NotFound if is_absence(query, error) => absent(),
        arm::ErrorKind::Invalid
            if query.shape == Shape::Schedules && error.code.as_deref() == Some(UNLICENSED) =>
        {
            absent()
        }
        arm::ErrorKind::Denied => Answer::Denied(refusal(error)),
        // The group of a list that is not the group's own, or whose first page was read: no one needs to create it.
        _ if error.has_code("ResourceGroupNotFound") => {
            let hint =
                Some("run the command again: Azure contradicts itself, probably temporarily".to_owned());
            Answer::Failed(Refusal { hint, ..refusal(error) })
        }
        _ => Answer::Failed(refusal(error)),
    }
}

fn refusal(error: &arm::Error) -> Refusal {
    Refusal { message: format!("{} {}: {error}", error.method, error.path), hint: error.hint() }
}

/// For a list, only its container can be absent: its resource group, or the parent of children. Any other 404 says nothing about its items.
fn is_absence(query: &Query, error: &arm::Error) -> bool {
    const PARENTS: [&str; 2] = ["ResourceNotFound", "ParentResourceNotFound"];
    error.says_absent()
        && match query.shape {
            // For a single resource, only codes that say so by name: keyless plans nothing based on other codes.
            Shape::One => {
                error.code.as_deref().is_some_and(|code| code.to_ascii_lowercase().ends_with("notfound"))
            }
            Shape::Children if PARENTS.iter().any(|code| error.has_code(code)) => true,
            _ => query.scope.group().is_some() && error.has_code("ResourceGroupNotFound"),
        }
}
