//! The token goes to ARM and nowhere else: hostile addresses in every place where an answer may put one.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use keyless::arm::auth::cloud::Cloud;
use keyless::arm::auth::{Credential, CredentialKind, Settings};
use keyless::arm::{Effect, ErrorKind as Failure};
use serde_json::{Value, json};

use super::client;
use super::server::{Server, answer};
use crate::common::few;

const PATH: &str = "/subscriptions/s/resourceGroups/g?api-version=1";

/// A listener that must get no connection.
struct Untouched(TcpListener);

impl Untouched {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// The kernel keeps connections until they are accepted: none waits, so none was made.
    fn check(&self, name: &str) {
        let error = self.0.accept().expect_err(name);
        assert_eq!(error.kind(), ErrorKind::WouldBlock, "{name}");
    }
}

/// The eight hostile forms; `arm` is `127.0.0.1:PORT`.
fn hostile(arm: &str, other: u16) -> Vec<(&'static str, String)> {
    vec![
        ("a different host", format!("http://localhost:{other}/x?t=secret")),
        ("a different scheme", format!("https://{arm}/x?t=secret")),
        ("ARM as the user name", format!("http://{arm}@127.0.0.1:{other}/x?t=secret")),
        ("ARM as the start of a host", format!("http://127.0.0.1.localhost:{other}/x?t=secret")),
        ("without a scheme", format!("//127.0.0.1:{other}/x?t=secret")),
        ("a different port", format!("http://127.0.0.1:{other}/x?t=secret")),
        ("upper case", format!("HTTP://LOCALHOST:{other}/x?t=secret")),
        ("a path with `..` or invalid characters", format!("http://{arm}/a/../../b?t=secret")),
    ]
}

/// How an answer leads to an address.
type Trap = fn(&str) -> (u16, Vec<(&'static str, String)>, Value);

const TRAPS: &[(&str, &str, Trap)] = &[
    ("GET", "nextLink", |url| (200, vec![], json!({"value": [], "nextLink": url}))),
    ("GET", "@odata.nextLink", |url| (200, vec![], json!({"value": [], "@odata.nextLink": url}))),
    ("PUT", "Location", |url| (202, vec![("Location", url.to_owned())], Value::Null)),
    ("PUT", "Azure-AsyncOperation", |url| (201, vec![("Azure-AsyncOperation", url.to_owned())], Value::Null)),
    ("GET", "redirect", |url| (307, vec![("Location", url.to_owned())], Value::Null)),
    ("PUT", "redirect", |url| (308, vec![("Location", url.to_owned())], Value::Null)),
];

#[tokio::test]
async fn no_hostile_address_gets_a_connection() {
    for (method, place, trap) in TRAPS {
        let other = Untouched::listen();
        let server = Server::start().await;
        let arm = server.base.trim_start_matches("http://").to_owned();
        for (index, (form, url)) in hostile(&arm, other.port()).into_iter().enumerate() {
            let name = format!("{place}: {form}");
            let (status, headers, body) = trap(&url);
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(key, value)| (*key, value.as_str())).collect();
            server.then([answer(status, &headers, &body)]);
            let client = client(&server.base);
            let error = match *method {
                "GET" => client.list(PATH, |item| item).await.map(|_| ()).unwrap_err(),
                _ => client.put(PATH, &json!({})).await.map(|_| ()).unwrap_err(),
            };
            assert_eq!(error.kind, Failure::Origin, "{name}: {error}");
            assert!(!error.to_string().contains("secret"), "{name}: {error}");
            assert!(!format!("{error:?}").contains("secret"), "{name}: {error:?}");
            let accepted = *method == "PUT" && *place != "redirect";
            assert_eq!(error.effect == Effect::Accepted, accepted, "{name}");
            assert_eq!(server.seen().len(), index + 1, "{name}: ARM itself was asked again");
            other.check(&name);
        }
    }
}

#[tokio::test]
async fn an_address_below_arms_origin_is_followed() {
    // Without this, the test above would also pass on a client that follows nothing.
    let server = Server::start().await;
    let link = format!("{}/next?t=1&s=%2b", server.base);
    server.then([
        answer(200, &[], &json!({"value": [1], "nextLink": link})),
        answer(200, &[], &json!({"value": [2]})),
        answer(202, &[("Location", &link)], &Value::Null),
        answer(200, &[], &Value::Null),
        answer(200, &[], &json!({"name": "a"})),
    ]);
    let client = client(&server.base);
    assert_eq!(client.list(PATH, |item| item).await.unwrap(), [json!(1), json!(2)]);
    assert_eq!(client.put(PATH, &json!({})).await.unwrap().body, json!({"name": "a"}));
    let seen = server.seen();
    for poll in [&seen[1], &seen[3]] {
        assert_eq!(poll.target, "/next?t=1&s=%2b", "verbatim");
        assert!(poll.header("authorization").is_some());
    }
}

/// The environment variables.
type Variables = &'static [(&'static str, &'static str)];

/// The places of signing in that are asked with a secret or for one, each by a credential that does.
const SIGNING: &[(CredentialKind, &str, Variables)] = &[
    (CredentialKind::ClientSecret, "the token endpoint", &[("AZURE_CLIENT_SECRET", "s3cret-of-the-test")]),
    (
        CredentialKind::GithubOidc,
        "GitHub",
        &[
            ("ACTIONS_ID_TOKEN_REQUEST_URL", "SERVER/job"),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "s3cret-of-the-test"),
        ],
    ),
    (CredentialKind::ManagedIdentity, "the metadata service", &[]),
];

#[tokio::test]
async fn no_redirect_of_a_sign_in_gets_a_connection() {
    for (kind, place, variables) in SIGNING {
        let other = Untouched::listen();
        let server = Server::start().await;
        let host = server.base.trim_start_matches("http://").to_owned();
        for (form, url) in hostile(&host, other.port()) {
            for status in few(1, [302, 307, 308]) {
                let name = format!("{place}: {status} to {form}");
                server.forever(answer(status, &[("Location", &url)], &Value::Null), Duration::ZERO);
                let common = [("AZURE_TENANT_ID", "tenant"), ("AZURE_CLIENT_ID", "app")];
                let all = common.iter().chain(*variables);
                let environment = all
                    .map(|(name, value)| ((*name).to_owned(), value.replace("SERVER", &server.base)))
                    .collect();
                let mut settings = Settings::new(Cloud::Public, environment);
                settings.loopback = Some(server.base.parse().unwrap());
                let before = server.seen().len();
                let credential = Credential::sign_in(*kind, &settings).await.unwrap();
                let error = credential.token("https://management.azure.com/.default").await.unwrap_err();
                let text = error.to_string();
                assert!(text.contains(&format!("answered {status}")), "{name}: {text}");
                assert!(!text.contains("t=secret") && !text.contains("s3cret-of-the-test"), "{name}: {text}");
                assert!(server.seen().len() > before, "{name}: it was asked");
                assert!(server.seen().iter().all(|seen| !seen.target.starts_with("/x")), "{name}");
                other.check(&name);
            }
        }
    }
}
