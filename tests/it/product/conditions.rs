//! Conditions of role assignments: what is found offline, and how a change is shown.

use std::fs;

use crate::common::{Azure, BOB, CS_USER, Folder, head, listed, shared};

/// A role for Bob on the group, with further lines.
fn at_group(more: &str) -> String {
    let principals = listed([BOB], "User");
    format!(
        "{}roleAssignments:\n  - role: Reader\n    scope: resourceGroup\n{more}    principals:\n{principals}",
        head("team-a")
    )
}

#[test]
fn a_condition_that_azure_could_not_read_is_an_error_at_its_line() {
    let folder = Folder::new();
    for (condition, exit, said) in [
        (
            "\"@Resource[x] StringEquals 'y\"",
            1,
            "error[invalid-condition]: could not parse the condition: this quote is not closed, at column 27",
        ),
        (
            "\"@Resource[x] StringEquals\"",
            1,
            "it ends where a value for `StringEquals` is expected, at column 26",
        ),
        ("\"(@Resource[x] StringEquals 'y'\"", 1, "this `(` is not closed, at column 1"),
        (
            "|\n      (\n       @Resource[x] AND\n      )\n",
            1,
            "expected an operator before `AND`, at line 2, column 15",
        ),
        ("\"\"", 1, "the condition is empty"),
        (
            "\"@Resource[x] StringEquals 'y'\"",
            0,
            "note[unknown-in-condition]: keyless does not know the attribute `@Resource[x]`",
        ),
        (
            "\"@Environment[UtcNow] DateTimeSoon 'y'\"",
            0,
            "note[unknown-in-condition]: keyless does not know the operator `DateTimeSoon`",
        ),
        (
            "\"ActionMatches{'a'} OR ActionMatches{'b'} AND ActionMatches{'c'}\"",
            0,
            "warning[condition-order]: AND and OR without brackets",
        ),
    ] {
        folder.write("a.yaml", at_group(&format!("    condition: {condition}\n")));
        let run = folder.keyless("validate a.yaml").exits(exit);
        let all = format!("{}{}", run.stdout, run.stderr);
        let line = if condition.starts_with('|') { 10 } else { 9 };
        assert!(all.contains(said) && all.contains(&format!("a.yaml:{line}:")), "{condition}\n{run}");
    }
}

/// A long changed text is shown as removed and added words.
#[test]
fn a_changed_condition_and_a_changed_description_are_shown_word_by_word() {
    let azure = Azure::start();
    let folder = azure.folder();
    let lines = |role: &str, why: &str| {
        format!(
            "    description: the platform pipeline {why} hand out these roles on behalf of the data team\n    condition: |\n      (\n        !(ActionMatches{{'Microsoft.Authorization/roleAssignments/write'}})\n        OR\n        @Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] GuidEquals {role}\n      )\n"
        )
    };
    folder.write("a.yaml", at_group(&lines(CS_USER, "may")));
    let made = folder.keyless("plan a.yaml").exits(0);
    assert!(!made.stdout.contains("\\u{a}") && made.stdout.contains("  OR\n"), "{made}");
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", at_group(&lines("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "must not")));
    let run = folder.keyless("plan a.yaml").exits(3);
    let (old, new) = (format!("[-{CS_USER}-]"), "{+8e3af657-a8ff-443c-a75c-2fe8c4bcb635+}");
    assert!(run.stdout.contains(&old) && run.stdout.contains(new), "{run}");
    assert!(run.stdout.contains("the platform pipeline [-may-]{+must not+} hand out"), "{run}");
    assert!(!run.stdout.contains("\\u{a}"), "{run}");
    let shown = folder.keyless("plan a.yaml --format markdown").exits(3);
    assert!(
        shown.stdout.contains(&format!("GuidEquals {CS_USER}`"))
            && shown.stdout.contains("GuidEquals 8e3af657-a8ff-443c-a75c-2fe8c4bcb635`")
            && !shown.stdout.contains("[-")
            && !shown.stdout.contains("\\u{a}"),
        "{shown}"
    );
    // JSON stays as it was: the values themselves.
    let fields = folder.keyless("plan a.yaml --format json").exits(3).changes("update")[0]["fields"].clone();
    assert!(fields.to_string().contains("\\n"), "{fields}");
}

/// Every condition in the shared material is one that Azure took.
#[test]
fn every_condition_of_the_shared_material_is_read() {
    let (Some(recordings), Some(cases)) = (shared("recordings/azure-cli"), shared("cases")) else { return };
    let mut found = Vec::new();
    let mut folders = vec![recordings, cases];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                conditions(&fs::read_to_string(path).unwrap(), &mut found);
            }
        }
    }
    for text in &found {
        let read = keyless::rbac::Condition::parse(text);
        assert!(read.is_ok(), "{text}\n{read:?}");
    }
    assert!(found.len() > 10, "{} conditions", found.len());
}

/// Conditions in YAML files: values of the key, and those in JSON bodies inside of strings.
fn conditions(text: &str, found: &mut Vec<String>) {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        if let Some(value) = line.trim_start().strip_prefix("condition: ") {
            if value.starts_with(['|', '>']) {
                let mut block = String::new();
                while let Some(next) = lines
                    .next_if(|next| next.trim().is_empty() || next.len() - next.trim_start().len() > indent)
                {
                    block.push_str(next);
                    block.push('\n');
                }
                found.push(block);
            } else {
                found.push(value.trim_matches('"').to_owned());
            }
            continue;
        }
        // A folded string continues on the next line.
        let whole = format!("{line} {}", lines.peek().map_or("", |next| next.trim()));
        for start in ["\"condition\":\"", "\"condition\": \""] {
            for (at, _) in line.match_indices(start) {
                let rest = &whole[at + start.len()..];
                if let Some(end) = rest.find("\",") {
                    found.push(rest[..end].replace("''", "'").replace("\\n", "\n"));
                }
            }
        }
    }
}
