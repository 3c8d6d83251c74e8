//! Every way to fail to sign in ends in one message with a next step, within ten seconds, and ARM hears nothing of it.

use serde_json::json;

use super::{APP, federated, folder};
use crate::common::cloud::{Cloud, ENTRA, Line};
use crate::common::{Folder, Run};

const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "s3cret-of-the-test");

fn cloud() -> Cloud {
    let cloud = Cloud::start();
    let federation = json!([{"issuer": "https://token.test", "subject": "pod"}]);
    cloud.application("pipeline", APP, json!({"secret": SECRET.1, "federatedCredentials": federation}), None);
    cloud
}

/// Fails to sign in, and says so once.
#[track_caller]
fn fails(cloud: &Cloud, folder: &Folder, credential: &str, words: &[&str]) -> Run {
    cloud.take_asked();
    let run = folder.keyless(&format!("plan --credential {credential}")).exits(1);
    assert_eq!(run.stdout, "", "{run}");
    assert!(cloud.take_asked().iter().all(|host| host == ENTRA), "{run}");
    let count = |word: &str| run.stderr.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!((count("error: failed to sign in"), count("help: ")), (1, 1), "{run}");
    assert_eq!(run.stderr.lines().filter(|line| line.starts_with("error")).count(), 1, "{run}");
    assert!(!run.stderr.contains(SECRET.1), "{run}");
    run.complains(words)
}

#[test]
fn a_wrong_secret_an_unknown_application_and_an_expired_assertion_are_told_apart() {
    let cloud = cloud();
    fails(
        &cloud,
        &folder(&cloud, &[("AZURE_CLIENT_SECRET", "wrong-secret")]),
        "client-secret",
        &[
            "cause: `client-secret` returned no token: AADSTS7000215: Invalid client secret provided.",
            "help: the client secret is wrong: use its value, not its id",
        ],
    );
    let stranger = [SECRET, ("AZURE_CLIENT_ID", "0000bbbb-0000-4000-8000-000000000001")];
    fails(
        &cloud,
        &folder(&cloud, &stranger),
        "client-secret",
        &["AADSTS700016", "help: no such application"],
    );
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("token");
    std::fs::write(&file, federated("https://token.test", "pod", 1)).unwrap();
    let pod = [("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap())];
    fails(
        &cloud,
        &folder(&cloud, &pod),
        "workload-identity",
        &[
            "AADSTS700024",
            "help: the assertion is not valid at this time: renew the token that it is made from",
        ],
    );
    std::fs::write(&file, federated("https://token.test", "another pod", 4_000_000_000)).unwrap();
    fails(
        &cloud,
        &folder(&cloud, &pod),
        "workload-identity",
        &["AADSTS700213", "'another pod'", "add one for"],
    );
}

#[test]
fn a_tool_that_is_not_installed_and_a_variable_that_is_not_set_are_named() {
    let cloud = cloud();
    let bare = folder(&cloud, &[("PATH", "/nonexistent")]);
    fails(&cloud, &bare, "azure-cli", &["`azure-cli` returned no token: ", "help: run `az login`"]);
    for (credential, variable) in [
        ("client-secret", "AZURE_CLIENT_SECRET"),
        ("client-certificate", "AZURE_CLIENT_CERTIFICATE_PATH"),
        ("workload-identity", "AZURE_FEDERATED_TOKEN_FILE"),
        ("github-oidc", "ACTIONS_ID_TOKEN_REQUEST_URL"),
        ("azure-pipelines", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"),
    ] {
        fails(&cloud, &bare, credential, &[&format!("`{credential}` needs `{variable}`")]);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn an_authority_that_never_answers_is_given_up() {
    let cloud = cloud();
    cloud.line(ENTRA, Line::Silent);
    fails(
        &cloud,
        &folder(&cloud, &[SECRET]),
        "client-secret",
        &[
            "cause: `client-secret` returned no token: it did not answer within 8 s",
            "help: check the network and proxy between here and Entra ID",
        ],
    );
}

#[test]
fn an_authority_that_cannot_be_reached_or_believed_is_said_to_be_so() {
    let cloud = cloud();
    cloud.line(ENTRA, Line::Refused);
    fails(&cloud, &folder(&cloud, &[SECRET]), "client-secret", &["`client-secret` returned no token: "]);
    cloud.line(ENTRA, Line::Open);
    let files = tempfile::tempdir().unwrap();
    let other = files.path().join("other.pem");
    std::fs::write(&other, rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap().cert.pem())
        .unwrap();
    let distrustful = folder(&cloud, &[SECRET, ("SSL_CERT_FILE", other.to_str().unwrap())]);
    fails(&cloud, &distrustful, "client-secret", &["`client-secret` returned no token: ", "certificate"]);
    // As in an image without CA certificates.
    let bare = folder(&cloud, &[SECRET, ("SSL_CERT_FILE", "/nonexistent")]);
    fails(
        &cloud,
        &bare,
        "client-secret",
        &["cause: could not send requests: No CA certificates were loaded", "help: install CA certificates"],
    );
    let sandbox = bare.keyless("plan --sandbox --detailed-exitcode").exits(2);
    assert!(sandbox.stdout.contains("SANDBOX: nothing in Azure changed"), "{sandbox}");
}
