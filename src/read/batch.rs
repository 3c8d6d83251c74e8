//! Queries to Microsoft Graph, packed into as few requests as possible.
//!
//! Input: directory queries of one wave. Output: an answer to each. `pack` and `unpack` are pure; only `ask` sends. A batch is answered
//! with 200 as a whole, and each of its parts has its own status.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use super::refusal;
use crate::arm::{self, Client};
use crate::snapshot::{Answer, Part, Query, Refusal, Shape};

/// Graph's limit of requests in a batch.
const BATCH: usize = 20;
/// How often a part is sent if Graph throttles it or is unavailable.
const ATTEMPTS: u32 = 6;

/// The result of a part.
#[derive(Debug, Clone, PartialEq)]
enum PartResult {
    Found(Vec<Value>),
    /// Throttled or unavailable: to be sent again after this many seconds.
    Again(u64, Refusal),
    Denied(Refusal),
    Failed(Refusal),
}

/// Sends all queries; answers are in the same order.
pub(super) async fn ask(graph: &Client, queries: &[&Query]) -> Vec<Answer> {
    let all: Vec<&Part> = queries.iter().flat_map(|query| parts(query)).collect();
    let mut outcomes: Vec<Option<PartResult>> = vec![None; all.len()];
    for attempt in 1..=ATTEMPTS {
        let open: Vec<usize> = (0..all.len()).filter(|part| outcomes[*part].is_none()).collect();
        let sent = open.chunks(BATCH).map(|chunk| send(graph, &all, chunk));
        let mut wait = 0;
        for (part, outcome) in join_all(sent).await.into_iter().flatten() {
            match outcome {
                PartResult::Again(seconds, _) if attempt < ATTEMPTS => wait = wait.max(seconds),
                PartResult::Again(_, refusal) => outcomes[part] = Some(PartResult::Failed(refusal)),
                outcome => outcomes[part] = Some(outcome),
            }
        }
        if outcomes.iter().all(Option::is_some) || !graph.pause(Duration::from_secs(wait)).await {
            break;
        }
    }
    let mut outcomes = outcomes.into_iter();
    queries.iter().map(|query| answer(query, outcomes.by_ref().take(parts(query).len()))).collect()
}

fn parts(query: &Query) -> &[Part] {
    match &query.shape {
        Shape::Directory(parts) => parts,
        _ => &[],
    }
}

async fn send(graph: &Client, all: &[&Part], chunk: &[usize]) -> Vec<(usize, PartResult)> {
    let parts: Vec<&Part> = chunk.iter().map(|part| all[*part]).collect();
    let outcomes = match graph.ask("/v1.0/$batch", &pack(&parts)).await {
        Ok(body) => unpack(&body, &parts),
        Err(error) => {
            let outcome = match error.kind {
                arm::ErrorKind::Denied => PartResult::Denied(refusal(&error)),
                _ => PartResult::Failed(refusal(&error)),
            };
            vec![outcome; parts.len()]
        }
    };
    chunk.iter().copied().zip(outcomes).collect()
}

/// Everything found for a query, unless one of its parts failed.
fn answer(query: &Query, outcomes: impl Iterator<Item = Option<PartResult>>) -> Answer {
    let mut items = Vec::new();
    let mut answer = None;
    for outcome in outcomes {
        match outcome {
            Some(PartResult::Found(found)) => items.extend(found.into_iter().map(query.project)),
            Some(PartResult::Denied(refusal)) => answer = answer.or(Some(Answer::Denied(refusal))),
            Some(PartResult::Failed(refusal) | PartResult::Again(_, refusal)) => {
                answer = answer.or(Some(Answer::Failed(refusal)));
            }
            None => {
                let message = "interrupted while asking Microsoft Graph".to_owned();
                answer = answer.or(Some(Answer::Failed(Refusal { message, hint: None })));
            }
        }
    }
    answer.unwrap_or_else(|| Answer::found(items))
}

/// A batch; a part's id is its index.
fn pack(parts: &[&Part]) -> Value {
    let request = |(id, part): (usize, &&Part)| match &part.body {
        None => json!({"id": id.to_string(), "method": "GET", "url": part.url}),
        Some(body) => json!({
            "id": id.to_string(),
            "method": "POST",
            "url": part.url,
            "headers": {"Content-Type": "application/json"},
            "body": body,
        }),
    };
    json!({"requests": parts.iter().enumerate().map(request).collect::<Vec<_>>()})
}

