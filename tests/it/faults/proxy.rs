//! A reverse proxy between keyless and the sandbox: it can hold, replace, drop and truncate each exchange, and it keeps a log of all.
//!
//! Speaks HTTP/1.1 on plain sockets, because a server library cannot close a connection without an answer. The `Host` that keyless
//! sent is passed on, so that the addresses in the sandbox's answers (`nextLink`, `Azure-AsyncOperation`) lead here again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::common::azure::only_asks;

/// A request and its outcome.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Its number since the last reset.
    pub(super) index: usize,
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) body: Value,
    /// The sandbox's status; 0 if the request did not reach it.
    pub(super) effect: u16,
    /// What keyless was answered; 0 if nothing.
    pub(super) status: u16,
}

impl Seen {
    pub(super) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub(super) fn is_write(&self) -> bool {
        self.method != "GET" && !only_asks(self.path())
    }

    /// Whether the path ends like this, in any casing.
    pub(super) fn ends(&self, end: &str) -> bool {
        self.path().to_lowercase().ends_with(&end.to_lowercase())
    }

    pub(super) fn holds(&self, part: &str) -> bool {
        self.target.to_lowercase().contains(&part.to_lowercase())
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// ARM's error envelope, which may be tried again at once.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"error": {"code": code, "message": message}})).with("retry-after", "0")
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self { status, headers, body: body.to_string().into_bytes() }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }
}

/// What to do with an exchange.
#[derive(Clone)]
pub(super) enum Act {
    Pass,
    /// Held until the test lets go; the sandbox has not seen it.
    HoldBefore,
    /// Held until the test lets go; the sandbox has carried it out.
    HoldAfter,
    /// Another answer; the request does not reach the sandbox.
    Answer(Reply),
    /// Another answer; the sandbox has carried it out.
    AnswerAfter(Reply),
    /// The sandbox's answer with a header more.
    Tell(&'static str, String),
    /// The connection closes; the sandbox sees nothing.
    DropBefore,
    /// The connection closes; the sandbox has carried it out.
    DropAfter,
    /// The connection closes in the middle of the answer's body.
    Truncate,
}

/// An exchange that waits for the test. Dropped, it ends without an answer, and without effect if it had none yet.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) seen: Seen,
    go: oneshot::Sender<()>,
}

impl Held {
    pub(super) fn release(self) {
        // If the other end has gone, so has the connection.
        let _ = self.go.send(());
    }
}

type Script = Arc<dyn Fn(&Seen) -> Act + Send + Sync>;
/// Looks at the sandbox after each write, with its accounts and role assignments, and may complain.
type Watch = Arc<dyn Fn(&[Value], &[Value]) -> Option<String> + Send + Sync>;

/// The proxy.
pub(super) struct Proxy {
    sandbox: String,
    subscription: &'static str,
    http: reqwest::Client,
    script: Mutex<Script>,
    watch: Mutex<Option<Watch>>,
    log: Mutex<Vec<Seen>>,
    complaints: Mutex<Vec<String>>,
    held: Mutex<Sender<Held>>,
    connections: AtomicUsize,
}

