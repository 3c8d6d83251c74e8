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
    // What is wrong with a value is told where it is used.
    folder
        .write("specs/prod.vars.yaml", PROD.replace("192.0.2.0/28", "[1]").replace("tags: {}", "tags: [a]"));
    folder.keyless("validate --env prod").exits(1).complains(&[
        "an element of `ipRules` must be text, not a list",
        "specs/a.yaml:8:",
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
    run.complains(&["`specs/dev.vars.yaml` is a file of variables, and no spec", "`--env dev`", "1 error"]);
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
        "error[unknown-variable]: `--var regoin` sets what no spec of this run refers to",
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
