//! Every block of commands on a page runs in a test, or stands here with the reason why it cannot.

use serde_json::json;

use super::pages::{bash, block, blocks, pages, signed_in};
use crate::common::cloud::Cloud;
use crate::common::{ALICE, Folder, SUB, grants, one_account};

/// Where a block runs.
enum Where {
    /// In a test of this folder.
    Here,
    /// In another test, or in a script.
    In(&'static str),
    /// Nowhere as it stands: why. What its commands take is checked all the same, in `pages`.
    Usage(&'static str),
}
use Where::{Here, In, Usage};

/// Page, what only this block of it contains, where it runs.
const BLOCKS: &[(&str, &str, Where)] = &[
    ("README.md", "--sandbox --yes", Here),
    ("README.md", "az login", Here),
    ("docs/bootstrap.md", "az account set", In("tests/clients/bootstrap.sh")),
    ("docs/bootstrap.md", "identity() {", In("tests/clients/bootstrap.sh")),
    ("docs/bootstrap.md", "az role definition create", In("tests/clients/bootstrap.sh")),
    ("docs/bootstrap.md", "Monitoring Reader", In("tests/clients/bootstrap.sh")),
    ("docs/bootstrap.md", "GIVES=", In("tests/clients/bootstrap.sh")),
    ("docs/bootstrap.md", "--for apply", In("tests/it/signing/doctor.rs")),
    ("docs/bootstrap.md", "of planner clientId", In("tests/clients/bootstrap.sh")),
    (
        "docs/commands.md",
        "Not evaluated:",
        Usage("what it prints is shortened; tests/it/commands/access.rs runs it"),
    ),
    (
        "docs/commands.md",
        "access --members",
        Usage("what it prints is shortened; tests/it/commands/members.rs runs it"),
    ),
    (
        "docs/commands.md",
        "outputs --dotenv",
        Usage("what it prints is shortened; tests/it/commands/outputs.rs runs it"),
    ),
    (
        "docs/commands.md",
        "BROKEN  token",
        Usage("needs a secret that has expired; tests/it/signing/doctor.rs has a wrong one"),
    ),
    ("docs/export.md", "> specs/ml-prod.yaml", Here),
    (
        "docs/keys.md",
        "az monitor diagnostic-settings",
        Usage(
            "makes a setting of Azure Monitor, which the sandbox only reads; tests/it/commands/usage.rs has one",
        ),
    ),
    ("docs/migrate.md", "--out specs/ml.yaml", Here),
    ("docs/pipelines.md", "|| code=$?", Here),
    ("docs/pipelines.md", "sys.exit(", Here),
    ("docs/pipelines.md", "openmetrics=keyless.prom", Here),
    ("docs/pipelines.md", "keyless report merge reports", Here),
    (
        "docs/pipelines.md",
        "git rm specs/old.yaml",
        Usage("asks on a terminal; tests/it/product/retired.rs runs it with `--yes`"),
    ),
    (
        "docs/pipelines.md",
        "--out plan.json ",
        Usage("an approval lies between its two lines; tests/it/pipelines runs them as jobs do"),
    ),
    ("docs/sandbox.md", "until grep -q", Here),
    ("docs/sandbox.md", "curl -X PUT", Here),
    ("docs/sandbox.md", "cloud register", In("tests/clients/check.sh")),
    ("docs/sandbox.md", "_sandbox/directory", Here),
    ("docs/sandbox.md", "roleAssignments", Here),
    ("docs/sandbox.md", "policies", Here),
    ("docs/sandbox.md", "_sandbox/faults", Here),
    ("docs/sandbox.md", "_sandbox/clock", Here),
    ("docs/sandbox.md", "_sandbox/seed", Here),
    ("docs/start.md", "cargo install", In("tests/newcomer.sh")),
    ("docs/start.md", "keyless init", Here),
    ("docs/start.md", "keyless validate", Here),
    ("docs/start.md", "keyless verify", Here),
    ("docs/start.md", "git add .", Here),
    ("docs/start.md", "keyless schema spec", Here),
    (
        "docs/unproven.md",
        "just prove",
        Usage("needs `just` and an account; tests/it/docs/unproven.rs runs its script"),
    ),
    (
        "docs/unproven.md",
        "S=/subscriptions/",
        Usage("asks Azure for an account; only commands to be typed there use it"),
    ),
];

#[test]
fn every_block_of_commands_runs_somewhere_or_says_why_not() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut used = vec![0; BLOCKS.len()];
    for (path, text) in pages() {
        let page = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        for (language, block) in blocks(&text) {
            if !matches!(language.as_str(), "console" | "sh") {
                continue;
            }
            let fits = |(of, part, _): &(&str, &str, Where)| *of == page && block.contains(part);
            let found: Vec<usize> = (0..BLOCKS.len()).filter(|at| fits(&BLOCKS[*at])).collect();
            assert!(found.len() == 1, "{page}: {found:?} of the table\n{block}");
            used[found[0]] += 1;
        }
    }
    let sources = [include_str!("pages.rs"), include_str!("commands.rs")].map(|source| {
        // Without the table.
        source.split("const BLOCKS").next().unwrap().to_owned()
            + source.split("];\n").skip(1).collect::<String>().as_str()
    });
    for ((page, part, place), count) in BLOCKS.iter().zip(used) {
        assert_eq!(count, 1, "{page}: `{part}`");
        match place {
            Here => {
                let is_run = sources.iter().any(|source| source.contains(page) && source.contains(part));
                assert!(is_run, "{page}: no test takes the block with `{part}`");
            }
            // It takes the page, or types the command.
            In(file) => {
                let text = std::fs::read_to_string(root.join(file)).unwrap();
                let code = text
                    .lines()
                    .filter(|line| !line.trim_start().starts_with(['#', '/']))
                    .collect::<String>();
                assert!(
                    code.contains(page) || code.contains(part),
                    "{file} runs nothing of {page}: `{part}`"
                );
            }
            Usage(why) => assert!(why.len() > 20, "{page}: `{part}`"),
        }
    }
}

/// An interactive shell takes a `!` between double quotes for something that was typed before.
#[test]
fn what_is_pasted_into_a_shell_keeps_its_exclamation_marks() {
    let mut seen = 0;
    for (_, text) in pages() {
        let blocks = blocks(&text).into_iter().filter(|(language, _)| language == "sh");
        let blocks: Vec<String> = blocks.map(|(_, block)| block).collect();
        for line in blocks.iter().flat_map(|block| block.lines()).filter(|line| line.contains('!')) {
            let Some((name, _)) =
                line.split_once('=').filter(|(name, _)| name.bytes().all(|c| c.is_ascii_uppercase()))
            else {
                continue;
            };
            let script = format!(
                "printf '%s\\n' '{}' 'echo \"kept ${name}\"' | bash --noprofile --norc -i 2>&1",
                line.replace('\'', "'\\''")
            );
            let (_, said, _) = bash(&script, &Folder::new(), &[]);
            assert!(said.contains("kept ((!(") && !said.contains("event not found"), "{said}");
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
}

#[test]
fn the_first_steps_are_as_their_page_says() {
    let folder = Folder::new();
    let parts = ["keyless init", "keyless validate", "keyless verify", "git add .", "keyless schema spec"];
    let steps = parts.map(|part| block("docs/start.md", part)).concat();
    let home = [("HOME".to_owned(), folder.path().display().to_string())];
    let script = format!("set -euo pipefail\n{steps}\ngit ls-files >&2");
    let (code, stdout, stderr) = bash(&script, &folder, &home);
    assert_eq!(code, 0, "{stdout}{stderr}");
    for said in [
        "wrote specs/rg-ai.yaml",
        "3 to create",
        "3 done",
        "Cognitive Services User",
        "2 proven",
        "No changes",
    ] {
        assert!(stdout.contains(said), "{said}\n{stdout}{stderr}");
    }
    let files = [
        ".github/workflows/keyless.yml",
        ".gitignore",
        ".vscode/keyless.schema.json",
        ".vscode/settings.json",
        "specs/rg-ai.yaml",
    ];
    assert!(stderr.ends_with(&format!("{}\n", files.join("\n"))), "{stderr}");
}

#[test]
fn an_export_is_a_spec_that_plans_no_change() {
    let cloud = Cloud::start();
    let variables = signed_in(&cloud);
    let path = format!("{}?api-version=2025-06-01", crate::common::account("chat"));
    let account = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "properties": {"customSubDomainName": "chat"}});
    assert!(cloud.send("PUT", &path, Some(account)).status < 300);
    let folder = Folder::new();
    let script: String = block("docs/export.md", "> specs/ml-prod.yaml")
        .lines()
        .map(|line| line.trim_start_matches("$ ").to_owned() + "\n")
        .collect();
    let script = script.replace("7f3b...", SUB).replace("rg-ai-prod", "rg");
    let (code, stdout, stderr) = bash(&format!("set -e\n{script}"), &folder, &variables);
    assert!(code == 0 && stdout.contains("No changes"), "{stdout}{stderr}");
}

/// In a clone, where README leaves its reader, and in an empty folder.
#[test]
fn the_first_commands_on_azure_are_as_the_first_page_says() {
    let cloud = Cloud::start();
    let variables = signed_in(&cloud);
    let path = format!("{}?api-version=2025-06-01", crate::common::account("chat"));
    let account = json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "properties": {"customSubDomainName": "chat"}});
    assert!(cloud.send("PUT", &path, Some(account)).status < 300);
    let block = block("README.md", "az login");
    let commands: Vec<&str> = block.lines().map(|line| line.strip_prefix("$ ").unwrap()).collect();
    let script = commands.join("\n").replace("7f3b...", SUB).replace("rg-ai-prod", "rg");
    // Nobody answers here.
    let script = script.replace("keyless apply specs/ ", "keyless apply specs/ --yes ");
    for is_clone in [true, false] {
        let folder = Folder::new();
        if is_clone {
            folder.write("specs/quickstart.yaml", include_str!("../../../specs/quickstart.yaml"));
        }
        // Who is signed in already.
        let (code, stdout, stderr) = bash(&format!("set -e\naz() {{ :; }}\n{script}"), &folder, &variables);
        assert_eq!(code, 0, "{stdout}{stderr}");
        assert!(stdout.contains("No changes; 1 unchanged"), "{stdout}{stderr}");
        assert!(folder.path().join("estate/specs/ml-prod.yaml").is_file());
    }
}

