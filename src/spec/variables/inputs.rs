//! Variables from outside of a spec, and what a mapping of variables declares.
//!
//! Input: what `--var` says, the files of `--var-file` and `--env` as trees, and the environment as pairs, of which only those are kept
//! that begin with `KEYLESS_VAR_`. Output: [`Variables`], by name. Pure.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::reference::{NAME_RULE, TextPart, is_name, parts};
use crate::finding::{Code, Finding};
use crate::spec::scalar;
use crate::spec::tree::{ValueSource, YamlDocument};
use crate::text::json::escape;
use crate::text::names::short;
use crate::text::source::Span;

/// What a variable of the environment begins with to be one of ours.
pub const ENVIRONMENT_PREFIX: &str = "KEYLESS_VAR_";

/// What follows the prefix in the variable of `--var-file`, which is no variable of a spec.
const FILES: &str = "FILE";

/// Where variables from outside of a spec come from.
#[derive(Debug, Clone, Default)]
pub struct VariableInputs {
    /// `--var name=value`, in order; the last of a name counts.
    pub arguments: Vec<(String, String)>,
    /// `--var-file`, in order; later files go before earlier ones.
    pub files: Vec<PathBuf>,
    /// `--env`: of each spec, `NAME.vars.yaml` beside it.
    pub beside: Option<String>,
    /// By the name as it was set, less the prefix.
    environment: BTreeMap<String, String>,
}

impl VariableInputs {
    /// Collects the sources; of the environment, only what begins with [`ENVIRONMENT_PREFIX`] is kept. Empty counts as not set.
    pub fn new(
        arguments: Vec<(String, String)>,
        files: Vec<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let environment = environment
            .into_iter()
            .filter_map(|(name, value)| {
                let name = name.to_str()?.strip_prefix(ENVIRONMENT_PREFIX)?.to_owned();
                let value = value.into_string().ok().filter(|value| !value.is_empty() && name != FILES)?;
                Some((name, value))
            })
            .collect();
        Self { arguments, files, beside: None, environment }
    }

    /// The variables of the environment by name in upper case: some shells and pipelines know no other, so that letter case does not
    /// count. Two that differ in nothing else are an error.
    fn environment(&self, findings: &mut Vec<Finding>) -> BTreeMap<String, Variable> {
        let mut by_name: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
        for (name, value) in &self.environment {
            by_name.entry(name.to_ascii_uppercase()).or_default().push((name, value));
        }
        let mut variables = BTreeMap::new();
        for (name, set) in by_name {
            if set.len() > 1 {
                let names: Vec<String> =
                    set.iter().map(|(name, _)| format!("`{ENVIRONMENT_PREFIX}{}`", short(name))).collect();
                let message = format!("{} are set, and differ only by case", names.join(" and "));
                let hint = "letter case does not count in these names: unset all but one";
                findings.push(Finding::error(Code::Duplicate, message).hint(hint));
            }
            variables.extend(set.first().map(|(_, value)| (name, Variable::argument(value))));
        }
        variables
    }
}

/// Splits `name=value` as it stands behind `--var`; the error says what is wrong with it.
pub fn parse_assignment(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("a variable must be given as `name=value`".to_owned());
    };
    if !is_name(name) {
        return Err(format!("`{}` cannot be a variable's name: {NAME_RULE}", short(name)));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads what stands behind `--env`: part of a file's name, and never of a path.
pub fn parse_environment_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.starts_with('.') || !text.chars().all(plain) {
        return Err("it is the NAME of a file `NAME.vars.yaml`: letters, digits, `-`, `_` and `.`".to_owned());
    }
    Ok(text.to_owned())
}

/// The value of a variable.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) value: Value,
    /// As it was written: `1.10` embedded in text stays `1.10`. Nothing of a list or a mapping.
    pub(super) text: String,
    /// Whether it comes from `--var` or the environment, where all is text.
    pub(super) argument: bool,
    /// Where it is written, of a list or a mapping.
    pub(super) origin: Option<Arc<ValueSource>>,
    /// Whether its value has a finding: values that use it get none.
    pub(super) broken: bool,
}

impl Variable {
    fn argument(text: &str) -> Self {
        Self {
            value: scalar::read_argument(text),
            text: text.to_owned(),
            argument: true,
            origin: None,
            broken: false,
        }
    }
}

