//! Fields that are left empty: `ipRules:` with nothing behind it. `null` written out clears a live value, and nobody clears one by
//! leaving a line unfinished. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::hints::{empty_list, example, name_of_principal};
use super::required::rule_of;
use super::{Takes, field, is_required, types};
use crate::finding::{Code, Finding};
use crate::spec::tree::YamlDocument;
use crate::text::json::escape;
use crate::text::source::Span;

/// Finds every field that is left empty and has no finding among `reported`; no rule judges these any more.
pub(in crate::spec) fn bare(document: &mut YamlDocument, reported: &[Finding]) -> Vec<Finding> {
    let reported: BTreeSet<Span> = reported.iter().filter_map(|finding| finding.span).collect();
    let mut pointers = Vec::new();
    collect(document, &document.tree, &mut String::new(), &mut pointers);
    pointers.retain(|pointer| {
        !document.reported.contains(pointer) && !reported.contains(&document.span_of(pointer))
    });
    let mut findings: Vec<Finding> =
        pointers.iter().filter_map(|pointer| finding(document, pointer)).collect();
    // Aliases repeat a value at the same position.
    findings.sort_by_key(|one| one.span);
    findings.dedup_by(|one, other| one.span == other.span);
    document.reported.extend(pointers);
    findings
}

/// Recursive: a document is at most 64 levels deep.
fn collect(document: &YamlDocument, value: &Value, pointer: &mut String, found: &mut Vec<String>) {
    let length = pointer.len();
    let mut below = |token: &str, value: &Value| {
        pointer.push('/');
        pointer.push_str(token);
        collect(document, value, pointer, found);
        pointer.truncate(length);
    };
    match value {
        // What a variable holds counts where it is used.
        Value::Object(map) => {
            let fields = map.iter().filter(|(name, _)| length > 0 || *name != "variables");
            fields.for_each(|(name, value)| below(&escape(name), value));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| below(&at.to_string(), value));
        }
        Value::Null if is_bare(document, pointer) => found.push(pointer.clone()),
        _ => {}
    }
}

/// Whether nothing was written for a value that is null.
fn is_bare(document: &YamlDocument, pointer: &str) -> bool {
    match document.substituted.get(pointer) {
        Some(substituted) => substituted.text.is_empty(),
        None => document.raw(pointer) == Some(""),
    }
}

fn finding(document: &YamlDocument, pointer: &str) -> Option<Finding> {
    let rule = rule_of(pointer);
    let takes = types(rule);
    let hint = if let Some(example) = example(pointer).or_else(|| name_of_principal(pointer)) {
        example
    } else if takes.contains(&Takes::Type("array")) {
        empty_list(pointer)
    } else if takes.contains(&Takes::Type("object")) {
        "write its fields below it, or remove the line"
    } else if is_required(pointer) {
        "set a value"
    } else {
        "set a value, or remove the line; to clear a live value, write `null`"
    };
    let message = if takes.contains(&Takes::Type("array")) {
        format!("{} must be a list, but is empty", field(pointer)?)
    } else {
        format!("{} has no value", field(pointer)?)
    };
    Some(Finding::error(Code::WrongType, message).at(document.span_of(pointer)).hint(hint))
}
