//! The contract: what the published API descriptions say of an exchange.
//!
//! Input are the descriptions in `openapi` and one exchange; output is a verdict: not described, or checked with
//! findings. It shares no code with the product. Descriptions of several api-versions stand side by side; a version
//! that is not among them is held against the newest one that is not newer.

pub(crate) mod bicep;
pub(crate) mod exceptions;
pub(crate) mod operation;
pub(crate) mod outside;
pub(crate) mod pandora;
pub(crate) mod report;
pub(crate) mod shape;
pub(crate) mod swagger;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use super::exchange::{Exchange, Payload};
use operation::{Operation, Part};
use shape::{Book, Shape, ShapeId};
use value::{Finding, Patterns, Rule, Side, Walk};

/// What the descriptions say of an exchange.
pub(crate) enum Verdict {
    /// No description covers it; the label says what it is.
    NotDescribed(String),
    Checked(Checked),
}

/// A covered exchange.
pub(crate) struct Checked {
    /// The operation's name, or what was asked if there is none.
    pub(crate) operation: String,
    /// What the path is about, as in `Template::subject`.
    pub(crate) subject: String,
    /// The version of the description, and whether it is the one that was asked for.
    pub(crate) edition: String,
    pub(crate) exact: bool,
    /// How many bodies were held against a shape.
    pub(crate) bodies: usize,
    pub(crate) findings: Vec<Finding>,
}

/// The operations of one api-version.
struct Edition {
    version: String,
    operations: Vec<Operation>,
}

/// The descriptions of one resource provider, oldest first.
struct Family {
    namespace: &'static str,
    editions: Vec<Edition>,
}

/// Every description.
pub(crate) struct Checker {
    book: Book,
    patterns: Patterns,
    families: Vec<Family>,
    /// Examples that the swagger files name: operation, edition, file, name of the body.
    pub(crate) examples: Vec<Example>,
}

/// A published example of an operation.
pub(crate) struct Example {
    pub(crate) operation: Operation,
    pub(crate) file: PathBuf,
    pub(crate) body_name: Option<String>,
}

/// The descriptions, read once; none without the folder.
pub(crate) fn checker() -> Option<&'static Checker> {
    static CHECKER: OnceLock<Option<Checker>> = OnceLock::new();
    CHECKER.get_or_init(|| super::shared().map(|shared| Checker::load(&shared))).as_ref()
}

const COGNITIVE: &str = "cognitiveservices/resource-manager/Microsoft.CognitiveServices";
const AUTHORIZATION: &str = "authorization/resource-manager/Microsoft.Authorization/stable/2022-04-01";
const ACTIVITY: &str = "monitor/resource-manager/Microsoft.Insights/stable/2015-04-01/activityLogs_API.json";

impl Checker {
    fn load(shared: &Path) -> Self {
        let openapi = shared.join("openapi");
        let specification = openapi.join("specification");
        let mut book = Book::default();
        let mut examples = Vec::new();
        let mut swagger = |book: &mut Book, files: &[PathBuf]| -> Vec<Operation> {
            let mut reader = swagger::Reader::new(book);
            let described = files.iter().flat_map(|file| reader.operations(file)).collect::<Vec<_>>();
            let mut operations = Vec::new();
            for item in described {
                operations.push(item.operation.clone());
                for file in item.examples {
                    let (operation, body_name) = (item.operation.clone(), item.body_name.clone());
                    examples.push(Example { operation, file, body_name });
                }
            }
            operations
        };
        let stable = specification.join(COGNITIVE).join("stable/2023-05-01/cognitiveservices.json");
        let preview = specification.join(COGNITIVE).join("preview/2024-06-01-preview/cognitiveservices.json");
        let rbac = json_files(&specification.join(AUTHORIZATION));
        let stable = swagger(&mut book, &[stable]);
        let preview = swagger(&mut book, &[preview]);
        let authorization = swagger(&mut book, &rbac);
        let activity = swagger(&mut book, &[specification.join(ACTIVITY)]);
        let small = pandora::operations(&mut book, &openapi.join("pandora/Cognitive/2025-06-01"));
        let mut cognitive =
            vec![Edition::new("2023-05-01", stable), Edition::new("2024-06-01-preview", preview.clone())];
        for version in ["2025-06-01", "2026-03-01", "2026-05-01"] {
            let types = openapi.join(format!("bicep-types-az/cognitiveservices/{version}/types.json"));
            let bodies = bicep::resources(&mut book, &types);
            let merged = merge(&mut book, &small, &preview, &bodies);
            cognitive.push(Edition::new(version, merged));
        }
        let families = vec![
            Family { namespace: "microsoft.cognitiveservices", editions: cognitive },
            Family {
                namespace: "microsoft.authorization",
                editions: vec![Edition::new("2022-04-01", authorization)],
            },
            Family { namespace: "microsoft.insights", editions: vec![Edition::new("2015-04-01", activity)] },
        ];
        let patterns = value::compile_patterns(&book);
        Self { book, patterns, families, examples }
    }

