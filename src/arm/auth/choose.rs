//! Chooses a credential for `auto`: one that the environment declares, otherwise a managed identity, otherwise a developer tool.
//!
//! `declared` is pure; the probe and the search on PATH are the only IO.

use std::fmt;
use std::str::FromStr;

use super::entra::{Machine, Wire};
use super::{AuthError, Environment, Settings, build, explain, tools};
use crate::arm::auth::cloud::Endpoint;

/// The kinds of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CredentialKind {
    /// Whatever is found; production should name one.
    #[default]
    Auto,
    /// The user who is signed in to the Azure CLI.
    AzureCli,
    /// The user who is signed in to the Azure Developer CLI.
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

impl CredentialKind {
    /// All credentials, in the order of the documentation.
    pub const ALL: &'static [CredentialKind] = &[
        CredentialKind::Auto,
        CredentialKind::AzureCli,
        CredentialKind::AzureDeveloperCli,
        CredentialKind::ManagedIdentity,
        CredentialKind::WorkloadIdentity,
        CredentialKind::GithubOidc,
        CredentialKind::AzurePipelines,
        CredentialKind::ClientSecret,
        CredentialKind::ClientCertificate,
    ];

    /// Its name for `--credential`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CredentialKind::Auto => "auto",
            CredentialKind::AzureCli => "azure-cli",
            CredentialKind::AzureDeveloperCli => "azure-developer-cli",
            CredentialKind::ManagedIdentity => "managed-identity",
            CredentialKind::WorkloadIdentity => "workload-identity",
            CredentialKind::GithubOidc => "github-oidc",
            CredentialKind::AzurePipelines => "azure-pipelines",
            CredentialKind::ClientSecret => "client-secret",
            CredentialKind::ClientCertificate => "client-certificate",
        }
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for CredentialKind {
    type Err = AuthError;

    fn from_str(text: &str) -> Result<Self, AuthError> {
        CredentialKind::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or_else(|| {
            AuthError::Unknown {
                name: text.to_owned(),
                known: CredentialKind::ALL
                    .iter()
                    .map(|kind| format!("`{kind}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
            }
        })
    }
}

/// The variables that must all be set for a credential to be declared; the first matching row wins. Nothing else sets the first variable of
/// a row, so a row where only others are missing was intended and is reported.
const DECLARATIONS: &[(CredentialKind, &[&str])] = &[
    (CredentialKind::ClientSecret, &["AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"]),
    (
        CredentialKind::ClientCertificate,
        &["AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"],
    ),
    (CredentialKind::WorkloadIdentity, &["AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"]),
    (
        CredentialKind::GithubOidc,
        &[
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "AZURE_CLIENT_ID",
            "AZURE_TENANT_ID",
        ],
    ),
    (
        CredentialKind::AzurePipelines,
        &["SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"],
    ),
];

/// Whether a variable declares a credential.
pub(super) fn declares(name: &str) -> bool {
    DECLARATIONS.iter().any(|(_, names)| names.contains(&name))
}

/// The environment of the process, as far as managed identities are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdentityHost {
    /// App Service, Functions, Container Apps, Automation, which set an endpoint and a header.
    AppService,
    ServiceFabric,
    Arc,
    /// Azure Machine Learning, and App Service before 2019.
    MachineLearning,
    CloudShell,
    /// A virtual machine, or any other machine: only its metadata service can tell.
    Machine,
}

impl IdentityHost {
    /// Determined from variables: `azure_identity` 1.0 checks the same ones in the same order (`get_source` in
    /// `managed_identity_credential.rs`), and only whether they are set.
    pub(super) fn of(environment: &Environment) -> Self {
        let set = |name| environment.is_set(name);
        match (set("IDENTITY_ENDPOINT"), set("IDENTITY_HEADER")) {
            (true, true) if set("IDENTITY_SERVER_THUMBPRINT") => IdentityHost::ServiceFabric,
            (true, true) => IdentityHost::AppService,
            (true, false) if set("IMDS_ENDPOINT") => IdentityHost::Arc,
            (false, _) if set("MSI_ENDPOINT") && set("MSI_SECRET") => IdentityHost::MachineLearning,
            (false, _) if set("MSI_ENDPOINT") => IdentityHost::CloudShell,
            _ => IdentityHost::Machine,
        }
    }

    /// Why managed identities are not supported here, and an alternative.
    pub(super) fn unsupported(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            IdentityHost::AppService | IdentityHost::Machine => return None,
            IdentityHost::ServiceFabric => (
                "keyless does not support managed identities of Service Fabric (`IDENTITY_SERVER_THUMBPRINT` is set)",
                "sign in with another credential, such as `workload-identity` or `client-certificate`",
            ),
            IdentityHost::Arc => (
                "keyless does not support managed identities of Azure Arc (`IDENTITY_ENDPOINT` and `IMDS_ENDPOINT` are set)",
                "sign in with `az login` and pass `--credential azure-cli`, or use an application",
            ),
            IdentityHost::MachineLearning => (
                "keyless does not support managed identities of Azure Machine Learning (`MSI_ENDPOINT` and `MSI_SECRET` are set)",
                "sign in with `az login --identity` and pass `--credential azure-cli`, or use an application",
            ),
            IdentityHost::CloudShell => (
                "keyless does not support the identity of Azure Cloud Shell (`MSI_ENDPOINT` is set)",
                "pass `--credential azure-cli`: Cloud Shell is already signed in to it",
            ),
        })
    }
}

