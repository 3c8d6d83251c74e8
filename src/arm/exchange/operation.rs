//! Follows a write after Azure accepted it.
//!
//! The headers and `provisioningState` decide whether it is long-running, never the status code: a 200 may continue for minutes, and a 201
//! may be finished. <https://github.com/Azure/azure-resource-manager-rpc/blob/master/v1.0/async-api-reference.md>

use serde_json::Value;

use super::{
    Accepted, Error, ErrorKind, Exchange, ExchangePhase, FailureCounts, Headers, Limits, Method, Next,
    Response, ResponseBody, SignedUrl,
};
use crate::arm::clock::Moment;
use crate::arm::error_body::{self, ErrorBody, is_absence};
use crate::arm::observer::Why;
use crate::arm::retry::{Trouble, retry_after};
use crate::arm::state::ProvisioningState;
use std::time::Duration;

/// How an operation's URL shows that it is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `Azure-AsyncOperation`: by `status` in the body.
    Status,
    /// `Location`: by a status other than 202.
    Location,
}

/// The meaning of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StateMeaning {
    Going,
    Succeeded,
    Failed,
}

const ASYNC: &str = "azure-asyncoperation";
const LOCATION: &str = "location";
const RESOURCE_STATE: &[&str] = &["/properties/provisioningState"];
const OPERATION_STATE: &[&str] = &["/status", "/properties/provisioningState"];
/// Polls are at least this far apart, even if a server answers `Retry-After: 0`.
const SHORTEST_POLL: Duration = Duration::from_millis(100);

/// The meaning of an operation's state.
fn progress(state: &str) -> StateMeaning {
    match ProvisioningState::of(state) {
        ProvisioningState::Succeeded => StateMeaning::Succeeded,
        ProvisioningState::Failed => StateMeaning::Failed,
        ProvisioningState::Deleting | ProvisioningState::Disabled | ProvisioningState::Going => {
            StateMeaning::Going
        }
    }
}

impl Exchange {
    /// The meaning of the resource's own state for this call: a delete waits for its end, for other calls that is a failure.
    fn resource_progress(&self, state: &str) -> StateMeaning {
        match ProvisioningState::of(state) {
            ProvisioningState::Deleting | ProvisioningState::Disabled if self.method != Method::Delete => {
                StateMeaning::Failed
            }
            _ => progress(state),
        }
    }

    /// Judges a resource that was read like one that was written, and polls it while Azure is changing it.
    #[must_use]
    pub fn follow_read(path: &str, body: Value, limits: Limits, seed: u64, now: Moment) -> Next {
        let exchange =
            Self { phase: ExchangePhase::Resource, ..Self::new(Method::Get, path, limits, seed, now) };
        let answer = Response { status: 200, headers: Headers::default(), body: ResponseBody::Json(body) };
        exchange.resource_polled(answer, now)
    }

    /// Handles a successful answer to the call.
    pub(super) fn succeeded(mut self, answer: Response, now: Moment) -> Next {
        if !self.method.is_write() {
            if let Some(what) = not_whole(&answer) {
                return self.unreadable(&answer, what, false, now);
            }
            return match answer.body {
                ResponseBody::Json(_) | ResponseBody::Taken => {
                    self.accept(&answer, now).done(answer.body.into_value(), now)
                }
                ResponseBody::Empty => self.unreadable(&answer, "the body is empty".to_owned(), false, now),
                ResponseBody::Unreadable { ref reason, lasting, .. } => {
                    self.unreadable(&answer, reason.clone(), lasting, now)
                }
            };
        }
        let operation = match (answer.headers.get(ASYNC), answer.headers.get(LOCATION)) {
            (Some(url), _) => Some((SignedUrl(url.to_owned()), Style::Status)),
            (None, Some(url)) if answer.status == 202 => Some((SignedUrl(url.to_owned()), Style::Location)),
            _ => None,
        };
        if let Some((url, style)) = operation {
            return self.accept(&answer, now).follow(ExchangePhase::Operation { url, style }, &answer, now);
        }
        if let ResponseBody::Unreadable { ref reason, lasting, .. } = answer.body {
            return self.unreadable(&answer, reason.clone(), lasting, now);
        }
        let state = answer.body.state(RESOURCE_STATE).map(|state| self.resource_progress(state));
        if let Some(body) = answer.error_in_success().filter(|_| state != Some(StateMeaning::Failed)) {
            self.unclear = true;
            return Next::GiveUp(self.failure(&answer, body, now));
        }
        let accepted = self.accept(&answer, now);
        match (accepted.method, state) {
            (_, Some(StateMeaning::Failed)) => accepted.operation_failed(&answer, now),
            (Method::Put | Method::Patch | Method::Delete, Some(StateMeaning::Going)) => {
                accepted.follow(ExchangePhase::Resource, &answer, now)
            }
            (Method::Put | Method::Patch | Method::Delete, None) if answer.status == 202 => {
                accepted.follow(ExchangePhase::Resource, &answer, now)
            }
            // The answer does not contain the resource: read it.
            (Method::Put | Method::Patch, _) if answer.body == ResponseBody::Empty => {
                accepted.follow(ExchangePhase::Resource, &answer, now)
            }
            _ => accepted.done(answer.body.into_value(), now),
        }
    }

