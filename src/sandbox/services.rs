//! Which service a request is for: the sandbox itself, Entra, Graph or ARM.
//!
//! They share one address, as clients of other clouds than Azure's can be told. Checks who is
//! asking, counts, and writes the activity log; the services know nothing of each other.

use super::caller::{self, Audience};
use super::http::{Reply, Request};
use super::world::World;
use super::{activity, admin, entra, graph, managed_identity, router};

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
    let graph = graph::is_graph(&request.segments);
    let audience = if graph { Audience::Graph } else { Audience::Arm };
    request.caller = match caller::of(world, &request, audience) {
        Ok(caller) => caller,
        Err(refusal) => {
            world.stats.refuse();
            return refusal;
        }
    };
    world.stats.count(&request.method, &request.segments);
    if graph {
        return graph::answer(world, &request);
    }
    let reply = router::answer(world, &request);
    activity::log(world, &request, &reply);
    reply
}
