//! Variables: from where they come, what they may hold, and what is said of one that nothing uses.

use crate::common::{Azure, Folder, SUB, head};

/// A spec whose differences between environments are all in variables.
fn spec() -> String {
    format!(
        "{}accounts:
  - name: chat-${{stage}}
    networkAcls: {{defaultAction: Deny, ipRules: '${{ranges}}'}}
    tags: ${{tags}}
    roleAssignments:
      - {{role: Cognitive Services User, principals: '${{callers}}'}}
",
        head("team-a")
    )
}

const DEV: &str = "stage: dev
ranges: [203.0.113.0/24]
tags: {team: ml}
callers: [{id: 1f0c0000-0000-4000-8000-000000000001, type: Group}]
";
const PROD: &str = "stage: prod
ranges:
  - 198.51.100.7
  - 192.0.2.0/28
tags: {}
callers:
  - {id: 1f0c0000-0000-4000-8000-000000000002, type: Group}
  - {id: 1f0c0000-0000-4000-8000-000000000003, type: ServicePrincipal}
";

#[test]
#[ignore = "slow: tests/slow.sh"]
fn lists_and_mappings_of_an_environment_stand_in_the_file_beside_the_spec() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/a.yaml", spec());
    folder.write("specs/dev.vars.yaml", DEV);
    folder.write("specs/prod.vars.yaml", PROD);
    folder.keyless("plan --env dev").exits(0).says(&[
        "account chat-dev",
        "203.0.113.0/24",
        "tags.team",
        "2 to create",
    ]);
    let prod = folder.keyless("plan --env prod").exits(0);
    let prod = prod.says(&["account chat-prod", "198.51.100.7", "192.0.2.0/28", "3 to create"]);
    assert!(!prod.stdout.contains("tags.team"), "{prod}");
    // The folder of a spec that is named counts, wherever the run is; and so does the variable of the environment.
    folder.with_env("plan specs/a.yaml", &[("KEYLESS_ENV", "prod")]).exits(0).says(&["account chat-prod"]);
    // Nearest first: the command line, its files, the environment's file, the environment, the spec.
    folder.write("other.yaml", "stage: file\n");
    for (given, stage) in
        [("", "prod"), ("--var-file other.yaml", "file"), ("--var-file other.yaml --var stage=cli", "cli")]
    {
        let run = folder.with_env(&format!("plan --env prod {given}"), &[("KEYLESS_VAR_STAGE", "env")]);
        run.exits(0).says(&[&format!("account chat-{stage}")]);
    }
    folder.keyless("apply --env prod --yes").exits(0);
    folder.keyless("drift --env prod").exits(0);
    // What is wrong with a value is told where it is used; what is wrong inside of one, where it is written.
    folder
        .write("specs/prod.vars.yaml", PROD.replace("192.0.2.0/28", "[1]").replace("tags: {}", "tags: [a]"));
    folder.keyless("validate --env prod").exits(1).complains(&[
        "an element of `ipRules` must be text, not a list",
        "specs/prod.vars.yaml:4:",
        "`tags` must be a mapping, not a list",
        "specs/a.yaml:9:",
        "2 errors",
    ]);
    folder
        .keyless("validate --env dev --var ranges=[a]")
        .exits(1)
        .complains(&["`--var` and KEYLESS_VAR_NAME hold text"]);
}

#[test]
fn a_spec_without_a_file_of_the_environment_is_an_error_if_it_refers_to_variables() {
    let folder = Folder::new();
    folder.write("specs/deep/a.yaml", spec());
    folder.write("specs/plain.yaml", format!("version: 1\nstack: plain\nsubscription: {SUB}\n"));
    folder.write("specs/dev.vars.yaml", DEV);
    // One above it does, up to the folder that is named.
    folder.keyless("validate --env dev").exits(0);
    folder.keyless("validate specs/deep --env dev").exits(1).complains(&[
        "there is no `dev.vars.yaml` beside `specs/deep/a.yaml`, which refers to variables",
        "1 error",
    ]);
    folder.keyless("validate specs/plain.yaml --env dev").exits(0);
    folder
        .keyless("validate specs/plain.yaml --env dve")
        .exits(1)
        .complains(&["no `dve.vars.yaml` beside the specs"]);
    // The nearest one counts alone.
    folder.write("specs/deep/dev.vars.yaml", DEV.replace("stage: dev\n", ""));
    folder.keyless("validate --env dev").exits(1).complains(&["no variable is named `stage`"]);
    for name in ["../dev", "", ".dev", "a/b", "a b"] {
        folder.args(["validate", "--env", name]).exits(1).complains(&["`NAME.vars.yaml`"]);
    }
    folder.write("specs/deep/dev.vars.yaml", "- a\n");
    folder
        .keyless("validate --env dev")
        .exits(1)
        .complains(&["a file of variables must be a mapping", "dev.vars.yaml:1:1"]);
}

