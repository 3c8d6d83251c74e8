//! `/_sandbox/faults`: faults to inject, and which requests they hit.
//!
//! A fault names requests by method, path and count, and says what happens instead of, before or
//! after the answer. Deciding is here and pure; waiting and cutting is `exchange`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Reply, Request, errors, scope};

/// Maximum delay, ten minutes, so that no test hangs forever.
const DELAY_LIMIT: u64 = 600_000;

/// When the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Break {
    /// Before anything happened.
    Before,
    /// After the effect, instead of the answer.
    After,
}

/// One fault, in the format of requests and lists.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(crate) struct Fault {
    /// Any method if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// Any path if absent; `*` stands for anything, case does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// Which matching request is the first to be hit, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    nth: Option<u32>,
    /// How many are hit; all if both are absent, one if only `nth` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Seconds, or any text.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    /// A body instead of ARM's envelope with `code` and `message`.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    /// Whether the request takes effect although `status` answers it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    effect: bool,
    /// Milliseconds before anything happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<u64>,
    #[serde(rename = "drop", skip_serializing_if = "Option::is_none")]
    breaks: Option<Break>,
    /// How many bytes of the body are sent before the connection breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate: Option<usize>,
    /// How many requests matched so far.
    #[serde(skip_deserializing)]
    matched: u32,
    /// How many were hit.
    #[serde(skip_deserializing)]
    hit: u32,
}

/// The fault that hits a request.
#[derive(Default)]
pub(crate) struct Hit {
    pub(crate) delay: u64,
    pub(crate) breaks: Option<Break>,
    pub(crate) truncate: Option<usize>,
    /// The answer that it gets instead.
    pub(crate) reply: Option<Reply>,
    /// Headers added to its own answer.
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    /// Whether the request takes effect.
    pub(crate) effect: bool,
}

impl Fault {
    fn check(&self) -> Result<(), String> {
        if let Some(method) = &self.method {
            method.parse::<Method>().map_err(|_| format!("`{method}` is no method"))?;
        }
        if self.status.is_some_and(|status| !(200..=599).contains(&status)) {
            return Err(String::from("`status` must be between 200 and 599"));
        }
        if self.delay.is_some_and(|delay| delay > DELAY_LIMIT) {
            return Err(format!("`delay` must be at most {DELAY_LIMIT} milliseconds"));
        }
        if self.nth == Some(0) {
            return Err(String::from("`nth` counts from 1"));
        }
        let has_answer = self.status.is_some();
        let needs_answer =
            self.code.is_some() || self.message.is_some() || self.body.is_some() || self.effect;
        if needs_answer && !has_answer {
            return Err(String::from("`code`, `message`, `body` and `effect` need a `status`"));
        }
        let acts = has_answer
            || self.delay.is_some()
            || self.breaks.is_some()
            || self.truncate.is_some()
            || self.retry_after.is_some()
            || !self.headers.is_empty();
        if !acts {
            return Err(String::from("a fault needs a `status`, `delay`, `drop`, `truncate` or headers"));
        }
        for (name, value) in &self.headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_str(value).is_err() {
                return Err(format!("`{name}` is no header"));
            }
        }
        Ok(())
    }

    fn matches(&self, request: &Request) -> bool {
        let method =
            self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(request.method.as_str()));
        let path = scope::join(&request.segments);
        method && self.path.as_deref().is_none_or(|pattern| fits(pattern, &path))
    }

    /// Counts a matching request, and says whether the fault applies to it.
    fn count(&mut self) -> bool {
        self.matched = self.matched.saturating_add(1);
        let first = self.nth.unwrap_or(1);
        let last = match (self.nth, self.times) {
            (None, None) => u32::MAX,
            (Some(nth), None) => nth,
            (_, Some(times)) => first.saturating_add(times).saturating_sub(1),
        };
        let is_hit = self.times != Some(0) && (first..=last).contains(&self.matched);
        self.hit += u32::from(is_hit);
        is_hit
    }

    /// Headers that it puts on an answer.
    fn extra(&self) -> Vec<(Cow<'static, str>, String)> {
        let after = self.retry_after.as_ref().map(|value| match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        });
        let after = after.map(|value| (Cow::Borrowed("retry-after"), value));
        let others =
            self.headers.iter().map(|(name, value)| (Cow::Owned(name.to_lowercase()), value.clone()));
        after.into_iter().chain(others).collect()
    }

    fn reply(&self) -> Option<Reply> {
        let status = self.status?;
        let mut reply = match (&self.body, &self.code, &self.message) {
            (Some(body), _, _) => Reply::json(status, body),
            (None, None, None) => Reply::empty(status),
            (None, code, message) => errors::error(
                status,
                code.as_deref().unwrap_or("SandboxFault"),
                message.as_deref().unwrap_or("This answer was asked for at `/_sandbox/faults`."),
            ),
        };
        reply.headers.extend(self.extra());
        Some(reply)
    }
}

