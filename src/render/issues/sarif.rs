//! Issues as SARIF 2.1.0, for code scanning: each at its line of a spec.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Issue, IssueRule, stand_in};
use crate::finding::{Code, Severity};
use crate::text::sanitize::sanitize;
use crate::text::source::Position;

/// The most results in a run: GitHub refuses more, and shows the 5,000 most severe.
/// <https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>
const MOST: usize = 25_000;

/// The issues of a run.
#[must_use]
pub fn sarif(issues: &[Issue]) -> Value {
    let mut shown: Vec<&Issue> = issues.iter().collect();
    if shown.len() > MOST {
        shown.sort_by_key(|issue| issue.severity);
        shown.truncate(MOST);
    }
    let rules: Vec<IssueRule> =
        IssueRule::all().filter(|rule| shown.iter().any(|issue| issue.rule == *rule)).collect();
    // GitHub refuses files with a result that has no location.
    let elsewhere = stand_in(issues);
    let results = shown.iter().map(|issue| {
        let index = rules.iter().position(|rule| *rule == issue.rule);
        result(issue, index, issue.place.as_ref().unwrap_or(&elsewhere))
    });
    let broken =
        |issue: &Issue| matches!(issue.rule, IssueRule::Finding(Code::RunFailed | Code::Interrupted));
    let mut invocation = json!({"executionSuccessful": !issues.iter().any(broken)});
    let left = issues.len() - shown.len();
    if left > 0 {
        let text = format!("{left} of {} results are left out: the least severe ones", issues.len());
        invocation["toolExecutionNotifications"] = json!([{"level": "warning", "message": {"text": text}}]);
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "keyless",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().copied().map(descriptor).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

fn descriptor(rule: IssueRule) -> Value {
    let about = json!({"text": rule.about()});
    let help = format!("`{}`: {}. More in {} of keyless.", rule.id(), rule.about(), rule.page());
    json!({
        "id": rule.id(),
        "name": name(rule.id()),
        "shortDescription": about,
        "fullDescription": about,
        "help": {"text": help},
    })
}

/// `unknown-field` as `UnknownField`.
fn name(id: &str) -> String {
    let words = id.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

fn result(issue: &Issue, rule: Option<usize>, place: &Position) -> Value {
    let level = match issue.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let text = issue.said.iter().map(|part| plain(part)).collect::<Vec<_>>().join("\n");
    let mut location = json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(&place.file)},
        // Only the start is known: a region of one character.
        "region": {
            "startLine": place.line, "startColumn": place.column,
            "endLine": place.line, "endColumn": place.column + 1,
        },
    }});
    if let Some(resource) = &issue.resource {
        location["logicalLocations"] = json!([{"fullyQualifiedName": plain(resource), "kind": "resource"}]);
    }
    let mut result = json!({
        "ruleId": issue.rule.id(),
        "ruleIndex": rule,
        "kind": "fail",
        "level": level,
        "message": {"text": text},
        "locations": [location],
        // The only fingerprint that GitHub reads.
        "partialFingerprints": {"primaryLocationLineHash": issue.fingerprint},
    });
    if issue.lifted {
        result["suppressions"] = json!([{"kind": "external", "status": "accepted", "justification": "allowed on the command line"}]);
    }
    result
}

/// Text from outside as plain text, without hidden characters and links (SARIF messages take `[text](target)` for a link).
fn plain(text: &str) -> String {
    sanitize(text).replace("](", "]\\u{28}")
}

/// A path as a relative reference: text before a colon would be taken for a scheme.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in sanitize(path).replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::super::{Folders, of_findings};
    use super::*;
    use crate::document::FindingEntry;

    #[test]
    fn levels_lines_and_places_are_those_of_the_findings() {
        let entry = |severity, code: Code, line| FindingEntry {
            source: Some(Position { file: "specs/a b:c.yaml".to_owned(), line, column: 3 }),
            cause: Some("see [here](https://x)\u{202e}".to_owned()),
            ..FindingEntry::of(severity, code, "m")
        };
        let document = sarif(&of_findings(
            &[
                entry(Severity::Error, Code::UnknownField, 7),
                entry(Severity::Warning, Code::Duplicate, 1),
                entry(Severity::Note, Code::NotOurs, 40),
            ],
            &Folders::default(),
        ));
        let results = document["runs"][0]["results"].as_array().unwrap();
        let told = results.iter().map(|result| {
            let place = &result["locations"][0]["physicalLocation"];
            json!([
                result["level"],
                result["ruleId"],
                place["region"]["startLine"],
                place["region"]["startColumn"]
            ])
        });
        let expected = [
            json!(["error", "unknown-field", 7, 3]),
            json!(["warning", "duplicate", 1, 3]),
            json!(["note", "not-ours", 40, 3]),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        assert_eq!(results[0]["message"]["text"], "m\nsee [here]\\u{28}https://x)\\u{202e}");
        let place = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(place, "specs/a%20b%3Ac.yaml");
        let rules = document["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 3, "each code that occurs, once");
    }

    #[test]
    fn no_more_than_github_takes_and_the_most_severe_of_them() {
        let entry = |severity, at: usize| FindingEntry::of(severity, Code::NotOurs, format!("{at}"));
        let mut findings: Vec<FindingEntry> = (0..MOST).map(|at| entry(Severity::Note, at)).collect();
        findings.push(entry(Severity::Error, MOST));
        let document = sarif(&of_findings(&findings, &Folders::default()));
        let run = &document["runs"][0];
        let results = run["results"].as_array().unwrap();
        assert_eq!((results.len(), &results[0]["level"]), (MOST, &json!("error")));
        let left = &run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"];
        assert_eq!(left, "1 of 25001 results are left out: the least severe ones");
    }
}
