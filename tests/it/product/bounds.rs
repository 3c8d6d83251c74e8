//! Bytes come in up to a bound: what has no end, no writer or too many values is refused with a message.

use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use super::files::bash;
use crate::common::{ALICE, Azure, Fault, Folder, SUB, few, finish, grants, head, one_account};

fn fifo(folder: &Folder, name: &str) {
    assert!(Command::new("mkfifo").arg(folder.path().join(name)).status().unwrap().success());
}

#[test]
fn a_named_pipe_is_not_waited_for_and_the_shells_own_pipes_work() {
    let folder = Folder::new();
    let text = one_account("team-a", "chat", &grants(&[ALICE]));
    folder.write("a.yaml", &text);
    folder.write("specs/a.yaml", &text);
    fifo(&folder, "pipe");
    fifo(&folder, "specs/pipe.yaml");
    symlink("pipe", folder.path().join("link.yaml")).unwrap();
    for command in ["validate pipe", "validate a.yaml link.yaml", "validate a.yaml --var-file pipe"] {
        folder.keyless(command).exits(1).complains(&["is a named pipe", "pipe into `-`"]);
    }
    for command in ["show pipe", "apply link.json --yes"] {
        symlink("pipe", folder.path().join("link.json")).unwrap_or_default();
        folder.keyless(command).exits(1).complains(&["could not use `", "as a plan", "a named pipe"]);
    }
    folder.keyless("validate specs").exits(0);
    folder.with_stdin("validate -", &text).exits(0);
    folder.write("vars.yaml", "name: chat\n");
    for line in [
        "keyless validate <(cat a.yaml)",
        "cat a.yaml | keyless validate -",
        "cat a.yaml | keyless validate /dev/stdin",
        "keyless validate /dev/stdin < a.yaml",
        "keyless validate a.yaml --var-file <(cat vars.yaml)",
        "cat a.yaml > pipe & keyless validate - < pipe",
    ] {
        bash(&folder, line).exits(0).says(&["valid: stack team-a"]);
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_has_no_end_is_refused() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for name in ["zero.json", "zero.yaml", "zero.pem"] {
        symlink("/dev/zero", folder.path().join(name)).unwrap();
    }
    for command in ["show zero.json", "apply zero.json --yes", "apply zero.json a.yaml --yes"] {
        folder.keyless(command).exits(1).complains(&["could not use `zero.json` as a plan", "over 512 MiB"]);
    }
    for (command, remedy) in [
        ("validate zero.yaml", "split it into several specs"),
        ("validate a.yaml --var-file zero.yaml", "pass a file of variables"),
        ("plan zero.yaml", "split it into several specs"),
    ] {
        folder.keyless(command).exits(1).complains(&["too-large", "over 64 MiB", remedy]);
    }
    let run = bash(&folder, "cat /dev/zero | keyless validate -").exits(1);
    run.complains(&["too-large", "over 64 MiB"]);
    assert!(azure.take_seen().is_empty());
}

#[test]
fn an_answer_of_azures_is_read_up_to_64_mib() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    let endless = Fault::Answer(200, "application/json", " ".repeat(65 << 20));
    azure.spoil("GET", "/accounts", endless);
    let run = folder.keyless("plan a.yaml").exits(1).says(&["the body is over 64 MiB"]);
    assert_eq!(run.stdout.matches("2 to create").count(), 0, "{run}");
    assert!(azure.take_writes().is_empty());
}

/// What is small on the wire may be large in memory: ten million empty items once took 7.7 GB.
#[test]
fn an_answer_of_very_many_values_is_refused_and_takes_no_gigabytes() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for (list, what) in [("/accounts", "{}"), ("/roleAssignments", "{}"), ("/roleAssignments", "1")] {
        let body = format!("{{\"value\":[{}{what}]}}", format!("{what},").repeat(3_000_000));
        azure.spoil("GET", list, Fault::Answer(200, "application/json", body));
        // In KiB of address space, of which a run takes some hundred MiB whatever it does.
        let run = bash(&folder, "ulimit -v 2000000; keyless plan a.yaml").exits(1);
        run.says(&["the body contains over 2000000 values"]);
        azure.heal();
    }
    assert!(azure.take_writes().is_empty());
}

#[test]
fn a_certificate_and_a_federated_token_without_end_are_refused() {
    let folder = Folder::new();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    fifo(&folder, "pipe");
    let ids = [("AZURE_TENANT_ID", SUB), ("AZURE_CLIENT_ID", SUB)];
    for (credential, variable) in [
        ("client-certificate", "AZURE_CLIENT_CERTIFICATE_PATH"),
        ("workload-identity", "AZURE_FEDERATED_TOKEN_FILE"),
    ] {
        for (file, words) in [("/dev/zero", "over 1 MiB"), ("pipe", "a named pipe")] {
            let environment = [ids[0], ids[1], (variable, file)];
            let run = folder.with_env(&format!("plan a.yaml --credential {credential}"), &environment);
            run.exits(1).complains(&[words, file]);
        }
    }
}

