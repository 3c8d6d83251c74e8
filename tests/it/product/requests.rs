//! How many requests a plan takes, and how many of them wait for others.

use std::collections::BTreeMap;
use std::time::Duration;

use keyless::checks;
use keyless::diff::diff;
use keyless::drift::Inquiry;
use keyless::drift::LogAnswer::Unread;
use keyless::kinds::desired::resolved;
use keyless::kinds::{Survey, missing};
use keyless::read::ask_log;
use keyless::snapshot::{Answer, Query, Snapshot};
use keyless::spec::variables::VariableInputs;
use keyless::spec::{self, Loaded};
use keyless::text::source::Sources;
use serde_json::{Value, json};

use crate::arm;
use crate::arm::server::{Play, Server, answer};
use crate::common::{ALICE, Azure, BOB, CAROL, Folder, account, grants, one_account};

fn three_grants() -> String {
    one_account("team-a", "chat", &grants(&[ALICE, BOB, CAROL]))
}

fn load(spec: &str) -> Vec<Loaded> {
    let folder = Folder::new();
    let path = folder.write("a.yaml", spec);
    let (stacks, findings) = spec::read(
        &[path],
        &VariableInputs::default(),
        &mut Sources::default(),
        std::io::empty(),
        keyless::kinds::check,
    );
    assert!(findings.is_empty(), "{findings:?}");
    stacks
}

/// A drift waits neither for a log that never answers nor for one that asks to come back in an hour.
#[tokio::test]
async fn the_activity_log_is_not_waited_for_without_end() {
    let stacks = load(&three_grants());
    let mut snapshot = Snapshot::default();
    while let open = missing(&Survey::of(&stacks, &snapshot))
        && !open.is_empty()
    {
        for query in open {
            snapshot.insert(&query, Answer::found([]));
        }
    }
    let diff = diff(&stacks, resolved(&stacks, &snapshot), &snapshot);
    let later = answer(429, &[("retry-after", "3600")], &Value::Null);
    for play in [Play::Silence, later] {
        let server = Server::start().await;
        server.forever(play, Duration::ZERO);
        let queries = Inquiry::new(&diff, &snapshot, BTreeMap::new()).queries(jiff::Timestamp::now());
        let patience = Duration::from_millis(30);
        let answers = ask_log(queries, &arm::client(&server.base), patience).await;
        let [(_, Unread(refusal))] = answers.as_slice() else { panic!("one question: {answers:?}") };
        assert!(refusal.message.contains("could not be read completely"), "{refusal:?}");
    }
}

/// Answers waves of queries until none is open: how many each had.
fn waves(stacks: &[Loaded], answer: impl Fn(&Query) -> Answer) -> Vec<usize> {
    let mut snapshot = Snapshot::default();
    let mut waves = Vec::new();
    loop {
        let mut open = missing(&Survey::of(stacks, &snapshot));
        open.extend(checks::missing(Survey::of(stacks, &snapshot)));
        if open.is_empty() {
            return waves;
        }
        waves.push(open.len());
        assert!(waves.len() < 10, "no end: {open:?}");
        for query in open {
            snapshot.insert(&query, answer(&query));
        }
    }
}

#[test]
fn one_account_with_three_assignments_plans_with_few_requests_in_two_waves() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", three_grants());
    folder.keyless("plan a.yaml").exits(0).says(&["4 to create"]);
    let new = azure.take_seen();
    // Two lists; then the group, soft-deleted accounts, who the principals are, locks, deny assignments, rights, subdomain, offers, policies.
    assert_eq!(new.len(), 11, "{new:?}");
    folder.keyless("apply a.yaml --yes").exits(0);
    azure.take_seen();

    let before = azure.counts();
    let plan = folder.keyless("plan a.yaml --format json").exits(0).json();
    let after = azure.counts();
    assert_eq!(azure.take_seen().len(), 2, "the list of accounts and the list of assignments");
    assert_eq!((after.0 - before.0, after.1 - before.1), (2, 0), "the sandbox counted the same");
    assert_eq!(plan["requests"]["reads"], 2, "and so did keyless");

    let stacks = load(&three_grants());
    let nothing = waves(&stacks, |_| Answer::found(Vec::new()));
    assert_eq!(nothing, [2, 9]);
    let account = azure.get(&crate::common::account("chat"));
    let there = waves(&stacks, |query| {
        let found = query.path.contains("CognitiveServices/accounts?");
        Answer::found(if found { vec![account.clone()] } else { Vec::new() })
    });
    assert_eq!(there, [2, 4], "who the new ones are, locks, deny assignments, and what the caller may do");
}

