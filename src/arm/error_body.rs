//! Error bodies: from the bytes of a failed answer to code, message and details.
//!
//! Accepts every form sent by ARM, resource providers, Graph, Entra and proxies, and keeps all of their text. Pure.

use std::fmt;

use serde_json::{Map, Value};

use crate::text::scrub::scrub;

/// The content of an error body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ErrorBody {
    pub code: Option<String>,
    pub message: Option<String>,
    pub details: Vec<ErrorDetail>,
}

/// An inner error of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorDetail {
    /// ARM's code.
    pub code: Option<String>,
    /// What Azure says is wrong.
    pub message: Option<String>,
    /// The field or resource that it concerns.
    pub target: Option<String>,
}

impl fmt::Display for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => write!(f, "{code}: {message}")?,
            (Some(text), None) | (None, Some(text)) => f.write_str(text)?,
            (None, None) => {}
        }
        match &self.target {
            Some(target) => write!(f, " (target `{target}`)"),
            None => Ok(()),
        }
    }
}

/// The maximum nesting of inner errors.
const DEPTH: usize = 8;

/// Parses an error body in JSON, including that of a failed operation, whose status is 200.
pub(super) fn read_value(value: &Value) -> ErrorBody {
    let mut found = ErrorBody::default();
    match value {
        Value::Object(map) => match field(map, &["error", "odata.error"]) {
            // Entra: {"error": "invalid_client", "error_description": "..."}
            Some(Value::String(code)) => {
                found.code = Some(code.clone());
                found.message = words(map, &["error_description", "message"]);
            }
            Some(Value::Object(inner)) => from_object(inner, &mut found),
            _ => from_object(map, &mut found),
        },
        // Some providers send a list of errors, or bare text in quotes.
        Value::Array(items) => {
            let mut rest = items.iter().filter_map(Value::as_object);
            if let Some(first) = rest.next() {
                from_object(first, &mut found);
            }
            for item in rest {
                add_detail(item, &mut found.details, 0);
            }
        }
        Value::String(words) => found.message = Some(scrub(words).into_owned()),
        _ => {}
    }
    found
}

/// The error in the body of a successful answer.
pub(super) fn in_success(value: &Value) -> Option<ErrorBody> {
    let inner = field(value.as_object()?, &["error", "odata.error", "@odata.error"])?;
    if is_blank(inner) {
        return None;
    }
    let mut found = read_value(value);
    if found.code.is_none() && found.message.is_none() {
        found.message = Some("the body contains an error without a message".to_owned());
    }
    Some(found)
}

/// Whether the body of a success contains an error.
pub(crate) fn carries_error(value: &Value) -> bool {
    in_success(value).is_some()
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(is_blank),
        Value::Object(map) => map.values().all(is_blank),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Codes of a 404 that do not concern the resource itself: they concern the URL, or a subscription that the caller may just not see.
const OTHERWISE: [&str; 4] =
    ["InvalidResourceNamespace", "InvalidResourceType", "NoRegisteredProviderFound", "SubscriptionNotFound"];

/// Whether a 404 with this code means that the resource does not exist. A 404 without a code, or with a number, comes from a proxy.
/// Providers have codes of their own: public reports show `UserError` from Machine Learning.
pub(super) fn is_absence(code: &str) -> bool {
    let is_a_number = code.bytes().all(|byte| byte.is_ascii_digit());
    !is_a_number && OTHERWISE.iter().all(|other| !other.eq_ignore_ascii_case(code))
}

fn from_object(map: &Map<String, Value>, found: &mut ErrorBody) {
    found.code = text(map, &["code", "errorCode"]);
    found.message = words(map, &["message", "errorMessage"]);
    inner(map, &mut found.details, 0);
}

fn inner(map: &Map<String, Value>, details: &mut Vec<ErrorDetail>, depth: usize) {
    if depth == DEPTH {
        return;
    }
    if let Some(Value::Array(items)) = field(map, &["details"]) {
        for item in items.iter().filter_map(Value::as_object) {
            add_detail(item, details, depth);
        }
    }
    if let Some(Value::Object(deeper)) = field(map, &["innererror"]) {
        add_detail(deeper, details, depth);
    }
    if let Some(Value::Array(items)) = field(map, &["additionalInfo"]) {
        for item in items.iter().filter_map(Value::as_object) {
            add_policy(item, details);
        }
    }
}

/// Adds the policy that denied it, from `additionalInfo`; the message only sometimes names it.
fn add_policy(map: &Map<String, Value>, details: &mut Vec<ErrorDetail>) {
    let Some(Value::Object(info)) = field(map, &["info"]) else { return };
    let named = |names: &[&str]| words(info, names).map(|name| format!("`{name}`"));
    let assignment = named(&["policyAssignmentDisplayName", "policyAssignmentName", "policyAssignmentId"]);
    let definition = named(&["policyDefinitionDisplayName", "policyDefinitionName", "policyDefinitionId"]);
    let message = match (assignment, definition) {
        (Some(assignment), Some(definition)) => format!("policy assignment {assignment} of {definition}"),
        (Some(assignment), None) => format!("policy assignment {assignment}"),
        (None, Some(definition)) => format!("policy {definition}"),
        (None, None) => return,
    };
    let detail = ErrorDetail { message: Some(message), ..ErrorDetail::default() };
    if !details.contains(&detail) {
        details.push(detail);
    }
}

fn add_detail(map: &Map<String, Value>, details: &mut Vec<ErrorDetail>, depth: usize) {
    // Microsoft.Web wraps its details again: {"ErrorEntity": {...}}, with null for missing values.
    if let Some(Value::Object(entity)) = field(map, &["errorentity"]) {
        add_detail(entity, details, depth);
        return;
    }
    let detail = ErrorDetail {
        code: text(map, &["code"]),
        message: words(map, &["message"]),
        target: words(map, &["target"]),
    };
    if (detail.code.is_some() || detail.message.is_some()) && !details.contains(&detail) {
        details.push(detail);
    }
    inner(map, details, depth + 1);
}

fn field<'a>(map: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| {
        map.iter()
            .find(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null())
            .map(|(_, value)| value)
    })
}

