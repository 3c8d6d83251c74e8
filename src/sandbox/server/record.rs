//! The transcript: every exchange as one JSON line, without secrets.
//!
//! Input is what came in and what went out; output a line in a file, flushed before the client
//! has its answer. Secrets are recognised by where they stand: headers, fields and parameters
//! with known names. A body that cannot be parsed is not written, because it may hold a secret.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};

use aho_corasick::{AhoCorasick, Input};
use axum::http::HeaderMap;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use url::Url;

use crate::sandbox::Error;
use crate::sandbox::state::store::private;

const REDACTED: &str = "REDACTED";
/// Headers whose value is a secret.
const HEADERS: &[&str] = &[
    "api-key",
    "authorization",
    "cookie",
    "ocp-apim-subscription-key",
    "proxy-authorization",
    "secret",
    "set-cookie",
    "x-identity-header",
    "x-ms-authorization-auxiliary",
];
/// Fields of bodies and forms whose value is a secret; sorted, for binary search.
const FIELDS: &[&str] = &[
    "access_token",
    "accesskeyid",
    "accountkey",
    "api-key",
    "api_key",
    "apikey",
    "assertion",
    "client_assertion",
    "client_secret",
    "clientsecret",
    "code",
    "code_verifier",
    "credentials",
    "device_code",
    "eventhubconnectionstring",
    "id_token",
    "key1",
    "key2",
    "migrationtoken",
    "password",
    "pat",
    "qnaazuresearchendpointkey",
    "refresh_token",
    "sas",
    "secret",
    "secretaccesskey",
    "secrets",
    "secrettext",
    "sharedaccesskey",
    "sharedaccesssignature",
    "sig",
    "storageaccountconnectionstring",
    "subscription-key",
    "subscription_key",
];
/// Text that precedes a secret in a connection string or a signed URL.
const MARKERS: &[&str] = &["accountkey=", "password=", "sharedaccesskey=", "sharedaccesssignature=", "sig="];
/// What is in every body with a secret: the name of its field, or a character before it in a text. A name may be spelled with escapes,
/// and a line break would end the line of the transcript.
static SUSPICIOUS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let names = FIELDS.iter().chain(HEADERS).map(|name| format!("\"{name}\""));
    let signs = ["=", "@", "\\u", "\n", "\r"].map(str::to_owned);
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .build(names.chain(signs))
        .unwrap_or_else(|error| unreachable!("the names are few: {error}"))
});
/// Parameters that sign the URL of an operation.
const SIGNATURE: &[&str] = &["t", "c", "s", "h"];

/// A transcript that is being written.
#[derive(Debug)]
pub(super) struct Recorder {
    file: Mutex<File>,
}

/// One recorded exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) request_headers: &'a HeaderMap,
    pub(crate) request_body: &'a [u8],
    /// 0 if the connection was dropped instead of an answer.
    pub(crate) status: u16,
    pub(crate) response_headers: &'a HeaderMap,
    pub(crate) response_body: &'a [u8],
}

impl Recorder {
    /// Opens a transcript for appending.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let opened = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| private().append(true).open(path));
        match opened {
            Ok(file) => Ok(Self { file: Mutex::new(file) }),
            Err(source) => Err(Error::Record { path: path.to_owned(), source }),
        }
    }

    pub(crate) fn write(&self, exchange: &Exchange) -> std::io::Result<()> {
        let line = line(exchange)?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&line)?;
        file.flush()
    }
}

/// The line of an exchange, with its line break.
fn line(exchange: &Exchange) -> serde_json::Result<Vec<u8>> {
    let fields = [
        ("method", Cow::from(serde_json::to_vec(exchange.method)?)),
        ("url", serde_json::to_vec(&redact_text(exchange.url))?.into()),
        ("request_headers", serde_json::to_vec(&redact_headers(exchange.request_headers))?.into()),
        ("request_body", body(exchange.request_headers, exchange.request_body)?),
        ("status", serde_json::to_vec(&exchange.status)?.into()),
        ("response_headers", serde_json::to_vec(&redact_headers(exchange.response_headers))?.into()),
        ("response_body", body(exchange.response_headers, exchange.response_body)?),
    ];
    let mut line = Vec::new();
    for (name, value) in fields {
        line.push(if line.is_empty() { b'{' } else { b',' });
        serde_json::to_writer(&mut line, name)?;
        line.push(b':');
        line.extend_from_slice(&value);
    }
    line.extend_from_slice(b"}\n");
    Ok(line)
}

/// Most bodies hold nothing that looks like a secret: these are written as they are, which takes a tenth of the time.
fn body<'a>(headers: &HeaderMap, body: &'a [u8]) -> serde_json::Result<Cow<'a, [u8]>> {
    if !SUSPICIOUS.is_match(Input::new(body)) && serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        return Ok(body.into());
    }
    serde_json::to_vec(&redact_body(headers, body)).map(Cow::from)
}

