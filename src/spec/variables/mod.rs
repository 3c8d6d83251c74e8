//! Substitutes `${name}` in the parsed tree.
//!
//! Input: a document, and the variables from outside: `--var`, `--var-file`, `--env`, `KEYLESS_VAR_NAME` ([`inputs`]). Output: the document
//! with every reference replaced, and every reference that cannot be. Text is never searched before it is parsed, values are never searched
//! again, and keys are left alone, so that no text can add structure and no value reach another variable: lists and mappings come from
//! files only, and stand where one reference stood alone. Pure.

mod inputs;
mod reference;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::late::LateReference;
use super::secrets;
use super::tree::{Substituted, YamlDocument};
use crate::finding::{Code, Finding};
use crate::text::json::escape;
use crate::text::names::{nearest, short};
use crate::text::source::{Sources, Span};
pub use inputs::{ENVIRONMENT_PREFIX, VariableInputs, Variables, parse_assignment, parse_environment_name};
use inputs::{Variable, declared};
pub use reference::secret_name;
use reference::{TextPart, inner, matches, parts, remedy};
pub(super) use reference::{foreign_name, is_reference};

/// How much lists and mappings from variables may add to a document, in bytes: a small file could else become any size.
const MOST_ADDED: usize = 64 << 20;
/// What a value weighs beside its text.
const VALUE_WEIGHT: usize = 32;

/// Fields that accept `${secret.NAME}`: JSON pointers in which `*` matches one token.
const SECRET_FIELDS: &[&str] = &[
    "/accounts/*/apiProperties/eventHubConnectionString",
    "/accounts/*/apiProperties/qnaAzureSearchEndpointKey",
    "/accounts/*/apiProperties/storageAccountConnectionString",
    "/accounts/*/migrationToken",
];
/// Where connections are.
const CONNECTIONS: &[&str] =
    &["/accounts/*/connections/*", "/accounts/*/projects/*/connections/*", "/workspaces/*/connections/*"];
/// Members of their `credentials` that accept it.
const CREDENTIALS: &[&str] = &[
    "key",
    "keys/*",
    "accessKeyId",
    "secretAccessKey",
    "pat",
    "sas",
    "password",
    "securityToken",
    "clientSecret",
    "developerToken",
    "refreshToken",
];

/// Fields that accept a value of a resource, besides those of connections.
const LATE_FIELDS: &[&str] = &[
    "/accounts/*/projects/*/roleAssignments/*/condition",
    "/accounts/*/roleAssignments/*/condition",
    "/roleAssignments/*/condition",
    "/sqlRoleAssignments/*/scope",
];
/// What says what a connection is.
const OF_CONNECTIONS: &[&str] = &["authType", "category", "name"];

/// Whether a field accepts a value that is known only once a resource exists.
fn takes_late(pointer: &str) -> bool {
    let of_connection = |pattern: &&str| {
        let tokens: Vec<&str> = pointer.split('/').collect();
        let (holder, below) = tokens.split_at(tokens.len().min(pattern.split('/').count()));
        matches(pattern, &holder.join("/"))
            && below.first().is_some_and(|name| !OF_CONNECTIONS.contains(name))
    };
    LATE_FIELDS.iter().any(|pattern| matches(pattern, pointer))
        || (CONNECTIONS.iter().any(of_connection) && !secrets::is_secret(pointer))
}

/// Whether a field accepts `${secret.NAME}`.
fn takes_secret(pointer: &str) -> bool {
    let of_connection = || {
        let (connection, member) = pointer.split_once("/credentials/")?;
        let fits = CONNECTIONS.iter().any(|pattern| matches(pattern, connection))
            && CREDENTIALS.iter().any(|pattern| matches(pattern, member));
        Some(fits)
    };
    SECRET_FIELDS.iter().any(|pattern| matches(pattern, pointer)) || of_connection().unwrap_or_default()
}

/// Replaces every reference in a document by the value of its variable.
pub fn substitute(document: &mut YamlDocument, outside: &Variables, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    let own = declared(document, "/variables", &mut findings);
    let mut tree = std::mem::take(&mut document.tree);
    let pointer = String::new();
    let mut walk = Walk { document, outside, own: &own, sources, findings, pointer, added: 0 };
    walk.value(&mut tree);
    let mut findings = walk.findings;
    document.tree = tree;
    misplaced(document, &document.tree, &mut String::new(), &mut findings);
    findings
}

