//! Wrong specs: every mistake at once, each at its line.

use crate::common::{ALICE, Azure, Folder, SUB, head};

/// Ten mistakes; each of their lines says which.
const TEN: &str = "\
version: 1
stack: Team A                                   # invalid-name
subscription: 7f3b1c52-1a08-4d7b-9f5e           # invalid-guid
resourceGroup: rg
location: eastus2
accounts:
  - name: chat-eu
    locaton: westeurope                         # unknown-field
    kind: AIServces                             # invalid-value
    disableLocalAuth: yes                       # wrong-type
    networkAcls:
      defaultAction: Deney                      # invalid-value
      ipRules:
        - 203.0.113.0/24
        - 203.0.113.7/24                        # invalid-cidr
    tags:
      keyless-stack: mine                       # typed-mark
    roleAssignments:
      - role: Cognitve Services User            # unknown-role
        principals:
          - {id: not-a-guid, type: User}        # invalid-guid
";

/// `code@line` of every comment.
fn expected(spec: &str) -> Vec<String> {
    let lines = spec.lines().enumerate();
    lines
        .filter_map(|(index, line)| line.split_once("# ").map(|(_, code)| format!("{}@{}", code, index + 1)))
        .collect()
}

#[test]
fn ten_mistakes_are_ten_findings_at_their_lines_in_one_run() {
    let folder = Folder::new();
    folder.write("a.yaml", TEN);
    let expected = expected(TEN);
    assert_eq!(expected.len(), 10);
    let run = folder.keyless("validate a.yaml --format json").exits(1);
    assert_eq!(run.findings(), expected, "{run}");
    let human =
        folder.keyless("validate a.yaml").exits(1).complains(&["10 errors", "did you mean `location`?"]);
    assert!(human.stdout.is_empty());
    for finding in expected {
        let (code, line) = finding.split_once('@').unwrap();
        assert!(human.stderr.contains(&format!("error[{code}]")), "{code}: {human}");
        assert!(human.stderr.contains(&format!("a.yaml:{line}:")), "{line}: {human}");
    }
}

#[test]
fn a_wrong_spec_asks_nothing_of_azure() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", TEN);
    for command in ["plan a.yaml", "apply a.yaml --yes", "drift a.yaml"] {
        let run = folder.keyless(command).exits(1);
        assert!(run.stdout.is_empty(), "{run}");
    }
    assert!(azure.take_seen().is_empty());
}

#[test]
fn mistakes_in_several_files_are_told_together() {
    let folder = Folder::new();
    folder.write("specs/a.yaml", "version: 1\nstack: a\n");
    folder.write("specs/b.yml", "version: [\n");
    folder.write("specs/deep/c.yaml", "version: 1\nstack: c\nsubscription: x\n");
    let run = folder.keyless("validate").exits(1);
    run.complains(&["specs/a.yaml:", "specs/b.yml:", "specs/deep/c.yaml:3:"]);
}

#[test]
fn a_valid_spec_says_so_and_json_has_no_findings() {
    let folder = Folder::new();
    folder.write("a.yaml", include_str!("../../../specs/quickstart.yaml"));
    folder.keyless("validate a.yaml").exits(0).says(&["valid: stack quickstart"]);
    let json = folder.keyless("validate a.yaml --format json").exits(0).json();
    assert_eq!(json, serde_json::json!({"formatVersion": "1.0", "findings": []}));
}

