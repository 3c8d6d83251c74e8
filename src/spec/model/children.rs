//! What stands in an account or a workspace: deployments, content filters, projects, connections.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Identity;

/// A model under a name that callers use (`Microsoft.CognitiveServices/accounts/deployments`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Deployment {
    /// What callers name: 1 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
    pub name: String,
    /// The model.
    pub model: DeploymentModel,
    /// How it is billed, and how much of it there is. Left out: on creation Azure's default, later left alone.
    pub sku: Option<DeploymentSku>,
    /// Its content filter: one of this account's `raiPolicies`, or one of Azure's own, such as `Microsoft.DefaultV2`.
    pub rai_policy_name: Option<String>,
    /// When Azure may move the model's version by itself. Where this is declared, a version that Azure moved is a note and no change.
    pub version_upgrade_option: Option<VersionUpgradeOption>,
    /// Tags. Those not named here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
}

/// The model of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeploymentModel {
    /// Who makes it, such as `OpenAI` or `Mistral AI`. Cannot be changed later.
    pub format: String,
    /// Its name, such as `gpt-4o`. Cannot be changed later, but for provisioned deployments.
    pub name: String,
    /// Its version, in quotes: `"2024-08-06"`. Left out: on creation Azure's default, later left alone.
    pub version: Option<String>,
}

/// How a deployment is billed, and how much of it there is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DeploymentSku {
    /// The deployment type, such as `GlobalStandard`, `DataZoneStandard`, `Standard` or `ProvisionedManaged`.
    pub name: String,
    /// Quota given to it: thousands of tokens per minute, or provisioned units. Left out: on creation Azure's default, later left alone.
    #[schemars(range(min = 1))]
    pub capacity: Option<u32>,
}

/// When Azure may move the version of a deployment's model by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum VersionUpgradeOption {
    /// When there is a new default version.
    OnceNewDefaultVersionAvailable,
    /// When the present version expires.
    OnceCurrentVersionExpired,
    /// Never; the deployment stops when its version is retired.
    NoAutoUpgrade,
}

/// A content filter (`Microsoft.CognitiveServices/accounts/raiPolicies`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RaiPolicy {
    /// Its name: letters, digits, `.`, `_` and `-`, beginning with a letter or digit; not `Microsoft.…`, which are Azure's own.
    pub name: String,
    /// When the filters look at the text.
    pub mode: Option<RaiPolicyMode>,
    /// The policy that it starts from. On creation: `Microsoft.DefaultV2`.
    pub base_policy_name: Option<String>,
    /// Its filters, each known by `name` and `source`: all of them.
    pub content_filters: Option<Vec<ContentFilter>>,
    /// Tags. Those not named here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
}

/// When the filters of a content filter look at the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RaiPolicyMode {
    /// As Azure chooses.
    Default,
    /// Afterwards (an older word for `Asynchronous_filter`).
    Deferred,
    /// Before it is answered.
    Blocking,
    /// While it streams.
    #[serde(rename = "Asynchronous_filter")]
    AsynchronousFilter,
}

/// One filter of a content filter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ContentFilter {
    /// What it looks for, such as `Hate`, `Violence` or `Jailbreak`.
    pub name: String,
    /// Which text it looks at.
    pub source: ContentSource,
    /// Whether it looks at all.
    pub enabled: Option<bool>,
    /// Whether what it finds is withheld, not only noted.
    pub blocking: Option<bool>,
    /// From which severity on it acts; filters with degrees (`Hate`, `Violence`, `Sexual`, `Selfharm`) need one, the others have none.
    pub severity_threshold: Option<SeverityThreshold>,
}

/// Which text a filter looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
pub enum ContentSource {
    /// What callers send.
    Prompt,
    /// What the model answers.
    Completion,
}

/// From which severity on a filter acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum SeverityThreshold {
    /// From low severity on: the strictest.
    Low,
    /// From medium severity on.
    Medium,
    /// At high severity only.
    High,
}

/// A Foundry project (`Microsoft.CognitiveServices/accounts/projects`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Project {
    /// 2 to 64 letters, digits, `.`, `_` and `-`, beginning with a letter or digit.
    pub name: String,
    /// What people read. Azure does not take it back once it is set.
    pub display_name: Option<String>,
    /// What it is for. Azure does not take it back once it is set.
    pub description: Option<String>,
    /// Its region. On creation: the account's. Cannot be changed later.
    pub location: Option<String>,
    /// The project's own identity. On creation: `SystemAssigned`.
    pub identity: Option<Identity>,
    /// Tags. Those not named here are left alone; `null` removes one.
    pub tags: Option<BTreeMap<String, Option<String>>>,
    /// What its agents and tools reach. Left out: left alone.
    pub connections: Option<Vec<Connection>>,
}

/// A way to reach another service, of an account, a project or a hub workspace. Azure has no place for a mark on it, so connections
/// that are no longer declared are listed and never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Connection {
    /// 3 to 33 letters, digits, `_` and `-`, beginning with a letter or digit.
    pub name: String,
    /// What is reached, such as `AIServices`, `AzureOpenAI`, `CognitiveSearch` or `ApiKey`.
    pub category: String,
    /// Where it is: a URL or a resource id.
    pub target: Option<String>,
    /// How it signs in there. A change from a key to `AAD` drops the key.
    pub auth_type: ConnectionAuthType,
    /// What it signs in with. Azure never shows it: it is never compared, and sent when another field changes or with `--rotate`.
    pub credentials: Option<ConnectionCredentials>,
    /// Further properties, such as `ApiType` and `ResourceId`. Those not named here are left alone; `null` removes one.
    pub metadata: Option<BTreeMap<String, Option<String>>>,
    /// Whether every user of the account or hub may use it.
    pub is_shared_to_all: Option<bool>,
}

/// How a connection signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ConnectionAuthType {
    /// With Entra ID, as whoever uses it.
    #[serde(rename = "AAD")]
    Aad,
    /// With a key.
    ApiKey,
    /// With a managed identity.
    ManagedIdentity,
    /// Not at all.
    None,
}

/// What a connection signs in with. `{}` says that there is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConnectionCredentials {
    /// The key, as `${secret.NAME}`: taken from `KEYLESS_SECRET_NAME` when it is sent. With `authType: ApiKey`.
    pub key: Option<String>,
    /// Client id of the identity. With `authType: ManagedIdentity`.
    pub client_id: Option<String>,
    /// Resource id of the identity. With `authType: ManagedIdentity`.
    pub resource_id: Option<String>,
}

/// An existing hub workspace or hub project (`Microsoft.MachineLearningServices/workspaces`): taken as given, but for its connections.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Workspace {
    /// Its name.
    pub name: String,
    /// Its resource group, where it is not the file's.
    pub resource_group: Option<String>,
    /// Its connections.
    pub connections: Option<Vec<Connection>>,
}
