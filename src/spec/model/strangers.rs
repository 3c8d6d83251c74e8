//! What a spec says of things that it does not declare: what is expected for a while, and what other teams make.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Principal;

/// A role assignment that no spec declares, and that is no drift until some day.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Expected {
    /// A role's name, former name or GUID.
    pub role: String,
    /// Who has it: an object id, or as under `principals`.
    pub principal: ExpectedPrincipal,
    /// Why it may be there, for whoever reads the spec.
    pub reason: String,
    /// The last day (UTC) on which it is expected: `2026-12-31`.
    pub until: String,
}

/// Who is expected to have a role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ExpectedPrincipal {
    /// By the object id.
    Id(String),
    /// As under `principals`; `type` may be left out here.
    Named(Principal),
}

/// Another team that has things on an account of this file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CoManager {
    /// The stack whose mark its things carry.
    pub stack: String,
    /// Who makes them, as Azure shows it: object ids. Of deployments and projects Azure shows a person's sign-in name, and an application's
    /// client id, instead.
    #[schemars(length(min = 1))]
    pub by: Vec<String>,
    /// The roles that it may give; a role that the `grant` guard guards is never accepted.
    #[serde(default)]
    pub roles: Vec<String>,
}
