//! Guards about who may do what, row by row: `grant`, `condition`, `identity`, `lock-out`.

use serde_json::json;

use super::{ALICE, BOB, CHAT, CS_USER, GROUP, OWNER, READER, chat, grant, id, keys, messages, world};
use crate::document::StepAction;
use crate::guards::*;
use crate::rbac;

const ADMINISTRATOR: &str = "f58310d9-a9f6-439a-9e8d-f62e7b41a168";
const MANAGER: &str = "eadc314b-1a2d-4efa-be10-5d325db5065e";
const ROLE: &str = "00000000-1111-4222-8333-444444444444";

fn under(mut body: Value, condition: &str) -> Value {
    body["properties"]["condition"] = json!(condition);
    body["properties"]["conditionVersion"] = json!("2.0");
    body
}

fn delegating(roles: &str) -> String {
    format!(
        "((!(ActionMatches{{'Microsoft.Authorization/roleAssignments/write'}})) OR (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {{{roles}}}))"
    )
}

/// Objections and notes, each prefixed with its rule.
fn said(before: &[Value], after: &[Value], declared: &Declared) -> (Vec<String>, Vec<String>) {
    let (before, after) = (world(before.iter().cloned()), world(after.iter().cloned()));
    let said = rights(&before, &after, None, declared);
    (messages(said.objections), messages(said.notes))
}

fn custom(permissions: &Value) -> Value {
    json!({
        "id": format!("/providers/Microsoft.Authorization/roleDefinitions/{ROLE}"),
        "properties": {"roleName": "made by hand", "permissions": permissions},
    })
}

#[test]
fn every_right_that_becomes_more_is_guarded_alone_and_by_wildcard_and_not_where_it_is_excluded() {
    let judged = |permissions: &Value| {
        let role = custom(permissions);
        let given = grant(1, CHAT, ROLE, ALICE);
        said(std::slice::from_ref(&role), &[role.clone(), given], &Declared::default()).0
    };
    for power in rbac::POWERS {
        for action in power.actions {
            let (provider, _) = action.split_once('/').unwrap();
            let (above, verb) = action.rsplit_once('/').unwrap();
            for pattern in [
                action.to_string(),
                action.to_uppercase(),
                format!("{provider}/*"),
                format!("*/{verb}"),
                format!("{above}/*"),
                "*".to_owned(),
            ] {
                let found = judged(&json!([{"actions": [pattern]}]));
                assert_eq!(found.len(), 1, "{pattern}");
                assert!(found[0].starts_with("grant: ") && found[0].contains("`made by hand`"), "{found:?}");
            }
            let found = judged(&json!([{"actions": [action]}]));
            assert!(found[0].contains(power.words), "{found:?}");
            assert!(
                judged(&json!([{"actions": [action], "notActions": [action.to_lowercase()]}])).is_empty()
            );
            // One permission excludes what the other grants.
            let both = json!([{"actions": ["*"], "notActions": ["*"]}, {"actions": [action]}]);
            assert_eq!(judged(&both).len(), 1, "{action}");
            assert!(
                judged(&json!([{"actions": [format!("{provider}/*/read")], "dataActions": ["*"]}]))
                    .is_empty()
            );
        }
    }
}

