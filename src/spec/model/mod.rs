//! The typed spec: what a file may say, defined once.
//!
//! serde, the JSON Schema with its doc texts, validation and the field reference all come from these types. Field names are ARM's.
//! A field left out is unmanaged: never compared, never reset. `null` clears what is live.

mod children;
mod strangers;

use std::collections::BTreeMap;

pub use children::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use strangers::*;

/// How Azure AI Services accounts are set up, and who may call them. One file is one stack.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Spec {
    /// Version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The owner of what this file creates; no two files of a run share one. Lower-case letters, digits, `-`, `_` and `.`, at most 63.
    pub stack: String,
    /// The tenant (a GUID) that the subscription must belong to. Left out: not checked.
    pub tenant: Option<String>,
    /// The subscription (a GUID).
    pub subscription: String,
    /// The resource group of accounts that name none. It must exist.
    pub resource_group: Option<String>,
    /// The region of accounts that name none, such as `eastus2`.
    pub location: Option<String>,
    /// Whether to mark things that exist already and are declared here, so that removing their line removes them.
    #[serde(default)]
    pub adopt: bool,
    /// What happens to things that this stack created and no longer declares.
    #[serde(default)]
    pub prune: Prune,
    /// Whether live things that no spec declares, beside a declared list, are drift.
    #[serde(default)]
    pub unmanaged: Unmanaged,
    /// Role assignments that no spec declares and that are no drift for a while to this stack, on its accounts and in its groups. To another
    /// stack they stay drift: on its accounts, and in a group that both name, whose assignments reach the accounts of both.
    #[serde(default)]
    pub expected: Vec<Expected>,
    /// What happens when a soft-deleted account holds the name of a declared one.
    #[serde(default)]
    pub on_soft_deleted: OnSoftDeleted,
    /// Values for `${name}`. `--var`, `--var-file` and `KEYLESS_VAR_NAME` go before them.
    #[serde(default)]
    pub variables: BTreeMap<String, serde_json::Value>,
    /// Azure AI Services accounts.
    #[serde(default)]
    pub accounts: Vec<Account>,
    /// Existing hub workspaces, taken as given, with the connections that are kept in them.
    #[serde(default)]
    pub workspaces: Vec<Workspace>,
    /// Role assignments at other scopes than an account of this file.
    #[serde(default)]
    pub role_assignments: Vec<ScopedRoleAssignment>,
}

/// What happens to things that this stack created and no longer declares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Prune {
    /// They are deleted, so that a line removed in git is access revoked.
    #[default]
    Owned,
    /// They are listed only.
    None,
}

/// Whether live things that no spec declares, beside a declared list, are drift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unmanaged {
    /// They are drift: `drift` ends with exit code 2.
    #[default]
    Fail,
    /// They are listed.
    List,
}

/// What happens when a soft-deleted account holds the name of a declared one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnSoftDeleted {
    /// The plan says so and nothing is written.
    #[default]
    Fail,
    /// It is restored, then brought to what is declared.
    Restore,
    /// It is purged for good, then created anew.
    Purge,
}

