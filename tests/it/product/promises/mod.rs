//! A plan that says yes applies, and one that cannot says so at the line: live situations, each promise broken in turn.
//!
//! A row breaks one thing, in the spec or in Azure. The plan has to report it with its code, at its line; then the cause is taken
//! away, and the same spec applies.

mod models;
mod rows;

use rows::ROWS;
use serde_json::{Value, json};

use crate::common::{ALICE, Azure, BOB, CS_USER, Fault, account, few};

/// A good spec of accounts and assignments; tests replace a part of it to break it.
const SPEC: &str = "\
version: 1
stack: team-a
subscription: 7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11
resourceGroup: rg
location: eastus2
accounts:
  - name: chat
    kind: AIServices
    sku: S0
    customSubDomainName: chat-eu
    disableLocalAuth: true
    roleAssignments:
      - role: Cognitive Services User
        principals:
          - {id: aaaaaaaa-0000-4000-8000-000000000001, type: User}
";

const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";

/// A way in which a plan cannot hold.
struct Row {
    name: &'static str,
    /// Parts of the spec and their replacements.
    spec: &'static [(&'static str, &'static str)],
    /// What is done to Azure.
    breaks: fn(&Azure),
    /// The finding: code, severity, and the text of its line; none for what has no place in the spec.
    finds: (&'static str, &'static str, Option<&'static str>),
    /// How the plan ends.
    exit: i32,
    /// What undoes it, beside the spec as it is above.
    mends: fn(&Azure),
}

impl Row {
    fn broken(&self, sound: &str) -> String {
        let replace = |text: String, (old, new): &(&str, &str)| {
            assert!(text.contains(old), "{}: `{old}` is not in the spec", self.name);
            text.replace(old, new)
        };
        self.spec.iter().fold(sound.to_owned(), replace)
    }
}

fn nothing(_: &Azure) {}

fn heal(azure: &Azure) {
    azure.heal();
}

fn lock(azure: &Azure, scope: &str, level: &str) {
    azure.put(
        &format!("{scope}/providers/Microsoft.Authorization/locks/L"),
        json!({"properties": {"level": level}}),
    );
}

fn unlock(azure: &Azure, scope: &str) {
    azure.delete(&format!("{scope}/providers/Microsoft.Authorization/locks/L"));
}

/// What the stack made before, with one assignment more that is no longer declared.
fn with_a_revocation(azure: &Azure) {
    azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
    for (name, principal) in
        [("d0000000-0000-4000-8000-000000000001", ALICE), ("d0000000-0000-4000-8000-000000000002", BOB)]
    {
        azure.grant(&account("chat"), name, CS_USER, principal, Some("[keyless:team-a]"));
    }
}

fn answers(azure: &Azure, part: &str, body: &Value) {
    azure.spoil("*", part, Fault::Answer(200, "application/json", body.to_string()));
}

/// Puts into the sandbox what people and services do in Azure beside ARM's writes.
fn access(azure: &Azure, content: Value) {
    let answer = azure.send("POST", "/_sandbox/access", Some(content));
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// Somebody activates a role for an hour, or is given it for an hour.
fn for_an_hour(azure: &Azure, kind: &str) {
    azure.make_account("chat", &json!({"customSubDomainName": "chat-eu", "disableLocalAuth": true}));
    let instance = json!({
        "scope": account("chat"), "role": "Cognitive Services User", "principalId": ALICE, "principalType": "User",
        "seconds": 3600, "assignmentType": kind,
    });
    access(azure, json!({"scheduleInstances": [instance]}));
}

/// Each promise broken in turn is reported at its line, and mended, the spec applies. In parts, which run side by side.
#[track_caller]
fn table(sound: &str, rows: &[Row]) {
    let rows = few(2, rows);
    let broken: Vec<String> = rows.iter().filter_map(|row| check(sound, row).err()).collect();
    assert!(broken.is_empty(), "{} of {} rows fail:\n{}", broken.len(), rows.len(), broken.join("\n"));
}

#[test]
fn each_plan_time_check_reports_its_line_and_the_plan_applies_once_fixed() {
    assert!(ROWS.len() >= 25, "{}", ROWS.len());
    table(SPEC, &ROWS[..ROWS.len() / 2]);
}

#[test]
fn each_further_promise_broken_in_turn_is_reported_and_mended_it_applies() {
    table(SPEC, &ROWS[ROWS.len() / 2..]);
}

#[test]
fn each_deployment_check_reports_its_line_and_the_plan_applies_once_fixed() {
    table(models::SPEC, models::ROWS);
}

fn check(sound: &str, row: &Row) -> Result<(), String> {
    let azure = Azure::start();
    let folder = azure.folder();
    (row.breaks)(&azure);
    let spec = row.broken(sound);
    folder.write("a.yaml", &spec);
    let plan = folder.keyless("plan a.yaml --format json");
    let (code, severity, line) = row.finds;
    let line = line.map(|text| {
        let found = spec
            .lines()
            .position(|each| each.contains(text))
            .unwrap_or_else(|| panic!("{}: {text}", row.name));
        found + 1
    });
    let fits = |finding: &Value| {
        finding["code"] == code
            && finding["severity"] == severity
            && finding["source"]["line"].as_u64() == line.map(|line| line as u64)
    };
    let document = plan.json();
    let findings = document["findings"].as_array().unwrap();
    let told = format!("exit {}: {}", plan.code, document["findings"]);
    if plan.code != row.exit || !findings.iter().any(fits) {
        return Err(format!(
            "{}: expected {code} {severity} at {line:?} and exit {}; {told}",
            row.name, row.exit
        ));
    }
    if findings.iter().any(|finding| finding["severity"] == "error") != (severity == "error") {
        return Err(format!("{}: there is more to it; {told}", row.name));
    }
    (row.mends)(&azure);
    folder.write("a.yaml", sound);
    let applied = folder.keyless("apply a.yaml --yes");
    if applied.code != 0 {
        return Err(format!("{}: once mended it does not apply\n{applied}", row.name));
    }
    Ok(())
}

#[test]
fn a_change_that_cannot_succeed_is_refused_and_the_rest_is_done() {
    let azure = Azure::start();
    with_a_revocation(&azure);
    azure.patch(&account("chat"), json!({"tags": {"keyless-stack": "team-a"}}));
    lock(&azure, &account("chat"), "CanNotDelete");
    let folder = azure.folder();
    folder.write(
        "a.yaml",
        SPEC.replace("    disableLocalAuth: true\n", "    disableLocalAuth: true\n    tags: {team: ml}\n"),
    );
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    run.says(&[
        "cannot revoke role assignment Cognitive Services User",
        "while the CanNotDelete lock `L`",
        "az lock delete --ids",
    ]);
    assert_eq!(azure.get(&account("chat"))["tags"]["team"], "ml");
    assert_eq!(azure.grants_at(&account("chat")).len(), 2, "nothing was revoked");
    // The lock would have refused it as well: it was not even tried.
    let writes = azure.take_writes();
    assert!(!writes.is_empty() && writes.iter().all(|seen| seen.method != "DELETE"), "{writes:?}");
    folder.keyless("plan a.yaml").exits(1).says(&["1 refused"]);
}

#[test]
fn without_the_right_to_write_apply_ends_before_the_first_write_and_plan_is_useful() {
    let azure = Azure::start();
    let reader = json!({"value": [{"actions": ["*/read"], "notActions": []}]});
    let folder = azure.folder();
    folder.write("a.yaml", SPEC);
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    answers(&azure, "/Microsoft.Authorization/permissions?", &reader);
    folder.keyless("plan a.yaml").exits(0).says(&[
        "note[missing-permission]",
        "Microsoft.CognitiveServices/accounts/write",
        "Microsoft.Authorization/roleAssignments/write",
    ]);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(2);
    azure.take_seen();
    for arguments in ["apply a.yaml --yes", "apply plan.json --yes", "apply plan.json a.yaml --yes"] {
        let run = folder.keyless(arguments).exits(1);
        run.says(&["error[missing-permission]"]).complains(&["nothing was written"]);
        assert_eq!(azure.take_writes().len(), 0, "{arguments}");
    }
    // One permission excludes for itself alone.
    let both = json!({"value": [
        {"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]},
        {"actions": ["Microsoft.Authorization/roleAssignments/*"], "notActions": []},
    ]});
    answers(&azure, "/Microsoft.Authorization/permissions?", &both);
    folder.keyless("apply plan.json --yes").exits(0);
}

#[test]
fn a_lock_set_after_the_plan_was_saved_stops_the_saved_plan_whole() {
    let azure = Azure::start();
    with_a_revocation(&azure);
    let folder = azure.folder();
    folder.write("a.yaml", SPEC);
    folder.keyless("plan a.yaml --out plan.json").exits(0);
    lock(&azure, GROUP, "CanNotDelete");
    azure.take_seen();
    folder.keyless("apply plan.json --yes").exits(1).says(&["error[locked]"]);
    assert_eq!(azure.take_writes().len(), 0);
    unlock(&azure, GROUP);
    folder.keyless("apply plan.json --yes").exits(0);
}

#[test]
fn notes_that_would_make_apply_fail_are_shown_and_other_notes_are_counted() {
    let azure = Azure::start();
    let policy = json!({
        "scope": GROUP, "name": "regions", "type": "Microsoft.CognitiveServices/accounts",
        "field": "location", "operator": "notEquals", "value": "westeurope",
    });
    access(&azure, json!({"policies": [policy]}));
    let reader = json!({"value": [{"actions": ["*/read"], "notActions": []}]});
    answers(&azure, "/Microsoft.Authorization/permissions?", &reader);
    azure.spoil("GET", "/locks?", Fault::denied());
    let folder = azure.folder();
    folder.write("a.yaml", SPEC);
    let plan = folder.keyless("plan a.yaml").exits(0);
    let plan = plan.says(&[
        "note[policy-refusal]",
        "would deny account chat: `keyless apply` will fail there unless the policy changes",
        "note[missing-permission]",
        "1 note; -v shows",
    ]);
    assert!(!plan.stdout.contains("not-checked"), "{plan}");
    folder.keyless("plan a.yaml -v").exits(0).says(&["note[not-checked]"]);
    let comment = folder.keyless("plan a.yaml --format markdown").exits(0).says(&["notes: 1</summary>"]);
    let (open, folded) = comment.stdout.split_once("<details><summary>notes").unwrap();
    assert!(open.contains("`policy-refusal`") && open.contains("`missing-permission`"), "{comment}");
    assert!(folded.contains("`not-checked`"), "{comment}");
}

#[test]
fn a_write_that_a_policy_refuses_names_policy_and_line() {
    let azure = Azure::start();
    let body = json!({"error": {
        "code": "RequestDisallowedByPolicy",
        "message": "Resource 'chat' was disallowed by policy.",
        "additionalInfo": [{"type": "PolicyViolation", "info": {
            "policyDefinitionDisplayName": "Allowed locations", "policyAssignmentName": "regions",
            "policyAssignmentId": format!("{GROUP}/providers/Microsoft.Authorization/policyAssignments/regions"),
        }}],
    }});
    azure.spoil("PUT", "/accounts/chat?", Fault::Answer(403, "application/json", body.to_string()));
    let folder = azure.folder();
    folder.write("a.yaml", SPEC);
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert_eq!(run.findings(), ["write-failed@7"]);
    let finding = &run.json()["findings"][0];
    let cause = finding["cause"].as_str().unwrap();
    assert!(cause.contains("Allowed locations") && cause.contains("regions"), "{finding}");
}

#[test]
fn an_activated_assignment_is_neither_the_declared_one_nor_adopted() {
    let azure = Azure::start();
    for_an_hour(&azure, "Activated");
    let folder = azure.folder();
    folder.write("a.yaml", SPEC.replace("location: eastus2\n", "location: eastus2\nadopt: true\n"));
    let plan = folder.keyless("plan a.yaml --format json").exits(0);
    let counts = (plan.changes("adopt").len(), plan.changes("create").len());
    assert_eq!(counts, (1, 1), "the account is adopted\n{plan}");
    // Where the list shows the temporary one in place of the declared one, that it is there is no success.
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    run.says(&["activated it through Privileged Identity Management", "apply again once it has ended"]);
    // Recreated, the account has lost its mark too.
    for_an_hour(&azure, "Assigned");
    let plan = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(plan.findings(), ["temporary-assignment@16"], "one that ends counts until then\n{plan}");
    assert_eq!((plan.changes("adopt").len(), plan.changes("create").len()), (2, 0));
}