#[test]
fn a_role_that_may_give_inference_roles_only_is_a_note_below_a_group() {
    let project = format!("{CHAT}/projects/main");
    let by = |scope: &str, role: &str, condition: &str| {
        let (objections, notes) =
            said(&[], &[under(grant(1, scope, role, ALICE), condition)], &Declared::default());
        assert!(objections.iter().chain(&notes).all(|text| text.starts_with("grant: ")));
        (objections.len(), notes.len())
    };
    let calls = delegating(CS_USER);
    for (scope, role, condition, expected) in [
        (CHAT, MANAGER, "", (0, 1)),
        (project.as_str(), MANAGER, "", (0, 1)),
        (GROUP, MANAGER, "", (1, 0)),
        (CHAT, ADMINISTRATOR, calls.as_str(), (0, 1)),
        (GROUP, ADMINISTRATOR, calls.as_str(), (1, 0)),
        (CHAT, OWNER, calls.as_str(), (1, 0)),
        (CHAT, ADMINISTRATOR, &delegating(OWNER), (1, 0)),
        (CHAT, ADMINISTRATOR, &delegating(&format!("{CS_USER}, {MANAGER}")), (1, 0)),
        (CHAT, ADMINISTRATOR, &delegating(ROLE), (1, 0)),
        (CHAT, ADMINISTRATOR, &delegating(READER), (1, 0)),
        (CHAT, ADMINISTRATOR, "not a condition", (1, 0)),
        (CHAT, ADMINISTRATOR, "", (1, 0)),
        (GROUP, CS_USER, "", (0, 1)),
        (CHAT, CS_USER, "", (0, 0)),
        (GROUP, READER, "", (0, 0)),
    ] {
        assert_eq!(by(scope, role, condition), expected, "{role} on {scope} under `{condition}`");
    }
    let mut old_version = under(grant(1, CHAT, ADMINISTRATOR, ALICE), &calls);
    old_version["properties"]["conditionVersion"] = json!("1.0");
    assert_eq!(
        said(&[], &[old_version], &Declared::default()).0.len(),
        1,
        "another version of the format says other things"
    );
}

#[test]
fn azure_lists_a_built_in_role_without_its_condition_and_it_counts_all_the_same() {
    let known = rbac::by_id(MANAGER.parse().unwrap()).unwrap();
    let definition = |actions: Value| {
        json!({
            "id": format!("/providers/Microsoft.Authorization/roleDefinitions/{MANAGER}"),
            "properties": {"roleName": known.name, "permissions": [{"actions": actions, "dataActions": ["Microsoft.CognitiveServices/*"]}]},
        })
    };
    let actions = json!([
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.Authorization/roleAssignments/delete",
        "Microsoft.CognitiveServices/accounts/*/read",
        "Microsoft.CognitiveServices/accounts/projects/*",
        "Microsoft.CognitiveServices/locations/*/read",
        "Microsoft.Authorization/*/read",
        "Microsoft.Insights/alertRules/*",
        "Microsoft.Resources/deployments/*",
        "Microsoft.Resources/subscriptions/resourceGroups/read",
    ]);
    let mut more = actions.clone();
    more.as_array_mut().unwrap().push(json!("Microsoft.X/y/write"));
    for (actions, objections) in [(actions, 0), (more, 1)] {
        let role = definition(actions);
        let found = said(
            std::slice::from_ref(&role),
            &[role.clone(), grant(1, CHAT, MANAGER, ALICE)],
            &Declared::default(),
        );
        assert_eq!(found.0.len(), objections, "{found:?}");
    }
}

