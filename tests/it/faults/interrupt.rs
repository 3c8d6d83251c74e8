//! Ctrl-C: requests in flight finish, nothing further begins, and the report says which is which.

use serde_json::Value;

use super::{Act, Going, Seen, World, each, nth};
use crate::common::{ALICE, BOB, CAROL, Run, account, grants, one_account};

fn steps(run: &Run, status: &str) -> Vec<Value> {
    let report = run.json();
    report["steps"].as_array().unwrap().iter().filter(|step| step["status"] == status).cloned().collect()
}

/// What keyless sent from a request on.
fn sent_after(world: &World, index: usize) -> Vec<Seen> {
    world.proxy.log().into_iter().filter(|seen| seen.index > index).collect()
}

#[test]
fn ctrl_c_lets_writes_in_flight_finish_and_begins_no_other() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB, CAROL])));
    let writes_grant = |seen: &Seen| seen.method == "PUT" && seen.holds("/roleAssignments/");
    for act in [Act::HoldBefore, Act::HoldAfter] {
        world.reset();
        world.proxy.script(each(writes_grant, act));
        let going = Going::start(&folder, "apply a.yaml --yes --format json --parallelism 2");
        let held = [world.held(), world.held()];
        going.interrupt();
        held.into_iter().for_each(super::Held::release);
        let run = going.end().exits(1);
        assert_eq!(steps(&run, "done").len(), 3, "the account and two grants: {run}");
        assert_eq!(steps(&run, "failed").len(), 0, "{run}");
        let skipped = steps(&run, "skipped");
        assert_eq!(skipped.len(), 1, "{run}");
        assert!(skipped[0]["reason"].as_str().unwrap().contains("interrupted"), "{run}");
        assert!(skipped[0]["source"]["line"].as_u64().is_some(), "{run}");
        assert_eq!(
            world.principals(&account("chat")).len(),
            2,
            "what was said to be done is done, and no more"
        );
        world.settle();
        world.proxy.reset();
        folder.keyless("apply a.yaml --yes").exits(0).says(&["1 done"]);
        folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
    }
}

#[test]
fn ctrl_c_during_the_first_write_skips_all_that_needs_it() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE, BOB])));
    world.proxy.script(nth(0, Seen::is_write, Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    let held = world.held();
    let index = held.seen.index;
    going.interrupt();
    held.release();
    let run = going.end().exits(1);
    assert_eq!(steps(&run, "skipped").len(), 2, "{run}");
    assert!(!sent_after(&world, index).iter().any(Seen::is_write), "{run}");
    assert_eq!(world.get(&account("chat"))["properties"]["provisioningState"], "Succeeded", "{run}");
    world.settle();
    world.proxy.reset();
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes"]);
}

#[test]
fn ctrl_c_before_a_steps_write_leaves_the_step_skipped() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    // The read before the account's write.
    world.proxy.script(nth(0, |seen| seen.ends("/accounts/chat"), Act::HoldAfter));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    let held = world.held();
    let index = held.seen.index;
    going.interrupt();
    held.release();
    let run = going.end().exits(1);
    assert!(sent_after(&world, index).is_empty(), "{run}");
    assert_eq!(steps(&run, "skipped").len(), 2, "nothing was tried: {run}");
}

#[test]
fn ctrl_c_while_reading_writes_nothing() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    world.proxy.script(nth(0, |_| true, Act::HoldBefore));
    let going = Going::start(&folder, "apply a.yaml --yes");
    let held = world.held();
    going.interrupt();
    held.release();
    going.end().exits(1).complains(&["nothing was written"]);
    assert!(!world.proxy.log().iter().any(Seen::is_write));
}

#[test]
fn a_wait_of_307_seconds_is_shown_and_ends_at_ctrl_c() {
    let world = World::start();
    let folder = world.folder();
    folder.write("a.yaml", one_account("team-a", "chat", &grants(&[ALICE])));
    let throttled =
        super::Reply::error(429, "SubscriptionRequestsThrottled", "Please try again after '307' seconds.")
            .with("retry-after", "307");
    world.proxy.script(nth(0, Seen::is_write, Act::Answer(throttled.clone())));
    let going = Going::start(&folder, "apply a.yaml --yes --format json");
    going.complains("waiting 307 s");
    going.interrupt();
    let run = going.end().exits(1);
    assert_eq!(steps(&run, "done").len(), 0, "{run}");
    world.settle();
    // While planning too.
    world.reset();
    world.proxy.script(nth(0, |_| true, Act::Answer(throttled)));
    let going = Going::start(&folder, "plan a.yaml");
    going.complains("waiting 307 s");
    going.interrupt();
    going.end().exits(1);
    world.proxy.reset();
    folder.keyless("apply a.yaml --yes").exits(0);
}
