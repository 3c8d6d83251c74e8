//! Each credential signs in, and the sandbox's Entra, ARM and Graph take its tokens for those of the right application.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{APP, federated, folder};
use crate::arm::server::{Server, answer};
use crate::common::cloud::{ARM, Cloud, ENTRA, GRAPH, TENANT};
use crate::common::{ALICE, Folder};

const ISSUER: &str = "https://token.test";
const FAR: i64 = 4_000_000_000;

/// A cloud that knows the application, which may read, and what it may present.
fn cloud(more: serde_json::Value) -> Cloud {
    let cloud = Cloud::start();
    cloud.application("pipeline", APP, more, Some("Reader"));
    cloud.know("users", &json!([{"id": ALICE, "userPrincipalName": "alice@contoso.com"}]));
    cloud
}

/// A plan by that credential finds what there is to do, which it can only with tokens for ARM and Graph.
#[track_caller]
fn plans(folder: &Folder, credential: &str, why: &str) {
    let arguments = if why.starts_with("it was asked for") {
        format!("plan --detailed-exitcode --credential {credential}")
    } else {
        String::from("plan --detailed-exitcode")
    };
    folder
        .keyless(&arguments)
        .exits(2)
        .says(&["account chat", "2 to create", "Target: Azure (public)"])
        .complains(&[&format!("signing in with {credential}: {why}")]);
}

const ASKED: &str = "it was asked for";

#[test]
fn a_client_secret_signs_in() {
    let cloud = cloud(json!({"secret": "s3cret-of-the-test"}));
    let folder = folder(&cloud, &[("AZURE_CLIENT_SECRET", "s3cret-of-the-test")]);
    plans(&folder, "client-secret", ASKED);
    plans(&folder, "client-secret", "`AZURE_CLIENT_SECRET` is set");
}

/// Makes an RSA key and a certificate of it in one PEM file; nothing without `openssl`, because `ring` makes no such keys.
fn certificate(folder: &Path, name: &str) -> Option<(PathBuf, String)> {
    let key = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        .output();
    let Some(key) = key.ok().filter(|made| made.status.success()) else {
        crate::common::skipped("certificates: there is no `openssl` to make an RSA key with");
        return None;
    };
    let key = String::from_utf8(key.stdout).unwrap();
    let pair = rcgen::KeyPair::from_pem(&key).unwrap();
    let made =
        rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&pair).unwrap().pem();
    let file = folder.join(name);
    std::fs::write(&file, format!("{made}{key}")).unwrap();
    Some((file, made))
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_client_certificate_signs_in_and_another_one_does_not() {
    let files = tempfile::tempdir().unwrap();
    let Some((right, pem)) = certificate(files.path(), "right.pem") else { return };
    let Some((wrong, _)) = certificate(files.path(), "wrong.pem") else { return };
    let cloud = cloud(json!({"certificate": pem}));
    let with = |file: &Path| folder(&cloud, &[("AZURE_CLIENT_CERTIFICATE_PATH", file.to_str().unwrap())]);
    plans(&with(&right), "client-certificate", ASKED);
    plans(&with(&right), "client-certificate", "`AZURE_CLIENT_CERTIFICATE_PATH` is set");
    with(&wrong).keyless("plan --credential client-certificate").exits(1).complains(&[
        "`client-certificate` returned no token: AADSTS700027: ",
        "help: the application does not have this certificate",
    ]);
    // Key and certificate of two pairs.
    let key = std::fs::read_to_string(&wrong).unwrap();
    let mixed = files.path().join("mixed.pem");
    std::fs::write(&mixed, format!("{pem}{}", &key[key.find("-----BEGIN PRIVATE").unwrap()..])).unwrap();
    with(&mixed).keyless("plan --credential client-certificate").exits(1).complains(&[
        &format!(
            "could not use `client-certificate`: `{}` contains no certificate for its private key",
            mixed.display()
        ),
        "help: put the private key and the certificate into one PEM file",
    ]);
    assert!(cloud.take_asked().iter().all(|host| [ENTRA, ARM, GRAPH].contains(&host.as_str())));
}