#[test]
fn a_condition_is_not_got_around_above_below_or_beside() {
    let (a, b) = ("@Resource[x] StringEquals 'a'", "@Resource[x] StringEquals 'b'");
    let other = format!("{CHAT}2");
    for (what, before, after, objected) in [
        (
            "changed",
            vec![under(grant(1, GROUP, READER, ALICE), a)],
            under(grant(1, GROUP, READER, ALICE), b),
            true,
        ),
        (
            "changed in white space",
            vec![under(grant(1, GROUP, READER, ALICE), a)],
            under(grant(1, GROUP, READER, ALICE), "@Resource[ x ]\n StringEquals 'a'"),
            false,
        ),
        (
            "dropped with a new GUID",
            vec![under(grant(1, GROUP, READER, ALICE), a)],
            grant(2, GROUP, READER, ALICE),
            true,
        ),
        (
            "another case of its ids",
            vec![under(grant(1, GROUP, READER, ALICE), a)],
            grant(2, &GROUP.to_uppercase(), &READER.to_uppercase(), &ALICE.to_uppercase()),
            true,
        ),
        (
            "the same below",
            vec![under(grant(1, GROUP, READER, ALICE), a)],
            grant(2, CHAT, READER, ALICE),
            true,
        ),
        (
            "the same above",
            vec![under(grant(1, CHAT, READER, ALICE), a)],
            grant(2, GROUP, READER, ALICE),
            true,
        ),
        ("elsewhere", vec![under(grant(1, CHAT, READER, ALICE), a)], grant(2, &other, READER, ALICE), false),
        ("another's", vec![under(grant(1, GROUP, READER, ALICE), a)], grant(2, GROUP, READER, BOB), false),
        (
            "another role",
            vec![under(grant(1, GROUP, READER, ALICE), a)],
            grant(2, GROUP, CS_USER, ALICE),
            false,
        ),
        (
            "below under the same",
            vec![under(grant(1, GROUP, READER, ALICE), a)],
            under(grant(2, CHAT, READER, ALICE), a),
            false,
        ),
        (
            "had it without already",
            vec![under(grant(1, CHAT, READER, ALICE), a), grant(3, GROUP, READER, ALICE)],
            grant(1, CHAT, READER, ALICE),
            false,
        ),
        ("narrowed", vec![grant(1, GROUP, READER, ALICE)], under(grant(1, GROUP, READER, ALICE), a), false),
    ] {
        let (found, _) = said(&before, &[after], &Declared::default());
        assert_eq!(found.iter().any(|text| text.starts_with("condition: ")), objected, "{what}: {found:?}");
        assert_eq!(found.len(), usize::from(objected), "{what}: {found:?}");
    }
}

#[test]
fn an_identity_newly_attached_is_refused_whatever_its_case() {
    let with = |names: &[&str]| {
        let identities: serde_json::Map<String, Value> = names
            .iter()
            .map(|name| {
                (
                    format!("{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"),
                    json!({}),
                )
            })
            .collect();
        json!({"id": CHAT, "identity": {"type": "UserAssigned", "userAssignedIdentities": identities}, "properties": {}})
    };
    for (before, after, count) in [
        (&["a"][..], &["A"][..], 0),
        (&["a"], &["a", "b"], 1),
        (&["a"], &["b", "c"], 2),
        (&["a", "b"], &["a"], 0),
        (&[], &["a"], 1),
    ] {
        let found = messages(identity::objections(&world([with(before)]), &world([with(after)])));
        assert_eq!(found.len(), count, "{before:?} -> {after:?}: {found:?}");
        assert!(found.iter().all(|text| text.starts_with("identity: the plan attaches")), "{found:?}");
    }
    assert!(identity::objections(&World::default(), &world([with(&["a"])])).is_empty(), "a new account");
}

