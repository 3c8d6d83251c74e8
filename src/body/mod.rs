//! What bodies in ARM shape say: the place that knows where in a body each fact is.
//!
//! Pure. These views borrow a body and read it on demand. Any body can be viewed: what it lacks, or shows with another type, is `None`,
//! empty or false. `kinds` converts whole bodies (`to_spec`, `overlay`); guards share these views, but not what is concluded from them.

mod account;
mod assignment;
mod deployment;

pub(crate) use account::{AccountBody, FOUNDRY, INFERENCE, Injection, Network, OPENAI, endpoint_of};
pub(crate) use assignment::{AssignmentBody, PRINCIPAL_TYPES};
pub(crate) use deployment::DeploymentBody;

use serde_json::{Map, Value};

/// The state of the last write, in ARM's words.
#[must_use]
pub(crate) fn provisioning_state(body: &Value) -> Option<&str> {
    body["properties"]["provisioningState"].as_str()
}

/// Whether a body has properties at all; an error or an empty answer has none.
#[must_use]
pub(crate) fn is_resource(body: &Value) -> bool {
    body["properties"].is_object()
}

/// The user-assigned identities of a resource by id, with what Azure shows about each.
pub(crate) fn user_assigned(body: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let identities = body["identity"]["userAssignedIdentities"].as_object();
    identities.into_iter().flatten().filter(|(_, shown)| !shown.is_null())
}

fn list<'a>(parent: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    parent[name].as_array().into_iter().flatten()
}

fn is_empty(list: &Value) -> bool {
    list.as_array().is_none_or(Vec::is_empty)
}

fn members(parent: &Value) -> Option<&Map<String, Value>> {
    parent.as_object()
}

/// Compares a word of ARM's; it accepts and returns any case.
fn is(word: Option<&str>, wanted: &str) -> bool {
    word.is_some_and(|word| word.eq_ignore_ascii_case(wanted))
}
