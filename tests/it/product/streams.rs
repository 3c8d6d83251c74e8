//! Exit codes, streams, and the ways to name specs.

use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use crate::common::{ALICE, Azure, BOB, Folder, SUB, account, grants, head, one_account};

fn spec() -> String {
    one_account("team-a", "chat", &grants(&[ALICE]))
}

#[test]
fn help_and_version_are_results() {
    let folder = Folder::new();
    for arguments in ["--help", "-h", "--version", "help", "plan --help", "apply -h", "help drift"] {
        let run = folder.keyless(arguments).exits(0);
        assert!(!run.stdout.is_empty() && run.stderr.is_empty(), "{arguments}: {run}");
    }
    folder.keyless("--version").says(&[concat!("keyless ", env!("CARGO_PKG_VERSION"))]);
    let help = folder.keyless("--help").stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("Exit codes: 0 done or in sync, 1 failed, 2 changes pending"), "{help}");
    assert!(help.contains("3 refused by a guard"), "{help}");
}

#[test]
fn misuse_exits_1_and_says_so_on_stderr() {
    let folder = Folder::new();
    for arguments in [
        "",
        "nonsense",
        "plan --nonsense",
        "plan --format xml",
        "plan --parallelism 0",
        "plan --var novalue",
        "plan --sandbox --arm-endpoint http://127.0.0.1:1",
        "apply --yes=maybe",
        "guid",
        "completions",
        "plan -q -v",
    ] {
        let run = folder.keyless(arguments).exits(1);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{arguments}: {run}");
    }
}

#[test]
fn failures_before_azure_exit_1_with_a_hint() {
    let folder = Folder::new();
    folder.write("a.yaml", spec());
    folder.keyless("plan missing.yaml --sandbox").exits(1).complains(&["missing.yaml"]);
    folder.keyless("plan --sandbox").exits(1).complains(&["specs"]);
    folder.keyless("plan a.yaml --arm-endpoint http://127.0.0.1:1").exits(1).complains(&["KEYLESS_TOKEN"]);
    folder.keyless("plan a.yaml --arm-endpoint http://arm.example").exits(1).complains(&["--arm-endpoint"]);
    folder.write("state.json", "{\"not\": \"ours\"}");
    let run = folder.keyless("plan a.yaml --sandbox=state.json").exits(1);
    assert!(run.stderr.contains("state.json") && run.stdout.is_empty(), "{run}");
}

#[test]
fn exit_codes_say_what_a_pipeline_needs_to_know() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    folder.keyless("plan a.yaml").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(2);
    folder.keyless("drift a.yaml").exits(2);
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    folder.keyless("drift a.yaml").exits(0);
    // 1 outranks 2.
    azure.delete(&account("chat"));
    folder.keyless("drift a.yaml").exits(1);
}

#[test]
fn documents_are_one_json_value_on_stdout_and_fit_their_schemas() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    let run = folder.keyless("plan a.yaml --format json").exits(0);
    assert!(run.stderr.is_empty(), "{run}");
    run.fits("plan");
    assert_eq!(run.json()["summary"]["create"], 2);
    let run = folder.keyless("apply a.yaml --yes --format json").exits(0);
    run.fits("report");
    assert_eq!(run.json()["steps"].as_array().unwrap().len(), 2);
    assert_eq!(run.json()["steps"][0]["outputs"][0]["name"], "endpoint");
    folder.keyless("drift a.yaml --format json").exits(0).fits("plan");
    folder.keyless("apply a.yaml --yes --format json").exits(0).fits("plan");
    let wrong = folder.with_stdin("plan - --format json", "version: 2\n").exits(1);
    assert!(!wrong.json()["findings"].as_array().unwrap().is_empty());
}

#[test]
fn a_spec_fits_the_schema_that_editors_use() {
    let schema = Folder::new().keyless("schema spec").exits(0).json();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let spec: Value = serde_saphyr::from_str(include_str!("../../../specs/quickstart.yaml")).unwrap();
    assert!(validator.is_valid(&spec));
    assert!(!validator.is_valid(&serde_json::json!({"version": 1})), "and it can refuse");
}

