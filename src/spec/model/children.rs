//! Children of accounts and workspaces: deployments, content filters, projects.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Connection, Identity, RoleAssignment};

/// A model deployed under a name that callers use (`Microsoft.CognitiveServices/accounts/deployments`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Deployment {
    /// The name that callers use: 1 to 64 letters, digits, `.`, `_` and `-`, starting with a letter or digit.
    pub name: String,
    /// What it serves.
    pub model: DeploymentModel,
    /// The deployment type and capacity. If omitted: Azure's default on creation, unchanged later.
    pub sku: Option<DeploymentSku>,
    /// Its content filter: one of this account's `raiPolicies`, or one of Azure's own, such as `Microsoft.DefaultV2`.
    pub rai_policy_name: Option<String>,
    /// When Azure may upgrade the model's version. If declared, a version that Azure upgraded is a note, not a change.
    pub version_upgrade_option: Option<VersionUpgradeOption>,
    /// Whether Azure may serve more than the capacity while the region has some to spare.
    pub dynamic_throttling_enabled: Option<bool>,
    /// The deployment of this account that takes the calls for which provisioned units have no room.
    pub spillover_deployment_name: Option<String>,
    /// The deployment of this account whose capacity it uses.
    pub parent_deployment_name: Option<String>,
    /// How a deployment with children divides its capacity.
    pub capacity_settings: Option<CapacitySettings>,
    /// What the publisher of the model wants to know about you; Anthropic requires it. Compared only if Azure shows it; else a note says so, and `--rotate` sends it again.
    pub model_provider_data: Option<ModelProviderData>,
    /// Which calls are processed first. If omitted on creation: `Default`.
    pub service_tier: Option<ServiceTier>,
    /// Whether it answers calls. If omitted on creation: `Running`.
    pub deployment_state: Option<DeploymentState>,
    /// How a model router chooses among models.
    pub routing: Option<Routing>,
    /// Tags. Tags not listed here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
}

/// The model of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeploymentModel {
    /// The publisher, such as `OpenAI` or `Mistral AI`. Cannot be changed later.
    pub format: String,
    /// Its name, such as `gpt-4o`. Cannot be changed later, except for provisioned deployments.
    pub name: String,
    /// Its version, in quotes: `"2024-08-06"`. If omitted: Azure's default on creation, unchanged later.
    pub version: Option<String>,
    /// Who publishes it, where `format` does not say. Cannot be changed later.
    pub publisher: Option<String>,
    /// The id of a fine-tuned model's source. Cannot be changed later.
    pub source: Option<String>,
    /// The id of the account that contains the source, if it is not this one. Cannot be changed later.
    pub source_account: Option<String>,
}

/// Which calls of a deployment are processed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ServiceTier {
    /// In order.
    Default,
    /// Before those of others, at a higher price.
    Priority,
}

/// Whether a deployment answers calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum DeploymentState {
    /// It does.
    Running,
    /// It refuses them.
    Paused,
}

/// How a model router chooses among models.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Routing {
    /// What it prefers: `cost`, `balanced` or `quality`.
    pub mode: Option<RoutingMode>,
    /// The complete list of models that it may choose, each identified by `format`, `name` and `version`.
    pub models: Option<Vec<DeploymentModel>>,
}

/// What a model router prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoutingMode {
    /// Cheap answers.
    Cost,
    /// A balance of both.
    Balanced,
    /// Good answers.
    Quality,
}

/// How a deployment with children divides its capacity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CapacitySettings {
    /// The capacity set aside for it.
    pub designated_capacity: Option<u32>,
    /// Its priority among the children.
    pub priority: Option<u32>,
}

/// What the publisher of a model wants to know about the organization that uses it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelProviderData {
    /// Name of the caller's organization.
    pub organization_name: Option<String>,
    /// Its country, as two letters.
    #[schemars(regex(pattern = "^[A-Za-z]{2}$"))]
    pub country_code: Option<String>,
    /// Its industry, in lower case as Azure lists them: `technology`.
    pub industry: Option<String>,
}

