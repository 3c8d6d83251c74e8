//! `${name}` in the parsed tree.
//!
//! Input: a document, and the variables from outside: `--var`, `--var-file`, `KEYLESS_VAR_NAME`. Output: the document with every reference
//! replaced, and every reference that cannot be. Text is never searched before it is parsed, values are never searched again, and keys are left alone, so that no
//! value can add structure or reach another variable. Pure: the environment comes in as pairs, and of those only the ones that begin with
//! `KEYLESS_VAR_` are kept.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::Value;

use super::tree::{Document, Substituted};
use super::{scalar, secrets};
use crate::finding::{Code, Finding};
use crate::source::{Sources, Span};
use crate::text::json::escape;
use crate::text::names::{nearest, short};

/// What a variable of the environment begins with to be one of ours.
pub const ENVIRONMENT_PREFIX: &str = "KEYLESS_VAR_";

/// Fields that take `${secret.NAME}`: JSON pointers in which `*` stands for any one token.
const SECRET_FIELDS: &[&str] = &[
    "/accounts/*/connections/*/credentials/key",
    "/accounts/*/projects/*/connections/*/credentials/key",
    "/workspaces/*/connections/*/credentials/key",
];

/// Where variables from outside of a spec come from.
#[derive(Debug, Clone, Default)]
pub struct VariableInputs {
    /// `--var name=value`, in order; the last of a name counts.
    pub arguments: Vec<(String, String)>,
    /// `--var-file`, in order; later files go before earlier ones.
    pub files: Vec<PathBuf>,
    environment: BTreeMap<String, String>,
}

impl VariableInputs {
    /// Collects the sources; of the environment, only what begins with [`ENVIRONMENT_PREFIX`] is kept.
    pub fn new(
        arguments: Vec<(String, String)>,
        files: Vec<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let environment = environment
            .into_iter()
            .filter_map(|(name, value)| {
                let name = name.to_str()?.strip_prefix(ENVIRONMENT_PREFIX)?.to_owned();
                Some((name, value.into_string().ok()?))
            })
            .collect();
        Self { arguments, files, environment }
    }
}

/// Splits `name=value` as it stands behind `--var`; the error says what is wrong with it.
pub fn parse_assignment(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("a variable is given as `name=value`".to_owned());
    };
    if !is_name(name) {
        return Err(format!("`{}` cannot be a variable's name: {NAME_RULE}", short(name)));
    }
    Ok((name.to_owned(), value.to_owned()))
}

const NAME_RULE: &str = "a name is made of letters, digits and `_`, and does not begin with a digit";

/// The value of a variable.
#[derive(Debug, Clone)]
struct Variable {
    value: Value,
    /// As it was written: `1.10` embedded in text stays `1.10`.
    text: String,
    /// Whether it comes from `--var` or the environment, where all is text.
    argument: bool,
}

impl Variable {
    fn argument(text: &str) -> Self {
        Self { value: scalar::read_argument(text), text: text.to_owned(), argument: true }
    }
}

/// All variables from outside of a spec.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// First layer goes before second.
    arguments: BTreeMap<String, Variable>,
    files: BTreeMap<String, Variable>,
    /// By name in upper case.
    environment: BTreeMap<String, Variable>,
}

impl Variables {
    /// Puts the sources together; `files` are the parsed `--var-file`s in order.
    #[must_use]
    pub fn new(inputs: &VariableInputs, files: &[Document]) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut variables = Self::default();
        for (name, value) in &inputs.arguments {
            variables.arguments.insert(name.clone(), Variable::argument(value));
        }
        for (name, value) in &inputs.environment {
            variables.environment.insert(name.clone(), Variable::argument(value));
        }
        for file in files {
            if file.tree.is_object() {
                variables.files.extend(declared(file, "", &mut findings));
            } else {
                let message = "a file of variables is a mapping of names to values";
                findings.push(Finding::error(Code::WrongType, message).at(file.span_of("")));
            }
        }
        (variables, findings)
    }

    fn get<'a>(&'a self, name: &str, own: &'a BTreeMap<String, Variable>) -> Option<&'a Variable> {
        self.arguments
            .get(name)
            .or_else(|| self.files.get(name))
            .or_else(|| self.environment.get(&name.to_ascii_uppercase()))
            .or_else(|| own.get(name))
    }
}

