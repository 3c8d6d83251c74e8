//! The contract against the examples that its authors publish: a checker that refuses them is wrong.
//!
//! Input are the example files that the swagger files name, and five of a newer version; each becomes exchanges, one
//! a status, with a path built from the operation's template. Output is the number of bodies held, and every finding
//! that no list explains.

use std::collections::BTreeSet;
use std::path::Path;

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::contract::operation::{Operation, Part};
use super::contract::report::Report;
use super::contract::shape::Book;
use super::contract::value::{Rule, Side};
use super::contract::{self, read_json};
use super::exchange::{Exchange, Payload};
use super::{shared, show, skipped};

/// An example that does not keep its own description.
struct Slip {
    file: &'static str,
    side: Side,
    rule: Rule,
    path: &'static str,
    because: &'static str,
}

const SLIPS: &[Slip] = &[
    Slip {
        file: "/CheckSkuAvailability.json",
        side: Side::Answer,
        rule: Rule::Null,
        path: "/message",
        because: "an available sku has no message, and the description knows no null",
    },
    Slip {
        file: "/CheckSkuAvailability.json",
        side: Side::Answer,
        rule: Rule::Null,
        path: "/reason",
        because: "an available sku has no reason, and the description knows no null",
    },
    Slip {
        file: "/UpdateAccount.json",
        side: Side::Request,
        rule: Rule::CreateOnly,
        path: "/location",
        because: "a location that does not change is no harm, but the description forbids it",
    },
    Slip {
        file: "2024-06-01-preview/./examples/DeleteRaiBlocklistItems.json",
        side: Side::Request,
        rule: Rule::Type,
        path: "",
        because: "the description says `object` and gives the items of a list",
    },
];

/// Examples of 2025-06-01, whose swagger is not here: file, method, path.
const NEWER: [(&str, &str, &str); 5] = [
    ("CreateProject.json", "PUT", "projects/{projectName}"),
    ("GetProject.json", "GET", "projects/{projectName}"),
    ("DeleteProject.json", "DELETE", "projects/{projectName}"),
    ("AccountConnection/create.json", "PUT", "connections/{connectionName}"),
    ("AccountConnection/list.json", "GET", "connections"),
];

const NEWER_FOLDER: &str = "openapi/specification/cognitiveservices/resource-manager/\
                            Microsoft.CognitiveServices/stable/2025-06-01/examples";

#[test]
fn published_examples_keep_the_contract_but_for_the_listed_slips() {
    let (Some(shared), Some(checker)) = (shared(), contract::checker()) else {
        return skipped("the contract against published examples");
    };
    let mut report = Report::default();
    for example in &checker.examples {
        let operation = &example.operation;
        let parts = operation.template.parts.as_slice();
        let said = read_json(&example.file);
        let body = example.body_name.as_deref();
        add(&mut report, checker, &origin(&shared, &example.file), operation, parts, &said, body);
    }
    for (file, method, path) in NEWER {
        let template = contract::operation::Template::parse(&format!(
            "/subscriptions/{{subscriptionId}}/resourceGroups/{{resourceGroupName}}/providers/\
             Microsoft.CognitiveServices/accounts/{{accountName}}/{path}"
        ));
        let operations = checker.operations("microsoft.cognitiveservices", "2025-06-01").iter();
        let fixed = |parts: &[Part]| -> Vec<Part> {
            parts.iter().filter(|part| matches!(part, Part::Fixed(_))).cloned().collect()
        };
        let operation = operations
            .filter(|operation| operation.method == method)
            .find(|operation| {
                operation.template.parts.len() == template.parts.len()
                    && fixed(&operation.template.parts) == fixed(&template.parts)
            })
            .unwrap_or_else(|| panic!("no operation for {method} {path}"));
        let file = shared.join(NEWER_FOLDER).join(file);
        let said = read_json(&file);
        let body =
            ["project", "connection", "body"].into_iter().find(|name| said["parameters"][name].is_object());
        add(&mut report, checker, &origin(&shared, &file), operation, &template.parts, &said, body);
    }
    show(&report.summary());
    assert!(report.bodies > 150, "only {} bodies were checked", report.bodies);
    let mut used = BTreeSet::new();
    let mut unexplained = Vec::new();
    for violation in &report.violations {
        let finding = &violation.finding;
        let slip = SLIPS.iter().position(|slip| {
            violation.origin.contains(slip.file)
                && (slip.side, slip.rule, slip.path) == (finding.side, finding.rule, violation.path.as_str())
        });
        match slip {
            Some(at) => drop(used.insert(at)),
            None => unexplained.push(violation.to_string()),
        }
    }
    assert!(unexplained.is_empty(), "findings without an explanation:\n{}", unexplained.join("\n"));
    let unused = SLIPS.iter().enumerate().filter(|(at, _)| !used.contains(at));
    let unused: Vec<_> = unused.map(|(_, slip)| (slip.file, slip.path, slip.because)).collect();
    assert!(unused.is_empty(), "slips that no example makes: {unused:?}");
}

