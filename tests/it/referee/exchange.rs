//! One HTTP exchange, whatever recorded it: the sandbox's transcripts, cassettes, examples.
//!
//! Input is a transcript line or the parts; output is a value that the contract and the replay read. It judges nothing.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use url::Url;

/// The body of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Payload {
    Empty,
    Json(Value),
    Other(String),
}

impl Payload {
    /// Read a body's text: nothing, JSON, or something else.
    pub(crate) fn from_text(text: &str) -> Self {
        if text.trim().is_empty() {
            return Self::Empty;
        }
        serde_json::from_str(text).map_or_else(|_| Self::Other(text.to_owned()), Self::Json)
    }

    /// The JSON, if it is any.
    pub(crate) fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) => Some(value),
            Self::Empty | Self::Other(_) => None,
        }
    }

    fn from_record(value: Option<&Value>) -> Self {
        match value {
            None | Some(Value::Null) => Self::Empty,
            Some(Value::String(text)) => Self::from_text(text),
            Some(other) => Self::Json(other.clone()),
        }
    }
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) url: Url,
    /// Names in lower case; empty if the recorder kept none.
    pub(crate) request_headers: BTreeMap<String, String>,
    pub(crate) request: Payload,
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) response_headers: BTreeMap<String, String>,
    pub(crate) response: Payload,
}

impl Exchange {
    /// Read one line of a transcript: `method`, `url`, `request_body`, `status`, `response_headers`, `response_body`.
    pub(crate) fn from_line(line: &str) -> Result<Self, String> {
        let record: Value = serde_json::from_str(line).map_err(|error| format!("not JSON: {error}"))?;
        let text = |name: &str| {
            record[name].as_str().map(str::to_owned).ok_or_else(|| format!("`{name}` is not a string"))
        };
        let status = record["status"].as_u64().and_then(|code| u16::try_from(code).ok());
        Ok(Self {
            method: text("method")?,
            url: absolute(&text("url")?)?,
            request_headers: headers(&record["request_headers"]),
            request: Payload::from_record(record.get("request_body")),
            status: status.ok_or("`status` is not a status code")?,
            response_headers: headers(&record["response_headers"]),
            response: Payload::from_record(record.get("response_body")),
        })
    }

    /// The path, cut at slashes, percent signs resolved.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.url.path().split('/').filter(|part| !part.is_empty()).map(decode).collect()
    }

    /// A header of the answer.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.response_headers.get(name).map(String::as_str)
    }
}

/// Every exchange of a transcript; a line that cannot be read is an error.
pub(crate) fn read_transcript(path: &Path) -> Result<Vec<Exchange>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            Exchange::from_line(line).map_err(|error| format!("{}:{}: {error}", path.display(), at + 1))
        })
        .collect()
}

/// A transcript may hold the path alone; the host does not matter then.
fn absolute(url: &str) -> Result<Url, String> {
    let base = Url::parse("http://127.0.0.1/").map_err(|error| error.to_string())?;
    base.join(url).map_err(|error| format!("`{url}`: {error}"))
}

/// Headers as an object of strings or lists of strings, or as a list of pairs.
fn headers(value: &Value) -> BTreeMap<String, String> {
    let first = |value: &Value| match value {
        Value::Array(items) => items.first().and_then(Value::as_str).map(str::to_owned),
        other => other.as_str().map(str::to_owned),
    };
    let pairs: Vec<(String, Option<String>)> = match value {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), first(value))).collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(|pair| Some((pair.get(0)?.as_str()?.to_owned(), first(pair.get(1)?))))
            .collect(),
        _ => Vec::new(),
    };
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_lowercase(), value?))).collect()
}

/// Resolve `%XX`; a byte sequence that is not UTF-8 stays readable.
pub(crate) fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let code = hex.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| byte == b'%');
        bytes.push(code.unwrap_or(byte));
        rest = &tail[if code.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
