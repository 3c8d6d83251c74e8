//! Builds each kind of credential from the environment.
//!
//! Input: the kind, the settings, and the transport of [`entra`](super::entra). Output: a credential of `azure_identity`. Requests no token
//! yet.

use std::path::PathBuf;
use std::sync::Arc;

use azure_core::credentials::{Secret as AzureSecret, TokenCredential};
use azure_core::error::{Error as AzureError, ErrorKind};
use azure_core::http::{ClientMethodOptions, ClientOptions};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions, AzurePipelinesCredential, AzurePipelinesCredentialOptions,
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientSecretCredential,
    ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId,
};
use futures_util::TryStreamExt as _;
use url::Url;

use super::certificate::Certificate;
use super::choose::IdentityHost;
use super::entra::{LARGEST, Wire, client_options, whole};
use super::tools::Shell;
use super::{AuthError, CredentialKind, SECRET_VARIABLES, Secret, Settings, explain};
use crate::arm::auth::cloud::Cloud;
use crate::files;
use crate::text::loopback::is_loopback;
use crate::text::scrub;

/// Builds the credential without requesting a token.
pub(super) fn build(
    kind: CredentialKind,
    settings: &Settings,
    wire: &Wire,
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    let recipe = Recipe { kind, settings, wire };
    match kind {
        CredentialKind::AzureCli | CredentialKind::AzureDeveloperCli => recipe.tool(),
        CredentialKind::ManagedIdentity => recipe.managed_identity(),
        CredentialKind::WorkloadIdentity => recipe.workload_identity(),
        CredentialKind::GithubOidc => recipe.github_oidc(),
        CredentialKind::AzurePipelines => recipe.azure_pipelines(),
        CredentialKind::ClientSecret => recipe.client_secret(),
        CredentialKind::ClientCertificate => recipe.client_certificate(),
        // `auto` was resolved to another kind before.
        CredentialKind::Auto => Err(AuthError::NothingFound { skipped: Vec::new() }),
    }
}

/// The inputs of a credential. Each method reads what its kind needs from the environment, in the order in which missing variables are
/// reported.
struct Recipe<'a> {
    kind: CredentialKind,
    settings: &'a Settings,
    wire: &'a Wire,
}

