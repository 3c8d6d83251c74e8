//! What the sandbox remembers of people and of what they may do: plain data, as the state file holds it.
//!
//! No behaviour lives here; `access`, `policies` and `entra` judge by it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A custom role, or a built-in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleDefinition {
    pub(super) guid: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) assignable_scopes: Vec<String>,
    pub(super) permissions: Vec<Permission>,
    pub(super) created_on: String,
    pub(super) updated_on: String,
    #[serde(default)]
    pub(super) created_by: Option<String>,
    #[serde(default)]
    pub(super) updated_by: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Permission {
    #[serde(default)]
    pub(super) actions: Vec<String>,
    #[serde(default)]
    pub(super) not_actions: Vec<String>,
    #[serde(default)]
    pub(super) data_actions: Vec<String>,
    #[serde(default)]
    pub(super) not_data_actions: Vec<String>,
}

/// Stands for everybody in the lists of a deny assignment.
pub(super) const EVERYONE: &str = "00000000-0000-0000-0000-000000000000";

/// What nobody may do, whatever roles say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DenyAssignment {
    pub(super) id: String,
    pub(super) scope: String,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) permissions: Vec<Permission>,
    /// Object ids, `EVERYONE` among them.
    pub(super) principals: Vec<String>,
    #[serde(default)]
    pub(super) exclude_principals: Vec<String>,
    #[serde(default)]
    pub(super) do_not_apply_to_child_scopes: bool,
    pub(super) created_on: String,
}

/// That a role assignment came from Privileged Identity Management. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schedule {
    /// `Activated`, or `Assigned` for a while.
    pub(super) assignment_type: String,
    pub(super) starts_at: i64,
    pub(super) ends_at: i64,
}

/// A policy with the effect `deny`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Policy {
    pub(super) id: String,
    pub(super) scope: String,
    pub(super) name: String,
    /// Type of the resources that it is about.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// A property such as `location` or `tags.team`, or an alias `{type}/{path}`.
    pub(super) field: String,
    pub(super) operator: Operator,
    pub(super) value: Value,
}

/// When a policy's condition on its field holds, which denies the write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Operator {
    #[default]
    Equals,
    NotEquals,
    In,
    NotIn,
    Exists,
}

/// Someone in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Principal {
    /// `User`, `Group` or `ServicePrincipal`.
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) app_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) upn: Option<String>,
    /// Whether an application's principal is a managed identity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) managed: bool,
    /// SHA-256 of its secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) secrets: Vec<String>,
    /// Certificates that its assertions may be signed with: DER in base64url.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) certificates: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) federated: Vec<Federated>,
    /// Object ids of a group's members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) members: Vec<String>,
    /// How many more assignments are refused because it is not replicated yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) unknown_for_puts: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Principal {
    /// A principal with a name and nothing else.
    pub(super) fn new(kind: &str, name: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            app_id: None,
            upn: None,
            managed: false,
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated: Vec::new(),
            members: Vec::new(),
            unknown_for_puts: 0,
        }
    }
}

/// Whose assertions an application takes for its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Federated {
    pub(super) issuer: String,
    pub(super) subject: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleAssignment {
    pub(super) name: String,
    /// As the creating URL had it.
    pub(super) scope: String,
    pub(super) role: String,
    pub(super) principal_id: String,
    pub(super) principal_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) condition_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) delegated_managed_identity_resource_id: Option<String>,
    pub(super) created_on: String,
    pub(super) updated_on: String,
    pub(super) created_by: String,
    pub(super) updated_by: String,
}
