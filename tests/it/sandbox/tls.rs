//! HTTPS: which certificates are taken, which hosts they let in.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::path::Path;

use keyless::sandbox::{Error, Options, Sandbox, Tls};
use serde_json::json;

use super::client::{API, Client, account, answer, body, http_builder};

/// Writes a certificate for some names, and gives it to trust.
fn certificate(folder: &Path, names: &[&str]) -> (Tls, reqwest::Certificate) {
    let made =
        rcgen::generate_simple_self_signed(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let made = made.unwrap();
    let tls = Tls { cert: folder.join("cert.pem"), key: folder.join("key.pem") };
    std::fs::write(&tls.cert, made.cert.pem()).unwrap();
    std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
    (tls, reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap())
}

async fn client(names: &[&str]) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let (tls, trusted) = certificate(folder.path(), names);
    let sandbox = Sandbox::start(Options { tls: Some(tls), ..Options::default() }).await.unwrap();
    let http = http_builder().tls_certs_only([trusted]).build().unwrap();
    Client::with(sandbox, http)
}

#[tokio::test]
async fn https_is_served_and_links_are_https() {
    let client = client(&["localhost", "127.0.0.1"]).await;
    assert!(client.sandbox.url().starts_with("https://127.0.0.1:"), "{}", client.sandbox.url());
    let made = client.put(&format!("{}?{API}", account("chat")), body("AIServices", json!({}))).await;
    let poll = made.header("azure-asyncoperation").unwrap();
    assert!(poll.starts_with(client.sandbox.url()), "{poll}");
    assert_eq!(client.get(poll).await.body["status"], "Succeeded");
}

#[tokio::test]
async fn the_url_is_one_that_the_certificate_covers() {
    let client = client(&["localhost"]).await;
    assert!(client.sandbox.url().starts_with("https://localhost:"), "{}", client.sandbox.url());
    assert_eq!(client.get("/subscriptions?api-version=2022-12-01").await.status, 200);
}

#[tokio::test]
async fn hosts_of_the_certificate_are_let_in_and_no_others() {
    let client = client(&["localhost", "127.0.0.1", "arm.sandbox.test"]).await;
    for (host, status) in [("arm.sandbox.test", 200), ("other.sandbox.test", 403), ("sandbox.test", 403)] {
        let list = "/subscriptions?api-version=2022-12-01";
        let request = client.raw("GET", list).bearer_auth("any").header("host", host);
        assert_eq!(answer(request).await.status, status, "{host}");
    }
}

#[tokio::test]
async fn a_client_that_never_finishes_its_handshake_holds_nobody_up() {
    let client = client(&["localhost", "127.0.0.1"]).await;
    let address = client.sandbox.url().trim_start_matches("https://").to_owned();
    let _silent = tokio::net::TcpStream::connect(&address).await.unwrap();
    assert_eq!(client.get("/subscriptions?api-version=2022-12-01").await.status, 200);
}

#[tokio::test]
async fn files_that_are_no_certificate_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let (good, _) = certificate(folder.path(), &["localhost"]);
    let absent = folder.path().join("absent.pem");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no PEM\n").unwrap();
    let start = async |cert: &Path, key: &Path| {
        let tls = Tls { cert: cert.to_owned(), key: key.to_owned() };
        Sandbox::start(Options { tls: Some(tls), ..Options::default() }).await
    };
    assert!(matches!(start(&absent, &good.key).await, Err(Error::Pem { path, .. }) if path == absent));
    assert!(matches!(start(&good.cert, &empty).await, Err(Error::Pem { path, .. }) if path == empty));
    assert!(matches!(start(&empty, &good.key).await, Err(Error::Certificate { .. })));
    let other = tempfile::tempdir().unwrap();
    let (other, _) = certificate(other.path(), &["localhost"]);
    assert!(matches!(start(&good.cert, &other.key).await, Err(Error::Certificate { .. })), "another's key");
}
