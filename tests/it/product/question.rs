//! The question before a write, on a real terminal: only `yes` is yes.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::{ALICE, Azure, Folder, Run, finish, grants, one_account};

/// Runs a command on a terminal of its own; once the question stands there, types something or sends SIGTERM.
const TERMINAL: &str = r#"
import os, pty, select, signal, sys, time
typed, command = sys.argv[1], sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, asked, end = b"", False, time.time() + 60
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
        shown += data
    if not asked and b"is taken as yes" in shown:
        asked = True
        if typed == "SIGTERM":
            os.kill(pid, signal.SIGTERM)
        else:
            os.write(fd, typed.encode("utf-8").decode("unicode_escape").encode("latin-1"))
status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
"#;

/// What a run shows on a terminal where somebody types; nothing where there is no Python.
#[expect(clippy::print_stderr, reason = "a skipped check must be seen")]
fn asked(folder: &Folder, arguments: &str, typed: &str) -> Option<Run> {
    if Command::new("python3").args(["-c", "import pty"]).status().is_err() {
        eprintln!("SKIPPED: no python3 for a terminal");
        return None;
    }
    let keyless = folder.command(arguments.split_whitespace());
    let mut command = Command::new("python3");
    command.args(["-c", TERMINAL, typed, "/usr/bin/env", "-i", "TERM=xterm"]).current_dir(folder.path());
    for (name, value) in keyless.get_envs() {
        command.arg(format!("{}={}", name.to_string_lossy(), value.unwrap().to_string_lossy()));
    }
    command.arg(keyless.get_program()).args(keyless.get_args());
    Some(finish(command, b""))
}

/// What is no yes: typed characters (3 is Ctrl-C, 4 the end of the input), or a signal.
const NO: &[&str] = &[
    r"no\n",
    r"\n",
    r"\x04",
    r"y\n",
    r"Yes\n",
    r"YES\n",
    r"yes please\n",
    r"yes\x04\x04",
    r"\nyes\n",
    r"\x03",
    "SIGTERM",
];

#[test]
fn apply_writes_after_a_typed_yes_and_after_nothing_else() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for typed in NO {
        let start = Instant::now();
        folder.write("r.json", "{}");
        let Some(run) = asked(&folder, "apply a.yaml --report json=r.json", typed) else { return };
        let run = run.exits(1).says(&["Only `yes` is taken as yes", "nothing was written"]);
        assert!(start.elapsed() < Duration::from_secs(30), "{typed}: {:?}", start.elapsed());
        let interrupted = matches!(*typed, r"\x03" | "SIGTERM");
        assert_eq!(run.stdout.contains("interrupted at the question"), interrupted, "{run}");
        let report = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
        assert_eq!(
            report.contains("interrupted at the question; nothing was written"),
            interrupted,
            "{report}"
        );
        assert!(azure.take_writes().is_empty(), "{typed}: {run}");
    }
    let run = asked(&folder, "apply a.yaml", r"yes\n").unwrap();
    run.exits(0).says(&["2 done"]);
    assert_eq!(azure.take_writes().len(), 2);
}

#[test]
fn keys_are_regenerated_after_a_typed_yes_and_after_nothing_else() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: false"));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    for typed in NO {
        let Some(run) = asked(&folder, "keys revoke a.yaml", typed) else { return };
        run.exits(1).says(&["nothing was written"]);
        assert!(azure.take_writes().is_empty(), "{typed}");
    }
    asked(&folder, "keys revoke a.yaml", r"yes\n").unwrap().exits(0);
    assert_eq!(azure.take_writes().len(), 2);
}
