//! What a spec leaves out, list by list.

use serde_json::json;

use super::{ALICE, CHAT, GROUP, READER, chat, declare, grant, id, messages, plan, world};
use crate::document::DeclaredList;
use crate::guards::*;

#[test]
fn what_a_spec_leaves_out_is_asked_about_and_what_it_lists_as_empty_is_not() {
    let project = format!("{CHAT}/projects/team");
    let filter = format!("{CHAT}/raiPolicies/strict");
    let given = |scope: &str, number| {
        let mut body = grant(number, scope, READER, ALICE);
        body["properties"]["description"] = json!("[keyless:team-a]");
        body
    };
    let account = chat(json!({}));
    let on_it = "`roleAssignments` of account `chat` is no longer in the spec: 2 role assignments of stack `team-a` would be deleted";
    let own =
        "`roleAssignments` of stack `team-a` is no longer in the spec: 1 role assignment would be deleted";
    let forgotten =
        "stack `team-a` no longer declares account `chat`: its 2 role assignments there would be deleted";
    let of_project =
        "stack `team-a` no longer declares project `team`: its 1 role assignment there would be deleted";
    let (two, one) = (vec![given(CHAT, 1), given(CHAT, 2)], vec![given(GROUP, 1)]);
    let at_project = vec![given(&project, 1)];
    let mut policy = json!({"id": filter, "tags": {"keyless-stack": "team-a"}});
    for (what, deleted, spec, declared, said) in [
        ("left out", &two, "noop", vec![], on_it),
        ("another list", &two, "noop", vec![None, Some(GROUP)], on_it),
        ("declared", &two, "noop", vec![Some(CHAT)], ""),
        ("no account either", &two, "unmanaged", vec![None], forgotten),
        ("its scope is declared", &two, "unmanaged", vec![Some(CHAT)], ""),
        ("with the account", &two, "delete", vec![], ""),
        ("of the file", &one, "noop", vec![Some(CHAT)], own),
        ("of the file, empty", &one, "noop", vec![None], ""),
        ("of a project that is not declared", &at_project, "noop", vec![Some(CHAT)], of_project),
    ] {
        let entries = deleted.iter().map(|body| (body, "delete")).chain([(&account, spec)]);
        let mut plan = plan(entries);
        for account in declared {
            declare(&mut plan, account);
        }
        let before = world(deleted.iter().chain([&account]).cloned());
        let found = left_out(&plan, &before, &before.after(&plan), Origin::Specs);
        let expected: Vec<String> =
            (!said.is_empty()).then(|| format!("delete-list: {said}")).into_iter().collect();
        assert_eq!(messages(found), expected, "{what}");
        // A plan file is not trusted: what counts is whether anything of the stack's remains there.
        let found = left_out(&plan, &before, &before.after(&plan), Origin::File);
        assert_eq!(found.len(), usize::from(spec != "delete"), "{what}");
        let kept = given(
            deleted[0]["id"].as_str().unwrap().split("/providers/Microsoft.Authorization").next().unwrap(),
            9,
        );
        let before = world(deleted.iter().chain([&account, &kept]).cloned());
        assert!(left_out(&plan, &before, &before.after(&plan), Origin::File).is_empty(), "{what}");
    }
    // Another stack's list and resources do not count for this one.
    let mut plan = plan(two.iter().map(|body| (body, "delete")).chain([(&account, "noop")]));
    plan.lists.push(DeclaredList {
        stack: "team-b".to_owned(),
        kind: "roleAssignments",
        within: Some(id(CHAT)),
    });
    let mut theirs = given(CHAT, 9);
    theirs["properties"]["description"] = json!("[keyless:team-b]");
    let before = world(two.iter().chain([&account, &theirs]).cloned());
    for origin in [Origin::Specs, Origin::File] {
        assert_eq!(left_out(&plan, &before, &before.after(&plan), origin).len(), 1, "{origin:?}");
    }
    // Other kinds of lists.
    let mut plan = self::plan([(&policy, "delete"), (&account, "noop")]);
    plan.steps[0].kind = "raiPolicies".to_owned();
    let judged = |plan: &Plan, policy: &Value| {
        let before = world([policy.clone(), account.clone()]);
        messages(left_out(plan, &before, &before.after(plan), Origin::Specs)).concat()
    };
    assert!(
        judged(&plan, &policy)
            .starts_with("delete-list: `raiPolicies` of account `chat` is no longer in the spec")
    );
    plan.lists.push(DeclaredList { stack: "team-a".to_owned(), kind: "raiPolicies", within: Some(id(CHAT)) });
    assert_eq!(judged(&plan, &policy), "");
    policy["tags"] = json!({"keyless-stack": "team-b"});
    assert!(!judged(&plan, &policy).is_empty());
}

#[test]
fn a_deployment_is_what_stands_right_below_its_account() {
    for (below, account) in [
        ("/deployments/gpt", Some("chat")),
        ("/Deployments/gpt", Some("chat")),
        ("/deployments/gpt/more/x", None),
        ("/raiPolicies/strict", None),
        ("", None),
    ] {
        assert_eq!(child_of(&id(&format!("{CHAT}{below}")), "deployments").as_deref(), account, "{below}");
    }
}
