//! Ctrl-C and SIGTERM: reads are dropped, writes in flight finish, nothing further begins, and the report says which is which.

use std::io::Read as _;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use keyless::sandbox::Options;
use serde_json::{Value, json};

use super::scenes::SCENES;
use super::{Act, Going, Seen, World, each, nth};
use crate::common::{ALICE, BOB, CAROL, Run, SUB, account, few, grants, head, one_account};

/// Far less than any time limit of a request or an operation, and far more than a busy machine needs.
const SOON: Duration = Duration::from_secs(15);

fn steps(run: &Run, status: &str) -> Vec<Value> {
    let report = run.json();
    report["steps"].as_array().unwrap().iter().filter(|step| step["status"] == status).cloned().collect()
}

/// What keyless sent from a request on.
fn sent_after(world: &World, index: usize) -> Vec<Seen> {
    world.proxy.log().into_iter().filter(|seen| seen.index > index).collect()
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn ctrl_c_lets_writes_in_flight_finish_and_begins_no_other() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB, CAROL])));
    let writes_grant = |seen: &Seen| seen.method == "PUT" && seen.holds("/roleAssignments/");
    for (act, signal) in [(Act::HoldBefore, "INT"), (Act::HoldAfter, "INT"), (Act::HoldBefore, "TERM")] {
        world.reset();
        world.proxy.script(each(writes_grant, act));
        let going = Going::start(&folder, "apply a.yaml --yes --format json --parallelism 2");
        let held = [world.held(), world.held()];
        going.signal(signal);
        going.complains("interrupted: ");
        held.into_iter().for_each(super::Held::release);
        let run = going.end().exits(1);
        assert_eq!(steps(&run, "done").len(), 3, "the account and two grants: {run}");
        assert_eq!(steps(&run, "failed").len(), 0, "{run}");
        let skipped = steps(&run, "skipped");
        assert_eq!(skipped.len(), 1, "{run}");
        assert!(skipped[0]["reason"].as_str().unwrap().contains("interrupted"), "{run}");
        assert!(skipped[0]["source"]["line"].as_u64().is_some(), "{run}");
        assert_eq!(
            world.principals(&account("chat")).len(),
            2,
            "what was said to be done is done, and no more"
        );
        world.settle();
        world.proxy.reset();
        folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    }
}

#[test]
fn ctrl_c_during_the_first_write_skips_all_that_needs_it() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB])));
    world.proxy.script(nth(0, Seen::is_write, Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    let held = world.held();
    let index = held.seen.index;
    going.interrupt();
    held.release();
    let run = going.end().exits(1);
    assert_eq!(steps(&run, "skipped").len(), 2, "{run}");
    assert!(!sent_after(&world, index).iter().any(Seen::is_write), "{run}");
    assert_eq!(world.get(&account("chat"))["properties"]["provisioningState"], "Succeeded", "{run}");
    world.settle();
    world.proxy.reset();
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn ctrl_c_before_a_steps_write_leaves_the_step_skipped() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    // The read before the account's write.
    world.proxy.script(nth(0, |seen| seen.ends("/accounts/chat"), Act::HoldAfter));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    let held = world.held();
    let index = held.seen.index;
    going.interrupt();
    held.release();
    let run = going.end().exits(1);
    assert!(sent_after(&world, index).is_empty(), "{run}");
    assert_eq!(steps(&run, "skipped").len(), 2, "nothing was tried: {run}");
}

#[test]
fn ctrl_c_while_reading_writes_nothing() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    world.proxy.script(nth(0, |_| true, Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes");
    let held = world.held();
    going.interrupt();
    held.release();
    going.end().exits(1).complains(&["nothing was written"]);
    assert!(!world.proxy.log().iter().any(Seen::is_write));
}

#[test]
fn a_wait_of_307_seconds_is_shown_and_ends_at_ctrl_c() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    let throttled =
        super::Reply::error(429, "SubscriptionRequestsThrottled", "Please try again after '307' seconds.")
            .with("retry-after", "307");
    world.proxy.script(nth(0, Seen::is_write, Act::Answer(throttled.clone())));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    going.complains("waiting 307 s");
    going.interrupt();
    let run = going.end().exits(1);
    assert_eq!(steps(&run, "done").len(), 0, "{run}");
    world.settle();
    // While planning too.
    world.reset();
    world.proxy.script(nth(0, |_| true, Act::Answer(throttled)));
    let going = Going::start(&folder, "plan a.yaml");
    going.complains("waiting 307 s");
    going.interrupt();
    going.end().exits(1);
    world.proxy.reset();
    folder.keyless("apply a.yaml --yes").exits(0);
}

/// The GETs of accounts after the first write to one.
fn reads_after_a_write(act: Act) -> impl Fn(&Seen) -> Act + Send + Sync {
    let written = AtomicBool::new(false);
    move |seen| {
        if !seen.ends("/accounts/chat") {
            return Act::Pass;
        }
        let earlier = written.fetch_or(seen.is_write(), Ordering::SeqCst);
        if earlier && !seen.is_write() { act.clone() } else { Act::Pass }
    }
}

#[test]
fn a_signal_drops_reads_at_once_whatever_reads() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.write("b.yaml", one_account("team-a", "chat", "").replace("version: 1", "version: 1 # no names"));
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    let named = head("team-a")
        + "roleAssignments: [{scope: resourceGroup, role: Reader, principals: [{user: alice@contoso.com}]}]\n";
    folder.write("names.yaml", named);
    let export = format!("export --subscription {SUB}");
    for (command, signal) in [
        ("plan a.yaml", "INT"),
        ("plan a.yaml", "TERM"),
        ("plan a.yaml", "HUP"),
        ("apply a.yaml --yes", "TERM"),
        ("apply a.yaml --yes", "HUP"),
        ("apply plan.json --yes", "TERM"),
        ("drift a.yaml", "TERM"),
        ("access a.yaml", "TERM"),
        ("verify a.yaml", "TERM"),
        ("outputs a.yaml", "TERM"),
        ("keys status a.yaml", "TERM"),
        ("keys revoke a.yaml --yes", "INT"),
        ("lock names.yaml", "TERM"),
        ("doctor a.yaml", "TERM"),
        (&export, "TERM"),
    ] {
        world.proxy.reset();
        world.proxy.script(nth(0, |seen| seen.holds("api-version") || seen.holds("/v1.0/"), Act::HoldBefore));
        // It ends while the read is held. Nothing but the signal would end it before the minute that a request has; how long a busy
        // machine takes to end a process says nothing.
        let going = Going::start(&folder, &format!("{command} --grace 600"));
        let held = world.held();
        going.signal(signal);
        let start = Instant::now();
        let run = going.end().exits(1);
        assert!(start.elapsed() < Duration::from_secs(50), "{command}: {:?}", start.elapsed());
        let name = match signal {
            "INT" => "Ctrl-C (SIGINT)",
            "HUP" => "the terminal was closed (SIGHUP)",
            _ => "SIGTERM",
        };
        let run = run.complains(&[&format!("interrupted: {name}"), "nothing was written"]);
        assert!(run.stdout.is_empty(), "{command}: {run}");
        drop(held);
        world.settle();
        assert!(!world.proxy.log().iter().any(Seen::is_write), "{command}");
    }
}

