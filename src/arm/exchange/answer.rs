//! An HTTP answer as the machine sees it: status, headers, and a body that may be unreadable.

use std::fmt;

use serde_json::Value;

use crate::arm::error_body::{self, ErrorBody};
use crate::id::is_request_id;
use crate::text::excerpt::first_words;

/// An answer from Azure.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// What Azure says beside the body.
    pub headers: Headers,
    /// What was asked for, or why not.
    pub body: ResponseBody,
}

/// What an answer contains.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseBody {
    /// No bytes.
    Empty,
    /// A JSON document.
    Json(Value),
    /// A success that the caller read while it was received.
    Taken,
    /// Truncated, or not JSON.
    Unreadable {
        /// Why, as a fragment.
        reason: String,
        /// The first words, for people.
        start: Option<String>,
        /// Whether repeating the request is useless, for example because the answer is too large.
        lasting: bool,
    },
}

impl Response {
    /// The error in the body; empty for a success.
    pub(super) fn error_body(&self) -> ErrorBody {
        if self.status < 300 {
            return ErrorBody::default();
        }
        match &self.body {
            ResponseBody::Json(value) => error_body::read_value(value),
            ResponseBody::Unreadable { start, .. } => {
                ErrorBody { message: start.clone(), ..ErrorBody::default() }
            }
            ResponseBody::Empty | ResponseBody::Taken => ErrorBody::default(),
        }
    }

    /// The error in the body of a success.
    pub(super) fn error_in_success(&self) -> Option<ErrorBody> {
        match &self.body {
            ResponseBody::Json(value) => error_body::in_success(value),
            ResponseBody::Empty | ResponseBody::Taken | ResponseBody::Unreadable { .. } => None,
        }
    }
}

impl ResponseBody {
    /// Parses a complete body.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return ResponseBody::Empty;
        }
        match serde_json::from_slice(bytes) {
            Ok(value) => ResponseBody::Json(value),
            Err(error) => ResponseBody::unreadable(format!("the body is not JSON ({error})"), bytes),
        }
    }

    /// An unreadable body, with the part that was received.
    #[must_use]
    pub fn unreadable(reason: impl Into<String>, bytes: &[u8]) -> Self {
        ResponseBody::Unreadable { reason: reason.into(), start: first_words(bytes), lasting: false }
    }

    /// The state of a resource or operation: `status`, or `properties.provisioningState`.
    pub(super) fn state(&self, pointers: &[&str]) -> Option<&str> {
        let ResponseBody::Json(value) = self else { return None };
        pointers.iter().find_map(|pointer| value.pointer(pointer)?.as_str())
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            ResponseBody::Json(value) => value,
            ResponseBody::Empty | ResponseBody::Taken | ResponseBody::Unreadable { .. } => Value::Null,
        }
    }
}

/// Headers; names ignore case. `Debug` shows only names, because some values are signed URLs.
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

    /// Azure's request id.
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
