//! The sandbox's own paths below `/_sandbox/`, with which tests control it.
//!
//! Answers `faults`, `clock`, `versions`, `stats` and `reset` itself, `directory` in `principals`, `access` in `grants`,
//! `monitor` in `monitoring`, and `seed`.
//! Stands on `http`, `state`, `entra` and `arm`.
//!
//! Azure has nothing like it. These paths need no token, and only a POST changes anything.

mod grants;
mod monitoring;
mod principals;
mod seed;

use axum::http::Method;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

use crate::sandbox::http::stats::Stats;
use crate::sandbox::http::{Reply, Request, errors, faults};
use crate::sandbox::state::world::seven_digits;
use crate::sandbox::state::{State, World};

/// How far the clock can be advanced, in seconds.
const AHEAD_LIMIT: i64 = 100 * 366 * 24 * 3600;

/// Whether a path is ours.
pub(super) fn is_ours(segments: &[String]) -> bool {
    segments.first().is_some_and(|first| first == "_sandbox")
}

/// Answers a request to the sandbox itself.
pub(super) fn answer(world: &mut World, request: &Request) -> Reply {
    let path: Vec<&str> = request.segments.iter().skip(1).map(String::as_str).collect();
    match (path.as_slice(), &request.method) {
        (["faults"], &Method::GET) => faults::list(&world.faults),
        (["faults"], &Method::POST) => faults::replace(&mut world.faults, request),
        (["clock"], &Method::GET) => clock(world),
        (["clock"], &Method::POST) => advance(world, request),
        (["versions"], &Method::GET) => newest(world),
        (["versions"], &Method::POST) => set_newest(world, request),
        (["seed"], _) => seed::answer(world, request),
        (["directory"], _) => principals::answer(world, request),
        (["access"], _) => grants::answer(world, request),
        (["monitor"], _) => monitoring::answer(world, request),
        (["stats"], &Method::GET) => Reply::json(200, &world.stats),
        (["reset"], &Method::POST) => {
            let secret = std::mem::take(&mut world.state.secret);
            world.state = State { whole: true, ..State::new(secret) };
            world.stats = Stats::default();
            Reply::json(200, &json!({"reset": true}))
        }
        (["stats" | "reset" | "faults" | "clock" | "versions"], _) => {
            errors::method_not_allowed(request.method.as_str())
        }
        _ => errors::unknown_path(&request.path),
    }
}

/// `GET /_sandbox/clock`: the sandbox's time, and how far it is ahead of the real one.
fn clock(world: &World) -> Reply {
    Reply::json(
        200,
        &json!({"now": seven_digits(world.now), "aheadSeconds": world.state.clock_ahead_seconds}),
    )
}

/// `GET /_sandbox/versions`: the newest api-version of Microsoft.CognitiveServices that this cloud has.
fn newest(world: &World) -> Reply {
    Reply::json(200, &json!({"newest": world.newest_version}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Newest {
    newest: Option<String>,
}

/// `POST /_sandbox/versions`: makes this a cloud that does not have newer ones yet.
fn set_newest(world: &mut World, request: &Request) -> Reply {
    match request.sandbox_json::<Newest>() {
        Ok(sent) => {
            world.newest_version = sent.newest;
            newest(world)
        }
        Err(refusal) => refusal,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: u32,
}

/// `POST /_sandbox/clock`: advances the clock and does everything that is due by then.
fn advance(world: &mut World, request: &Request) -> Reply {
    let sent: Advance = match request.sandbox_json() {
        Ok(sent) => sent,
        Err(refusal) => return refusal,
    };
    let ahead = world.state.clock_ahead_seconds.saturating_add(i64::from(sent.advance_seconds));
    if ahead > AHEAD_LIMIT {
        return errors::sandbox_invalid("the clock cannot run more than a hundred years ahead");
    }
    let real = world.now.saturating_sub(SignedDuration::from_secs(world.state.clock_ahead_seconds));
    world.state.clock_ahead_seconds = ahead;
    // The clock is not a table, so it has to be marked by hand.
    world.state.clock_moved = true;
    world.advance_to(real.unwrap_or(world.now));
    clock(world)
}