#[test]
fn reading_ends_whatever_is_answered() {
    let refusal = || keyless::snapshot::Refusal { message: "no".into(), hint: None };
    let answers: [fn(&Query, keyless::snapshot::Refusal) -> Answer; 4] = [
        |_, _| Answer::Absent { code: "ResourceGroupNotFound".into() },
        |_, refusal| Answer::Denied(refusal),
        |_, refusal| Answer::Failed(refusal),
        |_, _| Answer::found(vec![Value::Null, serde_json::json!({"id": 7, "properties": []})]),
    ];
    for answer in answers {
        let waves = waves(&load(&three_grants()), |query| answer(query, refusal()));
        assert!(waves.len() <= 3, "{waves:?}");
    }
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn many_accounts_and_assignments_take_no_more_reads_than_one() {
    let azure = Azure::start();
    let folder = azure.folder();
    let mut spec = one_account("team-a", "chat0", &grants(&[ALICE, BOB]));
    for index in 1..40 {
        let one = one_account("team-a", &format!("chat{index}"), &grants(&[ALICE, BOB]));
        spec.push_str(one.split_once("accounts:\n").unwrap().1);
    }
    folder.write("a.yaml", spec);
    folder.keyless("apply a.yaml --yes -q").exits(0).says(&["120 done"]);
    azure.take_seen();
    folder
        .keyless("plan a.yaml --detailed-exitcode")
        .exits(0)
        .says(&["No changes; 120 unchanged", "2 reads"]);
    assert_eq!(azure.take_seen().len(), 2);
}

/// One principal has a role on three accounts through unmarked assignments, one of them activated.
#[test]
fn whether_assignments_hold_for_a_while_is_asked_once_for_their_subscription() {
    let azure = Azure::start();
    let folder = azure.folder();
    let names = ["chat0", "chat1", "chat2"];
    let mut spec = one_account("team-a", names[0], &grants(&[ALICE]));
    for name in &names[1..] {
        spec.push_str(one_account("team-a", name, &grants(&[ALICE])).split_once("accounts:\n").unwrap().1);
    }
    folder.write("a.yaml", spec);
    for name in names {
        azure.make_account(name, &json!({}));
        let given = json!({
            "scope": account(name), "role": "Cognitive Services User", "principalId": ALICE, "principalType": "User",
            "seconds": 3600, "assignmentType": if name == "chat1" { "Activated" } else { "Assigned" },
        });
        assert_eq!(
            azure.send("POST", "/_sandbox/access", Some(json!({"scheduleInstances": [given]}))).status,
            200
        );
    }
    azure.take_seen();
    let plan = folder.keyless("plan a.yaml -v").exits(0);
    plan.says(&["1 to create", "somebody activated it", "ends "]);
    let asked = azure.take_seen();
    let asked: Vec<_> =
        asked.iter().filter(|seen| seen.target.contains("roleAssignmentScheduleInstances")).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(!asked[0].target.contains("filter"), "{asked:?}");
}

#[test]
fn a_plan_of_the_same_state_is_the_same_byte_for_byte() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", three_grants());
    let plan = || folder.keyless("plan a.yaml --format json").exits(0).stdout;
    let first = plan();
    assert!((0..5).all(|_| plan() == first));
}
