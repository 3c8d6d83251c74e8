//! The plan against a second implementation: tests/reference.py, written from the design page alone.

use std::fmt::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use keyless::document::{Action, FieldEntry};

use super::*;

/// A field's path in a spec as the place in ARM's body that the reference names.
fn place_of(path: &[String]) -> String {
    match path[0].as_str() {
        "location" | "kind" => format!("/{}", path[0]),
        "sku" => "/sku/name".to_owned(),
        "identity" => "/identity".to_owned(),
        "tags" => format!("/{}", path.join("/")),
        _ => format!("/properties/{}", path.join("/")),
    }
}

/// A plan in the reference's words.
fn in_its_words(planned: &Planned) -> Vec<Value> {
    let mut changes: Vec<Value> = Vec::new();
    for (change, key) in planned.plan.changes.iter().zip(&planned.keys) {
        let action = match change.action {
            Action::UnmanagedDrift => json!("unmanaged-drift"),
            action => json!(format!("{action:?}").to_lowercase()),
        };
        // A plan holds all that is written; the reference names what differs and does not identify the thing.
        let differs = |field: &&FieldEntry| {
            let identifies = ["principalId", "roleDefinitionId"].contains(&field.path[0].as_str());
            field.before != field.after && field.after != json!({}) && !identifies
        };
        let mut paths: Vec<String> =
            change.fields.iter().filter(differs).map(|field| place_of(&field.path)).collect();
        paths.sort();
        paths.dedup();
        changes.push(json!([action, key, paths]));
    }
    changes
}

fn in_order(changes: &mut [Value]) {
    changes.sort_by_key(Value::to_string);
}

fn case_line(case: &Case) -> Value {
    json!({
        "specs": case.specs.trees,
        "live": {"accounts": case.seen.accounts, "roleAssignments": case.seen.assignments, "deletedAccounts": case.seen.deleted},
        "shownBy": case.seen.shown_by,
        "gone": case.seen.gone,
        "today": arm::TODAY.to_string(),
        "missingGroups": case.azure.missing_groups,
        "unreadable": {"accounts": case.seen.blind_accounts, "roleAssignments": case.seen.blind_assignments},
        "partial": case.seen.partial,
        "caller": case.caller,
    })
}

/// The reference's answers for some cases; nothing without Python.
fn answers(cases: &[Case]) -> Option<Vec<Value>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let roles = root.join("../shared/roles/builtin-roles.json");
    if !roles.exists() {
        skipped("the second implementation: ../shared/roles is not there");
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = folder.path().join("cases.jsonl");
    let lines = cases.iter().fold(String::new(), |mut lines, case| {
        let _ = writeln!(lines, "{}", case_line(case));
        lines
    });
    std::fs::write(&input, lines).expect("the temporary folder can be written");
    let python = Command::new("python3")
        .arg(root.join("tests/reference.py"))
        .arg(&roles)
        .stdin(std::fs::File::open(&input).expect("written above"))
        .stderr(Stdio::inherit())
        .output();
    let Ok(output) = python else {
        skipped("the second implementation: python3 is not there");
        return None;
    };
    assert!(output.status.success(), "tests/reference.py failed");
    let text = String::from_utf8(output.stdout).expect("Python writes UTF-8");
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).expect("one JSON document in each line"))
            .collect(),
    )
}

#[test]
fn a_second_implementation_makes_the_same_plans() {
    // It is the slower of the two.
    let some = if cases() > 400 { cases() / 4 } else { cases() };
    let cases: Vec<Case> = seeds(some).map(Case::new).collect();
    let Some(answers) = answers(&cases) else { return };
    assert_eq!(answers.len(), cases.len());
    let (mut differing, mut changes_seen, mut told) = (0, 0, String::new());
    for (case, answer) in cases.iter().zip(&answers) {
        let planned = &case.planned;
        let mut ours = in_its_words(planned);
        let mut theirs = answer["changes"].as_array().cloned().unwrap_or_default();
        // Whether things marked for the run outside of its domain are worth a line is left open; that they stay is not.
        let open: Vec<Value> = theirs
            .iter()
            .filter(|change| change[0] == "unmanaged?")
            .map(|change| change[1].clone())
            .collect();
        theirs.retain(|change| change[0] != "unmanaged?");
        ours.retain(|change| {
            !(open.contains(&change[1])
                && change[0].as_str().is_some_and(|action| action.starts_with("unmanaged")))
        });
        in_order(&mut ours);
        in_order(&mut theirs);
        changes_seen += ours.len();
        let codes = json!(arm::guard_codes(&planned.plan));
        if ours == theirs && codes == answer["guards"] {
            continue;
        }
        differing += 1;
        if differing <= 8 {
            let _ =
                writeln!(told, "seed {}: guards {codes}, by the reference {}", case.seed, answer["guards"]);
            for change in ours.iter().filter(|change| !theirs.contains(change)) {
                let _ = writeln!(told, "  ours   {change}");
            }
            for change in theirs.iter().filter(|change| !ours.contains(change)) {
                let _ = writeln!(told, "  theirs {change}");
            }
        }
    }
    println!("{changes_seen} changes in {} cases compared with the second implementation", cases.len());
    assert!(changes_seen > cases.len(), "nothing was compared");
    assert_eq!(differing, 0, "of {} cases differ from tests/reference.py:\n{told}", cases.len());
}