/// All variables from outside of a spec.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// First layer goes before second, and so on.
    pub(super) arguments: BTreeMap<String, Variable>,
    pub(super) files: BTreeMap<String, Variable>,
    /// Of the file of `--env` beside the spec.
    pub(super) beside: BTreeMap<String, Variable>,
    /// By name in upper case.
    pub(super) environment: BTreeMap<String, Variable>,
}

impl Variables {
    /// Puts the sources together; `files` are the parsed `--var-file`s in order.
    #[must_use]
    pub fn new(inputs: &VariableInputs, files: &[YamlDocument]) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let mut variables = Self { environment: inputs.environment(&mut findings), ..Self::default() };
        for (name, value) in &inputs.arguments {
            variables.arguments.insert(name.clone(), Variable::argument(value));
        }
        for file in files {
            variables.files.extend(of_file(file, &mut findings));
        }
        (variables, findings)
    }

    /// The same for specs that have a file of `--env` beside them.
    pub(in crate::spec) fn with_file(&self, file: &YamlDocument) -> (Self, Vec<Finding>) {
        let mut findings = Vec::new();
        let beside = of_file(file, &mut findings);
        (Self { beside, ..self.clone() }, findings)
    }

    pub(super) fn get<'a>(&'a self, name: &str, own: &'a BTreeMap<String, Variable>) -> Option<&'a Variable> {
        self.arguments
            .get(name)
            .or_else(|| self.files.get(name))
            .or_else(|| self.beside.get(name))
            .or_else(|| self.environment.get(&name.to_ascii_uppercase()))
            .or_else(|| own.get(name))
    }
}

/// What a file of variables declares.
fn of_file(file: &YamlDocument, findings: &mut Vec<Finding>) -> BTreeMap<String, Variable> {
    if !file.tree.is_object() {
        let message = "a file of variables must be a mapping of names to values";
        findings.push(Finding::error(Code::WrongType, message).at(file.span_of("")));
    }
    declared(file, "", findings)
}

/// Reads a mapping of variables: names checked, values without references.
pub(super) fn declared(
    document: &YamlDocument,
    base: &str,
    findings: &mut Vec<Finding>,
) -> BTreeMap<String, Variable> {
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
        let twin = variables.keys().find(|known: &&String| known.eq_ignore_ascii_case(name));
        if let Some(twin) = twin {
            let message = format!("variables `{}` and `{}` differ only by case", short(twin), short(name));
            let hint = "rename one: letter case does not count in KEYLESS_VAR_NAME";
            findings
                .push(Finding::error(Code::Duplicate, message).at(document.key_span(&pointer)).hint(hint));
        }
        let before = findings.len();
        let value = plain(document, &pointer, value, findings);
        let broken = findings.len() > before;
        let text = match &value {
            Value::String(text) => text.clone(),
            Value::Array(_) | Value::Object(_) => String::new(),
            other => document.raw(&pointer).map_or_else(|| other.to_string(), str::to_owned),
        };
        let origin = (value.is_array() || value.is_object()).then(|| Arc::new(document.origin(&pointer)));
        variables.insert(name.clone(), Variable { value, text, argument: false, origin, broken });
    }
    variables
}

/// A variable's value, in which nothing refers to anything. Recursive: a document is at most 64 levels deep.
fn plain(document: &YamlDocument, pointer: &str, value: &Value, findings: &mut Vec<Finding>) -> Value {
    match value {
        Value::String(text) => Value::String(plain_text(text, document.span_of(pointer), findings)),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.map(|(at, item)| plain(document, &format!("{pointer}/{at}"), item, findings)).collect()
        }
        Value::Object(map) => {
            let below = map.iter().map(|(key, item)| {
                let pointer = format!("{pointer}/{}", escape(key));
                plain_text(key, document.key_span(&pointer), findings);
                (key.clone(), plain(document, &pointer, item, findings))
            });
            Value::Object(below.collect())
        }
        other => other.clone(),
    }
}

/// A text of a variable's value, which may hold `$${` but no reference.
fn plain_text(text: &str, span: Span, findings: &mut Vec<Finding>) -> String {
    let mut plain = String::new();
    for part in parts(text) {
        match part {
            TextPart::Text(text) => plain.push_str(text),
            TextPart::Reference(source)
            | TextPart::Secret(source)
            | TextPart::Late(source)
            | TextPart::Malformed(source) => {
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