/// The type and capacity of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeploymentSku {
    /// The deployment type, such as `GlobalStandard`, `DataZoneStandard`, `Standard` or `ProvisionedManaged`.
    pub name: String,
    /// The quota assigned to it: thousands of tokens per minute, or provisioned units. If omitted: Azure's default on creation, unchanged
    /// later.
    #[schemars(range(min = 1))]
    pub capacity: Option<u32>,
}

/// When Azure may upgrade the version of a deployment's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum VersionUpgradeOption {
    /// When there is a new default version.
    OnceNewDefaultVersionAvailable,
    /// When the current version expires.
    OnceCurrentVersionExpired,
    /// Never; the deployment stops when its version is retired.
    NoAutoUpgrade,
}

/// A content filter (`Microsoft.CognitiveServices/accounts/raiPolicies`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RaiPolicy {
    /// Its name: letters, digits, `.`, `_` and `-`, starting with a letter or digit; not `Microsoft.…`, which is reserved for Azure's own.
    pub name: String,
    /// When the filters check the text.
    pub mode: Option<RaiPolicyMode>,
    /// The policy that it inherits from. On creation: `Microsoft.DefaultV2`.
    pub base_policy_name: Option<String>,
    /// The complete list of its filters, each identified by `name` and `source`.
    pub content_filters: Option<Vec<ContentFilter>>,
    /// The complete list of blocklists that it uses, each identified by `blocklistName` and `source`.
    pub custom_blocklists: Option<Vec<CustomBlocklist>>,
    /// The complete list of filters of other providers that it uses, each identified by `safetyProviderName` and `source`.
    pub safety_providers: Option<Vec<SafetyProvider>>,
    /// Tags. Tags not listed here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
}

/// When the filters of a content filter check the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RaiPolicyMode {
    /// As Azure chooses.
    Default,
    /// Afterwards (an older name for `Asynchronous_filter`).
    Deferred,
    /// Before the answer is returned.
    Blocking,
    /// While the answer streams.
    #[serde(rename = "Asynchronous_filter")]
    AsynchronousFilter,
}

/// One filter of a content filter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ContentFilter {
    /// What it detects, such as `Hate`, `Violence` or `Jailbreak`.
    pub name: String,
    /// Which text it checks.
    pub source: ContentSource,
    /// Whether it is enabled.
    pub enabled: Option<bool>,
    /// Whether it blocks what it detects, instead of only annotating it.
    pub blocking: Option<bool>,
    /// The severity from which it acts. Filters with severity levels (`Hate`, `Violence`, `Sexual`, `Selfharm`) require it, the others do
    /// not support it.
    pub severity_threshold: Option<SeverityThreshold>,
    /// What it does with what it detects. If set, it takes precedence over `blocking`.
    pub action: Option<FilterAction>,
}

/// What a filter does with what it detects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum FilterAction {
    /// What `blocking` says.
    None,
    /// It blocks it.
    #[serde(rename = "BLOCKING")]
    Blocking,
    /// It annotates it.
    #[serde(rename = "ANNOTATING")]
    Annotating,
    /// It asks a person.
    #[serde(rename = "HITL")]
    Hitl,
    /// It asks the model again.
    #[serde(rename = "RETRY")]
    Retry,
}

/// A blocklist that a content filter uses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CustomBlocklist {
    /// Name of a blocklist of the account.
    pub blocklist_name: String,
    /// Which text it checks.
    pub source: ContentSource,
    /// Whether it blocks what matches, instead of only annotating it.
    pub blocking: Option<bool>,
}

/// A filter of another provider that a content filter uses.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SafetyProvider {
    /// Name of a safety provider of the account.
    pub safety_provider_name: String,
    /// Which text it checks.
    pub source: ContentSource,
    /// Whether it blocks what it detects, instead of only annotating it.
    pub blocking: Option<bool>,
}

/// Which text a filter checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
pub enum ContentSource {
    /// What callers send.
    Prompt,
    /// What the model answers.
    Completion,
    /// What an agent is about to send to a tool.
    PreToolCall,
    /// What a tool returned to an agent.
    PostToolCall,
    /// What starts a run of an agent.
    PreRun,
    /// What a run of an agent ends with.
    PostRun,
}

