//! Neither the token nor a signed address shows in logs, events, errors or debug output.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex};

use keyless::arm::auth::cloud::Cloud;
use keyless::arm::auth::{Credential, CredentialKind, Secret, Settings};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::server::{Server, answer};
use super::{TOKEN, Witness, client_with, options};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

/// A secret in the forms in which it could show.
fn forms(secret: &str) -> Vec<String> {
    let codes: Vec<String> = secret.bytes().map(|byte| byte.to_string()).collect();
    vec![secret.to_owned(), codes.join(", ")]
}

const CLIENT_SECRET: &str = "Q2xpZW50LXNlY3JldC10aGF0LW11c3Qtbm90LWxlYWs";
const REQUEST_TOKEN: &str = "UmVxdWVzdC10b2tlbi10aGF0LW11c3Qtbm90LWxlYWs";

/// Signs in with a secret, and with a job's token.
async fn sign_in(server: &Server) {
    let token = json!({"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN});
    let (entra, github) = (answer(200, &[], &token), answer(200, &[], &json!({"value": REQUEST_TOKEN})));
    server.then([entra.clone(), github, entra]);
    let url = format!("{}/github", server.base);
    let variables = [
        ("AZURE_TENANT_ID", "tenant"),
        ("AZURE_CLIENT_ID", "app"),
        ("AZURE_CLIENT_SECRET", CLIENT_SECRET),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", &url),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
    ];
    let environment =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut settings = Settings::new(Cloud::Public, environment);
    settings.loopback = Some(server.base.parse().unwrap());
    for kind in [CredentialKind::ClientSecret, CredentialKind::GithubOidc] {
        let credential = Credential::sign_in(kind, &settings).await.unwrap();
        assert_eq!(credential.token("https://management.azure.com/.default").await.unwrap().expose(), TOKEN);
    }
    let seen = server.seen();
    assert!(seen.iter().any(|seen| seen.body.contains(CLIENT_SECRET)), "the server got the secret");
    assert!(seen.iter().any(|seen| seen.head.contains(REQUEST_TOKEN)), "the server got the job's token");
}

#[test]
fn logs_events_and_errors_hold_no_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    // For the whole process: a subscriber of one thread misses events whose callsite another thread, which has none,
    // reached first.
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");
    let signature = "c2lnbmF0dXJlLXRoYXQtbXVzdC1ub3QtbGVhaw";
    let mut shown = String::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start().await;
        let poll = format!(
            "{}/op?api-version=1&t={signature}&c={signature}&s={signature}&h={signature}",
            server.base
        );
        server.then([
            answer(201, &[("Azure-AsyncOperation", &poll)], &Value::Null),
            answer(200, &[], &json!({"status": "Creating"})),
            answer(500, &[], &Value::Null),
            answer(403, &[], &json!({"error": {"code": "X", "message": "no"}})),
        ]);
        let witness = Arc::new(Witness::default());
        let client = client_with(&server.base, options(), witness.clone());
        let error = client.put("/x?api-version=1", &json!({})).await.unwrap_err();
        shown = format!("{error} {error:?} {client:?} {:?}", witness.seen.lock().unwrap());
        let seen = server.seen();
        assert_eq!(seen.len(), 4);
        assert!(seen.iter().all(|seen| seen.head.contains(TOKEN)), "the server got the token");
        assert!(seen[1].target.contains(signature), "the server got the signature");
        sign_in(&server).await;
    });
    let credential = Credential::fixed(Secret::new(TOKEN));
    write!(shown, "{credential:?}").unwrap();
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        logged.contains("answered")
            && logged.contains("typespec")
            && logged.contains("/op?api-version=1&t=REDACTED"),
        "{logged}"
    );
    for secret in [TOKEN, signature, CLIENT_SECRET, REQUEST_TOKEN].into_iter().flat_map(forms) {
        assert!(!logged.contains(&secret), "logged: {logged}");
        assert!(!shown.contains(&secret), "shown: {shown}");
    }
}
