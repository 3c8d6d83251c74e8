//! `init`: what it asks, what it writes, and that it leaves alone what is there.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Azure, Folder, Run, SUB, finish, skipped};

const PIN: &str = "contoso/keyless@0123456789abcdef0123456789abcdef01234567";

/// The paths of all files and folders below a folder, sorted.
fn tree(folder: &Folder) -> Vec<String> {
    fn walk(at: &Path, top: &Path, found: &mut Vec<String>) {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            found.push(path.strip_prefix(top).unwrap().display().to_string());
            if path.is_dir() {
                walk(&path, top, found);
            }
        }
    }
    let mut found = Vec::new();
    walk(folder.path(), folder.path(), &mut found);
    found
}

fn read(folder: &Folder, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap()
}

fn flags(from: &str, host: &str) -> String {
    format!("init --from {from} --subscription {SUB} --resource-group rg --host {host}")
}

/// Answers questions on a terminal: each answer is typed once its question shows.
const TERMINAL: &str = r#"
import json, os, pty, select, signal, sys, time
talk, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, new, end = b"", b"", time.time() + 60
while True:
    if time.time() > end:
        os.kill(pid, signal.SIGKILL)
    if select.select([fd], [], [], 0.05)[0]:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        shown, new = shown + data, new + data
    if talk and talk[0][0].encode() in new:
        new = b""
        os.write(fd, talk.pop(0)[1].encode())
status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
"#;

/// What a run shows on a terminal where somebody answers; nothing where there is no Python.
fn talk(folder: &Folder, arguments: &str, answers: &[(&str, &str)]) -> Option<Run> {
    if Command::new("python3").args(["-c", "import pty"]).status().is_err() {
        skipped("a terminal: there is no python3");
        return None;
    }
    let keyless = folder.command(arguments.split_whitespace());
    let mut command = Command::new("python3");
    let answers = json!(answers).to_string();
    command.args(["-c", TERMINAL, &answers, "/usr/bin/env", "-i", "TERM=xterm"]).current_dir(folder.path());
    for (name, value) in keyless.get_envs() {
        command.arg(format!("{}={}", name.to_string_lossy(), value.unwrap().to_string_lossy()));
    }
    command.arg(keyless.get_program()).args(keyless.get_args());
    Some(finish(command, b""))
}

const FROM: &str = "(live), or from scratch? [scratch]";
const SUBSCRIPTION: &str = "Which subscription?";
const GROUP: &str = "Which resource group?";
const HOST: &str = "gitlab or none? [";

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_it_writes_for_each_host_validates_and_plans() {
    for (host, pipeline) in [
        ("github", ".github/workflows/keyless.yml"),
        ("azure-pipelines", "azure-pipelines.yml"),
        ("gitlab", ".gitlab-ci.yml"),
        ("none", ""),
    ] {
        let folder = Folder::new();
        let run = folder
            .keyless(&flags("scratch", host))
            .exits(0)
            .says(&["wrote specs/rg.yaml", "keyless plan specs/rg.yaml"]);
        folder.keyless("validate").exits(0);
        folder.keyless("plan --sandbox").exits(0).says(&["2 to create"]);
        assert_eq!(read(&folder, ".gitignore"), ".keyless/\nkeyless-results/\n");
        let spec = read(&folder, "specs/rg.yaml");
        assert!(
            spec.starts_with("# yaml-language-server: $schema=../.vscode/keyless.schema.json\n"),
            "{spec}"
        );
        let settings: Value = serde_json::from_str(&read(&folder, ".vscode/settings.json")).unwrap();
        assert!(settings["yaml.schemas"]["./.vscode/keyless.schema.json"].is_array(), "{settings}");
        let schema: Value = serde_json::from_str(&read(&folder, ".vscode/keyless.schema.json")).unwrap();
        assert_eq!(schema, folder.keyless("schema spec").exits(0).json());
        if pipeline.is_empty() {
            assert_eq!(run.stdout.matches("wrote").count(), 3, "{run}");
            continue;
        }
        assert!(run.stdout.contains(&format!("{pipeline}: replace what is in capital letters")), "{run}");
        let text = read(&folder, pipeline);
        assert!(
            text.starts_with("# Replace ") && text.contains("in the repository of keyless says"),
            "{text}"
        );
        assert!(text.contains("stack: rg\n") && text.contains("/resourceGroups/rg\n"), "{text}");
        assert!(!text.contains("ml-platform") && !text.contains("rg-ai"), "{text}");
        assert_eq!(text.contains(&format!("/subscriptions/{SUB}/")), host != "github", "{text}");

        // With the commit there is nothing left that names no repository.
        let pinned = Folder::new();
        let run = pinned.keyless(&format!("{} --pin {PIN}", flags("scratch", host))).exits(0);
        let text = read(&pinned, pipeline);
        assert!(text.contains("contoso/keyless") && text.contains("0123456789abcdef"), "{text}");
        assert!(!text.contains("ORG/") && !text.contains("COMMIT") && !text.contains("TAG\n"), "{text}");
        assert_eq!(run.stdout.contains("capital letters"), host != "github", "{run}");
    }
}

