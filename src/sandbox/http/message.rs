//! The sandbox's own types for a request and its reply.
//!
//! Everything between `server` and the handlers speaks in these two types, so that
//! handlers stay free of sockets and clocks. Nothing here knows Azure.

use std::borrow::Cow;

use axum::http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{base64url, errors};

/// Size of a part of a streamed body, in bytes.
const PART: usize = 32 * 1024;

/// Who sent a request, according to its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Object id in the directory.
    pub(crate) object_id: String,
    /// What `systemData` shows: a user principal name, or an application id.
    pub(crate) name: String,
    /// `User` or `Application`.
    pub(crate) kind: &'static str,
}

impl Caller {
    /// The caller before a token was read.
    pub(crate) fn without_token() -> Self {
        Self { object_id: String::new(), name: String::new(), kind: "User" }
    }
}

/// One request, decoded as far as every handler needs it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// The path as sent.
    pub(crate) path: String,
    /// Path segments, percent-decoded, without empty ones.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Id of this exchange, which the answer's headers name.
    pub(crate) id: String,
    /// Scheme and authority that the client used; links are built on it.
    pub(crate) origin: String,
    pub(crate) caller: Caller,
}

impl Request {
    /// First value of a query parameter; names compare without case, as ARM does.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The URL that was called.
    pub(crate) fn url(&self) -> String {
        if self.query.is_empty() {
            return format!("{}{}", self.origin, self.path);
        }
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        format!("{}{}?{query}", self.origin, self.path)
    }

    /// The same URL with another `$skipToken`.
    pub(crate) fn next_link(&self, token: &str) -> String {
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
    pub(crate) fn sandbox_json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Reply> {
        // Through a map, because a struct would take a list for its fields.
        let body: Map<String, Value> = serde_json::from_slice(&self.body)
            .map_err(|error| errors::sandbox_invalid(&error.to_string()))?;
        serde_json::from_value(Value::Object(body))
            .map_err(|error| errors::sandbox_invalid(&error.to_string()))
    }

    /// The body as a JSON object, or ARM's refusal.
    pub(crate) fn json_object(&self) -> Result<Map<String, Value>, Reply> {
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(errors::invalid_content("expected a JSON object")),
            Err(error) => Err(errors::invalid_content(&error.to_string())),
        }
    }
}

/// One element of a list, written when it is sent.
pub(crate) type Item = Box<dyn FnOnce() -> String + Send>;

/// An element whose text is already written.
pub(crate) fn written(text: String) -> Item {
    Box::new(move || text)
}

/// The body of an answer.
pub(crate) enum Content {
    /// Text that is already written.
    Whole(Vec<u8>),
    /// A list, whose elements may be large: `{"value":[`, elements, end.
    List { items: Vec<Item>, end: String },
}

impl Content {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Whole(text) if text.is_empty())
    }

    /// The text in parts, each written on demand.
    pub(crate) fn parts(self) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
        let (items, end) = match self {
            Self::Whole(text) => return Box::new(std::iter::once(text)),
            Self::List { items, end } => (items, end),
        };
        let separated = items.into_iter().enumerate().map(|(index, item)| {
            let mut text = item();
            text.insert_str(0, if index == 0 { "{\"value\":[" } else { "," });
            text
        });
        let mut texts = separated.chain(std::iter::once(end));
        Box::new(std::iter::from_fn(move || {
            let mut part = texts.next()?.into_bytes();
            while part.len() < PART {
                let Some(text) = texts.next() else { break };
                part.extend(text.into_bytes());
            }
            Some(part)
        }))
    }

    pub(crate) fn text(self) -> Vec<u8> {
        match self {
            Self::Whole(text) => text,
            list @ Self::List { .. } => list.parts().collect::<Vec<_>>().concat(),
        }
    }
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) content: Content,
}

impl Reply {
    /// An answer without content.
    pub(crate) fn empty(status: u16) -> Self {
        Self::text(status, Vec::new())
    }

    /// An answer with JSON text that is already written.
    pub(crate) fn text(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), content: Content::Whole(body.into()) }
    }

    /// An answer with a JSON value.
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        Self::text(status, to_json(body))
    }

    /// The same answer with one more header.
    pub(crate) fn with(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Segments of a path, percent-decoded, without empty ones; invalid UTF-8 is replaced.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect()
}

fn decoded(segment: &str) -> String {
    // `+` means itself in a path; everything else is as in a form.
    let escaped = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(escaped.as_bytes())
        .next()
        .map_or_else(|| segment.to_owned(), |(name, _)| name.into_owned())
}

/// JSON text of a value.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    // Invariant: what we serialise has string keys and no failing `Serialize`.
    serde_json::to_string(value).expect("a value of ours is serialisable")
}

/// Writes a JSON object field by field, in the order in which ARM writes it.
///
/// Text that is the same in every body (rate limits of a kind are 30 KB) is inserted unchanged.
#[derive(Debug)]
pub(crate) struct ObjectText(String);

impl ObjectText {
    pub(crate) fn new() -> Self {
        Self(String::from("{"))
    }

    /// Adds a field with a value.
    pub(crate) fn field(&mut self, name: &str, value: &impl Serialize) -> &mut Self {
        self.raw(name, &to_json(value))
    }

    /// Adds a field unless its value is absent.
    pub(crate) fn optional(&mut self, name: &str, value: Option<&impl Serialize>) -> &mut Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// Adds a field whose value is JSON text.
    pub(crate) fn raw(&mut self, name: &str, json: &str) -> &mut Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&to_json(&name));
        self.0.push(':');
        self.0.push_str(json);
        self
    }

    pub(crate) fn end(&mut self) -> String {
        let mut text = std::mem::take(&mut self.0);
        text.push('}');
        text
    }
}

/// Makes one page of a list: at most `size` items after the page before, and a link to the rest.
///
/// `items` gives (key, item) in ascending order of keys; the key of the last item on a page
/// is the token of the next, so a list that changes between pages neither repeats nor loses.
pub(crate) fn page<'a>(
    request: &Request,
    size: usize,
    items: impl Iterator<Item = (&'a str, impl FnOnce() -> Item)>,
) -> Reply {
    let after = match after(request) {
        Ok(after) => after,
        Err(refusal) => return refusal,
    };
    let mut items = items.skip_while(|(key, _)| after.as_deref().is_some_and(|after| *key <= after));
    let (mut shown, mut last) = (Vec::new(), None);
    for (key, item) in items.by_ref().take(size) {
        shown.push(item());
        last = Some(key);
    }
    let mut end = String::from(if shown.is_empty() { "{\"value\":[]" } else { "]" });
    if let (Some(_), Some(key)) = (items.next(), last) {
        end.push_str(",\"nextLink\":");
        end.push_str(&to_json(&request.next_link(&encode_token(key))));
    }
    end.push('}');
    Reply { status: 200, headers: Vec::new(), content: Content::List { items: shown, end } }
}

/// The key after which a page begins.
pub(crate) fn after(request: &Request) -> Result<Option<String>, Reply> {
    match request.query("$skipToken").map(decode_token) {
        None => Ok(None),
        Some(Some(key)) => Ok(Some(key)),
        Some(None) => Err(errors::bad_request("InvalidSkipToken", "The skip token is not valid.")),
    }
}

fn encode_token(key: &str) -> String {
    base64url::encode(key.as_bytes())
}

fn decode_token(token: &str) -> Option<String> {
    String::from_utf8(base64url::decode(token)?).ok()
}