/// A field as text: strings and numbers as they are, old Graph's `{"lang", "value"}` by its value.
fn text(map: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let text = match field(map, names)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Object(inner) => inner.get("value")?.as_str()?.trim().to_owned(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// A field as text for people. Codes are compared, so they stay unchanged until shown.
fn words(map: &Map<String, Value>, names: &[&str]) -> Option<String> {
    text(map, names).map(|text| scrub(&text).into_owned())
}

impl ErrorBody {
    /// Its code and message in one line.
    pub(super) fn words(&self) -> String {
        ErrorDetail { code: self.code.clone(), message: self.message.clone(), target: None }.to_string()
    }

    /// Whether it has the code, ignoring case.
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::excerpt::first_words;

    fn read(body: &[u8]) -> ErrorBody {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => read_value(&value),
            Err(_) => ErrorBody { message: first_words(body), ..ErrorBody::default() },
        }
    }

    fn said(body: &str) -> (Option<String>, Option<String>) {
        let body = read(body.as_bytes());
        (body.code, body.message)
    }

    #[test]
    fn each_form_of_error_body_gives_its_code_and_message() {
        for (body, code, message) in [
            (r#"{"error":{"code":"A","message":"m"}}"#, Some("A"), Some("m")),
            (
                r#"{"Code":"429","Message":"slow","Target":null,"Details":[{"Message":"slow"},{"Code":"429"}]}"#,
                Some("429"),
                Some("slow"),
            ),
            (r#"{"code":"A","message":"m"}"#, Some("A"), Some("m")),
            (
                r#"{"error":"invalid_client","error_description":"AADSTS7000215: no"}"#,
                Some("invalid_client"),
                Some("AADSTS7000215: no"),
            ),
            (
                r#"{"odata.error":{"code":"Request_BadRequest","message":{"lang":"en","value":"v"}}}"#,
                Some("Request_BadRequest"),
                Some("v"),
            ),
            (r#"{"Message":"An error has occurred."}"#, None, Some("An error has occurred.")),
            (r#"{"status":"Failed","error":{"code":"X","message":"y"}}"#, Some("X"), Some("y")),
            (r#"[{"code":"A","message":"m"}]"#, Some("A"), Some("m")),
            (r#""bare text""#, None, Some("bare text")),
            (r#"{"error":{"code":404,"message":"m"}}"#, Some("404"), Some("m")),
            (
                "<html><head><style>b{}</style><title>Blocked</title></head><body><p>by the proxy</p></body></html>",
                None,
                Some("Blocked by the proxy"),
            ),
            ("upstream connect error", None, Some("upstream connect error")),
            ("<", None, None),
            ("<script", None, None),
            ("", None, None),
            ("null", None, None),
            ("{}", None, None),
        ] {
            assert_eq!(said(body), (code.map(str::to_owned), message.map(str::to_owned)), "{body}");
        }
    }

    #[test]
    fn an_error_in_a_success_is_one_unless_it_is_blank() {
        for (body, words) in [
            (r#"{"value":[],"error":{"code":"Partial","message":"m"}}"#, Some("Partial: m")),
            (r#"{"id":"x","Error":"broken"}"#, Some("broken")),
            (r#"{"@odata.error":{"code":"A"}}"#, Some("the body contains an error without a message")),
            (r#"{"error":{"x":1}}"#, Some("the body contains an error without a message")),
            (r#"{"error":null}"#, None),
            (r#"{"error":{"code":null,"message":""}}"#, None),
            (r#"{"error":[]}"#, None),
            (r#"{"properties":{"error":{"code":"A"}}}"#, None),
            ("[1]", None),
        ] {
            let found = in_success(&serde_json::from_str(body).unwrap());
            assert_eq!(found.map(|found| found.words()).as_deref(), words, "{body}");
        }
    }

    #[test]
    fn only_some_codes_say_that_a_thing_is_not_there() {
        for code in
            ["NotFound", "ResourceNotFound", "RoleAssignmentNotFound", "resourcegroupnotfound", "UserError"]
        {
            assert!(is_absence(code), "{code}");
        }
        for code in ["", "404", "InvalidResourceType", "InvalidResourceNamespace", "SubscriptionNotFound"] {
            assert!(!is_absence(code), "{code}");
        }
    }

    #[test]
    fn inner_errors_are_kept_with_their_targets() {
        let body = read(
            br#"{"error":{"code":"Outer","message":"o","details":[{"code":"In","message":"i","target":"sku"}],
                "innererror":{"code":"Deep","innererror":{"code":"Deeper","message":"d"}}}}"#,
        );
        let shown: Vec<String> = body.details.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["In: i (target `sku`)", "Deep", "Deeper: d"]);
    }

    #[test]
    fn the_policy_that_refused_is_named_from_the_particulars() {
        let body = read(
            br#"{"error":{"code":"RequestDisallowedByPolicy","message":"Resource 'x' was disallowed by policy.","additionalInfo":[
                {"type":"PolicyViolation","info":{"policyDefinitionDisplayName":"No keys","policyAssignmentName":"a1","policyAssignmentId":"/s"}},
                {"type":"Other","info":{"x":1}}, {"type":"PolicyViolation","info":{"policyAssignmentId":"/t"}}]}}"#,
        );
        let shown: Vec<String> = body.details.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["policy assignment `a1` of `No keys`", "policy assignment `/t`"]);
    }
}
