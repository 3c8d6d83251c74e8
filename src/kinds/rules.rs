//! Offline rules and findings that several kinds share.
//!
//! Pure. Each takes a place in the spec and reports there.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::shape::MARK;
use crate::arm::ProvisioningState;
use crate::body::provisioning_state;
use crate::finding::{Code, Finding};
use crate::kinds::desired::Desired;
use crate::spec::{Loaded, sections};
use crate::text::json::escape;
use crate::text::source::Span;

/// Checks tags below a pointer: their number, names and values, and that none is a mark.
pub(super) fn tags(
    loaded: &Loaded,
    pointer: &str,
    tags: Option<&BTreeMap<String, Option<String>>>,
    findings: &mut Vec<Finding>,
) {
    let Some(tags) = tags else { return };
    twins(loaded, &format!("{pointer}/tags"), "tag", tags.keys(), findings);
    let mut report = |below: &str, code: Code, message: String, hint: &str| {
        let span = loaded.document.value_span(&format!("{pointer}{below}"));
        findings.push(Finding::error(code, message).at(span).hint(hint));
    };
    if tags.len() > 49 {
        let message = format!("{} tags plus the stack's mark exceed Azure's limit of 50", tags.len());
        report("/tags", Code::InvalidValue, message, "remove some");
    }
    for (name, value) in tags {
        let below = format!("/tags/{}", escape(name));
        if name.eq_ignore_ascii_case(MARK) {
            report(
                &below,
                Code::TypedMark,
                format!("tag `{MARK}` is keyless's own mark of ownership"),
                "remove the line: keyless marks what a stack creates",
            );
        } else if name.is_empty() || name.len() > 512 || name.contains(['<', '>', '%', '&', '\\', '?', '/']) {
            report(
                &below,
                Code::InvalidName,
                format!("`{name}` cannot name a tag"),
                "1 to 512 characters, none of < > % & \\ ? /",
            );
        }
        if value.as_ref().is_some_and(|value| value.chars().count() > 256) {
            let message = format!("the value of tag `{name}` is longer than 256 characters");
            report(&below, Code::InvalidValue, message, "shorten it");
        }
    }
}

/// Reports names in a mapping that differ only in case: Azure ignores the case of tags, so a write would overwrite one with the other.
pub(super) fn twins<'a>(
    loaded: &Loaded,
    pointer: &str,
    noun: &str,
    names: impl Iterator<Item = &'a String>,
    findings: &mut Vec<Finding>,
) {
    let place = |name: &'a String| (loaded.document.key_span(&format!("{pointer}/{}", escape(name))), name);
    let mut placed: Vec<(Span, &String)> = names.map(place).collect();
    placed.sort();
    let mut seen: BTreeMap<String, (Span, &String)> = BTreeMap::new();
    for (span, name) in placed {
        let Some((first, other)) = seen.get(&name.to_lowercase()) else {
            seen.insert(name.to_lowercase(), (span, name));
            continue;
        };
        let message = format!("{noun} `{name}` differs from `{other}` only in case");
        findings.push(
            Finding::error(Code::DuplicateKey, message)
                .at(span)
                .related(*first, "first set here")
                .hint("remove one of the two: these names ignore case"),
        );
    }
}

/// Checks a name of letters, digits, `.`, `_` and `-`, starting with a letter or digit.
pub(super) fn name(
    loaded: &Loaded,
    pointer: &str,
    name: &str,
    noun: &str,
    length: RangeInclusive<usize>,
    findings: &mut Vec<Finding>,
) {
    let fits = length.contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    if !fits {
        let span = loaded.document.value_span(&format!("{pointer}/name"));
        let hint = format!(
            "{} to {} letters, digits, `_`, `.` and `-`, beginning with a letter or digit",
            length.start(),
            length.end()
        );
        let message = format!("`{name}` cannot name a {noun}");
        findings.push(Finding::error(Code::InvalidName, message).at(span).hint(hint));
    }
}

/// Whether `null` clears a field of an account's or workspace's child, or a member of it.
pub(super) fn is_clearable(field: &str) -> bool {
    matches!(field, "tags" | "metadata" | "spilloverDeploymentName" | "parentDeploymentName")
}

/// Reports fields that `null` cannot clear; it can clear tags, metadata and references to other deployments.
pub(super) fn nulls(loaded: &Loaded, pointer: &str, noun: &str, findings: &mut Vec<Finding>) {
    fn walk(loaded: &Loaded, pointer: &str, noun: &str, value: &Value, findings: &mut Vec<Finding>) {
        for (name, child) in value.as_object().into_iter().flatten() {
            let below = format!("{pointer}/{}", escape(name));
            if child.is_null() && !is_clearable(name) {
                let finding =
                    Finding::error(Code::InvalidValue, format!("`{name}` of a {noun} cannot be null"))
                        .at(loaded.document.value_span(&below))
                        .hint("remove the line to keep the live value, or write the value you want");
                findings.push(finding);
            } else if !is_clearable(name) && sections::section(name).is_none() {
                walk(loaded, &below, noun, child, findings);
            }
        }
    }
    if let Some(value) = loaded.document.tree.pointer(pointer) {
        walk(loaded, pointer, noun, value, findings);
    }
}

/// Whether Azure completed the last write, as far as the body says.
pub(crate) fn has_succeeded(body: &Value) -> bool {
    let state = provisioning_state(body);
    state.is_none_or(|state| ProvisioningState::of(state) == ProvisioningState::Succeeded)
}

/// What a provisioning state other than `Succeeded` means for trusting the live fields.
pub(crate) fn unsettled(desired: &Desired, body: &Value) -> Option<Finding> {
    let state = provisioning_state(body)?;
    match ProvisioningState::of(state) {
        ProvisioningState::Succeeded => None,
        ProvisioningState::Failed => Some(
            Finding::error(
                Code::ProvisioningFailed,
                format!("Azure did not complete the last change of {}", desired.title),
            )
            .at(desired.span)
            .hint("the portal's activity log shows why; any write, such as a changed tag, retries it"),
        ),
        ended @ (ProvisioningState::Deleting | ProvisioningState::Disabled) => {
            let (doing, hint) = if ended == ProvisioningState::Deleting {
                ("is deleting", "retry once it is deleted: `plan` then shows what is missing")
            } else {
                ("has disabled", "it does not answer requests; the portal's activity log shows why")
            };
            let message = format!("Azure {doing} {}", desired.title);
            Some(Finding::error(Code::ProvisioningFailed, message).at(desired.span).hint(hint))
        }
        ProvisioningState::Going => Some(
            Finding::warning(
                Code::OperationUnderWay,
                format!("Azure is still changing {}: its state is `{state}`", desired.title),
            )
            .at(desired.span)
            .hint("retry once Azure has finished"),
        ),
    }
}
