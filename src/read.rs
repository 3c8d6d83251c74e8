//! Asks what is missing from a snapshot, in waves, until nothing is (IO).
//!
//! All queries of a wave go out together; a further wave is needed only where an answer raises a question.

use futures_util::future::join_all;

use crate::arm::{self, Client};
use crate::snapshot::{Answer, Query, Refusal, Shape, Snapshot, missing};
use crate::spec::Loaded;

/// More waves than the kinds can need: groups, then what an absence or a refusal raises.
const MAX_WAVES: usize = 8;

/// Reads everything that these stacks need to know.
pub async fn read(stacks: &[Loaded], client: &Client) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for _ in 0..MAX_WAVES {
        let open = missing(stacks, &snapshot);
        if open.is_empty() {
            return snapshot;
        }
        ask_all(&open, client, &mut snapshot).await;
    }
    snapshot
}

/// Asks one wave of queries.
pub async fn ask_all(queries: &[Query], client: &Client, snapshot: &mut Snapshot) {
    let answers = join_all(queries.iter().map(|query| ask(client, query))).await;
    for (query, answer) in queries.iter().zip(answers) {
        snapshot.insert(query, answer);
    }
}

async fn ask(client: &Client, query: &Query) -> Answer {
    let answer = match query.shape {
        Shape::One => client.get(&query.path).await.map(|body| vec![(query.project)(body)]),
        Shape::List => client.list(&query.path, query.project).await,
    };
    answer.map_or_else(|error| unanswered(query.shape, &error), Answer::Found)
}

fn unanswered(shape: Shape, error: &arm::Error) -> Answer {
    let refusal =
        || Refusal { message: format!("{} {}: {error}", error.method, error.path), hint: error.hint() };
    match error.kind {
        arm::Kind::NotFound if is_absence(shape, error) => {
            Answer::Absent { code: error.code.clone().unwrap_or_default() }
        }
        arm::Kind::Denied => Answer::Denied(refusal()),
        _ => Answer::Failed(refusal()),
    }
}

/// Of a list only the group can be absent; any other 404 says nothing about what would be in it.
fn is_absence(shape: Shape, error: &arm::Error) -> bool {
    error.says_absent() && (shape == Shape::One || error.has_code("ResourceGroupNotFound"))
}
