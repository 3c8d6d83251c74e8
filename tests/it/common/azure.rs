//! A sandbox behind a wire: the binary talks to the wire, which writes down every request, passes it on, and can spoil answers.
//!
//! The wire belongs to the tests, not to the sandbox: what was sent is seen by someone who did not have to understand it. What the test itself
//! does behind keyless's back goes to the sandbox directly and is not seen.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use futures_util::{StreamExt as _, stream};
use keyless::sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use super::{Folder, account, assignment, every_row, role};

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    /// What the answer's status was.
    pub(crate) status: u16,
    /// How many of its kind, by the end of the path, were without an answer when it came, with itself.
    pub(crate) at_once: usize,
}

impl Seen {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub(crate) fn only_asks(&self) -> bool {
        only_asks(self.path())
    }
}

/// Whether a POST to this path changes nothing: a batch to Graph, and what ARM is asked before a write.
pub(crate) fn only_asks(path: &str) -> bool {
    let questions = ["/$batch", "/checkDomainAvailability", "/checkPolicyRestrictions", "/logs"];
    questions.iter().any(|end| path.ends_with(end))
}

/// How to spoil an answer.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Another answer; the sandbox sees nothing of the request.
    Answer(u16, &'static str, String),
    /// ARM's refusal, with a header.
    Header(&'static str, &'static str),
    /// The connection breaks in the middle of the body.
    CutOff,
    /// The sandbox's own answer, its JSON edited.
    Edit(fn(&mut Value)),
}

impl Fault {
    /// ARM's error envelope.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({"error": {"code": code, "message": message}});
        Fault::Answer(status, "application/json", body.to_string())
    }

    pub(crate) fn denied() -> Self {
        let message = "The client 'c' with object id 'o' does not have authorization to perform action 'x/read' over scope '/s'.";
        Self::error(403, "AuthorizationFailed", message)
    }
}

#[derive(Debug)]
struct Rule {
    method: &'static str,
    part: String,
    fault: Fault,
}

#[derive(Debug)]
struct Wire {
    sandbox: String,
    http: reqwest::Client,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
}

/// Azure as these tests have it.
pub(crate) struct Azure {
    // Before the runtime: a sandbox is dropped while its runtime lives.
    sandbox: Sandbox,
    url: String,
    wire: Arc<Wire>,
    runtime: tokio::runtime::Runtime,
}

/// An answer to the test itself.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Azure {
    /// An empty sandbox; its exchanges are kept for the contract check (tests/contract.sh), which takes every row.
    pub(crate) fn start() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options = Options { record: every_row().then(record), ..options };
        let (sandbox, url, wire) = runtime.block_on(async {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let sandbox = Sandbox::start(options).await.unwrap();
            let http = reqwest::Client::builder()
                .no_proxy()
                // Reading the certificates of the system takes longer than many a test.
                .tls_certs_only([])
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap();
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let wire = Arc::new(Wire {
                sandbox: sandbox.url().to_owned(),
                http,
                rules: Mutex::default(),
                seen: Mutex::default(),
            });
            let router = axum::Router::new().fallback(pass).with_state(Arc::clone(&wire));
            tokio::spawn(async move { axum::serve(listener, router).await });
            (sandbox, url, wire)
        });
        Self { sandbox, url, wire, runtime }
    }

    /// Goes on to the second hour of the day: in the first one, yesterday is not judged by its logs yet.
    pub(crate) fn leave_midnight(&self) {
        let clock = self.send("GET", "/_sandbox/clock", None).body;
        let now: jiff::Timestamp = clock["now"].as_str().unwrap().parse().unwrap();
        if now.as_second().rem_euclid(24 * 3600) < 3600 {
            let body = json!({"advanceSeconds": 3600});
            assert_eq!(self.send("POST", "/_sandbox/clock", Some(body)).status, 200);
        }
    }

    /// A folder whose runs go here.
    pub(crate) fn folder(&self) -> Folder {
        Folder::at(&self.url)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Spoils the answers to requests whose path and query hold `part`; the last rule that fits counts.
    pub(crate) fn spoil(&self, method: &'static str, part: &str, fault: Fault) {
        self.wire.rules.lock().unwrap().push(Rule { method, part: part.to_owned(), fault });
    }

    pub(crate) fn heal(&self) {
        self.wire.rules.lock().unwrap().clear();
    }

    /// What came over the wire since the last time.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.wire.seen.lock().unwrap())
    }

    /// Of that, the writes. A batch to Graph only asks, and so do ARM's checks.
    pub(crate) fn take_writes(&self) -> Vec<Seen> {
        let mut seen = self.take_seen();
        seen.retain(|seen| seen.method != "GET" && !seen.only_asks());
        seen
    }

    /// What the sandbox counted.
    pub(crate) fn stats(&self) -> Value {
        self.send("GET", "/_sandbox/stats", None).body
    }

    /// Reads and writes of ARM, as the sandbox counted them. Polls are reads.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let stats = self.stats();
        (stats["reads"].as_u64().unwrap(), stats["writes"].as_u64().unwrap())
    }

    /// Sends something behind keyless's back; the api-version is filled in.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send_as("someone", method, path, body)
    }

    /// The same with a token of one's own.
    pub(crate) fn send_as(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let version = if path.contains("Microsoft.Authorization/locks") {
            "2020-05-01"
        } else if path.contains("Microsoft.Authorization") {
            "2022-04-01"
        } else if path.contains("/raiPolicies/") {
            // Older versions lack members of content filters.
            "2026-05-01"
        } else if path.contains("/providers/") {
            "2025-06-01"
        } else {
            "2021-04-01"
        };
        let sign = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}{path}{sign}api-version={version}", self.sandbox.url());
        let mut request = self.wire.http.request(method.parse().unwrap(), url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            let text = response.text().await.unwrap();
            Answer { status, body: serde_json::from_str(&text).unwrap_or_default() }
        })
    }

    #[track_caller]
    fn must(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.send(method, path, body);
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer.body
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        self.must("GET", path, None)
    }

    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: Value) -> Value {
        self.must("PUT", path, Some(body))
    }

    #[track_caller]
    pub(crate) fn patch(&self, path: &str, body: Value) -> Value {
        self.must("PATCH", path, Some(body))
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) {
        self.must("DELETE", path, None);
    }

    /// Makes an account by hand.
    #[track_caller]
    pub(crate) fn make_account(&self, name: &str, properties: &Value) {
        let body = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "properties": properties});
        self.put(&account(name), body);
    }

    /// Makes a role assignment by hand.
    #[track_caller]
    pub(crate) fn grant(
        &self,
        scope: &str,
        name: &str,
        guid: &str,
        principal: &str,
        description: Option<&str>,
    ) {
        let mut properties =
            json!({"roleDefinitionId": role(guid), "principalId": principal, "principalType": "User"});
        if let Some(description) = description {
            properties["description"] = json!(description);
        }
        self.put(&assignment(scope, name), json!({ "properties": properties }));
    }

    /// The role assignments exactly at a scope.
    #[track_caller]
    pub(crate) fn grants_at(&self, scope: &str) -> Vec<Value> {
        let list = self.get(&format!("{scope}/providers/Microsoft.Authorization/roleAssignments"));
        let mut all = list["value"].as_array().unwrap().clone();
        all.retain(|body| body["properties"]["scope"].as_str().unwrap().eq_ignore_ascii_case(scope));
        all
    }
}

