//! Findings as SARIF 2.1.0, for code scanning: each at its line of a spec.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::document::FindingEntry;
use crate::finding::{Code, Severity};
use crate::text::sanitize::sanitize;

/// The findings of a run.
#[must_use]
pub fn sarif(findings: &[FindingEntry]) -> Value {
    let rules: Vec<Value> = Code::ALL
        .iter()
        .filter(|code| findings.iter().any(|finding| finding.code == **code))
        .map(|code| json!({"id": code.as_str(), "shortDescription": {"text": code.about()}}))
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "keyless",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn result(finding: &FindingEntry) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let parts = [Some(&finding.message), finding.cause.as_ref(), finding.hint.as_ref()];
    let text = parts.into_iter().flatten().map(|part| plain(part)).collect::<Vec<_>>().join("\n");
    let mut result = json!({"ruleId": finding.code, "level": level, "message": {"text": text}});
    if let Some(place) = &finding.source {
        result["locations"] = json!([{"physicalLocation": {
            "artifactLocation": {"uri": uri(&place.file)},
            "region": {"startLine": place.line, "startColumn": place.column},
        }}]);
    }
    result
}

/// Text from outside as plain text: nothing hidden, no link (`[text](target)` is one in a message of SARIF).
fn plain(text: &str) -> String {
    sanitize(text).replace("](", "]\\u{28}")
}

/// A path as a relative reference: a colon would make a scheme of what stands before it.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in sanitize(path).replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Position;

    #[test]
    fn levels_lines_and_places_are_those_of_the_findings() {
        let entry = |severity, code: Code, line| FindingEntry {
            source: Some(Position { file: "specs/a b:c.yaml".to_owned(), line, column: 3 }),
            cause: Some("see [here](https://x)\u{202e}".to_owned()),
            ..FindingEntry::of(severity, code, "m")
        };
        let document = sarif(&[
            entry(Severity::Error, Code::UnknownField, 7),
            entry(Severity::Warning, Code::Duplicate, 1),
            entry(Severity::Note, Code::NotOurs, 40),
        ]);
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
}
