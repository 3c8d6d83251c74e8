//! What the pages say can be done is done here: commands run, links lead somewhere, and the first page is easy to read.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::common::cloud::{Cloud, TENANT};
use crate::common::{ALICE, Azure, CS_USER, Folder, account, grants, one_account};

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and the pages of docs/: (path, text).
pub(super) fn pages() -> Vec<(PathBuf, String)> {
    let docs = std::fs::read_dir(home().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        docs.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    paths.push(home().join("README.md"));
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

/// Blocks of code with their language; their lines lose the indentation of the fence.
pub(super) fn blocks(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize, String)> = None;
    for line in text.lines() {
        let bare = line.trim_start();
        match (&mut open, bare.strip_prefix("```")) {
            (None, Some(language)) => {
                open = Some((language.to_owned(), line.len() - bare.len(), String::new()));
            }
            (Some(_), Some(_)) => {
                let (language, _, text) = open.take().unwrap();
                found.push((language, text));
            }
            (Some((_, indent, text)), None) => {
                text.push_str(line.get(*indent..).unwrap_or_default());
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// The block of a page that contains a text.
pub(super) fn block(page: &str, part: &str) -> String {
    let text = std::fs::read_to_string(home().join(page)).unwrap();
    let fits = blocks(&text).into_iter().find(|(_, block)| block.contains(part));
    fits.unwrap_or_else(|| panic!("{page} has no block with `{part}`")).1
}

/// A script in a folder, with keyless on the path; (exit code, stdout, stderr).
pub(super) fn bash(script: &str, folder: &Folder, variables: &[(String, String)]) -> (i32, String, String) {
    let binary = Path::new(env!("CARGO_BIN_EXE_keyless")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command
        .args(["-c", script])
        .current_dir(folder.path())
        .env_clear()
        .env("PATH", path)
        .stdin(Stdio::null());
    let ran = command.envs(variables.iter().cloned()).output().unwrap();
    let [stdout, stderr] = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    (ran.status.code().unwrap(), stdout, stderr)
}

/// Someone who is signed in and may do everything, as pages assume.
pub(super) fn signed_in(cloud: &Cloud) -> Vec<(String, String)> {
    let app = "0000aaaa-0000-4000-8000-000000000001";
    cloud.application(
        "reader of pages",
        app,
        serde_json::json!({"secret": "s3cret-of-the-test"}),
        Some("Owner"),
    );
    let mut variables = cloud.variables();
    let own = [
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_CLIENT_ID", app),
        ("AZURE_CLIENT_SECRET", "s3cret-of-the-test"),
    ];
    variables.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables
}

#[test]
fn the_first_page_shows_what_its_command_prints() {
    let folder = Folder::new();
    let spec = std::fs::read_to_string(home().join("specs/quickstart.yaml")).unwrap();
    folder.write("specs/quickstart.yaml", spec);
    let commands = block("README.md", "--sandbox --yes");
    let command = commands.lines().find_map(|line| line.strip_prefix("$ cargo run -- ")).unwrap();
    let run = folder.keyless(command).exits(0);
    let shown = block("README.md", "Applied: 3 done");
    let (plan, outcome) = shown.split_once("  created  ").unwrap();
    let (steps, end) = outcome.split_once("\n\n").unwrap();
    assert_eq!(run.stdout, format!("{plan}\n{end}"), "{run}");
    // Steps that do not wait for each other end in any order.
    let lines = |text: &str| text.trim().lines().map(str::trim).map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(lines(&run.stderr), lines(&format!("  created  {steps}")), "{run}");
}

#[test]
fn no_sentence_of_the_first_page_is_long() {
    let text = std::fs::read_to_string(home().join("README.md")).unwrap();
    let mut prose = String::new();
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        // Each element of a list, cell of a table and paragraph is on its own.
        let starts =
            line.is_empty() || line.starts_with(['-', '#', '|', '1', '2', '3']) || line.starts_with("```");
        prose.push_str(if starts { "\n\n" } else { " " });
        if !in_code {
            prose.push_str(&line.replace('|', "\n\n"));
        }
    }
    for part in prose.split("\n\n") {
        for sentence in part.split(['.', '!', '?']) {
            let words = sentence.split_whitespace().count();
            assert!(words <= 30, "{words} words: {sentence}");
        }
    }
    assert!(text.lines().count() <= 170, "one page");
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn links_between_pages_lead_somewhere() {
    for (path, text) in pages() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.starts_with("http") {
                continue;
            }
            let (file, wanted) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", path.display());
            if !wanted.is_empty() {
                let page = std::fs::read_to_string(&target).unwrap();
                let found = page.lines().any(|line| line.starts_with('#') && anchor(line) == wanted);
                assert!(found, "{}: {link} leads to no heading", path.display());
            }
        }
    }
}

#[test]
fn every_command_of_the_pages_is_one_that_keyless_knows() {
    let azure = Azure::start();
    let mut count = 0;
    for (path, text) in pages() {
        for (language, block) in blocks(&text) {
            if !matches!(language.as_str(), "console" | "sh" | "yaml") {
                continue;
            }
            for line in block.replace("\\\n", " ").lines() {
                let line = line.trim().trim_start_matches("- ").trim_start_matches("run: ");
                let line = line.strip_prefix("$ ").unwrap_or(line);
                let line = line.trim_start_matches("KEYLESS_TOKEN=any ").trim_start_matches("exec ");
                let Some(rest) = line.strip_prefix("keyless ") else { continue };
                let rest = &rest.replace("7f3b...", crate::common::SUB);
                // Up to a comment, another command or a redirection.
                let end =
                    ["  #", " | ", " || ", " > ", " &", ";"].iter().filter_map(|sign| rest.find(sign)).min();
                let arguments: Vec<&str> = rest[..end.unwrap_or(rest.len())].split_whitespace().collect();
                count += 1;
                // Serves until it is stopped.
                if arguments.starts_with(&["sandbox", "serve"]) {
                    continue;
                }
                let folder = azure.folder();
                let is_own =
                    arguments.iter().any(|word| *word == "--arm-endpoint" || word.starts_with("--sandbox"));
                let mut command = Command::new(env!("CARGO_BIN_EXE_keyless"));
                command.env_clear().current_dir(folder.path()).args(&arguments);
                let takes_target = !matches!(
                    arguments[0],
                    "validate" | "schema" | "guid" | "completions" | "show" | "sandbox"
                );
                if !is_own && takes_target {
                    command.args(["--arm-endpoint", azure.url()]).env("KEYLESS_TOKEN", "any");
                }
                let run = crate::common::finish(command, b"");
                for wrong in ["unexpected argument", "unrecognized subcommand", "invalid value", "Usage:"] {
                    let told = run.stderr.contains(wrong) && !rest.contains("$URL");
                    assert!(!told, "{}: keyless {rest}\n{run}", path.display());
                }
            }
        }
    }
    assert!(count > 20, "{count} commands");
}

#[test]
fn a_script_that_takes_changes_for_success_is_as_the_page_shows() {
    let cloud = Cloud::start();
    let variables = signed_in(&cloud);
    let script = format!("set -e\n{}", block("docs/pipelines.md", "--detailed-exitcode || code=$?"));
    let folder = Folder::new();
    folder.write("specs/one.yaml", one_account("ml", "chat", &grants(&[ALICE])));
    let (code, stdout, stderr) = bash(&script, &folder, &variables);
    assert!(code == 0 && stdout.contains("2 to create"), "{stdout}{stderr}");
    folder.write("specs/one.yaml", "version: 1\n");
    assert_eq!(bash(&script, &folder, &variables).0, 1);
}

#[test]
fn a_rule_over_the_plan_finds_what_it_looks_for() {
    let cloud = Cloud::start();
    let variables = signed_in(&cloud);
    cloud.know("users", &serde_json::json!([{"id": ALICE, "userPrincipalName": "alice@contoso.com"}]));
    let script = block("docs/pipelines.md", "sys.exit(");
    let folder = Folder::new();
    folder.write("specs/one.yaml", one_account("ml", "chat", &grants(&[ALICE])));
    let (code, _, stderr) = bash(&script, &folder, &variables);
    assert!(code == 1 && stderr.contains("role assignment Cognitive Services User -> User"), "{stderr}");
    folder.write("specs/one.yaml", one_account("ml", "chat", "disableLocalAuth: true"));
    let (code, stdout, stderr) = bash(&script, &folder, &variables);
    assert_eq!(code, 0, "{stdout}{stderr}");
}

#[test]
fn the_sandbox_serves_a_pipeline_as_the_page_shows() {
    let folder = Folder::new();
    folder.write("specs/one.yaml", one_account("ml", "chat", &grants(&[ALICE])));
    let script = block("docs/sandbox.md", "until grep -q 'listening on'");
    let (code, stdout, stderr) = bash(&format!("{script}code=$?; kill %1; wait; exit $code"), &folder, &[]);
    assert!(code == 0 && stdout.contains("2 to create"), "{stdout}{stderr}");
}

#[test]
fn an_export_in_json_is_read_by_its_name_and_not_in_a_folder() {
    let azure = Azure::start();
    azure.make_account("chat", &serde_json::json!({"customSubDomainName": "chat"}));
    let folder = azure.folder();
    let spec = folder
        .keyless(&format!("export --subscription {} --format json", crate::common::SUB))
        .exits(0)
        .stdout;
    folder.write("specs/ml.json", &spec);
    folder.keyless("plan specs/ml.json").exits(0).says(&["No changes"]);
    folder.keyless("plan specs").exits(1).complains(&["unread-spec", "rename it to end in `.yaml`"]);
}

#[test]
fn migrating_from_the_tutorials_template_changes_nothing_until_it_should() {
    let azure = Azure::start();
    // What the template leaves: keys on, no subdomain, the role on the whole group.
    azure.make_account("tutorial", &serde_json::json!({"disableLocalAuth": false}));
    let group = format!("/subscriptions/{}/resourceGroups/rg", crate::common::SUB);
    azure.grant(&group, "d0000000-0000-4000-8000-000000000001", CS_USER, ALICE, None);
    let folder = azure.folder();
    std::fs::create_dir(folder.path().join("specs")).unwrap();
    for line in block("docs/migrate.md", "--out specs/ml.yaml").lines() {
        let command = line.strip_prefix("$ keyless ").unwrap();
        let run = folder.keyless(command).exits(0);
        assert!(command.starts_with("export") || run.stdout.contains("No changes"), "{run}");
    }
    let exported = std::fs::read_to_string(folder.path().join("specs/ml.yaml")).unwrap();
    assert!(
        exported.contains("scope: resourceGroup") && exported.contains("disableLocalAuth: false"),
        "{exported}"
    );
    // The steps of the page, one after the other: each changes the file and no more than it says.
    let (accounts, on_the_group) = exported.split_at(exported.find("\nroleAssignments:").unwrap());
    let step = |accounts: &str, group: &str, said: &str| {
        folder.write("specs/ml.yaml", format!("{accounts}{group}"));
        folder.keyless("apply specs/ --yes").exits(0).says(&[said]);
    };
    let copied = format!(
        "    roleAssignments:\n      - role: Cognitive Services User\n        principals: [{{id: {ALICE}, type: User}}]\n"
    );
    let accounts = format!("{}\n{copied}", accounts.trim_end());
    step(&accounts, on_the_group, "1 done");
    let accounts =
        accounts.replace("    kind: AIServices", "    kind: AIServices\n    customSubDomainName: tutorial");
    step(&accounts, on_the_group, "1 done");
    let accounts = accounts.replace("disableLocalAuth: false", "disableLocalAuth: true");
    step(&accounts, on_the_group, "1 done");
    assert_eq!(azure.get(&account("tutorial"))["properties"]["disableLocalAuth"], true);
    let accounts = accounts.replace("\nstack: ml\n", "\nstack: ml\nadopt: true\n");
    step(&accounts, on_the_group, " done");
    assert_eq!(azure.grants_at(&group).len(), 1);
    // As the page warns.
    folder.write("specs/ml.yaml", &accounts);
    folder.keyless("apply specs/ --yes").exits(3).says(&["guard-delete-list"]);
    let page = std::fs::read_to_string(home().join("docs/migrate.md")).unwrap();
    let empty = page
        .split("by `")
        .find_map(|rest| rest.split('`').next().filter(|list| list.ends_with("[]")))
        .unwrap();
    step(&accounts, &format!("\n{empty}\n"), "1 done");
    assert!(azure.grants_at(&group).is_empty());
    assert_eq!(azure.grants_at(&account("tutorial")).len(), 1);
    step(&accounts, "\n", "No changes");
}