#[test]
fn a_workload_identity_signs_in() {
    let cloud = cloud(json!({"federatedCredentials": [{"issuer": ISSUER, "subject": "pod"}]}));
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("token");
    std::fs::write(&file, federated(ISSUER, "pod", FAR)).unwrap();
    let folder = folder(&cloud, &[("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap())]);
    plans(&folder, "workload-identity", ASKED);
    plans(&folder, "workload-identity", "`AZURE_FEDERATED_TOKEN_FILE` is set");
}

#[test]
fn a_github_job_signs_in() {
    let cloud =
        cloud(json!({"federatedCredentials": [{"issuer": ISSUER, "subject": "repo:a/b:environment:prod"}]}));
    let (github, _runtime) = Server::beside();
    let token = json!({"value": federated(ISSUER, "repo:a/b:environment:prod", FAR)});
    github.forever(answer(200, &[], &token), std::time::Duration::ZERO);
    let url = format!("{}/job?x=1", github.base);
    let folder = folder(
        &cloud,
        &[("ACTIONS_ID_TOKEN_REQUEST_URL", &url), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "the-job's-own")],
    );
    plans(&folder, "github-oidc", ASKED);
    plans(&folder, "github-oidc", "`ACTIONS_ID_TOKEN_REQUEST_URL` is set");
    assert!(github.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer the-job's-own")));
}

#[test]
fn a_service_connection_of_azure_pipelines_signs_in() {
    let cloud = cloud(
        json!({"federatedCredentials": [{"issuer": ISSUER, "subject": "sc://org/project/connection"}]}),
    );
    let (pipelines, _runtime) = Server::beside();
    let token = json!({"oidcToken": federated(ISSUER, "sc://org/project/connection", FAR)});
    pipelines.forever(answer(200, &[], &token), std::time::Duration::ZERO);
    let url = format!("{}/oidc", pipelines.base);
    let folder = cloud.folder(&[
        ("SYSTEM_OIDCREQUESTURI", &url),
        ("SYSTEM_ACCESSTOKEN", "system's"),
        ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "connection"),
        ("AZURESUBSCRIPTION_TENANT_ID", TENANT),
        ("AZURESUBSCRIPTION_CLIENT_ID", APP),
    ]);
    super::write_spec(&folder);
    plans(&folder, "azure-pipelines", ASKED);
    plans(&folder, "azure-pipelines", "`SYSTEM_OIDCREQUESTURI` is set");
    assert!(pipelines.seen().iter().all(|seen| seen.header("authorization") == Some("Bearer system's")));
}

#[test]
fn a_managed_identity_signs_in() {
    let cloud = Cloud::start();
    let id =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/plans";
    let made = cloud.know("servicePrincipals", &json!([{"displayName": "plans", "managedIdentity": id}]));
    cloud.grant(made["principals"][0]["id"].as_str().unwrap(), "Reader");
    cloud.know("users", &json!([{"id": ALICE, "userPrincipalName": "alice@contoso.com"}]));
    let endpoint = format!("{}/msi/token", cloud.url());
    let folder = cloud.folder(&[
        ("AZURE_CLIENT_ID", made["principals"][0]["appId"].as_str().unwrap()),
        ("IDENTITY_ENDPOINT", &endpoint),
        ("IDENTITY_HEADER", "header's"),
    ]);
    super::write_spec(&folder);
    plans(&folder, "managed-identity", ASKED);
    plans(&folder, "managed-identity", "`IDENTITY_ENDPOINT` is set");
}

#[cfg(unix)]
#[test]
fn whoever_is_signed_in_to_a_developer_tool_signs_in() {
    let cloud = cloud(json!({"secret": "s3cret-of-the-test"}));
    for (credential, name) in [("azure-cli", "az"), ("azure-developer-cli", "azd")] {
        let tools = super::tool(&cloud, name, "");
        let path = format!("{}:/usr/bin:/bin", tools.path().display());
        let folder = cloud.folder(&[("PATH", &path)]);
        super::write_spec(&folder);
        plans(&folder, credential, ASKED);
        let calls = std::fs::read_to_string(tools.path().join("calls")).unwrap();
        let mut calls: Vec<&str> = calls.lines().collect();
        calls.sort_unstable();
        assert_eq!(calls.len(), 2, "one token for ARM, one for Graph, however many requests: {calls:?}");
    }
}
