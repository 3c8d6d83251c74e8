//! Cassettes: traffic of the Azure CLI with the live service, recorded by its authors.
//!
//! Input is `recordings/azure-cli/**.yaml`; output are exchanges in their order. A cassette is cut into its interactions
//! before YAML is parsed, so no budget against bombs is met and half a gigabyte of strings is never held at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::exchange::{Exchange, Payload};

#[derive(Deserialize)]
struct Interaction {
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    body: Option<String>,
    method: String,
    uri: String,
}

#[derive(Deserialize)]
struct Response {
    body: Body,
    headers: BTreeMap<String, Vec<String>>,
    status: Status,
}

#[derive(Deserialize)]
struct Body {
    string: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    code: u16,
}

/// The paths of all cassettes below `azure-cli`, with forward slashes, sorted.
pub(crate) fn names(shared: &Path) -> Vec<String> {
    let root = root(shared);
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        let entries = std::fs::read_dir(&folder).expect("the recordings can be listed");
        for path in entries.map(|entry| entry.expect("the recordings can be listed").path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                let name = path.strip_prefix(&root).expect("a path below its root");
                found.push(name.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// The calls of one cassette.
pub(crate) fn read(shared: &Path, name: &str) -> Vec<Exchange> {
    let text = std::fs::read_to_string(root(shared).join(name)).expect("a listed cassette can be read");
    interactions(&text).iter().enumerate().map(|(at, part)| call(name, at, part)).collect()
}

fn root(shared: &Path) -> PathBuf {
    shared.join("recordings/azure-cli")
}

/// The text of each interaction, as a list of one.
fn interactions(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("version:")) {
        if line == "- request:" {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
}

fn call(name: &str, at: usize, text: &str) -> Exchange {
    let parsed: Vec<Interaction> =
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{name}[{at}]: {error}"));
    let Interaction { request, response } =
        parsed.into_iter().next().unwrap_or_else(|| panic!("{name}[{at}]: no interaction"));
    let headers = response.headers.into_iter();
    // The recorder renamed a deployment in URLs and not in answers.
    let uri = request.uri.replace("/deployments/mock-deployment", "/deployments/dpy");
    Exchange {
        method: request.method,
        url: Url::parse(&uri).unwrap_or_else(|error| panic!("{name}[{at}]: {error}")),
        request_headers: BTreeMap::new(),
        request: payload(request.body.as_deref()),
        status: response.status.code,
        response_headers: headers
            .filter_map(|(key, values)| Some((key.to_lowercase(), values.into_iter().next()?)))
            .collect(),
        response: payload(response.body.string.as_deref()),
    }
}

/// A body, also one that Python 2 wrote as `b'...'`.
fn payload(text: Option<&str>) -> Payload {
    let text = text.unwrap_or_default();
    let bytes = text.strip_prefix("b'").and_then(|rest| rest.strip_suffix('\''));
    Payload::from_text(bytes.unwrap_or(text))
}