/// An Azure AI Services account (`Microsoft.CognitiveServices/accounts`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Account {
    /// 2 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
    pub name: String,
    /// Its resource group, where it is not the file's.
    pub resource_group: Option<String>,
    /// Its region, where it is not the file's. Cannot be changed later.
    pub location: Option<String>,
    /// The kind of service, such as `AIServices` or `OpenAI`. On creation: `AIServices`. Cannot be changed later.
    pub kind: Option<String>,
    /// The pricing tier's name, as text or as `{name: S0}`. On creation: `S0`.
    pub sku: Option<Sku>,
    /// The account's own identity. On creation: `SystemAssigned`.
    pub identity: Option<Identity>,
    /// The subdomain of its endpoint, unique in Azure and needed for Entra ID tokens. On creation: the name. Cannot be changed later.
    pub custom_sub_domain_name: Option<String>,
    /// Whether API keys are refused. On creation: true.
    pub disable_local_auth: Option<bool>,
    /// Whether the account can be reached from outside of private endpoints.
    pub public_network_access: Option<PublicNetworkAccess>,
    /// Who may reach its public endpoint. Needs `customSubDomainName`.
    pub network_acls: Option<NetworkAcls>,
    /// Whether Foundry projects can be made in it. On creation: true where `projects` are declared.
    pub allow_project_management: Option<bool>,
    /// Encryption of data at rest.
    pub encryption: Option<Encryption>,
    /// Storage accounts that hold its data. Cannot be changed later.
    pub user_owned_storage: Option<Vec<UserOwnedStorage>>,
    /// Whether outbound calls are limited to `allowedFqdnList`.
    pub restrict_outbound_network_access: Option<bool>,
    /// The host names that outbound calls may reach.
    pub allowed_fqdn_list: Option<Vec<String>>,
    /// Subnets that agents run in.
    pub network_injections: Option<Vec<NetworkInjection>>,
    /// Tags. Those not named here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
    /// Who may do what on this account: all of it. An assignment beside this list, on the account or on something in it, is drift; left
    /// out: what others gave is left alone, and what the stack gave is revoked.
    #[serde(default)]
    pub role_assignments: Vec<RoleAssignment>,
    /// Role assignments on this account, or on something in it, that no spec declares and that are no drift for a while.
    #[serde(default)]
    pub expected: Vec<Expected>,
    /// Other teams whose marked things on this account, and in it, are no drift.
    #[serde(default)]
    pub co_managed_by: Vec<CoManager>,
    /// Models that can be called: all of them. Left out: left alone; to remove the last one leave `[]`.
    pub deployments: Option<Vec<Deployment>>,
    /// Content filters of one's own: all of them. Left out: left alone; to remove the last one leave `[]`.
    pub rai_policies: Option<Vec<RaiPolicy>>,
    /// Foundry projects: all of them. Left out: left alone; to remove the last one leave `[]`.
    pub projects: Option<Vec<Project>>,
    /// Connections of the account, shared by its projects. Left out: left alone.
    pub connections: Option<Vec<Connection>>,
}

/// An account's pricing tier.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Sku {
    /// The tier's name.
    Name(String),
    /// The same as Azure writes it.
    Long(SkuParts),
}

/// The long form of an account's `sku`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkuParts {
    /// The tier's name, such as `S0`.
    pub name: String,
}

impl Sku {
    /// The tier's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Long(SkuParts { name }) => name,
        }
    }
}

/// An account's own identity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Identity {
    /// `SystemAssigned` (user-assigned identities are left alone) or `None` (no identity at all).
    Type(IdentityType),
    /// The identities one by one.
    Each(IdentityParts),
}

/// The short forms of `identity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum IdentityType {
    /// A system-assigned identity; user-assigned ones are left alone.
    SystemAssigned,
    /// No identity.
    None,
}

/// The long form of `identity`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct IdentityParts {
    /// Whether it has a system-assigned identity. Left out: left alone.
    pub system_assigned: Option<bool>,
    /// Resource ids of all its user-assigned identities. Left out: left alone.
    pub user_assigned: Option<Vec<String>>,
}

/// Whether an account can be reached from outside of private endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum PublicNetworkAccess {
    /// Reachable, as far as `networkAcls` allows.
    Enabled,
    /// Reachable through private endpoints only.
    Disabled,
}

/// Who may reach an account's public endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetworkAcls {
    /// What happens to callers that no rule names.
    pub default_action: Option<DefaultAction>,
    /// Whether trusted Azure services pass. Kinds `AIServices`, `OpenAI` and `TextAnalytics` only.
    pub bypass: Option<Bypass>,
    /// IPv4 addresses and ranges in CIDR notation: all of them.
    pub ip_rules: Option<Vec<String>>,
    /// Subnets: all of them.
    pub virtual_network_rules: Option<Vec<VirtualNetworkRule>>,
}

/// What happens to callers that no rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum DefaultAction {
    /// They may call.
    Allow,
    /// They may not.
    Deny,
}

/// Whether trusted Azure services pass the network rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Bypass {
    /// They pass.
    AzureServices,
    /// They do not.
    None,
}

/// A subnet that may reach an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VirtualNetworkRule {
    /// Resource id of the subnet.
    pub id: String,
    /// Whether a subnet without the service endpoint is accepted.
    pub ignore_missing_vnet_service_endpoint: Option<bool>,
}

