//! Grants that do not count as access, and access that did not count before: deleted principals, temporary grants, an account's own
//! identities.

use serde_json::json;

use super::{ALICE, BOB, CHAT, CS_USER, GROUP, OWNER, READER, grant, id, keys, messages, world};
use crate::guards::*;

/// A schedule that says when an assignment ends.
fn schedule(of: &Value) -> Value {
    let assignment = of["id"].as_str().unwrap();
    json!({
        "id": assignment.replace("roleAssignments", "roleAssignmentScheduleInstances"),
        "properties": {"originRoleAssignmentId": assignment, "assignmentType": "Activated", "endDateTime": "2030-01-01T00:00:00Z"},
    })
}

fn marked(mut body: Value, mark: &str) -> Value {
    body["properties"]["description"] = json!(format!("why [keyless:{mark}]"));
    body
}

/// The same under the name that keyless assigns.
fn named(mut body: Value, scope: &str) -> Value {
    let text = |name: &str| body["properties"][name].as_str().unwrap().to_owned();
    let role = text("roleDefinitionId").rsplit('/').next().unwrap().to_owned();
    let name = crate::id::arm_guid(&[text("principalId"), role, scope.to_owned()]);
    body["id"] = json!(format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}"));
    body
}

fn under(mut body: Value, condition: &str) -> Value {
    body["properties"]["condition"] = json!(condition);
    body
}

/// A scope that could not be read, and why.
fn refused(scope: &str) -> (ResourceId, String) {
    (id(scope), format!("GET {scope}: no"))
}

fn found(before: &World, after: &World) -> Vec<String> {
    messages(rights(before, after, None, &Declared::default()).objections)
}

/// The refusals when keys are disabled while these grants stand before and after, in a world altered first.
fn keys_go_off(grants: &[Value], alter: impl Fn(&mut World)) -> Vec<String> {
    let state = |off: bool| {
        let mut state = world(grants.iter().cloned().chain([keys(off)]));
        alter(&mut state);
        state
    };
    found(&state(false), &state(true))
}

#[track_caller]
fn locked(found: &[String], words: &str) {
    let [only] = found else { panic!("one objection: {found:?}") };
    assert!(only.starts_with("lock-out: ") && only.contains(words), "{only}");
}

#[test]
fn nobody_comes_in_by_a_grant_of_a_principal_that_is_gone() {
    let gone = |state: &mut World| state.gone.extend([ALICE.parse::<Uuid>().unwrap()]);
    for scope in [CHAT, GROUP] {
        let theirs = grant(1, scope, CS_USER, &ALICE.to_uppercase());
        locked(&keys_go_off(std::slice::from_ref(&theirs), gone), "are for principals that are gone");
        assert!(keys_go_off(&[theirs, grant(2, scope, CS_USER, BOB)], gone).is_empty());
    }
    // Removing an orphan removes no access.
    let (mut before, mut after) = (world([keys(true), grant(1, CHAT, CS_USER, ALICE)]), world([keys(true)]));
    gone(&mut before);
    gone(&mut after);
    assert!(found(&before, &after).is_empty());
}

