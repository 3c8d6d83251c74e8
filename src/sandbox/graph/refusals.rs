//! Graph's error answers, which have another form than ARM's.
//!
//! Pure, but for the time that each of them shows.

use serde_json::{Map, Value, json};

use crate::sandbox::http::{Reply, Request};
use crate::sandbox::state::World;
use crate::sandbox::state::world::seconds;

pub(super) fn body(world: &World, request: &Request) -> Result<Map<String, Value>, Reply> {
    request.json_object().map_err(|_| {
        refusal(world, request, 400, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
    })
}

/// Graph's own form of an error.
pub(super) fn refusal(world: &World, request: &Request, status: u16, code: &str, message: &str) -> Reply {
    let date = seconds(world.now.as_millisecond());
    let client = request.header("client-request-id").unwrap_or(&request.id);
    Reply::json(
        status,
        &json!({"error": {
            "code": code,
            "message": message,
            "innerError": {"date": date.trim_end_matches('Z'), "request-id": request.id, "client-request-id": client},
        }}),
    )
}

pub(super) fn not_found(world: &World, request: &Request, id: &str) -> Reply {
    let text = format!(
        "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
    );
    refusal(world, request, 404, "Request_ResourceNotFound", &text)
}

pub(super) fn bad_filter(world: &World, request: &Request) -> Reply {
    refusal(world, request, 400, "BadRequest", "Invalid filter clause: the sandbox does not understand it.")
}

pub(super) fn unknown_segment(world: &World, request: &Request, segment: &str) -> Reply {
    refusal(world, request, 400, "BadRequest", &format!("Resource not found for the segment '{segment}'."))
}

pub(super) fn not_allowed(world: &World, request: &Request) -> Reply {
    refusal(
        world,
        request,
        405,
        "Request_BadRequest",
        "Specified HTTP method is not allowed for the request target.",
    )
}