#[test]
fn a_way_in_to_rely_on_is_certain_declared_and_lasting() {
    let never = "@Resource[x] StringEquals 'y'";
    let direct = || grant(1, CHAT, CS_USER, ALICE);
    let at_group = || grant(2, GROUP, CS_USER, BOB);
    let schedule = json!({
        "id": format!("{CHAT}/providers/Microsoft.Authorization/roleAssignmentScheduleInstances/x"),
        "properties": {"originRoleAssignmentId": direct()["id"], "assignmentType": "Activated", "endDateTime": "2030-01-01T00:00:00Z"},
    });
    let own = |off: bool| {
        let mut body = keys(off);
        body["identity"] = json!({"principalId": ALICE.to_uppercase()});
        body
    };
    let by_hand = || Declared::sample(&[direct()["id"].as_str().unwrap()], &[CHAT]);
    let left_alone = || Declared::sample(&[direct()["id"].as_str().unwrap()], &[]);
    let nothing = Declared::default;
    for (what, before, after, declared, locked) in [
        (
            "put under a condition",
            vec![keys(true), direct()],
            vec![keys(true), under(direct(), never)],
            nothing(),
            true,
        ),
        (
            "conditional all along",
            vec![keys(true), under(direct(), never)],
            vec![keys(true), under(direct(), never)],
            nothing(),
            false,
        ),
        (
            "off, only under a condition",
            vec![keys(false), under(direct(), never)],
            vec![keys(true), under(direct(), never)],
            nothing(),
            true,
        ),
        (
            "under a condition on other actions",
            vec![keys(false)],
            vec![keys(true), under(direct(), &delegating(CS_USER))],
            nothing(),
            false,
        ),
        (
            "another without",
            vec![keys(true), direct(), at_group()],
            vec![keys(true), under(direct(), never), at_group()],
            nothing(),
            false,
        ),
        ("off, only by hand", vec![keys(false), direct()], vec![keys(true), direct()], by_hand(), true),
        (
            "off, by hand and inherited",
            vec![keys(false), direct(), at_group()],
            vec![keys(true), direct(), at_group()],
            by_hand(),
            false,
        ),
        (
            "off, no list is declared",
            vec![keys(false), direct()],
            vec![keys(true), direct()],
            left_alone(),
            false,
        ),
        (
            "declared goes, by hand stays",
            vec![keys(true), direct(), at_group()],
            vec![keys(true), direct()],
            by_hand(),
            true,
        ),
        (
            "off, only for a while",
            vec![keys(false), direct(), schedule.clone()],
            vec![keys(true), direct(), schedule],
            nothing(),
            true,
        ),
        (
            "off, only the account itself",
            vec![own(false), direct()],
            vec![own(true), direct()],
            nothing(),
            true,
        ),
        (
            "off, beside the account itself",
            vec![own(false), direct(), at_group()],
            vec![own(true), direct(), at_group()],
            nothing(),
            false,
        ),
    ] {
        let (found, _) = said(&before, &after, &declared);
        let locks: Vec<&String> = found.iter().filter(|text| text.starts_with("lock-out: ")).collect();
        assert_eq!(!locks.is_empty(), locked, "{what}: {found:?}");
    }
}

#[test]
fn what_another_team_made_is_a_way_in_and_what_nobody_accepts_is_none() {
    use crate::document::Action;
    let direct = grant(1, CHAT, CS_USER, ALICE);
    for (action, locked) in [
        (Action::CoManaged, false),
        (Action::Noop, false),
        (Action::Unmanaged, true),
        (Action::UnmanagedDrift, true),
        (Action::UnmanagedUnknown, true),
    ] {
        let mut plan = super::plan([(&direct, "noop")]);
        plan.changes[0].action = action;
        plan.declares_assignments = vec![CHAT.to_owned()];
        let (found, _) =
            said(&[keys(false), direct.clone()], &[keys(true), direct.clone()], &Declared::of(&plan));
        assert_eq!(found.len(), usize::from(locked), "{action:?}: {found:?}");
    }
}

#[test]
fn the_caller_is_not_put_under_a_condition() {
    let caller = Some(ALICE.parse().unwrap());
    let judged = |before: &[Value], after: &[Value]| {
        let (before, after) = (world(before.iter().cloned()), world(after.iter().cloned()));
        messages(rights(&before, &after, caller, &Declared::default()).objections)
    };
    let owner = || grant(1, GROUP, OWNER, ALICE);
    let unknown = grant(5, GROUP, ROLE, ALICE);
    let never = "@Resource[x] StringEquals 'y'";
    let found = judged(&[owner()], &[under(owner(), never)]);
    assert!(found.len() == 1 && found[0].contains("under a condition"), "{found:?}");
    // Unknown grants cannot be relied on, and an unchanged grant is no loss.
    assert_eq!(judged(&[owner(), unknown.clone()], std::slice::from_ref(&unknown)).len(), 1);
    assert!(judged(std::slice::from_ref(&unknown), std::slice::from_ref(&unknown)).is_empty());
    assert!(judged(&[under(owner(), never)], &[under(owner(), never)]).is_empty());
    let above = grant(3, GROUP.split("/resourceGroups").next().unwrap(), OWNER, ALICE);
    assert!(judged(&[owner(), above.clone()], &[under(owner(), never), above]).is_empty());
}