/// The result of each part in a batch's answer, which may be in any order.
fn unpack(body: &Value, parts: &[&Part]) -> Vec<PartResult> {
    let answers: BTreeMap<&str, &Value> = body["responses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|answer| Some((answer["id"].as_str()?, answer)))
        .collect();
    let outcome = |(id, part): (usize, &&Part)| {
        answers.get(id.to_string().as_str()).map_or_else(
            || PartResult::Failed(refused(part, "Microsoft Graph's answer does not include it", None)),
            |answer| read(answer, part),
        )
    };
    parts.iter().enumerate().map(outcome).collect()
}

fn read(answer: &Value, part: &Part) -> PartResult {
    let body = &answer["body"];
    let status = answer["status"].as_u64().unwrap_or_default();
    let error = &body["error"];
    let words = [error["code"].as_str(), error["message"].as_str()];
    let words = words.into_iter().flatten().collect::<Vec<_>>().join(": ");
    let said = format!("Microsoft Graph answered {status} {words}");
    let said = said.trim_end_matches([' ', '.']);
    match status {
        // Even if there are items too.
        200 if arm::carries_error(body) => PartResult::Failed(refused(part, said, None)),
        200 => match (body["value"].as_array(), has_more(body)) {
            // An object without an id may be the one in question.
            (Some(items), _) if !items.iter().all(has_id) => PartResult::Failed(refused(
                part,
                "an object in Microsoft Graph's answer has no valid id",
                None,
            )),
            // One page is more than enough for one name.
            (Some(items), false) => PartResult::Found(items.clone()),
            (Some(items), _) if items.len() > 1 && part.body.is_none() => PartResult::Found(items.clone()),
            _ => PartResult::Failed(refused(part, "Microsoft Graph's answer is not a complete list", None)),
        },
        401 | 403 => PartResult::Denied(refused(part, said, None)),
        429 | 502..=504 => {
            PartResult::Again(retry_after(answer), refused(part, said, Some("try again later".to_owned())))
        }
        _ => PartResult::Failed(refused(part, said, None)),
    }
}

/// Whether it names another page.
fn has_more(body: &Value) -> bool {
    let mut fields = body.as_object().into_iter().flatten();
    fields.any(|(name, value)| arm::is_next_link(name) && !value.is_null() && value != "")
}

/// Every object of a directory has a GUID.
fn has_id(object: &Value) -> bool {
    object["id"].as_str().is_some_and(|id| Uuid::try_parse(id).is_ok())
}

fn retry_after(answer: &Value) -> u64 {
    let headers = answer["headers"].as_object().into_iter().flatten();
    let told = headers.filter(|(name, _)| name.eq_ignore_ascii_case("retry-after")).find_map(|(_, value)| {
        value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
    });
    told.unwrap_or(2)
}

fn refused(part: &Part, what: impl AsRef<str>, hint: Option<String>) -> Refusal {
    let path = part.url.split('?').next().unwrap_or_default();
    Refusal { message: format!("looking in {path}: {}", what.as_ref()), hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(url: &str) -> Part {
        Part { url: url.to_owned(), body: None }
    }

    #[test]
    fn answers_are_told_apart_by_their_ids_and_statuses() {
        let parts =
            [part("/users?a"), part("/groups?b"), part("/groups?c"), part("/groups?d"), part("/users?e")];
        let parts: Vec<&Part> = parts.iter().collect();
        let id = "aaaaaaaa-0000-4000-8000-000000000001";
        let body = json!({"responses": [
            {"id": "2", "status": 429, "headers": {"Retry-After": "7"}, "body": {"error": {"code": "TooManyRequests"}}},
            {"id": "1", "status": 403, "body": {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}},
            {"id": "0", "status": 200, "body": {"value": [{"id": id}]}},
            {"id": "4", "status": 200, "body": {"value": [], "@odata.nextLink": "https://elsewhere.example"}},
        ]});
        let outcomes = unpack(&body, &parts);
        assert_eq!(outcomes[0], PartResult::Found(vec![json!({"id": id})]));
        let PartResult::Denied(refusal) = &outcomes[1] else { panic!("{outcomes:?}") };
        assert_eq!(
            refusal.message,
            "looking in /groups: Microsoft Graph answered 403 Authorization_RequestDenied: Insufficient privileges"
        );
        assert!(matches!(outcomes[2], PartResult::Again(7, _)));
        assert!(
            matches!(outcomes[3], PartResult::Failed(_)),
            "a part without an answer is not an empty list"
        );
        assert!(matches!(outcomes[4], PartResult::Failed(_)), "nor is half a list");
    }

    #[test]
    fn what_passes_is_asked_again_and_nothing_else_is() {
        let part = part("/users?a");
        for (status, expected) in [
            (429, "again"),
            (502, "again"),
            (503, "again"),
            (504, "again"),
            (401, "denied"),
            (403, "denied"),
            (400, "failed"),
            (404, "failed"),
            (500, "failed"),
            (505, "failed"),
            (200, "found"),
        ] {
            let found = match read(&json!({"id": "0", "status": status, "body": {"value": []}}), &part) {
                PartResult::Again(2, _) => "again",
                PartResult::Again(..) => "again, at another time",
                PartResult::Denied(_) => "denied",
                PartResult::Failed(_) => "failed",
                PartResult::Found(_) => "found",
            };
            assert_eq!(found, expected, "{status}");
        }
    }

    #[test]
    fn half_a_list_and_one_with_an_error_are_none() {
        let part = part("/users?a");
        for (name, value, whole) in [
            ("@odata.nextLink", json!("u"), false),
            ("@odata.nextlink", json!("u"), false),
            ("NextLink", json!("u"), false),
            ("nextLink", json!(7), false),
            ("error", json!({"code": "Partial", "message": "m"}), false),
            ("Error", json!("m"), false),
            ("@odata.nextLink", json!(null), true),
            ("error", json!(null), true),
            ("@odata.context", json!("u"), true),
        ] {
            let mut body = json!({"value": []});
            body[name] = value;
            let outcome = read(&json!({"id": "0", "status": 200, "body": body}), &part);
            assert_eq!(matches!(outcome, PartResult::Found(_)), whole, "{body}: {outcome:?}");
        }
    }

    #[test]
    fn an_answer_with_an_object_of_which_nobody_knows_who_it_is_is_none() {
        let id = "aaaaaaaa-0000-4000-8000-000000000001";
        for part in [part("/users?a"), Part { url: "/x".to_owned(), body: Some(json!({})) }] {
            for strange in
                [json!({}), json!(null), json!([]), json!({"id": 7}), json!({"id": format!("x{id}")})]
            {
                let body = json!({"value": [{"id": id}, strange]});
                let outcome = read(&json!({"id": "0", "status": 200, "body": body}), &part);
                assert!(matches!(outcome, PartResult::Failed(_)), "{strange}: {outcome:?}");
            }
            let body = json!({"value": [{"id": id}, {"id": id.to_uppercase()}]});
            let outcome = read(&json!({"id": "0", "status": 200, "body": body}), &part);
            assert!(matches!(outcome, PartResult::Found(_)), "{outcome:?}");
        }
    }

    #[test]
    fn whatever_is_answered_is_no_reason_to_panic() {
        let parts = [part("/users?a")];
        let parts: Vec<&Part> = parts.iter().collect();
        for body in [json!(null), json!([]), json!({"responses": 7}), json!({"responses": [null, {"id": 0}]})]
        {
            assert!(matches!(unpack(&body, &parts)[0], PartResult::Failed(_)), "{body}");
        }
        for status in [json!(200), json!("200"), json!(-1)] {
            let body = json!({"responses": [{"id": "0", "status": status, "body": {"value": {}}}]});
            assert!(matches!(unpack(&body, &parts)[0], PartResult::Failed(_)), "{body}");
        }
    }

    #[test]
    fn one_refused_part_refuses_the_whole_query() {
        let shape = Shape::Directory(vec![part("/a"), part("/b")]);
        let query = Query {
            path: "graph".to_owned(),
            shape,
            scope: crate::id::ResourceId::root(),
            project: |body| body,
        };
        let denied = Refusal { message: "no".to_owned(), hint: None };
        let mixed = [Some(PartResult::Found(vec![json!(1)])), Some(PartResult::Denied(denied.clone()))];
        assert_eq!(answer(&query, mixed.into_iter()), Answer::Denied(denied));
        let both = [Some(PartResult::Found(vec![json!(1)])), Some(PartResult::Found(vec![json!(2)]))];
        assert_eq!(answer(&query, both.into_iter()), Answer::found(vec![json!(1), json!(2)]));
        assert!(matches!(answer(&query, [None].into_iter()), Answer::Failed(_)));
    }
}
