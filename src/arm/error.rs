//! A failed request, with everything a person needs to act: what was requested, what Azure answered, whether a write may have taken effect,
//! and what to do next.
//!
//! Never contains a token or a signed query. Its text is Azure's own, unescaped: renderers escape it.

use std::fmt::Write as _;
use std::ops::Deref;
use std::time::Duration;

pub use super::error_body::ErrorDetail;
use super::error_body::{ErrorBody, is_absence};
use super::exchange::Method;
use crate::finding::bounded;

/// A request that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.text())]
pub struct Error(Box<Details>);

/// The kind of failure; code branches on this and on `code`, never on text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// 404: it does not exist.
    NotFound,
    /// 401 or 403.
    Denied,
    /// 429 to the last attempt.
    Throttled,
    /// 409 or 412.
    Conflict,
    /// Another 4xx: the request is invalid.
    Invalid,
    /// 5xx to the last attempt.
    Unavailable,
    /// No connection, or it was interrupted.
    Network,
    /// A URL outside of ARM's origin, or a redirect; nothing was sent there.
    Origin,
    /// Ctrl-C while waiting.
    Interrupted,
    /// A success whose body is invalid or too large.
    Unreadable,
    /// A long-running operation ended as `Failed` or `Canceled`.
    OperationFailed,
    /// A long-running operation did not end within its limit.
    TimedOut,
    /// No token.
    SignIn,
}

/// Whether a write may have changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing changed: refused, or never sent. Reads are always this.
    None,
    /// It was sent, and its effect is unknown.
    Unknown,
    /// Azure accepted it; its result is unknown.
    Accepted,
}

/// The details of an [`Error`].
#[derive(Debug, Clone)]
pub struct Details {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// The request's method.
    pub method: Method,
    /// The request's path, redacted and shortened: it may be a URL from an answer.
    pub path: String,
    /// Azure's status, if it answered.
    pub status: Option<u16>,
    /// ARM's code.
    pub code: Option<String>,
    /// ARM's message, or keyless's own.
    pub message: Option<String>,
    /// Inner errors.
    pub details: Vec<ErrorDetail>,
    /// Azure's request id, for support.
    pub request_id: Option<String>,
    /// How often the last request was sent.
    pub attempts: u32,
    /// From the first request to the end.
    pub took: Duration,
    /// Whether a write may have changed something.
    pub effect: Effect,
    /// A remedy known at the place of the error.
    pub advice: Option<String>,
}

