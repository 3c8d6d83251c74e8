//! Groups findings with the same cause: a 403 or a broken token affects every request, and is shown once.
//!
//! Works on the documents alone; JSON and SARIF keep each finding whole.

use std::collections::BTreeMap;

use crate::document::FindingEntry;
use crate::finding::{Code, Severity};
use crate::text::source::Position;

/// Things by key, in order of first appearance.
pub(super) fn together<T, K: Ord + Clone>(
    things: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> Vec<(K, Vec<T>)> {
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    let mut known: BTreeMap<K, usize> = BTreeMap::new();
    for thing in things {
        let key = key(&thing);
        let index = *known.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(index) {
            Some((_, group)) => group.push(thing),
            None => groups.push((key, vec![thing])),
        }
    }
    groups
}

/// Things about which the same is said, if there are more than two and `merge` is set; otherwise one by one.
pub(super) fn alike<'a, T, S: Ord + Clone>(
    things: &'a [T],
    merge: bool,
    said: impl Fn(&T) -> S,
) -> Vec<Vec<&'a T>> {
    const FEW: usize = 2;
    let apart = |(_, group): (S, Vec<&'a T>)| match group.len() {
        len if merge && len > FEW => vec![group],
        _ => group.into_iter().map(|thing| vec![thing]).collect(),
    };
    together(things, |thing| said(thing)).into_iter().flat_map(apart).collect()
}

/// Findings with the same cause and hint; or, if there are many without a cause, with the same code.
pub(super) struct Alike<'a> {
    /// At least one; the cause of the first is shown for all.
    pub(super) findings: Vec<&'a FindingEntry>,
}

/// Up to this many findings of one code are not grouped.
const FEW: usize = 3;

/// What grouped findings have in common: their severity, and the answer and the hint without names, or else their code.
type Likeness = (Severity, Result<(String, Option<String>), Code>);

impl<'a> Alike<'a> {
    /// Groups findings, in the order of their first findings.
    pub(super) fn of(findings: impl IntoIterator<Item = &'a FindingEntry>) -> Vec<Self> {
        let findings: Vec<&FindingEntry> = findings.into_iter().collect();
        let mut counts: BTreeMap<Likeness, usize> = BTreeMap::new();
        for finding in &findings {
            *counts.entry(key(finding)).or_default() += 1;
        }
        let mut groups: Vec<Self> = Vec::new();
        let mut places = BTreeMap::new();
        for finding in findings {
            let key = key(finding);
            if key.1.is_err() && counts[&key] <= FEW {
                groups.push(Self { findings: vec![finding] });
                continue;
            }
            let place = *places.entry(key).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.findings.push(finding),
                None => groups.push(Self { findings: vec![finding] }),
            }
        }
        groups
    }

    /// Each message once, with all its places.
    pub(super) fn messages(&self) -> Vec<(&'a FindingEntry, Vec<&'a Position>)> {
        let mut messages: Vec<(&FindingEntry, Vec<&Position>)> = Vec::new();
        let mut known = BTreeMap::new();
        for finding in &self.findings {
            let index = *known.entry((finding.code, &finding.message)).or_insert(messages.len());
            if index == messages.len() {
                messages.push((finding, Vec::new()));
            }
            messages[index].1.extend(&finding.source);
        }
        messages
    }

    /// Whether they are grouped because of one cause.
    pub(super) fn is_one_cause(&self) -> bool {
        self.findings[0].cause.is_some()
    }

    /// The lines below all of them: label and text of cause and hint.
    pub(super) fn more(&self) -> impl Iterator<Item = (String, &'a str)> {
        let first = self.findings[0];
        let label = |name: &str| match self.findings.len() {
            1 => name.to_owned(),
            count => format!("{name} of these {count}"),
        };
        let cause = first.cause.as_deref().map(|cause| (label("cause"), cause));
        // Hints of findings with the same code can name different resources.
        let is_same = self.findings.iter().all(|finding| finding.hint == first.hint);
        let name = if is_same { "help" } else { "help for the first of these" };
        let hint = first.hint.as_deref().map(|hint| (name.to_owned(), hint));
        cause.into_iter().chain(hint)
    }
}

fn key(finding: &FindingEntry) -> Likeness {
    let hint = finding.hint.as_deref().map(without_names);
    let said = finding.cause.as_deref().map(|cause| (answered(cause), hint)).ok_or(finding.code);
    (finding.severity, said)
}

/// A hint without the resources that it names: what differs only in these is the same thing to do.
fn without_names(hint: &str) -> String {
    let plain = hint.split('`').step_by(2).flat_map(str::split_whitespace);
    plain.map(|word| if word.starts_with('/') { "/" } else { word }).collect::<Vec<_>>().join(" ")
}

/// A cause without the request and its number: only the answer.
fn answered(cause: &str) -> String {
    let asked = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE "].iter().any(|method| cause.starts_with(method));
    let answer = cause.split_once(": ").filter(|_| asked).map_or(cause, |(_, answer)| answer);
    let number = [" (request ", " (attempt "].iter().filter_map(|start| answer.rfind(start)).min();
    number.map_or(answer, |start| &answer[..start]).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn many_of_one_sort_are_together_and_the_same_message_is_one() {
        let at = |line| FindingEntry {
            source: Some(Position { file: "a.yaml".to_owned(), line, column: 1 }),
            ..finding("same", None, Some("do it"))
        };
        let few = [at(1), at(2), at(3)];
        assert_eq!(Alike::of(&few).len(), 3);
        let many = [
            at(1),
            FindingEntry { code: Code::UnknownField, ..finding("other", None, None) },
            at(2),
            at(3),
            finding("b", None, Some("do it")),
            at(9),
        ];
        let groups = Alike::of(&many);
        assert_eq!(groups.iter().map(|group| group.findings.len()).collect::<Vec<_>>(), [5, 1]);
        let messages: Vec<_> =
            groups[0].messages().iter().map(|(said, places)| (said.message.clone(), places.len())).collect();
        assert_eq!(messages, [("same".to_owned(), 4), ("b".to_owned(), 0)]);
    }
}
