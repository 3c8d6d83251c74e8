//! Explains failed sign-ins in one line, without secrets, with a remedy. Pure.

use std::error::Error as StdError;
use std::time::Duration;

use super::{AuthError, CredentialKind};
use crate::text;
use crate::text::scrub::scrub;

/// Entra ID's error codes with a known remedy.
const BY_CODE: &[(&str, &str)] = &[
    ("AADSTS7000215", "the client secret is wrong: use its value, not its id"),
    ("AADSTS7000222", "the client secret has expired: create a new one"),
    ("AADSTS700016", "no such application in this tenant: check AZURE_CLIENT_ID and AZURE_TENANT_ID"),
    ("AADSTS90002", "no such tenant: check AZURE_TENANT_ID and `--cloud`"),
    ("AADSTS900023", "no such tenant: check AZURE_TENANT_ID and `--cloud`"),
    (
        "AADSTS700024",
        "the assertion is not valid at this time: renew the token that it is made from, and check this machine's clock",
    ),
    (
        "AADSTS700027",
        "the application does not have this certificate: add it there, or check AZURE_CLIENT_CERTIFICATE_PATH",
    ),
    ("AADSTS70025", "the application has no federated credential: add one for this issuer and subject"),
    ("AADSTS700211", "no federated credential of the application has this issuer: add one"),
    (
        "AADSTS700212",
        "the audience of the token is not the one of the application's federated credential: check `--cloud`",
    ),
    (
        "AADSTS700213",
        "no federated credential of the application has the subject in the message: add one for this repository, branch or environment",
    ),
    (
        "AADSTS70021",
        "no federated credential of the application has the subject in the message: add one for this repository, branch or environment",
    ),
    ("AADSTS500011", "the tenant does not know this endpoint: check `--arm-endpoint` and `--cloud`"),
    ("AADSTS50076", "multi-factor authentication is required: run `az login` again"),
    ("AADSTS50079", "multi-factor authentication is required: run `az login` again"),
    ("AADSTS70043", "the sign-in has expired: run `az login` again"),
    ("AADSTS700082", "the sign-in has expired: run `az login` again"),
];

/// The text of `azure_core` around an error that it does not repeat.
const NOISE: &str = "non-transport error occurred";
/// Its text for an error of keyless.
const OURS: &str = "other error error";

/// The usual remedy for a credential.
fn advice(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::AzureCli => {
            "run `az login` (with `--tenant` for another tenant), or choose another `--credential`"
        }
        CredentialKind::AzureDeveloperCli => "run `azd auth login`, or choose another `--credential`",
        CredentialKind::ManagedIdentity => {
            "assign a managed identity to this machine or app; for a user-assigned one set AZURE_CLIENT_ID to its client id"
        }
        CredentialKind::WorkloadIdentity => {
            "check AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE and the application's federated credential"
        }
        CredentialKind::GithubOidc => {
            "give the job `permissions: id-token: write`, and check AZURE_CLIENT_ID, AZURE_TENANT_ID and the application's federated credential"
        }
        CredentialKind::AzurePipelines => {
            "check the service connection, and map SYSTEM_ACCESSTOKEN: $(System.AccessToken) into the step"
        }
        CredentialKind::ClientSecret => "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
        CredentialKind::ClientCertificate => {
            "check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_CERTIFICATE_PATH, and that the application has the certificate"
        }
        CredentialKind::Auto => "choose another `--credential`",
    }
}

/// A variable that is not set.
pub(super) fn missing(kind: CredentialKind, names: &[&str]) -> AuthError {
    let missing = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    AuthError::Missing { credential: kind, missing, advice: advice(kind).to_owned() }
}

/// An HTTP client that cannot be created.
pub(super) fn no_client(error: &reqwest::Error) -> AuthError {
    let reason = one_line(&text::causes(error).last().unwrap_or(error).to_string());
    // rustls prefixes the messages of others.
    AuthError::NoClient { reason: reason.trim_start_matches("unexpected error: ").to_owned() }
}