#[test]
fn a_file_of_variables_is_never_read_as_a_spec() {
    let folder = Folder::new();
    let plain = format!("version: 1\nstack: plain\nsubscription: {SUB}\n");
    folder.write("specs/a.yaml", &plain);
    for name in ["specs/dev.vars.yaml", "specs/deep/Prod.VARS.yaml"] {
        folder.write(name, "version: 1\nstack: other\nwrong: [\n");
    }
    folder.keyless("validate").exits(0).says(&["valid: stack plain\n"]);
    let run = folder.keyless("validate specs/a.yaml specs/dev.vars.yaml").exits(1);
    run.complains(&["`specs/dev.vars.yaml` is a variables file, not a spec", "`--env dev`", "1 error"]);
    folder.keyless("validate specs/deep").exits(1).complains(&["contains no spec", "`*.vars.yaml`"]);
    // Nor is a report written over one that was read.
    folder.write("specs/a.yaml", plain.replace("plain", "${stage}"));
    folder.write("specs/dev.vars.yaml", "stage: plain\n");
    folder.keyless("validate --env dev --report json=specs/dev.vars.yaml").exits(1);
    assert_eq!(std::fs::read_to_string(folder.path().join("specs/dev.vars.yaml")).unwrap(), "stage: plain\n");
}

#[cfg(unix)]
#[test]
fn a_file_of_variables_that_was_not_named_is_read_through_no_link_out_of_the_folder() {
    let folder = Folder::new();
    folder.write("specs/a.yaml", spec());
    folder.write("token", "stage: eyJhbGciOi\n");
    std::os::unix::fs::symlink(folder.path().join("token"), folder.path().join("specs/dev.vars.yaml"))
        .unwrap();
    let run = folder.keyless("validate --env dev").exits(1);
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("eyJ"), "{run}");
    run.complains(&["`specs/dev.vars.yaml` is a link out of the folder and is not followed", "1 error"]);
}

#[test]
fn what_the_command_line_sets_and_nothing_refers_to_is_an_error() {
    let folder = Folder::new();
    folder.write("specs/a.yaml", spec());
    folder.write(
        "specs/b.yaml",
        format!("version: 1\nstack: b\nsubscription: {SUB}\nlocation: '${{region}}'\n"),
    );
    folder.write("vars.yaml", DEV);
    let command = "validate --var-file vars.yaml --var region=eastus2";
    folder.keyless(command).exits(0);
    folder.keyless(&format!("{command} --var regoin=x --var stage=x --var other=y")).exits(1).complains(&[
        "error[unknown-variable]: no spec uses `${regoin}`, which `--var regoin` sets",
        "did you mean `region`?",
        "`--var other` sets",
        "2 errors",
    ]);
    // The environment is everybody's, and files are shared.
    folder.with_env(command, &[("KEYLESS_VAR_OTHER", "x")]).exits(0);
    // While a file cannot be read, it could be the one that uses it.
    folder.write("specs/c.yaml", "version: [\n");
    let run = folder.keyless(&format!("{command} --var other=y")).exits(1);
    assert!(!run.stderr.contains("`--var other`"), "{run}");
}

#[test]
fn letter_case_of_the_environment_does_not_count_and_two_of_one_name_are_an_error() {
    let folder = Folder::new();
    folder.write("a.yaml", format!("version: 1\nstack: b\nsubscription: {SUB}\nlocation: '${{region}}'\n"));
    for name in ["KEYLESS_VAR_region", "KEYLESS_VAR_REGION", "KEYLESS_VAR_Region"] {
        folder.with_env("validate a.yaml", &[(name, "eastus2")]).exits(0);
    }
    let both = [("KEYLESS_VAR_region", "eastus2"), ("KEYLESS_VAR_REGION", "eastus2")];
    folder.with_env("validate a.yaml", &both).exits(1).complains(&[
        "`KEYLESS_VAR_REGION` and `KEYLESS_VAR_region` are set, and differ only by case",
        "1 error",
    ]);
}

