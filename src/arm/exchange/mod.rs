//! One machine for every request: `(state, outcome, now) → Send | Wait | Done | GiveUp`.
//!
//! Decides about retries and follows long-running operations to their end, for ARM and Graph. Pure and synchronous: no clock, no
//! randomness, no network. The client sends what it requests and passes it the result. A finished exchange cannot be stepped:
//! [`Exchange::step`] takes it by value and only returns it with `Send` and `Wait`.

mod answer;
mod operation;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use serde_json::Value;

pub use self::answer::{Headers, Response, ResponseBody};
use self::operation::Style;
use super::clock::Moment;
use super::error::{Details, Effect, Error, ErrorKind};
use super::error_body::ErrorBody;
use super::observer::Why;
use super::origin::{OriginError, origin_of};
pub use super::retry::Limits;
use super::retry::{Trouble, backoff, retry_after};

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads by a POST that changes nothing, such as Graph's batches and look-ups; may be repeated.
    Ask,
    /// Creates or replaces; may be repeated.
    Put,
    /// Changes parts; ARM's merge may be repeated.
    Patch,
    /// Runs an action; must not be repeated unless it certainly had no effect.
    Post,
    /// Deletes; may be repeated.
    Delete,
}

impl Method {
    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Ask | Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }

    /// Whether it changes something.
    #[must_use]
    pub fn is_write(self) -> bool {
        !matches!(self, Method::Get | Method::Ask)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The call itself, with its method and body.
    Call,
    /// GET of the operation's URL from Azure, verbatim.
    Operation(SignedUrl),
    /// GET of the resource that was written.
    Resource,
}

/// The URL of an operation; its query is a signature, so it is never shown in full.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedUrl(String);

impl SignedUrl {
    /// The URL itself; only for sending.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::redact::redact(&self.0))
    }
}

/// The result of the last `Send` or `Wait`.
#[derive(Debug, Clone)]
pub enum Sent {
    /// Azure answered.
    Answer(Response),
    /// There was no answer.
    Broken {
        /// Whether the request may have reached Azure.
        sent: bool,
        /// Whether retrying is useless, for example because of an invalid certificate.
        lasting: bool,
        /// What happened, as a fragment.
        what: String,
    },
    /// The wait is over.
    Waited,
    /// Ctrl-C.
    Interrupted,
    /// The time for a write's answer is over: it is unknown whether it took effect.
    Abandoned,
    /// Nothing was sent, because of its destination.
    Refused(OriginError),
    /// Nothing was sent, because there is no token.
    NoToken {
        /// Why not.
        what: String,
        /// What to do.
        advice: Option<String>,
    },
}

/// What to do next.
#[derive(Debug)]
pub enum Next {
    /// Send this and step with the result.
    Send(Exchange, Request),
    /// Step at that moment with [`Sent::Waited`], or earlier with [`Sent::Interrupted`].
    Wait {
        /// The exchange to step.
        exchange: Exchange,
        /// When.
        until: Moment,
        /// Why, for people.
        why: Why,
    },
    /// It succeeded.
    Done(Completed),
    /// It failed.
    GiveUp(Error),
}

/// A call that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Completed {
    /// The final body: of the answer, of the resource after an operation, or `Null`.
    pub body: Value,
    /// The status of the call itself.
    pub status: u16,
    /// Azure's request id of the call.
    pub request_id: Option<String>,
    /// How often the call was sent.
    pub attempts: u32,
    /// The number of polls.
    pub polls: u32,
    /// From the first request to the end.
    pub took: Duration,
}

/// An accepted write.
#[derive(Debug, Clone)]
struct Accepted {
    status: u16,
    request_id: Option<String>,
    attempts: u32,
    at: Moment,
}

/// What the current request is about.
#[derive(Debug, Clone)]
enum ExchangePhase {
    Call,
    Operation { url: SignedUrl, style: Style },
    Resource,
}

/// Failures of the current request.
#[derive(Debug, Clone, Copy, Default)]
struct FailureCounts {
    count: u32,
    since: Option<Moment>,
}

/// Codes that mean that another operation is changing the account; the second is a 400 or a 409 with the account's state in its message.
const BUSY: [&str; 2] = ["RequestConflict", "AccountProvisioningStateInvalid"];

/// A call in progress.
#[derive(Debug, Clone)]
pub struct Exchange {
    method: Method,
    /// Whether the call must not be sent again if it may have taken effect.
    once: bool,
    /// Redacted; only for errors and to recognize role assignments.
    path: String,
    limits: Limits,
    seed: u64,
    began: Moment,
    phase: ExchangePhase,
    /// How often the current request was sent.
    sent: u32,
    tallies: [FailureCounts; 5],
    /// Whether an earlier attempt of the write may have taken effect.
    unclear: bool,
    accepted: Option<Accepted>,
    polls: u32,
    poll_wait: Duration,
}