#[test]
fn progress_and_findings_go_to_stderr_and_results_to_stdout() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    let run = folder.keyless("apply a.yaml --yes").exits(0);
    assert!(run.stderr.contains("created  account chat") && !run.stdout.contains("created "), "{run}");
    assert!(run.stdout.contains("Applied: 2 done"), "{run}");
    let quiet = folder.keyless("plan a.yaml -q").exits(0);
    assert!(quiet.stderr.is_empty() && !quiet.stdout.is_empty(), "{quiet}");
    assert!(!run.stdout.contains('\u{1b}'), "no colour where there is no terminal");
    let coloured = folder.keyless("plan a.yaml --color always").exits(0);
    assert!(coloured.stdout.contains('\u{1b}'), "{coloured}");
}

#[test]
fn a_variable_that_is_no_text_is_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    let broken = std::ffi::OsStr::from_bytes(b"not-\xff-text-at-all");
    let run = |arguments: &str, names: &[&str]| {
        let mut command = folder.command(arguments.split_whitespace());
        command.envs(names.iter().map(|name| (name, broken)));
        crate::common::finish(command, b"")
    };
    for name in [
        "KEYLESS_TOKEN",
        "KEYLESS_SECRET_SEARCH",
        "KEYLESS_VAR_NAME",
        "KEYLESS_VERIFY_TOKEN",
        "AZURE_CLIENT_SECRET",
    ] {
        let words = format!("`{name}` is not valid UTF-8");
        run("plan a.yaml", &[name]).exits(1).complains(&[&words, "set it again"]);
    }
    let words = "`KEYLESS_TOKEN`, `KEYLESS_VAR_X` are not valid UTF-8";
    run("validate a.yaml", &["KEYLESS_VAR_X", "KEYLESS_TOKEN"]).exits(1).complains(&[words]);
    assert!(azure.take_seen().is_empty());
    // What keyless does not look at may hold what it likes.
    run("plan a.yaml", &["LESSOPEN", "PATH"]).exits(0);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_reader_that_leaves_early_is_no_error() {
    let azure = Azure::start();
    let folder = azure.folder();
    // More than a pipe holds.
    let many = |text: String, index| {
        text + &format!("      - {{id: aaaaaaaa-0000-4000-8000-{index:012}, type: User}}\n")
    };
    let text =
        head("team-a") + "roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n    principals:\n";
    folder.write("a.yaml", (0..600).fold(text, many));
    for arguments in
        [vec!["plan", "a.yaml"], vec!["plan", "a.yaml", "--format", "json"], vec!["schema"], vec!["--help"]]
    {
        let mut child =
            folder.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut first = [0];
        child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
    }
}

#[test]
fn specs_come_from_files_folders_and_stdin() {
    let azure = Azure::start();
    let folder = azure.folder();
    let group = |stack: &str| {
        format!(
            "{}roleAssignments: [{{scope: resourceGroup, role: Reader, principals: [{{id: {BOB}, type: User}}]}}]\n",
            head(stack)
        )
    };
    folder.with_stdin("plan -", spec()).exits(0).says(&["<stdin>:7", "2 to create"]);
    folder.write("specs/a.yaml", spec());
    folder.write("specs/more/b.yml", group("team-b"));
    folder.write("specs/notes.txt", "not a spec");
    folder.write("specs/.hidden.yaml", "not: a spec");
    folder.keyless("plan").exits(0).says(&["specs/a.yaml:7", "specs/more/b.yml:6", "3 to create"]);
    folder.keyless("plan specs").exits(0).says(&["3 to create"]);
    folder.keyless("plan specs/a.yaml specs/more/b.yml").exits(0).says(&["3 to create"]);
    folder.with_stdin("plan specs/a.yaml -", group("team-c")).exits(0).says(&["3 to create"]);
    folder.write("empty/readme.md", "");
    folder.keyless("plan empty").exits(1).complains(&["no-specs"]);
}