/// Reports text that looks like a reference to a value of a resource where the spec itself has none: in the value of a variable, or
/// written out with `$${`. It would be taken for one.
fn misplaced(document: &YamlDocument, value: &Value, pointer: &mut String, findings: &mut Vec<Finding>) {
    match value {
        Value::String(text) if text.contains("${") => {
            let found = LateReference::all(text);
            let written = document.late.get(pointer.as_str()).copied().unwrap_or_default();
            if found.len() != written {
                let message = "this text looks like a reference to a value of a resource, and is none here";
                let hint =
                    "write the reference in the spec itself, with one `$` and not as a variable's value";
                let span = document.value_span(pointer);
                findings.push(Finding::error(Code::MalformedReference, message).at(span).hint(hint));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let length = pointer.len();
                pointer.push('/');
                pointer.push_str(&index.to_string());
                misplaced(document, item, pointer, findings);
                pointer.truncate(length);
            }
        }
        Value::Object(map) => {
            let is_top = pointer.is_empty();
            for (key, item) in map.iter().filter(|(key, _)| !is_top || *key != "variables") {
                let length = pointer.len();
                pointer.push('/');
                pointer.push_str(&escape(key));
                misplaced(document, item, pointer, findings);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

struct Walk<'a> {
    document: &'a mut YamlDocument,
    outside: &'a Variables,
    own: &'a BTreeMap<String, Variable>,
    sources: &'a Sources,
    findings: Vec<Finding>,
    pointer: String,
    /// What lists and mappings have added so far.
    added: usize,
}

impl<'a> Walk<'a> {
    /// Recursive: a document is at most 64 levels deep.
    fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains("${") => {
                if let Some(new) = self.text(text) {
                    *value = new;
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.below(&index.to_string(), item);
                }
            }
            Value::Object(map) => {
                for (key, item) in map {
                    if self.pointer.is_empty() && key == "variables" {
                        continue;
                    }
                    let token = escape(key);
                    if key.contains("${") {
                        let key = if secrets::may_be_named(&self.pointer, key) {
                            short(key)
                        } else {
                            "${...}".to_owned()
                        };
                        let message = format!("the key `{key}` is used literally");
                        let span = self.document.key_span(&format!("{}/{token}", self.pointer));
                        let finding = Finding::warning(Code::MalformedReference, message).at(span);
                        self.findings.push(finding.hint("variables are substituted in values, not in keys"));
                    }
                    self.below(&token, item);
                }
            }
            _ => {}
        }
    }

    fn below(&mut self, token: &str, value: &mut Value) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(token);
        self.value(value);
        self.pointer.truncate(length);
    }

    /// The value of a text with `${`; `None` if it is unchanged.
    fn text(&mut self, text: &str) -> Option<Value> {
        let parts = parts(text);
        for part in &parts {
            if let TextPart::Reference(source) = part {
                self.document.used.insert(inner(source).to_owned());
            }
        }
        if let [TextPart::Reference(source)] = parts[..] {
            return self.whole(source);
        }
        let refers = matches!(parts[..], [TextPart::Secret(_)]);
        let mut result = String::new();
        for part in parts {
            match part {
                TextPart::Text(text) => result.push_str(text),
                TextPart::Reference(source) => result.push_str(self.inserted(source).unwrap_or_default()),
                TextPart::Secret(source) => {
                    self.secret(source);
                    result.push_str(source);
                }
                TextPart::Late(source) => {
                    self.late(source, text);
                    result.push_str(source);
                }
                TextPart::Malformed(source) => self.malformed(source),
            }
        }
        let result = Value::String(result);
        if !refers && Self::names_secret(&self.pointer, &result) {
            self.plain_secret(text);
        }
        Some(result)
    }

    /// The value of a reference that stands alone: a list or a mapping too.
    fn whole(&mut self, source: &str) -> Option<Value> {
        let name = inner(source);
        let Some(variable) = self.outside.get(name, self.own) else {
            self.unknown(source);
            return None;
        };
        if variable.broken {
            self.document.reported.insert(self.pointer.clone());
            return None;
        }
        if !self.has_room(variable, source) {
            return None;
        }
        let Variable { value, text, argument, origin, .. } = variable.clone();
        if Self::names_secret(&self.pointer, &value) {
            self.plain_secret(source);
        }
        self.document
            .substituted
            .insert(self.pointer.clone(), Substituted { name: name.to_owned(), text, argument, origin });
        Some(value)
    }

    /// What a reference inserts into text.
    fn inserted(&mut self, source: &str) -> Option<&'a str> {
        let Some(variable) = self.outside.get(inner(source), self.own) else {
            self.unknown(source);
            return None;
        };
        if variable.broken {
            self.document.reported.insert(self.pointer.clone());
            return None;
        }
        let (message, hint) = match &variable.value {
            Value::Null => (
                format!("`{}` has no value to insert into text", short(source)),
                "set a value for the variable; `\"\"` is the empty text",
            ),
            Value::Array(_) => (
                format!("`{}` is a list, and cannot stand in text", short(source)),
                "write the reference alone, where a list or a mapping belongs",
            ),
            Value::Object(_) => (
                format!("`{}` is a mapping, and cannot stand in text", short(source)),
                "write the reference alone, where a list or a mapping belongs",
            ),
            _ => return Some(&variable.text),
        };
        self.problem(Finding::error(Code::InvalidValue, message).hint(hint), source);
        None
    }

    /// Reports a reference to a secret where it would be shown.
    fn secret(&mut self, source: &str) {
        if takes_secret(&self.pointer) {
            return;
        }
        let message = format!("`{}` is in a field that is shown and compared", short(source));
        let hint = "secrets are only allowed in secret fields, such as `credentials.key` of connections";
        self.problem(Finding::error(Code::SecretOutsideSecretField, message).hint(hint), source);
    }

    /// Counts a late value, or reports it where none may stand.
    fn late(&mut self, source: &str, text: &str) {
        if takes_late(&self.pointer) {
            *self.document.late.entry(self.pointer.clone()).or_default() += 1;
            return;
        }
        let message =
            format!("`{}` is known only once the resource exists, and cannot stand here", short(source));
        let hint = "such values belong in the fields of connections, in conditions, and in `scope` of `sqlRoleAssignments`";
        self.problem(Finding::error(Code::MalformedReference, message).hint(hint), source);
        self.document.late.insert(self.pointer.clone(), LateReference::all(text).len());
    }

    fn malformed(&mut self, source: &str) {
        let finding = if secrets::is_secret(&self.pointer) {
            // What follows may be the rest of a key.
            Finding::error(Code::MalformedReference, "a secret contains `${` without a reference")
                .hint("write only `${secret.NAME}`")
        } else {
            Finding::error(Code::MalformedReference, format!("`{}` is not a reference", short(source)))
                .hint(remedy(source))
        };
        self.problem(finding, source);
    }

    /// Whether a value that is text alone would be taken for a reference to a secret where it stands. Recursive: a document is at most
    /// 64 levels deep.
    fn names_secret(pointer: &str, value: &Value) -> bool {
        match value {
            Value::String(text) => secret_name(text).is_some() && takes_secret(pointer),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .any(|(at, item)| Self::names_secret(&format!("{pointer}/{at}"), item)),
            Value::Object(map) => {
                map.iter().any(|(key, item)| Self::names_secret(&format!("{pointer}/{}", escape(key)), item))
            }
            _ => false,
        }
    }

    /// Reports the text of a reference where only a reference counts: it would be sent as the secret that it happens to name.
    fn plain_secret(&mut self, source: &str) {
        let message = "a key stands in the spec as plain text: `${secret.NAME}` is no reference here";
        let hint = "write `${secret.NAME}` in the spec itself, with one `$` and not as a variable's value";
        self.problem(Finding::error(Code::PlainSecret, message).hint(hint), source);
    }

    /// Whether the document may still grow by a variable's value; told once where it may not.
    fn has_room(&mut self, variable: &Variable, source: &str) -> bool {
        if !(variable.value.is_array() || variable.value.is_object()) {
            return true;
        }
        if self.added > MOST_ADDED {
            return false;
        }
        self.added = self.added.saturating_add(weight(&variable.value));
        if self.added > MOST_ADDED {
            let message =
                format!("the values of variables make this spec larger than {} MiB", MOST_ADDED >> 20);
            self.problem(Finding::error(Code::TooLarge, message).hint("split it into several specs"), source);
        }
        self.added <= MOST_ADDED
    }

    fn unknown(&mut self, source: &str) {
        let name = inner(source);
        let secret = secrets::is_credential(&self.pointer);
        let message = if secret {
            "there is no variable with this name".to_owned()
        } else {
            format!("{NOWHERE} `{}`", short(name))
        };
        let outside = self.outside;
        let lower = outside.environment.keys().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>();
        let known = [&outside.arguments, &outside.files, &outside.beside, self.own]
            .into_iter()
            .flat_map(BTreeMap::keys);
        let hint = if let Some(known) = nearest(name, known.chain(&lower).map(String::as_str)) {
            format!("did you mean `${{{known}}}`?")
        } else if secret {
            "write only `${secret.NAME}`, and set KEYLESS_SECRET_NAME to the key; if a key was written here, rotate it".to_owned()
        } else {
            let name = short(name);
            format!(
                "declare it under `variables:`, pass `--var {name}=...` (text only), `--var-file` or `--env`, or write `$${{` for a literal `${{`"
            )
        };
        self.problem(Finding::error(Code::UnknownVariable, message).hint(hint), source);
    }

    /// Reports a problem at the reference, or at its value if the reference cannot be located.
    fn problem(&mut self, finding: Finding, source: &str) {
        let value = self.document.value_span(&self.pointer);
        let written = self.sources.file(value.file).text.get(value.start..value.end).unwrap_or_default();
        let span = match written.find(source) {
            Some(at) => Span { start: value.start + at, end: value.start + at + source.len(), ..value },
            None => value,
        };
        self.findings.push(finding.at(span));
        self.document.reported.insert(self.pointer.clone());
    }
}

