//! Connections of accounts, projects and hub workspaces.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

/// How an account, a project or a hub workspace reaches another service. Connections cannot carry a mark, so those that are no longer
/// declared are listed but never deleted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Connection {
    /// 3 to 33 letters, digits, `_` and `-`, starting with a letter or digit.
    pub name: String,
    /// The type of service, such as `AIServices`, `AzureOpenAI`, `CognitiveSearch` or `ApiKey`.
    pub category: String,
    /// The service's URL or resource id.
    pub target: Option<String>,
    /// How it signs in. Changing from a key to `AAD` removes the key.
    pub auth_type: ConnectionAuthType,
    /// Its credentials. Azure never shows them: they are never compared, and only sent when another field changes or with `--rotate`.
    pub credentials: Option<ConnectionCredentials>,
    /// Further properties, such as `ApiType` and `ResourceId`. A list or a mapping is sent as the JSON text that Azure expects there, and
    /// compared as JSON. Properties not listed here are left alone; `null` removes one.
    pub metadata: Option<BTreeMap<String, Option<MetadataValue>>>,
    /// Whether every user of the account or hub can use it.
    pub is_shared_to_all: Option<bool>,
    /// The users who can use it if it is not shared with everybody.
    pub shared_user_list: Option<Vec<String>>,
    /// Whether the identity of the account or hub signs in where the category allows it.
    pub use_workspace_managed_identity: Option<bool>,
    /// Whether it needs a private endpoint of a managed network.
    pub pe_requirement: Option<PrivateEndpointRequirement>,
    /// The state of that private endpoint.
    pub pe_status: Option<PrivateEndpointStatus>,
    /// When it ends, as `2027-01-31T00:00:00Z`.
    pub expiry_time: Option<String>,
    /// The audience of the tokens that are sent to the target. Requires `authType: AccountManagedIdentity` or `ProjectManagedIdentity`.
    /// Compared only if Azure shows it; else a note says so, and `--rotate` sends it again.
    pub audience: Option<String>,
    /// The URL that issues tokens. Requires `authType: OAuth2`. Compared only if Azure shows it; else a note says so, and `--rotate` sends it again.
    pub token_url: Option<String>,
    /// The scopes of the tokens. Requires `authType: OAuth2`. Compared only if Azure shows them; else a note says so, and `--rotate` sends them again.
    pub scopes: Option<Vec<String>>,
}

/// The value of an entry in a connection's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum MetadataValue {
    /// As it is sent.
    Text(String),
    /// A list, sent as JSON text.
    List(#[schemars(schema_with = "list")] Vec<Value>),
    /// A mapping, sent as JSON text.
    Map(BTreeMap<String, Value>),
}

/// Any list, as all drafts of JSON Schema understand it.
fn list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array"})
}

/// How a connection signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ConnectionAuthType {
    /// With Entra ID, as the user who uses it.
    #[serde(rename = "AAD")]
    Aad,
    /// With a key.
    ApiKey,
    /// With a managed identity.
    ManagedIdentity,
    /// With the account's own identity.
    AccountManagedIdentity,
    /// With the project's own identity.
    ProjectManagedIdentity,
    /// Without signing in.
    None,
    /// With the key of a storage account.
    AccountKey,
    /// With an access key and its id.
    AccessKey,
    /// With several keys, sent as headers.
    CustomKeys,
    /// With a shared access signature.
    #[serde(rename = "SAS")]
    Sas,
    /// With OAuth 2.0.
    OAuth2,
    /// As an application.
    ServicePrincipal,
    /// With a personal access token.
    #[serde(rename = "PAT")]
    Pat,
    /// With a user name and a password.
    UsernamePassword,
}

/// Whether a connection needs a private endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum PrivateEndpointRequirement {
    /// It does.
    Required,
    /// It does not.
    NotRequired,
    /// It cannot have one.
    NotApplicable,
}

/// The state of a connection's private endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum PrivateEndpointStatus {
    /// It does not work yet.
    Inactive,
    /// It works.
    Active,
    /// There is none.
    NotApplicable,
}

/// The credentials of a connection. `{}` declares that there are none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ConnectionCredentials {
    /// The key, as `${secret.NAME}`: read from `KEYLESS_SECRET_NAME` when it is sent. Requires `authType: ApiKey` or `AccountKey`.
    pub key: Option<String>,
    /// The keys by the names under which they are sent, each as `${secret.NAME}`. Requires `authType: CustomKeys`.
    pub keys: Option<BTreeMap<String, String>>,
    /// The id of the access key, as `${secret.NAME}`. Requires `authType: AccessKey`.
    pub access_key_id: Option<String>,
    /// The access key, as `${secret.NAME}`. Requires `authType: AccessKey`.
    pub secret_access_key: Option<String>,
    /// The personal access token, as `${secret.NAME}`. Requires `authType: PAT`.
    pub pat: Option<String>,
    /// The shared access signature, as `${secret.NAME}`. Requires `authType: SAS`.
    pub sas: Option<String>,
    /// The user's name. Requires `authType: UsernamePassword` or `OAuth2`.
    pub username: Option<String>,
    /// The password, as `${secret.NAME}`. Requires `authType: UsernamePassword` or `OAuth2`.
    pub password: Option<String>,
    /// A token beside the password, as `${secret.NAME}`. Requires `authType: UsernamePassword`.
    pub security_token: Option<String>,
    /// Client id of the identity or application. Requires `authType: ManagedIdentity`, `ServicePrincipal` or `OAuth2`.
    pub client_id: Option<String>,
    /// Resource id of the identity. Requires `authType: ManagedIdentity`.
    pub resource_id: Option<String>,
    /// The application's secret, as `${secret.NAME}`. Requires `authType: ServicePrincipal` or `OAuth2`.
    pub client_secret: Option<String>,
    /// The application's tenant. Requires `authType: ServicePrincipal` or `OAuth2`.
    pub tenant_id: Option<String>,
    /// The URL at which users consent. Requires `authType: OAuth2`.
    pub auth_url: Option<String>,
    /// A developer's token, as `${secret.NAME}`. Requires `authType: OAuth2`.
    pub developer_token: Option<String>,
    /// The refresh token, as `${secret.NAME}`. Requires `authType: OAuth2`.
    pub refresh_token: Option<String>,
}
