//! Recorded traffic as the referee: every recorded error is read whole, every recorded write is followed as it went.

#![expect(clippy::print_stderr, reason = "a skipped check says so, and a referee says how much it saw")]

use std::path::{Path, PathBuf};

use keyless::arm::clock::Moment;
use keyless::arm::exchange::{Exchange, Headers, Next, Request, Response, ResponseBody, Sent};
use keyless::arm::{ErrorKind, Limits, Method};
use serde_json::Value;

/// One recorded request and its answer.
struct Interaction {
    method: String,
    uri: String,
    answer: Response,
}

fn cassettes() -> Option<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/recordings/azure-cli");
    let mut files = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()? {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "yaml" => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    Some(files)
}

fn load(path: &Path) -> Vec<Interaction> {
    let text = std::fs::read_to_string(path).unwrap();
    let options = serde_saphyr::options! { budget: None };
    let cassette: Value = serde_saphyr::from_str_with_options(&text, options).unwrap();
    cassette["interactions"].as_array().unwrap().iter().map(interaction).collect()
}

fn interaction(recorded: &Value) -> Interaction {
    let response = &recorded["response"];
    let text = response["body"]["string"].as_str().unwrap_or_default();
    let headers: Vec<(&str, &str)> = response["headers"]
        .as_object()
        .unwrap()
        .iter()
        .filter_map(|(name, values)| Some((name.as_str(), values[0].as_str()?)))
        .collect();
    Interaction {
        method: recorded["request"]["method"].as_str().unwrap().to_owned(),
        uri: recorded["request"]["uri"].as_str().unwrap().to_owned(),
        answer: Response {
            status: u16::try_from(response["status"]["code"].as_u64().unwrap()).unwrap(),
            headers: headers.into_iter().collect::<Headers>(),
            body: ResponseBody::read(text.as_bytes()),
        },
    }
}

fn method_of(text: &str) -> Option<Method> {
    [Method::Get, Method::Put, Method::Patch, Method::Post, Method::Delete]
        .into_iter()
        .find(|method| method.as_str() == text)
}

/// Every word under `code` and `message` in any casing, however deep.
fn words(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if ["code", "message"].contains(&key.to_lowercase().as_str()) => {
                        found.push(text.trim_end_matches('.').to_owned());
                    }
                    value => words(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| words(item, found)),
        _ => {}
    }
}

#[test]
fn recorded_errors_are_parsed_completely_and_recorded_operations_are_followed() {
    let Some(cassettes) = cassettes() else {
        crate::common::skipped("recorded answers: ../shared/recordings is not there");
        return;
    };
    let (mut errors, mut followed, mut polls) = (0, 0, 0);
    for path in cassettes {
        let interactions = load(&path);
        for (index, interaction) in interactions.iter().enumerate() {
            let Some(method) = method_of(&interaction.method) else { continue };
            let place = format!("{} [{index}]", path.display());
            if interaction.answer.status >= 400 {
                error_is_whole(method, interaction, &place);
                errors += 1;
            } else if interaction.uri.contains("management.azure.com")
                && method.is_write()
                && let Some(count) = follow(method, index, &interactions, &place)
            {
                followed += 1;
                polls += count;
            }
        }
    }
    eprintln!("{errors} recorded errors read, {followed} recorded writes followed through {polls} polls");
    assert!(errors >= 9, "{errors} errors");
    assert!(followed >= 150, "{followed} writes");
    assert!(polls >= 200, "{polls} polls");
}

fn error_is_whole(method: Method, interaction: &Interaction, place: &str) {
    let mut limits = Limits::default();
    for patience in [&mut limits.throttled, &mut limits.principal] {
        patience.attempts = 1;
    }
    let Next::Send(exchange, _) = Exchange::start(method, "/x", limits, 1, Moment(0)) else { unreachable!() };
    let next = exchange.step(Sent::Answer(interaction.answer.clone()), Moment(0));
    let error = match next {
        Next::GiveUp(error) => error,
        Next::Wait { exchange, .. } => match exchange.step(Sent::Interrupted, Moment(0)) {
            Next::GiveUp(error) => error,
            other => panic!("{place}: {other:?}"),
        },
        other => panic!("{place}: {other:?}"),
    };
    let ResponseBody::Json(body) = &interaction.answer.body else { panic!("{place}: not JSON") };
    let mut said = Vec::new();
    words(body, &mut said);
    assert!(!said.is_empty(), "{place}: {body}");
    let shown = error.to_string();
    if error.status.is_some() {
        for text in said {
            assert!(shown.contains(&text), "{place}: `{text}` is missing in `{shown}`");
        }
    }
}

/// Feeds a recorded write and what followed it; gives the number of polls if the recording goes to the end.
fn follow(method: Method, index: usize, interactions: &[Interaction], place: &str) -> Option<u32> {
    let write = &interactions[index];
    let mut now = Moment(0);
    let mut rest = interactions[index + 1..].iter();
    let mut next = Exchange::start(method, &write.uri, Limits::default(), 1, now);
    let mut last = &write.answer;
    loop {
        next = match next {
            Next::Send(exchange, Request::Call) => exchange.step(Sent::Answer(write.answer.clone()), now),
            Next::Send(exchange, request) => {
                let wanted = match &request {
                    Request::Operation(url) => url.expose(),
                    Request::Resource | Request::Call => &write.uri,
                };
                // The recorder kept only what the CLI asked; some recordings end before the operation does.
                let poll = rest.find(|later| later.method == "GET" && later.uri == wanted)?;
                last = &poll.answer;
                exchange.step(Sent::Answer(poll.answer.clone()), now)
            }
            Next::Wait { exchange, until, .. } => {
                now = until;
                exchange.step(Sent::Waited, now)
            }
            Next::Done(done) => {
                if matches!(method, Method::Put | Method::Patch)
                    && let Some(state) = done.body.pointer("/properties/provisioningState")
                {
                    assert_eq!(state, "Succeeded", "{place}");
                }
                return Some(done.polls);
            }
            Next::GiveUp(error) if error.kind == ErrorKind::OperationFailed => {
                // One recorded operation really failed: its `Location` answers 400.
                assert_eq!(last.status, 400, "{place}: {error}");
                return Some(0);
            }
            Next::GiveUp(error) => panic!("{place}: {error}"),
        };
    }
}