    /// Records that Azure accepted the call; it is never sent again.
    pub(super) fn accept(mut self, answer: &Response, now: Moment) -> Self {
        self.accepted = Some(Accepted {
            status: answer.status,
            request_id: answer.headers.request_id(),
            attempts: self.sent,
            at: now,
        });
        self
    }

    /// Sends the next kind of request; at once, unless Azure set a time.
    fn follow(mut self, phase: ExchangePhase, answer: &Response, now: Moment) -> Next {
        self.phase = phase;
        self.calm();
        match retry_after(&answer.headers, now) {
            Some(wait) => self.wait(wait, "accepted", now),
            None => self.send(),
        }
    }

    /// The current request was answered properly: earlier failures do not count for the next one.
    fn calm(&mut self) {
        self.sent = 0;
        self.tallies = [FailureCounts::default(); 5];
    }

    /// Handles the answer to a poll.
    pub(super) fn polled(self, answer: Response, now: Moment) -> Next {
        let body = answer.error_body();
        match answer.status {
            200..=299 => {}
            300..=399 => return self.redirected(&answer, now),
            404 if self.method == Method::Delete
                && matches!(self.phase, ExchangePhase::Resource)
                && body.code.as_deref().is_some_and(is_absence) =>
            {
                return self.done(Value::Null, now);
            }
            404 => {
                let why = Why::NotVisibleYet;
                return self.trouble(Trouble::NotVisible, why, &answer.headers, now, |exchange, now| {
                    exchange.failure(&answer, body, now)
                });
            }
            408 | 429 | 500..=599 => return self.faulted(&answer, body, now),
            // The URL of a `Location` answers with the result of the operation itself.
            400..=499
                if matches!(self.phase, ExchangePhase::Operation { style: Style::Location, .. })
                    && !matches!(answer.status, 401 | 403) =>
            {
                return self.operation_failed(&answer, now);
            }
            _ => return Next::GiveUp(self.failure(&answer, body, now)),
        }
        if let ResponseBody::Unreadable { ref reason, lasting, .. } = answer.body {
            return self.unreadable(&answer, reason.clone(), lasting, now);
        }
        match self.phase {
            ExchangePhase::Operation { style, .. } => self.operation_polled(style, answer, now),
            ExchangePhase::Resource | ExchangePhase::Call => self.resource_polled(answer, now),
        }
    }

    fn operation_polled(mut self, style: Style, answer: Response, now: Moment) -> Next {
        self.calm();
        let header = match style {
            Style::Status => ASYNC,
            Style::Location => LOCATION,
        };
        if let Some(url) = answer.headers.get(header)
            && (style == Style::Status || answer.status == 202)
        {
            self.phase = ExchangePhase::Operation { url: SignedUrl(url.to_owned()), style };
        }
        let state = match style {
            Style::Status => answer.body.state(OPERATION_STATE),
            Style::Location => None,
        };
        match (state.map(progress), answer.status) {
            (Some(StateMeaning::Failed), _) => self.operation_failed(&answer, now),
            (Some(StateMeaning::Going), _) => self.again(&answer, state.unwrap_or_default(), now),
            (None, 202) => self.again(&answer, "accepted", now),
            // A success with an error is a failure: after a delete nothing else is read.
            (Some(StateMeaning::Succeeded) | None, _) if answer.error_in_success().is_some() => {
                self.operation_failed(&answer, now)
            }
            (Some(StateMeaning::Succeeded) | None, _) => self.finish(answer, now),
        }
    }

