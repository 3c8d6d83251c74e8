//! What went wrong with a request, with everything a person needs to act: what was asked, what Azure answered, whether a
//! write may have taken effect, and what to do next.
//!
//! Never holds a token or a signed query. Its text is Azure's own, unescaped: renderers escape it.

use std::fmt::Write as _;
use std::ops::Deref;
use std::time::Duration;

pub use super::error_body::Detail;
use super::error_body::{ErrorBody, is_absence};
use super::exchange::Method;
use crate::finding::bounded;

/// A request that did not succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.text())]
pub struct Error(Box<Details>);

/// What sort of failure it is; code branches on this and on `code`, never on text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// 404: it is not there.
    NotFound,
    /// 401 or 403.
    Denied,
    /// 429 to the last attempt.
    Throttled,
    /// 409 or 412.
    Conflict,
    /// Another 4xx: the request is not acceptable.
    Invalid,
    /// 5xx to the last attempt.
    Unavailable,
    /// No connection, or it broke.
    Network,
    /// An address outside of ARM's origin, or a redirect; nothing was sent there.
    Origin,
    /// Ctrl-C while waiting.
    Interrupted,
    /// A success whose body cannot be read, or is too large.
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
    /// It was sent, and what became of it is unknown.
    Unknown,
    /// Azure accepted it; how it ends is unknown.
    Accepted,
}

/// The particulars of an [`Error`].
#[derive(Debug, Clone)]
pub struct Details {
    /// Its sort.
    pub kind: Kind,
    /// What was asked.
    pub method: Method,
    /// Of what; redacted, and cut: it may be an address that an answer named.
    pub path: String,
    /// Azure's status, if it answered.
    pub status: Option<u16>,
    /// ARM's code.
    pub code: Option<String>,
    /// ARM's message, or what we have to say.
    pub message: Option<String>,
    /// Inner errors.
    pub details: Vec<Detail>,
    /// Azure's id of the request, for its support.
    pub request_id: Option<String>,
    /// How often the last request was sent.
    pub attempts: u32,
    /// From the first request to the end.
    pub took: Duration,
    /// Whether a write may have changed something.
    pub effect: Effect,
    /// A next step that whoever made the error knew.
    pub advice: Option<String>,
}

impl Deref for Error {
    type Target = Details;

    fn deref(&self) -> &Details {
        &self.0
    }
}

impl Error {
    /// An error without an answer of Azure; `message` is a fragment.
    #[must_use]
    pub fn new(kind: Kind, method: Method, path: impl Into<String>, message: impl Into<String>) -> Self {
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

    /// Adds the next step.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.0.advice = Some(advice.into());
        self
    }

    /// Adds ARM's words.
    pub(super) fn with_body(mut self, body: ErrorBody) -> Self {
        self.0.code = body.code;
        self.0.message = body.message;
        self.0.details = body.details;
        self
    }

    /// The same without any text that is not ours: a code stays if it can be nothing else.
    pub(super) fn wordless(mut self) -> Self {
        let is_code = |code: &String| code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        let ours = matches!(self.kind, Kind::Network | Kind::Interrupted | Kind::Origin | Kind::SignIn);
        self.0.code = self.0.code.filter(is_code);
        self.0.message = self.0.message.filter(|_| ours);
        self.0.details.clear();
        self
    }

    /// Whether ARM gave this code, at the top or inside.
    #[must_use]
    pub fn has_code(&self, code: &str) -> bool {
        let inner = self.details.iter().filter_map(|detail| detail.code.as_deref());
        self.code.as_deref().into_iter().chain(inner).any(|found| found.eq_ignore_ascii_case(code))
    }

    /// Whether ARM says that the thing is not there; see [`is_absence`] for which codes do.
    #[must_use]
    pub fn says_absent(&self) -> bool {
        self.kind == Kind::NotFound
            && self.code.as_deref().is_some_and(is_absence)
            && !self.has_code("SubscriptionNotFound")
    }

    /// The same, met behind the first page of a list: a list that has begun is there and may be read, whatever Azure says of its rest.
    pub(super) fn on_a_further_page(mut self) -> Self {
        if matches!(self.0.kind, Kind::NotFound | Kind::Denied) {
            self.0.kind = Kind::Invalid;
        }
        self
    }

    /// Whether the write met a version of the resource that is no longer the present one. The service also says so of requests that
    /// named none, while it still works on what stood below the resource: a 412
    /// (<https://github.com/hashicorp/terraform-provider-azurerm/issues/32614>), or a 409 `TransientError`
    /// (<https://github.com/pulumi/pulumi-azure-native/issues/4693>). It was not carried out; read again, then try again.
    #[must_use]
    pub fn says_outdated(&self) -> bool {
        const CODES: [&str; 2] = ["IfMatchPreconditionFailed", "TransientError"];
        self.status == Some(412) || CODES.iter().any(|code| self.has_code(code))
    }

    /// What to do about it, in a line, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        super::hint::hint(self)
    }
}

impl Details {
    fn text(&self) -> String {
        let mut text = match (self.kind, self.status) {
            (Kind::OperationFailed, _) => "the operation failed".to_owned(),
            (Kind::Network, _) if self.advice.is_some() => "no answer".to_owned(),
            (Kind::Network, _) => "no answer from Azure".to_owned(),
            (Kind::Interrupted, _) => "interrupted".to_owned(),
            (Kind::SignIn, _) => "signing in failed".to_owned(),
            (Kind::TimedOut, _) => "the operation did not end in time".to_owned(),
            (Kind::Origin, _) => "an address outside of Azure Resource Manager was refused".to_owned(),
            (Kind::Unreadable, Some(status)) => format!("Azure answered {status} unreadably"),
            (Kind::Unreadable, None) => "Azure's answer is unreadable".to_owned(),
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
        // Our texts are fragments without a final period; Azure's sentences have one.
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
            Effect::Unknown => text.push_str("; whether it took effect is unknown"),
            Effect::Accepted => {
                if self.kind != Kind::OperationFailed {
                    text.push_str("; Azure had accepted it and its outcome is unknown");
                }
            }
        }
        text
    }
}
