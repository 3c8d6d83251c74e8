//! The typed spec: everything a file may contain, defined once.
//!
//! serde, the JSON Schema with its descriptions, validation and the field reference all come from these types. Field names are ARM's. An
//! omitted field is unmanaged: never compared, never reset. `null` clears the live value.

mod account_parts;
mod children;
mod connections;
mod keys;
mod scope;
mod strangers;

use std::collections::BTreeMap;

pub use account_parts::*;
pub use children::*;
pub use connections::*;
pub use keys::*;
use schemars::JsonSchema;
pub use scope::*;
use serde::{Deserialize, Serialize};
pub use strangers::*;

/// The settings of Azure AI Services accounts, and who may call them. One file is one stack.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Spec {
    /// Version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The owner of what this file creates, unique among the files of a run. Lower-case letters, digits, `-`, `_` and `.`, at most 63.
    pub stack: String,
    /// The tenant (a GUID) that the subscription must belong to. If omitted: not checked.
    pub tenant: Option<String>,
    /// The subscription (a GUID).
    pub subscription: String,
    /// The resource group of accounts that do not set one. It must exist.
    pub resource_group: Option<String>,
    /// The region of accounts that do not set one, such as `eastus2`.
    pub location: Option<String>,
    /// Whether to mark existing resources that are declared here, so that removing their line deletes them.
    #[serde(default)]
    pub adopt: bool,
    /// What happens to resources that this stack created and no longer declares.
    #[serde(default)]
    pub prune: Prune,
    /// Whether undeclared live resources are drift if a list that should contain them is declared.
    #[serde(default)]
    pub unmanaged: Unmanaged,
    /// Undeclared role assignments that are not drift for this stack until a given day, on its accounts and in its groups. For another
    /// stack they remain drift: on its accounts, and in a group that both name, whose assignments affect the accounts of both.
    #[serde(default)]
    pub expected: Vec<Expected>,
    /// What happens when a soft-deleted account holds the name of a declared one.
    #[serde(default)]
    pub on_soft_deleted: OnSoftDeleted,
    /// Values for `${name}`, including lists and maps. `--var`, `--var-file`, `--env` and `KEYLESS_VAR_NAME` override them.
    #[serde(default)]
    pub variables: BTreeMap<String, serde_json::Value>,
    /// Azure AI Services accounts.
    #[serde(default)]
    pub accounts: Vec<Account>,
    /// Existing hub workspaces whose connections are managed.
    #[serde(default)]
    pub workspaces: Vec<Workspace>,
    /// Role assignments at scopes other than the accounts and projects of this file.
    #[serde(default)]
    pub role_assignments: Vec<ScopedRoleAssignment>,
    /// Roles for the data of Cosmos DB accounts, which Azure's own role assignments do not give. The list is complete for each scope that
    /// it names.
    #[serde(default)]
    pub sql_role_assignments: Vec<SqlRoleAssignment>,
}

/// What happens to resources that this stack created and no longer declares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Prune {
    /// They are deleted: removing a line in git revokes access.
    #[default]
    Owned,
    /// They are only listed.
    None,
}

/// Whether undeclared live resources are drift if a list that should contain them is declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unmanaged {
    /// They are drift: `drift` ends with exit code 2.
    #[default]
    Fail,
    /// They are only listed.
    List,
}

/// What happens when a soft-deleted account holds the name of a declared one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnSoftDeleted {
    /// The plan reports it and nothing is written.
    #[default]
    Fail,
    /// It is restored, then changed to what is declared.
    Restore,
    /// It is permanently purged, then recreated.
    Purge,
}

