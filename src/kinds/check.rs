//! Rules for a whole file, or for several files of one run.

use std::collections::BTreeMap;

use super::desired::one_by_one;
use super::{KINDS, late};
use crate::finding::{Code, Finding};
use crate::id::{Key, hyphenated_guid};
use crate::snapshot::Snapshot;
use crate::spec::{Loaded, STACK_NAMES, is_group_name, is_stack_name};
use crate::text::source::Span;

/// Applies all rules that work offline.
#[must_use]
pub fn check(stacks: &[Loaded]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    for loaded in stacks {
        file(loaded, &mut findings);
        let span = loaded.document.value_span("/stack");
        if let Some(first) = names.insert(&loaded.spec.stack, span) {
            findings.push(
                Finding::error(Code::Duplicate, format!("two files declare stack `{}`", loaded.spec.stack))
                    .at(span)
                    .related(first, "first declared here")
                    .hint("use one file per stack: otherwise each file would revoke what the other grants"),
            );
        }
        for kind in KINDS {
            kind.check(loaded, &mut findings);
        }
        late::check(loaded, &mut findings);
    }
    doubles(stacks, &mut findings);
    findings
}

/// Checks the top-level values of one file.
fn file(loaded: &Loaded, findings: &mut Vec<Finding>) {
    let spec = &loaded.spec;
    let at = |pointer: &str| loaded.document.value_span(pointer);
    if !is_stack_name(&spec.stack) {
        findings.push(
            Finding::error(Code::InvalidName, format!("`{}` cannot name a stack", spec.stack))
                .at(at("/stack"))
                .hint(STACK_NAMES),
        );
    }
    for (pointer, name, id) in [
        ("/subscription", "a subscription", Some(&spec.subscription)),
        ("/tenant", "a tenant", spec.tenant.as_ref()),
    ] {
        if let Some(id) = id
            && !is_hyphenated_guid(id)
        {
            findings.push(
                Finding::error(Code::InvalidGuid, format!("`{id}` is not the id of {name}"))
                    .at(at(pointer))
                    .hint("it is a GUID: az account show --query '{subscription: id, tenant: tenantId}'"),
            );
        }
    }
    if let Some(group) = spec.resource_group.as_deref()
        && !is_group_name(group)
    {
        findings.push(
            Finding::error(Code::InvalidName, format!("`{group}` cannot name a resource group"))
                .at(at("/resourceGroup"))
                .hint("1 to 90 letters, digits, `_`, `-`, `.`, `(` and `)`, not ending with `.`"),
        );
    }
}

/// Whether it is a GUID in the hyphenated form of ids: other forms would parse but match nothing.
fn is_hyphenated_guid(text: &str) -> bool {
    hyphenated_guid(text).is_some()
}

/// Finds an account or assignment that two files declare. (Duplicates within one file are the kind's business.)
fn doubles(stacks: &[Loaded], findings: &mut Vec<Finding>) {
    let mut seen: BTreeMap<Key, (Span, String)> = BTreeMap::new();
    let snapshot = Snapshot::default();
    for wanted in one_by_one(stacks, &snapshot) {
        let Some((first, stack)) = seen.insert(wanted.key.clone(), (wanted.span, wanted.stack.clone()))
        else {
            continue;
        };
        if wanted.kind.is_grant() && stack == wanted.stack {
            continue;
        }
        findings.push(
            Finding::error(Code::Duplicate, format!("{} is declared twice", wanted.title))
                .at(wanted.span)
                .related(first, "first declared here")
                .hint("declare it in one place: two declarations would overwrite each other"),
        );
    }
}
