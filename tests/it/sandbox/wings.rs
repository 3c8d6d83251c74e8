//! The wings of the sandbox: which stands on which, and how large a folder may be.
//!
//! That the sandbox imports nothing of the rest of the crate is checked in `product/structure.rs`.

#![expect(clippy::unwrap_used, reason = "a test that cannot read the sources fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each wing with those that it may import. `arm/cognitive` and `arm/rbac` stand on `arm` and not on each other.
const WINGS: &[(&str, &[&str])] = &[
    ("http", &[]),
    ("state", &["http"]),
    ("entra", &["http", "state"]),
    ("graph", &["http", "state", "entra"]),
    ("arm", &["http", "state", "entra"]),
    ("data_plane", &["http", "state", "entra", "arm"]),
    ("admin", &["http", "state", "entra", "arm"]),
    ("server", &["http", "state", "entra", "graph", "arm", "data_plane", "admin"]),
];
/// Entries that a folder may hold.
const MOST: usize = 26;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sandbox")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Every file below a folder, with its code without comments.
fn code(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            found.extend(code(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.push((path.display().to_string(), code.collect::<Vec<_>>().join("\n")));
        }
    }
    found
}

fn word(text: &str) -> &str {
    text.split(|next: char| !next.is_alphanumeric() && next != '_').next().unwrap_or_default()
}

/// The names right below a path such as `crate::sandbox::` that some code mentions.
fn mentioned<'c>(code: &'c str, path: &str) -> BTreeSet<&'c str> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(path) {
        let rest = &code[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                let list = list.split(';').next().unwrap_or_default();
                found.extend(list.split([',', '{', '}', '\n']).map(|item| word(item.trim())));
            }
            None => {
                found.insert(word(rest));
            }
        }
    }
    found
}

#[test]
fn every_wing_imports_only_wings_below_it() {
    let folders: BTreeSet<String> = entries(&root())
        .iter()
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(folders, WINGS.iter().map(|(wing, _)| (*wing).to_owned()).collect());
    for (wing, below) in WINGS {
        for (file, code) in code(&root().join(wing)) {
            assert!(!code.contains("super::super"), "{file} climbs with `super::super`");
            if !file.ends_with("mod.rs") || file.contains("arm/cognitive") || file.contains("arm/rbac") {
                continue;
            }
            for name in mentioned(&code, "super::") {
                assert!(!folders.contains(name), "{file}: write `crate::sandbox::{name}`");
            }
        }
        for (file, code) in code(&root().join(wing)) {
            for name in mentioned(&code, "crate::sandbox::") {
                let known = !folders.contains(name) || name == *wing || below.contains(&name);
                assert!(known, "{file}: `{wing}` must not import `{name}`");
            }
        }
    }
}

#[test]
fn accounts_and_rights_do_not_import_each_other_or_the_router() {
    for (folder, others) in [("arm/cognitive", "rbac"), ("arm/rbac", "cognitive")] {
        for (file, code) in code(&root().join(folder)) {
            for name in mentioned(&code, "crate::sandbox::arm::") {
                assert!(
                    name != others && !["router", "groups", "activity"].contains(&name),
                    "{file}: {name}"
                );
            }
        }
    }
}

#[test]
fn every_folder_says_what_it_answers_and_stays_small() {
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        let held = entries(&folder);
        assert!(held.len() <= MOST, "{} holds {} entries", folder.display(), held.len());
        assert!(folder.join("mod.rs").is_file(), "{} has no mod.rs", folder.display());
        folders.extend(held.into_iter().filter(|path| path.is_dir()));
    }
}