/// An Azure AI Services account (`Microsoft.CognitiveServices/accounts`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Account {
    /// 2 to 64 letters, digits, `.`, `_` and `-`, starting with a letter or digit.
    pub name: String,
    /// Its resource group, if it differs from the file's.
    pub resource_group: Option<String>,
    /// Whether another owner manages the account itself: it must exist, has no fields of its own here, and its lists hold only what this
    /// stack adds. For this stack, what is beside them is not drift, but for guarded roles in its own resource groups.
    #[serde(default)]
    pub existing: bool,
    /// Its region, if it differs from the file's. Cannot be changed later.
    pub location: Option<String>,
    /// The kind of service, such as `AIServices` or `OpenAI`. On creation: `AIServices`. Only `OpenAI` can be changed later, to
    /// `AIServices` and with `--allow upgrade`.
    pub kind: Option<String>,
    /// The pricing tier's name, as text or as `{name: S0}`. On creation: `S0`.
    pub sku: Option<Sku>,
    /// Its managed identities. On creation: `SystemAssigned`.
    pub identity: Option<Identity>,
    /// The subdomain of its endpoint, unique in Azure and required for Entra ID tokens. On creation: the name. Cannot be changed later.
    pub custom_sub_domain_name: Option<String>,
    /// Whether API keys are disabled. On creation: true.
    pub disable_local_auth: Option<bool>,
    /// Whether the account can be reached other than through private endpoints.
    pub public_network_access: Option<PublicNetworkAccess>,
    /// Who may reach its public endpoint. Requires `customSubDomainName`.
    pub network_acls: Option<NetworkAcls>,
    /// Whether Foundry projects can be created in it. On creation: true if `projects` are declared.
    pub allow_project_management: Option<bool>,
    /// Encryption of data at rest.
    pub encryption: Option<Encryption>,
    /// Storage accounts that contain its data. Cannot be changed later.
    pub user_owned_storage: Option<Vec<UserOwnedStorage>>,
    /// Whether outbound calls are limited to `allowedFqdnList`.
    pub restrict_outbound_network_access: Option<bool>,
    /// The host names that outbound calls may reach.
    pub allowed_fqdn_list: Option<Vec<String>>,
    /// Subnets in which agents run.
    pub network_injections: Option<Vec<NetworkInjection>>,
    /// Settings of single services.
    pub api_properties: Option<ApiProperties>,
    /// Whether Azure may serve more than the limits while the region has some to spare.
    pub dynamic_throttling_enabled: Option<bool>,
    /// Whether the service keeps no prompts and answers of stored completions.
    pub stored_completions_disabled: Option<bool>,
    /// The project that calls without a project's name belong to.
    pub default_project: Option<String>,
    /// The projects that calls of the account may name.
    pub associated_projects: Option<Vec<String>>,
    /// Where the results of monitoring for abuse are kept.
    pub rai_monitor_config: Option<RaiMonitorConfig>,
    /// An Azure Machine Learning workspace that belongs to it.
    pub aml_workspace: Option<AmlWorkspace>,
    /// Its further regions.
    pub locations: Option<MultiRegion>,
    /// The token with which it is moved from another place, as `${secret.NAME}`. Azure never shows it.
    pub migration_token: Option<String>,
    /// Tags. Tags not listed here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
    /// The complete list of role assignments on this account. Any other assignment on the account or its children is drift. If omitted:
    /// assignments of others are left alone, and revoking those that the stack created takes `--allow delete-list`.
    #[serde(default)]
    pub role_assignments: Vec<RoleAssignment>,
    /// Undeclared role assignments, on this account or its children, that are not drift until a given day.
    #[serde(default)]
    pub expected: Vec<Expected>,
    /// Other teams whose marked resources on this account and its children are not drift.
    #[serde(default)]
    pub co_managed_by: Vec<CoManager>,
    /// Has `apply` find out who still uses API keys before it turns them off, and refuse (guard `key-use`) if somebody does.
    pub key_usage: Option<KeyUsage>,
    /// The complete list of model deployments. If omitted: left alone; to remove the last one write `[]`.
    pub deployments: Option<Vec<Deployment>>,
    /// The complete list of blocklists, which `customBlocklists` of content filters name. If omitted: left alone; to remove the last one
    /// write `[]`.
    pub rai_blocklists: Option<Vec<RaiBlocklist>>,
    /// Defender for AI. If omitted: left alone.
    #[serde(rename = "defenderForAISettings")]
    pub defender_for_ai_settings: Option<DefenderForAiSettings>,
    /// The complete list of custom content filters. If omitted: left alone; to remove the last one write `[]`.
    pub rai_policies: Option<Vec<RaiPolicy>>,
    /// The capability host of the account, which its projects' hosts need; Azure has one for each account. If omitted: left alone. With
    /// `networkInjections` Azure makes it itself.
    pub capability_hosts: Option<Vec<CapabilityHost>>,
    /// The complete list of Foundry projects. If omitted: left alone; to remove the last one write `[]`.
    pub projects: Option<Vec<Project>>,
    /// Connections of the account, shared by its projects. If omitted: left alone.
    pub connections: Option<Vec<Connection>>,
}

/// An account's pricing tier.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Sku {
    /// The tier's name.
    Name(String),
    /// The form that Azure uses.
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

/// The managed identities of an account or project.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Identity {
    /// `SystemAssigned` (user-assigned identities are left alone) or `None` (no identity at all).
    Type(IdentityType),
    /// Each identity listed.
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
    /// Whether it has a system-assigned identity. If omitted: left alone.
    pub system_assigned: Option<bool>,
    /// Resource ids of all its user-assigned identities. If omitted: left alone.
    pub user_assigned: Option<Vec<String>>,
}

/// Whether an account can be reached other than through private endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum PublicNetworkAccess {
    /// Reachable, subject to `networkAcls`.
    Enabled,
    /// Only reachable through private endpoints.
    Disabled,
}

/// Who may reach an account's public endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NetworkAcls {
    /// What happens to callers that match no rule.
    pub default_action: Option<DefaultAction>,
    /// Whether trusted Azure services bypass the rules. Only kinds `AIServices`, `OpenAI` and `TextAnalytics`.
    pub bypass: Option<Bypass>,
    /// The complete list of IPv4 addresses and ranges in CIDR notation.
    pub ip_rules: Option<Vec<String>>,
    /// The complete list of subnets.
    pub virtual_network_rules: Option<Vec<VirtualNetworkRule>>,
}