#[test]
fn a_user_may_call_the_models_of_the_account_that_the_sandbox_then_has() {
    let folder = Folder::new();
    let owner = "66666666-7777-4888-8999-000000000000";
    let more = format!("--user {owner} --account chat-eu --location swedencentral --stack ml");
    let run = folder.keyless(&format!("{} {more}", flags("scratch", "none"))).exits(0);
    assert!(!run.stdout.contains("say in it who may call"), "{run}");
    let spec = read(&folder, "specs/ml.yaml");
    assert!(spec.contains("location: swedencentral\n") && spec.contains("stack: ml "), "{spec}");
    folder.keyless("apply --sandbox --yes").exits(0).says(&[
        "3 done",
        "deployment gpt-5-mini of chat-eu",
        "https://chat-eu.cognitiveservices",
    ]);
    folder.keyless("access --sandbox").exits(0).says(&["Cognitive Services User", &owner[..8]]);
}

#[test]
fn from_live_is_what_export_writes() {
    let azure = Azure::start();
    azure.make_account("chat", &json!({"customSubDomainName": "chat"}));
    let folder = azure.folder();
    folder.keyless(&flags("live", "github")).exits(0).says(&["wrote specs/rg.yaml"]);
    let exported =
        folder.keyless(&format!("export --subscription {SUB} --resource-group rg")).exits(0).stdout;
    let spec = read(&folder, "specs/rg.yaml");
    assert_eq!(spec.split_once('\n').unwrap().1, exported);
    folder.keyless("plan specs").exits(0).says(&["No changes"]);
    // There is nothing to start from: nothing is written.
    let empty = azure.folder();
    empty
        .keyless(&flags("live", "none").replace("-group rg", "-group nothing"))
        .exits(1)
        .complains(&["there is no account to export in"]);
    assert_eq!(tree(&empty), [""; 0]);
}