impl Exchange {
    /// Starts a call; the first step is to send it.
    #[must_use]
    pub fn start(method: Method, path: &str, limits: Limits, seed: u64, now: Moment) -> Next {
        Self::new(method, path, limits, seed, now).send()
    }

    /// Starts a call that must not be sent again if it may have taken effect, whatever its method allows.
    #[must_use]
    pub fn start_once(method: Method, path: &str, limits: Limits, seed: u64, now: Moment) -> Next {
        Self { once: true, ..Self::new(method, path, limits, seed, now) }.send()
    }

    fn new(method: Method, path: &str, limits: Limits, seed: u64, now: Moment) -> Self {
        let poll_wait = limits.poll_first;
        Self {
            method,
            once: method == Method::Post,
            path: crate::text::redact::redact(path),
            limits,
            seed,
            began: now,
            phase: ExchangePhase::Call,
            sent: 0,
            tallies: [FailureCounts::default(); 5],
            unclear: false,
            accepted: None,
            polls: 0,
            poll_wait,
        }
    }

    /// Processes a result and returns what to do next.
    #[must_use]
    pub fn step(self, outcome: Sent, now: Moment) -> Next {
        match outcome {
            Sent::Waited => self.send(),
            Sent::Answer(answer) => match self.phase {
                ExchangePhase::Call => self.answered(answer, now),
                ExchangePhase::Operation { .. } | ExchangePhase::Resource => self.polled(answer, now),
            },
            Sent::Broken { sent, lasting, what } => self.broken(sent, lasting, what, now),
            Sent::Interrupted => {
                let what = if self.is_under_way() {
                    "Azure is still processing it"
                } else {
                    "stopped while waiting"
                };
                self.stop(ErrorKind::Interrupted, what, now)
            }
            Sent::Abandoned => self.abandoned(now),
            Sent::Refused(refused) => self.stop(ErrorKind::Origin, refused.to_string(), now),
            Sent::NoToken { what, advice } => match (self.stop(ErrorKind::SignIn, what, now), advice) {
                (Next::GiveUp(error), Some(advice)) => Next::GiveUp(error.advise(advice)),
                (next, _) => next,
            },
        }
    }

