//! The state of principals and their permissions: plain data, in the format of the state file.
//!
//! No behaviour; `arm::rbac` and `entra` use it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A custom role, or a built-in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleDefinition {
    pub(crate) guid: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) assignable_scopes: Vec<String>,
    pub(crate) permissions: Vec<Permission>,
    pub(crate) created_on: String,
    pub(crate) updated_on: String,
    #[serde(default)]
    pub(crate) created_by: Option<String>,
    #[serde(default)]
    pub(crate) updated_by: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Permission {
    #[serde(default)]
    pub(crate) actions: Vec<String>,
    #[serde(default)]
    pub(crate) not_actions: Vec<String>,
    #[serde(default)]
    pub(crate) data_actions: Vec<String>,
    #[serde(default)]
    pub(crate) not_data_actions: Vec<String>,
}

/// All principals, in the lists of a deny assignment.
pub(crate) const EVERYONE: &str = "00000000-0000-0000-0000-000000000000";

/// Actions that are denied whatever roles grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DenyAssignment {
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) permissions: Vec<Permission>,
    /// Object ids, `EVERYONE` among them.
    pub(crate) principals: Vec<String>,
    #[serde(default)]
    pub(crate) exclude_principals: Vec<String>,
    #[serde(default)]
    pub(crate) do_not_apply_to_child_scopes: bool,
    pub(crate) created_on: String,
}

/// The schedule of a role assignment made by Privileged Identity Management. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Schedule {
    /// `Activated`, or `Assigned` for a while.
    pub(crate) assignment_type: String,
    pub(crate) starts_at: i64,
    pub(crate) ends_at: i64,
}

/// A policy with the effect `deny`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Policy {
    pub(crate) id: String,
    pub(crate) scope: String,
    pub(crate) name: String,
    /// Resource type that the policy applies to.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// A property such as `location` or `tags.team`, or an alias `{type}/{path}`.
    pub(crate) field: String,
    pub(crate) operator: Operator,
    pub(crate) value: Value,
}

/// Comparison of a policy's field; if it is true, the write is denied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Operator {
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
pub(crate) struct Principal {
    /// `User`, `Group` or `ServicePrincipal`.
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upn: Option<String>,
    /// Whether an application's principal is a managed identity.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) managed: bool,
    /// SHA-256 of its secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) secrets: Vec<String>,
    /// Certificates that its assertions may be signed with: DER in base64url.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) certificates: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) federated: Vec<Federated>,
    /// Object ids of a group's members.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) members: Vec<String>,
    /// How many more assignments are refused because it is not replicated yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) unknown_for_puts: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Principal {
    /// A principal with a name and nothing else.
    pub(crate) fn new(kind: &str, name: &str) -> Self {
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

/// A federated credential: assertions of this issuer and subject are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Federated {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleAssignment {
    pub(crate) name: String,
    /// As the creating URL had it.
    pub(crate) scope: String,
    pub(crate) role: String,
    pub(crate) principal_id: String,
    pub(crate) principal_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) condition_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delegated_managed_identity_resource_id: Option<String>,
    pub(crate) created_on: String,
    pub(crate) updated_on: String,
    pub(crate) created_by: String,
    pub(crate) updated_by: String,
}
