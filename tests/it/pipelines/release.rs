//! What goes into the archive of a release beside the program: completions, manual pages, licences; and what editors and hooks take.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::runner::yaml;
use crate::common::{Folder, one_account};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let help = Folder::new().keyless("--help").exits(0).stdout;
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let lines = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_manual_page_and_completions() {
    let folder = Folder::new();
    folder.keyless("man pages").exits(1).complains(&["failed to write manual pages to `pages`"]);
    std::fs::create_dir(folder.path().join("pages")).unwrap();
    let run = folder.keyless("man pages").exits(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    let page = |name: &str| std::fs::read_to_string(folder.path().join("pages").join(name)).unwrap();
    let whole = page("keyless.1");
    assert!(whole.contains(".TH keyless 1") && whole.contains("exit") | whole.contains("Exit"), "{whole}");
    let bash = folder.keyless("completions bash").exits(0).stdout;
    let commands = commands();
    assert!(commands.len() > 15 && commands.iter().any(|name| name == "init"), "{commands:?}");
    for name in commands.iter().filter(|name| *name != "help") {
        assert!(page(&format!("keyless-{name}.1")).contains("SYNOPSIS"), "{name}");
        assert!(bash.contains(&format!("keyless,{name})")), "{name}");
    }
    assert!(page("keyless-keys-revoke.1").contains("NAME"));
    assert!(!folder.path().join("pages/keyless-man.1").exists(), "it is for packages");
    // Where there is a reader of manual pages, it finds nothing wrong.
    let man = Command::new("man")
        .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "pages/keyless-plan.1"])
        .current_dir(folder.path())
        .output();
    if let Ok(shown) = man {
        // Bold is a letter printed twice.
        let mut text = String::new();
        for letter in String::from_utf8_lossy(&shown.stdout).chars() {
            if letter == '\u{8}' {
                text.pop();
            } else {
                text.push(letter);
            }
        }
        assert!(shown.status.success() && text.contains("--detailed-exitcode"), "{text}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn the_licences_of_all_that_is_built_in_are_collected() {
    let metadata = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--locked",
            "--offline",
            "--format-version",
            "1",
            "--filter-platform",
            "x86_64-unknown-linux-gnu",
        ])
        .current_dir(ROOT)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let folder = Folder::new();
    folder.write("metadata.json", &metadata.stdout);
    let ran = Command::new("python3")
        .args([&format!("{ROOT}/deploy/licences.py"), "metadata.json", "LICENCES.txt", "sbom.json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let (licences, sbom) = (read("LICENCES.txt"), serde_json::from_str::<Value>(&read("sbom.json")).unwrap());
    let components = sbom["components"].as_array().unwrap();
    assert!(components.len() > 100);
    for component in components {
        let name = component["name"].as_str().unwrap();
        assert!(
            licences.contains(&format!("\n{name} {}: ", component["version"].as_str().unwrap())),
            "{name}"
        );
    }
    for (name, is_in) in [("clap", true), ("ring", true), ("proptest", false)] {
        assert_eq!(components.iter().any(|component| component["name"] == name), is_in, "{name}");
    }
    let texts = licences.matches("(The crate carries no text of its licence.)").count();
    assert!(texts * 10 < components.len(), "most crates carry their licence: {texts} do not");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn the_hook_checks_specs_and_nothing_else() {
    let hooks = yaml(&std::fs::read_to_string(format!("{ROOT}/.pre-commit-hooks.yaml")).unwrap());
    let hooks = hooks.as_array().unwrap();
    assert_eq!(hooks.len(), 2);
    for hook in hooks {
        let taken = |name: &str| {
            let fits = |pattern: &str| {
                let ran = Command::new("python3")
                    .args([
                        "-c",
                        "import re, sys; sys.exit(not re.search(sys.argv[1], sys.argv[2]))",
                        pattern,
                        name,
                    ])
                    .status();
                ran.unwrap().success()
            };
            fits(hook["files"].as_str().unwrap()) && !fits(hook["exclude"].as_str().unwrap())
        };
        for (name, is) in [
            ("specs/a.yaml", true),
            ("specs/team/b.yml", true),
            ("specs/prod.vars.yaml", false),
            ("specs/a.lock.json", true),
            ("other/specs.yaml", false),
        ] {
            assert_eq!(taken(name), is, "{name}");
        }
        // As pre-commit runs it: the entry and its arguments, without the names of the files that are committed.
        assert_eq!(hook["pass_filenames"], false);
        let entry = hook["entry"].as_str().unwrap().strip_prefix("keyless ").unwrap();
        let line = format!("{entry} {}", hook["args"][0].as_str().unwrap());
        let folder = Folder::new();
        folder.write("specs/a.yaml", one_account("a", "chat", ""));
        folder.write("specs/b.yaml", one_account("b", "talk", ""));
        folder.keyless(&line).exits(0);
        folder.write("specs/b.yaml", one_account("b", "talk", "locaton: x"));
        folder.keyless(&line).exits(1).complains(&["specs/b.yaml:8:5"]);
        // Only one of them is new, and it is both that make the mistake.
        folder.write("specs/b.yaml", one_account("a", "talk", ""));
        folder.keyless(&line).exits(1).complains(&["two files declare stack `a`"]);
    }
}

#[test]
fn the_schema_is_one_that_editors_and_catalogues_take() {
    let folder = Folder::new();
    let schema = folder.keyless("schema spec").exits(0).json();
    assert_eq!(schema, folder.keyless("schema").exits(0).json());
    assert_eq!(schema["$id"], "https://www.schemastore.org/keyless-spec.json");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(schema["title"].is_string() && schema["type"] == "object", "{}", schema["title"]);
    assert!(jsonschema::meta::is_valid(&schema), "it is a schema itself");
    let validator = jsonschema::validator_for(&schema).unwrap();
    for entry in std::fs::read_dir(format!("{ROOT}/specs")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("# yaml-language-server: $schema=../schema/spec.schema.json\n"),
            "{}",
            path.display()
        );
        let problems: Vec<String> =
            validator.iter_errors(&yaml(&text)).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{}: {problems:?}", path.display());
    }
    assert!(!validator.is_valid(&yaml("version: 1\nstak: a\n")));
}
