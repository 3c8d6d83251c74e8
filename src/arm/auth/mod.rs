//! The identity of a run: a credential, and its tokens.
//!
//! Input: the chosen credential and the environment. Output: cached tokens for scopes. IO: Entra ID, managed identity, developer tools.
//! Never shows a token, key or assertion, not even in `Debug`.

mod build;
mod certificate;
mod choose;
mod claims;
pub mod cloud;
mod entra;
mod explain;
mod tools;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use azure_core::credentials::TokenCredential;
use tokio::sync::Mutex;
use url::Url;

pub use choose::{CredentialKind, Skipped};
pub use claims::Claims;

use crate::arm::auth::cloud::{Cloud, Endpoint};
use crate::text::scrub;

/// A secret text: once created, it is removed from every text for people.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Creates and registers a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        scrub::learn(&text);
        Self(text)
    }

    /// The secret itself; only for sending.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("REDACTED")
    }
}

/// No credential, or no token from it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No credential has that name.
    #[error("there is no credential `{name}`: it is one of {known}")]
    Unknown {
        /// As given.
        name: String,
        /// All names.
        known: String,
    },
    /// The environment lacks something that the credential needs.
    #[error("`{credential}` needs {missing}")]
    Missing {
        /// The credential that was tried.
        credential: CredentialKind,
        /// Variables.
        missing: String,
        /// What to do.
        advice: String,
    },
    /// What the environment declares is not a valid credential.
    #[error("could not use `{credential}`: {reason}")]
    Unusable {
        /// The credential that was tried.
        credential: CredentialKind,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// `auto` found nothing.
    #[error("no credential was found: the environment declares none; skipped {}", choose::listed(skipped))]
    NothingFound {
        /// The credentials that were considered.
        skipped: Vec<Skipped>,
    },
    /// No request can be sent, for example because the machine has no CA certificates.
    #[error("could not send requests: {reason}")]
    NoClient {
        /// What is wrong.
        reason: String,
    },
    /// `KEYLESS_TOKEN` was set for one of Azure's clouds.
    #[error("`KEYLESS_TOKEN` is for sandboxes and tests, but `{endpoint}` is Azure")]
    TokenForAzure {
        /// Where it would have gone.
        endpoint: String,
    },
    /// The credential returned no token.
    #[error("`{credential}` returned no token: {reason}")]
    NoToken {
        /// The credential that was tried.
        credential: CredentialKind,
        /// Why, in one line without secrets.
        reason: String,
        /// What to do.
        advice: String,
    },
}

impl AuthError {
    /// The remedy.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        Some(match self {
            AuthError::Missing { advice, .. }
            | AuthError::Unusable { advice, .. }
            | AuthError::NoToken { advice, .. } => advice,
            AuthError::NoClient { .. } => {
                "install CA certificates (the package is often called `ca-certificates`), or set SSL_CERT_FILE to a file of them"
            }
            AuthError::NothingFound { .. } => "run `az login`, or choose one with `--credential`",
            AuthError::TokenForAzure { .. } => {
                "unset it and sign in with `--credential`, or set `--arm-endpoint` to a sandbox"
            }
            AuthError::Unknown { .. } => return None,
        })
    }
}

/// Variables whose values never appear in a text for people.
const SECRET_VARIABLES: &[&str] = &[
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_PASSWORD",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "SYSTEM_ACCESSTOKEN",
    "IDENTITY_HEADER",
    "MSI_SECRET",
    "KEYLESS_TOKEN",
];

/// The environment variables for signing in.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variables of this process; those that are not Unicode count as unset.
    #[must_use]
    pub fn process() -> Self {
        let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            let name = name.into_string().ok()?;
            // One folder that is not Unicode must not hide the others.
            let whole = value.into_string();
            Some(match whole {
                Ok(value) => (name, value),
                Err(value) if name == "PATH" => (name, value.to_string_lossy().into_owned()),
                Err(_) => return None,
            })
        };
        std::env::vars_os().filter_map(unicode).collect()
    }

    /// The variables of this process that signing in or keyless uses but that are not Unicode, and therefore useless.
    #[must_use]
    pub fn unreadable() -> Vec<String> {
        let looked_at = |name: &str| {
            name.starts_with("KEYLESS_") || SECRET_VARIABLES.contains(&name) || choose::declares(name)
        };
        let mut names: Vec<String> = std::env::vars_os()
            .filter(|(_, value)| value.to_str().is_none())
            .filter_map(|(name, _)| name.into_string().ok())
            .filter(|name| looked_at(name))
            .collect();
        names.sort();
        names
    }

    /// Whether a variable is set, even to an empty value.
    fn is_set(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Registers the secrets among them, so that no text for people contains one.
    pub fn learn_secrets(&self) {
        SECRET_VARIABLES.iter().filter_map(|name| self.get(name)).for_each(scrub::learn);
        // A proxy's URL may contain its password.
        let proxies = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];
        for name in proxies.iter().flat_map(|name| [(*name).to_owned(), name.to_lowercase()]) {
            let proxy = self.get(&name).and_then(|proxy| Url::parse(proxy).ok());
            proxy.as_ref().and_then(Url::password).into_iter().for_each(scrub::learn);
        }
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// The settings for signing in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cloud whose authority issues tokens.
    pub cloud: Cloud,
    /// The tenant, if the spec declares one.
    pub tenant: Option<String>,
    /// The variables that are set.
    pub environment: Environment,
    /// How long a token may take.
    pub timeout: Duration,
    /// How long a developer tool may take: `az` starts Python and can take more than eight seconds.
    pub tool_timeout: Duration,
    /// How long `auto` waits for a managed identity.
    pub probe: Duration,
    /// For tests: a server on this machine that receives requests to Entra ID and the metadata service.
    pub loopback: Option<Url>,
}

