//! Which service a request is for: the sandbox itself, an account's data plane, Entra, Graph or ARM.
//!
//! They share one address, as clients of other clouds than Azure's can be told. Checks who is
//! asking and how often, counts, and writes the activity log; the services know nothing of each other.

use super::caller::{self, Audience};
use super::http::{Reply, Request};
use super::stats::pattern;
use super::throttle::Class;
use super::world::World;
use super::{activity, admin, data_plane, directory, entra, errors, graph, managed_identity, router};

/// Answers one request.
pub(super) fn answer(world: &mut World, mut request: Request) -> Reply {
    if admin::is_ours(&request.segments) {
        return admin::answer(world, &request);
    }
    if let Some(reply) = entra::answer(world, &request).or_else(|| managed_identity::answer(world, &request))
    {
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
    let reply = router::answer(world, &request);
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
