//! Findings as SARIF 2.1.0, for code scanning: each at its line of a spec.

use serde_json::{Value, json};

use crate::finding::{Code, Severity};
use crate::plan::document::FindingEntry;

/// The findings of a run.
#[must_use]
pub fn sarif(findings: &[FindingEntry]) -> Value {
    let rules: Vec<Value> = Code::ALL
        .iter()
        .filter(|code| findings.iter().any(|finding| finding.code == code.as_str()))
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
    let text = parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n");
    let mut result = json!({"ruleId": finding.code, "level": level, "message": {"text": text}});
    if let Some(place) = &finding.source {
        result["locations"] = json!([{"physicalLocation": {
            "artifactLocation": {"uri": place.file},
            "region": {"startLine": place.line, "startColumn": place.column},
        }}]);
    }
    result
}