    /// Whether Azure accepted a write whose end is being waited for.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.accepted.is_some() && self.method.is_write()
    }

    fn send(mut self) -> Next {
        self.sent += 1;
        let request = match &self.phase {
            ExchangePhase::Call => Request::Call,
            ExchangePhase::Operation { url, .. } => Request::Operation(url.clone()),
            ExchangePhase::Resource => Request::Resource,
        };
        if !matches!(request, Request::Call) {
            self.polls += 1;
        }
        Next::Send(self, request)
    }

    /// Handles the answer to the call itself.
    fn answered(self, answer: Response, now: Moment) -> Next {
        let status = answer.status;
        let body = answer.error_body();
        match status {
            200..=299 => self.succeeded(answer, now),
            300..=399 => self.redirected(&answer, now),
            408 | 429 | 500..=599 => self.faulted(&answer, body, now),
            400 | 409 if BUSY.iter().any(|code| body.is(code)) => {
                self.trouble(Trouble::Conflict, Why::Conflict, &answer.headers, now, |exchange, now| {
                    exchange.failure(&answer, body, now)
                })
            }
            400 if body.is("PrincipalNotFound") && self.writes_role_assignment() => {
                let why = Why::PrincipalNotReplicated;
                self.trouble(Trouble::Principal, why, &answer.headers, now, |exchange, now| {
                    exchange.failure(&answer, body, now)
                })
            }
            _ => Next::GiveUp(self.failure(&answer, body, now)),
        }
    }

    fn writes_role_assignment(&self) -> bool {
        let path = self.path.to_ascii_lowercase();
        self.method == Method::Put && path.contains("/providers/microsoft.authorization/roleassignments/")
    }

    /// Handles 408, 429 or 5xx, for the call or a poll.
    fn faulted(mut self, answer: &Response, body: ErrorBody, now: Moment) -> Next {
        let by_azure = retry_after(&answer.headers, now).is_some();
        let refused = matches!(answer.status, 429 | 503);
        let calling = matches!(self.phase, ExchangePhase::Call);
        if calling && self.method.is_write() && !refused {
            self.unclear = true;
            if self.once {
                return Next::GiveUp(self.failure(answer, body, now));
            }
        }
        let (trouble, why) = if answer.status == 429 || (refused && by_azure) {
            (Trouble::Throttled, Why::Throttled { by_azure })
        } else {
            (Trouble::Fault, Why::Fault { what: format!("Azure answered {}", answer.status) })
        };
        self.trouble(trouble, why, &answer.headers, now, |exchange, now| exchange.failure(answer, body, now))
    }

    /// Handles a request without an answer.
    fn broken(mut self, sent: bool, lasting: bool, what: String, now: Moment) -> Next {
        if matches!(self.phase, ExchangePhase::Call) && sent && self.method.is_write() {
            self.unclear = true;
        }
        let repeatable = !(matches!(self.phase, ExchangePhase::Call) && self.once && sent);
        if lasting || !repeatable {
            return self.stop(ErrorKind::Network, what, now);
        }
        let why = Why::Fault { what: what.clone() };
        self.trouble(Trouble::Fault, why, &Headers::default(), now, |exchange, now| {
            exchange.error(ErrorKind::Network, what, now)
        })
    }

    /// Handles a success with an unreadable body: repeats the request if allowed.
    fn unreadable(mut self, answer: &Response, what: String, lasting: bool, now: Moment) -> Next {
        let calling = matches!(self.phase, ExchangePhase::Call);
        let status = answer.status;
        let headers = &answer.headers;
        if calling && self.method.is_write() {
            self.unclear = true;
        }
        let error = move |exchange: Exchange, now| {
            let mut details = (*exchange.error(ErrorKind::Unreadable, what, now)).clone();
            details.status = Some(status);
            details.request_id = headers.request_id();
            Error::from_details(details)
        };
        if lasting || (calling && self.once) {
            return Next::GiveUp(error(self, now));
        }
        let why = Why::Fault { what: format!("Azure's answer ({status}) is unreadable") };
        self.trouble(Trouble::Fault, why, headers, now, error)
    }

    /// Handles a sent request whose answer is no longer waited for.
    fn abandoned(mut self, now: Moment) -> Next {
        self.unclear |= matches!(self.phase, ExchangePhase::Call) && self.method.is_write();
        self.stop(ErrorKind::Interrupted, "stopped before Azure had answered", now)
    }

    fn redirected(self, answer: &Response, now: Moment) -> Next {
        let target = answer.headers.get("location").map_or_else(|| "nowhere".to_owned(), origin_of);
        self.stop(
            ErrorKind::Origin,
            format!(
                "Azure answered {} with a redirect to `{target}`, and redirects are not followed",
                answer.status
            ),
            now,
        )
    }

    /// Waits and repeats the current request, or gives up with `error`.
    fn trouble(
        mut self,
        trouble: Trouble,
        why: Why,
        headers: &Headers,
        now: Moment,
        error: impl FnOnce(Self, Moment) -> Error,
    ) -> Next {
        let patience = self.limits.patience(trouble);
        let tally = &mut self.tallies[trouble as usize];
        tally.count += 1;
        let count = tally.count;
        let since = *tally.since.get_or_insert(now);
        let asked = retry_after(headers, now);
        let wait = asked.unwrap_or_else(|| backoff(patience, count, &mut self.seed));
        let until = now.after(wait);
        let hopeless = asked.is_some_and(|wait| wait > self.limits.longest_retry_after);
        if count >= patience.attempts || until.since(since) > patience.within || hopeless {
            return Next::GiveUp(error(self, now));
        }
        Next::Wait { exchange: self, until, why }
    }

    fn done(self, body: Value, now: Moment) -> Next {
        let (status, request_id, attempts) = match self.accepted {
            Some(accepted) => (accepted.status, accepted.request_id, accepted.attempts),
            None => (200, None, self.sent),
        };
        Next::Done(Completed {
            body,
            status,
            request_id,
            attempts,
            polls: self.polls,
            took: now.since(self.began),
        })
    }

    fn stop(self, kind: ErrorKind, what: impl Into<String>, now: Moment) -> Next {
        let what = what.into();
        Next::GiveUp(self.error(kind, what, now))
    }

    /// An error without an answer.
    fn error(self, kind: ErrorKind, message: impl Into<String>, now: Moment) -> Error {
        let effect = self.effect();
        Error::from_details(Details {
            kind,
            status: None,
            code: None,
            message: Some(message.into()),
            details: Vec::new(),
            request_id: self.accepted.and_then(|accepted| accepted.request_id),
            attempts: self.sent,
            took: now.since(self.began),
            effect,
            advice: None,
            method: self.method,
            path: self.path,
        })
    }

    /// An error with Azure's answer.
    fn failure(self, answer: &Response, body: ErrorBody, now: Moment) -> Error {
        let kind = match answer.status {
            404 => ErrorKind::NotFound,
            401 | 403 => ErrorKind::Denied,
            429 => ErrorKind::Throttled,
            409 | 412 => ErrorKind::Conflict,
            408 | 500.. => ErrorKind::Unavailable,
            _ => ErrorKind::Invalid,
        };
        let mut details = (*self.error(kind, "", now)).clone();
        details.status = Some(answer.status);
        details.request_id = answer.headers.request_id();
        Error::from_details(details).with_body(body)
    }

    fn effect(&self) -> Effect {
        match (&self.accepted, self.unclear) {
            (Some(_), _) if self.method.is_write() => Effect::Accepted,
            (_, true) => Effect::Unknown,
            _ => Effect::None,
        }
    }
}