/// `*` stands for any text; case does not count.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.to_lowercase(), path.to_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else { return false };
    let Some(mut last) = parts.next() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(last) {
            Some((_, after)) => rest = after,
            None => return false,
        }
        last = part;
    }
    rest.ends_with(last)
}

/// The first fault that hits a request; later faults still count it.
pub(crate) fn hit(faults: &mut [Fault], request: &Request) -> Option<Hit> {
    let mut found = None;
    for fault in faults.iter_mut().filter(|fault| fault.matches(request)) {
        if fault.count() && found.is_none() {
            found = Some(Hit {
                delay: fault.delay.unwrap_or_default(),
                breaks: fault.breaks,
                truncate: fault.truncate,
                effect: fault.effect || fault.status.is_none(),
                reply: fault.reply(),
                headers: fault.extra(),
            });
        }
    }
    found
}

/// `POST /_sandbox/faults`: replaces the list of faults.
pub(crate) fn replace(faults: &mut Vec<Fault>, request: &Request) -> Reply {
    let sent: Vec<Fault> = match serde_json::from_slice(&request.body) {
        Ok(sent) => sent,
        Err(error) => return errors::sandbox_invalid(&error.to_string()),
    };
    for (index, fault) in sent.iter().enumerate() {
        if let Err(why) = fault.check() {
            return errors::sandbox_invalid(&format!("fault {index}: {why}"));
        }
    }
    *faults = sent;
    list(faults)
}

/// `GET /_sandbox/faults`.
pub(crate) fn list(faults: &[Fault]) -> Reply {
    Reply::json(200, &json!(faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_whole_paths() {
        for (pattern, path) in [
            ("*", "/a/b"),
            ("/A/*", "/a/b/c"),
            ("*/listKeys", "/a/LISTKEYS"),
            ("/a/*/c/*", "/a/b/c/d"),
            ("*a*a", "/aa"),
            ("/a", "/a"),
        ] {
            assert!(fits(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in
            [("/a", "/a/b"), ("", "/"), ("*a*a", "/a"), ("/a/*", "/b/a/"), ("*/x", "/x/y"), ("/a*a", "/a")]
        {
            assert!(!fits(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn nth_and_times_choose_the_requests() {
        let hits = |nth, times| {
            let mut fault = Fault { nth, times, ..Fault::default() };
            (0..6).map(|_| u8::from(fault.count())).collect::<Vec<_>>()
        };
        assert_eq!(hits(None, None), [1, 1, 1, 1, 1, 1]);
        assert_eq!(hits(Some(3), None), [0, 0, 1, 0, 0, 0]);
        assert_eq!(hits(None, Some(2)), [1, 1, 0, 0, 0, 0]);
        assert_eq!(hits(Some(2), Some(3)), [0, 1, 1, 1, 0, 0]);
        assert_eq!(hits(None, Some(0)), [0; 6]);
    }
}