#[test]
fn a_spec_in_a_folder_is_read_or_named_whatever_its_ending() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/a.yaml", spec());
    folder.keyless("apply --yes").exits(0);
    folder.write("specs/b.YAML", one_account("team-b", "talk", "disableLocalAuth: true\n"));
    folder.keyless("drift").exits(2).says(&["talk", "Drift: 1 missing"]);
    std::fs::rename(folder.path().join("specs/b.YAML"), folder.path().join("specs/b.YML")).unwrap();
    folder.keyless("drift").exits(2).says(&["Drift: 1 missing"]);
    std::fs::remove_file(folder.path().join("specs/b.YML")).unwrap();
    // As `export --format json` writes it; what else is JSON is nobody's spec.
    let other = r#"{"version": 1, "principals": []}"#;
    for name in ["specs/old.lock.json", "specs/package.json"] {
        folder.write(name, other);
    }
    folder.write(
        "specs/launch.json",
        "// See which version of the stack it is\n{\"version\": \"0.2.0\", \"callStack\": 1}",
    );
    folder.keyless("plan --out specs/plan.json --report json=specs/report.json").exits(0);
    let quiet = folder.keyless("validate").exits(0);
    assert!(!quiet.stderr.contains("unread-spec") && !quiet.stdout.contains("unread-spec"), "{quiet}");
    folder.write("specs/more/b.JSON", r#"{"accounts": [], "stack": "team-b", "version": 1}"#);
    let run = folder.keyless("drift").exits(1);
    let told = format!("{}{}", run.stdout, run.stderr);
    for part in ["error[unread-spec]", "`specs/more/b.JSON` contains a spec but is not read", "rename it"] {
        assert!(told.contains(part), "{part}: {run}");
    }
    // Nor for how it was saved, how its names are spelled, or what it stands in.
    let spec = r#"{"Version": 1, "Stack": "team-b", "accounts": []}"#;
    let wide = |mark: u16, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        std::iter::once(mark).chain(spec.encode_utf16()).flat_map(bytes).collect()
    };
    for bytes in [
        spec.as_bytes().to_vec(),
        format!("[{spec}]").into_bytes(),
        format!("// b\n{spec}").into_bytes(),
        wide(0xfeff, u16::to_le_bytes),
        wide(0xfeff, u16::to_be_bytes),
    ] {
        std::fs::write(folder.path().join("specs/more/b.JSON"), bytes).unwrap();
        folder.keyless("validate").exits(1).complains(&["error[unread-spec]"]);
    }
    // What would be read if it were named is no other file because an editor left something in it.
    let spec = r#"{"accounts": [], "stack": "team-b", "version": 1}"#;
    for text in [format!("\u{feff}{spec}"), format!("# b\n{spec}"), spec.replace("1}", "1,}"), head("team-b")]
    {
        folder.write("specs/more/b.JSON", &text);
        folder.keyless("validate").exits(1).complains(&["error[unread-spec]"]);
    }
}

#[test]
fn a_saved_plan_is_known_by_what_it_holds() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    folder.keyless("plan a.yaml --out p.plan").exits(0);
    folder.keyless("apply p.plan --yes").exits(0).says(&["2 done"]);
    // One that was cut off is still no spec, whatever it says of versions.
    let whole = std::fs::read_to_string(folder.path().join("p.plan")).unwrap();
    folder.write("cut.json", format!("{{\"version\": 1,{}", &whole[1..whole.len() / 2]));
    folder.keyless("apply cut.json --yes").exits(1).complains(&["could not use `cut.json` as a plan"]);
    // What `export` writes in JSON is a spec, whatever its ending.
    folder
        .keyless(&format!(
            "export --subscription {SUB} --resource-group rg --stack team-a --format json --out chat.json"
        ))
        .exits(0);
    folder.keyless("apply chat.json --yes").exits(0).says(&["No changes"]);
    folder.keyless("apply gone.json --yes").exits(1).complains(&["gone.json"]);
}

#[test]
fn a_saved_plan_given_as_a_spec_is_called_one() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    std::fs::create_dir(folder.path().join("specs")).unwrap();
    std::fs::copy(folder.path().join("plan.json"), folder.path().join("specs/plan.yaml")).unwrap();
    for command in ["plan plan.json", "drift plan.json", "validate specs", "apply a.yaml plan.json --yes"] {
        let run = folder.keyless(command).exits(1);
        let name = if command.ends_with("specs") { "specs/plan.yaml" } else { "plan.json" };
        let run = run.complains(&[
            "error[saved-plan]",
            &format!("`{name}` is a saved plan, not a spec"),
            "1 error\n",
        ]);
        run.complains(&[
            &format!("show it with `keyless show {name}`"),
            &format!("apply it with `keyless apply {name}`"),
        ]);
    }
    folder.keyless("apply plan.json a.yaml --yes").exits(0).says(&["2 done"]);
}

