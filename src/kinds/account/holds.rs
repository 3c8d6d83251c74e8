//! What a live account can contain, by its kind and settings.

use serde_json::Value;

use crate::body::AccountBody;
use crate::rbac;

/// The kind of an account whose spec names none.
pub(crate) const DEFAULT_KIND: &str = "AIServices";

/// Whether models can be deployed to a live account.
pub(crate) fn serves_models(body: &Value) -> bool {
    body["kind"].as_str().is_some_and(rbac::serves_models)
}

/// Whether accounts of a kind can have projects, if their settings allow it:
/// <https://learn.microsoft.com/azure/ai-foundry/how-to/upgrade-azure-openai>.
pub(in crate::kinds) fn may_hold_projects(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("AIServices")
}

/// Whether a live account can have projects.
pub(crate) fn holds_projects(body: &Value) -> bool {
    AccountBody::of(body).allows_projects()
}

/// Whether a live account can have connections: Foundry accounts can, whether they allow projects or not.
pub(in crate::kinds) fn holds_connections(body: &Value) -> bool {
    holds_projects(body) || body["kind"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("AIServices"))
}