/// What happens to callers that match no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum DefaultAction {
    /// They are allowed.
    Allow,
    /// They are denied.
    Deny,
}

/// Whether trusted Azure services bypass the network rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Bypass {
    /// They do.
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
    /// Whose key encrypts the data.
    pub key_source: Option<KeySource>,
    /// The key, if it is the customer's.
    pub key_vault_properties: Option<KeyVaultProperties>,
}

/// Whose key encrypts the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum KeySource {
    /// A key that Microsoft manages.
    #[serde(rename = "Microsoft.CognitiveServices")]
    MicrosoftCognitiveServices,
    /// The customer's, in Key Vault.
    #[serde(rename = "Microsoft.KeyVault")]
    MicrosoftKeyVault,
}

/// A key in Key Vault.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KeyVaultProperties {
    /// Name of the key in the vault.
    pub key_name: Option<String>,
    /// Version of the key; the newest if omitted.
    pub key_version: Option<String>,
    /// URI of the vault.
    pub key_vault_uri: Option<String>,
    /// Client id of the identity that reads the key.
    pub identity_client_id: Option<String>,
}

/// A storage account that contains an account's data.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UserOwnedStorage {
    /// Resource id of the storage account.
    pub resource_id: String,
    /// Client id of the identity that accesses it.
    pub identity_client_id: Option<String>,
}

/// A subnet in which agents run.
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

/// One role for some principals, on the account that contains it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RoleAssignment {
    /// A role's name, former name or GUID; custom roles are looked up in the subscription.
    pub role: String,
    /// The principals that get it; `[]` means none.
    pub principals: Vec<Principal>,
    /// The reason, for readers of the assignment in the portal.
    pub description: Option<String>,
    /// A condition on the assignment. White space does not matter. If omitted, a live one stays, with a warning; `null` removes it.
    pub condition: Option<String>,
    /// Version of the condition's language: `2.0`, which is also the default.
    pub condition_version: Option<String>,
    /// Resource id of the delegated managed identity, for assignments across tenants.
    pub delegated_managed_identity_resource_id: Option<String>,
}

/// One role for some principals, at a scope, which stays declared with `principals: []`: what the stack created there is revoked.
// serde cannot refuse unknown fields beside a flattened struct; the schema does, before anything is deserialized.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct ScopedRoleAssignment {
    /// `subscription`, `resourceGroup` (the file's), or a resource id.
    #[schemars(with = "String")]
    pub scope: DeclaredScope,
    /// What is assigned there.
    #[serde(flatten)]
    pub assignment: RoleAssignment,
}

/// One role of Cosmos DB for some principals. Such an assignment carries no mark: its name says which stack made it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SqlRoleAssignment {
    /// Resource id of the Cosmos DB account.
    pub database_account: String,
    /// `Cosmos DB Built-in Data Reader`, `Cosmos DB Built-in Data Contributor`, or the GUID of a role definition of that account.
    pub role: String,
    /// A database or container below the account, such as `/dbs/memory` or `/dbs/memory/colls/threads`. If omitted: the whole account.
    pub scope: Option<String>,
    /// The principals that get it; `[]` means none: the scope stays declared, so that what the stack gave there is revoked.
    pub principals: Vec<Principal>,
}

/// A principal that gets a role: `id` with `type`, or exactly one of the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Principal {
    /// Object id (a GUID) in Entra ID. Not an application's client id.
    pub id: Option<String>,
    /// The type of the object. Requires `id`.
    #[serde(rename = "type")]
    pub principal_type: Option<PrincipalType>,
    /// A user's sign-in name (`userPrincipalName`), looked up in Microsoft Graph.
    pub user: Option<String>,
    /// A group's display name, looked up in Microsoft Graph. An ambiguous name is an error.
    pub group: Option<String>,
    /// An application's client id (a GUID) or display name, looked up in Microsoft Graph.
    pub service_principal: Option<String>,
    /// Resource id of a user-assigned identity.
    pub managed_identity: Option<String>,
    /// Name of an account in this file, meaning its system-assigned identity, which the same plan may create; or the resource id of an
    /// account.
    pub account_identity: Option<String>,
    /// A project in this file as `ACCOUNT/PROJECT`, meaning its system-assigned identity, which the same plan may create; or the resource
    /// id of a project.
    pub project_identity: Option<String>,
    /// Resource id of any resource, meaning its system-assigned identity.
    pub resource_identity: Option<String>,
    /// The user who runs the command at a terminal; refused in pipelines.
    pub me: Option<bool>,
}

/// The type of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PrincipalType {
    /// A person.
    User,
    /// A security group.
    Group,
    /// An application or a managed identity.
    ServicePrincipal,
    /// A group from another tenant.
    ForeignGroup,
    /// A computer or phone that is registered in Entra ID.
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