/// What begins the message of a reference to no variable.
const NOWHERE: &str = "no variable is named";

/// Whether a finding says that there is no such variable, and nothing of a near one.
pub(super) fn is_nowhere(finding: &Finding) -> bool {
    let near = finding.hint.as_ref().is_some_and(|hint| hint.starts_with("did you mean"));
    finding.code == Code::UnknownVariable && finding.message.starts_with(NOWHERE) && !near
}

/// Makes one finding of those about one unknown variable, with its other places.
pub(super) fn by_variable(findings: Vec<Finding>, sources: &Sources) -> Vec<Finding> {
    const SHOWN: usize = 8;
    let mut kept: Vec<Finding> = Vec::new();
    let mut first: BTreeMap<String, (usize, Vec<Span>)> = BTreeMap::new();
    for finding in findings {
        let repeated = (finding.code == Code::UnknownVariable && finding.message.starts_with(NOWHERE))
            .then_some(finding.span)
            .flatten();
        match (repeated, first.get_mut(&finding.message)) {
            (Some(span), Some((_, others))) => others.push(span),
            (Some(_), None) => {
                first.insert(finding.message.clone(), (kept.len(), Vec::new()));
                kept.push(finding);
            }
            (None, _) => kept.push(finding),
        }
    }
    for (index, others) in first.into_values() {
        let Some((second, rest)) = others.split_first() else { continue };
        let place = |span: &Span| {
            let position = sources.position(*span);
            format!("{}:{}", position.file, position.line)
        };
        let mut label = "also here".to_owned();
        for span in rest.iter().take(SHOWN) {
            label = format!("{label}, {}", place(span));
        }
        if rest.len() > SHOWN {
            label = format!("{label} and {} more places", rest.len() - SHOWN);
        }
        let one = &mut kept[index];
        *one = one.clone().related(*second, label);
    }
    kept
}

/// What `--var` sets and no spec refers to: a mistyped name would otherwise be ignored.
pub(super) fn unused(inputs: &VariableInputs, used: &BTreeSet<String>) -> Vec<Finding> {
    let given: BTreeSet<&str> = inputs.arguments.iter().map(|(name, _)| name.as_str()).collect();
    let idle = given.into_iter().filter(|name| !used.contains(*name));
    idle.map(|name| {
        let name_shown = short(name);
        let hint = match nearest(name, used.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("leave it out, or write `${{{name_shown}}}` where its value belongs"),
        };
        let message = format!("no spec uses `${{{name_shown}}}`, which `--var {name_shown}` sets");
        Finding::error(Code::UnknownVariable, message).hint(hint)
    })
    .collect()
}

/// What a value adds to a document.
fn weight(value: &Value) -> usize {
    let inside: usize = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        _ => 0,
    };
    VALUE_WEIGHT + inside
}

#[cfg(test)]
mod tests;