/// A terminal that closes, or an ssh connection that is lost.
#[test]
fn a_hang_up_lets_a_write_in_flight_finish_and_is_nothing_under_nohup() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    world.proxy.script(nth(0, Seen::is_write, Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes --report json=r.json");
    let held = world.held();
    going.signal("HUP");
    going.complains("interrupted: the terminal was closed (SIGHUP)");
    held.release();
    going.end().exits(1).says(&["1 done", "1 skipped"]);
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("r.json")).unwrap()).unwrap();
    assert_eq!(
        (&report["summary"]["done"], &report["summary"]["skipped"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
    if std::fs::metadata("/proc/self/status").is_err() {
        return;
    }
    world.proxy.reset();
    world.proxy.script(nth(0, Seen::is_write, Act::HoldBefore));
    let going = Going::under(&folder, "nohup", "apply a.yaml --yes");
    let held = world.held();
    going.signal("HUP");
    // Long enough to hear it.
    std::thread::sleep(Duration::from_millis(200));
    held.release();
    let run = going.end().exits(0).says(&["1 done"]);
    assert!(!run.stderr.contains("interrupted"), "{run}");
}

#[test]
fn a_run_that_ends_before_it_writes_says_so_in_its_reports() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    let reports = "--report json=r.json --report sarif=r.sarif --report markdown=r.md --report human=r.txt";
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    for command in ["plan a.yaml", "apply a.yaml --yes --format json", "drift a.yaml --format markdown"] {
        for name in ["r.json", "r.sarif", "r.md", "r.txt"] {
            folder.write(name, "of the run before");
        }
        world.proxy.reset();
        world.proxy.script(nth(0, |seen| seen.holds("api-version"), Act::HoldBefore));
        let going = Going::start(&folder, &format!("{command} {reports}"));
        let held = world.held();
        going.signal("TERM");
        let run = going.end().exits(1);
        drop(held);
        let message = "interrupted while reading; nothing was written";
        for name in ["r.md", "r.txt", "r.sarif"] {
            assert!(read(name).contains(message), "{command}: {}", read(name));
        }
        let document: Value = serde_json::from_str(&read("r.json")).unwrap();
        assert_eq!(document["findings"][0]["code"], "interrupted", "{document}");
        assert_eq!(document["findings"][0]["severity"], "error", "{document}");
        match command.rsplit(' ').next() {
            Some("json") => assert_eq!(run.json(), document),
            Some("markdown") => assert_eq!(run.stdout, read("r.md")),
            _ => assert!(run.stdout.is_empty(), "{run}"),
        }
    }
    // A report that cannot be written is reported, and so is the signal.
    world.proxy.reset();
    world.proxy.script(nth(0, |seen| seen.holds("api-version"), Act::HoldBefore));
    let going = Going::start(&folder, "plan a.yaml --report json=/dev/full");
    let held = world.held();
    going.signal("TERM");
    going.end().exits(1).complains(&["failed to write `/dev/full`", "interrupted while reading"]);
    drop(held);
    world.settle();
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_write_in_flight_has_its_time_and_no_more() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    // Not answered in time; a second signal, of whichever sort, ends a long time at once.
    for (grace, second) in
        few(2, [("--grace 1", None), ("--grace 600", Some("TERM")), ("--grace 600", Some("INT"))])
    {
        for act in [Act::HoldBefore, Act::HoldAfter] {
            world.reset();
            world.proxy.script(nth(0, Seen::is_write, act));
            let arguments = format!("apply a.yaml --yes --format json --report markdown=report.md {grace}");
            let going = Going::start(&folder, &arguments);
            let held = world.held();
            let start = Instant::now();
            going.interrupt();
            if let Some(second) = second {
                going.signal(second);
            }
            let run = going.end().exits(1).complains(&["no longer waiting for writes in progress"]);
            assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
            assert!(second.is_some() || start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
            let failed = steps(&run, "failed");
            assert_eq!((failed.len(), steps(&run, "skipped").len()), (1, 1), "{run}");
            let reason = failed[0]["reason"].as_str().unwrap();
            assert!(reason.contains("stopped before Azure had answered"), "{run}");
            let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
            assert!(report.contains("stopped before Azure had answered"), "{report}");
            held.release();
            world.settle();
            world.proxy.reset();
            folder.keyless("apply a.yaml --yes").exits(0);
            folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
        }
    }
}

#[test]
fn the_time_of_writes_comes_from_the_environment_too() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for wrong in ["-1", "x", "3601"] {
        folder.with_env("plan a.yaml", &[("KEYLESS_GRACE", wrong)]).exits(1).complains(&["--grace"]);
    }
    folder.with_env("plan a.yaml", &[("KEYLESS_GRACE", "0")]).exits(0);
}

#[test]
fn an_operation_that_azure_has_accepted_is_followed_to_its_end() {
    let world = World::with(Options { operation_time: Duration::from_secs(1), ..Options::default() });
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for (grace, ended) in [("", true), ("--grace 0", false)] {
        world.reset();
        let accepted = AtomicBool::new(false);
        world.proxy.script(move |seen| {
            let first = !seen.is_write() && accepted.load(Ordering::SeqCst);
            accepted.store(seen.is_write() || (accepted.load(Ordering::SeqCst) && !first), Ordering::SeqCst);
            if first { Act::HoldBefore } else { Act::Pass }
        });
        let going = Going::start(&folder, &format!("apply a.yaml --yes --format json {grace}"));
        let held = world.held();
        going.interrupt();
        held.release();
        let run = going.end().exits(1);
        assert_eq!(steps(&run, "done").len(), usize::from(ended), "{run}");
        assert_eq!(steps(&run, "failed").len(), usize::from(!ended), "{run}");
        assert_eq!(steps(&run, "skipped").len(), 1, "{run}");
        if !ended {
            assert!(run.stdout.contains("Azure is still processing it"), "{run}");
        }
        world.settle();
    }
}

#[test]
fn a_restore_interrupted_before_its_settings_is_not_reported_as_skipped() {
    let world = World::start();
    let folder = world.folder();
    let scene = SCENES.iter().find(|scene| scene.name == "restore").unwrap();
    (scene.prepare)(&world);
    folder.write("a.yaml", (scene.spec)());
    world.proxy.script(reads_after_a_write(Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    let held = world.held();
    going.interrupt();
    drop(held);
    let run = going.end().exits(1);
    let failed = steps(&run, "failed");
    assert_eq!(failed.len(), 1, "{run}");
    assert_eq!(failed[0]["id"].as_str().unwrap().to_lowercase(), account("chat").to_lowercase(), "{run}");
    let reason = failed[0]["reason"].as_str().unwrap();
    assert!(reason.contains("interrupted after the restore"), "{run}");
    assert!(!run.stdout.contains("before anything was written"), "{run}");
    world.settle();
    world.proxy.reset();
    assert_ne!(world.get(&account("chat"))["tags"]["team"], "ml", "the settings were not written");
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_signal_ends_a_run_whose_reader_does_not_read() {
    let world = World::start();
    let folder = world.folder();
    // More than a pipe holds.
    let many = |text: String, index| {
        text + &format!("      - {{id: aaaaaaaa-0000-4000-8000-{index:012}, type: User}}\n")
    };
    let text =
        head("team-a") + "roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n    principals:\n";
    folder.write("a.yaml", (0..600).fold(text, many));
    let mut child = folder
        .command(["plan", "a.yaml", "--format", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let start = Instant::now();
    let line = format!("kill -TERM {}", child.id());
    assert!(std::process::Command::new("sh").args(["-c", &line]).status().unwrap().success());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > SOON {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(143));
}
