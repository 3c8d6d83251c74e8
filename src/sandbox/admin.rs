//! The sandbox's own paths below `/_sandbox/`: what a test asks of the sandbox itself.
//!
//! They are no part of Azure, need no token, and change things by POST only.

use axum::http::Method;
use serde_json::json;

use super::directory;
use super::errors;
use super::http::{Reply, Request};
use super::state::State;
use super::stats::Stats;
use super::world::World;

/// Whether a path is ours.
pub(super) fn is_ours(segments: &[String]) -> bool {
    segments.first().is_some_and(|first| first == "_sandbox")
}

/// Answers a request to the sandbox itself.
pub(super) fn answer(world: &mut World, request: &Request) -> Reply {
    let path: Vec<&str> = request.segments.iter().skip(1).map(String::as_str).collect();
    match (path.as_slice(), &request.method) {
        (["directory"], _) => directory::answer(world, request),
        (["stats"], &Method::GET) => Reply::json(200, &world.stats),
        (["reset"], &Method::POST) => {
            let secret = std::mem::take(&mut world.state.secret);
            world.state = State::new(secret);
            world.stats = Stats::default();
            world.changed = true;
            Reply::json(200, &json!({"reset": true}))
        }
        (["stats" | "reset"], _) => errors::method_not_allowed(request.method.as_str()),
        _ => errors::unknown_path(&request.path),
    }
}
