//! The replay of one cassette against a fresh sandbox, call by call, over real HTTP.
//!
//! Input is a cassette; output is what became of each call, and a report of the sandbox's traffic for the contract. Poll URLs are the sandbox's own: a recorded one stands
//! for the operation of the call that had announced it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use keyless::sandbox::{Options, Sandbox};
use reqwest::{Client, Method};
use serde_json::json;

use url::Url;

use super::contract::report::Report;
use super::contract::{Checker, Verdict};
use super::exchange::{Exchange, Payload};
use super::recordings_compare::Comparison;
use super::recordings_lists::{OUTSIDE, PREPARE};
use super::recordings_masks::Outlines;

/// What became of one recorded call.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Not the sandbox's; the label says what.
    Outside(String),
    /// A recorded poll that came before the end, where the sandbox's operation had ended.
    Skipped,
    Agrees,
    Differs(Vec<String>),
}

/// An operation that the sandbox runs in place of a recorded one.
struct Operation {
    url: Url,
    /// The answer that said it was done, kept for the recorded poll that says so.
    done: Option<Exchange>,
}

/// Polls until an operation must be done.
const POLLS: usize = 50;

/// Replay a cassette.
pub(crate) async fn replay(
    checker: &Checker,
    outlines: &Outlines,
    name: &str,
    calls: &[Exchange],
    contract: &mut Report,
) -> Vec<Outcome> {
    // A second installation is refused, and means what the first one did.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let sandbox = Sandbox::start(Options::default()).await.expect("the sandbox starts");
    let client = Client::builder().no_proxy().build().expect("a client without TLS");
    let base = Url::parse(sandbox.url()).expect("the sandbox's URL");
    let mut replay = Replay {
        checker,
        outlines,
        client,
        base,
        operations: BTreeMap::new(),
        made: BTreeSet::new(),
        sent: RefCell::default(),
    };
    for prepare in PREPARE.iter().filter(|prepare| prepare.cassette == name) {
        let url = replay.base.join(prepare.path).expect("a path");
        let answer = replay.send(prepare.method, url, &Payload::from_text(prepare.body)).await;
        assert!(answer.status < 300, "{name}: {} {}: {answer:?}", prepare.method, prepare.path);
    }
    for (path, body) in presupposed(calls) {
        let url = replay.base.join(&path).expect("a path");
        let answer = replay.send("PUT", url, &body).await;
        assert!(answer.status < 300, "{name}: PUT {path}: {answer:?}");
    }
    let mut outcomes = Vec::new();
    for call in calls {
        outcomes.push(replay.call(call).await);
    }
    for (at, exchange) in replay.sent.take().iter().enumerate() {
        contract.add(checker, &format!("replay of {name}, request {at}"), exchange);
    }
    sandbox.stop().await;
    outcomes
}

/// What a call is about, as the contract names it.
pub(crate) fn subject(checker: &Checker, recorded: &Exchange) -> String {
    match checker.check(recorded) {
        Verdict::NotDescribed(label) => label,
        Verdict::Checked(about) => about.subject,
    }
}

/// The calls that make what a cassette presupposes: the groups that it reads, with the location and tags they had.
fn presupposed(calls: &[Exchange]) -> Vec<(String, Payload)> {
    let groups = calls.iter().filter(|call| {
        let parts = call.segments();
        call.method == "GET"
            && call.status == 200
            && parts.len() == 4
            && parts[2].eq_ignore_ascii_case("resourcegroups")
    });
    groups
        .filter_map(|call| {
            let body = call.response.json()?;
            let wanted = json!({"location": body["location"], "tags": body["tags"]});
            Some((format!("{}?{}", call.url.path(), call.url.query()?), Payload::Json(wanted)))
        })
        .collect()
}

struct Replay<'a> {
    checker: &'a Checker,
    outlines: &'a Outlines,
    client: Client,
    base: Url,
    /// By the path of the recorded poll URL.
    operations: BTreeMap<String, Operation>,
    /// Ids, in lower case, of what the cassette made.
    made: BTreeSet<String>,
    /// What was really sent and answered, for the contract.
    sent: RefCell<Vec<Exchange>>,
}