#[test]
fn metrics_are_written_as_the_page_shows() {
    let cloud = Cloud::start();
    let variables = signed_in(&cloud);
    let folder = Folder::new();
    folder.write("specs/one.yaml", one_account("ml", "chat", &grants(&[ALICE])));
    let (code, _, stderr) =
        bash(&block("docs/pipelines.md", "openmetrics=keyless.prom"), &folder, &variables);
    assert_eq!(code, 2, "{stderr}");
    let page = pages().into_iter().find(|(path, _)| path.ends_with("docs/pipelines.md")).unwrap().1;
    let text = std::fs::read_to_string(folder.path().join("keyless.prom")).unwrap();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let name = line.split(' ').next().unwrap();
        assert!(page.contains(&format!("| `{name}` |")), "{name} is on the page");
    }
}

#[test]
fn a_fleet_in_parts_gives_one_report_as_its_page_says() {
    let cloud = Cloud::start();
    let variables = signed_in(&cloud);
    let folder = Folder::new();
    folder.write("specs/one.yaml", one_account("ml", "chat", &grants(&[ALICE])));
    let script = block("docs/pipelines.md", "keyless report merge reports");
    let (code, stdout, stderr) = bash(&script, &folder, &variables);
    assert!(code == 2 && stdout.contains("Drift: 2 missing"), "{stdout}{stderr}");
}

