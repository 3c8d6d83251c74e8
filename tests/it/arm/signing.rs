//! Signing in, every credential against a server on this machine in the place of Entra ID, GitHub and the metadata service.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keyless::arm::auth::cloud::{Cloud, Endpoint};
use keyless::arm::auth::{AuthError, Credential, CredentialKind, Environment, Secret, Settings};
use serde_json::{Value, json};
use url::Url;

use super::server::{Play, Server, answer};

const SCOPE: &str = "https://management.azure.com/.default";
const TENANT: &str = "11111111-1111-1111-1111-111111111111";

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn settings(server: &Server, variables: &[(&str, &str)]) -> Settings {
    let mut all = vec![("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", "app")];
    all.extend(variables);
    let mut settings = Settings::new(Cloud::Public, environment(&all));
    settings.loopback = Some(Url::parse(&server.base).unwrap());
    settings
}

fn entra(token: &str) -> Play {
    answer(
        200,
        &[],
        &json!({"token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600, "access_token": token}),
    )
}

async fn token(kind: CredentialKind, settings: &Settings) -> Result<Secret, AuthError> {
    Credential::sign_in(kind, settings).await?.token(SCOPE).await
}

#[tokio::test]
async fn a_client_secret_is_sent_to_the_clouds_authority_and_its_token_kept() {
    let server = Server::playing([entra("tok"), entra("graph")]).await;
    let settings = settings(&server, &[("AZURE_CLIENT_SECRET", "s3cret-of-the-test")]);
    let credential = Credential::sign_in(CredentialKind::ClientSecret, &settings).await.unwrap();
    assert_eq!(credential.name(), "client-secret");
    for _ in 0..3 {
        assert_eq!(credential.token(SCOPE).await.unwrap().expose(), "tok");
    }
    assert_eq!(credential.token("https://graph.microsoft.com/.default").await.unwrap().expose(), "graph");
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].target, format!("/{TENANT}/oauth2/v2.0/token"));
    assert!(
        seen[0].body.contains("client_secret=s3cret-of-the-test"),
        "the server got the secret: {}",
        seen[0].body
    );
    let shown = format!("{credential:?} {settings:?} {:?}", credential.token(SCOPE).await);
    assert!(!shown.contains("s3cret-of-the-test") && !shown.contains("tok"), "{shown}");
}

#[tokio::test]
async fn a_redirect_of_the_authority_is_told_and_not_followed() {
    let server = Server::start().await;
    let location = format!("{}elsewhere", server.base);
    server.forever(answer(302, &[("location", &location)], &json!({"access_token": "tok"})), Duration::ZERO);
    let settings = settings(&server, &[("AZURE_CLIENT_SECRET", "s3cret-of-the-test")]);
    let error = token(CredentialKind::ClientSecret, &settings).await.unwrap_err().to_string();
    assert!(
        error.contains("the sign-in endpoint answered 302, a redirect, which is never followed"),
        "{error}"
    );
    let seen = server.seen();
    assert!(
        !seen.is_empty() && seen.iter().all(|seen| seen.target.ends_with("/oauth2/v2.0/token")),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_secret_too_short_to_be_kept_out_of_the_output_is_not_sent() {
    let server = Server::playing([entra("tok")]).await;
    let of = |secret| settings(&server, &[("AZURE_CLIENT_SECRET", secret)]);
    let error = token(CredentialKind::ClientSecret, &of("seven77")).await.unwrap_err().to_string();
    assert!(error.contains("`AZURE_CLIENT_SECRET` has fewer than 8 characters"), "{error}");
    assert!(server.seen().is_empty());
    assert_eq!(
        token(CredentialKind::ClientSecret, &of("eight888")).await.unwrap().expose(),
        "tok",
        "the control"
    );
}

#[tokio::test]
async fn a_refused_secret_is_one_line_with_a_next_step_and_never_shows_the_secret() {
    let server = Server::start().await;
    let says = "AADSTS7000215: Invalid client secret provided: s3cret-of-the-test.\r\nTrace ID: 1";
    let refusal = answer(
        401,
        &[],
        &json!({"error": "invalid_client", "error_description": says, "error_codes": [7_000_215]}),
    );
    server.forever(refusal, Duration::ZERO);
    let error = token(
        CredentialKind::ClientSecret,
        &settings(&server, &[("AZURE_CLIENT_SECRET", "s3cret-of-the-test")]),
    )
    .await
    .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("`client-secret` returned no token: AADSTS7000215: Invalid client secret"),
        "{text}"
    );
    assert!(!text.contains("s3cret-of-the-test") && !text.contains('\n'), "{text}");
    assert!(error.hint().unwrap().contains("use its value"));
    assert_eq!(server.seen().len(), 1, "a refusal is not asked for again");

    let page =
        Play::Answer { status: 403, headers: vec![], body: b"<html>Blocked by the proxy</html>".to_vec() };
    server.forever(page, Duration::ZERO);
    let error = token(
        CredentialKind::ClientSecret,
        &settings(&server, &[("AZURE_CLIENT_SECRET", "s3cret-of-the-test")]),
    )
    .await
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`client-secret` returned no token: the sign-in endpoint answered 403: Blocked by the proxy"
    );
}