fn redact_headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut shown: Map<String, Value> = Map::new();
    for (name, value) in headers {
        let value = match value.to_str() {
            _ if HEADERS.contains(&name.as_str()) => REDACTED.to_owned(),
            Ok(text) => redact_text(text),
            Err(_) => REDACTED.to_owned(),
        };
        match shown.get_mut(name.as_str()) {
            Some(Value::String(before)) => {
                before.push_str(", ");
                before.push_str(&value);
            }
            _ => {
                shown.insert(name.to_string(), Value::String(value));
            }
        }
    }
    shown
}

/// A text without recognisable secrets: those in the query of a URL (with or without a host), in a connection string, or before
/// the host.
fn redact_text(text: &str) -> String {
    // A password stands before an `@`, all else behind a `=`: most texts have neither.
    if !text.bytes().any(|letter| letter == b'=' || letter == b'@') {
        return text.to_owned();
    }
    without_marked(&without_password(&redact_url(text)))
}

/// A URL without signatures and without parameters whose name says that they are secret.
fn redact_url(text: &str) -> String {
    let Some((path, query)) = text.split_once('?') else { return text.to_owned() };
    let signed = path.to_lowercase().contains("/operationresults/");
    let secret = |pair: &str| {
        url::form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(name, _)| {
            let name = name.to_lowercase();
            is_secret(&name) || (signed && SIGNATURE.contains(&name.as_str()))
        })
    };
    let shown: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if secret(pair) => format!("{name}={REDACTED}"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", shown.join("&"))
}

/// A URL without credentials: `https://user:password@host`.
fn without_password(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.password().is_some() => match url.set_password(Some(REDACTED)) {
            Ok(()) => url.into(),
            Err(()) => REDACTED.to_owned(),
        },
        _ => text.to_owned(),
    }
}

/// A text without the values after a [marker](MARKERS).
fn without_marked(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut shown = String::with_capacity(text.len());
    let mut rest = 0;
    while let Some(end) =
        MARKERS.iter().filter_map(|marker| Some(lower[rest..].find(marker)? + rest + marker.len())).min()
    {
        shown.push_str(&text[rest..end]);
        let length =
            text[end..].find(|c: char| c.is_whitespace() || ";&\"'".contains(c)).unwrap_or(text.len() - end);
        if length > 0 {
            shown.push_str(REDACTED);
        }
        rest = end + length;
    }
    shown.push_str(&text[rest..]);
    shown
}

fn redact_body(headers: &HeaderMap, body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if let Some(mut value) = std::str::from_utf8(body).ok().and_then(|text| text.parse().ok()) {
        redact_fields(&mut value);
        return value;
    }
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(body) {
            let secret = is_secret(&name.to_lowercase());
            form.append_pair(&name, if secret { REDACTED } else { &value });
        }
        return Value::String(form.finish());
    }
    Value::String(format!("<{} bytes that are no JSON>", body.len()))
}

fn redact_fields(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_secret(&name.to_lowercase()) {
                    // The `code` of an error is not an authorization code.
                    let is_error = name == "code" && value.as_str().is_some_and(is_error_code);
                    if !is_error {
                        redact_all(value);
                    }
                } else {
                    redact_fields(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_fields),
        Value::String(text) => *text = redact_text(text),
        _ => {}
    }
}

/// Whether a field of this name (lower case) is a secret.
fn is_secret(name: &str) -> bool {
    FIELDS.binary_search(&name).is_ok() || HEADERS.contains(&name)
}

/// `ResourceNotFound` and its like: letters alone, and short.
fn is_error_code(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|letter| letter.is_ascii_alphabetic() || letter == b'_')
}