    /// The operation is finished; reads its resource, which the operation does not include.
    fn finish(mut self, answer: Response, now: Moment) -> Next {
        match self.method {
            Method::Put | Method::Patch => {
                self.phase = ExchangePhase::Resource;
                self.poll_wait = self.limits.poll_first;
                self.send()
            }
            Method::Delete => self.done(Value::Null, now),
            Method::Get | Method::Ask | Method::Post => {
                let mut body = answer.body.into_value();
                let properties = body.get_mut("properties").map(Value::take);
                let is_status = body.get("status").is_some();
                self.done(if is_status { properties.unwrap_or(body) } else { body }, now)
            }
        }
    }

    fn resource_polled(mut self, answer: Response, now: Moment) -> Next {
        if answer.body == ResponseBody::Empty {
            return self.unreadable(&answer, "the body is empty".to_owned(), false, now);
        }
        let state = answer.body.state(RESOURCE_STATE);
        let progress = state.map(|state| self.resource_progress(state));
        if let Some(what) = not_whole(&answer).filter(|_| progress != Some(StateMeaning::Failed)) {
            return self.unreadable(&answer, what, false, now);
        }
        self.calm();
        match (self.method, progress) {
            (Method::Delete, Some(StateMeaning::Going | StateMeaning::Succeeded) | None) => {
                self.again(&answer, state.unwrap_or("still there"), now)
            }
            (_, Some(StateMeaning::Failed)) => self.operation_failed(&answer, now),
            (_, Some(StateMeaning::Going)) => self.again(&answer, state.unwrap_or_default(), now),
            (_, Some(StateMeaning::Succeeded) | None) => self.done(answer.body.into_value(), now),
        }
    }

    /// Not finished yet: polls again, within the time limit.
    fn again(mut self, answer: &Response, state: &str, now: Moment) -> Next {
        let accepted_at = self.accepted.as_ref().map_or(self.began, |accepted| accepted.at);
        let limit = self.limits.operation;
        if now.since(accepted_at) >= limit {
            let what = format!("it is still `{state}` after {} min", limit.as_secs() / 60);
            return self.stop(ErrorKind::TimedOut, what, now);
        }
        let told = retry_after(&answer.headers, now).map(|told| told.max(SHORTEST_POLL));
        let wait = told.unwrap_or_else(|| {
            let wait = self.poll_wait;
            self.poll_wait = wait.saturating_mul(2).min(self.limits.poll_longest);
            wait
        });
        self.wait(wait, state, now)
    }

    fn wait(self, wait: Duration, state: &str, now: Moment) -> Next {
        if wait > self.limits.longest_retry_after {
            let what = format!("Azure requests a wait of {} s, which is too long", wait.as_secs());
            return self.stop(ErrorKind::TimedOut, what, now);
        }
        let why = Why::Operation { state: state.to_owned() };
        Next::Wait { exchange: self, until: now.after(wait), why }
    }

    /// The operation failed; Azure's error is in the body of the operation.
    fn operation_failed(self, answer: &Response, now: Moment) -> Next {
        let mut body = match &answer.body {
            ResponseBody::Json(value) => error_body::read_value(failure_in(value)),
            _ => ErrorBody::default(),
        };
        if body.code.is_none() && body.message.is_none() {
            let state = answer.body.state(OPERATION_STATE).unwrap_or("Failed");
            body.message = Some(format!("Azure reports `{state}` without a reason"));
        }
        let mut details = (*self.error(ErrorKind::OperationFailed, "", now)).clone();
        details.status = (answer.status >= 300).then_some(answer.status);
        details.request_id = answer.headers.request_id().or(details.request_id);
        Next::GiveUp(Error::from_details(details).with_body(body))
    }
}

/// Why a success is not a complete answer: 206 is partial, 203 was modified by a proxy, and 202 is not finished. Every GET in Azure's API
/// descriptions returns 200.
fn not_whole(answer: &Response) -> Option<String> {
    if answer.status != 200 {
        return Some("only status 200 is a complete answer to a read".to_owned());
    }
    Some(format!("it contains an error: {}", answer.error_in_success()?.words()))
}

/// Where a failed operation or resource keeps its reason.
fn failure_in(value: &Value) -> &Value {
    ["/error", "/properties/error", "/properties/provisioningError", "/properties/statusMessage"]
        .iter()
        .find_map(|pointer| value.pointer(pointer).filter(|found| !found.is_null()))
        .unwrap_or(value)
}