#[test]
fn a_state_file_of_the_sandbox_is_a_file() {
    let folder = Folder::new();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    symlink("/dev/zero", folder.path().join("state.json")).unwrap();
    folder.keyless("plan a.yaml --sandbox=state.json").exits(1).complains(&["not a regular file"]);
    // Nor is a link followed that somebody laid where the sandbox writes.
    let victim = folder.write("victim", "mine");
    for planted in ["other.json.new", "other.json.journal"] {
        symlink(&victim, folder.path().join(planted)).unwrap();
    }
    folder.keyless("apply a.yaml --yes --sandbox=other.json").exits(0);
    folder.keyless("drift a.yaml --sandbox=other.json").exits(0);
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "mine");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn very_many_mistakes_take_neither_gigabytes_nor_minutes() {
    let folder = Folder::new();
    folder.write("a.yaml", format!("{}accounts:\n{}", head("team-a"), "- {a: }\n".repeat(200_000)));
    folder.write("b.yaml", format!("{}accounts: [{}]\n", head("team-a"), "a,".repeat(600_000)));
    folder.write("c.yaml", format!("{}accounts: [{}]\n", head("team-a"), "a,".repeat(3_000_000)));
    for (file, words) in few(
        1,
        [
            ("c.yaml", "the file contains more than 2000000 values"),
            ("a.yaml", "more problems in this file are not shown"),
            ("b.yaml", "more problems in this file are not shown"),
        ],
    ) {
        // In KiB of address space, of which a run takes some hundred MiB whatever it does.
        let line = format!("ulimit -v 2000000; keyless validate {file}");
        bash(&folder, &line).exits(1).complains(&["too-large", words]);
    }
}

#[test]
fn a_very_long_value_is_cut_wherever_a_message_quotes_it() {
    let folder = Folder::new();
    let long = "x".repeat(200 << 10);
    let start = head("team-a");
    let at = |line: &str| one_account("team-a", "chat", line);
    let grant = |role: &str, id: &str| {
        format!(
            "{start}roleAssignments: [{{scope: resourceGroup, role: {role}, principals: [{{id: {id}, type: User}}]}}]\n"
        )
    };
    let connection = |name: &str| {
        at(&format!("connections: [{{name: {name}, category: x, target: 'https://x', authType: AAD}}]"))
    };
    for (text, code) in few(
        3,
        [
            (start.replace("team-a", &long), 1),
            (start.replace(SUB, &long), 1),
            (one_account("team-a", &long, ""), 1),
            (at(&format!("customSubDomainName: {long}")), 1),
            (at(&format!("tags: {{? {long} : x}}")), 1),
            (at(&format!("networkAcls: {{defaultAction: Deny, ipRules: [{long}]}}")), 1),
            (connection(&long), 1),
            (grant(&long, ALICE), 0),
            (grant("Reader", &long), 1),
            (format!("{start}variables: {{a: {long}}}\naccounts: [{{name: '${{a}}'}}]\n"), 1),
            (one_account("team-a", &format!("'{}'", "`x".repeat(100 << 10)), ""), 1),
        ],
    ) {
        folder.write("a.yaml", &text);
        let reports = "--report sarif=r.sarif --report markdown=r.md --report human=r.txt";
        let run = folder.keyless(&format!("validate a.yaml --format json {reports}")).exits(code);
        let files = ["r.sarif", "r.md", "r.txt"]
            .map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap());
        for said in files.iter().chain([&run.stdout, &run.stderr]) {
            assert!(said.len() < 64 << 10, "{} bytes: {}", said.len(), &said[..1000]);
        }
        assert!(run.stdout.contains("more characters)"), "{run}");
        assert!(!run.json()["findings"].as_array().unwrap().is_empty(), "{run}");
    }
}