impl Recipe<'_> {
    /// The first of these variables that is set.
    fn need(&self, names: &'static [&'static str]) -> Result<String, AuthError> {
        let environment = &self.settings.environment;
        let found = names.iter().find_map(|name| Some((name, environment.get(name)?)));
        let (name, value) = found.ok_or_else(|| explain::missing(self.kind, &names[..1]))?;
        if SECRET_VARIABLES.contains(name) && scrub::is_too_short(value) {
            return Err(explain::unusable(self.kind, too_short(name), "use a longer one"));
        }
        Ok(value.to_owned())
    }

    fn tenant(&self, names: &'static [&'static str]) -> Result<String, AuthError> {
        self.settings.tenant.clone().map_or_else(|| self.need(names), Ok)
    }

    fn options(&self) -> ClientOptions {
        client_options(self.settings, self.wire)
    }

    fn assertion_options(&self) -> ClientAssertionCredentialOptions {
        ClientAssertionCredentialOptions { client_options: self.options() }
    }

    fn done<C: TokenCredential + 'static>(
        &self,
        made: azure_core::Result<Arc<C>>,
    ) -> Result<Arc<dyn TokenCredential>, AuthError> {
        made.map(|made| made as _).map_err(|error| explain::failure(self.kind, &error))
    }

    /// A developer's own sign-in, with a tool that is run for each token.
    fn tool(&self) -> Result<Arc<dyn TokenCredential>, AuthError> {
        let tenant_id = self.settings.tenant.clone();
        let path = self.settings.environment.get("PATH").map(Into::into);
        let executor = Some(Arc::new(Shell { path }) as _);
        if self.kind == CredentialKind::AzureDeveloperCli {
            let options = AzureDeveloperCliCredentialOptions { tenant_id, executor };
            return self.done(AzureDeveloperCliCredential::new(Some(options)));
        }
        let options = AzureCliCredentialOptions { tenant_id, executor, ..Default::default() };
        self.done(AzureCliCredential::new(Some(options)))
    }

    fn managed_identity(&self) -> Result<Arc<dyn TokenCredential>, AuthError> {
        let environment = &self.settings.environment;
        if let Some((reason, advice)) = IdentityHost::of(environment).unsupported() {
            return Err(explain::unusable(self.kind, reason.to_owned(), advice));
        }
        let client = environment.get("AZURE_CLIENT_ID").map(|id| UserAssignedId::ClientId(id.to_owned()));
        self.done(ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
            user_assigned_id: client,
            client_options: self.options(),
        })))
    }

    fn workload_identity(&self) -> Result<Arc<dyn TokenCredential>, AuthError> {
        let (tenant, client) = (self.tenant(&["AZURE_TENANT_ID"])?, self.need(&["AZURE_CLIENT_ID"])?);
        let assertion = FileAssertion(PathBuf::from(self.need(&["AZURE_FEDERATED_TOKEN_FILE"])?));
        let options = Some(self.assertion_options());
        self.done(ClientAssertionCredential::new(tenant, client, assertion, options))
    }

    fn github_oidc(&self) -> Result<Arc<dyn TokenCredential>, AuthError> {
        let assertion = GithubAssertion {
            url: self.need(&["ACTIONS_ID_TOKEN_REQUEST_URL"])?,
            token: Secret::new(self.need(&["ACTIONS_ID_TOKEN_REQUEST_TOKEN"])?),
            audience: audience(self.settings.cloud),
            wire: self.wire.clone(),
        };
        let (tenant, client) = (self.tenant(&["AZURE_TENANT_ID"])?, self.need(&["AZURE_CLIENT_ID"])?);
        let options = Some(self.assertion_options());
        self.done(ClientAssertionCredential::new(tenant, client, assertion, options))
    }

    fn azure_pipelines(&self) -> Result<Arc<dyn TokenCredential>, AuthError> {
        let options = AzurePipelinesCredentialOptions { credential_options: self.assertion_options() };
        self.done(AzurePipelinesCredential::new(
            self.tenant(&["AZURESUBSCRIPTION_TENANT_ID", "AZURE_TENANT_ID"])?,
            self.need(&["AZURESUBSCRIPTION_CLIENT_ID", "AZURE_CLIENT_ID"])?,
            &self.need(&["AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "AZURE_SERVICE_CONNECTION_ID"])?,
            self.need(&["SYSTEM_ACCESSTOKEN"])?,
            Some(options),
        ))
    }

    fn client_secret(&self) -> Result<Arc<dyn TokenCredential>, AuthError> {
        self.done(ClientSecretCredential::new(
            &self.tenant(&["AZURE_TENANT_ID"])?,
            self.need(&["AZURE_CLIENT_ID"])?,
            AzureSecret::new(self.need(&["AZURE_CLIENT_SECRET"])?),
            Some(ClientSecretCredentialOptions { client_options: self.options() }),
        ))
    }

    /// Signs its own assertion with a certificate, so that OpenSSL is not needed.
    fn client_certificate(&self) -> Result<Arc<dyn TokenCredential>, AuthError> {
        let (tenant, client) = (self.tenant(&["AZURE_TENANT_ID"])?, self.need(&["AZURE_CLIENT_ID"])?);
        let path = PathBuf::from(self.need(&["AZURE_CLIENT_CERTIFICATE_PATH"])?);
        let authority = self.settings.cloud.addresses().authority;
        let assertion = Certificate::load(&path, &tenant, client.clone(), authority)
            .map_err(|why| explain::unusable(self.kind, why.reason, why.advice))?;
        let options = Some(self.assertion_options());
        self.done(ClientAssertionCredential::new(tenant, client, assertion, options))
    }
}

/// Why a secret that is too short is refused.
fn too_short(name: &str) -> String {
    let least = scrub::SHORTEST;
    format!("`{name}` has fewer than {least} characters, so keyless could not redact it from its output")
}

/// The audience of federated tokens in a cloud.
fn audience(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Public => "api://AzureADTokenExchange",
        Cloud::UsGov => "api://AzureADTokenExchangeUSGov",
        Cloud::China => "api://AzureADTokenExchangeChina",
    }
}

/// A token that something else keeps fresh in a file, as in Kubernetes. `azure_identity` would read an endless file forever.
#[derive(Debug)]
struct FileAssertion(PathBuf);

#[async_trait::async_trait]
impl ClientAssertion for FileAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let token = files::read_text(&self.0, LARGEST).map_err(|error| {
            let what = format!("could not use the federated token file `{}`: {error}", self.0.display());
            AzureError::with_message(ErrorKind::Credential, what)
        })?;
        Ok(token.trim().to_owned())
    }
}

/// Requests a token for the running job from GitHub.
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
            .map_err(|error| format!("no answer from GitHub ({})", error.without_url()))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("GitHub answered {} to the request for the job's token", status.as_u16()));
        }
        let body = answer
            .bytes_stream()
            .map_err(|error| format!("GitHub's answer was cut off ({})", error.without_url()));
        let body = whole(body, |what| what).await?;
        let body: serde_json::Value =
            serde_json::from_slice(&body).map_err(|_| "GitHub's answer is not JSON")?;
        let token = body["value"].as_str().ok_or("GitHub's answer contains no token")?;
        Ok(token.to_owned())
    }
}

#[async_trait::async_trait]
impl ClientAssertion for GithubAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.ask().await.map_err(|what| AzureError::with_message(ErrorKind::Credential, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_federated_token_is_made_for_its_cloud() {
        for (cloud, expected) in [
            (Cloud::Public, "api://AzureADTokenExchange"),
            (Cloud::UsGov, "api://AzureADTokenExchangeUSGov"),
            (Cloud::China, "api://AzureADTokenExchangeChina"),
        ] {
            assert_eq!(audience(cloud), expected);
        }
    }
}