#[test]
fn help_names_the_variable_of_each_option_and_no_value_of_one() {
    let folder = Folder::new();
    let run = folder
        .with_env("plan --help", &[("KEYLESS_CREDENTIAL", "azure-cli"), ("KEYLESS_VAR_FILE", "hidden")]);
    let run = run.exits(0).says(&[
        "[env: KEYLESS_CLOUD]",
        "[env: KEYLESS_CREDENTIAL]",
        "[env: KEYLESS_FORMAT]",
        "[env: KEYLESS_REPORT]",
        "[env: KEYLESS_VAR_NAME]",
        "[env: KEYLESS_VAR_FILE]",
        "[env: KEYLESS_ENV]",
        "[env: KEYLESS_STACK]",
        "[env: KEYLESS_WITHIN]",
        "[env: KEYLESS_PARALLELISM]",
        "[env: KEYLESS_GRACE]",
        "[env: KEYLESS_QUIET]",
        "[env: KEYLESS_COLOR]",
    ]);
    assert!(!run.stdout.contains("azure-cli]") && !run.stdout.contains("hidden"), "{run}");
    folder
        .keyless("verify --help")
        .exits(0)
        .says(&["[env: KEYLESS_VERIFY_CREDENTIAL]", "[env: KEYLESS_VERIFY_WAIT]"]);
    // What decides where is written, or that it is, has none.
    for option in ["--sandbox", "--arm-endpoint", "--yes", "--allow"] {
        let run = folder.keyless("apply --help").exits(0);
        let words = run.stdout.split_once(option).unwrap().1;
        assert!(!words.split("\n      --").next().unwrap().contains("[env"), "{option}: {run}");
    }
}

#[test]
fn an_empty_variable_of_the_environment_counts_as_not_set() {
    let folder = Folder::new();
    folder.write(
        "specs/a.yaml",
        format!("{}variables: {{stage: own}}\naccounts:\n  - name: chat-${{stage}}\n", head("a")),
    );
    let names = [
        "KEYLESS_ENV",
        "KEYLESS_ANNOTATIONS",
        "KEYLESS_VAR_FILE",
        "KEYLESS_FORMAT",
        "KEYLESS_REPORT",
        "KEYLESS_CLOUD",
        "KEYLESS_CREDENTIAL",
        "KEYLESS_PARALLELISM",
        "KEYLESS_GRACE",
        "KEYLESS_QUIET",
        "KEYLESS_COLOR",
        "KEYLESS_VERIFY_CREDENTIAL",
        "KEYLESS_VERIFY_WAIT",
        "KEYLESS_VAR_STAGE",
    ];
    let empty: Vec<(&str, &str)> = names.iter().map(|name| (*name, "")).collect();
    folder.with_env("validate", &empty).exits(0).says(&["valid: stack a"]);
    let run = folder.with_env(
        "verify --arm-endpoint http://127.0.0.1:1",
        &[&empty[..], &[("KEYLESS_TOKEN", "")]].concat(),
    );
    run.exits(1).complains(&["no token for the endpoint"]);
}

/// A pipeline whose variable came out empty must not run without its pin.
#[test]
fn an_empty_pin_is_an_error() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("specs/a.yaml", format!("{}accounts:\n  - name: chat\n", head("a")));
    let scope = format!("/subscriptions/{SUB}");
    for (variable, option, good) in [
        ("KEYLESS_STACK", "--stack", "a"),
        ("KEYLESS_SELECT", "--select", "a"),
        ("KEYLESS_WITHIN", "--within", &scope),
    ] {
        for empty in ["", " "] {
            for command in ["validate", "plan", "apply --yes", "drift"] {
                let run = folder.with_env(command, &[(variable, empty)]).exits(1);
                run.complains(&[&format!("`{variable}` is set but empty"), "unset it, or give it a value"]);
            }
        }
        let run = folder.args(["apply", "--yes", option, ""]).exits(1);
        run.complains(&[&format!("`{option}` is empty"), "leave it out, or give it a value"]);
        // The option takes precedence over the variable, and holds.
        folder.with_env(&format!("validate {option} {good}"), &[(variable, "")]).exits(0);
        folder.with_env("validate", &[(variable, good)]).exits(0);
    }
    assert!(azure.take_seen().is_empty());
    folder.keyless("plan").exits(0);
}

#[test]
fn the_option_of_variable_files_is_no_variable_itself() {
    let folder = Folder::new();
    folder.write("a.yaml", format!("{}accounts:\n  - name: chat-${{file}}\n", head("a")));
    folder.write("vars.yaml", "other: x\n");
    let file = ("KEYLESS_VAR_FILE", "vars.yaml");
    folder.with_env("validate a.yaml", &[file]).exits(1).complains(&["no variable is named `file`"]);
    folder.with_env("validate a.yaml", &[file, ("KEYLESS_VAR_file", "prod")]).exits(0);
}

#[test]
fn a_file_of_variables_with_the_other_ending_is_no_spec_and_is_told() {
    let folder = Folder::new();
    folder.write("specs/a.yaml", spec());
    folder.write("specs/prod.vars.yml", PROD);
    folder.keyless("validate --env prod").exits(1).complains(&[
        "there is no `prod.vars.yaml` beside `specs/a.yaml`",
        "rename `specs/prod.vars.yml` to `prod.vars.yaml`",
        "1 error",
    ]);
    folder.keyless("validate --var-file specs/prod.vars.yml").exits(0);
    folder.keyless("validate specs/prod.vars.yml").exits(1).complains(&["is a variables file, not a spec"]);
}

