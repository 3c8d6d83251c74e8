//! The transcript: every exchange as one JSON line, without secrets.
//!
//! Input is what came in and what went out; output a line in a file, flushed before the client
//! has its answer. Secrets are recognised by where they stand: headers, fields and parameters
//! with known names. What cannot be read is not written, because nobody can tell what is in it.

use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use url::Url;

use super::Error;
use super::http::to_json;
use super::store::private;

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
/// Fields of bodies and forms whose value is a secret, whatever they stand in.
const FIELDS: &[&str] = &[
    "access_token",
    "accesskeyid",
    "accountkey",
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
    "pat",
    "password",
    "qnaazuresearchendpointkey",
    "refresh_token",
    "sas",
    "secret",
    "secretaccesskey",
    "secrets",
    "secrettext",
    "storageaccountconnectionstring",
];
/// Parameters that sign the URL of an operation.
const SIGNATURE: &[&str] = &["t", "c", "s", "h"];

/// A transcript that is being written.
#[derive(Debug)]
pub(super) struct Recorder {
    file: Mutex<File>,
}

/// What there is to record of one exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a str,
    pub(super) request_headers: &'a HeaderMap,
    pub(super) request_body: &'a [u8],
    /// 0 if the connection was dropped instead of an answer.
    pub(super) status: u16,
    pub(super) response_headers: &'a HeaderMap,
    pub(super) response_body: &'a [u8],
}

impl Recorder {
    /// Opens a transcript; what is in it stays.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
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

    /// Appends an exchange.
    pub(super) fn write(&self, exchange: &Exchange) -> std::io::Result<()> {
        let line = line(exchange);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(line.as_bytes())?;
        file.flush()
    }
}

fn line(exchange: &Exchange) -> String {
    let mut line = String::from("{");
    for (name, value) in [
        ("method", Cow::Owned(to_json(&exchange.method))),
        ("url", Cow::Owned(to_json(&redact_url(exchange.url)))),
        ("request_headers", Cow::Owned(to_json(&redact_headers(exchange.request_headers)))),
        ("request_body", body(exchange.request_headers, exchange.request_body)),
        ("status", Cow::Owned(exchange.status.to_string())),
        ("response_headers", Cow::Owned(to_json(&redact_headers(exchange.response_headers)))),
        ("response_body", body(exchange.response_headers, exchange.response_body)),
    ] {
        let comma = if line.len() > 1 { "," } else { "" };
        for part in [comma, "\"", name, "\":", &value] {
            line.push_str(part);
        }
    }
    line.push_str("}\n");
    line
}

fn redact_headers(headers: &HeaderMap) -> Map<String, Value> {
    let mut shown: Map<String, Value> = Map::new();
    for (name, value) in headers {
        let value = match value.to_str() {
            _ if HEADERS.contains(&name.as_str()) => REDACTED.to_owned(),
            Ok(text) if text.starts_with("http") => redact_url(text),
            Ok(text) => text.to_owned(),
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

/// A URL without the values that sign it, or that are secrets by name.
fn redact_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return text.to_owned() };
    if url.query().is_none() {
        return text.to_owned();
    }
    let signed = url.path().to_lowercase().contains("/operationresults/");
    let secret = |name: &str| {
        let name = name.to_lowercase();
        FIELDS.contains(&name.as_str()) || name == "sig" || (signed && SIGNATURE.contains(&name.as_str()))
    };
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if !pairs.iter().any(|(name, _)| secret(name)) {
        return text.to_owned();
    }
    url.query_pairs_mut()
        .clear()
        .extend_pairs(pairs.iter().map(|(name, value)| (name, if secret(name) { REDACTED } else { value })));
    url.into()
}

/// A body as it came, if no name of a secret stands in it, however it is written, and it is one line. Lists of SKUs are large, and
/// taking them apart would be most of a recording.
fn plain(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let small = text.to_lowercase();
    let named = |field: &&str| small.contains(&format!("\"{field}\""));
    let taken_apart =
        text.contains(['\n', '\r']) || text.contains("\\u") || text.contains("/operationResults/");
    if taken_apart || FIELDS.iter().any(named) {
        return None;
    }
    serde_json::from_str::<IgnoredAny>(text).is_ok().then_some(text)
}

fn body<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, str> {
    plain(body).map_or_else(|| Cow::Owned(to_json(&redact_body(headers, body))), Cow::Borrowed)
}

fn redact_body(headers: &HeaderMap, body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    if let Ok(mut value) = serde_json::from_slice(body) {
        redact_fields(&mut value);
        return value;
    }
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(body) {
            let secret = FIELDS.contains(&name.to_lowercase().as_str());
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
                if FIELDS.contains(&name.to_lowercase().as_str()) {
                    // An error's `code` is no authorization code.
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
        Value::String(text) if text.contains("/operationResults/") => *text = redact_url(text),
        _ => {}
    }
}

/// `ResourceNotFound` and its like: letters alone, and short.
fn is_error_code(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|letter| letter.is_ascii_alphabetic() || letter == b'_')
}

/// Takes away every value below, and keeps the shape: a null is no secret, and says that there is none.
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

    #[test]
    fn secrets_are_taken_out_of_headers_urls_forms_and_bodies() {
        let sent = headers(&[
            ("authorization", "Bearer hush"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-ms-client-request-id", "mine"),
        ]);
        let poll = "https://localhost/subscriptions/s/providers/P/locations/l/operationResults/o?api-version=1&t=hush&c=hush&s=hush&h=hush";
        let answered = headers(&[("azure-asyncoperation", poll)]);
        let text = line(&Exchange {
            method: "POST",
            url: poll,
            request_headers: &sent,
            request_body: b"grant_type=client_credentials&client_id=me&client_secret=hush",
            status: 200,
            response_headers: &answered,
            response_body: br#"{"access_token":"hush","key1":"hush","properties":{"credentials":{"key":"hush","none":null}},"tags":{"a":"b"}}"#,
        });
        let read: Value = serde_json::from_str(&text).unwrap();
        assert!(!text.contains("hush"), "{text}");
        assert_eq!(read["url"].as_str().unwrap().matches("REDACTED").count(), 4);
        assert_eq!(
            read["request_body"],
            json!("grant_type=client_credentials&client_id=me&client_secret=REDACTED")
        );
        assert_eq!(
            read["response_body"]["properties"]["credentials"],
            json!({"key": "REDACTED", "none": null})
        );
        assert_eq!(
            (&read["response_body"]["tags"], &read["request_headers"]["x-ms-client-request-id"]),
            (&json!({"a": "b"}), &json!("mine"))
        );
    }

    #[test]
    fn a_body_is_written_as_it_came_only_where_nothing_in_it_can_be_a_secret() {
        for body in [r#"{"value":[1.50,"a"]}"#, r#"{"reasonCode":"x","keys":1}"#] {
            assert_eq!(plain(body.as_bytes()), Some(body));
        }
        for body in [
            r#"{"Key1":"hush"}"#,
            r#"{"a":{"sas" : "hush"}}"#,
            "{\"\u{212a}ey1\":\"hush\"}",
            r#"{"\u006bey1":"hush"}"#,
            "{\"a\":\n1}",
            r#"["https://host/operationResults/o?t=hush"]"#,
            r#"{"properties":{"credentials"#,
            r#"{"a":"#,
            "",
        ] {
            assert!(plain(body.as_bytes()).is_none(), "{body}");
        }
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
