//! Rules about the project itself that nothing else enforces.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use keyless::finding::Code;

use crate::common::Folder;

const LONGEST: usize = 500;
/// Files that still have to be split.
const TOO_LONG: &[&str] = &[];

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, with its text.
pub(super) fn sources(folder: &str) -> Vec<(String, String)> {
    let mut folders = vec![root().join(folder)];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let relative = |path: &Path| path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (relative(path), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn no_file_is_longer_than_can_be_read_at_once() {
    let all = sources("src");
    assert!(all.len() > 50, "the walk finds the files");
    for (name, text) in all {
        let lines = text.lines().count();
        let excused = TOO_LONG.contains(&name.as_str());
        assert!(lines <= LONGEST || excused, "{name} has {lines} lines, over {LONGEST}: split it by meaning");
        assert!(lines > LONGEST || !excused, "{name} is short enough by now: take it off the list");
    }
}

#[test]
fn no_folder_has_more_files_than_one_can_look_over() {
    let mut files = BTreeMap::new();
    for (name, _) in sources("src") {
        let folder = Path::new(&name).parent().unwrap().to_owned();
        *files.entry(folder).or_insert(0) += 1;
    }
    assert!(files.len() > 20, "the walk finds the folders");
    for (folder, count) in files {
        assert!(count <= 26, "{} has {count} files: divide it by meaning", folder.display());
    }
}

/// A test that `cargo test` leaves out is run by the gate: by tests/slow.sh, or by a script of its own, which tests/slow.sh then skips.
#[test]
fn every_test_that_is_left_out_is_run_by_a_script() {
    let slow = std::fs::read_to_string(root().join("tests/slow.sh")).unwrap();
    let skipped: Vec<&str> =
        slow.split("others=(").nth(1).unwrap().split(')').next().unwrap().split_whitespace().collect();
    let (mut others, mut ignored) = (Vec::new(), 0);
    for (name, text) in sources("tests/it") {
        for part in text.split("\n#[ignore").skip(1) {
            let (attribute, rest) = part.split_once("]\n").unwrap_or_else(|| panic!("{name}: {part:.60}"));
            ignored += 1;
            if attribute != " = \"slow: tests/slow.sh\"" {
                let function = rest.split("fn ").nth(1).and_then(|rest| rest.split('(').next());
                others.push(function.unwrap().to_owned());
            }
        }
    }
    assert!(ignored > 100, "the walk finds them: {ignored}");
    others.sort();
    let mut skipped: Vec<String> = skipped.into_iter().map(str::to_owned).collect();
    skipped.sort();
    assert_eq!(others, skipped);
}

/// Names of types that may be defined more than once, and why.
const SHARED_NAMES: &[(&str, &str)] = &[
    ("Args", "of each command, as clap's examples have it"),
    ("Inner", "what the clones of a handle share, private to its file"),
    ("Signals", "one for Unix, one for Windows"),
];

#[test]
fn a_name_of_a_type_means_one_thing() {
    // The sandbox imitates Azure, which uses many words of the product: it is looked at by itself.
    let (sandbox, product): (Vec<_>, Vec<_>) =
        sources("src").into_iter().partition(|(name, _)| name.starts_with("src/sandbox/"));
    let mut twice = Vec::new();
    let mut used = BTreeSet::new();
    for half in [product, sandbox] {
        let mut definitions: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (file, text) in &half {
            for (number, line) in text.lines().enumerate() {
                if let Some(name) = defined(line) {
                    definitions.entry(name.to_owned()).or_default().push(format!("{file}:{}", number + 1));
                }
            }
        }
        assert!(definitions.len() > 50, "the search finds definitions");
        definitions.retain(|_, places| places.len() > 1);
        for (name, places) in definitions {
            match SHARED_NAMES.iter().find(|(shared, _)| *shared == name) {
                Some((shared, _)) => drop(used.insert(*shared)),
                None => twice.push(format!("`{name}` is defined in {}", places.join(" and "))),
            }
        }
    }
    assert!(twice.is_empty(), "rename one, so that a name means one thing:\n{}", twice.join("\n"));
    for (name, _) in SHARED_NAMES {
        assert!(used.contains(name), "`{name}` is defined once by now: take it off the list");
    }
}

/// The name of the type that a line defines; associated types and types within functions are indented.
fn defined(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub(").and_then(|rest| Some(rest.split_once(") ")?.1)).unwrap_or(line);
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let rest = ["struct ", "enum ", "trait ", "type "].iter().find_map(|word| line.strip_prefix(word))?;
    rest.split(|next: char| !next.is_alphanumeric() && next != '_').next()
}

#[test]
fn the_sandbox_imports_nothing_of_what_it_judges() {
    let sandbox = sources("src/sandbox");
    assert!(sandbox.len() > 10);
    for (name, text) in &sandbox {
        for (number, line) in text.lines().enumerate() {
            let mut rest = line;
            while let Some((_, after)) = rest.split_once("crate::") {
                assert!(after.starts_with("sandbox"), "{name}:{}: {line}", number + 1);
                rest = after;
            }
            assert!(!line.contains("keyless::"), "{name}:{}: {line}", number + 1);
        }
        // `super` must not climb out either.
        let depth = name.split('/').count() - 3 + usize::from(!name.ends_with("mod.rs"));
        let climbs = vec!["super"; depth + 1].join("::");
        assert!(!text.contains(&climbs), "{name} climbs out with {climbs}");
    }
}

#[test]
fn a_module_with_modules_in_it_is_a_folder() {
    let all: Vec<String> = sources("src").into_iter().chain(sources("tests")).map(|(name, _)| name).collect();
    for name in &all {
        let inside = format!("{}/", name.trim_end_matches(".rs"));
        let beside = all.iter().any(|other| other.starts_with(&inside));
        assert!(!beside, "{name} stands beside its folder: it is {inside}mod.rs");
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for (name, text) in sources("src").into_iter().chain(sources("tests")) {
        let text = text.trim_start();
        assert!(text.is_empty() || text.starts_with("//!"), "{name} does not open with //!");
    }
}

#[test]
fn every_code_of_a_finding_is_used_and_unique() {
    let all = sources("src");
    let mut texts = Vec::new();
    for code in Code::ALL {
        texts.push(code.as_str());
        let name = format!("Code::{code:?}");
        let used = |(file, text): &&(String, String)| {
            file != "src/finding.rs"
                && text.match_indices(&name).any(|(at, _)| {
                    !text[at + name.len()..].starts_with(|next: char| next.is_ascii_alphanumeric())
                })
        };
        if PLANNED.contains(&code.as_str()) {
            assert!(!all.iter().any(|file| used(&file)), "{code} is used by now: take it off the list");
        } else {
            assert!(all.iter().any(|file| used(&file)), "{code} is used nowhere");
        }
        assert!(
            !code.about().is_empty()
                && code
                    .as_str()
                    .bytes()
                    .all(|byte| byte == b'-' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        );
    }
    let count = texts.len();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), count);
}

/// Codes of what is announced and not yet there.
const PLANNED: &[&str] = &[];

#[test]
fn committed_schemas_are_those_that_the_binary_prints() {
    let mut documents = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("schema")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        documents.insert(
            name.strip_suffix(".schema.json").unwrap_or_else(|| panic!("{name} is no schema")).to_owned(),
        );
    }
    // The error for an unknown document lists the ones that exist.
    let offered = Folder::new().keyless("schema none").exits(1).stderr;
    let offered =
        offered.split_once("[possible values: ").expect("clap lists them").1.split_once(']').unwrap().0;
    assert_eq!(documents, offered.split(", ").map(str::to_owned).collect());
    for document in documents {
        let file = root().join(format!("schema/{document}.schema.json"));
        let committed =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let printed = Folder::new().keyless(&format!("schema {document}")).exits(0).stdout;
        assert_eq!(committed, printed, "{} is out of date: run `just schema`", file.display());
    }
}

/// The walk of one role assignment in ARCHITECTURE.md.
#[test]
fn every_function_of_the_walk_is_in_its_file() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let walk =
        text.split("## One role assignment\n").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
    let names =
        |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let rows: Vec<Vec<&str>> = walk
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").collect())
        .collect();
    assert!(rows.len() > 20, "{walk}");
    for row in rows {
        let [file, functions, _] = row.as_slice() else { panic!("{row:?}") };
        let [file] = names(file).try_into().unwrap();
        let source = std::fs::read_to_string(root().join("src").join(&file)).unwrap_or_default();
        for function in names(functions) {
            let is_there = ["(", "<"].iter().any(|next| source.contains(&format!("fn {function}{next}")));
            assert!(is_there, "`{file}` has no function `{function}`");
        }
    }
}