#[test]
fn a_forgotten_environment_is_one_error_for_each_variable() {
    let folder = Folder::new();
    folder.write("specs/a.yaml", spec().replace("team-a", "team-${stage}"));
    folder.write("specs/dev.vars.yaml", DEV);
    folder.write("specs/prod.vars.yaml", PROD);
    let run = folder.keyless("validate").exits(1);
    run.complains(&[
        "no variable is named `stage`",
        "also here",
        "pass `--env dev` or `--env prod`",
        "4 errors",
    ]);
    let findings = folder.keyless("validate --format json").exits(1).findings();
    assert_eq!(findings.len(), 4, "{findings:?}");
    // An environment that is not there is told with those that are.
    let run = folder.keyless("validate --env staging").exits(1);
    let run = run.complains(&["`staging.vars.yaml`", "use `--env dev` or `--env prod`", "1 error"]);
    assert!(!run.stderr.lines().any(|line| line.trim() == "|"), "{run}");
}

#[test]
fn a_mistake_in_a_list_of_a_variable_is_told_where_the_list_is_written() {
    let folder = Folder::new();
    folder.write("specs/a.yaml", spec());
    folder.write(
        "specs/dev.vars.yaml",
        "stage: dev\nranges:\n  - 203.0.113.0/24\n  - nowhere\ntags: {}\ncallers:\n  - foo\n  - {group: x, user: y@z}\n  - {id: 1f0c0000-0000-4000-8000-000000000001, type: Robot}\n  - {id: 1f0c0000-0000-4000-8000-000000000001}\n",
    );
    let run = folder.keyless("validate --env dev").exits(1);
    run.complains(&[
        "dev.vars.yaml:4:",
        "dev.vars.yaml:7:",
        "dev.vars.yaml:8:",
        "dev.vars.yaml:9:",
        "dev.vars.yaml:10:",
        "5 errors",
    ]);
}

#[test]
fn options_for_specs_are_refused_where_none_is_read() {
    let azure = Azure::start();
    let folder = azure.folder();
    for command in ["access", "keys status"] {
        for option in [
            "--within /subscriptions/x",
            "--stack a",
            "--select a",
            "--env prod",
            "--var a=b",
            "--var-file x.yaml",
        ] {
            let run = folder.keyless(&format!("{command} --subscription {SUB} {option}")).exits(1);
            run.complains(&["has no effect with `--subscription`", option.split(' ').next().unwrap()]);
        }
    }
    assert!(azure.take_seen().is_empty());
}

/// What is wrong with a variable is one mistake, not one of each file that uses it.
#[test]
fn a_reference_in_a_value_is_one_finding_and_so_are_names_that_differ_only_by_case() {
    let folder = Folder::new();
    folder.write("specs/a.yaml", spec());
    folder.write("specs/dev.vars.yaml", DEV.replace("[203.0.113.0/24]", "[\"${stage}\"]"));
    let run = folder.keyless("validate --env dev").exits(1).complains(&[
        "error[malformed-reference]: a variable's value cannot contain a reference: `${stage}`",
        "specs/dev.vars.yaml:",
        "1 error",
    ]);
    assert!(!run.stderr.contains("bug in keyless"), "{run}");
    folder.write("specs/dev.vars.yaml", format!("{DEV}STAGE: other\n"));
    folder.keyless("validate --env dev").exits(1).complains(&[
        "variables `STAGE` and `stage` differ only by case",
        "letter case does not count in KEYLESS_VAR_NAME",
    ]);
}

/// Two environments with one stack take what the other made for their own.
#[test]
fn a_stack_of_several_environments_is_warned_of_unless_each_has_its_own_name_or_subscription() {
    let folder = Folder::new();
    let said = "has this name in every environment, not only in `dev`: what other environments created counts as its own";
    for (from, to, warned) in
        [("", "", true), ("stack: team-a", "stack: team-${stage}", false), (SUB, "${sub}", false)]
    {
        folder.write("specs/dev.vars.yaml", format!("{DEV}sub: {SUB}\n"));
        folder.write("specs/a.yaml", spec().replace(from, to));
        let run = folder.keyless("validate --env dev").exits(0);
        assert_eq!(run.stderr.contains(said), warned, "{to}\n{run}");
    }
    let run = folder.keyless("validate --var-file specs/dev.vars.yaml").exits(0);
    assert!(!run.stderr.contains(said), "{run}");
}