/// Many mistakes in one line of the file once took time by the square of their number.
#[test]
#[ignore = "slow: tests/slow.sh"]
fn many_mistakes_in_one_long_line_are_told_without_a_search_of_the_line_for_each() {
    let folder = Folder::new();
    let connection = |index: usize| {
        format!("{{name: c{index:04}, category: x, target: 'https://x?sig=abcdef{index:08}', authType: AAD}}")
    };
    let all = (0..1500).map(connection).collect::<Vec<_>>().join(", ");
    folder.write("a.yaml", one_account("team-a", "chat", &format!("connections: [{all}]")));
    // In seconds of CPU: a thousand took 23 in a debug build, and two thousand 71.
    let run = bash(&folder, "ulimit -t 30; keyless validate a.yaml").exits(1);
    run.complains(&["plain-secret", "1000 errors", "500 more problems in this file are not shown"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn findings_are_limited_to_a_thousand_and_errors_come_first() {
    let folder = Folder::new();
    let account = |lines: &str| one_account("team-a", "chat", lines);
    let rules =
        |count: usize, of: &dyn Fn(usize) -> String| (0..count).map(of).collect::<Vec<_>>().join(", ");
    let grants = format!("{{scope: resourceGroup, role: Reader, principals: [{{id: {ALICE}, type: User}}]}}");
    let many: &[(String, &str)] = &[
        (format!("{}accounts:\n{}", head("team-a"), "- name: acc\n".repeat(20_000)), "is declared twice"),
        (
            account(&format!(
                "networkAcls: {{defaultAction: Deny, ipRules: [{}]}}",
                rules(5000, &|_| "203.0.113.7".into())
            )),
            "`203.0.113.7` is listed twice",
        ),
        (format!("{}roleAssignments: [{}]\n", head("team-a"), rules(5000, &|_| grants.clone())), "duplicate"),
        (
            format!(
                "{}{}",
                head("team-a"),
                (0..20_000).map(|index| format!("nofield{index}: 1\n")).collect::<Vec<_>>().concat()
            ),
            "unknown-field",
        ),
    ];
    for (text, words) in few(1, many) {
        folder.write("a.yaml", text);
        // In seconds of CPU.
        let run = bash(&folder, "ulimit -t 60; keyless validate a.yaml --format json").exits(1);
        let findings = run.json()["findings"].as_array().unwrap().clone();
        assert_eq!(findings.len(), 1001, "{words}");
        assert!(run.stderr.len() < 2 << 20, "{} bytes", run.stderr.len());
        run.says(&[words, "more problems in this file are not shown"]);
    }
    // Of two thousand warnings and one error after them, the error is reported.
    let private = rules(2000, &|index| format!("10.0.{}.{}", index / 250, index % 250));
    folder.write(
        "a.yaml",
        account(&format!("networkAcls: {{defaultAction: Deny, ipRules: [{private}, 'x.y']}}")),
    );
    let run = folder.keyless("validate a.yaml").exits(1);
    run.complains(&["1 error, 999 warnings", "1001 more problems in this file are not shown", "`x.y`"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn what_a_plan_shows_of_one_value_has_an_end() {
    let azure = Azure::start();
    let folder = azure.folder();
    let connection = |category: &str| {
        one_account(
            "team-a",
            "chat",
            &format!(
                "connections: [{{name: long, category: {category}, target: 'https://x.test', authType: AAD}}]"
            ),
        )
    };
    let long = "x".repeat(1 << 20);
    folder.write("a.yaml", connection(&long));
    let run = folder.keyless("plan a.yaml --report markdown=r.md --report json=r.json").exits(0);
    let markdown = std::fs::read_to_string(folder.path().join("r.md")).unwrap();
    for said in [&run.stdout, &markdown] {
        assert!(said.len() < 64 << 10, "{} bytes", said.len());
        assert!(said.contains("more characters)"), "{said}");
    }
    // What is read back has all of it.
    assert!(std::fs::read_to_string(folder.path().join("r.json")).unwrap().contains(&long));
}

#[test]
fn an_address_that_an_answer_names_is_cut_where_an_error_repeats_it() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    let next = format!("https://{}/x", "h".repeat(100 << 10));
    let page = serde_json::json!({"value": [], "nextLink": next}).to_string();
    azure.spoil("GET", "/roleAssignments?", Fault::Answer(200, "application/json", page.clone()));
    azure.spoil("GET", "/accounts?", Fault::Answer(200, "application/json", page));
    let run = folder.keyless("plan a.yaml");
    assert!(run.stderr.len() + run.stdout.len() < 16 << 10, "{} {}", run.stderr.len(), run.stdout.len());
    assert!(
        run.stdout.contains("it leads to `https://hhh") || run.stderr.contains("it leads to `https://hhh"),
        "{run}"
    );
    assert!(run.stdout.contains("more characters)") || run.stderr.contains("more characters)"), "{run}");
}

#[test]
fn the_sandbox_folds_its_journal_when_it_is_asked_to_end() {
    let folder = Folder::new();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    for signal in ["TERM", "INT"] {
        let mut child = folder
            .command(["sandbox", "serve", "--state", "state.json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line)
            .unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        let mut command = folder.command(["apply", "a.yaml", "--yes", "--arm-endpoint", &url]);
        command.env("KEYLESS_TOKEN", "t");
        finish(command, b"").exits(0);
        let kill = format!("kill -{signal} {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("state.json.journal").lines().count(), 1, "its head alone");
        assert!(read("state.json").contains(ALICE));
        let names = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 4, "spec, state, journal, lock");
    }
}
