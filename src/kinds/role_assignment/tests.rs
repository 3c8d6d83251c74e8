//! Marks, and titles of scopes.

use super::*;

#[test]
fn marks_stand_at_the_end_and_are_taken_off_whole() {
    assert_eq!(split_mark("developers [keyless:ml-dev]"), ("developers", Some("ml-dev")));
    assert_eq!(split_mark("[keyless:ml-dev]"), ("", Some("ml-dev")));
    assert_eq!(split_mark("see [keyless:x] for more"), ("see [keyless:x] for more", None));
    assert_eq!(split_mark("a [keyless:]"), ("a [keyless:]", None));
    assert_eq!(marked("", "s"), "[keyless:s]");
}

#[test]
fn scopes_are_told_for_what_they_are() {
    for (id, name) in [
        ("/", "the tenant root"),
        ("/providers/Microsoft.Management/managementGroups/mg", "management group mg"),
        (
            "/subscriptions/00000000-0000-0000-0000-000000000000",
            "subscription 00000000-0000-0000-0000-000000000000",
        ),
        ("/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg", "resource group rg"),
        (
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/X.Y/z/chat",
            "chat",
        ),
    ] {
        assert_eq!(scope_name(&ResourceId::parse(id).unwrap()), name);
    }
}

#[test]
fn a_new_description_keeps_the_mark() {
    let mut body = json!({"properties": {"description": "old [keyless:s]"}});
    let patch = json!({"description": "new"});
    RoleAssignments.overlay(&mut body, patch.as_object().unwrap());
    assert_eq!(body["properties"]["description"], "new [keyless:s]");
}

#[test]
fn of_two_assignments_that_give_the_same_neither_hides() {
    let scope =
        ResourceId::parse("/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg").unwrap();
    let live = |number: u8, mark: &str| {
        let name = format!("00000000-0000-4000-8000-0000000000{number:02}");
        let id = scope.provider(TYPE, &name);
        let key = key(&scope, "p", "r");
        let body = json!({"properties": {"description": mark}}).into();
        Live { kind: &RoleAssignments, key, scope: scope.clone(), id, body }
    };
    let stacks = BTreeSet::from(["a"]);
    let all = [live(1, ""), live(2, "[keyless:a]"), live(3, ""), live(2, "[keyless:a]")];
    for order in [[0, 1, 2, 3], [2, 1, 0, 3], [1, 3, 2, 0], [1, 0, 3, 2]] {
        let mut inventory = Inventory::default();
        for index in order {
            twin::insert(&mut inventory, all[index].clone(), &stacks, &Snapshot::default());
        }
        let ids: BTreeSet<&ResourceId> = inventory.all().map(|live| &live.id).collect();
        assert_eq!((ids.len(), inventory.all().count(), inventory.items.len()), (3, 3, 1), "{order:?}");
        assert_eq!(
            inventory.items[&all[0].key].id, all[1].id,
            "the marked one is the declared one: {order:?}"
        );
        assert_eq!(inventory.strangers(|_| true).len(), 2, "{order:?}");
    }
}
