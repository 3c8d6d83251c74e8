//! How two values compare, and what of a declaration shows as a line.

use serde_json::json;

use super::*;
use crate::desired::Hole;
use crate::desired::samples::{GROUP, account, declared, live};
use crate::kinds::{self, Compare, Gap};

const RULE: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n/subnets/app";

#[test]
fn each_way_of_comparing() {
    let by_id = Compare::By(&["id"]);
    for (compare, declared, live, same) in [
        (Compare::Equal, json!("a"), json!("a"), true),
        (Compare::Equal, json!("a"), json!("A"), false),
        (Compare::IgnoreCase, json!("a"), json!("A"), true),
        (Compare::IgnoreCase, json!("a"), json!("b"), false),
        (Compare::IgnoreCase, json!(null), json!(null), true),
        (Compare::IgnoreCase, json!("a"), json!(null), false),
        (Compare::Location, json!("East US 2"), json!("eastus2"), true),
        (Compare::Location, json!("eastus"), json!("eastus2"), false),
        (Compare::TextToItsEnd, json!("a b"), json!("a b \n"), true),
        (Compare::TextToItsEnd, json!("a b"), json!("a  b"), false),
        // White space in quotes belongs to what a condition compares with.
        (Compare::Text, json!("a == b"), json!("a==b\n"), true),
        (Compare::Text, json!("a == b"), json!("a == c"), false),
        (Compare::Text, json!("x 'a b' y"), json!("x'a b'y"), true),
        (Compare::Text, json!("x 'a b' y"), json!("x 'ab' y"), false),
        (Compare::Cidrs, json!(["203.0.113.7", "10.0.0.0/8"]), json!(["10.0.0.0/8", "203.0.113.7/32"]), true),
        (Compare::Cidrs, json!(["203.0.113.7"]), json!(["203.0.113.8"]), false),
        (Compare::Cidrs, json!(null), json!(null), true),
        (Compare::Cidrs, json!(["203.0.113.7"]), json!(null), false),
        (Compare::Names, json!(["A.example"]), json!(["a.example"]), true),
        (Compare::Names, json!([]), json!(["a.example"]), false),
        (by_id, json!(null), json!(null), true),
        (by_id, json!([]), json!(null), false),
        (by_id, json!([{"id": RULE}]), json!([{"id": RULE.to_uppercase(), "state": "Succeeded"}]), true),
        (by_id, json!([{"id": RULE}]), json!([]), false),
        (by_id, json!([{"id": "/a"}, {"id": "/b"}]), json!([{"id": "/b"}, {"id": "/a"}]), true),
        (by_id, json!([{"id": "/a"}]), json!([{"id": "/b"}]), false),
        (by_id, json!([{"id": "/a"}]), json!([{"id": "/a"}, {"id": "/b"}]), false),
        // An absent boolean is false, a text may be echoed in another case.
        (by_id, json!([{"id": "/a", "ignore": false}]), json!([{"id": "/a"}]), true),
        (by_id, json!([{"id": "/a", "ignore": true}]), json!([{"id": "/a"}]), false),
        (by_id, json!([{"id": "/a", "ignore": true}]), json!([{"id": "/a", "ignore": true}]), true),
        (by_id, json!([{"id": "/a", "scenario": "Agent"}]), json!([{"id": "/a", "scenario": "agent"}]), true),
        (by_id, json!([{"id": "/a", "scenario": "agent"}]), json!([{"id": "/a", "scenario": "none"}]), false),
        (Compare::Identity, json!("a"), json!("b"), true),
    ] {
        assert_eq!(equal(compare, &declared, &live), same, "{compare:?}: {declared} and {live}");
    }
}

#[test]
fn a_creation_shows_each_value_and_no_null() {
    let accounts = kinds::by_name("accounts").unwrap();
    let mut lines = Vec::new();
    for (name, value) in [
        ("networkAcls", json!({"defaultAction": "Deny", "ipRules": ["203.0.113.7"]})),
        ("tags", json!({"team": "ml", "old": null})),
        ("disableLocalAuth", json!(true)),
    ] {
        leaves(accounts, &[name.to_owned()], &value, &mut |path, value, change| {
            lines.push((path.join("."), value.clone(), change));
        });
    }
    let shown = |name: &str, value: Value| (name.to_owned(), value, Mutability::InPlace);
    assert_eq!(
        lines,
        [
            shown("networkAcls.defaultAction", json!("Deny")),
            shown("networkAcls.ipRules", json!(["203.0.113.7"])),
            shown("tags.team", json!("ml")),
            ("disableLocalAuth".to_owned(), json!(true), Mutability::AfterGrants),
        ]
    );
}

#[test]
fn values_are_written_as_people_write_them() {
    assert_eq!((plain(&json!("eastus")), plain(&json!(true))), ("eastus".to_owned(), "true".to_owned()));
}