impl Deref for Error {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl Error {
    /// An error without an answer from Azure; `message` is a fragment.
    #[must_use]
    pub fn new(kind: ErrorKind, method: Method, path: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind,
            method,
            path: bounded(path.into()),
            status: None,
            code: None,
            message: Some(message.into()),
            details: Vec::new(),
            request_id: None,
            attempts: 0,
            took: Duration::ZERO,
            effect: Effect::None,
            advice: None,
        }))
    }

    pub(super) fn from_details(details: Details) -> Self {
        Self(Box::new(Details { path: bounded(details.path), ..details }))
    }

    /// Adds a remedy.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// Adds ARM's error.
    pub(super) fn with_body(mut self, body: ErrorBody) -> Self {
        self.0.code = body.code;
        self.0.message = body.message;
        self.0.details = body.details;
        self
    }

    /// The error without any text from outside; the code stays if it certainly is one.
    pub(super) fn wordless(mut self) -> Self {
        let is_code = |code: &String| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        let ours = matches!(
            self.kind,
            ErrorKind::Network | ErrorKind::Interrupted | ErrorKind::Origin | ErrorKind::SignIn
        );
        self.0.code = self.0.code.filter(is_code);
        self.0.message = self.0.message.filter(|_| ours);
        self.0.details.clear();
        self
    }

    /// Whether ARM returned this code, at any level.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        let inner = self.details.iter().filter_map(|detail| detail.code.as_deref());
        self.code.as_deref().into_iter().chain(inner).any(|found| found.eq_ignore_ascii_case(code))
    }

    /// Whether ARM says that the resource does not exist; see [`is_absence`] for the codes.
    #[must_use]
    pub fn says_absent(&self) -> bool {
        self.kind == ErrorKind::NotFound
            && self.code.as_deref().is_some_and(is_absence)
            && !self.has_code("SubscriptionNotFound")
    }

    /// The error on a later page of a list: a list whose first page was read exists and is readable, whatever Azure says about the rest.
    pub(super) fn on_a_further_page(mut self) -> Self {
        if matches!(self.0.kind, ErrorKind::NotFound | ErrorKind::Denied) {
            self.0.kind = ErrorKind::Invalid;
        }
        self
    }

    /// Whether the write used an outdated version of the resource. The service also says this about requests without a version while it is
    /// still changing the resource's children: a 412 (<https://github.com/hashicorp/terraform-provider-azurerm/issues/32614>), or a 409
    /// `TransientError` (<https://github.com/pulumi/pulumi-azure-native/issues/4693>). Nothing was written; read again, then retry.
    #[must_use]
    pub fn says_outdated(&self) -> bool {
        const CODES: [&str; 2] = ["IfMatchPreconditionFailed", "TransientError"];
        self.status == Some(412) || CODES.iter().any(|code| self.has_code(code))
    }

    /// The remedy in one line, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        super::hint::hint(self)
    }
}

impl Details {
    fn text(&self) -> String {
        let mut text = match (self.kind, self.status) {
            (ErrorKind::OperationFailed, _) => "the operation failed".to_owned(),
            (ErrorKind::Network, _) if self.advice.is_some() => "no answer".to_owned(),
            (ErrorKind::Network, _) => "no answer from Azure".to_owned(),
            (ErrorKind::Interrupted, _) => "interrupted".to_owned(),
            (ErrorKind::SignIn, _) => "signing in failed".to_owned(),
            (ErrorKind::TimedOut, _) => "the operation did not end in time".to_owned(),
            (ErrorKind::Origin, _) => "refused a URL outside of Azure Resource Manager".to_owned(),
            (ErrorKind::Unreadable, Some(status)) => {
                format!("Azure's answer with status {status} is unreadable")
            }
            (ErrorKind::Unreadable, None) => "Azure's answer is unreadable".to_owned(),
            (_, Some(status)) => format!("Azure answered {status}"),
            (_, None) => "the request could not be made".to_owned(),
        };
        let before_code = if text.starts_with("Azure answered") { " " } else { ": " };
        // `write!` to a String cannot fail.
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => _ = write!(text, "{before_code}{code}: {message}"),
            (Some(code), None) => _ = write!(text, "{before_code}{code}"),
            (None, Some(message)) => _ = write!(text, ": {message}"),
            (None, None) => {}
        }
        for detail in &self.details {
            // Microsoft.Web repeats its message in its details.
            if detail.code.is_none() && detail.message == self.message {
                continue;
            }
            _ = write!(text, "; {detail}");
        }
        // keyless's texts are fragments without a final period; Azure's sentences have one.
        if text.ends_with('.') && !text.ends_with("..") {
            text.pop();
        }
        let mut notes = Vec::new();
        if let Some(id) = &self.request_id {
            notes.push(format!("request {id}"));
        }
        if self.attempts > 1 {
            notes.push(format!("attempt {}, {} s", self.attempts, self.took.as_secs()));
        }
        if !notes.is_empty() {
            _ = write!(text, " ({})", notes.join(", "));
        }
        match self.effect {
            Effect::None => {}
            Effect::Unknown => text.push_str("; it is unknown whether it took effect"),
            Effect::Accepted => {
                if self.kind != ErrorKind::OperationFailed {
                    text.push_str("; Azure accepted it, but its result is unknown");
                }
            }
        }
        text
    }
}
