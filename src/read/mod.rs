//! Asks what is missing from a snapshot, in waves, until nothing is (IO).
//!
//! All queries of a wave go out together, those to Microsoft Graph packed into batches; a further wave is needed only where an
//! answer raises a question.

mod batch;

use std::time::Duration;

use futures_util::future::{join, join_all};

use crate::arm::{self, Client};
use crate::drift::{self, Event, LogQuery};
use crate::snapshot::{Answer, Query, Refusal, Shape, Snapshot};

/// More waves than the kinds can need: groups, then what an absence or a refusal raises.
const MAX_WAVES: usize = 8;

/// Asks what `wanted` wants to know, given what a snapshot knows, until it wants nothing that was not asked; `graph` is asked about
/// principals only.
pub(crate) async fn ask_until_known(
    wanted: &(dyn Fn(&Snapshot) -> Vec<Query> + Sync),
    client: &Client,
    graph: &Client,
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
        ask_all(&open, client, graph, snapshot).await;
    }
}

/// Asks one wave of queries.
async fn ask_all(queries: &[Query], client: &Client, graph: &Client, snapshot: &mut Snapshot) {
    let (directory, resources): (Vec<&Query>, Vec<&Query>) =
        queries.iter().partition(|query| matches!(query.shape, Shape::Directory(_)));
    let resource_answers = join_all(resources.iter().map(|query| ask(client, query)));
    let (answers, found) = join(resource_answers, batch::ask(graph, &directory)).await;
    for (query, answer) in resources.into_iter().zip(answers).chain(directory.into_iter().zip(found)) {
        snapshot.insert(query, answer);
    }
}

/// Asks the activity log; of each answer as many pages as the question takes. What differs is known by then, and waits for no log
/// longer than `patience`.
pub async fn ask_log(
    queries: Vec<LogQuery>,
    client: &Client,
    patience: Duration,
) -> Vec<(LogQuery, drift::Answer)> {
    let answers = join_all(queries.iter().map(|query| async {
        let enough = |events: &[Option<Event>]| query.is_answered(events);
        let read = client.list_until(&query.path, Event::read, drift::PAGES, enough);
        match tokio::time::timeout(patience, read).await {
            Ok(Ok((events, whole))) => {
                drift::Answer::Read { events: events.into_iter().flatten().collect(), whole }
            }
            // Not the question: it holds the time of day.
            Ok(Err(error)) => {
                drift::Answer::Unread(Refusal { message: error.to_string(), hint: error.hint() })
            }
            Err(_) => {
                let message = format!("it was not read to its end within {} s", patience.as_secs());
                drift::Answer::Unread(Refusal { message, hint: None })
            }
        }
    }))
    .await;
    queries.into_iter().zip(answers).collect()
}

async fn ask(client: &Client, query: &Query) -> Answer {
    let answer = match &query.shape {
        Shape::List | Shape::Children | Shape::Schedules => client.list(&query.path, query.project).await,
        Shape::Ask(body) => client.ask(&query.path, body).await.map(|body| vec![(query.project)(body)]),
        Shape::One | Shape::Directory(_) => {
            client.get(&query.path).await.map(|body| vec![(query.project)(body)])
        }
    };
    answer.map_or_else(|error| unanswered(query, &error), Answer::found)
}

/// What Azure says where a tenant has no license for Privileged Identity Management: nothing is there for a while only.
/// <https://learn.microsoft.com/rest/api/authorization/role-assignment-schedule-instances>
const UNLICENSED: &str = "AadPremiumLicenseRequired";

fn unanswered(query: &Query, error: &arm::Error) -> Answer {
    let absent = || Answer::Absent { code: error.code.clone().unwrap_or_default() };
    match error.kind {
        arm::Kind::NotFound if is_absence(query, error) => absent(),
        arm::Kind::Invalid
            if query.shape == Shape::Schedules && error.code.as_deref() == Some(UNLICENSED) =>
        {
            absent()
        }
        arm::Kind::Denied => Answer::Denied(refusal(error)),
        // The group of a list that is not read for a group, or of one that has begun: nobody has to make it.
        _ if error.has_code("ResourceGroupNotFound") => {
            let hint = Some("run it again: Azure contradicts itself, which passes".to_owned());
            Answer::Failed(Refusal { hint, ..refusal(error) })
        }
        _ => Answer::Failed(refusal(error)),
    }
}

fn refusal(error: &arm::Error) -> Refusal {
    Refusal { message: format!("{} {}: {error}", error.method, error.path), hint: error.hint() }
}

/// Of a list only what it hangs on can be absent: the group that it lies in, or the parent of children. Any other 404 says nothing about
/// what would be in it.
fn is_absence(query: &Query, error: &arm::Error) -> bool {
    const PARENTS: [&str; 2] = ["ResourceNotFound", "ParentResourceNotFound"];
    error.says_absent()
        && match query.shape {
            // Of a single resource only what says so by its name: whatever else a provider answers, nothing is planned on its word.
            Shape::One => {
                error.code.as_deref().is_some_and(|code| code.to_ascii_lowercase().ends_with("notfound"))
            }
            Shape::Children if PARENTS.iter().any(|code| error.has_code(code)) => true,
            _ => query.scope.group().is_some() && error.has_code("ResourceGroupNotFound"),
        }
}