#[tokio::test]
async fn a_github_job_exchanges_its_token() {
    let server = Server::playing([answer(200, &[], &json!({"value": "job-token"})), entra("tok")]).await;
    let request_url = format!("{}/github?x=1", server.base);
    let settings = settings(
        &server,
        &[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", &request_url),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token"),
        ],
    );
    // `auto` finds it too, since all its parts are there.
    let credential = Credential::sign_in(CredentialKind::Auto, &settings).await.unwrap();
    assert_eq!(
        (credential.name(), credential.why()),
        ("github-oidc", "`ACTIONS_ID_TOKEN_REQUEST_URL` is set")
    );
    assert_eq!(credential.token(SCOPE).await.unwrap().expose(), "tok");
    let seen = server.seen();
    assert_eq!(seen[0].target, "/github?x=1&audience=api%3A%2F%2FAzureADTokenExchange");
    assert_eq!(seen[0].header("authorization"), Some("Bearer request-token"));
    assert!(seen[1].body.contains("client_assertion=job-token"), "{}", seen[1].body);
}

#[tokio::test]
async fn a_github_job_without_the_permission_is_told_which_one() {
    let server = Server::start().await;
    let error = token(CredentialKind::GithubOidc, &settings(&server, &[])).await.unwrap_err();
    assert_eq!(error.to_string(), "`github-oidc` needs `ACTIONS_ID_TOKEN_REQUEST_URL`");
    assert!(error.hint().unwrap().contains("id-token: write"));
    let leaky = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://192.0.2.1/x"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-token"),
    ];
    let error = token(CredentialKind::GithubOidc, &settings(&server, &leaky)).await.unwrap_err();
    assert!(error.to_string().contains("not `https`"), "{error}");
}

