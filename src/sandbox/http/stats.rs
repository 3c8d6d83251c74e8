//! Counts what reached the sandbox, for tests that assert on requests.
//!
//! Reads and writes are ARM's: `GET` and `HEAD` against everything that counts as a write there
//! (`POST .../listKeys` does). Signing in, Graph and the sandbox's own paths are counted apart.

use std::collections::BTreeMap;

use axum::http::Method;
use serde::Serialize;

/// Questions that clients ask ARM with `POST`.
const QUESTIONS: &[&str] = &[
    "checkdomainavailability",
    "checkpolicyrestrictions",
    "checkskuavailability",
    "calculatemodelcapacity",
    "logs",
    "resources",
];

/// What was counted since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stats {
    requests: u64,
    reads: u64,
    writes: u64,
    /// Entra and Graph.
    directory: u64,
    /// Models of accounts.
    data_plane: u64,
    /// Refused before ARM saw them: foreign host, web page, no token.
    refused: u64,
    by_method: BTreeMap<String, u64>,
    by_path: BTreeMap<String, u64>,
}

impl Stats {
    /// Counts a request that is answered.
    pub(crate) fn count(&mut self, method: &Method, segments: &[String]) {
        self.requests += 1;
        let arm = segments.first().is_some_and(|first| {
            first.eq_ignore_ascii_case("subscriptions") || first.eq_ignore_ascii_case("providers")
        });
        if !arm {
            self.directory += 1;
        } else if is_write(method, segments) {
            self.writes += 1;
        } else {
            self.reads += 1;
        }
        *self.by_method.entry(method.to_string()).or_default() += 1;
        *self.by_path.entry(format!("{method} {}", pattern(segments))).or_default() += 1;
    }

    /// Counts a call of an account's models.
    pub(crate) fn count_data_plane(&mut self, method: &Method) {
        self.requests += 1;
        self.data_plane += 1;
        *self.by_method.entry(method.to_string()).or_default() += 1;
    }

    pub(crate) fn refuse(&mut self) {
        self.requests += 1;
        self.refused += 1;
    }
}

/// Whether ARM counts a request as a write.
pub(crate) fn is_write(method: &Method, segments: &[String]) -> bool {
    let last = segments.last().map(|last| last.to_lowercase()).unwrap_or_default();
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => false,
        Method::POST => !QUESTIONS.contains(&last.as_str()),
        _ => true,
    }
}

/// A path with its names taken out: `/subscriptions/{}/resourceGroups/{}/providers/...`.
pub(crate) fn pattern(segments: &[String]) -> String {
    let mut text = String::new();
    let mut is_name = false;
    for (index, segment) in segments.iter().enumerate() {
        let after_providers = index > 0 && segments[index - 1].eq_ignore_ascii_case("providers");
        text.push('/');
        text.push_str(if is_name { "{}" } else { segment });
        is_name = !is_name && !after_providers && !segment.eq_ignore_ascii_case("providers");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(path: &str) -> Vec<String> {
        path.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn patterns_keep_types_and_hide_names() {
        assert_eq!(
            pattern(&segments("/subscriptions/s/resourceGroups/g/providers/A.B/accounts/n/listKeys")),
            "/subscriptions/{}/resourceGroups/{}/providers/A.B/accounts/{}/listKeys"
        );
        assert_eq!(pattern(&segments("/subscriptions")), "/subscriptions");
        assert_eq!(
            pattern(&segments("/subscriptions/s/providers/A.B/roleAssignments/x")),
            "/subscriptions/{}/providers/A.B/roleAssignments/{}"
        );
    }

    #[test]
    fn questions_are_no_writes_but_list_keys_is() {
        assert!(is_write(&Method::POST, &segments("/subscriptions/s/x/accounts/a/listKeys")));
        assert!(!is_write(
            &Method::POST,
            &segments("/subscriptions/s/providers/A.B/checkDomainAvailability")
        ));
        assert!(
            is_write(&Method::DELETE, &segments("/subscriptions/s"))
                && !is_write(&Method::GET, &segments("/x"))
        );
    }
}