/// A credential that the environment declares but that cannot be used.
pub(super) fn unusable(kind: CredentialKind, reason: String, advice: &str) -> AuthError {
    AuthError::Unusable { credential: kind, reason, advice: advice.to_owned() }
}

/// A sign-in that took too long.
pub(super) fn too_slow(kind: CredentialKind, limit: Duration) -> AuthError {
    let reason = format!("it did not answer within {} s", limit.as_secs());
    let advice = match kind {
        CredentialKind::AzureCli => "try it by hand: `az account get-access-token`",
        CredentialKind::AzureDeveloperCli => "try it by hand: `azd auth token --output json`",
        CredentialKind::ManagedIdentity => {
            "the metadata service or identity endpoint of this machine does not answer: try again, or choose another `--credential`"
        }
        _ => "check the network and proxy between here and Entra ID, or choose another `--credential`",
    };
    AuthError::NoToken { credential: kind, reason, advice: advice.to_owned() }
}

/// A sign-in that failed.
pub(super) fn failure(kind: CredentialKind, error: &(dyn StdError + 'static)) -> AuthError {
    // The outermost text only repeats the credential's name and adds a link.
    let mut causes = Vec::new();
    let mut chain: Vec<_> = text::causes(error).collect();
    if chain.is_empty() {
        chain.push(error);
    }
    for cause in chain {
        let text = one_line(&cause.to_string());
        let text = text.strip_prefix(OURS).map_or(text.as_str(), |rest| rest.trim_start_matches([':', ' ']));
        let text = text.to_owned();
        let told = causes.iter().any(|earlier: &String| earlier.contains(&text));
        if !text.is_empty() && !told && !text.starts_with(NOISE) {
            causes.push(text);
        }
    }
    let reason = causes.join(": ");
    let reason = scrub(&reason);
    let reason = match reason.char_indices().nth(600) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.trim_end_matches('.').to_owned(),
    };
    let by_code = BY_CODE.iter().find(|(code, _)| has_word(&reason, code));
    let advice = by_code.map_or_else(|| advice(kind), |(_, advice)| advice);
    AuthError::NoToken { credential: kind, reason, advice: advice.to_owned() }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `word` occurs in `text` as a whole: `AADSTS70021` is not `AADSTS700213`.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| !text[at + word.len()..].starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Layer>>,
    }

    fn layers(texts: &[&'static str]) -> Layer {
        let (first, rest) = texts.split_first().expect("at least one text");
        Layer { text: first, source: (!rest.is_empty()).then(|| Box::new(layers(rest))) }
    }

    #[test]
    fn a_failure_is_one_line_with_its_causes_and_without_secrets() {
        let error = layers(&[
            "XCredential authentication failed. outer\nTo troubleshoot, visit https://x",
            "AADSTS700213: no match\r\nTrace ID: 1, sent s3cret-of-the-job.",
            "deeper",
        ]);
        crate::text::scrub::learn("s3cret-of-the-job");
        let AuthError::NoToken { reason, advice, .. } = failure(CredentialKind::GithubOidc, &error) else {
            panic!("another error");
        };
        assert_eq!(reason, "AADSTS700213: no match Trace ID: 1, sent REDACTED.: deeper");
        assert!(advice.contains("repository, branch"), "{advice}");
    }

    #[test]
    fn codes_are_told_apart_and_other_failures_get_the_credentials_advice() {
        let advice = |text| match failure(CredentialKind::ClientSecret, &layers(&[text])) {
            AuthError::NoToken { advice, .. } => advice,
            other => panic!("{other}"),
        };
        assert!(advice("AADSTS7000215: x").contains("its value"));
        assert!(advice("AADSTS7000222: x").contains("expired"));
        assert!(advice("AADSTS70002159: x").contains("AZURE_CLIENT_SECRET"));
    }
}
