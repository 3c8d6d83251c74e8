//! The sandbox's own view of one exchange: what came in, what goes out.
//!
//! Everything between the rim (`server`) and the handlers speaks in these two types, so that
//! handlers stay free of sockets and clocks. Nothing here knows Azure.

use axum::http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::{Map, Value};

use super::errors;

/// Who sent a request, as far as the token tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// Object id in the directory.
    pub(super) object_id: String,
    /// What `systemData` shows: a user principal name, or an application id.
    pub(super) name: String,
    /// `User` or `Application`.
    pub(super) kind: &'static str,
}

impl Caller {
    /// Nobody, as long as no token was read.
    pub(super) fn nobody() -> Self {
        Self { object_id: String::new(), name: String::new(), kind: "User" }
    }
}

/// One request, decoded as far as every handler needs it.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Path as it was sent.
    pub(super) path: String,
    /// Path segments, percent-decoded, without empty ones.
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Id of this exchange, which the answer's headers name.
    pub(super) id: String,
    /// Scheme and authority under which the client reached us; links are built on it.
    pub(super) origin: String,
    pub(super) caller: Caller,
}

impl Request {
    /// First value of a query parameter; names compare without case, as ARM does.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The URL that was called.
    pub(super) fn url(&self) -> String {
        if self.query.is_empty() {
            return format!("{}{}", self.origin, self.path);
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        format!("{}{}?{query}", self.origin, self.path)
    }

    /// The same URL with another `$skipToken`.
    pub(super) fn next_link(&self, token: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (key, value) in &self.query {
            if !key.eq_ignore_ascii_case("$skipToken") {
                query.append_pair(key, value);
            }
        }
        query.append_pair("$skipToken", token);
        format!("{}{}?{}", self.origin, self.path, query.finish())
    }

    /// The body of a request to the sandbox itself.
    pub(super) fn sandbox_json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Reply> {
        // Through a map, because a struct would take a list for its fields.
        let body: Map<String, Value> = serde_json::from_slice(&self.body)
            .map_err(|error| errors::sandbox_invalid(&error.to_string()))?;
        serde_json::from_value(Value::Object(body))
            .map_err(|error| errors::sandbox_invalid(&error.to_string()))
    }

    /// The body as a JSON object, or ARM's complaint.
    pub(super) fn json_object(&self) -> Result<Map<String, Value>, Reply> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(errors::invalid_content("expected a JSON object")),
            Err(error) => Err(errors::invalid_content(&error.to_string())),
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    /// JSON text; empty means no content.
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// An answer without content.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An answer with JSON text that is already written.
    pub(super) fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// An answer with a JSON value.
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        Self::text(status, to_json(body))
    }

    /// The same answer with one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Segments of a path, percent-decoded, without empty ones; bytes that are no text stay readable.
pub(super) fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect()
}

fn decoded(segment: &str) -> String {
    // `+` means itself in a path; everything else is as in a form.
    let escaped = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map_or_else(|| segment.to_owned(), |(name, _)| name.into_owned())
}

/// JSON text of a value of ours.
pub(super) fn to_json(value: &impl Serialize) -> String {
    // Invariant: what we serialise has string keys and no failing `Serialize`.
    serde_json::to_string(value).expect("a value of ours is serialisable")
}

/// Writes a JSON object field by field, in the order in which ARM writes it.
///
/// Text that is the same in every body (rate limits of a kind are 30 KB) is spliced in as it is.
#[derive(Debug)]
pub(super) struct ObjectText(String);

impl ObjectText {
    pub(super) fn new() -> Self {
        Self(String::from("{"))
    }

    /// Adds a field with a value.
    pub(super) fn field(&mut self, name: &str, value: &impl Serialize) -> &mut Self {
        self.raw(name, &to_json(value))
    }

    /// Adds a field unless its value is absent.
    pub(super) fn optional(&mut self, name: &str, value: Option<&impl Serialize>) -> &mut Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// Adds a field whose value is JSON text.
    pub(super) fn raw(&mut self, name: &str, json: &str) -> &mut Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&to_json(&name));
        self.0.push(':');
        self.0.push_str(json);
        self
    }

    pub(super) fn end(&mut self) -> String {
        let mut text = std::mem::take(&mut self.0);
        text.push('}');
        text
    }
}

/// Writes one page of a list: at most `size` items after `after`, and a link to the rest.
///
/// `items` gives (key, text) in ascending order of keys; the key of the last item on a page
/// is the token of the next, so a list that changes between pages neither repeats nor loses.
pub(super) fn page<'a, Text: AsRef<str>>(
    request: &Request,
    size: usize,
    items: impl Iterator<Item = (&'a str, Box<dyn FnOnce() -> Text + 'a>)>,
) -> Reply {
    let after = match request.query("$skipToken").map(decode_token) {
        None => None,
        Some(Some(key)) => Some(key),
        Some(None) => {
            return errors::bad_request("InvalidSkipToken", "The skip token is not valid.");
        }
    };
    let mut body = String::from("{\"value\":[");
    let (mut count, mut last) = (0, None);
    let mut more = false;
    for (key, text) in items {
        if after.as_deref().is_some_and(|after| key <= after) {
            continue;
        }
        if count == size {
            more = true;
            break;
        }
        if count > 0 {
            body.push(',');
        }
        body.push_str(text().as_ref());
        count += 1;
        last = Some(key);
    }
    body.push(']');
    if let (true, Some(key)) = (more, last) {
        body.push_str(",\"nextLink\":");
        body.push_str(&to_json(&request.next_link(&encode_token(key))));
    }
    body.push('}');
    Reply::text(200, body)
}

fn encode_token(key: &str) -> String {
    super::base64url::encode(key.as_bytes())
}

fn decode_token(token: &str) -> Option<String> {
    String::from_utf8(super::base64url::decode(token)?).ok()
}
