//! What can stand in a live account, by its kind and settings.

use serde_json::Value;

/// Whether models can be deployed to a live account.
pub(crate) fn serves_models(body: &Value) -> bool {
    body["kind"]
        .as_str()
        .is_some_and(|kind| ["AIServices", "OpenAI"].iter().any(|each| each.eq_ignore_ascii_case(kind)))
}

/// Whether projects can stand in accounts of a kind, should their settings allow it:
/// <https://learn.microsoft.com/azure/ai-foundry/how-to/upgrade-azure-openai>.
pub(in crate::kinds) fn may_hold_projects(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("AIServices")
}

/// Whether projects can stand in a live account.
pub(crate) fn holds_projects(body: &Value) -> bool {
    body["properties"]["allowProjectManagement"] == true
}

/// Whether connections can stand in a live account: in those of Foundry, whether they allow projects or not.
pub(in crate::kinds) fn holds_connections(body: &Value) -> bool {
    holds_projects(body) || body["kind"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("AIServices"))
}
