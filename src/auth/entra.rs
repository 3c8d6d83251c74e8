//! Azure's credentials on our own transport.
//!
//! In: the kind and the settings. Out: a credential of `azure_identity`. Its requests go through [`Wire`], which never
//! follows a redirect, keeps the metadata service off proxies, and can be pointed at a test server on this machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use azure_core::cloud::CloudConfiguration;
use azure_core::credentials::{Secret as AzureSecret, TokenCredential};
use azure_core::error::{Error as AzureError, ErrorKind};
use azure_core::http::{
    AsyncRawResponse, ClientMethodOptions, ClientOptions, ExponentialRetryOptions, HttpClient, Request,
    RetryOptions, Transport,
};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions, AzurePipelinesCredential, AzurePipelinesCredentialOptions,
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use url::Url;

use super::certificate::Certificate;
use super::tools::Shell;
use super::{AuthError, Kind, Secret, Settings, explain};
use crate::arm::first_words;
use crate::arm::origin::is_loopback;
use crate::cloud::Cloud;

/// Variables whose values never stand in a message.
pub(super) const SECRET_VARIABLES: &[&str] = &[
    "AZURE_CLIENT_SECRET",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "SYSTEM_ACCESSTOKEN",
    "IDENTITY_HEADER",
    "MSI_SECRET",
];

/// The metadata service of Azure's machines; on every one the same link-local address.
const METADATA: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// The HTTP clients of signing in.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    proxied: reqwest::Client,
    direct: reqwest::Client,
    loopback: Option<Url>,
}

impl Wire {
    pub(super) fn new(settings: &Settings) -> Result<Self, AuthError> {
        // Fails if one is installed already, which is as good.
        _ = rustls::crypto::ring::default_provider().install_default();
        let build = |builder: reqwest::ClientBuilder| {
            builder
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(Duration::from_secs(4))
                .timeout(Duration::from_secs(7))
                .build()
                .map_err(|error| explain::no_client(&error))
        };
        Ok(Self {
            proxied: build(reqwest::Client::builder())?,
            direct: build(reqwest::Client::builder().no_proxy())?,
            loopback: settings.loopback.clone().filter(is_loopback),
        })
    }

    /// Where a request really goes, and with which client.
    fn route(&self, url: &Url) -> (reqwest::Client, Url) {
        if let Some(server) = self.loopback.as_ref().filter(|_| !is_loopback(url)) {
            let mut moved = server.clone();
            moved.set_path(url.path());
            moved.set_query(url.query());
            return (self.direct.clone(), moved);
        }
        let link_local = url.host_str() == Some("169.254.169.254");
        let client = if link_local || is_loopback(url) { &self.direct } else { &self.proxied };
        (client.clone(), url.clone())
    }

    /// Whether this is a machine of Azure's: its metadata service answers even a request that it refuses.
    pub(super) async fn metadata_service_answers(&self, limit: Duration) -> bool {
        let Ok(url) = Url::parse(METADATA) else { return false };
        let (client, url) = self.route(&url);
        client.get(url).timeout(limit).send().await.is_ok_and(|answer| answer.status().as_u16() == 400)
    }
}

#[async_trait::async_trait]
impl HttpClient for Wire {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let (client, url) = self.route(request.url());
        let mut request = request.clone();
        *request.url_mut() = url;
        let answer = client.execute_request(&request).await?;
        let status = u16::from(answer.status());
        if (300..400).contains(&status) {
            // Whoever it leads to would get what was sent here.
            let what = format!("the sign-in endpoint answered {status}, a redirect, which is never followed");
            return Err(AzureError::with_message(ErrorKind::Credential, what));
        }
        let refused = (400..500).contains(&status) && !matches!(status, 408 | 429);
        if !(refused && request.url().path().ends_with("/oauth2/v2.0/token")) {
            return Ok(answer);
        }
        let body = answer.into_body().collect().await?;
        Err(AzureError::with_message(ErrorKind::Credential, refusal(status, &body)))
    }
}

/// Entra ID's own words. `azure_identity` 1.0 cannot read them where they hold an escape, and they always do.
fn refusal(status: u16, body: &[u8]) -> String {
    let said = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|body| body["error_description"].as_str().or(body["error"].as_str()).map(str::to_owned));
    said.unwrap_or_else(|| match first_words(body) {
        Some(words) => format!("the sign-in endpoint answered {status}: {words}"),
        None => format!("the sign-in endpoint answered {status}"),
    })
}

/// The options of every credential: the cloud's authority (never one from the environment) and our transport.
fn client_options(settings: &Settings, wire: &Wire) -> ClientOptions {
    let cloud = match settings.cloud {
        Cloud::Public => CloudConfiguration::AzurePublic,
        Cloud::UsGov => CloudConfiguration::AzureGovernment,
        Cloud::China => CloudConfiguration::AzureChina,
    };
    ClientOptions {
        retry: RetryOptions::exponential(ExponentialRetryOptions { max_retries: 2, ..Default::default() }),
        transport: Some(Transport::new(Arc::new(wire.clone()))),
        cloud: Some(Arc::new(cloud)),
        ..Default::default()
    }
}