impl Replay<'_> {
    async fn call(&mut self, recorded: &Exchange) -> Outcome {
        let subject = subject(self.checker, recorded);
        let outside = |entry: &&super::recordings_lists::Outside| subject == entry.subject;
        if OUTSIDE.iter().find(outside).is_some() {
            return Outcome::Outside(subject);
        }
        if subject == "polling" {
            return self.poll(recorded).await;
        }
        let ours = self.send(&recorded.method, self.here(&recorded.url), &recorded.request).await;
        self.note(recorded, &ours);
        self.judge(&subject, recorded, &ours)
    }

    /// The same path and query at the sandbox.
    fn here(&self, recorded: &Url) -> Url {
        let mut url = self.base.clone();
        url.set_path(recorded.path());
        url.set_query(recorded.query());
        url
    }

    async fn poll(&mut self, recorded: &Exchange) -> Outcome {
        let key = recorded.url.path().to_lowercase();
        let Some(operation) = self.operations.get(&key) else {
            return Outcome::Differs(vec!["no operation was announced for this poll".to_owned()]);
        };
        let ends = is_done(recorded);
        let url = operation.url.clone();
        let mut answer = match operation.done.clone() {
            Some(_) if !ends => return Outcome::Skipped,
            Some(answer) => answer,
            None => self.send("GET", url.clone(), &Payload::Empty).await,
        };
        if !ends && is_done(&answer) {
            self.operations.insert(key, Operation { url, done: Some(answer) });
            return Outcome::Skipped;
        }
        for _ in 0..POLLS {
            if !ends || is_done(&answer) {
                break;
            }
            answer = self.send("GET", url.clone(), &Payload::Empty).await;
        }
        self.judge("polling", recorded, &answer)
    }

    /// Remember what the call made, and which operation it announced.
    fn note(&mut self, recorded: &Exchange, ours: &Exchange) {
        if recorded.method == "PUT" && recorded.status < 300 {
            self.made.insert(recorded.url.path().to_lowercase());
        }
        let announced = recorded.header("azure-asyncoperation").and_then(|url| Url::parse(url).ok());
        let here = ours.header("azure-asyncoperation").and_then(|url| Url::parse(url).ok());
        if let (Some(announced), Some(url)) = (announced, here) {
            self.operations.insert(announced.path().to_lowercase(), Operation { url, done: None });
        }
    }

    fn judge(&self, subject: &str, recorded: &Exchange, ours: &Exchange) -> Outcome {
        let comparison = Comparison::new(subject, &self.made, self.outlines);
        let differences = comparison.differences(recorded, ours);
        if differences.is_empty() { Outcome::Agrees } else { Outcome::Differs(differences) }
    }

    async fn send(&self, method: &str, url: Url, body: &Payload) -> Exchange {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.client.request(method.clone(), url.clone()).bearer_auth("replay");
        request = match body {
            Payload::Empty => request,
            Payload::Json(value) => request.json(value),
            Payload::Other(text) => request.body(text.clone()),
        };
        let answer = request.send().await.expect("the sandbox answers");
        let status = answer.status().as_u16();
        let headers = answer.headers().iter();
        let response_headers = headers
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let text = answer.text().await.expect("the sandbox finishes its answer");
        let exchange = Exchange {
            method: method.to_string(),
            url,
            request: body.clone(),
            status,
            response_headers,
            response: Payload::from_text(&text),
        };
        self.sent.borrow_mut().push(exchange.clone());
        exchange
    }
}

/// Whether a poll's answer says that the operation has ended.
fn is_done(answer: &Exchange) -> bool {
    let status = answer.response.json().and_then(|body| body["status"].as_str());
    status.is_none_or(|status| ["Succeeded", "Failed", "Canceled"].contains(&status))
}
