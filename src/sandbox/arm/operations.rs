//! Long-running operations: how a write announces one, and how it is polled.
//!
//! The poll answers 200 always; `status` alone says whether it is done.

use serde::Serialize;

use crate::sandbox::http::{Reply, Request, errors};
use crate::sandbox::state::world::seconds;
use crate::sandbox::state::{Operation, World, derived_id};

/// The api-version in every polling URL, whichever version was called.
const POLL_VERSION: &str = "2017-04-18";

/// Adds `Azure-AsyncOperation` to the answer of a write, and `Location` where ARM sends both.
pub(super) fn announce(
    reply: Reply,
    request: &Request,
    operation: &Operation,
    id: &str,
    location: bool,
) -> Reply {
    let url = poll_url(request, operation, id);
    let reply = reply.with("azure-asyncoperation", url.clone());
    if location {
        reply.with("location", format!("{url}&operationResultResponseType=Location"))
    } else {
        reply
    }
}

/// The polling URL with a signature as long as ARM's usual ones; it is opaque and not checked.
fn poll_url(request: &Request, operation: &Operation, id: &str) -> String {
    let part = |label: &str| derived_id(&format!("{label}:{id}")).simple().to_string();
    let ticks = 621_355_968_000_000_000_i64.saturating_add(operation.started_at.saturating_mul(10_000));
    format!(
        "{}{}?api-version={POLL_VERSION}&t={ticks}&c={}&s={}&h={}",
        request.origin,
        poll_path(operation, id),
        part("c").repeat(40),
        part("s").repeat(8),
        part("h"),
    )
}

fn poll_path(operation: &Operation, id: &str) -> String {
    format!(
        "/subscriptions/{}/providers/Microsoft.CognitiveServices/locations/{}/operationResults/{id}",
        operation.subscription,
        operation.location.replace(' ', "%20")
    )
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Progress<'a> {
    id: String,
    name: &'a str,
    status: &'a str,
    start_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<String>,
}

/// `GET .../locations/{location}/operationResults/{id}`.
pub(crate) fn poll(world: &mut World, subscription: &str, id: &str) -> Reply {
    let found = world.state.operations.get(id);
    let Some(operation) = found.filter(|found| found.subscription.eq_ignore_ascii_case(subscription)) else {
        return errors::error(404, "NotFound", &format!("The operation '{id}' was not found."));
    };
    let done = !world.state.pending.contains(id);
    let progress = Progress {
        id: poll_path(operation, id),
        name: id,
        status: if done { "Succeeded" } else { &operation.status },
        start_time: seconds(operation.started_at),
        end_time: done.then(|| seconds(operation.done_at)),
    };
    let reply = Reply::json(200, &progress);
    if done {
        return reply;
    }
    // Azure CLI waits 30 s between polls without this header.
    let left = operation.done_at.saturating_sub(world.now.as_millisecond());
    reply.with("retry-after", left.saturating_add(999).div_euclid(1000).max(1).to_string())
}

/// `GET /subscriptions/{s}/operationresults/{id}`: deletion of a resource group, which is done at the first poll.
pub(super) fn poll_group(_: &mut World, _: &Request) -> Reply {
    Reply::empty(200)
}

/// An `etag` in the service's form: quoted twice, made from two numbers.
pub(super) fn etag(seed: &str, revision: u32, changed_at: i64) -> String {
    let nonce = derived_id(seed).as_u128();
    let low = u32::try_from(nonce & 0xffff_ffff).unwrap_or_default().wrapping_add(revision);
    let time = u32::try_from(changed_at / 1000).unwrap_or_default();
    format!("\"{low:08x}-0000-0500-0000-{time:08x}0000\"")
}
