//! Files that are written: links, pipes, devices, a full disk, a spec's own name. What cannot be written is told before Azure is asked.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{ALICE, Azure, Folder, SUB, finish, grants, one_account};

fn spec() -> String {
    one_account("team-a", "chat", &grants(&[ALICE]))
}

/// Everything in a folder, hidden files too.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// A device of the test's own where it may make one, so that a mistake of keyless does not replace one of this machine's.
fn device(folder: &Folder, name: &str, minor: &str) -> String {
    let own = folder.path().join(name);
    let made = Command::new("mknod").arg(&own).args(["c", "1", minor]).stderr(Stdio::null()).status();
    if made.is_ok_and(|status| status.success()) && fs::OpenOptions::new().write(true).open(&own).is_ok() {
        return name.to_owned();
    }
    let _ = fs::remove_file(own);
    format!("/dev/{name}")
}

/// Runs a command line of bash in which `keyless` is the binary.
pub(super) fn bash(folder: &Folder, line: &str) -> crate::common::Run {
    let wrapped = folder.command(["@"]);
    let arguments: Vec<String> =
        wrapped.get_args().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let mut command = Command::new("bash");
    command.env_clear().current_dir(folder.path());
    for (name, value) in wrapped.get_envs() {
        command.env(name, value.unwrap());
    }
    let keyless =
        format!("keyless() {{ '{}' \"$@\" {}; }}\n", env!("CARGO_BIN_EXE_keyless"), arguments.join(" "));
    command.args(["-c", &(keyless + line)]);
    finish(command, b"")
}

#[test]
fn a_report_goes_into_stdout_a_pipe_and_a_device_and_leaves_them_what_they_are() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    symlink("/dev/stdout", folder.path().join("stdout")).unwrap();
    let both = folder.keyless("plan a.yaml --report sarif=stdout").exits(0);
    assert!(both.stdout.contains("\"runs\"") && both.stdout.contains("2 to create"), "{both}");
    // Redirected to a file, `/dev/stdout` is that file: neither may stand on top of the other.
    bash(&folder, "keyless plan a.yaml --report sarif=stdout > out.txt").exits(0);
    let out = fs::read_to_string(folder.path().join("out.txt")).unwrap();
    assert!(out.contains("\"runs\"") && out.contains("2 to create"), "{out}");
    let pipe = folder.path().join("pipe");
    fifo(&pipe);
    let reader = Command::new("cat").arg(&pipe).stdout(Stdio::piped()).spawn().unwrap();
    folder.keyless("plan a.yaml --report json=pipe").exits(0).says(&["2 to create"]);
    let read = reader.wait_with_output().unwrap().stdout;
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&read).unwrap()["summary"]["create"], 2);
    assert!(!fs::metadata(&pipe).unwrap().is_file());
    let run = bash(&folder, "keyless plan a.yaml --out >(cat >&2)").exits(0);
    assert!(run.stderr.contains("\"formatVersion\""), "{run}");
    assert_eq!(names(folder.path()), ["a.yaml", "out.txt", "pipe", "stdout"]);
    let null = device(&folder, "null", "3");
    folder.keyless(&format!("plan a.yaml --report json={null}")).exits(0);
    assert!(!fs::metadata(folder.path().join(null)).unwrap().is_file());
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_pipe_without_a_reader_is_told_and_not_waited_for() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    fifo(&folder.path().join("pipe"));
    folder
        .keyless("plan a.yaml --out pipe")
        .exits(1)
        .complains(&["failed to write `pipe`", "without a reader"]);
    assert!(azure.take_seen().is_empty());
}

