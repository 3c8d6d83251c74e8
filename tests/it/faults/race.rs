//! Others are at work at the same time.

use std::time::Duration;

use keyless::sandbox::Options;
use serde_json::json;

use super::{Act, Going, Seen, World, nth};
use crate::common::{ALICE, BOB, CS_USER, account, assignment, grants, one_account, side_by_side};

/// The GUID that somebody gave an assignment by hand.
const BY_HAND: &str = "12345678-aaaa-4bbb-8ccc-0123456789ab";

fn writes_grant(seen: &Seen) -> bool {
    seen.method == "PUT" && seen.holds("/roleAssignments/")
}

fn ip_rules(world: &World) -> Vec<String> {
    let live = world.get(&account("chat"));
    let rules = live["properties"]["networkAcls"]["ipRules"].as_array().unwrap().clone();
    rules.iter().map(|rule| rule["value"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_address_added_between_plan_and_write_survives_where_it_is_not_declared() {
    let acls = |rules: &[&str]| {
        let rules: Vec<_> = rules.iter().map(|rule| json!({ "value": rule })).collect();
        json!({"defaultAction": "Allow", "ipRules": rules, "virtualNetworkRules": []})
    };
    for lines in
        ["tags: {team: ml}\n", "networkAcls: {defaultAction: Deny}\n", "publicNetworkAccess: Disabled\n"]
    {
        let world = World::start();
        let folder = world.folder();
        let properties = json!({"customSubDomainName": "chat", "disableLocalAuth": true, "networkAcls": acls(&["198.51.100.7"])});
        world.account("chat", json!({}), properties);
        folder.write("a.yaml", one_account("team-a", "chat", lines));
        // The read directly before the write is where the plan ends and the write begins.
        world.proxy.script(nth(
            0,
            |seen| seen.method == "GET" && seen.ends("/accounts/chat"),
            Act::HoldBefore,
        ));
        let going = Going::start(&folder, "apply a.yaml --yes");
        let held = world.held();
        world.patch(
            &account("chat"),
            json!({"properties": {"networkAcls": acls(&["198.51.100.7", "203.0.113.9"])}}),
        );
        held.release();
        going.end().exits(0);
        assert_eq!(ip_rules(&world), ["198.51.100.7", "203.0.113.9"], "{lines}");
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
    }
}

#[test]
fn an_assignment_made_meanwhile_under_another_name_is_named() {
    let world = World::start();
    let folder = world.folder();
    world.account("chat", json!({}), json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    world.proxy.script(nth(0, writes_grant, Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    let held = world.held();
    world.grant(&account("chat"), BY_HAND, CS_USER, ALICE, "by hand");
    held.release();
    let run = going.end().exits(0);
    let reason = run.json()["steps"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains(BY_HAND) && reason.contains("created by"), "{reason}");
    assert_eq!(world.principals(&account("chat")), [ALICE], "nothing twice");
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn a_saved_plan_is_refused_with_the_name_of_what_changed_since() {
    type Change = fn(&World);
    let changes: [(Change, &str); 4] = [
        (|world| _ = world.patch(&account("chat"), json!({"tags": {"someone": "else"}})), "account chat"),
        (|world| world.delete(&assignment(&account("chat"), BY_HAND)), "User user-bbbbbbbb@sandbox.invalid"),
        (
            |world| world.grant(&account("chat"), BY_HAND, CS_USER, BOB, "now [keyless:team-a]"),
            "User user-bbbbbbbb@sandbox.invalid",
        ),
        (|world| world.delete(&account("chat")), "account chat"),
    ];
    for (change, name) in changes {
        let world = World::start();
        let folder = world.folder();
        world.account("chat", json!({}), json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
        world.grant(&account("chat"), BY_HAND, CS_USER, BOB, "was [keyless:team-a]");
        let lines = format!("tags: {{team: ml}}\n{}", grants(&[ALICE]));
        folder.write("a.yaml", one_account("team-a", "chat", &lines));
        folder
            .keyless("plan a.yaml --out plan.json")
            .exits(0)
            .says(&["1 to create, 1 to update, 1 to delete"]);
        change(&world);
        let before = world.state();
        world.proxy.take_log();
        let run = folder.keyless("apply plan.json --yes").exits(3).says(&["guard-stale"]);
        assert!(
            run.stdout.lines().any(|line| line.contains(name) && line.contains("after the plan was made")),
            "{name}: {run}"
        );
        assert!(!world.proxy.take_log().iter().any(Seen::is_write), "{run}");
        assert_eq!(world.state(), before);
    }
}

/// Two applies of one spec, started together.
fn two_at_once(world: &World, lines: &str, prepare: fn(&World)) -> [i32; 2] {
    world.reset();
    prepare(world);
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", lines));
    let both = [0, 1].map(|_| Going::start(&folder, "apply a.yaml --yes"));
    let both = both.map(Going::end);
    let plan = folder.keyless("plan a.yaml --detailed-exitcode");
    let clean = both.iter().all(|run| run.code == 0);
    if clean {
        assert!(plan.code == 0 && plan.stdout.contains("No changes"), "{plan}\n{}\n{}", both[0], both[1]);
    }
    for run in &both {
        // Whoever did not succeed says what stood in the way, and where in the spec.
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(run.code == 0 || run.code == 1 && said.contains("a.yaml:"), "{run}");
    }
    assert_eq!(world.principals(&account("chat")).iter().filter(|id| *id == ALICE).count(), 1);
    if plan.code != 0 {
        folder.keyless("apply a.yaml --yes").exits(0);
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    }
    both.map(|run| run.code)
}

fn live_with_keys(world: &World) {
    world.account("chat", json!({"cost": "7"}), json!({"customSubDomainName": "chat"}));
    world.grant(&account("chat"), BY_HAND, CS_USER, BOB, "was [keyless:team-a]");
}

#[test]
#[ignore = "slow: tests/slow.sh"]
fn two_applies_at_once_end_in_the_desired_state_or_say_why_not() {
    let lines = format!("disableLocalAuth: true\ntags: {{team: ml}}\n{}", grants(&[ALICE]));
    let world = World::start();
    two_at_once(&world, &lines, |_| {});
    two_at_once(&world, &lines, live_with_keys);
}

/// With operations that take time, one of the two meets an account that is being written.
#[test]
fn two_applies_at_once_bear_an_account_that_is_being_made() {
    let lines = format!("disableLocalAuth: true\ntags: {{team: ml}}\n{}", grants(&[ALICE]));
    let world = World::with(Options { operation_time: Duration::from_millis(150), ..Options::default() });
    two_at_once(&world, &lines, |_| {});
}

#[test]
#[ignore = "tests/storm.sh runs it"]
#[expect(clippy::print_stdout, reason = "a table for people")]
fn sixty_times_two_applies_at_once() {
    type Setting = (&'static str, u64, fn(&World));
    let lines = format!("disableLocalAuth: true\ntags: {{team: ml}}\n{}", grants(&[ALICE]));
    let settings: [Setting; 3] =
        [("new, at once", 0, |_| {}), ("live, at once", 0, live_with_keys), ("new, 150 ms", 150, |_| {})];
    let ends = side_by_side(&settings, |(_, millis, prepare)| {
        let operation_time = Duration::from_millis(*millis);
        let world = World::with(Options { operation_time, ..Options::default() });
        let mut ends = std::collections::BTreeMap::new();
        for _ in 0..20 {
            let mut codes = two_at_once(&world, &lines, *prepare);
            codes.sort_unstable();
            *ends.entry(codes).or_insert(0) += 1;
        }
        ends
    });
    for ((name, ..), ends) in settings.iter().zip(&ends) {
        for (codes, count) in ends {
            println!("two applies at once, {name}: {count} times exit codes {codes:?}");
        }
        // Were each pair to end in a conflict, nothing would be shown of two that go through.
        let through: usize = ends.iter().filter(|(codes, _)| codes[0] == 0).map(|(_, count)| count).sum();
        assert!(through * 2 >= 20, "{name}: in {through} of 20 pairs one apply went through");
    }
}

#[test]
fn an_account_deleted_during_the_apply_is_reported_and_the_next_run_says_what_to_do() {
    let world = World::start();
    let folder = world.folder();
    let spec = one_account("team-a", "chat", &grants(&[ALICE, BOB]));
    folder.write("a.yaml", &spec);
    world.proxy.script(nth(0, writes_grant, Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    let held = world.held();
    world.delete(&account("chat"));
    held.release();
    let run = going.end().exits(1);
    let report = run.json();
    assert_eq!(
        report["summary"]["done"].as_u64().unwrap() + report["summary"]["failed"].as_u64().unwrap(),
        3,
        "{run}"
    );
    let failed = report["steps"].as_array().unwrap().iter().filter(|step| step["status"] == "failed").count();
    assert!(failed >= 1, "{run}");
    world.settle();
    world.proxy.reset();
    folder.keyless("apply a.yaml --yes").exits(1).says(&["soft-deleted", "onSoftDeleted: restore"]);
    folder.write("a.yaml", spec.replacen("accounts:", "onSoftDeleted: restore\naccounts:", 1));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    assert_eq!(world.principals(&account("chat")), [ALICE, BOB]);
}

#[test]
fn an_account_deleted_between_plan_and_write_is_not_made_anew() {
    let world = World::start();
    let folder = world.folder();
    world.account("chat", json!({}), json!({"customSubDomainName": "chat", "disableLocalAuth": true}));
    folder.write("a.yaml", one_account("team-a", "chat", "tags: {team: ml}\n"));
    world.proxy.script(nth(0, |seen| seen.method == "GET" && seen.ends("/accounts/chat"), Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes");
    let held = world.held();
    world.delete(&account("chat"));
    held.release();
    let run = going.end().exits(1);
    assert!(format!("{}{}", run.stdout, run.stderr).contains("deleted since the plan was made"), "{run}");
    assert_eq!(world.state()["accounts"], json!([]));
}

/// Undeclared values survive even if Azure's answer to the restore is lost and it is retried.
#[test]
fn a_restore_whose_answer_is_lost_resets_nothing() {
    for act in [
        Act::DropAfter,
        Act::AnswerAfter(super::Reply::error(500, "InternalServerError", "x")),
        Act::Truncate,
    ] {
        let world = World::start();
        let folder = world.folder();
        // Without network rules: of an account that has some, Azure itself refuses the PUT that would reset the rest.
        let properties = json!({"customSubDomainName": "chat", "disableLocalAuth": true, "publicNetworkAccess": "Disabled"});
        world.account("chat", json!({"cost": "7"}), properties);
        world.delete(&account("chat"));
        let spec = one_account("team-a", "chat", &format!("tags: {{team: ml}}\n{}", grants(&[ALICE])));
        folder.write("a.yaml", spec.replacen("accounts:", "onSoftDeleted: restore\naccounts:", 1));
        world.proxy.script(nth(0, |seen| seen.method == "PUT" && seen.ends("/accounts/chat"), act));
        folder.keyless("apply a.yaml --yes").exits(0);
        let live = world.get(&account("chat"));
        assert_eq!(live["tags"]["cost"], "7");
        assert_eq!(live["properties"]["publicNetworkAccess"], "Disabled");
        let restores = world.proxy.take_log();
        let restores = restores.iter().filter(|seen| seen.body["properties"]["restore"] == true);
        assert_eq!(restores.filter(|seen| seen.effect == 201).count(), 1, "it was restored, and once");
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0);
        // The control: this is what a second one would have done.
        let body = json!({"location": "eastus2", "properties": {"restore": true}});
        assert_eq!(world.send("PUT", &account("chat"), Some(body)).0, 200);
        let live = world.get(&account("chat"));
        assert!(live["tags"].is_null() && live["properties"]["publicNetworkAccess"] == "Enabled", "{live}");
    }
}

/// A resource created between plan and write is never overwritten.
#[test]
fn what_somebody_made_meanwhile_is_not_overwritten() {
    let tags = json!({"by": "hand"});
    let project = json!({"location": "eastus2", "identity": {"type": "SystemAssigned"}, "properties": {"description": "by hand"}});
    let by_hand: [(&str, serde_json::Value); 2] = [
        (
            "",
            json!({"location": "eastus2", "kind": "AIServices", "sku": {"name": "S0"}, "tags": tags,
            "properties": {"customSubDomainName": "chat", "publicNetworkAccess": "Disabled"}}),
        ),
        ("/projects/main", project),
    ];
    for (below, body) in by_hand {
        let world = World::start();
        let folder = world.folder();
        let path = format!("{}{below}", account("chat"));
        if !below.is_empty() {
            let properties = json!({"customSubDomainName": "chat", "disableLocalAuth": true, "allowProjectManagement": true});
            world.account("chat", json!({}), properties);
        }
        folder
            .write("a.yaml", one_account("team-a", "chat", "projects: [{name: main, description: ours}]\n"));
        let end = path.rsplit_once("/accounts/").unwrap().1.to_owned();
        world.proxy.script(nth(0, move |seen| seen.method == "GET" && seen.ends(&end), Act::HoldBefore));
        let going = Going::start(&folder, "apply a.yaml --yes");
        let held = world.held();
        assert!(world.send("PUT", &path, Some(body)).0 < 300);
        let made = world.get(&path);
        world.proxy.take_log();
        held.release();
        let run = going.end().exits(1);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(
            said.contains(
                "somebody created it since the plan was made, with differences from the declaration"
            ),
            "{run}"
        );
        assert!(!world.proxy.take_log().iter().any(Seen::is_write), "{run}");
        assert_eq!(world.get(&path), made);
    }
}

/// A concurrent run of the same spec has done it: nothing is written, and the endpoint is still printed.
#[test]
fn a_step_that_finds_things_as_declared_tells_the_same_outputs() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    world.proxy.script(nth(0, |seen| seen.method == "GET" && seen.ends("/accounts/chat"), Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    let held = world.held();
    let properties = json!({"customSubDomainName": "chat", "disableLocalAuth": true});
    world.account("chat", json!({"keyless-stack": "team-a"}), properties);
    world.proxy.take_log();
    held.release();
    let run = going.end().exits(0);
    let step = run.json()["steps"][0].clone();
    assert_eq!(step["reason"], "it was already as declared", "{run}");
    let outputs = step["outputs"].as_array().unwrap();
    assert!(
        outputs.iter().any(|output| output["name"] == "endpoint"
            && output["value"].as_str().unwrap().starts_with("https://chat.")),
        "{run}"
    );
    assert!(!world.proxy.take_log().iter().any(Seen::is_write), "{run}");
}

/// Another run's creation is under way when this one looks: what waits for it waits for its end.
#[test]
fn a_step_that_finds_a_creation_under_way_waits_for_its_end() {
    let world = World::with(Options { operation_time: Duration::from_secs(2), ..Options::default() });
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", ""));
    folder.keyless("apply a.yaml --yes").exits(0);
    let lines = "deployments: [{name: gpt, model: {format: OpenAI, name: gpt-4o, version: \"2024-08-06\"}, sku: {name: GlobalStandard, capacity: 1}}]\n";
    folder.write("a.yaml", one_account("team-a", "chat", lines));
    world.proxy.script(nth(0, |seen| seen.method == "GET" && seen.ends("/deployments/gpt"), Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    let held = world.held();
    let path = format!("{}/deployments/gpt", account("chat"));
    let body = json!({"sku": {"name": "GlobalStandard", "capacity": 1}, "tags": {"keyless-stack": "team-a"},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "2024-08-06"}}});
    assert!(world.send("PUT", &path, Some(body)).0 < 300);
    assert_eq!(world.get(&path)["properties"]["provisioningState"], "Creating");
    world.proxy.take_log();
    held.release();
    let run = going.end().exits(0);
    assert_eq!(run.json()["steps"][0]["reason"], "it was already as declared", "{run}");
    assert_eq!(world.get(&path)["properties"]["provisioningState"], "Succeeded");
    assert!(!world.proxy.take_log().iter().any(Seen::is_write), "{run}");
}

/// Whoever takes the mark off while the service says "try again" has taken the thing over.
#[test]
fn a_delete_that_is_tried_again_looks_whose_it_is_by_then() {
    let world = World::start();
    let folder = world.folder();
    let project = format!("{}/projects/main", account("chat"));
    folder.write("a.yaml", one_account("team-a", "chat", "projects: [{name: main}]\n"));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", one_account("team-a", "chat", "projects: []\n"));
    let outdated =
        super::Reply::error(412, "IfMatchPreconditionFailed", "The specified precondition failed.");
    world.proxy.script(nth(0, |seen| seen.method == "DELETE", Act::Answer(outdated)));
    let going = Going::start(&folder, "apply a.yaml --yes --allow delete-project");
    let start = std::time::Instant::now();
    while !world.proxy.log().iter().any(|seen| seen.method == "DELETE" && seen.status == 412) {
        assert!(start.elapsed() < Duration::from_mins(1), "no delete came");
        std::thread::sleep(Duration::from_millis(2));
    }
    world.patch(&project, json!({"tags": {"by": "hand"}}));
    let run = going.end().exits(1);
    assert!(format!("{}{}", run.stdout, run.stderr).contains("its mark was removed"), "{run}");
    assert_eq!(world.proxy.take_log().iter().filter(|seen| seen.method == "DELETE").count(), 1);
    world.get(&project);
}

/// What a spec has no word for, and a write dropped without a word.
#[test]
fn what_a_write_drops_without_a_word_is_told() {
    let world = World::start();
    let folder = world.folder();
    let lines = |turn: u32| format!("projects: [{{name: main, tags: {{turn: '{turn}'}}}}]\n");
    folder.write("a.yaml", one_account("team-a", "chat", &lines(1)));
    folder.keyless("apply a.yaml --yes").exits(0);
    let mut shown = world.get(&format!("{}/projects/main", account("chat")));
    shown["properties"]["fromTheFuture"] = json!(true);
    folder.write("a.yaml", one_account("team-a", "chat", &lines(2)));
    let answer = Act::Answer(super::Reply::json(200, &shown));
    world.proxy.script(nth(0, |seen| seen.method == "GET" && seen.ends("/projects/main"), answer));
    let run = folder.keyless("apply a.yaml --yes").exits(1);
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(said.contains("`properties.fromTheFuture` was `true` and is gone"), "{run}");
}