#[test]
fn pods_of_the_fleet_know_how_many_they_are() {
    let manifest = include_str!("../../../deploy/kubernetes/fleet.yaml");
    let after = |key: &str| {
        let found = manifest.lines().find_map(|line| line.split_once(key).map(|(_, rest)| rest.to_owned()));
        found.unwrap_or_else(|| panic!("{key}"))
    };
    let count = after("completions: ");
    assert_eq!(after("{name: JOB_COMPLETIONS, value: "), format!("\"{count}\"}}"));
    assert_eq!(after("parallelism: "), count);
}

#[test]
fn what_a_test_asks_of_the_sandbox_is_as_its_page_says() {
    let folder = Folder::new();
    folder.write("specs/one.yaml", one_account("ml", "chat", &grants(&[ALICE])));
    let parts = [
        "curl -X PUT",
        "_sandbox/directory",
        "roleAssignments",
        "policies",
        "_sandbox/faults",
        "_sandbox/clock",
        "_sandbox/seed",
    ];
    let asked = parts.map(|part| block("docs/sandbox.md", part)).concat();
    let serve = block("docs/sandbox.md", "until grep -q");
    let script = format!(
        "{serve}\ncurl() {{ command curl --silent --show-error --fail-with-body \"$@\" || failed=1; }}\n{asked}\nkill %1; wait; exit ${{failed:-0}}"
    );
    let (code, stdout, stderr) = bash(&script, &folder, &[]);
    assert!(code == 0 && stdout.contains("aheadSeconds"), "{stdout}{stderr}");
}
