//! What a spec accepts without declaring it: expected role assignments, and resources of other teams.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Principal;

/// An undeclared role assignment that is not drift until a given day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Expected {
    /// A role's name, former name or GUID.
    pub role: String,
    /// Its principal: an object id, or as under `principals`.
    pub principal: ExpectedPrincipal,
    /// The reason, for readers of the spec.
    pub reason: String,
    /// The last day (UTC) on which it is expected: `2026-12-31`.
    pub until: String,
}

/// The principal of an expected role assignment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ExpectedPrincipal {
    /// By its object id.
    Id(String),
    /// As under `principals`; `type` is optional here.
    Named(Principal),
}

/// Another team that has resources on an account of this file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CoManager {
    /// The stack whose mark its resources carry.
    pub stack: String,
    /// Who creates them, as Azure shows it: object ids. For deployments and projects Azure shows a user's sign-in name and an application's
    /// client id instead.
    #[schemars(length(min = 1))]
    pub by: Vec<String>,
    /// The roles that it may assign; roles covered by the `grant` guard are never accepted.
    #[serde(default)]
    pub roles: Vec<String>,
}