#[test]
fn a_grant_that_ends_or_may_end_is_no_way_in_wherever_it_stands() {
    let unread = |state: &mut World| state.unscheduled.at.extend([refused(CHAT)]);
    for scope in [CHAT, GROUP] {
        let given = grant(1, scope, CS_USER, ALICE);
        locked(&keys_go_off(&[given.clone(), schedule(&given)], |_| {}), "are temporary");
        locked(&keys_go_off(std::slice::from_ref(&given), unread), "roleAssignmentScheduleInstances");
        // A mark says nothing about how long it lasts: anyone can type one.
        for mark in ["team-a", "nobody-knows", ""] {
            let typed = marked(given.clone(), mark);
            locked(&keys_go_off(&[typed.clone(), schedule(&typed)], |_| {}), "are temporary");
            locked(&keys_go_off(&[typed], unread), "may be temporary");
        }
        // What keyless created is permanent, as its name shows, and one permanent grant is enough.
        let ours = named(given.clone(), scope);
        assert!(keys_go_off(std::slice::from_ref(&ours), unread).is_empty());
        assert!(keys_go_off(&[given.clone(), named(grant(2, CHAT, CS_USER, BOB), CHAT)], unread).is_empty());
        // The name is derived from role, principal and scope, and what Azure says wins.
        let mut another = ours.clone();
        another["properties"]["principalId"] = json!(BOB);
        locked(&keys_go_off(&[another], unread), "may be temporary");
        locked(&keys_go_off(&[ours.clone(), schedule(&ours)], |_| {}), "are temporary");
        assert!(keys_go_off(&[given], |_| {}).is_empty(), "nobody asked");
    }
    // Nor does one that the plan only adds.
    let given = grant(1, CHAT, CS_USER, ALICE);
    let (mut before, mut after) =
        (world([keys(false), given.clone()]), world([keys(true), marked(given.clone(), "team-a")]));
    unread(&mut before);
    unread(&mut after);
    locked(&found(&before, &after), "may be temporary");
    // One that the plan creates is permanent.
    let (mut before, mut after) = (world([keys(false)]), world([keys(true), given]));
    unread(&mut before);
    unread(&mut after);
    assert!(found(&before, &after).is_empty());
}

#[test]
fn an_account_lets_in_nobody_by_identities_of_its_own() {
    let project = format!("{CHAT}/projects/main");
    let elsewhere = format!("{CHAT}2");
    let later = grant(1, CHAT, CS_USER, "the identity of somebody");
    for (holder, is_own) in [(CHAT, true), (project.as_str(), true), (elsewhere.as_str(), false)] {
        // The same plan creates it.
        let assignment = id(later["id"].as_str().unwrap());
        let mut after = world([keys(true), later.clone()]);
        after.holders.insert(assignment, id(holder));
        let said = found(&world([keys(false)]), &after);
        if is_own {
            locked(&said, "the account's own identity");
        } else {
            assert!(said.is_empty(), "{holder}: {said:?}");
        }
        // It exists, and so does the grant.
        if holder != CHAT {
            let body = json!({"id": holder, "identity": {"principalId": ALICE.to_uppercase()}});
            let said = keys_go_off(&[body, grant(1, GROUP, CS_USER, ALICE)], |_| {});
            assert_eq!(!said.is_empty(), is_own, "{holder}: {said:?}");
        }
    }
    // If projects could not be listed, any service may be one of them.
    let unlisted = |state: &mut World| state.unlisted.extend([refused(CHAT)]);
    let with = |kind: &str| {
        let mut body = grant(1, CHAT, CS_USER, ALICE);
        body["properties"]["principalType"] = json!(kind);
        body
    };
    locked(&keys_go_off(&[with("ServicePrincipal")], unlisted), "could not be read");
    assert!(keys_go_off(&[with("Group")], unlisted).is_empty());
}

#[test]
fn what_somebody_has_for_a_while_gives_nothing_that_lasts() {
    let only = "@Resource[x] StringEquals 'a'";
    let unread = |state: &mut World| state.unscheduled.at.extend([refused(CHAT), refused(GROUP)]);
    let above = grant(1, GROUP, READER, ALICE);
    let here = grant(2, CHAT, READER, ALICE);
    let owner = grant(3, GROUP, OWNER, ALICE);
    for (what, before, after, rule) in [
        (
            "a condition dropped",
            vec![above.clone(), under(here.clone(), only)],
            vec![above.clone(), here],
            "condition",
        ),
        ("given for good", vec![owner.clone()], vec![owner.clone(), grant(4, GROUP, OWNER, ALICE)], "grant"),
    ] {
        let said = |ends: bool, alter: fn(&mut World)| {
            let ended = before.iter().take(1).filter(|_| ends).map(schedule);
            let state = |bodies: &[Value]| {
                let mut state = world(bodies.iter().cloned().chain(ended.clone()));
                alter(&mut state);
                state
            };
            found(&state(&before), &state(&after))
        };
        for found in [said(true, |_| {}), said(false, unread)] {
            assert!(found.len() == 1 && found[0].starts_with(&format!("{rule}: ")), "{what}: {found:?}");
        }
        assert!(said(false, |_| {}).is_empty(), "{what}: it lasts");
    }
    // The plan does not grant what is only there as before.
    let state = world([owner.clone(), schedule(&owner)]);
    assert!(found(&state, &state).is_empty());
}

