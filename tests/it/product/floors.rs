//! The floors of `src`: a module imports what lies below it, and nothing else. No import runs up, and there is no circle of modules.

use std::collections::{BTreeMap, BTreeSet};

use super::structure::{root, sources};

/// The floors, top to bottom; modules of one floor do not import each other. ARCHITECTURE.md shows the same list.
///
/// `read` stands above what it asks for: `drift` says what to ask of the activity log, `usage` of the request log. `rbac` stands below `snapshot`, which holds the
/// roles that Azure listed.
pub(super) const FLOORS: &[&[&str]] = &[
    &["cli"],
    &["flow"],
    &["render"],
    &["apply", "doctor", "export"],
    &["verify"],
    &["access"],
    &["read"],
    &["keys"],
    &["accounts", "checks", "drift", "guards"],
    &["plan"],
    &["diff"],
    &["kinds"],
    &["principals"],
    &["arm"],
    &["snapshot"],
    &["spec"],
    &["document"],
    &["rbac"],
    &["body"],
    &["finding"],
    &["files", "id", "text"],
];

/// Modules that stand beside the house: `product::structure` and `sandbox::wings` hold their rules.
const BESIDE: &[&str] = &["sandbox"];

/// The modules that a text imports with `crate::`, each with the line on which it says so.
fn imports(text: &str) -> BTreeSet<(String, usize)> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let line = text[..at].matches('\n').count() + 1;
        let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        if text[start..at].trim_start().starts_with("//") {
            continue;
        }
        let name = |rest: &str| -> String {
            rest.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
        };
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => drop(found.insert((name(rest), line))),
            // `use crate::{a, b::{c, d}};`: names at the first level only.
            Some(group) => {
                let mut depth = 0;
                let mut item = true;
                for (place, c) in group.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => item = true,
                        c if item && depth == 0 && !c.is_whitespace() => {
                            found.insert((name(&group[place..]), line));
                            item = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

/// Imports that run up, or to a module of the same floor.
fn upward(files: &[(String, String)], floors: &[&[&str]]) -> Vec<String> {
    let floor: BTreeMap<&str, usize> = floors
        .iter()
        .enumerate()
        .flat_map(|(index, modules)| modules.iter().map(move |module| (*module, index)))
        .collect();
    let mut wrong = Vec::new();
    for (name, text) in files {
        let module = name.split('/').nth(1).unwrap_or_default().trim_end_matches(".rs");
        if ["lib", "main"].contains(&module) || BESIDE.contains(&module) {
            continue;
        }
        let Some(own) = floor.get(module) else {
            wrong.push(format!("{name}: `{module}` has no floor"));
            continue;
        };
        for (target, line) in imports(text) {
            // What is no module is an item of the crate's root.
            let Some(other) = floor.get(target.as_str()).filter(|_| target != module) else { continue };
            if other <= own {
                wrong.push(format!(
                    "{name}:{line}: `{module}` imports `{target}`, which does not lie below it"
                ));
            }
        }
    }
    wrong
}

#[test]
fn no_import_runs_up() {
    let files = sources("src");
    let wrong = upward(&files, FLOORS);
    assert!(wrong.is_empty(), "imports that run up:\n{}", wrong.join("\n"));
    // Every module is somewhere, and none is left over.
    let modules: BTreeSet<&str> = files
        .iter()
        .filter_map(|(name, _)| name.split('/').nth(1))
        .map(|module| module.trim_end_matches(".rs"))
        .filter(|module| !["lib", "main"].contains(module) && !BESIDE.contains(module))
        .collect();
    let listed: BTreeSet<&str> = FLOORS.iter().flat_map(|modules| modules.iter().copied()).collect();
    assert_eq!(modules, listed);
}

#[test]
fn an_import_that_runs_up_is_found_however_it_is_written() {
    let floors: &[&[&str]] = &[&["top"], &["beside", "middle"], &["ground"]];
    for (text, wrong) in [
        ("use crate::ground::thing;", false),
        ("use crate::{ground, ground::{other, crate_like}};", false),
        ("// use crate::top::thing;", false),
        ("use crate::top::thing;", true),
        ("use crate::beside::thing;", true),
        ("use crate::{ground::{a, b},\n    top};", true),
        ("fn f() { crate::top::thing() }", true),
        ("pub(crate) fn f(x: &crate::top::Thing) {}", true),
    ] {
        let files = [("src/middle/mod.rs".to_owned(), text.to_owned())];
        assert_eq!(!upward(&files, floors).is_empty(), wrong, "{text}");
    }
}

#[test]
fn the_architecture_shows_the_floors() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let shown = text.split("```floors\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let shown: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    let listed: Vec<Vec<&str>> = FLOORS.iter().map(|modules| modules.to_vec()).collect();
    assert_eq!(shown, listed);
}