#[test]
fn what_is_brought_back_is_held_against_what_it_was() {
    let remains = json!({
        "id": "/subscriptions/7f3b1c52-1a08-4d7b-9f5e-2f6f0c1d9a11/providers/Microsoft.CognitiveServices/locations/eastus2/resourceGroups/RG/deletedAccounts/Chat",
        "properties": {"disableLocalAuth": true},
    });
    let before = world([remains]);
    let mut plan = super::plan([(&chat(json!({})), "purge")]);
    plan.steps[0].action = StepAction::Restore;
    plan.steps[0].patch.insert("disableLocalAuth".to_owned(), json!(false));
    let codes: Vec<Code> = judge(&plan, &before, None, &[]).into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, [Code::GuardKeysOn]);
    plan.steps[0].patch.clear();
    assert!(judge(&plan, &before, None, &[]).is_empty());
    let after = before.after(&plan);
    assert_eq!(after.resource(&id(CHAT)).unwrap()["properties"]["disableLocalAuth"], true);
}

#[test]
fn a_flag_can_be_copied_to_a_shell_whatever_the_names() {
    for (address, flag) in [
        ("accounts/chat", "grant:accounts/chat"),
        (
            "accounts/chat/roleAssignments/Reader/group:ai",
            "grant:accounts/chat/roleAssignments/Reader/group:ai",
        ),
        ("a b", "'grant:a b'"),
        ("$(rm -rf ~)", "'grant:$(rm -rf ~)'"),
        ("it's;`x`", r"'grant:it'\''s;`x`'"),
        ("a\"b", "'grant:a\"b'"),
    ] {
        assert_eq!(for_a_shell(&format!("grant:{address}")), flag);
    }
}

/// The guarded ones among all built-in roles, checked by eye: each grants one of the rights in the table.
#[test]
fn the_right_built_in_roles_are_guarded() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/roles/all-builtin-roles.json");
    let Ok(text) = std::fs::read_to_string(path) else { return };
    let all: Vec<Value> = serde_json::from_str(&text).unwrap();
    let bodies: Vec<Value> = all
        .iter()
        .map(|role| {
            let id = format!("/providers/Microsoft.Authorization/roleDefinitions/{}", role["name"].as_str().unwrap());
            json!({"id": id, "properties": {"roleName": role["roleName"], "permissions": role["permissions"]}})
        })
        .collect();
    let roles = Catalogue::of(bodies.iter());
    let guarded = |name: &str| {
        let body = all.iter().find(|role| role["roleName"] == name).unwrap_or_else(|| panic!("{name}"));
        roles.by_id(body["name"].as_str().unwrap().parse().unwrap()).unwrap().is_guarded()
    };
    for name in [
        "Owner",
        "Contributor",
        "User Access Administrator",
        "Role Based Access Control Administrator",
        "Azure AI Account Owner",
        "Azure AI Administrator",
        "Azure AI Owner",
        "Azure AI Project Manager",
        "Cognitive Services Contributor",
        "Cognitive Services Security Integration Admin",
        "Managed Identity Contributor",
        "Managed Identity Operator",
        "Managed Identity Federated Identity Credential Contributor",
        "DocumentDB Account Contributor",
        "Key Vault Data Access Administrator",
        "Service Group Contributor",
        "Azure IoT Operations Onboarding",
        "Azure Databases ARM Management Contributor",
    ] {
        assert!(guarded(name), "{name}");
    }
    for name in [
        "Reader",
        "Cognitive Services User",
        "Cognitive Services OpenAI User",
        "Cognitive Services OpenAI Contributor",
        "Azure AI User",
        "Azure AI Developer",
        "Azure AI Inference Deployment Operator",
        "Cognitive Services Usages Reader",
        "Storage Blob Data Owner",
        "Storage Blob Data Contributor",
        "Search Index Data Contributor",
        "Search Service Contributor",
        "Key Vault Crypto Service Encryption User",
        "Cosmos DB Account Reader Role",
        "Cosmos DB Operator",
        "Network Contributor",
    ] {
        assert!(!guarded(name), "{name}");
    }
    let count = all.iter().filter(|role| guarded(role["roleName"].as_str().unwrap())).count();
    assert_eq!(count, 54, "a role more or less: look at it");
}
