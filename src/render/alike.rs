//! Findings of which one cause is told once: a 403 or a broken token meets every request, and nobody reads it fifty times.
//!
//! Works on the documents alone; JSON and SARIF keep each finding whole.

use crate::document::FindingEntry;

/// Findings that share a cause and what to do about it, in their order.
pub(super) struct Alike<'a> {
    /// At least one; the first tells the cause as it met that one.
    pub(super) findings: Vec<&'a FindingEntry>,
}

impl<'a> Alike<'a> {
    /// Groups findings; each group stands where its first finding stood.
    pub(super) fn of(findings: impl IntoIterator<Item = &'a FindingEntry>) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        let mut places = std::collections::BTreeMap::new();
        for finding in findings {
            let Some(cause) = &finding.cause else {
                groups.push(Self { findings: vec![finding] });
                continue;
            };
            let key = (finding.severity, answered(cause), &finding.hint);
            let place = *places.entry(key).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.findings.push(finding),
                None => groups.push(Self { findings: vec![finding] }),
            }
        }
        groups
    }

    /// What stands below all of them: the label and the text of their cause and of what to do.
    pub(super) fn more(&self) -> impl Iterator<Item = (String, &'a str)> {
        let first = self.findings[0];
        let label = |name: &str| match self.findings.len() {
            1 => name.to_owned(),
            count => format!("{name} of these {count}"),
        };
        let cause = first.cause.as_deref().map(|cause| (label("cause"), cause));
        // What is to be done is one thing.
        let hint = first.hint.as_deref().map(|hint| ("hint".to_owned(), hint));
        cause.into_iter().chain(hint)
    }
}

/// A cause without what was asked and without the number of the request: what was answered.
fn answered(cause: &str) -> String {
    let asked = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "].iter().any(|method| cause.starts_with(method));
    let answer = cause.split_once(": ").filter(|_| asked).map_or(cause, |(_, answer)| answer);
    let number = [" (request ", " (attempt "].iter().filter_map(|start| answer.rfind(start)).min();
    number.map_or(answer, |start| &answer[..start]).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Code, Severity};

    fn finding(message: &str, cause: Option<&str>, hint: Option<&str>) -> FindingEntry {
        FindingEntry {
            cause: cause.map(str::to_owned),
            hint: hint.map(str::to_owned),
            ..FindingEntry::of(Severity::Error, Code::UnknownState, message)
        }
    }

    #[test]
    fn what_was_answered_alike_is_one_cause_whatever_was_asked() {
        let denied =
            |path: &str, id: &str| format!("GET {path}: Azure answered 403 X (request {id}, attempt 2, 1 s)");
        let findings = [
            finding("a", Some(&denied("/a", "1")), None),
            finding("b", None, None),
            finding("c", Some(&denied("/c", "2")), None),
            finding("d", Some(&denied("/d", "3")), Some("another thing to do")),
            finding("e", Some("GET /a: Azure answered 401 X (request 1)"), None),
            finding("f", None, None),
            FindingEntry { severity: Severity::Note, ..finding("g", Some(&denied("/a", "1")), None) },
            finding("h", Some(&denied("/h", "4")), None),
        ];
        let groups = Alike::of(&findings);
        let names = |group: &Alike<'_>| -> String {
            group.findings.iter().map(|each| each.message.as_str()).collect()
        };
        assert_eq!(groups.iter().map(names).collect::<Vec<_>>(), ["ach", "b", "d", "e", "f", "g"]);
        let more: Vec<_> = groups[0].more().collect();
        assert_eq!(more, [("cause of these 3".to_owned(), denied("/a", "1").as_str())]);
    }
}
