//! `POST $batch`: several requests to Graph in one, answered one after the other.
//!
//! Input is the batch; each step is answered as if it had come alone, in order. Steps that depend on others are not known here.

use serde_json::{Value, json};

use super::one;
use super::refusals::{body, refusal};
use crate::sandbox::http::{Reply, Request, segments, to_json};
use crate::sandbox::state::World;

/// Requests in a batch at most.
const BATCH_LIMIT: usize = 20;

pub(super) fn batch(world: &mut World, request: &Request) -> Reply {
    let body = match body(world, request) {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let parts = body.get("requests").and_then(Value::as_array).cloned().unwrap_or_default();
    if parts.is_empty() || parts.len() > BATCH_LIMIT {
        let text = format!("Number of batch request steps must be between 1 and {BATCH_LIMIT}.");
        return refusal(world, request, 400, "BadRequest", &text);
    }
    let mut answers = Vec::new();
    for part in &parts {
        let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
        let reply = match part_request(request, text("method"), text("url"), part.get("body")) {
            Some(inner) => {
                let path = inner.segments.clone();
                one(world, &inner, &path).unwrap_or_else(|refusal| refusal)
            }
            None => refusal(world, request, 400, "BadRequest", "Invalid batch request step."),
        };
        let status = reply.status;
        let content: Value = serde_json::from_slice(&reply.content.text()).unwrap_or_default();
        answers.push(json!({
            "id": text("id"),
            "status": status,
            "headers": {"Content-Type": "application/json"},
            "body": content,
        }));
    }
    Reply::json(200, &json!({"responses": answers}))
}

/// One step of a batch as a request of its own; its URL is relative to the version.
fn part_request(request: &Request, method: &str, url: &str, body: Option<&Value>) -> Option<Request> {
    let base = url::Url::parse("http://localhost/").ok()?;
    let url = base.join(url.trim_start_matches('/')).ok().filter(|url| url.host() == base.host())?;
    Some(Request {
        method: method.parse().ok()?,
        path: format!("/v1.0{}", url.path()),
        segments: segments(url.path()),
        query: url.query_pairs().into_owned().collect(),
        body: body.map(|body| to_json(body).into_bytes()).unwrap_or_default(),
        ..request.clone()
    })
}