#[test]
fn what_the_caller_has_for_a_while_is_no_right_that_it_keeps() {
    let (owner, active) = (grant(1, GROUP, OWNER, ALICE), grant(2, GROUP, OWNER, ALICE));
    let schedule = schedule(&active);
    let before = world([owner, active.clone(), schedule.clone()]);
    let after = world([active, schedule]);
    let judged = |before: &World, after: &World| {
        messages(rights(before, after, Some(ALICE.parse().unwrap()), &Declared::default()).objections)
    };
    locked(&judged(&before, &after), "takes `Owner`");
    assert!(judged(&after, &after).is_empty());
}

#[test]
fn an_identity_comes_into_a_live_account_by_nothing_that_is_new_in_it() {
    let project = format!("{CHAT}/projects/second");
    let body = |id: &str| {
        let foreign = format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/foreign");
        json!({"id": id, "identity": {"userAssignedIdentities": {foreign: {}}}})
    };
    let said = |before: &World| messages(identity::objections(before, &world([keys(true), body(&project)])));
    let found = said(&world([keys(true)]));
    assert!(found.len() == 1 && found[0].contains("new `second` of live account `chat`"), "{found:?}");
    assert!(said(&World::default()).is_empty(), "the account is new too");
    assert!(said(&world([keys(true), body(&project)])).is_empty());
}

#[test]
fn nobody_comes_in_by_an_identity_that_the_plan_deletes() {
    let other = format!("{CHAT}2");
    let project = format!("{other}/projects/main");
    let with = |id: &str, kind: &str| json!({"id": id, "identity": {"type": kind, "principalId": ALICE.to_uppercase()}});
    let parent = json!({"id": other, "properties": {}});
    let own = "SystemAssigned";
    for (was, is, goes) in [
        (vec![with(&other, own)], vec![], true),
        (vec![with(&other, own)], vec![with(&other, "None")], true),
        (vec![with(&other, "SystemAssigned, UserAssigned")], vec![with(&other, "UserAssigned")], true),
        (vec![with(&other, own)], vec![with(&other, "userAssigned,systemAssigned")], false),
        (vec![parent.clone(), with(&project, own)], vec![parent.clone()], true),
        (vec![parent.clone(), with(&project, own)], vec![with(&project, own)], true),
        (vec![parent.clone(), with(&project, own)], vec![parent.clone(), with(&project, own)], false),
    ] {
        for scope in [CHAT, GROUP] {
            let theirs = grant(1, scope, CS_USER, ALICE);
            for off_before in [false, true] {
                let before = world(was.iter().cloned().chain([keys(off_before), theirs.clone()]));
                let after = |more: &[Value]| {
                    world(is.iter().chain(more).cloned().chain([keys(true), theirs.clone()]))
                };
                let said = found(&before, &after(&[]));
                if goes {
                    locked(&said, "are for identities that the plan deletes");
                } else {
                    assert!(said.is_empty(), "{was:?} {is:?}: {said:?}");
                }
                let bobs = named(grant(2, CHAT, CS_USER, BOB), CHAT);
                assert!(found(&before, &after(&[bobs])).is_empty());
            }
        }
    }
    // A plan carried out by such an identity takes away its right to write.
    let owner = grant(1, GROUP, OWNER, ALICE);
    let (before, after) = (world([with(&other, own), owner.clone()]), world([owner]));
    let caller = ALICE.parse().ok();
    let said = messages(rights(&before, &after, caller, &Declared::default()).objections);
    assert!(said.iter().any(|said| said.contains("from the identity that carries it out")), "{said:?}");
}
