//! Which writes a change takes, and what each one waits for.

use serde_json::{Value, json};

use crate::diff::Change;
use crate::document::StepAction;
use crate::id::ResourceId;
use crate::kinds::desired::samples::{GROUP, account, declared, live};
use crate::kinds::desired::{Desired, Hole};
use crate::kinds::{FieldChange, Mutability};
use crate::plan::draft;
use crate::text::source::Span;

fn group() -> ResourceId {
    ResourceId::parse(GROUP).unwrap()
}

fn create(desired: Desired) -> Change {
    Change::Create { desired, purge: None }
}

fn new_account(name: &str) -> Desired {
    declared("accounts", &account(name), &account(name))
}

fn new_grant(number: usize, scope: &ResourceId) -> Desired {
    let name = format!("00000000-0000-4000-8000-{number:012}");
    declared("roleAssignments", &scope.provider("Microsoft.Authorization/roleAssignments", &name), scope)
}

fn delete(kind: &str, id: &ResourceId, scope: &ResourceId) -> Change {
    Change::Delete {
        live: live(kind, id, scope, json!({"id": id.as_str()})),
        stack: "team-a".to_owned(),
        span: Span { start: 0, end: 0, ..new_account("x").span },
        title: id.name().to_owned(),
    }
}

/// An existing account that gets these values.
fn update(name: &str, adopt: bool, fields: &[(&str, Value, Mutability)]) -> Change {
    let id = account(name);
    let fields = fields.iter().map(|(name, after, change)| FieldChange {
        path: vec![(*name).to_owned()],
        before: Value::Null,
        after: after.clone(),
        span: None,
        change: *change,
    });
    let live = live("accounts", &id, &id, json!({"id": id.as_str(), "properties": {}}));
    Change::Update { desired: new_account(name), live, fields: fields.collect(), adopt }
}

/// Each step's action, target and dependencies.
fn said(changes: &[Change]) -> Vec<(StepAction, String, Vec<usize>)> {
    let name = |target: &str| target.rsplit('/').next().unwrap().trim_start_matches("00000000-").to_owned();
    draft(changes).into_iter().map(|step| (step.action, name(&step.target), step.needs)).collect()
}

fn grant(number: usize) -> String {
    format!("0000-4000-8000-{number:012}")
}

#[test]
fn a_role_of_a_new_identity_waits_for_the_account_that_has_it_and_for_no_other() {
    let purge = ResourceId::parse(
        "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/providers/Microsoft.CognitiveServices/locations/eastus/resourceGroups/rg-chat/deletedAccounts/front",
    )
    .unwrap();
    let mut role = new_grant(1, &group());
    let holder = account("front").as_str().to_ascii_uppercase().replace("/SUBSCRIPTIONS/", "/subscriptions/");
    let holder = ResourceId::parse(&holder).unwrap();
    role.holes = vec![Hole::of_principal(holder, "accounts", new_account("front").key)];
    let changes = [
        create(new_account("a")),
        Change::Create { desired: new_account("front"), purge: Some(purge) },
        create(new_account("z")),
        create(role.clone()),
    ];
    assert_eq!(
        said(&changes),
        [
            (StepAction::Create, "a".to_owned(), vec![]),
            (StepAction::Purge, "front".to_owned(), vec![]),
            (StepAction::Create, "front".to_owned(), vec![1]),
            (StepAction::Create, "z".to_owned(), vec![]),
            (StepAction::Create, grant(1), vec![2]),
        ]
    );
    // The last of an account's writes is waited for.
    let identity = ("identity", json!("SystemAssigned"), Mutability::InPlace);
    let changes = [
        create(new_account("a")),
        update("front", false, &[("location", json!("westus"), Mutability::Apart), identity]),
        create(new_account("z")),
        create(role),
    ];
    assert_eq!(said(&changes)[4], (StepAction::Create, grant(1), vec![2]));
}