/// A file of its own for the exchanges of each sandbox, named after the test.
fn record() -> PathBuf {
    thread_local! { static COUNT: Cell<u32> = const { Cell::new(0) } }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("exchanges");
    std::fs::create_dir_all(&folder).unwrap();
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("unnamed").replace("::", ".");
    let file = folder.join(format!("{test}.{}.jsonl", COUNT.replace(COUNT.get() + 1)));
    let _ = std::fs::remove_file(&file);
    file
}

async fn pass(State(wire): State<Arc<Wire>>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let method = parts.method.to_string();
    let fault = {
        let rules = wire.rules.lock().unwrap();
        let fits = |rule: &&Rule| {
            (rule.method == "*" || rule.method == method)
                && target.to_lowercase().contains(&rule.part.to_lowercase())
        };
        rules.iter().rev().find(fits).map(|rule| rule.fault.clone())
    };
    let json = serde_json::from_slice(&body).unwrap_or_default();
    let index = {
        let mut seen = wire.seen.lock().unwrap();
        let mut now = Seen {
            method,
            target: target.clone(),
            headers: parts.headers.clone(),
            body: json,
            status: 0,
            at_once: 1,
        };
        let kind = |seen: &Seen| seen.path().rsplit('/').next().unwrap_or_default().to_owned();
        now.at_once += seen.iter().filter(|other| other.status == 0 && kind(other) == kind(&now)).count();
        seen.push(now);
        seen.len() - 1
    };
    let response = match fault {
        // No wait between attempts: a test asserts no timing.
        Some(Fault::Answer(status, kind, text)) => {
            answer(status, &[("content-type", kind), ("retry-after", "0")], text)
        }
        Some(Fault::Header(name, value)) => {
            let body = json!({"error": {"code": "AuthorizationFailed", "message": "no"}});
            answer(403, &[("content-type", "application/json"), (name, value)], body.to_string())
        }
        Some(Fault::CutOff) => {
            let start: Result<Bytes, std::io::Error> =
                Ok(Bytes::from_static(b"{\"value\": [{\"id\": \"/subs"));
            let end = async {
                // The head and the first bytes must have gone out, or it would be a connection without an answer.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(std::io::Error::other("cut off"))
            };
            let parts = stream::iter([start]).chain(stream::once(end));
            let mut response = Response::new(Body::from_stream(parts));
            response.headers_mut().insert("retry-after", "0".parse().unwrap());
            response
        }
        edit => {
            let url = format!("{}{target}", wire.sandbox);
            let mut headers = parts.headers.clone();
            headers.remove("accept-encoding");
            headers.remove("content-length");
            let sent = wire.http.request(parts.method, url).headers(headers).body(body).send().await;
            let Ok(sent) = sent else { return answer(502, &[], "the sandbox does not answer") };
            let (status, headers) = (sent.status(), sent.headers().clone());
            let mut text = sent.bytes().await.unwrap_or_default();
            if let Some(Fault::Edit(change)) = edit {
                let mut value = serde_json::from_slice(&text).unwrap_or_default();
                change(&mut value);
                text = value.to_string().into();
            }
            let mut response = Response::new(Body::from(text));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            response.headers_mut().remove("content-length");
            response.headers_mut().remove("transfer-encoding");
            response
        }
    };
    if let Some(seen) = wire.seen.lock().unwrap().get_mut(index) {
        seen.status = response.status().as_u16();
    }
    response
}

fn answer(status: u16, headers: &[(&'static str, &str)], text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status.try_into().unwrap();
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().unwrap());
    }
    response
}