    /// The operations of a provider's description of that version, for tests that compare descriptions.
    pub(crate) fn operations(&self, namespace: &str, version: &str) -> &[Operation] {
        let family = self.families.iter().find(|family| family.namespace == namespace);
        let editions = family.map(|family| family.editions.as_slice()).unwrap_or_default();
        let edition = editions.iter().find(|edition| edition.version == version);
        edition.map(|edition| edition.operations.as_slice()).unwrap_or_default()
    }

    /// Hold one exchange against the descriptions.
    pub(crate) fn check(&self, exchange: &Exchange) -> Verdict {
        let segments = exchange.segments();
        let label = match outside::label(exchange, &segments) {
            Ok(namespace) => namespace,
            Err(label) => return Verdict::NotDescribed(label),
        };
        let Some(family) = self.families.iter().find(|family| family.namespace == label) else {
            return Verdict::NotDescribed(format!("provider {label}"));
        };
        let mut findings = Vec::new();
        let version = api_version(exchange, &mut findings);
        let found = family.find(&version, &exchange.method, &segments);
        let Some((edition, operation, values)) = found else {
            let operation = format!("{} {}", exchange.method, exchange.url.path());
            findings.push(finding(Rule::UnknownOperation, Side::Request, "", format!("no {operation}")));
            return Verdict::Checked(Checked {
                operation,
                subject: label,
                edition: version,
                exact: false,
                bodies: 0,
                findings,
            });
        };
        let bodies = self.check_operation(operation, exchange, &values, &mut findings);
        Verdict::Checked(Checked {
            operation: operation.name.clone(),
            subject: operation.template.subject(),
            exact: edition == version,
            edition: edition.to_owned(),
            bodies,
            findings,
        })
    }

    fn check_operation(
        &self,
        operation: &Operation,
        exchange: &Exchange,
        values: &BTreeMap<String, String>,
        findings: &mut Vec<Finding>,
    ) -> usize {
        self.check_parameters(operation, exchange, values, findings);
        let mut bodies = 0;
        bodies += usize::from(self.check_request(operation, &exchange.request, findings));
        bodies += usize::from(self.check_answer(operation, exchange, findings));
        bodies
    }

    fn check_parameters(
        &self,
        operation: &Operation,
        exchange: &Exchange,
        values: &BTreeMap<String, String>,
        findings: &mut Vec<Finding>,
    ) {
        let mut walk = self.walk(Side::Request, false);
        for (name, rules) in &operation.path_rules {
            if let Some(value) = values.get(name) {
                walk.parameter(name, rules, value);
            }
        }
        findings.append(&mut walk.found);
        let said: Vec<String> = exchange.url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        for name in &said {
            let lower = name.to_lowercase();
            // Continuations are the server's own links, followed verbatim.
            let known = ["api-version", "$skiptoken"].contains(&lower.as_str())
                || operation.query.keys().any(|known| known.to_lowercase() == lower);
            if !known {
                let detail = format!("`{name}` is no parameter of {}", operation.name);
                findings.push(finding(Rule::UnknownParameter, Side::Request, name, detail));
            }
        }
        for (name, _) in
            operation.query.iter().filter(|(name, required)| **required && *name != "api-version")
        {
            if !said.iter().any(|said| said.eq_ignore_ascii_case(name)) {
                findings.push(finding(Rule::MissingParameter, Side::Request, name, "is required".to_owned()));
            }
        }
    }

