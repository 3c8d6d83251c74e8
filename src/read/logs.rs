//! Queries to Azure Monitor's logs, within its limits (IO): 5 at once and 200 in 30 seconds for each identity
//! (<https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits>).

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::{refusal, unanswered};
use crate::arm::{self, Client};
use crate::keys::usage::{Meaning, meaning};
use crate::snapshot::{Answer, Query, Refusal, Shape};

/// How many queries may be in flight.
const AT_ONCE: usize = 5;
/// How many queries may begin in a period.
const PER_PERIOD: usize = 200;
/// One second more than Azure's period: queries do not all take equally long to arrive.
const PERIOD: Duration = Duration::from_secs(31);
/// The most pages of an activity log that are read.
const PAGES: usize = 20;

/// When the last queries began, or will begin.
#[derive(Default)]
pub(crate) struct Pace(Mutex<VecDeque<Instant>>);

impl Pace {
    /// When another query may begin, which is then taken for begun.
    fn next(&self, now: Instant) -> Instant {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = if begun.len() == PER_PERIOD { begun.pop_front() } else { None };
        let at = first.map_or(now, |first| now.max(first + PERIOD));
        begun.push_back(at);
        at
    }
}

/// Sends all queries; answers are in the same order.
pub(super) async fn ask(client: &Client, queries: &[&Query], pace: &Pace) -> Vec<Answer> {
    let answers = queries.iter().map(|query| async {
        let Shape::Logs(body) = &query.shape else { return Answer::found([]) };
        sleep_until(pace.next(Instant::now())).await;
        match client.query_logs(&query.path, body).await {
            Ok(answer) => Answer::found([(query.project)(answer)]),
            Err(error) => refused(query, &error),
        }
    });
    stream::iter(answers).buffered(AT_ONCE).collect().await
}

/// What a refusal of a query means. A table that does not exist is no failure.
fn refused(query: &Query, error: &arm::Error) -> Answer {
    let inner = error.details.iter().filter_map(|detail| detail.code.as_deref());
    match meaning(error.code.as_deref().into_iter().chain(inner)) {
        Meaning::NoTable => Answer::Absent { code: error.code.clone().unwrap_or_default() },
        Meaning::NoRight(hint) => {
            let hint = (!hint.is_empty()).then(|| hint.to_owned());
            Answer::Denied(Refusal { hint, ..refusal(error) })
        }
        // The general hint names a role for the request, which is not the one that reads logs.
        Meaning::Other => match unanswered(query, error) {
            Answer::Denied(refusal) => Answer::Denied(Refusal { hint: None, ..refusal }),
            answer => answer,
        },
    }
}

/// The newest pages of an activity log; `"more"` at the end if there are older ones.
pub(super) async fn newest(client: &Client, query: &Query) -> Result<Vec<Value>, arm::Error> {
    let (mut events, whole) = client.list_until(&query.path, query.project, PAGES, |_| false).await?;
    events.retain(|event| !event.is_null());
    if !whole {
        events.push(json!("more"));
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However queries come, no 31 seconds have more than 200 beginnings.
    #[test]
    fn no_period_has_more_queries_than_azure_permits() {
        for gap in [0, 1, 100, 749, 751, 2000] {
            let (pace, start) = (Pace::default(), Instant::now());
            let mut now = start;
            let mut begun: Vec<Instant> = Vec::new();
            for number in 0..1000_u32 {
                // Bursts of five, as they are sent.
                if number.is_multiple_of(5) {
                    now += Duration::from_millis(gap);
                }
                let at = pace.next(now);
                assert!(at >= now);
                now = at;
                begun.push(at);
            }
            for (first, next) in begun.iter().zip(&begun[PER_PERIOD..]) {
                assert!(*next - *first >= PERIOD, "{gap}");
            }
            // It waits no longer than it has to.
            let expected = Duration::from_millis(gap * 200).max(PERIOD * 4 + Duration::from_millis(gap * 40));
            assert!(now - start <= expected, "{gap}: {:?}", now - start);
        }
    }
}