/// Encryption of data at rest.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Encryption {
    /// Whose key it is.
    pub key_source: Option<KeySource>,
    /// The key, where it is one's own.
    pub key_vault_properties: Option<KeyVaultProperties>,
}

/// Whose key encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum KeySource {
    /// Microsoft's.
    #[serde(rename = "Microsoft.CognitiveServices")]
    MicrosoftCognitiveServices,
    /// One's own, in Key Vault.
    #[serde(rename = "Microsoft.KeyVault")]
    MicrosoftKeyVault,
}

/// A key in Key Vault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeyVaultProperties {
    /// The key's name.
    pub key_name: Option<String>,
    /// The key's version.
    pub key_version: Option<String>,
    /// URI of the vault.
    pub key_vault_uri: Option<String>,
    /// Client id of the identity that reads the key.
    pub identity_client_id: Option<String>,
}

/// A storage account that holds an account's data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UserOwnedStorage {
    /// Resource id of the storage account.
    pub resource_id: String,
    /// Client id of the identity that reaches it.
    pub identity_client_id: Option<String>,
}

/// A subnet that agents run in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetworkInjection {
    /// What runs in it: `agent` or `none`.
    pub scenario: String,
    /// Resource id of the subnet.
    pub subnet_arm_id: Option<String>,
    /// Whether Microsoft manages the network instead.
    pub use_microsoft_managed_network: Option<bool>,
}

/// One role for some principals, on the account it stands in.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RoleAssignment {
    /// A role's name, former name or GUID; custom roles are looked up in the subscription.
    pub role: String,
    /// Who gets it; `[]` is nobody.
    pub principals: Vec<Principal>,
    /// Why, for whoever reads the assignment in the portal.
    pub description: Option<String>,
    /// A condition on the assignment. White space does not count. Left out, a live one stays and a warning names it; `null` drops it.
    pub condition: Option<String>,
    /// Version of the condition's language: `2.0`, which is also meant where it is left out.
    pub condition_version: Option<String>,
}

/// One role for some principals, at a scope.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScopedRoleAssignment {
    /// `subscription`, `resourceGroup` (the file's), or a resource id.
    pub scope: String,
    /// A role's name, former name or GUID; custom roles are looked up in the subscription.
    pub role: String,
    /// Who gets it; `[]` is nobody: the scope stays declared, so that what the stack gave there and no line gives any more is revoked.
    pub principals: Vec<Principal>,
    /// Why, for whoever reads the assignment in the portal.
    pub description: Option<String>,
    /// A condition on the assignment. White space does not count. Left out, a live one stays and a warning names it; `null` drops it.
    pub condition: Option<String>,
    /// Version of the condition's language: `2.0`, which is also meant where it is left out.
    pub condition_version: Option<String>,
}

/// Someone, or something, that gets a role: `id` with `type`, or exactly one of the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Principal {
    /// Object id (a GUID) in Entra ID. Not an application's client id.
    pub id: Option<String>,
    /// What the object is. Goes with `id`.
    #[serde(rename = "type")]
    pub principal_type: Option<PrincipalType>,
    /// A user's sign-in name (`userPrincipalName`), looked up in Microsoft Graph.
    pub user: Option<String>,
    /// A group's display name, looked up in Microsoft Graph. Two of one name are an error.
    pub group: Option<String>,
    /// An application's client id (a GUID) or display name, looked up in Microsoft Graph.
    pub service_principal: Option<String>,
    /// Resource id of a user-assigned identity.
    pub managed_identity: Option<String>,
    /// Name of an account of this file, meaning its system-assigned identity, which the same plan may create.
    pub account_identity: Option<String>,
    /// Whoever runs the command at a terminal; refused in pipelines.
    pub me: Option<bool>,
}

/// What a principal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PrincipalType {
    /// A person.
    User,
    /// A security group.
    Group,
    /// An application or a managed identity.
    ServicePrincipal,
    /// A group of another tenant.
    ForeignGroup,
    /// A device.
    Device,
}

impl PrincipalType {
    /// As ARM writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PrincipalType::User => "User",
            PrincipalType::Group => "Group",
            PrincipalType::ServicePrincipal => "ServicePrincipal",
            PrincipalType::ForeignGroup => "ForeignGroup",
            PrincipalType::Device => "Device",
        }
    }
}
