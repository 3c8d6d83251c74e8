//! A loopback server that plays a script: the next answer goes to whoever asks next, and every request is kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An answer to play.
#[derive(Clone)]
pub(crate) enum Play {
    /// A proper answer.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// One that ends in the middle of its body.
    CutOff { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// The connection closes once the request is read.
    Hangup,
    /// Nothing comes.
    Silence,
    /// Runs first, then answers 200 with `{}`.
    After(Arc<dyn Fn() + Send + Sync>),
}

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &Value) -> Play {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    Play::Answer { status, headers: owned(headers), body }
}

pub(crate) fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

#[derive(Default)]
struct State {
    script: VecDeque<Play>,
    repeat: Option<Play>,
    seen: Vec<Seen>,
    in_flight: usize,
    most: usize,
    delay: Duration,
}

/// The server; it ends with its runtime.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) base: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { base, state: Arc::default() };
        let accepting = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = accepting.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        server
    }

    /// A server for a test without a runtime of its own.
    pub(crate) fn beside() -> (Self, tokio::runtime::Runtime) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        (runtime.block_on(Self::start()), runtime)
    }

    pub(crate) async fn playing(script: impl IntoIterator<Item = Play>) -> Self {
        let server = Self::start().await;
        server.then(script);
        server
    }

    /// Adds to the script.
    pub(crate) fn then(&self, script: impl IntoIterator<Item = Play>) {
        self.state.lock().unwrap().script.extend(script);
    }

    /// What is answered when the script is over.
    pub(crate) fn forever(&self, play: Play, delay: Duration) {
        let mut state = self.state.lock().unwrap();
        (state.repeat, state.delay) = (Some(play), delay);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// `GET /a, PUT /b`: methods and paths without query.
    pub(crate) fn story(&self) -> String {
        let line = |seen: &Seen| format!("{} {}", seen.method, seen.target.split('?').next().unwrap());
        self.seen().iter().map(line).collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.state.lock().unwrap().most
    }

    async fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let seen = read_request(&mut stream).await?;
        let (play, delay) = {
            let mut state = self.state.lock().unwrap();
            state.seen.push(seen);
            state.in_flight += 1;
            state.most = state.most.max(state.in_flight);
            let over = Play::Answer { status: 418, headers: vec![], body: b"the script is over".to_vec() };
            (state.script.pop_front().or_else(|| state.repeat.clone()).unwrap_or(over), state.delay)
        };
        tokio::time::sleep(delay).await;
        self.state.lock().unwrap().in_flight -= 1;
        let (status, headers, body, missing) = match play {
            Play::Answer { status, headers, body } => (status, headers, body, 0),
            Play::CutOff { status, headers, body } => (status, headers, body, 100),
            Play::Hangup => return None,
            Play::Silence => std::future::pending().await,
            Play::After(action) => {
                action();
                (200, vec![], b"{}".to_vec(), 0)
            }
        };
        let mut head = format!(
            "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len() + missing
        );
        for (name, value) in headers {
            head.extend([&name, ": ", &value, "\r\n"]);
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(&body).await.ok()?;
        stream.shutdown().await.ok()
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut words = head.split(' ');
    let mut seen = Seen {
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        head: head.clone(),
        body: String::new(),
    };
    let length: usize = seen.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8_lossy(&bytes[end..]).into_owned();
    Some(seen)
}
