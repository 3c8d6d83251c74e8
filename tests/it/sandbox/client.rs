//! A sandbox and a plain HTTP client for it; what tests of the sandbox start from.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::sync::Arc;

use keyless::sandbox::{Options, Sandbox};
use serde_json::{Value, json};

pub(super) const SUB: &str = "22222222-2222-2222-2222-222222222222";
pub(super) const API: &str = "api-version=2025-06-01";
pub(super) const RBAC: &str = "api-version=2022-04-01";

/// Application that owns a strict sandbox.
const OWNER: &str = "44444444-4444-4444-4444-444444444444";

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn code(&self) -> (u16, &str) {
        (self.status, self.body["error"]["code"].as_str().unwrap_or_default())
    }

    pub(super) fn message(&self) -> &str {
        // The gateway before the models leaves out the envelope.
        let message = self.body["error"]["message"].as_str().or_else(|| self.body["message"].as_str());
        message.unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.body["value"].as_array().map_or(0, Vec::len)
    }
}

/// A running sandbox and who talks to it.
pub(super) struct Client {
    pub(super) sandbox: Arc<Sandbox>,
    http: reqwest::Client,
    token: String,
}

impl Client {
    pub(super) async fn start(options: Options) -> Self {
        Self::with(Sandbox::start(options).await.unwrap(), http())
    }

    /// Talks to a sandbox with a client of its own making, to one that serves TLS for example.
    pub(super) fn with(sandbox: Sandbox, http: reqwest::Client) -> Self {
        Self { sandbox: Arc::new(sandbox), http, token: String::from("any") }
    }

    /// A strict sandbox, whose directory knows one application: this client, who owns everything.
    pub(super) async fn strict(options: Options) -> Self {
        let client = Self::start(Options { strict: true, ..options }).await;
        let (app, id) = (OWNER, "33333333-4444-4444-4444-444444444444");
        let known =
            json!({"servicePrincipals": [{"displayName": "client", "id": id, "appId": app, "secret": "s"}]});
        assert_eq!(client.post("/_sandbox/directory", Some(known)).await.status, 200);
        let owner = json!({"roleAssignments": [{"scope": "/", "role": "Owner", "principalId": id}]});
        assert_eq!(client.post("/_sandbox/access", Some(owner)).await.status, 200);
        client.signed_in_again().await
    }

    /// The owner of a strict sandbox with a new token.
    pub(super) async fn signed_in_again(&self) -> Self {
        self.signed_in_as(OWNER, "s").await
    }

    /// An application that talks to the same sandbox.
    pub(super) async fn signed_in_as(&self, app: &str, secret: &str) -> Self {
        let token = self.token_for(app, secret, self.sandbox.url()).await;
        Self { sandbox: Arc::clone(&self.sandbox), http: self.http.clone(), token }
    }

    /// What Entra gives an application for a service.
    pub(super) async fn token_for(&self, app: &str, secret: &str, service: &str) -> String {
        let scope = format!("{service}/.default");
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", app),
            ("client_secret", secret),
            ("scope", &scope),
        ];
        let token = answer(form(self.raw("POST", "/common/oauth2/v2.0/token"), &fields)).await;
        token.body["access_token"].as_str().unwrap().to_owned()
    }

    /// Ends the sandbox; nobody else may talk to it any more.
    pub(super) async fn stop(self) {
        Arc::into_inner(self.sandbox).unwrap().stop().await;
    }

    pub(super) async fn new() -> Self {
        Self::start(Options::default()).await
    }

    /// Sends a request; `path` is a path of the sandbox or a URL that it gave.
    pub(super) async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.sandbox.url()) };
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body)).await
    }

    pub(super) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Option<Value>) -> Answer {
        self.send("POST", path, body).await
    }

    /// The same client with another token.
    pub(super) async fn post_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        answer(self.raw("POST", path).bearer_auth(token).json(body)).await
    }

    pub(super) async fn get_as(&self, token: &str, path: &str) -> Answer {
        answer(self.raw("GET", path).bearer_auth(token)).await
    }

    /// A bare request builder, for headers that `send` does not send.
    pub(super) fn raw(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().unwrap(), format!("{}{path}", self.sandbox.url()))
    }
}

pub(super) fn http() -> reqwest::Client {
    // Reading the certificates of the system takes longer than many a test.
    http_builder().tls_certs_only([]).build().unwrap()
}

pub(super) fn http_builder() -> reqwest::ClientBuilder {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none())
}

pub(super) async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
    Answer { status, headers, body }
}

/// A form, as Entra takes it.
pub(super) fn form(request: reqwest::RequestBuilder, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(text)
}

/// Path of an account, without a query.
pub(super) fn account(name: &str) -> String {
    format!("/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/{name}")
}

/// Body of an account of some kind.
pub(super) fn body(kind: &str, properties: Value) -> Value {
    let mut body = serde_json::json!({"location": "eastus2", "kind": kind, "sku": {"name": "S0"}});
    body["properties"] = properties;
    body
}