#[test]
fn keys_go_off_in_a_write_of_their_own_after_the_grants_and_on_with_everything_else() {
    let other = ("restrictOutboundNetworkAccess", json!(true), Mutability::InPlace);
    let keys = |off: bool| ("disableLocalAuth", json!(off), Mutability::AfterGrants);
    let changes =
        [update("chat", false, &[keys(true), other.clone()]), create(new_grant(1, &account("chat")))];
    let plan = draft(&changes);
    let patches: Vec<Value> = plan.iter().map(|step| json!(step.patch)).collect();
    assert_eq!(
        patches,
        [json!({"restrictOutboundNetworkAccess": true}), json!({}), json!({"disableLocalAuth": true})]
    );
    assert_eq!(plan[2].needs, [0, 1]);
    let changes = [update("chat", false, &[keys(false), other]), create(new_grant(1, &account("chat")))];
    let plan = draft(&changes);
    assert_eq!(plan.len(), 2, "{plan:?}");
    assert_eq!(
        json!(plan[0].patch),
        json!({"disableLocalAuth": false, "restrictOutboundNetworkAccess": true})
    );
}

#[test]
fn a_mark_alone_is_a_write_and_rides_on_what_is_written_anyway() {
    let apart = ("location", json!("westus"), Mutability::Apart);
    let keys = ("disableLocalAuth", json!(true), Mutability::AfterGrants);
    for (adopt, fields, marked) in [
        (true, vec![keys.clone()], vec![true, true]),
        (false, vec![keys.clone()], vec![false]),
        (true, vec![apart.clone()], vec![true]),
        (false, vec![apart, keys], vec![false, false]),
    ] {
        let plan = draft(&[update("chat", adopt, &fields)]);
        let marks: Vec<bool> = plan.iter().map(|step| step.mark.is_some()).collect();
        assert_eq!(marks, marked, "{adopt} {fields:?}");
    }
}

#[test]
fn keys_wait_for_grants_on_the_account_and_around_it_alone() {
    let keys = ("disableLocalAuth", json!(true), Mutability::AfterGrants);
    let changes = [
        create(new_account("other")),
        update("chat", false, &[keys]),
        create(new_grant(1, &account("chat"))),
        create(new_grant(2, &group())),
        create(new_grant(3, &account("other"))),
    ];
    assert_eq!(said(&changes)[4], (StepAction::Update, "chat".to_owned(), vec![1, 2]));
}

#[test]
fn deletes_come_last_after_the_grants_that_replace_them_and_children_first() {
    let chat = account("chat");
    let model = chat.child("deployments", "gpt");
    let old =
        chat.provider("Microsoft.Authorization/roleAssignments", "00000000-0000-4000-8000-000000000009");
    let changes = [
        delete("accounts", &chat, &chat),
        delete("deployments", &model, &chat),
        delete("roleAssignments", &old, &chat),
        create(new_grant(1, &group())),
        create(new_account("other")),
    ];
    assert_eq!(
        said(&changes),
        [
            (StepAction::Create, "other".to_owned(), vec![]),
            (StepAction::Create, grant(1), vec![]),
            (StepAction::Delete, "gpt".to_owned(), vec![0, 1]),
            (StepAction::Delete, grant(9), vec![0, 1, 2]),
            (StepAction::Delete, "chat".to_owned(), vec![0, 1, 2, 3]),
        ]
    );
}

#[test]
fn what_serves_goes_once_its_own_stack_is_whole_and_filters_and_other_roles_do_not_wait() {
    let there = |kind: &str, name: &str| account("there").child(kind, name);
    let other = Desired { stack: "team-b".to_owned(), ..new_account("other") };
    for (kind, needs) in
        [("deployments", vec![0]), ("projects", vec![0]), ("raiPolicies", vec![]), ("connections", vec![])]
    {
        let id = there(kind, "x");
        let role =
            id.provider("Microsoft.Authorization/roleAssignments", "00000000-0000-4000-8000-000000000009");
        let elsewhere = account("far")
            .provider("Microsoft.Authorization/roleAssignments", "00000000-0000-4000-8000-000000000008");
        let changes = [
            create(new_account("new")),
            create(other.clone()),
            delete(kind, &id, &id),
            delete("roleAssignments", &role, &id),
            delete("roleAssignments", &elsewhere, &account("far")),
        ];
        let said = said(&changes);
        let needs_of = |name: &str| &said.iter().find(|(_, target, _)| target == name).unwrap().2;
        assert_eq!(needs_of(&grant(8)), &Vec::<usize>::new(), "{kind}: {said:?}");
        assert_eq!(needs_of(&grant(9)), &needs, "{kind}: {said:?}");
        let whole: Vec<usize> = needs_of("x").iter().copied().filter(|need| *need < 2).collect();
        assert_eq!(whole, needs, "{kind}: {said:?}");
    }
}

