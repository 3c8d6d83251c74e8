//! Which service a request is for: the sandbox itself, an account's data plane, Entra, Graph or ARM.
//!
//! They share one address, which clients can be configured to use as a custom cloud. Checks the token and the
//! request limits, counts, and writes the activity log; the services know nothing of each other.

use crate::sandbox::arm::activity;
use crate::sandbox::entra::caller::Audience;
use crate::sandbox::entra::{caller, directory};
use crate::sandbox::http::stats::pattern;
use crate::sandbox::http::throttle::Class;
use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::World;
use crate::sandbox::{admin, arm, data_plane, entra, graph};

pub(crate) fn answer(world: &mut World, mut request: Request) -> Reply {
    if admin::is_ours(&request.segments) {
        return admin::answer(world, &request);
    }
    if let Some(reply) = entra::answer(world, &request) {
        world.stats.count(&request.method, &request.segments);
        return reply;
    }
    if let Some(call) = data_plane::call(&request) {
        world.stats.count_data_plane(&request.method);
        return data_plane::answer(world, &request, &call);
    }
    let graph = graph::is_graph(&request.segments);
    let audience = if graph { Audience::Graph } else { Audience::Arm };
    request.caller = match caller::of(world, &request, audience) {
        Ok(caller) => caller,
        Err(refusal) => {
            world.stats.refuse();
            return refusal;
        }
    };
    directory::remember_caller(world, &request.caller);
    world.stats.count(&request.method, &request.segments);
    if graph {
        return graph::answer(world, &request);
    }
    let class = Class::of(&request);
    let subscription = subscription(&request);
    let (left, left_in_all) = match take(world, &request, subscription, class) {
        Ok(left) => left,
        Err(refusal) => return refusal,
    };
    let reply = arm::answer(world, &request);
    activity::log(world, &request, &reply);
    let (scope, class) = (if subscription.is_some() { "subscription" } else { "tenant" }, class.name());
    reply
        .with(format!("x-ms-ratelimit-remaining-{scope}-{class}s"), left.to_string())
        .with(format!("x-ms-ratelimit-remaining-{scope}-global-{class}s"), left_in_all.to_string())
}

fn subscription(request: &Request) -> Option<&str> {
    match &request.segments[..] {
        [first, id, ..] if first.eq_ignore_ascii_case("subscriptions") => Some(id),
        _ => None,
    }
}

/// What is left of the caller's requests, in a subscription and in all of them together.
fn take(
    world: &mut World,
    request: &Request,
    subscription: Option<&str>,
    class: Class,
) -> Result<(i64, i64), Reply> {
    let Some(buckets) = &mut world.throttle else { return Ok(class.unused()) };
    let now = world.now.as_millisecond();
    match buckets.take(subscription, &request.caller.object_id, class, now) {
        // Azure allows fifteen times as much in all subscriptions together.
        Ok(left) => Ok((left, left * 15)),
        Err(seconds) => {
            let types = pattern(&request.segments).replace("/{}", "").to_uppercase();
            let operation = format!("{}{types}/", request.method);
            Err(errors::throttled(subscription.unwrap_or_default(), &operation, seconds))
        }
    }
}
