//! Which credential `auto` takes: what the environment declares, else a managed identity, else the developer tools.
//!
//! `declared` is pure; the probe and the search on PATH are the only IO.

use std::fmt;
use std::str::FromStr;

use super::entra::Wire;
use super::{AuthError, Environment, Settings, tools};

/// The credentials there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Whatever is found; production names one.
    #[default]
    Auto,
    /// Whoever is signed in to the Azure CLI.
    AzureCli,
    /// Whoever is signed in to the Azure Developer CLI.
    AzureDeveloperCli,
    /// The identity of the machine, container or app.
    ManagedIdentity,
    /// A federated token in a file, as in Kubernetes.
    WorkloadIdentity,
    /// A federated token of a GitHub Actions job.
    GithubOidc,
    /// A service connection of Azure Pipelines.
    AzurePipelines,
    /// An application with a secret.
    ClientSecret,
    /// An application with a certificate.
    ClientCertificate,
}

impl Kind {
    /// Every credential.
    pub const ALL: &'static [Kind] = &[
        Kind::Auto,
        Kind::AzureCli,
        Kind::AzureDeveloperCli,
        Kind::ManagedIdentity,
        Kind::WorkloadIdentity,
        Kind::GithubOidc,
        Kind::AzurePipelines,
        Kind::ClientSecret,
        Kind::ClientCertificate,
    ];

    /// As `--credential` takes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Auto => "auto",
            Kind::AzureCli => "azure-cli",
            Kind::AzureDeveloperCli => "azure-developer-cli",
            Kind::ManagedIdentity => "managed-identity",
            Kind::WorkloadIdentity => "workload-identity",
            Kind::GithubOidc => "github-oidc",
            Kind::AzurePipelines => "azure-pipelines",
            Kind::ClientSecret => "client-secret",
            Kind::ClientCertificate => "client-certificate",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = AuthError;

    fn from_str(text: &str) -> Result<Self, AuthError> {
        Kind::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or_else(|| AuthError::Unknown {
            name: text.to_owned(),
            known: Kind::ALL.iter().map(|kind| format!("`{kind}`")).collect::<Vec<_>>().join(", "),
        })
    }
}

/// Variables that all must be set for a credential to count as declared; the first row that fits is taken.
const DECLARATIONS: &[(Kind, &[&str])] = &[
    (Kind::ClientSecret, &["AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"]),
    (Kind::ClientCertificate, &["AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"]),
    (Kind::WorkloadIdentity, &["AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"]),
    (
        Kind::GithubOidc,
        &[
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "AZURE_CLIENT_ID",
            "AZURE_TENANT_ID",
        ],
    ),
    (
        Kind::AzurePipelines,
        &["SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"],
    ),
    (Kind::ManagedIdentity, &["IDENTITY_ENDPOINT"]),
    (Kind::ManagedIdentity, &["MSI_ENDPOINT"]),
];

/// The credential that the environment declares, and by what.
fn declared(environment: &Environment) -> Option<(Kind, String)> {
    DECLARATIONS.iter().find_map(|(kind, names)| {
        let all = names.iter().all(|name| environment.get(name).is_some());
        all.then(|| (*kind, format!("`{}` is set", names[0])))
    })
}

/// Finds a credential and says why it was taken.
pub(super) async fn automatic(settings: &Settings, wire: &Wire) -> Result<(Kind, String), AuthError> {
    if let Some(found) = declared(&settings.environment) {
        return Ok(found);
    }
    if wire.metadata_service_answers(settings.probe).await {
        return Ok((Kind::ManagedIdentity, "the metadata service answers".to_owned()));
    }
    [("az", Kind::AzureCli), ("azd", Kind::AzureDeveloperCli)]
        .into_iter()
        .find(|(tool, _)| tools::is_on_path(tool, &settings.environment))
        .map(|(tool, kind)| (kind, format!("nothing else is declared, and `{tool}` is installed")))
        .ok_or(AuthError::NothingFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(names: &[&str]) -> Environment {
        names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect()
    }

    #[test]
    fn the_environment_declares_a_credential_only_when_all_its_parts_are_there() {
        for (kind, names) in DECLARATIONS {
            assert_eq!(declared(&environment(names)).map(|found| found.0), Some(*kind));
            for missing in *names {
                let rest: Vec<&str> = names.iter().copied().filter(|name| name != missing).collect();
                assert_eq!(declared(&environment(&rest)), None, "{kind} without {missing}");
            }
        }
        let mut blank = environment(&["AZURE_CLIENT_ID", "AZURE_TENANT_ID"]);
        blank.0.insert("AZURE_CLIENT_SECRET".to_owned(), "  ".to_owned());
        assert_eq!(declared(&blank), None);
    }

    #[test]
    fn names_are_read_back_and_others_are_listed() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        let error = "password".parse::<Kind>().unwrap_err();
        assert!(error.to_string().contains("`azure-cli`"), "{error}");
    }
}