#[test]
fn two_descriptions_of_role_assignments_agree_on_statuses() {
    let (Some(shared), Some(checker)) = (shared(), contract::checker()) else {
        return skipped("the comparison of two descriptions");
    };
    let folder = shared.join("openapi/pandora/Authorization/2022-04-01");
    let others = contract::pandora::operations(&mut Book::default(), &folder);
    let mut compared = 0;
    for mine in checker.operations("microsoft.authorization", "2022-04-01") {
        // `RoleAssignments_Create` is `RoleAssignments.Create` there.
        let name = mine.name.replace('_', ".");
        if let Some(other) = others.iter().find(|other| other.name == name) {
            compared += 1;
            assert_eq!(mine.method, other.method, "{name}");
            let statuses =
                |operation: &Operation| operation.statuses.keys().copied().collect::<BTreeSet<_>>();
            assert_eq!(statuses(mine), statuses(other), "{name}");
        }
    }
    assert!(compared >= 14, "only {compared} operations were found in both");
}

/// The last folders of a path: version, `examples`, file.
fn origin(shared: &Path, file: &Path) -> String {
    let below = file.strip_prefix(shared).unwrap_or(file);
    below.to_string_lossy().replace('\\', "/")
}

/// Add an exchange for each status of an example.
fn add(
    report: &mut Report,
    checker: &contract::Checker,
    origin: &str,
    operation: &Operation,
    parts: &[Part],
    said: &Value,
    body_name: Option<&str>,
) {
    let parameters = &said["parameters"];
    let url = url(operation, parts, parameters);
    let request = body_name.map(|name| &parameters[name]).filter(|body| !body.is_null());
    for (status, response) in said["responses"].as_object().into_iter().flatten() {
        let status: u16 = status.parse().unwrap_or_else(|_| panic!("{origin}: status {status}"));
        let headers = response["headers"].as_object().into_iter().flatten();
        let mut exchange = Exchange {
            method: operation.method.clone(),
            url: url.clone(),
            request_headers: BTreeMap::new(),
            request: request.map_or(Payload::Empty, |body| Payload::Json(body.clone())),
            status,
            response_headers: headers
                .filter_map(|(name, value)| Some((name.to_lowercase(), value.as_str()?.to_owned())))
                .collect(),
            response: response.get("body").map_or(Payload::Empty, |body| Payload::Json(body.clone())),
        };
        if status == 202 {
            // Examples leave out the headers that carry the poll URL.
            exchange.response_headers.entry("location".to_owned()).or_insert_with(|| url.to_string());
        }
        report.add(checker, origin, &exchange);
    }
}

/// The path of an operation with an example's parameters in it.
fn url(operation: &Operation, parts: &[Part], parameters: &Value) -> Url {
    let value = |name: &str| parameters[name].as_str().unwrap_or("x").trim_matches('/').to_owned();
    let filled = parts.iter().map(|part| match part {
        Part::Fixed(text) => text.clone(),
        Part::One(name) | Part::Many(name) => value(name),
    });
    let path: Vec<String> = filled.filter(|part| !part.is_empty()).collect();
    let base = format!("https://management.azure.com/{}", path.join("/"));
    let mut url = Url::parse(&base).unwrap_or_else(|error| panic!("{base}: {error}"));
    let mut query = url.query_pairs_mut();
    query.append_pair("api-version", parameters["api-version"].as_str().unwrap_or_default());
    for name in operation.query.keys().filter(|name| *name != "api-version") {
        if let Some(value) = parameters[name].as_str() {
            query.append_pair(name, value);
        }
    }
    drop(query);
    url
}
