//! The recorded answers: every body in every cassette.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::common::shared;

/// A body, and the cassette it is from.
pub(super) struct Body {
    pub(super) place: String,
    pub(super) value: Value,
}

/// Every recorded resource of an ARM type, alone or in a list; nothing if the recordings are not there.
pub(super) fn bodies(arm_type: &str) -> Option<Vec<Body>> {
    let root = shared("recordings/azure-cli")?;
    let mut found = Vec::new();
    for path in cassettes(&root) {
        let text = std::fs::read_to_string(&path).unwrap();
        // Most of the bytes are role definitions: no need to read those cassettes that hold nothing else.
        if !text.to_lowercase().contains(&arm_type.to_lowercase()) {
            continue;
        }
        let options = serde_saphyr::options! { budget: None };
        let cassette: Value = serde_saphyr::from_str_with_options(&text, options).unwrap();
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        for (index, interaction) in cassette["interactions"].as_array().unwrap().iter().enumerate() {
            let text = interaction["response"]["body"]["string"].as_str().unwrap_or_default();
            let Ok(body) = serde_json::from_str::<Value>(text) else { continue };
            let listed = body["value"].as_array().cloned().unwrap_or_default();
            for value in std::iter::once(body).chain(listed) {
                let kind = value["type"].as_str().unwrap_or_default();
                if kind.eq_ignore_ascii_case(arm_type) && value["id"].is_string() {
                    found.push(Body { place: format!("{name} [{index}]"), value });
                }
            }
        }
    }
    assert!(!found.is_empty(), "the recordings are there and hold no {arm_type}");
    Some(found)
}

fn cassettes(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "yaml" => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    files
}
