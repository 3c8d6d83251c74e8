//! Wrong specs: every mistake at once, each at its line.

use crate::common::{Azure, Folder};

/// Ten mistakes; each line that holds one says which.
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
