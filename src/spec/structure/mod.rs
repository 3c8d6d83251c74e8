//! Checks whether a document has the structure of a spec.
//!
//! Input: a document with variables substituted. Output: every structural problem at once, with its position and in plain words. The rules
//! are the JSON Schema of `model`; what Azure accepts beyond types and field names is checked by the kinds. Pure.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

pub use super::schema::{published_schema, schema};
use super::secrets::{is_secret, may_be_named};
use super::sections;
use super::tree::YamlDocument;
use crate::finding::{Code, Finding};
use crate::text::json::escape;
use crate::text::names::{listed, nearest, short};

/// The names of all fields, at any level.
static FIELDS: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    fn collect(schema: &'static Value, names: &mut BTreeSet<&'static str>) {
        match schema {
            Value::Object(map) => {
                let fields = map.get("properties").and_then(Value::as_object);
                names.extend(fields.into_iter().flat_map(|fields| fields.keys()).map(String::as_str));
                map.values().for_each(|schema| collect(schema, names));
            }
            Value::Array(items) => items.iter().for_each(|schema| collect(schema, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    collect(&RULES.schema, &mut names);
    names
});

/// Lists with named elements that are not resources: the noun for an element, and the fields that may name it.
const NOUNS: &[(&str, &str, &[&str])] = &[
    (
        "principals",
        "principal",
        &[
            "user",
            "group",
            "servicePrincipal",
            "managedIdentity",
            "accountIdentity",
            "projectIdentity",
            "resourceIdentity",
            "id",
        ],
    ),
    ("virtualNetworkRules", "virtual network rule", &["id"]),
];

/// Finds every structural problem of a document, in file order.
#[must_use]
pub fn check(document: &YamlDocument) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut mismatched = BTreeSet::new();
    let mut others = Vec::new();
    let (problems, whole) = problems(&document.tree);
    for problem in problems {
        if document.reported.contains(&problem.pointer) {
            continue;
        }
        if problem.takes.is_empty() {
            others.push(problem);
        } else if mismatched.insert(problem.pointer.clone()) {
            findings.push(mismatch(document, &problem));
        }
    }
    // A value of the wrong type also breaks other rules; one finding is enough.
    others.retain(|problem| !mismatched.contains(&problem.pointer));
    let misspelt = others.iter().filter_map(|problem| match &problem.kind {
        ProblemKind::Unknown(names) => {
            Some(problem.meant(names).into_iter().flatten().map(|name| (problem.pointer.as_str(), name)))
        }
        _ => None,
    });
    let misspelt = misspelt.flatten().collect::<BTreeSet<_>>();
    for problem in &others {
        match &problem.kind {
            // It is present under a misspelled name that already has a finding.
            ProblemKind::Missing(name) if misspelt.contains(&(problem.pointer.as_str(), name.as_str())) => {}
            _ => other(document, problem, &mut findings),
        }
    }
    // Aliases repeat a problem at the same position.
    findings.sort_by(|a, b| (a.span, &a.message).cmp(&(b.span, &b.message)));
    findings.dedup_by(|a, b| a.span == b.span && a.code == b.code && a.hint == b.hint);
    if let (false, Some(last)) = (whole, findings.last()) {
        let message = "the file is very large: the rest is checked once these problems are fixed";
        let span = last.span;
        findings.push(Finding { span, ..Finding::note(Code::TooLarge, message) });
    }
    findings
}

/// Restores the original text of `--var` values for fields that take text, if it looked like a number or boolean.
pub fn settle(document: &mut YamlDocument) {
    if !document.substituted.values().any(|substituted| substituted.argument) {
        return;
    }
    loop {
        let (problems, whole) = problems(&document.tree);
        let mut settled = false;
        for problem in problems.iter().filter(|problem| problem.takes_text()) {
            let typed = document.substituted.get(&problem.pointer);
            let typed = typed.filter(|substituted| substituted.argument);
            if let (Some(typed), Some(value)) = (typed, document.tree.pointer_mut(&problem.pointer)) {
                settled = true;
                *value = Value::String(typed.text.clone());
            }
        }
        if whole || !settled {
            return;
        }
    }
}

/// One problem, with the schema's alternatives resolved.
struct Problem {
    pointer: String,
    /// The rule that the value breaks.
    rule: &'static Value,
    kind: ProblemKind,
    /// What the field accepts instead, if the value matches nothing; otherwise empty.
    takes: Vec<Takes>,
}

enum ProblemKind {
    Mismatch,
    Unknown(Vec<String>),
    Missing(String),
    TooFew(u64),
    Limit,
    Other(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Takes {
    Type(&'static str),
    Word(&'static str),
}

impl Problem {
    fn takes_text(&self) -> bool {
        self.takes.iter().any(|takes| matches!(takes, Takes::Type("string") | Takes::Word(_)))
    }

    /// The words that the field accepts.
    fn words(&self) -> impl Iterator<Item = &'static str> + Clone + '_ {
        self.takes.iter().filter_map(|takes| match takes {
            Takes::Word(word) => Some(*word),
            Takes::Type(_) => None,
        })
    }

    /// What the field accepts, in words.
    fn takes_words(&self) -> String {
        let mut takes = self.words().map(|word| format!("`{word}`")).collect::<Vec<_>>();
        takes.extend(self.takes.iter().filter_map(|takes| match takes {
            Takes::Type(name) => Some(type_words(name).to_owned()),
            Takes::Word(_) => None,
        }));
        let last = takes.pop().unwrap_or_else(|| "nothing".to_owned());
        if takes.is_empty() { last } else { format!("{} or {last}", takes.join(", ")) }
    }

    /// The names of the fields in the broken schema.
    fn known(&self) -> impl Iterator<Item = &'static str> + Clone {
        let fields = self.rule.get("properties").and_then(Value::as_object);
        fields.into_iter().flat_map(|fields| fields.keys()).map(String::as_str)
    }

    /// The fields that unknown ones were probably meant to be. With very many mistakes in one place they are not typos, and comparing is
    /// slow.
    fn meant(&self, unknown: &[String]) -> Vec<Option<&'static str>> {
        const COMPARED: usize = 50;
        let near = |(index, name): (usize, &String)| {
            (index < COMPARED).then(|| nearest(name, self.known())).flatten()
        };
        unknown.iter().enumerate().map(near).collect()
    }
}

/// All problems of a tree, and whether they are complete: only a part of a very large tree is checked.
fn problems(tree: &Value) -> (Vec<Problem>, bool) {
    let mut problems = Vec::new();
    if RULES.fits(tree) {
        return (problems, true);
    }
    let validator = RULES.validator();
    let part = part::to_check(tree, |part| validator.is_valid(part), |name| FIELDS.contains(name));
    for error in validator.iter_errors(&part) {
        resolve(&RULES.schema, &error, &mut problems);
    }
    (problems, matches!(part, Cow::Borrowed(_)))
}

/// Resolves an error to its actual cause: among alternatives, the one whose type matches the value.
fn resolve(schema: &'static Value, error: &ValidationError<'_>, problems: &mut Vec<Problem>) {
    let pointer = error.instance_path().as_str().to_owned();
    let path = error.schema_path().as_str();
    let rule = path.rsplit_once('/').and_then(|(parent, _)| schema.pointer(parent)).unwrap_or(&Value::Null);
    let mut takes = Vec::new();
    let kind = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let mut best: Option<Vec<Problem>> = None;
            for branch in context {
                let mut inside = Vec::new();
                for error in branch {
                    resolve(schema, error, &mut inside);
                }
                let natures =
                    inside.iter().filter(|problem| problem.pointer == pointer && !problem.takes.is_empty());
                let natures = natures.flat_map(|problem| problem.takes.clone()).collect::<Vec<_>>();
                let null =
                    inside.iter().all(|problem| problem.rule.get("type").is_some_and(|name| name == "null"));
                if natures.is_empty() && !null {
                    if best.as_ref().is_none_or(|best| inside.len() < best.len()) {
                        best = Some(inside);
                    }
                } else {
                    takes.extend(natures);
                }
            }
            if takes.iter().any(|takes| matches!(takes, Takes::Word(_))) {
                // The listed words already describe the text it accepts.
                takes.retain(|takes| *takes != Takes::Type("string"));
            }
            if let Some(best) = best {
                problems.extend(best);
                return;
            }
            ProblemKind::Mismatch
        }
        ValidationErrorKind::Type { .. } => {
            takes = types(rule);
            ProblemKind::Mismatch
        }
        ValidationErrorKind::Constant { .. } => {
            takes.extend(rule.get("const").and_then(Value::as_str).map(Takes::Word));
            ProblemKind::Mismatch
        }
        ValidationErrorKind::Enum { .. } => {
            let words = rule.get("enum").and_then(Value::as_array).into_iter().flatten();
            takes.extend(words.filter_map(Value::as_str).map(Takes::Word));
            ProblemKind::Mismatch
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => ProblemKind::Unknown(unexpected.clone()),
        ValidationErrorKind::Required { property } => {
            ProblemKind::Missing(property.as_str().unwrap_or_default().to_owned())
        }
        ValidationErrorKind::MinItems { limit } => ProblemKind::TooFew(*limit),
        ValidationErrorKind::Minimum { .. } | ValidationErrorKind::Maximum { .. } => ProblemKind::Limit,
        _ => ProblemKind::Other(short(&error.masked().to_string())),
    };
    takes.dedup();
    problems.push(Problem { pointer, rule, kind, takes });
}

/// The types that a schema names, without null, which no message needs to offer.
fn types(rule: &'static Value) -> Vec<Takes> {
    let names = match rule.get("type") {
        Some(Value::Array(names)) => names.as_slice(),
        Some(name) => std::slice::from_ref(name),
        None => &[],
    };
    names.iter().filter_map(Value::as_str).filter(|name| *name != "null").map(Takes::Type).collect()
}

/// A finding about a value of the wrong type.
fn mismatch(document: &YamlDocument, problem: &Problem) -> Finding {
    let pointer = problem.pointer.as_str();
    let value = document.tree.pointer(pointer).unwrap_or(&Value::Null);
    let takes = problem.takes_words();
    let words = problem.words();
    let wrong_word = value.is_string() && words.clone().next().is_some();
    let given = match value {
        Value::String(text) if wrong_word => format!("`{}`", short(text)),
        _ => shown(document, pointer, value),
    };
    let code = if wrong_word { Code::InvalidValue } else { Code::WrongType };
    let message = match field(pointer) {
        None => format!("a spec must be {takes}, not {given}"),
        Some(field) => format!("{field} must be {takes}, not {given}"),
    };
    let finding = Finding::error(code, message).at(document.span_of(pointer));
    let hint = if wrong_word {
        let text = value.as_str().unwrap_or_default();
        let near = nearest(text, words.clone()).map(|word| format!("did you mean `{word}`?"));
        near.or_else(|| Some(format!("use {takes}")))
    } else {
        hint_for_type(document, problem, value)
    };
    match hint.or_else(|| about(&field(pointer)?, problem.rule)) {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}

/// Findings about problems other than wrong types.
fn other(document: &YamlDocument, problem: &Problem, findings: &mut Vec<Finding>) {
    let pointer = problem.pointer.as_str();
    let field = field(pointer).unwrap_or_else(|| "the spec".to_owned());
    let wrong = |code, message: String| Finding::error(code, message).at(document.span_of(pointer));
    let invalid = |message| wrong(Code::InvalidValue, message);
    match &problem.kind {
        ProblemKind::Unknown(names) => findings.extend(unknown(document, problem, names)),
        ProblemKind::Missing(name) => findings.push(missing(document, problem, name)),
        ProblemKind::TooFew(limit) => {
            let elements = if *limit == 1 { "element" } else { "elements" };
            findings.push(invalid(format!("{field} needs at least {limit} {elements}")));
        }
        ProblemKind::Limit => {
            let value = document.tree.pointer(pointer).unwrap_or(&Value::Null);
            findings.push(invalid(format!("{field} {}, not {value}", limits(problem.rule))));
        }
        ProblemKind::Other(text) => findings.push(invalid(format!("{field} is not valid: {text}"))),
        // Wrong types were reported before; one without alternatives cannot arise from this schema.
        ProblemKind::Mismatch => findings.push(wrong(Code::WrongType, format!("{field} is not valid"))),
    }
}

/// Findings about unknown fields.
fn unknown(document: &YamlDocument, problem: &Problem, names: &[String]) -> Vec<Finding> {
    let pointer = problem.pointer.as_str();
    let thing = thing(&document.tree, pointer);
    let finding = |(name, meant): (&String, Option<&str>)| {
        let message = if may_be_named(pointer, name) {
            format!("{thing} has no field `{}`", short(name))
        } else {
            format!("{thing} does not have this field")
        };
        let hint = match meant {
            _ if name == "scope" && is_element_of(pointer, &["accounts", "workspaces", "projects"]) => {
                "put it under the top-level `roleAssignments`".to_owned()
            }
            _ if name == "scope" && is_below(pointer, "roleAssignments") => {
                "these apply to the account or project; for another scope use the top-level `roleAssignments`"
                    .to_owned()
            }
            _ if name == "properties" => {
                format!("write the fields in it directly under {thing}: a spec has no `properties`")
            }
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its fields are {}", listed(problem.known())),
        };
        let span = document.key_span(&format!("{pointer}/{}", escape(name)));
        Finding::error(Code::UnknownField, message).at(span).hint(hint)
    };
    names.iter().zip(problem.meant(names)).map(finding).collect()
}

/// Whether a pointer leads to an element of a list inside an element of another list.
fn is_below(pointer: &str, list: &str) -> bool {
    pointer.split('/').nth_back(1) == Some(list) && pointer.split('/').count() > 3
}

/// Whether a pointer leads to an element of one of these lists.
fn is_element_of(pointer: &str, lists: &[&str]) -> bool {
    let mut tokens = pointer.rsplit('/');
    let index = tokens.next().is_some_and(|token| token.parse::<usize>().is_ok());
    index && tokens.next().is_some_and(|list| lists.contains(&list))
}

/// A finding about a missing required field.
fn missing(document: &YamlDocument, problem: &Problem, name: &str) -> Finding {
    let message = format!("{} needs `{name}`", thing(&document.tree, &problem.pointer));
    let finding = Finding::error(Code::MissingField, message).at(document.key_span(&problem.pointer));
    let rule = problem.rule.get("properties").and_then(|fields| fields.get(name));
    match rule.and_then(|rule| about(&format!("`{name}`"), rule)) {
        Some(about) => finding.hint(about),
        None => finding,
    }
}

/// The numbers that a field accepts, in words.
fn limits(rule: &Value) -> String {
    let limit = |keyword| rule.get(keyword).map(Value::to_string);
    match (limit("minimum"), limit("maximum")) {
        (Some(min), Some(max)) if min == max => format!("must be {min}"),
        (Some(min), Some(max)) => format!("must be between {min} and {max}"),
        (Some(min), None) => format!("must be at least {min}"),
        (None, Some(max)) => format!("must be at most {max}"),
        (None, None) => "must be another number".to_owned(),
    }
}

/// The description of a field, from the schema.
fn about(field: &str, rule: &Value) -> Option<String> {
    let description = rule.get("description").and_then(Value::as_str)?;
    // A description of several lines is one sentence here.
    let words = description.split_whitespace().collect::<Vec<_>>().join(" ");
    Some(format!("{field}: {}", words.trim_end_matches('.')))
}

fn type_words(name: &str) -> &str {
    match name {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        "object" => "a mapping",
        other => other,
    }
}

/// A value for messages, as written in the file.
fn shown(document: &YamlDocument, pointer: &str, value: &Value) -> String {
    let secret = is_secret(pointer);
    let raw = match document.substituted.get(pointer) {
        Some(substituted) => substituted.text.clone(),
        None => document.raw(pointer).map_or_else(|| value.to_string(), str::to_owned),
    };
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) => format!("`{}`", short(&raw)),
        Value::Number(_) if secret => "a number".to_owned(),
        Value::String(_) if secret => "text".to_owned(),
        Value::Number(_) => format!("the number `{}`", short(&raw)),
        Value::String(text) => format!("the string `{}`", short(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

/// The field that a pointer ends in, in words; `None` for the whole spec.
fn field(pointer: &str) -> Option<String> {
    let mut tokens = pointer.split('/').skip(1).collect::<Vec<_>>();
    let last = crate::text::json::unescape(tokens.pop()?);
    if last.parse::<usize>().is_err() {
        return Some(format!("`{}`", short(&last)));
    }
    // A number may also be a field's name, such as a tag's; the difference does not matter to readers.
    Some(match tokens.pop() {
        Some(owner) => format!("an element of `{}`", short(&crate::text::json::unescape(owner))),
        None => format!("`{last}`"),
    })
}

/// What a pointer points to, by its name: "role assignment `Reader` of account `chat-eu`".
#[must_use]
pub fn thing(tree: &Value, pointer: &str) -> String {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return "the spec".to_owned() };
    let of = |owner: &str| match owner {
        "" => String::new(),
        owner => format!(" of {}", thing(tree, owner)),
    };
    let element = last.parse::<usize>().is_ok().then(|| parent.rsplit_once('/')).flatten();
    let Some((owner, name_of_list)) = element else {
        return format!("`{}`{}", short(&crate::text::json::unescape(last)), of(parent));
    };
    let row = sections::section(name_of_list).map(|row| (row.noun, row.named_by));
    let other = || NOUNS.iter().find(|(name, ..)| *name == name_of_list).map(|(_, noun, by)| (*noun, *by));
    match row.or_else(other) {
        None => format!("an element of `{}`{}", short(name_of_list), of(owner)),
        Some((noun, fields)) => {
            let value = tree.pointer(pointer);
            let name = fields.iter().find_map(|field| value?.get(field)?.as_str());
            match name {
                Some(name) => format!("{noun} `{}`{}", short(name), of(owner)),
                None => format!("{noun} {}{}", last.parse::<usize>().map_or(0, |index| index + 1), of(owner)),
            }
        }
    }
}

mod bare;
mod fields;
mod hints;
mod part;
mod required;
mod rules;
mod salvage;
#[cfg(test)]
mod tests;

pub(super) use bare::bare;
pub use fields::Fields;
pub(crate) use hints::EMPTY_SECTION;
use hints::hint_for_type;
pub use required::is_required;
use rules::RULES;
pub(super) use salvage::salvage;
