//! What fails stops what needs it and nothing else, and says so at its line.

use serde_json::{Value, json};

use super::{Act, Reply, Seen, World, each};
use crate::common::{ALICE, BOB, Run, account, grants, head, one_account};

fn step(run: &Run, action: &str, part: &str) -> Value {
    let report = run.json();
    let steps = report["steps"].as_array().unwrap();
    let fits = |step: &&Value| step["action"] == action && step["title"].as_str().unwrap().contains(part);
    steps.iter().find(fits).unwrap_or_else(|| panic!("no step {action} {part}\n{run}")).clone()
}

fn puts_account(name: &'static str) -> impl Fn(&Seen) -> bool + Send + Sync {
    move |seen| seen.method == "PUT" && seen.ends(&format!("/accounts/{name}"))
}

#[test]
fn an_account_that_cannot_be_made_takes_only_its_own_with_it() {
    let world = World::start();
    let folder = world.folder();
    let mut spec = head("team-a") + "accounts:\n";
    for name in ["bad", "good"] {
        spec += &format!("  - name: {name}\n");
        spec += &grants(&[ALICE, BOB]).lines().fold(String::new(), |all, line| all + "    " + line + "\n");
    }
    folder.write("a.yaml", &spec);
    world.proxy.script(each(
        puts_account("bad"),
        Act::Answer(Reply::error(400, "InvalidApiSetId", "The account type is invalid.")),
    ));
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    let report = run.json();
    let told = json!({"done": 3, "failed": 1, "skipped": 2, "refused": 0, "unknown": 0});
    assert_eq!(report["summary"], told, "{run}");
    assert_eq!(step(&run, "create", "account bad")["status"], "failed");
    for principal in [ALICE, BOB] {
        let line = 1 + spec.lines().position(|line| line.contains(principal)).unwrap();
        let step = step(&run, "create", &format!("{principal} on bad"));
        assert_eq!(step["status"], "skipped", "{run}");
        assert!(step["reason"].as_str().unwrap().contains("account bad"), "{run}");
        assert_eq!(step["source"]["line"], line, "{run}");
    }
    assert_eq!(world.principals(&account("good")), [ALICE, BOB]);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{run}");
    assert_eq!(findings[0]["source"]["line"], 7, "{run}");
    assert!(findings[0]["cause"].as_str().unwrap().contains("400 InvalidApiSetId"), "{run}");
    // People read the same.
    world.proxy.script(|_| Act::Pass);
    folder.keyless("apply a.yaml --yes").exits(0).says(&["3 done, 0 failed, 0 skipped"]);
}

#[test]
fn access_is_not_revoked_when_what_replaces_it_could_not_be_granted() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[BOB])));
    let denied = "The client 'c' with object id 'o' does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over scope '/s'.";
    world.proxy.script(each(
        |seen| seen.method == "PUT" && seen.holds("/roleAssignments/"),
        Act::Answer(Reply::error(403, "AuthorizationFailed", denied)),
    ));
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert_eq!(step(&run, "create", BOB)["status"], "failed", "{run}");
    let delete = step(&run, "delete", ALICE);
    assert_eq!(delete["status"], "skipped", "{run}");
    assert!(delete["reason"].as_str().unwrap().contains(BOB), "{run}");
    assert_eq!(world.principals(&account("chat")), [ALICE]);
    world.proxy.script(|_| Act::Pass);
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(world.principals(&account("chat")), [BOB]);
}

#[test]
fn keys_stay_on_when_a_grant_failed() {
    let world = World::start();
    let folder = world.folder();
    world.account("chat", json!({}), json!({"customSubDomainName": "chat"}));
    folder.write(
        "a.yaml",
        one_account("team-a", "chat", &format!("disableLocalAuth: true\n{}", grants(&[ALICE, BOB]))),
    );
    world.proxy.script(super::nth(
        0,
        |seen| seen.method == "PUT" && seen.holds("/roleAssignments/"),
        Act::Answer(Reply::error(403, "AuthorizationFailed", "no")),
    ));
    let run = folder.keyless("apply a.yaml --yes --format json").exits(1);
    assert_eq!(step(&run, "update", "account chat")["status"], "skipped", "{run}");
    assert_ne!(world.get(&account("chat"))["properties"]["disableLocalAuth"], true);
    folder.keyless("apply a.yaml --yes").exits(0);
    assert_eq!(world.get(&account("chat"))["properties"]["disableLocalAuth"], true);
}

#[test]
fn a_refusal_by_policy_names_the_policy_at_the_line() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", "publicNetworkAccess: Enabled\n"));
    let policy = "/subscriptions/s/providers/Microsoft.Authorization/policyAssignments/deny-public";
    let message = format!(
        "Resource 'chat' was disallowed by policy. Policy identifiers: '[{{\"policyAssignment\":{{\"name\":\"No public network\",\"id\":\"{policy}\"}},\"policyDefinition\":{{\"name\":\"Cognitive Services accounts should disable public network access\"}}}}]'."
    );
    let long = json!({"error": {"code": "RequestDisallowedByPolicy", "target": "chat", "message": message, "additionalInfo": [{
        "type": "PolicyViolation", "info": {"policyAssignmentDisplayName": "No public network", "policyAssignmentId": policy},
    }]}});
    // Where the message does not name it, the particulars do.
    let short = json!({"error": {"code": "InvalidTemplateDeployment", "message": "The deployment failed.", "details": [{
        "code": "RequestDisallowedByPolicy", "target": "chat", "message": "Resource 'chat' was disallowed by policy.",
        "additionalInfo": [{"type": "PolicyViolation", "info": {
            "policyDefinitionDisplayName": "Cognitive Services accounts should disable public network access",
            "policyAssignmentDisplayName": "No public network", "policyAssignmentId": policy,
        }}],
    }]}});
    for body in [long, short] {
        world.proxy.script(each(puts_account("chat"), Act::Answer(Reply::json(403, &body))));
        folder.keyless("apply a.yaml --yes").exits(1).says(&[
            "a.yaml:7:",
            "RequestDisallowedByPolicy",
            "No public network",
            "help: ",
            "policy",
        ]);
    }
}
