//! The replay of one cassette against a fresh sandbox, call by call, over real HTTP.
//!
//! Input is a cassette; output is what became of each call, and a report of the sandbox's traffic for the contract. Poll URLs are the sandbox's own: a recorded one stands
//! for the operation of the call that had announced it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keyless::sandbox::Options;
use serde_json::json;

use url::Url;

use super::contract::report::Report;
use super::contract::{Checker, Verdict};
use super::exchange::{Exchange, Payload};
use super::recordings_compare::Comparison;
use super::recordings_lists::{FAULTS, OUTSIDE, PREPARE};
use super::recordings_masks::Outlines;
use super::wire::Wire;

/// What became of one recorded call.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Not the sandbox's; the label says what.
    Outside(String),
    Agrees,
    Differs(Vec<String>),
}

/// The label of calls that failed because a fault was injected; they prove nothing about the sandbox.
pub(crate) const TOLD: &str = "failures that the sandbox was told";

/// How long an operation of the sandbox takes: until the replay puts the clock forward.
const OPERATION: Duration = Duration::from_hours(1);

/// Replay a cassette.
pub(crate) async fn replay(
    checker: &Checker,
    outlines: &Outlines,
    name: &str,
    calls: &[Exchange],
    contract: &mut Report,
) -> Vec<Outcome> {
    let wire = Wire::start(Options { operation_time: OPERATION, ..Options::default() }).await;
    let mut replay = Replay { checker, outlines, wire, operations: BTreeMap::new(), made: BTreeSet::new() };
    for prepare in PREPARE.iter().filter(|prepare| prepare.cassette == name) {
        let body = Payload::from_text(prepare.body);
        let answer = replay.wire.send(prepare.method, replay.wire.at(prepare.path), &body).await;
        assert!(answer.status < 300, "{name}: {} {}: {answer:?}", prepare.method, prepare.path);
    }
    for (path, body) in presupposed(calls) {
        let answer = replay.wire.send("PUT", replay.wire.at(&path), &body).await;
        assert!(answer.status < 300, "{name}: PUT {path}: {answer:?}");
    }
    let mut outcomes = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let told = replay.break_down(name, at, call).await;
        outcomes.push(match replay.call(call).await {
            Outcome::Agrees if told => Outcome::Outside(TOLD.to_owned()),
            outcome => outcome,
        });
    }
    for (at, exchange) in replay.wire.stop().await.iter().enumerate() {
        contract.add(checker, &format!("replay of {name}, request {at}"), exchange);
    }
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
    wire: Wire,
    /// By the path of the recorded poll URL.
    operations: BTreeMap<String, Url>,
    /// Ids, in lower case, of what the cassette made.
    made: BTreeSet<String>,
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
        if recorded.method == "GET" && shows_all_done(recorded) {
            self.let_operations_end().await;
        }
        let ours = self.wire.send(&recorded.method, self.here(&recorded.url), &recorded.request).await;
        self.note(recorded, &ours);
        self.judge(&subject, recorded, &ours)
    }

    /// Before a call that met a failure of the world around ARM, tell the sandbox to fail that way.
    async fn break_down(&self, name: &str, at: usize, recorded: &Exchange) -> bool {
        if !FAULTS.iter().any(|fault| (fault.cassette, fault.call) == (name, at)) {
            return false;
        }
        let error = recorded.response.json().map(|body| body["error"].clone()).unwrap_or_default();
        let faults = json!([{
            "method": recorded.method, "path": recorded.url.path(), "times": 1, "status": recorded.status,
            "code": error["code"], "message": error["message"],
        }]);
        let body = Payload::Json(faults);
        let answer = self.wire.send("POST", self.wire.at("/_sandbox/faults"), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        true
    }

    /// The same path and query at the sandbox.
    fn here(&self, recorded: &Url) -> Url {
        let mut url = self.wire.at("/");
        url.set_path(recorded.path());
        url.set_query(recorded.query());
        url
    }

    /// A recorded poll that came before the end comes before the end here too; the last one comes after it.
    async fn poll(&mut self, recorded: &Exchange) -> Outcome {
        let key = recorded.url.path().to_lowercase();
        let Some(url) = self.operations.get(&key).cloned() else {
            return Outcome::Differs(vec!["no operation was announced for this poll".to_owned()]);
        };
        if is_done(recorded) {
            self.let_operations_end().await;
        }
        let answer = self.wire.send("GET", url, &Payload::Empty).await;
        self.judge("polling", recorded, &answer)
    }

    async fn let_operations_end(&self) {
        let seconds = OPERATION.as_secs();
        let body = Payload::Json(json!({"advanceSeconds": seconds}));
        let answer = self.wire.send("POST", self.wire.at("/_sandbox/clock"), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Remember what the call made, and which operation it announced.
    fn note(&mut self, recorded: &Exchange, ours: &Exchange) {
        if recorded.method == "PUT" && recorded.status < 300 {
            self.made.insert(recorded.url.path().to_lowercase());
        }
        let announced = recorded.header("azure-asyncoperation").and_then(|url| Url::parse(url).ok());
        let here = ours.header("azure-asyncoperation").and_then(|url| Url::parse(url).ok());
        if let (Some(announced), Some(url)) = (announced, here) {
            self.operations.insert(announced.path().to_lowercase(), url);
        }
    }

    fn judge(&self, subject: &str, recorded: &Exchange, ours: &Exchange) -> Outcome {
        let comparison = Comparison::new(subject, &self.made, self.outlines);
        let differences = comparison.differences(recorded, ours);
        if differences.is_empty() { Outcome::Agrees } else { Outcome::Differs(differences) }
    }
}

/// Whether a resource that has no polling URL is shown at the end of what was done to it.
fn shows_all_done(answer: &Exchange) -> bool {
    let body = answer.response.json();
    let state = |item: &serde_json::Value| item["properties"]["provisioningState"] == "Succeeded";
    body.is_some_and(|body| {
        state(body) || body["value"].as_array().is_some_and(|items| items.iter().any(state))
    })
}

/// Whether a poll's answer says that the operation has ended.
fn is_done(answer: &Exchange) -> bool {
    let status = answer.response.json().and_then(|body| body["status"].as_str());
    status.is_none_or(|status| ["Succeeded", "Failed", "Canceled"].contains(&status))
}