#[test]
fn whatever_is_in_a_new_account_waits_for_it_and_for_what_it_names_and_shares_its_lane() {
    let chat = new_account("chat");
    let child = |kind: &str, name: &str| {
        let id = account("chat").child(kind, name);
        declared(kind, &id, &id)
    };
    let strict = Desired { after: vec![chat.key.clone()], ..child("raiPolicies", "strict") };
    let gpt = Desired { after: vec![chat.key.clone(), strict.key.clone()], ..child("deployments", "gpt") };
    let grant = Desired { after: vec![chat.key.clone()], ..new_grant(1, &account("chat")) };
    // What another plan creates is not waited for, nor is what already exists.
    let other = Desired { after: vec![new_account("there").key], ..new_account("other") };
    let made = [&chat, &strict, &gpt, &grant, &other].map(|each| create((*each).clone()));
    let planned = draft(&made);
    let needs: Vec<&[usize]> = planned.iter().map(|step| step.needs.as_slice()).collect();
    // Accounts come first, whatever the order of changes.
    assert_eq!(needs, [&[] as &[usize], &[], &[0], &[0, 2], &[0]]);
    let lanes: Vec<&str> = planned.iter().map(|step| step.lane.as_str()).collect();
    assert!(lanes[2] == lanes[0] && lanes[3] == lanes[0] && lanes[1] != lanes[0], "{lanes:?}");
    assert_eq!(lanes[0], account("chat").as_str().to_lowercase());
    assert_eq!(lanes[4], grant.id.as_str().to_lowercase(), "assignments are another provider's");

    // A resource that is purged first is waited for once it is recreated; a restored one likewise.
    let purged = Change::Create { desired: chat.clone(), purge: Some(account("deleted")) };
    let restored = Change::Restore { desired: chat.clone(), fields: Vec::new(), mark: true };
    for (first, expected) in [(purged, vec![vec![], vec![0], vec![1]]), (restored, vec![vec![], vec![0]])] {
        let planned = draft(&[first, create(strict.clone())]);
        assert_eq!(planned.into_iter().map(|step| step.needs).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn what_azure_takes_by_itself_only_is_a_write_of_its_own() {
    let fields =
        [("kind", json!("AIServices"), Mutability::Apart), ("sku", json!("S0"), Mutability::InPlace)];
    let plan = draft(&[update("chat", false, &fields)]);
    let patches: Vec<Value> = plan.iter().map(|step| json!(step.patch)).collect();
    assert_eq!(patches, [json!({"kind": "AIServices"}), json!({"sku": "S0"})]);
}

#[test]
fn keys_wait_for_the_models_of_their_account() {
    let (chat, other) = (account("chat"), account("chat2"));
    let made = |account: &ResourceId, kind: &str| {
        let id = account.child(kind, "one");
        create(declared(kind, &id, &id))
    };
    let gone = chat.child("deployments", "two");
    let changes = [
        update("chat", false, &[("disableLocalAuth", json!(true), Mutability::AfterGrants)]),
        made(&chat, "deployments"),
        made(&chat, "projects"),
        made(&other, "deployments"),
        delete("deployments", &gone, &gone),
    ];
    let planned = draft(&changes);
    let keys = planned.iter().position(|step| step.kind == "accounts").unwrap();
    let needed: Vec<&str> = planned[keys].needs.iter().map(|need| planned[*need].target.as_str()).collect();
    assert_eq!(needed, [chat.child("deployments", "one").as_str()]);
    let made = planned.iter().filter(|step| step.action == StepAction::Create);
    assert!(made.clone().count() == 3 && made.clone().all(|step| step.needs.is_empty()));
}

#[test]
fn late_steps_do_not_wait_for_their_equals_nor_for_what_no_key_opens() {
    let chat = account("chat");
    let (one, two) = (chat.child("deployments", "one"), chat.child("deployments", "two"));
    let policy = chat.child("raiPolicies", "strict");
    let role = |number| {
        let id = new_grant(number, &chat).id;
        delete("roleAssignments", &id, &chat)
    };
    for changes in [
        vec![delete("deployments", &one, &one), delete("deployments", &two, &two)],
        vec![role(1), role(2)],
        vec![
            create(declared("raiPolicies", &policy, &policy)),
            update("chat", false, &[("disableLocalAuth", json!(true), Mutability::AfterGrants)]),
        ],
    ] {
        assert!(draft(&changes).iter().all(|step| step.needs.is_empty()), "{:?}", said(&changes));
    }
}