impl Proxy {
    pub(super) async fn start(
        sandbox: &str,
        subscription: &'static str,
        http: reqwest::Client,
        held: Sender<Held>,
    ) -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Arc::new(Self {
            sandbox: sandbox.to_owned(),
            subscription,
            http,
            script: Mutex::new(Arc::new(|_| Act::Pass)),
            watch: Mutex::default(),
            log: Mutex::default(),
            complaints: Mutex::default(),
            held: Mutex::new(held),
            connections: AtomicUsize::new(0),
        });
        let accepting = Arc::clone(&proxy);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let proxy = Arc::clone(&accepting);
                proxy.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    proxy.serve(stream).await;
                    proxy.connections.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        (proxy, url)
    }

    pub(super) fn script(&self, script: impl Fn(&Seen) -> Act + Send + Sync + 'static) {
        *self.script.lock().unwrap() = Arc::new(script);
    }

    pub(super) fn watch(&self, watch: impl Fn(&[Value], &[Value]) -> Option<String> + Send + Sync + 'static) {
        *self.watch.lock().unwrap() = Some(Arc::new(watch));
    }

    /// Takes the log and restarts numbering.
    pub(super) fn take_log(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    pub(super) fn log(&self) -> Vec<Seen> {
        self.log.lock().unwrap().clone()
    }

    pub(super) fn take_complaints(&self) -> Vec<String> {
        std::mem::take(&mut *self.complaints.lock().unwrap())
    }

    /// Passes everything, watches nothing, forgets what it saw.
    pub(super) fn reset(&self) {
        self.script(|_| Act::Pass);
        *self.watch.lock().unwrap() = None;
        self.take_log();
        self.take_complaints();
    }

    /// Whether no client is connected.
    pub(super) fn is_idle(&self) -> bool {
        self.connections.load(Ordering::SeqCst) == 0
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        loop {
            let (head, body) = read_request(&mut stream).await?;
            let seen = self.note(&head, &body);
            let script = Arc::clone(&self.script.lock().unwrap());
            let act = script(&seen);
            let reply = match act {
                Act::DropBefore => return None,
                Act::Answer(reply) => reply,
                Act::HoldBefore => {
                    self.hold(&seen).await?;
                    self.pass(&seen, &head, body).await?
                }
                act => {
                    let reply = self.pass(&seen, &head, body).await?;
                    match act {
                        Act::HoldAfter => {
                            self.hold(&seen).await?;
                            reply
                        }
                        Act::AnswerAfter(other) => other,
                        Act::Tell(name, value) => reply.with(name, &value),
                        Act::DropAfter => return None,
                        Act::Truncate => {
                            let text = written(&reply);
                            let half = text.len() - reply.body.len().div_ceil(2);
                            stream.write_all(&text[..half]).await.ok()?;
                            stream.flush().await.ok()?;
                            return None;
                        }
                        _ => reply,
                    }
                }
            };
            self.change(&seen, |seen| seen.status = reply.status);
            stream.write_all(&written(&reply)).await.ok()?;
        }
    }

    fn note(&self, head: &str, body: &[u8]) -> Seen {
        let mut words = head.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let mut log = self.log.lock().unwrap();
        let seen = Seen {
            index: log.len(),
            method: word(),
            target: word(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            effect: 0,
            status: 0,
        };
        log.push(seen.clone());
        seen
    }

    /// Changes a line of the log, unless the log has been taken.
    fn change(&self, seen: &Seen, change: impl FnOnce(&mut Seen)) {
        let mut log = self.log.lock().unwrap();
        if let Some(line) = log.get_mut(seen.index).filter(|line| line.target == seen.target) {
            change(line);
        }
    }

    async fn hold(&self, seen: &Seen) -> Option<()> {
        let (go, wait) = oneshot::channel();
        // Without a test that waits, the exchange ends here.
        let _ = self.held.lock().unwrap().send(Held { seen: seen.clone(), go });
        wait.await.ok()
    }

    async fn pass(&self, seen: &Seen, head: &str, body: Vec<u8>) -> Option<Reply> {
        let method = seen.method.parse().ok()?;
        let mut request = self.http.request(method, format!("{}{}", self.sandbox, seen.target));
        for (name, value) in head.lines().skip(1).filter_map(|line| line.split_once(':')) {
            if !["content-length", "connection", "accept-encoding"].contains(&name.to_lowercase().as_str()) {
                request = request.header(name, value.trim());
            }
        }
        let answer = request.body(body).send().await.ok()?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .filter(|(name, _)| {
                !["content-length", "transfer-encoding", "connection"].contains(&name.as_str())
            })
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect();
        let body = answer.bytes().await.ok()?.to_vec();
        self.change(seen, |seen| seen.effect = status);
        if seen.is_write() && status < 300 {
            self.look(seen).await;
        }
        Some(Reply { status, headers, body })
    }

    async fn look(&self, seen: &Seen) {
        let Some(watch) = self.watch.lock().unwrap().clone() else { return };
        let list = async |path: &str, version: &str| {
            let url = format!(
                "{}/subscriptions/{}/providers/{path}?api-version={version}",
                self.sandbox, self.subscription
            );
            let answer = self.http.get(url).bearer_auth("watch").send().await.unwrap();
            let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            body["value"].as_array().unwrap().clone()
        };
        let accounts = list("Microsoft.CognitiveServices/accounts", "2025-06-01").await;
        let grants = list("Microsoft.Authorization/roleAssignments", "2022-04-01").await;
        if let Some(complaint) = watch(&accounts, &grants) {
            let line = format!("after {} {}: {complaint}", seen.method, seen.path());
            self.complaints.lock().unwrap().push(line);
        }
    }
}

/// The bytes of an answer.
fn written(reply: &Reply) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} x\r\ncontent-length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut text = head.into_bytes();
    text.extend_from_slice(&reply.body);
    text
}

/// A request's head and body; nothing if the client is through.
async fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, bytes[end..].to_vec()))
}