/// The severity from which a filter acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum SeverityThreshold {
    /// From low severity: the strictest.
    Low,
    /// From medium severity.
    Medium,
    /// Only at high severity.
    High,
}

/// A Foundry project (`Microsoft.CognitiveServices/accounts/projects`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Project {
    /// 2 to 64 letters, digits, `.`, `_` and `-`, starting with a letter or digit.
    pub name: String,
    /// Its display name. Cannot be removed once set.
    pub display_name: Option<String>,
    /// Its description. Cannot be removed once set.
    pub description: Option<String>,
    /// Its region. On creation: the account's. Cannot be changed later.
    pub location: Option<String>,
    /// Its managed identities. On creation: `SystemAssigned`.
    pub identity: Option<Identity>,
    /// Tags. Tags not listed here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
    /// Services that its agents and tools can reach. If omitted: left alone.
    pub connections: Option<Vec<Connection>>,
    /// The capability host of the project: where its agents keep their state. Azure has one for each project. If omitted: left alone.
    pub capability_hosts: Option<Vec<CapabilityHost>>,
    /// The complete list of role assignments on this project. Any other assignment on it is drift. If omitted: the account's list counts.
    #[serde(default)]
    pub role_assignments: Vec<RoleAssignment>,
}

/// The capability host of an account or a project (`Microsoft.CognitiveServices/accounts/capabilityHosts`). It never changes: to have
/// another one, delete it and make it again, which loses the state of its agents. It carries no mark and is never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CapabilityHost {
    /// Its name: letters, digits, `.`, `_` and `-`, starting with a letter or digit.
    pub name: String,
    /// What it is for. Compared only if Azure shows it.
    pub capability_host_kind: Option<CapabilityHostKind>,
    /// Its description. Only that of an account has one.
    pub description: Option<String>,
    /// Tags. Only that of an account has them.
    pub tags: Option<BTreeMap<String, Option<String>>>,
    /// Resource id of the subnet in which agents run. Only that of an account has one.
    pub customer_subnet: Option<String>,
    /// Whether agents may be hosted outside of one's own network. Only that of an account has it.
    pub enable_public_hosting_environment: Option<bool>,
    /// Names of connections to models.
    pub ai_services_connections: Option<Vec<String>>,
    /// Names of connections to storage accounts, for files.
    pub storage_connections: Option<Vec<String>>,
    /// Names of connections to Cosmos DB accounts, for threads.
    pub thread_storage_connections: Option<Vec<String>>,
    /// Names of connections to search services, for vectors.
    pub vector_store_connections: Option<Vec<String>>,
}

/// What a capability host is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum CapabilityHostKind {
    /// Runs agents.
    Agents,
}

/// An existing hub workspace or hub project (`Microsoft.MachineLearningServices/workspaces`). keyless only manages its connections.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Workspace {
    /// Name of the workspace.
    pub name: String,
    /// Its resource group, if it differs from the file's.
    pub resource_group: Option<String>,
    /// Its connections.
    pub connections: Option<Vec<Connection>>,
}

/// A list of words and expressions that content filters stop (`Microsoft.CognitiveServices/accounts/raiBlocklists`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RaiBlocklist {
    /// Its name: letters, digits, `.`, `_` and `-`, starting with a letter or digit.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// The complete list of its items. If omitted: left alone; to remove the last one write `[]`.
    pub items: Option<Vec<RaiBlocklistItem>>,
    /// Tags. Tags not listed here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
}

/// An item of a blocklist.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RaiBlocklistItem {
    /// Its name: letters, digits, `.`, `_` and `-`, starting with a letter or digit.
    pub name: String,
    /// The word, or the regular expression.
    pub pattern: String,
    /// Whether the pattern is a regular expression.
    pub is_regex: Option<bool>,
    /// Tags. Tags not listed here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
}

/// Defender for AI of an account (`Microsoft.CognitiveServices/accounts/defenderForAISettings`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DefenderForAiSettings {
    /// Whether it is on.
    pub state: Option<DefenderState>,
    /// Tags. Tags not listed here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
}

/// Whether Defender for AI is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum DefenderState {
    /// It is on.
    Enabled,
    /// It is off.
    Disabled,
}
