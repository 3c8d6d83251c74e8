//! Declared fields that an older api-version lacks, where a cloud does not have the newest: they would be dropped without a word.
//!
//! Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Kind, by_name};
use crate::arm::{NEWEST, lacks_newer};
use crate::document::{FindingEntry, Plan};
use crate::finding::{Code, Finding, Severity};
use crate::kinds::desired::Desired;
use crate::snapshot::Snapshot;

const HINT: &str =
    "remove the line, or declare the resource in a cloud and region that has the newer version";

/// What follows from the api-version in use: a note that it is older, and an error for each declared field that it lacks.
pub(crate) fn lacking(desired: &[Desired], snapshot: &Snapshot) -> Vec<Finding> {
    let behind = snapshot.older_regions.iter().map(|(region, version)| {
        let message = format!(
            "region `{region}` does not have api-version {NEWEST} of Microsoft.CognitiveServices for its lists of models and quota: {version} is used for these"
        );
        Finding::note(Code::OlderVersion, message)
    });
    let mut findings: Vec<Finding> = behind.collect();
    let Some(version) = snapshot.older_version else { return findings };
    findings.push(Finding::note(Code::OlderVersion, in_use(version)));
    if !lacks_newer(version) {
        return findings;
    }
    for each in desired {
        for path in newer_in(each.kind, &each.declared) {
            let finding = Finding::error(Code::OlderVersion, lacks(version, &path, &each.title));
            findings.push(finding.at(each.span_of(&path).unwrap_or(each.span)).hint(HINT));
        }
    }
    findings
}

/// The same for a saved plan, which may have been made where the newest version is.
pub(crate) fn lacking_in(plan: &Plan, snapshot: &Snapshot) -> Vec<FindingEntry> {
    let Some(version) = snapshot.older_version else { return Vec::new() };
    let mut findings = vec![FindingEntry::of(Severity::Note, Code::OlderVersion, in_use(version))];
    for change in plan.changes.iter().filter(|_| lacks_newer(version)) {
        let Some(kind) = by_name(&change.kind) else { continue };
        for path in newer_in(kind, &change.patch()) {
            findings.push(FindingEntry {
                source: change.source.clone(),
                hint: Some(HINT.to_owned()),
                ..FindingEntry::of(Severity::Error, Code::OlderVersion, lacks(version, &path, &change.title))
            });
        }
    }
    findings
}

/// The changes of a plan that would write such a field, by index, with the reason.
pub(crate) fn unwritable(plan: &Plan, snapshot: &Snapshot) -> BTreeMap<usize, String> {
    let Some(version) = snapshot.older_version.filter(|version| lacks_newer(version)) else {
        return BTreeMap::new();
    };
    let refused = plan.changes.iter().enumerate().filter_map(|(index, change)| {
        let path = newer_in(by_name(&change.kind)?, &change.patch()).into_iter().next()?;
        Some((index, lacks(version, &path, &change.title)))
    });
    refused.collect()
}

fn in_use(version: &str) -> String {
    format!("this cloud does not have api-version {NEWEST} of Microsoft.CognitiveServices: {version} is used")
}

fn lacks(version: &str, path: &[String], title: &str) -> String {
    format!(
        "api-version {version}, the newest that this cloud has and keyless knows, lacks `{}` ({title})",
        path.join(".")
    )
}

/// The paths of newer fields in a value in spec shape.
fn newer_in(kind: &dyn Kind, declared: &Map<String, Value>) -> Vec<Vec<String>> {
    fn walk(value: &Value, pattern: &[&str], path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let Some((first, rest)) = pattern.split_first() else { return found.push(path.clone()) };
        let below: Vec<(String, &Value)> = match value {
            Value::Array(items) if *first == "*" => {
                items.iter().enumerate().map(|(at, item)| (at.to_string(), item)).collect()
            }
            Value::Object(map) if first.contains('=') => {
                let (name, wanted) = first.split_once('=').unwrap_or_default();
                let is_it =
                    |item: &&Value| item.as_str().is_some_and(|text| text.eq_ignore_ascii_case(wanted));
                map.get(name).filter(is_it).map(|item| (name.to_owned(), item)).into_iter().collect()
            }
            Value::Object(map) => {
                map.get_key_value(*first).map(|(name, item)| (name.clone(), item)).into_iter().collect()
            }
            _ => return,
        };
        for (name, item) in below {
            path.push(name);
            walk(item, rest, path, found);
            path.pop();
        }
    }
    let mut found = Vec::new();
    let whole = Value::Object(declared.clone());
    for pattern in kind.newer() {
        let pattern: Vec<&str> = pattern.split('/').collect();
        walk(&whole, &pattern, &mut Vec::new(), &mut found);
    }
    found
}