#[test]
fn two_stacks_in_one_run_are_both_carried_out_and_stay_apart() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/a.yaml", spec());
    folder.write("specs/b.yaml", one_account("team-b", "talk", &grants(&[BOB])));
    folder.keyless("apply --yes").exits(0).says(&["4 done"]);
    assert_eq!(azure.get(&account("chat"))["tags"]["keyless-stack"], "team-a");
    assert_eq!(azure.get(&account("talk"))["tags"]["keyless-stack"], "team-b");
    folder.keyless("drift").exits(0).says(&["No drift: 4 resources match the specs", "2 reads"]);
    folder.keyless("drift specs/a.yaml").exits(0).says(&["No drift: 2 resources match the specs"]);
}

#[test]
fn variables_come_from_the_command_line_a_file_the_environment_and_the_spec() {
    let azure = Azure::start();
    let folder = azure.folder();
    let text = one_account("team-a", "chat-${env}", "sku: ${sku}\n").replacen(
        "accounts:",
        "variables: {env: dev, sku: S0}\naccounts:",
        1,
    );
    folder.write("a.yaml", &text);
    folder.write("prod.yaml", "env: prod\n");
    folder.keyless("plan a.yaml").exits(0).says(&["account chat-dev"]);
    folder.with_env("plan a.yaml", &[("KEYLESS_VAR_ENV", "test")]).exits(0).says(&["account chat-test"]);
    folder
        .with_env("plan a.yaml --var-file prod.yaml", &[("KEYLESS_VAR_ENV", "test")])
        .exits(0)
        .says(&["account chat-prod"]);
    folder.keyless("plan a.yaml --var-file prod.yaml --var env=cli").exits(0).says(&["account chat-cli"]);
    folder.write("b.yaml", one_account("team-a", "chat-${nobody}", ""));
    folder.keyless("plan b.yaml").exits(1).complains(&["unknown-variable", "b.yaml:7:"]);
}

#[test]
fn apply_without_a_terminal_and_without_yes_writes_nothing() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    for stdin in ["", "yes\n"] {
        folder
            .with_stdin("apply a.yaml", stdin)
            .exits(1)
            .complains(&["cannot ask for confirmation: stdin is not a terminal", "--yes"]);
    }
    assert!(azure.take_seen().is_empty());
    // No variable of the environment stands for it.
    let environment = [("KEYLESS_YES", "1"), ("KEYLESS_APPLY_YES", "true"), ("KEYLESS_ALLOW", "all")];
    folder.with_env("apply a.yaml", &environment).exits(1);
    assert!(azure.take_seen().is_empty());
}

#[test]
fn no_variable_of_the_environment_chooses_the_target() {
    let azure = Azure::start();
    let folder = Folder::new();
    folder.write("a.yaml", spec());
    let environment =
        [("KEYLESS_TOKEN", "t"), ("KEYLESS_ARM_ENDPOINT", azure.url()), ("KEYLESS_SANDBOX", "state.json")];
    folder.with_env("plan a.yaml", &environment).exits(1);
    assert!(azure.take_seen().is_empty());
    assert!(!folder.path().join("state.json").exists());
}

#[test]
fn a_proxy_in_the_environment_does_not_reach_loopback() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec());
    let proxy = "http://127.0.0.1:9";
    let environment =
        [("HTTP_PROXY", proxy), ("http_proxy", proxy), ("ALL_PROXY", proxy), ("HTTPS_PROXY", proxy)];
    folder.with_env("plan a.yaml", &environment).exits(0).says(&["2 to create"]);
}

#[test]
fn completions_are_written_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = Folder::new().keyless(&format!("completions {shell}")).exits(0);
        assert!(run.stdout.contains("detailed-exitcode"), "{shell}");
    }
}
