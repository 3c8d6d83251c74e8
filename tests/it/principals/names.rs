//! Names looked up in the directory.

use std::fmt::Write as _;

use serde_json::json;

use super::{DANA, ML, OTHER_ML, PIPELINE, PIPELINE_APP, add_group, granted, populate, spec};
use crate::common::{Azure, CS_USER, Fault, SUB, account, few, head, one_account};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";

#[test]
fn users_groups_applications_and_identities_get_their_roles_by_name() {
    let azure = Azure::start();
    populate(&azure);
    let folder = azure.folder();
    let identity = "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app-identity";
    let who = [
        "user: DANA@contoso.com".to_owned(),
        "group: ml-developers".to_owned(),
        format!("servicePrincipal: {PIPELINE_APP}"),
        format!("managedIdentity: {identity}"),
    ];
    folder.write("a.yaml", spec(&who.each_ref().map(String::as_str)));
    folder.keyless("plan a.yaml").exits(0).says(&[
        "5 to create",
        &format!("User dana@contoso.com ({DANA})"),
        &format!("Group ml-developers ({ML})"),
        &format!("ServicePrincipal pipeline ({PIPELINE})"),
        "ServicePrincipal app-identity (",
    ]);
    folder.keyless("apply a.yaml --yes").exits(0).says(&["5 done"]);
    let identity = azure.get(identity)["properties"]["principalId"].as_str().unwrap().to_owned();
    let mut expected = [
        (DANA, "User"),
        (ML, "Group"),
        (PIPELINE, "ServicePrincipal"),
        (identity.as_str(), "ServicePrincipal"),
    ]
    .map(|(id, kind)| (id.to_owned(), kind.to_owned()));
    expected.sort();
    assert_eq!(granted(&azure), expected);
    folder.keyless("plan a.yaml --detailed-exitcode").exits(0).says(&["No changes; 5 unchanged"]);
    // The application goes by its name too, and that is the same assignment.
    folder.write("a.yaml", spec(&["servicePrincipal: pipeline"]));
    let plan = folder.keyless("plan a.yaml --format json").exits(0);
    assert_eq!(plan.changes("noop").len(), 2, "{plan}");
    assert_eq!(plan.changes("delete").len(), 3, "a line removed is access revoked: {plan}");
}

#[test]
fn two_groups_of_one_name_are_an_error_with_both_ids_and_nothing_is_revoked_meanwhile() {
    let azure = Azure::start();
    populate(&azure);
    let folder = azure.folder();
    folder.write("a.yaml", spec(&["group: ml-developers", "user: dana@contoso.com"]));
    folder.keyless("apply a.yaml --yes").exits(0);
    add_group(&azure, OTHER_ML, "ml-developers");
    azure.take_seen();
    folder.write("a.yaml", spec(&["group: ml-developers"]));
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["principal-ambiguous@11"], "{plan}");
    let finding = plan.json()["findings"][0].clone();
    let text = finding.to_string();
    assert!(
        text.contains(ML) && text.contains(OTHER_ML) && text.contains("`{id: …, type: Group}`"),
        "{text}"
    );
    assert_eq!(plan.changes("refused").len(), 1, "{plan}");
    assert_eq!(plan.changes("delete").len(), 0, "either of the live ones could be the declared one: {plan}");
    folder.keyless("apply a.yaml --yes").exits(1);
    assert!(azure.take_writes().is_empty());
    assert_eq!(granted(&azure).len(), 2);
}

#[test]
fn a_name_that_nobody_has_is_an_error_at_its_line() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(&["servicePrincipal: pipelin"]));
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["principal-not-found@11"], "{plan}");
    let column = plan.json()["findings"][0]["source"]["column"].as_u64().unwrap();
    assert_eq!(column, 32, "at the name itself: {plan}");
    folder.keyless("drift a.yaml").exits(1);
    folder.keyless("validate a.yaml").exits(0);
}

