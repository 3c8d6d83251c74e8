//! Settings of accounts that few have: of single services, of monitoring, of several regions.

use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of single services.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ApiProperties {
    /// Question answering: the URL of its runtime.
    pub qna_runtime_endpoint: Option<String>,
    /// Language: the search service that holds its answers, by resource id or URL.
    pub qna_azure_search_endpoint_id: Option<String>,
    /// Language: the key of that search service, as `${secret.NAME}`. Azure never shows it.
    pub qna_azure_search_endpoint_key: Option<String>,
    /// Bing Search: whether it collects statistics.
    pub statistics_enabled: Option<bool>,
    /// Personalizer: the connection string of an event hub, as `${secret.NAME}`. Azure never shows it.
    pub event_hub_connection_string: Option<String>,
    /// Personalizer: the connection string of a storage account, as `${secret.NAME}`. Azure never shows it.
    pub storage_account_connection_string: Option<String>,
    /// Metrics Advisor: client id of its application. Cannot be changed later.
    pub aad_client_id: Option<String>,
    /// Metrics Advisor: its tenant. Cannot be changed later.
    pub aad_tenant_id: Option<String>,
    /// Metrics Advisor: its first administrator. Cannot be changed later.
    pub super_user: Option<String>,
    /// Metrics Advisor: the name of its website. Cannot be changed later.
    pub website_name: Option<String>,
}

/// Where the results of monitoring for abuse are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RaiMonitorConfig {
    /// Resource id of the storage account.
    pub adx_storage_resource_id: Option<String>,
    /// Client id of the identity that writes there.
    pub identity_client_id: Option<String>,
}

/// An Azure Machine Learning workspace that belongs to an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AmlWorkspace {
    /// Resource id of the workspace.
    pub resource_id: Option<String>,
    /// Client id of the identity that uses it.
    pub identity_client_id: Option<String>,
}

/// The further regions of an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct MultiRegion {
    /// How calls are divided among them.
    pub routing_method: Option<RoutingMethod>,
    /// The complete list of regions.
    pub regions: Option<Vec<AccountRegion>>,
}

/// How calls are divided among the regions of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum RoutingMethod {
    /// The first one that answers.
    Priority,
    /// By weight.
    Weighted,
    /// The fastest.
    Performance,
}

/// A further region of an account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRegion {
    /// Name of the region.
    pub name: String,
    /// Its priority or weight.
    pub value: Option<i32>,
    /// The subdomain of its endpoint.
    pub customsubdomain: Option<String>,
}