    /// Check a request's body; true if it was held against a shape.
    pub(crate) fn check_request(
        &self,
        operation: &Operation,
        body: &Payload,
        findings: &mut Vec<Finding>,
    ) -> bool {
        let (rule, detail) = match (operation.request, body) {
            (Some(shape), Payload::Json(value)) => {
                let mut walk = self.walk(Side::Request, operation.method == "PATCH");
                walk.body(shape, value);
                findings.append(&mut walk.found);
                return true;
            }
            (None, Payload::Empty) => return false,
            (Some(_), Payload::Empty) => (Rule::MissingBody, "a body is required"),
            (_, Payload::Other(_)) => (Rule::NotJson, "the body is not JSON"),
            (None, Payload::Json(_)) => (Rule::UnexpectedBody, "no body is described"),
        };
        findings.push(finding(rule, Side::Request, "", detail.to_owned()));
        false
    }

    fn check_answer(&self, operation: &Operation, exchange: &Exchange, findings: &mut Vec<Finding>) -> bool {
        let status = exchange.status;
        if status >= 400 {
            check_error(&exchange.response, findings);
            // Some old descriptions have errors without the envelope that ARM puts around all of them.
            let envelope = |shape: &ShapeId| match self.book.get(*shape) {
                Shape::Object(object) => object.fields.contains_key("error"),
                _ => false,
            };
            let shape = operation.error.filter(envelope);
            if let (Some(shape), Payload::Json(value)) = (shape, &exchange.response) {
                let mut walk = self.walk(Side::Answer, false);
                walk.body(shape, value);
                findings.append(&mut walk.found);
                return true;
            }
            return exchange.response.json().is_some();
        }
        let asynchronous =
            exchange.header("azure-asyncoperation").is_some() || exchange.header("location").is_some();
        if asynchronous && !operation.long_running {
            let detail = format!("{} is not long-running, but the answer names a poll URL", operation.name);
            findings.push(finding(Rule::LongRunning, Side::Answer, "", detail));
        }
        if status == 202 && operation.long_running && !asynchronous {
            let detail = "202 without Azure-AsyncOperation or Location".to_owned();
            findings.push(finding(Rule::LongRunning, Side::Answer, "", detail));
        }
        self.check_success(operation, status, &exchange.response, findings)
    }

    /// Check the answer of a call that succeeded; true if a body was held against a shape.
    pub(crate) fn check_success(
        &self,
        operation: &Operation,
        status: u16,
        body: &Payload,
        findings: &mut Vec<Finding>,
    ) -> bool {
        let Some(shape) = operation.statuses.get(&status) else {
            let listed: Vec<String> = operation.statuses.keys().map(u16::to_string).collect();
            let detail = format!("{status} is none of {}", listed.join(", "));
            findings.push(finding(Rule::Status, Side::Answer, "", detail));
            return false;
        };
        let (rule, detail) = match (shape, body) {
            (Some(shape), Payload::Json(value)) => {
                let mut walk = self.walk(Side::Answer, false);
                walk.body(*shape, value);
                findings.append(&mut walk.found);
                return true;
            }
            (_, Payload::Other(_)) => (Rule::NotJson, "the body is not JSON"),
            // A 202 says "later": the descriptions list the final body, ARM sends it or nothing.
            (Some(_), Payload::Empty) if status == 202 => return false,
            (Some(_), Payload::Empty) => (Rule::MissingBody, "a body is described"),
            (None, Payload::Json(_)) => (Rule::UnexpectedBody, "no body is described"),
            (None, Payload::Empty) => return false,
        };
        findings.push(finding(rule, Side::Answer, "", detail.to_owned()));
        false
    }

    fn walk(&self, side: Side, patch: bool) -> Walk<'_> {
        Walk { book: &self.book, patterns: &self.patterns, side, patch, found: Vec::new() }
    }
}

impl Edition {
    fn new(version: &str, operations: Vec<Operation>) -> Self {
        Self { version: version.to_owned(), operations }
    }

    fn find(&self, method: &str, segments: &[String]) -> Option<(&Operation, BTreeMap<String, String>)> {
        let same = self.operations.iter().filter(|operation| operation.method == method);
        let fits = same.filter_map(|operation| {
            // `/{roleAssignmentId}` fits every path and says nothing.
            let speaks = operation.template.weight() > 0;
            Some((operation, operation.template.matches(segments).filter(|_| speaks)?))
        });
        fits.max_by_key(|(operation, _)| operation.template.weight())
    }
}