/// Reads a mapping of variables: names checked, values scalars without references.
fn declared(document: &Document, base: &str, findings: &mut Vec<Finding>) -> BTreeMap<String, Variable> {
    let mut variables = BTreeMap::new();
    let Some(Value::Object(map)) = document.tree.pointer(base) else { return variables };
    for (name, value) in map {
        let pointer = format!("{base}/{}", escape(name));
        if !is_name(name) {
            let message = format!("`{}` cannot be a variable's name", short(name));
            findings.push(
                Finding::error(Code::InvalidName, message).at(document.key_span(&pointer)).hint(NAME_RULE),
            );
        }
        let (value, text) = match value {
            Value::Array(_) | Value::Object(_) => {
                let what = if value.is_array() { "a list" } else { "a mapping" };
                let message =
                    format!("the variable `{}` takes text, a number, true or false, not {what}", short(name));
                findings.push(Finding::error(Code::WrongType, message).at(document.key_span(&pointer)));
                // It is defined all the same: no further finding where it is used.
                (Value::Null, String::new())
            }
            Value::String(text) => {
                let text = plain_value(text, document.span_of(&pointer), findings);
                (Value::String(text.clone()), text)
            }
            other => (other.clone(), document.raw(&pointer).map_or_else(|| other.to_string(), str::to_owned)),
        };
        variables.insert(name.clone(), Variable { value, text, argument: false });
    }
    variables
}

/// The text of a variable's value, which may hold `$${` but no reference.
fn plain_value(text: &str, span: Span, findings: &mut Vec<Finding>) -> String {
    let mut plain = String::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => plain.push_str(text),
            Part::Reference(source) | Part::Secret(source) | Part::Malformed(source) => {
                let message = format!("the value of a variable refers to nothing: `{}`", short(source));
                let finding = Finding::error(Code::MalformedReference, message).at(span);
                findings.push(
                    finding
                        .hint("put references together where they are used; write `$${` for a literal `${`"),
                );
                plain.push_str(source);
            }
        }
    }
    plain
}

/// Replaces every reference in a document by the value of its variable.
pub fn substitute(document: &mut Document, outside: &Variables, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    let own = declared(document, "/variables", &mut findings);
    let mut tree = std::mem::take(&mut document.tree);
    let mut walk = Walk { document, outside, own: &own, sources, findings, pointer: String::new() };
    walk.value(&mut tree);
    let findings = walk.findings;
    document.tree = tree;
    findings
}

struct Walk<'a> {
    document: &'a mut Document,
    outside: &'a Variables,
    own: &'a BTreeMap<String, Variable>,
    sources: &'a Sources,
    findings: Vec<Finding>,
    pointer: String,
}

impl Walk<'_> {
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
                        let message = format!("the key `{key}` is taken as it stands");
                        let span = self.document.key_span(&format!("{}/{token}", self.pointer));
                        let finding = Finding::warning(Code::MalformedReference, message).at(span);
                        self.findings.push(finding.hint("variables are put into values, never into keys"));
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

    /// What a text with `${` becomes; none if it stays as it is.
    fn text(&mut self, text: &str) -> Option<Value> {
        let parts = parts(text);
        if let [Part::Reference(source)] = parts[..] {
            let name = inner(source);
            let Some(variable) = self.outside.get(name, self.own) else {
                self.unknown(source);
                return None;
            };
            let Variable { value, text, argument } = variable.clone();
            self.document
                .substituted
                .insert(self.pointer.clone(), Substituted { name: name.to_owned(), text, argument });
            return Some(value);
        }
        let mut result = String::new();
        for part in parts {
            match part {
                Part::Text(text) => result.push_str(text),
                Part::Reference(source) => match self.outside.get(inner(source), self.own) {
                    None => self.unknown(source),
                    Some(Variable { value: Value::Null, .. }) => {
                        let message = format!("`{}` has no value to put into text", short(source));
                        let hint = "give the variable a value; `\"\"` is no text at all";
                        self.problem(Finding::error(Code::InvalidValue, message).hint(hint), source);
                    }
                    Some(variable) => result.push_str(&variable.text),
                },
                Part::Secret(source) => {
                    if !SECRET_FIELDS.iter().any(|pattern| matches(pattern, &self.pointer)) {
                        let message =
                            format!("`{}` stands in a field that is shown and compared", short(source));
                        let hint = "secrets are allowed in `credentials.key` of connections only";
                        self.problem(
                            Finding::error(Code::SecretOutsideSecretField, message).hint(hint),
                            source,
                        );
                    }
                    result.push_str(source);
                }
                // What follows may well be the rest of a key.
                Part::Malformed(source) if secrets::is_secret(&self.pointer) => {
                    let message = "a secret holds `${`, and no reference follows";
                    let hint = "write `${secret.NAME}` and nothing else";
                    self.problem(Finding::error(Code::MalformedReference, message).hint(hint), source);
                }
                Part::Malformed(source) => {
                    let message = format!("`{}` is not a reference", short(source));
                    self.problem(
                        Finding::error(Code::MalformedReference, message).hint(remedy(source)),
                        source,
                    );
                }
            }
        }
        Some(Value::String(result))
    }

    fn unknown(&mut self, source: &str) {
        let name = inner(source);
        let secret = secrets::is_credential(&self.pointer);
        let message = if secret {
            "no variable has the name that stands here".to_owned()
        } else {
            format!("no variable is named `{}`", short(name))
        };
        let lower = self.outside.environment.keys().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>();
        let known =
            [&self.outside.arguments, &self.outside.files, self.own].into_iter().flat_map(BTreeMap::keys);
        let hint = if let Some(known) = nearest(name, known.chain(&lower).map(String::as_str)) {
            format!("did you mean `${{{known}}}`?")
        } else if secret {
            "write `${secret.NAME}` and nothing else, and put the key into KEYLESS_SECRET_NAME; if a key stood here, change it".to_owned()
        } else {
            let name = short(name);
            format!(
                "declare it under `variables:`, pass `--var {name}=...`, or write `$${{` for a literal `${{`"
            )
        };
        self.problem(Finding::error(Code::UnknownVariable, message).hint(hint), source);
    }

    /// Reports a problem at the reference, or at its value where the reference cannot be made out.
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