/// Masks every value below and keeps the shape. A null stays: it is no secret.
fn redact_all(value: &mut Value) {
    match value {
        Value::Object(fields) => fields.values_mut().for_each(redact_all),
        Value::Array(items) => items.iter_mut().for_each(redact_all),
        Value::Null | Value::Bool(_) => {}
        Value::String(_) | Value::Number(_) => *value = Value::String(REDACTED.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn shown(exchange: &Exchange) -> Value {
        serde_json::from_slice(&line(exchange).unwrap()).unwrap()
    }

    #[test]
    fn a_body_is_written_as_it_is_only_if_nothing_in_it_looks_like_a_secret() {
        let none = HeaderMap::new();
        let as_sent = |text: &str| matches!(body(&none, text.as_bytes()), Ok(Cow::Borrowed(_)));
        assert!(as_sent(r#"{"value":[{"name":"S0","etag":"\"1\""}]}"#));
        for text in [
            r#"{"KEY1":"hush"}"#,
            r#"{"\u006bey1":"hush"}"#,
            r#"{"target":"https://a.test/?sig=hush"}"#,
            r#"{"target":"https://me:hush@a.test"}"#,
            "{\n}",
            "no JSON",
            "",
        ] {
            assert!(!as_sent(text), "{text}");
        }
    }

    #[test]
    fn secrets_are_taken_out_of_headers_urls_forms_and_bodies() {
        let sent = headers(&[
            ("authorization", "Bearer hush"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-ms-client-request-id", "mine"),
        ]);
        let poll = "https://localhost/subscriptions/s/providers/P/locations/l/operationResults/o?api-version=1&t=hush&c=hush&s=hush&h=hush";
        let answered = headers(&[("azure-asyncoperation", poll)]);
        let shown = shown(&Exchange {
            method: "POST",
            url: poll,
            request_headers: &sent,
            request_body: b"grant_type=client_credentials&client_id=me&client_secret=hush",
            status: 200,
            response_headers: &answered,
            response_body: br#"{"access_token":"hush","key1":"hush","properties":{"credentials":{"key":"hush","none":null}},"tags":{"a":"b"}}"#,
        });
        let text = shown.to_string();
        assert!(!text.contains("hush"), "{text}");
        assert_eq!(shown["url"].as_str().unwrap().matches("REDACTED").count(), 4);
        assert_eq!(
            shown["request_body"],
            json!("grant_type=client_credentials&client_id=me&client_secret=REDACTED")
        );
        assert_eq!(
            shown["response_body"]["properties"]["credentials"],
            json!({"key": "REDACTED", "none": null})
        );
        assert_eq!(
            (&shown["response_body"]["tags"], &shown["request_headers"]["x-ms-client-request-id"]),
            (&json!({"a": "b"}), &json!("mine"))
        );
    }

    #[test]
    fn secrets_in_a_query_a_batch_and_an_address_are_taken_out() {
        let none = headers(&[("location", "/a/b?Api-Key=hush&x=1")]);
        let batch = json!({"requests": [{
            "url": "/deployments/d?api-version=1&subscription-key=hush",
            "headers": {"Authorization": "Bearer hush", "api-key": "hush", "Accept": "a/b"},
            "body": {"properties": {"target": "https://s.blob.core.windows.net/c?sv=1&sig=hush&se=2"}},
        }, {"body": {"properties": {
            "target": "https://me:hush@host.test/x",
            "metadata": {"a": "AccountName=n;AccountKey=hush==;EndpointSuffix=e", "b": "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=hush"},
            "note": "signed with sig=hush, se=2",
        }}}]});
        let shown = shown(&Exchange {
            method: "POST",
            url: "http://localhost/openai/models?api-version=1&api-key=hush&subscription-key=hush",
            request_headers: &none,
            request_body: batch.to_string().as_bytes(),
            status: 200,
            response_headers: &none,
            response_body: batch.to_string().as_bytes(),
        });
        let text = shown.to_string();
        assert!(!text.contains("hush"), "{text}");
        assert_eq!(
            shown["url"],
            "http://localhost/openai/models?api-version=1&api-key=REDACTED&subscription-key=REDACTED"
        );
        let requests = &shown["request_body"]["requests"];
        assert_eq!(
            requests[0]["headers"],
            json!({"Authorization": "REDACTED", "api-key": "REDACTED", "Accept": "a/b"})
        );
        assert_eq!(
            requests[0]["body"]["properties"]["target"],
            "https://s.blob.core.windows.net/c?sv=1&sig=REDACTED&se=2"
        );
        assert_eq!(
            requests[1]["body"]["properties"]["metadata"],
            json!({
                "a": "AccountName=n;AccountKey=REDACTED;EndpointSuffix=e",
                "b": "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=REDACTED",
            })
        );
        // A word that only ends in such a name is not a secret.
        assert_eq!(redact_text("config=1 and design=2"), "config=1 and design=2");
    }

    #[test]
    fn every_name_of_a_secret_is_found() {
        assert!(FIELDS.is_sorted());
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        let text = "http://127.0.0.1:1/subscriptions?api-version=2022-12-01&$filter=a%20eq%20'b'&t=1";
        assert_eq!(redact_url(text), text);
        let error = br#"{"error":{"code":"ResourceNotFound","message":"m"}}"#;
        assert_eq!(redact_body(&HeaderMap::new(), error)["error"]["code"], "ResourceNotFound");
        assert_eq!(redact_body(&HeaderMap::new(), b""), Value::Null);
    }

    #[test]
    fn what_cannot_be_read_is_not_written() {
        let torn = br#"{"properties":{"credentials":{"key":"hush"#;
        assert_eq!(redact_body(&HeaderMap::new(), torn), json!("<41 bytes that are no JSON>"));
    }
}