impl Settings {
    /// The settings of a production run.
    #[must_use]
    pub fn new(cloud: Cloud, environment: Environment) -> Self {
        Self {
            cloud,
            tenant: None,
            environment,
            // Including the probe, a failed sign-in ends after ten seconds unless a tool is used.
            timeout: Duration::from_secs(8),
            tool_timeout: Duration::from_secs(30),
            probe: Duration::from_secs(1),
            loopback: None,
        }
    }
}

/// A credential, shared by all clients of a run; cheap to clone.
#[derive(Clone)]
pub struct Credential(Arc<Inner>);

struct Inner {
    source: TokenSource,
    why: String,
    timeout: Duration,
    slots: Mutex<HashMap<String, Arc<Mutex<Slot>>>>,
}

enum TokenSource {
    /// A given token, for sandboxes and tests.
    Fixed(Secret),
    Azure {
        kind: CredentialKind,
        credential: Arc<dyn TokenCredential>,
    },
}

/// The latest token or error for a scope.
#[derive(Default)]
struct Slot {
    token: Option<(Secret, SystemTime)>,
    failure: Option<(AuthError, Instant)>,
}

/// How long before its expiry a token is renewed, so that none expires in transit.
const MARGIN: Duration = Duration::from_mins(5);

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credential").field(&self.name()).finish()
    }
}

impl Credential {
    /// A given token, used for every scope and never renewed.
    #[must_use]
    pub fn fixed(token: Secret) -> Self {
        Self::with(TokenSource::Fixed(token), "a given token".to_owned(), Duration::from_secs(10))
    }

    /// `KEYLESS_TOKEN` for an endpoint; refused for Azure's clouds.
    pub fn from_variable(token: Secret, endpoint: &Endpoint) -> Result<Self, AuthError> {
        match endpoint.cloud() {
            Some(_) => Err(AuthError::TokenForAzure { endpoint: endpoint.to_string() }),
            None => {
                let name = "from KEYLESS_TOKEN".to_owned();
                Ok(Self::with(TokenSource::Fixed(token), name, Duration::from_secs(10)))
            }
        }
    }

    /// The credential of that kind; `auto` looks for one, which may take as long as the probe.
    pub async fn sign_in(kind: CredentialKind, settings: &Settings) -> Result<Self, AuthError> {
        settings.environment.learn_secrets();
        let wire = entra::Wire::new(settings)?;
        let (kind, why) = match kind {
            CredentialKind::Auto => choose::automatic(settings, &wire).await?,
            kind => (kind, "it was asked for".to_owned()),
        };
        let credential = build::build(kind, settings, &wire)?;
        tracing::info!(credential = %kind, %why, "signing in");
        let timeout = match kind {
            CredentialKind::AzureCli | CredentialKind::AzureDeveloperCli => settings.tool_timeout,
            _ => settings.timeout,
        };
        Ok(Self::with(TokenSource::Azure { kind, credential }, why, timeout))
    }

    fn with(source: TokenSource, why: String, timeout: Duration) -> Self {
        Self(Arc::new(Inner { source, why, timeout, slots: Mutex::default() }))
    }

    /// The name of the credential.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.0.source {
            TokenSource::Fixed(_) => "token",
            TokenSource::Azure { kind, .. } => kind.as_str(),
        }
    }

    /// Why it was chosen, as a fragment.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.0.why
    }

    /// A token for a scope, from the cache or requested once, however many tasks wait.
    pub async fn token(&self, scope: &str) -> Result<Secret, AuthError> {
        let (kind, credential) = match &self.0.source {
            TokenSource::Fixed(token) => return Ok(token.clone()),
            TokenSource::Azure { kind, credential } => (*kind, credential),
        };
        let asked = Instant::now();
        let slot = Arc::clone(self.0.slots.lock().await.entry(scope.to_owned()).or_default());
        let mut slot = slot.lock().await;
        if let Some((token, expires)) = &slot.token
            && SystemTime::now() + MARGIN < *expires
        {
            return Ok(token.clone());
        }
        // If another task's request failed while this one waited, its error is used instead of another request.
        if let Some((error, at)) = &slot.failure
            && *at >= asked
        {
            return Err(error.clone());
        }
        let scopes = [scope];
        let answer = tokio::time::timeout(self.0.timeout, credential.get_token(&scopes, None)).await;
        let failure = match answer {
            Ok(Ok(token)) => {
                let secret = Secret::new(token.token.secret());
                slot.token = Some((secret.clone(), token.expires_on.into()));
                return Ok(secret);
            }
            Ok(Err(error)) => explain::failure(kind, &error),
            Err(_) => explain::too_slow(kind, self.0.timeout),
        };
        slot.failure = Some((failure.clone(), Instant::now()));
        Err(failure)
    }
}