/// A credential that `auto` considered but did not choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The credential that was not chosen.
    pub kind: CredentialKind,
    /// Why not, as a fragment.
    pub reason: String,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({})", self.kind, self.reason)
    }
}

/// The list for a message.
pub(super) fn listed(skipped: &[Skipped]) -> String {
    skipped.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The credential that the environment declares, and which variable declares it; and earlier ones that it declares only in part.
fn declared(environment: &Environment) -> (Option<(CredentialKind, String)>, Vec<Skipped>) {
    let mut skipped = Vec::new();
    for (kind, names) in DECLARATIONS {
        if environment.get(names[0]).is_none() {
            continue;
        }
        match names.iter().find(|name| environment.get(name).is_none()) {
            None => return (Some((*kind, format!("`{}` is set", names[0]))), skipped),
            Some(missing) => skipped.push(Skipped {
                kind: *kind,
                reason: format!("`{}` is set, but `{missing}` is not", names[0]),
            }),
        }
    }
    (None, skipped)
}

/// Finds a credential; says why it was chosen, and which others were not.
pub(super) async fn automatic(
    settings: &Settings,
    wire: &Wire,
) -> Result<(CredentialKind, String), AuthError> {
    let (found, mut skipped) = declared(&settings.environment);
    let taken = |kind: CredentialKind, why: String, skipped: &[Skipped]| {
        let rest = if skipped.is_empty() { String::new() } else { format!("; skipped {}", listed(skipped)) };
        Ok((kind, format!("{why}{rest}")))
    };
    if let Some((kind, why)) = found {
        return taken(kind, why, &skipped);
    }
    match managed_identity(settings, wire).await {
        Ok(why) => return taken(CredentialKind::ManagedIdentity, why, &skipped),
        Err(reason) => skipped.push(Skipped { kind: CredentialKind::ManagedIdentity, reason }),
    }
    let both = TOOLS.iter().all(|(tool, _)| tools::is_on_path(tool, &settings.environment));
    for (at, (tool, kind)) in TOOLS.iter().enumerate() {
        let reason = if !tools::is_on_path(tool, &settings.environment) {
            format!("`{tool}` is not on PATH")
        } else if both && at == 0 && !is_signed_in(*kind, settings, wire).await {
            format!("`{tool}` is not signed in")
        } else {
            return taken(*kind, format!("`{tool}` is installed"), &skipped);
        };
        skipped.push(Skipped { kind: *kind, reason });
    }
    Err(AuthError::NothingFound { skipped })
}

/// The developer tools, in order of preference.
const TOOLS: [(&str, CredentialKind); 2] =
    [("az", CredentialKind::AzureCli), ("azd", CredentialKind::AzureDeveloperCli)];

/// The message of `az` without a sign-in.
const SIGNED_OUT: &str = "to setup account";

/// Whether somebody is signed in to a tool, checked only if another tool could be chosen. A tool that is slow or fails otherwise is chosen
/// and reports its own error: an expired sign-in must not lead to signing in as somebody else.
async fn is_signed_in(kind: CredentialKind, settings: &Settings, wire: &Wire) -> bool {
    let Ok(credential) = build::build(kind, settings, wire) else { return true };
    let scope = Endpoint::arm(settings.cloud);
    let scopes = [scope.scope()];
    match tokio::time::timeout(settings.tool_timeout, credential.get_token(&scopes, None)).await {
        Ok(Err(error)) => !explain::failure(kind, &error).to_string().contains(SIGNED_OUT),
        Ok(Ok(_)) | Err(_) => true,
    }
}

/// Why a managed identity can be used, or why not.
async fn managed_identity(settings: &Settings, wire: &Wire) -> Result<String, String> {
    let host = IdentityHost::of(&settings.environment);
    if let Some((reason, _)) = host.unsupported() {
        return Err(reason.to_owned());
    }
    if host == IdentityHost::AppService {
        return Ok("`IDENTITY_ENDPOINT` is set".to_owned());
    }
    match wire.machine(settings).await {
        Machine::Silent => Err("no metadata service answers".to_owned()),
        Machine::Refuses(words) => Err(format!("the metadata service answers `{words}`")),
        Machine::Identity => Ok("the metadata service has one".to_owned()),
        // A machine with an identity must not sign in as somebody else because its service is slow.
        Machine::Busy(words) => Ok(format!("the metadata service answers, though not now ({words})")),
    }
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
            let (found, skipped) = declared(&environment(names));
            assert_eq!((found.map(|found| found.0), skipped), (Some(*kind), Vec::new()));
            for missing in *names {
                let rest: Vec<&str> = names.iter().copied().filter(|name| name != missing).collect();
                let (found, skipped) = declared(&environment(&rest));
                assert_eq!(found, None, "{kind} without {missing}");
                let told: Vec<CredentialKind> = skipped.iter().map(|skipped| skipped.kind).collect();
                // Without its first variable the row was not intended.
                let expected = if *missing == names[0] { vec![] } else { vec![*kind] };
                assert_eq!(told, expected, "{kind} without {missing}");
                assert!(skipped.iter().all(|skipped| skipped.reason.contains(missing)), "{skipped:?}");
            }
        }
        let mut blank = environment(&["AZURE_CLIENT_ID", "AZURE_TENANT_ID"]);
        blank.0.insert("AZURE_CLIENT_SECRET".to_owned(), "  ".to_owned());
        assert_eq!(declared(&blank), (None, Vec::new()));
    }

    #[test]
    fn the_host_is_the_one_that_azure_identity_would_see() {
        for (names, host) in [
            (&["IDENTITY_ENDPOINT", "IDENTITY_HEADER"][..], IdentityHost::AppService),
            // App Service sets both pairs.
            (
                &["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"],
                IdentityHost::AppService,
            ),
            (&["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT"], IdentityHost::AppService),
            (
                &["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT"],
                IdentityHost::ServiceFabric,
            ),
            (&["IDENTITY_ENDPOINT", "IMDS_ENDPOINT"], IdentityHost::Arc),
            (&["MSI_ENDPOINT", "MSI_SECRET"], IdentityHost::MachineLearning),
            (&["MSI_ENDPOINT"], IdentityHost::CloudShell),
            (&["IDENTITY_ENDPOINT"], IdentityHost::Machine),
            (&["IDENTITY_ENDPOINT", "MSI_ENDPOINT"], IdentityHost::Machine),
            (&["IDENTITY_HEADER"], IdentityHost::Machine),
            (&["IMDS_ENDPOINT"], IdentityHost::Machine),
            (&["MSI_SECRET"], IdentityHost::Machine),
            (&[], IdentityHost::Machine),
        ] {
            assert_eq!(IdentityHost::of(&environment(names)), host, "{names:?}");
        }
        let empty: Environment = [("MSI_ENDPOINT".to_owned(), String::new())].into_iter().collect();
        assert_eq!(IdentityHost::of(&empty), IdentityHost::CloudShell, "set is set, for `azure_identity`");
    }

    #[test]
    fn names_are_read_back_and_others_are_listed() {
        for kind in CredentialKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        let error = "password".parse::<CredentialKind>().unwrap_err();
        assert!(error.to_string().contains("`azure-cli`"), "{error}");
    }
}