#[tokio::test]
async fn a_pods_token_file_is_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "pod-token").unwrap();
    let server = Server::playing([entra("tok")]).await;
    let settings = settings(&server, &[("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap())]);
    assert_eq!(token(CredentialKind::Auto, &settings).await.unwrap().expose(), "tok");
    assert!(server.seen()[0].body.contains("client_assertion=pod-token"));
}

#[tokio::test]
async fn a_pods_token_that_the_authority_repeats_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "federated-token-of-the-test").unwrap();
    let server = Server::start().await;
    let says = "AADSTS50027: JWT token is invalid: federated-token-of-the-test.";
    let refusal = json!({"error": "invalid_client", "error_description": says, "error_codes": [50_027]});
    server.forever(answer(401, &[], &refusal), Duration::ZERO);
    let settings = settings(&server, &[("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap())]);
    let error = token(CredentialKind::WorkloadIdentity, &settings).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("AADSTS50027") && !shown.contains("federated-token"), "{shown}");
    assert!(server.seen()[0].body.contains("client_assertion=federated-token-of-the-test"), "it was sent");
}

fn in_seconds(seconds: u64) -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds
}

/// The metadata service's answer to a request without its header.
fn metadata_service() -> Play {
    answer(
        400,
        &[],
        &json!({"error": "invalid_request", "error_description": "Required metadata header not specified"}),
    )
}

fn machine_token() -> Play {
    let expires = in_seconds(3600).to_string();
    let body = json!({"access_token": "tok", "expires_on": expires, "resource": "r", "token_type": "Bearer"});
    answer(200, &[], &body)
}

#[tokio::test]
async fn a_machines_identity_is_found_by_a_probe() {
    let server = Server::playing([metadata_service(), machine_token(), machine_token()]).await;
    let credential = Credential::sign_in(CredentialKind::Auto, &settings(&server, &[])).await.unwrap();
    assert_eq!((credential.name(), credential.why()), ("managed-identity", "the metadata service has one"));
    assert_eq!(credential.token(SCOPE).await.unwrap().expose(), "tok");
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].header("metadata"), None, "the probe asks for no token");
    for asked in &seen[1..] {
        assert!(asked.target.starts_with("/metadata/identity/oauth2/token?"), "{}", asked.target);
        assert!(asked.target.contains("resource=https%3A%2F%2Fmanagement.azure.com"), "{}", asked.target);
        assert!(asked.target.contains("client_id=app"), "the user-assigned one");
        assert_eq!(asked.header("metadata"), Some("true"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_machine_without_an_identity_leaves_it_to_the_azure_cli() {
    let none = json!({"error": "invalid_request", "error_description": "Identity not found"});
    let server = Server::playing([metadata_service(), answer(400, &[], &none)]).await;
    let az = fake_az("exit 1");
    let mut settings = with_az(az.path());
    settings.loopback = Some(Url::parse(&server.base).unwrap());
    let credential = Credential::sign_in(CredentialKind::Auto, &settings).await.unwrap();
    assert_eq!(
        (credential.name(), credential.why()),
        (
            "azure-cli",
            "`az` is installed; skipped `managed-identity` (the metadata service answers `400 Identity not found`)"
        )
    );
    assert_eq!(server.seen().len(), 2);
}

#[cfg(unix)]
#[tokio::test]
async fn a_machine_whose_metadata_service_is_busy_signs_in_as_nobody_else() {
    let busy = answer(503, &[], &json!({"error": "busy"}));
    let server = Server::playing([metadata_service(), busy, machine_token()]).await;
    let az = fake_az("exit 1");
    let mut settings = with_az(az.path());
    settings.loopback = Some(Url::parse(&server.base).unwrap());
    let credential = Credential::sign_in(CredentialKind::Auto, &settings).await.unwrap();
    assert_eq!(credential.name(), "managed-identity");
    assert_eq!(credential.token(SCOPE).await.unwrap().expose(), "tok");
    assert!(calls(az.path()).is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn whatever_else_answers_at_its_address_is_not_the_metadata_service() {
    let others = [
        answer(200, &[], &json!({"access_token": "tok"})),
        answer(401, &[], &Value::Null),
        answer(403, &[], &Value::Null),
        answer(404, &[], &Value::Null),
        answer(302, &[("Location", "/x")], &Value::Null),
        answer(500, &[], &Value::Null),
        Play::Hangup,
    ];
    for other in others {
        let server = Server::start().await;
        server.forever(other, Duration::ZERO);
        let az = fake_az("exit 1");
        let mut settings = with_az(az.path());
        settings.loopback = Some(Url::parse(&server.base).unwrap());
        let credential = Credential::sign_in(CredentialKind::Auto, &settings).await.unwrap();
        let why = "`az` is installed; skipped `managed-identity` (no metadata service answers)";
        assert_eq!((credential.name(), credential.why()), ("azure-cli", why));
        assert_eq!(server.seen().len(), 1, "and is asked for no token");
    }
}

/// A folder with an `az` that runs the given lines, after noting that it was called.
#[cfg(unix)]
fn fake_az(lines: &str) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let az = folder.path().join("az");
    let calls = folder.path().join("calls");
    std::fs::write(&az, format!("#!/bin/sh\necho \"$@\" >> {}\n{lines}\n", calls.display())).unwrap();
    std::fs::set_permissions(&az, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn calls(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("calls")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[cfg(unix)]
fn with_az(folder: &Path) -> Settings {
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let mut settings = Settings::new(Cloud::Public, environment(&[("PATH", &path)]));
    // Nothing listens at port 9: no metadata service.
    settings.loopback = Some(Url::parse("http://127.0.0.1:9/").unwrap());
    settings
}

#[cfg(unix)]
#[tokio::test]
async fn the_azure_cli_is_asked_once_for_many_tasks_and_again_shortly_before_its_token_expires() {
    for (lifetime, asked) in [(3600, 1), (200, 12)] {
        let expires = in_seconds(lifetime);
        let az = fake_az(&format!(
            "echo '{{\"accessToken\": \"tok\", \"expires_on\": {expires}, \"tokenType\": \"Bearer\"}}'"
        ));
        let mut settings = with_az(az.path());
        settings.tenant = Some(TENANT.to_owned());
        let credential = Credential::sign_in(CredentialKind::Auto, &settings).await.unwrap();
        assert_eq!(credential.name(), "azure-cli");
        let tasks: Vec<_> = (0..12)
            .map(|_| {
                let credential = credential.clone();
                tokio::spawn(async move { credential.token(SCOPE).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().unwrap().expose(), "tok");
        }
        let calls = calls(az.path());
        assert_eq!(calls.len(), asked);
        assert_eq!(calls[0], format!("account get-access-token -o json --scope {SCOPE} --tenant {TENANT}"));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_signed_in_is_told_once_with_the_next_step() {
    let az = fake_az("sleep 0.2; echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
    let credential = Credential::sign_in(CredentialKind::AzureCli, &with_az(az.path())).await.unwrap();
    let tasks = (0..12).map(|_| credential.token(SCOPE));
    for answer in futures_util::future::join_all(tasks).await {
        let error = answer.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`azure-cli` returned no token: ERROR: Please run 'az login' to setup account"
        );
        assert!(error.hint().unwrap().starts_with("run `az login`"));
    }
    assert_eq!(calls(az.path()).len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_tool_that_hangs_is_given_up() {
    let az = fake_az("sleep 5");
    let mut settings = with_az(az.path());
    settings.tool_timeout = Duration::from_millis(100);
    let error = token(CredentialKind::AzureCli, &settings).await.unwrap_err();
    assert!(error.to_string().contains("did not answer within"), "{error}");
}

#[tokio::test]
async fn nothing_found_says_so() {
    let mut settings = Settings::new(Cloud::Public, environment(&[("PATH", "/nonexistent")]));
    settings.loopback = Some(Url::parse("http://127.0.0.1:9/").unwrap());
    let error = Credential::sign_in(CredentialKind::Auto, &settings).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no credential was found: the environment declares none; skipped `managed-identity` (no metadata service answers), \
         `azure-cli` (`az` is not on PATH), `azure-developer-cli` (`azd` is not on PATH)"
    );
    assert!(error.hint().unwrap().contains("az login"));
}

#[test]
fn a_token_from_a_variable_is_refused_for_azure() {
    let token = || Secret::new("tok");
    for cloud in Cloud::ALL {
        let error = Credential::from_variable(token(), &Endpoint::arm(*cloud)).unwrap_err();
        assert!(
            error.to_string().contains("`KEYLESS_TOKEN`") && !error.to_string().contains("tok`"),
            "{error}"
        );
    }
    assert!(
        Credential::from_variable(token(), &Endpoint::custom("https://management.azure.com/").unwrap())
            .is_err()
    );
    assert!(Credential::from_variable(token(), &Endpoint::custom("http://127.0.0.1:1").unwrap()).is_ok());
}

/// `azure_identity` reads some variables of the process itself, so this part runs in a process of its own.
#[tokio::test]
async fn a_pipelines_service_connection_is_exchanged() {
    let server =
        Server::playing([answer(200, &[], &json!({"oidcToken": "pipeline-token"})), entra("tok")]).await;
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["arm::signing::inside_a_pipeline", "--exact", "--ignored", "--nocapture"])
        .env("SYSTEM_OIDCREQUESTURI", format!("{}/oidc", server.base))
        .env("TEST_SERVER", &server.base)
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let seen = server.seen();
    assert_eq!(seen[0].target, "/oidc?api-version=7.1&serviceConnectionId=connection");
    assert_eq!(seen[0].header("authorization"), Some("Bearer system-token"));
    assert!(seen[1].body.contains("client_assertion=pipeline-token"), "{}", seen[1].body);
}

#[tokio::test]
#[ignore = "run by a_pipelines_service_connection_is_exchanged, in a process of its own"]
async fn inside_a_pipeline() {
    let Ok(base) = std::env::var("TEST_SERVER") else { return };
    let request_url = std::env::var("SYSTEM_OIDCREQUESTURI").unwrap();
    let variables = environment(&[
        ("SYSTEM_OIDCREQUESTURI", &request_url),
        ("SYSTEM_ACCESSTOKEN", "system-token"),
        ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "connection"),
        ("AZURESUBSCRIPTION_TENANT_ID", TENANT),
        ("AZURESUBSCRIPTION_CLIENT_ID", "app"),
    ]);
    let mut settings = Settings::new(Cloud::Public, variables);
    settings.loopback = Some(Url::parse(&base).unwrap());
    assert_eq!(token(CredentialKind::Auto, &settings).await.unwrap().expose(), "tok");
}
