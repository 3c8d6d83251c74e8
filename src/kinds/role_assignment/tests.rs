//! Marks, and what scopes are called.

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