/// A part of a text.
#[derive(Debug, PartialEq)]
enum Part<'t> {
    Text(&'t str),
    /// `${name}`.
    Reference(&'t str),
    /// `${secret.NAME}`.
    Secret(&'t str),
    /// `${` and what follows, if it is neither.
    Malformed(&'t str),
}

/// Cuts a text at its references; `$${` is the text `${`.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            if at > 1 {
                parts.push(Part::Text(&rest[..at - 1]));
            }
            parts.push(Part::Text(&rest[at..at + 2]));
            rest = &rest[at + 2..];
            continue;
        }
        if at > 0 {
            parts.push(Part::Text(&rest[..at]));
        }
        let end = rest[at..].find('}').map_or(rest.len(), |end| at + end + 1);
        let source = &rest[at..end];
        parts.push(match inner(source) {
            _ if !source.ends_with('}') => Part::Malformed(source),
            name if is_name(name) => Part::Reference(source),
            name if name.strip_prefix("secret.").is_some_and(is_name) => Part::Secret(source),
            _ => Part::Malformed(source),
        });
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// The name of the secret that a text refers to, if it is one such reference and nothing else.
#[must_use]
pub fn secret_name(text: &str) -> Option<&str> {
    match parts(text)[..] {
        [Part::Secret(source)] => inner(source).strip_prefix("secret."),
        _ => None,
    }
}

/// Whether a text is one reference and nothing else.
pub(super) fn is_reference(text: &str) -> bool {
    matches!(parts(text)[..], [Part::Reference(_) | Part::Secret(_)])
}

/// What stands between the braces.
fn inner(source: &str) -> &str {
    let inner = source.strip_prefix("${").unwrap_or(source);
    inner.strip_suffix('}').unwrap_or(inner)
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What to do about `${` that is no reference.
fn remedy(source: &str) -> String {
    let name = inner(source);
    if !source.ends_with('}') {
        return "close it with `}`, or write `$${` for a literal `${`".to_owned();
    }
    if is_name(name.trim()) {
        return format!("write `${{{}}}`, without blanks", name.trim());
    }
    if let Some((name, _)) = name.split_once([':', '-', '?', '=']).filter(|(name, _)| is_name(name)) {
        let name = short(name);
        return format!(
            "a default stands under `variables:` as `{name}: ...`; the reference is `${{{name}}}`"
        );
    }
    format!("{NAME_RULE}; write `$${{` for a literal `${{`")
}

/// Whether a pointer fits a pattern in which `*` stands for any one token.
fn matches(pattern: &str, pointer: &str) -> bool {
    let (mut pattern, mut pointer) = (pattern.split('/'), pointer.split('/'));
    loop {
        match (pattern.next(), pointer.next()) {
            (None, None) => return true,
            (Some(wanted), Some(token)) if wanted == "*" || wanted == token => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests;
