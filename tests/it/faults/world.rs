//! A sandbox, the proxy in front of it, and keyless as a process that can be killed and interrupted.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use keyless::sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use super::proxy::{Held, Proxy};
use crate::common::{Folder, Run, SUB, account, assignment, role};

/// Longer than anything here takes, so that a hang is a failure and not a hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// Azure as these tests have it.
pub(super) struct World {
    // Before the runtime: a sandbox is dropped while its runtime lives.
    sandbox: Sandbox,
    pub(super) proxy: Arc<Proxy>,
    url: String,
    http: reqwest::Client,
    held: Receiver<Held>,
    runtime: tokio::runtime::Runtime,
}

impl World {
    pub(super) fn start() -> Self {
        Self::with(Options::default())
    }

    pub(super) fn with(options: Options) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (send, held) = channel();
        let (sandbox, proxy, url, http) = runtime.block_on(async {
            let _ = rustls::crypto::ring::default_provider().install_default();
            let sandbox = Sandbox::start(options).await.unwrap();
            let http = reqwest::Client::builder()
                .no_proxy()
                // Reading the certificates of the system takes longer than many a test.
                .tls_certs_only([])
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap();
            let (proxy, url) = Proxy::start(sandbox.url(), SUB, http.clone(), send).await;
            (sandbox, proxy, url, http)
        });
        Self { sandbox, proxy, url, http, held, runtime }
    }

    /// Empties the sandbox and lets everything pass again.
    pub(super) fn reset(&self) {
        self.proxy.reset();
        while self.held.try_recv().is_ok() {}
        self.must("POST", "/_sandbox/reset", None);
    }

    /// A folder whose runs go through the proxy.
    pub(super) fn folder(&self) -> Folder {
        Folder::at(&self.url)
    }

    /// The next exchange that is held.
    #[track_caller]
    pub(super) fn held(&self) -> Held {
        self.held.recv_timeout(PATIENCE).expect("a request is held")
    }

    /// The next exchange that is held, or nothing if the process ends before.
    pub(super) fn held_by(&self, going: &mut Going) -> Option<Held> {
        let start = Instant::now();
        loop {
            if let Ok(held) = self.held.recv_timeout(Duration::from_millis(5)) {
                return Some(held);
            }
            if going.has_ended() {
                return self.held.try_recv().ok();
            }
            assert!(start.elapsed() < PATIENCE, "neither held nor ended");
        }
    }

    /// Waits until all connections are closed.
    pub(super) fn settle(&self) {
        let start = Instant::now();
        while !self.proxy.is_idle() {
            assert!(start.elapsed() < PATIENCE, "a connection stays open");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Sends something behind keyless's back; the api-version is filled in.
    pub(super) fn send(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let version = if path.contains("Microsoft.Authorization") { "2022-04-01" } else { "2025-06-01" };
        let url = format!("{}{path}?api-version={version}", self.sandbox.url());
        let mut request = self.http.request(method.parse().unwrap(), url).bearer_auth("someone");
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
        })
    }

    #[track_caller]
    fn must(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let start = Instant::now();
        loop {
            let (status, answer) = self.send(method, path, body.clone());
            if status < 300 {
                return answer;
            }
            // By hand one waits until an operation is over.
            let busy = answer["error"]["code"] == "AccountProvisioningStateInvalid";
            assert!(busy && start.elapsed() < PATIENCE, "{method} {path}: {status} {answer}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    pub(super) fn get(&self, path: &str) -> Value {
        self.must("GET", path, None)
    }

    #[track_caller]
    pub(super) fn patch(&self, path: &str, body: Value) -> Value {
        self.must("PATCH", path, Some(body))
    }

    #[track_caller]
    pub(super) fn delete(&self, path: &str) {
        self.must("DELETE", path, None);
    }

    /// Makes an account by hand.
    #[track_caller]
    pub(super) fn account(&self, name: &str, tags: Value, properties: Value) {
        let body = json!({
            "location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"},
            "identity": {"type": "SystemAssigned"}, "tags": tags, "properties": properties,
        });
        self.must("PUT", &account(name), Some(body));
    }

    /// Makes a role assignment by hand.
    #[track_caller]
    pub(super) fn grant(&self, scope: &str, name: &str, guid: &str, principal: &str, description: &str) {
        let properties = json!({
            "roleDefinitionId": role(guid), "principalId": principal, "principalType": "User", "description": description,
        });
        self.must("PUT", &assignment(scope, name), Some(json!({ "properties": properties })));
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let body = self.get(&format!("/subscriptions/{SUB}/providers/{path}"));
        body["value"].as_array().unwrap().clone()
    }

    /// Everything that lives, without what differs between two histories that end alike.
    pub(super) fn state(&self) -> Value {
        let mut state = json!({
            "accounts": self.list("Microsoft.CognitiveServices/accounts"),
            "deleted": self.list("Microsoft.CognitiveServices/deletedAccounts"),
            "grants": self.list("Microsoft.Authorization/roleAssignments"),
        });
        forget_volatile(&mut state);
        state
    }

    /// The state once no operation is under way.
    pub(super) fn settled_state(&self) -> Value {
        let start = Instant::now();
        loop {
            let state = self.state();
            let under_way = |body: &Value| body["properties"]["provisioningState"] != "Succeeded";
            if !state["accounts"].as_array().unwrap().iter().any(under_way) {
                return state;
            }
            assert!(start.elapsed() < PATIENCE, "an operation does not end: {state}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Principals that have a role exactly at a scope, sorted.
    pub(super) fn principals(&self, scope: &str) -> Vec<String> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let grants = self.list("Microsoft.Authorization/roleAssignments");
        let here =
            grants.iter().filter(|body| text(&body["properties"]["scope"]).eq_ignore_ascii_case(scope));
        let mut all: Vec<String> = here.map(|body| text(&body["properties"]["principalId"])).collect();
        all.sort();
        all
    }
}

fn forget_volatile(value: &mut Value) {
    const VOLATILE: [&str; 13] = [
        "etag",
        "systemData",
        "createdOn",
        "createdBy",
        "updatedOn",
        "updatedBy",
        "dateCreated",
        "internalId",
        "deletionDate",
        "scheduledPurgeDate",
        "callRateLimit",
        "capabilities",
        "endpoints",
    ];
    match value {
        Value::Object(map) => {
            map.retain(|name, _| !VOLATILE.contains(&name.as_str()));
            map.values_mut().for_each(forget_volatile);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_volatile),
        _ => {}
    }
}

/// keyless at work.
pub(super) struct Going {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    _dir: tempfile::TempDir,
}

impl Going {
    /// Starts it with output to files, so that it never waits for a reader.
    pub(super) fn start(folder: &Folder, arguments: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (out, err) = (dir.path().join("out"), dir.path().join("err"));
        let child = folder
            .command(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        Self { child, out, err, _dir: dir }
    }

    /// The same, started by another program that takes its place.
    pub(super) fn under(folder: &Folder, starter: &str, arguments: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (out, err) = (dir.path().join("out"), dir.path().join("err"));
        let keyless = folder.command(arguments.split_whitespace());
        let mut command = Command::new(starter);
        command.arg(keyless.get_program()).args(keyless.get_args()).current_dir(folder.path());
        command.envs(keyless.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        Self { child, out, err, _dir: dir }
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// SIGKILL.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGINT, once; returns when keyless has said that it heard.
    pub(super) fn interrupt(&self) {
        self.signal("INT");
        self.complains("interrupted: ");
    }

    /// A signal, by its name.
    pub(super) fn signal(&self, name: &str) {
        let line = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }

    /// Waits for words on stderr.
    #[track_caller]
    pub(super) fn complains(&self, words: &str) {
        let start = Instant::now();
        loop {
            let said = std::fs::read_to_string(&self.err).unwrap();
            if said.contains(words) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "`{words}` does not come on stderr:\n{said}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(super) fn end(mut self) -> Run {
        let start = Instant::now();
        while !self.has_ended() {
            if start.elapsed() > PATIENCE {
                let said = std::fs::read_to_string(&self.err).unwrap();
                self.kill();
                panic!("keyless does not end:\n{said}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let code = self.child.wait().unwrap().code().expect("keyless ends by itself, not by a signal");
        let read = |path| std::fs::read_to_string(path).expect("keyless prints UTF-8");
        let run = Run { code, stdout: read(&self.out), stderr: read(&self.err) };
        assert!(!run.stderr.contains("panicked at"), "{run}");
        run
    }
}
