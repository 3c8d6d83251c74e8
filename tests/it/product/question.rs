//! The question before a write, on a real terminal: only `yes` is yes.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::common::{
    ALICE, Azure, BOB, CS_USER, Folder, Run, account, assignment, few, finish, grants, one_account, role,
};

/// The GUID that somebody gave an assignment by hand.
const BY_HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";

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
    if not asked and b"Type `yes` to" in shown:
        asked = True
        if typed.startswith("LATER "):
            # The test does something meanwhile.
            typed = typed[len("LATER "):]
            open("asked", "w").close()
            while not os.path.exists("go") and time.time() < end:
                time.sleep(0.01)
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

/// What a run shows where `yes` is typed once something was done while the question stood.
fn asked_while(folder: &Folder, arguments: &str, meanwhile: impl FnOnce()) -> Option<Run> {
    let (asked_file, go) = (folder.path().join("asked"), folder.path().join("go"));
    for file in [&asked_file, &go] {
        let _ = std::fs::remove_file(file);
    }
    std::thread::scope(|scope| {
        let run = scope.spawn(|| asked(folder, arguments, r"LATER yes\n"));
        while !asked_file.exists() && !run.is_finished() {
            std::thread::sleep(Duration::from_millis(5));
        }
        if !run.is_finished() {
            meanwhile();
        }
        std::fs::write(&go, "").unwrap();
        run.join().unwrap()
    })
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
#[ignore = "slow: tests/slow.sh"]
fn apply_writes_after_a_typed_yes_and_after_nothing_else() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for typed in few(2, NO) {
        let start = Instant::now();
        folder.write("r.json", "{}");
        let Some(run) = asked(&folder, "apply a.yaml --report json=r.json", typed) else { return };
        let run =
            run.exits(1).says(&["Apply these 2 changes? Type `yes` to continue:", "nothing was written"]);
        assert!(start.elapsed() < Duration::from_secs(30), "{typed}: {:?}", start.elapsed());
        let interrupted = matches!(*typed, r"\x03" | "SIGTERM");
        assert_eq!(run.stdout.contains("interrupted while waiting for confirmation"), interrupted, "{run}");
        let report = std::fs::read_to_string(folder.path().join("r.json")).unwrap();
        assert_eq!(
            report.contains("interrupted while waiting for confirmation; nothing was written"),
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
#[ignore = "slow: tests/slow.sh"]
fn keys_are_regenerated_after_a_typed_yes_and_after_nothing_else() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: false"));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    for typed in few(2, NO) {
        let Some(run) = asked(&folder, "keys revoke a.yaml", typed) else { return };
        run.exits(1).says(&["nothing was written"]);
        assert!(azure.take_writes().is_empty(), "{typed}");
    }
    asked(&folder, "keys revoke a.yaml", r"yes\n").unwrap().exits(0);
    assert_eq!(azure.take_writes().len(), 2);
}

/// The answer may come after an hour: the plan is read and judged again, like a saved one.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn changes_during_the_confirmation_are_judged_before_anything_is_written() {
    type Meanwhile = fn(&Azure);
    let keys_off = one_account("team-a", "chat", "disableLocalAuth: true\n");
    let without_account = keys_off.split_once("accounts:").unwrap().0.to_owned() + "accounts: []\n";
    let rows: [(&str, &str, String, Meanwhile, i32, &str); 4] = [
        (
            "the last way in goes",
            "",
            keys_off.clone(),
            |azure| azure.delete(&assignment(&account("chat"), BY_HAND)),
            3,
            "guard-lock-out",
        ),
        (
            "what is to be deleted becomes another team's",
            "--allow delete-account --allow lock-out",
            without_account,
            |azure| _ = azure.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-b"}})),
            3,
            "guard-stale",
        ),
        (
            "what is to be updated becomes another team's",
            "",
            keys_off.clone() + "    tags: {x: y}\n",
            |azure| _ = azure.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-b"}})),
            1,
            "carries the mark of stack `team-b`",
        ),
        (
            "a declared field of it changes",
            "",
            keys_off.clone(),
            |azure| _ = azure.patch(&account("chat"), json!({"properties": {"disableLocalAuth": true}})),
            3,
            "no longer require that",
        ),
    ];
    for (name, flags, spec, meanwhile, exit, said) in few(2, rows) {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: false\n"));
        folder.keyless("apply a.yaml --yes").exits(0);
        azure.grant(&account("chat"), BY_HAND, CS_USER, BOB, None);
        azure.take_seen();
        folder.write("a.yaml", spec);
        let command = format!("apply a.yaml {flags}");
        let Some(run) = asked_while(&folder, &command, || meanwhile(&azure)) else { return };
        let words = [said, "Azure changed while waiting for confirmation", "nothing was written"];
        let run = run.exits(exit).says(&words);
        assert!(azure.take_writes().is_empty(), "{name}: {run}");
        // Control: without concurrent changes the same is written.
        azure.patch(
            &account("chat"),
            json!({"tags": {"keyless-stack": "team-a"}, "properties": {"disableLocalAuth": false}}),
        );
        azure.put(
            &assignment(&account("chat"), BY_HAND),
            json!({"properties": {"roleDefinitionId": role(CS_USER), "principalId": BOB, "principalType": "User"}}),
        );
        asked_while(&folder, &command, || ()).unwrap().exits(0);
        assert!(!azure.take_writes().is_empty(), "{name}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_saved_plan_is_judged_again_after_its_question() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {x: y}\n"));
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    azure.take_seen();
    for (command, said) in [
        ("apply plan.json", "its settings changed in Azure"),
        ("apply plan.json a.yaml", "now require something else"),
    ] {
        let tags = |tags: serde_json::Value| _ = azure.patch(&account("chat"), json!({ "tags": tags }));
        let other = || tags(json!({"keyless-stack": "team-a", "someone": "else"}));
        let Some(run) = asked_while(&folder, command, other) else { return };
        let run = run.exits(3).says(&["guard-stale", said, "nothing was written"]);
        assert!(azure.take_writes().is_empty(), "{run}");
        tags(json!({"keyless-stack": "team-a"}));
    }
    // What is elsewhere changes nothing of what was approved.
    let elsewhere = || azure.make_account("other", &json!({}));
    asked_while(&folder, "apply plan.json a.yaml", elsewhere).unwrap().exits(0).says(&["1 done"]);
    assert_eq!(azure.get(&account("chat"))["tags"]["x"], "y");
}