#[test]
fn the_four_questions_are_asked_on_a_terminal() {
    let folder = Folder::new();
    let answers = [
        (FROM, "\n"),
        (SUBSCRIPTION, "mine\n"),
        (SUBSCRIPTION, "7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11\n"),
        (GROUP, "rg.\n"),
        (GROUP, "rg-eu\n"),
        (HOST, "GitLab\n"),
    ];
    let Some(run) = talk(&folder, "init", &answers) else { return };
    let run = run.exits(0).says(&[
        "expected the GUID of a subscription",
        "not a valid name of a resource group",
        "wrote specs/rg-eu.yaml",
        "wrote .gitlab-ci.yml",
    ]);
    assert_eq!(run.stdout.matches('?').count(), 6, "four questions, two of them twice: {run}");
    assert!(read(&folder, "specs/rg-eu.yaml").contains(&format!("subscription: {SUB} ")));
    // A flag is an answer, and what stands in the folder is the usual host.
    let other = Folder::new();
    other.write("azure-pipelines.yml", "trigger: none\n");
    let arguments = format!("init --from scratch --subscription {SUB} --resource-group rg");
    let run = talk(&other, &arguments, &[("none? [azure-pipelines]", "none\n")]).unwrap().exits(0);
    assert_eq!(run.stdout.matches('?').count(), 1, "{run}");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn whoever_leaves_at_a_question_leaves_nothing_behind() {
    let before =
        [(FROM, "\n"), (SUBSCRIPTION, "7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11\n"), (GROUP, "rg\n"), (HOST, "")];
    for (at, (question, _)) in before.iter().enumerate() {
        for (typed, said) in [
            ("\u{3}", "interrupted while waiting for an answer; nothing was written"),
            ("\u{4}", "no answer; nothing was written"),
        ] {
            let folder = Folder::new();
            let mut answers = before[..at].to_vec();
            answers.push((question, typed));
            let Some(run) = talk(&folder, "init", &answers) else { return };
            run.exits(1).says(&[said]);
            assert_eq!(tree(&folder), [""; 0], "{question}");
        }
    }
}

#[test]
fn without_a_terminal_the_flags_are_named_and_nothing_is_asked() {
    let folder = Folder::new();
    folder.keyless("init").exits(1).complains(&[
        "cannot ask how to begin: stdin is not a terminal",
        "give --from live|scratch --subscription GUID --resource-group NAME --host github|azure-pipelines|gitlab|none",
    ]);
    let run =
        folder.with_stdin(&format!("init --from scratch --subscription {SUB} --host none"), "rg\n").exits(1);
    let run = run.complains(&["help: give --resource-group NAME\n"]);
    assert_eq!(run.stdout, "");
    assert_eq!(tree(&folder), [""; 0]);
}

#[test]
fn what_is_there_is_named_and_nothing_at_all_is_written() {
    let all = flags("scratch", "github");
    for (name, hint) in [
        ("specs/rg.yaml", "`--stack NAME` gives the spec another name"),
        (".vscode/settings.json", "`--editor none` leaves the settings of the editor out"),
        (".vscode/keyless.schema.json", "`--editor none`"),
        (".github/workflows/keyless.yml", "`--host none`"),
    ] {
        let folder = Folder::new();
        folder.write(name, "mine");
        let before = tree(&folder);
        let said = format!("`{name}` already exists, and keyless overwrites nothing; nothing was written");
        folder.keyless(&all).exits(1).complains(&[&said, hint]);
        assert_eq!((tree(&folder), read(&folder, name)), (before, "mine".to_owned()));
    }
    // A link that leads nowhere is there too.
    #[cfg(unix)]
    {
        let folder = Folder::new();
        std::os::unix::fs::symlink("nowhere", folder.path().join(".gitlab-ci.yml")).unwrap();
        folder.keyless(&flags("scratch", "gitlab")).exits(1).complains(&["`.gitlab-ci.yml` already exists"]);
        assert_eq!(tree(&folder), [".gitlab-ci.yml"]);
    }
    let folder = Folder::new();
    folder.write(".vscode/settings.json", "{}");
    folder.write(".gitignore", "/target\n.keyless/");
    folder.keyless(&format!("{all} --editor none")).exits(0);
    assert_eq!(read(&folder, ".gitignore"), "/target\n.keyless/\nkeyless-results/\n");
    assert!(read(&folder, "specs/rg.yaml").starts_with("# Keyless"));
    // Once more, for another group beside it.
    let run = folder.keyless(&format!("{} --editor none --stack other", flags("scratch", "none"))).exits(0);
    assert!(!run.stdout.contains(".gitignore"), "{run}");
    // The jobs that are there would refuse the second stack.
    let run = run.says(&["give each stack jobs of its own with `specs: specs/other.yaml`"]);
    assert!(run.stdout.contains(".github/workflows/keyless.yml: if its jobs"), "{run}");
    folder.keyless("validate").exits(0);
}

#[test]
#[cfg(unix)]
fn a_folder_that_takes_no_files_ends_as_it_was() {
    use std::os::unix::fs::PermissionsExt as _;
    // Whoever is root may write everywhere: a file where a folder must be stops them too.
    let folder = Folder::new();
    folder.write(".github", "not a folder");
    folder.keyless(&flags("scratch", "github")).exits(1).complains(&["nothing was left behind"]);
    assert_eq!(tree(&folder), [".github"]);
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join(".gitignore")).unwrap();
    folder
        .keyless(&flags("scratch", "github"))
        .exits(1)
        .complains(&["failed to read `.gitignore`", "nothing was left behind"]);
    assert_eq!(tree(&folder), [".gitignore"]);
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join(".vscode")).unwrap();
    let set = |mode| {
        std::fs::set_permissions(folder.path().join(".vscode"), std::fs::Permissions::from_mode(mode))
            .unwrap();
    };
    set(0o500);
    let is_stopped = std::fs::write(folder.path().join(".vscode/probe"), "").is_err();
    let run = folder.keyless(&flags("scratch", "github"));
    set(0o700);
    if is_stopped {
        run.exits(1).complains(&[".vscode/settings.json", "nothing was left behind"]);
        assert_eq!(tree(&folder), [".vscode"]);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn names_that_yaml_takes_for_something_else_stay_names() {
    for group in ["true", "1e3", "007", "rg(x)", "_rg", "größe"] {
        let folder = Folder::new();
        folder
            .args([
                "init",
                "--from",
                "scratch",
                "--subscription",
                SUB,
                "--resource-group",
                group,
                "--host",
                "none",
                "--stack",
                "ml",
            ])
            .exits(0);
        folder.keyless("validate").exits(0);
        let plan = folder.keyless("plan --sandbox --format json").exits(0).json();
        let id = plan["changes"][0]["id"].as_str().unwrap();
        assert!(id.contains(&format!("/resourceGroups/{group}/")), "{id}");
    }
    for wrong in ["--location east-us", "--user alice", "--pin main", "--pin a/b@c;d", "--stack UPPER"] {
        let folder = Folder::new();
        folder.keyless(&format!("{} {wrong}", flags("scratch", "github"))).exits(1);
        assert_eq!(tree(&folder), [""; 0], "{wrong}");
    }
}

/// An answer may contain what a template calls something else.
#[test]
fn answers_stand_in_the_pipeline_as_they_were_given() {
    let sha = "0123456789abcdef0123456789abcdef01234567";
    for (host, file) in [
        ("github", ".github/workflows/keyless.yml"),
        ("gitlab", ".gitlab-ci.yml"),
        ("azure-pipelines", "azure-pipelines.yml"),
    ] {
        let folder = Folder::new();
        let more = format!("--pin ml-platform/keyless@{sha} --stack chat");
        folder
            .keyless(&format!(
                "{} {more}",
                flags("scratch", host).replace("-group rg", "-group rg-ml-platform")
            ))
            .exits(0);
        let text = read(&folder, file);
        assert!(text.contains("/resourceGroups/rg-ml-platform\n") && !text.contains("rg-rg-"), "{text}");
        assert!(text.contains("ml-platform/keyless") && !text.contains("chat/keyless"), "{text}");
        assert!(text.contains("stack: chat\n"), "{text}");
    }
    let folder = Folder::new();
    folder.keyless(&format!("{} --pin g/COMMIT-TAG/rg-ai@{sha}", flags("scratch", "gitlab"))).exits(0);
    let text = read(&folder, ".gitlab-ci.yml");
    assert!(text.contains("project: g/COMMIT-TAG/rg-ai\n    ref: 0123"), "{text}");
}

#[test]
fn a_branch_that_the_workflow_does_not_know_is_named() {
    for (branch, is_named) in [("master", true), ("main", false)] {
        let folder = Folder::new();
        folder.write(".git/HEAD", format!("ref: refs/heads/{branch}\n"));
        let run = folder.keyless(&flags("scratch", "github")).exits(0);
        assert_eq!(run.stdout.contains("this branch is `master`: `git branch -m main`"), is_named, "{run}");
    }
}

#[test]
fn what_would_not_validate_or_run_is_not_written() {
    let sha = "0123456789abcdef0123456789abcdef01234567";
    let long = "a".repeat(80);
    for (host, more, said) in [
        ("none", ["--account", "A_b!"], "`A_b!` cannot name an account"),
        ("none", ["--account", "a"], "`a` cannot name an account"),
        ("none", ["--account", "x: y"], "`x: y` cannot name an account"),
        ("none", ["--account", &long], "cannot name an account"),
        ("none", ["--account", "a_b"], "`a_b` cannot be a subdomain"),
        ("github", ["--pin", "a/b@main"], "give the whole hash of a commit: branches and tags can be moved"),
        ("gitlab", ["--pin", "a/b@v1"], "give the whole hash of a commit"),
        ("github", ["--pin", &format!("a/b/c@{sha}")], "a repository of GitHub is OWNER/NAME"),
        ("azure-pipelines", ["--pin", "a/b@refs/heads/main"], "Azure Pipelines takes a tag"),
        ("azure-pipelines", ["--pin", "a/b@TAG"], "Azure Pipelines takes a tag"),
        ("github", ["--pin", &format!("a/@{sha}")], "expected OWNER/NAME@COMMIT"),
        ("github", ["--pin", "/@."], "expected OWNER/NAME@COMMIT"),
        ("github", ["--pin", &format!("ORG/keyless@{sha}")], "expected OWNER/NAME@COMMIT"),
        ("github", ["--pin", "ORG/keyless@COMMIT"], "expected OWNER/NAME@COMMIT"),
        ("none", ["--pin", &format!("a/b@{sha}")], "`--pin` has no effect without a pipeline"),
    ] {
        let folder = Folder::new();
        let flags = flags("scratch", host);
        folder.args(flags.split(' ').chain(more)).exits(1).complains(&[said]);
        assert_eq!(tree(&folder), [""; 0], "{more:?}");
    }
    // A spec of the same stack, whatever its file is called.
    let folder = Folder::new();
    folder.write(
        "specs/other.yaml",
        format!("version: 1\nstack: rg\nsubscription: {SUB}\nresourceGroup: rg\naccounts: []\n"),
    );
    let before = tree(&folder);
    folder
        .keyless(&flags("scratch", "none"))
        .exits(1)
        .complains(&["`specs/other.yaml` already declares stack `rg`", "`--stack NAME`"]);
    assert_eq!(tree(&folder), before);
    // Hosts look for pipelines in the root of a repository.
    let folder = Folder::new();
    std::fs::create_dir_all(folder.path().join(".git")).unwrap();
    std::fs::create_dir_all(folder.path().join("sub")).unwrap();
    let within = |flags: &str| {
        let mut command = folder.command(flags.split_whitespace());
        command.current_dir(folder.path().join("sub"));
        finish(command, b"")
    };
    within(&flags("scratch", "github")).exits(1).complains(&["belongs in its root", "`--host none`"]);
    assert_eq!(tree(&folder), [".git", "sub"]);
    within(&flags("scratch", "none")).exits(0);
    folder.keyless(&flags("scratch", "github")).exits(0);
}
