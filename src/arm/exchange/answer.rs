//! An HTTP answer as the machine sees it: status, headers, and a body that was read or could not be.

use std::fmt;

use serde_json::Value;

use crate::arm::error_body::{self, ErrorBody};
use crate::id::is_request_id;
use crate::text::excerpt::first_words;

/// An answer of Azure.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: Headers,
    /// Body.
    pub body: Body,
}

/// A body.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// No bytes.
    Empty,
    /// JSON.
    Json(Value),
    /// A success that the caller read as it came in.
    Taken,
    /// Truncated, or not JSON.
    Unreadable {
        /// Why, as a fragment.
        reason: String,
        /// The first words, for people.
        start: Option<String>,
        /// Whether asking again is useless, as with an answer that is too large.
        lasting: bool,
    },
}

impl Answer {
    /// What it says went wrong; nothing where it is a success.
    pub(super) fn error_body(&self) -> ErrorBody {
        if self.status < 300 {
            return ErrorBody::default();
        }
        match &self.body {
            Body::Json(value) => error_body::read_value(value),
            Body::Unreadable { start, .. } => ErrorBody { message: start.clone(), ..ErrorBody::default() },
            Body::Empty | Body::Taken => ErrorBody::default(),
        }
    }

    /// The error that stands in the body of a success.
    pub(super) fn error_in_success(&self) -> Option<ErrorBody> {
        match &self.body {
            Body::Json(value) => error_body::in_success(value),
            Body::Empty | Body::Taken | Body::Unreadable { .. } => None,
        }
    }
}

impl Body {
    /// Reads whole bytes.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Body::Empty;
        }
        match serde_json::from_slice(bytes) {
            Ok(value) => Body::Json(value),
            Err(error) => Body::unreadable(format!("the body is not JSON ({error})"), bytes),
        }
    }

    /// A body that cannot be read, with what came of it.
    #[must_use]
    pub fn unreadable(reason: impl Into<String>, bytes: &[u8]) -> Self {
        Body::Unreadable { reason: reason.into(), start: first_words(bytes), lasting: false }
    }

    /// The state that a resource or operation tells: `status`, or `properties.provisioningState`.
    pub(super) fn state(&self, pointers: &[&str]) -> Option<&str> {
        let Body::Json(value) = self else { return None };
        pointers.iter().find_map(|pointer| value.pointer(pointer)?.as_str())
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            Body::Json(value) => value,
            Body::Empty | Body::Taken | Body::Unreadable { .. } => Value::Null,
        }
    }
}

/// Headers; names compare without case. `Debug` shows names only, because some values are signed addresses.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Headers {
    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Azure's id of the request.
    #[must_use]
    pub fn request_id(&self) -> Option<String> {
        ["x-ms-request-id", "x-ms-correlation-request-id", "request-id", "apim-request-id"]
            .iter()
            .filter_map(|name| self.get(name))
            .find(|id| is_request_id(id))
            .map(str::to_owned)
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