/// Keys that are regenerated are gone: what was shown is read again after the answer.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn keys_are_regenerated_only_of_what_is_still_as_it_was_shown() {
    type Meanwhile = fn(&Azure);
    let rows: [(&str, Meanwhile, &str); 4] = [
        (
            "it becomes another team's",
            |azure| _ = azure.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-b"}})),
            "account chat carries the mark of stack `team-b`",
        ),
        ("it goes", |azure| azure.delete(&account("chat")), "account chat no longer exists"),
        (
            "its keys go off",
            |azure| _ = azure.patch(&account("chat"), json!({"properties": {"disableLocalAuth": true}})),
            "account chat now refuses keys",
        ),
        (
            "it loses its mark",
            |azure| _ = azure.patch(&account("chat"), json!({"tags": {}})),
            "account chat was recreated, or has another mark",
        ),
    ];
    for (name, meanwhile, said) in few(2, rows) {
        let azure = Azure::start();
        let folder = azure.folder();
        folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: false"));
        folder.keyless("apply a.yaml --yes").exits(0);
        azure.take_seen();
        let Some(run) = asked_while(&folder, "keys revoke a.yaml", || meanwhile(&azure)) else { return };
        let run = run.exits(1).says(&[said, "no key was regenerated"]);
        assert!(azure.take_writes().is_empty(), "{name}: {run}");
    }
    // What changes beside that is no reason.
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "disableLocalAuth: false"));
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();
    let tags = || _ = azure.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-a", "x": "y"}}));
    asked_while(&folder, "keys revoke a.yaml", tags).unwrap().exits(0);
    assert_eq!(azure.take_writes().len(), 2);
    // Another stack's keys are not regenerated without a question either.
    azure.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-b"}}));
    azure.take_seen();
    let run = folder.keyless("keys revoke a.yaml --yes").exits(1);
    run.complains(&["carries the mark of stack `team-b`, which is not in this run; no key was regenerated"]);
    assert!(azure.take_writes().is_empty());
}
