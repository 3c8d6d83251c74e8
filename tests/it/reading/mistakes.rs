//! Specs as people write them: many mistakes at once, several files, variables, size.

use std::ffi::OsString;
use std::fs;

use super::*;
use crate::common::every_row;

#[test]
fn eleven_different_mistakes_are_told_in_one_run_each_at_its_place() {
    let text = "\
version: 2
stack: demo
location: ${regoin}
adopt: yes
variables: {region: eastus2}
accounts:
  - name: chat-eu
    locaton: eastus2
    sku: S0
    sku: S1
    publicNetworkAccess: enabled
    tags: {cost: 1.10}
    networkAcls:
      ipRules: 10.0.0.0/8
    roleAssignments:
      - role: Reader
        principals: everybody
";
    let outcome = read_text(text);
    let expected = [
        "missing-field 1:1",
        "invalid-value 1:10",
        "unknown-variable 3:11",
        "wrong-type 4:8",
        "missing-field 7:5",
        "unknown-field 8:5",
        "duplicate-key 10:5",
        "invalid-value 11:26",
        "wrong-type 12:18",
        "wrong-type 14:16",
        "wrong-type 17:21",
    ];
    assert_eq!(outcome.codes(), expected, "{}", outcome.shown());
    assert!(outcome.loaded.is_empty());
    assert_eq!(outcome.shown(), read_text(text).shown(), "equal inputs give equal bytes");
    assert!(outcome.findings.iter().filter(|finding| finding.hint.is_some()).count() >= 8);
}

#[test]
fn a_file_with_mistakes_does_not_stop_the_others() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), SMALL).unwrap();
    fs::write(folder.path().join("b.yaml"), "stack: [").unwrap();
    fs::write(
        folder.path().join("c.yaml"),
        SMALL.replace("stack: s", "stack: ${name}\nvariables: {name: t}"),
    )
    .unwrap();
    let outcome = read(&[folder.path(), &folder.path().join("gone")], &VariableInputs::default());
    assert_eq!(
        outcome.loaded.iter().map(|loaded| loaded.spec.stack.as_str()).collect::<Vec<_>>(),
        ["s", "t"]
    );
    assert_eq!(outcome.findings.len(), 2, "{}", outcome.shown());
    assert!(outcome.shown().contains("b.yaml:1:"));
}

#[test]
fn a_warning_does_not_keep_a_spec_from_being_read() {
    let outcome = read_text(format!(
        "{SMALL}resourceGroup: rg\nlocation: eastus2\naccounts: [{{name: aa, tags: {{\"x${{y}}\": z}}}}]\n"
    ));
    assert_eq!(outcome.findings.len(), 1);
    assert_eq!(outcome.loaded.len(), 1);
    assert_eq!(outcome.loaded[0].document.tree["accounts"][0]["tags"]["x${y}"], "z");
}

#[test]
fn variables_come_from_everywhere_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vars.yaml");
    fs::write(&file, "a: file\nb: file\n").unwrap();
    let spec = folder.path().join("spec.yaml");
    fs::write(&spec, "version: 1\nstack: ${a}-${b}-${c}-${d}\nsubscription: 11111111-2222-4333-8444-555555555555\nresourceGroup: ${n}\nadopt: ${yes}\nvariables: {a: s, b: s, c: s, d: s}\n").unwrap();
    let environment =
        ["A", "B", "C"].map(|name| (OsString::from(format!("KEYLESS_VAR_{name}")), OsString::from("env")));
    let arguments = [("a", "argument"), ("n", "12"), ("yes", "true")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let inputs = VariableInputs::new(arguments.to_vec(), vec![file.clone()], environment);
    let outcome = read(&[&spec], &inputs);
    assert!(outcome.findings.is_empty(), "{}", outcome.shown());
    let spec = &outcome.loaded[0].spec;
    assert_eq!(
        (spec.stack.as_str(), spec.resource_group.as_deref(), spec.adopt),
        ("argument-file-env-s", Some("12"), true)
    );
}

#[test]
fn a_broken_variables_file_is_reported_once_and_not_for_each_reference() {
    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("spec.yaml");
    fs::write(&spec, "version: 1\nstack: ${a}\nsubscription: ${b}\n").unwrap();
    let inputs = VariableInputs::new(Vec::new(), vec![folder.path().join("gone.yaml")], []);
    let outcome = read(&[&spec], &inputs);
    assert_eq!(outcome.codes(), ["unreadable-file -"]);
    assert!(outcome.loaded.is_empty());
    let inputs = VariableInputs::new(Vec::new(), vec![folder.path().to_owned()], []);
    assert!(read(&[&spec], &inputs).findings[0].message.contains("is a folder"));
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_spec_of_five_megabytes_is_read() {
    let count = if every_row() { 16_500 } else { 3_300 };
    let accounts = numbered(count, |number| {
        format!(
            "  - name: account-{number}
    kind: AIServices
    tags: {{team: ml, number: \"{number}\"}}
    networkAcls:
      defaultAction: Deny
      ipRules: [203.0.113.0/24, 198.51.100.7]
    roleAssignments:
      - role: Cognitive Services User
        principals:
          - {{id: 1f0c0000-0000-0000-0000-000000000000, type: Group}}
"
        )
    });
    let text = format!("{SMALL}resourceGroup: rg\nlocation: eastus2\naccounts:\n{accounts}");
    assert!(text.len() > 300 * count);
    let outcome = read_text(&text);
    assert!(outcome.findings.is_empty(), "{}", outcome.shown());
    assert_eq!(outcome.loaded[0].spec.accounts.len(), count);
}