#[test]
fn a_link_is_written_through_a_planted_draft_is_not_followed_and_the_mode_stays() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    let victim = folder.write("victim", "mine");
    let at = |name: &str| folder.path().join(name);
    // The names that drafts had once.
    for planted in ["plan.json.new", "report.json.new", "a.lock.json.new"] {
        symlink(&victim, at(planted)).unwrap();
    }
    fs::create_dir(at("elsewhere")).unwrap();
    folder.write("elsewhere/real.json", "old");
    fs::set_permissions(at("elsewhere/real.json"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("elsewhere/real.json", at("report.json")).unwrap();
    symlink("elsewhere/new.json", at("plan.json")).unwrap();
    folder.keyless("plan a.yaml --out plan.json --report json=report.json").exits(0);
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
    assert!(fs::symlink_metadata(at("report.json")).unwrap().is_symlink());
    assert!(fs::symlink_metadata(at("plan.json")).unwrap().is_symlink());
    let real = fs::metadata(at("elsewhere/real.json")).unwrap();
    assert_eq!(real.permissions().mode() & 0o7777, 0o640);
    assert!(fs::read_to_string(at("elsewhere/real.json")).unwrap().contains("\"formatVersion\""));
    assert_eq!(names(&at("elsewhere")), ["new.json", "real.json"]);
    folder.keyless("show plan.json").exits(0).says(&["2 to create"]);
    // What is new is as open as `umask` says.
    bash(&folder, "umask 027; keyless plan a.yaml --out fresh.json").exits(0);
    assert_eq!(fs::metadata(at("fresh.json")).unwrap().permissions().mode() & 0o7777, 0o640);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_a_run_reads_is_not_overwritten_under_any_name() {
    let azure = Azure::start();
    let folder = azure.folder();
    let at = |name: &str| folder.path().join(name);
    let text = one_account("team-a", "${name}", "");
    folder.write("specs/a.yaml", &text);
    folder.write("vars.yaml", "name: chat\n");
    folder.keyless("plan specs --var-file vars.yaml --out plan.json").exits(0);
    let plan = fs::read_to_string(at("plan.json")).unwrap();
    folder.write("b.yaml", "version: 2\n");
    folder.write("b.lock.json", "{}");
    folder.write("specs/a.lock.json", "{\"formatVersion\": \"1.0\", \"principals\": []}");
    symlink("specs/a.yaml", at("link.md")).unwrap();
    fs::hard_link(at("specs/a.yaml"), at("hard.md")).unwrap();
    symlink("specs", at("folder")).unwrap();
    azure.take_seen();
    for target in ["specs/a.yaml", "link.md", "hard.md", "folder/a.yaml", "vars.yaml", "specs/a.lock.json"] {
        for option in [format!("--out {target}"), format!("--report markdown={target}")] {
            let run = folder.keyless(&format!("plan specs --var-file vars.yaml {option}")).exits(1);
            run.complains(&[&format!("failed to write `{target}`"), "this run also reads it"]);
        }
        // Without Azure too, and where something is wrong with the specs.
        let validate = format!("validate specs --var-file vars.yaml --report json={target}");
        folder.keyless(&validate).exits(1).complains(&["this run also reads it"]);
        let broken = format!("validate specs b.yaml --var-file vars.yaml --report json={target}");
        folder.keyless(&broken).exits(1).complains(&["this run also reads it", "error["]);
    }
    // The lock file of a spec that cannot be read is one all the same.
    folder
        .keyless("validate b.yaml --report json=b.lock.json")
        .exits(1)
        .complains(&["this run also reads it"]);
    folder
        .keyless("apply plan.json --yes --report json=plan.json")
        .exits(1)
        .complains(&["this run also reads it"]);
    folder.keyless("show plan.json --report json=plan.json").exits(1).complains(&["this run also reads it"]);
    folder.write("certificate.pem", "mine");
    for name in ["AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"] {
        folder
            .with_env("validate b.yaml --report json=certificate.pem", &[(name, "certificate.pem")])
            .exits(1)
            .complains(&["this run also reads it"]);
    }
    assert_eq!(fs::read_to_string(at("certificate.pem")).unwrap(), "mine");
    let twice = "plan specs --var-file vars.yaml --out x.json --report json=./x.json";
    folder.keyless(twice).exits(1).complains(&["this run already writes it"]);
    let twice = "plan specs --var-file vars.yaml --report json=x --report sarif=x";
    folder.keyless(twice).exits(1).complains(&["this run already writes it"]);
    assert!(azure.take_seen().is_empty());
    assert_eq!(fs::read_to_string(at("specs/a.yaml")).unwrap(), text);
    assert_eq!(fs::read_to_string(at("vars.yaml")).unwrap(), "name: chat\n");
    assert_eq!(fs::read_to_string(at("plan.json")).unwrap(), plan);
}

/// Before there is any, and after.
#[test]
fn the_state_of_its_own_sandbox_is_not_overwritten() {
    let folder = Folder::new();
    folder.write("a.yaml", spec());
    for _ in 0..2 {
        for end in ["", ".journal", ".lock"] {
            for option in ["--out ", "--report json="] {
                let line = format!("plan a.yaml --sandbox=state.json {option}state.json{end}");
                folder.keyless(&line).exits(1).complains(&["this run also reads it"]);
            }
        }
        folder.keyless("apply a.yaml --sandbox=state.json --yes").exits(0);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn targets_are_opened_before_azure_is_asked_anything() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    fs::create_dir(folder.path().join("folder")).unwrap();
    azure.take_seen();
    let export = format!("export --subscription {SUB}");
    for command in [
        "plan a.yaml",
        "apply a.yaml --yes",
        "apply plan.json --yes",
        "apply plan.json a.yaml --yes",
        "drift a.yaml",
        "access a.yaml",
        "verify a.yaml",
        "outputs a.yaml",
        "outputs a.yaml --dotenv",
        "keys status a.yaml",
        "keys revoke a.yaml --yes",
        "lock a.yaml",
        "doctor a.yaml",
        &export,
    ] {
        for target in ["no/such.json", "folder"] {
            let run = folder.keyless(&format!("{command} --report json={target}")).exits(1);
            let run = run.complains(&[&format!("failed to write `{target}`")]);
            assert!(run.stdout.is_empty(), "{run}");
            assert!(azure.take_seen().is_empty(), "{command}");
        }
    }
    for command in ["plan a.yaml", &export] {
        folder.keyless(&format!("{command} --out folder")).exits(1).complains(&["failed to write `folder`"]);
        assert!(azure.take_seen().is_empty(), "{command}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_report_that_fails_swallows_no_result() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    let device = device(&folder, "full", "7");
    let full = format!("--report json={device}");
    let words = format!("failed to write `{device}`");
    let failed = [words.as_str(), "No space left"];
    folder
        .keyless(&format!("validate a.yaml {full}"))
        .exits(1)
        .complains(&failed)
        .says(&["valid: stack team-a"]);
    folder.keyless(&format!("plan a.yaml {full}")).exits(1).complains(&failed).says(&["2 to create"]);
    folder.keyless(&format!("plan a.yaml --out {device}")).exits(1).complains(&failed).says(&["2 to create"]);
    folder.keyless(&format!("show plan.json {full}")).exits(1).complains(&failed).says(&["2 to create"]);
    folder.keyless(&format!("apply a.yaml --yes {full}")).exits(1).complains(&failed).says(&["2 done"]);
    folder.keyless(&format!("drift a.yaml {full}")).exits(1).complains(&failed).says(&["No drift"]);
    folder.keyless(&format!("access a.yaml {full}")).exits(1).complains(&failed).says(&["(aaaaaaaa…)"]);
    folder
        .keyless(&format!("outputs a.yaml --dotenv {full}"))
        .exits(1)
        .complains(&failed)
        .says(&["ACCOUNT_CHAT"]);
    let export = format!("export --subscription {SUB} --stack team-a {full}");
    folder.keyless(&export).exits(1).complains(&failed).says(&["version: 1"]);
    // Two that fail are both told, and one that does not is written.
    let three = format!("plan a.yaml {full} --report sarif={device} --report markdown=good.md");
    let run = folder.keyless(&three).exits(1).says(&["No changes"]);
    assert_eq!(run.stderr.matches(&words).count(), 2, "{run}");
    assert!(fs::read_to_string(folder.path().join("good.md")).unwrap().contains("## keyless plan"));
    // The findings of a broken spec are told too.
    folder.write("b.yaml", "version: 2\n");
    folder.keyless(&format!("plan b.yaml {full}")).exits(1).complains(&failed).complains(&["error["]);
}

#[test]
fn a_plan_that_cannot_be_shown_is_not_applied_and_the_error_says_so() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    let into = |stdout: &str, arguments: &str| bash(&folder, &format!("keyless {arguments} > {stdout}"));
    let run = into("/dev/full", "apply a.yaml --yes").exits(1);
    run.complains(&["failed to write the result; nothing was written to Azure", "No space left"]);
    assert_eq!(azure.take_writes().len(), 0);
    // In JSON the plan is not shown first: what cannot be written is the report.
    let run = into("/dev/full", "apply a.yaml --yes --format json").exits(1);
    run.complains(&["failed to write the result; the plan had already been applied", "`keyless plan`"]);
    assert_eq!(azure.take_writes().len(), 2);
}

#[test]
fn a_dash_is_no_file_to_write() {
    let folder = Folder::new();
    folder.write("a.yaml", spec());
    for arguments in ["validate a.yaml --report json=-", "plan a.yaml --report human=- --sandbox=s.json"] {
        folder.keyless(arguments).exits(1).complains(&["`-` is not a file", "`--format`", "`./-`"]);
    }
    let export = format!("export --out - --resource-group g --subscription {SUB} --sandbox=s.json");
    for arguments in ["plan a.yaml --out - --sandbox=s.json", &export] {
        folder.keyless(arguments).exits(1).complains(&["`-` is not a file", "`--format`"]);
    }
    assert!(!folder.path().join("-").exists());
    folder.keyless("validate a.yaml --report json=./-").exits(0);
    assert!(folder.path().join("-").exists());
}

/// A file system of 64 KiB, as long as it is there.
struct Tiny(std::path::PathBuf);

impl Tiny {
    /// Only root may mount, and not in every container.
    #[expect(clippy::print_stderr, reason = "a skipped check must be seen")]
    fn mount(path: &Path) -> Option<Self> {
        fs::create_dir(path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
            .arg(path)
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(path.to_owned()));
        }
        eprintln!("SKIPPED: no file system can be mounted here");
        None
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_what_was_there_and_no_draft() {
    let azure = Azure::start();
    let folder = azure.folder();
    let accounts = (0..40).fold(spec(), |text, index| text + &format!("  - name: chat-{index}\n"));
    folder.write("a.yaml", accounts);
    let Some(tiny) = Tiny::mount(&folder.path().join("tiny")) else { return };
    fs::write(tiny.0.join("plan.json"), "old").unwrap();
    fs::write(tiny.0.join("filler"), vec![0; 40 << 10]).unwrap();
    let run = folder.keyless("plan a.yaml --out tiny/plan.json --report json=tiny/report.json").exits(1);
    let run = run.complains(&["failed to write `tiny/plan.json`", "failed to write `tiny/report.json`"]);
    assert!(run.stdout.contains("42 to create"), "{run}");
    assert_eq!(fs::read_to_string(tiny.0.join("plan.json")).unwrap(), "old");
    assert_eq!(names(&tiny.0), ["filler", "plan.json"]);
}

#[test]
fn a_file_that_is_mounted_by_itself_is_written() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    let Some(tiny) = Tiny::mount(&folder.path().join("tiny")) else { return };
    fs::write(tiny.0.join("inner"), "a longer text than nothing").unwrap();
    let outer = folder.write("report.md", "");
    let bound = Command::new("mount").arg("--bind").arg(tiny.0.join("inner")).arg(&outer).status().unwrap();
    assert!(bound.success());
    let outer = Tiny(outer);
    let run = folder.keyless("plan a.yaml --report markdown=report.md");
    let text = fs::read_to_string(tiny.0.join("inner")).unwrap();
    drop(outer);
    run.exits(0);
    assert!(text.contains("2 to create"), "{text}");
    assert_eq!(names(&tiny.0), ["inner"]);
}

#[test]
fn an_export_writes_its_file_only_when_all_of_it_could_be_exported() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    folder.keyless("apply a.yaml --yes").exits(0);
    let export = format!("export --subscription {SUB} --stack team-a --out live.yaml");
    azure.spoil("GET", "/roleAssignments", crate::common::Fault::denied());
    folder.keyless(&export).exits(1);
    assert_eq!(names(folder.path()), ["a.yaml"]);
    azure.heal();
    let run = folder.keyless(&export).exits(0);
    assert!(run.stdout.is_empty(), "{run}");
    folder.keyless("plan live.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    // It may have been edited since.
    let edited = folder.write("live.yaml", "# mine\n");
    azure.take_seen();
    folder.keyless(&export).exits(1).complains(&["`live.yaml` already exists"]);
    assert!(azure.take_seen().is_empty());
    assert_eq!(fs::read_to_string(edited).unwrap(), "# mine\n");
    let json = folder
        .keyless(&format!("export --subscription {SUB} --stack team-a --out other.yaml --format json"))
        .exits(0);
    assert_eq!(json.json()["version"], 1);
}

#[test]
fn a_lock_file_is_written_through_no_link() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    let victim = folder.write("victim", "mine");
    symlink(&victim, folder.path().join("a.lock.json")).unwrap();
    folder
        .keyless("lock a.yaml")
        .exits(1)
        .complains(&["failed to write `a.lock.json`", "not a regular file"]);
    assert!(azure.take_seen().is_empty());
    assert_eq!(fs::read_to_string(victim).unwrap(), "mine");
}

/// Yesterday's report is not taken for today's, and a plan that could not be made anew is not applied.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_run_that_fails_leaves_no_file_that_passes_for_its_result() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let reports = "--report json=r.json --report markdown=r.md --report sarif=r.sarif --report human=r.txt";
    let good = || {
        folder.keyless(&format!("plan a.yaml --out plan.json {reports}")).exits(0);
        assert!(read("plan.json").contains("\"changes\"") && read("r.md").contains("to create"));
    };
    let told = |words: &[&str]| {
        for name in ["r.json", "r.md", "r.sarif", "r.txt"] {
            let text = read(name);
            assert!(words.iter().all(|word| text.contains(word)), "{name}: {text}");
            assert!(!text.contains("to create"), "{name}: {text}");
        }
    };
    good();
    // Nobody to ask, no token: nothing was found out.
    let run = folder.keyless(&format!("apply a.yaml {reports}")).exits(1);
    assert!(run.stderr.contains("cannot ask for confirmation: stdin is not a terminal"), "{run}");
    told(&["run-failed", "cannot ask for confirmation", "stdin is not a terminal"]);
    good();
    let saved = bash(&folder, &format!("unset KEYLESS_TOKEN; keyless plan a.yaml --out plan.json {reports}"))
        .exits(1);
    assert!(saved.stderr.contains("no token for the endpoint"), "{saved}");
    told(&["run-failed", "no token for the endpoint"]);
    assert!(!read("plan.json").contains("\"changes\""));
    azure.take_seen();
    for command in ["apply plan.json --yes", "show plan.json"] {
        folder
            .keyless(command)
            .exits(1)
            .complains(&["failed before it had a plan: no token for the endpoint"]);
    }
    // Wrong specs are findings, in the plan's place too.
    good();
    folder.write("a.yaml", spec().replace("location", "locaton"));
    folder.keyless(&format!("plan a.yaml --out plan.json {reports}")).exits(1);
    told(&["locaton"]);
    folder.keyless("apply plan.json --yes").exits(1).complains(&["failed before it had a plan"]);
    // Where nothing stands nothing is made, and what is no plan of this run's stays.
    fs::remove_file(folder.path().join("plan.json")).unwrap();
    folder.keyless("plan a.yaml --out plan.json").exits(1);
    assert!(!folder.path().join("plan.json").exists());
    assert!(azure.take_writes().is_empty());
    // A saved plan that cannot be read is told in the reports, and never overwritten by one.
    folder.write("broken.json", "{");
    folder.keyless(&format!("apply broken.json --yes {reports} ")).exits(1);
    told(&["run-failed", "not a whole JSON document"]);
    folder.keyless("apply broken.json --yes --report json=broken.json").exits(1);
    assert_eq!(read("broken.json"), "{");
    // The same beside specs, which no report overwrites either.
    folder.write("a.yaml", spec());
    good();
    folder.keyless(&format!("apply broken.json a.yaml --yes {reports}")).exits(1);
    told(&["run-failed", "not a whole JSON document"]);
    folder.keyless("apply broken.json a.yaml --yes --report json=a.yaml").exits(1);
    assert_eq!(read("a.yaml"), spec());
    // A result that was written is not replaced by what failed afterwards.
    let run = bash(&folder, &format!("keyless plan a.yaml {reports} > /dev/full"));
    run.exits(1);
    assert!(read("r.md").contains("to create"));
}