/// A spec of one grant, whose lines the rows below replace.
fn plain() -> String {
    let grant = "roleAssignments:\n  - scope: resourceGroup\n    role: Reader\n";
    format!("{}{grant}    principals: [{{id: {ALICE}, type: User}}]\n", head("team-a"))
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn each_rule_of_a_file_is_held_to_its_last_character() {
    let dashless = SUB.replace('-', "");
    let condition = "    condition: \"@Request[Microsoft.Authorization/roleAssignments:PrincipalType] StringEquals 'User'\"\n";
    let described = |letter: &str, count: usize| format!("    description: {}\n", letter.repeat(count));
    let with = |lines: &str| (String::from("    role: Reader\n"), format!("    role: Reader\n{lines}"));
    let named = |stack: &str| (String::from("stack: team-a"), format!("stack: {stack}"));
    let of = |id: &str| (format!("subscription: {SUB}"), format!("subscription: \"{id}\""));
    let tenant =
        |id: &str| (format!("subscription: {SUB}"), format!("subscription: {SUB}\ntenant: \"{id}\""));
    let group = |name: &str| (String::from("resourceGroup: rg"), format!("resourceGroup: \"{name}\""));
    let folder = Folder::new();
    for ((old, new), expected) in [
        (named(&"a".repeat(63)), ""),
        (named(&"a".repeat(64)), "invalid-name@2"),
        (named("0-_."), ""),
        (named(".a"), "invalid-name@2"),
        (named("-a"), "invalid-name@2"),
        (named("teamÄ"), "invalid-name@2"),
        // Azure takes the id with dashes only, where a library takes more.
        (of(&SUB.to_uppercase()), ""),
        (of(&format!("{{{SUB}}}")), "invalid-guid@3"),
        (of(&dashless), "invalid-guid@3"),
        (of(&format!("urn:uuid:{SUB}")), "invalid-guid@3"),
        (tenant(SUB), ""),
        (tenant(&format!("{{{SUB}}}")), "invalid-guid@4"),
        (tenant(&dashless), "invalid-guid@4"),
        (tenant("contoso.com"), "invalid-guid@4"),
        (group(&"g".repeat(90)), ""),
        (group(&"g".repeat(91)), "invalid-name@4"),
        (group("a.b(c)_-"), ""),
        (group("ends."), "invalid-name@4"),
        (group("a b"), "invalid-name@4"),
        // Azure's 512 characters, less ` [keyless:team-a]`.
        (with(&described("x", 495)), ""),
        (with(&described("ä", 495)), ""),
        (with(&described("x", 496)), "description-too-long@9"),
        (with(&format!("{condition}    conditionVersion: \"2.0\"\n")), ""),
        (with(condition), ""),
        (with(&format!("{condition}    conditionVersion: \"1.0\"\n")), "condition-version@10"),
        (with("    conditionVersion: \"2.0\"\n"), "condition-version@9"),
        (
            (
                String::from("type: User}]"),
                format!("type: User}}, {{id: {}, type: User}}]", ALICE.to_uppercase()),
            ),
            "duplicate@9",
        ),
    ] {
        let spec = plain();
        assert!(spec.contains(&old), "`{old}` is in the spec");
        folder.write("a.yaml", spec.replace(&old, &new));
        let run = folder.keyless("validate a.yaml --format json").exits(i32::from(!expected.is_empty()));
        assert_eq!(run.findings().join(" "), expected, "{new}: {run}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn names_that_differ_in_case_only_are_refused_where_a_write_would_make_one_of_them() {
    let folder = Folder::new();
    let connection = "connections:\n  - name: search\n    category: CognitiveSearch\n    target: https://s.search.windows.net/\n    authType: AAD\n";
    let deployment = "deployments:\n  - name: gpt\n    model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}\n    sku: {name: GlobalStandard, capacity: 1}\n";
    let policy =
        "raiPolicies:\n  - name: strict\n    basePolicyName: Microsoft.DefaultV2\n    mode: Default\n";
    let project = "projects:\n  - name: team\n";
    let places = [
        ("", "tags", "tag"),
        (deployment, "tags", "tag"),
        (policy, "tags", "tag"),
        (project, "tags", "tag"),
        (connection, "metadata", "entry"),
    ];
    for (above, field, noun) in places {
        let indent = if above.is_empty() { "" } else { "    " };
        for (first, second) in [("team", "Team"), ("B", "b"), ("Ä", "ä")] {
            let with = |second: &str| {
                let lines = format!(
                    "{above}{indent}{field}:\n{indent}  {first}: x\n{indent}  other: x\n{indent}  {second}: x\n"
                );
                crate::common::one_account("team-a", "chat", &lines)
            };
            folder.write("a.yaml", with(second));
            let run = folder.keyless("validate a.yaml").exits(1);
            // The second in the file, with the first beside it.
            let place = format!("a.yaml:{}:", with(second).lines().count());
            let message =
                format!("error[duplicate-key]: {noun} `{second}` differs from `{first}` only in case");
            run.complains(&[&message, &place, "first set here", "1 error"]);
            folder.write("a.yaml", with("another"));
            folder.keyless("validate a.yaml").exits(0);
        }
    }
}

#[test]
fn a_merge_conflict_that_was_left_in_a_file_is_called_that() {
    let folder = Folder::new();
    let spec =
        head("team-a") + "accounts:\n<<<<<<< HEAD\n  - name: chat\n=======\n  - name: other\n>>>>>>> main\n";
    let line = 1 + spec[..spec.find("<<<<<<<").unwrap()].matches('\n').count();
    for text in [
        spec.clone(),
        spec.replace('\n', "\r\n"),
        spec.replace("=======", "||||||| base\n  - name: old\n======="),
    ] {
        folder.write("a.yaml", &text);
        let run = folder.keyless("validate a.yaml").exits(1);
        run.complains(&["unresolved merge conflict", &format!("a.yaml:{line}:1"), "<<<<<<< HEAD", "1 error"]);
    }
    folder.write("a.yaml", spec.clone() + &spec.split_once("accounts:\n").unwrap().1.replace("HEAD", "two"));
    folder.keyless("validate a.yaml").exits(1).complains(&["2 errors"]);
    // In a text it is a text.
    folder.write(
        "a.yaml",
        head("team-a") + "accounts:\n  - name: chat\n    tags:\n      x: |\n        <<<<<<< HEAD\n",
    );
    folder.keyless("validate a.yaml").exits(0);
    folder.write("a.yaml", head("team-a") + "accounts: []\n");
    folder.write("a.lock.json", "{\n<<<<<<< HEAD\n}\n");
    folder.keyless("validate a.yaml").exits(1).complains(&["line 2 begins an unresolved merge conflict"]);
}

#[test]
fn nobody_has_an_object_id_of_zeros() {
    let folder = Folder::new();
    for id in ["00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000"] {
        let lines = crate::common::grants(&[&format!("\"{id}\"")]);
        folder.write("a.yaml", crate::common::one_account("team-a", "chat", &lines));
        let run = folder.keyless("validate a.yaml --format json").exits(1);
        assert_eq!(run.findings(), ["invalid-guid@11"], "{run}");
    }
}

/// Rules of the parts that have the right shape are checked beside mistakes of shape; where that cannot be, the output says so.
#[test]
fn rules_are_checked_beside_mistakes_of_shape() {
    let folder = Folder::new();
    folder.write(
        "a.yaml",
        "version: 1
stack: Typo
subscription: 2222-22
resourceGroup: rg-ai-dev
locaton: eastus2
accounts:
  - name: a b
    disableLocalAuth: \"true\"
    deployments:
      - name: gpt
        model: {format: OpenAI, name: gpt-4o, version: 2024-08-06}
        sku: {name: GlobalStandrd, capacity: ten}
    roleAssignments:
      - role: Cognitive Service User
        principals:
          - {id: 66666666-7777-4888-8999-000000000000}
          - {groop: ml}
          - alice@contoso.com
    connections:
      - {name: search, category: CognitiveSearch, target: \"https://x.search.windows.net\", authType: ApiKey, credentials: {key: abc123456789}}
  - chat
",
    );
    let lines: Vec<String> = folder.keyless("validate a.yaml --format json").exits(1).findings();
    let lines: Vec<&str> = lines.iter().filter_map(|found| found.split('@').nth(1)).collect();
    for line in ["2", "3", "5", "7", "8", "12", "14", "16", "17", "18", "20", "21"] {
        assert!(lines.contains(&line), "{line}: {lines:?}");
    }
    // A connection without its way to sign in cannot be judged.
    folder.write(
        "b.yaml",
        format!(
            "{}accounts:\n  - name: a b\n    connections:\n      - {{name: search}}\n",
            crate::common::head("b")
        ),
    );
    let run = folder.keyless("validate b.yaml -v").exits(1);
    run.complains(&["needs `authType`", "are checked once these problems are fixed"]);
}

#[test]
fn a_report_of_wrong_specs_is_headed_with_the_command_that_ran() {
    let folder = Folder::new();
    folder.write("a.yaml", "version: 1\n");
    for command in ["validate", "plan", "apply", "drift", "keys status"] {
        let run = folder.keyless(&format!("{command} a.yaml --format markdown")).exits(1);
        assert!(run.stdout.starts_with(&format!("## keyless {command}\n")), "{run}");
        let run = folder.keyless(&format!("{command} a.yaml --format html")).exits(1);
        assert!(run.stdout.contains(&format!("<h1>keyless {command}</h1>")), "{run}");
    }
}
