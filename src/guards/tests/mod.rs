//! Each guard at its limits, in ARM's own shape.

mod access;
mod children;
mod connection;
mod deletes;
mod network;
mod new_connection;
mod ways;
mod withheld;

use std::collections::BTreeMap;

use serde_json::json;

use super::*;
use crate::document::DeclaredList;
use crate::snapshot::{Answer, Body, Query, Shape, Snapshot};

pub(super) const GROUP: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg";
pub(super) const CHAT: &str = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/chat";
pub(super) const ALICE: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(super) const BOB: &str = "bbbbbbbb-0000-4000-8000-000000000002";
pub(super) const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
pub(super) const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
pub(super) const CS_USER: &str = "a97b65f3-24c7-4388-baec-2e87135dc908";

pub(super) fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

pub(super) fn world(bodies: impl IntoIterator<Item = Value>) -> World {
    let identified = |body: Value| (id(body["id"].as_str().unwrap()), body.into());
    let resources: BTreeMap<ResourceId, Body> = bodies.into_iter().map(identified).collect();
    let terms = crate::rbac::Terms::of(resources.values().map(AsRef::as_ref)).into();
    World { resources, terms, ..World::default() }
}

/// An assignment whose GUID is made from `number`.
pub(super) fn grant(number: usize, scope: &str, role: &str, principal: &str) -> Value {
    let scope = scope.trim_end_matches('/');
    json!({
        "id": format!("{scope}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-{number:012}"),
        "properties": {
            "principalId": principal,
            "roleDefinitionId": format!("/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        },
    })
}

/// Assignments with one stack's mark, or without a mark.
fn marked(numbers: std::ops::Range<usize>, stack: Option<&str>) -> Vec<Value> {
    let mut bodies: Vec<Value> = numbers.map(|number| grant(number, GROUP, READER, ALICE)).collect();
    if let Some(stack) = stack {
        for body in &mut bodies {
            body["properties"]["description"] = json!(format!("readers [keyless:{stack}]"));
        }
    }
    bodies
}

pub(super) fn chat(properties: Value) -> Value {
    let mut body = json!({"id": CHAT});
    body["properties"] = properties;
    body
}

pub(super) fn keys(off: bool) -> Value {
    chat(json!({"disableLocalAuth": off}))
}

/// A plan with one change for each body: a delete, or another action.
pub(super) fn plan<'a>(changes: impl IntoIterator<Item = (&'a Value, &'static str)>) -> Plan {
    let mut steps = Vec::new();
    let mut entries = Vec::new();
    for (body, action) in changes {
        let kind = if body["id"] == CHAT { "accounts" } else { "roleAssignments" };
        if matches!(action, "delete" | "purge") {
            steps.push(json!({"change": entries.len(), "action": action, "kind": kind, "target": body["id"],
                "patch": {}, "lane": "", "needs": [], "last": true, "source": null}));
        }
        let action = if action == "purge" { "create" } else { action };
        entries.push(json!({"action": action, "kind": kind, "id": body["id"], "address": "an address",
            "stack": (action != "unmanaged").then_some("team-a"), "title": "a title", "source": null, "fields": []}));
    }
    crate::plan::samples::plan(json!(entries), json!(steps))
}

/// Makes `team-a` declare its assignments on an account, or elsewhere.
pub(super) fn declare(plan: &mut Plan, account: Option<&str>) {
    let (stack, within) = ("team-a".to_owned(), account.map(id));
    plan.lists.push(DeclaredList { stack, kind: "roleAssignments", within });
}

pub(super) fn messages(objections: Vec<Objection>) -> Vec<String> {
    objections.into_iter().map(|objection| format!("{}: {}", objection.rule, objection.message)).collect()
}

/// The refusals of a plan that deletes the first of a stack's resources.
fn deleting(owned: &[Value], deleted: usize, others: &[(Value, &'static str)]) -> Vec<String> {
    let actions =
        owned.iter().enumerate().map(|(at, body)| (body, if at < deleted { "delete" } else { "noop" }));
    let plan = plan(actions.chain(others.iter().map(|(body, action)| (body, *action))));
    let before = world(owned.iter().chain(others.iter().map(|(body, _)| body)).cloned());
    messages(deletes(&plan, &before, Origin::Specs))
}

#[test]
fn more_than_ten_deletes_or_five_over_thirty_percent_are_refused() {
    for (owned, deleted, refused) in [
        (4, 4, false),
        (12, 4, false),
        (5, 5, true),
        (16, 5, true),
        (17, 5, false),
        (20, 6, false),
        (19, 6, true),
        (100, 10, false),
        (100, 11, true),
    ] {
        let said = deleting(&marked(0..owned, Some("team-a")), deleted, &[]);
        assert_eq!(!said.is_empty(), refused, "{deleted} of {owned}: {said:?}");
    }
    let said = deleting(&marked(0..16, Some("team-a")), 5, &[]);
    assert_eq!(said, ["deletes: the plan deletes 5 of the 16 resources of stack `team-a`"]);
    let said = deleting(&marked(0..100, Some("team-a")), 11, &[]);
    assert_eq!(
        said,
        ["deletes: refusing to delete more than 10 resources: the plan deletes 11 of stack `team-a`"]
    );
}

#[test]
fn what_a_stack_does_not_own_makes_its_deletes_no_smaller_part() {
    let owned = marked(0..5, Some("team-a"));
    for (strange, action) in [
        (marked(100..120, None), "noop"),
        (marked(100..120, Some("team-b")), "noop"),
        (marked(100..120, Some("team-a")), "unmanaged"),
        (marked(100..120, Some("team-a")), "unmanaged-drift"),
    ] {
        let others: Vec<_> = strange.into_iter().map(|body| (body, action)).collect();
        assert_eq!(deleting(&owned, 5, &others).len(), 1, "{action} {}", others[0].0);
    }
    // What the plan does not mention is not counted either.
    let unspoken = marked(100..120, Some("team-a"));
    let plan = plan(owned.iter().map(|body| (body, "delete")));
    let before = world(owned.iter().chain(&unspoken).cloned());
    assert_eq!(deletes(&plan, &before, Origin::Specs).len(), 1);
}

#[test]
fn deletes_are_counted_for_each_stack_by_itself() {
    let mut bodies = marked(0..20, Some("team-a"));
    bodies.extend(marked(20..25, Some("team-b")));
    let last: Vec<_> = bodies.iter().rev().cloned().collect();
    let said = deleting(&last, 5, &[]);
    assert_eq!(said, ["deletes: the plan deletes 5 of the 5 resources of stack `team-b`"]);
    // Eleven in total are six of one stack and five of the other.
    let mut bodies = marked(0..60, Some("team-a"));
    bodies.extend(marked(60..120, Some("team-b")));
    let mixed: Vec<_> = (0..60).flat_map(|at| [bodies[at].clone(), bodies[at + 60].clone()]).collect();
    assert!(deleting(&mixed, 20, &[]).is_empty());
    let said = deleting(&mixed, 22, &[]);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("11 of stack `team-a`") && said[1].contains("stack `team-b`"), "{said:?}");
    // Resources without a mark belong to no stack, and eleven are too many all the same.
    assert!(deleting(&marked(0..10, None), 10, &[]).is_empty());
    let said = deleting(&marked(0..11, None), 11, &[]);
    assert_eq!(
        said,
        ["deletes: refusing to delete more than 10 resources: the plan deletes 11 without a mark"]
    );
}

#[test]
fn a_mark_is_a_tag_or_stands_at_the_end_of_a_description() {
    assert_eq!(owner(&json!({"tags": {"keyless-stack": "team-a"}})), Some("team-a"));
    let described = |text: &str| owner(&json!({"properties": {"description": text}})).map(str::to_owned);
    assert_eq!(described("x [keyless:old] [keyless:team-a] "), Some("team-a".to_owned()));
    assert_eq!(described("[keyless:team-a] and more"), None);
    assert_eq!(described("team-a"), None);
    assert_eq!(described("x [keyless:]"), None);
    assert_eq!(described("x [keyless:a] b]"), None);
    assert_eq!(owner(&json!({})), None);
}

#[test]
fn deleting_an_account_is_refused_and_deleting_what_stands_on_it_is_not() {
    let (account, upon) = (chat(json!({})), grant(1, CHAT, CS_USER, ALICE));
    let said = deleting(&[account], 1, &[]);
    assert_eq!(said, ["delete-account: the plan deletes account `chat`"]);
    assert!(deleting(&[upon], 1, &[]).is_empty());
}

#[test]
fn a_purge_is_refused_and_lifted_at_the_address_of_the_account() {
    let account = chat(json!({}));
    let plan = plan([(&account, "purge")]);
    let judged = |allowed: &[&str]| {
        let allowed: Vec<Allow> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        judge(&plan, &World::default(), None, &allowed)
    };
    let refused = judged(&["grant", "purge:another"]);
    assert_eq!(refused.len(), 2);
    assert!(refused[0].is_refusal() && refused[0].code == Code::GuardPurge, "{refused:?}");
    assert_eq!(refused[0].hint.as_deref(), Some("if this is intended: --allow 'purge:an address'"));
    for lift in ["purge", "purge:an address"] {
        let lifted = judged(&[lift]);
        assert!(!lifted[0].is_refusal() && lifted[0].severity == Severity::Note, "{lift}");
    }
}

#[test]
fn every_refusal_says_how_to_lift_it() {
    let owned = marked(0..5, Some("team-a"));
    let mut plan = plan(owned.iter().map(|body| (body, "delete")));
    declare(&mut plan, None);
    let found = judge(&plan, &world(owned.iter().cloned()), None, &[]);
    assert_eq!(found[0].hint.as_deref(), Some("if this is intended: --allow deletes:team-a"));
    // What no change mentions is addressed by its id.
    let objection = Objection::at(Rule::KeysOn, &id(CHAT), String::new());
    let found = GuardRefusal::new(&plan, objection, Origin::Specs).finding(&[]);
    assert_eq!(found.hint, Some(format!("if this is intended: --allow keys-on:{CHAT}")));
    assert!(!FindingEntry { code: Code::UnknownField, ..found.clone() }.is_refusal());
    assert!(FindingEntry { code: Code::GuardStale, ..found }.is_refusal());
}

#[test]
fn rules_are_written_as_they_are_read() {
    for (name, rule, _) in RULES {
        assert_eq!(rule.to_string(), *name);
        assert_eq!(name.parse::<Allow>().unwrap(), Allow { rule: *rule, address: None });
    }
    let at = Allow { rule: Rule::Grant, address: Some("roles/a:b".to_owned()) };
    assert_eq!("grant:roles/a:b".parse::<Allow>().unwrap(), at);
    assert!("grants".parse::<Allow>().unwrap_err().contains("deletes, delete-list, delete-account"));
    for stale in ["stale", "stale:accounts/chat"] {
        assert!(stale.parse::<Allow>().unwrap_err().contains("cannot be lifted: make a new plan"));
    }
    assert_eq!(at.to_string(), "--allow grant:roles/a:b");
    let odd: Allow = "grant:a b".parse().unwrap();
    assert_eq!(odd.to_string(), "--allow 'grant:a b'");
}

#[test]
fn a_lift_that_lifts_nothing_says_so_and_names_what_there_is_to_lift() {
    let owned = marked(0..5, Some("team-a"));
    let mut plan = plan(owned.iter().map(|body| (body, "delete")));
    declare(&mut plan, None);
    let said = |allowed: &[&str]| {
        let allowed: Vec<Allow> = allowed.iter().map(|text| text.parse().unwrap()).collect();
        let found = judge(&plan, &world(owned.iter().cloned()), None, &allowed);
        let idle = found.into_iter().filter(|finding| finding.code == Code::UnusedAllow);
        idle.map(|finding| format!("{}; {}", finding.message, finding.hint.unwrap())).collect::<Vec<_>>()
    };
    for useful in ["deletes", "deletes:team-a", "grant"] {
        assert!(said(&[useful]).is_empty(), "{useful}");
    }
    assert_eq!(
        said(&["deletes", "deletes:team-b", "purge:x"]),
        [
            "`--allow deletes:team-b` has no effect: guard `deletes` refuses nothing at that address; to allow what it does refuse: `--allow deletes:team-a`",
            "`--allow purge:x` has no effect: guard `purge` refuses nothing in this plan; remove the flag",
        ]
    );
}

#[test]
fn a_file_cannot_make_deletes_a_small_part_by_naming_what_stands_elsewhere() {
    let owned = marked(0..5, Some("team-a"));
    let elsewhere: Vec<Value> = (100..140)
        .map(|number| {
            let mut body = grant(number, &format!("{GROUP}-other"), READER, ALICE);
            body["properties"]["description"] = json!("[keyless:team-a]");
            body
        })
        .collect();
    let entries =
        owned.iter().map(|body| (body, "delete")).chain(elsewhere.iter().map(|body| (body, "noop")));
    let mut plan = plan(entries);
    declare(&mut plan, None);
    let before = world(owned.iter().chain(&elsewhere).cloned());
    let refused = |found: Vec<FindingEntry>| found.iter().any(|finding| finding.code == Code::GuardDeletes);
    assert!(refused(judge_file(&plan, &before, None, &[])));
    assert!(!refused(judge(&plan, &before, None, &[])), "specs of the run are believed");
    // Resources next to it count if Azure shows the mark, not because the file says so.
    let beside = |stack| {
        let beside = marked(200..240, stack);
        let entries =
            owned.iter().map(|body| (body, "delete")).chain(beside.iter().map(|body| (body, "noop")));
        let plan = super::tests::plan(entries);
        refused(judge_file(&plan, &world(owned.iter().chain(&beside).cloned()), None, &[]))
    };
    assert!(beside(None));
    assert!(!beside(Some("team-a")));
}

#[test]
fn the_tag_of_a_stack_counts_in_whatever_case_it_is_written() {
    let accounts: Vec<Value> = (0..20)
        .map(|number| json!({"id": format!("{CHAT}{number}"), "tags": {"Keyless-Stack": "team-a"}, "properties": {}}))
        .collect();
    let entries =
        accounts.iter().enumerate().map(|(at, body)| (body, if at < 11 { "delete" } else { "noop" }));
    let found = judge(&plan(entries), &world(accounts.iter().cloned()), None, &[]);
    let deletes = found.iter().find(|finding| finding.code == Code::GuardDeletes).unwrap();
    assert!(deletes.message.ends_with("the plan deletes 11 of stack `team-a`"), "{}", deletes.message);
}

#[test]
fn the_delete_of_an_account_names_the_deployments_that_go_with_it() {
    let bodies = ["", "/deployments/gpt", "/deployments/embed", "2/deployments/other", "/projects/p"]
        .map(|below| json!({"id": format!("{CHAT}{below}"), "properties": {}}));
    let said = |bodies: &[Value]| {
        let before = world(bodies.iter().cloned());
        messages(deletes(&plan([(&bodies[0], "delete")]), &before, Origin::Specs)).concat()
    };
    assert_eq!(
        said(&bodies),
        "delete-account: the plan deletes account `chat` and its deployments `embed`, `gpt`: calls to them will fail"
    );
    assert!(said(&bodies[..2]).ends_with(" and its deployment `gpt`: calls to it will fail"));
}

fn access(before: &[Value], after: &[Value], caller: Option<&str>) -> Vec<String> {
    let caller = caller.map(|text| text.parse().unwrap());
    let (before, after) = (world(before.iter().cloned()), world(after.iter().cloned()));
    messages(rights(&before, &after, caller, &Declared::default()).objections)
}

#[test]
fn grants_of_great_power_or_reach_are_refused() {
    let subscription = GROUP.split("/resourceGroups").next().unwrap();
    for (scope, role, refused) in [
        (GROUP, OWNER, 1),
        (CHAT, OWNER, 1),
        (GROUP, READER, 0),
        (GROUP, "00000000-1111-4222-8333-444444444444", 1),
        (subscription, READER, 1),
        (subscription, OWNER, 1),
        ("/", READER, 1),
    ] {
        let said = access(&[], &[grant(1, scope, role, ALICE)], None);
        assert_eq!(said.len(), refused, "{role} on {scope}: {said:?}");
        assert!(said.iter().all(|text| text.starts_with("grant: ")), "{said:?}");
    }
    // The same grant under another GUID gives nobody anything.
    let (old, new) = (grant(1, subscription, OWNER, ALICE), grant(2, subscription, OWNER, ALICE));
    assert!(access(std::slice::from_ref(&old), &[new], None).is_empty());
    for other in [
        grant(1, subscription, OWNER, BOB),
        grant(1, subscription, CONTRIBUTOR, ALICE),
        grant(1, "/", OWNER, ALICE),
    ] {
        assert!(
            !access(std::slice::from_ref(&old), std::slice::from_ref(&other), None).is_empty(),
            "{other}"
        );
    }
}

#[test]
fn a_condition_may_be_added_and_neither_dropped_nor_changed() {
    let under = |condition: &str| {
        let mut body = grant(1, GROUP, READER, ALICE);
        body["properties"]["condition"] = json!(condition);
        body
    };
    for (old, new, refused) in
        [("a", "", true), ("a", "b", true), ("a", "a", false), ("", "a", false), ("", "", false)]
    {
        assert_eq!(!access(&[under(old)], &[under(new)], None).is_empty(), refused, "`{old}` -> `{new}`");
    }
}

#[test]
fn an_account_whose_keys_are_off_keeps_somebody_who_can_call_it() {
    let (direct, at_group) = (grant(1, CHAT, CS_USER, ALICE), grant(2, GROUP, CS_USER, BOB));
    let (reader, elsewhere) = (grant(3, CHAT, READER, ALICE), grant(4, &format!("{CHAT}2"), CS_USER, ALICE));
    let refused =
        "lock-out: after the plan nobody could call the models of account `chat`: keys are off, and no role";
    for (what, before, after, locked) in [
        ("keys off with nobody", vec![keys(false)], vec![keys(true)], true),
        ("with a reader", vec![keys(false), reader.clone()], vec![keys(true), reader.clone()], true),
        ("with a caller of another", vec![keys(false)], vec![keys(true), elsewhere], true),
        ("with a caller", vec![keys(false)], vec![keys(true), direct.clone()], false),
        ("with one of the group", vec![keys(false)], vec![keys(true), at_group.clone()], false),
        ("the last revoked", vec![keys(true), direct.clone()], vec![keys(true)], true),
        ("the group's revoked", vec![keys(true), at_group.clone()], vec![keys(true)], true),
        (
            "one of two revoked",
            vec![keys(true), direct.clone(), at_group.clone()],
            vec![keys(true), at_group],
            false,
        ),
        ("a reader revoked", vec![keys(true), reader], vec![keys(true)], false),
        ("nobody before either", vec![keys(true)], vec![keys(true)], false),
        ("keys stay on", vec![keys(false), direct.clone()], vec![keys(false)], false),
        ("keys go on", vec![keys(true), direct.clone()], vec![keys(false)], false),
        ("a new account", vec![direct], vec![keys(true)], false),
    ] {
        let said = access(&before, &after, None);
        assert_eq!(said.iter().any(|text| text.starts_with(refused)), locked, "{what}: {said:?}");
        assert_eq!(!said.is_empty(), locked, "{what}: {said:?}");
    }
}

/// What is known once the lists of these scopes have returned these bodies.
fn listed(lists: &[(&str, Vec<Value>)]) -> World {
    let mut snapshot = Snapshot::default();
    for (scope, bodies) in lists {
        let scope = if *scope == "/" { ResourceId::root() } else { id(scope) };
        let query = Query { path: scope.to_string(), shape: Shape::List, scope, project: |body| body };
        snapshot.insert(&query, Answer::found(bodies.clone()));
    }
    World::of(&snapshot)
}

#[test]
fn a_management_groups_assignment_lets_somebody_in_where_a_list_of_the_subscription_shows_it() {
    const OTHER: &str = "/subscriptions/00000000-0000-4000-8000-000000000002";
    let above = "/providers/Microsoft.Management/managementGroups/mg";
    let subscription = GROUP.split("/resourceGroups").next().unwrap();
    let mut inherited = grant(1, above, CS_USER, ALICE);
    // Azure puts the queried subscription into the id, and a spec may name any.
    inherited["properties"]["roleDefinitionId"] =
        json!(format!("{subscription}/providers/Microsoft.Authorization/roleDefinitions/{CS_USER}"));
    for (shown_by, locked) in
        [(subscription, false), (GROUP, false), (above, true), ("/", true), (OTHER, true)]
    {
        let list = || (shown_by, vec![inherited.clone()]);
        let (before, after) =
            (listed(&[list(), (CHAT, vec![keys(false)])]), listed(&[list(), (CHAT, vec![keys(true)])]));
        let said = messages(rights(&before, &after, None, &Declared::default()).objections);
        assert_eq!(!said.is_empty(), locked, "{shown_by}: {said:?}");
        // Removing the last access is refused, even where it could not be confirmed to be one.
        let (before, after) =
            (listed(&[list(), (CHAT, vec![keys(true)])]), listed(&[(CHAT, vec![keys(true)])]));
        // Besides the known account there may be others below the management group.
        let said = messages(rights(&before, &after, None, &Declared::default()).objections);
        assert_eq!(said.len(), 2, "{shown_by}: {said:?}");
        assert!(said[0].contains("of account `") && said[1].contains("of the accounts below `"), "{said:?}");
    }
}

#[test]
fn the_callers_own_rights_to_write_are_not_taken() {
    let owner = |number, scope: &str| grant(number, scope, OWNER, ALICE);
    let contributor = grant(2, GROUP, CONTRIBUTOR, ALICE);
    let unknown = grant(5, GROUP, "00000000-1111-4222-8333-444444444444", ALICE);
    let subscription = GROUP.split("/resourceGroups").next().unwrap();
    for (what, before, after, taken) in [
        ("the only right", vec![owner(1, GROUP)], vec![], true),
        ("a right to write accounts", vec![contributor.clone()], vec![], true),
        ("a right nobody knows", vec![unknown], vec![], true),
        (
            "granting, while writing stays",
            vec![owner(1, GROUP), contributor.clone()],
            vec![contributor],
            true,
        ),
        (
            "a wider one stays",
            vec![owner(1, GROUP), owner(3, subscription)],
            vec![owner(3, subscription)],
            false,
        ),
        ("a narrower one stays", vec![owner(1, GROUP), owner(4, CHAT)], vec![owner(4, CHAT)], true),
        ("another's", vec![grant(1, GROUP, OWNER, BOB)], vec![], false),
        ("a right to read", vec![grant(1, GROUP, READER, ALICE)], vec![], false),
        ("none", vec![owner(1, GROUP)], vec![owner(1, GROUP)], false),
    ] {
        let said = access(&before, &after, Some(&ALICE.to_uppercase()));
        assert_eq!(!said.is_empty(), taken, "{what}: {said:?}");
        assert!(said.iter().all(|text| text.starts_with("lock-out: the plan takes")), "{said:?}");
    }
}

#[test]
fn keys_that_go_on_are_refused_and_keys_that_go_off_are_not() {
    let off = |off: bool| chat(json!({"disableLocalAuth": off}));
    for (old, new, opens) in [
        (off(true), off(false), true),
        (off(true), chat(json!({})), true),
        (off(true), off(true), false),
        (off(false), off(true), false),
        (off(false), off(false), false),
        (chat(json!({})), off(false), false),
    ] {
        let said = messages(keys::objections(&world([old.clone()]), &world([new.clone()])));
        assert_eq!(said.len(), usize::from(opens), "{old} -> {new}: {said:?}");
    }
    assert!(keys::objections(&World::default(), &world([keys(false)])).is_empty(), "nobody closed it");
}
