//! Substitutes `${name}` in the parsed tree.
//!
//! Input: a document, and the variables from outside: `--var`, `--var-file`, `KEYLESS_VAR_NAME`. Output: the document with every reference
//! replaced, and findings for those that cannot be. Text is never searched before it is parsed, values are never searched again, and keys
//! are left alone, so that no value can add structure or reach another variable. Pure: takes the environment as pairs and keeps only
//! variables that start with `KEYLESS_VAR_`.

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

/// The prefix of environment variables with values.
pub const ENVIRONMENT_PREFIX: &str = "KEYLESS_VAR_";

/// Fields that accept `${secret.NAME}`: JSON pointers in which `*` matches one token.
const SECRET_FIELDS: &[&str] = &[
    "/accounts/*/connections/*/credentials/key",
    "/accounts/*/projects/*/connections/*/credentials/key",
    "/workspaces/*/connections/*/credentials/key",
];

/// The sources of variables outside of a spec.
#[derive(Debug, Clone, Default)]
pub struct VariableInputs {
    /// `--var name=value`, in order; the last one for a name wins.
    pub arguments: Vec<(String, String)>,
    /// `--var-file`, in order; later files override earlier ones.
    pub files: Vec<PathBuf>,
    environment: BTreeMap<String, String>,
}

impl VariableInputs {
    /// Collects the sources; from the environment only variables that start with [`ENVIRONMENT_PREFIX`].
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

/// Splits `name=value` from `--var`; the error says what is wrong with it.
pub fn parse_assignment(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("a variable must be given as `name=value`".to_owned());
    };
    if !is_name(name) {
        return Err(format!("`{}` cannot be a variable's name: {NAME_RULE}", short(name)));
    }
    Ok((name.to_owned(), value.to_owned()))
}

const NAME_RULE: &str = "a name consists of letters, digits and `_`, and does not start with a digit";

/// The value of a variable.
#[derive(Debug, Clone)]
struct Variable {
    value: Value,
    /// As written: `1.10` embedded in text stays `1.10`.
    text: String,
    /// Whether it comes from `--var` or the environment, where everything is text.
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
    /// By upper-case name.
    environment: BTreeMap<String, Variable>,
}

impl Variables {
    /// Combines the sources; `files` are the parsed `--var-file`s in order.
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
                let message = "a file of variables must be a mapping of names to values";
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

/// Reads a mapping of variables: checks names, and that values are scalars without references.
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
                    format!("variable `{}` must be text, a number, true or false, not {what}", short(name));
                findings.push(Finding::error(Code::WrongType, message).at(document.key_span(&pointer)));
                // It is still defined, so that its uses get no further finding.
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

/// The text of a variable's value, which may contain `$${` but no reference.
fn plain_value(text: &str, span: Span, findings: &mut Vec<Finding>) -> String {
    let mut plain = String::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => plain.push_str(text),
            Part::Reference(source) | Part::Secret(source) | Part::Malformed(source) => {
                let message = format!("a variable's value cannot contain a reference: `{}`", short(source));
                let finding = Finding::error(Code::MalformedReference, message).at(span);
                findings.push(
                    finding.hint("combine references where they are used; write `$${` for a literal `${`"),
                );
                plain.push_str(source);
            }
        }
    }
    plain
}

/// Replaces every reference in a document with the value of its variable.
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
                        let message = format!("`{}` has no value to insert into text", short(source));
                        let hint = "set a value for the variable; `\"\"` is the empty text";
                        self.problem(Finding::error(Code::InvalidValue, message).hint(hint), source);
                    }
                    Some(variable) => result.push_str(&variable.text),
                },
                Part::Secret(source) => {
                    if !SECRET_FIELDS.iter().any(|pattern| matches(pattern, &self.pointer)) {
                        let message = format!("`{}` is in a field that is shown and compared", short(source));
                        let hint = "secrets are only allowed in `credentials.key` of connections";
                        self.problem(
                            Finding::error(Code::SecretOutsideSecretField, message).hint(hint),
                            source,
                        );
                    }
                    result.push_str(source);
                }
                // What follows may be the rest of a key.
                Part::Malformed(source) if secrets::is_secret(&self.pointer) => {
                    let message = "a secret contains `${` without a reference";
                    let hint = "write only `${secret.NAME}`";
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
            "there is no variable with this name".to_owned()
        } else {
            format!("no variable is named `{}`", short(name))
        };
        let lower = self.outside.environment.keys().map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>();
        let known =
            [&self.outside.arguments, &self.outside.files, self.own].into_iter().flat_map(BTreeMap::keys);
        let hint = if let Some(known) = nearest(name, known.chain(&lower).map(String::as_str)) {
            format!("did you mean `${{{known}}}`?")
        } else if secret {
            "write only `${secret.NAME}`, and set KEYLESS_SECRET_NAME to the key; if a key was written here, rotate it".to_owned()
        } else {
            let name = short(name);
            format!(
                "declare it under `variables:`, pass `--var {name}=...`, or write `$${{` for a literal `${{`"
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

/// Splits a text at its references; `$${` is the text `${`.
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

/// The name of the secret that a text refers to, if it is a single reference.
#[must_use]
pub fn secret_name(text: &str) -> Option<&str> {
    match parts(text)[..] {
        [Part::Secret(source)] => inner(source).strip_prefix("secret."),
        _ => None,
    }
}

/// Whether a text is a single reference.
pub(super) fn is_reference(text: &str) -> bool {
    matches!(parts(text)[..], [Part::Reference(_) | Part::Secret(_)])
}

/// The text between the braces.
fn inner(source: &str) -> &str {
    let inner = source.strip_prefix("${").unwrap_or(source);
    inner.strip_suffix('}').unwrap_or(inner)
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The hint for a `${` that is not a reference.
fn remedy(source: &str) -> String {
    let name = inner(source);
    if !source.ends_with('}') {
        return "close it with `}`, or write `$${` for a literal `${`".to_owned();
    }
    if is_name(name.trim()) {
        return format!("write `${{{}}}`, without spaces", name.trim());
    }
    if let Some((name, _)) = name.split_once([':', '-', '?', '=']).filter(|(name, _)| is_name(name)) {
        let name = short(name);
        return format!("put the default under `variables:` as `{name}: ...` and write `${{{name}}}` here");
    }
    format!("{NAME_RULE}; write `$${{` for a literal `${{`")
}

/// Whether a pointer matches a pattern in which `*` matches one token.
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