impl Family {
    /// The operation in the edition that was asked for, or in the nearest one that has it.
    fn find(
        &self,
        version: &str,
        method: &str,
        segments: &[String],
    ) -> Option<(&str, &Operation, BTreeMap<String, String>)> {
        let in_edition = |edition: &'_ Edition| -> Option<(usize, BTreeMap<String, String>)> {
            let (operation, values) = edition.find(method, segments)?;
            let at = edition.operations.iter().position(|other| std::ptr::eq(other, operation))?;
            Some((at, values))
        };
        if let Some(exact) = self.editions.iter().find(|edition| edition.version == version) {
            let (at, values) = in_edition(exact)?;
            return Some((&exact.version, &exact.operations[at], values));
        }
        let date = |version: &str| version.chars().take(10).collect::<String>();
        let (older, newer): (Vec<&Edition>, Vec<&Edition>) =
            self.editions.iter().partition(|edition| date(&edition.version) <= date(version));
        let nearest = older.into_iter().rev().chain(newer);
        nearest.into_iter().find_map(|edition| {
            let (at, values) = in_edition(edition)?;
            Some((edition.version.as_str(), &edition.operations[at], values))
        })
    }
}

/// The one `api-version` of a request.
fn api_version(exchange: &Exchange, findings: &mut Vec<Finding>) -> String {
    let said: Vec<String> = exchange
        .url
        .query_pairs()
        .filter(|(name, _)| name.eq_ignore_ascii_case("api-version"))
        .map(|(_, value)| value.into_owned())
        .collect();
    let well_formed = |version: &str| {
        let date = version.strip_suffix("-preview").unwrap_or(version);
        date.len() == 10 && date.parse::<jiff::civil::Date>().is_ok()
    };
    let detail = match said.as_slice() {
        [version] if well_formed(version) => return version.clone(),
        [version] => format!("`{version}` is no api-version"),
        [] => "api-version is missing".to_owned(),
        _ => "api-version stands there more than once".to_owned(),
    };
    findings.push(finding(Rule::ApiVersion, Side::Request, "api-version", detail));
    said.into_iter().next().unwrap_or_default()
}

/// ARM's errors hold a code and a message; the descriptions leave both optional.
fn check_error(body: &Payload, findings: &mut Vec<Finding>) {
    let said = |name: &str| {
        let value = body.json().and_then(|value| value["error"][name].as_str());
        value.is_some_and(|text| !text.is_empty())
    };
    if !said("code") || !said("message") {
        let detail = "an error needs `error.code` and `error.message`".to_owned();
        findings.push(finding(Rule::ErrorBody, Side::Answer, "/error", detail));
    }
}

fn finding(rule: Rule, side: Side, at: &str, detail: String) -> Finding {
    Finding { rule, side, at: at.to_owned(), path: at.to_owned(), detail }
}

/// The operations of `small`, those of `swagger` that it lacks, and Bicep's bodies where it has the resource.
fn merge(
    book: &mut Book,
    small: &[Operation],
    swagger: &[Operation],
    bodies: &BTreeMap<String, ShapeId>,
) -> Vec<Operation> {
    let same = |a: &Operation, b: &Operation| {
        let shape = |operation: &Operation| -> Vec<Option<String>> {
            let fixed = |part: &Part| match part {
                Part::Fixed(text) => Some(text.clone()),
                Part::One(_) | Part::Many(_) => None,
            };
            operation.template.parts.iter().map(fixed).collect()
        };
        a.method == b.method && shape(a) == shape(b)
    };
    let missing = swagger.iter().filter(|operation| !small.iter().any(|other| same(other, operation)));
    let mut operations: Vec<Operation> = small.iter().chain(missing).cloned().collect();
    for operation in &mut operations {
        let Some(&body) = bodies.get(&operation.template.subject()) else { continue };
        let collection = matches!(operation.template.parts.last(), Some(Part::Fixed(_)));
        let answer = if collection { book.page_of(body) } else { body };
        for shape in operation.statuses.values_mut().flatten() {
            *shape = answer;
        }
        if operation.request.is_some() && operation.method == "PUT" {
            operation.request = Some(body);
        }
    }
    operations
}

/// A JSON file of the material; it is known to parse.
pub(crate) fn read_json(file: &Path) -> Value {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The sorted contents of a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    found.sort();
    found
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    files(folder).into_iter().filter(json).collect()
}