#[test]
fn a_directory_that_may_not_be_read_leaves_the_assignment_unknown() {
    let azure = Azure::start();
    populate(&azure);
    let folder = azure.folder();
    folder.write("a.yaml", spec(&["group: ml-developers"]));
    folder.keyless("apply a.yaml --yes").exits(0);
    folder.write("a.yaml", spec(&["group: ml-developers", "user: dana@contoso.com"]));
    azure.take_seen();
    let part = json!({"responses": [
        {"id": "0", "status": 403, "body": {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation."}}},
        {"id": "1", "status": 403, "body": {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges to complete the operation."}}},
    ]});
    for fault in few(
        2,
        [
            Fault::error(
                403,
                "Authorization_RequestDenied",
                "Insufficient privileges to complete the operation.",
            ),
            Fault::Answer(200, "application/json", part.to_string()),
            Fault::Answer(200, "text/html", "<html>a proxy</html>".to_owned()),
            Fault::Answer(200, "application/json", "{}".to_owned()),
        ],
    ) {
        azure.spoil("POST", "$batch", fault);
        let plan = folder.keyless("plan a.yaml --format json").exits(1);
        assert_eq!(plan.changes("unknown").len(), 2, "{plan}");
        for action in ["create", "delete"] {
            assert_eq!(plan.changes(action).len(), 0, "{plan}");
        }
        assert_eq!(plan.findings(), ["principal-unread@11", "principal-unread@12"], "{plan}");
        let text = plan.json()["findings"].to_string();
        assert!(text.contains("`{id: …, type: …}`") && text.contains("keyless lock"), "{text}");
        folder.keyless("drift a.yaml").exits(1);
        folder.keyless("apply a.yaml --yes").exits(1);
        assert!(azure.take_writes().is_empty());
    }
    azure.heal();
    folder.keyless("plan a.yaml").exits(0).says(&["1 to create; 2 unchanged"]);
}

#[test]
fn one_principal_under_two_names_is_declared_twice() {
    let azure = Azure::start();
    populate(&azure);
    let folder = azure.folder();
    folder.write("a.yaml", spec(&["group: ml-developers", &format!("id: {ML}, type: Group")]));
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["duplicate@12"], "{plan}");
    assert_eq!((plan.changes("create").len(), plan.changes("refused").len()), (2, 1), "{plan}");
}

#[test]
fn an_identity_is_gone_only_where_azure_says_that_it_is() {
    let azure = Azure::start();
    let folder = azure.folder();
    let identity = format!(
        "/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/app"
    );
    folder.write("a.yaml", spec(&[&format!("managedIdentity: {identity}")]));
    for (code, expected) in [
        ("ResourceNotFound", "principal-not-found@11"),
        ("ResourceGroupNotFound", "principal-not-found@11"),
        ("SubscriptionNotFound", "principal-unread@11"),
        ("InvalidResourceType", "principal-unread@11"),
        ("NoRegisteredProviderFound", "principal-unread@11"),
    ] {
        azure.spoil("GET", "/userAssignedIdentities/app?", Fault::error(404, code, "It is not found."));
        let plan = folder.keyless("plan a.yaml --format json").exits(1);
        assert!(plan.findings().contains(&expected.to_owned()), "{code}: {plan}");
        azure.heal();
    }
}

#[test]
fn forty_principals_of_three_stacks_take_two_requests_to_graph() {
    let azure = Azure::start();
    let folder = azure.folder();
    for (stack, from, to) in [("s1", 0, 14), ("s2", 14, 28), ("s3", 28, 40)] {
        let mut text = format!("{}roleAssignments:\n", head(stack));
        for index in from..to {
            let who =
                if index % 2 == 0 { format!("group: g{index}") } else { format!("user: u{index}@x.org") };
            let role = if index % 3 == 0 { "Reader" } else { CS_USER };
            let _ = write!(text, "  - scope: resourceGroup\n    role: {role}\n    principals: [{{{who}}}]\n");
        }
        folder.write(&format!("specs/{stack}.yaml"), text);
    }
    let plan = folder.keyless("plan --format json").exits(0);
    assert_eq!(plan.changes("create").len(), 40, "{plan}");
    let seen = azure.take_seen();
    let graph = seen.iter().filter(|seen| seen.path() == "/v1.0/$batch").count();
    // Beside Graph two lists, and then locks, deny assignments and what the caller may do.
    assert_eq!((graph, seen.len()), (2, 7), "{seen:#?}");
    assert_eq!(plan.json()["requests"], json!({"reads": 7, "writes": 0}), "asking Graph counts as reading");
}

#[test]
fn me_is_refused_where_nobody_sits_at_a_terminal() {
    let azure = Azure::start();
    let folder = azure.folder();
    folder.write("a.yaml", spec(&["me: true"]));
    let plan = folder.keyless("plan a.yaml --format json").exits(1);
    assert_eq!(plan.findings(), ["not-interactive@11"], "{plan}");
    azure.take_seen();
    folder.keyless("apply a.yaml --yes").exits(1);
    assert!(azure.take_writes().iter().all(|seen| seen.path() == account("chat")));
}

#[test]
fn wrongly_named_principals_are_found_without_azure() {
    let folder = crate::common::Folder::new();
    for (principal, word) in [
        ("user: dana", "sign-in name"),
        ("group: ''", "name is empty"),
        ("group: g, type: Group", "`type` is only allowed with `id`"),
        ("group: g, user: a@b.c", "takes one of `group` and `user`, not both"),
        ("me: false", "does not name a principal"),
        ("managedIdentity: app", "not a resource id"),
        (
            "managedIdentity: /subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/resourceGroups/rg",
            "user-assigned identity",
        ),
        ("accountIdentity: chst", "did you mean `chat`?"),
    ] {
        folder.write("a.yaml", spec(&[principal]));
        folder.keyless("validate a.yaml").exits(1).complains(&[word, "a.yaml:11:"]);
    }
    folder.write("a.yaml", spec(&["group: Ml", "group: ml"]));
    folder.keyless("validate a.yaml").exits(1).complains(&["twice", "a.yaml:12:"]);
}

#[test]
fn a_name_that_only_a_saved_plan_says_is_told_as_that() {
    let azure = Azure::start();
    populate(&azure);
    let folder = azure.folder();
    folder.write("a.yaml", spec(&["user: dana@contoso.com"]));
    let run = folder.keyless("plan a.yaml --out plan.json").exits(0);
    assert!(run.stdout.contains("dana@contoso.com") && !run.stdout.contains("unverified"), "{run}");
    let plan = std::fs::read_to_string(folder.path().join("plan.json")).unwrap();
    let mut plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    // Who gains access is no part of what the fingerprint holds: anybody may write another name there.
    plan["access"][0]["gains"][0]["name"] = json!("the monitoring robot");
    folder.write("plan.json", plan.to_string());
    let run = folder.keyless("apply plan.json --yes").exits(0);
    let line = run.stdout.lines().find(|line| line.contains("the monitoring robot")).unwrap();
    assert!(
        line.contains("the monitoring robot (")
            && line.contains(&format!("({DANA}, from the plan, unverified)")),
        "{run}"
    );
}

#[test]
fn whomever_the_run_knows_by_name_is_called_so_in_every_title() {
    let azure = Azure::start();
    populate(&azure);
    let folder = azure.folder();
    let give = |role: &str, who: &str| format!("  - role: {role}\n    principals: [{{{who}}}]\n");
    let spec =
        |roles: &[String]| one_account("team-a", "chat", &format!("roleAssignments:\n{}", roles.concat()));
    let call = give("Cognitive Services User", "user: dana@contoso.com");
    folder.write("specs/a.yaml", spec(&[call.clone(), give("Reader", "user: dana@contoso.com")]));
    folder.keyless("apply --yes").exits(0);
    azure.grant(&account("chat"), "12345678-aaaa-4bbb-8ccc-0123456789ab", OWNER, DANA, None);
    // One is no longer declared, one never was, and one is declared by object id.
    let by_id = give("Monitoring Reader", &format!("id: {DANA}, type: User"));
    folder.write("specs/a.yaml", spec(&[call.clone(), by_id]));
    let dana = "User dana@contoso.com (cafe0000…) on chat";
    let [gone, beside, new] =
        ["Reader", "Owner", "Monitoring Reader"].map(|role| format!("role assignment {role} -> {dana}"));
    let run = folder.keyless("plan --out plan.json").exits(0).says(&[
        &format!("  - {gone}"),
        &format!("  ? {beside}"),
        &format!("  + {new}"),
        "warning[unmanaged]: 1 role assignment is not declared",
    ]);
    assert!(!run.stdout.contains(&format!("User {DANA}")), "{run}");
    folder.keyless("drift").exits(2).says(&[&format!("extra    {gone}"), &format!("extra    {beside}")]);
    let escaped = "User dana&#64;contoso.com \\(cafe0000…\\) on chat**";
    for command in ["plan", "drift"] {
        let run = folder.keyless(&format!("{command} --format markdown"));
        assert_eq!(run.stdout.matches(escaped).count(), 3, "{run}");
    }
    // Of a file, names are its word.
    let shown = folder.keyless("show plan.json").exits(0);
    shown.says(&[&format!("called \"{}\" in the plan, unverified", gone.replace("cafe0000…", DANA))]);
    // And of a lock file, where nobody may ask the directory.
    folder.write("specs/a.yaml", spec(&[call]));
    folder.keyless("lock").exits(0);
    azure.spoil("*", "v1.0", Fault::error(403, "Authorization_RequestDenied", "Insufficient privileges."));
    let locked =
        format!("- role assignment Reader -> User dana@contoso.com ({DANA}, from lock, unverified) on chat");
    folder.keyless("plan").says(&[&locked]);
}