#[test]
fn a_patch_holds_each_change_at_its_path() {
    let change = |path: &[&str], after: Value| FieldChange {
        path: path.iter().map(|name| (*name).to_owned()).collect(),
        before: Value::Null,
        after,
        span: None,
        change: Mutability::InPlace,
    };
    let changes = [
        change(&["tags", "team"], json!("ml")),
        change(&["tags", "old"], Value::Null),
        change(&["sku"], json!("S0")),
    ];
    assert_eq!(Value::Object(patch(&changes)), json!({"tags": {"team": "ml", "old": null}, "sku": "S0"}));
    assert!(patch(&[]).is_empty());
}

#[test]
fn a_restored_account_carries_the_mark_if_it_did_or_the_stack_adopts() {
    let chat = account("chat");
    for (marked, adopt, differs, mark) in [
        (false, false, true, false),
        (false, true, true, true),
        (true, false, true, true),
        (true, true, true, true),
        (false, false, false, false),
        (false, true, false, true),
        (true, false, false, true),
    ] {
        let mut desired = declared("accounts", &chat, &chat);
        desired.adopt = adopt;
        if differs {
            desired.declared.insert("disableLocalAuth".to_owned(), json!(true));
        }
        let mut body = json!({"id": chat.as_str(), "properties": {"disableLocalAuth": false}});
        if marked {
            desired.kind.set_mark(&mut body, "team-a");
        }
        let change = restored(desired, &live("accounts", &chat, &chat, body), &mut Vec::new());
        let Change::Restore { fields, mark: found, .. } = change else { panic!("{change:?}") };
        assert_eq!((found, fields.len()), (mark, usize::from(differs)), "{marked} {adopt} {differs}");
    }
}

#[test]
fn only_a_grant_without_a_mark_that_nobody_adopts_is_declared_and_not_ours() {
    let group = ResourceId::parse(GROUP).unwrap();
    for (kind, marked, adopt, noted) in [
        ("roleAssignments", false, false, true),
        ("roleAssignments", false, true, false),
        ("roleAssignments", true, false, false),
        ("roleAssignments", true, true, false),
        ("accounts", false, false, false),
        ("accounts", true, false, false),
    ] {
        let id = account("chat");
        let mut desired = declared(kind, &id, &group);
        desired.adopt = adopt;
        let mut body = json!({"id": id.as_str(), "properties": {}});
        if marked {
            desired.kind.set_mark(&mut body, "team-a");
        }
        let mut findings = Vec::new();
        compare(desired, &live(kind, &id, &group, body), &mut findings);
        let codes: Vec<Code> = findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes.contains(&Code::NotOurs), noted, "{kind} {marked} {adopt}: {codes:?}");
    }
}

#[test]
fn a_grant_to_an_identity_that_is_not_known_hides_those_that_it_could_be() {
    let group = ResourceId::parse(GROUP).unwrap();
    let elsewhere = ResourceId::parse(&format!("{GROUP}-other")).unwrap();
    let front = account("front");
    let mut desired = declared("roleAssignments", &group.provider("x/y", "z"), &group);
    desired.hole = Some(Hole {
        field: "principalId",
        holder: front.clone(),
        kind: "accounts",
        key: Key::new("accounts", &[front.as_str()]),
    });
    let refusal = Refusal { message: "no".to_owned(), hint: None };
    let gap = |scope: &ResourceId| Gap { scope: scope.clone(), refusal: refusal.clone() };
    // Whose list was not read, and where; then what is hidden: at the scope, at another one, of another kind.
    for (unread, hidden) in [
        (vec![], [true, false, false]),
        (vec![("accounts", &group)], [true, true, false]),
        (vec![("accounts", &elsewhere)], [true, false, false]),
        (vec![("roleAssignments", &group)], [true, false, false]),
    ] {
        let inventories: Vec<(&'static dyn Kind, Inventory)> = KINDS
            .iter()
            .map(|kind| {
                let of_it = unread.iter().filter(|(name, _)| *name == kind.name());
                let gaps = of_it.map(|(_, scope)| gap(scope)).collect();
                (*kind, Inventory { gaps, ..Inventory::default() })
            })
            .collect();
        let veiled = Veiled::of(std::slice::from_ref(&desired), &inventories);
        let hides = |kind, scope: &ResourceId| veiled.hides(&live(kind, scope, scope, Value::Null));
        let found = [
            hides("roleAssignments", &group),
            hides("roleAssignments", &elsewhere),
            hides("accounts", &group),
        ];
        assert_eq!(found, hidden, "{unread:?}");
    }
    desired.hole = None;
    let known = Veiled::of(&[desired], &[]);
    assert!(!known.hides(&live("roleAssignments", &group, &group, Value::Null)));
}