/// Makes the credential; asks nobody yet.
pub(super) fn build(
    kind: Kind,
    settings: &Settings,
    wire: &Wire,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    let environment = &settings.environment;
    let need = |names: &'static [&'static str]| {
        let found = names.iter().find_map(|name| environment.get(name));
        found.map(str::to_owned).ok_or_else(|| explain::missing(kind, &names[..1]))
    };
    let tenant = |names| settings.tenant.clone().map_or_else(|| need(names), Ok);
    let options = client_options(settings, wire);
    let assertion_options = || ClientAssertionCredentialOptions { client_options: options.clone() };
    let shell = || Arc::new(Shell { path: environment.get("PATH").map(Into::into) });
    let made: azure_core::Result<Arc<dyn TokenCredential>> = match kind {
        Kind::AzureCli => AzureCliCredential::new(Some(AzureCliCredentialOptions {
            tenant_id: settings.tenant.clone(),
            executor: Some(shell()),
            ..Default::default()
        }))
        .map(|made| made as _),
        Kind::AzureDeveloperCli => {
            AzureDeveloperCliCredential::new(Some(AzureDeveloperCliCredentialOptions {
                tenant_id: settings.tenant.clone(),
                executor: Some(shell()),
            }))
            .map(|made| made as _)
        }
        Kind::ManagedIdentity => ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
            user_assigned_id: environment
                .get("AZURE_CLIENT_ID")
                .map(|id| UserAssignedId::ClientId(id.to_owned())),
            client_options: options.clone(),
        }))
        .map(|made| made as _),
        Kind::WorkloadIdentity => WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
            credential_options: assertion_options(),
            client_id: Some(need(&["AZURE_CLIENT_ID"])?),
            tenant_id: Some(tenant(&["AZURE_TENANT_ID"])?),
            token_file_path: Some(PathBuf::from(need(&["AZURE_FEDERATED_TOKEN_FILE"])?)),
        }))
        .map(|made| made as _),
        Kind::GithubOidc => {
            let assertion = GithubAssertion {
                url: need(&["ACTIONS_ID_TOKEN_REQUEST_URL"])?,
                token: Secret::new(need(&["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])?),
                audience: audience(settings.cloud),
                wire: wire.clone(),
            };
            let (tenant, client) = (tenant(&["AZURE_TENANT_ID"])?, need(&["AZURE_CLIENT_ID"])?);
            ClientAssertionCredential::new(tenant, client, assertion, Some(assertion_options()))
                .map(|made| made as _)
        }
        Kind::AzurePipelines => AzurePipelinesCredential::new(
            tenant(&["AZURESUBSCRIPTION_TENANT_ID", "AZURE_TENANT_ID"])?,
            need(&["AZURESUBSCRIPTION_CLIENT_ID", "AZURE_CLIENT_ID"])?,
            &need(&["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "AZURE_SERVICE_CONNECTION_ID"])?,
            need(&["SYSTEM_ACCESSTOKEN"])?,
            Some(AzurePipelinesCredentialOptions { credential_options: assertion_options() }),
        )
        .map(|made| made as _),
        Kind::ClientSecret => ClientSecretCredential::new(
            &tenant(&["AZURE_TENANT_ID"])?,
            need(&["AZURE_CLIENT_ID"])?,
            AzureSecret::new(need(&["AZURE_CLIENT_SECRET"])?),
            Some(ClientSecretCredentialOptions { client_options: options.clone() }),
        )
        .map(|made| made as _),
        Kind::ClientCertificate => {
            let (tenant, client) = (tenant(&["AZURE_TENANT_ID"])?, need(&["AZURE_CLIENT_ID"])?);
            let path = PathBuf::from(need(&["AZURE_CLIENT_CERTIFICATE_PATH"])?);
            let authority = settings.cloud.addresses().authority;
            let assertion = Certificate::load(&path, &tenant, client.clone(), authority)
                .map_err(|why| explain::unusable(kind, why.reason, why.advice))?;
            ClientAssertionCredential::new(tenant, client, assertion, Some(assertion_options()))
                .map(|made| made as _)
        }
        Kind::Auto => return Err(AuthError::NothingFound),
    };
    made.map_err(|error| explain::failure(kind, &error, &[]))
}

/// What a federated token must be made for, per cloud.
fn audience(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Public => "api://AzureADTokenExchange",
        Cloud::UsGov => "api://AzureADTokenExchangeUSGov",
        Cloud::China => "api://AzureADTokenExchangeChina",
    }
}

/// Asks GitHub for a token of the running job.
/// <https://docs.github.com/actions/security-for-github-actions/security-hardening-your-deployments/about-security-hardening-with-openid-connect>
#[derive(Debug)]
struct GithubAssertion {
    url: String,
    token: Secret,
    audience: &'static str,
    wire: Wire,
}

impl GithubAssertion {
    async fn ask(&self) -> Result<String, String> {
        let mut url = Url::parse(&self.url).map_err(|_| "`ACTIONS_ID_TOKEN_REQUEST_URL` is not a URL")?;
        if url.scheme() != "https" && !is_loopback(&url) {
            return Err("`ACTIONS_ID_TOKEN_REQUEST_URL` is not `https`".to_owned());
        }
        url.query_pairs_mut().append_pair("audience", self.audience);
        let (client, url) = self.wire.route(&url);
        let request = client.get(url).bearer_auth(self.token.expose()).header("accept", "application/json");
        let answer = request
            .send()
            .await
            .map_err(|error| format!("GitHub does not answer ({})", error.without_url()))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("GitHub answered {} to the request for the job's token", status.as_u16()));
        }
        let body: serde_json::Value = answer.json().await.map_err(|_| "GitHub's answer is not JSON")?;
        let token = body["value"].as_str().ok_or("GitHub's answer holds no token")?;
        Ok(token.to_owned())
    }
}

#[async_trait::async_trait]
impl ClientAssertion for GithubAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.ask().await.map_err(|what| AzureError::with_message(ErrorKind::Credential, what))
    }
}
